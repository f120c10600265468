//! From the matrix of a file to the samples a map is made of.

use embex_linalg::counts::{self, Variability};
use embex_linalg::faer::MatRef;
use embex_linalg::kmeans::KMeansParams;
use embex_linalg::pca::{Pca, PcaParams};
use embex_linalg::{Progress, Rows};
use embex_tsne::importance::FeatureSpace;
use embex_tsne::summary::Groups;

use super::settings::{Settings, Total};
use super::source::{Grouping, Samples};
use crate::exit::Result;

/// Samples ready for the map.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The features that explain, n × D.
    pub(super) features: Rows<f64>,
    pub(super) names: Vec<String>,
    pub(super) row_names: Vec<String>,
    pub(super) components: Option<Components>,
    pub(super) groups: Option<(Grouping, Groups)>,
    pub(super) image: Option<(usize, usize)>,
}

/// Principal components of the features.
#[derive(Debug)]
pub(super) struct Components {
    pub(super) pca: Pca,
    pub(super) scores: Rows<f64>,
}

impl Prepared {
    /// What distances are measured on.
    pub(super) fn coordinates(&self) -> MatRef<'_, f64> {
        self.components.as_ref().map_or(self.features.as_mat(), |c| c.scores.as_mat())
    }

    /// The same as the occlusion wants it.
    pub(super) fn space(&self) -> FeatureSpace<'_, f64> {
        let features = self.features.as_mat();
        match &self.components {
            None => FeatureSpace::Given(features),
            Some(Components { pca, scores }) => FeatureSpace::Components {
                scores: scores.as_mat(),
                loadings: pca.loadings.as_mat(),
                features,
            },
        }
    }
}

/// Does the steps of preparation in their order.
pub(super) fn prepare(
    samples: Samples,
    settings: &Settings,
    max_bytes: u64,
    progress: &mut dyn Progress,
) -> Result<Prepared> {
    let steps = &settings.prepare;
    let Samples { matrix, row_names, features: mut names, labels, mut image } = samples;
    let n_cols = matrix.n_cols();
    let shape =
        embex_linalg::Error::LengthMismatch { what: "the matrix", got: 0, expected: n_cols };
    let mut x = Rows::from_vec(matrix.into_dense_f64(max_bytes)?, n_cols).ok_or(shape)?;
    if let Some(total) = steps.normalize_total {
        let target = if let Total::Given(target) = total { Some(target) } else { None };
        counts::normalize_total(&mut x, target)?;
    }
    if steps.log1p {
        counts::log1p(&mut x)?;
    }
    if let Some(n) = steps.top_variable {
        let kept = counts::top_variable(x.as_mat(), n, Variability::Variance)?;
        x = counts::keep_columns(x.as_mat(), &kept)?;
        names = kept.iter().map(|&d| std::mem::take(&mut names[d])).collect();
        image = None;
    }
    if steps.scale {
        x = counts::scale(x.as_mat(), None)?.rows;
    }
    let components = steps.pca.map(|n| components(&x, n, settings, progress)).transpose()?;
    let mut prepared = Prepared { features: x, names, row_names, components, groups: None, image };
    prepared.groups = match labels {
        Some(labels) => with_groups(labels)?,
        None => found(prepared.coordinates(), settings)?,
    };
    Ok(prepared)
}

fn components(
    x: &Rows<f64>,
    n_components: usize,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Components> {
    let params = PcaParams::default().with_n_components(n_components).with_seed(settings.map.seed);
    let pca = params.fit_with(x.as_mat(), progress)?;
    let scores = pca.transform(x.as_mat())?;
    Ok(Components { pca, scores })
}

/// Labels as groups; none if all samples have the same.
fn with_groups(labels: Grouping) -> Result<Option<(Grouping, Groups)>> {
    if labels.names.len() < 2 {
        return Ok(None);
    }
    let groups = Groups::new(&labels.codes, labels.names.len())?;
    Ok(Some((labels, groups)))
}

/// Groups by k-means, those that have members.
fn found(x: MatRef<'_, f64>, settings: &Settings) -> Result<Option<(Grouping, Groups)>> {
    let n_clusters = settings.explain.clusters.min(x.nrows());
    if n_clusters < 2 {
        return Ok(None);
    }
    let params = KMeansParams::default().with_n_clusters(n_clusters);
    let labels = params.with_seed(settings.map.seed).fit(x, None)?.labels;
    let mut used: Vec<usize> = labels.clone();
    used.sort_unstable();
    used.dedup();
    let codes = labels.iter().map(|label| used.partition_point(|u| u < label) as u32).collect();
    let names = (1..=used.len()).map(|k| format!("cluster {k}")).collect();
    with_groups(Grouping { title: "cluster".to_owned(), names, codes })
}
