//! The end of a TCP connection: what it has received, what it may send, and how it fails.

use std::collections::VecDeque;
use std::io;
use std::panic::Location;
use std::rc::{Rc, Weak};

use super::address::Pair;
use super::connect::Caller;
use super::line::{Line, wake};
use super::listener::enqueue;
use super::netstat::SocketState;
use super::network::network;
use super::orphans::{Orphan, come_to_orphan, leave, settle, take_orphans};
use super::pipe::{Pipe, PipeRef, Segment, Side, acknowledge, push, refuse, retransmit_later};
use super::presence::{Presence, reset};
use super::probe::{check_persist_timer, wait_for_room};
use crate::base::Result;
use crate::event_loop::{
    LoopId, OutsideKey, Shared, Uncounted, cancel_outside, queue_plain, try_with,
};
use crate::world::crashes::{Sending, at_sending, is_falling, resets_when_falling};
use crate::world::fault::strikes_how;
use crate::world::host::Life;

/// What a stream sends that is closed or dropped, as reports name it.
const THE_END: &str = "the end of a stream";

/// How many bytes may be on their way or unread, in one direction.
pub(super) const WINDOW: u64 = 64 * 1024;

/// How many of these are worth a word out of a window that was closed. Source: Linux,
/// `__tcp_select_window`: a 16th of the buffer, and a segment at least.
pub(super) const LEAST_WINDOW: u64 = WINDOW / 16;

/// One end of a connection.
pub(super) struct End {
    number: u64,
    pub(super) life: Life,
    owner: LoopId,
    location: &'static Location<'static>,
    pub(super) pair: Pair,
    /// What it sends, and what it is sent; none before the other side has answered.
    out: Option<PipeRef>,
    into: Option<PipeRef>,
    is_finished: bool,
    /// The other side had ended before this one did.
    answers_end: bool,
    received: VecDeque<u8>,
    is_at_end: bool,
    /// It has failed, or what makes it fail has arrived.
    is_failing: bool,
    failed: Option<io::ErrorKind>,
    /// A read or write has given the failure: reads that follow get to the end, and writes find a
    /// broken pipe. Source: Linux, `sock_error`, which clears what it returns.
    has_told: bool,
    /// It is reset when the program lets go of it, as `SO_LINGER` with no time does.
    pub(super) resets_when_dropped: bool,
    pub(super) is_nodelay: bool,
    /// The program has it: a listener has handed it out, or it has connected.
    pub(super) is_accepted: bool,
    /// When it asks again for a connection, or is forgotten if it was asked for one.
    pub(super) handshake: Option<OutsideKey>,
    /// Nobody waits for the connection any more.
    pub(super) is_given_up: bool,
    /// Who asks for the connection.
    pub(super) caller: Weak<Caller>,
    readers: Line,
    writers: Line,
}

/// What there is to read.
pub(super) enum Incoming {
    Bytes(usize),
    End,
    Failed(io::Error),
    Nothing,
}

impl End {
    pub(super) fn make(
        life: Life,
        owner: LoopId,
        pair: Pair,
        location: &'static Location<'static>,
    ) -> Shared<End> {
        let number = network().with(|network| network.number_end());
        let end = Shared::new(
            "tcp stream",
            End {
                number,
                life,
                owner,
                location,
                pair,
                out: None,
                into: None,
                is_finished: false,
                answers_end: false,
                received: VecDeque::new(),
                is_at_end: false,
                is_failing: false,
                failed: None,
                has_told: false,
                resets_when_dropped: false,
                is_nodelay: false,
                is_accepted: false,
                handshake: None,
                is_given_up: false,
                caller: Weak::new(),
                readers: Line::default(),
                writers: Line::default(),
            },
        );
        network().with(|network| {
            network.ends.insert((life.host, number), end.uncounted());
            let side = Side { end: end.uncounted(), number, life, address: pair.local };
            network.pairs.insert((pair.local, pair.remote), side);
        });
        end
    }

    /// Its number among all ends of the simulation.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    fn side(&self, end: Uncounted<End>) -> Side {
        Side { end, number: self.number, life: self.life, address: self.pair.local }
    }

    /// How many bytes the program has not read, and how many the host of the other side has not
    /// acknowledged; none of one that has failed. Source: Linux, `tcp_write_queue_purge`.
    pub(super) fn queues(&self) -> (usize, u64) {
        let out = self.out.as_ref().filter(|_| !self.is_closed());
        (self.received.len(), out.map_or(0, |out| out.borrow().unacknowledged()))
    }

    pub(super) fn is_connected(&self) -> bool {
        self.out.is_some()
    }

    /// How far it has come. Source: Linux, the states of `include/net/tcp_states.h`.
    pub(super) fn state(&self) -> SocketState {
        let Some((out, into)) = self.out.as_ref().zip(self.into.as_ref()) else {
            return if self.failed.is_some() { SocketState::Closed } else { SocketState::SynSent };
        };
        match (self.is_finished, self.is_at_end) {
            _ if self.failed.is_some() => SocketState::Closed,
            _ if self.is_asked() => SocketState::SynRecv,
            (true, _) => SocketState::of_closing(out, into, self.answers_end),
            (false, true) => SocketState::CloseWait,
            (false, false) => SocketState::Established,
        }
    }

    /// Tells whether there is nobody on the other side any more: the connection has failed, or both
    /// sides have come to the end and know it. Source: Linux, `TCP_CLOSE`.
    pub(super) fn is_closed(&self) -> bool {
        let knows = |out: &PipeRef| out.borrow().known.end;
        self.failed.is_some()
            || self.is_finished && self.is_at_end && self.out.as_ref().is_some_and(knows)
    }

    /// Tells whether its host knows nothing of the connection any more.
    pub(super) fn has_gone(&self) -> bool {
        self.is_failing || self.failed.is_some()
    }

    /// Tells whether somebody waits to write.
    pub(super) fn is_awaited(&self) -> bool {
        self.writers.is_awaited()
    }

    /// From now on it sends and is sent something.
    pub(super) fn connect(&mut self, out: PipeRef, into: PipeRef) {
        (self.out, self.into) = (Some(out), Some(into));
    }

    /// Tells whether it was asked for a connection, and has not heard the first word.
    pub(super) fn is_asked(&self) -> bool {
        self.is_connected() && self.handshake.is_some() && !self.is_accepted
    }

    pub(super) fn readers(&mut self) -> &mut Line {
        &mut self.readers
    }

    pub(super) fn writers(&mut self) -> &mut Line {
        &mut self.writers
    }

    /// How the connection has failed, if nobody was told.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        let kind = self.failed?;
        if std::mem::replace(&mut self.has_told, true) {
            return None;
        }
        let text = match kind {
            io::ErrorKind::TimedOut => "the other side has not answered for too long",
            io::ErrorKind::BrokenPipe => "the other side has closed the connection",
            _ => "the connection was reset",
        };
        let (local, remote) = self.pair.seen;
        Some(io::Error::new(kind, format!("{text} ({local} to {remote})")))
    }

    /// Copies what there is to read and leaves it there.
    pub(super) fn peek(&mut self, buffer: &mut [u8]) -> Incoming {
        if self.received.is_empty() {
            return self.nothing_received();
        }
        let length = buffer.len().min(self.received.len());
        buffer.iter_mut().zip(&self.received).for_each(|(to, from)| *to = *from);
        Incoming::Bytes(length)
    }

    /// Why there is nothing to read.
    fn nothing_received(&mut self) -> Incoming {
        if self.is_at_end {
            return Incoming::End;
        }
        match self.take_failure() {
            Some(failure) => Incoming::Failed(failure),
            None if self.failed.is_some() => Incoming::End,
            None => Incoming::Nothing,
        }
    }

    /// Tells whether a read would not wait.
    #[cfg(feature = "tokio-io")]
    pub(super) fn is_readable(&self) -> bool {
        !self.received.is_empty() || self.is_at_end || self.failed.is_some()
    }

    /// Tells whether a write would not wait.
    #[cfg(feature = "tokio-io")]
    pub(super) fn is_writable(&self) -> bool {
        self.failed.is_some() || self.is_finished || self.room() > 0
    }

    fn room(&self) -> u64 {
        self.out.as_ref().map_or(WINDOW, |out| out.borrow().room())
    }

    /// Reads what there is, or a part of it if that fault strikes.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Incoming {
        if self.received.is_empty() {
            return self.nothing_received();
        }
        let length = self.portion(buffer.len().min(self.received.len()));
        let (first, second) = self.received.as_slices();
        let from_first = first.len().min(length);
        buffer[..from_first].copy_from_slice(&first[..from_first]);
        buffer[from_first..length].copy_from_slice(&second[..length - from_first]);
        self.received.drain(..length);
        if let Some(into) = &self.into {
            into.borrow_mut().heard.taken += length as u64;
        }
        Incoming::Bytes(length)
    }

    /// How many of `length` bytes have come, and not those behind them: at least one.
    fn portion(&self, length: usize) -> usize {
        let Some(into) = self.into.as_ref().filter(|_| length > 1) else { return length };
        let (from, to) = into.borrow().hosts();
        let ratio = network().with(|network| network.links.way(from, to).short_reads);
        // No more than the window.
        match strikes_how("a read is short", ratio, length as u32 - 1) {
            0 => length,
            part => part as usize,
        }
    }

    /// How much may be sent now.
    pub(super) fn may_send(&mut self) -> io::Result<usize> {
        if let Some(failure) = self.take_failure() {
            return Err(failure);
        }
        let text = match (self.failed, self.is_finished) {
            (Some(_), _) => "the connection has failed before",
            (None, true) => "this side of the stream was closed already",
            (None, false) => return Ok(self.room() as usize),
        };
        Err(io::Error::new(io::ErrorKind::BrokenPipe, text))
    }

    /// Takes what has arrived.
    fn receive(&mut self, segments: Vec<Segment>) -> bool {
        let mut was_opened = false;
        for segment in segments {
            match segment {
                Segment::Open => was_opened = true,
                Segment::Bytes(bytes) => self.received.extend(bytes),
                Segment::Finish => self.is_at_end = true,
            }
        }
        was_opened
    }
}

/// Joins an end that asks to one that was asked, which knows it from now on; returns what leads
/// there and back.
pub(super) fn join(asks: &Uncounted<End>, asked: &Uncounted<End>) -> (PipeRef, PipeRef) {
    let side = |end: &Uncounted<End>| end.with(|it| it.side(*end));
    let (there, back) = Pipe::both(side(asks), side(asked));
    asked.with(|end| end.connect(Rc::clone(&back), Rc::clone(&there)));
    (there, back)
}

/// Sends bytes; the caller has seen that they fit.
pub(super) fn send_bytes(end: &Uncounted<End>, bytes: Vec<u8>) {
    if let Some(out) = end.with(|end| end.out.clone()) {
        push(&out, Segment::Bytes(bytes));
    }
}

/// Decides on something that the program is about to send.
pub(super) fn at_sending_on(end: &Uncounted<End>, what: &'static str) -> Sending {
    let (life, owner, location) = end.with(|end| (end.life, end.owner, end.location));
    at_sending(life, owner, what, location)
}

/// Says the first word of who has connected.
pub(super) fn send_open(end: &Uncounted<End>) {
    if let Some(out) = end.with(|end| end.out.clone()) {
        push(&out, Segment::Open);
    }
}

/// Ends what this side sends, unless it has ended or failed before: then nothing is sent.
pub(super) fn finish(end: &Uncounted<End>) -> Sending {
    if end.with(|end| end.is_finished || end.failed.is_some()) {
        return Sending::Leaves;
    }
    let sending = at_sending_on(end, THE_END);
    if sending != Sending::Vanishes {
        let (out, writers) = end.with(|end| {
            (end.is_finished, end.answers_end) = (true, end.is_at_end);
            (end.out.clone(), end.writers.all())
        });
        if let Some(out) = out {
            push(&out, Segment::Finish);
        }
        // Who waits for room finds a broken pipe. Source: Linux, `sk_stream_wait_memory`.
        wake(writers);
    }
    sending
}

/// The program has read something: who waits to send has to know once it is worth it. Source: RFC
/// 1122, 4.2.3.3, against windows that open by a few bytes.
pub(super) fn has_read(end: &Uncounted<End>) {
    let hears_more = |end: &End| end.failed.is_none() && !end.is_at_end;
    let into = end.with(|end| end.into.clone().filter(|_| hears_more(end)));
    if let Some(into) = into.filter(|into| into.borrow().has_opened()) {
        acknowledge(&into);
    }
}

/// Somebody waits to write.
pub(super) fn begin_to_wait(end: &Uncounted<End>) {
    let out = end.with(|end| end.out.clone().filter(|_| end.failed.is_none()));
    out.iter().for_each(wait_for_room);
}

/// Hands over what has arrived, at the next turn of the loop; `number` is that of the first
/// segment.
pub(super) fn deliver(
    pipe: &PipeRef,
    receiver: Uncounted<End>,
    number: u64,
    segments: Vec<Segment>,
) {
    let pipe = Rc::clone(pipe);
    on_loop_of(receiver, "tcp segment", move || {
        let side = pipe.borrow().receiver;
        if !side.life.is_alive() || !receiver.is_live() {
            return miss(&pipe, side, number, &segments);
        }
        pipe.borrow_mut().hear(&segments);
        let received = receiver.try_with(|end| (end.receive(segments), end.readers.all()));
        let Some((was_opened, readers)) = received else { return };
        wake(readers);
        if was_opened {
            enqueue(receiver);
        }
        acknowledge(&pipe);
    });
}

/// What has just arrived finds that the program is gone.
fn miss(pipe: &PipeRef, side: Side, number: u64, segments: &[Segment]) {
    match side.presence() {
        Presence::Down => retransmit_later(pipe, number),
        Presence::Left => come_to_orphan(pipe, number, segments),
        Presence::Gone | Presence::Here => refuse(pipe, number),
    }
}

/// The other side has come further with what this end sends, and has taken some of it if there is
/// more room.
pub(super) fn has_room(sender: Uncounted<End>, has_opened: bool) {
    let is_here = sender.try_with(|_| ()).is_some();
    if is_here && has_opened {
        on_loop_of(sender, "tcp acknowledgement", move || {
            wake(sender.try_with(|end| end.writers.all()).unwrap_or_default());
        });
    }
}

/// The connection has failed at this end.
pub(super) fn fail(end: Uncounted<End>, kind: io::ErrorKind) {
    end.try_with(|end| end.is_failing = true);
    on_loop_of(end, "tcp failure", move || fail_now(end, kind));
}

/// The host knows nothing of it any more, and the other side finds out when it sends something.
fn fail_now(end: Uncounted<End>, kind: io::ErrorKind) {
    let failed = end.try_with(|end| {
        if end.failed.is_none() {
            let was_closed = end.is_at_end && kind == io::ErrorKind::ConnectionReset;
            end.failed = Some(if was_closed { io::ErrorKind::BrokenPipe } else { kind });
        }
        end.handshake.take().into_iter().for_each(cancel_outside);
        (end.out.clone(), end.into.clone(), end.readers.all(), end.writers.all())
    });
    if let Some((out, into, readers, writers)) = failed {
        out.iter().for_each(|out| out.borrow_mut().abandon());
        into.iter().for_each(check_persist_timer);
        wake(readers);
        wake(writers);
    }
}

fn on_loop_of(end: Uncounted<End>, name: &'static str, call: impl FnOnce() + 'static) {
    let Some((owner, location)) = end.try_with(|end| (end.owner, end.location)) else { return };
    queue_plain(owner, name, location, move || -> Result<()> {
        call();
        Ok(())
    });
}

/// A host has crashed: its connections are gone, and say so if it `resets` them.
pub(super) fn fail_all(life: Life, resets: bool) {
    for end in network().with(|network| network.ends_of(life.host)) {
        let out = end.try_with(|end| {
            let out = end.out.clone().filter(|_| resets && !end.is_closed());
            (end.life == life).then_some(out)
        });
        let Some(out) = out.flatten() else { continue };
        out.iter().for_each(reset);
        fail_now(end, io::ErrorKind::ConnectionReset);
    }
    for orphan in take_orphans(life.host) {
        if resets && !orphan.is_forgotten() {
            reset(&orphan.out);
        }
        check_persist_timer(&orphan.into);
    }
}

impl Drop for End {
    /// The last handle is gone: the other side gets to the end of what was sent, or a reset if
    /// something was not read.
    fn drop(&mut self) {
        if try_with(|_| ()).is_none() || !self.life.is_here() {
            // What has its number and its addresses now is another one.
            return;
        }
        let is_asked = self.is_asked();
        self.handshake.take().into_iter().for_each(cancel_outside);
        network().with(|network| network.ends.remove(&(self.life.host, self.number)));
        let is_closed = self.is_closed();
        let pipes = self.out.take().zip(self.into.take());
        let Some((out, into)) = pipes.filter(|_| self.life.is_alive()) else {
            return self.free_pair();
        };
        // It may have failed in this very step, which the program is told at the next turn.
        if is_closed || out.borrow().is_abandoned() {
            out.borrow_mut().abandon();
            return self.free_pair();
        }
        if is_asked {
            // A request dies without a word, as who listens does. Source: Linux,
            // `inet_csk_listen_stop`.
            return self.free_pair();
        }
        let resets = !self.received.is_empty() || !self.is_accepted || self.resets_when_dropped;
        let sends_end = !resets && !self.is_finished;
        let vanishes = match sends_end {
            true => {
                let sending = at_sending(self.life, self.owner, THE_END, self.location);
                sending == Sending::Vanishes
            }
            false => is_falling(self.life),
        };
        if vanishes || resets {
            self.free_pair();
            // If it vanishes, what it sent may not have left: the other side must not take this
            // for the end of it.
            if resets && !vanishes || resets_when_falling(self.life) == Some(true) {
                reset(&out);
            }
            out.borrow_mut().abandon();
            return check_persist_timer(&into);
        }
        let side = out.borrow().sender;
        let answers_end = if sends_end { self.is_at_end } else { self.answers_end };
        leave(Orphan::new(self.pair, answers_end, Rc::clone(&out), into));
        if sends_end {
            push(&out, Segment::Finish);
        }
        settle(side);
    }
}

impl End {
    /// Lets its two addresses be those of another connection.
    fn free_pair(&self) {
        let number = self.number;
        network().with(|network| network.free_pair(number, self.pair.local, self.pair.remote));
    }
}
