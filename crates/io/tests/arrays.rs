//! npy, npz and idx files written by NumPy, SciPy and by hand; origin in `data/README.md`.

use std::path::PathBuf;

use embex_io::{Error, ErrorClass, Matrix, ReadOptions, Values, read, read_bytes, read_labels};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn values(matrix: &Matrix) -> Vec<f64> {
    match matrix.values() {
        Values::F32(values) => values.iter().copied().map(f64::from).collect(),
        Values::F64(values) => values.clone(),
    }
}

/// Every file holds 0, 1, …, 11 in 4 rows of 3.
#[test]
fn npy_files_of_every_type_and_order_hold_the_same_numbers() {
    let expected: Vec<f64> = (0..12).map(f64::from).collect();
    let types = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"];
    for name in types.iter().flat_map(|t| [format!("{t}.npy"), format!("{t}_big_fortran.npy")]) {
        let input = read(data("npy").join(&name), &ReadOptions::default()).unwrap();
        assert_eq!((input.matrix.n_rows(), input.matrix.n_cols()), (4, 3), "{name}");
        let truth = |v: &f64| f64::from(*v != 0.0);
        let is_truth = name.starts_with("b1");
        let expected =
            if is_truth { expected.iter().map(truth).collect() } else { expected.clone() };
        assert_eq!(values(&input.matrix), expected, "{name}");
    }
    let packed = read(data("npy/f4.npy.gz"), &ReadOptions::default()).unwrap();
    assert_eq!(values(&packed.matrix), expected);
}

#[test]
fn npz_arrays_are_chosen_by_name() {
    for file in ["several.npz", "several_stored.npz", "several_zip64.npz"] {
        let open = read(data(file), &ReadOptions::default()).unwrap_err();
        let Error::ChooseArray { available } = open.root() else { panic!("{open}") };
        assert_eq!(available, &["a (3 × 2 f64)", "b (3 × 4 u16)"]);
        assert_eq!(open.class(), ErrorClass::Usage);
        let options = ReadOptions::default().with_array("b").with_set_aside("label");
        let input = read(data(file), &options.with_set_aside("name")).unwrap();
        assert_eq!(values(&input.matrix)[11], 11.0);
        assert_eq!(input.labels("label").unwrap().complete().unwrap(), [1, 0, 1]);
        assert_eq!(input.labels("name").unwrap().names, ["x", "y", "ž"]);
        let absent = read(data(file), &ReadOptions::default().with_array("c")).unwrap_err();
        assert!(matches!(absent.root(), Error::NotFound { available, .. } if available.len() == 4));
        let labels = read_labels(data(file), Some("label"), None, &ReadOptions::default()).unwrap();
        assert_eq!(labels.names, ["3", "7"]);
    }
    let alone = read(data("alone.npz"), &ReadOptions::default()).unwrap();
    assert_eq!(values(&alone.matrix), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn sparse_npz_files_are_read_by_rows_and_by_columns() {
    let expected = [0., 1., 0., 0., 0., 0., 2., 0., 3., 0., 0., 4.];
    for name in ["csr.npz", "csc.npz"] {
        let input = read(data(name), &ReadOptions::default()).unwrap();
        let Matrix::Csr(csr) = &input.matrix else { panic!("{name} is sparse") };
        assert_eq!((csr.n_rows(), csr.n_cols(), csr.values().len()), (3, 4, 4));
        assert_eq!(input.matrix.into_dense_f64(1000).unwrap(), expected, "{name}");
    }
    let coo = read(data("coo.npz"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(coo.root(), Error::NotFound { .. } | Error::Unsupported { .. }));
}

#[test]
fn one_label_per_row_is_read_from_npy() {
    let labels =
        read_labels(data("npy/labels_text.npy"), None, None, &ReadOptions::default()).unwrap();
    assert_eq!((labels.names.len(), labels.codes[2]), (2, Some(0)));
    let matrix = read(data("npy/labels_text.npy"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(matrix.root(), Error::Unsupported { .. }));
}

fn idx(kind: u8, sides: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, sides.len() as u8];
    bytes.extend(sides.iter().flat_map(|side| side.to_be_bytes()));
    bytes.extend(data);
    bytes
}

#[test]
fn idx_files_join_their_later_axes() {
    let images = idx(8, &[2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 255]);
    let input = read_bytes(images, "train-images-idx3-ubyte", &ReadOptions::default()).unwrap();
    assert_eq!((input.matrix.n_rows(), input.matrix.n_cols()), (2, 4));
    assert_eq!(values(&input.matrix)[7], 255.0);
    let short = idx(8, &[60000, 28, 28], &[0; 100]);
    let error = read_bytes(short, "a", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Truncated { expected: 47_040_000, got: 100, .. }));
    let huge = idx(14, &[u32::MAX; 8], &[0; 8]);
    let error = read_bytes(huge, "a", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }));
}

#[test]
fn unknown_contents_are_refused() {
    let error = read_bytes(vec![0x50, 0x41, 0x52, 0x31, 0], "a.parquet", &ReadOptions::default());
    assert!(matches!(error, Err(Error::UnknownFormat)));
    let error = read_bytes(b"hello".to_vec(), "a.npy", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Truncated { .. } | Error::Malformed { .. }));
    let error = read("/nonexistent/a.npy", &ReadOptions::default()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Io);
    assert!(error.to_string().contains("/nonexistent/a.npy"));
}
