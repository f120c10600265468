//! PBMC 3k: which genes make a cell type, held against well-known markers.

use anyhow::Context as _;
use embex_io::Pbmc3k;
use embex_linalg::Rows;
use embex_metrics::auroc;
use embex_report::plot::{Axis, BarChart, BarSeries};
use embex_report::{Entry, Estimate, Figure, Table};

use super::Study;
use super::ranking::{self, ANSWERS, TOP, interval};
use super::told::{CORRELATED, Data};
use crate::reproduce::Findings;

/// Principal components that the map is made of.
pub(super) const COMPONENTS: usize = 50;
/// Genes named per type.
const SHOWN: usize = 10;

/// Textbook markers of the types, in the data's order of types; chosen before any run, whether
/// the data have them or not.
const MARKERS: [(&str, [&str; 4]); 8] = [
    ("CD4 T cells", ["IL7R", "CD3D", "LTB", "AQP3"]),
    ("CD14+ Monocytes", ["CD14", "LYZ", "S100A8", "S100A9"]),
    ("B cells", ["MS4A1", "CD79A", "CD79B", "TCL1A"]),
    ("CD8 T cells", ["CD8A", "CD8B", "GZMK", "CCL5"]),
    ("NK cells", ["GNLY", "NKG7", "GZMB", "PRF1"]),
    ("FCGR3A+ Monocytes", ["FCGR3A", "MS4A7", "LST1", "RHOC"]),
    ("Dendritic cells", ["FCER1A", "CST3", "CLEC10A", "CD1C"]),
    ("Megakaryocytes", ["PPBP", "PF4", "GP9", "TUBB1"]),
];

pub(super) fn load() -> anyhow::Result<Data> {
    let pbmc = Pbmc3k::load()?;
    let x = Rows::from_vec(pbmc.log_normalized(), pbmc.genes.len()).context("no genes")?;
    let labels = pbmc.labels.iter().map(|&label| u32::from(label)).collect();
    Ok(Data { x, labels, features: pbmc.genes, groups: pbmc.types })
}

pub(super) fn report(study: &Study, findings: &mut Findings) -> anyhow::Result<()> {
    let markers = Markers::among(study)?;
    findings.section.tables.push(first_genes(study)?);
    findings.section.tables.push(correlated_genes(study)?);
    findings.section.tables.push(markers.ranks_table());
    findings.section.tables.push(markers.hits_table());
    findings.section.tables.push(markers.auroc_table(study));
    findings.section.text.push(markers.words());
    let importance = ranking::mean(&study.values(0)?)?;
    findings.section.text.extend(small_types(study, &importance));
    findings.section.figures.push(markers.figure(study)?);
    markers.record(study, findings);
    Ok(())
}

/// The first genes of every type by every answer, from the mean over starts.
fn first_genes(study: &Study) -> anyhow::Result<Table> {
    let title = format!("Blood cells: first {SHOWN} genes of each type (* a known marker of it)");
    let mut columns = vec!["type", "cells"];
    columns.extend(ANSWERS.iter().map(|answer| answer.2));
    let mut table = Table::new(&title, &columns);
    let tops = (0..ANSWERS.len())
        .map(|answer| ranking::top(&ranking::mean(&study.values(answer)?)?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let sizes = &study.cells[0].value.summary.sizes;
    for (g, name) in study.data.groups.iter().enumerate() {
        let named = tops.iter().map(|top| {
            let first =
                top.features(g).iter().take(SHOWN).map(|&d| starred(study.feature(d), name));
            Entry::Text(first.collect::<Vec<_>>().join(", "))
        });
        let start = [name.as_str().into(), (sizes[g] as f64).into()];
        table.push(start.into_iter().chain(named));
    }
    Ok(table)
}

/// What correlated genes are worth together and alone, to the type that they mark most.
fn correlated_genes(study: &Study) -> anyhow::Result<Table> {
    let title = format!(
        "Blood cells: importance of correlated genes (|r| > {CORRELATED}), as rise of KL of the type \
         with their largest mean contrast"
    );
    let columns = [
        "genes (* a known marker of the type)",
        "count",
        "type",
        "together",
        "largest alone",
        "sum alone",
    ];
    let mut table = Table::new(&title, &columns);
    let mean_of = |answer: usize| ranking::mean(&study.values(answer)?);
    let (alone, together) = (mean_of(0)?, mean_of(1)?);
    let contrast = mean_of(ANSWERS.len() - 1)?;
    for genes in &study.cells[0].value.correlated {
        let places: Vec<usize> =
            (0..study.asked.len()).filter(|&at| genes.contains(&study.asked[at])).collect();
        let sum =
            |rows: &Rows<f64>, g: usize| places.iter().map(|&at| rows.row(g)[at]).sum::<f64>();
        let types = 0..study.data.groups.len();
        let marked = types.max_by(|&a, &b| sum(&contrast, a).total_cmp(&sum(&contrast, b)));
        let (Some(g), Some(&first)) = (marked, places.first()) else { continue };
        let name = &study.data.groups[g];
        let shown = places.iter().map(|&at| starred(study.feature(at as u32), name));
        let largest = places.iter().map(|&at| alone.row(g)[at]).fold(f64::NEG_INFINITY, f64::max);
        table.push([
            shown.collect::<Vec<_>>().join(", ").into(),
            (places.len() as f64).into(),
            name.as_str().into(),
            together.row(g)[first].into(),
            largest.into(),
            sum(&alone, g).into(),
        ]);
    }
    Ok(table)
}

/// A gene, with a star if it is a known marker of the type.
fn starred(gene: &str, group: &str) -> String {
    let star = if markers_of(group).contains(&gene) { "*" } else { "" };
    format!("{gene}{star}")
}

fn markers_of(group: &str) -> &'static [&'static str] {
    MARKERS.iter().find(|(name, _)| *name == group).map_or(&[], |(_, genes)| genes)
}

/// A marker that the data have.
struct Marker {
    gene: &'static str,
    group: String,
    /// By answer: its rank in the type, start by start.
    ranks: Vec<Vec<f64>>,
}

/// How the answers treat the known markers.
struct Markers {
    present: Vec<Marker>,
    /// Markers that the data (or the genes asked for) lack.
    absent: Vec<&'static str>,
    /// By answer, by type with markers: AUROC start by start.
    aurocs: Vec<Vec<(usize, Vec<f64>)>>,
}

impl Markers {
    fn among(study: &Study) -> anyhow::Result<Self> {
        let place = |gene: &str| {
            (0..study.asked.len()).find(|&d| study.data.features[study.asked[d]] == gene)
        };
        let mut markers = Self { present: Vec::new(), absent: Vec::new(), aurocs: Vec::new() };
        let mut places = Vec::new();
        for (g, group) in study.data.groups.iter().enumerate() {
            for &gene in markers_of(group) {
                match place(gene) {
                    Some(d) => {
                        places.push((g, d));
                        let (group, ranks) = (group.clone(), Vec::new());
                        markers.present.push(Marker { gene, group, ranks });
                    }
                    None => markers.absent.push(gene),
                }
            }
        }
        for answer in 0..ANSWERS.len() {
            let values = study.values(answer)?;
            for (marker, &(g, d)) in markers.present.iter_mut().zip(&places) {
                let rank = |rows: &Rows<f64>| Ok(ranking::descending_ranks(rows.row(g))?[d]);
                let ranks = values.iter().map(rank).collect::<anyhow::Result<Vec<f64>>>()?;
                marker.ranks.push(ranks);
            }
            markers.aurocs.push(aurocs(&values, &places)?);
        }
        Ok(markers)
    }

    /// How many markers are among the first, start by start.
    fn hits(&self, answer: usize) -> Vec<f64> {
        let starts = self.present.first().map_or(0, |marker| marker.ranks[answer].len());
        let hit = |start| move |marker: &&Marker| marker.ranks[answer][start] <= TOP as f64;
        (0..starts).map(|start| self.present.iter().filter(hit(start)).count() as f64).collect()
    }

    /// Mean over types, start by start.
    fn mean_auroc(&self, answer: usize) -> Vec<f64> {
        let of_types = &self.aurocs[answer];
        let starts = of_types.first().map_or(0, |(_, of_starts)| of_starts.len());
        let sum = |start: usize| of_types.iter().map(|(_, found)| found[start]).sum::<f64>();
        (0..starts).map(|start| sum(start) / of_types.len() as f64).collect()
    }

    fn ranks_table(&self) -> Table {
        let title = "Blood cells: rank of known markers within their type (1 is first)";
        let mut columns = vec!["type", "marker"];
        columns.extend(ANSWERS.iter().map(|answer| answer.2));
        let mut table = Table::new(title, &columns);
        for marker in &self.present {
            let start = [Entry::Text(marker.group.clone()), marker.gene.into()];
            table.push(start.into_iter().chain(marker.ranks.iter().map(|of| Entry::mean_sd(of))));
        }
        table
    }

    fn hits_table(&self) -> Table {
        let title = "Blood cells: known markers found";
        let (first, count) = (format!("among the first {TOP}"), self.present.len() as f64);
        let columns =
            ["answer", &first, "95 % interval", "of", "AUROC, mean over types", "95 % interval"];
        let mut table = Table::new(title, &columns);
        for (answer, (_, _, title)) in ANSWERS.iter().enumerate() {
            let (hits, auroc) = (self.hits(answer), self.mean_auroc(answer));
            let of = [Entry::mean_sd(&hits), interval(&hits), count.into()];
            let row = std::iter::once((*title).into()).chain(of);
            table.push(row.chain([Entry::mean_sd(&auroc), interval(&auroc)]));
        }
        table
    }

    fn auroc_table(&self, study: &Study) -> Table {
        let title = "Blood cells: AUROC of a type's markers against all other genes";
        let mut columns = vec!["type"];
        columns.extend(ANSWERS.iter().map(|answer| answer.2));
        let mut table = Table::new(title, &columns);
        for (at, (g, _)) in self.aurocs[0].iter().enumerate() {
            let of_answers = self.aurocs.iter().map(|of_types| Entry::mean_sd(&of_types[at].1));
            let name = study.data.groups[*g].as_str().into();
            table.push(std::iter::once(name).chain(of_answers));
        }
        table
    }

    /// Hits and misses in words.
    fn words(&self) -> String {
        let mut text = format!(
            "Markers: four textbook genes per type, chosen beforehand. The bundled genes (a usual \
             choice of variable ones) lack {} of the {}: {}. For the other {}, a miss is a mean rank \
             beyond {TOP}.",
            self.absent.len(),
            self.absent.len() + self.present.len(),
            self.absent.join(", "),
            self.present.len(),
        );
        for (answer, (_, _, title)) in ANSWERS.iter().enumerate() {
            let missed: Vec<String> =
                self.present.iter().filter_map(|marker| miss(marker, answer)).collect();
            let list = if missed.is_empty() { "none".to_owned() } else { missed.join(", ") };
            text.push_str(" Missed by ");
            text.push_str(&[title, ": ", &list, "."].concat());
        }
        text
    }

    fn figure(&self, study: &Study) -> anyhow::Result<Figure> {
        let types = self.aurocs[0].iter().map(|(g, _)| short(&study.data.groups[*g])).collect();
        let series = ANSWERS.iter().zip(&self.aurocs).map(|((_, _, title), of_types)| {
            let of = |(_, found): &(usize, Vec<f64>)| Estimate::of(found);
            let estimates: Vec<_> = of_types.iter().map(of).collect();
            BarSeries {
                name: (*title).to_owned(),
                values: estimates.iter().map(|e| e.map_or(f64::NAN, |e| e.mean)).collect(),
                errors: estimates.iter().map(|e| e.and_then(|e| e.sd).unwrap_or(0.0)).collect(),
            }
        });
        let title = "AUROC of known markers by type".to_owned();
        Ok(Figure {
            name: "showcase-pbmc3k-markers".to_owned(),
            caption: format!(
                "{title}; 0.5 is chance, bars show the standard deviation over starts"
            ),
            svg: BarChart {
                title,
                categories: types,
                y: Axis::linear("AUROC").with_range(0.0, 1.0),
                series: series.collect(),
            }
            .to_svg()?,
        })
    }

    fn record(&self, study: &Study, findings: &mut Findings) {
        for (answer, (_, method, _)) in ANSWERS.iter().enumerate() {
            let found = self.hits(answer).into_iter().zip(self.mean_auroc(answer));
            for (at, (hits, auroc)) in found.enumerate() {
                let record = study.cells[at].record(method, study.configs[at].seed);
                findings.records.push(
                    record
                        .with_param("data", study.name())
                        .with_metric("marker_hits", hits)
                        .with_metric("marker_auroc", auroc),
                );
            }
        }
    }
}

/// A type's name that fits below its bars.
fn short(name: &str) -> String {
    name.replace(" cells", "").replace(" Monocytes", " mono").replace("karyocytes", "")
}

/// A warning of types that have fewer cells than the perplexity.
fn small_types(study: &Study, importance: &Rows<f64>) -> Option<String> {
    let perplexity = embex_tsne::TsneParams::default().perplexity;
    let sizes = study.cells[0].value.summary.sizes.iter().enumerate();
    let small: Vec<String> = sizes
        .filter(|(_, size)| (**size as f64) < perplexity)
        .map(|(g, size)| {
            let row = importance.row(g);
            let below = row.iter().filter(|&&rise| rise < 0.0).count() as f64 / row.len() as f64;
            let name = &study.data.groups[g];
            format!("{name} ({size} cells; importance below 0 for {:.0} % of genes)", 100.0 * below)
        })
        .collect();
    (!small.is_empty()).then(|| {
        format!(
            "Fewer cells than the perplexity of {perplexity}: {}. Most neighbours of such a cell \
             are of other types, whatever its genes; the map cannot show the type as the data have \
             it, and ranks by importance say little there.",
            small.join(", ")
        )
    })
}

/// A marker beyond the first genes, with its mean rank.
fn miss(marker: &Marker, answer: usize) -> Option<String> {
    let rank = Estimate::of(&marker.ranks[answer])?.mean;
    (rank > TOP as f64).then(|| format!("{} ({rank:.0})", marker.gene))
}

/// By type with markers, start by start: do its markers outrank all other genes?
fn aurocs(
    values: &[Rows<f64>],
    places: &[(usize, usize)],
) -> anyhow::Result<Vec<(usize, Vec<f64>)>> {
    let mut groups: Vec<usize> = places.iter().map(|&(g, _)| g).collect();
    groups.dedup();
    let of_group = |g: usize| {
        let of_start = |rows: &Rows<f64>| {
            let mut positive = vec![false; rows.n_cols()];
            places.iter().filter(|place| place.0 == g).for_each(|place| positive[place.1] = true);
            Ok(auroc(rows.row(g), &positive)?)
        };
        Ok((g, values.iter().map(of_start).collect::<anyhow::Result<Vec<f64>>>()?))
    };
    groups.into_iter().map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_markers_and_its_name() {
        let data = load().expect("bundled");
        let names: Vec<&str> = MARKERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(data.groups, names);
        for (name, genes) in MARKERS {
            let there = genes.iter().any(|gene| data.features.iter().any(|have| have == gene));
            assert!(there, "no marker of {name} among the bundled genes");
        }
    }

    #[test]
    fn auroc_is_taken_within_the_type_of_the_marker() {
        let values = Rows::from_vec(vec![3.0, 1.0, 2.0, 0.0, 5.0, 4.0], 3).expect("2 × 3");
        let found = aurocs(&[values], &[(0, 0), (1, 2)]).expect("finite");
        assert_eq!(found, [(0, vec![1.0]), (1, vec![0.5])]);
    }

    #[test]
    fn a_miss_is_named_with_its_rank() {
        let marker =
            |ranks: &[f64]| Marker { gene: "CD9", group: "a".into(), ranks: vec![ranks.to_vec()] };
        assert_eq!(miss(&marker(&[20.0, 20.0]), 0), None);
        assert_eq!(miss(&marker(&[20.0, 41.0]), 0).as_deref(), Some("CD9 (30)"));
    }
}
