//! Reads the matrix and the groups.

use std::path::{Path, PathBuf};

use embex_io::{Format, Input, Labels, Matrix, ReadOptions};

use super::settings::InputSettings;
use crate::args::InputArgs;
use crate::exit::{Error, Result};

/// How the names of bundled data begin.
pub(super) const BUNDLED: &str = "bundled:";

/// Group of samples whose label is missing.
const UNLABELLED: &str = "(no label)";

/// A matrix with names, and the groups of its samples.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) matrix: Matrix,
    pub(crate) row_names: Vec<String>,
    pub(crate) features: Vec<String>,
    pub(crate) labels: Option<Grouping>,
    /// Height and width, where samples are images.
    pub(crate) image: Option<(usize, usize)>,
}

/// A group for every sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grouping {
    /// What the groups are.
    pub(crate) title: String,
    pub(crate) names: Vec<String>,
    pub(crate) codes: Vec<u32>,
}

/// Where `--labels` says they are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LabelSource {
    Column(String),
    File(PathBuf, Option<String>),
}

/// The file that `--labels` names, with its column: `FILE` or `FILE:COLUMN`.
pub(super) fn labels_file(text: &str) -> Option<(PathBuf, Option<String>)> {
    if Path::new(text).is_file() {
        return Some((PathBuf::from(text), None));
    }
    let (file, column) = text.rsplit_once(':')?;
    Path::new(file).is_file().then(|| (PathBuf::from(file), Some(column.to_owned())))
}

/// Reads what the settings say, within `max_bytes` of memory.
pub(super) fn read(settings: &InputSettings, max_bytes: Option<u64>) -> Result<Samples> {
    let labels = settings.labels.as_deref().map(|text| match labels_file(text) {
        Some((path, column)) => LabelSource::File(path, column),
        None => LabelSource::Column(text.to_owned()),
    });
    let options = options(settings, labels.as_ref(), max_bytes);
    let input = embex_io::read(&settings.source, &options)?;
    let grouping = labels.map(|labels| grouping(&input, &labels)).transpose()?;
    samples(input, grouping)
}

/// The reader's options for `embex info`.
pub(crate) fn info_options(args: &InputArgs, max_bytes: Option<u64>) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_aside.clone_from(&args.set_aside);
    if let Some(name) = args.labels.as_deref().filter(|text| labels_file(text).is_none()) {
        options = options.with_set_aside(name);
    }
    options.max_bytes = max_bytes;
    options.array.clone_from(&args.array);
    options.layer.clone_from(&args.layer);
    options.delimiter = args.delimiter;
    options.header = args.header;
    options.transpose = args.transpose;
    options
}

fn options(
    settings: &InputSettings,
    labels: Option<&LabelSource>,
    max_bytes: Option<u64>,
) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_aside.clone_from(&settings.set_aside);
    if let Some(LabelSource::Column(name)) = labels {
        options = options.with_set_aside(name);
    }
    options.max_bytes = max_bytes;
    options.array.clone_from(&settings.array);
    options.layer.clone_from(&settings.layer);
    options.delimiter = settings.delimiter;
    options.header = settings.header;
    options.transpose = settings.transpose;
    options
}

fn grouping(input: &Input, source: &LabelSource) -> Result<Grouping> {
    let (title, labels) = match source {
        LabelSource::Column(name) => (name.clone(), input.labels(name)?),
        LabelSource::File(path, column) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let labels = embex_io::read_labels(path, column.as_deref(), &ReadOptions::default())?;
            (column.clone().unwrap_or(stem), labels)
        }
    };
    let (got, n_rows) = (labels.codes.len(), input.matrix.n_rows());
    if got != n_rows {
        let words = format!("the labels have {got} entries, the matrix has {n_rows} rows");
        return Err(Error::Input(words));
    }
    let Labels { names, codes } = labels.with_missing_as(UNLABELLED);
    let codes = codes.into_iter().flatten().collect();
    Ok(Grouping { title, names, codes })
}

fn samples(input: Input, labels: Option<Grouping>) -> Result<Samples> {
    let (n_rows, n_cols) = (input.matrix.n_rows(), input.matrix.n_cols());
    let image = image_side(&input, n_cols);
    let features = input.col_names.unwrap_or_else(|| default_names(n_cols, image));
    let row_names = input.row_names.unwrap_or_default();
    if n_rows == 0 || n_cols == 0 {
        return Err(Error::Linalg(embex_linalg::Error::Empty { n_rows, n_cols }));
    }
    Ok(Samples { matrix: input.matrix, row_names, features, labels, image })
}

/// Samples of the idx format and the bundled digits are square images.
fn image_side(input: &Input, n_cols: usize) -> Option<(usize, usize)> {
    let is_image = match input.format {
        Format::Idx => true,
        Format::Bundled => input.col_names.as_ref().is_some_and(|names| {
            names.iter().all(|name| name.to_ascii_lowercase().starts_with("pixel"))
        }),
        _ => false,
    };
    let side = n_cols.isqrt();
    (is_image && side * side == n_cols).then_some((side, side))
}

fn default_names(n_cols: usize, image: Option<(usize, usize)>) -> Vec<String> {
    (0..n_cols)
        .map(|d| match image {
            Some((_, width)) => format!("pixel {},{}", d / width, d % width),
            None => format!("column {}", d + 1),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_a_file_a_column_of_a_file_or_a_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, "a\n").expect("writes");
        let text = path.to_string_lossy().into_owned();
        assert_eq!(labels_file(&text), Some((path.clone(), None)));
        assert_eq!(labels_file(&format!("{text}:kind")), Some((path, Some("kind".to_owned()))));
        assert_eq!(labels_file("kind"), None);
        assert_eq!(labels_file("no/such:kind"), None);
    }

    #[test]
    fn pixels_are_named_by_their_place() {
        let names = default_names(6, Some((2, 3)));
        assert_eq!(names[4], "pixel 1,1");
        assert_eq!(default_names(2, None), ["column 1", "column 2"]);
    }
}
