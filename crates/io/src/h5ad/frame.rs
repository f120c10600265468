//! Tables of facts about rows or columns: `obs` and `var`.

use hdf5_pure::{AttrValue, Group};

use super::{
    FORMAT, Reader, children,
    dataset::{Dataset, Node, failed, is_truth},
    facts::{Frame, check_length, checked_codes},
    legacy,
};
use crate::{Column, ColumnValues, Error, Result};

/// Where anndata before 0.8 keeps the names of categories.
const CATEGORIES: &str = "__categories";

impl Reader<'_> {
    pub(super) fn frame(&mut self, path: &str, n: usize) -> Result<Frame> {
        let group = match self.node(path) {
            None => return Ok(Frame::default()),
            Some(Node::Dataset(table)) => return legacy::frame(self, &table, n),
            Some(Node::Group(group)) => group,
        };
        let attrs = group.attrs().map_err(|error| failed(&error))?;
        let index_name = attrs.get("_index").and_then(AttrValue::as_str).unwrap_or("_index");
        let order = attrs.get("column-order").and_then(AttrValue::as_strings).map(<[_]>::to_vec);
        let mut names = children(&group);
        if let Some(order) = order {
            let place = |name: &String| order.iter().position(|other| other == name);
            names.retain(|name| name == index_name || place(name).is_some());
            names.sort_by_key(place);
        }
        let mut frame = Frame::default();
        for name in names.iter().filter(|name| *name != CATEGORIES) {
            let place = format!("{path}/{name}");
            if name == index_name {
                frame.index = Some(self.index(&place)?);
                check_length(&place, frame.index.as_ref().map_or(0, Vec::len), n)?;
            } else if let Some(values) = self.column(path, name)? {
                check_length(&place, values.len(), n)?;
                frame.columns.push(Column { name: name.clone(), values });
            }
        }
        Ok(frame)
    }

    /// Names of rows or columns; numbers are written out.
    fn index(&self, path: &str) -> Result<Vec<String>> {
        match self.node(path) {
            Some(Node::Dataset(dataset)) => self.names(&dataset),
            Some(Node::Group(group)) => match self.encoded(&group, path)? {
                Some(ColumnValues::Text(texts)) => {
                    Ok(texts.into_iter().map(Option::unwrap_or_default).collect())
                }
                _ => Err(Error::unsupported(FORMAT, format!("names stored as {path} is"))),
            },
            None => Err(Error::malformed(FORMAT, format!("there is no {path}"))),
        }
    }

    /// Text, or numbers written out.
    pub(super) fn names(&self, dataset: &Dataset) -> Result<Vec<String>> {
        if dataset.is_text()? {
            return dataset.texts(self.budget);
        }
        Ok(match self.plain(dataset)? {
            Some(ColumnValues::Integer(values)) => {
                values.into_iter().flatten().map(|value| value.to_string()).collect()
            }
            Some(ColumnValues::Boolean(values)) => {
                values.into_iter().flatten().map(|value| value.to_string()).collect()
            }
            Some(ColumnValues::Number(values)) => values.iter().map(f64::to_string).collect(),
            _ => {
                let what = format!("{} of a type that is no name", dataset.path);
                return Err(Error::unsupported(FORMAT, what));
            }
        })
    }

    /// A column, or a note that it cannot be read.
    fn column(&mut self, frame: &str, name: &str) -> Result<Option<ColumnValues>> {
        let path = format!("{frame}/{name}");
        let values = match self.node(&path) {
            Some(Node::Group(group)) => self.encoded(&group, &path)?,
            Some(Node::Dataset(dataset)) => {
                match self.node(&format!("{frame}/{CATEGORIES}/{name}")) {
                    Some(Node::Dataset(names)) => {
                        let categories = self.names(&names)?;
                        Some(self.categorical(categories, &dataset, false)?)
                    }
                    _ => self.plain(&dataset)?,
                }
            }
            None => None,
        };
        if values.is_none() {
            self.notes.push(format!("{path} is of a type that is not read and was left out"));
        }
        Ok(values)
    }

    /// A column that is one dataset.
    fn plain(&self, dataset: &Dataset) -> Result<Option<ColumnValues>> {
        if dataset.shape()?.len() != 1 {
            return Ok(None);
        }
        if dataset.is_text()? {
            let texts = dataset.texts(self.budget)?;
            return Ok(Some(ColumnValues::Text(texts.into_iter().map(Some).collect())));
        }
        let datatype = dataset.datatype()?;
        let Some(element) = super::dataset::element_of(&datatype) else { return Ok(None) };
        if element.kind.is_float() {
            return Ok(Some(ColumnValues::Number(dataset.numbers(self.budget)?)));
        }
        let values: Vec<i64> = dataset.numbers(self.budget)?;
        Ok(Some(if is_truth(&datatype) {
            ColumnValues::Boolean(values.into_iter().map(|value| Some(value != 0)).collect())
        } else {
            ColumnValues::Integer(values.into_iter().map(Some).collect())
        }))
    }

    /// A column that is a group: categories, or values with a mask.
    fn encoded(&self, group: &Group, path: &str) -> Result<Option<ColumnValues>> {
        let attrs = group.attrs().map_err(|error| failed(&error))?;
        let part = |name: &str| match self.node(&format!("{path}/{name}")) {
            Some(Node::Dataset(dataset)) => Ok(dataset),
            _ => Err(Error::malformed(FORMAT, format!("there is no {path}/{name}"))),
        };
        match attrs.get("encoding-type").and_then(AttrValue::as_str) {
            Some("categorical") => {
                let ordered = attrs.get("ordered").and_then(AttrValue::as_i64) == Some(1);
                let categories = self.names(&part("categories")?)?;
                self.categorical(categories, &part("codes")?, ordered).map(Some)
            }
            Some("nullable-integer" | "nullable-boolean" | "nullable-string-array") => {
                let mask: Vec<i64> = part("mask")?.numbers(self.budget)?;
                let values = self.plain(&part("values")?)?;
                values.map(|values| masked(values, &mask, path)).transpose()
            }
            _ => Ok(None),
        }
    }

    /// Negative codes are missing values.
    pub(super) fn categorical(
        &self,
        categories: Vec<String>,
        codes: &Dataset,
        ordered: bool,
    ) -> Result<ColumnValues> {
        let raw: Vec<i64> = codes.numbers(self.budget)?;
        let codes = checked_codes(&raw, categories.len(), &codes.path)?;
        Ok(ColumnValues::Categorical { categories, codes, ordered })
    }
}

/// Takes away the values whose mask is set.
fn masked(values: ColumnValues, mask: &[i64], path: &str) -> Result<ColumnValues> {
    fn hide<T>(values: Vec<Option<T>>, mask: &[i64]) -> Vec<Option<T>> {
        values
            .into_iter()
            .zip(mask)
            .map(|(value, &is_hidden)| value.filter(|_| is_hidden == 0))
            .collect()
    }
    if mask.len() != values.len() {
        let (got, expected) = (mask.len(), values.len());
        return Err(Error::LengthMismatch { what: format!("{path}/mask"), got, expected });
    }
    Ok(match values {
        ColumnValues::Integer(values) => ColumnValues::Integer(hide(values, mask)),
        ColumnValues::Boolean(values) => ColumnValues::Boolean(hide(values, mask)),
        ColumnValues::Text(values) => ColumnValues::Text(hide(values, mask)),
        ColumnValues::Number(values) => {
            let hidden = values.into_iter().zip(mask);
            let value = |(value, &mask): (f64, &i64)| if mask == 0 { value } else { f64::NAN };
            ColumnValues::Number(hidden.map(value).collect())
        }
        other @ ColumnValues::Categorical { .. } => other,
    })
}
