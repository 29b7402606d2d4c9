//! What reports of failures tell: of races, of what deviates, of what is waited for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use seedloop::explore::{Cancel, Explorer};
use seedloop::sync::{Barrier, Condition, Lock, Notify, Queue, Tracked};
use seedloop::{Error, Result, droppable, join, out, run, sleep, spawn, spawn_named, yield_now};

use super::reports::report_of;

/// The report of a failure that is found with no cancels and no drops.
fn report(body: fn() -> Result<()>) -> String {
    report_of(&Explorer::new(), body)
}

/// The line of a report that begins with this, without the folders of its places.
fn line_of(text: &str, start: &str) -> String {
    let found = text.lines().find(|line| line.trim_start_matches(['>', ' ']).starts_with(start));
    let line = found.unwrap_or_else(|| panic!("no line begins with '{start}':\n{text}"));
    line.replace(concat!(env!("CARGO_MANIFEST_DIR"), "/"), "").replace("tests/harness/", "")
}

/// `told.rs:` and the line that is so far from `line`.
fn here(line: u32, offset: u32) -> String {
    format!("told.rs:{}", line + offset)
}

type Seen = Rc<RefCell<String>>;

/// Runs two tasks of which each leaves its name, and gives the names in their order.
async fn two_tasks() -> Result<String> {
    let seen = Seen::default();
    let leave = |name: &'static str| {
        let seen = seen.clone();
        async move { Ok(seen.borrow_mut().push_str(name)) }
    };
    let (a, b) = (spawn_named("a", leave("a")), spawn_named("b", leave("b")));
    a.await?;
    b.await?;
    Ok(seen.take())
}

/// Each parent has a value of its own, which no order of the parents changes.
#[test]
fn values_of_two_parents_are_no_race() {
    let text = report(|| {
        run(async {
            let seen = Seen::default();
            let parent = |name: &'static str, seen: Seen| async move {
                seen.borrow_mut().push_str(name);
                let value = Tracked::new(0);
                let theirs = value.clone();
                let child = spawn(async move { Ok(theirs.write(1).await?) });
                child.await?;
                value.read().await?;
                Ok(())
            };
            let a = spawn_named("a", parent("a", seen.clone()));
            let b = spawn_named("b", parent("b", seen.clone()));
            a.await?;
            b.await?;
            assert_eq!(*seen.borrow(), "ab");
            Ok(())
        })
    });
    assert!(!text.contains("race: "), "{text}");
}

/// What a task did is known to who has awaited it, also when it had ended before.
#[test]
fn what_was_awaited_is_no_race() {
    let text = report(|| {
        run(async {
            if two_tasks().await? == "ba" {
                let value = Tracked::new(0);
                let theirs = value.clone();
                let task = spawn(async move {
                    theirs.set(1);
                    Ok(())
                });
                for _ in 0..3 {
                    yield_now().await?;
                }
                task.await?;
                assert_eq!(value.get(), 0);
            }
            Ok(())
        })
    });
    assert!(!text.contains("race: "), "{text}");
}

const BUY: u32 = line!();
/// What is checked need not be so any more when it is acted upon.
async fn buy(stock: Tracked<i32>, hits: Tracked<i32>) -> Result<()> {
    let left = stock.read().await?;
    if left > 0 {
        stock.update(|stock| *stock -= 1).await?;
    }
    hits.update(|hits| *hits += 1).await?;
    Ok(())
}

/// Both buyers also count what they did, in any order: that matters to nobody.
#[test]
fn what_comes_between_a_check_and_its_act_is_the_race() {
    let text = report(|| {
        run(async {
            let (stock, hits) = (Tracked::new(1), Tracked::new(0));
            let anna = spawn_named("anna", buy(stock.clone(), hits.clone()));
            let theirs = stock.clone();
            let bert = spawn_named("bert", async move {
                for _ in 0..4 {
                    yield_now().await?;
                }
                buy(theirs, hits).await
            });
            anna.await?;
            bert.await?;
            assert!(stock.get() >= 0);
            Ok(())
        })
    });
    let (read, update) = (here(BUY, 3), here(BUY, 5));
    assert_eq!(
        line_of(&text, "race: "),
        format!(
            "race: bert updates value#1 at {update} between anna's read at {read} and its update \
             at {update}; in the order of the queue it does not come to that"
        )
    );
    let held = line_of(&text, "[held here]");
    assert!(
        held.ends_with(&format!("[held here] {update}")) && !text.contains("runs first"),
        "{text}"
    );
}

/// The run ends before the writer comes to write.
#[test]
fn what_was_still_to_come_is_named() {
    let line = line!();
    let text = report(|| {
        run(async {
            let ready = Tracked::new(false);
            let theirs = ready.clone();
            let writer = spawn_named("writer", async move { Ok(theirs.write(true).await?) });
            let reader = spawn_named("reader", async move {
                yield_now().await?;
                assert!(ready.read().await?);
                Ok(())
            });
            writer.await?;
            reader.await
        })
    });
    assert_eq!(
        line_of(&text, "race: "),
        format!(
            "race: reader reads value#1 at {} before writer writes it at {}; in the order of the \
             queue it is the other way round",
            here(line, 8),
            here(line, 5)
        )
    );
}

/// Two that put have places, though they did not wait.
#[test]
fn operations_on_a_queue_have_places() {
    let line = line!();
    let text = report(|| {
        run(async {
            let queue = Queue::unbounded();
            let put = |number: u32| {
                let queue = queue.clone();
                async move { Ok(queue.put(number).await?) }
            };
            let (a, b) = (spawn_named("a", put(1)), spawn_named("b", put(2)));
            a.await?;
            b.await?;
            assert_eq!(queue.get_nowait()?, 1);
            Ok(())
        })
    });
    let put = here(line, 6);
    assert_eq!(
        line_of(&text, "race: "),
        format!(
            "race: b puts into queue#1 at {put} before a puts into it at {put}; in the order of \
             the queue it is the other way round"
        )
    );
    let got = format!("queue#1: get {}; panics", here(line, 11));
    assert!(text.contains(&got), "{text}");
    assert!(text.contains(&format!("gives way before queue#1 {put}")), "{text}");
}

/// A notification that nobody waits for is lost, and that is what the hang is about.
#[test]
fn a_lost_notification_is_named() {
    let line = line!();
    let text = report(|| {
        run(async {
            let notify = Notify::new();
            let theirs = notify.clone();
            let waiter = spawn_named("waiter", async move { Ok(theirs.notified().await) });
            let notifier = spawn_named("x", async move { Ok(notify.notify_waiters()) });
            notifier.await?;
            waiter.await
        })
    });
    let (wait, notify) = (here(line, 5), here(line, 6));
    assert_eq!(
        line_of(&text, "notify#1 was"),
        format!("      notify#1 was notified by 'x' at {notify} when nobody waited")
    );
    assert_eq!(
        line_of(&text, "race: "),
        format!(
            "race: x notifies all waiters of notify#1 at {notify} before waiter waits for it at \
             {wait}; in the order of the queue it is the other way round"
        )
    );
    assert!(line_of(&text, "[held here]").ends_with("[held here] before it starts"), "{text}");
}

/// The same for a condition, where it is not the lock that matters.
#[test]
fn a_lost_notification_of_a_condition_is_named() {
    let line = line!();
    let text = report(|| {
        run(async {
            let condition = Condition::new();
            let theirs = condition.clone();
            let waiter = spawn_named("waiter", async move {
                let _held = theirs.lock().await?;
                Ok(theirs.wait().await?)
            });
            let notifier = spawn_named("x", async move {
                let _held = condition.lock().await?;
                Ok(condition.notify_all()?)
            });
            notifier.await?;
            waiter.await
        })
    });
    let (wait, notify) = (here(line, 7), here(line, 11));
    assert_eq!(
        line_of(&text, "condition#1 was"),
        format!("      condition#1 was notified by 'x' at {notify} when nobody waited")
    );
    assert_eq!(
        line_of(&text, "race: "),
        format!(
            "race: x notifies condition#1 at {notify} before waiter waits for it at {wait}; in the \
             order of the queue it is the other way round"
        )
    );
}

/// A task that is struck where it waits is marked there, not at somebody's next step.
#[test]
fn a_cancel_is_marked_where_it_strikes() {
    let line = line!();
    let text = report_of(&Explorer::new().cancel(Cancel::Everywhere), || {
        run(async {
            let held = Tracked::new(false);
            let theirs = held.clone();
            let victim = spawn_named("victim", async move {
                theirs.set(true);
                sleep(Duration::from_secs(1)).await?;
                theirs.set(false);
                Ok(())
            });
            let other = spawn_named("other", async { Ok(yield_now().await?) });
            let _ = victim.await;
            other.await?;
            assert!(!held.get());
            Ok(())
        })
    });
    assert!(text.contains(":1.1@1c'"), "{text}");
    let marked: Vec<&str> = text.lines().filter(|line| line.starts_with('>')).collect();
    let expected = format!("waits for sleep {}", here(line, 7));
    assert_eq!(marked.len(), 1, "{text}");
    let mark = "[cancelled here] starts, value#1: write";
    assert!(marked[0].contains(mark) && marked[0].ends_with(&expected), "{text}");
}

/// A task that was woken and has not run is marked where it runs then.
#[test]
fn a_cancel_of_what_was_woken_is_marked_where_it_wakes() {
    let text = report_of(&Explorer::new().cancel(Cancel::Everywhere), || {
        run(async {
            let held = Tracked::new(false);
            let theirs = held.clone();
            let victim = spawn_named("victim", async move {
                theirs.set(true);
                yield_now().await?;
                theirs.set(false);
                Ok(())
            });
            let other = spawn_named("other", async { Ok(yield_now().await?) });
            let _ = victim.await;
            other.await?;
            assert!(!held.get());
            Ok(())
        })
    });
    assert!(text.contains("[cancelled as it wakes] ends cancelled"), "{text}");
}

/// What is dropped is marked in the step of the task itself, even if the run ends in it.
#[test]
fn a_drop_is_marked_where_it_strikes() {
    let line = line!();
    let text = report_of(&Explorer::new().cancel(Cancel::Everywhere), || {
        run(async {
            let done = droppable(async { yield_now().await });
            assert!(done.await.is_some());
            Ok(())
        })
    });
    let place = here(line, 3);
    let row = format!(
        "[dropped here] starts, gives way {place}; drops what is droppable {place}; panics"
    );
    assert!(text.contains(&row), "{text}");
}

#[test]
fn names_in_a_wait_graph_are_those_of_the_table() {
    let line = line!();
    let text = report(|| {
        run(async {
            let lock = Lock::new();
            let theirs = lock.clone();
            spawn_named("job 1", async move { Ok(theirs.acquire().await?) }).await?;
            let wait = |lock: Lock| async move { Ok(drop(lock.lock().await?)) };
            let one = spawn_named("worker", wait(lock.clone()));
            let other = spawn_named("worker", wait(lock.clone()));
            let third = spawn_named("of two\nlines", wait(lock));
            one.await?;
            other.await?;
            third.await
        })
    });
    let (acquire, wait) = (here(line, 5), here(line, 6));
    let held = format!("held by 'job 1', which has ended, since tests/harness/{acquire}");
    assert_eq!(text.matches(&held).count(), 3, "{text}");
    for name in ["worker#3", "worker#4", "of two\\nlines"] {
        assert!(text.contains(&format!("  task '{name}' (spawned at ")), "{text}");
    }
    assert!(text.contains("which is 'worker#3'") && text.contains(&wait), "{text}");
}

#[test]
fn a_wait_graph_says_for_what_of_a_primitive() {
    let text = report(|| {
        run(async {
            let (queue, barrier) = (Queue::new(1), Barrier::new(3)?);
            let (all, theirs) = (queue.clone(), barrier.clone());
            let joins = spawn(async move { Ok(all.join().await?) });
            let puts = spawn(async move {
                queue.put(1).await?;
                Ok(queue.put(2).await?)
            });
            let one = spawn(async move { Ok(theirs.wait().await.map(drop)?) });
            barrier.wait().await?;
            joins.await?;
            puts.await?;
            one.await
        })
    });
    for wait in ["queue#1 (put) at ", "barrier#1 (2 of 3 arrived) at "] {
        assert!(text.contains(&format!("    waits for {wait}")), "{text}");
    }
    assert!(!text.contains("lock#1"), "{text}");
}

/// What gives way, and what waits for something else's, says where.
#[test]
fn every_wait_has_a_place() {
    let line = line!();
    let text = report(|| {
        run(async {
            let after = spawn_named("after", async {
                yield_now().await?;
                Ok(std::future::pending::<()>().await)
            });
            let both = spawn_named("both", async {
                let (slept, turned) = join!(sleep(Duration::from_secs(1)), yield_now());
                turned?;
                Ok(slept?)
            });
            both.await?;
            after.await
        })
    });
    let (turn, both) = (here(line, 4), here(line, 8));
    for row in [
        format!("starts, gives way {turn}"),
        format!("waits for something foreign, after {turn}"),
        format!("starts, waits for sleep {both}; gives way {both}"),
        format!("goes on from {both}"),
    ] {
        assert!(text.contains(&row), "{row} in\n{text}");
    }
}

/// What is folded is not said to be in the order of the queue where it is not.
#[test]
fn folded_steps_that_deviate_are_counted() {
    let text = report_of(&Explorer::new().shrink_replays(0), || {
        run(async {
            let next = Rc::new(Cell::new(0));
            let take = |number: u32| {
                let next = next.clone();
                async move {
                    for round in 0..5 {
                        let is_next = next.get() == number + 20 * round;
                        next.set(if is_next { next.get() + 1 } else { 1_000 });
                        yield_now().await?;
                    }
                    Ok(())
                }
            };
            let all: Vec<_> = (0..20).map(|number| spawn(take(number))).collect();
            for task in all {
                task.await?;
            }
            assert_eq!(next.get(), 100);
            Ok(())
        })
    });
    assert!(text.contains(" of them deviate\n"), "{text}");
}

/// A row that is too wide loses what tells least, never the line of a place.
#[test]
fn a_wide_row_keeps_its_places() {
    let line = line!();
    let text = report(|| {
        run(async {
            let (a, b, c) = (Tracked::new(0), Tracked::new(0), Tracked::new(0));
            let task = spawn_named("somebody with a long name, the 12th", async move {
                a.set(1);
                b.set(1);
                c.set(1);
                out!("this is printed between, and is so long that it does not fit");
                c.set(2);
                a.get();
                panic!("the end");
            });
            task.await
        })
    });
    assert!(text.contains("somebody..he 12th"), "{text}");
    let row = text.lines().find(|line| line.contains("value#1: read")).expect("its row");
    assert!(row.ends_with(&format!("value#1: read {}; panics", here(line, 10))), "{text}");
    assert!(row.contains("; ..; ") && row.chars().count() <= 110, "{text}");
    for part in row.split("; ").filter(|part| part.contains("value#")) {
        assert!(part.contains("told.rs:"), "{part} in\n{text}");
    }
}

#[test]
fn an_error_of_the_test_is_called_so() {
    let text = report(|| run(async { Err(Error::msg("no such file")) }));
    assert!(text.starts_with("the test returned an error: no such file\n"), "{text}");
}

#[test]
fn what_never_is_so_is_counted_in_good_english() {
    let exploration = Explorer::new().runs(1).explore(|| async {
        seedloop::sometimes!(false, "rare");
        Ok(())
    });
    let failure = exploration.failure.expect("it never is so");
    let message = failure.fault.message.as_str();
    assert!(message.ends_with(" was never so, in 1 run that came there 1 time"), "{message}");
}
