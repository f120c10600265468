//! Numbers as compressed text blocks inside the page.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;

use super::input::{LayerData, LayerKind};
use crate::{Matrix, Result};

/// Uncompressed size of one block of columns: small enough to decode while someone waits.
const BLOCK_BYTES: usize = 2 << 20;
/// Up to this many entries a layer is stored with 16 bits each, beyond it with 8.
const FINE_CELLS: usize = 2 << 20;

/// Writes numbered blocks: little-endian bytes, zlib, base64, in `script` elements that no browser
/// runs.
pub(super) struct Blocks<'a> {
    out: &'a mut dyn Write,
    next: usize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, next: 0 }
    }

    /// Appends a block and returns its number.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(6));
        zlib.write_all(bytes)?;
        let text = STANDARD.encode(zlib.finish()?);
        let id = self.next;
        self.next += 1;
        writeln!(
            self.out,
            "<script type=\"application/octet-stream\" id=\"d{id}\">{text}</script>"
        )?;
        Ok(id)
    }

    pub(super) fn add_f32(&mut self, values: impl Iterator<Item = f32>) -> Result<usize> {
        self.add(&values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())
    }

    pub(super) fn add_f64(&mut self, values: &[f64]) -> Result<usize> {
        self.add(&values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
    }

    pub(super) fn add_u32(&mut self, values: &[u32]) -> Result<usize> {
        self.add(&values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
    }
}

/// How an entry q of a column becomes a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Curve {
    /// offset + scale · q, q from 0.
    Linear,
    /// scale · q, q with a sign; 0 stays 0.
    Signed,
    /// scale · q · |q|, q with a sign: 8 bits keep small numbers apart beside a large one.
    Square,
}

/// Where the page finds a layer.
#[derive(Debug, Serialize)]
#[serde(tag = "form", rename_all = "lowercase")]
pub(super) enum LayerMeta {
    Dense {
        bits: u8,
        curve: Curve,
        /// Features stored, in the order of storage; `None` if all in their order.
        stored: Option<Vec<u32>>,
        /// Columns per block; the last block may have fewer.
        per_block: usize,
        blocks: Vec<usize>,
        offsets: usize,
        scales: usize,
    },
    Components {
        k: usize,
        scores: usize,
        scales: usize,
        loadings: usize,
    },
}

/// Stores a layer; `stored` picks features of a dense one.
pub(super) fn layer(
    kind: LayerKind,
    data: &LayerData,
    stored: Option<Vec<u32>>,
    blocks: &mut Blocks<'_>,
) -> Result<LayerMeta> {
    match data {
        LayerData::Dense(matrix) => dense(kind, matrix, stored, blocks),
        LayerData::Components { scores, loadings } => {
            let columns: Vec<usize> = (0..scores.n_cols()).collect();
            let codes = Codes::new(scores, &columns, Curve::Signed, 16);
            let mut bytes = Vec::new();
            codes.put(scores, &columns, 0, &mut bytes);
            Ok(LayerMeta::Components {
                k: scores.n_cols(),
                scores: blocks.add(&bytes)?,
                scales: blocks.add_f32(codes.scales.iter().copied())?,
                loadings: blocks.add_f32(loadings.as_slice().iter().copied())?,
            })
        }
    }
}

fn dense(
    kind: LayerKind,
    matrix: &Matrix<f32>,
    stored: Option<Vec<u32>>,
    blocks: &mut Blocks<'_>,
) -> Result<LayerMeta> {
    let columns: Vec<usize> = match &stored {
        Some(stored) => stored.iter().map(|&d| d as usize).collect(),
        None => (0..matrix.n_cols()).collect(),
    };
    let bits = if matrix.n_rows() * columns.len() <= FINE_CELLS { 16 } else { 8 };
    let curve = match (kind, bits) {
        (LayerKind::Value, _) => Curve::Linear,
        (_, 16) => Curve::Signed,
        _ => Curve::Square,
    };
    let codes = Codes::new(matrix, &columns, curve, bits);
    let per_block = (BLOCK_BYTES / (matrix.n_rows() * usize::from(bits) / 8).max(1)).max(1);
    let mut ids = Vec::new();
    let mut bytes = Vec::new();
    for (b, part) in columns.chunks(per_block).enumerate() {
        bytes.clear();
        codes.put(matrix, part, b * per_block, &mut bytes);
        ids.push(blocks.add(&bytes)?);
    }
    Ok(LayerMeta::Dense {
        bits,
        curve,
        stored,
        per_block,
        blocks: ids,
        offsets: blocks.add_f32(codes.offsets.iter().copied())?,
        scales: blocks.add_f32(codes.scales.iter().copied())?,
    })
}

/// Codes of some columns of a matrix.
struct Codes {
    curve: Curve,
    bits: u8,
    offsets: Vec<f32>,
    scales: Vec<f32>,
}

impl Codes {
    fn new(matrix: &Matrix<f32>, columns: &[usize], curve: Curve, bits: u8) -> Self {
        let ranges = ranges(matrix, columns);
        let top = f64::from((1_u32 << (bits - 1)) - 1); // 127 or 32767
        let (offsets, scales) = ranges
            .iter()
            .map(|&(low, high, whole)| {
                let reach = f64::from(low.abs().max(high.abs()));
                let levels = 2.0 * top + 1.0;
                let width = f64::from(high) - f64::from(low);
                match curve {
                    Curve::Linear if whole && width <= levels => (low, 1.0),
                    Curve::Linear => (low, (width / levels) as f32),
                    Curve::Signed => (0.0, (reach / top) as f32),
                    Curve::Square => (0.0, (reach / (top * top)) as f32),
                }
            })
            .unzip();
        Self { curve, bits, offsets, scales }
    }

    /// The code of a value in the column at `at`.
    fn code(&self, at: usize, value: f32) -> i32 {
        let top = (1_i32 << (self.bits - 1)) - 1;
        let (offset, scale) = (f64::from(self.offsets[at]), f64::from(self.scales[at]));
        if scale <= 0.0 {
            return 0;
        }
        let above = (f64::from(value) - offset) / scale;
        match self.curve {
            Curve::Linear => (above.round() as i32).clamp(0, 2 * top + 1),
            Curve::Signed => (above.round() as i32).clamp(-top, top),
            Curve::Square => (above.abs().sqrt().copysign(above).round() as i32).clamp(-top, top),
        }
    }

    /// Appends columns one after the other; `first` is the place of the first in the list of all.
    fn put(&self, matrix: &Matrix<f32>, columns: &[usize], first: usize, out: &mut Vec<u8>) {
        let (n, width) = (matrix.n_rows(), usize::from(self.bits / 8));
        let start = out.len();
        out.resize(start + n * width * columns.len(), 0);
        for i in 0..n {
            let row = matrix.row(i);
            for (c, &d) in columns.iter().enumerate() {
                let bytes = self.code(first + c, row[d]).to_le_bytes(); // two's complement: low bytes
                let at = start + (c * n + i) * width;
                out[at..at + width].copy_from_slice(&bytes[..width]);
            }
        }
    }
}

/// Least and greatest entry of each column, and whether all entries are whole numbers.
fn ranges(matrix: &Matrix<f32>, columns: &[usize]) -> Vec<(f32, f32, bool)> {
    let mut ranges = vec![(f32::INFINITY, f32::NEG_INFINITY, true); columns.len()];
    for i in 0..matrix.n_rows() {
        let row = matrix.row(i);
        for (range, &d) in ranges.iter_mut().zip(columns) {
            let value = row[d];
            *range = (range.0.min(value), range.1.max(value), range.2 && value.fract() == 0.0);
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(codes: &Codes, at: usize, value: f32) -> f64 {
        let (offset, scale) = (f64::from(codes.offsets[at]), f64::from(codes.scales[at]));
        let q = f64::from(codes.code(at, value));
        match codes.curve {
            Curve::Linear => offset + scale * q,
            Curve::Signed => scale * q,
            Curve::Square => scale * q * q.abs(),
        }
    }

    fn column(values: &[f32]) -> Matrix<f32> {
        Matrix::new(values.len(), 1, values.to_vec()).unwrap()
    }

    #[test]
    fn codes_come_back_within_half_a_level() {
        let values = [-3.0_f32, -0.25, 0.0, 0.001, 1.0, 7.5];
        for (curve, bits, bound) in [
            (Curve::Linear, 8, 10.5 / 255.0 / 2.0),
            (Curve::Linear, 16, 10.5 / 65535.0 / 2.0),
            (Curve::Signed, 16, 7.5 / 32767.0 / 2.0),
            (Curve::Square, 8, 7.5 * 1.01 / 127.0), // widest where the curve is steepest
        ] {
            let codes = Codes::new(&column(&values), &[0], curve, bits);
            for &value in &values {
                let off = (decoded(&codes, 0, value) - f64::from(value)).abs();
                assert!(off <= bound * 1.0001, "{curve:?} {bits} {value}: {off}");
            }
        }
    }

    #[test]
    fn zero_signs_and_pixels_are_exact() {
        let signed = Codes::new(&column(&[-3.0, 0.0, 2.0]), &[0], Curve::Square, 8);
        assert_eq!(signed.code(0, 0.0), 0);
        assert!(signed.code(0, -0.01) <= 0 && signed.code(0, 0.01) >= 0);
        let pixels = Codes::new(&column(&[0.0, 7.0, 200.0]), &[0], Curve::Linear, 8);
        assert_eq!([0.0, 7.0, 200.0].map(|v| decoded(&pixels, 0, v)), [0.0, 7.0, 200.0]);
    }

    #[test]
    fn constant_and_extreme_columns_do_not_break() {
        for values in [[0.0; 3], [5.5; 3], [-f32::MAX, 0.0, f32::MAX]] {
            for (curve, bits) in [(Curve::Linear, 8), (Curve::Signed, 16), (Curve::Square, 8)] {
                let codes = Codes::new(&column(&values), &[0], curve, bits);
                for value in values {
                    assert!(decoded(&codes, 0, value).is_finite());
                }
            }
        }
    }

    #[test]
    fn blocks_are_inert_text() {
        let mut out = Vec::new();
        let mut blocks = Blocks::new(&mut out);
        assert_eq!(blocks.add(&[0; 100]).unwrap(), 0);
        assert_eq!(blocks.add_f32([1.0_f32].into_iter()).unwrap(), 1);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("</script>").count(), 2);
        assert!(text.contains("id=\"d1\""));
    }
}
