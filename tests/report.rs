//! The texts of real runs; those of single events are tested beside their words.

use std::time::Duration;

use seedloop::explore::{Model, Policy, Question};
use seedloop::sync::{Lock, Queue};
use seedloop::{Result, Simulation, out, report, run, running_loop, sleep, spawn_named};

/// Lets what became ready last run first.
struct Last;

impl Policy for Last {
    fn choose(&mut self, question: &Question) -> u32 {
        question.bound - 1
    }
}

fn program() -> Result<()> {
    run(async {
        let first = spawn_named("first", async {
            out!("first");
            Ok(())
        });
        let second = spawn_named("second", async { Ok(sleep(Duration::from_secs(1)).await?) });
        running_loop()?.call_soon(|| out!("called"))?;
        first.await?;
        second.await
    })
}

#[test]
fn the_trace_names_what_a_choice_passed_over() {
    let outcome = Simulation::new().model(Model::AnyOrder).policy(Last).record().run(program);
    let trace = report::trace_text(&outcome);
    let picks: Vec<&str> = trace.lines().filter(|line| line.contains(" ahead of ")).collect();
    let expected = [
        "0.0s     1  loop    picks a callback ahead of first, second",
        "0.0s     2  loop    picks second ahead of first",
    ];
    assert_eq!(picks, expected, "the trace is\n{trace}");
}

#[test]
fn the_trace_names_resources() {
    let outcome = Simulation::new().record().run(|| {
        run(async {
            let (lock, queue) = (Lock::new(), Queue::unbounded());
            let held = lock.lock().await?;
            let (same, other) = (lock.clone(), queue.clone());
            let waiter = spawn_named("待つ人", async move {
                drop(same.lock().await?);
                Ok(other.put(1).await?)
            });
            sleep(Duration::ZERO).await?;
            drop(held);
            queue.get().await?;
            waiter.await
        })
    });
    let trace = report::trace_text(&outcome);
    let about: Vec<&str> = trace.lines().filter(|line| line.contains('#')).collect();
    let expected = [
        "0.0s     1  Task-1  lock#1: acquired at tests/report.rs:48",
        "0.0s     2  待つ人  waits for lock#1 at tests/report.rs:51",
        "0.0s     3  Task-1  lock#1: released",
        "0.0s     3  Task-1  waits for queue#1 (get) at tests/report.rs:56",
        "0.0s     4  待つ人  lock#1: acquired at tests/report.rs:51",
        "0.0s     4  待つ人  lock#1: released",
        "0.0s     4  待つ人  queue#1: put at tests/report.rs:52",
        "0.0s     5  Task-1  queue#1: get at tests/report.rs:56",
    ];
    assert_eq!(about, expected, "the trace is\n{trace}");
}

/// Who looks must not change what there is to see.
#[test]
fn recording_changes_nothing() {
    for seed in 0..20 {
        let plain = Simulation::new().seed(seed).run(program);
        let recorded = Simulation::new().seed(seed).record().run(program);
        assert_eq!(plain.fingerprint, recorded.fingerprint);
        assert_eq!(plain.choices, recorded.choices);
        assert_eq!(report::transcript(&plain, true), report::transcript(&recorded, true));
    }
}

/// The same program twice, on other lines.
#[test]
fn places_are_in_no_fingerprint() {
    let here = || run(async { Ok(sleep(Duration::from_secs(1)).await?) });
    let there = || run(async { Ok(sleep(Duration::from_secs(1)).await?) });
    let [here, there] =
        [here as fn() -> Result<()>, there].map(|p| Simulation::new().record().run(p));
    assert_ne!(report::trace_text(&here), report::trace_text(&there));
    assert_eq!(here.fingerprint, there.fingerprint);
}
