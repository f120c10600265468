//! Sensitivities in the features, block of rows by block of rows.
//!
//! The Jacobian of all points, n × C·D numbers, never exists: each block of rows is projected,
//! carried through the loadings, added to the means and ranked, and only what the page and the
//! files show is kept: n × p scores where the map was made on components, else n × D.

use embex_io::NpyWriter;
use embex_linalg::faer::MatRef;
use embex_linalg::progress::report;
use embex_linalg::{MemoryBudget, Progress, Real, Rows};
use embex_tsne::attribution::{Attribution, Diagnostics, through_loadings};
use embex_tsne::summary::{GroupMeans, Order, TopFeatures, axis_lengths};

use super::folder::Folder;
use super::map::Attributed;
use super::prepare::Prepared;
use super::stored::{Stored, rows};
use crate::exit::{Error, Result};

/// Rows that are in the features at once.
const ROWS: usize = 256;

/// Sensitivities of all points, at the first step in detail.
#[derive(Debug)]
pub(super) struct Sensitivities {
    /// Updates completed.
    pub(super) step: usize,
    /// What the page shows: the scalar's with their sign, or else the lengths.
    pub(super) shown: Shown,
    /// Group × feature, one row where there are no groups: mean |shown|.
    pub(super) absolute: Rows<f64>,
    /// Mean of what is shown; none where the lengths are, which have no sign.
    pub(super) signed: Option<Rows<f64>>,
    /// Mean length of dy_i/dx_id over the axes.
    pub(super) norm: Rows<f64>,
    /// Points of each group that say nothing: the means of what is shown leave them out.
    pub(super) left_out: Vec<usize>,
    /// The same for the mean lengths.
    pub(super) norm_left_out: Vec<usize>,
    /// The first features of each point, where asked for.
    pub(super) top: Option<TopFeatures>,
    /// Points whose values, and lists with them, say nothing.
    pub(super) unusable: Vec<u32>,
    /// Of the axes, then of the scalar, at every step.
    pub(super) diagnostics: Vec<StepDiagnostics>,
}

/// Values per point.
#[derive(Debug)]
pub(super) enum Shown {
    /// n × p: times the loadings they are the values per feature.
    Scores(Rows<f32>),
    /// n × D.
    Features(Rows<f32>),
}

/// What happened on the way to one attribution.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepDiagnostics {
    pub(super) step: usize,
    /// Of the axes, which every other is made of.
    pub(super) of_axes: bool,
    pub(super) seen: Diagnostics,
}

/// Where attributions are carried to, and how.
struct Way<'a, T> {
    coordinates: MatRef<'a, T>,
    loadings: Option<Rows<T>>,
    n_features: usize,
    budget: MemoryBudget,
}

/// What is told of the rows that are done: every attribution passes over all of them.
struct Passes<'a> {
    progress: &'a mut dyn Progress,
    done: usize,
    total: usize,
}

impl Passes<'_> {
    fn add(&mut self, n_rows: usize) -> Result<()> {
        self.done += n_rows;
        Ok(report(self.progress, "sensitivity", self.done, self.total, "")?)
    }
}

/// The sensitivities at the first step; those at the others go to files.
///
/// `top` asks for so many features of each point.
pub(super) fn sensitivities<T: Stored>(
    attributed: &Attributed<T>,
    prepared: &Prepared<T>,
    top: Option<usize>,
    folder: &Folder,
    budget: MemoryBudget,
    progress: &mut dyn Progress,
) -> Result<Option<Sensitivities>> {
    let components = prepared.components.as_ref();
    let scores = components.map(|c| Rows::<T>::convert_from(c.scores.as_mat()));
    let way = Way {
        coordinates: scores.as_ref().map_or(prepared.features.as_mat(), Rows::as_mat),
        loadings: components.map(|c| Rows::convert_from(c.pca.loadings.as_mat())),
        n_features: prepared.names.len(),
        budget,
    };
    let mut steps = attributed.axes.iter().enumerate();
    let Some((_, axes)) = steps.next() else { return Ok(None) };
    let n_passes = attributed.axes.len() + attributed.scalar.len().min(1);
    let passes = &mut Passes { progress, done: 0, total: n_passes * axes.n_samples() };
    let mut found = first(axes, attributed.scalar.first(), prepared, &way, top, passes)?;
    for (at, axes) in steps {
        match attributed.scalar.get(at) {
            Some(scalar) => {
                way.write(scalar, single, folder, passes)?;
            }
            None => way.write(axes, |v| lengths(v, axes.values_per_feature()), folder, passes)?,
        }
    }
    found.diagnostics = diagnostics(attributed);
    Ok(Some(found))
}

fn diagnostics<T: Stored>(attributed: &Attributed<T>) -> Vec<StepDiagnostics> {
    let of = |all: &[Attribution<T>], of_axes: bool| -> Vec<StepDiagnostics> {
        let each = |a: &Attribution<T>| (a.step, a.diagnostics);
        let diagnostics = |(step, seen)| StepDiagnostics { step, of_axes, seen };
        all.iter().map(each).map(diagnostics).collect()
    };
    [of(&attributed.axes, true), of(&attributed.scalar, false)].concat()
}

/// Everything about the first step.
fn first<T: Stored>(
    axes: &Attribution<T>,
    scalar: Option<&Attribution<T>>,
    prepared: &Prepared<T>,
    way: &Way<'_, T>,
    top: Option<usize>,
    passes: &mut Passes<'_>,
) -> Result<Sensitivities> {
    let (n, d) = (axes.n_samples(), way.n_features);
    let means_of = |attribution: &Attribution<T>| {
        let means = match &prepared.groups {
            Some((_, groups)) => GroupMeans::new(groups.clone(), d),
            None => GroupMeans::of_all(n, d),
        };
        means.without(&attribution.unusable())
    };
    let as_scores = scalar.is_some() && way.loadings.is_some();
    let n_cols = if as_scores { way.coordinates.ncols() } else { d };
    let top = top.map(|count| TopFeatures::new(count.min(d), Order::LargestSize));
    let means = means_of(scalar.unwrap_or(axes))?;
    let mut kept = Kept { means, top, shown: Vec::with_capacity(n * n_cols) };
    let mut norm = means_of(axes)?;
    way.blocks(axes, passes, |_, values| {
        let lengths = lengths(values, axes.values_per_feature())?;
        norm.add(lengths.as_mat())?;
        if scalar.is_none() { kept.take(&lengths, &lengths) } else { Ok(()) }
    })?;
    if let Some(scalar) = scalar {
        way.blocks(scalar, passes, |projected, values| {
            kept.take(&single(projected)?, &single(values)?)
        })?;
    }
    let (means, norm) = (kept.means.finish()?, norm.finish()?);
    let shown = rows(kept.shown, n_cols)?;
    Ok(Sensitivities {
        step: axes.step,
        shown: if as_scores { Shown::Scores(shown) } else { Shown::Features(shown) },
        absolute: means.absolute,
        signed: scalar.map(|_| means.signed),
        norm: norm.absolute,
        left_out: means.left_out,
        norm_left_out: norm.left_out,
        top: kept.top,
        unusable: scalar.unwrap_or(axes).unusable(),
        diagnostics: Vec::new(),
    })
}

/// What is kept of the blocks that are shown.
struct Kept {
    means: GroupMeans,
    top: Option<TopFeatures>,
    shown: Vec<f32>,
}

impl Kept {
    /// Takes the next rows as they are kept, and in the features.
    fn take(&mut self, kept: &Rows<f32>, features: &Rows<f32>) -> Result<()> {
        self.shown.extend_from_slice(kept.as_slice());
        self.means.add(features.as_mat())?;
        self.top.as_mut().map_or(Ok(()), |top| Ok(top.add(features.as_mat())?))
    }
}

impl<T: Stored> Way<'_, T> {
    /// Calls `take` with the rows in order, block by block: as projected, and in the features.
    fn blocks(
        &self,
        attribution: &Attribution<T>,
        passes: &mut Passes<'_>,
        mut take: impl FnMut(&Rows<T>, &Rows<T>) -> Result<()>,
    ) -> Result<()> {
        let width = attribution.values_per_feature() * self.coordinates.ncols();
        let mut outcome = Ok(());
        attribution.project_blocks(self.coordinates, self.budget, &mut |_, block| {
            for part in block.chunks(ROWS * width) {
                if outcome.is_ok() {
                    let carried = self.carried(part, width, &mut take);
                    outcome = carried.and_then(|()| passes.add(part.len() / width));
                }
            }
        })?;
        outcome
    }

    fn carried(
        &self,
        part: &[T],
        width: usize,
        take: &mut impl FnMut(&Rows<T>, &Rows<T>) -> Result<()>,
    ) -> Result<()> {
        let projected = rows(part.to_vec(), width)?;
        match &self.loadings {
            None => take(&projected, &projected),
            Some(loadings) => take(&projected, &through_loadings(&projected, loadings.as_mat())?),
        }
    }

    /// Writes what `of` makes of the values in the features to the file of their step.
    fn write(
        &self,
        attribution: &Attribution<T>,
        of: impl Fn(&Rows<T>) -> Result<Rows<f32>>,
        folder: &Folder,
        passes: &mut Passes<'_>,
    ) -> Result<()> {
        let path = folder.path(&format!("attributions_{}.npy", attribution.step));
        let shape = [attribution.n_samples(), self.n_features];
        let mut file = NpyWriter::<f32>::create(path, &shape)?;
        self.blocks(attribution, passes, |_, values| Ok(file.write(of(values)?.as_slice())?))?;
        Ok(file.finish()?)
    }
}

/// Length over the axes, as files and page keep it.
fn lengths<T: Stored>(by_axis: &Rows<T>, n_axes: usize) -> Result<Rows<f32>> {
    single(&axis_lengths(by_axis, n_axes)?)
}

/// Values as files and page keep them; an error if single precision cannot hold one.
fn single<S: Real>(values: &Rows<S>) -> Result<Rows<f32>> {
    let kept = Rows::convert_from(values.as_mat());
    if kept.as_slice().iter().all(|value: &f32| value.is_finite()) {
        return Ok(kept);
    }
    let words = "sensitivities to features of such small units are beyond single precision, in which files \
                 and page keep them: use --scale, or give the features in other units";
    Err(Error::Input(words.to_owned()))
}
