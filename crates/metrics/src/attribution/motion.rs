//! How far points move when their features are taken away or given back.

use embex_linalg::faer::MatRef;
use embex_linalg::stats::column_means;
use embex_linalg::{Rows, check, dist_sq};

use super::per_sample::answer_of;
use super::{PerSample, Ranking};
use crate::{BootstrapParams, Error, Interval, Result};

/// What stands in for a feature that is taken away.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Baseline {
    /// The mean of the column.
    #[default]
    Mean,
    /// Given values, one per feature: zeros, a reference sample.
    Row(Vec<f64>),
}

impl Baseline {
    pub(super) fn values(&self, x: MatRef<'_, f64>) -> Result<Vec<f64>> {
        match self {
            Self::Mean => Ok(column_means(x)?),
            Self::Row(row) if row.len() == x.ncols() => {
                crate::error::finite("the baseline", row)?;
                Ok(row.clone())
            }
            Self::Row(row) => {
                let what = "the baseline";
                Err(Error::LengthMismatch { what, got: row.len(), expected: x.ncols() })
            }
        }
    }
}

/// Settings of the curves.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MotionParams {
    /// Steps from no feature to all, of equal numbers of features up to rounding; 20 unless set.
    /// As many embeddings are made, or one per feature if there are fewer features.
    pub n_steps: usize,
    /// What stands in for a feature; the column means unless set.
    pub baseline: Baseline,
    /// Of the intervals over samples.
    pub bootstrap: BootstrapParams,
}

impl Default for MotionParams {
    fn default() -> Self {
        Self { n_steps: 20, baseline: Baseline::Mean, bootstrap: BootstrapParams::default() }
    }
}

impl MotionParams {
    embex_linalg::setters! {
        with_n_steps n_steps: usize,
        with_baseline baseline: Baseline,
        with_bootstrap bootstrap: BootstrapParams,
    }

    /// Numbers of features 0 < … < D at the steps, 0 included.
    fn counts(&self, n_features: usize) -> Result<Vec<usize>> {
        if self.n_steps == 0 {
            return Err(Error::Setting { name: "n_steps", value: 0.0, expected: "at least 1" });
        }
        let steps = self.n_steps.min(n_features);
        let at = |s: usize| (s as f64 / steps as f64 * n_features as f64).round() as usize;
        Ok((0..=steps).map(at).collect())
    }
}

/// How far points have moved after a share of their features, and the area under that.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MotionCurve {
    /// Shares of the features, from 0 to 1.
    pub shares: Vec<f64>,
    /// Mean over samples at every share, with its interval.
    pub curve: Vec<Interval>,
    /// Area under each sample's curve by the trapezoidal rule, in units of the whole way; `None`
    /// for a sample that the baseline does not move.
    pub area: PerSample,
}

/// Deletion: features are replaced by the baseline, first ones first; how far has the point gone?
///
/// |f(x with its first k replaced) − f(x)| / |f(baseline) − f(x)| against k/D, after the
/// deletion metric of Petsiuk, Das and Saenko (2018) with the distance in the embedding in place
/// of a class score. 0 at the start, 1 at the end, above 1 where a point overshoots. **Larger
/// areas are better**: the first features move the point most. A random order gives ½ for a
/// linear map whose features all push one way.
///
/// All samples are at step k at once: `embed` gets n × D and returns n × C, `n_steps` + 1 times.
/// It may be an embedding of new points, which keeps the others where they are, or one made anew,
/// whose restlessness is then part of the curve.
///
/// # Errors
/// [`Error::LengthMismatch`] for the ranking, the baseline or the answer of `embed`;
/// [`Error::Setting`] for `n_steps` or a ranking that does not list all features;
/// [`Error::TooFew`] if no sample moves at all; [`Error::Matrix`] for entries that are not finite;
/// those of `embed` and of the bootstrap.
///
/// # Example
/// ```
/// use embex_linalg::Rows;
/// use embex_linalg::faer::{Mat, MatRef, mat};
/// use embex_metrics::attribution::{Baseline, MotionParams, Order, Ranking, Scope, deletion_curve};
/// let x = mat![[1.0, 1.0], [2.0, 2.0_f64]];
/// let scores = mat![[3.0, 1.0_f64]];
/// let ranking = Ranking::new(scores.as_ref(), Scope::Global, Order::Largest, 2)?;
/// let params = MotionParams::default().with_baseline(Baseline::Row(vec![0.0; 2]));
/// let embed = |x: MatRef<'_, f64>| {
///     let y = Mat::from_fn(x.nrows(), 1, |i, _| 3.0 * x[(i, 0)] + x[(i, 1)]);
///     Ok::<_, embex_metrics::Error>(Rows::copy_from(y.as_ref()))
/// };
/// let deletion = deletion_curve(x.as_ref(), &ranking, &params, embed)?;
/// assert_eq!(deletion.curve[1].estimate, 0.75);
/// assert_eq!(deletion.area.mean.estimate, 0.25 * 0.75 + 0.25 * 1.75);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn deletion_curve<E: From<Error>>(
    x: MatRef<'_, f64>,
    ranking: &Ranking,
    params: &MotionParams,
    embed: impl FnMut(MatRef<'_, f64>) -> std::result::Result<Rows<f64>, E>,
) -> std::result::Result<MotionCurve, E> {
    let baseline = params.baseline.values(x)?;
    let from = Rows::copy_from(x);
    let to = repeated(&baseline, x.nrows());
    walk(Direction::Deletion, [&from, &to], ranking, params, embed)
}

/// Insertion: from the baseline on features are given back, first ones first; how near is the
/// point to its place?
///
/// 1 − |f(baseline with the sample's first k) − f(x)| / |f(baseline) − f(x)| against k/D (see
/// [`deletion_curve`]). 0 at the start, 1 at the end, below 0 where a point goes the wrong way.
/// **Larger areas are better.**
///
/// # Errors
/// As [`deletion_curve`].
pub fn insertion_curve<E: From<Error>>(
    x: MatRef<'_, f64>,
    ranking: &Ranking,
    params: &MotionParams,
    embed: impl FnMut(MatRef<'_, f64>) -> std::result::Result<Rows<f64>, E>,
) -> std::result::Result<MotionCurve, E> {
    let baseline = params.baseline.values(x)?;
    let from = repeated(&baseline, x.nrows());
    let to = Rows::copy_from(x);
    walk(Direction::Insertion, [&from, &to], ranking, params, embed)
}

/// Latent shift: |f(x with its first `count` features replaced) − f(x)| of every sample.
///
/// In the units of the embedding; compare with the shift under a random ranking of the same
/// length. Two embeddings.
///
/// # Errors
/// As [`deletion_curve`], and [`Error::Setting`] for a `count` beyond the ranking's lists.
pub fn latent_shift<E: From<Error>>(
    x: MatRef<'_, f64>,
    ranking: &Ranking,
    count: usize,
    params: &MotionParams,
    mut embed: impl FnMut(MatRef<'_, f64>) -> std::result::Result<Rows<f64>, E>,
) -> std::result::Result<PerSample, E> {
    ranking.check_fits(x)?;
    ranking.check_count(count)?;
    let baseline = params.baseline.values(x)?;
    let mut replaced = Rows::copy_from(x);
    for i in 0..x.nrows() {
        for &d in &ranking.of_sample(i)[..count] {
            replaced.row_mut(i)[d as usize] = baseline[d as usize];
        }
    }
    let before = embed(x)?;
    answer_of("the embedding", &before, x.nrows(), None)?;
    let after = embed(replaced.as_mat())?;
    let shifts = distances(&after, &before)?;
    Ok(PerSample::of_all(shifts, &params.bootstrap)?)
}

/// Whether the data are the first or the last step.
#[derive(Clone, Copy)]
enum Direction {
    Deletion,
    Insertion,
}

/// Goes from one matrix to the other along the ranking.
fn walk<E: From<Error>>(
    direction: Direction,
    [from, to]: [&Rows<f64>; 2],
    ranking: &Ranking,
    params: &MotionParams,
    mut embed: impl FnMut(MatRef<'_, f64>) -> std::result::Result<Rows<f64>, E>,
) -> std::result::Result<MotionCurve, E> {
    let (n, n_features) = (from.n_rows(), from.n_cols());
    check::finite(from.as_mat()).map_err(Error::from)?;
    ranking.check_fits(from.as_mat())?;
    ranking.check_fits(to.as_mat())?;
    if ranking.length() < n_features {
        let (name, expected) = ("length", "the number of features");
        return Err(Error::Setting { name, value: ranking.length() as f64, expected }.into());
    }
    let counts = params.counts(n_features)?;
    let mut current = from.clone();
    let mut maps: Vec<Rows<f64>> = Vec::with_capacity(counts.len());
    let mut done = 0;
    for &count in &counts {
        for i in 0..n {
            for &d in &ranking.of_sample(i)[done..count] {
                current.row_mut(i)[d as usize] = to.row(i)[d as usize];
            }
        }
        done = count;
        let map = embed(current.as_mat())?;
        answer_of("the embedding", &map, n, maps.first().map(Rows::n_cols))?;
        maps.push(map);
    }
    let shares = counts.iter().map(|&count| count as f64 / n_features as f64).collect();
    Ok(curve_of(direction, &maps, shares, params)?)
}

fn curve_of(
    direction: Direction,
    maps: &[Rows<f64>],
    shares: Vec<f64>,
    params: &MotionParams,
) -> Result<MotionCurve> {
    let (first, last) = (&maps[0], &maps[maps.len() - 1]);
    let way = distances(first, last)?;
    let mut values: Vec<Vec<f64>> = Vec::with_capacity(maps.len());
    for map in maps {
        // 0 / 0 for samples without a way, which are left out below.
        let of_way = |(d, w): (f64, &f64)| match direction {
            Direction::Deletion => d / w,
            Direction::Insertion => 1.0 - d / w,
        };
        let of_x = if matches!(direction, Direction::Deletion) { first } else { last };
        values.push(distances(map, of_x)?.into_iter().zip(&way).map(of_way).collect());
    }
    let moving: Vec<usize> = (0..way.len()).filter(|&i| way[i] > 0.0).collect();
    let area = |i: usize| {
        let trapezoid =
            |s: usize| 0.5 * (values[s][i] + values[s + 1][i]) * (shares[s + 1] - shares[s]);
        (0..maps.len() - 1).map(trapezoid).sum::<f64>()
    };
    let areas = (0..way.len()).map(|i| (way[i] > 0.0).then(|| area(i))).collect();
    let area = PerSample::new(areas, &params.bootstrap)?;
    let curve = values
        .iter()
        .map(|step| {
            let step: Vec<f64> = moving.iter().map(|&i| step[i]).collect();
            params.bootstrap.mean(&step)
        })
        .collect::<Result<_>>()?;
    Ok(MotionCurve { shares, curve, area })
}

/// Distance of every row to the same row of another map.
fn distances(a: &Rows<f64>, b: &Rows<f64>) -> Result<Vec<f64>> {
    answer_of("the embedding", a, b.n_rows(), Some(b.n_cols()))?;
    let distances: Vec<f64> = (0..a.n_rows()).map(|i| dist_sq(a.row(i), b.row(i)).sqrt()).collect();
    if distances.iter().any(|d| !d.is_finite()) {
        return Err(embex_linalg::Error::OutOfRange { what: "span" }.into());
    }
    Ok(distances)
}

fn repeated(row: &[f64], n: usize) -> Rows<f64> {
    let mut rows = Rows::zeros(n, row.len());
    (0..n).for_each(|i| rows.row_mut(i).copy_from_slice(row));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::{Order, Scope};
    use embex_linalg::faer::Mat;
    use embex_testkit::gaussian;
    use proptest::prelude::*;

    const W: [f64; 5] = [2.0, 0.5, 1.0, 4.0, 0.25];

    /// f(x) = w·x in one dimension.
    #[allow(clippy::unnecessary_wraps)] // as the closures that may fail
    fn linear(x: MatRef<'_, f64>) -> Result<Rows<f64>> {
        let y = Mat::from_fn(x.nrows(), 1, |i, _| (0..5).map(|d| W[d] * x[(i, d)]).sum::<f64>());
        Ok(Rows::copy_from(y.as_ref()))
    }

    fn positive(n: usize, seed: u64) -> Mat<f64> {
        let x = gaussian(n, 5, seed);
        Mat::from_fn(n, 5, |i, d| x[(i, d)].abs() + 0.1)
    }

    fn params() -> MotionParams {
        let bootstrap = BootstrapParams::default().with_n_resamples(100);
        MotionParams::default().with_baseline(Baseline::Row(vec![0.0; 5])).with_bootstrap(bootstrap)
    }

    /// For a linear map the curve is the running sum of w_d x_d along the list over the whole sum,
    /// deletion and insertion alike.
    #[test]
    fn closed_form_of_linear_maps() {
        let x = positive(8, 1);
        let parts = Mat::from_fn(8, 5, |i, d| W[d] * x[(i, d)]);
        let ranking = Ranking::new(parts.as_ref(), Scope::Local, Order::Largest, 5).unwrap();
        let deletion = deletion_curve(x.as_ref(), &ranking, &params(), linear).unwrap();
        let insertion = insertion_curve(x.as_ref(), &ranking, &params(), linear).unwrap();
        for i in 0..8 {
            let total: f64 = (0..5).map(|d| parts[(i, d)]).sum();
            let (mut sum, mut area) = (0.0, 0.0);
            for &d in ranking.of_sample(i) {
                let share = parts[(i, d as usize)] / total;
                area += (sum + 0.5 * share) / 5.0;
                sum += share;
            }
            assert!((deletion.area.values[i].unwrap() - area).abs() < 1e-12);
            assert!((insertion.area.values[i].unwrap() - area).abs() < 1e-12);
        }
        let ends = |c: &MotionCurve| (c.curve[0].estimate, c.curve[5].estimate);
        assert_eq!((ends(&deletion), ends(&insertion)), ((0.0, 1.0), (0.0, 1.0)));
        assert_eq!(deletion.shares, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    }

    #[test]
    fn the_best_order_has_the_largest_area() {
        let x = positive(30, 2);
        let parts = Mat::from_fn(30, 5, |i, d| W[d] * x[(i, d)]);
        let area = |order| {
            let ranking = Ranking::new(parts.as_ref(), Scope::Local, order, 5).unwrap();
            deletion_curve(x.as_ref(), &ranking, &params(), linear).unwrap().area.mean.estimate
        };
        let (best, worst) = (area(Order::Largest), area(Order::Smallest));
        assert!((best + worst - 1.0).abs() < 1e-12); // reversed lists mirror the curve
        let random = Ranking::random(30, 5, Scope::Local, 5, (1, 0)).unwrap();
        let random = deletion_curve(x.as_ref(), &random, &params(), linear).unwrap();
        assert!(worst < random.area.mean.low && random.area.mean.high < best);
    }

    #[test]
    fn shift_of_linear_maps() {
        let x = positive(4, 3);
        let ranking = Ranking::random(4, 5, Scope::Local, 3, (1, 0)).unwrap();
        let shift = latent_shift(x.as_ref(), &ranking, 2, &params(), linear).unwrap();
        for i in 0..4 {
            let list = &ranking.of_sample(i)[..2];
            let expected: f64 = list.iter().map(|&d| W[d as usize] * x[(i, d as usize)]).sum();
            assert!((shift.values[i].unwrap() - expected).abs() < 1e-12);
        }
        let none = latent_shift(x.as_ref(), &ranking, 0, &params(), linear).unwrap();
        assert_eq!(none.mean.high, 0.0);
        let means = params().with_baseline(Baseline::Mean);
        assert!(latent_shift(x.as_ref(), &ranking, 1, &means, linear).is_ok());
    }

    #[test]
    fn samples_at_the_baseline_are_left_out() {
        let mut x = positive(3, 4);
        (0..5).for_each(|d| x[(1, d)] = 0.0);
        let ranking = Ranking::random(3, 5, Scope::Global, 5, (1, 0)).unwrap();
        let run = |x: MatRef<'_, f64>| deletion_curve(x, &ranking, &params(), linear);
        let curve = run(x.as_ref()).unwrap();
        assert_eq!((curve.area.n_undefined(), curve.area.values[1]), (1, None));
        assert!(matches!(run(Mat::zeros(3, 5).as_ref()), Err(Error::TooFew { .. })));
    }

    #[test]
    fn bad_input_is_refused() {
        let x = positive(3, 4);
        let whole = Ranking::random(3, 5, Scope::Local, 5, (1, 0)).unwrap();
        let short = Ranking::random(3, 5, Scope::Local, 4, (1, 0)).unwrap();
        let run = |ranking, params| deletion_curve(x.as_ref(), ranking, &params, linear);
        assert!(matches!(run(&short, params()), Err(Error::Setting { name: "length", .. })));
        let none = params().with_n_steps(0);
        assert!(matches!(run(&whole, none), Err(Error::Setting { name: "n_steps", .. })));
        let row = params().with_baseline(Baseline::Row(vec![0.0; 4]));
        assert!(matches!(run(&whole, row), Err(Error::LengthMismatch { .. })));
        let nan = params().with_baseline(Baseline::Row(vec![f64::NAN; 5]));
        assert!(matches!(run(&whole, nan), Err(Error::Value { .. })));
        let lost = |_: MatRef<'_, f64>| Ok::<_, Error>(Rows::zeros(2, 1));
        let answer = deletion_curve(x.as_ref(), &whole, &params(), lost);
        assert!(matches!(answer, Err(Error::LengthMismatch { .. })));
        let overflow =
            |_: MatRef<'_, f64>| Ok::<_, Error>(Rows::from_vec(vec![f64::NAN; 3], 1).unwrap());
        assert!(matches!(
            deletion_curve(x.as_ref(), &whole, &params(), overflow),
            Err(Error::Matrix(_))
        ));
        assert!(latent_shift(x.as_ref(), &short, 5, &params(), linear).is_err());
    }

    proptest! {
        /// Any map: both curves run from 0 to 1.
        #[test]
        fn curves_run_from_0_to_1(seed in any::<u64>(), n_steps in 1..8_usize) {
            let x = positive(6, seed);
            let bend = |x: MatRef<'_, f64>| {
                let y = Mat::from_fn(6, 2, |i, c| (x[(i, c)] * x[(i, c + 2)]).tanh() + x[(i, 4)]);
                Ok::<_, Error>(Rows::copy_from(y.as_ref()))
            };
            let ranking = Ranking::random(6, 5, Scope::Local, 5, (seed, 0)).unwrap();
            let params = params().with_n_steps(n_steps);
            for curve in [
                deletion_curve(x.as_ref(), &ranking, &params, bend).unwrap(),
                insertion_curve(x.as_ref(), &ranking, &params, bend).unwrap(),
            ] {
                prop_assert!(curve.curve[0].estimate.abs() < 1e-12);
                prop_assert!((curve.curve.last().unwrap().estimate - 1.0).abs() < 1e-12);
                prop_assert_eq!(curve.shares.len(), n_steps.min(5) + 1);
            }
        }
    }
}
