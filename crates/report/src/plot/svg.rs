//! The few SVG elements the figures are made of.

use std::fmt::Write as _;

use crate::text;

/// An SVG under construction. Coordinates are printed with at most one decimal.
pub(super) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A coordinate: one decimal, no trailing zero, no negative zero.
pub(super) fn coordinate(v: f64) -> String {
    let tenths = (v * 10.0).round();
    if tenths % 10.0 == 0.0 {
        format!("{}", (tenths / 10.0) as i64)
    } else {
        format!("{}", tenths / 10.0)
    }
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { body: String::new(), width, height }
    }

    /// Closes the figure under its title.
    pub(super) fn finish(self, title: &str) -> String {
        let (w, h, title) = (coordinate(self.width), coordinate(self.height), text::html(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" role=\"img\" font-family=\"system-ui,sans-serif\" \
             font-size=\"12\"><title>{title}</title>\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body
        )
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str) {
        let _ = writeln!(
            self.body,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{stroke}\"/>",
            coordinate(from.0),
            coordinate(from.1),
            coordinate(to.0),
            coordinate(to.1)
        );
    }

    pub(super) fn rect(&mut self, at: (f64, f64), size: (f64, f64), fill: &str) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>",
            coordinate(at.0),
            coordinate(at.1),
            coordinate(size.0),
            coordinate(size.1)
        );
    }

    /// A path with given presentation attributes.
    pub(super) fn path(&mut self, d: &str, attributes: &str) {
        let _ = writeln!(self.body, "<path d=\"{d}\" {attributes}/>");
    }

    pub(super) fn circle(&mut self, at: (f64, f64), radius: f64, fill: &str) {
        let _ = writeln!(
            self.body,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{fill}\"/>",
            coordinate(at.0),
            coordinate(at.1),
            coordinate(radius)
        );
    }

    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, words: &str) {
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" fill=\"#222222\">{}</text>",
            coordinate(at.0),
            coordinate(at.1),
            anchor.word(),
            text::html(words)
        );
    }

    /// Text that reads upwards, centred on its point.
    pub(super) fn text_upwards(&mut self, at: (f64, f64), words: &str) {
        let (x, y) = (coordinate(at.0), coordinate(at.1));
        let _ = writeln!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#222222\" \
             transform=\"rotate(-90 {x} {y})\">{}</text>",
            text::html(words)
        );
    }

    /// A title in bold over the whole width.
    pub(super) fn heading(&mut self, words: &str) {
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"20\" text-anchor=\"middle\" font-size=\"14\" \
             font-weight=\"600\" fill=\"#111111\">{}</text>",
            coordinate(self.width / 2.0),
            text::html(words)
        );
    }

    /// Coloured squares with names, in one column from `at` down.
    pub(super) fn legend(&mut self, at: (f64, f64), entries: &[(String, String)]) {
        for (line, (colour, name)) in entries.iter().enumerate() {
            let y = at.1 + 18.0 * line as f64;
            self.rect((at.0, y), (12.0, 12.0), colour);
            self.text((at.0 + 18.0, y + 10.5), Anchor::Start, &shortened(name, 24));
        }
    }
}

/// At most `most` characters, the cut marked.
pub(super) fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        name.to_owned()
    } else {
        name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_never_minus_zero() {
        assert_eq!(coordinate(-0.01), "0");
        assert_eq!(coordinate(12.34), "12.3");
        assert_eq!(coordinate(12.0), "12");
        assert_eq!(coordinate(-1.25), "-1.3");
    }

    #[test]
    fn names_cannot_leave_their_element() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text((0.0, 0.0), Anchor::End, "</text><script>");
        let out = svg.finish("<&>");
        assert!(!out.contains("<script>") && out.contains("<title>&lt;&amp;&gt;</title>"));
        assert_eq!(shortened("äöü", 2), "ä…");
    }
}
