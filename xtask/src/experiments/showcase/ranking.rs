//! Which features come first under each answer, and how far the answers agree.

use embex_linalg::Rows;
use embex_linalg::stats::ranks;
use embex_report::{Entry, Estimate, text};
use embex_tsne::summary::{Measure, Order, TopFeatures};

use super::told::Told;

/// Length of the lists that are compared.
pub(super) const TOP: usize = 20;

/// Where an answer stands in what a map says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// In the summary.
    Summary(Measure),
    /// Importance of correlated features together.
    Together,
}

/// The answers: source, method in the records, heading. Importance comes first, contrast last.
pub(super) const ANSWERS: [(Source, &str, &str); 5] = [
    (Source::Summary(Measure::Importance), "importance", "importance"),
    (Source::Together, "importance_groups", "importance of correlated groups"),
    (Source::Summary(Measure::Sensitivity), "corrected_abs", "sensitivity, mean |.|"),
    (Source::Summary(Measure::SensitivityNorm), "corrected_norm", "sensitivity, mean norm"),
    (Source::Summary(Measure::Contrast), "mean_difference", "contrast"),
];

impl Source {
    /// Group × feature.
    pub(super) fn values(self, told: &Told) -> anyhow::Result<&Rows<f64>> {
        match self {
            Self::Together => Ok(&told.together),
            Self::Summary(measure) => {
                let all = told.summary.values(measure);
                all.ok_or_else(|| anyhow::anyhow!("the summary has no {}", measure.name()))
            }
        }
    }
}

/// Group × asked feature under one answer.
pub(super) fn of_asked(told: &Told, source: Source, asked: &[usize]) -> anyhow::Result<Rows<f64>> {
    let all = source.values(told)?;
    let rows = (0..all.n_rows()).flat_map(|g| asked.iter().map(move |&d| all.row(g)[d])).collect();
    Rows::from_vec(rows, asked.len()).ok_or_else(|| anyhow::anyhow!("no feature was asked for"))
}

/// The mean of matrices of one shape.
pub(super) fn mean(all: &[Rows<f64>]) -> anyhow::Result<Rows<f64>> {
    let mut sum = all.first().ok_or_else(|| anyhow::anyhow!("nothing to average"))?.clone();
    for other in &all[1..] {
        sum.as_mut_slice().iter_mut().zip(other.as_slice()).for_each(|(s, v)| *s += v);
    }
    sum.as_mut_slice().iter_mut().for_each(|s| *s /= all.len() as f64);
    Ok(sum)
}

/// The first features of every group.
pub(super) fn top(values: &Rows<f64>) -> anyhow::Result<TopFeatures> {
    Ok(TopFeatures::of_rows(values.as_mat(), TOP, Order::Largest)?)
}

/// Share of the first features that two answers have in common, averaged over groups.
pub(super) fn overlap(a: &TopFeatures, b: &TopFeatures) -> f64 {
    let common = |g: usize| a.features(g).iter().filter(|&d| b.features(g).contains(d)).count();
    let total: usize = (0..a.n_rows()).map(common).sum();
    total as f64 / (a.n_rows() * a.count()) as f64
}

/// Rank of every feature of a row, 1 for the largest value; equal values share their mean rank.
pub(super) fn descending_ranks(row: &[f64]) -> anyhow::Result<Vec<f64>> {
    let negated: Vec<f64> = row.iter().map(|v| -v).collect();
    Ok(ranks(&negated)?)
}

/// The 95 % interval of the mean for a table; blank for a single value.
pub(super) fn interval(values: &[f64]) -> Entry {
    Estimate::of(values).and_then(|e| e.interval).map_or(Entry::Blank, |(low, high)| {
        Entry::Text(format!("{} … {}", text::number(low, 3), text::number(high, 3)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f64], n_cols: usize) -> Rows<f64> {
        Rows::from_vec(values.to_vec(), n_cols).expect("whole rows")
    }

    #[test]
    fn overlap_is_the_common_share_of_the_lists() {
        let top = |values: &[f64]| {
            TopFeatures::of_rows(rows(values, 4).as_mat(), 2, Order::Largest).expect("finite")
        };
        let a = top(&[4.0, 3.0, 2.0, 1.0, 4.0, 3.0, 2.0, 1.0]);
        let b = top(&[4.0, 1.0, 2.0, 3.0, 3.0, 4.0, 0.0, 0.0]);
        assert!((overlap(&a, &b) - 0.75).abs() < 1e-15);
        assert!((overlap(&a, &a) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn ranks_begin_at_the_largest() {
        assert_eq!(descending_ranks(&[0.5, 3.0, -1.0, 0.5]).expect("finite"), [2.5, 1.0, 4.0, 2.5]);
    }

    #[test]
    fn the_mean_is_taken_entry_by_entry() {
        let all = [rows(&[1.0, 2.0], 2), rows(&[3.0, -2.0], 2)];
        assert_eq!(mean(&all).expect("two").as_slice(), [2.0, 0.0]);
        assert!(mean(&[]).is_err());
    }
}
