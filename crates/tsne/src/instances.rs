//! The entry points at both precisions, compiled once in this crate.
//!
//! Generic code is compiled where it is used: in every program and every test. Builds without full
//! optimisation take instances that a dependency already holds instead, which halves the time of
//! the workspace's test build. Optimised builds do not share instances, so they hold none.

use embex_linalg::faer::MatRef;
use embex_linalg::{MemoryBudget, Progress, Real};

use crate::attribution::AttributeParams;
use crate::importance::{Importance, Occlusion};
use crate::{Explained, Result, TsneParams};

type Attribute<T> = fn(
    &TsneParams,
    MatRef<'_, T>,
    &AttributeParams,
    &mut dyn Progress,
    MemoryBudget,
) -> Result<Explained>;

#[used]
static ATTRIBUTE: (Attribute<f32>, Attribute<f64>) =
    (TsneParams::attribute_with, TsneParams::attribute_with);

type Occlude<T> = fn(Occlusion<'_, T>, &mut dyn Progress) -> Result<Importance>;

#[used]
static OCCLUDE: (Occlude<f32>, Occlude<f64>) = (occlude, occlude);

fn occlude<T: Real>(mut run: Occlusion<'_, T>, progress: &mut dyn Progress) -> Result<Importance> {
    while run.advance(progress)? {}
    run.finish(progress)
}
