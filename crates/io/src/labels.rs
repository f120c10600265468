//! Groups of samples.

use std::collections::BTreeMap;

use crate::{ColumnValues, Error, Result};

/// A group, or none, for every sample.
///
/// Groups that no sample has are left out. Categories keep their order; numbers are ordered by
/// value, text by its bytes.
///
/// # Example
/// ```
/// use embex_io::{ColumnValues, Labels};
/// let column = ColumnValues::Integer(vec![Some(10), Some(9), None]);
/// let labels = Labels::from_column(&column);
/// assert_eq!(labels.names, ["9", "10"]);
/// assert_eq!(labels.codes, [Some(1), Some(0), None]);
/// assert!(labels.complete().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Names of the groups.
    pub names: Vec<String>,
    /// Group of each sample; `None` where the label is missing.
    pub codes: Vec<Option<u32>>,
}

impl Labels {
    /// Groups by equal values.
    pub fn from_column(values: &ColumnValues) -> Self {
        match values {
            ColumnValues::Categorical { categories, codes, .. } => used(categories, codes),
            ColumnValues::Text(values) => distinct(values, String::clone),
            ColumnValues::Integer(values) => distinct(values, i64::to_string),
            ColumnValues::Boolean(values) => distinct(values, bool::to_string),
            ColumnValues::Number(values) => {
                let keys: Vec<_> = values.iter().map(|&v| Number::of(v)).collect();
                distinct(&keys, |number| number.0.to_string())
            }
        }
    }

    /// Group of each sample.
    ///
    /// # Errors
    /// [`Error::NoLabel`] for the first sample without one.
    pub fn complete(&self) -> Result<Vec<u32>> {
        let label = |(row, code): (usize, &Option<u32>)| code.ok_or(Error::NoLabel { row });
        self.codes.iter().enumerate().map(label).collect()
    }

    /// Group of each sample, those without one in a group of this name.
    #[must_use]
    pub fn with_missing_as(mut self, name: &str) -> Self {
        if self.codes.iter().any(Option::is_none) {
            let code = self.names.iter().position(|other| other == name).unwrap_or_else(|| {
                self.names.push(name.to_owned());
                self.names.len() - 1
            });
            for missing in self.codes.iter_mut().filter(|code| code.is_none()) {
                *missing = Some(code as u32);
            }
        }
        self
    }
}

/// A number that is not NaN, ordered.
#[derive(Clone, Copy, PartialEq)]
struct Number(f64);

impl Number {
    fn of(value: f64) -> Option<Self> {
        (!value.is_nan()).then_some(Self(value + 0.0)) // −0 and 0 are one group
    }
}

impl Eq for Number {}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

fn distinct<K: Ord>(values: &[Option<K>], name: impl Fn(&K) -> String) -> Labels {
    let mut groups: BTreeMap<&K, u32> = values.iter().flatten().map(|key| (key, 0)).collect();
    for (code, group) in groups.values_mut().enumerate() {
        *group = code as u32;
    }
    let codes = values.iter().map(|key| key.as_ref().map(|key| groups[key])).collect();
    Labels { names: groups.keys().map(|key| name(key)).collect(), codes }
}

fn used(categories: &[String], codes: &[Option<u32>]) -> Labels {
    let mut is_used = vec![false; categories.len()];
    for &code in codes.iter().flatten() {
        if let Some(seen) = is_used.get_mut(code as usize) {
            *seen = true;
        }
    }
    let mut names = Vec::new();
    let mut group = vec![None; categories.len()];
    for (k, name) in categories.iter().enumerate().filter(|&(k, _)| is_used[k]) {
        group[k] = Some(names.len() as u32);
        names.push(name.clone());
    }
    let code = |code: &Option<u32>| code.and_then(|k| group.get(k as usize).copied().flatten());
    Labels { names, codes: codes.iter().map(code).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_categories_are_left_out_in_order() {
        let categories = ["c", "a", "b"].map(String::from).to_vec();
        let codes = vec![Some(2), Some(0), None, Some(2)];
        let column = ColumnValues::Categorical { categories, codes, ordered: false };
        let labels = Labels::from_column(&column);
        assert_eq!(labels.names, ["c", "b"]);
        assert_eq!(labels.codes, [Some(1), Some(0), None, Some(1)]);
        assert!(matches!(labels.complete(), Err(Error::NoLabel { row: 2 })));
        let named = labels.with_missing_as("none");
        assert_eq!(named.complete().unwrap(), [1, 0, 2, 1]);
    }

    #[test]
    fn numbers_are_ordered_and_nan_is_missing() {
        let column = ColumnValues::Number(vec![2.5, -1.0, f64::NAN, 0.0, -0.0]);
        let labels = Labels::from_column(&column);
        assert_eq!(labels.names, ["-1", "0", "2.5"]);
        assert_eq!(labels.codes, [Some(2), Some(0), None, Some(1), Some(1)]);
    }
}
