//! The input, initial map and settings that all contenders get.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use embex_io::{ReadOptions, read, write_npy};
use embex_linalg::Rows;
use embex_linalg::faer::MatRef;
use embex_linalg::pca::PcaParams;

use super::CompareArgs;
use crate::exit::Refusal;
use crate::mnist;
use crate::reproduce::DataFolder;

const PERPLEXITY: f64 = 30.0;
const EXAGGERATION: f64 = 12.0;
const EXAGGERATION_ITER: usize = 250;
const ANGLE: f64 = 0.5;
/// Principal components kept of MNIST, as every peer's guide does.
const COMPONENTS: usize = 50;
/// Standard deviation of the first axis of the initial map.
const INIT_SPREAD: f64 = 1e-4;

/// What is embedded, and how.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) x: Rows<f64>,
    pub(super) input: PathBuf,
    pub(super) init: PathBuf,
    pub(super) n_iter: usize,
    pub(super) learning_rate: f64,
}

impl Task {
    /// Reads the input and leaves it, with an initial map from its principal components, in `folder`.
    pub(super) fn prepare(args: &CompareArgs, folder: &Path) -> anyhow::Result<Self> {
        let x = load(&args.input, args.data.as_deref())?;
        let n = x.n_rows();
        let (input, init) = (folder.join("x.npy"), folder.join("init.npy"));
        write_npy(&input, &[n, x.n_cols()], x.as_slice())?;
        let start = initial_map(x.as_mat())?;
        write_npy(&init, &[n, 2], start.as_slice())?;
        let auto = (n as f64 / (4.0 * EXAGGERATION)).max(50.0);
        let learning_rate = args.learning_rate.unwrap_or(auto);
        let n_iter = args.n_iter.unwrap_or(if args.attributions { 260 } else { 1000 });
        if n_iter <= EXAGGERATION_ITER {
            let what =
                format!("--n-iter {n_iter}: peers need more than {EXAGGERATION_ITER} updates");
            return Err(Refusal::Usage(what).into());
        }
        Ok(Self { name: args.input.clone(), x, input, init, n_iter, learning_rate })
    }

    /// Command-line settings, the same for every contender.
    pub(super) fn settings(&self) -> [(&'static str, String); 6] {
        [
            ("--perplexity", PERPLEXITY.to_string()),
            ("--n-iter", self.n_iter.to_string()),
            ("--exaggeration", EXAGGERATION.to_string()),
            ("--exaggeration-iter", EXAGGERATION_ITER.to_string()),
            ("--learning-rate", self.learning_rate.to_string()),
            ("--angle", ANGLE.to_string()),
        ]
    }

    pub(super) const fn perplexity() -> f64 {
        PERPLEXITY
    }
}

fn load(name: &str, data: Option<&Path>) -> anyhow::Result<Rows<f64>> {
    let options = ReadOptions::default();
    match name {
        "digits" => rows(read("bundled:digits", &options)?.matrix),
        "mnist10k" => mnist(data, 10_000),
        "mnist70k" => mnist(data, 70_000),
        path if Path::new(path).exists() => rows(read(path, &options)?.matrix),
        _ => {
            let what = format!("--input {name:?} is neither digits, mnist10k, mnist70k nor a file");
            Err(Refusal::Usage(what).into())
        }
    }
}

fn rows(matrix: embex_io::Matrix) -> anyhow::Result<Rows<f64>> {
    let n_cols = matrix.n_cols();
    let dense = matrix.into_dense_f64(u64::MAX)?;
    Rows::from_vec(dense, n_cols).context("the matrix has no columns")
}

/// Principal components of the first `n` images.
fn mnist(data: Option<&Path>, n: usize) -> anyhow::Result<Rows<f64>> {
    let set = DataFolder::new(data.map(Path::to_path_buf)).open("mnist")?;
    let images = mnist::images(&set, n)?;
    let params = PcaParams::default().with_n_components(COMPONENTS);
    Ok(params.fit_scores(images.as_mat())?.1)
}

/// The first two principal components, the first with standard deviation [`INIT_SPREAD`].
fn initial_map(x: MatRef<'_, f64>) -> anyhow::Result<Rows<f64>> {
    let (_, mut scores) = PcaParams::default().with_n_components(2).fit_scores(x)?;
    let n = scores.n_rows() as f64;
    let variance = scores.as_slice().chunks_exact(2).map(|y| y[0] * y[0]).sum::<f64>() / n;
    let factor = INIT_SPREAD / variance.sqrt();
    scores.as_mut_slice().iter_mut().for_each(|value| *value *= factor);
    Ok(scores)
}
