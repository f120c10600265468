//! One map of one data set, and the three answers about it: importance, sensitivity, contrast.

use anyhow::Context as _;
use embex_linalg::faer::MatRef;
use embex_linalg::pca::{PcaParams, Solver};
use embex_linalg::progress::Silent;
use embex_linalg::stats::{column_variances, correlation_groups};
use embex_linalg::{MemoryBudget, Rows};
use embex_metrics::knn_preservation;
use embex_tsne::attribution::{
    AttributeParams, Attribution, Attributor, Finished, Scalar, through_loadings,
};
use embex_tsne::importance::{FeatureSets, FeatureSpace, Importance, ImportanceParams, Occlusion};
use embex_tsne::repulsion::RepulsionSums;
use embex_tsne::step::StepObserver;
use embex_tsne::summary::{
    Contrast, FeatureSummary, GroupMeans, Groups, Means, Saturation, axis_lengths,
};
use embex_tsne::{Affinities, Optimizer, TsneParams};
use serde::{Deserialize, Serialize};

/// Features correlated more strongly than this are removed together as well as one by one. The pilot's
/// 0.8 joins 11 genes of PBMC 3k, whose counts are noisy; 0.7 joins what is known to go together, and
/// 0.6 chains whole cell types.
pub(super) const CORRELATED: f64 = 0.7;

/// Neighbours of which the preservation is measured.
pub(super) const NEIGHBOURS: usize = 10;

/// One map.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Config {
    pub(super) data: String,
    /// Principal components that the map is made of; `None` for the features as they are.
    pub(super) components: Option<usize>,
    /// How many features, the most variable first, are asked for; `None` for all.
    pub(super) asked: Option<usize>,
    pub(super) n_iter: usize,
    pub(super) seed: u64,
}

/// Samples with features, and the groups to be explained.
#[derive(Debug)]
pub(super) struct Data {
    /// n × D.
    pub(super) x: Rows<f32>,
    pub(super) features: Vec<String>,
    /// Group of every sample.
    pub(super) labels: Vec<u32>,
    pub(super) groups: Vec<String>,
}

impl Data {
    /// The `count` most variable features in their own order, or all.
    pub(super) fn asked(&self, count: Option<usize>) -> anyhow::Result<Vec<usize>> {
        let variance = column_variances(self.x.as_mat(), 0)?;
        let mut features: Vec<usize> = (0..variance.len()).collect();
        features.sort_by(|&a, &b| variance[b].total_cmp(&variance[a]).then(a.cmp(&b)));
        features.truncate(count.unwrap_or(variance.len()));
        features.sort_unstable();
        Ok(features)
    }
}

/// What one map says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// Group × feature under every measure; importance is 0 for features not asked for.
    pub(super) summary: FeatureSummary,
    /// Groups of correlated features, of two or more.
    pub(super) correlated: Vec<Vec<usize>>,
    /// Group × feature: importance of the feature's correlated features together, or its own.
    pub(super) together: Rows<f64>,
    /// How much affinity crosses between groups.
    pub(super) saturation: Saturation,
    /// KL(P‖Q) with Z over all pairs.
    pub(super) kl: f64,
    /// Share of the nearest neighbours, in the space the map is made of, kept by the map.
    pub(super) kept: f64,
    /// Share of the recursion's point-updates that its step limit shortened.
    pub(super) limited: f64,
    /// The map.
    pub(super) map: Vec<[f32; 2]>,
}

/// Makes one map and asks all three.
pub(super) fn tell(data: &Data, config: &Config) -> anyhow::Result<Told> {
    tell_by(data, config, &TsneParams::default().with_n_iter(config.n_iter).with_seed(config.seed))
}

fn tell_by(data: &Data, config: &Config, params: &TsneParams) -> anyhow::Result<Told> {
    let groups = Groups::new(&data.labels, data.groups.len())?;
    let space = Space::of(data, config.components)?;
    let coordinates = space.coordinates.as_mat();
    let affinities = params.affinities(coordinates, &mut Silent, MemoryBudget::default())?;
    let run = Run::follow(&affinities, params, coordinates)?;
    let map: Vec<f64> = run.map.as_flattened().iter().map(|&v| f64::from(v)).collect();
    let map = Rows::from_vec(map, 2).context("a map has two columns")?;
    let asked = data.asked(config.asked)?;
    let correlated = correlated(data)?;
    let sets = asked.iter().map(|&d| vec![d]).chain(correlated.clone()).collect();
    let importance = importance(data, &space, &map, sets, &groups, params)?;
    let signed = space.in_features(&run.of_scalar)?;
    let by_axis = space.in_features(&run.of_axes)?;
    let lengths = axis_lengths(&by_axis, run.of_axes.values_per_feature())?;
    let means = group_means(&groups, &signed, &run.of_scalar.unusable())?;
    let norm = group_means(&groups, &lengths, &run.of_axes.unusable())?;
    let updates = run.map.len() * run.of_scalar.step;
    Ok(Told {
        summary: FeatureSummary::new(&groups, Contrast::new(data.x.as_mat(), &groups)?)
            .with_importance(&importance)?
            .with_sensitivity(means)?
            .with_sensitivity_norm(norm)?,
        together: together(&importance, asked.len())?,
        correlated,
        saturation: Saturation::new(&affinities, &groups)?,
        kl: importance.divergence,
        kept: knn_preservation(coordinates, map.as_mat(), NEIGHBOURS)?,
        limited: run.of_scalar.diagnostics.limited as f64 / updates as f64,
        map: run.map,
    })
}

/// Where distances are measured, and the way back to the features.
struct Space {
    /// n × p.
    coordinates: Rows<f64>,
    /// D × p; `None` where the coordinates are the features.
    loadings: Option<Rows<f64>>,
}

impl Space {
    fn of(data: &Data, components: Option<usize>) -> anyhow::Result<Self> {
        let Some(count) = components else {
            return Ok(Self { coordinates: Rows::convert_from(data.x.as_mat()), loadings: None });
        };
        let params = PcaParams::default().with_n_components(count).with_solver(Solver::Randomized);
        let (pca, coordinates) = params.fit_scores(data.x.as_mat())?;
        Ok(Self { coordinates, loadings: Some(pca.loadings) })
    }

    fn features<'a>(&'a self, data: &'a Data) -> FeatureSpace<'a, f32> {
        match &self.loadings {
            None => FeatureSpace::Given(data.x.as_mat()),
            Some(loadings) => FeatureSpace::Components {
                scores: self.coordinates.as_mat(),
                loadings: loadings.as_mat(),
                features: data.x.as_mat(),
            },
        }
    }

    /// Attributions in the features: per row all features of one value after the other.
    fn in_features(&self, attribution: &Attribution<f32>) -> anyhow::Result<Rows<f32>> {
        let coordinates = Rows::<f32>::convert_from(self.coordinates.as_mat());
        let values = attribution.project(coordinates.as_mat())?;
        let Some(loadings) = &self.loadings else { return Ok(values) };
        let loadings = Rows::<f32>::convert_from(loadings.as_mat());
        Ok(through_loadings(&values, loadings.as_mat())?)
    }
}

/// A finished run with its attributions at the end of early exaggeration.
struct Run {
    map: Vec<[f32; 2]>,
    /// Of |y|².
    of_scalar: Attribution<f32>,
    /// Of both axes.
    of_axes: Attribution<f32>,
}

impl Run {
    fn follow(
        affinities: &Affinities,
        params: &TsneParams,
        coordinates: MatRef<'_, f64>,
    ) -> anyhow::Result<Self> {
        let observer = |scalar| {
            let wanted = AttributeParams::default().with_scalar(scalar);
            let features = Rows::<f32>::convert_from(coordinates);
            Attributor::<f32, 2>::new(&wanted, params, affinities, features.as_mat())
        };
        let (mut scalar, mut axes) = (observer(Scalar::NormSq)?, observer(Scalar::Axes)?);
        let start = params.start(coordinates, &mut Silent)?;
        let mut optimizer = Optimizer::<f32, 2>::new(affinities, params, start)?;
        let followers: &mut [&mut dyn StepObserver<f32, 2>] = &mut [&mut scalar, &mut axes];
        optimizer.run(followers, &mut Silent)?;
        let finished = Finished {
            y: optimizer.y(),
            edges: optimizer.edges(),
            sums: &RepulsionSums::default(), // only the fixed point reads them
            n_steps: optimizer.iteration(),
        };
        let finish = |observer: Attributor<f32, 2>| {
            let found = observer.finish(affinities, &finished)?.into_iter().next();
            found.context("an attributor gives one step")
        };
        let (of_scalar, of_axes) = (finish(scalar)?, finish(axes)?);
        Ok(Self { map: optimizer.y().to_vec(), of_scalar, of_axes })
    }
}

/// Groups of correlated features, of two or more.
fn correlated(data: &Data) -> anyhow::Result<Vec<Vec<usize>>> {
    let mut groups = correlation_groups(data.x.as_mat(), CORRELATED)?;
    groups.retain(|group| group.len() > 1);
    Ok(groups)
}

/// Occlusion of sets of features, one set at a time, on the finished map.
fn importance(
    data: &Data,
    space: &Space,
    map: &Rows<f64>,
    sets: Vec<Vec<usize>>,
    groups: &Groups,
    params: &TsneParams,
) -> anyhow::Result<Importance> {
    let occlusion = Occlusion::new(
        space.features(data),
        map.as_mat(),
        FeatureSets::given(data.features.len(), sets)?,
        Some(groups.clone()),
        ImportanceParams::for_map(params)?.with_per_point(false),
        MemoryBudget::default(),
        &mut Silent,
    )?;
    Ok(occlusion.finish(&mut Silent)?)
}

/// Group × feature, where the sets are `n_single` features and then groups of correlated ones: the
/// importance of the last set that holds the feature.
fn together(importance: &Importance, n_single: usize) -> anyhow::Result<Rows<f64>> {
    let charges = importance.per_group.as_ref().context("groups were given")?;
    let sets = &importance.sets;
    let mut table = Rows::zeros(charges.n_rows(), sets.n_features());
    for g in 0..charges.n_rows() {
        let charged = charges.row(g);
        let row = table.row_mut(g);
        row.iter_mut().zip(sets.spread(charged)).for_each(|(v, own)| *v = own.unwrap_or(0.0));
        for set in n_single..sets.len() {
            sets.members(set).iter().for_each(|&d| row[d] = charged[set]);
        }
    }
    Ok(table)
}

/// Group means of |value| and of the value, without the points that say nothing.
fn group_means(groups: &Groups, values: &Rows<f32>, unusable: &[u32]) -> anyhow::Result<Means> {
    let mut means = GroupMeans::new(groups.clone(), values.n_cols()).without(unusable)?;
    means.add(values.as_mat())?;
    Ok(means.finish()?)
}

#[cfg(test)]
mod tests {
    use embex_tsne::summary::Measure;

    use super::*;

    /// Two groups apart in feature 1, feature 2 constant; 0 and 3 are noise.
    fn small() -> Data {
        let noise = |i: usize, d: usize| ((i * 37 + d * 11) % 17) as f32 / 17.0;
        let value = |i: usize, d: usize| match d {
            1 => noise(i, d) + if i < 30 { 0.0 } else { 2.0 },
            2 => 5.0,
            _ => noise(i, d),
        };
        let entries = (0..60).flat_map(|i| (0..4).map(move |d| value(i, d))).collect();
        Data {
            x: Rows::from_vec(entries, 4).expect("60 × 4"),
            features: (0..4).map(|d| format!("f{d}")).collect(),
            labels: (0..60).map(|i| u32::from(i >= 30)).collect(),
            groups: vec!["low".into(), "high".into()],
        }
    }

    #[test]
    fn the_most_variable_features_are_asked() {
        let data = small();
        assert_eq!(data.asked(None).expect("finite"), [0, 1, 2, 3]);
        assert_eq!(data.asked(Some(1)).expect("finite"), [1]);
        assert!(!data.asked(Some(3)).expect("finite").contains(&2));
    }

    /// A copy of the feature that parts the groups: either can go, both cannot.
    #[test]
    fn copies_hide_each_other_and_count_together() {
        let mut data = small();
        for i in 0..60 {
            let copied = data.x.row(i)[1];
            data.x.row_mut(i)[3] = copied;
        }
        assert_eq!(correlated(&data).expect("finite"), [[1, 3]]);
        let config =
            Config { data: "small".into(), components: None, asked: None, n_iter: 300, seed: 0 };
        let params = TsneParams::default().with_perplexity(8.0).with_n_iter(300);
        let told = tell_by(&data, &config, &params).expect("tells");
        for g in 0..2 {
            let single = told.summary.values(Measure::Importance).expect("asked").row(g);
            let together = told.together.row(g);
            assert!(together[1] > 2.0 * single[1].max(single[3]), "{single:?} {together:?}");
            assert_eq!((together[1], together[0]), (together[3], single[0]));
        }
    }

    #[test]
    fn all_components_and_the_features_themselves_say_the_same() {
        let data = small();
        // Three components carry everything: the fourth feature is constant.
        let space = Space::of(&data, Some(3)).expect("finite");
        let given = Space::of(&data, None).expect("finite");
        let params = TsneParams::default().with_perplexity(8.0).with_n_iter(100);
        let of = |space: &Space| {
            let x = space.coordinates.as_mat();
            let p = params.affinities(x, &mut Silent, MemoryBudget::default()).expect("affinities");
            let start = TsneParams::default();
            Run::follow(&p, &params.clone().with_seed(start.seed), x)
                .and_then(|run| space.in_features(&run.of_axes))
                .and_then(|by_axis| Ok(axis_lengths(&by_axis, 2)?))
                .expect("runs")
        };
        let (one, other) = (of(&space), of(&given));
        let largest = other.as_slice().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let gap = one.as_slice().iter().zip(other.as_slice()).map(|(a, b)| (a - b).abs());
        let gap = gap.fold(0.0_f32, f32::max);
        assert!(gap < 0.02 * largest, "{gap} of {largest}");
        assert!((0..60).all(|i| other.row(i)[2] <= 0.0), "a constant feature moves nothing");
    }
}
