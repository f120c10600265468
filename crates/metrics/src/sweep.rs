//! Passes over the distances of chosen rows to all rows, in bounded memory.

use embex_linalg::progress::report;
use embex_linalg::{MemoryBudget, Progress, seed};
use embex_trees::RowDistances;
use rand::RngExt;
use rayon::prelude::*;

use crate::{Error, Result};

/// Rows whose distances are found together, while the panels of all rows pass by once.
const BLOCK: usize = 16;

/// Waves of this many blocks per thread; between waves progress is reported.
const BLOCKS_PER_THREAD: usize = 8;

/// Visits chosen rows of one or more matrices over the same samples.
pub(crate) struct Sweep<'a> {
    pub(crate) spaces: &'a [&'a RowDistances],
    pub(crate) rows: &'a [usize],
    pub(crate) phase: &'static str,
}

impl Sweep<'_> {
    /// Calls `of_row` with each chosen row i and its squared distances to all samples, one
    /// matrix after the other, and hands what it finds to `sink` in the order of the rows.
    ///
    /// One task per row, so equal bits for any number of threads and any budget. A block of
    /// rows in flight takes 128·n bytes per matrix.
    pub(crate) fn run<R: Send>(
        &self,
        progress: &mut dyn Progress,
        budget: MemoryBudget,
        of_row: impl Fn(usize, &mut [f64]) -> R + Sync,
        mut sink: impl FnMut(R),
    ) -> Result<()> {
        let total = self.rows.len();
        let threads = rayon::current_num_threads();
        let in_flight = budget.blocks_in_flight(self.block_bytes(), threads);
        let wave = if in_flight < threads { in_flight } else { threads * BLOCKS_PER_THREAD };
        for start in (0..total).step_by(BLOCK * wave) {
            report(progress, self.phase, start, total, "")?;
            let rows = &self.rows[start..total.min(start + BLOCK * wave)];
            let found: Vec<Vec<R>> = rows
                .par_chunks(BLOCK)
                .map_init(Vec::new, |buffer, rows| self.block(rows, buffer, &of_row))
                .collect();
            found.into_iter().flatten().for_each(&mut sink);
        }
        Ok(report(progress, self.phase, total, total, "")?)
    }

    fn block_bytes(&self) -> u64 {
        let n = self.spaces.first().map_or(0, |space| space.n_samples());
        (BLOCK * self.spaces.len() * n * size_of::<f64>()) as u64
    }

    fn block<R>(
        &self,
        rows: &[usize],
        buffer: &mut Vec<f64>,
        of_row: &impl Fn(usize, &mut [f64]) -> R,
    ) -> Vec<R> {
        let n_spaces = self.spaces.len();
        let n = self.spaces[0].n_samples();
        buffer.resize(rows.len() * n_spaces * n, 0.0);
        for (s, space) in self.spaces.iter().enumerate() {
            let lines = buffer.chunks_exact_mut(n).skip(s).step_by(n_spaces);
            space.fill(rows, &mut lines.collect::<Vec<_>>());
        }
        let lines = buffer.chunks_exact_mut(n_spaces * n);
        rows.iter().zip(lines).map(|(&i, line)| of_row(i, line)).collect()
    }
}

/// The rows to measure, ascending: all `n`, or `limit` drawn without replacement.
///
/// # Errors
/// [`Error::Setting`] for a limit of 0.
pub(crate) fn chosen_rows(n: usize, limit: Option<usize>, seed: u64) -> Result<Vec<usize>> {
    let mut rows: Vec<usize> = (0..n).collect();
    match limit {
        Some(0) => Err(Error::Setting { name: "n_rows", value: 0.0, expected: "at least 1" }),
        Some(limit) if limit < n => {
            let mut rng = seed::stream(seed, "rows", 0);
            for at in 0..limit {
                rows.swap(at, rng.random_range(at..n));
            }
            rows.truncate(limit);
            rows.sort_unstable();
            Ok(rows)
        }
        _ => Ok(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embex_linalg::progress::{Flow, Silent, Update};
    use embex_testkit::gaussian;

    #[test]
    fn rows_come_in_order_with_their_distances_for_any_budget() {
        let (a, b) = (gaussian(300, 3, 1), gaussian(300, 2, 2));
        let spaces =
            [RowDistances::new(a.as_ref()).unwrap(), RowDistances::new(b.as_ref()).unwrap()];
        let rows: Vec<usize> = (0..300).filter(|i| i % 7 != 0).collect();
        let sweep = Sweep { spaces: &[&spaces[0], &spaces[1]], rows: &rows, phase: "test" };
        for budget in [MemoryBudget::default(), MemoryBudget::bytes(1)] {
            let mut seen = Vec::new();
            let of_row = |i: usize, line: &mut [f64]| {
                let close = |s: usize, j: usize| line[300 * s + j] == spaces[s].pair(i, j);
                assert!((0..300).all(|j| close(0, j) && close(1, j)));
                i
            };
            sweep.run(&mut Silent, budget, of_row, |i| seen.push(i)).unwrap();
            assert_eq!(seen, rows);
        }
        let mut stop = |update: Update<'_>| {
            assert_eq!(update.phase, "test");
            if update.done > 0 { Flow::Cancel } else { Flow::Continue }
        };
        let stopped = sweep.run(&mut stop, MemoryBudget::bytes(1), |i, _| i, |_| ());
        assert_eq!(stopped, Err(Error::Cancelled));
    }

    #[test]
    fn samples_are_distinct_seeded_and_ascending() {
        let rows = chosen_rows(50, Some(20), 4).unwrap();
        assert!(rows.len() == 20 && rows.is_sorted_by(|a, b| a < b) && rows[19] < 50);
        assert_eq!(rows, chosen_rows(50, Some(20), 4).unwrap());
        assert_ne!(rows, chosen_rows(50, Some(20), 5).unwrap());
        for limit in [None, Some(50), Some(99)] {
            assert!(chosen_rows(50, limit, 4).unwrap().into_iter().eq(0..50));
        }
        assert!(matches!(chosen_rows(50, Some(0), 4), Err(Error::Setting { .. })));
    }
}
