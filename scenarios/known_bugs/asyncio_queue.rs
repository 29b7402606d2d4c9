//! What asyncio's queues lost, as their algorithms were then.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use seedloop::{LoopFuture, Result, create_future, run, spawn};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};
use super::asyncio_sync::{Waiters, cancel_later};

pub(super) const BUGS: &[KnownBug] = &[
    KnownBug {
        name: "aio-queue-getter",
        source: "bpo-23812; python/asyncio#256",
        summary: "an item is handed to a getter that is cancelled before it runs, and is lost",
        size: 1,
        body: || run(getter(Broken)),
        fixed: || run(getter(Fixed)),
    },
    KnownBug {
        name: "aio-queue-putter",
        source: "python/asyncio#269, \"entirely symmetrical\"",
        summary: "a free place is shown to a putter that is cancelled; no other putter hears of it",
        size: 1,
        body: || run(putter(Broken)),
        fixed: || run(putter(Fixed)),
    },
];

/// The getters' side of `asyncio.Queue`, as of Python 3.4.3 and as of 3.5.1.
#[derive(Clone, Default)]
struct Getting {
    items: Rc<RefCell<VecDeque<u32>>>,
    /// Futures that get an item as their result.
    handed: Rc<RefCell<VecDeque<LoopFuture<u32>>>>,
    /// Futures that are only woken.
    getters: Waiters,
}

impl Getting {
    fn put(&self, item: u32, version: Version) -> Result<()> {
        if version == Broken {
            self.handed.borrow_mut().retain(|getter| !getter.done());
            if let Some(getter) = self.handed.borrow_mut().pop_front() {
                return getter.set_result(item);
            }
        }
        self.items.borrow_mut().push_back(item);
        self.getters.wake_next()
    }

    async fn get(&self, version: Version) -> Result<u32> {
        loop {
            if let Some(item) = self.items.borrow_mut().pop_front() {
                return Ok(item);
            }
            match version {
                Broken => {
                    let getter = create_future()?;
                    self.handed.borrow_mut().push_back(getter.clone());
                    return getter.await;
                }
                Fixed => {
                    if let Err(cancelled) = self.getters.wait().await {
                        if !self.items.borrow().is_empty() {
                            self.getters.wake_next()?;
                        }
                        return Err(cancelled);
                    }
                }
            }
        }
    }
}

async fn getter(version: Version) -> Result<()> {
    let (queue, got) = (Getting::default(), Rc::new(RefCell::new(0)));
    let one = {
        let (queue, got) = (queue.clone(), got.clone());
        spawn(async move {
            *got.borrow_mut() = queue.get(version).await?;
            Ok(())
        })
    };
    cancel_later(&one);
    let filled = queue.clone();
    spawn(async move { filled.put(7, version) }).await?;
    if one.await.is_err() {
        *got.borrow_mut() = queue.get(version).await?;
    }
    assert_eq!(*got.borrow(), 7, "another item");
    Ok(())
}

/// The putters' side of a queue with one place.
#[derive(Clone, Default)]
struct Putting {
    item: Rc<RefCell<Option<u32>>>,
    putters: Waiters,
}

impl Putting {
    async fn put(&self, item: u32, version: Version) -> Result<()> {
        while self.item.borrow().is_some() {
            if let Err(cancelled) = self.putters.wait().await {
                if version == Fixed && self.item.borrow().is_none() {
                    self.putters.wake_next()?;
                }
                return Err(cancelled);
            }
        }
        *self.item.borrow_mut() = Some(item);
        Ok(())
    }

    fn get_nowait(&self) -> Result<Option<u32>> {
        let item = self.item.borrow_mut().take();
        self.putters.wake_next()?;
        Ok(item)
    }
}

async fn putter(version: Version) -> Result<()> {
    let queue = Putting::default();
    queue.put(0, version).await?;
    let put = |item| {
        let queue = queue.clone();
        spawn(async move { queue.put(item, version).await })
    };
    let [one, other] = [1, 2].map(put);
    cancel_later(&one);
    let emptied = queue.clone();
    let first = spawn(async move { emptied.get_nowait() }).await?;
    assert_eq!(first, Some(0), "another item");
    if one.await.is_ok() {
        queue.get_nowait()?;
    }
    other.await
}
