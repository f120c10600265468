//! Data sets of the manifest, as experiments get them.

use std::fmt;
use std::path::PathBuf;

use embex_io::FileStatus;

use crate::exit::Refusal;

/// The folder given by `--data` or `EMBEX_DATA`, if any.
#[derive(Debug)]
pub(crate) struct DataFolder {
    folder: Option<PathBuf>,
}

/// A data set that is there and is the right one.
#[derive(Clone, Debug)]
pub(crate) struct DataSet {
    /// Hash of all its files; part of the key of the cells that read it.
    pub(crate) hash: String,
    folder: PathBuf,
}

/// A data set that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) name: String,
    /// First file that is not there, below the data folder.
    file: String,
    folder: Option<PathBuf>,
    source_note: String,
}

impl std::error::Error for Missing {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data {} are missing: {}", self.name, self.place_and_source())
    }
}

impl Missing {
    /// Where the files should be and where they come from.
    pub(crate) fn place_and_source(&self) -> String {
        let Self { file, source_note, .. } = self;
        match &self.folder {
            Some(folder) => {
                format!("expected at {}; source: {source_note}", folder.join(file).display())
            }
            None => format!(
                "name their folder by --data or EMBEX_DATA, {file} in it; source: {source_note}"
            ),
        }
    }
}

impl DataSet {
    /// Whatever lies in a folder, not verified.
    pub(crate) fn in_folder(folder: &std::path::Path) -> Self {
        Self { hash: String::new(), folder: folder.to_path_buf() }
    }

    /// Path of one of its files, `mnist/train-images-idx3-ubyte.gz` as in the manifest.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }
}

impl DataFolder {
    /// A folder of data, or none.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// A data set whose every file has the sum of the manifest.
    pub(crate) fn open(&self, name: &str) -> anyhow::Result<DataSet> {
        let sets = embex_io::manifest()?;
        let set = sets.into_iter().find(|set| set.name == name);
        let set = set.ok_or_else(|| anyhow::anyhow!("the manifest has no data set {name:?}"))?;
        let missing = |file: &str| Missing {
            name: name.to_owned(),
            file: file.to_owned(),
            folder: self.folder.clone(),
            source_note: set.source.clone(),
        };
        let Some(folder) = &self.folder else {
            let first = set.files.first().map_or("", |file| file.path.as_str());
            return Err(missing(first).into());
        };
        for file in &set.files {
            match embex_io::file_status(folder, file) {
                FileStatus::Present => {}
                FileStatus::Missing => return Err(missing(&file.path).into()),
                other => {
                    let place = folder.join(&file.path);
                    let what = format!("{} is not the manifest's: {other:?}", place.display());
                    return Err(Refusal::BadData(what).into());
                }
            }
        }
        let sums: Vec<&str> = set.files.iter().map(|file| file.sha256.as_str()).collect();
        Ok(DataSet {
            hash: embex_io::sha256_bytes(sums.join(" ").as_bytes()),
            folder: folder.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_place_and_source() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = DataFolder::new(Some(folder.path().to_path_buf()));
        let error = data.open("mnist").expect_err("an empty folder");
        let missing = error.downcast_ref::<Missing>().expect("a missing data set");
        let place = folder.path().join("mnist");
        assert!(missing.to_string().contains(&place.display().to_string()), "{missing}");
        assert!(missing.to_string().contains("LeCun"), "{missing}");
        let error = DataFolder::new(None).open("mnist").expect_err("no folder");
        assert!(error.to_string().contains("EMBEX_DATA"), "{error}");
    }

    #[test]
    fn a_wrong_file_is_bad_data() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sets = embex_io::manifest().expect("the manifest is sound");
        let mnist = sets.iter().find(|set| set.name == "mnist").expect("listed");
        let place = folder.path().join(&mnist.files[0].path);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("creates");
        std::fs::write(&place, "x").expect("writes");
        let error = DataFolder::new(Some(folder.path().to_path_buf())).open("mnist");
        let error = error.expect_err("one byte is no MNIST");
        assert!(matches!(error.downcast_ref(), Some(Refusal::BadData(_))), "{error}");
    }
}
