//! A lock has one holder at a time, whoever is first in line is next, and a lock that is free is
//! waited for by nobody.

use proptest::prelude::*;
use seedloop::Result;
use seedloop::sync::Lock;

use super::check::Way;
use super::scenario::{Count, Line, Pause, Place, Subject, check_subject, pause};

/// Takes the lock and holds it for a while.
#[derive(Clone, Debug)]
enum Op {
    Guard(Pause),
    Manual(Pause),
    Scope(Pause),
    Try(Pause),
}

#[derive(Clone)]
struct Locks {
    lock: Lock,
    held: Count,
    line: Line,
}

/// Releases by hand what was taken by hand.
struct Release<'a>(&'a Lock);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.release().expect("a lock that is held");
    }
}

impl Locks {
    /// Stays inside, no more at its place in line.
    async fn stay(&self, place: Place, pause: Pause) -> Result<()> {
        place.served();
        let inside = self.held.enter();
        assert_eq!(self.held.get(), 1, "a lock has two holders");
        self.holds();
        pause.wait().await?;
        self.holds();
        drop(inside);
        Ok(())
    }
}

impl Subject for Locks {
    type Setup = ();
    type Op = Op;
    type Own = ();

    fn new((): &(), way: Way) -> Self {
        Locks { lock: Lock::new(), held: Count::default(), line: Line::new(way) }
    }

    fn own(&self, _task: usize) {}

    async fn perform(&self, (): &mut (), op: &Op) -> Result<()> {
        match *op {
            Op::Guard(pause) => {
                let place = self.line.join();
                let _guard = self.lock.lock().await?;
                self.stay(place, pause).await
            }
            Op::Manual(pause) => {
                let place = self.line.join();
                self.lock.acquire().await?;
                let _release = Release(&self.lock);
                self.stay(place, pause).await
            }
            Op::Scope(pause) => {
                let place = self.line.join();
                let this = self.clone();
                self.lock.scope(async move || this.stay(place, pause).await).await
            }
            Op::Try(pause) => {
                let Some(_guard) = self.lock.try_lock() else { return Ok(()) };
                self.stay(self.line.join(), pause).await
            }
        }
    }

    fn holds(&self) {
        assert_eq!(self.lock.locked(), self.held.get() == 1);
    }

    fn quiet(&self) {
        self.holds();
        let waiting = self.line.len();
        assert!(self.held.get() == 1 || waiting == 0, "{waiting} wait for a free lock");
    }

    async fn finish(&self) -> Result<()> {
        assert!(format!("{:?}", self.lock).ends_with("unlocked, waiters: 0>"), "{:?}", self.lock);
        assert!(self.lock.try_lock().is_some());
        self.lock.acquire().await?;
        Ok(self.lock.release()?)
    }
}

#[test]
fn a_lock_has_one_holder() {
    let op = prop_oneof![
        pause().prop_map(Op::Guard),
        pause().prop_map(Op::Manual),
        pause().prop_map(Op::Scope),
        pause().prop_map(Op::Try),
    ];
    check_subject::<Locks>(Just(()), op);
}
