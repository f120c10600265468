//! Where results go and what a run may use.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::Amount;

/// How a run is done.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArgs {
    /// Folder for the results; it appears when all of them are complete
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Go on with the interrupted run of this folder
    #[arg(long)]
    pub(crate) resume: bool,
    /// Replace a result, or begin anew where a run was interrupted
    #[arg(long, conflicts_with = "resume")]
    pub(crate) force: bool,
    /// Say what would be done and how much memory each stage would take, and stop: right to a
    /// quarter, but for runs of a few MB, of which the program itself is the most, and for
    /// approximate neighbours, which may need half of it. Exits as the run would if that is too much
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads, at most 1024; the results do not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Memory that the run may take, as 500M or 4G: fewer blocks at once, or a refusal if that is
    /// not enough; the results do not depend on it. What needs more than the machine has left is
    /// refused in any case
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_memory: Option<Amount>,
    /// Updates of the map between two checkpoints; none before the last step of --at
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) checkpoint_every: NonZeroUsize,
}

/// What is printed.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// One JSON object per line on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) quiet: bool,
}
