//! Affinities, divergences, gradients and paths of maps against stored vectors.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use embex_linalg::faer::Mat;
use embex_linalg::progress::Silent;
use embex_testkit::{Golden, assert_close};
use embex_trees::Neighbours;
use embex_tsne::repulsion::Repulsion;
use embex_tsne::step::{StepObserver, StepView};
use embex_tsne::{
    Affinities, BarnesHut, Divergence, Exact, LearningRate, Method, Optimizer, Precision,
    TsneParams,
};

/// Two f64 implementations of a bracketed search and of 50 updates.
const TIGHT: f64 = 1e-10;

/// From data to map: a change of P by 1e-13 grows along the path.
const END_TO_END: f64 = 1e-7;

/// The peers search bandwidths in single precision or to 1e-5 nats.
const PEER_P: f64 = 1e-5;

fn golden(name: &str) -> Golden {
    Golden::open(format!("{}/tests/data/{name}.npz", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// All others as neighbours, nearest first.
fn dense_neighbours(x: &Mat<f64>) -> Neighbours {
    let n = x.nrows();
    let dist_sq = |i: usize, j: usize| -> f64 {
        (0..x.ncols()).map(|d| (x[(i, d)] - x[(j, d)]).powi(2)).sum()
    };
    let (mut indices, mut distances) = (Vec::new(), Vec::new());
    for i in 0..n {
        let mut others: Vec<u32> = (0..n as u32).filter(|&j| j as usize != i).collect();
        others.sort_by(|&a, &b| dist_sq(i, a as usize).total_cmp(&dist_sq(i, b as usize)));
        distances.extend(others.iter().map(|&j| dist_sq(i, j as usize)));
        indices.extend(others);
    }
    Neighbours::new(n - 1, indices, distances).unwrap()
}

fn dense_affinities(golden: &Golden) -> Affinities {
    Affinities::from_neighbours(dense_neighbours(&golden.array("X").to_mat()), 10.0).unwrap()
}

/// The stored joint affinities, as they are.
fn stored_affinities(golden: &Golden) -> Affinities {
    let p = golden.array("P").to_mat();
    let n = p.nrows();
    let pairs = (0..n).flat_map(|i| (0..n).filter(move |&j| j != i).map(move |j| (i, j)));
    let (columns, values) = pairs.map(|(i, j)| (j as u32, p[(i, j)])).unzip();
    Affinities::from_joint((0..=n).map(|i| i * (n - 1)).collect(), columns, values).unwrap()
}

#[test]
fn dense_affinities_match() {
    let golden = golden("map_dense");
    let affinities = dense_affinities(&golden);
    let n = affinities.n_samples();
    let conditionals = affinities.conditionals().unwrap();
    assert_close("beta", conditionals.beta(), &golden.array("beta").data, TIGHT);
    let (mut directed, mut joint) = (vec![0.0; n * n], vec![0.0; n * n]);
    for i in 0..n {
        let row = conditionals.neighbours().row(i).iter().zip(conditionals.row(i));
        row.for_each(|(&j, &p)| directed[i * n + j as usize] = p);
        let (columns, p) = affinities.row(i);
        columns.iter().zip(p).for_each(|(&j, &p)| joint[i * n + j as usize] = p);
    }
    assert_close("p_{j|i}", &directed, &golden.array("cond_P").data, TIGHT);
    assert_close("p_ij", &joint, &golden.array("P").data, TIGHT);
}

/// The map, the gains and the divergence at the stored steps.
struct Path {
    steps: Vec<usize>,
    maps: Vec<Vec<f64>>,
    gains: Vec<Vec<f64>>,
}

impl StepObserver<f64, 2> for Path {
    fn wants_curvature(&self, _: usize) -> bool {
        false
    }

    fn observe(&mut self, step: &StepView<'_, f64, 2>) {
        if self.steps.contains(&(step.iteration + 1)) {
            self.maps.push(step.y_next.concat());
            self.gains.push(step.gains.concat());
        }
    }
}

fn run_settings(run: &str) -> TsneParams {
    let params = TsneParams::default()
        .with_method(Method::Exact)
        .with_precision(Precision::Double)
        .with_n_iter(50)
        .with_kl_every(1)
        .with_exaggeration_iter(30);
    if run == "plain" {
        params
            .with_learning_rate(LearningRate::Fixed(3.0))
            .with_exaggeration(1.0)
            .with_momentum_early(0.0)
            .with_momentum(0.0)
            .with_gains(false)
    } else {
        params.with_learning_rate(LearningRate::Fixed(10.0)).with_exaggeration(4.0)
    }
}

fn check_path(run: &str, affinities: &Affinities, golden: &Golden, tolerance: f64) {
    let steps = golden.array("steps").indices();
    let mut path = Path { steps: steps.clone(), maps: Vec::new(), gains: Vec::new() };
    let y0 = golden.array("Y0").data.as_chunks::<2>().0.to_vec();
    let mut optimizer = Optimizer::new(affinities, &run_settings(run), y0).unwrap();
    optimizer.run(&mut [&mut path], &mut Silent).unwrap();
    for (s, step) in steps.iter().enumerate() {
        let expected = |name: &str| golden.array(&format!("{run}_{name}")).slice(s);
        let at = format!("{run}, step {step}");
        assert_close(&format!("{at}: map"), &path.maps[s], &expected("Y").data, tolerance);
        let map = Mat::from_fn(60, 2, |i, c| path.maps[s][2 * i + c]);
        let kl = Divergence::exact(affinities, map.as_ref()).unwrap().kl();
        assert_close(&format!("{at}: KL"), &[kl], &[expected("kl").scalar()], tolerance);
        if run == "momgain" {
            assert_close(&format!("{at}: gains"), &path.gains[s], &expected("gains").data, 1e-14);
        }
    }
}

#[test]
fn plain_path_matches() {
    let golden = golden("map_dense");
    check_path("plain", &stored_affinities(&golden), &golden, TIGHT);
    check_path("plain", &dense_affinities(&golden), &golden, END_TO_END);
}

#[test]
fn path_with_momentum_and_gains_matches() {
    let golden = golden("map_dense");
    check_path("momgain", &stored_affinities(&golden), &golden, TIGHT);
    check_path("momgain", &dense_affinities(&golden), &golden, END_TO_END);
}

/// Affinities from data against scikit-learn's and openTSNE's, every row.
#[test]
fn digit_affinities_match_the_peers() {
    let golden = golden("map_digits500");
    let affinities = digit_affinities(&golden);
    let conditionals = affinities.conditionals().unwrap();
    let n = affinities.n_samples();
    let (mut columns, mut directed, mut upper) = (Vec::new(), Vec::new(), Vec::new());
    let mut starts = vec![0];
    for i in 0..n {
        let row = conditionals.neighbours().row(i).iter().copied().zip(conditionals.row(i));
        let mut row: Vec<_> = row.collect();
        row.sort_by_key(|&(j, _)| j);
        columns.extend(row.iter().map(|&(j, _)| f64::from(j)));
        directed.extend(row.iter().map(|&(_, &p)| p));
        let (others, p) = affinities.row(i);
        starts.push(starts[i] + others.len());
        upper.extend(others.iter().zip(p).filter(|&(&j, _)| j as usize > i).map(|(_, &p)| p));
    }
    assert_eq!(columns, golden.array("dist_indices").data);
    assert_eq!(starts, golden.array("P_indptr").indices());
    assert_close("p_{j|i}", &directed, &golden.array("cond_P").data, PEER_P);
    assert_close("p_ij", &upper, &golden.array("P_upper").data, PEER_P);
    assert_close("openTSNE's p_ij", &upper, &golden.array("opentsne_P_upper").data, PEER_P);
}

/// Divergences and gradients of three maps as the optimiser's first update has them, over all pairs
/// and by trees, against the sums over all pairs of the same affinities and scikit-learn's trees.
#[test]
fn digit_divergences_and_gradients_match_the_peers() {
    let golden = golden("map_digits500");
    let affinities = digit_affinities(&golden);
    for s in 0..3 {
        let map: Vec<[f64; 2]> = golden.array("Y").slice(s).data.as_chunks::<2>().0.to_vec();
        let at = |name: &str| golden.array(name).slice(s);
        let (kl, gradient) = first_update(&affinities, &map, Box::new(Exact::default()));
        let name = format!("map {s}, all pairs");
        assert_close(&format!("{name}: KL"), &[kl], &[at("kl_exact").scalar()], PEER_P);
        assert_close(&format!("{name}: gradient"), &gradient, &at("grad_exact").data, PEER_P);
        for (angle, kl_gap, gap) in [(0.0, 1e-4, 1e-4), (0.5, 1e-2, 1e-2)] {
            let tree = Box::new(BarnesHut::new(angle));
            let (kl, gradient) = first_update(&affinities, &map, tree);
            let name = format!("map {s}, angle {angle}");
            let peer = format!("bh_angle{angle:?}");
            assert_close(&format!("{name}: KL"), &[kl], &[at("kl_exact").scalar()], kl_gap);
            assert_close(&format!("{name}: gradient"), &gradient, &at("grad_exact").data, gap);
            let expected = at(&format!("kl_{peer}")).scalar();
            assert_close(&format!("{name}: the peer's KL"), &[kl], &[expected], kl_gap);
            // The peer's own gap to all pairs comes on top.
            let expected = at(&format!("grad_{peer}"));
            let gap = 2.0 * gap;
            assert_close(&format!("{name}: the peer's gradient"), &gradient, &expected.data, gap);
        }
    }
}

/// Divergence at a map, and the gradient that moved it: one update without exaggeration, gains and
/// momentum.
fn first_update(
    affinities: &Affinities,
    map: &[[f64; 2]],
    repulsion: Box<dyn Repulsion<f64, 2>>,
) -> (f64, Vec<f64>) {
    let params = run_settings("plain").with_learning_rate(LearningRate::Fixed(1.0));
    let run = Optimizer::new(affinities, &params, map.to_vec()).unwrap();
    let mut run = run.with_repulsion(repulsion);
    run.step(&mut []).unwrap();
    let moved = map.iter().flatten().zip(run.y().iter().flatten());
    (run.history()[0].divergence.kl(), moved.map(|(before, after)| before - after).collect())
}

fn digit_affinities(golden: &Golden) -> Affinities {
    let x = golden.array("X").to_mat();
    let budget = embex_linalg::MemoryBudget::default();
    TsneParams::default().affinities(x.as_ref(), &mut Silent, budget).unwrap()
}
