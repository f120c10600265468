//! State of a long run, kept in a file that can be trusted or is refused.
//!
//! Layout: magic, length and text of the kind, version, length of the body, SHA-256 of the body
//! and of all that comes before, body (postcard). Integers are little-endian. The body streams to
//! the file, so that writing takes no memory beside the state's own.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{AtomicFile, Error, Result};

const MAGIC: &[u8; 8] = b"EMBEXCK2";
const LONGEST_KIND: usize = 256;
/// Bytes of the checksum.
const SUM: usize = 32;

/// Writes state atomically.
///
/// `kind` says what the state belongs to and `version` counts changes of its layout; both are
/// compared on reading.
///
/// # Errors
/// [`Error::Serialise`], [`Error::Io`].
///
/// # Example
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("embex-check-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("state.ckpt");
/// embex_io::write_checkpoint(&path, "sums", 1, &vec![1.5, 2.5])?;
/// let state: Vec<f64> = embex_io::read_checkpoint(&path, "sums", 1)?;
/// assert_eq!(state, [1.5, 2.5]);
/// assert!(embex_io::read_checkpoint::<Vec<f64>>(&path, "sums", 2).is_err());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub fn write_checkpoint<T: Serialize + ?Sized>(
    path: impl AsRef<Path>,
    kind: &str,
    version: u32,
    state: &T,
) -> Result<()> {
    if kind.len() > LONGEST_KIND {
        return Err(Error::BadCheckpoint { what: "its kind is too long" });
    }
    AtomicFile::write_with(path, |file| {
        let space = vec![0; head(kind, version, 0).len() + SUM];
        file.write_all(&space).map_err(Error::io("write the file"))?;
        let body = write_body(file, state)?;
        let head = head(kind, version, body.length);
        let sum = checksum(body.sum, &head);
        let mut write_head = || {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&head)?;
            file.write_all(&sum)
        };
        write_head().map_err(Error::io("write the file"))
    })
}

/// All before the checksum.
fn head(kind: &str, version: u32, body_length: u64) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend((kind.len() as u32).to_le_bytes());
    head.extend(kind.as_bytes());
    head.extend(version.to_le_bytes());
    head.extend(body_length.to_le_bytes());
    head
}

/// Writes a body through to its file, and keeps what the head says of it.
struct Body<'a> {
    file: &'a mut AtomicFile,
    sum: Sha256,
    length: u64,
    /// What the system said: the serialiser forgets it.
    failed: Option<std::io::Error>,
}

impl Write for Body<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_all(bytes).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            std::io::Error::from(kind)
        })?;
        self.sum.update(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write_body<'a, T: Serialize + ?Sized>(file: &'a mut AtomicFile, state: &T) -> Result<Body<'a>> {
    let body = Body { file, sum: Sha256::new(), length: 0, failed: None };
    let mut buffered = BufWriter::with_capacity(1 << 16, body);
    let written = postcard::to_io(state, &mut buffered).map(|_| ());
    let flushed = buffered.flush();
    let (mut body, _) = buffered.into_parts();
    if let Some(source) = body.failed.take() {
        return Err(Error::Io { action: "write the file", source });
    }
    flushed.map_err(Error::io("write the file"))?;
    let serialise = |what: postcard::Error| Error::Serialise {
        action: "write a checkpoint",
        what: what.to_string(),
    };
    written.map_err(serialise).map(|()| body)
}

/// Reads state back.
///
/// # Errors
/// Within [`Error::In`]: [`Error::BadCheckpoint`] if the file is none, is cut short, longer than
/// it says or damaged; [`Error::CheckpointKind`], [`Error::CheckpointVersion`] if it belongs to
/// something else; [`Error::Serialise`] if the body is not a `T`; [`Error::Io`].
pub fn read_checkpoint<T: DeserializeOwned>(
    path: impl AsRef<Path>,
    kind: &str,
    version: u32,
) -> Result<T> {
    let path = path.as_ref();
    let read = || {
        let body = read_body(path, kind, version)?;
        postcard::from_bytes(&body).map_err(|error| Error::Serialise {
            action: "read a checkpoint",
            what: error.to_string(),
        })
    };
    read().map_err(|error: Error| error.in_file(path))
}

/// Of a body whose bytes `sum` has seen, and its head.
fn checksum(mut sum: Sha256, head: &[u8]) -> [u8; SUM] {
    sum.update(head);
    sum.finalize().into()
}

fn read_body(path: &Path, kind: &str, version: u32) -> Result<Vec<u8>> {
    let mut file = File::open(path).map_err(Error::io("open the file"))?;
    let length = file.metadata().map_err(Error::io("look at the file"))?.len();
    let mut head = Vec::new();
    take(&mut file, 12, &mut head)?;
    if !head.starts_with(MAGIC) {
        return Err(Error::BadCheckpoint { what: "it does not begin as one" });
    }
    let kind_length = number(&head[8..]) as usize;
    if kind_length > LONGEST_KIND {
        return Err(Error::BadCheckpoint { what: "its kind is too long" });
    }
    take(&mut file, kind_length + 12, &mut head)?;
    let (found_kind, rest) = head[12..].split_at(kind_length);
    let found_kind = String::from_utf8_lossy(found_kind).into_owned();
    let (found, body_length) = (number(&rest[..4]) as u32, number(&rest[4..]));
    if found_kind != kind {
        return Err(Error::CheckpointKind { found: found_kind, expected: kind.to_owned() });
    }
    if found != version {
        return Err(Error::CheckpointVersion { kind: found_kind, found, supported: version });
    }
    if body_length.checked_add((head.len() + SUM) as u64) != Some(length) {
        return Err(Error::BadCheckpoint { what: "its length is not the one it states" });
    }
    let (mut sum, mut body) = (Vec::new(), Vec::new());
    body.reserve_exact(body_length as usize); // no more than the file holds, as was just seen
    take(&mut file, SUM, &mut sum)?;
    take(&mut file, body_length as usize, &mut body)?;
    if sum != checksum(Sha256::new_with_prefix(&body), &head) {
        return Err(Error::BadCheckpoint { what: "its checksum does not match" });
    }
    Ok(body)
}

fn take(file: &mut File, n: usize, bytes: &mut Vec<u8>) -> Result<()> {
    let got = file.take(n as u64).read_to_end(bytes).map_err(Error::io("read the file"))?;
    if got == n { Ok(()) } else { Err(Error::BadCheckpoint { what: "it is cut short" }) }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_damaged_byte_and_every_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let state = (7_u32, "text".to_owned(), vec![1.5_f64, -2.0]);
        write_checkpoint(&path, "test", 3, &state).unwrap();
        let good = std::fs::read(&path).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_checkpoint::<(u32, String, Vec<f64>)>(&path, "test", 3)
        };
        assert_eq!(read(&good).unwrap(), state);
        for k in 0..good.len() {
            assert!(read(&good[..k]).is_err(), "cut at {k}");
            let mut bad = good.clone();
            bad[k] ^= 1 << (k % 8);
            assert!(read(&bad).is_err(), "byte {k}");
        }
        assert!(read(&[&good[..], b"x"].concat()).is_err());
    }

    #[test]
    fn other_kinds_and_versions_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write_checkpoint(&path, "test", 3, &1_u8).unwrap();
        let version = read_checkpoint::<u8>(&path, "test", 4).unwrap_err();
        assert!(matches!(version.root(), Error::CheckpointVersion { found: 3, supported: 4, .. }));
        let kind = read_checkpoint::<u8>(&path, "other", 3).unwrap_err();
        assert!(matches!(kind.root(), Error::CheckpointKind { .. }));
    }
}
