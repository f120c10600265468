//! The files of the result folder, through embex-report.

use std::time::Instant;

use embex_io::Usage;
use embex_linalg::Rows;
use embex_report::page::{
    Groups, ImageShape, Layer, LayerData, LayerKind, PageInput, PageOptions, Saturation,
    TopFeatures,
};
use embex_report::{Environment, Matrix, PhaseTime, RunRecord, RunResult};
use embex_tsne::importance::Importance;
use embex_tsne::summary::{self, Order};
use serde_json::{Value, json};

use super::explain::{self, Sensitivities};
use super::folder::Folder;
use super::map::Made;
use super::prepare::Prepared;
use super::settings::Settings;
use crate::args::ScalarArg;
use crate::exit::Result;

/// Everything that a run found.
pub(super) struct Found<'a, T> {
    pub(super) prepared: &'a Prepared,
    pub(super) made: &'a Made<T>,
    pub(super) sensitivities: &'a [Sensitivities],
    pub(super) importance: Option<&'a Importance>,
    pub(super) saturation: Option<&'a summary::Saturation>,
    pub(super) quality: Value,
}

/// What the user should know before trusting the numbers.
pub(super) fn notices<T>(found: &Found<'_, T>) -> Vec<String> {
    let mut notices: Vec<String> =
        found.saturation.and_then(summary::Saturation::warning).into_iter().collect();
    let attributions = found.made.attributions.iter().flat_map(|a| &a.axes);
    for diagnostics in attributions.map(|a| (a.step, &a.diagnostics)) {
        let (step, seen) = diagnostics;
        if seen.limited > 0 {
            notices.push(format!(
                "step {step}: {} point-updates of the sensitivity were shortened to stay stable",
                seen.limited
            ));
        }
        if seen.overflowed > 0 {
            notices.push(format!(
                "step {step}: the sensitivity of {} points left the range of numbers and was set to zero",
                seen.overflowed
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
    if let Some(effect) = found.importance.map(|i| &i.effect).filter(|e| !e.sampled_sets.is_empty())
    {
        notices.push(format!(
            "importance: widened candidates found {:.1} % of the new neighbours; largest relative change {:.2e}",
            100.0 * effect.recall, effect.change_largest
        ));
    }
    notices
}

/// Writes all files and the page.
pub(super) fn write<T>(
    found: &Found<'_, T>,
    settings: &Settings,
    folder: &Folder,
    times: &mut Vec<PhaseTime>,
) -> Result<()> {
    let start = Instant::now();
    for other in found.sensitivities.iter().skip(1) {
        let values = other.shown();
        let path = folder.path(&format!("attributions_{}.npy", other.step));
        embex_io::write_npy(path, &[values.n_rows(), values.n_cols()], values.as_slice())?;
    }
    let mut run = RunRecord::new("embex tsne", serde_json::to_value(settings).unwrap_or_default());
    run.diagnostics = diagnostics(found);
    run.environment = environment();
    run.peak_memory_bytes = Usage::now().peak_memory_bytes;
    times.push(PhaseTime { phase: "files".to_owned(), seconds: start.elapsed().as_secs_f64() });
    run.timings.clone_from(times);
    let result = RunResult { page: page(found, settings)?, run, quality: found.quality.clone() };
    Ok(result.write(folder.work(), &PageOptions::default())?)
}

fn environment() -> Environment {
    Environment {
        versions: [("embex".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into(),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        threads: rayon::current_num_threads(),
        ..Environment::default()
    }
}

fn diagnostics<T>(found: &Found<'_, T>) -> Value {
    let made = found.made;
    let attributions = made.attributions.iter().flat_map(|a| a.axes.iter().chain(&a.scalar));
    let attributions: Vec<Value> =
        attributions.map(|a| json!({ "step": a.step, "diagnostics": a.diagnostics })).collect();
    let components = found.prepared.components.as_ref();
    json!({
        "samples": found.prepared.features.n_rows(),
        "features": found.prepared.names.len(),
        "iterations": made.n_iter,
        "stopped": made.stopped,
        "attributions": attributions,
        "importance": found.importance.map(|i| &i.effect),
        "explained_variance_ratio": components.map(|c| &c.pca.explained_variance_ratio),
    })
}

fn page<T>(found: &Found<'_, T>, settings: &Settings) -> Result<PageInput> {
    let prepared = found.prepared;
    let mut page = PageInput::new(
        &format!("t-SNE of {}", file_name(&settings.input.source)),
        matrix(&Rows::convert_from(found.made.map.as_mat()))?,
        prepared.names.clone(),
    );
    page.point_names.clone_from(&prepared.row_names);
    page.groups = prepared.groups.as_ref().map(|(grouping, _)| Groups {
        title: grouping.title.clone(),
        names: grouping.names.clone(),
        of_point: grouping.codes.clone(),
    });
    page.notices = notices(found);
    page.image = prepared.image.map(|(height, width)| ImageShape { height, width });
    page.saturation =
        found.saturation.map(|s| Saturation { mass_across: s.across, saturated: s.is_blind() });
    fill_layers(&mut page, found, settings)?;
    fill_summary(&mut page, found)?;
    Ok(page)
}

fn fill_layers<T>(page: &mut PageInput, found: &Found<'_, T>, settings: &Settings) -> Result<()> {
    let values: Rows<f32> = Rows::convert_from(found.prepared.features.as_mat());
    page.layers.push(layer(LayerKind::Value, "as prepared", LayerData::Dense(matrix(&values)?)));
    let shown = found.sensitivities.first();
    if let (Some(shown), Some(asked)) = (shown, &settings.explain.attribution) {
        let scalar = match asked.scalar {
            ScalarArg::Length => "length of dy/dx over the axes",
            ScalarArg::NormSq => "derivative of |y|², the squared distance from the map's origin",
            ScalarArg::GroupDistance => "derivative of the squared distance from the group's mean",
        };
        let about = format!("{scalar}; {}, step {}", asked.mode, shown.step);
        let components = found.prepared.components.as_ref();
        let data = match (&shown.scores, components) {
            (Some(scores), Some(components)) => LayerData::Components {
                scores: matrix(scores)?,
                loadings: transposed(&components.pca.loadings)?,
            },
            _ => LayerData::Dense(matrix(shown.shown())?),
        };
        page.layers.push(layer(LayerKind::Attribution, &about, data));
    }
    let charges = found.importance.and_then(explain::point_importance);
    if let Some(charges) = &charges {
        let about = "rise of the point's share of KL(P‖Q) when the feature is put to its mean";
        let data = LayerData::Dense(matrix(charges)?);
        page.layers.push(layer(LayerKind::Importance, about, data));
    }
    page.top = top(charges.as_ref(), shown, settings.explain.top)?;
    Ok(())
}

fn layer(kind: LayerKind, about: &str, data: LayerData) -> Layer {
    Layer { kind, about: about.to_owned(), data }
}

/// The features of each point: by importance, else by sensitivity.
fn top(
    charges: Option<&Rows<f32>>,
    shown: Option<&Sensitivities>,
    count: usize,
) -> Result<Option<TopFeatures>> {
    let (rows, order, kind) = match (charges, shown) {
        (Some(charges), _) => (charges, Order::Largest, LayerKind::Importance),
        (None, Some(shown)) => (shown.shown(), Order::LargestSize, LayerKind::Attribution),
        (None, None) => return Ok(None),
    };
    if count == 0 {
        return Ok(None);
    }
    let top = summary::TopFeatures::of_rows(rows.as_mat(), count, order)?;
    let mut listed = TopFeatures { k: top.count(), kind: Some(kind), ..TopFeatures::default() };
    for i in 0..rows.n_rows() {
        listed.features.extend_from_slice(top.features(i));
        listed.values.extend(top.values(i).iter().map(|&value| value as f32));
    }
    Ok(Some(listed))
}

fn fill_summary<T>(page: &mut PageInput, found: &Found<'_, T>) -> Result<()> {
    let first = found.sensitivities.first();
    let summary = explain::summary(found.prepared, first, found.importance)?;
    let matrix = |rows: Option<Rows<f64>>| -> Result<Option<Matrix<f64>>> {
        rows.map(|rows| {
            let (n_rows, n_cols) = (rows.n_rows(), rows.n_cols());
            Ok(Matrix::new(n_rows, n_cols, rows.into_vec())?)
        })
        .transpose()
    };
    page.summary.importance = matrix(summary.importance)?;
    page.summary.sensitivity = matrix(summary.sensitivity)?;
    page.summary.jacobian_norm = matrix(summary.jacobian_norm)?;
    page.summary.signed_mean = matrix(summary.signed_mean)?;
    page.summary.contrast = matrix(summary.contrast)?;
    Ok(())
}

fn matrix(rows: &Rows<f32>) -> Result<Matrix<f32>> {
    Ok(Matrix::new(rows.n_rows(), rows.n_cols(), rows.as_slice().to_vec())?)
}

fn transposed(loadings: &Rows<f64>) -> Result<Matrix<f32>> {
    let rows: Rows<f32> = Rows::convert_from(loadings.as_mat().transpose());
    matrix(&rows)
}

fn file_name(source: &str) -> &str {
    let name = std::path::Path::new(source).file_name();
    name.and_then(|name| name.to_str()).unwrap_or(source)
}
