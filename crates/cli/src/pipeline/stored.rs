//! The number types of a run.

use embex_io::Values;
use embex_linalg::{Error, Real, Rows};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::Result;

/// A number type whose states can be stored: `f32` or `f64`.
pub(super) trait Stored: Real + Serialize + DeserializeOwned {
    /// Entries in this type; moved if they are already.
    fn take(values: Values) -> Vec<Self>;
    /// The reverse of [`Self::take`]; moves.
    fn give(entries: Vec<Self>) -> Values;
}

impl Stored for f32 {
    fn take(values: Values) -> Vec<Self> {
        values.into_f32()
    }

    fn give(entries: Vec<Self>) -> Values {
        Values::F32(entries)
    }
}

impl Stored for f64 {
    fn take(values: Values) -> Vec<Self> {
        values.into_f64()
    }

    fn give(entries: Vec<Self>) -> Values {
        Values::F64(entries)
    }
}

/// Entries as rows of a length that divides their number.
pub(super) fn rows<S: Real>(entries: Vec<S>, n_cols: usize) -> Result<Rows<S>> {
    let (what, got) = ("the matrix", entries.len());
    let expected = got.checked_div(n_cols).map_or(0, |n_rows| n_rows * n_cols);
    Ok(Rows::from_vec(entries, n_cols).ok_or(Error::LengthMismatch { what, got, expected })?)
}
