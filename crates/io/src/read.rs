//! The one entry for every format.

use std::path::{Path, PathBuf};

use crate::{
    ColumnValues, Dense, Error, Format, Input, Labels, Matrix, Missing, ReadOptions, Result,
    bundled, h5ad, idx, mtx, npy, npz,
    options::Budget,
    stream::{GZIP, Payload, Stream, unpacked_head},
    table,
};

/// Reads a matrix and what its file says about rows and columns.
///
/// `bundled:digits` and `bundled:pbmc3k` are data sets inside this crate. Otherwise the format is told by the first bytes, then by the extension; gzip is unpacked where the
/// format itself is not compressed. Values are refused unless all are finite
/// ([`Missing::Keep`] keeps them). Nothing is allocated on the word of a file alone: declared
/// lengths are held against the file and against [`ReadOptions::max_bytes`].
///
/// # Errors
/// [`Error::In`] with the path and the cause; see [`Error::class`].
///
/// # Example
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("embex-io-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("flowers.csv");
/// std::fs::write(&path, "name,width,length,kind\na,1,2.5,x\nb,3,4,y\n")?;
/// let options = embex_io::ReadOptions::default().with_set_aside("kind");
/// let input = embex_io::read(&path, &options)?;
/// assert_eq!((input.matrix.n_rows(), input.matrix.n_cols()), (2, 2));
/// assert_eq!(input.labels("kind")?.names, ["x", "y"]);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Input> {
    let path = path.as_ref();
    if let Some(name) = path.to_str().and_then(|path| path.strip_prefix("bundled:")) {
        let read = || labelled(bundled::read(name, options)?, options);
        return read().map_err(|error| error.in_file(path));
    }
    let read = || read_stream(Stream::open(&file_of(path))?, options);
    read().map_err(|error| error.in_file(path))
}

/// As [`read`], from memory; `name` stands for the file name.
///
/// # Errors
/// As [`read`], without a path.
///
/// # Example
/// ```
/// let input = embex_io::read_bytes(b"1;2\n3;4\n".to_vec(), "a.csv", &Default::default())?;
/// assert_eq!(input.matrix.values().get(3), 4.0);
/// # Ok::<(), embex_io::Error>(())
/// ```
pub fn read_bytes(bytes: Vec<u8>, name: &str, options: &ReadOptions) -> Result<Input> {
    read_stream(Stream::of_bytes(bytes, name), options)
}

/// Reads one label per sample: a text file with a label per line, a table, idx labels, a
/// one-dimensional npy array, an array of an npz file, or a column of obs.
///
/// `column` names the column, array or obs where there are several; in a table without names it
/// is a number from 1. `n_rows` is the number of samples: another number of labels is an error, and
/// it tells whether the first line of a table is a name. A file of `n_rows` lines is labels alone,
/// one of `n_rows` + 1 lines has a name first; blank lines are not counted. Text above nothing but
/// numbers is a name in any case, as it is where `n_rows` is not given.
///
/// # Errors
/// [`Error::In`] with the path and the cause: [`Error::LabelCount`], [`Error::ChooseArray`] without
/// the `column` that is needed, [`Error::NotFound`], [`Error::NotApplicable`] for a `column` of
/// an idx or npy file.
pub fn read_labels(
    path: impl AsRef<Path>,
    column: Option<&str>,
    n_rows: Option<usize>,
    options: &ReadOptions,
) -> Result<Labels> {
    let path = path.as_ref();
    let read = || {
        let labels = labels_of(Stream::open(path)?, column, n_rows, options)?;
        match n_rows {
            Some(n_rows) if labels.codes.len() != n_rows => {
                Err(Error::LabelCount { got: labels.codes.len(), n_rows })
            }
            _ => Ok(labels),
        }
    };
    read().map_err(|error| error.in_file(path))
}

/// What the first bytes and the name tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Detected {
    pub(crate) format: Format,
    /// Extension in lower case, without `gz`.
    pub(crate) extension: String,
}

const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
const HEAD: usize = 512;

pub(crate) fn detect(stream: &mut Stream) -> Result<Detected> {
    let mut head = stream.head(HEAD)?;
    let mut name = stream.name().to_owned();
    let is_gzip = head.starts_with(&GZIP);
    if is_gzip {
        head = unpacked_head(stream, HEAD)?;
        name = name.strip_suffix(".gz").unwrap_or(&name).to_owned();
    }
    let extension = extension_of(&name);
    let format = by_content(&head).or_else(|| by_name(&extension, &name, &head));
    let format = format.ok_or(Error::UnknownFormat)?;
    if is_gzip && matches!(format, Format::Npz | Format::H5ad) {
        return Err(Error::unsupported("gzip", "a format that must be read in any order"));
    }
    Ok(Detected { format, extension })
}

/// Extension without `gz`.
pub(crate) fn extension_of(name: &str) -> String {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    Path::new(name).extension().unwrap_or_default().to_string_lossy().into_owned()
}

fn by_content(head: &[u8]) -> Option<Format> {
    if head.starts_with(npy::MAGIC) {
        Some(Format::Npy)
    } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Some(Format::Npz)
    } else if head.starts_with(HDF5) {
        Some(Format::H5ad)
    } else if head.starts_with(b"%%MatrixMarket") {
        Some(Format::MatrixMarket)
    } else if idx::is_magic(head) {
        Some(Format::Idx)
    } else {
        None
    }
}

fn by_name(extension: &str, name: &str, head: &[u8]) -> Option<Format> {
    let is_text = !head.contains(&0);
    match extension {
        "npy" => Some(Format::Npy),
        "npz" => Some(Format::Npz),
        "h5ad" | "h5" | "hdf5" => Some(Format::H5ad),
        "mtx" => Some(Format::MatrixMarket),
        "csv" | "tsv" | "tab" | "txt" => Some(Format::Table),
        _ if name.ends_with("-ubyte") || extension == "idx" => Some(Format::Idx),
        "" if is_text && !head.is_empty() => Some(Format::Table),
        _ => None,
    }
}

fn read_stream(mut stream: Stream, options: &ReadOptions) -> Result<Input> {
    let detected = detect(&mut stream)?;
    options.check_for(detected.format)?;
    let budget = options.budget(stream.bytes());
    let mut input = read_as(&detected, stream, options, &budget)?;
    if options.transpose {
        let bytes = input.matrix.exchange_bytes();
        budget.claim("the matrix with rows and columns exchanged", 1, bytes)?;
        input = input.transposed();
    }
    if options.missing == Missing::Refuse {
        input.matrix.check_finite()?;
    }
    labelled(input, options)
}

/// The input, if it has the labels that will be asked for.
fn labelled(input: Input, options: &ReadOptions) -> Result<Input> {
    if let Some(name) = &options.labels {
        input.column(name)?;
    }
    Ok(input)
}

fn read_as(
    detected: &Detected,
    stream: Stream,
    options: &ReadOptions,
    budget: &Budget,
) -> Result<Input> {
    let dense = |stream: Stream, read: fn(&mut Payload<'_>, &Budget) -> Result<Dense>| {
        let mut payload = stream.payload(budget)?;
        let matrix = read(&mut payload, budget)?;
        payload.exhaust("gzip")?;
        Ok(Input::new(detected.format, Matrix::Dense(matrix)))
    };
    match detected.format {
        Format::Npy => dense(stream, npy::read_matrix),
        Format::Idx => dense(stream, idx::read_matrix),
        Format::Table => table::read(stream.payload(budget)?, &detected.extension, options, budget),
        Format::MatrixMarket => {
            let siblings = stream.path().map(Path::to_owned);
            mtx::read(stream.payload(budget)?, siblings.as_deref(), options, budget)
        }
        Format::H5ad => h5ad::read(stream, options, budget),
        Format::Npz => npz::read(stream, options, budget),
        Format::Bundled => Err(Error::UnknownFormat),
    }
}

/// A folder of 10x Genomics stands for its matrix.
pub(crate) fn file_of(path: &Path) -> PathBuf {
    let inside = ["matrix.mtx", "matrix.mtx.gz"].map(|name| path.join(name));
    inside.into_iter().find(|path| path.is_file()).unwrap_or_else(|| path.to_owned())
}

fn labels_of(
    mut stream: Stream,
    column: Option<&str>,
    n_rows: Option<usize>,
    options: &ReadOptions,
) -> Result<Labels> {
    let detected = detect(&mut stream)?;
    let format = detected.format;
    if column.is_some() && matches!(format, Format::Npy | Format::Idx) {
        let why = "it holds one column, which has no name";
        return Err(Error::NotApplicable { option: "column", format, why });
    }
    let budget = options.budget(stream.bytes());
    let column_of =
        |stream: Stream, read: fn(&mut Payload<'_>, &Budget) -> Result<ColumnValues>| {
            let mut payload = stream.payload(&budget)?;
            let values = read(&mut payload, &budget)?;
            payload.exhaust("gzip").map(|()| values)
        };
    let values = match detected.format {
        Format::Npy => column_of(stream, npy::read_column)?,
        Format::Npz => npz::read_column(stream, column, &budget)?,
        Format::Idx => column_of(stream, idx::read_column)?,
        Format::Table => {
            let payload = stream.payload(&budget)?;
            table::read_column(payload, &detected.extension, column, n_rows, options, &budget)?
        }
        Format::H5ad => {
            let input = read_as(&detected, stream, options, &budget)?;
            let names = || input.obs.iter().map(|column| column.name.clone()).collect();
            let name = column.ok_or_else(|| Error::ChooseArray { available: names() })?;
            return input.labels(name);
        }
        Format::MatrixMarket => return Err(Error::unsupported(format.name(), "labels")),
        Format::Bundled => return Err(Error::UnknownFormat),
    };
    Ok(Labels::from_column(&values))
}
