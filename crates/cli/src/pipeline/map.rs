//! Affinities, the map, and the attributions that follow its making.

use embex_linalg::faer::MatRef;
use embex_linalg::progress::Update;
use embex_linalg::{MemoryBudget, Progress as _, Rows};
use embex_tsne::attribution::{AttributeParams, Attribution, Attributor, Scalar, stability};
use embex_tsne::optimizer::{OptimizerState, Record, StopReason};
use embex_tsne::{Affinities, Divergence, Optimizer, TsneParams};

use super::folder::{Checkpoint, Folder};
use super::prepare::{Coordinates, Prepared};
use super::settings::{AttributionSettings, Settings};
use super::stored::Stored;
use crate::args::ScalarArg;
use crate::exit::{Error, Result};
use crate::interrupt;
use crate::progress::Display;

/// A finished map and what was learnt while it was made.
#[derive(Debug)]
pub(super) struct Made<T> {
    /// n × C.
    pub(super) map: Rows<f64>,
    pub(super) divergence: Divergence,
    pub(super) history: Vec<Record>,
    pub(super) n_iter: usize,
    pub(super) stopped: StopReason,
    /// Smallest eigenvalue of each point's own Hessian at the map.
    pub(super) stability: Vec<f64>,
    pub(super) attributions: Option<Attributed<T>>,
}

/// Attributions at every step asked for.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Attributed<T> {
    /// Of every axis: their length over the axes is the sensitivity without a sign.
    pub(super) axes: Vec<Attribution<T>>,
    /// Of the scalar; none where it is that length itself.
    pub(super) scalar: Vec<Attribution<T>>,
}

/// Neighbours and affinities, from their checkpoint if there is one.
pub(super) fn affinities<T: Stored>(
    prepared: &Prepared<T>,
    settings: &Settings,
    folder: &Folder,
    budget: MemoryBudget,
    display: &mut Display,
) -> Result<Affinities> {
    if let Some(affinities) = folder.load(Checkpoint::Affinities)? {
        return Ok(affinities);
    }
    let affinities = match prepared.coordinates() {
        Coordinates::Scores(x) => settings.map.affinities(x, display, budget),
        Coordinates::Features(x) => settings.map.affinities(x, display, budget),
    }?;
    folder.save(Checkpoint::Affinities, &affinities)?;
    Ok(affinities)
}

/// Makes the map in `C` axes, from its checkpoint if there is one.
pub(super) fn make<T: Stored, const C: usize>(
    prepared: &Prepared<T>,
    affinities: &Affinities,
    settings: &Settings,
    folder: &Folder,
    every: usize,
    display: &mut Display,
) -> Result<Made<T>> {
    let params = &settings.map;
    let asked = settings.explain.attribution.as_ref();
    let wanted = asked.map(|asked| scalar(asked, prepared)).transpose()?;
    let saved = folder.load::<(OptimizerState<T>, Option<Attributor<T, C>>)>(Checkpoint::Map)?;
    let (mut run, attributor) = if let Some((state, attributor)) = saved {
        (Optimizer::<T, C>::resume(affinities, params, state)?, attributor)
    } else {
        let start = match prepared.coordinates() {
            Coordinates::Scores(x) => params.start::<f64, T, C>(x, display),
            Coordinates::Features(x) => params.start::<T, T, C>(x, display),
        }?;
        let attributor = asked.map(|asked| attributor(asked, affinities, settings)).transpose()?;
        (Optimizer::new(affinities, params, start)?, attributor)
    };
    let axes: Option<Vec<_>> = folder.load(Checkpoint::Attributions)?;
    let attributor = attributor.filter(|_| axes.is_none());
    let mut following = Following { attributor, axes };
    optimise(&mut run, &mut following, params, folder, every, display)?;
    let axes = following.finish(&mut run, folder, display)?;
    let attributions = axes.map(|axes| attributed(axes, wanted.flatten())).transpose()?;
    let sums = run.repulsive_sums();
    let stability = stability(run.y(), run.edges(), &sums, 1.0)?;
    let made = run.into_map()?;
    Ok(Made {
        map: made.embedding,
        divergence: made.divergence,
        history: made.history,
        n_iter: made.n_iter,
        stopped: made.stopped,
        stability,
        attributions,
    })
}

/// The recursion of every axis, from which every scalar follows.
fn attributor<T: Stored, const C: usize>(
    asked: &AttributionSettings,
    affinities: &Affinities,
    settings: &Settings,
) -> Result<Attributor<T, C>> {
    let params = AttributeParams::default().with_mode(asked.mode).with_steps(asked.at.clone());
    let params = params.with_scalar(Scalar::Axes);
    let clipped = MatRef::<T>::from_row_major_slice(&[], 0, 0); // looked at by a clip, which is off
    Ok(Attributor::new(&params, &settings.map, affinities, clipped)?)
}

/// The attributions of the axes with those of the scalar, if there is one.
fn attributed<T: Stored>(
    axes: Vec<Attribution<T>>,
    scalar: Option<Scalar>,
) -> Result<Attributed<T>> {
    let derived = |scalar: Scalar| axes.iter().map(|a| a.of_scalar(scalar.clone())).collect();
    let scalar = scalar.map(derived).transpose()?.unwrap_or_default();
    Ok(Attributed { axes, scalar })
}

fn scalar<T>(asked: &AttributionSettings, prepared: &Prepared<T>) -> Result<Option<Scalar>> {
    match (asked.scalar, &prepared.groups) {
        (ScalarArg::Length, _) => Ok(None),
        (ScalarArg::NormSq, _) => Ok(Some(Scalar::NormSq)),
        (ScalarArg::GroupDistance, Some((_, groups))) => {
            Ok(Some(Scalar::GroupDistanceSq { groups: groups.codes().to_vec() }))
        }
        (ScalarArg::GroupDistance, None) => {
            Err(Error::Input("all samples have the same group".to_owned()))
        }
    }
}

/// The recursion that follows the run, until it has seen all that it was asked for.
struct Following<T, const C: usize> {
    attributor: Option<Attributor<T, C>>,
    /// What it found, every step's axes.
    axes: Option<Vec<Attribution<T>>>,
}

impl<T: Stored, const C: usize> Following<T, C> {
    /// One update of the map; the last that the recursion waits for ends it.
    fn step(&mut self, run: &mut Optimizer<'_, T, C>, folder: &Folder) -> Result<()> {
        match &mut self.attributor {
            None => run.step(&mut [])?,
            Some(attributor) => run.step(&mut [attributor])?,
        }
        if let Some(done) = self.attributor.take_if(|attributor| attributor.is_done()) {
            self.keep(done.attributions(run.affinities())?, folder)?;
        }
        Ok(())
    }

    /// Whether a checkpoint would have to hold a recursion that is under way.
    fn is_recording(&self) -> bool {
        self.attributor.as_ref().is_some_and(Attributor::is_recording)
    }

    fn keep(&mut self, axes: Vec<Attribution<T>>, folder: &Folder) -> Result<()> {
        folder.save(Checkpoint::Attributions, &axes)?;
        self.axes = Some(axes);
        Ok(())
    }

    /// What was found, once the run has ended.
    fn finish(
        mut self,
        run: &mut Optimizer<'_, T, C>,
        folder: &Folder,
        display: &mut Display,
    ) -> Result<Option<Vec<Attribution<T>>>> {
        if let Some(attributor) = self.attributor.take() {
            self.keep(attributor.run(run, display)?.attributions, folder)?;
        }
        Ok(self.axes)
    }
}

/// Updates the map until a stop rule holds, with a checkpoint every so many updates.
///
/// While a recursion is recording, only an interruption writes one: a run that is killed before
/// begins anew, which costs less than storing the record again and again.
fn optimise<T: Stored, const C: usize>(
    run: &mut Optimizer<'_, T, C>,
    following: &mut Following<T, C>,
    params: &TsneParams,
    folder: &Folder,
    every: usize,
    display: &mut Display,
) -> Result<()> {
    while run.stop_reason().is_none() {
        following.step(run, folder)?;
        let done = run.iteration();
        let message = run.history().last().map(|last| format!("KL {:.4}", last.divergence.kl()));
        display.update(Update {
            phase: "optimise",
            done: done as u64,
            total: params.n_iter as u64,
            message: message.as_deref().unwrap_or_default(),
        });
        let stop = interrupt::requested();
        let is_due = done.is_multiple_of(every) && run.stop_reason().is_none();
        if stop || (is_due && !following.is_recording()) {
            folder.save(Checkpoint::Map, &(run.state(), &following.attributor))?;
        }
        if stop {
            return Err(Error::Interrupted(folder.work().to_owned()));
        }
    }
    run.run(&mut [], display)?; // no update is left: this refuses a map that has fallen together
    folder.save(Checkpoint::Map, &(run.state(), &following.attributor))
}
