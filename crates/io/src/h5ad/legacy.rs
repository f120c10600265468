//! Files of early anndata: tables as compound records, categories under `uns`.

use hdf5_pure::Datatype;

use super::{
    FORMAT, Reader,
    dataset::{Dataset, Node, element_of, failed, is_truth},
    facts::{Frame, check_length, checked_codes},
    heap::{Heaps, REFERENCE},
};
use crate::{
    Column, ColumnValues, Dense, Embedding, Error, Result, Values,
    element::{self, Element},
    options::Budget,
};

/// The records of a table, as bytes.
struct Records {
    raw: Vec<u8>,
    size: usize,
    members: Vec<(String, usize, Datatype)>,
}

impl Records {
    fn read(table: &Dataset, budget: &Budget) -> Result<Self> {
        let Datatype::Compound { size, members } = table.datatype()? else {
            return Err(Error::unsupported(
                FORMAT,
                format!("{} stored as a plain array", table.path),
            ));
        };
        let n = table.claim(budget, u64::from(size))? as usize;
        let raw = table.inner.read_raw().map_err(|error| failed(&error))?;
        let size = size as usize;
        let member = |member: hdf5_pure::CompoundMember| {
            let start = usize::try_from(member.byte_offset).ok();
            let width = member.datatype.type_size() as usize;
            let start =
                start.filter(|start| start.checked_add(width).is_some_and(|end| end <= size));
            let outside =
                || Error::malformed(FORMAT, format!("{} lies outside its record", member.name));
            start
                .map(|start| (member.name.clone(), start, member.datatype.clone()))
                .ok_or_else(outside)
        };
        let members = members.into_iter().map(member).collect::<Result<_>>()?;
        if raw.len() != n.saturating_mul(size) || size == 0 {
            return Err(Error::malformed(FORMAT, format!("{} is cut short", table.path)));
        }
        Ok(Self { raw, size, members })
    }

    fn n_rows(&self) -> usize {
        self.raw.len() / self.size
    }

    /// The bytes of one member of every record, one after another.
    fn gather(&self, start: usize, width: usize) -> Vec<u8> {
        let records = self.raw.chunks_exact(self.size);
        records.flat_map(|record| &record[start..start + width]).copied().collect()
    }

    fn integers(&self, start: usize, element: Element) -> Result<Vec<i64>> {
        let mut out = Vec::new();
        element::decode(element, &self.gather(start, element.kind.size()), &mut out)?;
        Ok(out)
    }

    /// Text of variable length, wherever in the file it is.
    fn texts(&self, start: usize, heaps: &mut Heaps<'_>) -> Result<ColumnValues> {
        let raw = self.gather(start, REFERENCE);
        let texts = raw.as_chunks().0.iter().map(|reference| heaps.text(reference).map(Some));
        Ok(ColumnValues::Text(texts.collect::<Result<_>>()?))
    }

    fn column(&self, start: usize, datatype: &Datatype) -> Result<Option<ColumnValues>> {
        if let Datatype::String { size, .. } = datatype {
            let raw = self.gather(start, *size as usize);
            let text = |raw: &[u8]| {
                let end = raw.iter().position(|&byte| byte == 0).unwrap_or(raw.len());
                Some(String::from_utf8_lossy(&raw[..end]).into_owned())
            };
            let texts = raw.chunks_exact((*size as usize).max(1)).map(text).collect();
            return Ok(Some(ColumnValues::Text(texts)));
        }
        let Some(element) = element_of(datatype) else { return Ok(None) };
        if element.kind.is_float() {
            let mut out = Vec::new();
            element::decode(element, &self.gather(start, element.kind.size()), &mut out)?;
            return Ok(Some(ColumnValues::Number(out)));
        }
        let values = self.integers(start, element)?;
        Ok(Some(if is_truth(datatype) {
            ColumnValues::Boolean(values.into_iter().map(|value| Some(value != 0)).collect())
        } else {
            ColumnValues::Integer(values.into_iter().map(Some).collect())
        }))
    }
}

/// Whether this is text of variable length, as all files have it whose addresses take 8 bytes.
fn is_reference(datatype: &Datatype) -> bool {
    matches!(datatype, Datatype::VariableLength { is_string: true, .. })
        && datatype.type_size() as usize == REFERENCE
}

/// A table of records; the first member is the names.
pub(super) fn frame(reader: &mut Reader<'_>, table: &Dataset, n: usize) -> Result<Frame> {
    let records = Records::read(table, reader.budget)?;
    check_length(&table.path, records.n_rows(), n)?;
    let (mut frame, mut heaps) = (Frame::default(), None);
    for (name, start, datatype) in &records.members {
        let categories = match reader.node(&format!("uns/{name}_categories")) {
            Some(Node::Dataset(names)) => Some(reader.names(&names)?),
            _ => None,
        };
        let values = match (categories, element_of(datatype)) {
            (Some(categories), Some(element)) if !element.kind.is_float() => {
                let raw = records.integers(*start, element)?;
                let codes = checked_codes(&raw, categories.len(), name)?;
                Some(ColumnValues::Categorical { categories, codes, ordered: false })
            }
            _ if is_reference(datatype) => {
                let heaps = match &mut heaps {
                    Some(heaps) => heaps,
                    None => heaps.insert(Heaps::new(&reader.source, reader.budget)?),
                };
                Some(records.texts(*start, heaps)?)
            }
            _ => records.column(*start, datatype)?,
        };
        match values {
            Some(ColumnValues::Text(texts)) if name == "index" || name == "_index" => {
                frame.index = Some(texts.into_iter().map(Option::unwrap_or_default).collect());
            }
            Some(values) => frame.columns.push(Column { name: name.clone(), values }),
            None => {
                let path = &table.path;
                reader
                    .notes
                    .push(format!("{path}/{name} is of a type that is not read and was left out"));
            }
        }
    }
    Ok(frame)
}

/// The members that are short arrays of numbers.
pub(super) fn embeddings(table: &Dataset, budget: &Budget) -> Result<Vec<Embedding>> {
    let records = Records::read(table, budget)?;
    let mut embeddings = Vec::new();
    for (name, start, datatype) in &records.members {
        let Datatype::Array { base_type, dimensions } = datatype else { continue };
        let (Some(element), [n_cols]) = (element_of(base_type), dimensions.as_slice()) else {
            continue;
        };
        let n_cols = *n_cols as usize;
        let mut values = Vec::new();
        let raw = records.gather(*start, n_cols * element.kind.size());
        element::decode(element, &raw, &mut values)?;
        let values = Dense::new(records.n_rows(), n_cols, Values::F64(values))?;
        embeddings.push(Embedding { name: name.clone(), values });
    }
    Ok(embeddings)
}
