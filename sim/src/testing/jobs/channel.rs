//! The way between a crew and a worker: a socket that the worker finds in the place of its standard
//! input, and moves away before it makes any run, so that programs can neither reach it by its
//! number nor hand it on to processes that they start.
//!
//! It is the only way to hand on a socket that needs neither a name in a file system, which may be
//! full or not be writable, nor one that other users could see, and leaves nothing behind.

use std::io;
use std::process::Stdio;

#[cfg(unix)]
pub(super) use std::os::unix::net::UnixStream as Channel;

/// There are no workers on other systems than Unix.
#[cfg(not(unix))]
pub(super) type Channel = std::net::TcpStream;

/// Makes both ends: ours, and what is to be the worker's standard input.
#[cfg(unix)]
pub(super) fn pair() -> io::Result<(Channel, Stdio)> {
    let (ours, theirs) = Channel::pair()?;
    Ok((ours, Stdio::from(std::os::fd::OwnedFd::from(theirs))))
}

#[cfg(not(unix))]
pub(super) fn pair() -> io::Result<(Channel, Stdio)> {
    Err(on_unix_only())
}

/// Takes the end that the crew has given to this process; what reads its standard input from then
/// on finds it empty.
///
/// # Errors
///
/// When no crew has started this process, or there is no `/dev/null`.
#[cfg(unix)]
pub(super) fn take_inherited() -> io::Result<Channel> {
    use std::os::fd::AsFd;
    let channel = Channel::from(io::stdin().as_fd().try_clone_to_owned()?);
    channel.local_addr()?;
    replace_stdin(&std::fs::File::options().read(true).write(true).open("/dev/null")?)?;
    Ok(channel)
}

#[cfg(not(unix))]
pub(super) fn take_inherited() -> io::Result<Channel> {
    Err(on_unix_only())
}

#[cfg(not(unix))]
fn on_unix_only() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "runs have processes of their own on Unix only")
}

/// Lets `file` be the standard input, from now on and for all processes that are started.
#[cfg(unix)]
#[expect(unsafe_code, reason = "the standard library can't replace a descriptor")]
fn replace_stdin(file: &std::fs::File) -> io::Result<()> {
    use std::ffi::c_int;
    use std::os::fd::{AsFd, AsRawFd};
    unsafe extern "C" {
        // Of POSIX, in the C library that the standard library is linked with. SAFETY: it takes two
        // numbers and reaches no memory of this process.
        safe fn dup2(from: c_int, to: c_int) -> c_int;
    }
    // Nobody owns the standard input, whose number stays open all the time: whoever has borrowed it
    // reads something else.
    let (from, to) = (file.as_raw_fd(), io::stdin().as_fd().as_raw_fd());
    loop {
        if dup2(from, to) >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
