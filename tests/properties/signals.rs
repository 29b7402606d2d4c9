//! Channels for one value: a oneshot's arrives once or never, a watch's latest is never missed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::Result;
use seedloop::sync::oneshot::{self, TryRecvError};
use seedloop::sync::watch;

use super::check::Way;
use super::scenario::{Count, Inside, Subject, check_subject};

/// What a sender does, and what a receiver does in its place. Every other task is a sender.
#[derive(Clone, Debug)]
enum Op {
    SendOrRecv,
    /// Of a watch: sends without a change, or waits for this value.
    SendNothingOrWaitFor(u32),
    WaitClosedOrTryRecv,
    /// Drops the half, or closes it.
    DropOrClose,
    Drop,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::SendOrRecv),
        2 => (1..5_u32).prop_map(Op::SendNothingOrWaitFor),
        2 => Just(Op::WaitClosedOrTryRecv),
        1 => Just(Op::DropOrClose),
        1 => Just(Op::Drop),
    ]
}

/// What must be true of one oneshot.
#[derive(Default)]
struct Pair {
    sender_gone: Cell<bool>,
    /// The receiver is gone or closed.
    closed: Cell<bool>,
    sent: Cell<bool>,
    received: Cell<bool>,
    receiving: Count,
    waiting_closed: Count,
}

#[derive(Clone)]
struct Oneshots {
    pairs: Rc<RefCell<Vec<Rc<Pair>>>>,
    /// The receiver for the task that comes next.
    next: Rc<RefCell<Option<oneshot::Receiver<u32>>>>,
}

struct OneshotHalf {
    pair: Rc<Pair>,
    sender: Option<oneshot::Sender<u32>>,
    receiver: Option<oneshot::Receiver<u32>>,
}

impl OneshotHalf {
    /// Drops what there is.
    fn end(&mut self) {
        if self.sender.take().is_some() {
            self.pair.sender_gone.set(true);
        }
        if self.receiver.take().is_some() {
            self.pair.closed.set(true);
        }
    }

    fn send(&mut self) {
        let Some(sender) = self.sender.take() else { return };
        let sent = sender.send(7).is_ok();
        self.pair.sender_gone.set(true);
        self.pair.sent.set(sent);
        assert_eq!(sent, !self.pair.closed.get(), "a value was sent to nobody, or refused");
    }

    async fn recv(&mut self) {
        let Some(receiver) = &mut self.receiver else { return };
        let waiting = self.pair.receiving.enter();
        let result = receiver.await;
        drop(waiting);
        self.has_received(result.map_err(|_| TryRecvError::Closed));
    }

    fn has_received(&self, result: Result<u32, TryRecvError>) {
        let Pair { sent, received, .. } = &*self.pair;
        let there = sent.get() && !received.get();
        match result {
            Ok(value) => {
                assert!(there && value == 7, "a value that was not sent");
                received.set(true);
            }
            Err(error) => {
                assert!(!there, "a value was lost");
                let ended = self.pair.sender_gone.get() || self.pair.closed.get();
                assert_eq!(error == TryRecvError::Closed, ended, "{error}");
            }
        }
    }
}

impl Drop for OneshotHalf {
    fn drop(&mut self) {
        self.end();
    }
}

impl Subject for Oneshots {
    type Setup = ();
    type Op = Op;
    type Own = OneshotHalf;

    fn new((): &(), _way: Way) -> Self {
        Oneshots { pairs: Rc::default(), next: Rc::default() }
    }

    fn own(&self, task: usize) -> OneshotHalf {
        let mut pairs = self.pairs.borrow_mut();
        if task % 2 == 1 {
            let pair = pairs[task / 2].clone();
            return OneshotHalf { pair, sender: None, receiver: self.next.take() };
        }
        let (sender, receiver) = oneshot::channel();
        self.next.replace(Some(receiver));
        let pair = Rc::new(Pair::default());
        pairs.push(pair.clone());
        OneshotHalf { pair, sender: Some(sender), receiver: None }
    }

    fn begun(&self) {
        if self.next.take().is_some() {
            self.pairs.borrow().last().expect("a pair").closed.set(true);
        }
    }

    async fn perform(&self, own: &mut OneshotHalf, op: &Op) -> Result<()> {
        match op {
            Op::SendOrRecv | Op::SendNothingOrWaitFor(_) if own.sender.is_some() => own.send(),
            Op::SendOrRecv | Op::SendNothingOrWaitFor(_) => own.recv().await,
            Op::WaitClosedOrTryRecv => {
                if let Some(sender) = &mut own.sender {
                    let waiting = own.pair.waiting_closed.enter();
                    sender.closed().await;
                    drop(waiting);
                    assert!(own.pair.closed.get(), "the receiver is there");
                } else if let Some(receiver) = &mut own.receiver {
                    let result = receiver.try_recv();
                    own.has_received(result);
                }
            }
            Op::DropOrClose => match &mut own.receiver {
                Some(receiver) => {
                    receiver.close();
                    own.pair.closed.set(true);
                }
                None => own.end(),
            },
            Op::Drop => own.end(),
        }
        Ok(())
    }

    fn holds(&self) {}

    fn quiet(&self) {
        for pair in self.pairs.borrow().iter() {
            let Pair { sender_gone, closed, receiving, waiting_closed, .. } = &**pair;
            let gone = sender_gone.get() || closed.get();
            assert!(!gone || receiving.get() == 0, "a receiver waits for nobody");
            assert!(!closed.get() || waiting_closed.get() == 0, "a sender waits for nobody");
        }
    }

    async fn finish(&self) -> Result<()> {
        Ok(())
    }
}

type Halves = (watch::Sender<u32>, watch::Receiver<u32>);

/// The values of a watch are numbers that grow.
#[derive(Clone)]
struct Watches {
    /// What the tasks begin with.
    halves: Rc<RefCell<Option<Halves>>>,
    latest: Rc<Cell<u32>>,
    senders: Count,
    receivers: Count,
    /// The least values that are waited for.
    awaited: Rc<RefCell<Vec<u32>>>,
    waiting_closed: Count,
}

struct WatchHalf {
    sender: Option<(watch::Sender<u32>, Inside)>,
    receiver: Option<(watch::Receiver<u32>, Inside)>,
    /// What the receiver has seen; unknown after a wait that was interrupted.
    seen: Option<u32>,
}

/// Waits for a value of at least so much.
struct Awaiting<'a>(&'a Watches, u32);

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        let mut awaited = self.0.awaited.borrow_mut();
        let at = awaited.iter().position(|least| *least == self.1).expect("it is awaited");
        awaited.swap_remove(at);
    }
}

impl Watches {
    fn wait_for(&self, least: u32) -> Awaiting<'_> {
        self.awaited.borrow_mut().push(least);
        Awaiting(self, least)
    }

    /// What a wait for at least so much ended with.
    fn has_seen(&self, awaiting: Awaiting<'_>, value: Option<u32>) {
        let (least, latest) = (awaiting.1, self.latest.get());
        match value {
            Some(value) => assert!(value >= least && value == latest, "{value} for {least}"),
            None => assert!(self.senders.get() == 0 && latest < least, "no {least} of {latest}"),
        }
    }

    fn send(&self, sender: &watch::Sender<u32>, is_change: bool) {
        let next = self.latest.get() + 1;
        if !is_change {
            assert!(!sender.send_if_modified(|_| false));
        } else if self.receivers.get() > 0 {
            assert!(sender.send(next).is_ok(), "a value was refused");
            self.latest.set(next);
        } else {
            assert!(sender.send(next).is_err(), "a value was sent to nobody");
        }
    }

    async fn perform_as_sender(&self, own: &mut WatchHalf, op: &Op) {
        let Some((sender, _)) = &own.sender else { return };
        match op {
            Op::SendOrRecv => self.send(sender, true),
            Op::SendNothingOrWaitFor(_) => self.send(sender, false),
            Op::WaitClosedOrTryRecv => {
                let waiting = self.waiting_closed.enter();
                sender.closed().await;
                drop(waiting);
                assert_eq!(self.receivers.get(), 0, "there is a receiver");
            }
            Op::DropOrClose | Op::Drop => own.sender = None,
        }
    }

    async fn perform_as_receiver(&self, own: &mut WatchHalf, op: &Op) {
        let Some((receiver, _)) = &mut own.receiver else { return };
        let latest = self.latest.get();
        let has_changed = receiver.has_changed().unwrap_or(false);
        if let Some(seen) = own.seen {
            assert_eq!(has_changed, seen < latest, "seen {seen} of {latest}");
        }
        match op {
            Op::SendOrRecv => {
                let least = if has_changed { latest } else { latest + 1 };
                let awaiting = self.wait_for(least);
                let changed = receiver.changed().await.is_ok();
                self.has_seen(awaiting, changed.then(|| *receiver.borrow()));
                own.seen = Some(self.latest.get());
            }
            Op::SendNothingOrWaitFor(least) => {
                own.seen = None;
                let awaiting = self.wait_for(*least);
                let value = receiver.wait_for(|value| value >= least).await;
                self.has_seen(awaiting, value.ok().map(|value| *value));
                own.seen = Some(self.latest.get());
            }
            Op::WaitClosedOrTryRecv => {
                assert_eq!(*receiver.borrow_and_update(), latest);
                own.seen = Some(latest);
            }
            Op::DropOrClose | Op::Drop => own.receiver = None,
        }
    }
}

impl Subject for Watches {
    type Setup = ();
    type Op = Op;
    type Own = WatchHalf;

    fn new((): &(), _way: Way) -> Self {
        Watches {
            halves: Rc::new(RefCell::new(Some(watch::channel(0)))),
            latest: Rc::default(),
            senders: Count::default(),
            receivers: Count::default(),
            awaited: Rc::default(),
            waiting_closed: Count::default(),
        }
    }

    fn own(&self, task: usize) -> WatchHalf {
        let halves = self.halves.borrow();
        let (sender, receiver) = halves.as_ref().expect("the halves are there to begin with");
        match task % 2 {
            0 => {
                let sender = Some((sender.clone(), self.senders.enter()));
                WatchHalf { sender, receiver: None, seen: None }
            }
            _ => {
                let receiver = Some((receiver.clone(), self.receivers.enter()));
                WatchHalf { sender: None, receiver, seen: Some(0) }
            }
        }
    }

    fn begun(&self) {
        drop(self.halves.take());
    }

    async fn perform(&self, own: &mut WatchHalf, op: &Op) -> Result<()> {
        self.perform_as_sender(own, op).await;
        self.perform_as_receiver(own, op).await;
        Ok(())
    }

    fn holds(&self) {}

    fn quiet(&self) {
        let (latest, awaited) = (self.latest.get(), self.awaited.borrow());
        assert!(awaited.iter().all(|least| *least > latest), "{latest} was missed: {awaited:?}");
        assert!(awaited.is_empty() || self.senders.get() > 0, "a receiver waits for nobody");
        let closed = self.receivers.get() == 0;
        assert!(!closed || self.waiting_closed.get() == 0, "a sender waits for nobody");
    }

    async fn finish(&self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_value_arrives_once() {
    check_subject::<Oneshots>(Just(()), op());
}

#[test]
fn the_latest_value_is_not_missed() {
    check_subject::<Watches>(Just(()), op());
}
