//! NumPy arrays.
//!
//! Versions 1 to 3; booleans, integers, half, single and double precision in either byte order,
//! C or Fortran order; byte and Unicode strings as labels or names. Arrays of Python objects
//! (pickles) and records are refused and never executed.

use crate::{
    ColumnValues, Error, Result, Values,
    element::{self, Element, Kind},
    matrix::Dense,
    options::Budget,
    stream::Payload,
};

pub(crate) const FORMAT: &str = "npy";
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// Longest header read; NumPy itself stops at 10,000 bytes.
const LONGEST_HEADER: u32 = 1 << 16;

/// Type of the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descr {
    Number(Element),
    Bytes(usize),
    Unicode { chars: usize, big_endian: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) descr: Descr,
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<u64>,
}

impl Header {
    /// As in "2638 × 1838 u16".
    pub(crate) fn describe(&self) -> String {
        let shape: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        let kind = match self.descr {
            Descr::Number(element) => element.kind.name().to_owned(),
            Descr::Bytes(_) | Descr::Unicode { .. } => "text".to_owned(),
        };
        format!("{} {kind}", shape.join(" × ")).trim_start().to_owned()
    }

    pub(crate) fn sides(&self) -> Result<Vec<usize>> {
        self.shape.iter().map(|&extent| side(extent)).collect()
    }

    pub(crate) fn n_entries(&self) -> Result<u64> {
        let product = self.shape.iter().try_fold(1_u64, |n, &side| n.checked_mul(side));
        product.ok_or_else(|| Error::malformed(FORMAT, "the shape overflows"))
    }
}

pub(crate) fn read_header(payload: &mut Payload<'_>) -> Result<Header> {
    let mut start = [0_u8; 8];
    payload.fill(FORMAT, "header", &mut start)?;
    if &start[..6] != MAGIC {
        return Err(Error::malformed(FORMAT, "the first bytes are not those of an npy file"));
    }
    let length = match start[6] {
        1 => {
            let mut raw = [0_u8; 2];
            payload.fill(FORMAT, "header", &mut raw)?;
            u32::from(u16::from_le_bytes(raw))
        }
        2 | 3 => {
            let mut raw = [0_u8; 4];
            payload.fill(FORMAT, "header", &mut raw)?;
            u32::from_le_bytes(raw)
        }
        version => return Err(Error::unsupported(FORMAT, format!("version {version}"))),
    };
    if length > LONGEST_HEADER {
        return Err(Error::malformed(FORMAT, format!("a header of {length} bytes")));
    }
    payload.require(FORMAT, "header", u64::from(length))?;
    let mut text = vec![0_u8; length as usize];
    payload.fill(FORMAT, "header", &mut text)?;
    Literal { text: &text, at: 0 }.header()
}

/// Reads the one dictionary literal that a header is.
struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

impl Literal<'_> {
    fn header(&mut self) -> Result<Header> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while self.peek() != Some(b'}') {
            let key = self.string()?;
            self.expect(b':')?;
            match key.as_str() {
                "descr" if self.peek() == Some(b'[') => {
                    return Err(Error::unsupported(FORMAT, "records"));
                }
                "descr" => descr = Some(parse_descr(&self.string()?)?),
                "fortran_order" => fortran = Some(self.truth()?),
                "shape" => shape = Some(self.shape()?),
                other => return Err(bad_header(&format!("an unknown key {other:?}"))),
            }
            if self.peek() == Some(b',') {
                self.at += 1;
            }
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) => Ok(Header { descr, fortran, shape }),
            _ => Err(bad_header("no descr, fortran_order or shape")),
        }
    }

    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(bad_header(&format!("no '{}' where one is needed", char::from(byte))))
    }

    fn string(&mut self) -> Result<String> {
        let quote = self.peek().filter(|byte| matches!(byte, b'\'' | b'"'));
        let quote = quote.ok_or_else(|| bad_header("no quoted text where it is needed"))?;
        let start = self.at + 1;
        let length = self.text[start..].iter().position(|&byte| byte == quote);
        let length = length.ok_or_else(|| bad_header("an open quote"))?;
        self.at = start + length + 1;
        Ok(String::from_utf8_lossy(&self.text[start..start + length]).into_owned())
    }

    fn truth(&mut self) -> Result<bool> {
        self.peek();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(bad_header("no True or False where one is needed"))
    }

    fn shape(&mut self) -> Result<Vec<u64>> {
        const MOST: usize = 32; // NumPy's own limit was 32 for long
        let mut shape = Vec::new();
        self.expect(b'(')?;
        while self.peek() != Some(b')') {
            let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit());
            let end = self.at + digits.count();
            let side = std::str::from_utf8(&self.text[self.at..end]).ok();
            let side = side.and_then(|digits| digits.parse().ok());
            shape.push(side.ok_or_else(|| bad_header("a side that is not a number"))?);
            self.at = end;
            if self.text.get(self.at) == Some(&b'L') {
                self.at += 1; // Python 2 wrote long integers so
            }
            if self.peek() == Some(b',') {
                self.at += 1;
            }
            if shape.len() > MOST {
                return Err(bad_header("too many sides"));
            }
        }
        self.at += 1;
        Ok(shape)
    }
}

fn bad_header(what: &str) -> Error {
    Error::malformed(FORMAT, format!("the header has {what}"))
}

fn parse_descr(text: &str) -> Result<Descr> {
    let refuse = || Error::unsupported(FORMAT, format!("entries of type {text:?}"));
    let (order, code) = match text.as_bytes().first() {
        Some(b'<' | b'>' | b'|' | b'=') => text.split_at(1),
        _ => ("|", text),
    };
    let big_endian = order == ">";
    let mut letters = code.chars();
    let letter = letters.next().ok_or_else(refuse)?;
    let width: usize = letters.as_str().parse().map_err(|_| refuse())?;
    let kind = match (letter, width) {
        ('b', 1) => Kind::Bool,
        ('i', 1) => Kind::I8,
        ('i', 2) => Kind::I16,
        ('i', 4) => Kind::I32,
        ('i', 8) => Kind::I64,
        ('u', 1) => Kind::U8,
        ('u', 2) => Kind::U16,
        ('u', 4) => Kind::U32,
        ('u', 8) => Kind::U64,
        ('f', 2) => Kind::F16,
        ('f', 4) => Kind::F32,
        ('f', 8) => Kind::F64,
        ('S' | 'a', 1..=LONGEST_TEXT) => return Ok(Descr::Bytes(width)),
        ('U', 1..=LONGEST_TEXT) => return Ok(Descr::Unicode { chars: width, big_endian }),
        _ => return Err(refuse()),
    };
    Ok(Descr::Number(Element { kind, big_endian }))
}

/// Longest text of one label.
const LONGEST_TEXT: usize = 1 << 16;

/// The entries as a matrix: the first axis is the samples, the others are joined.
pub(crate) fn read_matrix(payload: &mut Payload<'_>, budget: &Budget) -> Result<Dense> {
    let header = read_header(payload)?;
    read_matrix_of(&header, payload, budget)
}

pub(crate) fn read_matrix_of(
    header: &Header,
    payload: &mut Payload<'_>,
    budget: &Budget,
) -> Result<Dense> {
    let Descr::Number(element) = header.descr else {
        return Err(Error::unsupported(FORMAT, "text where numbers are needed"));
    };
    let [n_rows, sides @ ..] = header.shape.as_slice() else {
        return Err(Error::Dimensions { n_dims: 0, wanted: "a matrix" });
    };
    if sides.is_empty() {
        return Err(Error::Dimensions { n_dims: 1, wanted: "a matrix" });
    }
    let values = read_entries(header, element, payload, budget)?;
    let n_cols = if values.is_empty() {
        sides.iter().fold(1, |a: u64, &b| a.saturating_mul(b))
    } else {
        values.len() as u64 / n_rows
    };
    Dense::new(side(*n_rows)?, side(n_cols)?, values)
}

/// The entries behind a header in C order.
pub(crate) fn read_entries(
    header: &Header,
    element: Element,
    payload: &mut Payload<'_>,
    budget: &Budget,
) -> Result<Values> {
    let n = header.n_entries()?;
    let values = element::read_values(payload, FORMAT, element, n, budget)?;
    if !header.fortran || n == 0 {
        return Ok(values);
    }
    budget.claim("the array in C order", n, 8)?;
    Ok(c_order(&values, &header.shape))
}

fn side(side: u64) -> Result<usize> {
    usize::try_from(side).map_err(|_| Error::malformed(FORMAT, "the shape overflows"))
}

/// Reorders entries whose first index runs fastest.
fn c_order(values: &Values, shape: &[u64]) -> Values {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &side in shape {
        strides.push(stride);
        stride *= side as usize;
    }
    let place = |mut k: usize| {
        let mut at = 0;
        for (&side, &stride) in shape.iter().zip(&strides).rev() {
            at += (k % side as usize) * stride;
            k /= side as usize;
        }
        at
    };
    let order = (0..values.len()).map(place);
    match values {
        Values::F32(values) => Values::F32(order.map(|k| values[k]).collect()),
        Values::F64(values) => Values::F64(order.map(|k| values[k]).collect()),
    }
}

/// The entries of a one-dimensional array (or a single column) as facts about rows.
pub(crate) fn read_column(payload: &mut Payload<'_>, budget: &Budget) -> Result<ColumnValues> {
    let header = read_header(payload)?;
    let n = match header.shape.as_slice() {
        [n] | [n, 1] => *n,
        shape => return Err(Error::Dimensions { n_dims: shape.len(), wanted: "one column" }),
    };
    let (width, big_endian) = match header.descr {
        Descr::Number(element) => return element::read_column(payload, FORMAT, element, n, budget),
        Descr::Bytes(width) => (width, None),
        Descr::Unicode { chars, big_endian } => (4 * chars, Some(big_endian)),
    };
    payload.require(FORMAT, "data", n.saturating_mul(width as u64))?;
    let n = budget.claim("the labels", n, (width + size_of::<String>()) as u64)?;
    let mut raw = vec![0_u8; width];
    let mut texts = Vec::new();
    for row in 0..n {
        payload.fill(FORMAT, "data", &mut raw)?;
        let text = text_of(&raw, big_endian);
        let line = row as u64 + 1;
        texts.push(Some(text.ok_or(Error::NotUtf8 { line, column: 1 })?));
    }
    Ok(ColumnValues::Text(texts))
}

/// One short text, as SciPy's `format`.
pub(crate) fn read_text(payload: &mut Payload<'_>, _: &Budget) -> Result<String> {
    let header = read_header(payload)?;
    let (Descr::Bytes(width) | Descr::Unicode { chars: width, .. }, []) =
        (header.descr, header.shape.as_slice())
    else {
        return Err(Error::malformed(FORMAT, "no single text where one is needed"));
    };
    let big_endian = match header.descr {
        Descr::Unicode { big_endian, .. } => Some(big_endian),
        _ => None,
    };
    let mut raw = vec![0_u8; if big_endian.is_some() { 4 * width } else { width }];
    payload.fill(FORMAT, "data", &mut raw)?;
    text_of(&raw, big_endian).ok_or(Error::NotUtf8 { line: 1, column: 1 })
}

/// Bytes as UTF-8, or as Unicode in the byte order given.
fn text_of(raw: &[u8], big_endian: Option<bool>) -> Option<String> {
    match big_endian {
        None => String::from_utf8(trimmed(raw).to_vec()).ok(),
        Some(big_endian) => unicode(raw, big_endian),
    }
}

/// NumPy fills short text with zeros.
fn trimmed(raw: &[u8]) -> &[u8] {
    let length = raw.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &raw[..length]
}

fn unicode(raw: &[u8], big_endian: bool) -> Option<String> {
    let code = |raw: &[u8]| {
        let own = [raw[0], raw[1], raw[2], raw[3]];
        if big_endian { u32::from_be_bytes(own) } else { u32::from_le_bytes(own) }
    };
    let codes: Vec<u32> = raw.chunks_exact(4).map(code).collect();
    let length = codes.iter().rposition(|&code| code != 0).map_or(0, |last| last + 1);
    codes[..length].iter().map(|&code| char::from_u32(code)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReadOptions, stream::Stream};

    fn payload(header: &str, data: &[u8]) -> Payload<'static> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        let budget = ReadOptions::default().budget(0);
        Stream::of_bytes(bytes, "a.npy").payload(&budget).unwrap()
    }

    fn matrix(header: &str, data: &[u8]) -> Result<Dense> {
        read_matrix(&mut payload(header, data), &ReadOptions::default().budget(0))
    }

    #[test]
    fn fortran_order_and_more_than_two_axes_are_read() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }";
        let data: Vec<u8> = (0..12).collect();
        let dense = matrix(header, &data).unwrap();
        assert_eq!((dense.n_rows(), dense.n_cols()), (2, 6));
        let expected = [0., 6., 2., 8., 4., 10., 1., 7., 3., 9., 5., 11.];
        assert_eq!(*dense.values(), Values::F32(expected.to_vec()));
    }

    #[test]
    fn a_declared_length_beyond_the_file_is_refused_before_allocation() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 9)}";
        let error = matrix(header, &[0; 80]).unwrap_err();
        assert!(matches!(error, Error::Truncated { expected: 7_199_999_999_928, got: 80, .. }));
        let header =
            "{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999, 9999999999999)}";
        assert!(matches!(matrix(header, &[]), Err(Error::Malformed { .. })));
    }

    #[test]
    fn pickles_and_records_are_refused() {
        let header = "{'descr': '|O', 'fortran_order': False, 'shape': (1, 1)}";
        assert!(matches!(matrix(header, &[0; 80]), Err(Error::Unsupported { .. })));
        let header = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1)}";
        assert!(matches!(matrix(header, &[0; 80]), Err(Error::Unsupported { .. })));
    }

    #[test]
    fn text_of_both_kinds_is_read() {
        let budget = ReadOptions::default().budget(0);
        let header = "{'descr': '|S3', 'fortran_order': False, 'shape': (2,)}";
        let column = read_column(&mut payload(header, b"ab\0cde"), &budget).unwrap();
        assert_eq!(column, ColumnValues::Text(vec![Some("ab".into()), Some("cde".into())]));
        let header = "{'descr': '>U2', 'fortran_order': False, 'shape': (1,)}";
        let column = read_column(&mut payload(header, &[0, 0, 0, 0xe9, 0, 0, 0, 0]), &budget);
        assert_eq!(column.unwrap(), ColumnValues::Text(vec![Some("é".into())]));
    }
}
