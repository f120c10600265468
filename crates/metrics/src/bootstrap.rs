//! Bootstrap intervals.

use embex_linalg::{ordered_sum, seed};
use rand::RngExt;
use rayon::prelude::*;

use crate::error::finite;
use crate::{Error, Result};

/// Settings of a percentile bootstrap.
///
/// # Example
/// ```
/// use embex_metrics::BootstrapParams;
/// let values = [2.0, 4.0, 3.0, 5.0, 1.0, 3.0];
/// let interval = BootstrapParams::default().mean(&values)?;
/// assert_eq!(interval.estimate, 3.0);
/// assert!(interval.low > 1.5 && interval.high < 4.5);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BootstrapParams {
    /// Share of the resamples inside the interval, in (0, 1); 0.95 unless set.
    pub level: f64,
    /// Number of resamples; 9999 unless set, as in scipy.
    pub n_resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
}

impl Default for BootstrapParams {
    fn default() -> Self {
        Self { level: 0.95, n_resamples: 9999, seed: 42 }
    }
}

/// An estimate and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// The estimate itself.
    pub estimate: f64,
    /// Upper end.
    pub high: f64,
}

impl BootstrapParams {
    /// Sets [`Self::level`].
    #[must_use]
    pub fn with_level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets [`Self::n_resamples`].
    #[must_use]
    pub fn with_n_resamples(mut self, n_resamples: usize) -> Self {
        self.n_resamples = n_resamples;
        self
    }

    /// Sets [`Self::seed`].
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Percentile interval of the mean.
    ///
    /// The quantiles (1 ∓ `level`)/2 of the means of resamples drawn with replacement (Efron
    /// 1979); resample r draws from its own stream. One value gives an interval of width 0.
    /// Too narrow for few values: about 90 % instead of 95 % at n = 10. Cost
    /// `n_resamples` · n.
    ///
    /// # Errors
    /// [`Error::TooFew`] without values; [`Error::Value`] unless finite, or if the sum is not;
    /// [`Error::Setting`].
    pub fn mean(&self, values: &[f64]) -> Result<Interval> {
        self.check()?;
        let n = values.len();
        if n == 0 {
            return Err(Error::TooFew { what: "a mean", needed: 1, got: 0 });
        }
        finite("the values", values)?;
        finite("the sum of sizes", &[values.iter().map(|v| v.abs()).sum()])?;
        let mut means: Vec<f64> = (0..self.n_resamples)
            .into_par_iter()
            .map(|r| {
                let mut rng = seed::stream(self.seed, "bootstrap", r as u64);
                (0..n).map(|_| values[rng.random_range(0..n)]).sum::<f64>() / n as f64
            })
            .collect();
        means.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        let estimate = ordered_sum(n, |i| values[i]) / n as f64;
        Ok(Interval { low: at(&means, tail), estimate, high: at(&means, 1.0 - tail) })
    }

    fn check(&self) -> Result<()> {
        if !(self.level > 0.0 && self.level < 1.0) {
            let expected = "above 0 and below 1";
            return Err(Error::Setting { name: "level", value: self.level, expected });
        }
        if self.n_resamples == 0 {
            let expected = "at least 1";
            return Err(Error::Setting { name: "n_resamples", value: 0.0, expected });
        }
        Ok(())
    }
}

/// The `q` quantile, linear between order statistics (Hyndman and Fan 1996, type 7).
///
/// # Errors
/// [`Error::TooFew`] without values; [`Error::Value`] unless finite; [`Error::Setting`]
/// unless 0 ≤ q ≤ 1.
///
/// # Example
/// ```
/// assert_eq!(embex_metrics::quantile(&[3.0, 1.0, 2.0, 4.0], 0.5)?, 2.5);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn quantile(values: &[f64], q: f64) -> Result<f64> {
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::Setting { name: "q", value: q, expected: "between 0 and 1" });
    }
    if values.is_empty() {
        return Err(Error::TooFew { what: "a quantile", needed: 1, got: 0 });
    }
    finite("the values", values)?;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(at(&sorted, q))
}

fn at(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let below = (place.floor() as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    let share = place - below as f64;
    sorted[below] * (1.0 - share) + sorted[above] * share
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy 2.4.6: `quantile` of the same values.
    #[test]
    fn golden_quantiles() {
        let values: Vec<f64> = (0..13).map(|i| f64::from(i * i % 17) * 0.7).collect();
        let expected =
            [0.0, 0.21000000000000002, 2.4079999999999995, 5.6, 10.989999999999998, 11.2];
        for (q, expected) in [0.0, 0.025, 0.31, 0.5, 0.975, 1.0].into_iter().zip(expected) {
            assert!((quantile(&values, q).unwrap() - expected).abs() < 1e-13, "{q}");
        }
    }

    /// scipy 1.17.1: `bootstrap(..., method="percentile", n_resamples=200000)` of the same
    /// values; two runs there differ by up to 0.02.
    #[test]
    fn interval_agrees_with_scipy() {
        let values: Vec<f64> = (0..50).map(|i| f64::from(i * i % 37)).collect();
        let found = BootstrapParams::default().with_n_resamples(40_000).mean(&values).unwrap();
        assert!((found.low - 14.220).abs() < 0.1, "{found:?}");
        assert!((found.high - 20.680).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn closed_forms_and_seeds() {
        let one = BootstrapParams::default().mean(&[7.5]).unwrap();
        assert_eq!((one.low, one.estimate, one.high), (7.5, 7.5, 7.5));
        let values = [1.0, 2.0, 9.0, 4.0];
        let interval = |seed| BootstrapParams::default().with_seed(seed).mean(&values).unwrap();
        assert_eq!(interval(1), interval(1));
        let wide = BootstrapParams::default().with_level(0.99).with_seed(1).mean(&values).unwrap();
        assert!(wide.low <= interval(1).low && wide.high >= interval(1).high);
        assert!(wide.low >= 1.0 && wide.high <= 9.0);
    }

    #[test]
    fn equal_bits_for_any_number_of_threads() {
        let values: Vec<f64> = (0..300).map(|i| f64::from(i).sqrt()).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| BootstrapParams::default().mean(&values).unwrap())
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(8));
    }

    #[test]
    fn bad_input_is_refused() {
        let params = BootstrapParams::default;
        assert!(matches!(params().mean(&[]), Err(Error::TooFew { .. })));
        assert!(matches!(params().mean(&[1.0, f64::NAN]), Err(Error::Value { index: 1, .. })));
        assert!(matches!(params().mean(&[1e308; 9]), Err(Error::Value { .. })));
        for level in [0.0, 1.0, f64::NAN] {
            let error = params().with_level(level).mean(&[1.0]).unwrap_err();
            assert!(matches!(error, Error::Setting { name: "level", .. }));
        }
        assert!(params().with_n_resamples(0).mean(&[1.0]).is_err());
        assert!(quantile(&[], 0.5).is_err() && quantile(&[1.0], 1.5).is_err());
    }
}
