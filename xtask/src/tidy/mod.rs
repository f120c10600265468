//! Rules of the repository that no compiler checks.
//!
//! `cargo test` runs every rule; `cargo xtask tidy` prints what they found.

mod files;
mod layers;
mod manifests;
mod metadata;
mod tree;

use crate::experiments;
use crate::reproduce::Experiment;

/// Ids are unique and read like `tg-synthetic`.
fn experiment_problems(all: &[Experiment]) -> Vec<String> {
    let mut found = Vec::new();
    for (i, experiment) in all.iter().enumerate() {
        let id = experiment.id;
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
            found.push(format!("experiment {id:?}: ids are lower case letters and hyphens"));
        }
        if all[..i].iter().any(|other| other.id == id) {
            found.push(format!("experiment {id:?} is listed twice"));
        }
    }
    found
}

/// Prints what every rule found.
pub(crate) fn run() -> anyhow::Result<()> {
    let found = problems()?;
    for problem in &found {
        println!("{problem}");
    }
    anyhow::ensure!(found.is_empty(), "{} problems", found.len());
    Ok(())
}

/// All violations, one line each.
fn problems() -> anyhow::Result<Vec<String>> {
    let packages = metadata::packages()?;
    let mut found = layers::problems(&packages);
    found.extend(manifests::problems(&packages)?);
    found.extend(tree::problems()?);
    found.extend(files::problems()?);
    found.extend(experiment_problems(experiments::ALL));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_none(found: &[String]) {
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }

    #[test]
    fn dependencies_point_down() {
        let packages = metadata::packages().expect("cargo metadata");
        assert_none(&layers::problems(&packages));
    }

    #[test]
    fn manifests_inherit_and_describe() {
        let packages = metadata::packages().expect("cargo metadata");
        assert_none(&manifests::problems(&packages).expect("manifests are readable"));
    }

    #[test]
    fn tsne_is_light_and_nothing_needs_c() {
        assert_none(&tree::problems().expect("cargo tree"));
    }

    #[test]
    fn files_are_small_and_name_no_machine() {
        assert_none(&files::problems().expect("git lists the files"));
    }

    #[test]
    fn experiment_ids_are_unique() {
        assert_none(&experiment_problems(experiments::ALL));
    }
}
