//! Affinities, the map, and the attributions that follow its making.

use embex_linalg::faer::MatRef;
use embex_linalg::progress::Update;
use embex_linalg::{MemoryBudget, Progress as _, Rows};
use embex_tsne::attribution::{AttributeParams, Attribution, Attributor, Scalar};
use embex_tsne::optimizer::{OptimizerState, Record, StopReason};
use embex_tsne::step::StepObserver;
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
    let saved = folder.load::<(OptimizerState<T>, Vec<Attributor<T, C>>)>(Checkpoint::Map)?;
    let (mut run, mut attributors) = if let Some((state, attributors)) = saved {
        (Optimizer::<T, C>::resume(affinities, params, state)?, attributors)
    } else {
        let start = match prepared.coordinates() {
            Coordinates::Scores(x) => params.start::<f64, T, C>(x, display),
            Coordinates::Features(x) => params.start::<T, T, C>(x, display),
        }?;
        let attributors = attributors(prepared, affinities, settings)?;
        (Optimizer::new(affinities, params, start)?, attributors)
    };
    optimise(&mut run, &mut attributors, params, folder, every, display)?;
    let attributions = attribute(attributors, &mut run, folder, display)?;
    let made = run.into_map()?;
    Ok(Made {
        map: made.embedding,
        divergence: made.divergence,
        history: made.history,
        n_iter: made.n_iter,
        stopped: made.stopped,
        attributions,
    })
}

/// The recursions that the settings ask for: of every axis, then of the scalar.
fn attributors<T: Stored, const C: usize>(
    prepared: &Prepared<T>,
    affinities: &Affinities,
    settings: &Settings,
) -> Result<Vec<Attributor<T, C>>> {
    let Some(asked) = &settings.explain.attribution else { return Ok(Vec::new()) };
    let mut scalars = vec![Scalar::Axes];
    scalars.extend(scalar(asked, prepared)?);
    let params = AttributeParams::default().with_mode(asked.mode).with_steps(asked.at.clone());
    let clipped = MatRef::<T>::from_row_major_slice(&[], 0, 0); // looked at by a clip, which is off
    let attributor = |scalar: Scalar| {
        let params = params.clone().with_scalar(scalar);
        Attributor::new(&params, &settings.map, affinities, clipped).map_err(Error::from)
    };
    scalars.into_iter().map(attributor).collect()
}

fn scalar<T>(asked: &AttributionSettings, prepared: &Prepared<T>) -> Result<Option<Scalar>> {
    match (asked.scalar, &prepared.groups) {
        (ScalarArg::Length, _) => Ok(None),
        (ScalarArg::NormSq, _) => Ok(Some(Scalar::NormSq)),
        (ScalarArg::GroupDistance, Some((_, groups))) => {
            Ok(Some(Scalar::GroupDistanceSq { groups: groups.codes().to_vec() }))
        }
        (ScalarArg::GroupDistance, None) => {
            let words =
                "--scalar group-distance needs groups: --labels, or --clusters of 2 or more";
            Err(Error::Usage(words.to_owned()))
        }
    }
}

/// Updates the map until a stop rule holds, with a checkpoint every so many updates.
fn optimise<T: Stored, const C: usize>(
    run: &mut Optimizer<'_, T, C>,
    attributors: &mut [Attributor<T, C>],
    params: &TsneParams,
    folder: &Folder,
    every: usize,
    display: &mut Display,
) -> Result<()> {
    while run.stop_reason().is_none() {
        let mut observers: Vec<&mut dyn StepObserver<T, C>> =
            attributors.iter_mut().map(|a| a as &mut dyn StepObserver<T, C>).collect();
        run.step(&mut observers)?;
        let done = run.iteration();
        let message = run.history().last().map(|last| format!("KL {:.4}", last.divergence.kl()));
        display.update(Update {
            phase: "optimise",
            done: done as u64,
            total: params.n_iter as u64,
            message: message.as_deref().unwrap_or_default(),
        });
        let stop = interrupt::requested();
        if stop || (done.is_multiple_of(every) && run.stop_reason().is_none()) {
            folder.save(Checkpoint::Map, &(run.state(), &*attributors))?;
        }
        if stop {
            return Err(Error::Interrupted(folder.work().to_owned()));
        }
    }
    run.run(&mut [], display)?; // no update is left: this refuses a map that has fallen together
    folder.save(Checkpoint::Map, &(run.state(), &*attributors))
}

/// Turns what the recursions saw into coefficients, from their checkpoint if there is one.
fn attribute<T: Stored, const C: usize>(
    attributors: Vec<Attributor<T, C>>,
    run: &mut Optimizer<'_, T, C>,
    folder: &Folder,
    display: &mut Display,
) -> Result<Option<Attributed<T>>> {
    if attributors.is_empty() {
        return Ok(None);
    }
    if let Some(done) = folder.load(Checkpoint::Attributions)? {
        return Ok(Some(done));
    }
    let mut finished = Vec::new();
    for attributor in attributors {
        finished.push(attributor.run(run, display)?.attributions);
    }
    let mut finished = finished.into_iter();
    let axes = finished.next().unwrap_or_default();
    let attributed = Attributed { axes, scalar: finished.next().unwrap_or_default() };
    folder.save(Checkpoint::Attributions, &attributed)?;
    Ok(Some(attributed))
}
