use super::*;
use crate::attribution::Order;
use crate::knn_preservation;
use embex_linalg::faer::Mat;
use embex_linalg::pca::PcaParams;
use embex_linalg::progress::{Flow, Silent, Update};
use embex_testkit::gaussian;

const N: usize = 40;

fn kept<'a>() -> Vec<Measure<'a>> {
    vec![
        Measure::new("5-NN kept", |a, b| knn_preservation(a, b, 5)),
        Measure::new("first row", |a, b| Ok(a[(0, 0)] - b[(0, 0)])),
    ]
}

/// Two of six columns are the wide ones; their plane is the map.
fn data() -> Mat<f64> {
    let noise = gaussian(N, 6, 3);
    Mat::from_fn(N, 6, |i, d| noise[(i, d)] * if d < 2 { 10.0 } else { 0.1 })
}

fn pca(x: MatRef<'_, f64>, _: u64) -> Result<Rows<f64>> {
    Ok(PcaParams::default().with_n_components(2).fit_scores(x)?.1)
}

fn variance_ranking(x: &Mat<f64>) -> Ranking {
    let variances = embex_linalg::stats::column_variances(x.as_ref(), 0).unwrap();
    let row = MatRef::from_row_major_slice(&variances, 1, 6);
    Ranking::new(row, Scope::Global, Order::Largest, 6).unwrap()
}

fn candidates(x: &Mat<f64>) -> Vec<Candidate> {
    let values = Ranking::new(x.as_ref(), Scope::Local, Order::LargestSize, 6).unwrap();
    let random = Source::Random { scope: Scope::Local, n_draws: 2 };
    vec![
        Candidate::new("variance", Source::Ranked(variance_ranking(x))),
        Candidate::new("value", Source::Frequent { local: values, scope: Scope::Global }),
        Candidate::new("random", random),
    ]
}

fn params() -> CorruptionParams {
    CorruptionParams::default().with_shares(&[0.2, 0.34]).with_seeds(&[7, 8])
}

#[test]
fn defaults_are_the_papers() {
    let shares = CorruptionParams::default().shares;
    assert_eq!((shares[0], shares[8], shares.len()), (0.02, 0.18, 9));
}

/// Uncorrupted data give the map itself; without the two wide columns the map is another.
#[test]
fn what_carries_the_map_is_found() {
    let x = data();
    let map = pca(x.as_ref(), 0).unwrap();
    let candidates = candidates(&x);
    let make = |how| {
        let params = params().with_corruption(how);
        CorruptionTest::new(x.as_ref(), map.as_mat(), &candidates[..2], kept(), params).unwrap()
    };
    for how in [Corruption::Mean, Corruption::Permutation, Corruption::Removal] {
        let records = make(how).run(Vec::new(), pca, |_| Ok(()), &mut Silent).unwrap();
        assert_eq!((records[0].value, records[1].value), (1.0, 0.0), "{how:?}");
        let both = records.iter().filter(|r| r.cell.share > 0.3 && r.measure == "5-NN kept");
        assert!(both.clone().all(|r| r.value < 0.4), "{how:?}");
        assert_eq!(both.count(), 4);
    }
}

#[test]
fn cells_run_alone_resume_and_cancel() {
    let x = data();
    let map = pca(x.as_ref(), 0).unwrap();
    let candidates = candidates(&x);
    let test =
        CorruptionTest::new(x.as_ref(), map.as_mat(), &candidates, kept(), params()).unwrap();
    let cells = test.cells();
    assert_eq!(cells.len(), 1 + 2 * 2 * (1 + 1 + 2));
    let mut written = Vec::new();
    let keep = |records: &[Record]| {
        written.extend_from_slice(records);
        Ok(())
    };
    let whole = test.run(Vec::new(), pca, keep, &mut Silent).unwrap();
    assert_eq!(whole, written);
    let backwards: Vec<Record> =
        cells.iter().rev().flat_map(|cell| test.run_cell(cell, pca).unwrap()).collect();
    assert_eq!(test.run(backwards, pca, |_| Ok(()), &mut Silent).unwrap(), whole);
    let never = |_: MatRef<'_, f64>, _| panic!("all is there");
    assert_eq!(test.run::<Error>(whole.clone(), never, |_| Ok(()), &mut Silent).unwrap(), whole);
    let mut stop = |u: Update<'_>| if u.done == 2 { Flow::Cancel } else { Flow::Continue };
    let stopped = test.run(Vec::new(), pca, |_| Ok(()), &mut stop).unwrap_err();
    assert_eq!(stopped, Error::Cancelled);
}

#[test]
fn draws_differ_and_seeds_reach_the_embedding() {
    let x = data();
    let map = pca(x.as_ref(), 0).unwrap();
    let candidates = candidates(&x);
    let test =
        CorruptionTest::new(x.as_ref(), map.as_mat(), &candidates, kept(), params()).unwrap();
    let mut seen = Vec::new();
    let embed = |x: MatRef<'_, f64>, seed| {
        seen.push((seed, x[(3, 2)].to_bits(), x[(4, 3)].to_bits(), x[(5, 4)].to_bits()));
        pca(x, seed)
    };
    test.run(Vec::new(), embed, |_| Ok(()), &mut Silent).unwrap();
    assert_eq!(seen[0].0, 1);
    let random = &seen[9..13]; // share 0.2: seeds 7, 7, 8, 8 with draws 0, 1, 0, 1
    assert_eq!((random[0].0, random[2].0), (7, 8));
    assert_ne!(random[0], random[1]);
    assert_eq!((random[0].1, random[0].2), (random[2].1, random[2].2));
}

#[test]
fn bad_input_is_refused() {
    let x = data();
    let map = pca(x.as_ref(), 0).unwrap();
    let all = candidates(&x);
    let make = |candidates: &[Candidate], params| {
        CorruptionTest::new(x.as_ref(), map.as_mat(), candidates, kept(), params).err()
    };
    assert!(matches!(make(&[], params()), Some(Error::TooFew { .. })));
    assert!(matches!(make(&all, params().with_seeds(&[])), Some(Error::TooFew { .. })));
    for share in [0.0, 1.1, f64::NAN] {
        let error = make(&all, params().with_shares(&[share]));
        assert!(matches!(error, Some(Error::Setting { name: "share", .. })));
    }
    let twice = [all[0].clone(), all[0].clone()];
    assert!(matches!(make(&twice, params()), Some(Error::Name { times: 2, .. })));
    let removal = params().with_corruption(Corruption::Removal);
    assert!(matches!(make(&all, removal), Some(Error::Scope { .. })));
    let none = Source::Random { scope: Scope::Global, n_draws: 0 };
    let error = make(&[Candidate::new("random", none)], params());
    assert!(matches!(error, Some(Error::Setting { name: "n_draws", .. })));
    let short = Ranking::new(x.as_ref(), Scope::Local, Order::Largest, 1).unwrap();
    let error = make(&[Candidate::new("short", Source::Ranked(short))], params());
    assert!(matches!(error, Some(Error::Setting { name: "count", .. })));
}

#[test]
fn bad_cells_and_answers_are_refused() {
    let x = data();
    let map = pca(x.as_ref(), 0).unwrap();
    let all = candidates(&x);
    let infinite = vec![Measure::new("infinite", |_, _| Ok(f64::INFINITY))];
    let test = CorruptionTest::new(x.as_ref(), map.as_mat(), &all, infinite, params()).unwrap();
    let cell = &test.cells()[0];
    assert!(matches!(test.run_cell(cell, pca), Err(Error::Value { .. })));
    let short = |x: MatRef<'_, f64>, _| Ok(Rows::copy_from(x.get(..3, ..)));
    assert!(matches!(test.run_cell(cell, short), Err(Error::LengthMismatch { .. })));
    let unknown = Cell { candidate: Some("other".into()), ..cell.clone() };
    assert!(matches!(test.run_cell(&unknown, pca), Err(Error::Name { times: 0, .. })));
    let draw = Cell { candidate: Some("variance".into()), share: 0.2, draw: 1, ..cell.clone() };
    assert!(matches!(test.run_cell(&draw, pca), Err(Error::Setting { name: "draw", .. })));
}
