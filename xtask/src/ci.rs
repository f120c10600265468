//! Everything that continuous integration checks, stage by stage.

use std::process::Command;
use std::time::Instant;

use crate::workspace;

/// A stage: what it is called, and the command that checks it.
type Stage = (&'static str, fn() -> Command);

const STAGES: &[Stage] = &[
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("clippy", || clippy(&[])),
    ("clippy, all features", || clippy(&["--all-features"])),
    ("docs, all features", docs),
    ("test", || cargo(&["test"])),
    ("test, approximate neighbours", || {
        cargo(&["test", "--package", "embex-trees", "--features", "approx"])
    }),
    ("test, maps of approximate neighbours", || {
        let packages = ["test", "--package", "embex-tsne", "--package", "embex-cli"];
        let mut command = cargo(&packages);
        command.args(["--features", "approx", "approximate"]);
        command
    }),
    ("reproduce, quick", || cargo(&["xtask", "reproduce"])),
];

/// Runs every stage, also after one has failed, and prints the time of each.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut failed = Vec::new();
    let mut times = Vec::new();
    for &(name, command) in STAGES {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let outcome = workspace::run(&mut command());
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        times.push(format!("{:>8.1} s  {verdict:6}  {name}", start.elapsed().as_secs_f64()));
        if let Err(error) = outcome {
            eprintln!("{error:#}");
            failed.push(name);
        }
    }
    eprintln!("\n{}", times.join("\n"));
    if failed.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("failed: {}", failed.join(", "))) }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = workspace::cargo();
    command.args(arguments);
    command
}

fn clippy(more: &[&str]) -> Command {
    let mut command = cargo(&["clippy", "--workspace", "--all-targets"]);
    command.args(more).args(["--", "-D", "warnings"]);
    command
}

fn docs() -> Command {
    let mut command =
        cargo(&["doc", "--workspace", "--no-deps", "--lib", "--bins", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}
