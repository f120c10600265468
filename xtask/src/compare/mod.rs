//! `cargo xtask compare`: embex beside the peers that are installed, on one input.
//!
//! Every run is a process of its own, from the same input, initial map and settings. Contenders
//! take turns, so that a machine that slows down slows all of them; each is shown at the better of
//! its thread settings. Maps are judged by us: exact KL on common affinities and the share of the
//! ten nearest neighbours kept.

mod contender;
mod judge;
mod ours;
mod table;
mod task;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use contender::{Contender, Run};
pub(crate) use ours::{OwnArgs, run as run_own};
use table::Row;
use task::Task;

/// What `cargo xtask compare` was asked to do.
#[derive(clap::Args, Debug)]
pub(crate) struct CompareArgs {
    /// Virtual environment with peers; may be given more than once
    #[arg(long = "python", value_name = "VENV")]
    environments: Vec<PathBuf>,
    /// `digits` (bundled), `mnist10k`, `mnist70k` (50 principal components) or a .npy file
    #[arg(long, default_value = "digits")]
    input: String,
    /// Folder of the larger data sets
    #[arg(long, env = "EMBEX_DATA")]
    data: Option<PathBuf>,
    /// Runs of each contender and thread setting
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Updates of the map
    #[arg(long, default_value_t = 1000)]
    n_iter: usize,
    /// Learning rate for the gradient with its factor 4 [default: max(n / 48, 50)]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Time the attributions of interpretable-tsne and ours instead (260 updates are its least)
    #[arg(long)]
    attributions: bool,
    /// Only contenders whose name contains this; may be given more than once
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Thread settings to try
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Folder for the table (.md) and the figures (.json)
    #[arg(long, default_value = "results/compare")]
    out: PathBuf,
}

/// Compares, prints the table and writes it.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<()> {
    anyhow::ensure!(args.runs > 0, "--runs must be at least 1");
    let folder = tempfile::tempdir().context("a folder for inputs and maps")?;
    let task = Task::prepare(args, folder.path())?;
    let (contenders, absent) = contender::find(args);
    let results = take_turns(&task, &contenders, args.runs, folder.path())?;
    let judge = judge::Judge::new(&task)?;
    let rows: Vec<Row> = contenders
        .iter()
        .zip(results)
        .map(|(contender, runs)| Row::of(contender, runs, &judge))
        .collect::<anyhow::Result<_>>()?;
    let report = table::Report::new(&task, args.runs, rows, absent);
    println!("{}", report.markdown());
    report.write(&args.out)
}

/// Every contender once, then again: `runs` rounds.
fn take_turns(
    task: &Task,
    contenders: &[Contender],
    runs: usize,
    folder: &Path,
) -> anyhow::Result<Vec<Vec<Run>>> {
    let bar = ProgressBar::new((runs * contenders.len()) as u64).with_style(
        ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {elapsed} {msg}")?,
    );
    bar.set_prefix("compare");
    let mut results: Vec<Vec<Run>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..runs {
        for (at, contender) in contenders.iter().enumerate() {
            bar.set_message(contender.label());
            let map = folder.join(format!("map-{at}.npy"));
            results[at].push(contender.run(task, &map)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(results)
}
