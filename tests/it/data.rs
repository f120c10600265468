//! Real data from the folder that `EMBEX_DATA` names; without it these tests say that they skip.

use std::path::PathBuf;

use embex_io::{ReadOptions, locate, read};
use embex_linalg::faer::MatRef;
use embex_linalg::pca::PcaParams;
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_tsne::attribution::{AttributeParams, Attributor};
use embex_tsne::importance::{FeatureSets, FeatureSpace, ImportanceParams, Occlusion};
use embex_tsne::summary::{Contrast, FeatureSummary, GroupMeans, Groups, Measure};
use embex_tsne::{Optimizer, TsneParams};

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn file(path: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("EMBEX_DATA") else {
        println!("skipped: EMBEX_DATA is not set");
        return None;
    };
    Some(locate(folder, path).unwrap())
}

/// A map of principal components, explained in the features behind them.
fn summary_of(x: MatRef<'_, f32>, n_components: usize, groups: &Groups) -> FeatureSummary {
    let (pca, scores) = PcaParams::default().with_n_components(n_components).fit_scores(x).unwrap();
    let params = TsneParams::default().with_n_iter(350);
    let (z, budget) = (scores.as_mat(), MemoryBudget::default());
    let p = params.affinities(z, &mut Silent, budget).unwrap();
    let start = params.start::<f64, f32, 2>(z, &mut Silent).unwrap();
    let attributor = Attributor::new(&AttributeParams::default(), &params, &p, x).unwrap();
    let mut run = Optimizer::new(&p, &params, start).unwrap();
    let done = attributor.run(&mut run, &mut Silent).unwrap();
    let unusable = done.attributions[0].unusable();
    let mut means = GroupMeans::new(groups.clone(), x.ncols()).without(&unusable).unwrap();
    done.attributions[0]
        .project_blocks(x, budget, &mut |_, rows| {
            let rows = MatRef::from_row_major_slice(rows, rows.len() / x.ncols(), x.ncols());
            means.add(rows).unwrap();
        })
        .unwrap();
    let means = means.finish().unwrap();
    let map = run.into_map().unwrap();
    assert!(map.divergence.kl() > 0.0 && map.divergence.kl() < 3.0, "{:?}", map.divergence);
    let space =
        FeatureSpace::Components { scores: z, loadings: pca.loadings.as_mat(), features: x };
    let sets = FeatureSets::singles(x.ncols());
    let settings = ImportanceParams::for_map(&params).unwrap().with_per_point(false);
    let view = map.embedding.as_mat();
    let occlusion =
        Occlusion::new(space, view, sets, Some(groups.clone()), settings, budget, &mut Silent);
    let importance = occlusion.unwrap().finish(&mut Silent).unwrap();
    let contrast = Contrast::new(x, groups).unwrap();
    let summary = FeatureSummary::new(groups, contrast).with_importance(&importance).unwrap();
    summary.with_sensitivity(means).unwrap()
}

/// 2000 images: pixels that never vary explain nothing, and every digit has pixels that do.
#[test]
fn mnist_is_mapped_and_explained() {
    let Some(images) = file("mnist/t10k-images-idx3-ubyte.gz") else { return };
    let labels = file("mnist/t10k-labels-idx1-ubyte.gz").unwrap();
    let input = read(images, &ReadOptions::default()).unwrap();
    let pixels = input.matrix.into_dense_f32(1 << 30).unwrap();
    let x = MatRef::from_row_major_slice(&pixels[..2000 * 784], 2000, 784);
    let digits = embex_io::read_labels(labels, None, None, &ReadOptions::default()).unwrap();
    let codes = digits.complete().unwrap();
    let groups = Groups::new(&codes[..2000], 10).unwrap();
    let summary = summary_of(x, 50, &groups);
    for measure in [Measure::Importance, Measure::Sensitivity] {
        let values: &Rows<f64> = summary.values(measure).unwrap();
        assert!(values.as_slice().iter().all(|v| v.is_finite()));
        for group in 0..10 {
            let row = values.row(group);
            assert!(row.iter().any(|&v| v > 0.0), "{measure:?} of {group}");
            let constant = |d: &usize| summary.variance[*d] == 0.0;
            let worst = (0..784).filter(constant).map(|d| row[d].abs()).fold(0.0, f64::max);
            assert!(worst < 1e-9, "{measure:?} of a constant pixel for {group}: {worst:e}");
        }
    }
}

/// Ten types of 700 cells from an h5ad file: NKG7 and GNLY are what CD56+ NK cells are known by.
#[test]
fn cells_of_an_h5ad_file_are_mapped_and_explained() {
    let Some(path) = file("pbmc68k_reduced/10x_pbmc68k_reduced.h5ad") else { return };
    let input = read(path, &ReadOptions::default()).unwrap();
    let labels = input.labels("bulk_labels").unwrap();
    let groups = Groups::new(&labels.complete().unwrap(), labels.names.len()).unwrap();
    let genes = input.col_names.clone().unwrap();
    let (n, d) = (input.matrix.n_rows(), input.matrix.n_cols());
    let values = input.matrix.into_dense_f32(1 << 30).unwrap();
    let summary = summary_of(MatRef::from_row_major_slice(&values, n, d), 30, &groups);
    let killers = labels.names.iter().position(|name| name == "CD56+ NK").unwrap();
    let top = summary.top(Measure::Importance, 20).unwrap().unwrap();
    let found: Vec<&str> =
        top.features(killers).iter().map(|&gene| genes[gene as usize].as_str()).collect();
    let expected = ["NKG7", "GNLY"];
    assert!(expected.iter().all(|gene| found.contains(gene)), "{found:?}");
}
