//! Follows a run and turns it into attributions.

use embex_linalg::faer::MatRef;
use embex_linalg::{Progress, Real};

use super::adjoint::{Swept, Trajectory, sweep};
use super::clip::Clip;
use super::coefficients::Coefficients;
use super::dp::{AffinityDerivative, DpIndex};
use super::fixed_point::{fixed_point, stability};
use super::forward::Forward;
use super::params::{AttributeParams, Derivative};
use super::result::{Attribution, COLLAPSED, Diagnostics, rms_spread};
use super::rule::{DpForm, Rule};
use crate::affinity::Affinities;
use crate::repulsion::RepulsionSums;
use crate::step::{Edges, StepObserver, StepView};
use crate::{Error, Metric, Optimizer, Result, StopReason, TsneParams};

/// Observes a run and attributes it: the adjoint for one step, the forward recursion for
/// several steps or under a clip, nothing but the finished map for the fixed point.
///
/// Serialises between updates and goes on with equal bits.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Attributor<T, const C: usize> {
    params: AttributeParams,
    metric: Metric,
    exaggeration_iter: usize,
    steps: Vec<usize>,
    recursion: Recursion<T, C>,
    seen: Vec<Seen<T>>,
    starts: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Recursion<T, const C: usize> {
    None,
    Adjoint(Trajectory<T, C>),
    Forward(Box<Forward<T, C>>),
}

/// Largest record of a run, in bytes, that the adjoint keeps where the forward recursion's state
/// is smaller.
///
/// The record grows with the step, the forward state does not; the adjoint is about twice as fast.
pub const LARGEST_RECORD: u64 = 256 << 20;

/// What a step left behind.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Seen<T> {
    step: usize,
    /// The map: n × C.
    map: Vec<T>,
    /// Weights on the entries of P, per row channels × entries.
    weights: Vec<T>,
    transfer: Vec<T>,
    stability: Vec<f64>,
    explicit: Vec<(usize, Vec<T>)>,
    diagnostics: Diagnostics,
}

/// A run with its attributions.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Attributed<T> {
    /// One attribution per step, ascending; the fixed point gives one.
    pub attributions: Vec<Attribution<T>>,
    /// Smallest eigenvalue of each point's Hessian at the finished map: see [`stability`].
    pub stability: Vec<f64>,
    /// Why the run ended.
    pub stop: StopReason,
}

/// The finished map, as the fixed point needs it.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a, T, const C: usize> {
    /// The map.
    pub y: &'a [[T; C]],
    /// Joint affinities in the run's precision.
    pub edges: &'a Edges<T>,
    /// Repulsive sums at the map, with curvature.
    pub sums: &'a RepulsionSums<T, C>,
    /// Updates made.
    pub n_steps: usize,
}

impl<T: Real, const C: usize> Attributor<T, C> {
    /// An observer for a run with `tsne`'s schedule over `affinities`.
    ///
    /// `features` are those the affinities were made of; only a clip looks at them.
    ///
    /// # Errors
    /// What [`AttributeParams::check`] and [`super::Scalar::check`] refuse;
    /// [`Error::NoConditionals`]; [`Error::StepNotReached`] for a step outside the run.
    pub fn new(
        params: &AttributeParams,
        tsne: &TsneParams,
        affinities: &Affinities,
        features: MatRef<'_, T>,
    ) -> Result<Self> {
        params.check()?;
        params.scalar.check(affinities.n_samples(), C)?;
        if affinities.conditionals().is_none() {
            return Err(Error::NoConditionals);
        }
        let steps = steps_of(params, tsne)?;
        let recursion = match (params.mode.derivative, steps.as_slice(), params.clip) {
            (Derivative::FixedPoint, ..) => Recursion::None,
            (Derivative::Restricted, &[step], None)
                if Self::records(step, affinities.n_samples(), affinities.n_edges()) =>
            {
                Recursion::Adjoint(Trajectory::new(affinities.n_samples(), step))
            }
            (Derivative::Restricted, ..) => {
                let clip = Clip::of(params, tsne.metric, affinities, features)?;
                let forward = Forward::new(params, affinities, steps.clone(), clip);
                Recursion::Forward(Box::new(forward))
            }
        };
        Ok(Self {
            params: params.clone(),
            metric: tsne.metric,
            exaggeration_iter: tsne.exaggeration_iter,
            steps,
            recursion,
            seen: Vec::new(),
            starts: affinities.starts.clone(),
        })
    }

    /// Whether one step is recorded for the adjoint.
    fn records(step: usize, n_samples: usize, n_entries: usize) -> bool {
        let forward = Forward::<T, C>::bytes(n_entries);
        Trajectory::<T, C>::bytes(n_samples, step) <= forward.max(LARGEST_RECORD)
    }

    /// Whether all steps were seen, so that the run's rest is not looked at and
    /// [`Self::attributions`] has all it needs; never with the fixed point.
    pub fn is_done(&self) -> bool {
        !self.steps.is_empty() && self.seen.len() == self.steps.len()
    }

    /// Whether a recursion is under way, so that this is large: hundreds of numbers per point.
    pub fn is_recording(&self) -> bool {
        self.n_followed() > 0 && !self.is_done()
    }

    /// Steps that will be attributed; empty for the fixed point.
    pub fn steps(&self) -> &[usize] {
        &self.steps
    }

    /// Runs `optimizer` to its end and attributes what it did.
    ///
    /// To go on after an interruption, save and restore the
    /// optimiser's state together with this observer.
    ///
    /// # Errors
    /// As [`Optimizer::run`] and [`Self::finish`].
    ///
    /// # Cost
    /// With the adjoint a copy of places, gains and curvature per update up to the step, then one
    /// sweep: beside 1000 Barnes–Hut updates of 10,000 points a tenth for a step of 250, beside 250
    /// of 1797 points 40 %. The forward recursion reads and writes 2 C numbers per
    /// entry of P and update. Neither depends on the number of features.
    ///
    /// # Example
    /// ```
    /// use embex_linalg::{faer::Mat, progress::Silent};
    /// use embex_tsne::attribution::{AttributeParams, Attributor};
    /// use embex_tsne::{Affinities, Optimizer, TsneParams, init};
    /// // Two groups that differ in the first of three features.
    /// let x = Mat::from_fn(40, 3, |i, d| {
    ///     ((i * 7 + d * 13) % 11) as f64 / 11.0 + if d == 0 && i >= 20 { 2.0 } else { 0.0 }
    /// });
    /// let affinities = Affinities::from_neighbours(embex_trees::knn(x.as_ref(), 16).unwrap(), 5.0)?;
    /// let params = TsneParams::default().with_n_iter(60).with_exaggeration_iter(40);
    /// let attributor =
    ///     Attributor::new(&AttributeParams::default(), &params, &affinities, x.as_ref())?;
    /// let mut run = Optimizer::new(&affinities, &params, init::random::<f64, 2>(40, 1))?;
    /// let done = attributor.run(&mut run, &mut Silent)?;
    /// let values = done.attributions[0].project(x.as_ref())?;
    /// assert_eq!((done.attributions[0].step, values.n_rows(), values.n_cols()), (40, 40, 3));
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn run(
        mut self,
        optimizer: &mut Optimizer<'_, T, C>,
        progress: &mut dyn Progress,
    ) -> Result<Attributed<T>> {
        let stop = optimizer.run(&mut [&mut self], progress)?;
        let sums = &optimizer.repulsive_sums();
        let (y, edges) = (optimizer.y(), optimizer.edges());
        let stability = stability(y, edges, sums, 1.0)?;
        let finished = Finished { y, edges, sums, n_steps: optimizer.iteration() };
        let attributions = self.finish(optimizer.affinities(), &finished)?;
        Ok(Attributed { attributions, stability, stop })
    }

    /// Turns what was seen into attributions, one per step in ascending order.
    ///
    /// # Errors
    /// As [`Self::attributions`].
    pub fn finish(
        mut self,
        affinities: &Affinities,
        finished: &Finished<'_, T, C>,
    ) -> Result<Vec<Attribution<T>>> {
        if self.steps.is_empty() {
            let seen = self.at_fixed_point(finished)?;
            self.seen.push(seen);
        }
        self.attributions(affinities)
    }

    /// The attributions at the steps seen, one per step in ascending order: [`Self::finish`] before
    /// the end of the run, once [`Self::is_done`]; none for the fixed point.
    ///
    /// # Errors
    /// [`Error::StepNotReached`] if a step was not seen,
    /// [`Error::AttributionOverflow`] if the recursion of every point left the range of numbers;
    /// single points are zeroed and named in [`Attribution::overflowed`].
    pub fn attributions(mut self, affinities: &Affinities) -> Result<Vec<Attribution<T>>> {
        if let Some(&step) = self.steps.get(self.seen.len()) {
            return Err(Error::StepNotReached { step, n_steps: self.n_followed() });
        }
        let seen = std::mem::take(&mut self.seen);
        let index = DpIndex::new(affinities, DpForm::of(&self.params))?;
        let derivative = AffinityDerivative::new(affinities, &index)?;
        seen.into_iter().map(|seen| self.attribution(seen, &derivative)).collect()
    }

    /// Updates followed so far.
    fn n_followed(&self) -> usize {
        match &self.recursion {
            Recursion::None => self.seen.last().map_or(0, |seen| seen.step),
            Recursion::Adjoint(trajectory) => trajectory.n_recorded(),
            Recursion::Forward(forward) => forward.n_done(),
        }
    }

    fn at_fixed_point(&self, f: &Finished<'_, T, C>) -> Result<Seen<T>> {
        let channels = self.params.scalar.channels(C);
        let seeds = self.params.scalar.seeds(f.y);
        let zeroed = Rule::of(&self.params).zeroed;
        let found = fixed_point(f.y, f.edges, f.sums, &seeds, channels, zeroed);
        let diagnostics = Diagnostics {
            indefinite: found.indefinite,
            singular: found.singular,
            spread: rms_spread(f.y),
            ..Diagnostics::default()
        };
        Ok(Seen {
            step: f.n_steps,
            map: f.y.concat(),
            weights: found.weights,
            transfer: Vec::new(),
            stability: stability(f.y, f.edges, f.sums, 1.0)?,
            explicit: Vec::new(),
            diagnostics,
        })
    }

    fn attribution(
        &self,
        seen: Seen<T>,
        derivative: &AffinityDerivative<'_>,
    ) -> Result<Attribution<T>> {
        let channels = self.params.scalar.channels(C);
        let diagnostics = Diagnostics {
            collapsed: seen.diagnostics.spread < COLLAPSED,
            after_exaggeration: !self.steps.is_empty() && seen.step > self.exaggeration_iter,
            ..seen.diagnostics
        };
        let mut attribution = Attribution {
            mode: self.params.mode,
            scalar: self.params.scalar.clone(),
            step: seen.step,
            metric: self.metric,
            coefficients: Coefficients::from_sensitivities(derivative, channels, seen.weights),
            stability: seen.stability,
            overflowed: Vec::new(),
            unstable: Vec::new(),
            diagnostics,
            map: seen.map,
            transfer: seen.transfer,
            explicit: seen.explicit,
        };
        attribution.check_range()?;
        Ok(attribution)
    }

    /// Takes note of a step that has just been reached; the recursion goes with the last.
    fn note(&mut self, step: &StepView<'_, T, C>) {
        let seen = match &self.recursion {
            Recursion::None => return,
            Recursion::Adjoint(trajectory) => self.swept(trajectory, step),
            Recursion::Forward(forward) => self.followed(forward, step.y_next),
        };
        self.seen.push(seen);
        if self.is_done() {
            self.recursion = Recursion::None;
        }
    }

    fn swept(&self, trajectory: &Trajectory<T, C>, step: &StepView<'_, T, C>) -> Seen<T> {
        let channels = self.params.scalar.channels(C);
        let seeds = self.params.scalar.seeds(step.y_next);
        let rule = Rule::of(&self.params);
        let swept = match channels {
            1 => sweep::<T, C, 1>(trajectory, step.edges, rule, &seeds),
            _ => sweep::<T, C, C>(trajectory, step.edges, rule, &seeds),
        };
        let Swept { weights, transfer, stability, limited } = swept;
        let spread = rms_spread(step.y_next);
        Seen {
            step: trajectory.target(),
            map: step.y_next.concat(),
            weights,
            transfer: if self.params.init_jacobian { transfer } else { Vec::new() },
            stability,
            explicit: Vec::new(),
            diagnostics: Diagnostics { limited, spread, ..Diagnostics::default() },
        }
    }

    fn followed(&self, forward: &Forward<T, C>, y: &[[T; C]]) -> Seen<T> {
        let channels = self.params.scalar.channels(C);
        let seeds = self.params.scalar.seeds(y);
        let explicit = forward.explicit_rows(&seeds, channels);
        Seen {
            step: forward.n_done(),
            map: y.concat(),
            weights: forward.sensitivities(&self.starts, &seeds, channels),
            transfer: forward.transfer(&seeds, channels),
            stability: forward.stability(),
            diagnostics: Diagnostics {
                limited: forward.limited(),
                clipped: forward.clipped(),
                explicit_points: explicit.len() as u64,
                spread: rms_spread(y),
                ..Diagnostics::default()
            },
            explicit,
        }
    }
}

impl<T: Real, const C: usize> StepObserver<T, C> for Attributor<T, C> {
    fn wants_curvature(&self, iteration: usize) -> bool {
        match &self.recursion {
            Recursion::None => false,
            Recursion::Adjoint(trajectory) => trajectory.wants_curvature(iteration),
            Recursion::Forward(forward) => forward.wants_curvature(iteration),
        }
    }

    fn waits(&self) -> bool {
        self.seen.len() < self.steps.len()
    }

    fn observe(&mut self, step: &StepView<'_, T, C>) {
        match &mut self.recursion {
            Recursion::None => return,
            Recursion::Adjoint(trajectory) => trajectory.observe(step),
            Recursion::Forward(forward) => forward.observe(step),
        }
        let done = step.iteration + 1;
        if self.n_followed() == done && self.steps.get(self.seen.len()) == Some(&done) {
            self.note(step);
        }
    }
}

/// Steps to attribute, ascending: the default is the end of early exaggeration, or of the run
/// where there is none.
fn steps_of(params: &AttributeParams, tsne: &TsneParams) -> Result<Vec<usize>> {
    if params.mode.derivative == Derivative::FixedPoint {
        return Ok(Vec::new());
    }
    let n_steps = tsne.n_iter;
    let mut steps = params.steps.clone();
    if steps.is_empty() {
        let end = if tsne.exaggeration_iter == 0 { n_steps } else { tsne.exaggeration_iter };
        steps.push(end.min(n_steps));
    }
    steps.sort_unstable();
    steps.dedup();
    match steps.iter().find(|&&step| step == 0 || step > n_steps) {
        Some(&step) => Err(Error::StepNotReached { step, n_steps }),
        None => Ok(steps),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 7 numbers per point and update are recorded, 4 per entry go forward.
    #[test]
    fn large_records_give_way_to_the_forward_recursion() {
        let records = Attributor::<f32, 2>::records;
        assert!(records(250, 10_000, 1_400_000) && records(750, 10_000, 1_400_000));
        assert!(!records(250, 70_000, 9_800_000));
        assert!(records(250, 70_000, 40_000_000)); // the forward state is larger still
    }
}
