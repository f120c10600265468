//! Records which code is being compiled: its commit, and a hash per crate for the keys of cells.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let root = own.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut crates: Vec<PathBuf> = fs::read_dir(root.join("crates"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    crates.sort();
    let mut table = Vec::new();
    for folder in crates.iter().filter(|folder| folder.join("src").is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        table.push(format!("{name}={}", hash_crate(folder)?));
    }
    println!("cargo::rustc-env=EMBEX_CODE={}", table.join(" "));
    println!("cargo::rustc-env=EMBEX_LOCK={}", hash_file(&root.join("Cargo.lock"))?);
    if let Some(commit) = commit(root) {
        println!("cargo::rustc-env=EMBEX_COMMIT={commit}");
    }
    Ok(())
}

/// The commit, marked if tracked files but results differ from it; `None` outside a repository.
fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // Grows with every commit and checkout.
    let log = root.join(git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    println!("cargo::rerun-if-changed={}", log.display());
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)results"])?;
    Some(if changed.is_empty() { commit } else { commit + ", with changes" })
}

/// Hash of a crate's manifest, sources and bundled data.
fn hash_crate(folder: &Path) -> io::Result<String> {
    let mut files = vec![folder.join("Cargo.toml")];
    for part in ["src", "data"] {
        collect(&folder.join(part), &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(folder).unwrap_or(file).to_string_lossy();
        hasher.update(format!("{name}\0{}\n", hash_file(file)?));
    }
    Ok(hex(&hasher.finalize()))
}

/// All files below a folder that may be missing; the folder itself is watched for new ones.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn hash_file(path: &Path) -> io::Result<String> {
    println!("cargo::rerun-if-changed={}", path.display());
    Ok(hex(&Sha256::digest(fs::read(path)?)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
