//! What this process has used so far, as the operating system says.

use std::fs;

use serde::{Deserialize, Serialize};

/// Processor time and memory of this process; `None` where the system does not tell.
///
/// Read from Linux's `/proc/self`; other systems give `None`.
///
/// # Example
/// ```
/// use embex_io::Usage;
/// let before = Usage::now();
/// let used = Usage::now().since(&before);
/// assert!(used.cpu_seconds.is_none_or(|seconds| seconds >= 0.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time over all threads, in steps of 10 ms.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory since the process began.
    pub peak_memory_bytes: Option<u64>,
}

impl Usage {
    /// What has been used until now.
    pub fn now() -> Self {
        let read = |name| fs::read_to_string(name).ok();
        Self {
            cpu_seconds: read("/proc/self/stat").as_deref().and_then(cpu_seconds),
            peak_memory_bytes: read("/proc/self/status").as_deref().and_then(peak_memory_bytes),
        }
    }

    /// The processor time since an earlier look; the peak stays that of the whole process.
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        self.cpu_seconds = self.cpu_seconds.zip(earlier.cpu_seconds).map(|(now, then)| now - then);
        self
    }
}

/// User and system time: fields 14 and 15, counted from behind the name in parentheses.
fn cpu_seconds(stat: &str) -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0; // what Linux reports to programs, whatever it counts in
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    Some((times.next()?.ok()? + times.next()?.ok()?) / TICKS_PER_SECOND)
}

fn peak_memory_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
        assert_eq!(peak_memory_bytes("Name:\tx\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(peak_memory_bytes("Name:\tx\n"), None);
    }
}
