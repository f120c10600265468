//! Which data files experiments use, where they belong, and whether they are the right ones.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

static MANIFEST: &str = include_str!("../data/data.toml");

/// A data set of one or more files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSet {
    /// Short name; also the folder of its files.
    pub name: String,
    /// What it is.
    pub title: String,
    /// Licence, as far as it is stated.
    pub licence: String,
    /// Whether the licence lets a product contain it.
    pub may_ship: bool,
    /// Where it comes from.
    pub source: String,
    /// Its files.
    pub files: Vec<DataFile>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Path below the data folder; also the file's name in [`locate`].
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

#[derive(Deserialize)]
struct Manifest {
    set: Vec<DataSet>,
}

/// All data sets that experiments use.
///
/// # Errors
/// None in a sound build: the manifest is part of the crate.
///
/// # Example
/// ```
/// let sets = embex_io::manifest()?;
/// assert!(sets.iter().any(|set| set.name == "mnist" && set.files.len() == 4));
/// # Ok::<(), embex_io::Error>(())
/// ```
pub fn manifest() -> Result<Vec<DataSet>> {
    let read = toml::from_str::<Manifest>(MANIFEST).map_err(|error| Error::Serialise {
        action: "read the data manifest",
        what: error.to_string(),
    });
    Ok(read?.set)
}

/// What was found in place of a file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum FileStatus {
    /// The right file.
    Present,
    /// Nothing.
    Missing,
    /// A file of another length.
    WrongLength {
        /// Length found.
        found: u64,
    },
    /// A file with other contents.
    WrongSum {
        /// SHA-256 found.
        found: String,
    },
    /// The system would not let it be read.
    Unreadable {
        /// What the system said.
        reason: String,
    },
}

/// Compares every file of the manifest with a data folder.
///
/// # Errors
/// As [`manifest`]; what is wrong with a file is its status.
///
/// # Cost
/// Reads every file that has the right length.
pub fn verify(folder: impl AsRef<Path>) -> Result<Vec<(DataFile, FileStatus)>> {
    let files = manifest()?.into_iter().flat_map(|set| set.files);
    Ok(files.map(|file| (file.clone(), file_status(folder.as_ref(), &file))).collect())
}

/// Compares one file of the manifest with a data folder; reads it if it has the right length.
pub fn file_status(folder: impl AsRef<Path>, file: &DataFile) -> FileStatus {
    let path = folder.as_ref().join(&file.path);
    let unreadable = |reason: String| FileStatus::Unreadable { reason };
    let found = match std::fs::metadata(&path) {
        Ok(facts) => facts.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return FileStatus::Missing,
        Err(error) => return unreadable(error.to_string()),
    };
    if found != file.bytes {
        return FileStatus::WrongLength { found };
    }
    match sha256_file(&path) {
        Ok(found) if found == file.sha256 => FileStatus::Present,
        Ok(found) => FileStatus::WrongSum { found },
        Err(error) => unreadable(error.root().to_string()),
    }
}

/// Path of a file of the manifest below a data folder, if it is there with the right length.
///
/// # Errors
/// [`Error::NotFound`] if the manifest has no such file; [`Error::MissingData`], with the
/// expected place and the source, if it is not there; [`Error::LengthMismatch`] within
/// [`Error::In`] if it is another file.
pub fn locate(folder: impl AsRef<Path>, path: &str) -> Result<PathBuf> {
    let sets = manifest()?;
    let files = || sets.iter().flat_map(|set| set.files.iter().map(move |file| (set, file)));
    let (set, file) =
        files().find(|(_, file)| file.path == path).ok_or_else(|| Error::NotFound {
            what: "data file",
            name: path.to_owned(),
            available: files().map(|(_, file)| file.path.clone()).collect(),
        })?;
    let place = folder.as_ref().join(path);
    let (name, source_note) = (path.to_owned(), set.source.clone());
    let Ok(facts) = std::fs::metadata(&place) else {
        return Err(Error::MissingData { name, path: place, source_note });
    };
    if facts.len() != file.bytes {
        let what = format!("data file {name}");
        let (got, expected) = (facts.len() as usize, file.bytes as usize);
        return Err(Error::LengthMismatch { what, got, expected }.in_file(&place));
    }
    Ok(place)
}

/// SHA-256 of a file in hexadecimal digits.
///
/// # Errors
/// [`Error::Io`] within [`Error::In`].
pub fn sha256_file(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let read = || {
        let mut file = File::open(path)?;
        let mut sum = Sha256::new();
        let mut block = vec![0; 1 << 16];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(hex(&sum.finalize())),
                n => sum.update(&block[..n]),
            }
        }
    };
    read().map_err(|error| Error::io("read the file")(error).in_file(path))
}

/// SHA-256 of bytes in hexadecimal digits.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pair = |byte: &u8| [byte >> 4, byte & 15].map(|d| char::from(DIGITS[usize::from(d)]));
    bytes.iter().flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_sound() {
        let sets = manifest().unwrap();
        let mut paths: Vec<&String> = Vec::new();
        for (set, file) in sets.iter().flat_map(|set| set.files.iter().map(move |f| (set, f))) {
            assert!(file.path.starts_with(&format!("{}/", set.name)), "{}", file.path);
            assert!(file.bytes > 0 && !set.source.is_empty() && !set.licence.is_empty());
            let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            assert!(file.sha256.len() == 64 && file.sha256.chars().all(is_hex));
            assert!(!file.path.contains(".."));
            paths.push(&file.path);
        }
        let n = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), n);
    }

    #[test]
    fn missing_and_wrong_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let name = "20newsgroups/target_names.txt";
        let place = folder.path().join(name);
        let status = || {
            let files = verify(folder.path()).unwrap();
            files.into_iter().find(|(file, _)| file.path == name).unwrap().1
        };
        assert_eq!(status(), FileStatus::Missing);
        let error = locate(folder.path(), name).unwrap_err();
        assert!(matches!(&error, Error::MissingData { path, .. } if *path == place));
        assert!(error.to_string().contains("qwone.com"));
        std::fs::create_dir(place.parent().unwrap()).unwrap();
        std::fs::write(&place, "x").unwrap();
        assert_eq!(status(), FileStatus::WrongLength { found: 1 });
        assert!(matches!(
            locate(folder.path(), name).unwrap_err().root(),
            Error::LengthMismatch { .. }
        ));
        std::fs::write(&place, [b'x'; 333]).unwrap();
        assert!(matches!(status(), FileStatus::WrongSum { .. }));
        assert_eq!(locate(folder.path(), name).unwrap(), place);
        assert!(matches!(locate(folder.path(), "no"), Err(Error::NotFound { .. })));
    }

    #[test]
    fn sums_are_those_of_the_standard() {
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_bytes(b"abc"), sum);
    }

    /// Skips, and says so, unless `EMBEX_DATA` names a data folder.
    #[test]
    fn the_data_folder_matches_the_manifest() {
        let Ok(folder) = std::env::var("EMBEX_DATA") else {
            println!("skipped: EMBEX_DATA is not set");
            return;
        };
        for (file, status) in verify(folder).unwrap() {
            assert!(
                matches!(status, FileStatus::Present | FileStatus::Missing),
                "{}: {status:?}",
                file.path
            );
        }
    }
}
