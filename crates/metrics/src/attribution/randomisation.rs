//! Whether scores depend on the data, and not on the seed.

use embex_linalg::faer::MatRef;
use embex_linalg::progress::{Progress, report};
use embex_linalg::{Rows, check, ordered_sum, seed};

use super::corruption::shuffle;
use super::per_sample::answer_of;
use super::{Agreement, AgreementParams, agreement};
use crate::{BootstrapParams, Error, Interval, Result};

/// Settings of [`randomisation_check`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RandomisationParams {
    /// Seed handed to the method for the scores that are checked, and on randomised data.
    pub method_seed: u64,
    /// Other seeds handed to the method on the data as they are.
    pub other_seeds: Vec<u64>,
    /// Randomised copies of the data; 5 unless set.
    pub n_randomised: u32,
    /// Seed of the randomised data.
    pub seed: u64,
    /// How rankings are compared.
    pub agreement: AgreementParams,
}

impl RandomisationParams {
    /// Scores of `method_seed` against those of `other_seeds`, and five randomised copies.
    pub fn new(method_seed: u64, other_seeds: &[u64]) -> Self {
        let (other_seeds, agreement) = (other_seeds.to_vec(), AgreementParams::default());
        Self { method_seed, other_seeds, n_randomised: 5, seed: 42, agreement }
    }

    embex_linalg::setters! {
        with_n_randomised n_randomised: u32,
        with_seed seed: u64,
        with_agreement agreement: AgreementParams,
    }
}

/// Agreement of two rankings of the features, by the mean |score| over samples.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FeatureAgreement {
    /// Spearman's correlation; `None` if all features have the same mean.
    pub spearman: Option<f64>,
    /// Kendall's τ_b; `None` if all features have the same mean.
    pub kendall: Option<f64>,
    /// Share of the first k features in common.
    pub overlap: f64,
    /// Rank-biased overlap.
    pub rank_biased: f64,
}

/// Agreement of the scores with those of other seeds and of randomised data.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Randomisation {
    /// Per other seed, by feature: should be high.
    pub seeds: Vec<FeatureAgreement>,
    /// Per other seed, sample by sample: should be high.
    pub seeds_by_sample: Vec<Agreement>,
    /// Per randomised copy of the data, by feature: should be low.
    pub randomised: Vec<FeatureAgreement>,
}

impl Randomisation {
    /// Mean and bootstrap interval of one number over the other seeds.
    ///
    /// # Errors
    /// [`Error::TooFew`] if there are none, or none is defined.
    pub fn over_seeds(
        &self,
        value: impl Fn(&FeatureAgreement) -> Option<f64>,
        bootstrap: &BootstrapParams,
    ) -> Result<Interval> {
        bootstrap.mean(&self.seeds.iter().filter_map(value).collect::<Vec<_>>())
    }

    /// Mean and bootstrap interval of one number over the randomised copies.
    ///
    /// # Errors
    /// [`Error::TooFew`] if there are none, or none is defined.
    pub fn over_randomised(
        &self,
        value: impl Fn(&FeatureAgreement) -> Option<f64>,
        bootstrap: &BootstrapParams,
    ) -> Result<Interval> {
        bootstrap.mean(&self.randomised.iter().filter_map(value).collect::<Vec<_>>())
    }
}

/// Randomisation checks, after Adebayo et al. (2018): scores must not survive when what they
/// explain is gone, and should survive a change of the seed.
///
/// The data are randomised by [`permute_columns`]: every feature keeps its values but no two
/// features belong together any more. A method that ranks features there as before ranks them by
/// their own spread alone. With a model there would be weights to randomise; an embedding has
/// its data only. Samples of randomised data have no counterpart, so there only means of |score|
/// over samples are compared; seeds are compared sample by sample too.
///
/// `explain(data, seed)` gets n × D and returns the scores, n × D; it is called once per seed and
/// copy and once for the scores themselves. The observer counts calls (phase "randomisation").
///
/// # Errors
/// [`Error::LengthMismatch`] for the answer of `explain`, [`Error::Matrix`] for entries that are
/// not finite and with [`embex_linalg::Error::Cancelled`], [`Error::Setting`]; those of `explain`.
///
/// # Example
/// ```
/// use embex_linalg::Rows;
/// use embex_linalg::faer::{Mat, MatRef};
/// use embex_linalg::progress::Silent;
/// use embex_metrics::attribution::{RandomisationParams, randomisation_check};
/// let x = Mat::from_fn(20, 3, |i, d| ((i * i + 7 * i * d) % 10) as f64 * (d + 1) as f64);
/// // Scores that are the values themselves depend on no structure: they survive everything.
/// let explain = |x: MatRef<'_, f64>, _seed| Ok::<_, embex_metrics::Error>(Rows::copy_from(x));
/// let params = RandomisationParams::new(0, &[1, 2]);
/// let found = randomisation_check(x.as_ref(), &params, explain, &mut Silent)?;
/// assert!(found.randomised.iter().all(|a| a.overlap == 1.0 && a.rank_biased == 1.0));
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn randomisation_check<E: From<Error>>(
    x: MatRef<'_, f64>,
    params: &RandomisationParams,
    mut explain: impl FnMut(MatRef<'_, f64>, u64) -> std::result::Result<Rows<f64>, E>,
    progress: &mut dyn Progress,
) -> std::result::Result<Randomisation, E> {
    check::finite(x).map_err(Error::from)?;
    let (n, width) = x.shape();
    let total = 1 + params.other_seeds.len() + params.n_randomised as usize;
    let mut done = 0;
    let mut scores_of = |x: MatRef<'_, f64>, seed| {
        report(progress, "randomisation", done, total, "").map_err(Error::from)?;
        done += 1;
        let scores = explain(x, seed)?;
        answer_of("the explanation", &scores, n, Some(width))?;
        Ok::<_, E>(scores)
    };
    let scores = scores_of(x, params.method_seed)?;
    let means = mean_sizes(&scores)?;
    let mut result =
        Randomisation { seeds: Vec::new(), seeds_by_sample: Vec::new(), randomised: Vec::new() };
    for &seed in &params.other_seeds {
        let other = scores_of(x, seed)?;
        result.seeds.push(by_feature(&means, &mean_sizes(&other)?, &params.agreement)?);
        let by_sample = agreement(scores.as_mat(), other.as_mat(), &params.agreement)?;
        result.seeds_by_sample.push(by_sample);
    }
    for copy in 0..params.n_randomised {
        let permuted = permute_columns(x, (params.seed, copy))?;
        let other = scores_of(permuted.as_mat(), params.method_seed)?;
        result.randomised.push(by_feature(&means, &mean_sizes(&other)?, &params.agreement)?);
    }
    Ok(result)
}

/// A matrix with the values of every column in random order, each column by itself.
///
/// Means, variances and all else of single columns stay, to the bit but for the order; whatever
/// columns have in common goes. Column d of copy c draws from its own stream. Cost n · D.
///
/// # Errors
/// [`Error::Matrix`] for an empty matrix or entries that are not finite.
///
/// # Example
/// ```
/// use embex_linalg::faer::mat;
/// use embex_metrics::attribution::permute_columns;
/// let x = mat![[1.0, 5.0], [2.0, 6.0], [3.0, 7.0_f64]];
/// let permuted = permute_columns(x.as_ref(), (0, 0))?;
/// let sum: f64 = (0..3).map(|i| permuted.row(i)[1]).sum();
/// assert_eq!(sum, 18.0);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn permute_columns(x: MatRef<'_, f64>, (seed, copy): (u64, u32)) -> Result<Rows<f64>> {
    check::finite(x)?;
    let mut permuted = Rows::copy_from(x);
    for d in 0..x.ncols() {
        let item = (u64::from(copy) << 32) | d as u64;
        let mut column: Vec<f64> = (0..x.nrows()).map(|i| x[(i, d)]).collect();
        shuffle(&mut column, &mut seed::stream(seed, "permuted columns", item));
        for (i, value) in column.into_iter().enumerate() {
            permuted.row_mut(i)[d] = value;
        }
    }
    Ok(permuted)
}

/// Mean |score| of every feature.
fn mean_sizes(scores: &Rows<f64>) -> Result<Rows<f64>> {
    let n = scores.n_rows();
    let mut means = Rows::zeros(1, scores.n_cols());
    for (d, mean) in means.row_mut(0).iter_mut().enumerate() {
        *mean = ordered_sum(n, |i| scores.row(i)[d].abs() / n as f64);
    }
    check::finite(means.as_mat())?;
    Ok(means)
}

fn by_feature(a: &Rows<f64>, b: &Rows<f64>, params: &AgreementParams) -> Result<FeatureAgreement> {
    // One row: its value is the mean, and one resample is enough of an interval.
    let bootstrap = BootstrapParams::default().with_n_resamples(1);
    let found = agreement(a.as_mat(), b.as_mat(), &params.clone().with_bootstrap(bootstrap))?;
    Ok(FeatureAgreement {
        spearman: found.spearman.map(|s| s.mean.estimate),
        kendall: found.kendall.map(|s| s.mean.estimate),
        overlap: found.overlap.mean.estimate,
        rank_biased: found.rank_biased.mean.estimate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::Mat;
    use embex_linalg::pca::PcaParams;
    use embex_linalg::progress::{Flow, Silent, Update};
    use embex_testkit::gaussian;

    /// Columns 0..3 share one factor and have, like all others, variance 1.
    fn correlated() -> Mat<f64> {
        let (noise, factor) = (gaussian(300, 8, 1), gaussian(300, 1, 2));
        Mat::from_fn(300, 8, |i, d| {
            if d < 3 { 0.9 * factor[(i, 0)] + 0.43 * noise[(i, d)] } else { noise[(i, d)] }
        })
    }

    /// Scores: what every feature gives to the first component.
    fn explain(x: MatRef<'_, f64>, _: u64) -> Result<Rows<f64>> {
        let pca = PcaParams::default().with_n_components(1).fit(x)?;
        let a = Mat::from_fn(x.nrows(), x.ncols(), |i, d| x[(i, d)] * pca.loadings.row(d)[0]);
        Ok(Rows::copy_from(a.as_ref()))
    }

    #[test]
    fn structure_is_lost_with_the_data_but_not_with_the_seed() {
        let x = correlated();
        let agreement = AgreementParams::default().with_k(3);
        let params =
            RandomisationParams::new(0, &[1, 2]).with_agreement(agreement).with_n_randomised(8);
        let found = randomisation_check(x.as_ref(), &params, explain, &mut Silent).unwrap();
        assert!(found.seeds.iter().all(|a| a.overlap == 1.0 && a.spearman == Some(1.0)));
        assert_eq!(found.seeds_by_sample[1].rank_biased.mean.low, 1.0);
        let params = BootstrapParams::default();
        let kept = found.over_randomised(|a| Some(a.overlap), &params).unwrap();
        assert!(kept.high < 0.9 && found.randomised.len() == 8, "{kept:?}");
        assert_eq!(found.over_seeds(|a| a.kendall, &params).unwrap().low, 1.0);
    }

    #[test]
    fn columns_keep_their_values_and_lose_their_neighbours() {
        let x = correlated();
        let permuted = permute_columns(x.as_ref(), (7, 0)).unwrap();
        let column = |m: MatRef<'_, f64>, d: usize| (0..300).map(|i| m[(i, d)]).collect::<Vec<_>>();
        for d in 0..8 {
            let (mut a, mut b) = (column(x.as_ref(), d), column(permuted.as_mat(), d));
            a.sort_by(f64::total_cmp);
            b.sort_by(f64::total_cmp);
            assert_eq!(a, b);
        }
        let r = |m: MatRef<'_, f64>| {
            embex_linalg::stats::pearson(&column(m, 0), &column(m, 1)).unwrap()
        };
        assert!(r(x.as_ref()) > 0.7 && r(permuted.as_mat()).abs() < 0.2);
        assert_ne!(permuted, permute_columns(x.as_ref(), (7, 1)).unwrap());
    }

    #[test]
    fn bad_input_is_refused_and_cancelling_works() {
        let x = correlated();
        let params = RandomisationParams::new(0, &[1]);
        let narrow = |x: MatRef<'_, f64>, s| explain(x.get(.., ..2), s);
        let error = randomisation_check(x.as_ref(), &params, narrow, &mut Silent).unwrap_err();
        assert!(matches!(error, Error::LengthMismatch { .. }));
        let mut stop = |u: Update<'_>| if u.done == 1 { Flow::Cancel } else { Flow::Continue };
        let error = randomisation_check(x.as_ref(), &params, explain, &mut stop).unwrap_err();
        assert_eq!(error, Error::Cancelled);
        assert!(permute_columns(Mat::zeros(0, 1).as_ref(), (0, 0)).is_err());
    }
}
