//! The data sets that experiments use: which, where from, and whether they are there.

use std::path::PathBuf;

use embex_io::FileStatus;

use crate::exit::Refusal;

/// What `cargo xtask data` was asked to do.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum DataCommand {
    /// List the data sets: files, sizes, licences, sources
    List,
    /// Compare the files of a folder with the manifest's sums; a file that is missing is no error
    Verify {
        /// Folder of data sets, as `cargo xtask data list` shows
        #[arg(long, value_name = "DIR", env = "EMBEX_DATA")]
        data: PathBuf,
    },
}

/// Lists or verifies.
pub(crate) fn run(command: &DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::List => list(),
        DataCommand::Verify { data } => verify(data),
    }
}

fn list() -> anyhow::Result<()> {
    for set in embex_io::manifest()? {
        println!(
            "{}: {}\n  licence: {}\n  source: {}",
            set.name, set.title, set.licence, set.source
        );
        for file in &set.files {
            println!("  {:>12} bytes  {}", file.bytes, file.path);
        }
    }
    println!(
        "\nPut the files below one folder under these names; name it by --data or EMBEX_DATA."
    );
    Ok(())
}

fn verify(folder: &PathBuf) -> anyhow::Result<()> {
    if !folder.is_dir() {
        return Err(Refusal::Usage(format!("{} is not a folder", folder.display())).into());
    }
    let [mut present, mut missing, mut wrong] = [0; 3];
    for (file, status) in embex_io::verify(folder)? {
        let words = match &status {
            FileStatus::Present => "ok".to_owned(),
            FileStatus::Missing => "missing".to_owned(),
            FileStatus::WrongLength { found } => {
                format!("WRONG: {found} bytes in place of {}", file.bytes)
            }
            FileStatus::WrongSum { found } => format!("WRONG: SHA-256 {found}"),
            FileStatus::Unreadable { reason } => format!("UNREADABLE: {reason}"),
        };
        match status {
            FileStatus::Present => present += 1,
            FileStatus::Missing => missing += 1,
            _ => wrong += 1,
        }
        println!("{:10}  {}", words, file.path);
    }
    println!("{present} ok, {missing} missing, {wrong} wrong");
    if wrong > 0 {
        return Err(Refusal::BadData(format!("{wrong} files are not the manifest's")).into());
    }
    Ok(())
}
