//! Who waits for whom, to refuse programs whose tasks await each other in a cycle.
//!
//! A cancel that would go round in a cycle ends the run, which is CPython's `RecursionError`. A run
//! that is stuck is not cancelled by us, as CPython's runner would; so its cycles are looked for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::body::Scope;
use super::run::Run;
use super::value::Value;
use super::vars::Handle;
use seedloop::{LoopFuture, running_loop};

/// A task, or a gathering future: something that passes its cancel on to what it waits for.
#[derive(Default)]
pub(super) struct Node {
    waits_for: RefCell<Vec<Edge>>,
    mark: Cell<Mark>,
}

/// What the search for a cycle knows of a node.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    New,
    /// It is on the path from the node where the search began.
    OnPath,
    /// No cycle is reached from it.
    Clear,
}

/// Something that is waited for.
#[derive(Clone)]
pub(super) struct Edge {
    /// None for a task to which the program has no handle.
    pub(super) future: Option<LoopFuture<Value>>,
    pub(super) node: Rc<Node>,
}

impl Node {
    /// What it still waits for.
    fn pending(&self) -> Vec<Rc<Node>> {
        let edges = self.waits_for.borrow();
        let is_done = |edge: &Edge| edge.future.as_ref().is_some_and(|future| future.done());
        edges.iter().filter(|edge| !is_done(edge)).map(|edge| Rc::clone(&edge.node)).collect()
    }

    /// A gathering future of these.
    pub(super) fn gathering(children: Vec<Edge>) -> Rc<Self> {
        Rc::new(Node { waits_for: RefCell::new(children), mark: Cell::default() })
    }
}

/// The wait of a task, for as long as it lives; if that ends with the loop, it is kept.
pub(super) struct Waiting<'a> {
    waiter: Option<&'a Node>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter
            && running_loop().is_ok()
        {
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
        self.tasks.borrow().iter().any(leads_to_cycle)
    }
}

/// Tells whether a cycle is reached from `start`. Chains may be long, so this is no recursion.
fn leads_to_cycle(start: &Rc<Node>) -> bool {
    // Each node of the path, with those behind it that are still to be looked at.
    let mut path: Vec<(Rc<Node>, Vec<Rc<Node>>)> = Vec::new();
    let mut next = Some(Rc::clone(start));
    loop {
        if let Some(node) = next.take() {
            match node.mark.get() {
                Mark::OnPath => return true,
                Mark::Clear => {}
                Mark::New => {
                    node.mark.set(Mark::OnPath);
                    let behind = node.pending();
                    path.push((node, behind));
                }
            }
        }
        let Some((node, behind)) = path.last_mut() else { return false };
        next = behind.pop();
        if next.is_none() {
            node.mark.set(Mark::Clear);
            path.pop();
        }
    }
}
