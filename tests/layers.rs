//! Holds the sources to rules that the compiler can't check: which layer of the library may import
//! which, and the few rules of style that matter.
//!
//! Each rule looks at one file at a time, most of them in a copy without comments and literals.
//! Planted violations, at the end of this file, show that no rule passes by being broken.

mod code;

use std::fs;
use std::path::Path;

use code::{heads, words};

pub(crate) use code::code_only;

/// The layers of the library, lowest first. A layer imports only itself and what stands before it;
/// `lib.rs` is no layer and imports all.
const LAYERS: &[&str] = &[
    "base",
    "event_loop",
    "task",
    "combine",
    "sync",
    "world",
    "runner",
    "tokio",
    "explore",
    "report",
    "testing",
];

/// The only layer that meets the real world.
const HOST_LAYER: &str = "testing";

/// What of `std` reaches the real world, and makes a run depend on more than its case.
const HOST_MODULES: &[&str] = &["env", "fs"];

/// Files that may say `unsafe`: the waker that a task shows, which costs no memory; the cells of
/// tasks, which lie beside their futures; a hint to the processor; one line that finds the way out
/// of a job's stack; one that names a function of POSIX, which gives a process another standard
/// input; what stands in for functions of the C library; and two lines of the executor that the
/// library is measured against. The arguments stand beside them.
const UNSAFE_FILES: &[&str] = &[
    "sim/src/event_loop/prefetch.rs",
    "sim/src/event_loop/shared.rs",
    "sim/src/event_loop/tasks.rs",
    "sim/src/event_loop/value.rs",
    "sim/src/event_loop/waker.rs",
    "sim/src/testing/jobs/channel.rs",
    "sim/src/world/strand.rs",
    "sim/intercept/src/symbols.rs",
    "benches/floor/src/local.rs",
];

/// Files that may say `thread_local!`: at most one, so that a new run has one place to reset.
const THREAD_LOCAL_FILES: &[&str] = &["sim/src/event_loop/context.rs"];

/// What a `mod.rs` may not hold: a reader looks for code in files that are named after it.
const ITEM_WORDS: &[&str] = &["const", "enum", "fn", "impl", "static", "struct", "trait"];

/// The folders with sources, of which `benches` may be missing.
const ROOTS: [&str; 4] = ["benches", "scenarios", "sim", "tests"];

/// A reader keeps one idea in mind, and a longer file holds two.
const LINES_MAX: usize = 600;

/// Two files fit side by side. rustfmt holds code to it, but neither comments nor strings.
const COLUMNS_MAX: usize = 100;

#[test]
fn every_source_keeps_the_rules() {
    let (mut found, mut files) = (Vec::new(), 0);
    for (path, text) in sources() {
        found.extend(violations(&path, &text));
        files += usize::from(path.starts_with("sim/src/"));
    }
    assert!(files > 0, "the library is not where this test looks for it");
    let found = found.join("\n");
    assert!(found.is_empty(), "sources break rules:\n{found}");
}

/// Returns every Rust source of the project as (path from the root, text), sorted by path.
pub(crate) fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    let mut folders = Vec::from(ROOTS.map(|name| root.join(name)));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("a readable entry").path();
            let name = path.strip_prefix(root).expect("a path below the root");
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source in UTF-8");
                sources.push((name.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    sources.sort();
    sources
}

/// A line number, from 1, and what is wrong there.
type Violation = (usize, String);

/// Returns what is wrong with one file, as `path:line: what`, in the order of its lines.
fn violations(path: &str, text: &str) -> Vec<String> {
    let code = code_only(text);
    let mut found = wide_lines(text);
    found.extend(bare_allows(&code));
    found.extend(word_in(path, &code, "unsafe", UNSAFE_FILES));
    if path.ends_with("/mod.rs") {
        found.extend(items_in_mod_file(&code));
    }
    if let Some(inside) = path.strip_prefix("sim/src/") {
        found.extend(long_file(text));
        found.extend(word_in(path, &code, "thread_local", THREAD_LOCAL_FILES));
        found.extend(host_paths(inside, &code));
        if inside != "lib.rs" {
            found.extend(imports(inside, &code));
        }
    }
    found.sort();
    found.dedup();
    found.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")).collect()
}

fn imports(inside: &str, code: &str) -> Vec<Violation> {
    let layer = layer_of(inside);
    let Some(own) = LAYERS.iter().position(|name| *name == layer) else {
        return vec![(1, format!("{layer} is not in the table of layers"))];
    };
    let mut found = Vec::new();
    for (at, head) in heads(code, "crate") {
        match LAYERS.iter().position(|name| *name == head) {
            Some(other) if other <= own => {}
            Some(_) => found.push((at, format!("{layer} imports {head}, {}", may_import(own)))),
            // In a macro the path is the user's, who sees the re-exports only.
            None if code[..at].ends_with("$crate::") => {}
            None => found.push((at, format!("crate::{head} hides the layer it is from"))),
        }
    }
    let is_top = matches!(inside.strip_prefix(layer), Some(".rs" | "/mod.rs"));
    for (at, head) in heads(code, "super") {
        if head == "super" || is_top && LAYERS.contains(&head) {
            found.push((at, format!("super may leave {layer}, say crate instead")));
        }
    }
    by_line(code, found)
}

fn may_import(layer: usize) -> String {
    format!("may import only {}", LAYERS[..=layer].join(", "))
}

fn host_paths(inside: &str, code: &str) -> Vec<Violation> {
    let found = heads(code, "std").into_iter().filter_map(|(at, head)| {
        let forbidden = HOST_MODULES.contains(&head) && layer_of(inside) != HOST_LAYER;
        forbidden.then(|| (at, format!("std::{head} is for {HOST_LAYER} only")))
    });
    by_line(code, found)
}

fn word_in(path: &str, code: &str, word: &str, files: &[&str]) -> Vec<Violation> {
    if files.contains(&path) {
        return Vec::new();
    }
    let said = words(code, word).map(|at| (at, format!("{word} outside its allow-list {files:?}")));
    by_line(code, said)
}

fn items_in_mod_file(code: &str) -> Vec<Violation> {
    let items = ITEM_WORDS.iter().flat_map(|word| {
        words(code, word).map(move |at| (at, format!("{word} in a mod.rs, which only re-exports")))
    });
    by_line(code, items)
}

fn bare_allows(code: &str) -> Vec<Violation> {
    let bare = words(code, "allow").filter(|at| {
        let attribute = code[*at..].split(']').next().unwrap_or_default();
        code[..*at].trim_end().ends_with('[') && words(attribute, "reason").next().is_none()
    });
    let what = "bare allow, expect the lint with a reason";
    by_line(code, bare.map(|at| (at, what.to_owned())))
}

fn wide_lines(text: &str) -> Vec<Violation> {
    let wide = |line: &str| line.chars().count() > COLUMNS_MAX && !line.contains("://");
    let lines = text.lines().enumerate().filter(|(_, line)| wide(line));
    lines.map(|(index, _)| (index + 1, format!("wider than {COLUMNS_MAX} columns"))).collect()
}

fn long_file(text: &str) -> Option<Violation> {
    let lines = text.lines().count();
    (lines > LINES_MAX).then(|| (lines, format!("{lines} lines, may have {LINES_MAX}")))
}

/// Returns the layer of a file below `sim/src`: its folder, or its own name where it has none.
fn layer_of(inside: &str) -> &str {
    let top = inside.split_once('/').map_or(inside, |(folder, _)| folder);
    top.trim_end_matches(".rs")
}

/// Turns positions in `code` into line numbers.
fn by_line(code: &str, found: impl IntoIterator<Item = (usize, String)>) -> Vec<Violation> {
    let found = found.into_iter();
    found.map(|(at, what)| (code[..at].matches('\n').count() + 1, what)).collect()
}

/// Checks what is found in `text` as the file `path`; expects `line: what`, joined by "; ".
fn check(path: &str, text: &str, expected: &str) {
    let found = violations(path, text).join("; ");
    let found = found.replace(&format!("{path}:"), "");
    assert_eq!(found, expected, "in {path}:\n{text}");
}

#[test]
fn a_layer_imports_what_stands_below() {
    let upward = "1: task imports sync, may import only base, event_loop, task";
    check("sim/src/task/join.rs", "use crate::sync::Lock;", upward);
    check("sim/src/task/deep/join.rs", "fn f() { crate::sync::g() }", upward);
    check("sim/src/task.rs", "macro_rules! m { () => { $crate::sync::g() } }", upward);
    let downward = "use crate::{\n    base::{sync, time},\n    task::x,\n};";
    check("sim/src/task/join.rs", downward, "");
    let grouped = "use crate::{\n    base::time,\n    report::{a, b},\n    task,\n};";
    let both = "3: base imports report, may import only base; \
                4: base imports task, may import only base";
    check("sim/src/base/id.rs", grouped, both);
    check("sim/src/lib.rs", grouped, "");
    let said = "// crate::task\n/// [`crate::task`]\nconst A: &str = \"crate::task\";";
    check("sim/src/base/id.rs", said, "");
    check("sim/src/util/id.rs", "", "1: util is not in the table of layers");
}

#[test]
fn no_path_goes_round_the_table() {
    let hidden = "1: crate::spawn hides the layer it is from";
    check("sim/src/base/id.rs", "use crate::spawn;", hidden);
    check("sim/src/base/id.rs", "macro_rules! m { () => { $crate::spawn() } }", "");
    check("sim/src/base/id.rs", "use crate::*;", &hidden.replace("spawn", "*"));
    let leaving = "1: super may leave base, say crate instead";
    check("sim/src/base/id.rs", "use super::super::super::task;", leaving);
    check("sim/src/base/id.rs", "use super::{time, super::task};", leaving);
    check("sim/src/base/mod.rs", "use super::task;", leaving);
    check("sim/src/base.rs", "use super::{task, id};", leaving);
    check("sim/src/base.rs", "pub(super) mod id { use super::*; }", "");
    check("sim/src/base/id.rs", "use super::task;", "");
}

#[test]
fn only_testing_meets_the_real_world() {
    let read = "1: std::fs is for testing only";
    let both = "1: std::env is for testing only; 1: std::fs is for testing only";
    check("sim/src/world/disk.rs", "use std::{env, fmt, fs::File};", both);
    check("sim/src/lib.rs", "fn f() { std::fs::read(p); }", read);
    check("sim/src/testing/config.rs", "use std::{env, fs};", "");
    check("sim/cli/src/lib.rs", "use std::{env, fs};", "");
}

#[test]
fn words_have_their_place() {
    assert_eq!(word_in("x.rs", "a\nunsafe", "unsafe", &["x.rs"]), []);
    let outside = (2, "unsafe outside its allow-list [\"x.rs\"]".to_owned());
    assert_eq!(word_in("y.rs", "a\nunsafe", "unsafe", &["x.rs"]), [outside]);
    let outside = format!("1: unsafe outside its allow-list {UNSAFE_FILES:?}");
    check("tests/x.rs", "unsafe {}", &outside);
    let outside = format!("1: thread_local outside its allow-list {THREAD_LOCAL_FILES:?}");
    check("sim/src/base/id.rs", "thread_local! {}", &outside);
    check("tests/x.rs", "// unsafe\n#![deny(unsafe_code)]", "");
    check("tests/x.rs", "thread_local! {}", "");
    check("sim/src/base/mod.rs", "mod id;\npub use id::{FnId, Id};", "");
    let item = "2: fn in a mod.rs, which only re-exports";
    check("scenarios/locks/mod.rs", "mod a;\npub fn f() {}", item);
    let bare = "1: bare allow, expect the lint with a reason";
    check("tests/x.rs", "#[allow(dead_code)]\nfn f() {}", bare);
    check("tests/x.rs", "#![ allow(dead_code)]", bare);
    check("tests/x.rs", "#[allow(dead_code, reason = \"why\")]", "");
    check("tests/x.rs", "fn allow() { allow(1) }", "");
}

#[test]
fn sizes_have_limits() {
    let wide = "x".repeat(COLUMNS_MAX + 1);
    check("tests/x.rs", &format!("a\n// {wide}"), "2: wider than 100 columns");
    check("tests/x.rs", &format!("// https://{wide}"), "");
    check("tests/x.rs", &"é".repeat(COLUMNS_MAX), "");
    let long = "\n".repeat(LINES_MAX + 1);
    check("sim/src/base/id.rs", &long[1..], "");
    check("sim/src/base/id.rs", &long, "601: 601 lines, may have 600");
    check("tests/x.rs", &long, "");
}
