//! The matrix that a file holds, dense or sparse.

use crate::{Error, Result};

/// Entries in the precision that keeps the file's own values exactly.
///
/// Half and single precision, booleans and integers of up to 16 bits become `f32`, everything
/// else `f64`.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

impl Values {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One entry.
    ///
    /// # Panics
    /// If `index` is not below [`Self::len`], as slices do.
    #[inline]
    pub fn get(&self, index: usize) -> f64 {
        match self {
            Self::F32(values) => f64::from(values[index]),
            Self::F64(values) => values[index],
        }
    }

    /// Entries in single precision; doubles are rounded.
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            Self::F64(values) => values.into_iter().map(|v| v as f32).collect(),
        }
    }

    /// Entries in double precision.
    pub fn into_f64(self) -> Vec<f64> {
        match self {
            Self::F32(values) => values.into_iter().map(f64::from).collect(),
            Self::F64(values) => values,
        }
    }

    /// `order[k]` says which entry comes k-th.
    fn permuted(&self, order: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(order.map(|k| values[k]).collect()),
            Self::F64(values) => Self::F64(order.map(|k| values[k]).collect()),
        }
    }

    const fn size(&self) -> usize {
        match self {
            Self::F32(_) => 4,
            Self::F64(_) => 8,
        }
    }
}

/// Row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    n_rows: usize,
    n_cols: usize,
    values: Values,
}

impl Dense {
    /// Takes row-major entries.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless there are `n_rows · n_cols` of them.
    pub fn new(n_rows: usize, n_cols: usize, values: Values) -> Result<Self> {
        if n_rows.checked_mul(n_cols) != Some(values.len()) {
            let expected = n_rows.saturating_mul(n_cols);
            let what = "the matrix".to_owned();
            return Err(Error::LengthMismatch { what, got: values.len(), expected });
        }
        Ok(Self { n_rows, n_cols, values })
    }

    /// Number of samples.
    pub const fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of features.
    pub const fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Entries, row after row.
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// Gives up the entries, row after row.
    pub fn into_values(self) -> Values {
        self.values
    }

    fn transposed(&self) -> Self {
        let (n, d) = (self.n_rows, self.n_cols);
        let values = self.values.permuted((0..n * d).map(|k| (k % n) * d + k / n));
        Self { n_rows: d, n_cols: n, values }
    }
}

/// Compressed sparse rows: columns rise strictly within each row; no entry twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Csr {
    n_rows: usize,
    n_cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Values,
}

impl Csr {
    /// Checks and takes the three arrays; rows whose columns are out of order are sorted.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::BadPointer`], [`Error::IndexOutOfRange`],
    /// [`Error::DuplicateEntry`].
    pub fn new(
        n_rows: usize,
        n_cols: usize,
        indptr: Vec<usize>,
        mut indices: Vec<u32>,
        mut values: Values,
    ) -> Result<Self> {
        check_lengths(n_rows, &indptr, indices.len(), values.len())?;
        check_pointers(&indptr, indices.len())?;
        if !check_indices(n_cols, &indptr, &indices)? {
            (indices, values) = sorted(&indptr, &indices, &values);
        }
        for (row, ends) in indptr.windows(2).enumerate() {
            let columns = &indices[ends[0]..ends[1]];
            if let Some(twice) = columns.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Error::DuplicateEntry { row, col: twice[0] as usize });
            }
        }
        Ok(Self { n_rows, n_cols, indptr, indices, values })
    }

    /// As [`Csr::new`], from the integers of a file.
    pub(crate) fn from_integers(
        n_rows: usize,
        n_cols: usize,
        indptr: &[i64],
        indices: &[i64],
        values: Values,
    ) -> Result<Self> {
        let high = indices.len() as u64;
        let pointer = |(row, &value): (usize, &i64)| {
            let bad = Error::BadPointer { row, value: value.into(), low: 0, high };
            usize::try_from(value).map_err(|_| bad)
        };
        let indptr: Vec<usize> = indptr.iter().enumerate().map(pointer).collect::<Result<_>>()?;
        let column = |(k, &index): (usize, &i64)| {
            let fits = u32::try_from(index).ok().filter(|&index| (index as usize) < n_cols);
            let row = || indptr.partition_point(|&start| start <= k).saturating_sub(1);
            fits.ok_or_else(|| Error::IndexOutOfRange { row: row(), index, n_cols })
        };
        let indices = indices.iter().enumerate().map(column).collect::<Result<_>>()?;
        Self::new(n_rows, n_cols, indptr, indices, values)
    }

    /// Number of samples.
    pub const fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of features.
    pub const fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Where each row begins in [`Self::indices`]; one more entry than rows.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// Column of each stored entry.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The stored entries.
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// Columns and positions of a row's stored entries.
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        (self.indptr[i]..self.indptr[i + 1]).map(|k| (self.indices[k] as usize, self.values.get(k)))
    }

    pub(crate) fn transposed(&self) -> Self {
        let mut indptr = vec![0_usize; self.n_cols + 1];
        for &column in &self.indices {
            indptr[column as usize + 1] += 1;
        }
        for d in 0..self.n_cols {
            indptr[d + 1] += indptr[d];
        }
        let mut next = indptr.clone();
        let mut indices = vec![0_u32; self.indices.len()];
        let mut order = vec![0_usize; self.indices.len()];
        for i in 0..self.n_rows {
            for k in self.indptr[i]..self.indptr[i + 1] {
                let place = &mut next[self.indices[k] as usize];
                (indices[*place], order[*place]) = (i as u32, k);
                *place += 1;
            }
        }
        let values = self.values.permuted(order.into_iter());
        Self { n_rows: self.n_cols, n_cols: self.n_rows, indptr, indices, values }
    }
}

fn check_lengths(n_rows: usize, indptr: &[usize], n: usize, n_values: usize) -> Result<()> {
    let check = |what: &str, got, expected| {
        let what = what.to_owned();
        if got == expected { Ok(()) } else { Err(Error::LengthMismatch { what, got, expected }) }
    };
    check("the row pointer", indptr.len(), n_rows.saturating_add(1))?;
    check("the list of values", n_values, n)
}

fn check_pointers(indptr: &[usize], n: usize) -> Result<()> {
    let bad = |row: usize, low: usize, high: usize| Error::BadPointer {
        row,
        value: indptr[row] as i128,
        low: low as u64,
        high: high as u64,
    };
    let last = indptr.len() - 1;
    if indptr[0] != 0 {
        return Err(bad(0, 0, 0));
    }
    if let Some(row) = (1..=last).find(|&i| indptr[i] < indptr[i - 1] || indptr[i] > n) {
        return Err(bad(row, indptr[row - 1], n));
    }
    if indptr[last] == n { Ok(()) } else { Err(bad(last, n, n)) }
}

/// Whether every row is sorted; an error if an index lies outside.
fn check_indices(n_cols: usize, indptr: &[usize], indices: &[u32]) -> Result<bool> {
    let mut is_sorted = true;
    for (row, ends) in indptr.windows(2).enumerate() {
        let columns = &indices[ends[0]..ends[1]];
        if let Some(&index) = columns.iter().find(|&&index| index as usize >= n_cols) {
            return Err(Error::IndexOutOfRange { row, index: i64::from(index), n_cols });
        }
        is_sorted &= columns.is_sorted();
    }
    Ok(is_sorted)
}

fn sorted(indptr: &[usize], indices: &[u32], values: &Values) -> (Vec<u32>, Values) {
    let mut order: Vec<usize> = (0..indices.len()).collect();
    for ends in indptr.windows(2) {
        order[ends[0]..ends[1]].sort_by_key(|&k| indices[k]);
    }
    let columns = order.iter().map(|&k| indices[k]).collect();
    (columns, values.permuted(order.into_iter()))
}

/// A matrix with samples in rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// All entries.
    Dense(Dense),
    /// Only the entries that are stored; the others are zero.
    Csr(Csr),
}

impl Matrix {
    /// Number of samples.
    pub const fn n_rows(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.n_rows,
            Self::Csr(csr) => csr.n_rows,
        }
    }

    /// Number of features.
    pub const fn n_cols(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.n_cols,
            Self::Csr(csr) => csr.n_cols,
        }
    }

    /// The entries that are stored.
    pub const fn values(&self) -> &Values {
        match self {
            Self::Dense(dense) => &dense.values,
            Self::Csr(csr) => &csr.values,
        }
    }

    /// Bytes that the matrix takes.
    pub fn bytes(&self) -> u64 {
        let values = self.values().len() as u64 * self.values().size() as u64;
        match self {
            Self::Dense(_) => values,
            Self::Csr(csr) => values + csr.indices.len() as u64 * 4 + csr.indptr.len() as u64 * 8,
        }
    }

    /// Row and column of a stored entry.
    pub(crate) fn place(&self, index: usize) -> (usize, usize) {
        match self {
            Self::Dense(dense) => (index / dense.n_cols, index % dense.n_cols),
            Self::Csr(csr) => {
                let row = csr.indptr.partition_point(|&start| start <= index) - 1;
                (row, csr.indices[index] as usize)
            }
        }
    }

    /// Accepts a matrix with rows, columns and only finite entries.
    ///
    /// # Errors
    /// [`Error::Empty`]; [`Error::NotFinite`] for the first bad entry.
    pub fn check_finite(&self) -> Result<()> {
        let (n_rows, n_cols) = (self.n_rows(), self.n_cols());
        if n_rows == 0 || n_cols == 0 {
            return Err(Error::Empty { n_rows, n_cols });
        }
        let bad = match self.values() {
            Values::F32(values) => values.iter().position(|v| !v.is_finite()),
            Values::F64(values) => values.iter().position(|v| !v.is_finite()),
        };
        match bad {
            None => Ok(()),
            Some(index) => {
                let (row, col) = self.place(index);
                Err(Error::NotFinite { row, col, value: self.values().get(index) })
            }
        }
    }

    /// Exchanges rows and columns.
    #[must_use]
    pub fn transposed(&self) -> Self {
        match self {
            Self::Dense(dense) => Self::Dense(dense.transposed()),
            Self::Csr(csr) => Self::Csr(csr.transposed()),
        }
    }

    /// Bytes that are taken, beside the matrix itself, to exchange its rows and columns.
    pub(crate) fn exchange_bytes(&self) -> u64 {
        match self {
            Self::Dense(_) => self.bytes(),
            Self::Csr(csr) => {
                let entries = csr.indices.len() as u64;
                // The result, the order of its entries, and the pointers of its rows twice.
                let entry = (csr.values.size() + size_of::<u32>() + size_of::<usize>()) as u64;
                let pointers = (csr.n_cols as u64).saturating_add(1).saturating_mul(16);
                entries.saturating_mul(entry).saturating_add(pointers)
            }
        }
    }

    /// All entries, row after row, in single precision.
    ///
    /// # Errors
    /// [`Error::OverBudget`] if a sparse matrix would take more than `max_bytes` when dense,
    /// [`Error::Allocation`] if the system does not give them.
    pub fn into_dense_f32(self, max_bytes: u64) -> Result<Vec<f32>> {
        match self {
            Self::Dense(dense) => Ok(dense.values.into_f32()),
            Self::Csr(csr) => scatter(&csr, max_bytes, 0.0_f32, |v| v as f32),
        }
    }

    /// All entries, row after row, in double precision.
    ///
    /// # Errors
    /// As [`Self::into_dense_f32`].
    pub fn into_dense_f64(self, max_bytes: u64) -> Result<Vec<f64>> {
        match self {
            Self::Dense(dense) => Ok(dense.values.into_f64()),
            Self::Csr(csr) => scatter(&csr, max_bytes, 0.0_f64, |v| v),
        }
    }
}

/// `n` times a value, or an error where the system does not give the memory: a file may declare more
/// than any machine has.
pub(crate) fn filled<T: Copy>(what: &'static str, n: usize, value: T) -> Result<Vec<T>> {
    let mut out = Vec::new();
    let bytes = (n as u64).saturating_mul(size_of::<T>() as u64);
    out.try_reserve_exact(n).map_err(|_| Error::Allocation { what, bytes })?;
    out.resize(n, value);
    Ok(out)
}

fn scatter<T: Copy>(csr: &Csr, limit: u64, zero: T, from: impl Fn(f64) -> T) -> Result<Vec<T>> {
    const WHAT: &str = "the dense matrix";
    let over = |bytes| Error::OverBudget { what: WHAT, bytes, limit };
    let cells = csr.n_rows.checked_mul(csr.n_cols).ok_or_else(|| over(u64::MAX))?;
    let bytes = (cells as u64).saturating_mul(size_of::<T>() as u64);
    if bytes > limit {
        return Err(over(bytes));
    }
    let mut out = filled(WHAT, cells, zero)?;
    for i in 0..csr.n_rows {
        for (d, value) in csr.row(i) {
            out[i * csr.n_cols + d] = from(value);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csr(indptr: &[usize], indices: &[u32], values: &[f32]) -> Result<Csr> {
        let values = Values::F32(values.to_vec());
        Csr::new(indptr.len() - 1, 4, indptr.to_vec(), indices.to_vec(), values)
    }

    #[test]
    fn rows_out_of_order_are_sorted_and_scattered() {
        let matrix = Matrix::Csr(csr(&[0, 2, 2, 3], &[3, 1, 0], &[3.0, 1.0, 5.0]).unwrap());
        assert_eq!(matrix.place(1), (0, 3));
        assert_eq!(matrix.place(2), (2, 0));
        let turned = matrix.transposed().transposed();
        assert_eq!(turned, matrix);
        let dense = matrix.into_dense_f64(1000).unwrap();
        assert_eq!(dense, [0., 1., 0., 3., 0., 0., 0., 0., 5., 0., 0., 0.]);
    }

    #[test]
    fn broken_sparse_matrices_are_refused_with_their_place() {
        let twice = csr(&[0, 3], &[2, 1, 2], &[1.0; 3]);
        assert!(matches!(twice, Err(Error::DuplicateEntry { row: 0, col: 2 })));
        let outside = csr(&[0, 1, 2], &[0, 4], &[1.0; 2]);
        assert!(matches!(outside, Err(Error::IndexOutOfRange { row: 1, index: 4, n_cols: 4 })));
        let falling = csr(&[0, 2, 1, 2], &[0, 1], &[1.0; 2]);
        assert!(matches!(falling, Err(Error::BadPointer { row: 2, value: 1, low: 2, high: 2 })));
        let short = csr(&[0, 1], &[0, 1], &[1.0; 2]);
        assert!(matches!(short, Err(Error::BadPointer { row: 1, value: 1, low: 2, high: 2 })));
        let values = csr(&[0, 2], &[0, 1], &[1.0]);
        assert!(matches!(values, Err(Error::LengthMismatch { got: 1, expected: 2, .. })));
    }

    #[test]
    fn dense_matrices_turn_and_tell_where_they_are_not_finite() {
        let values = Values::F64(vec![1.0, 2.0, 3.0, 4.0, f64::NAN, 6.0]);
        let matrix = Matrix::Dense(Dense::new(2, 3, values).unwrap());
        assert!(matches!(matrix.check_finite(), Err(Error::NotFinite { row: 1, col: 1, .. })));
        let turned = matrix.transposed();
        assert!(matches!(turned.check_finite(), Err(Error::NotFinite { row: 1, col: 1, .. })));
        assert_eq!((turned.n_rows(), turned.values().get(1)), (3, 4.0));
    }

    #[test]
    fn a_dense_matrix_beyond_the_budget_is_refused() {
        let wide = Csr::new(1, 1 << 31, vec![0, 0], vec![], Values::F32(vec![])).unwrap();
        let error = Matrix::Csr(wide).into_dense_f32(1 << 20).unwrap_err();
        assert!(matches!(error, Error::OverBudget { bytes: 8_589_934_592, .. }));
    }

    /// Three entries that would be 16 TB, or more cells than can be counted, when dense.
    #[test]
    fn matrices_beyond_the_machine_are_refused_however_much_is_allowed() {
        let far = |n_rows: usize, n_cols: usize| {
            let mut indptr = vec![1; n_rows + 1];
            indptr[0] = 0;
            let csr = Csr::new(n_rows, n_cols, indptr, vec![2], Values::F32(vec![1.0])).unwrap();
            Matrix::Csr(csr)
        };
        let error = far(1000, 4_000_000_000).into_dense_f32(1 << 40).unwrap_err();
        let needed = 16_000_000_000_000;
        assert!(matches!(error, Error::OverBudget { bytes, .. } if bytes == needed), "{error}");
        let error = far(1 << 20, 1 << 31).into_dense_f64(u64::MAX).unwrap_err();
        assert!(matches!(error, Error::Allocation { bytes, .. } if bytes == 1 << 54), "{error}");
    }
}
