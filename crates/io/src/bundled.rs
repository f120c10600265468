//! Data sets inside this crate; sources and licences are in `data/README.md`.

use crate::{
    Column, ColumnValues, Dense, Error, Format, Input, Matrix, ReadOptions, Result, Values,
    npz::Contents, options::Budget, stream::Stream,
};

static DIGITS: &[u8] = include_bytes!("../data/digits.npz");
static PBMC3K: &[u8] = include_bytes!("../data/pbmc3k.npz");

/// Names that [`crate::read`] accepts after `bundled:`.
pub const BUNDLED: [&str; 2] = ["digits", "pbmc3k"];

/// Counts per cell after normalisation, as is usual for these data.
const TARGET: f64 = 10_000.0;

/// 1797 handwritten digits of 8 × 8 pixels, 0 to 16 (UCI, CC BY 4.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    /// 1797 × 64, row after row.
    pub pixels: Vec<u8>,
    /// The digit of each row.
    pub labels: Vec<u8>,
}

/// 2638 blood cells with counts of 1838 genes (10x Genomics, CC BY 4.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pbmc3k {
    /// 2638 × 1838 molecules counted, row after row.
    pub counts: Vec<u16>,
    /// Molecules of each cell over all 13,714 genes seen in at least three cells.
    pub totals: Vec<u32>,
    /// Names of the genes.
    pub genes: Vec<String>,
    /// Names of the cell types.
    pub types: Vec<String>,
    /// Type of each cell.
    pub labels: Vec<u8>,
}

impl Digits {
    /// Unpacks the data set.
    ///
    /// # Errors
    /// None in a sound build: the file is part of the crate.
    ///
    /// # Example
    /// ```
    /// let digits = embex_io::Digits::load()?;
    /// assert_eq!((digits.pixels.len(), digits.labels[..3].to_vec()), (1797 * 64, vec![0, 1, 2]));
    /// # Ok::<(), embex_io::Error>(())
    /// ```
    pub fn load() -> Result<Self> {
        let budget = ReadOptions::default().budget(0);
        let mut contents = contents(DIGITS, &budget)?;
        Ok(Self { pixels: contents.integers("pixels")?, labels: contents.integers("label")? })
    }

    fn into_input(self) -> Result<Input> {
        let values = self.pixels.iter().map(|&pixel| f32::from(pixel)).collect();
        let matrix = Dense::new(self.labels.len(), 64, Values::F32(values))?;
        let mut input = Input::new(Format::Bundled, Matrix::Dense(matrix));
        let name = |k: usize| format!("pixel_{}_{}", k / 8, k % 8);
        input.col_names = Some((0..64).map(name).collect());
        let digits = self.labels.iter().map(|&label| Some(i64::from(label))).collect();
        let values = ColumnValues::Integer(digits);
        input.obs.push(Column { name: "digit".to_owned(), values });
        Ok(input)
    }
}

impl Pbmc3k {
    /// Unpacks the data set.
    ///
    /// # Errors
    /// None in a sound build: the file is part of the crate.
    ///
    /// # Example
    /// ```
    /// let pbmc = embex_io::Pbmc3k::load()?;
    /// assert_eq!((pbmc.totals.len(), pbmc.genes.len(), pbmc.types.len()), (2638, 1838, 8));
    /// # Ok::<(), embex_io::Error>(())
    /// ```
    pub fn load() -> Result<Self> {
        let budget = ReadOptions::default().budget(0);
        let mut contents = contents(PBMC3K, &budget)?;
        Ok(Self {
            counts: contents.integers("counts")?,
            totals: contents.integers("total")?,
            genes: contents.texts("genes")?,
            types: contents.texts("label_names")?,
            labels: contents.integers("label")?,
        })
    }

    /// ln(1 + 10,000 · count / total of the cell), row after row.
    pub fn log_normalized(&self) -> Vec<f32> {
        let n_cols = self.genes.len();
        let rows = self.counts.chunks_exact(n_cols).zip(&self.totals);
        rows.flat_map(|(row, &total)| {
            let factor = TARGET / f64::from(total);
            row.iter().map(move |&count| (f64::from(count) * factor).ln_1p() as f32)
        })
        .collect()
    }

    fn into_input(self, layer: Option<&str>) -> Result<Input> {
        let values = match layer {
            None => self.log_normalized(),
            Some(COUNTS) => self.counts.iter().map(|&count| f32::from(count)).collect(),
            Some(other) => {
                let available = vec![COUNTS.to_owned()];
                return Err(Error::NotFound { what: "layer", name: other.to_owned(), available });
            }
        };
        let matrix = Dense::new(self.totals.len(), self.genes.len(), Values::F32(values))?;
        let mut input = Input::new(Format::Bundled, Matrix::Dense(matrix));
        let codes = self.labels.iter().map(|&label| Some(u32::from(label))).collect();
        let values = ColumnValues::Categorical { categories: self.types, codes, ordered: false };
        input.obs.push(Column { name: "cell_type".to_owned(), values });
        let totals = self.totals.iter().map(|&total| Some(i64::from(total))).collect();
        let values = ColumnValues::Integer(totals);
        input.obs.push(Column { name: "total_counts".to_owned(), values });
        input.col_names = Some(self.genes);
        input.layers = vec![COUNTS.to_owned()];
        Ok(input)
    }
}

/// Name of the layer that holds the counts.
const COUNTS: &str = "counts";

fn contents<'a>(bytes: &[u8], budget: &'a Budget) -> Result<Contents<'a>> {
    Contents::open(Stream::of_bytes(bytes.to_vec(), "bundled.npz"), budget)
}

/// The data set of this name as [`crate::read`] gives it.
pub(crate) fn read(name: &str, options: &ReadOptions) -> Result<Input> {
    options.check_for(Format::Bundled)?;
    match name {
        "digits" => match &options.layer {
            None => Digits::load()?.into_input(),
            Some(layer) => {
                Err(Error::NotFound { what: "layer", name: layer.clone(), available: Vec::new() })
            }
        },
        "pbmc3k" => Pbmc3k::load()?.into_input(options.layer.as_deref()),
        other => Err(Error::NotFound {
            what: "bundled data set",
            name: other.to_owned(),
            available: BUNDLED.iter().map(|&name| name.to_owned()).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_have_the_sums_of_their_source() {
        let digits = Digits::load().unwrap();
        let sum: u32 = digits.pixels.iter().map(|&pixel| u32::from(pixel)).sum();
        assert_eq!(sum, 561_718);
        let input = crate::read("bundled:digits", &ReadOptions::default()).unwrap();
        assert_eq!((input.matrix.n_rows(), input.matrix.n_cols()), (1797, 64));
        assert_eq!(input.labels("digit").unwrap().names.len(), 10);
    }

    #[test]
    fn blood_cells_have_the_counts_of_their_source() {
        let pbmc = Pbmc3k::load().unwrap();
        let sum: u64 = pbmc.counts.iter().map(|&count| u64::from(count)).sum();
        let stored = pbmc.counts.iter().filter(|&&count| count > 0).count();
        assert_eq!((sum, stored, pbmc.counts.iter().max()), (743_904, 408_743, Some(&190)));
        let mut sizes = [0; 8];
        pbmc.labels.iter().for_each(|&label| sizes[usize::from(label)] += 1);
        assert_eq!(sizes, [1144, 480, 342, 316, 154, 150, 37, 15]);
        let input = crate::read("bundled:pbmc3k", &ReadOptions::default()).unwrap();
        assert_eq!(input.labels("cell_type").unwrap().names[4], "NK cells");
        let options = ReadOptions::default().with_layer("counts");
        let counts = crate::read("bundled:pbmc3k", &options).unwrap();
        let at = (0..counts.matrix.values().len()).find(|&k| counts.matrix.values().get(k) == 2.0);
        let at = at.unwrap();
        let expected = (2.0 * 10_000.0 / f64::from(pbmc.totals[at / 1838])).ln_1p() as f32;
        assert_eq!(input.matrix.values().get(at), f64::from(expected));
        let other = crate::read("bundled:iris", &ReadOptions::default()).unwrap_err();
        assert!(matches!(other.root(), Error::NotFound { .. }));
    }
}
