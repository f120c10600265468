//! The files of the result folder, through embex-report.

use std::time::Instant;

use embex_io::Usage;
use embex_linalg::{Real, Rows};
use embex_report::page::{
    Groups, ImageShape, Layer, LayerData, LayerKind, PageInput, PageOptions, Saturation, Summary,
    TopFeatures,
};
use embex_report::{Environment, Matrix, PhaseTime, RunRecord, RunResult};
use embex_tsne::importance::{CandidateEffect, Importance};
use embex_tsne::summary::{self, Order};
use serde_json::{Value, json};

use super::explain;
use super::folder::Folder;
use super::labels::Grouping;
use super::map::Made;
use super::prepare::Prepared;
use super::sensitivity::{Sensitivities, Shown, StepDiagnostics};
use super::sets::Sets;
use super::settings::{AttributionSettings, Settings};
use super::stored::{Stored, rows};
use crate::args::ScalarArg;
use crate::exit::Result;

/// Everything that a run found.
pub(super) struct Found<T> {
    pub(super) prepared: Prepared<T>,
    pub(super) made: Made<T>,
    pub(super) sensitivities: Option<Sensitivities>,
    pub(super) importance: Option<Importance>,
    /// What was removed together for it.
    pub(super) sets: Option<Sets>,
    pub(super) saturation: Option<summary::Saturation>,
    pub(super) quality: Value,
}

/// What the user should know before trusting the numbers.
pub(super) fn notices<T>(found: &Found<T>) -> Vec<String> {
    saturation_warning(found).into_iter().chain(page_notices(found)).collect()
}

fn saturation_warning<T>(found: &Found<T>) -> Option<String> {
    let (grouping, _) = found.prepared.groups.as_ref()?;
    let words = found.saturation.as_ref()?.warning(&grouping.names)?;
    let is_zero = |importance: &Importance| importance.total.iter().all(|&rise| rise == 0.0);
    Some(match words.strip_suffix(", use importance") {
        Some(words) if found.importance.as_ref().is_some_and(is_zero) => {
            format!("{words}, and importance is 0 for every feature: it sees nothing either")
        }
        _ => words,
    })
}

/// Those of them that do not come of what crosses between groups.
fn page_notices<T>(found: &Found<T>) -> Vec<String> {
    let mut notices: Vec<String> = found.prepared.notices.clone();
    if let Some(share) = found.quality.pointer("/neighbour_recall/share").and_then(Value::as_f64) {
        notices.push(format!(
            "approximate neighbours: {:.1} % of those listed are true ones",
            100.0 * share
        ));
    }
    let diagnostics = found.sensitivities.iter().flat_map(|s| &s.diagnostics);
    for StepDiagnostics { step, seen, .. } in diagnostics.filter(|d| d.of_axes) {
        if seen.overflowed > 0 {
            notices.push(format!(
                "step {step}: the sensitivity of {} points left the range of numbers and was set to zero",
                seen.overflowed
            ));
        }
        if seen.unstable > 0 {
            notices.push(format!(
                "step {step}: the sensitivity of {} points is over 1000 times that of the median point, it says nothing about changes of finite size",
                seen.unstable
            ));
        }
        if seen.collapsed {
            notices.push(format!(
                "step {step}: the map had fallen together, its derivatives are of rounding size"
            ));
        }
        if seen.after_exaggeration {
            notices.push(format!("step {step} lies after the first phase, where restricted derivatives rank features worse"));
        }
        if seen.indefinite > 0 {
            notices.push(format!(
                "{} points lie on a saddle, where fixed_point derivatives mislead",
                seen.indefinite
            ));
        }
    }
    notices.extend(left_out(found));
    notices.extend(found.sets.as_ref().and_then(Sets::notice));
    let effect = found.importance.as_ref().map(|i| &i.effect);
    if let Some(effect) = effect.filter(|e| !e.sampled_sets.is_empty()) {
        notices.push(format!(
            "importance: widened candidates found {:.1} % of the new neighbours; largest relative change {:.2e}",
            100.0 * effect.recall, effect.change_largest
        ));
    }
    notices
}

/// How many points of which group the means of sensitivities leave out.
fn left_out<T>(found: &Found<T>) -> Option<String> {
    let sensitivities = found.sensitivities.as_ref()?;
    let groups = found.prepared.groups.as_ref();
    let each = sensitivities.left_out.iter().zip(&sensitivities.norm_left_out).enumerate();
    let counts =
        each.filter(|(_, (shown, norm))| **shown.max(norm) > 0).map(|(group, (shown, norm))| {
            let (name, size) = match groups {
                Some((grouping, groups)) => (&*grouping.names[group], groups.sizes()[group]),
                None => ("all", found.made.map.n_rows()),
            };
            format!("{name}: {shown} (lengths: {norm}) of {size}")
        });
    let counts: Vec<String> = counts.collect();
    (!counts.is_empty()).then(|| {
        format!(
            "step {}: the means of sensitivities leave out such points ({}); they are 0 where none is left",
            sensitivities.step,
            counts.join("; ")
        )
    })
}

/// Writes all files and the page.
pub(super) fn write<T: Stored>(
    found: Found<T>,
    settings: &Settings,
    folder: &Folder,
    times: &mut Vec<PhaseTime>,
) -> Result<()> {
    let start = Instant::now();
    let mut run = RunRecord::new("embex tsne", serde_json::to_value(settings).unwrap_or_default());
    run.diagnostics = diagnostics(&found, settings);
    run.environment = environment();
    let quality = found.quality.clone();
    let page = page(found, settings)?;
    run.peak_memory_bytes = Usage::now().peak_memory_bytes;
    times.push(PhaseTime { phase: "files".to_owned(), seconds: start.elapsed().as_secs_f64() });
    run.timings.clone_from(times);
    Ok(RunResult { page, run, quality }.write(folder.work(), &PageOptions::default())?)
}

fn environment() -> Environment {
    Environment {
        versions: [("embex".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into(),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        threads: rayon::current_num_threads(),
        ..Environment::default()
    }
}

fn diagnostics<T: Stored>(found: &Found<T>, settings: &Settings) -> Value {
    let made = &found.made;
    let scalar = settings.explain.attribution.as_ref().map(|asked| match asked.scalar {
        ScalarArg::Length => "|dy/dx|",
        ScalarArg::NormSq => "|y|²",
        ScalarArg::GroupDistance => "distance from the group's mean",
    });
    let attributions: Vec<Value> = (found.sensitivities.iter().flat_map(|s| &s.diagnostics))
        .map(|d| {
            let of = if d.of_axes { Some("axes") } else { scalar };
            json!({ "of": of, "step": d.step, "diagnostics": d.seen })
        })
        .collect();
    let components = found.prepared.components.as_ref();
    json!({
        "samples": found.prepared.features.n_rows(),
        "features": found.prepared.names.len(),
        "samples_without_label": found.prepared.groups.as_ref().map(|(g, _)| g.n_unlabelled),
        "iterations": made.n_iter,
        "stopped": made.stopped,
        "neighbour_recall": found.quality["neighbour_recall"],
        "stability": spread(&made.stability),
        "attributions": attributions,
        "left_out_of_means": found.sensitivities.as_ref().map(|s| json!({
            "sensitivity": s.left_out,
            "jacobian_norm": s.norm_left_out,
        })),
        "feature_sets": found.sets.as_ref().and_then(Sets::shown).map(|shown| json!({
            "sets": shown.names.len(),
            "features_in_sets": (0..shown.of_feature.len()).filter_map(|d| shown.set_of(d)).count(),
            "which": shown.title,
        })),
        "importance": found.importance.as_ref().map(|i| effect(&i.effect)),
        "explained_variance_ratio": components.map(|c| &c.pca.explained_variance_ratio),
    })
}

/// How the stabilities lie, and how many of them are those of points that nothing holds.
fn spread(stability: &[f64]) -> Value {
    let mut sorted = stability.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let quartile = |k: usize| sorted.get(k * last / 4);
    json!({
        "not_held": sorted.partition_point(|&value| value <= 0.0),
        "least": quartile(0),
        "lower_quartile": quartile(1),
        "median": quartile(2),
        "upper_quartile": quartile(3),
        "largest": quartile(4),
    })
}

/// The effect without the counts of how neighbours were proved, which follow the memory limit.
fn effect(effect: &CandidateEffect) -> Value {
    let mut value = serde_json::to_value(effect).unwrap_or_default();
    if let Some(counts) = value.pointer_mut("/counts").and_then(Value::as_object_mut) {
        counts.retain(|name, _| name != "proved" && name != "scanned");
    }
    value
}

/// Moves what was found into the page, so that no matrix is there twice.
fn page<T: Stored>(mut found: Found<T>, settings: &Settings) -> Result<PageInput> {
    let source = file_name(&settings.input.source);
    let map = Rows::convert_from(found.made.map.as_mat());
    let names = std::mem::take(&mut found.prepared.names);
    let mut page = PageInput::new(&format!("t-SNE of {source}"), matrix(map)?, names);
    page.notices = notices(&found);
    page.listed = settings.explain.top;
    page.saturation = (found.saturation.as_ref())
        .map(|s| Saturation { mass_across: s.across, saturated: s.is_blind() });
    let summary =
        explain::summary(&found.prepared, found.sensitivities.as_ref(), found.importance.as_ref())?;
    page.summary = page_summary(summary)?;
    page.sets = found.sets.as_ref().and_then(Sets::shown);
    let Prepared { features, row_names, components, groups, image, .. } = found.prepared;
    page.point_names = row_names;
    page.groups = groups.map(|(Grouping { title, names, codes, .. }, _)| Groups {
        title,
        names,
        of_point: codes,
    });
    page.stability = Some(found.made.stability);
    page.image = image.map(|(height, width)| ImageShape { height, width });
    let n_cols = features.n_cols();
    let values = rows(T::give(features.into_vec()).into_f32(), n_cols)?;
    page.layers.push(layer(LayerKind::Value, "as prepared", LayerData::Dense(matrix(values)?)));
    let mut top = None;
    if let (Some(shown), Some(asked)) = (found.sensitivities, &settings.explain.attribution) {
        let loadings = components.as_ref().map(|c| &c.pca.loadings);
        top = shown.top.as_ref().map(|top| listed(top, &shown.unusable, LayerKind::Attribution));
        page.layers.push(attribution(shown, asked, loadings)?);
    }
    if let Some(charges) = found.importance.as_mut().and_then(explain::point_importance) {
        top = top_by_importance(&charges, settings.explain.top)?;
        let about = match &page.sets {
            None => "rise of the point's share of KL(P‖Q) when the feature is put to its mean",
            Some(_) => {
                "rise of the point's share of KL(P‖Q) when the feature, with all of its set, is put \
                 to its mean"
            }
        };
        page.layers.push(layer(LayerKind::Importance, about, LayerData::Dense(matrix(charges)?)));
    }
    page.top = top;
    Ok(page)
}

fn attribution(
    found: Sensitivities,
    asked: &AttributionSettings,
    loadings: Option<&Rows<f64>>,
) -> Result<Layer> {
    let scalar = match asked.scalar {
        ScalarArg::Length => "length of dy/dx over the axes",
        ScalarArg::NormSq => "derivative of |y|², the squared distance from the map's origin",
        ScalarArg::GroupDistance => "derivative of the squared distance from the group's mean",
    };
    let about = format!("{scalar}; {}, step {}", asked.mode, found.step);
    let data = match (found.shown, loadings) {
        (Shown::Scores(scores), Some(loadings)) => {
            let loadings = matrix(Rows::convert_from(loadings.as_mat().transpose()))?;
            LayerData::Components { scores: matrix(scores)?, loadings }
        }
        (Shown::Features(values) | Shown::Scores(values), _) => LayerData::Dense(matrix(values)?),
    };
    Ok(layer(LayerKind::Attribution, &about, data))
}

fn layer(kind: LayerKind, about: &str, data: LayerData) -> Layer {
    Layer { kind, about: about.to_owned(), data }
}

fn top_by_importance(charges: &Rows<f32>, count: usize) -> Result<Option<TopFeatures>> {
    if count == 0 {
        return Ok(None);
    }
    let top = summary::TopFeatures::of_rows(charges.as_mat(), count, Order::Largest)?;
    Ok(Some(listed(&top, &[], LayerKind::Importance)))
}

/// As the page lists them: nothing for points whose values say nothing.
fn listed(top: &summary::TopFeatures, unusable: &[u32], kind: LayerKind) -> TopFeatures {
    let mut listed = TopFeatures { k: top.count(), kind: Some(kind), ..TopFeatures::default() };
    for i in 0..top.n_rows() {
        listed.features.extend_from_slice(top.features(i));
        listed.values.extend(top.values(i).iter().map(|&value| value as f32));
    }
    for &i in unusable {
        let list = i as usize * listed.k..(i as usize + 1) * listed.k;
        listed.features[list].fill(TopFeatures::NONE);
    }
    listed
}

fn page_summary(found: explain::Summary) -> Result<Summary> {
    let matrix = |rows: Option<Rows<f64>>| rows.map(matrix).transpose();
    Ok(Summary {
        importance: matrix(found.importance)?,
        sensitivity: matrix(found.sensitivity)?,
        jacobian_norm: matrix(found.jacobian_norm)?,
        signed_mean: matrix(found.signed_mean)?,
        contrast: matrix(found.contrast)?,
    })
}

fn matrix<S: Real + Into<f64>>(rows: Rows<S>) -> Result<Matrix<S>> {
    let (n_rows, n_cols) = (rows.n_rows(), rows.n_cols());
    Ok(Matrix::new(n_rows, n_cols, rows.into_vec())?)
}

fn file_name(source: &str) -> &str {
    let name = std::path::Path::new(source).file_name();
    name.and_then(|name| name.to_str()).unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::faer::mat;

    #[test]
    fn points_that_say_nothing_have_no_list() {
        let values = mat![[1.0, -2.0, 0.5], [0.0, 0.0, 0.0_f64]];
        let top = summary::TopFeatures::of_rows(values.as_ref(), 2, Order::LargestSize).unwrap();
        let listed = listed(&top, &[1], LayerKind::Attribution);
        assert_eq!(listed.features, [1, 0, TopFeatures::NONE, TopFeatures::NONE]);
    }
}
