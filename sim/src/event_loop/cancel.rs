//! How a cancel travels: from a task to what it waits on, from a gather to its children, down to
//! futures that become cancelled. Iterative, since chains of awaits may be long.
//!
//! Source: CPython 3.13, `Task.cancel`, `Future.cancel`, `_GatheringFuture.cancel`.

use super::callback::Callbacks;
use super::cell::{BoundaryId, FutureId, Kind, Order, State, Target, Told, WaitId};
use super::complete::fire;
use super::context::with;
use super::core::Core;
use super::tasks::TaskId;
use crate::base::{Access, Error, Event, Id, LimitExceeded, Message};

/// What a cancel goes to.
#[derive(Clone, Copy)]
enum Victim {
    Future(FutureId),
    /// A wait of its own.
    Wait(WaitId),
    Boundary(BoundaryId),
}

/// Something whose cancel depends on the cancels of what it waits for.
enum Subject {
    Task(TaskId),
    Fan(FutureId),
}

/// A subject whose targets are being cancelled.
struct Frame {
    subject: Subject,
    next: usize,
    end: usize,
    accepted: bool,
    refused: bool,
    /// The task was ready already: what is parked beside the targets is to be cancelled too.
    was_ready: bool,
}

/// What entering a target came to.
enum Entered {
    /// It accepted or refused, and these callbacks are to be fired.
    Done(bool, Fired),
    /// Its own targets are to be cancelled first.
    Frame(Frame),
}

enum Fired {
    Nothing,
    Callbacks(FutureId, Callbacks),
    Waker(Option<std::task::Waker>),
}

/// Cancels a future, and through it whatever it stands for. Returns whether the cancel was
/// accepted: false means that it was done already.
pub(crate) fn cancel_future(future: FutureId, message: Option<Message>) -> bool {
    cancel(Victim::Future(future), &message, Id::NONE)
}

/// Cancels a task as a timeout does: only waits inside `scope` are reached.
pub(crate) fn cancel_boundary_scope(task: FutureId, scope: BoundaryId) -> bool {
    cancel(Victim::Future(task), &None, scope)
}

fn cancel(root: Victim, message: &Option<Message>, scope: BoundaryId) -> bool {
    let mut stack: Vec<Frame> = Vec::new();
    let mut targets: Vec<Victim> = Vec::new();
    let mut next = Some(root);
    loop {
        let accepted = match next.take() {
            Some(target) => {
                // Only the root is cancelled by the timeout; what it waits on is cancelled by it.
                let scope = if stack.is_empty() { scope } else { Id::NONE };
                match with(|core| core.enter_cancel(target, message, scope, &mut targets)) {
                    Entered::Frame(frame) => {
                        stack.push(frame);
                        if with(|core| core.is_cycle(&stack)) {
                            return false;
                        }
                        None
                    }
                    Entered::Done(accepted, fired) => {
                        match fired {
                            Fired::Nothing | Fired::Waker(None) => {}
                            Fired::Callbacks(future, callbacks) => fire(future, callbacks),
                            Fired::Waker(Some(waker)) => waker.wake(),
                        }
                        Some(accepted)
                    }
                }
            }
            None => match stack.pop() {
                Some(frame) => {
                    let scope = if stack.is_empty() { scope } else { Id::NONE };
                    Some(with(|core| core.leave_cancel(&frame, message, scope)))
                }
                None => return false,
            },
        };
        match (accepted, stack.last_mut()) {
            (Some(accepted), None) => return accepted,
            (Some(accepted), Some(frame)) => {
                frame.accepted |= accepted;
                frame.refused |= !accepted;
            }
            (None, _) => {}
        }
        if let Some(frame) = stack.last_mut()
            && frame.next < frame.end
        {
            next = Some(targets[frame.next]);
            frame.next += 1;
        }
    }
}

impl Core {
    /// Ends the loop if tasks that await each other pass a cancel on in a cycle: there are more of
    /// them on the way than there are. CPython raises a `RecursionError`.
    fn is_cycle(&mut self, stack: &[Frame]) -> bool {
        let [root, ..] = stack else { return false };
        if stack.len() <= self.futures.len() {
            return false;
        }
        let (owner, what) = match root.subject {
            Subject::Task(task) => (self.tasks[task].owner, self.tasks[task].name()),
            Subject::Fan(future) => (self.futures[future].owner, "a gather".to_owned()),
        };
        let text = format!("tasks await each other in a cycle: a cancel of '{what}' came back");
        self.break_loop_of(owner, Error::new(LimitExceeded::new(text)));
        true
    }

    fn enter_cancel(
        &mut self,
        target: Victim,
        message: &Option<Message>,
        scope: BoundaryId,
        targets: &mut Vec<Victim>,
    ) -> Entered {
        let future = match target {
            Victim::Future(future) => future,
            Victim::Wait(wait) => return self.cancel_wait(wait, message),
            Victim::Boundary(boundary) => return self.cancel_boundary(boundary, message),
        };
        self.meets_future(future, Access::Write);
        let Some(cell) = self.futures.get_mut(future) else {
            return Entered::Done(false, Fired::Nothing);
        };
        // Even of a done future, unless it is a gather: it silences "never retrieved" (S40).
        cell.unretrieved &= matches!(cell.kind, Kind::Fan(_));
        if cell.is_done() {
            return Entered::Done(false, Fired::Nothing);
        }
        let start = targets.len();
        let subject = match &cell.kind {
            Kind::Plain => {
                cell.state = State::Cancelled;
                cell.message = message.clone();
                let callbacks = cell.callbacks.take();
                return Entered::Done(true, Fired::Callbacks(future, callbacks));
            }
            Kind::Fan(fan) => {
                targets.extend(fan.children.iter().map(|child| Victim::Future(*child)));
                Subject::Fan(future)
            }
            Kind::Task(task) => {
                let task = *task;
                if !self.enter_task(task, message, scope, targets) {
                    return Entered::Done(true, Fired::Nothing);
                }
                Subject::Task(task)
            }
        };
        let was_ready = match subject {
            Subject::Task(task) => self.tasks[task].scheduled,
            Subject::Fan(_) => false,
        };
        let (next, end) = (start, targets.len());
        let (accepted, refused) = (false, false);
        Entered::Frame(Frame { subject, next, end, accepted, refused, was_ready })
    }

    /// Counts the cancel of a task and lists what it waits on; false if it waits on nothing of
    /// ours, and then the cancel has been settled.
    fn enter_task(
        &mut self,
        task: TaskId,
        message: &Option<Message>,
        scope: BoundaryId,
        targets: &mut Vec<Victim>,
    ) -> bool {
        let by = self.source();
        self.meets_task(task);
        let cell = &mut self.tasks[task];
        cell.cancels += 1;
        let number = cell.number;
        self.session.emit(Event::CancelRequested { task: number, by });
        if !self.is_running(task) && !self.tasks[task].drops_body() {
            let start = targets.len();
            let meant = self.targets_of(task, |place| self.is_within(place, scope));
            targets.extend(self.ask(meant));
            if targets.len() > start {
                return true;
            }
        }
        self.cancel_unwaiting(task, message, scope);
        false
    }

    /// What a cancel of the task reaches, which goes where it `is_meant` to go.
    fn targets_of(
        &self,
        task: TaskId,
        is_meant: impl Fn(BoundaryId) -> bool,
    ) -> Vec<(WaitId, Victim)> {
        let awaited = self.waits_of(task).filter(|wait| self.is_awaited(*wait));
        let targets = awaited.filter_map(|wait| {
            let cell = &self.waits[wait];
            let victim = match cell.target {
                Target::Future(future) => Victim::Future(future),
                Target::Own => Victim::Wait(wait),
                Target::Boundary(boundary) => Victim::Boundary(boundary),
                Target::Infallible | Target::End(_) => return None,
            };
            is_meant(cell.boundary_of_wait()).then_some((wait, victim))
        });
        targets.collect()
    }

    /// Takes note that a cancel goes to these waits.
    fn ask(&mut self, targets: Vec<(WaitId, Victim)>) -> impl Iterator<Item = Victim> {
        for (wait, _) in &targets {
            self.waits[*wait].asked = true;
        }
        targets.into_iter().map(|(_, victim)| victim)
    }

    /// Cancels a task that waits on nothing of ours where the cancel is meant to go.
    fn cancel_unwaiting(&mut self, task: TaskId, message: &Option<Message>, scope: BoundaryId) {
        let running = self.is_running(task);
        let cell = &mut self.tasks[task];
        if cell.drops_body() {
            return;
        }
        // One that is meant for a block that is not being polled waits until it is.
        if running || cell.scheduled || cell.steps == 0 || !scope.is_none() {
            self.set_must_cancel(task, message, scope);
            return;
        }
        let future = cell.future;
        self.futures[future].message = message.clone();
        self.drop_body(task);
    }

    /// Parked on something foreign, and no boundary around it: the body is dropped.
    fn drop_body(&mut self, task: TaskId) {
        let cell = &mut self.tasks[task];
        cell.order = Order::DropBody;
        cell.must_cancel = None;
        self.wake_task(task);
    }

    fn set_must_cancel(&mut self, task: TaskId, message: &Option<Message>, scope: BoundaryId) {
        // If it is the running task, its wait at the end of the step is to be cancelled.
        self.attention = true;
        let cell = &mut self.tasks[task];
        match cell.must_cancel {
            None => {
                cell.rare.iter_mut().for_each(|rare| rare.scopes.clear());
                cell.must_cancel = Some(scope);
            }
            Some(other) if other == scope => {}
            // Two timeouts beside each other: what stands beside both is none of their concern.
            Some(other) => {
                let scopes = &mut cell.rare_mut().scopes;
                if scopes.is_empty() {
                    scopes.push(other);
                }
                scopes.push(scope);
                cell.must_cancel = Some(Id::NONE);
            }
        }
        let future = cell.future;
        self.futures[future].message = message.clone();
    }

    /// Forgets what is pending for `scope`, which is left or dropped: nothing can take it there.
    pub(crate) fn revoke_cancel(&mut self, task: TaskId, scope: BoundaryId) {
        let Some(cell) = self.tasks.get_mut(task) else { return };
        if cell.owed == Some(scope) {
            cell.take_owed();
        }
        let several = !cell.scopes().is_empty();
        cell.rare.iter_mut().for_each(|rare| rare.scopes.retain(|other| *other != scope));
        let revoked = match several {
            true if cell.scopes().is_empty() => Some(Id::NONE),
            true => return,
            false => Some(scope),
        };
        if cell.must_cancel == revoked {
            cell.must_cancel = None;
        }
        if self.step.task == task && self.step.deliver == revoked {
            self.step.deliver = None;
        }
    }

    fn leave_cancel(
        &mut self,
        frame: &Frame,
        message: &Option<Message>,
        scope: BoundaryId,
    ) -> bool {
        match frame.subject {
            Subject::Task(task) => {
                if frame.refused || frame.was_ready {
                    self.set_must_cancel(task, message, scope);
                } else if let Some(cell) = self.tasks.get_mut(task) {
                    cell.set_owed(scope, message.clone());
                }
                true
            }
            Subject::Fan(future) => {
                if let Some(cell) = self.futures.get_mut(future)
                    && let Kind::Fan(fan) = &mut cell.kind
                {
                    fan.cancel_requested |= frame.accepted;
                }
                frame.accepted
            }
        }
    }

    /// Ends a wait of its own with a cancel.
    fn cancel_wait(&mut self, wait: WaitId, message: &Option<Message>) -> Entered {
        let (accepted, waker) = self.tell(wait, Told::Cancelled);
        if accepted && let Some(cell) = self.waits.get_mut(wait) {
            cell.message = message.clone().map(Box::new);
        }
        Entered::Done(accepted, Fired::Waker(waker))
    }

    /// Lets a boundary drop the foreign wait inside it at its next poll.
    fn cancel_boundary(&mut self, boundary: BoundaryId, message: &Option<Message>) -> Entered {
        let Some(cell) = self.boundaries.get_mut(boundary) else {
            return Entered::Done(false, Fired::Nothing);
        };
        if cell.cancelled {
            return Entered::Done(false, Fired::Nothing);
        }
        cell.cancelled = true;
        cell.message = message.clone();
        let wait = cell.wait;
        let waker = self.wake_wait(wait);
        Entered::Done(true, Fired::Waker(waker))
    }

    /// Passes a cancel that no wait took on to what the task has come to wait on since: called
    /// after its step, as CPython does when a coroutine yields a future.
    pub(crate) fn has_pending_cancel(&self, task: TaskId) -> Option<BoundaryId> {
        let cell = self.tasks.get(task)?;
        let scope = cell.must_cancel?;
        let parked = !cell.first_wait.is_none() || !cell.scheduled;
        (parked && !self.is_done(cell.future)).then_some(scope)
    }
}

/// Cancels what a task waits on after a step in which a cancel was pending; what accepts it takes
/// it off the task.
pub(crate) fn pass_on_pending(task: TaskId, scope: BoundaryId) {
    let (targets, message) = with(|core| {
        let future = core.tasks[task].future;
        let message = core.futures[future].message.clone();
        let is_meant = |place| core.is_meant_for(place, task, scope);
        let targets = core.targets_of(task, is_meant);
        let targets: Vec<Victim> = core.ask(targets).collect();
        let cell = &core.tasks[task];
        let is_for_all = scope.is_none() && cell.scopes().is_empty();
        if targets.is_empty() && is_for_all && !cell.scheduled && !cell.drops_body() {
            core.drop_body(task);
        }
        (targets, message)
    });
    let mut accepted = false;
    for target in targets {
        accepted |= cancel(target, &message, Id::NONE);
    }
    if accepted {
        with(|core| {
            if let Some(cell) = core.tasks.get_mut(task) {
                cell.must_cancel = None;
                if cell.scopes().is_empty() {
                    cell.set_owed(scope, message);
                }
            }
        });
    }
}
