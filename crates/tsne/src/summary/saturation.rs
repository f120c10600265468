//! Where derivatives are blind: groups between which no affinity is left.

use embex_linalg::{Rows, check};

use super::Groups;
use crate::{Affinities, Result};

/// How much affinity crosses between groups.
///
/// An affinity that has vanished does not respond to a small change of any feature, so what
/// separates two groups completely is invisible to every derivative. Importance by occlusion
/// still sees it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Saturation {
    /// Σ p_ij over pairs in different groups, 0 to 1.
    pub across: f64,
    /// Mass of each pair of groups, both directions together; the diagonal holds the mass
    /// within. The upper triangle with the diagonal sums to 1.
    pub mass: Rows<f64>,
    /// Share that crosses among the mass of any two groups: mass between / (mass between and
    /// within both); the diagonal is 1.
    pub share: Rows<f64>,
    /// Stored affinities below the smallest normal `f32`: zero to a map in single precision.
    pub n_vanished: usize,
}

impl Saturation {
    /// Share of affinity across groups below which derivatives are called blind.
    ///
    /// In the pilot the feature that split the data outranked noise in most runs while 1 % of
    /// the affinity crossed, and in half of them at 0.08 %.
    pub const BLIND: f64 = 1e-2;

    /// Of the affinities of a map.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`] if the groups are of other samples.
    ///
    /// # Example
    /// ```
    /// use embex_tsne::{Affinities, summary::{Groups, Saturation}};
    /// let p = Affinities::from_joint(vec![0, 1, 2, 3, 4], vec![1, 0, 3, 2], vec![0.25; 4])?;
    /// let saturation = Saturation::new(&p, &Groups::new(&[0, 0, 1, 1], 2)?)?;
    /// assert_eq!((saturation.across, saturation.is_blind()), (0.0, true));
    /// # Ok::<(), embex_tsne::Error>(())
    /// ```
    pub fn new(affinities: &Affinities, groups: &Groups) -> Result<Self> {
        let n = affinities.n_samples();
        check::length("groups", groups.n_samples(), n)?;
        let n_groups = groups.n_groups();
        let mut mass = Rows::<f64>::zeros(n_groups, n_groups);
        let mut n_vanished = 0;
        for i in 0..n {
            let own = groups.codes()[i] as usize;
            let (columns, p) = affinities.row(i);
            for (&j, &p) in columns.iter().zip(p) {
                let other = groups.codes()[j as usize] as usize;
                mass.row_mut(own.min(other))[own.max(other)] += p;
                n_vanished += usize::from(p < f64::from(f32::MIN_POSITIVE));
            }
        }
        let mut across = 0.0;
        let mut share = Rows::<f64>::zeros(n_groups, n_groups);
        for a in 0..n_groups {
            share.row_mut(a)[a] = 1.0;
            for b in a + 1..n_groups {
                let between = mass.row(a)[b];
                across += between;
                mass.row_mut(b)[a] = between;
                let all = between + mass.row(a)[a] + mass.row(b)[b];
                let part = if all > 0.0 { between / all } else { 0.0 };
                share.row_mut(a)[b] = part;
                share.row_mut(b)[a] = part;
            }
        }
        Ok(Self { across, mass, share, n_vanished })
    }

    /// Whether so little affinity crosses that derivatives are blind to what separates the
    /// groups.
    pub fn is_blind(&self) -> bool {
        self.across < Self::BLIND
    }

    /// Pairs of groups of which the same holds, lower index first.
    pub fn blind_pairs(&self) -> Vec<(usize, usize)> {
        let n_groups = self.share.n_rows();
        (0..n_groups)
            .flat_map(|a| (a + 1..n_groups).map(move |b| (a, b)))
            .filter(|&(a, b)| self.share.row(a)[b] < Self::BLIND)
            .collect()
    }

    /// A sentence for the user; `None` if derivatives see across.
    pub fn warning(&self) -> Option<String> {
        let blind = self.blind_pairs().len();
        (self.is_blind()).then(|| {
            format!(
                "only {:.2} % of the affinity lies across groups ({blind} pairs of groups below \
                 {} %): derivatives are blind there, use importance",
                100.0 * self.across,
                100.0 * Self::BLIND
            )
        })
    }
}
