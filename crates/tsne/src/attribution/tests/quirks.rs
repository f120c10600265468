//! Each departure of the package, alone and by its own definition, and the clip.

use super::*;

fn setting() -> (Mat<f64>, Affinities, Path<2>) {
    let x = points(30, 4, 11);
    let affinities = affinities(&x, 10, 5.0);
    let path = Path::run(affinities.edges(), &start(30, 0.3, 11), &Schedule::default());
    (x, affinities, path)
}

fn values(
    quirks: PublishedQuirks,
    step: usize,
    (x, affinities, path): &(Mat<f64>, Affinities, Path<2>),
) -> Rows<f64> {
    let params = params(Formula::Published).with_quirks(quirks).with_steps([step]);
    let found = &path.attribute(&params, affinities, x).expect("a calm run")[0];
    found.project(x.as_ref()).expect("same rows")
}

fn none() -> PublishedQuirks {
    PublishedQuirks::none()
}

/// Rows in which two results differ.
fn rows_that_differ(a: &Rows<f64>, b: &Rows<f64>) -> Vec<usize> {
    let largest = b.as_slice().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let differ =
        |i: &usize| a.row(*i).iter().zip(b.row(*i)).any(|(a, b)| (a - b).abs() > 1e-12 * largest);
    (0..a.n_rows()).filter(differ).collect()
}

#[test]
fn without_quirks_published_is_corrected_at_fixed_bandwidth() {
    let (x, affinities, path) = setting();
    let corrected = params(Formula::Corrected).with_bandwidth(Bandwidth::Fixed);
    let corrected = corrected.with_limit_step(false).with_steps([35]);
    let found = &path.attribute(&corrected, &affinities, &x).expect("calm")[0];
    let found = found.project(x.as_ref()).expect("rows");
    assert_eq!(found, values(none(), 35, &(x, affinities, path)));
}

#[test]
fn half_size_dp_halves_everything() {
    let setting = setting();
    let whole = values(none(), 20, &setting);
    let half = values(none().with_half_size_dp(true), 20, &setting);
    for (h, w) in half.as_slice().iter().zip(whole.as_slice()) {
        assert!((2.0 * h - w).abs() <= 1e-14 * (1.0 + w.abs()));
    }
}

#[test]
fn a_missing_factor_quarters_the_first_update() {
    let setting = setting();
    let whole = values(none(), 1, &setting);
    let quarter = values(none().with_missing_factor(true), 1, &setting);
    for (q, w) in quarter.as_slice().iter().zip(whole.as_slice()) {
        assert!((4.0 * q - w).abs() <= 1e-14 * (1.0 + w.abs()));
    }
    let later = values(none().with_missing_factor(true), 20, &setting);
    let ratio = values(none(), 20, &setting).row(3)[0] / later.row(3)[0];
    assert!((ratio - 4.0).abs() > 1e-2, "from then on it is another recursion");
}

#[test]
fn a_zeroed_mean_touches_the_first_two_points_alone() {
    let setting = setting();
    let zeroed = values(none().with_zeroed_mean(true), 20, &setting);
    assert_eq!(rows_that_differ(&zeroed, &values(none(), 20, &setting)), [0, 1]);
}

#[test]
fn a_kept_velocity_shows_after_the_phase_change() {
    let setting = setting();
    let kept = none().with_kept_velocity(true);
    assert_eq!(values(kept, 20, &setting), values(none(), 20, &setting));
    let differ = rows_that_differ(&values(kept, 21, &setting), &values(none(), 21, &setting));
    assert_eq!(differ.len(), 30);
}

#[test]
fn scrambled_gains_show_only_where_gains_differ() {
    let mut setting = setting();
    let scrambled = none().with_scrambled_gains(true);
    assert!(
        !rows_that_differ(&values(scrambled, 20, &setting), &values(none(), 20, &setting))
            .is_empty()
    );
    setting.2.steps.iter_mut().for_each(|step| step.gains.fill([1.7; 2]));
    assert_eq!(values(scrambled, 20, &setting), values(none(), 20, &setting));
    // Point 1, axis 0 of three points in the plane reads flat place 1: point 0, axis 1.
    assert_eq!(scrambled_gain(3, 2, 1, 0), (0, 1));
    assert_eq!(scrambled_gain(3, 2, 0, 1), (1, 1));
}

#[test]
fn the_wrong_sign_turns_the_others_half() {
    let (x, affinities, _) = setting();
    let form = |sign| DpForm { size: 1.0, sign, aware: false };
    let right = explicit_dp(&affinities, form(1.0), &x);
    let wrong = explicit_dp(&affinities, form(-1.0), &x);
    let cond = affinities.conditionals().expect("made of neighbours");
    let n = x.nrows() as f64;
    for i in 0..x.nrows() {
        for (e, &j) in affinities.row(i).0.iter().enumerate() {
            let lists = cond.neighbours();
            let place = lists.row(j as usize).iter().position(|&l| l as usize == i);
            let p = place.map_or(0.0, |place| cond.row(j as usize)[place]);
            let factor = -cond.beta()[j as usize] * p * (1.0 - p) / n;
            for f in 0..x.ncols() {
                let other = factor * (x[(i, f)] - x[(j as usize, f)]);
                let turned = right[i].row(e)[f] - 2.0 * other;
                assert!((wrong[i].row(e)[f] - turned).abs() < 1e-15);
            }
        }
    }
}

/// The clip bites some points, which leave the coefficients, and not others; the outcome is
/// that of feature space clipped at every step, and stays so through a resume.
#[test]
fn the_clip_bites_where_it_should() {
    let (x, affinities, path) = setting();
    let published = params(Formula::Published);
    let dp = explicit_dp(&affinities, DpForm::of(&published), &x);
    for (clip, all) in [(2e-2, false), (1e-5, true), (1.0, false)] {
        let twin = feature_space(&path, &dp, Rule::of(&published), &Mat::zeros(2, 4), Some(clip));
        let attribute = published.clone().with_clip(Some(clip)).with_steps([20, 35]);
        let found = path.attribute(&attribute, &affinities, &x).expect("finite");
        for found in &found {
            let values = found.project(x.as_ref()).expect("rows");
            let error = gap(&values, &twin[found.step - 1], &sizes(&twin[..found.step]));
            assert!(error < 1e-11, "clip {clip}, step {}: {error:e}", found.step);
        }
        let d = found[1].diagnostics;
        assert_eq!(d.clipped > 0, clip < 1.0, "{clip}: {d:?}");
        assert_eq!(d.explicit_points == 30, all, "{clip}: {d:?}");
        assert_eq!(d.explicit_points > 0, clip < 1.0, "{clip}: {d:?}");
        if clip < 1.0 {
            let other = points(30, 5, 12);
            let error = found[1].project(other.as_ref()).expect_err("other features");
            assert_eq!(error, crate::Error::ColumnMismatch { got: 5, expected: 4 });
        }
    }
}
