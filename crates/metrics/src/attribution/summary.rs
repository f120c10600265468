//! From the table of a corruption test to the curves and bars of a figure.

use super::Record;
use crate::{BootstrapParams, Interval, Result};

/// Mean of a measure over repeats and draws, with its interval.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CurvePoint {
    /// Name of the candidate; `None` if nothing was corrupted.
    pub candidate: Option<String>,
    /// Share of the features corrupted; `None` for a mean over shares.
    pub share: Option<f64>,
    /// Name of the measure.
    pub measure: String,
    /// Values of which this is the mean.
    pub n: usize,
    /// Mean and percentile bootstrap interval.
    pub mean: Interval,
}

/// One point per candidate, share and measure: the mean over seeds and draws.
///
/// Points come in the order in which the records first name them. The interval resamples the
/// cells, as the figures of \[TG\] do (seeds, and subsets for random features). Cost as
/// [`BootstrapParams::mean`].
///
/// # Errors
/// Those of [`BootstrapParams::mean`].
///
/// # Example
/// ```
/// use embex_metrics::BootstrapParams;
/// use embex_metrics::attribution::{Cell, Record, mean_by_share};
/// let record = |seed, value| Record {
///     cell: Cell { candidate: Some("random".into()), share: 0.1, seed, draw: 0 },
///     measure: "10-NN kept".into(),
///     value,
/// };
/// let curve = mean_by_share(&[record(0, 0.4), record(1, 0.6)], &BootstrapParams::default())?;
/// assert_eq!((curve[0].share, curve[0].n, curve[0].mean.estimate), (Some(0.1), 2, 0.5));
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub fn mean_by_share(records: &[Record], bootstrap: &BootstrapParams) -> Result<Vec<CurvePoint>> {
    let share = |r: &Record| Some(r.cell.share.to_bits());
    let groups = grouped(records, |r| (r.cell.candidate.clone(), share(r), r.measure.clone()));
    groups
        .into_iter()
        .map(|((candidate, share, measure), members)| {
            let values: Vec<f64> = members.iter().map(|r| r.value).collect();
            let (n, mean) = (values.len(), bootstrap.mean(&values)?);
            let share = share.map(f64::from_bits);
            Ok(CurvePoint { candidate, share, measure, n, mean })
        })
        .collect()
}

/// One bar per candidate and measure: shares are averaged first, within every seed and draw, and
/// the interval resamples seeds and draws \[TG, Fig. 2 and Tables S2–S7\].
///
/// The uncorrupted cells make a bar of their own. Compare bars only if all candidates have the
/// same shares. Cost as [`BootstrapParams::mean`].
///
/// # Errors
/// Those of [`BootstrapParams::mean`].
pub fn mean_over_shares(
    records: &[Record],
    bootstrap: &BootstrapParams,
) -> Result<Vec<CurvePoint>> {
    grouped(records, |r| (r.cell.candidate.clone(), r.measure.clone()))
        .into_iter()
        .map(|((candidate, measure), members)| {
            let values: Vec<f64> = grouped(members, |r| (r.cell.seed, r.cell.draw))
                .into_iter()
                .map(|(_, run)| run.iter().map(|r| r.value).sum::<f64>() / run.len() as f64)
                .collect();
            let (n, mean) = (values.len(), bootstrap.mean(&values)?);
            Ok(CurvePoint { candidate, share: None, measure, n, mean })
        })
        .collect()
}

/// Records by key, in the order in which the keys first appear.
fn grouped<'r, K: Ord + Clone>(
    records: impl IntoIterator<Item = &'r Record>,
    key: impl Fn(&Record) -> K,
) -> Vec<(K, Vec<&'r Record>)> {
    let mut place = std::collections::BTreeMap::new();
    let mut groups: Vec<(K, Vec<&Record>)> = Vec::new();
    for record in records {
        let key = key(record);
        let at = *place.entry(key.clone()).or_insert(groups.len());
        if at == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[at].1.push(record);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Cell;

    fn record(candidate: Option<&str>, share: f64, seed: u64, value: f64) -> Record {
        let candidate = candidate.map(str::to_string);
        Record { cell: Cell { candidate, share, seed, draw: 0 }, measure: "m".into(), value }
    }

    fn table() -> Vec<Record> {
        vec![
            record(None, 0.0, 9, 0.9),
            record(Some("b"), 0.2, 0, 0.4),
            record(Some("b"), 0.1, 0, 0.8),
            record(Some("b"), 0.2, 1, 0.2),
            record(Some("b"), 0.1, 1, 0.6),
        ]
    }

    #[test]
    fn curves_average_over_repeats() {
        let curve = mean_by_share(&table(), &BootstrapParams::default()).unwrap();
        let found: Vec<_> = curve.iter().map(|p| (p.share, p.n)).collect();
        assert_eq!(found, [(Some(0.0), 1), (Some(0.2), 2), (Some(0.1), 2)]);
        assert!((curve[1].mean.estimate - 0.3).abs() < 1e-15);
        assert_eq!((curve[1].mean.low, curve[1].mean.high), (0.2, 0.4));
        assert_eq!(curve[0].candidate, None);
    }

    /// Two repeats of 0.6 and 0.4, whatever their four values are.
    #[test]
    fn bars_average_over_shares_first() {
        let bars = mean_over_shares(&table(), &BootstrapParams::default()).unwrap();
        assert_eq!((bars.len(), bars[1].n, bars[1].share), (2, 2, None));
        let Interval { low, estimate, high } = bars[1].mean;
        assert!((low - 0.4).abs() < 1e-15 && (estimate - 0.5).abs() < 1e-15);
        assert!((high - 0.6).abs() < 1e-15);
        assert!(mean_over_shares(&[], &BootstrapParams::default()).unwrap().is_empty());
    }
}
