//! Group `kernel/attribution`: what attributions add to a run, by mode.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use embex_linalg::{Rows, progress::Silent};
use embex_tsne::attribution::{AttributeParams, Attributed, Attributor, Mode};
use embex_tsne::{Affinities, LearningRate, Method, Optimizer, TsneParams, init};

const SEED: u64 = 42;
const N: usize = 2000;
const STEPS: usize = 100;

struct Bed {
    x: Rows<f32>,
    affinities: Affinities,
    params: TsneParams,
}

fn bed(d: usize) -> Bed {
    let x = embex_testkit::clusters(N, d, 8, 3.0, SEED).x;
    let near = embex_trees::knn(x.as_ref(), 91).expect("bench input");
    let params = TsneParams::default()
        .with_method(Method::BarnesHut)
        .with_learning_rate(LearningRate::Fixed(50.0))
        .with_n_iter(STEPS)
        .with_exaggeration_iter(STEPS);
    Bed {
        x: Rows::convert_from(x.as_ref()),
        affinities: Affinities::from_neighbours(near, 30.0).expect("bench input"),
        params,
    }
}

fn plain(bed: &Bed) -> Vec<[f32; 2]> {
    let start = init::random::<f32, 2>(N, SEED);
    let mut run = Optimizer::new(&bed.affinities, &bed.params, start).expect("bench input");
    run.run(&mut [], &mut Silent).expect("bench input");
    run.y().to_vec()
}

fn attributed(bed: &Bed, mode: &str, steps: &[usize]) -> Attributed<f32> {
    let mode: Mode = mode.parse().expect("a mode");
    let params = AttributeParams::default().with_mode(mode).with_steps(steps.iter().copied());
    let attributor = Attributor::new(&params, &bed.params, &bed.affinities, bed.x.as_mat());
    let start = init::random::<f32, 2>(N, SEED);
    let mut run = Optimizer::new(&bed.affinities, &bed.params, start).expect("bench input");
    attributor.expect("bench input").run(&mut run, &mut Silent).expect("bench input")
}

/// 2000 points in 50 columns, 100 Barnes–Hut updates: the run alone and with each mode, then
/// the projection into 50 and 784 features.
pub(crate) fn attribution(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel/attribution");
    group.sample_size(10);
    let small = bed(50);
    group.bench_function(BenchmarkId::new("run_alone", N), |b| b.iter(|| plain(&small)));
    for (name, mode, steps) in [
        ("run_adjoint", "corrected", &[STEPS][..]),
        ("run_adjoint_fixed_bandwidth", "corrected:fixed", &[STEPS]),
        ("run_adjoint_paper", "paper", &[STEPS]),
        ("run_adjoint_published", "published", &[STEPS]),
        ("run_forward", "corrected", &[STEPS / 2, STEPS]),
        ("run_fixed_point", "corrected:fixed_point", &[]),
    ] {
        group.bench_function(BenchmarkId::new(name, N), |b| {
            b.iter(|| attributed(&small, mode, steps));
        });
    }
    for d in [50, 784] {
        let bed = bed(d);
        let found = attributed(&bed, "corrected", &[STEPS]);
        group.bench_function(BenchmarkId::new("project", d), |b| {
            b.iter(|| black_box(found.attributions[0].project(bed.x.as_mat())));
        });
    }
    group.finish();
}
