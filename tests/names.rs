//! Each symbol of the library has one public place, and the list of all places is reviewed.
//!
//! The list is read from the sources: what public modules export, and what they hold themselves.

use std::collections::BTreeMap;

use crate::layers::{code_only, sources};

/// What has a name and may be `pub`.
const ITEM_WORDS: [&str; 7] = ["const", "enum", "fn", "static", "struct", "trait", "type"];

/// A public path, and the module that the symbol is from.
type Place = (String, String);

#[test]
fn every_public_path_is_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description("every public path of the library");
    let mut paths: Vec<String> = Library::read().places.into_iter().map(|place| place.0).collect();
    paths.sort();
    settings.bind(|| insta::assert_snapshot!("names", paths.join("\n")));
}

#[test]
fn every_symbol_has_one_place() {
    let mut by_symbol: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // tokio's shape has what stands elsewhere too, under tokio's own paths.
    let is_ours = |place: &Place| !place.0.starts_with("seedloop::tokio::");
    for (path, from) in Library::read().places.into_iter().filter(is_ours) {
        let name = path.rsplit("::").next().unwrap_or_default();
        by_symbol.entry(format!("{from}::{name}")).or_default().push(path);
    }
    by_symbol.retain(|_, paths| paths.len() > 1);
    assert!(by_symbol.is_empty(), "exported more than once: {by_symbol:#?}");
}

/// The sources of the library, and what was found in them.
struct Library {
    /// The code of each file, by its path below `sim/src`.
    code: BTreeMap<String, String>,
    places: Vec<Place>,
}

impl Library {
    fn read() -> Self {
        let files = sources().into_iter().filter_map(|(path, text)| {
            path.strip_prefix("sim/src/").map(|path| (path.to_owned(), code_only(&text)))
        });
        let mut library = Library { code: files.collect(), places: Vec::new() };
        let root = library.code["lib.rs"].clone();
        library.add_module("seedloop", "", &root);
        library.add_macros();
        library
    }

    /// Returns the code of the module `sync/mpsc`.
    fn module(&self, path: &str) -> Option<String> {
        let files = [format!("{path}/mod.rs"), format!("{path}.rs")];
        files.iter().find_map(|file| self.code.get(file)).cloned()
    }

    /// Adds what the module `from` exports, which users know as `public`.
    fn add_module(&mut self, public: &str, from: &str, code: &str) {
        let mut lines = code.lines();
        while let Some(line) = lines.next() {
            let Some((word, rest)) = line.strip_prefix("pub ").and_then(|l| l.split_once(' '))
            else {
                continue;
            };
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
            match word {
                "use" => {
                    let mut path = rest.to_owned();
                    while !path.contains(';') {
                        path.push_str(lines.next().expect("the end of a `use`"));
                    }
                    self.add_use(public, from, &path);
                }
                "mod" if rest.ends_with(';') => self.add_folder(public, from, name),
                "mod" => {
                    let body = lines.by_ref().take_while(|line| *line != "}");
                    let body: Vec<&str> =
                        body.map(|l| l.strip_prefix("    ").unwrap_or(l)).collect();
                    let (public, from) = (format!("{public}::{name}"), join(from, name));
                    self.add_module(&public, &from, &body.join("\n"));
                }
                "unsafe" | "async" => panic!("no public function is one: {line}"),
                _ if ITEM_WORDS.contains(&word) => self.add(public, name, from),
                _ => panic!("neither an item nor an export: {line}"),
            }
        }
    }

    /// Adds what `pub use path;` exports.
    fn add_use(&mut self, public: &str, inside: &str, path: &str) {
        assert!(!path.contains(" as "), "one symbol has one name: {path}");
        let path = path.split(';').next().unwrap_or_default().replace(' ', "");
        let (from, members) = path.rsplit_once("::").expect("a path");
        let parent = inside.rsplit_once('/').map_or("", |(parent, _)| parent);
        let from = match (from.strip_prefix("crate::"), from.strip_prefix("super::")) {
            (Some(from), _) => from.to_owned(),
            (_, Some(from)) => join(parent, from),
            _ => join(inside, from),
        };
        let from = from.replace("::", "/");
        let folder = self.module(&from).unwrap_or_default();
        for name in members.trim_matches(['{', '}']).split(',').filter(|name| !name.is_empty()) {
            if folder.contains(&format!("pub mod {name};")) {
                self.add_folder(public, &from, name);
            } else {
                self.add(public, name, &from);
            }
        }
    }

    /// Adds the public module `name` of `from`, which stands in a file of its own.
    fn add_folder(&mut self, public: &str, from: &str, name: &str) {
        let from = join(from, name);
        let code = self.module(&from).unwrap_or_else(|| panic!("no file of {from}"));
        self.add_module(&format!("{public}::{name}"), &from, &code);
    }

    /// Adds the macros, which are at the root wherever they stand.
    fn add_macros(&mut self) {
        let found = self.code.iter().flat_map(|(file, code)| {
            let after = code.split("#[macro_export]\n").skip(1);
            let name =
                |code: &str| code.trim_start().split(['!', ' ', '{']).nth(2).map(str::to_owned);
            after.filter_map(name).map(move |name| (format!("seedloop::{name}!"), file.clone()))
        });
        let found: Vec<Place> = found.collect();
        self.places.extend(found);
    }

    fn add(&mut self, public: &str, name: &str, from: &str) {
        self.places.push((format!("{public}::{name}"), from.to_owned()));
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
