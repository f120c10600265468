//! Whether scores predict what perturbations do.

use embex_linalg::faer::MatRef;
use embex_linalg::seed::{self, ChaCha8Rng};
use embex_linalg::{Rows, check};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::per_sample::same_shape;
use super::{Baseline, PerSample};
use crate::{BootstrapParams, Error, Result};

/// Makes the perturbation I of sample i from its values and a generator of its own.
pub type DrawPerturbation<'a> = dyn Fn(usize, &[f64], &mut ChaCha8Rng) -> Vec<f64> + Sync + 'a;

/// What is taken from a sample: x becomes x − I.
pub enum Perturbation<'a> {
    /// I ~ N(0, `sd`²) in every feature.
    Gaussian {
        /// Standard deviation, in the units of the features.
        sd: f64,
    },
    /// Square removal for images: I = x − baseline in a square at a random place, 0 elsewhere
    /// (Yeh et al. 2019, section 3.2). Feature r · `width` + c is the pixel at row r, column c.
    Square {
        /// Pixels in a row.
        width: usize,
        /// Rows of pixels.
        height: usize,
        /// Pixels along a side of the square.
        side: usize,
        /// What stands in for the pixels.
        baseline: Baseline,
    },
    /// Any other.
    Custom(Box<DrawPerturbation<'a>>),
}

/// Settings of [`infidelity`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct InfidelityParams {
    /// Perturbations per sample; 100 unless set.
    pub n_draws: usize,
    /// Seed of the perturbations.
    pub seed: u64,
    /// Of the interval over samples.
    pub bootstrap: BootstrapParams,
}

impl Default for InfidelityParams {
    fn default() -> Self {
        Self { n_draws: 100, seed: 42, bootstrap: BootstrapParams::default() }
    }
}

impl InfidelityParams {
    embex_linalg::setters! {
        with_n_draws n_draws: usize,
        with_seed seed: u64,
        with_bootstrap bootstrap: BootstrapParams,
    }
}

/// How badly scores predict the response.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Infidelity {
    /// Mean of (Iᵀa − (f(x) − f(x − I)))², in squared units of the response; at least 0.
    pub raw: PerSample,
    /// The same for β·a with the β that makes it least: what remains once the scores have the
    /// right unit. At most `raw`.
    pub scaled: PerSample,
    /// `scaled` over the mean of (f(x) − f(x − I))², in \[0, 1\]: the share of the response that
    /// no multiple of the scores predicts; `None` for samples that do not respond, as a whole if
    /// none does.
    pub unexplained: Option<PerSample>,
    /// β of every sample; 0 if its scores predict no change at all.
    pub factors: Vec<f64>,
}

/// Infidelity of scores with respect to a response (Yeh et al. 2019, definition 2.1).
///
/// E_I (Iᵀ a_i − (f_i(x) − f_i(x − I)))², estimated from `n_draws` perturbations of every sample,
/// each from its own stream. 0 for the gradient of a linear response whatever the perturbation.
/// β = E(Iᵀa · Δf) / E(Iᵀa)² is the factor of least squares: derivatives, importances and ranks
/// have different units, and `scaled` does not depend on them.
///
/// `respond` gets n × D, sample i in row i, and returns one number per sample: a coordinate of the
/// embedding, a squared norm, a distance to a group. It is called `n_draws` + 1 times. For
/// perturbations that are not small an embedding that is made anew answers for all at once; an
/// embedding of new points answers for each alone.
///
/// # Errors
/// [`Error::LengthMismatch`] for the attributions, the answer of `respond` or a custom
/// perturbation; [`Error::Setting`] for `n_draws`, `sd` or a square that does not fit;
/// [`Error::Value`] and [`Error::Matrix`] for numbers that are not finite; those of `respond` and
/// of the bootstrap.
///
/// # Example
/// ```
/// use embex_linalg::faer::{MatRef, mat};
/// use embex_metrics::attribution::{InfidelityParams, Perturbation, infidelity};
/// let x = mat![[1.0, 2.0], [0.0, 3.0_f64]];
/// let gradient = mat![[3.0, -1.0], [3.0, -1.0_f64]];
/// let respond = |x: MatRef<'_, f64>| {
///     Ok::<_, embex_metrics::Error>((0..2).map(|i| 3.0 * x[(i, 0)] - x[(i, 1)]).collect::<Vec<_>>())
/// };
/// let noise = Perturbation::Gaussian { sd: 0.5 };
/// let found = infidelity(x.as_ref(), gradient.as_ref(), &noise, &InfidelityParams::default(), respond)?;
/// assert!(found.raw.mean.high < 1e-28);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn infidelity<E: From<Error>>(
    x: MatRef<'_, f64>,
    attributions: MatRef<'_, f64>,
    perturbation: &Perturbation<'_>,
    params: &InfidelityParams,
    mut respond: impl FnMut(MatRef<'_, f64>) -> std::result::Result<Vec<f64>, E>,
) -> std::result::Result<Infidelity, E> {
    check::finite(x).map_err(Error::from)?;
    same_shape("the attributions", attributions, x.shape())?;
    let baseline = perturbation.check(x)?;
    if params.n_draws == 0 {
        return Err(Error::Setting { name: "n_draws", value: 0.0, expected: "at least 1" }.into());
    }
    let (rows, scores) = (Rows::copy_from(x), Rows::copy_from(attributions));
    let still = answers(respond(x)?, x.nrows())?;
    let mut moments = vec![Moments::default(); x.nrows()];
    for draw in 0..params.n_draws {
        let removed = draw_all(&rows, perturbation, &baseline, (params.seed, draw))?;
        let perturbed = difference(&rows, &removed);
        let moved = answers(respond(perturbed.as_mat())?, x.nrows())?;
        for (i, moment) in moments.iter_mut().enumerate() {
            let predicted = dot(removed.row(i), scores.row(i));
            moment.add(predicted, still[i] - moved[i]);
        }
    }
    Ok(finish(&moments, params)?)
}

impl Perturbation<'_> {
    /// The values of the baseline, if there is one.
    fn check(&self, x: MatRef<'_, f64>) -> Result<Vec<f64>> {
        let setting = |name, value, expected| Err(Error::Setting { name, value, expected });
        match self {
            Self::Gaussian { sd } if !(*sd > 0.0 && sd.is_finite()) => {
                setting("sd", *sd, "above 0 and finite")
            }
            Self::Square { width, height, side, baseline } => {
                if width.checked_mul(*height) != Some(x.ncols()) {
                    let (what, got) = ("the image", width.saturating_mul(*height));
                    return Err(Error::LengthMismatch { what, got, expected: x.ncols() });
                }
                if *side == 0 || side > width.min(height) {
                    let expected = "at least 1 and at most the sides of the image";
                    return setting("side", *side as f64, expected);
                }
                baseline.values(x)
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// I of every sample, each from its own stream.
fn draw_all(
    x: &Rows<f64>,
    perturbation: &Perturbation<'_>,
    baseline: &[f64],
    (seed, draw): (u64, usize),
) -> Result<Rows<f64>> {
    let (n, width) = (x.n_rows(), x.n_cols());
    let drawn: Vec<Vec<f64>> = (0..n)
        .into_par_iter()
        .map(|i| {
            let mut rng = seed::stream(seed, "perturbation", (draw * n + i) as u64);
            draw_one(i, x.row(i), perturbation, baseline, &mut rng)
        })
        .collect();
    if let Some(wrong) = drawn.iter().find(|one| one.len() != width) {
        let what = "a perturbation";
        return Err(Error::LengthMismatch { what, got: wrong.len(), expected: width });
    }
    let mut removed = Rows::zeros(n, width);
    for (i, one) in drawn.iter().enumerate() {
        removed.row_mut(i).copy_from_slice(one);
    }
    check::finite(removed.as_mat())?;
    Ok(removed)
}

fn draw_one(
    i: usize,
    row: &[f64],
    perturbation: &Perturbation<'_>,
    baseline: &[f64],
    rng: &mut ChaCha8Rng,
) -> Vec<f64> {
    match perturbation {
        Perturbation::Gaussian { sd } => row
            .iter()
            .map(|_| {
                let z: f64 = StandardNormal.sample(rng);
                sd * z
            })
            .collect(),
        Perturbation::Square { width, height, side, .. } => {
            let top = rng.random_range(0..=height - side);
            let left = rng.random_range(0..=width - side);
            let mut removed = vec![0.0; row.len()];
            for r in top..top + side {
                for d in r * width + left..r * width + left + side {
                    removed[d] = row[d] - baseline[d];
                }
            }
            removed
        }
        Perturbation::Custom(make) => make(i, row, rng),
    }
}

fn difference(a: &Rows<f64>, b: &Rows<f64>) -> Rows<f64> {
    let mut result = a.clone();
    for (value, other) in result.as_mut_slice().iter_mut().zip(b.as_slice()) {
        *value -= other;
    }
    result
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (p, q)| sum + p * q)
}

/// Accepts one finite number per sample.
fn answers(values: Vec<f64>, n: usize) -> Result<Vec<f64>> {
    let what = "the response";
    if values.len() != n {
        return Err(Error::LengthMismatch { what, got: values.len(), expected: n });
    }
    crate::error::finite(what, &values)?;
    Ok(values)
}

/// Sums over the perturbations of one sample: p predicted, r the response.
#[derive(Clone, Copy, Default)]
struct Moments {
    pp: f64,
    pr: f64,
    rr: f64,
    gap: f64,
}

impl Moments {
    fn add(&mut self, predicted: f64, response: f64) {
        self.pp += predicted * predicted;
        self.pr += predicted * response;
        self.rr += response * response;
        self.gap += (predicted - response) * (predicted - response);
    }

    fn factor(&self) -> f64 {
        if self.pp > 0.0 { self.pr / self.pp } else { 0.0 }
    }

    /// Σ (βp − r)², which rounding must not make negative or larger than that of β = 1.
    fn least(&self) -> f64 {
        (self.rr - self.factor() * self.pr).clamp(0.0, self.gap.min(self.rr))
    }
}

fn finish(moments: &[Moments], params: &InfidelityParams) -> Result<Infidelity> {
    let (draws, bootstrap) = (params.n_draws as f64, &params.bootstrap);
    let per_sample = |value: &dyn Fn(&Moments) -> f64| {
        PerSample::of_all(moments.iter().map(value).collect(), bootstrap)
    };
    let share = |m: &Moments| (m.rr > 0.0).then(|| m.least() / m.rr);
    let raw = per_sample(&|m| m.gap / draws)?;
    Ok(Infidelity {
        raw,
        scaled: per_sample(&|m| m.least() / draws)?,
        unexplained: PerSample::of_some(moments.iter().map(share).collect(), bootstrap)?,
        factors: moments.iter().map(Moments::factor).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::{Mat, mat};
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    fn params() -> InfidelityParams {
        let bootstrap = BootstrapParams::default().with_n_resamples(50);
        InfidelityParams::default().with_bootstrap(bootstrap)
    }

    /// f_i = 2 x_i0 − x_i1 + 3 x_i2.
    #[allow(clippy::unnecessary_wraps)] // as the closures that may fail
    fn linear(x: MatRef<'_, f64>) -> Result<Vec<f64>> {
        let respond = |i: usize| 2.0 * x[(i, 0)] - x[(i, 1)] + 3.0 * x[(i, 2)];
        Ok((0..x.nrows()).map(respond).collect())
    }

    fn scores(n: usize, a: [f64; 3]) -> Mat<f64> {
        Mat::from_fn(n, 3, |_, d| a[d])
    }

    /// Gaussian I: E (Iᵀ(a − w))² = sd² |a − w|². 4000 draws: 2.2 % standard deviation of each
    /// sample's mean, 0.5 % of the mean over 20.
    #[test]
    fn closed_form_under_noise() {
        let x = gaussian(20, 3, 1);
        let noise = Perturbation::Gaussian { sd: 0.5 };
        let run = |a: [f64; 3]| {
            let params = params().with_n_draws(4000);
            infidelity(x.as_ref(), scores(20, a).as_ref(), &noise, &params, linear).unwrap()
        };
        let off = run([2.5, -1.0, 4.0]);
        let expected = 0.25 * (0.25 + 1.0);
        assert!((off.raw.mean.estimate / expected - 1.0).abs() < 0.02, "{:?}", off.raw.mean);
        // β = aᵀw/|a|², and the least gap is sd² (|w|² − (aᵀw)²/|a|²).
        let least = 0.25 * (14.0 - 18.0 * 18.0 / 23.25);
        assert!((off.scaled.mean.estimate / least - 1.0).abs() < 0.02);
        let share = off.unexplained.unwrap().mean.estimate;
        assert!((share - least / 3.5).abs() < 0.002, "{share}");
        let double = run([4.0, -2.0, 6.0]);
        assert!(double.scaled.mean.high < 1e-13); // a difference of sums near 3.5
        assert!(double.factors.iter().all(|f| (f - 0.5).abs() < 1e-12));
    }

    /// numpy 2.4.6, straight from the definition: x as below, I = x_i · (0.1, 0.2, 0.3) · (1 + i),
    /// one draw, f = x0² + x1 x2, a = (1, 2, 3).
    #[test]
    fn golden_value() {
        let x = mat![[1.0, 2.0, 3.0], [0.5, -1.0, 2.0_f64]];
        let quadratic = |x: MatRef<'_, f64>| {
            let f = |i: usize| x[(i, 0)] * x[(i, 0)] + x[(i, 1)] * x[(i, 2)];
            Ok::<_, Error>(vec![f(0), f(1)])
        };
        let shrink = |i: usize, row: &[f64], _: &mut ChaCha8Rng| {
            (0..3).map(|d| row[d] * 0.1 * (d + 1) as f64 * (1 + i) as f64).collect()
        };
        let custom = Perturbation::Custom(Box::new(shrink));
        let a = scores(2, [1.0, 2.0, 3.0]);
        let one = params().with_n_draws(1);
        let found = infidelity(x.as_ref(), a.as_ref(), &custom, &one, quadratic).unwrap();
        for (got, expected) in found.raw.values.iter().zip(GOLDEN_RAW) {
            assert!((got.unwrap() - expected).abs() < 1e-12, "{got:?}");
        }
        for (got, expected) in found.factors.iter().zip(GOLDEN_FACTORS) {
            assert!((got - expected).abs() < 1e-12, "{got:?}");
        }
    }
    const GOLDEN_RAW: [f64; 2] = [0.5928999999999993, 18.7489];
    const GOLDEN_FACTORS: [f64; 2] = [0.7861111111111112, -0.4931034482758622];

    /// A square of side 2 in a 2 × 3 image has two places; each removes two columns.
    #[test]
    fn squares_are_removed_whole() {
        let x = mat![[1.0, 10.0, 100.0, 2.0, 20.0, 200.0_f64]];
        let square = Perturbation::Square {
            width: 3,
            height: 2,
            side: 2,
            baseline: Baseline::Row(vec![0.0; 6]),
        };
        let mut seen = Vec::new();
        let sum = |x: MatRef<'_, f64>| {
            let sum: f64 = (0..6).map(|d| x[(0, d)]).sum();
            seen.push(sum);
            Ok::<_, Error>(vec![sum])
        };
        let ones = Mat::from_fn(1, 6, |_, _| 1.0);
        let found = infidelity(x.as_ref(), ones.as_ref(), &square, &params(), sum).unwrap();
        assert_eq!(found.raw.mean.high, 0.0);
        seen.sort_by(f64::total_cmp);
        seen.dedup();
        assert_eq!(seen, [3.0, 300.0, 333.0]);
    }

    #[test]
    fn silent_responses_and_scores_are_no_division_by_zero() {
        let x = gaussian(4, 3, 1);
        let noise = Perturbation::Gaussian { sd: 1.0 };
        let constant = |_: MatRef<'_, f64>| Ok::<_, Error>(vec![1.0; 4]);
        let run = infidelity(x.as_ref(), x.as_ref(), &noise, &params(), constant).unwrap();
        assert_eq!((run.unexplained, run.scaled.mean.high), (None, 0.0));
        let zero = scores(4, [0.0; 3]);
        let run = infidelity(x.as_ref(), zero.as_ref(), &noise, &params(), linear).unwrap();
        assert_eq!(run.factors, [0.0; 4]);
        assert_eq!(run.unexplained.unwrap().mean.estimate, 1.0);
    }

    #[test]
    fn bad_input_is_refused() {
        let x = gaussian(4, 3, 1);
        let run = |p: &Perturbation<'_>, n_draws| {
            let params = params().with_n_draws(n_draws);
            infidelity(x.as_ref(), x.as_ref(), p, &params, linear)
        };
        for sd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = run(&Perturbation::Gaussian { sd }, 1).unwrap_err();
            assert!(matches!(error, Error::Setting { name: "sd", .. }));
        }
        let noise = Perturbation::Gaussian { sd: 1.0 };
        assert!(matches!(run(&noise, 0), Err(Error::Setting { name: "n_draws", .. })));
        let square =
            |width, side| Perturbation::Square { width, height: 1, side, baseline: Baseline::Mean };
        assert!(matches!(run(&square(2, 1), 1), Err(Error::LengthMismatch { .. })));
        assert!(matches!(run(&square(3, 2), 1), Err(Error::Setting { name: "side", .. })));
        let short = Perturbation::Custom(Box::new(|_, _, _| vec![0.0; 2]));
        assert!(matches!(run(&short, 1), Err(Error::LengthMismatch { .. })));
        let nan = Perturbation::Custom(Box::new(|_, _, _| vec![f64::NAN; 3]));
        assert!(matches!(run(&nan, 1), Err(Error::Matrix(_))));
        let narrow = infidelity(x.as_ref(), x.get(.., ..2), &noise, &params(), linear);
        assert!(matches!(narrow, Err(Error::LengthMismatch { .. })));
        let few = |_: MatRef<'_, f64>| Ok::<_, Error>(vec![0.0; 3]);
        let error = infidelity(x.as_ref(), x.as_ref(), &noise, &params(), few).unwrap_err();
        assert!(matches!(error, Error::LengthMismatch { .. }));
    }

    proptest! {
        /// Scaling the scores scales nothing else; the least gap is no larger than the raw one.
        #[test]
        fn the_scaled_gap_ignores_units(seed in any::<u64>(), factor in 0.01..100.0_f64) {
            let x = gaussian(5, 3, seed);
            let a = gaussian(5, 3, seed ^ 1);
            let scaled = Mat::from_fn(5, 3, |i, d| factor * a[(i, d)]);
            let noise = Perturbation::Gaussian { sd: 0.3 };
            let params = params().with_n_draws(6).with_seed(seed);
            let run = |a: &Mat<f64>| infidelity(x.as_ref(), a.as_ref(), &noise, &params, linear).unwrap();
            let (plain, scaled) = (run(&a), run(&scaled));
            for i in 0..5 {
                let (p, s) = (plain.scaled.values[i].unwrap(), scaled.scaled.values[i].unwrap());
                prop_assert!((p - s).abs() < 1e-9);
                prop_assert!(p <= plain.raw.values[i].unwrap());
            }
        }
    }
}
