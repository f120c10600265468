//! Group `kernel/quality`: measures of maps and clusterings.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use embex_linalg::{MemoryBudget, progress::Silent};
use embex_metrics::{
    Average, CoRankingParams, Contingency, DbscanParams, DistanceParams, RankParams,
    SilhouetteParams,
};
use embex_testkit::clusters;

const SEED: u64 = 42;

/// Ten clusters in 50 columns against their first two columns.
pub(crate) fn quality(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel/quality");
    group.sample_size(10);
    for n in [1_000, 4_000] {
        let bed = clusters(n, 50, 10, 1.0, SEED);
        let (x, y) = (bed.x.as_ref(), bed.x.get(.., ..2));
        let budget = MemoryBudget::default();
        group.bench_function(BenchmarkId::new("ranks_100", n), |b| {
            let params = RankParams::new(100);
            b.iter(|| black_box(params.measure(x, y, &mut Silent, budget)).expect("bench input"));
        });
        group.bench_function(BenchmarkId::new("co_ranking", n), |b| {
            let params = CoRankingParams::default().with_n_rows(None);
            b.iter(|| black_box(params.measure(x, y, &mut Silent, budget)).expect("bench input"));
        });
        group.bench_function(BenchmarkId::new("distances", n), |b| {
            let pairs = DistanceParams::default().with_n_pairs(200_000).measure(x, y);
            let pairs = pairs.expect("bench input");
            b.iter(|| black_box((pairs.spearman(), pairs.kruskal_stress())));
        });
        group.bench_function(BenchmarkId::new("silhouette", n), |b| {
            let params = SilhouetteParams::default();
            b.iter(|| {
                black_box(params.measure(x, &bed.labels, &mut Silent, budget)).expect("bench input")
            });
        });
        group.bench_function(BenchmarkId::new("dbscan", n), |b| {
            let params = DbscanParams::new(0.2, 10);
            b.iter(|| black_box(params.fit(y, &mut Silent, budget)).expect("bench input"));
        });
        group.bench_function(BenchmarkId::new("adjusted_mutual_information", n), |b| {
            let other: Vec<usize> = (0..n).map(|i| i * 7919 % 1009 % 30).collect();
            b.iter(|| {
                let table = Contingency::new(&bed.labels, &other).expect("bench input");
                black_box(table.adjusted_mutual_information(Average::Arithmetic))
            });
        });
    }
    group.finish();
}
