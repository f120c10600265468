//! File formats, atomic writers, bundled data sets and the data manifest of embex.
//!
//! [`read`] gives the matrix of a file with the names and groups that go with it, or an error
//! that names the place. Every file is taken for hostile: declared lengths are held against the
//! file and a memory budget before anything is allocated.
//!
//! | format | matrix | names and groups |
//! |---|---|---|
//! | npy, npz (also SciPy's sparse) | dense, CSR | arrays set aside |
//! | csv, tsv | dense | header, row names, columns set aside |
//! | Matrix Market | CSR, dense | files of 10x Genomics beside it |
//! | idx | dense | a file of labels, by [`read_labels`] |
//! | h5ad | dense, CSR, CSC; layers and raw | obs, var, obsm |
//!
//! Writers make a file or folder appear complete or not at all ([`AtomicFile`], [`AtomicDir`]).

mod arrays;
mod atomic;
mod bundled;
mod checkpoint;
mod element;
mod error;
mod h5ad;
mod idx;
mod info;
mod input;
mod labels;
mod manifest;
mod matrix;
mod mtx;
mod npy;
mod npz;
mod options;
mod read;
mod stream;
mod table;
mod usage;
mod write;
mod zip;

pub use arrays::{Array, read_arrays};
pub use atomic::{AtomicDir, AtomicFile, Existing};
pub use bundled::{BUNDLED, Digits, Pbmc3k};
pub use checkpoint::{read_checkpoint, write_checkpoint};
pub use error::{Error, ErrorClass, Result};
pub use info::{ColumnInfo, Info, Storage, info};
pub use input::{Column, ColumnValues, Embedding, Format, Input};
pub use labels::Labels;
pub use manifest::{
    DataFile, DataSet, FileStatus, file_status, locate, manifest, sha256_bytes, sha256_file, verify,
};
pub use matrix::{Csr, Dense, Matrix, Values};
pub use options::{Missing, ReadOptions};
pub use read::{read, read_bytes, read_labels};
pub use table::{FeatureSet, read_feature_sets};
pub use usage::{Usage, memory_left};
pub use write::{CsvWriter, NpyNumber, NpyWriter, write_bytes, write_json, write_npy};

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
