//! Maps from approximate neighbours.
#![cfg(feature = "approx")]

use embex_linalg::MemoryBudget;
use embex_linalg::progress::Silent;
use embex_tsne::{NeighbourSearch, TsneParams};

fn quick() -> TsneParams {
    TsneParams::default()
        .with_perplexity(6.0)
        .with_n_iter(30)
        .with_exaggeration_iter(20)
        .with_neighbour_search(NeighbourSearch::Approximate)
}

/// Above 4096 rows the descent is used: the recall is measured and carried to the result.
#[test]
fn approximate_neighbours_carry_their_recall_to_the_map() {
    let x = embex_testkit::clusters(4500, 6, 5, 3.0, 1).x;
    let map = quick().fit(x.as_ref()).expect("a good input");
    let recall = map.recall.expect("it is approximate");
    assert_eq!(recall.n_checked, 1000);
    assert!(recall.share > 0.9 && recall.n_exact < 4500, "{recall:?}");
    let again = quick().affinities(x.as_ref(), &mut Silent, MemoryBudget::default());
    assert_eq!(again.expect("a good input").recall(), Some(recall));
    let exact = quick().with_neighbour_search(NeighbourSearch::Exact).fit(x.as_ref());
    assert_eq!(exact.expect("a good input").recall, None);
}

#[test]
fn approximate_neighbours_of_few_rows_are_exact() {
    let x = embex_testkit::clusters(120, 6, 3, 3.0, 1).x;
    let map = quick().fit(x.as_ref()).expect("a good input");
    let recall = map.recall.expect("it was asked for");
    assert_eq!((recall.share, recall.n_checked, recall.n_exact), (1.0, 120, 120));
    let exact = quick().with_neighbour_search(NeighbourSearch::Exact).fit(x.as_ref());
    assert_eq!(exact.expect("a good input").embedding, map.embedding);
}
