//! The page of a failure, in the folder in which cargo builds: to look at, and not to keep.

use std::env;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use crate::base::{Recorder, Result};
use crate::explore::{Check, Explorer, Failure};
use crate::report::{Found, Picture};

/// The folder of the pages, in that of cargo.
const FOLDER: &str = "seedloop";

/// What marks the folder in which cargo builds.
const MARK: &str = "CACHEDIR.TAG";

/// How long a name is, in characters: file systems allow some two hundred bytes.
const NAME_MAX: usize = 60;

/// The exploration that a page shows a failure of.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds a body and a check")]
pub struct Explored<'a> {
    pub name: &'a str,
    /// The name of the page, with `::` between its parts.
    pub file: &'a str,
    pub explorer: &'a Explorer,
    pub body: &'a (dyn Fn() -> Result<()> + Sync),
    pub check: Check<'a>,
}

/// Writes the page of a failure, and tells in a line where it is, or why there is none. Nothing is
/// told where no folder is known, and where `SEEDLOOP_PAGES` says that there are to be none.
#[doc(hidden)]
pub fn write_page(explored: Explored<'_>, failure: &Failure, found: &Found) -> Option<String> {
    if Environment::read().is_ok_and(|environment| environment.no_pages) {
        return None;
    }
    let Explored { name, file, explorer, body, check } = explored;
    let folder = target_folder()?.join(FOLDER);
    // Whatever goes wrong here, the test has failed already, and for another reason.
    let draw = || {
        let passing = match failure.twin.is_some() {
            true => None,
            false => explorer.nearest_passing(&failure.case, body, check),
        };
        Picture::of_failure(name, failure, found).beside(passing.as_ref()).html()
    };
    let Ok(page) = catch_unwind(AssertUnwindSafe(draw)) else {
        return Some("the page of the failure could not be drawn".to_owned());
    };
    let file = folder.join(file_name(file));
    Some(match write(&folder, &file, &page) {
        Ok(()) => format!("page:       {}", shown(&file)),
        Err(error) => format!("the page {} was not written: {error}", file.display()),
    })
}

/// In one piece: another process may write the same page.
fn write(folder: &Path, file: &Path, page: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let part = file.with_extension(format!("{}.part", std::process::id()));
    fs::write(&part, page)?;
    fs::rename(&part, file).inspect_err(|_| drop(fs::remove_file(&part)))
}

/// The folder in which cargo has built the running test.
fn target_folder() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    program.ancestors().find(|folder| folder.join(MARK).is_file()).map(Path::to_path_buf)
}

/// The name of a page: that of its test, with dots between its parts. A long one is cut, and told
/// from others that begin like it.
fn file_name(test: &str) -> String {
    let path = test.replace("::", ".");
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let plain = path.chars().map(|letter| if is_plain(letter) { letter } else { '-' });
    let mut name: String = plain.collect();
    if let Some((cut, _)) = name.char_indices().nth(NAME_MAX) {
        name.truncate(cut);
        let hash = Recorder::hash_text(test) >> 32;
        name.push_str(&format!("-{hash:08x}"));
    }
    format!("{name}.html")
}

/// The file as it is told: from the package in which the test runs, or from the workspace above it,
/// if it is there.
pub(super) fn shown(file: &Path) -> String {
    shown_from(&env::current_dir().unwrap_or_default(), file)
}

fn shown_from(here: &Path, file: &Path) -> String {
    let is_of_cargo = |folder: &&Path| folder.join("Cargo.toml").is_file();
    let inside = here.ancestors().filter(is_of_cargo).find_map(|at| file.strip_prefix(at).ok());
    inside.unwrap_or(file).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_named_after_its_test() {
        for (test, name) in [
            ("shop::sells", "shop.sells.html"),
            ("口座::引き出す", "口座.引き出す.html"),
            ("tests/app.rs:12", "tests-app.rs-12.html"),
            ("../../etc", "..-..-etc.html"),
        ] {
            assert_eq!(file_name(test), name);
        }
        let long = |end: &str| file_name(&format!("{}{end}", "長".repeat(500)));
        assert!(long("").starts_with(&format!("{}-", "長".repeat(NAME_MAX))));
        assert_eq!(long("").chars().count(), NAME_MAX + "-12345678.html".len());
        assert_ne!(long("a"), long("b"));
    }

    /// A package alone, one of a workspace, and a folder of cargo's that is elsewhere.
    #[test]
    fn files_are_told_from_the_package_or_the_workspace() {
        let root = env::temp_dir().join(format!("seedloop-shown-{}", std::process::id()));
        let (workspace, package) = (root.join("shop"), root.join("shop/crates/till"));
        fs::create_dir_all(&package).expect("a folder");
        fs::write(workspace.join("Cargo.toml"), "[workspace]").expect("a file");
        fs::write(package.join("Cargo.toml"), "[package]").expect("a file");
        let told = |here: &Path, file: &str| shown_from(here, &root.join(file));
        assert_eq!(told(&workspace, "shop/target/a.html"), "target/a.html");
        assert_eq!(told(&package, "shop/target/a.html"), "target/a.html");
        assert_eq!(told(&package, "shop/crates/till/target/a.html"), "target/a.html");
        assert_eq!(told(&package, "shop/crates/till/src/lib.seedloop"), "src/lib.seedloop");
        let elsewhere = root.join("built/a.html").display().to_string();
        assert_eq!(told(&package, "built/a.html"), elsewhere);
        fs::remove_dir_all(&root).expect("it can be removed");
    }

    #[test]
    fn a_page_is_written_whole_or_not_at_all() {
        let folder = env::temp_dir().join(format!("seedloop-pages-{}", std::process::id()));
        let file = folder.join("a.html");
        for page in ["one", "other"] {
            write(&folder, &file, page).expect("it can be written");
            assert_eq!(fs::read_to_string(&file).expect("it is there"), page);
        }
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
        // A folder stands where the page should.
        let taken = folder.join("taken.html");
        fs::create_dir_all(taken.join("inside")).expect("a folder");
        assert!(write(&folder, &taken, "page").is_err());
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2);
        fs::remove_dir_all(&folder).expect("it can be removed");
    }
}
