//! The format of MNIST: big-endian sizes, then numbers.

use crate::{
    ColumnValues, Error, Result,
    element::{self, Element, Kind},
    matrix::Dense,
    options::Budget,
    stream::Payload,
};

const FORMAT: &str = "idx";

/// Whether the first four bytes can be those of an idx file.
pub(crate) fn is_magic(head: &[u8]) -> bool {
    matches!(head, [0, 0, kind, 1..=8, ..] if kind_of(*kind).is_some())
}

const fn kind_of(code: u8) -> Option<Kind> {
    match code {
        0x08 => Some(Kind::U8),
        0x09 => Some(Kind::I8),
        0x0b => Some(Kind::I16),
        0x0c => Some(Kind::I32),
        0x0d => Some(Kind::F32),
        0x0e => Some(Kind::F64),
        _ => None,
    }
}

struct Header {
    element: Element,
    sides: Vec<u64>,
}

fn read_header(payload: &mut Payload<'_>) -> Result<Header> {
    let mut start = [0_u8; 4];
    payload.fill(FORMAT, "header", &mut start)?;
    let kind = match start {
        [0, 0, code, 1..=8] => kind_of(code),
        _ => None,
    };
    let kind = kind.ok_or_else(|| Error::malformed(FORMAT, format!("it begins with {start:?}")))?;
    let mut sides = Vec::new();
    for _ in 0..start[3] {
        let mut raw = [0_u8; 4];
        payload.fill(FORMAT, "header", &mut raw)?;
        sides.push(u64::from(u32::from_be_bytes(raw)));
    }
    Ok(Header { element: Element { kind, big_endian: true }, sides })
}

/// Samples along the first axis, the other axes joined.
pub(crate) fn read_matrix(payload: &mut Payload<'_>, budget: &Budget) -> Result<Dense> {
    let Header { element, sides } = read_header(payload)?;
    if sides.len() < 2 {
        return Err(Error::Dimensions { n_dims: sides.len(), wanted: "a matrix" });
    }
    let overflow = || Error::malformed(FORMAT, "the sizes overflow");
    let n_cols = sides[1..].iter().try_fold(1_u64, |n, &side| n.checked_mul(side));
    let n_cols = n_cols.ok_or_else(overflow)?;
    let n = n_cols.checked_mul(sides[0]).ok_or_else(overflow)?;
    let values = element::read_values(payload, FORMAT, element, n, budget)?;
    let side = |side: u64| usize::try_from(side).map_err(|_| overflow());
    Dense::new(side(sides[0])?, side(n_cols)?, values)
}

/// The numbers of a one-dimensional file, as the labels of MNIST.
pub(crate) fn read_column(payload: &mut Payload<'_>, budget: &Budget) -> Result<ColumnValues> {
    let Header { element, sides } = read_header(payload)?;
    let [n] = sides.as_slice() else {
        return Err(Error::Dimensions { n_dims: sides.len(), wanted: "one column" });
    };
    element::read_column(payload, FORMAT, element, *n, budget)
}
