//! Items of a queue: none lost, none doubled, in the queue's order; nobody waits for an item or for
//! room that is there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::Result;
use seedloop::sync::{GetError, LifoQueue, PriorityQueue, PutError, Queue, QueueError};

use super::check::Way;
use super::scenario::{Count, Pause, Subject, check_subject, pause};

#[derive(Clone, Copy, Debug)]
enum Order {
    Fifo,
    Lifo,
    Priority,
}

#[derive(Clone, Debug)]
struct Setup {
    order: Order,
    maxsize: usize,
}

#[derive(Clone, Debug)]
enum Op {
    /// With this priority.
    Put(u8),
    PutNowait(u8),
    Get,
    GetNowait,
    /// Gets an item, works on it for a while, then says that it is done.
    Work(Pause),
    TaskDone,
    Join,
    Shutdown {
        immediate: bool,
    },
}

/// Its priority and a number of its own.
type Item = (u8, u32);

/// A queue and what must be in it.
#[derive(Clone)]
struct Queues {
    queue: Queue<Item>,
    order: Order,
    items: Rc<RefCell<Vec<Item>>>,
    made: Rc<Cell<u32>>,
    unfinished: Rc<Cell<usize>>,
    /// How often all was done.
    all_done: Rc<Cell<u32>>,
    getters: Count,
    putters: Count,
    joiners: Count,
}

impl Queues {
    fn make(&self, priority: u8) -> Item {
        self.made.set(self.made.get() + 1);
        (priority, self.made.get())
    }

    fn has_put(&self, item: Item) {
        let mut items = self.items.borrow_mut();
        items.push(item);
        self.unfinished.set(self.unfinished.get() + 1);
        let maxsize = self.queue.maxsize();
        assert!(maxsize == 0 || items.len() <= maxsize, "{} items in {maxsize}", items.len());
    }

    /// An item came out: it must be the one whose turn it is.
    fn has_got(&self, item: Item) {
        let mut items = self.items.borrow_mut();
        let next = match self.order {
            _ if items.is_empty() => panic!("{item:?} is not in the queue"),
            Order::Fifo => 0,
            Order::Lifo => items.len() - 1,
            Order::Priority => {
                (0..items.len()).min_by_key(|at| items[*at]).expect("it is not empty")
            }
        };
        assert_eq!(items.remove(next), item, "the wrong item");
    }

    fn count_done(&self, items: usize) {
        self.unfinished.set(self.unfinished.get() - items);
        if self.unfinished.get() == 0 {
            self.all_done.set(self.all_done.get() + 1);
        }
    }

    async fn put(&self, priority: u8) -> Result<()> {
        let item = self.make(priority);
        let waiting = self.putters.enter();
        let result = self.queue.put(item).await;
        drop(waiting);
        match result {
            Ok(()) => self.has_put(item),
            Err(QueueError::ShutDown) => assert!(self.queue.is_shut_down()),
            Err(QueueError::Cancelled(cancelled)) => return Err(cancelled.into()),
        }
        Ok(())
    }

    fn put_nowait(&self, priority: u8) {
        let item = self.make(priority);
        let full = self.queue.full();
        match self.queue.put_nowait(item) {
            Ok(()) => self.has_put(item),
            Err(PutError::Full) => assert!(full),
            Err(PutError::ShutDown) => assert!(self.queue.is_shut_down()),
        }
    }

    /// Returns none when the queue is shut down.
    async fn get(&self) -> Result<Option<Item>> {
        let waiting = self.getters.enter();
        let result = self.queue.get().await;
        drop(waiting);
        match result {
            Ok(item) => {
                self.has_got(item);
                Ok(Some(item))
            }
            Err(QueueError::ShutDown) => {
                assert!(self.queue.is_shut_down() && self.items.borrow().is_empty());
                Ok(None)
            }
            Err(QueueError::Cancelled(cancelled)) => Err(cancelled.into()),
        }
    }

    fn get_nowait(&self) {
        match self.queue.get_nowait() {
            Ok(item) => self.has_got(item),
            Err(error) => {
                assert!(self.items.borrow().is_empty());
                assert_eq!(error == GetError::ShutDown, self.queue.is_shut_down());
            }
        }
    }

    fn task_done(&self) {
        let may = self.unfinished.get() > 0;
        assert_eq!(self.queue.task_done().is_ok(), may, "task_done");
        if may {
            self.count_done(1);
        }
    }

    async fn join(&self) -> Result<()> {
        let (before, begun_done) = (self.all_done.get(), self.unfinished.get() == 0);
        let waiting = self.joiners.enter();
        self.queue.join().await?;
        drop(waiting);
        let done = begun_done || self.all_done.get() > before;
        assert!(done, "joined with {} unfinished", self.unfinished.get());
        Ok(())
    }
}

impl Subject for Queues {
    type Setup = Setup;
    type Op = Op;
    type Own = ();

    fn new(&Setup { order, maxsize }: &Setup, _way: Way) -> Self {
        let queue = match order {
            Order::Fifo => Queue::new(maxsize),
            Order::Lifo => LifoQueue::new(maxsize).into(),
            Order::Priority => PriorityQueue::new(maxsize).into(),
        };
        Queues {
            queue,
            order,
            items: Rc::default(),
            made: Rc::default(),
            unfinished: Rc::default(),
            all_done: Rc::default(),
            getters: Count::default(),
            putters: Count::default(),
            joiners: Count::default(),
        }
    }

    fn own(&self, _task: usize) {}

    async fn perform(&self, (): &mut (), op: &Op) -> Result<()> {
        match *op {
            Op::Put(priority) => self.put(priority).await?,
            Op::PutNowait(priority) => self.put_nowait(priority),
            Op::Get => _ = self.get().await?,
            Op::GetNowait => self.get_nowait(),
            Op::Work(pause) => {
                if self.get().await?.is_some() {
                    pause.wait().await?;
                    self.task_done();
                }
            }
            Op::TaskDone => self.task_done(),
            Op::Join => self.join().await?,
            Op::Shutdown { immediate } => {
                self.queue.shutdown(immediate);
                if immediate {
                    let dropped = std::mem::take(&mut *self.items.borrow_mut()).len();
                    self.count_done(dropped.min(self.unfinished.get()));
                }
            }
        }
        Ok(())
    }

    fn holds(&self) {
        assert_eq!(self.queue.qsize(), self.items.borrow().len(), "items were lost or doubled");
    }

    fn quiet(&self) {
        self.holds();
        let (putters, getters) = (self.putters.get(), self.getters.get());
        let (items, shut_down) = (self.items.borrow().len(), self.queue.is_shut_down());
        assert!(!shut_down || putters + getters == 0, "somebody waits after the shutdown");
        assert!(items == 0 || getters == 0, "{getters} wait for one of {items} items");
        assert!(putters == 0 || self.queue.full(), "{putters} wait for room that is there");
        let (joiners, unfinished) = (self.joiners.get(), self.unfinished.get());
        assert!(joiners == 0 || unfinished > 0, "{joiners} wait for what is done");
    }

    async fn finish(&self) -> Result<()> {
        while !self.queue.empty() {
            assert!(self.get().await?.is_some());
        }
        assert_eq!(*self.items.borrow(), [], "items were lost");
        while self.unfinished.get() > 0 {
            self.task_done();
        }
        self.join().await?;
        if !self.queue.is_shut_down() {
            self.put(0).await?;
            assert!(self.get().await?.is_some());
        }
        Ok(self.holds())
    }
}

#[test]
fn items_are_neither_lost_nor_doubled() {
    let order = prop_oneof![Just(Order::Fifo), Just(Order::Lifo), Just(Order::Priority)];
    let setup = (order, 0..4_usize).prop_map(|(order, maxsize)| Setup { order, maxsize });
    let op = prop_oneof![
        8 => (0..3_u8).prop_map(Op::Put),
        3 => (0..3_u8).prop_map(Op::PutNowait),
        8 => Just(Op::Get),
        2 => Just(Op::GetNowait),
        6 => pause().prop_map(Op::Work),
        2 => Just(Op::TaskDone),
        2 => Just(Op::Join),
        1 => any::<bool>().prop_map(|immediate| Op::Shutdown { immediate }),
    ];
    check_subject::<Queues>(setup, op);
}
