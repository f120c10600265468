//! What an experiment may use: its tier and seed, its data, its cells.

use std::cell::RefCell;
use std::time::Instant;

use embex_io::Usage;
use embex_report::{CellRecord, Environment};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::data::{DataFolder, DataSet, Missing};
use super::experiment::{Experiment, Tier};
use super::key::{Identity, code_version};
use super::store::Store;

/// Which part of the cells is ours: part `index` (from 0) of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(crate) count: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    /// Reads `2/5`: the second of five parts.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('/')
            .and_then(|(i, n)| i.parse::<usize>().ok().zip(n.parse::<usize>().ok()));
        match parts {
            Some((i, n)) if (1..=n).contains(&i) => Ok(Self { index: i - 1, count: n }),
            _ => Err(format!("{text:?} is not of the form I/N with 1 ≤ I ≤ N")),
        }
    }
}

/// Cells that belong to other shards are not finished yet.
#[derive(Debug, thiserror::Error)]
#[error("{missing} of {total} cells of {grid} are left to other shards")]
pub(crate) struct Incomplete {
    grid: String,
    missing: usize,
    total: usize,
}

/// What an experiment may use.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// How much to run.
    pub(crate) tier: Tier,
    /// Seed from which the experiment derives all others.
    pub(crate) seed: u64,
    pub(super) experiment: &'a Experiment,
    pub(super) store: &'a Store,
    pub(super) data: &'a DataFolder,
    pub(super) shard: Shard,
    pub(super) environment: &'a Environment,
    pub(super) missing: RefCell<Vec<Missing>>,
}

impl Context<'_> {
    /// A data set of the manifest, verified; an error that says where to get it.
    ///
    /// # Errors
    /// [`Missing`], which the runner turns into "not run".
    pub(crate) fn data(&self, name: &str) -> anyhow::Result<DataSet> {
        self.data.open(name)
    }

    /// As [`Self::data`], but `None` where it is not there; the report then names it.
    ///
    /// # Errors
    /// If the data set is there but damaged.
    pub(crate) fn data_if_there(&self, name: &str) -> anyhow::Result<Option<DataSet>> {
        match self.data(name) {
            Ok(set) => Ok(Some(set)),
            Err(error) => {
                self.missing.borrow_mut().push(error.downcast::<Missing>()?);
                Ok(None)
            }
        }
    }

    /// A family of cells, by a name that is unique in the experiment.
    pub(crate) fn grid<'c>(&'c self, name: &'c str) -> Grid<'c> {
        Grid { cx: self, name, data: Vec::new() }
    }
}

/// A family of cells that one function computes.
#[derive(Debug)]
pub(crate) struct Grid<'c> {
    cx: &'c Context<'c>,
    name: &'c str,
    data: Vec<String>,
}

/// A finished cell.
#[derive(Debug)]
pub(crate) struct Cell<R> {
    /// What was computed.
    pub(crate) value: R,
    key: String,
    experiment: String,
    run: RunNote,
}

/// When and where a cell was computed.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct RunNote {
    seconds: f64,
    usage: Usage,
    environment: Environment,
}

impl<R> Cell<R> {
    /// A record that knows its cell, without metrics.
    pub(crate) fn record(&self, method: &str, seed: u64) -> CellRecord {
        let mut record = CellRecord::new(&self.experiment, method, seed);
        record.key.clone_from(&self.key);
        record.seconds = self.run.seconds;
        record.cpu_seconds = self.run.usage.cpu_seconds;
        record.peak_memory_bytes = self.run.usage.peak_memory_bytes;
        record.environment = self.run.environment.clone();
        record
    }
}

impl Grid<'_> {
    /// Says that the cells read a data set: its hash becomes part of their keys.
    #[must_use]
    pub(crate) fn on(mut self, data: &DataSet) -> Self {
        self.data.push(data.hash.clone());
        self
    }

    /// Computes the cells of this shard that are not in the store, and returns all of them in
    /// the order of `configs`.
    ///
    /// # Errors
    /// [`Incomplete`] if other shards have not finished; what `compute` and the store return.
    pub(crate) fn run<C: Serialize, R: Serialize + DeserializeOwned>(
        &self,
        configs: &[C],
        compute: impl Fn(&C) -> anyhow::Result<R>,
    ) -> anyhow::Result<Vec<Cell<R>>> {
        let code = code_version(self.cx.experiment);
        let bar = bar(self.cx.experiment.id, self.name, configs.len());
        let mut cells = Vec::with_capacity(configs.len());
        for (at, config) in configs.iter().enumerate() {
            let identity = Identity {
                experiment: self.cx.experiment.id,
                grid: self.name,
                config: serde_json::to_value(config)?,
                data: &self.data,
                code: &code,
            };
            let ours = at % self.cx.shard.count == self.cx.shard.index;
            cells.extend(self.cell(&identity, ours, || compute(config))?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let (total, missing) = (configs.len(), configs.len() - cells.len());
        if missing > 0 {
            let grid = format!("{}/{}", self.cx.experiment.id, self.name);
            return Err(Incomplete { grid, missing, total }.into());
        }
        Ok(cells)
    }

    fn cell<R: Serialize + DeserializeOwned>(
        &self,
        identity: &Identity<'_>,
        ours: bool,
        compute: impl FnOnce() -> anyhow::Result<R>,
    ) -> anyhow::Result<Option<Cell<R>>> {
        let (store, key) = (self.cx.store, identity.key()?);
        if ours && !store.has(&key) {
            let (start, before) = (Instant::now(), Usage::now());
            let value = compute()?;
            let run = RunNote {
                seconds: start.elapsed().as_secs_f64(),
                usage: Usage::now().since(&before),
                environment: self.cx.environment.clone(),
            };
            store.save(&key, identity, &value, &run)?;
        }
        let Some((value, run)) = store.load(&key)? else { return Ok(None) };
        Ok(Some(Cell { value, key, experiment: self.cx.experiment.id.to_owned(), run }))
    }
}

/// A bar on a terminal, nothing elsewhere.
fn bar(experiment: &str, grid: &str, total: usize) -> ProgressBar {
    let template = "{prefix} [{bar:30}] {pos}/{len} {elapsed} (left {eta})";
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(total as u64).with_prefix(format!("{experiment}/{grid}"));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_as_parts() {
        assert_eq!("2/5".parse(), Ok(Shard { index: 1, count: 5 }));
        for bad in ["0/5", "6/5", "1", "a/b", "1/0"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
