//! The report of a reproduction: claims with verdicts, tables and figures, as HTML, Markdown, CSV.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::claims::{Estimate, Outcome, Verdict};
use crate::{Claim, Entry, Environment, Table, text};

/// A figure with what it shows in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// File name without ending, unique in the report: where Markdown looks for `NAME.svg`.
    pub name: String,
    /// One or two sentences below it.
    pub caption: String,
    /// The SVG, from [`crate::plot`].
    pub svg: String,
}

/// One experiment in the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Id of the experiment, as `tg-synthetic`.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// Paragraphs of plain text.
    pub text: Vec<String>,
    /// Tables, after the text.
    pub tables: Vec<Table>,
    /// Figures, after the tables.
    pub figures: Vec<Figure>,
}

/// A data set that an experiment wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataNote {
    /// Its name.
    pub name: String,
    /// Whether it was there.
    pub found: bool,
    /// Where it comes from and where it is expected.
    pub source: String,
}

/// Everything a reproduction has to say. Equal contents give equal bytes.
///
/// ```
/// use embex_report::{Reproduction, Section};
/// let mut report = Reproduction::new("Reproduction", "quick", "cargo xtask reproduce");
/// report.sections.push(Section { id: "showcase".into(), ..Section::default() });
/// assert!(report.to_html().starts_with("<!doctype html>"));
/// assert!(report.to_markdown().contains("## showcase"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reproduction {
    /// Heading.
    pub title: String,
    /// Tier it ran at: `quick`, `short`, `full`.
    pub tier: String,
    /// Command that makes it again.
    pub command: String,
    /// Where it ran.
    pub environment: Environment,
    /// Wall time of all cells together.
    pub seconds: f64,
    /// The claims, judged.
    pub outcomes: Vec<Outcome>,
    /// The experiments.
    pub sections: Vec<Section>,
    /// The data sets wanted.
    pub data: Vec<DataNote>,
}

/// Methods with columns of their own, in order; all others are shown after them by name.
const METHODS: [(&str, &str); 7] = [
    ("published", "ours as published"),
    ("corrected", "ours corrected"),
    ("fixed_point", "fixed point"),
    ("importance", "importance"),
    ("random", "random"),
    ("mean_difference", "difference of means"),
    ("variance", "variance"),
];

const UNDECIDED: &str = " Undecided: the mean of our runs lies less than a standard error from \
                         the border between reproduced and differs.";

impl Reproduction {
    /// An empty report.
    pub fn new(title: &str, tier: &str, command: &str) -> Self {
        Self {
            title: title.to_owned(),
            tier: tier.to_owned(),
            command: command.to_owned(),
            ..Self::default()
        }
    }

    /// How a method's column is headed.
    ///
    /// ```
    /// assert_eq!(embex_report::Reproduction::method_title("published"), "ours as published");
    /// assert_eq!(embex_report::Reproduction::method_title("peer"), "peer");
    /// ```
    pub fn method_title(method: &str) -> &str {
        METHODS.iter().find(|(id, _)| *id == method).map_or(method, |(_, title)| title)
    }

    /// The claims that have a verdict: the paper's value, ours by every method, the verdict.
    pub fn claims_table(&self) -> Table {
        let outcomes: Vec<&Outcome> =
            self.outcomes.iter().filter(|o| !matches!(o.verdict, Verdict::NotRun(_))).collect();
        let methods = methods_of(&outcomes);
        let mut columns = vec!["claim", "where", "paper"];
        columns.extend(methods.iter().map(|method| Self::method_title(method)));
        columns.extend(["runs", "95 % interval", "deviation (sd of the paper)", "verdict", "note"]);
        let mut table = Table::new("Claims", &columns);
        for outcome in outcomes {
            table.push(claim_row(outcome, &methods));
        }
        table
    }

    /// The claims without a verdict, counted by table or figure, and why.
    pub fn not_run_table(&self) -> Table {
        let mut counts: BTreeMap<(&str, &str, &str, &str), usize> = BTreeMap::new();
        for Outcome { claim, verdict, .. } in &self.outcomes {
            if let Verdict::NotRun(why) = verdict {
                let of = (&*claim.experiment, &*claim.paper, &*claim.place, &**why);
                *counts.entry(of).or_default() += 1;
            }
        }
        let mut table = Table::new("Claims not run", &["experiment", "where", "claims", "why"]);
        for ((experiment, paper, place, why), count) in counts {
            let place = format!("{paper}, {place}");
            table.push([experiment.into(), place.into(), (count as f64).into(), why.into()]);
        }
        table
    }

    /// How many claims have each verdict: reproduced, differs, undecided, not run.
    pub fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for outcome in &self.outcomes {
            counts[match outcome.verdict {
                Verdict::Reproduced => 0,
                Verdict::Differs => 1,
                Verdict::Undecided => 2,
                Verdict::NotRun(_) => 3,
            }] += 1;
        }
        counts
    }

    fn verdict_tables(&self) -> impl Iterator<Item = Table> {
        [self.claims_table(), self.not_run_table()].into_iter().filter(|t| !t.rows.is_empty())
    }

    fn summary_line(&self) -> String {
        let (tier, time) = (&self.tier, text::seconds(self.seconds));
        let about = if self.counts()[2] == 0 { "" } else { UNDECIDED };
        format!("{}. Tier {tier}, {time} of computing.{about}", self.verdicts_line())
    }

    /// How many claims there are and how many have each verdict, in words.
    pub fn verdicts_line(&self) -> String {
        let [reproduced, differ, undecided, not_run] = self.counts();
        format!(
            "{} claims: {reproduced} reproduced, {differ} differ, {undecided} undecided, \
             {not_run} not run",
            self.outcomes.len()
        )
    }

    fn environment_table(&self) -> Table {
        let env = &self.environment;
        let unknown = || "unknown".to_owned();
        let mut table = Table::new("Environment", &["what", "value"]);
        table.push(["commit".into(), env.commit.clone().unwrap_or_else(unknown).into()]);
        table.push(["processor".into(), env.cpu.clone().unwrap_or_else(unknown).into()]);
        table.push(["system".into(), env.os.clone().into()]);
        table.push(["threads".into(), (env.threads as f64).into()]);
        for (name, version) in &env.versions {
            table.push([name.clone().into(), version.clone().into()]);
        }
        table
    }

    fn data_table(&self) -> Table {
        let mut table = Table::new("Data", &["data set", "found", "source and expected place"]);
        for note in &self.data {
            let found = if note.found { "yes" } else { "missing" };
            table.push([note.name.clone().into(), found.into(), note.source.clone().into()]);
        }
        table
    }

    /// One HTML file: no script, no network, figures inside.
    pub fn to_html(&self) -> String {
        let title = text::html(&self.title);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'; img-src data:\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>{title}</title>\n<style>{}</style></head><body>\n<h1>{title}</h1>\n",
            include_str!("reproduction.css")
        );
        let _ = writeln!(out, "<p>{}</p>", text::html(&self.summary_line()));
        let _ = writeln!(out, "<p>Made by <code>{}</code></p>", text::html(&self.command));
        for table in self.verdict_tables() {
            out += &wide(&table);
        }
        for section in &self.sections {
            section_html(&mut out, section);
        }
        if !self.data.is_empty() {
            out += &wide(&self.data_table());
        }
        out += &wide(&self.environment_table());
        out.push_str("</body></html>\n");
        out
    }

    /// One Markdown file; figures are `figures/NAME.svg` beside it.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# {}\n\n{}\n\n", text::markdown(&self.title), self.summary_line());
        let _ = writeln!(out, "Made by `{}`\n", self.command.replace('`', "'"));
        for table in self.verdict_tables() {
            out += &table.to_markdown();
        }
        for section in &self.sections {
            let heading = heading(section);
            let _ = writeln!(out, "## {}\n", text::markdown(&heading));
            for paragraph in &section.text {
                let _ = writeln!(out, "{}\n", text::markdown(paragraph));
            }
            for table in &section.tables {
                out += &table.to_markdown();
            }
            for figure in &section.figures {
                let caption = text::markdown(&figure.caption);
                let _ = writeln!(out, "![{caption}](figures/{}.svg)\n\n{caption}\n", figure.name);
            }
        }
        if !self.data.is_empty() {
            out += &self.data_table().to_markdown();
        }
        out + &self.environment_table().to_markdown()
    }

    /// All claims as CSV: one row per claim and method, numbers in full.
    pub fn to_csv(&self) -> String {
        let columns = [
            "id",
            "paper",
            "place",
            "cell",
            "experiment",
            "metric",
            "paper_value",
            "paper_sd",
            "tolerance",
            "method",
            "mean",
            "sd",
            "n",
            "interval_low",
            "interval_high",
            "deviation_sd",
            "verdict",
            "why_not_run",
        ];
        let mut table = Table::new("Claims", &columns);
        for outcome in &self.outcomes {
            if outcome.estimates.is_empty() {
                table.push(csv_row(outcome, &outcome.claim.method, None));
            }
            for (method, estimate) in &outcome.estimates {
                table.push(csv_row(outcome, method, Some(estimate)));
            }
        }
        table.to_csv()
    }
}

/// Methods with an estimate in any outcome: the known ones in their order, then by name.
fn methods_of<'a>(outcomes: &[&'a Outcome]) -> Vec<&'a str> {
    let mut present: Vec<&str> =
        outcomes.iter().flat_map(|o| o.estimates.keys().map(String::as_str)).collect();
    let rank = |method: &str| METHODS.iter().position(|(id, _)| *id == method);
    present.sort_by_key(|method| (rank(method).unwrap_or(METHODS.len()), *method));
    present.dedup();
    present
}

fn paper_value(claim: &Claim) -> Entry {
    match claim.sd {
        Some(sd) => Entry::MeanSd { mean: claim.value, sd, n: 0 },
        None => Entry::Number(claim.value),
    }
}

fn claim_row(outcome: &Outcome, methods: &[&str]) -> Vec<Entry> {
    let claim = &outcome.claim;
    let mut row = vec![
        Entry::Text(claim.cell.clone()),
        Entry::Text(format!("{}, {}", claim.paper, claim.place)),
        paper_value(claim),
    ];
    row.extend(methods.iter().map(|&method| match outcome.estimates.get(method) {
        None => Entry::Blank,
        Some(e) => Entry::MeanSd { mean: e.mean, sd: e.sd.unwrap_or(f64::NAN), n: e.n },
    }));
    let own = outcome.estimates.get(&claim.method);
    row.push(own.map_or(Entry::Blank, |e| Entry::Number(e.n as f64)));
    row.push(own.and_then(|e| e.interval).map_or(Entry::Blank, |(low, high)| {
        Entry::Text(format!("{} … {}", text::number(low, 3), text::number(high, 3)))
    }));
    row.push(outcome.deviation_sd.map_or(Entry::Blank, |sd| {
        let sign = if sd > 0.0 { "+" } else { "" };
        Entry::Text(format!("{sign}{}", text::number(sd, 2)))
    }));
    row.push(outcome.verdict.word().into());
    row.push(Entry::Text(claim.note.clone()));
    row
}

fn csv_row(outcome: &Outcome, method: &str, estimate: Option<&Estimate>) -> Vec<Entry> {
    let claim = &outcome.claim;
    let own = method == claim.method;
    let interval = estimate.and_then(|e| e.interval);
    let words =
        [&claim.id, &claim.paper, &claim.place, &claim.cell, &claim.experiment, &claim.metric];
    let mut row: Vec<Entry> = words.into_iter().map(|word| Entry::Text(word.clone())).collect();
    row.extend([
        claim.value.into(),
        claim.sd.into(),
        claim.tolerance.into(),
        method.into(),
        estimate.map(|e| e.mean).into(),
        estimate.and_then(|e| e.sd).into(),
        estimate.map(|e| e.n as f64).into(),
        interval.map(|i| i.0).into(),
        interval.map(|i| i.1).into(),
        outcome.deviation_sd.filter(|_| own).into(),
        if own { outcome.verdict.word().into() } else { Entry::Blank },
        match &outcome.verdict {
            Verdict::NotRun(why) if own => Entry::Text(why.clone()),
            _ => Entry::Blank,
        },
    ]);
    row
}

fn heading(section: &Section) -> String {
    if section.title.is_empty() {
        section.id.clone()
    } else {
        format!("{}: {}", section.id, section.title)
    }
}

/// A table that scrolls sideways by itself.
fn wide(table: &Table) -> String {
    format!("<div class=\"wide\">{}</div>\n", table.to_html())
}

fn section_html(out: &mut String, section: &Section) {
    let id = text::html(&section.id);
    let _ = writeln!(out, "<section id=\"{id}\"><h2>{}</h2>", text::html(&heading(section)));
    for paragraph in &section.text {
        let _ = writeln!(out, "<p>{}</p>", text::html(paragraph));
    }
    for table in &section.tables {
        *out += &wide(table);
    }
    for figure in &section.figures {
        let caption = text::html(&figure.caption);
        let _ = writeln!(out, "<figure>{}<figcaption>{caption}</figcaption></figure>", figure.svg);
    }
    out.push_str("</section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CellRecord, claims};

    fn report() -> Reproduction {
        let toml = "[[claim]]\nid='a'\npaper='TG'\nplace='Table S1'\ncell='c'\nexperiment='e'\n\
                    metric='m'\nvalue=1.0\nsd=0.1\ntolerance=0.1\n\
                    [[claim]]\nid='b'\npaper='TG'\nplace='<Fig>'\ncell='c|d'\nexperiment='f'\n\
                    metric='m'\nvalue=1.0\n";
        let cells = [
            CellRecord::new("e", "published", 0).with_metric("m", 1.0),
            CellRecord::new("e", "published", 1).with_metric("m", 1.1),
            CellRecord::new("e", "zeta", 0).with_metric("m", 3.0),
            CellRecord::new("e", "importance", 0).with_metric("m", 2.0),
        ];
        let not_run = BTreeMap::from([("f".to_owned(), "mnist is missing".to_owned())]);
        let mut report = Reproduction::new("R <&>", "quick", "cargo xtask reproduce");
        report.outcomes = claims::judge(&claims::parse(toml).unwrap(), &cells, &not_run);
        report.sections.push(Section {
            id: "e".into(),
            title: "<i>".into(),
            text: vec!["a < b".into()],
            tables: vec![Table::new("t", &["x"]).with_row([1.0.into()])],
            figures: vec![Figure {
                name: "f".into(),
                caption: "\"c\"".into(),
                svg: "<svg></svg>".into(),
            }],
        });
        report
    }

    #[test]
    fn columns_come_in_the_order_of_the_method_list() {
        let table = report().claims_table();
        let expected =
            ["claim", "where", "paper", "ours as published", "importance", "zeta", "runs"];
        assert_eq!(table.columns[..7], expected);
        assert_eq!(table.rows.len(), 1);
        assert_eq!(report().counts(), [0, 0, 1, 1]);
        let not_run = report().not_run_table();
        assert_eq!(
            not_run.rows,
            [["f".into(), "TG, <Fig>".into(), 1.0.into(), "mnist is missing".into()]]
        );
    }

    #[test]
    fn html_is_escaped_and_free_of_script() {
        let html = report().to_html();
        assert!(html.contains("<h1>R &lt;&amp;&gt;</h1>") && html.contains("mnist is missing"));
        assert!(!html.contains("<script") && !html.contains("<i>") && !html.contains("<Fig>"));
        assert!(!html.contains("http://") && !html.contains("https://"));
    }

    #[test]
    fn markdown_names_the_figures_and_escapes_pipes() {
        let markdown = report().to_markdown();
        assert!(markdown.contains("](figures/f.svg)") && markdown.contains("mnist is missing"));
        assert!(markdown.contains("2 claims: 0 reproduced, 0 differ, 1 undecided, 1 not run."));
    }

    #[test]
    fn csv_has_one_row_per_claim_and_method() {
        let csv = report().to_csv();
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!(rows.len(), 1 + 3 + 1);
        assert!(rows.iter().all(|row| row.matches(',').count() == 17));
        assert!(rows[4].ends_with("not run,mnist is missing"));
    }
}
