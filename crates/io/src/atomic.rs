//! Files and folders that appear complete or not at all.

mod dir;
pub(crate) mod fault;

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};
pub use dir::{AtomicDir, Existing};

/// A file that takes its name only when it is complete.
///
/// Bytes go to a temporary file beside the target; [`AtomicFile::commit`] flushes it to the
/// disk, renames it and flushes the folder. A file that is dropped, or whose program is
/// killed, leaves the target as it was.
///
/// # Example
/// ```
/// use std::io::Write;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("embex-atomic-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("result.txt");
/// let mut file = embex_io::AtomicFile::create(&path)?;
/// file.write_all(b"done")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"done");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    inner: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Opens a temporary file beside the target.
    ///
    /// # Errors
    /// [`Error::Io`] within [`Error::In`] if the folder does not exist or cannot be written.
    pub fn create(target: impl AsRef<Path>) -> Result<Self> {
        let target = target.as_ref().to_owned();
        let open = || {
            if target.file_name().is_none() || target.is_dir() {
                let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
                return Err(Error::Io { action: "create the file", source });
            }
            let mut builder = tempfile::Builder::new();
            builder.prefix(TEMPORARY).suffix(".tmp");
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less umask
            builder
                .tempfile_in(folder_of(&target))
                .map_err(Error::io("create a file in the folder"))
        };
        let file = open().map_err(|error| error.in_file(&target))?;
        Ok(Self { target, inner: BufWriter::with_capacity(1 << 16, file) })
    }

    /// Writes everything through `write`, then commits; on an error nothing is left behind.
    ///
    /// # Errors
    /// Whatever `write` or the system says.
    pub fn write_with(
        target: impl AsRef<Path>,
        write: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let mut file = Self::create(target)?;
        write(&mut file).map_err(|error| error.in_file(&file.target))?;
        file.commit()
    }

    /// Makes the file appear under its name, in place of one that was there.
    ///
    /// # Errors
    /// [`Error::Io`] within [`Error::In`]; the target is then as it was.
    pub fn commit(self) -> Result<()> {
        let Self { target, inner } = self;
        let finish = || {
            let file = inner.into_inner().map_err(std::io::IntoInnerError::into_error);
            let file = file.map_err(Error::io("write the file"))?;
            file.as_file().sync_all().map_err(Error::io("flush the file to the disk"))?;
            let renamed = file.persist(&target).map_err(|error| error.error);
            renamed.map_err(Error::io("rename the finished file"))?;
            sync_folder(folder_of(&target))
        };
        finish().map_err(|error| error.in_file(&target))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        #[cfg(test)]
        fault::write(bytes.len())?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

/// How the names of temporary files begin.
const TEMPORARY: &str = ".embex-";

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes renames in a folder durable; only Unix can.
fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        let sync = || File::open(folder)?.sync_all();
        sync().map_err(Error::io("flush the folder to the disk"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    pub(super) fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "old").unwrap();
        let failed = AtomicFile::write_with(&path, |file| {
            file.write_all(&vec![0; 100_000]).map_err(Error::io("write the file"))?;
            Err(Error::UnknownFormat)
        });
        assert!(matches!(failed.unwrap_err().root(), Error::UnknownFormat));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.txt"]);
        AtomicFile::write_with(&path, |file| file.write_all(b"new").map_err(Error::io("write")))
            .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = AtomicFile::create(folder.path().join("no/a.txt")).unwrap_err();
        assert!(matches!(error.root(), Error::Io { .. }));
        assert!(error.to_string().contains("a.txt"));
        assert!(AtomicFile::create(folder.path()).is_err());
    }
}
