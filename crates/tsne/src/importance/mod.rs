//! Importance by occlusion: what a feature is worth to a finished map.
//!
//! A derivative asks what an infinitesimal change of a feature would do. Where a feature has
//! separated groups completely, the affinities across the gap have vanished and every
//! derivative is blind to it. Occlusion asks instead how badly the finished map would fit the
//! data without the feature; [`Occlusion`] has the definition.
//!
//! # Search
//! The new neighbours of a row are looked for in a list of its nearest samples before the
//! removal. The k-th nearest of the list after the change bounds the distance of all new
//! neighbours, and the triangle inequality bounds how near a sample beyond the list can have
//! come; where the bounds do not meet, all samples are scanned. So the default search is
//! exact, and on data in which one feature seldom moves a distance far it costs little more
//! than reading the lists.

mod batch;
mod change;
mod charge;
mod effect;
mod fingerprint;
mod kl_gradient;
mod lists;
mod params;
mod result;
mod run;
mod search;
mod sets;
mod space;

#[cfg(test)]
mod tests;

pub use kl_gradient::kl_gradient;
pub use params::{Candidates, ImportanceParams};
pub use result::{CandidateEffect, Importance, ImportanceState, SearchCounts};
pub use run::Occlusion;
pub use sets::FeatureSets;
pub use space::FeatureSpace;
