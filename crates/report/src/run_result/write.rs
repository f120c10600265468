//! Writing a result folder.

use std::io::Write;
use std::path::Path;

use embex_io::{AtomicFile, CsvWriter, NpyWriter, write_json, write_npy};

use super::{Kind, PageFacts, RunRecord, RunResult, files};
use crate::page::{self, FeatureSets, Layer, LayerData, PageInput, PageOptions, TopFeatures};
use crate::{Error, Matrix, Result};

pub(super) fn all(result: &RunResult, dir: &Path) -> Result<()> {
    let page = &result.page;
    matrix(&dir.join(files::EMBEDDING), &page.coords)?;
    points(page, &dir.join(files::POINTS))?;
    features(page, &dir.join(files::FEATURES))?;
    if let Some(sets) = &page.sets {
        members(page, sets, &dir.join(files::FEATURE_SETS))?;
    }
    for each in &page.layers {
        layer(each, dir)?;
    }
    if page.summary.columns().iter().any(|column| column.values.is_some()) {
        importance(page, &dir.join(files::IMPORTANCE))?;
        if page.listed > 0 {
            top_groups(page, &dir.join(files::TOP_GROUPS))?;
        }
    }
    if let Some(top) = &page.top {
        top_points(page, top, &dir.join(files::TOP_POINTS))?;
    }
    write_json(dir.join(files::QUALITY), &result.quality)?;
    let run = RunRecord { page: PageFacts::of(page), ..result.run.clone() };
    Ok(write_json(dir.join(files::RUN), &run)?)
}

pub(super) fn page(result: &RunResult, dir: &Path, options: &PageOptions) -> Result<()> {
    let mut file = AtomicFile::create(dir.join(files::PAGE))?;
    page::write_with_run(&result.page, &result.facts(), options, &mut file)?;
    file.flush().map_err(Error::Write)?;
    Ok(file.commit()?)
}

fn matrix(path: &Path, matrix: &Matrix<f32>) -> Result<()> {
    Ok(write_npy(path, &[matrix.n_rows(), matrix.n_cols()], matrix.as_slice())?)
}

fn layer(layer: &Layer, dir: &Path) -> Result<()> {
    let path = dir.join(Kind::from(layer.kind).file());
    match &layer.data {
        LayerData::Dense(dense) => {
            if dense.as_slice().iter().all(|&v| (0.0..=255.0).contains(&v) && v.fract() == 0.0) {
                return bytes(&path, dense);
            }
            matrix(&path, dense)
        }
        LayerData::Components { scores, loadings } => {
            let prefix = prefix(Kind::from(layer.kind));
            matrix(&dir.join(format!("{prefix}{}", files::SCORES)), scores)?;
            matrix(&dir.join(format!("{prefix}{}", files::LOADINGS)), loadings)
        }
    }
}

/// Whole numbers of 0…255 as bytes.
fn bytes(path: &Path, matrix: &Matrix<f32>) -> Result<()> {
    let mut file = NpyWriter::<u8>::create(path, &[matrix.n_rows(), matrix.n_cols()])?;
    let mut bytes = Vec::new();
    for block in matrix.as_slice().chunks(1 << 16) {
        bytes.clear();
        bytes.extend(block.iter().map(|&v| v as u8));
        file.write(&bytes)?;
    }
    Ok(file.finish()?)
}

/// Attributions have the plain names; other layers in this form are told apart by a prefix.
pub(super) const fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Attribution => "",
        Kind::Value => "values_",
        Kind::Importance => "point_importance_",
    }
}

/// Columns of `points.csv`, with or without the stability.
pub(super) fn point_columns(stability: bool) -> impl Iterator<Item = &'static str> {
    let known = ["point", "name", "group_index", "group"];
    known.into_iter().chain(stability.then_some("stability"))
}

fn points(page: &PageInput, path: &Path) -> Result<()> {
    let mut csv = CsvWriter::create(path, point_columns(page.stability.is_some()))?;
    for i in 0..page.n_points() {
        let name = page.point_names.get(i).map_or("", String::as_str);
        let (index, group) = page.groups.as_ref().map_or((String::new(), ""), |groups| {
            let g = groups.of_point[i];
            (g.to_string(), groups.names[g as usize].as_str())
        });
        let stability = page.stability.as_ref().map(|values| values[i].to_string());
        let cells = [i.to_string(), name.to_owned(), index, group.to_owned()];
        csv.row(cells.into_iter().chain(stability))?;
    }
    Ok(csv.finish()?)
}

/// Columns of `features.csv`, with or without sets.
pub(super) fn feature_columns(sets: bool) -> impl Iterator<Item = &'static str> {
    ["index", "feature"].into_iter().chain(["set_index", "set"].into_iter().filter(move |_| sets))
}

fn features(page: &PageInput, path: &Path) -> Result<()> {
    let mut csv = CsvWriter::create(path, feature_columns(page.sets.is_some()))?;
    for (d, name) in page.features.iter().enumerate() {
        let set = page.sets.iter().flat_map(|sets| {
            let index = sets.set_of(d).map_or(String::new(), |set| set.to_string());
            [index, sets.name_of(d).to_owned()]
        });
        csv.row([d.to_string(), name.clone()].into_iter().chain(set))?;
    }
    Ok(csv.finish()?)
}

/// The members of every set, as `embex tsne --feature-sets` reads them.
fn members(page: &PageInput, sets: &FeatureSets, path: &Path) -> Result<()> {
    let mut csv = CsvWriter::create(path, ["set", "feature"])?;
    let mut features: Vec<usize> = (0..page.features.len()).collect();
    features.retain(|&d| sets.set_of(d).is_some());
    features.sort_by_key(|&d| sets.set_of(d)); // stable: ascending within a set
    for d in features {
        csv.row([sets.name_of(d), &page.features[d]])?;
    }
    Ok(csv.finish()?)
}

/// The name `set` of a column, where there are sets.
pub(super) fn set_column(sets: bool) -> Option<&'static str> {
    sets.then_some("set")
}

/// The cell below it.
fn set_cell(page: &PageInput, d: usize) -> Option<String> {
    page.sets.as_ref().map(|sets| sets.name_of(d).to_owned())
}

/// Names of the groups of a summary; one for all points where there are none.
pub(super) fn group_names(page: &PageInput) -> Vec<&str> {
    match &page.groups {
        Some(groups) => groups.names.iter().map(String::as_str).collect(),
        None => vec!["all points"],
    }
}

/// The five numbers of a group and feature, empty where unknown.
fn numbers(page: &PageInput, g: usize, d: usize) -> impl Iterator<Item = String> {
    let cell = |m: Option<&Matrix<f64>>| m.map_or(String::new(), |m| m.at(g, d).to_string());
    page.summary.columns().map(|column| cell(column.values)).into_iter()
}

fn importance(page: &PageInput, path: &Path) -> Result<()> {
    let names = page.summary.columns().map(|column| column.name);
    let texts = ["group", "feature"].into_iter().chain(set_column(page.sets.is_some()));
    let mut csv = CsvWriter::create(path, texts.chain(names))?;
    for (g, group) in group_names(page).into_iter().enumerate() {
        for (d, feature) in page.features.iter().enumerate() {
            let texts = [group.to_owned(), feature.clone()].into_iter().chain(set_cell(page, d));
            csv.row(texts.chain(numbers(page, g, d)))?;
        }
    }
    Ok(csv.finish()?)
}

fn top_groups(page: &PageInput, path: &Path) -> Result<()> {
    let names = page.summary.columns().map(|column| column.name);
    let texts = ["group", "rank", "feature"].into_iter().chain(set_column(page.sets.is_some()));
    let mut csv = CsvWriter::create(path, texts.chain(names))?;
    for (g, group) in group_names(page).into_iter().enumerate() {
        for (rank, d) in page.summary.ranked(g).into_iter().take(page.listed).enumerate() {
            let texts = [group.to_owned(), (rank + 1).to_string(), page.features[d].clone()];
            let texts = texts.into_iter().chain(set_cell(page, d));
            csv.row(texts.chain(numbers(page, g, d)))?;
        }
    }
    Ok(csv.finish()?)
}

/// Columns of `top_features_points.csv`.
pub(super) fn top_columns(sets: bool) -> impl Iterator<Item = &'static str> {
    let known = ["point", "rank", "feature_index", "feature"];
    known.into_iter().chain(set_column(sets)).chain(["score"])
}

fn top_points(page: &PageInput, top: &TopFeatures, path: &Path) -> Result<()> {
    let mut csv = CsvWriter::create(path, top_columns(page.sets.is_some()))?;
    for at in 0..top.features.len() {
        let (i, rank, d) = (at / top.k, at % top.k + 1, top.features[at]);
        if d != TopFeatures::NONE {
            let name = page.features[d as usize].clone();
            let cells = [i.to_string(), rank.to_string(), d.to_string(), name];
            let cells = cells.into_iter().chain(set_cell(page, d as usize));
            csv.row(cells.chain([top.values[at].to_string()]))?;
        }
    }
    Ok(csv.finish()?)
}
