//! A run that is killed at any moment and resumed gives the bytes of one that never stopped.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Bed, assert_same, code, embex, run, stderr};

/// Kills spread over a run.
const KILLS: u32 = 20;

fn start(arguments: &[String]) -> Child {
    embex(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts")
}

/// A run long enough to be interrupted, with frequent checkpoints.
fn arguments(bed: &Bed, out: &str) -> Vec<String> {
    let mut arguments = bed.arguments(out);
    for (name, value) in [("--iterations", "400"), ("--checkpoint-every", "7")] {
        match arguments.iter().position(|word| word == name) {
            Some(at) => value.clone_into(&mut arguments[at + 1]),
            None => arguments.extend([name.to_owned(), value.to_owned()]),
        }
    }
    arguments
}

#[test]
fn killed_runs_resume_to_equal_bytes() {
    let bed = Bed::new();
    let begin = Instant::now();
    let whole = run(arguments(&bed, "whole"));
    assert_eq!(code(&whole), 0, "{}", stderr(&whole));
    let length = begin.elapsed();
    for kill in 0..KILLS {
        let out = format!("out-{kill}");
        // A different moment each time, over the whole run and a little beyond.
        let after = length * (kill * 7 % KILLS + 1) / KILLS;
        let mut child = start(&arguments(&bed, &out));
        std::thread::sleep(after);
        let _ = child.kill(); // SIGKILL; it may have finished
        child.wait().expect("ends");
        let mut again = arguments(&bed, &out);
        again.push("--resume".to_owned());
        let output = run(&again);
        assert_eq!(code(&output), 0, "kill after {after:?}: {}", stderr(&output));
        assert_same(&bed.path("whole"), &bed.path(&out), &format!("kill after {after:?}"));
        assert!(!bed.path(&format!("{out}.partial")).exists());
    }
}

/// Ctrl-C leaves a checkpoint and ends with 130.
#[cfg(unix)]
#[test]
fn an_interrupt_keeps_a_checkpoint() {
    let bed = Bed::new();
    let mut long = arguments(&bed, "out");
    let at = long.iter().position(|word| word == "--iterations").expect("given");
    "200000".clone_into(&mut long[at + 1]);
    long.extend(["--exaggeration", "4"].map(str::to_owned));
    let mut child = start(&long);
    let partial = bed.path("out.partial").join("map.checkpoint");
    let begin = Instant::now();
    while !partial.exists() && begin.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill starts").success());
    let status = child.wait().expect("ends");
    assert_eq!(status.code(), Some(130));
    assert!(partial.exists() && !bed.path("out").exists());
}
