//! Every manifest inherits from the workspace and says what its crate is.

use std::fs;

use anyhow::Context as _;
use toml::{Table, Value};

use super::metadata::Package;

const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

pub(super) fn problems(packages: &[Package]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for package in packages {
        let path = &package.manifest_path;
        let text = fs::read_to_string(path).with_context(|| package.name.clone())?;
        let manifest: Table = text.parse().with_context(|| package.name.clone())?;
        let mut complain = |what: &str| found.push(format!("{}: {what}", package.name));
        describes(package, &mut complain);
        inherits(&manifest, &mut complain);
    }
    Ok(found)
}

fn describes(package: &Package, complain: &mut impl FnMut(&str)) {
    if package.description.as_ref().is_none_or(String::is_empty) {
        complain("has no description");
    }
    if package.license.is_none() {
        complain("has no licence");
    }
    let folder = package.manifest_path.parent();
    let readme = package.readme.as_ref().zip(folder).map(|(name, folder)| folder.join(name));
    if package.is_published() && !readme.is_some_and(|path| path.is_file()) {
        complain("has no README.md");
    }
}

fn inherits(manifest: &Table, complain: &mut impl FnMut(&str)) {
    if !is_inherited(manifest.get("lints")) {
        complain("does not inherit the lints");
    }
    let package = manifest.get("package").and_then(Value::as_table);
    for key in INHERITED {
        if !is_inherited(package.and_then(|table| table.get(key))) {
            complain(&format!("does not inherit {key}"));
        }
    }
    for key in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let table = manifest.get(key).and_then(Value::as_table);
        for (name, value) in table.into_iter().flatten() {
            if !is_inherited(Some(value)) && value.get("path").is_none() {
                complain(&format!("names a version of {name}; versions live at the root"));
            }
        }
    }
}

/// Whether the value reads `{ workspace = true }`.
fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_outside_the_root_is_named() {
        let text = "[lints]\nworkspace = true\n[package]\nversion.workspace = true\n\
                    edition.workspace = true\nrust-version.workspace = true\n\
                    license = \"MIT\"\n[dependencies]\nserde = \"1\"\nrayon.workspace = true\n\
                    [dev-dependencies]\nembex-testkit.path = \"../testkit\"\n";
        let manifest: Table = text.parse().expect("valid manifest");
        let mut found = Vec::new();
        inherits(&manifest, &mut |what| found.push(what.to_owned()));
        assert_eq!(
            found,
            ["does not inherit license", "names a version of serde; versions live at the root"]
        );
    }
}
