//! Errors of the program, and the codes it ends with.

use std::path::PathBuf;
use std::process::ExitCode;

use embex_io::ErrorClass;

use crate::pipeline::folder::SETTINGS;

/// Why the program stops early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] embex_io::Error),
    /// A computation on matrices was refused.
    #[error(transparent)]
    Linalg(#[from] embex_linalg::Error),
    /// The neighbour search was refused.
    #[error(transparent)]
    Trees(#[from] embex_trees::Error),
    /// The map or its explanation was refused.
    #[error(transparent)]
    Tsne(#[from] embex_tsne::Error),
    /// A measure was refused.
    #[error(transparent)]
    Metrics(#[from] embex_metrics::Error),
    /// The page was refused.
    #[error(transparent)]
    Report(#[from] embex_report::Error),
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A prepared feature is too large for the files and the page, whatever the run's precision.
    #[error(
        "{input}: the value at row {}, column {}{} is {value:e}, beyond single precision",
        row + 1, col + 1, in_brackets(name.as_ref())
    )]
    BeyondSingle {
        /// As on the command line.
        input: String,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        col: usize,
        /// Name of the column, where the input has names.
        name: Option<String>,
        /// The entry.
        value: f64,
    },
    /// The input does not go with what was asked.
    #[error("{0}")]
    Input(String),
    /// The estimate is above the limit.
    #[error("needs about {needed}, more than the {limit}")]
    Memory {
        /// Estimated peak.
        needed: crate::args::Amount,
        /// The limit.
        limit: crate::args::Limit,
    },
    /// A file of ours is not what it should be.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The run of the checkpoint was asked for something else.
    #[error("the run in {} had other settings: {what}", path.display())]
    OtherRun {
        /// Its folder.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// The folder is none of ours.
    #[error("{} is no result of embex, it is left alone", .0.display())]
    NotOurs(PathBuf),
    /// Another process works in the folder.
    #[error("another run is working in {}", .0.display())]
    Busy(PathBuf),
    /// Standard output or the thread pool failed.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody reads standard output any more, as in `embex info … | head -1`.
    #[error("nobody reads standard output")]
    Closed,
    /// The user stopped the run.
    #[error("interrupted; a checkpoint is in {}", .0.display())]
    Interrupted(PathBuf),
}

/// Result of the program's parts.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The documented exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::OtherRun { .. } | Self::NotOurs(_) => 2,
            Self::Io(error) => match error.class() {
                ErrorClass::Usage => 2,
                ErrorClass::Memory => 4,
                ErrorClass::Io => 5,
                _ => 3,
            },
            Self::Memory { .. } => 4,
            Self::Report(
                embex_report::Error::NotAFolder { .. }
                | embex_report::Error::Missing { .. }
                | embex_report::Error::Damaged { .. }
                | embex_report::Error::Write(_)
                | embex_report::Error::Io(_),
            )
            | Self::Damaged { .. }
            | Self::Busy(_)
            | Self::System { .. } => 5,
            Self::Interrupted(_) => 130,
            Self::Closed => 141,
            error if error.is_setting() => 2,
            _ => 3,
        }
    }

    /// The same as the process's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// What to try, where there is something to try.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io(error) => io_hint(error),
            Self::Tsne(embex_tsne::Error::Perplexity { .. }) => {
                Some("a smaller --perplexity suits fewer samples")
            }
            Self::BeyondSingle { .. } => Some(
                "use --scale, or give the column in other units: files and page keep features in \
                 single precision whatever --precision is",
            ),
            Self::Memory { .. } => Some(
                "see --dry-run; --pca, --top-variable, --no-importance and --precision f32 need less",
            ),
            Self::Damaged { path, .. } if path.extension().is_some_and(|e| e == "checkpoint") => {
                Some("remove that file to do its stage again, with --resume")
            }
            Self::Damaged { path, .. } if path.ends_with(SETTINGS) => {
                Some("begin anew with --force: what its run was asked for is lost")
            }
            Self::Tsne(embex_tsne::Error::Diverged { .. }) => {
                Some("a smaller --exaggeration, or a smaller --learning-rate, makes smaller steps")
            }
            Self::OtherRun { .. } => Some("repeat its settings, or begin anew with --force"),
            Self::Interrupted(_) => Some("go on with the same command and --resume"),
            _ => None,
        }
    }

    /// Whether the work stopped because the user asked for it.
    pub(crate) fn is_cancelled(&self) -> bool {
        use embex_linalg::Error::Cancelled;
        matches!(
            self,
            Self::Interrupted(_)
                | Self::Closed
                | Self::Linalg(Cancelled)
                | Self::Trees(embex_trees::Error::Cancelled)
                | Self::Metrics(embex_metrics::Error::Cancelled)
                | Self::Tsne(embex_tsne::Error::Input(Cancelled))
        )
    }

    /// In the words of the command line: a setting is named by its option, and a place in `input`
    /// counts from 1.
    pub(crate) fn in_words_of(self, input: &str) -> Self {
        use embex_linalg::Error::{NegativeCount, NotFinite, Setting, ZeroTotal};
        let at = |row: usize, col: usize| format!("row {}, column {}", row + 1, col + 1);
        let words = match &self {
            Self::Tsne(embex_tsne::Error::ZeroRow { row })
            | Self::Trees(embex_trees::Error::ZeroRow { row }) => {
                format!("row {} is zero, which has no direction for the cosine metric", row + 1)
            }
            Self::Linalg(error) | Self::Tsne(embex_tsne::Error::Input(error)) => match error {
                Setting { name, value, expected } => {
                    let option = option_of(name);
                    return Self::Usage(format!("{option} is {value}, must be {expected}"));
                }
                &NotFinite { row, col, value } => {
                    format!("the value at {} is {value}, not a finite number", at(row, col))
                }
                &NegativeCount { row, col, value } => {
                    format!("the count at {} is {value}, below 0", at(row, col))
                }
                ZeroTotal { row } => format!("the counts of row {} sum to 0", row + 1),
                _ => return self,
            },
            _ => return self,
        };
        Self::Input(format!("{input}: {words}"))
    }

    /// Whether a setting is out of its range, which is a matter of the command line.
    fn is_setting(&self) -> bool {
        match self {
            Self::Linalg(error) | Self::Tsne(embex_tsne::Error::Input(error)) => {
                matches!(error, embex_linalg::Error::Setting { .. })
            }
            Self::Tsne(error) => matches!(error, embex_tsne::Error::StepNotReached { .. }),
            _ => false,
        }
    }
}

/// The option that gives a setting of the libraries.
fn option_of(setting: &str) -> String {
    match setting {
        "n_components" => "--axes".to_owned(),
        "target total" => "--normalize-total".to_owned(),
        name => format!("--{}", name.replace('_', "-")),
    }
}

/// A name after what it names.
fn in_brackets(name: Option<&String>) -> String {
    name.map_or_else(String::new, |name| format!(" ({name})"))
}

fn io_hint(error: &embex_io::Error) -> Option<&'static str> {
    match error.root() {
        embex_io::Error::Exists { path } if path.is_file() => {
            Some("it is a file; give another folder")
        }
        embex_io::Error::Exists { .. } => Some("--force replaces it"),
        embex_io::Error::Unfinished { .. } => Some("--resume goes on with it, --force begins anew"),
        embex_io::Error::NotANumber { .. } => Some("see --labels and --set-aside"),
        embex_io::Error::ChooseArray { .. } => {
            Some("--array names that of the matrix, --labels FILE:NAME that of the labels")
        }
        embex_io::Error::OverBudget { .. } => Some("--max-memory allows more"),
        _ => None,
    }
}
