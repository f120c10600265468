//! From samples to a map with attributions in one call.

use embex_linalg::faer::MatRef;
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Progress, Real, Rows};

use crate::attribution::{AttributeParams, Attributor, Diagnostics};
use crate::fit::Tsne;
use crate::optimizer::Optimizer;
use crate::{Precision, Result, TsneParams};

/// Attributions of one step in the features that the map was made of.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Sensitivity {
    /// Updates completed.
    pub step: usize,
    /// n × D; n × C·D for [`crate::attribution::Scalar::Axes`], axis after axis.
    pub values: Rows<f64>,
    /// Points to leave out of means, ascending: see [`crate::attribution::Attribution::unusable`].
    pub unusable: Vec<u32>,
    /// What happened on the way.
    pub diagnostics: Diagnostics,
}

/// A map and the sensitivities of its points to the features.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Explained {
    /// The map.
    pub map: Tsne,
    /// One per step asked for, ascending.
    pub sensitivities: Vec<Sensitivity>,
    /// Per point the smallest eigenvalue of its own Hessian at the map: small or negative where
    /// the point could as well lie elsewhere.
    pub stability: Vec<f64>,
    /// Settings of the attribution.
    pub params: AttributeParams,
}

impl TsneParams {
    /// A map of the rows of `x` (n × D) and the sensitivity of its points to the features.
    ///
    /// Sensitivity is a derivative and blind where affinities have vanished; see
    /// [`crate::importance`] for occlusion. To keep coefficients instead of values, or to project
    /// into other features, drive an [`Optimizer`] with an [`Attributor`].
    ///
    /// # Errors
    /// As [`Self::fit`] and [`Attributor::run`].
    ///
    /// # Cost
    /// That of [`Self::fit`] and of [`Attributor::run`], then one multiply-add per entry of P and
    /// feature and n × D numbers for every step: with 10,000 points a tenth more for 50 features, a
    /// quarter more for 5,000.
    ///
    /// # Example
    /// ```
    /// use embex_linalg::faer::Mat;
    /// use embex_tsne::TsneParams;
    /// use embex_tsne::attribution::AttributeParams;
    /// // Two groups that feature 0 holds apart.
    /// let noise = |i: usize, d: usize| ((i * 37 + d * 11) % 17) as f64 / 17.0;
    /// let x = Mat::from_fn(60, 3, |i, d| noise(i, d) + if d == 0 && i >= 30 { 1.0 } else { 0.0 });
    /// let params = TsneParams::default().with_perplexity(15.0).with_n_iter(300);
    /// let explained = params.attribute(x.as_ref(), &AttributeParams::default())?;
    /// assert_eq!(explained.sensitivities[0].values.as_mat().shape(), (60, 3));
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn attribute<U: Real>(
        &self,
        x: MatRef<'_, U>,
        params: &AttributeParams,
    ) -> Result<Explained> {
        self.attribute_with(x, params, &mut Silent, MemoryBudget::default())
    }

    /// [`Self::attribute`] under an observer and a memory budget for the neighbour search.
    ///
    /// # Errors
    /// As [`Self::attribute`]; [`embex_linalg::Error::Cancelled`].
    pub fn attribute_with<U: Real>(
        &self,
        x: MatRef<'_, U>,
        params: &AttributeParams,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
    ) -> Result<Explained> {
        self.check()?;
        let call = Call { tsne: self, params, budget };
        match (self.precision, self.n_components) {
            (Precision::Single, 1) => call.run::<U, f32, 1>(x, progress),
            (Precision::Single, 2) => call.run::<U, f32, 2>(x, progress),
            (Precision::Single, _) => call.run::<U, f32, 3>(x, progress),
            (Precision::Double, 1) => call.run::<U, f64, 1>(x, progress),
            (Precision::Double, 2) => call.run::<U, f64, 2>(x, progress),
            (Precision::Double, _) => call.run::<U, f64, 3>(x, progress),
        }
    }
}

/// What was asked for.
struct Call<'a> {
    tsne: &'a TsneParams,
    params: &'a AttributeParams,
    budget: MemoryBudget,
}

impl Call<'_> {
    fn run<U: Real, T: Real, const C: usize>(
        &self,
        x: MatRef<'_, U>,
        progress: &mut dyn Progress,
    ) -> Result<Explained> {
        let affinities = self.tsne.affinities(x, progress, self.budget)?;
        let features = Rows::<T>::convert_from(x);
        let attributor =
            Attributor::<T, C>::new(self.params, self.tsne, &affinities, features.as_mat())?;
        let start = self.tsne.start(x, progress)?;
        let mut optimizer = Optimizer::new(&affinities, self.tsne, start)?;
        let found = attributor.run(&mut optimizer, progress)?;
        let sensitivities = found
            .attributions
            .into_iter()
            .map(|attribution| {
                let values = attribution.project(features.as_mat())?;
                Ok(Sensitivity {
                    step: attribution.step,
                    values: Rows::convert_from(values.as_mat()),
                    unusable: attribution.unusable(),
                    diagnostics: attribution.diagnostics,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Explained {
            map: optimizer.into_map()?,
            sensitivities,
            stability: found.stability,
            params: self.params.clone(),
        })
    }
}
