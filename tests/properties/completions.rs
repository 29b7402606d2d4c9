//! `as_completed`: every child exactly once, in the order in which they end, and no child is
//! cancelled by it.

use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use seedloop::{AsCompleted, Instant, Result, as_completed, attempt};

use super::children::{Children, Order, User, check_users, forget_cancels, is_cancelled, some};
use super::scenario::{Limit, Pause, limit, pause};

#[derive(Clone, Debug)]
struct Completions {
    before: Pause,
    of: Vec<usize>,
    /// A time limit for all.
    within: Option<Pause>,
    /// What ends the first calls of `next`.
    limits: Vec<Limit>,
}

/// What was given so far.
struct Given {
    results: AsCompleted<usize>,
    order: Order<()>,
    children: Rc<Children<()>>,
    deadline: Option<Instant>,
    /// How many of the children in the order, then of those that had not ended in time.
    count: usize,
    expired: usize,
    /// A call of `next` that was cancelled counts as one that gave something.
    lost: usize,
    over: bool,
}

impl Given {
    async fn next(&mut self) -> Result<()> {
        let Some(result) = self.results.next().await else {
            self.over = true;
            return Ok(());
        };
        match &result {
            Err(error) if error.is_cancelled() && is_cancelled()? => {
                self.lost += 1;
                return Err(error.clone());
            }
            Err(error) if error.is_timeout() => {
                self.expired += 1;
                let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
                assert!(late, "a time limit that is not over");
            }
            _ => {
                assert_eq!(self.expired, 0, "a result after the time was up");
                let ended = self.order.ended();
                let child = ended.get(self.count).expect("more results than children that ended");
                self.children.assert_end(*child, &result);
                self.count += 1;
            }
        }
        Ok(())
    }
}

impl User for Completions {
    type Shared = ();

    async fn play(self, _number: usize, children: Rc<Children<()>>) -> Result<()> {
        self.before.wait().await?;
        let of = children.chosen(&self.of);
        let order = children.order_of(&of);
        let within = self.within.map(Pause::duration);
        let deadline = within.and_then(|within| Instant::now().checked_add(within));
        let results = as_completed(of.iter().map(|child| children.tasks[*child].shared()));
        let mut given = Given {
            results: results.timeout(within),
            order,
            children,
            deadline,
            count: 0,
            expired: 0,
            lost: 0,
            over: false,
        };
        let mut limits = self.limits.into_iter();
        while !given.over {
            let limit = limits.next().unwrap_or(Limit::Never);
            let ended = attempt(limit.on(given.next())).await;
            assert!(ended.is_ok() || is_cancelled()?, "a cancel that nobody asked for");
            forget_cancels()?;
        }
        let distinct = of.iter().collect::<BTreeSet<_>>().len();
        let all = given.count + given.expired + given.lost;
        Ok(assert_eq!(all, distinct, "results were lost or doubled"))
    }
}

#[test]
fn every_child_completes_once_and_in_order() {
    let within = prop_oneof![
        2 => Just(None),
        1 => (0..5_u32).prop_map(|ticks| Some(Pause::Ticks(ticks))),
    ];
    let users = (pause(), some(), within, vec(limit(), 0..5))
        .prop_map(|(before, of, within, limits)| Completions { before, of, within, limits });
    check_users(users);
}
