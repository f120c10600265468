//! What the user sees while a run goes on: bars on a terminal, JSON lines, or nothing.

use std::io::{ErrorKind, Write as _};
use std::time::{Duration, Instant};

use embex_linalg::progress::{Flow, Progress, Update, report};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::args::OutputArgs;
use crate::exit::{Error, Result};
use crate::interrupt;

/// Version of the JSON lines.
pub(crate) const SCHEMA: u32 = 1;

/// Least time between two JSON lines of one phase.
const EVERY: Duration = Duration::from_millis(200);

/// Shows progress and tells the work to stop after Ctrl-C.
pub(crate) struct Display {
    output: OutputArgs,
    bar: Option<ProgressBar>,
    phase: String,
    last: Option<Instant>,
}

impl Display {
    /// A display that follows `--json` and `--quiet`.
    pub(crate) fn new(output: OutputArgs) -> Self {
        Self { output, bar: None, phase: String::new(), last: None }
    }

    /// One event: a JSON line with its fields, or a line of text for people.
    ///
    /// # Errors
    /// [`Error::System`] if standard output is closed.
    pub(crate) fn event(&mut self, event: &str, fields: Value, words: &str) -> Result<()> {
        self.end_phase();
        if self.output.json {
            line(event, fields)
        } else {
            if !self.output.quiet && !words.is_empty() {
                say(words);
            }
            Ok(())
        }
    }

    /// A warning: shown also where nothing else is, unless quiet.
    pub(crate) fn warn(&mut self, words: &str) -> Result<()> {
        self.event("warning", json!({ "message": words }), &format!("warning: {words}"))
    }

    /// Does work that reports nothing itself, under a spinner that names it.
    ///
    /// # Errors
    /// That of a cancelled work if the user asked to stop before or while it was done.
    pub(crate) fn spin<R>(&mut self, phase: &str, work: impl FnOnce() -> R) -> Result<R> {
        report(self, phase, 0, 1, "")?;
        if let Some(bar) = &self.bar {
            let style = ProgressStyle::with_template("{prefix:>12} {spinner} {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(EVERY);
        }
        let done = work();
        report(self, phase, 1, 1, "")?;
        self.end_phase();
        Ok(done)
    }

    /// Takes the bar of the last phase away.
    pub(crate) fn end_phase(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.phase.clear();
    }

    fn begin_phase(&mut self, update: Update<'_>) {
        self.end_phase();
        update.phase.clone_into(&mut self.phase);
        self.last = None;
        if !self.output.json && !self.output.quiet {
            self.bar = Some(bar(update.phase, update.total));
        }
    }

    fn json_line(&mut self, update: Update<'_>) {
        let is_end = update.done == update.total;
        if is_end || self.last.is_none_or(|last| last.elapsed() >= EVERY) {
            self.last = Some(Instant::now());
            let fields = json!({
                "phase": update.phase,
                "done": update.done,
                "total": update.total,
                "message": update.message,
            });
            if line("progress", fields).is_err() {
                interrupt::request(); // nobody reads any more: stop at the next checkpoint
            }
        }
    }
}

impl Progress for Display {
    fn update(&mut self, update: Update<'_>) -> Flow {
        if self.phase != update.phase {
            self.begin_phase(update);
        }
        if self.output.json {
            self.json_line(update);
        }
        if let Some(bar) = &self.bar {
            bar.set_length(update.total);
            bar.set_position(update.done);
            bar.set_message(update.message.to_owned());
        }
        if interrupt::requested() { Flow::Cancel } else { Flow::Continue }
    }
}

fn bar(phase: &str, total: u64) -> ProgressBar {
    let template = "{prefix:>12} [{bar:30}] {percent:>3}% {elapsed} (left {eta}) {msg}";
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(phase.to_owned())
}

/// Writes one object to standard output.
pub(crate) fn line(event: &str, fields: Value) -> Result<()> {
    let mut object = json!({ "schema": SCHEMA, "event": event });
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
    print(&object.to_string())
}

/// Writes a line to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(output_failed)
}

/// Writes a line to standard error; if nobody reads it, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Why standard output could not be written.
pub(crate) fn output_failed(source: std::io::Error) -> Error {
    match source.kind() {
        ErrorKind::BrokenPipe => Error::Closed,
        _ => Error::System { action: "write to standard output", source: source.into() },
    }
}
