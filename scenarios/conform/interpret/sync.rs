//! Locks, events, conditions, semaphores, barriers.

use seedloop::error::ValueError;
use seedloop::sync::{
    Barrier, BoundedSemaphore, Condition, Event, LifoQueue, Lock, PriorityQueue, Queue, Semaphore,
};
use seedloop::{Error, Result, ThreadPool};

use super::super::program::{Object, Stmt};
use super::body::{Flow, Scope};
use super::vars::Var;

/// What `async with` takes, and `acquire`, `release` and `locked`.
#[derive(Clone)]
pub(super) enum Holdable {
    Lock(Lock),
    Condition(Condition),
    Semaphore(Semaphore),
    BoundedSemaphore(BoundedSemaphore),
}

impl Holdable {
    async fn acquire(&self) -> Result<()> {
        Ok(match self {
            Holdable::Lock(lock) => lock.acquire().await?,
            Holdable::Condition(condition) => condition.acquire().await?,
            Holdable::Semaphore(semaphore) => semaphore.acquire().await?,
            Holdable::BoundedSemaphore(semaphore) => semaphore.acquire().await?,
        })
    }

    fn release(&self) -> Result<()> {
        Ok(match self {
            Holdable::Lock(lock) => lock.release()?,
            Holdable::Condition(condition) => condition.release()?,
            Holdable::Semaphore(semaphore) => semaphore.release(),
            Holdable::BoundedSemaphore(semaphore) => semaphore.release()?,
        })
    }
}

/// A number that must not be negative. The library's own types rule that out where Python raises.
fn count(number: i64, what: &str) -> Result<usize> {
    usize::try_from(number).map_err(|_| Error::new(ValueError::new(format!("{what} is negative"))))
}

/// The maximal size of a queue: Python takes negative ones for none, as 0.
fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

impl<'a> Scope<'a> {
    pub(super) fn new_object(self, object: Object, var: &str) -> Result<()> {
        let made = match object {
            Object::Lock => Var::Holdable(Holdable::Lock(Lock::new())),
            Object::Event => Var::Event(Event::new()),
            Object::Condition => Var::Holdable(Holdable::Condition(Condition::new())),
            Object::Semaphore(value) => {
                let semaphore = Semaphore::new(count(value, "the value of a semaphore")?);
                Var::Holdable(Holdable::Semaphore(semaphore))
            }
            Object::BoundedSemaphore(value) => {
                let semaphore = BoundedSemaphore::new(count(value, "the value of a semaphore")?);
                Var::Holdable(Holdable::BoundedSemaphore(semaphore))
            }
            Object::Barrier(parties) => {
                Var::Barrier(Barrier::new(count(parties, "the number of parties")?)?)
            }
            Object::Queue(limit) => Var::Queue(Queue::new(size(limit))),
            Object::LifoQueue(limit) => Var::Queue(LifoQueue::new(size(limit)).into()),
            Object::PriorityQueue(limit) => Var::Queue(PriorityQueue::new(size(limit)).into()),
            Object::ThreadPool(workers) => {
                let workers = count(workers, "the number of workers")?;
                Var::Pool(ThreadPool::with_workers(workers)?)
            }
        };
        self.set(var, made);
        Ok(())
    }

    pub(super) async fn with_block(self, var: &str, body: &'a [Stmt]) -> Result<Flow> {
        let holdable = self.holdable(var)?;
        let inside = async || {
            self.log(format_args!("acquired {var}"));
            self.block(body).await
        };
        let flow = match &holdable {
            // The library's blocks are for tasks.
            holdable if self.task.is_none() => {
                holdable.acquire().await?;
                let result = inside().await;
                holdable.release()?;
                result?
            }
            Holdable::Lock(lock) => lock.scope(inside).await?,
            Holdable::Condition(condition) => condition.scope(inside).await?,
            Holdable::Semaphore(semaphore) => semaphore.scope(inside).await?,
            Holdable::BoundedSemaphore(semaphore) => semaphore.scope(inside).await?,
        };
        if let Flow::Next = flow {
            self.log(format_args!("released {var}"));
        }
        Ok(flow)
    }

    pub(super) async fn acquire(self, var: &str) -> Result<Flow> {
        self.holdable(var)?.acquire().await?;
        self.log(format_args!("acquired {var}"));
        Ok(Flow::Next)
    }

    pub(super) fn release(self, var: &str) -> Result<()> {
        self.holdable(var)?.release()?;
        self.log(format_args!("released {var}"));
        Ok(())
    }

    pub(super) fn locked(self, var: &str) -> Result<()> {
        let locked = match self.holdable(var)? {
            Holdable::Lock(lock) => lock.locked(),
            Holdable::Condition(condition) => condition.locked(),
            Holdable::Semaphore(semaphore) => semaphore.locked(),
            Holdable::BoundedSemaphore(semaphore) => semaphore.locked(),
        };
        self.log(format_args!("locked {var} {locked}"));
        Ok(())
    }

    pub(super) fn event_set(self, var: &str) -> Result<()> {
        self.event(var)?.set();
        self.log(format_args!("set {var}"));
        Ok(())
    }

    pub(super) fn event_clear(self, var: &str) -> Result<()> {
        self.event(var)?.clear();
        self.log(format_args!("clear {var}"));
        Ok(())
    }

    pub(super) async fn event_wait(self, var: &str) -> Result<Flow> {
        self.event(var)?.wait().await?;
        self.log(format_args!("event {var}"));
        Ok(Flow::Next)
    }

    pub(super) async fn condition_wait(self, var: &str) -> Result<Flow> {
        self.condition(var)?.wait().await?;
        self.log(format_args!("notified {var}"));
        Ok(Flow::Next)
    }

    pub(super) fn notify(self, var: &str, n: Option<u64>) -> Result<()> {
        let condition = self.condition(var)?;
        match n {
            None => condition.notify_all()?,
            Some(n) => condition.notify(usize::try_from(n).unwrap_or(usize::MAX))?,
        }
        self.log(format_args!("notify {var}"));
        Ok(())
    }

    pub(super) async fn barrier_wait(self, var: &str) -> Result<Flow> {
        let index = self.barrier(var)?.wait().await?;
        self.log(format_args!("barrier {var} {index}"));
        Ok(Flow::Next)
    }

    pub(super) async fn barrier_abort(self, var: &str) -> Result<Flow> {
        self.barrier(var)?.abort().await?;
        self.log(format_args!("abort {var}"));
        Ok(Flow::Next)
    }

    pub(super) async fn barrier_reset(self, var: &str) -> Result<Flow> {
        self.barrier(var)?.reset().await?;
        self.log(format_args!("reset {var}"));
        Ok(Flow::Next)
    }
}
