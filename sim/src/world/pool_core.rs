//! What thread and process pools have in common: a queue of jobs and workers that take them.
//!
//! Source: CPython 3.13, `concurrent/futures/thread.py` and `process.py`.

use std::collections::VecDeque;
use std::mem::take;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::host::{Life, on};
use super::job::{Body, Job, Outcome, Stage};
use super::machine::{Awaited, Machine, Ticket, machine};
use crate::base::{BrokenPoolError, Error, Result, RuntimeError};
use crate::event_loop::{describe, with};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Threads,
    Processes,
}

/// A pool. Its handles may be on any thread; it works only on that of its simulation.
pub(super) struct PoolCore {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) workers: usize,
    /// Its threads compute only while they hold the GIL.
    pub(super) gil: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The simulation in which it was first used.
    epoch: Option<u64>,
    /// Jobs that no worker has taken, with those that were cancelled meanwhile.
    queue: VecDeque<Arc<Job>>,
    /// Workers that have a job, or are about to take one.
    busy: usize,
    /// Of a process pool: jobs that can no longer be cancelled and have not ended.
    handed_over: usize,
    is_shut_down: bool,
    is_broken: bool,
    /// Those that wait until no worker is busy.
    idle_waiters: Vec<IdleWaiter>,
}

/// Who wants to know that a pool is idle.
enum IdleWaiter {
    Thread(Ticket),
    Call(Box<dyn FnOnce() + Send>),
}

/// What a worker does, on its own strand: it takes jobs until there are none.
pub(super) fn work(pool: Arc<PoolCore>) {
    let machine = machine();
    while let Some(job) = pool.next_job() {
        machine.set_job(Some(Arc::clone(&job)));
        // A job may submit the next one without time moving on, for ever.
        with(|core| core.count_step());
        job.emit("job started");
        let outcome = run(&machine, &job);
        job.emit("job ended");
        job.finish(outcome);
        pool.job_ended();
        machine.set_job(None);
        if with(|core| core.is_broken()) {
            // The run has ended: the next job must not begin.
            wait_a_turn(&machine);
        }
    }
}

fn run(machine: &Machine, job: &Job) -> Outcome {
    let body = job.take_body().expect("seedloop bug: a job without a body");
    let variables = with(|core| core.variables.take());
    drop(variables);
    catch_unwind(AssertUnwindSafe(|| on(job.life(), body))).unwrap_or_else(|payload| {
        if machine.is_ending() {
            resume_unwind(payload);
        }
        Err(Error::new(describe(payload)))
    })
}

#[track_caller]
fn wait_a_turn(machine: &Machine) {
    let now = with(|core| core.session.now);
    let ticket = machine.begin_wait(Awaited::Time, Some(now), Location::caller());
    machine.block(ticket);
}

impl PoolCore {
    pub(super) fn new(name: Arc<str>, kind: Kind, workers: usize, gil: bool) -> Self {
        PoolCore { name, kind, workers, gil, state: Mutex::default() }
    }

    /// No user code runs while this is held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Queues a job; it starts at once if a worker is free.
    pub(super) fn submit(
        self: &Arc<Self>,
        body: Body,
        location: &'static Location<'static>,
    ) -> Result<Arc<Job>> {
        let machine = machine();
        self.enter_simulation(&machine)?;
        let mut state = self.state();
        if state.is_broken {
            return Err(Error::new(BrokenPoolError::new(
                "a child process terminated abruptly, the process pool is not usable anymore",
            )));
        }
        if state.is_shut_down {
            let text = "cannot schedule new futures after shutdown";
            return Err(Error::new(RuntimeError::new(text)));
        }
        let name = Arc::clone(&self.name);
        let job = Arc::new(Job::new(&machine, name, body, location));
        job.emit("job queued");
        state.queue.push_back(Arc::clone(&job));
        self.hand_over(&mut state);
        let starts = state.busy < self.workers;
        state.busy += usize::from(starts);
        drop(state);
        if starts {
            machine.start_thread(Arc::clone(self));
        }
        Ok(job)
    }

    /// Binds the pool to the simulation in which it is first used.
    fn enter_simulation(self: &Arc<Self>, machine: &Machine) -> Result<()> {
        let epoch = *self.state().epoch.get_or_insert_with(|| {
            machine.add_pool(self);
            machine.epoch()
        });
        if epoch == machine.epoch() {
            return Ok(());
        }
        Err(Error::new(RuntimeError::new(format!(
            "pool '{}' belongs to another simulation, or to another thread; make it inside the \
             simulation that uses it",
            self.name,
        ))))
    }

    /// Tells whether the simulation in which it was used is the one that runs here.
    fn is_here(&self, machine: &Machine) -> bool {
        self.state().epoch == Some(machine.epoch())
    }

    /// Moves jobs of a process pool to where they can no longer be cancelled: as many as there are
    /// workers, and one more so that none of them is idle.
    fn hand_over(&self, state: &mut State) {
        if self.kind == Kind::Threads {
            return;
        }
        for job in &state.queue {
            if state.handed_over > self.workers {
                return;
            }
            if job.stage() == Stage::Pending && job.set_running() {
                state.handed_over += 1;
            }
        }
    }

    /// Makes room for the next job that was not handed over.
    fn job_ended(&self) {
        if self.kind == Kind::Processes {
            let mut state = self.state();
            state.handed_over = state.handed_over.saturating_sub(1);
            self.hand_over(&mut state);
        }
    }

    /// Takes the next job for a worker; without one the worker is no longer busy.
    fn next_job(&self) -> Option<Arc<Job>> {
        loop {
            let mut state = self.state();
            let Some(job) = state.queue.pop_front() else {
                Self::worker_is_idle(state);
                return None;
            };
            drop(state);
            if job.set_running() {
                return Some(job);
            }
        }
    }

    /// Tells those who wait for it if no worker is busy any more.
    fn worker_is_idle(mut state: MutexGuard<'_, State>) {
        state.busy = state.busy.saturating_sub(1);
        let told = if state.busy == 0 { take(&mut state.idle_waiters) } else { Vec::new() };
        drop(state);
        told.into_iter().for_each(IdleWaiter::tell);
    }

    /// The jobs that wait for a worker.
    pub(super) fn queued(&self) -> Vec<Arc<Job>> {
        let state = self.state();
        state.queue.iter().filter(|job| !job.is_done()).cloned().collect()
    }

    /// Refuses jobs from now on; those that are queued are still done.
    pub(super) fn refuse_jobs(&self) {
        self.state().is_shut_down = true;
    }

    /// Cancels the jobs that no worker has, in the order in which they were submitted.
    pub(super) fn cancel_queued(&self) -> usize {
        let queued = self.queued();
        queued.iter().filter(|job| job.stage() == Stage::Pending && job.cancel()).count()
    }

    /// Blocks the running thread until no worker is busy.
    pub(super) fn join(self: &Arc<Self>, location: &'static Location<'static>) -> Result<()> {
        let machine = machine();
        if machine.current_pool().is_some_and(|pool| Arc::ptr_eq(&pool, self)) {
            return Err(Error::new(RuntimeError::new("cannot join current thread")));
        }
        let idle = self.state().busy == 0;
        if idle || !machine.may_block("Pool::shutdown") || !self.is_here(&machine) {
            return Ok(());
        }
        let ticket = machine.begin_wait(Awaited::Pool(Arc::clone(self)), None, location);
        self.state().idle_waiters.push(IdleWaiter::Thread(ticket));
        machine.block(ticket);
        Ok(())
    }

    /// Lets `call` be called when no worker is busy; at once if none is.
    pub(super) fn call_when_idle(&self, call: Box<dyn FnOnce() + Send>) {
        let mut state = self.state();
        if state.busy > 0 {
            state.idle_waiters.push(IdleWaiter::Call(call));
            return;
        }
        drop(state);
        call();
    }

    /// A worker process died, with its job: so do the others, and all jobs that have not ended
    /// fail.
    pub(super) fn break_down(self: &Arc<Self>, died: Option<Arc<Job>>) {
        let machine = machine();
        let mut state = self.state();
        let elsewhere = state.epoch.is_some_and(|epoch| epoch != machine.epoch());
        if elsewhere || std::mem::replace(&mut state.is_broken, true) {
            return;
        }
        state.is_shut_down = true;
        let mut jobs: Vec<Arc<Job>> = take(&mut state.queue).into();
        drop(state);
        let threads = machine.threads_of(self);
        jobs.extend(threads.iter().filter_map(|(_, job)| job.clone()).chain(died));
        jobs.sort_by_key(|job| job.number());
        for (thread, _) in threads {
            machine.end_thread(thread);
        }
        let error = Error::new(BrokenPoolError::new(
            "a process in the process pool was terminated abruptly while the future was running \
             or pending",
        ));
        for job in jobs {
            job.finish(Err(error.clone()));
        }
        let mut state = self.state();
        state.busy = 0;
        let told = take(&mut state.idle_waiters);
        drop(state);
        told.into_iter().for_each(IdleWaiter::tell);
        if machine.current_pool().is_some_and(|pool| Arc::ptr_eq(&pool, self)) {
            machine.unwind_current();
        }
    }

    /// Ends the jobs that a host has submitted, which crashes, and starts others in their place.
    pub(super) fn crash_jobs(self: &Arc<Self>, life: Life) {
        let machine = machine();
        if !self.is_here(&machine) {
            return;
        }
        let queued = self.queued().into_iter().filter(|job| job.life() == life);
        let mut crashed: Vec<Arc<Job>> = queued.collect();
        let mut state = self.state();
        state.queue.retain(|job| job.life() != life);
        // In the queue of a process pool those run that were handed over: nobody will end them.
        let handed_over = crashed.iter().filter(|job| job.stage() == Stage::Running).count();
        state.handed_over = state.handed_over.saturating_sub(handed_over);
        self.hand_over(&mut state);
        drop(state);
        let mut free = 0;
        for (thread, job) in machine.threads_of(self) {
            let job = job.filter(|job| job.life() == life);
            // A job that crashes its own host is not blocked: it goes on to its end.
            if let Some(job) = job.filter(|_| machine.end_thread(thread)) {
                crashed.push(job);
                free += 1;
            }
        }
        crashed.sort_by_key(|job| job.number());
        for job in crashed {
            job.cut_off();
        }
        (0..free).for_each(|_| self.worker_died(&machine));
    }

    /// Starts another worker in the place of one that has died with its job, if there is work.
    fn worker_died(self: &Arc<Self>, machine: &Machine) {
        self.job_ended();
        let state = self.state();
        if !state.queue.is_empty() {
            drop(state);
            return machine.start_thread(Arc::clone(self));
        }
        Self::worker_is_idle(state);
    }

    /// Forgets all jobs: their simulation has ended.
    pub(super) fn abandon_jobs(&self) {
        let mut state = self.state();
        state.busy = 0;
        let dropped = (take(&mut state.queue), take(&mut state.idle_waiters));
        drop(state);
        dropped.0.iter().for_each(|job| job.abandon());
        drop(dropped);
    }
}

impl IdleWaiter {
    fn tell(self) {
        match self {
            IdleWaiter::Thread(ticket) => machine().wake(ticket),
            IdleWaiter::Call(call) => call(),
        }
    }
}
