//! Tables of text and numbers, written as HTML, Markdown and CSV.

use std::fmt::Write as _;

use crate::claims::Estimate;
use crate::text;

/// One entry of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Nothing is known.
    Blank,
    /// Words.
    Text(String),
    /// A number, printed with four significant digits for people and in full in CSV.
    Number(f64),
    /// A mean with its standard deviation over `n` repetitions.
    MeanSd {
        /// Mean.
        mean: f64,
        /// Standard deviation of the sample; NaN for a single repetition.
        sd: f64,
        /// Repetitions.
        n: usize,
    },
}

impl Entry {
    /// Mean and standard deviation of repetitions; blank without any. A spread of the size of
    /// rounding is 0.
    pub fn mean_sd(values: &[f64]) -> Self {
        let shown = |sd: f64, mean: f64| if sd < 1e-12 * mean.abs() { 0.0 } else { sd };
        Estimate::of(values).map_or(Self::Blank, |e| Self::MeanSd {
            mean: e.mean,
            sd: e.sd.map_or(f64::NAN, |sd| shown(sd, e.mean)),
            n: e.n,
        })
    }

    /// For people.
    pub fn show(&self) -> String {
        match self {
            Self::Blank => String::new(),
            Self::Text(words) => words.clone(),
            Self::Number(x) => text::number(*x, 4),
            Self::MeanSd { mean, sd, .. } if sd.is_finite() => {
                format!("{} ± {}", text::number(*mean, 3), text::number(*sd, 2))
            }
            Self::MeanSd { mean, .. } => text::number(*mean, 3),
        }
    }

    /// For programs: numbers in full, a mean without its deviation.
    fn exact(&self) -> String {
        match self {
            Self::Number(x) | Self::MeanSd { mean: x, .. } if x.is_finite() => x.to_string(),
            Self::Number(_) | Self::MeanSd { .. } | Self::Blank => String::new(),
            Self::Text(words) => words.clone(),
        }
    }

    const fn is_numeric(&self) -> bool {
        matches!(self, Self::Number(_) | Self::MeanSd { .. })
    }
}

impl From<&str> for Entry {
    fn from(words: &str) -> Self {
        Self::Text(words.to_owned())
    }
}

impl From<String> for Entry {
    fn from(words: String) -> Self {
        Self::Text(words)
    }
}

impl From<f64> for Entry {
    fn from(x: f64) -> Self {
        Self::Number(x)
    }
}

impl From<Option<f64>> for Entry {
    fn from(x: Option<f64>) -> Self {
        x.map_or(Self::Blank, Self::Number)
    }
}

/// A titled table. Short rows are filled with blanks, surplus entries are not shown.
///
/// ```
/// use embex_report::Table;
/// let table = Table::new("Times", &["method", "seconds"]).with_row(["a|b".into(), 1.5.into()]);
/// assert!(table.to_markdown().contains(r"| a\|b | 1.5 |"));
/// assert_eq!(table.to_csv(), "method,seconds\na|b,1.5\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What the table shows.
    pub title: String,
    /// Column names.
    pub columns: Vec<String>,
    /// Entries, row after row.
    pub rows: Vec<Vec<Entry>>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: Vec::new() }
    }

    /// Appends a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = Entry>) {
        self.rows.push(row.into_iter().collect());
    }

    /// Appends a row.
    #[must_use]
    pub fn with_row(mut self, row: impl IntoIterator<Item = Entry>) -> Self {
        self.push(row);
        self
    }

    fn entries<'a>(&self, row: &'a [Entry]) -> impl Iterator<Item = &'a Entry> + use<'a> {
        row.iter().chain(std::iter::repeat(&Entry::Blank)).take(self.columns.len())
    }

    /// An HTML `table` element with its caption.
    pub fn to_html(&self) -> String {
        let mut out = format!("<table><caption>{}</caption><thead><tr>", text::html(&self.title));
        for name in &self.columns {
            let _ = write!(out, "<th scope=\"col\">{}</th>", text::html(name));
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for entry in self.entries(row) {
                let class = if entry.is_numeric() { " class=\"n\"" } else { "" };
                let _ = write!(out, "<td{class}>{}</td>", text::html(&entry.show()));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table>\n");
        out
    }

    /// A Markdown table under its title in bold.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("**{}**\n\n|", text::markdown(&self.title));
        for name in &self.columns {
            let _ = write!(out, " {} |", text::markdown(name));
        }
        out.push_str("\n|");
        for d in 0..self.columns.len() {
            let numeric = self.rows.iter().filter_map(|row| row.get(d)).any(Entry::is_numeric);
            out.push_str(if numeric { "---:|" } else { "---|" });
        }
        out.push('\n');
        for row in &self.rows {
            out.push('|');
            for entry in self.entries(row) {
                let _ = write!(out, " {} |", text::markdown(&entry.show()));
            }
            out.push('\n');
        }
        out.push('\n');
        out
    }

    /// CSV with a header row, quoted as in RFC 4180, lines ended by `\n`; numbers in full.
    pub fn to_csv(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|name| text::csv_field(name)).collect();
        let mut out = names.join(",") + "\n";
        for row in &self.rows {
            let fields: Vec<String> =
                self.entries(row).map(|entry| text::csv_field(&entry.exact())).collect();
            out += &(fields.join(",") + "\n");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_cells_stay_inside_their_cells() {
        let table = Table::new("<b>", &["x"]).with_row(["</td><script>".into()]);
        let html = table.to_html();
        assert!(!html.contains("<script>") && !html.contains("<b>"));
        assert!(table.to_csv().starts_with("x\n"));
    }

    #[test]
    fn short_rows_are_filled_and_surplus_entries_dropped() {
        let mut table = Table::new("t", &["a", "b"]);
        table.push([1.0.into()]);
        table.push([1.0.into(), 2.0.into(), 3.0.into()]);
        assert_eq!(table.to_csv(), "a,b\n1,\n1,2\n");
    }

    #[test]
    fn csv_keeps_every_digit_and_shows_no_nan() {
        let table = Table::new("t", &["a", "b"]).with_row([0.1_f64.into(), f64::NAN.into()]);
        assert_eq!(table.to_csv(), "a,b\n0.1,\n");
        let spread = Entry::MeanSd { mean: 0.9612, sd: 0.0123, n: 5 };
        assert_eq!(spread.show(), "0.961 ± 0.012");
        assert_eq!(Entry::MeanSd { mean: 0.5, sd: f64::NAN, n: 1 }.show(), "0.5");
    }
}
