//! What an experiment is.

use embex_report::{CellRecord, Section};

use super::Context;

/// How much of the papers' sizes to run.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tier {
    /// Minutes on two cores
    #[default]
    Quick,
    /// Half an hour
    Short,
    /// The papers' sizes
    Full,
}

impl Tier {
    /// One of three values.
    pub(crate) fn pick<T>(self, quick: T, short: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Short => short,
            Self::Full => full,
        }
    }

    /// The word on the command line and in `results/`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Short => "short",
            Self::Full => "full",
        }
    }
}

/// The crates that compute; a change in one of them makes cells stale.
pub(crate) const KERNELS: &[&str] = &["linalg", "trees", "metrics", "tsne", "io", "testkit"];

/// One experiment of a paper: a row of [`crate::experiments::ALL`].
///
/// To add one, write `xtask/src/experiments/<name>.rs` with
/// ```text
/// pub(super) const EXPERIMENT: Experiment = Experiment {
///     id: "tg-synthetic",
///     title: "TG, Table S1 and Fig. 4: which method finds the true features",
///     needs: &[],
///     also: &[],
///     crates: KERNELS,
///     sources: &[include_str!("tg_synthetic.rs")],
///     run,
/// };
///
/// #[derive(Serialize)]
/// struct Config { n: usize, effect: f64, seed: u64 }
///
/// fn run(cx: &Context) -> anyhow::Result<Findings> {
///     let configs: Vec<Config> = grid(cx.tier.pick(2, 5, 10), cx.seed);
///     // Computed once per configuration; loaded from the store ever after.
///     let cells = cx.grid("maps").run(&configs, |config| Ok(auroc_by_method(config)?))?;
///     let mut findings = Findings::new(Section::…);
///     for (config, cell) in configs.iter().zip(&cells) {
///         for (method, auroc) in &cell.value {
///             findings.records.push(cell.record(method, config.seed).with_metric("auroc", *auroc));
///         }
///     }
///     findings.gate("attributions are finite", all_finite, "…");
///     Ok(findings)
/// }
/// ```
/// add its module and its `EXPERIMENT` to `xtask/src/experiments/mod.rs`, and the paper's numbers
/// to `xtask/claims.toml`. Configurations hold everything that changes a result: the key of a cell
/// is a hash of its configuration, the data it reads, the sources named here and the crates.
#[derive(Debug)]
pub(crate) struct Experiment {
    /// Name on the command line: lower case letters and hyphens.
    pub(crate) id: &'static str,
    /// One line: which table or figure, and the question.
    pub(crate) title: &'static str,
    /// Data sets of the manifest without which it cannot run.
    pub(crate) needs: &'static [&'static str],
    /// Data sets that it uses where they are.
    pub(crate) also: &'static [&'static str],
    /// Folders in `crates/` whose change makes cells stale; mostly [`KERNELS`].
    pub(crate) crates: &'static [&'static str],
    /// Its source texts, by `include_str!`.
    pub(crate) sources: &'static [&'static str],
    /// Runs it.
    pub(crate) run: fn(&Context<'_>) -> anyhow::Result<Findings>,
}

/// What an experiment found.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Tables and figures.
    pub(crate) section: Section,
    /// One record per method, configuration and seed; claims are judged by these.
    pub(crate) records: Vec<CellRecord>,
    /// Properties of ours that must hold.
    pub(crate) gates: Vec<Gate>,
}

impl Findings {
    /// Findings with a section and nothing else yet.
    pub(crate) fn new(section: Section) -> Self {
        Self { section, records: Vec::new(), gates: Vec::new() }
    }

    /// States a property of ours; one that does not hold makes the run end with exit code 1.
    pub(crate) fn gate(&mut self, name: &str, holds: bool, seen: impl Into<String>) {
        self.gates.push(Gate { name: name.to_owned(), holds, seen: seen.into() });
    }
}

/// A property of ours that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gate {
    /// The property, as a statement.
    pub(crate) name: String,
    /// Whether it holds.
    pub(crate) holds: bool,
    /// The numbers seen.
    pub(crate) seen: String,
}
