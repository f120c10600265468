//! What a file holds: a matrix and what is known about its rows and columns.

use crate::{Error, Labels, Matrix, Result, matrix::Dense};

/// Formats that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// One NumPy array.
    Npy,
    /// A zip archive of NumPy arrays.
    Npz,
    /// A table with a delimiter.
    Table,
    /// Matrix Market.
    MatrixMarket,
    /// The format of MNIST.
    Idx,
    /// Annotated data in HDF5.
    H5ad,
    /// A data set inside this crate.
    Bundled,
}

impl Format {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Table => "table",
            Self::MatrixMarket => "Matrix Market",
            Self::Idx => "idx",
            Self::H5ad => "h5ad",
            Self::Bundled => "bundled data",
        }
    }
}

/// A column of facts about the rows (or columns) of the matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name of the column.
    pub name: String,
    /// One value per row.
    pub values: ColumnValues,
}

/// Values of a [`Column`]; `None` (NaN for numbers) is a missing value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ColumnValues {
    /// One of a list of names.
    Categorical {
        /// The names, in the file's order.
        categories: Vec<String>,
        /// Which name each row has.
        codes: Vec<Option<u32>>,
        /// Whether the order of the names means something.
        ordered: bool,
    },
    /// Text.
    Text(Vec<Option<String>>),
    /// Integers.
    Integer(Vec<Option<i64>>),
    /// Numbers.
    Number(Vec<f64>),
    /// Truth values.
    Boolean(Vec<Option<bool>>),
}

impl ColumnValues {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Categorical { codes, .. } => codes.len(),
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of missing values.
    pub fn n_missing(&self) -> usize {
        match self {
            Self::Categorical { codes, .. } => codes.iter().filter(|v| v.is_none()).count(),
            Self::Text(values) => values.iter().filter(|v| v.is_none()).count(),
            Self::Integer(values) => values.iter().filter(|v| v.is_none()).count(),
            Self::Number(values) => values.iter().filter(|v| v.is_nan()).count(),
            Self::Boolean(values) => values.iter().filter(|v| v.is_none()).count(),
        }
    }

    /// "categorical", "text", "integer", "number" or "boolean".
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Categorical { .. } => "categorical",
            Self::Text(_) => "text",
            Self::Integer(_) => "integer",
            Self::Number(_) => "number",
            Self::Boolean(_) => "boolean",
        }
    }
}

/// A named array with one row per sample, such as a map or principal components.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// Name, as in `X_umap`.
    pub name: String,
    /// One row per sample.
    pub values: Dense,
}

/// A matrix and what its file says about it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Input {
    /// Format of the file.
    pub format: Format,
    /// Samples in rows, features in columns.
    pub matrix: Matrix,
    /// Names of the samples.
    pub row_names: Option<Vec<String>>,
    /// Names of the features.
    pub col_names: Option<Vec<String>>,
    /// Facts about the samples: the columns of `obs`, or those set aside.
    pub obs: Vec<Column>,
    /// Facts about the features: the columns of `var`.
    pub var: Vec<Column>,
    /// Arrays with one row per sample.
    pub obsm: Vec<Embedding>,
    /// Names of the layers that could have been read in place of the matrix.
    pub layers: Vec<String>,
    /// What the file holds beside the matrix that could not be read, and what of it is doubtful.
    pub notes: Vec<String>,
}

impl Input {
    pub(crate) fn new(format: Format, matrix: Matrix) -> Self {
        Self {
            format,
            matrix,
            row_names: None,
            col_names: None,
            obs: Vec::new(),
            var: Vec::new(),
            obsm: Vec::new(),
            layers: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A column of [`Self::obs`].
    ///
    /// # Errors
    /// [`Error::NotFound`], with the names there are.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.obs.iter().find(|column| column.name == name).ok_or_else(|| Error::NotFound {
            what: "column",
            name: name.to_owned(),
            available: self.obs.iter().map(|column| column.name.clone()).collect(),
        })
    }

    /// The groups that a column of [`Self::obs`] makes.
    ///
    /// # Errors
    /// [`Error::NotFound`], with the names there are.
    pub fn labels(&self, name: &str) -> Result<Labels> {
        Ok(Labels::from_column(&self.column(name)?.values))
    }

    /// Exchanges rows and columns with their names and facts.
    pub(crate) fn transposed(mut self) -> Self {
        self.matrix = self.matrix.transposed();
        std::mem::swap(&mut self.row_names, &mut self.col_names);
        std::mem::swap(&mut self.obs, &mut self.var);
        self.obsm.clear();
        self
    }
}
