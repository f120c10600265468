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
    embex_linalg::setters! {
        with_level level: f64,
        with_n_resamples n_resamples: usize,
        with_seed seed: u64,
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
        let estimate = ordered_sum(n, |i| values[i]) / n as f64;
        let means =
            self.resampled(n, |drawn| drawn.iter().map(|&i| values[i]).sum::<f64>() / n as f64);
        Ok(self.interval(estimate, means))
    }

    /// Percentile interval of any statistic of `n` samples.
    ///
    /// As [`Self::mean`], for `statistic` of the samples at the positions it is given: all of
    /// 0..n in order for the estimate, n draws with replacement for each resample, so that
    /// measures of several aligned vectors resample together. Correlations, areas and other
    /// statistics may have no value for some resamples; such a one is an error, not left out,
    /// because leaving it out would narrow the interval. Cost `n_resamples` statistics.
    ///
    /// # Errors
    /// [`Error::TooFew`] without samples; [`Error::Setting`]; the first error of `statistic`
    /// in the order of resamples; [`Error::Value`] if its value is not finite.
    ///
    /// # Example
    /// ```
    /// use embex_metrics::{BootstrapParams, pearson_test};
    /// let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    /// let b = [1.0, 3.0, 2.0, 5.0, 4.0, 6.0, 8.0, 7.0];
    /// let at = |v: &[f64], drawn: &[usize]| drawn.iter().map(|&i| v[i]).collect::<Vec<_>>();
    /// let params = BootstrapParams::default().with_n_resamples(200);
    /// let interval = params.statistic(8, |drawn| {
    ///     Ok(pearson_test(&at(&a, drawn), &at(&b, drawn))?.coefficient)
    /// })?;
    /// assert!(interval.low > 0.5 && interval.high <= 1.0);
    /// # Ok::<(), embex_metrics::Error>(())
    /// ```
    pub fn statistic(
        &self,
        n: usize,
        statistic: impl Fn(&[usize]) -> Result<f64> + Sync,
    ) -> Result<Interval> {
        self.check()?;
        if n == 0 {
            return Err(Error::TooFew { what: "a bootstrap", needed: 1, got: 0 });
        }
        let all: Vec<usize> = (0..n).collect();
        let estimate = statistic(&all)?;
        finite("the statistic of the samples", &[estimate])?;
        let values = self.resampled(n, statistic).into_iter().collect::<Result<Vec<f64>>>()?;
        finite("the statistics of resamples", &values)?;
        Ok(self.interval(estimate, values))
    }

    /// A statistic of every resample, each drawn from its own stream.
    fn resampled<R: Send>(&self, n: usize, statistic: impl Fn(&[usize]) -> R + Sync) -> Vec<R> {
        let resample = |drawn: &mut Vec<usize>, r: usize| {
            let mut rng = seed::stream(self.seed, "bootstrap", r as u64);
            drawn.clear();
            drawn.extend((0..n).map(|_| rng.random_range(0..n)));
            statistic(drawn)
        };
        (0..self.n_resamples).into_par_iter().map_init(Vec::new, resample).collect()
    }

    fn interval(&self, estimate: f64, mut values: Vec<f64>) -> Interval {
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        Interval { low: at(&values, tail), estimate, high: at(&values, 1.0 - tail) }
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
    fn the_mean_is_a_statistic_and_others_resample_together() {
        let values: Vec<f64> = (0..50).map(|i| f64::from(i * i % 37)).collect();
        let params = BootstrapParams::default().with_n_resamples(500);
        let sum = |drawn: &[usize]| drawn.iter().map(|&i| values[i]).sum::<f64>();
        let mean = params.statistic(50, |drawn| Ok(sum(drawn) / 50.0)).unwrap();
        assert_eq!(mean, params.mean(&values).unwrap());
        let twice: Vec<f64> = values.iter().map(|v| 2.0 * v).collect();
        let ratio = |drawn: &[usize]| Ok(drawn.iter().map(|&i| twice[i]).sum::<f64>() / sum(drawn));
        let ratio = params.statistic(50, ratio).unwrap();
        assert_eq!((ratio.low, ratio.estimate, ratio.high), (2.0, 2.0, 2.0));
    }

    #[test]
    fn statistics_without_a_value_are_errors() {
        let params = BootstrapParams::default().with_n_resamples(50);
        assert!(matches!(params.statistic(0, |_| Ok(0.0)), Err(Error::TooFew { .. })));
        assert!(matches!(params.statistic(3, |_| Ok(f64::NAN)), Err(Error::Value { .. })));
        let spread = |drawn: &[usize]| Ok(1.0 / f64::from(drawn.iter().any(|&i| i != drawn[0])));
        let what = "the statistics of resamples";
        assert!(
            matches!(params.statistic(2, spread), Err(Error::Value { what: w, .. }) if w == what)
        );
        let fails = |_: &[usize]| Err(Error::OneClass { n_positive: 0, n: 2 });
        assert!(matches!(params.statistic(2, fails), Err(Error::OneClass { .. })));
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
