//! MNIST from the data folder.

use anyhow::Context as _;
use embex_io::{ReadOptions, read};
use embex_linalg::Rows;

use crate::reproduce::DataSet;

/// Images in rows, pixels 0 to 255, and their digits.
pub(super) struct Digits {
    pub(super) x: Rows<f32>,
    pub(super) labels: Vec<usize>,
}

/// The first `n` training images.
pub(super) fn load(set: &DataSet, n: usize) -> anyhow::Result<Digits> {
    let entries = |file: &str| -> anyhow::Result<(Vec<f32>, usize)> {
        let matrix = read(set.path(file), &ReadOptions::default())?.matrix;
        let n_cols = matrix.n_cols();
        Ok((matrix.into_dense_f32(u64::MAX)?, n_cols))
    };
    let (mut x, n_cols) = entries("mnist/train-images-idx3-ubyte.gz")?;
    let (labels, _) = entries("mnist/train-labels-idx1-ubyte.gz")?;
    x.truncate(n * n_cols);
    let x = Rows::from_vec(x, n_cols).context("MNIST's images have no pixels")?;
    Ok(Digits { x, labels: labels.into_iter().take(n).map(|label| label as usize).collect() })
}
