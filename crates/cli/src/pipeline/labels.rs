//! The groups that `--labels` names.

use std::path::{Path, PathBuf};

use embex_io::{Input, Labels, ReadOptions};

/// Group of samples whose label is missing.
const UNLABELLED: &str = "(no label)";

/// A group for every sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grouping {
    /// What the groups are.
    pub(crate) title: String,
    pub(crate) names: Vec<String>,
    pub(crate) codes: Vec<u32>,
    /// Samples without a label: they are the group [`UNLABELLED`].
    pub(crate) n_unlabelled: usize,
}

/// Most groups of a run: the answers are tables of groups by features, and the affinities between
/// groups one of groups by groups.
pub(crate) const MOST_GROUPS: usize = 1000;

impl Grouping {
    /// Refuses labels that tell no groups apart, and those that tell samples apart in place of
    /// grouping them, as names and measurements do: more than [`MOST_GROUPS`], or fewer than two
    /// samples a group on the average.
    pub(super) fn check(&self, n_samples: usize) -> Result<(), String> {
        let n_groups = self.names.len();
        if n_groups < 2 {
            let same = match self.names.first() {
                Some(name) if self.n_unlabelled == 0 => format!("have the same label, \"{name}\""),
                _ => "have no label".to_owned(),
            };
            return Err(format!("all {n_samples} samples {same}: there are no groups to compare"));
        }
        if n_groups <= MOST_GROUPS.min(n_samples / 2) {
            return Ok(());
        }
        Err(format!(
            "{n_groups} different labels of {n_samples} samples make no groups (at most \
             {MOST_GROUPS}, and two samples each on the average): are they names, or measurements?"
        ))
    }

    /// A sentence on the samples without a label, if there are any.
    pub(super) fn notice(&self) -> Option<String> {
        (self.n_unlabelled > 0).then(|| {
            format!(
                "{} of {} samples have no label: they are on the map, and in tables and warnings as a \
                 group of their own, {UNLABELLED}",
                self.n_unlabelled,
                self.codes.len()
            )
        })
    }
}

/// Where `--labels` says they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LabelSource {
    /// A column, or an array, of the input.
    Column(String),
    /// A file, and a column of it.
    File(PathBuf, Option<String>),
}

impl LabelSource {
    /// `FILE`, `FILE:COLUMN`, or else a name.
    pub(crate) fn of(text: &str) -> Self {
        if Path::new(text).is_file() {
            return Self::File(PathBuf::from(text), None);
        }
        match text.rsplit_once(':') {
            Some((file, column)) if Path::new(file).is_file() => {
                Self::File(PathBuf::from(file), Some(column.to_owned()))
            }
            _ => Self::Column(text.to_owned()),
        }
    }

    /// What the groups are.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Column(name) | Self::File(_, Some(name)) => name.clone(),
            Self::File(path, None) => {
                path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
            }
        }
    }

    /// The groups of the samples of `input`.
    pub(super) fn grouping(
        &self,
        input: &Input,
        max_bytes: Option<u64>,
    ) -> embex_io::Result<Grouping> {
        let labels = match self {
            Self::Column(name) => input.labels(name)?,
            Self::File(path, column) => {
                of_file(path, column.as_deref(), input.matrix.n_rows(), max_bytes)?
            }
        };
        let n_unlabelled = labels.codes.iter().filter(|code| code.is_none()).count();
        let Labels { names, codes } = labels.with_missing_as(UNLABELLED);
        let codes = codes.into_iter().flatten().collect();
        Ok(Grouping { title: self.title(), names, codes, n_unlabelled })
    }
}

/// The labels of `n_rows` samples from a file, within `max_bytes` of memory.
///
/// Its separator is found, and the number of rows tells whether it begins with a name: the options
/// of the input say nothing of it.
pub(crate) fn of_file(
    path: &Path,
    column: Option<&str>,
    n_rows: usize,
    max_bytes: Option<u64>,
) -> embex_io::Result<Labels> {
    let mut options = ReadOptions::default();
    options.max_bytes = max_bytes;
    embex_io::read_labels(path, column, Some(n_rows), &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_measurements_are_no_groups() {
        let of = |n_groups: usize, n_samples: usize| {
            let names = (0..n_groups).map(|g| g.to_string()).collect();
            let (title, codes) = (String::new(), Vec::new());
            Grouping { title, names, codes, n_unlabelled: 0 }.check(n_samples)
        };
        assert!(of(5, 10).is_ok() && of(1000, 70_000).is_ok());
        assert_eq!(
            of(1, 9).unwrap_err(),
            "all 9 samples have the same label, \"0\": there are no groups to compare"
        );
        let words = of(6, 10).unwrap_err();
        assert!(words.starts_with("6 different labels of 10 samples make no groups"), "{words}");
        assert!(of(1001, 70_000).is_err());
    }

    #[test]
    fn labels_are_a_file_a_column_of_a_file_or_a_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, "a\n").expect("writes");
        let text = path.to_string_lossy().into_owned();
        assert_eq!(LabelSource::of(&text), LabelSource::File(path.clone(), None));
        let of_file = LabelSource::File(path, Some("kind".to_owned()));
        assert_eq!(LabelSource::of(&format!("{text}:kind")), of_file);
        for name in ["kind", "no/such:kind"] {
            assert_eq!(LabelSource::of(name), LabelSource::Column(name.to_owned()));
        }
    }
}
