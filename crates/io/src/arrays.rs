//! All number arrays of a NumPy file, whatever their dimensions.

use std::path::Path;

use crate::{
    Format, ReadOptions, Result,
    npy::{self, Descr, Header},
    npz,
    options::Budget,
    read::detect,
    stream::{Payload, Stream},
};

/// One array of numbers, widened to `f64`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents; empty for a single number.
    pub shape: Vec<usize>,
    /// Entries in row-major order: the last index runs fastest.
    pub data: Vec<f64>,
}

/// Reads every array of numbers of an npz file by name, or that of an npy file under no name.
///
/// Text is left out. Unlike [`crate::read`], any number of dimensions is taken, and NaN and
/// infinities are kept.
///
/// # Errors
/// [`crate::Error::In`] with the path and the cause; [`crate::Error::UnknownFormat`] for another
/// kind of file.
///
/// # Example
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("embex-io-arrays-{}.npy", std::process::id()));
/// embex_io::write_npy(&path, &[2, 2], &[1.0_f64, 2.0, 3.0, 4.0])?;
/// let arrays = embex_io::read_arrays(&path, &Default::default())?;
/// assert_eq!((&*arrays[0].1.shape, arrays[0].1.data[3]), (&[2, 2][..], 4.0));
/// # std::fs::remove_file(&path)?;
/// # Ok(())
/// # }
/// ```
pub fn read_arrays(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Vec<(String, Array)>> {
    let path = path.as_ref();
    let read = || arrays_of(Stream::open(path)?, options);
    read().map_err(|error| error.in_file(path))
}

fn arrays_of(mut stream: Stream, options: &ReadOptions) -> Result<Vec<(String, Array)>> {
    let detected = detect(&mut stream)?;
    let budget = options.budget(stream.bytes());
    match detected.format {
        Format::Npz => npz::arrays(stream, &budget),
        Format::Npy => {
            let mut payload = stream.payload(&budget)?;
            let header = npy::read_header(&mut payload)?;
            let array = read_array(&header, &mut payload, &budget)?;
            payload.exhaust("gzip")?;
            Ok(array.map(|array| (String::new(), array)).into_iter().collect())
        }
        _ => Err(crate::Error::UnknownFormat),
    }
}

/// The entries after a header; none if they are text.
pub(crate) fn read_array(
    header: &Header,
    payload: &mut Payload<'_>,
    budget: &Budget,
) -> Result<Option<Array>> {
    let Descr::Number(element) = header.descr else { return Ok(None) };
    let data = npy::read_entries(header, element, payload, budget)?.into_f64();
    Ok(Some(Array { shape: header.sides()?, data }))
}
