//! The source tree of the crate, as far as laws about it need it: which file imports from which.
//!
//! Imports are read from the text of the files. A path leads to the file that defines its last name: what a file has imported
//! or re-exports is followed to where it comes from, and declaring a module is no import. Tests may import anything, so they
//! are left out.
#![allow(dead_code, reason = "each of those who share it uses a part")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the crate's sources.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rust/src")
}

/// A file of the crate.
pub struct Module {
    /// Its text without tests, comments and the contents of literals.
    pub code: String,
    uses: Vec<Use>,
}

impl Module {
    fn of(text: &str) -> Self {
        let code = without_tests(&without_comments(text));
        Self { uses: uses(&code), code }
    }
}

/// Lines that are neither blank nor comments nor tests.
pub fn lines_of_code(text: &str) -> usize {
    Module::of(text).code.lines().filter(|line| !line.trim().is_empty()).count()
}

/// One name that a `use` declaration brings in.
struct Use {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

/// All files by their path below `rust/src`, without the extension; the root is empty.
pub struct Tree(pub BTreeMap<String, Module>);

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Module(String),
    /// Something that this file defines.
    Item(String),
}

/// Re-exports that lead to one another; more are a circle.
const MAX_DEPTH: usize = 8;

impl Tree {
    /// Reads the sources of the crate.
    pub fn read() -> Self {
        let files = sources(&root()).into_iter().map(|(path, text)| {
            let name = path.strip_prefix(root()).unwrap().with_extension("").to_string_lossy().into_owned();
            (if name == "lib" { String::new() } else { name }, text)
        });
        let tree = Self::of(files.filter(|(name, _)| !is_test(name)));
        assert!(tree.0.len() > 100, "only {} files were found", tree.0.len());
        tree
    }

    pub fn of(files: impl Iterator<Item = (String, String)>) -> Self {
        Self(files.map(|(name, text)| (name, Module::of(&text))).collect())
    }

    /// From which files each file imports.
    pub fn all_imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.0.keys().map(|name| (name.clone(), self.imports(name))).collect()
    }

    fn child(&self, of: &str, name: &str) -> Option<String> {
        let child = if of.is_empty() { name.to_owned() } else { format!("{of}/{name}") };
        self.0.contains_key(&child).then_some(child)
    }

    /// What a path means in a file; nothing if that is in another crate.
    fn resolve(&self, from: &str, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" | "_core" => Target::Module(String::new()),
            "self" => Target::Module(from.to_owned()),
            "super" => Target::Module(parent(from)?),
            name => self.name(from, name, depth)?,
        };
        let mut at = start;
        for part in rest {
            let Target::Module(module) = &at else { break };
            at = match part.as_str() {
                "super" => Target::Module(parent(module)?),
                "self" => at,
                name => self.name(module, name, depth).unwrap_or(Target::Item(module.clone())),
            };
        }
        Some(at)
    }

    /// What a name means in a file: a file below, or what a `use` brings in.
    fn name(&self, module: &str, name: &str, depth: usize) -> Option<Target> {
        if let Some(child) = self.child(module, name) {
            return Some(Target::Module(child));
        }
        let import = self.0.get(module)?.uses.iter().find(|import| import.name == name)?;
        if depth > MAX_DEPTH { None } else { self.resolve(module, &import.path, depth + 1) }
    }

    /// From which files a file imports.
    pub fn imports(&self, name: &str) -> BTreeSet<String> {
        let module = &self.0[name];
        let mut found = BTreeSet::new();
        let mut add = |path: &[String]| {
            if let Some(Target::Item(target)) = self.resolve(name, path, 0)
                && target != name
            {
                found.insert(target);
            }
        };
        let (_, body) = split_uses(&module.code);
        for import in &module.uses {
            // What is only passed on is imported by whoever takes it.
            if !import.is_public || is_word_of(&import.name, &body) {
                add(&import.path);
            }
        }
        paths(&body).iter().for_each(|path| add(path));
        found
    }
}

/// A file that holds tests alone.
fn is_test(name: &str) -> bool {
    name.split('/').any(|part| part == "tests" || part.ends_with("_tests"))
}

fn parent(module: &str) -> Option<String> {
    if module.is_empty() {
        return None;
    }
    Some(module.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned()))
}

/// Every Rust file below a folder.
pub fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
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

/// Comments, and what stands in literals, taken out. Lines stay.
fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest, code.chars().next_back()) {
            code.push_str("\"\"");
            length
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.extend(rest[..skipped].chars().filter(|&character| character == '\n'));
        rest = &rest[skipped..];
    }
    code
}

/// The length of the literal that `rest` begins with.
fn literal(rest: &str, before: Option<char>) -> Option<usize> {
    let bytes = rest.as_bytes();
    let is_word = before.is_some_and(|before| before.is_alphanumeric() || before == '_');
    if bytes[0] == b'r' && !is_word {
        let hashes = bytes[1..].iter().take_while(|&&byte| byte == b'#').count();
        if bytes.get(1 + hashes) == Some(&b'"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return rest[2 + hashes..].find(&end).map(|at| 2 + hashes + at + end.len());
        }
    }
    let closing = |quote: u8| {
        let mut at = 1;
        while at < bytes.len() && bytes[at] != quote {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at + 1
    };
    match bytes[0] {
        b'"' => Some(closing(b'"')),
        // A character; a lifetime has no second quote that near.
        b'\'' if bytes.get(1) == Some(&b'\\') => Some(closing(b'\'')),
        b'\'' => {
            let character = rest[1..].chars().next()?;
            (bytes.get(1 + character.len_utf8()) == Some(&b'\'')).then(|| 2 + character.len_utf8())
        }
        _ => None,
    }
}

/// What is compiled for tests alone, taken out.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let end = item.find([';', '{']).unwrap_or(item.len() - 1);
        let end = if item[end..].starts_with('{') { end + block(&item[end..]) } else { end + 1 };
        rest = &item[end..];
    }
    kept + rest
}

/// The length of a block in braces.
fn block(code: &str) -> usize {
    let mut depth = 0;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The `use` declarations of a file, `pub` or not, and everything else.
fn split_uses(code: &str) -> (Vec<(bool, String)>, String) {
    let (mut found, mut body, mut rest) = (Vec::new(), String::new(), code);
    while let Some(at) = find_use(rest) {
        let end = at + rest[at..].find(';').unwrap_or(rest.len() - at - 1);
        let is_public = rest[..at].lines().last().is_some_and(|line| line.trim_start().starts_with("pub"));
        body.push_str(&rest[..at]);
        found.push((is_public, rest[at + 4..end].to_owned()));
        rest = &rest[end + 1..];
    }
    body.push_str(rest);
    (found, body)
}

fn find_use(code: &str) -> Option<usize> {
    code.match_indices("use ").map(|(at, _)| at).find(|&at| {
        let line = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        line.is_empty() || line.starts_with("pub")
    })
}

fn uses(code: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for (is_public, tree) in split_uses(code).0 {
        expand(&[], tree.trim(), is_public, &mut found);
    }
    found
}

/// All names of a tree like `a::{b, c::{self, d as e}}`.
fn expand(before: &[String], tree: &str, is_public: bool, found: &mut Vec<Use>) {
    if let Some(open) = tree.find('{') {
        let mut path = before.to_vec();
        path.extend(tree[..open].split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
        let (inside, mut depth, mut start) = (&tree[open + 1..tree.rfind('}').unwrap()], 0, 0);
        for (at, character) in inside.char_indices().chain([(inside.len(), ',')]) {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    let part = inside[start..at].trim();
                    if !part.is_empty() {
                        expand(&path, part, is_public, found);
                    }
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim())));
    let mut parts = before.to_vec();
    parts.extend(path.split("::").map(|part| part.trim().to_owned()));
    if parts.last().is_some_and(|last| last == "self") {
        parts.pop();
    }
    let name = alias.unwrap_or_else(|| parts.last().unwrap()).to_owned();
    found.push(Use { path: parts, name, is_public });
}

/// All paths of two names or more.
fn paths(body: &str) -> Vec<Vec<String>> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let mut found = Vec::new();
    for word in body.split(|character: char| !is_name(character) && character != ':') {
        let parts: Vec<_> = word.split("::").map(str::to_owned).collect();
        if parts.len() > 1 && !parts[0].is_empty() && !parts[0].contains(':') {
            found.push(parts);
        }
    }
    found
}

fn is_word_of(name: &str, body: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    body.match_indices(name)
        .any(|(at, _)| !body[..at].ends_with(is_name) && !body[at + name.len()..].starts_with(is_name))
}

/// A shortest way of imports from a file back to itself.
pub fn circle(imports: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let (mut from, mut queue) = (BTreeMap::<&str, &str>::new(), VecDeque::from([start]));
    while let Some(at) = queue.pop_front() {
        for next in imports.get(at).into_iter().flatten() {
            if next == start {
                let mut way = vec![at.to_owned()];
                while let Some(before) = from.get(way.last().unwrap().as_str()) {
                    way.push((*before).to_owned());
                }
                way.reverse();
                return Some(way);
            }
            if !from.contains_key(next.as_str()) {
                from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}
