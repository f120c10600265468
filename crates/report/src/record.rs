//! What one finished cell of an experiment leaves behind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// Where numbers were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// Versions by name: this workspace's crates, peers, interpreters.
    pub versions: BTreeMap<String, String>,
    /// Commit of the sources, if known.
    pub commit: Option<String>,
    /// Processor model, if known.
    pub cpu: Option<String>,
    /// Operating system.
    pub os: String,
    /// Threads used.
    pub threads: usize,
}

/// The result of one cell: one experiment, data set, method, configuration and seed.
///
/// ```
/// use embex_report::CellRecord;
/// let mut cell = CellRecord::new("tg-synthetic", "importance", 7)
///     .with_param("effects", "8/3")
///     .with_metric("auroc", 0.98);
/// cell.seconds = 1.5;
/// let back = CellRecord::from_json(&cell.to_json()?)?;
/// assert_eq!(back, cell);
/// # Ok::<(), embex_report::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CellRecord {
    /// Hash of the resolved configuration, the data and the code version.
    pub key: String,
    /// Id of the experiment.
    pub experiment: String,
    /// Column of the table this cell feeds: `published`, `corrected`, `fixed_point`,
    /// `importance`, `random`, `mean_difference`, `variance`, or any name of its own.
    pub method: String,
    /// Settings that tell this cell from the others, by name.
    pub params: BTreeMap<String, Value>,
    /// Seed of everything random in it.
    pub seed: u64,
    /// Numbers measured, by name; all finite.
    pub metrics: BTreeMap<String, f64>,
    /// Rows of numbers measured (a curve, a profile), by name; all finite.
    pub series: BTreeMap<String, Vec<f64>>,
    /// Wall time.
    pub seconds: f64,
    /// Processor time over all threads, if measured.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory, if measured.
    pub peak_memory_bytes: Option<u64>,
    /// Where it ran.
    pub environment: Environment,
}

impl CellRecord {
    /// An empty record.
    pub fn new(experiment: &str, method: &str, seed: u64) -> Self {
        Self {
            experiment: experiment.to_owned(),
            method: method.to_owned(),
            seed,
            ..Self::default()
        }
    }

    /// Adds a setting.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn with_metric(mut self, name: &str, value: f64) -> Self {
        self.metrics.insert(name.to_owned(), value);
        self
    }

    /// Adds a row of numbers.
    #[must_use]
    pub fn with_series(mut self, name: &str, values: Vec<f64>) -> Self {
        self.series.insert(name.to_owned(), values);
        self
    }

    /// A setting as text: strings bare, everything else as JSON.
    pub fn param_text(&self, name: &str) -> Option<String> {
        self.params.get(name).map(|value| match value {
            Value::String(words) => words.clone(),
            other => other.to_string(),
        })
    }

    /// Serialises to indented JSON; the same record gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Metric`] if a number is NaN or infinite: JSON has no such numbers.
    pub fn to_json(&self) -> Result<String> {
        let singles = self.metrics.iter().map(|(name, &value)| (name, value));
        let rows = self.series.iter().flat_map(|(name, row)| row.iter().map(move |&v| (name, v)));
        for (metric, value) in singles.chain(rows) {
            if !value.is_finite() {
                let (key, metric) = (self.key.clone(), metric.clone());
                return Err(Error::Metric { key, metric, value });
            }
        }
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads [`Self::to_json`] back; fields not there take their default.
    ///
    /// # Errors
    /// [`Error::Json`] if the text is not such a record.
    pub fn from_json(json: &str) -> Result<Self> {
        Ok(serde_json::from_str(json)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_refused_by_name() {
        let cell = CellRecord::new("e", "m", 0).with_metric("auroc", f64::NAN);
        assert!(matches!(cell.to_json(), Err(Error::Metric { metric, .. }) if metric == "auroc"));
        let cell = CellRecord::new("e", "m", 0).with_series("s", vec![1.0, f64::INFINITY]);
        assert!(matches!(cell.to_json(), Err(Error::Metric { metric, .. }) if metric == "s"));
    }

    #[test]
    fn full_records_come_back_equal_and_old_ones_are_read() {
        let mut cell = CellRecord::new("e", "m", u64::MAX)
            .with_param("n", 2000)
            .with_param("effects", "8/3")
            .with_series("curve", vec![0.1, 1e-300]);
        cell.environment.versions.insert("embex".into(), "0.1.0".into());
        cell.peak_memory_bytes = Some(1 << 40);
        assert_eq!(CellRecord::from_json(&cell.to_json().unwrap()).unwrap(), cell);
        assert_eq!(cell.param_text("n").as_deref(), Some("2000"));
        assert_eq!(cell.param_text("effects").as_deref(), Some("8/3"));
        assert!(CellRecord::from_json("{\"experiment\":\"e\"}").is_ok());
        assert!(CellRecord::from_json("[1").is_err());
    }
}
