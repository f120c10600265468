//! The entry points that take a matrix of samples, and small data to call them with.

use std::sync::LazyLock;

use embex_linalg::counts::{self, Variability};
use embex_linalg::faer::{Mat, MatRef};
use embex_linalg::kmeans::KMeansParams;
use embex_linalg::pca::{PcaParams, Solver};
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows, stats};
use embex_metrics::attribution::{
    self as quality, AgreementParams, Baseline, Corruption, InfidelityParams, MotionParams,
    PerSample, Perturbation, Ranking, Scope, SensitivityParams,
};
use embex_metrics::{BootstrapParams, features};
use embex_trees::{KnnParams, Metric, Neighbours};
use embex_tsne::attribution::{
    AttributeParams, Attributor, Bandwidth, Derivative, Formula, Scalar,
};
use embex_tsne::importance::{
    Candidates, FeatureSets, FeatureSpace, Importance, ImportanceParams, Occlusion, kl_gradient,
};
use embex_tsne::summary::{Contrast, GroupMeans, Groups, Order, Saturation, TopFeatures};
use embex_tsne::{
    Affinities, Divergence, Method, Optimizer, Precision, TransformParams, TsneParams,
};

use crate::answer::{Answer, Numbers, Refusal};

/// Samples of [`Bed::small`].
pub(crate) const N: usize = 120;
/// Samples of [`Bed::large`]: several blocks of every reduction and loop.
pub(crate) const LARGE: usize = 1100;
/// Columns of the samples.
pub(crate) const D: usize = 8;
const PERPLEXITY: f64 = 7.0;

/// One entry point.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Calls it on n × D samples; what it needs besides is that of the bed.
    pub(crate) run: fn(&Bed, MatRef<'_, f64>, MemoryBudget) -> Answer,
    /// Whether a refusal of a matrix without rows is the documented one.
    pub(crate) without_rows: fn(&Refusal) -> bool,
    /// Whether a refusal of a single row is the documented one; `None` if it is answered.
    pub(crate) one_row: Option<fn(&Refusal) -> bool>,
}

/// Samples and what goes with them.
pub(crate) struct Bed {
    x: Mat<f64>,
    y: Mat<f64>,
    p: Affinities,
}

impl Bed {
    fn new(n: usize) -> Self {
        let (x, y) =
            (embex_testkit::clusters(n, D, 4, 3.0, 11).x, embex_testkit::gaussian(n, 2, 12));
        let p = quick().affinities(x.as_ref(), &mut Silent, MemoryBudget::default()).unwrap();
        Self { x, y, p }
    }

    /// Of [`N`] samples.
    pub(crate) fn small() -> &'static Self {
        static BED: LazyLock<Bed> = LazyLock::new(|| Bed::new(N));
        &BED
    }

    /// Of [`LARGE`] samples.
    pub(crate) fn large() -> &'static Self {
        static BED: LazyLock<Bed> = LazyLock::new(|| Bed::new(LARGE));
        &BED
    }

    /// Four clusters.
    pub(crate) fn samples(&self) -> MatRef<'_, f64> {
        self.x.as_ref()
    }

    /// A map of as many points, unrelated to the samples.
    pub(crate) fn map(&self) -> MatRef<'_, f64> {
        self.y.as_ref()
    }

    /// Affinities of the samples.
    pub(crate) const fn affinities(&self) -> &Affinities {
        &self.p
    }

    /// Four groups of the samples, in turn.
    pub(crate) fn groups(&self) -> Groups {
        let codes: Vec<u32> = (0..self.x.nrows() as u32).map(|i| i % 4).collect();
        Groups::new(&codes, 4).unwrap()
    }
}

/// Those of the small bed.
pub(crate) fn samples() -> MatRef<'static, f64> {
    Bed::small().samples()
}

/// That of the small bed.
pub(crate) fn map() -> MatRef<'static, f64> {
    Bed::small().map()
}

/// Those of the small bed.
pub(crate) fn affinities() -> &'static Affinities {
    Bed::small().affinities()
}

/// A short run.
pub(crate) fn quick() -> TsneParams {
    TsneParams::default()
        .with_perplexity(PERPLEXITY)
        .with_n_iter(60)
        .with_exaggeration_iter(40)
        .with_kl_every(20)
}

fn is_empty(refusal: &Refusal) -> bool {
    matches!(refusal.of_matrix(), Some(embex_linalg::Error::Empty { n_rows: 0, .. }))
}

fn too_few(refusal: &Refusal) -> bool {
    matches!(refusal.of_matrix(), Some(embex_linalg::Error::TooFewRows { needed: 2, n_rows: 1 }))
}

fn no_neighbour(refusal: &Refusal) -> bool {
    *refusal == Refusal::Trees(embex_trees::Error::NeighbourCount { k: 5, candidates: 0 })
}

fn perplexity(refusal: &Refusal) -> bool {
    let expected = embex_tsne::Error::Perplexity { perplexity: PERPLEXITY, n_samples: 1 };
    *refusal == Refusal::Tsne(expected)
}

fn setting(refusal: &Refusal) -> bool {
    matches!(refusal.of_matrix(), Some(embex_linalg::Error::Setting { .. }))
}

/// Another length than N where N entries belong.
fn length(refusal: &Refusal) -> bool {
    use embex_linalg::Error::LengthMismatch;
    matches!(refusal.of_matrix(), Some(LengthMismatch { got, expected, .. }) if got != expected)
        || matches!(
            refusal,
            Refusal::Metrics(embex_metrics::Error::LengthMismatch { got, expected, .. })
                if got != expected
        )
}

fn too_few_samples(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Metrics(embex_metrics::Error::TooFew { got: 0 | 1, .. }))
}

fn map_shape(refusal: &Refusal) -> bool {
    use embex_tsne::Error::InitShape;
    matches!(refusal, Refusal::Tsne(InitShape { n_rows, n_samples, .. }) if n_rows != n_samples)
}

macro_rules! entry {
    ($name:literal, $run:expr, $without_rows:expr, answered) => {
        Entry { name: $name, run: $run, without_rows: $without_rows, one_row: None }
    };
    ($name:literal, $run:expr, $without_rows:expr, $one_row:expr) => {
        Entry { name: $name, run: $run, without_rows: $without_rows, one_row: Some($one_row) }
    };
}

pub(crate) const ENTRIES: &[Entry] = &[
    entry!("pca, exact", |_, x, _| pca(x, Solver::Exact), is_empty, too_few),
    entry!("pca, randomised", |_, x, _| pca(x, Solver::Randomized), is_empty, too_few),
    entry!("k-means", |_, x, _| k_means(x, None), is_empty, setting),
    entry!("column means", |_, x, _| Ok(Numbers(stats::column_means(x)?)), is_empty, answered),
    entry!("variances", |_, x, _| Ok(Numbers(stats::column_variances(x, 1)?)), is_empty, too_few),
    entry!("standardize", |_, x, _| Ok(standardized(stats::standardize(x, 1)?)), is_empty, too_few),
    entry!("correlation groups", |_, x, _| correlation_groups(x), is_empty, answered),
    entry!("scale", |_, x, _| Ok(standardized(counts::scale(x, Some(2.0))?)), is_empty, too_few),
    entry!("top variable", |_, x, _| top_variable(x), is_empty, too_few),
    entry!(
        "knn, blocked",
        |_, x, b| knn(x, b, embex_trees::Method::Blocked),
        is_empty,
        no_neighbour
    ),
    entry!(
        "knn, kd-tree",
        |_, x, b| knn(x, b, embex_trees::Method::KdTree),
        is_empty,
        no_neighbour
    ),
    entry!("knn, cosine", knn_cosine, is_empty, no_neighbour),
    entry!("knn between, base", knn_from, is_empty, one_candidate),
    entry!("knn between, queries", knn_to, is_empty, answered),
    entry!("knn preservation, before", |bed, x, _| preservation(x, bed.map()), length, length),
    entry!("knn preservation, after", |bed, x, _| preservation(bed.map(), x), length, length),
    entry!(
        "quality, before",
        |bed, x, b| quality(bed, x, bed.map(), b),
        too_few_samples,
        too_few_samples
    ),
    entry!("quality, after", |bed, x, b| quality(bed, bed.samples(), x, b), length, length),
    entry!("shape of clusters", shape, length, length),
    entry!("dbscan", |_, x, b| dbscan(x, b), is_empty, answered),
    entry!("kl divergence", |bed, x, _| kl(bed, x), length, length),
    entry!("affinities", tsne_affinities, is_empty, perplexity),
    entry!("start", |_, x, _| start(x), is_empty, too_few),
    entry!("fit", |_, x, b| fit(x, b, &quick()), is_empty, perplexity),
    entry!("fit, tree", fit_tree, is_empty, perplexity),
    entry!("fit of affinities", |bed, x, _| fit_affinities(bed, x), map_shape, map_shape),
    entry!("divergence", |bed, x, _| divergence(bed, x), map_shape, map_shape),
    entry!(
        "transform, fitted",
        |bed, x, b| transform(x, bed.map(), bed.samples(), b),
        is_empty,
        too_few_fitted
    ),
    entry!(
        "transform, map",
        |bed, x, b| transform(bed.samples(), axes(x), bed.samples(), b),
        map_shape,
        map_shape
    ),
    entry!(
        "transform, new",
        |bed, x, b| transform(bed.samples(), bed.map(), x, b),
        is_empty,
        answered
    ),
    entry!(
        "attribution",
        |_, x, b| attribution(x, b, &AttributeParams::default()),
        is_empty,
        perplexity
    ),
    entry!("attribution, fixed point", attribution_at_rest, is_empty, perplexity),
    entry!("attribution, published", attribution_published, is_empty, perplexity),
    entry!("attribution, two steps", attribution_forward, is_empty, perplexity),
    entry!("projection of an attribution", projection, is_empty, length),
    entry!(
        "importance",
        |bed, x, b| importance(bed, x, b, Candidates::Exact),
        is_empty,
        perplexity
    ),
    entry!("importance, widened", importance_widened, is_empty, perplexity),
    entry!("importance of components", importance_of_components, is_empty, too_few),
    entry!("importance, map", importance_on, is_empty, length),
    entry!("KL derivative, map", |bed, x, _| kl_derivative(bed, axes(x)), is_empty, length),
    entry!("KL derivative, projection", |bed, x, _| kl_projection(bed, x), is_empty, length),
    entry!("correlated sets", |_, x, _| correlated_sets(x), is_empty, answered),
    entry!("contrast", |bed, x, _| contrast(bed, x), is_empty, length),
    entry!("group means", |bed, x, _| group_means(bed, x), is_empty, length),
    entry!("top features", |_, x, _| top_features(x), is_empty, answered),
    entry!("mean differences", |bed, x, _| mean_differences(bed, x), is_empty, length),
    entry!("laplacian score", |bed, x, _| laplacian(bed, x), is_empty, length),
    entry!("laplacian score, dense", |_, x, _| laplacian_dense(x), is_empty, answered),
    entry!("fisher score", |bed, x, _| fisher(bed, x), is_empty, length),
    entry!("wilcoxon", |bed, x, _| wilcoxon(bed, x), is_empty, length),
    entry!("mean size", |bed, x, _| mean_size(bed, x), is_empty, length),
    entry!("corruption", |bed, x, _| corruption(bed, x), length, length),
    entry!("deletion and insertion", |bed, x, _| motion(bed, x), is_empty, length),
    entry!("infidelity", |_, x, _| infidelity(x), is_empty, answered),
    entry!("maximum sensitivity", |_, x, _| max_sensitivity(x), is_empty, answered),
    entry!("concentration", |_, x, _| concentration(x), is_empty, answered),
    entry!("agreement", |bed, x, _| agreement(bed, x), is_empty, length),
    entry!("permuted columns", |_, x, _| permuted(x), is_empty, answered),
];

/// The first two columns, where a map is wanted.
fn axes(x: MatRef<'_, f64>) -> MatRef<'_, f64> {
    x.subcols(0, 2)
}

fn one_candidate(refusal: &Refusal) -> bool {
    *refusal == Refusal::Trees(embex_trees::Error::NeighbourCount { k: 5, candidates: 1 })
}

fn too_few_fitted(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Tsne(embex_tsne::Error::NeighbourCount { n_samples: 1, .. }))
}

fn pca(x: MatRef<'_, f64>, solver: Solver) -> Answer {
    let params = PcaParams::default().with_n_components(1).with_solver(solver);
    let params = if x.nrows() > 2 { params.with_n_components(3) } else { params };
    let (pca, scores) = params.fit_scores(x)?;
    let back = pca.reconstruct(scores.as_mat())?;
    let numbers = Numbers(pca.mean.clone()).rows(&pca.loadings).rows(&scores).rows(&back);
    let variances = pca.explained_variance.iter().chain(&pca.explained_variance_ratio).copied();
    Ok(numbers.and(variances).and([pca.total_variance, pca.change]))
}

pub(crate) fn k_means(x: MatRef<'_, f64>, weights: Option<&[f64]>) -> Answer {
    let found = KMeansParams::default().with_n_clusters(4).with_n_starts(3).fit(x, weights)?;
    let again = found.predict(x)?;
    let numbers = Numbers(found.sizes.clone()).and([found.inertia]).rows(&found.centers);
    Ok(numbers.counts(&found.labels).counts(&again))
}

fn standardized(found: stats::Standardized<f64>) -> Numbers {
    Numbers(found.means).and(found.sds).rows(&found.rows)
}

fn correlation_groups(x: MatRef<'_, f64>) -> Answer {
    let groups = stats::correlation_groups(x, 0.3)?;
    let sizes = groups.iter().map(|members| members.len() as f64);
    Ok(Numbers::default().and(sizes).counts(groups.iter().flatten()))
}

fn top_variable(x: MatRef<'_, f64>) -> Answer {
    Ok(Numbers::default().counts(&counts::top_variable(x, 3, Variability::Variance)?))
}

fn lists(found: &Neighbours) -> Numbers {
    let row =
        |i| found.row(i).iter().map(|&j| f64::from(j)).chain(found.dist_sq(i).iter().copied());
    Numbers::default().and((0..found.n_samples()).flat_map(row))
}

fn knn(x: MatRef<'_, f64>, budget: MemoryBudget, method: embex_trees::Method) -> Answer {
    let params = KnnParams::new(5).with_method(method);
    Ok(lists(&params.search(x, &mut Silent, budget)?))
}

fn knn_cosine(_: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let params = KnnParams::new(5).with_metric(Metric::Cosine);
    Ok(lists(&params.search(x, &mut Silent, budget)?))
}

fn knn_from(bed: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    Ok(lists(&KnnParams::new(5).search_between(bed.samples(), x, &mut Silent, budget)?))
}

fn knn_to(bed: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    Ok(lists(&KnnParams::new(5).search_between(x, bed.samples(), &mut Silent, budget)?))
}

fn preservation(before: MatRef<'_, f64>, after: MatRef<'_, f64>) -> Answer {
    Ok(Numbers(vec![embex_metrics::knn_preservation(before, after, 5)?]))
}

/// Four labels, in turn.
fn labels(bed: &Bed) -> Vec<usize> {
    (0..bed.samples().nrows()).map(|i| i % 4).collect()
}

fn quality(
    bed: &Bed,
    before: MatRef<'_, f64>,
    after: MatRef<'_, f64>,
    budget: MemoryBudget,
) -> Answer {
    let params = embex_metrics::QualityParams::default().with_ks(vec![5, 20]);
    let labels = (before.nrows() == bed.samples().nrows()).then(|| labels(bed));
    let found = params.measure(before, after, labels.as_deref(), &mut Silent, budget)?;
    let (d, c) = (found.distances, found.co_ranking);
    let mut numbers = vec![c.auc_ln_k, c.q_local, c.q_global];
    numbers.extend([d.pearson, d.spearman, d.stress, d.kruskal_stress].into_iter().flatten());
    for n in found.neighbours {
        numbers.extend([n.recall, n.trustworthiness, n.continuity, n.mrre_false, n.mrre_missing]);
    }
    let labels = found.labels.into_iter().flat_map(|l| {
        let silhouettes = [l.silhouette_before, l.silhouette_after].into_iter().flatten();
        silhouettes.chain(l.hit_before).chain(l.hit_after).collect::<Vec<f64>>()
    });
    let rows = found.per_sample;
    Ok(Numbers(numbers).and(labels).and(rows.trustworthiness).and(rows.continuity))
}

fn shape(bed: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let labels = labels(bed);
    let params = embex_metrics::SilhouetteParams::default();
    let found = params.measure(x, &labels, &mut Silent, budget)?;
    // undefined where centroids coincide; what else they refuse, silhouettes refuse before
    let others = [
        embex_metrics::davies_bouldin(x, &labels).ok(),
        embex_metrics::calinski_harabasz(x, &labels).ok(),
    ];
    Ok(Numbers(found.values).and(others.into_iter().flatten()))
}

fn dbscan(x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let found = embex_metrics::DbscanParams::new(3.0, 4).fit(x, &mut Silent, budget)?;
    Ok(Numbers(found.labels.into_iter().map(|l| l.map_or(-1.0, |l| l as f64)).collect()))
}

/// Compressed rows of joint affinities.
pub(crate) fn compressed(p: &Affinities) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for i in 0..p.n_samples() {
        columns.extend(p.row(i).0);
        values.extend(p.row(i).1);
        starts.push(columns.len());
    }
    (starts, columns, values)
}

fn kl(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let (starts, columns, values) = compressed(bed.affinities());
    let joint = embex_metrics::SparseJoint::new(&starts, &columns, &values)?;
    let found = embex_metrics::kl_divergence(&joint, x, &mut Silent)?;
    Ok(Numbers(vec![found.kl, found.attraction, found.log_z, found.entropy]))
}

fn tsne_affinities(bed: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let p = quick().affinities(x, &mut Silent, budget)?;
    let (_, columns, values) = compressed(&p);
    let beta = p.conditionals().unwrap().beta().to_vec();
    let saturation = Saturation::new(&p, &bed.groups())?;
    let numbers = Numbers(values).and(beta).and(columns.iter().map(|&j| f64::from(j)));
    Ok(numbers.rows(&saturation.mass).rows(&saturation.share))
}

fn start(x: MatRef<'_, f64>) -> Answer {
    let start = quick().start::<f64, f64, 2>(x, &mut Silent)?;
    Ok(Numbers(start.concat()))
}

fn of_map(map: &embex_tsne::Tsne) -> Numbers {
    let kls = map.history.iter().map(|record| record.divergence.kl());
    Numbers::default().rows(&map.embedding).and(kls).and([map.divergence.kl()])
}

fn fit(x: MatRef<'_, f64>, budget: MemoryBudget, params: &TsneParams) -> Answer {
    Ok(of_map(&params.fit_with(x, &mut Silent, budget)?))
}

fn fit_tree(_: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let params = quick().with_method(Method::BarnesHut).with_precision(Precision::Double);
    fit(x, budget, &params.with_n_components(3))
}

fn fit_affinities(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    Ok(of_map(&quick().fit_affinities(bed.affinities(), axes(x), &mut Silent)?))
}

fn divergence(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let found = Divergence::exact(bed.affinities(), axes(x))?;
    Ok(Numbers(vec![found.kl(), found.attraction, found.log_z, found.entropy]))
}

fn transform(
    fitted: MatRef<'_, f64>,
    map: MatRef<'_, f64>,
    new: MatRef<'_, f64>,
    budget: MemoryBudget,
) -> Answer {
    let params = TransformParams::default().with_max_iter(20);
    let placed = params.transform(fitted, map, new, &mut Silent, budget)?;
    Ok(Numbers::default().rows(&placed.embedding).counts(&placed.n_iter))
}

fn attribution(x: MatRef<'_, f64>, budget: MemoryBudget, params: &AttributeParams) -> Answer {
    let map = quick().with_method(Method::BarnesHut);
    let p = map.affinities(x, &mut Silent, budget)?;
    let start = map.start::<f64, f64, 2>(x, &mut Silent)?;
    let attributor = Attributor::new(params, &map, &p, x)?;
    let mut run = Optimizer::new(&p, &map, start)?;
    let done = attributor.run(&mut run, &mut Silent)?;
    let mut numbers = Numbers(done.stability);
    for attribution in &done.attributions {
        let whole = attribution.project(x)?;
        let mut blocks = Vec::new();
        attribution.project_blocks(x, budget, &mut |_, rows| blocks.extend_from_slice(rows))?;
        assert_eq!(whole.as_slice(), blocks, "blocks of a projection");
        numbers = numbers.rows(&whole).and([attribution.diagnostics.max_weight]);
    }
    Ok(numbers)
}

fn attribution_at_rest(_: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    attribution(x, budget, &AttributeParams::default().with_derivative(Derivative::FixedPoint))
}

fn attribution_published(_: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let params = AttributeParams::default().with_formula(Formula::Published);
    attribution(x, budget, &params.with_bandwidth(Bandwidth::Fixed).with_clip(Some(1.0)))
}

fn attribution_forward(_: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let params = AttributeParams::default().with_scalar(Scalar::Axes);
    attribution(x, budget, &params.with_steps([10, 40]))
}

fn projection(bed: &Bed, x: MatRef<'_, f64>, _: MemoryBudget) -> Answer {
    let map = quick();
    let attributor =
        Attributor::new(&AttributeParams::default(), &map, bed.affinities(), bed.samples())?;
    let start = map.start::<f64, f64, 2>(bed.samples(), &mut Silent)?;
    let mut run = Optimizer::new(bed.affinities(), &map, start)?;
    let done = attributor.run(&mut run, &mut Silent)?;
    Ok(Numbers::default().rows(&done.attributions[0].project(x)?))
}

/// Occlusion of single features, charged to points and groups.
pub(crate) fn occlude(
    space: FeatureSpace<'_, f64>,
    map: MatRef<'_, f64>,
    groups: Option<Groups>,
    candidates: Candidates,
    budget: MemoryBudget,
) -> embex_tsne::Result<Importance> {
    let params =
        ImportanceParams::default().with_perplexity(PERPLEXITY).with_candidates(candidates);
    let sets = FeatureSets::singles(space.n_features());
    Occlusion::new(space, map, sets, groups, params, budget, &mut Silent)?.finish(&mut Silent)
}

fn of_importance(found: &Importance) -> Numbers {
    let per_point = found.per_point.as_ref().unwrap();
    Numbers(found.total.clone())
        .and([found.divergence, found.effect.recall, found.effect.change_largest])
        .and(per_point.as_slice().iter().map(|&v| f64::from(v)))
        .rows(found.per_group.as_ref().unwrap())
}

fn importance(
    bed: &Bed,
    x: MatRef<'_, f64>,
    budget: MemoryBudget,
    candidates: Candidates,
) -> Answer {
    let n = bed.samples().nrows();
    let rows = bed.map().subrows(0, x.nrows().min(n));
    let groups = (x.nrows() == n).then(|| bed.groups());
    let found = occlude(FeatureSpace::Given(x), rows, groups, candidates, budget)?;
    Ok(of_importance(&found))
}

fn importance_widened(bed: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    importance(bed, x, budget, Candidates::Widened { factor: 1.5 })
}

fn importance_of_components(bed: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let (pca, scores) = PcaParams::default().with_n_components(3).fit_scores(x)?;
    let (scores, loadings) = (scores.as_mat(), pca.loadings.as_mat());
    let space = FeatureSpace::Components { scores, loadings, features: x };
    let found = occlude(space, bed.map(), Some(bed.groups()), Candidates::Exact, budget)?;
    Ok(of_importance(&found))
}

fn importance_on(bed: &Bed, x: MatRef<'_, f64>, budget: MemoryBudget) -> Answer {
    let space = FeatureSpace::Given(bed.samples());
    Ok(of_importance(&occlude(space, axes(x), Some(bed.groups()), Candidates::Exact, budget)?))
}

fn kl_derivative(bed: &Bed, map: MatRef<'_, f64>) -> Answer {
    let found = kl_gradient(bed.affinities(), map, Bandwidth::Aware)?;
    Ok(Numbers::default().rows(&found.project(bed.samples())?))
}

fn kl_projection(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let found = kl_gradient(bed.affinities(), bed.map(), Bandwidth::Fixed)?;
    Ok(Numbers::default().rows(&found.project(x)?))
}

fn correlated_sets(x: MatRef<'_, f64>) -> Answer {
    let sets = FeatureSets::correlated(x, 0.3)?;
    Ok(Numbers::default().counts((0..sets.len()).flat_map(|set| sets.members(set))))
}

fn contrast(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let found = Contrast::new(x, &bed.groups())?;
    Ok(Numbers(found.variance).rows(&found.standardised).rows(&found.difference))
}

fn group_means(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let mut means = GroupMeans::new(bed.groups(), D).without(&[1])?;
    means.add(x)?;
    let means = means.finish()?;
    Ok(Numbers::default().rows(&means.absolute).rows(&means.signed).counts(&means.left_out))
}

fn top_features(x: MatRef<'_, f64>) -> Answer {
    let top = TopFeatures::of_rows(x, 3, Order::LargestSize)?;
    let row =
        |i| top.features(i).iter().map(|&d| f64::from(d)).chain(top.values(i).iter().copied());
    Ok(Numbers::default().and((0..top.n_rows()).flat_map(row)))
}

fn mean_differences(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let found = stats::mean_differences(x, bed.groups().codes(), 4)?;
    Ok(Numbers(found.variance.clone()).rows(&found.difference).rows(&found.standardised()))
}

fn laplacian(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let (starts, columns, values) = compressed(bed.affinities());
    let graph = features::SparseGraph::new(&starts, &columns, &values)?;
    Ok(Numbers(features::laplacian_score(x, &graph)?))
}

fn laplacian_dense(x: MatRef<'_, f64>) -> Answer {
    let near = |i: usize, row: &mut [f64]| {
        row.iter_mut().enumerate().for_each(|(j, w)| *w = 1.0 / (1 + i.abs_diff(j)) as f64);
    };
    Ok(Numbers(features::laplacian_score_dense(x, near)?))
}

fn fisher(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let scores = features::fisher_score(x, bed.groups().codes())?;
    // Infinite where the groups are constant: 1/(1 + score) is 0 then.
    Ok(Numbers(scores.into_iter().map(|score| 1.0 / (1.0 + score)).collect()))
}

fn wilcoxon(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let found = features::wilcoxon(x, bed.groups().codes())?;
    Ok(Numbers::default().rows(&found.auroc).rows(&found.z).rows(&found.p))
}

fn mean_size(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    Ok(Numbers::default().rows(&features::mean_size(x, bed.groups().codes())?))
}

/// The bed's samples ranked by size.
fn ranking(bed: &Bed) -> Result<Ranking, embex_metrics::Error> {
    Ranking::new(bed.samples(), Scope::Local, quality::Order::LargestSize, D)
}

fn corruption(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let mut numbers = Numbers::default();
    for how in [Corruption::Mean, Corruption::ColumnMean, Corruption::Permutation] {
        numbers = numbers.rows(&quality::corrupt(x, &ranking(bed)?, 3, how, 5)?);
    }
    let global = ranking(bed)?.most_frequent(Scope::Global, 3)?;
    Ok(numbers.rows(&quality::corrupt(x, &global, 3, Corruption::Removal, 5)?))
}

fn few_resamples() -> BootstrapParams {
    BootstrapParams::default().with_n_resamples(20)
}

fn per_sample(numbers: Numbers, scores: &PerSample) -> Numbers {
    let mean = [scores.mean.low, scores.mean.estimate, scores.mean.high];
    numbers.and(scores.values.iter().map(|v| v.unwrap_or(-1.0))).and(mean)
}

fn motion(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let baseline = Baseline::Row(vec![0.0; x.ncols()]);
    let params = MotionParams::default().with_baseline(baseline).with_bootstrap(few_resamples());
    let embed = |x: MatRef<'_, f64>| Ok::<_, Refusal>(Rows::copy_from(axes(x)));
    let ranking = ranking(bed)?;
    let mut numbers = Numbers::default();
    for curve in [
        quality::deletion_curve(x, &ranking, &params, embed)?,
        quality::insertion_curve(x, &ranking, &params, embed)?,
    ] {
        numbers = numbers.and(curve.curve.iter().flat_map(|c| [c.low, c.estimate, c.high]));
        numbers = per_sample(numbers, &curve.area);
    }
    Ok(per_sample(numbers, &quality::latent_shift(x, &ranking, 2, &params, embed)?))
}

fn infidelity(x: MatRef<'_, f64>) -> Answer {
    let params = InfidelityParams::default().with_n_draws(3).with_bootstrap(few_resamples());
    let noise = Perturbation::Gaussian { sd: 1.0 };
    let sum = |x: MatRef<'_, f64>| {
        let row = |i: usize| (0..x.ncols()).map(|d| x[(i, d)]).sum();
        Ok::<_, Refusal>((0..x.nrows()).map(row).collect())
    };
    let found = quality::infidelity(x, x, &noise, &params, sum)?;
    let numbers = per_sample(Numbers(found.factors), &found.raw);
    Ok(per_sample(numbers, &found.scaled))
}

fn max_sensitivity(x: MatRef<'_, f64>) -> Answer {
    let params = SensitivityParams::new(0.5).with_n_draws(3).with_bootstrap(few_resamples());
    let explain = |x: MatRef<'_, f64>| Ok::<_, Refusal>(Rows::copy_from(x));
    let found = quality::max_sensitivity(x, &params, explain)?;
    Ok(per_sample(Numbers::default(), &found.absolute))
}

fn concentration(x: MatRef<'_, f64>) -> Answer {
    let found = quality::concentration(x, &few_resamples())?;
    let numbers = per_sample(Numbers::default(), &found.sparseness);
    Ok(per_sample(per_sample(numbers, &found.complexity), &found.effective_features))
}

fn agreement(bed: &Bed, x: MatRef<'_, f64>) -> Answer {
    let params = AgreementParams::default().with_k(3).with_bootstrap(few_resamples());
    let found = quality::agreement(x, bed.samples(), &params)?;
    let numbers = per_sample(per_sample(Numbers::default(), &found.overlap), &found.rank_biased);
    Ok([found.spearman, found.kendall].iter().flatten().fold(numbers, per_sample))
}

fn permuted(x: MatRef<'_, f64>) -> Answer {
    Ok(Numbers::default().rows(&quality::permute_columns(x, (3, 1))?))
}
