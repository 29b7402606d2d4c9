//! Tasks that belong together.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::error::JoinError;
use super::id::Id;
use super::join_handle::{AbortHandle, JoinHandle};
use super::runtime::Handle;
use super::spawn::{running, spawn_task};
use crate::event_loop::{Core, Label, LoopId, Shared, WaitId, with};
use crate::task::WaitUnit;

/// Tasks that belong together: `tokio::task::JoinSet`.
///
/// They give their values in the order in which they end. Dropping the set aborts those that have
/// not ended.
///
/// ```
/// use seedloop::tokio::task::JoinSet;
/// use seedloop::tokio::time::{Duration, sleep};
///
/// seedloop::run(async {
///     let mut set = JoinSet::new();
///     for seconds in [3, 1, 2] {
///         set.spawn(async move {
///             sleep(Duration::from_secs(seconds)).await;
///             seconds
///         });
///     }
///     assert_eq!(set.join_all().await, [1, 2, 3]);
///     Ok(())
/// })
/// .unwrap();
/// ```
pub struct JoinSet<T> {
    members: BTreeMap<u64, JoinHandle<T>>,
    spawned: u64,
    ended: Shared<Ended>,
    wait: Option<WaitUnit>,
    /// A member whose body is gone and that is not done: it waits for children that it has left.
    late: Option<u64>,
}

/// What members tell their set.
#[derive(Default)]
struct Ended {
    /// Those that have ended and were not asked for, in that order.
    members: VecDeque<u64>,
    /// Who waits for the next one.
    wait: Option<WaitId>,
}

impl<T> JoinSet<T> {
    /// Makes a set without tasks.
    pub fn new() -> Self {
        let ended = Shared::new("join set", Ended::default());
        JoinSet { members: BTreeMap::new(), spawned: 0, ended, wait: None, late: None }
    }

    /// Returns how many tasks were spawned and not given back.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Tells whether all tasks were given back.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task in the set.
    ///
    /// # Panics
    ///
    /// When no loop runs.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.spawn_at(running("task::JoinSet::spawn"), future, Location::caller())
    }

    /// The same as [`spawn`](Self::spawn): every task is local here.
    ///
    /// # Panics
    ///
    /// When no loop runs.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.spawn_at(running("task::JoinSet::spawn_local"), future, Location::caller())
    }

    /// Spawns a task of the set on the loop of a runtime.
    ///
    /// # Panics
    ///
    /// When that loop is closed.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.spawn_at(handle.owner(), future, Location::caller())
    }

    fn spawn_at<F>(
        &mut self,
        owner: LoopId,
        future: F,
        location: &'static Location<'static>,
    ) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.spawned += 1;
        let number = self.spawned;
        let end = End { number, ended: self.ended.clone() };
        let handle = spawn_task(owner, Member { future, end }, location);
        let abort = handle.abort_handle();
        self.members.insert(number, handle);
        abort
    }

    /// Waits for the next task that ends; `None` when there is none in the set. No hop if one has
    /// ended already, else one hop after its end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext { next: Next { set: self, location: Location::caller() } }
    }

    /// The same with the id of the task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn join_next_with_id(
        &mut self,
    ) -> impl Future<Output = Option<Result<(Id, T), JoinError>>> + use<'_, T> {
        let next = Next { set: self, location: Location::caller() };
        async move { next.await.map(|(id, result)| result.map(|value| (id, value))) }
    }

    /// Gives the next task that has ended, without waiting.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        let number = self.take_ended()?;
        let done = self.members.get(&number).is_some_and(JoinHandle::is_finished);
        if !done {
            self.late = Some(number);
            return None;
        }
        let mut handle = self.members.remove(&number)?;
        // What is done is never parked, and so this waker is asked for nothing.
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match Pin::new(&mut handle).poll(&mut cx) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// Polls for the next task that ends, as [`join_next`](Self::join_next) waits for it.
    #[track_caller]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let next = ready!(self.poll_next(Location::caller(), cx));
        Poll::Ready(next.map(|(_, result)| result))
    }

    /// Waits for all tasks and returns their values in the order in which they ended.
    ///
    /// # Panics
    ///
    /// When a task was aborted; with the task's panic when one panicked.
    #[track_caller]
    pub fn join_all(mut self) -> impl Future<Output = Vec<T>> + use<T> {
        let location = Location::caller();
        async move {
            let mut values = Vec::with_capacity(self.len());
            while let Some((_, next)) = (Next { set: &mut self, location }).await {
                match next {
                    Ok(value) => values.push(value),
                    Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                    Err(error) => panic!("{error}"),
                }
            }
            values
        }
    }

    /// Aborts all tasks and waits until they have ended; what they give is dropped.
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = ()> + use<'_, T> {
        let location = Location::caller();
        async move {
            self.abort_all();
            while (Next { set: self, location }).await.is_some() {}
        }
    }

    fn take_ended(&mut self) -> Option<u64> {
        self.late.take().or_else(|| self.ended.with(|ended| ended.members.pop_front()))
    }

    fn poll_next(
        &mut self,
        location: &'static Location<'static>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        loop {
            if self.members.is_empty() {
                // The loop around this may never end: a limit has to see it.
                return if with(Core::count_await) { Poll::Ready(None) } else { Poll::Pending };
            }
            if let Some(number) = self.take_ended() {
                self.wait = None;
                let Some(handle) = self.members.get_mut(&number) else { continue };
                let Poll::Ready(result) = Pin::new(&mut *handle).poll(cx) else {
                    self.late = Some(number);
                    return Poll::Pending;
                };
                let id = handle.id();
                self.members.remove(&number);
                return Poll::Ready(Some((id, result)));
            }
            let ended = &self.ended;
            let wait = self.wait.get_or_insert_with(|| {
                let wait = WaitUnit::new(Label::on("join_next", ended.id()), location);
                ended.with(|ended| ended.wait = Some(wait.id()));
                wait
            });
            ready!(wait.poll_infallible(cx));
            self.wait = None;
        }
    }
}

impl<T> JoinSet<T> {
    /// Aborts all tasks of the set; they are still to be asked for.
    #[track_caller]
    pub fn abort_all(&mut self) {
        self.members.values().for_each(JoinHandle::abort);
    }

    /// Takes all tasks out of the set, which go on by themselves.
    pub fn detach_all(&mut self) {
        self.members.clear();
        self.late = None;
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        if self.ended.is_here() {
            self.abort_all();
        }
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        JoinSet::new()
    }
}

impl<F> FromIterator<F> for JoinSet<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = JoinSet::new();
        futures.into_iter().for_each(|future| drop(set.spawn(future)));
        set
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// The future of [`JoinSet::join_next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct JoinNext<'a, T> {
    next: Next<'a, T>,
}

impl<T: 'static> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.next).poll(cx).map(|next| next.map(|(_, result)| result))
    }
}

/// The wait for the next task that ends.
struct Next<'a, T> {
    set: &'a mut JoinSet<T>,
    location: &'static Location<'static>,
}

impl<T: 'static> Future for Next<'_, T> {
    type Output = Option<(Id, Result<T, JoinError>)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = self.location;
        self.set.poll_next(location, cx)
    }
}

impl<T> Drop for Next<'_, T> {
    fn drop(&mut self) {
        self.set.wait = None;
    }
}

impl<T> fmt::Debug for Next<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the next of {:?}", self.set)
    }
}

pin_project! {
    /// The body of a member: the future is dropped first, and then the set is told.
    struct Member<F> {
        #[pin]
        future: F,
        end: End,
    }
}

impl<F: Future> Future for Member<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// Tells the set when it is dropped, which is in the step in which the task ends.
struct End {
    number: u64,
    ended: Shared<Ended>,
}

impl Drop for End {
    fn drop(&mut self) {
        let woken = self.ended.try_with(|ended| {
            ended.members.push_back(self.number);
            ended.wait.take()
        });
        if let Some(Some(wait)) = woken {
            WaitUnit::complete(wait);
        }
    }
}
