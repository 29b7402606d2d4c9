//! The workloads, one source for all participants: each names this file as a module of its own and
//! has a module `runtime` with what is used here.
//!
//! `wait!` is how the participant awaits a wait that may fail where it has errors: `.await`, or
//! `.await?`. Every workload checks what came of it, so that nothing is left out unseen.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use crate::runtime::{self as rt, Returned, done, wait};

/// Of the runs that have no seed of their own.
const SEED: u64 = 7;
/// How late a timer may be, in milliseconds, for clocks that do not begin at a whole one.
const LATE_MS: u64 = 1;

/// Runs a workload by its name; none if there is no such workload or the participant lacks it.
pub fn dispatch(workload: &str, first: u64, second: u64) -> Option<u64> {
    Some(match workload {
        "W0" => empty_runs(first),
        "W1" => spawn_and_join(first),
        "W2" => yields(first, second),
        "W3" => ping_pong(first),
        "W4" if rt::HAS_CLOCK => timers(first, second),
        "W5" => cancels(first),
        "W6" if rt::HAS_CLOCK => seeds(first, true),
        "W6Y" => seeds(first, false),
        _ => return rt::extra(workload, first, second),
    })
}

/// W0: makes a runtime, runs an empty future, drops it. An event is a run.
fn empty_runs(runs: u64) -> u64 {
    rt::run_each(runs, |seed| async move { done(seed) }, |seed, value| assert_eq!(value, seed));
    runs
}

/// W1: spawns trivial tasks, then awaits all. An event is a task.
fn spawn_and_join(tasks: u64) -> u64 {
    let sum = rt::run(SEED, async move {
        let handles: Vec<_> = (0..tasks).map(|task| rt::spawn(async move { done(task) })).collect();
        let mut sum = 0;
        for handle in handles {
            sum += wait!(rt::join(handle));
        }
        done(sum)
    });
    assert_eq!(sum, tasks * tasks.saturating_sub(1) / 2);
    tasks
}

/// W2: tasks that yield. An event is a poll that ends with a yield.
fn yields(tasks: u64, times: u64) -> u64 {
    let sum = rt::run(SEED, async move {
        let give_way = move || async move {
            let mut given = 0;
            for _ in 0..times {
                wait!(rt::yield_now());
                given += 1;
            }
            done(given)
        };
        let handles: Vec<_> = (0..tasks).map(|_| rt::spawn(give_way())).collect();
        let mut sum = 0;
        for handle in handles {
            sum += wait!(rt::join(handle));
        }
        done(sum)
    });
    assert_eq!(sum, tasks * times);
    sum
}

/// W3: two tasks, two channels, one message at a time. An event is a message.
fn ping_pong(messages: u64) -> u64 {
    let sum = rt::run(SEED, async move {
        let (ping, mut pinged) = rt::channel();
        let (pong, mut ponged) = rt::channel();
        let rounds = messages / 2;
        let there = rt::spawn(async move {
            let mut sum = 0;
            for round in 0..rounds {
                rt::send(&ping, round);
                sum += wait!(rt::receive(&mut ponged));
            }
            done(sum)
        });
        let back = rt::spawn(async move {
            for _ in 0..rounds {
                let round = wait!(rt::receive(&mut pinged));
                rt::send(&pong, round + 1);
            }
            done(0)
        });
        let sum = wait!(rt::join(there));
        wait!(rt::join(back));
        done(sum)
    });
    let rounds = messages / 2;
    assert_eq!(sum, rounds * (rounds + 1) / 2);
    rounds * 2
}

/// W4: tasks that sleep again and again, for 1 to 10,000 ms. An event is a sleep.
fn timers(tasks: u64, sleeps: u64) -> u64 {
    let (longest, took) = rt::run(SEED, async move {
        let sleep_on = move |task: u64| async move {
            let mut total = 0;
            for sleep in 0..sleeps {
                let delay = 1 + mix((task << 32) | sleep) % 10_000;
                wait!(rt::sleep_ms(delay));
                total += delay;
            }
            done(total)
        };
        let begin = rt::now_ms();
        let handles: Vec<_> = (0..tasks).map(|task| rt::spawn(sleep_on(task))).collect();
        let mut longest = 0;
        for handle in handles {
            longest = longest.max(wait!(rt::join(handle)));
        }
        done((longest, rt::now_ms() - begin))
    });
    let most = longest + sleeps * LATE_MS;
    assert!((longest..=most).contains(&took), "{took} ms of at least {longest}");
    tasks * sleeps
}

/// W5: tasks that sleep for an hour (or for ever, without a clock), all aborted, all joined. An
/// event is a task.
fn cancels(tasks: u64) -> u64 {
    let aborted = rt::run(SEED, async move {
        let begun = Arc::new(AtomicU64::new(0));
        let asleep = |begun: Arc<AtomicU64>| async move {
            begun.store(begun.load(Relaxed) + 1, Relaxed);
            wait!(rt::sleep_ms(3_600_000));
            done(0)
        };
        let handles: Vec<_> = (0..tasks).map(|_| rt::spawn(asleep(begun.clone()))).collect();
        while begun.load(Relaxed) < tasks {
            wait!(rt::yield_now());
        }
        done(rt::abort_all(handles).await)
    });
    assert_eq!(aborted, tasks);
    tasks
}

/// How many tasks a run of W6 has, how many rounds each, and how many may be inside at once.
const TASKS: u64 = 10;
const ROUNDS: u64 = 3;
const PERMITS: u64 = 2;

/// What the tasks of a run share.
struct Shared {
    semaphore: rt::Semaphore,
    inside: AtomicU64,
    rounds: AtomicU64,
}

/// W6: for each seed a run of ten tasks which three times take one of two permits, sleep for 1 to
/// 10 ms, give it back and yield. W6Y yields in place of the sleep. An event is a seed.
fn seeds(seeds: u64, with_sleep: bool) -> u64 {
    let program = move |seed| small_run(seed, with_sleep);
    rt::run_each(seeds, program, |_, rounds| assert_eq!(rounds, TASKS * ROUNDS));
    seeds
}

/// The program of one seed.
pub async fn small_run(seed: u64, with_sleep: bool) -> Returned<u64> {
    let semaphore = rt::semaphore(PERMITS as usize);
    let shared = Shared { semaphore, inside: AtomicU64::new(0), rounds: AtomicU64::new(0) };
    #[allow(clippy::arc_with_non_send_sync, reason = "Send where the participant asks for it")]
    let shared = Arc::new(shared);
    let spawn = |task| rt::spawn(take_turns(shared.clone(), (seed << 8) | task, with_sleep));
    let handles: Vec<_> = (0..TASKS).map(spawn).collect();
    for handle in handles {
        wait!(rt::join(handle));
    }
    done(shared.rounds.load(Relaxed))
}

async fn take_turns(shared: Arc<Shared>, key: u64, with_sleep: bool) -> Returned<u64> {
    for round in 0..ROUNDS {
        #[allow(clippy::let_unit_value, reason = "some have guards for permits")]
        let permit = wait!(rt::acquire(&shared.semaphore));
        let inside = shared.inside.load(Relaxed) + 1;
        assert!(inside <= PERMITS, "{inside} tasks have one of {PERMITS} permits");
        shared.inside.store(inside, Relaxed);
        if with_sleep {
            wait!(rt::sleep_ms(1 + mix((key << 8) | round) % 10));
        } else {
            wait!(rt::yield_now());
        }
        shared.inside.store(shared.inside.load(Relaxed) - 1, Relaxed);
        shared.rounds.store(shared.rounds.load(Relaxed) + 1, Relaxed);
        rt::release(&shared.semaphore, permit);
        wait!(rt::yield_now());
    }
    done(0)
}

/// SplitMix64's output function: the same delays for all participants.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Wakes its task and is pending once: for participants whose own yield does more than that.
#[derive(Default)]
#[allow(dead_code, reason = "some participants have a yield of their own")]
pub struct Yield {
    given: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.given {
            return Poll::Ready(());
        }
        self.given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
