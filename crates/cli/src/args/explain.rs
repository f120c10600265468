//! What is explained.

use clap::{Args, ValueEnum};
use embex_tsne::attribution::Mode;

/// Sensitivity and importance.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Explanation")]
pub(crate) struct ExplainArgs {
    /// Which derivative: `FORMULA[:DERIVATIVE][:BANDWIDTH]` with published, paper or corrected;
    /// restricted (along the run) or fixed_point (at the finished map); fixed or aware
    #[arg(long, value_name = "MODE", default_value = "corrected")]
    pub(crate) attribute: Mode,
    /// What of a point's place is differentiated
    #[arg(long, value_enum, value_name = "SCALAR", default_value_t = ScalarArg::NormSq)]
    pub(crate) scalar: ScalarArg,
    /// Updates after which to attribute, the first of them for the tables and the page
    /// [default: the end of the first phase]
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    pub(crate) at: Vec<usize>,
    /// Leave the sensitivities out
    #[arg(long)]
    pub(crate) no_attribution: bool,
    /// Leave the importances out
    #[arg(long)]
    pub(crate) no_importance: bool,
    /// Search new neighbours only among the nearest F times K samples: faster for many samples,
    /// blind across gaps; the loss is measured and stated [default: search all]
    #[arg(long, value_name = "F")]
    pub(crate) candidates: Option<f64>,
    /// Remove features together that correlate by at least R (in absolute value)
    #[arg(long, value_name = "R")]
    pub(crate) correlated: Option<f64>,
    /// Number of groups to find where no labels are given; 0 for none
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) clusters: usize,
    /// Features listed per point and group
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
}

/// What of y_i is differentiated by x_i.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScalarArg {
    /// Length of dy/dx over the axes; needs no origin, never negative
    Length,
    /// Squared distance from the map's origin, as in the paper
    NormSq,
    /// Squared distance from the mean of the point's group
    GroupDistance,
}
