//! How much memory a run takes, before it is run.
//!
//! Every stage is the sum of the arrays that the libraries hold at its fullest moment, on top of
//! what earlier stages left. Two things are not known beforehand and taken as usual: three in two
//! entries of the affinities' lists survive as entries of P, and a program by itself takes
//! [`PROGRAM`].

use embex_io::{Matrix, Usage, Values};
use embex_linalg::MemoryBudget;
use embex_linalg::pca::{PcaParams, Solver};
use embex_trees::KnnParams;
use embex_tsne::Precision;
use embex_tsne::attribution::{Derivative, LARGEST_RECORD};
use serde_json::{Value, json};

use super::prepare;
use super::settings::{ImportanceSettings, Settings};
use crate::args::{Amount, Limit, ScalarArg};
use crate::exit::{Error, Result};

/// Program, libraries and stacks.
const PROGRAM: u64 = 12 << 20;

/// The part of a limit that blocks in flight may take.
const SHARE_OF_BLOCKS: u64 = 4;

/// Blocks in which principal components read the matrix.
const PCA_BLOCK: u64 = 32 << 20;

/// Entries of a matrix beyond those of any machine, below which no sum of sizes overflows.
const COUNTABLE: u64 = 1 << 50;

/// A name that a feature without one gets.
const NAME: u64 = 64;

/// The matrix as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) n_rows: usize,
    pub(super) n_cols: usize,
    /// Groups that labels make; none without labels.
    n_groups: Option<usize>,
    /// Bytes that the matrix takes now.
    bytes: u64,
    is_sparse: bool,
    is_double: bool,
    /// Whether the steps of preparation need double precision by themselves.
    in_double: bool,
    /// Largest memory so far, where the system tells.
    peak: u64,
}

impl Shape {
    /// Of the matrix that has just been read.
    pub(super) fn of(matrix: &Matrix, n_groups: Option<usize>) -> Self {
        Self {
            n_rows: matrix.n_rows(),
            n_cols: matrix.n_cols(),
            n_groups,
            bytes: matrix.bytes(),
            is_sparse: matches!(matrix, Matrix::Csr(_)),
            is_double: matches!(matrix.values(), Values::F64(_)),
            in_double: prepare::in_double(matrix),
            peak: Usage::now().peak_memory_bytes.unwrap_or(0),
        }
    }
}

/// Largest memory of every stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) stages: Vec<(&'static str, u64)>,
}

/// Sizes in the units that the stages use.
struct Sizes<'a> {
    shape: Shape,
    settings: &'a Settings,
    budget: MemoryBudget,
    n: u64,
    /// Columns read and features kept.
    columns: u64,
    features: u64,
    coordinates: u64,
    neighbours: u64,
    axes: u64,
    groups: u64,
    /// Bytes of a number of features and map.
    real: u64,
}

impl Estimate {
    /// Of a run with these settings under this limit.
    pub(super) fn new(shape: Shape, settings: &Settings, limit: Option<Amount>) -> Result<Self> {
        let cells = (shape.n_rows as u64).saturating_mul(shape.n_cols as u64);
        if cells > COUNTABLE {
            return Ok(Self { stages: vec![("prepare", cells.saturating_mul(4))] });
        }
        let sizes = Sizes::new(shape, settings, budget(limit))?;
        let explain = &settings.explain;
        let (held, p) = (PROGRAM + sizes.prepared(), sizes.affinities());
        let found = explain.attribution.as_ref().map_or(0, |_| sizes.coefficients());
        let mut stages = vec![
            ("read", shape.peak.max(PROGRAM + shape.bytes)),
            ("prepare", PROGRAM + sizes.prepare()),
            ("neighbours", held + sizes.search().max(sizes.joining())),
            ("map", held + p + sizes.map()),
            ("quality", held + p + found + sizes.knn(10).max(sizes.between_groups())),
        ];
        let mut shown = 0;
        if let Some(asked) = &explain.attribution {
            let as_scores = settings.prepare.pca.is_some() && asked.scalar != ScalarArg::Length;
            let width = if as_scores { sizes.coordinates } else { sizes.features };
            shown = sizes.n * width * 4;
            let means = 6 * sizes.table(); // two sums of two kinds, and what becomes of them
            stages.push(("sensitivity", held + found + shown + means + sizes.projection()));
        }
        if let Some(asked) = &explain.importance {
            let charges = sizes.n * sizes.features * 4;
            stages.push((
                "importance",
                held + shown + charges + 5 * sizes.table() + sizes.occlusion(asked).max(charges),
            ));
            shown += charges;
        }
        stages.push(("files", held + shown + sizes.files()));
        Ok(Self { stages })
    }

    /// The stage that takes most.
    pub(super) fn peak(&self) -> u64 {
        self.stages.iter().map(|&(_, bytes)| bytes).max().unwrap_or(0)
    }

    /// Refuses a run that would not fit.
    pub(super) fn check(&self, limit: Limit) -> Result<()> {
        let needed = Amount(self.peak());
        if needed.0 > limit.bytes() { Err(Error::Memory { needed, limit }) } else { Ok(()) }
    }

    /// For `--json`.
    pub(super) fn fields(&self) -> Value {
        let stages: Vec<Value> = (self.stages.iter())
            .map(|(name, bytes)| json!({ "stage": name, "bytes": bytes }))
            .collect();
        json!({ "stages": stages, "peak_bytes": self.peak() })
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        let line = |(name, bytes): &(&str, u64)| format!("  {name:<12} {}", Amount(*bytes));
        let mut lines: Vec<String> = self.stages.iter().map(line).collect();
        lines.push(format!("  at most      {}", Amount(self.peak())));
        lines.join("\n")
    }
}

/// What blocks in flight may take under a limit.
pub(super) fn budget(limit: Option<Amount>) -> MemoryBudget {
    limit.map_or_else(MemoryBudget::default, |limit| MemoryBudget::bytes(limit.0 / SHARE_OF_BLOCKS))
}

impl<'a> Sizes<'a> {
    fn new(shape: Shape, settings: &'a Settings, budget: MemoryBudget) -> Result<Self> {
        let features = settings.prepare.top_variable.unwrap_or(shape.n_cols).min(shape.n_cols);
        let coordinates = settings.prepare.pca.unwrap_or(features).min(features);
        Ok(Self {
            shape,
            settings,
            budget,
            n: shape.n_rows as u64,
            columns: shape.n_cols as u64,
            features: features as u64,
            coordinates: coordinates as u64,
            neighbours: settings.map.neighbour_count(shape.n_rows)? as u64,
            axes: settings.map.n_components as u64,
            groups: shape.n_groups.unwrap_or(settings.explain.clusters).max(1) as u64,
            real: if settings.map.precision == Precision::Double { 8 } else { 4 },
        })
    }

    const fn scores(&self) -> u64 {
        if self.settings.prepare.pca.is_some() { self.n * self.coordinates * 8 } else { 0 }
    }

    /// Features with their names, and components.
    const fn prepared(&self) -> u64 {
        self.n * self.features * self.real + self.columns * NAME + self.scores()
    }

    /// The fullest of the steps of preparation.
    fn prepare(&self) -> u64 {
        let steps = &self.settings.prepare;
        let work = if self.shape.in_double { 8 } else { self.real };
        let (all, kept) = (self.n * self.columns * work, self.n * self.features * work);
        let is_moved = !self.shape.is_sparse && self.shape.is_double == (work == 8);
        let mut fullest = all + if is_moved { 0 } else { self.shape.bytes };
        if steps.top_variable.is_some() {
            fullest = fullest.max(all + kept);
        }
        if steps.scale {
            fullest = fullest.max(2 * kept);
        }
        if steps.pca.is_some() {
            fullest = fullest.max(kept + self.pca());
        }
        if work > self.real {
            fullest = fullest.max(kept + self.prepared());
        }
        if self.settings.input.labels.is_none() && self.settings.explain.clusters > 1 {
            fullest = fullest.max(self.prepared() + self.n * (self.coordinates * 8 + 64));
        }
        fullest
    }

    fn pca(&self) -> u64 {
        let (d, p) = (self.features, self.coordinates);
        let least = self.n.min(d);
        let block = PCA_BLOCK.min(self.n.min(1024) * d * 8);
        let sides = 4 * d * (p + 10) * 8;
        let params = PcaParams::default().with_n_components(p as usize);
        block
            + self.scores()
            + match params.solver_for(self.n as usize, d as usize) {
                Solver::Exact => 4 * least * least * 8,
                _ => sides,
            }
    }

    /// An exact search for `k` neighbours with its lists.
    fn knn(&self, k: usize) -> u64 {
        let mut params = KnnParams::new(k.max(1));
        params.metric = self.settings.map.metric;
        let (n, p) = (self.shape.n_rows, self.coordinates as usize);
        match self.settings.prepare.pca {
            Some(_) => params.memory_bytes::<f64>(n, p, self.budget),
            None if self.real == 8 => params.memory_bytes::<f64>(n, p, self.budget),
            None => params.memory_bytes::<f32>(n, p, self.budget),
        }
    }

    /// The search that makes the affinities.
    fn search(&self) -> u64 {
        let (map, k) = (&self.settings.map, self.neighbours as usize);
        let shape = (self.shape.n_rows, self.coordinates as usize);
        if self.settings.prepare.pca.is_some() || self.real == 8 {
            map.neighbour_memory_bytes::<f64>(shape, k, self.budget)
        } else {
            map.neighbour_memory_bytes::<f32>(shape, k, self.budget)
        }
    }

    /// Entries of the joint affinities.
    const fn entries(&self) -> u64 {
        self.n * self.neighbours * 3 / 2
    }

    /// Neighbours with distances and conditional affinities; joint ones.
    const fn affinities(&self) -> u64 {
        self.n * (self.neighbours * 20 + 16) + self.entries() * 12
    }

    /// The conditional affinities by rows and by columns, and the joint ones in blocks and whole.
    const fn joining(&self) -> u64 {
        self.affinities() + self.n * self.neighbours * 24 + self.entries() * 12
    }

    /// Affinities in the map's precision, places and tree, and what the recursion keeps.
    fn map(&self) -> u64 {
        let run = self.entries() * (4 + self.real) + self.n * (self.axes * 10 + 40) * self.real;
        let Some(asked) = &self.settings.explain.attribution else { return run };
        let forward = self.entries() * 2 * self.axes * self.real;
        let kept = match (asked.mode.derivative, asked.at.len()) {
            (Derivative::FixedPoint, _) => 0,
            (_, 0 | 1) => {
                let params = &self.settings.map;
                let step = asked.at.first().copied().unwrap_or(params.exaggeration_iter);
                let per_point = 2 * self.axes + self.axes * (self.axes + 1) / 2;
                let steps = step.min(params.n_iter).next_multiple_of(16) as u64;
                let record = self.n * steps * per_point * self.real;
                if record <= forward.max(LARGEST_RECORD) { record } else { forward }
            }
            _ => forward,
        };
        run + kept + self.coefficients()
    }

    /// Of the axes and the scalar, at every step.
    fn coefficients(&self) -> u64 {
        let Some(asked) = &self.settings.explain.attribution else { return 0 };
        let scalar = if asked.scalar == ScalarArg::Length { 0 } else { self.real + 4 };
        let per_entry = self.axes * self.real + 4 + scalar;
        asked.at.len().max(1) as u64 * self.entries() * per_entry
    }

    /// Blocks of rows on their way to the features.
    const fn projection(&self) -> u64 {
        let coordinates = 2 * self.n * self.coordinates * self.real;
        let block = self.n / 8 * self.coordinates * self.axes * self.real;
        let carried = 256 * self.features * (self.axes * self.real + 8);
        coordinates + block + carried
    }

    /// Coordinates twice, lists of the near, and the sets in flight.
    fn occlusion(&self, asked: &ImportanceSettings) -> u64 {
        let (n, k, threads) = (self.n, self.neighbours, rayon::current_num_threads() as u64);
        let most = n.saturating_sub(1);
        let wanted = asked.candidates.map_or(4 * k, |factor| (factor * k as f64) as u64).min(most);
        let width = match (self.budget.limit(), asked.candidates) {
            (Some(limit), None) => wanted.min(limit / 4 / (12 * n)).max((k + k / 4 + 1).min(most)),
            _ => wanted,
        };
        let fixed = n * (2 * self.coordinates * 8 + width * 12);
        let left =
            self.budget.limit().map(|limit| MemoryBudget::bytes(limit.saturating_sub(fixed)));
        let per_set = n * (24 * k + 48);
        let in_flight = left.unwrap_or_default().blocks_in_flight(per_set, 16 * threads as usize);
        let sets = (in_flight as u64).min(self.features);
        fixed + n * k * 20 + sets * n * (12 * k + 64) + threads.min(sets) * n * (12 * k + 8)
    }

    /// One number per group and feature.
    const fn table(&self) -> u64 {
        self.groups * self.features * 8
    }

    /// Affinity between any two groups, as mass and as share.
    const fn between_groups(&self) -> u64 {
        2 * self.groups * self.groups * 8
    }

    /// What the page has beside the matrices that move into it: lists, the tables of groups and one of
    /// them as it is packed.
    fn files(&self) -> u64 {
        let widened = if self.real == 8 { self.n * self.features * 4 } else { 0 };
        let listed = self.n * (self.settings.explain.top as u64).min(self.features) * 20;
        widened + listed + 11 * self.table() + (16 << 20)
    }
}
