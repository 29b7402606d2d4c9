//! What a task runs: the user's future, with its panics caught, its cancel checked and its end
//! reported.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::base::{Cancelled, Error, Result};
use crate::event_loop::{
    Core, Finished, FutureId, Hot, Order, TaskBody, TaskId, TaskMeta, Value, catch, describe,
    finish, finish_ended, hot, with,
};

pin_project! {
    /// What a task runs.
    pub(super) struct Body<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F> Body<F> {
    pub(super) fn new(future: F) -> Self {
        Body { future: Some(future) }
    }
}

impl<F, T> TaskBody for Body<F>
where
    F: Future<Output = Result<T>>,
    T: 'static,
{
    fn poll(self: Pin<&mut Self>, own: &TaskMeta, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if hot() != Hot::PLAIN {
            let task = own.task();
            let order = with(|core| core.tasks.get(task).map_or(Order::Kill, |cell| cell.order));
            if order != Order::Run {
                let panicked = catch(|| this.future.set(None)).err();
                end_dropped(task, order, panicked.map(Error::new));
                return Poll::Ready(());
            }
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        let result = match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result,
            Err(payload) => Err(Error::new(describe(payload))),
        };
        // What the body holds goes before its callbacks are queued, as CPython's locals do.
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        let result = match dropped {
            // The first failure is the one to tell.
            Err(payload) if result.is_ok() => Err(Error::new(describe(payload))),
            _ => result.map(Value::new),
        };
        end(own, result);
        Poll::Ready(())
    }
}

/// Ends a task with what its body returned.
fn end(own: &TaskMeta, result: Result<Value>) {
    let task = own.task();
    let result = match result {
        Ok(value) => match with(|core| core.end_plainly(own, value)) {
            Ok(ended) => return ended.finish(),
            Err(value) => Ok(value),
        },
        Err(error) => Err(error),
    };
    let (future, finished, unused) = with(|core| {
        let future = core.tasks[task].future;
        let must_cancel = core.take_undelivered(task);
        let (finished, unused) = match result {
            Ok(value) if must_cancel => {
                let message = core.futures[future].message.clone();
                (Finished::Cancelled { saved: None, message }, Some(value))
            }
            Ok(value) => (Finished::Value(value), None),
            Err(error) => (core.finished_by(error), None),
        };
        (future, finished, unused)
    });
    drop(unused);
    finish_task(task, future, finished);
}

/// Ends a task whose body was dropped.
fn end_dropped(task: TaskId, order: Order, panicked: Option<Error>) {
    if order == Order::Kill {
        return;
    }
    let (future, finished) = with(|core| {
        let future = core.tasks[task].future;
        let message = core.futures[future].message.clone();
        let finished = match panicked {
            Some(error) => core.finished_by(error),
            None => {
                core.take_undelivered(task);
                let saved = Some(Cancelled::from_option(message));
                Finished::Cancelled { saved, message: None }
            }
        };
        (future, finished)
    });
    finish_task(task, future, finished);
}

/// Lets a task be done, unless it has to wait for the children of groups that were dropped in it.
fn finish_task(task: TaskId, future: FutureId, finished: Finished) {
    let now = with(|core| {
        // What the loop holds of it is given up after the step.
        core.attention = true;
        let cell = &mut core.tasks[task];
        if cell.adopted() == 0 {
            return Some(finished);
        }
        cell.rare_mut().deferred = Some(finished);
        // There is no body left that a cancel could reach.
        cell.order = Order::DropBody;
        None
    });
    if let Some(finished) = now {
        finish(future, finished);
    }
}

/// The children of a group that was dropped in `task` have ended.
pub(crate) fn release_adopted(task: TaskId) {
    let ended = with(|core| {
        let cell = core.tasks.get_mut(task)?;
        let future = cell.future;
        let rare = cell.rare_mut();
        rare.adopted -= 1;
        let finished = if rare.adopted == 0 { rare.deferred.take() } else { None };
        finished.map(|finished| (future, finished))
    });
    if let Some((future, finished)) = ended {
        finish(future, finished);
        finish_ended(task);
    }
}

impl Core {
    /// Takes a cancel that reached the task and no wait of it.
    fn take_undelivered(&mut self, task: TaskId) -> bool {
        let undelivered = self.step.deliver.is_some() && !self.step.delivered;
        if undelivered {
            self.step.delivered = true;
        }
        self.tasks[task].must_cancel.take().is_some() || undelivered
    }

    /// How a task ends with `error`; what breaks the loop does so at once.
    fn finished_by(&mut self, error: Error) -> Finished {
        if let Some(cancelled) = error.as_cancelled() {
            return Finished::Cancelled { saved: Some(cancelled.clone()), message: None };
        }
        let breaks =
            error.is_fatal() || (error.is::<crate::base::Panicked>() && !self.session.panics_join);
        if breaks {
            self.break_loop(error.clone());
        }
        Finished::Error(error)
    }

    /// Takes one cancel of a task back.
    pub(crate) fn uncancel(&mut self, task: TaskId) -> u32 {
        let Some(cell) = self.tasks.get_mut(task) else { return 0 };
        cell.cancels = cell.cancels.saturating_sub(1);
        if cell.cancels == 0 {
            cell.must_cancel = None;
        }
        cell.cancels
    }
}
