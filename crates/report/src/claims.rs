//! Claims of the papers, and the verdict our numbers give on each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{CellRecord, Error, Result};

/// How a value of ours is held against the paper's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Within the tolerance on both sides.
    #[default]
    Near,
    /// At least the value, less the tolerance.
    AtLeast,
    /// At most the value, plus the tolerance.
    AtMost,
}

/// One number, or one statement coded as a number, that a paper gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Unique name.
    pub id: String,
    /// Key of the paper, as `TG`.
    pub paper: String,
    /// Table or figure, as `Table S1`.
    pub place: String,
    /// Which cell or statement of it.
    pub cell: String,
    /// Experiment that can judge it.
    pub experiment: String,
    /// Metric of the experiment's cells that is held against the value.
    pub metric: String,
    /// Cells to use: those whose params have all these values.
    #[serde(default)]
    pub filter: BTreeMap<String, Value>,
    /// Method (column) that stands for the paper.
    #[serde(default = "published")]
    pub method: String,
    /// The paper's value.
    pub value: f64,
    /// The paper's standard deviation, if it gives one.
    #[serde(default)]
    pub sd: Option<f64>,
    /// Allowed difference, absolute.
    #[serde(default)]
    pub tolerance: f64,
    /// Which differences count.
    #[serde(default)]
    pub direction: Direction,
    /// Whether the number is a time, which depends on the machine: its verdict is shown, but
    /// left out of a [`snapshot`].
    #[serde(default)]
    pub timed: bool,
    /// Anything a reader should know, as a reason why the number cannot be right.
    #[serde(default)]
    pub note: String,
}

fn published() -> String {
    "published".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimsFile {
    #[serde(default)]
    claim: Vec<Claim>,
}

/// Reads the `[[claim]]` tables of a TOML text.
///
/// # Errors
/// [`Error::ClaimsToml`] for anything but such tables (a misspelt field too), [`Error::Claim`] for
/// an empty or repeated id, a value that is not finite, or a negative tolerance or deviation.
///
/// # Example
/// ```
/// let claims = embex_report::claims::parse(r#"
///     [[claim]]
///     id = "tg-s1-8-3"
///     paper = "TG"
///     place = "Table S1"
///     cell = "effects 8 and 3, AUROC"
///     experiment = "tg-synthetic"
///     metric = "auroc"
///     filter = { effects = "8/3" }
///     value = 0.9
///     tolerance = 0.05
/// "#)?;
/// assert_eq!(claims[0].method, "published");
/// # Ok::<(), embex_report::Error>(())
/// ```
pub fn parse(toml_text: &str) -> Result<Vec<Claim>> {
    let claims = toml::from_str::<ClaimsFile>(toml_text)?.claim;
    for (at, claim) in claims.iter().enumerate() {
        let refuse = |field, problem| Err(Error::Claim { id: claim.id.clone(), field, problem });
        if claim.id.is_empty() {
            return refuse("id", "is empty");
        }
        if claims[..at].iter().any(|earlier| earlier.id == claim.id) {
            return refuse("id", "occurs twice");
        }
        if !claim.value.is_finite() {
            return refuse("value", "is not a finite number");
        }
        if !(claim.tolerance.is_finite() && claim.tolerance >= 0.0) {
            return refuse("tolerance", "must be finite and not negative");
        }
        if claim.sd.is_some_and(|sd| !(sd.is_finite() && sd >= 0.0)) {
            return refuse("sd", "must be finite and not negative");
        }
    }
    Ok(claims)
}

/// What repeated runs say about one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Number of runs.
    pub n: usize,
    /// Mean over runs.
    pub mean: f64,
    /// Standard deviation of the runs (n − 1); `None` for a single run.
    pub sd: Option<f64>,
    /// 95 % interval of the mean by Student's t; `None` for a single run.
    pub interval: Option<(f64, f64)>,
}

impl Estimate {
    /// Summarises runs, in the order given; `None` if there are none.
    ///
    /// ```
    /// let estimate = embex_report::Estimate::of(&[1.0, 2.0, 3.0]).unwrap();
    /// assert_eq!((estimate.mean, estimate.sd), (2.0, Some(1.0)));
    /// let (low, high) = estimate.interval.unwrap();
    /// assert!((high - low - 2.0 * 4.302652729911 / 3f64.sqrt()).abs() < 1e-6);
    /// ```
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        if n == 1 {
            return Some(Self { n, mean, sd: None, interval: None });
        }
        let freedom = (n - 1) as f64;
        let sd = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / freedom).sqrt();
        let interval = StudentsT::new(0.0, 1.0, freedom).ok().map(|t| {
            let half = t.inverse_cdf(0.975) * sd / (n as f64).sqrt();
            (mean - half, mean + half)
        });
        Some(Self { n, mean, sd: Some(sd), interval })
    }
}

/// What our numbers say about a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Ours agrees within the tolerance.
    Reproduced,
    /// Ours does not.
    Differs,
    /// Ours lies less than a standard error from the border between the two: further runs, or
    /// another machine's last bits, could turn it. The error is that of the mean of our runs, from
    /// their standard deviation or the paper's, whichever is larger; 0 where neither is known.
    Undecided,
    /// There is no number of ours, and why.
    NotRun(String),
}

impl Verdict {
    /// `reproduced`, `differs`, `undecided` or `not run`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Differs => "differs",
            Self::Undecided => "undecided",
            Self::NotRun(_) => "not run",
        }
    }
}

/// A claim with everything we know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The claim.
    pub claim: Claim,
    /// Our estimate for each method that has the metric, by method.
    pub estimates: BTreeMap<String, Estimate>,
    /// (ours − paper) / paper's standard deviation, where the paper gives one above 0.
    pub deviation_sd: Option<f64>,
    /// The verdict on the claim's own method.
    pub verdict: Verdict,
}

/// Judges every claim by the finished cells. `not_run` gives the reason, by experiment, why an
/// experiment has no cells, as a missing data file.
///
/// Cells count in order of seed and key, so the order they finished in does not matter.
///
/// ```
/// use embex_report::{CellRecord, Verdict, claims};
/// # let toml = "[[claim]]\nid='a'\npaper='TG'\nplace='p'\ncell='c'\nexperiment='e'\nmetric='m'\nvalue=1.0\ntolerance=0.1";
/// let claims = claims::parse(toml)?; // value 1, tolerance 0.1
/// let cells = [CellRecord::new("e", "published", 0).with_metric("m", 1.05)];
/// let outcomes = claims::judge(&claims, &cells, &Default::default());
/// assert_eq!(outcomes[0].verdict, Verdict::Reproduced);
/// # Ok::<(), embex_report::Error>(())
/// ```
pub fn judge(
    claims: &[Claim],
    cells: &[CellRecord],
    not_run: &BTreeMap<String, String>,
) -> Vec<Outcome> {
    let mut ordered: Vec<&CellRecord> = cells.iter().collect();
    ordered.sort_by(|a, b| (a.seed, &a.key).cmp(&(b.seed, &b.key)));
    claims.iter().map(|claim| judge_one(claim, &ordered, not_run)).collect()
}

fn judge_one(claim: &Claim, cells: &[&CellRecord], not_run: &BTreeMap<String, String>) -> Outcome {
    let mut runs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| answers(claim, cell)) {
        if let Some(&value) = cell.metrics.get(&claim.metric) {
            runs.entry(cell.method.clone()).or_default().push(value);
        }
    }
    let estimates: BTreeMap<String, Estimate> = runs
        .into_iter()
        .filter_map(|(method, values)| Some((method, Estimate::of(&values)?)))
        .collect();
    let ours = estimates.get(&claim.method);
    let verdict = ours.map_or_else(
        || {
            let why = not_run.get(&claim.experiment);
            Verdict::NotRun(why.cloned().unwrap_or_else(|| "left to a larger tier".into()))
        },
        |ours| verdict(claim, ours),
    );
    let paper_sd = claim.sd.filter(|&sd| sd > 0.0);
    let deviation_sd = ours.zip(paper_sd).map(|(ours, sd)| (ours.mean - claim.value) / sd);
    Outcome { claim: claim.clone(), estimates, deviation_sd, verdict }
}

fn answers(claim: &Claim, cell: &CellRecord) -> bool {
    cell.experiment == claim.experiment
        && claim.filter.iter().all(|(name, value)| cell.params.get(name) == Some(value))
}

fn verdict(claim: &Claim, ours: &Estimate) -> Verdict {
    let above = ours.mean - claim.value;
    let within = match claim.direction {
        Direction::Near => claim.tolerance - above.abs(),
        Direction::AtLeast => claim.tolerance + above,
        Direction::AtMost => claim.tolerance - above,
    };
    let sd = ours.sd.unwrap_or(0.0).max(claim.sd.unwrap_or(0.0));
    // Some ulps of slack, so that 0.3 is within 0.1 of 0.2.
    let slack = 4.0 * f64::EPSILON * (claim.tolerance + ours.mean.abs());
    if within.abs() < sd / (ours.n as f64).sqrt() {
        Verdict::Undecided
    } else if within >= -slack {
        Verdict::Reproduced
    } else {
        Verdict::Differs
    }
}

/// A verdict that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Id of the claim.
    pub id: String,
    /// Word of the stored verdict.
    pub before: String,
    /// Word of the verdict now.
    pub after: String,
}

/// Words of all verdicts by id, as committed beside the results; times are left out.
pub fn snapshot(outcomes: &[Outcome]) -> BTreeMap<String, String> {
    let lasting = outcomes.iter().filter(|outcome| !outcome.claim.timed);
    lasting.map(|o| (o.claim.id.clone(), o.verdict.word().to_owned())).collect()
}

/// Verdicts that changed since a [`snapshot`]: decided then and now, and not the same. Claims not
/// judged in one of the two do not count: a shorter tier leaves many out.
pub fn changes(before: &BTreeMap<String, String>, outcomes: &[Outcome]) -> Vec<Change> {
    let decided = |word: &str| {
        [Verdict::Reproduced, Verdict::Differs].iter().any(|verdict| verdict.word() == word)
    };
    snapshot(outcomes)
        .into_iter()
        .filter_map(|(id, after)| {
            let before = before.get(&id)?.clone();
            let changed = before != after && decided(&before) && decided(&after);
            changed.then_some(Change { id, before, after })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(value: f64, tolerance: f64, direction: Direction) -> Claim {
        Claim {
            id: "a".into(),
            paper: "TG".into(),
            place: "Table S1".into(),
            cell: "c".into(),
            experiment: "e".into(),
            metric: "m".into(),
            filter: BTreeMap::new(),
            method: published(),
            value,
            sd: Some(0.1),
            tolerance,
            direction,
            timed: false,
            note: String::new(),
        }
    }

    fn cell(seed: u64, method: &str, value: f64) -> CellRecord {
        CellRecord::new("e", method, seed).with_metric("m", value)
    }

    #[test]
    fn directions_and_borders() {
        use Direction::{AtLeast, AtMost, Near};
        let cases = [
            (Near, 0.2, 0.1, 0.3, true),
            (Near, 0.2, 0.1, 0.301, false),
            (Near, 0.2, 0.1, 0.09, false),
            (AtLeast, 0.2, 0.1, 5.0, true),
            (AtLeast, 0.2, 0.1, 0.1, true),
            (AtLeast, 0.2, 0.1, 0.09, false),
            (AtMost, 0.2, 0.1, -5.0, true),
            (AtMost, 0.2, 0.0, 0.2, true),
            (AtMost, 0.2, 0.0, 0.2001, false),
        ];
        for (direction, value, tolerance, ours, holds) in cases {
            let claim = Claim { sd: None, ..claim(value, tolerance, direction) };
            let got = verdict(&claim, &Estimate::of(&[ours]).unwrap()) == Verdict::Reproduced;
            assert_eq!(got, holds, "{direction:?} {value} {tolerance} {ours}");
        }
    }

    #[test]
    fn means_deviations_and_methods_are_kept_apart() {
        let claims = [claim(0.5, 0.05, Direction::Near)];
        let cells = [
            cell(1, "published", 0.8),
            cell(0, "published", 0.6),
            cell(0, "importance", 0.9),
            CellRecord::new("other", "published", 0).with_metric("m", 9.0),
        ];
        let outcome = &judge(&claims, &cells, &BTreeMap::new())[0];
        assert_eq!(outcome.verdict, Verdict::Differs);
        assert_eq!(outcome.estimates["published"].n, 2);
        assert!((outcome.estimates["published"].mean - 0.7).abs() < 1e-15);
        assert!((outcome.deviation_sd.unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(outcome.estimates["importance"].interval, None);
    }

    #[test]
    fn the_order_cells_finish_in_does_not_matter() {
        let claims = [claim(0.5, 0.05, Direction::Near)];
        let mut cells: Vec<_> = (0..9).map(|s| cell(s, "published", 0.1 * s as f64)).collect();
        let before = judge(&claims, &cells, &BTreeMap::new());
        cells.reverse();
        assert_eq!(judge(&claims, &cells, &BTreeMap::new()), before);
    }

    #[test]
    fn what_did_not_run_says_why() {
        let mut filtered = claim(0.5, 0.05, Direction::Near);
        filtered.filter.insert("effects".into(), "8/3".into());
        let why = BTreeMap::from([("e".to_owned(), "MNIST is missing".to_owned())]);
        let outcomes = judge(&[filtered.clone()], &[cell(0, "published", 0.5)], &why);
        assert_eq!(outcomes[0].verdict, Verdict::NotRun("MNIST is missing".into()));
        let outcomes = judge(&[filtered], &[], &BTreeMap::new());
        assert!(matches!(outcomes[0].verdict, Verdict::NotRun(_)));
    }

    #[test]
    fn only_judged_verdicts_can_change() {
        let claims = [Claim { sd: None, ..claim(0.5, 0.05, Direction::Near) }];
        let now = judge(&claims, &[cell(0, "published", 0.5)], &BTreeMap::new());
        let was = |word: &str| BTreeMap::from([("a".to_owned(), word.to_owned())]);
        assert_eq!(changes(&was("differs"), &now).len(), 1);
        assert!(changes(&was("reproduced"), &now).is_empty());
        assert!(changes(&was("not run"), &now).is_empty());
        assert!(changes(&BTreeMap::new(), &now).is_empty());
        let none = judge(&claims, &[], &BTreeMap::new());
        assert!(changes(&was("differs"), &none).is_empty());
        let timed = [Claim { timed: true, ..claims[0].clone() }];
        let now = judge(&timed, &[cell(0, "published", 0.5)], &BTreeMap::new());
        assert!(changes(&was("differs"), &now).is_empty() && snapshot(&now).is_empty());
    }

    #[test]
    fn what_the_runs_do_not_decide_cannot_change() {
        let claims = [claim(0.5, 0.1, Direction::Near)]; // the paper's deviation is 0.1
        let judged = |value: f64, runs: u64| {
            let cells: Vec<_> = (0..runs).map(|seed| cell(seed, "published", value)).collect();
            judge(&claims, &cells, &BTreeMap::new())
        };
        // Two runs have a standard error of 0.07, so 0.65 may be chance; with 16 runs it is not.
        assert_eq!(snapshot(&judged(0.65, 2))["a"], "undecided");
        assert_eq!(snapshot(&judged(0.65, 16))["a"], "differs");
        assert_eq!(snapshot(&judged(0.51, 2))["a"], "reproduced");
        let was = |word: &str| BTreeMap::from([("a".to_owned(), word.to_owned())]);
        assert!(changes(&was("reproduced"), &judged(0.65, 2)).is_empty());
        assert!(changes(&was("undecided"), &judged(0.65, 16)).is_empty());
        assert_eq!(changes(&was("reproduced"), &judged(0.65, 16)).len(), 1);
        let one_sided = [claim(0.5, 0.0, Direction::AtLeast)];
        let cells = [cell(0, "published", 0.45)];
        let outcomes = judge(&one_sided, &cells, &BTreeMap::new());
        assert_eq!(outcomes[0].verdict, Verdict::Undecided);
    }

    #[test]
    fn bad_claims_are_named() {
        let base =
            "[[claim]]\nid='a'\npaper='TG'\nplace='p'\ncell='c'\nexperiment='e'\nmetric='m'\n";
        let refused = |rest: &str| parse(&format!("{base}{rest}")).unwrap_err();
        assert!(matches!(refused("value=nan"), Error::Claim { field: "value", .. }));
        assert!(matches!(
            refused("value=1.0\ntolerance=-0.1"),
            Error::Claim { field: "tolerance", .. }
        ));
        assert!(matches!(refused("value=1.0\nsd=-1.0"), Error::Claim { field: "sd", .. }));
        assert!(matches!(refused("valeu=1.0"), Error::ClaimsToml(_)));
        let twice = format!("{base}value=1.0\n{base}value=2.0\n");
        assert!(matches!(parse(&twice), Err(Error::Claim { field: "id", .. })));
        assert!(parse("").unwrap().is_empty());
    }
}
