//! One map of a bed with known features, explained by every method from the same affinities and
//! start.

use std::collections::BTreeMap;

use anyhow::Context as _;
use embex_linalg::faer::MatRef;
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows, seed};
use embex_tsne::attribution::{
    AttributeParams, Attribution, Attributor, Derivative, Finished, Formula, Scalar,
};
use embex_tsne::importance::{FeatureSets, FeatureSpace, ImportanceParams, Occlusion};
use embex_tsne::step::StepObserver;
use embex_tsne::summary::{Contrast, GroupMeans, Groups, Means};
use embex_tsne::{Affinities, Optimizer, TsneParams, init};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Features this strongly correlated are removed together.
const CORRELATED: f64 = 0.8;

/// Class × feature.
pub(super) type Scores = Vec<Vec<f64>>;

/// What every method says of one map.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Explained {
    /// By method: larger means that the feature matters more for the class.
    pub(super) scores: BTreeMap<String, Scores>,
    /// Signed class means of the attributions of |y|², by formula.
    pub(super) signed: BTreeMap<String, Scores>,
    /// KL of the finished map.
    pub(super) kl: f64,
    /// Share of affinity between different classes.
    pub(super) across: f64,
    /// Share of affinity between the first half of the classes and the second.
    pub(super) across_halves: f64,
    /// Share of the corrected recursion's point-updates that its step limit shortened.
    pub(super) limited: f64,
    /// Share of the published attributions beyond ±1, which the paper clips.
    pub(super) beyond_one: f64,
    /// The finished map.
    pub(super) map: Vec<[f32; 2]>,
}

/// Features, classes and the settings of one map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) x: MatRef<'a, f64>,
    pub(super) labels: &'a [usize],
    pub(super) n_classes: usize,
    /// Seed of the data.
    pub(super) dataset: u64,
    pub(super) params: &'a TsneParams,
}

impl Case<'_> {
    fn classes(&self) -> anyhow::Result<Groups> {
        let codes: Vec<u32> = self.labels.iter().map(|&label| label as u32).collect();
        Ok(Groups::new(&codes, self.n_classes)?)
    }
}

/// Runs t-SNE once and asks every method.
pub(super) fn explain(case: Case<'_>) -> anyhow::Result<Explained> {
    let x = Rows::<f32>::convert_from(case.x);
    let affinities = case.params.affinities(case.x, &mut Silent, MemoryBudget::default())?;
    let run = Run::follow(&affinities, case.params, &x)?;
    let mut scores = BTreeMap::new();
    let mut signed = BTreeMap::new();
    let mut keep = |name: &str, values: &Rows<f32>, without: &[u32]| -> anyhow::Result<()> {
        let means = class_means(values, case, without)?;
        scores.insert(name.to_owned(), absolute(&listed(&means.signed)));
        scores.insert(format!("{name}_abs"), listed(&means.absolute));
        signed.insert(name.to_owned(), listed(&means.signed));
        Ok(())
    };
    let published = run.published.project(x.as_mat())?;
    let beyond = published.as_slice().iter().filter(|v| v.abs() > 1.0).count();
    // The paper clips what is large and drops what is not a number.
    keep("published", &clipped(&published), &run.published.overflowed)?;
    keep("corrected", &run.corrected.project(x.as_mat())?, &run.corrected.unusable())?;
    keep("fixed_point", &run.fixed_point.project(x.as_mat())?, &run.fixed_point.unusable())?;
    let norm = run.corrected_norm.project(x.as_mat())?;
    let norm = class_means(&norm, case, &run.corrected_norm.unusable())?;
    scores.insert("corrected_norm".to_owned(), listed(&norm.absolute));
    let singles = FeatureSets::singles(case.x.ncols());
    scores.insert("importance".to_owned(), importance(case, &run.y, singles)?);
    let groups = FeatureSets::correlated(case.x, CORRELATED)?;
    scores.insert("importance_groups".to_owned(), importance(case, &run.y, groups)?);
    baselines(case, &mut scores)?;
    Ok(Explained {
        scores,
        signed,
        kl: run.kl,
        across: across(&affinities, |i| case.labels[i]),
        across_halves: across(&affinities, |i| case.labels[i] / case.n_classes.div_ceil(2)),
        limited: run.corrected.diagnostics.limited as f64
            / (x.n_rows() * run.corrected.step) as f64,
        beyond_one: beyond as f64 / published.as_slice().len() as f64,
        map: run.y,
    })
}

/// A finished run and what its observers saw.
struct Run {
    y: Vec<[f32; 2]>,
    kl: f64,
    published: Attribution<f32>,
    corrected: Attribution<f32>,
    corrected_norm: Attribution<f32>,
    fixed_point: Attribution<f32>,
}

impl Run {
    fn follow(affinities: &Affinities, params: &TsneParams, x: &Rows<f32>) -> anyhow::Result<Self> {
        let corrected = AttributeParams::default();
        let wanted = [
            corrected.clone().with_formula(Formula::Published),
            corrected.clone(),
            corrected.clone().with_scalar(Scalar::JacobianNorm),
            corrected.with_derivative(Derivative::FixedPoint),
        ];
        let mut observers = wanted
            .iter()
            .map(|wanted| Attributor::new(wanted, params, affinities, x.as_mat()))
            .collect::<Result<Vec<_>, _>>()?;
        let start = init::random(affinities.n_samples(), params.seed);
        let mut optimizer = Optimizer::<f32, 2>::new(affinities, params, start)?;
        let mut followers: Vec<&mut dyn StepObserver<f32, 2>> =
            observers.iter_mut().map(|o| o as _).collect();
        optimizer.run(&mut followers, &mut Silent)?;
        let y = optimizer.y().to_vec();
        let kl = optimizer.divergence().kl();
        let sums = optimizer.repulsive_sums();
        let finished = Finished {
            y: &y,
            edges: optimizer.edges(),
            sums: &sums,
            n_steps: optimizer.iteration(),
        };
        let mut found = observers.into_iter().map(|observer| {
            let attributions = observer.finish(affinities, &finished)?;
            attributions.into_iter().next().context("an attributor gives one step")
        });
        let mut next = || found.next().context("four attributors")?;
        let (published, corrected) = (next()?, next()?);
        let (corrected_norm, fixed_point) = (next()?, next()?);
        Ok(Self { published, corrected, corrected_norm, fixed_point, y: y.clone(), kl })
    }
}

/// The paper's processing: attributions beyond ±1 are cut.
pub(super) fn clipped(values: &Rows<f32>) -> Rows<f32> {
    let mut values = values.clone();
    values.as_mut_slice().iter_mut().for_each(|v| *v = v.clamp(-1.0, 1.0));
    values
}

/// Means over each class's points but `without`.
fn class_means(values: &Rows<f32>, case: Case<'_>, without: &[u32]) -> anyhow::Result<Means> {
    let mut means = GroupMeans::new(case.classes()?, values.n_cols()).without(without)?;
    means.add(values.as_mat())?;
    Ok(means.finish()?)
}

fn listed(rows: &Rows<f64>) -> Scores {
    (0..rows.n_rows()).map(|class| rows.row(class).to_vec()).collect()
}

fn absolute(scores: &Scores) -> Scores {
    scores.iter().map(|row| row.iter().map(|v| v.abs()).collect()).collect()
}

/// Rise of KL on the finished map, charged to classes; a feature has its set's.
fn importance(case: Case<'_>, y: &[[f32; 2]], sets: FeatureSets) -> anyhow::Result<Scores> {
    let map = Rows::from_vec(y.as_flattened().iter().map(|&v| f64::from(v)).collect(), 2)
        .context("a map has two columns")?;
    let occlusion = Occlusion::new(
        FeatureSpace::Given(case.x),
        map.as_mat(),
        sets,
        Some(case.classes()?),
        ImportanceParams::for_map(case.params)?.with_per_point(false),
        MemoryBudget::default(),
        &mut Silent,
    )?;
    let found = occlusion.finish(&mut Silent)?;
    let per_group = found.per_group.context("groups were given")?;
    let spread = |class: usize| -> Vec<f64> {
        let of_features = found.sets.spread(per_group.row(class));
        of_features.into_iter().map(|rise| rise.unwrap_or(0.0)).collect()
    };
    Ok((0..case.n_classes).map(spread).collect())
}

/// What needs no map: difference of means in standard deviations, variance, chance.
fn baselines(case: Case<'_>, scores: &mut BTreeMap<String, Scores>) -> anyhow::Result<()> {
    let d = case.x.ncols();
    let contrast = Contrast::new(case.x, &case.classes()?)?;
    scores.insert("mean_difference".to_owned(), listed(&contrast.standardised));
    scores.insert("variance".to_owned(), vec![contrast.variance; case.n_classes]);
    let mut rng = seed::stream(case.dataset, "random ranking", case.params.seed);
    let random = (0..case.n_classes).map(|_| (0..d).map(|_| rng.random()).collect()).collect();
    scores.insert("random".to_owned(), random);
    Ok(())
}

/// Share of P between samples of different parts.
fn across(affinities: &Affinities, part: impl Fn(usize) -> usize + Sync) -> f64 {
    embex_linalg::ordered_sum(affinities.n_samples(), |i| {
        let (columns, p) = affinities.row(i);
        let crosses = |&(&j, _): &(&u32, &f64)| part(j as usize) != part(i);
        columns.iter().zip(p).filter(crosses).map(|(_, &p)| p).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_another_for_every_data_set_and_start() {
        let bed = embex_testkit::nested_clusters(40, 10, 6.0, 3.0, 1);
        let random = |dataset, start| {
            let params = TsneParams::default().with_seed(start);
            let (x, labels) = (bed.x.as_ref(), &bed.labels[..]);
            let case = Case { x, labels, n_classes: 4, dataset, params: &params };
            let mut scores = BTreeMap::new();
            baselines(case, &mut scores).unwrap();
            scores.remove("random").unwrap()
        };
        assert_eq!(random(0, 0), random(0, 0));
        assert!(random(0, 0) != random(1, 0) && random(0, 0) != random(0, 1));
    }
}
