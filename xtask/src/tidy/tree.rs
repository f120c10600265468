//! `embex-tsne` alone builds without a C toolchain or a system library, from few crates.

use crate::workspace;

/// Most crates that `embex-tsne` may need, its own ones and build scripts included.
const MAX_CRATES: usize = 100;

/// Crates that compile or look for C.
const FOREIGN: [&str; 7] =
    ["bindgen", "cmake", "openssl", "openssl-src", "pkg-config", "ring", "vcpkg"];

/// `generator` (through kiddo) asks for `cc` but calls it on powerpc64 only.
const CC_USERS: [&str; 1] = ["generator"];

pub(super) fn problems() -> anyhow::Result<Vec<String>> {
    let names = crates_of("embex-tsne", &[])?;
    let mut found: Vec<String> = names
        .iter()
        .filter(|name| FOREIGN.contains(&name.as_str()) || name.ends_with("-sys"))
        .map(|name| format!("embex-tsne needs {name}, which needs more than Rust"))
        .collect();
    if names.iter().any(|name| name == "cc") {
        let users = crates_of("embex-tsne", &["--invert", "cc", "--depth", "1"])?;
        let users = users.iter().filter(|name| *name != "cc");
        let strange = users.filter(|name| !CC_USERS.contains(&name.as_str()));
        found.extend(strange.map(|name| format!("{name}, in embex-tsne, needs a C compiler")));
    }
    if names.len() > MAX_CRATES {
        found.push(format!("embex-tsne needs {} crates, at most {MAX_CRATES}", names.len()));
    }
    Ok(found)
}

/// Names of the crates that building a package takes on this machine, sorted.
fn crates_of(package: &str, more: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut command = workspace::cargo();
    command.args(["tree", "--offline", "--locked", "--package", package]);
    command.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let text = workspace::output(command.args(more))?;
    let packages = text.lines().filter(|line| !line.starts_with('['));
    let mut lines: Vec<&str> = packages.map(|line| line.trim_end_matches(" (*)")).collect();
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}
