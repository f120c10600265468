//! What `cargo xtask reproduce` is asked to do.

use std::fs;
use std::path::{self, Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::context::Shard;
use super::verdicts::COMMITTED_SEED;
use super::{Experiment, Tier};
use crate::exit::Refusal;
use crate::experiments;

/// Run experiments and write the report
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Writes DIR/report.html, report.md, report.csv and figures/. Finished cells are kept in \
    DIR/cells by the hash of their configuration, data and code, and not redone: a run that was cut \
    short, or one of another tier into the same folder, computes only what is new. A claim that differs \
    is a result; the command fails only if a property of ours does not hold, or if a verdict at seed 0 \
    is not the one in results/.\n\n\
    Exit codes: 0 done, 1 a property or verdict of ours failed, 2 usage, 3 bad data, 5 input or output."
)]
pub(crate) struct ReproduceArgs {
    /// Experiments by id (see `cargo xtask list`), and only their claims; without ids all, of which
    /// those that cannot run without data are left out unless a tier is given
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// How much of the papers' sizes to run [default: quick]
    #[arg(long, value_enum)]
    pub(crate) tier: Option<Tier>,
    /// Seed from which all others are derived [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Folder of data sets, as `cargo xtask data list` shows; without it, what needs them is named
    /// in the report as not run
    #[arg(long, value_name = "DIR", env = "EMBEX_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of cells and report
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(crate) out: PathBuf,
    /// Compute part I of N of the cells; a run without it collects all parts
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Go on with the run in the output folder: its ids, tier, seed and, unless one is given, data
    /// folder
    #[arg(long, conflicts_with_all = ["ids", "tier", "seed"])]
    pub(crate) resume: bool,
    /// Keep report, verdicts and small figures as the committed ones of this tier, in `results/`;
    /// refused if a property fails or verdicts that are there would be lost
    #[arg(long, conflicts_with = "shard")]
    pub(crate) accept: bool,
}

/// What to run: kept in the output folder for `--resume`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) ids: Vec<String>,
    pub(crate) tier: Tier,
    pub(crate) seed: u64,
    /// Folder of data sets.
    pub(crate) data: Option<PathBuf>,
}

impl ReproduceArgs {
    /// What to run.
    pub(crate) fn request(&self) -> anyhow::Result<Request> {
        let request = if self.resume { self.resumed()? } else { self.new_request()? };
        if self.accept && request.seed != COMMITTED_SEED {
            let what = format!("--accept keeps results of seed {COMMITTED_SEED} only");
            return Err(Refusal::Usage(what).into());
        }
        Ok(request)
    }

    fn resumed(&self) -> anyhow::Result<Request> {
        let request = Request::load(&self.out)?;
        Ok(Request { data: self.data_folder()?.or(request.data), ..request })
    }

    fn new_request(&self) -> anyhow::Result<Request> {
        let chosen: Vec<&Experiment> = if self.ids.is_empty() {
            let only_own_data = self.tier.is_none();
            experiments::ALL.iter().filter(|e| !only_own_data || e.needs.is_empty()).collect()
        } else {
            self.ids.iter().map(|id| find(id)).collect::<anyhow::Result<_>>()?
        };
        Ok(Request {
            ids: chosen.iter().map(|experiment| experiment.id.to_owned()).collect(),
            tier: self.tier.unwrap_or_default(),
            seed: self.seed.unwrap_or(COMMITTED_SEED),
            data: self.data_folder()?,
        })
    }

    /// The data folder, whatever the working folder of a later run.
    fn data_folder(&self) -> anyhow::Result<Option<PathBuf>> {
        Ok(self.data.as_ref().map(path::absolute).transpose()?)
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

    /// The command that makes the same report, wherever the data are.
    pub(crate) fn command(&self) -> String {
        let (ids, tier, seed) = (self.ids.join(" "), self.tier.word(), self.seed);
        let data = if self.data.is_some() { " --data DIR" } else { "" };
        format!("cargo xtask reproduce {ids} --tier {tier} --seed {seed}{data}")
    }
}

fn find(id: &str) -> anyhow::Result<&'static Experiment> {
    experiments::ALL.iter().find(|experiment| experiment.id == id).ok_or_else(|| {
        let known: Vec<&str> = experiments::ALL.iter().map(|experiment| experiment.id).collect();
        Refusal::Usage(format!("no experiment {id:?}; there are {}", known.join(", "))).into()
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: ReproduceArgs,
    }

    fn request(out: &Path, words: &str) -> anyhow::Result<Request> {
        let words = words.split_whitespace().map(str::to_owned);
        let out = ["--out".to_owned(), out.display().to_string()];
        let line =
            Line::try_parse_from(["reproduce".to_owned()].into_iter().chain(words).chain(out));
        line.expect("parses").args.request()
    }

    #[test]
    fn a_run_is_resumed_as_it_was_asked_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path();
        let data = out.join("data").display().to_string();
        let error = request(out, "--resume").expect_err("nothing is there");
        assert!(matches!(error.downcast_ref(), Some(Refusal::Usage(_))), "{error}");
        let asked =
            request(out, &format!("tg-steps --tier short --seed 3 --data {data}")).expect("known");
        assert_eq!((asked.ids.len(), asked.tier, asked.seed), (1, Tier::Short, 3));
        asked.save(out).expect("saves");
        let resumed = request(out, "--resume").expect("is there");
        assert_eq!(
            (&resumed.ids, resumed.tier, resumed.seed),
            (&asked.ids, asked.tier, asked.seed)
        );
        if std::env::var_os("EMBEX_DATA").is_none() {
            assert_eq!(resumed, asked);
        }
        let moved = request(out, "--resume --data elsewhere").expect("is there");
        assert!(moved.data.expect("given").is_absolute(), "a later run may start elsewhere");
        assert!(asked.command().ends_with("tg-steps --tier short --seed 3 --data DIR"));
    }

    #[test]
    fn unknown_experiments_and_other_seeds_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for words in ["tg-nothing", "--seed 1 --accept"] {
            let error = request(folder.path(), words).expect_err("refused");
            assert!(matches!(error.downcast_ref(), Some(Refusal::Usage(_))), "{error}");
        }
    }
}
