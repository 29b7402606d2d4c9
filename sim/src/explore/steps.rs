//! Shrinking in steps: which case to try next, once it is known what became of the last one.
//!
//! What is tried in which order is written down once, in [`shrink`](super::shrink), as an async
//! function that awaits what becomes of each case. Whoever drives it polls it here.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::case::{Case, Deviation};
use super::driven::Clue;
use super::shrink::{Shrinker, shrink_all};

/// How many cases are tried at most, unless said otherwise.
const TRIES: u32 = 300;

/// Makes a case smaller in steps that another harness takes.
#[doc(hidden)]
pub struct Steps {
    /// None once nothing is left to try.
    shrinking: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    desk: Desk,
}

/// Where the shrinking and the one who drives it leave word for each other.
#[derive(Clone)]
pub(super) struct Desk(Arc<Mutex<Letters>>);

struct Letters {
    /// The smallest case that failed.
    best: Case,
    wanted: Option<Wanted>,
    told: Option<Told>,
    tries: u32,
}

/// A case to try.
struct Wanted {
    case: Case,
    /// Whether more is to be told than that it failed.
    with_clue: bool,
}

/// What became of it.
pub(super) struct Told {
    /// The case without what its run never came to, if that failed.
    pub(super) failed: Option<Case>,
    pub(super) clue: Option<Clue>,
}

impl Desk {
    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a case tried.
    pub(super) async fn tell(&self, deviations: Vec<Deviation>, with_clue: bool) -> Told {
        {
            let mut letters = self.letters();
            let case = letters.best.with(deviations);
            letters.wanted = Some(Wanted { case, with_clue });
            letters.tries += 1;
        }
        poll_fn(|_| self.letters().told.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// A smaller one was found.
    pub(super) fn keep(&self, best: &[Deviation]) {
        let mut letters = self.letters();
        letters.best = letters.best.with(best.to_vec());
    }
}

impl Steps {
    /// Begins with a case that failed.
    pub fn new(case: Case) -> Self {
        Steps::within(case, TRIES)
    }

    pub(super) fn within(case: Case, tries_max: u32) -> Self {
        let best = case.deviations.clone();
        let letters = Letters { best: case, wanted: None, told: None, tries: 0 };
        let desk = Desk(Arc::new(Mutex::new(letters)));
        let shrinking = shrink_all(Shrinker::new(desk.clone(), best, tries_max));
        Steps { shrinking: Some(Box::pin(shrinking)), desk }
    }

    /// The smallest case that failed.
    pub fn best(&self) -> Case {
        self.desk.letters().best.clone()
    }

    /// How many cases were given out.
    pub fn tries(&self) -> u32 {
        self.desk.letters().tries
    }

    /// What to try now, and whether a clue to it is wanted; none when nothing is left.
    pub fn next_case(&mut self) -> Option<(Case, bool)> {
        let shrinking = self.shrinking.as_mut()?;
        if shrinking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            self.shrinking = None;
        }
        let wanted = self.desk.letters().wanted.take();
        wanted.map(|Wanted { case, with_clue }| (case, with_clue))
    }

    /// The last one failed, as this case, which is without what the run never came to, or else it
    /// did not; and this is what its run told.
    pub fn tell(&mut self, failed: Option<Case>, clue: Option<Clue>) {
        self.desk.letters().told = Some(Told { failed, clue });
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Steps({})", self.best())
    }
}
