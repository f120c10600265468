use serde_json::json;

use super::*;
use crate::page::{FeatureSets, Layer, LayerData, Summary, TopFeatures};
use crate::{Error, Matrix};

fn full() -> RunResult {
    let coords = Matrix::from_fn(4, 2, |i, c| (i as f32).sin() + c as f32);
    let names = vec!["a,\"b\"\n".into(), "</script>".into(), "ü".into()];
    let mut page = PageInput::new("t", coords, names);
    page.point_names = (0..4).map(|i| format!("p{i}, x")).collect();
    page.groups = Some(Groups {
        title: "type".into(),
        names: vec!["same".into(), "same".into()], // names need not differ
        of_point: vec![0, 1, 1, 0],
    });
    let values = Matrix::from_fn(4, 3, |i, d| (i * d) as f32);
    page.layers.push(Layer {
        kind: LayerKind::Value,
        about: "counts".into(),
        data: LayerData::Dense(values),
    });
    page.layers.push(Layer {
        kind: LayerKind::Attribution,
        about: String::new(),
        data: LayerData::Components {
            scores: Matrix::from_fn(4, 2, |i, c| 0.1 * (i + c) as f32),
            loadings: Matrix::from_fn(2, 3, |c, d| (c + d) as f32 - 0.3),
        },
    });
    page.layers.push(Layer {
        kind: LayerKind::Importance,
        about: String::new(),
        data: LayerData::Dense(Matrix::from_fn(4, 3, |i, d| 0.25 * (i + d) as f32)),
    });
    page.top = Some(TopFeatures {
        k: 2,
        features: vec![0, 1, 2, TopFeatures::NONE, 1, 0, 0, 2],
        values: vec![0.5, -0.25, 1.0, 0.0, 0.1, 1e-20, -3.5, 2.0],
        kind: Some(LayerKind::Attribution),
    });
    page.summary = Summary {
        importance: Some(Matrix::from_fn(2, 3, |g, d| 0.1 * (g * 3 + d) as f64)),
        contrast: Some(Matrix::from_fn(2, 3, |g, d| -1e-17 * (g + d) as f64)),
        ..Summary::default()
    };
    page.sets = Some(FeatureSets {
        title: "correlated above 0.8".into(),
        names: vec!["set 1".into(), "set \"2\"".into()],
        of_feature: vec![1, FeatureSets::ALONE, 0],
    });
    page.stability = Some(vec![0.1, -1e-17, 3.0, 1.0 / 3.0]);
    page.saturation = Some(Saturation { mass_across: 0.01, saturated: true });
    page.image = Some(ImageShape { height: 1, width: 3 });
    page.notices = vec!["n".into()];
    let mut run = RunRecord::new("embex tsne", json!({"seed": 7}));
    run.timings.push(PhaseTime { phase: "optimise".into(), seconds: 1.5 });
    run.peak_memory_bytes = Some(1 << 30);
    RunResult { page, run, quality: json!({"kl": 0.7}) }
}

fn written(result: &RunResult) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    result.write(dir.path(), &PageOptions::default()).unwrap();
    dir
}

#[test]
fn a_full_result_comes_back_equal() {
    let result = full();
    let dir = written(&result);
    assert_eq!(RunResult::read(dir.path()).unwrap(), result);
}

#[test]
fn a_page_made_again_has_the_same_bytes() {
    let dir = written(&full());
    let page = dir.path().join("index.html");
    let before = std::fs::read(&page).unwrap();
    let back = RunResult::read(dir.path()).unwrap();
    back.write_page(dir.path(), &PageOptions::default()).unwrap();
    assert_eq!(std::fs::read(&page).unwrap(), before);
}

#[test]
fn a_bare_map_is_a_result_too() {
    let page = PageInput::new("t", Matrix::from_fn(2, 1, |i, _| i as f32), vec!["x".into()]);
    let result = RunResult { page, run: RunRecord::new("p", json!(null)), quality: json!({}) };
    let dir = written(&result);
    assert_eq!(RunResult::read(dir.path()).unwrap(), result);
    assert!(!dir.path().join("importance.csv").exists());
}

#[test]
fn the_tables_are_what_the_documentation_says() {
    let dir = written(&full());
    let text = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(text("importance.csv").starts_with(
        "group,feature,set,importance,sensitivity,jacobian_norm,signed_mean,contrast\nsame,\"a,\"\"b\"\"\n\",\"set \"\"2\"\"\",0,,,,"
    ));
    assert!(text("top_features.csv").contains("same,1,ü,set 1,0.2"));
    assert!(text("top_features_points.csv").contains("0,2,1,</script>,,-0.25\n"));
    assert!(text("features.csv").ends_with("1,</script>,,\n2,ü,0,set 1\n"));
    let members = "set,feature\nset 1,ü\n\"set \"\"2\"\"\",\"a,\"\"b\"\"\n\"\n";
    assert_eq!(text("feature_sets.csv"), members);
    assert!(text("points.csv").starts_with("point,name,group_index,group,stability\n"));
    assert!(text("points.csv").contains("1,\"p1, x\",1,same,-0.00000000000000001\n"));
}

#[test]
fn missing_files_are_named() {
    for name in [
        "run.json",
        "quality.json",
        "embedding.npy",
        "points.csv",
        "features.csv",
        "values.npy",
        "attribution_components.npy",
        "loadings.npy",
        "point_importance.npy",
        "importance.csv",
        "top_features_points.csv",
    ] {
        let dir = written(&full());
        std::fs::remove_file(dir.path().join(name)).unwrap();
        let error = RunResult::read(dir.path()).unwrap_err();
        assert!(
            matches!(&error, Error::Missing { path } if path.ends_with(name)),
            "{name}: {error}"
        );
    }
}

#[test]
fn damaged_files_are_errors_not_panics() {
    let files = std::fs::read_dir(written(&full()).path()).unwrap().count();
    assert_eq!(files, 14);
    for (name, content) in [
        ("run.json", "{\"schema\": 1, \"page\": 3}"),
        ("run.json", "[]"),
        ("run.json", "{\"schema\": 1}"),
        ("quality.json", "{"),
        ("embedding.npy", "\u{1}"),
        ("points.csv", "point,name,group_index,group,stability\n0,a,9,same,1\n"),
        ("points.csv", "point,name,group_index,group,stability\n0,a,x,same,1\n"),
        ("points.csv", "point,name,group_index,group,stability\n0,a,0,same,high\n"),
        ("points.csv", "point,name,group_index,group\n0,a,0,same\n"),
        ("points.csv", "point,name\n0,a\n"),
        ("points.csv", "point,name,group_index,group,stability\n0,a\n"),
        ("features.csv", "index,feature\n"),
        ("features.csv", "index,feature,set_index,set\n0,a,9,x\n1,b,,\n2,c,,\n"),
        ("features.csv", "index,feature,set_index,set\n0,a,x,x\n1,b,,\n2,c,,\n"),
        ("importance.csv", "group,feature\n"),
        (
            "importance.csv",
            "group,feature,importance,sensitivity,jacobian_norm,signed_mean,contrast\nsame,zzz,,,,,\n",
        ),
        ("top_features_points.csv", "point,rank,feature_index,feature,score\n0,9,0,x,1\n"),
        ("top_features_points.csv", "point,rank,feature_index,feature,score\n0,1,77,x,1\n"),
    ] {
        let dir = written(&full());
        std::fs::write(dir.path().join(name), content).unwrap();
        assert!(RunResult::read(dir.path()).is_err(), "{name}: {content}");
    }
}

/// Files of several runs in one folder contradict one another somewhere; the message says where.
#[test]
fn files_of_other_runs_are_named_with_their_line() {
    for (name, from, to, words) in [
        ("points.csv", "\n1,", "\n2,", "line 3: point is \"2\" where \"1\" is expected"),
        ("points.csv", ",0,same", ",0,other", "line 2: group is \"other\""),
        ("points.csv", ",0,same", ",7,same", "line 2: there is no group 7"),
        ("features.csv", "\n1,</script>", "\n0,</script>", "line 4: index is \"0\""),
        ("features.csv", "set 1", "set 9", "line 5: set is \"set 9\""),
        ("importance.csv", "\nsame,ü", "\nother,ü", "line 5: group is \"other\""),
        ("importance.csv", "ü", "u", "line 5: feature is \"u\""),
        ("importance.csv", "set 1", "set 9", "line 5: set is \"set 9\""),
        ("top_features_points.csv", "\n0,2,", "\n0,1,", "rank 1 of point 0 stands there twice"),
        ("top_features_points.csv", "</script>", "x", "feature is \"x\""),
    ] {
        let dir = written(&full());
        let path = dir.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name}: {text}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = RunResult::read(dir.path()).unwrap_err();
        let message = error.to_string();
        assert!(matches!(&error, Error::Damaged { path, .. } if path.ends_with(name)), "{message}");
        assert!(message.contains(words), "{name}: {message}");
    }
}

/// Columns of the summary that the record states are there; records of earlier programs state none.
#[test]
fn summaries_have_the_columns_of_the_record() {
    let dir = written(&full());
    let path = dir.path().join("run.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let mut run: serde_json::Value = serde_json::from_str(&whole).unwrap();
    run["page"]["summary"] = json!(["importance", "sensitivity", "contrast"]);
    std::fs::write(&path, run.to_string()).unwrap();
    let message = RunResult::read(dir.path()).unwrap_err().to_string();
    assert!(message.contains("does not fill the columns importance,sensitivity"), "{message}");
    run["page"].as_object_mut().unwrap().remove("summary");
    std::fs::write(&path, run.to_string()).unwrap();
    assert_eq!(RunResult::read(dir.path()).unwrap().page, full().page);
}

#[test]
fn a_file_is_no_folder() {
    let dir = written(&full());
    let file = dir.path().join("points.csv");
    assert!(matches!(RunResult::read(&file), Err(Error::NotAFolder { path }) if path == file));
}

#[test]
fn every_file_cut_anywhere_is_an_error_or_the_same_result() {
    let result = full();
    let whole = written(&result);
    for entry in std::fs::read_dir(whole.path()).unwrap() {
        let name = entry.unwrap().file_name();
        let bytes = std::fs::read(whole.path().join(&name)).unwrap();
        let step = (bytes.len() / 40).max(1);
        for cut in (0..bytes.len()).step_by(step) {
            std::fs::write(whole.path().join(&name), &bytes[..cut]).unwrap();
            if let Ok(read) = RunResult::read(whole.path()) {
                let derived = ["index.html", "top_features.csv", "feature_sets.csv"];
                let unused = derived.iter().any(|derived| name == *derived);
                assert!(
                    unused || name == "top_features_points.csv" || read == result,
                    "{name:?} at {cut}"
                );
            }
        }
        std::fs::write(whole.path().join(&name), &bytes).unwrap();
    }
}

#[test]
fn later_layouts_are_refused() {
    let dir = written(&full());
    let path = dir.path().join("run.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"schema\": 1", "\"schema\": 99");
    std::fs::write(&path, text).unwrap();
    let error = RunResult::read(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Schema { found: 99, supported: SCHEMA, .. }));
}
