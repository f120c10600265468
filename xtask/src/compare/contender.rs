//! Who takes part, and one run of each.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::CompareArgs;
use super::task::Task;
use crate::exit::Refusal;
use crate::workspace;

/// Peers by the module that must import, for maps and for attributions.
const PEERS: &[(&str, &str, bool)] = &[
    ("scikit-learn", "sklearn.manifold", false),
    ("opentsne-bh", "openTSNE", false),
    ("opentsne-fft", "openTSNE", false),
    ("interpretable-tsne", "interpretable_tsne.tsne", false),
    ("interpretable-tsne-attributions", "interpretable_tsne.tsne", true),
];

/// A program and its number of threads.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) threads: usize,
    /// The interpreter of a peer; `None` is embex.
    python: Option<PathBuf>,
}

/// What one run cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Run {
    pub(super) wall_s: f64,
    /// Over all threads; none where the system does not tell.
    pub(super) cpu_s: Option<f64>,
    /// Largest resident memory of the whole process, interpreter and input included.
    pub(super) peak_bytes: Option<u64>,
    pub(super) version: String,
    /// Where the map lies; set by the caller.
    #[serde(default, skip_serializing)]
    pub(super) map: PathBuf,
}

impl Contender {
    pub(super) fn label(&self) -> String {
        format!("{} ({})", self.name, self.threads)
    }

    fn command(&self) -> anyhow::Result<Command> {
        if let Some(python) = &self.python {
            let mut command = Command::new(python);
            command.arg(workspace::root().join("xtask/compare/runner.py"));
            return Ok(command);
        }
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("compare-own");
        Ok(command)
    }

    /// Runs once and leaves its map at `map`.
    pub(super) fn run(&self, task: &Task, map: &Path) -> anyhow::Result<Run> {
        let mut command = self.command()?;
        command.arg(&self.name);
        command.args([&task.input, &task.init, map]);
        for (name, value) in task.settings() {
            command.arg(name).arg(value);
        }
        command.arg("--threads").arg(self.threads.to_string());
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"] {
            command.env(name, self.threads.to_string());
        }
        // Threads that wait by spinning take the processor from those that work.
        command.env("OMP_WAIT_POLICY", "passive");
        let text = workspace::output(&mut command).with_context(|| self.label())?;
        let line = text.lines().last().unwrap_or_default();
        let mut run: Run =
            serde_json::from_str(line).with_context(|| format!("{}: {line}", self.label()))?;
        map.clone_into(&mut run.map);
        Ok(run)
    }
}

/// Everything installed that the arguments let in, and the names of peers that are not installed.
///
/// # Errors
/// If the arguments let in no contender.
pub(super) fn find(args: &CompareArgs) -> anyhow::Result<(Vec<Contender>, Vec<String>)> {
    let wanted = |name: &str| {
        args.only.is_empty() || args.only.iter().any(|text| name.contains(text.as_str()))
    };
    let mut found: Vec<(String, Option<PathBuf>)> =
        super::ours::names(args.attributions).iter().map(|&name| (name.to_owned(), None)).collect();
    let mut absent = Vec::new();
    for &(name, module, attributes) in PEERS {
        if attributes && !args.attributions || name.starts_with("open") && args.attributions {
            continue;
        }
        match args.environments.iter().map(|e| e.join("bin/python")).find(|p| imports(p, module)) {
            Some(python) => found.push((name.to_owned(), Some(python))),
            None => absent.push(name.to_owned()),
        }
    }
    let contenders: Vec<Contender> = found
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .flat_map(|(name, python)| {
            args.threads.iter().map(move |threads| Contender {
                name: name.clone(),
                threads: threads.get(),
                python: python.clone(),
            })
        })
        .collect();
    if contenders.is_empty() {
        let text = args.only.join(", ");
        return Err(Refusal::Usage(format!("no contender's name contains {text}")).into());
    }
    absent.retain(|name| wanted(name));
    Ok((contenders, absent))
}

/// Whether the interpreter is there and has the module.
fn imports(python: &Path, module: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", &format!("import {module}")]);
    command.output().is_ok_and(|done| done.status.success())
}
