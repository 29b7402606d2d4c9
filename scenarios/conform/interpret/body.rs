//! Bodies: what a coroutine, a generator or a callback does, statement by statement.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;

use seedloop::{Co, Error, Result, Timeout};

use super::super::program::Stmt;
use super::super::stack::NESTING_MAX;
use super::cycles::Node;
use super::pools::Job;
use super::run::{Run, over};
use super::transcript::Mark;
use super::value::{Shown, Value};
use super::vars::Undefined;

/// How a statement or block ends, if not with an error.
pub(super) enum Flow {
    /// The next statement follows.
    Next,
    /// The body returns.
    Return(Value),
}

/// A block of statements that is being run. Boxed, since blocks stand inside blocks.
pub(super) type Block<'a> = Pin<Box<dyn Future<Output = Result<Flow>> + 'a>>;

/// What surrounds a statement.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) run: &'a Rc<Run>,
    /// The label of the body.
    pub(super) who: &'a Rc<str>,
    /// The task in which the body runs; none for a callback.
    pub(super) task: Option<&'a Rc<Node>>,
    /// What `reraise` raises.
    pub(super) caught: Option<&'a Error>,
    /// The innermost timeout of the body.
    pub(super) timeout: Option<&'a Timeout>,
    /// What `yield` yields with.
    pub(super) co: Option<&'a Co<Value>>,
    /// How many blocks and calls in place are under way around it.
    pub(super) depth: usize,
}

/// A coroutine object.
pub(super) struct Call {
    run: Rc<Run>,
    /// The position of its function in the program.
    function: usize,
    who: Rc<str>,
    /// The task that it runs in; none if a callback calls it.
    task: Option<Rc<Node>>,
    depth: usize,
}

impl Call {
    /// One that becomes a task.
    pub(super) fn new(run: &Rc<Run>, name: &str, who: Rc<str>, task: &Rc<Node>) -> Self {
        Self::within(run, name, who, Some(task), 0)
    }

    /// One that runs in place, in so many blocks and calls.
    pub(super) fn within(
        run: &Rc<Run>,
        name: &str,
        who: Rc<str>,
        task: Option<&Rc<Node>>,
        depth: usize,
    ) -> Self {
        run.count_coroutine();
        let mut functions = run.program.coros.iter();
        let function = functions.position(|function| function.name == name);
        let function = function.expect("a program that was checked names only what it has");
        Call { run: Rc::clone(run), function, who, task: task.cloned(), depth }
    }
}

/// Runs a coroutine.
pub(super) async fn coroutine(call: Call) -> Result<Value> {
    let scope = Scope {
        run: &call.run,
        who: &call.who,
        task: call.task.as_ref(),
        caught: None,
        timeout: None,
        co: None,
        depth: call.depth,
    };
    scope.body(&call.run.program.coros[call.function].body).await
}

impl<'a> Scope<'a> {
    /// Runs the body of a coroutine or generator.
    pub(super) async fn body(self, statements: &'a [Stmt]) -> Result<Value> {
        match self.block(statements).await {
            Ok(Flow::Return(value)) => Ok(value),
            Ok(Flow::Next) => {
                self.log(format_args!("return null"));
                Ok(Value::Null)
            }
            Err(error) => {
                self.log(format_args!("raise {}", Shown(&error)));
                Err(error)
            }
        }
    }

    /// Runs a block of statements.
    pub(super) fn block(self, statements: &'a [Stmt]) -> Block<'a> {
        let inner = Scope { depth: self.depth + 1, ..self };
        Box::pin(inner.statements(statements))
    }

    async fn statements(self, statements: &'a [Stmt]) -> Result<Flow> {
        self.run.count_block();
        if self.depth > NESTING_MAX {
            let what = format_args!("blocks and calls nest deeper than {NESTING_MAX} levels");
            return Err(self.refuse(what));
        }
        for statement in statements {
            if self.run.is_over() {
                return self.stay().await;
            }
            self.run.transcript.mark(Mark::Begin(statement.op()));
            let result = match self.instant(statement) {
                Some(result) => result,
                None => self.waiting(statement).await,
            };
            self.run.transcript.mark(match &result {
                Ok(_) => Mark::End(statement.op()),
                Err(_) => Mark::Fail(statement.op()),
            });
            match result {
                Ok(Flow::Next) => {}
                Ok(flow) => return Ok(flow),
                Err(_) if self.run.is_over() => return self.stay().await,
                Err(error) => match error.downcast_ref() {
                    Some(Undefined(name)) => self.log(format_args!("undefined {name}")),
                    None => return Err(error),
                },
            }
        }
        Ok(Flow::Next)
    }

    /// Stays here for ever: the run is over.
    pub(super) async fn stay(self) -> Result<Flow> {
        std::future::pending().await
    }

    /// Runs a statement at which the task may be suspended.
    async fn waiting(self, statement: &'a Stmt) -> Result<Flow> {
        match statement {
            Stmt::Sleep { t } => self.sleep(*t).await,
            Stmt::Call { coro } => self.call(coro).await,
            Stmt::Await { var } => self.await_handle(var).await,
            Stmt::Repeat { n, body } => self.repeat(*n, body).await,
            Stmt::Try { body, handlers, finally } => {
                Box::pin(self.try_block(body, handlers, finally.as_deref())).await
            }
            Stmt::Gather { of, return_exceptions, .. } => {
                self.await_gather(of, *return_exceptions).await
            }
            Stmt::Shield { item, .. } => self.await_shield(item).await,
            Stmt::WaitFor { item, timeout } => Box::pin(self.wait_for(item, timeout.0)).await,
            Stmt::Wait { of, when, timeout } => self.wait(of, *when, timeout.0).await,
            Stmt::AsCompleted { of, timeout } => self.as_completed(of, timeout.0).await,
            Stmt::Timeout { t, body } => Box::pin(self.timeout_block(t.0, body)).await,
            Stmt::TaskGroup { var, body } => Box::pin(self.group_block(var, body)).await,
            Stmt::With { var, body } => Box::pin(self.with_block(var, body)).await,
            Stmt::Acquire { var } => self.acquire(var).await,
            Stmt::EventWait { var } => self.event_wait(var).await,
            Stmt::CondWait { var } => self.condition_wait(var).await,
            Stmt::BarrierWait { var } => self.barrier_wait(var).await,
            Stmt::BarrierAbort { var } => self.barrier_abort(var).await,
            Stmt::BarrierReset { var } => self.barrier_reset(var).await,
            Stmt::Put { var, value } => self.put(var, value).await,
            Stmt::Get { var } => self.get_item(var).await,
            Stmt::Join { var } => self.join(var).await,
            Stmt::RunInExecutor { pool, tag, dur, outcome, .. } => {
                let job = Job { pool: pool.0.as_deref(), tag, duration: *dur, outcome };
                self.await_job(job).await
            }
            Stmt::Yield { value } => self.yield_value(value).await,
            Stmt::AsyncFor { generator, limit, aclose, body } => {
                Box::pin(self.async_for(generator, limit.0, *aclose, body)).await
            }
            // The others take no time: `instant` has run them.
            _ => unreachable!("seedloop bug: `{}` was run twice", statement.op()),
        }
    }

    /// Prints a line.
    pub(super) fn log(self, text: fmt::Arguments<'_>) {
        self.run.log(self.who, text);
    }

    /// Ends the run of a malformed program.
    pub(super) fn refuse(self, problem: impl fmt::Display) -> Error {
        self.run.refuse(format!("{}: {problem}", self.who));
        over()
    }
}
