//! Why a score could not be computed.

/// What is wrong with the input of a score. Positions count from 0.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two inputs describe different numbers of samples.
    #[error("{what} has {got} entries where {expected} are needed")]
    LengthMismatch {
        /// Which input.
        what: &'static str,
        /// Entries given.
        got: usize,
        /// Entries needed.
        expected: usize,
    },
    /// Fewer values than the score needs.
    #[error("{what} needs at least {needed} values, got {got}")]
    TooFew {
        /// Which input.
        what: &'static str,
        /// Least number of values.
        needed: usize,
        /// Values given.
        got: usize,
    },
    /// Neighbour lists need 1 ≤ k < n.
    #[error("cannot take {k} neighbours among {n} samples")]
    NeighbourCount {
        /// Neighbours asked for.
        k: usize,
        /// Samples given.
        n: usize,
    },
    /// A neighbour list names a sample that there is not.
    #[error("the neighbours of row {row} are not all among the {n} samples")]
    UnknownNeighbour {
        /// The first such row.
        row: usize,
        /// Samples given.
        n: usize,
    },
    /// All labels are the same where two classes are compared.
    #[error("{n_positive} of {n} samples are positive; both classes are needed")]
    OneClass {
        /// Positive samples.
        n_positive: usize,
        /// Samples given.
        n: usize,
    },
    /// A value is not a number, or not one that is allowed.
    #[error("entry {index} of {what} is {value}, must be {expected}")]
    Value {
        /// Which input.
        what: &'static str,
        /// Position of the entry.
        index: usize,
        /// The entry.
        value: f64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Compressed rows are inconsistent.
    #[error("row {row} of the compressed rows: {problem}")]
    Structure {
        /// The first bad row.
        row: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Joint affinities must sum to 1.
    #[error("the affinities sum to {sum}, not to 1")]
    NotNormalised {
        /// Their sum.
        sum: f64,
    },
    /// A setting lies outside its range.
    #[error("{name} is {value}, must be {expected}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Value given.
        value: f64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Shapes of clusters need at least two of them and fewer than samples.
    #[error("{n_clusters} clusters of {n} samples; needs 2 or more, and fewer than samples")]
    ClusterCount {
        /// Different labels.
        n_clusters: usize,
        /// Samples given.
        n: usize,
    },
    /// A measure has no value for this input.
    #[error("the {what} is undefined: {why}")]
    Undefined {
        /// Which measure.
        what: &'static str,
        /// What leaves it without a value.
        why: &'static str,
    },
    /// Groups must be numbered without gaps.
    #[error("no sample is in group {group} of {n_groups}")]
    EmptyGroup {
        /// The first group without samples.
        group: usize,
        /// Groups there are, by the largest number.
        n_groups: usize,
    },
    /// A ranking is of another scope than the operation needs.
    #[error("{what} needs {expected}")]
    Scope {
        /// The operation.
        what: &'static str,
        /// What it needs.
        expected: &'static str,
    },
    /// A name must be there once.
    #[error("the {what} have the name {name:?} {times} times, must be once")]
    Name {
        /// Which names.
        what: &'static str,
        /// The name.
        name: String,
        /// How often it is there: 0 or 2.
        times: usize,
    },
    /// A matrix was refused.
    #[error(transparent)]
    Matrix(embex_linalg::Error),
    /// The neighbour search refused its input.
    #[error(transparent)]
    Search(embex_trees::Error),
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl From<embex_linalg::Error> for Error {
    fn from(error: embex_linalg::Error) -> Self {
        match error {
            embex_linalg::Error::Cancelled => Self::Cancelled,
            error => Self::Matrix(error),
        }
    }
}

impl From<embex_trees::Error> for Error {
    fn from(error: embex_trees::Error) -> Self {
        match error {
            embex_trees::Error::Cancelled => Self::Cancelled,
            error => Self::Search(error),
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Accepts an input with an entry for each of `expected` samples.
pub(crate) fn length(what: &'static str, got: usize, expected: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(Error::LengthMismatch { what, got, expected }) }
}

/// Accepts values without NaN.
pub(crate) fn no_nan(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| v.is_nan()) {
        None => Ok(()),
        Some(index) => {
            Err(Error::Value { what, index, value: values[index], expected: "a number" })
        }
    }
}

/// Accepts finite values.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::Value { what, index, value: values[index], expected: "finite" }),
    }
}
