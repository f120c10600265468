//! Sets of features: a name and a feature per line.

use std::collections::HashMap;
use std::path::Path;

use super::Lines;
use crate::options::Budget;
use crate::read::extension_of;
use crate::stream::{Payload, Stream};
use crate::{Error, ReadOptions, Result};

const FORMAT: &str = "feature sets";

/// Names of the two columns, which the first line may hold.
const NAMES: [&str; 2] = ["set", "feature"];

/// A set of features by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureSet {
    /// Name of the set.
    pub name: String,
    /// Its features, in the order of the file.
    pub features: Vec<String>,
}

/// Reads sets of features from a table of two columns: the set's name and one of its features.
///
/// The separator is a tab, a comma or a semicolon, found as for other tables; the file may be gz. The
/// first line may be `set,feature`. Lines of a set need not follow one another; sets come in the order
/// of their first lines. Blank lines are passed over. No feature is in two sets.
///
/// # Errors
/// [`Error::In`] with the path and the cause: [`Error::Ragged`] for a line without two cells,
/// [`Error::MissingValue`] for an empty one, [`Error::Malformed`] for a feature that is in a set
/// already, [`Error::Empty`] if there is no set, [`Error::OverBudget`], [`Error::NotUtf8`].
///
/// # Example
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("embex-io-sets-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("sets.csv");
/// std::fs::write(&path, "set,feature\npetal,width\npetal,length\nsepal,area\n")?;
/// let sets = embex_io::read_feature_sets(&path, &Default::default())?;
/// assert_eq!((sets.len(), sets[0].name.as_str()), (2, "petal"));
/// assert_eq!(sets[0].features, ["width", "length"]);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub fn read_feature_sets(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Vec<FeatureSet>> {
    let path = path.as_ref();
    let read = || {
        let stream = Stream::open(path)?;
        let budget = options.budget(stream.bytes());
        let extension = extension_of(stream.name());
        sets_of(stream.payload(&budget)?, &extension, options, &budget)
    };
    read().map_err(|error| error.in_file(path))
}

fn sets_of(
    payload: Payload<'static>,
    extension: &str,
    options: &ReadOptions,
    budget: &Budget,
) -> Result<Vec<FeatureSet>> {
    let mut lines = Lines::open(payload, extension, options)?;
    let mut sets: Vec<FeatureSet> = Vec::new();
    let mut of_name: HashMap<String, usize> = HashMap::new();
    let mut of_feature: HashMap<String, usize> = HashMap::new();
    let mut is_first = true;
    while let Some(line) = lines.next()? {
        let (number, got) = (line.number, line.cells.len());
        if got != NAMES.len() {
            return Err(Error::Ragged { line: number, expected: NAMES.len(), got });
        }
        budget.claim("the sets", 1, 4 * line.cells.as_slice().len() as u64 + 200)?;
        let [set, feature] = [line.text(0)?, line.text(1)?];
        let is_header = std::mem::take(&mut is_first)
            && set.eq_ignore_ascii_case(NAMES[0])
            && feature.eq_ignore_ascii_case(NAMES[1]);
        if is_header {
            continue;
        }
        if let Some(at) = [set, feature].iter().position(|cell| cell.is_empty()) {
            let (name, text) = (Some(NAMES[at].to_owned()), String::new());
            return Err(Error::MissingValue { line: number, column: at + 1, name, text });
        }
        let at = *of_name.entry(set.to_owned()).or_insert_with(|| {
            sets.push(FeatureSet { name: set.to_owned(), features: Vec::new() });
            sets.len() - 1
        });
        if let Some(before) = of_feature.insert(feature.to_owned(), at) {
            let before = &sets[before].name;
            let what = format!("line {number}: \"{feature}\" is in the set \"{before}\" already");
            return Err(Error::malformed(FORMAT, what));
        }
        sets[at].features.push(feature.to_owned());
    }
    if sets.is_empty() { Err(Error::Empty { n_rows: 0, n_cols: NAMES.len() }) } else { Ok(sets) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<FeatureSet>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read_feature_sets(&path, &ReadOptions::default())
    }

    fn set(name: &str, features: &[&str]) -> FeatureSet {
        FeatureSet { name: name.into(), features: features.iter().map(|&f| f.into()).collect() }
    }

    #[test]
    fn sets_are_read_with_and_without_names_above() {
        let expected = [set("x", &["a", "c"]), set("y", &["b"])];
        assert_eq!(read("s.csv", "set,feature\nx,a\ny,b\n\nx,c\n").unwrap(), expected);
        assert_eq!(read("s.tsv", "x\ta\ny\tb\nx\tc\n").unwrap(), expected);
        assert_eq!(read("s.txt", "x;a\ny;b\nx;c").unwrap(), expected);
        let quoted = read("s.csv", "\"x, 1\",\"a \"\"b\"\"\"\n").unwrap();
        assert_eq!(quoted, [set("x, 1", &["a \"b\""])]);
    }

    #[test]
    fn what_is_no_set_is_named_by_its_line() {
        let root = |text: &str| match read("s.csv", text).unwrap_err() {
            Error::In { source, .. } => *source,
            other => other,
        };
        assert!(matches!(root("x,a\ny\n"), Error::Ragged { line: 2, expected: 2, got: 1 }));
        assert!(matches!(root("x,a\nx,\n"), Error::MissingValue { line: 2, column: 2, .. }));
        assert!(matches!(root("set,feature\n"), Error::Empty { .. }));
        assert!(matches!(root(""), Error::Empty { .. }));
        let twice = root("x,a\ny,b\ny,a\n").to_string();
        assert!(twice.contains("line 3: \"a\" is in the set \"x\" already"), "{twice}");
    }
}
