//! The report of a failure, to the letter.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use seedloop::explore::Explorer;
use seedloop::report::{Found, failure_text};
use seedloop::sync::{Lock, Tracked};
use seedloop::{Result, out, sleep, spawn, spawn_named};

/// The report, with what a test harness would add to it.
pub(super) fn report_of(explorer: &Explorer, body: fn() -> Result<()>) -> String {
    let exploration = explorer.explore_runs(&body, &|_| Ok(()));
    let failure = exploration.failure.expect("a run fails");
    let mut found = Found::default();
    found.strategy = "portfolio, seed 0".to_owned();
    found.statistics = exploration.statistics;
    if failure.is_of_a_run() {
        found.replay = format!("SEEDLOOP_CASE='{}' cargo test", failure.case);
    }
    let text = failure_text(&failure, &found);
    assert!(text.lines().count() <= 40, "{text}");
    text
}

fn check(name: &str, body: fn() -> Result<()>) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/reports"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = report_of(&Explorer::new(), body);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The second one reads before the first one writes, and writes after it: it is so in any order in
/// which both read before either writes, also in asyncio's.
#[test]
fn a_lost_update() {
    check("lost_update", || {
        seedloop::run(async {
            let balance = Tracked::new(100);
            let deposit = async move |balance: Tracked<u32>, amount| {
                let seen = balance.read().await?;
                balance.write(seen + amount).await?;
                Ok(())
            };
            let wages = spawn_named("wages", deposit(balance.clone(), 50));
            let gift = spawn_named("gift", deposit(balance.clone(), 7));
            wages.await?;
            gift.await?;
            out!("the balance is {}", balance.get());
            assert_eq!(balance.get(), 157);
            Ok(())
        })
    });
}

/// Fails only if the check comes last of three; asyncio's order has it first.
#[test]
fn a_check_that_comes_late() {
    check("late_check", || {
        seedloop::run(async {
            let orders = Tracked::new(0);
            let seen = orders.clone();
            let check = spawn_named("check", async move {
                assert!(seen.read().await? < 2, "the shop is closed");
                Ok(())
            });
            let order =
                |orders: Tracked<u32>| async move { Ok(orders.update(|count| *count += 1).await?) };
            let first = spawn_named("注文1", order(orders.clone()));
            let second = spawn_named("注文2", order(orders));
            check.await?;
            first.await?;
            second.await
        })
    });
}

/// Each has one lock when it gives way, and wants the other's.
#[test]
fn a_deadlock() {
    check("deadlock", || {
        seedloop::run(async {
            let (a, b) = (Lock::new(), Lock::new());
            let transfer = async move |from: Lock, to: Lock| {
                let _from = from.lock().await?;
                let _to = to.lock().await?;
                Ok(())
            };
            let there = spawn_named("a to b", transfer(a.clone(), b.clone()));
            let back = spawn_named("b to a", transfer(b, a));
            there.await?;
            back.await
        })
    });
}

/// A static that counts is another one at each run.
#[test]
fn a_static_is_named() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let text = report_of(&Explorer::new(), || {
        seedloop::run(async {
            let run = RUNS.fetch_add(1, Ordering::Relaxed);
            sleep(std::time::Duration::from_millis(u64::from(run))).await?;
            Ok(())
        })
    });
    assert!(text.starts_with("the same choices gave another run\nfound in run 1 "), "{text}");
    let place = format!("after the program was at {}:", file!());
    assert!(text.contains("event ") && text.contains("moves the clock on by"), "{text}");
    assert!(text.contains(&place), "{text}");
    let timer = format!("s, to the timer of Task-1 at {}:", file!());
    assert!(text.contains(&timer) && !text.contains("in the order of the queue"), "{text}");
}

/// So is the order of a map with a random seed, also where no run fails.
#[test]
fn the_order_of_a_map_is_named() {
    #[expect(clippy::disallowed_types, reason = "that is what is to be found")]
    let text = report_of(&Explorer::new(), || {
        seedloop::run(async {
            let names: std::collections::HashMap<u32, u32> = (0..20).map(|n| (n, n)).collect();
            for name in names.into_keys() {
                spawn(async move { Ok(out!("{name}")) });
            }
            Ok(sleep(std::time::Duration::from_secs(1)).await?)
        })
    });
    assert!(text.starts_with("the same choices gave another run\n"), "{text}");
    assert!(text.contains(" prints: "), "{text}");
}

thread_local! {
    static MADE: Cell<bool> = const { Cell::new(false) };
}

/// What is made once in a thread is no nondeterminism: the first run is not judged.
#[test]
fn what_is_made_once_is_none() {
    let exploration = Explorer::new().explore(|| async {
        if !MADE.replace(true) {
            sleep(std::time::Duration::from_secs(1)).await?;
        }
        Ok(())
    });
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
    assert_eq!(exploration.statistics.rechecked, 4, "each time on a thread of its own");
}
