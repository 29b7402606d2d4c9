//! Cancels that asyncio swallowed, as its algorithms were then.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::{
    Error, JoinHandle, LoopFuture, Result, create_future, current_task, run, spawn, wait_for,
};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};
use super::asyncio_sync::cancel_later;

pub(super) const BUGS: &[KnownBug] = &[
    KnownBug {
        name: "aio-wait-for-swallows",
        source: "cpython#86296 (bpo-42130)",
        summary: "wait_for returns the result of what is done, and forgets that it was cancelled",
        size: 0,
        body: || run(wait_for_swallows(Broken)),
        fixed: || run(wait_for_swallows(Fixed)),
    },
    KnownBug {
        name: "aio-groups-forget",
        source: "cpython#116720",
        summary: "an inner group raises its own errors, and forgets the outer one's cancel",
        size: 0,
        body: || run(nested_groups(Broken)),
        fixed: || run(nested_groups(Fixed)),
    },
];

/// `asyncio.wait_for`, as of Python 3.8 to 3.11, with a timeout that never comes.
async fn wait_for_of_then(future: LoopFuture<()>) -> Result<()> {
    let waiter = create_future()?;
    let released = waiter.clone();
    let callback = future.add_done_callback(move |_| {
        if !released.done() {
            released.set_result(())?;
        }
        Ok(())
    })?;
    if let Err(cancelled) = waiter.await {
        if future.done() {
            return future.await;
        }
        future.remove_done_callback(callback);
        future.cancel();
        return Err(cancelled);
    }
    future.await
}

async fn wait_for_swallows(version: Version) -> Result<()> {
    let [one, never] = [create_future()?, create_future()?];
    let task = {
        let one = one.clone();
        spawn(async move {
            for future in [one, never] {
                match version {
                    Broken => wait_for_of_then(future).await?,
                    Fixed => wait_for(future, None::<Duration>).await?,
                }
            }
            Ok(())
        })
    };
    cancel_later(&task);
    spawn(async move {
        if !one.done() {
            one.set_result(())?;
        }
        Ok(())
    })
    .await?;
    // Whenever the cancel came, the second wait is never over without it.
    let ended = task.await;
    assert!(ended.is_err(), "the task ends by its cancel only");
    Ok(())
}

/// `asyncio.TaskGroup`, as of Python 3.12 and as of 3.13.
#[derive(Clone)]
struct Group {
    parent: JoinHandle<()>,
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    children: Vec<JoinHandle<()>>,
    running: usize,
    is_aborting: bool,
    has_cancelled_parent: bool,
    error: Option<Error>,
    all_done: Option<LoopFuture<()>>,
}

impl Group {
    fn new() -> Result<Self> {
        let parent = current_task()?.expect("a group is made in a task");
        Ok(Group { parent, state: Rc::default() })
    }

    fn spawn(&self, body: impl Future<Output = Result<()>> + 'static) -> Result<()> {
        let (child, group) = (spawn(body), self.clone());
        child.add_done_callback(move |child| group.child_ended(&child))?;
        let mut state = self.state.borrow_mut();
        state.running += 1;
        state.children.push(child);
        Ok(())
    }

    fn child_ended(&self, child: &LoopFuture<()>) -> Result<()> {
        let mut state = self.state.borrow_mut();
        state.running -= 1;
        let all_done = if state.running == 0 { state.all_done.take() } else { None };
        let error = if child.cancelled() { None } else { child.exception()? };
        let is_first = error.is_some() && !state.is_aborting && !state.has_cancelled_parent;
        state.error = state.error.take().or(error);
        state.has_cancelled_parent |= is_first;
        drop(state);
        if let Some(all_done) = all_done.filter(|all_done| !all_done.done()) {
            all_done.set_result(())?;
        }
        if is_first {
            self.abort();
            self.parent.cancel();
        }
        Ok(())
    }

    fn abort(&self) {
        self.state.borrow_mut().is_aborting = true;
        let children = self.state.borrow().children.clone();
        for child in children {
            child.cancel();
        }
    }

    /// Takes the group's own cancel of the parent back; tells whether none is left.
    fn takes_all_cancels_back(&self) -> bool {
        self.state.borrow().has_cancelled_parent && self.parent.uncancel() == 0
    }

    /// The end of the `async with` block, whose body ended so.
    async fn exit(&self, body: Result<()>, version: Version) -> Result<()> {
        let mut cancelled = body.clone().err().filter(Error::is_cancelled);
        if version == Broken && self.takes_all_cancels_back() {
            cancelled = None;
        }
        if body.is_err() && !self.state.borrow().is_aborting {
            self.abort();
        }
        while self.state.borrow().running > 0 {
            let all_done = create_future()?;
            self.state.borrow_mut().all_done = Some(all_done.clone());
            if let Err(error) = all_done.await
                && !self.state.borrow().is_aborting
            {
                cancelled = Some(error);
                self.abort();
            }
        }
        if version == Fixed && self.takes_all_cancels_back() {
            cancelled = None;
        }
        let error = self.state.borrow_mut().error.take();
        match (error, cancelled, body) {
            (Some(error), ..) => {
                if version == Fixed && self.parent.cancelling() > 0 {
                    // What others asked for is still to come.
                    self.parent.uncancel();
                    self.parent.cancel();
                }
                Err(error)
            }
            (None, Some(cancelled), _) => Err(cancelled),
            (None, None, Err(error)) if !error.is_cancelled() => Err(error),
            _ => Ok(()),
        }
    }
}

async fn nested_groups(version: Version) -> Result<()> {
    let outer = Group::new()?;
    let fails = create_future()?;
    let (of_outer, of_inner) = (fails.clone(), fails.clone());
    outer.spawn(async move {
        of_outer.await?;
        Err(Error::msg("the outer child failed"))
    })?;
    let body = async {
        let inner = Group::new()?;
        inner.spawn(async move {
            of_inner.await?;
            Err(Error::msg("the inner child failed"))
        })?;
        fails.set_result(())?;
        // What the inner group raises is dealt with; only the outer group's cancel ends the rest.
        if let Err(error) = inner.exit(Ok(()), version).await
            && error.is_cancelled()
        {
            return Err(error);
        }
        create_future::<()>()?.await
    };
    let body = body.await;
    let ended = outer.exit(body, version).await;
    assert!(ended.is_err(), "the outer child's failure is lost");
    Ok(())
}
