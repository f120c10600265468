//! Which matrix, and which groups.

use clap::Args;

/// Where the samples come from.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Matrix with samples in rows: .npy .npz .csv .tsv .mtx idx (each plain or .gz) .h5ad, or
    /// bundled:digits, bundled:pbmc3k
    #[arg(value_name = "INPUT")]
    pub(crate) input: String,
    /// Groups of the samples: a file with one label per sample (FILE, or FILE:COLUMN where it has
    /// several), or by name a column of the table, a column of obs, or an array of the npz file.
    /// A file of one line more than there are samples has the column's name first; --delimiter and
    /// --header are of INPUT, not of this file. Two groups to 1000, of two samples on the
    /// average. Samples without a label are a group of their own, (no label), and a notice counts them
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) labels: Option<String>,
    /// Columns of a table (by name, or by number from 1 where they have none) that are not
    /// features; repeat or separate by commas
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) set_aside: Vec<String>,
    /// Array of an npz file to read
    #[arg(long, value_name = "NAME")]
    pub(crate) array: Option<String>,
    /// Layer of an h5ad file to read in place of X
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Option<String>,
    /// Character between the cells of a table [default: found from the file]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// Whether the first line of a table holds names [default: found from the file]
    #[arg(long, value_name = "BOOL")]
    pub(crate) header: Option<bool>,
    /// Samples are in columns, features in rows
    #[arg(long)]
    pub(crate) transpose: bool,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, &[byte]) if byte.is_ascii() => Ok(byte),
        _ => Err("one ASCII character, or the word tab".to_owned()),
    }
}
