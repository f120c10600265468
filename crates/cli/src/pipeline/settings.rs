//! Everything that decides a result: kept with the checkpoints and in `run.json`.

use std::path::{Path, PathBuf};

use embex_tsne::attribution::{Derivative, Mode};
use embex_tsne::{Metric, TsneParams};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::labels::LabelSource;
use crate::args::{ScalarArg, TsneArgs};
use crate::exit::{Error, Result};

/// How the names of bundled data begin.
const BUNDLED: &str = "bundled:";

/// Groups that are found where none are given, unless `--clusters` says otherwise.
const CLUSTERS: usize = 10;

/// What a run is: equal settings give equal files, whatever the threads and the memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// Version of the program.
    pub(super) version: String,
    pub(super) input: InputSettings,
    pub(super) prepare: PrepareSettings,
    pub(super) map: TsneParams,
    pub(super) explain: ExplainSettings,
}

/// Which matrix, which groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputSettings {
    /// As on the command line.
    pub(super) source: String,
    /// SHA-256 of the file; none for bundled data.
    pub(super) sha256: Option<String>,
    pub(super) labels: Option<String>,
    /// SHA-256 of the labels' file, where they are in one.
    pub(super) labels_sha256: Option<String>,
    pub(super) set_aside: Vec<String>,
    pub(super) array: Option<String>,
    pub(super) layer: Option<String>,
    pub(super) delimiter: Option<u8>,
    pub(super) header: Option<bool>,
    pub(super) transpose: bool,
}

/// What happens to the matrix before the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PrepareSettings {
    pub(super) normalize_total: Option<Total>,
    pub(super) log1p: bool,
    pub(super) top_variable: Option<usize>,
    pub(super) scale: bool,
    pub(super) pca: Option<usize>,
}

/// To which sum samples are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Total {
    /// The median of the sums.
    Median,
    /// This number.
    Given(f64),
}

/// What is explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ExplainSettings {
    pub(super) attribution: Option<AttributionSettings>,
    pub(super) importance: Option<ImportanceSettings>,
    /// Groups to find where none are given.
    pub(super) clusters: usize,
    /// Features listed per point and group.
    pub(super) top: usize,
}

/// Which sensitivity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AttributionSettings {
    pub(super) mode: Mode,
    pub(super) scalar: ScalarArg,
    /// Steps; empty for the end of the first phase.
    pub(super) at: Vec<usize>,
}

/// Which importance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ImportanceSettings {
    /// Factor of widened candidates; none for an exact search.
    pub(super) candidates: Option<f64>,
    /// Correlation above which features are removed together.
    pub(super) correlated: Option<f64>,
    /// File of sets that are removed together, as on the command line.
    pub(super) feature_sets: Option<PathBuf>,
    /// SHA-256 of that file.
    pub(super) feature_sets_sha256: Option<String>,
}

impl Settings {
    /// The settings of a command line; files are hashed.
    pub(super) fn of(args: &TsneArgs) -> Result<Self> {
        let explain = &args.explain;
        let sets = explain.feature_sets.as_deref();
        let feature_sets_sha256 = sets.map(embex_io::sha256_file).transpose()?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            input: InputSettings::of(args)?,
            prepare: PrepareSettings::of(args),
            map: args.map.params(args.run.seed),
            explain: ExplainSettings {
                attribution: (!explain.no_attribution).then(|| AttributionSettings {
                    mode: explain.attribute,
                    scalar: explain.scalar,
                    at: explain.at.clone(),
                }),
                importance: (!explain.no_importance).then_some(ImportanceSettings {
                    candidates: explain.candidates,
                    correlated: explain.correlated,
                    feature_sets: explain.feature_sets.clone(),
                    feature_sets_sha256,
                }),
                clusters: explain.clusters.unwrap_or(CLUSTERS),
                top: explain.top,
            },
        })
    }

    /// Refuses what cannot be, before anything is read.
    pub(super) fn check(&self) -> Result<()> {
        match self.map.check() {
            Err(embex_tsne::Error::NoApproximateSearch) => {
                return usage(
                    "--neighbour-search approximate: this program was built without it; build it \
                     with `cargo install --path crates/cli --features approx`",
                );
            }
            checked => checked?,
        }
        let perplexity = self.map.perplexity;
        if let Some(k) = self.map.n_neighbours.filter(|&k| k as f64 <= perplexity) {
            return usage(&format!(
                "--neighbours {k}: more than the perplexity, {perplexity}, are needed"
            ));
        }
        self.check_attribution()?;
        self.check_importance()
    }

    fn check_attribution(&self) -> Result<()> {
        let Some(asked) = &self.explain.attribution else { return Ok(()) };
        let last = self.map.n_iter;
        if last == 0 && asked.mode.derivative != Derivative::FixedPoint {
            return usage("--iterations 0 makes no update to attribute: give --no-attribution");
        }
        if let Some(step) = asked.at.iter().find(|&&step| step == 0 || step > last) {
            return usage(&format!("--at {step}: there are the steps 1 to {last}"));
        }
        let has_groups = self.input.labels.is_some() || self.explain.clusters > 1;
        if asked.scalar == ScalarArg::GroupDistance && !has_groups {
            return usage("--scalar group-distance needs --labels, or --clusters of 2 or more");
        }
        Ok(())
    }

    fn check_importance(&self) -> Result<()> {
        let Some(asked) = &self.explain.importance else { return Ok(()) };
        if self.map.metric != Metric::Euclidean {
            return usage(
                "importance needs Euclidean distances: give --no-importance with --metric cosine",
            );
        }
        if asked.correlated.is_some_and(|r| !(0.0..1.0).contains(&r)) {
            return usage("--correlated must be at least 0 and below 1");
        }
        if asked.candidates.is_some_and(|factor| !(factor >= 1.0 && factor.is_finite())) {
            return usage("--candidates must be at least 1");
        }
        Ok(())
    }

    /// Refuses more columns than there are.
    pub(super) fn check_shape(&self, n_rows: usize, n_cols: usize) -> Result<()> {
        let steps = &self.prepare;
        if let Some(n) = steps.top_variable.filter(|&n| n == 0 || n > n_cols) {
            return usage(&format!("--top-variable {n}: the matrix has {n_cols} columns"));
        }
        let n_features = steps.top_variable.unwrap_or(n_cols);
        if let Some(n) = steps.pca.filter(|&n| n == 0 || n > n_features.min(n_rows)) {
            return usage(&format!("--pca {n}: there are {n_rows} rows and {n_features} columns"));
        }
        Ok(())
    }

    /// Refuses a folder whose run had other settings.
    pub(super) fn check_same(&self, other: &Self, folder: &Path) -> Result<()> {
        let [ours, theirs] = [self, other].map(|s| serde_json::to_value(s).unwrap_or_default());
        match first_difference("", &ours, &theirs) {
            None => Ok(()),
            Some(what) => Err(Error::OtherRun { path: folder.to_owned(), what }),
        }
    }
}

fn usage(words: &str) -> Result<()> {
    Err(Error::Usage(words.to_owned()))
}

impl InputSettings {
    fn of(args: &TsneArgs) -> Result<Self> {
        let input = &args.input;
        let hash = |path: &Path| embex_io::sha256_file(path).map_err(Error::from);
        let is_bundled = input.input.starts_with(BUNDLED);
        let labels_sha256 = match input.labels.as_deref().map(LabelSource::of) {
            Some(LabelSource::File(path, _)) => Some(hash(&path)?),
            _ => None,
        };
        Ok(Self {
            source: input.input.clone(),
            sha256: (!is_bundled).then(|| hash(Path::new(&input.input))).transpose()?,
            labels: input.labels.clone(),
            labels_sha256,
            set_aside: input.set_aside.clone(),
            array: input.array.clone(),
            layer: input.layer.clone(),
            delimiter: input.delimiter,
            header: input.header,
            transpose: input.transpose,
        })
    }
}

impl PrepareSettings {
    fn of(args: &TsneArgs) -> Self {
        let prepare = &args.prepare;
        Self {
            normalize_total: prepare.normalize_total.map(|t| t.map_or(Total::Median, Total::Given)),
            log1p: prepare.log1p,
            top_variable: prepare.top_variable,
            scale: prepare.scale,
            pca: prepare.pca,
        }
    }
}

/// The first place where two JSON values differ, in words.
fn first_difference(at: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            keys.into_iter().find_map(|key| {
                let (a, b) =
                    (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                first_difference(&at, a, b)
            })
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!("{at} is {a} now and was {b}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named_by_their_path() {
        let a = json!({"map": {"seed": 1, "angle": 0.5}, "version": "1"});
        let b = json!({"map": {"seed": 2, "angle": 0.5}, "version": "1"});
        assert_eq!(first_difference("", &a, &b).as_deref(), Some("map.seed is 1 now and was 2"));
        assert_eq!(first_difference("", &a, &a.clone()), None);
        let c = json!({"map": {"seed": 1}, "version": "1"});
        assert_eq!(
            first_difference("", &c, &a).as_deref(),
            Some("map.angle is null now and was 0.5")
        );
    }
}
