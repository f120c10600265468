//! What an occlusion finds, and what of it survives an interruption.

use embex_linalg::Rows;

use super::{FeatureSets, ImportanceParams};

/// How the searches of all rows and sets ended, in (row, set) pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SearchCounts {
    /// All searches.
    pub rows: u64,
    /// Those in which neither the neighbours nor their distances changed.
    pub unchanged: u64,
    /// Those in which a bound proved the list complete.
    pub proved: u64,
    /// Those that scanned all samples.
    pub scanned: u64,
    /// Those left with an unproved list; 0 unless candidates are widened.
    pub unproved: u64,
}

impl SearchCounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.unchanged += other.unchanged;
        self.proved += other.proved;
        self.scanned += other.scanned;
        self.unproved += other.unproved;
    }
}

/// What the choice of candidates cost, against a search of all samples.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CandidateEffect {
    /// How the searches ended.
    pub counts: SearchCounts,
    /// Sets on which both searches were run; empty for exact candidates.
    pub sampled_sets: Vec<usize>,
    /// Mean share of a row's true new neighbours that were found, over all rows of the sampled
    /// sets; 1 for exact candidates.
    pub recall: f64,
    /// Least such share of one row.
    pub recall_least: f64,
    /// Largest relative change of a sampled set's importance; 0 for exact candidates.
    pub change_largest: f64,
}

/// Importance of sets of features for a finished map.
///
/// The importance of a set is the rise of KL(P‖Q) when the set is put to its mean and P is made
/// anew while the map stays.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Importance {
    /// The sets, singles unless given.
    pub sets: FeatureSets,
    /// Rise of KL(P‖Q) in nats, per set; negative where the map suits the data better without.
    pub total: Vec<f64>,
    /// What of it is charged to each group: groups × sets, each column sums to its total;
    /// `None` without groups.
    pub per_group: Option<Rows<f64>>,
    /// What of it is charged to each point: n × sets; `None` unless asked for.
    pub per_point: Option<Rows<f32>>,
    /// KL(P‖Q) before any removal, Z over all pairs.
    pub divergence: f64,
    /// What the choice of candidates cost.
    pub effect: CandidateEffect,
    /// Settings.
    pub params: ImportanceParams,
    /// Version of this crate.
    pub version: String,
}

/// The finished sets of an occlusion: enough to go on after an interruption.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ImportanceState {
    /// Of the inputs and settings.
    pub(super) fingerprint: u64,
    /// Per finished set, in order.
    pub(super) total: Vec<f64>,
    /// Finished set × group.
    pub(super) per_group: Vec<f64>,
    /// Finished set × point.
    pub(super) per_point: Vec<f32>,
    pub(super) counts: SearchCounts,
}

impl ImportanceState {
    /// Sets finished.
    pub fn n_finished(&self) -> usize {
        self.total.len()
    }
}
