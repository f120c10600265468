//! From samples to a map in one call.

use embex_linalg::faer::MatRef;
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Progress, Real, Rows, check};

use crate::divergence::{Divergence, points};
use crate::optimizer::{Optimizer, Record, StopReason};
use crate::{Affinities, Conditionals, Error, Init, Precision, Recall, Result, TsneParams, init};

/// A map and how it came about.
///
/// How firmly the map holds each point comes with attributions ([`TsneParams::attribute`]), or from
/// [`crate::attribution::stability`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Tsne {
    /// The map, n × `n_components`.
    pub embedding: Rows<f64>,
    /// Its divergence from the affinities; Z over all pairs or by the tree, as the method was.
    pub divergence: Divergence,
    /// Divergences along the way.
    pub history: Vec<Record>,
    /// Updates made.
    pub n_iter: usize,
    /// Why the run ended.
    pub stopped: StopReason,
    /// Samples whose ties no bandwidth can tell apart; see [`crate::Conditionals::new`].
    pub n_tied_rows: usize,
    /// How many of the true neighbours an approximate search found; `None` if it was exact, or if
    /// neighbours or affinities were given.
    pub recall: Option<Recall>,
    /// Settings, the seed among them.
    pub params: TsneParams,
    /// Version of this crate.
    pub version: String,
}

impl TsneParams {
    /// The joint affinities of the rows of `x` (n × d) under these settings.
    ///
    /// # Errors
    /// [`Error::Perplexity`], [`Error::NeighbourCount`], [`Error::ZeroRow`] (cosine),
    /// [`Error::Input`] if `x` is empty or not finite or the observer cancelled,
    /// [`Error::Neighbours`] if distances leave the range of numbers.
    pub fn affinities<U: Real>(
        &self,
        x: MatRef<'_, U>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Affinities> {
        self.check()?;
        check::finite(x)?;
        let k = self.neighbour_count(x.nrows())?;
        let found = self.neighbours(x, k, progress, budget)?;
        let affinities = Affinities::from_neighbours(found.neighbours, self.perplexity)?;
        Ok(Affinities { recall: found.recall, ..affinities })
    }

    /// The map that a run on the rows of `x` starts from, as [`Self::init`] says.
    ///
    /// # Errors
    /// As [`init::pca`].
    pub fn start<U: Real, T: Real, const C: usize>(
        &self,
        x: MatRef<'_, U>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<[T; C]>> {
        match self.init {
            Init::Pca => init::pca(x, self.init_jitter, self.seed, progress),
            Init::Random => Ok(init::random(x.nrows(), self.seed)),
        }
    }

    /// A map of the rows of `x` (n × d).
    ///
    /// # Errors
    /// As [`Self::affinities`] and [`Optimizer::run`].
    ///
    /// # Cost
    /// Neighbours n² d (in matrix products), then `n_iter` updates of n k + n log n terms.
    ///
    /// # Example
    /// ```
    /// use embex_linalg::faer::Mat;
    /// use embex_tsne::TsneParams;
    /// let x = Mat::from_fn(60, 3, |i, d| ((i * 7 + d) % 13) as f64 + 40.0 * ((i % 2) as f64));
    /// let map = TsneParams::default().with_perplexity(8.0).with_n_iter(300).fit(x.as_ref())?;
    /// assert_eq!(map.embedding.as_mat().shape(), (60, 2));
    /// assert!(map.divergence.kl() < 1.0);
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn fit<U: Real>(&self, x: MatRef<'_, U>) -> Result<Tsne> {
        self.fit_with(x, &mut Silent, MemoryBudget::default())
    }

    /// [`Self::fit`] under an observer (phases "neighbours", "pca", "optimise") and a memory
    /// budget for the neighbour search.
    ///
    /// # Errors
    /// As [`Self::fit`]; [`embex_linalg::Error::Cancelled`].
    pub fn fit_with<U: Real>(
        &self,
        x: MatRef<'_, U>,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Tsne> {
        let affinities = self.affinities(x, progress, budget)?;
        let start = match self.n_components {
            1 => self.start::<U, f64, 1>(x, progress)?.concat(),
            2 => self.start::<U, f64, 2>(x, progress)?.concat(),
            _ => self.start::<U, f64, 3>(x, progress)?.concat(),
        };
        let start = MatRef::from_row_major_slice(&start, x.nrows(), self.n_components);
        self.fit_affinities(&affinities, start, progress)
    }

    /// A map of given affinities that starts at `start` (n × `n_components`).
    ///
    /// # Errors
    /// [`Error::InitShape`]; as [`Optimizer::run`].
    ///
    /// # Example
    /// ```
    /// use embex_linalg::{faer::mat, progress::Silent};
    /// use embex_tsne::{Affinities, TsneParams};
    /// let p = vec![0.3, 0.1, 0.3, 0.1, 0.1, 0.1];
    /// let p = Affinities::from_joint(vec![0, 2, 4, 6], vec![1, 2, 0, 2, 0, 1], p)?;
    /// let start = mat![[0.0, 0.1], [0.2, 0.0], [0.0, -0.1_f64]];
    /// let params = TsneParams::default().with_exaggeration_iter(0);
    /// let map = params.fit_affinities(&p, start.as_ref(), &mut Silent)?;
    /// assert!(map.divergence.kl() < 0.1);
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn fit_affinities(
        &self,
        affinities: &Affinities,
        start: MatRef<'_, f64>,
        progress: &mut dyn Progress,
    ) -> Result<Tsne> {
        self.check()?;
        match self.n_components {
            1 => self.fit_from::<1>(affinities, start, progress),
            2 => self.fit_from::<2>(affinities, start, progress),
            _ => self.fit_from::<3>(affinities, start, progress),
        }
    }

    fn fit_from<const C: usize>(
        &self,
        affinities: &Affinities,
        start: MatRef<'_, f64>,
        progress: &mut dyn Progress,
    ) -> Result<Tsne> {
        let n = affinities.n_samples();
        match self.precision {
            Precision::Single => self.finish(affinities, points::<f32, C>(start, n)?, progress),
            Precision::Double => self.finish(affinities, points::<f64, C>(start, n)?, progress),
        }
    }

    fn finish<T: Real, const C: usize>(
        &self,
        affinities: &Affinities,
        start: Vec<[T; C]>,
        progress: &mut dyn Progress,
    ) -> Result<Tsne> {
        let mut run = Optimizer::new(affinities, self, start)?;
        run.run(&mut [], progress)?;
        run.into_map()
    }
}

impl<T: Real, const C: usize> Optimizer<'_, T, C> {
    /// The finished map with its divergence and history.
    ///
    /// # Errors
    /// [`Error::Unfinished`] unless a stop rule holds.
    pub fn into_map(mut self) -> Result<Tsne> {
        let iteration = self.iteration();
        let stopped = self.stop_reason().ok_or(Error::Unfinished { iteration })?;
        let divergence = self.divergence();
        let flat = self.y().iter().flatten().map(|v| v.to_f64()).collect();
        let shape = embex_linalg::Error::LengthMismatch { what: "map", got: 0, expected: C };
        Ok(Tsne {
            embedding: Rows::from_vec(flat, C).ok_or(shape)?,
            divergence,
            history: self.history().to_vec(),
            n_iter: iteration,
            stopped,
            n_tied_rows: self.affinities().conditionals().map_or(0, Conditionals::n_tied_rows),
            recall: self.affinities().recall(),
            params: self.params().clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}
