//! A run that is killed at any moment and resumed gives the bytes of one that never stopped.

use std::process::{Child, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::common::{Bed, Running, assert_same, code, embex, noise, run, set, stderr, wait_for};

/// Kills at random moments of a run.
const KILLS: usize = 20;

fn start(arguments: &[String]) -> Child {
    embex(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts")
}

/// A run long enough to be interrupted, with frequent checkpoints.
fn arguments(bed: &Bed, out: &str) -> Vec<String> {
    let mut arguments = bed.arguments(out);
    set(&mut arguments, "--iterations", "400");
    set(&mut arguments, "--checkpoint-every", "7");
    arguments
}

/// The seed of the moments: `EMBEX_TEST_SEED`, or else the clock.
fn seed() -> usize {
    let given = std::env::var("EMBEX_TEST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        now.as_nanos() as usize % 1_000_000_007
    })
}

/// Every stage takes its part of the time: neighbours, map, attributions, importance, files.
/// The recursions are the forward one of two steps and the adjoint of one in turn.
#[test]
fn runs_killed_at_random_moments_resume_to_equal_bytes() {
    let bed = Bed::of(150, 48);
    let seed = seed();
    println!("EMBEX_TEST_SEED={seed} repeats these moments");
    let mut moments = (0..KILLS).map(|kill| 1.05 * noise(seed, kill)); // no two alike
    for (name, at) in [("forward", "30,60"), ("adjoint", "60")] {
        let arguments = |out: &str| {
            let mut arguments = arguments(&bed, &format!("{name}-{out}"));
            set(&mut arguments, "--at", at);
            arguments
        };
        let begin = Instant::now();
        let whole = run(arguments("whole"));
        assert_eq!(code(&whole), 0, "{}", stderr(&whole));
        let length = begin.elapsed();
        for kill in 0..KILLS / 2 {
            let out = kill.to_string();
            let after = length.mul_f64(moments.next().expect("one for every kill"));
            let what = format!("{name}, seed {seed}, kill {kill} after {after:?} of {length:?}");
            let mut child = start(&arguments(&out));
            std::thread::sleep(after);
            let _ = child.kill(); // SIGKILL; it may have finished
            child.wait().expect("ends");
            let mut again = arguments(&out);
            again.push("--resume".to_owned());
            let output = run(&again);
            assert_eq!(code(&output), 0, "{what}: {}", stderr(&output));
            let [whole, out] = ["whole", &out].map(|out| bed.path(&format!("{name}-{out}")));
            assert_same(&whole, &out, &what);
            assert!(!out.with_extension("partial").exists(), "{what}");
        }
    }
}

/// A disk that is full after so many blocks, by the shell's limit on the size of files: every
/// writer fails at some of them. What was there stays, and a resumption gives the same bytes.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_with_its_code_and_can_be_resumed() {
    let bed = Bed::new();
    let whole = bed.succeed("whole", &[]);
    let mut failed = 0;
    for blocks in [0, 1, 2, 4, 8, 16, 32, 64, 100, 150, 200] {
        let out = format!("out-{blocks}");
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let mut limited = std::process::Command::new("sh");
        limited.args(["-c", &limit, "sh", env!("CARGO_BIN_EXE_embex")]).args(bed.arguments(&out));
        let output = limited.output().expect("starts");
        let message = stderr(&output);
        assert!([0, 5].contains(&code(&output)), "{blocks}: {message}");
        if code(&output) == 5 {
            failed += 1;
            assert!(!bed.path(&out).exists() && message.starts_with("error: "), "{message}");
        }
        assert_same(&whole, &bed.succeed(&out, &["--resume"]), &format!("{blocks} blocks"));
    }
    assert!(failed >= 4, "{failed} runs failed");
}

/// Ctrl-C leaves a checkpoint and ends with 130.
#[cfg(unix)]
#[test]
fn an_interrupt_keeps_a_checkpoint() {
    let bed = Bed::new();
    let mut long = bed.endless("out");
    set(&mut long, "--checkpoint-every", "7");
    let mut child = Running(start(&long));
    let partial = bed.path("out.partial").join("map.checkpoint");
    wait_for(&partial, &mut child.0);
    let id = child.0.id().to_string();
    let kill = std::process::Command::new("kill").args(["-INT", &id]).status();
    assert!(kill.expect("kill starts").success());
    let status = child.0.wait().expect("ends");
    assert_eq!(status.code(), Some(130));
    assert!(partial.exists() && !bed.path("out").exists());
}

/// What is kept after Ctrl-C is enough to go on to the bytes of a run that was left alone.
#[cfg(unix)]
#[test]
fn an_interrupted_run_resumes_to_equal_bytes() {
    let bed = Bed::of(300, 24);
    let arguments = |out: &str| arguments(&bed, out);
    let whole = run(arguments("whole"));
    assert_eq!(code(&whole), 0, "{}", stderr(&whole));
    let mut stages = std::collections::BTreeSet::new();
    for (at, stage) in ["affinities", "map", "importance"].iter().enumerate() {
        let out = format!("out-{at}");
        let partial = bed.path(&format!("{out}.partial"));
        let mut child = start(&arguments(&out));
        wait_for(&partial.join(format!("{stage}.checkpoint")), &mut child);
        let id = child.id().to_string();
        let kill = std::process::Command::new("kill").args(["-INT", &id]).status();
        assert!(kill.expect("kill starts").success());
        if child.wait().expect("ends").code() == Some(130) {
            stages.insert(*stage);
        }
        let again = run([&arguments(&out)[..], &["--resume".to_owned()]].concat());
        assert_eq!(code(&again), 0, "{stage}: {}", stderr(&again));
        assert_same(&bed.path("whole"), &bed.path(&out), stage);
    }
    assert!(stages.contains("affinities") && stages.len() > 1, "stopped after {stages:?} only");
}
