//! The inner loops of the map.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use embex_linalg::MemoryBudget;
use embex_linalg::progress::Silent;
use embex_testkit::clusters;
use embex_tsne::repulsion::{Repulsion, RepulsionSums};
use embex_tsne::{Affinities, BarnesHut, Exact, Method, Optimizer, TsneParams};

const SEED: u64 = 1;

/// Bandwidths and the joint matrix of given neighbour lists.
pub(crate) fn affinities(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel/affinities");
    group.sample_size(10);
    for n in [1_000, 5_000] {
        let x = clusters(n, 20, 10, 6.0, SEED).x;
        let near = embex_trees::knn(x.as_ref(), 91).expect("bench input");
        group.bench_function(BenchmarkId::new("perplexity30", n), |b| {
            b.iter(|| Affinities::from_neighbours(near.clone(), 30.0).expect("bench input"));
        });
    }
}

/// Forces, and forces with curvature, over all pairs and by the tree, on a finished map.
pub(crate) fn repulsion(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel/repulsion");
    group.sample_size(10);
    for n in [2_000, 10_000] {
        let y = map_like(n);
        let mut out = RepulsionSums::default();
        for (id, curvature) in [("force", false), ("curvature", true)] {
            let mut exact = Exact::default();
            group.bench_function(BenchmarkId::new(format!("exact_{id}"), n), |b| {
                b.iter(|| exact.sums(black_box(&y), curvature, &mut out));
            });
            let mut tree = BarnesHut::new(0.5);
            group.bench_function(BenchmarkId::new(format!("tree_{id}"), n), |b| {
                b.iter(|| tree.sums(black_box(&y), curvature, &mut out));
            });
        }
    }
}

/// One whole update.
pub(crate) fn step(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel/step");
    group.sample_size(10);
    for n in [2_000, 5_000] {
        let x = clusters(n, 20, 10, 6.0, SEED).x;
        let params = TsneParams::default()
            .with_method(Method::BarnesHut)
            .with_n_iter(usize::MAX)
            .with_n_iter_without_progress(usize::MAX)
            .with_min_grad_norm(0.0);
        let budget = MemoryBudget::default();
        let p = params.affinities(x.as_ref(), &mut Silent, budget).expect("bench input");
        let mut run = Optimizer::new(&p, &params, map_like(n)).expect("bench input");
        group.bench_function(BenchmarkId::new("tree", n), |b| {
            b.iter(|| run.step(&mut []).expect("bench input"));
        });
    }
}

/// Ten groups, as wide as a finished map.
fn map_like(n: usize) -> Vec<[f32; 2]> {
    let x = clusters(n, 2, 10, 30.0, SEED).x;
    (0..n).map(|i| [2.0 * x[(i, 0)] as f32, 2.0 * x[(i, 1)] as f32]).collect()
}
