//! What people really run: strategies, cancels everywhere, shrinking, rechecks.
//!
//! With the name of a profile as its argument it prints only how many seeds a second an exploration
//! of W6 makes in it.

use std::env;
use std::time::Duration;

use measure::cpu_ns;
use seedloop::explore::{Cancel, Exploration, Explorer, Strategy};
use seedloop::sync::{Semaphore, Tracked};
use seedloop::{Result, sleep, spawn, yield_now};

use workloads::small_run;

#[path = "../runtime.rs"]
mod runtime;
#[path = "../../../workloads.rs"]
#[expect(dead_code, reason = "only W6 is used here")]
mod workloads;

mod extra {
    //! This program has no other workloads.

    pub fn extra(_workload: &str, _first: u64, _second: u64) -> Option<u64> {
        None
    }
}

/// The fastest of so many counts.
const SAMPLES: usize = 5;

fn main() {
    if let Some(profile) = env::args().nth(1) {
        seeds_of_profile(&profile);
        return;
    }
    strategies();
    explorations();
    shrinking();
}

/// The CPU time of the fastest of several calls, in nanoseconds.
fn fastest(mut call: impl FnMut()) -> f64 {
    let sample = |_| {
        let before = cpu_ns();
        call();
        cpu_ns() - before
    };
    (0..SAMPLES).map(sample).min().unwrap_or(1) as f64
}

/// W2 with 1,000 tasks under each strategy, against the plain uniform pick.
fn strategies() {
    const TASKS: u64 = 1_000;
    const YIELDS: u64 = 50;
    const RUNS: u64 = 20;
    let program = || async {
        let turns = || async {
            for _ in 0..YIELDS {
                yield_now().await?;
            }
            Ok(())
        };
        let tasks: Vec<_> = (0..TASKS).map(|_| spawn(turns())).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    };
    // The difference of two explorations: the warm-up, the first run, on which some strategies
    // learn, and the rechecks are in both.
    let each = |strategy: Strategy| {
        let time = |runs| {
            let explorer = Explorer::new().strategy(strategy).runs(runs);
            fastest(|| assert_eq!(explorer.explore(program).statistics.runs, runs))
        };
        (time(1 + RUNS) - time(1)) / (TASKS * YIELDS * RUNS) as f64
    };
    let uniform = each(Strategy::Random);
    println!("W2 with {TASKS} tasks under each strategy: CPU ns a yield\n");
    println!("| strategy | ns | to the uniform pick |");
    println!("|---|---:|---:|");
    println!("| random (the uniform pick) | {uniform:.0} | 1.00 |");
    let others = [
        Strategy::Portfolio,
        Strategy::Fifo,
        Strategy::Pct { depth: 3 },
        Strategy::Pos,
        Strategy::Urw,
        Strategy::Surw,
        Strategy::Hold,
        Strategy::Rush,
        Strategy::Revisit,
        Strategy::Exhaustive { deviations: 2 },
    ];
    // Without dpor, for which this is a single run: nothing in it meets.
    for strategy in others {
        let time = each(strategy);
        println!("| {strategy} | {time:.0} | {:.2} |", time / uniform);
    }
    println!();
}

/// W6 in explorations of several kinds, in seeds a second.
fn explorations() {
    println!("W6 in explorations: seeds a second and core\n");
    println!("| exploration | runs | seeds a second |");
    println!("|---|---:|---:|");
    let print = |name: &str, explorer: Explorer| {
        let mut runs = 0;
        let time = fastest(|| runs = explore(&explorer).statistics.runs);
        println!("| {name} | {runs} | {:.0} |", runs as f64 / time * 1e9);
    };
    let random = Explorer::new().strategy(Strategy::Random);
    print("random walk, a recheck each 64 runs", random.clone().runs(10_000));
    print("the default of a test: portfolio, 200 runs", Explorer::new());
    print("portfolio", Explorer::new().runs(10_000));
    print("cancel everywhere, then the portfolio", Explorer::new().cancel(Cancel::Everywhere));
    print("random cancels", random.clone().runs(10_000).cancel(Cancel::Random));
    for strategy in [Strategy::Pct { depth: 3 }, Strategy::Pos, Strategy::Revisit, Strategy::Dpor] {
        print(&strategy.to_string(), Explorer::new().strategy(strategy).runs(5_000));
    }
    // Every run a recheck, which takes it twice more on a thread of its own.
    let time = fastest(|| {
        for seed in 0..100 {
            explore(&random.clone().seed(seed).runs(1));
        }
    });
    println!("| a single run with its four rechecks | 100 | {:.0} |\n", 100.0 / time * 1e9);
}

fn explore(explorer: &Explorer) -> Exploration {
    let exploration = explorer.explore(guarded_run);
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
    exploration
}

/// W6 as one writes it who expects cancels: a permit is a guard, and a task that was cancelled is
/// no error.
async fn guarded_run() -> Result<()> {
    let permits = Semaphore::new(2);
    let turns = async |task: u64, permits: Semaphore| {
        for round in 0..3 {
            let permit = permits.permit().await?;
            sleep(Duration::from_millis(1 + (task * 3 + round) % 10)).await?;
            drop(permit);
            yield_now().await?;
        }
        Ok(())
    };
    let tasks: Vec<_> = (0..10).map(|task| spawn(turns(task, permits.clone()))).collect();
    for task in tasks {
        if let Err(error) = task.await
            && !error.is_cancelled()
        {
            return Err(error);
        }
    }
    Ok(())
}

/// How long it takes to make failures small, in replays a second.
fn shrinking() {
    println!("Shrinking\n");
    println!("| failure | found with | shrunk to | replays | replays a second |");
    println!("|---|---:|---:|---:|---:|");
    for (name, pairs) in [("one pair", 1), ("three pairs", 3)] {
        let explorer = Explorer::new().strategy(Strategy::Random).runs(2_000);
        let mut failure = None;
        let found = fastest(|| failure = explorer.explore(|| turned_round(pairs)).failure);
        // Up to there and no further, without a replay.
        let unshrunk = explorer.shrink_replays(0);
        let before = fastest(|| drop(unshrunk.explore(|| turned_round(pairs))));
        let failure = failure.expect("they are turned round in some order");
        println!(
            "| {name} of ten tasks turned round | {} | {} | {} | {:.0} |",
            failure.found_with,
            failure.case.len(),
            failure.replays,
            f64::from(failure.replays) / (found - before).max(1.0) * 1e9,
        );
    }
}

/// Fails if in so many pairs of tasks the second one is first. In the order of the queue none is.
async fn turned_round(pairs: u64) -> Result<()> {
    const TASKS: u64 = 10;
    let (begun, late) = (Tracked::new(0_u64), Tracked::new(0));
    let turn = |task: u64, begun: Tracked<u64>, late: Tracked<u64>| async move {
        yield_now().await?;
        let seen = begun.get();
        if task % 2 == 1 && task / 2 < pairs && seen & (1 << (task - 1)) == 0 {
            late.set(late.get() + 1);
        }
        begun.set(seen | (1 << task));
        Ok(())
    };
    let spawn_one = |task| spawn(turn(task, begun.clone(), late.clone()));
    let tasks: Vec<_> = (0..TASKS).map(spawn_one).collect();
    for task in tasks {
        task.await?;
    }
    assert!(late.get() < pairs, "the second was first in each pair");
    Ok(())
}

/// What `cargo test` gets.
fn seeds_of_profile(profile: &str) {
    let seeds = 2_000;
    let simulations = fastest(|| {
        for seed in 0..seeds {
            runtime::run(seed, small_run(seed, true));
        }
    });
    let explorer = Explorer::new().runs(seeds);
    let explored = fastest(|| drop(explore(&explorer)));
    let per_second = |time: f64| seeds as f64 / time * 1e9;
    println!(
        "W6, profile {profile}: {:.0} seeds a second as simulations, {:.0} in the default \
         exploration",
        per_second(simulations),
        per_second(explored),
    );
}
