//! Control flow.

use seedloop::{Cancelled, Elapsed, Error, Result, attempt, sleep};
use std::rc::Rc;

use super::super::program::{CatchKind, Handler, RaiseKind, Stmt, Ticks};
use super::body::{Call, Flow, Scope, coroutine};
use super::combine::ticks;
use super::value::{Boom, Shown};

/// So many parts a label may have, CALLER/NAME/NAME and so on.
const CALLS_MAX: usize = 500;

/// Makes a new error.
pub(super) fn raised(kind: RaiseKind, message: &str) -> Error {
    match kind {
        RaiseKind::Boom => Error::new(Boom(message.into())),
        RaiseKind::Cancelled => Error::new(Cancelled::with_message(message)),
    }
}

fn catches(kind: CatchKind, error: &Error) -> bool {
    match kind {
        CatchKind::Cancelled => error.is_cancelled(),
        CatchKind::Boom => error.is::<Boom>(),
        CatchKind::Timeout => error.is::<Elapsed>(),
        CatchKind::Group => error.as_group().is_some(),
        CatchKind::Exception => error.is_exception(),
        CatchKind::Base => true,
    }
}

impl<'a> Scope<'a> {
    pub(super) async fn sleep(self, t: Ticks) -> Result<Flow> {
        sleep(ticks(t)?).await?;
        self.log(format_args!("slept {t}"));
        Ok(Flow::Next)
    }

    pub(super) async fn call(self, name: &str) -> Result<Flow> {
        let value = coroutine(self.callee(name)).await?;
        self.log(format_args!("call {name} -> {value}"));
        Ok(Flow::Next)
    }

    /// A coroutine object that runs in this task.
    pub(super) fn callee(self, name: &str) -> Call {
        Call::within(self.run, name, self.label_of(name), self.task, self.depth)
    }

    /// The label of something that runs in place.
    pub(super) fn label_of(self, name: &str) -> Rc<str> {
        // A label that is no longer than that cannot have so many parts.
        if self.who.len() > CALLS_MAX && self.who.matches('/').count() > CALLS_MAX {
            self.run
                .refuse(format!("calls nest deeper than {CALLS_MAX} levels, the last of {name}"));
        }
        format!("{}/{name}", self.who).into()
    }

    pub(super) async fn repeat(self, times: u64, body: &'a [Stmt]) -> Result<Flow> {
        for _ in 0..times {
            if self.run.is_over() {
                // A body without statements does not look.
                return self.stay().await;
            }
            if let Flow::Return(value) = self.block(body).await? {
                return Ok(Flow::Return(value));
            }
        }
        Ok(Flow::Next)
    }

    pub(super) async fn try_block(
        self,
        body: &'a [Stmt],
        handlers: &'a [Handler],
        finally: Option<&'a [Stmt]>,
    ) -> Result<Flow> {
        let result = self.handled(body, handlers).await;
        let Some(finally) = finally else { return result };
        self.log(format_args!("finally"));
        // While an exception passes through `finally`, it is the one that `raise` raises again.
        let caught = result.as_ref().err().or(self.caught);
        match (Scope { caught, ..self }).block(finally).await? {
            Flow::Next => result,
            // A return replaces whatever was under way.
            flow => Ok(flow),
        }
    }

    async fn handled(self, body: &'a [Stmt], handlers: &'a [Handler]) -> Result<Flow> {
        let result = match self.task {
            Some(_) => attempt(self.block(body)).await,
            // The library's blocks are for tasks. In a callback nobody can be cancelled anyway.
            None => self.block(body).await,
        };
        let error = match result {
            Ok(flow) => return Ok(flow),
            Err(error) => error,
        };
        let Some(handler) = handlers.iter().find(|handler| catches(handler.catch, &error)) else {
            return Err(error);
        };
        self.log(format_args!("caught {}", Shown(&error)));
        Scope { caught: Some(&error), ..self }.block(&handler.body).await
    }

    pub(super) fn reraise(self) -> Error {
        self.caught.cloned().expect("a program that was checked raises again only what it caught")
    }
}
