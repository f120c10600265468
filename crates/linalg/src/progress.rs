//! Observers of long work.

/// One report of long work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update<'a> {
    /// What is being done, as in "neighbours" or "optimise"; a bar per phase.
    pub phase: &'a str,
    /// Units finished.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// A short remark, as in "KL 1.83"; often empty.
    pub message: &'a str,
}

/// What the observer wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop soon; the work returns its `Cancelled` error.
    Cancel,
}

/// Observes long work and may cancel it.
///
/// Called from one thread, often; drawing at a humane rate is the observer's business.
///
/// # Example
/// ```
/// use embex_linalg::progress::{Flow, Progress, Silent, Update};
/// struct Lines(Vec<String>);
/// impl Progress for Lines {
///     fn update(&mut self, u: Update<'_>) -> Flow {
///         self.0.push(format!("{} {}/{}", u.phase, u.done, u.total));
///         Flow::Continue
///     }
/// }
/// let mut lines = Lines(Vec::new());
/// lines.update(Update { phase: "optimise", done: 1, total: 2, message: "" });
/// assert_eq!(lines.0, ["optimise 1/2"]);
/// # let _ = Silent;
/// ```
pub trait Progress {
    /// Takes note of a report.
    fn update(&mut self, update: Update<'_>) -> Flow;
}

/// An observer that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn update(&mut self, _: Update<'_>) -> Flow {
        Flow::Continue
    }
}

impl<F: FnMut(Update<'_>) -> Flow> Progress for F {
    fn update(&mut self, update: Update<'_>) -> Flow {
        self(update)
    }
}

/// Reports `done` of `total` and turns a wish to stop into [`crate::Error::Cancelled`].
///
/// # Errors
/// [`crate::Error::Cancelled`] if the observer asked to stop.
pub fn report(
    progress: &mut dyn Progress,
    phase: &str,
    done: usize,
    total: usize,
    message: &str,
) -> crate::Result<()> {
    match progress.update(Update { phase, done: done as u64, total: total as u64, message }) {
        Flow::Continue => Ok(()),
        Flow::Cancel => Err(crate::Error::Cancelled),
    }
}
