//! Where derivatives are blind: groups between which no affinity is left.

use embex_linalg::{Rows, check};

use super::Groups;
use crate::{Affinities, Result};

/// Parts that a warning lists.
const LISTED: usize = 12;

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
    /// Share that crosses between two groups: mass between / (mass between and within the lighter);
    /// the diagonal is 1. The lighter, because a rare group may lean on a large one with most of
    /// its affinity and yet with little of the large one's.
    pub share: Rows<f64>,
    /// Stored affinities below the smallest normal `f32`: zero to a map in single precision.
    pub n_vanished: usize,
}

impl Saturation {
    /// Share of affinity between groups below which derivatives are called blind.
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
                let all = between + mass.row(a)[a].min(mass.row(b)[b]);
                let part = if all > 0.0 { between / all } else { 0.0 };
                share.row_mut(a)[b] = part;
                share.row_mut(b)[a] = part;
            }
        }
        Ok(Self { across, mass, share, n_vanished })
    }

    /// Whether so little affinity crosses, in all or between [`Self::parts`], that derivatives are
    /// blind to what separates groups.
    pub fn is_blind(&self) -> bool {
        self.across < Self::BLIND || self.parts().len() > 1
    }

    /// Groups joined by pairs of which at least [`Self::BLIND`] crosses, directly or through other
    /// groups; ascending, groups without affinity left out.
    ///
    /// What tells one part from another no derivative sees. One part means that none is cut off.
    pub fn parts(&self) -> Vec<Vec<usize>> {
        let mut left: Vec<usize> = (0..self.mass.n_rows())
            .filter(|&g| self.mass.row(g).iter().any(|&m| m > 0.0))
            .collect();
        let mut parts = Vec::new();
        while !left.is_empty() {
            let mut part = vec![left.remove(0)];
            let mut at = 0;
            while at < part.len() {
                let share = self.share.row(part[at]);
                part.extend(left.extract_if(.., |g| share[*g] >= Self::BLIND));
                at += 1;
            }
            part.sort_unstable();
            parts.push(part);
        }
        parts
    }

    /// Pairs of groups of which the same holds, lower index first.
    pub fn blind_pairs(&self) -> Vec<(usize, usize)> {
        let n_groups = self.share.n_rows();
        (0..n_groups)
            .flat_map(|a| (a + 1..n_groups).map(move |b| (a, b)))
            .filter(|&(a, b)| self.share.row(a)[b] < Self::BLIND)
            .collect()
    }

    /// A sentence for the user, with the groups' `names`; `None` if derivatives see across.
    pub fn warning(&self, names: &[String]) -> Option<String> {
        let name = |&g: &usize| names.get(g).map_or_else(|| format!("group {g}"), Clone::clone);
        let parts = self.parts();
        let across = format!("{:.2} % of the affinity lies across groups", 100.0 * self.across);
        if parts.len() < 2 {
            let words = || format!("only {across}: derivatives are blind there, use importance");
            return self.is_blind().then(words);
        }
        let word = |part: &Vec<usize>| part.iter().map(name).collect::<Vec<_>>().join(", ");
        let shown: Vec<String> = parts.iter().take(LISTED).map(word).collect();
        let more = match parts.len() - shown.len() {
            0 => String::new(),
            more => format!(" | and {more} more"),
        };
        Some(format!(
            "{across}, and less than {} % joins these: {}{more}. Derivatives are blind to what tells \
             them apart, use importance",
            100.0 * Self::BLIND,
            shown.join(" | "),
        ))
    }
}
