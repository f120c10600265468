//! Zip archives of NumPy arrays, dense or the compressed sparse form that SciPy saves.

use crate::{
    Column, ColumnValues, Csr, Error, Format, Input, Matrix, ReadOptions, Result, Values,
    arrays::{Array, read_array},
    element::{self, Target},
    matrix::Dense,
    npy::{self, Descr, Header},
    options::Budget,
    stream::{Payload, Stream},
    zip::{Archive, Member},
};

const FORMAT: &str = "npz";

/// The arrays of a sparse matrix.
const SPARSE: [&str; 4] = ["data", "indices", "indptr", "shape"];

/// An archive and the headers of its arrays.
pub(crate) struct Contents<'a> {
    archive: Archive,
    budget: &'a Budget,
    arrays: Vec<(String, Member, Header)>,
}

impl<'a> Contents<'a> {
    pub(crate) fn open(stream: Stream, budget: &'a Budget) -> Result<Self> {
        let bytes = stream.bytes();
        let mut archive = Archive::open(stream.into_inner(), bytes, budget)?;
        let mut arrays = Vec::new();
        for member in archive.members.clone() {
            let name = member.name.strip_suffix(".npy").unwrap_or(&member.name).to_owned();
            let header = npy::read_header(&mut archive.payload(&member, budget)?);
            match header {
                Ok(header) => arrays.push((name, member, header)),
                Err(Error::Unsupported { .. }) => {} // pickles and records are not offered
                Err(error) => return Err(error),
            }
        }
        Ok(Self { archive, budget, arrays })
    }

    fn described(&self, keep: impl Fn(&Header) -> bool) -> Vec<String> {
        let kept = self.arrays.iter().filter(|(_, _, header)| keep(header));
        kept.map(|(name, _, header)| format!("{name} ({})", header.describe())).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.arrays.iter().any(|(other, ..)| other == name)
    }

    pub(crate) fn is_sparse(&self) -> bool {
        SPARSE.iter().all(|name| self.has(name))
    }

    /// Reads an array with `read` and the rest of its member, so that the checksum is verified.
    fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Payload<'_>, &Budget) -> Result<T>,
    ) -> Result<T> {
        let found = self.arrays.iter().find(|(other, ..)| other == name);
        let (_, member, _) = found.ok_or_else(|| Error::NotFound {
            what: "array",
            name: name.to_owned(),
            available: self.described(|_| true),
        })?;
        let mut payload = self.archive.payload(member, self.budget)?;
        let value = read(&mut payload, self.budget)?;
        payload.exhaust(FORMAT)?;
        Ok(value)
    }

    fn column(&mut self, name: &str) -> Result<ColumnValues> {
        self.read(name, npy::read_column)
    }

    fn matrix(&mut self, name: &str) -> Result<Dense> {
        self.read(name, npy::read_matrix)
    }

    /// The array to read where none is named: the only matrix of numbers.
    fn only_matrix(&self) -> Result<String> {
        let is_matrix =
            |header: &Header| header.shape.len() > 1 && matches!(header.descr, Descr::Number(_));
        let mut matrices = self.arrays.iter().filter(|(_, _, header)| is_matrix(header));
        match (matrices.next(), matrices.next()) {
            (Some((name, ..)), None) => Ok(name.clone()),
            (Some(_), Some(_)) => Err(Error::ChooseArray { available: self.described(is_matrix) }),
            (None, _) => Err(Error::NotFound {
                what: "array",
                name: "of two dimensions".to_owned(),
                available: self.described(|_| true),
            }),
        }
    }

    fn numbers<T: Target>(&mut self, name: &str) -> Result<Vec<T>> {
        self.read(name, |payload, budget| {
            let header = npy::read_header(payload)?;
            match (header.descr, header.shape.as_slice()) {
                (Descr::Number(element), [n]) => {
                    element::read(payload, FORMAT, element, *n, budget)
                }
                _ => Err(Error::malformed(FORMAT, format!("{name} is no list of numbers"))),
            }
        })
    }

    /// Integers of a type that must hold them all.
    pub(crate) fn integers<T: TryFrom<i64>>(&mut self, name: &str) -> Result<Vec<T>> {
        let wide: Vec<i64> = self.read(name, |payload, budget| {
            let header = npy::read_header(payload)?;
            let n = header.n_entries()?;
            match header.descr {
                Descr::Number(element) => element::read(payload, FORMAT, element, n, budget),
                _ => Err(Error::malformed(FORMAT, format!("{name} holds no numbers"))),
            }
        })?;
        let narrow = |value| {
            let refuse = |_| Error::malformed(FORMAT, format!("{name} holds {value}"));
            T::try_from(value).map_err(refuse)
        };
        wide.into_iter().map(narrow).collect()
    }

    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        match self.column(name)? {
            ColumnValues::Text(texts) => Ok(texts.into_iter().flatten().collect()),
            _ => Err(Error::malformed(FORMAT, format!("{name} holds no text"))),
        }
    }

    fn values(&mut self, name: &str) -> Result<Values> {
        self.read(name, |payload, budget| {
            let header = npy::read_header(payload)?;
            match (header.descr, header.shape.as_slice()) {
                (Descr::Number(element), [n]) => {
                    element::read_values(payload, FORMAT, element, *n, budget)
                }
                _ => Err(Error::malformed(FORMAT, format!("{name} is no list of numbers"))),
            }
        })
    }

    /// Whether SciPy says that the matrix is stored by columns.
    fn is_by_columns(&mut self) -> Result<bool> {
        if !self.has("format") {
            return Ok(false);
        }
        match self.read("format", npy::read_text)?.as_str() {
            "csr" => Ok(false),
            "csc" => Ok(true),
            other => Err(Error::unsupported(FORMAT, format!("a sparse matrix stored as {other}"))),
        }
    }

    fn sparse(&mut self) -> Result<Matrix> {
        let by_columns = self.is_by_columns()?;
        let shape: Vec<i64> = self.numbers("shape")?;
        let side = |k: usize| shape.get(k).and_then(|&side| usize::try_from(side).ok());
        let (Some(n_rows), Some(n_cols), 2) = (side(0), side(1), shape.len()) else {
            return Err(Error::malformed(FORMAT, format!("a shape of {shape:?}")));
        };
        let (major, minor) = if by_columns { (n_cols, n_rows) } else { (n_rows, n_cols) };
        let indptr: Vec<i64> = self.numbers("indptr")?;
        let indices: Vec<i64> = self.numbers("indices")?;
        let values = self.values("data")?;
        let csr = Csr::from_integers(major, minor, &indptr, &indices, values)?;
        if by_columns {
            self.budget.claim("the matrix by rows", n_rows as u64 + 2 * indices.len() as u64, 8)?;
            return Ok(Matrix::Csr(csr.transposed()));
        }
        Ok(Matrix::Csr(csr))
    }
}

pub(crate) fn read(stream: Stream, options: &ReadOptions, budget: &Budget) -> Result<Input> {
    let mut contents = Contents::open(stream, budget)?;
    let matrix = match &options.array {
        Some(name) => Matrix::Dense(contents.matrix(name)?),
        None if contents.is_sparse() => contents.sparse()?,
        None => {
            let name = contents.only_matrix()?;
            Matrix::Dense(contents.matrix(&name)?)
        }
    };
    let mut input = Input::new(Format::Npz, matrix);
    for name in options.aside() {
        let values = contents.column(&name)?;
        if values.len() != input.matrix.n_rows() {
            let (got, expected) = (values.len(), input.matrix.n_rows());
            return Err(Error::LengthMismatch { what: format!("array {name}"), got, expected });
        }
        input.obs.push(Column { name, values });
    }
    Ok(input)
}

/// Every array of numbers by name.
pub(crate) fn arrays(stream: Stream, budget: &Budget) -> Result<Vec<(String, Array)>> {
    let mut contents = Contents::open(stream, budget)?;
    let names: Vec<String> = contents.arrays.iter().map(|(name, ..)| name.clone()).collect();
    let mut arrays = Vec::new();
    for name in names {
        let array = contents.read(&name, |payload, budget| {
            let header = npy::read_header(payload)?;
            read_array(&header, payload, budget)
        })?;
        arrays.extend(array.map(|array| (name, array)));
    }
    Ok(arrays)
}

/// The labels that one array holds.
pub(crate) fn read_column(
    stream: Stream,
    name: Option<&str>,
    budget: &Budget,
) -> Result<ColumnValues> {
    let mut contents = Contents::open(stream, budget)?;
    match (name, contents.arrays.as_slice()) {
        (Some(name), _) => contents.column(name),
        (None, [(only, ..)]) => {
            let only = only.clone();
            contents.column(&only)
        }
        (None, _) => {
            let available = contents.described(|header| header.shape.len() == 1);
            Err(Error::ChooseArray { available })
        }
    }
}
