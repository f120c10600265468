//! How evenly attributions lie over features, and what the figure shows.

use embex_report::plot::{Axis, LineChart, Series};
use embex_report::{Entry, Figure, Table};

use super::{BySteps, Config, END, EVERY, FORMULAS, Followed, LAST, Names};
use crate::reproduce::{Cell, Findings};

/// Features shown and judged, as in the figure.
pub(super) const SHOWN: usize = 10;

/// What is measured of one formula along one map.
struct Measured {
    /// Evenness at the first look, at the end of exaggeration, and at the last look.
    evenness: [f64; 3],
    /// Share of true features among as many first ones at the end of exaggeration.
    relevant_first: Option<f64>,
    beyond_one: f64,
}

/// The table to which every data set adds its rows.
pub(super) fn table() -> Table {
    let at = |step| format!("evenness at {step}");
    let (first, end, last) = (at(EVERY), at(END), at(LAST));
    let columns = [
        "data",
        "samples",
        "formula",
        "maps",
        &first,
        &end,
        &last,
        "change before",
        "change after",
        "true features first",
        "beyond ±1",
    ];
    Table::new("Evenness of attributions over the features shown: mean ± sd over maps", &columns)
}

/// Adds a data set's rows, records, figures and gate.
pub(super) fn report(
    names: &Names,
    configs: &[Config],
    cells: &[Cell<Followed>],
    table: &mut Table,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let Some(first) = configs.first() else { return Ok(()) };
    let data = first.data.as_str();
    for (formula, _) in FORMULAS {
        let followed = cells.iter().map(|cell| &cell.value.by_formula[formula]);
        let measured: Vec<Measured> = followed.map(|found| Measured::of(found, names)).collect();
        table.push(row(first, formula, &measured));
        for ((config, cell), measured) in configs.iter().zip(cells).zip(&measured) {
            let mut record = cell
                .record(formula, config.seed)
                .with_param("data", data)
                .with_metric("evenness_before", measured.before())
                .with_metric("evenness_change", measured.after());
            if let Some(share) = measured.relevant_first {
                record = record.with_metric("relevant_first", share);
            }
            findings.records.push(record);
        }
        if let Some(cell) = cells.first() {
            findings.section.figures.extend(figures(names, first, formula, &cell.value)?);
        }
    }
    let values = cells.iter().flat_map(|cell| cell.value.by_formula.values());
    let finite = values.flat_map(|found| &found.classes).flatten().flatten().all(|v| v.is_finite());
    let seen = format!("{data}, {} maps", cells.len());
    findings.gate("attributions by step are finite", finite, seen);
    Ok(())
}

impl Measured {
    fn of(found: &BySteps, names: &Names) -> Self {
        let end = look(END);
        Self {
            evenness: [EVERY, END, LAST].map(|step| {
                let [a, b] = &found.classes;
                f64::midpoint(evenness(&a[look(step)][..SHOWN]), evenness(&b[look(step)][..SHOWN]))
            }),
            relevant_first: names.relevant.map(|relevant| {
                let classes = found.classes.iter().zip(&relevant);
                let shares = classes.map(|(class, relevant)| share_first(&class[end], relevant));
                shares.sum::<f64>() / relevant.len() as f64
            }),
            beyond_one: found.beyond_one[end],
        }
    }

    fn before(&self) -> f64 {
        self.evenness[1] - self.evenness[0]
    }

    fn after(&self) -> f64 {
        self.evenness[2] - self.evenness[1]
    }
}

/// Place of a step among the looks.
const fn look(step: usize) -> usize {
    step / EVERY - 1
}

fn row(config: &Config, formula: &str, measured: &[Measured]) -> Vec<Entry> {
    let of = |get: &dyn Fn(&Measured) -> f64| {
        Entry::mean_sd(&measured.iter().map(get).collect::<Vec<_>>())
    };
    let relevant: Option<Vec<f64>> = measured.iter().map(|m| m.relevant_first).collect();
    vec![
        config.data.as_str().into(),
        (config.n as f64).into(),
        formula.into(),
        (measured.len() as f64).into(),
        of(&|m| m.evenness[0]),
        of(&|m| m.evenness[1]),
        of(&|m| m.evenness[2]),
        of(&Measured::before),
        of(&Measured::after),
        relevant.map_or(Entry::Blank, |values| Entry::mean_sd(&values)),
        of(&|m| m.beyond_one),
    ]
}

/// Entropy of the features' shares over that of equal shares; 1 where nothing is attributed.
fn evenness(features: &[f64]) -> f64 {
    let total: f64 = features.iter().sum();
    if total <= 0.0 {
        return 1.0;
    }
    let shares = features.iter().map(|v| v / total).filter(|&share| share > 0.0);
    shares.map(|share| -share * share.ln()).sum::<f64>() / (features.len() as f64).ln()
}

/// Share of the relevant features among as many with the largest values.
fn share_first(features: &[f64], relevant: &[usize]) -> f64 {
    let mut order: Vec<usize> = (0..features.len()).collect();
    order.sort_by(|&a, &b| features[b].total_cmp(&features[a]));
    let first = &order[..relevant.len()];
    first.iter().filter(|f| relevant.contains(f)).count() as f64 / relevant.len() as f64
}

/// The figure's curves of one map: one figure per class.
fn figures(
    names: &Names,
    config: &Config,
    formula: &str,
    found: &Followed,
) -> anyhow::Result<Vec<Figure>> {
    let by_steps = &found.by_formula[formula];
    let mut figures = Vec::new();
    for (at, (class, name)) in by_steps.classes.iter().zip(names.classes).enumerate() {
        let title = format!("{}, {formula}: {name}", config.data);
        let mut chart =
            LineChart::new(&title, Axis::linear("updates"), Axis::linear("|class mean|"));
        for feature in 0..SHOWN {
            let point = |(&step, row): (&usize, &Vec<f64>)| (step as f64, row[feature]);
            let points = found.steps.iter().zip(class).map(point).collect();
            let curve = format!("{} {}", names.feature, feature + 1);
            chart = chart.with_series(Series::new(&curve, points));
        }
        let data = config.data.to_lowercase();
        figures.push(Figure {
            name: format!("tg-steps-{data}-{formula}-{}", at + 1),
            caption: format!(
                "{title}; the first {SHOWN} {}s, seed {}; early exaggeration ends at {END}",
                names.feature, config.seed
            ),
            svg: chart.to_svg()?,
        });
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenness_is_one_for_equal_and_zero_for_single_features() {
        assert!((evenness(&[0.2, 0.2, 0.2]) - 1.0).abs() < 1e-15);
        assert!(evenness(&[0.0, 3.0, 0.0]).abs() < 1e-15);
        assert_eq!(evenness(&[0.0, 0.0]), 1.0);
        let uneven = evenness(&[3.0, 1.0]);
        assert!(
            (uneven - (0.75 * (4.0_f64 / 3.0).ln() + 0.25 * 4.0_f64.ln()) / 2.0_f64.ln()).abs()
                < 1e-15
        );
    }

    #[test]
    fn true_features_are_counted_among_the_first() {
        assert_eq!(share_first(&[5.0, 1.0, 4.0, 3.0], &[0, 2]), 1.0);
        assert_eq!(share_first(&[5.0, 1.0, 4.0, 3.0], &[0, 1]), 0.5);
    }
}
