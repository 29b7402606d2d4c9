//! Cases that failed once, in a readable file beside the test: they are replayed first.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::explore::Case;

/// How the file begins.
const HEAD: &str = "\
# Cases that failed once. seedloop replays them before it explores, and adds new ones below.
# Keep this file with the sources; delete a line, or the file, when it is of no use any more.
# Each line: the test, the case, and how it failed.
";

/// The regressions of one test.
#[derive(Debug)]
pub(super) struct Regressions {
    file: PathBuf,
    test: String,
}

impl Regressions {
    /// Those beside `source`, a path as the compiler names it, which counts from some folder above
    /// the package; none if it cannot be found, as where the sources are elsewhere.
    pub(super) fn beside(source: &str, package: &Path, test: &str) -> Option<Self> {
        let source = package.ancestors().map(|folder| folder.join(source)).find(|p| p.exists())?;
        let file = source.with_extension("seedloop");
        Some(Regressions { file, test: test.to_owned() })
    }

    /// The file, as it is told to people.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The cases of the test, each with what is wrong with its text if it is.
    pub(super) fn cases(&self) -> Vec<Result<Case, String>> {
        let Ok(text) = fs::read(&self.file) else { return Vec::new() };
        // Whatever else stands there, the lines that can be read count.
        let text = String::from_utf8_lossy(&text);
        let mut cases = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            if words.next() != Some(&self.test) {
                continue;
            }
            let case = words.next().unwrap_or_default().parse::<Case>();
            let place = format!("{}:{}", self.file.display(), number + 1);
            cases.push(case.map_err(|error| format!("{place}: {error}")));
        }
        cases
    }

    /// Adds a case, unless it is there. Tests that fail at the same time, in threads or processes,
    /// do not lose each other's: each line is appended in one piece.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn add(&self, case: &Case, message: &str) -> io::Result<()> {
        static WRITING: Mutex<()> = Mutex::new(());
        let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        match OpenOptions::new().write(true).create_new(true).open(&self.file) {
            Ok(mut file) => file.write_all(HEAD.as_bytes())?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let text = String::from_utf8_lossy(&fs::read(&self.file)?).into_owned();
        let start = format!("{} {case}", self.test);
        let is_known = |line: &str| {
            line.strip_prefix(&start).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        if text.lines().any(is_known) {
            return Ok(());
        }
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let message = message.lines().next().unwrap_or_default();
        let line = format!("{end}{start}  # {message}\n");
        OpenOptions::new().append(true).open(&self.file)?.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Model;

    /// A folder for a test's files, gone with it.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_case_is_kept_once_and_found_again() {
        let name = format!("seedloop-regressions-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(folder.0.join("tests")).expect("a folder");
        fs::write(folder.0.join("tests/app.rs"), "").expect("a file");
        let of = |test| Regressions::beside("tests/app.rs", &folder.0, test).expect("it is there");
        let case: Case = "sl1.1.any.-:1.2@3>1.1".parse().expect("a case");
        let other = Case::dull(Model::Asyncio);
        for _ in 0..2 {
            of("shop::sells").add(&case, "it fails\nin two lines").expect("it can be written");
        }
        of("shop").add(&other, "otherwise").expect("it can be written");
        assert_eq!(of("shop::sells").cases(), [Ok(case)]);
        assert_eq!(of("shop").cases(), [Ok(other)]);
        assert_eq!(of("shop::buys").cases(), []);
        let text = fs::read_to_string(folder.0.join("tests/app.seedloop")).expect("a file");
        let lines = text.strip_prefix(HEAD).expect("the head comes first");
        let expected = "shop::sells sl1.1.any.-:1.2@3>1.1  # it fails\n\
                        shop sl1.1.asyncio.-:  # otherwise\n";
        assert_eq!(lines, expected);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests do run in threads")]
    fn what_fails_at_the_same_time_is_kept() {
        let name = format!("seedloop-regressions-many-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("a folder");
        fs::write(folder.0.join("app.rs"), "").expect("a file");
        let add = |test: u32| {
            let of = Regressions::beside("app.rs", &folder.0, &format!("test{test}"));
            let added = of.expect("it is there").add(&Case::dull(Model::AnyOrder), "it fails");
            added.expect("it can be written");
        };
        std::thread::scope(|scope| {
            let add = &add;
            for test in 0..40 {
                scope.spawn(move || add(test));
            }
        });
        let text = fs::read_to_string(folder.0.join("app.seedloop")).expect("a file");
        let mut lines: Vec<&str> = text.strip_prefix(HEAD).expect("the head").lines().collect();
        lines.sort_unstable();
        let mut expected: Vec<String> =
            (0..40).map(|test| format!("test{test} sl1.1.any.-:  # it fails")).collect();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_that_is_no_case_is_told_with_its_place() {
        let name = format!("seedloop-regressions-wrong-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("a folder");
        fs::write(folder.0.join("app.rs"), "").expect("a file");
        fs::write(folder.0.join("app.seedloop"), "# head\nshop sl9:\n").expect("a file");
        let regressions = Regressions::beside("app.rs", &folder.0, "shop").expect("it is there");
        let [Err(wrong)] = &regressions.cases()[..] else { panic!("{:?}", regressions.cases()) };
        let place = format!("{}:2: ", folder.0.join("app.seedloop").display());
        assert!(wrong.starts_with(&place), "{wrong}");
        assert!(Regressions::beside("nowhere.rs", &folder.0, "shop").is_none());
    }
}
