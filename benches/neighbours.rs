//! Group `kernel/neighbours`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use embex_linalg::{MemoryBudget, faer::Mat, progress::Silent, seed::stream};
use embex_trees::{KnnParams, Method};
use rand::RngExt;

const SEED: u64 = 42;

/// Ten clusters of `d` columns, each of up to twelve dimensions.
fn clustered(n: usize, d: usize) -> Mat<f32> {
    let mut rng = stream(SEED, "bench", d as u64);
    let mut normal = || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
    let latent = d.min(12);
    let centres = Mat::from_fn(10, d, |_, _| 2.0 * normal());
    let maps = Mat::from_fn(10 * latent, d, |_, _| normal() / 3.0);
    let scores = Mat::from_fn(n, latent, |_, _| normal());
    Mat::from_fn(n, d, |i, c| {
        let place: f32 = (0..latent).map(|l| scores[(i, l)] * maps[(i % 10 * latent + l, c)]).sum();
        centres[(i % 10, c)] + place + 0.1 * normal()
    })
}

/// Exact 91 nearest neighbours of every row, in few columns by tree and by blocks, in many
/// by blocks.
pub(crate) fn neighbours(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel/neighbours");
    group.sample_size(10);
    for (name, method, d) in [
        ("tree_2", Method::KdTree, 2),
        ("blocked_2", Method::Blocked, 2),
        ("tree_6", Method::KdTree, 6),
        ("blocked_6", Method::Blocked, 6),
        ("blocked_50", Method::Blocked, 50),
        ("blocked_784", Method::Blocked, 784),
    ] {
        let params = KnnParams::new(91).with_method(method);
        for n in [2_000, 10_000] {
            let x = clustered(n, d);
            group.bench_with_input(BenchmarkId::new(name, n), &x, |b, x| {
                b.iter(|| {
                    let budget = MemoryBudget::default();
                    black_box(params.search(x.as_ref(), &mut Silent, budget)).expect("bench input")
                });
            });
        }
    }
    group.finish();
}
