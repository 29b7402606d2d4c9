//! A barrier lets its tasks through together: nobody passes with another generation, and no
//! generation waits that is complete.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::sync::{Barrier, BarrierError};
use seedloop::{Result, spawn};

use super::check::Way;
use super::scenario::{Count, Inside, Subject, check_subject};

#[derive(Clone, Debug)]
enum Op {
    Wait,
    Reset,
    Abort,
}

#[derive(Clone)]
struct Barriers {
    barrier: Barrier,
    waiting: Count,
    changing: Count,
    /// How many have begun to wait so far; it numbers them.
    begun: Rc<Cell<usize>>,
    /// How many had begun when the last one of the present generation came.
    begun_before_trip: Rc<Cell<usize>>,
    /// How many of the generation have not come through.
    left: Rc<Cell<usize>>,
    /// How many have left without coming through, since the last one came.
    gone: Rc<Cell<usize>>,
}

/// Counts one as gone unless it came through.
struct Waiting {
    barriers: Barriers,
    _inside: Inside,
    through: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let gone = &self.barriers.gone;
        gone.set(gone.get() + usize::from(!self.through));
    }
}

impl Barriers {
    async fn wait(&self) -> Result<()> {
        let number = self.begun.get();
        self.begun.set(number + 1);
        let inside = self.waiting.enter();
        let mut waiting = Waiting { barriers: self.clone(), _inside: inside, through: false };
        match self.barrier.wait().await {
            Ok(index) => {
                waiting.through = true;
                self.pass(number, index);
                Ok(())
            }
            Err(BarrierError::Broken) => Ok(()),
            Err(BarrierError::Cancelled(cancelled)) => Err(cancelled.into()),
        }
    }

    /// The wait with this number came through with this index.
    fn pass(&self, number: usize, index: usize) {
        let parties = self.barrier.parties();
        assert!(index < parties, "index {index} of {parties}");
        if index + 1 == parties {
            let (left, gone) = (self.left.get(), self.gone.get());
            assert!(left <= gone, "{left} of the generation before have not left");
            self.begun_before_trip.set(self.begun.get());
            self.left.set(parties - 1);
            self.gone.set(0);
        } else {
            let left = self.left.get().checked_sub(1).expect("one passed with the wrong ones");
            self.left.set(left);
            assert!(number < self.begun_before_trip.get(), "one passed that came too late");
        }
    }
}

impl Subject for Barriers {
    type Setup = usize;
    type Op = Op;
    type Own = ();

    fn new(parties: &usize, _way: Way) -> Self {
        Barriers {
            barrier: Barrier::new(*parties).expect("at least one party"),
            waiting: Count::default(),
            changing: Count::default(),
            begun: Rc::default(),
            begun_before_trip: Rc::default(),
            left: Rc::default(),
            gone: Rc::default(),
        }
    }

    fn own(&self, _task: usize) {}

    async fn perform(&self, (): &mut (), op: &Op) -> Result<()> {
        let changing = || self.changing.enter();
        match op {
            Op::Wait => self.wait().await?,
            Op::Reset => {
                let _changing = changing();
                self.barrier.reset().await?;
            }
            Op::Abort => {
                let _changing = changing();
                self.barrier.abort().await?;
            }
        }
        Ok(())
    }

    fn holds(&self) {
        assert!(self.barrier.n_waiting() < self.barrier.parties());
    }

    fn quiet(&self) {
        self.holds();
        assert_eq!(self.changing.get(), 0, "somebody waits for a turn that is free");
        // Nobody is on the way in or out now.
        assert_eq!(self.waiting.get(), self.barrier.n_waiting(), "some are stuck");
        let (left, gone) = (self.left.get(), self.gone.get());
        assert!(left <= gone, "{left} of a generation did not come through, {gone} have left");
    }

    async fn finish(&self) -> Result<()> {
        self.barrier.reset().await?;
        for _ in 0..2 {
            let mut tasks = Vec::new();
            for _ in 0..self.barrier.parties() {
                let this = self.clone();
                tasks.push(spawn(async move { this.wait().await }));
            }
            for task in tasks {
                task.await?;
            }
            assert_eq!((self.left.get(), self.waiting.get()), (0, 0));
        }
        Ok(())
    }
}

#[test]
fn generations_of_a_barrier_do_not_mix() {
    let op = prop_oneof![14 => Just(Op::Wait), 1 => Just(Op::Reset), 1 => Just(Op::Abort)];
    check_subject::<Barriers>(1..5_usize, op);
}
