//! Numbers as files store them.

use crate::{ColumnValues, Error, Result, Values, options::Budget, stream::Payload};

/// How one number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    F32,
    F64,
}

impl Kind {
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Whether single precision holds every value exactly.
    pub(crate) const fn fits_single(self) -> bool {
        self.size() < 4 || matches!(self, Self::F32)
    }

    pub(crate) const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

/// How the numbers of an array are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) kind: Kind,
    pub(crate) big_endian: bool,
}

/// What stored numbers are turned into; `index` is the position, for the error.
pub(crate) trait Target: Copy {
    fn from_float(value: f64, index: usize) -> Result<Self>;
    fn from_integer(value: i64, index: usize) -> Result<Self>;
    fn from_large(value: u64, index: usize) -> Result<Self>;
}

/// Largest magnitude up to which a double holds every integer.
const EXACT: u64 = 1 << 53;

impl Target for f32 {
    fn from_float(value: f64, _: usize) -> Result<Self> {
        Ok(value as Self)
    }
    fn from_integer(value: i64, _: usize) -> Result<Self> {
        Ok(value as Self)
    }
    fn from_large(value: u64, _: usize) -> Result<Self> {
        Ok(value as Self)
    }
}

impl Target for f64 {
    fn from_float(value: f64, _: usize) -> Result<Self> {
        Ok(value)
    }
    fn from_integer(value: i64, index: usize) -> Result<Self> {
        let exact = value.unsigned_abs() <= EXACT;
        if exact { Ok(value as Self) } else { Err(Error::Inexact { index, value: value.into() }) }
    }
    fn from_large(value: u64, index: usize) -> Result<Self> {
        let exact = value <= EXACT;
        if exact { Ok(value as Self) } else { Err(Error::Inexact { index, value: value.into() }) }
    }
}

impl Target for i64 {
    fn from_float(value: f64, index: usize) -> Result<Self> {
        let whole = value.trunc() == value && value.abs() <= EXACT as f64;
        let refuse =
            || Error::malformed("array", format!("{value} at position {index} is not an integer"));
        if whole { Ok(value as Self) } else { Err(refuse()) }
    }
    fn from_integer(value: i64, _: usize) -> Result<Self> {
        Ok(value)
    }
    fn from_large(value: u64, index: usize) -> Result<Self> {
        Self::try_from(value).map_err(|_| Error::Inexact { index, value: value.into() })
    }
}

/// Decodes whole numbers from the front of `bytes`.
pub(crate) fn decode<T: Target>(element: Element, bytes: &[u8], out: &mut Vec<T>) -> Result<()> {
    macro_rules! each {
        ($number:ty, $via:ident, $wide:ty) => {
            for raw in bytes.chunks_exact(size_of::<$number>()) {
                let mut own = [0_u8; size_of::<$number>()];
                own.copy_from_slice(raw);
                let value = if element.big_endian {
                    <$number>::from_be_bytes(own)
                } else {
                    <$number>::from_le_bytes(own)
                };
                out.push(T::$via(<$wide>::from(value), out.len())?);
            }
        };
    }
    match element.kind {
        Kind::Bool => {
            for &byte in bytes {
                out.push(T::from_integer(i64::from(byte != 0), out.len())?);
            }
        }
        Kind::I8 => each!(i8, from_integer, i64),
        Kind::I16 => each!(i16, from_integer, i64),
        Kind::I32 => each!(i32, from_integer, i64),
        Kind::I64 => each!(i64, from_integer, i64),
        Kind::U8 => each!(u8, from_integer, i64),
        Kind::U16 => each!(u16, from_integer, i64),
        Kind::U32 => each!(u32, from_integer, i64),
        Kind::U64 => each!(u64, from_large, u64),
        Kind::F16 => {
            for raw in bytes.chunks_exact(2) {
                let own = [raw[0], raw[1]];
                let bits = if element.big_endian {
                    u16::from_be_bytes(own)
                } else {
                    u16::from_le_bytes(own)
                };
                out.push(T::from_float(half(bits), out.len())?);
            }
        }
        Kind::F32 => each!(f32, from_float, f64),
        Kind::F64 => each!(f64, from_float, f64),
    }
    Ok(())
}

/// IEEE 754 half precision: sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2.0_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f64.powi(exponent - 15),
    }
}

/// Bytes decoded at once.
const BLOCK: usize = 1 << 16;

/// Reads `n` numbers; memory grows only as they arrive.
pub(crate) fn read<T: Target>(
    payload: &mut Payload<'_>,
    format: &'static str,
    element: Element,
    n: u64,
    budget: &Budget,
) -> Result<Vec<T>> {
    let size = element.kind.size();
    let bytes = n.saturating_mul(size as u64);
    payload.require(format, "data", bytes)?;
    let n = budget.claim("the array", n, size_of::<T>().max(size) as u64)?;
    let mut out = Vec::with_capacity(n.min(BLOCK));
    let mut block = vec![0_u8; (n * size).min(BLOCK)];
    while out.len() < n {
        let part = ((n - out.len()) * size).min(BLOCK);
        payload.fill(format, "data", &mut block[..part])?;
        decode(element, &block[..part], &mut out)?;
    }
    Ok(out)
}

/// Reads `n` numbers in the precision that holds them.
pub(crate) fn read_values(
    payload: &mut Payload<'_>,
    format: &'static str,
    element: Element,
    n: u64,
    budget: &Budget,
) -> Result<Values> {
    if element.kind.fits_single() {
        Ok(Values::F32(read(payload, format, element, n, budget)?))
    } else {
        Ok(Values::F64(read(payload, format, element, n, budget)?))
    }
}

/// Reads `n` numbers as facts about rows.
pub(crate) fn read_column(
    payload: &mut Payload<'_>,
    format: &'static str,
    element: Element,
    n: u64,
    budget: &Budget,
) -> Result<ColumnValues> {
    Ok(match element.kind {
        Kind::Bool => {
            let values: Vec<i64> = read(payload, format, element, n, budget)?;
            ColumnValues::Boolean(values.into_iter().map(|v| Some(v != 0)).collect())
        }
        Kind::F16 | Kind::F32 | Kind::F64 => {
            ColumnValues::Number(read(payload, format, element, n, budget)?)
        }
        _ => {
            let values: Vec<i64> = read(payload, format, element, n, budget)?;
            ColumnValues::Integer(values.into_iter().map(Some).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_follows_the_standard() {
        assert_eq!(half(0x3c00), 1.0);
        assert_eq!(half(0xc000), -2.0);
        assert_eq!(half(0x7bff), 65504.0);
        assert_eq!(half(0x0001), 2.0_f64.powi(-24));
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn integers_beyond_double_precision_are_refused() {
        let element = Element { kind: Kind::U64, big_endian: true };
        let mut bytes = 7_u64.to_be_bytes().to_vec();
        bytes.extend(((1_u64 << 53) + 1).to_be_bytes());
        let mut out: Vec<f64> = Vec::new();
        let error = decode(element, &bytes, &mut out).unwrap_err();
        assert_eq!(out, [7.0]);
        assert!(matches!(error, Error::Inexact { index: 1, value: 9_007_199_254_740_993 }));
    }
}
