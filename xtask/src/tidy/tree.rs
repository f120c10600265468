//! What the README's commands build needs no C toolchain and no system library, and `embex-tsne`
//! alone few crates.

use crate::workspace;

/// Most crates that `embex-tsne` may need, its own ones and build scripts included.
const MAX_CRATES: usize = 100;

/// Crates that compile or look for C.
const FOREIGN: [&str; 8] =
    ["bindgen", "cmake", "openssl", "openssl-src", "pkg-config", "psm", "ring", "vcpkg"];

/// Bindings that are Rust all the same.
const PURE: [&str; 2] = ["linux-raw-sys", "windows-sys"];

/// `generator` (through kiddo) asks for `cc` but calls it on powerpc64 only.
const CC_USERS: [&str; 1] = ["generator"];

/// The default members with their tests, as `cargo test` builds them.
const TESTS: [&str; 2] = ["--edges", "normal,build,dev"];
/// `embex-tsne` as somebody's dependency.
const TSNE: [&str; 4] = ["--package", "embex-tsne", "--edges", "normal,build"];

pub(super) fn problems() -> anyhow::Result<Vec<String>> {
    let mut found = foreign("`cargo test`", &TESTS)?;
    let n_crates = crates_of(&TSNE)?.len();
    if n_crates > MAX_CRATES {
        found.push(format!("embex-tsne needs {n_crates} crates, at most {MAX_CRATES}"));
    }
    Ok(found)
}

/// Crates of a build that need more than Rust.
fn foreign(what: &str, selection: &[&str]) -> anyhow::Result<Vec<String>> {
    let names = crates_of(selection)?;
    let is_foreign = |name: &&String| {
        let binds = name.ends_with("-sys") && !PURE.contains(&name.as_str());
        binds || FOREIGN.contains(&name.as_str())
    };
    let mut found: Vec<String> = names
        .iter()
        .filter(is_foreign)
        .map(|name| format!("{what} needs {name}, which needs more than Rust"))
        .collect();
    if names.iter().any(|name| name == "cc") {
        let inverse = ["--invert", "cc", "--depth", "1"];
        let users = crates_of(&[selection, &inverse].concat())?;
        let users = users.iter().filter(|name| *name != "cc");
        let strange = users.filter(|name| !CC_USERS.contains(&name.as_str()));
        found.extend(strange.map(|name| format!("{name}, in {what}, needs a C compiler")));
    }
    Ok(found)
}

/// Names of the crates that a build takes on this machine, sorted.
fn crates_of(selection: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut command = workspace::cargo();
    command.args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}"]);
    let text = workspace::output(command.args(selection))?;
    let packages = text.lines().filter(|line| !line.starts_with('['));
    let mut lines: Vec<&str> = packages.map(|line| line.trim_end_matches(" (*)")).collect();
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}
