//! Whether scores hold still when the sample does.

use embex_linalg::faer::MatRef;
use embex_linalg::{Rows, check, dist_sq, seed};
use rand::RngExt;
use rayon::prelude::*;

use super::PerSample;
use super::per_sample::answer_of;
use crate::{BootstrapParams, Error, Result};

/// Settings of [`max_sensitivity`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SensitivityParams {
    /// Largest change of a feature, in its units.
    pub radius: f64,
    /// Perturbations per sample; 10 unless set.
    pub n_draws: usize,
    /// Seed of the perturbations.
    pub seed: u64,
    /// Of the interval over samples.
    pub bootstrap: BootstrapParams,
}

impl SensitivityParams {
    /// Of this radius, which has no default: it depends on the data's units.
    pub fn new(radius: f64) -> Self {
        Self { radius, n_draws: 10, seed: 42, bootstrap: BootstrapParams::default() }
    }

    embex_linalg::setters! {
        with_n_draws n_draws: usize,
        with_seed seed: u64,
        with_bootstrap bootstrap: BootstrapParams,
    }
}

/// How far scores go when the sample is moved a little.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MaxSensitivity {
    /// Largest |a(x + δ) − a(x)| over the draws, in the units of the scores.
    pub absolute: PerSample,
    /// The same over |a(x)|; undefined for a sample whose scores are all 0, `None` if all are.
    pub relative: Option<PerSample>,
}

/// Maximum sensitivity of an explanation (Yeh et al. 2019, definition 4.1).
///
/// max over |δ_d| ≤ `radius` of |a_i(x + δ) − a_i(x)|₂, estimated from below by `n_draws`
/// perturbations, uniform in the cube, each sample from its own streams. More draws can only raise
/// it; in many dimensions they stay far below the true maximum, so compare only runs of equal
/// settings.
///
/// `explain` gets n × D, sample i in row i, and returns the scores, n × D; it is called
/// `n_draws` + 1 times, with all samples perturbed at once.
///
/// # Errors
/// [`Error::Setting`] for the radius or `n_draws`, [`Error::LengthMismatch`] for the answer of
/// `explain`, [`Error::Matrix`] for entries that are not finite; those of `explain` and of the
/// bootstrap.
///
/// # Example
/// ```
/// use embex_linalg::Rows;
/// use embex_linalg::faer::{Mat, MatRef, mat};
/// use embex_metrics::attribution::{SensitivityParams, max_sensitivity};
/// let x = mat![[1.0], [2.0_f64]];
/// let explain = |x: MatRef<'_, f64>| { // the gradient of x²
///     let a = Mat::from_fn(2, 1, |i, _| 2.0 * x[(i, 0)]);
///     Ok::<_, embex_metrics::Error>(Rows::copy_from(a.as_ref()))
/// };
/// let found = max_sensitivity(x.as_ref(), &SensitivityParams::new(0.1), explain)?;
/// assert!(found.absolute.mean.high <= 0.2);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn max_sensitivity<E: From<Error>>(
    x: MatRef<'_, f64>,
    params: &SensitivityParams,
    mut explain: impl FnMut(MatRef<'_, f64>) -> std::result::Result<Rows<f64>, E>,
) -> std::result::Result<MaxSensitivity, E> {
    check::finite(x).map_err(Error::from)?;
    params.check()?;
    let (n, width) = x.shape();
    let still = explain(x)?;
    answer_of("the explanation", &still, n, Some(width))?;
    let mut largest = vec![0.0_f64; n];
    for draw in 0..params.n_draws {
        let moved = explain(perturbed(x, params, draw).as_mat())?;
        answer_of("the explanation", &moved, n, Some(width))?;
        for (i, largest) in largest.iter_mut().enumerate() {
            *largest = largest.max(dist_sq(moved.row(i), still.row(i)).sqrt());
        }
    }
    let zeros = vec![0.0; width];
    let relative = |i: usize| {
        let size = dist_sq(still.row(i), &zeros).sqrt();
        // Infinite sizes are refused with the rest.
        (size > 0.0).then(|| if size.is_finite() { largest[i] / size } else { f64::INFINITY })
    };
    let relative = PerSample::of_some((0..n).map(relative).collect(), &params.bootstrap)?;
    let absolute = PerSample::of_all(largest, &params.bootstrap)?;
    Ok(MaxSensitivity { absolute, relative })
}

impl SensitivityParams {
    fn check(&self) -> Result<()> {
        if !(self.radius > 0.0 && self.radius.is_finite()) {
            let expected = "above 0 and finite";
            return Err(Error::Setting { name: "radius", value: self.radius, expected });
        }
        if self.n_draws == 0 {
            return Err(Error::Setting { name: "n_draws", value: 0.0, expected: "at least 1" });
        }
        Ok(())
    }
}

/// x + δ, δ uniform in the cube.
fn perturbed(x: MatRef<'_, f64>, params: &SensitivityParams, draw: usize) -> Rows<f64> {
    let (n, width) = x.shape();
    let mut moved = Rows::copy_from(x);
    moved.as_mut_slice().par_chunks_mut(width).enumerate().for_each(|(i, row)| {
        let mut rng = seed::stream(params.seed, "sensitivity", (draw * n + i) as u64);
        for value in row {
            *value += params.radius * (2.0 * rng.random::<f64>() - 1.0);
        }
    });
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    fn params(radius: f64) -> SensitivityParams {
        let bootstrap = BootstrapParams::default().with_n_resamples(50);
        SensitivityParams::new(radius).with_bootstrap(bootstrap)
    }

    /// The gradient of |x|².
    #[allow(clippy::unnecessary_wraps)] // as the closures that may fail
    fn twice(x: MatRef<'_, f64>) -> Result<Rows<f64>> {
        let a = Mat::from_fn(x.nrows(), x.ncols(), |i, d| 2.0 * x[(i, d)]);
        Ok(Rows::copy_from(a.as_ref()))
    }

    /// In one dimension the maximum is 2 · radius, reached by many draws.
    #[test]
    fn closed_form_of_linear_explanations() {
        let x = gaussian(10, 1, 1);
        let found = max_sensitivity(x.as_ref(), &params(0.1).with_n_draws(400), twice).unwrap();
        for (value, i) in found.absolute.values.iter().zip(0..) {
            let value = value.unwrap();
            assert!(value <= 0.2 + 1e-12 && value > 0.19, "{value}");
            let relative = found.relative.as_ref().unwrap().values[i].unwrap();
            assert!((relative - value / (2.0 * x[(i, 0)].abs())).abs() < 1e-12);
        }
    }

    #[test]
    fn constant_explanations_have_none() {
        let x = gaussian(4, 3, 1);
        let constant = |value: f64| {
            move |_: MatRef<'_, f64>| Ok::<_, Error>(Rows::from_vec(vec![value; 12], 3).unwrap())
        };
        let found = max_sensitivity(x.as_ref(), &params(1.0), constant(2.0)).unwrap();
        assert_eq!(found.absolute.mean.high, 0.0);
        let zero = max_sensitivity(x.as_ref(), &params(1.0), constant(0.0)).unwrap();
        assert_eq!(zero.relative, None);
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(4, 3, 1);
        for radius in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = max_sensitivity(x.as_ref(), &params(radius), twice).unwrap_err();
            assert!(matches!(error, Error::Setting { name: "radius", .. }));
        }
        let none = params(1.0).with_n_draws(0);
        assert!(matches!(max_sensitivity(x.as_ref(), &none, twice), Err(Error::Setting { .. })));
        let narrow = |x: MatRef<'_, f64>| twice(x.get(.., ..2));
        let error = max_sensitivity(x.as_ref(), &params(1.0), narrow).unwrap_err();
        assert!(matches!(error, Error::LengthMismatch { .. }));
    }

    proptest! {
        /// Bounded by the Lipschitz constant times √D · radius, and never lower for more draws.
        #[test]
        fn bounds(seed in any::<u64>(), radius in 0.001..10.0_f64) {
            let x = gaussian(4, 3, seed);
            let run = |draws| {
                let params = params(radius).with_seed(seed).with_n_draws(draws);
                max_sensitivity(x.as_ref(), &params, twice).unwrap().absolute.values
            };
            for (few, more) in run(2).into_iter().zip(run(5)) {
                prop_assert!(few.unwrap() <= more.unwrap());
                prop_assert!(more.unwrap() <= 2.0 * radius * 3.0_f64.sqrt() * (1.0 + 1e-9));
            }
        }
    }
}
