//! What cargo says to a program of tests when it starts it, as far as `cargo metadata` knows it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// A package, as `cargo metadata` describes it.
#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    name: String,
    version: String,
    #[serde(default)]
    authors: Vec<String>,
    description: Option<String>,
    homepage: Option<String>,
    repository: Option<String>,
    license: Option<String>,
    license_file: Option<String>,
    readme: Option<String>,
    rust_version: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// The variables with which `cargo` starts a program of tests, of the package with this manifest.
pub(super) fn variables(
    cargo: &OsString,
    manifest: &Path,
    program: &Path,
) -> Vec<(String, OsString)> {
    let folder = manifest.parent().unwrap_or(manifest);
    let mut said = vec![
        ("CARGO".to_owned(), cargo.clone()),
        ("CARGO_MANIFEST_DIR".to_owned(), folder.into()),
        ("CARGO_MANIFEST_PATH".to_owned(), manifest.into()),
    ];
    let mut metadata = Command::new(cargo);
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path"]);
    let printed = printed(metadata.arg(manifest)).unwrap_or_default();
    let own = of_package(&printed, manifest);
    said.extend(own.into_iter().map(|(name, value)| (format!("CARGO_PKG_{name}"), value.into())));
    said.extend(libraries(folder, program));
    said
}

/// What `cargo metadata` knows of a package; nothing where it does not.
fn of_package(metadata: &str, manifest: &Path) -> Vec<(&'static str, String)> {
    let Ok(Metadata { packages }) = serde_json::from_str(metadata) else { return Vec::new() };
    let found = packages.into_iter().find(|package| package.manifest_path == manifest);
    let Some(package) = found else { return Vec::new() };
    // 1.2.3-rc.1+build: what stands behind the plus is in the version alone.
    let plain = package.version.split('+').next().unwrap_or_default();
    let (numbers, before) = plain.split_once('-').unwrap_or((plain, ""));
    let mut numbers = numbers.split('.').map(str::to_owned);
    let mut number = || numbers.next().unwrap_or_default();
    let (major, minor, patch) = (number(), number(), number());
    vec![
        ("NAME", package.name),
        ("VERSION", package.version.clone()),
        ("VERSION_MAJOR", major),
        ("VERSION_MINOR", minor),
        ("VERSION_PATCH", patch),
        ("VERSION_PRE", before.to_owned()),
        ("AUTHORS", package.authors.join(":")),
        ("DESCRIPTION", package.description.unwrap_or_default()),
        ("HOMEPAGE", package.homepage.unwrap_or_default()),
        ("REPOSITORY", package.repository.unwrap_or_default()),
        ("LICENSE", package.license.unwrap_or_default()),
        ("LICENSE_FILE", package.license_file.unwrap_or_default()),
        ("README", package.readme.unwrap_or_default()),
        ("RUST_VERSION", package.rust_version.unwrap_or_default()),
    ]
}

/// Where the program finds libraries that are linked when it starts: beside it, and those of the
/// compiler, which tests of procedural macros take.
fn libraries(folder: &Path, program: &Path) -> Option<(String, OsString)> {
    let name =
        if cfg!(target_os = "macos") { "DYLD_FALLBACK_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let beside = program.parent().into_iter().flat_map(|deps| [Some(deps), deps.parent()]);
    let mut paths: Vec<PathBuf> = beside.flatten().map(Path::to_owned).collect();
    #[expect(clippy::disallowed_methods, reason = "which compiler cargo takes")]
    let (rustc, before) = (env::var_os("RUSTC"), env::var_os(name));
    let mut rustc = Command::new(rustc.unwrap_or_else(|| "rustc".into()));
    // In the folder whose toolchain it is.
    rustc.args(["--print", "target-libdir"]).current_dir(folder);
    paths.extend(printed(&mut rustc).map(|path| PathBuf::from(path.trim_end())));
    paths.extend(before.iter().flat_map(env::split_paths));
    Some((name.to_owned(), env::join_paths(paths).ok()?))
}

/// What a command prints, if it succeeds.
fn printed(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against what cargo has said to this test itself.
    #[test]
    fn a_package_says_what_cargo_says_of_it() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let program = env::current_exe().expect("a path");
        let said = variables(&env!("CARGO").into(), &manifest, &program);
        #[expect(clippy::disallowed_methods, reason = "what cargo has said to this process")]
        let by_cargo = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with("CARGO_PKG_").then_some((name, value))
        });
        let mut by_cargo: Vec<_> = by_cargo.collect();
        by_cargo.sort();
        let own = |(name, _): &&(String, OsString)| name.starts_with("CARGO_PKG_");
        let mut own: Vec<_> = said.iter().filter(own).cloned().collect();
        own.sort();
        assert_eq!(own, by_cargo);
        let libraries = said.last().expect("the libraries");
        let paths: Vec<PathBuf> = env::split_paths(&libraries.1).collect();
        assert!(paths.contains(&program.parent().expect("a folder").to_owned()), "{paths:?}");
        assert!(paths.iter().any(|path| path.ends_with("lib")), "{paths:?}");
    }

    #[test]
    fn a_version_has_parts() {
        let metadata = r#"{"packages":[{"manifest_path":"/a/Cargo.toml","name":"a",
            "version":"1.2.3-rc.1+b.2","authors":["Ann","Bob"]}]}"#;
        let said = of_package(metadata, Path::new("/a/Cargo.toml"));
        let value = |name: &str| {
            said.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
        };
        let version = ["VERSION", "VERSION_MAJOR", "VERSION_MINOR", "VERSION_PATCH", "VERSION_PRE"];
        let expected = ["1.2.3-rc.1+b.2", "1", "2", "3", "rc.1"];
        assert_eq!(version.map(value), expected.map(Some));
        assert_eq!((value("AUTHORS"), value("LICENSE")), (Some("Ann:Bob"), Some("")));
        assert!(of_package(metadata, Path::new("/b/Cargo.toml")).is_empty());
        assert!(of_package("no JSON", Path::new("/a/Cargo.toml")).is_empty());
    }
}
