//! Queues.

use std::any::Any;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use seedloop::{Error, Result};

use super::super::program::{self, Number};
use super::body::{Flow, Scope};
use super::value::{Incomparable, Value};

/// The order of values in a priority queue: Python's, in which truth values are numbers.
///
/// What has no order unwinds with [`Incomparable`]. That leaves the queue as CPython's exception
/// leaves it: an item that was being put stays where the heap had moved it, and counts for nothing;
/// one that was being taken is lost.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |value: &Value| match value {
            Value::Bool(truth) => Some(Number::Int(i64::from(*truth))),
            Value::Number(number) => Some(number.clone()),
            _ => None,
        };
        if let (Value::Text(a), Value::Text(b)) = (self, other) {
            return a.cmp(b);
        }
        match (number(self), number(other)) {
            (Some(a), Some(b)) => a.compare(&b),
            _ => resume_unwind(Box::new(Incomparable)),
        }
    }
}
impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Value {}

/// The error that a comparison has unwound with.
fn incomparable(panic: Box<dyn Any + Send>) -> Error {
    match panic.downcast::<Incomparable>() {
        Ok(error) => Error::new(*error),
        Err(panic) => resume_unwind(panic),
    }
}

/// Does something at which items may be compared.
fn comparing<T, E>(action: impl FnOnce() -> Result<T, E>) -> Result<T>
where
    Error: From<E>,
{
    let result = catch_unwind(AssertUnwindSafe(action)).map_err(incomparable)?;
    Ok(result?)
}

/// Waits for something at which items may be compared.
async fn comparing_while<T, E>(wait: impl Future<Output = Result<T, E>>) -> Result<T>
where
    Error: From<E>,
{
    let mut wait = pin!(wait);
    let poll = |context: &mut std::task::Context<'_>| match catch_unwind(AssertUnwindSafe(|| {
        wait.as_mut().poll(context)
    })) {
        Ok(poll) => poll.map(|result| Ok(result?)),
        Err(panic) => Poll::Ready(Err(incomparable(panic))),
    };
    std::future::poll_fn(poll).await
}

impl Scope<'_> {
    pub(super) async fn put(self, var: &str, written: &program::Value) -> Result<Flow> {
        let value = Value::from(written);
        comparing_while(self.queue(var)?.put(value.clone())).await?;
        self.log(format_args!("put {var} {value}"));
        Ok(Flow::Next)
    }

    pub(super) fn put_nowait(self, var: &str, written: &program::Value) -> Result<()> {
        let value = Value::from(written);
        let queue = self.queue(var)?;
        comparing(|| queue.put_nowait(value.clone()))?;
        self.log(format_args!("put {var} {value}"));
        Ok(())
    }

    pub(super) async fn get_item(self, var: &str) -> Result<Flow> {
        let value = comparing_while(self.queue(var)?.get()).await?;
        self.log(format_args!("get {var} {value}"));
        Ok(Flow::Next)
    }

    pub(super) fn get_nowait(self, var: &str) -> Result<()> {
        let queue = self.queue(var)?;
        let value = comparing(|| queue.get_nowait())?;
        self.log(format_args!("get {var} {value}"));
        Ok(())
    }

    pub(super) fn task_done(self, var: &str) -> Result<()> {
        self.queue(var)?.task_done()?;
        self.log(format_args!("task_done {var}"));
        Ok(())
    }

    pub(super) async fn join(self, var: &str) -> Result<Flow> {
        self.queue(var)?.join().await?;
        self.log(format_args!("joined {var}"));
        Ok(Flow::Next)
    }

    pub(super) fn qsize(self, var: &str) -> Result<()> {
        let size = self.queue(var)?.qsize();
        self.log(format_args!("qsize {var} {size}"));
        Ok(())
    }

    pub(super) fn shutdown(self, var: &str, immediate: bool) -> Result<()> {
        let queue = self.queue(var)?;
        comparing(|| Ok::<_, Error>(queue.shutdown(immediate)))?;
        self.log(format_args!("shutdown {var}"));
        Ok(())
    }
}
