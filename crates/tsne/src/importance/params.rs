//! Settings of the occlusion.

use embex_linalg::Error::Setting;

use crate::{Error, Metric, Result, TsneParams};

/// Among which samples the new neighbours are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Candidates {
    /// All samples: a row's list of near samples where a bound proves that it is enough, a
    /// scan of all samples where it does not.
    #[default]
    Exact,
    /// Only the nearest `factor` · k samples before the removal.
    ///
    /// Blind to points across a gap that the removal closes, so importance saturates as
    /// derivatives do. [`super::CandidateEffect`] has the measured loss.
    Widened {
        /// Length of the lists in units of the neighbour count, at least 1.
        factor: f64,
    },
}

/// Settings of the occlusion.
///
/// # Example
/// ```
/// use embex_tsne::importance::{Candidates, ImportanceParams};
/// let params = ImportanceParams::default().with_perplexity(20.0);
/// assert_eq!(params.candidates, Candidates::Exact);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ImportanceParams {
    /// Effective number of neighbours, that of the map.
    pub perplexity: f64,
    /// Neighbours per sample, those of the map; `None` is min(n − 1, ⌊3 · perplexity⌋ + 1).
    pub n_neighbours: Option<usize>,
    /// Among which samples the new neighbours are searched.
    pub candidates: Candidates,
    /// Whether to keep the charges of every point, n × sets in `f32`.
    pub per_point: bool,
    /// Seed of the sample on which widened candidates are measured.
    pub seed: u64,
}

impl Default for ImportanceParams {
    /// Perplexity 30 as in [`TsneParams`], exact candidates, charges of points kept.
    fn default() -> Self {
        Self {
            perplexity: 30.0,
            n_neighbours: None,
            candidates: Candidates::Exact,
            per_point: true,
            seed: 0,
        }
    }
}

impl ImportanceParams {
    /// Perplexity, neighbours and seed of a map.
    ///
    /// # Errors
    /// [`Error::EuclideanOnly`] if the map was made by cosine: removing a feature changes
    /// every row's length, so its distances do not change by a term of low rank.
    pub fn for_map(map: &TsneParams) -> Result<Self> {
        if map.metric != Metric::Euclidean {
            return Err(Error::EuclideanOnly);
        }
        let params = Self { perplexity: map.perplexity, seed: map.seed, ..Self::default() };
        Ok(params.with_n_neighbours(map.n_neighbours))
    }

    embex_linalg::setters! {
        with_perplexity perplexity: f64,
        with_n_neighbours n_neighbours: Option<usize>,
        with_candidates candidates: Candidates,
        with_per_point per_point: bool,
        with_seed seed: u64,
    }

    /// Neighbours per sample among `n_samples`, after a check of all settings.
    pub(super) fn neighbour_count(&self, n_samples: usize) -> Result<usize> {
        if let Candidates::Widened { factor } = self.candidates
            && !(factor >= 1.0 && factor.is_finite())
        {
            let expected = "finite, at least 1";
            return Err(Setting { name: "factor", value: factor, expected }.into());
        }
        TsneParams::default()
            .with_perplexity(self.perplexity)
            .with_n_neighbours(self.n_neighbours)
            .neighbour_count(n_samples)
    }
}
