//! `shield`: what it protects goes on to its own end, whatever becomes of those who wait.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::{LoopFuture, Result, shield};

use super::children::{Child, Children, User, check_users, child, is_cancelled};
use super::scenario::{Limit, Pause, limit, pause};

#[derive(Clone, Debug)]
enum Inner {
    /// A task that others know.
    Task(usize),
    /// A coroutine, which becomes a task that only the shield knows.
    Coroutine(Child),
}

#[derive(Clone, Debug)]
struct Shield {
    before: Pause,
    inner: Inner,
    limit: Limit,
}

/// How many coroutines were shielded, and how many have come to their own end.
#[derive(Default)]
struct Coroutines {
    begun: Cell<u32>,
    ended: Cell<u32>,
}

impl Shield {
    async fn wait_for(
        &self,
        outer: LoopFuture<usize>,
        check: impl Fn(&Result<usize>),
    ) -> Result<()> {
        let waits = async {
            let result = outer.await;
            match &result {
                Err(error) if error.is_cancelled() && is_cancelled()? => {}
                result => check(result),
            }
            result.map(drop)
        };
        self.limit.on(waits).await
    }
}

impl User for Shield {
    type Shared = Coroutines;

    async fn play(self, number: usize, children: Rc<Children<Coroutines>>) -> Result<()> {
        self.before.wait().await?;
        match self.inner.clone() {
            Inner::Task(child) => {
                let child = child % children.tasks.len();
                let outer = shield(children.tasks[child].shared());
                self.wait_for(outer, |result| children.assert_end(child, result)).await
            }
            Inner::Coroutine(child) => {
                children.shared.begun.set(children.shared.begun.get() + 1);
                let all = Rc::clone(&children);
                let outer = shield(async move {
                    let result = child.play(number).await;
                    let cancelled = result.as_ref().is_err_and(|error| error.is_cancelled());
                    assert!(!cancelled, "a cancel reached what is shielded");
                    all.shared.ended.set(all.shared.ended.get() + 1);
                    result
                });
                let check = |result: &Result<usize>| {
                    let cancelled = result.as_ref().is_err_and(|error| error.is_cancelled());
                    assert!(!cancelled, "a cancel that nobody asked for");
                };
                self.wait_for(outer, check).await
            }
        }
    }

    fn finish(children: &Children<Coroutines>) {
        children.assert_only_struck();
        let Coroutines { begun, ended } = &children.shared;
        assert_eq!(begun, ended, "something that was shielded was dropped");
    }
}

#[test]
fn what_is_shielded_comes_to_its_own_end() {
    let inner =
        prop_oneof![(0..12_usize).prop_map(Inner::Task), child().prop_map(Inner::Coroutine),];
    let users = (pause(), inner, limit()).prop_map(|(before, inner, limit)| Shield {
        before,
        inner,
        limit,
    });
    check_users(users);
}
