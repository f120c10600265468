//! What a run leaves behind, and that nothing but the settings decides it.

use std::fs;

use crate::common::{Bed, assert_same, code, contents, embex, json_lines, noise, run, set, stderr};

#[test]
fn a_run_leaves_the_documented_files_and_nothing_else() {
    let bed = Bed::new();
    let out = bed.succeed("out", &[]);
    let files: Vec<String> = contents(&out).into_keys().collect();
    let expected = [
        "attributions.npy",
        "attributions_60.npy",
        "embedding.npy",
        "features.csv",
        "importance.csv",
        "index.html",
        "point_importance.npy",
        "points.csv",
        "quality.json",
        "run.json",
        "top_features.csv",
        "top_features_points.csv",
        "values.npy",
    ];
    assert_eq!(files, expected);
    let beside: Vec<_> = fs::read_dir(bed.folder.path()).expect("lists").collect();
    assert_eq!(beside.len(), 2, "the table and the result");
}

#[test]
fn the_features_that_make_the_groups_are_the_important_ones() {
    let bed = Bed::new();
    let out = bed.succeed("out", &[]);
    let table = fs::read_to_string(out.join("top_features.csv")).expect("a table");
    for (group, feature) in [("g1", "a"), ("g2", "b")] {
        let first = format!("{group},1,");
        let line = table.lines().find(|line| line.starts_with(&first)).expect("a first feature");
        let found = line.split(',').nth(2).expect("its name");
        assert_eq!(found, feature, "{group}");
    }
}

#[test]
fn bytes_do_not_depend_on_threads_or_memory() {
    let bed = Bed::new();
    let one = bed.succeed("one", &[]);
    let arguments = |out: &str, threads: &str| {
        let mut arguments = bed.arguments(out);
        set(&mut arguments, "--threads", threads);
        arguments
    };
    for threads in ["2", "8"] {
        let output = run(arguments(threads, threads));
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_same(&one, &bed.path(threads), &format!("{threads} threads"));
    }
    for memory in ["60M", "4G"] {
        assert_same(&one, &bed.succeed(memory, &["--max-memory", memory]), memory);
    }
}

/// Several blocks of every sum and loop: threads finish them in any order, and a limit decides how
/// many are in flight.
#[test]
fn bytes_of_several_blocks_do_not_depend_on_threads_or_memory() {
    let bed = Bed::of(1200, 12);
    let arguments = |out: &str, threads: &str| {
        let mut arguments = bed.arguments(out);
        set(&mut arguments, "--threads", threads);
        arguments.extend(["--pca", "6"].map(str::to_owned));
        arguments
    };
    let run = |arguments: &[String]| {
        let output = run(arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    };
    run(&arguments("one", "1"));
    run(&arguments("eight", "8"));
    assert_same(&bed.path("one"), &bed.path("eight"), "8 threads");
    let limit = ["--max-memory", "40M"].map(str::to_owned);
    run(&[&arguments("limited", "2")[..], &limit].concat());
    assert_same(&bed.path("one"), &bed.path("limited"), "40M");
}

#[test]
fn json_lines_tell_stages_quality_and_end() {
    let bed = Bed::new();
    let mut arguments = bed.arguments("out");
    arguments.retain(|word| word != "--quiet");
    arguments.push("--json".to_owned());
    let output = run(&arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let lines = json_lines(&output);
    assert!(lines.iter().all(|line| line["schema"] == 1));
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert!(events.contains(&"progress") && events.contains(&"quality"), "{events:?}");
    let phases: Vec<&str> = lines.iter().filter_map(|line| line["phase"].as_str()).collect();
    for phase in ["optimise", "exact KL", "preservation", "sensitivity", "files"] {
        assert!(phases.contains(&phase), "{phase} of {phases:?}");
    }
    assert_eq!(events.last(), Some(&"done"));
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
}

#[test]
fn a_dry_run_prints_an_estimate_and_writes_nothing() {
    let bed = Bed::new();
    let mut arguments = bed.arguments("out");
    arguments.retain(|word| word != "--quiet");
    arguments.extend(["--dry-run", "--json"].map(str::to_owned));
    let output = run(&arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let plan = &json_lines(&output)[0];
    assert_eq!((plan["event"].as_str(), plan["rows"].as_u64()), (Some("plan"), Some(60)));
    assert!(plan["memory"]["peak_bytes"].as_u64().expect("bytes") > 1 << 20);
    assert!(!bed.path("out").exists() && !bed.path("out.partial").exists());
    arguments.extend(["--max-memory", "1M"].map(str::to_owned));
    assert_eq!(code(&run(&arguments)), 4);
}

#[test]
fn a_limit_shrinks_what_is_done_in_blocks_and_refuses_what_is_not() {
    let plan = |limit: &[&str]| {
        let dry =
            ["tsne", "bundled:digits", "--out", "no", "--threads", "2", "--dry-run", "--json"];
        let output = run([&dry[..], limit].concat());
        (code(&output), json_lines(&output)[0]["memory"].clone())
    };
    let bytes = |memory: &serde_json::Value, stage: &str| {
        let stages = memory["stages"].as_array().expect("stages").iter();
        let mut found = stages.filter(|s| s["stage"] == stage).map(|s| s["bytes"].as_u64());
        found.next().flatten().expect("bytes")
    };
    let (code, free) = plan(&[]);
    let (limited_code, limited) = plan(&["--max-memory", "60M"]);
    assert_eq!((code, limited_code), (0, 0), "{free} {limited}");
    assert!(bytes(&limited, "importance") < bytes(&free, "importance") / 2);
    assert_eq!(bytes(&limited, "map"), bytes(&free, "map"));
    assert!(free["peak_bytes"].as_u64() > Some(60 << 20));
    assert_eq!(plan(&["--max-memory", "30M"]).0, 4);
}

/// Given sets: columns of the tables, the page, a resumption that notices another file, and features
/// that the preparation leaves out.
#[test]
fn given_sets_are_removed_together() {
    let bed = Bed::new();
    let sets = bed.path("sets.tsv");
    fs::write(&sets, "far\te\nnear\ta\nnear\tc\n").expect("writes");
    let path = sets.display().to_string();
    let out = bed.succeed("out", &["--feature-sets", &path]);
    let importance = fs::read_to_string(out.join("importance.csv")).expect("reads");
    let rows: Vec<Vec<&str>> =
        importance.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let sets_of: Vec<&str> = rows[..5].iter().map(|row| row[2]).collect();
    assert_eq!(sets_of, ["near", "", "near", "", "far"]);
    assert_eq!((rows[0][3], rows[5][3]), (rows[2][3], rows[7][3]));
    let members = fs::read_to_string(out.join("feature_sets.csv")).expect("reads");
    assert_eq!(members, "set,feature\nfar,e\nnear,a\nnear,c\n");
    let before = contents(&out);
    fs::remove_file(out.join("index.html")).expect("removes");
    assert_eq!(code(&run(["report".as_ref(), out.as_os_str()])), 0);
    assert!(contents(&out) == before, "the page differs");

    let few = bed.succeed("few", &["--feature-sets", &path, "--top-variable", "2"]);
    let members = fs::read_to_string(few.join("feature_sets.csv")).expect("reads");
    assert_eq!(members, "set,feature\nnear,a\n");
    let record = fs::read_to_string(few.join("run.json")).expect("reads");
    assert!(record.contains("2 features of the file were not kept by the preparation"), "{record}");

    fs::write(&sets, "far\te\n").expect("writes");
    let mut again = bed.arguments("out");
    again.extend(["--feature-sets", &path, "--resume"].map(str::to_owned));
    let again = run(&again);
    assert_eq!(code(&again), 2, "{}", stderr(&again));
    assert!(stderr(&again).contains("feature_sets_sha256"), "{}", stderr(&again));
}

/// The promise of `--dry-run`: right to a quarter, with and without a limit, and where the tables of
/// many groups count.
#[cfg(target_os = "linux")]
#[test]
fn estimates_are_right_to_a_quarter() {
    let bed = Bed::new();
    let rows = 2000;
    let table = (0..rows).map(|i| {
        let cells: Vec<String> = (0..150).map(|d| format!("{:.4}", noise(i, d))).collect();
        cells.join(",") + ",g" + &(i % 800).to_string() + "\n"
    });
    let names: Vec<String> = (0..150).map(|d| format!("f{d}")).collect();
    let grouped = bed.path("grouped.csv");
    let text = names.join(",") + ",group\n" + &table.collect::<String>();
    fs::write(&grouped, text).expect("writes");
    let grouped = grouped.display().to_string();
    let digits = "--iterations 40 --exaggeration-iterations 20 --threads 2";
    let cases = [
        ("free", "bundled:digits", digits.to_owned()),
        ("limited", "bundled:digits", format!("{digits} --max-memory 60M")),
        ("groups", &grouped, format!("{digits} --labels group --no-importance")),
    ];
    for (out, input, more) in cases {
        let out = bed.path(out);
        let mut arguments = vec!["tsne", input, "--out"];
        let path = out.display().to_string();
        arguments.push(&path);
        arguments.extend(more.split_whitespace());
        let plan = run([&arguments[..], &["--dry-run", "--json"]].concat());
        let planned = json_lines(&plan)[0]["memory"]["peak_bytes"].as_f64().expect("bytes");
        let output = run([&arguments[..], &["--quiet"]].concat());
        assert_eq!(code(&output), 0, "{more}: {}", stderr(&output));
        let record = fs::read_to_string(out.join("run.json")).expect("reads");
        let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
        let measured = record["peak_memory_bytes"].as_f64().expect("Linux tells");
        println!("{input} {more}: planned {planned:.0}, measured {measured:.0}");
        let ratio = planned / measured;
        assert!((0.75..1.25).contains(&ratio), "{more}: planned {planned}, measured {measured}");
    }
}

#[test]
fn the_page_can_be_made_again() {
    let bed = Bed::new();
    let out = bed.succeed("out", &[]);
    let before = contents(&out);
    fs::remove_file(out.join("index.html")).expect("removes");
    let output = run(["report".as_ref(), out.as_os_str()]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(contents(&out) == before, "the page differs");
}

/// Takes an option and its value away.
fn without(arguments: &mut Vec<String>, option: &str) {
    let at = arguments.iter().position(|word| word == option).expect("given");
    arguments.drain(at..at + 2);
}

/// Numbers of one column of a table of a result.
fn column(folder: &std::path::Path, file: &str, name: &str) -> Vec<f64> {
    let table = fs::read_to_string(folder.join(file)).expect("a table");
    let at = table.lines().next().and_then(|head| head.split(',').position(|cell| cell == name));
    let at = at.expect("the column");
    let number = |line: &str| line.split(',').nth(at).and_then(|cell| cell.parse().ok());
    table.lines().skip(1).map(|line| number(line).expect("a number")).collect()
}

#[test]
fn every_point_has_its_stability() {
    let bed = Bed::new();
    let out = bed.succeed("out", &[]);
    let stability = column(&out, "points.csv", "stability");
    assert_eq!(stability.len(), 60);
    let text = fs::read_to_string(out.join("run.json")).expect("reads");
    let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let stated = &record["diagnostics"]["stability"];
    let mut sorted = stability.clone();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(stated["not_held"], stability.iter().filter(|&&value| value <= 0.0).count());
    assert_eq!(
        (stated["least"].as_f64(), stated["largest"].as_f64()),
        (Some(sorted[0]), Some(sorted[59]))
    );
    assert_eq!(stated["median"].as_f64(), Some(sorted[29]));
    let mut arguments = bed.arguments("plain");
    without(&mut arguments, "--at");
    arguments.extend(["--no-attribution", "--no-importance"].map(str::to_owned));
    assert_eq!(code(&run(&arguments)), 0);
    let plain = bed.path("plain");
    assert_eq!(column(&plain, "points.csv", "stability"), stability, "it needs no attribution");
}

#[test]
fn components_explain_the_original_features() {
    let bed = Bed::new();
    let out = bed.succeed("out", &["--pca", "3", "--scale", "--precision", "f64"]);
    let files = contents(&out);
    assert!(files.contains_key("attribution_components.npy") && files.contains_key("loadings.npy"));
    let table = String::from_utf8(files["importance.csv"].clone()).expect("UTF-8");
    assert_eq!(table.lines().count(), 1 + 3 * 5);
}

#[test]
fn every_mode_and_scalar_runs() {
    let bed = Bed::new();
    for (at, mode) in ["published", "paper", "corrected:fixed_point", "corrected:restricted:fixed"]
        .iter()
        .enumerate()
    {
        for scalar in ["length", "norm-sq", "group-distance"] {
            let mut arguments = bed.arguments(&format!("out-{at}-{scalar}"));
            if mode.ends_with("fixed_point") {
                without(&mut arguments, "--at");
            }
            let more = ["--attribute", mode, "--scalar", scalar, "--no-importance"];
            arguments.extend(more.map(str::to_owned));
            let output = run(&arguments);
            assert_eq!(code(&output), 0, "{mode} {scalar}: {}", stderr(&output));
        }
    }
    for axes in ["1", "3"] {
        bed.succeed(&format!("axes-{axes}"), &["--axes", axes]);
    }
}

#[test]
fn info_describes_tables_with_text_and_files_of_labels() {
    let bed = Bed::new();
    let input = bed.input.display().to_string();
    let output = run(["info", &input]);
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(text.contains("60 samples × 5 features"), "{text}");
    assert!(text.contains("columns for --labels, no features: kind (text)"), "{text}");
    fs::write(bed.path("labels.txt"), "sort\n".to_owned() + &"x\ny\n".repeat(30)).expect("writes");
    let labels = bed.path("labels.txt").display().to_string();
    let output = run(["info", &input, "--labels", &labels, "--json"]);
    assert_eq!(json_lines(&output)[0]["groups_of_file"], serde_json::json!(["x", "y"]));
    fs::write(bed.path("short.txt"), "x\n".repeat(58)).expect("writes");
    let output = run(["info", &input, "--labels", &bed.path("short.txt").display().to_string()]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("58 labels"), "{}", stderr(&output));
}

/// A file of labels with and without a name first, in one column and in several.
#[test]
fn labels_of_files_follow_the_number_of_rows() {
    let bed = Bed::new();
    let groups = |i: usize| ["u", "v", "w"][i % 3];
    let labels: String = (0..60).map(|i| groups(i).to_owned() + "\n").collect();
    let rows: String = (0..60).map(|i| i.to_string() + "\t" + groups(i) + "\n").collect();
    fs::write(bed.path("plain.txt"), &labels).expect("writes");
    fs::write(bed.path("named.csv"), "sort\n".to_owned() + &labels).expect("writes");
    fs::write(bed.path("table.tsv"), "id\tsort\n".to_owned() + &rows).expect("writes");
    let path = |name: &str| bed.path(name).display().to_string();
    let cases = [("plain.txt", ""), ("named.csv", ""), ("table.tsv", ":sort"), ("table.tsv", ":2")];
    for (at, (file, column)) in cases.iter().enumerate() {
        let mut arguments = bed.arguments(&at.to_string());
        let place = arguments.iter().position(|word| word == "kind").expect("given");
        arguments[place] = path(file) + column;
        arguments.extend(["--set-aside", "kind", "--no-importance"].map(str::to_owned));
        let output = run(&arguments);
        assert_eq!(code(&output), 0, "{file}{column}: {}", stderr(&output));
        let points =
            fs::read_to_string(bed.path(&at.to_string()).join("points.csv")).expect("reads");
        let first: Vec<&str> = points.lines().nth(2).expect("a point").split(',').collect();
        assert_eq!(first[..4], ["1", "", "1", "v"], "{file}{column}");
    }
}

#[test]
fn info_tells_shape_and_labels() {
    let bed = Bed::new();
    let input = bed.input.display().to_string();
    let output = run(["info", &input, "--labels", "kind", "--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let info = &json_lines(&output)[0];
    assert_eq!((info["rows"].as_u64(), info["columns"].as_u64()), (Some(60), Some(5)));
    assert_eq!(info["labels"][0]["name"], "kind");
    let output = run(["info", "bundled:digits"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("1797 samples × 64 features"), "{text}");
}

/// What the user should know of the input, in the messages and in the record.
#[test]
fn doubtful_inputs_are_noted() {
    let bed = Bed::new();
    let noted = |name: &str, text: String, more: &[&str]| {
        let (input, out) = (bed.path(name), bed.path(&format!("{name}-out")));
        fs::write(&input, text).expect("writes");
        let (input, out) = (input.display().to_string(), out.display().to_string());
        let quick = ["tsne", &input, "--out", &out, "--perplexity", "5", "--iterations", "20"];
        let output = run([&quick[..], more].concat());
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        let record = fs::read_to_string(bed.path(&format!("{name}-out")).join("run.json"));
        (stderr(&output), record.expect("reads"))
    };
    let rows = || (0..40).map(|i| format!("{},{},{}\n", noise(i, 0), noise(i, 1), noise(i, 2)));
    let counted = || "0,1,2\n".to_owned() + &rows().collect::<String>();
    let words = "line 1 looks like column numbers, and was read as a sample; --header true";
    let (message, record) = noted("counted.csv", counted(), &[]);
    assert!(message.contains(words) && record.contains(words), "{message}");
    let info = run(["info", &bed.path("counted.csv").display().to_string()]);
    assert!(String::from_utf8_lossy(&info.stdout).contains(words));
    for header in ["true", "false"] {
        let name = format!("header-{header}.csv");
        assert!(!noted(&name, counted(), &["--header", header]).0.contains("line 1"));
    }
    let twice = "a,b,a\n".to_owned() + &rows().collect::<String>();
    let words =
        "2 features share their names with others: \\\"a\\\" is the name of the columns 1, 3";
    let (message, record) = noted("twice.csv", twice, &[]);
    assert!(message.contains(&words.replace('\\', "")) && record.contains(words), "{message}");

    let labels = |i: usize| ["u", "v", "NA", "u"][i % 4];
    let labelled = rows().enumerate().map(|(i, row)| format!("{},{}\n", row.trim(), labels(i)));
    let text = "a,b,c,kind\n".to_owned() + &labelled.collect::<String>();
    let words = "10 of 40 samples have no label: they are on the map, and in tables and warnings as a \
                 group of their own, (no label)";
    let (message, record) = noted("labelled.csv", text, &["--labels", "kind"]);
    assert!(message.contains(words) && record.contains(words), "{message}");
    assert!(record.contains("\"samples_without_label\": 10"), "{record}");
}

/// Three points of twenty copies each: removing a feature moves no neighbour, so importance is no way
/// out of blind derivatives.
#[test]
fn importance_that_is_zero_everywhere_is_not_recommended() {
    let bed = Bed::new();
    let input = bed.path("copies.csv");
    fs::write(&input, "1,2,9\n".repeat(20) + &"4,7,3\n".repeat(20) + &"8,1,5\n".repeat(20))
        .expect("writes");
    let (input, out) = (input.display().to_string(), bed.path("out").display().to_string());
    let more = ["--perplexity", "5", "--iterations", "100", "--clusters", "3"];
    let output = run([&["tsne", &input, "--out", &out][..], &more].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let message = stderr(&output);
    assert!(message.contains("importance is 0 for every feature"), "{message}");
    assert!(!message.contains("use importance"), "{message}");
}

/// Nobody reads: a quiet end, as other programs have it.
#[cfg(unix)]
#[test]
fn closed_outputs_end_quietly() {
    for arguments in [&["tsne", "--help"][..], &["info", "bundled:digits"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = embex(arguments).stdout(writer).output().expect("starts");
        assert_eq!(code(&output), 141, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).is_empty(), "{arguments:?}: {}", stderr(&output));
    }
    for (arguments, expected) in
        [(&["info", "no-such-file.csv"][..], 5), (&["tsne", "bundled:digits"], 2)]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let status = embex(arguments).stderr(writer).status().expect("starts");
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn help_is_printed_on_standard_output() {
    for arguments in [vec!["--help"], vec!["tsne", "--help"], vec!["info", "-h"]] {
        let output = embex(&arguments).output().expect("starts");
        assert_eq!(code(&output), 0);
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}
