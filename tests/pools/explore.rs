//! Pools under seeds: what may vary, and that a seed repeats it.

use std::collections::BTreeSet;
use std::time::Duration;

use seedloop::explore::{ChoiceKind, Model, Replay};
use seedloop::{
    Outcome, Result, Simulation, ThreadPool, blocking, gather, out, run, run_in_executor,
};

use super::helpers::{ms, secs, timed};

async fn fetch_twice() -> Result<()> {
    let pool = ThreadPool::with_workers(2)?;
    let jobs = ["a", "b", "c"].map(|tag| {
        run_in_executor(&pool, move || {
            blocking::io(ms(10)..=ms(30));
            out!("{tag}");
            Ok(())
        })
    });
    gather(jobs).await?;
    Ok(())
}

fn seeded(seed: u64) -> Outcome<Result<()>> {
    Simulation::new().seed(seed).model(Model::Asyncio).run(|| run(fetch_twice()))
}

#[test]
fn without_a_seed_io_takes_the_shortest_time() {
    let outcome = Simulation::new().run(|| run(fetch_twice()));
    assert_eq!(timed(&outcome), ["0.01s a", "0.01s b", "0.02s c"]);
}

#[test]
fn a_duration_in_a_range_is_a_choice() {
    let mut orders = BTreeSet::new();
    for seed in 0..100 {
        let outcome = seeded(seed);
        let delays: Vec<_> =
            outcome.choices.iter().filter(|c| c.kind == ChoiceKind::Delay).collect();
        assert_eq!(delays.len(), 3);
        assert!(outcome.lines[0].time.since_start() >= ms(10));
        assert!(outcome.time.since_start() <= ms(60));
        orders.insert(outcome.lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>());

        let again = seeded(seed);
        assert_eq!(outcome.fingerprint, again.fingerprint);
        assert_eq!(timed(&outcome), timed(&again));

        let replay = Replay::new(outcome.choices.clone());
        let replayed = Simulation::new().policy(replay).model(Model::Asyncio);
        let replayed = replayed.run(|| run(fetch_twice()));
        assert_eq!(timed(&outcome), timed(&replayed));
    }
    // c never comes first, since it waits for a worker; but it may overtake one.
    assert!(orders.iter().all(|order| order[0] != "c"), "{orders:?}");
    assert!(orders.iter().any(|order| order[1] == "c"), "{orders:?}");
}

/// Both ends of the range can be chosen, also of one of a few nanoseconds.
#[test]
fn a_range_includes_its_ends() {
    let took = |seed| {
        let main = async {
            run_in_executor(None, || {
                blocking::io(Duration::from_nanos(1)..=Duration::from_nanos(3));
                Ok(())
            })
            .await
        };
        let outcome = Simulation::new().seed(seed).run(|| run(main));
        outcome.time.as_nanos()
    };
    let seen: BTreeSet<u64> = (0..50).map(took).collect();
    assert_eq!(seen, BTreeSet::from([1, 2, 3]));
}

/// Any order reorders tasks, never a pool: its jobs start first come, first served.
#[test]
fn a_pool_is_first_come_first_served_in_any_order() {
    for seed in 0..50 {
        let outcome = Simulation::new().seed(seed).run(|| {
            run(async {
                let pool = ThreadPool::with_workers(1)?;
                let jobs = ["a", "b", "c"].map(|tag| {
                    run_in_executor(&pool, move || {
                        blocking::sleep(secs(1));
                        out!("{tag}");
                        Ok(())
                    })
                });
                gather(jobs).await?;
                Ok(())
            })
        });
        assert_eq!(timed(&outcome), ["1.0s a", "2.0s b", "3.0s c"]);
    }
}
