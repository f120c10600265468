//! How much memory a run takes, before it is run.

use embex_linalg::MemoryBudget;
use embex_tsne::attribution::Derivative;
use embex_tsne::{Precision, TsneParams};
use serde_json::{Value, json};

use super::settings::Settings;
use crate::args::Amount;
use crate::exit::{Error, Result};

/// Program, libraries and stacks.
const PROGRAM: u64 = 24 << 20;

/// Largest record of a run that the attributions keep where the forward recursion takes less.
const RECORD: u64 = 256 << 20;

/// The part of a limit that blocks in flight may take.
const SHARE_OF_BLOCKS: u64 = 4;

/// Rows and columns of the matrix as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) n_rows: usize,
    pub(super) n_cols: usize,
    /// Bytes that the matrix takes now.
    pub(super) bytes: u64,
}

/// Largest memory of every stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) stages: Vec<(&'static str, u64)>,
}

/// Sizes in the units that the stages use.
struct Sizes {
    n: u64,
    features: u64,
    coordinates: u64,
    neighbours: u64,
    axes: u64,
    real: u64,
}

impl Estimate {
    /// Of a run with these settings; sizes are those of the libraries' main arrays.
    pub(super) fn new(shape: Shape, settings: &Settings) -> Result<Self> {
        let sizes = Sizes::new(shape, settings)?;
        let features = sizes.n * sizes.features * 8;
        let scores = settings.prepare.pca.map_or(0, |_| sizes.n * sizes.coordinates * 8);
        let held = PROGRAM + features + scores;
        let read = PROGRAM + shape.bytes + (shape.n_rows * shape.n_cols) as u64 * 8;
        let affinities = sizes.affinities();
        let mut stages = vec![("read", read)];
        if settings.prepare.pca.is_some() {
            stages.push(("components", held + sizes.pca()));
        }
        stages.push(("neighbours", held + affinities + sizes.n * sizes.coordinates * 12));
        stages.push(("map", held + affinities + sizes.map(&settings.map, settings)));
        let per_feature = sizes.n * sizes.features * 4;
        let mut shown = per_feature;
        if settings.explain.attribution.is_some() {
            let columns = sizes.coordinates.max(sizes.features) * sizes.axes;
            stages.push((
                "sensitivity",
                held + affinities + sizes.n * columns * sizes.real + 2 * per_feature,
            ));
            shown += 2 * per_feature;
        }
        if settings.explain.importance.is_some() {
            let lists = sizes.n * sizes.neighbours * 4 * 12;
            let geometry = 2 * sizes.n * sizes.coordinates * 8;
            stages.push((
                "importance",
                held + affinities + shown + lists + geometry + 2 * per_feature,
            ));
            shown += per_feature;
        }
        stages.push(("page", held + affinities + shown + 2 * per_feature));
        Ok(Self { stages })
    }

    /// The stage that takes most.
    pub(super) fn peak(&self) -> u64 {
        self.stages.iter().map(|&(_, bytes)| bytes).max().unwrap_or(0)
    }

    /// Refuses a run that would not fit.
    pub(super) fn check(&self, limit: Option<Amount>) -> Result<()> {
        match limit {
            Some(limit) if self.peak() > limit.0 => {
                Err(Error::Memory { needed: Amount(self.peak()), limit })
            }
            _ => Ok(()),
        }
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

impl Sizes {
    fn new(shape: Shape, settings: &Settings) -> Result<Self> {
        let features = settings.prepare.top_variable.unwrap_or(shape.n_cols).min(shape.n_cols);
        let coordinates = settings.prepare.pca.unwrap_or(features).min(features);
        let real = if settings.map.precision == Precision::Double { 8 } else { 4 };
        Ok(Self {
            n: shape.n_rows as u64,
            features: features as u64,
            coordinates: coordinates as u64,
            neighbours: settings.map.neighbour_count(shape.n_rows)? as u64,
            axes: settings.map.n_components as u64,
            real,
        })
    }

    /// Entries of the joint affinities: about half of all neighbours are mutual.
    const fn entries(&self) -> u64 {
        self.n * self.neighbours * 3 / 2
    }

    /// Neighbours with distances and conditional affinities; joint ones.
    const fn affinities(&self) -> u64 {
        self.n * self.neighbours * 20 + self.entries() * 12
    }

    fn pca(&self) -> u64 {
        const EXACT_UP_TO: u64 = 2000;
        let least = self.n.min(self.features);
        let exact = 3 * least * least * 8;
        let sketched = 3 * self.features * (self.coordinates + 10) * 8;
        (32 << 20) + if least <= EXACT_UP_TO { exact } else { sketched }
    }

    /// Edges, places, tree, and what the recursions keep.
    fn map(&self, params: &TsneParams, settings: &Settings) -> u64 {
        let run = self.entries() * (4 + self.real) + self.n * (self.axes * 10 + 16) * self.real;
        let Some(asked) = &settings.explain.attribution else { return run };
        let (entries, axes) = (self.entries(), self.axes);
        let forward = entries * 2 * axes * self.real;
        let kept = match (asked.mode.derivative, asked.at.len()) {
            (Derivative::FixedPoint, _) => 0,
            (_, 0 | 1) => {
                let step = asked.at.first().copied().unwrap_or(params.exaggeration_iter);
                let per_point = 2 * axes + axes * (axes + 1) / 2;
                let record = self.n * step.min(params.n_iter) as u64 * per_point * self.real;
                record.min(forward.max(RECORD))
            }
            _ => forward,
        };
        let found = asked.at.len().max(1) as u64 * entries * ((axes + 1) * self.real + 8);
        run + kept + found
    }
}
