//! What is explained.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use embex_tsne::attribution::{Derivative, Mode};

use crate::pipeline::labels::MOST_GROUPS;

/// Sensitivity and importance.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Explanation")]
pub(crate) struct ExplainArgs {
    /// Which derivative: `FORMULA[:DERIVATIVE][:BANDWIDTH]` with published, paper or corrected;
    /// restricted (along the run) or fixed_point (at the finished map); fixed or aware
    #[arg(
        long,
        value_name = "MODE",
        default_value = "corrected",
        conflicts_with = "no_attribution"
    )]
    pub(crate) attribute: Mode,
    /// What of a point's place is differentiated
    #[arg(long, value_enum, value_name = "SCALAR", default_value_t = ScalarArg::NormSq, conflicts_with = "no_attribution")]
    pub(crate) scalar: ScalarArg,
    /// Updates after which to attribute, the first of them for the tables and the page
    /// [default: the end of the first phase]
    #[arg(long, value_name = "STEP", value_delimiter = ',', conflicts_with = "no_attribution")]
    pub(crate) at: Vec<usize>,
    /// Leave the sensitivities out
    #[arg(long)]
    pub(crate) no_attribution: bool,
    /// Leave the importances out
    #[arg(long)]
    pub(crate) no_importance: bool,
    /// Search new neighbours only among the nearest F times K samples: faster for many samples,
    /// blind across gaps; the loss is measured and stated [default: search all]
    #[arg(long, value_name = "F", conflicts_with = "no_importance")]
    pub(crate) candidates: Option<f64>,
    /// Remove features together whose correlation is above R in absolute value, at least 0 and below 1;
    /// each shows the importance of its set, whose members are in feature_sets.csv
    #[arg(long, value_name = "R", conflicts_with = "no_importance")]
    pub(crate) correlated: Option<f64>,
    /// Remove the features of each set of this file together, and all others alone: a table (csv, tsv)
    /// with the set's name and one of its features per line, the line `set,feature` first or not; no
    /// feature in two sets
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_importance", "correlated"])]
    pub(crate) feature_sets: Option<PathBuf>,
    /// Number of groups to find where no labels are given, 2 to 1000 and of two samples on the
    /// average; 0 for none [default: 10]
    #[arg(long, value_name = "N", conflicts_with = "labels")]
    pub(crate) clusters: Option<usize>,
    /// Features listed per point and group, at most all; 0 for no lists
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
}

impl ExplainArgs {
    /// Refuses what means nothing beside the other options.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.attribute.derivative == Derivative::FixedPoint && !self.at.is_empty() {
            return Err(
                "--at does not apply to fixed_point, which is of the finished map".to_owned()
            );
        }
        match self.clusters {
            Some(1) => Err("--clusters 1 makes no groups; give 0, or 2 and more".to_owned()),
            Some(n) if n > MOST_GROUPS => Err(format!("--clusters {n}: at most {MOST_GROUPS}")),
            _ => Ok(()),
        }
    }

    /// Refuses more groups than there may be labels.
    pub(super) fn check_samples(&self, n_samples: usize) -> Result<(), String> {
        match self.clusters {
            Some(n) if n > n_samples / 2 => Err(format!(
                "--clusters {n}: there are {n_samples} samples, and groups are of two on the average"
            )),
            _ => Ok(()),
        }
    }
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
