//! Tables of numbers: csv, tsv and their like.
//!
//! The first line holds names if some cell of it is text above a number, or all are text. The
//! first column holds names if its header is empty, if the header is one cell short, or if its
//! first value is text. Cells may be quoted. A cell that is neither a number nor missing is an
//! error that names line and column; columns of text are set aside by name.

mod column;
mod describe;
mod sets;

use std::io::BufRead;

use csv::ByteRecord;

use crate::{
    Column, ColumnValues, Error, Format, Input, Matrix, Missing, ReadOptions, Result, Values,
    matrix::Dense,
    options::Budget,
    stream::{Payload, read_error},
};

pub(crate) use column::read_column;
pub(crate) use describe::describe;
pub use sets::{FeatureSet, read_feature_sets};

const FORMAT: &str = "table";

/// What a column of the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Names,
    Aside(usize),
    Value,
}

/// What the first two lines tell.
struct Layout {
    header: Option<Vec<String>>,
    roles: Vec<Role>,
    /// What the reader should know of how the first line was taken.
    note: Option<String>,
}

pub(crate) fn read(
    payload: Payload<'static>,
    extension: &str,
    options: &ReadOptions,
    budget: &Budget,
) -> Result<Input> {
    let mut lines = Lines::open(payload, extension, options)?;
    let (layout, first) = Layout::read(&mut lines, options)?;
    let mut body = Body::new(&layout, options, budget);
    for line in first {
        body.take(&line)?;
    }
    while let Some(line) = lines.next()? {
        body.take(&line)?;
    }
    body.finish()
}

/// The commonest of tab, comma and semicolon outside quotes in the first line.
fn sniff(reader: &mut dyn BufRead, extension: &str) -> Result<u8> {
    if extension == "tsv" || extension == "tab" {
        return Ok(b'\t');
    }
    let head = reader.fill_buf().map_err(|error| read_error(FORMAT, error))?;
    let mut is_quoted = false;
    let mut counts = [(b',', 0_usize), (b'\t', 0), (b';', 0)];
    for &byte in head.iter().take_while(|&&byte| byte != b'\n') {
        is_quoted ^= byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(d, _)| *d == byte && !is_quoted) {
            *count += 1;
        }
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| *count); // a tie goes to the comma
    Ok(most.map_or(b',', |&(delimiter, _)| delimiter))
}

struct Line {
    number: u64,
    cells: ByteRecord,
}

impl Line {
    fn text(&self, column: usize) -> Result<&str> {
        let cell = self.cells.get(column).unwrap_or_default();
        let text = std::str::from_utf8(cell);
        let place = Error::NotUtf8 { line: self.number, column: column + 1 };
        text.map(str::trim).map_err(|_| place)
    }

    fn texts(&self) -> Result<Vec<String>> {
        (0..self.cells.len()).map(|column| self.text(column).map(str::to_owned)).collect()
    }
}

struct Lines {
    reader: csv::Reader<Box<dyn BufRead>>,
}

impl Lines {
    fn open(payload: Payload<'static>, extension: &str, options: &ReadOptions) -> Result<Self> {
        let mut reader = payload.into_reader();
        let delimiter = match options.delimiter {
            Some(delimiter) => delimiter,
            None => sniff(&mut *reader, extension)?,
        };
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(delimiter);
        Ok(Self { reader: builder.from_reader(reader) })
    }

    /// The next line that is not blank.
    fn next(&mut self) -> Result<Option<Line>> {
        let mut cells = ByteRecord::new();
        loop {
            match self.reader.read_byte_record(&mut cells) {
                Ok(false) => return Ok(None),
                Ok(true) => {}
                Err(error) => return Err(table_error(error)),
            }
            let is_blank = cells.len() == 1 && cells[0].trim_ascii().is_empty();
            if !is_blank {
                let number = cells.position().map_or(0, csv::Position::line);
                return Ok(Some(Line { number, cells }));
            }
        }
    }
}

fn table_error(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => read_error(FORMAT, error),
        other => Error::malformed(FORMAT, format!("{other:?}")),
    }
}

fn is_missing(text: &str) -> bool {
    const WORDS: [&str; 7] = ["", "na", "n/a", "nan", "null", "none", "?"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn number(text: &str) -> Option<f64> {
    if is_missing(text) { None } else { text.parse().ok() }
}

fn is_text(text: &str) -> bool {
    !is_missing(text) && number(text).is_none()
}

impl Layout {
    /// The layout, and those of the first two lines that are no names.
    fn read(lines: &mut Lines, options: &ReadOptions) -> Result<(Self, Vec<Line>)> {
        let first = lines.next()?.ok_or(Error::Empty { n_rows: 0, n_cols: 0 })?;
        let second = lines.next()?;
        let layout = Self::of(&first, second.as_ref(), options)?;
        let values = layout.header.is_none().then_some(first);
        Ok((layout, values.into_iter().chain(second).collect()))
    }

    fn of(first: &Line, second: Option<&Line>, options: &ReadOptions) -> Result<Self> {
        let top = first.texts()?;
        let below = second.map(Line::texts).transpose()?;
        let has_header = options.header.unwrap_or_else(|| looks_like_names(&top, below.as_deref()));
        let (mut header, sample) = match (has_header, below) {
            (true, below) => (Some(top), below),
            (false, _) => (None, Some(top)),
        };
        let width = sample.as_ref().or(header.as_ref()).map_or(0, Vec::len);
        if let Some(names) = header.as_mut()
            && names.len() + 1 == width
        {
            names.insert(0, String::new()); // R leaves out the name of the row names
        }
        if let (Some(names), Some(second)) = (&header, second)
            && names.len() != width
        {
            let (line, expected) = (second.number, names.len());
            return Err(Error::Ragged { line, expected, got: width });
        }
        let mut roles = vec![Role::Value; width];
        for (k, wanted) in options.aside().iter().enumerate() {
            roles[find(wanted, header.as_deref(), width)?] = Role::Aside(k);
        }
        let unnamed = header.as_ref().and_then(|names| names.first()).is_some_and(String::is_empty);
        let text =
            sample.as_ref().and_then(|cells| cells.first()).is_some_and(|cell| is_text(cell));
        if width > 1 && roles[0] == Role::Value && (unnamed || text) {
            roles[0] = Role::Names;
        }
        let is_doubtful = options.header.is_none() && header.is_none();
        let note = sample.filter(|cells| is_doubtful && counts(cells, &roles)).map(|_| {
            format!(
                "line {} looks like column numbers, and was read as a sample; --header true takes it \
                 for names, --header false for a sample without this notice",
                first.number
            )
        });
        Ok(Self { header, roles, note })
    }

    fn name(&self, column: usize) -> Option<String> {
        self.header.as_ref().and_then(|names| names.get(column).cloned())
    }

    /// Refuses a line with more or fewer cells than the first.
    fn check_width(&self, line: &Line) -> Result<()> {
        let (expected, got) = (self.roles.len(), line.cells.len());
        if got == expected {
            Ok(())
        } else {
            Err(Error::Ragged { line: line.number, expected, got })
        }
    }
}

/// Whether the first line is names: text above a number, or nothing but text (or an empty corner).
fn looks_like_names(top: &[String], below: Option<&[String]>) -> bool {
    let text_above_number = below.is_some_and(|below| {
        let shift = usize::from(top.len() + 1 == below.len());
        top.iter().enumerate().any(|(column, cell)| {
            is_text(cell) && below.get(column + shift).is_some_and(|cell| number(cell).is_some())
        })
    });
    let empty_corner = top.first().is_some_and(String::is_empty)
        && below.is_none_or(|below| below.first().is_some_and(|cell| !cell.is_empty()));
    let all_text = top.iter().all(|cell| is_text(cell));
    text_above_number || (empty_corner && top.len() > 1) || all_text
}

/// Whether the values of a line count the columns, from 0 or from 1.
fn counts(cells: &[String], roles: &[Role]) -> bool {
    let values = || cells.iter().zip(roles).filter(|(_, role)| **role == Role::Value);
    let from = |start: usize| {
        let numbers = (start..).map(|k| k.to_string());
        values().zip(numbers).all(|((cell, _), number)| *cell == number)
    };
    values().nth(1).is_some() && (from(0) || from(1))
}

/// Position of a column given by name, or by number where there is no header.
fn find(wanted: &str, header: Option<&[String]>, width: usize) -> Result<usize> {
    let position = match header {
        Some(names) => names.iter().position(|name| name == wanted),
        None => wanted.parse().ok().filter(|number| (1..=width).contains(number)).map(|n| n - 1),
    };
    position.ok_or_else(|| Error::NotFound {
        what: "column",
        name: wanted.to_owned(),
        available: match header {
            Some(names) => names.to_vec(),
            None => (1..=width).map(|number| number.to_string()).collect(),
        },
    })
}

/// The values as they are collected.
struct Body<'a> {
    layout: &'a Layout,
    keep_missing: bool,
    budget: &'a Budget,
    names: Vec<String>,
    aside: Vec<(String, Vec<Option<String>>)>,
    values: Vec<f64>,
    n_rows: usize,
}

impl<'a> Body<'a> {
    fn new(layout: &'a Layout, options: &ReadOptions, budget: &'a Budget) -> Self {
        Self {
            layout,
            keep_missing: options.missing == Missing::Keep,
            budget,
            names: Vec::new(),
            aside: options.aside().into_iter().map(|name| (name, Vec::new())).collect(),
            values: Vec::new(),
            n_rows: 0,
        }
    }

    fn take(&mut self, line: &Line) -> Result<()> {
        self.layout.check_width(line)?;
        let cost = (line.cells.len() * size_of::<f64>() + line.cells.as_slice().len()) as u64;
        self.budget.claim("the table", 1, cost)?;
        for (column, role) in self.layout.roles.iter().enumerate() {
            let text = line.text(column)?;
            match *role {
                Role::Names => self.names.push(text.to_owned()),
                Role::Aside(k) => {
                    let known = (!is_missing(text)).then(|| text.to_owned());
                    self.aside[k].1.push(known);
                }
                Role::Value => self.values.push(self.value(line.number, column, text)?),
            }
        }
        self.n_rows += 1;
        Ok(())
    }

    fn value(&self, line: u64, column: usize, text: &str) -> Result<f64> {
        let value = number(text);
        let (name, text) = match value {
            Some(value) if value.is_finite() || self.keep_missing => return Ok(value),
            _ => (self.layout.name(column), shortened(text)),
        };
        if value.is_some() {
            return Err(Error::NotFiniteCell { line, column: column + 1, name, text });
        }
        if !is_missing(&text) {
            Err(Error::NotANumber { line, column: column + 1, name, text })
        } else if self.keep_missing {
            Ok(f64::NAN)
        } else {
            Err(Error::MissingValue { line, column: column + 1, name, text })
        }
    }

    fn finish(self) -> Result<Input> {
        let value_columns: Vec<usize> =
            (0..self.layout.roles.len()).filter(|&c| self.layout.roles[c] == Role::Value).collect();
        let matrix = Dense::new(self.n_rows, value_columns.len(), Values::F64(self.values))?;
        let mut input = Input::new(Format::Table, Matrix::Dense(matrix));
        if self.layout.roles.first() == Some(&Role::Names) {
            input.row_names = Some(self.names);
        }
        if let Some(header) = &self.layout.header {
            input.col_names =
                value_columns.iter().map(|&column| header.get(column).cloned()).collect();
        }
        let column = |(name, texts)| Column { name, values: typed(texts) };
        input.notes.extend(self.layout.note.clone());
        input.obs = self.aside.into_iter().map(column).collect();
        Ok(input)
    }
}

/// The first characters of a cell, for a message.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}

/// Integers or numbers if all cells are, else text.
pub(crate) fn typed(texts: Vec<Option<String>>) -> ColumnValues {
    fn all<T: std::str::FromStr>(texts: &[Option<String>]) -> Option<Vec<Option<T>>> {
        let parse = |text: &Option<String>| match text {
            None => Some(None),
            Some(text) => text.parse().ok().map(Some),
        };
        texts.iter().map(parse).collect()
    }
    if texts.iter().all(Option::is_none) {
        return ColumnValues::Text(texts);
    }
    if let Some(integers) = all::<i64>(&texts) {
        return ColumnValues::Integer(integers);
    }
    if let Some(numbers) = all::<f64>(&texts) {
        return ColumnValues::Number(numbers.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect());
    }
    ColumnValues::Text(texts)
}
