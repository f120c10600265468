//! A value for every sample and the interval of their mean.

use embex_linalg::Rows;
use embex_linalg::check;
use embex_linalg::faer::MatRef;

use crate::{BootstrapParams, Error, Interval, Result};

/// A measure taken sample by sample.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PerSample {
    /// The value of each sample; `None` where the measure is undefined.
    pub values: Vec<Option<f64>>,
    /// Mean of the defined values, with its bootstrap interval over samples.
    pub mean: Interval,
}

impl PerSample {
    /// # Errors
    /// [`Error::TooFew`] if no value is defined, [`embex_linalg::Error::OutOfRange`] in
    /// [`Error::Matrix`] if one is not finite; those of [`BootstrapParams::mean`].
    pub(crate) fn new(values: Vec<Option<f64>>, bootstrap: &BootstrapParams) -> Result<Self> {
        let defined: Vec<f64> = values.iter().copied().flatten().collect();
        if defined.is_empty() {
            let what = "the mean over samples for which the measure is defined";
            return Err(Error::TooFew { what, needed: 1, got: 0 });
        }
        if defined.iter().any(|v| !v.is_finite()) {
            return Err(embex_linalg::Error::OutOfRange { what: "measure" }.into());
        }
        let mean = bootstrap.mean(&defined)?;
        Ok(Self { values, mean })
    }

    /// Of values that are all defined.
    pub(crate) fn of_all(values: Vec<f64>, bootstrap: &BootstrapParams) -> Result<Self> {
        Self::new(values.into_iter().map(Some).collect(), bootstrap)
    }

    /// Of values some of which are defined, or none at all.
    pub(crate) fn of_some(
        values: Vec<Option<f64>>,
        bootstrap: &BootstrapParams,
    ) -> Result<Option<Self>> {
        if values.iter().any(Option::is_some) {
            return Self::new(values, bootstrap).map(Some);
        }
        Ok(None)
    }

    /// Samples for which the measure is undefined.
    pub fn n_undefined(&self) -> usize {
        self.values.iter().filter(|v| v.is_none()).count()
    }
}

/// Accepts a matrix of finite entries with `shape` rows and columns.
pub(crate) fn same_shape(
    what: &'static str,
    got: MatRef<'_, f64>,
    shape: (usize, usize),
) -> Result<()> {
    for (got, expected) in [(got.nrows(), shape.0), (got.ncols(), shape.1)] {
        if got != expected {
            return Err(Error::LengthMismatch { what, got, expected });
        }
    }
    Ok(check::finite(got)?)
}

/// Accepts what a closure made of `n` samples: n finite rows, `width` columns if that is known.
pub(crate) fn answer_of(
    what: &'static str,
    answer: &Rows<f64>,
    n: usize,
    width: Option<usize>,
) -> Result<()> {
    same_shape(what, answer.as_mat(), (n, width.unwrap_or(answer.n_cols())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_values_are_left_out() {
        let params = BootstrapParams::default().with_n_resamples(50);
        let scores = PerSample::new(vec![Some(1.0), None, Some(3.0)], &params).unwrap();
        assert_eq!((scores.mean.estimate, scores.n_undefined()), (2.0, 1));
        assert!(matches!(PerSample::new(vec![None], &params), Err(Error::TooFew { .. })));
        let overflow = PerSample::of_all(vec![1.0, f64::INFINITY], &params).unwrap_err();
        assert!(matches!(overflow, Error::Matrix(embex_linalg::Error::OutOfRange { .. })));
        assert_eq!(PerSample::of_some(vec![None], &params).unwrap(), None);
    }
}
