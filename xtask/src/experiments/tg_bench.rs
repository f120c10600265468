//! \[TG, Fig. 8\]: time of t-SNE and of its attributions against features and samples.

mod share;

use std::time::Instant;

use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_report::plot::{Axis, LineChart, Series};
use embex_report::{Figure, Section, Table};
use embex_tsne::attribution::{AttributeParams, Attributor};
use embex_tsne::{Optimizer, TsneParams, init};
use serde::{Deserialize, Serialize};

use crate::reproduce::{Context, Experiment, Findings, KERNELS};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "tg-bench",
    title: "TG, Fig. 8: time against features and samples",
    needs: &[],
    also: &[],
    crates: KERNELS,
    sources: &[include_str!("tg_bench.rs"), include_str!("tg_bench/share.rs")],
    run,
};

/// Updates of the map, as in the figure.
const N_ITER: usize = 250;

/// One size, timed a few times.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Config {
    n: usize,
    d: usize,
    repeats: usize,
    seed: u64,
}

/// Median seconds.
#[derive(Debug, Serialize, Deserialize)]
struct Timing {
    /// Neighbours and affinities.
    affinities: f64,
    /// 250 updates without attributions.
    map: f64,
    /// What attributions of |y|² at update 250 add, projected to all features.
    attributions: f64,
    /// The projection's share of that.
    projection: f64,
}

fn run(cx: &Context<'_>) -> anyhow::Result<Findings> {
    let repeats = cx.tier.pick(1, 3, 5);
    let of = |n, d| Config { n, d, repeats, seed: cx.seed };
    let widths: Vec<usize> = cx.tier.pick(
        vec![20, 380],
        (20..=380).step_by(60).collect(),
        (20..=380).step_by(20).collect(),
    );
    let sizes: Vec<usize> = cx.tier.pick(
        vec![1000, 4000],
        vec![1000, 2000, 5000, 10_000, 20_000],
        (1000..=20_000).step_by(1000).collect(),
    );
    let by_features: Vec<Config> = widths.into_iter().map(|d| of(1000, d)).collect();
    let by_samples: Vec<Config> = sizes.into_iter().map(|n| of(n, 10)).collect();
    let mut findings = Findings::new(Section {
        id: EXPERIMENT.id.to_owned(),
        title: EXPERIMENT.title.to_owned(),
        text: vec![
            "Barnes–Hut, 250 updates, the paper's settings and data. The paper's own figures (16 \
             cores) are about 2 s for the map and 5 s to 2 min for the attributions; it finds the \
             attributions' time linear in the number of features. Ours grow with the features only \
             in the last product."
                .to_owned(),
        ],
        ..Section::default()
    });
    for (name, configs) in [("features", by_features), ("samples", by_samples)] {
        let cells = cx.grid(name).run(&configs, time)?;
        let mut table = Table::new(
            &format!("Seconds against {name}"),
            &[
                "samples",
                "features",
                "affinities",
                "map",
                "attributions",
                "of it projection",
                "attributions / map",
            ],
        );
        let size = |config: &Config| if name == "features" { config.d } else { config.n } as f64;
        for (config, cell) in configs.iter().zip(&cells) {
            let t = &cell.value;
            let ratio = t.attributions / t.map;
            table.push(
                [
                    config.n as f64,
                    config.d as f64,
                    t.affinities,
                    t.map,
                    t.attributions,
                    t.projection,
                    ratio,
                ]
                .map(Into::into),
            );
            let record = cell.record("corrected", config.seed).with_param("axis", name);
            findings.records.push(
                record.with_param("size", size(config)).with_metric("attributions_over_map", ratio),
            );
        }
        let points = |get: fn(&Timing) -> f64| -> Vec<(f64, f64)> {
            configs.iter().zip(&cells).map(|(c, cell)| (size(c), get(&cell.value))).collect()
        };
        let curves = [("map", points(|t| t.map)), ("attributions", points(|t| t.attributions))];
        if let [(first, _), .., (last, _)] = configs.iter().zip(&cells).collect::<Vec<_>>()[..] {
            let growth = |curve: &[(f64, f64)]| {
                (curve[curve.len() - 1].1 / curve[0].1).ln() / (size(last) / size(first)).ln()
            };
            let record = cells[0].record("corrected", cx.seed).with_param("axis", name);
            findings.records.push(
                record
                    .with_metric("attribution_exponent", growth(&curves[1].1))
                    .with_metric("map_exponent", growth(&curves[0].1)),
            );
        }
        let mut chart =
            LineChart::new(&format!("Time against {name}"), Axis::log(name), Axis::log("seconds"));
        for (name, points) in curves {
            chart = chart.with_series(Series::new(name, points));
        }
        findings.section.tables.push(table);
        findings.section.figures.push(Figure {
            name: format!("tg-bench-{name}"),
            caption: format!("Seconds against {name}, 250 updates (Fig. 8)"),
            svg: chart.to_svg()?,
        });
    }
    let (table, records) = share::measure(cx)?;
    findings.section.tables.push(table);
    findings.section.text.push(
        "Last, whole runs by Barnes–Hut with and without attributions of |y|² at update 250, \
         alternately, neighbours excluded: median processor seconds over all threads."
            .to_owned(),
    );
    findings.records.extend(records);
    Ok(findings)
}

/// Times one size; the median of its repeats.
fn time(config: &Config) -> anyhow::Result<Timing> {
    let runs =
        (0..config.repeats).map(|_| time_once(config)).collect::<anyhow::Result<Vec<_>>>()?;
    let median = |get: fn(&Timing) -> f64| {
        let mut seconds: Vec<f64> = runs.iter().map(get).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    };
    Ok(Timing {
        affinities: median(|t| t.affinities),
        map: median(|t| t.map),
        attributions: median(|t| t.attributions),
        projection: median(|t| t.projection),
    })
}

fn time_once(config: &Config) -> anyhow::Result<Timing> {
    let bed = embex_testkit::nested_clusters(config.n, config.d, 6.0, 3.0, config.seed);
    let x = Rows::<f32>::convert_from(bed.x.as_ref());
    let params = TsneParams::published().with_n_iter(N_ITER).with_seed(config.seed);
    let clock = Instant::now();
    let p = params.affinities(x.as_mat(), &mut Silent, MemoryBudget::default())?;
    let affinities = clock.elapsed().as_secs_f64();
    let start = init::random::<f32, 2>(config.n, params.seed);

    let clock = Instant::now();
    Optimizer::new(&p, &params, start.clone())?.run(&mut [], &mut Silent)?;
    let map = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    let attributor = Attributor::new(&AttributeParams::default(), &params, &p, x.as_mat())?;
    let mut optimizer = Optimizer::<f32, 2>::new(&p, &params, start)?;
    let found = attributor.run(&mut optimizer, &mut Silent)?;
    let before = clock.elapsed().as_secs_f64();
    for attribution in &found.attributions {
        attribution.project(x.as_mat())?;
    }
    let all = clock.elapsed().as_secs_f64();
    Ok(Timing { affinities, map, attributions: all - map, projection: all - before })
}
