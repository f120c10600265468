//! Tracked files are small, sources are of readable length, no text names a machine's paths.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::workspace;

const MAX_BYTES: usize = 2 << 20;
const MAX_LINES: usize = 800;

/// First folders of absolute paths that only exist on somebody's machine.
const HOMES: [&str; 4] = ["home", "root", "Users", "work"];

pub(super) fn problems() -> anyhow::Result<Vec<String>> {
    let root = workspace::root();
    let list = workspace::output(Command::new("git").current_dir(&root).args(["ls-files", "-z"]))?;
    let mut found = Vec::new();
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        let path = root.join(name);
        if !path.is_file() {
            continue; // deleted, not yet committed
        }
        let bytes = fs::read(&path).with_context(|| name.to_owned())?;
        found.extend(check(name, &bytes).into_iter().map(|what| format!("{name}: {what}")));
    }
    Ok(found)
}

fn check(name: &str, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if bytes.len() > MAX_BYTES {
        found.push(format!("{} bytes, at most {MAX_BYTES}", bytes.len()));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return found };
    let lines = text.lines().count();
    if Path::new(name).extension().is_some_and(|end| end == "rs") && lines > MAX_LINES {
        found.push(format!("{lines} lines, at most {MAX_LINES}"));
    }
    for (at, line) in text.lines().enumerate() {
        if let Some(home) = HOMES.into_iter().find(|home| names_path_in(line, home)) {
            found.push(format!("line {} names a path in {home}", at + 1));
        }
    }
    found
}

/// Whether the line has an absolute path that starts with the folder.
fn names_path_in(line: &str, folder: &str) -> bool {
    let needle = format!("/{folder}/");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"_.~-/}*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_are_found_and_relative_ones_are_not() {
        assert!(names_path_in(&format!("see /{}/me", "home"), "home"));
        assert!(names_path_in(&format!("/{}/me", "root"), "root"));
        assert!(!names_path_in("framework/work/x", "work"));
        assert!(!names_path_in(&format!("./{}/x", "home"), "home"));
    }

    #[test]
    fn long_sources_and_large_files_are_named() {
        assert_eq!(check("a.rs", &b"\n".repeat(801)), ["801 lines, at most 800"]);
        assert_eq!(check("a.txt", &b"\n".repeat(801)), Vec::<String>::new());
        assert_eq!(check("a", &vec![255; MAX_BYTES + 1]).len(), 1);
    }
}
