//! MNIST from the data folder: 70,000 images, the training images first.

use anyhow::Context as _;
use embex_io::{ReadOptions, read, read_labels};
use embex_linalg::Rows;

use crate::reproduce::DataSet;

/// Images in all.
pub(crate) const N_IMAGES: usize = 70_000;

const PARTS: [&str; 2] = ["train", "t10k"];

/// The first `n` images in rows, pixels 0 to 255.
pub(crate) fn images(set: &DataSet, n: usize) -> anyhow::Result<Rows<f32>> {
    let (mut pixels, mut n_cols) = (Vec::new(), 0);
    for part in PARTS {
        let path = set.path(&format!("mnist/{part}-images-idx3-ubyte.gz"));
        let matrix = read(path, &ReadOptions::default())?.matrix;
        n_cols = matrix.n_cols();
        pixels.extend(matrix.into_dense_f32(u64::MAX)?);
        if pixels.len() >= n * n_cols {
            break;
        }
    }
    pixels.truncate(n * n_cols);
    Rows::from_vec(pixels, n_cols).context("MNIST's images have no pixels")
}

/// The digits of the first `n` images.
pub(crate) fn digits(set: &DataSet, n: usize) -> anyhow::Result<Vec<usize>> {
    let mut digits = Vec::new();
    for part in PARTS {
        let path = set.path(&format!("mnist/{part}-labels-idx1-ubyte.gz"));
        let labels = read_labels(path, None, None, &ReadOptions::default())?;
        for code in labels.codes {
            let code = code.context("an image of MNIST has no digit")?;
            digits.push(labels.names[code as usize].parse().context("MNIST's labels are digits")?);
        }
        if digits.len() >= n {
            break;
        }
    }
    digits.truncate(n);
    Ok(digits)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A data folder with two training and two test images of two pixels.
    pub(crate) fn write_four_images(folder: &std::path::Path) {
        std::fs::create_dir(folder.join("mnist")).expect("creates");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.join("mnist").join(name);
            std::fs::write(path, bytes).expect("writes");
        };
        // idx: type byte, number of axes, their lengths; images of 1 × 2 pixels.
        let three = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        write("train-images-idx3-ubyte.gz", &[&three[..], &[1, 2, 3, 4]].concat());
        write("t10k-images-idx3-ubyte.gz", &[&three[..], &[5, 255, 7, 8]].concat());
        let one = [0, 0, 8, 1, 0, 0, 0, 2];
        write("train-labels-idx1-ubyte.gz", &[&one[..], &[7, 0]].concat());
        write("t10k-labels-idx1-ubyte.gz", &[&one[..], &[9, 1]].concat());
    }

    #[test]
    fn images_and_digits_run_on_from_training_to_test() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_four_images(folder.path());
        let set = DataSet::in_folder(folder.path());
        let images = images(&set, 3).expect("reads");
        assert_eq!(images.as_slice(), [1.0, 2.0, 3.0, 4.0, 5.0, 255.0]);
        assert_eq!(digits(&set, 3).expect("reads"), [7, 0, 9]);
        assert_eq!(digits(&set, 1).expect("reads"), [7]);
    }
}
