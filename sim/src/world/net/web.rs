//! A network of named hosts that answer requests: a small beginning.
//!
//! The network belongs to the simulation and has no hosts when that begins; [`Host`]s that
//! [serve](Host::serve) are what a program meets. Each way over the network (to connect, to be
//! answered, to get the body, to close) takes a virtual time, a choice within the latency of the
//! host. The scheme of a URL is a label: there is no TLS behind `https`.
//!
//! ```
//! use seedloop::net::{ClientSession, Host};
//! use seedloop::run;
//!
//! let text = run(async {
//!     Host::new("example.com").page("/", "hello").serve();
//!     ClientSession::new()
//!         .scope(async |session| {
//!             session.get("https://example.com").scope(async |r| r.text().await).await
//!         })
//!         .await
//! });
//! assert_eq!(text.unwrap(), "hello");
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::operation::Operation;
use super::super::scope::within;
use crate::base::{Error, Result, RuntimeError};
use crate::event_loop::{Extension, Shared, extension, try_with};

/// A host on the network that answers requests for its pages.
#[derive(Clone, Debug)]
pub struct Host {
    name: String,
    latency: RangeInclusive<Duration>,
    pages: BTreeMap<String, String>,
}

impl Host {
    /// Describes a host without pages, with a latency of 10 to 100 milliseconds.
    pub fn new(name: impl Into<String>) -> Self {
        let latency = Duration::from_millis(10)..=Duration::from_millis(100);
        Host { name: name.into(), latency, pages: BTreeMap::new() }
    }

    /// Sets how long each way to the host and back takes: a choice within `latency`.
    pub fn latency(mut self, latency: RangeInclusive<Duration>) -> Self {
        self.latency = latency;
        self
    }

    /// Adds what is at `path`, which begins with a slash.
    pub fn page(mut self, path: impl Into<String>, body: impl Into<String>) -> Self {
        self.pages.insert(path.into(), body.into());
        self
    }

    /// Puts the host on the network of the simulation, in the place of an earlier one of its name.
    pub fn serve(self) {
        network().hosts.borrow_mut().insert(self.name.clone(), self);
    }

    /// What the host says to a request: a status and a body.
    fn answer(&self, path: &str) -> (u16, String) {
        match self.pages.get(path) {
            Some(body) => (200, body.clone()),
            None => (404, "not found".to_owned()),
        }
    }
}

/// Returns how many connections are open on the whole network.
pub fn open_connections() -> usize {
    network().open_connections.get()
}

/// Makes requests, and keeps the connections of those that are over for the next ones:
/// `aiohttp.ClientSession`. Clones are the same session.
#[derive(Clone)]
pub struct ClientSession {
    state: Shared<SessionState>,
}

#[derive(Default)]
struct SessionState {
    /// Connections that nobody uses, by host.
    idle: BTreeMap<String, Vec<Connection>>,
    in_use: usize,
    closed: bool,
}

impl Default for ClientSession {
    fn default() -> Self {
        ClientSession::new()
    }
}

impl ClientSession {
    /// Makes a session without connections.
    pub fn new() -> Self {
        ClientSession { state: Shared::new("client session", SessionState::default()) }
    }

    /// Describes a request for the page at `url`; nothing happens before its
    /// [scope](Request::scope) is awaited.
    #[track_caller]
    pub fn get(&self, url: impl Into<String>) -> Request {
        Request { session: self.clone(), url: url.into(), location: Location::caller() }
    }

    /// Returns how many connections are open, in use or not.
    pub fn connections(&self) -> usize {
        self.state.with(|state| state.in_use + state.idle.values().map(Vec::len).sum::<usize>())
    }

    /// Returns how many connections are in use: each by a response whose block was not left.
    pub fn connections_in_use(&self) -> usize {
        self.state.with(|state| state.in_use)
    }

    /// Runs `body` with the session and closes its connections at the end:
    /// `async with aiohttp.ClientSession() as session`.
    ///
    /// The end comes after a value, an error and a cancel alike, and waits until the hosts know of
    /// it. A response that is still being read keeps its connection until its own block is left.
    ///
    /// # Errors
    ///
    /// The body's; a cancelled error when the task was cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connections without a wait.
    #[doc(alias = "async with")]
    #[track_caller]
    pub fn scope<T>(
        self,
        body: impl AsyncFnOnce(&ClientSession) -> Result<T>,
    ) -> impl Future<Output = Result<T>> {
        let location = Location::caller();
        let leave = LeaveSession { session: self.clone() };
        async move {
            let result = within(location, body(&self)).await;
            let idle = leave.close();
            let closing = idle.into_iter().map(|connection| connection.close(location));
            for closed in closing.collect::<Vec<_>>() {
                closed.await?;
            }
            result
        }
    }
}

/// Closes a session when its block is left, also by a drop.
struct LeaveSession {
    session: ClientSession,
}

impl LeaveSession {
    fn close(&self) -> Vec<Connection> {
        let close = |state: &mut SessionState| {
            state.closed = true;
            std::mem::take(&mut state.idle).into_values().flatten().collect()
        };
        self.session.state.try_with(close).unwrap_or_default()
    }
}

impl Drop for LeaveSession {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ClientSession connections={}>", self.connections())
    }
}

/// A request that was described with [`ClientSession::get`].
#[must_use = "a request is made when its `scope` is awaited"]
#[derive(Debug)]
pub struct Request {
    session: ClientSession,
    url: String,
    location: &'static Location<'static>,
}

impl Request {
    /// Makes the request, runs `body` with the response and gives the connection back:
    /// `async with session.get(url) as response`.
    ///
    /// Connects first if the session has no free connection to the host. At the end of the block
    /// the connection is free for the next request if the response was read; else it is closed, and
    /// the end waits until the host knows of it.
    ///
    /// # Errors
    ///
    /// The body's; a cancelled error; an [`io::Error`] of the kind `NotFound` when no host has this
    /// name, and `InvalidInput` for what is no URL; a [`RuntimeError`] when the session is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection without a wait.
    #[doc(alias = "async with")]
    pub fn scope<T>(
        self,
        body: impl AsyncFnOnce(&Response) -> Result<T>,
    ) -> impl Future<Output = Result<T>> {
        let Request { session, url, location } = self;
        async move {
            let (host, path) = split(&url)?;
            let used = InUse::take(session, host, location).await?;
            let response = used.request(path).await?;
            let result = within(location, body(&response)).await;
            used.give_back(response.received.load(Ordering::Relaxed)).await?;
            result
        }
    }
}

/// The answer to a request, whose body may still be on its way.
#[derive(Debug)]
pub struct Response {
    status: u16,
    body: String,
    received: AtomicBool,
    latency: RangeInclusive<Duration>,
}

impl Response {
    /// Returns the status: 200, or 404 for a page that the host does not have.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Waits for the body and returns it; the second time it is there already.
    ///
    /// # Errors
    ///
    /// A cancelled error when the task was cancelled meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn text(&self) -> impl Future<Output = Result<String>> + '_ {
        let location = Location::caller();
        async move {
            if !self.received.load(Ordering::Relaxed) {
                Operation::begin("body", self.latency.clone(), location, || ()).await?;
                self.received.store(true, Ordering::Relaxed);
            }
            Ok(self.body.clone())
        }
    }
}

/// A connection that a request uses.
struct InUse {
    session: ClientSession,
    connection: Option<Connection>,
    location: &'static Location<'static>,
}

impl InUse {
    /// Takes a free connection of the session, or connects.
    async fn take(
        session: ClientSession,
        host: &str,
        location: &'static Location<'static>,
    ) -> Result<Self> {
        let (closed, idle) =
            session.state.with(|state| (state.closed, state.idle.get_mut(host).and_then(Vec::pop)));
        if closed {
            return Err(Error::new(RuntimeError::new("Session is closed")));
        }
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open(host, location).await?,
        };
        session.state.with(|state| state.in_use += 1);
        Ok(InUse { session, connection: Some(connection), location })
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("seedloop bug: the connection was given back")
    }

    /// Sends the request; the host answers when it arrives.
    async fn request(&self, path: &str) -> Result<Response> {
        let connection = self.connection();
        let (host, path) = (connection.host.clone(), path.to_owned());
        let answer = move || with_host(&host, |host| host.answer(&path));
        let latency = connection.latency.clone();
        let (status, body) =
            Operation::begin("request", latency.clone(), self.location, answer).await??;
        Ok(Response { status, body, received: AtomicBool::new(false), latency })
    }

    /// Gives the connection back to the session, or closes it if something is still on its way.
    async fn give_back(mut self, reusable: bool) -> Result<()> {
        let Some(connection) = self.connection.take() else { return Ok(()) };
        let unusable = self.session.state.with(|state| {
            if !reusable || state.closed {
                return Some(connection);
            }
            state.idle.entry(connection.host.clone()).or_default().push(connection);
            None
        });
        let location = self.location;
        drop(self);
        match unusable {
            Some(connection) => connection.close(location).await,
            None => Ok(()),
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.session.state.try_with(|state| state.in_use -= 1);
    }
}

/// A connection to a host. Dropping it closes it at once.
struct Connection {
    host: String,
    latency: RangeInclusive<Duration>,
}

impl Connection {
    async fn open(host: &str, location: &'static Location<'static>) -> Result<Self> {
        let latency = with_host(host, |host| host.latency.clone())?;
        let host = host.to_owned();
        let connect = {
            let latency = latency.clone();
            move || {
                let network = network();
                network.open_connections.set(network.open_connections.get() + 1);
                Connection { host, latency }
            }
        };
        Operation::begin("connect", latency, location, connect).await
    }

    /// Closes it and waits until the host knows of it.
    fn close(self, location: &'static Location<'static>) -> Operation<()> {
        Operation::begin("close", self.latency.clone(), location, move || drop(self))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The thread may be ending.
        if try_with(|_| ()).is_some() {
            let network = network();
            network.open_connections.set(network.open_connections.get().saturating_sub(1));
        }
    }
}

/// The network of the simulation.
#[derive(Default)]
struct Network {
    hosts: RefCell<BTreeMap<String, Host>>,
    open_connections: Cell<usize>,
}

impl Extension for Network {
    fn end_simulation(&self) {
        self.hosts.take();
        self.open_connections.set(0);
    }
}

fn network() -> Rc<Network> {
    extension::<Network>()
}

fn with_host<R>(name: &str, call: impl FnOnce(&Host) -> R) -> Result<R> {
    match network().hosts.borrow().get(name) {
        Some(host) => Ok(call(host)),
        None => {
            Err(io::Error::new(io::ErrorKind::NotFound, format!("no such host: {name}")).into())
        }
    }
}

/// Splits a URL into its host and its path.
fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url.split_once("://").map(|(_, rest)| rest).filter(|rest| !rest.is_empty());
    let Some(rest) = rest else {
        let text = format!("not a URL with a scheme and a host: {url}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
    };
    let path = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(path);
    Ok((host, if path.is_empty() { "/" } else { path }))
}
