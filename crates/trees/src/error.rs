//! Why a search was refused.

/// What is wrong with the points or the settings.
///
/// Rows and columns count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The matrix is empty, or holds an entry that is not finite.
    #[error(transparent)]
    Input(embex_linalg::Error),
    /// The queries are empty, or hold an entry that is not finite.
    #[error("in the queries: {0}")]
    Queries(embex_linalg::Error),
    /// Neighbour lists need 1 ≤ k ≤ candidates: the rows, less the row itself.
    #[error("cannot take {k} neighbours among {candidates} candidates")]
    NeighbourCount {
        /// Neighbours asked for.
        k: usize,
        /// Rows that can be neighbours of one row.
        candidates: usize,
    },
    /// Queries and base have different numbers of columns.
    #[error("the queries have {queries} columns, the base has {base}")]
    ColumnMismatch {
        /// Columns of the queries.
        queries: usize,
        /// Columns of the base.
        base: usize,
    },
    /// Lists hold 32-bit indices.
    #[error("{n_rows} rows are more than the {} that an index can name", u32::MAX)]
    TooManyRows {
        /// Rows given.
        n_rows: usize,
    },
    /// The kd-tree takes few columns.
    #[error("the kd-tree takes at most {most} columns, got {n_cols}")]
    TreeColumns {
        /// Columns given.
        n_cols: usize,
        /// Most columns of the tree.
        most: usize,
    },
    /// The kd-tree could not be built.
    #[error("the kd-tree could not be built: {reason}")]
    Tree {
        /// What the tree's library says.
        reason: String,
    },
    /// A row of zeros has no direction, hence no cosine.
    #[error("row {row} is zero, so its cosine distances are undefined")]
    ZeroRow {
        /// The row.
        row: usize,
    },
    /// A query of zeros has no direction, hence no cosine.
    #[error("query {row} is zero, so its cosine distances are undefined")]
    ZeroQuery {
        /// The row of the queries.
        row: usize,
    },
    /// A squared distance is too large or too small for `f64`.
    #[error(
        "the squared distance of row {row} to its neighbour {neighbour} does not fit in f64; rescale the data"
    )]
    Scale {
        /// The row.
        row: usize,
        /// Its neighbour.
        neighbour: usize,
    },
    /// The approximate search failed.
    #[cfg(feature = "approx")]
    #[error("the approximate search failed: {reason}")]
    Descent {
        /// What its library says.
        reason: String,
    },
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl From<embex_linalg::Error> for Error {
    fn from(error: embex_linalg::Error) -> Self {
        match error {
            embex_linalg::Error::Cancelled => Self::Cancelled,
            error => Self::Input(error),
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
