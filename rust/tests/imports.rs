//! The import law: a stage knows only the stages before it; each edge is known by one file.

use std::fs;
use std::path::{Path, PathBuf};

/// Stages in the order of the flow. What several share comes first.
const STAGES: [&str; 14] = [
    "packet",
    "clock",
    "decode",
    "defragment",
    "intake",
    "reassembly",
    "flow",
    "http",
    "tls",
    "exchange",
    "histogram",
    "name",
    "snapshot",
    "aggregate",
];

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rust/src")
}

/// The stage a file belongs to; its tests may know anything.
fn stage(path: &Path) -> Option<usize> {
    let relative = path.strip_prefix(root().join("pipeline")).ok()?;
    if relative.to_string_lossy().contains("tests") {
        return None;
    }
    let first = relative.components().next()?.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
    STAGES.iter().position(|name| *name == first)
}

#[test]
fn a_stage_knows_only_the_stages_before_it() {
    let mut checked = 0;
    for (path, text) in sources(&root().join("pipeline")) {
        let Some(own) = stage(&path) else { continue };
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (at, later) in STAGES.iter().enumerate().skip(own + 1) {
            for import in [format!("pipeline::{later}"), format!("super::{later}::")] {
                // `super` of a file in a folder is its own stage.
                let is_own = import.starts_with("super") && path.parent() != Some(&root().join("pipeline"));
                assert!(is_own || !code.contains(&import), "{} knows {later}, stage {at}", path.display());
            }
        }
        checked += 1;
    }
    assert!(checked >= 20, "only {checked} files were checked");
}

#[test]
fn each_edge_is_known_in_one_place() {
    let edges = [("pcap::", "capture"), ("rustix::", "capture"), ("pyo3::", "python"), ("libc::", "capture")];
    for (path, text) in sources(&root()) {
        let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        for (edge, home) in edges {
            let uses = text.lines().any(|line| line.trim_start().starts_with(&format!("use {edge}")));
            assert!(!uses || relative.starts_with(home), "{relative} knows {edge}");
        }
    }
}

#[test]
fn the_pipeline_is_pure() {
    for (path, text) in sources(&root().join("pipeline")) {
        if path.to_string_lossy().contains("tests") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for impure in ["Instant::now", "SystemTime::now", "std::fs", "std::thread", "println!", "unsafe "] {
            assert!(!code.contains(impure), "{} has {impure}", path.display());
        }
    }
}

#[test]
fn nothing_is_called_utils() {
    for (path, _) in sources(&root()) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "helpers", "common", "types", "misc"].contains(&name.as_str()),
            "{}",
            path.display()
        );
    }
}
