//! Reading a result folder back. Nothing in it is trusted: a folder may be old, cut or edited.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::write::{feature_columns, group_names, point_columns, prefix, set_column, top_columns};
use super::{
    Kind, LayerFacts, PageFacts, RunRecord, RunResult, SCHEMA, TopFacts, files, summary_columns,
};
use crate::page::{FeatureSets, Layer, LayerData, PageInput, Summary, TopFeatures};
use crate::{Error, Matrix, Result};

pub(super) fn all(dir: &Path) -> Result<RunResult> {
    if dir.is_file() {
        return Err(Error::NotAFolder { path: dir.to_owned() });
    }
    let mut run: RunRecord = checked_run(dir)?;
    let facts = std::mem::take(&mut run.page);
    let coords = matrix(&dir.join(files::EMBEDDING))?;
    let sets = facts.sets.as_ref().map(|(_, names)| names.as_slice());
    let (names, of_feature) = features(&dir.join(files::FEATURES), sets)?;
    let mut page = PageInput::new(&facts.title, coords, names);
    page.sets = facts.sets(of_feature);
    let points = points(&dir.join(files::POINTS), &facts)?;
    if facts.named_points {
        page.point_names = points.names;
    }
    page.groups = facts.groups(points.groups);
    page.stability = facts.stability.then_some(points.stability);
    for each in &facts.layers {
        page.layers.push(layer(dir, each)?);
    }
    page.summary = summary(&page, facts.summary.as_deref(), &dir.join(files::IMPORTANCE))?;
    if let Some(top) = &facts.top {
        page.top = Some(top_points(&page, top, &dir.join(files::TOP_POINTS))?);
    }
    page.listed = facts.listed;
    page.saturation = facts.saturation();
    page.image = facts.image();
    page.notices = facts.notices;
    page.check().map_err(|error| damaged(dir, error.to_string()))?;
    Ok(RunResult { page, run, quality: json::<Value>(&dir.join(files::QUALITY))? })
}

fn damaged(path: &Path, problem: impl Into<String>) -> Error {
    Error::Damaged { path: path.to_owned(), problem: problem.into() }
}

fn open(path: &Path) -> Result<File> {
    match File::open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::Missing { path: path.to_owned() })
        }
        Err(error) => Err(damaged(path, error.to_string())),
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let reader = std::io::BufReader::new(open(path)?);
    serde_json::from_reader(reader).map_err(|error| damaged(path, error.to_string()))
}

/// The record, its layout looked at before its fields.
fn checked_run(dir: &Path) -> Result<RunRecord> {
    let path = dir.join(files::RUN);
    let value: Value = json(&path)?;
    let found = value.get("schema").and_then(Value::as_u64);
    let found = found.ok_or_else(|| damaged(&path, "it has no schema number"))?;
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > SCHEMA {
        return Err(Error::Schema { path, found, supported: SCHEMA });
    }
    serde_json::from_value(value).map_err(|error| damaged(&path, error.to_string()))
}

fn matrix(path: &Path) -> Result<Matrix<f32>> {
    drop(open(path)?); // a missing file is named as one of a result folder
    let input = embex_io::read(path, &embex_io::ReadOptions::default())?.matrix;
    let (n_rows, n_cols) = (input.n_rows(), input.n_cols());
    Matrix::new(n_rows, n_cols, input.into_dense_f32(u64::MAX)?)
}

fn layer(dir: &Path, facts: &LayerFacts) -> Result<Layer> {
    let data = if facts.components {
        let prefix = prefix(facts.kind);
        LayerData::Components {
            scores: matrix(&dir.join(format!("{prefix}{}", files::SCORES)))?,
            loadings: matrix(&dir.join(format!("{prefix}{}", files::LOADINGS)))?,
        }
    } else {
        LayerData::Dense(matrix(&dir.join(facts.kind.file()))?)
    };
    Ok(Layer { kind: facts.kind.into(), about: facts.about.clone(), data })
}

/// Calls `take` for each row of a table with its number from 0; its errors name the line.
fn rows(
    path: &Path,
    columns: &[&str],
    mut take: impl FnMut(usize, &StringRecord) -> std::result::Result<(), String>,
) -> Result<()> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(|error| damaged(path, error.to_string()))?;
    if bytes.last() != Some(&b'\n') {
        return Err(damaged(path, "its last line is cut")); // a number may be cut and still be one
    }
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().map_err(|error| damaged(path, error.to_string()))?;
    if header.iter().ne(columns.iter().copied()) {
        return Err(damaged(path, format!("its columns are not {}", columns.join(","))));
    }
    for (at, row) in reader.records().enumerate() {
        let row = row.map_err(|error| damaged(path, error.to_string()))?;
        let line = row.position().map_or(0, csv::Position::line);
        take(at, &row).map_err(|problem| damaged(path, format!("line {line}: {problem}")))?;
    }
    Ok(())
}

fn number<T: std::str::FromStr>(cell: &str, what: &str) -> std::result::Result<T, String> {
    cell.parse().map_err(|_| format!("{what} is {cell:?}, not a number"))
}

/// Refuses a cell that is not what its place or another file says.
fn agree(cell: &str, expected: &str, what: &str) -> std::result::Result<(), String> {
    if cell == expected {
        return Ok(());
    }
    Err(format!("{what} is {cell:?} where {expected:?} is expected"))
}

/// The columns of `points.csv`.
#[derive(Default)]
struct Points {
    names: Vec<String>,
    groups: Vec<u32>,
    /// Empty where it is not known.
    stability: Vec<f64>,
}

fn points(path: &Path, facts: &PageFacts) -> Result<Points> {
    let mut points = Points::default();
    let columns: Vec<&str> = point_columns(facts.stability).collect();
    rows(path, &columns, |at, row| {
        agree(&row[0], &at.to_string(), "point")?;
        points.names.push(row[1].to_owned());
        if facts.group_title.is_some() {
            let group: u32 = number(&row[2], "group_index")?;
            let name = facts.group_names.get(group as usize);
            let name = name.ok_or_else(|| format!("there is no group {group}"))?;
            agree(&row[3], name, "group")?;
            points.groups.push(group);
        } else {
            agree(&row[2], "", "group_index")?;
        }
        if facts.stability {
            points.stability.push(number(&row[4], "stability")?);
        }
        Ok(())
    })?;
    Ok(points)
}

/// Names of the features, and their sets where there are sets.
fn features(path: &Path, sets: Option<&[String]>) -> Result<(Vec<String>, Vec<u32>)> {
    let (mut names, mut of_feature) = (Vec::new(), Vec::new());
    let columns: Vec<&str> = feature_columns(sets.is_some()).collect();
    rows(path, &columns, |at, row| {
        agree(&row[0], &at.to_string(), "index")?;
        names.push(row[1].to_owned());
        if let Some(sets) = sets {
            let is_alone = row[2].is_empty();
            let set = if is_alone { FeatureSets::ALONE } else { number(&row[2], "set_index")? };
            let name = if is_alone { Some("") } else { sets.get(set as usize).map(String::as_str) };
            agree(&row[3], name.ok_or_else(|| format!("there is no set {set}"))?, "set")?;
            of_feature.push(set);
        }
        Ok(())
    })?;
    Ok((names, of_feature))
}

/// The summary: groups × features rows in order; a column is there if its first cell is, and they
/// are those `stated` in the record, where it states them.
fn summary(page: &PageInput, stated: Option<&[String]>, path: &Path) -> Result<Summary> {
    if stated.map_or_else(|| !path.exists(), <[String]>::is_empty) {
        return Ok(Summary::default());
    }
    let groups = group_names(page);
    let (n_groups, n_features) = (page.n_groups(), page.features.len());
    let names = Summary::default().columns().map(|column| column.name);
    let texts = ["group", "feature"].into_iter().chain(set_column(page.sets.is_some()));
    let n_texts = texts.clone().count();
    let header: Vec<&str> = texts.chain(names).collect();
    let mut columns: [Vec<f64>; 5] = Default::default();
    rows(path, &header, |at, row| {
        let (g, d) = (at / n_features.max(1), at % n_features.max(1));
        let group = groups.get(g).ok_or_else(|| format!("there are {n_groups} groups"))?;
        agree(&row[0], group, "group")?;
        agree(&row[1], page.features.get(d).map_or("", String::as_str), "feature")?;
        if let Some(sets) = &page.sets {
            agree(&row[2], sets.name_of(d), "set")?;
        }
        for (column, cell) in columns.iter_mut().zip(row.iter().skip(n_texts)) {
            if !cell.is_empty() {
                column.push(number(cell, "an entry")?);
            }
        }
        Ok(())
    })?;
    let [importance, sensitivity, jacobian_norm, signed_mean, contrast] =
        columns.map(|column| match column.len() {
            0 => Ok(None),
            _ => Matrix::new(n_groups, n_features, column)
                .map(Some)
                .map_err(|error| damaged(path, error.to_string())),
        });
    let found = Summary {
        importance: importance?,
        sensitivity: sensitivity?,
        jacobian_norm: jacobian_norm?,
        signed_mean: signed_mean?,
        contrast: contrast?,
    };
    match stated.filter(|stated| *stated != summary_columns(&found)) {
        None => Ok(found),
        Some(stated) => {
            Err(damaged(path, format!("it does not fill the columns {}", stated.join(","))))
        }
    }
}

fn top_points(page: &PageInput, facts: &TopFacts, path: &Path) -> Result<TopFeatures> {
    let (n, k) = (page.n_points(), facts.k);
    let cells = n.checked_mul(k).filter(|_| k <= page.features.len());
    let cells =
        cells.ok_or_else(|| damaged(path, format!("{k} features per point are too many")))?;
    let mut features = vec![TopFeatures::NONE; cells];
    let mut values = vec![0.0; cells];
    let columns: Vec<&str> = top_columns(page.sets.is_some()).collect();
    let score = columns.len() - 1;
    rows(path, &columns, |_, row| {
        let (i, rank): (usize, usize) = (number(&row[0], "point")?, number(&row[1], "rank")?);
        if i >= n || rank == 0 || rank > k {
            return Err(format!("there is no rank {rank} of point {i}"));
        }
        let at = i * k + rank - 1;
        if features[at] != TopFeatures::NONE {
            return Err(format!("rank {rank} of point {i} stands there twice"));
        }
        let d: u32 = number(&row[2], "feature_index")?;
        let name = page.features.get(d as usize);
        agree(&row[3], name.ok_or_else(|| format!("there is no feature {d}"))?, "feature")?;
        features[at] = d;
        values[at] = number(&row[score], "score")?;
        Ok(())
    })?;
    let kind = facts.kind.map(Kind::into);
    Ok(TopFeatures { k, features, values, kind })
}
