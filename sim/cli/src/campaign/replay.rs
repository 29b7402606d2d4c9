//! The command that replays a case of a test: cargo has to find and build the same one.

use std::ffi::OsString;

/// Options of `cargo test` that say which packages and targets to build, with a value behind them.
const CHOOSE_WITH_VALUE: [&str; 7] =
    ["--package", "-p", "--exclude", "--test", "--bin", "--example", "--bench"];
/// The same without a value, and what would keep a test from being run.
const CHOOSE: [&str; 10] = [
    "--workspace",
    "--all",
    "--all-targets",
    "--lib",
    "--bins",
    "--tests",
    "--examples",
    "--benches",
    "--doc",
    "--no-run",
];

/// Of what `cargo test` was told, what says how to build: the command says itself of which package
/// and target. For a shell, each with a space before it.
pub(super) fn built_with(arguments: &[OsString]) -> String {
    let mut kept = String::new();
    let mut is_value = false;
    for argument in arguments {
        if std::mem::take(&mut is_value) {
            continue;
        }
        let text = argument.to_string_lossy();
        let name = text.split('=').next().unwrap_or_default();
        if CHOOSE_WITH_VALUE.contains(&name) {
            is_value = name == text;
            continue;
        }
        // As in `-pshop`.
        if name.starts_with("-p") || CHOOSE.contains(&&*text) {
            continue;
        }
        kept.push(' ');
        kept.push_str(&quoted(&text));
    }
    kept
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=+./,:@%".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_how_to_build_is_kept() {
        for (told, kept) in [
            ("", ""),
            ("--release --features extra", " --release --features extra"),
            ("-p shop --release", " --release"),
            ("-pshop --package=shop --package shop -p=shop --locked", " --locked"),
            ("--test late --lib --bins --bin=a --workspace --exclude x -F a,b", " -F a,b"),
            (
                "--no-run --profile=dev --all-targets --manifest-path ../a/Cargo.toml",
                " --profile=dev --manifest-path ../a/Cargo.toml",
            ),
            (
                "--config profile.dev.opt-level=1 --target x86_64-unknown-linux-gnu",
                " --config profile.dev.opt-level=1 --target x86_64-unknown-linux-gnu",
            ),
        ] {
            let told: Vec<OsString> = told.split_whitespace().map(OsString::from).collect();
            assert_eq!(built_with(&told), kept);
        }
    }

    /// Expected: `shlex.join` of CPython.
    #[test]
    fn what_a_shell_would_take_otherwise_is_quoted() {
        let told = ["--features", "a b", "--config", "a='it'", ""].map(OsString::from);
        let expected = r#" --features 'a b' --config 'a='"'"'it'"'"'' ''"#;
        assert_eq!(built_with(&told), expected.replace(r#"'"'"'"#, r"'\''"));
    }
}
