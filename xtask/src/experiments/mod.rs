//! The experiments, one file each.

mod explain;
mod showcase;
mod tg_bench;
mod tg_steps;
mod tg_synthetic;

use crate::reproduce::Experiment;

/// All experiments, in the order of the report.
pub(crate) const ALL: &[Experiment] =
    &[showcase::EXPERIMENT, tg_synthetic::EXPERIMENT, tg_steps::EXPERIMENT, tg_bench::EXPERIMENT];
