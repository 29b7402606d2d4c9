//! The variables of a program.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use seedloop::sync::{Barrier, Condition, Event, Queue};
use seedloop::{Error, JoinHandle, LoopFuture, Result, TaskGroup, ThreadPool, TimerHandle};
use smol_str::SmolStr;

use super::body::Scope;
use super::cycles::{Edge, Node};
use super::sync::Holdable;
use super::value::Value;

/// All variables, by name.
pub(super) type Vars = BTreeMap<SmolStr, Var>;

/// What a variable holds.
#[derive(Clone)]
pub(super) enum Var {
    Handle(Handle),
    Timer(Rc<TimerHandle>),
    Group(TaskGroup),
    Holdable(Holdable),
    Event(Event),
    Barrier(Barrier),
    Queue(Queue<Value>),
    Pool(ThreadPool),
}

/// A task or a future.
#[derive(Clone)]
pub(super) enum Handle {
    Task(JoinHandle<Value>, Rc<Node>),
    /// With a node if it is a gathering one.
    Future(LoopFuture<Value>, Option<Rc<Node>>),
}

impl Handle {
    /// A future that passes no cancel on.
    pub(super) fn plain(future: LoopFuture<Value>) -> Self {
        Handle::Future(future, None)
    }

    pub(super) fn node(&self) -> Option<&Rc<Node>> {
        match self {
            Handle::Task(_, node) => Some(node),
            Handle::Future(_, node) => node.as_ref(),
        }
    }

    /// Returns another handle, for whoever takes tasks and futures alike.
    pub(super) fn to_future(&self) -> LoopFuture<Value> {
        match self {
            Handle::Task(task, _) => task.clone().into_future_handle(),
            Handle::Future(future, _) => future.clone(),
        }
    }

    pub(super) fn edge(&self) -> Option<Edge> {
        let node = Rc::clone(self.node()?);
        Some(Edge { future: Some(self.to_future()), node })
    }
}

impl Deref for Handle {
    type Target = LoopFuture<Value>;

    fn deref(&self) -> &LoopFuture<Value> {
        match self {
            Handle::Task(task, _) => task,
            Handle::Future(future, _) => future,
        }
    }
}

/// A statement names a variable that is not set.
#[derive(Debug)]
pub(super) struct Undefined(pub(super) SmolStr);

impl std::fmt::Display for Undefined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "undefined {}", self.0)
    }
}
impl std::error::Error for Undefined {}

impl Var {
    /// What it is, for the error of a program that takes it for something else.
    fn what(&self) -> &'static str {
        match self {
            Var::Handle(Handle::Task(..)) => "a task",
            Var::Handle(Handle::Future(..)) => "a future",
            Var::Timer(_) => "a timer",
            Var::Group(_) => "a task group",
            Var::Holdable(Holdable::Lock(_)) => "a lock",
            Var::Holdable(Holdable::Condition(_)) => "a condition",
            Var::Holdable(Holdable::Semaphore(_) | Holdable::BoundedSemaphore(_)) => "a semaphore",
            Var::Event(_) => "an event",
            Var::Barrier(_) => "a barrier",
            Var::Queue(_) => "a queue",
            Var::Pool(_) => "a pool",
        }
    }
}

impl Scope<'_> {
    /// Looks a variable up. To be called before a statement does anything else.
    ///
    /// # Errors
    ///
    /// [`Undefined`] if it is not set; the program is refused if `pick` does not take it.
    pub(super) fn get<T>(
        self,
        name: &str,
        wanted: &str,
        pick: impl FnOnce(&Var) -> Option<T>,
    ) -> Result<T> {
        let vars = self.run.vars.borrow();
        let Some(var) = vars.get(name) else {
            return Err(Error::new(Undefined(name.into())));
        };
        pick(var).ok_or_else(|| {
            self.refuse(format_args!("{name} is {}, and {wanted} is needed", var.what()))
        })
    }

    /// Sets a variable.
    pub(super) fn set(self, name: &str, var: Var) {
        self.run.set(name, var);
    }

    pub(super) fn handle(self, name: &str) -> Result<Handle> {
        self.get(name, "a task or future", |var| match var {
            Var::Handle(handle) => Some(handle.clone()),
            _ => None,
        })
    }

    pub(super) fn task(self, name: &str) -> Result<JoinHandle<Value>> {
        self.get(name, "a task", |var| match var {
            Var::Handle(Handle::Task(task, _)) => Some(task.clone()),
            _ => None,
        })
    }

    pub(super) fn timer(self, name: &str) -> Result<Rc<TimerHandle>> {
        self.get(name, "a timer", |var| match var {
            Var::Timer(timer) => Some(Rc::clone(timer)),
            _ => None,
        })
    }

    pub(super) fn group(self, name: &str) -> Result<TaskGroup> {
        self.get(name, "a task group", |var| match var {
            Var::Group(group) => Some(group.clone()),
            _ => None,
        })
    }

    pub(super) fn holdable(self, name: &str) -> Result<Holdable> {
        self.get(name, "a lock, condition or semaphore", |var| match var {
            Var::Holdable(holdable) => Some(holdable.clone()),
            _ => None,
        })
    }

    pub(super) fn condition(self, name: &str) -> Result<Condition> {
        self.get(name, "a condition", |var| match var {
            Var::Holdable(Holdable::Condition(condition)) => Some(condition.clone()),
            _ => None,
        })
    }

    pub(super) fn event(self, name: &str) -> Result<Event> {
        self.get(name, "an event", |var| match var {
            Var::Event(event) => Some(event.clone()),
            _ => None,
        })
    }

    pub(super) fn barrier(self, name: &str) -> Result<Barrier> {
        self.get(name, "a barrier", |var| match var {
            Var::Barrier(barrier) => Some(barrier.clone()),
            _ => None,
        })
    }

    pub(super) fn queue(self, name: &str) -> Result<Queue<Value>> {
        self.get(name, "a queue", |var| match var {
            Var::Queue(queue) => Some(queue.clone()),
            _ => None,
        })
    }

    pub(super) fn pool(self, name: &str) -> Result<ThreadPool> {
        self.get(name, "a pool", |var| match var {
            Var::Pool(pool) => Some(pool.clone()),
            _ => None,
        })
    }
}
