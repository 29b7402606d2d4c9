//! The network: `tokio::net`, over the simulated [`net`](crate::net).
//!
//! A socket belongs to the [host](crate::host) of the task that opens it, and what is sent takes
//! the links between the hosts. Streams have tokio's `AsyncRead` and `AsyncWrite`, so that all of
//! [`io`](super::io) and what other crates build on it works with them.
//!
//! ```
//! use seedloop::host::Host;
//! use seedloop::tokio;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! async fn echo() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("0.0.0.0:7").await?;
//!     loop {
//!         let (mut stream, _) = listener.accept().await?;
//!         tokio::spawn(async move {
//!             let (mut reading, mut writing) = stream.split();
//!             tokio::io::copy(&mut reading, &mut writing).await
//!         });
//!     }
//! }
//!
//! let outcome = seedloop::Simulation::new().block_on(async {
//!     Host::new("server").run(async || Ok(echo().await?));
//!     tokio::time::sleep(tokio::time::Duration::from_millis(1)).await;
//!     let mut stream = TcpStream::connect("server:7").await?;
//!     stream.write_all(b"hello").await?;
//!     stream.shutdown().await?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer).await?;
//!     Ok(answer)
//! });
//! assert_eq!(outcome.result.unwrap(), "hello");
//! ```

mod address;
mod halves;
mod listener;
mod socket;
mod stream;
mod udp;

/// The halves of a stream and their error: `tokio::net::tcp`.
pub mod tcp {
    pub use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
}

pub use address::{ToSocketAddrs, lookup_host};
pub use listener::TcpListener;
pub use socket::TcpSocket;
pub use stream::TcpStream;
pub use udp::UdpSocket;
