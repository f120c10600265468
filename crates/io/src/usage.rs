//! What this process has used so far, as the operating system says.

use std::fs;

use serde::{Deserialize, Serialize};

/// Processor time and memory of this process; `None` where the system does not tell.
///
/// Linux tells; other systems give `None`.
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
    /// Processor time over all threads, in steps of the system's clock, below 1 µs.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory since the process began.
    pub peak_memory_bytes: Option<u64>,
}

impl Usage {
    /// What has been used until now.
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").ok();
        Self {
            cpu_seconds: cpu_seconds(),
            peak_memory_bytes: status.as_deref().and_then(peak_memory_bytes),
        }
    }

    /// The processor time since an earlier look; the peak stays that of the whole process.
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        self.cpu_seconds = self.cpu_seconds.zip(earlier.cpu_seconds).map(|(now, then)| now - then);
        self
    }
}

/// Bytes of memory that this machine could still give to processes, swap included; `None` where the
/// system does not tell. Linux tells.
///
/// # Example
/// ```
/// assert!(embex_io::memory_left().is_none_or(|bytes| bytes > 1 << 20));
/// ```
pub fn memory_left() -> Option<u64> {
    bytes_left(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn bytes_left(meminfo: &str) -> Option<u64> {
    let kibibytes = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some((kibibytes("MemAvailable:")? + kibibytes("SwapFree:").unwrap_or(0)) << 10)
}

#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_wraps)] // other systems have nothing to give
fn cpu_seconds() -> Option<f64> {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

#[cfg(not(target_os = "linux"))]
const fn cpu_seconds() -> Option<f64> {
    None
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
    fn the_peak_is_found_among_other_lines() {
        assert_eq!(peak_memory_bytes("Name:\tx\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(peak_memory_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn what_is_left_is_memory_and_swap() {
        let text = "MemTotal:  9000 kB\nMemAvailable:    2048 kB\nSwapFree:  1024 kB\n";
        assert_eq!(bytes_left(text), Some(3 << 20));
        assert_eq!(bytes_left("MemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(bytes_left("MemTotal:  9000 kB\n"), None);
    }

    /// A few thousand square roots take well below the 10 ms in which `/proc` counts.
    #[test]
    #[cfg(target_os = "linux")]
    fn little_work_counts() {
        let before = Usage::now();
        std::hint::black_box((0..100_000).map(f64::from).map(f64::sqrt).sum::<f64>());
        let used = Usage::now().since(&before).cpu_seconds.expect("Linux tells");
        assert!(used > 0.0, "{used}");
    }
}
