//! Matrix Market: coordinate and array files of real, integer and pattern matrices, general,
//! symmetric or skew-symmetric.
//!
//! Beside a file of 10x Genomics (`matrix.mtx` with `barcodes.tsv` and `features.tsv` or
//! `genes.tsv`, each plain or gz) the names are read too, and features in rows are turned into
//! columns.

use std::io::BufRead;
use std::path::Path;

use crate::{
    Csr, Dense, Error, Format, Input, Matrix, ReadOptions, Result, Values,
    matrix::filled,
    options::Budget,
    stream::{Bounded, Payload, Stream, read_error},
};

const FORMAT: &str = "Matrix Market";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symmetry {
    General,
    Symmetric,
    Skew,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Banner {
    is_coordinate: bool,
    is_pattern: bool,
    symmetry: Symmetry,
}

/// Lines of numbers; comments and blank lines are passed over.
struct Lines<'a> {
    reader: std::io::Take<Box<dyn BufRead + 'a>>,
    line: String,
    number: u64,
}

/// Longest line read.
const LONGEST: u64 = 1 << 16;

impl Lines<'_> {
    /// Goes to the next line; `false` at the end.
    fn next(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            self.reader.set_limit(LONGEST);
            let read = self.reader.read_line(&mut self.line);
            self.number += 1;
            let n = read.map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => Error::NotUtf8 { line: self.number, column: 1 },
                _ => read_error(FORMAT, error),
            })?;
            if n as u64 == LONGEST {
                return Err(Error::malformed(FORMAT, format!("line {} is too long", self.number)));
            }
            let is_comment = self.line.starts_with('%') && self.number > 1;
            if n == 0 {
                return Ok(false);
            }
            if !is_comment && !self.line.trim().is_empty() {
                return Ok(true);
            }
        }
    }

    fn bad(&self, what: &str) -> Error {
        Error::malformed(FORMAT, format!("line {}: {what}", self.number))
    }

    fn required(&mut self) -> Result<String> {
        let missing = Error::malformed(FORMAT, "the file ends before its last entry");
        if self.next()? { Ok(self.line.trim().to_owned()) } else { Err(missing) }
    }

    /// Whole numbers of a line, as many as there must be.
    fn sizes<const N: usize>(&mut self) -> Result<[u64; N]> {
        let line = self.required()?;
        let parsed: Option<Vec<u64>> =
            line.split_whitespace().map(|word| word.parse().ok()).collect();
        let sizes = parsed.and_then(|sizes| sizes.try_into().ok());
        sizes.ok_or_else(|| self.bad(&format!("{N} whole numbers are needed")))
    }

    fn value(&self, word: Option<&str>) -> Result<f64> {
        let value = word.and_then(|word| word.parse().ok());
        value.ok_or_else(|| self.bad("a number is needed"))
    }
}

impl Banner {
    fn read(lines: &mut Lines<'_>) -> Result<Self> {
        let line = lines.required()?.to_lowercase();
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["%%matrixmarket", "matrix", layout, field, symmetry] = words.as_slice() else {
            return Err(lines.bad("no banner of five words"));
        };
        let is_coordinate = match *layout {
            "coordinate" => true,
            "array" => false,
            other => return Err(Error::unsupported(FORMAT, format!("the layout {other:?}"))),
        };
        let is_pattern = match *field {
            "real" | "double" | "integer" => false,
            "pattern" if is_coordinate => true,
            other => return Err(Error::unsupported(FORMAT, format!("{other:?} entries"))),
        };
        let symmetry = match *symmetry {
            "general" => Symmetry::General,
            "symmetric" => Symmetry::Symmetric,
            "skew-symmetric" => Symmetry::Skew,
            other => return Err(Error::unsupported(FORMAT, format!("{other:?} symmetry"))),
        };
        Ok(Self { is_coordinate, is_pattern, symmetry })
    }
}

pub(crate) fn read(
    payload: Payload<'static>,
    siblings: Option<&Path>,
    options: &ReadOptions,
    budget: &Budget,
) -> Result<Input> {
    let reader = std::io::Read::take(payload.into_reader(), LONGEST);
    let mut lines = Lines { reader, line: String::new(), number: 0 };
    let banner = Banner::read(&mut lines)?;
    let matrix = if banner.is_coordinate {
        coordinates(&mut lines, banner, budget)?
    } else {
        array(&mut lines, banner, budget)?
    };
    if lines.next()? {
        return Err(lines.bad("more entries than the file says"));
    }
    let input = Input::new(Format::MatrixMarket, matrix);
    match siblings {
        Some(path) => named(input, path, options),
        None => Ok(input),
    }
}

fn check_square(banner: Banner, n_rows: u64, n_cols: u64) -> Result<()> {
    if banner.symmetry == Symmetry::General || n_rows == n_cols {
        return Ok(());
    }
    Err(Error::malformed(FORMAT, format!("a symmetric matrix of {n_rows} × {n_cols}")))
}

fn coordinates(lines: &mut Lines<'_>, banner: Banner, budget: &Budget) -> Result<Matrix> {
    let [n_rows, n_cols, n] = lines.sizes()?;
    check_square(banner, n_rows, n_cols)?;
    let copies = if banner.symmetry == Symmetry::General { 1 } else { 2 };
    // Entry lists, their sorted copy, and the row pointer.
    budget.claim("the sparse matrix", n.saturating_mul(copies), 40)?;
    let n_rows = budget.claim("the row pointer", n_rows.saturating_add(1), 8)? - 1;
    let n_cols = usize::try_from(n_cols).ok().filter(|&n| u32::try_from(n).is_ok());
    let n_cols = n_cols.ok_or_else(|| lines.bad("more columns than 2^32 − 1"))?;
    let mut entries: Vec<(usize, u32, f64)> = Vec::new();
    for _ in 0..n {
        let (i, j, value) = entry(lines, banner)?;
        if !(1..=n_rows).contains(&i) || !(1..=n_cols).contains(&j) {
            return Err(lines.bad(&format!("entry {i}, {j} lies outside {n_rows} × {n_cols}")));
        }
        entries.push((i - 1, j as u32 - 1, value));
        if i != j && banner.symmetry != Symmetry::General {
            let mirrored = if banner.symmetry == Symmetry::Skew { -value } else { value };
            entries.push((j - 1, i as u32 - 1, mirrored));
        }
    }
    entries.sort_by_key(|&(i, j, _)| (i, j));
    let mut indptr = filled("the row pointer", n_rows + 1, 0_usize)?;
    for &(i, ..) in &entries {
        indptr[i + 1] += 1;
    }
    for i in 0..n_rows {
        indptr[i + 1] += indptr[i];
    }
    let indices = entries.iter().map(|&(_, j, _)| j).collect();
    let values = Values::F64(entries.iter().map(|&(.., value)| value).collect());
    Ok(Matrix::Csr(Csr::new(n_rows, n_cols, indptr, indices, values)?))
}

/// Row and column (from 1) and value of a line.
fn entry(lines: &mut Lines<'_>, banner: Banner) -> Result<(usize, usize, f64)> {
    let line = lines.required()?;
    let mut words = line.split_whitespace();
    let mut index = || words.next().and_then(|word| word.parse::<usize>().ok());
    let (Some(i), Some(j)) = (index(), index()) else {
        return Err(lines.bad("a row and a column are needed"));
    };
    let value = if banner.is_pattern { 1.0 } else { lines.value(words.next())? };
    match words.next() {
        None => Ok((i, j, value)),
        Some(_) => Err(lines.bad("too many words")),
    }
}

/// All entries, column after column; of symmetric matrices the lower triangle.
fn array(lines: &mut Lines<'_>, banner: Banner, budget: &Budget) -> Result<Matrix> {
    let [n_rows, n_cols] = lines.sizes()?;
    check_square(banner, n_rows, n_cols)?;
    let cells = n_rows.checked_mul(n_cols).ok_or_else(|| lines.bad("the sizes overflow"))?;
    budget.claim("the matrix", cells, 16)?;
    let (n_rows, n_cols) = (n_rows as usize, n_cols as usize);
    let mut by_columns: Vec<f64> = Vec::new();
    for j in 0..n_cols {
        for i in 0..n_rows {
            let is_mirrored = banner.symmetry != Symmetry::General && i < j;
            let is_zero = banner.symmetry == Symmetry::Skew && i == j;
            let value = if is_mirrored {
                let lower = by_columns[i * n_rows + j];
                if banner.symmetry == Symmetry::Skew { -lower } else { lower }
            } else if is_zero {
                0.0
            } else {
                let line = lines.required()?;
                lines.value(Some(&line))?
            };
            by_columns.push(value);
        }
    }
    let values = Values::F64(by_columns);
    Ok(Matrix::Dense(Dense::new(n_cols, n_rows, values)?).transposed())
}

/// The first file that is there, plain or gz.
fn beside(path: &Path, names: &[&str]) -> Option<std::path::PathBuf> {
    let candidates = names.iter().flat_map(|name| [(*name).to_owned(), format!("{name}.gz")]);
    candidates.map(|name| path.with_file_name(name)).find(|path| path.is_file())
}

/// Names of 10x Genomics beside the file; features in rows become columns.
fn named(input: Input, path: &Path, options: &ReadOptions) -> Result<Input> {
    let barcodes = beside(path, &["barcodes.tsv"]);
    let features = beside(path, &["features.tsv", "genes.tsv"]);
    let (Some(barcodes), Some(features)) = (barcodes, features) else { return Ok(input) };
    let barcodes = column_of(&barcodes, 0, options).map_err(|error| error.in_file(&barcodes))?;
    let symbols = column_of(&features, 1, options).map_err(|error| error.in_file(&features))?;
    let shape = (input.matrix.n_rows(), input.matrix.n_cols());
    let mut input = if shape == (symbols.len(), barcodes.len()) && !options.transpose {
        Input { matrix: input.matrix.transposed(), ..input }
    } else {
        input
    };
    let check = |what: &str, got, expected| {
        let what = what.to_owned();
        if got == expected { Ok(()) } else { Err(Error::LengthMismatch { what, got, expected }) }
    };
    let (n_rows, n_cols) = (input.matrix.n_rows(), input.matrix.n_cols());
    let (n_cells, n_features) = if options.transpose { (n_cols, n_rows) } else { (n_rows, n_cols) };
    check("the list of barcodes", barcodes.len(), n_cells)?;
    check("the list of features", symbols.len(), n_features)?;
    let (rows, columns) = if options.transpose { (symbols, barcodes) } else { (barcodes, symbols) };
    (input.row_names, input.col_names) = (Some(rows), Some(columns));
    Ok(input)
}

/// One tab-separated column of a file, or its last if there are fewer.
fn column_of(path: &Path, column: usize, options: &ReadOptions) -> Result<Vec<String>> {
    let stream = Stream::open(path)?;
    let budget = options.budget(stream.bytes());
    let reader = Bounded::new(stream.payload(&budget)?.into_reader(), budget.limit());
    let mut names = Vec::new();
    for line in std::io::BufReader::new(reader).lines() {
        let line = line.map_err(|error| read_error("names", error))?;
        let word = line.split('\t').nth(column).or_else(|| line.split('\t').next_back());
        names.push(word.unwrap_or_default().to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<f64>> {
        let input = crate::read_bytes(text.as_bytes().to_vec(), "a.mtx", &ReadOptions::default())?;
        input.matrix.into_dense_f64(1 << 20)
    }

    #[test]
    fn every_layout_is_read() {
        let sparse =
            "%%MatrixMarket matrix coordinate real general\n% remark\n2 3 2\n2 3 1.5\n1 1 -2\n";
        assert_eq!(read(sparse).unwrap(), [-2., 0., 0., 0., 0., 1.5]);
        let pattern = "%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n1 1\n2 1\n";
        assert_eq!(read(pattern).unwrap(), [1., 1., 1., 0.]);
        let skew = "%%MatrixMarket matrix coordinate integer skew-symmetric\n2 2 1\n2 1 3\n";
        assert_eq!(read(skew).unwrap(), [0., -3., 3., 0.]);
        let array = "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n";
        assert_eq!(read(array).unwrap(), [1., 3., 2., 4.]);
        let symmetric = "%%MatrixMarket matrix array integer symmetric\n2 2\n1\n2\n3\n";
        assert_eq!(read(symmetric).unwrap(), [1., 2., 2., 3.]);
        let skew = "%%MatrixMarket matrix array real skew-symmetric\n2 2\n5\n";
        assert_eq!(read(skew).unwrap(), [0., -5., 5., 0.]);
    }

    #[test]
    fn hostile_files_are_refused() {
        let head = "%%MatrixMarket matrix coordinate real general\n";
        let text = |rest: &str| format!("{head}{rest}");
        let huge = read(&text("999999999999 5 1\n1 1 1\n"));
        assert!(matches!(huge, Err(Error::OverBudget { .. })));
        let huge = read(&text("5 5 99999999999999\n1 1 1\n"));
        assert!(matches!(huge, Err(Error::OverBudget { .. })));
        let wide = text("2 4000000000 1\n1 1 1\n").into_bytes(); // a pointer for every column
        let turned = crate::read_bytes(wide, "a.mtx", &ReadOptions::default().with_transpose(true));
        assert!(matches!(turned, Err(Error::OverBudget { bytes, .. }) if bytes > 32_000_000_000));
        for rest in
            ["2 2 2\n1 1 1\n", "2 2 1\n3 1 1\n", "2 2 1\n0 1 1\n", "2 2 1\n1 1 x\n", "2 2 1\n1 1\n"]
        {
            assert!(matches!(read(&text(rest)), Err(Error::Malformed { .. })), "{rest}");
        }
        assert!(matches!(read(&text("2 2 1\n1 1 1\n2 2 1\n")), Err(Error::Malformed { .. })));
        let twice = read(&text("2 2 2\n1 2 1\n1 2 1\n"));
        assert!(matches!(twice, Err(Error::DuplicateEntry { row: 0, col: 1 })));
        let complex = read("%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 1\n");
        assert!(matches!(complex, Err(Error::Unsupported { .. })));
        let nan = read(&text("1 1 1\n1 1 nan\n"));
        assert!(matches!(nan, Err(Error::NotFinite { row: 0, col: 0, .. })));
    }

    #[test]
    fn names_beside_the_file_turn_features_into_columns() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "matrix.mtx",
            "%%MatrixMarket matrix coordinate integer general\n3 2 2\n3 1 7\n1 2 5\n",
        );
        write("barcodes.tsv", "AA-1\nBB-1\n");
        write("features.tsv", "E1\tG1\tx\nE2\tG2\tx\nE3\tG3\tx\n");
        for path in [folder.path().join("matrix.mtx"), folder.path().to_owned()] {
            let input = crate::read(path, &ReadOptions::default()).unwrap();
            assert_eq!(input.row_names.unwrap(), ["AA-1", "BB-1"]);
            assert_eq!(input.col_names.unwrap(), ["G1", "G2", "G3"]);
            let dense = input.matrix.into_dense_f64(1000).unwrap();
            assert_eq!(dense, [0., 0., 7., 5., 0., 0.]);
        }
        write("barcodes.tsv", "AA-1\n");
        let error =
            crate::read(folder.path().join("matrix.mtx"), &ReadOptions::default()).unwrap_err();
        assert!(matches!(error.root(), Error::LengthMismatch { .. }));
    }
}
