//! Building participants. One that cannot be built is left out, with a word of why.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::Result;
use crate::participants::{Kind, PARTICIPANTS, Participant};

/// How a built participant is run.
#[derive(Clone, Debug)]
pub struct Program {
    pub path: PathBuf,
    /// What comes before the workload.
    pub first: Vec<String>,
}

/// The folder `benches`.
pub fn root() -> PathBuf {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR"));
    driver.parent().unwrap_or(driver).to_owned()
}

/// Builds a participant.
///
/// # Errors
///
/// Why there is none: the end of what the compiler said.
pub fn build(participant: &Participant) -> Result<Program> {
    let path = match participant.kind {
        Kind::Own(package) => {
            let binary = participant.binary();
            let one = ["--package", package, "--bin", binary];
            cargo(&root(), &[&["build", "--release", "--locked"], &one[..]].concat(), "")?;
            target(&root(), "release").join(binary)
        }
        Kind::Peer { package, flags } => {
            let folder = root().join("peers");
            cargo(&folder, &["build", "--release", "--locked", "--package", package], flags)?;
            let kind = if flags.is_empty() { "release" } else { "flags/release" };
            target(&folder, kind).join(participant.binary())
        }
        Kind::Python => {
            let script = root().join("peers/asyncio/workloads.py").to_string_lossy().into_owned();
            return Ok(Program { path: python()?, first: vec![script] });
        }
    };
    Ok(Program { path, first: Vec::new() })
}

/// Where cargo puts what it builds for the workspace in `folder`.
fn target(folder: &Path, kind: &str) -> PathBuf {
    let own = || folder.join("target");
    // Peers have a folder below it, lest the two workspaces build for each other.
    let shared = env::var_os("CARGO_TARGET_DIR").map(|path| {
        let path = PathBuf::from(path);
        if folder.ends_with("peers") { path.join("peers") } else { path }
    });
    shared.unwrap_or_else(own).join(kind)
}

fn cargo(folder: &Path, arguments: &[&str], flags: &str) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    let kind = if flags.is_empty() { "" } else { "flags" };
    command.env("CARGO_TARGET_DIR", target(folder, kind));
    if !flags.is_empty() {
        command.env("RUSTFLAGS", flags);
    }
    eprintln!("cargo {}", arguments.join(" "));
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    Err(lines[lines.len().saturating_sub(20)..].join("\n"))
}

/// CPython 3.13: `SEEDLOOP_PYTHON`, else `python3.13`, else the one of pyenv.
fn python() -> Result<PathBuf> {
    let named = env::var_os("SEEDLOOP_PYTHON").map(PathBuf::from);
    let candidates = [named, Some("python3.13".into()), pyenv()];
    let is_right = |path: &PathBuf| {
        let output = Command::new(path).arg("--version").output();
        output.is_ok_and(|output| output.stdout.starts_with(b"Python 3.13."))
    };
    let found = candidates.into_iter().flatten().find(is_right);
    found.ok_or_else(|| "no CPython 3.13 (set SEEDLOOP_PYTHON)".to_owned())
}

fn pyenv() -> Option<PathBuf> {
    let output = Command::new("pyenv").args(["prefix", "3.13.0"]).output().ok()?;
    let prefix = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(prefix.trim()).join("bin/python3.13"))
}

/// Builds a program of the package `ours`, and says where it is.
///
/// # Errors
///
/// When it cannot be built.
pub fn build_own(name: &str) -> Result<PathBuf> {
    cargo(&root(), &["build", "--release", "--locked", "--package", "ours", "--bin", name], "")?;
    Ok(target(&root(), "release").join(name))
}

/// Builds and runs a program of the package `ours` that prints its own tables.
///
/// # Errors
///
/// When it cannot be built, or fails.
pub fn run_own(name: &str) -> Result<()> {
    let package = ["build", "--locked", "--package", "ours", "--bin", name];
    show(&build_own(name)?, &[])?;
    if name == "exploring" {
        // What `cargo test` explores with: a debug build, and one whose dependencies are optimised.
        for profile in ["debug-plain", "debug-optimised"] {
            cargo(&root(), &[&package[..], &["--profile", profile]].concat(), "")?;
            show(&target(&root(), profile).join(name), &[profile])?;
        }
    }
    Ok(())
}

fn show(program: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).status();
    let status = status.map_err(|error| format!("{}: {error}", program.display()))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed", program.display())) }
}

/// Runs the micro-benchmarks.
///
/// # Errors
///
/// When they cannot be built, or fail.
pub fn run_divan() -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["bench", "--locked", "--package", "ours"]).current_dir(root());
    let status = command.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the micro-benchmarks failed".to_owned()) }
}

/// Builds every peer, and says which cannot be had.
///
/// # Errors
///
/// When one cannot.
pub fn all_peers() -> Result<()> {
    let mut missing = Vec::new();
    for peer in PARTICIPANTS.iter().filter(|peer| !matches!(peer.kind, Kind::Own(_))) {
        match build(peer) {
            Ok(program) => {
                let bytes = fs::metadata(&program.path).map_or(0, |metadata| metadata.len());
                println!("{}: {} KiB", peer.name, bytes / 1024);
            }
            Err(why) => {
                println!("{}: {why}", peer.name);
                missing.push(peer.name);
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("missing: {}", missing.join(", "))) }
}
