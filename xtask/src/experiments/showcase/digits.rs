//! Scikit-learn's digits: which pixels make a digit.

use anyhow::Context as _;
use embex_io::Digits;
use embex_linalg::Rows;
use embex_report::plot::{Scale, Tile, Tiles};
use embex_report::{Figure, Table};

use super::Study;
use super::ranking::{self, ANSWERS};
use super::told::Data;
use crate::reproduce::Findings;

/// Side of an image.
const SIDE: usize = 8;
/// Pixels named per digit.
const SHOWN: usize = 6;

pub(super) fn load() -> anyhow::Result<Data> {
    let digits = Digits::load()?;
    let pixels = digits.pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    Ok(Data {
        x: Rows::from_vec(pixels, SIDE * SIDE).context("the digits are whole images")?,
        features: (0..SIDE * SIDE).map(|d| format!("r{}c{}", d / SIDE, d % SIDE)).collect(),
        labels: digits.labels.iter().map(|&digit| u32::from(digit)).collect(),
        groups: (0..10).map(|digit: u32| digit.to_string()).collect(),
    })
}

pub(super) fn report(study: &Study, findings: &mut Findings) -> anyhow::Result<()> {
    let answers = ANSWERS.iter().enumerate();
    let means = answers.map(|(a, _)| ranking::mean(&study.values(a)?));
    let means = means.collect::<anyhow::Result<Vec<Rows<f64>>>>()?;
    findings.section.tables.push(first_pixels(study, &means)?);
    findings.section.figures.push(tiles(study, &means)?);
    let constant = constant_pixels(&study.data);
    let used = largest_at(&means[..means.len() - 1], &constant);
    let seen = format!("{} constant pixels, largest answer {used:e}", constant.len());
    findings.gate("constant pixels have no importance and no sensitivity", used <= 0.0, seen);
    Ok(())
}

/// The first pixels of every digit by every answer, from the mean over starts.
fn first_pixels(study: &Study, means: &[Rows<f64>]) -> anyhow::Result<Table> {
    let title = format!("Digits: first {SHOWN} pixels (row and column from 0)");
    let mut columns = vec!["digit"];
    columns.extend(ANSWERS.iter().map(|answer| answer.2));
    let mut table = Table::new(&title, &columns);
    let tops = means.iter().map(ranking::top).collect::<Result<Vec<_>, _>>()?;
    for (g, digit) in study.data.groups.iter().enumerate() {
        let named = tops.iter().map(|top| {
            let first = top.features(g).iter().take(SHOWN).map(|&d| study.feature(d));
            first.collect::<Vec<_>>().join(" ").into()
        });
        table.push(std::iter::once(digit.as_str().into()).chain(named));
    }
    Ok(table)
}

/// A row of heat maps per answer, the mean images above.
fn tiles(study: &Study, means: &[Rows<f64>]) -> anyhow::Result<Figure> {
    let tile = |name: String, values: &[f64], scale| Tile {
        name,
        height: SIDE,
        width: SIDE,
        values: values.to_vec(),
        scale,
    };
    let images = mean_images(&study.data);
    let mut tiles: Vec<Tile> = (images.iter().enumerate())
        .map(|(digit, image)| tile(format!("mean {digit}"), image, Scale::Sequential))
        .collect();
    let names = [
        ("importance", Scale::Diverging),
        ("groups", Scale::Diverging),
        ("sensitivity", Scale::Sequential),
        ("norm", Scale::Sequential),
        ("contrast", Scale::Sequential),
    ];
    for ((name, scale), values) in names.into_iter().zip(means) {
        let of = |digit| tile(format!("{name} {digit}"), values.row(digit), scale);
        tiles.extend((0..images.len()).map(of));
    }
    let title =
        "Digits: mean image, importance (single pixels, correlated groups), sensitivity (two \
                 summaries), contrast"
            .to_owned();
    Ok(Figure {
        name: "showcase-digits-tiles".to_owned(),
        caption: format!(
            "{title}; each tile has its own scale, answers are means over {} starts. Importance is \
             grey at 0 and blue where the map would fit better without the pixel.",
            study.cells.len()
        ),
        svg: Tiles { title, per_row: images.len(), tiles }.to_svg()?,
    })
}

/// Mean pixel values per group.
fn mean_images(data: &Data) -> Vec<Vec<f64>> {
    let mut images = vec![vec![0.0; data.features.len()]; data.groups.len()];
    let mut sizes = vec![0.0; data.groups.len()];
    for (i, &group) in data.labels.iter().enumerate() {
        sizes[group as usize] += 1.0;
        let pixels = images[group as usize].iter_mut().zip(data.x.row(i));
        pixels.for_each(|(sum, &pixel)| *sum += f64::from(pixel));
    }
    for (image, size) in images.iter_mut().zip(sizes) {
        for sum in image {
            *sum /= size;
        }
    }
    images
}

fn constant_pixels(data: &Data) -> Vec<usize> {
    let first = data.x.row(0);
    let equal = |d: &usize| (1..data.labels.len()).all(|i| data.x.row(i)[*d] == first[*d]);
    (0..first.len()).filter(equal).collect()
}

/// Largest |value| of these features in any group under any answer.
fn largest_at(answers: &[Rows<f64>], features: &[usize]) -> f64 {
    let rows = answers.iter().flat_map(|rows| (0..rows.n_rows()).map(|g| rows.row(g)));
    rows.flat_map(|row| features.iter().map(|&d| row[d].abs())).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_their_means_and_blank_corners() {
        let data = load().expect("bundled");
        let images = mean_images(&data);
        let zero = data.labels.iter().filter(|&&label| label == 0).count() as f64;
        let sum: f64 = (0..data.labels.len())
            .filter(|&i| data.labels[i] == 0)
            .map(|i| f64::from(data.x.row(i)[20]))
            .sum();
        assert!((images[0][20] - sum / zero).abs() < 1e-12);
        assert_eq!(constant_pixels(&data), [0, 32, 39]);
        assert!(largest_at(&[Rows::from_vec(vec![1.0, -3.0], 2).expect("a row")], &[1]) > 2.0);
    }
}
