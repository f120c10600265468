//! What attributions add to a whole run, in processor time.

use embex_io::{Digits, Usage};
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_report::{CellRecord, Table};
use embex_tsne::attribution::{AttributeParams, Attributor};
use embex_tsne::{Affinities, Method, Optimizer, TsneParams, init};
use serde::{Deserialize, Serialize};

use crate::reproduce::{Cell, Context};

/// One run with and without attributions, timed alternately a few times.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Config {
    bed: Bed,
    n: usize,
    d: usize,
    updates: usize,
    /// Runs that are timed together: the clock steps by 10 ms.
    runs: usize,
    repeats: usize,
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Bed {
    Digits,
    Clusters,
}

/// Median processor seconds over all threads; none where the system does not tell.
#[derive(Debug, Serialize, Deserialize)]
struct Cost {
    /// The run alone.
    map: Option<f64>,
    /// What attributions of |y|² at update 250 add, projected to all features.
    attributions: Option<f64>,
}

impl Cost {
    fn share(&self) -> Option<f64> {
        self.attributions.zip(self.map).map(|(attributions, map)| attributions / map)
    }
}

/// The table, and a record per run.
pub(super) fn measure(cx: &Context<'_>) -> anyhow::Result<(Table, Vec<CellRecord>)> {
    let (n, repeats, seed) = (cx.tier.pick(1000, 10_000, 10_000), cx.tier.pick(1, 3, 3), cx.seed);
    let clusters = |d| Config { bed: Bed::Clusters, n, d, updates: 1000, runs: 1, repeats, seed };
    let digits = Config { bed: Bed::Digits, n: 1797, d: 64, updates: 260, runs: 10, repeats, seed };
    let configs = [digits, clusters(50), clusters(5000)];
    let cells = cx.grid("share").run(&configs, cost)?;
    let mut table = Table::new(
        "Processor seconds of a whole run and of its attributions",
        &["data", "samples", "features", "updates", "map", "attributions", "attributions / map"],
    );
    let mut records = Vec::new();
    for (config, cell) in configs.iter().zip(&cells) {
        let cost = &cell.value;
        let numbers = [config.n as f64, config.d as f64, config.updates as f64].map(Into::into);
        let times = [cost.map, cost.attributions, cost.share()].map(Into::into);
        table.push([config.bed.name().into()].into_iter().chain(numbers).chain(times));
        records.extend(record(config, cell));
    }
    Ok((table, records))
}

fn record(config: &Config, cell: &Cell<Cost>) -> Option<CellRecord> {
    let share = cell.value.share()?;
    let record = cell.record("corrected", config.seed).with_param("data", config.bed.name());
    Some(record.with_param("size", config.d as f64).with_metric("attributions_over_map", share))
}

impl Bed {
    const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Clusters => "clusters",
        }
    }

    fn rows(self, n: usize, d: usize, seed: u64) -> anyhow::Result<Rows<f32>> {
        match self {
            Self::Digits => {
                let pixels = Digits::load()?.pixels.into_iter().map(f32::from).collect();
                Rows::from_vec(pixels, d).ok_or_else(|| anyhow::anyhow!("digits are {d} columns"))
            }
            Self::Clusters => {
                let bed = embex_testkit::clusters(n, d, 10, 3.0, seed);
                Ok(Rows::convert_from(bed.x.as_ref()))
            }
        }
    }
}

/// Times one configuration; neighbours and affinities are made once, outside the clock.
fn cost(config: &Config) -> anyhow::Result<Cost> {
    let x = config.bed.rows(config.n, config.d, config.seed)?;
    let params = TsneParams::default()
        .with_method(Method::BarnesHut)
        .with_n_iter(config.updates)
        .with_seed(config.seed);
    let p = params.affinities(x.as_mat(), &mut Silent, MemoryBudget::default())?;
    let (mut alone, mut added) = (Vec::new(), Vec::new());
    for _ in 0..config.repeats {
        let map = clock(config.runs, || {
            optimizer(&p, &params)?.run(&mut [], &mut Silent)?;
            Ok(())
        })?;
        let both = clock(config.runs, || attribute(&x, &p, &params))?;
        alone.push(map);
        added.push(both.zip(map).map(|(both, map)| both - map));
    }
    Ok(Cost { map: median(alone), attributions: median(added) })
}

fn optimizer<'p>(p: &'p Affinities, params: &TsneParams) -> anyhow::Result<Optimizer<'p, f32, 2>> {
    Ok(Optimizer::new(p, params, init::random(p.n_samples(), params.seed))?)
}

fn attribute(x: &Rows<f32>, p: &Affinities, params: &TsneParams) -> anyhow::Result<()> {
    let attributor = Attributor::new(&AttributeParams::default(), params, p, x.as_mat())?;
    let found = attributor.run(&mut optimizer(p, params)?, &mut Silent)?;
    for attribution in &found.attributions {
        std::hint::black_box(attribution.project(x.as_mat())?);
    }
    Ok(())
}

/// Processor seconds of one of `runs` runs.
fn clock(runs: usize, run: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Option<f64>> {
    let before = Usage::now();
    (0..runs).try_for_each(|_| run())?;
    Ok(Usage::now().since(&before).cpu_seconds.map(|seconds| seconds / runs as f64))
}

fn median(seconds: Vec<Option<f64>>) -> Option<f64> {
    let mut known: Vec<f64> = seconds.into_iter().collect::<Option<_>>()?;
    known.sort_by(f64::total_cmp);
    known.get(known.len() / 2).copied()
}
