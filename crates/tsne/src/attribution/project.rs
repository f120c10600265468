//! From coefficients to values per feature.

use embex_linalg::faer::MatRef;
use embex_linalg::{MemoryBudget, Real, Rows};
use pulp::Arch;
use rayon::prelude::*;

use super::coefficients::RowsOf;
use super::params::Scalar;
use super::result::Attribution;
use crate::{Error, Metric, Result};

/// Rows that one task projects; any value gives the same bits.
const ROWS: usize = 32;

/// A feature space, ready to be projected into.
struct Space<'a, T> {
    /// Rows whose differences count: unit rows for the cosine metric.
    x: RowsOf<'a, T>,
    /// 1 / |x_i| for the cosine metric, else empty.
    per_length: Vec<T>,
    /// Derivative of the start by a row: C × D.
    start: Option<Rows<T>>,
}

impl<T: Real> Attribution<T> {
    /// Attributions in a feature space: n × (values per feature · D).
    ///
    /// J_i = Σ_j w_ij (x_i − x_j). `features` is any linear space that shares the affinities'
    /// distances: the features the map was made of, or the original ones behind principal
    /// components (equally: project into the components and use
    /// [`super::through_loadings`]). Under the cosine metric it must be the features whose angles
    /// were taken; the chain through the normalisation, (J − (J·x̂) x̂) / |x|, is applied.
    /// The start's share is left out: see [`Self::project_with_start`].
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`] on the number of rows, `NotFinite`, `Empty`;
    /// [`Error::ProjectionOverflow`] for features of extreme scale: no value is ever infinite or
    /// NaN; [`Error::ZeroRow`] for the cosine metric; [`Error::ColumnMismatch`] if a clip made points
    /// explicit in other features.
    ///
    /// # Cost
    /// One multiply-add per entry of P, channel and feature; no memory beyond the output, and a
    /// copy of the features unless they are row-major and Euclidean.
    pub fn project(&self, features: MatRef<'_, T>) -> Result<Rows<T>> {
        self.project_space(&self.space(features, None)?)
    }

    /// [`Self::project`] with the start's share T_i J_0 added, for a start that is linear in the
    /// features: `start` is J_0 = ∂y_i/∂x_i of the start, C × D, equal for all points.
    ///
    /// Without [`super::AttributeParams::init_jacobian`], and at the fixed point, there is no
    /// such share.
    ///
    /// # Errors
    /// As [`Self::project`]; [`Error::ColumnMismatch`] or a length mismatch for the shape of
    /// `start`.
    pub fn project_with_start(
        &self,
        features: MatRef<'_, T>,
        start: MatRef<'_, T>,
    ) -> Result<Rows<T>> {
        self.project_space(&self.space(features, Some(start))?)
    }

    /// [`Self::project`] in blocks of rows, in order, as many at once as the budget allows.
    ///
    /// `sink` is given the first row of a block and its entries. The same bits for any budget.
    ///
    /// # Errors
    /// As [`Self::project`].
    pub fn project_blocks(
        &self,
        features: MatRef<'_, T>,
        budget: MemoryBudget,
        sink: &mut dyn FnMut(usize, &[T]),
    ) -> Result<()> {
        let space = self.space(features, None)?;
        let width = self.values_per_feature() * space.x.n_cols();
        let block = (ROWS * width * size_of::<T>()) as u64;
        let in_flight = budget.blocks_in_flight(block, 4 * rayon::current_num_threads());
        let rows = (ROWS * in_flight).min(self.n_samples());
        let mut buffer = vec![T::ZERO; rows * width];
        for first in (0..self.n_samples()).step_by(rows) {
            let part = &mut buffer[..rows.min(self.n_samples() - first) * width];
            self.fill(&space, first, part)?;
            sink(first, part);
        }
        Ok(())
    }

    fn project_space(&self, space: &Space<'_, T>) -> Result<Rows<T>> {
        let width = self.values_per_feature() * space.x.n_cols();
        let mut out = Rows::zeros(self.n_samples(), width);
        self.fill(space, 0, out.as_mut_slice())?;
        Ok(out)
    }

    fn space<'x>(
        &self,
        features: MatRef<'x, T>,
        start: Option<MatRef<'_, T>>,
    ) -> Result<Space<'x, T>> {
        self.coefficients.check_features(features)?;
        let (channels, got) = (self.coefficients.channels(), features.ncols());
        if let Some((_, values)) = self.explicit.first()
            && values.len() != channels * got
        {
            return Err(Error::ColumnMismatch { got, expected: values.len() / channels });
        }
        if let Some(start) = start {
            embex_linalg::check::finite(start)?;
            if start.ncols() != got {
                return Err(Error::ColumnMismatch { got: start.ncols(), expected: got });
            }
            let axes = self.transfer.len() / (channels * self.n_samples());
            if axes > 0 {
                embex_linalg::check::length("start", start.nrows(), axes)?;
            }
        }
        let (x, per_length) = match self.metric {
            Metric::Cosine => {
                let (rows, per_length) = unit_rows(features)?;
                (RowsOf::Owned(rows), per_length)
            }
            _ => (RowsOf::new(features), Vec::new()),
        };
        Ok(Space { x, per_length, start: start.map(Rows::copy_from) })
    }

    /// Values of the rows from `first` that `out` holds.
    fn fill(&self, space: &Space<'_, T>, first: usize, out: &mut [T]) -> Result<()> {
        let width = self.values_per_feature() * space.x.n_cols();
        let channels = self.coefficients.channels() * space.x.n_cols();
        let arch = Arch::new();
        out.par_chunks_mut(ROWS * width).enumerate().for_each_init(
            || vec![T::ZERO; channels],
            |buffer, (block, rows)| {
                for (r, row) in rows.chunks_exact_mut(width).enumerate() {
                    arch.dispatch(
                        #[inline(always)]
                        || self.fill_row(space, first + block * ROWS + r, buffer),
                    );
                    self.reduce(buffer, row);
                }
            },
        );
        match out.iter().position(|v| !v.is_finite_()) {
            Some(at) => Err(Error::ProjectionOverflow { row: first + at / width }),
            None => Ok(()),
        }
    }

    /// All channels of one row.
    #[inline(always)]
    fn fill_row(&self, space: &Space<'_, T>, i: usize, out: &mut [T]) {
        match self.explicit.binary_search_by_key(&i, |(row, _)| *row) {
            Ok(at) => out.copy_from_slice(&self.explicit[at].1),
            Err(_) => self.coefficients.project_row(&space.x, i, out),
        }
        if let Some(&per_length) = space.per_length.get(i) {
            chain_through_length(out, space.x.row(i), per_length);
        }
        if let Some(start) = &space.start {
            self.add_start(start, i, out);
        }
    }

    /// Adds the start's share T_i J_0.
    fn add_start(&self, start: &Rows<T>, i: usize, out: &mut [T]) {
        let axes = start.n_rows();
        let Some(transfer) = self.transfer.chunks_exact(out.len() / start.n_cols() * axes).nth(i)
        else {
            return;
        };
        for (sums, by_axis) in out.chunks_exact_mut(start.n_cols()).zip(transfer.chunks_exact(axes))
        {
            for (c, &t) in by_axis.iter().enumerate() {
                sums.iter_mut().zip(start.row(c)).for_each(|(sum, &j)| *sum += t * j);
            }
        }
    }

    /// Channels to values: the length over the axes for the Jacobian's norm.
    fn reduce(&self, channels: &[T], row: &mut [T]) {
        if self.scalar != Scalar::JacobianNorm {
            return row.copy_from_slice(channels);
        }
        let d = row.len();
        for (at, value) in row.iter_mut().enumerate() {
            let square: T = channels[at..].iter().step_by(d).map(|&v| v * v).sum();
            *value = if square <= T::MAX { square.sqrt_() } else { scaled_length(channels, at, d) };
        }
    }
}

/// Length of every `d`-th value from `at`, whose squares overflow.
#[cold]
fn scaled_length<T: Real>(channels: &[T], at: usize, d: usize) -> T {
    let values = || channels[at..].iter().step_by(d);
    let largest = values().fold(T::ZERO, |m, v| m.max_(v.abs_()));
    let square: T = values().map(|&v| (v / largest) * (v / largest)).sum();
    largest * square.sqrt_()
}

/// (J − (J·x̂) x̂) / |x| for every channel.
#[inline(always)]
fn chain_through_length<T: Real>(out: &mut [T], unit: &[T], per_length: T) {
    for channel in out.chunks_exact_mut(unit.len()) {
        let along: T = channel.iter().zip(unit).map(|(&j, &u)| j * u).sum();
        for (j, &u) in channel.iter_mut().zip(unit) {
            *j = (*j - along * u) * per_length;
        }
    }
}

/// Rows of length 1 and the inverse lengths.
pub(crate) fn unit_rows<T: Real>(x: MatRef<'_, T>) -> Result<(Rows<T>, Vec<T>)> {
    let mut rows = Rows::copy_from(x);
    let mut per_length = Vec::with_capacity(rows.n_rows());
    for i in 0..rows.n_rows() {
        let row = rows.row_mut(i);
        let largest = row.iter().fold(0.0_f64, |m, v| m.max(v.to_f64().abs()));
        if largest == 0.0 {
            return Err(Error::ZeroRow { row: i });
        }
        // Scaled first: squares of extreme rows would overflow or vanish.
        let length =
            largest * row.iter().map(|v| (v.to_f64() / largest).powi(2)).sum::<f64>().sqrt();
        for v in row.iter_mut() {
            *v = T::from_f64(v.to_f64() / length);
        }
        per_length.push(T::from_f64(1.0 / length));
    }
    Ok((rows, per_length))
}
