//! The stages of `embex tsne`, one after another.
//!
//! read → prepare → neighbours and affinities → map with attribution recursions → importance →
//! quality → files and page. Every long stage keeps a checkpoint in `DIR.partial`; the folder
//! gets its name when it is complete. All files but the times, memory and environment in
//! `run.json` are the same bytes for any threads, memory and interruptions.

mod estimate;
mod explain;
pub(crate) mod folder;
pub(crate) mod labels;
mod map;
mod output;
mod prepare;
mod quality;
mod sensitivity;
mod sets;
mod settings;
pub(crate) mod source;
mod stored;

use std::time::Instant;

use embex_io::FeatureSet;
use embex_linalg::MemoryBudget;
use embex_report::{PhaseTime, RunResult, page::PageOptions};
use embex_tsne::Precision;
use embex_tsne::summary::Saturation;
use serde_json::{Value, json};

use crate::args::{Amount, Limit, ReportArgs, TsneArgs};
use crate::exit::{Error, Result};
use crate::progress::{self, Display};
use estimate::{Estimate, Shape};
use folder::{Folder, Opened};
use map::Attributed;
use prepare::Prepared;
use sensitivity::Sensitivities;
use sets::Sets;
use settings::Settings;
use source::Samples;
use stored::Stored;

/// Runs `embex tsne`.
pub(crate) fn tsne(args: &TsneArgs) -> Result<()> {
    args.check()?;
    use_threads(args)?;
    let mut display = Display::new(args.output);
    let settings = Settings::of(args)?;
    settings.check().map_err(|error| error.in_words_of(&args.input.input))?;
    let mut clock = Clock::default();
    let limit = Limit::now(args.run.max_memory);
    let read = source::read(&args.input, args.run.max_memory.map(|_| limit.bytes()))?;
    clock.note("read");
    let shape = Shape::of(read.matrix(), read.n_groups());
    settings.check_shape(shape.n_rows, shape.n_cols)?;
    args.check_samples(shape.n_rows)?;
    let estimate = Estimate::new(shape, &settings, args.run.max_memory)?;
    if args.run.dry_run {
        dry_run(&estimate, &settings, shape, args)?;
    }
    estimate.check(limit)?;
    let samples = read.into_samples();
    let given = sets::given(&settings, &samples.features, limit.bytes())?;
    if args.run.dry_run {
        return Ok(());
    }
    let folder = match Folder::open(&args.run, &settings)? {
        Opened::Work(folder) => folder,
        Opened::Complete => {
            let out = args.run.out.display().to_string();
            let words = format!("{out} is complete already");
            return display.event("done", json!({ "out": out }), &words);
        }
    };
    let (settings, folder_now, shown) = (&settings, &folder, &mut display);
    let mut run = Run { settings, folder: folder_now, args, limit, given, display: shown, clock };
    let outcome = run.in_types(samples);
    display.end_phase();
    finish(outcome, folder, &mut display)
}

/// Gives a finished folder its name; keeps an interrupted one, and discards a failed one.
fn finish(outcome: Result<()>, folder: Folder, display: &mut Display) -> Result<()> {
    match outcome {
        Ok(()) => {
            let out = folder.commit()?;
            let words = format!("done: {}", out.join("index.html").display());
            display.event("done", json!({ "out": out.display().to_string() }), &words)
        }
        Err(error) if error.is_cancelled() => Err(Error::Interrupted(folder.work().to_owned())),
        Err(error) if error.code() == 5 => Err(error),
        Err(error) => {
            folder.discard()?;
            Err(error)
        }
    }
}

/// Runs `embex report`.
pub(crate) fn report(args: &ReportArgs) -> Result<()> {
    let mut display = Display::new(args.output);
    RunResult::read(&args.folder)?.write_page(&args.folder, &PageOptions::default())?;
    let page = args.folder.join("index.html").display().to_string();
    display.event("done", json!({ "page": page }), &format!("done: {page}"))
}

fn use_threads(args: &TsneArgs) -> Result<()> {
    let Some(threads) = args.run.threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.into())
        .build_global()
        .map_err(|source| Error::System { action: "start the threads", source: source.into() })
}

fn dry_run(estimate: &Estimate, settings: &Settings, shape: Shape, args: &TsneArgs) -> Result<()> {
    if args.output.json {
        let settings = serde_json::to_value(settings).unwrap_or_default();
        let fields = json!({
            "rows": shape.n_rows, "columns": shape.n_cols,
            "memory": estimate.fields(), "settings": settings,
        });
        progress::line("plan", fields)?;
    } else if !args.output.quiet {
        progress::print(&format!(
            "{} samples × {} features ({} values)\nmemory by stage, about:\n{}",
            shape.n_rows,
            shape.n_cols,
            shape.n_rows.saturating_mul(shape.n_cols),
            estimate.words()
        ))?;
    }
    Ok(())
}

/// Times of the stages.
#[derive(Debug)]
struct Clock {
    last: Instant,
    times: Vec<PhaseTime>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { last: Instant::now(), times: Vec::new() }
    }
}

impl Clock {
    /// Ends a stage.
    fn note(&mut self, phase: &str) {
        let seconds = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        self.times.push(PhaseTime { phase: phase.to_owned(), seconds });
    }
}

/// A run after its samples are read.
struct Run<'a> {
    settings: &'a Settings,
    folder: &'a Folder,
    args: &'a TsneArgs,
    limit: Limit,
    /// Sets of features that were given.
    given: Option<Vec<FeatureSet>>,
    display: &'a mut Display,
    clock: Clock,
}

impl Run<'_> {
    /// The stages in the number type and the axes that the settings ask for.
    fn in_types(&mut self, samples: Samples) -> Result<()> {
        let params = &self.settings.map;
        match (params.precision, params.n_components) {
            (Precision::Single, 1) => self.stages::<f32, 1>(samples),
            (Precision::Single, 2) => self.stages::<f32, 2>(samples),
            (Precision::Single, _) => self.stages::<f32, 3>(samples),
            (Precision::Double, 1) => self.stages::<f64, 1>(samples),
            (Precision::Double, 2) => self.stages::<f64, 2>(samples),
            (Precision::Double, _) => self.stages::<f64, 3>(samples),
        }
    }

    /// Every stage frees what no later one needs: the memory of a run is that of its largest.
    fn stages<T: Stored, const C: usize>(&mut self, samples: Samples) -> Result<()> {
        let (settings, folder) = (self.settings, self.folder);
        let budget = estimate::budget(self.args.run.max_memory);
        let named = |error: Error| error.in_words_of(&settings.input.source);
        let prepared = prepare::prepare::<T>(samples, settings, self.limit.bytes(), self.display)
            .map_err(named)?;
        self.clock.note("prepare");
        let affinities =
            map::affinities(&prepared, settings, folder, budget, self.display).map_err(named)?;
        self.clock.note("neighbours");
        let every = self.args.run.checkpoint_every.get();
        let mut made =
            map::make::<T, C>(&prepared, &affinities, settings, folder, every, self.display)?;
        self.clock.note("map");
        let saturation = match &prepared.groups {
            Some((_, groups)) => Some(Saturation::new(&affinities, groups)?),
            None => None,
        };
        let quality =
            quality::measure(&prepared, &affinities, &made, saturation.as_ref(), self.display)?;
        drop(affinities);
        self.clock.note("quality");
        let sensitivities = match made.attributions.take() {
            Some(found) => self.sensitivities(&found, &prepared, budget)?,
            None => None,
        };
        self.clock.note("sensitivity");
        let importance = match &settings.explain.importance {
            Some(asked) => {
                let (map, features) = (made.map.as_mat(), prepared.features.as_mat());
                let (given, display) = (self.given.as_deref(), &mut *self.display);
                let sets = || Sets::of(asked, given, features, &prepared.names);
                let sets = display.spin("feature sets", sets)??;
                let what = (asked, &sets);
                let found =
                    explain::importance(&prepared, map, settings, what, folder, budget, display)?;
                Some((found, sets))
            }
            None => None,
        };
        self.clock.note("importance");
        let (importance, sets) = importance.unzip();
        let found =
            output::Found { prepared, made, sensitivities, importance, sets, saturation, quality };
        self.warn(&found)?;
        let times = &mut self.clock.times;
        self.display.spin("files", || output::write(found, settings, folder, times))?
    }

    /// With the first features of each point, unless those by importance will be listed.
    fn sensitivities<T: Stored>(
        &mut self,
        found: &Attributed<T>,
        prepared: &Prepared<T>,
        budget: MemoryBudget,
    ) -> Result<Option<Sensitivities>> {
        let explain = &self.settings.explain;
        let is_listed = explain.importance.is_none() && explain.top > 0;
        let top = is_listed.then_some(explain.top);
        sensitivity::sensitivities(found, prepared, top, self.folder, budget, self.display)
    }

    fn warn<T>(&mut self, found: &output::Found<T>) -> Result<()> {
        for notice in output::notices(found) {
            self.display.warn(&notice)?;
        }
        let number = |place: &str| found.quality.pointer(place).and_then(Value::as_f64);
        let kl = number("/kl").unwrap_or(f64::NAN);
        let kept = number("/neighbours_kept/share").unwrap_or(f64::NAN);
        let peak = embex_io::Usage::now().peak_memory_bytes;
        let memory = peak.map_or(String::new(), |bytes| format!(", peak memory {}", Amount(bytes)));
        let words = format!("KL {kl:.4}, 10-neighbour preservation {kept:.3}{memory}");
        self.display.event("quality", json!({ "quality": found.quality }), &words)
    }
}
