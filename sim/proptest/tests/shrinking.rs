//! What proptest finds, and how small it gets.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{
    Config, RngAlgorithm, RngSeed, TestCaseResult, TestError, TestRng, TestRunner,
};
use seedloop::explore::{Cancel, Case, Explorer, Model};
use seedloop::sync::{Lock, Tracked};
use seedloop::{Result, run, sleep, spawn, yield_now};
use seedloop_proptest::{Schedule, schedules, schedules_of};
use std::cell::RefCell;
use std::time::Duration;

use crate::bugs::{BUGS, Body, join, last_of};

fn config() -> Config {
    Config { cases: 1000, failure_persistence: None, ..Config::default() }
}

/// The same random numbers on every machine.
fn runner(config: Config) -> TestRunner {
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

/// Lets proptest find the failure, and returns what it is shrunk to.
#[track_caller]
fn failing<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> TestCaseResult) -> S::Value {
    failing_with(config(), strategy, test)
}

#[track_caller]
fn failing_with<S: Strategy>(
    config: Config,
    strategy: S,
    test: impl Fn(S::Value) -> TestCaseResult,
) -> S::Value {
    match runner(config).run(&strategy, test) {
        Err(TestError::Fail(_, value)) => value,
        Err(TestError::Abort(reason)) => panic!("no inputs: {reason}"),
        Ok(()) => panic!("it is not found"),
    }
}

/// What the library's own shrinker makes of a case.
fn shrunk(case: &Case, body: Body) -> usize {
    let failure = Explorer::new().shrink_runs(case, &|| run(body()), &|_| Ok(()));
    failure.expect("the case fails").case.len()
}

/// Driven by proptest, the steps come to the same size from the same failure.
#[test]
fn every_bug_gets_as_small_as_the_librarys_own_shrinker_makes_it() {
    for (name, body) in BUGS {
        let dull = Case::dull(Model::AnyOrder);
        assert!(Schedule::from(dull).check(body).is_ok(), "{name} fails in asyncio's order");
        let first = RefCell::new(None);
        let schedule = failing(schedules(), |schedule| {
            let result = schedule.check(body);
            if result.is_err() {
                first.borrow_mut().get_or_insert_with(|| schedule.case().expect("it failed"));
            }
            result
        });
        let case = schedule.case().expect("it failed");
        assert!(schedule.check(body).is_err(), "{name}: {case} does not fail");
        assert!(Schedule::from(case.clone()).check(body).is_err(), "{name}: {case} alone");
        let first = first.into_inner().expect("it failed");
        assert_eq!(case.len(), shrunk(&first, body), "{name}: {case}");
        assert!(case.len() < 8, "{name}: {case}");
    }
}

/// Three tasks are the least, and the first of them has to be held.
#[test]
fn inputs_and_schedules_are_shrunk_together() {
    let both = failing((1..9_u32, schedules()), |(n, schedule)| schedule.check(|| last_of(n)));
    assert_eq!(format!("{both:?}"), "(3, sl1.1.any.-:1.1@2!)");
    // The other way round the smaller input fails with a schedule that is small already.
    let both = failing((schedules(), 1..9_u32), |(schedule, n)| schedule.check(|| last_of(n)));
    assert_eq!(format!("{both:?}"), "(sl1.1.any.-:1.1@2!, 3)");
}

/// Accounts between which amounts are moved; a move reads and writes in two steps.
async fn moves(moves: Vec<(usize, usize, i32)>) -> Result<()> {
    let accounts: Vec<Tracked<i32>> = (0..3).map(|_| Tracked::new(100)).collect();
    let mut tasks = Vec::new();
    for (from, to, amount) in moves {
        let (from, to) = (accounts[from].clone(), accounts[to].clone());
        tasks.push(spawn(async move {
            from.update(|balance| *balance -= amount).await?;
            let balance = to.read().await?;
            Ok(to.write(balance + amount).await?)
        }));
        // In asyncio's order that is enough for one move after the other.
        for _ in 0..4 {
            yield_now().await?;
        }
    }
    join(tasks).await?;
    let sum: i32 = accounts.iter().map(Tracked::get).sum();
    assert_eq!(sum, 300, "money is lost");
    Ok(())
}

/// Of many moves two are left, each of the least amount. That they meet takes two deviations: both
/// are held, the first before it takes and the second before it writes. Were the first one within
/// its account, the second one's write would hide all that it does.
#[test]
fn a_list_of_inputs_gets_short() {
    let inputs = vec((0..3_usize, 0..3_usize, 1..50), 0..6);
    let (left, schedule) =
        failing((inputs, schedules()), |(list, schedule)| schedule.check(|| moves(list.clone())));
    assert_eq!(
        format!("{left:?} {schedule:?}"),
        "[(0, 1, 1), (0, 0, 1)] sl1.1.any.-:1.1@2!,1.2@4!"
    );
}

#[test]
fn what_fails_in_asyncios_order_is_said_to() {
    let body = || async {
        yield_now().await?;
        Err(seedloop::Error::msg("it always fails"))
    };
    let schedule = failing(schedules(), |schedule| schedule.check(body));
    assert_eq!(format!("{schedule:?}"), "sl1.1.any.-:");
}

#[test]
fn the_same_random_numbers_give_the_same_failure() {
    let find = || {
        let test = |(n, schedule): (u32, Schedule)| schedule.check(|| last_of(n));
        format!("{:?}", runner(config()).run(&(1..9_u32, schedules()), test))
    };
    assert_eq!(find(), find());
}

/// However soon proptest gives up, what it shows fails.
#[test]
fn a_shrinking_that_is_cut_short_ends_at_a_failure() {
    for max_shrink_iters in 0..40 {
        let config = Config { max_shrink_iters, ..config() };
        let test = |(n, schedule): (u32, Schedule)| schedule.check(|| last_of(n));
        let (n, schedule) = failing_with(config, (1..9_u32, schedules()), test);
        let case = schedule.case().expect("it failed");
        assert!(n >= 3);
        assert!(Schedule::from(case.clone()).check(|| last_of(n)).is_err(), "{n}: {case}");
    }
}

async fn forgets_to_release() -> Result<()> {
    let lock = Lock::new();
    let held = lock.clone();
    let task = spawn(async move {
        held.acquire().await?;
        yield_now().await?;
        Ok(held.release()?)
    });
    sleep(Duration::from_secs(1)).await?;
    drop(task.await);
    lock.acquire().await?;
    Ok(())
}

#[test]
fn an_explorer_says_what_schedules_are_like() {
    let explorer = Explorer::new().runs(3).cancel(Cancel::Random).model(Model::Asyncio);
    let schedule = failing(schedules_of(explorer), |s| s.check(forgets_to_release));
    assert_eq!(format!("{schedule:?}"), "sl1.1.asyncio.c:1.1@2c");
}

#[test]
fn a_text_is_a_schedule_or_says_why_not() {
    let schedule: Schedule = "sl1.1.any.-:1.1@1!".parse().expect("it is a case");
    assert!(schedule.check(|| last_of(3)).is_err());
    assert!(schedule.check(|| last_of(2)).is_ok());
    let refused = "1.1@1!".parse::<Schedule>().expect_err("it is none").to_string();
    assert_eq!(refused, "a case is `sl1.<epoch>.<model>.<config>:..`, not '1.1@1!'");
}

proptest! {
    #![proptest_config(Config { rng_seed: RngSeed::Fixed(7), ..config() })]

    #[test]
    #[should_panic(expected = "schedule = sl1.1.any.-:1.1@2!")]
    fn the_message_of_the_macro_holds_the_case(n in 1..9_u32, schedule in schedules()) {
        schedule.check(|| last_of(n))?;
    }

    #[test]
    fn what_never_fails_passes(late in 0..3_u64, schedule in schedules()) {
        schedule.check(|| async move { Ok(sleep(Duration::from_secs(late)).await?) })?;
    }
}
