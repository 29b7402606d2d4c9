//! A condition: nobody waits for a token that is there, no wait returns without a notification, and
//! its lock has one holder.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::Result;
use seedloop::sync::{Condition, ConditionError};

use super::check::Way;
use super::scenario::{Count, Pause, Subject, check_subject, pause};

#[derive(Clone, Copy, Debug)]
enum By {
    Guard,
    Scope,
}

#[derive(Clone, Debug)]
enum Op {
    /// Waits in a loop until there is a token, takes it, and keeps the lock for a while.
    Take(By, Pause),
    /// The same with `wait_for`.
    TakeFor(By, Pause),
    /// Makes tokens and notifies as many waiters, in the middle of a while with the lock.
    Give(By, usize, Pause),
    /// Makes a token and notifies all.
    GiveAll(By, Pause),
}

#[derive(Clone)]
struct Conditions {
    condition: Condition,
    tokens: Rc<Cell<usize>>,
    held: Count,
    /// Who wants the lock, and has not been in a wait.
    wanting: Count,
    waiting: Count,
    /// How many waits may return: notifications, and those that cancelled waits pass on.
    notified: Rc<Cell<usize>>,
    returned: Rc<Cell<usize>>,
}

fn add(cell: &Cell<usize>, count: usize) {
    cell.set(cell.get() + count);
}

impl Conditions {
    fn take_token(&self) {
        self.tokens.set(self.tokens.get().checked_sub(1).expect("a token"));
    }

    /// Stays with the lock.
    async fn stay(&self, pause: Pause) -> Result<()> {
        let inside = self.held.enter();
        assert_eq!(self.held.get(), 1, "the lock has two holders");
        self.holds();
        pause.wait().await?;
        self.holds();
        drop(inside);
        Ok(())
    }

    /// What a wait ended with, with the lock held again.
    fn count(&self, result: Result<(), ConditionError>, is_plain: bool) -> Result<()> {
        assert_eq!(self.held.get(), 0, "a wait returned with somebody else's lock");
        assert!(self.condition.locked(), "a wait returned without the lock");
        match &result {
            Ok(()) => add(&self.returned, usize::from(is_plain)),
            Err(ConditionError::Cancelled(_)) => add(&self.notified, 1),
            Err(ConditionError::NotAcquired) => panic!("the lock is held"),
        }
        assert!(self.returned.get() <= self.notified.get(), "a wait returned for nothing");
        Ok(result?)
    }

    async fn take(&self, pause: Pause) -> Result<()> {
        while self.tokens.get() == 0 {
            let waiting = self.waiting.enter();
            let result = self.condition.wait().await;
            drop(waiting);
            self.count(result, true)?;
        }
        self.take_token();
        self.stay(pause).await
    }

    async fn take_for(&self, pause: Pause) -> Result<()> {
        let waiting = self.waiting.enter();
        let result = self.condition.wait_for(|| self.tokens.get() > 0).await;
        drop(waiting);
        self.count(result, false)?;
        self.take_token();
        self.stay(pause).await
    }

    async fn give(&self, tokens: usize, all: bool, pause: Pause) -> Result<()> {
        self.stay(pause).await?;
        add(&self.tokens, tokens);
        if all {
            add(&self.notified, self.waiting.get());
            self.condition.notify_all()?;
        } else {
            add(&self.notified, tokens.min(self.waiting.get()));
            self.condition.notify(tokens)?;
        }
        self.stay(pause).await
    }

    async fn perform_inside(&self, op: &Op) -> Result<()> {
        match *op {
            Op::Take(_, pause) => self.take(pause).await,
            Op::TakeFor(_, pause) => self.take_for(pause).await,
            Op::Give(_, tokens, pause) => self.give(tokens, false, pause).await,
            Op::GiveAll(_, pause) => self.give(1, true, pause).await,
        }
    }
}

impl Subject for Conditions {
    type Setup = ();
    type Op = Op;
    type Own = ();

    fn new((): &(), _way: Way) -> Self {
        Conditions {
            condition: Condition::new(),
            tokens: Rc::default(),
            held: Count::default(),
            wanting: Count::default(),
            waiting: Count::default(),
            notified: Rc::default(),
            returned: Rc::default(),
        }
    }

    fn own(&self, _task: usize) {}

    async fn perform(&self, (): &mut (), op: &Op) -> Result<()> {
        let (Op::Take(by, _) | Op::TakeFor(by, _) | Op::Give(by, ..) | Op::GiveAll(by, _)) = *op;
        let wanting = self.wanting.enter();
        match by {
            By::Guard => {
                let guard = self.condition.lock().await?;
                drop(wanting);
                let result = self.perform_inside(op).await;
                drop(guard);
                result
            }
            By::Scope => {
                let (this, op) = (self.clone(), op.clone());
                let body = async move || {
                    drop(wanting);
                    this.perform_inside(&op).await
                };
                self.condition.scope(body).await
            }
        }
    }

    fn holds(&self) {
        assert!(self.held.get() == 0 || self.condition.locked(), "the lock was taken away");
    }

    fn quiet(&self) {
        self.holds();
        if self.held.get() > 0 {
            return;
        }
        assert!(!self.condition.locked(), "nobody has released the lock");
        assert_eq!(self.wanting.get(), 0, "somebody wants a free lock");
        let (waiting, tokens) = (self.waiting.get(), self.tokens.get());
        assert!(waiting == 0 || tokens == 0, "{waiting} wait for one of {tokens} tokens");
    }

    async fn finish(&self) -> Result<()> {
        assert!(format!("{:?}", self.condition).ends_with("waiters: 0>"), "{:?}", self.condition);
        assert!(self.condition.try_lock().is_some());
        let guard = self.condition.lock().await?;
        self.condition.notify_all()?;
        drop(guard);
        Ok(assert!(!self.condition.locked()))
    }
}

#[test]
fn no_notification_is_lost() {
    let by = || prop_oneof![Just(By::Guard), Just(By::Scope)];
    let op = prop_oneof![
        6 => (by(), pause()).prop_map(|(by, pause)| Op::Take(by, pause)),
        3 => (by(), pause()).prop_map(|(by, pause)| Op::TakeFor(by, pause)),
        6 => (by(), 1..3_usize, pause()).prop_map(|(by, n, pause)| Op::Give(by, n, pause)),
        1 => (by(), pause()).prop_map(|(by, pause)| Op::GiveAll(by, pause)),
    ];
    check_subject::<Conditions>(Just(()), op);
}
