//! Ranks, correlations and moments of columns, of all rows and of groups.

mod columns;
mod correlation;
mod differences;
mod groups;

pub use columns::{Standardized, column_means, column_sds, column_variances, standardize};
pub use correlation::{pearson, ranks, spearman};
pub use differences::{MeanDifferences, mean_differences};
pub use groups::correlation_groups;
