//! How good attributions are, whoever made them and whatever embedded the data.
//!
//! Attributions are a matrix of scores, samples × features; the embedding, where one is needed,
//! is a closure that takes all n samples (rows in their order) and gives n rows back. So a fitted
//! map that takes new points will do, and so will one that is made anew from what it is given.
//!
//! | question | answer |
//! |---|---|
//! | does the map change if the first features are spoilt? | [`CorruptionTest`], from [`Ranking`] and [`corrupt`] |
//! | how early along the ranking does a point move? | [`deletion_curve`], [`insertion_curve`], [`latent_shift`] |
//! | do the scores predict what a perturbation does? | [`infidelity`], [`completeness_gap`] |
//! | do the scores change when the sample hardly does? | [`max_sensitivity`] |
//! | on how few features do the scores lie? | [`concentration`] |
//! | do two sets of scores agree? | [`agreement`], [`kendall_tau_b`], [`rank_biased_overlap`] |
//! | do the scores depend on the data and not on the seed? | [`randomisation_check`] |
//!
//! None of them knows the truth. Corruption and deletion reward features that carry variance,
//! whether or not they shape the structure that is asked about; sparse scores may be wrong, and
//! stable ones too. Read them together, beside random features and the plain scores of
//! [`crate::features`].

mod agreement;
mod completeness;
mod concentration;
mod corruption;
mod curves;
mod infidelity;
mod motion;
mod per_sample;
mod randomisation;
mod ranking;
mod sensitivity;
mod summary;

pub use agreement::{
    Agreement, AgreementParams, agreement, kendall_tau_b, rank_biased_overlap, top_k_jaccard,
    top_k_overlap,
};
pub use completeness::{Completeness, completeness_gap};
pub use concentration::{Concentration, complexity, concentration, effective_features, sparseness};
pub use corruption::{Corruption, corrupt, n_features_of_share};
pub use curves::{Candidate, Cell, CorruptionParams, CorruptionTest, Measure, Record, Source};
pub use infidelity::{DrawPerturbation, Infidelity, InfidelityParams, Perturbation, infidelity};
pub use motion::{
    Baseline, MotionCurve, MotionParams, deletion_curve, insertion_curve, latent_shift,
};
pub use per_sample::PerSample;
pub use randomisation::{
    FeatureAgreement, Randomisation, RandomisationParams, permute_columns, randomisation_check,
};
pub use ranking::{Order, Ranking, Scope, times_value};
pub use sensitivity::{MaxSensitivity, SensitivityParams, max_sensitivity};
pub use summary::{CurvePoint, mean_by_share, mean_over_shares};
