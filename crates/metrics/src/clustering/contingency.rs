//! Agreement of two clusterings, from their contingency table.

use super::classes::Classes;
use super::expected::expected_information;
use crate::error::length;
use crate::{Error, Result};

/// What mutual information is divided by: a mean of the two entropies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Average {
    /// Their half sum, as scikit-learn.
    #[default]
    Arithmetic,
    /// The root of their product.
    Geometric,
    /// The smaller.
    Min,
    /// The larger.
    Max,
}

impl Average {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Arithmetic => 0.5 * (a + b),
            Self::Geometric => a.sqrt() * b.sqrt(),
            Self::Min => a.min(b),
            Self::Max => a.max(b),
        }
    }
}

/// How often each class of one labelling meets each of another.
///
/// Only cells that are not empty are kept, so memory is O(n) for any number of classes.
/// No measure depends on the names or the order of labels.
///
/// # Example
/// ```
/// use embex_metrics::{Average, Contingency};
/// let table = Contingency::new(&["a", "a", "b", "b"], &[1, 1, 0, 2])?;
/// assert!((table.adjusted_rand_index() - 4.0 / 7.0).abs() < 1e-15);
/// assert_eq!(table.homogeneity(), 1.0);
/// assert!((table.completeness() - 2.0 / 3.0).abs() < 1e-15);
/// assert!((table.adjusted_mutual_information(Average::Arithmetic) - 4.0 / 7.0).abs() < 1e-12);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contingency {
    n: usize,
    /// Samples of each class of the first and of the second labelling.
    sizes: [Vec<usize>; 2],
    /// Class, class and count of every cell that is not empty, by row and column.
    cells: Vec<(usize, usize, usize)>,
}

impl Contingency {
    /// Counts. Any ordered labels; in an `Option`, `None` is a class of its own. O(n log n).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`]; [`Error::TooFew`] without samples.
    pub fn new<A: Ord, B: Ord>(truth: &[A], predicted: &[B]) -> Result<Self> {
        let n = truth.len();
        length("the second labels", predicted.len(), n)?;
        if n == 0 {
            return Err(Error::TooFew { what: "a contingency table", needed: 1, got: 0 });
        }
        let (a, b) = (Classes::new(truth), Classes::new(predicted));
        let mut pairs: Vec<(usize, usize)> = a.of.into_iter().zip(b.of).collect();
        pairs.sort_unstable();
        let cells = pairs.chunk_by(|p, q| p == q).map(|cell| (cell[0].0, cell[0].1, cell.len()));
        Ok(Self { n, cells: cells.collect(), sizes: [a.sizes, b.sizes] })
    }

    /// Number of samples.
    pub const fn n_samples(&self) -> usize {
        self.n
    }

    /// Classes of the first and of the second labelling.
    pub fn n_classes(&self) -> [usize; 2] {
        [self.sizes[0].len(), self.sizes[1].len()]
    }

    /// Class, class and count of every cell that is not empty, row by row; classes are
    /// numbered in the order of their labels.
    pub fn cells(&self) -> &[(usize, usize, usize)] {
        &self.cells
    }

    /// Share of pairs of samples on which the labellings agree, less what chance gives
    /// (Hubert and Arabie 1985): with pairs joined in both (a), in the first alone (b), in the
    /// second alone (c) or in none (d), 2(ad − bc) / ((a + b)(b + d) + (a + c)(c + d)).
    ///
    /// In \[−0.5, 1\]: 1 for equal partitions, those without pairs too; 0 by chance.
    pub fn adjusted_rand_index(&self) -> f64 {
        if self.is_equal() {
            return 1.0;
        }
        let pairs = |count: usize| count as u128 * (count as u128 - 1) / 2;
        let joined = |sizes: &[usize]| sizes.iter().map(|&size| pairs(size)).sum::<u128>();
        let both: u128 = self.cells.iter().map(|&(_, _, count)| pairs(count)).sum();
        let [first, second] = [joined(&self.sizes[0]), joined(&self.sizes[1])];
        let none = pairs(self.n) + both - first - second; // counts below 2⁶⁴: exact so far
        let [a, b, c, d] = [both, first - both, second - both, none].map(|count| count as f64);
        2.0 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d))
    }

    /// Mutual information in nats: Σ (n_ij/n) ln(n·n_ij / (a_i b_j)); at least 0.
    pub fn mutual_information(&self) -> f64 {
        let n = self.n as f64;
        let term = |&(i, j, count): &(usize, usize, usize)| {
            let (a, b) = (self.sizes[0][i] as f64, self.sizes[1][j] as f64);
            count as f64 / n * (n / a * (count as f64 / b)).ln()
        };
        self.cells.iter().map(term).sum::<f64>().max(0.0)
    }

    /// Entropies −Σ (a_i/n) ln(a_i/n) of the two labellings, in nats.
    pub fn entropies(&self) -> [f64; 2] {
        let n = self.n as f64;
        let entropy = |sizes: &[usize]| {
            let shares = sizes.iter().map(|&size| size as f64 / n);
            shares.map(|p| -p * p.ln()).sum::<f64>().max(0.0)
        };
        [entropy(&self.sizes[0]), entropy(&self.sizes[1])]
    }

    /// Mutual information over a mean of the entropies; in \[0, 1\] (by
    /// [`Average::Min`] too). 1 for equal partitions, 0 if either has a single class and the
    /// other has not.
    pub fn normalised_mutual_information(&self, average: Average) -> f64 {
        if self.is_equal() {
            return 1.0;
        }
        let [a, b] = self.entropies();
        if a == 0.0 || b == 0.0 {
            return 0.0; // one class tells nothing
        }
        (self.mutual_information() / average.of(a, b)).min(1.0)
    }

    /// (I − E) / (mean entropy − E) with E the expectation of I under random labels with the
    /// same class sizes, exact (Vinh, Epps and Bailey 2010): 0 by chance, at most 1, and 1 for
    /// equal partitions. Where chance alone reaches the mean entropy, as in a single class
    /// against singletons by [`Average::Min`], it is 0.
    ///
    /// # Cost
    /// O(n·s·t) at most, with s and t the numbers of different class sizes (both below √2n).
    pub fn adjusted_mutual_information(&self, average: Average) -> f64 {
        if self.is_equal() {
            return 1.0;
        }
        let [a, b] = self.entropies();
        if a == 0.0 || b == 0.0 {
            return 0.0;
        }
        let expected = expected_information(self.n, &self.sizes[0], &self.sizes[1]);
        let room = average.of(a, b) - expected;
        // rounding of the expectation, which is at most ln n
        if room.abs() <= 1e-12 * (1.0 + expected) {
            return 0.0;
        }
        ((self.mutual_information() - expected) / room).min(1.0)
    }

    /// Whether each class of the second labelling holds one of the first: I / H(first), 1 if
    /// H is 0 (Rosenberg and Hirschberg 2007). In \[0, 1\].
    pub fn homogeneity(&self) -> f64 {
        share(self.mutual_information(), self.entropies()[0])
    }

    /// Whether each class of the first labelling is in one of the second: I / H(second), 1 if
    /// H is 0. In \[0, 1\].
    pub fn completeness(&self) -> f64 {
        share(self.mutual_information(), self.entropies()[1])
    }

    /// (1 + β) h c / (β h + c), the weighted harmonic mean of homogeneity h and completeness
    /// c; β > 1 favours completeness. In \[0, 1\]; 0 if h = c = 0. For β = 1 this is
    /// [`Self::normalised_mutual_information`] by the arithmetic mean.
    ///
    /// # Errors
    /// [`Error::Setting`] unless β is finite and not negative.
    pub fn v_measure(&self, beta: f64) -> Result<f64> {
        if !(beta >= 0.0 && beta.is_finite()) {
            let expected = "finite and not negative";
            return Err(Error::Setting { name: "beta", value: beta, expected });
        }
        let (h, c) = (self.homogeneity(), self.completeness());
        if h == 0.0 || c == 0.0 {
            return Ok(0.0);
        }
        let share = beta / (1.0 + beta); // no overflow for large β
        Ok((h * c / (share * h + (1.0 - share) * c)).min(1.0))
    }

    /// Whether the two labellings make the same partition.
    fn is_equal(&self) -> bool {
        self.cells.len() == self.sizes[0].len() && self.cells.len() == self.sizes[1].len()
    }
}

fn share(information: f64, entropy: f64) -> f64 {
    if entropy == 0.0 { 1.0 } else { (information / entropy).min(1.0) }
}

#[cfg(test)]
mod tests;
