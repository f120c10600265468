//! What tables of facts are made of, in files old and new.

use super::FORMAT;
use crate::{Column, Error, Result};

/// A table of facts about rows or columns.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) index: Option<Vec<String>>,
    pub(super) columns: Vec<Column>,
}

pub(super) fn check_length(what: &str, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::LengthMismatch { what: what.to_owned(), got, expected })
}

/// Codes below the number of categories; `None` for negative ones.
pub(super) fn checked_codes(raw: &[i64], n: usize, path: &str) -> Result<Vec<Option<u32>>> {
    let code = |(row, &code): (usize, &i64)| match u32::try_from(code) {
        Err(_) if code < 0 => Ok(None),
        Ok(code) if (code as usize) < n => Ok(Some(code)),
        _ => {
            let what = format!("{path} names category {code} of {n} in row {row}");
            Err(Error::malformed(FORMAT, what))
        }
    };
    raw.iter().enumerate().map(code).collect()
}
