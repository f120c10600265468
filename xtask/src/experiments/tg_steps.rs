//! \[TG, Fig. 7\]: attributions by step. Features stand out until early exaggeration ends, then
//! their attributions become alike.

use embex_linalg::faer::MatRef;
use embex_linalg::pca::PcaParams;
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows, stats};
use embex_report::plot::{Axis, LineChart, Series};
use embex_report::{Entry, Figure, Section, Table};
use embex_tsne::attribution::{AttributeParams, Attributor, Formula};
use embex_tsne::{Optimizer, TsneParams, init};
use serde::{Deserialize, Serialize};

use super::mnist;
use crate::reproduce::{Cell, Context, Experiment, Findings, KERNELS};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "tg-steps",
    title: "TG, Fig. 7: attributions at each step",
    needs: &[],
    also: &["mnist"],
    crates: KERNELS,
    sources: &[include_str!("tg_steps.rs"), include_str!("mnist.rs")],
    run,
};

/// Updates between two looks.
const EVERY: usize = 25;
/// Last update looked at, as in the figure.
const LAST: usize = 500;
/// End of early exaggeration.
const END: usize = 250;
/// Features shown, as in the figure.
const SHOWN: usize = 10;

/// One run and the formula that follows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Config {
    data: String,
    n: usize,
    formula: String,
    seed: u64,
}

/// |class mean| of the attributions of |y|²: step × feature, for the two classes shown.
#[derive(Debug, Serialize, Deserialize)]
struct BySteps {
    steps: Vec<usize>,
    classes: [Vec<Vec<f64>>; 2],
}

/// Features, labels and the two classes that the figure shows.
struct Data {
    x: Rows<f32>,
    labels: Vec<usize>,
    shown: [usize; 2],
}

fn run(cx: &Context<'_>) -> anyhow::Result<Findings> {
    let mut findings = Findings::new(Section {
        id: EXPERIMENT.id.to_owned(),
        title: EXPERIMENT.title.to_owned(),
        text: vec![format!(
            "Absolute class means of the attributions of |y|², every {EVERY} updates up to {LAST}; \
             early exaggeration ends at {END}. Evenness is the entropy of the features' shares \
             over that of equal shares: 1 means that all features are attributed alike."
        )],
        ..Section::default()
    });
    let seeds = cx.tier.pick(2, 5, 10);
    let synthetic = configs("synthetic", 2000, cx.seed, seeds);
    let cells = cx.grid("synthetic").run(&synthetic, |c| follow(c, &nested(c)))?;
    report(&synthetic, &cells, &mut findings)?;
    if let Some(set) = cx.data_if_there("mnist")? {
        let n = cx.tier.pick(2_000, 10_000, 10_000);
        let digits = configs("MNIST", n, cx.seed, cx.tier.pick(1, 3, 10));
        let cells =
            cx.grid("mnist").on(&set).run(&digits, |c| follow(c, &components(&set, c.n)?))?;
        report(&digits, &cells, &mut findings)?;
    }
    Ok(findings)
}

fn configs(data: &str, n: usize, first: u64, count: u64) -> Vec<Config> {
    let of = |seed, formula: &str| Config {
        data: data.to_owned(),
        n,
        formula: formula.to_owned(),
        seed,
    };
    (first..first + count).flat_map(|s| [of(s, "published"), of(s, "corrected")]).collect()
}

/// The paper's design with effects 6 and 3; the figure shows classes 1 and 4.
fn nested(config: &Config) -> Data {
    let bed = embex_testkit::nested_clusters(config.n, 10, 6.0, 3.0, config.seed);
    Data { x: Rows::convert_from(bed.x.as_ref()), labels: bed.labels, shown: [0, 3] }
}

/// Fifty principal components of MNIST; the figure shows digits 0 and 1.
fn components(set: &crate::reproduce::DataSet, n: usize) -> anyhow::Result<Data> {
    let digits = mnist::load(set, n)?;
    let params = PcaParams::default().with_n_components(50);
    let (_, scores) = params.fit_scores(digits.x.as_mat())?;
    Ok(Data { x: Rows::convert_from(scores.as_mat()), labels: digits.labels, shown: [0, 1] })
}

fn follow(config: &Config, data: &Data) -> anyhow::Result<BySteps> {
    let formula =
        if config.formula == "published" { Formula::Published } else { Formula::Corrected };
    let params = TsneParams::published().with_n_iter(LAST).with_seed(config.seed);
    let steps: Vec<usize> = (EVERY..=LAST).step_by(EVERY).collect();
    let wanted = AttributeParams::default().with_formula(formula).with_steps(steps.clone());
    let affinities = params.affinities(data.x.as_mat(), &mut Silent, MemoryBudget::default())?;
    let attributor = Attributor::new(&wanted, &params, &affinities, data.x.as_mat())?;
    let start = init::random(data.x.n_rows(), params.seed);
    let mut optimizer = Optimizer::<f32, 2>::new(&affinities, &params, start)?;
    let found = attributor.run(&mut optimizer, &mut Silent)?;
    let mut classes = [Vec::new(), Vec::new()];
    for attribution in found.attributions {
        let values = attribution.project(data.x.as_mat())?;
        // The paper's authors drop what is not a number, and nothing else.
        let without = match formula {
            Formula::Published => attribution.overflowed.clone(),
            _ => attribution.unusable(),
        };
        for (at, &class) in data.shown.iter().enumerate() {
            classes[at].push(class_mean(values.as_mat(), &data.labels, class, &without)?);
        }
    }
    Ok(BySteps { steps, classes })
}

/// |mean| over one class but `without` (ascending), per feature.
fn class_mean(
    values: MatRef<'_, f32>,
    labels: &[usize],
    class: usize,
    without: &[u32],
) -> anyhow::Result<Vec<f64>> {
    let is_left_out = |i: usize| without.binary_search(&(i as u32)).is_ok();
    let is_used = |&i: &usize| labels[i] == class && !is_left_out(i);
    let rows: Vec<usize> = (0..labels.len()).filter(is_used).collect();
    let members = Rows::from_vec(
        rows.iter().flat_map(|&i| (0..values.ncols()).map(move |f| values[(i, f)])).collect(),
        values.ncols(),
    );
    let members = members.ok_or_else(|| anyhow::anyhow!("attributions have no columns"))?;
    Ok(stats::column_means(members.as_mat())?.into_iter().map(f64::abs).collect())
}

fn report(
    configs: &[Config],
    cells: &[Cell<BySteps>],
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let columns = ["data", "formula", "seed", "evenness at 250", "evenness at 500", "change"];
    let mut table = Table::new("Evenness of attributions over features", &columns);
    for (config, cell) in configs.iter().zip(cells) {
        let evenness_at = |step: usize| evenness(&cell.value, step);
        let (end, last) = (evenness_at(END), evenness_at(LAST));
        table.push([
            config.data.clone().into(),
            config.formula.clone().into(),
            Entry::Number(config.seed as f64),
            end.into(),
            last.into(),
            (last - end).into(),
        ]);
        findings.records.push(
            cell.record(&config.formula, config.seed)
                .with_param("data", config.data.clone())
                .with_metric("evenness_change", last - end),
        );
        let finite = cell.value.classes.iter().flatten().flatten().all(|v| v.is_finite());
        let what = format!("{}, {}, seed {}", config.data, config.formula, config.seed);
        findings.gate("attributions by step are finite", finite, what);
    }
    findings.section.tables.push(table);
    for formula in ["published", "corrected"] {
        let found = configs.iter().zip(cells).find(|(config, _)| config.formula == formula);
        if let Some((config, cell)) = found {
            figures(config, &cell.value, findings)?;
        }
    }
    Ok(())
}

/// Mean over the two classes of the entropy of the features' shares, over its largest value.
fn evenness(found: &BySteps, step: usize) -> f64 {
    let at = step / EVERY - 1;
    let one = |class: &Vec<Vec<f64>>| {
        let total: f64 = class[at].iter().sum();
        let shares = class[at].iter().map(|v| v / total).filter(|&share| share > 0.0);
        shares.map(|share| -share * share.ln()).sum::<f64>() / (class[at].len() as f64).ln()
    };
    f64::midpoint(one(&found.classes[0]), one(&found.classes[1]))
}

fn figures(config: &Config, found: &BySteps, findings: &mut Findings) -> anyhow::Result<()> {
    for (at, class) in found.classes.iter().enumerate() {
        let title = format!("{}, {}, class shown {}", config.data, config.formula, at + 1);
        let mut chart =
            LineChart::new(&title, Axis::linear("updates"), Axis::linear("|class mean|"));
        for feature in 0..SHOWN {
            let point = |(&step, row): (&usize, &Vec<f64>)| (step as f64, row[feature]);
            let points = found.steps.iter().zip(class).map(point).collect();
            chart = chart.with_series(Series::new(&format!("feature {}", feature + 1), points));
        }
        let data = config.data.to_lowercase();
        findings.section.figures.push(Figure {
            name: format!("tg-steps-{data}-{}-{}", config.formula, at + 1),
            caption: format!("{title}: first {SHOWN} features, seed {}", config.seed),
            svg: chart.to_svg()?,
        });
    }
    Ok(())
}
