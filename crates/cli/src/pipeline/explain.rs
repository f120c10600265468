//! Values per feature: sensitivities in the features, importance, summaries per group.

use embex_linalg::faer::MatRef;
use embex_linalg::stats::column_means;
use embex_linalg::{MemoryBudget, Rows};
use embex_tsne::attribution::{Attribution, through_loadings};
use embex_tsne::importance::{Candidates, FeatureSets, Importance, ImportanceParams, Occlusion};
use embex_tsne::summary::{Contrast, FeatureSummary, GroupMeans};

use super::folder::{Checkpoint, Folder};
use super::map::{Attributed, Stored};
use super::prepare::Prepared;
use super::settings::{ImportanceSettings, Settings};
use crate::exit::Result;
use crate::progress::Display;

/// Sensitivities of all points at one step, in the features.
#[derive(Debug)]
pub(super) struct Sensitivities {
    /// Updates completed.
    pub(super) step: usize,
    /// Length of dy_i/dx_id over the axes: n × D.
    pub(super) lengths: Rows<f32>,
    /// Of the scalar, with its sign: n × D; none where the scalar is the length.
    pub(super) signed: Option<Rows<f32>>,
    /// The signed ones as n × p scores of the components, where there are any.
    pub(super) scores: Option<Rows<f32>>,
}

impl Sensitivities {
    /// What the files and the page show: the signed ones if there are any.
    pub(super) fn shown(&self) -> &Rows<f32> {
        self.signed.as_ref().unwrap_or(&self.lengths)
    }
}

/// The sensitivities at every step, in the features.
pub(super) fn sensitivities<T: Stored>(
    attributed: &Attributed<T>,
    prepared: &Prepared,
) -> Result<Vec<Sensitivities>> {
    let coordinates = centred::<T>(prepared.coordinates())?;
    let loadings =
        prepared.components.as_ref().map(|c| Rows::convert_from(c.pca.loadings.as_mat()));
    let mut all = Vec::new();
    for (at, axes) in attributed.axes.iter().enumerate() {
        let n_axes = axes.values_per_feature();
        let (by_axis, _) = in_features(axes, &coordinates, loadings.as_ref())?;
        let lengths = lengths(&by_axis, n_axes);
        drop(by_axis);
        let signed = attributed.scalar.get(at);
        let signed = signed.map(|a| in_features(a, &coordinates, loadings.as_ref())).transpose()?;
        let (signed, scores) =
            signed.map_or((None, None), |(signed, scores)| (Some(signed), scores));
        all.push(Sensitivities {
            step: axes.step,
            lengths,
            signed: signed.map(|rows| Rows::convert_from(rows.as_mat())),
            scores: scores.map(|rows| Rows::convert_from(rows.as_mat())),
        });
    }
    Ok(all)
}

/// Values in the features, and in the components if there are any.
fn in_features<T: Stored>(
    attribution: &Attribution<T>,
    coordinates: &Rows<T>,
    loadings: Option<&Rows<T>>,
) -> Result<(Rows<T>, Option<Rows<T>>)> {
    let values = attribution.project(coordinates.as_mat())?;
    match loadings {
        None => Ok((values, None)),
        Some(loadings) => {
            let in_features = through_loadings(&values, loadings.as_mat())?;
            Ok((in_features, Some(values)))
        }
    }
}

/// Coordinates less their means, in the map's precision: differences keep their digits.
fn centred<T: Stored>(x: MatRef<'_, f64>) -> Result<Rows<T>> {
    let means = column_means(x)?;
    let mut rows = Rows::zeros(x.nrows(), x.ncols());
    for i in 0..x.nrows() {
        for (d, value) in rows.row_mut(i).iter_mut().enumerate() {
            *value = T::from_f64(x[(i, d)] - means[d]);
        }
    }
    Ok(rows)
}

/// Length over the axes; each row holds all features of one axis after the other.
fn lengths<T: Stored>(by_axis: &Rows<T>, n_axes: usize) -> Rows<f32> {
    let n_features = by_axis.n_cols() / n_axes.max(1);
    let mut out = Rows::zeros(by_axis.n_rows(), n_features);
    for i in 0..by_axis.n_rows() {
        let row = by_axis.row(i);
        for (d, value) in out.row_mut(i).iter_mut().enumerate() {
            let square = |v: &T| v.to_f64() * v.to_f64();
            let sum: f64 = row[d..].iter().step_by(n_features).map(square).sum();
            *value = sum.sqrt() as f32;
        }
    }
    out
}

/// Importance by occlusion, from its checkpoint if there is one.
pub(super) fn importance(
    prepared: &Prepared,
    map: MatRef<'_, f64>,
    settings: &Settings,
    asked: &ImportanceSettings,
    folder: &Folder,
    budget: MemoryBudget,
    display: &mut Display,
) -> Result<Importance> {
    let features = prepared.features.as_mat();
    let sets = match asked.correlated {
        None => FeatureSets::singles(features.ncols()),
        Some(threshold) => FeatureSets::correlated(features, threshold)?,
    };
    let mut params = ImportanceParams::for_map(&settings.map)?;
    if let Some(factor) = asked.candidates {
        params = params.with_candidates(Candidates::Widened { factor });
    }
    let groups = prepared.groups.as_ref().map(|(_, groups)| groups.clone());
    let space = prepared.space();
    let mut run = Occlusion::new(space, map, sets, groups, params, budget, display)?;
    if let Some(state) = folder.load(Checkpoint::Importance)? {
        run.resume(state)?;
    }
    let mut saved = std::time::Instant::now();
    loop {
        let advanced = run.advance(display);
        let is_due = saved.elapsed() >= CHECKPOINT_EVERY;
        if is_due || advanced.is_err() {
            folder.save(Checkpoint::Importance, run.state())?;
            saved = std::time::Instant::now();
        }
        if !advanced? {
            break;
        }
    }
    Ok(run.finish(display)?)
}

/// Least time between two checkpoints of the importance.
const CHECKPOINT_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

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
pub(super) fn summary(
    prepared: &Prepared,
    sensitivities: Option<&Sensitivities>,
    importance: Option<&Importance>,
) -> Result<Summary> {
    let Some((_, groups)) = &prepared.groups else {
        return overall(prepared, sensitivities, importance);
    };
    let contrast = Contrast::new(prepared.features.as_mat(), groups)?;
    let mut table = FeatureSummary::new(groups, contrast);
    if let Some(importance) = importance {
        table = table.with_importance(importance)?;
    }
    if let Some(found) = sensitivities {
        let means = |rows: &Rows<f32>| {
            let mut means = GroupMeans::new(groups.clone(), rows.n_cols());
            means.add(rows.as_mat())?;
            means.finish()
        };
        let (norm, _) = means(&found.lengths)?;
        table = table.with_sensitivity_norm(norm)?;
        let (absolute, signed) = means(found.shown())?;
        table = table.with_sensitivity(absolute, signed)?;
    }
    let has_sign = sensitivities.is_some_and(|found| found.signed.is_some());
    Ok(Summary {
        importance: table.importance,
        sensitivity: table.sensitivity,
        jacobian_norm: table.sensitivity_norm,
        signed_mean: table.signed_mean.filter(|_| has_sign),
        contrast: Some(table.difference),
    })
}

/// One row for all points.
fn overall(
    prepared: &Prepared,
    sensitivities: Option<&Sensitivities>,
    importance: Option<&Importance>,
) -> Result<Summary> {
    let one_row = |values: Vec<f64>| Rows::from_vec(values, prepared.names.len());
    let mut summary = Summary {
        importance: importance.and_then(|found| one_row(spread(found, &found.total))),
        ..Summary::default()
    };
    if let Some(found) = sensitivities {
        let mut absolute = found.shown().clone();
        absolute.as_mut_slice().iter_mut().for_each(|value| *value = value.abs());
        summary.sensitivity = one_row(column_means(absolute.as_mat())?);
        summary.jacobian_norm = one_row(column_means(found.lengths.as_mat())?);
        if let Some(signed) = &found.signed {
            summary.signed_mean = one_row(column_means(signed.as_mat())?);
        }
    }
    Ok(summary)
}

/// Every feature gets the value of its set, 0 outside all sets.
fn spread(importance: &Importance, of_set: &[f64]) -> Vec<f64> {
    importance.sets.spread(of_set).into_iter().map(|value| value.unwrap_or(0.0)).collect()
}

/// Importance per point and feature: n × D.
pub(super) fn point_importance(importance: &Importance) -> Option<Rows<f32>> {
    let charges = importance.per_point.as_ref()?;
    let mut out = Rows::zeros(charges.n_rows(), importance.sets.n_features());
    for i in 0..charges.n_rows() {
        let of_set: Vec<f64> = charges.row(i).iter().map(|&v| f64::from(v)).collect();
        for (value, spread) in out.row_mut(i).iter_mut().zip(spread(importance, &of_set)) {
            *value = spread as f32;
        }
    }
    Some(out)
}
