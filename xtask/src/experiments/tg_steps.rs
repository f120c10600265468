//! \[TG, Fig. 7\]: attributions by step. Some features stand out until early exaggeration ends, then
//! all become alike.

mod evenness;

use std::collections::BTreeMap;

use embex_linalg::pca::PcaParams;
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_report::Section;
use embex_tsne::attribution::{AttributeParams, Attribution, Attributor, Finished, Formula};
use embex_tsne::repulsion::RepulsionSums;
use embex_tsne::step::StepObserver;
use embex_tsne::{Optimizer, TsneParams, init};
use serde::{Deserialize, Serialize};

use self::evenness::{SHOWN, report};
use super::explain::clipped;
use crate::mnist;
use crate::reproduce::{Context, DataSet, Experiment, Findings, KERNELS};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "tg-steps",
    title: "TG, Fig. 7: attributions at each step",
    needs: &[],
    also: &["mnist"],
    crates: KERNELS,
    sources: &[
        include_str!("tg_steps.rs"),
        include_str!("tg_steps/evenness.rs"),
        include_str!("explain.rs"),
        include_str!("../mnist.rs"),
    ],
    run,
};

/// Updates between two looks.
const EVERY: usize = 25;
/// Last update looked at, as in the figure.
const LAST: usize = 500;
/// End of early exaggeration.
const END: usize = 250;
/// Principal components of MNIST.
const COMPONENTS: usize = 50;
/// What follows one map.
const FORMULAS: [(&str, Formula); 2] =
    [("published", Formula::Published), ("corrected", Formula::Corrected)];

/// One map.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Config {
    data: String,
    n: usize,
    seed: u64,
}

/// What both formulas say along one map.
#[derive(Debug, Serialize, Deserialize)]
struct Followed {
    steps: Vec<usize>,
    by_formula: BTreeMap<String, BySteps>,
}

/// One formula along one map.
#[derive(Debug, Default, Serialize, Deserialize)]
struct BySteps {
    /// |class mean| of the attributions of |y|²: step × feature, for the two classes shown.
    classes: [Vec<Vec<f64>>; 2],
    /// Share of the attributions beyond ±1 at each step.
    beyond_one: Vec<f64>,
}

/// Features, labels and the two classes that the figure shows.
struct Data {
    x: Rows<f32>,
    labels: Vec<usize>,
    shown: [usize; 2],
}

/// What a data set's tables and figures call things.
struct Names {
    classes: [&'static str; 2],
    feature: &'static str,
    /// Features that make the classes, where they are known.
    relevant: Option<[[usize; 2]; 2]>,
}

const SYNTHETIC: Names = Names {
    classes: ["class 1 (made by features 1 and 2)", "class 4 (made by features 1 and 3)"],
    feature: "feature",
    relevant: Some([[0, 1], [0, 2]]),
};

const MNIST: Names =
    Names { classes: ["digit 0", "digit 1"], feature: "component", relevant: None };

fn run(cx: &Context<'_>) -> anyhow::Result<Findings> {
    let mut findings = Findings::new(Section {
        id: EXPERIMENT.id.to_owned(),
        title: EXPERIMENT.title.to_owned(),
        text: text(),
        ..Section::default()
    });
    let mut table = evenness::table();
    let synthetic = configs("synthetic", 2000, cx.seed, cx.tier.pick(2, 5, 10));
    let cells = cx.grid("synthetic").run(&synthetic, |c| follow(c, &nested(c)))?;
    report(&SYNTHETIC, &synthetic, &cells, &mut table, &mut findings)?;
    if let Some(set) = cx.data_if_there("mnist")? {
        let n = cx.tier.pick(2_000, 10_000, 10_000);
        let digits = configs("MNIST", n, cx.seed, cx.tier.pick(1, 3, 10));
        let cells =
            cx.grid("mnist").on(&set).run(&digits, |c| follow(c, &components(&set, c.n)?))?;
        report(&MNIST, &digits, &cells, &mut table, &mut findings)?;
    }
    findings.section.tables.insert(0, table);
    Ok(findings)
}

fn text() -> Vec<String> {
    vec![
        format!(
            "Absolute class means of the attributions of |y|², every {EVERY} updates up to {LAST}, the \
             paper's settings and a random start; early exaggeration ends at {END}. Both formulas \
             follow the same map. The published attributions are processed as in the paper (no value \
             beyond ±1); the share that this cuts at {END} is in the table."
        ),
        format!(
            "Synthetic: the paper's design of 2000 points and ten features with effects 6 and 3. MNIST: the \
             first training images on {COMPONENTS} principal components of the pixels (0 to 255); the \
             attributions are of components, as the figure's must be: its first ten pixels would be \
             blank corners."
        ),
        format!(
            "Evenness is the entropy of the shares of the {SHOWN} features that the figure shows over \
             that of equal shares, the mean of the two classes: 1 means that all are attributed alike. \
             The paper says in words that class means become uniform after exaggeration and that, for \
             MNIST, some features grow relative to the rest before: evenness should rise after {END} and \
             fall before. For the synthetic classes it says that the true features lie above the rest: \
             \"true features first\" is the share of true ones among the two largest at {END}."
        ),
    ]
}

fn configs(data: &str, n: usize, first: u64, count: u64) -> Vec<Config> {
    (first..first + count).map(|seed| Config { data: data.to_owned(), n, seed }).collect()
}

/// The paper's design with effects 6 and 3; the figure shows classes 1 and 4.
fn nested(config: &Config) -> Data {
    let bed = embex_testkit::nested_clusters(config.n, 10, 6.0, 3.0, config.seed);
    Data { x: Rows::convert_from(bed.x.as_ref()), labels: bed.labels, shown: [0, 3] }
}

/// Principal components of MNIST; the figure shows digits 0 and 1.
fn components(set: &DataSet, n: usize) -> anyhow::Result<Data> {
    let params = PcaParams::default().with_n_components(COMPONENTS);
    let (_, scores) = params.fit_scores(mnist::images(set, n)?.as_mat())?;
    let labels = mnist::digits(set, n)?;
    Ok(Data { x: Rows::convert_from(scores.as_mat()), labels, shown: [0, 1] })
}

/// Makes one map and follows it by both formulas.
fn follow(config: &Config, data: &Data) -> anyhow::Result<Followed> {
    let params = TsneParams::published().with_n_iter(LAST).with_seed(config.seed);
    let x = data.x.as_mat();
    let affinities = params.affinities(x, &mut Silent, MemoryBudget::default())?;
    let steps: Vec<usize> = (EVERY..=LAST).step_by(EVERY).collect();
    let observer = |(_, formula)| {
        let wanted = AttributeParams::default().with_formula(formula).with_steps(steps.clone());
        Attributor::<f32, 2>::new(&wanted, &params, &affinities, x)
    };
    let mut observers = FORMULAS.map(observer).into_iter().collect::<Result<Vec<_>, _>>()?;
    let start = init::random(data.x.n_rows(), params.seed);
    let mut optimizer = Optimizer::<f32, 2>::new(&affinities, &params, start)?;
    let mut followers: Vec<&mut dyn StepObserver<f32, 2>> =
        observers.iter_mut().map(|observer| observer as _).collect();
    optimizer.run(&mut followers, &mut Silent)?;
    let finished = Finished {
        y: optimizer.y(),
        edges: optimizer.edges(),
        sums: &RepulsionSums::default(), // only the fixed point reads them
        n_steps: optimizer.iteration(),
    };
    let mut by_formula = BTreeMap::new();
    for ((name, formula), observer) in FORMULAS.into_iter().zip(observers) {
        let found = observer.finish(&affinities, &finished)?;
        by_formula.insert(name.to_owned(), BySteps::of(&found, formula, data)?);
    }
    Ok(Followed { steps, by_formula })
}

impl BySteps {
    fn of(found: &[Attribution<f32>], formula: Formula, data: &Data) -> anyhow::Result<Self> {
        let mut by_steps = Self::default();
        for attribution in found {
            let values = attribution.project(data.x.as_mat())?;
            let beyond = values.as_slice().iter().filter(|v| v.abs() > 1.0).count();
            by_steps.beyond_one.push(beyond as f64 / values.as_slice().len() as f64);
            // The paper's authors drop what is not a number, and nothing else.
            let without = match formula {
                Formula::Published => attribution.overflowed.clone(),
                _ => attribution.unusable(),
            };
            let values = if formula == Formula::Published { clipped(&values) } else { values };
            for (of_class, &class) in by_steps.classes.iter_mut().zip(&data.shown) {
                of_class.push(class_mean(&values, &data.labels, class, &without));
            }
        }
        Ok(by_steps)
    }
}

/// |mean| over one class but `without` (ascending), per feature.
fn class_mean(values: &Rows<f32>, labels: &[usize], class: usize, without: &[u32]) -> Vec<f64> {
    let is_left_out = |i: usize| without.binary_search(&(i as u32)).is_ok();
    let (mut sums, mut size) = (vec![0.0; values.n_cols()], 0.0);
    for i in (0..labels.len()).filter(|&i| labels[i] == class && !is_left_out(i)) {
        size += 1.0;
        sums.iter_mut().zip(values.row(i)).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    sums.into_iter().map(|sum: f64| (sum / f64::max(size, 1.0)).abs()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_means_lose_their_sign_last() {
        let values = Rows::from_vec(vec![1.0, -4.0, -3.0, -2.0, 9.0, 9.0], 2).expect("3 × 2");
        assert_eq!(class_mean(&values, &[5, 5, 6], 5, &[]), [1.0, 3.0]);
        assert_eq!(class_mean(&values, &[5, 5, 6], 5, &[0]), [3.0, 2.0]);
    }

    #[test]
    fn a_short_run_has_both_formulas_at_every_step() {
        let config = Config { data: "synthetic".into(), n: 200, seed: 1 };
        let data = nested(&config);
        let found = follow(&config, &data).expect("runs");
        assert_eq!((found.steps[0], found.steps.len()), (EVERY, LAST / EVERY));
        for (formula, _) in FORMULAS {
            let by_steps = &found.by_formula[formula];
            assert!(by_steps.classes.iter().all(|class| class.len() == found.steps.len()));
            assert_eq!(by_steps.beyond_one.len(), found.steps.len());
        }
    }
}
