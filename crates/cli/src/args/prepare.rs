//! What happens to the matrix before the map.

use clap::Args;

/// Steps of preparation, in the order in which they are done.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Preparation, in this order")]
pub(crate) struct PrepareArgs {
    /// Scale each sample to a sum of T [default T: the median of the sums]
    #[arg(long, value_name = "T", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "absent, given, and given with a value")]
    pub(crate) normalize_total: Option<Option<f64>>,
    /// Take ln(1 + x)
    #[arg(long)]
    pub(crate) log1p: bool,
    /// Keep the N features of largest variance
    #[arg(long, value_name = "N")]
    pub(crate) top_variable: Option<usize>,
    /// Scale each feature to mean 0 and standard deviation 1
    #[arg(long)]
    pub(crate) scale: bool,
    /// Make the map on the first N principal components; features stay the columns above
    #[arg(long, value_name = "N")]
    pub(crate) pca: Option<usize>,
}
