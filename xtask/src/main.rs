//! Experiments, comparisons, benches and checks: `cargo xtask --help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

mod bench;
mod ci;
mod compare;
mod data;
mod exit;
mod experiments;
mod mnist;
mod reproduce;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Experiments, comparisons, benches and checks of embex"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run experiments and write the report
    Reproduce(reproduce::ReproduceArgs),
    /// List the experiments that `reproduce` knows
    List,
    /// List or verify the data sets that experiments use
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Compare with the peers that are installed: time, exact KL, neighbours kept, memory
    Compare(compare::CompareArgs),
    /// One run of embex for `compare`, in a process of its own
    #[command(hide = true)]
    CompareOwn(compare::OwnArgs),
    /// Run the criterion benches; keep their figures or compare with kept ones
    Bench(bench::BenchArgs),
    /// Check layers, manifests, dependency trees and files
    Tidy,
    /// Run exactly what continuous integration runs
    Ci,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Reproduce(args) => reproduce::run(&args),
        Command::List => list(),
        Command::Data(command) => data::run(&command),
        Command::Compare(args) => compare::run(&args),
        Command::CompareOwn(args) => compare::run_own(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Tidy => tidy::run(),
        Command::Ci => ci::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit::code(&error)
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "like the other commands")]
fn list() -> anyhow::Result<()> {
    for experiment in experiments::ALL {
        println!("{}: {}", experiment.id, experiment.title);
        let data = [("cannot run without", experiment.needs), ("does more with", experiment.also)];
        for (what, names) in data {
            if !names.is_empty() {
                println!("  {what} data: {}", names.join(", "));
            }
        }
    }
    println!(
        "\nRun some or all: cargo xtask reproduce [ID]... [--tier quick|short|full] [--data DIR]"
    );
    Ok(())
}
