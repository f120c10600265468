//! Why a map could not be made.

use crate::attribution::Formula;

/// What is wrong with the data, the affinities, a setting or the run.
///
/// Rows and columns count from 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An input or a setting was refused, or the observer cancelled.
    #[error(transparent)]
    Input(#[from] embex_linalg::Error),
    /// The neighbour search refused its input.
    #[error(transparent)]
    Neighbours(embex_trees::Error),
    /// The approximate neighbour search is not part of this build.
    #[error("approximate neighbours need embex-tsne to be built with its feature `approx`")]
    NoApproximateSearch,
    /// Perplexity does not suit the number of samples.
    #[error(
        "perplexity {perplexity} needs 1 ≤ perplexity and 3 · perplexity ≤ n − 1; n is {n_samples}"
    )]
    Perplexity {
        /// Perplexity asked for.
        perplexity: f64,
        /// Samples given.
        n_samples: usize,
    },
    /// The neighbour lists cannot carry the perplexity or do not fit the samples.
    #[error(
        "cannot use {k} neighbours of {n_samples} samples at perplexity {perplexity}; \
         needs perplexity < k < n"
    )]
    NeighbourCount {
        /// Neighbours per sample.
        k: usize,
        /// Samples given.
        n_samples: usize,
        /// Perplexity asked for.
        perplexity: f64,
    },
    /// A neighbour list names a sample that does not exist, itself, or one twice.
    #[error("neighbour {neighbour} of row {row} is out of range, the row itself or a repetition")]
    NeighbourIndex {
        /// Row of the list.
        row: usize,
        /// The bad entry.
        neighbour: u32,
    },
    /// A squared distance is negative or not finite.
    #[error("squared distance {index} of row {row} is {value}")]
    Distance {
        /// Row of the list.
        row: usize,
        /// Position in the list.
        index: usize,
        /// The bad value.
        value: f64,
    },
    /// A row of zeros has no direction for the cosine metric.
    #[error("row {row} is zero, which has no direction for the cosine metric")]
    ZeroRow {
        /// The row.
        row: usize,
    },
    /// Compressed rows are malformed: lengths, order of columns, or their range.
    #[error("the compressed rows are malformed at row {row}")]
    Layout {
        /// First bad row.
        row: usize,
    },
    /// A given joint affinity is negative, not finite, or on the diagonal.
    #[error("the joint affinity at row {row}, column {col} is {value}")]
    JointValue {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
        /// The entry.
        value: f64,
    },
    /// A given joint affinity matrix is not symmetric.
    #[error("the joint affinities differ across the diagonal at row {row}, column {col}")]
    NotSymmetric {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
    },
    /// Given joint affinities do not sum to 1.
    #[error("the joint affinities sum to {sum}, not to 1")]
    NotNormalised {
        /// Their sum.
        sum: f64,
    },
    /// The joint affinities were given as they are, so there is no bandwidth to work with.
    #[error("these affinities were given as joint values; this needs the conditional ones")]
    NoConditionals,
    /// The initial map has the wrong shape.
    #[error("the initial map is {n_rows} × {n_cols}; {n_samples} × {n_components} is needed")]
    InitShape {
        /// Rows given.
        n_rows: usize,
        /// Columns given.
        n_cols: usize,
        /// Rows needed.
        n_samples: usize,
        /// Columns needed.
        n_components: usize,
    },
    /// A coordinate of the initial map is beyond the run's number type.
    #[error("the start at row {row}, column {col} is {value:e}, beyond {precision}")]
    InitValue {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        col: usize,
        /// The coordinate given.
        value: f64,
        /// The number type.
        precision: &'static str,
    },
    /// A saved state does not belong to these affinities and settings.
    #[error("the saved state has {what} {got}, this run needs {expected}")]
    StateMismatch {
        /// What differs.
        what: &'static str,
        /// Value in the state.
        got: usize,
        /// Value of the run.
        expected: usize,
    },
    /// All points of the map fell onto one another and can never part again.
    #[error(
        "the map collapsed to a point at iteration {iteration} (spread {spread:e}); \
         lower the exaggeration or the learning rate"
    )]
    Collapsed {
        /// Updates completed.
        iteration: usize,
        /// Largest extent of the map.
        spread: f64,
    },
    /// The map left the range of numbers.
    #[error("the map diverged at iteration {iteration}; lower the learning rate")]
    Diverged {
        /// Updates completed.
        iteration: usize,
    },
    /// Importance is defined for Euclidean distances only.
    #[error("importance by occlusion needs Euclidean distances, the map was made by cosine")]
    EuclideanOnly,
    /// The scores are not the features' projections by the loadings.
    #[error(
        "the scores of row {row} differ from the projected features by {gap:.1e} of the \
         largest; pass the features as they were when projected"
    )]
    LoadingsMismatch {
        /// First such row.
        row: usize,
        /// Relative gap.
        gap: f64,
    },
    /// A set of features is empty, repeats a feature, or names one that does not exist.
    #[error(
        "feature set {set} is empty, repeats a feature or leaves 0..{n_features} (feature {feature:?})"
    )]
    FeatureSet {
        /// Position of the set.
        set: usize,
        /// The repeated or unknown feature; `None` if the set is empty.
        feature: Option<usize>,
        /// Features of the data.
        n_features: usize,
    },
    /// Groups are compared, so there must be at least two.
    #[error("needs at least 2 groups, got {n_groups}")]
    GroupCount {
        /// Groups given.
        n_groups: usize,
    },
    /// A sample's group does not exist.
    #[error("row {row} is in group {code}, there are {n_groups} groups")]
    GroupCode {
        /// The row.
        row: usize,
        /// Its group.
        code: u32,
        /// Groups there are.
        n_groups: usize,
    },
    /// A group has no members.
    #[error("group {group} is empty")]
    EmptyGroup {
        /// The group.
        group: usize,
    },
    /// A sample does not exist.
    #[error("there is no sample {sample} among {n_samples}")]
    Sample {
        /// The sample, from 0.
        sample: u32,
        /// Samples there are.
        n_samples: usize,
    },
    /// The run is not over.
    #[error("the run is at iteration {iteration} and not finished")]
    Unfinished {
        /// Updates completed.
        iteration: usize,
    },
    /// New samples do not have the columns of the fitted ones.
    #[error("new samples have {got} columns, the fitted ones {expected}")]
    ColumnMismatch {
        /// Columns given.
        got: usize,
        /// Columns needed.
        expected: usize,
    },
    /// The text names no attribution mode.
    #[error(
        "`{text}` is no attribution mode; it reads FORMULA[:DERIVATIVE][:BANDWIDTH] with \
         published, paper or corrected; restricted or fixed_point; fixed or aware"
    )]
    UnknownMode {
        /// The text.
        text: String,
    },
    /// The formula leaves the bandwidth's own derivative out, so it cannot be aware of it.
    #[error("the formula {formula} has fixed bandwidths")]
    AwareBandwidth {
        /// The formula.
        formula: Formula,
    },
    /// The clip is not positive, or the formula has none.
    #[error("cannot clip at {clip}: a clip is positive, finite and part of the published formula")]
    Clip {
        /// The clip.
        clip: f64,
    },
    /// Attributions were asked for at a step that the run does not reach.
    #[error("no attribution at step {step}: the run made {n_steps} updates")]
    StepNotReached {
        /// Step asked for, in completed updates.
        step: usize,
        /// Updates of the run.
        n_steps: usize,
    },
    /// Another scalar was asked of an attribution that is not of the axes.
    #[error("only the attribution of the axes tells that of another scalar")]
    NotOfAxes,
    /// The attribution recursion of every point left the range of numbers.
    #[error(
        "the attributions of all {n_samples} points overflow before step {step}; \
         lower the learning rate or use double precision"
    )]
    AttributionOverflow {
        /// Step attributed.
        step: usize,
        /// Number of points, all of which overflow.
        n_samples: usize,
    },
    /// A projected value is too large for the precision, because of the features' scale.
    #[error(
        "the attribution of point {row} overflows in these features; \
         scale them to a moderate range or use double precision"
    )]
    ProjectionOverflow {
        /// Point.
        row: usize,
    },
}

impl From<embex_trees::Error> for Error {
    fn from(error: embex_trees::Error) -> Self {
        match error {
            embex_trees::Error::Input(error) => Self::Input(error),
            embex_trees::Error::Cancelled => Self::Input(embex_linalg::Error::Cancelled),
            embex_trees::Error::ZeroRow { row } => Self::ZeroRow { row },
            error => Self::Neighbours(error),
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
