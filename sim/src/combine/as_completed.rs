//! `asyncio.as_completed`: results in the order in which they arrive.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_lite::Stream;

use crate::base::{Elapsed, Error, Result, deadline_after};
use crate::event_loop::{
    Call, CallbackKey, HandleId, Label, LoopId, Shared, WaitId, cancel_handle, drop_call, with,
};
use crate::task::{LoopFuture, WaitUnit, ensure_future};

/// Gives the results of several awaitables in the order in which they arrive:
/// `asyncio.as_completed(aws)`.
///
/// Everything starts at the call: what is not of the loop yet becomes a task, in the order of the
/// arguments. A consumer that waits resumes two hops after one has ended. Dropping the iterator
/// cancels nothing.
///
/// # Panics
///
/// When no loop runs.
///
/// Source: Python docs, asyncio-task, "Waiting Primitives"; CPython 3.13, `_AsCompletedIterator`.
#[track_caller]
pub fn as_completed<I, T, F>(awaitables: I) -> AsCompleted<T>
where
    I: IntoIterator<Item = F>,
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    begin(awaitables, Location::caller())
}

/// The results that arrive: see [`as_completed`].
pub struct AsCompleted<T> {
    state: Shared<State<T>>,
    wait: Option<WaitUnit>,
    left: usize,
    /// What is wrong with one of the awaitables; told in place of the first result.
    refused: Option<Error>,
    location: &'static Location<'static>,
}

struct State<T> {
    /// Those that have not ended, by their place among the arguments, with the callbacks on them.
    todo: BTreeMap<usize, (LoopFuture<T>, CallbackKey)>,
    /// Those that have ended; none is the sentinel of a timeout.
    done: VecDeque<Option<LoopFuture<T>>>,
    getter: Option<WaitId>,
    timer: Option<HandleId>,
}

fn begin<I, T, F>(awaitables: I, location: &'static Location<'static>) -> AsCompleted<T>
where
    I: IntoIterator<Item = F>,
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let owner = with(|core| core.running_loop().or(core.current_loop()));
    let Some(owner) = owner else {
        panic!("no running event loop: call `as_completed` from inside `seedloop::run(..)`");
    };
    let state = Shared::new(
        "as_completed",
        State { todo: BTreeMap::new(), done: VecDeque::new(), getter: None, timer: None },
    );
    let (mut left, mut refused) = (0, None);
    match begin_all(awaitables, owner, &state, location) {
        Ok(begun) => left = begun,
        Err(error) => refused = Some(error),
    }
    AsCompleted { state, wait: None, left, refused, location }
}

/// Begins with each awaitable; returns how many there are, equal ones counted once.
fn begin_all<I, T, F>(
    awaitables: I,
    owner: LoopId,
    state: &Shared<State<T>>,
    location: &'static Location<'static>,
) -> Result<usize>
where
    I: IntoIterator<Item = F>,
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let futures: Vec<LoopFuture<T>> = awaitables
        .into_iter()
        .map(|awaitable| ensure_future(owner, awaitable, location))
        .collect::<Result<_>>()?;
    let mut seen = BTreeSet::new();
    for future in futures {
        let index = seen.len();
        if !seen.insert(future.raw().id()) {
            continue;
        }
        let to = state.clone();
        let ended = move |_| one_ended(&to, index);
        let key = future.raw().add_done_callback("as_completed", Box::new(ended))?;
        state.with(|state| state.todo.insert(index, (future, key)));
    }
    Ok(seen.len())
}

/// One has ended: it goes to the consumer, unless the timeout was there first.
fn one_ended<T: 'static>(state: &Shared<State<T>>, index: usize) {
    let (getter, timer) = state.with(|state| {
        let Some((future, _)) = state.todo.remove(&index) else { return (None, None) };
        state.done.push_back(Some(future));
        let timer = if state.todo.is_empty() { state.timer.take() } else { None };
        (state.getter.take(), timer)
    });
    if let Some(getter) = getter {
        WaitUnit::complete(getter);
    }
    if let Some(timer) = timer {
        cancel_handle(timer);
    }
}

/// The time is up: each that has not ended is let go, and a sentinel stands for it.
fn time_is_up<T: 'static>(state: &Shared<State<T>>) {
    let (todo, getter) = state.with(|state| {
        let todo = std::mem::take(&mut state.todo);
        state.done.extend(todo.iter().map(|_| None));
        let getter = if todo.is_empty() { None } else { state.getter.take() };
        (todo, getter)
    });
    for (future, key) in todo.values() {
        future.raw().remove_done_callback(*key);
    }
    if let Some(getter) = getter {
        WaitUnit::complete(getter);
    }
}

impl<T: 'static> AsCompleted<T> {
    /// Sets a time limit for all together: after `timeout` of virtual time each that has not ended
    /// gives [`Elapsed`]. Nothing is cancelled.
    #[track_caller]
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        let location = Location::caller();
        let Some(timeout) = timeout.into() else { return self };
        if self.left == 0 {
            return self;
        }
        let to = self.state.clone();
        let call = Call::Plain(Box::new(move || {
            time_is_up(&to);
            Ok(())
        }));
        let set = with(|core| {
            let when = deadline_after(core.session.now, timeout);
            let owner = core.running_loop().or(core.current_loop());
            core.set_timer(
                owner.unwrap_or(crate::base::Id::NONE),
                when,
                call,
                "as_completed",
                location,
            )
        });
        match set {
            Ok(timer) => self.state.with(|state| state.timer = Some(timer)),
            Err(call) => drop_call(Some(call)),
        }
        self
    }

    /// Waits for the next one to end; none when all were given.
    ///
    /// # Errors
    ///
    /// The one's error; [`Elapsed`] for one that had not ended in time; a cancelled error when the
    /// waiting task was cancelled. At the first call, and alone, what is wrong with the awaitables:
    /// a [`ValueError`](crate::error::ValueError) for a future of another loop, a
    /// [`RuntimeError`](crate::RuntimeError) for one of another thread.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing. A cancel that reaches it counts as one of the results, as
    /// in CPython: the last one is never given then.
    ///
    /// Source: CPython 3.13, `tasks._AsCompletedIterator.__anext__`.
    #[expect(clippy::should_implement_trait, reason = "the asynchronous `next` of a stream")]
    #[track_caller]
    pub fn next(&mut self) -> NextCompleted<'_, T> {
        self.location = Location::caller();
        NextCompleted { from: self }
    }

    fn poll_one(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        if let Err(error) = self.state.check() {
            return Poll::Ready(Some(Err(Error::new(error))));
        }
        if let Some(error) = self.refused.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if self.left == 0 && self.wait.is_none() {
            return Poll::Ready(None);
        }
        loop {
            if let Some(wait) = &mut self.wait {
                let result = ready!(wait.poll(cx));
                self.wait = None;
                if let Err(cancelled) = result {
                    self.left = self.left.saturating_sub(1);
                    return Poll::Ready(Some(Err(Error::cancelled(cancelled))));
                }
            }
            if let Some(done) = self.state.with(|state| state.done.pop_front()) {
                self.left = self.left.saturating_sub(1);
                return Poll::Ready(Some(match done {
                    Some(future) => future.take_result(),
                    None => Err(Error::new(Elapsed)),
                }));
            }
            let label = Label::on("as_completed", self.state.id());
            let wait = WaitUnit::new(label, self.location);
            self.state.with(|state| state.getter = Some(wait.id()));
            self.wait = Some(wait);
        }
    }
}

/// The future of [`AsCompleted::next`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct NextCompleted<'a, T: 'static> {
    from: &'a mut AsCompleted<T>,
}

/// Nobody waits any more; what has ended meanwhile is kept for the next call.
impl<T: 'static> Drop for NextCompleted<'_, T> {
    fn drop(&mut self) {
        if self.from.wait.take().is_some() {
            self.from.state.try_with(|state| state.getter = None);
        }
    }
}

impl<T: 'static> Future for NextCompleted<'_, T> {
    type Output = Option<Result<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().from.poll_one(cx)
    }
}

impl<T: 'static> Stream for AsCompleted<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.get_mut().poll_one(cx)
    }
}
