//! The attribute, as a test crate uses it.

use std::cell::Cell;
use std::rc::Rc;

use seedloop::sync::{Lock, Tracked};
use seedloop::{Error, Result, always, choose, reachable, sleep, sometimes, spawn, yield_now};

async fn add_one(counter: Tracked<u32>) -> Result<()> {
    let seen = counter.read().await?;
    counter.write(seen + 1).await?;
    Ok(())
}

async fn add_twice() -> Result<()> {
    let counter = Tracked::new(0);
    let one = spawn(add_one(counter.clone()));
    let other = spawn(add_one(counter.clone()));
    one.await?;
    other.await?;
    assert_eq!(counter.get(), 2, "an update is lost");
    Ok(())
}

#[seedloop::test(expect_failure)]
async fn a_known_bug_has_to_fail() -> Result<()> {
    add_twice().await
}

#[seedloop::test(expect_failure = "an update is lost")]
async fn and_may_be_told_from_others() -> Result<()> {
    add_twice().await
}

#[seedloop::test(expect_failure = "an update is doubled")]
#[should_panic(expected = "an update is lost")]
async fn another_failure_than_the_expected_one_fails() -> Result<()> {
    add_twice().await
}

/// A crate may call the library otherwise.
mod renamed {
    pub(super) use seedloop as simulated;
}

#[seedloop::test(crate = super::attribute::renamed::simulated, strategy = "dpor")]
async fn the_library_may_have_another_name() -> Result<()> {
    Ok(())
}

#[seedloop::test]
async fn a_test_may_return_any_error() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let task = spawn(async { Ok(5) });
    assert_eq!("5".parse::<i32>()?, task.await?);
    Ok(())
}

#[seedloop::test(expect_failure = "\"out of tea\"")]
async fn also_a_text() -> std::result::Result<(), String> {
    Err("out of tea".to_owned())
}

#[seedloop::test(runs = 100, seed = 7, strategy = "pct:2", model = any, cancel = never)]
async fn a_lock_mends_it() -> Result<()> {
    let (counter, lock) = (Tracked::new(0), Lock::new());
    let add = async move |counter: Tracked<u32>, lock: Lock| {
        let _held = lock.lock().await?;
        add_one(counter).await
    };
    let one = spawn(add(counter.clone(), lock.clone()));
    let other = spawn(add(counter.clone(), lock));
    one.await?;
    other.await?;
    assert_eq!(counter.get(), 2);
    Ok(())
}

#[seedloop::test]
async fn a_test_may_return_nothing() {
    assert!(choose(1) == 0);
}

/// Every policy has to come to an end with it: one that starves the other task gets no failure out
/// of that.
#[seedloop::test(steps_at_one_instant = 2_000)]
async fn who_spins_until_another_is_done_is_no_livelock() -> std::result::Result<(), Error> {
    let done = Rc::new(Cell::new(false));
    let sets = done.clone();
    let other = spawn(async move {
        yield_now().await?;
        sets.set(true);
        Ok(())
    });
    while !done.get() {
        yield_now().await?;
    }
    other.await
}

#[seedloop::test(expect_failure, steps_at_one_instant = 2_000)]
async fn who_spins_for_ever_is_one() -> Result<()> {
    loop {
        yield_now().await?;
    }
}

#[seedloop::test(leaks = "fail", expect_failure)]
async fn a_task_that_is_left_behind_can_be_a_failure() {
    spawn(async { Ok(sleep(std::time::Duration::from_secs(1)).await?) });
}

#[seedloop::test(panics = join_error)]
async fn a_panic_can_be_the_awaiters() -> Result<()> {
    let failed = spawn(async { panic!("in the task") as Result<()> }).await;
    assert!(failed.is_err());
    Ok(())
}

#[seedloop::test]
async fn what_is_to_happen_sometimes_happens() -> Result<()> {
    let order = Tracked::new(0);
    let seen = order.clone();
    let other = spawn(async move {
        seen.write(1).await?;
        Ok(())
    });
    let first = order.read().await?;
    sometimes!(first == 0, "the reader is first");
    if first == 1 {
        reachable!("the writer is first");
    }
    other.await
}

/// The names are what stands there, whatever it looks like.
#[seedloop::test]
async fn a_name_is_what_stands_behind_the_condition() {
    let state = if choose(2) == 1 { "done" } else { "begun" };
    sometimes!(state == "done");
    sometimes!(state.len() == 4);
    sometimes!(state == "begun", "line\tone");
}

/// It is no known bug either.
#[seedloop::test(expect_failure)]
#[should_panic(expected = "'seven of two' was reached in none of 200 runs")]
async fn what_never_happens_is_a_failure() {
    if choose(2) == 7 {
        reachable!("seven of two");
    }
}

#[seedloop::test]
#[should_panic(expected = "'choose(2) == 9' was reached in none of 200 runs")]
async fn a_condition_without_a_name_is_known_too() {
    if choose(2) == 7 {
        sometimes!(choose(2) == 9);
    }
}

#[seedloop::test(expect_failure, strategy = "fifo")]
async fn an_invariant_is_looked_after_at_every_step() -> Result<()> {
    let inside = Rc::new(Cell::new(0));
    let seen = inside.clone();
    always!(move || seen.get() < 2, "one at a time");
    let enter = async move |inside: Rc<Cell<u32>>| {
        inside.set(inside.get() + 1);
        yield_now().await?;
        inside.set(inside.get() - 1);
        Ok(())
    };
    let one = spawn(enter(inside.clone()));
    // Nobody looks when both are inside but the invariant.
    spawn(enter(inside)).await?;
    one.await
}
