//! The cells of the kernel: plain data of futures, tasks, waits, boundaries and loops.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::Location;
use std::rc::Rc;
use std::task::Waker;

use super::callback::Callbacks;
use super::complete::Finished;
use super::core::SLOW_CALLBACK;
use super::generators::OpenGenerator;
use super::object::ObjectId;
use super::ready::Ready;
use super::report::Handler;
use super::tasks::TaskId;
use super::timer::Timers;
use super::value::Value;
use super::waits::Label;
use crate::base::{Access, Cancelled, Error, Id, Instant, Message, Operation, TaskKey, TaskNumber};

pub(crate) type FutureId = Id<FutureCell>;
pub(crate) type WaitId = Id<WaitCell>;
pub(crate) type BoundaryId = Id<BoundaryCell>;
pub(crate) type LoopId = Id<LoopCell>;

/// The state of a future, as in asyncio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Cancelled,
    Finished,
}

/// What a cancel of the future does.
pub(crate) enum Kind {
    /// The future itself becomes cancelled.
    Plain,
    /// The cancel goes to the task.
    Task(TaskId),
    /// The cancel goes to every child that is not done, as `gather`'s does.
    Fan(Box<Fan>),
}

/// The children of a gathering future.
pub(crate) struct Fan {
    pub(crate) children: Vec<FutureId>,
    pub(crate) cancel_requested: bool,
}

/// What a finished future holds.
pub(crate) enum Outcome {
    /// Nothing yet, or a result that was moved out.
    Empty,
    Value(Value),
    Error(Error),
    /// The cancel that ended a task: the first awaiter gets it, later ones a fresh one.
    Cancelled(Cancelled),
}

/// Copies a value of the type that the future holds.
pub(crate) type CloneValue = fn(&dyn Any) -> Value;

/// A future of the loop: a result that will be there later.
///
/// Laid out as it is written, as a [task](TaskCell).
#[repr(C)]
pub(crate) struct FutureCell {
    pub(crate) state: State,
    /// An error is held that nobody asked for yet.
    pub(crate) unretrieved: bool,
    /// Somebody waited for it or set a callback on it.
    pub(crate) watched: bool,
    /// It was awaited by itself, or by a task of another loop.
    pub(crate) misused: bool,
    /// Handles, plus one that the loop holds of a task until it has ended.
    pub(crate) refs: u32,
    pub(crate) owner: LoopId,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) callbacks: Callbacks,
    /// The message of the last cancel. A task's and its future's are one field in CPython.
    pub(crate) message: Option<Message>,
    /// Set once a handle was cloned: from then on a result is copied out, not moved.
    pub(crate) clone: Option<CloneValue>,
}

/// How the next poll of a task's body is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Poll the future.
    Run,
    /// Drop the future and end cancelled: cancelled before its first step, cancelled in a foreign
    /// wait, or aborted.
    DropBody,
    /// Drop the future and say nothing: the loop is being closed.
    Kill,
}

/// A task: a future that drives a body.
///
/// Laid out as it is written: what every step touches stands together, which the processor's cache
/// is for where there are many tasks.
#[repr(C)]
pub(crate) struct TaskCell {
    pub(crate) number: TaskNumber,
    /// How many steps it has begun.
    pub(crate) steps: u32,
    /// The number of the last poll of a wait before its last step, and before the one before that.
    pub(crate) since: u64,
    pub(crate) before: u64,
    /// A cancel that no wait has accepted: it is delivered at the next step.
    pub(crate) must_cancel: Option<BoundaryId>,
    /// A cancel that waits have accepted, until one of them is polled or dropped: how far it
    /// reaches.
    pub(crate) owed: Option<BoundaryId>,
    pub(crate) variables: Variables,
    /// What few tasks have.
    pub(crate) rare: Option<Box<Rare>>,
    pub(crate) owner: LoopId,
    /// Neither detached nor dropped while the body lives: a detached, parked task without a waker
    /// leaks its future, and dropping the handle would drop the body in place. True until the loop
    /// has given up what it holds of the task, once the body has ended.
    pub(crate) held: bool,
    /// A runnable of it stands in the ready queue.
    pub(crate) scheduled: bool,
    pub(crate) order: Order,
    /// It closes a generator: a cancel before its first step is raised in that one's body.
    pub(crate) closes_generator: bool,
    /// How often it was cancelled less how often that was taken back.
    pub(crate) cancels: u32,
    pub(crate) future: FutureId,
    /// Waits of ours in which it is parked, in the order in which they were parked.
    pub(crate) first_wait: WaitId,
    pub(crate) last_wait: WaitId,
    /// Its name in every run, and its parent's number.
    pub(crate) key: TaskKey,
    pub(crate) parent: TaskNumber,
    /// How many tasks it has spawned.
    pub(crate) children: u32,
    /// How many resources it has made.
    pub(crate) made: u32,
    /// The number in the name of a task that was given none.
    pub(crate) unnamed: u32,
    /// What it is about to do at its next step.
    pub(crate) next: Operation,
    pub(crate) name: Option<Rc<str>>,
    pub(crate) location: &'static Location<'static>,
}

/// What few tasks have.
#[derive(Default)]
pub(crate) struct Rare {
    /// Where the pending cancel is to go if it stands for several; empty if it is for one place.
    pub(crate) scopes: Vec<BoundaryId>,
    /// Boundaries of timeouts, groups and generators that have cancelled the task and not yet taken
    /// it back.
    pub(crate) expired: Vec<BoundaryId>,
    /// The message of the cancel that is owed.
    owed_message: Option<Message>,
    /// Groups whose blocks were dropped in this task and whose children have not ended; the task
    /// is not done before they have.
    pub(crate) adopted: u32,
    /// How the task ended, until it is done.
    pub(crate) deferred: Option<Finished>,
}

/// The context variables of a task, shared until one is set.
pub(crate) type Variables = Option<Rc<Vec<(u64, Rc<dyn Any>)>>>;

/// What a wait waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A future that others may wait for too.
    Future(FutureId),
    /// Nothing but to be told: the wait of a primitive or a timer.
    Own,
    /// The same where it cannot fail: to a cancel it is as foreign as any other future that knows
    /// no cancel, but reports can name it.
    Infallible,
    /// A future's end, where that wait cannot fail either.
    End(FutureId),
    /// Something foreign inside this boundary.
    Boundary(BoundaryId),
}

/// Whether a wait of its own was told to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    NotYet,
    GoOn,
    Cancelled,
}

/// One wait of a task.
///
/// Laid out as it is written, as a [task](TaskCell).
#[repr(C)]
pub(crate) struct WaitCell {
    /// The task that is parked in it; none before that.
    pub(crate) task: TaskId,
    /// The boundary in which it stands.
    pub(crate) boundary: BoundaryId,
    pub(crate) target: Target,
    /// Of a wait of its own.
    pub(crate) told: Told,
    /// A cancel of the task went to it, and it was not polled since.
    pub(crate) asked: bool,
    /// Of its label, with what else that has.
    access: Access,
    /// The number of its last poll among all of them; 1 if what polled it is over since, and 0 if
    /// it was polled by a waker that is not the task's own, since whoever has made that waker need
    /// not poll it at each step.
    pub(crate) polled: u64,
    /// `None` is the task's own waker.
    pub(crate) waker: Option<Waker>,
    /// Its neighbours in the list of its task.
    pub(crate) previous: WaitId,
    pub(crate) next: WaitId,
    operation: &'static str,
    object: ObjectId,
    pub(crate) location: &'static Location<'static>,
    /// The message of the cancel that it was told.
    pub(crate) message: Option<Box<Message>>,
}

/// A combinator that holds a future: what a cancel of a foreign wait drops ends here.
pub(crate) struct BoundaryCell {
    pub(crate) task: TaskId,
    pub(crate) parent: BoundaryId,
    /// Waits and boundaries right inside that were polled by wakers other than the task's own:
    /// they count whether or not the last poll has come to them. The others tell at each poll.
    pub(crate) apart: u32,
    /// It is among those of its parent.
    pub(crate) counted: bool,
    /// Nobody awaits what is inside: a generator stands at its `yield_`.
    pub(crate) away: bool,
    /// The body of a generator that was left in the middle of an await: nobody awaits it.
    pub(crate) abandoned: bool,
    /// The wait that stands for a foreign wait inside.
    pub(crate) wait: WaitId,
    /// A cancel is to drop what is inside.
    pub(crate) cancelled: bool,
    pub(crate) message: Option<Message>,
    pub(crate) location: &'static Location<'static>,
}

/// A loop.
pub(crate) struct LoopCell {
    /// Among those of its thread, in the order in which they were made.
    pub(crate) number: u64,
    pub(crate) refs: u32,
    /// What is ready, while it does not run.
    pub(crate) ready: Ready,
    pub(crate) timers: Timers,
    pub(crate) running: bool,
    pub(crate) stopping: bool,
    pub(crate) closed: bool,
    /// The end that breaks the loop at once: exit, interrupt, a panic, a limit.
    pub(crate) fatal: Option<Error>,
    /// It was ended by something after which nothing may run any more: a panic, a deadlock, a
    /// limit.
    pub(crate) broken: bool,
    pub(crate) handler: Option<Handler>,
    pub(crate) slow_callback: std::time::Duration,
    /// Open async generators, in the order of their first iteration.
    pub(crate) generators: BTreeMap<u64, Rc<dyn OpenGenerator>>,
    pub(crate) generators_closed: bool,
    pub(crate) default_executor: Option<Rc<dyn Any>>,
    pub(crate) executor_closed: bool,
}

impl TaskCell {
    pub(crate) fn new(location: &'static Location<'static>) -> Self {
        TaskCell {
            number: 0,
            steps: 0,
            since: 1,
            before: 1,
            must_cancel: None,
            owed: None,
            variables: None,
            rare: None,
            owner: Id::NONE,
            held: true,
            scheduled: false,
            order: Order::Run,
            closes_generator: false,
            cancels: 0,
            future: Id::NONE,
            first_wait: Id::NONE,
            last_wait: Id::NONE,
            key: TaskKey::LOOP,
            parent: 0,
            children: 0,
            made: 0,
            unnamed: 0,
            next: Operation::UNKNOWN,
            name: None,
            location,
        }
    }

    /// Tells whether its next step may well be its last: it is its first, or the body is dropped.
    pub(crate) fn ends_soon(&self) -> bool {
        self.steps == 0 || self.order != Order::Run
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Where the pending cancel is to go if it stands for several.
    pub(crate) fn scopes(&self) -> &[BoundaryId] {
        self.rare.as_ref().map_or(&[], |rare| &rare.scopes)
    }

    /// Boundaries that have cancelled the task and not yet taken it back.
    pub(crate) fn expired(&self) -> &[BoundaryId] {
        self.rare.as_ref().map_or(&[], |rare| &rare.expired)
    }

    pub(crate) fn set_owed(&mut self, scope: BoundaryId, message: Option<Message>) {
        self.owed = Some(scope);
        if message.is_some() || self.rare.is_some() {
            self.rare_mut().owed_message = message;
        }
    }

    pub(crate) fn take_owed(&mut self) -> Option<(BoundaryId, Option<Message>)> {
        let message = self.rare.as_mut().and_then(|rare| rare.owed_message.take());
        self.owed.take().map(|scope| (scope, message))
    }

    /// How many groups' children it has to wait for.
    pub(crate) fn adopted(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.adopted)
    }

    /// Tells whether its body has ended and it is not done.
    pub(crate) fn is_deferred(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.deferred.is_some())
    }
}

impl FutureCell {
    pub(crate) fn new(owner: LoopId, kind: Kind) -> Self {
        FutureCell {
            state: State::Pending,
            unretrieved: false,
            watched: false,
            misused: false,
            refs: 1,
            owner,
            kind,
            callbacks: Callbacks::None,
            outcome: Outcome::Empty,
            message: None,
            clone: None,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state != State::Pending
    }

    /// Takes the cancel that an awaiter gets: the saved one first, then fresh ones.
    pub(crate) fn take_cancelled(&mut self) -> Cancelled {
        match self.take_saved() {
            Some(saved) => saved,
            None => Cancelled::from_option(self.message.clone()),
        }
    }

    /// Takes the cancel that the first awaiter gets.
    pub(crate) fn take_saved(&mut self) -> Option<Cancelled> {
        match std::mem::replace(&mut self.outcome, Outcome::Empty) {
            Outcome::Cancelled(saved) => Some(saved),
            other => {
                self.outcome = other;
                None
            }
        }
    }
}

impl WaitCell {
    #[inline]
    pub(crate) fn new(target: Target, label: Label, location: &'static Location<'static>) -> Self {
        WaitCell {
            task: Id::NONE,
            target,
            told: Told::NotYet,
            message: None,
            boundary: Id::NONE,
            waker: None,
            polled: 0,
            asked: false,
            operation: label.operation,
            object: label.object,
            access: label.access,
            location,
            previous: Id::NONE,
            next: Id::NONE,
        }
    }

    pub(crate) fn label(&self) -> Label {
        Label { operation: self.operation, object: self.object, access: self.access }
    }

    /// Tells whether a cancel finds it, in contrast to what is foreign or cannot fail.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.target, Target::Future(_) | Target::Own)
    }

    /// Tells whether it counts in its boundary by itself: it was polled by another waker than the
    /// task's own.
    pub(crate) fn is_apart(&self) -> bool {
        self.polled == 0 && self.is_ours()
    }

    /// The innermost boundary around what is waited for.
    pub(crate) fn boundary_of_wait(&self) -> BoundaryId {
        match self.target {
            Target::Future(_) | Target::Own | Target::Infallible | Target::End(_) => self.boundary,
            Target::Boundary(boundary) => boundary,
        }
    }
}

impl LoopCell {
    pub(crate) fn new(number: u64, (ready, timers): (Ready, Timers)) -> Self {
        LoopCell {
            number,
            refs: 1,
            ready,
            timers,
            running: false,
            stopping: false,
            closed: false,
            fatal: None,
            broken: false,
            handler: None,
            slow_callback: SLOW_CALLBACK,
            generators: BTreeMap::new(),
            generators_closed: false,
            default_executor: None,
            executor_closed: false,
        }
    }

    /// Takes the timers that are due into the ready queue of the running loop, which this is, in
    /// the order of their deadlines. Returns how many there were.
    pub(crate) fn take_due(&mut self, now: Instant, ready: &mut Ready) -> usize {
        let before = ready.len();
        while let Some(due) = self.timers.pop_due(now) {
            ready.push(due.into_entry());
        }
        ready.len() - before
    }
}
