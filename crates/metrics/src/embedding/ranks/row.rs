//! The ranks of one row.

use std::cmp::Ordering;

/// A squared distance and whose it is, in the order of every neighbour list.
type Place = (f64, u32);

fn order(a: &Place, b: &Place) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// Ranks before of the `k` nearest after, and ranks after of the `k` nearest before.
///
/// `before` and `after` hold the squared distances of row `i` to all samples; its own are
/// overwritten.
pub(super) fn ranks_both(
    i: usize,
    k: usize,
    before: &mut [f64],
    after: &mut [f64],
) -> [Vec<u32>; 2] {
    before[i] = f64::INFINITY; // the only infinite distance: last, and never counted
    after[i] = f64::INFINITY;
    let (near_before, near_after) = (nearest(before, k), nearest(after, k));
    [ranks_of(before, &near_after), ranks_of(after, &near_before)]
}

/// The `k` smallest, in order.
fn nearest(dist_sq: &[f64], k: usize) -> Vec<Place> {
    let capacity = 2 * k + 64;
    let mut held: Vec<Place> = Vec::with_capacity(capacity);
    let mut limit = f64::INFINITY;
    for (j, &d) in (0..).zip(dist_sq) {
        if d < limit {
            held.push((d, j));
            if held.len() == capacity {
                held.select_nth_unstable_by(k - 1, order);
                held.truncate(k);
                limit = held[k - 1].0; // an equal distance further on has a higher index
            }
        }
    }
    held.sort_unstable_by(order);
    held.truncate(k);
    held
}

/// Ranks among all of `dist_sq` of the samples listed, in their order.
///
/// Every sample falls between two of the sorted listed ones; a listed one outranks all that
/// fall before it.
fn ranks_of(dist_sq: &[f64], listed: &[Place]) -> Vec<u32> {
    let mut keys: Vec<(Place, usize)> =
        listed.iter().enumerate().map(|(at, &(_, j))| ((dist_sq[j as usize], j), at)).collect();
    keys.sort_unstable_by(|a, b| order(&a.0, &b.0));
    let bounds: Vec<f64> = keys.iter().map(|(place, _)| place.0).collect();
    let table = Table::new(&bounds);
    let farthest = bounds[bounds.len() - 1];
    let mut falls = vec![0_u32; keys.len() + 1];
    for (j, &d) in (0..).zip(dist_sq) {
        if d <= farthest {
            let (from, to) = table.range(d);
            let mut at = from;
            if from < to {
                at += bounds[from..to].partition_point(|&bound| bound < d);
                if at < to && bounds[at] == d {
                    at = keys.partition_point(|(key, _)| order(key, &(d, j)).is_le());
                }
            }
            falls[at] += 1;
        }
    }
    let mut ranks = vec![0; keys.len()];
    let mut before = 1;
    for (&(_, at), falls) in keys.iter().zip(falls) {
        before += falls;
        ranks[at] = before;
    }
    ranks
}

/// Most cells of a [`Table`].
const CELLS: u64 = 4096;

/// Cuts the range of sorted bounds into cells that hold few of them, so that a search among
/// the bounds begins where it nearly ends.
///
/// Cells are equal steps of the bits of a number, which order as numbers that are not negative
/// do: about equal ratios of distances.
struct Table {
    lowest: u64,
    shift: u32,
    /// Bounds in lower cells, for each cell and for the end.
    starts: Vec<u32>,
}

impl Table {
    fn new(bounds: &[f64]) -> Self {
        let positive = bounds.iter().find(|bound| **bound > 0.0);
        let (lowest, highest) =
            (positive.map_or(0, |bound| bound.to_bits()), bounds[bounds.len() - 1].to_bits());
        let span = highest.saturating_sub(lowest);
        let shift = (u64::BITS - span.leading_zeros()).saturating_sub(CELLS.ilog2());
        let mut table = Self { lowest, shift, starts: vec![0; (span >> shift) as usize + 2] };
        for &bound in bounds {
            let cell = table.cell(bound);
            table.starts[cell + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut table.starts {
            sum += *start;
            *start = sum;
        }
        table
    }

    #[inline]
    fn cell(&self, d: f64) -> usize {
        (d.to_bits().saturating_sub(self.lowest) >> self.shift) as usize
    }

    /// The bounds in the cell of `d`, which is at most the highest bound: those before are
    /// smaller, those after larger.
    #[inline]
    fn range(&self, d: f64) -> (usize, usize) {
        let cell = self.cell(d);
        (self.starts[cell] as usize, self.starts[cell + 1] as usize)
    }
}
