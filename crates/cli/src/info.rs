//! `embex info`: what a file holds.

use embex_io::{ColumnInfo, Info, Labels, Storage};
use serde_json::{Value, json};

use crate::args::{Amount, InfoArgs};
use crate::exit::Result;
use crate::pipeline::labels::{self, LabelSource};
use crate::pipeline::source;
use crate::progress;

/// Names listed before "and so on".
const LISTED: usize = 8;

/// Prints what there is.
pub(crate) fn run(args: &InfoArgs) -> Result<()> {
    let limit = args.max_memory.map(|amount| amount.0);
    let input = &args.input;
    let asked = input.labels.as_deref().map(LabelSource::of);
    let options = source::options(input, asked.as_ref(), limit);
    let named = |error| source::by_option(error, input);
    let info = embex_io::info(&input.input, &options).map_err(named)?;
    source::check_set_aside(input, info.format)?;
    let groups = match &asked {
        Some(LabelSource::File(path, column)) => {
            Some(labels::of_file(path, column.as_deref(), info.n_rows, limit).map_err(named)?)
        }
        _ => None,
    };
    if args.output.json {
        return progress::line("info", fields(&input.input, &info, groups.as_ref()));
    }
    if args.output.quiet {
        return Ok(());
    }
    progress::print(&words(&input.input, &info, groups.as_ref()))
}

fn fields(source: &str, info: &Info, groups: Option<&Labels>) -> Value {
    let columns = |columns: &[ColumnInfo]| -> Vec<Value> {
        let describe = |column: &ColumnInfo| json!({ "name": column.name, "kind": column.kind, "missing": column.n_missing });
        columns.iter().map(describe).collect()
    };
    json!({
        "input": source,
        "format": info.format,
        "rows": info.n_rows,
        "columns": info.n_cols,
        "storage": storage(info.storage),
        "bytes": info.bytes,
        "row_names": info.row_names.is_some(),
        "column_names": info.col_names.is_some(),
        "labels": columns(&info.obs),
        "groups_of_file": groups.map(|labels| &labels.names),
        "feature_facts": columns(&info.var),
        "embeddings": info.obsm,
        "layers": info.layers,
        "notes": info.notes,
    })
}

fn words(source: &str, info: &Info, groups: Option<&Labels>) -> String {
    let mut lines = vec![
        format!("{source}: {}", info.format.name()),
        format!(
            "  {} samples × {} features, {}, {}",
            info.n_rows,
            info.n_cols,
            storage(info.storage),
            Amount(info.bytes)
        ),
    ];
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            lines.push(format!("  {what}: {}", shortened(names)));
        }
    };
    let columns = |columns: &[ColumnInfo]| -> Vec<String> {
        columns.iter().map(|column| format!("{} ({})", column.name, column.kind)).collect()
    };
    list("samples", info.row_names.as_deref().unwrap_or_default());
    list("features", info.col_names.as_deref().unwrap_or_default());
    list("columns for --labels, no features", &columns(&info.obs));
    list("groups of the file of labels", groups.map_or(&[], |labels| &labels.names));
    list("facts on features", &columns(&info.var));
    list("arrays per sample", &info.obsm);
    list("layers for --layer", &info.layers);
    list("to note", &info.notes);
    lines.join("\n")
}

fn shortened(names: &[String]) -> String {
    let text = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED { format!("{text}, … {} in all", names.len()) } else { text }
}

const fn storage(storage: Storage) -> &'static str {
    match (storage.sparse, storage.double) {
        (false, false) => "dense, single precision",
        (false, true) => "dense, double precision",
        (true, false) => "sparse, single precision",
        (true, true) => "sparse, double precision",
    }
}
