//! Folders that appear complete or not at all, also in the place of older ones.
//!
//! A finished run takes its name in steps of which each is atomic:
//! 1. a mark appears in `NAME.partial`: from here on the run is complete;
//! 2. what only a resumption needed is removed;
//! 3. `NAME.partial` becomes `NAME`: by a rename where the name is free; else both folders are
//!    exchanged in one step (Linux); where the system or the file system cannot, the older result
//!    moves away first, to a name that the mark states;
//! 4. the older result is removed, then the mark.
//!
//! Whoever opens the folder next takes up what is left of these steps, so that whenever the
//! program dies the older or the new result is complete under its name, or is by then.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{AtomicFile, TEMPORARY, fault, folder_of, sync_folder};
use crate::{Error, Result, write_json};

/// Name of the mark of a complete folder that has not got its name, or not yet for good.
const MARK: &str = ".complete";

/// What to do with a result that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Refuse to begin.
    #[default]
    Refuse,
    /// Replace it when the new one is complete.
    Replace,
}

/// What is left to do for a complete folder.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    /// Whether it may take the place of an older result.
    replace: bool,
    /// Files that are not part of the result.
    remove: Vec<String>,
    /// Number of the older result's name where folders cannot be exchanged.
    aside: u32,
}

impl Mark {
    /// The mark of a folder, if it has one.
    fn of(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(MARK);
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read(&path).map_err(|e| Error::io("read the file")(e).in_file(&path))?;
        let mark = serde_json::from_slice(&text).map_err(|error| {
            Error::Serialise { action: "read the mark of a folder", what: error.to_string() }
                .in_file(&path)
        });
        mark.map(Some)
    }
}

/// A result folder that takes its name only when it is complete.
///
/// Until then its files, checkpoints among them, live in `NAME.partial` beside it: what has
/// that name is an unfinished run, which [`AtomicDir::resume`] takes up and
/// [`AtomicDir::discard`] removes. Every file inside is written atomically. An older result stays
/// under its name until the new one takes it, in one step on Linux.
#[derive(Debug)]
pub struct AtomicDir {
    target: PathBuf,
    work: PathBuf,
    existing: Existing,
}

impl AtomicDir {
    /// Gives a complete folder its name where the program died at that; as [`Self::create`] and
    /// [`Self::resume`] do first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn recover(target: impl AsRef<Path>) -> Result<()> {
        let this = Self::named(target.as_ref(), Existing::Refuse)?;
        let go_on = || {
            if let Some(mark) = Mark::of(&this.work)? {
                if this.target.exists() && !mark.replace {
                    return Ok(()); // another result came meanwhile: both stay
                }
                return this.take_name(&mark);
            }
            Mark::of(&this.target)?.map_or(Ok(()), |mark| this.clean_up(&mark))
        };
        go_on().map_err(|error| error.in_file(&this.target))
    }

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
    /// Nothing in the folder is touched: the run may not be interrupted at all. Who has made sure
    /// that no other process works there calls [`Self::remove_temporaries`].
    ///
    /// # Errors
    /// [`Error::Exists`] if there is a result and `existing` refuses it, [`Error::Io`].
    pub fn resume(target: impl AsRef<Path>, existing: Existing) -> Result<Option<Self>> {
        let this = Self::at(target.as_ref(), existing)?;
        Ok(this.work.is_dir().then_some(this))
    }

    fn at(target: &Path, existing: Existing) -> Result<Self> {
        Self::recover(target)?;
        let replaceable = existing == Existing::Replace && (target.is_dir() || !target.exists());
        if target.exists() && !replaceable {
            return Err(Error::Exists { path: target.to_owned() });
        }
        Self::named(target, existing)
    }

    fn named(target: &Path, existing: Existing) -> Result<Self> {
        let name = target.file_name().ok_or_else(|| {
            let source = std::io::Error::from(std::io::ErrorKind::InvalidInput);
            Error::Io { action: "use this as a folder name", source }.in_file(target)
        })?;
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

    /// Makes the folder appear under its name.
    ///
    /// # Errors
    /// [`Error::Exists`] if another result has come there meanwhile and may not be replaced,
    /// [`Error::Io`]; an older result is then still there.
    pub fn commit(self) -> Result<PathBuf> {
        self.commit_without(&[])
    }

    /// [`Self::commit`] without the files of these names, such as checkpoints: they are removed
    /// when nothing can need them any more.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_without(self, names: &[String]) -> Result<PathBuf> {
        self.finish(names).map_err(|error| error.in_file(&self.work))?;
        Ok(self.target)
    }

    fn finish(&self, names: &[String]) -> Result<()> {
        self.remove_temporary_files()?;
        sync_folder(&self.work)?;
        if self.target.exists() && self.existing == Existing::Refuse {
            return Err(Error::Exists { path: self.target.clone() });
        }
        let replace = self.existing == Existing::Replace;
        let mark = Mark { replace, remove: names.to_vec(), aside: self.free_aside() };
        fault::step();
        write_json(self.path(MARK), &mark)?;
        self.take_name(&mark)
    }

    /// Steps 2 to 4; any of them may have been done before.
    fn take_name(&self, mark: &Mark) -> Result<()> {
        for name in &mark.remove {
            let path = self.work.join(Path::new(name).file_name().unwrap_or_default());
            fault::step();
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove the file")(error).in_file(&path));
                }
                _ => {}
            }
        }
        let rename = |from: &Path, to: &Path| {
            fault::step();
            fs::rename(from, to).map_err(Error::io("rename the finished folder"))
        };
        if !self.target.exists() {
            rename(&self.work, &self.target)?;
        } else if !exchange(&self.work, &self.target)? {
            let aside = self.aside(mark.aside);
            rename(&self.target, &aside)?;
            if let Err(error) = rename(&self.work, &self.target) {
                let _ = fs::rename(&aside, &self.target); // best effort to put the older one back
                return Err(error);
            }
        }
        sync_folder(folder_of(&self.target))?;
        self.clean_up(mark)
    }

    /// Removes the replaced result, then the mark.
    fn clean_up(&self, mark: &Mark) -> Result<()> {
        for old in [&self.work, &self.aside(mark.aside)] {
            if old.is_dir() {
                fault::step();
                fs::remove_dir_all(old).map_err(Error::io("remove the replaced folder"))?;
            }
        }
        fault::step();
        fs::remove_file(self.target.join(MARK)).map_err(Error::io("remove the file"))?;
        sync_folder(&self.target)
    }

    /// A name beside the target for the result it replaces.
    fn aside(&self, number: u32) -> PathBuf {
        let mut name = self.target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".replaced-{number}"));
        self.target.with_file_name(name)
    }

    /// Number of such a name that nothing has.
    fn free_aside(&self) -> u32 {
        (0..u32::MAX).find(|&number| !self.aside(number).exists()).unwrap_or(u32::MAX)
    }

    /// Removes the folder with all that was written.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(self) -> Result<()> {
        let remove = fs::remove_dir_all(&self.work).map_err(Error::io("remove the folder"));
        remove.map_err(|error| error.in_file(&self.work))
    }

    /// Whether a folder holds nothing, or nothing but what a killed program left of files that it
    /// was writing; `false` if it cannot be listed.
    pub fn holds_nothing(folder: impl AsRef<Path>) -> bool {
        let is_temporary = |entry: std::io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY))
        };
        fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_temporary))
    }

    /// Removes what a killed program left of files it was writing; would take the files of one that
    /// still runs. [`Self::commit`] does so too.
    ///
    /// # Errors
    /// [`Error::Io`] within [`Error::In`].
    pub fn remove_temporaries(&self) -> Result<()> {
        self.remove_temporary_files().map_err(|error| error.in_file(&self.work))
    }

    fn remove_temporary_files(&self) -> Result<()> {
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

/// Exchanges two folders in one step; `false` where that cannot be done.
fn exchange(a: &Path, b: &Path) -> Result<bool> {
    if !fault::can_exchange() {
        return Ok(false);
    }
    fault::step();
    exchanged(a, b).map_err(Error::io("exchange the finished folder with the older one"))
}

#[cfg(target_os = "linux")]
fn exchanged(a: &Path, b: &Path) -> std::io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchanged(_: &Path, _: &Path) -> std::io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::{
        fault::{die_at, set_exchange},
        tests::names,
    };
    use std::io::Write;

    #[test]
    fn what_a_killed_program_left_of_its_first_file_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(AtomicDir::holds_nothing(folder.path()));
        fs::write(folder.path().join(format!("{TEMPORARY}x.tmp")), "{").unwrap();
        assert!(AtomicDir::holds_nothing(folder.path()));
        fs::write(folder.path().join("mine.txt"), "").unwrap();
        assert!(!AtomicDir::holds_nothing(folder.path()));
        assert!(!AtomicDir::holds_nothing(folder.path().join("absent")));
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
        assert!(dir.path(".embex-killed.tmp").exists(), "who writes it may be alive");
        dir.remove_temporaries().unwrap();
        assert!(!dir.path(".embex-killed.tmp").exists());
        fs::write(dir.path(".embex-killed.tmp"), "half").unwrap();
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

    /// A finished run beside an older result, which it replaces or not.
    fn committed(folder: &Path, replaces: bool) {
        let target = folder.join("run");
        let existing = if replaces {
            fs::create_dir(&target).unwrap();
            fs::write(target.join("old"), "old").unwrap();
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let dir = AtomicDir::create(&target, existing).unwrap();
        fs::write(dir.path("new"), "new").unwrap();
        fs::write(dir.path("state"), "state").unwrap();
        dir.commit_without(&["state".to_owned(), "not there".to_owned()]).unwrap();
    }

    #[test]
    fn death_at_any_step_leaves_one_complete_result() {
        for (replaces, can_exchange) in [(false, true), (true, true), (true, false)] {
            set_exchange(can_exchange);
            for step in 0.. {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().to_owned();
                let died = die_at(step, move || committed(&path, replaces));
                let target = folder.path().join("run");
                let is_marked = folder.path().join("run.partial").join(MARK).is_file();
                let has_name = target.join("new").is_file();
                let is_gone = replaces && !target.exists();
                assert!(!is_gone || !can_exchange, "step {step}: a moment without a result");
                AtomicDir::recover(&target).unwrap();
                let found = names(folder.path());
                if is_marked || has_name {
                    assert_eq!(names(&target), ["new"], "step {step}");
                    assert_eq!(found, ["run"], "step {step}");
                } else {
                    assert_eq!(target.join("old").is_file(), replaces, "step {step}");
                    assert_eq!(names(&folder.path().join("run.partial")), ["new", "state"]);
                }
                if !died {
                    assert!(step >= 4, "{step} steps");
                    break;
                }
            }
        }
        set_exchange(true);
    }

    /// Death while the steps after a death are taken up.
    #[test]
    fn death_at_any_step_of_a_recovery_is_recovered_too() {
        for can_exchange in [true, false] {
            set_exchange(can_exchange);
            for (first, second) in (0..12).flat_map(|a| (0..12).map(move |b| (a, b))) {
                let folder = tempfile::tempdir().unwrap();
                let (path, target) = (folder.path().to_owned(), folder.path().join("run"));
                die_at(first, move || committed(&path, true));
                let again = target.clone();
                die_at(second, move || AtomicDir::recover(again).unwrap());
                AtomicDir::recover(&target).unwrap();
                let expected = if target.join("old").is_file() { ["old"] } else { ["new"] };
                assert_eq!(names(&target), expected, "steps {first}, {second}");
            }
        }
        set_exchange(true);
    }

    #[test]
    fn a_result_that_came_meanwhile_is_not_replaced_by_a_recovery() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().to_owned(), folder.path().join("run"));
        assert!(die_at(2, move || committed(&path, false)));
        fs::create_dir(&target).unwrap();
        fs::write(target.join("other"), "other").unwrap();
        AtomicDir::recover(&target).unwrap();
        assert_eq!(names(&target), ["other"]);
        assert_eq!(names(folder.path()), ["run", "run.partial"]);
        let error = AtomicDir::create(&target, Existing::Refuse).unwrap_err();
        assert!(matches!(error, Error::Exists { .. }));
    }
}
