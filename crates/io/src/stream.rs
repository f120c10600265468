//! Bytes to read: a file or a slice, plain or gzipped, never more than the budget allows.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::{Error, Result, options::Budget};

/// What can be read and rewound.
pub(crate) trait ReadSeek: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> ReadSeek for T {}

/// Bytes with a length, and a name for the extension.
pub(crate) struct Stream {
    inner: Box<dyn ReadSeek>,
    bytes: u64,
    name: String,
    path: Option<PathBuf>,
}

impl Stream {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let open = || {
            let file = File::open(path).map_err(Error::io("open the file"))?;
            let facts = file.metadata().map_err(Error::io("look at the file"))?;
            Ok((file, facts))
        };
        let (file, facts) = open().map_err(|error: Error| error.in_file(path))?;
        if facts.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(Error::Io { action: "read the file", source }.in_file(path));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let inner = Box::new(file);
        let path = Some(path.to_owned());
        Ok(Self { inner, bytes: facts.len(), name, path })
    }

    pub(crate) fn of_bytes(bytes: Vec<u8>, name: &str) -> Self {
        let length = bytes.len() as u64;
        let inner = Box::new(Cursor::new(bytes));
        Self { inner, bytes: length, name: name.to_lowercase(), path: None }
    }

    /// Length in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// File name in lower case.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The first bytes, at most `n`.
    pub(crate) fn head(&mut self, n: usize) -> Result<Vec<u8>> {
        self.rewind()?;
        let mut head = Vec::new();
        let part = (&mut self.inner).take(n as u64).read_to_end(&mut head);
        part.map_err(Error::io("read the file"))?;
        self.rewind()?;
        Ok(head)
    }

    fn rewind(&mut self) -> Result<()> {
        self.inner.seek(SeekFrom::Start(0)).map(drop).map_err(Error::io("read the file"))
    }

    /// Everything from the start, unpacked if it is gzipped.
    pub(crate) fn payload(mut self, budget: &Budget) -> Result<Payload<'static>> {
        let is_gzip = self.head(2)? == GZIP;
        let reader = BufReader::with_capacity(1 << 16, self.inner);
        if is_gzip {
            let unpacked = Bounded::new(MultiGzDecoder::new(reader), budget.limit());
            let reader = Box::new(BufReader::with_capacity(1 << 16, unpacked));
            return Ok(Payload { reader, left: None });
        }
        Ok(Payload { reader: Box::new(reader), left: Some(self.bytes) })
    }

    pub(crate) fn into_inner(self) -> Box<dyn ReadSeek> {
        self.inner
    }
}

/// First bytes of a gzip file.
pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The first unpacked bytes of a gzip file, as many as can be had.
pub(crate) fn unpacked_head(stream: &mut Stream, n: usize) -> Result<Vec<u8>> {
    stream.rewind()?;
    let mut head = Vec::new();
    let unpacked = MultiGzDecoder::new(BufReader::new(&mut stream.inner));
    // A broken file is refused with a better message when it is read.
    let _ = unpacked.take(n as u64).read_to_end(&mut head);
    stream.rewind()?;
    Ok(head)
}

/// Unpacked bytes, read from front to back.
pub(crate) struct Payload<'a> {
    reader: Box<dyn BufRead + 'a>,
    /// Bytes still to come, where that is known.
    left: Option<u64>,
}

impl<'a> Payload<'a> {
    pub(crate) fn new(reader: Box<dyn BufRead + 'a>) -> Self {
        Self { reader, left: None }
    }

    pub(crate) fn into_reader(self) -> Box<dyn BufRead + 'a> {
        self.reader
    }

    /// Reads what is left of compressed data, so that the checksum at the end is compared.
    pub(crate) fn exhaust(&mut self, format: &'static str) -> Result<()> {
        if self.left.is_some() {
            return Ok(());
        }
        let rest = std::io::copy(&mut self.reader, &mut std::io::sink());
        rest.map(drop).map_err(|error| read_error(format, error))
    }

    /// Fails at once if the file cannot hold so many more bytes.
    pub(crate) fn require(
        &self,
        format: &'static str,
        what: &'static str,
        bytes: u64,
    ) -> Result<()> {
        match self.left {
            Some(got) if got < bytes => {
                Err(Error::Truncated { format, what, expected: bytes, got })
            }
            _ => Ok(()),
        }
    }

    /// Fills the buffer.
    pub(crate) fn fill(
        &mut self,
        format: &'static str,
        what: &'static str,
        buffer: &mut [u8],
    ) -> Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            match self.reader.read(&mut buffer[done..]) {
                Ok(0) => {
                    let (expected, got) = (buffer.len() as u64, done as u64);
                    return Err(Error::Truncated { format, what, expected, got });
                }
                Ok(n) => done += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(format, error)),
            }
        }
        self.left = self.left.map(|left| left.saturating_sub(done as u64));
        Ok(())
    }
}

/// What a failed read means: the system's refusal, our own budget, or a broken file.
pub(crate) fn read_error(format: &'static str, error: std::io::Error) -> Error {
    match Error::carried(error) {
        Ok(own) => own,
        Err(error) if error.raw_os_error().is_some() => {
            Error::Io { action: "read the file", source: error }
        }
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::malformed(format, "the compressed data end early")
        }
        Err(error) => Error::malformed(format, error.to_string()),
    }
}

/// Fails instead of giving more than a number of bytes.
pub(crate) struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Bounded<R> {
    pub(crate) const fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit, limit }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => {
                self.left = left;
                Ok(n)
            }
            None => Err(std::io::Error::other(Error::OverBudget {
                what: "the unpacked file",
                bytes: self.limit - self.left + n as u64,
                limit: self.limit,
            })),
        }
    }
}
