//! Affinities: how strongly t-SNE wants each pair of samples together.

use embex_linalg::Real;
use embex_trees::Neighbours;
use pulp::Arch;
use rayon::prelude::*;

use crate::bandwidth::conditional_row;
use crate::step::Edges;
use crate::{Error, Recall, Result};

/// Variances of D below this share of D̄² count as none; rounding leaves a share near 1e-32.
const NO_VARIANCE: f64 = 1e-24;

/// Rows per task.
const ROWS: usize = 64;

/// Relative gap accepted between given joint affinities across the diagonal, and from sum 1.
const GIVEN_TOLERANCE: f64 = 1e-6;

/// The directed affinities p_{j|i} behind a joint matrix, and the bandwidths that made them.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Conditionals {
    /// Neighbour lists with squared distances.
    pub(crate) neighbours: Neighbours,
    /// p_{j|i}, laid out like the neighbour lists; each row sums to 1.
    pub(crate) p: Vec<f64>,
    /// β_i = 1 / (2σ_i²).
    pub(crate) beta: Vec<f64>,
    /// Perplexity asked for.
    pub(crate) perplexity: f64,
}

impl Conditionals {
    /// p_{j|i} = exp(−β_i d_ij) / Σ_l exp(−β_i d_il) over the neighbours of each row, with β_i
    /// such that the row's exp(entropy) is `perplexity`.
    ///
    /// A row in which at least `perplexity` neighbours tie for the least distance has no such
    /// β: its affinities are uniform over the ties and its β is given as 0.
    ///
    /// # Errors
    /// [`Error::NeighbourCount`] unless 1 ≤ perplexity < k < n, [`Error::NeighbourIndex`],
    /// [`Error::Distance`].
    pub fn new(neighbours: Neighbours, perplexity: f64) -> Result<Self> {
        check_neighbours(&neighbours, perplexity)?;
        let (n, k) = (neighbours.n_samples(), neighbours.k());
        let mut p = vec![0.0; n * k];
        let mut beta = vec![0.0; n];
        let arch = Arch::new();
        p.par_chunks_mut(ROWS * k).zip(beta.par_chunks_mut(ROWS)).enumerate().for_each(
            |(block, (p, beta))| {
                let mut guess = 0.0; // within the block: neighbours in order are often alike
                for (r, (p, beta)) in p.chunks_mut(k).zip(beta).enumerate() {
                    let dist_sq = neighbours.dist_sq(block * ROWS + r);
                    let fit = conditional_row(arch, dist_sq, perplexity, guess, p);
                    *beta = fit.beta;
                    guess = if fit.beta > 0.0 { fit.beta } else { guess };
                }
            },
        );
        Ok(Self { neighbours, p, beta, perplexity })
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.beta.len()
    }

    /// Neighbour lists with squared distances.
    pub const fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// D̄_i and 1 / Var_i(D) under p_{·|i}, with D_ij = |x_i − x_j|².
    ///
    /// The latter is 0 if all neighbours lie at one distance: then the affinities do not depend on β.
    pub(crate) fn moments(&self, i: usize) -> (f64, f64) {
        let (p, dist_sq) = (self.row(i), self.neighbours.dist_sq(i));
        let mean: f64 = p.iter().zip(dist_sq).map(|(p, d)| p * d).sum();
        let variance: f64 = p.iter().zip(dist_sq).map(|(p, d)| p * (d - mean) * (d - mean)).sum();
        let usable = variance > NO_VARIANCE * mean * mean && (1.0 / variance).is_finite();
        (mean, if usable { 1.0 / variance } else { 0.0 })
    }

    /// p_{j|i} of row `i`, in the order of its neighbour list.
    #[inline]
    pub fn row(&self, i: usize) -> &[f64] {
        let k = self.neighbours.k();
        &self.p[i * k..(i + 1) * k]
    }

    /// β_i = 1 / (2σ_i²) of every row; 0 where no bandwidth reaches the perplexity.
    pub fn beta(&self) -> &[f64] {
        &self.beta
    }

    /// Perplexity asked for.
    pub const fn perplexity(&self) -> f64 {
        self.perplexity
    }

    /// exp(entropy) of row `i`.
    pub fn perplexity_reached(&self, i: usize) -> f64 {
        let entropy: f64 = self.row(i).iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum();
        entropy.exp()
    }

    /// Rows whose ties no bandwidth can tell apart.
    pub fn n_tied_rows(&self) -> usize {
        self.beta.iter().filter(|&&beta| beta == 0.0).count()
    }
}

fn check_neighbours(neighbours: &Neighbours, perplexity: f64) -> Result<()> {
    let (n, k) = (neighbours.n_samples(), neighbours.k());
    if !(perplexity >= 1.0 && (k as f64) > perplexity && k < n && u32::try_from(n).is_ok()) {
        return Err(Error::NeighbourCount { k, n_samples: n, perplexity });
    }
    let bad = (0..n).into_par_iter().find_map_first(|row| {
        let mut sorted = neighbours.row(row).to_vec();
        sorted.sort_unstable();
        let repeated = sorted.windows(2).find(|w| w[0] == w[1]).map(|w| w[0]);
        let index = sorted.into_iter().find(|&j| j as usize >= n || j as usize == row);
        if let Some(neighbour) = index.or(repeated) {
            return Some(Error::NeighbourIndex { row, neighbour });
        }
        let dist_sq = neighbours.dist_sq(row);
        let index = dist_sq.iter().position(|&d| !(0.0..f64::INFINITY).contains(&d))?;
        Some(Error::Distance { row, index, value: dist_sq[index] })
    });
    bad.map_or(Ok(()), Err)
}

/// Joint affinities p_ij: symmetric, sparse, summing to 1.
///
/// Compressed rows with sorted columns and no diagonal. [`Self::conditionals`] is present
/// unless the joint values were given as they are; attributions need it.
///
/// # Example
/// ```
/// use embex_tsne::affinity::Affinities;
/// // Four samples, each with its two nearest: indices and squared distances.
/// let indices = vec![1, 2, 0, 2, 1, 0, 2, 1];
/// let dist_sq = vec![1.0, 4.0, 1.0, 1.5, 1.5, 4.0, 9.0, 9.5];
/// let neighbours = embex_trees::Neighbours::new(2, indices, dist_sq).unwrap();
/// let affinities = Affinities::from_neighbours(neighbours, 1.5)?;
/// let sum: f64 = (0..4).flat_map(|i| affinities.row(i).1).sum();
/// assert!((sum - 1.0).abs() < 1e-15);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Affinities {
    pub(crate) starts: Vec<usize>,
    pub(crate) columns: Vec<u32>,
    pub(crate) p: Vec<f64>,
    pub(crate) conditionals: Option<Conditionals>,
    pub(crate) recall: Option<Recall>,
}

impl Affinities {
    /// Affinities of given neighbour lists: [`Conditionals::new`], then
    /// p_ij = (p_{j|i} + p_{i|j}) / 2n.
    ///
    /// # Errors
    /// As [`Conditionals::new`].
    pub fn from_neighbours(neighbours: Neighbours, perplexity: f64) -> Result<Self> {
        Ok(Self::from_conditionals(Conditionals::new(neighbours, perplexity)?))
    }

    /// p_ij = (p_{j|i} + p_{i|j}) / 2n.
    pub fn from_conditionals(conditionals: Conditionals) -> Self {
        let directed = sorted_rows(&conditionals);
        let backward = directed.transposed();
        let (starts, columns, p) = half_sum(&directed, &backward);
        Self { starts, columns, p, conditionals: Some(conditionals), recall: None }
    }

    /// Joint affinities given as compressed rows, `starts` of length n + 1.
    ///
    /// They are divided by their sum, which must be 1 to 1e-6.
    ///
    /// # Errors
    /// [`Error::Layout`] unless the columns of every row increase strictly and lie in 0..n,
    /// [`Error::JointValue`] for a negative, infinite or diagonal entry,
    /// [`Error::NotSymmetric`] unless p_ij = p_ji to 1e-6 relative, [`Error::NotNormalised`].
    pub fn from_joint(starts: Vec<usize>, columns: Vec<u32>, p: Vec<f64>) -> Result<Self> {
        let mut given = Self { starts, columns, p, conditionals: None, recall: None };
        given.check_layout()?;
        given.check_values()?;
        given.check_symmetry()?;
        let sum: f64 = given.p.iter().sum();
        let normalised = (sum - 1.0).abs() <= GIVEN_TOLERANCE; // false for NaN
        if !normalised {
            return Err(Error::NotNormalised { sum });
        }
        given.p.iter_mut().for_each(|p| *p /= sum);
        Ok(given)
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.starts.len() - 1
    }

    /// Stored entries, both p_ij and p_ji.
    pub fn n_edges(&self) -> usize {
        self.columns.len()
    }

    /// Columns and values of row `i`.
    pub fn row(&self, i: usize) -> (&[u32], &[f64]) {
        let range = self.starts[i]..self.starts[i + 1];
        (&self.columns[range.clone()], &self.p[range])
    }

    /// The compressed rows themselves: where each row begins (n + 1 entries), columns, values.
    pub fn as_rows(&self) -> (&[usize], &[u32], &[f64]) {
        (&self.starts, &self.columns, &self.p)
    }

    /// The directed affinities, unless the joint ones were given as they are.
    pub const fn conditionals(&self) -> Option<&Conditionals> {
        self.conditionals.as_ref()
    }

    /// How many of the true neighbours an approximate search found; `None` if it was exact, or if
    /// neighbours or affinities were given.
    pub const fn recall(&self) -> Option<Recall> {
        self.recall
    }

    /// The joint affinities in the optimiser's precision.
    pub fn edges<T: Real>(&self) -> Edges<T> {
        Edges {
            starts: self.starts.clone(),
            columns: self.columns.clone(),
            p: self.p.iter().map(|&p| T::from_f64(p)).collect(),
        }
    }

    fn check_layout(&self) -> Result<()> {
        let n = self.starts.len().saturating_sub(1);
        let ends = self.starts.last() == Some(&self.columns.len()) && self.starts[0] == 0;
        if !ends || n < 2 || self.p.len() != self.columns.len() || u32::try_from(n).is_err() {
            return Err(Error::Layout { row: 0 });
        }
        let good = |row: usize| {
            let (from, to) = (self.starts[row], self.starts[row + 1]);
            from <= to && to <= self.columns.len() && {
                let columns = &self.columns[from..to];
                columns.windows(2).all(|w| w[0] < w[1])
                    && columns.last().is_none_or(|&c| (c as usize) < n)
            }
        };
        (0..n).find(|&row| !good(row)).map_or(Ok(()), |row| Err(Error::Layout { row }))
    }

    fn check_values(&self) -> Result<()> {
        for row in 0..self.n_samples() {
            let (columns, p) = self.row(row);
            for (&col, &value) in columns.iter().zip(p) {
                if !(0.0..f64::INFINITY).contains(&value) || col as usize == row {
                    return Err(Error::JointValue { row, col: col as usize, value });
                }
            }
        }
        Ok(())
    }

    fn check_symmetry(&self) -> Result<()> {
        for row in 0..self.n_samples() {
            let (columns, p) = self.row(row);
            for (&col, &value) in columns.iter().zip(p) {
                let (back, other) = self.row(col as usize);
                let mirrored = back.binary_search(&(row as u32)).map_or(0.0, |at| other[at]);
                if (value - mirrored).abs() > GIVEN_TOLERANCE * value.max(mirrored) {
                    return Err(Error::NotSymmetric { row, col: col as usize });
                }
            }
        }
        Ok(())
    }
}

/// Compressed rows with sorted columns.
pub(crate) struct Directed {
    pub(crate) starts: Vec<usize>,
    pub(crate) columns: Vec<u32>,
    pub(crate) p: Vec<f64>,
}

impl Directed {
    pub(crate) fn row(&self, i: usize) -> impl Iterator<Item = (u32, f64)> {
        let range = self.starts[i]..self.starts[i + 1];
        self.columns[range.clone()].iter().copied().zip(self.p[range].iter().copied())
    }

    /// A counting sort by column; rows come in order, so the new rows are sorted.
    pub(crate) fn transposed(&self) -> Self {
        let n = self.starts.len() - 1;
        let mut starts = vec![0; n + 1];
        for &j in &self.columns {
            starts[j as usize + 1] += 1;
        }
        for j in 0..n {
            starts[j + 1] += starts[j];
        }
        let mut next = starts.clone();
        let (mut columns, mut p) = (vec![0; self.columns.len()], vec![0.0; self.p.len()]);
        for i in 0..n {
            for (j, value) in self.row(i) {
                let at = next[j as usize];
                next[j as usize] += 1;
                columns[at] = i as u32;
                p[at] = value;
            }
        }
        Self { starts, columns, p }
    }
}

/// p_{j|i} with the columns of every row sorted.
fn sorted_rows(conditionals: &Conditionals) -> Directed {
    let (n, k) = (conditionals.n_samples(), conditionals.neighbours.k());
    let (mut columns, mut p) = (vec![0; n * k], vec![0.0; n * k]);
    columns.par_chunks_mut(ROWS * k).zip(p.par_chunks_mut(ROWS * k)).enumerate().for_each(
        |(block, (columns, p))| {
            let mut entries = Vec::with_capacity(k);
            for (r, (columns, p)) in columns.chunks_mut(k).zip(p.chunks_mut(k)).enumerate() {
                let i = block * ROWS + r;
                let row = conditionals.neighbours.row(i).iter().copied();
                entries.clear();
                entries.extend(row.zip(conditionals.row(i).iter().copied()));
                entries.sort_unstable_by_key(|&(j, _)| j);
                for ((column, p), &(j, value)) in columns.iter_mut().zip(p).zip(&entries) {
                    (*column, *p) = (j, value);
                }
            }
        },
    );
    Directed { starts: (0..=n).map(|i| i * k).collect(), columns, p }
}

/// Row by row (a + b) / 2n over the union of both patterns.
fn half_sum(a: &Directed, b: &Directed) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
    let n = a.starts.len() - 1;
    let factor = 0.5 / n as f64;
    let blocks: Vec<(Vec<usize>, Vec<u32>, Vec<f64>)> = (0..n.div_ceil(ROWS))
        .into_par_iter()
        .map(|block| {
            let (mut lengths, mut columns, mut p) = (Vec::new(), Vec::new(), Vec::new());
            for i in block * ROWS..n.min((block + 1) * ROWS) {
                let before = columns.len();
                merge(a.row(i), b.row(i), |j, value| {
                    columns.push(j);
                    p.push(value * factor);
                });
                lengths.push(columns.len() - before);
            }
            (lengths, columns, p)
        })
        .collect();
    let total = blocks.iter().map(|(_, columns, _)| columns.len()).sum();
    let mut starts = Vec::with_capacity(n + 1);
    let (mut columns, mut p) = (Vec::with_capacity(total), Vec::with_capacity(total));
    starts.push(0);
    for (lengths, block_columns, block_p) in blocks {
        for length in lengths {
            starts.push(starts[starts.len() - 1] + length);
        }
        columns.extend(block_columns);
        p.extend(block_p);
    }
    (starts, columns, p)
}

/// Emits the sums of two sorted sparse rows in column order.
pub(crate) fn merge(
    a: impl Iterator<Item = (u32, f64)>,
    b: impl Iterator<Item = (u32, f64)>,
    mut emit: impl FnMut(u32, f64),
) {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (Some((i, x)), Some((j, y))) if i == j => {
                emit(i, x + y);
                a.next();
                b.next();
            }
            (Some((i, x)), other) if other.is_none_or(|(j, _)| i < j) => {
                emit(i, x);
                a.next();
            }
            (_, Some((j, y))) => {
                emit(j, y);
                b.next();
            }
            (_, None) => break,
        }
    }
}

#[cfg(test)]
mod tests;
