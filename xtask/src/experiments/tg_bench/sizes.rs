//! Fig. 8: time against the number of features and of samples.

use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_report::plot::{Axis, LineChart, Series};
use embex_report::{CellRecord, Figure, Table};
use embex_tsne::TsneParams;
use serde::{Deserialize, Serialize};

use super::REPEATS;
use super::clock::{Cost, Seconds, clock};
use crate::reproduce::{Cell, Context, Findings, Tier};

/// Updates of the map, as in the figure.
const N_ITER: usize = 250;

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growing {
    /// At 1000 samples.
    Features,
    /// At 10 features.
    Samples,
}

/// One size.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Config {
    n: usize,
    d: usize,
    repeats: usize,
    seed: u64,
}

/// Medians over the repeats.
#[derive(Debug, Serialize, Deserialize)]
struct Timing {
    /// Neighbours and affinities.
    affinities: Seconds,
    cost: Cost,
}

/// One panel of the figure.
struct Panel {
    growing: Growing,
    configs: Vec<Config>,
    cells: Vec<Cell<Timing>>,
}

/// Adds tables, figures and records.
pub(super) fn measure(cx: &Context<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    let panels = [Growing::Features, Growing::Samples].map(|growing| Panel::run(cx, growing));
    let panels = panels.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    for panel in &panels {
        findings.section.tables.push(panel.table());
        findings.section.figures.extend(panel.figure()?);
        findings.records.extend(panel.records());
    }
    findings.section.tables.push(exponents(&panels));
    Ok(())
}

impl Growing {
    const fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Samples => "samples",
        }
    }

    /// The paper's sizes, or fewer of them.
    fn sizes(self, tier: Tier) -> Vec<usize> {
        match self {
            Self::Features => tier.pick(
                vec![20, 80, 380],
                (20..=380).step_by(60).collect(),
                (20..=380).step_by(20).collect(),
            ),
            Self::Samples => tier.pick(
                vec![1000, 2000, 4000],
                vec![1000, 2000, 5000, 10_000, 20_000],
                (1000..=20_000).step_by(1000).collect(),
            ),
        }
    }

    const fn config(self, size: usize, seed: u64) -> Config {
        let (n, d) = match self {
            Self::Features => (1000, size),
            Self::Samples => (size, 10),
        };
        Config { n, d, repeats: REPEATS, seed }
    }

    const fn size(self, config: &Config) -> f64 {
        match self {
            Self::Features => config.d as f64,
            Self::Samples => config.n as f64,
        }
    }
}

impl Panel {
    fn run(cx: &Context<'_>, growing: Growing) -> anyhow::Result<Self> {
        let sizes = growing.sizes(cx.tier).into_iter();
        let configs: Vec<Config> = sizes.map(|size| growing.config(size, cx.seed)).collect();
        let cells = cx.grid(growing.name()).run(&configs, time)?;
        Ok(Self { growing, configs, cells })
    }

    fn table(&self) -> Table {
        let columns = [
            "samples",
            "features",
            "map, CPU s",
            "map, wall s",
            "attributions, CPU s",
            "attributions, wall s",
            "of it projection, CPU s",
            "attributions / map, CPU",
            "affinities, CPU s",
        ];
        let title = format!("Seconds against {}", self.growing.name());
        let mut table = Table::new(&title, &columns);
        for (config, cell) in self.configs.iter().zip(&self.cells) {
            let Timing { affinities, cost } = &cell.value;
            table.push([
                (config.n as f64).into(),
                (config.d as f64).into(),
                cost.map.cpu.into(),
                cost.map.wall.into(),
                cost.attributions.cpu.into(),
                cost.attributions.wall.into(),
                cost.projection.cpu.into(),
                cost.share().into(),
                affinities.cpu.into(),
            ]);
        }
        table
    }

    /// CPU seconds of a part by size; `None` where the system does not tell.
    fn curve(&self, part: fn(&Cost) -> Seconds) -> Option<Vec<(f64, f64)>> {
        let point = |(config, cell): (&Config, &Cell<Timing>)| {
            Some((self.growing.size(config), part(&cell.value.cost).cpu?))
        };
        self.configs.iter().zip(&self.cells).map(point).collect()
    }

    fn exponent(&self, part: fn(&Cost) -> Seconds) -> Option<f64> {
        exponent(&self.curve(part)?)
    }

    fn figure(&self) -> anyhow::Result<Option<Figure>> {
        let name = self.growing.name();
        let curves = self.curve(|cost| cost.map).zip(self.curve(|cost| cost.attributions));
        let Some((map, attributions)) = curves else { return Ok(None) };
        let title = format!("Time against {name}");
        let chart = LineChart::new(&title, Axis::log(name), Axis::log("CPU seconds"))
            .with_series(Series::new("map", map))
            .with_series(Series::new("attributions", attributions));
        Ok(Some(Figure {
            name: format!("tg-bench-{name}"),
            caption: format!("CPU seconds against {name}, {N_ITER} updates (Fig. 8)"),
            svg: chart.to_svg()?,
        }))
    }

    /// One per size, and one for the exponents.
    fn records(&self) -> Vec<CellRecord> {
        let of = |cell: &Cell<Timing>, seed| {
            cell.record("corrected", seed).with_param("axis", self.growing.name())
        };
        let sized = self.configs.iter().zip(&self.cells).map(|(config, cell)| {
            let record = of(cell, config.seed).with_param("size", self.growing.size(config));
            with_metric(record, "attributions_over_map", cell.value.cost.share())
        });
        let whole = self.configs.first().zip(self.cells.first()).map(|(config, cell)| {
            let record = of(cell, config.seed);
            let record = with_metric(record, "map_exponent", self.exponent(|cost| cost.map));
            let attributions = self.exponent(|cost| cost.attributions);
            with_metric(record, "attribution_exponent", attributions)
        });
        sized.chain(whole).collect()
    }
}

fn with_metric(record: CellRecord, name: &str, value: Option<f64>) -> CellRecord {
    match value {
        Some(value) => record.with_metric(name, value),
        None => record,
    }
}

/// How fast the parts grow.
fn exponents(panels: &[Panel]) -> Table {
    let columns = ["against", "sizes", "map", "attributions"];
    let mut table = Table::new("Exponents of CPU seconds", &columns);
    for panel in panels {
        let sizes: Vec<String> =
            panel.configs.iter().map(|config| panel.growing.size(config).to_string()).collect();
        table.push([
            panel.growing.name().into(),
            format!("{} … {}", sizes[0], sizes[sizes.len() - 1]).into(),
            panel.exponent(|cost| cost.map).into(),
            panel.exponent(|cost| cost.attributions).into(),
        ]);
    }
    table
}

/// Slope of ln(seconds) over ln(size) by least squares; `None` if a time is not above 0.
fn exponent(curve: &[(f64, f64)]) -> Option<f64> {
    if curve.iter().any(|&(_, seconds)| seconds <= 0.0) {
        return None;
    }
    let points: Vec<(f64, f64)> = curve.iter().map(|&(size, s)| (size.ln(), s.ln())).collect();
    let mean =
        |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x0, y0) = (mean(|p| p.0), mean(|p| p.1));
    let (mut xy, mut xx) = (0.0, 0.0);
    for (x, y) in points {
        xy += (x - x0) * (y - y0);
        xx += (x - x0) * (x - x0);
    }
    Some(xy / xx)
}

/// Times one size on one thread.
fn time(config: &Config) -> anyhow::Result<Timing> {
    let bed = embex_testkit::nested_clusters(config.n, config.d, 6.0, 3.0, config.seed);
    let x = Rows::<f32>::convert_from(bed.x.as_ref());
    let params = TsneParams::published().with_n_iter(N_ITER).with_seed(config.seed);
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    one_thread.install(|| {
        let (mut affinities, mut pairs) = (Vec::new(), Vec::new());
        for _ in 0..config.repeats {
            let (p, seconds) = clock(|| {
                Ok(params.affinities(x.as_mat(), &mut Silent, MemoryBudget::default())?)
            })?;
            affinities.push(seconds);
            pairs.push(Cost::pair(&x, &p, &params)?);
        }
        Ok(Timing { affinities: Seconds::median(&affinities), cost: Cost::median(&pairs) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_those_of_powers() {
        let curve = |power: f64| [1.0, 2.0, 5.0].map(|size: f64| (size, 0.3 * size.powf(power)));
        for power in [0.0, 1.0, 1.7] {
            let found = exponent(&curve(power)).expect("positive times");
            assert!((found - power).abs() < 1e-12, "{found} for {power}");
        }
        assert_eq!(exponent(&[(1.0, 1.0), (2.0, -0.1)]), None);
    }

    #[test]
    fn the_full_tier_has_the_sizes_of_the_paper() {
        let features = Growing::Features.sizes(Tier::Full);
        assert_eq!((features[0], features.len(), features[18]), (20, 19, 380));
        let samples = Growing::Samples.sizes(Tier::Full);
        assert_eq!((samples[0], samples.len(), samples[19]), (1000, 20, 20_000));
        for tier in [Tier::Quick, Tier::Short] {
            assert!(Growing::Features.sizes(tier).iter().all(|size| features.contains(size)));
            assert!(Growing::Samples.sizes(tier).iter().all(|size| samples.contains(size)));
        }
    }
}
