//! Criterion's baselines by name.

use crate::workspace;

/// What `cargo xtask bench` was asked to do.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Ids are kernel/NAME/VARIANT/SIZE for one inner loop and tg_fig8/AXIS/VARIANT/SIZE for the \
    timings of a paper. criterion needs a C compiler; its figures are in target/criterion.\n\n\
    cargo xtask bench --save before kernel/neighbours\n\
    cargo xtask bench --against before kernel/neighbours"
)]
pub(crate) struct BenchArgs {
    /// Keep the figures under this name
    #[arg(long, value_name = "NAME", conflicts_with = "against")]
    save: Option<String>,
    /// Compare with the figures kept under this name
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Only benches whose id contains this text; without it all
    #[arg(value_name = "TEXT")]
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
