//! Who waits for whom, to refuse programs whose tasks await each other in a cycle.
//!
//! CPython finds these by running out of stack: cancelling one of the tasks comes back to it.

use std::cell::RefCell;
use std::rc::Rc;

use super::body::Scope;
use super::value::Value;
use super::vars::Handle;
use seedloop::{LoopFuture, Result};

/// A task, or a gathering future: something that passes its cancel on to what it waits for.
#[derive(Default)]
pub(super) struct Node {
    waits_for: RefCell<Vec<Edge>>,
}

/// Something that is waited for.
#[derive(Clone)]
pub(super) struct Edge {
    /// None for a task to which the program has no handle.
    pub(super) future: Option<LoopFuture<Value>>,
    pub(super) node: Rc<Node>,
}

impl Node {
    /// A gathering future of these.
    pub(super) fn gathering(children: Vec<Edge>) -> Rc<Self> {
        Rc::new(Node { waits_for: RefCell::new(children) })
    }

    /// Tells whether a cancel of this would reach `other`.
    fn reaches(self: &Rc<Self>, other: &Rc<Self>) -> bool {
        Rc::ptr_eq(self, other)
            || self.waits_for.borrow().iter().any(|edge| {
                let done = edge.future.as_ref().is_some_and(|future| future.done());
                !done && edge.node.reaches(other)
            })
    }
}

/// The wait of a task, for as long as it lives.
pub(super) struct Waiting<'a> {
    waiter: Option<&'a Node>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            waiter.waits_for.borrow_mut().clear();
        }
    }
}

impl<'a> Scope<'a> {
    /// Takes note that the running task is going to wait for `handle`.
    ///
    /// # Errors
    ///
    /// The program is refused if that closes a cycle, unless it is that of a task that awaits
    /// itself, which asyncio recognises.
    pub(super) fn wait_for_handle(self, handle: &Handle) -> Result<Waiting<'a>> {
        let (Some(task), Some(node)) = (self.task, handle.node()) else {
            return Ok(Waiting { waiter: None });
        };
        if handle.done() || Rc::ptr_eq(task, node) {
            return Ok(Waiting { waiter: None });
        }
        if node.reaches(task) {
            return Err(self.refuse("tasks await each other in a cycle"));
        }
        *task.waits_for.borrow_mut() =
            vec![Edge { future: Some(handle.to_future()), node: Rc::clone(node) }];
        Ok(Waiting { waiter: Some(task) })
    }
}
