//! Waits: the registrations of what a task is parked on. The leaf that waits owns its
//! registration, made when it parks and removed when it is ready or dropped.

use std::panic::Location;
use std::task::{Context, Waker};

use super::callback::Callback;
use super::cell::{BoundaryId, FutureId, Kind, Target, Told, WaitCell, WaitId};
use super::context::with;
use super::core::{Core, POLLED_OUTSIDE, Trash};
use super::object::{ObjectId, number_of, operation_on};
use super::tasks::TaskId;
use super::waker::TaskMeta;
use crate::base::{Access, Awaited, Event, Id, Instant, Message, Operation, TaskNumber};

/// What a wait is for, in the words of reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    /// `"sleep"`, `"lock"`, ...
    pub(crate) operation: &'static str,
    /// The primitive that it waits on, or none.
    pub(crate) object: ObjectId,
    /// Whether what follows changes that.
    pub(crate) access: Access,
}

/// The operation of a task that gives way with `yield_now`.
pub(crate) const YIELD: &str = "yield_now";

/// The operation of a task that gives way before one that need not wait.
pub(crate) const SWITCH: &str = "switch";

impl Label {
    pub(crate) const fn new(operation: &'static str) -> Self {
        Label { operation, object: Id::NONE, access: Access::Write }
    }

    pub(crate) const fn on(operation: &'static str, object: ObjectId) -> Self {
        Label { operation, object, access: Access::Write }
    }

    /// The same where what follows only looks.
    pub(crate) const fn reading(operation: &'static str, object: ObjectId) -> Self {
        Label { operation, object, access: Access::Read }
    }

    /// What a task with this label is about to do.
    pub(crate) fn next_operation(self) -> Operation {
        operation_on(self.object, self.access)
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

/// What a poll of a wait of its own found.
pub(crate) enum OwnState {
    Parked,
    /// It was told to go on or to stop; or a cancel is delivered in its place, whatever it was
    /// told.
    Over(Told, Delivery),
}

/// The waker of a poll. It is cloned only if it is not the task's own, and then outside of any
/// borrow, since a clone may run user code.
pub(crate) struct PollWaker<'a> {
    by: &'a Waker,
    clone: Option<Waker>,
}

/// Why a poll could not be done inside the borrow.
pub(crate) enum Refused {
    /// It needs a clone of its waker.
    NeedsClone,
    /// No task runs that could be woken.
    Outside,
}

/// Calls `poll` with the waker of `cx`, and once more if it needs a clone.
///
/// # Panics
///
/// Outside of a task: nothing could wake it.
#[track_caller]
pub(crate) fn poll_with<R>(
    cx: &Context<'_>,
    mut poll: impl FnMut(&mut Core, &mut PollWaker<'_>) -> Result<R, Refused>,
) -> R {
    let mut waker = PollWaker { by: cx.waker(), clone: None };
    loop {
        match with(|core| poll(core, &mut waker)) {
            Ok(result) => return result,
            Err(Refused::NeedsClone) => waker.clone = Some(cx.waker().clone()),
            Err(Refused::Outside) => panic!("{POLLED_OUTSIDE}"),
        }
    }
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
    /// Something of ours has come to wait right inside that boundary, in this poll of it.
    pub(crate) waits: bool,
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
        waits: false,
        yielding: false,
        began: Instant::START,
    };
}

/// What the trace names where a primitive is waited for.
#[inline]
fn awaited_object(label: Label) -> Awaited {
    match number_of(label.object) {
        0 => Awaited::Unnumbered,
        number => Awaited::Resource(number),
    }
}

/// Takes note that this step polls a wait and leaves the task parked in it.
fn note_poll(step: &mut Step, polls: &mut u64, wait: &mut WaitCell) {
    *polls += 1;
    wait.polled = if wait.waker.is_none() { *polls } else { 0 };
    step.waits |= wait.is_ours();
}

impl Core {
    /// Polls a wait on the future of `target`: parks it, or tells that it is over and forgets it.
    /// A cancel does not reach the wait for an [end](Target::End).
    pub(crate) fn poll_wait(
        &mut self,
        wait: &mut WaitId,
        target: Target,
        label: Label,
        location: &'static Location<'static>,
        waker: &mut PollWaker<'_>,
    ) -> Result<WaitState, Refused> {
        let (Target::Future(future) | Target::End(future)) = target else {
            panic!("seedloop bug: a wait on a future is for something else");
        };
        self.meets_future(future, Access::Write);
        let done = self.futures.get(future).is_none_or(|cell| cell.is_done());
        if !self.is_parked_here(*wait) {
            self.unpark(std::mem::replace(wait, Id::NONE));
            if done {
                self.note_joined(future);
                return Ok(WaitState::Over(Delivery::None));
            }
            let cell = WaitCell::new(target, label, location);
            *wait = self.park(cell, waker)?;
            return Ok(WaitState::Parked);
        }
        let delivery = match target {
            Target::End(_) => Delivery::None,
            _ => self.take_delivery(*wait),
        };
        if done || delivery != Delivery::None {
            self.unpark(std::mem::replace(wait, Id::NONE));
            return Ok(WaitState::Over(delivery));
        }
        self.update_waker(*wait, waker)?;
        Ok(WaitState::Parked)
    }

    /// Takes note that the running task goes on at once with what another task came to.
    fn note_joined(&mut self, future: FutureId) {
        if self.session.is_recording()
            && let Some(ended) = self.task_of(future).and_then(|ended| self.tasks.get(ended))
        {
            let (task, ended) = (self.step.number, ended.number);
            self.session.note(Event::Joined { task, ended });
        }
    }

    /// Lets policies know what the running task does at its next step.
    pub(crate) fn about_to(&mut self, label: Label) {
        if self.session.is_labelled()
            && let Some(cell) = self.tasks.get_mut(self.step.task)
        {
            cell.next = label.next_operation();
        }
    }

    /// The same, with an event: the task gives way before an access.
    pub(crate) fn announce(&mut self, label: Label, location: &'static Location<'static>) {
        self.about_to(label);
        self.note_waits(label, location);
    }

    /// Takes note that the running task gives way.
    pub(crate) fn note_waits(&mut self, label: Label, location: &'static Location<'static>) {
        if self.session.is_recording() {
            let on = awaited_object(label);
            let task = self.current_number();
            self.session.note_at(Event::Waits { task, operation: label.operation, on }, location);
        }
    }

    /// Makes a wait of its own, in which nobody is parked yet.
    pub(crate) fn new_wait(
        &mut self,
        label: Label,
        location: &'static Location<'static>,
    ) -> WaitId {
        self.waits.insert(WaitCell::new(Target::Own, label, location))
    }

    /// Makes a wait of its own and parks the running task in it, where there is nothing to it: it
    /// is polled by the task's own waker, and no cancel is on its way. Else it is still to be
    /// polled.
    #[inline]
    pub(crate) fn park_new(
        &mut self,
        label: Label,
        location: &'static Location<'static>,
        infallible: bool,
        by: &Waker,
    ) -> (WaitId, bool) {
        self.park_new_on(awaited_object(label), label, location, infallible, by)
    }

    /// The same where it is known what the label stands for.
    pub(crate) fn park_new_on(
        &mut self,
        on: Awaited,
        label: Label,
        location: &'static Location<'static>,
        infallible: bool,
        by: &Waker,
    ) -> (WaitId, bool) {
        let Step { task, boundary, deliver, .. } = self.step;
        let own = TaskMeta::of(by).filter(|by| by.task() == task);
        let Some(own) = own.filter(|_| deliver.is_none() && !self.without_cancel) else {
            return (self.new_wait(label, location), false);
        };
        let Core { tasks, waits, polls, .. } = self;
        let cell = tasks.of(own);
        *polls += 1;
        let target = if infallible { Target::Infallible } else { Target::Own };
        let mut parked = WaitCell::new(target, label, location);
        (parked.task, parked.boundary) = (task, boundary);
        (parked.polled, parked.previous) = (*polls, cell.last_wait);
        let wait = waits.insert(parked);
        self.step.waits |= !infallible;
        let number = cell.number;
        let last = std::mem::replace(&mut cell.last_wait, wait);
        if last.is_none() {
            cell.first_wait = wait;
        } else {
            waits[last].next = wait;
        }
        self.session.emit_waits(number, label.operation, on, location);
        (wait, true)
    }

    /// Polls a wait of its own where there is nothing to it: it was told to go on, and no cancel is
    /// on its way. Then it is forgotten.
    #[inline(always)]
    pub(crate) fn ends_plainly(&mut self, wait: WaitId, by: &Waker) -> bool {
        if self.step.deliver.is_some() || self.without_cancel {
            return false;
        }
        let Core { tasks, waits, .. } = self;
        let Some(cell) = waits.get_mut(wait) else { return false };
        let is_only = cell.previous.is_none() && cell.next.is_none();
        let is_plain = cell.told == Told::GoOn && cell.waker.is_none() && cell.message.is_none();
        // Of those that were polled by another waker than the task's own, boundaries keep count.
        if !is_plain || !is_only || cell.asked || cell.polled == 0 {
            return false;
        }
        let task = cell.task;
        waits.forget(wait);
        let cell = match TaskMeta::of(by).filter(|by| by.task() == task) {
            Some(own) => Some(tasks.of(own)),
            None => tasks.get_mut(task),
        };
        if let Some(cell) = cell {
            (cell.first_wait, cell.last_wait) = (Id::NONE, Id::NONE);
        }
        true
    }

    /// Polls a wait of its own: parks it, or tells that it is over and forgets it. One that is
    /// `infallible` is not reached by a cancel.
    pub(crate) fn poll_own(
        &mut self,
        wait: WaitId,
        infallible: bool,
        waker: &mut PollWaker<'_>,
    ) -> Result<OwnState, Refused> {
        let infallible = infallible || self.without_cancel;
        let told = self.waits[wait].told;
        if told == Told::NotYet {
            if !self.is_parked_here(wait) {
                self.park_own(wait, infallible, waker)?;
                return Ok(OwnState::Parked);
            }
            if self.step.deliver.is_none() || infallible {
                self.update_waker(wait, waker)?;
                return Ok(OwnState::Parked);
            }
        }
        let delivery = match self.step.deliver {
            Some(_) if !infallible && self.is_parked_here(wait) => self.take_delivery(wait),
            _ => Delivery::None,
        };
        if told == Told::NotYet && delivery == Delivery::None {
            self.update_waker(wait, waker)?;
            return Ok(OwnState::Parked);
        }
        let delivery = match told {
            // The cancel that it was told itself comes first.
            Told::Cancelled => Delivery::Cancel(self.waits[wait].message.take().map(|it| *it)),
            _ => delivery,
        };
        self.unpark(wait);
        Ok(OwnState::Over(told, delivery))
    }

    /// Tells a wait of its own to go on; false if it was told already, or is forgotten. Whoever
    /// polls it is woken by the waker that comes back, or else has been.
    #[inline]
    pub(crate) fn tell(&mut self, wait: WaitId, told: Told) -> (bool, Option<Waker>) {
        match self.waits.get_mut(wait) {
            Some(cell) if cell.told == Told::NotYet => {
                cell.told = told;
                if self.session.observed || cell.waker.is_some() {
                    return (true, self.wake_wait(wait));
                }
                let task = cell.task;
                self.wake_task(task);
                (true, None)
            }
            _ => (false, None),
        }
    }

    /// Tells a wait to go on; whoever polls it is woken by the waker that comes back, or else has
    /// been.
    #[inline]
    pub(crate) fn wake_told(&mut self, wait: WaitId) -> Option<Waker> {
        self.tell(wait, Told::GoOn).1
    }

    /// Tells whether a wait of its own was told something, or is forgotten.
    pub(crate) fn is_wait_over(&self, wait: WaitId) -> bool {
        self.waits.get(wait).is_none_or(|cell| cell.told != Told::NotYet)
    }

    /// Tells whether a wait of its own was told of a cancel that this step does not deliver.
    pub(crate) fn was_cancelled_before(&self, wait: WaitId) -> bool {
        let Some(cell) = self.waits.get(wait) else { return false };
        let is_this_step = cell.task == self.step.task && self.was_awaited_here(wait);
        cell.told == Told::Cancelled && !is_this_step
    }

    /// Takes the cancel that this step delivers, if the parked leaf stands where it is meant to go.
    fn take_delivery(&mut self, wait: WaitId) -> Delivery {
        if self.step.deliver.is_none() {
            return Delivery::None;
        }
        let cell = &self.waits[wait];
        if !self.was_awaited_here(wait) || !self.delivers_to(cell.boundary) {
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
        match self.delivers_to(self.step.boundary) {
            true => self.take_delivery_of_task(),
            false => Delivery::None,
        }
    }

    /// Tells whether this step delivers a cancel to what stands right inside `boundary`.
    pub(crate) fn delivers_to(&self, boundary: BoundaryId) -> bool {
        let task = self.step.task;
        self.step.deliver.is_some_and(|scope| self.is_meant_for(boundary, task, scope))
    }

    /// Tells whether a cancel of the task that is pending for `scope` is to go to `boundary`.
    pub(super) fn is_meant_for(
        &self,
        boundary: BoundaryId,
        task: TaskId,
        scope: BoundaryId,
    ) -> bool {
        match self.tasks[task].scopes() {
            [] => self.is_within(boundary, scope),
            several => several.iter().any(|scope| self.is_within(boundary, *scope)),
        }
    }

    /// Tells whether `inner` is `scope` or stands inside it. Everything stands inside none, but the
    /// body of a generator that nobody awaits.
    pub(crate) fn is_within(&self, inner: BoundaryId, scope: BoundaryId) -> bool {
        let mut boundary = inner;
        loop {
            if boundary == scope {
                return true;
            }
            match self.boundaries.get(boundary) {
                Some(cell) if cell.abandoned => return false,
                Some(cell) => boundary = cell.parent,
                None => return scope.is_none(),
            }
        }
    }

    /// Registers a wait of the running task.
    pub(crate) fn park(
        &mut self,
        mut cell: WaitCell,
        waker: &mut PollWaker<'_>,
    ) -> Result<WaitId, Refused> {
        cell.waker = self.waker_for(self.step.task, waker)?;
        note_poll(&mut self.step, &mut self.polls, &mut cell);
        let target = cell.target;
        let wait = self.waits.insert(cell);
        self.link(wait);
        if let Target::Future(future) | Target::End(future) = target {
            let key = self.next_key();
            self.add_callback(future, Callback::Wait { key, wait });
        }
        Ok(wait)
    }

    /// Registers a wait of its own in the running task, whether or not it stood in another one.
    fn park_own(
        &mut self,
        wait: WaitId,
        infallible: bool,
        waker: &mut PollWaker<'_>,
    ) -> Result<(), Refused> {
        let waker = self.waker_for(self.step.task, waker)?;
        self.unlink(wait);
        let cell = &mut self.waits[wait];
        cell.target = if infallible { Target::Infallible } else { Target::Own };
        let old = std::mem::replace(&mut cell.waker, waker);
        note_poll(&mut self.step, &mut self.polls, cell);
        self.link(wait);
        self.trash.extend(old.map(Trash::Waker));
        Ok(())
    }

    /// What the trace names: the task waited for, else the primitive.
    pub(super) fn awaited(&self, target: Target, label: Label) -> Awaited {
        if let Target::Future(future) | Target::End(future) = target {
            match self.futures[future].kind {
                Kind::Plain => {}
                Kind::Task(task) => {
                    let task = self.tasks.get(task);
                    return task.map_or(Awaited::Unnumbered, |cell| Awaited::Task(cell.number));
                }
                Kind::Fan(_) => return Awaited::Gather,
            }
        }
        awaited_object(label)
    }

    /// The waker to keep: none for the task's own, which needs no count of references.
    fn waker_for(&self, task: TaskId, waker: &mut PollWaker<'_>) -> Result<Option<Waker>, Refused> {
        if TaskMeta::of(waker.by).is_some_and(|by| by.task() == task) {
            return Ok(None);
        }
        match self.tasks.contains(task) {
            false => Err(Refused::Outside),
            true => waker.clone.take().map(Some).ok_or(Refused::NeedsClone),
        }
    }

    /// Keeps the waker of the latest poll.
    pub(crate) fn update_waker(
        &mut self,
        wait: WaitId,
        waker: &mut PollWaker<'_>,
    ) -> Result<(), Refused> {
        let cell = &self.waits[wait];
        if cell.waker.as_ref().is_some_and(|kept| kept.will_wake(waker.by)) {
            note_poll(&mut self.step, &mut self.polls, &mut self.waits[wait]);
            return Ok(());
        }
        let new = self.waker_for(cell.task, waker)?;
        let cell = &mut self.waits[wait];
        let (old, was_apart) = (std::mem::replace(&mut cell.waker, new), cell.is_apart());
        note_poll(&mut self.step, &mut self.polls, cell);
        let (is_apart, boundary) = (cell.is_apart(), cell.boundary);
        if was_apart != is_apart {
            self.count_apart(boundary, if is_apart { 1 } else { -1 });
        }
        self.trash.extend(old.map(Trash::Waker));
        Ok(())
    }

    /// Tells whether a poll comes by the task's own waker.
    pub(crate) fn is_own(&self, waker: &PollWaker<'_>) -> bool {
        TaskMeta::of(waker.by).is_some_and(|by| by.task() == self.step.task)
    }

    /// Says what the task does next whose wait is over. Of one that nobody polls any more one
    /// cannot say that its task goes on there.
    #[inline(never)]
    fn tell_next(&mut self, wait: WaitId) {
        if self.session.is_labelled()
            && self.is_polled(wait)
            && let Some(cell) = self.waits.get(wait)
            && let Some(task) = self.tasks.get_mut(cell.task)
        {
            task.next = cell.label().next_operation();
        }
    }

    /// Takes the waker of a wait that is over, or wakes the task itself.
    pub(crate) fn wake_wait(&mut self, wait: WaitId) -> Option<Waker> {
        if self.session.observed {
            self.tell_next(wait);
        }
        let cell = self.waits.get_mut(wait)?;
        let (task, waker) = (cell.task, cell.waker.take());
        match waker {
            Some(waker) => Some(waker),
            None => {
                self.wake_task(task);
                None
            }
        }
    }
}
