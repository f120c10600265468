//! Runs the experiments of a request.

use std::cell::RefCell;
use std::fs;

use anyhow::Context as _;
use embex_report::Environment;

use super::args::{ReproduceArgs, Request};
use super::context::{Context, Incomplete, Shard};
use super::data::{DataFolder, Missing};
use super::environment::environment;
use super::experiment::{Experiment, Findings};
use super::report::{self, Finished, Outcome};
use super::store::Store;

/// Runs what was asked for, writes the report, and fails if a gate does.
pub(crate) fn run(args: &ReproduceArgs) -> anyhow::Result<()> {
    let request = args.request()?;
    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    request.save(&args.out)?;
    let bench = Bench {
        store: Store::open(args.out.join("cells"))?,
        data: DataFolder::new(request.data.clone()),
        environment: environment(),
        shard: args.shard.unwrap_or(Shard { index: 0, count: 1 }),
        request,
    };
    let mut finished = Vec::new();
    for experiment in bench.request.experiments()? {
        finished.push(bench.run(experiment)?);
    }
    report::write(&bench.request, &bench.environment, finished, args)
}

/// Everything that the experiments of one run share.
struct Bench {
    request: Request,
    store: Store,
    data: DataFolder,
    environment: Environment,
    shard: Shard,
}

impl Bench {
    fn run(&self, experiment: &'static Experiment) -> anyhow::Result<Finished> {
        eprintln!("{}: {}", experiment.id, experiment.title);
        let cx = Context {
            tier: self.request.tier,
            seed: self.request.seed,
            experiment,
            store: &self.store,
            data: &self.data,
            shard: self.shard,
            environment: &self.environment,
            missing: RefCell::default(),
        };
        let outcome = Self::outcome((experiment.run)(&cx), &cx)
            .with_context(|| format!("experiment {}", experiment.id))?;
        eprintln!("  {outcome}");
        Ok(Finished { experiment, outcome, missing: cx.missing.into_inner() })
    }

    /// Tells what is missing, a result, from what went wrong.
    fn outcome(result: anyhow::Result<Findings>, cx: &Context<'_>) -> anyhow::Result<Outcome> {
        let error = match result {
            Ok(findings) => return Ok(Outcome::Done(Box::new(findings))),
            Err(error) => error,
        };
        let error = match error.downcast::<Missing>() {
            Ok(missing) => {
                let why = missing.to_string();
                cx.missing.borrow_mut().push(missing);
                return Ok(Outcome::NotRun(why));
            }
            Err(error) => error,
        };
        let incomplete = error.downcast::<Incomplete>()?;
        Ok(Outcome::Waiting(incomplete.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use embex_report::Section;

    use super::super::{KERNELS, Tier};
    use super::*;

    static COMPUTED: AtomicUsize = AtomicUsize::new(0);

    const SQUARES: Experiment = Experiment {
        id: "squares",
        title: "squares of small numbers",
        needs: &[],
        also: &[],
        crates: KERNELS,
        sources: &[include_str!("run.rs")],
        run: |cx| {
            let cells = cx.grid("squares").run(&[1.0, 2.0, 3.0], |x: &f64| {
                COMPUTED.fetch_add(1, Ordering::SeqCst);
                Ok(x * x)
            })?;
            let mut findings = Findings::new(Section::default());
            let sum: f64 = cells.iter().map(|cell| cell.value).sum();
            findings.records.push(cells[0].record("published", cx.seed).with_metric("sum", sum));
            findings.gate("the sum is 14", sum == 14.0, format!("{sum}"));
            Ok(findings)
        },
    };

    const NEEDY: Experiment = Experiment {
        id: "needy",
        needs: &["mnist"],
        run: |cx| {
            cx.data("mnist")?;
            Ok(Findings::new(Section::default()))
        },
        ..SQUARES
    };

    fn bench(folder: &std::path::Path, shard: &str) -> Bench {
        Bench {
            request: Request { ids: Vec::new(), tier: Tier::Quick, seed: 0, data: None },
            store: Store::open(folder.to_path_buf()).expect("opens"),
            data: DataFolder::new(None),
            environment: Environment::default(),
            shard: shard.parse().expect("a shard"),
        }
    }

    #[test]
    fn shards_share_the_cells_and_finished_ones_are_not_redone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = bench(folder.path(), "1/2").run(&SQUARES).expect("runs");
        assert!(matches!(first.outcome, Outcome::Waiting(_)), "{}", first.outcome);
        assert_eq!(COMPUTED.load(Ordering::SeqCst), 2);
        bench(folder.path(), "2/2").run(&SQUARES).expect("runs");
        let whole = bench(folder.path(), "1/1").run(&SQUARES).expect("runs");
        assert_eq!(COMPUTED.load(Ordering::SeqCst), 3);
        let Outcome::Done(findings) = whole.outcome else { panic!("not done") };
        assert_eq!(findings.records[0].metrics["sum"], 14.0);
        assert!(findings.gates[0].holds);
    }

    #[test]
    fn missing_data_are_a_result() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let done = bench(folder.path(), "1/1").run(&NEEDY).expect("no error");
        assert!(matches!(&done.outcome, Outcome::NotRun(why) if why.contains("mnist")));
        assert_eq!(done.missing.len(), 1);
    }
}
