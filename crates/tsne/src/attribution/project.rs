//! From coefficients to values per feature.

use std::sync::atomic::{AtomicBool, Ordering};

use embex_linalg::faer::MatRef;
use embex_linalg::{MemoryBudget, Real, Rows};

use super::panel::{Panel, Panels, PerRow, TILE, Tile, cut};
use super::params::Scalar;
use super::result::Attribution;
use super::rows_of::RowsOf;
use crate::{Error, Metric, Result};

/// Rows in a block of [`Attribution::project_blocks`]; any value gives the same bits.
const ROWS: usize = 32;

/// Most channels there are: the axes.
const CHANNELS: usize = 3;

/// A feature space, ready to be projected into.
struct Space<'a, T> {
    /// Rows whose differences count: unit rows for the cosine metric.
    x: Panels<'a, T>,
    /// 1 / |x_i| for the cosine metric, else empty.
    per_length: Vec<T>,
    /// Derivative of the start by a row: C × D.
    start: Option<Rows<T>>,
}

/// The way of one attribution into one feature space, for the rows from `first` on.
struct Way<'a, T> {
    attribution: &'a Attribution<T>,
    space: &'a Space<'a, T>,
    first: usize,
    /// J_i·x̂_i per row and channel for the cosine metric, else empty.
    along: Vec<T>,
    /// Set if a value is not finite.
    overflowed: &'a AtomicBool,
}

/// Adds up J_i·x̂_i, panel by panel.
struct Along<'a, T>(&'a Attribution<T>);

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
    /// One multiply-add per entry of P, channel and feature, twice that for the cosine metric; no
    /// memory beyond the output but 256 columns of the features, and a copy of the features unless
    /// they are row-major and Euclidean.
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
        let x = Panels::new(x, self.coefficients.layout());
        Ok(Space { x, per_length, start: start.map(Rows::copy_from) })
    }

    /// Values of the rows from `first` that `out` holds.
    fn fill(&self, space: &Space<'_, T>, first: usize, out: &mut [T]) -> Result<()> {
        let (n_cols, channels) = (space.x.n_cols(), self.coefficients.channels());
        let width = self.values_per_feature() * n_cols;
        let mut along = Vec::new();
        if !space.per_length.is_empty() {
            along = vec![T::ZERO; out.len() / width * channels];
            space.x.show(first, (&mut along, channels), &Along(self));
        }
        let overflowed = AtomicBool::new(false);
        let way = Way { attribution: self, space, first, along, overflowed: &overflowed };
        space.x.show(first, (out, width), &way);
        if !overflowed.into_inner() {
            return Ok(());
        }
        let at = out.iter().position(|v| !v.is_finite_()).unwrap_or(0);
        Err(Error::ProjectionOverflow { row: first + at / width })
    }

    /// A panel of one row and channel, before any chain.
    #[inline(always)]
    fn tile(&self, panel: &Panel<'_, T>, i: usize, channel: usize) -> Tile<T> {
        match self.explicit.binary_search_by_key(&i, |(row, _)| *row) {
            Ok(at) => {
                let values = &self.explicit[at].1;
                let n_cols = values.len() / self.coefficients.channels();
                cut(&values[channel * n_cols..(channel + 1) * n_cols], panel.first)
            }
            Err(_) => self.coefficients.project_tile(panel, i, channel),
        }
    }
}

impl<T: Real> PerRow<T> for Along<'_, T> {
    #[inline(always)]
    fn take(&self, panel: &Panel<'_, T>, i: usize, out: &mut [T]) {
        let unit = panel.line(i);
        for (channel, sum) in out.iter_mut().enumerate() {
            let tile = self.0.tile(panel, i, channel);
            for l in 0..TILE {
                *sum = tile[l].mul_add_(unit[l], *sum);
            }
        }
    }
}

impl<T: Real> PerRow<T> for Way<'_, T> {
    #[inline(always)]
    fn take(&self, panel: &Panel<'_, T>, i: usize, out: &mut [T]) {
        let channels = self.attribution.coefficients.channels();
        let mut tiles = [[T::ZERO; TILE]; CHANNELS];
        for (channel, tile) in tiles[..channels].iter_mut().enumerate() {
            *tile = self.attribution.tile(panel, i, channel);
            if let Some(&per_length) = self.space.per_length.get(i) {
                let along = self.along[(i - self.first) * channels + channel];
                chain_through_length(tile, &panel.line(i), along, per_length);
            }
            if let Some(start) = &self.space.start {
                self.attribution.add_start(start, panel, i, channel, tile);
            }
        }
        if self.attribution.scalar == Scalar::JacobianNorm {
            tiles[0] = lengths(&tiles);
        }
        for (tile, values) in tiles.iter().zip(out.chunks_exact_mut(self.space.x.n_cols())) {
            let values = &mut values[panel.columns()];
            values.copy_from_slice(&tile[..values.len()]);
            if !tile.iter().fold(true, |ok, v| ok & v.is_finite_()) {
                self.overflowed.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl<T: Real> Attribution<T> {
    /// Adds the start's share T_i J_0 to a panel of one channel.
    ///
    /// Apart, as [`chain_through_length`]: beside them LLVM cuts the vectors of the sums in pieces.
    #[inline(never)]
    fn add_start(
        &self,
        start: &Rows<T>,
        panel: &Panel<'_, T>,
        i: usize,
        channel: usize,
        tile: &mut Tile<T>,
    ) {
        let axes = start.n_rows();
        let at = (i * self.coefficients.channels() + channel) * axes;
        let Some(transfer) = self.transfer.get(at..at + axes) else { return };
        for (c, &t) in transfer.iter().enumerate() {
            let jacobian = cut(start.row(c), panel.first);
            for l in 0..TILE {
                tile[l] = t.mul_add_(jacobian[l], tile[l]);
            }
        }
    }
}

/// Lengths over the channels; those not in use are zero.
#[inline(always)]
fn lengths<T: Real>(tiles: &[Tile<T>; CHANNELS]) -> Tile<T> {
    let mut squares = [T::ZERO; TILE];
    for tile in tiles {
        for l in 0..TILE {
            squares[l] = tile[l].mul_add_(tile[l], squares[l]);
        }
    }
    let mut out = [T::ZERO; TILE];
    for l in 0..TILE {
        out[l] = squares[l].sqrt_();
    }
    if squares.iter().any(|&s| !s.is_finite_()) {
        out = std::array::from_fn(|l| scaled_length(tiles.map(|tile| tile[l])));
    }
    out
}

/// Length of values whose squares overflow.
#[cold]
fn scaled_length<T: Real>(values: [T; CHANNELS]) -> T {
    let largest = values.iter().fold(T::ZERO, |m, v| m.max_(v.abs_()));
    if largest == T::ZERO {
        return largest;
    }
    let square: T = values.iter().map(|&v| (v / largest) * (v / largest)).sum();
    largest * square.sqrt_()
}

/// (J − (J·x̂) x̂) / |x|.
#[inline(never)]
fn chain_through_length<T: Real>(tile: &mut Tile<T>, unit: &Tile<T>, along: T, per_length: T) {
    for l in 0..TILE {
        tile[l] = (-along).mul_add_(unit[l], tile[l]) * per_length;
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
