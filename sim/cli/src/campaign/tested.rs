//! Finds a test in what cargo has built.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::package::variables;
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
    /// What cargo says to it in variables.
    pub(super) variables: Vec<(String, OsString)>,
    /// What tells cargo to build this program alone, as `--test NAME`.
    target: String,
}

impl Tested {
    /// The command that starts the program as cargo would, but for what it is told there.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

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
    manifest: PathBuf,
    target: String,
}

/// Builds what these arguments of `cargo test` name, and finds the one test whose path is `name` or
/// ends with it.
pub(super) fn find(name: &str, arguments: &[OsString]) -> Result<Tested, Wrong> {
    #[expect(clippy::disallowed_methods, reason = "cargo says so who it is")]
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let (mut found, mut silent) = (Vec::new(), Vec::new());
    // Those of one package are told the same.
    let mut said = BTreeMap::new();
    for built in build(&cargo, arguments)? {
        let place = (built.manifest.clone(), built.program.parent().map(Path::to_owned));
        let variables = || variables(&cargo, &built.manifest, &built.program);
        let variables = said.entry(place).or_insert_with(variables).clone();
        let tested = built.tested(variables);
        match list(&tested) {
            Ok(tests) => found.extend(tests.into_iter().map(|path| (path, tested.clone()))),
            Err(why) => {
                silent.push(format!("{} {} lists no tests: {why}", tested.package, tested.target));
            }
        }
    }
    choose(name, found, &silent)
}

impl Built {
    fn tested(self, variables: Vec<(String, OsString)>) -> Tested {
        let Built { program, package, manifest, target } = self;
        let folder = manifest.parent().map(Path::to_path_buf).unwrap_or_default();
        Tested { program, path: String::new(), package, folder, variables, target }
    }
}

/// Chooses the test that a name means; of what is `silent` nobody knows the tests.
fn choose(name: &str, all: Vec<(String, Tested)>, silent: &[String]) -> Result<Tested, Wrong> {
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
            let silent: String = silent.iter().map(|why| format!("; {why}")).collect();
            let wrong = Wrong::usage(format!("none of {count} tests is called '{name}'{silent}"));
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
fn build(cargo: &OsString, arguments: &[OsString]) -> Result<Vec<Built>, Wrong> {
    let mut command = Command::new(cargo);
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(arguments);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| {
        Wrong::usage(format!("cannot start {}: {error}", OsStr::display(cargo)))
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
    Some(Built { program, package, manifest: manifest_path, target })
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
///
/// # Errors
///
/// How it has ended otherwise, with the last line that it complained of.
fn list(tested: &Tested) -> Result<Vec<String>, String> {
    let mut command = tested.command();
    command.args(["--list", "--format", "terse"]).stdin(Stdio::null());
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let complaints = String::from_utf8_lossy(&output.stderr);
        let last = complaints.lines().rfind(|line| !line.trim().is_empty());
        let last = last.map(|line| format!(": {}", line.trim())).unwrap_or_default();
        return Err(format!("{}{last}", output.status));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    Ok(listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Folder;
    use super::*;

    const LINE: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///home/ann/shop#0.1.0",
        "manifest_path":"/home/ann/shop/Cargo.toml","target":{"kind":["test"],"crate_types":["bin"],
        "name":"orders","src_path":"/home/ann/shop/tests/orders.rs"},"profile":{"opt_level":"0",
        "test":true},"features":[],"filenames":["/t/orders-1"],"executable":"/t/orders-1",
        "fresh":true}"#;

    #[test]
    fn a_line_of_cargo_names_a_program() {
        let built = built(LINE).expect("a program").tested(Vec::new());
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
        let tested = built(LINE).expect("a program").tested(Vec::new());
        let all = ["sells", "late::sells", "late::more::buys", "early::returns", "late::returns"];
        let all = all.map(|path| (path.to_owned(), tested.clone()));
        let silent = ["shop --lib lists no tests: exit status: 127".to_owned()];
        choose(name, all.into(), &silent).map(|tested| tested.path).map_err(|wrong| wrong.text)
    }

    #[test]
    fn a_test_is_named_by_its_path_or_the_end_of_it() {
        assert_eq!(chosen("sells"), Ok("sells".to_owned()));
        assert_eq!(chosen("buys"), Ok("late::more::buys".to_owned()));
        assert_eq!(chosen("more::buys"), Ok("late::more::buys".to_owned()));
        let none = "none of 5 tests is called 'uys'; shop --lib lists no tests: exit status: \
                    127\n  tip: 'cargo test -- --list' prints their names";
        assert_eq!(chosen("uys"), Err(none.to_owned()));
        let several = "'returns' may be each of early::returns (shop --test orders), late::returns \
                       (shop --test orders)\n  tip: say more of its path, or behind '--' which \
                       target: -- --test NAME";
        assert_eq!(chosen("returns"), Err(several.to_owned()));
    }

    /// A program that a shell plays.
    #[cfg(unix)]
    #[test]
    fn a_program_that_lists_no_tests_is_told() {
        use std::os::unix::fs::PermissionsExt;

        let folder = Folder::new("listing");
        let program = folder.0.join("program");
        let listed = |script: &str| {
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&program, mode).expect("a mode");
            let tested = Built {
                program: program.clone(),
                package: "shop".to_owned(),
                manifest: folder.0.join("Cargo.toml"),
                target: "--lib".to_owned(),
            };
            let said = variables(&"cargo".into(), &tested.manifest, &tested.program);
            list(&tested.tested(said))
        };
        // It is run in the folder of its package, and told which it is.
        let there = "[ $PWD = $CARGO_MANIFEST_DIR ] && echo late::sells: test; echo 1 test";
        assert_eq!(listed(there), Ok(vec!["late::sells".to_owned()]));
        let no_library = "echo libone.so: no such file >&2; echo >&2; exit 127";
        let expected = "exit status: 127: libone.so: no such file".to_owned();
        assert_eq!(listed(no_library), Err(expected));
    }
}
