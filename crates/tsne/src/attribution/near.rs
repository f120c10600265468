//! An order of rows in which partners come soon after each other.

/// Rows of a sparse matrix breadth first: each, then those of its columns that have not come yet.
///
/// Who goes through the rows in this order and looks at their columns finds most of them near
/// the processor still; data that lie in no order would fetch each from afar. Only time depends
/// on the order. Cost n + entries.
pub(crate) fn breadth_first(starts: &[usize], columns: &[u32]) -> Vec<u32> {
    let n = starts.len() - 1;
    let mut order: Vec<u32> = Vec::with_capacity(n);
    let mut came = vec![false; n];
    for seed in 0..n as u32 {
        let mut next = order.len();
        enter(seed, &mut came, &mut order);
        while let Some(&row) = order.get(next) {
            next += 1;
            for &column in &columns[starts[row as usize]..starts[row as usize + 1]] {
                enter(column, &mut came, &mut order);
            }
        }
    }
    order
}

fn enter(row: u32, came: &mut [bool], order: &mut Vec<u32>) {
    if !std::mem::replace(&mut came[row as usize], true) {
        order.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_follow_and_every_row_comes_once() {
        // 0 – 2 – 4, 1 – 3, and 5 alone.
        let (starts, columns) = ([0, 1, 2, 4, 5, 6, 6], [2, 3, 0, 4, 1, 2]);
        assert_eq!(breadth_first(&starts, &columns), [0, 2, 4, 1, 3, 5]);
        assert!(breadth_first(&[0], &[]).is_empty());
    }
}
