//! `cargo xtask compare`: embex beside the peers that are installed, on one input.
//!
//! Every run is a process of its own, from the same input, initial map and settings. Contenders
//! take turns, so that a machine that slows down slows all of them; each is shown at the better of
//! its thread settings. When all have run, every map is judged by us: exact KL on common
//! affinities and the share of the ten nearest neighbours kept.

mod contender;
mod judge;
mod ours;
mod table;
mod task;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use contender::{Contender, Run};
pub(crate) use ours::{OwnArgs, run as run_own};
use table::Row;
use task::Task;

use crate::reproduce::environment;

/// What `cargo xtask compare` was asked to do.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Peers: scikit-learn, openTSNE and interpretable-tsne, those that are installed; \
    xtask/compare/README.md says how. A peer that is not there is named in the table."
)]
pub(crate) struct CompareArgs {
    /// Virtual environment with peers; may be given more than once
    #[arg(long = "python", value_name = "VENV")]
    environments: Vec<PathBuf>,
    /// `digits` (bundled); `mnist10k` or `mnist70k` (the first images on 50 principal components,
    /// from the data folder); or a .npy file
    #[arg(long, default_value = "digits")]
    input: String,
    /// Folder of data sets, as `cargo xtask data list` shows
    #[arg(long, value_name = "DIR", env = "EMBEX_DATA")]
    data: Option<PathBuf>,
    /// Runs of each contender and thread setting; contenders take turns, medians are shown
    #[arg(long, value_name = "N", default_value = "5")]
    runs: NonZeroUsize,
    /// Updates of the map, 250 of them exaggerated [default: 1000; 260 with --attributions]
    #[arg(long, value_name = "N")]
    n_iter: Option<usize>,
    /// Learning rate for the gradient with its factor 4 [default: max(n / 48, 50)]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Also time attributions of |y|² at update 250, by interpretable-tsne and by embex: runs with
    /// and without them, and the difference
    #[arg(long)]
    attributions: bool,
    /// Only contenders whose name contains this; may be given more than once
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Thread settings to try; each contender is shown at its faster one
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1,2")]
    threads: Vec<NonZeroUsize>,
    /// Folder for the table (.md) and all runs (.json)
    #[arg(long, value_name = "DIR", default_value = "results/compare")]
    out: PathBuf,
}

/// Compares, prints the table and writes it.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a folder for inputs and maps")?;
    let task = Task::prepare(args, folder.path())?;
    let (contenders, absent) = contender::find(args)?;
    let results = take_turns(&task, &contenders, args.runs.get(), folder.path())?;
    let judge = judge::Judge::new(&task)?;
    let rows: Vec<Row> = contenders
        .iter()
        .zip(results)
        .map(|(contender, runs)| Row::of(contender, runs, &judge))
        .collect::<anyhow::Result<_>>()?;
    let report = table::Report::new(&task, environment(), rows, absent);
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
    for round in 0..runs {
        for (at, contender) in contenders.iter().enumerate() {
            bar.set_message(contender.label());
            let map = folder.join(format!("map-{at}-{round}.npy"));
            results[at].push(contender.run(task, &map)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(results)
}
