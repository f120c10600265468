//! The repulsive sums by a Barnes–Hut tree.

use std::ops::Range;

use embex_linalg::Real;
use embex_trees::quadtree::{Group, Tree, Visitor};
use pulp::Arch;
use rayon::prelude::*;

use crate::pairs::{AddChunks, AddOwn, PairSums, Sources};
use crate::repulsion::{Repulsion, RepulsionSums};

/// Most points that walk the tree together.
const GROUP: usize = 32;

/// Points per task, at least.
const TASK: usize = 256;

/// Sums in which far cells of a tree stand for their points.
///
/// Points near one another walk the tree once, together: a cell of diagonal s is far if s < angle · r
/// for its distance r from the nearest point of their box, so that every single point is served
/// at least as accurately as by a walk of its own. At angle 0 nothing is far, and the sums are
/// those of [`crate::Exact`] to rounding (apart from crowds of points that agree to 2⁻³² of the
/// map's span; see [`Tree`]).
///
/// # Example
/// ```
/// use embex_tsne::repulsion::{Repulsion, RepulsionSums};
/// let y: Vec<[f64; 2]> = (0..500).map(|i| [(i % 25) as f64, (i / 25) as f64]).collect();
/// let (mut exact, mut tree) = (RepulsionSums::default(), RepulsionSums::default());
/// embex_tsne::Exact::default().sums(&y, false, &mut exact);
/// embex_tsne::BarnesHut::new(0.5).sums(&y, false, &mut tree);
/// assert!((tree.z / exact.z - 1.0).abs() < 1e-2);
/// ```
#[derive(Clone, Debug)]
pub struct BarnesHut<T, const C: usize> {
    angle: f64,
    arch: Arch,
    tree: Tree<T, C>,
    groups: Vec<Group<T, C>>,
    tasks: Vec<Task<T, C>>,
}

/// A run of groups, with the buffers of whoever works on it.
#[derive(Clone, Debug)]
struct Task<T, const C: usize> {
    groups: Range<usize>,
    positions: Range<usize>,
    far: Sources<T, C>,
    own: Sources<T, C>,
    targets: Vec<[T; C]>,
    sums: Vec<PairSums<C>>,
}

impl<T: Real, const C: usize> Task<T, C> {
    fn new() -> Self {
        Self {
            groups: 0..0,
            positions: 0..0,
            far: Sources::default(),
            own: Sources::default(),
            targets: Vec::new(),
            sums: Vec::new(),
        }
    }
}

impl<T: Real, const C: usize> BarnesHut<T, C> {
    /// A tree whose cells of size s are far beyond s / `angle`; the usual angle is 0.5.
    pub fn new(angle: f64) -> Self {
        Self {
            angle,
            arch: Arch::new(),
            tree: Tree::default(),
            groups: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// Cuts the groups into tasks, a function of the points alone.
    fn plan(&mut self) {
        self.groups.clear();
        self.tree.groups(GROUP, &mut self.groups);
        let (mut n_tasks, mut from) = (0, 0);
        while from < self.groups.len() {
            let first = self.groups[from].positions.start;
            let enough = |group: &Group<T, C>| group.positions.end - first >= TASK;
            let to = self.groups[from..].iter().position(enough);
            let to = to.map_or(self.groups.len(), |at| from + at + 1);
            if n_tasks == self.tasks.len() {
                self.tasks.push(Task::new());
            }
            self.tasks[n_tasks].groups = from..to;
            self.tasks[n_tasks].positions = first..self.groups[to - 1].positions.end;
            (n_tasks, from) = (n_tasks + 1, to);
        }
        self.tasks.truncate(n_tasks);
    }

    fn fill<const CURVATURE: bool>(&mut self) {
        let (arch, tree, groups) = (self.arch, &self.tree, &self.groups);
        let angle = T::from_f64(self.angle);
        self.tasks.par_iter_mut().for_each(|task| {
            task.sums.clear();
            task.sums.resize(task.positions.len(), PairSums::default());
            let first = task.positions.start;
            for g in task.groups.clone() {
                let group = &groups[g];
                let range = group.positions.start - first..group.positions.end - first;
                task.gather(tree, group, angle);
                let sums = &mut task.sums[range];
                let (targets, sources, chunks) = (&task.targets, &task.far, 0..task.far.n_chunks());
                arch.dispatch(AddChunks::<T, C, CURVATURE> { targets, sources, chunks, sums });
                if group.coincident {
                    for sums in sums {
                        sums.add_coincident(group.positions.len() - 1);
                    }
                } else {
                    let (sources, chunks) = (&task.own, 0..task.own.n_chunks());
                    arch.dispatch(AddOwn::<T, C, CURVATURE> { targets, sources, chunks, sums });
                }
            }
        });
    }
}

impl<T: Real, const C: usize> Task<T, C> {
    /// Fills the targets of a group and its sources, near and far and its own.
    fn gather(&mut self, tree: &Tree<T, C>, group: &Group<T, C>, angle: T) {
        self.far.clear();
        let mut list = List { coords: tree.coords(), sources: &mut self.far };
        tree.walk_others(group, angle, &mut list);
        self.far.pad();
        self.own.clear();
        self.own.extend(&tree.coords(), group.positions.clone());
        self.own.pad();
        self.targets.clear();
        self.targets.extend(group.positions.clone().map(|position| tree.point(position)));
    }
}

/// Collects what a walk hands out.
struct List<'a, T, const C: usize> {
    coords: [&'a [T]; C],
    sources: &'a mut Sources<T, C>,
}

impl<T: Real, const C: usize> Visitor<T, C> for List<'_, T, C> {
    #[inline]
    fn cell(&mut self, centre: [T; C], count: usize) {
        self.sources.push(centre, T::from_f64(count as f64));
    }

    #[inline]
    fn points(&mut self, positions: Range<usize>) {
        self.sources.extend(&self.coords, positions);
    }
}

impl<T: Real, const C: usize> Repulsion<T, C> for BarnesHut<T, C> {
    fn sums(&mut self, y: &[[T; C]], curvature: bool, out: &mut RepulsionSums<T, C>) {
        self.tree.build(y);
        self.plan();
        if curvature {
            self.fill::<true>();
        } else {
            self.fill::<false>();
        }
        out.force.resize(y.len(), [T::ZERO; C]);
        out.curvature.clear();
        if curvature {
            out.curvature.resize(y.len(), crate::repulsion::Curvature::default());
        }
        out.z = 0.0;
        let sums = self.tasks.iter().flat_map(|task| &task.sums);
        for (&i, sums) in self.tree.order().iter().zip(sums) {
            out.z += sums.z;
            out.force[i as usize] = sums.force.map(T::from_f64);
            if curvature {
                out.curvature[i as usize] = sums.curvature();
            }
        }
    }
}

#[cfg(test)]
mod tests;
