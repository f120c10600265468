//! The committed verdicts, and what changed against them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use embex_report::claims::{self, Change, Outcome};

use super::Tier;
use crate::workspace;

/// Where the committed results of a tier are.
pub(crate) fn folder(tier: Tier) -> PathBuf {
    workspace::root().join("results").join(tier.word())
}

/// Verdicts that are not what `results/` says they were; none, and a word, if the tier has none.
pub(crate) fn changed(tier: Tier, outcomes: &[Outcome]) -> anyhow::Result<Vec<Change>> {
    let path = folder(tier).join("verdicts.json");
    if !path.is_file() {
        eprintln!("no committed verdicts of tier {} to compare with", tier.word());
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let before: BTreeMap<String, String> =
        serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(claims::changes(&before, outcomes))
}

/// The text of `verdicts.json`.
pub(crate) fn text(outcomes: &[Outcome]) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&claims::snapshot(outcomes))? + "\n")
}
