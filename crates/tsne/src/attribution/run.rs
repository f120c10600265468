//! Follows a run and turns it into attributions.

use embex_linalg::faer::MatRef;
use embex_linalg::{Progress, Real};

use super::adjoint::{Swept, Trajectory, sweep};
use super::clip::Clip;
use super::coefficients::{Coefficients, in_range};
use super::dp::{AffinityDerivative, DpIndex};
use super::fixed_point::{fixed_point, stability};
use super::forward::Forward;
use super::params::{AttributeParams, Derivative};
use super::result::{Attribution, COLLAPSED, Diagnostics, spread, unstable};
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

/// What a step left behind.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Seen<T> {
    step: usize,
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
            (Derivative::Restricted, &[step], None) => {
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
    /// sweep: about a tenth of the run. The forward recursion reads and writes 2 C numbers per
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
    /// [`Error::StepNotReached`] if the run ended before a step,
    /// [`Error::AttributionOverflow`] if the recursion of every point left the range of numbers;
    /// single points are zeroed and named in [`Attribution::overflowed`].
    pub fn finish(
        mut self,
        affinities: &Affinities,
        finished: &Finished<'_, T, C>,
    ) -> Result<Vec<Attribution<T>>> {
        let channels = self.params.scalar.channels(C);
        let seen = match std::mem::replace(&mut self.recursion, Recursion::None) {
            Recursion::None if self.steps.is_empty() => {
                vec![self.at_fixed_point(finished, channels)?]
            }
            Recursion::Adjoint(trajectory) => {
                vec![self.swept(&trajectory, finished, channels)?]
            }
            Recursion::None | Recursion::Forward(_) => std::mem::take(&mut self.seen),
        };
        if let Some(&step) = self.steps.iter().find(|&&s| s > finished.n_steps) {
            return Err(Error::StepNotReached { step, n_steps: finished.n_steps });
        }
        let index = DpIndex::new(affinities, DpForm::of(&self.params))?;
        let derivative = AffinityDerivative::new(affinities, &index)?;
        seen.into_iter().map(|seen| self.attribution(seen, &derivative, channels)).collect()
    }

    fn at_fixed_point(&self, f: &Finished<'_, T, C>, channels: usize) -> Result<Seen<T>> {
        let seeds = self.params.scalar.seeds(f.y);
        let zeroed = Rule::of(&self.params).zeroed;
        let found = fixed_point(f.y, f.edges, f.sums, &seeds, channels, zeroed);
        let diagnostics = Diagnostics {
            indefinite: found.indefinite,
            singular: found.singular,
            spread: spread(f.y),
            ..Diagnostics::default()
        };
        Ok(Seen {
            step: f.n_steps,
            weights: found.weights,
            transfer: Vec::new(),
            stability: stability(f.y, f.edges, f.sums, 1.0)?,
            explicit: Vec::new(),
            diagnostics,
        })
    }

    fn swept(
        &self,
        trajectory: &Trajectory<T, C>,
        finished: &Finished<'_, T, C>,
        channels: usize,
    ) -> Result<Seen<T>> {
        if trajectory.n_recorded() < trajectory.target() {
            let (step, n_steps) = (trajectory.target(), trajectory.n_recorded());
            return Err(Error::StepNotReached { step, n_steps });
        }
        let end = trajectory.end();
        let seeds = self.params.scalar.seeds(&end);
        let rule = Rule::of(&self.params);
        let swept = match channels {
            1 => sweep::<T, C, 1>(trajectory, finished.edges, rule, &seeds),
            _ => sweep::<T, C, C>(trajectory, finished.edges, rule, &seeds),
        };
        let Swept { weights, transfer, stability, limited } = swept;
        let diagnostics = Diagnostics { limited, spread: spread(&end), ..Diagnostics::default() };
        let transfer = if self.params.init_jacobian { transfer } else { Vec::new() };
        let (step, explicit) = (trajectory.target(), Vec::new());
        Ok(Seen { step, weights, transfer, stability, explicit, diagnostics })
    }

    fn attribution(
        &self,
        mut seen: Seen<T>,
        derivative: &AffinityDerivative<'_>,
        channels: usize,
    ) -> Result<Attribution<T>> {
        let step = seen.step;
        let weights = std::mem::take(&mut seen.weights);
        let mut coefficients = Coefficients::from_sensitivities(derivative, channels, weights);
        let overflowed = seen.zero_overflowed(&mut coefficients);
        if overflowed.len() == coefficients.n_samples() {
            return Err(Error::AttributionOverflow { step, n_samples: overflowed.len() });
        }
        let unstable = unstable(&coefficients);
        let diagnostics = Diagnostics {
            max_weight: coefficients.max_abs(),
            overflowed: overflowed.len() as u64,
            unstable: unstable.len() as u64,
            collapsed: seen.diagnostics.spread < COLLAPSED,
            after_exaggeration: !self.steps.is_empty() && step > self.exaggeration_iter,
            ..seen.diagnostics
        };
        Ok(Attribution {
            mode: self.params.mode,
            scalar: self.params.scalar.clone(),
            step,
            metric: self.metric,
            coefficients,
            stability: seen.stability,
            overflowed,
            unstable,
            diagnostics,
            transfer: seen.transfer,
            explicit: seen.explicit,
        })
    }

    /// Takes note of a step that the forward recursion has just reached.
    fn note(&mut self, y: &[[T; C]]) {
        let Recursion::Forward(forward) = &self.recursion else { return };
        let channels = self.params.scalar.channels(C);
        let seeds = self.params.scalar.seeds(y);
        let explicit = forward.explicit_rows(&seeds, channels);
        self.seen.push(Seen {
            step: forward.n_done(),
            weights: forward.sensitivities(&self.starts, &seeds, channels),
            transfer: forward.transfer(&seeds, channels),
            stability: forward.stability(),
            diagnostics: Diagnostics {
                limited: forward.limited(),
                clipped: forward.clipped(),
                explicit_points: explicit.len() as u64,
                spread: spread(y),
                ..Diagnostics::default()
            },
            explicit,
        });
    }
}

impl<T: Real> Seen<T> {
    /// Zeroes all parts of the points that left the range, ascending, and those that a clip made
    /// explicit in the coefficients.
    fn zero_overflowed(&mut self, coefficients: &mut Coefficients<T>) -> Vec<u32> {
        self.explicit.iter().for_each(|(i, _)| coefficients.clear_row(*i));
        let n = coefficients.n_samples();
        let mut out: Vec<usize> = (0..n).filter(|&i| !coefficients.row_in_range(i)).collect();
        let explicit = self.explicit.iter().filter(|(_, values)| !in_range(values));
        out.extend(explicit.map(|&(i, _)| i));
        let width = (self.transfer.len() / n).max(1);
        let starts = self.transfer.chunks_exact(width).enumerate();
        out.extend(starts.filter(|(_, t)| !in_range(t)).map(|(i, _)| i));
        out.sort_unstable();
        out.dedup();
        for &i in &out {
            coefficients.clear_row(i);
            if let Some(start) = self.transfer.chunks_exact_mut(width).nth(i) {
                start.fill(T::ZERO);
            }
        }
        self.explicit.retain(|(i, _)| out.binary_search(i).is_err());
        out.into_iter().map(|i| i as u32).collect()
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

    fn observe(&mut self, step: &StepView<'_, T, C>) {
        match &mut self.recursion {
            Recursion::None => {}
            Recursion::Adjoint(trajectory) => trajectory.observe(step),
            Recursion::Forward(forward) => {
                forward.observe(step);
                let done = forward.n_done();
                if done == step.iteration + 1 && self.steps.binary_search(&done).is_ok() {
                    self.note(step.y_next);
                }
            }
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
