//! Waits: the registrations of what a task is parked on. The leaf that waits owns its
//! registration, made when it parks and removed when it is ready or dropped.

use std::panic::Location;
use std::task::{Context, Waker};

use super::callback::Callback;
use super::cell::{BoundaryId, FutureId, Kind, Target, TaskId, WaitCell, WaitId};
use super::core::{Core, POLLED_OUTSIDE};
use super::object::ObjectId;
use crate::base::{Awaited, Event, Id, Instant, Message, TaskNumber};

/// What a wait is for, in the words of reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    /// `"sleep"`, `"lock"`, ...
    pub(crate) operation: &'static str,
    /// The primitive that it waits on, or none.
    pub(crate) object: ObjectId,
}

impl Label {
    pub(crate) const fn new(operation: &'static str) -> Self {
        Label { operation, object: Id::NONE }
    }

    pub(crate) const fn on(operation: &'static str, object: ObjectId) -> Self {
        Label { operation, object }
    }
}

/// Whether a cancel is delivered to a leaf at this poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    None,
    /// A cancel, with its message.
    Cancel(Option<Message>),
}

/// What a poll of a wait found.
pub(crate) enum WaitState {
    /// The task is parked.
    Parked,
    /// The future is done, or a cancel is delivered in its place.
    Over(Delivery),
}

/// The step of the task that runs.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) task: TaskId,
    pub(crate) number: TaskNumber,
    /// A cancel is to be delivered to a parked leaf inside this boundary; none is anywhere.
    pub(crate) deliver: Option<BoundaryId>,
    /// A leaf took it.
    pub(crate) delivered: bool,
    /// The innermost boundary that is being polled.
    pub(crate) boundary: BoundaryId,
    /// A generator hands out an item: it stands at its `yield_`, and waits for nothing.
    pub(crate) yielding: bool,
    /// The virtual time at which the step began.
    pub(crate) began: Instant,
}

impl Step {
    pub(crate) const NONE: Step = Step {
        task: Id::NONE,
        number: 0,
        deliver: None,
        delivered: false,
        boundary: Id::NONE,
        yielding: false,
        began: Instant::START,
    };
}

impl Core {
    /// Polls a wait on `future`: parks it, or tells that it is over and forgets it.
    ///
    /// # Panics
    ///
    /// Outside of a task: nothing could wake it.
    #[track_caller]
    pub(crate) fn poll_wait(
        &mut self,
        wait: &mut WaitId,
        future: FutureId,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) -> WaitState {
        let done = self.futures.get(future).is_none_or(|cell| cell.is_done());
        if wait.is_none() {
            if done {
                return WaitState::Over(Delivery::None);
            }
            *wait = self.park(Target::Future(future), label, location, cx);
            return WaitState::Parked;
        }
        let delivery = self.take_delivery(*wait);
        if done || delivery != Delivery::None {
            self.unpark(std::mem::replace(wait, Id::NONE));
            return WaitState::Over(delivery);
        }
        self.update_waker(*wait, cx);
        WaitState::Parked
    }

    /// Polls a wait that cannot fail; tells whether the future is done.
    #[track_caller]
    pub(crate) fn poll_infallible(
        &mut self,
        wait: &mut WaitId,
        future: FutureId,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) -> bool {
        let done = self.futures.get(future).is_none_or(|cell| cell.is_done());
        if done {
            self.unpark(std::mem::replace(wait, Id::NONE));
        } else if wait.is_none() {
            *wait = self.park(Target::Infallible(future), label, location, cx);
        } else {
            self.update_waker(*wait, cx);
        }
        done
    }

    /// Takes the cancel that this step delivers, if the parked leaf stands where it is meant to go.
    fn take_delivery(&mut self, wait: WaitId) -> Delivery {
        let Some(scope) = self.step.deliver else { return Delivery::None };
        let cell = &self.waits[wait];
        if cell.task != self.step.task || !self.is_within(cell.boundary, scope) {
            return Delivery::None;
        }
        self.take_delivery_of_task()
    }

    pub(crate) fn take_delivery_of_task(&mut self) -> Delivery {
        self.step.delivered = true;
        let future = self.tasks[self.step.task].future;
        Delivery::Cancel(self.futures[future].message.clone())
    }

    /// The same for a leaf that is parked in a bare yield.
    pub(crate) fn take_yield_delivery(&mut self) -> Delivery {
        match self.step.deliver {
            Some(scope) if self.is_within(self.step.boundary, scope) => {
                self.take_delivery_of_task()
            }
            _ => Delivery::None,
        }
    }

    /// Tells whether `inner` is `scope` or stands inside it; everything stands inside none.
    pub(crate) fn is_within(&self, inner: BoundaryId, scope: BoundaryId) -> bool {
        let mut boundary = inner;
        loop {
            if boundary == scope || scope.is_none() {
                return true;
            }
            match self.boundaries.get(boundary) {
                Some(cell) => boundary = cell.parent,
                None => return false,
            }
        }
    }

    /// Registers a wait of the running task.
    #[track_caller]
    pub(crate) fn park(
        &mut self,
        target: Target,
        label: Label,
        location: &'static Location<'static>,
        cx: &Context<'_>,
    ) -> WaitId {
        let task = self.step.task;
        assert!(!task.is_none(), "{POLLED_OUTSIDE}");
        let boundary = self.step.boundary;
        let waker = self.waker_for(task, cx);
        let (previous, next) = (Id::NONE, Id::NONE);
        let cell = WaitCell { task, target, boundary, waker, label, location, previous, next };
        let wait = self.waits.insert(cell);
        self.link(task, wait);
        if matches!(target, Target::Future(_)) {
            self.count_live(task, boundary, 1);
        }
        if let Target::Future(future) | Target::Infallible(future) = target {
            let Core { futures, waits, .. } = self;
            let cell = &mut futures[future];
            cell.watched = true;
            let callbacks = &mut cell.callbacks;
            callbacks.make_room(|wait| waits.contains(wait));
            callbacks.push(Callback::Wait(wait));
        }
        let (number, on) = (self.tasks[task].number, self.awaited(target, label));
        self.session
            .emit_at(Event::Waits { task: number, operation: label.operation, on }, location);
        wait
    }

    /// What the trace names: the task waited for, else the primitive.
    fn awaited(&self, target: Target, label: Label) -> Awaited {
        if let Target::Future(future) = target {
            match self.futures[future].kind {
                Kind::Plain => {}
                Kind::Task(task) => {
                    let task = self.tasks.get(task);
                    return task.map_or(Awaited::Unnumbered, |cell| Awaited::Task(cell.number));
                }
                Kind::Fan(_) => return Awaited::Gather,
            }
        }
        match super::object::number_of(label.object) {
            0 => Awaited::Unnumbered,
            number => Awaited::Resource(number),
        }
    }

    /// The waker to keep: none for the task's own, which needs no count of references.
    fn waker_for(&self, task: TaskId, cx: &Context<'_>) -> Option<Waker> {
        match &self.tasks[task].waker {
            Some(own) if own.will_wake(cx.waker()) => None,
            _ => Some(cx.waker().clone()),
        }
    }

    /// Keeps the waker of the latest poll.
    pub(crate) fn update_waker(&mut self, wait: WaitId, cx: &Context<'_>) {
        let task = self.waits[wait].task;
        let waker = self.waker_for(task, cx);
        let old = std::mem::replace(&mut self.waits[wait].waker, waker);
        self.trash.extend(old);
    }

    /// Forgets a wait.
    pub(crate) fn unpark(&mut self, wait: WaitId) {
        let Some(cell) = self.waits.remove(wait) else { return };
        match self.waits.get_mut(cell.previous) {
            Some(previous) => previous.next = cell.next,
            None => {
                if let Some(task) = self.tasks.get_mut(cell.task) {
                    task.first_wait = cell.next;
                }
            }
        }
        match self.waits.get_mut(cell.next) {
            Some(next) => next.previous = cell.previous,
            None => {
                if let Some(task) = self.tasks.get_mut(cell.task) {
                    task.last_wait = cell.previous;
                }
            }
        }
        if matches!(cell.target, Target::Future(_)) {
            self.count_live(cell.task, cell.boundary, -1);
        }
        self.trash.extend(cell.waker);
    }

    /// Appends a wait to its task's list.
    fn link(&mut self, task: TaskId, wait: WaitId) {
        let last = std::mem::replace(&mut self.tasks[task].last_wait, wait);
        match self.waits.get_mut(last) {
            Some(cell) => cell.next = wait,
            None => self.tasks[task].first_wait = wait,
        }
        self.waits[wait].previous = last;
    }

    /// The waits of a task, in the order in which they were parked.
    pub(crate) fn waits_of(&self, task: TaskId) -> impl Iterator<Item = WaitId> {
        let first = self.tasks.get(task).map_or(Id::NONE, |cell| cell.first_wait);
        std::iter::successors((!first.is_none()).then_some(first), |wait| {
            let next = self.waits[*wait].next;
            (!next.is_none()).then_some(next)
        })
    }

    /// Counts what waits right inside a boundary, or right below the task.
    pub(crate) fn count_live(&mut self, task: TaskId, boundary: BoundaryId, change: i32) {
        let live = match boundary.is_none() {
            true => self.tasks.get_mut(task).map(|cell| &mut cell.live),
            false => self.boundaries.get_mut(boundary).map(|cell| &mut cell.live),
        };
        if let Some(live) = live {
            *live = live.wrapping_add_signed(change);
        }
    }

    /// Takes the waker of a wait that is over, or wakes the task itself.
    pub(crate) fn wake_wait(&mut self, wait: WaitId) -> Option<Waker> {
        let cell = self.waits.get_mut(wait)?;
        match cell.waker.take() {
            Some(waker) => Some(waker),
            None => {
                let task = cell.task;
                self.wake_task(task);
                None
            }
        }
    }
}
