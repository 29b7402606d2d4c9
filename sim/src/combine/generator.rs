//! Async generators with awaited clean-up.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_lite::Stream;

use super::cut::Cut;
use super::finalizer::{forget_open, hand_to_loop, register};
use crate::base::{Error, GeneratorExit, Result, RuntimeError, StopAsyncIteration};
use crate::event_loop::{Core, LoopId, Shared, Uncounted, try_with, with};
use crate::task::{BodyState, GeneratorPlace};

type Body = Pin<Box<dyn Future<Output = Result<()>>>>;

/// An async generator: a body that hands out items at its `yield_`s.
///
/// Iterate with [`next`](Self::next) or as a `Stream`. The body runs in the task that iterates. It
/// is closed by [`aclose`](Self::aclose): the body gets [`GeneratorExit`] at its `yield_`, and may
/// await in its clean-up. If a `next` was dropped while the body awaited something, that await is
/// cancelled instead, as far as it can be; else the body is dropped.
///
/// Dropping the last handle on an open one hands it to the loop, which closes it in a task of its
/// own, two hops later; one that is still open when the run ends is closed then.
///
/// ```
/// use seedloop::{AsyncGen, run, sleep};
/// use std::time::Duration;
///
/// let sum = run(async {
///     let mut numbers = AsyncGen::new(async |co| {
///         for i in 0..10 {
///             sleep(Duration::from_millis(100)).await?;
///             co.yield_(i).await?;
///         }
///         Ok(())
///     });
///     let mut sum = 0;
///     while let Some(number) = numbers.next().await? {
///         sum += number;
///     }
///     Ok(sum)
/// });
/// assert_eq!(sum.unwrap(), 45);
/// ```
///
/// Source: Python language reference, "Asynchronous generator functions"; PEP 525.
pub struct AsyncGen<Y: 'static> {
    state: Shared<State<Y>>,
    location: &'static Location<'static>,
}

pub(super) struct State<Y: 'static> {
    body: Option<Body>,
    handles: u32,
    started: bool,
    finished: bool,
    /// Somebody is inside: an item is on its way or it is being closed.
    running: bool,
    /// `aclose` was begun.
    closed: bool,
    place: GeneratorPlace,
    /// What the body hands out.
    item: Option<Y>,
    /// The item is out, and the body stands at its `yield_`.
    pub(super) at_yield: bool,
    /// What the body gets at its `yield_`; an error waits until it is at one.
    resume: Resume,
    /// What the body awaited when it was closed has been cancelled.
    cut: bool,
    /// The loop that closes it in the end, and its key there.
    pub(super) registered: Option<(LoopId, u64)>,
}

enum Resume {
    /// It waits there.
    Stay,
    Next,
    Throw(Error),
}

/// The inside of a generator: gives items out.
pub struct Co<Y: 'static> {
    /// The body must not keep its own generator.
    state: Uncounted<State<Y>>,
}

impl<Y: 'static> AsyncGen<Y> {
    /// Makes a generator of `body`, which gets a [`Co`] to yield with. Nothing of it runs before
    /// the first item is asked for.
    #[track_caller]
    pub fn new<F>(body: impl FnOnce(Co<Y>) -> F) -> Self
    where
        F: Future<Output = Result<()>> + 'static,
    {
        let location = Location::caller();
        let state = Shared::new(
            "async generator",
            State {
                body: None,
                handles: 1,
                started: false,
                finished: false,
                running: false,
                closed: false,
                place: GeneratorPlace::new(location),
                item: None,
                at_yield: false,
                resume: Resume::Stay,
                cut: false,
                registered: None,
            },
        );
        let body: Body = Box::pin(body(Co { state: state.uncounted() }));
        state.with(|state| state.body = Some(body));
        AsyncGen { state, location }
    }

    /// Asks for the next item; none when the body has returned: `await anext(gen)`.
    ///
    /// # Errors
    ///
    /// The body's error, after which it is finished; a [`RuntimeError`] in place of a
    /// [`StopAsyncIteration`] of the body's; a [`RuntimeError`] while another item is being
    /// waited for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the body at the await at which it is; the next one goes on from
    /// there. Until then a cancel of the task does not reach the body; one that has reached it
    /// before the drop, and is not raised yet, stays there for whoever calls next. A `Stream` does
    /// not learn that its `next` was dropped: there a cancel reaches the body.
    ///
    /// Source: Python language reference, "Asynchronous generator-iterator methods", `__anext__`.
    #[expect(clippy::should_implement_trait, reason = "the asynchronous `next` of a stream")]
    #[doc(alias = "anext")]
    pub fn next(&mut self) -> NextItem<'_, Y> {
        NextItem { generator: self, turn: Turn::new(Entry::Next) }
    }

    /// Raises an error at the `yield_` at which the body is, and gives the next item if it goes on:
    /// `await gen.athrow(error)`. Gives none if the body has ended. If a dropped `next` has left
    /// the body at another await, the error is raised at the `yield_` that it comes to.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next); the error itself when the body does not catch it, or was never
    /// started.
    ///
    /// # Cancel safety
    ///
    /// As [`next`](Self::next); before the first poll nothing was raised.
    ///
    /// Source: Python language reference, "Asynchronous generator-iterator methods", `athrow`.
    pub fn athrow(&mut self, error: Error) -> NextItem<'_, Y> {
        NextItem { generator: self, turn: Turn::new(Entry::Throw(error)) }
    }

    /// Closes the generator: the body gets [`GeneratorExit`] at its `yield_` and may await in its
    /// clean-up, which runs in the calling task: `await gen.aclose()`. Does nothing if the body was
    /// never started or has returned.
    ///
    /// If a dropped `next` has left the body at another await, that is cancelled: there CPython
    /// raises its `GeneratorExit`, but ours can only give a cancelled error. It then ends the body
    /// as well as a `GeneratorExit` does. Awaits of something foreign are dropped with the body.
    ///
    /// # Errors
    ///
    /// What the body fails with; a [`RuntimeError`] when it yields again, or while another item is
    /// being waited for; [`StopAsyncIteration`] after a body that had yielded again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the body at the await at which it is, and the generator open;
    /// the next `aclose` goes on from there, and gives what the body ends with.
    ///
    /// Source: Python language reference, "Asynchronous generator-iterator methods", `aclose`.
    pub fn aclose(&self) -> CloseGenerator<Y> {
        CloseGenerator::new(self.state.clone())
    }
}

/// One entry of somebody into the body, from which it comes out with an item or the end.
struct Turn {
    entry: Option<Entry>,
    inside: bool,
    /// It closes a body that awaits something, and has yet to cut that short.
    cuts: bool,
    cut: Option<Cut>,
}

impl Turn {
    fn new(entry: Entry) -> Self {
        Turn { entry: Some(entry), inside: false, cuts: false, cut: None }
    }

    /// Enters the body, unless that was done, and runs it to its next item.
    fn poll<Y: 'static>(
        &mut self,
        state: &Shared<State<Y>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Y>>> {
        if let Some(entry) = self.entry.take() {
            state.check()?;
            if let Entry::Throw(_) | Entry::Close = entry
                && let Some(unstarted) = take_unstarted(state)
            {
                let raises = unstarted.is_some();
                drop(unstarted);
                return Poll::Ready(match entry {
                    Entry::Throw(error) if raises => Err(error),
                    _ => Ok(None),
                });
            }
            self.cuts = enter(state, entry)?;
            self.inside = true;
        }
        if !with(Core::count_await) {
            // A limit has ended the run, and nothing goes on.
            return Poll::Pending;
        }
        let mut polled = poll_body(state, cx);
        if polled.is_pending() && std::mem::take(&mut self.cuts) {
            polled = self.cut_short(state);
        }
        if polled.is_ready() {
            polled = polled.map(|result| self.settle_cut(result));
            self.leave(state, false);
        }
        polled
    }

    /// Cancels what the body awaits, which now is a wait of the running task; drops the body if
    /// that knows no cancel.
    fn cut_short<Y: 'static>(&mut self, state: &Shared<State<Y>>) -> Poll<Result<Option<Y>>> {
        let found = state.with(|state| {
            state.cut = true;
            state.place.awaited()
        });
        let Some((task, boundary)) = found else {
            let body = state.with(|state| {
                state.finished = true;
                state.body.take()
            });
            drop(body);
            forget_open(state);
            return Poll::Ready(Ok(None));
        };
        self.cut = Some(Cut::request(task, boundary));
        Poll::Pending
    }

    /// A body that ended cancelled by the cut alone has been closed.
    fn settle_cut<Y>(&mut self, result: Result<Option<Y>>) -> Result<Option<Y>> {
        let alone = self.cut.take().is_some_and(Cut::take_back);
        match result {
            Err(error) if error.is_cancelled() && alone => Ok(None),
            result => result,
        }
    }

    /// Marks the generator as free again, if this one is inside; if it was dropped there, nobody
    /// awaits the body.
    fn leave<Y: 'static>(&mut self, state: &Shared<State<Y>>, dropped: bool) {
        if !std::mem::take(&mut self.inside) {
            return;
        }
        self.cut.take().map(Cut::take_back);
        state.try_with(|state| {
            state.running = false;
            if dropped {
                state.place.abandon();
            }
        });
    }
}

/// Takes the body of a generator that was never entered or has ended, which is then finished for
/// good; none if it is open.
fn take_unstarted<Y: 'static>(state: &Shared<State<Y>>) -> Option<Option<Body>> {
    state.with(|state| {
        if state.started && !state.finished {
            return None;
        }
        state.finished = true;
        Some(state.body.take())
    })
}

/// The future of [`AsyncGen::aclose`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct CloseGenerator<Y: 'static> {
    state: Shared<State<Y>>,
    turn: Turn,
}

impl<Y: 'static> CloseGenerator<Y> {
    fn new(state: Shared<State<Y>>) -> Self {
        CloseGenerator::entering(state, Entry::Close)
    }

    /// Enters the body in this way, and takes its end as that of a body that was closed.
    pub(super) fn entering(state: Shared<State<Y>>, entry: Entry) -> Self {
        CloseGenerator { state, turn: Turn::new(entry) }
    }
}

impl<Y: 'static> Future for CloseGenerator<Y> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        Poll::Ready(match ready!(this.turn.poll(&this.state, cx)) {
            Ok(None) => Ok(()),
            Ok(Some(item)) => {
                drop(item);
                Err(Error::new(RuntimeError::new("async generator ignored GeneratorExit")))
            }
            Err(error) if error.is::<GeneratorExit>() => Ok(()),
            Err(error) => Err(error),
        })
    }
}

impl<Y: 'static> Drop for CloseGenerator<Y> {
    fn drop(&mut self) {
        self.turn.leave(&self.state, true);
    }
}

/// Why the body is entered.
pub(super) enum Entry {
    Next,
    Throw(Error),
    Close,
}

/// Enters the body; tells whether what it awaits is to be cut short.
///
/// Source: CPython 3.13, `genobject.c`, `async_gen_asend_send`, `async_gen_athrow_send`.
fn enter<Y: 'static>(state: &Shared<State<Y>>, entry: Entry) -> Result<bool> {
    let (first, cuts) = state.with(|state| {
        let (operation, resume, closes) = match entry {
            Entry::Next => ("anext()", Resume::Next, false),
            Entry::Throw(error) => ("athrow()", Resume::Throw(error), false),
            Entry::Close => ("aclose()", Resume::Throw(Error::new(GeneratorExit)), true),
        };
        if state.running {
            let text = format!("{operation}: asynchronous generator is already running");
            return Err(Error::new(RuntimeError::new(text)));
        }
        if state.closed && state.at_yield && matches!(resume, Resume::Throw(_)) {
            return Err(Error::new(StopAsyncIteration));
        }
        state.running = true;
        let again = state.closed;
        state.closed |= closes;
        match resume {
            // An earlier `aclose` was dropped: its clean-up goes on.
            _ if closes && again => {}
            // What the body awaits is left alone, and so is an error that waits for its `yield_`.
            Resume::Next if !state.at_yield => {}
            resume => state.resume = resume,
        }
        let first = !std::mem::replace(&mut state.started, true);
        Ok((first, closes && !state.at_yield && !state.cut && !again))
    })?;
    if first {
        register(state);
    }
    Ok(cuts)
}

/// Runs the body up to its next item or its end.
fn poll_body<Y: 'static>(
    state: &Shared<State<Y>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Y>>> {
    let Some(body) = state.with(|state| state.body.take()) else {
        // It has returned: there are no items any more.
        return Poll::Ready(Ok(None));
    };
    let mut lent = LentBody { state: state.clone(), body: Some(body) };
    let place = state.with(|state| state.place.enter(cx));
    let polled = lent.body.as_mut().map(|body| body.as_mut().poll(cx));
    state.with(|state| {
        let body = match &polled {
            Some(Poll::Ready(_)) => BodyState::Over,
            _ if state.item.is_some() => BodyState::Away,
            _ => BodyState::Waits,
        };
        state.place.leave(place, body);
    });
    match polled {
        Some(Poll::Ready(result)) => {
            drop(lent.body.take());
            forget_open(state);
            Poll::Ready(match result {
                Err(error) if error.is::<StopAsyncIteration>() => {
                    let text = "async generator raised StopAsyncIteration";
                    Err(Error::new(RuntimeError::new(text)))
                }
                result => result.map(|()| None),
            })
        }
        _ => match state.with(|state| state.item.take()) {
            Some(item) => Poll::Ready(Ok(Some(item))),
            None => Poll::Pending,
        },
    }
}

/// The body while it is polled; goes back to its place, or is gone for good if it has ended.
struct LentBody<Y: 'static> {
    state: Shared<State<Y>>,
    body: Option<Body>,
}

impl<Y: 'static> Drop for LentBody<Y> {
    fn drop(&mut self) {
        let mut body = self.body.take();
        self.state.try_with(|state| {
            state.finished = body.is_none();
            state.body = body.take();
        });
    }
}

impl<Y: 'static> Co<Y> {
    /// Hands out an item and waits until the next one is asked for: `yield item`.
    ///
    /// # Errors
    ///
    /// [`GeneratorExit`] when the generator is being closed: clean up and hand it on with `?`;
    /// what [`athrow`](AsyncGen::athrow) raises.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before its first poll drops the item, which is then not handed out;
    /// afterwards the item is out.
    ///
    /// Source: Python language reference, "Yield expressions".
    pub fn yield_(&self, item: Y) -> YieldItem<'_, Y> {
        YieldItem { co: self, item: Some(item), out: false }
    }
}

/// The future of [`Co::yield_`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct YieldItem<'a, Y: 'static> {
    co: &'a Co<Y>,
    item: Option<Y>,
    /// The item is out, and nobody has come back for the next one.
    out: bool,
}

// Nothing in it is pinned.
impl<Y: 'static> Unpin for YieldItem<'_, Y> {}

impl<Y: 'static> Future for YieldItem<'_, Y> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        let resume = self.co.state.with(|state| std::mem::replace(&mut state.resume, Resume::Stay));
        if let Some(item) = self.item.take() {
            if let Resume::Throw(error) = resume {
                // It was raised while the body was on its way here.
                drop(item);
                return Poll::Ready(Err(error));
            }
            self.co.state.with(|state| (state.item, state.at_yield) = (Some(item), true));
            self.out = true;
            with(|core| core.step.yielding = true);
            // No wake is needed: whoever asks for the next item polls the body.
            return Poll::Pending;
        }
        let result = match resume {
            Resume::Stay => return Poll::Pending,
            Resume::Next => Ok(()),
            Resume::Throw(error) => Err(error),
        };
        self.out = false;
        self.co.state.with(|state| state.at_yield = false);
        Poll::Ready(result)
    }
}

impl<Y: 'static> Drop for YieldItem<'_, Y> {
    fn drop(&mut self) {
        if self.out {
            self.co.state.try_with(|state| state.at_yield = false);
        }
    }
}

/// The future of [`AsyncGen::next`] and [`AsyncGen::athrow`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct NextItem<'a, Y: 'static> {
    generator: &'a mut AsyncGen<Y>,
    turn: Turn,
}

impl<Y: 'static> Future for NextItem<'_, Y> {
    type Output = Result<Option<Y>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Option<Y>>> {
        let this = self.get_mut();
        this.turn.poll(&this.generator.state, cx)
    }
}

impl<Y: 'static> Drop for NextItem<'_, Y> {
    fn drop(&mut self) {
        self.turn.leave(&self.generator.state, true);
    }
}

impl<Y: 'static> Stream for AsyncGen<Y> {
    type Item = Result<Y>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Y>>> {
        let state = &self.get_mut().state;
        // A stream keeps no future between polls, and may not be polled again: each poll is a turn.
        if let Err(error) = enter(state, Entry::Next) {
            return Poll::Ready(Some(Err(error)));
        }
        let goes_on = with(Core::count_await);
        let polled = if goes_on { poll_body(state, cx) } else { Poll::Pending };
        state.with(|state| state.running = false);
        polled.map(Result::transpose)
    }
}

impl<Y: 'static> Clone for AsyncGen<Y> {
    fn clone(&self) -> Self {
        self.state.try_with(|state| state.handles += 1);
        AsyncGen { state: self.state.clone(), location: self.location }
    }
}

impl<Y: 'static> Drop for AsyncGen<Y> {
    fn drop(&mut self) {
        if try_with(|_| ()).is_none() || !self.state.is_here() {
            return;
        }
        let last = self.state.with(|state| {
            state.handles -= 1;
            let open = state.started && !state.finished && !state.running;
            if state.handles == 0 && open { state.registered } else { None }
        });
        if let Some((owner, _)) = last {
            forget_open(&self.state);
            hand_to_loop(owner, self.state.clone(), self.location);
        }
    }
}

impl<Y: 'static> fmt::Debug for AsyncGen<Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:?}>", self.state)
    }
}
