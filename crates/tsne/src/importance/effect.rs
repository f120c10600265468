//! What widened candidates cost, measured on a sample of sets.

use embex_linalg::Real;
use embex_linalg::progress::{Progress, report};
use embex_linalg::seed::stream;
use rand::RngExt;

use super::{CandidateEffect, Candidates, Occlusion};
use crate::Result;

/// Sets on which both searches are run.
const SAMPLED_SETS: usize = 8;

/// Runs both searches on a seeded sample of sets.
pub(super) fn measure<T: Real>(
    run: &Occlusion<'_, T>,
    progress: &mut dyn Progress,
) -> Result<CandidateEffect> {
    let mut effect = CandidateEffect {
        counts: run.state().counts,
        sampled_sets: Vec::new(),
        recall: 1.0,
        recall_least: 1.0,
        change_largest: 0.0,
    };
    let candidates = run.params().candidates;
    if candidates == Candidates::Exact {
        return Ok(effect);
    }
    effect.sampled_sets = sample(run.sets().len(), run.params().seed);
    let n_sets = effect.sampled_sets.len();
    let (mut found, mut rows) = (0.0, 0_u64);
    for (done, &set) in effect.sampled_sets.iter().enumerate() {
        report(progress, "importance: candidates", done, n_sets, "")?;
        let [exact] = &run.search(&[set], Candidates::Exact).0[..] else { continue };
        let [widened] = &run.search(&[set], candidates).0[..] else { continue };
        let totals = [exact, widened].map(|rows| run.charge(rows.as_ref()).total);
        if totals[0] != totals[1] {
            let scale = totals[0].abs().max(f64::MIN_POSITIVE);
            effect.change_largest =
                effect.change_largest.max((totals[1] - totals[0]).abs() / scale);
        }
        let (Some(exact), Some(widened)) = (exact, widened) else { continue };
        for i in 0..exact.directed().starts.len() - 1 {
            let common = n_common(exact.neighbours(i), widened.neighbours(i));
            let recall = common as f64 / run.n_neighbours() as f64;
            found += recall;
            rows += 1;
            effect.recall_least = effect.recall_least.min(recall);
        }
    }
    if rows > 0 {
        effect.recall = found / rows as f64;
    }
    Ok(effect)
}

/// Distinct sets, ascending.
fn sample(n_sets: usize, seed: u64) -> Vec<usize> {
    let mut rng = stream(seed, "importance: sampled sets", 0);
    let mut sets: Vec<usize> = (0..n_sets).collect();
    for at in 0..SAMPLED_SETS.min(n_sets) {
        let other = rng.random_range(at..n_sets);
        sets.swap(at, other);
    }
    sets.truncate(SAMPLED_SETS);
    sets.sort_unstable();
    sets
}

/// Entries that two ascending lists share.
fn n_common(a: &[u32], b: &[u32]) -> usize {
    let (mut at, mut common) = (0, 0);
    for &value in a {
        while at < b.len() && b[at] < value {
            at += 1;
        }
        if at < b.len() && b[at] == value {
            common += 1;
        }
    }
    common
}
