//! The data sets that experiments use: which, where from, and whether they are there.

use std::path::{Path, PathBuf};

use embex_io::{FileStatus, write_bytes, write_npy};

use crate::exit::Refusal;
use crate::mnist;
use crate::reproduce::DataSet;

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
    /// Write MNIST for the program: DIR/mnist70k.npy (an image per row, the training images first)
    /// and DIR/mnist70k_digits.csv; mnist10k with --n 10000, mnist1500 with --n 1500
    Mnist {
        /// Folder of data sets
        #[arg(long, value_name = "DIR", env = "EMBEX_DATA")]
        data: PathBuf,
        /// Images to write
        #[arg(long, value_name = "N", default_value_t = mnist::N_IMAGES)]
        n: usize,
        /// Where to
        #[arg(long, value_name = "DIR", default_value = "out")]
        out: PathBuf,
    },
}

/// Lists or verifies.
pub(crate) fn run(command: &DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::List => list(),
        DataCommand::Verify { data } => verify(data),
        DataCommand::Mnist { data, n, out } => export_mnist(data, *n, out),
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

fn export_mnist(folder: &Path, n: usize, out: &Path) -> anyhow::Result<()> {
    if n == 0 || n > mnist::N_IMAGES {
        let words = format!("--n {n}: MNIST has 1 to {} images to write", mnist::N_IMAGES);
        return Err(Refusal::Usage(words).into());
    }
    let set = DataSet::in_folder(folder);
    let images = mnist::images(&set, n)?;
    let digits = mnist::digits(&set, n)?;
    let name = match (n / 1000, n % 1000) {
        (thousands, 0) => format!("mnist{thousands}k"),
        _ => format!("mnist{n}"),
    };
    std::fs::create_dir_all(out)?;
    let (path, labels) = (out.join(format!("{name}.npy")), out.join(format!("{name}_digits.csv")));
    let pixels: Vec<u8> = images.as_slice().iter().map(|&pixel| pixel as u8).collect(); // exact
    write_npy(&path, &[images.n_rows(), images.n_cols()], &pixels)?;
    let lines: Vec<String> = digits.iter().map(usize::to_string).collect();
    write_bytes(&labels, format!("digit\n{}\n", lines.join("\n")).as_bytes())?;
    println!("{}\n{}", path.display(), labels.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnist_is_written_as_the_program_reads_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        mnist::tests::write_four_images(folder.path());
        let out = folder.path().join("out");
        export_mnist(folder.path(), 3, &out).expect("writes");
        let read = embex_io::read(out.join("mnist3.npy"), &embex_io::ReadOptions::default());
        let pixels = read.expect("reads").matrix.into_dense_f32(u64::MAX).expect("fits");
        assert_eq!(pixels, [1.0, 2.0, 3.0, 4.0, 5.0, 255.0]);
        let digits = std::fs::read_to_string(out.join("mnist3_digits.csv")).expect("reads");
        assert_eq!(digits, "digit\n7\n0\n9\n");
        assert!(export_mnist(folder.path(), 0, &out).is_err());
        assert!(export_mnist(folder.path(), mnist::N_IMAGES + 1, &out).is_err());
    }
}
