//! Whose folder it is: what the program may replace, take up, and must leave alone.

use std::fs;
use std::process::Stdio;

use crate::common::{Bed, Running, code, embex, run, set, stderr, wait_for};

#[test]
fn folders_of_others_are_left_alone() {
    let bed = Bed::new();
    for name in ["mine", "mine.partial"] {
        fs::create_dir(bed.path(name)).expect("creates");
        fs::write(bed.path(name).join("precious"), "x").expect("writes");
    }
    for (out, folder) in [("mine", "mine"), ("mine.partial", "mine.partial")] {
        let output = run([&bed.arguments(out)[..], &["--force".to_owned()]].concat());
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        assert!(stderr(&output).contains("left alone"), "{}", stderr(&output));
        assert!(bed.path(folder).join("precious").is_file());
    }
    fs::remove_dir_all(bed.path("mine")).expect("removes");
    for way in ["--force", "--resume"] {
        let output = run([&bed.arguments("mine")[..], &[way.to_owned()]].concat());
        assert_eq!(code(&output), 2, "{way}: {}", stderr(&output));
        assert!(bed.path("mine.partial").join("precious").is_file());
    }
}

/// The run is far from its end when it is killed: there is something to damage.
#[test]
fn a_damaged_checkpoint_is_named_and_the_others_stay() {
    let bed = Bed::new();
    let arguments = bed.endless("out");
    let partial = bed.path("out.partial");
    let path = partial.join("attributions.checkpoint");
    let mut child = Running(embex(&arguments).stderr(Stdio::null()).spawn().expect("starts"));
    wait_for(&path, &mut child.0);
    drop(child);
    let mut bytes = fs::read(&path).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&path, bytes).expect("writes");
    let resume = [&arguments[..], &["--resume".to_owned()]].concat();
    let output = run(&resume);
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(stderr(&output).contains("attributions.checkpoint"), "{}", stderr(&output));
    assert!(partial.join("affinities.checkpoint").is_file());
}

/// Killed while it wrote its very first file.
#[test]
fn a_run_that_had_hardly_begun_is_begun_anew() {
    let bed = Bed::new();
    let partial = bed.path("out.partial");
    fs::create_dir(&partial).expect("creates");
    fs::write(partial.join(".embex-x.tmp"), "{").expect("writes");
    bed.succeed("out", &["--resume"]);
    assert!(bed.path("out").join("run.json").is_file() && !partial.exists());
}

#[test]
fn damaged_settings_say_what_to_do() {
    let bed = Bed::new();
    let partial = bed.path("out.partial");
    fs::create_dir(&partial).expect("creates");
    fs::write(partial.join("settings.json"), "{").expect("writes");
    let output = run([&bed.arguments("out")[..], &["--resume".to_owned()]].concat());
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    let message = stderr(&output);
    assert!(message.contains("settings.json") && message.contains("hint: begin anew with --force"));
    bed.succeed("out", &["--force"]);
}

/// Files of two runs in one folder: the page would tell what no run found.
#[test]
fn reports_of_mixed_up_folders_are_refused() {
    let bed = Bed::new();
    let out = bed.succeed("out", &[]);
    let report = || run(["report".as_ref(), out.as_os_str()]);
    let swapped = |text: &str| text.replace(",g0", ",g9").replace("\ng0", "\ng9");
    for (file, damage, words) in [
        (
            "points.csv",
            &(|text: &str| text.replacen("\n1,", "\n0,", 1)) as &dyn Fn(&str) -> String,
            "line 3: point",
        ),
        ("points.csv", &swapped, "line 2: group is \"g9\""),
        ("importance.csv", &swapped, "line 2: group is \"g9\""),
    ] {
        let path = out.join(file);
        let whole = fs::read_to_string(&path).expect("reads");
        fs::write(&path, damage(&whole)).expect("writes");
        let output = report();
        assert_eq!(code(&output), 5, "{file}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(file) && stderr(&output).contains(words),
            "{}",
            stderr(&output)
        );
        fs::write(&path, whole).expect("writes");
    }
    assert_eq!(code(&report()), 0);
    fs::remove_file(out.join("importance.csv")).expect("removes");
    let output = report();
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(stderr(&output).contains("importance.csv\" is missing"), "{}", stderr(&output));
}

/// The first run writes checkpoints all the time: the others must not touch its files either.
#[test]
fn two_runs_do_not_work_in_one_folder() {
    let bed = Bed::new();
    let mut arguments = bed.endless("out");
    set(&mut arguments, "--checkpoint-every", "1");
    let mut first = Running(embex(&arguments).stderr(Stdio::null()).spawn().expect("starts"));
    wait_for(&bed.path("out.partial").join("map.checkpoint"), &mut first.0); // after the lock
    let short = bed.arguments("out"); // it would end, and fail this test, if it were let in
    for round in 0..20 {
        for way in ["--resume", "--force"] {
            let output = run([&short[..], &[way.to_owned()]].concat());
            assert_eq!(code(&output), 5, "{way}, {round}: {}", stderr(&output));
            assert!(stderr(&output).contains("another run"), "{way}: {}", stderr(&output));
        }
        let ended = first.0.try_wait().expect("waits");
        assert!(ended.is_none(), "round {round}: the first run ended with {ended:?}");
    }
    drop(first);
    assert!(bed.path("out.partial").join("settings.json").is_file());
}

/// Names need not be UTF-8.
#[cfg(target_os = "linux")]
#[test]
fn odd_names_are_names() {
    use std::os::unix::ffi::OsStrExt as _;
    let bed = Bed::new();
    let mut arguments: Vec<std::ffi::OsString> =
        bed.arguments("out").into_iter().map(Into::into).collect();
    let odd = bed.folder.path().join(std::ffi::OsStr::from_bytes(b"b\xff"));
    arguments[3] = odd.clone().into();
    arguments.push("--no-importance".into());
    let output = run(&arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(odd.join("index.html").is_file());
}
