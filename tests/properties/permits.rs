//! No permit of a semaphore is lost or made, whoever is first in line is next, and a permit that is
//! free is waited for by nobody.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::sync::{BoundedSemaphore, Permit, Semaphore};
use seedloop::{Cancelled, Result};

use super::check::Way;
use super::scenario::{Count, Line, Pause, Place, Subject, check_subject, pause};

#[derive(Clone, Debug)]
struct Setup {
    permits: usize,
    bounded: bool,
}

#[derive(Clone, Debug)]
enum Op {
    Guard(Pause),
    Manual(Pause),
    Scope(Pause),
    Try(Pause),
    /// Takes a permit for good.
    Forget,
    /// Gives a permit that was not taken.
    Give,
}

/// Both semaphores.
#[derive(Clone, Debug)]
enum Any {
    Plain(Semaphore),
    Bounded(BoundedSemaphore),
}

impl Any {
    fn value(&self) -> usize {
        match self {
            Any::Plain(semaphore) => semaphore.available_permits(),
            Any::Bounded(semaphore) => semaphore.available_permits(),
        }
    }

    async fn acquire(&self) -> Result<(), Cancelled> {
        match self {
            Any::Plain(semaphore) => semaphore.acquire().await,
            Any::Bounded(semaphore) => semaphore.acquire().await,
        }
    }

    async fn permit(&self) -> Result<Permit, Cancelled> {
        match self {
            Any::Plain(semaphore) => semaphore.permit().await,
            Any::Bounded(semaphore) => semaphore.permit().await,
        }
    }

    fn try_permit(&self) -> Option<Permit> {
        match self {
            Any::Plain(semaphore) => semaphore.try_permit(),
            Any::Bounded(semaphore) => semaphore.try_permit(),
        }
    }

    async fn scope(&self, body: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        match self {
            Any::Plain(semaphore) => semaphore.scope(body).await,
            Any::Bounded(semaphore) => semaphore.scope(body).await,
        }
    }

    /// Tells whether it was accepted.
    fn release(&self) -> bool {
        match self {
            Any::Plain(semaphore) => {
                semaphore.release();
                true
            }
            Any::Bounded(semaphore) => semaphore.release().is_ok(),
        }
    }
}

#[derive(Clone)]
struct Permits {
    semaphore: Any,
    /// How many permits there may be, for a bounded one.
    bound: Option<usize>,
    /// How many there are, wherever they are.
    total: Rc<Cell<usize>>,
    held: Count,
    line: Line,
}

struct Release<'a>(&'a Any);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        assert!(self.0.release(), "a permit that was held was not taken back");
    }
}

impl Permits {
    async fn stay(&self, place: Place, pause: Pause) -> Result<()> {
        self.serve(place);
        let inside = self.held.enter();
        self.holds();
        pause.wait().await?;
        self.holds();
        drop(inside);
        Ok(())
    }

    /// A permit has come to whoever stood there.
    fn serve(&self, place: Place) {
        let known = self.semaphore.value() + self.held.get() + 1;
        place.served_beside(self.total.get() - known);
    }

    fn give(&self) {
        let total = self.total.get();
        if self.bound.is_none_or(|bound| total < bound) {
            self.total.set(total + 1);
            assert!(self.semaphore.release());
        } else if self.bound == Some(self.semaphore.value()) {
            assert!(!self.semaphore.release(), "a bounded semaphore was released too often");
        }
    }
}

impl Subject for Permits {
    type Setup = Setup;
    type Op = Op;
    type Own = ();

    fn new(&Setup { permits, bounded }: &Setup, way: Way) -> Self {
        let semaphore = match bounded {
            true => Any::Bounded(BoundedSemaphore::new(permits)),
            false => Any::Plain(Semaphore::new(permits)),
        };
        Permits {
            semaphore,
            bound: bounded.then_some(permits),
            total: Rc::new(Cell::new(permits)),
            held: Count::default(),
            line: Line::new(way),
        }
    }

    fn own(&self, _task: usize) {}

    async fn perform(&self, (): &mut (), op: &Op) -> Result<()> {
        let place = self.line.join();
        match *op {
            Op::Guard(pause) => {
                let _permit = self.semaphore.permit().await?;
                self.stay(place, pause).await
            }
            Op::Manual(pause) => {
                self.semaphore.acquire().await?;
                let _release = Release(&self.semaphore);
                self.stay(place, pause).await
            }
            Op::Scope(pause) => {
                let this = self.clone();
                self.semaphore.scope(async move || this.stay(place, pause).await).await
            }
            Op::Try(pause) => {
                let Some(_permit) = self.semaphore.try_permit() else { return Ok(()) };
                self.stay(place, pause).await
            }
            Op::Forget => {
                let permit = self.semaphore.permit().await?;
                self.serve(place);
                permit.forget();
                self.total.set(self.total.get() - 1);
                Ok(())
            }
            Op::Give => {
                drop(place);
                self.give();
                Ok(())
            }
        }
    }

    fn holds(&self) {
        let seen = self.semaphore.value() + self.held.get();
        // The others are on their way to somebody who waits.
        let (total, waiting) = (self.total.get(), self.line.len());
        assert!(seen <= total, "there are {seen} permits, of {total}");
        assert!(seen + waiting >= total, "there are {seen} permits, of {total}");
    }

    fn quiet(&self) {
        let (value, waiting) = (self.semaphore.value(), self.line.len());
        assert_eq!(value + self.held.get(), self.total.get(), "permits are not where they belong");
        assert!(value == 0 || waiting == 0, "{waiting} wait for {value} free permits");
    }

    async fn finish(&self) -> Result<()> {
        let semaphore = &self.semaphore;
        assert!(format!("{semaphore:?}").contains("waiters: 0>"), "{semaphore:?}");
        let mut permits = Vec::new();
        for number in 0..self.total.get() {
            permits.push(match number % 2 {
                0 => semaphore.permit().await?,
                _ => semaphore.try_permit().expect("a free permit"),
            });
        }
        assert!(semaphore.try_permit().is_none());
        drop(permits);
        Ok(assert_eq!(semaphore.value(), self.total.get()))
    }
}

#[test]
fn permits_are_neither_lost_nor_made() {
    let setup = (0..4_usize, any::<bool>());
    let op = prop_oneof![
        3 => pause().prop_map(Op::Guard),
        2 => pause().prop_map(Op::Manual),
        2 => pause().prop_map(Op::Scope),
        1 => pause().prop_map(Op::Try),
        1 => Just(Op::Forget),
        2 => Just(Op::Give),
    ];
    check_subject::<Permits>(setup.prop_map(|(permits, bounded)| Setup { permits, bounded }), op);
}
