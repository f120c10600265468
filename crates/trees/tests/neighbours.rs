//! Both exact searches against the comparison of all direct distances.

use embex_linalg::{
    MemoryBudget, Real,
    faer::{Mat, MatRef},
    progress::{Flow, Silent, Update},
    seed::stream,
};
use embex_trees::{Error, KnnParams, Method, Metric, Neighbours, knn, knn_between};
use rand::RngExt;

/// The documented order of the sum: coordinate d in lane d mod 8, lanes pairwise.
fn direct<T: Real>(x: MatRef<'_, T>, i: usize, y: MatRef<'_, T>, j: usize) -> f64 {
    let mut lanes = [0.0; 8];
    for d in 0..x.ncols() {
        let diff = x[(i, d)].to_f64() - y[(j, d)].to_f64();
        lanes[d % 8] += diff * diff;
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

fn brute_between<T: Real>(
    queries: MatRef<'_, T>,
    base: MatRef<'_, T>,
    k: usize,
    within: bool,
) -> Neighbours {
    let (mut index, mut dist_sq) = (Vec::new(), Vec::new());
    for i in 0..queries.nrows() {
        let mut all: Vec<(f64, u32)> = (0..base.nrows())
            .filter(|&j| !(within && i == j))
            .map(|j| (direct(queries, i, base, j), j as u32))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        index.extend(all[..k].iter().map(|a| a.1));
        dist_sq.extend(all[..k].iter().map(|a| a.0));
    }
    Neighbours::new(k, index, dist_sq).expect("lists of length k")
}

fn brute<T: Real>(x: MatRef<'_, T>, k: usize) -> Neighbours {
    brute_between(x, x, k, true)
}

fn by<T: Real>(method: Method, x: MatRef<'_, T>, k: usize) -> Neighbours {
    let params = KnnParams::new(k).with_method(method);
    params.search(x, &mut Silent, MemoryBudget::default()).expect("a good input")
}

fn check_all<T: Real>(x: MatRef<'_, T>, k: usize, what: &str) {
    let expected = brute(x, k);
    assert!(by(Method::Blocked, x, k) == expected, "blocked, {what}");
    if x.ncols() <= 8 {
        assert!(by(Method::KdTree, x, k) == expected, "kd-tree, {what}");
    }
}

fn normal(n: usize, d: usize, seed: u64) -> Mat<f64> {
    let mut rng = stream(seed, "test", 0);
    let mut one = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    Mat::from_fn(n, d, |_, _| one())
}

fn integers(n: usize, d: usize, values: u32, seed: u64) -> Mat<f64> {
    let mut rng = stream(seed, "test", 1);
    Mat::from_fn(n, d, |_, _| f64::from(rng.random_range(0..values)))
}

fn to_f32(x: &Mat<f64>) -> Mat<f32> {
    Mat::from_fn(x.nrows(), x.ncols(), |i, d| x[(i, d)] as f32)
}

#[test]
fn both_searches_equal_brute_force_on_random_rows() {
    for (case, &(n, d, k)) in
        [(2, 1, 1), (3, 2, 2), (40, 3, 39), (300, 1, 7), (300, 4, 20), (700, 2, 91), (257, 8, 5)]
            .iter()
            .chain(&[(600, 5, 30), (600, 6, 3), (513, 9, 91), (1100, 17, 12), (800, 50, 91)])
            .chain(&[(300, 200, 15), (5, 400, 4)])
            .enumerate()
    {
        let x = normal(n, d, case as u64);
        check_all(x.as_ref(), k, &format!("f64, case {case}"));
        check_all(to_f32(&x).as_ref(), k, &format!("f32, case {case}"));
    }
}

#[test]
fn ties_and_duplicates_go_by_index() {
    for seed in 0..24 {
        let mut rng = stream(seed, "shape", 0);
        let (n, d) = (rng.random_range(2..400), rng.random_range(1..14));
        let (k, values) = (rng.random_range(1..n.min(100)), rng.random_range(1..4));
        let x = integers(n, d, values, seed);
        check_all(x.as_ref(), k, &format!("seed {seed}: {n} x {d}, k {k}, {values} values"));
    }
}

#[test]
fn lattices_and_circles_have_all_their_ties() {
    let grid = Mat::from_fn(900, 2, |i, d| if d == 0 { (i % 30) as f64 } else { (i / 30) as f64 });
    for k in [1, 3, 4, 5, 8, 11, 200] {
        check_all(grid.as_ref(), k, &format!("grid, k {k}"));
    }
    // 600 points as far from the last one, up to signs and order of the coordinates
    let corners = Mat::from_fn(641, 10, |i, d| match i {
        640 => 0.0,
        i => {
            if (i >> d) & 1 == 1 {
                1.0
            } else {
                -1.0
            }
        }
    });
    check_all(corners.as_ref(), 50, "corners of a cube around its centre");
}

#[test]
fn equal_rows_are_neighbours_of_one_another() {
    for d in [2, 12] {
        let x = Mat::from_fn(3000, d, |_, d| d as f64 * 0.1);
        let near = by(Method::Auto, x.as_ref(), 3);
        assert_eq!((near.row(0), near.row(2)), (&[1, 2, 3][..], &[0, 1, 3][..]));
        assert_eq!(near.dist_sq(2999), [0.0; 3]);
        let x = Mat::from_fn(700, d, |i, _| [0.0, -0.0, 1.0][i % 3]);
        check_all(x.as_ref(), 250, "zeros of both signs");
    }
}

#[test]
fn near_ties_are_told_apart() {
    // shells whose radii differ in the last digits of f64, far below single precision
    let mut x = normal(500, 20, 7);
    for i in 0..500 {
        let norm = (0..20).map(|d| x[(i, d)] * x[(i, d)]).sum::<f64>().sqrt();
        let radius = if i == 0 { 0.0 } else { 1.0 + 1e-15 * (i * 37 % 101) as f64 };
        (0..20).for_each(|d| x[(i, d)] *= radius / norm);
    }
    check_all(x.as_ref(), 40, "shells");
    check_all(Mat::from_fn(500, 3, |i, d| x[(i, d)]).as_ref(), 40, "shells in three columns");
}

#[test]
fn offsets_outliers_and_far_clusters_cost_no_neighbour() {
    let x = normal(700, 12, 3);
    let offset = Mat::from_fn(700, 12, |i, d| x[(i, d)] + 1e8);
    check_all(offset.as_ref(), 30, "offset 1e8");
    check_all(to_f32(&offset).as_ref(), 30, "offset 1e8 in f32, mostly duplicates");
    let clusters = Mat::from_fn(700, 12, |i, d| x[(i, d)] + if i % 2 == 0 { 1e6 } else { -1e6 });
    check_all(clusters.as_ref(), 30, "two clusters 1e6 away: the pass in f64");
    let outlier = Mat::from_fn(700, 12, |i, d| if i == 5 { 1e9 } else { x[(i, d)] });
    check_all(outlier.as_ref(), 30, "an outlier");
    let farther = Mat::from_fn(700, 12, |i, d| if i == 5 { 1e30 } else { x[(i, d)] });
    check_all(farther.as_ref(), 30, "an outlier beyond the reach of f64 products");
}

#[test]
fn any_scale_that_distances_can_have_is_served() {
    let x = normal(400, 11, 9);
    for scale in [2.0_f64.powi(500), 2.0_f64.powi(-480), 1e150, 1e-150] {
        let y = Mat::from_fn(400, 11, |i, d| x[(i, d)] * scale);
        check_all(y.as_ref(), 20, &format!("scale {scale:e}"));
        let z = Mat::from_fn(400, 3, |i, d| y[(i, d)]);
        check_all(z.as_ref(), 20, &format!("scale {scale:e}, 3 columns"));
    }
    for scale in [1e18_f64, 1e-18, 1e36, 1e-36] {
        let y = Mat::from_fn(400, 11, |i, d| (x[(i, d)] * scale) as f32);
        check_all(y.as_ref(), 20, &format!("f32, scale {scale:e}"));
    }
    for scale in [1e200, 1e-200] {
        let y = Mat::from_fn(400, 11, |i, d| x[(i, d)] * scale);
        assert!(matches!(knn(y.as_ref(), 3), Err(Error::Scale { row: 0, .. })), "{scale:e}");
    }
}

#[test]
fn threads_strides_and_budgets_change_nothing() {
    for (n, d) in [(1500, 20), (1500, 3)] {
        let x = normal(n, d, 11);
        let expected = brute(x.as_ref(), 15);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| by(Method::Auto, x.as_ref(), 15)), expected);
        }
        // a view of rows stored backwards, each in the middle of a wider one
        let wide = Mat::from_fn(n, d + 2, |i, c| {
            if (1..=d).contains(&c) { x[(n - 1 - i, c - 1)] } else { f64::NAN }
        });
        let strided = wide.as_ref().reverse_rows().subcols(1, d);
        assert_eq!(by(Method::Auto, strided, 15), expected);
        let row_major = x.transpose().to_owned();
        assert_eq!(by(Method::Auto, row_major.transpose(), 15), expected);
        let tight = MemoryBudget::bytes(1);
        let params = KnnParams::new(15);
        assert_eq!(params.search(x.as_ref(), &mut Silent, tight).unwrap(), expected);
    }
}

#[test]
fn queries_meet_every_base_row() {
    for seed in 0..8 {
        for d in [2, 15] {
            let (base, queries) = (integers(300, d, 3, seed), integers(70, d, 3, seed + 100));
            for k in [1, 12, 300] {
                let expected = brute_between(queries.as_ref(), base.as_ref(), k, false);
                assert_eq!(knn_between(queries.as_ref(), base.as_ref(), k).unwrap(), expected);
            }
        }
    }
    let base = normal(300, 7, 5);
    let near = knn_between(base.as_ref(), base.as_ref(), 1).unwrap();
    assert!((0..300).all(|i| near.row(i) == [i as u32] && near.dist_sq(i) == [0.0]));
}

#[test]
fn cosine_is_euclidean_on_directions() {
    let x = normal(500, 10, 21);
    let unit = Mat::from_fn(500, 10, |i, d| {
        x[(i, d)] / (0..10).map(|d| x[(i, d)] * x[(i, d)]).sum::<f64>().sqrt()
    });
    let scaled = Mat::from_fn(500, 10, |i, d| x[(i, d)] * 10.0_f64.powi(i as i32 - 250));
    let params = KnnParams::new(9).with_metric(Metric::Cosine);
    let near = params.search(scaled.as_ref(), &mut Silent, MemoryBudget::default()).unwrap();
    let expected = brute(unit.as_ref(), 9);
    for i in 0..500 {
        assert_eq!(near.row(i), expected.row(i));
        for (got, want) in near.dist_sq(i).iter().zip(expected.dist_sq(i)) {
            assert!((got - want).abs() < 1e-14);
        }
    }
    let mut zero = x.clone();
    (0..10).for_each(|d| zero[(77, d)] = 0.0);
    let got = params.search(zero.as_ref(), &mut Silent, MemoryBudget::default());
    assert_eq!(got, Err(Error::ZeroRow { row: 77 }));
    let between = |q: &Mat<f64>, b: &Mat<f64>| {
        params.search_between(q.as_ref(), b.as_ref(), &mut Silent, MemoryBudget::default())
    };
    assert_eq!(between(&zero, &x), Err(Error::ZeroQuery { row: 77 }));
    assert_eq!(between(&x, &x).unwrap().row(3)[0], 3);
}

#[test]
fn refusals_name_what_is_wrong() {
    use embex_linalg::Error as Input;
    let x = normal(10, 3, 1);
    let candidates = 9;
    assert_eq!(knn(x.as_ref(), 0), Err(Error::NeighbourCount { k: 0, candidates }));
    assert_eq!(knn(x.as_ref(), 10), Err(Error::NeighbourCount { k: 10, candidates }));
    let one = normal(1, 3, 1);
    assert_eq!(knn(one.as_ref(), 1), Err(Error::NeighbourCount { k: 1, candidates: 0 }));
    let empty = Input::Empty { n_rows: 0, n_cols: 3 };
    assert_eq!(knn(Mat::<f64>::zeros(0, 3).as_ref(), 1), Err(Error::Input(empty.clone())));
    let mut bad = x.clone();
    bad[(4, 2)] = f64::NEG_INFINITY;
    let not_finite = Input::NotFinite { row: 4, col: 2, value: f64::NEG_INFINITY };
    assert_eq!(knn(bad.as_ref(), 2), Err(Error::Input(not_finite.clone())));
    assert_eq!(knn_between(bad.as_ref(), x.as_ref(), 2), Err(Error::Queries(not_finite)));
    let none = Mat::<f64>::zeros(0, 3);
    assert_eq!(knn_between(none.as_ref(), x.as_ref(), 2), Err(Error::Queries(empty)));
    let narrow = Error::ColumnMismatch { queries: 2, base: 3 };
    assert_eq!(knn_between(normal(4, 2, 0).as_ref(), x.as_ref(), 2), Err(narrow));
    let wide = KnnParams::new(1).with_method(Method::KdTree);
    let got = wide.search(normal(9, 9, 0).as_ref(), &mut Silent, MemoryBudget::default());
    assert_eq!(got, Err(Error::TreeColumns { n_cols: 9, most: 8 }));
}

#[test]
fn the_observer_may_cancel() {
    for d in [2, 20] {
        let x = normal(300, d, 2);
        let mut reports = Vec::new();
        let mut watch = |update: Update<'_>| {
            reports.push((update.done, update.total));
            Flow::Continue
        };
        KnnParams::new(4).search(x.as_ref(), &mut watch, MemoryBudget::bytes(1)).unwrap();
        assert_eq!((reports[0], reports.last()), ((0, 300), Some(&(300, 300))));
        let mut cancel = |_: Update<'_>| Flow::Cancel;
        let got = KnnParams::new(4).search(x.as_ref(), &mut cancel, MemoryBudget::default());
        assert_eq!(got, Err(Error::Cancelled));
    }
}
