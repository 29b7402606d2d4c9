//! Jobs in pools of threads.

use std::sync::Arc;

use seedloop::{Error, Result, ThreadPool, blocking, running_loop};

use super::super::program::{Outcome, Ticks};
use super::body::{Flow, Scope};
use super::combine::ticks;
use super::value::{Boom, Value};
use super::vars::{Handle, Var};

/// How many jobs the default pool does at a time.
const DEFAULT_WORKERS: usize = 4;

/// A job of a program.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    /// The pool's variable; none for the default pool.
    pub(super) pool: Option<&'a str>,
    pub(super) tag: &'a str,
    pub(super) duration: Ticks,
    pub(super) outcome: &'a Outcome,
}

impl Scope<'_> {
    fn run_in_executor(self, job: Job<'_>) -> Result<Handle> {
        let event_loop = running_loop()?;
        let pool = match job.pool {
            Some(var) => Some(self.pool(var)?),
            None => {
                if !self.run.has_default_pool.replace(true) {
                    event_loop.set_default_executor(&ThreadPool::with_workers(DEFAULT_WORKERS)?)?;
                }
                None
            }
        };
        let (transcript, duration) = (Arc::clone(&self.run.transcript), ticks(job.duration)?);
        let (who, tag) = (job.pool.unwrap_or("default").to_owned(), job.tag.to_owned());
        let outcome = match job.outcome {
            Outcome::Value(value) => Ok(Value::from(value)),
            Outcome::Raise(message) => Err(Error::new(Boom(message.clone()))),
        };
        let work = move || {
            transcript.log(&who, format_args!("start {tag}"));
            blocking::sleep(duration);
            transcript.log(&who, format_args!("end {tag}"));
            outcome
        };
        Ok(Handle::plain(event_loop.run_in_executor(pool.as_deref(), work)?))
    }

    pub(super) fn store_job(self, job: Job<'_>, var: &str) -> Result<()> {
        let future = self.run_in_executor(job)?;
        self.set(var, Var::Handle(future));
        Ok(())
    }

    pub(super) async fn await_job(self, job: Job<'_>) -> Result<Flow> {
        let value = self.run_in_executor(job)?.to_future().await?;
        self.log(format_args!("executor -> {value}"));
        Ok(Flow::Next)
    }
}
