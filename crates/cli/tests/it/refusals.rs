//! Bad input and bad requests: the documented exit code, a message, and no half-written result.

use std::fs;
use std::path::Path;

use crate::common::{Bed, code, run, stderr, table};

/// Runs on a file with these bytes.
fn refuse(name: &str, bytes: &[u8], more: &[&str]) -> (i32, String) {
    let bed = Bed::new();
    let input = bed.path(name);
    fs::write(&input, bytes).expect("writes");
    let (input, out) = (input.display().to_string(), bed.path("out").display().to_string());
    let mut arguments = vec!["tsne", &input, "--out", &out, "--quiet", "--iterations", "20"];
    arguments.extend(more);
    let output = run(&arguments);
    assert_nothing_left(bed.folder.path());
    (code(&output), stderr(&output))
}

fn assert_nothing_left(folder: &Path) {
    for entry in fs::read_dir(folder).expect("lists") {
        let name = entry.expect("lists").file_name().to_string_lossy().into_owned();
        assert!(!name.starts_with("out") && !name.starts_with('.'), "{name} is left");
    }
}

fn assert_refused(name: &str, bytes: &[u8], more: &[&str], expected: i32, words: &str) {
    assert!(!words.is_empty(), "every message holds no words");
    let (code, message) = refuse(name, bytes, more);
    assert_eq!(code, expected, "{name}: {message}");
    assert!(message.starts_with("error: ") && message.contains(words), "{name}: {message}");
    assert!(!message.contains("panicked"), "{name}: {message}");
}

/// n × d equal values, or a value of one's own at row 3, column 1.
fn numbers(n: usize, d: usize, odd: &str) -> Vec<u8> {
    let mut text = String::new();
    for i in 0..n {
        let cell =
            |c: usize| if (i, c) == (3, 1) { odd.to_owned() } else { format!("{}", i * d + c) };
        text += &((0..d).map(cell).collect::<Vec<_>>().join(",") + "\n");
    }
    text.into_bytes()
}

#[test]
fn values_that_are_no_finite_numbers_are_named() {
    for (odd, words) in [
        ("nan", "line 4, column 2: the value is missing (\"nan\")"),
        ("", "line 4, column 2: the value is missing (\"\")"),
        ("inf", "line 4, column 2: the value is inf, not a finite number"),
        ("-1e999", "line 4, column 2: the value is -1e999, not a finite number"),
    ] {
        assert_refused("x.csv", &numbers(40, 3, odd), &[], 3, words);
        assert_refused("x.csv", &numbers(40, 3, odd), &[], 3, "x.csv: ");
    }
    let mut infinite = npy_of(40, 3);
    let at = infinite.len() - 8 * (40 * 3 - (3 * 3 + 1));
    infinite[at..at + 8].copy_from_slice(&f64::INFINITY.to_le_bytes());
    let words = "x.npy: the value at row 4, column 2 is inf, not a finite number";
    assert_refused("x.npy", &infinite, &[], 3, words);
    let words = "line 4, column 2: \"word\" is not a number";
    assert_refused("x.csv", &numbers(40, 3, "word"), &["--header", "false"], 3, words);
}

/// Files and page hold features in single precision: what it cannot hold is refused before the map,
/// in either precision, unless the preparation brings it back.
#[test]
fn values_beyond_single_precision_are_refused_in_both() {
    let words = "x.csv: the value at row 4, column 2 is -1e39, beyond single precision";
    for precision in ["f32", "f64"] {
        let more = ["--perplexity", "5", "--precision", precision];
        assert_refused("x.csv", &numbers(40, 3, "-1e39"), &more, 3, words);
        assert_refused("x.csv", &numbers(40, 3, "-1e39"), &more, 3, "hint: use --scale");
        let named = [b"a,b,c\n", &numbers(40, 3, "1e39")[..]].concat();
        let few = [&more[..], &["--top-variable", "1"]].concat();
        assert_refused("x.csv", &named, &few, 3, "row 4, column 2 (b) is 1e39");
        let ones =
            (0..40).map(|i| format!("{} 1 {}", i + 1, i % 7 + 1)).collect::<Vec<_>>().join("\n");
        let head = "%%MatrixMarket matrix coordinate real general\n40 3 41\n".to_owned();
        let sparse = head + &ones + "\n4 2 1e39\n";
        assert_refused(
            "x.mtx",
            sparse.as_bytes(),
            &more,
            3,
            "x.mtx: the value at row 4, column 2 is 1e39",
        );
        let bed = Bed::new();
        for (name, bytes) in [("x.csv", numbers(40, 3, "1e39")), ("x.mtx", sparse.into_bytes())] {
            fs::write(bed.path(name), bytes).expect("writes");
            let (input, out) = (bed.path(name), bed.path(&format!("{name}-out")));
            let (input, out) = (input.display().to_string(), out.display().to_string());
            let scaled =
                ["tsne", &input, "--out", &out, "--scale", "--iterations", "20", "--quiet"];
            let output = run([&scaled[..], &more].concat());
            assert_eq!(crate::common::code(&output), 0, "{name} {precision}: {}", stderr(&output));
        }
    }
}

#[test]
fn features_that_single_precision_blurs_are_named() {
    let rows = (0..40).map(|i| format!("{},{}", i % 7, 1e9 + f64::from(i % 5)));
    let far = rows.collect::<Vec<_>>().join("\n");
    let bed = Bed::new();
    fs::write(bed.path("far.csv"), far).expect("writes");
    let (input, out) = (bed.path("far.csv").display().to_string(), bed.path("far"));
    let out = out.display().to_string();
    let single = ["tsne", &input, "--out", &out, "--perplexity", "5", "--no-importance", "--force"];
    let output = run(single);
    assert_eq!(crate::common::code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output)
            .contains("single precision is coarse for 1 of the features, such as column 2")
    );
    let output = run([&single[..], &["--precision", "f64"]].concat());
    assert!(!stderr(&output).contains("coarse"), "{}", stderr(&output));
}

#[test]
fn empty_and_tiny_inputs_are_refused() {
    assert_refused("x.csv", b"", &[], 3, "no values (0 rows, 0 columns)");
    assert_refused("x.csv", b"a,b\n", &[], 3, "no values (0 rows, 2 columns)");
    let one = numbers(1, 3, "");
    assert_refused("x.csv", &one, &["--header", "false"], 3, "perplexity 30 needs");
    assert_refused("x.csv", &one, &["--header", "false"], 3, "n is 1");
    assert_refused("x.csv", &numbers(40, 3, "7"), &[], 3, "n is 40");
    assert_refused("x.npy", b"", &[], 3, "cut short: 8 bytes of header expected, 0 found");
}

#[test]
fn wrong_labels_are_refused() {
    let bed = Bed::new();
    let labels = bed.path("labels.csv");
    fs::write(&labels, "a\nb\n").expect("writes");
    let labels = labels.display().to_string();
    let rows = table(60).into_bytes();
    assert_refused("x.csv", &rows, &["--labels", &labels, "--set-aside", "kind"], 3, "60 rows");
    assert_refused("x.csv", &rows, &["--labels", "nothing"], 2, "nothing");
}

#[test]
fn truncated_and_hostile_files_are_refused() {
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000000), }\n";
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    let cut = "cut short: 8000000000000000000 bytes of data expected, 0 found";
    assert_refused("x.npy", &header, &[], 3, cut);
    let cut = "cut short: 65535 bytes of header expected, 8 found";
    assert_refused("x.npy", b"\x93NUMPY\x01\x00\xff\xff{'descr'", &[], 3, cut);
    let mut idx = vec![0, 0, 8, 3];
    idx.extend([0xff; 12]);
    assert_refused("x-ubyte", &idx, &[], 3, "idx file: the sizes overflow");
    assert_refused("x.csv.gz", b"\x1f\x8b\x08\x00\x00", &[], 3, "the compressed data end early");
    assert_refused(
        "x.npz",
        b"PK\x03\x04 and no more",
        &[],
        3,
        "the directory at the end is missing",
    );
    let words = "not a valid h5ad file: HDF5 format error";
    assert_refused("x.h5ad", b"\x89HDF\r\n\x1a\n and no more", &[], 3, words);
    let mtx = b"%%MatrixMarket matrix coordinate real general\n9 9\n";
    assert_refused("x.mtx", mtx, &[], 3, "line 2: 3 whole numbers are needed");
    assert_refused("x.bin", b"\x00\x01\x02", &[], 3, "unknown format");
}

/// 90 bytes that declare 16 TB, and more cells than there are numbers for: refused before anything
/// is made of them, in a dry run as well.
#[test]
fn sparse_files_that_no_machine_holds_are_refused() {
    for (sizes, limit) in [
        ("1000000 4000000 3", &[][..]),
        ("1000000 4000000 3", &["--max-memory", "900T"]),
        ("3000000 4294967295 3", &[]),
        ("100 4294967295 1", &["--max-memory", "2G"]),
    ] {
        let head = format!("%%MatrixMarket matrix coordinate real general\n{sizes}\n1 1 1\n");
        let rest = if sizes.ends_with('3') { "2 2 1\n3 3 1\n" } else { "" };
        let file = (head + rest).into_bytes();
        let words = if limit.contains(&"2G") { "--max-memory" } else { "this machine has left" };
        assert_refused("x.mtx", &file, limit, 4, words);
        assert_refused("x.mtx", &file, &[limit, &["--dry-run"]].concat(), 4, words);
    }
}

/// A column of names by mistake: the tables of so many groups would be larger than the data.
#[test]
fn labels_that_make_no_groups_are_refused_by_name() {
    let text = table(60);
    let barcodes = text.lines().enumerate().map(|(at, line)| match at {
        0 => line.to_owned() + ",barcode\n",
        _ => format!("{line},cell{at}\n"),
    });
    let bytes: Vec<u8> = barcodes.collect::<String>().into_bytes();
    let more = ["--labels", "barcode", "--set-aside", "kind", "--perplexity", "5"];
    let words = "--labels barcode: 60 different labels of 60 samples make no groups";
    assert_refused("x.csv", &bytes, &more, 3, words);
    assert_refused("x.csv", &bytes, &[&more[..], &["--dry-run"]].concat(), 3, words);
    let clusters = ["--clusters", "1001", "--set-aside", "kind,barcode"];
    assert_refused("x.csv", &bytes, &clusters, 2, "--clusters 1001: at most 1000");
}

/// One label for all makes no groups: the run would go on without a word of them.
#[test]
fn labels_that_are_all_equal_or_missing_are_refused() {
    let bed = Bed::new();
    let file = bed.path("labels.txt");
    let path = file.display().to_string();
    let rows = table(60).into_bytes();
    let more = ["--labels", &path, "--set-aside", "kind", "--perplexity", "5"];
    for (label, words) in [
        ("a\n", "all 60 samples have the same label, \"a\": there are no groups to compare"),
        ("NA\n", "all 60 samples have no label: there are no groups to compare"),
    ] {
        fs::write(&file, label.repeat(60)).expect("writes");
        assert_refused("x.csv", &rows, &more, 3, words);
        assert_refused("x.csv", &rows, &[&more[..], &["--dry-run"]].concat(), 3, words);
    }
}

/// The finite values of a file are not to blame for sensitivities that leave single precision.
#[test]
fn features_of_tiny_units_are_refused_in_these_words() {
    use crate::common::noise;
    let row = |i: usize| format!("{:e},{:e}\n", 1e-39 * noise(i, 0), 1e-39 * noise(i, 1));
    let tiny = (0..40).map(row).collect::<String>().into_bytes();
    for (precision, words) in [("f32", "scale them"), ("f64", "features of such small units")] {
        let more = ["--perplexity", "5", "--precision", precision];
        assert_refused("x.csv", &tiny, &more, 3, words);
    }
}

/// A setting is named as it was typed.
#[test]
fn settings_are_named_by_their_options() {
    let rows = table(60).into_bytes();
    for (option, value, words) in [
        ("--axes", "4", "--axes is 4, must be 1, 2 or 3"),
        ("--learning-rate", "0", "--learning-rate is 0, must be finite, above 0"),
        ("--momentum-early", "2", "--momentum-early is 2"),
        ("--normalize-total", "0", "--normalize-total is 0"),
    ] {
        assert_refused(
            "x.csv",
            &rows,
            &["--labels", "kind", "--perplexity", "5", option, value],
            2,
            words,
        );
    }
    let wild = ["--labels", "kind", "--perplexity", "5", "--exaggeration", "1e30"];
    assert_refused("x.csv", &rows, &wild, 3, "a smaller --exaggeration");
    let negative = numbers(40, 3, "-9");
    let words = "x.csv: the count at row 4, column 2 is -9, below 0";
    assert_refused("x.csv", &negative, &["--perplexity", "5", "--log1p"], 3, words);
}

/// Sets must be of the matrix: nothing of the file is passed over.
#[test]
fn sets_of_other_features_are_refused() {
    let bed = Bed::new();
    let file = bed.path("sets.csv");
    let path = file.display().to_string();
    let rows = table(60).into_bytes();
    let more = ["--labels", "kind", "--perplexity", "5", "--feature-sets", &path];
    for (text, words) in [
        ("x,a\nx,zz\n", "the set \"x\" names \"zz\", and the matrix has no feature of that name"),
        ("x,a\ny,b\ny,a\n", "line 3: \"a\" is in the set \"x\" already"),
        ("x,a\nb\n", "line 2 has 1 columns where 2 are expected"),
        ("set,feature\n", "no values"),
    ] {
        fs::write(&file, text).expect("writes");
        assert_refused("x.csv", &rows, &more, 3, words);
        assert_refused("x.csv", &rows, &[&more[..], &["--dry-run"]].concat(), 3, words);
    }
    fs::remove_file(&file).expect("removes");
    assert_refused("x.csv", &rows, &more, 5, "sets.csv");
    let twice = text_of_columns(["a", "b", "a"]);
    fs::write(&file, "x,a\n").expect("writes");
    let more = ["--perplexity", "5", "--feature-sets", &path];
    assert_refused("x.csv", &twice, &more, 3, "the matrix has 2 features of that name");
}

/// 40 rows under these names.
fn text_of_columns(names: [&str; 3]) -> Vec<u8> {
    let rows = String::from_utf8(numbers(40, 3, "7")).expect("UTF-8");
    (names.join(",") + "\n" + &rows).into_bytes()
}

/// A file of labels counts against the memory of the run as the matrix does.
#[test]
fn files_of_labels_keep_to_the_limit() {
    let bed = Bed::new();
    let labels = bed.path("labels.txt");
    let long = "x".repeat(40_000) + "\n" + &"y".repeat(40_000) + "\n";
    fs::write(&labels, long.repeat(30)).expect("writes");
    let labels = labels.display().to_string();
    let rows = table(60).into_bytes();
    let more = ["--labels", &labels, "--set-aside", "kind", "--max-memory", "2M"];
    assert_refused("x.csv", &rows, &more, 4, "labels.txt: the labels would take");
}

/// A map of equal samples would show nothing but the noise of its start.
#[test]
fn samples_that_are_all_equal_are_refused() {
    let flat = "1,2,3\n".repeat(40);
    let more = ["--header", "false", "--perplexity", "5"];
    assert_refused("x.csv", flat.as_bytes(), &more, 3, "all 40 samples are equal");
    let scaled = [&more[..], &["--pca", "2"]].concat();
    assert_refused("x.csv", flat.as_bytes(), &scaled, 3, "all 40 samples are equal");
}

/// Two places of 20 copies each: two clumps, however the copies lie within them.
#[test]
fn copies_of_two_samples_make_two_clumps() {
    let half = "1,2,3\n".repeat(20) + &"4,5,3\n".repeat(20);
    let (map, table) = flat_run(&half);
    let apart = |i: usize, j: usize| (map[i][0] - map[j][0]).hypot(map[i][1] - map[j][1]);
    let pairs = |within: bool| {
        let all = (0..40).flat_map(move |i| (0..i).map(move |j| (i, j)));
        all.filter(move |&(i, j)| ((i < 20) == (j < 20)) == within)
    };
    let widest = pairs(true).map(|(i, j)| apart(i, j)).fold(0.0, f64::max);
    let gap = pairs(false).map(|(i, j)| apart(i, j)).fold(f64::INFINITY, f64::min);
    assert!(widest < gap, "{widest} within, {gap} between");
    assert!(table.contains(",column 1,") && table.contains(",column 3,0,0,0,0,0\n"), "{table}");
}

/// Constant columns explain nothing: every number of theirs is 0, and the others are finite.
#[test]
fn constant_columns_explain_nothing() {
    let row =
        |i: usize| format!("{},7,{}\n", crate::common::noise(i, 0), crate::common::noise(i, 1));
    let (_, table) = flat_run(&(0..40).map(row).collect::<String>());
    let constant: Vec<&str> = table.lines().filter(|line| line.contains(",column 2,")).collect();
    assert!(!constant.is_empty());
    for line in constant {
        assert!(line.ends_with(",column 2,0,0,0,0,0"), "{line}");
    }
}

/// The map and `importance.csv` of 40 samples without names; both finite.
fn flat_run(text: &str) -> (Vec<[f64; 2]>, String) {
    let bed = Bed::new();
    let input = bed.path("x.csv");
    fs::write(&input, text).expect("writes");
    let (input, out) = (input.display().to_string(), bed.path("out").display().to_string());
    let settings = ["--header", "false", "--perplexity", "5", "--iterations", "300", "--quiet"];
    let output = run([&["tsne", &input, "--out", &out][..], &settings].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let table = fs::read_to_string(bed.path("out").join("importance.csv")).expect("a table");
    assert!(!table.contains("NaN") && !table.contains("inf"), "{table}");
    let map =
        embex_io::read(bed.path("out").join("embedding.npy"), &embex_io::ReadOptions::default());
    let map = map.expect("a finite map").matrix.into_dense_f64(1 << 20).expect("a small map");
    (map.as_chunks::<2>().0.to_vec(), table)
}

#[test]
fn requests_that_cannot_be_followed_are_usage() {
    let rows = table(60).into_bytes();
    for more in [
        &["--perplexity", "many"][..],
        &["--attribute", "guess"],
        &["--attribute", "published:aware"],
        &["--max-memory", "lots"],
        &["--angle", "7"],
        &["--axes", "4"],
        &["--momentum", "1"],
        &["--no-such-option"],
        &["--resume", "--force"],
        &["--threads", "0"],
        &["--threads", "100000"],
        &["--perplexity", "0"],
        &["--perplexity", "-3"],
        &["--perplexity", "nan"],
        &["--neighbours", "0"],
        &["--neighbours", "5", "--perplexity", "8"],
        &["--exaggeration", "0"],
        &["--at", "0"],
        &["--at", "99999"],
        &["--metric", "cosine"],
        &["--correlated", "1.1"],
        &["--correlated", "1"],
        &["--candidates", "0.5"],
        &["--pca", "9"],
        &["--top-variable", "9"],
    ] {
        let (code, message) = refuse("x.csv", &rows, &[&["--labels", "kind"][..], more].concat());
        assert_eq!(code, 2, "{more:?}: {message}");
    }
    assert_eq!(crate::common::code(&run(["tsne"])), 2);
    let none = run(["tsne", "bundled:digits", "--out", "no", "--iterations", "0"]);
    assert_eq!(crate::common::code(&none), 2, "{}", stderr(&none));
    assert!(stderr(&none).contains("--iterations 0 makes no update"), "{}", stderr(&none));
    let few = ["--labels", "kind", "--neighbours", "5", "--perplexity", "8"];
    assert_refused("x.csv", &rows, &few, 2, "--neighbours 5: more than the perplexity, 8");
    let unlabelled = ["--scalar", "group-distance", "--clusters", "0", "--set-aside", "kind"];
    let (code, message) = refuse("x.csv", &rows, &unlabelled);
    assert!(code == 2 && message.contains("--labels"), "{message}");
}

/// Nothing that is given is ignored: what means nothing is refused, by its name.
#[test]
fn options_that_do_not_apply_to_the_input_are_usage() {
    let npy = npy_of(40, 3);
    let csv = numbers(40, 3, "7");
    let mtx = b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 5\n";
    for (name, bytes, more, option) in [
        ("x.npy", &npy[..], &["--layer", "counts"][..], "--layer"),
        ("x.npy", &npy, &["--array", "a"], "--array"),
        ("x.npy", &npy, &["--set-aside", "a"], "--set-aside"),
        ("x.npy", &npy, &["--delimiter", "tab"], "--delimiter"),
        ("x.npy", &npy, &["--header", "true"], "--header"),
        ("x.npy", &npy, &["--labels", "kind"], "--labels kind"),
        ("x.mtx", mtx, &["--labels", "kind"], "--labels kind"),
        ("x.mtx", mtx, &["--header", "false"], "--header"),
        ("x.csv", &csv, &["--layer", "counts"], "--layer"),
        ("x.csv", &csv, &["--array", "a"], "--array"),
        ("x.csv", &csv, &["--labels", "kind"], "--labels kind"),
        ("x.csv", &csv, &["--labels", "1", "--transpose"], "--labels 1"),
        ("x.csv", &csv, &["--set-aside", "kind"], "--set-aside"),
    ] {
        assert_refused(name, bytes, more, 2, option);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("writes");
        let output = run([&["info", &path.display().to_string()][..], more].concat());
        assert_eq!(crate::common::code(&output), 2, "info {more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(option), "info {more:?}: {}", stderr(&output));
    }
    let labels = tempfile::NamedTempFile::with_suffix(".npy").expect("a temporary file");
    fs::write(labels.path(), npy_of(40, 1)).expect("writes");
    let named = labels.path().display().to_string() + ":kind";
    assert_refused("x.npy", &npy, &["--perplexity", "5", "--labels", &named], 2, "--labels");
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../io/tests/data/alone.npz");
    for (input, option, value) in [
        ("bundled:digits", "--layer", "counts"),
        ("bundled:digits", "--header", "true"),
        ("bundled:digits", "--set-aside", "digit"),
        ("bundled:digits", "--labels", "kind"),
        ("bundled:pbmc3k", "--layer", "none"),
        (archive, "--set-aside", "x"),
        (archive, "--array", "none"),
    ] {
        let output = run(["tsne", input, "--out", "no", option, value]);
        assert_eq!(crate::common::code(&output), 2, "{input} {option}: {}", stderr(&output));
        assert!(stderr(&output).contains(option), "{input} {option}: {}", stderr(&output));
    }
    let output = run(["tsne", "bundled:digits", "--out", "no", "--transpose"]);
    assert!(crate::common::code(&output) == 2 && stderr(&output).contains("--transpose"));
}

/// Every complaint is a JSON line where JSON was asked for, those of the command line too.
#[test]
fn usage_errors_are_json_lines_too() {
    for arguments in [
        &["tsne", "bundled:digits", "--json"][..],
        &["tsne", "bundled:digits", "--out", "no", "--perplexity", "many", "--json"],
        &["info", "bundled:digits", "--json", "--no-such-option"],
    ] {
        let output = run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        let lines = crate::common::json_lines(&output);
        assert_eq!((lines.len(), &lines[0]["event"]), (1, &"error".into()), "{arguments:?}");
        assert_eq!(lines[0]["code"], 2);
        assert!(!lines[0]["message"].as_str().expect("words").is_empty(), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output));
    }
}

#[test]
fn options_that_mean_nothing_beside_others_are_usage() {
    let rows = table(60).into_bytes();
    let kind = ["--labels", "kind"];
    for (more, option) in [
        (&["--no-attribution", "--at", "5"][..], "--at"),
        (&["--no-attribution", "--attribute", "paper"], "--attribute"),
        (&["--no-attribution", "--scalar", "length"], "--scalar"),
        (&["--no-importance", "--correlated", "0.8"], "--correlated"),
        (&["--no-importance", "--candidates", "2"], "--candidates"),
        (&["--no-importance", "--feature-sets", "x"], "--feature-sets"),
        (&["--correlated", "0.5", "--feature-sets", "x"], "--feature-sets"),
        (&["--attribute", "corrected:fixed_point", "--at", "5"], "--at"),
        (&["--clusters", "4"], "--clusters"),
        (&["--method", "exact", "--angle", "0.3"], "--angle"),
        (&["--perplexity", "8", "--angle", "0.3"], "--angle"),
        (&["--exaggeration-iterations", "0", "--exaggeration", "4"], "--exaggeration"),
        (&["--exaggeration-iterations", "0", "--momentum-early", "0.4"], "--momentum-early"),
        (&["--exaggeration-iterations", "21"], "--exaggeration-iterations"),
        (&["--momentum", "0.7"], "--momentum"),
        (&["--late-exaggeration", "2"], "--late-exaggeration-iterations"),
        (&["--late-exaggeration-iterations", "2"], "--late-exaggeration"),
        (
            &["--late-exaggeration", "2", "--late-exaggeration-iterations", "5"],
            "--late-exaggeration-iterations",
        ),
        (&["--json"], "--json"),
    ] {
        assert_refused("x.csv", &rows, &[&kind[..], more].concat(), 2, option);
    }
    let aside = ["--set-aside", "kind", "--perplexity", "8"];
    for clusters in ["1", "31", "60"] {
        let more = [&aside[..], &["--clusters", clusters]].concat();
        assert_refused("x.csv", &rows, &more, 2, "--clusters");
    }
}

/// n × d numbers in npy form.
fn npy_of(n: usize, d: usize) -> Vec<u8> {
    let shape = if d == 1 { format!("({n},)") } else { format!("({n}, {d})") };
    let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend((0..n * d).flat_map(|at| (at as f64).sin().to_le_bytes()));
    bytes
}

#[test]
fn results_are_not_overwritten_unless_asked() {
    let bed = Bed::new();
    bed.succeed("out", &[]);
    let again = run(bed.arguments("out"));
    assert_eq!(code(&again), 2, "{}", stderr(&again));
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
    bed.succeed("out", &["--force"]);
    bed.succeed("out", &["--resume"]); // complete already
    let mut other = bed.arguments("out");
    let at = other.iter().position(|word| word == "--seed").expect("given");
    other[at + 1] = "4".to_owned();
    other.push("--resume".to_owned());
    let other = run(&other);
    assert_eq!(code(&other), 2, "{}", stderr(&other));
    assert!(stderr(&other).contains("seed"), "{}", stderr(&other));
}

#[test]
fn files_that_are_not_there_or_cannot_be_written_are_input_output() {
    let bed = Bed::new();
    let mut missing = bed.arguments("out");
    missing[1] = bed.path("no.csv").display().to_string();
    assert_eq!(code(&run(&missing)), 5);
    fs::write(bed.path("file"), "").expect("writes");
    let blocked = run(bed.arguments("file/out"));
    assert_eq!(code(&blocked), 5, "{}", stderr(&blocked));
    assert_eq!(code(&run(["report", &bed.path("no").display().to_string()])), 5);
    let table = run(["report", &bed.input.display().to_string()]);
    assert_eq!(code(&table), 5, "{}", stderr(&table));
    assert!(stderr(&table).contains("a result folder of embex is expected"), "{}", stderr(&table));
}

/// Small files that declare more than there is memory for.
#[test]
fn files_that_declare_too_much_are_refused_for_memory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../io/tests/data/vast");
    for name in ["dense.h5ad", "csr.h5ad", "dense.npz"] {
        let bytes = fs::read(folder.join(name)).expect("reads");
        assert_refused(name, &bytes, &[], 4, "would take");
    }
}
