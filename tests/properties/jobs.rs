//! Jobs of a pool: each runs once or was cancelled before it began, in the order of submission and
//! no more at a time than there are workers; no worker is idle while a job waits, and a shutdown
//! waits for those that run.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proptest::prelude::*;
use seedloop::{
    AnyFuture, Pool, PoolFuture, Result, RuntimeError, ThreadPool, blocking, run_in_executor,
    running_loop,
};

use super::check::Way;
use super::scenario::{Pause, Subject, check_subject};

#[derive(Clone, Debug)]
struct Setup {
    workers: usize,
    /// It is the loop's default pool.
    is_default: bool,
}

#[derive(Clone, Debug)]
enum Op {
    /// Awaits a job of so many ticks.
    Run(u32),
    /// Submits one that nobody awaits.
    Submit(u32),
    /// Cancels one of those.
    Cancel(usize),
    CancelQueued,
    Shutdown,
}

/// A job as it must be.
#[derive(Clone, Debug, Default)]
struct Job {
    begun: u32,
    ended: u32,
    /// It was cancelled, and did not run before.
    cancelled: bool,
}

/// What the jobs write, on whatever thread they are.
#[derive(Debug, Default)]
struct Book {
    jobs: Vec<Job>,
    workers: usize,
    running: usize,
    latest: usize,
    /// What was wrong in a job first: a panic there would be the job's own.
    fault: Option<String>,
}

impl Book {
    fn begin(&mut self, job: usize) {
        self.running += 1;
        self.jobs[job].begun += 1;
        let ran = self.jobs[job].begun > 1;
        let faults = [
            (ran, "ran twice"),
            (self.jobs[job].cancelled, "runs though it was cancelled"),
            (self.running > self.workers, "has no worker of its own"),
            (job < self.latest, "was overtaken"),
        ];
        let fault = faults.iter().find(|(is_there, _)| *is_there);
        self.latest = job;
        if let (Some((_, what)), None) = (fault, &self.fault) {
            self.fault = Some(format!("job {job} {what}"));
        }
    }

    fn end(&mut self, job: usize) {
        self.running -= 1;
        self.jobs[job].ended += 1;
    }
}

/// Jobs that nobody awaits.
type Submitted = Vec<(usize, PoolFuture<usize>)>;

#[derive(Clone)]
struct Jobs {
    pool: ThreadPool,
    is_default: bool,
    book: Arc<Mutex<Book>>,
    /// The futures of jobs that were awaited.
    awaited: Rc<RefCell<Vec<(usize, AnyFuture)>>>,
    submitted: Rc<RefCell<Submitted>>,
    is_shut_down: Rc<RefCell<bool>>,
}

impl Jobs {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a job, with its number.
    fn job(&self, ticks: u32) -> (usize, impl FnOnce() -> Result<usize> + Send + use<>) {
        let mut book = self.book();
        book.jobs.push(Job::default());
        let (number, own) = (book.jobs.len() - 1, Arc::clone(&self.book));
        let job = move || {
            own.lock().unwrap_or_else(PoisonError::into_inner).begin(number);
            blocking::sleep(Pause::Ticks(ticks).duration());
            own.lock().unwrap_or_else(PoisonError::into_inner).end(number);
            Ok(number)
        };
        (number, job)
    }

    async fn run(&self, ticks: u32) -> Result<()> {
        let (number, job) = self.job(ticks);
        let pool: Option<&Pool> = if self.is_default { None } else { Some(&self.pool) };
        let future = run_in_executor(pool, job);
        self.awaited.borrow_mut().push((number, future.as_any()));
        match future.await {
            Err(error) if error.is::<RuntimeError>() => self.was_refused(number),
            result => assert_eq!(result?, number, "the result of another job"),
        }
        Ok(())
    }

    fn submit(&self, ticks: u32) {
        let (number, job) = self.job(ticks);
        match self.pool.submit(job) {
            Ok(job) => self.submitted.borrow_mut().push((number, job)),
            Err(_) => self.was_refused(number),
        }
    }

    fn was_refused(&self, number: usize) {
        assert!(*self.is_shut_down.borrow(), "a pool refuses a job");
        self.book().jobs[number].cancelled = true;
    }

    fn cancel(&self, number: usize) {
        let submitted = self.submitted.borrow();
        let Some((number, job)) = submitted.get(number % submitted.len().max(1)) else { return };
        let is_cancelled = job.cancel();
        assert_eq!(is_cancelled, job.cancelled());
        let known = &mut self.book().jobs[*number];
        assert_eq!(is_cancelled, known.begun == 0, "what a cancel says of a job that {known:?}");
        known.cancelled = is_cancelled;
    }

    fn cancel_queued(&self) {
        let count = self.pool.cancel_queued();
        let mut book = self.book();
        let waiting = book.jobs.iter_mut().filter(|job| job.begun == 0);
        let left = waiting.map(|job| job.cancelled = true).count();
        assert!(count <= left, "{count} of {left} jobs were cancelled");
    }

    /// The cancel of an await has come to the job by now, unless that had begun.
    fn note_cancels(&self) {
        let mut book = self.book();
        for (number, future) in &*self.awaited.borrow() {
            let job = &mut book.jobs[*number];
            job.cancelled |= future.cancelled() && job.begun == 0;
        }
    }
}

impl Subject for Jobs {
    type Setup = Setup;
    type Op = Op;
    type Own = ();

    fn new(setup: &Setup, _way: Way) -> Self {
        let Setup { workers, is_default } = *setup;
        let pool = ThreadPool::with_workers(workers).expect("there are some");
        if is_default {
            let set = running_loop().and_then(|running| running.set_default_executor(&pool));
            set.expect("the loop runs");
        }
        let book = Arc::new(Mutex::new(Book { workers, ..Book::default() }));
        let (awaited, submitted) = (Rc::default(), Rc::default());
        Jobs { pool, is_default, book, awaited, submitted, is_shut_down: Rc::default() }
    }

    fn own(&self, _task: usize) {}

    async fn perform(&self, (): &mut (), op: &Op) -> Result<()> {
        match *op {
            Op::Run(ticks) => self.run(ticks).await?,
            Op::Submit(ticks) => self.submit(ticks),
            Op::Cancel(number) => self.cancel(number),
            Op::CancelQueued => self.cancel_queued(),
            Op::Shutdown => {
                self.pool.shutdown_nowait();
                *self.is_shut_down.borrow_mut() = true;
            }
        }
        Ok(())
    }

    fn holds(&self) {
        let book = self.book();
        assert_eq!(book.fault, None);
        let running = book.jobs.iter().filter(|job| job.begun > job.ended).count();
        assert_eq!(running, book.running);
    }

    fn quiet(&self) {
        self.holds();
        self.note_cancels();
        let book = self.book();
        let waiting = book.jobs.iter().filter(|job| job.begun == 0 && !job.cancelled).count();
        let idle = book.workers - book.running;
        assert!(waiting == 0 || idle == 0, "{waiting} jobs wait for {idle} idle workers");
    }

    async fn finish(&self) -> Result<()> {
        if !*self.is_shut_down.borrow() {
            (1..4).for_each(|ticks| self.submit(ticks));
        }
        self.pool.shutdown()?;
        self.holds();
        *self.is_shut_down.borrow_mut() = true;
        self.submit(1);
        for (number, job) in self.book().jobs.iter().enumerate() {
            let ended = job.begun == 1 && job.ended == 1;
            assert!(ended != job.cancelled, "what became of job {number}: {job:?}");
        }
        Ok(())
    }
}

#[test]
fn every_job_runs_once_or_was_cancelled_before() {
    let setup =
        (1..4_usize, any::<bool>()).prop_map(|(workers, is_default)| Setup { workers, is_default });
    let op = prop_oneof![
        8 => (0..4_u32).prop_map(Op::Run),
        6 => (0..4_u32).prop_map(Op::Submit),
        3 => (0..12_usize).prop_map(Op::Cancel),
        1 => Just(Op::CancelQueued),
        1 => Just(Op::Shutdown),
    ];
    check_subject::<Jobs>(setup, op);
}
