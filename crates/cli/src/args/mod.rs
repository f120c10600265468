//! The command line.

mod amount;
mod explain;
mod input;
mod map;
mod prepare;
mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exit::{Error, Result};

pub(crate) use amount::{Amount, Limit};
pub(crate) use explain::{ExplainArgs, ScalarArg};
pub(crate) use input::InputArgs;
pub(crate) use map::MapArgs;
pub(crate) use prepare::PrepareArgs;
pub(crate) use run::{OutputArgs, RunArgs};

const CODES: &str = "\
Exit codes:
  0    done
  2    the command line cannot be followed
  3    the input cannot be used
  4    the work would exceed --max-memory, or the memory that the machine has left
  5    a file could not be read or written
  130  interrupted; a checkpoint is kept, go on with --resume
  141  nobody reads the standard output any more";

const TSNE_EXAMPLES: &str = "\
Examples:
  Handwritten digits, bundled; then open digits/index.html in a browser:
    embex tsne bundled:digits --labels digit --out digits
  Counts of single cells from an h5ad file, coloured by a column of obs:
    embex tsne cells.h5ad --labels louvain --normalize-total --log1p --top-variable 2000 \\
        --pca 50 --out cells
  A table whose column `kind` holds the groups; see first what it would cost:
    embex tsne flowers.csv --labels kind --scale --out flowers --dry-run
  MNIST from its idx files, going on after an interruption:
    embex tsne train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz --pca 50 \\
        --out mnist --resume";

/// Embed samples, and explain which features put each point where it is
#[derive(Debug, Parser)]
#[command(name = "embex", version, after_long_help = CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a t-SNE map and say which features shape it
    ///
    /// Reads a matrix with samples in rows, makes a map of it, and writes a folder: the map, the
    /// sensitivity of every point to every feature, the importance of features to points and
    /// groups, how firmly the map holds every point (the column stability of points.csv), tables,
    /// and a page (index.html) that shows them all without a network.
    #[command(allow_negative_numbers = true, after_help = TSNE_EXAMPLES, after_long_help = format!("{TSNE_EXAMPLES}\n\n{CODES}"))]
    Tsne(Box<TsneArgs>),
    /// Say what a file holds: shape, names, labels, layers
    #[command(after_long_help = CODES)]
    Info(InfoArgs),
    /// Make the page of a result folder again
    #[command(after_long_help = CODES)]
    Report(ReportArgs),
}

/// Arguments of `embex tsne`.
#[derive(Args, Debug)]
pub(crate) struct TsneArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) prepare: PrepareArgs,
    #[command(flatten)]
    pub(crate) map: MapArgs,
    #[command(flatten)]
    pub(crate) explain: ExplainArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl TsneArgs {
    /// Refuses options that mean nothing beside the others: nothing given is ignored. A dry run
    /// takes the options of the run that it is for.
    pub(crate) fn check(&self) -> Result<()> {
        let outcome = self.map.check().and_then(|()| self.explain.check());
        outcome.map_err(Error::Usage)
    }

    /// The same for options that depend on the number of samples.
    pub(crate) fn check_samples(&self, n_samples: usize) -> Result<()> {
        let map = self.map.check_samples(n_samples);
        map.and_then(|()| self.explain.check_samples(n_samples)).map_err(Error::Usage)
    }
}

/// Arguments of `embex info`.
#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Memory that reading may take, as 500M or 4G
    #[arg(long, value_name = "SIZE", help_heading = "Running")]
    pub(crate) max_memory: Option<Amount>,
}

/// Arguments of `embex report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Result folder, as `embex tsne --out` wrote it
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
