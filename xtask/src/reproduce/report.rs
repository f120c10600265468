//! The report of a run, the gates, and the committed results.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use embex_report::{
    CellRecord, DataNote, Entry, Environment, Reproduction, Section, Table, claims,
};

use super::args::{ReproduceArgs, Request};
use super::data::Missing;
use super::experiment::{Experiment, Findings};
use super::verdicts;
use crate::exit::Refusal;

const CLAIMS: &str = include_str!("../../claims.toml");

/// How an experiment ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran.
    Done(Box<Findings>),
    /// Its data are not there.
    NotRun(String),
    /// Other shards hold some of its cells.
    Waiting(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(findings) => {
                let failed = findings.gates.iter().filter(|gate| !gate.holds).count();
                let (cells, gates) = (findings.records.len(), findings.gates.len());
                write!(f, "{cells} records, {gates} gates, {failed} failed")
            }
            Self::NotRun(why) => write!(f, "not run: {why}"),
            Self::Waiting(why) => write!(f, "waiting: {why}"),
        }
    }
}

/// An experiment and how it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) experiment: &'static Experiment,
    pub(crate) outcome: Outcome,
    /// Data that it would have used.
    pub(crate) missing: Vec<Missing>,
}

/// Writes the report and fails if a gate does.
pub(crate) fn write(
    request: &Request,
    environment: &Environment,
    finished: Vec<Finished>,
    args: &ReproduceArgs,
) -> anyhow::Result<()> {
    let waiting = finished.iter().any(|done| matches!(done.outcome, Outcome::Waiting(_)));
    if waiting {
        eprintln!("no report yet: run once more without --shard when all parts are done");
        return Ok(());
    }
    let failed_gates = failed_gates(&finished);
    let report = reproduction(request, environment, finished)?;
    write_files(&args.out, &report)?;
    let page = args.out.join("report.html");
    eprintln!("{}; see {}", report.verdicts_line(), page.display());
    let committed = verdicts::folder(request.tier);
    let mut problems = failed_gates;
    if args.accept && problems.is_empty() {
        let known: Vec<String> = claims::parse(CLAIMS)?.into_iter().map(|claim| claim.id).collect();
        verdicts::keep(&committed, &report, &known)?;
    } else {
        let changed = verdicts::changed(&committed, request, &report.outcomes)?;
        problems
            .extend(changed.iter().map(|c| format!("{}: was {}, is {}", c.id, c.before, c.after)));
    }
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Gate(problems.join("\n")).into()) }
}

fn failed_gates(finished: &[Finished]) -> Vec<String> {
    let mut failed = Vec::new();
    for done in finished {
        let Outcome::Done(findings) = &done.outcome else { continue };
        for gate in findings.gates.iter().filter(|gate| !gate.holds) {
            let id = done.experiment.id;
            failed.push(format!("{id}: does not hold: {} ({})", gate.name, gate.seen));
        }
    }
    failed
}

fn reproduction(
    request: &Request,
    environment: &Environment,
    finished: Vec<Finished>,
) -> anyhow::Result<Reproduction> {
    let command = request.command();
    let mut report = Reproduction::new("Reproduction", request.tier.word(), &command);
    report.environment = environment.clone();
    let (mut records, mut not_run) = (Vec::new(), BTreeMap::new());
    for done in finished {
        let id = done.experiment.id.to_owned();
        report.data.extend(done.missing.iter().map(note));
        match done.outcome {
            Outcome::Done(findings) => {
                report.sections.push(section(done.experiment, &findings));
                records.extend(findings.records);
            }
            Outcome::NotRun(why) | Outcome::Waiting(why) => {
                report.sections.push(empty_section(done.experiment, &why));
                not_run.insert(id, why);
            }
        }
    }
    report.data.dedup();
    report.seconds = seconds(&records);
    let mut asked = claims::parse(CLAIMS)?;
    asked.retain(|claim| request.ids.contains(&claim.experiment));
    report.outcomes = claims::judge(&asked, &records, &not_run);
    Ok(report)
}

fn note(missing: &Missing) -> DataNote {
    DataNote { name: missing.name.clone(), found: false, source: missing.place_and_source() }
}

fn section(experiment: &Experiment, findings: &Findings) -> Section {
    let mut section = findings.section.clone();
    experiment.id.clone_into(&mut section.id);
    experiment.title.clone_into(&mut section.title);
    if !findings.gates.is_empty() {
        let mut table = Table::new("Gates", &["must hold", "holds", "seen"]);
        for gate in &findings.gates {
            let holds = if gate.holds { "yes" } else { "NO" };
            table.push([Entry::from(gate.name.as_str()), holds.into(), gate.seen.as_str().into()]);
        }
        section.tables.push(table);
    }
    section
}

fn empty_section(experiment: &Experiment, why: &str) -> Section {
    let (id, title) = (experiment.id.to_owned(), experiment.title.to_owned());
    Section { id, title, text: vec![format!("Not run: {why}.")], ..Section::default() }
}

/// Wall time of all cells; one cell may have left several records.
fn seconds(records: &[CellRecord]) -> f64 {
    let by_cell: BTreeMap<&str, f64> =
        records.iter().map(|record| (record.key.as_str(), record.seconds)).collect();
    by_cell.values().sum()
}

fn write_files(folder: &Path, report: &Reproduction) -> anyhow::Result<()> {
    write_figures(folder, report)?;
    write_texts(folder, report)?;
    write_text(&folder.join("report.html"), &report.to_html())
}

pub(super) fn write_figures(folder: &Path, report: &Reproduction) -> anyhow::Result<()> {
    let figures = folder.join("figures");
    fs::create_dir_all(&figures)?;
    for figure in report.sections.iter().flat_map(|section| &section.figures) {
        write_text(&figures.join(format!("{}.svg", figure.name)), &figure.svg)?;
    }
    Ok(())
}

/// The report in Markdown and its claims in CSV.
pub(super) fn write_texts(folder: &Path, report: &Reproduction) -> anyhow::Result<()> {
    write_text(&folder.join("report.md"), &report.to_markdown())?;
    write_text(&folder.join("report.csv"), &report.to_csv())
}

pub(super) fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    Ok(embex_io::write_bytes(path, text.as_bytes())?)
}
