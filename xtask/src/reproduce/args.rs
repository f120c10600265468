//! What `cargo xtask reproduce` is asked to do.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::context::Shard;
use super::{Experiment, Tier};
use crate::exit::Refusal;
use crate::experiments;

/// Run experiments and write the report
#[derive(clap::Args, Debug)]
pub(crate) struct ReproduceArgs {
    /// Experiments by id (see `cargo xtask list`); without ids and tier: all that need no data
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// How much of the papers' sizes to run [default: quick]
    #[arg(long, value_enum)]
    pub(crate) tier: Option<Tier>,
    /// Seed from which all others are derived [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Folder of data sets, as `cargo xtask data list` shows
    #[arg(long, value_name = "DIR", env = "EMBEX_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of cells and report
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(crate) out: PathBuf,
    /// Compute part I of N of the cells; a run without it collects all parts
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Go on with the run in the output folder: its ids, tier and seed
    #[arg(long, conflicts_with_all = ["ids", "tier", "seed"])]
    pub(crate) resume: bool,
    /// Keep the report and its verdicts as the committed ones of this tier, in `results/`
    #[arg(long, conflicts_with = "shard")]
    pub(crate) accept: bool,
}

/// What to run: kept in the output folder for `--resume`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) ids: Vec<String>,
    pub(crate) tier: Tier,
    pub(crate) seed: u64,
}

impl ReproduceArgs {
    /// The experiments, tier and seed.
    pub(crate) fn request(&self) -> anyhow::Result<Request> {
        if self.resume {
            return Request::load(&self.out);
        }
        let chosen: Vec<&Experiment> = if self.ids.is_empty() {
            let only_own_data = self.tier.is_none();
            experiments::ALL.iter().filter(|e| !only_own_data || e.needs.is_empty()).collect()
        } else {
            self.ids.iter().map(|id| find(id)).collect::<anyhow::Result<_>>()?
        };
        Ok(Request {
            ids: chosen.iter().map(|experiment| experiment.id.to_owned()).collect(),
            tier: self.tier.unwrap_or_default(),
            seed: self.seed.unwrap_or(0),
        })
    }
}

impl Request {
    fn load(out: &Path) -> anyhow::Result<Self> {
        let path = out.join("request.json");
        if !path.is_file() {
            let what = format!("nothing to resume: {} is not there", path.display());
            return Err(Refusal::Usage(what).into());
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Keeps the request for `--resume`.
    pub(crate) fn save(&self, out: &Path) -> anyhow::Result<()> {
        Ok(embex_io::write_json(out.join("request.json"), self)?)
    }

    /// The experiments of the request.
    pub(crate) fn experiments(&self) -> anyhow::Result<Vec<&'static Experiment>> {
        self.ids.iter().map(|id| find(id)).collect()
    }

    /// The command that makes the same report.
    pub(crate) fn command(&self) -> String {
        let ids = self.ids.join(" ");
        format!("cargo xtask reproduce {ids} --tier {} --seed {}", self.tier.word(), self.seed)
    }
}

fn find(id: &str) -> anyhow::Result<&'static Experiment> {
    experiments::ALL.iter().find(|experiment| experiment.id == id).ok_or_else(|| {
        let known: Vec<&str> = experiments::ALL.iter().map(|experiment| experiment.id).collect();
        Refusal::Usage(format!("no experiment {id:?}; there are {}", known.join(", "))).into()
    })
}
