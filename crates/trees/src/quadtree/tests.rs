use super::*;
use embex_linalg::seed::stream;
use embex_testkit::gaussian;

fn cloud<const C: usize>(n: usize, seed: u64) -> Vec<[f64; C]> {
    let x = gaussian(n, C, seed);
    (0..n).map(|i| std::array::from_fn(|c| x[(i, c)])).collect()
}

/// Counts, first moments and the positions of single points.
#[derive(Default)]
struct Tally<const C: usize> {
    count: usize,
    sum: [f64; 3],
    n_cells: usize,
    positions: Vec<usize>,
}

impl<const C: usize> Visitor<f64, C> for Tally<C> {
    fn cell(&mut self, centre: [f64; C], count: usize) {
        self.count += count;
        self.n_cells += 1;
        for c in 0..C {
            self.sum[c] += centre[c] * count as f64;
        }
    }

    fn points(&mut self, positions: Range<usize>) {
        self.count += positions.len();
        self.positions.extend(positions);
    }
}

fn check_cloud<const C: usize>(y: &[[f64; C]]) {
    let mut tree = Tree::default();
    tree.build(y);
    let mut seen: Vec<u32> = tree.order().to_vec();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..y.len() as u32));
    for angle in [0.0, 0.5, 1.0] {
        for y0 in y.iter().step_by(y.len() / 7 + 1) {
            let mut tally = Tally::default();
            tree.walk(&Bounds::point(*y0), angle, &mut tally);
            assert_eq!(tally.count, y.len());
            for c in 0..C {
                let single: f64 = tally.positions.iter().map(|&p| tree.point(p)[c]).sum();
                let all: f64 = y.iter().map(|y| y[c]).sum();
                assert!((single + tally.sum[c] - all).abs() < 1e-9 * y.len() as f64);
            }
            assert!(angle > 0.0 || tally.n_cells == 0);
        }
    }
}

#[test]
fn walks_hand_out_every_point_once() {
    check_cloud(&cloud::<1>(500, 1));
    check_cloud(&cloud::<2>(3000, 2));
    check_cloud(&cloud::<3>(2000, 3));
    check_cloud(&cloud::<2>(1, 4));
    check_cloud(&cloud::<2>(9, 5));
}

#[test]
fn groups_hold_every_point_once_and_skip_their_own() {
    let y = cloud::<2>(2000, 6);
    let mut tree = Tree::default();
    tree.build(&y);
    let mut groups = Vec::new();
    tree.groups(32, &mut groups);
    let mut next = 0;
    for group in &groups {
        assert_eq!(group.positions.start, next);
        assert!(group.positions.len() <= 32 && !group.coincident);
        next = group.positions.end;
        let mut tally = Tally::<2>::default();
        tree.walk_others(group, 0.5, &mut tally);
        assert_eq!(tally.count + group.positions.len(), 2000);
        assert!(tally.positions.iter().all(|p| !group.positions.contains(p)));
        for position in group.positions.clone() {
            assert_eq!(group.bounds.dist_sq(&tree.point(position)), 0.0);
        }
    }
    assert_eq!(next, 2000);
}

#[test]
fn duplicates_act_as_one_cell_and_equal_points_as_a_single_one() {
    let mut y = cloud::<2>(300, 7);
    for i in 0..100 {
        y[3 * i] = [0.25, -0.5];
    }
    let mut tree = Tree::default();
    tree.build(&y);
    let mut tally = Tally::<2>::default();
    tree.walk(&Bounds::point([0.25, -0.5]), 0.0, &mut tally);
    assert_eq!((tally.count, tally.n_cells, tally.positions.len()), (300, 1, 200));
    tree.build(&vec![[3.0, 3.0]; 5000]);
    let mut groups = Vec::new();
    tree.groups(32, &mut groups);
    assert_eq!(groups.len(), 1);
    assert!(groups[0].coincident && groups[0].positions == (0..5000));
}

#[test]
fn trees_do_not_depend_on_what_was_built_before() {
    let (first, second) = (cloud::<2>(700, 8), cloud::<2>(400, 9));
    let mut reused = Tree::default();
    reused.build(&first);
    reused.build(&second);
    let mut fresh = Tree::default();
    fresh.build(&second);
    assert_eq!(reused.order(), fresh.order());
    assert_eq!(reused.nodes, fresh.nodes);
}

#[test]
fn wild_coordinates_cause_no_panic() {
    let mut rng = stream(10, "quadtree test", 0);
    let wild = [f64::NAN, f64::INFINITY, -f64::INFINITY, 1e308, -1e308, 5e-324, 0.0, 1.0];
    let y: Vec<[f64; 2]> = (0..200)
        .map(|_| std::array::from_fn(|_| wild[(rand::Rng::next_u32(&mut rng) % 8) as usize]))
        .collect();
    let mut tree = Tree::default();
    for y in [&y[..], &[], &[[f64::NAN; 2]; 20], &[[1e-310, 0.0], [0.0, 0.0]]] {
        tree.build(y);
        let mut tally = Tally::<2>::default();
        tree.walk(&Bounds::point([0.0, 0.0]), 0.5, &mut tally);
        assert_eq!(tally.count, y.len());
    }
}
