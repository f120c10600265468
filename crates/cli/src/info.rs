//! `embex info`: what a file holds.

use embex_io::{Format, Input, Matrix, Values};
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
    let input = embex_io::read(&args.input.input, &options)?;
    if args.output.json {
        return progress::line("info", fields(&args.input.input, &input));
    }
    if args.output.quiet {
        return Ok(());
    }
    progress::print(&words(&args.input.input, &input))
}

fn fields(source: &str, input: &Input) -> Value {
    let columns = |columns: &[embex_io::Column]| -> Vec<Value> {
        let describe = |column: &embex_io::Column| {
            json!({
                "name": column.name,
                "kind": column.values.kind(),
                "missing": column.values.n_missing(),
            })
        };
        columns.iter().map(describe).collect()
    };
    json!({
        "input": source,
        "format": input.format,
        "rows": input.matrix.n_rows(),
        "columns": input.matrix.n_cols(),
        "storage": storage(&input.matrix),
        "bytes": input.matrix.bytes(),
        "row_names": input.row_names.is_some(),
        "column_names": input.col_names.is_some(),
        "labels": columns(&input.obs),
        "feature_facts": columns(&input.var),
        "embeddings": input.obsm.iter().map(|e| &e.name).collect::<Vec<_>>(),
        "layers": input.layers,
    })
}

fn words(source: &str, input: &Input) -> String {
    let matrix = &input.matrix;
    let mut lines = vec![
        format!("{source}: {}", format_name(input.format)),
        format!(
            "  {} samples × {} features, {}, {}",
            matrix.n_rows(),
            matrix.n_cols(),
            storage(matrix),
            Amount(matrix.bytes())
        ),
    ];
    let mut list = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            lines.push(format!("  {what}: {}", shortened(&names)));
        }
    };
    list("samples", input.row_names.clone().unwrap_or_default());
    list("features", input.col_names.clone().unwrap_or_default());
    list("columns for --labels", input.obs.iter().map(column_words).collect());
    list("facts on features", input.var.iter().map(column_words).collect());
    list("arrays per sample", input.obsm.iter().map(|e| e.name.clone()).collect());
    list("layers for --layer", input.layers.clone());
    lines.join("\n")
}

fn column_words(column: &embex_io::Column) -> String {
    format!("{} ({})", column.name, column.values.kind())
}

fn shortened(names: &[String]) -> String {
    let text = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED { format!("{text}, … {} in all", names.len()) } else { text }
}

const fn storage(matrix: &Matrix) -> &'static str {
    match (matrix, matrix.values()) {
        (Matrix::Dense(_), Values::F32(_)) => "dense, single precision",
        (Matrix::Dense(_), Values::F64(_)) => "dense, double precision",
        (Matrix::Csr(_), Values::F32(_)) => "sparse, single precision",
        (Matrix::Csr(_), Values::F64(_)) => "sparse, double precision",
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
