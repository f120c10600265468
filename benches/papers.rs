//! Timings that the papers report: groups `<key>_<figure>/<axis>`, ids `variant/size`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_testkit::nested_clusters;
use embex_tsne::attribution::{AttributeParams, Attributor};
use embex_tsne::{Affinities, Optimizer, TsneParams, init};

const SEED: u64 = 8;
/// Updates, as in the figure.
const N_ITER: usize = 250;

/// Data, affinities and settings, made outside the clock.
struct Input {
    x: Rows<f32>,
    affinities: Affinities,
    params: TsneParams,
}

fn input(n: usize, d: usize) -> Input {
    let bed = nested_clusters(n, d, 6.0, 3.0, SEED);
    let x = Rows::<f32>::convert_from(bed.x.as_ref());
    let params = TsneParams::published().with_n_iter(N_ITER).with_seed(SEED);
    let budget = MemoryBudget::default();
    let affinities = params.affinities(x.as_mat(), &mut Silent, budget).expect("bench input");
    Input { x, affinities, params }
}

fn map(input: &Input) {
    let start = init::random::<f32, 2>(input.x.n_rows(), SEED);
    let mut run = Optimizer::new(&input.affinities, &input.params, start).expect("bench input");
    run.run(&mut [], &mut Silent).expect("bench input");
}

fn attribute(input: &Input) {
    let Input { x, affinities, params } = input;
    let wanted = AttributeParams::default();
    let attributor = Attributor::new(&wanted, params, affinities, x.as_mat()).expect("bench input");
    let start = init::random::<f32, 2>(x.n_rows(), SEED);
    let mut run = Optimizer::new(affinities, params, start).expect("bench input");
    let found = attributor.run(&mut run, &mut Silent).expect("bench input");
    for attribution in found.attributions {
        attribution.project(x.as_mat()).expect("bench input");
    }
}

fn group(c: &mut Criterion, name: &str, sizes: &[(usize, Input)]) {
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    for (size, input) in sizes {
        group.bench_with_input(BenchmarkId::new("map", size), input, |b, i| b.iter(|| map(i)));
        group.bench_with_input(BenchmarkId::new("map+attributions", size), input, |b, i| {
            b.iter(|| attribute(i));
        });
    }
}

/// Time against features [TG, Fig. 8 left]: 1000 samples.
fn tg_fig8_features(c: &mut Criterion) {
    group(c, "tg_fig8/features", &[20, 140, 380].map(|d| (d, input(1000, d))));
}

/// Time against samples [TG, Fig. 8 centre and right]: 10 features.
fn tg_fig8_samples(c: &mut Criterion) {
    group(c, "tg_fig8/samples", &[1000, 5000, 20_000].map(|n| (n, input(n, 10))));
}

criterion_group!(papers, tg_fig8_features, tg_fig8_samples);
criterion_main!(papers);
