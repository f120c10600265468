//! The published formula against what the authors' package computed; see `tests/data/README.md`.

use std::path::PathBuf;

use embex_linalg::Rows;
use embex_linalg::progress::Silent;
use embex_testkit::{Golden, assert_close};
use embex_tsne::attribution::{
    AttributeParams, Attribution, Attributor, Finished, Formula, Scalar,
};
use embex_tsne::repulsion::RepulsionSums;
use embex_tsne::step::StepObserver;
use embex_tsne::{Affinities, LearningRate, Optimizer, TsneParams};

/// Its own numbers are float32: an exact-force emulation agrees to 1.2e-5 at step 10.
const FIRST_STEPS: f64 = 1e-4;
/// Angle 0, step 1.
const FIRST_STEP_EXACT: f64 = 1e-5;
/// Gains switch on signs, so that float32 rounding leads to another path later on.
const LATER_RANKS: f64 = 0.9;

struct Run {
    y: Vec<[f64; 2]>,
    axes: Vec<Attribution<f64>>,
    norms: Vec<Attribution<f64>>,
}

/// The package's settings up to update `n_iter`.
fn run(z: &Golden, angle: f64, n_iter: usize, steps: &[usize]) -> Run {
    let x = z.array("X").to_mat();
    let near = embex_trees::knn(x.as_ref(), 91).expect("300 rows");
    let p = Affinities::from_neighbours(near, z.array("perplexity").scalar()).expect("fits");
    let params = TsneParams::published()
        .with_exaggeration(z.array("early_exaggeration").scalar())
        .with_learning_rate(LearningRate::Fixed(z.array("learning_rate").scalar()))
        .with_angle(angle)
        .with_n_iter(n_iter);
    let start: Vec<[f64; 2]> = z.array("Y0").data.chunks(2).map(|y| [y[0], y[1]]).collect();
    let observer = |scalar: Scalar| {
        let attribute = AttributeParams::default()
            .with_formula(Formula::Published)
            .with_scalar(scalar)
            .with_steps(steps.iter().copied());
        Attributor::new(&attribute, &params, &p, x.as_ref()).expect("valid")
    };
    let (mut axes, mut norms) = (observer(Scalar::Axes), observer(Scalar::NormSq));
    let mut optimizer = Optimizer::new(&p, &params, start).expect("valid");
    let observers: &mut [&mut dyn StepObserver<f64, 2>] = &mut [&mut axes, &mut norms];
    optimizer.run(observers, &mut Silent).expect("no collapse");
    let sums = RepulsionSums::default(); // only the fixed point looks at them
    let (y, edges) = (optimizer.y().to_vec(), optimizer.edges());
    let finished = Finished { y: &y, edges, sums: &sums, n_steps: optimizer.iteration() };
    let axes = axes.finish(&p, &finished).expect("finite");
    let norms = norms.finish(&p, &finished).expect("finite");
    Run { y, axes, norms }
}

fn values(z: &Golden, attribution: &Attribution<f64>) -> Rows<f64> {
    attribution.project(z.array("X").to_mat().as_ref()).expect("same rows")
}

/// The package's C × n × D as n × (C·D).
fn by_sample(j: &[f64], n: usize, d: usize) -> Vec<f64> {
    (0..n * 2 * d).map(|at| j[(at / d % 2) * n * d + at / (2 * d) * d + at % d]).collect()
}

fn open(name: &str) -> Golden {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    Golden::open(folder.join(name)).expect("shipped with the tests")
}

fn check_axes(z: &Golden, found: &Attribution<f64>, tolerance: f64) {
    let at = z.array("J_steps").indices().iter().position(|&s| s == found.step).expect("stored");
    let j = z.array("J").slice(at);
    let expected = by_sample(&j.data, j.shape[1], j.shape[2]);
    assert_close("J", values(z, found).as_slice(), &expected, tolerance);
}

#[test]
fn published_follows_the_package_closely_for_ten_steps() {
    let z = open("attr_package_lr50.npz");
    let run = run(&z, 0.5, 10, &[1, 10]);
    assert_close("Y", &run.y.concat(), &z.array("Y").slice(1).data, FIRST_STEPS);
    for (at, (axes, norms)) in run.axes.iter().zip(&run.norms).enumerate() {
        check_axes(&z, axes, FIRST_STEPS);
        let expected = z.array("attr").slice(at);
        assert_close("attr", values(&z, norms).as_slice(), &expected.data, FIRST_STEPS);
    }
}

#[test]
fn published_ranks_like_the_package_to_the_end() {
    let z = open("attr_package_lr50.npz");
    let steps = z.array("steps").indices();
    let run = run(&z, 0.5, 260, &steps);
    for (at, norms) in run.norms.iter().enumerate().skip(2) {
        let expected = z.array("attr").slice(at).data;
        let rho = embex_linalg::stats::spearman(values(&z, norms).as_slice(), &expected);
        let rho = rho.expect("equal lengths");
        assert!(rho >= LATER_RANKS, "step {}: {rho}", norms.step);
    }
}

#[test]
fn published_follows_the_package_at_angle_zero() {
    let z = open("attr_package_lr500_angle0.npz");
    let run = run(&z, 0.0, 1, &[1]);
    assert_close("Y", &run.y.concat(), &z.array("Y").slice(0).data, FIRST_STEP_EXACT);
    check_axes(&z, &run.axes[0], FIRST_STEP_EXACT);
    let expected = z.array("attr").slice(0).data;
    assert_close("attr", values(&z, &run.norms[0]).as_slice(), &expected, FIRST_STEP_EXACT);
}
