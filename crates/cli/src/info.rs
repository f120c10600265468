//! `embex info`: what a file holds.

use embex_io::{ColumnInfo, Format, Info, Storage};
use serde_json::{Value, json};

use crate::args::{Amount, InfoArgs};
use crate::exit::Result;
use crate::pipeline::source;
use crate::progress;

/// Names listed before "and so on".
const LISTED: usize = 8;

/// Prints what there is.
pub(crate) fn run(args: &InfoArgs) -> Result<()> {
    let limit = args.max_memory.map(|amount| amount.0);
    let options = source::info_options(&args.input, limit);
    let info = embex_io::info(&args.input.input, &options)?;
    if args.output.json {
        return progress::line("info", fields(&args.input.input, &info));
    }
    if args.output.quiet {
        return Ok(());
    }
    progress::print(&words(&args.input.input, &info))
}

fn fields(source: &str, info: &Info) -> Value {
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
        "feature_facts": columns(&info.var),
        "embeddings": info.obsm,
        "layers": info.layers,
        "notes": info.notes,
    })
}

fn words(source: &str, info: &Info) -> String {
    let mut lines = vec![
        format!("{source}: {}", format_name(info.format)),
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
    list("columns for --labels", &columns(&info.obs));
    list("facts on features", &columns(&info.var));
    list("arrays per sample", &info.obsm);
    list("layers for --layer", &info.layers);
    list("could not be read", &info.notes);
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

const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Npy => "NumPy array",
        Format::Npz => "NumPy archive",
        Format::Table => "table",
        Format::MatrixMarket => "Matrix Market",
        Format::Idx => "idx",
        Format::H5ad => "h5ad",
        Format::Bundled => "bundled",
        _ => "another format",
    }
}
