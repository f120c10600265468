//! Settings of the map.

use clap::{Args, ValueEnum};
use embex_tsne::{Init, LearningRate, Method, Metric, NeighbourSearch, Precision, TsneParams};

/// Settings of t-SNE.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Map")]
pub(crate) struct MapArgs {
    /// Start from the settings of the attribution paper in place of the modern ones
    #[arg(long)]
    published: bool,
    /// Effective number of neighbours; 3 times it must be below the number of samples [default: 30]
    #[arg(long, value_name = "P")]
    perplexity: Option<f64>,
    /// Neighbours per sample [default: 3 times the perplexity, plus 1]
    #[arg(long, value_name = "K")]
    neighbours: Option<usize>,
    /// How the neighbours that make the map are found: approximate for very many samples or
    /// features, with its recall measured on 1000 samples and stated; up to 4096 distinct samples
    /// it is exact as well. Needs a program built with the feature approx. Importance and quality
    /// still search exactly [default: exact]
    #[arg(long, value_enum, value_name = "SEARCH")]
    neighbour_search: Option<SearchArg>,
    /// How distances are measured [default: euclidean]
    #[arg(long, value_enum, value_name = "METRIC")]
    metric: Option<MetricArg>,
    /// Axes of the map, 1 to 3 [default: 2]
    #[arg(long, value_name = "C")]
    axes: Option<usize>,
    /// How repulsion is summed [default: exact up to 1000 samples, then barnes-hut]
    #[arg(long, value_enum, value_name = "METHOD")]
    method: Option<MethodArg>,
    /// Coarseness of barnes-hut, 0 (as exact) to 1 [default: 0.5]
    #[arg(long, value_name = "A")]
    angle: Option<f64>,
    /// Where the map starts [default: pca]
    #[arg(long, value_enum, value_name = "INIT")]
    init: Option<InitArg>,
    /// Factor on the gradient: auto or a number [default: auto]
    #[arg(long, value_name = "RATE", value_parser = learning_rate)]
    learning_rate: Option<LearningRate>,
    /// Updates in all [default: 1000]
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    /// Factor on the affinities in the first phase [default: 12]
    #[arg(long, value_name = "E")]
    exaggeration: Option<f64>,
    /// Updates of the first phase [default: 250]
    #[arg(long, value_name = "N")]
    exaggeration_iterations: Option<usize>,
    /// Factor on the affinities in the last phase [default: 1]
    #[arg(long, value_name = "E", requires = "late_exaggeration_iterations")]
    late_exaggeration: Option<f64>,
    /// Updates of the last phase [default: 0]
    #[arg(long, value_name = "N", requires = "late_exaggeration")]
    late_exaggeration_iterations: Option<usize>,
    /// Momentum of the first phase [default: 0.5]
    #[arg(long, value_name = "M")]
    momentum_early: Option<f64>,
    /// Momentum afterwards [default: 0.8]
    #[arg(long, value_name = "M")]
    momentum: Option<f64>,
    /// One step size for all coordinates
    #[arg(long)]
    no_gains: bool,
    /// Number type of features and map; f64 takes twice the memory, and keeps what single
    /// precision rounds away: about seven digits are left of each value [default: f32]
    #[arg(long, value_enum, value_name = "TYPE")]
    precision: Option<PrecisionArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SearchArg {
    Exact,
    Approximate,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MetricArg {
    Euclidean,
    Cosine,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MethodArg {
    Auto,
    Exact,
    BarnesHut,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum InitArg {
    Pca,
    Random,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PrecisionArg {
    F32,
    F64,
}

fn learning_rate(text: &str) -> Result<LearningRate, String> {
    match text {
        "auto" => Ok(LearningRate::Auto),
        number => number
            .parse()
            .map(LearningRate::Fixed)
            .map_err(|_| "the word auto, or a number".to_owned()),
    }
}

impl MapArgs {
    /// The settings, unchecked.
    pub(crate) fn params(&self, seed: u64) -> TsneParams {
        let mut p = if self.published { TsneParams::published() } else { TsneParams::default() };
        p.seed = seed;
        p.n_neighbours = self.neighbours.or(p.n_neighbours);
        p.gains &= !self.no_gains;
        set(&mut p.perplexity, self.perplexity);
        set(&mut p.neighbour_search, self.neighbour_search.map(SearchArg::search));
        set(&mut p.metric, self.metric.map(MetricArg::metric));
        set(&mut p.n_components, self.axes);
        set(&mut p.method, self.method.map(MethodArg::method));
        set(&mut p.angle, self.angle);
        set(&mut p.init, self.init.map(InitArg::init));
        set(&mut p.learning_rate, self.learning_rate);
        set(&mut p.n_iter, self.iterations);
        set(&mut p.exaggeration, self.exaggeration);
        set(&mut p.exaggeration_iter, self.exaggeration_iterations);
        set(&mut p.late_exaggeration, self.late_exaggeration);
        set(&mut p.late_exaggeration_iter, self.late_exaggeration_iterations);
        set(&mut p.momentum_early, self.momentum_early);
        set(&mut p.momentum, self.momentum);
        set(&mut p.precision, self.precision.map(PrecisionArg::precision));
        p
    }
}

impl MapArgs {
    /// Refuses what means nothing beside the other options.
    pub(super) fn check(&self) -> Result<(), String> {
        let p = self.params(0);
        let (early, late, last) = (p.exaggeration_iter, p.late_exaggeration_iter, p.n_iter);
        let refuse = |is_wrong: bool, words: String| if is_wrong { Err(words) } else { Ok(()) };
        refuse(
            self.angle.is_some() && p.method == Method::Exact,
            "--angle does not apply to --method exact: only barnes-hut has one".to_owned(),
        )?;
        for (name, value) in
            [("--exaggeration", self.exaggeration), ("--momentum-early", self.momentum_early)]
        {
            refuse(
                value.is_some() && early == 0,
                format!(
                    "{name} does not apply: with --exaggeration-iterations 0 there is no first phase"
                ),
            )?;
        }
        refuse(
            self.exaggeration_iterations.is_some_and(|n| n > last),
            format!("--exaggeration-iterations {early}: there are {last} updates in all"),
        )?;
        refuse(
            self.momentum.is_some() && early >= last,
            "--momentum does not apply: all updates belong to the first phase, see --momentum-early"
                .to_owned(),
        )?;
        let most = last.saturating_sub(early);
        refuse(
            self.late_exaggeration_iterations.is_some() && (late == 0 || late > most),
            format!(
                "--late-exaggeration-iterations {late}: at least 1 is needed, and {most} updates \
                 follow the first phase"
            ),
        )
    }

    /// Refuses an angle where repulsion is summed over all pairs.
    pub(super) fn check_samples(&self, n_samples: usize) -> Result<(), String> {
        if self.angle.is_none() || self.params(0).method_for(n_samples) == Method::BarnesHut {
            return Ok(());
        }
        Err(format!(
            "--angle does not apply: up to {} samples repulsion is summed exactly; give --method \
             barnes-hut for a tree",
            TsneParams::AUTO_EXACT
        ))
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl SearchArg {
    const fn search(self) -> NeighbourSearch {
        match self {
            Self::Exact => NeighbourSearch::Exact,
            Self::Approximate => NeighbourSearch::Approximate,
        }
    }
}

impl MetricArg {
    const fn metric(self) -> Metric {
        match self {
            Self::Euclidean => Metric::Euclidean,
            Self::Cosine => Metric::Cosine,
        }
    }
}

impl MethodArg {
    const fn method(self) -> Method {
        match self {
            Self::Auto => Method::Auto,
            Self::Exact => Method::Exact,
            Self::BarnesHut => Method::BarnesHut,
        }
    }
}

impl InitArg {
    const fn init(self) -> Init {
        match self {
            Self::Pca => Init::Pca,
            Self::Random => Init::Random,
        }
    }
}

impl PrecisionArg {
    const fn precision(self) -> Precision {
        match self {
            Self::F32 => Precision::Single,
            Self::F64 => Precision::Double,
        }
    }
}
