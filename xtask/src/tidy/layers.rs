//! Dependencies point down, never sideways.
//!
//! ```text
//!  leaves    cli     xtask   tests   benches   may use everything below, never one another
//!  pages     report                            uses io
//!  files     io                                uses none of ours
//!  methods   tsne    lava    labelfree kratos
//!  scores    metrics
//!  tools     trees   nn
//!  base      linalg
//!  aside     testkit                           uses io; for tests and leaves only
//! ```

use super::metadata::Package;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Base,
    Tools,
    Scores,
    Methods,
    Files,
    Pages,
    Leaves,
    Aside,
}

/// Every package of the workspace has its place here.
const PLACES: &[(&str, Layer)] = &[
    ("embex-linalg", Layer::Base),
    ("embex-trees", Layer::Tools),
    ("embex-nn", Layer::Tools),
    ("embex-metrics", Layer::Scores),
    ("embex-tsne", Layer::Methods),
    ("embex-lava", Layer::Methods),
    ("embex-labelfree", Layer::Methods),
    ("embex-kratos", Layer::Methods),
    ("embex-io", Layer::Files),
    ("embex-report", Layer::Pages),
    ("embex-cli", Layer::Leaves),
    ("xtask", Layer::Leaves),
    ("embex-tests", Layer::Leaves),
    ("embex-benches", Layer::Leaves),
    ("embex-testkit", Layer::Aside),
];

pub(super) fn problems(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Some(from) = place(&package.name) else {
            found.push(format!("{}: has no place in the layers", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let Some(to) = place(&dependency.name) else { continue };
            let for_tests = dependency.kind.as_deref() == Some("dev");
            if !allowed(from, to, for_tests) {
                let kind = dependency.kind.as_deref().unwrap_or("normal");
                found.push(format!(
                    "{} ({from:?}) must not have the {kind} dependency {} ({to:?})",
                    package.name, dependency.name
                ));
            }
        }
    }
    found
}

fn place(name: &str) -> Option<Layer> {
    PLACES.iter().find(|(known, _)| *known == name).map(|&(_, layer)| layer)
}

fn allowed(from: Layer, to: Layer, for_tests: bool) -> bool {
    match (from, to) {
        (Layer::Aside, to) => to == Layer::Files,
        (_, Layer::Aside) => for_tests || from == Layer::Leaves,
        (Layer::Files, _) => false,
        (Layer::Pages, to) => to == Layer::Files,
        (from, to) => to < from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_that_point_up_or_sideways_are_refused() {
        assert!(allowed(Layer::Methods, Layer::Tools, false));
        assert!(!allowed(Layer::Methods, Layer::Methods, false));
        assert!(!allowed(Layer::Tools, Layer::Methods, true));
        assert!(!allowed(Layer::Files, Layer::Base, false));
        assert!(!allowed(Layer::Pages, Layer::Methods, false));
        assert!(!allowed(Layer::Leaves, Layer::Leaves, false));
    }

    #[test]
    fn testkit_is_for_tests_and_leaves() {
        assert!(allowed(Layer::Base, Layer::Aside, true));
        assert!(!allowed(Layer::Base, Layer::Aside, false));
        assert!(allowed(Layer::Leaves, Layer::Aside, false));
        assert!(!allowed(Layer::Aside, Layer::Base, true));
        assert!(allowed(Layer::Aside, Layer::Files, false));
    }
}
