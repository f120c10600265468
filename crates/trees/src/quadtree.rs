//! Barnes–Hut trees in one, two or three dimensions.
//!
//! Points are sorted in Morton order; a node is a range of them, and nodes lie in one flat array
//! in depth-first order with a pointer past their subtree, so that a walk needs no stack.

mod sort;

use std::ops::Range;

use embex_linalg::Real;

use sort::KeySort;

/// Most points of a leaf, unless they share one Morton code.
const BUCKET: usize = 8;

/// What a walk hands out: far cells as their summaries, near points as they are.
pub trait Visitor<T, const C: usize> {
    /// `count` points that stand at their centre of mass.
    fn cell(&mut self, centre: [T; C], count: usize);
    /// Points, as positions in Morton order.
    fn points(&mut self, positions: Range<usize>);
}

/// A range of points in Morton order and its summary.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node<T, const C: usize> {
    centre: [T; C],
    /// Squared diagonal of the box of its points.
    size_sq: T,
    first: u32,
    end: u32,
    /// The node after this one's subtree; the next one for a leaf.
    next: u32,
}

impl<T, const C: usize> Node<T, C> {
    fn len(&self) -> usize {
        (self.end - self.first) as usize
    }

    fn positions(&self) -> Range<usize> {
        self.first as usize..self.end as usize
    }
}

/// An axis-parallel box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds<T, const C: usize> {
    /// Least coordinates.
    pub low: [T; C],
    /// Largest coordinates.
    pub high: [T; C],
}

impl<T: Real, const C: usize> Bounds<T, C> {
    /// The box of one point.
    pub const fn point(y: [T; C]) -> Self {
        Self { low: y, high: y }
    }

    fn join(&mut self, other: &Self) {
        for c in 0..C {
            self.low[c] = self.low[c].min_(other.low[c]);
            self.high[c] = self.high[c].max_(other.high[c]);
        }
    }

    /// Largest extent.
    fn side(&self) -> T {
        let mut side = T::ZERO;
        for c in 0..C {
            side = side.max_(self.high[c] - self.low[c]);
        }
        side
    }

    /// Squared diagonal.
    fn diagonal_sq(&self) -> T {
        let mut sum = T::ZERO;
        for c in 0..C {
            let extent = self.high[c] - self.low[c];
            sum += extent * extent;
        }
        sum
    }

    /// Squared distance to the nearest point of the box.
    #[inline(always)]
    fn dist_sq(&self, y: &[T; C]) -> T {
        let mut sum = T::ZERO;
        for c in 0..C {
            let outside = (self.low[c] - y[c]).max_(y[c] - self.high[c]).max_(T::ZERO);
            sum += outside * outside;
        }
        sum
    }
}

/// A run of points near one another that walk the tree together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<T, const C: usize> {
    node: u32,
    /// The points, as positions in Morton order.
    pub positions: Range<usize>,
    /// Their box.
    pub bounds: Bounds<T, C>,
    /// Whether they share one Morton code and are more than a leaf holds: then they count as
    /// coincident, here and as a source.
    pub coincident: bool,
}

/// A Barnes–Hut tree; buffers are kept from one build to the next.
///
/// A cell's size is the diagonal of the box of its points. Points that agree to 2⁻³² of the map's span
/// (2⁻²¹ in three dimensions) cannot be told apart; more than a leaf holds (8) of them act as one
/// cell at every angle, so that any number of duplicates costs no more than distinct points.
///
/// # Example
/// ```
/// use embex_trees::quadtree::{Bounds, Tree, Visitor};
/// struct Count(usize);
/// impl Visitor<f32, 2> for Count {
///     fn cell(&mut self, _: [f32; 2], count: usize) { self.0 += count; }
///     fn points(&mut self, positions: std::ops::Range<usize>) { self.0 += positions.len(); }
/// }
/// let y: Vec<[f32; 2]> = (0..100).map(|i| [(i % 10) as f32, (i / 10) as f32]).collect();
/// let mut tree = Tree::default();
/// tree.build(&y);
/// let mut count = Count(0);
/// tree.walk(&Bounds::point([0.0, 0.0]), 0.5, &mut count);
/// assert_eq!(count.0, 100);
/// ```
#[derive(Clone, Debug)]
pub struct Tree<T, const C: usize> {
    sort: KeySort,
    coords: [Vec<T>; C],
    nodes: Vec<Node<T, C>>,
    bounds: Vec<Bounds<T, C>>,
    /// Sums of the points' coordinates, node by node.
    moments: Vec<[f64; C]>,
}

impl<T: Real, const C: usize> Default for Tree<T, C> {
    fn default() -> Self {
        Self {
            sort: KeySort::default(),
            coords: std::array::from_fn(|_| Vec::new()),
            nodes: Vec::new(),
            bounds: Vec::new(),
            moments: Vec::new(),
        }
    }
}

impl<T: Real, const C: usize> Tree<T, C> {
    /// Bits of a Morton code per axis.
    const BITS: u32 = if C == 3 { 21 } else { 32 };

    /// Sorts the points and builds the tree over them; at most 2³² − 1 points.
    ///
    /// Equal points for equal input, whatever was built before. Coordinates that are not finite
    /// are placed somewhere and cause no panic.
    pub fn build(&mut self, y: &[[T; C]]) {
        const { assert!(C >= 1 && C <= 3) };
        debug_assert!(u32::try_from(y.len()).is_ok());
        self.sort_points(y);
        self.nodes.clear();
        self.bounds.clear();
        self.moments.clear();
        if !y.is_empty() {
            self.add_node(0, y.len());
        }
    }

    /// Sample index of every point in Morton order.
    pub fn order(&self) -> &[u32] {
        self.sort.order()
    }

    /// Coordinates of the points in Morton order, one slice per axis.
    pub fn coords(&self) -> [&[T]; C] {
        self.coords.each_ref().map(Vec::as_slice)
    }

    /// The point at a position in Morton order.
    #[inline]
    pub fn point(&self, position: usize) -> [T; C] {
        std::array::from_fn(|c| self.coords[c][position])
    }

    /// Appends the largest nodes of at most `most` points (and larger leaves of coincident
    /// points) to `groups`, in Morton order; together they hold every point once.
    pub fn groups(&self, most: usize, groups: &mut Vec<Group<T, C>>) {
        let mut i = 0;
        while let Some(node) = self.nodes.get(i) {
            if node.len() > most && !self.is_leaf(i) {
                i += 1;
                continue;
            }
            groups.push(Group {
                node: i as u32,
                positions: node.positions(),
                bounds: self.bounds[i],
                coincident: self.is_leaf(i) && node.len() > BUCKET,
            });
            i = node.next as usize;
        }
    }

    /// Hands out all points as seen from a box: cells of size s whose centre is at distance
    /// above s / angle from every point of the box as summaries, the rest point by point.
    pub fn walk(&self, from: &Bounds<T, C>, angle: T, visitor: &mut impl Visitor<T, C>) {
        self.walk_nodes(from, angle, 0..self.nodes.len(), visitor);
    }

    /// [`Self::walk`] from the box of a group, without the group's own points.
    pub fn walk_others(&self, group: &Group<T, C>, angle: T, visitor: &mut impl Visitor<T, C>) {
        let own = group.node as usize;
        self.walk_nodes(&group.bounds, angle, 0..own, visitor);
        let after = self.nodes[own].next as usize;
        self.walk_nodes(&group.bounds, angle, after..self.nodes.len(), visitor);
    }

    /// Walks nodes in order; ancestors of the range's end open themselves, as they hold the
    /// group.
    fn walk_nodes(
        &self,
        from: &Bounds<T, C>,
        angle: T,
        range: Range<usize>,
        visitor: &mut impl Visitor<T, C>,
    ) {
        let angle_sq = angle * angle;
        let mut i = range.start;
        while i < range.end {
            let node = &self.nodes[i];
            let next = node.next as usize;
            let leaf = next == i + 1;
            let far = node.size_sq < angle_sq * from.dist_sq(&node.centre);
            if (far && next <= range.end) || (leaf && node.len() > BUCKET) {
                visitor.cell(node.centre, node.len());
                i = next;
            } else if leaf {
                visitor.points(node.positions());
                i = next;
            } else {
                i += 1;
            }
        }
    }

    fn is_leaf(&self, i: usize) -> bool {
        self.nodes[i].next as usize == i + 1
    }

    fn sort_points(&mut self, y: &[[T; C]]) {
        let mut bounds = Bounds { low: [T::MAX; C], high: [-T::MAX; C] };
        for &y in y {
            bounds.join(&Bounds::point(y));
        }
        let cells = f64::from(2.0_f32).powi(Self::BITS as i32);
        // Rounding keeps the order of coordinates; the cast saturates at both ends.
        let scale = T::from_f64(cells / bounds.side().to_f64());
        let key = |y: &[T; C]| {
            let cell: [u64; C] = std::array::from_fn(|c| {
                let cell = ((y[c] - bounds.low[c]) * scale).to_f64();
                (cell as u64).min((1 << Self::BITS) - 1)
            });
            interleave(cell)
        };
        self.sort.sort(y.iter().map(key), C as u32 * Self::BITS);
        for (c, axis) in self.coords.iter_mut().enumerate() {
            axis.clear();
            axis.extend(self.sort.order().iter().map(|&i| y[i as usize][c]));
        }
    }

    /// Appends the subtree of a range of points.
    fn add_node(&mut self, first: usize, end: usize) {
        let i = self.nodes.len();
        let node = Node {
            centre: [T::ZERO; C],
            size_sq: T::ZERO,
            first: first as u32,
            end: end as u32,
            next: 0,
        };
        self.nodes.push(node);
        self.bounds.push(Bounds { low: [T::MAX; C], high: [-T::MAX; C] });
        self.moments.push([0.0; C]);
        let keys = self.sort.keys();
        let differing = keys[first] ^ keys[end - 1];
        if end - first <= BUCKET || differing == 0 {
            self.summarise_points(i, first..end);
        } else {
            let shift = differing.ilog2() / C as u32 * C as u32;
            self.add_children(first, end, shift);
            self.summarise_children(i);
        }
        self.finish_node(i);
    }

    /// Splits a range where its codes differ first.
    fn add_children(&mut self, first: usize, end: usize, shift: u32) {
        let mut from = first;
        while from < end {
            let digit = self.sort.keys()[from] >> shift;
            let rest = &self.sort.keys()[from..end];
            let to = from + rest.partition_point(|key| key >> shift == digit);
            self.add_node(from, to);
            from = to;
        }
    }

    fn summarise_points(&mut self, i: usize, positions: Range<usize>) {
        for position in positions {
            let y = self.point(position);
            self.bounds[i].join(&Bounds::point(y));
            for c in 0..C {
                self.moments[i][c] += y[c].to_f64();
            }
        }
    }

    fn summarise_children(&mut self, i: usize) {
        let mut child = i + 1;
        while child < self.nodes.len() {
            let bounds = self.bounds[child];
            self.bounds[i].join(&bounds);
            for c in 0..C {
                self.moments[i][c] += self.moments[child][c];
            }
            child = self.nodes[child].next as usize;
        }
    }

    fn finish_node(&mut self, i: usize) {
        let next = self.nodes.len() as u32;
        let size_sq = self.bounds[i].diagonal_sq();
        let node = &mut self.nodes[i];
        let per_point = 1.0 / node.len() as f64;
        node.centre = self.moments[i].map(|sum| T::from_f64(sum * per_point));
        node.size_sq = size_sq;
        node.next = next;
    }
}

/// The Morton code: bits of the axes in turn, axis 0 in the lowest place.
#[inline]
fn interleave<const C: usize>(cell: [u64; C]) -> u64 {
    let mut key = 0;
    for (c, &cell) in cell.iter().enumerate() {
        let spread = match C {
            1 => cell,
            2 => spread_by_two(cell),
            _ => spread_by_three(cell),
        };
        key |= spread << c;
    }
    key
}

/// Moves bit b of a 32-bit number to bit 2b.
fn spread_by_two(x: u64) -> u64 {
    let x = (x | (x << 16)) & 0x0000_ffff_0000_ffff;
    let x = (x | (x << 8)) & 0x00ff_00ff_00ff_00ff;
    let x = (x | (x << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    let x = (x | (x << 2)) & 0x3333_3333_3333_3333;
    (x | (x << 1)) & 0x5555_5555_5555_5555
}

/// Moves bit b of a 21-bit number to bit 3b.
fn spread_by_three(x: u64) -> u64 {
    let x = (x | (x << 32)) & 0x001f_0000_0000_ffff;
    let x = (x | (x << 16)) & 0x001f_0000_ff00_00ff;
    let x = (x | (x << 8)) & 0x100f_00f0_0f00_f00f;
    let x = (x | (x << 4)) & 0x10c3_0c30_c30c_30c3;
    (x | (x << 2)) & 0x1249_2492_4924_9249
}

#[cfg(test)]
mod tests;
