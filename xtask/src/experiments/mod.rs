//! The experiments, one file each.

use crate::reproduce::Experiment;

/// All experiments, in the order of the report.
pub(crate) const ALL: &[Experiment] = &[];
