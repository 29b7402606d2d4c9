//! `gather`: results in the order of the arguments; the first failure is its own; a cancel of it
//! goes to every child, and nothing else does.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use seedloop::{
    AnyFuture, LoopFuture, Result, attempt, gather_into, gather_return_exceptions_into,
};

use super::children::{Children, Order, User, check_users, forget_cancels, is_cancelled, some};
use super::scenario::{Count, Limit, Pause, limit, pause};

#[derive(Clone, Debug)]
struct Gather {
    before: Pause,
    of: Vec<usize>,
    returns_exceptions: bool,
    /// What ends the first awaits of it.
    limits: Vec<Limit>,
}

/// A gather, as the others know it.
struct Gathering {
    user: usize,
    outer: AnyFuture,
    of: Vec<usize>,
    /// Its user awaits it.
    awaiting: Count,
    /// It was cancelled for certain, and a child took it; it may have been, by a timeout.
    cancelled: Cell<bool>,
    may_be_cancelled: Cell<bool>,
}

type Known = RefCell<Vec<Rc<Gathering>>>;

impl Gathering {
    /// What it ended with, if no child's error is returned as a value.
    fn check_values(
        &self,
        result: &Result<Vec<usize>>,
        order: &Order<Known>,
        all: &Children<Known>,
    ) {
        let ended = order.ended();
        let fails = |child: &&usize| !matches!(all.tasks[**child].exception(), Ok(None));
        match (result, ended.iter().find(fails)) {
            (Ok(values), None) => {
                assert!(!self.cancelled.get(), "a cancelled gather gave values");
                assert_eq!(*values, self.of, "the values stand in another order");
            }
            (Err(error), None) => {
                assert!(error.is_cancelled() && self.may_be_cancelled.get(), "{error}: why?");
                self.assert_all_done(all);
            }
            (Err(error), Some(first)) => all.assert_end(*first, &Err(error.clone())),
            (Ok(values), Some(first)) => panic!("child {first} has failed, but not {values:?}"),
        }
    }

    /// The same if errors are values.
    fn check_results(&self, result: &Result<Vec<Result<usize>>>, all: &Children<Known>) {
        self.assert_all_done(all);
        match result {
            Ok(results) => {
                assert!(!self.cancelled.get(), "a cancelled gather gave results");
                assert_eq!(results.len(), self.of.len());
                for (child, result) in self.of.iter().zip(results) {
                    all.assert_end(*child, result);
                }
            }
            Err(error) => {
                assert!(error.is_cancelled() && self.may_be_cancelled.get(), "{error}: why?");
            }
        }
    }

    fn assert_all_done(&self, all: &Children<Known>) {
        let all_done = self.of.iter().all(|child| all.tasks[*child].done());
        assert!(all_done, "the gather was over before its children");
    }

    /// Awaits it until it is done, whatever ends an await of it before.
    async fn wait_for<T: Clone + 'static>(
        &self,
        outer: LoopFuture<T>,
        limits: Vec<Limit>,
    ) -> Result<()> {
        let mut limits = limits.into_iter();
        while !outer.done() {
            let limit = limits.next().unwrap_or(Limit::Never);
            if matches!(limit, Limit::Timeout(_)) {
                self.may_be_cancelled.set(true);
            }
            let ended = attempt(limit.on(async {
                let _awaiting = self.awaiting.enter();
                outer.shared().await.map(drop)
            }))
            .await;
            let is_explained = ended.is_ok() || outer.done() || is_cancelled()?;
            assert!(is_explained, "an await of a gather ended before it: {ended:?}");
            forget_cancels()?;
        }
        Ok(())
    }
}

impl User for Gather {
    type Shared = Known;

    async fn play(self, user: usize, children: Rc<Children<Known>>) -> Result<()> {
        self.before.wait().await?;
        let of = children.chosen(&self.of);
        let order = children.order_of(&of);
        let tasks: Vec<_> = of.iter().map(|child| children.tasks[*child].shared()).collect();
        let begin = |outer: AnyFuture| {
            let (awaiting, cancelled) = (Count::default(), Cell::new(false));
            let may_be_cancelled = Cell::new(false);
            let known =
                Rc::new(Gathering { user, outer, of, awaiting, cancelled, may_be_cancelled });
            children.shared.borrow_mut().push(Rc::clone(&known));
            known
        };
        let all = Rc::clone(&children);
        if self.returns_exceptions {
            let outer: LoopFuture<Vec<Result<usize>>> = gather_return_exceptions_into(tasks);
            let known = begin(outer.as_any());
            let own = Rc::clone(&known);
            let check = move |outer: LoopFuture<_>| own.check_results(&outer.result(), &all);
            outer.shared().add_done_callback(check)?;
            known.wait_for(outer, self.limits).await
        } else {
            let outer: LoopFuture<Vec<usize>> = gather_into(tasks);
            let known = begin(outer.as_any());
            let own = Rc::clone(&known);
            let check = move |outer: LoopFuture<_>| own.check_values(&outer.result(), &order, &all);
            outer.shared().add_done_callback(check)?;
            known.wait_for(outer, self.limits).await
        }
    }

    /// Each child that has not ended is cancelled, once for each time that it was named; who does
    /// not await a gather passes nothing on.
    fn around_cancel(user: usize, children: &Children<Known>, cancel: impl FnOnce()) {
        let known = children.shared.borrow();
        let is_awaited = |known: &&Rc<Gathering>| {
            known.user == user && known.awaiting.get() > 0 && !known.outer.done()
        };
        let awaited = known.iter().find(is_awaited).filter(|_| !children.is_aborted(user));
        let mut expected = children.cancels();
        for child in awaited.iter().flat_map(|known| &known.of) {
            expected[*child] += u32::from(!children.tasks[*child].done());
        }
        if let Some(awaited) = awaited {
            let takes = awaited.of.iter().any(|child| !children.tasks[*child].done());
            awaited.cancelled.set(awaited.cancelled.get() || takes);
            awaited.may_be_cancelled.set(true);
        }
        cancel();
        assert_eq!(children.cancels(), expected, "the cancels of the children");
    }

    fn finish(children: &Children<Known>) {
        let known = children.shared.borrow();
        assert!(known.iter().all(|known| known.outer.done()), "a gather that is never over");
        let cancelled = known.iter().filter(|known| known.may_be_cancelled.get());
        let reached: BTreeSet<usize> = cancelled.flat_map(|known| known.of.clone()).collect();
        for (number, task) in children.tasks.iter().enumerate() {
            let may = reached.contains(&number) || children.was_struck(number);
            assert!(may || task.cancelling() == 0, "nobody was to cancel child {number}");
        }
    }
}

#[test]
fn a_gather_is_the_sum_of_its_children() {
    let users = (pause(), some(), any::<bool>(), vec(limit(), 0..3)).prop_map(
        |(before, of, returns_exceptions, limits)| Gather {
            before,
            of,
            returns_exceptions,
            limits,
        },
    );
    check_users(users);
}
