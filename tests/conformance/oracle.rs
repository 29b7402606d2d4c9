//! The other side: CPython's own asyncio, in a child process that is asked line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Names the interpreter to take, in place of the search.
const VARIABLE: &str = "SEEDLOOP_PYTHON";

/// What has to answer, and what says so.
const VERSION: &str = "import sys; print('.'.join(map(str, sys.version_info[:3])))";

/// A running `oracle.py`.
pub(crate) struct Oracle {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    version: String,
    python: MakeCommand,
}

impl Oracle {
    /// Starts the oracle on the first CPython 3.13 that is found: that of `SEEDLOOP_PYTHON`, else
    /// `python3.13`, else pyenv's 3.13.0.
    ///
    /// # Errors
    ///
    /// A text that says what was tried and what each came to.
    pub(crate) fn start() -> Result<Self, String> {
        let mut tried = Vec::new();
        for (name, make) in candidates() {
            match version_of(make()) {
                Ok(version) if version.starts_with("3.13.") => {
                    return Self::start_with(make, version)
                        .map_err(|error| format!("{name} does not run the oracle: {error}"));
                }
                Ok(version) => tried.push(format!("{name} is CPython {version}")),
                Err(error) => tried.push(format!("{name}: {error}")),
            }
        }
        Err(format!(
            "no CPython 3.13 was found; install it or name it in {VARIABLE}\n  {}",
            tried.join("\n  ")
        ))
    }

    fn start_with(python: MakeCommand, version: String) -> std::io::Result<Self> {
        let mut command = python();
        command.arg(script("oracle.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(std::io::Error::other("a child without pipes"));
        };
        Ok(Oracle { child, input, output: BufReader::new(output), version, python })
    }

    /// The version of CPython, as `3.13.0`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// What another script of this folder prints.
    pub(crate) fn output_of(&self, name: &str) -> std::io::Result<String> {
        let output = (self.python)().arg(script(name)).stderr(Stdio::inherit()).output()?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(std::io::Error::other(format!("{name} fails: {}", output.status))),
        }
    }

    /// Asks about a program. Answers come in order; a few questions may be open at a time, as many
    /// as fit into a pipe.
    pub(crate) fn ask(&mut self, program: &str) -> std::io::Result<()> {
        self.input.write_all(format!("{program}\n").as_bytes())?;
        self.input.flush()
    }

    /// Waits for the next answer.
    pub(crate) fn answer(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Err(std::io::Error::other("the oracle has ended")),
            _ => Ok(line),
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends with its input; if it hangs in a program, nobody is waiting for that.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn script(name: &str) -> String {
    format!("{}/tests/conformance/{name}", env!("CARGO_MANIFEST_DIR"))
}

type MakeCommand = Box<dyn Fn() -> Command>;

/// The interpreters to try, in order.
fn candidates() -> Vec<(String, MakeCommand)> {
    #[expect(clippy::disallowed_methods, reason = "finds Python; no simulation depends on it")]
    if let Ok(path) = std::env::var(VARIABLE) {
        let name = format!("{VARIABLE}={path}");
        return vec![(name, Box::new(move || Command::new(&path)))];
    }
    let pyenv = || {
        let mut python = Command::new("python3");
        python.env("PYENV_VERSION", "3.13.0");
        python
    };
    vec![
        ("python3.13".to_owned(), Box::new(|| Command::new("python3.13"))),
        ("PYENV_VERSION=3.13.0 python3".to_owned(), Box::new(pyenv)),
    ]
}

fn version_of(mut python: Command) -> Result<String, String> {
    let output = python.args(["-c", VERSION]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(text.lines().next().unwrap_or("it fails").to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
