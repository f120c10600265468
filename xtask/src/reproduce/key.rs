//! What a cell is keyed by.

use embex_io::sha256_bytes;
use serde::Serialize;
use serde_json::Value;

use super::Experiment;

/// Everything that may change a cell's result.
#[derive(Debug, Serialize)]
pub(crate) struct Identity<'a> {
    /// Experiment that asks.
    pub(crate) experiment: &'a str,
    /// Which of its grids.
    pub(crate) grid: &'a str,
    /// The cell's resolved configuration.
    pub(crate) config: Value,
    /// Hashes of the data files that the experiment reads.
    pub(crate) data: &'a [String],
    /// Hash of the code that computes.
    pub(crate) code: &'a str,
}

impl Identity<'_> {
    /// SHA-256 over the canonical text, in hexadecimal.
    pub(crate) fn key(&self) -> serde_json::Result<String> {
        let mut text = String::new();
        write_canonical(&serde_json::to_value(self)?, &mut text);
        Ok(sha256_bytes(text.as_bytes()))
    }
}

/// Hash of the sources of an experiment, of the crates it runs on and of the locked versions.
pub(crate) fn code_version(experiment: &Experiment) -> String {
    let crates = env!("EMBEX_CODE").split(' ').filter_map(|part| part.split_once('='));
    let crates = crates.filter(|(name, _)| experiment.crates.contains(name));
    let mut parts: Vec<String> = crates.map(|(name, hash)| format!("{name} {hash}")).collect();
    parts.extend(experiment.sources.iter().map(|source| sha256_bytes(source.as_bytes())));
    parts.push(env!("EMBEX_LOCK").to_owned());
    sha256_bytes(parts.join("\n").as_bytes())
}

/// JSON with sorted keys and no spaces, whatever order the map keeps.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            write_list(out, ['{', '}'], &entries, |(name, value), out| {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            });
        }
        Value::Array(items) => write_list(out, ['[', ']'], items, write_canonical),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_list<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: &[T],
    write: impl Fn(&T, &mut String),
) {
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(config: Value, data: &[String], code: &str) -> String {
        Identity { experiment: "e", grid: "g", config, data, code }.key().expect("serialises")
    }

    #[test]
    fn every_part_changes_the_key_and_order_does_not() {
        let base = key(json!({"a": 1, "b": [0.1, {"d": 2, "c": null}]}), &[], "x");
        assert_eq!(base, key(json!({"b": [0.1, {"c": null, "d": 2}], "a": 1}), &[], "x"));
        assert_ne!(base, key(json!({"a": 2, "b": [0.1, {"d": 2, "c": null}]}), &[], "x"));
        assert_ne!(base, key(json!({"a": 1, "b": [0.1, {"d": 2, "c": null}]}), &[], "y"));
        let data = [String::from("file")];
        assert_ne!(base, key(json!({"a": 1, "b": [0.1, {"d": 2, "c": null}]}), &data, "x"));
    }
}
