//! Ranks, correlations and moments of columns.

mod columns;
mod correlation;
mod groups;

pub use columns::{Standardized, column_means, column_sds, column_variances, standardize};
pub use correlation::{pearson, ranks, spearman};
pub use groups::correlation_groups;
