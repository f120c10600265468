//! One run of embex, in a process of its own, under the settings that peers get.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use embex_io::{ReadOptions, Usage, read, write_npy};
use embex_linalg::progress::Silent;
use embex_linalg::{MemoryBudget, Rows};
use embex_tsne::attribution::{AttributeParams, Attributor};
use embex_tsne::{Affinities, LearningRate, Method, Optimizer, TsneParams};

/// What one run was asked to do; the names are those of `runner.py`.
#[derive(clap::Args, Debug)]
pub(crate) struct OwnArgs {
    name: String,
    input: PathBuf,
    init: PathBuf,
    output: PathBuf,
    #[arg(long)]
    perplexity: f64,
    #[arg(long)]
    n_iter: usize,
    #[arg(long)]
    exaggeration: f64,
    #[arg(long)]
    exaggeration_iter: usize,
    #[arg(long)]
    learning_rate: f64,
    #[arg(long)]
    angle: f64,
    #[arg(long)]
    threads: usize,
}

/// Our contenders.
pub(super) const fn names(attributions: bool) -> &'static [&'static str] {
    if attributions { &["embex", "embex-attributions"] } else { &["embex"] }
}

/// Runs once, leaves the map, prints what it cost as one JSON line.
pub(crate) fn run(args: &OwnArgs) -> anyhow::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build()?;
    let x = load(&args.input)?;
    let start = load(&args.init)?;
    anyhow::ensure!(start.n_cols() == 2, "the initial map has {} columns, not 2", start.n_cols());
    let (clock, before) = (Instant::now(), Usage::now());
    let map = pool.install(|| embed(args, &x, &start))?;
    let (wall_s, used) = (clock.elapsed().as_secs_f64(), Usage::now().since(&before));
    write_npy(&args.output, &[x.n_rows(), 2], map.as_flattened())?;
    let line = serde_json::json!({
        "wall_s": wall_s,
        "cpu_s": used.cpu_seconds,
        "peak_bytes": used.peak_memory_bytes,
        "version": env!("CARGO_PKG_VERSION"),
    });
    println!("{line}");
    Ok(())
}

fn load(path: &Path) -> anyhow::Result<Rows<f64>> {
    let matrix = read(path, &ReadOptions::default())?.matrix;
    let n_cols = matrix.n_cols();
    Rows::from_vec(matrix.into_dense_f64(u64::MAX)?, n_cols).context("no columns")
}

/// Neighbours, affinities and the map; with attributions of |y|² at the end of exaggeration if
/// the name asks for them.
fn embed(args: &OwnArgs, x: &Rows<f64>, start: &Rows<f64>) -> anyhow::Result<Vec<[f32; 2]>> {
    let params = TsneParams::default()
        .with_perplexity(args.perplexity)
        .with_n_iter(args.n_iter)
        .with_exaggeration(args.exaggeration)
        .with_exaggeration_iter(args.exaggeration_iter)
        .with_learning_rate(LearningRate::Fixed(args.learning_rate))
        .with_method(Method::BarnesHut)
        .with_angle(args.angle)
        .with_n_iter_without_progress(usize::MAX)
        .with_min_grad_norm(0.0);
    let affinities = params.affinities(x.as_mat(), &mut Silent, MemoryBudget::default())?;
    let start = start.as_slice().chunks_exact(2).map(|y| [y[0] as f32, y[1] as f32]).collect();
    let mut optimizer = Optimizer::<f32, 2>::new(&affinities, &params, start)?;
    match args.name.as_str() {
        "embex" => {
            optimizer.run(&mut [], &mut Silent)?;
        }
        "embex-attributions" => attribute(&params, &affinities, x, &mut optimizer)?,
        other => bail!("no contender {other:?}"),
    }
    Ok(optimizer.y().to_vec())
}

fn attribute(
    params: &TsneParams,
    affinities: &Affinities,
    x: &Rows<f64>,
    optimizer: &mut Optimizer<'_, f32, 2>,
) -> anyhow::Result<()> {
    let x = Rows::<f32>::convert_from(x.as_mat());
    let wanted = AttributeParams::default();
    let attributor = Attributor::new(&wanted, params, affinities, x.as_mat())?;
    let found = attributor.run(optimizer, &mut Silent)?;
    for attribution in found.attributions {
        attribution.project(x.as_mat())?;
    }
    Ok(())
}
