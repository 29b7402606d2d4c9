//! What counts as a failure, and what must not: limits, cancels, invariants, cases that do not fit,
//! programs that are not deterministic.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use seedloop::explore::{
    Cancel, Candidates, Explorer, FaultKind, Model, Policy, Question, Strategy,
};
use seedloop::sync::{Lock, Tracked};
use seedloop::{Result, always, choose, run, spawn, spawn_named, yield_now};

const STRATEGIES: [Strategy; 10] = [
    Strategy::Portfolio,
    Strategy::Fifo,
    Strategy::Random,
    Strategy::Pct { depth: 2 },
    Strategy::Pos,
    Strategy::Urw,
    Strategy::Surw,
    Strategy::Hold,
    Strategy::Rush,
    Strategy::Revisit,
];

/// Spins until another task has set a flag; then `last` may fail.
async fn spin(last: fn()) -> Result<()> {
    let flag = Rc::new(Cell::new(false));
    let sets = flag.clone();
    let spinner = spawn(async move {
        while !flag.get() {
            yield_now().await?;
        }
        last();
        Ok(())
    });
    let setter = spawn(async move {
        yield_now().await?;
        sets.set(true);
        Ok(())
    });
    spinner.await?;
    setter.await
}

/// A strategy that starves the setter is no livelock, and no reason to call the program anything
/// else either.
#[test]
fn a_run_that_a_strategy_starves_goes_on_fairly() {
    for strategy in STRATEGIES {
        for seed in 0..4 {
            let explorer = Explorer::new().strategy(strategy).seed(seed).runs(70);
            let explorer = explorer.steps_at_one_instant(500);
            let passes = explorer.explore(|| spin(|| ())).failure;
            assert!(passes.is_none(), "{strategy}, seed {seed}: {passes:?}");
            let fails = explorer.explore(|| spin(|| panic!("after the spin"))).failure;
            let fault = fails.expect("every run fails").fault;
            assert_eq!(fault.kind, FaultKind::Panic, "{strategy}, seed {seed}: {fault}");
        }
    }
}

async fn gives_way(times: u32) -> Result<()> {
    for _ in 0..times {
        yield_now().await?;
    }
    Ok(())
}

/// As many steps again are there for what was only starved; then it is a livelock, and the text
/// names the limit that was set.
#[test]
fn a_limit_is_passed_only_if_that_lasts() {
    let explorer = Explorer::new().steps_at_one_instant(10);
    assert!(explorer.explore(|| gives_way(12)).failure.is_none());
    let fault = explorer.explore(|| gives_way(30)).failure.expect("it is too long").fault;
    assert_eq!(fault.kind, FaultKind::Limit);
    let start = "limit of 10 steps without virtual time moving on, and as many again with every \
                 task in its turn, reached at 0.0s in task 'Task-1'";
    assert!(fault.message.starts_with(start), "{}", fault.message);
}

/// A task that is held for ever is no bug of the program.
#[test]
fn a_case_that_holds_a_task_is_fair_in_the_end() {
    let case = "sl1.1.any.-:1.2@1!".parse().expect("a case");
    let replayed = Explorer::new().steps_at_one_instant(500).replay(&case, || spin(|| ()));
    assert!(replayed.fault.is_none(), "{:?}", replayed.fault);
    assert!(replayed.missed.is_empty());
}

/// Two tasks that each lose an update of their own, by turns.
async fn two_invariants() -> Result<()> {
    let (one, other) = (Tracked::new(0), Tracked::new(0));
    let (seen, also) = (one.clone(), other.clone());
    let add = |value: Tracked<u32>| async move {
        let seen = value.read().await?;
        value.write(seen + 1).await?;
        Ok(())
    };
    let tasks: Vec<_> =
        [&one, &one, &other, &other].map(|value| spawn(add(value.clone()))).into_iter().collect();
    for task in tasks {
        task.await?;
    }
    always!(seen.get() == 2, "the first is whole");
    always!(also.get() == 2, "the second is whole");
    Ok(())
}

/// The place is the user's, and shrinking does not slip from one to the other.
#[test]
fn invariants_are_told_apart() {
    for seed in 0..20 {
        let explorer = Explorer::new().seed(seed).strategy(Strategy::Random);
        let failure = explorer.explore(two_invariants).failure.expect("one is broken");
        let message = &failure.fault.message;
        assert!(message.contains("judgements.rs"), "{message}");
        let unshrunk = Explorer::new().seed(seed).strategy(Strategy::Random).shrink_replays(0);
        let unshrunk = unshrunk.explore(two_invariants).failure.expect("one is broken");
        assert_eq!(&unshrunk.fault.message, message, "seed {seed}");
    }
}

/// The bug is in the second of two runs, whose tasks have places of their own in the spawn tree.
#[test]
fn a_body_may_run_several_loops() {
    let body = || {
        run(async { Ok(()) })?;
        run(async {
            let value = Tracked::new(0);
            let (one, other) = (value.clone(), value.clone());
            let one = spawn_named("one", async move { Ok(one.write(1).await?) });
            let other = spawn_named("other", async move { Ok(other.write(2).await?) });
            one.await?;
            other.await?;
            assert_eq!(value.get(), 2, "the order of the queue");
            Ok(())
        })
    };
    for strategy in STRATEGIES.into_iter().filter(|strategy| *strategy != Strategy::Fifo) {
        let failure = Explorer::new().strategy(strategy).explore_runs(&body, &|_| Ok(())).failure;
        let failure = failure.unwrap_or_else(|| panic!("{strategy} finds it"));
        assert_eq!(failure.fault.kind, FaultKind::Panic, "{strategy}: {}", failure.fault);
        let names: Vec<&str> = failure.outcome.tasks.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["Task-1", "", "", "Task-4", "one", "other"]);
        let replayed = Explorer::new().replay_runs(&failure.case, &body, &|_| Ok(()));
        assert!(replayed.fault.is_some() && replayed.missed.is_empty(), "{}", failure.case);
    }
}

fn message_of(call: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(call)).expect_err("it fails");
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// A case that was given says what it expected, and what was there.
#[test]
fn a_case_that_does_not_fit_fails() {
    let missed = |case: &str| {
        let body = || async {
            spawn_named("worker", gives_way(2)).await?;
            choose(3);
            Ok(())
        };
        message_of(|| Explorer::new().runs(1).case(case).check(body))
    };
    let start = |case: &str, what: &str| {
        format!(
            "the case {case} no longer fits: the run did not fail, and never came to {what}; the \
             program is another one than that of the case"
        )
    };
    for (deviation, why) in [
        ("1.9@1!", "there was no task 1.9"),
        ("1.1@9!", "1.1 is 'worker', which had 3 steps"),
        ("1.1@2>1.7", "there was no task 1.7"),
        ("1.1@2>1", "1 was not ready when that step of 'worker' was next"),
        ("1@2v3", "'Task-1' had no such choice in that step, or none with 3"),
    ] {
        let case = format!("sl1.1.any.-:{deviation}");
        assert_eq!(missed(&case), start(&case, &format!("{deviation} ({why})")));
    }
    let wrong = message_of(|| drop(Explorer::new().case("garbage")));
    assert!(wrong.starts_with("'garbage' is no case: "), "{wrong}");
}

#[test]
fn no_runs_are_refused() {
    let why = catch_unwind(|| drop(Explorer::new().runs(0))).expect_err("it is refused");
    let why = why.downcast_ref::<&str>().copied().unwrap_or_default();
    assert_eq!(why, "an exploration of 0 runs shows nothing; leave `runs` out for 200");
}

/// Only a cancel that struck excuses what comes of it.
#[test]
fn a_failure_without_a_strike_is_one_whatever_could_strike() {
    let cancels_itself = || async {
        let task = spawn(gives_way(1));
        task.cancel();
        task.await
    };
    for cancel in [Cancel::Random, Cancel::Everywhere] {
        let failure = Explorer::new().cancel(cancel).explore(cancels_itself).failure;
        assert_eq!(failure.expect("the test returns an error").fault.kind, FaultKind::Error);
        let explorer = Explorer::new().cancel(cancel);
        let body = || run(async { spawn(gives_way(1)).await });
        let refused = explorer.explore_runs(&body, &|_| Err("never right".to_owned()));
        assert_eq!(refused.failure.expect("it is checked").fault.kind, FaultKind::Check);
    }
}

/// Lowers in its destructor what was raised before it was spawned.
struct Lowers(Rc<Cell<i32>>);

impl Drop for Lowers {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A task that was dropped before its first step, and one where its lock was free, so that it need
/// not have waited.
#[test]
fn a_strike_comes_before_the_first_step_and_where_a_task_gives_way() {
    let before = || async {
        let inside = Rc::new(Cell::new(1));
        let lowered = inside.clone();
        let task = spawn(async move {
            let _guard = Lowers(lowered);
            Ok(yield_now().await?)
        });
        drop(task.await);
        assert_eq!(inside.get(), 0, "the guard was never made");
        Ok(())
    };
    let at_free_lock = || async {
        let busy = Rc::new(Cell::new(false));
        let (sets, lock) = (busy.clone(), Lock::new());
        let task = spawn(async move {
            sets.set(true);
            let _held = lock.lock().await?;
            sets.set(false);
            Ok(())
        });
        drop(task.await);
        assert!(!busy.get(), "it stays busy");
        Ok(())
    };
    let everywhere = Explorer::new().cancel(Cancel::Everywhere).runs(1);
    let failure = everywhere.explore(before).failure.expect("the first strike shows it");
    assert_eq!((failure.fault.kind, failure.run), (FaultKind::Panic, 2));
    assert_eq!(failure.case.to_string(), "sl1.1.any.d:1.1@0c");
    let failure = everywhere.explore(at_free_lock).failure.expect("one that gives way shows it");
    assert_eq!(failure.case.to_string(), "sl1.1.any.d:1.1@1s,1.1@2c");
    let statistics = everywhere.explore(|| async { spawn(gives_way(1)).await }).statistics;
    assert!(statistics.struck > 0 && !statistics.exhausted);
}

/// An exhaustive search goes on for as long as it takes, and says so if it has left anything out.
#[test]
fn an_exhaustive_search_keeps_its_word() {
    let six = || async {
        let tasks: Vec<_> = (0..6).map(|_| spawn(gives_way(1))).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    };
    let two = Explorer::new().strategy(Strategy::Exhaustive { deviations: 2 });
    let statistics = two.explore(six).statistics;
    assert!(statistics.exhausted && statistics.runs > 200, "{statistics:?}");
    let one = Explorer::new().strategy(Strategy::Exhaustive { deviations: 1 });
    let failure = one.explore(|| async { Ok(assert_ne!(choose(10), 5)) }).failure;
    assert_eq!(failure.expect("every value is tried").run, 6);
    let statistics = one
        .explore(|| async {
            choose(1_000);
            Ok(())
        })
        .statistics;
    assert_eq!((statistics.runs, statistics.exhausted), (2, false));
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A static whose every second value is the same could hide from every second run.
#[test]
fn a_static_counter_is_found_out() {
    let body = || async {
        let is_even = COUNTER.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        let wait = |_| {
            spawn(async move {
                if is_even {
                    yield_now().await?;
                }
                Ok(yield_now().await?)
            })
        };
        for task in (0..4).map(wait).collect::<Vec<_>>() {
            task.await?;
        }
        Ok(())
    };
    let failure = Explorer::new().explore(body).failure.expect("it is not deterministic");
    assert_eq!(failure.fault.kind, FaultKind::Nondeterminism);
    let twin = failure.twin.expect("a second run");
    assert_ne!(failure.outcome.fingerprint, twin.fingerprint, "the pair that is shown differs");
}

/// Takes what became ready last.
struct Newest;

impl Policy for Newest {
    fn choose(&mut self, _question: &Question) -> u32 {
        0
    }

    fn watches(&self) -> bool {
        true
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let mut newest = 0;
        while let Some(newer) = ready.after(newest) {
            newest = newer;
        }
        newest
    }
}

#[test]
fn a_test_may_bring_a_policy_of_its_own() {
    let body = || async {
        let order = Rc::new(Cell::new(0));
        let note = |digit: u32| {
            let order = order.clone();
            spawn(async move { Ok(order.set(order.get() * 10 + digit)) })
        };
        for task in [1, 2, 3].map(note) {
            task.await?;
        }
        assert_ne!(order.get(), 321);
        Ok(())
    };
    assert!(Explorer::new().strategy(Strategy::Fifo).explore(body).failure.is_none());
    let failure = Explorer::new().policy(|| Newest).explore(body).failure;
    assert_eq!(failure.expect("the newest come first").run, 1);
}

/// How much is left is told only of runs that are drawn apart.
#[test]
fn an_estimate_needs_runs_that_are_drawn_apart() {
    let body = || async {
        let tasks: Vec<_> = (0..6).map(|_| spawn(gives_way(2))).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    };
    for (strategy, is_told) in [
        (Strategy::Fifo, false),
        (Strategy::Portfolio, false),
        (Strategy::Urw, false),
        (Strategy::Random, true),
        (Strategy::Pos, true),
    ] {
        let explorer = Explorer::new().strategy(strategy).runs(50).model(Model::AnyOrder);
        let statistics = explorer.explore(body).statistics;
        assert_eq!(statistics.unseen_per_mille().is_some(), is_told, "{strategy}");
        assert_eq!(statistics.outcomes, 1, "nothing is printed, and nothing fails");
    }
}
