//! \[TG, Fig. 8\]: time of t-SNE and of its attributions against features and samples.

mod clock;
mod share;
mod sizes;

use embex_report::{CellRecord, Section};

use crate::reproduce::{Context, Experiment, Findings, KERNELS};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "tg-bench",
    title: "TG, Fig. 8: time against features and samples",
    needs: &[],
    also: &[],
    crates: KERNELS,
    sources: &[
        include_str!("tg_bench.rs"),
        include_str!("tg_bench/clock.rs"),
        include_str!("tg_bench/share.rs"),
        include_str!("tg_bench/sizes.rs"),
    ],
    run,
};

/// Pairs of runs, without and with attributions, behind every time.
const REPEATS: usize = 5;

fn run(cx: &Context<'_>) -> anyhow::Result<Findings> {
    let mut findings = Findings::new(Section {
        id: EXPERIMENT.id.to_owned(),
        title: EXPERIMENT.title.to_owned(),
        ..Section::default()
    });
    sizes::measure(cx, &mut findings)?;
    share::measure(cx, &mut findings)?;
    findings.section.text = text();
    findings.section.text.push(machines(&findings.records));
    Ok(findings)
}

fn text() -> Vec<String> {
    vec![
        format!(
            "Every time is the median of {REPEATS} pairs of runs, first without, then with \
             attributions of |y|² at update 250, projected to all features; \"attributions\" is what \
             they add, by the same pairs. CPU seconds are processor time over all threads; wall \
             seconds beside them also hold what else the machine did. Projection is the product \
             that brings in the features, a part of the attributions."
        ),
        "Against features and samples: Barnes–Hut, 250 updates, the paper's settings and data, on \
         one thread, where CPU seconds count work and no waiting. Exponents are slopes of \
         ln(CPU seconds) over ln(size) by least squares over all sizes. The paper (16 cores) gives about \
         2 s for the map and 5 s to 2 min for the attributions, which grow linearly with the \
         features; ours grow with the features only in the projection."
            .to_owned(),
        "Last, whole runs by Barnes–Hut with our default settings, on all threads, neighbours \
         excluded."
            .to_owned(),
    ]
}

/// Where the cells were timed, which may have been somewhere else than here.
fn machines(records: &[CellRecord]) -> String {
    let mut found: Vec<String> = Vec::new();
    for record in records {
        let at = &record.environment;
        let cpu = at.cpu.as_deref().unwrap_or("unknown processor");
        let words = format!("{cpu}, {} threads, {}", at.threads, at.os);
        if !found.contains(&words) {
            found.push(words);
        }
    }
    format!("Timed on: {}.", found.join("; "))
}
