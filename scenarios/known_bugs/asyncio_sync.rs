//! Wake-ups that asyncio's primitives lost, as their algorithms were then.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use seedloop::sync::Lock;
use seedloop::{JoinHandle, LoopFuture, Result, create_future, run, spawn};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};

pub(super) const BUGS: &[KnownBug] = &[
    KnownBug {
        name: "aio-sem-cancel",
        source: "python/asyncio#270; cpython#90155",
        summary: "a semaphore wakes a waiter that is cancelled before it runs; no other is woken",
        size: 1,
        body: || run(semaphore(Broken)),
        fixed: || run(semaphore(Fixed)),
    },
    KnownBug {
        name: "aio-cond-cancel",
        source: "cpython#112202",
        summary: "a condition tells a waiter that is cancelled before it runs; no other is told",
        size: 0,
        body: || run(condition(Broken)),
        fixed: || run(condition(Fixed)),
    },
];

/// Waiters in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct Waiters {
    futures: Rc<RefCell<BTreeMap<u32, LoopFuture<()>>>>,
}

impl Waiters {
    /// Waits until woken, and leaves the line in any case.
    pub(super) async fn wait(&self) -> Result<()> {
        let future = create_future()?;
        let last = self.futures.borrow().last_key_value().map(|(number, _)| *number);
        let number = last.map_or(0, |last| last + 1);
        self.futures.borrow_mut().insert(number, future.clone());
        let woken = future.await;
        self.futures.borrow_mut().remove(&number);
        woken
    }

    /// Wakes the first one that was not woken yet.
    pub(super) fn wake_next(&self) -> Result<()> {
        let first = self.futures.borrow().values().find(|future| !future.done()).cloned();
        first.map_or(Ok(()), |future| future.set_result(()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.futures.borrow().is_empty()
    }
}

/// `asyncio.Semaphore`, as of Python 3.5.0 and as of 3.5.1.
#[derive(Clone, Default)]
struct Semaphore {
    value: Rc<RefCell<u32>>,
    waiters: Waiters,
}

impl Semaphore {
    async fn acquire(&self, version: Version) -> Result<()> {
        match version {
            Broken => {
                if !self.waiters.is_empty() || *self.value.borrow() == 0 {
                    self.waiters.wait().await?;
                }
            }
            Fixed => {
                while *self.value.borrow() == 0 {
                    if let Err(cancelled) = self.waiters.wait().await {
                        if *self.value.borrow() > 0 {
                            self.waiters.wake_next()?;
                        }
                        return Err(cancelled);
                    }
                }
            }
        }
        *self.value.borrow_mut() -= 1;
        Ok(())
    }

    fn release(&self) -> Result<()> {
        *self.value.borrow_mut() += 1;
        self.waiters.wake_next()
    }
}

async fn semaphore(version: Version) -> Result<()> {
    let semaphore = Semaphore::default();
    let acquire = |_| {
        let semaphore = semaphore.clone();
        spawn(async move {
            semaphore.acquire(version).await?;
            semaphore.release()
        })
    };
    let [one, other] = [0, 1].map(acquire);
    cancel_later(&one);
    let released = semaphore.clone();
    spawn(async move { released.release() }).await?;
    // Cancelled, or done before it was.
    let _ = one.await;
    other.await
}

/// Lets another task cancel `task`.
pub(super) fn cancel_later(task: &JoinHandle<()>) {
    let task = task.clone();
    spawn(async move {
        task.cancel();
        Ok(())
    });
}

/// `asyncio.Condition`, as of Python 3.12 and as of 3.13.
#[derive(Clone, Default)]
struct Condition {
    lock: Lock,
    waiters: Waiters,
}

impl Condition {
    /// Gives the lock up meanwhile, and takes it back even when it is cancelled.
    async fn wait(&self, version: Version) -> Result<()> {
        self.lock.release()?;
        let mut woken = self.waiters.wait().await;
        while let Err(cancelled) = self.lock.acquire().await {
            woken = Err(cancelled.into());
        }
        if version == Fixed && woken.is_err() {
            self.waiters.wake_next()?;
        }
        woken
    }

    fn notify(&self) -> Result<()> {
        self.waiters.wake_next()
    }
}

async fn condition(version: Version) -> Result<()> {
    let (condition, items) = (Condition::default(), Rc::new(RefCell::new(0)));
    let consume = |_| {
        let (condition, items) = (condition.clone(), items.clone());
        spawn(async move {
            let guard = condition.lock.lock().await?;
            let mut waited = Ok(());
            while waited.is_ok() && *items.borrow() == 0 {
                waited = condition.wait(version).await;
            }
            if waited.is_ok() {
                *items.borrow_mut() -= 1;
            }
            // Not the acquisition that it stood for: the wait has given that up.
            guard.release()?;
            waited
        })
    };
    let [one, other] = [0, 1].map(consume);
    let produce = async |condition: Condition, items: Rc<RefCell<u32>>| -> Result<()> {
        let _guard = condition.lock.lock().await?;
        *items.borrow_mut() += 1;
        condition.notify()
    };
    let produced = spawn(produce(condition.clone(), items.clone()));
    cancel_later(&one);
    produced.await?;
    if one.await.is_ok() {
        // It was faster than its cancel, so the other one needs an item of its own.
        produce(condition, items).await?;
    }
    other.await
}
