//! Group `kernel/occlusion`.

use criterion::{BatchSize, BenchmarkId, Criterion};
use embex_linalg::{MemoryBudget, faer::Mat, progress::Silent};
use embex_testkit::{gaussian, nested_clusters};
use embex_tsne::importance::{FeatureSets, FeatureSpace, ImportanceParams, Occlusion};

const SEED: u64 = 42;

/// Four features of 20, removed one by one: where lists are proved complete (effects 0), and
/// where every row must scan all samples (feature 0 of effect 30).
pub(crate) fn occlusion(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel/occlusion");
    group.sample_size(10);
    for (name, effect) in [("proved", 0.0), ("scanned", 30.0)] {
        for n in [1_000, 4_000] {
            let x = nested_clusters(n, 20, effect, 0.0, SEED).x;
            let loadings = gaussian(20, 10, SEED);
            let scores = &x * &loadings;
            let y = Mat::from_fn(n, 2, |i, c| scores[(i, c)]);
            let sets = vec![vec![0], vec![5], vec![10], vec![15]];
            let run = || {
                Occlusion::new(
                    FeatureSpace::Components {
                        scores: scores.as_ref(),
                        loadings: loadings.as_ref(),
                        features: x.as_ref(),
                    },
                    y.as_ref(),
                    FeatureSets::given(20, sets.clone()).expect("bench input"),
                    None,
                    ImportanceParams::default(),
                    MemoryBudget::default(),
                    &mut Silent,
                )
                .expect("bench input")
            };
            group.bench_function(BenchmarkId::new(name, n), |b| {
                b.iter_batched(
                    run,
                    |run| run.finish(&mut Silent).expect("bench input"),
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}
