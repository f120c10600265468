//! Where tests make a writer fail or a program die; nothing outside tests.

#[cfg(not(test))]
pub(crate) const fn step() {}

#[cfg(not(test))]
pub(crate) const fn can_exchange() -> bool {
    true
}

#[cfg(test)]
pub(crate) use injected::*;

#[cfg(test)]
mod injected {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<Option<usize>> = const { Cell::new(None) };
        static BYTES: Cell<Option<usize>> = const { Cell::new(None) };
        static EXCHANGE: Cell<bool> = const { Cell::new(true) };
    }

    /// Dies at the `n`-th step from now, from 0; returns whether it came to that.
    pub(crate) fn die_at(n: usize, work: impl FnOnce() + std::panic::UnwindSafe) -> bool {
        STEPS.set(Some(n));
        let died = std::panic::catch_unwind(work).is_err();
        STEPS.set(None);
        died
    }

    /// Lets the disk be full after so many bytes more; `None` for one without end.
    pub(crate) fn disk_of(n_bytes: Option<usize>) {
        BYTES.set(n_bytes);
    }

    /// Says whether folders can be exchanged in one step.
    pub(crate) fn set_exchange(can: bool) {
        EXCHANGE.set(can);
    }

    pub(crate) fn can_exchange() -> bool {
        EXCHANGE.get()
    }

    /// A change of the file system is about to be made.
    pub(crate) fn step() {
        match STEPS.get() {
            Some(0) => std::panic::resume_unwind(Box::new("killed")),
            left => STEPS.set(left.map(|n| n - 1)),
        }
    }

    /// Bytes are about to be written.
    pub(crate) fn write(n_bytes: usize) -> std::io::Result<()> {
        let Some(left) = BYTES.get() else { return Ok(()) };
        let left = left.checked_sub(n_bytes).ok_or(std::io::ErrorKind::StorageFull)?;
        BYTES.set(Some(left));
        Ok(())
    }
}
