//! Cut, damaged and lying files: an error, never a panic, and never more memory than allowed.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use embex_io::{Error, ErrorClass, ReadOptions, read, read_bytes};
use flate2::{Compression, write::GzEncoder};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that decoded data may take in these tests.
const LIMIT: u64 = 4 << 20;
/// What a reader may take beside: blocks, windows, headers and the file itself.
const BESIDE: usize = 16 << 20;

fn samples() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_script = path.extension().is_some_and(|e| e == "py" || e == "md");
            if path.is_dir() {
                folders.push(path);
            } else if !is_script {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn texts() -> Vec<(String, Vec<u8>)> {
    let mtx = "%%MatrixMarket matrix coordinate real general\n3 4 3\n1 2 1.5\n3 4 -2\n2 1 7\n";
    let csv = "name,a,b,kind\nx,1,2.5,u\ny,3,-4e3,v\n\"z\"\"\",5,6,u\n";
    let mut idx = vec![0, 0, 13, 2, 0, 0, 0, 3, 0, 0, 0, 2];
    idx.extend((0..6).flat_map(|v| (v as f32).to_be_bytes()));
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(csv.as_bytes()).unwrap();
    vec![
        ("a.mtx".to_owned(), mtx.into()),
        ("a.csv".to_owned(), csv.into()),
        ("a.csv.gz".to_owned(), gz.finish().unwrap()),
        ("a-idx2-ubyte".to_owned(), idx),
    ]
}

fn all() -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let files = samples().into_iter().map(|path| (name(&path), std::fs::read(&path).unwrap()));
    files.chain(texts()).collect()
}

/// A small generator, so that a failure can be repeated from the seed it prints.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

/// Options that turn every corner of the readers, by seed: those that apply to the format.
fn options(name: &str, seed: u64) -> ReadOptions {
    let is = |part: &str| name.contains(part);
    let mut options = ReadOptions::default().with_transpose(seed & 1 == 1);
    if is("npz") && seed & 2 == 0 {
        options = options.with_array("b");
    }
    if (is("npz") || is("csv")) && seed & 4 == 4 {
        options = options.with_set_aside("kind");
    }
    match seed >> 3 & 3 {
        _ if !is("csv") => options,
        0 => options.with_header(true),
        1 => options.with_header(false),
        _ => options,
    }
}

/// Reads what may be any bytes; only a clean error or a sound result is right.
fn survive(name: &str, bytes: Vec<u8>, seed: u64) {
    let options = options(name, seed).with_max_bytes(LIMIT);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let length = bytes.len();
    let result = read_bytes(bytes, name, &options);
    let peak = MEMORY.peak_usage() - before;
    assert!(peak <= 3 * LIMIT as usize + BESIDE + 4 * length, "{name}, seed {seed}: {peak} bytes");
    match result {
        Ok(input) => assert!(input.matrix.check_finite().is_ok(), "{name}, seed {seed}"),
        Err(error) => {
            let is_clean = !matches!(error.root(), Error::ReaderFailed { .. });
            assert!(is_clean && !error.to_string().is_empty(), "{name}, seed {seed}: {error}");
        }
    }
}

#[test]
fn damaged_files_never_panic_nor_take_more_memory_than_allowed() {
    let files = all();
    let start = Instant::now();
    let seconds = std::env::var("EMBEX_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok());
    let most = if seconds.is_some() { u64::MAX } else { 40_000 };
    let span = Duration::from_secs(seconds.unwrap_or(12));
    let mut seed = 0;
    while seed < most && start.elapsed() < span {
        let mut draws = Draws(seed);
        let (name, bytes) = &files[draws.below(files.len())];
        let mut bytes = bytes.clone();
        match draws.below(4) {
            0 => bytes.truncate(draws.below(bytes.len())),
            1 => {
                let at = draws.below(bytes.len());
                let end = (at + 1 + draws.below(8)).min(bytes.len());
                bytes[at..end].fill([0, 0xff, 0x7f][draws.below(3)]);
            }
            _ => {
                for _ in 0..=draws.below(6) {
                    let at = draws.below(bytes.len());
                    bytes[at] ^= 1 << draws.below(8);
                }
            }
        }
        survive(name, bytes, seed);
        seed += 1;
    }
    println!("{seed} damaged files");

    every_cut(&files);
    bombs();
    array_that_declares_too_much();
    files_that_declare_too_much();
}

/// Every small file, cut at every length, is refused (or is text, which may end anywhere).
fn every_cut(files: &[(String, Vec<u8>)]) {
    let options = ReadOptions::default().with_array("b");
    let exact = |name: &str| {
        let extension = Path::new(name).extension();
        extension
            .is_some_and(|extension| extension == "npy" || extension == "gz" || extension == "npz")
    };
    for (name, bytes) in files.iter().filter(|(name, bytes)| bytes.len() < 600 && exact(name)) {
        if read_bytes(bytes.clone(), name, &options).is_err() {
            continue; // labels, or an archive without the array that is asked for
        }
        for k in 0..bytes.len() {
            assert!(read_bytes(bytes[..k].to_vec(), name, &options).is_err(), "{name} cut at {k}");
        }
    }
}

/// A gzip file of a thousand times its size stops at the budget.
fn bombs() {
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(b"1,2\n").unwrap();
    for _ in 0..400 {
        gz.write_all(&vec![b' '; 1 << 16]).unwrap();
    }
    let options = ReadOptions::default().with_max_bytes(LIMIT);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let error = read_bytes(gz.finish().unwrap(), "a.csv.gz", &options).unwrap_err();
    assert!(matches!(error.root(), Error::OverBudget { .. }), "{error}");
    assert!(MEMORY.peak_usage() - before < 3 * LIMIT as usize + BESIDE);
}

fn array_that_declares_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(&bytes).unwrap();
    std::fs::write(&path, gz.finish().unwrap()).unwrap();
    let error = read(&path, &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.root(), Error::OverBudget { bytes: 8_000_000_000_000, .. }), "{error}");
}

/// Small files of more than there is memory for, whole or one of their parts.
fn files_that_declare_too_much() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/vast");
    for name in ["dense.h5ad", "csr.h5ad", "dense.npz"] {
        for options in [ReadOptions::default(), ReadOptions::default().with_max_bytes(LIMIT)] {
            MEMORY.reset_peak_usage();
            let before = MEMORY.current_usage();
            let error = read(folder.join(name), &options).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Memory, "{name}: {error}");
            assert!(MEMORY.peak_usage() - before < BESIDE, "{name}");
        }
    }
}
