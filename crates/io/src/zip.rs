//! Just enough of zip archives to read npz files: the central directory (zip64 too), stored and
//! deflated members, checksums.

use std::io::{BufReader, Read, Seek, SeekFrom};

use flate2::{Crc, bufread::DeflateDecoder};

use crate::{
    Error, Result,
    options::Budget,
    stream::{Bounded, Payload, ReadSeek, read_error},
};

const FORMAT: &str = "npz";
/// Length of the record at the end, without its comment.
const END: usize = 22;
const LONGEST_COMMENT: u64 = 1 << 16;

/// One file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    method: u16,
    is_encrypted: bool,
    crc: u32,
    packed: u64,
    unpacked: u64,
    offset: u64,
}

pub(crate) struct Archive {
    inner: Box<dyn ReadSeek>,
    length: u64,
    pub(crate) members: Vec<Member>,
}

/// Numbers from a slice that may be too short.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes(&mut self, n: usize) -> Result<&[u8]> {
        let cut = Error::malformed(FORMAT, "a record of the archive is cut short");
        let (head, tail) = self.0.split_at_checked(n).ok_or(cut)?;
        self.0 = tail;
        Ok(head)
    }

    fn number(&mut self, n: usize) -> Result<u64> {
        Ok(self.bytes(n)?.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }
}

impl Archive {
    pub(crate) fn open(inner: Box<dyn ReadSeek>, length: u64, budget: &Budget) -> Result<Self> {
        let mut this = Self { inner, length, members: Vec::new() };
        let (start, size) = this.find_directory()?;
        if start.checked_add(size).is_none_or(|end| end > length) {
            return Err(Error::malformed(FORMAT, "the directory lies outside the file"));
        }
        budget.claim("the directory of the archive", size, 2)?;
        let directory = this.bytes_at(start, size as usize)?;
        let mut fields = Fields(&directory);
        while fields.0.starts_with(b"PK\x01\x02") {
            this.members.push(member(&mut fields)?);
        }
        Ok(this)
    }

    fn bytes_at(&mut self, start: u64, n: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; n];
        self.inner.seek(SeekFrom::Start(start)).map_err(Error::io("read the file"))?;
        self.inner.read_exact(&mut bytes).map_err(|error| read_error(FORMAT, error))?;
        Ok(bytes)
    }

    /// Start and size of the central directory.
    fn find_directory(&mut self) -> Result<(u64, u64)> {
        let tail = self.length.min(LONGEST_COMMENT + END as u64);
        let tail_start = self.length - tail;
        let bytes = self.bytes_at(tail_start, tail as usize)?;
        let found = bytes.windows(END).rposition(|window| window.starts_with(b"PK\x05\x06"));
        let missing =
            || Error::malformed(FORMAT, "the directory at the end is missing: cut short?");
        let at = found.ok_or_else(missing)?;
        let mut fields = Fields(&bytes[at + 12..]);
        let (size, start) = (fields.number(4)?, fields.number(4)?);
        if start != u64::from(u32::MAX) && size != u64::from(u32::MAX) {
            return Ok((start, size));
        }
        let locator = at.checked_sub(20).map(|at| &bytes[at..at + 20]);
        let locator =
            locator.filter(|bytes| bytes.starts_with(b"PK\x06\x07")).ok_or_else(missing)?;
        let end = Fields(&locator[8..]).number(8)?;
        if end.checked_add(56).is_none_or(|after| after > self.length) {
            return Err(missing());
        }
        let record = self.bytes_at(end, 56)?;
        let mut fields = Fields(&record[40..]);
        let (size, start) = (fields.number(8)?, fields.number(8)?);
        if record.starts_with(b"PK\x06\x06") { Ok((start, size)) } else { Err(missing()) }
    }

    /// The unpacked bytes of a member; its checksum is verified when they end.
    pub(crate) fn payload(&mut self, member: &Member, budget: &Budget) -> Result<Payload<'_>> {
        if member.is_encrypted {
            return Err(Error::unsupported(FORMAT, "encrypted members"));
        }
        let outside = || Error::malformed(FORMAT, format!("{} lies outside the file", member.name));
        if member.offset.checked_add(30).is_none_or(|end| end > self.length) {
            return Err(outside());
        }
        let local = self.bytes_at(member.offset, 30)?;
        if !local.starts_with(b"PK\x03\x04") {
            return Err(Error::malformed(
                FORMAT,
                format!("{} is not where it should be", member.name),
            ));
        }
        let mut fields = Fields(&local[26..]);
        let start = member.offset + 30 + fields.number(2)? + fields.number(2)?;
        if start.checked_add(member.packed).is_none_or(|end| end > self.length) {
            return Err(outside());
        }
        self.inner.seek(SeekFrom::Start(start)).map_err(Error::io("read the file"))?;
        let packed = BufReader::with_capacity(1 << 16, (&mut self.inner).take(member.packed));
        let checked = |unpacked| {
            let unpacked = Bounded::new(unpacked, budget.limit());
            let checked = Checked { inner: unpacked, crc: Crc::new(), member: member.clone() };
            Payload::new(Box::new(BufReader::with_capacity(1 << 16, checked)))
        };
        let packed: Box<dyn Read + '_> = match member.method {
            0 => Box::new(packed),
            8 => Box::new(DeflateDecoder::new(packed)),
            other => return Err(Error::unsupported(FORMAT, format!("compression method {other}"))),
        };
        Ok(checked(packed))
    }
}

/// Reads one entry of the central directory.
fn member(fields: &mut Fields<'_>) -> Result<Member> {
    fields.bytes(8)?;
    let (flags, method) = (fields.number(2)?, fields.number(2)? as u16);
    fields.bytes(4)?;
    let crc = fields.number(4)? as u32;
    let (mut packed, mut unpacked) = (fields.number(4)?, fields.number(4)?);
    let (name, extra) = (fields.number(2)? as usize, fields.number(2)? as usize);
    let comment = fields.number(2)? as usize;
    fields.bytes(8)?;
    let mut offset = fields.number(4)?;
    let name = String::from_utf8_lossy(fields.bytes(name)?).into_owned();
    let mut extra = Fields(fields.bytes(extra)?);
    while extra.0.len() >= 4 {
        let (id, size) = (extra.number(2)?, extra.number(2)? as usize);
        let mut own = Fields(extra.bytes(size)?);
        if id == 1 {
            for field in [&mut unpacked, &mut packed, &mut offset] {
                if *field == u64::from(u32::MAX) {
                    *field = own.number(8)?;
                }
            }
        }
    }
    fields.bytes(comment)?;
    Ok(Member { name, method, is_encrypted: flags & 1 == 1, crc, packed, unpacked, offset })
}

/// Compares length and checksum at the end.
struct Checked<R> {
    inner: R,
    crc: Crc,
    member: Member,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.crc.update(&buffer[..n]);
        let is_end = n == 0 && !buffer.is_empty();
        let same_length = u64::from(self.crc.amount()) == self.member.unpacked & 0xffff_ffff;
        if is_end && !(same_length && self.crc.sum() == self.member.crc) {
            let what = format!("{} does not match its checksum", self.member.name);
            return Err(std::io::Error::other(Error::malformed(FORMAT, what)));
        }
        Ok(n)
    }
}
