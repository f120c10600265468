use super::*;

fn line(n: usize, k: usize) -> Neighbours {
    let mut indices = Vec::new();
    let mut dist_sq = Vec::new();
    for i in 0..n {
        let mut others: Vec<u32> = (0..n as u32).filter(|&j| j as usize != i).collect();
        let square = |j: u32| (f64::from(j).powf(1.2) - (i as f64).powf(1.2)).powi(2);
        others.sort_by(|&a, &b| square(a).total_cmp(&square(b)));
        indices.extend(&others[..k]);
        dist_sq.extend(others[..k].iter().map(|&j| square(j)));
    }
    Neighbours::new(k, indices, dist_sq).unwrap()
}

#[test]
fn joint_affinities_are_symmetric_sorted_and_sum_to_one() {
    let affinities = Affinities::from_neighbours(line(200, 16), 5.0).unwrap();
    assert!((affinities.p.iter().sum::<f64>() - 1.0).abs() < 1e-14);
    affinities.check_layout().unwrap();
    affinities.check_values().unwrap();
    for i in 0..200 {
        let (columns, p) = affinities.row(i);
        for (&j, &value) in columns.iter().zip(p) {
            let (back, other) = affinities.row(j as usize);
            assert_eq!(other[back.binary_search(&(i as u32)).unwrap()], value);
        }
    }
}

#[test]
fn equal_bits_for_any_thread_count() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Affinities::from_neighbours(line(300, 31), 10.0).unwrap())
    };
    let expected = run(1);
    assert_eq!(run(2), expected);
    assert_eq!(run(8), expected);
}

#[test]
fn given_joint_affinities_are_taken_as_they_are() {
    let made = Affinities::from_neighbours(line(50, 10), 3.0).unwrap();
    let parts = (made.starts.clone(), made.columns.clone(), made.p.clone());
    let given = Affinities::from_joint(parts.0, parts.1, parts.2).unwrap();
    assert!(given.conditionals().is_none());
    assert_eq!(given.columns, made.columns);
    let gap = given.p.iter().zip(&made.p).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(gap < 1e-16);
}

#[test]
fn bad_joint_affinities_are_named() {
    let joint = |starts: &[usize], columns: &[u32], p: &[f64]| {
        Affinities::from_joint(starts.to_vec(), columns.to_vec(), p.to_vec()).unwrap_err()
    };
    assert_eq!(joint(&[], &[], &[]), Error::Layout { row: 0 });
    assert_eq!(joint(&[0, 1], &[0], &[1.0]), Error::Layout { row: 0 });
    assert_eq!(joint(&[0, 9, 2], &[1, 0], &[0.5, 0.5]), Error::Layout { row: 0 });
    assert_eq!(joint(&[0, 1, 2], &[1, 7], &[0.5, 0.5]), Error::Layout { row: 1 });
    let error = joint(&[0, 1, 2], &[1, 0], &[-0.5, 0.5]);
    assert_eq!(error, Error::JointValue { row: 0, col: 1, value: -0.5 });
    let error = joint(&[0, 1, 2], &[1, 1], &[0.5, 0.5]);
    assert_eq!(error, Error::JointValue { row: 1, col: 1, value: 0.5 });
    let error = joint(&[0, 1, 2], &[1, 0], &[0.4, 0.6]);
    assert_eq!(error, Error::NotSymmetric { row: 0, col: 1 });
    let error = joint(&[0, 1, 2], &[1, 0], &[0.4, 0.4]);
    assert_eq!(error, Error::NotNormalised { sum: 0.8 });
}

#[test]
fn bad_neighbour_lists_are_named() {
    let lists = |k, indices: &[u32], dist_sq: &[f64], perplexity| {
        let neighbours = Neighbours::new(k, indices.to_vec(), dist_sq.to_vec()).unwrap();
        Conditionals::new(neighbours, perplexity).unwrap_err()
    };
    let (indices, d) = ([1, 2, 0, 2, 0, 1], [1.0; 6]);
    let error = Error::NeighbourCount { k: 2, n_samples: 3, perplexity: 2.0 };
    assert_eq!(lists(2, &indices, &d, 2.0), error);
    assert!(matches!(lists(2, &indices, &d, f64::NAN), Error::NeighbourCount { .. }));
    let error = Error::NeighbourIndex { row: 1, neighbour: 1 };
    assert_eq!(lists(2, &[1, 2, 0, 1, 0, 1], &d, 1.5), error);
    let error = Error::NeighbourIndex { row: 2, neighbour: 3 };
    assert_eq!(lists(2, &[1, 2, 0, 2, 0, 3], &d, 1.5), error);
    let error = Error::NeighbourIndex { row: 0, neighbour: 2 };
    assert_eq!(lists(2, &[2, 2, 0, 2, 0, 1], &d, 1.5), error);
    let error = Error::Distance { row: 1, index: 1, value: -1.0 };
    assert_eq!(lists(2, &indices, &[1.0, 1.0, 1.0, -1.0, 1.0, 1.0], 1.5), error);
}

#[test]
fn all_equal_rows_give_uniform_affinities() {
    let indices = (0..10).flat_map(|i| (0..10).filter(move |&j| j != i)).collect();
    let neighbours = Neighbours::new(9, indices, vec![0.0; 90]).unwrap();
    let affinities = Affinities::from_neighbours(neighbours, 3.0).unwrap();
    let conditionals = affinities.conditionals().unwrap();
    assert_eq!(conditionals.n_tied_rows(), 10);
    assert!((conditionals.perplexity_reached(0) - 9.0).abs() < 1e-12);
    assert!(affinities.p.iter().all(|p| (p - 1.0 / 90.0).abs() < 1e-17));
}
