//! What attributions add to a whole run.

use embex_io::Digits;
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_report::Table;
use embex_tsne::{Method, TsneParams};
use serde::{Deserialize, Serialize};

use super::REPEATS;
use super::clock::Cost;
use crate::reproduce::{Context, Findings};

/// Runs without and with attributions.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Config {
    bed: Bed,
    n: usize,
    d: usize,
    updates: usize,
    repeats: usize,
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Bed {
    Digits,
    Clusters,
}

/// Adds the table, and a record per run.
pub(super) fn measure(cx: &Context<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    let (n, repeats, seed) = (cx.tier.pick(1000, 10_000, 10_000), REPEATS, cx.seed);
    let clusters = |d| Config { bed: Bed::Clusters, n, d, updates: 1000, repeats, seed };
    let digits = Config { bed: Bed::Digits, n: 1797, d: 64, updates: 260, repeats, seed };
    let configs = [digits, clusters(50), clusters(5000)];
    let cells = cx.grid("share").run(&configs, cost)?;
    let columns = [
        "data",
        "samples",
        "features",
        "updates",
        "map, CPU s",
        "map, wall s",
        "attributions, CPU s",
        "attributions, wall s",
        "of it projection, CPU s",
        "attributions / map, CPU",
    ];
    let mut table = Table::new("Seconds of a whole run and of its attributions", &columns);
    for (config, cell) in configs.iter().zip(&cells) {
        let Cost { map, attributions, projection } = cell.value;
        let share = cell.value.share();
        table.push([
            config.bed.name().into(),
            (config.n as f64).into(),
            (config.d as f64).into(),
            (config.updates as f64).into(),
            map.cpu.into(),
            map.wall.into(),
            attributions.cpu.into(),
            attributions.wall.into(),
            projection.cpu.into(),
            share.into(),
        ]);
        findings.records.extend(share.map(|share| {
            let record = cell.record("corrected", config.seed);
            let record = record.with_param("data", config.bed.name());
            record.with_param("size", config.d as f64).with_metric("attributions_over_map", share)
        }));
    }
    findings.section.tables.push(table);
    Ok(())
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
    let pairs = (0..config.repeats).map(|_| Cost::pair(&x, &p, &params));
    Ok(Cost::median(&pairs.collect::<anyhow::Result<Vec<_>>>()?))
}
