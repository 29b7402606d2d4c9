//! The other side of a connection: time limits, back-off, and a new connection after each failure.

use std::time::Duration;

use seedloop::net::TcpStream;
use seedloop::{Result, rng, sleep, timeout};

use super::protocol::{PORT, Request, Response, receive, send};

/// How long an answer may take, with the connection that it may need first.
const ANSWER: Duration = Duration::from_millis(500);
/// How long to wait after the first failure; each one more doubles it.
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_millis(800);

/// A connection to the broker, which is made when it is needed.
#[derive(Debug)]
pub(super) struct Connection {
    broker: String,
    stream: Option<TcpStream>,
    backoff: Duration,
}

impl Connection {
    /// Connects to the broker on that host when something is asked.
    pub(super) fn new(broker: &str) -> Self {
        Connection { broker: broker.to_owned(), stream: None, backoff: BACKOFF }
    }

    /// Asks once.
    ///
    /// # Errors
    ///
    /// A timeout, and what the network says: nobody knows whether the broker has heard it. A
    /// cancel.
    ///
    /// # Cancel safety
    ///
    /// The broker may have heard it. The connection is not used again.
    pub(super) async fn ask_once(&mut self, request: &Request) -> Result<Response> {
        // A late answer must not be taken for that to the next question: the stream comes back only
        // with the answer.
        let mut stream = self.stream.take();
        let broker = self.broker.as_str();
        let (response, stream) = timeout(ANSWER)
            .scope(async |_| {
                let mut stream = match stream.take() {
                    Some(stream) => stream,
                    None => TcpStream::connect((broker, PORT)).await?,
                };
                send(&mut stream, request).await?;
                Ok((receive(&mut stream).await?, stream))
            })
            .await?;
        self.stream = Some(stream);
        self.backoff = BACKOFF;
        Ok(response)
    }

    /// Asks until there is an answer: only for what may be heard twice.
    ///
    /// # Errors
    ///
    /// A cancel.
    ///
    /// # Cancel safety
    ///
    /// As [`ask_once`](Self::ask_once).
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Response> {
        loop {
            match self.ask_once(request).await {
                Err(error) if !error.is_cancelled() => self.back_off().await?,
                answer => return answer,
            }
        }
    }

    /// Waits before the next attempt: twice as long each time, and not as long as the others.
    ///
    /// # Errors
    ///
    /// A cancel.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing.
    pub(super) async fn back_off(&mut self) -> Result<()> {
        let jitter = Duration::from_millis(rng().below(50).into());
        sleep(self.backoff + jitter).await?;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        Ok(())
    }
}
