//! `wait`: it is over at the very moment at which its condition holds or its time is up, tells who
//! has ended and who has not, and cancels nobody.

use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::{AnyFuture, Instant, Result, ReturnWhen, wait};

use super::children::{Children, User, check_users, some};
use super::scenario::{Limit, Pause, limit, pause};

#[derive(Clone, Debug)]
struct Waits {
    before: Pause,
    of: Vec<usize>,
    when: ReturnWhen,
    within: Option<Pause>,
    limit: Limit,
}

impl Waits {
    /// The moment at which the condition was true, if it has been.
    fn decided(&self, of: &BTreeSet<usize>, children: &Children<()>) -> Option<Instant> {
        let ends: Vec<Option<Instant>> = of.iter().map(|child| children.end_of(*child)).collect();
        let all =
            ends.iter().copied().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        let failed = of.iter().filter(|child| children.error_of(**child).is_some());
        match self.when {
            ReturnWhen::AllCompleted => all,
            ReturnWhen::FirstCompleted => ends.into_iter().flatten().min(),
            ReturnWhen::FirstException => {
                failed.filter_map(|child| children.end_of(*child)).min().or(all)
            }
        }
    }
}

impl User for Waits {
    type Shared = ();

    async fn play(self, _number: usize, children: Rc<Children<()>>) -> Result<()> {
        self.before.wait().await?;
        let of = children.chosen(&self.of);
        let (begun, within) = (Instant::now(), self.within.map(Pause::duration));
        let deadline = within.and_then(|within| begun.checked_add(within));
        let number_of = |future: &AnyFuture| {
            let is_it = |number: &usize| children.tasks[*number].as_any() == *future;
            (0..children.tasks.len()).find(is_it).expect("somebody else's")
        };
        let waits = async {
            let futures: Vec<AnyFuture> =
                of.iter().map(|child| children.tasks[*child].as_any()).collect();
            let (done, pending) = wait(futures, self.when).timeout(within).await?;
            let now = Instant::now();
            assert!(done.iter().all(AnyFuture::done), "one that is done has not ended");
            assert!(!pending.iter().any(AnyFuture::done), "one that is pending has ended");
            let mut told: Vec<usize> = done.iter().chain(&pending).map(number_of).collect();
            told.sort_unstable();
            let of: BTreeSet<usize> = of.iter().copied().collect();
            assert!(told.iter().eq(&of), "{told:?} in place of {of:?}");
            let decided = self.decided(&of, &children).map(|decided| decided.max(begun));
            let over = decided.into_iter().chain(deadline).min();
            Ok(assert_eq!(over, Some(now), "the moment at which it is over"))
        };
        self.limit.on(waits).await
    }
}

#[test]
fn a_wait_is_over_when_its_condition_holds() {
    let when = prop_oneof![
        Just(ReturnWhen::AllCompleted),
        Just(ReturnWhen::FirstCompleted),
        Just(ReturnWhen::FirstException),
    ];
    let within = prop_oneof![
        2 => Just(None),
        1 => (0..5_u32).prop_map(|ticks| Some(Pause::Ticks(ticks))),
    ];
    let users = (pause(), some(), when, within, limit())
        .prop_map(|(before, of, when, within, limit)| Waits { before, of, when, within, limit });
    check_users(users);
}
