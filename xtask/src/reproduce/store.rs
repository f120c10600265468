//! Finished cells on disk.
//!
//! A cell is a folder named by its key: `config.json` (what was asked), `result.json` (what came
//! out), `run.json` (when, how long, on what). It is written beside its place and renamed, so it
//! is there whole or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

const RESULT: &str = "result.json";
const RUN: &str = "run.json";

/// The folder of finished cells.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens or creates the folder.
    pub(crate) fn open(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Whether a cell is finished.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.folder.join(key).join(RESULT).is_file()
    }

    /// Result and run of a finished cell.
    pub(crate) fn load<R: DeserializeOwned, N: DeserializeOwned>(
        &self,
        key: &str,
    ) -> anyhow::Result<Option<(R, N)>> {
        if !self.has(key) {
            return Ok(None);
        }
        let folder = self.folder.join(key);
        Ok(Some((read_json(&folder.join(RESULT))?, read_json(&folder.join(RUN))?)))
    }

    /// Keeps a finished cell; one that is there already stays.
    pub(crate) fn save(
        &self,
        key: &str,
        config: &impl Serialize,
        result: &impl Serialize,
        run: &impl Serialize,
    ) -> anyhow::Result<()> {
        let work = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(&self.folder)?;
        write_json(&work.path().join("config.json"), config)?;
        write_json(&work.path().join(RUN), run)?;
        write_json(&work.path().join(RESULT), result)?;
        let place = self.folder.join(key);
        let work = work.keep();
        match fs::rename(&work, &place) {
            Ok(()) => File::open(&self.folder)?.sync_all().context("cannot flush the store"),
            Err(_) if place.join(RESULT).is_file() => Ok(fs::remove_dir_all(&work)?),
            Err(error) => {
                fs::remove_dir_all(&work)?;
                Err(error).with_context(|| format!("cannot keep {}", place.display()))
            }
        }
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is damaged; delete its folder", path.display()))
}

fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    let mut file = File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_comes_back_and_is_kept_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path().join("cells")).expect("opens");
        assert_eq!(store.load::<Vec<f64>, ()>("k").expect("readable"), None);
        let values = vec![0.1 + 0.2, 1.0 / 3.0, 5e-324];
        store.save("k", &"config", &values, &()).expect("saves");
        store.save("k", &"config", &vec![0.0], &()).expect("the second writer gives way");
        assert_eq!(store.load("k").expect("readable"), Some((values, ())));
        let left = fs::read_dir(folder.path().join("cells")).expect("lists").count();
        assert_eq!(left, 1);
    }

    #[test]
    fn a_damaged_cell_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path().to_path_buf()).expect("opens");
        fs::create_dir(folder.path().join("k")).expect("creates");
        fs::write(folder.path().join("k").join(RESULT), "[1, ").expect("writes");
        let error = store.load::<Vec<f64>, ()>("k").expect_err("half a file");
        assert!(error.to_string().contains("is damaged"), "{error}");
    }
}
