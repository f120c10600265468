//! The files of a result folder, written and read back.

mod read;
mod write;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::page::{
    FeatureSets, Groups, ImageShape, LayerKind, PageInput, PageOptions, Saturation, Summary,
};
use crate::{Environment, Result};

/// Version of the layout of `run.json` and its neighbours; raised when older readers would err.
pub const SCHEMA: u32 = 1;

/// Names of the files.
mod files {
    pub(super) const EMBEDDING: &str = "embedding.npy";
    pub(super) const POINTS: &str = "points.csv";
    pub(super) const FEATURES: &str = "features.csv";
    pub(super) const FEATURE_SETS: &str = "feature_sets.csv";
    pub(super) const VALUES: &str = "values.npy";
    pub(super) const ATTRIBUTIONS: &str = "attributions.npy";
    pub(super) const SCORES: &str = "attribution_components.npy";
    pub(super) const LOADINGS: &str = "loadings.npy";
    pub(super) const POINT_IMPORTANCE: &str = "point_importance.npy";
    pub(super) const IMPORTANCE: &str = "importance.csv";
    pub(super) const TOP_POINTS: &str = "top_features_points.csv";
    pub(super) const TOP_GROUPS: &str = "top_features.csv";
    pub(super) const QUALITY: &str = "quality.json";
    pub(super) const RUN: &str = "run.json";
    pub(super) const PAGE: &str = "index.html";
}

/// How long a part of a run took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Which part.
    pub phase: String,
    /// Wall time.
    pub seconds: f64,
}

/// What `run.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunRecord {
    /// Layout of the folder; [`SCHEMA`] when written by this version.
    pub schema: u32,
    /// Program and command, as `embex tsne`.
    #[serde(default)]
    pub program: String,
    /// Everything that decides the result: parameters, seed, input, preparation.
    #[serde(default)]
    pub settings: Value,
    /// What the run found out about itself: iterations, KL, capped points, neighbour recall.
    #[serde(default)]
    pub diagnostics: Value,
    /// Time by part, in order.
    #[serde(default)]
    pub timings: Vec<PhaseTime>,
    /// Largest resident memory, if measured.
    #[serde(default)]
    pub peak_memory_bytes: Option<u64>,
    /// Where it ran.
    #[serde(default)]
    pub environment: Environment,
    /// What the page needs besides the files.
    #[serde(default)]
    page: PageFacts,
}

impl RunRecord {
    /// A record of this version's layout.
    pub fn new(program: &str, settings: Value) -> Self {
        Self { schema: SCHEMA, program: program.to_owned(), settings, ..Self::default() }
    }
}

/// Facts of the page that are in no other file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct PageFacts {
    title: String,
    n_points: usize,
    n_dims: usize,
    group_title: Option<String>,
    group_names: Vec<String>,
    named_points: bool,
    stability: bool,
    listed: usize,
    /// Columns of `importance.csv`; not there in folders of earlier programs.
    summary: Option<Vec<String>>,
    layers: Vec<LayerFacts>,
    top: Option<TopFacts>,
    /// Title and names of the sets of features.
    sets: Option<(String, Vec<String>)>,
    saturation: Option<(f64, bool)>,
    notices: Vec<String>,
    image: Option<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LayerFacts {
    kind: Kind,
    about: String,
    components: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TopFacts {
    k: usize,
    kind: Option<Kind>,
}

/// [`LayerKind`] in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Value,
    Attribution,
    Importance,
}

impl From<LayerKind> for Kind {
    fn from(kind: LayerKind) -> Self {
        match kind {
            LayerKind::Value => Self::Value,
            LayerKind::Attribution => Self::Attribution,
            LayerKind::Importance => Self::Importance,
        }
    }
}

impl From<Kind> for LayerKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Value => Self::Value,
            Kind::Attribution => Self::Attribution,
            Kind::Importance => Self::Importance,
        }
    }
}

impl Kind {
    const fn file(self) -> &'static str {
        match self {
            Self::Value => files::VALUES,
            Self::Attribution => files::ATTRIBUTIONS,
            Self::Importance => files::POINT_IMPORTANCE,
        }
    }
}

/// A finished run: what its page shows, how it was made, how good the map is.
///
/// # Files
/// | file | holds |
/// |---|---|
/// | `embedding.npy` | n × 1…3 |
/// | `points.csv` | `point,name,group_index,group`, and `stability` where it is known |
/// | `features.csv` | `index,feature`, and `set_index,set` where features were removed together |
/// | `feature_sets.csv` | `set,feature` of those, as `embex tsne --feature-sets` reads them |
/// | `values.npy` | n × D, as bytes where all are whole and 0…255 |
/// | `attributions.npy` | n × D; or `attribution_components.npy` (n × k) and `loadings.npy` (k × D), whose product they are |
/// | `point_importance.npy` | n × D |
/// | `importance.csv` | `group,feature,importance,sensitivity,jacobian_norm,signed_mean,contrast`, groups × D rows; `set` after `feature` where features were removed together, in the next two as well |
/// | `top_features.csv` | `group,rank,feature`, then as `importance.csv` |
/// | `top_features_points.csv` | `point,rank,feature_index,feature,score` |
/// | `quality.json`, `run.json` | measures; settings, times, versions |
/// | `index.html` | the page |
///
/// Files of what a run does not have are not there.
///
/// # Example
/// ```
/// use embex_report::{Matrix, RunRecord, RunResult, page};
/// # let dir = tempfile::tempdir()?;
/// let coords = Matrix::new(2, 2, vec![0.0, 0.0, 1.0, 1.0])?;
/// let page = page::PageInput::new("two points", coords, vec!["x".into()]);
/// let run = RunRecord::new("embex tsne", serde_json::json!({"seed": 0}));
/// let result = RunResult { page, run, quality: serde_json::json!({"kl": 0.7}) };
/// result.write(dir.path(), &page::PageOptions::default())?;
/// let back = RunResult::read(dir.path())?;
/// assert_eq!(back.page.coords, result.page.coords);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunResult {
    /// What the page shows. Its `run` is filled from the two below when the page is made.
    pub page: PageInput,
    /// How it was made.
    pub run: RunRecord,
    /// Measures of the map: a JSON object.
    pub quality: Value,
}

impl RunResult {
    /// Writes all files into an existing folder, each atomically, the page last.
    ///
    /// # Errors
    /// Those of [`PageInput::check`], [`crate::Error::Io`].
    pub fn write(&self, dir: &Path, options: &PageOptions) -> Result<()> {
        self.page.check()?;
        write::all(self, dir)?;
        self.write_page(dir, options)
    }

    /// Writes `index.html` alone.
    ///
    /// # Errors
    /// Those of [`PageInput::check`], [`crate::Error::Io`].
    pub fn write_page(&self, dir: &Path, options: &PageOptions) -> Result<()> {
        write::page(self, dir, options)
    }

    /// Reads a folder back, all but the page.
    ///
    /// # Errors
    /// [`crate::Error::NotAFolder`]; [`crate::Error::Missing`] or [`crate::Error::Damaged`] with the
    /// file, and the line where files do not agree with one another;
    /// [`crate::Error::Schema`] for a later layout, [`crate::Error::Io`].
    pub fn read(dir: &Path) -> Result<Self> {
        read::all(dir)
    }

    /// The facts the page lists: quality first, then how the run was made. Times, memory and
    /// machine stay in `run.json`: equal runs give equal pages.
    fn facts(&self) -> Value {
        let mut facts = serde_json::Map::new();
        let run = &self.run;
        facts.insert("program".into(), run.program.clone().into());
        for (name, value) in [
            ("quality", &self.quality),
            ("settings", &run.settings),
            ("diagnostics", &run.diagnostics),
        ] {
            if !value.is_null() {
                facts.insert(name.into(), value.clone());
            }
        }
        facts.into()
    }
}

/// Names of the columns that a summary has.
fn summary_columns(summary: &Summary) -> Vec<String> {
    let present = summary.columns().into_iter().filter(|column| column.values.is_some());
    present.map(|column| column.name.to_owned()).collect()
}

impl PageFacts {
    fn of(page: &PageInput) -> Self {
        let layers = page.layers.iter().map(|layer| LayerFacts {
            kind: layer.kind.into(),
            about: layer.about.clone(),
            components: matches!(layer.data, crate::page::LayerData::Components { .. }),
        });
        let groups = page.groups.as_ref();
        Self {
            title: page.title.clone(),
            n_points: page.n_points(),
            n_dims: page.coords.n_cols(),
            group_title: groups.map(|groups| groups.title.clone()),
            group_names: groups.map(|groups| groups.names.clone()).unwrap_or_default(),
            named_points: !page.point_names.is_empty(),
            stability: page.stability.is_some(),
            listed: page.listed,
            summary: Some(summary_columns(&page.summary)),
            layers: layers.collect(),
            top: (page.top.as_ref())
                .map(|top| TopFacts { k: top.k, kind: top.kind.map(Kind::from) }),
            sets: (page.sets.as_ref()).map(|sets| (sets.title.clone(), sets.names.clone())),
            saturation: page.saturation.map(|s| (s.mass_across, s.saturated)),
            notices: page.notices.clone(),
            image: page.image.map(|image| (image.height, image.width)),
        }
    }

    fn groups(&self, of_point: Vec<u32>) -> Option<Groups> {
        let title = self.group_title.clone()?;
        Some(Groups { title, names: self.group_names.clone(), of_point })
    }

    fn sets(&self, of_feature: Vec<u32>) -> Option<FeatureSets> {
        let (title, names) = self.sets.clone()?;
        Some(FeatureSets { title, names, of_feature })
    }

    fn saturation(&self) -> Option<Saturation> {
        let (mass_across, saturated) = self.saturation?;
        Some(Saturation { mass_across, saturated })
    }

    fn image(&self) -> Option<ImageShape> {
        let (height, width) = self.image?;
        Some(ImageShape { height, width })
    }
}

#[cfg(test)]
mod tests;
