use super::*;
use crate::Exact;
use embex_testkit::gaussian;

fn cloud<T: Real, const C: usize>(n: usize, spread: f64, seed: u64) -> Vec<[T; C]> {
    let x = gaussian(n, C, seed);
    (0..n).map(|i| std::array::from_fn(|c| T::from_f64(spread * x[(i, c)]))).collect()
}

fn both<T: Real, const C: usize>(
    y: &[[T; C]],
    angle: f64,
) -> (RepulsionSums<T, C>, RepulsionSums<T, C>) {
    let (mut tree, mut exact) = (RepulsionSums::default(), RepulsionSums::default());
    BarnesHut::new(angle).sums(y, true, &mut tree);
    Exact::default().sums(y, true, &mut exact);
    (tree, exact)
}

/// Largest error of forces and of curvatures, relative to the largest entry.
fn gaps<T: Real, const C: usize>(
    tree: &RepulsionSums<T, C>,
    exact: &RepulsionSums<T, C>,
) -> [f64; 3] {
    let flat = |sums: &RepulsionSums<T, C>| {
        let force: Vec<f64> = sums.force.iter().flatten().map(|v| v.to_f64()).collect();
        let curvature = sums.curvature.iter();
        let curvature: Vec<f64> = curvature
            .flat_map(|k| k.outer.iter().flatten().copied().chain([k.g2]))
            .map(Real::to_f64)
            .collect();
        (force, curvature)
    };
    let (got, expected) = (flat(tree), flat(exact));
    [
        (tree.z / exact.z - 1.0).abs(),
        embex_testkit::max_rel_error(&got.0, &expected.0),
        embex_testkit::max_rel_error(&got.1, &expected.1),
    ]
}

fn check_limit<const C: usize>(n: usize) {
    for spread in [1e-4, 1.0, 30.0] {
        let y = cloud::<f64, C>(n, spread, 1);
        let (tree, exact) = both(&y, 0.0);
        assert!(gaps(&tree, &exact).iter().all(|gap| *gap < 1e-12), "{C} {spread}");
        let y = cloud::<f32, C>(n, spread, 1);
        let (tree, exact) = both(&y, 0.0);
        let gaps = gaps(&tree, &exact);
        assert!(gaps.iter().all(|gap| *gap < 2e-5), "{C} {spread}: {gaps:?}");
    }
}

#[test]
fn angle_zero_is_exact() {
    check_limit::<1>(300);
    check_limit::<2>(1000);
    check_limit::<3>(700);
}

#[test]
fn errors_shrink_with_the_angle() {
    let y = cloud::<f64, 2>(3000, 20.0, 2);
    let mut last = [f64::INFINITY; 3];
    for (angle, most) in [(0.8, 1e-1), (0.5, 3e-2), (0.2, 3e-3), (0.05, 2e-4)] {
        let (tree, exact) = both(&y, angle);
        let gaps = gaps(&tree, &exact);
        assert!(gaps.iter().all(|gap| *gap < most), "{angle}: {gaps:?}");
        assert!(gaps.iter().zip(last).all(|(gap, last)| *gap < last), "{angle}: {gaps:?}");
        last = gaps;
    }
}

#[test]
fn duplicates_and_equal_points_have_finite_exact_sums() {
    let mut y = cloud::<f64, 2>(400, 5.0, 3);
    for i in 0..150 {
        y[2 * i] = [1.5, -2.5];
    }
    y[1] = y[3];
    let (tree, exact) = both(&y, 0.0);
    assert!(gaps(&tree, &exact).iter().all(|gap| *gap < 1e-12));
    let (tree, exact) = both(&[[7.0_f32, 7.0]; 600], 0.5);
    assert_eq!(tree.z, 600.0 * 599.0);
    assert_eq!(tree, exact);
    let (tree, exact) = both(&[[7.0_f32, 7.0], [8.0, 7.0]], 0.5);
    assert_eq!(tree, exact);
}

/// The same bits on any number of threads, and whatever was summed before.
#[test]
fn sums_have_equal_bits() {
    let y = cloud::<f32, 2>(5000, 20.0, 4);
    let run = |threads: usize, warm: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut out = RepulsionSums::default();
        let mut method = BarnesHut::new(0.5);
        if warm {
            method.sums(&cloud(800, 1.0, 5), true, &mut out);
        }
        pool.install(|| method.sums(&y, false, &mut out));
        out
    };
    let expected = run(1, false);
    assert!(run(2, false) == expected && run(8, true) == expected);
}
