//! Who waits for whom, to refuse programs whose tasks await each other in a cycle.
//!
//! A cancel that would go round in a cycle ends the run, which is CPython's `RecursionError`. A run
//! that is stuck is not cancelled by us, as CPython's runner would; so its cycles are looked for.

use std::cell::RefCell;
use std::rc::Rc;

use super::body::Scope;
use super::run::Run;
use super::value::Value;
use super::vars::Handle;
use seedloop::LoopFuture;

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
    pub(super) fn wait_for_handle(self, handle: &Handle) -> Waiting<'a> {
        let (Some(task), Some(node)) = (self.task, handle.node()) else {
            return Waiting { waiter: None };
        };
        // A task that awaits itself is told so, and goes on.
        if handle.done() || Rc::ptr_eq(task, node) {
            return Waiting { waiter: None };
        }
        let edge = Edge { future: Some(handle.to_future()), node: Rc::clone(node) };
        *task.waits_for.borrow_mut() = vec![edge];
        Waiting { waiter: Some(task) }
    }
}

impl Run {
    /// Makes the node of a task.
    pub(super) fn new_task(&self) -> Rc<Node> {
        let node = Rc::new(Node::default());
        self.tasks.borrow_mut().push(Rc::clone(&node));
        node
    }

    /// Tells whether there are tasks that await each other in a cycle.
    pub(super) fn has_cycle(&self) -> bool {
        let tasks = self.tasks.borrow();
        let (mut path, mut clear) = (Vec::new(), Vec::new());
        tasks.iter().any(|task| is_on_cycle(task, &mut path, &mut clear))
    }
}

/// Tells whether a path from `node` comes back to itself or to one of `path`. The nodes in `clear`
/// are known to lead nowhere.
fn is_on_cycle(node: &Rc<Node>, path: &mut Vec<Rc<Node>>, clear: &mut Vec<Rc<Node>>) -> bool {
    let is_in = |nodes: &[Rc<Node>]| nodes.iter().any(|other| Rc::ptr_eq(node, other));
    if is_in(clear) {
        return false;
    }
    if is_in(path) {
        return true;
    }
    path.push(Rc::clone(node));
    let waits_for = node.waits_for.borrow();
    let pending =
        waits_for.iter().filter(|edge| edge.future.as_ref().is_none_or(|future| !future.done()));
    let found = pending.into_iter().any(|edge| is_on_cycle(&edge.node, path, clear));
    path.pop();
    clear.push(Rc::clone(node));
    found
}
