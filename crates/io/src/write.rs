//! Writers of single files, all atomic.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::{AtomicFile, Error, Result};

/// A number that an npy file can hold.
pub trait NpyNumber: Copy + sealed::Sealed {
    /// NumPy's name of the type.
    const DESCR: &'static str;

    /// Appends the bytes, least significant first.
    fn append_to(self, bytes: &mut Vec<u8>);
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! npy_number {
    ($($number:ty => $descr:literal),*) => {$(
        impl sealed::Sealed for $number {}
        impl NpyNumber for $number {
            const DESCR: &'static str = $descr;

            fn append_to(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    )*};
}

npy_number!(f32 => "<f4", f64 => "<f8", u8 => "|u1", u16 => "<u2", u32 => "<u4", i32 => "<i4", i64 => "<i8");

/// Writes an npy file block after block.
///
/// The file takes its name only when [`NpyWriter::finish`] has seen all entries.
///
/// # Example
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("embex-npy-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("map.npy");
/// let mut writer = embex_io::NpyWriter::<f32>::create(&path, &[2, 2])?;
/// writer.write(&[1.0, 2.0])?;
/// writer.write(&[3.0, 4.0])?;
/// writer.finish()?;
/// let input = embex_io::read(&path, &Default::default())?;
/// assert_eq!(input.matrix.into_dense_f32(1000)?, [1.0, 2.0, 3.0, 4.0]);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NpyWriter<T> {
    file: AtomicFile,
    left: usize,
    total: usize,
    bytes: Vec<u8>,
    entries: std::marker::PhantomData<T>,
}

impl<T: NpyNumber> NpyWriter<T> {
    /// Begins a file for an array of this shape, in C order.
    ///
    /// # Errors
    /// [`Error::Io`] within [`Error::In`].
    pub fn create(path: impl AsRef<Path>, shape: &[usize]) -> Result<Self> {
        let mut file = AtomicFile::create(path)?;
        file.write_all(&npy_header(T::DESCR, shape)).map_err(Error::io("write the file"))?;
        let total = shape.iter().product();
        let entries = std::marker::PhantomData;
        Ok(Self { file, left: total, total, bytes: Vec::new(), entries })
    }

    /// Appends entries.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the array is full, [`Error::Io`].
    pub fn write(&mut self, entries: &[T]) -> Result<()> {
        self.left = self.left.checked_sub(entries.len()).ok_or_else(|| Error::LengthMismatch {
            what: "the array".to_owned(),
            got: self.total - self.left + entries.len(),
            expected: self.total,
        })?;
        for block in entries.chunks(1 << 14) {
            self.bytes.clear();
            for entry in block {
                entry.append_to(&mut self.bytes);
            }
            self.file.write_all(&self.bytes).map_err(Error::io("write the file"))?;
        }
        Ok(())
    }

    /// Makes the file appear.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if entries are missing, [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        if self.left > 0 {
            let (got, expected) = (self.total - self.left, self.total);
            return Err(Error::LengthMismatch { what: "the array".to_owned(), got, expected });
        }
        self.file.commit()
    }
}

/// Version 1, padded to a multiple of 64 bytes as NumPy does.
fn npy_header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let mut sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    if sides.len() == 1 {
        sides[0].push(',');
    }
    let sides = sides.join(", ");
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}");
    let padding = 63 - (10 + text.len()) % 64;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

/// Writes an array of any shape, given in C order.
///
/// # Errors
/// [`Error::LengthMismatch`] unless `entries` fill `shape`, [`Error::Io`].
pub fn write_npy<T: NpyNumber>(
    path: impl AsRef<Path>,
    shape: &[usize],
    entries: &[T],
) -> Result<()> {
    let mut writer = NpyWriter::create(path, shape)?;
    writer.write(entries)?;
    writer.finish()
}

/// Writes a csv table row after row; cells are quoted where they must be.
///
/// # Example
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("embex-csv-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("top.csv");
/// let mut writer = embex_io::CsvWriter::create(&path, ["gene", "score"])?;
/// writer.row(["CD3D, CD3E", "1.5"])?;
/// writer.finish()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "gene,score\n\"CD3D, CD3E\",1.5\n");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CsvWriter {
    inner: csv::Writer<AtomicFile>,
}

impl CsvWriter {
    /// Begins a table with a header; every row must have as many cells.
    ///
    /// # Errors
    /// [`Error::Io`] within [`Error::In`].
    pub fn create<C: AsRef<[u8]>>(
        path: impl AsRef<Path>,
        header: impl IntoIterator<Item = C>,
    ) -> Result<Self> {
        let mut writer = Self { inner: csv::Writer::from_writer(AtomicFile::create(path)?) };
        writer.row(header)?;
        Ok(writer)
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the row is longer or shorter than the header, [`Error::Io`].
    pub fn row<C: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = C>) -> Result<()> {
        self.inner.write_record(cells).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => Error::io("write the file")(error),
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => Error::LengthMismatch {
                what: "the row".to_owned(),
                got: len as usize,
                expected: expected_len as usize,
            },
            other => Error::Serialise { action: "write a table", what: format!("{other:?}") },
        })
    }

    /// Makes the file appear.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        let file = self.inner.into_inner();
        let file = file.map_err(|error| Error::io("write the file")(error.into_error()))?;
        file.commit()
    }
}

/// Writes a value as indented JSON with a line end.
///
/// # Errors
/// [`Error::Serialise`] if the value has no JSON form, [`Error::Io`].
pub fn write_json<T: Serialize + ?Sized>(path: impl AsRef<Path>, value: &T) -> Result<()> {
    AtomicFile::write_with(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value).map_err(|error| {
            match error.io_error_kind() {
                Some(kind) => Error::Io { action: "write the file", source: kind.into() },
                None => Error::Serialise { action: "write JSON", what: error.to_string() },
            }
        })?;
        file.write_all(b"\n").map_err(Error::io("write the file"))
    })
}

/// Writes bytes.
///
/// # Errors
/// [`Error::Io`] within [`Error::In`].
pub fn write_bytes(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    AtomicFile::write_with(path, |file| file.write_all(bytes).map_err(Error::io("write the file")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::fault;

    #[test]
    fn the_header_is_a_multiple_of_64_bytes() {
        for shape in [&[][..], &[7], &[10, 784], &[1, 2, 3], &[123_456_789, 12_345]] {
            let header = npy_header("<f8", shape);
            assert_eq!(header.len() % 64, 0);
            assert_eq!(header.last(), Some(&b'\n'));
        }
    }

    #[test]
    fn an_array_of_the_wrong_length_does_not_appear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let short = write_npy(&path, &[2, 2], &[1.0_f64; 3]);
        assert!(matches!(short, Err(Error::LengthMismatch { got: 3, expected: 4, .. })));
        let long = write_npy(&path, &[2, 2], &[1_u32; 5]);
        assert!(matches!(long, Err(Error::LengthMismatch { got: 5, expected: 4, .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn rows_of_another_length_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = CsvWriter::create(folder.path().join("a.csv"), ["a", "b"]).unwrap();
        let error = writer.row(["1"]).unwrap_err();
        assert!(matches!(error, Error::LengthMismatch { got: 1, expected: 2, .. }));
    }

    /// Every writer, on a disk that is full after so many bytes: an error, the older file as it
    /// was, and nothing beside it.
    #[test]
    fn a_full_disk_leaves_the_older_file() {
        type Write<'a> = dyn Fn(&Path) -> Result<()> + 'a;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let numbers = vec![1.5_f64; 40_000];
        let csv = |path: &Path| {
            let mut writer = CsvWriter::create(path, ["a", "b"])?;
            (0..20_000).try_for_each(|i| writer.row([i.to_string(), "x".to_owned()]))?;
            writer.finish()
        };
        let bytes = vec![7; 200_000];
        let writers: [&Write; 5] = [
            &|path| write_npy(path, &[numbers.len()], &numbers),
            &csv,
            &|path| write_json(path, &numbers),
            &|path| write_bytes(path, &bytes),
            &|path| crate::write_checkpoint(path, "test", 1, &numbers),
        ];
        for (at, write) in writers.iter().enumerate() {
            for n_bytes in [0, 1, 100, 70_000, 120_000] {
                std::fs::write(&path, "old").unwrap();
                fault::disk_of(Some(n_bytes));
                let error = write(&path).unwrap_err();
                fault::disk_of(None);
                let Error::Io { source, .. } = error.root() else { panic!("{at}: {error}") };
                assert_eq!(source.kind(), std::io::ErrorKind::StorageFull, "{at}");
                assert_eq!(std::fs::read(&path).unwrap(), b"old", "{at} after {n_bytes}");
                assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{at}");
            }
            write(&path).unwrap();
        }
    }
}
