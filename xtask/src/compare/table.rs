//! The tables: time, quality and memory side by side, and what attributions add.

use std::fmt::Write as _;
use std::path::Path;

use embex_io::{write_bytes, write_json};
use embex_report::Environment;
use serde::Serialize;

use super::contender::{Contender, Run};
use super::judge::{Judge, Quality};
use super::task::Task;

/// What the names of runs with attributions end in; the rest is the run without.
const WITH: &str = "-attributions";

/// One contender at one thread setting.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    version: String,
    threads: usize,
    wall_s: f64,
    cpu_s: Option<f64>,
    /// Round by round.
    runs: Vec<Run>,
    peak_bytes: Option<u64>,
    quality: Quality,
}

impl Row {
    /// Medians of the runs; every map is judged.
    pub(super) fn of(contender: &Contender, runs: Vec<Run>, judge: &Judge) -> anyhow::Result<Self> {
        let last = runs.last().ok_or_else(|| anyhow::anyhow!("no run of {}", contender.label()))?;
        let judged = runs.iter().map(|run| judge.quality(&run.map));
        let judged = judged.collect::<anyhow::Result<Vec<Quality>>>()?;
        Ok(Self {
            name: contender.name.clone(),
            version: last.version.clone(),
            threads: contender.threads,
            wall_s: median(runs.iter().map(|run| run.wall_s).collect()),
            cpu_s: median_if_known(runs.iter().map(|run| run.cpu_s)),
            peak_bytes: runs.iter().filter_map(|run| run.peak_bytes).max(),
            quality: Quality {
                kl: median(judged.iter().map(|quality| quality.kl).collect()),
                kept_10: median(judged.iter().map(|quality| quality.kept_10).collect()),
            },
            runs,
        })
    }

    fn attributes(&self) -> bool {
        self.name.ends_with(WITH)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[low], values[high])
}

fn median_if_known(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.collect::<Option<Vec<f64>>>().map(median)
}

/// What attributions add to a contender's run: with less without, round by round.
#[derive(Debug, Serialize)]
struct Added {
    name: String,
    threads: usize,
    wall_s: f64,
    cpu_s: Option<f64>,
}

impl Added {
    fn of(with: &Row, without: &Row) -> Self {
        let rounds = || with.runs.iter().zip(&without.runs);
        Self {
            name: without.name.clone(),
            threads: with.threads,
            wall_s: median(rounds().map(|(a, b)| a.wall_s - b.wall_s).collect()),
            cpu_s: median_if_known(rounds().map(|(a, b)| Some(a.cpu_s? - b.cpu_s?))),
        }
    }
}

/// All rows and what they were measured on.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    input: String,
    n_samples: usize,
    n_features: usize,
    n_iter: usize,
    learning_rate: f64,
    runs: usize,
    environment: Environment,
    rows: Vec<Row>,
    /// By the better thread setting of the run with attributions.
    attributions: Vec<Added>,
    not_installed: Vec<String>,
}

impl Report {
    pub(super) fn new(
        task: &Task,
        environment: Environment,
        rows: Vec<Row>,
        not_installed: Vec<String>,
    ) -> Self {
        Self {
            input: task.name.clone(),
            n_samples: task.x.n_rows(),
            n_features: task.x.n_cols(),
            n_iter: task.n_iter,
            learning_rate: task.learning_rate,
            runs: rows.first().map_or(0, |row| row.runs.len()),
            environment,
            attributions: added(&rows),
            rows,
            not_installed,
        }
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "### {}: {} × {}, {} updates, learning rate {:.1}\n\n",
            self.input, self.n_samples, self.n_features, self.n_iter, self.learning_rate
        );
        let cpu = self.environment.cpu.as_deref().unwrap_or("unknown processor");
        let (commit, runs) = (self.environment.commit.as_deref().unwrap_or("unknown"), self.runs);
        let _ = writeln!(
            text,
            "Median of {runs} {} at the better thread setting; seconds of the whole fit, neighbours \
             included; memory of the whole process. Every map is judged by the exact KL on common \
             affinities of 91 neighbours and by the share of the ten nearest neighbours kept. \
             {cpu}, {} threads, {}; commit {commit}.\n",
            if runs == 1 { "run" } else { "alternating runs" },
            self.environment.threads,
            self.environment.os,
        );
        self.write_fits(&mut text);
        if !self.attributions.is_empty() {
            self.write_attributions(&mut text);
        }
        if !self.not_installed.is_empty() {
            let _ = writeln!(text, "\nNot installed: {}.", self.not_installed.join(", "));
        }
        text
    }

    /// The better thread setting of each contender; a run with attributions is held against ours
    /// with attributions.
    fn write_fits(&self, text: &mut String) {
        text.push_str(
            "| | threads | wall | CPU | × ours (wall) | exact KL | 10-NN kept | peak MB |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        let best = best(&self.rows);
        for row in &best {
            let is_ours = |other: &&&Row| {
                other.name.starts_with("embex") && other.attributes() == row.attributes()
            };
            let ours = best.iter().find(is_ours).map(|ours| row.wall_s / ours.wall_s);
            let _ = writeln!(
                text,
                "| {} {} | {} | {:.2} | {} | {} | {:.4} | {:.3} | {} |",
                row.name,
                row.version,
                row.threads,
                row.wall_s,
                shown(row.cpu_s, 2),
                shown(ours, 2),
                row.quality.kl,
                row.quality.kept_10,
                shown(row.peak_bytes.map(|bytes| bytes as f64 / 1e6), 0),
            );
        }
    }

    fn write_attributions(&self, text: &mut String) {
        text.push_str(
            "\nAttributions of |y|² at update 250 alone: seconds of the run with them less those of \
             the run without, of the same round and thread setting. interpretable-tsne takes no given \
             map together with attributions, so that run of it starts at random.\n\n\
             | | threads | wall | CPU | × ours (wall) | × ours (CPU) |\n\
             |---|---:|---:|---:|---:|---:|\n",
        );
        let ours = self.attributions.iter().find(|added| added.name == "embex");
        for added in &self.attributions {
            let wall = ours.map(|ours| added.wall_s / ours.wall_s);
            let cpu = ours.and_then(|ours| Some(added.cpu_s? / ours.cpu_s?));
            let _ = writeln!(
                text,
                "| {} | {} | {:.3} | {} | {} | {} |",
                added.name,
                added.threads,
                added.wall_s,
                shown(added.cpu_s, 3),
                shown(wall, 0),
                shown(cpu, 0),
            );
        }
    }

    /// Writes `<input>.md` and `<input>.json`.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        let stem = Path::new(&self.input).file_stem().unwrap_or_default().to_string_lossy();
        let kind = if self.rows.iter().any(Row::attributes) { WITH } else { "" };
        write_bytes(folder.join(format!("{stem}{kind}.md")), self.markdown().as_bytes())?;
        write_json(folder.join(format!("{stem}{kind}.json")), self)?;
        Ok(())
    }
}

/// A number, or nothing where it is not known.
fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or(String::new(), |value| format!("{value:.digits$}"))
}

/// The better thread setting of each contender, fastest first.
fn best(rows: &[Row]) -> Vec<&Row> {
    let mut best: Vec<&Row> = Vec::new();
    for row in rows {
        match best.iter_mut().find(|other| other.name == row.name) {
            Some(other) if row.wall_s < other.wall_s => *other = row,
            Some(_) => {}
            None => best.push(row),
        }
    }
    best.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    best
}

/// For every contender with attributions, at its better thread setting.
fn added(rows: &[Row]) -> Vec<Added> {
    let with = best(rows).into_iter().filter(|row| row.attributes());
    let pair = |with: &Row| {
        let without = with.name.trim_end_matches(WITH);
        let without = rows.iter().find(|row| row.name == without && row.threads == with.threads)?;
        Some(Added::of(with, without))
    };
    with.filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, threads: usize, walls: [f64; 3]) -> Row {
        let run = |wall_s: f64| Run {
            wall_s,
            cpu_s: Some(2.0 * wall_s),
            peak_bytes: None,
            version: "1".into(),
            map: "map.npy".into(),
        };
        Row {
            name: name.into(),
            version: "1".into(),
            threads,
            wall_s: median(walls.to_vec()),
            cpu_s: Some(2.0 * median(walls.to_vec())),
            runs: walls.map(run).to_vec(),
            peak_bytes: None,
            quality: Quality { kl: 1.0, kept_10: 0.5 },
        }
    }

    fn report() -> Report {
        let rows = vec![
            row("embex", 1, [2.0, 2.0, 2.0]),
            row("embex", 2, [1.0, 5.0, 1.2]),
            row("embex-attributions", 1, [9.0, 9.0, 9.0]),
            row("embex-attributions", 2, [1.1, 5.3, 1.4]),
            row("interpretable-tsne", 2, [3.0, 3.0, 3.0]),
            row("interpretable-tsne-attributions", 2, [43.0, 23.0, 33.0]),
        ];
        Report {
            input: "digits".into(),
            n_samples: 3,
            n_features: 2,
            n_iter: 260,
            learning_rate: 50.0,
            runs: 3,
            environment: Environment::default(),
            attributions: added(&rows),
            rows,
            not_installed: Vec::new(),
        }
    }

    #[test]
    fn attributions_are_differences_within_a_round() {
        let report = report();
        let [ours, theirs] = &report.attributions[..] else { panic!("two pairs") };
        assert_eq!((ours.name.as_str(), ours.threads), ("embex", 2));
        assert!((ours.wall_s - 0.2).abs() < 1e-12, "the median of .1, .3, .2, not 1.4 - 1.2");
        assert!((theirs.wall_s - 30.0).abs() < 1e-12);
        assert!((theirs.cpu_s.expect("known") - 60.0).abs() < 1e-12);
        assert!(
            report.markdown().contains("| interpretable-tsne | 2 | 30.000 | 60.000 | 150 | 150 |")
        );
    }

    #[test]
    fn the_better_threads_are_shown_and_like_is_held_against_like() {
        let text = report().markdown();
        assert!(text.contains("| embex 1 | 2 | 1.20 | 2.40 | 1.00 |"), "{text}");
        assert!(!text.contains("| embex 1 | 1 |"), "{text}");
        assert!(text.contains("| embex-attributions 1 | 2 | 1.40 | 2.80 | 1.00 |"), "{text}");
        assert!(text.contains("| interpretable-tsne 1 | 2 | 3.00 | 6.00 | 2.50 |"), "{text}");
    }
}
