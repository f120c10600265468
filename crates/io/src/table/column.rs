//! One column of a table, as labels.

use super::{Lines, find, is_missing, is_text, typed};
use crate::{ColumnValues, Error, ReadOptions, Result, options::Budget, stream::Payload};

/// One column of a table: by name, by number from 1 where no name fits, or the only one.
///
/// A column that is found by its name has its name in the first line. Otherwise the number of rows
/// decides, see [`has_name`].
pub(crate) fn read_column(
    payload: Payload<'static>,
    extension: &str,
    name: Option<&str>,
    n_rows: Option<usize>,
    options: &ReadOptions,
    budget: &Budget,
) -> Result<ColumnValues> {
    let mut lines = Lines::open(payload, extension, options)?;
    let first = lines.next()?.ok_or(Error::Empty { n_rows: 0, n_cols: 0 })?;
    let top = first.texts()?;
    let (column, is_named) = place(name, &top)?;
    let (mut texts, mut next) = (Vec::new(), Some(first));
    while let Some(line) = next {
        let (got, width) = (line.cells.len(), top.len());
        if got != width && got != width + 1 {
            return Err(Error::Ragged { line: line.number, expected: width, got });
        }
        budget.claim("the labels", 1, line.cells.as_slice().len() as u64 + 24)?;
        let text = line.text(column + got - width)?; // R leaves out the name of the row names
        texts.push((!is_missing(text)).then(|| text.to_owned()));
        next = lines.next()?;
    }
    let skipped = match options.header {
        Some(has_header) => is_named || has_header,
        None => is_named || has_name(&texts, n_rows)?,
    };
    Ok(typed(texts.split_off(usize::from(skipped))))
}

/// Position of the column, and whether it was found by its name.
fn place(name: Option<&str>, top: &[String]) -> Result<(usize, bool)> {
    match name {
        Some(name) => match find(name, None, top.len()) {
            Ok(at) if !top.iter().any(|other| other == name) => Ok((at, false)),
            _ => Ok((find(name, Some(top), top.len())?, true)),
        },
        None if top.len() == 1 => Ok((0, false)),
        None => Err(Error::ChooseArray { available: top.to_vec() }),
    }
}

/// Whether the first cell is the name of the column.
///
/// Of n + 1 cells for n rows it is; of n cells it is not. Text above nothing but numbers is a name
/// whatever the count, and the only rule where the number of rows is not known.
fn has_name(texts: &[Option<String>], n_rows: Option<usize>) -> Result<bool> {
    let below = &texts[1..];
    let is_above_numbers = texts[0].as_deref().is_some_and(is_text)
        && below.iter().any(Option::is_some)
        && !matches!(typed(below.to_vec()), ColumnValues::Text(_));
    match n_rows {
        None => Ok(is_above_numbers),
        Some(n_rows) if below.len() == n_rows => Ok(true),
        Some(n_rows) if texts.len() == n_rows && !is_above_numbers => Ok(false),
        Some(n_rows) => {
            let got = texts.len() - usize::from(is_above_numbers);
            Err(Error::LabelCount { got, n_rows })
        }
    }
}
