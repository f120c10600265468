//! h5ad files written by anndata, and layouts of its early versions; origin in `data/README.md`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use embex_io::{ColumnValues, Error, Input, Matrix, ReadOptions, read};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/h5ad").join(name)
}

fn open(name: &str) -> Input {
    read(data(name), &ReadOptions::default()).unwrap()
}

fn dense(input: Input) -> Vec<f64> {
    input.matrix.into_dense_f64(1 << 20).unwrap()
}

const X: [f64; 12] = [0., 1.5, 0., 2., 0., 0., 0., 0., 3., 4., 0., 5.];

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn dense_and_sparse_files_hold_the_same_matrix() {
    for (name, is_sparse) in [("dense.h5ad", false), ("csr.h5ad", true), ("csc.h5ad", true)] {
        let input = open(name);
        assert_eq!(matches!(input.matrix, Matrix::Csr(_)), is_sparse, "{name}");
        assert_eq!(input.row_names, Some(strings(&["c0", "c1", "c2", "c3"])), "{name}");
        assert_eq!(input.col_names, Some(strings(&["g0", "g1", "g2"])), "{name}");
        assert_eq!(input.layers, ["counts", "dense", "raw"], "{name}");
        assert_eq!(dense(input), X, "{name}");
    }
    assert_eq!(dense(open("bare.h5ad")), X.map(f64::trunc));
    assert_eq!(open("bare.h5ad").layers, Vec::<String>::new());
    assert_eq!(dense(open("latest.h5ad")), X);
}

#[test]
fn layers_and_raw_are_chosen_by_name() {
    let open = |layer: &str| read(data("csr.h5ad"), &ReadOptions::default().with_layer(layer));
    assert_eq!(dense(open("counts").unwrap()), X.map(|v| 2.0 * v));
    assert_eq!(dense(open("dense").unwrap()), X.map(|v| 3.0 * v));
    let raw = open("raw").unwrap();
    assert_eq!(raw.col_names, Some(strings(&["r0", "r1", "r2", "r3"])));
    assert_eq!(dense(raw)[4..8], [2., 0., 0., 2.]);
    let error = open("none").unwrap_err();
    let available = strings(&["X", "counts", "dense", "raw"]);
    assert!(matches!(error.root(), Error::NotFound { available: a, .. } if *a == available));
}

#[test]
fn columns_of_every_kind_are_read() {
    let input = open("csr.h5ad");
    let names: Vec<&str> = input.obs.iter().map(|column| column.name.as_str()).collect();
    let expected =
        ["kind", "level", "batch", "text", "count", "score", "flag", "maybe_count", "maybe_flag"];
    assert_eq!(names, expected);
    let column = |name: &str| input.column(name).unwrap().values.clone();
    let kind = input.labels("kind").unwrap();
    assert_eq!(
        (kind.names, kind.codes),
        (strings(&["b", "a"]), vec![Some(0), Some(1), None, Some(0)])
    );
    assert!(matches!(column("level"), ColumnValues::Categorical { ordered: true, .. }));
    assert!(matches!(column("kind"), ColumnValues::Categorical { ordered: false, .. }));
    assert_eq!(input.labels("batch").unwrap().names, ["1", "2"]);
    assert_eq!(input.labels("text").unwrap().names, ["w", "x", "y", "ž"]);
    assert_eq!(column("count"), ColumnValues::Integer([3, 1, 4, 1].map(Some).to_vec()));
    let ColumnValues::Number(score) = column("score") else { panic!("score is a number") };
    assert!(score[1].is_nan() && score[3] == 2.5);
    assert_eq!(column("flag"), ColumnValues::Boolean([true, false, true, true].map(Some).to_vec()));
    let maybe = ColumnValues::Integer(vec![Some(7), None, Some(9), Some(10)]);
    assert_eq!(column("maybe_count"), maybe);
    let maybe = ColumnValues::Boolean(vec![Some(true), None, Some(false), Some(true)]);
    assert_eq!(column("maybe_flag"), maybe);
    assert_eq!(input.var[1].values, ColumnValues::Integer([1, 2, 3].map(Some).to_vec()));
}

#[test]
fn embeddings_are_read_and_what_is_left_out_is_noted() {
    let input = open("dense.h5ad");
    assert_eq!(input.obsm.len(), 1);
    assert_eq!((input.obsm[0].name.as_str(), input.obsm[0].values.n_cols()), ("X_pca", 2));
    assert_eq!(input.obsm[0].values.values().get(7), 7.0);
    assert_eq!(input.notes.len(), 1);
    assert!(input.notes[0].starts_with("obsm/frame"));
}

#[test]
fn early_layouts_are_read() {
    let versions = ["v0_6_4", "v0_6_22", "v0_7_8"];
    for name in versions.into_iter().flat_map(|v| ["", "_csc"].map(|kind| [v, kind].concat())) {
        let file = format!("{name}.h5ad");
        let input = open(&file);
        let names: Vec<&str> = input.obs.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["kind", "level", "text", "n", "score", "flag"], "{name}");
        let kind = input.labels("kind").unwrap();
        assert_eq!(kind.names, ["b", "a"], "{name}");
        assert_eq!(kind.codes, [Some(0), Some(1), None, Some(0)], "{name}");
        let level = input.labels("level").unwrap();
        assert_eq!(level.names, ["low", "high"], "{name}");
        assert_eq!(level.complete().unwrap(), [0, 1, 0, 0], "{name}");
        assert_eq!(input.labels("text").unwrap().names, ["w", "x", "y", "z"], "{name}");
        let column = |name: &str| input.column(name).unwrap().values.clone();
        assert_eq!(column("n"), ColumnValues::Integer([3, 1, 4, 1].map(Some).to_vec()), "{name}");
        assert_eq!(column("score"), ColumnValues::Number(vec![0.5, 1., 1.5, 2.]), "{name}");
        let flag = ColumnValues::Boolean([true, false, true, true].map(Some).to_vec());
        assert_eq!(column("flag"), flag, "{name}");
        assert_eq!(input.row_names, Some(strings(&["c0", "c1", "c2", "c3"])), "{name}");
        assert_eq!(input.col_names, Some(strings(&["g0", "g1", "g2"])), "{name}");
        assert_eq!(input.var[0].name, "symbol", "{name}");
        let umap = &input.obsm[0];
        assert_eq!((umap.name.as_str(), umap.values.n_cols()), ("X_umap", 2), "{name}");
        assert_eq!(umap.values.values().get(3), 1.5, "{name}");
        let layer = |layer: &str| read(data(&file), &ReadOptions::default().with_layer(layer));
        if name.starts_with("v0_6_4") {
            assert_eq!(input.layers, ["raw"], "{name}"); // there were no others
        } else {
            assert_eq!(input.layers, ["counts", "raw"], "{name}");
            assert_eq!(dense(layer("counts").unwrap()), X.map(|v| 3.0 * v), "{name}");
        }
        assert_eq!(dense(input), X, "{name}");
        let raw = layer("raw").unwrap();
        assert_eq!(raw.col_names, Some(strings(&["r0", "r1", "r2"])), "{name}");
        assert_eq!(dense(raw), X.map(|v| 2.0 * v), "{name}");
    }
}

#[test]
fn a_file_beyond_the_budget_is_refused() {
    let options = ReadOptions::default().with_max_bytes(40);
    let error = read(data("dense.h5ad"), &options).unwrap_err();
    assert!(matches!(error.root(), Error::OverBudget { limit: 40, .. }));
}

fn sum(input: &Input) -> f64 {
    let values = input.matrix.values();
    (0..values.len()).map(|k| values.get(k)).sum()
}

/// Sums as anndata 0.12 and h5py 3.16 give them; skips, and says so, without `EMBEX_DATA`.
#[test]
fn real_files_have_the_sums_that_anndata_finds() {
    let Ok(folder) = std::env::var("EMBEX_DATA") else {
        println!("skipped: EMBEX_DATA is not set");
        return;
    };
    let files = [
        (
            "pbmc3k/pbmc3k_2638x1838_lognorm.h5ad",
            (2638, 1838, 408_743),
            761_283.1548112631,
            "louvain",
        ),
        ("pbmc3k/pbmc3k_2638x13714_counts.h5ad", (2638, 13714, 2_238_732), 6_254_880.0, "louvain"),
        (
            "baron_mouse/baron_mouse1_822x14878_counts.h5ad",
            (822, 14878, 1_164_056),
            3_075_159.0,
            "cell_type",
        ),
        (
            "glioblastoma_panobinostat/glioblastoma_5000x300.h5ad",
            (5000, 300, 866_327),
            2_139_653.4964507557,
            "patient_id",
        ),
    ];
    for (name, shape, expected, label) in files {
        let input = read(PathBuf::from(&folder).join(name), &ReadOptions::default()).unwrap();
        let matrix = &input.matrix;
        assert_eq!((matrix.n_rows(), matrix.n_cols(), matrix.values().len()), shape, "{name}");
        assert!((sum(&input) - expected).abs() <= 1e-9 * expected, "{name}");
        assert!(input.labels(label).unwrap().complete().is_ok(), "{name}");
        assert!(input.row_names.is_some() && input.col_names.is_some() && input.notes.is_empty());
    }
    let old = PathBuf::from(&folder).join("pbmc68k_reduced/10x_pbmc68k_reduced.h5ad");
    let input = read(&old, &ReadOptions::default()).unwrap();
    assert!((sum(&input) + 243.681057988666).abs() < 1e-6);
    let labels = input.labels("bulk_labels").unwrap();
    assert_eq!(labels.names[0], "CD4+/CD25 T Reg");
    assert_eq!(labels.complete().unwrap().iter().sum::<u32>(), 4094);
    let raw = read(&old, &ReadOptions::default().with_layer("raw")).unwrap();
    assert!((sum(&raw) - 319_044.23824107647).abs() < 1e-6);
    assert_eq!(input.obsm.len(), 2);
}
