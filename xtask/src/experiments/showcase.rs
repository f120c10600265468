//! The front-page example: which pixels make a digit, which genes make a cell type, by three
//! answers side by side.

mod digits;
mod pbmc;
mod ranking;
mod told;

use embex_report::plot::ScatterMap;
use embex_report::{Entry, Figure, Section, Table, text};
use embex_tsne::summary::TopFeatures;

use self::ranking::{ANSWERS, TOP, interval};
use self::told::{CORRELATED, Config, Data, NEIGHBOURS, Told, tell};
use crate::reproduce::{Cell, Context, Experiment, Findings, KERNELS};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "showcase",
    title: "digits and blood cells: what makes a group, by importance, sensitivity and contrast",
    needs: &[],
    also: &[],
    crates: KERNELS,
    sources: &[
        include_str!("showcase.rs"),
        include_str!("showcase/digits.rs"),
        include_str!("showcase/pbmc.rs"),
        include_str!("showcase/ranking.rs"),
        include_str!("showcase/told.rs"),
    ],
    run,
};

/// Updates of every map.
const N_ITER: usize = 1000;

fn run(cx: &Context<'_>) -> anyhow::Result<Findings> {
    let starts = cx.tier.pick(2, 5, 10);
    let config = |data: &str, components| Config {
        data: data.to_owned(),
        components,
        asked: None,
        n_iter: N_ITER,
        seed: 0,
    };
    let digits = Study::new(cx, digits::load()?, &config("digits", None), starts)?;
    let pbmc = Study::new(cx, pbmc::load()?, &config("pbmc3k", Some(pbmc::COMPONENTS)), starts)?;
    let mut findings = Findings::new(Section {
        id: EXPERIMENT.id.to_owned(),
        title: EXPERIMENT.title.to_owned(),
        text: introduction(&digits, &pbmc, starts),
        ..Section::default()
    });
    let both = [&digits, &pbmc];
    findings.section.text.extend(both.iter().map(|study| study.saturation()));
    findings.section.tables.push(maps(&both));
    findings.section.tables.push(overlaps(&both)?);
    for study in both {
        study.record(&mut findings)?;
        findings.section.figures.push(study.map_figure()?);
        let what = format!("{}, {} maps", study.name(), study.cells.len());
        findings.gate("every answer is finite", study.is_finite(), what);
    }
    digits::report(&digits, &mut findings)?;
    pbmc::report(&pbmc, &mut findings)?;
    Ok(findings)
}

fn introduction(digits: &Study, pbmc: &Study, starts: u64) -> Vec<String> {
    vec![
        "Each map is asked three questions per feature and group. Importance: how much worse \
         would the finished map fit the data if the feature were put to its mean (rise of \
         KL(P‖Q), charged to the group's points)? Sensitivity: how strongly does the place of the \
         group's points respond to the feature (corrected attributions at the end of early \
         exaggeration; mean of |attribution of |y|²|, and mean length of the derivative of the \
         place)? Contrast (difference of means): how far does the group's mean lie from the mean of \
         the rest, in standard deviations? Contrast knows no map; it is the baseline. No answer has \
         a sign here: a feature that a group lacks can come first."
            .to_owned(),
        format!(
            "One copy of a feature stands in for another, so copies hide each other from the first \
             question. \"Importance of correlated groups\" therefore puts features whose \
             correlations chain above |r| = {CORRELATED} to their means together and gives each what \
             its group is worth; a feature without such relatives keeps its own importance. A group is \
             worth more than one feature for its size alone, so the two are shown side by side."
        ),
        format!(
            "Digits: {} images of 8 × 8 pixels as they are. Blood cells: {} cells, counts \
             log-normalised, {} principal components without scaling, explained in {} of the {} \
             bundled genes. Perplexity 30, {N_ITER} updates, {starts} starts (principal components \
             with seeded noise); ± is a standard deviation over starts, so contrast, which does not \
             depend on them, has ± 0. The {NEIGHBOURS} neighbours are those in the space that the \
             map is made of.",
            digits.data.labels.len(),
            pbmc.data.labels.len(),
            pbmc::COMPONENTS,
            pbmc.asked.len(),
            pbmc.data.features.len(),
        ),
    ]
}

/// All maps of one data set.
struct Study {
    data: Data,
    /// Features asked for.
    asked: Vec<usize>,
    configs: Vec<Config>,
    cells: Vec<Cell<Told>>,
}

impl Study {
    fn new(cx: &Context<'_>, data: Data, first: &Config, starts: u64) -> anyhow::Result<Self> {
        let seeds = cx.seed..cx.seed + starts;
        let configs: Vec<Config> = seeds.map(|seed| Config { seed, ..first.clone() }).collect();
        let cells = cx.grid(&first.data).run(&configs, |config| tell(&data, config))?;
        Ok(Self { asked: data.asked(first.asked)?, data, configs, cells })
    }

    fn name(&self) -> &str {
        &self.configs[0].data
    }

    /// One number per map.
    fn each(&self, of: impl Fn(&Told) -> f64) -> Vec<f64> {
        self.cells.iter().map(|cell| of(&cell.value)).collect()
    }

    /// Group × asked feature, map by map, for the answer at a place of [`ANSWERS`].
    fn values(&self, answer: usize) -> anyhow::Result<Vec<embex_linalg::Rows<f64>>> {
        let source = ANSWERS[answer].0;
        let of = |cell: &Cell<Told>| ranking::of_asked(&cell.value, source, &self.asked);
        self.cells.iter().map(of).collect()
    }

    /// The first features of every group, map by map.
    fn tops(&self, answer: usize) -> anyhow::Result<Vec<TopFeatures>> {
        self.values(answer)?.iter().map(ranking::top).collect()
    }

    /// Name of an asked feature.
    fn feature(&self, asked: u32) -> &str {
        &self.data.features[self.asked[asked as usize]]
    }

    fn is_finite(&self) -> bool {
        self.cells.iter().all(|cell| {
            let told = &cell.value;
            let values = ANSWERS.iter().filter_map(|answer| answer.0.values(told).ok());
            let finite = values.flat_map(embex_linalg::Rows::as_slice).all(|v| v.is_finite());
            finite && told.kl.is_finite() && told.map.as_flattened().iter().all(|v| v.is_finite())
        })
    }

    /// What vanished affinities hide from derivatives, in words.
    fn saturation(&self) -> String {
        let saturation = &self.cells[0].value.saturation; // of the affinities: equal for all starts
        let name =
            |&(a, b): &(usize, usize)| format!("{} / {}", self.data.groups[a], self.data.groups[b]);
        let groups = self.data.groups.len();
        let blind: Vec<String> = saturation.blind_pairs().iter().map(name).collect();
        let warning = saturation.warning(&self.data.groups).unwrap_or_else(|| {
            format!(
                "no warning, {} % of the affinity lies across groups",
                text::number(100.0 * saturation.across, 3)
            )
        });
        let pairs = groups * (groups - 1) / 2;
        let open = if pairs > 2 * blind.len() {
            format!("cut off from each other: {}", blind.join(", "))
        } else {
            let seen = |a: usize, b: usize| !saturation.blind_pairs().contains(&(a, b));
            let pairs = (0..groups).flat_map(|a| (a + 1..groups).map(move |b| (a, b)));
            let open: Vec<String> = pairs.filter(|&(a, b)| seen(a, b)).map(|p| name(&p)).collect();
            format!("all are cut off from each other but {}", open.join(", "))
        };
        format!(
            "Saturation, {}: {warning}. Of {pairs} pairs of groups {} share less than 1 % of their \
             affinity, where derivatives see little; {open}.",
            self.name(),
            blind.len()
        )
    }

    fn map_figure(&self) -> anyhow::Result<Figure> {
        let points = self.cells[0].value.map.iter().map(|y| (f64::from(y[0]), f64::from(y[1])));
        let caption = format!("Map of {}, seed {}", self.name(), self.configs[0].seed);
        let map = ScatterMap {
            title: caption.clone(),
            points: points.collect(),
            groups: self.data.labels.clone(),
            names: self.data.groups.clone(),
        };
        let (name, svg) = (format!("showcase-{}-map", self.name()), map.to_svg()?);
        Ok(Figure { name, caption, svg })
    }

    /// Quality of every map, and every answer's agreement with contrast.
    fn record(&self, findings: &mut Findings) -> anyhow::Result<()> {
        for (cell, config) in self.cells.iter().zip(&self.configs) {
            let record = cell.record("map", config.seed).with_param("data", self.name());
            findings.records.push(
                record
                    .with_metric("kl", cell.value.kl)
                    .with_metric("neighbours_kept", cell.value.kept)
                    .with_metric("affinity_across_groups", cell.value.saturation.across),
            );
        }
        let contrast = self.tops(ANSWERS.len() - 1)?;
        for (answer, (_, method, _)) in ANSWERS.iter().enumerate() {
            for (at, top) in self.tops(answer)?.iter().enumerate() {
                let record = self.cells[at].record(method, self.configs[at].seed);
                let shared = ranking::overlap(top, &contrast[at]);
                findings.records.push(
                    record
                        .with_param("data", self.name())
                        .with_metric("top_shared_with_contrast", shared),
                );
            }
        }
        Ok(())
    }
}

/// How good the maps are.
fn maps(studies: &[&Study]) -> Table {
    let columns = [
        "data",
        "samples",
        "features",
        "starts",
        "KL",
        "KL, 95 % interval",
        "10-NN kept",
        "10-NN kept, 95 % interval",
        "affinity across groups",
        "steps shortened",
    ];
    let mut table = Table::new("The maps", &columns);
    for study in studies {
        let (kl, kept) = (study.each(|told| told.kl), study.each(|told| told.kept));
        table.push([
            study.name().into(),
            (study.data.labels.len() as f64).into(),
            (study.data.features.len() as f64).into(),
            (study.cells.len() as f64).into(),
            Entry::mean_sd(&kl),
            interval(&kl),
            Entry::mean_sd(&kept),
            interval(&kept),
            study.cells[0].value.saturation.across.into(),
            Entry::mean_sd(&study.each(|told| told.limited)),
        ]);
    }
    table
}

/// How far the answers agree with each other, and each with itself from another start.
fn overlaps(studies: &[&Study]) -> anyhow::Result<Table> {
    let title = format!("Share of the first {TOP} features in common, mean over groups");
    let columns = ["data", "answer", "and", "shared", "95 % interval", "by chance"];
    let mut table = Table::new(&title, &columns);
    for study in studies {
        let tops = (0..ANSWERS.len()).map(|a| study.tops(a)).collect::<Result<Vec<_>, _>>()?;
        let chance = Entry::Number(TOP.min(study.asked.len()) as f64 / study.asked.len() as f64);
        for (a, (_, _, title)) in ANSWERS.iter().enumerate() {
            for (b, (_, _, other)) in ANSWERS.iter().enumerate().skip(a + 1) {
                let shared = |(x, y)| ranking::overlap(x, y);
                let shared: Vec<f64> = tops[a].iter().zip(&tops[b]).map(shared).collect();
                table.push([
                    study.name().into(),
                    (*title).into(),
                    (*other).into(),
                    Entry::mean_sd(&shared),
                    interval(&shared),
                    chance.clone(),
                ]);
            }
        }
        for (of_answer, (_, _, title)) in tops.iter().zip(ANSWERS).take(ANSWERS.len() - 1) {
            let row = [study.name().into(), title.into(), "itself, from another start".into()];
            let end = [Entry::mean_sd(&between_starts(of_answer)), Entry::Blank, chance.clone()];
            table.push(row.into_iter().chain(end));
        }
    }
    Ok(table)
}

/// Overlaps of all pairs of starts.
fn between_starts(tops: &[TopFeatures]) -> Vec<f64> {
    let pairs = (0..tops.len()).flat_map(|a| (a + 1..tops.len()).map(move |b| (a, b)));
    pairs.map(|(a, b)| ranking::overlap(&tops[a], &tops[b])).collect()
}
