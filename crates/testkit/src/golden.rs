//! Loaders of numpy files, every integer, float or boolean type widened to `f64`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use embex_io::ReadOptions;
use faer::Mat;

/// One array in row-major order (the last index runs fastest).
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents; empty for a scalar.
    pub shape: Vec<usize>,
    /// Entries.
    pub data: Vec<f64>,
}

impl Array {
    /// The single entry.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[track_caller]
    pub fn scalar(&self) -> f64 {
        assert_eq!(self.data.len(), 1, "an array of shape {:?} is no scalar", self.shape);
        self.data[0]
    }

    /// The entries as counts or indices.
    ///
    /// # Panics
    /// If one is negative or has a fraction.
    #[track_caller]
    pub fn indices(&self) -> Vec<usize> {
        let exact = |&v: &f64| {
            assert!(v >= 0.0 && v.fract() == 0.0, "{v} is no index");
            v as usize
        };
        self.data.iter().map(exact).collect()
    }

    /// A matrix; one dimension makes one column.
    ///
    /// # Panics
    /// Unless there are one or two dimensions.
    #[track_caller]
    pub fn to_mat(&self) -> Mat<f64> {
        let (n, d) = match self.shape[..] {
            [n] => (n, 1),
            [n, d] => (n, d),
            _ => panic!("an array of shape {:?} is no matrix", self.shape),
        };
        Mat::from_fn(n, d, |i, j| self.data[i * d + j])
    }

    /// The part at index `i` of the first dimension.
    ///
    /// # Panics
    /// If there is no such index.
    #[track_caller]
    #[must_use]
    pub fn slice(&self, i: usize) -> Self {
        assert!(self.shape.first().is_some_and(|&n| i < n), "no index {i} in {:?}", self.shape);
        let shape = self.shape[1..].to_vec();
        let len: usize = shape.iter().product();
        Self { shape, data: self.data[i * len..(i + 1) * len].to_vec() }
    }
}

/// The numeric arrays of an `.npz` file.
#[derive(Clone, Debug)]
pub struct Golden {
    path: String,
    arrays: BTreeMap<String, Array>,
}

impl Golden {
    /// Reads all numeric arrays of a file; arrays of text or objects are left out.
    ///
    /// # Errors
    /// If the file cannot be read or is no `.npz`.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let arrays = read_arrays(path)?;
        Ok(Self { path: path.display().to_string(), arrays })
    }

    /// Names of the arrays, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// One array.
    ///
    /// # Panics
    /// If there is none of that name; the message lists those there are.
    #[track_caller]
    pub fn array(&self, name: &str) -> &Array {
        match self.arrays.get(name) {
            Some(array) => array,
            None => panic!(
                "{} has no numeric array {name:?}; it has {:?}",
                self.path,
                self.names().collect::<Vec<_>>()
            ),
        }
    }
}

/// Reads a numeric `.npy` file.
///
/// # Errors
/// If the file cannot be read or holds no numbers.
pub fn read_npy(path: impl AsRef<Path>) -> io::Result<Array> {
    let none = || io::Error::new(io::ErrorKind::InvalidData, "not an array of numbers");
    read_arrays(path.as_ref())?.into_values().next().ok_or_else(none)
}

fn read_arrays(path: &Path) -> io::Result<BTreeMap<String, Array>> {
    let arrays = embex_io::read_arrays(path, &ReadOptions::default()).map_err(io::Error::other)?;
    let own = |array: embex_io::Array| Array { shape: array.shape, data: array.data };
    Ok(arrays.into_iter().map(|(name, array)| (name, own(array))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/");

    #[test]
    fn every_type_and_order_is_widened() {
        let golden = Golden::open(format!("{FOLDER}types.npz")).unwrap();
        for name in ["bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "big"] {
            let array = golden.array(name);
            assert_eq!((array.shape.as_slice(), array.data[1]), (&[3][..], 1.0), "{name}");
        }
        assert!(golden.names().all(|name| name != "text"));
        assert_eq!(golden.array("scalar").scalar(), 2.5);
        let fortran = golden.array("fortran");
        assert_eq!(fortran.shape, [2, 3, 4]);
        assert_eq!(fortran.indices(), (0..24).collect::<Vec<_>>());
        assert_eq!(fortran.slice(1).slice(2).data, [20.0, 21.0, 22.0, 23.0]);
        assert_eq!(fortran.slice(0).to_mat()[(2, 1)], 9.0);
    }

    #[test]
    fn npy_files_are_read_alone() {
        let array = read_npy(format!("{FOLDER}plain.npy")).unwrap();
        assert_eq!((array.shape, array.data), (vec![2, 2], vec![0.0, 1.0, 2.0, 3.0]));
        assert!(read_npy(format!("{FOLDER}missing.npy")).is_err());
    }

    #[test]
    #[should_panic(expected = "no numeric array \"absent\"")]
    fn absent_arrays_are_named() {
        Golden::open(format!("{FOLDER}types.npz")).unwrap().array("absent");
    }
}
