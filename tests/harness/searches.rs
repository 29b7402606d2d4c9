//! What strategies find, and how much there is to find.

use std::collections::BTreeSet;
use std::time::Duration;

use seedloop::explore::{Case, Explorer, FaultKind, Model, Strategy};
use seedloop::sync::Tracked;
use seedloop::{Result, sleep, spawn};

const STRATEGIES: [Strategy; 8] = [
    Strategy::Portfolio,
    Strategy::Random,
    Strategy::Pct { depth: 2 },
    Strategy::Pos,
    Strategy::Urw,
    Strategy::Surw,
    Strategy::Hold,
    Strategy::Revisit,
];

/// Fails only if the first task comes last of three.
async fn last_of_three() -> Result<()> {
    let count = Tracked::new(0);
    let check = count.clone();
    let first = spawn(async move {
        assert!(check.read().await? < 2, "both others were first");
        Ok(())
    });
    let add = |count: Tracked<u32>| spawn(async move { Ok(count.update(|n| *n += 1).await?) });
    let others = [add(count.clone()), add(count)];
    first.await?;
    for other in others {
        other.await?;
    }
    Ok(())
}

#[test]
fn every_strategy_finds_what_asyncios_order_never_shows() {
    let fifo = Explorer::new().strategy(Strategy::Fifo).runs(3).explore(last_of_three);
    assert!(fifo.failure.is_none());
    for strategy in STRATEGIES {
        let exploration = Explorer::new().strategy(strategy).explore(last_of_three);
        let failure = exploration.failure.unwrap_or_else(|| panic!("{strategy} found nothing"));
        assert_eq!(failure.fault.kind, FaultKind::Panic);
        // One thing is enough, whichever way it was found.
        assert_eq!(failure.case.len(), 1, "{strategy}: {}", failure.case);
        assert!(failure.replays <= 300);
    }
}

/// The same seed explores in the same way, and another one in another.
#[test]
fn an_exploration_is_determined_by_its_seed() {
    let explore = |seed| {
        let explorer = Explorer::new().seed(seed).strategy(Strategy::Random);
        let failure = explorer.explore(last_of_three).failure.expect("it is found");
        (failure.run, failure.found_with)
    };
    assert_eq!(explore(3), explore(3));
    let found: BTreeSet<_> = (0..10).map(explore).collect();
    assert!(found.len() > 3, "{found:?}");
}

/// Two tasks of two steps each, and the main one, which waits: of the orders of the four steps six
/// keep each task's own order.
#[test]
fn an_exhaustive_search_tries_all_there_is() {
    let body = || async {
        let both = [1, 2].map(|n| {
            spawn(async move {
                seedloop::yield_now().await?;
                Ok(seedloop::out!("{n}"))
            })
        });
        for task in both {
            task.await?;
        }
        Ok(())
    };
    let explore = |deviations| {
        let explorer = Explorer::new().strategy(Strategy::Exhaustive { deviations });
        explorer.runs(10_000).explore(body).statistics
    };
    assert_eq!((explore(0).runs, explore(0).exhausted), (1, true));
    let all = explore(9);
    assert!(all.exhausted);
    assert_eq!(all.distinct, explore(4).distinct, "nothing new comes with more deviations");
    assert!(explore(1).distinct < all.distinct);
}

/// Tasks that each do `access` once to a value, which they share or not; the main one waits for one
/// after the other.
fn accesses(count: usize, shared: bool, reads: bool) -> impl Fn() -> Body + Sync {
    move || {
        Box::pin(async move {
            let value = Tracked::new(0);
            let access = |value: Tracked<u32>| async move {
                match reads {
                    true => value.read().await.map(drop)?,
                    false => value.write(1).await?,
                }
                Ok(())
            };
            let own = || if shared { value.clone() } else { Tracked::new(0) };
            let tasks: Vec<_> = (0..count).map(|_| spawn(access(own()))).collect();
            for task in tasks {
                task.await?;
            }
            Ok(())
        })
    }
}

type Body = std::pin::Pin<Box<dyn Future<Output = Result<()>>>>;

/// Of two tasks that write the same, either may be the first; if that is the one for which the main
/// task waits, the main task may go on before the other one ends, or after. What they do to values
/// of their own has no order, nor have two reads.
#[test]
fn a_reduction_tries_each_order_of_what_meets_once() {
    let explore = |strategy, count, shared, reads| {
        let explorer = Explorer::new().strategy(strategy);
        let exploration = explorer.explore(accesses(count, shared, reads));
        assert!(exploration.failure.is_none() && exploration.statistics.exhausted);
        exploration.statistics.runs
    };
    assert_eq!(explore(Strategy::Full, 2, true, false), 10);
    assert_eq!(explore(Strategy::Dpor, 2, true, false), 3);
    assert_eq!(explore(Strategy::Dpor, 2, true, true), 2);
    assert_eq!(explore(Strategy::Dpor, 2, false, false), 2);
    assert_eq!(explore(Strategy::Full, 3, true, false), 238);
    assert_eq!(explore(Strategy::Dpor, 3, true, false), 12);
    assert_eq!(explore(Strategy::Dpor, 3, false, false), 5);
}

/// A case is followed to the same failure, and one that does not fit says where.
#[test]
fn a_case_replays_or_says_what_it_missed() {
    let failure = Explorer::new().explore(last_of_three).failure.expect("it is found");
    let replayed = Explorer::new().replay(&failure.case, last_of_three);
    let fault = replayed.fault.expect("it fails again");
    assert_eq!((fault.kind, fault.message), (FaultKind::Panic, failure.fault.message.clone()));
    assert!(replayed.missed.is_empty());

    let other: Case = "sl1.1.any.-:1.7@2!,1.1@1!".parse().expect("a case");
    let replayed = Explorer::new().replay(&other, last_of_three);
    assert_eq!(replayed.missed, ["1.7@2! (there was no task 1.7)"]);
    let dull = Explorer::new().replay(&Case::dull(Model::AnyOrder), last_of_three);
    assert!(dull.fault.is_none());
}

/// What takes time comes late, and an earlier deadline is first all the same.
#[test]
fn lateness_keeps_the_order_of_deadlines() {
    let explorer = Explorer::new().model(Model::Asyncio).lateness(Duration::from_secs(3)).runs(300);
    let exploration = explorer.explore(|| async {
        let order = Tracked::new(0);
        let late = order.clone();
        let second = spawn(async move {
            sleep(Duration::from_secs(2)).await?;
            assert_eq!(late.get(), 1, "the earlier deadline comes first");
            Ok(())
        });
        sleep(Duration::from_secs(1)).await?;
        order.set(1);
        second.await
    });
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
    let missed = explorer.explore(|| async {
        let began = seedloop::Instant::now();
        sleep(Duration::from_secs(1)).await?;
        assert!(began.elapsed() < Duration::from_secs(2), "the loop is late");
        Ok(())
    });
    assert_eq!(missed.failure.expect("it is late once").case.len(), 1);
}

/// A task of two that write a cell each in two halves, and read the other's in two: how often what
/// it has read was torn.
async fn torn_of(own: [Tracked<u32>; 2], other: [Tracked<u32>; 2]) -> Result<u32> {
    let mut torn = 0;
    for round in 1..=2 {
        for half in &own {
            half.write(round).await?;
        }
        let halves = (other[0].read().await?, other[1].read().await?);
        torn += u32::from(halves.0 != halves.1);
    }
    Ok(torn)
}

/// Fails only if three of four reads were torn: the tasks take turns at four places, in order.
async fn halves() -> Result<()> {
    let cell = || [Tracked::new(0), Tracked::new(0)];
    let (one, other) = (cell(), cell());
    let first = spawn(torn_of(one.clone(), other.clone()));
    let second = spawn(torn_of(other, one));
    let torn = first.await? + second.await?;
    assert!(torn < 3, "{torn} reads were torn");
    Ok(())
}

#[test]
fn the_portfolio_finds_what_takes_four_switches_in_order_in_its_200_runs() {
    let runs = (0..20).filter_map(|seed| {
        let explorer = Explorer::new().seed(seed).shrink_replays(0);
        explorer.explore(halves).failure.map(|failure| failure.run)
    });
    assert_eq!(runs.count(), 20);
}
