//! Groups of samples, and what features mean to them.
//!
//! [`FeatureSummary`] is the table; [`GroupMeans`] and [`TopFeatures`] take attributions in
//! blocks of rows; [`Saturation`] says between which groups derivatives are blind. One point whose
//! recursion ran away would drown the mean of its group: [`GroupMeans::without`] leaves out what
//! [`crate::attribution::Attribution::unusable`] names, and [`Means`] counts it.

mod contrast;
mod groups;
mod lengths;
mod means;
mod ranking;
mod saturation;
mod table;

#[cfg(test)]
mod tests;

pub use contrast::Contrast;
pub use groups::Groups;
pub use lengths::axis_lengths;
pub use means::{GroupMeans, Means};
pub use ranking::{Order, TopFeatures};
pub use saturation::Saturation;
pub use table::{FeatureSummary, Measure};
