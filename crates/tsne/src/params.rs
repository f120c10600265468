//! Settings of a map.

use embex_linalg::Error::Setting;
use embex_trees::Metric;

use crate::{Error, Result};

/// How the repulsive forces are summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Method {
    /// [`Method::Exact`] up to [`TsneParams::AUTO_EXACT`] samples, [`Method::BarnesHut`] above.
    #[default]
    Auto,
    /// Over all pairs, n² terms a step.
    Exact,
    /// Far cells of a tree stand for their points, n log n terms a step.
    BarnesHut,
}

/// How the neighbours of the affinities are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum NeighbourSearch {
    /// All of them, n² d multiply-adds: see [`embex_trees::KnnParams::search`].
    #[default]
    Exact,
    /// Most of them, for very many rows, by nearest-neighbour descent from [`TsneParams::seed`];
    /// up to 4096 distinct rows are searched exactly. [`crate::Affinities::recall`] says how many
    /// were found, measured on 1000 rows. Needs the feature `approx`.
    Approximate,
}

/// Where the map starts, unless an initial map is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Init {
    /// Principal component scores, scaled so that the first has standard deviation 1e-4.
    #[default]
    Pca,
    /// Independent normal numbers with standard deviation 1e-4.
    Random,
}

/// Factor on the gradient of the divergence, with its 4.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum LearningRate {
    /// max(n / (4 · exaggeration), 50), as in scikit-learn.
    ///
    /// With exaggeration 12 the floor rules up to 2400 samples. At 50 to 400 it is beyond the map's
    /// own comfortable step, and gains alone keep the run together: against n / 48 the KL ended
    /// higher by 0.02 to 0.05 on normal noise (0.5 to 1.4), 0.00 to 0.03 on subsets of digits
    /// (0.24 to 0.45) and 0.00 to 0.01 on clusters, but lower by 0.006 on 1000 digits
    /// (scikit-learn, 1000 updates, means of 3 to 8 seeds).
    #[default]
    Auto,
    /// This value; a quarter of the number used where the gradient lacks the 4.
    Fixed(f64),
}

/// Number type of the map, its forces and its gains; affinities are always `f64`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Precision {
    /// `f32`; sums across samples in `f64`.
    #[default]
    Single,
    /// `f64`.
    Double,
}

/// Settings of t-SNE; [`Self::published`] gives those of \[TG\].
///
/// The update is v ← momentum · v − learning rate · gain ∘ ∇KL, y ← y + v, with the true
/// gradient ∇KL = 4 Σ_j (e p_ij − q_ij) φ_ij, in up to three phases: `exaggeration_iter` updates
/// with e = `exaggeration` and `momentum_early`, then e = 1 with `momentum`, and for the last
/// `late_exaggeration_iter` updates e = `late_exaggeration`.
///
/// # Example
/// ```
/// use embex_tsne::{LearningRate, TsneParams};
/// let params = TsneParams::default().with_perplexity(20.0).with_seed(7);
/// assert_eq!(params.exaggeration, 12.0);
/// assert_eq!(TsneParams::published().learning_rate, LearningRate::Fixed(500.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TsneParams {
    /// Effective number of neighbours; at least 1, and 3 · perplexity ≤ n − 1.
    pub perplexity: f64,
    /// Neighbours per sample; `None` is min(n − 1, ⌊3 · perplexity⌋ + 1).
    pub n_neighbours: Option<usize>,
    /// How neighbours are found.
    pub neighbour_search: NeighbourSearch,
    /// How distances between samples are measured.
    pub metric: Metric,
    /// Columns of the map, 1 to 3.
    pub n_components: usize,
    /// How repulsive forces are summed.
    pub method: Method,
    /// Barnes–Hut: a cell of diagonal s at distance r is far if s < angle · r; 0 to 1.
    pub angle: f64,
    /// Where the map starts.
    pub init: Init,
    /// Noise added to a principal component start, relative to its standard deviation 1e-4, so
    /// that equal samples and missing directions can part; at least 0.
    pub init_jitter: f64,
    /// Factor on the gradient.
    pub learning_rate: LearningRate,
    /// Updates in all.
    pub n_iter: usize,
    /// Factor on the affinities in the first phase; at least 1.
    pub exaggeration: f64,
    /// Updates of the first phase.
    pub exaggeration_iter: usize,
    /// Factor on the affinities in the last phase; at least 1.
    pub late_exaggeration: f64,
    /// Updates of the last phase; 0 means none.
    pub late_exaggeration_iter: usize,
    /// Momentum of the first phase, 0 to 1 (exclusive).
    pub momentum_early: f64,
    /// Momentum of the other phases, 0 to 1 (exclusive).
    pub momentum: f64,
    /// Whether each coordinate's step adapts: + 0.2 while its gradient and velocity disagree in
    /// sign (the move goes on), × 0.8 otherwise.
    pub gains: bool,
    /// Least gain, above 0.
    pub min_gain: f64,
    /// Whether velocities become 0 and gains 1 when a phase begins.
    pub reset_between_phases: bool,
    /// Updates without a lower divergence, after the first phase, that end the run.
    ///
    /// No stop rule ends a run that has a late phase, whose exaggeration raises the divergence, or
    /// one whose observers still wait for a step.
    pub n_iter_without_progress: usize,
    /// Euclidean norm of the whole gradient that ends the run.
    pub min_grad_norm: f64,
    /// Updates between two records of the divergence, at least 1.
    pub kl_every: usize,
    /// Number type of the map.
    pub precision: Precision,
    /// Seed of the initial map and of an approximate search; the only source of randomness.
    pub seed: u64,
}

impl Default for TsneParams {
    /// Perplexity, angle, momenta, gains, iterations, stop rules and learning rate are
    /// scikit-learn's; the start is openTSNE's.
    fn default() -> Self {
        Self {
            perplexity: 30.0,
            n_neighbours: None,
            neighbour_search: NeighbourSearch::Exact,
            metric: Metric::Euclidean,
            n_components: 2,
            method: Method::Auto,
            angle: 0.5,
            init: Init::Pca,
            init_jitter: 0.01,
            learning_rate: LearningRate::Auto,
            n_iter: 1000,
            exaggeration: 12.0,
            exaggeration_iter: 250,
            late_exaggeration: 1.0,
            late_exaggeration_iter: 0,
            momentum_early: 0.5,
            momentum: 0.8,
            gains: true,
            min_gain: 0.01,
            reset_between_phases: true,
            n_iter_without_progress: 300,
            min_grad_norm: 1e-7,
            kl_every: 50,
            precision: Precision::Single,
            seed: 0,
        }
    }
}

impl TsneParams {
    /// Most samples for which [`Method::Auto`] sums over all pairs.
    ///
    /// Below this the exact sum is about as fast as the tree.
    pub const AUTO_EXACT: usize = 1000;

    /// Settings of \[TG, "Gradient Computation Details"\]: random start, exaggeration 4,
    /// learning rate 500; the rest are the defaults of its authors' package.
    pub fn published() -> Self {
        Self {
            method: Method::BarnesHut,
            init: Init::Random,
            exaggeration: 4.0,
            learning_rate: LearningRate::Fixed(500.0),
            ..Self::default()
        }
    }

    embex_linalg::setters! {
        with_perplexity perplexity: f64,
        with_n_neighbours n_neighbours: Option<usize>,
        with_neighbour_search neighbour_search: NeighbourSearch,
        with_metric metric: Metric,
        with_n_components n_components: usize,
        with_method method: Method,
        with_angle angle: f64,
        with_init init: Init,
        with_init_jitter init_jitter: f64,
        with_learning_rate learning_rate: LearningRate,
        with_n_iter n_iter: usize,
        with_exaggeration exaggeration: f64,
        with_exaggeration_iter exaggeration_iter: usize,
        with_late_exaggeration late_exaggeration: f64,
        with_late_exaggeration_iter late_exaggeration_iter: usize,
        with_momentum_early momentum_early: f64,
        with_momentum momentum: f64,
        with_gains gains: bool,
        with_min_gain min_gain: f64,
        with_reset_between_phases reset_between_phases: bool,
        with_n_iter_without_progress n_iter_without_progress: usize,
        with_min_grad_norm min_grad_norm: f64,
        with_kl_every kl_every: usize,
        with_precision precision: Precision,
        with_seed seed: u64,
    }

    /// Neighbours per sample among `n_samples`: [`Self::n_neighbours`] or its default.
    ///
    /// # Errors
    /// [`Error::Perplexity`], [`Error::NeighbourCount`].
    pub fn neighbour_count(&self, n_samples: usize) -> Result<usize> {
        let perplexity = self.perplexity;
        let others = n_samples.saturating_sub(1);
        let fits = perplexity >= 1.0 && 3.0 * perplexity <= others as f64; // false for NaN
        if !fits {
            return Err(Error::Perplexity { perplexity, n_samples });
        }
        let k = self.n_neighbours.unwrap_or_else(|| others.min((3.0 * perplexity) as usize + 1));
        if k > others || k as f64 <= perplexity {
            return Err(Error::NeighbourCount { k, n_samples, perplexity });
        }
        Ok(k)
    }

    /// The learning rate for `n_samples`.
    pub fn learning_rate_for(&self, n_samples: usize) -> f64 {
        match self.learning_rate {
            LearningRate::Auto => (n_samples as f64 / (4.0 * self.exaggeration)).max(50.0),
            LearningRate::Fixed(rate) => rate,
        }
    }

    /// The method for `n_samples`: never [`Method::Auto`].
    pub fn method_for(&self, n_samples: usize) -> Method {
        match self.method {
            Method::Auto if n_samples <= Self::AUTO_EXACT => Method::Exact,
            Method::Auto => Method::BarnesHut,
            method => method,
        }
    }

    /// Accepts settings whose every field lies in its range.
    ///
    /// # Errors
    /// [`embex_linalg::Error::Setting`], as [`Error::Input`]; [`Error::NoApproximateSearch`].
    pub fn check(&self) -> Result<()> {
        if self.neighbour_search == NeighbourSearch::Approximate && cfg!(not(feature = "approx")) {
            return Err(Error::NoApproximateSearch);
        }
        let rate = self.learning_rate_for(1);
        let ranges = [
            ("n_components", self.n_components as f64, "1, 2 or 3", within(1.0, 3.0)),
            ("perplexity", self.perplexity, "finite, at least 1", within(1.0, f64::MAX)),
            ("angle", self.angle, "between 0 and 1", within(0.0, 1.0)),
            ("init_jitter", self.init_jitter, "finite, at least 0", within(0.0, f64::MAX)),
            ("exaggeration", self.exaggeration, "finite, at least 1", within(1.0, f64::MAX)),
            ("learning_rate", rate, "finite, above 0", within(f64::MIN_POSITIVE, f64::MAX)),
            (
                "late_exaggeration",
                self.late_exaggeration,
                "finite, at least 1",
                within(1.0, f64::MAX),
            ),
            ("momentum_early", self.momentum_early, "in [0, 1)", within(0.0, BELOW_ONE)),
            ("momentum", self.momentum, "in [0, 1)", within(0.0, BELOW_ONE)),
            ("min_gain", self.min_gain, "in (0, 1]", within(f64::MIN_POSITIVE, 1.0)),
            ("min_grad_norm", self.min_grad_norm, "finite, at least 0", within(0.0, f64::MAX)),
            ("kl_every", self.kl_every as f64, "at least 1", within(1.0, f64::MAX)),
        ];
        for (name, value, expected, (least, most)) in ranges {
            if !(value >= least && value <= most) {
                return Err(Setting { name, value, expected }.into());
            }
        }
        Ok(())
    }
}

/// Largest number below 1.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

const fn within(least: f64, most: f64) -> (f64, f64) {
    (least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_scikit_learn_and_opentsne() {
        let p = TsneParams::default();
        // scikit-learn 1.9 TSNE and its _gradient_descent.
        assert_eq!((p.perplexity, p.exaggeration, p.angle), (30.0, 12.0, 0.5));
        assert_eq!((p.n_iter, p.exaggeration_iter), (1000, 250));
        assert_eq!((p.momentum_early, p.momentum, p.min_gain), (0.5, 0.8, 0.01));
        assert_eq!((p.n_iter_without_progress, p.min_grad_norm), (300, 1e-7));
        assert_eq!(p.learning_rate_for(1797), 50.0);
        assert_eq!(p.learning_rate_for(48_000), 1000.0);
        // ⌊3 · 30⌋ + 1 neighbours.
        assert_eq!(p.neighbour_count(1797), Ok(91));
        assert_eq!(p.neighbour_count(91), Ok(90));
        assert!(p.check().is_ok());
    }

    #[test]
    fn published_settings_are_those_of_the_paper() {
        let p = TsneParams::published();
        assert_eq!((p.exaggeration, p.exaggeration_iter, p.init), (4.0, 250, Init::Random));
        assert_eq!((p.perplexity, p.angle), (30.0, 0.5));
        assert_eq!(p.learning_rate, LearningRate::Fixed(500.0));
        assert!(p.check().is_ok());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let bad = [
            ("angle", TsneParams::default().with_angle(f64::NAN)),
            ("n_components", TsneParams::default().with_n_components(4)),
            ("momentum", TsneParams::default().with_momentum(1.0)),
            ("learning_rate", TsneParams::default().with_learning_rate(LearningRate::Fixed(0.0))),
            ("kl_every", TsneParams::default().with_kl_every(0)),
            ("exaggeration", TsneParams::default().with_exaggeration(0.5)),
        ];
        for (field, params) in bad {
            match params.check() {
                Err(Error::Input(Setting { name, .. })) => assert_eq!(name, field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn neighbour_counts_must_carry_the_perplexity() {
        let p = TsneParams::default();
        assert_eq!(
            p.neighbour_count(90),
            Err(Error::Perplexity { perplexity: 30.0, n_samples: 90 })
        );
        let few = p.clone().with_n_neighbours(Some(30));
        let error = Error::NeighbourCount { k: 30, n_samples: 500, perplexity: 30.0 };
        assert_eq!(few.neighbour_count(500), Err(error));
        assert!(p.clone().with_perplexity(0.5).neighbour_count(500).is_err());
        assert!(p.with_perplexity(f64::NAN).neighbour_count(500).is_err());
    }
}
