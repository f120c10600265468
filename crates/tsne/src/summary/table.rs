//! The table of groups and features: every answer under its own name.

use embex_linalg::{Rows, check};

use super::{Contrast, Groups, Means, Order, TopFeatures};
use crate::Result;
use crate::importance::Importance;

/// A column of [`FeatureSummary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Measure {
    /// Rise of KL(P‖Q) without the feature, charged to the group.
    Importance,
    /// Mean of |attribution|.
    Sensitivity,
    /// Mean of ‖∂y_i/∂x_id‖.
    SensitivityNorm,
    /// Mean of the attribution.
    SignedMean,
    /// |Difference of means| / standard deviation.
    Contrast,
    /// Difference of means.
    Difference,
}

impl Measure {
    /// All measures in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Importance,
        Self::Sensitivity,
        Self::SensitivityNorm,
        Self::SignedMean,
        Self::Contrast,
        Self::Difference,
    ];

    /// Name as in the table's header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Importance => "importance",
            Self::Sensitivity => "sensitivity",
            Self::SensitivityNorm => "sensitivity_norm",
            Self::SignedMean => "signed_mean",
            Self::Contrast => "contrast",
            Self::Difference => "difference",
        }
    }

    /// Whether features come first by size or by value.
    pub const fn order(self) -> Order {
        match self {
            Self::SignedMean | Self::Difference => Order::LargestSize,
            _ => Order::Largest,
        }
    }
}

/// What features mean to groups: group × feature under each measure.
///
/// Sensitivity (derivatives), importance (occlusion) and contrast (a baseline that knows no
/// map) answer different questions and are never mixed.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FeatureSummary {
    /// [`Measure::Importance`], if an occlusion was run with these groups; 0 for a feature outside
    /// all sets.
    pub importance: Option<Rows<f64>>,
    /// [`Measure::Sensitivity`], if attributions were given; 0 where all points are left out.
    pub sensitivity: Option<Rows<f64>>,
    /// [`Measure::SensitivityNorm`], if norms were given.
    pub sensitivity_norm: Option<Rows<f64>>,
    /// [`Measure::SignedMean`], if attributions were given.
    pub signed_mean: Option<Rows<f64>>,
    /// [`Measure::Contrast`].
    pub contrast: Rows<f64>,
    /// [`Measure::Difference`].
    pub difference: Rows<f64>,
    /// Variance of each feature over all samples.
    pub variance: Vec<f64>,
    /// Samples of each group.
    pub sizes: Vec<usize>,
    /// Points of each group that [`Self::sensitivity`] and [`Self::signed_mean`] leave out.
    pub left_out: Vec<usize>,
    /// Points of each group that [`Self::sensitivity_norm`] leaves out.
    pub norm_left_out: Vec<usize>,
}

impl FeatureSummary {
    /// Contrast alone; the other measures are added by the setters.
    ///
    /// # Example
    /// ```
    /// use embex_linalg::faer::mat;
    /// use embex_tsne::summary::{Contrast, FeatureSummary, Groups, Measure};
    /// let x = mat![[0.0, 5.0], [1.0, 5.1], [9.0, 5.1], [8.0_f64, 5.0]];
    /// let groups = Groups::new(&[0, 0, 1, 1], 2)?;
    /// let summary = FeatureSummary::new(&groups, Contrast::new(x.as_ref(), &groups)?);
    /// assert_eq!(summary.top(Measure::Contrast, 1)?.unwrap().features(1), [0]);
    /// assert!(summary.values(Measure::Importance).is_none());
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn new(groups: &Groups, contrast: Contrast) -> Self {
        Self {
            importance: None,
            sensitivity: None,
            sensitivity_norm: None,
            signed_mean: None,
            contrast: contrast.standardised,
            difference: contrast.difference,
            variance: contrast.variance,
            sizes: groups.sizes().to_vec(),
            left_out: vec![0; groups.n_groups()],
            norm_left_out: vec![0; groups.n_groups()],
        }
    }

    /// Adds importance; every feature gets the value of its set, 0 outside all sets.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`] if it is of other groups or features, or has no
    /// charges of groups.
    pub fn with_importance(mut self, importance: &Importance) -> Result<Self> {
        let (n_groups, n_features) = (self.n_groups(), self.n_features());
        check::length("importance features", importance.sets.n_features(), n_features)?;
        let charged = importance.per_group.as_ref().map_or(0, Rows::n_rows);
        check::length("importance groups", charged, n_groups)?;
        let mut table = Rows::zeros(n_groups, n_features);
        for (group, charges) in importance
            .per_group
            .iter()
            .flat_map(|rows| (0..n_groups).map(move |group| (group, rows.row(group))))
        {
            let spread = importance.sets.spread(charges);
            for (value, of_set) in table.row_mut(group).iter_mut().zip(spread) {
                *value = of_set.unwrap_or(0.0);
            }
        }
        self.importance = Some(table);
        Ok(self)
    }

    /// Adds mean |a| and mean a of attributions.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`].
    pub fn with_sensitivity(mut self, means: Means) -> Result<Self> {
        self.check_shape(&means)?;
        self.sensitivity = Some(means.absolute);
        self.signed_mean = Some(means.signed);
        self.left_out = means.left_out;
        Ok(self)
    }

    /// Adds the mean of ‖∂y_i/∂x_id‖, from means of these lengths.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`].
    pub fn with_sensitivity_norm(mut self, means: Means) -> Result<Self> {
        self.check_shape(&means)?;
        self.sensitivity_norm = Some(means.absolute);
        self.norm_left_out = means.left_out;
        Ok(self)
    }

    fn check_shape(&self, means: &Means) -> Result<()> {
        check::length("summary columns", means.absolute.n_cols(), self.n_features())?;
        check::length("summary groups", means.left_out.len(), self.n_groups())?;
        Ok(())
    }

    /// Groups.
    pub fn n_groups(&self) -> usize {
        self.sizes.len()
    }

    /// Features.
    pub fn n_features(&self) -> usize {
        self.variance.len()
    }

    /// Group × feature under one measure; `None` if it was not added.
    pub const fn values(&self, measure: Measure) -> Option<&Rows<f64>> {
        match measure {
            Measure::Importance => self.importance.as_ref(),
            Measure::Sensitivity => self.sensitivity.as_ref(),
            Measure::SensitivityNorm => self.sensitivity_norm.as_ref(),
            Measure::SignedMean => self.signed_mean.as_ref(),
            Measure::Contrast => Some(&self.contrast),
            Measure::Difference => Some(&self.difference),
        }
    }

    /// Points of a group that a measure is a mean of, or was charged to.
    pub fn n_used(&self, measure: Measure, group: usize) -> usize {
        let left_out = match measure {
            Measure::Sensitivity | Measure::SignedMean => self.left_out[group],
            Measure::SensitivityNorm => self.norm_left_out[group],
            Measure::Importance | Measure::Contrast | Measure::Difference => 0,
        };
        self.sizes[group].saturating_sub(left_out)
    }

    /// The first `count` features of every group under one measure; `None` if it was not added.
    ///
    /// The list of a group whose points were all left out is empty: its zeros rank nothing.
    ///
    /// # Errors
    /// [`embex_linalg::Error::NotFinite`] for a summary that was edited by hand.
    pub fn top(&self, measure: Measure, count: usize) -> Result<Option<TopFeatures>> {
        let Some(values) = self.values(measure) else { return Ok(None) };
        let mut top = TopFeatures::new(count.min(self.n_features()), measure.order());
        for group in 0..self.n_groups() {
            if self.n_used(measure, group) == 0 {
                top.add_unknown();
            } else {
                top.add(values.as_mat().subrows(group, 1))?;
            }
        }
        Ok(Some(top))
    }
}
