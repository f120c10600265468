//! The reproduction: experiments in, cells on disk, one report out.
//!
//! `cargo xtask reproduce` runs experiments. Each asks its [`Context`] for cells; a cell is keyed
//! by its configuration, its data and its code, computed once and kept. The report holds what the
//! papers claim beside what we find; a claim that differs is a result. Only a gate of ours fails
//! the run: a property that does not hold, or a verdict that is not the committed one.

mod args;
mod context;
mod data;
mod environment;
mod experiment;
mod key;
mod report;
mod run;
mod store;
mod verdicts;

pub(crate) use args::ReproduceArgs;
pub(crate) use context::{Cell, Context};
pub(crate) use data::{DataFolder, DataSet, Missing};
pub(crate) use environment::environment;
pub(crate) use experiment::{Experiment, Findings, KERNELS, Tier};
pub(crate) use run::run;
