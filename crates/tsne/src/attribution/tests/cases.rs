//! Random sizes and settings, and the tally of what could be measured on them.

use rand::RngExt;

use super::*;

/// Cases of one check.
const CASES: u64 = 150;

/// Sizes and settings of one run and what is asked of it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    number: u64,
    n: usize,
    k: usize,
    perplexity: f64,
    axes: usize,
    /// Standard deviation of each feature.
    scales: Vec<f64>,
    /// Factor on the last sample: far out it is nobody's neighbour, so that little holds its place.
    apart: f64,
    /// Standard deviation of the start.
    spread: f64,
    schedule: Schedule,
    metric: Metric,
    pub(super) params: AttributeParams,
}

/// The run of a case.
pub(super) struct Setting<const C: usize> {
    pub(super) x: Mat<f64>,
    /// What distances are taken of: unit rows for the cosine metric.
    seen: Mat<f64>,
    metric: Metric,
    pub(super) affinities: Affinities,
    pub(super) path: Path<C>,
    /// Derivative of the start: C × D.
    pub(super) start: Mat<f64>,
}

/// Runs a check, given for 1, 2 and 3 axes, on every case; each is printed before it.
pub(super) fn on_cases<S: Default>(test: &str, checks: [fn(&Case, &mut S); 3]) -> S {
    let mut found = S::default();
    for number in 0..CASES {
        let case = Case::draw(test, number);
        println!("{test}: {case:?}");
        checks[case.axes - 1](&case, &mut found);
    }
    found
}

impl Case {
    fn draw(test: &str, number: u64) -> Self {
        let mut rng = stream(number, test, 0);
        let (n, d, axes) =
            (rng.random_range(5..=40), rng.random_range(1..=6), rng.random_range(1..=3));
        let k = rng.random_range(3..n);
        let perplexity = rng.random_range(1.2..0.95 * k as f64);
        let mut power = |low: f64, high: f64| 10.0_f64.powf(rng.random_range(low..high));
        let (scale, spread) = (power(-3.0, 3.0), power(-3.0, 1.0));
        let scales = (0..d).map(|_| scale * power(-0.5, 0.5)).collect();
        let apart = power(0.0, 1.5);
        let learning_rate = n as f64 * power(-2.0, 1.0);
        let n_iter = rng.random_range(4..=40);
        let schedule = Schedule {
            learning_rate,
            exaggeration: rng.random_range(1.0..12.0),
            early: rng.random_range(0..=n_iter),
            momentum: [rng.random_range(0.0..0.95), rng.random_range(0.0..0.95)],
            gains: rng.random_bool(0.7),
            n_iter,
        };
        // On a line all angles are 0 or π.
        let cosine = d > 1 && rng.random_bool(0.4);
        let metric = if cosine { Metric::Cosine } else { Metric::Euclidean };
        let params = draw_params(&mut rng, n_iter);
        Self { number, n, k, perplexity, axes, scales, apart, spread, schedule, metric, params }
    }

    pub(super) fn run<const C: usize>(&self) -> Setting<C> {
        let d = self.scales.len();
        let mut x = points(self.n, d, self.number);
        (0..d).for_each(|f| x.col_mut(f).iter_mut().for_each(|v| *v *= self.scales[f]));
        x.row_mut(self.n - 1).iter_mut().for_each(|v| *v *= self.apart);
        let seen = seen(&x, self.metric);
        let affinities = affinities(&seen, self.k, self.perplexity);
        let y = start(self.n, self.spread, self.number);
        let path = Path::run(affinities.edges(), &y, &self.schedule);
        let mut start = Mat::zeros(C, d);
        if self.params.init_jacobian {
            let draws = points(C, d, self.number + CASES);
            start = Mat::from_fn(C, d, |c, f| draws[(c, f)] * self.spread / self.scales[f]);
        }
        Setting { x, seen, metric: self.metric, affinities, path, start }
    }
}

/// Any formula and switch; 2 to 4 of the steps.
fn draw_params(rng: &mut impl RngExt, n_iter: usize) -> AttributeParams {
    let formula = match rng.random_range(0..4) {
        0 => Formula::Paper,
        1 => Formula::Published,
        _ => Formula::Corrected,
    };
    let mut params = params(formula);
    if formula == Formula::Corrected && rng.random() {
        params = params.with_bandwidth(Bandwidth::Fixed);
    }
    let quirks = PublishedQuirks {
        scrambled_gains: rng.random(),
        zeroed_mean: rng.random(),
        kept_velocity: rng.random(),
        missing_factor: rng.random(),
        half_size_dp: rng.random(),
        wrong_sign_dp: rng.random(),
    };
    let n_steps = rng.random_range(2..=4);
    let mut steps: Vec<usize> = (0..n_steps).map(|_| rng.random_range(1..=n_iter)).collect();
    steps.sort_unstable();
    steps.dedup();
    params
        .with_quirks(quirks)
        .with_limit_step(rng.random())
        .with_init_jacobian(rng.random())
        .with_steps(steps)
}

/// What distances are taken of.
fn seen(x: &Mat<f64>, metric: Metric) -> Mat<f64> {
    let length = |i| if metric == Metric::Cosine { length(x, i) } else { 1.0 };
    Mat::from_fn(x.nrows(), x.ncols(), |i, f| x[(i, f)] / length(i))
}

fn length(x: &Mat<f64>, i: usize) -> f64 {
    (0..x.ncols()).map(|f| x[(i, f)].powi(2)).sum::<f64>().sqrt()
}

impl<const C: usize> Setting<C> {
    pub(super) fn attribute(&self, params: &AttributeParams) -> Vec<Attribution<f64>> {
        let found = self.path.attribute_by(self.metric, params, &self.affinities, &self.x);
        found.expect("in range")
    }

    /// Values with the start's share.
    pub(super) fn values(&self, found: &Attribution<f64>) -> Rows<f64> {
        found.project_with_start(self.x.as_ref(), self.start.as_ref()).expect("fits")
    }

    /// Points to measure at.
    pub(super) fn points(&self) -> [usize; 3] {
        let n = self.x.nrows();
        [0, n / 2, n - 1]
    }

    /// ∂p_ij/∂x_i of every row, the chain through the length included.
    pub(super) fn dp(&self, form: DpForm) -> Vec<Rows<f64>> {
        let mut dp = explicit_dp(&self.affinities, form, &self.seen);
        if self.metric == Metric::Cosine {
            for (i, rows) in dp.iter_mut().enumerate() {
                let unit: Vec<f64> = self.seen.row(i).iter().copied().collect();
                for e in 0..rows.n_rows() {
                    let row = rows.row_mut(e);
                    let along: f64 = row.iter().zip(&unit).map(|(a, b)| a * b).sum();
                    let chain = |(v, unit): (&mut f64, &f64)| {
                        *v = (*v - along * unit) / length(&self.x, i);
                    };
                    row.iter_mut().zip(&unit).for_each(chain);
                }
            }
        }
        dp
    }

    /// Affinities over the same lists with sample `i` moved by `h` along feature `f`, as a form
    /// has it: shorter by its size, and for p_{i|j} to the side of its sign.
    pub(super) fn moved(&self, form: DpForm, i: usize, f: usize, h: f64) -> Affinities {
        let [own, others] = [form.size * h, form.sign * form.size * h].map(|h| {
            let mut x = self.x.clone();
            x[(i, f)] += h;
            self.conditionals_of(&x, form.aware)
        });
        let k = own.neighbours.k();
        let mut p = others.p;
        p[i * k..(i + 1) * k].copy_from_slice(own.row(i));
        given(own.neighbours, p, own.beta)
    }

    /// Conditionals of `x` over the same lists, bandwidths solved for or as they are.
    fn conditionals_of(&self, x: &Mat<f64>, aware: bool) -> Conditionals {
        let old = self.affinities.conditionals().expect("made of neighbours");
        let (x, k, n) = (seen(x, self.metric), old.neighbours.k(), old.n_samples());
        let indices: Vec<u32> = (0..n).flat_map(|i| old.neighbours.row(i).to_vec()).collect();
        let pairs = indices.iter().enumerate();
        let dist_sq = pairs.map(|(at, &j)| distance_sq(&x, at / k, j as usize)).collect();
        let neighbours = Neighbours::new(k, indices, dist_sq).expect("equal lengths");
        if aware {
            return Conditionals::new(neighbours, old.perplexity).expect("as before");
        }
        let mut p = Vec::new();
        for (i, beta) in old.beta.iter().enumerate() {
            let dist_sq = neighbours.dist_sq(i);
            let least = dist_sq.iter().copied().fold(f64::INFINITY, f64::min);
            let row = dist_sq.iter().map(|d| (-beta * (d - least)).exp());
            let sum: f64 = row.clone().sum();
            p.extend(row.map(|v| v / sum));
        }
        Conditionals { neighbours, p, ..old.clone() }
    }

    /// The narrowest bandwidth that sample `i` has to do with, as a move of its features.
    pub(super) fn bandwidth(&self, i: usize) -> f64 {
        let beta = self.affinities.conditionals().expect("made of neighbours").beta();
        let partners = self.affinities.row(i).0.iter().map(|&j| beta[j as usize]);
        let largest = partners.fold(beta[i], f64::max);
        let per_move = if self.metric == Metric::Cosine { length(&self.x, i) } else { 1.0 };
        per_move / (2.0 * largest).sqrt()
    }
}

/// Derivatives by differences, and which of them could be trusted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    measured: usize,
    wild: usize,
}

impl Tally {
    /// Checks derivatives against `slopes` relative to `largest`, unless the measurement's own
    /// doubt is beyond a quarter of the tolerance.
    pub(super) fn check(
        &mut self,
        found: impl IntoIterator<Item = f64>,
        slopes: &[(f64, f64)],
        largest: f64,
        tolerance: f64,
    ) {
        let doubt = slopes.iter().fold(0.0, |m, s| s.1.max(m)) / largest;
        if doubt > 0.25 * tolerance {
            self.skip();
            return;
        }
        self.measured += 1;
        for (at, found) in found.into_iter().enumerate() {
            let gap = (found - slopes[at].0).abs() / largest;
            assert!(gap < tolerance, "{gap:e} at {at}, measured to {doubt:e}");
        }
    }

    /// Counts what is too wild to measure.
    pub(super) fn skip(&mut self) {
        self.wild += 1;
    }

    /// Most could be measured.
    pub(super) fn assert_most(&self) {
        assert!(self.measured > 9 * self.wild, "{self:?}");
    }
}

/// Step of differences, relative to the length over which things change: h = 1e-5 would leave 1e-7
/// of entropies that are met to 1e-12, this leaves 5e-9, and extrapolation errs by h⁴.
pub(super) const STEP: f64 = 2e-4;

/// Slopes at 0 by differences, extrapolated from steps h and 2h (Richardson), each with its gap to
/// that from 2h and 4h: some 15 times the error that curvature leaves, and about that of rounding.
pub(super) fn slopes(h: f64, values: impl Fn(f64) -> Vec<f64>) -> Vec<(f64, f64)> {
    let central = |h: f64| -> Vec<f64> {
        let (up, down) = (values(h), values(-h));
        up.iter().zip(down).map(|(up, down)| (up - down) / (2.0 * h)).collect()
    };
    let [one, two, four] = [h, 2.0 * h, 4.0 * h].map(central);
    let extrapolated = |(near, far): (f64, f64)| (4.0 * near - far) / 3.0;
    let slope = |at: usize| {
        let fine = extrapolated((one[at], two[at]));
        (fine, (fine - extrapolated((two[at], four[at]))).abs())
    };
    (0..one.len()).map(slope).collect()
}
