//! Vectors made independently of this project; see `tests/data/README.md` of this crate.

use std::path::PathBuf;

use embex_testkit::{Array, Golden, assert_close, max_rel_error};

use super::*;

fn open(name: &str) -> Golden {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    Golden::open(folder.join(name)).expect("shipped with the tests")
}

fn dense(variant: &str) -> Golden {
    open(&format!("attr_dense_{variant}.npz"))
}

/// P and its derivative to this; the recursion fed with them too.
const FED: f64 = 1e-10;
/// From the inputs: a change of P by 1e-13 moves J of `momgain` by 1e-9.
const END_TO_END: f64 = 1e-7;

/// Affinities with the stored conditionals and bandwidths.
fn stored(plain: &Golden) -> (Mat<f64>, Affinities) {
    let x = plain.array("X").to_mat();
    let lists = neighbours(&x, x.nrows() - 1);
    let p = plain.array("cond_P").to_mat();
    let by_list = |i: usize| lists.row(i).iter().map(|&j| p[(i, j as usize)]).collect::<Vec<_>>();
    let cond = (0..x.nrows()).flat_map(by_list).collect();
    let affinities = given(lists, cond, plain.array("beta").data.clone());
    (x, affinities)
}

fn schedule(z: &Golden) -> Schedule {
    let momentum = &z.array("momentum").data;
    Schedule {
        learning_rate: z.array("learning_rate").scalar(),
        exaggeration: z.array("early_exaggeration").scalar(),
        early: z.array("ee_iters").scalar() as usize,
        momentum: [momentum[0], momentum[1]],
        gains: z.array("gains_used").scalar() != 0.0,
        n_iter: 50,
    }
}

fn run(z: &Golden, affinities: &Affinities) -> Path<2> {
    let rows = z.array("Y0");
    let y: Vec<[f64; 2]> = rows.data.chunks(2).map(|row| [row[0], row[1]]).collect();
    let mut path = Path::run(affinities.edges(), &y, &schedule(z));
    if z.array("gains_used").scalar() == 0.0 {
        path.steps.iter_mut().for_each(|step| step.gains.fill([1.0; 2]));
    }
    path
}

/// The settings that a variant was made with.
fn variant(name: &str) -> AttributeParams {
    let corrected = params(Formula::Corrected).with_bandwidth(Bandwidth::Fixed);
    match name {
        "refquirks" => params(Formula::Published).with_clip(Some(1.0)),
        _ => corrected.with_limit_step(false),
    }
}

#[test]
fn affinities_and_their_derivatives() {
    let plain = dense("plain");
    let (x, fed) = stored(&plain);
    let n = x.nrows();
    let solved = affinities(&x, n - 1, 10.0);
    for affinities in [&fed, &solved] {
        let mut p = vec![0.0; n * n];
        for i in 0..n {
            let (columns, values) = affinities.row(i);
            columns.iter().zip(values).for_each(|(&j, &v)| p[i * n + j as usize] = v);
        }
        assert_close("P", &p, &plain.array("P").data, FED);
        for name in ["plain", "refquirks"] {
            let dp = explicit_dp(affinities, DpForm::of(&variant(name)), &x);
            let expected = dense(name).array("dP").clone();
            assert_close("dP", &with_diagonal(&dp, x.ncols()), &expected.data, FED);
        }
    }
}

/// n × n × D with zeros on the diagonal.
fn with_diagonal(dp: &[Rows<f64>], d: usize) -> Vec<f64> {
    let mut all = Vec::new();
    for (i, rows) in dp.iter().enumerate() {
        let (before, after) = rows.as_slice().split_at(i * d);
        all.extend_from_slice(before);
        all.resize(all.len() + d, 0.0);
        all.extend_from_slice(after);
    }
    all
}

#[test]
fn recursions_fed_with_the_stored_affinities() {
    for name in ["plain", "momgain", "refquirks"] {
        let (x, affinities) = stored(&dense("plain"));
        compare(name, &x, &affinities, FED);
    }
}

#[test]
fn recursions_from_the_inputs() {
    for name in ["plain", "momgain", "refquirks"] {
        let x = dense("plain").array("X").to_mat();
        let solved = affinities(&x, x.nrows() - 1, 10.0);
        compare(name, &x, &solved, END_TO_END);
    }
}

fn compare(name: &str, x: &Mat<f64>, affinities: &Affinities, tolerance: f64) {
    let z = dense(name);
    let path = run(&z, affinities);
    let steps = z.array("steps").indices();
    for (at, &step) in steps.iter().enumerate() {
        let last = &path.steps[step - 1];
        assert_close("Y", &last.y_next.concat(), &z.array("Y").slice(at).data, tolerance);
        assert_close("gains", &last.gains.concat(), &z.array("gains").slice(at).data, tolerance);
    }
    let attribute = variant(name).with_steps(steps.clone());
    let axes = path.attribute(&attribute, affinities, x).expect("finite");
    let norm = attribute.clone().with_scalar(Scalar::NormSq);
    let norm = path.attribute(&norm, affinities, x).expect("finite");
    for (at, step) in steps.into_iter().enumerate() {
        let expected = |what: &str| z.array(what).slice(at);
        let values = axes[at].project(x.as_ref()).expect("rows");
        assert_close("J", values.as_slice(), &expected("J").data, tolerance);
        let values = norm[at].project(x.as_ref()).expect("rows");
        assert_close("attr", values.as_slice(), &expected("attr").data, tolerance);
        let smallest = smallest_of(&expected("A"));
        assert_close("4 A", &axes[at].stability, &smallest, tolerance);
        let one = attribute.clone().with_clip(None).with_steps([step]);
        let adjoint = &path.attribute(&one, affinities, x).expect("finite")[0];
        let values = adjoint.project(x.as_ref()).expect("rows");
        assert_close("J, adjoint", values.as_slice(), &expected("J").data, tolerance);
    }
    if name != "plain" {
        let w = dense_weights(&axes[4].coefficients);
        assert_close("W", &w, &z.array("W_last").data, tolerance);
    }
}

/// Smallest eigenvalues of 4 A from stored matrices.
fn smallest_of(a: &Array) -> Vec<f64> {
    let eigen = |m: &[f64]| super::super::small::eigen([[m[0], m[1]], [m[2], m[3]]]).0[0];
    a.data.chunks(4).map(|m| 4.0 * eigen(m)).collect()
}

/// n × C × n with zeros on the diagonal.
fn dense_weights(coefficients: &Coefficients<f64>) -> Vec<f64> {
    let n = coefficients.n_samples();
    let mut all = vec![0.0; n * 2 * n];
    for i in 0..n {
        for c in 0..2 {
            for (&j, &w) in coefficients.partners(i).iter().zip(coefficients.weights(i, c)) {
                all[(i * 2 + c) * n + j as usize] = w / coefficients.unit().powi(2);
            }
        }
    }
    all
}

/// All sets of the published switches worth telling apart, by name.
fn quirk_cases() -> Vec<(&'static str, PublishedQuirks)> {
    let all = PublishedQuirks::default();
    vec![
        ("all", all),
        ("none", PublishedQuirks::none()),
        ("no scrambled gains", all.with_scrambled_gains(false)),
        ("no zeroed mean", all.with_zeroed_mean(false)),
        ("no kept velocity", all.with_kept_velocity(false)),
        ("no missing factor", all.with_missing_factor(false)),
        ("no half-size dP", all.with_half_size_dp(false)),
        ("no wrong-sign dP", all.with_wrong_sign_dp(false)),
    ]
}

/// Every switch matters: turning one off leaves the stored run.
#[test]
fn every_published_quirk_is_needed() {
    let z = dense("refquirks");
    let (x, affinities) = stored(&dense("plain"));
    let path = run(&z, &affinities);
    let expected = z.array("J").slice(4);
    for (name, quirks) in quirk_cases() {
        let attribute = params(Formula::Published).with_quirks(quirks).with_steps([50]);
        let found = &path.attribute(&attribute, &affinities, &x).expect("finite")[0];
        let values = found.project(x.as_ref()).expect("rows");
        let error = max_rel_error(values.as_slice(), &expected.data);
        assert_eq!(error < FED, name == "all", "{name}: {error:e}");
    }
}
