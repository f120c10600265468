//! Groups of equal rows, so that a search meets every place once.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};

use embex_linalg::{Real, Rows};
use rayon::prelude::*;

use crate::ranked::Ranked;

/// Rows grouped by equality; groups are in the order of their first members.
///
/// Without this, many copies of one row would make every tie a tie among all of them, and the
/// search quadratic.
#[derive(Debug)]
pub(crate) struct Distinct {
    /// Members of group g are `members[starts[g]..starts[g + 1]]`, ascending.
    starts: Vec<u32>,
    members: Vec<u32>,
    group_of: Vec<u32>,
}

impl Distinct {
    /// `None` if no two rows are equal. Rows hold no −0, and fewer than 2³² rows.
    pub(crate) fn of<T: Real>(rows: &Rows<T>) -> Option<Self> {
        let order = sorted_by_content(rows);
        let equal = |a: &(u64, u32), b: &(u64, u32)| {
            a.0 == b.0 && rows.row(a.1 as usize) == rows.row(b.1 as usize)
        };
        let mut groups: Vec<&[(u64, u32)]> = order.chunk_by(equal).collect();
        if groups.len() == rows.n_rows() {
            return None;
        }
        groups.sort_unstable_by_key(|group| group[0].1);
        let mut distinct = Self {
            starts: Vec::with_capacity(groups.len() + 1),
            members: Vec::with_capacity(rows.n_rows()),
            group_of: vec![0; rows.n_rows()],
        };
        for (g, group) in groups.into_iter().enumerate() {
            distinct.starts.push(distinct.members.len() as u32);
            for &(_, i) in group {
                distinct.members.push(i);
                distinct.group_of[i as usize] = g as u32;
            }
        }
        distinct.starts.push(distinct.members.len() as u32);
        Some(distinct)
    }

    pub(crate) fn n_groups(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn group_of(&self, i: usize) -> usize {
        self.group_of[i] as usize
    }

    fn members(&self, group: usize) -> &[u32] {
        &self.members[self.starts[group] as usize..self.starts[group + 1] as usize]
    }

    /// The first member of every group.
    pub(crate) fn representatives<T: Real>(&self, rows: &Rows<T>) -> Rows<T> {
        let mut first = Rows::zeros(self.n_groups(), rows.n_cols());
        for g in 0..self.n_groups() {
            first.row_mut(g).copy_from_slice(rows.row(self.members(g)[0] as usize));
        }
        first
    }

    /// Replaces groups by their members: the `k` nearest, equal distances by index.
    ///
    /// `groups` are the nearest ones, at least `k` of them or all, ranked; `own` is the row
    /// that searches, with its group, if it is one of the rows. No group beyond the given ones
    /// can matter: every member of it comes after the first member of each given one.
    pub(crate) fn expand(
        &self,
        groups: &[Ranked],
        own: Option<usize>,
        k: usize,
        out: &mut Vec<Ranked>,
    ) {
        out.clear();
        if let Some(i) = own {
            let twins = self.members(self.group_of(i)).iter().filter(|&&j| j as usize != i);
            out.extend(twins.take(k).map(|&j| Ranked { dist_sq: 0.0, index: j }));
        }
        for group in groups {
            if out.len() >= k && out.last().is_some_and(|last| last.dist_sq < group.dist_sq) {
                break;
            }
            let members = self.members(group.index as usize).iter().take(k);
            out.extend(members.map(|&j| Ranked { dist_sq: group.dist_sq, index: j }));
        }
        out.sort_unstable_by(Ranked::order);
        out.truncate(k);
    }
}

/// Row indices with a hash of their content, equal rows side by side and ascending.
fn sorted_by_content<T: Real>(rows: &Rows<T>) -> Vec<(u64, u32)> {
    let hash = |i: usize| {
        let mut hasher = DefaultHasher::new();
        for x in rows.row(i) {
            hasher.write_u64(x.to_f64().to_bits());
        }
        (hasher.finish(), i as u32)
    };
    let by_content = |a: u32, b: u32| {
        let (a, b) = (rows.row(a as usize), rows.row(b as usize));
        a.partial_cmp(b).unwrap_or(Ordering::Equal) // finite entries always compare
    };
    let mut order: Vec<(u64, u32)> = (0..rows.n_rows()).into_par_iter().map(hash).collect();
    order.par_sort_unstable_by(|&(g, a), &(h, b)| {
        g.cmp(&h).then_with(|| by_content(a, b)).then(a.cmp(&b))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f64]) -> Rows<f64> {
        Rows::from_vec(values.to_vec(), 1).unwrap()
    }

    #[test]
    fn groups_follow_their_first_members() {
        let distinct = Distinct::of(&rows(&[3.0, 1.0, 3.0, 2.0, 1.0, 3.0])).unwrap();
        assert_eq!(distinct.n_groups(), 3);
        assert_eq!(distinct.members(0), [0, 2, 5]);
        assert_eq!(distinct.members(1), [1, 4]);
        assert_eq!(distinct.members(2), [3]);
        assert_eq!((0..6).map(|i| distinct.group_of(i)).collect::<Vec<_>>(), [0, 1, 0, 2, 1, 0]);
        assert!(Distinct::of(&rows(&[1.0, 2.0, 0.0])).is_none());
    }

    #[test]
    fn expansion_merges_tied_groups_by_index() {
        let distinct = Distinct::of(&rows(&[5.0, 4.0, 6.0, 4.0, 6.0, 5.0])).unwrap();
        let tied = [Ranked { dist_sq: 1.0, index: 1 }, Ranked { dist_sq: 1.0, index: 2 }];
        let mut out = Vec::new();
        distinct.expand(&tied, Some(5), 4, &mut out);
        let got: Vec<(f64, u32)> = out.iter().map(|r| (r.dist_sq, r.index)).collect();
        assert_eq!(got, [(0.0, 0), (1.0, 1), (1.0, 2), (1.0, 3)]);
    }
}
