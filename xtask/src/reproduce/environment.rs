//! Where an experiment runs.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use embex_report::Environment;

use crate::workspace;

/// This machine, these sources.
pub(crate) fn environment() -> Environment {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Environment {
        versions: BTreeMap::from([("embex".to_owned(), version)]),
        commit: commit(),
        cpu: cpu(),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        threads: rayon::current_num_threads(),
    }
}

/// The commit, marked if tracked files but results differ from it; `None` outside a repository.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        workspace::output(Command::new("git").current_dir(workspace::root()).args(arguments)).ok()
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?.trim().to_owned();
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)results"])?;
    Some(if changed.trim().is_empty() { commit } else { commit + ", with changes" })
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
