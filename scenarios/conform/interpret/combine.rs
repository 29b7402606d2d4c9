//! Combinators: gather, shield, wait and their kin.

use std::rc::Rc;
use std::time::Duration;

use seedloop::{
    Result, ReturnWhen, TaskGroup, as_completed, gather_into, gather_return_exceptions_into,
    running_loop, shield, spawn, timeout, wait, wait_for,
};
use smol_str::SmolStr;

use super::super::program::{Item, Stmt, Ticks, When};
use super::body::{Call, Flow, Scope, coroutine};
use super::cycles::{Edge, Node};
use super::value::{Boom, Value};
use super::vars::{Handle, Var};

/// The time of a run ends here, and what would come later ends the run as malformed. The library's
/// own clock goes on a little longer.
pub(super) const TICKS_MAX: Ticks = 18_000_000_000;

/// A tick is a second: the runner's patience with the default pool is 300 of them.
pub(super) fn ticks(count: Ticks) -> Result<Duration> {
    /// So many more the library's clock has room for.
    const FEW: Ticks = 100_000_000;
    if count <= FEW {
        return Ok(Duration::from_secs(count));
    }
    let now = running_loop()?.time().since_start().as_secs();
    Ok(Duration::from_secs(count.min(TICKS_MAX.saturating_sub(now))))
}

impl<'a> Scope<'a> {
    /// A coroutine object that becomes a task of its own.
    fn task_of(self, name: &str) -> (Call, Rc<Node>) {
        let node = self.run.new_task();
        (Call::new(self.run, name, self.label_of(name), &node), node)
    }

    fn gather(self, of: &[Item], return_exceptions: bool) -> Result<Handle> {
        // All variables are looked up before a coroutine is created.
        let known = of.iter().map(|item| match item {
            Item::Task(var) => self.handle(var).map(Some),
            Item::Coro(_) => Ok(None),
        });
        let known: Vec<Option<Handle>> = known.collect::<Result<_>>()?;
        let mut edges = Vec::new();
        let future = if known.iter().any(Option::is_some) {
            // Awaitables of several types: the coroutines become tasks here, and not in `gather`.
            let of_each = of.iter().zip(known).map(|(item, known)| match (item, known) {
                (_, Some(handle)) => {
                    edges.extend(handle.edge());
                    handle.to_future()
                }
                (Item::Coro(name) | Item::Task(name), None) => {
                    let (call, node) = self.task_of(name);
                    let task = spawn(coroutine(call)).into_future_handle();
                    edges.push(Edge { future: Some(task.clone()), node });
                    task
                }
            });
            let futures: Vec<_> = of_each.collect();
            match return_exceptions {
                false => gather_into(futures),
                true => gather_return_exceptions_into(futures),
            }
        } else {
            let coroutines = of.iter().map(|item| {
                let (Item::Coro(name) | Item::Task(name)) = item;
                let (call, node) = self.task_of(name);
                edges.push(Edge { future: None, node });
                coroutine(call)
            });
            let coroutines: Vec<_> = coroutines.collect();
            match return_exceptions {
                false => gather_into(coroutines),
                true => gather_return_exceptions_into(coroutines),
            }
        };
        Ok(Handle::Future(future, Some(Node::gathering(edges))))
    }

    pub(super) fn store_gather(self, of: &[Item], all: bool, var: &str) -> Result<()> {
        let gathering = self.gather(of, all)?;
        self.set(var, Var::Handle(gathering));
        Ok(())
    }

    pub(super) async fn await_gather(self, of: &[Item], all: bool) -> Result<Flow> {
        let gathering = self.gather(of, all)?;
        let waiting = self.wait_for_handle(&gathering);
        let value = gathering.to_future().await?;
        drop(waiting);
        self.log(format_args!("gather -> {value}"));
        Ok(Flow::Next)
    }

    fn shield(self, item: &Item) -> Result<Handle> {
        Ok(match item {
            Item::Coro(name) => Handle::plain(shield(coroutine(self.task_of(name).0))),
            Item::Task(var) => {
                let inner = self.handle(var)?;
                let was_done = inner.done();
                let shielded = shield(inner.to_future());
                // One that is done is its own shield, and stays what it is: a task or a future.
                if was_done { inner } else { Handle::plain(shielded) }
            }
        })
    }

    pub(super) fn store_shield(self, item: &Item, var: &str) -> Result<()> {
        let shielded = self.shield(item)?;
        self.set(var, Var::Handle(shielded));
        Ok(())
    }

    pub(super) async fn await_shield(self, item: &Item) -> Result<Flow> {
        let shielded = match item {
            Item::Coro(name) => shield(coroutine(self.task_of(name).0)),
            Item::Task(var) => shield(self.handle(var)?.to_future()),
        };
        let value = shielded.await?;
        self.log(format_args!("shield -> {value}"));
        Ok(Flow::Next)
    }

    pub(super) async fn wait_for(self, item: &Item, limit: Option<Ticks>) -> Result<Flow> {
        let limit = limit.map(ticks).transpose()?;
        let value = match item {
            Item::Coro(name) => wait_for(coroutine(self.callee(name)), limit).await?,
            Item::Task(var) => {
                let handle = self.handle(var)?;
                let _waiting = self.wait_for_handle(&handle);
                match handle {
                    Handle::Task(task, _) => wait_for(task, limit).await?,
                    Handle::Future(future, _) => wait_for(future, limit).await?,
                }
            }
        };
        self.log(format_args!("wait_for -> {value}"));
        Ok(Flow::Next)
    }

    pub(super) async fn wait(
        self,
        of: &[SmolStr],
        when: When,
        limit: Option<Ticks>,
    ) -> Result<Flow> {
        let handles: Vec<Handle> = of.iter().map(|var| self.handle(var)).collect::<Result<_>>()?;
        let any = handles.iter().map(|handle| handle.as_any());
        let when = match when {
            When::AllCompleted => ReturnWhen::AllCompleted,
            When::FirstCompleted => ReturnWhen::FirstCompleted,
            When::FirstException => ReturnWhen::FirstException,
        };
        let limit = limit.map(ticks).transpose()?;
        let (done, pending) = wait(any, when).timeout(limit).await?;
        let names_in = |futures: &[seedloop::AnyFuture]| {
            let named = of.iter().zip(&handles);
            let mut names: Vec<&str> = named
                .filter(|(_, handle)| futures.contains(&handle.as_any()))
                .map(|(name, _)| name.as_str())
                .collect();
            names.sort_unstable();
            names.dedup();
            names.join(",")
        };
        self.log(format_args!("wait done=[{}] pending=[{}]", names_in(&done), names_in(&pending)));
        Ok(Flow::Next)
    }

    pub(super) async fn as_completed(self, of: &[SmolStr], limit: Option<Ticks>) -> Result<Flow> {
        let futures = of.iter().map(|var| self.handle(var).map(|handle| handle.to_future()));
        let futures: Vec<_> = futures.collect::<Result<_>>()?;
        let mut results = as_completed(futures).timeout(limit.map(ticks).transpose()?);
        while let Some(result) = results.next().await {
            let value = match result {
                Err(error) if error.is::<Boom>() => Value::Error(error),
                result => result?,
            };
            self.log(format_args!("completed {value}"));
        }
        Ok(Flow::Next)
    }

    pub(super) async fn timeout_block(
        self,
        limit: Option<Ticks>,
        body: &'a [Stmt],
    ) -> Result<Flow> {
        let limit = timeout(limit.map(ticks).transpose()?);
        let inside = async |timeout: &_| {
            let timeout = Some(timeout);
            Scope { timeout, ..self }.block(body).await
        };
        if let Flow::Return(value) = limit.clone().scope(inside).await? {
            return Ok(Flow::Return(value));
        }
        self.log(format_args!("timeout exit expired={}", limit.expired()));
        Ok(Flow::Next)
    }

    pub(super) fn reschedule(self, limit: Option<Ticks>) -> Result<()> {
        let now = running_loop()?.time();
        let deadline = limit.map(ticks).transpose()?.map(|limit| now + limit);
        self.timeout
            .expect("a program that was checked has a timeout around")
            .reschedule(deadline)?;
        self.log(format_args!("reschedule"));
        Ok(())
    }

    pub(super) async fn group_block(self, var: &str, body: &'a [Stmt]) -> Result<Flow> {
        let inside = async |group: &TaskGroup| {
            self.set(var, Var::Group(group.clone()));
            self.block(body).await
        };
        if let Flow::Return(value) = TaskGroup::new().scope(inside).await? {
            return Ok(Flow::Return(value));
        }
        self.log(format_args!("taskgroup exit {var}"));
        Ok(Flow::Next)
    }

    pub(super) fn spawn_in_group(self, group: &str, var: &str, name: &str) -> Result<()> {
        let group = self.group(group)?;
        let node = self.run.new_task();
        let task = group.spawn(coroutine(Call::new(self.run, name, var.into(), &node)))?;
        self.set(var, Var::Handle(Handle::Task(task, node)));
        self.log(format_args!("spawn {var}"));
        Ok(())
    }
}
