//! Ctrl-C: the first asks the work to stop at a checkpoint, the second stops at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit::{Error, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and the signals that end a program.
pub(crate) fn listen() -> Result<()> {
    let on_signal = || {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            #[allow(clippy::exit, reason = "the user insists; files are whole or not there")]
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(on_signal)
        .map_err(|source| Error::System { action: "listen for interrupts", source: source.into() })
}

/// Asks the work to stop.
pub(crate) fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
}

/// Whether the work should stop.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
