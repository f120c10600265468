//! Reads the matrix and the groups.

use embex_io::{Format, Input, Matrix, ReadOptions};

use super::labels::{Grouping, LabelSource};
use crate::args::InputArgs;
use crate::exit::{Error, Result};

/// A matrix with names, and the groups of its samples.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) matrix: Matrix,
    pub(crate) row_names: Vec<String>,
    pub(crate) features: Vec<String>,
    pub(crate) labels: Option<Grouping>,
    /// Height and width, where samples are images.
    pub(crate) image: Option<(usize, usize)>,
    /// What the user should know of the file.
    pub(crate) notices: Vec<String>,
}

/// What was read: nothing is made of it before the estimate is known.
#[derive(Debug)]
pub(super) struct Read {
    input: Input,
    labels: Option<Grouping>,
}

impl Read {
    pub(super) const fn matrix(&self) -> &Matrix {
        &self.input.matrix
    }

    /// Groups that the labels make, if there are labels.
    pub(super) fn n_groups(&self) -> Option<usize> {
        self.labels.as_ref().map(|labels| labels.names.len())
    }

    /// With a name for every feature.
    pub(super) fn into_samples(self) -> Samples {
        let Self { input, labels } = self;
        let n_cols = input.matrix.n_cols();
        let image = image_side(&input, n_cols);
        let features = input.col_names.unwrap_or_else(|| default_names(n_cols, image));
        let row_names = input.row_names.unwrap_or_default();
        let notices = if input.format == Format::Table { input.notes } else { Vec::new() };
        Samples { matrix: input.matrix, row_names, features, labels, image, notices }
    }
}

/// Reads what the command line says, within `max_bytes` of memory.
pub(super) fn read(args: &InputArgs, max_bytes: Option<u64>) -> Result<Read> {
    let labels = args.labels.as_deref().map(LabelSource::of);
    let options = options(args, labels.as_ref(), max_bytes);
    let named = |error| by_option(error, args);
    let input = embex_io::read(&args.input, &options).map_err(named)?;
    check_set_aside(args, input.format)?;
    let labels =
        labels.map(|labels| labels.grouping(&input, max_bytes)).transpose().map_err(named)?;
    if let Some(labels) = &labels {
        let asked = args.labels.as_deref().unwrap_or_default();
        labels
            .check(input.matrix.n_rows())
            .map_err(|words| Error::Input(format!("--labels {asked}: {words}")))?;
    }
    Ok(Read { input, labels })
}

/// The reader's options; labels of a file are none of them.
pub(crate) fn options(
    args: &InputArgs,
    labels: Option<&LabelSource>,
    max_bytes: Option<u64>,
) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_aside.clone_from(&args.set_aside);
    if let Some(LabelSource::Column(name)) = labels {
        options.labels = Some(name.clone());
    }
    options.max_bytes = max_bytes;
    options.array.clone_from(&args.array);
    options.layer.clone_from(&args.layer);
    options.delimiter = args.delimiter;
    options.header = args.header;
    options.transpose = args.transpose;
    options
}

/// Only tables have columns among their features that could be set aside.
pub(crate) fn check_set_aside(args: &InputArgs, format: Format) -> Result<()> {
    if format == Format::Npz && !args.set_aside.is_empty() {
        let words =
            "--set-aside does not apply to npz files: one array is read, no other is a feature";
        return Err(Error::Usage(words.to_owned()));
    }
    Ok(())
}

/// Names the option of the command line that a refusal of the reader is about.
pub(crate) fn by_option(error: embex_io::Error, args: &InputArgs) -> Error {
    use embex_io::Error::{NotApplicable, NotFound};
    let root = error.root();
    let labels = args.labels.as_deref().unwrap_or_default();
    let words = match root {
        NotApplicable { option: "labels", format, why } => {
            let format = format.name();
            format!(
                "--labels {labels}: there is no such file, and no column of labels in the input ({format}): {why}"
            )
        }
        NotApplicable { option: "column", format, why } => {
            format!(
                "--labels {labels}: no column can be named in that file ({}): {why}",
                format.name()
            )
        }
        NotApplicable { option, format, why } => {
            let (option, input, format) = (option.replace('_', "-"), &args.input, format.name());
            format!("--{option} does not apply to {input} ({format}): {why}")
        }
        NotFound { name, .. } if args.labels.as_ref() == Some(name) => {
            format!("--labels {labels}: there is no such file, and {root}")
        }
        NotFound { name, .. } if args.set_aside.contains(name) => format!("--set-aside: {root}"),
        NotFound { what: "layer", .. } => format!("--layer: {root}"),
        NotFound { what: "array", .. } if args.array.is_some() => format!("--array: {root}"),
        _ => return Error::Io(error),
    };
    Error::Usage(words)
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
            None => default_name(d),
        })
        .collect()
}

/// Name of a column that has none.
pub(super) fn default_name(d: usize) -> String {
    format!("column {}", d + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_named_by_their_place() {
        let names = default_names(6, Some((2, 3)));
        assert_eq!(names[4], "pixel 1,1");
        assert_eq!(default_names(2, None), ["column 1", "column 2"]);
    }
}
