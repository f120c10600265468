//! The optimiser: momentum, gains, phases of exaggeration, stop rules, state that resumes.

use embex_linalg::Real;
use embex_linalg::progress::{Progress, report};
use pulp::Arch;

use crate::divergence::{Divergence, attraction, entropy};
use crate::exact::Exact;
use crate::repulsion::{Repulsion, RepulsionSums};
use crate::step::{Edges, StepObserver, StepView};
use crate::update::{Factors, Moving, update};
use crate::{Affinities, BarnesHut, Error, Method, Result, TsneParams};

/// A finished map narrower than this never left its start.
const LEAST_SPREAD: f64 = 1e-8;

/// The divergence at one moment of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Record {
    /// Updates completed.
    pub iteration: usize,
    /// Divergence of the affinities without exaggeration; its Z is the repulsion method's.
    pub divergence: Divergence,
    /// Euclidean norm of the gradient that led here, with exaggeration; 0 at iteration 0.
    pub grad_norm: f64,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StopReason {
    /// All updates are done.
    Iterations,
    /// The divergence did not fall for `n_iter_without_progress` updates.
    NoProgress,
    /// The gradient's norm fell to `min_grad_norm`.
    SmallGradient,
}

/// All that a run needs to go on: save it, and [`Optimizer::resume`] gives the same bits.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OptimizerState<T> {
    n_components: usize,
    iteration: usize,
    y: Vec<T>,
    velocity: Vec<T>,
    gains: Vec<T>,
    grad_norm: f64,
    best: Option<(f64, usize)>,
    history: Vec<Record>,
    stopped: Option<StopReason>,
}

impl<T> OptimizerState<T> {
    /// Updates completed.
    pub const fn iteration(&self) -> usize {
        self.iteration
    }
}

/// One phase of a run, as an update sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Phase {
    exaggeration: f64,
    momentum: f64,
    /// First update of the phase.
    start: usize,
}

fn phase_at(params: &TsneParams, iteration: usize) -> Phase {
    let late = params.n_iter.saturating_sub(params.late_exaggeration_iter);
    let early = params.exaggeration_iter;
    if iteration < early {
        let (exaggeration, momentum) = (params.exaggeration, params.momentum_early);
        Phase { exaggeration, momentum, start: 0 }
    } else if iteration < late {
        Phase { exaggeration: 1.0, momentum: params.momentum, start: early }
    } else {
        let (exaggeration, momentum) = (params.late_exaggeration, params.momentum);
        Phase { exaggeration, momentum, start: late.max(early) }
    }
}

/// A run of t-SNE, update by update, in precision `T` and `C` output dimensions.
///
/// [`TsneParams`] has the update rule and the phases. This is the driver below
/// [`TsneParams::fit`]: observers see every update, and [`Self::state`] can be saved at any.
///
/// # Example
/// ```
/// use embex_linalg::progress::Silent;
/// use embex_tsne::{Affinities, Optimizer, TsneParams};
/// let p = Affinities::from_joint(
///     vec![0, 2, 4, 6],
///     vec![1, 2, 0, 2, 0, 1],
///     vec![0.3, 0.1, 0.3, 0.1, 0.1, 0.1],
/// )?;
/// let params = TsneParams::default().with_n_iter(20).with_exaggeration_iter(0);
/// let start = vec![[0.0_f64, 0.1], [0.2, 0.0], [0.0, -0.1]];
/// let mut run = Optimizer::new(&p, &params, start)?;
/// run.run(&mut [], &mut Silent)?;
/// assert_eq!(run.iteration(), 20);
/// # Ok::<(), embex_tsne::Error>(())
/// ```
pub struct Optimizer<'a, T, const C: usize> {
    affinities: &'a Affinities,
    params: TsneParams,
    arch: Arch,
    edges: Edges<T>,
    entropy: f64,
    learning_rate: f64,
    repulsion: Box<dyn Repulsion<T, C>>,
    sums: RepulsionSums<T, C>,
    partial: Vec<f64>,
    y: Vec<[T; C]>,
    y_next: Vec<[T; C]>,
    velocity: Vec<[T; C]>,
    gains: Vec<[T; C]>,
    iteration: usize,
    grad_norm: f64,
    best: Option<(f64, usize)>,
    history: Vec<Record>,
    stopped: Option<StopReason>,
}

impl<'a, T: Real, const C: usize> Optimizer<'a, T, C> {
    /// A run that starts at the map `y`.
    ///
    /// `params.n_components` is not looked at: the type says it.
    ///
    /// # Errors
    /// [`Error::Input`] for a setting out of range or a coordinate that is not finite,
    /// [`Error::InitShape`] unless `y` has a point per sample.
    pub fn new(affinities: &'a Affinities, params: &TsneParams, y: Vec<[T; C]>) -> Result<Self> {
        params.check()?;
        let n_samples = affinities.n_samples();
        if y.len() != n_samples {
            let (n_rows, n_cols) = (y.len(), C);
            return Err(Error::InitShape { n_rows, n_cols, n_samples, n_components: C });
        }
        check_points(&y)?;
        Ok(Self {
            affinities,
            params: params.clone(),
            arch: Arch::new(),
            edges: affinities.edges(),
            entropy: entropy(affinities),
            learning_rate: params.learning_rate_for(n_samples),
            repulsion: repulsion_for(params, n_samples),
            sums: RepulsionSums::default(),
            partial: Vec::new(),
            y_next: vec![[T::ZERO; C]; n_samples],
            velocity: vec![[T::ZERO; C]; n_samples],
            gains: vec![[T::ONE; C]; n_samples],
            y,
            iteration: 0,
            grad_norm: 0.0,
            best: None,
            history: Vec::new(),
            stopped: None,
        })
    }

    /// Goes on from a saved state, with the same bits as if it had never stopped.
    ///
    /// # Errors
    /// [`Error::StateMismatch`] unless the state has this shape; as [`Self::new`].
    pub fn resume(
        affinities: &'a Affinities,
        params: &TsneParams,
        state: OptimizerState<T>,
    ) -> Result<Self> {
        let expected = affinities.n_samples() * C;
        let lengths = [
            ("output dimensions", state.n_components, C),
            ("map coordinates", state.y.len(), expected),
            ("velocities", state.velocity.len(), expected),
            ("gains", state.gains.len(), expected),
        ];
        for (what, got, expected) in lengths {
            if got != expected {
                return Err(Error::StateMismatch { what, got, expected });
            }
        }
        let mut run = Self::new(affinities, params, to_points(&state.y))?;
        run.velocity = to_points(&state.velocity);
        run.gains = to_points(&state.gains);
        check_points(&run.velocity)?;
        check_points(&run.gains)?;
        run.iteration = state.iteration;
        run.grad_norm = state.grad_norm;
        run.best = state.best;
        run.history = state.history;
        run.stopped = state.stopped;
        Ok(run)
    }

    /// Replaces the repulsion method that `params` chose.
    #[must_use]
    pub fn with_repulsion(mut self, repulsion: Box<dyn Repulsion<T, C>>) -> Self {
        self.repulsion = repulsion;
        self
    }

    /// Updates until a stop rule holds.
    ///
    /// # Errors
    /// As [`Self::step`]; [`embex_linalg::Error::Cancelled`] if the observer asked to stop, after
    /// which the state is whole and [`Self::run`] would go on; [`Error::Collapsed`] if the
    /// points of the finished map cannot be told apart.
    pub fn run(
        &mut self,
        observers: &mut [&mut dyn StepObserver<T, C>],
        progress: &mut dyn Progress,
    ) -> Result<StopReason> {
        let mut message = String::new();
        loop {
            report(progress, "optimise", self.iteration, self.params.n_iter, &message)?;
            if let Some(reason) = self.stop_reason() {
                self.check_spread(self.least_finished_spread())?;
                return Ok(reason);
            }
            self.step(observers)?;
            if let Some(last) = self.history.last()
                && last.iteration + 1 == self.iteration
            {
                message = format!("KL {:.4}", last.divergence.kl());
            }
        }
    }

    /// One update; does nothing once a stop rule holds.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the gradient is no longer finite, [`Error::Collapsed`] if the map is
    /// too narrow for its number type.
    pub fn step(&mut self, observers: &mut [&mut dyn StepObserver<T, C>]) -> Result<()> {
        if self.stop_reason().is_some() {
            return Ok(());
        }
        let curvature = observers.iter().any(|o| o.wants_curvature(self.iteration));
        self.repulsion.sums(&self.y, curvature, &mut self.sums);
        let phase = phase_at(&self.params, self.iteration);
        if self.iteration.is_multiple_of(self.params.kl_every) {
            let free = !observers.iter().any(|o| o.waits());
            self.take_record(phase, free)?;
            if self.stopped.is_some() {
                return Ok(());
            }
        }
        let starts_phase = self.begin_phase(phase);
        self.update(phase)?;
        let view = StepView {
            iteration: self.iteration,
            starts_phase,
            exaggeration: phase.exaggeration,
            momentum: phase.momentum,
            learning_rate: self.learning_rate,
            y: &self.y,
            y_next: &self.y_next,
            gains: &self.gains,
            sums: &self.sums,
            edges: &self.edges,
        };
        for observer in observers {
            observer.observe(&view);
        }
        std::mem::swap(&mut self.y, &mut self.y_next);
        self.iteration += 1;
        Ok(())
    }

    /// Resets velocities and gains where a phase begins; says whether it did.
    fn begin_phase(&mut self, phase: Phase) -> bool {
        let starts =
            self.iteration > 0 && self.iteration == phase.start && self.params.reset_between_phases;
        if starts {
            self.velocity.fill([T::ZERO; C]);
            self.gains.fill([T::ONE; C]);
        }
        starts
    }

    fn update(&mut self, phase: Phase) -> Result<()> {
        let factors = Factors {
            exaggeration: T::from_f64(phase.exaggeration),
            momentum: T::from_f64(phase.momentum),
            learning_rate: T::from_f64(self.learning_rate),
            per_z: T::from_f64(1.0 / self.sums.z),
            min_gain: T::from_f64(self.params.min_gain),
            gains: self.params.gains,
        };
        let moving = Moving {
            y_next: &mut self.y_next,
            velocity: &mut self.velocity,
            gains: &mut self.gains,
        };
        let (arch, partial) = (self.arch, &mut self.partial);
        let norm_sq = update(arch, factors, &self.y, &self.edges, &self.sums, moving, partial);
        self.grad_norm = norm_sq.sqrt();
        if self.grad_norm.is_finite() {
            Ok(())
        } else {
            Err(Error::Diverged { iteration: self.iteration })
        }
    }

    /// Notes the divergence of the map that `sums` belong to and applies the stop rules, if the run is
    /// `free` to end.
    ///
    /// A late phase is always reached and run to its end: exaggeration raises the divergence, so that
    /// the rules say nothing there.
    fn take_record(&mut self, phase: Phase, free: bool) -> Result<()> {
        let divergence = self.divergence_with(self.sums.z);
        let iteration = self.iteration;
        if !divergence.kl().is_finite() {
            return Err(Error::Diverged { iteration });
        }
        self.check_spread(least_spread::<T>())?;
        if self.history.last().is_none_or(|last| last.iteration < iteration) {
            self.history.push(Record { iteration, divergence, grad_norm: self.grad_norm });
        }
        let exaggerated = iteration < self.params.exaggeration_iter;
        let goes_on = iteration == 0 || exaggerated || self.params.late_exaggeration_iter > 0;
        self.stopped = if goes_on {
            None
        } else if self.grad_norm <= self.params.min_grad_norm && iteration > phase.start {
            Some(StopReason::SmallGradient)
        } else {
            self.progress_rule(divergence.kl(), phase)
        };
        if !free {
            self.stopped = None;
        }
        Ok(())
    }

    fn progress_rule(&mut self, kl: f64, phase: Phase) -> Option<StopReason> {
        match self.best {
            Some((best, at)) if at >= phase.start && kl >= best => {
                let stale = self.iteration - at > self.params.n_iter_without_progress;
                stale.then_some(StopReason::NoProgress)
            }
            _ => {
                self.best = Some((kl, self.iteration));
                None
            }
        }
    }

    fn divergence_with(&self, z: f64) -> Divergence {
        let attraction = attraction(self.affinities, &self.y);
        Divergence { attraction, log_z: z.ln(), entropy: self.entropy }
    }

    /// A run that ends in early exaggeration may still be contracted: the next phase would part its
    /// points again.
    fn least_finished_spread(&self) -> f64 {
        let contracted = self.iteration <= self.params.exaggeration_iter;
        if contracted { least_spread::<T>() } else { LEAST_SPREAD }
    }

    fn check_spread(&self, least: f64) -> Result<()> {
        let spread = extent(&self.y);
        if spread >= least {
            Ok(())
        } else {
            Err(Error::Collapsed { iteration: self.iteration, spread })
        }
    }

    /// The divergence of the present map, with the repulsion method's Z.
    pub fn divergence(&mut self) -> Divergence {
        self.repulsion.sums(&self.y, false, &mut self.sums);
        self.divergence_with(self.sums.z)
    }

    /// The repulsive sums of the present map, with curvature.
    pub fn repulsive_sums(&mut self) -> RepulsionSums<T, C> {
        let mut sums = RepulsionSums::default();
        self.repulsion.sums(&self.y, true, &mut sums);
        sums
    }

    /// Why the run is over, if it is.
    pub fn stop_reason(&self) -> Option<StopReason> {
        let done = self.iteration >= self.params.n_iter;
        self.stopped.or(done.then_some(StopReason::Iterations))
    }

    /// Updates completed.
    pub const fn iteration(&self) -> usize {
        self.iteration
    }

    /// The present map.
    pub fn y(&self) -> &[[T; C]] {
        &self.y
    }

    /// Divergences so far, every `kl_every` updates.
    pub fn history(&self) -> &[Record] {
        &self.history
    }

    /// The settings of this run.
    pub const fn params(&self) -> &TsneParams {
        &self.params
    }

    /// The affinities of this run.
    pub const fn affinities(&self) -> &'a Affinities {
        self.affinities
    }

    /// Joint affinities in the precision of this run.
    pub const fn edges(&self) -> &Edges<T> {
        &self.edges
    }

    /// All that [`Self::resume`] needs.
    pub fn state(&self) -> OptimizerState<T> {
        OptimizerState {
            n_components: C,
            iteration: self.iteration,
            y: self.y.concat(),
            velocity: self.velocity.concat(),
            gains: self.gains.concat(),
            grad_norm: self.grad_norm,
            best: self.best,
            history: self.history.clone(),
            stopped: self.stopped,
        }
    }
}

/// The repulsion method of `params` for this many samples.
fn repulsion_for<T: Real, const C: usize>(
    params: &TsneParams,
    n_samples: usize,
) -> Box<dyn Repulsion<T, C>> {
    match params.method_for(n_samples) {
        Method::BarnesHut => Box::new(BarnesHut::new(params.angle)),
        Method::Exact | Method::Auto => Box::new(Exact::default()),
    }
}

/// Below this, squares of distances are no normal numbers of `T`.
fn least_spread<T: Real>() -> f64 {
    let tiny = if T::NAME == "f32" { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    tiny.sqrt()
}

/// Largest extent of the map along an axis.
pub(crate) fn extent<T: Real, const C: usize>(y: &[[T; C]]) -> f64 {
    let along = |c: usize| {
        let values = y.iter().map(|y| y[c].to_f64());
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        high - low
    };
    (0..C).map(along).fold(0.0, f64::max)
}

fn to_points<T: Real, const C: usize>(flat: &[T]) -> Vec<[T; C]> {
    flat.as_chunks::<C>().0.to_vec()
}

fn check_points<T: Real, const C: usize>(points: &[[T; C]]) -> Result<()> {
    for (row, point) in points.iter().enumerate() {
        if let Some(col) = point.iter().position(|v| !v.is_finite_()) {
            let value = point[col].to_f64();
            return Err(embex_linalg::Error::NotFinite { row, col, value }.into());
        }
    }
    Ok(())
}

/// Shows the map every so many updates to a closure: iterations completed, map.
///
/// # Example
/// ```
/// use embex_tsne::MapEvery;
/// let mut n_maps = 0;
/// let observer = MapEvery::<f32, 2, _>::new(50, |_iteration, _map| n_maps += 1);
/// # drop(observer);
/// ```
pub struct MapEvery<T, const C: usize, F> {
    every: usize,
    callback: F,
    types: std::marker::PhantomData<fn(T)>,
}

impl<T: Real, const C: usize, F: FnMut(usize, &[[T; C]])> MapEvery<T, C, F> {
    /// Calls `callback` after every `every` updates (0 counts as 1).
    pub fn new(every: usize, callback: F) -> Self {
        Self { every: every.max(1), callback, types: std::marker::PhantomData }
    }
}

impl<T: Real, const C: usize, F: FnMut(usize, &[[T; C]])> StepObserver<T, C> for MapEvery<T, C, F> {
    fn wants_curvature(&self, _: usize) -> bool {
        false
    }

    fn observe(&mut self, step: &StepView<'_, T, C>) {
        let completed = step.iteration + 1;
        if completed.is_multiple_of(self.every) {
            (self.callback)(completed, step.y_next);
        }
    }
}
