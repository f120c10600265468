//! Why a file could not be read or written.

use std::path::{Path, PathBuf};

/// What went wrong with a file.
///
/// Lines and columns of text files count from 1, as editors do; rows and columns of a matrix
/// count from 0 in the fields, as in the other crates, and from 1 in the words, as the reader
/// does. [`Error::In`] adds the path; [`Error::root`] takes it
/// off again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another error, with the file it happened in.
    #[error("{}: {source}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: Box<Error>,
    },
    /// The operating system refused.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried, as in "open the file".
        action: &'static str,
        /// The refusal.
        source: std::io::Error,
    },
    /// Neither the first bytes nor the extension tell a format that can be read.
    #[error(
        "unknown format; readable are npy, npz, csv, tsv, Matrix Market, idx (each plain or gz) and h5ad"
    )]
    UnknownFormat,
    /// The contents contradict the format.
    #[error("not a valid {format} file: {what}")]
    Malformed {
        /// Name of the format.
        format: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The file ends early.
    #[error("the {format} file is cut short: {expected} bytes of {what} expected, {got} found")]
    Truncated {
        /// Name of the format.
        format: &'static str,
        /// Which part.
        what: &'static str,
        /// Bytes declared.
        expected: u64,
        /// Bytes there.
        got: u64,
    },
    /// The format is known, this use of it is not supported.
    #[error("{format} file with {what} is not supported")]
    Unsupported {
        /// Name of the format.
        format: &'static str,
        /// What is not supported.
        what: String,
    },
    /// Reading would take more memory than allowed.
    #[error("{what} would take {bytes} bytes, more than the {limit} allowed for reading this file")]
    OverBudget {
        /// What is too large.
        what: &'static str,
        /// Bytes needed.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The system has not as much memory as is allowed.
    #[error("{what} would take {bytes} bytes, which the system does not give")]
    Allocation {
        /// What is too large.
        what: &'static str,
        /// Bytes needed.
        bytes: u64,
    },
    /// No values at all.
    #[error("the file holds no values ({n_rows} rows, {n_cols} columns)")]
    Empty {
        /// Rows found.
        n_rows: usize,
        /// Columns found.
        n_cols: usize,
    },
    /// A cell of a table is not a number.
    #[error("line {line}, column {column}{}: \"{text}\" is not a number; a column of text can be set aside as labels", named(.name.as_ref()))]
    NotANumber {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// Name of the column, where there is a header.
        name: Option<String>,
        /// The cell.
        text: String,
    },
    /// A cell of a table is empty or says that the value is missing.
    #[error("line {line}, column {column}{}: the value is missing (\"{text}\")", named(.name.as_ref()))]
    MissingValue {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// Name of the column, where there is a header.
        name: Option<String>,
        /// The cell.
        text: String,
    },
    /// A cell of a table is infinite, or beyond the numbers of double precision.
    #[error("line {line}, column {column}{}: the value is {text}, not a finite number", named(.name.as_ref()))]
    NotFiniteCell {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// Name of the column, where there is a header.
        name: Option<String>,
        /// The cell.
        text: String,
    },
    /// A line has more or fewer cells than the others.
    #[error("line {line} has {got} columns where {expected} are expected")]
    Ragged {
        /// Line, from 1.
        line: u64,
        /// Columns of the other lines.
        expected: usize,
        /// Columns of this one.
        got: usize,
    },
    /// Text that is not UTF-8.
    #[error("line {line}, column {column}: the text is not UTF-8")]
    NotUtf8 {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
    },
    /// An entry of the matrix is NaN or infinite.
    #[error("the value at row {}, column {} is {value}, not a finite number", row + 1, col + 1)]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        col: usize,
        /// The entry.
        value: f64,
    },
    /// An integer that a floating-point number cannot hold.
    #[error("the integer {value} at position {index} is beyond 2^53 and cannot be kept exactly")]
    Inexact {
        /// Position in the array, from 0.
        index: usize,
        /// The entry.
        value: i128,
    },
    /// A column index of a sparse matrix lies outside.
    #[error("row {row} of the sparse matrix names column {index} of {n_cols}")]
    IndexOutOfRange {
        /// Row (or column, of a matrix stored by columns), from 0.
        row: usize,
        /// The index.
        index: i64,
        /// Columns there are.
        n_cols: usize,
    },
    /// A sparse matrix holds an entry twice.
    #[error("the sparse matrix holds the entry at row {}, column {} twice", row + 1, col + 1)]
    DuplicateEntry {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        col: usize,
    },
    /// The row pointers of a sparse matrix do not rise from 0 to the number of entries.
    #[error("the pointer of row {row} of the sparse matrix is {value}, outside {low}..={high}")]
    BadPointer {
        /// Row, from 0.
        row: usize,
        /// The pointer.
        value: i128,
        /// Least value it may have.
        low: u64,
        /// Largest value it may have.
        high: u64,
    },
    /// Something asked for by name is not there.
    #[error("there is no {what} \"{name}\"; there are: {}", list(.available))]
    NotFound {
        /// What was asked for, as in "array".
        what: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        available: Vec<String>,
    },
    /// An option that means nothing for this input: nothing asked for is ignored.
    #[error("`{option}` does not apply to this input ({}): {why}", format.name())]
    NotApplicable {
        /// Name of the option, as in [`crate::ReadOptions`]; `column` for that of
        /// [`crate::read_labels`].
        option: &'static str,
        /// Format of the input.
        format: crate::Format,
        /// Why it means nothing.
        why: &'static str,
    },
    /// There are not as many labels as rows.
    #[error(
        "there are {got} labels (blank lines are not counted) where the matrix has {n_rows} rows"
    )]
    LabelCount {
        /// Labels found.
        got: usize,
        /// Rows of the matrix.
        n_rows: usize,
    },
    /// Several arrays and none chosen.
    #[error("the file holds several arrays, choose one: {}", list(.available))]
    ChooseArray {
        /// The arrays, with shape and type.
        available: Vec<String>,
    },
    /// An array without rows and columns where a matrix is needed.
    #[error("an array of {n_dims} dimensions cannot be read as {wanted}")]
    Dimensions {
        /// Dimensions of the array.
        n_dims: usize,
        /// What was wanted.
        wanted: &'static str,
    },
    /// Two things that must have one length do not.
    #[error("{what} has {got} entries where {expected} are needed")]
    LengthMismatch {
        /// Which.
        what: String,
        /// Entries found.
        got: usize,
        /// Entries needed.
        expected: usize,
    },
    /// A row has no label.
    #[error("row {} has no label", row + 1)]
    NoLabel {
        /// Row, from 0.
        row: usize,
    },
    /// The foreign reader of a format failed in a way it should not.
    #[error("the reader of {format} files failed on this file: {what}")]
    ReaderFailed {
        /// Name of the format.
        format: &'static str,
        /// What it said.
        what: String,
    },
    /// A result is there already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// An interrupted run has left its folder.
    #[error("{} holds an unfinished run: resume it or discard it", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint that cannot be used.
    #[error("not a usable checkpoint: {what}")]
    BadCheckpoint {
        /// Why.
        what: &'static str,
    },
    /// A checkpoint of another version.
    #[error("the checkpoint of {kind} has version {found}, this program reads version {supported}")]
    CheckpointVersion {
        /// What the checkpoint belongs to.
        kind: String,
        /// Version found.
        found: u32,
        /// Version this program reads.
        supported: u32,
    },
    /// A checkpoint of something else.
    #[error("the checkpoint belongs to {found}, not to {expected}")]
    CheckpointKind {
        /// What it belongs to.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A value could not be turned into bytes, or back.
    #[error("cannot {action}: {what}")]
    Serialise {
        /// What was tried, as in "write JSON".
        action: &'static str,
        /// What the format's library said.
        what: String,
    },
    /// A data file is not where it should be.
    #[error("data file {name} is missing: expected at {}; source: {source_note}", path.display())]
    MissingData {
        /// Name in the manifest.
        name: String,
        /// Where it should be.
        path: PathBuf,
        /// Where it comes from.
        source_note: String,
    },
}

/// What kind of failure it is: decides the program's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Something was asked for that is not there, or must be chosen.
    Usage,
    /// The contents of a file cannot be used.
    Input,
    /// Memory would not suffice.
    Memory,
    /// The operating system refused, or a file is missing.
    Io,
}

impl Error {
    /// The error without the paths around it.
    pub fn root(&self) -> &Self {
        match self {
            Self::In { source, .. } => source.root(),
            other => other,
        }
    }

    /// What kind of failure it is.
    pub fn class(&self) -> ErrorClass {
        match self.root() {
            Self::OverBudget { .. } | Self::Allocation { .. } => ErrorClass::Memory,
            Self::Io { .. } | Self::MissingData { .. } => ErrorClass::Io,
            Self::NotFound { .. }
            | Self::NotApplicable { .. }
            | Self::ChooseArray { .. }
            | Self::Exists { .. }
            | Self::Unfinished { .. } => ErrorClass::Usage,
            _ => ErrorClass::Input,
        }
    }

    /// Adds the path, once.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            already @ Self::In { .. } => already,
            source => Self::In { path: path.to_owned(), source: Box::new(source) },
        }
    }

    pub(crate) fn io(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| match Self::carried(source) {
            Ok(own) => own,
            Err(source) => Self::Io { action, source },
        }
    }

    pub(crate) fn malformed(format: &'static str, what: impl Into<String>) -> Self {
        Self::Malformed { format, what: what.into() }
    }

    pub(crate) fn unsupported(format: &'static str, what: impl Into<String>) -> Self {
        Self::Unsupported { format, what: what.into() }
    }

    /// Takes back an error of ours that travelled through a reader as an `io::Error`.
    pub(crate) fn carried(error: std::io::Error) -> std::result::Result<Self, std::io::Error> {
        error.downcast::<Self>()
    }
}

fn named(name: Option<&String>) -> String {
    name.map(|name| format!(" ({name})")).unwrap_or_default()
}

/// At most this many names are listed.
const LISTED: usize = 30;

fn list(names: &[String]) -> String {
    let text = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".to_owned(),
        1..=LISTED => text,
        n => format!("{text} and {} more", n - LISTED),
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
