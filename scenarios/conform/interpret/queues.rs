//! Queues.

use std::cell::Cell;
use std::cmp::Ordering;
use std::mem::discriminant;
use std::rc::Rc;

use seedloop::Result;
use seedloop::sync::Queue;

use super::super::program;
use super::body::{Flow, Scope};
use super::value::Value;

/// A queue of any order.
#[derive(Clone)]
pub(super) struct Queued {
    pub(super) queue: Queue<Value>,
    /// For a priority queue.
    pub(super) sorted: Option<Rc<Items>>,
}

/// Which items a priority queue holds.
#[derive(Default)]
pub(super) struct Items {
    sort: Cell<Option<Sort>>,
}

/// Items of different sorts cannot be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Number,
    Text,
    Other,
}

impl Queued {
    pub(super) fn unsorted(queue: Queue<Value>) -> Self {
        Queued { queue, sorted: None }
    }

    /// Tells whether `value` can be compared with what is in the queue.
    fn takes(&self, value: &Value) -> bool {
        let Some(items) = &self.sorted else { return true };
        let sort = match value {
            Value::Bool(_) | Value::Int(_) => Sort::Number,
            Value::Text(_) => Sort::Text,
            _ => Sort::Other,
        };
        let others = items.sort.replace(Some(sort)).filter(|_| !self.queue.empty());
        others.is_none_or(|others| others == sort && sort != Sort::Other)
    }
}

/// The order of values in a priority queue: Python's, in which truth values are numbers.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |value: &Value| match value {
            Value::Bool(truth) => Some(i64::from(*truth)),
            Value::Int(number) => Some(*number),
            _ => None,
        };
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            _ => number(self).cmp(&number(other)),
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
        discriminant(self) == discriminant(other) && self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Value {}

impl Scope<'_> {
    /// The queue in `var`, if it takes `value`.
    fn queue_for(self, var: &str, value: &Value) -> Result<Queue<Value>> {
        let queued = self.queued(var)?;
        match queued.takes(value) {
            true => Ok(queued.queue),
            false => {
                Err(self.refuse(format_args!("{value} can't be compared with the items of {var}")))
            }
        }
    }

    fn queue(self, var: &str) -> Result<Queue<Value>> {
        Ok(self.queued(var)?.queue)
    }

    pub(super) async fn put(self, var: &str, written: &program::Value) -> Result<Flow> {
        let value = Value::from(written);
        self.queue_for(var, &value)?.put(value.clone()).await?;
        self.log(format_args!("put {var} {value}"));
        Ok(Flow::Next)
    }

    pub(super) fn put_nowait(self, var: &str, written: &program::Value) -> Result<()> {
        let value = Value::from(written);
        self.queue_for(var, &value)?.put_nowait(value.clone())?;
        self.log(format_args!("put {var} {value}"));
        Ok(())
    }

    pub(super) async fn get_item(self, var: &str) -> Result<Flow> {
        let value = self.queue(var)?.get().await?;
        self.log(format_args!("get {var} {value}"));
        Ok(Flow::Next)
    }

    pub(super) fn get_nowait(self, var: &str) -> Result<()> {
        let value = self.queue(var)?.get_nowait()?;
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
        self.queue(var)?.shutdown(immediate);
        self.log(format_args!("shutdown {var}"));
        Ok(())
    }
}
