//! What a reader is asked to do, and how much memory it may take.

use std::cell::Cell;

use crate::{Error, Format, Result};

/// What to do with values that are missing or not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Refuse the file and name the place.
    #[default]
    Refuse,
    /// Keep them: a missing cell becomes NaN.
    Keep,
}

/// Settings of [`crate::read`]. The defaults read one matrix and refuse what is doubtful.
///
/// An option that means nothing for the format of the input is refused
/// ([`Error::NotApplicable`]), never ignored; only `max_bytes` and `missing` suit every format.
///
/// ```
/// use embex_io::ReadOptions;
/// let options = ReadOptions::default().with_set_aside("cell_type").with_max_bytes(1 << 30);
/// assert_eq!(options.set_aside, ["cell_type"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Bytes that decoded data may take; the default is 256 MiB or 64 times the file, whichever
    /// is more.
    pub max_bytes: Option<u64>,
    /// Array of an npz file to read; needed where there are several matrices.
    pub array: Option<String>,
    /// Layer of an h5ad file to read in place of X; `raw` means `raw/X` unless a layer is called so.
    pub layer: Option<String>,
    /// Byte between the cells of a table; found from the extension and the first line by default.
    pub delimiter: Option<u8>,
    /// Whether the first line of a table holds names; found from the first two lines by default.
    pub header: Option<bool>,
    /// Columns of a table (by name, or by number from 1 where there are no names), or arrays of an
    /// npz file, that are not features and are given as columns of [`crate::Input::obs`].
    pub set_aside: Vec<String>,
    /// Column of [`crate::Input::obs`] that must be there, to be asked for its labels: a column of
    /// a table or an array of an npz file, which is set aside, or a column of obs.
    pub labels: Option<String>,
    /// Exchange rows and columns: for files with samples in columns.
    pub transpose: bool,
    /// What to do with NaN, infinities and missing cells.
    pub missing: Missing,
}

impl ReadOptions {
    /// Sets [`Self::max_bytes`].
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Sets [`Self::array`].
    #[must_use]
    pub fn with_array(mut self, array: impl Into<String>) -> Self {
        self.array = Some(array.into());
        self
    }

    /// Sets [`Self::layer`].
    #[must_use]
    pub fn with_layer(mut self, layer: impl Into<String>) -> Self {
        self.layer = Some(layer.into());
        self
    }

    /// Sets [`Self::delimiter`].
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// Sets [`Self::header`].
    #[must_use]
    pub fn with_header(mut self, header: bool) -> Self {
        self.header = Some(header);
        self
    }

    /// Adds one name to [`Self::set_aside`].
    #[must_use]
    pub fn with_set_aside(mut self, name: impl Into<String>) -> Self {
        self.set_aside.push(name.into());
        self
    }

    /// Sets [`Self::labels`].
    #[must_use]
    pub fn with_labels(mut self, labels: impl Into<String>) -> Self {
        self.labels = Some(labels.into());
        self
    }

    /// Sets [`Self::transpose`].
    #[must_use]
    pub fn with_transpose(mut self, transpose: bool) -> Self {
        self.transpose = transpose;
        self
    }

    /// Sets [`Self::missing`].
    #[must_use]
    pub fn with_missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// Everything that is set aside, each once.
    pub(crate) fn aside(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.set_aside.iter().chain(&self.labels) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Refuses an option that means nothing for the format.
    pub(crate) fn check_for(&self, format: Format) -> Result<()> {
        use Format::{Bundled, H5ad, Idx, MatrixMarket, Npy, Npz, Table};
        let has_columns = matches!(format, Table | Npz);
        let is_exchanged = self.transpose && has_columns;
        // Option, whether it is given, whether it applies, and why it does not.
        let rules = [
            ("array", self.array.is_some(), format == Npz, "only npz files hold several arrays"),
            (
                "layer",
                self.layer.is_some(),
                matches!(format, H5ad | Bundled),
                "only h5ad files have layers",
            ),
            (
                "delimiter",
                self.delimiter.is_some(),
                format == Table,
                "only tables (csv, tsv) have cells",
            ),
            (
                "header",
                self.header.is_some(),
                format == Table,
                "only tables (csv, tsv) have a line of names",
            ),
            (
                "set_aside",
                !self.set_aside.is_empty(),
                has_columns,
                "only tables (csv, tsv) have columns to set aside",
            ),
            (
                "labels",
                self.labels.is_some(),
                !matches!(format, Npy | Idx | MatrixMarket),
                "it holds nothing but numbers; give a file of labels",
            ),
            (
                "labels",
                self.labels.is_some(),
                !is_exchanged,
                "with rows and columns exchanged its columns are samples; give a file of labels",
            ),
            ("transpose", self.transpose, format != Bundled, "its samples are in rows"),
        ];
        match rules.into_iter().find(|&(_, is_given, applies, _)| is_given && !applies) {
            Some((option, _, _, why)) => Err(Error::NotApplicable { option, format, why }),
            None => Ok(()),
        }
    }

    pub(crate) fn budget(&self, file_bytes: u64) -> Budget {
        const LEAST: u64 = 256 << 20; // small files of well-compressed zeros are legitimate
        const EXPANSION: u64 = 64;
        let default = LEAST.max(file_bytes.saturating_mul(EXPANSION));
        Budget { limit: self.max_bytes.unwrap_or(default), used: Cell::new(0) }
    }
}

/// Counts what was promised to be kept in memory.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: Cell<u64>,
}

impl Budget {
    /// Books `n` items of `size` bytes before they are allocated.
    pub(crate) fn claim(&self, what: &'static str, n: u64, size: u64) -> Result<usize> {
        let over = |bytes| Error::OverBudget { what, bytes, limit: self.limit };
        let bytes = n.checked_mul(size).ok_or(over(u64::MAX))?;
        let total = self.used.get().checked_add(bytes).ok_or(over(u64::MAX))?;
        if total > self.limit {
            return Err(over(total));
        }
        self.used.set(total);
        usize::try_from(n).map_err(|_| over(bytes))
    }

    /// Refuses what is in memory for a moment only, without booking it.
    pub(crate) fn check(&self, what: &'static str, n: u64, size: u64) -> Result<()> {
        let (bytes, limit) = (n.saturating_mul(size), self.limit);
        if bytes > limit { Err(Error::OverBudget { what, bytes, limit }) } else { Ok(()) }
    }

    /// Bytes that are not booked yet.
    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used.get())
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }
}
