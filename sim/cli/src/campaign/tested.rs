//! Finds a test in what cargo has built.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::replay::built_with;
use super::wrong::Wrong;

/// A test, and the program that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tested {
    pub(super) program: PathBuf,
    /// The path by which the test harness knows it.
    pub(super) path: String,
    pub(super) package: String,
    /// The folder of the package, in which its tests are run.
    pub(super) folder: PathBuf,
    /// What tells cargo to build this program alone, as `--test NAME`.
    target: String,
}

impl Tested {
    /// The command that replays a case; these were the arguments of `cargo test`.
    pub(super) fn replay(&self, case: &str, arguments: &[OsString]) -> String {
        let Tested { package, target, path, .. } = self;
        let built = built_with(arguments);
        format!("SEEDLOOP_CASE='{case}' cargo test -p {package} {target}{built} -- --exact {path}")
    }
}

/// A line of what `cargo test --message-format=json` prints, as far as it is of interest.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    manifest_path: PathBuf,
    executable: Option<PathBuf>,
    profile: Option<Profile>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// A program that cargo has built of tests.
#[derive(Debug)]
struct Built {
    program: PathBuf,
    package: String,
    folder: PathBuf,
    target: String,
}

/// Builds what these arguments of `cargo test` name, and finds the one test whose path is `name` or
/// ends with it.
pub(super) fn find(name: &str, arguments: &[OsString]) -> Result<Tested, Wrong> {
    let mut found = Vec::new();
    for built in build(arguments)? {
        let tests = list(&built.program);
        found.extend(tests.into_iter().map(|path| (path, built.clone_of())));
    }
    choose(name, found)
}

impl Built {
    fn clone_of(&self) -> Tested {
        let Built { program, package, folder, target } = self;
        Tested {
            program: program.clone(),
            path: String::new(),
            package: package.clone(),
            folder: folder.clone(),
            target: target.clone(),
        }
    }
}

/// Chooses the test that a name means.
fn choose(name: &str, all: Vec<(String, Tested)>) -> Result<Tested, Wrong> {
    let end = format!("::{name}");
    let is_exact = |path: &str| path == name;
    let is_near = |path: &str| path.ends_with(&end);
    let has_exact = all.iter().any(|(path, _)| is_exact(path));
    let means = |path: &str| if has_exact { is_exact(path) } else { is_near(path) };
    let count = all.len();
    let mut found: Vec<(String, Tested)> =
        all.into_iter().filter(|(path, _)| means(path)).collect();
    match (found.pop(), found.is_empty()) {
        (Some((path, tested)), true) => Ok(Tested { path, ..tested }),
        (None, _) => {
            let wrong = Wrong::usage(format!("none of {count} tests is called '{name}'"));
            Err(wrong.tip("'cargo test -- --list' prints their names"))
        }
        (Some(last), false) => {
            let all = found.iter().chain([&last]);
            let names =
                all.map(|(path, tested)| format!("{path} ({} {})", tested.package, tested.target));
            let names = names.collect::<Vec<_>>().join(", ");
            let wrong = Wrong::usage(format!("'{name}' may be each of {names}"));
            Err(wrong.tip("say more of its path, or behind '--' which target: -- --test NAME"))
        }
    }
}

/// Builds tests, and returns the programs.
fn build(arguments: &[OsString]) -> Result<Vec<Built>, Wrong> {
    #[expect(clippy::disallowed_methods, reason = "cargo says so who it is")]
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(arguments);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| {
        Wrong::usage(format!("cannot start {}: {error}", OsStr::display(&cargo)))
    })?;
    if !output.status.success() {
        return Err(Wrong::usage("cargo could not build the tests"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(built).collect())
}

/// What a line tells of a program of tests.
fn built(line: &str) -> Option<Built> {
    let message: Message = serde_json::from_str(line).ok()?;
    let Message { reason, package_id, manifest_path, executable, profile, target } = message;
    let (program, target) = (executable?, target?);
    if reason != "compiler-artifact" || !profile?.test {
        return None;
    }
    let folder = manifest_path.parent().map(Path::to_path_buf).unwrap_or_default();
    let package = package_of(&package_id, &folder);
    let Target { name, kind } = target;
    let target = match kind.first().map(String::as_str) {
        Some(kind @ ("bin" | "test" | "example" | "bench")) => format!("--{kind} {name}"),
        _ => "--lib".to_owned(),
    };
    Some(Built { program, package, folder, target })
}

/// The name of a package by its id: `path+file:///home/ann/shop#0.1.0`, or with another name than
/// its folder `..#shop@0.1.0`.
fn package_of(id: &str, folder: &Path) -> String {
    let end = id.rsplit_once('#').map_or("", |(_, end)| end);
    match end.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// The tests of a program; none of one that has a harness of its own.
fn list(program: &Path) -> Vec<String> {
    let listed = Command::new(program)
        .args(["--list", "--format", "terse"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed).into_owned();
    listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///home/ann/shop#0.1.0",
        "manifest_path":"/home/ann/shop/Cargo.toml","target":{"kind":["test"],"crate_types":["bin"],
        "name":"orders","src_path":"/home/ann/shop/tests/orders.rs"},"profile":{"opt_level":"0",
        "test":true},"features":[],"filenames":["/t/orders-1"],"executable":"/t/orders-1",
        "fresh":true}"#;

    #[test]
    fn a_line_of_cargo_names_a_program() {
        let built = built(LINE).expect("a program").clone_of();
        let tested = Tested { path: "late::none_is_lost".to_owned(), ..built };
        let told = ["--test", "orders", "--release"].map(OsString::from);
        assert_eq!(
            tested.replay("sl1", &told),
            "SEEDLOOP_CASE='sl1' cargo test -p shop --test orders --release -- --exact \
             late::none_is_lost"
        );
        assert_eq!(tested.program, Path::new("/t/orders-1"));
        assert_eq!(tested.folder, Path::new("/home/ann/shop"));
        for other in [
            r#"{"reason":"build-finished","success":true}"#,
            "warning: no line of JSON",
            &LINE.replace("true},", "false},"),
            &LINE.replace("\"/t/orders-1\",\n        \"fresh", "null,\n        \"fresh"),
        ] {
            assert!(super::built(other).is_none(), "{other}");
        }
        let other = LINE.replace("#0.1.0", "#the-shop@0.1.0").replace("[\"test\"]", "[\"lib\"]");
        let tested = super::built(&other).expect("a program");
        assert_eq!((tested.package.as_str(), tested.target.as_str()), ("the-shop", "--lib"));
    }

    fn chosen(name: &str) -> Result<String, String> {
        let tested = built(LINE).expect("a program").clone_of();
        let all = ["sells", "late::sells", "late::more::buys", "early::returns", "late::returns"];
        let all = all.map(|path| (path.to_owned(), tested.clone()));
        choose(name, all.into()).map(|tested| tested.path).map_err(|wrong| wrong.text)
    }

    #[test]
    fn a_test_is_named_by_its_path_or_the_end_of_it() {
        assert_eq!(chosen("sells"), Ok("sells".to_owned()));
        assert_eq!(chosen("buys"), Ok("late::more::buys".to_owned()));
        assert_eq!(chosen("more::buys"), Ok("late::more::buys".to_owned()));
        let none =
            "none of 5 tests is called 'uys'\n  tip: 'cargo test -- --list' prints their names";
        assert_eq!(chosen("uys"), Err(none.to_owned()));
        let several = "'returns' may be each of early::returns (shop --test orders), late::returns \
                       (shop --test orders)\n  tip: say more of its path, or behind '--' which \
                       target: -- --test NAME";
        assert_eq!(chosen("returns"), Err(several.to_owned()));
    }
}
