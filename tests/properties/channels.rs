//! Values of a channel: none lost, none doubled, in order; nobody waits for a value or for room
//! that is there, nor for one who is gone.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::Result;
use seedloop::sync::mpsc::{
    self, Receiver, Sender, TryRecvError, TrySendError, UnboundedReceiver, UnboundedSender,
};

use super::check::Way;
use super::scenario::{Count, Subject, check_subject};

/// What the sender does and what the receiver does in its place: task 0 receives.
#[derive(Clone, Debug)]
enum Op {
    SendOrRecv,
    TrySendOrTryRecv,
    WaitClosedOrRecv,
    /// Drops the sender, or closes the channel.
    DropOrClose,
    /// Drops the sender or the receiver.
    Drop,
}

/// A value that counts itself.
type Value = Rc<u32>;

enum Tx {
    Bounded(Sender<Value>),
    Unbounded(UnboundedSender<Value>),
}

enum Rx {
    Bounded(Receiver<Value>),
    Unbounded(UnboundedReceiver<Value>),
}

#[derive(Clone)]
struct Channels {
    /// For how many values there is room; unbounded if 0.
    capacity: usize,
    /// What the tasks begin with.
    senders: Rc<RefCell<Vec<Tx>>>,
    receiver: Rc<RefCell<Option<Rx>>>,
    values: Rc<RefCell<VecDeque<u32>>>,
    /// A clone of each value that was made.
    made: Rc<RefCell<Vec<Value>>>,
    open_senders: Count,
    closed: Rc<Cell<bool>>,
    sending: Count,
    receiving: Count,
    waiting_closed: Count,
}

/// What a task holds of the channel.
struct Own {
    channels: Channels,
    sender: Option<(Tx, super::scenario::Inside)>,
    receiver: Option<Rx>,
}

impl Own {
    fn drop_receiver(&mut self) {
        if self.receiver.take().is_some() {
            self.channels.closed.set(true);
            self.channels.values.borrow_mut().clear();
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.drop_receiver();
    }
}

impl Channels {
    fn make(&self) -> Value {
        let mut made = self.made.borrow_mut();
        let value = Rc::new(made.len() as u32);
        made.push(value.clone());
        value
    }

    async fn send(&self, sender: &Tx) {
        let value = self.make();
        let number = *value;
        let waiting = self.sending.enter();
        let sent = match sender {
            Tx::Bounded(sender) => sender.send(value).await.is_ok(),
            Tx::Unbounded(sender) => sender.send(value).is_ok(),
        };
        drop(waiting);
        // A send that was let in before the channel was closed still counts.
        assert!(sent || self.closed.get(), "refused by an open channel");
        if sent {
            self.values.borrow_mut().push_back(number);
        }
    }

    fn try_send(&self, sender: &Tx) {
        let Tx::Bounded(sender) = sender else { return };
        let value = self.make();
        let number = *value;
        match sender.try_send(value) {
            Ok(()) => self.values.borrow_mut().push_back(number),
            Err(TrySendError::Closed(_)) => assert!(self.closed.get()),
            Err(TrySendError::Full(_)) => {
                let room = self.capacity - self.values.borrow().len();
                assert!(room <= self.sending.get(), "refused although there is room");
            }
        }
    }

    async fn wait_closed(&self, sender: &Tx) {
        let waiting = self.waiting_closed.enter();
        match sender {
            Tx::Bounded(sender) => sender.closed().await,
            Tx::Unbounded(sender) => sender.closed().await,
        }
        drop(waiting);
        assert!(self.closed.get(), "an open channel is said to be closed");
    }

    fn has_received(&self, value: &Value) {
        assert_eq!(self.values.borrow_mut().pop_front(), Some(**value), "the wrong value");
    }

    async fn recv(&self, receiver: &mut Rx) {
        let waiting = self.receiving.enter();
        let value = match receiver {
            Rx::Bounded(receiver) => receiver.recv().await,
            Rx::Unbounded(receiver) => receiver.recv().await,
        };
        drop(waiting);
        match value {
            Some(value) => self.has_received(&value),
            None => self.has_ended(),
        }
    }

    fn try_recv(&self, receiver: &mut Rx) {
        let value = match receiver {
            Rx::Bounded(receiver) => receiver.try_recv(),
            Rx::Unbounded(receiver) => receiver.try_recv(),
        };
        match value {
            Ok(value) => self.has_received(&value),
            Err(TryRecvError::Empty) => assert!(self.values.borrow().is_empty()),
            Err(TryRecvError::Disconnected) => self.has_ended(),
        }
    }

    fn has_ended(&self) {
        assert!(self.values.borrow().is_empty(), "values were lost");
        assert!(self.closed.get() || self.open_senders.get() == 0, "the channel is open");
    }

    fn close(&self, receiver: &mut Rx) {
        match receiver {
            Rx::Bounded(receiver) => receiver.close(),
            Rx::Unbounded(receiver) => receiver.close(),
        }
        self.closed.set(true);
    }
}

impl Subject for Channels {
    type Setup = usize;
    type Op = Op;
    type Own = Own;

    fn new(&capacity: &usize, _way: Way) -> Self {
        let mut senders = Vec::new();
        let receiver = match capacity {
            0 => {
                let (sender, receiver) = mpsc::unbounded_channel();
                senders.extend((0..10).map(|_| Tx::Unbounded(sender.clone())));
                Rx::Unbounded(receiver)
            }
            _ => {
                let (sender, receiver) = mpsc::channel(capacity);
                senders.extend((0..10).map(|_| Tx::Bounded(sender.clone())));
                Rx::Bounded(receiver)
            }
        };
        Channels {
            capacity,
            senders: Rc::new(RefCell::new(senders)),
            receiver: Rc::new(RefCell::new(Some(receiver))),
            values: Rc::default(),
            made: Rc::default(),
            open_senders: Count::default(),
            closed: Rc::default(),
            sending: Count::default(),
            receiving: Count::default(),
            waiting_closed: Count::default(),
        }
    }

    fn own(&self, task: usize) -> Own {
        let receives = task == 0;
        let receiver = if receives { self.receiver.borrow_mut().take() } else { None };
        let sender = if receives { None } else { self.senders.borrow_mut().pop() };
        let sender = sender.map(|sender| (sender, self.open_senders.enter()));
        Own { channels: self.clone(), sender, receiver }
    }

    fn begun(&self) {
        self.senders.borrow_mut().clear();
    }

    async fn perform(&self, own: &mut Own, op: &Op) -> Result<()> {
        if let Some((sender, _)) = &own.sender {
            match op {
                Op::SendOrRecv => self.send(sender).await,
                Op::TrySendOrTryRecv => self.try_send(sender),
                Op::WaitClosedOrRecv => self.wait_closed(sender).await,
                Op::DropOrClose | Op::Drop => own.sender = None,
            }
        } else if let Some(receiver) = &mut own.receiver {
            match op {
                Op::SendOrRecv | Op::WaitClosedOrRecv => self.recv(receiver).await,
                Op::TrySendOrTryRecv => self.try_recv(receiver),
                Op::DropOrClose => self.close(receiver),
                Op::Drop => own.drop_receiver(),
            }
        }
        Ok(())
    }

    fn holds(&self) {
        let values = self.values.borrow().len();
        assert!(self.capacity == 0 || values <= self.capacity, "{values} in {}", self.capacity);
    }

    fn quiet(&self) {
        self.holds();
        let (values, closed) = (self.values.borrow().len(), self.closed.get());
        if self.receiving.get() > 0 {
            assert_eq!(values, 0, "the receiver waits for one of them");
            assert!(!closed && self.open_senders.get() > 0, "the receiver waits for nobody");
        }
        let sending = self.sending.get();
        assert!(sending == 0 || values == self.capacity, "{sending} wait for room that is there");
        assert!(!closed || sending + self.waiting_closed.get() == 0, "some wait for nobody");
        let alive = self.made.borrow().iter().filter(|value| Rc::strong_count(value) > 1).count();
        assert_eq!(alive, values + sending, "values are not where they belong");
    }

    async fn finish(&self) -> Result<()> {
        let left = self.made.borrow().iter().filter(|value| Rc::strong_count(value) > 1).count();
        Ok(assert_eq!(left, 0, "values outlive the channel"))
    }
}

#[test]
fn values_are_neither_lost_nor_doubled() {
    let op = prop_oneof![
        12 => Just(Op::SendOrRecv),
        3 => Just(Op::TrySendOrTryRecv),
        1 => Just(Op::WaitClosedOrRecv),
        1 => Just(Op::DropOrClose),
        1 => Just(Op::Drop),
    ];
    check_subject::<Channels>(0..4_usize, op);
}
