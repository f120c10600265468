//! Exit codes: 0 done, 1 a gate of ours failed, 2 usage, 3 bad input, 5 input or output.

use std::process::ExitCode;

use crate::reproduce::Missing;

/// Why a command ends with a code of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Properties that do not hold, or verdicts that changed.
    #[error("{0}")]
    Gate(String),
    /// The command line asks for something that does not exist.
    #[error("{0}")]
    Usage(String),
    /// A data file is not what the manifest says.
    #[error("{0}")]
    BadData(String),
}

/// The code for an error.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    let code = match error.downcast_ref::<Refusal>() {
        Some(Refusal::Usage(_)) => 2,
        Some(Refusal::BadData(_)) => 3,
        None if error.is::<Missing>() => 3,
        None if error.chain().any(<dyn std::error::Error>::is::<std::io::Error>) => 5,
        Some(Refusal::Gate(_)) | None => 1,
    };
    ExitCode::from(code)
}
