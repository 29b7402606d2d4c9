//! Listening for connections.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::address::{Pair, ToSocketAddrs, hears};
use super::line::{Line, Spot, wake};
use super::link::at;
use super::network::{here, network, own_address};
use super::pipe::now;
use super::stream::TcpStream;
use super::tcp::End;
use crate::base::Instant;
use crate::event_loop::{Label, LoopId, Shared, Uncounted, WaitId, cancel_outside, try_with};
use crate::world::host::Life;

/// How many connections may wait for `accept` beside one, if it was not said. Source: Linux,
/// `net.core.somaxconn` before 5.4, and what the standard library asks for.
pub(crate) const BACKLOG: usize = 128;

/// When someone is forgotten who has asked and not said a first word. Source: Linux,
/// `net.ipv4.tcp_synack_retries`, which is 5: five answers after the first, each after twice the
/// time. Here it is who asks that makes the host answer again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(63);

/// The last of these times.
const LAST_WAIT: Duration = Duration::from_secs(32);

/// A socket that listens for connections. Dropping it refuses those that were not accepted.
pub struct TcpListener {
    state: Shared<ListenerState>,
    local: SocketAddr,
}

pub(super) struct ListenerState {
    pub(super) life: Life,
    owner: LoopId,
    local: SocketAddr,
    /// What it was bound to: an address of the loopback, that of the host, or all.
    bound: IpAddr,
    backlog: usize,
    /// Those that have asked, and have not said their first word, by number.
    syn_queue: BTreeMap<u64, Request>,
    /// Those that are to be accepted.
    accept_queue: VecDeque<Shared<End>>,
    waiting: Line,
    /// Those who are told beside them: see `Accept::watching`.
    watching: Line,
    location: &'static Location<'static>,
}

/// Someone who has asked for a connection.
struct Request {
    end: Shared<End>,
    /// When it is forgotten.
    until: Instant,
}

impl TcpListener {
    /// Binds a socket of this host and listens; port 0 stands for any.
    ///
    /// # Errors
    ///
    /// - `AddrInUse`: another socket listens there, or no port is left for port 0.
    /// - `AddrNotAvailable`: the address is that of another host.
    /// - `NotFound` and `InvalidInput`: this is no host and port.
    /// - `Other`: the name is not [resolved](super::resolver()) for now.
    ///
    /// # Cancel safety
    ///
    /// It is ready at once, but for the time that a name takes to be [resolved](super::resolver()).
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(
        address: A,
    ) -> impl Future<Output = io::Result<TcpListener>> + Send + use<A> {
        Self::bind_with_backlog(address, BACKLOG)
    }

    /// The same, with one more than `backlog` connections at most that wait to be accepted: who
    /// comes then tries again a while later. Who has only asked is not counted. Source: Linux,
    /// `sk_acceptq_is_full`, `net.ipv4.tcp_syncookies`.
    ///
    /// Who is answered before the others fill the queue believes that it is connected; what it
    /// sends is as good as lost, and sent again, until there is room.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Cancel safety
    ///
    /// It is ready at once, but for the time that a name takes to be [resolved](super::resolver()).
    #[track_caller]
    pub fn bind_with_backlog<A: ToSocketAddrs>(
        address: A,
        backlog: usize,
    ) -> impl Future<Output = io::Result<TcpListener>> + Send + use<A> {
        let (wanted, location) = (address.target(), Location::caller());
        async move { Self::bind_at(wanted?.resolve(location).await?, backlog, location) }
    }

    /// Binds the socket; a report names the place.
    pub(crate) fn bind_at(
        wanted: SocketAddr,
        backlog: usize,
        location: &'static Location<'static>,
    ) -> io::Result<TcpListener> {
        let (life, owner) = here()?;
        let bound = wanted.ip();
        let wanted = own_address(wanted, life)?;
        let local = network().with(|network| {
            network.bind(wanted, life, |state, at| !state.listeners.contains_key(at))
        })?;
        let (syn_queue, accept_queue) = (BTreeMap::new(), VecDeque::new());
        let state = Shared::new(
            "tcp listener",
            ListenerState {
                life,
                owner,
                local,
                bound,
                backlog,
                syn_queue,
                accept_queue,
                waiting: Line::default(),
                watching: Line::default(),
                location,
            },
        );
        network().with(|network| network.listeners.insert(local, state.uncounted()));
        Ok(TcpListener { state, local: SocketAddr::new(bound, local.port()) })
    }

    /// Returns the address at which it listens: the one that was asked for, with its port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Waits for a connection; returns it with the address of who has connected.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the host has crashed meanwhile; a cancel of the task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection: the next `accept` gets it.
    #[track_caller]
    pub fn accept(&self) -> Accept {
        let (state, spot, location) = (self.state.clone(), Spot::default(), Location::caller());
        Accept { state, spot, watches: false, location }
    }
}

/// The future of [`TcpListener::accept`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Accept {
    state: Shared<ListenerState>,
    spot: Spot,
    watches: bool,
    location: &'static Location<'static>,
}

impl Future for Accept {
    type Output = io::Result<(TcpStream, SocketAddr)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.state.check().map_err(io::Error::other)?;
        if let Err(cancelled) = ready!(this.spot.poll(cx)) {
            this.hand_over();
            return Poll::Ready(Err(cancelled));
        }
        let (next, life) = this.state.with(|state| {
            let next = if state.life.is_here() { state.accept_queue.pop_front() } else { None };
            (next, state.life)
        });
        if let Some(end) = next {
            let stream = TcpStream::of(end, this.location);
            let peer = stream.peer_addr();
            return Poll::Ready(Ok((stream, peer)));
        }
        if !life.is_alive() {
            return Poll::Ready(Err(life.why_gone("listener")));
        }
        let (label, state, watches) =
            (Label::on("accept", this.state.id()), &this.state, this.watches);
        let enter = |wait| {
            state.with(|state| match watches {
                true => state.watching.enter(wait),
                false => state.waiting.enter(wait),
            });
        };
        this.spot.park(label, this.location, cx, enter);
        Poll::Pending
    }
}

impl Accept {
    /// Lets it be told of each connection beside those who wait in turn: for one that is kept by
    /// whoever polls, who may never come back for what it was told.
    #[cfg(feature = "tokio-io")]
    pub(crate) fn watching(mut self) -> Self {
        self.watches = true;
        self
    }

    /// What it was woken for is the next one's.
    fn hand_over(&mut self) {
        if self.spot.leave() && !self.watches {
            let next = self.state.try_with(|state| match state.accept_queue.is_empty() {
                true => None,
                false => state.waiting.first(),
            });
            wake(next.flatten());
        }
    }
}

impl Drop for Accept {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// What a host says to someone who asks for a connection.
pub(super) enum Answer {
    Yes(Uncounted<End>),
    NobodyListens,
    IsFull,
}

/// Answers someone who asks for this connection, as seen from here, and who has used an address of
/// the loopback if that is said.
pub(super) fn answer(pair: Pair, near: Option<IpAddr>) -> Answer {
    let listener = network().with(|network| network.listeners.get(&pair.local).copied());
    let asked = listener.and_then(|listener| {
        listener.try_with(|state| {
            if !hears(state.bound, near) {
                return None;
            }
            let is_full = state.is_full();
            Some((is_full, state.life, state.owner, state.location))
        })?
    });
    let (Some(listener), Some((is_full, life, owner, location))) = (listener, asked) else {
        return Answer::NobodyListens;
    };
    if is_full {
        return Answer::IsFull;
    }
    let end = End::make(life, owner, pair, location);
    let id = end.uncounted();
    let until = now().saturating_add(FORGOTTEN_AFTER);
    let number = end.with(|end| {
        end.handshake = Some(at(until, move || _ = forget_request(id)));
        end.number()
    });
    listener.with(|state| state.syn_queue.insert(number, Request { end, until }));
    Answer::Yes(id)
}

/// Someone asks again who has been answered: that is not forgotten before the answer to it can come
/// back. Source: Linux, `tcp_check_req`, which begins the current wait anew.
pub(super) fn remember(end: Uncounted<End>) {
    let until = now().saturating_add(LAST_WAIT);
    let is_later = of_listener(end, |state, number| {
        let request = state.syn_queue.get_mut(&number)?;
        let is_later = until > request.until;
        request.until = request.until.max(until);
        Some(is_later)
    });
    if is_later == Some(true) {
        let timer = at(until, move || _ = forget_request(end));
        let old = end.try_with(|end| end.handshake.replace(timer)).flatten();
        old.into_iter().for_each(cancel_outside);
    }
}

/// Forgets someone who has asked and not said a first word, if `end` is such a one, without a word.
pub(super) fn forget_request(end: Uncounted<End>) -> bool {
    let request = of_listener(end, |state, number| state.syn_queue.remove(&number));
    request.is_some()
}

/// The first word of someone who has asked has arrived: it waits to be accepted, or hears nothing
/// if too many do.
pub(super) fn admit(end: Uncounted<End>) -> bool {
    let is_let_in = of_listener(end, |state, number| {
        if state.syn_queue.contains_key(&number) && state.is_full() {
            return Some(false);
        }
        state.accept_queue.push_back(state.syn_queue.remove(&number)?.end);
        Some(true)
    });
    if is_let_in == Some(true) {
        let forgotten = end.try_with(|end| end.handshake.take()).flatten();
        forgotten.into_iter().for_each(cancel_outside);
    }
    is_let_in != Some(false)
}

/// Tells who accepts of someone who has been [let in](admit).
pub(super) fn enqueue(end: Uncounted<End>) {
    let told = of_listener(end, |state, _| {
        let mut told = state.watching.all();
        if !state.accept_queue.is_empty() {
            told.extend(state.waiting.first());
        }
        Some(told)
    });
    wake(told.into_iter().flatten());
}

/// Lets `then` see the listener of an end, with the number of the end.
fn of_listener<R>(
    end: Uncounted<End>,
    then: impl FnOnce(&mut ListenerState, u64) -> Option<R>,
) -> Option<R> {
    let (number, local) = end.try_with(|end| (end.number(), end.pair.local))?;
    let listener = network().with(|network| network.listeners.get(&local).copied())?;
    listener.try_with(|state| then(state, number)).flatten()
}

impl ListenerState {
    fn is_full(&self) -> bool {
        self.accept_queue.len() > self.backlog
    }

    /// All who wait, when there is nothing to wait for any more.
    pub(super) fn all_waiting(&mut self) -> VecDeque<WaitId> {
        let mut all = self.waiting.all();
        all.extend(self.watching.all());
        all
    }

    /// The address that a program sees.
    pub(super) fn seen(&self) -> SocketAddr {
        SocketAddr::new(self.bound, self.local.port())
    }

    /// How many wait to be accepted, and how many at most.
    pub(super) fn queue(&self) -> (usize, usize) {
        (self.accept_queue.len(), self.backlog)
    }
}

impl Drop for ListenerState {
    fn drop(&mut self) {
        if try_with(|_| ()).is_none() || !self.life.is_alive() {
            return;
        }
        network().with(|network| network.listeners.remove(&self.local));
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpListener({})", self.local)
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accept")
    }
}
