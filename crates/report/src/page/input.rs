//! What the interactive page shows, as plain data.

use crate::{Error, Matrix, Result};

/// Everything one page shows. Build it with [`PageInput::new`], then fill what there is.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PageInput {
    /// Title of the page.
    pub title: String,
    /// The map: n × 1, 2 or 3.
    pub coords: Matrix<f32>,
    /// Name of each point; empty stands for `row 0`, `row 1`, ….
    pub point_names: Vec<String>,
    /// Group of each point, if any.
    pub groups: Option<Groups>,
    /// How firmly the map holds each point, if known: the smallest eigenvalue of the point's own
    /// Hessian at the finished map. At most 0 where nothing holds it.
    pub stability: Option<Vec<f64>>,
    /// Name of each of the D features.
    pub features: Vec<String>,
    /// Numbers per point and feature that the map can be coloured by: values, attributions,
    /// importance. At most one of each is usual.
    pub layers: Vec<Layer>,
    /// The features that matter most for each point, chosen and ordered by the program.
    pub top: Option<TopFeatures>,
    /// Features listed per group in `top_features.csv`; no such file if 0.
    pub listed: usize,
    /// Numbers per group and feature.
    pub summary: Summary,
    /// Which features were removed together, if any were.
    pub sets: Option<FeatureSets>,
    /// How much of the affinities crosses between groups.
    pub saturation: Option<Saturation>,
    /// Further warnings in words.
    pub notices: Vec<String>,
    /// Features are the pixels of an image, row after row.
    pub image: Option<ImageShape>,
    /// Facts of the run: settings, seed, versions, timings, quality. Any JSON object.
    pub run: serde_json::Value,
}

/// Groups of points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// What the groups are, as `cell type`.
    pub title: String,
    /// Name of each group.
    pub names: Vec<String>,
    /// Group of each point, as an index into `names`.
    pub of_point: Vec<u32>,
}

/// What the numbers of a layer mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// The data themselves.
    Value,
    /// A derivative of the map by the feature, with a sign.
    Attribution,
    /// Rise of the map's error when the feature is taken away.
    Importance,
}

impl LayerKind {
    /// One word for legends and columns.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Attribution => "attribution",
            Self::Importance => "importance",
        }
    }
}

/// Numbers per point and feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What the numbers mean.
    pub kind: LayerKind,
    /// One sentence for the reader: which formula, which scalar, which step, which scale.
    pub about: String,
    /// The numbers.
    pub data: LayerData,
}

/// How the numbers of a layer are given.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerData {
    /// n × D.
    Dense(Matrix<f32>),
    /// The product of n × k `scores` and k × D `loadings`; the page multiplies. A map made on
    /// principal components has attributions of this form, for any number of features.
    Components {
        /// n × k.
        scores: Matrix<f32>,
        /// k × D.
        loadings: Matrix<f32>,
    },
}

/// The most important features of each point, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopFeatures {
    /// Features listed per point.
    pub k: usize,
    /// n × k feature indices, row after row; [`TopFeatures::NONE`] fills short lists.
    pub features: Vec<u32>,
    /// n × k signed numbers that gave the order.
    pub values: Vec<f32>,
    /// Which numbers these are.
    pub kind: Option<LayerKind>,
}

impl TopFeatures {
    /// Stands where a point has fewer than k features.
    pub const NONE: u32 = u32::MAX;
}

/// Numbers per group (rows) and feature (columns), each kind apart. Without groups there is one
/// row for all points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Rise of the map's error when the feature is taken away.
    pub importance: Option<Matrix<f64>>,
    /// Mean |attribution|.
    pub sensitivity: Option<Matrix<f64>>,
    /// Mean ‖dy/dx‖.
    pub jacobian_norm: Option<Matrix<f64>>,
    /// Mean attribution, with its sign.
    pub signed_mean: Option<Matrix<f64>>,
    /// Difference of means: mean of the group less mean of the other points.
    pub contrast: Option<Matrix<f64>>,
}

/// One column of the [`Summary`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SummaryColumn<'a> {
    /// Its name in files.
    pub name: &'static str,
    /// Whether both signs mean much: features come first by size, else by value. Importance below
    /// 0 says that the map fits better without the feature, so it comes last.
    pub by_size: bool,
    /// Groups × features, if known.
    pub values: Option<&'a Matrix<f64>>,
}

impl Summary {
    /// The five columns in the order of files and tables.
    pub const fn columns(&self) -> [SummaryColumn<'_>; 5] {
        const fn column<'a>(
            name: &'static str,
            by_size: bool,
            values: Option<&'a Matrix<f64>>,
        ) -> SummaryColumn<'a> {
            SummaryColumn { name, by_size, values }
        }
        [
            column("importance", false, self.importance.as_ref()),
            column("sensitivity", false, self.sensitivity.as_ref()),
            column("jacobian_norm", false, self.jacobian_norm.as_ref()),
            column("signed_mean", true, self.signed_mean.as_ref()),
            column("contrast", true, self.contrast.as_ref()),
        ]
    }

    /// Features of one group by the first column there is (importance before sensitivity before
    /// …), falling by value or by size as [`SummaryColumn::by_size`] says, ties to the lower index.
    pub fn ranked(&self, group: usize) -> Vec<usize> {
        let known = self.columns().into_iter().find_map(|c| Some((c.by_size, c.values?)));
        let Some((by_size, matrix)) = known.filter(|(_, matrix)| group < matrix.n_rows()) else {
            return Vec::new();
        };
        let row = matrix.row(group);
        let key = |d: usize| if by_size { row[d].abs() } else { row[d] };
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        order
    }
}

/// Features that were removed together: each of them shows the importance of its whole set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureSets {
    /// How they came about, as `correlated above 0.8`.
    pub title: String,
    /// Name of each set.
    pub names: Vec<String>,
    /// Set of each feature, as an index into `names`; [`FeatureSets::ALONE`] for a feature that was
    /// removed alone.
    pub of_feature: Vec<u32>,
}

impl FeatureSets {
    /// Stands where a feature belongs to no set.
    pub const ALONE: u32 = u32::MAX;

    /// Index of a feature's set.
    pub fn set_of(&self, feature: usize) -> Option<usize> {
        let set = self.of_feature.get(feature).filter(|&&set| set != Self::ALONE);
        set.map(|&set| set as usize)
    }

    /// Name of a feature's set, empty for a feature that was removed alone.
    pub fn name_of(&self, feature: usize) -> &str {
        self.set_of(feature).map_or("", |set| &self.names[set])
    }
}

/// Share of the affinity mass between points of different groups.
///
/// Where it is close to nothing, every derivative is blind to the features that separate the
/// groups: only importance and contrast can name them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saturation {
    /// Share of Σ `p_ij` with i and j in different groups, 0…1.
    pub mass_across: f64,
    /// Whether the program judges this too little for derivatives to be trusted.
    pub saturated: bool,
}

/// Height and width of an image whose pixels are the features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

impl PageInput {
    /// A page with a map and features, and nothing else yet; [`Self::listed`] is 20.
    pub fn new(title: &str, coords: Matrix<f32>, features: Vec<String>) -> Self {
        Self { title: title.to_owned(), coords, features, listed: 20, ..Self::default() }
    }

    /// Number of points.
    pub const fn n_points(&self) -> usize {
        self.coords.n_rows()
    }

    /// Number of groups; 1 if there are none, for all points together.
    pub fn n_groups(&self) -> usize {
        self.groups.as_ref().map_or(1, |groups| groups.names.len())
    }

    /// Checks that all parts agree.
    ///
    /// # Errors
    /// [`Error::Empty`] without points or features, [`Error::Dimensions`] unless the map has 1 to
    /// 3 axes, [`Error::Length`] or [`Error::Index`] where parts disagree, [`Error::NotFinite`].
    pub fn check(&self) -> Result<()> {
        let (n, d) = (self.n_points(), self.features.len());
        if n == 0 {
            return Err(Error::Empty { what: "the map" });
        }
        if d == 0 {
            return Err(Error::Empty { what: "the list of features" });
        }
        let n_dims = self.coords.n_cols();
        if !(1..=3).contains(&n_dims) {
            return Err(Error::Dimensions { n_dims });
        }
        self.coords.check_finite("the map")?;
        if !self.point_names.is_empty() {
            check_length("the list of point names", self.point_names.len(), n)?;
        }
        if let Some(stability) = &self.stability {
            check_length("the list of stabilities", stability.len(), n)?;
            check_finite("the stability", stability)?;
        }
        if let Some(groups) = &self.groups {
            check_length("the list of groups", groups.of_point.len(), n)?;
            check_indices("the group", &groups.of_point, groups.names.len(), None)?;
        }
        for layer in &self.layers {
            layer.check(n, d)?;
        }
        if let Some(top) = &self.top {
            check_length("the list of top features", top.features.len(), n * top.k)?;
            check_length("the list of top values", top.values.len(), n * top.k)?;
            check_indices("the top feature", &top.features, d, Some(TopFeatures::NONE))?;
        }
        if let Some(sets) = &self.sets {
            check_length("the list of sets of features", sets.of_feature.len(), d)?;
            let alone = Some(FeatureSets::ALONE);
            check_indices("the set of a feature", &sets.of_feature, sets.names.len(), alone)?;
        }
        for SummaryColumn { name, values, .. } in self.summary.columns() {
            if let Some(matrix) = values {
                matrix.check_shape(name, self.n_groups(), d)?;
                matrix.check_finite(name)?;
            }
        }
        self.image.map_or(Ok(()), |image| {
            check_length("the image", image.height.saturating_mul(image.width), d)
        })
    }
}

impl Layer {
    fn check(&self, n: usize, d: usize) -> Result<()> {
        match &self.data {
            LayerData::Dense(matrix) => {
                matrix.check_shape("a layer", n, d)?;
                matrix.check_finite(self.kind.word())
            }
            LayerData::Components { scores, loadings } => {
                scores.check_shape("the scores of a layer", n, loadings.n_rows())?;
                loadings.check_shape("the loadings of a layer", loadings.n_rows(), d)?;
                scores.check_finite(self.kind.word())?;
                loadings.check_finite("the loadings")
            }
        }
    }
}

fn check_length(what: &'static str, got: usize, expected: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(Error::Length { what, got, expected }) }
}

fn check_finite(what: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => {
            Err(Error::NotFinite { what: what.to_owned(), row, col: 0, value: values[row] })
        }
    }
}

fn check_indices(
    what: &'static str,
    indices: &[u32],
    len: usize,
    blank: Option<u32>,
) -> Result<()> {
    match indices.iter().position(|&index| index as usize >= len && Some(index) != blank) {
        None => Ok(()),
        Some(position) => {
            Err(Error::Index { what, position, index: indices[position] as usize, len })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> PageInput {
        let coords = Matrix::from_fn(3, 2, |i, c| (i * 2 + c) as f32);
        PageInput::new("t", coords, vec!["a".into(), "b".into()])
    }

    #[test]
    fn a_bare_map_is_enough() {
        small().check().unwrap();
    }

    #[test]
    fn every_disagreement_is_named() {
        let refused = |change: &dyn Fn(&mut PageInput)| {
            let mut input = small();
            change(&mut input);
            input.check().unwrap_err()
        };
        assert!(matches!(
            refused(&|p| p.coords = Matrix::default()),
            Error::Empty { what: "the map" }
        ));
        assert!(matches!(refused(&|p| p.features.clear()), Error::Empty { .. }));
        assert!(matches!(
            refused(&|p| p.coords = Matrix::from_fn(3, 4, |_, _| 0.0)),
            Error::Dimensions { n_dims: 4 }
        ));
        assert!(matches!(
            refused(&|p| p.coords = Matrix::from_fn(3, 2, |_, _| f32::NAN)),
            Error::NotFinite { row: 0, col: 0, .. }
        ));
        assert!(matches!(
            refused(&|p| p.point_names = vec!["x".into()]),
            Error::Length { got: 1, expected: 3, .. }
        ));
        assert!(matches!(
            refused(&|p| p.stability = Some(vec![1.0; 2])),
            Error::Length { got: 2, expected: 3, .. }
        ));
        assert!(matches!(
            refused(&|p| p.stability = Some(vec![1.0, f64::NAN, 1.0])),
            Error::NotFinite { row: 1, .. }
        ));
        let groups =
            Groups { names: vec!["g".into()], of_point: vec![0, 0, 1], ..Groups::default() };
        assert!(matches!(
            refused(&|p| p.groups = Some(groups.clone())),
            Error::Index { position: 2, index: 1, len: 1, .. }
        ));
        assert!(matches!(
            refused(&|p| p.image = Some(ImageShape { height: 2, width: 2 })),
            Error::Length { got: 4, expected: 2, .. }
        ));
        let sets = |of_feature: &[u32]| {
            let of_feature = of_feature.to_vec();
            Some(FeatureSets { names: vec!["s".into()], of_feature, ..FeatureSets::default() })
        };
        assert!(matches!(refused(&|p| p.sets = sets(&[0])), Error::Length { got: 1, .. }));
        assert!(matches!(
            refused(&|p| p.sets = sets(&[FeatureSets::ALONE, 1])),
            Error::Index { position: 1, index: 1, len: 1, .. }
        ));
        let layer = |data| Layer { kind: LayerKind::Value, about: String::new(), data };
        assert!(matches!(
            refused(&|p| p.layers.push(layer(LayerData::Dense(Matrix::from_fn(3, 1, |_, _| 0.0))))),
            Error::Length { got: 1, expected: 2, .. }
        ));
        assert!(matches!(
            refused(&|p| p.layers.push(layer(LayerData::Components {
                scores: Matrix::from_fn(3, 2, |_, _| 0.0),
                loadings: Matrix::from_fn(1, 2, |_, _| 0.0),
            }))),
            Error::Length { got: 2, expected: 1, .. }
        ));
        let top = TopFeatures { k: 1, features: vec![0, 7, 1], values: vec![0.0; 3], kind: None };
        assert!(matches!(
            refused(&|p| p.top = Some(top.clone())),
            Error::Index { position: 1, index: 7, len: 2, .. }
        ));
        assert!(matches!(
            refused(&|p| p.summary.contrast = Some(Matrix::from_fn(2, 2, |_, _| 0.0))),
            Error::Length { got: 2, expected: 1, .. }
        ));
    }

    #[test]
    fn features_are_ranked_by_the_first_column_there_is() {
        let mut summary = Summary::default();
        assert!(summary.ranked(0).is_empty());
        summary.contrast = Some(Matrix::new(1, 3, vec![0.5, -2.0, 0.5]).unwrap());
        assert_eq!(summary.ranked(0), [1, 0, 2]);
        summary.importance = Some(Matrix::new(1, 3, vec![0.0, 0.0, 1.0]).unwrap());
        assert_eq!(summary.ranked(0), [2, 0, 1]);
        assert!(summary.ranked(1).is_empty());
    }

    /// A feature without which the map fits better is the least important one, however much.
    #[test]
    fn measures_without_a_sign_rank_by_value_and_signed_ones_by_size() {
        let row = || Some(Matrix::new(1, 4, vec![0.1, -0.5, 0.1, 0.2]).unwrap());
        let (by_value, by_size) = ([3, 0, 2, 1], [1, 3, 0, 2]);
        let of = |set: fn(&mut Summary, Option<Matrix<f64>>)| {
            let mut summary = Summary::default();
            set(&mut summary, row());
            summary.ranked(0)
        };
        assert_eq!(of(|s, m| s.importance = m), by_value);
        assert_eq!(of(|s, m| s.sensitivity = m), by_value);
        assert_eq!(of(|s, m| s.jacobian_norm = m), by_value);
        assert_eq!(of(|s, m| s.signed_mean = m), by_size);
        assert_eq!(of(|s, m| s.contrast = m), by_size);
    }
}
