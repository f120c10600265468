//! How an embedding changes with the share of the features that is corrupted.

use std::collections::BTreeMap;

use embex_linalg::faer::MatRef;
use embex_linalg::progress::{Progress, report};
use embex_linalg::{Rows, check};

use super::per_sample::answer_of;
use super::{Corruption, Ranking, Scope, corrupt, n_features_of_share};
use crate::{Error, Result};

/// Where a candidate's lists of features come from.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Source {
    /// The same lists at every share.
    Ranked(Ranking),
    /// At every share the features that are most often among as many first ones of the samples'
    /// own lists: [`Ranking::most_frequent`].
    Frequent {
        /// Lists of the samples.
        local: Ranking,
        /// Who shares a list: groups, or all.
        scope: Scope,
    },
    /// Random lists, the baseline: every draw is a cell of its own.
    Random {
        /// Who shares a list.
        scope: Scope,
        /// Number of draws; the paper makes 10.
        n_draws: u32,
    },
}

/// One ranking in the comparison.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Candidate {
    /// Its name in the table.
    pub name: String,
    /// Its lists.
    pub source: Source,
}

impl Candidate {
    /// A candidate of this name.
    pub fn new(name: impl Into<String>, source: Source) -> Self {
        Self { name: name.into(), source }
    }

    fn n_draws(&self) -> u32 {
        match self.source {
            Source::Random { n_draws, .. } => n_draws,
            _ => 1,
        }
    }
}

/// Compares an original map with another.
type Score<'a> = dyn Fn(MatRef<'_, f64>, MatRef<'_, f64>) -> Result<f64> + 'a;

/// A named comparison of two embeddings of the same samples: (original, after) ↦ number.
pub struct Measure<'a> {
    name: String,
    score: Box<Score<'a>>,
}

impl<'a> Measure<'a> {
    /// A measure of this name.
    pub fn new(
        name: impl Into<String>,
        score: impl Fn(MatRef<'_, f64>, MatRef<'_, f64>) -> Result<f64> + 'a,
    ) -> Self {
        Self { name: name.into(), score: Box::new(score) }
    }
}

/// What is corrupted, how, and how often.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CorruptionParams {
    /// Shares of the features, each in (0, 1\]; 2 % to 18 % in steps of 2 % unless set, as in
    /// \[TG, "MNIST Validation Experiments"\].
    pub shares: Vec<f64>,
    /// What happens to corrupted values; [`Corruption::Mean`] unless set.
    pub corruption: Corruption,
    /// Seeds handed to the embedding of corrupted data, one repeat each; 0 unless set.
    pub seeds: Vec<u64>,
    /// Seeds handed to the embedding of data in which nothing is corrupted; 1 unless set.
    ///
    /// They measure what embedding again costs by itself, so they should differ from the seed of
    /// the original map: with that one an embedding whose result the seed decides returns the map
    /// itself.
    pub uncorrupted_seeds: Vec<u64>,
    /// Seed of random lists and permutations; 42 unless set.
    pub seed: u64,
}

impl Default for CorruptionParams {
    fn default() -> Self {
        Self {
            shares: (1..=9).map(|step| f64::from(2 * step) / 100.0).collect(),
            corruption: Corruption::Mean,
            seeds: vec![0],
            uncorrupted_seeds: vec![1],
            seed: 42,
        }
    }
}

impl CorruptionParams {
    /// Sets [`Self::shares`].
    #[must_use]
    pub fn with_shares(mut self, shares: &[f64]) -> Self {
        self.shares = shares.to_vec();
        self
    }

    embex_linalg::setters! {
        with_corruption corruption: Corruption,
    }

    /// Sets [`Self::seeds`].
    #[must_use]
    pub fn with_seeds(mut self, seeds: &[u64]) -> Self {
        self.seeds = seeds.to_vec();
        self
    }

    /// Sets [`Self::uncorrupted_seeds`].
    #[must_use]
    pub fn with_uncorrupted_seeds(mut self, seeds: &[u64]) -> Self {
        self.uncorrupted_seeds = seeds.to_vec();
        self
    }

    embex_linalg::setters! {
        with_seed seed: u64,
    }

    fn check(&self) -> Result<()> {
        for (what, got) in [
            ("the shares", self.shares.len()),
            ("the seeds", self.seeds.len()),
            ("the seeds of uncorrupted data", self.uncorrupted_seeds.len()),
        ] {
            if got == 0 {
                return Err(Error::TooFew { what, needed: 1, got });
            }
        }
        match self.shares.iter().find(|s| !(**s > 0.0 && **s <= 1.0)) {
            Some(&value) => {
                let expected = "above 0 and at most 1";
                Err(Error::Setting { name: "share", value, expected })
            }
            None => Ok(()),
        }
    }
}

/// One embedding of the comparison; cells may be run in any order, anywhere.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cell {
    /// Name of the candidate; `None` if nothing is corrupted.
    pub candidate: Option<String>,
    /// Share of the features that is corrupted; 0 if nothing is.
    pub share: f64,
    /// Seed handed to the embedding.
    pub seed: u64,
    /// Which draw of a random candidate; 0 for others.
    pub draw: u32,
}

/// One number of the table: what a measure says about a cell.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Record {
    /// Which embedding.
    pub cell: Cell,
    /// Name of the measure.
    pub measure: String,
    /// Its value.
    pub value: f64,
}

/// Compares rankings of features by what corrupting the first of them does to an embedding.
///
/// For every candidate, share, repeat and draw the data are corrupted, embedded again and compared
/// with the original map by every measure \[TG, "MNIST Validation Experiments"\]; beside them
/// always stand embeddings of data in which nothing was corrupted, because embedding again
/// changes a map by itself. Lower values of a measure of likeness mean that what was corrupted
/// mattered more to the embedding.
///
/// What it cannot show: whether the features matter to the structure that is being explained.
/// Features of large variance win whatever they do; corrupted data are unlike any data; and a
/// feature with a copy counts for nothing, as the copy stays. A candidate is judged against
/// random features and plain scores, and against the uncorrupted cells, never alone.
///
/// The original map is one; the paper's repeats, of which each has its own map and rankings, are
/// one test each, with that repeat's seed; their records are simply put together.
///
/// Cells are plain data: run them one by one, keep the records, go on later from those that are
/// there. The table becomes curves by [`super::mean_by_share`] and bars by
/// [`super::mean_over_shares`].
///
/// # Example
/// ```
/// use embex_linalg::Rows;
/// use embex_linalg::faer::{Mat, mat};
/// use embex_linalg::progress::Silent;
/// use embex_metrics::attribution::{
///     Candidate, CorruptionParams, CorruptionTest, Measure, Order, Ranking, Scope, Source,
/// };
/// // The "embedding" is the first feature, so corrupting it is what hurts.
/// let x = Mat::from_fn(12, 4, |i, d| ((3 * i + 5 * i * d + d) % 11) as f64);
/// let embed = |x: embex_linalg::faer::MatRef<'_, f64>, _seed| {
///     Ok::<_, embex_metrics::Error>(Rows::copy_from(x.subcols(0, 1)))
/// };
/// let map = embed(x.as_ref(), 0)?;
/// let ranking = Ranking::new(mat![[9.0, 1.0, 2.0, 0.5_f64]].as_ref(), Scope::Global, Order::Largest, 2)?;
/// let candidates = [
///     Candidate::new("score", Source::Ranked(ranking)),
///     Candidate::new("random", Source::Random { scope: Scope::Global, n_draws: 3 }),
/// ];
/// let kept = Measure::new("2-NN kept", |a, b| embex_metrics::knn_preservation(a, b, 2));
/// let params = CorruptionParams::default().with_shares(&[0.25]);
/// let test = CorruptionTest::new(x.as_ref(), map.as_mat(), &candidates, vec![kept], params)?;
/// assert_eq!(test.cells().len(), 1 + 1 + 3);
/// let records = test.run(Vec::new(), embed, |_| Ok(()), &mut Silent)?;
/// assert_eq!((records[0].cell.share, records[0].value), (0.0, 1.0));
/// assert!(records[1].value < 1.0);
/// # Ok::<(), embex_metrics::Error>(())
/// ```
pub struct CorruptionTest<'a> {
    x: MatRef<'a, f64>,
    original: MatRef<'a, f64>,
    candidates: &'a [Candidate],
    measures: Vec<Measure<'a>>,
    params: CorruptionParams,
}

impl<'a> CorruptionTest<'a> {
    /// Of the data `x` (n × D) and their map `original` (n × C).
    ///
    /// # Errors
    /// [`Error::TooFew`] without shares, seeds, candidates or measures; [`Error::Setting`] for a
    /// share; [`Error::Name`] for a name that comes twice; [`Error::LengthMismatch`] for a
    /// map or a ranking of other samples or features; [`Error::Matrix`] for entries that are not
    /// finite; and what would stop a cell later: lists too short for a share, groups that do not
    /// fit, a removal that is not global.
    pub fn new(
        x: MatRef<'a, f64>,
        original: MatRef<'a, f64>,
        candidates: &'a [Candidate],
        measures: Vec<Measure<'a>>,
        params: CorruptionParams,
    ) -> Result<Self> {
        params.check()?;
        check::finite(x)?;
        check::finite(original)?;
        if original.nrows() != x.nrows() {
            let (what, got) = ("the map", original.nrows());
            return Err(Error::LengthMismatch { what, got, expected: x.nrows() });
        }
        unique("candidates", candidates.iter().map(|c| c.name.as_str()))?;
        unique("measures", measures.iter().map(|m| m.name.as_str()))?;
        let test = Self { x, original, candidates, measures, params };
        let largest = test.params.shares.iter().copied().fold(0.0, f64::max);
        for candidate in candidates {
            if candidate.n_draws() == 0 {
                let expected = "at least 1";
                return Err(Error::Setting { name: "n_draws", value: 0.0, expected });
            }
            test.corrupted(candidate, largest, 0)?;
        }
        Ok(test)
    }

    /// All cells: first those in which nothing is corrupted, then candidate by candidate, share
    /// by share, seed by seed.
    pub fn cells(&self) -> Vec<Cell> {
        let cell = |candidate, share, seed, draw| Cell { candidate, share, seed, draw };
        let mut cells: Vec<Cell> =
            self.params.uncorrupted_seeds.iter().map(|&seed| cell(None, 0.0, seed, 0)).collect();
        for candidate in self.candidates {
            for &share in &self.params.shares {
                for &seed in &self.params.seeds {
                    let name = || Some(candidate.name.clone());
                    let draws = 0..candidate.n_draws();
                    cells.extend(draws.map(|draw| cell(name(), share, seed, draw)));
                }
            }
        }
        cells
    }

    /// Runs one cell: corrupts, embeds by `embed(data, seed)`, and applies every measure.
    ///
    /// # Errors
    /// [`Error::Name`] for a candidate that the test does not have, [`Error::Setting`] for the
    /// share or draw; those of `embed`; [`Error::LengthMismatch`] and [`Error::Matrix`] for what
    /// it returns; those of the measures, and [`Error::Value`] if one is not finite.
    pub fn run_cell<E: From<Error>>(
        &self,
        cell: &Cell,
        mut embed: impl FnMut(MatRef<'_, f64>, u64) -> std::result::Result<Rows<f64>, E>,
    ) -> std::result::Result<Vec<Record>, E> {
        let after = match &cell.candidate {
            None => embed(self.x, cell.seed)?,
            Some(name) => {
                let corrupted = self.corrupted(self.candidate(name)?, cell.share, cell.draw)?;
                embed(corrupted.as_mat(), cell.seed)?
            }
        };
        answer_of("the embedding of corrupted data", &after, self.x.nrows(), None)?;
        let mut records = Vec::with_capacity(self.measures.len());
        for measure in &self.measures {
            let value = (measure.score)(self.original, after.as_mat())?;
            if !value.is_finite() {
                let (what, index) = ("the measures", records.len());
                return Err(Error::Value { what, index, value, expected: "finite" }.into());
            }
            records.push(Record { cell: cell.clone(), measure: measure.name.clone(), value });
        }
        Ok(records)
    }

    /// Runs all cells of which `done` does not hold every measure, and returns the whole table in
    /// the order of [`Self::cells`].
    ///
    /// `keep` sees the records of each cell when it is finished, to write them down. The observer
    /// counts cells (phase "corruption"). Records of other cells are dropped.
    ///
    /// # Errors
    /// As [`Self::run_cell`], those of `keep`, and [`embex_linalg::Error::Cancelled`] in
    /// [`Error::Matrix`].
    pub fn run<E: From<Error>>(
        &self,
        done: Vec<Record>,
        mut embed: impl FnMut(MatRef<'_, f64>, u64) -> std::result::Result<Rows<f64>, E>,
        mut keep: impl FnMut(&[Record]) -> std::result::Result<(), E>,
        progress: &mut dyn Progress,
    ) -> std::result::Result<Vec<Record>, E> {
        let cells = self.cells();
        let known = Known::new(done);
        let mut table = Vec::with_capacity(cells.len() * self.measures.len());
        for (finished, cell) in cells.iter().enumerate() {
            let name = cell.candidate.as_deref().unwrap_or("nothing corrupted");
            report(progress, "corruption", finished, cells.len(), name).map_err(Error::from)?;
            if let Some(records) = known.all_of(cell, &self.measures) {
                table.extend(records);
            } else {
                let records = self.run_cell(cell, &mut embed)?;
                keep(&records)?;
                table.extend(records);
            }
        }
        report(progress, "corruption", cells.len(), cells.len(), "").map_err(Error::from)?;
        Ok(table)
    }

    fn candidate(&self, name: &str) -> Result<&Candidate> {
        let found = self.candidates.iter().find(|c| c.name == name);
        found.ok_or_else(|| Error::Name { what: "candidates", name: name.into(), times: 0 })
    }

    fn corrupted(&self, candidate: &Candidate, share: f64, draw: u32) -> Result<Rows<f64>> {
        if draw >= candidate.n_draws().max(1) {
            let expected = "below the number of draws";
            return Err(Error::Setting { name: "draw", value: f64::from(draw), expected });
        }
        let (n, n_features) = self.x.shape();
        let (count, seed) = (n_features_of_share(share, n_features)?, self.params.seed);
        let spoil =
            |ranking: &Ranking| corrupt(self.x, ranking, count, self.params.corruption, seed);
        match &candidate.source {
            Source::Ranked(ranking) => spoil(ranking),
            Source::Frequent { local, scope } => spoil(&local.most_frequent(scope.clone(), count)?),
            Source::Random { scope, .. } => {
                let length = count.max(1);
                spoil(&Ranking::random(n, n_features, scope.clone(), length, (seed, draw))?)
            }
        }
    }
}

/// Records by cell and measure.
struct Known(BTreeMap<(Key, String), Record>);

/// What makes a cell, in order.
type Key = (Option<String>, u64, u64, u32);

impl Known {
    fn new(records: Vec<Record>) -> Self {
        Self(records.into_iter().map(|r| ((key(&r.cell), r.measure.clone()), r)).collect())
    }

    /// The records of a cell in the order of the measures, if they are all there.
    fn all_of(&self, cell: &Cell, measures: &[Measure<'_>]) -> Option<Vec<Record>> {
        let of = |m: &Measure<'_>| self.0.get(&(key(cell), m.name.clone())).cloned();
        measures.iter().map(of).collect()
    }
}

fn key(cell: &Cell) -> Key {
    (cell.candidate.clone(), cell.share.to_bits(), cell.seed, cell.draw)
}

/// Accepts names of which there is at least one and none twice.
fn unique<'n>(what: &'static str, names: impl Iterator<Item = &'n str>) -> Result<()> {
    let mut names: Vec<&str> = names.collect();
    if names.is_empty() {
        return Err(Error::TooFew { what, needed: 1, got: 0 });
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::Name { what, name: pair[0].into(), times: 2 }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
