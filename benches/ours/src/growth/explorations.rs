//! What an exploration does with many tasks and many choices.

use seedloop::explore::{Exploration, Explorer, Strategy};
use seedloop::sync::Tracked;
use seedloop::{Result, spawn, yield_now};

use super::Case;
use crate::loops::join_all;

pub const CASES: &[Case] = &[
    ("tasks under the portfolio", 100, |n| strategy(n, Strategy::Portfolio)),
    ("tasks under the random walk", 250, |n| strategy(n, Strategy::Random)),
    ("tasks under pct", 250, |n| strategy(n, Strategy::Pct { depth: 3 })),
    ("tasks under pos", 250, |n| strategy(n, Strategy::Pos)),
    ("tasks under urw", 250, |n| strategy(n, Strategy::Urw)),
    ("tasks under surw", 250, |n| strategy(n, Strategy::Surw)),
    ("tasks under hold", 250, |n| strategy(n, Strategy::Hold)),
    ("tasks under rush", 250, |n| strategy(n, Strategy::Rush)),
    ("tasks under revisit", 100, |n| strategy(n, Strategy::Revisit)),
    ("tasks under an exhaustive search", 100, |n| {
        strategy(n, Strategy::Exhaustive { deviations: 2 });
    }),
    ("tasks under dpor", 50, |n| strategy(n, Strategy::Dpor)),
    ("choices that are shrunk to a few", 100, shrunk),
    ("runs of an exploration", 500, runs),
];

/// A few runs with n tasks, which share nothing but a value that each changes once.
fn strategy(n: u64, strategy: Strategy) {
    let exploration = explore(Explorer::new().strategy(strategy).runs(8), n);
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
}

fn explore(explorer: Explorer, n: u64) -> Exploration {
    explorer.explore(move || async move {
        let count = Tracked::new(0);
        let turn = |count: Tracked<u64>| async move {
            yield_now().await?;
            count.update(|count| *count += 1).await?;
            Ok(())
        };
        join_all((0..n).map(|_| spawn(turn(count.clone()))).collect()).await?;
        assert_eq!(count.get(), n);
        Ok(())
    })
}

/// A failure that a random run shows with a choice at every step, and that needs one of them.
fn shrunk(n: u64) {
    let explorer = Explorer::new().strategy(Strategy::Random).runs(20);
    let exploration = explorer.explore(move || fails_out_of_order(n));
    let failure = exploration.failure.expect("a random order is not that of the queue");
    assert!(failure.found_with as u64 > n / 2, "found with {}", failure.found_with);
    assert!(failure.case.len() <= 2, "{}", failure.case);
}

async fn fails_out_of_order(n: u64) -> Result<()> {
    let last = Tracked::new(0);
    let turn = |number, last: Tracked<u64>| async move {
        yield_now().await?;
        if number == 2 && last.get() != 1 {
            last.set(u64::MAX);
        }
        if last.get() < number {
            last.set(number);
        }
        Ok(())
    };
    join_all((1..=n).map(|number| spawn(turn(number, last.clone()))).collect()).await?;
    assert_eq!(last.get(), n, "the second was not after the first");
    Ok(())
}

/// Small runs, more and more of them: what an exploration remembers of runs must not slow it.
fn runs(n: u64) {
    let exploration = explore(Explorer::new().runs(n), 5);
    assert_eq!(exploration.statistics.runs, n);
}
