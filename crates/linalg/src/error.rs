//! Why a computation was refused.

/// What is wrong with a matrix, a vector or a setting.
///
/// Rows and columns count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The matrix has no rows or no columns.
    #[error("the matrix is empty ({n_rows} rows, {n_cols} columns)")]
    Empty {
        /// Rows given.
        n_rows: usize,
        /// Columns given.
        n_cols: usize,
    },
    /// An entry is NaN or infinite.
    #[error("the value at row {row}, column {col} is {value}, not a finite number")]
    NotFinite {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
        /// The entry.
        value: f64,
    },
    /// A count is below 0.
    #[error("the count at row {row}, column {col} is {value}, below 0")]
    NegativeCount {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
        /// The entry.
        value: f64,
    },
    /// A row has no counts, so that it cannot be scaled to a total.
    #[error("the counts of row {row} sum to 0")]
    ZeroTotal {
        /// The row.
        row: usize,
    },
    /// Fewer rows than the computation needs.
    #[error("needs at least {needed} rows, got {n_rows}")]
    TooFewRows {
        /// Least number of rows.
        needed: usize,
        /// Rows given.
        n_rows: usize,
    },
    /// Two inputs that must have one length do not.
    #[error("{what} has {got} entries where {expected} are needed")]
    LengthMismatch {
        /// Which input.
        what: &'static str,
        /// Entries given.
        got: usize,
        /// Entries needed.
        expected: usize,
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
    /// A weight is negative, or all are zero.
    #[error("weight {index} is {value}; weights must be finite, not negative and not all zero")]
    Weight {
        /// Position of the weight.
        index: usize,
        /// The weight.
        value: f64,
    },
    /// Every entry of a vector is the same where its variation is needed.
    #[error("the {what} vector is constant")]
    Constant {
        /// Which vector.
        what: &'static str,
    },
    /// A result is larger than any number.
    #[error("the {what} of the data leaves the range of 64-bit numbers")]
    OutOfRange {
        /// Which result.
        what: &'static str,
    },
    /// A matrix decomposition did not converge.
    #[error("the {what} did not converge")]
    Decomposition {
        /// Which decomposition.
        what: &'static str,
    },
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
