//! `asyncio.Barrier`: nobody goes on before all have come.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::condition::{Condition, ConditionWait};
use super::lock::Acquire;
use super::scope::within;
use crate::base::{BarrierError, Cancelled, ConditionError, Result, ValueError};
use crate::event_loop::{Label, Shared};

/// A point at which a number of tasks wait for each other: `asyncio.Barrier`. Clones are the same
/// barrier.
///
/// The last to come does not wait and goes on first; the others resume one hop later, all in one
/// iteration, in the order in which they came. Then the barrier can be used again: who comes before
/// all of them have left waits until they have. A cancelled waiter is counted out; it breaks
/// nothing, but one that comes in its place gets a number that was given before, as in CPython.
///
/// ```
/// use seedloop::sync::Barrier;
/// use seedloop::{run, spawn};
///
/// run(async {
///     let barrier = Barrier::new(2)?;
///     let theirs = barrier.clone();
///     let other = spawn(async move { Ok(theirs.wait().await?) });
///     let mine = barrier.wait().await?;
///     assert_eq!((mine, other.await?), (0, 1));
///     Ok(())
/// })
/// .unwrap();
/// ```
///
/// Source: Python docs, asyncio-sync, "Barrier"; CPython 3.13, `locks.Barrier`.
#[derive(Clone)]
#[doc(alias = "asyncio.Barrier")]
pub struct Barrier {
    /// Notified whenever the phase changes. All of the state changes under its lock.
    condition: Condition,
    state: Shared<State>,
}

struct State {
    parties: usize,
    phase: Phase,
    /// How many are inside: waiting for the others, or woken and not gone yet.
    count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Filling,
    Draining,
    Resetting,
    Broken,
}

/// What a newcomer finds.
enum Arrival {
    /// Those before it have not left yet.
    Blocked,
    Broken,
    /// It is the last one, with this index.
    Last(usize),
    Waits(usize),
}

impl Barrier {
    /// Makes a barrier for so many tasks.
    ///
    /// # Errors
    ///
    /// A [`ValueError`] when `parties` is 0.
    pub fn new(parties: usize) -> Result<Self, ValueError> {
        if parties == 0 {
            return Err(ValueError::new("parties must be at least 1"));
        }
        let state = State { parties, phase: Phase::Filling, count: 0 };
        let state = Shared::new("barrier", state);
        Ok(Barrier { condition: Condition::of_barrier(), state })
    }

    /// Waits until all have come: `barrier.wait()`. Returns how many were there when this one came:
    /// from 0 in the order in which they came, each number once unless a waiter was cancelled.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`] when the barrier was aborted, or reset while the task waited;
    /// [`BarrierError::Cancelled`] when the task was cancelled: it is counted out.
    ///
    /// # Panics
    ///
    /// When polled and the barrier was waited at in another loop before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future counts the task out, as a cancel does.
    ///
    /// Source: CPython 3.13, `locks.Barrier.wait`.
    #[track_caller]
    pub fn wait(&self) -> BarrierWait {
        let location = Location::caller();
        let stage = Stage::Entering(Acquire::new(self.condition.inner(), false, location));
        BarrierWait { barrier: self.clone(), stage, location }
    }

    /// Waits as [`wait`](Self::wait) does, then runs `body` with the index: `async with barrier`.
    /// Leaving the body does nothing.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait) and of the body.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait), then as the body.
    ///
    /// Source: CPython 3.13, `locks.Barrier.__aenter__`.
    #[doc(alias = "async with")]
    #[track_caller]
    pub fn scope<T, F>(&self, body: F) -> impl Future<Output = Result<T>> + use<T, F>
    where
        F: AsyncFnOnce(usize) -> Result<T>,
    {
        let location = Location::caller();
        let wait = self.wait();
        async move {
            let index = wait.await?;
            within(location, body(index)).await
        }
    }

    /// Sends those who wait away with [`BrokenBarrierError`](crate::sync::BrokenBarrierError) and
    /// makes the barrier as new: `barrier.reset()`. While they leave, newcomers wait.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled while it waited for its turn; nothing was changed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// Source: CPython 3.13, `locks.Barrier.reset`.
    #[track_caller]
    pub fn reset(&self) -> ChangeBarrier {
        self.change(State::reset, Location::caller())
    }

    /// Breaks the barrier for good: those who wait and all who come later get
    /// [`BrokenBarrierError`](crate::sync::BrokenBarrierError), until a [`reset`](Self::reset):
    /// `barrier.abort()`.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled while it waited for its turn; nothing was changed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// Source: CPython 3.13, `locks.Barrier.abort`.
    #[track_caller]
    pub fn abort(&self) -> ChangeBarrier {
        self.change(|state| state.phase = Phase::Broken, Location::caller())
    }

    fn change(&self, apply: fn(&mut State), location: &'static Location<'static>) -> ChangeBarrier {
        let acquire = Acquire::new(self.condition.inner(), false, location);
        ChangeBarrier { barrier: self.clone(), acquire, apply }
    }

    /// Returns how many tasks it takes.
    #[track_caller]
    pub fn parties(&self) -> usize {
        self.state.peek(|state| state.parties)
    }

    /// Returns how many have come and wait for the others.
    #[track_caller]
    pub fn n_waiting(&self) -> usize {
        self.state.peek(|state| match state.phase {
            Phase::Filling => state.count,
            _ => 0,
        })
    }

    /// Tells whether it was aborted.
    pub fn broken(&self) -> bool {
        self.phase() == Phase::Broken
    }

    fn phase(&self) -> Phase {
        self.state.peek(|state| state.phase)
    }

    /// Counts a task in that holds the lock.
    fn arrive(&self) -> Arrival {
        let arrival = self.state.with(|state| {
            match state.phase {
                Phase::Draining | Phase::Resetting => return Arrival::Blocked,
                Phase::Broken => return Arrival::Broken,
                Phase::Filling => {}
            }
            let index = state.count;
            state.count += 1;
            if index + 1 < state.parties {
                return Arrival::Waits(index);
            }
            state.phase = Phase::Draining;
            Arrival::Last(index)
        });
        self.note_arrived();
        if let Arrival::Last(_) = arrival {
            self.condition.wake(usize::MAX);
        }
        arrival
    }

    /// Counts a task out; the last one lets in those who wait for the barrier to be empty.
    fn depart(&self) {
        let empty = self.state.try_with(|state| {
            state.count -= 1;
            if state.count > 0 {
                return false;
            }
            if matches!(state.phase, Phase::Resetting | Phase::Draining) {
                state.phase = Phase::Filling;
            }
            true
        });
        self.note_arrived();
        if empty == Some(true) {
            self.condition.wake(usize::MAX);
        }
    }

    fn note_arrived(&self) {
        if let Some((count, parties)) = self.state.try_look(|state| (state.count, state.parties)) {
            self.state.note_arrived(count, parties);
        }
    }

    fn unlock(&self) {
        self.condition.release().expect("seedloop bug: a barrier's lock is not held");
    }
}

impl State {
    fn reset(&mut self) {
        self.phase = if self.count > 0 { Phase::Resetting } else { Phase::Filling };
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.state.try_with(|state| (state.phase, state.count, state.parties));
        let Some((phase, count, parties)) = seen else {
            return f.write_str("<barrier#? on another thread>");
        };
        write!(f, "<{:?} {phase:?}, inside: {count}/{parties}>", self.state)
    }
}

/// The future of [`Barrier::wait`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct BarrierWait {
    barrier: Barrier,
    stage: Stage,
    location: &'static Location<'static>,
}

#[derive(Debug)]
enum Stage {
    Entering(Acquire),
    /// Waits for those before it to leave; not counted.
    Blocked(ConditionWait),
    /// Waits for the others, counted.
    Inside(ConditionWait, usize),
    Over,
}

impl BarrierWait {
    fn condition_wait(&self) -> ConditionWait {
        let label = Label::on("barrier", self.barrier.state.id());
        ConditionWait::new(&self.barrier.condition, label, self.location)
    }

    /// With the lock held: goes to wait, or is over.
    fn arrive(&mut self) -> Option<Result<usize, BarrierError>> {
        match self.barrier.arrive() {
            Arrival::Blocked => {
                self.stage = Stage::Blocked(self.condition_wait());
                None
            }
            Arrival::Waits(index) => {
                self.stage = Stage::Inside(self.condition_wait(), index);
                None
            }
            Arrival::Broken => Some(self.end(false, Err(BarrierError::Broken))),
            Arrival::Last(index) => Some(self.end(true, Ok(index))),
        }
    }

    /// With the lock held: leaves.
    fn end(
        &mut self,
        counted: bool,
        result: Result<usize, BarrierError>,
    ) -> Result<usize, BarrierError> {
        self.stage = Stage::Over;
        if counted {
            self.barrier.depart();
        }
        self.barrier.unlock();
        result
    }
}

impl Future for BarrierWait {
    type Output = Result<usize, BarrierError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::Entering(acquire) => {
                    ready!(Pin::new(acquire).poll(cx))?;
                    if let Some(result) = this.arrive() {
                        return Poll::Ready(result);
                    }
                }
                Stage::Blocked(wait) => {
                    let ended = match ready!(Pin::new(wait).poll(cx)) {
                        Err(error) => Some(this.end(false, Err(barrier_error(error)))),
                        Ok(()) => this.arrive(),
                    };
                    if let Some(result) = ended {
                        return Poll::Ready(result);
                    }
                }
                Stage::Inside(wait, index) => {
                    let (result, index) = (ready!(Pin::new(wait).poll(cx)), *index);
                    let result = match (result, this.barrier.phase()) {
                        (Err(error), _) => Err(barrier_error(error)),
                        (Ok(()), Phase::Filling) => {
                            // Woken for nothing, in the place of a cancelled one.
                            this.stage = Stage::Inside(this.condition_wait(), index);
                            continue;
                        }
                        (Ok(()), Phase::Draining) => Ok(index),
                        (Ok(()), Phase::Broken | Phase::Resetting) => Err(BarrierError::Broken),
                    };
                    return Poll::Ready(this.end(true, result));
                }
                Stage::Over => panic!("`BarrierWait` was polled again after it was over"),
            }
        }
    }
}

impl Drop for BarrierWait {
    fn drop(&mut self) {
        if let Stage::Inside(wait, _) = std::mem::replace(&mut self.stage, Stage::Over) {
            drop(wait);
            self.barrier.depart();
        }
    }
}

fn barrier_error(error: ConditionError) -> BarrierError {
    match error {
        ConditionError::Cancelled(cancelled) => BarrierError::Cancelled(cancelled),
        ConditionError::NotAcquired => panic!("seedloop bug: a barrier's lock is not held"),
    }
}

/// The future of [`Barrier::reset`] and [`Barrier::abort`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct ChangeBarrier {
    barrier: Barrier,
    acquire: Acquire,
    apply: fn(&mut State),
}

impl Future for ChangeBarrier {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(Pin::new(&mut self.acquire).poll(cx))?;
        self.barrier.state.with(self.apply);
        self.barrier.condition.wake(usize::MAX);
        self.barrier.unlock();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for ChangeBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeBarrier").field("barrier", &self.barrier).finish_non_exhaustive()
    }
}
