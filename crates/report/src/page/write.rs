//! Puts a page together: frame, style, data blocks, meta data, script.

use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::encode::{self, Blocks, LayerMeta};
use super::input::{Layer, LayerData, LayerKind, PageInput, SummaryColumn, TopFeatures};
use crate::{Result, palette, text};

const STYLE: &str = include_str!("assets/page.css");
const BODY: &str = include_str!("assets/body.html");
/// The parts of the script, in order; they share one function scope.
const SCRIPT: [&str; 12] = [
    include_str!("assets/dom.js"),
    include_str!("assets/data.js"),
    include_str!("assets/colour.js"),
    include_str!("assets/geometry.js"),
    include_str!("assets/map.js"),
    include_str!("assets/labels.js"),
    include_str!("assets/search.js"),
    include_str!("assets/panels.js"),
    include_str!("assets/facts.js"),
    include_str!("assets/table.js"),
    include_str!("assets/main.js"),
    include_str!("assets/selftest.js"),
];

/// Nothing but the page itself: no network, no eval, no frames.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      img-src data: blob:; base-uri 'none'; form-action 'none'";

/// How large a page may get.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageOptions {
    /// Entries (points × features) stored over all dense layers; beyond it only the features that
    /// matter most to some group are stored, and the page says so. Default 64 · 2²⁰: a page of
    /// 70,000 × 784 pixels is about 20 MB.
    pub max_cells: usize,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self { max_cells: 64 << 20 }
    }
}

impl PageOptions {
    /// Sets [`Self::max_cells`].
    #[must_use]
    pub const fn with_max_cells(mut self, max_cells: usize) -> Self {
        self.max_cells = max_cells;
        self
    }
}

#[derive(Serialize)]
struct Meta<'a> {
    title: &'a str,
    version: &'static str,
    n: usize,
    dims: usize,
    features: &'a [String],
    names: Option<&'a [String]>,
    groups: Option<Value>,
    stability: Option<usize>,
    coords: usize,
    layers: Vec<Value>,
    top: Option<Value>,
    summary: Vec<Value>,
    sets: Option<Value>,
    saturation: Option<Value>,
    notices: &'a [String],
    image: Option<Value>,
    run: &'a Value,
    colours: Value,
}

/// Writes the page of `input` to `out`.
///
/// One HTML file that works from disk, without network, and under a content-security policy
/// without `unsafe-eval` (it carries such a policy itself). Colours are stored with 16 bits per
/// entry, or 8 for more than two million entries of a layer; top features and group summaries
/// are stored in full precision.
///
/// # Errors
/// Those of [`PageInput::check`], and [`crate::Error::Write`].
///
/// # Cost
/// One pass over each layer for ranges and one to encode; memory of a few blocks of 2 MiB.
///
/// # Example
/// ```
/// use embex_report::{Matrix, page};
/// let coords = Matrix::new(2, 2, vec![0.0, 0.0, 1.0, 1.0])?;
/// let input = page::PageInput::new("two points", coords, vec!["x".into()]);
/// let mut html = Vec::new();
/// page::write(&input, &page::PageOptions::default(), &mut html)?;
/// assert!(html.starts_with(b"<!doctype html>"));
/// # Ok::<(), embex_report::Error>(())
/// ```
pub fn write(input: &PageInput, options: &PageOptions, out: &mut dyn Write) -> Result<()> {
    write_with_run(input, &input.run, options, out)
}

/// As [`write`], with other facts of the run than the input's own.
pub(crate) fn write_with_run(
    input: &PageInput,
    run: &Value,
    options: &PageOptions,
    out: &mut dyn Write,
) -> Result<()> {
    input.check()?;
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"embex {}\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style></head>\n{BODY}",
        env!("CARGO_PKG_VERSION"),
        text::html(&input.title)
    )?;
    let mut blocks = Blocks::new(out);
    let meta = text::script_json(&meta(input, run, options, &mut blocks)?)?;
    writeln!(out, "<script type=\"application/json\" id=\"meta\">{meta}</script>")?;
    writeln!(out, "<script>\n(() => {{\n\"use strict\";")?;
    for part in SCRIPT {
        out.write_all(part.as_bytes())?;
    }
    writeln!(out, "}})();\n</script>\n</body></html>")?;
    Ok(())
}

fn meta<'a>(
    input: &'a PageInput,
    run: &'a Value,
    options: &PageOptions,
    blocks: &mut Blocks<'_>,
) -> Result<Meta<'a>> {
    let coords = blocks.add_f32(input.coords.as_slice().iter().copied())?;
    let groups = match &input.groups {
        None => None,
        Some(groups) => Some(json!({
            "title": groups.title, "names": groups.names, "of": blocks.add_u32(&groups.of_point)?,
        })),
    };
    let stability = input.stability.as_deref().map(|values| blocks.add_f64(values)).transpose()?;
    let mut summary = Vec::new();
    for SummaryColumn { name, by_size, values } in input.summary.columns() {
        if let Some(matrix) = values {
            let block = blocks.add_f64(matrix.as_slice())?;
            summary.push(json!({ "name": name, "by_size": by_size, "block": block }));
        }
    }
    let sets = match &input.sets {
        None => None,
        Some(sets) => Some(json!({
            "title": sets.title, "names": sets.names, "of": blocks.add_u32(&sets.of_feature)?,
        })),
    };
    let top = input.top.as_ref().map(|top| top_meta(top, blocks)).transpose()?;
    Ok(Meta {
        title: &input.title,
        version: env!("CARGO_PKG_VERSION"),
        n: input.n_points(),
        dims: input.coords.n_cols(),
        features: &input.features,
        names: (!input.point_names.is_empty()).then_some(&input.point_names),
        groups,
        stability,
        coords,
        layers: layers_meta(input, options, blocks)?,
        top,
        summary,
        sets,
        saturation: input
            .saturation
            .map(|s| json!({ "mass": s.mass_across, "saturated": s.saturated })),
        notices: &input.notices,
        image: input.image.map(|image| json!([image.height, image.width])),
        run,
        colours: colours(input.n_groups()),
    })
}

fn top_meta(top: &TopFeatures, blocks: &mut Blocks<'_>) -> Result<Value> {
    Ok(json!({
        "k": top.k,
        "kind": top.kind.map(LayerKind::word),
        "features": blocks.add_u32(&top.features)?,
        "values": blocks.add_f32(top.values.iter().copied())?,
    }))
}

fn layers_meta(
    input: &PageInput,
    options: &PageOptions,
    blocks: &mut Blocks<'_>,
) -> Result<Vec<Value>> {
    let n_dense = input.layers.iter().filter(|layer| is_dense(layer)).count().max(1);
    let most = (options.max_cells / n_dense / input.n_points()).max(1);
    let chosen = (most < input.features.len()).then(|| foremost(input, most));
    let mut metas = Vec::new();
    for layer in &input.layers {
        let stored = chosen.clone().filter(|_| is_dense(layer));
        let data: LayerMeta = encode::layer(layer.kind, &layer.data, stored, blocks)?;
        metas.push(json!({ "kind": layer.kind.word(), "about": layer.about, "data": data }));
    }
    Ok(metas)
}

const fn is_dense(layer: &Layer) -> bool {
    matches!(layer.data, LayerData::Dense(_))
}

/// The `most` features that stand highest in some group, in their original order. Without a
/// summary these are the first.
fn foremost(input: &PageInput, most: usize) -> Vec<u32> {
    let rankings: Vec<Vec<usize>> =
        (0..input.n_groups()).map(|group| input.summary.ranked(group)).collect();
    let mut taken = vec![false; input.features.len()];
    let in_turn = (0..input.features.len())
        .flat_map(|rank| rankings.iter().filter_map(move |ranking| ranking.get(rank).copied()));
    let mut left = most;
    for d in in_turn.chain(0..input.features.len()) {
        if left == 0 {
            break;
        }
        if !taken[d] {
            taken[d] = true;
            left -= 1;
        }
    }
    (0..).zip(taken).filter_map(|(d, taken)| taken.then_some(d)).collect()
}

fn colours(n_groups: usize) -> Value {
    let stops = |colour: fn(f64) -> palette::Rgb, low: f64| -> Vec<String> {
        (0..=16).map(|k| colour(low + (1.0 - low) * f64::from(k) / 16.0).hex()).collect()
    };
    json!({
        "groups": (0..n_groups).map(|g| palette::group(g).hex()).collect::<Vec<_>>(),
        "diverging": stops(palette::diverging, -1.0),
        "sequential": stops(palette::sequential, 0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Matrix;
    use crate::page::Groups;

    const HOSTILE: &str = "</script><script>document.title='x'</script>\"'<!--\u{2028}ü";

    fn hostile() -> PageInput {
        let coords = Matrix::from_fn(3, 2, |i, c| (i * 2 + c) as f32);
        let mut input = PageInput::new(HOSTILE, coords, vec![HOSTILE.into(), "b".into()]);
        input.point_names = vec![HOSTILE.into(); 3];
        input.groups = Some(Groups {
            title: HOSTILE.into(),
            names: vec![HOSTILE.into()],
            of_point: vec![0; 3],
        });
        input.notices = vec![HOSTILE.into()];
        input.run = json!({ HOSTILE: HOSTILE });
        input
    }

    fn page(input: &PageInput, options: &PageOptions) -> String {
        let mut out = Vec::new();
        write(input, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hostile_names_add_no_element() {
        let options = PageOptions::default();
        let plain = {
            let mut input = hostile();
            input.title = "t".into();
            input.features[0] = "a".into();
            input.point_names = vec!["p".into(); 3];
            page(&input, &options)
        };
        let html = page(&hostile(), &options);
        assert_eq!(html.matches("<script").count(), plain.matches("<script").count());
        assert_eq!(html.matches("</script").count(), plain.matches("</script").count());
        assert!(!html.contains("document.title='x'</script>"));
    }

    #[test]
    fn the_page_refers_to_nothing_outside() {
        let html = page(&hostile(), &PageOptions::default());
        for outside in ["http://", "https://", "src=\"", "@import", "url(", "eval(", "Function("] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("default-src 'none'"));
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        let options = PageOptions::default();
        assert_eq!(page(&hostile(), &options), page(&hostile(), &options));
    }

    #[test]
    fn a_small_budget_keeps_what_matters_most() {
        let coords = Matrix::from_fn(2, 2, |i, c| (i + c) as f32);
        let names = (0..5).map(|d| format!("f{d}")).collect();
        let mut input = PageInput::new("t", coords, names);
        input.groups = Some(Groups {
            title: "g".into(),
            names: vec!["a".into(), "b".into()],
            of_point: vec![0, 1],
        });
        input.summary.importance =
            Some(Matrix::new(2, 5, vec![0., 0., 0., 9., 1., 0., 8., 0., 7., 0.]).unwrap());
        assert_eq!(foremost(&input, 2), [1, 3]);
        assert_eq!(foremost(&input, 3), [1, 3, 4]);
        input.summary.importance = None;
        assert_eq!(foremost(&input, 2), [0, 1]);
        let data = LayerData::Dense(Matrix::from_fn(2, 5, |i, d| (i * d) as f32));
        input.layers.push(Layer { kind: LayerKind::Value, about: String::new(), data });
        let html = page(&input, &PageOptions::default().with_max_cells(4));
        assert!(html.contains("\"stored\":[0,1]"));
        assert!(page(&input, &PageOptions::default()).contains("\"stored\":null"));
    }

    #[test]
    fn bad_input_writes_nothing() {
        let mut input = hostile();
        input.point_names.pop();
        let mut out = Vec::new();
        assert!(write(&input, &PageOptions::default(), &mut out).is_err());
        assert!(out.is_empty());
    }
}
