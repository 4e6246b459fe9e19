//! The laws of the source tree: imports point downwards and in no circle, each edge is known in one place, files are short.

mod source_tree;

use std::collections::BTreeSet;
use std::path::Path;

use source_tree::{Tree, circle, lines_of_code, root, sources};

/// The layers of the crate, the lowest first.
const LAYERS: [&str; 8] = ["privileges", "pipeline", "arrow", "metrics", "capture", "processes", "engine", "python"];

/// The stages of the pipeline in the order of the flow. What several stages share comes first.
const STAGES: [&str; 19] = [
    "steps",
    "packet",
    "clock",
    "decode",
    "defragment",
    "nat",
    "intake",
    "reassembly",
    "flow",
    "exchange",
    "protocol",
    "histogram",
    "name",
    "filter",
    "mark",
    "owners",
    "snapshot",
    "aggregate",
    "record",
];

/// The files of the pipeline that know all stages.
const WIRING: [&str; 2] = ["pipeline", "pipeline/ahead"];

/// What knows less than its place in the order would allow, and all that it may know beside itself.
const KNOWS: [(&str, &[&str]); 7] = [
    // Capturing is all about packets. Names of interfaces are cut as those of hosts are.
    ("capture", &["pipeline/packet", "pipeline/name"]),
    // Processes are named for ends of connections. Their names are made safe as those of hosts are.
    ("processes", &["pipeline/owners", "pipeline/decode", "pipeline/name", "privileges"]),
    ("pipeline/owners", &["pipeline/decode"]),
    // Rows go out as columns, whatever counted them.
    ("arrow", &["pipeline/snapshot"]),
    // Sums are made of rows, whose keys and histograms are of these stages.
    (
        "metrics",
        &["pipeline/snapshot", "pipeline/histogram", "pipeline/exchange", "pipeline/decode", "pipeline/packet"],
    ),
    // Protocols and those who count share a vocabulary that depends on neither.
    ("pipeline/exchange", &["pipeline/packet", "pipeline/decode", "pipeline/flow"]),
    // A filter is evaluated on facts, wherever they come from.
    ("pipeline/filter", &["pipeline/name", "pipeline/decode", "pipeline/exchange"]),
];

/// What counts requests and responses does not know how they were parsed.
const KNOWS_NO_PARSER: [&str; 4] = ["pipeline/histogram", "pipeline/name", "pipeline/snapshot", "pipeline/aggregate"];
const PARSERS: &str = "pipeline/protocol";

const MOST_LINES_OF_CODE: usize = 500;

/// A file is that of the folder, or below it.
fn is_within(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Fails for each import from a file to one of a later place in the order. Files without a place are asked for.
fn points_downwards(tree: &Tree, place: impl Fn(&str) -> Option<usize>) {
    let mut checked = 0;
    for (name, imports) in tree.all_imports() {
        let Some(own) = place(&name) else { continue };
        for import in imports {
            assert!(place(&import).is_none_or(|other| other <= own), "{name} imports from {import}");
        }
        checked += 1;
    }
    assert!(checked >= 40, "only {checked} files were checked");
}

#[test]
fn a_layer_knows_only_the_layers_below_it() {
    let tree = Tree::read();
    let place = |name: &str| LAYERS.iter().position(|layer| is_within(name, layer));
    assert!(tree.0.keys().all(|name| name.is_empty() || place(name).is_some()), "a file is in no layer");
    points_downwards(&tree, place);
}

#[test]
fn a_stage_knows_only_the_stages_before_it() {
    let tree = Tree::read();
    let place = |name: &str| {
        if !is_within(name, "pipeline") {
            return None;
        }
        if WIRING.contains(&name) {
            return Some(STAGES.len());
        }
        let at = STAGES.iter().position(|stage| is_within(name, &format!("pipeline/{stage}")));
        assert!(at.is_some(), "{name} is of no stage");
        at
    };
    points_downwards(&tree, place);
}

#[test]
fn a_part_knows_no_more_than_it_has_to() {
    let tree = Tree::read();
    for (name, imports) in tree.all_imports() {
        for (part, known) in &KNOWS {
            let may_know = |import: &str| is_within(import, part) || known.iter().any(|known| is_within(import, known));
            if is_within(&name, part) {
                let strangers: Vec<_> = imports.iter().filter(|import| !may_know(import)).collect();
                assert!(strangers.is_empty(), "{name} imports from {strangers:?}");
            }
        }
        if KNOWS_NO_PARSER.iter().any(|part| is_within(&name, part)) {
            let parser = imports.iter().find(|import| is_within(import, PARSERS));
            assert_eq!(parser, None, "{name} knows a parser");
        }
    }
}

#[test]
fn no_import_is_part_of_a_circle() {
    let tree = Tree::read();
    let imports = tree.all_imports();
    let mut circles = BTreeSet::new();
    for way in imports.keys().filter_map(|name| circle(&imports, name)) {
        let least = way.iter().enumerate().min_by_key(|(_, name)| *name).map_or(0, |(at, _)| at);
        circles.insert([&way[least..], &way[..least]].concat().join(" -> "));
    }
    let circles: Vec<_> = circles.into_iter().collect();
    assert!(circles.is_empty(), "circles of imports:\n{}", circles.join("\n"));
}

#[test]
fn each_edge_is_known_in_one_place() {
    // Packets come in by system calls of one edge, rights are given up by those of another, and processes are found by
    // those of a third.
    let edges: [(&str, &[&str]); 6] = [
        ("pcap::", &["capture"]),
        ("rustix::", &["capture", "privileges", "processes"]),
        ("libc::", &["capture", "privileges", "processes"]),
        ("landlock::", &["privileges"]),
        ("seccompiler::", &["privileges"]),
        ("pyo3::", &["python"]),
    ];
    for (path, text) in sources(&root()) {
        let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        for (edge, homes) in edges {
            let uses = text.lines().any(|line| line.trim_start().starts_with(&format!("use {edge}")));
            let is_home = homes.iter().any(|home| relative.starts_with(home));
            assert!(!uses || is_home, "{relative} knows {edge}");
        }
    }
}

#[test]
fn the_pipeline_is_pure() {
    for (name, module) in Tree::read().0.iter().filter(|(name, _)| is_within(name, "pipeline")) {
        for impure in ["Instant::now", "SystemTime::now", "std::fs", "std::thread", "println!", "unsafe "] {
            assert!(!module.code.contains(impure), "{name} has {impure}");
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

#[test]
fn no_file_is_longer_than_five_hundred_lines_of_code() {
    let all = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rust"));
    let long: Vec<_> = all
        .iter()
        .map(|(path, text)| (lines_of_code(text), path.display()))
        .filter(|(lines, _)| *lines > MOST_LINES_OF_CODE)
        .collect();
    assert!(long.is_empty(), "lines of code: {long:?}");
}

/// Imports of a file named `at`, in a tree made up of `(file, text)`.
fn made_up(at: &str, files: &[(&str, &str)]) -> Vec<String> {
    let tree = Tree::of(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    tree.imports(at).into_iter().collect()
}

#[test]
fn an_import_leads_to_the_file_that_defines_the_name() {
    let files = [
        ("", "mod a; mod b;"),
        ("a", "mod one;\nmod two;\npub use one::{Own, Passed as Other};\nuse two::Two;\nfn f(_: Own, _: Two) {}"),
        ("a/one", "pub struct Own;\npub struct Passed;"),
        ("a/two", "pub struct Two;"),
        ("a/three", "use super::{Own, Two};"),
        ("b", "use crate::a::{self, Other};\nfn f() { a::g(); crate::a::two::h(); }"),
        ("c", "// crate::a::X\n/// `crate::a::Y`\nconst C: &str = \"crate::a::Z\";\nfn f<'a>() -> char { '\"' }"),
        ("d", "#[cfg(test)]\nuse crate::a::X;\n#[cfg(test)]\nmod tests { use crate::b::Y; }\nuse crate::c::C;"),
        ("e", "pub use crate::a::Other;\npub(super) use crate::c::C;\nfn f() { C.len(); }"),
    ];
    let table: [(&str, &[&str]); 7] = [
        ("a", &["a/one", "a/two"]),
        ("a/three", &["a/one", "a/two"]),
        ("b", &["a", "a/one", "a/two"]),
        ("c", &[]),
        ("d", &["c"]),
        ("e", &["c"]),
        ("", &[]),
    ];
    for (name, want) in table {
        assert_eq!(made_up(name, &files), want, "{name}");
    }
}

#[test]
fn a_circle_is_found_however_long_it_is() {
    let files = [
        ("a", "use crate::b::B;"),
        ("b", "use crate::c::C;"),
        ("c", "fn f() { crate::a::g(); }"),
        ("d", "use crate::a::A;"),
    ];
    let tree = Tree::of([("", "")].iter().chain(&files).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    let imports = tree.all_imports();
    assert_eq!(circle(&imports, "b"), Some(["b", "c", "a"].map(str::to_owned).to_vec()));
    assert_eq!(circle(&imports, "d"), None);
}
