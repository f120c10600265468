//! Sorting of points by their Morton codes.

/// Bits of a radix digit: its counters fit the first-level cache.
const DIGIT: u32 = 11;

/// Leading bits sorted by radix; what ties in them is rare and sorted by comparison.
const LEADING: u32 = 3 * DIGIT;

/// Keys in increasing order, equal ones by index; buffers are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct KeySort {
    keys: Vec<u64>,
    order: Vec<u32>,
    pairs: Vec<(u64, u32)>,
    other: Vec<(u64, u32)>,
}

impl KeySort {
    /// Sorts keys of `bits` bits given in index order.
    pub(super) fn sort(&mut self, keys: impl Iterator<Item = u64>, bits: u32) {
        self.pairs.clear();
        self.pairs.extend(keys.zip(0..));
        self.other.resize(self.pairs.len(), (0, 0));
        let skipped = bits.saturating_sub(LEADING);
        for pass in 0..LEADING.min(bits).div_ceil(DIGIT) {
            self.scatter(skipped + pass * DIGIT);
        }
        if skipped > 0 {
            for run in self.pairs.chunk_by_mut(|a, b| a.0 >> skipped == b.0 >> skipped) {
                if run.len() > 1 {
                    run.sort_unstable();
                }
            }
        }
        self.keys.clear();
        self.keys.extend(self.pairs.iter().map(|&(key, _)| key));
        self.order.clear();
        self.order.extend(self.pairs.iter().map(|&(_, index)| index));
    }

    /// Keys in order.
    pub(super) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// Index of each key in order.
    pub(super) fn order(&self) -> &[u32] {
        &self.order
    }

    /// One stable counting pass over the digit at `shift`.
    fn scatter(&mut self, shift: u32) {
        let digit = |key: u64| (key >> shift) as usize & ((1 << DIGIT) - 1);
        let mut next = [0_u32; 1 << DIGIT];
        for &(key, _) in &self.pairs {
            next[digit(key)] += 1;
        }
        let mut sum = 0;
        for count in &mut next {
            (*count, sum) = (sum, sum + *count);
        }
        for &pair in &self.pairs {
            let at = &mut next[digit(pair.0)];
            self.other[*at as usize] = pair;
            *at += 1;
        }
        std::mem::swap(&mut self.pairs, &mut self.other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_ties_follow_the_index() {
        let mut sort = KeySort::default();
        for (n, bits) in [(0_u64, 64), (1, 64), (3000, 64), (3000, 63), (3000, 32), (3000, 9)] {
            let mask = u64::MAX >> (64 - bits);
            let spread = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask;
            // Every third key repeats another one; some agree in their leading bits only.
            let key = |i: u64| match i % 3 {
                0 => spread(i),
                1 => spread(i / 7) & !0xff,
                _ => spread(i / 7) & !0xff | (i & 0xff & mask),
            };
            sort.sort((0..n).map(key), bits);
            let mut expected: Vec<_> = (0..n).map(|i| (key(i), i as u32)).collect();
            expected.sort_unstable();
            let got: Vec<_> =
                sort.keys().iter().copied().zip(sort.order().iter().copied()).collect();
            assert_eq!(got, expected, "{n} keys of {bits} bits");
        }
    }
}
