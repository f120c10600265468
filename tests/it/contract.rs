//! What every entry point promises about bad samples, threads, views and memory.

use embex_linalg::MemoryBudget;
use embex_linalg::faer::{Mat, MatRef};

use crate::answer::{Answer, Refusal};
use crate::entries::{Bed, D, ENTRIES, Entry, N, samples};

const ANY: MemoryBudget = MemoryBudget::bytes(u64::MAX);

/// The samples with one other entry.
fn with_entry(row: usize, col: usize, value: f64) -> Mat<f64> {
    let mut x = samples().to_owned();
    x[(row, col)] = value;
    x
}

/// Calls every entry point and gathers what went wrong, so that one run shows all of it.
fn for_all(what: &str, check: impl Fn(&Entry) -> Result<(), String>) {
    let broken: Vec<String> = ENTRIES
        .iter()
        .filter_map(|entry| check(entry).err().map(|wrong| format!("{}: {wrong}", entry.name)))
        .collect();
    assert!(broken.is_empty(), "{what}:\n{}", broken.join("\n"));
}

fn summary(answer: &Answer) -> String {
    match answer {
        Ok(numbers) => format!("{} numbers", numbers.0.len()),
        Err(refusal) => format!("{refusal:?}"),
    }
}

#[test]
fn entries_that_are_not_finite_are_named() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let x = with_entry(7, 1, value);
        for_all("not finite", |entry| {
            let answer = (entry.run)(Bed::small(), x.as_ref(), ANY);
            let named = answer.as_ref().err().and_then(Refusal::of_matrix);
            match named {
                Some(&embex_linalg::Error::NotFinite { row: 7, col: 1, value: got })
                    if got.to_bits() == value.to_bits() =>
                {
                    Ok(())
                }
                _ => Err(format!("{value} gave {}", summary(&answer))),
            }
        });
    }
}

#[test]
fn matrices_without_rows_are_refused() {
    let x = Mat::<f64>::zeros(0, D);
    for_all("no rows", |entry| match (entry.run)(Bed::small(), x.as_ref(), ANY) {
        Err(refusal) if (entry.without_rows)(&refusal) => Ok(()),
        answer => Err(summary(&answer)),
    });
}

#[test]
fn one_row_is_refused_or_answered_as_documented() {
    for_all("one row", |entry| {
        let answer = (entry.run)(Bed::small(), samples().subrows(0, 1), ANY);
        match (entry.one_row, &answer) {
            (Some(expected), Err(refusal)) if expected(refusal) => Ok(()),
            (None, Ok(numbers)) if numbers.0.iter().all(|v| v.is_finite()) => Ok(()),
            _ => Err(summary(&answer)),
        }
    });
}

/// Samples that are legal but leave something undefined.
fn degenerate() -> Vec<(&'static str, Mat<f64>)> {
    let x = samples();
    let from = |f: &dyn Fn(usize, usize) -> f64| Mat::from_fn(N, D, f);
    vec![
        ("all-equal rows", from(&|_, d| 0.1 + d as f64)),
        ("three distinct rows", from(&|i, d| x[(i % 3, d)])),
        ("pairs of equal rows", from(&|i, d| x[(i / 2, d)])),
        ("one row repeated 100 times", from(&|i, d| x[(i.saturating_sub(99), d)])),
        ("constant columns", from(&|i, d| if d % 2 == 0 { x[(i, d)] } else { 0.3 })),
        ("one column that varies", from(&|i, d| if d == 4 { x[(i, d)] } else { -1.1 })),
        ("equal columns", from(&|i, _| x[(i, 0)])),
        ("a far outlier", from(&|i, d| if i == 5 { 1e6 } else { x[(i, d)] })),
        ("a large offset", from(&|i, d| 1e9 + x[(i, d)])),
        ("tiny values", from(&|i, d| 1e-120 * x[(i, d)])),
        ("huge values", from(&|i, d| 1e120 * x[(i, d)])), // beyond f32 where they are a start
    ]
}

/// Refusals that degenerate samples may meet, by their documentation.
fn documented(refusal: &Refusal) -> bool {
    use embex_linalg::Error as Linalg;
    use embex_trees::Error as Trees;
    use embex_tsne::Error as Tsne;
    matches!(
        refusal.of_matrix(),
        Some(
            Linalg::OutOfRange { .. }
                | Linalg::Setting { name: "map coordinate", .. }
                | Linalg::NotFinite { value: f64::INFINITY | f64::NEG_INFINITY, .. }
        )
    ) || matches!(
        refusal,
        Refusal::Trees(Trees::Scale { .. })
            | Refusal::Tsne(
                Tsne::Collapsed { .. }
                    | Tsne::Diverged { .. }
                    | Tsne::Distance { .. }
                    | Tsne::InitValue { .. }
                    | Tsne::AttributionOverflow { .. }
                    | Tsne::Neighbours(Trees::Scale { .. })
            )
    )
}

#[test]
fn degenerate_samples_give_no_nan() {
    for (what, x) in degenerate() {
        for_all(what, |entry| match (entry.run)(Bed::small(), x.as_ref(), ANY) {
            Ok(numbers) => match numbers.0.iter().position(|v| !v.is_finite()) {
                Some(at) => Err(format!("number {at} is {}", numbers.0[at])),
                None => Ok(()),
            },
            Err(refusal) if documented(&refusal) => Ok(()),
            Err(refusal) => Err(format!("{refusal:?}")),
        });
    }
}

/// Both answers have the same bytes.
fn equal(expected: &Answer, got: &Answer, how: &str) -> Result<(), String> {
    match (expected, got) {
        (Ok(a), Ok(b)) if a.bits() == b.bits() => Ok(()),
        (Ok(a), Ok(b)) => {
            let at = a.0.iter().zip(&b.0).position(|(a, b)| a.to_bits() != b.to_bits());
            Err(format!("{how}: number {at:?} of {} and {} differs", a.0.len(), b.0.len()))
        }
        _ => Err(format!("{how}: {} and {}", summary(expected), summary(got))),
    }
}

fn check_threads(bed: &Bed) {
    let pools =
        [1, 2, 8].map(|n| (n, rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap()));
    for_all("threads", |entry| {
        let expected = pools[0].1.install(|| (entry.run)(bed, bed.samples(), ANY));
        for (n, pool) in &pools[1..] {
            let got = pool.install(|| (entry.run)(bed, bed.samples(), ANY));
            equal(&expected, &got, &format!("{n} threads"))?;
        }
        expected.map(|_| ()).map_err(|refusal| format!("{refusal:?}"))
    });
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    check_threads(Bed::small());
}

/// Where sums have several blocks (of 128 to 1024 rows), which threads finish in any order.
#[test]
fn any_number_of_threads_gives_the_same_bytes_of_several_blocks() {
    check_threads(Bed::large());
}

/// Row-major storage whose rows lie two rows apart, with NaN between.
fn every_second_row(x: MatRef<'_, f64>) -> Vec<f64> {
    let row = |i: usize| (0..2 * D).map(move |d| if d < D { x[(i, d)] } else { f64::NAN });
    (0..N).flat_map(row).collect()
}

/// Column-major storage that holds a foreign column after each of ours.
fn every_second_column(x: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(2 * N, D, |i, d| if i < N { x[(i, d)] } else { f64::NAN })
}

#[test]
fn strided_views_give_the_same_bytes() {
    let x = samples();
    let rows = embex_linalg::Rows::copy_from(x);
    let transposed = x.transpose().to_owned();
    let sparse_rows = every_second_row(x);
    let sparse_columns = every_second_column(x);
    let backward = Mat::from_fn(N, D, |i, d| x[(N - 1 - i, D - 1 - d)]);
    let views = [
        ("rows", rows.as_mat()),
        ("transposed", transposed.transpose()),
        ("second rows", MatRef::from_row_major_slice_with_stride(&sparse_rows, N, D, 2 * D)),
        ("second columns", sparse_columns.as_ref().subrows(0, N)),
        ("backward", backward.as_ref().reverse_rows_and_cols()),
    ];
    for_all("views", |entry| {
        let expected = (entry.run)(Bed::small(), x, ANY);
        let compare = |&(how, view): &(&str, MatRef<'_, f64>)| {
            equal(&expected, &(entry.run)(Bed::small(), view, ANY), how)
        };
        views.iter().try_for_each(compare)
    });
}

fn check_budgets(bed: &Bed, budgets: &[u64]) {
    for_all("budgets", |entry| {
        let expected = (entry.run)(bed, bed.samples(), MemoryBudget::default());
        for &bytes in budgets {
            let got = (entry.run)(bed, bed.samples(), MemoryBudget::bytes(bytes));
            equal(&expected, &got, &format!("{bytes} bytes"))?;
        }
        Ok(())
    });
}

#[test]
fn any_memory_budget_gives_the_same_bytes() {
    check_budgets(Bed::small(), &[0, 1, 20_000, 1_000_000]);
}

/// Where a budget decides how many of several blocks are in flight.
#[test]
fn any_memory_budget_gives_the_same_bytes_of_several_blocks() {
    check_budgets(Bed::large(), &[0, 1_000_000, 10_000_000]);
}
