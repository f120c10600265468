//! Everything that continuous integration checks, stage by stage.

use std::process::Command;
use std::time::Instant;

use crate::workspace;

/// A stage: what it is called, and the command that checks it; none where the machine has not what it
/// takes.
type Stage = (&'static str, fn() -> Option<Command>);

const STAGES: &[Stage] = &[
    ("format", || Some(cargo(&["fmt", "--all", "--check"]))),
    ("clippy", || Some(clippy(&[]))),
    ("clippy, all features", || Some(clippy(&["--all-features"]))),
    ("docs, all features", || Some(docs())),
    ("oldest Rust", oldest_rust),
    ("test", || Some(cargo(&["test"]))),
    ("test, approximate neighbours", || {
        let packages = ["embex-trees", "embex-tsne", "embex-cli"].map(|name| ["--package", name]);
        let mut command = cargo(&["test"]);
        command.args(packages.as_flattened()).args(["--features", "approx"]);
        command.args(["--test", "approximate", "--test", "it"]);
        Some(command)
    }),
    ("reproduce, quick", || Some(cargo(&["xtask", "reproduce"]))),
];

/// Runs every stage, also after one has failed, and prints the time of each.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut failed = Vec::new();
    let mut times = Vec::new();
    for &(name, command) in STAGES {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let Some(mut command) = command() else {
            times.push(format!("{:>8} s  skipped  {name}", "-"));
            continue;
        };
        let outcome = workspace::run(&mut command);
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

/// The workspace under the `rust-version` of its manifest, in a target folder of its own.
fn oldest_rust() -> Option<Command> {
    let toolchain = concat!(env!("CARGO_PKG_RUST_VERSION"), ".0");
    let rustup = |arguments: &[&str]| {
        let mut command = Command::new("rustup");
        command.current_dir(workspace::root()).args(["run", toolchain]).args(arguments);
        command
    };
    let found = rustup(&["rustc", "--version"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no Rust {toolchain}; `rustup toolchain install {toolchain}` gets it");
        return None;
    }
    let mut check = rustup(&["cargo", "check", "--workspace", "--all-targets", "--locked"]);
    check.env("CARGO_TARGET_DIR", workspace::root().join("target/oldest"));
    Some(check)
}
