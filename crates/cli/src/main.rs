//! The `embex` program: arguments, clocks and printing around the libraries.
//!
//! No algorithm lives here. `embex tsne` runs the stages of [`pipeline`] one after another, each
//! of which leaves a checkpoint; the result folder appears when it is complete.

mod args;
mod exit;
mod info;
mod interrupt;
mod pipeline;
mod progress;

use std::process::ExitCode;

use clap::Parser as _;
use serde_json::json;

use args::{Cli, Command, OutputArgs};
use exit::{Error, Result};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = match &cli.command {
        Command::Tsne(args) => args.output,
        Command::Info(args) => args.output,
        Command::Report(args) => args.output,
    };
    match interrupt::listen().and_then(|()| run(&cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, output),
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Tsne(args) => pipeline::tsne(args),
        Command::Info(args) => info::run(args),
        Command::Report(args) => pipeline::report(args),
    }
}

/// What clap has to say: help on standard output with code 0, complaints on standard error, and as
/// a JSON line where one was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|word| word == "--json") {
        let text = error.to_string();
        let message = text.trim_start_matches("error: ").lines().next().unwrap_or_default();
        let fields = json!({ "code": 2, "message": message, "hint": "see --help" });
        let _ = progress::line("error", fields); // the code below still says that it failed
    }
    let printed = error.print();
    match printed {
        _ if error.use_stderr() => ExitCode::from(2),
        Ok(()) => ExitCode::SUCCESS,
        Err(source) => progress::output_failed(source).exit_code(),
    }
}

/// Says what went wrong, unless nobody listens.
fn fail(error: &Error, output: OutputArgs) -> ExitCode {
    if matches!(error, Error::Closed) {
        return error.exit_code();
    }
    if output.json {
        let fields =
            json!({ "code": error.code(), "message": error.to_string(), "hint": error.hint() });
        let _ = progress::line("error", fields); // the code below still says that it failed
    }
    progress::say(&format!("error: {error}"));
    if let Some(hint) = error.hint() {
        progress::say(&format!("hint: {hint}"));
    }
    error.exit_code()
}
