//! What a table holds, column by column, whatever its columns are.

use super::{Layout, Line, Lines, Role, is_missing, number};
use crate::{
    ColumnInfo, Format, Info, ReadOptions, Result, Storage, options::Budget, stream::Payload,
};

/// What was seen of one column.
#[derive(Clone, Copy, Default)]
struct Seen {
    n_missing: usize,
    n_infinite: usize,
    n_integers: usize,
    n_texts: usize,
    n: usize,
}

impl Seen {
    fn take(&mut self, text: &str) {
        self.n += 1;
        match number(text) {
            Some(value) if value.is_finite() => {
                self.n_integers += usize::from(text.parse::<i64>().is_ok());
            }
            Some(_) => self.n_infinite += 1,
            None if is_missing(text) => self.n_missing += 1,
            None => self.n_texts += 1,
        }
    }

    const fn kind(&self) -> &'static str {
        match () {
            () if self.n_texts > 0 || self.n_missing == self.n => "text",
            () if self.n_integers + self.n_missing == self.n => "integer",
            () => "number",
        }
    }
}

/// Reads a table without keeping its numbers. Columns with a cell that is neither a number nor
/// missing are no features, and are listed with those set aside; values that are missing or
/// infinite are noted.
///
/// # Errors
/// As the reader of tables, but for cells that are not numbers.
pub(crate) fn describe(
    payload: Payload<'static>,
    extension: &str,
    options: &ReadOptions,
    budget: &Budget,
) -> Result<Info> {
    let mut lines = Lines::open(payload, extension, options)?;
    let (layout, first) = Layout::read(&mut lines, options)?;
    let mut seen = vec![Seen::default(); layout.roles.len()];
    let (mut names, mut n_rows) = (Vec::new(), 0);
    let mut take = |line: &Line| -> Result<()> {
        layout.check_width(line)?;
        for (column, seen) in seen.iter_mut().enumerate() {
            let text = line.text(column)?;
            seen.take(text);
            if layout.roles[column] == Role::Names {
                budget.claim("the names", 1, (text.len() + size_of::<String>()) as u64)?;
                names.push(text.to_owned());
            }
        }
        n_rows += 1;
        Ok(())
    };
    for line in first {
        take(&line)?;
    }
    while let Some(line) = lines.next()? {
        take(&line)?;
    }
    let info = info(&layout, &seen, names, n_rows);
    Ok(if options.transpose { info.transposed() } else { info })
}

fn info(layout: &Layout, seen: &[Seen], names: Vec<String>, n_rows: usize) -> Info {
    let name = |column: usize| layout.name(column).unwrap_or_else(|| (column + 1).to_string());
    let is_feature =
        |column: &usize| layout.roles[*column] == Role::Value && seen[*column].n_texts == 0;
    let features: Vec<usize> = (0..seen.len()).filter(is_feature).collect();
    let has_groups = repeats(&names) && layout.name(0).is_some_and(|name| !name.is_empty());
    let is_fact = |column: &usize| match layout.roles[*column] {
        Role::Names => has_groups,
        Role::Aside(_) => true,
        Role::Value => !is_feature(column),
    };
    let fact = |column: usize| ColumnInfo {
        name: name(column),
        kind: seen[column].kind(),
        n_missing: seen[column].n_missing,
    };
    let note = |&column: &usize| {
        let Seen { n_missing, n_infinite, .. } = seen[column];
        let words =
            format!("column {}: {n_missing} missing, {n_infinite} infinite values", name(column));
        (n_missing + n_infinite > 0).then_some(words)
    };
    let n_cols = features.len();
    Info {
        format: Format::Table,
        n_rows,
        n_cols,
        storage: Storage { sparse: false, double: true },
        bytes: (n_rows * n_cols * size_of::<f64>()) as u64,
        row_names: layout.roles.contains(&Role::Names).then_some(names),
        col_names: layout.header.is_some().then(|| features.iter().map(|&c| name(c)).collect()),
        obs: (0..seen.len()).filter(is_fact).map(fact).collect(),
        var: Vec::new(),
        obsm: Vec::new(),
        layers: Vec::new(),
        notes: layout.note.iter().cloned().chain(features.iter().filter_map(note)).collect(),
    }
}

/// Whether a name stands twice, so that the names make groups.
fn repeats(names: &[String]) -> bool {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}
