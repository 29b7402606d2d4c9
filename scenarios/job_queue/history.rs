//! What clients and workers have seen of a broker, and what must hold of that whatever happens.
//!
//! It stands outside of the simulated hosts: nothing of it is lost in a crash.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use seedloop::host;

use super::client::payload_of;

/// What has been seen. Clones are the same history.
#[derive(Clone, Debug, Default)]
pub struct History {
    seen: Rc<RefCell<BTreeMap<String, Seen>>>,
    /// Something has been wrong.
    is_wrong: Rc<Cell<bool>>,
}

/// What has been seen of one job.
#[derive(Debug, Default)]
struct Seen {
    is_accepted: bool,
    is_unknown: bool,
    is_fetched: bool,
    /// The workers that take it for theirs now, with their tokens.
    holders: Vec<(String, u64)>,
    /// The highest token under which it was begun.
    begun_with: u64,
    /// The lowest token under which it was completed.
    completed_with: Option<u64>,
    /// What became of it when it was completed.
    open_again: Option<String>,
    results: BTreeSet<String>,
}

impl History {
    /// Nothing was seen yet.
    pub fn new() -> Self {
        History::default()
    }

    fn of<R>(&self, job: &str, change: impl FnOnce(&mut Seen) -> R) -> R {
        let mut seen = self.seen.borrow_mut();
        if !seen.contains_key(job) {
            seen.insert(job.to_owned(), Seen::default());
        }
        let of_job = seen.get_mut(job).expect("it was inserted");
        let changed = change(of_job);
        let is_wrong = ALL.iter().any(|wrong| wrong(job, of_job).is_some());
        self.is_wrong.set(self.is_wrong.get() || is_wrong);
        changed
    }

    /// The client was told that its job is accepted.
    pub(super) fn accepted(&self, job: &str) {
        self.of(job, |seen| seen.is_accepted = true);
    }

    pub(super) fn is_accepted(&self, job: &str) -> bool {
        self.of(job, |seen| seen.is_accepted)
    }

    /// The client was told that there is no such job.
    pub(super) fn is_unknown(&self, job: &str) {
        self.of(job, |seen| seen.is_unknown = true);
    }

    /// The client was told that its job is still to be done.
    pub(super) fn is_open(&self, job: &str) {
        self.of(job, |seen| {
            if seen.is_fetched {
                seen.open_again = Some("open again".to_owned());
            }
        });
    }

    /// The client has got the result.
    pub(super) fn fetched(&self, job: &str, result: &str) {
        self.of(job, |seen| {
            seen.is_fetched = true;
            seen.results.insert(result.to_owned());
        });
    }

    /// A worker takes the job for its own until what is returned is dropped, by a crash too.
    pub(super) fn holds(&self, job: &str, token: u64) -> Holds {
        let holder = (host::current().name(), token);
        self.of(job, |seen| {
            seen.begun_with = seen.begun_with.max(token);
            if seen.completed_with.is_some() {
                seen.open_again = Some(format!("given to {}", holder.0));
            }
            seen.holders.push(holder.clone());
        });
        Holds { history: self.clone(), job: job.to_owned(), holder }
    }

    /// A worker was told that the job is done with its result.
    pub(super) fn completed(&self, job: &str, token: u64, result: &str) {
        self.of(job, |seen| {
            let lowest = seen.completed_with.map_or(token, |lowest| lowest.min(token));
            seen.completed_with = Some(lowest);
            seen.results.insert(result.to_owned());
        });
    }

    /// How many jobs the client has the result of.
    pub fn fetched_count(&self) -> usize {
        self.seen.borrow().values().filter(|seen| seen.is_fetched).count()
    }

    /// The first job of which something is to be said.
    fn check(&self, wrong: Wrong) -> Result<(), String> {
        // It is asked after every step, and something has changed in few of them.
        if !self.is_wrong.get() {
            return Ok(());
        }
        // What is read from a broken disk may be no text for a terminal.
        let wrong = |(job, seen): (&String, &Seen)| wrong(&job.escape_debug().to_string(), seen);
        self.seen.borrow().iter().find_map(wrong).map_or(Ok(()), Err)
    }

    /// An accepted job is never lost.
    ///
    /// # Errors
    ///
    /// Which job is.
    pub fn nothing_is_lost(&self) -> Result<(), String> {
        self.check(lost)
    }

    /// No worker holds a job that another one holds.
    ///
    /// # Errors
    ///
    /// Which job, and who holds it.
    pub fn one_holder(&self) -> Result<(), String> {
        self.check(held_twice)
    }

    /// A job whose completion was acknowledged is never handed out again, nor open.
    ///
    /// # Errors
    ///
    /// Which job is, and to whom it was given.
    pub fn done_is_done(&self) -> Result<(), String> {
        self.check(open_again)
    }

    /// A job has one result, for the work that was asked for.
    ///
    /// # Errors
    ///
    /// Which job has others.
    pub fn one_result(&self) -> Result<(), String> {
        self.check(other_result)
    }

    /// Nobody completes a job with a lease that another one has followed.
    ///
    /// # Errors
    ///
    /// Which job was completed so.
    pub fn no_stale_lease(&self) -> Result<(), String> {
        self.check(completed_late)
    }
}

/// What is wrong with a job, if something is.
type Wrong = fn(&str, &Seen) -> Option<String>;

const ALL: [Wrong; 5] = [lost, held_twice, open_again, other_result, completed_late];

fn lost(job: &str, seen: &Seen) -> Option<String> {
    let is_lost = seen.is_accepted && seen.is_unknown;
    is_lost.then(|| format!("'{job}' was accepted, and the broker does not know it"))
}

fn held_twice(job: &str, seen: &Seen) -> Option<String> {
    let [(one, first), (other, second), ..] = seen.holders.as_slice() else { return None };
    Some(format!("'{job}' is held by {one} with token {first} and by {other} with token {second}"))
}

fn open_again(job: &str, seen: &Seen) -> Option<String> {
    let how = seen.open_again.as_ref()?;
    Some(format!("'{job}' was completed, and then {how}"))
}

fn other_result(job: &str, seen: &Seen) -> Option<String> {
    let mut results = seen.results.iter().map(|result| result.escape_debug().to_string());
    let first = results.next()?;
    if let Some(second) = results.next() {
        return Some(format!("'{job}' has two results: '{first}' and '{second}'"));
    }
    let payload = payload_of(job);
    let is_other = !first.starts_with(&format!("{payload}, by "));
    is_other.then(|| format!("'{job}' is '{payload}', and its result '{first}'"))
}

fn completed_late(job: &str, seen: &Seen) -> Option<String> {
    let token = seen.completed_with.filter(|token| *token < seen.begun_with)?;
    let newer = seen.begun_with;
    Some(format!("'{job}' was completed with token {token} when token {newer} was out"))
}

/// A worker takes a job for its own.
pub(super) struct Holds {
    history: History,
    job: String,
    holder: (String, u64),
}

impl Drop for Holds {
    fn drop(&mut self) {
        self.history.of(&self.job, |seen| {
            let place = seen.holders.iter().position(|holder| *holder == self.holder);
            place.map(|place| seen.holders.remove(place));
        });
    }
}
