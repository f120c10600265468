//! Files and folders that appear complete or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};

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

/// What to do with a result that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Refuse to begin.
    #[default]
    Refuse,
    /// Replace it when the new one is complete.
    Replace,
}

/// A result folder that takes its name only when it is complete.
///
/// Until then its files, checkpoints among them, live in `NAME.partial` beside it: what has
/// that name is an unfinished run, which [`AtomicDir::resume`] takes up and
/// [`AtomicDir::discard`] removes. Every file inside is written atomically.
#[derive(Debug)]
pub struct AtomicDir {
    target: PathBuf,
    work: PathBuf,
    existing: Existing,
}

impl AtomicDir {
    /// Begins a new result.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is a result and `existing` refuses it, [`Error::Unfinished`] if
    /// an interrupted run is there, [`Error::Io`].
    pub fn create(target: impl AsRef<Path>, existing: Existing) -> Result<Self> {
        let this = Self::at(target.as_ref(), existing)?;
        if this.work.exists() {
            return Err(Error::Unfinished { path: this.work });
        }
        let make = fs::create_dir_all(&this.work).map_err(Error::io("create the folder"));
        make.map_err(|error| error.in_file(&this.work))?;
        Ok(this)
    }

    /// Takes up an interrupted run; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is a result and `existing` refuses it, [`Error::Io`].
    pub fn resume(target: impl AsRef<Path>, existing: Existing) -> Result<Option<Self>> {
        let this = Self::at(target.as_ref(), existing)?;
        if !this.work.is_dir() {
            return Ok(None);
        }
        this.remove_temporaries().map_err(|error| error.in_file(&this.work))?;
        Ok(Some(this))
    }

    fn at(target: &Path, existing: Existing) -> Result<Self> {
        let name = target.file_name().ok_or_else(|| {
            let source = std::io::Error::from(std::io::ErrorKind::InvalidInput);
            Error::Io { action: "use this as a folder name", source }.in_file(target)
        })?;
        let replaceable = existing == Existing::Replace && (target.is_dir() || !target.exists());
        if target.exists() && !replaceable {
            return Err(Error::Exists { path: target.to_owned() });
        }
        let mut partial = name.to_owned();
        partial.push(".partial");
        let work = target.with_file_name(partial);
        Ok(Self { target: target.to_owned(), work, existing })
    }

    /// Where the finished folder will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where the folder is now.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Path of a file inside the folder as it is now; the name must be a plain file name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// Begins a file inside the folder.
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn file(&self, name: &str) -> Result<AtomicFile> {
        AtomicFile::create(self.path(name))
    }

    /// Removes a file inside the folder, such as a checkpoint that is not needed any more.
    ///
    /// # Errors
    /// [`Error::Io`]; a file that is not there is no error.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove the file")(error).in_file(&path))
            }
            _ => Ok(()),
        }
    }

    /// Makes the folder appear under its name.
    ///
    /// # Errors
    /// [`Error::Exists`] if another result has come there meanwhile and may not be replaced,
    /// [`Error::Io`]; an older result is then still there.
    pub fn commit(self) -> Result<PathBuf> {
        self.finish().map_err(|error| error.in_file(&self.work))?;
        Ok(self.target)
    }

    fn finish(&self) -> Result<()> {
        self.remove_temporaries()?;
        sync_folder(&self.work)?;
        let parent = folder_of(&self.target);
        if !self.target.exists() {
            fs::rename(&self.work, &self.target)
                .map_err(Error::io("rename the finished folder"))?;
            return sync_folder(parent);
        }
        if self.existing == Existing::Refuse {
            return Err(Error::Exists { path: self.target.clone() });
        }
        let old = self.move_old_away()?;
        if let Err(error) = fs::rename(&self.work, &self.target) {
            let _ = fs::rename(&old, &self.target); // best effort to put the older result back
            return Err(Error::io("rename the finished folder")(error));
        }
        sync_folder(parent)?;
        fs::remove_dir_all(&old).map_err(Error::io("remove the replaced folder"))
    }

    /// Moves the older result beside, under the first free name.
    fn move_old_away(&self) -> Result<PathBuf> {
        let name = self.target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let free = (0..u32::MAX)
            .map(|k| self.target.with_file_name(format!("{name}.replaced-{k}")))
            .find(|path| !path.exists());
        let old = free.unwrap_or_else(|| self.target.with_extension("replaced"));
        fs::rename(&self.target, &old).map_err(Error::io("move the older result away"))?;
        Ok(old)
    }

    /// Removes the folder with all that was written.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(self) -> Result<()> {
        let remove = fs::remove_dir_all(&self.work).map_err(Error::io("remove the folder"));
        remove.map_err(|error| error.in_file(&self.work))
    }

    /// Removes what a killed program left of files it was writing.
    fn remove_temporaries(&self) -> Result<()> {
        let entries = fs::read_dir(&self.work).map_err(Error::io("list the folder"))?;
        for entry in entries {
            let entry = entry.map_err(Error::io("list the folder"))?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                fs::remove_file(entry.path()).map_err(Error::io("remove a temporary file"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
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

    #[test]
    fn a_folder_is_partial_until_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("run");
        let dir = AtomicDir::create(&target, Existing::Refuse).unwrap();
        let mut file = dir.file("a.txt").unwrap();
        file.write_all(b"a").unwrap();
        file.commit().unwrap();
        assert_eq!(names(folder.path()), ["run.partial"]);
        let second = AtomicDir::create(&target, Existing::Refuse).unwrap_err();
        assert!(matches!(second, Error::Unfinished { .. }));
        fs::write(dir.path(".embex-killed.tmp"), "half").unwrap();
        drop(dir);
        let dir = AtomicDir::resume(&target, Existing::Refuse).unwrap().unwrap();
        assert_eq!(dir.commit().unwrap(), target);
        assert_eq!(names(folder.path()), ["run"]);
        assert_eq!(names(&target), ["a.txt"]);
        assert!(matches!(AtomicDir::create(&target, Existing::Refuse), Err(Error::Exists { .. })));
    }

    #[test]
    fn an_older_result_is_replaced_only_by_a_complete_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("run");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "old").unwrap();
        let dir = AtomicDir::create(&target, Existing::Replace).unwrap();
        fs::write(dir.path("new"), "new").unwrap();
        assert_eq!(names(&target), ["old"]);
        dir.commit().unwrap();
        assert_eq!(names(&target), ["new"]);
        assert_eq!(names(folder.path()), ["run"]);
        AtomicDir::create(&target, Existing::Replace).unwrap().discard().unwrap();
        assert_eq!(names(folder.path()), ["run"]);
        assert!(AtomicDir::resume(&target, Existing::Replace).unwrap().is_none());
    }
}
