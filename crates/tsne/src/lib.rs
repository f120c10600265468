//! t-SNE with feature attributions.
//!
//! [`TsneParams::fit`] goes from samples to a map; below it, [`Affinities`], [`Optimizer`] and the
//! [`repulsion`] methods can be used one by one, and a [`step::StepObserver`] follows every
//! update. Paper key: \[TG\] is *Towards computing attributions for dimensionality reduction
//! techniques*.
//!
//! # Departures
//!
//! - The update subtracts the true gradient 4 Σ_j (p_ij − q_ij) φ_ij. \[TG, eqs. 3 and 12\] print
//!   a plus sign, which with their φ_ij climbs; their code subtracts. Learning rates are for the
//!   gradient with its 4. Test: `golden_map`.
//! - The bandwidth search meets the entropy to 1e-12 nats on distances shifted by each row's
//!   minimum. The package of \[TG\] stops at 1e-5 and lets the exponentials underflow, which
//!   leaves rows of large distances with a wrong perplexity. Tests: `bandwidth`,
//!   `digit_affinities_match_the_peers`.
//! - A row in which more neighbours tie for the least distance than the perplexity asks for has
//!   uniform affinities over the ties, and β = 0. Test: `bandwidth`.
//! - A Barnes–Hut cell is as large as the diagonal of its points' box (scikit-learn: the side of
//!   the cell), seen from the nearest point of a group's box. Tests: `barnes_hut`.
//! - Cosine distances are Euclidean distances of rows scaled to length 1, so that attributions keep
//!   a linear form; others square 1 − cos.
//! - The divergence is reported for the affinities without exaggeration in every phase.
//! - A start from principal components carries noise of 1 % of its spread (openTSNE does the same),
//!   so that equal samples can part; `with_init_jitter(0.0)` turns it off.

pub mod affinity;
pub mod attribution;
mod bandwidth;
mod barnes_hut;
pub mod divergence;
mod error;
mod exact;
mod explained;
mod fit;
pub mod importance;
pub mod init;
#[cfg(all(debug_assertions, not(test)))]
mod instances;
mod lanes;
mod neighbours;
pub mod optimizer;
mod pairs;
mod params;
pub mod repulsion;
pub mod step;
pub mod summary;
mod transform;
mod update;

pub use affinity::{Affinities, Conditionals};
pub use barnes_hut::BarnesHut;
pub use divergence::Divergence;
pub use embex_trees::Metric;
pub use error::{Error, Result};
pub use exact::Exact;
pub use explained::{Explained, Sensitivity};
pub use fit::Tsne;
pub use neighbours::Recall;
pub use optimizer::{MapEvery, Optimizer, OptimizerState, Record, StopReason};
pub use params::{Init, LearningRate, Method, NeighbourSearch, Precision, TsneParams};
pub use transform::{TransformParams, Transformed};
