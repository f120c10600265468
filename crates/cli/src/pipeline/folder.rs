//! The result folder while it is being made, and the checkpoints in it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use embex_io::{AtomicDir, Existing};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::settings::Settings;
use crate::args::RunArgs;
use crate::exit::{Error, Result};

/// Version of all checkpoints; a change of any state's layout raises it.
const VERSION: u32 = 4;

/// What the run of an unfinished folder was asked for.
pub(crate) const SETTINGS: &str = "settings.json";

/// Held by the process that works in the folder.
const LOCK: &str = "lock";

/// A stage's state on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// Neighbours and affinities.
    Affinities,
    /// Map and attribution recursion.
    Map,
    /// Coefficients of the attributions.
    Attributions,
    /// Importance of the features done so far.
    Importance,
}

impl Checkpoint {
    const ALL: [Self; 4] = [Self::Affinities, Self::Map, Self::Attributions, Self::Importance];

    const fn kind(self) -> &'static str {
        match self {
            Self::Affinities => "affinities",
            Self::Map => "map",
            Self::Attributions => "attributions",
            Self::Importance => "importance",
        }
    }

    fn file(self) -> String {
        format!("{}.checkpoint", self.kind())
    }
}

/// The folder of a run that is not finished.
#[derive(Debug)]
pub(super) struct Folder {
    dir: AtomicDir,
    lock: File,
}

/// What `--out` and `--resume` lead to.
#[derive(Debug)]
pub(super) enum Opened {
    /// There is something to do.
    Work(Folder),
    /// A finished result of the same settings is there.
    Complete,
}

impl Folder {
    /// Begins, or goes on with, a run.
    pub(super) fn open(run: &RunArgs, settings: &Settings) -> Result<Opened> {
        AtomicDir::recover(&run.out)?;
        let existing = if run.force { Existing::Replace } else { Existing::Refuse };
        check_ours(&run.out, "run.json")?;
        if run.resume && run.out.is_dir() {
            let done = finished_settings(&run.out)?;
            settings.check_same(&done, &run.out)?;
            return Ok(Opened::Complete);
        }
        let unfinished =
            if run.resume || run.force { AtomicDir::resume(&run.out, existing)? } else { None };
        if let Some(dir) = unfinished {
            check_ours(dir.work(), SETTINGS)?;
            let lock = lock(&dir)?;
            dir.remove_temporaries()?;
            if run.resume && dir.path(SETTINGS).is_file() {
                let began: Settings = read_json(&dir.path(SETTINGS))?;
                settings.check_same(&began, dir.work())?;
                return Ok(Opened::Work(Self { dir, lock }));
            }
            drop(lock);
            dir.discard()?;
        }
        let dir = AtomicDir::create(&run.out, existing)?;
        embex_io::write_json(dir.path(SETTINGS), settings)?; // first: it marks the folder as ours
        let lock = lock(&dir)?;
        Ok(Opened::Work(Self { dir, lock }))
    }

    /// Where the files are now.
    pub(super) fn work(&self) -> &Path {
        self.dir.work()
    }

    /// Path of a file as it is now.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path(name)
    }

    /// Keeps the state of a stage.
    pub(super) fn save<S: Serialize>(&self, checkpoint: Checkpoint, state: &S) -> Result<()> {
        let path = self.path(&checkpoint.file());
        Ok(embex_io::write_checkpoint(path, checkpoint.kind(), VERSION, state)?)
    }

    /// The state of a stage, if one was kept.
    pub(super) fn load<S: DeserializeOwned>(&self, checkpoint: Checkpoint) -> Result<Option<S>> {
        let path = self.path(&checkpoint.file());
        if !path.is_file() {
            return Ok(None);
        }
        let state = embex_io::read_checkpoint(&path, checkpoint.kind(), VERSION);
        state.map(Some).map_err(|error| Error::Damaged { what: error.root().to_string(), path })
    }

    /// Removes everything: the run failed, and would again.
    pub(super) fn discard(self) -> Result<()> {
        drop(self.lock);
        Ok(self.dir.discard()?)
    }

    /// Takes away what only a resumption needs, and gives the folder its name.
    pub(super) fn commit(self) -> Result<PathBuf> {
        let mut names = Checkpoint::ALL.map(Checkpoint::file).to_vec();
        names.extend([SETTINGS, LOCK].map(str::to_owned));
        drop(self.lock); // an open file keeps its folder's name on some systems
        Ok(self.dir.commit_without(&names)?)
    }
}

/// Refuses a folder that is neither empty nor has our file of this name: nobody's files are lost.
fn check_ours(folder: &Path, file: &str) -> Result<()> {
    if !folder.is_dir() || folder.join(file).is_file() || AtomicDir::holds_nothing(folder) {
        return Ok(());
    }
    Err(Error::NotOurs(folder.to_owned()))
}

/// Takes the folder for this process until it ends.
fn lock(dir: &AtomicDir) -> Result<File> {
    let path = dir.path(LOCK);
    let failed =
        |source: std::io::Error| Error::System { action: "lock the folder", source: source.into() };
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(dir.work().to_owned())),
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The settings in the `run.json` of a finished result.
fn finished_settings(folder: &Path) -> Result<Settings> {
    #[derive(serde::Deserialize)]
    struct Run {
        settings: Settings,
    }
    let run: Run = read_json(&folder.join("run.json"))?;
    Ok(run.settings)
}

/// Reads a JSON file of ours.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let damaged = |what: String| Error::Damaged { path: path.to_owned(), what };
    let text = fs::read_to_string(path).map_err(|error| damaged(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))
}
