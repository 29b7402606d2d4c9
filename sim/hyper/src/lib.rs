#![doc = include_str!("../README.md")]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_lite::{AsyncRead, AsyncWrite};
use hyper::rt::{Executor, Read, ReadBufCursor, Sleep, Timer, Write};
use pin_project_lite::pin_project;
use seedloop::tokio::time;

pin_project! {
    /// Anything with the `AsyncRead` and `AsyncWrite` of futures-io, such as a
    /// [`TcpStream`](seedloop::net::TcpStream), as hyper wants it.
    #[derive(Debug)]
    pub struct SeedloopIo<T> {
        #[pin]
        inner: T,
        // What is read before hyper gets it, whose own buffer cannot be lent out safely.
        buffer: Box<[u8]>,
    }
}

/// How much is read at once, in bytes.
const READ_MAX: usize = 16 * 1024;

impl<T> SeedloopIo<T> {
    /// Wraps a stream.
    pub fn new(inner: T) -> Self {
        SeedloopIo { inner, buffer: vec![0; READ_MAX].into_boxed_slice() }
    }

    /// Returns the stream.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead> Read for SeedloopIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let length = this.buffer.len().min(cursor.remaining());
        let read = ready!(this.inner.poll_read(cx, &mut this.buffer[..length]))?;
        cursor.put_slice(&this.buffer[..read]);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite> Write for SeedloopIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.project().inner.poll_close(cx) {
            // As tokio does: who ends a connection finds that the other side was faster.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::NotConnected => {
                Poll::Ready(Ok(()))
            }
            polled => polled,
        }
    }
}

/// Spawns what hyper runs beside a connection, on the loop that runs and the host of the task that
/// asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeedloopExecutor;

impl<F> Executor<F> for SeedloopExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        drop(seedloop::tokio::spawn(future));
    }
}

/// hyper's timers on the virtual clock: of header and keep-alive timeouts, and HTTP/2 pings.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeedloopTimer;

impl Timer for SeedloopTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Sleeping { sleep: Box::pin(time::sleep(duration)) })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }

    fn now(&self) -> Instant {
        beginning() + seedloop::Instant::now().since_start()
    }
}

/// The real instant that stands for the beginning of virtual time. Which one it is cannot be seen:
/// hyper only compares instants that come from here.
fn beginning() -> Instant {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "no other way leads to a value of the type")]
    *BEGINNING.get_or_init(Instant::now)
}

struct Sleeping {
    sleep: Pin<Box<time::Sleep>>,
}

impl Future for Sleeping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(cx)
    }
}

impl Sleep for Sleeping {}
