//! Text of variable length inside records.
//!
//! A record holds where the text is in a global heap of the file (HDF5 File Format
//! Specification 3.0, III.E); the foreign reader follows that for whole arrays alone.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
    sync::Arc,
};

use hdf5_pure::{FormatError, Source};

use super::{FORMAT, dataset::failed};
use crate::{Error, Result, options::Budget};

/// Bytes of a record's member: length, place of the heap, number of the object.
pub(super) const REFERENCE: usize = 16;

/// Bytes before the first object of a heap, and before the data of an object.
const HEADER: usize = 16;

/// Where a file without a block of its user's begins.
const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// A source with several readers.
#[derive(Clone)]
pub(super) struct Shared(Arc<dyn Source + Send + Sync>);

impl Shared {
    pub(super) fn new(source: impl Source + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }
}

impl Source for Shared {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::result::Result<(), FormatError> {
        self.0.read_at(offset, buf)
    }
}

/// The global heaps of a file, each read once.
pub(super) struct Heaps<'a> {
    source: &'a Shared,
    budget: &'a Budget,
    read: HashMap<u64, Heap>,
}

struct Heap {
    bytes: Vec<u8>,
    objects: HashMap<u64, Range<usize>>,
}

impl<'a> Heaps<'a> {
    pub(super) fn new(source: &'a Shared, budget: &'a Budget) -> Result<Self> {
        let mut signature = [0; SIGNATURE.len()];
        source.read_at(0, &mut signature).map_err(|error| failed(&error))?;
        if signature != SIGNATURE {
            return Err(Error::unsupported(FORMAT, "text in records behind a user block"));
        }
        Ok(Self { source, budget, read: HashMap::new() })
    }

    /// The text that a member of a record refers to.
    pub(super) fn text(&mut self, reference: &[u8; REFERENCE]) -> Result<String> {
        let length = number(&reference[..4]) as usize;
        let (address, index) = (number(&reference[4..12]), number(&reference[12..]));
        if length == 0 {
            return Ok(String::new());
        }
        self.budget.claim("the text of the file", length as u64, 1)?;
        let heap = match self.read.entry(address) {
            Entry::Occupied(heap) => heap.into_mut(),
            Entry::Vacant(place) => place.insert(Heap::read(self.source, address, self.budget)?),
        };
        let object =
            heap.objects.get(&index).and_then(|range| heap.bytes[range.clone()].get(..length));
        let text = object.ok_or_else(|| bad(address, format!("has no text number {index}")))?;
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(length);
        Ok(String::from_utf8_lossy(&text[..end]).into_owned())
    }
}

impl Heap {
    fn read(source: &Shared, address: u64, budget: &Budget) -> Result<Self> {
        let mut header = [0; HEADER];
        source.read_at(address, &mut header).map_err(|error| failed(&error))?;
        let size = number(&header[8..]);
        if header[..5] != *b"GCOL\x01" || size > source.len().saturating_sub(address) {
            return Err(bad(address, "is none"));
        }
        let n = budget.claim("a heap of the file", size, 1)?;
        let mut bytes = vec![0; n];
        source.read_at(address, &mut bytes).map_err(|error| failed(&error))?;
        let objects = objects(&bytes).ok_or_else(|| bad(address, "is cut short"))?;
        Ok(Self { bytes, objects })
    }
}

/// Where each object's data are; number 0 is what is free, up to the end.
fn objects(bytes: &[u8]) -> Option<HashMap<u64, Range<usize>>> {
    let mut objects = HashMap::new();
    let mut at = HEADER;
    while at + HEADER <= bytes.len() {
        let index = number(&bytes[at..at + 2]);
        if index == 0 {
            break;
        }
        let size = usize::try_from(number(&bytes[at + 8..at + HEADER])).ok()?;
        let start = at + HEADER;
        let end = start.checked_add(size).filter(|&end| end <= bytes.len())?;
        objects.insert(index, start..end);
        at = end.next_multiple_of(8);
    }
    Some(objects)
}

/// A number of up to eight bytes, the lowest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn bad(address: u64, what: impl std::fmt::Display) -> Error {
    Error::malformed(FORMAT, format!("the heap of text at byte {address} {what}"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hdf5_pure::ReadSeekSource;

    use super::*;
    use crate::ReadOptions;

    /// A file whose heap at byte 8 holds "ab" as number 1, and says that it has `size` bytes.
    fn file(size: u64) -> Shared {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(b"GCOL\x01\0\0\0");
        bytes.extend(size.to_le_bytes());
        bytes.extend([1, 0, 1, 0, 0, 0, 0, 0]);
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend(b"ab\0\0\0\0\0\0");
        bytes.extend([0; 16]);
        Shared::new(ReadSeekSource::new(Cursor::new(bytes)).unwrap())
    }

    fn reference(length: u32, address: u64, index: u32) -> [u8; REFERENCE] {
        let mut out = [0; REFERENCE];
        out[..4].copy_from_slice(&length.to_le_bytes());
        out[4..12].copy_from_slice(&address.to_le_bytes());
        out[12..].copy_from_slice(&index.to_le_bytes());
        out
    }

    #[test]
    fn references_are_followed_and_hostile_ones_refused() {
        let (source, budget) = (file(56), ReadOptions::default().with_max_bytes(80).budget(0));
        let mut heaps = Heaps::new(&source, &budget).unwrap();
        assert_eq!(heaps.text(&reference(2, 8, 1)).unwrap(), "ab");
        assert_eq!(heaps.text(&reference(1, 8, 1)).unwrap(), "a");
        assert_eq!(heaps.text(&reference(0, 0, 0)).unwrap(), "");
        for wrong in [(3, 8, 1), (2, 8, 2), (2, 0, 1), (2, u64::MAX, 1), (2, 60, 1)] {
            let error = heaps.text(&reference(wrong.0, wrong.1, wrong.2)).unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{wrong:?}: {error}");
        }
        // The budget is for what is kept: a heap read once may be referred to by any number.
        while heaps.budget.left() >= 2 {
            heaps.text(&reference(2, 8, 1)).unwrap();
        }
        let error = heaps.text(&reference(2, 8, 1)).unwrap_err();
        assert!(matches!(error, Error::OverBudget { limit: 80, .. }), "{error}");
    }

    #[test]
    fn heaps_beyond_the_file_or_the_budget_are_refused() {
        let budget = ReadOptions::default().with_max_bytes(40).budget(0);
        for (size, is_over) in [(56, true), (57, false), (u64::MAX, false)] {
            let source = file(size);
            let mut heaps = Heaps::new(&source, &budget).unwrap();
            let error = heaps.text(&reference(2, 8, 1)).unwrap_err();
            assert_eq!(matches!(error, Error::OverBudget { .. }), is_over, "{size}: {error}");
            assert_eq!(matches!(error, Error::Malformed { .. }), !is_over, "{size}: {error}");
        }
        let source = Shared::new(ReadSeekSource::new(Cursor::new([0; 64])).unwrap());
        assert!(Heaps::new(&source, &budget).is_err());
    }
}
