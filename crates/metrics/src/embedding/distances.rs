//! How well distances are kept: the Shepard diagram and what sums it up.

use std::cmp::Ordering;

use embex_linalg::stats::{pearson, spearman};
use embex_linalg::{Real, faer::MatRef, ordered_sums, seed};
use embex_trees::RowDistances;
use rand::RngExt;
use rayon::prelude::*;

use super::both_distances;
use crate::{Error, Result};

/// Pairs that share one stream of random numbers; fixed, because the draw depends on it.
const BLOCK: usize = 4096;

/// Which pairs of samples to compare.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_metrics::DistanceParams;
/// let before = mat![[0.0], [1.0], [3.0_f64]];
/// let after = mat![[0.0], [2.0], [6.0_f64]];
/// let pairs = DistanceParams::default().measure(before.as_ref(), after.as_ref())?;
/// assert_eq!((pairs.before(), pairs.after()), (&[1.0, 3.0, 2.0][..], &[2.0, 6.0, 4.0][..]));
/// assert_eq!(pairs.spearman()?, 1.0);
/// assert_eq!(pairs.stress()?, 1.0); // twice as wide
/// assert!(pairs.scale_normalised_stress()? < 1e-12); // but of the same shape
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DistanceParams {
    /// All n(n − 1)/2 pairs if there are at most so many, else so many drawn at random with
    /// replacement; 2,000,000 unless set (n = 2000), at least 1.
    pub n_pairs: usize,
    /// Seed of that draw.
    pub seed: u64,
}

impl Default for DistanceParams {
    fn default() -> Self {
        Self { n_pairs: 2_000_000, seed: 42 }
    }
}

impl DistanceParams {
    embex_linalg::setters! {
        with_n_pairs n_pairs: usize,
        with_seed seed: u64,
    }

    /// Euclidean distances of the chosen pairs in both spaces.
    ///
    /// # Shapes
    /// `before` is n × a, `after` n × b, n ≥ 2. All pairs come row by row, (0, 1), (0, 2), …
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the row counts differ; [`Error::TooFew`] below two
    /// samples; [`Error::Setting`]; [`Error::Search`] for bad entries; [`Error::Value`] if a
    /// distance overflows.
    ///
    /// # Cost
    /// O(p (a + b)) for p pairs; memory 16·p bytes and 8·n·(a + b) for copies.
    pub fn measure<T: Real, U: Real>(
        &self,
        before: MatRef<'_, T>,
        after: MatRef<'_, U>,
    ) -> Result<DistancePairs> {
        let [before, after] = both_distances(before, after)?;
        self.measure_distances([&before, &after])
    }

    pub(super) fn measure_distances(&self, spaces: [&RowDistances; 2]) -> Result<DistancePairs> {
        let n = spaces[0].n_samples();
        if n < 2 {
            return Err(Error::TooFew { what: "a pair", needed: 2, got: n });
        }
        if self.n_pairs == 0 {
            let expected = "at least 1";
            return Err(Error::Setting { name: "n_pairs", value: 0.0, expected });
        }
        let sampled = n as u128 * (n as u128 - 1) / 2 > self.n_pairs as u128;
        let pairs = if sampled { self.draw(n) } else { all_pairs(n) };
        let [before, after] = spaces.map(|space| {
            let distance =
                |&(i, j): &(u32, u32)| space.pair(i as usize, j as usize).sqrt() / space.factor();
            pairs.par_iter().map(distance).collect::<Vec<f64>>()
        });
        DistancePairs::new(before, after, sampled)
    }

    /// Pairs i ≠ j, every one as likely as any other.
    fn draw(&self, n: usize) -> Vec<(u32, u32)> {
        let mut pairs = vec![(0, 0); self.n_pairs];
        pairs.par_chunks_mut(BLOCK).enumerate().for_each(|(block, pairs)| {
            let mut rng = seed::stream(self.seed, "pairs", block as u64);
            for pair in pairs {
                let (i, j) = (rng.random_range(0..n as u32), rng.random_range(0..n as u32 - 1));
                *pair = (i, if j < i { j } else { j + 1 });
            }
        });
        pairs
    }
}

fn all_pairs(n: usize) -> Vec<(u32, u32)> {
    let n = n as u32;
    (0..n).into_par_iter().flat_map_iter(|i| (i + 1..n).map(move |j| (i, j))).collect()
}

/// Distances of the same pairs of samples in two spaces: the points of a Shepard diagram.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DistancePairs {
    before: Vec<f64>,
    after: Vec<f64>,
    sampled: bool,
}

impl DistancePairs {
    fn new(before: Vec<f64>, after: Vec<f64>, sampled: bool) -> Result<Self> {
        crate::error::finite("the distances before", &before)?;
        crate::error::finite("the distances after", &after)?;
        Ok(Self { before, after, sampled })
    }

    /// Distances before.
    pub fn before(&self) -> &[f64] {
        &self.before
    }

    /// Distances after, of the same pairs.
    pub fn after(&self) -> &[f64] {
        &self.after
    }

    /// Whether the pairs are a random sample of all.
    pub const fn sampled(&self) -> bool {
        self.sampled
    }

    /// Pearson's correlation of the distances; in \[−1, 1\].
    ///
    /// # Errors
    /// [`Error::Matrix`] below two pairs or if all distances of a space are equal.
    pub fn pearson(&self) -> Result<f64> {
        Ok(pearson(&self.before, &self.after)?)
    }

    /// Spearman's correlation of the distances, ties at their mean rank: the goodness of the
    /// Shepard diagram; in \[−1, 1\]. O(p log p).
    ///
    /// # Errors
    /// As [`Self::pearson`].
    pub fn spearman(&self) -> Result<f64> {
        Ok(spearman(&self.before, &self.after)?)
    }

    /// √(Σ (δ − d)² / Σ δ²) with distances δ before and d after; at least 0, and 1 if all
    /// samples fall together. Depends on the scale of the map: to compare maps, use
    /// [`Self::scale_normalised_stress`].
    ///
    /// # Errors
    /// [`Error::Undefined`] if all distances before are 0, or if the map is so much wider that
    /// the sum overflows.
    pub fn stress(&self) -> Result<f64> {
        let unit = largest(&self.before);
        require(unit > 0.0, "stress", "all distances before are 0")?;
        let [error, total] = ordered_sums(self.before.len(), |p| {
            let (old, new) = (self.before[p] / unit, self.after[p] / unit);
            [(old - new) * (old - new), old * old]
        });
        require(error.is_finite(), "stress", "the map is wider than numbers can hold")?;
        Ok((error / total).sqrt())
    }

    /// The factor α = Σ δd / Σ d² that brings the map closest to the distances before.
    ///
    /// # Errors
    /// [`Error::Undefined`] if all distances after are 0, or if the factor overflows.
    pub fn optimal_scale(&self) -> Result<f64> {
        let what = "optimal scale";
        let units = [largest(&self.before), largest(&self.after)];
        require(units[1] > 0.0, what, "all distances after are 0")?;
        if units[0] == 0.0 {
            return Ok(0.0);
        }
        let [_, cross, new] = self.products(units);
        let scale = cross / new * (units[0] / units[1]);
        require(scale.is_finite(), what, "it is larger than any number")?;
        Ok(scale)
    }

    /// The least of [`Self::stress`] over all scales of the map:
    /// √(1 − (Σ δd)² / (Σ δ² Σ d²)), found at [`Self::optimal_scale`] (Smelser, Miller and
    /// Kobourov 2024). In \[0, 1\].
    ///
    /// # Errors
    /// [`Error::Undefined`] if all distances of a space are 0.
    pub fn scale_normalised_stress(&self) -> Result<f64> {
        let what = "scale-normalised stress";
        let units = [largest(&self.before), largest(&self.after)];
        require(units[0] > 0.0, what, "all distances before are 0")?;
        require(units[1] > 0.0, what, "all distances after are 0")?;
        let [old, cross, new] = self.products(units);
        let scale = cross / new;
        let [error] = ordered_sums(self.before.len(), |p| {
            let rest = self.before[p] / units[0] - scale * (self.after[p] / units[1]);
            [rest * rest] // not 1 − cos²: keeps its digits near 0
        });
        Ok((error / old).sqrt())
    }

    /// Kruskal's stress-1: √(Σ (d − d̂)² / Σ d²) with d̂ the best non-decreasing function of δ
    /// (Kruskal 1964), where equal δ may have different d̂ (the primary approach to ties).
    ///
    /// In \[0, 1): 0 if the order of distances is kept, whatever their scale. O(p log p).
    ///
    /// # Errors
    /// [`Error::Undefined`] if all distances after are 0.
    pub fn kruskal_stress(&self) -> Result<f64> {
        let unit = largest(&self.after);
        require(unit > 0.0, "stress-1", "all distances after are 0")?;
        let pairs = self.before.iter().zip(&self.after);
        let mut pairs: Vec<(f64, f64)> = pairs.map(|(&old, &new)| (old, new / unit)).collect();
        pairs.par_sort_unstable_by(in_order); // equal elements are the same
        let fitted = isotonic(pairs.iter().map(|pair| pair.1));
        let [error, total] = ordered_sums(pairs.len(), |p| {
            let (d, fit) = (pairs[p].1, fitted[p]);
            [(d - fit) * (d - fit), d * d]
        });
        Ok((error / total).sqrt())
    }

    /// Σ δ², Σ δd and Σ d², in units that make the largest distance 1.
    fn products(&self, units: [f64; 2]) -> [f64; 3] {
        ordered_sums(self.before.len(), |p| {
            let (old, new) = (self.before[p] / units[0], self.after[p] / units[1]);
            [old * old, old * new, new * new]
        })
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, &v| most.max(v))
}

fn in_order(a: &(f64, f64), b: &(f64, f64)) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
}

fn require(holds: bool, what: &'static str, why: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Undefined { what, why }) }
}

/// The non-decreasing sequence nearest to `values` in squares: pools adjacent violators.
fn isotonic(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new(); // mean and size
    for value in values {
        let mut pool = (value, 1);
        while let Some(&(mean, size)) = pools.last() {
            if mean <= pool.0 {
                break;
            }
            let share = size as f64 / (size + pool.1) as f64;
            pool = (pool.0 + (mean - pool.0) * share, size + pool.1);
            pools.pop();
        }
        pools.push(pool);
    }
    pools.into_iter().flat_map(|(mean, size)| std::iter::repeat_n(mean, size)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden_data::{map, samples};
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    fn pairs(before: &[f64], after: &[f64]) -> DistancePairs {
        DistancePairs::new(before.to_vec(), after.to_vec(), false).unwrap()
    }

    /// zadu 0.5.4: `stress`, `scale_normalized_stress`, `non_metric_stress`, `pearson_r`,
    /// `spearman_rho`.
    #[test]
    fn golden_values() {
        let found = DistanceParams::default().measure(samples().as_ref(), map().as_ref()).unwrap();
        let close = |got: Result<f64>, expected: f64| {
            assert!((got.unwrap() - expected).abs() < 1e-12, "{expected}");
        };
        close(found.stress(), 0.2917950366484884);
        close(found.scale_normalised_stress(), 0.2748126243656822);
        close(found.kruskal_stress(), 0.2519623563611759);
        close(found.pearson(), 0.8168390012324065);
        close(found.spearman(), 0.8145299927362789);
    }

    #[test]
    fn closed_forms() {
        let found = pairs(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]);
        assert!((found.stress().unwrap() - (2.0_f64 / 14.0).sqrt()).abs() < 1e-15);
        assert!((found.optimal_scale().unwrap() - 13.0 / 14.0).abs() < 1e-15);
        let expected = (1.0 - (13.0_f64 / 14.0).powi(2)).sqrt();
        assert!((found.scale_normalised_stress().unwrap() - expected).abs() < 1e-15);
        // fitted: 1, 2.5, 2.5
        assert!((found.kruskal_stress().unwrap() - (0.5_f64 / 14.0).sqrt()).abs() < 1e-15);
        assert_eq!(pairs(&[1.0, 1.0, 2.0], &[5.0, 3.0, 9.0]).kruskal_stress(), Ok(0.0));
        assert_eq!(pairs(&[1.0, 2.0], &[0.0, 0.0]).stress(), Ok(1.0));
    }

    #[test]
    fn every_pair_once_or_a_seeded_sample() {
        let (x, y) = (gaussian(60, 4, 1), gaussian(60, 2, 2));
        let measure = |params: DistanceParams| params.measure(x.as_ref(), y.as_ref()).unwrap();
        let all = measure(DistanceParams::default());
        assert!(!all.sampled() && all.before().len() == 1770);
        let params = DistanceParams::default().with_n_pairs(1769);
        let some = measure(params.clone());
        assert!(some.sampled() && some.before().len() == 1769);
        assert_eq!(some, measure(params.clone()));
        assert_ne!(some, measure(params.with_seed(7)));
        assert!(some.before().iter().all(|d| all.before().contains(d)));
    }

    #[test]
    fn a_sample_estimates_the_whole() {
        let x = gaussian(300, 5, 1);
        let all = DistanceParams::default().measure(x.as_ref(), x.get(.., ..2)).unwrap();
        let params = DistanceParams::default().with_n_pairs(20_000);
        let some = params.measure(x.as_ref(), x.get(.., ..2)).unwrap();
        assert!((all.spearman().unwrap() - some.spearman().unwrap()).abs() < 0.02);
        assert!((all.stress().unwrap() - some.stress().unwrap()).abs() < 0.02);
        let gap = all.kruskal_stress().unwrap() - some.kruskal_stress().unwrap();
        assert!(gap.abs() < 0.02);
    }

    #[test]
    fn no_scale_of_data_is_lost_and_nothing_is_nan() {
        let x = gaussian(40, 3, 1);
        let measure = |factor: f64| {
            let far = Mat::from_fn(40, 3, |i, j| factor * x[(i, j)]);
            DistanceParams::default().measure(far.as_ref(), x.get(.., ..2)).unwrap()
        };
        let here = measure(1.0);
        for factor in [1e-250, 1e250] {
            let far = measure(factor);
            let gap =
                far.scale_normalised_stress().unwrap() - here.scale_normalised_stress().unwrap();
            assert!(gap.abs() < 1e-12);
            assert!((far.pearson().unwrap() - here.pearson().unwrap()).abs() < 1e-12);
        }
        assert!((measure(1e250).stress().unwrap() - 1.0).abs() < 1e-12);
        assert!(matches!(measure(1e-250).stress(), Err(Error::Undefined { .. })));
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(5, 2, 1);
        let params = DistanceParams::default;
        let short = params().measure(x.as_ref(), x.get(..4, ..));
        assert!(matches!(short, Err(Error::LengthMismatch { .. })));
        let one = params().measure(x.get(..1, ..), x.get(..1, ..));
        assert!(matches!(one, Err(Error::TooFew { .. })));
        let none = params().with_n_pairs(0).measure(x.as_ref(), x.as_ref());
        assert!(matches!(none, Err(Error::Setting { name: "n_pairs", .. })));
        let wide = Mat::from_fn(2, 2, |i, _| if i == 0 { 1.7e308 } else { -1.7e308 });
        let wide = params().measure(wide.as_ref(), wide.as_ref());
        assert!(matches!(wide, Err(Error::Value { index: 0, .. })));
        let equal = Mat::<f64>::zeros(5, 2);
        let fallen = params().measure(x.as_ref(), equal.as_ref()).unwrap();
        assert!(fallen.kruskal_stress().is_err() && fallen.scale_normalised_stress().is_err());
        assert!(fallen.optimal_scale().is_err() && fallen.pearson().is_err());
        let risen = params().measure(equal.as_ref(), x.as_ref()).unwrap();
        assert!(risen.stress().is_err());
        assert_eq!((risen.optimal_scale(), risen.kruskal_stress()), (Ok(0.0), Ok(0.0)));
    }

    proptest! {
        #[test]
        fn isotonic_fits_are_sorted_and_keep_the_sum(
            values in prop::collection::vec(-9.0..9.0_f64, 1..60),
        ) {
            let fitted = isotonic(values.iter().copied());
            prop_assert_eq!(fitted.len(), values.len());
            prop_assert!(fitted.is_sorted());
            let gap = fitted.iter().sum::<f64>() - values.iter().sum::<f64>();
            prop_assert!(gap.abs() < 1e-10);
            // the residual is orthogonal to the fit and to all steps up
            let rest = |at: usize| values[at] - fitted[at];
            prop_assert!((0..values.len()).map(|p| rest(p) * fitted[p]).sum::<f64>().abs() < 1e-9);
            for start in 0..values.len() {
                prop_assert!((start..values.len()).map(rest).sum::<f64>() < 1e-9);
            }
        }

        #[test]
        fn stresses_are_bounded_and_blind_to_what_they_should_be(
            both in prop::collection::vec((0.1..9.0_f64, 0.1..9.0_f64), 3..40),
        ) {
            let (before, after): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
            let found = pairs(&before, &after);
            let scaled: Vec<f64> = after.iter().map(|d| 3.0 * d).collect();
            let (best, kruskal) =
                (found.scale_normalised_stress().unwrap(), found.kruskal_stress().unwrap());
            prop_assert!((0.0..=1.0).contains(&best) && (0.0..1.0).contains(&kruskal));
            prop_assert!(best <= found.stress().unwrap() + 1e-12);
            let wide = pairs(&before, &scaled);
            prop_assert!((wide.scale_normalised_stress().unwrap() - best).abs() < 1e-12);
            prop_assert!((wide.kruskal_stress().unwrap() - kruskal).abs() < 1e-12);
            let curved: Vec<f64> = before.iter().map(|d| d.powi(3)).collect();
            let monotone = pairs(&curved, &after);
            prop_assert!((monotone.kruskal_stress().unwrap() - kruskal).abs() < 1e-12);
            prop_assert_eq!(monotone.spearman().ok(), found.spearman().ok());
        }
    }
}
