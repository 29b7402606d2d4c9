//! What the documentation of each wait has to say.

use std::collections::BTreeSet;

use crate::layers::sources;

/// The layers whose public functions give waits, beside handles on tasks that need not be awaited.
const FOLDERS: [&str; 5] = [
    "sim/src/combine/",
    "sim/src/sync/",
    "sim/src/tokio/fs/",
    "sim/src/tokio/net/",
    "sim/src/world/",
];

/// A wait may be dropped at any time, and a reader has to know what is lost then.
#[test]
fn every_wait_says_what_a_drop_does() {
    let sources = sources();
    let ours = |path: &str| FOLDERS.iter().any(|folder| path.starts_with(folder));
    let sources: Vec<_> = sources.into_iter().filter(|(path, _)| ours(path)).collect();
    let waits: BTreeSet<String> = sources.iter().flat_map(|(_, text)| futures_in(text)).collect();
    assert!(waits.contains("Sleep") && waits.contains("Acquire"), "{waits:?}");
    let mut found = Vec::new();
    for (path, text) in &sources {
        // A type of the file's own may have the name of a wait elsewhere.
        let own = futures_in(text);
        let is_wait =
            |name: &&String| own.contains(*name) || !text.contains(&format!("pub struct {name}<"));
        let waits = waits.iter().filter(is_wait).cloned().collect();
        found.extend(silent_waits(text, &waits).into_iter().map(|name| format!("{path}: {name}")));
    }
    assert!(found.is_empty(), "without `# Cancel safety`:\n{}", found.join("\n"));
}

/// The types that `text` makes futures of.
fn futures_in(text: &str) -> Vec<String> {
    let after = text.lines().filter(|line| line.starts_with("impl"));
    let named = after.filter_map(|line| line.split_once(" Future for ").map(|(_, name)| name));
    named.map(|name| name.split(['<', ' ']).next().unwrap_or_default().to_owned()).collect()
}

/// The public functions that give one of `waits` and do not say what dropping it does.
fn silent_waits(text: &str, waits: &BTreeSet<String>) -> Vec<String> {
    let (mut silent, mut docs, mut signature) = (Vec::new(), String::new(), String::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with("///") {
            docs.push_str(line);
            docs.push('\n');
        } else if line.starts_with("pub fn ") || !signature.is_empty() {
            signature.push_str(line);
            signature.push(' ');
            if line.ends_with(['{', '}', ';']) {
                let is_wait = |returned: &str| {
                    let name = returned.split(['<', ' ', '{']).next().unwrap_or_default();
                    waits.contains(name)
                        || name == "LoopFuture"
                        || returned.starts_with("impl Future")
                };
                // An argument may be a function too.
                let is_wait = signature.split("-> ").skip(1).any(is_wait);
                if is_wait && !docs.contains("# Cancel safety") {
                    silent.push(signature.split('(').next().unwrap_or_default().to_owned());
                }
                (docs, signature) = (String::new(), String::new());
            }
        } else if !line.starts_with("#[") {
            docs.clear();
        }
    }
    silent
}

#[test]
fn a_silent_wait_is_found() {
    let check = |text: &str, expected: &[&str]| {
        let waits = BTreeSet::from(["Sleep".to_owned()]);
        assert_eq!(silent_waits(text, &waits), expected, "in:\n{text}");
    };
    check("/// A.\npub fn a() -> Sleep {\n}", &["pub fn a"]);
    check(
        "/// # Cancel safety\n#[x]\npub fn a() -> Sleep {\n}\npub fn b() -> Sleep {",
        &["pub fn b"],
    );
    check(
        "pub fn a(\n    x: u8,\n) -> impl Future<Output = ()>\nwhere\n    T: X,\n{",
        &["pub fn a"],
    );
    check("pub fn a() -> u8 {\n}\nfn b() -> Sleep {\n}\npub fn c() -> Sleeper {", &[]);
    assert_eq!(
        futures_in("impl<T: 'static> Future for Put<T> {\nimpl Future for Sleep {"),
        ["Put", "Sleep"]
    );
}
