//! The way between a crew and a worker: a socket in the place of the worker's standard input, so
//! that what programs print goes elsewhere.

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
    Err(io::Error::new(io::ErrorKind::Unsupported, "runs have processes of their own on Unix only"))
}

/// The end that the crew has given to this process.
#[cfg(unix)]
pub(super) fn inherited() -> io::Result<Channel> {
    use std::os::fd::AsFd;
    Ok(Channel::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
pub(super) fn inherited() -> io::Result<Channel> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "runs have processes of their own on Unix only"))
}
