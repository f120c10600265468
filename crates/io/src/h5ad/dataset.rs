//! One HDF5 dataset: sized first, then read in windows of rows.

use hdf5_pure::{Datatype, DatatypeByteOrder, File, Group, VlenStringReadOptions};

use super::FORMAT;
use crate::{
    Dense, Error, Result, Values,
    element::{self, Element, Kind, Target},
    options::Budget,
};

/// What the foreign reader says about a file it cannot read.
pub(super) fn failed(error: &dyn std::error::Error) -> Error {
    Error::malformed(FORMAT, error.to_string())
}

/// What a path leads to.
pub(super) enum Node {
    Dataset(Dataset),
    Group(Group),
}

impl Node {
    pub(super) fn at(file: &File, path: &str) -> Option<Self> {
        if let Ok(inner) = file.dataset(path) {
            return Some(Self::Dataset(Dataset { inner, path: path.to_owned() }));
        }
        file.group(path).ok().map(Self::Group)
    }
}

pub(super) struct Dataset {
    pub(super) inner: hdf5_pure::Dataset,
    pub(super) path: String,
}

/// Bytes read at once, if the chunks of the file are not larger.
const WINDOW: u64 = 4 << 20;

/// How a number is stored, if the type is one; truth values are stored as an enumeration.
pub(super) fn element_of(datatype: &Datatype) -> Option<Element> {
    let order = |order: &DatatypeByteOrder| matches!(order, DatatypeByteOrder::BigEndian);
    match datatype {
        Datatype::FixedPoint { size, byte_order, layout } => {
            let is_plain =
                layout.bit_offset == 0 && size.checked_mul(8) == Some(layout.bit_precision.into());
            let kind = match (size, layout.signed) {
                (1, true) => Kind::I8,
                (2, true) => Kind::I16,
                (4, true) => Kind::I32,
                (8, true) => Kind::I64,
                (1, false) => Kind::U8,
                (2, false) => Kind::U16,
                (4, false) => Kind::U32,
                (8, false) => Kind::U64,
                _ => return None,
            };
            is_plain.then(|| Element { kind, big_endian: order(byte_order) })
        }
        Datatype::FloatingPoint { size, byte_order, layout } => {
            let (kind, exponent) = match size {
                2 => (Kind::F16, 5),
                4 => (Kind::F32, 8),
                8 => (Kind::F64, 11),
                _ => return None,
            };
            let is_standard = layout.exponent_size == exponent && layout.bit_offset == 0;
            is_standard.then(|| Element { kind, big_endian: order(byte_order) })
        }
        Datatype::Enumeration { base_type, .. } => element_of(base_type),
        _ => None,
    }
}

/// Whether this is the enumeration of FALSE and TRUE that h5py writes for truth values.
pub(super) fn is_truth(datatype: &Datatype) -> bool {
    match datatype {
        Datatype::Enumeration { members, .. } => {
            members.len() == 2 && members.iter().any(|m| m.name.eq_ignore_ascii_case("true"))
        }
        _ => false,
    }
}

impl Dataset {
    pub(super) fn datatype(&self) -> Result<Datatype> {
        self.inner.datatype().map_err(|error| failed(&error))
    }

    pub(super) fn shape(&self) -> Result<Vec<u64>> {
        self.inner.shape().map_err(|error| failed(&error))
    }

    /// Number of entries along all axes.
    pub(super) fn n_entries(&self) -> Result<u64> {
        let product = self.shape()?.iter().try_fold(1_u64, |n, &side| n.checked_mul(side));
        product.ok_or_else(|| {
            Error::malformed(FORMAT, format!("the shape of {} overflows", self.path))
        })
    }

    pub(super) fn is_matrix_of_numbers(&self) -> bool {
        let is_matrix = self.shape().is_ok_and(|shape| shape.len() == 2);
        is_matrix && self.datatype().is_ok_and(|datatype| element_of(&datatype).is_some())
    }

    fn element(&self) -> Result<Element> {
        let refuse =
            || Error::unsupported(FORMAT, format!("{} of a type that is no number", self.path));
        element_of(&self.datatype()?).ok_or_else(refuse)
    }

    /// Books entries of `size` bytes in memory and the largest chunk that is unpacked on the way.
    pub(super) fn claim(&self, budget: &Budget, size: u64) -> Result<u64> {
        let n = self.n_entries()?;
        let stored = self.inner.element_size().map_err(|error| failed(&error))?;
        budget.claim("an array of the file", n, size.max(stored))?;
        if let Some(chunk) = self.inner.chunk_shape().map_err(|error| failed(&error))? {
            let entries = chunk.iter().fold(1_u64, |n, &side| n.saturating_mul(side));
            budget.check("a chunk of the file", entries, stored)?;
            // The index may lie about packed sizes too, and the reader would set that much aside.
            for chunk in self.inner.chunks().map_err(|error| failed(&error))? {
                budget.check("a packed chunk of the file", chunk.storage_size, 1)?;
            }
        }
        Ok(n)
    }

    /// Rows in one window: whole chunks, about [`WINDOW`] bytes.
    fn window(&self, shape: &[u64], size: u64) -> Result<u64> {
        let row = shape.iter().skip(1).fold(size, |n, &side| n.saturating_mul(side)).max(1);
        let chunk = self.inner.chunk_shape().map_err(|error| failed(&error))?;
        let rows = chunk.and_then(|chunk| chunk.first().copied()).unwrap_or(1).max(1);
        Ok((WINDOW / row).div_ceil(rows).max(1).saturating_mul(rows))
    }

    /// All entries in C order.
    pub(super) fn numbers<T: Target>(&self, budget: &Budget) -> Result<Vec<T>> {
        let element = self.element()?;
        let n = self.claim(budget, size_of::<T>() as u64)?;
        let shape = self.shape()?;
        let rows = shape.first().copied().unwrap_or(1);
        let window = self.window(&shape, element.kind.size() as u64)?;
        let mut out = Vec::new();
        let mut row = 0;
        while row < rows && n > 0 {
            let raw = self.inner.read_raw_rows(row, window).map_err(|error| failed(&error))?;
            element::decode(element, &raw, &mut out)?;
            row = row.saturating_add(window);
        }
        if out.len() as u64 == n {
            return Ok(out);
        }
        let (got, expected) = (out.len(), n as usize);
        Err(Error::LengthMismatch { what: self.path.clone(), got, expected })
    }

    /// All entries in the precision that holds them.
    pub(super) fn values(&self, budget: &Budget) -> Result<Values> {
        if self.element()?.kind.fits_single() {
            Ok(Values::F32(self.numbers(budget)?))
        } else {
            Ok(Values::F64(self.numbers(budget)?))
        }
    }

    pub(super) fn matrix(&self, budget: &Budget) -> Result<Dense> {
        let shape = self.shape()?;
        let [n_rows, n_cols] = shape.as_slice() else {
            return Err(Error::Dimensions { n_dims: shape.len(), wanted: "a matrix" });
        };
        let values = self.values(budget)?;
        Dense::new(*n_rows as usize, *n_cols as usize, values)
    }

    pub(super) fn is_text(&self) -> Result<bool> {
        Ok(matches!(
            self.datatype()?,
            Datatype::String { .. } | Datatype::VariableLength { is_string: true, .. }
        ))
    }

    /// All entries as text, of fixed or variable length.
    pub(super) fn texts(&self, budget: &Budget) -> Result<Vec<String>> {
        let n = self.claim(budget, size_of::<String>() as u64)?;
        if matches!(self.datatype()?, Datatype::VariableLength { .. }) {
            let most = usize::try_from(budget.left()).unwrap_or(usize::MAX);
            let limits = VlenStringReadOptions::new().with_max_elements(n as usize);
            let texts = self.inner.read_vlen_strings(limits.with_max_payload_bytes(most));
            let texts = texts.map_err(|error| failed(&error))?;
            let bytes = texts.iter().map(|text| text.len() as u64).sum();
            budget.claim("the text of the file", bytes, 1)?;
            return Ok(texts);
        }
        if !self.is_text()? {
            return Err(Error::malformed(FORMAT, format!("{} holds no text", self.path)));
        }
        self.inner.read_string().map_err(|error| failed(&error))
    }
}
