//! Tests, intervals and areas.

mod auroc;
mod bootstrap;
mod correlation;
mod fdr;
pub(crate) mod mann_whitney;

pub use auroc::auroc;
pub use bootstrap::{BootstrapParams, Interval, quantile};
pub use correlation::{CorrelationTest, pearson_test, spearman_test};
pub use fdr::benjamini_hochberg;
pub use mann_whitney::{MannWhitney, Method, mann_whitney_u};
