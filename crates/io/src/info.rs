//! What a file holds, without its numbers.

use std::path::Path;

use serde::Serialize;

use crate::read::{detect, file_of};
use crate::stream::Stream;
use crate::{Column, Format, Input, Matrix, ReadOptions, Result, Values, read, table};

/// What a file holds: shape, storage, names, and what could be asked for by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Info {
    /// Format of the file.
    pub format: Format,
    /// Samples.
    pub n_rows: usize,
    /// Features.
    pub n_cols: usize,
    /// How the matrix is kept once it is read.
    pub storage: Storage,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Names of the samples.
    pub row_names: Option<Vec<String>>,
    /// Names of the features.
    pub col_names: Option<Vec<String>>,
    /// Facts about the samples that could be labels.
    pub obs: Vec<ColumnInfo>,
    /// Facts about the features.
    pub var: Vec<ColumnInfo>,
    /// Names of arrays with one row per sample.
    pub obsm: Vec<String>,
    /// Names of layers that could be read in place of the matrix.
    pub layers: Vec<String>,
    /// What the file holds besides that could not be read.
    pub notes: Vec<String>,
}

/// How a matrix is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Storage {
    /// Whether only entries other than zero are kept.
    pub sparse: bool,
    /// Whether entries are in double precision.
    pub double: bool,
}

/// A column of facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// "categorical", "text", "integer", "number" or "boolean".
    pub kind: &'static str,
    /// Values that are missing.
    pub n_missing: usize,
}

/// Reads a file and says what it holds.
///
/// A table may hold columns of text, which need not be set aside: they are named in [`Info::obs`].
/// Values of a table that are missing or infinite, which [`read`] would refuse, are noted.
///
/// # Errors
/// As [`read`].
///
/// # Example
/// ```
/// let info = embex_io::info("bundled:digits", &Default::default())?;
/// assert_eq!((info.n_rows, info.n_cols), (1797, 64));
/// assert_eq!((info.obs[0].name.as_str(), info.obs[0].kind), ("digit", "integer"));
/// # Ok::<(), embex_io::Error>(())
/// ```
pub fn info(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Info> {
    let path = path.as_ref();
    let table = || -> Result<Option<Info>> {
        let mut stream = Stream::open(&file_of(path))?;
        let detected = detect(&mut stream)?;
        if detected.format != Format::Table {
            return Ok(None);
        }
        options.check_for(Format::Table)?;
        let budget = options.budget(stream.bytes());
        let payload = stream.payload(&budget)?;
        table::describe(payload, &detected.extension, options, &budget).map(Some)
    };
    let is_bundled = path.to_str().is_some_and(|path| path.starts_with("bundled:"));
    let described = if is_bundled { None } else { table().map_err(|error| error.in_file(path))? };
    match described {
        Some(info) => Ok(info),
        None => Ok(Info::of(read(path, options)?)),
    }
}

impl Info {
    /// Of what was read.
    pub fn of(input: Input) -> Self {
        Self {
            format: input.format,
            n_rows: input.matrix.n_rows(),
            n_cols: input.matrix.n_cols(),
            storage: Storage::of(&input.matrix),
            bytes: input.matrix.bytes(),
            row_names: input.row_names,
            col_names: input.col_names,
            obs: input.obs.iter().map(ColumnInfo::of).collect(),
            var: input.var.iter().map(ColumnInfo::of).collect(),
            obsm: input.obsm.into_iter().map(|array| array.name).collect(),
            layers: input.layers,
            notes: input.notes,
        }
    }
}

impl Info {
    /// With samples for features.
    pub(crate) fn transposed(mut self) -> Self {
        std::mem::swap(&mut self.n_rows, &mut self.n_cols);
        std::mem::swap(&mut self.row_names, &mut self.col_names);
        std::mem::swap(&mut self.obs, &mut self.var);
        self
    }
}

impl Storage {
    const fn of(matrix: &Matrix) -> Self {
        let sparse = matches!(matrix, Matrix::Csr(_));
        Self { sparse, double: matches!(matrix.values(), Values::F64(_)) }
    }
}

impl ColumnInfo {
    fn of(column: &Column) -> Self {
        let Column { name, values } = column;
        Self { name: name.clone(), kind: values.kind(), n_missing: values.n_missing() }
    }
}
