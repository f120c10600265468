//! The table: time, quality and memory side by side.

use std::fmt::Write as _;
use std::path::Path;

use embex_io::{write_bytes, write_json};
use serde::Serialize;

use super::contender::{Contender, Run};
use super::judge::{Judge, Quality};
use super::task::Task;

/// One contender at one thread setting.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    version: String,
    threads: usize,
    wall_s: f64,
    cpu_s: f64,
    runs: Vec<Run>,
    peak_bytes: u64,
    quality: Quality,
}

impl Row {
    pub(super) fn of(
        contender: &Contender,
        runs: Vec<Run>,
        judge: &Judge<'_>,
    ) -> anyhow::Result<Self> {
        let last = runs.last().ok_or_else(|| anyhow::anyhow!("no run of {}", contender.label()))?;
        Ok(Self {
            name: contender.name.clone(),
            version: last.version.clone(),
            threads: contender.threads,
            wall_s: median(runs.iter().map(|run| run.wall_s).collect()),
            cpu_s: median(runs.iter().map(|run| run.cpu_s).collect()),
            peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0),
            quality: judge.quality(&last.map)?,
            runs,
        })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[low], values[high])
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
    rows: Vec<Row>,
    not_installed: Vec<String>,
}

impl Report {
    pub(super) fn new(
        task: &Task,
        runs: usize,
        rows: Vec<Row>,
        not_installed: Vec<String>,
    ) -> Self {
        Self {
            input: task.name.clone(),
            n_samples: task.x.n_rows(),
            n_features: task.x.n_cols(),
            n_iter: task.n_iter,
            learning_rate: task.learning_rate,
            runs,
            rows,
            not_installed,
        }
    }

    /// The better thread setting of each contender, fastest first.
    fn best(&self) -> Vec<&Row> {
        let mut best: Vec<&Row> = Vec::new();
        for row in &self.rows {
            match best.iter_mut().find(|other| other.name == row.name) {
                Some(other) if row.wall_s < other.wall_s => *other = row,
                Some(_) => {}
                None => best.push(row),
            }
        }
        best.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
        best
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "### {}: {} × {}, {} updates, learning rate {:.1}\n\n\
             Median of {} alternating runs at the better thread setting; \
             times in seconds of the whole fit, neighbours included.\n\n\
             | | threads | wall | CPU | × ours (wall) | exact KL | 10-NN kept | peak MB |\n\
             |---|---|---|---|---|---|---|---|\n",
            self.input, self.n_samples, self.n_features, self.n_iter, self.learning_rate, self.runs
        );
        let best = self.best();
        let ours = best.iter().find(|row| row.name.starts_with("embex")).map(|row| row.wall_s);
        for row in &best {
            let ratio = ours.map_or(String::new(), |ours| format!("{:.2}", row.wall_s / ours));
            let _ = writeln!(
                text,
                "| {} {} | {} | {:.2} | {:.2} | {ratio} | {:.4} | {:.3} | {:.0} |",
                row.name,
                row.version,
                row.threads,
                row.wall_s,
                row.cpu_s,
                row.quality.kl,
                row.quality.kept_10,
                row.peak_bytes as f64 / 1e6,
            );
        }
        if !self.not_installed.is_empty() {
            let _ = writeln!(text, "\nNot installed: {}.", self.not_installed.join(", "));
        }
        text
    }

    /// Writes `<input>.md` and `<input>.json`.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        let stem = Path::new(&self.input).file_stem().unwrap_or_default().to_string_lossy();
        let kind = if self.rows.iter().any(|row| row.name.ends_with("attributions")) {
            "-attributions"
        } else {
            ""
        };
        write_bytes(folder.join(format!("{stem}{kind}.md")), self.markdown().as_bytes())?;
        write_json(folder.join(format!("{stem}{kind}.json")), self)?;
        Ok(())
    }
}
