//! This program, to be started once more: crews and workers are of one build.

use std::env;
use std::io;
use std::process::Command;

/// With what the standard test harness runs one test alone, on the main thread.
pub fn test_arguments(path: &str) -> [&str; 5] {
    ["--exact", path, "--include-ignored", "--nocapture", "--test-threads=1"]
}

/// The command that starts this very program once more: the same one also if another was built in
/// its place since it was started.
///
/// # Errors
///
/// When nobody knows where the program is; and elsewhere than on Linux when another was built in
/// its place.
#[cfg(target_os = "linux")]
pub fn this_program() -> io::Result<Command> {
    use std::os::unix::process::CommandExt;
    // What runs, wherever it lies and whatever lies there now.
    let program = "/proc/self/exe";
    std::fs::metadata(program).map_err(|error| {
        let text = format!("cannot find this program at {program}, is /proc there? {error}");
        io::Error::new(error.kind(), text)
    })?;
    let mut command = Command::new(program);
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    Ok(command)
}

/// The command that starts this very program once more.
///
/// # Errors
///
/// When nobody knows where the program is, or another was built in its place since this was asked
/// for the first time.
#[cfg(not(target_os = "linux"))]
pub fn this_program() -> io::Result<Command> {
    use std::sync::OnceLock;
    use std::time::SystemTime;
    static STAMP: OnceLock<(u64, Option<SystemTime>)> = OnceLock::new();
    let program = env::current_exe()?;
    let data = program.metadata()?;
    let stamp = (data.len(), data.modified().ok());
    if *STAMP.get_or_init(|| stamp) != stamp {
        let program = program.display();
        return Err(io::Error::other(format!(
            "{program} was built anew while its runs were made: start it once more"
        )));
    }
    Ok(Command::new(program))
}
