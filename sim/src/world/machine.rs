//! The simulated machine: threads that block and go on in virtual time.
//!
//! A *thread* here is a strand that works for a pool; number 0 is the one on which the loop runs.
//! All of them share the one real thread. To block is to take a ticket, leave it with whoever will
//! wake it, and stop: a strand gives control back, while the loop's thread lets things happen
//! outside until its ticket is called.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{Location, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::panicking;

use super::cpu::Cpu;
use super::host::Life;
use super::inside::is_inside;
use super::job::Job;
use super::pool_core::{PoolCore, work};
use super::strand::{Link, Stacks, Strand};
use crate::base::{BlockedJob, BlockedWait, Error, Instant};
use crate::event_loop::{
    Extension, OutsideKey, Pumped, Variables, call_outside_at, cancel_outside, catch_quietly,
    describe_blocked_loop, extension, pump_outside, run_outside, with,
};

pub(super) type ThreadNumber = u32;

/// The thread on which the loop runs.
pub(super) const LOOP: ThreadNumber = 0;

/// Names one wait of one thread: a wake for a wait that is over does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) thread: ThreadNumber,
    number: u64,
}

/// What a thread waits for.
#[derive(Clone)]
pub(super) enum Awaited {
    /// That time passes.
    Time,
    /// That it has computed.
    Core,
    /// The end of a job.
    Job(Arc<Job>),
    /// That a pool is idle.
    Pool(Arc<PoolCore>),
}

/// The latest wait of a thread.
struct Wait {
    ticket: u64,
    woken: bool,
    awaited: Option<(Awaited, &'static Location<'static>)>,
    /// What wakes it when time has passed.
    timer: Option<OutsideKey>,
}

/// A thread of a pool.
struct Thread {
    /// `None` while it runs.
    strand: Option<Strand>,
    link: Rc<Link>,
    pool: Arc<PoolCore>,
    job: Option<Arc<Job>>,
    wait: Wait,
    /// The context variables of its job.
    variables: Variables,
}

/// All that is simulated of a computer for pools.
pub(super) struct Machine {
    /// Tells simulations apart, on all threads of the process.
    epoch: Cell<u64>,
    current: Cell<ThreadNumber>,
    threads: RefCell<BTreeMap<ThreadNumber, Thread>>,
    /// The waits of the loop's thread: what happens outside while it is blocked may block it again.
    loop_waits: RefCell<Vec<Wait>>,
    stacks: RefCell<Stacks>,
    pub(super) cpu: RefCell<Cpu>,
    pub(super) cpu_event: Cell<Option<OutsideKey>>,
    pools: RefCell<Vec<Weak<PoolCore>>>,
    threads_started: Cell<u32>,
    jobs_submitted: Cell<u32>,
    pools_named: Cell<u32>,
    tickets: Cell<u64>,
    /// Context variables for jobs that have not begun.
    kept_variables: RefCell<BTreeMap<u64, Variables>>,
}

static EPOCHS: AtomicU64 = AtomicU64::new(1);

/// Ends the jobs of a host that crashes.
pub(super) fn crash_jobs(life: Life) {
    let pools: Vec<_> = machine().pools.borrow().iter().filter_map(Weak::upgrade).collect();
    pools.iter().for_each(|pool| pool.crash_jobs(life));
}

/// Returns the machine of this thread.
pub(super) fn machine() -> Rc<Machine> {
    extension::<Machine>()
}

impl Default for Machine {
    fn default() -> Self {
        Machine {
            epoch: Cell::new(EPOCHS.fetch_add(1, Ordering::Relaxed)),
            current: Cell::new(LOOP),
            threads: RefCell::default(),
            loop_waits: RefCell::default(),
            stacks: RefCell::default(),
            cpu: RefCell::default(),
            cpu_event: Cell::new(None),
            pools: RefCell::default(),
            threads_started: Cell::new(0),
            jobs_submitted: Cell::new(0),
            pools_named: Cell::new(0),
            tickets: Cell::new(0),
            kept_variables: RefCell::default(),
        }
    }
}

impl Wait {
    const NONE: Wait = Wait { ticket: 0, woken: true, awaited: None, timer: None };
}

fn increment(counter: &Cell<u32>) -> u32 {
    counter.set(counter.get() + 1);
    counter.get()
}

impl Machine {
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    pub(super) fn current(&self) -> ThreadNumber {
        self.current.get()
    }

    /// The pool for which the running thread works; none on the loop's.
    pub(super) fn current_pool(&self) -> Option<Arc<PoolCore>> {
        let threads = self.threads.borrow();
        threads.get(&self.current.get()).map(|thread| Arc::clone(&thread.pool))
    }

    /// The job on which the running thread works.
    pub(super) fn current_job(&self) -> Option<Arc<Job>> {
        self.threads.borrow().get(&self.current.get())?.job.clone()
    }

    pub(super) fn next_job_number(&self) -> u32 {
        increment(&self.jobs_submitted)
    }

    pub(super) fn next_pool_number(&self) -> u32 {
        increment(&self.pools_named)
    }

    pub(super) fn add_pool(&self, pool: &Arc<PoolCore>) {
        let mut pools = self.pools.borrow_mut();
        pools.retain(|known| known.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// Keeps the context variables of what runs until the job to which the key is given begins.
    pub(super) fn keep_variables(&self) -> u64 {
        let key = self.next_ticket();
        let variables = with(|core| core.variables.clone());
        self.kept_variables.borrow_mut().insert(key, variables);
        key
    }

    pub(super) fn take_variables(&self, key: u64) -> Variables {
        self.kept_variables.borrow_mut().remove(&key).flatten()
    }

    fn next_ticket(&self) -> u64 {
        self.tickets.set(self.tickets.get() + 1);
        self.tickets.get()
    }

    /// Starts a thread for a pool, at once.
    pub(super) fn start_thread(&self, pool: Arc<PoolCore>) {
        let number = increment(&self.threads_started);
        let stack = self.stacks.borrow_mut().take();
        let of_pool = Arc::clone(&pool);
        let strand = Strand::new(stack, move || work(of_pool));
        let (link, wait, variables) = (strand.link(), Wait::NONE, None);
        let thread = Thread { strand: Some(strand), link, pool, job: None, wait, variables };
        self.threads.borrow_mut().insert(number, thread);
        if panicking() {
            // No other code runs in the middle of a panic.
            call_outside_at(now(), Box::new(move || machine().resume(number)));
        } else {
            self.resume(number);
        }
    }

    /// Tells which job the running thread works on from now on.
    pub(super) fn set_job(&self, job: Option<Arc<Job>>) {
        let mut threads = self.threads.borrow_mut();
        let Some(thread) = threads.get_mut(&self.current.get()) else { return };
        let old = std::mem::replace(&mut thread.job, job);
        drop(threads);
        drop(old);
    }

    /// Lets a thread go on until it blocks again or ends.
    fn resume(&self, number: ThreadNumber) {
        let (epoch, taken) = (self.epoch.get(), self.take_strand(number));
        let Some((mut strand, variables)) = taken else { return };
        let before = self.current.replace(number);
        let (variables, result) = run_outside(variables, || {
            with(|core| core.count_step());
            strand.resume()
        });
        self.current.set(before);
        let ended = match result {
            Ok(ended) => ended,
            Err(panicked) => {
                with(|core| core.break_loop(Error::new(panicked)));
                true
            }
        };
        if !ended && self.epoch.get() == epoch {
            if let Some(thread) = self.threads.borrow_mut().get_mut(&number) {
                thread.strand = Some(strand);
                thread.variables = variables;
            }
        } else {
            self.bury(number, strand, variables);
        }
    }

    fn take_strand(&self, number: ThreadNumber) -> Option<(Strand, Variables)> {
        let mut threads = self.threads.borrow_mut();
        let thread = threads.get_mut(&number)?;
        Some((thread.strand.take()?, thread.variables.take()))
    }

    /// Gives up a thread: unwinds its code if it has not ended, and keeps its stack.
    fn bury(&self, number: ThreadNumber, mut strand: Strand, variables: Variables) {
        let before = self.current.replace(number);
        let (variables, _) = run_outside(variables, || strand.end());
        self.current.set(before);
        let thread = self.threads.borrow_mut().remove(&number);
        self.forget_computation(number);
        if let Some(timer) = thread.as_ref().and_then(|thread| thread.wait.timer) {
            cancel_outside(timer);
        }
        catch_quietly(|| drop((thread, variables)));
        if let Some(stack) = strand.into_stack() {
            self.stacks.borrow_mut().give_back(stack);
        }
    }

    /// Unwinds a thread that is blocked, with the job on which it works; false if it runs.
    pub(super) fn end_thread(&self, number: ThreadNumber) -> bool {
        let taken = self.take_strand(number);
        let is_blocked = taken.is_some();
        if let Some((strand, variables)) = taken {
            // Destructors of a job run where the job did.
            self.bury(number, strand, variables);
        }
        is_blocked
    }

    /// The threads of a pool, in the order in which they were started, with their jobs.
    pub(super) fn threads_of(&self, pool: &Arc<PoolCore>) -> Vec<(ThreadNumber, Option<Arc<Job>>)> {
        let threads = self.threads.borrow();
        let of_pool = threads.iter().filter(|(_, thread)| Arc::ptr_eq(&thread.pool, pool));
        of_pool.map(|(number, thread)| (*number, thread.job.clone())).collect()
    }

    /// Ends the running thread from inside: its process is no more.
    pub(super) fn unwind_current(&self) -> ! {
        let link = self.current_link().expect("seedloop bug: the loop's thread cannot be unwound");
        link.unwind()
    }

    /// Tells whether the running thread was told to end.
    pub(super) fn is_ending(&self) -> bool {
        self.current_link().is_some_and(|link| link.is_ended())
    }

    fn current_link(&self) -> Option<Rc<Link>> {
        self.threads.borrow().get(&self.current.get()).map(|thread| Rc::clone(&thread.link))
    }
}

fn now() -> Instant {
    with(|core| core.session.now)
}

/// Blocking.
impl Machine {
    /// Tells whether the running thread may block: not in the middle of a panic, when no other
    /// code may run on the same real thread.
    ///
    /// # Panics
    ///
    /// Outside of a simulation, where no virtual time passes.
    #[track_caller]
    pub(super) fn may_block(&self, what: &str) -> bool {
        assert!(
            self.current.get() != LOOP || is_inside() || panicking(),
            "`{what}` was called outside of a simulation, where no virtual time passes; call it \
             inside `seedloop::run(async {{ .. }})`, from a task or from a job of a pool"
        );
        !panicking()
    }

    /// Takes a ticket for a wait of the running thread, which ends at `deadline` at the latest.
    pub(super) fn begin_wait(
        &self,
        awaited: Awaited,
        deadline: Option<Instant>,
        location: &'static Location<'static>,
    ) -> Ticket {
        let ticket = Ticket { thread: self.current.get(), number: self.next_ticket() };
        if !matches!(awaited, Awaited::Core) {
            self.release_gil(ticket.thread);
        }
        let timer = deadline
            .map(|when| call_outside_at(when, Box::new(move || machine().time_is_up(ticket))));
        let awaited = Some((awaited, location));
        let wait = Wait { ticket: ticket.number, woken: false, awaited, timer };
        if ticket.thread == LOOP {
            self.loop_waits.borrow_mut().push(wait);
        } else if let Some(thread) = self.threads.borrow_mut().get_mut(&ticket.thread) {
            // What the last wait was for was dropped when it ended.
            thread.wait = wait;
        }
        ticket
    }

    /// Works with the wait of a ticket, unless it is over.
    fn with_wait<R>(&self, ticket: Ticket, call: impl FnOnce(&mut Wait) -> R) -> Option<R> {
        if ticket.thread == LOOP {
            let mut waits = self.loop_waits.borrow_mut();
            return waits.iter_mut().find(|wait| wait.ticket == ticket.number).map(call);
        }
        let mut threads = self.threads.borrow_mut();
        let wait = &mut threads.get_mut(&ticket.thread)?.wait;
        (wait.ticket == ticket.number).then(|| call(wait))
    }

    fn time_is_up(&self, ticket: Ticket) {
        self.with_wait(ticket, |wait| wait.timer = None);
        self.wake(ticket);
    }

    /// Ends a wait: at once from the loop's thread when that looks outside, else by an event that
    /// happens now, behind those that were caused before.
    pub(super) fn wake(&self, ticket: Ticket) {
        let was_woken = self.with_wait(ticket, |wait| std::mem::replace(&mut wait.woken, true));
        if ticket.thread == LOOP || was_woken != Some(false) {
            return;
        }
        let (number, outside) = (ticket.thread, with(|core| core.source_outside));
        if outside && self.current.get() == LOOP {
            self.resume(number);
        } else {
            call_outside_at(now(), Box::new(move || machine().resume(number)));
        }
    }

    fn is_woken(&self, ticket: Ticket) -> bool {
        self.with_wait(ticket, |wait| wait.woken).unwrap_or(true)
    }

    /// Blocks the running thread until its ticket is called.
    pub(super) fn block(&self, ticket: Ticket) {
        match self.current_link() {
            Some(link) => {
                // A wake for an earlier wait may come late.
                while !self.is_woken(ticket) {
                    link.stop();
                }
            }
            None => self.block_loop(ticket),
        }
        self.end_wait(ticket);
    }

    fn end_wait(&self, ticket: Ticket) {
        let ended = self.with_wait(ticket, |wait| (wait.timer.take(), wait.awaited.take()));
        if ticket.thread == LOOP {
            self.loop_waits.borrow_mut().retain(|wait| wait.ticket != ticket.number);
        }
        if let Some((Some(timer), _)) = ended {
            cancel_outside(timer);
        }
    }

    /// Lets things happen outside until the ticket of the loop's thread is called.
    fn block_loop(&self, ticket: Ticket) {
        with(|core| core.count_step());
        while !self.is_woken(ticket) {
            match pump_outside() {
                Pumped::Happened => {}
                Pumped::Broken => {
                    self.abandon(ticket, "a blocking call was cut off: the run has ended");
                }
                Pumped::Stuck => {
                    let error = describe_blocked_loop(self.loop_is_blocked_by(ticket));
                    let text = error.to_string();
                    with(|core| core.break_loop(error));
                    self.abandon(ticket, &text);
                }
            }
        }
    }

    fn loop_is_blocked_by(&self, ticket: Ticket) -> BlockedWait {
        let awaited = self.with_wait(ticket, |wait| wait.awaited.clone()).flatten();
        let (awaited, location) = awaited.expect("seedloop bug: nothing is awaited");
        BlockedWait::new(awaited.to_string(), location)
    }

    /// Leaves code of the loop's thread that would block for ever; the loop ends with the error
    /// that was given to it.
    fn abandon(&self, ticket: Ticket, text: &str) -> ! {
        self.end_wait(ticket);
        self.forget_computation(LOOP);
        if with(|core| core.running.is_none()) {
            panic!("{text}");
        }
        // Without the panic hook: the loop's own error tells what happened.
        resume_unwind(Box::new(text.to_owned()))
    }
}

impl std::fmt::Display for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Awaited::Time => f.write_str("time"),
            Awaited::Core => f.write_str("a core"),
            Awaited::Job(job) => f.write_str(&job.name()),
            Awaited::Pool(pool) => write!(f, "the end of the jobs of pool '{}'", pool.name()),
        }
    }
}

impl Extension for Machine {
    fn end_simulation(&self) {
        self.epoch.set(EPOCHS.fetch_add(1, Ordering::Relaxed));
        let threads = self.threads.borrow();
        let numbered = threads.iter().map(|(number, thread)| (*number, thread.job.clone()));
        let all: Vec<(ThreadNumber, Option<Arc<Job>>)> = numbered.collect();
        drop(threads);
        for (number, job) in all {
            self.end_thread(number);
            catch_quietly(|| job.into_iter().for_each(|job| job.abandon()));
        }
        let pools = std::mem::take(&mut *self.pools.borrow_mut());
        for pool in pools.iter().filter_map(Weak::upgrade) {
            catch_quietly(|| pool.abandon_jobs());
        }
        let variables = std::mem::take(&mut *self.kept_variables.borrow_mut());
        catch_quietly(|| drop(variables));
        *self.cpu.borrow_mut() = Cpu::default();
        self.cpu_event.set(None);
        self.jobs_submitted.set(0);
        self.pools_named.set(0);
    }

    fn running(&self) -> Option<String> {
        let threads = self.threads.try_borrow().ok()?;
        threads.get(&self.current.get())?.job.as_ref().map(|job| job.name())
    }

    fn busy(&self) -> Vec<String> {
        let Ok(threads) = self.threads.try_borrow() else { return Vec::new() };
        threads.values().filter_map(|thread| Some(thread.job.as_ref()?.description())).collect()
    }

    fn blocked(&self) -> Vec<BlockedJob> {
        let mut blocked: Vec<(u32, BlockedJob)> = Vec::new();
        for thread in self.threads.borrow().values() {
            if let (Some(job), Some((awaited, location))) = (&thread.job, &thread.wait.awaited) {
                blocked.push((job.number(), job.blocked(awaited.to_string(), location)));
            }
        }
        for pool in self.pools.borrow().iter().filter_map(Weak::upgrade) {
            let what = format!("a free worker of pool '{}'", pool.name());
            for job in pool.queued() {
                blocked.push((job.number(), job.blocked(what.clone(), job.location())));
            }
        }
        blocked.sort_by_key(|(number, _)| *number);
        blocked.into_iter().map(|(_, job)| job).collect()
    }
}
