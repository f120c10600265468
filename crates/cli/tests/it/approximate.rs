//! Approximate neighbours, where they are built in and where not.

use crate::common::{Bed, code, run, stderr};

#[cfg(not(feature = "approx"))]
#[test]
fn approximate_neighbours_that_are_not_built_in_say_how_to_build_them() {
    let bed = Bed::new();
    let more = ["--neighbour-search", "approximate"].map(str::to_owned);
    let output = run([&bed.arguments("out")[..], &more].concat());
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    for words in ["--neighbour-search approximate", "--features approx"] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    assert!(!bed.path("out.partial").exists());
    bed.succeed("exact", &["--neighbour-search", "exact"]);
}

#[cfg(feature = "approx")]
mod built_in {
    use serde_json::Value;

    use super::*;
    use crate::common::{assert_same, embex, json_lines, wait_for};

    /// Enough rows for the descent, and little to do with them.
    fn arguments(bed: &Bed, out: &str) -> Vec<String> {
        let mut arguments = bed.arguments(out);
        for (name, value) in
            [("--iterations", "40"), ("--exaggeration-iterations", "20"), ("--at", "20")]
        {
            let at = arguments.iter().position(|word| word == name).expect("given");
            value.clone_into(&mut arguments[at + 1]);
        }
        let more = "--neighbour-search approximate --no-importance --checkpoint-every 3";
        arguments.extend(more.split_whitespace().map(str::to_owned));
        arguments
    }

    fn json(path: &std::path::Path) -> Value {
        serde_json::from_slice(&std::fs::read(path).expect("reads")).expect("JSON")
    }

    /// The recall is stated in both records and on the page, for any number of threads, and after
    /// an interruption.
    #[test]
    fn approximate_neighbours_state_their_recall_and_resume() {
        let bed = Bed::of(4500, 5);
        let output = run(arguments(&bed, "whole"));
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let whole = bed.path("whole");
        let recall = json(&whole.join("quality.json"))["neighbour_recall"].clone();
        assert_eq!(recall["n_checked"], 1000);
        let share = recall["share"].as_f64().expect("a share");
        assert!(share > 0.9 && share <= 1.0, "{recall}");
        assert_eq!(json(&whole.join("run.json"))["diagnostics"]["neighbour_recall"], recall);
        let page = std::fs::read_to_string(whole.join("index.html")).expect("reads");
        assert!(
            page.contains("\"neighbour_recall\":{") && page.contains("approximate neighbours: ")
        );
        let mut threads = arguments(&bed, "threads");
        let at = threads.iter().position(|word| word == "--threads").expect("given");
        threads[at + 1] = "2".to_owned();
        assert_eq!(code(&run(&threads)), 0);
        assert_same(&whole, &bed.path("threads"), "2 threads");

        let cut = arguments(&bed, "cut");
        let mut child = embex(&cut).spawn().expect("starts");
        wait_for(&bed.path("cut.partial").join("affinities.checkpoint"), &mut child);
        let _ = child.kill();
        let _ = child.wait();
        let output = run([&cut[..], &["--resume".to_owned()]].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_same(&whole, &bed.path("cut"), "resumed");
    }

    /// The descent takes memory of its own: the plan bounds it.
    #[test]
    fn approximate_neighbours_are_in_the_plan() {
        let bed = Bed::of(6000, 5);
        let mut plan = arguments(&bed, "plan");
        let at = plan.iter().position(|word| word == "--perplexity").expect("given");
        plan[at + 1] = "30".to_owned();
        let mut made = plan.clone();
        plan.retain(|word| word != "--quiet");
        plan.extend(["--dry-run", "--json"].map(str::to_owned));
        let planned = json_lines(&run(&plan))[0]["memory"]["peak_bytes"].as_f64().expect("bytes");
        made.push("--no-attribution".to_owned());
        let at = made.iter().position(|word| word == "--at").expect("given");
        made.drain(at..at + 2);
        let output = run(&made);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let record = json(&bed.path("plan").join("run.json"));
        let Some(measured) = record["peak_memory_bytes"].as_f64() else { return };
        let ratio = planned / measured;
        println!("planned {planned}, measured {measured}");
        assert!((0.9..2.5).contains(&ratio), "planned {planned}, measured {measured}");
    }
}
