//! Importance, and summaries per group.

use std::time::{Duration, Instant};

use embex_linalg::faer::MatRef;
use embex_linalg::{MemoryBudget, Rows};
use embex_tsne::importance::{Candidates, Importance, ImportanceParams, Occlusion};
use embex_tsne::summary::{Contrast, FeatureSummary};

use super::folder::{Checkpoint, Folder};
use super::prepare::Prepared;
use super::sensitivity::Sensitivities;
use super::sets::Sets;
use super::settings::{ImportanceSettings, Settings};
use super::stored::Stored;
use crate::exit::Result;
use crate::progress::Display;

/// Importance by occlusion, from its checkpoint if there is one.
pub(super) fn importance<T: Stored>(
    prepared: &Prepared<T>,
    map: MatRef<'_, f64>,
    settings: &Settings,
    (asked, sets): (&ImportanceSettings, &Sets),
    folder: &Folder,
    budget: MemoryBudget,
    display: &mut Display,
) -> Result<Importance> {
    let mut params = ImportanceParams::for_map(&settings.map)?;
    if let Some(factor) = asked.candidates {
        params = params.with_candidates(Candidates::Widened { factor });
    }
    let groups = prepared.groups.as_ref().map(|(_, groups)| groups.clone());
    let space = prepared.space();
    let mut run =
        Occlusion::new(space, map, sets.removed.clone(), groups, params, budget, display)?;
    if let Some(state) = folder.load(Checkpoint::Importance)? {
        run.resume(state)?;
    }
    let (mut saved, mut cost) = (Instant::now(), Duration::ZERO);
    loop {
        let advanced = run.advance(display);
        if saved.elapsed() >= CHECKPOINT_SHARE * cost || advanced.is_err() {
            let began = Instant::now();
            folder.save(Checkpoint::Importance, run.state())?;
            (saved, cost) = (Instant::now(), began.elapsed());
        }
        if !advanced? {
            break;
        }
    }
    Ok(run.finish(display)?)
}

/// Least time between two checkpoints of the importance, as a multiple of what the last one took:
/// they cost a twentieth of the time at most.
const CHECKPOINT_SHARE: u32 = 20;

/// Numbers per group and feature; one row for all points where there are no groups.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) importance: Option<Rows<f64>>,
    pub(super) sensitivity: Option<Rows<f64>>,
    pub(super) jacobian_norm: Option<Rows<f64>>,
    pub(super) signed_mean: Option<Rows<f64>>,
    pub(super) contrast: Option<Rows<f64>>,
}

/// Summaries of what there is.
pub(super) fn summary<T: Stored>(
    prepared: &Prepared<T>,
    sensitivities: Option<&Sensitivities>,
    importance: Option<&Importance>,
) -> Result<Summary> {
    let Some((_, groups)) = &prepared.groups else {
        let one_row = |values| Rows::from_vec(values, prepared.names.len());
        let importance = importance.and_then(|found| one_row(spread(found, &found.total)));
        return Ok(with_sensitivities(Summary { importance, ..Summary::default() }, sensitivities));
    };
    let contrast = Contrast::new(prepared.features.as_mat(), groups)?;
    let mut table = FeatureSummary::new(groups, contrast);
    if let Some(importance) = importance {
        table = table.with_importance(importance)?;
    }
    let (importance, contrast) = (table.importance, Some(table.difference));
    Ok(with_sensitivities(Summary { importance, contrast, ..Summary::default() }, sensitivities))
}

fn with_sensitivities(summary: Summary, found: Option<&Sensitivities>) -> Summary {
    let Some(found) = found else { return summary };
    Summary {
        sensitivity: Some(found.absolute.clone()),
        jacobian_norm: Some(found.norm.clone()),
        signed_mean: found.signed.clone(),
        ..summary
    }
}

/// Every feature gets the value of its set, 0 outside all sets.
fn spread(importance: &Importance, of_set: &[f64]) -> Vec<f64> {
    importance.sets.spread(of_set).into_iter().map(|value| value.unwrap_or(0.0)).collect()
}

/// Importance per point and feature: n × D; taken from `importance`.
pub(super) fn point_importance(importance: &mut Importance) -> Option<Rows<f32>> {
    let charges = importance.per_point.take()?;
    let n_features = importance.sets.n_features();
    let is_single = |d: usize| importance.sets.members(d) == [d];
    if importance.sets.len() == n_features && (0..n_features).all(is_single) {
        return Some(charges);
    }
    let mut out = Rows::zeros(charges.n_rows(), n_features);
    for i in 0..charges.n_rows() {
        let of_set: Vec<f64> = charges.row(i).iter().map(|&v| f64::from(v)).collect();
        for (value, spread) in out.row_mut(i).iter_mut().zip(spread(importance, &of_set)) {
            *value = spread as f32;
        }
    }
    Some(out)
}
