//! Cases that failed once, in a readable file beside the test: they are replayed first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
        let Ok(text) = fs::read_to_string(&self.file) else { return Vec::new() };
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

    /// Adds a case, unless it is there.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn add(&self, case: &Case, message: &str) -> io::Result<()> {
        let mut text = match fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => HEAD.to_owned(),
            Err(error) => return Err(error),
        };
        let start = format!("{} {case}", self.test);
        let is_known = |line: &str| {
            line.strip_prefix(&start).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        if text.lines().any(is_known) {
            return Ok(());
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let message = message.lines().next().unwrap_or_default();
        text.push_str(&format!("{start}  # {message}\n"));
        fs::write(&self.file, text)
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
