//! The committed results: what is kept, and what changed against it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use embex_report::claims::{self, Change, Outcome};
use embex_report::{Reproduction, Section};

use super::args::Request;
use super::{Tier, report};
use crate::exit::Refusal;
use crate::workspace;

/// Seed of the committed results; runs from other seeds are not held against them.
pub(super) const COMMITTED_SEED: u64 = 0;

/// Larger figures are left out of the committed results.
const MAX_FIGURE_BYTES: usize = 64 << 10;

const VERDICTS: &str = "verdicts.json";

/// Verdicts by claim, as committed.
type Words = BTreeMap<String, String>;

/// Where the committed results of a tier are.
pub(super) fn folder(tier: Tier) -> PathBuf {
    workspace::root().join("results").join(tier.word())
}

/// Verdicts that are not what the folder says they were; none, and a word, if there is nothing to
/// compare with.
pub(super) fn changed(
    folder: &Path,
    request: &Request,
    outcomes: &[Outcome],
) -> anyhow::Result<Vec<Change>> {
    if request.seed != COMMITTED_SEED {
        eprintln!("verdicts of seed {} are not held against those of seed 0", request.seed);
        return Ok(Vec::new());
    }
    let Some(before) = read(folder)? else {
        eprintln!("no committed verdicts of tier {} to compare with", request.tier.word());
        return Ok(Vec::new());
    };
    Ok(claims::changes(&before, outcomes))
}

/// Keeps report, verdicts and small figures in the folder.
///
/// # Errors
/// [`Refusal::Usage`] if verdicts that are there would be lost: `known` are the ids of all claims,
/// also of those that the run left out.
pub(super) fn keep(folder: &Path, result: &Reproduction, known: &[String]) -> anyhow::Result<()> {
    let after = claims::snapshot(&result.outcomes);
    let lost = lost(&read(folder)?.unwrap_or_default(), &after, known);
    if !lost.is_empty() {
        let (count, ids) = (lost.len(), lost.join(", "));
        let what = format!(
            "not accepted: {count} verdicts in {} have none in this run: {ids}; run all experiments \
             of the tier, with their data, into one folder (finished cells are not redone)",
            folder.display()
        );
        return Err(Refusal::Usage(what).into());
    }
    let figures = folder.join("figures");
    if figures.is_dir() {
        fs::remove_dir_all(&figures).with_context(|| figures.display().to_string())?;
    }
    let mut small = result.clone();
    small.sections.iter_mut().for_each(leave_out_large_figures);
    report::write_figures(folder, &small)?;
    report::write_texts(folder, &small)?;
    let text = serde_json::to_string_pretty(&after)? + "\n";
    report::write_text(&folder.join(VERDICTS), &text)
}

fn read(folder: &Path) -> anyhow::Result<Option<Words>> {
    let path = folder.join(VERDICTS);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(Some(serde_json::from_str(&text).with_context(|| path.display().to_string())?))
}

/// Claims that were judged and still exist, but are not judged now.
fn lost(before: &Words, after: &Words, known: &[String]) -> Vec<String> {
    let judged = |words: &Words, id: &String| words.get(id).is_some_and(|word| word != "not run");
    let ids = before.keys().filter(|id| judged(before, id) && !judged(after, id));
    ids.filter(|id| known.contains(id)).cloned().collect()
}

fn leave_out_large_figures(section: &mut Section) {
    let (small, large): (Vec<_>, Vec<_>) =
        section.figures.drain(..).partition(|figure| figure.svg.len() <= MAX_FIGURE_BYTES);
    section.figures = small;
    section.text.extend(large.iter().map(|figure| {
        format!("Left out here, being large: {} ({}).", figure.caption, figure.name)
    }));
}

#[cfg(test)]
mod tests {
    use embex_report::{CellRecord, Figure};

    use super::*;

    const CLAIMS: &str = "[[claim]]\nid='a'\npaper='TG'\nplace='Fig. 1'\ncell='c'\n\
        experiment='e'\nmetric='m'\nvalue=1.0\ntolerance=0.1\n\
        [[claim]]\nid='b'\npaper='TG'\nplace='Fig. 2'\ncell='c'\nexperiment='f'\n\
        metric='m'\nvalue=1.0\n";

    /// Experiment e found a value for claim a; f, which has claim b, found one or did not run.
    fn found(a: f64, b: Option<f64>) -> Reproduction {
        let record = |id: &str, value| CellRecord::new(id, "published", 0).with_metric("m", value);
        let records: Vec<_> =
            std::iter::once(record("e", a)).chain(b.map(|b| record("f", b))).collect();
        let all = claims::parse(CLAIMS).expect("claims");
        let mut result = Reproduction::new("R", "quick", "cargo xtask reproduce");
        result.outcomes = claims::judge(&all, &records, &BTreeMap::new());
        let figure = |name: &str, bytes| Figure {
            name: name.into(),
            caption: format!("the {name} one"),
            svg: "x".repeat(bytes),
        };
        let figures = vec![figure("small", 10), figure("large", MAX_FIGURE_BYTES + 1)];
        result.sections.push(Section { id: "e".into(), figures, ..Section::default() });
        result
    }

    fn known() -> Vec<String> {
        vec!["a".into(), "b".into()]
    }

    fn request(seed: u64) -> Request {
        Request { ids: Vec::new(), tier: Tier::Quick, seed, data: None }
    }

    #[test]
    fn a_flipped_verdict_is_seen_and_an_equal_one_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path();
        let seen = |a, seed| {
            changed(folder, &request(seed), &found(a, None).outcomes).expect("readable").len()
        };
        assert_eq!(seen(1.0, 0), 0, "nothing is committed");
        keep(folder, &found(1.0, None), &known()).expect("keeps");
        assert_eq!((seen(1.05, 0), seen(1.2, 0), seen(1.2, 7)), (0, 1, 0));
        let words = fs::read_to_string(folder.join(VERDICTS)).expect("kept");
        fs::write(folder.join(VERDICTS), words.replace("reproduced", "differs")).expect("writes");
        assert_eq!(seen(1.05, 0), 1);
    }

    #[test]
    fn small_files_are_kept_and_older_figures_go() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let figures = folder.path().join("figures");
        fs::create_dir(&figures).expect("creates");
        fs::write(figures.join("older.svg"), "x").expect("writes");
        keep(folder.path(), &found(1.0, None), &known()).expect("keeps");
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).expect("lists");
            let mut names: Vec<_> = entries.map(|e| e.expect("an entry").file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(folder.path()), ["figures", "report.csv", "report.md", VERDICTS]);
        assert_eq!(names(&figures), ["small.svg"]);
        let text = fs::read_to_string(folder.path().join("report.md")).expect("kept");
        assert!(text.contains("the large one") && !text.contains("figures/large.svg"), "{text}");
    }

    #[test]
    fn a_run_that_leaves_out_verdicts_is_not_accepted() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (folder, part) = (folder.path(), found(1.0, None));
        keep(folder, &found(1.0, Some(1.0)), &known()).expect("keeps");
        let error = keep(folder, &part, &known()).expect_err("b would be lost");
        assert!(matches!(error.downcast_ref(), Some(Refusal::Usage(_))), "{error}");
        assert!(error.to_string().contains(": b;"), "{error}");
        keep(folder, &part, &["a".to_owned()]).expect("b is no claim any more");
    }
}
