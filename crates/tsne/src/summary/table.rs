//! The table of groups and features: every answer under its own name.

use embex_linalg::{Rows, check};

use super::{Contrast, Groups, Order, TopFeatures};
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
    /// [`Measure::Sensitivity`], if attributions were given.
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

    /// Adds mean |a| and mean a, as [`super::GroupMeans`] makes them.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`].
    pub fn with_sensitivity(mut self, mean_abs: Rows<f64>, mean: Rows<f64>) -> Result<Self> {
        self.check_shape(&mean_abs)?;
        self.check_shape(&mean)?;
        self.sensitivity = Some(mean_abs);
        self.signed_mean = Some(mean);
        Ok(self)
    }

    /// Adds the mean of ‖∂y_i/∂x_id‖.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`].
    pub fn with_sensitivity_norm(mut self, mean: Rows<f64>) -> Result<Self> {
        self.check_shape(&mean)?;
        self.sensitivity_norm = Some(mean);
        Ok(self)
    }

    fn check_shape(&self, rows: &Rows<f64>) -> Result<()> {
        check::length("summary columns", rows.n_cols(), self.n_features())?;
        check::length("summary groups", rows.n_rows(), self.n_groups())?;
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

    /// The first `count` features of every group under one measure; `None` if it was not added.
    ///
    /// # Errors
    /// [`embex_linalg::Error::NotFinite`] for a summary that was edited by hand.
    pub fn top(&self, measure: Measure, count: usize) -> Result<Option<TopFeatures>> {
        self.values(measure)
            .map(|values| TopFeatures::of_rows(values.as_mat(), count, measure.order()))
            .transpose()
    }
}
