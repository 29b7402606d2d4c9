//! The kernel's state of one thread and the small operations on it.

use std::any::Any;
use std::panic::Location;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use async_task::Runnable;

use super::callback::{Callback, CallbackKey};
use super::cell::{
    BoundaryCell, BoundaryId, FutureCell, FutureId, Kind, LoopCell, LoopId, Order, Outcome,
    TaskCell, Variables, WaitCell, WaitId,
};
use super::context::try_with_context;
use super::extension::Extension;
use super::handle::{Call, HandleCell, HandleId, is_live};
use super::outside::OutsideEvents;
use super::ready::{Entry, Ready};
use super::session::Session;
use super::step::ends_at_once;
use super::tasks::{TaskId, Tasks};
use super::timer::{Due, Timers};
use super::waits::Step;
use super::waker::TaskMeta;
use crate::base::{
    Access, Candidate, ChoiceKind, Error, Event, FaultRate, Id, Instant, LimitExceeded, Moment,
    Operation, Question, ResourceKey, Slab, Source, TaskNumber,
};

/// Everything that handles are ids of, apart from the shared objects.
pub(crate) struct Core {
    pub(crate) futures: Slab<FutureCell>,
    pub(crate) tasks: Tasks,
    pub(crate) waits: Slab<WaitCell>,
    /// How many polls have left a task parked in a wait, and one.
    pub(crate) polls: u64,
    pub(crate) boundaries: Slab<BoundaryCell>,
    pub(crate) handles: Slab<HandleCell>,
    pub(crate) loops: Slab<LoopCell>,
    /// The empty queues of a loop that is gone, for their memory.
    pub(crate) spare_queues: Option<(Ready, Timers)>,
    /// What is being polled knows no cancel: its waits are foreign to one.
    pub(crate) without_cancel: bool,
    /// How many loops were made on this thread.
    pub(crate) loops_made: u64,
    /// The loop that runs, or none.
    pub(crate) running: LoopId,
    /// What is ready in it, which each step asks for; that of another loop stands there.
    pub(crate) ready: Ready,
    /// The loop that `set_event_loop` made current, or none.
    pub(crate) current: LoopId,
    pub(crate) session: Session,
    pub(crate) outside: OutsideEvents,
    pub(crate) step: Step,
    /// Something out of the ordinary is to be dealt with before the next entry is taken.
    pub(crate) attention: bool,
    /// How many entries are left in the iteration.
    pub(crate) todo: usize,
    /// Something outside of the loops runs: a job of a pool.
    pub(crate) source_outside: bool,
    /// The task in the middle of whose step something outside runs, or none.
    pub(crate) interrupted: TaskId,
    /// What upper layers keep.
    pub(crate) extensions: Vec<Rc<dyn Extension>>,
    /// The context variables of what runs.
    pub(crate) variables: Variables,
    /// What is to be dropped once the borrow has ended.
    pub(crate) trash: Vec<Trash>,
    pub(crate) callback_keys: u64,
    pub(crate) interrupts: Interrupts,
}

/// What may run the user's code when it is dropped.
#[expect(dead_code, reason = "it is there to be dropped")]
pub(crate) enum Trash {
    Waker(Waker),
    Error(Error),
    Other(Box<dyn Any>),
}

/// The main task of the runner, and how often Ctrl-C was pressed on it.
#[derive(Clone, Copy)]
pub(crate) struct Interrupts {
    pub(crate) main: FutureId,
    pub(crate) count: u32,
}

impl Default for Interrupts {
    fn default() -> Self {
        Interrupts { main: Id::NONE, count: 0 }
    }
}

impl Core {
    pub(crate) const fn new() -> Self {
        Core {
            futures: Slab::new(),
            tasks: Tasks::new(),
            waits: Slab::new(),
            polls: 1,
            boundaries: Slab::new(),
            handles: Slab::new(),
            loops: Slab::new(),
            spare_queues: None,
            without_cancel: false,
            loops_made: 0,
            running: Id::NONE,
            ready: Ready::new(),
            current: Id::NONE,
            session: Session::new(),
            outside: OutsideEvents::new(),
            step: Step::NONE,
            attention: false,
            todo: 0,
            source_outside: false,
            interrupted: Id::NONE,
            extensions: Vec::new(),
            variables: None,
            trash: Vec::new(),
            callback_keys: 0,
            interrupts: Interrupts { main: Id::NONE, count: 0 },
        }
    }

    /// The loop that runs, as the program sees it: none in a job of a pool, which is on another
    /// thread.
    pub(crate) fn running_loop(&self) -> Option<LoopId> {
        (!self.running.is_none() && !self.source_outside).then_some(self.running)
    }

    /// Tells whether `task` is in the middle of its step.
    pub(crate) fn is_running(&self, task: TaskId) -> bool {
        self.step.task == task || self.interrupted == task
    }

    /// Tells whether something has ended the running loop after which nothing may run any more.
    pub(crate) fn is_broken(&self) -> bool {
        let running = self.loops.get(self.running);
        running.is_some_and(|cell| cell.broken || cell.fatal.as_ref().is_some_and(ends_at_once))
    }

    /// Who runs.
    pub(crate) fn source(&self) -> Source {
        match self.step.number {
            _ if self.source_outside => Source::Outside,
            0 => Source::Loop,
            task => Source::Task(task),
        }
    }

    /// The number of the task that runs, 0 for none.
    pub(crate) fn current_number(&self) -> TaskNumber {
        if self.source_outside { 0 } else { self.step.number }
    }

    /// The task that runs, by what a report calls it.
    pub(crate) fn current_name(&self) -> String {
        if self.source_outside {
            let named = self.extensions.iter().find_map(|extension| extension.running());
            return named.unwrap_or_else(|| "something outside".to_owned());
        }
        match self.tasks.get(self.step.task) {
            Some(task) => format!("task '{}'", task.name()),
            None => "a callback".to_owned(),
        }
    }

    /// Ends the running loop at once, in the middle of its iteration.
    pub(crate) fn break_loop(&mut self, error: Error) {
        self.break_loop_of(self.running, error);
    }

    /// Ends a loop at once, or when it runs next. The first error is the one that it ends with.
    pub(crate) fn break_loop_of(&mut self, owner: LoopId, error: Error) {
        // What would have run comes to nothing.
        self.meets_everything();
        self.attention = true;
        match self.loops.get_mut(owner) {
            Some(cell) if cell.fatal.is_none() => cell.fatal = Some(error),
            _ => self.trash.push(Trash::Error(error)),
        }
    }

    /// Lets something that may hold what is the user's be dropped after the borrow.
    pub(crate) fn discard(&mut self, thing: impl Any) {
        self.trash.push(Trash::Other(Box::new(thing)));
    }

    /// Counts something that happens outside of the loop's own entries; see the next.
    pub(crate) fn count_step(&mut self) {
        self.session.step += 1;
        self.check_step_limits();
    }

    /// Counts an await of ours that may not wait; false when a limit is passed, or the loop was
    /// broken otherwise: then the task is to stop where it is.
    pub(crate) fn count_await(&mut self) -> bool {
        self.session.awaits += 1;
        self.check_step_limits();
        self.goes_on()
    }

    /// Tells whether the task that runs may go on: nothing has broken the loop in its step.
    pub(crate) fn goes_on(&self) -> bool {
        !self.attention || !self.is_broken()
    }

    /// Breaks the loop when a limit on steps is passed.
    pub(crate) fn check_step_limits(&mut self) {
        if self.session.is_check_due() {
            self.check_limits();
        }
    }

    #[cold]
    fn check_limits(&mut self) {
        if let Some(limit) = self.session.passed_limit() {
            self.break_by_limit(&limit);
        }
    }

    pub(crate) fn break_by_limit(&mut self, limit: &str) {
        let who = self.current_name();
        self.break_by_limit_of(limit, &who);
    }

    pub(crate) fn break_by_limit_of(&mut self, limit: &str, who: &str) {
        if self.is_broken() {
            return;
        }
        let (now, tasks) = (self.session.now, self.tasks_text());
        let text =
            format!("limit of {limit} reached at {now} in {who}; see `Limits` to raise it{tasks}");
        self.break_loop(Error::new(LimitExceeded::new(text)));
    }

    /// Makes a pending future of `owner`.
    pub(crate) fn new_future(&mut self, owner: LoopId, kind: Kind) -> FutureId {
        let future = self.futures.insert(FutureCell::new(owner, kind));
        self.name_future(future);
        future
    }

    pub(crate) fn is_done(&self, future: FutureId) -> bool {
        self.futures.get(future).is_none_or(FutureCell::is_done)
    }

    /// The same where a policy is to know of it.
    pub(crate) fn ask_done(&mut self, future: FutureId) -> bool {
        self.meets_future(future, Access::Read);
        self.is_done(future)
    }

    /// The task behind a future, if there is one.
    pub(crate) fn task_of(&self, future: FutureId) -> Option<TaskId> {
        match self.futures.get(future)?.kind {
            Kind::Task(task) => Some(task),
            _ => None,
        }
    }

    pub(crate) fn next_key(&mut self) -> CallbackKey {
        self.callback_keys += 1;
        CallbackKey(self.callback_keys)
    }

    /// Appends what is to be done when a future is done, with the latest key.
    pub(crate) fn add_callback(&mut self, future: FutureId, callback: Callback) {
        let Core { futures, waits, .. } = self;
        let cell = &mut futures[future];
        cell.watched = true;
        cell.callbacks.make_room(|wait| waits.contains(wait));
        cell.callbacks.push(callback);
    }

    /// Wakes a task through its own waker. This is safe inside a borrow: the waker is
    /// async-task's and does nothing but hand over the runnable.
    #[inline]
    pub(crate) fn wake_task(&mut self, task: TaskId) {
        self.meets_task(task);
        let runnable = try_with_context(|context| {
            context.collecting.set(true);
            self.tasks.wake(task);
            context.collecting.set(false);
            context.incoming.take()
        });
        if let Some(Some(runnable)) = runnable {
            self.enqueue(runnable);
        }
    }

    /// Puts a task's step into the ready queue of its loop.
    #[inline(always)]
    pub(crate) fn enqueue(&mut self, runnable: Runnable<TaskMeta>) {
        let cell = self.tasks.of(runnable.metadata());
        cell.scheduled = true;
        let owner = cell.owner;
        if self.session.observed {
            self.tell_woken(runnable.metadata(), owner);
        }
        self.ready_of(owner).push_step(runnable);
    }

    /// What is ready in a loop.
    #[inline]
    fn ready_of(&mut self, owner: LoopId) -> &mut Ready {
        match owner == self.running {
            true => &mut self.ready,
            false => &mut self.loops[owner].ready,
        }
    }

    /// Tells those who look on that a step becomes ready.
    #[inline(never)]
    fn tell_woken(&mut self, task: &TaskMeta, owner: LoopId) {
        let candidate = self.tasks.of(task).candidate();
        let number = candidate.number;
        self.meets(ResourceKey::of_task(candidate.moment.task), Access::Write);
        if self.session.is_recording() {
            let by = self.source();
            self.session.note(Event::Woken { task: number, by });
        }
        if self.session.counts_orders() {
            self.session.inform(number, self.step.number);
        }
        if self.ready_of(owner).is_watched() {
            self.session.became_ready(&candidate);
            self.ready_of(owner).announce(candidate);
        }
    }

    /// The step of a task in which something is decided.
    pub(crate) fn moment(&self) -> Moment {
        match self.tasks.get(self.step.task) {
            Some(cell) if !self.source_outside => Moment { task: cell.key, step: cell.steps },
            _ => Moment::default(),
        }
    }

    /// Takes one of `0..bound`.
    pub(crate) fn choose(&mut self, kind: ChoiceKind, bound: u32) -> u32 {
        let mut question = Question::new(kind, bound, self.moment());
        question.is_cancelled = self.is_being_cancelled();
        self.session.choose(question)
    }

    /// Decides whether a fault strikes that the program has asked for, and which: 0 is none.
    pub(crate) fn choose_fault(&mut self, fault: FaultRate, bound: u32) -> u32 {
        let value = self.choose_later_fault(fault, bound);
        if value != 0 {
            self.session.note_fault(fault.class, String::new);
        }
        value
    }

    /// The same for a fault that is to strike later: whoever lets it strike has to note it.
    pub(crate) fn choose_later_fault(&mut self, fault: FaultRate, bound: u32) -> u32 {
        if fault.in_a_million == 0 {
            return 0;
        }
        let mut question = Question::new(ChoiceKind::Fault, bound, self.moment());
        question.fault = Some(fault);
        self.session.choose(question)
    }

    /// Tells whether the task that runs is to be cancelled when it gives way.
    fn is_being_cancelled(&self) -> bool {
        let Some(cell) = self.tasks.get(self.step.task) else { return false };
        cell.must_cancel.is_some() || self.step.deliver.is_some() && !self.step.delivered
    }

    /// What the task that runs, or another one, has done to a resource.
    pub(crate) fn touch(&mut self, operation: Operation) {
        self.meets(operation.resource, operation.access);
        self.touch_order(operation);
    }

    /// The same for the order of operations only.
    pub(crate) fn touch_order(&mut self, operation: Operation) {
        if self.session.counts_orders() {
            let task = self.current_number();
            self.session.touch(task, operation);
        }
    }

    /// Queues a call on `owner`, or refuses when it is closed.
    pub(crate) fn queue_call(
        &mut self,
        owner: LoopId,
        call: Call,
        operation: &'static str,
        location: &'static Location<'static>,
    ) -> Result<HandleId, Call> {
        if self.loops.get(owner).is_none_or(|cell| cell.closed) {
            return Err(call);
        }
        let id = self.new_handle(owner, call, operation, location, false);
        self.meets(ResourceKey::CALLS, Access::Write);
        self.ready_of(owner).push(Entry::Call(id));
        Ok(id)
    }

    /// Sets a call for `when`, or refuses when the loop is closed.
    pub(crate) fn set_timer(
        &mut self,
        owner: LoopId,
        when: Instant,
        call: Call,
        operation: &'static str,
        location: &'static Location<'static>,
    ) -> Result<HandleId, Call> {
        if self.loops.get(owner).is_none_or(|cell| cell.closed) {
            return Err(call);
        }
        let id = self.new_handle(owner, call, operation, location, true);
        self.push_timer(owner, when, Due::Call(id));
        Ok(id)
    }

    fn new_handle(
        &mut self,
        owner: LoopId,
        call: Call,
        operation: &'static str,
        location: &'static Location<'static>,
        waiting: bool,
    ) -> HandleId {
        let handle = HandleCell {
            call: Some(call),
            cancelled: false,
            waiting,
            gone: false,
            refs: 0,
            owner,
            operation,
            location,
            variables: self.variables.clone(),
        };
        let id = self.handles.insert(handle);
        self.name_handle(id);
        self.place_call(id, operation);
        id
    }

    /// Lets a wait be told to go on at `when`: the timer of a sleep. Without a running loop, where
    /// nobody can wait, nothing happens.
    pub(crate) fn set_sleep(&mut self, when: Instant, wait: WaitId) {
        if !self.running.is_none() {
            self.push_timer(self.running, when, Due::Elapsed(wait));
        }
    }

    fn push_timer(&mut self, owner: LoopId, when: Instant, due: Due) {
        self.meets_instant(when);
        self.loops[owner].timers.push(when, due);
        if when <= self.session.now {
            self.look_again();
        }
    }

    /// Takes note that a timer in the heap of `owner` will do nothing.
    pub(crate) fn note_dead_timer(&mut self, owner: LoopId) {
        let Core { loops, handles, waits, .. } = self;
        if let Some(cell) = loops.get_mut(owner)
            && cell.timers.note_dead()
        {
            cell.timers.sweep(|due| is_live(handles, waits, due));
        }
    }

    /// The earliest deadline of a timer of the loop that will do something.
    pub(crate) fn next_timer(&mut self, owner: LoopId) -> Option<Instant> {
        let Core { loops, handles, waits, .. } = self;
        loops[owner].timers.next_deadline(|due| is_live(handles, waits, due))
    }

    /// Opens a boundary inside the one that is being polled.
    pub(crate) fn open_boundary(&mut self, location: &'static Location<'static>) -> BoundaryId {
        self.boundaries.insert(BoundaryCell {
            task: self.step.task,
            parent: self.step.boundary,
            apart: 0,
            counted: false,
            away: false,
            abandoned: false,
            wait: Id::NONE,
            cancelled: false,
            message: None,
            location,
        })
    }

    /// Closes a boundary.
    pub(crate) fn close_boundary(&mut self, boundary: BoundaryId) {
        let Some(cell) = self.boundaries.remove(boundary) else { return };
        self.unpark(cell.wait);
        if cell.counted {
            self.count_apart(cell.parent, -1);
        }
        if let Some(task) = self.tasks.get_mut(cell.task) {
            task.rare.iter_mut().for_each(|rare| rare.expired.retain(|it| *it != boundary));
        }
    }

    /// Takes a value out of a finished future: copied if a handle was cloned, else moved.
    pub(crate) fn take_outcome(&mut self, future: FutureId) -> Outcome {
        match self.futures.get_mut(future) {
            Some(cell) => std::mem::replace(&mut cell.outcome, Outcome::Empty),
            None => Outcome::Empty,
        }
    }
}

impl TaskCell {
    /// The task's name: the one given, or `Task-N`.
    pub(crate) fn name(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => format!("Task-{}", self.unnamed),
        }
    }

    /// Its next step, as a policy sees it.
    pub(crate) fn candidate(&self) -> Candidate {
        let moment = Moment { task: self.key, step: self.steps + 1 };
        Candidate { moment, number: self.number, parent: self.parent, next: self.next }
    }

    /// Tells whether it is enough to poll it.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.takes_no_notice() && self.variables.is_none()
    }

    /// Tells whether neither a cancel nor an order waits for its next step.
    #[inline]
    pub(crate) fn takes_no_notice(&self) -> bool {
        self.must_cancel.is_none() && self.owed.is_none() && self.order == Order::Run
    }

    pub(crate) fn drops_body(&self) -> bool {
        self.order != Order::Run
    }
}

/// What is wrong with polling one of our futures where no task runs.
pub(super) const POLLED_OUTSIDE: &str = "a future of seedloop was polled outside of its tasks; \
     spawn it on the loop, or hand it to `seedloop::run`";

/// How long a step may take before it is reported, unless set otherwise.
pub(crate) const SLOW_CALLBACK: Duration = Duration::from_millis(100);
