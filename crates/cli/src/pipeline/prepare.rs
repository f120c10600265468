//! From the matrix of a file to the samples a map is made of.
//!
//! Under `--precision f32` the features are kept in single precision: sparse matrices from the
//! start, unless it cannot hold an entry; dense ones are prepared in the precision of their file
//! (double for csv, for integers beyond 16 bits and for doubles) and rounded once, at the end.
//! Principal components are always computed and kept in double precision, from what came before
//! the rounding. Sums, means and variances are in double precision everywhere. Files and page keep
//! features in single precision, so those that it cannot hold are refused in either precision.

use embex_io::{Matrix, Values};
use embex_linalg::counts::{self, Variability};
use embex_linalg::faer::MatRef;
use embex_linalg::kmeans::KMeansParams;
use embex_linalg::pca::{Pca, PcaParams};
use embex_linalg::stats::column_sds;
use embex_linalg::{Progress, Real, Rows};
use embex_tsne::Precision;
use embex_tsne::importance::FeatureSpace;
use embex_tsne::summary::Groups;

use super::labels::Grouping;
use super::sets::places;
use super::settings::{PrepareSettings, Settings, Total};
use super::source::{Samples, default_name};
use super::stored::{Stored, rows};
use crate::exit::{Error, Result};
use crate::progress::Display;

/// Rounding errors beyond this share of a feature's standard deviation are told to the user.
const COARSE: f64 = 1e-3;

/// Samples ready for the map.
#[derive(Debug)]
pub(super) struct Prepared<T> {
    /// The features that explain, n × D.
    pub(super) features: Rows<T>,
    pub(super) names: Vec<String>,
    pub(super) row_names: Vec<String>,
    pub(super) components: Option<Components>,
    pub(super) groups: Option<(Grouping, Groups)>,
    pub(super) image: Option<(usize, usize)>,
    /// What the user should know of the input and the preparation.
    pub(super) notices: Vec<String>,
}

/// Principal components of the features.
#[derive(Debug)]
pub(super) struct Components {
    pub(super) pca: Pca,
    pub(super) scores: Rows<f64>,
}

/// What distances are measured on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Coordinates<'a, T> {
    Scores(MatRef<'a, f64>),
    Features(MatRef<'a, T>),
}

impl<T: Stored> Prepared<T> {
    /// What distances are measured on.
    pub(super) fn coordinates(&self) -> Coordinates<'_, T> {
        match &self.components {
            Some(components) => Coordinates::Scores(components.scores.as_mat()),
            None => Coordinates::Features(self.features.as_mat()),
        }
    }

    /// The same as the occlusion wants it.
    pub(super) fn space(&self) -> FeatureSpace<'_, T> {
        let features = self.features.as_mat();
        match &self.components {
            None => FeatureSpace::Given(features),
            Some(Components { pca, scores }) => FeatureSpace::Components {
                scores: scores.as_mat(),
                loadings: pca.loadings.as_mat(),
                features,
            },
        }
    }
}

/// Does the steps of preparation in their order.
pub(super) fn prepare<T: Stored>(
    samples: Samples,
    settings: &Settings,
    max_bytes: u64,
    display: &mut Display,
) -> Result<Prepared<T>> {
    let Samples { matrix, row_names, mut features, labels, mut image, mut notices } = samples;
    let n_cols = matrix.n_cols();
    let entries = entries(matrix, settings.map.precision, max_bytes)?;
    let done = match entries {
        Values::F32(entries) => done_in(entries, n_cols, &features, settings, display)?,
        Values::F64(entries) => done_in(entries, n_cols, &features, settings, display)?,
    };
    notices.extend(labels.as_ref().and_then(Grouping::notice));
    if let Some(kept) = &done.kept {
        features = kept.iter().map(|&d| std::mem::take(&mut features[d])).collect();
        image = None;
    }
    notices.extend(repeated_name(&features, done.kept.as_deref()));
    let (rounded, notice) = rounded(done.values, &features, settings.map.precision)?;
    notices.extend(notice);
    check_not_flat(&rounded)?;
    let mut prepared = Prepared {
        features: rounded,
        names: features,
        row_names,
        components: done.components,
        groups: None,
        image,
        notices,
    };
    prepared.groups = match labels {
        Some(labels) => with_groups(labels)?,
        None => match prepared.coordinates() {
            Coordinates::Scores(x) => found(x, settings, display)?,
            Coordinates::Features(x) => found(x, settings, display)?,
        },
    };
    Ok(prepared)
}

/// Refuses samples that are all equal: any map of them would show nothing but noise.
fn check_not_flat<T: Real>(features: &Rows<T>) -> Result<()> {
    let n = features.n_rows();
    if (1..n).any(|i| features.row(i) != features.row(0)) {
        return Ok(());
    }
    Err(Error::Input(format!("all {n} samples are equal, so there is nothing to map")))
}

/// All entries, row after row, in the precision in which the steps are done.
fn entries(matrix: Matrix, precision: Precision, max_bytes: u64) -> Result<Values> {
    match (precision, matrix) {
        (Precision::Single, Matrix::Dense(dense)) => Ok(dense.into_values()),
        (Precision::Single, matrix) if !in_double(&matrix) => {
            Ok(Values::F32(matrix.into_dense_f32(max_bytes)?))
        }
        (_, matrix) => Ok(Values::F64(matrix.into_dense_f64(max_bytes)?)),
    }
}

/// Whether the steps are done in double precision even where single precision is asked for: of dense
/// doubles always, of sparse ones where single precision cannot hold an entry.
pub(super) fn in_double(matrix: &Matrix) -> bool {
    let Values::F64(values) = matrix.values() else { return false };
    matches!(matrix, Matrix::Dense(_)) || values.iter().any(|&value| is_beyond_single(value))
}

fn is_beyond_single(value: f64) -> bool {
    value.is_finite() && !(value as f32).is_finite()
}

/// Refuses prepared features that single precision cannot hold.
fn check_single<S: Real>(
    x: &Rows<S>,
    kept: Option<&[usize]>,
    names: &[String],
    settings: &Settings,
) -> Result<()> {
    let beyond = x.as_slice().iter().position(|value| is_beyond_single(value.to_f64()));
    let Some(at) = beyond else { return Ok(()) };
    let (row, d) = (at / x.n_cols(), at % x.n_cols());
    let col = kept.map_or(d, |kept| kept[d]);
    let name = Some(names[col].clone()).filter(|name| *name != default_name(col));
    let (input, value) = (settings.input.source.clone(), x.as_slice()[at].to_f64());
    Err(Error::BeyondSingle { input, row, col, name, value })
}

/// A sentence on names that several features have; `kept` gives their columns in the input.
fn repeated_name(names: &[String], kept: Option<&[usize]>) -> Option<String> {
    let places = places(names);
    let repeated = || names.iter().filter(|name| places[name.as_str()].len() > 1);
    let first = repeated().next()?;
    let columns: Vec<String> = places[first.as_str()]
        .iter()
        .map(|&d| (kept.map_or(d, |kept| kept[d]) + 1).to_string())
        .collect();
    Some(format!(
        "{} features share their names with others: \"{first}\" is the name of the columns {}; tables \
         tell them apart only by the order of their rows, which is that of the columns",
        repeated().count(),
        columns.join(", ")
    ))
}

/// What the steps leave.
struct Done {
    values: Values,
    /// Columns that were kept, where a choice was made.
    kept: Option<Vec<usize>>,
    components: Option<Components>,
}

fn done_in<S: Stored>(
    entries: Vec<S>,
    n_cols: usize,
    names: &[String],
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Done> {
    let (x, kept) = steps(rows(entries, n_cols)?, &settings.prepare)?;
    check_single(&x, kept.as_deref(), names, settings)?;
    let n_components = settings.prepare.pca;
    let components = n_components.map(|n| components(&x, n, settings, progress)).transpose()?;
    Ok(Done { values: S::give(x.into_vec()), kept, components })
}

/// The steps up to the components, and the columns kept.
fn steps<S: Real>(
    mut x: Rows<S>,
    steps: &PrepareSettings,
) -> Result<(Rows<S>, Option<Vec<usize>>)> {
    if let Some(total) = steps.normalize_total {
        let target = if let Total::Given(target) = total { Some(target) } else { None };
        counts::normalize_total(&mut x, target)?;
    }
    if steps.log1p {
        counts::log1p(&mut x)?;
    }
    let mut kept = None;
    if let Some(n) = steps.top_variable {
        let columns = counts::top_variable(x.as_mat(), n, Variability::Variance)?;
        x = counts::keep_columns(x.as_mat(), &columns)?;
        kept = Some(columns);
    }
    if steps.scale {
        x = counts::scale(x.as_mat(), None)?.rows;
    }
    Ok((x, kept))
}

/// The features in the run's precision, and a notice if that loses what tells samples apart.
fn rounded<T: Stored>(
    values: Values,
    names: &[String],
    precision: Precision,
) -> Result<(Rows<T>, Option<String>)> {
    let mut notice = None;
    if let (Values::F64(entries), Precision::Single) = (&values, precision) {
        notice = loss(entries, names)?;
    }
    Ok((rows(T::take(values), names.len())?, notice))
}

/// What single precision would lose of these entries.
fn loss(entries: &[f64], names: &[String]) -> Result<Option<String>> {
    let n_cols = names.len();
    let x = MatRef::from_row_major_slice(entries, entries.len() / n_cols, n_cols);
    let sds = column_sds(x, 0)?;
    let mut errors = vec![0.0_f64; n_cols];
    for row in entries.chunks_exact(n_cols) {
        for (error, &value) in errors.iter_mut().zip(row) {
            *error = error.max((value - f64::from(value as f32)).abs());
        }
    }
    let coarse: Vec<usize> =
        (0..n_cols).filter(|&d| sds[d] > 0.0 && errors[d] > COARSE * sds[d]).collect();
    Ok(coarse.first().map(|&first| {
        format!(
            "single precision is coarse for {} of the features, such as {}, whose values lie far \
             from 0 against their spread: --precision f64 or --scale keeps their digits",
            coarse.len(),
            names[first]
        )
    }))
}

fn components<S: Real>(
    x: &Rows<S>,
    n_components: usize,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Components> {
    let params = PcaParams::default().with_n_components(n_components).with_seed(settings.map.seed);
    let pca = params.fit_with(x.as_mat(), progress)?;
    let scores = pca.transform(x.as_mat())?;
    Ok(Components { pca, scores })
}

/// Groups for the summaries; none if there is but one.
fn with_groups(labels: Grouping) -> Result<Option<(Grouping, Groups)>> {
    if labels.names.len() < 2 {
        return Ok(None);
    }
    let groups = Groups::new(&labels.codes, labels.names.len())?;
    Ok(Some((labels, groups)))
}

/// Groups by k-means, those that have members.
fn found<S: Real>(
    x: MatRef<'_, S>,
    settings: &Settings,
    display: &mut Display,
) -> Result<Option<(Grouping, Groups)>> {
    let n_clusters = settings.explain.clusters.min(x.nrows() / 2);
    if n_clusters < 2 {
        return Ok(None);
    }
    let params = KMeansParams::default().with_n_clusters(n_clusters).with_seed(settings.map.seed);
    let labels = display.spin("groups", || params.fit(x, None))??.labels;
    let mut used: Vec<usize> = labels.clone();
    used.sort_unstable();
    used.dedup();
    let codes = labels.iter().map(|label| used.partition_point(|u| u < label) as u32).collect();
    let names = (1..=used.len()).map(|k| format!("cluster {k}")).collect();
    with_groups(Grouping { title: "cluster".to_owned(), names, codes, n_unlabelled: 0 })
}
