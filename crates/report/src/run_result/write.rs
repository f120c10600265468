//! Writing a result folder.

use std::io::Write;
use std::path::Path;

use embex_io::{AtomicFile, CsvWriter, NpyWriter, write_json, write_npy};

use super::{Kind, PageFacts, RunRecord, RunResult, files};
use crate::page::{self, Layer, LayerData, PageInput, PageOptions, TopFeatures};
use crate::{Error, Matrix, Result};

pub(super) fn all(result: &RunResult, dir: &Path) -> Result<()> {
    let page = &result.page;
    matrix(&dir.join(files::EMBEDDING), &page.coords)?;
    points(page, &dir.join(files::POINTS))?;
    features(page, &dir.join(files::FEATURES))?;
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

fn features(page: &PageInput, path: &Path) -> Result<()> {
    let mut csv = CsvWriter::create(path, ["index", "feature"])?;
    for (d, name) in page.features.iter().enumerate() {
        csv.row([d.to_string().as_str(), name])?;
    }
    Ok(csv.finish()?)
}

/// Names of the groups of a summary; one for all points where there are none.
fn group_names(page: &PageInput) -> Vec<&str> {
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
    let mut csv = CsvWriter::create(path, ["group", "feature"].into_iter().chain(names))?;
    for (g, group) in group_names(page).into_iter().enumerate() {
        for (d, feature) in page.features.iter().enumerate() {
            let names = [group.to_owned(), feature.clone()];
            csv.row(names.into_iter().chain(numbers(page, g, d)))?;
        }
    }
    Ok(csv.finish()?)
}

fn top_groups(page: &PageInput, path: &Path) -> Result<()> {
    let names = page.summary.columns().map(|column| column.name);
    let mut csv = CsvWriter::create(path, ["group", "rank", "feature"].into_iter().chain(names))?;
    for (g, group) in group_names(page).into_iter().enumerate() {
        for (rank, d) in page.summary.ranked(g).into_iter().take(page.listed).enumerate() {
            let names = [group.to_owned(), (rank + 1).to_string(), page.features[d].clone()];
            csv.row(names.into_iter().chain(numbers(page, g, d)))?;
        }
    }
    Ok(csv.finish()?)
}

fn top_points(page: &PageInput, top: &TopFeatures, path: &Path) -> Result<()> {
    let mut csv = CsvWriter::create(path, ["point", "rank", "feature_index", "feature", "score"])?;
    for at in 0..top.features.len() {
        let (i, rank, d) = (at / top.k, at % top.k + 1, top.features[at]);
        if d != TopFeatures::NONE {
            let (i, rank, index) = (i.to_string(), rank.to_string(), d.to_string());
            let score = top.values[at].to_string();
            csv.row([&i, &rank, &index, &page.features[d as usize], &score])?;
        }
    }
    Ok(csv.finish()?)
}
