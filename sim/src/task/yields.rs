//! Giving way once: `asyncio.sleep(0)`.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::base::{Cancelled, ChoiceKind, Model};
use crate::event_loop::{Core, Delivery, Hot, Label, ObjectId, SWITCH, YIELD, hot, with};

/// Gives way once: the task is ready again at once, behind all that is ready already.
///
/// # Errors
///
/// [`Cancelled`] when the task was cancelled meanwhile.
///
/// # Cancel safety
///
/// Holds nothing.
///
/// Source: CPython 3.13, `tasks.__sleep0`.
#[must_use = "futures do nothing unless they are awaited"]
#[doc(alias = "sleep(0)")]
#[track_caller]
pub fn yield_now() -> YieldNow {
    YieldNow { parked: false, location: Some(Location::caller()) }
}

/// The same for an await at `location`.
pub(crate) fn yield_at(location: &'static Location<'static>) -> YieldNow {
    YieldNow { parked: false, location: Some(location) }
}

/// The same where something else tells reports of it.
pub(crate) fn take_turn() -> YieldNow {
    YieldNow { parked: false, location: None }
}

/// The future of [`yield_now`].
#[derive(Debug)]
pub struct YieldNow {
    parked: bool,
    /// For reports.
    location: Option<&'static Location<'static>>,
}

impl Future for YieldNow {
    type Output = Result<(), Cancelled>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Cancelled>> {
        let is_plain = hot() == Hot::PLAIN;
        if std::mem::take(&mut self.parked) {
            return if is_plain { Poll::Ready(Ok(())) } else { YieldNow::end() };
        }
        if !is_plain {
            YieldNow::begin(self.location);
        }
        self.parked = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl YieldNow {
    /// The turn is given, in a step in which there is more to see to.
    #[cold]
    #[inline(never)]
    fn begin(location: Option<&'static Location<'static>>) {
        with(|core| core.begin_yield(location));
    }

    /// The turn has come, in such a step.
    #[cold]
    #[inline(never)]
    fn end() -> Poll<Result<(), Cancelled>> {
        Poll::Ready(match with(|core| core.take_yield_delivery()) {
            Delivery::None => Ok(()),
            Delivery::Cancel(message) => Err(Cancelled::from_option(message)),
        })
    }
}

/// Gives way once where that cannot fail.
///
/// A cancel of the task finds a foreign wait: what lies inside the innermost boundary is dropped,
/// or else the whole task.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    given: bool,
}

impl Turn {
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if !self.given {
            self.given = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if hot() != Hot::PLAIN && with(|core| core.delivers_here()) {
            // Nobody wakes it now, and so the cancel meets a task that waits.
            return Poll::Pending;
        }
        self.given = false;
        Poll::Ready(())
    }
}

impl Core {
    /// Tells whether a cancel is on its way to what is being polled, and no leaf has taken it.
    fn delivers_here(&self) -> bool {
        self.step.deliver.is_some() && !self.step.delivered && self.delivers_to(self.step.boundary)
    }

    fn begin_yield(&mut self, location: Option<&'static Location<'static>>) {
        if let Some(location) = location {
            self.note_waits(Label::new(YIELD), location);
        }
        // A boundary around it must not take it for a foreign wait.
        self.step.waits = true;
    }
}

/// Lets policies know what the running task does after its turn, and reports where it gives it.
pub(crate) fn about_to(object: ObjectId, location: &'static Location<'static>) {
    with(|core| core.announce(Label::on(SWITCH, object), location));
}

/// The place before an operation that need not wait: in any order there is a choice to give way
/// there all the same (0 = no); in asyncio's order there is none.
#[derive(Debug, Default)]
pub(crate) enum SwitchPoint {
    #[default]
    Ahead,
    Yielding(YieldNow),
    Passed,
}

impl SwitchPoint {
    fn is_chosen(passes: impl FnOnce() -> bool) -> bool {
        passes() && with(|core| core.choose(ChoiceKind::Switch, 2)) == 1
    }

    /// Counts the await; tells whether there can be a choice, or none if a limit has ended the run.
    fn begin() -> Option<bool> {
        with(|core| core.count_await().then(|| core.session.model == Model::AnyOrder))
    }

    /// Takes the choice of an await that was counted, for [`is_ahead`](Self::is_ahead) and where
    /// the kernel is borrowed already; true if it is to [give way](Self::give_way).
    #[inline]
    pub(crate) fn choose(core: &mut Core, passes: impl FnOnce(&mut Core) -> bool) -> bool {
        let may_switch = core.session.model == Model::AnyOrder && passes(core);
        may_switch && core.choose(ChoiceKind::Switch, 2) == 1
    }

    /// Tells whether the choice was not taken yet.
    pub(crate) fn is_ahead(&self) -> bool {
        matches!(self, SwitchPoint::Ahead)
    }

    /// The choice was to give way before what is to be done with `object`.
    #[inline(never)]
    pub(crate) fn give_way(&mut self, object: ObjectId, location: &'static Location<'static>) {
        *self = SwitchPoint::Yielding(take_turn());
        about_to(object, location);
    }

    /// The same before an operation that cannot fail: a cancel does not reach it.
    #[inline(never)]
    pub(crate) fn give_way_infallibly<T>(
        &mut self,
        object: ObjectId,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) -> Poll<T> {
        // Not registered as a yield of ours, and so as foreign as the wait itself.
        self.give_way(object, location);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Polls the turn if one is being given.
    #[inline]
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cancelled>> {
        let result = match self {
            SwitchPoint::Yielding(turn) => std::task::ready!(Pin::new(turn).poll(cx)),
            SwitchPoint::Ahead | SwitchPoint::Passed => Ok(()),
        };
        *self = SwitchPoint::Passed;
        Poll::Ready(result)
    }

    /// Tells whether the turn is being given.
    pub(crate) fn is_yielding(&self) -> bool {
        matches!(self, SwitchPoint::Yielding(_))
    }

    /// The same before an operation that cannot fail: a cancel does not reach it.
    pub(crate) fn poll_infallible_if(
        &mut self,
        object: ObjectId,
        location: &'static Location<'static>,
        passes: impl FnOnce() -> bool,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if let SwitchPoint::Ahead = self {
            // A limit has ended the run, and nothing goes on.
            let Some(may_switch) = SwitchPoint::begin() else { return Poll::Pending };
            if may_switch && SwitchPoint::is_chosen(passes) {
                return self.give_way_infallibly(object, location, cx);
            }
        }
        *self = SwitchPoint::Passed;
        Poll::Ready(())
    }

    /// Ready at once, or after one turn if the choice was to give way before what is to be done
    /// with `object`. There is no choice when
    /// `passes` says that the operation is going to wait anyway. Look at the state of the primitive
    /// again afterwards: others may have run.
    pub(crate) fn poll_if(
        &mut self,
        object: ObjectId,
        location: &'static Location<'static>,
        passes: impl FnOnce() -> bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cancelled>> {
        if let SwitchPoint::Ahead = self {
            let Some(may_switch) = SwitchPoint::begin() else { return Poll::Pending };
            *self = match may_switch && SwitchPoint::is_chosen(passes) {
                true => {
                    about_to(object, location);
                    SwitchPoint::Yielding(take_turn())
                }
                false => SwitchPoint::Passed,
            };
        }
        match self {
            SwitchPoint::Yielding(turn) => {
                let result = std::task::ready!(Pin::new(turn).poll(cx));
                *self = SwitchPoint::Passed;
                Poll::Ready(result)
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}
