//! Annotated data in HDF5 (anndata), read without the C library.
//!
//! Read are X (or a layer, or `raw/X`) dense, by rows or by columns; `obs` and `var` with text,
//! numbers, truth values, categories and nullable columns; dense arrays of `obsm`. Files of
//! anndata before 0.8 (categories kept apart, tables as compound records) are read too. What
//! cannot be read beside the matrix is left out and named in [`Input::notes`].
//!
//! The HDF5 reader is foreign code on hostile input. Every array is sized against the memory
//! budget before it is read, and a panic in the reader becomes [`Error::ReaderFailed`].

mod dataset;
mod facts;
mod frame;
mod heap;
mod legacy;

use std::panic::{AssertUnwindSafe, catch_unwind};

use hdf5_pure::{AttrValue, File, Group, ReadSeekSource};

use self::{
    dataset::{Node, failed},
    heap::Shared,
};
use crate::{
    Csr, Dense, Embedding, Error, Format, Input, Matrix, ReadOptions, Result, options::Budget,
    stream::Stream,
};

const FORMAT: &str = "h5ad";

/// What `raw/X` is called among the layers.
const RAW: &str = "raw";

pub(crate) fn read(stream: Stream, options: &ReadOptions, budget: &Budget) -> Result<Input> {
    let reading = || {
        let source = ReadSeekSource::new(stream.into_inner()).map_err(|error| failed(&error))?;
        let source = Shared::new(source);
        let file = File::from_source(source.clone()).map_err(|error| failed(&error))?;
        Reader { file, source, budget, notes: Vec::new() }.input(options)
    };
    catch_unwind(AssertUnwindSafe(reading)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let what = text.unwrap_or("no reason given").to_owned();
        Err(Error::ReaderFailed { format: FORMAT, what })
    })
}

/// An open file and what is noted while it is read.
struct Reader<'a> {
    file: File,
    source: Shared,
    budget: &'a Budget,
    notes: Vec<String>,
}

impl Reader<'_> {
    fn input(mut self, options: &ReadOptions) -> Result<Input> {
        let layers = self.layers();
        let (place, var_place) = self.place(options.layer.as_deref(), &layers)?;
        let matrix = self.matrix(&place)?;
        let (n_rows, n_cols) = (matrix.n_rows(), matrix.n_cols());
        let mut input = Input::new(Format::H5ad, matrix);
        let obs = self.frame("obs", n_rows)?;
        let var = self.frame(&var_place, n_cols)?;
        (input.row_names, input.obs) = (obs.index, obs.columns);
        (input.col_names, input.var) = (var.index, var.columns);
        input.obsm = self.embeddings(n_rows)?;
        input.layers = layers;
        input.notes = self.notes;
        Ok(input)
    }

    /// What could be read in place of X: the layers, and `raw` where there is one.
    fn layers(&self) -> Vec<String> {
        let group = self.file.group("layers");
        let mut layers = group.map_or_else(|_| Vec::new(), |group| children(&group));
        if self.raw().is_some() && !layers.iter().any(|name| name == RAW) {
            layers.push(RAW.to_owned());
        }
        layers
    }

    /// Where the raw matrix and the facts about its columns are.
    fn raw(&self) -> Option<(String, String)> {
        let places = [("raw/X", "raw/var"), ("raw.X", "raw.var")];
        let found = places.into_iter().find(|(matrix, _)| self.node(matrix).is_some());
        found.map(|(matrix, var)| (matrix.to_owned(), var.to_owned()))
    }

    /// Where the matrix and the facts about its columns are.
    fn place(&self, layer: Option<&str>, layers: &[String]) -> Result<(String, String)> {
        let var = || "var".to_owned();
        match layer {
            None | Some("X") => Ok(("X".to_owned(), var())),
            Some(name) if layers.iter().any(|layer| layer == name) => {
                let own = format!("layers/{name}"); // also where a layer is called raw
                let raw = if self.node(&own).is_some() { None } else { self.raw() };
                Ok(raw.unwrap_or_else(|| (own, var())))
            }
            Some(name) => {
                let mut available = vec!["X".to_owned()];
                available.extend(layers.iter().cloned());
                Err(Error::NotFound { what: "layer", name: name.to_owned(), available })
            }
        }
    }

    fn node(&self, path: &str) -> Option<Node> {
        Node::at(&self.file, path)
    }

    fn matrix(&self, path: &str) -> Result<Matrix> {
        match self.node(path) {
            Some(Node::Dataset(dataset)) => Ok(Matrix::Dense(dataset.matrix(self.budget)?)),
            Some(Node::Group(group)) => self.sparse(&group, path),
            None => Err(Error::malformed(FORMAT, format!("there is no {path}"))),
        }
    }

    fn sparse(&self, group: &Group, path: &str) -> Result<Matrix> {
        let attrs = group.attrs().map_err(|error| failed(&error))?;
        let attr = |new: &str, old: &str| attrs.get(new).or_else(|| attrs.get(old));
        let kind = attr("encoding-type", "h5sparse_format").and_then(AttrValue::as_str);
        let by_columns = match kind {
            Some("csr_matrix" | "csr") => false,
            Some("csc_matrix" | "csc") => true,
            other => {
                let what = format!("{path} stored as {}", other.unwrap_or("an unnamed group"));
                return Err(Error::unsupported(FORMAT, what));
            }
        };
        let shape = attr("shape", "h5sparse_shape").and_then(AttrValue::to_i64s);
        let shape = shape.unwrap_or_default();
        let side = |k: usize| shape.get(k).and_then(|&side| usize::try_from(side).ok());
        let (Some(n_rows), Some(n_cols), 2) = (side(0), side(1), shape.len()) else {
            return Err(Error::malformed(FORMAT, format!("{path} has the shape {shape:?}")));
        };
        let part = |name: &str| match self.node(&format!("{path}/{name}")) {
            Some(Node::Dataset(dataset)) => Ok(dataset),
            _ => Err(Error::malformed(FORMAT, format!("there is no {path}/{name}"))),
        };
        let (major, minor) = if by_columns { (n_cols, n_rows) } else { (n_rows, n_cols) };
        let indptr: Vec<i64> = part("indptr")?.numbers(self.budget)?;
        let indices: Vec<i64> = part("indices")?.numbers(self.budget)?;
        let values = part("data")?.values(self.budget)?;
        let csr = Csr::from_integers(major, minor, &indptr, &indices, values)?;
        if !by_columns {
            return Ok(Matrix::Csr(csr));
        }
        let cost = (n_rows as u64).saturating_add(2 * indices.len() as u64);
        self.budget.claim("the matrix by rows", cost, 8)?;
        Ok(Matrix::Csr(csr.transposed()))
    }

    fn embeddings(&mut self, n_rows: usize) -> Result<Vec<Embedding>> {
        if let Some(Node::Dataset(table)) = self.node("obsm") {
            return legacy::embeddings(&table, self.budget);
        }
        let Ok(group) = self.file.group("obsm") else { return Ok(Vec::new()) };
        let mut embeddings = Vec::new();
        for name in children(&group) {
            let path = format!("obsm/{name}");
            match self.node(&path) {
                Some(Node::Dataset(dataset)) if dataset.is_matrix_of_numbers() => {
                    let values: Dense = dataset.matrix(self.budget)?;
                    if values.n_rows() != n_rows {
                        let got = values.n_rows();
                        return Err(Error::LengthMismatch { what: path, got, expected: n_rows });
                    }
                    embeddings.push(Embedding { name, values });
                }
                _ => {
                    self.notes
                        .push(format!("{path} is no dense array of numbers and was left out"));
                }
            }
        }
        Ok(embeddings)
    }
}

/// Names of what a group holds, sorted.
fn children(group: &Group) -> Vec<String> {
    let mut names = group.datasets().unwrap_or_default();
    names.extend(group.groups().unwrap_or_default());
    names.sort();
    names.dedup();
    names
}
