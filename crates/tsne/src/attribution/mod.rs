//! Attributions: which input features put a point where it is.
//!
//! Only the affinities depend on the inputs, so every derivative of a place y_i by its input x_i
//! is Σ_j w_ij (x_i − x_j): one weight per entry of P, whatever the number of features. The
//! recursions ([`Forward`], or the adjoint of a [`Trajectory`]) find the weights; features enter
//! once, at the end, in any space that shares the affinities.
//!
//! # Which derivative
//! Three choices, written `FORMULA[:DERIVATIVE][:BANDWIDTH]` ([`Mode`]). The restricted
//! derivative moves point i alone while the others follow the path that they took; it is what
//! \[TG\] defines, agrees with finite differences of that frozen system, and is *not* the gradient
//! of the map, in which all points respond. It is meaningful at the end of early exaggeration;
//! later it tends to the fixed point's value, which costs one pass instead of a run. A derivative
//! is a sensitivity, not an importance: across a gap that has emptied the affinities it is zero.
//!
//! # Departures
//! What \[TG\] prints or its authors' package (interpretable-tsne 0.0.4) does, and what happens here:
//! - *dP*. Eq. 25–27 use d_ji = −(x_j − x_i)/σ_j²; the derivative by x_i needs −(x_i − x_j)/σ_j².
//!   `corrected` has the right sign; `paper` the printed one; `published` the printed one at half
//!   size, because the package writes β for 2β. Pinned by `affinity_derivatives_*`.
//! - *Bandwidth*. The paper holds σ constant, and so do `paper` and `published`; `corrected`
//!   differentiates the perplexity constraint too, unless asked not to.
//! - *Update*. Eq. 6 prints the same symbol on both sides; eq. 16 is meant. Eq. 3 and 13 add the
//!   gradient; with the paper's φ it must be subtracted, and all formulas here do so. Eq. 16–17
//!   have the factor 4 but no learning rate, momentum or gain: so has `paper`, with P
//!   exaggerated as in the update it belongs to. `published` and `corrected` have all three.
//! - *Quirks of the package*: [`PublishedQuirks`], each with a switch and a test of its own.
//!   Its exact method's spurious self term is not reproduced, nor the float32 trap of its
//!   bandwidth search.
//! - *Clip*. The package clips each increment to ±1, which the paper does not mention; here it
//!   is off unless [`AttributeParams::clip`] asks for it.
//! - *Stability*. The recursion is an explicit integrator without the gains' feedback: it
//!   explodes where the map does not, certainly beyond learning rate · gain · 4 λ_max(A) =
//!   2 (1 + momentum), and below it where A changes. `corrected` caps each point's rates for the
//!   recursion alone, at a bound derived from its affinities (see the source of `rule`), and
//!   counts them ([`Diagnostics::limited`]); it never clips a value. At saddles it grows all the
//!   same: points far beyond the others are named ([`Attribution::unstable`]); one that leaves
//!   the range of numbers, under any formula, is set to zero, counted and named
//!   ([`Attribution::overflowed`]); the package's authors drop such values as NaN.
//! - *Start*. J of the start is 0 as in the paper, unless [`AttributeParams::init_jacobian`];
//!   the package uses unscaled loadings for a start that it scales to 1e-4.

mod adjoint;
mod clip;
mod coefficients;
mod dp;
mod fixed_point;
mod forward;
mod near;
mod panel;
mod params;
mod project;
mod result;
mod rows_of;
mod rule;
mod run;
mod small;

pub use adjoint::Trajectory;
pub use coefficients::{Coefficients, through_loadings};
pub use fixed_point::stability;
pub use forward::Forward;
pub use params::{AttributeParams, Bandwidth, Derivative, Formula, Mode, PublishedQuirks, Scalar};
pub use result::{Attribution, Diagnostics};
pub use run::{Attributed, Attributor, Finished, LARGEST_RECORD};

#[cfg(test)]
mod tests;
