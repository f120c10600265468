//! The options of the explanation on handwritten digits: each does what it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{code, run, stderr};

/// The digits with few updates; more arguments; a folder that holds the result.
fn digits(more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    let path = out.display().to_string();
    let quick =
        "tsne bundled:digits --iterations 40 --exaggeration-iterations 20 --perplexity 10 --quiet";
    let mut arguments: Vec<&str> = quick.split_whitespace().collect();
    arguments.extend(["--out", &path]);
    arguments.extend(more);
    let output = run(&arguments);
    assert_eq!(code(&output), 0, "{more:?}: {}", stderr(&output));
    (folder, out)
}

/// Lines of a table, cell by cell, without its names.
fn table(out: &Path, file: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(out.join(file)).expect("a table");
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    text.lines().skip(1).map(cells).collect()
}

fn record(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("run.json")).expect("reads")).expect("JSON")
}

fn matrix(out: &Path, file: &str) -> Vec<f64> {
    let input = embex_io::read(out.join(file), &embex_io::ReadOptions::default());
    input.expect("a matrix").matrix.into_dense_f64(1 << 30).expect("memory")
}

#[test]
fn top_lists_so_many_features_per_point_and_group_in_falling_order() {
    let (_folder, out) = digits(&["--labels", "digit", "--no-importance", "--top", "3"]);
    let groups = table(&out, "top_features.csv");
    assert_eq!(groups.len(), 3 * 10);
    let points = table(&out, "top_features_points.csv");
    assert_eq!(points.len(), 3 * 1797);
    let size = |row: &[String], at: usize| row[at].parse::<f64>().expect("a number").abs();
    for lists in [
        groups.chunks(3).map(|rows| (rows, 4)).collect::<Vec<_>>(),
        points.chunks(3).map(|rows| (rows, 4)).collect(),
    ] {
        for (rows, at) in lists {
            assert_eq!([&rows[0][1], &rows[1][1], &rows[2][1]], ["1", "2", "3"]);
            assert!(
                size(&rows[0], at) >= size(&rows[1], at)
                    && size(&rows[1], at) >= size(&rows[2], at)
            );
        }
    }
    let (_folder, out) = digits(&["--no-importance", "--top", "0", "--clusters", "4"]);
    assert!(
        !out.join("top_features.csv").exists() && !out.join("top_features_points.csv").exists()
    );
    let names: std::collections::BTreeSet<_> =
        table(&out, "importance.csv").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["cluster 1", "cluster 2", "cluster 3", "cluster 4"]
    );
}

#[test]
fn attribution_specs_reach_the_derivative_they_name() {
    let of = |more: &[&str]| {
        let (folder, out) = digits(&[&["--no-importance", "--top", "0"][..], more].concat());
        let values = matrix(&out, "attributions.npy");
        (folder, out, values)
    };
    let (_a, out, corrected) = of(&["--at", "10,20"]);
    let steps = &record(&out)["diagnostics"]["attributions"];
    assert_eq!((&steps[0]["step"], &steps[1]["step"]), (&10.into(), &20.into()));
    let late = matrix(&out, "attributions_20.npy");
    let (_b, _, alone) = of(&["--at", "20"]);
    let size = |v: &[f64]| v.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let gap = late.iter().zip(&alone).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    assert!(gap <= 1e-3 * size(&alone), "step 20 by the forward and the adjoint way: {gap}");
    for spec in ["published", "paper", "corrected:restricted:fixed", "corrected:fixed_point"] {
        let (_c, out, values) = of(&["--attribute", spec]);
        assert_eq!(record(&out)["page"]["layers"][1]["kind"], "attribution");
        assert!(values != corrected && values != alone, "{spec}");
    }
    let (_d, _, lengths) = of(&["--scalar", "length", "--at", "20"]);
    assert!(lengths.iter().all(|&value| value >= 0.0) && alone.iter().any(|&value| value < 0.0));
}

/// Features that are removed together share their importance, and only those; the files name them,
/// in the form that gives the same sets again.
#[test]
fn correlated_features_are_removed_together_and_named() {
    let run = |more: &[&str]| {
        let more =
            [&["--labels", "digit", "--no-attribution", "--candidates", "1.5"][..], more].concat();
        digits(&more)
    };
    let digits = embex_io::Digits::load().expect("bundled");
    let pixel = |d: usize| digits.pixels.iter().skip(d).step_by(64).map(|&v| f64::from(v));
    let correlation = |a: usize, b: usize| {
        let mean = |d: usize| pixel(d).sum::<f64>() / 1797.0;
        let (ma, mb) = (mean(a), mean(b));
        let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
        for (x, y) in pixel(a).zip(pixel(b)) {
            ab += (x - ma) * (y - mb);
            aa += (x - ma).powi(2);
            bb += (y - mb).powi(2);
        }
        ab / (aa * bb).sqrt()
    };
    let (_found, found) = run(&["--correlated", "0.7"]);
    let (_single, single) = run(&[]);
    let first_64 = |out: &Path, at: usize| -> Vec<String> {
        table(out, "importance.csv").into_iter().take(64).map(|row| row[at].clone()).collect()
    };
    let (names, sets, together) = (first_64(&found, 1), first_64(&found, 2), first_64(&found, 3));
    let single = first_64(&single, 2);
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (d, set) in sets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
        members.entry(set).or_default().push(d);
    }
    assert!(!members.is_empty());
    for (set, of_set) in &members {
        assert!(of_set.len() > 1, "{set}: {of_set:?}");
        for &d in of_set {
            let is_linked = of_set.iter().any(|&e| e != d && correlation(d, e).abs() > 0.7);
            assert!(is_linked, "pixel {d} of {of_set:?}");
            assert_eq!(together[d], together[of_set[0]], "pixel {d} of {of_set:?}");
        }
    }
    for a in 0..64 {
        for b in (0..a).filter(|&b| correlation(a, b).abs() > 0.7) {
            assert_eq!(sets[a], sets[b], "pixels {a} and {b}");
            assert_ne!(single[a], single[b], "pixels {a} and {b}");
        }
    }
    let listed = table(&found, "feature_sets.csv");
    let expected: Vec<Vec<String>> = (1..=members.len())
        .flat_map(|n| members[&*format!("set {n}")].iter().map(move |&d| (n, d)))
        .map(|(n, d)| vec![format!("set {n}"), names[d].clone()])
        .collect();
    assert_eq!(listed, expected);
    let facts = &record(&found)["diagnostics"]["feature_sets"];
    assert_eq!(
        (&facts["sets"], &facts["features_in_sets"]),
        (&members.len().into(), &listed.len().into())
    );
    let notices = record(&found)["page"]["notices"].to_string();
    assert!(notices.contains("removed together"), "{notices}");

    let file = found.join("feature_sets.csv").display().to_string();
    let (_given, given) = run(&["--feature-sets", &file]);
    for name in ["importance.csv", "point_importance.npy", "top_features.csv", "feature_sets.csv"] {
        let read = |out: &Path| fs::read(out.join(name)).expect("reads");
        assert!(read(&found) == read(&given), "{name}");
    }
}

/// The page that a run leaves, opened from disk: it draws, hovers and asks for nothing.
#[test]
fn the_page_works_in_a_browser() {
    let (_folder, out) = digits(&["--labels", "digit"]);
    let Some(found) = embex_testkit::browser::self_test(&out.join("index.html"), 1400, 50) else {
        return;
    };
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["problems"], serde_json::json!([]));
    assert_eq!(found["requests"], serde_json::json!([]));
    assert_eq!(found["hover"]["hits"], 50);
    assert!(found["inked"].as_f64().expect("a share") > 0.005, "blank map: {found}");
}
