//! Where an experiment runs.

use std::collections::BTreeMap;
use std::fs;

use embex_report::Environment;

/// This machine, these sources.
pub(crate) fn environment() -> Environment {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Environment {
        versions: BTreeMap::from([("embex".to_owned(), version)]),
        commit: option_env!("EMBEX_COMMIT").map(str::to_owned),
        cpu: cpu(),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        threads: rayon::current_num_threads(),
    }
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
