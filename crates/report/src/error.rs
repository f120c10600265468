//! Why a page, a record or a result folder was refused.

use std::path::PathBuf;

/// What is wrong with the data of a page, a claim, a record or a folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that must have entries has none.
    #[error("{what} has no entries")]
    Empty {
        /// Which input.
        what: &'static str,
    },
    /// Two inputs that must agree in length do not.
    #[error("{what} has {got} entries where {expected} are needed")]
    Length {
        /// Which input.
        what: &'static str,
        /// Entries given.
        got: usize,
        /// Entries needed.
        expected: usize,
    },
    /// An entry is NaN or infinite.
    #[error("{what} has {value} at row {row}, column {col}, not a finite number")]
    NotFinite {
        /// Which input.
        what: String,
        /// Row of the entry, from 0.
        row: usize,
        /// Column of the entry, from 0.
        col: usize,
        /// The entry.
        value: f64,
    },
    /// An index points past the end of what it refers to.
    #[error("{what} at position {position} is {index}, but there are only {len}")]
    Index {
        /// Which input.
        what: &'static str,
        /// Where the index stands.
        position: usize,
        /// The index.
        index: usize,
        /// Number of entries it may refer to.
        len: usize,
    },
    /// A map has 1, 2 or 3 axes.
    #[error("a map of {n_dims} axes cannot be drawn; 1, 2 or 3 are possible")]
    Dimensions {
        /// Axes given.
        n_dims: usize,
    },
    /// A figure has nothing that can be drawn on its axes.
    #[error("the figure {title:?} has no point to draw")]
    EmptyFigure {
        /// Title of the figure.
        title: String,
    },
    /// A claim is written against the rules of the claims file.
    #[error("claim {id:?}: {field} {problem}")]
    Claim {
        /// Id of the claim.
        id: String,
        /// Field at fault.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The claims file is not the TOML it should be.
    #[error("the claims cannot be read: {0}")]
    ClaimsToml(#[from] toml::de::Error),
    /// A metric of a record is NaN or infinite, which JSON cannot hold.
    #[error("metric {metric:?} of cell {key:?} is {value}, not a finite number")]
    Metric {
        /// Key of the cell.
        key: String,
        /// Name of the metric.
        metric: String,
        /// Its value.
        value: f64,
    },
    /// A value could not be turned into JSON or back.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Writing the output failed.
    #[error("the output cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] embex_io::Error),
    /// A file of a result folder is not there.
    #[error("{path:?} is missing; is this a result folder of embex?")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file where a result folder is expected.
    #[error("{path:?} is a file; a result folder of embex is expected")]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// A file of a result folder does not hold what it should.
    #[error("{path:?} is damaged: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A result folder was written by a later program.
    #[error("{path:?} has schema {found}; this program reads up to {supported}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// Schema number in the file.
        found: u32,
        /// Latest schema number known here.
        supported: u32,
    },
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
