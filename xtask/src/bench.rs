//! Criterion's baselines by name.

use crate::workspace;

/// What `cargo xtask bench` was asked to do.
#[derive(clap::Args, Debug)]
pub(crate) struct BenchArgs {
    /// Keep the figures under this name
    #[arg(long, value_name = "NAME", conflicts_with = "against")]
    save: Option<String>,
    /// Compare with the figures kept under this name
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Only benches whose id contains this text, as in kernel/neighbours
    filter: Option<String>,
}

/// Runs the benches.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args(["bench", "--package", "embex-benches", "--"]);
    if let Some(name) = &args.save {
        command.args(["--save-baseline", name]);
    }
    if let Some(name) = &args.against {
        command.args(["--baseline", name]);
    }
    command.args(&args.filter);
    workspace::run(&mut command)
}
