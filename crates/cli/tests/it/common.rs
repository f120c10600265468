//! Runs the program as a user would.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The program with arguments, in an environment without surprises.
pub(crate) fn embex<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_embex"));
    command.args(arguments).env("NO_COLOR", "1");
    command
}

/// Runs the program to its end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    embex(arguments).output().expect("the program starts")
}

/// Its exit code.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

/// What it wrote to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it wrote to standard output, a JSON object per line.
pub(crate) fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object per line")).collect()
}

/// Gives an option another value, or adds it.
pub(crate) fn set(arguments: &mut Vec<String>, option: &str, value: &str) {
    match arguments.iter().position(|word| word == option) {
        Some(at) => value.clone_into(&mut arguments[at + 1]),
        None => arguments.extend([option.to_owned(), value.to_owned()]),
    }
}

/// A program that runs until it is told to stop; killed when dropped, so that a failing test leaves
/// none behind.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a running program has written a file.
#[track_caller]
pub(crate) fn wait_for(file: &Path, child: &mut Child) {
    let begin = Instant::now();
    while !file.is_file() {
        let ended = child.try_wait().expect("waits");
        assert!(
            ended.is_none() || file.is_file(),
            "ended with {ended:?} before {}",
            file.display()
        );
        assert!(begin.elapsed() < Duration::from_secs(120), "no {}", file.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A table of three groups of points that a fast run tells apart.
pub(crate) struct Bed {
    pub(crate) folder: TempDir,
    pub(crate) input: PathBuf,
}

impl Bed {
    /// 60 rows, 5 columns, and the group in a column called kind.
    pub(crate) fn new() -> Self {
        Self::of(60, 5)
    }

    /// Rows, columns of numbers, and the group in a column called kind.
    pub(crate) fn of(n: usize, d: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let input = folder.path().join("bed.csv");
        fs::write(&input, table_of(n, d)).expect("writes");
        Self { folder, input }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Arguments of a run that takes a moment.
    pub(crate) fn arguments(&self, out: &str) -> Vec<String> {
        let mut arguments = vec![
            "tsne".to_owned(),
            self.input.display().to_string(),
            "--out".to_owned(),
            self.path(out).display().to_string(),
        ];
        let rest = "--labels kind --perplexity 8 --iterations 120 --exaggeration-iterations 60 \
                    --at 30,60 --seed 3 --threads 1 --quiet";
        arguments.extend(rest.split_whitespace().map(str::to_owned));
        arguments
    }

    /// Arguments of a run that goes on until it is stopped: no rule ends the first phase.
    pub(crate) fn endless(&self, out: &str) -> Vec<String> {
        let mut arguments = self.arguments(out);
        for option in ["--iterations", "--exaggeration-iterations"] {
            set(&mut arguments, option, "10000000");
        }
        arguments
    }

    /// Runs with more arguments and expects success.
    pub(crate) fn succeed(&self, out: &str, more: &[&str]) -> PathBuf {
        let mut arguments = self.arguments(out);
        arguments.extend(more.iter().map(|&word| word.to_owned()));
        let output = run(&arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        self.path(out)
    }
}

/// Uniform numbers of 0..1 by SplitMix64.
pub(crate) fn noise(i: usize, d: usize) -> f64 {
    let mut z = ((i * 64 + d) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The table of a [`Bed`] with 5 columns.
pub(crate) fn table(n: usize) -> String {
    table_of(n, 5)
}

/// Only the first column parts group g1 from g0, and only the second parts g2.
fn table_of(n: usize, d: usize) -> String {
    let names = (0..d).map(|d| match d {
        0..26 => char::from(b'a' + d as u8).to_string(),
        _ => format!("x{d}"),
    });
    let mut text = names.collect::<Vec<_>>().join(",") + ",kind\n";
    for i in 0..n {
        let group = i % 3;
        let shift = |d: usize| if d + 1 == group { 4.0 } else { 0.0 };
        let cells: Vec<String> = (0..d).map(|d| format!("{:.6}", noise(i, d) + shift(d))).collect();
        text = text + &cells.join(",") + ",g" + &group.to_string() + "\n";
    }
    text
}

/// The bytes of every file of a result, `run.json` without times, memory and environment.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a result folder") {
        let entry = entry.expect("lists");
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut bytes = fs::read(entry.path()).expect("reads");
        if name == "run.json" {
            let mut run: Value = serde_json::from_slice(&bytes).expect("JSON");
            let object = run.as_object_mut().expect("an object");
            for key in ["timings", "peak_memory_bytes", "environment"] {
                object.remove(key);
            }
            bytes = run.to_string().into_bytes();
        }
        files.insert(name, bytes);
    }
    files
}

/// Asserts that two results hold the same files with the same bytes.
pub(crate) fn assert_same(a: &Path, b: &Path, what: &str) {
    let (a, b) = (contents(a), contents(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}");
    for (name, bytes) in &a {
        assert!(bytes == &b[name], "{what}: {name} differs");
    }
}
