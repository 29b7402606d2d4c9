//! A session of HTTP requests in the shape of aiohttp's, and the hosts that answer: hyper on both
//! sides of the simulated network. `https` is a label, there is no TLS.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{StatusCode, client, server};
use seedloop::host::{self, Host};
use seedloop::net::{TcpListener, TcpStream, between};
use seedloop::tokio::time::{Sleep, sleep};
use seedloop::{Error, JoinHandle, Result, RuntimeError, attempt, gather, spawn};
use seedloop_hyper::{SeedloopIo, SeedloopTimer};

/// A host that answers requests for its pages.
#[derive(Clone, Debug)]
pub struct Site {
    host: Host,
    pages: BTreeMap<String, String>,
    think: Duration,
}

impl Site {
    /// A new host, to which each way from here takes a time within `latency`.
    pub fn new(name: &str, latency: RangeInclusive<Duration>) -> Self {
        let host = Host::new(name);
        between(host::current(), host).latency(latency);
        Site { host, pages: BTreeMap::new(), think: Duration::ZERO }
    }

    /// Adds what is at `path`, which begins with a slash.
    pub fn page(mut self, path: &str, body: &str) -> Self {
        self.pages.insert(path.to_owned(), body.to_owned());
        self
    }

    /// Lets the text of each page come so much later than its head.
    pub fn think(mut self, time: Duration) -> Self {
        self.think = time;
        self
    }

    /// Answers from now on, in a running loop.
    pub fn serve(self) -> Host {
        let host = self.host;
        host.run(move || {
            let site = self.clone();
            async move {
                let listener = TcpListener::bind("0.0.0.0:80").await?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    spawn(site.clone().talk(stream));
                }
            }
        });
        host
    }

    /// Speaks HTTP with one client, to the end of the connection.
    async fn talk(self, stream: TcpStream) -> Result<()> {
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let page = self.pages.get(request.uri().path());
            let status = if page.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            let text = page.cloned().unwrap_or_else(|| "not found".to_owned());
            let body = Page { text: Some(text.into()), think: Box::pin(sleep(self.think)) };
            let mut response = hyper::Response::new(body);
            *response.status_mut() = status;
            async { Ok::<_, Infallible>(response) }
        });
        let mut http = server::conn::http1::Builder::new();
        http.timer(SeedloopTimer).auto_date_header(false);
        // A client that goes away in the middle is none of the server's failures.
        drop(http.serve_connection(SeedloopIo::new(stream), answer).await);
        Ok(())
    }
}

/// The text of a page, which comes after a while.
struct Page {
    text: Option<Bytes>,
    think: Pin<Box<Sleep>>,
}

impl Body for Page {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        if self.text.is_some() {
            ready!(self.think.as_mut().poll(cx));
        }
        Poll::Ready(self.text.take().map(|text| Ok(Frame::data(text))))
    }
}

/// Makes requests, and keeps the connections of those that are over for the next ones:
/// `aiohttp.ClientSession`. Clones are the same session.
#[derive(Clone, Default)]
pub struct ClientSession {
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    /// Connections that nobody uses, by host.
    idle: RefCell<BTreeMap<String, Vec<Connection>>>,
    open: Cell<usize>,
    in_use: Cell<usize>,
    closed: Cell<bool>,
}

impl ClientSession {
    /// A session without connections.
    pub fn new() -> Self {
        ClientSession::default()
    }

    /// Describes a request for the page at `url`.
    pub fn get(&self, url: &str) -> Request {
        Request { session: self.clone(), url: url.to_owned() }
    }

    /// How many connections are open, in use or not.
    pub fn connections(&self) -> usize {
        self.state.open.get()
    }

    /// How many connections are in use: each by a response whose block was not left.
    pub fn connections_in_use(&self) -> usize {
        self.state.in_use.get()
    }

    /// `async with aiohttp.ClientSession() as session`: closes the connections at the end, and
    /// waits until the hosts have closed them too.
    pub async fn scope<T>(self, body: impl AsyncFnOnce(&ClientSession) -> Result<T>) -> Result<T> {
        let result = attempt(body(&self)).await;
        self.state.closed.set(true);
        let idle = self.state.idle.take();
        gather(idle.into_values().flatten().map(Connection::close).collect::<Vec<_>>()).await?;
        result
    }
}

/// A request that was described with [`ClientSession::get`].
pub struct Request {
    session: ClientSession,
    url: String,
}

impl Request {
    /// `async with session.get(url) as response`: at the end the connection is free for the next
    /// request if the response was read; else it is closed, and the end waits for that.
    pub async fn scope<T>(self, body: impl AsyncFnOnce(&Response) -> Result<T>) -> Result<T> {
        let (host, path) = split(&self.url)?;
        let mut used = InUse::take(&self.session.state, host).await?;
        let sent = attempt(used.request(host, path)).await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                used.close().await?;
                return Err(error);
            }
        };
        let result = attempt(body(&response)).await;
        match response.received.get() {
            true => used.give_back(host),
            false => {
                drop(response);
                used.close().await?;
            }
        }
        result
    }
}

/// The answer to a request, whose text may still be on its way.
pub struct Response {
    status: u16,
    body: RefCell<Option<Incoming>>,
    received: Cell<bool>,
}

impl Response {
    /// Its status: 200, or 404 for a page that the host does not have.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Waits for the text, and takes it.
    pub async fn text(&self) -> Result<String> {
        let Some(body) = self.body.take() else {
            return Err(Error::new(RuntimeError::new("the text was taken already")));
        };
        let bytes = body.collect().await?.to_bytes();
        self.received.set(true);
        Ok(String::from_utf8(bytes.to_vec())?)
    }
}

/// A connection that a request uses.
struct InUse {
    session: Rc<State>,
    connection: Option<Connection>,
}

impl InUse {
    /// Takes a free connection of the session, or connects.
    async fn take(session: &Rc<State>, host: &str) -> Result<Self> {
        if session.closed.get() {
            return Err(Error::new(RuntimeError::new("Session is closed")));
        }
        let idle = session.idle.borrow_mut().get_mut(host).and_then(Vec::pop);
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open(session, host).await?,
        };
        session.in_use.set(session.in_use.get() + 1);
        Ok(InUse { session: Rc::clone(session), connection: Some(connection) })
    }

    async fn request(&mut self, host: &str, path: &str) -> Result<Response> {
        let connection = self.connection.as_mut().expect("it was neither given back nor closed");
        let request = hyper::Request::get(path).header("host", host).body(Empty::new())?;
        let response = connection.sender.send_request(request).await?;
        let (status, received) = (response.status().as_u16(), Cell::new(false));
        Ok(Response { status, body: RefCell::new(Some(response.into_body())), received })
    }

    fn give_back(mut self, host: &str) {
        let Some(connection) = self.connection.take() else { return };
        if !self.session.closed.get() {
            self.session.idle.borrow_mut().entry(host.to_owned()).or_default().push(connection);
        }
    }

    async fn close(mut self) -> Result<()> {
        let Some(connection) = self.connection.take() else { return Ok(()) };
        drop(self);
        connection.close().await
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.session.in_use.set(self.session.in_use.get() - 1);
    }
}

/// A connection to a host. Dropping it closes it without a wait.
struct Connection {
    session: Rc<State>,
    sender: SendRequest<Empty<Bytes>>,
    stream: TcpStream,
    driver: JoinHandle<()>,
}

impl Connection {
    async fn open(session: &Rc<State>, host: &str) -> Result<Self> {
        let stream = TcpStream::connect((host, 80)).await?;
        let (sender, connection) =
            client::conn::http1::handshake(SeedloopIo::new(stream.clone())).await?;
        let driver = spawn(async {
            // What goes wrong on the connection is told to whoever waits for a response.
            drop(connection.await);
            Ok(())
        });
        session.open.set(session.open.get() + 1);
        Ok(Connection { session: Rc::clone(session), sender, stream, driver })
    }

    /// Ends what this side sends, and waits until the host has closed the connection.
    async fn close(self) -> Result<()> {
        self.driver.abort();
        let mut stream = self.stream.clone();
        let closed = stream.close().await;
        let read = if closed.is_ok() { stream.read_to_end(&mut Vec::new()).await } else { Ok(0) };
        match closed.and(read) {
            Err(error) if !is_over(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Tells whether an error says that there is no connection any more, which is what is wanted.
fn is_over(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::NotConnected)
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
        self.session.open.set(self.session.open.get() - 1);
    }
}

/// Splits a URL into its host and its path.
fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url.split_once("://").map(|(_, rest)| rest).filter(|rest| !rest.is_empty());
    let Some(rest) = rest else {
        let text = format!("not a URL with a scheme and a host: {url}");
        return Err(io::Error::new(ErrorKind::InvalidInput, text).into());
    };
    let path = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(path);
    Ok((host, if path.is_empty() { "/" } else { path }))
}
