//! S36 to S38: a lock, an event and queues.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

use seedloop::sync::{Event, Lock, PriorityQueue, Queue};
use seedloop::{Result, gather, out, running_loop, spawn};

use super::helpers::{boom, check, spin};

/// A released lock is free, but nobody overtakes the waiter that was woken.
#[test]
fn s36_nobody_overtakes_a_woken_waiter_of_a_lock() {
    check(&["false", "waiter", "main"], async {
        let lock = Lock::new();
        lock.acquire().await?;
        let wanted = lock.clone();
        let waiter = spawn(async move { Ok(wanted.acquire().await?) });
        let theirs = lock.clone();
        waiter.add_done_callback(move |_| {
            out!("waiter");
            theirs.release().expect("it was acquired");
        })?;
        spin(1).await?;
        lock.release()?;
        out!("{}", lock.locked());
        lock.acquire().await?;
        out!("main");
        Ok(())
    });
}

/// An event that is set and cleared in one go still wakes those who wait.
#[test]
fn s37_an_event_wakes_its_waiters_though_it_is_cleared() {
    check(&["() false"], async {
        let event = Event::new();
        let waited = event.clone();
        let waiter = spawn(async move { Ok(waited.wait().await?) });
        spin(1).await?;
        event.set();
        event.clear();
        waiter.await?;
        out!("() {}", event.is_set());
        Ok(())
    });
}

/// An item whose comparison never tells it from another.
struct Equal(u32);

impl PartialEq for Equal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Equal {}

impl PartialOrd for Equal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Equal {
    fn cmp(&self, _other: &Self) -> Ordering {
        Ordering::Equal
    }
}

/// A woken getter that finds its item gone waits at the back; equal items of a priority queue do
/// not come in the order in which they were put.
#[test]
fn s38_a_woken_getter_may_lose_its_item_and_its_place() {
    check(&["[('B', 2), ('A', 3)]", "[0, 2, 5, 4, 1, 3]"], async {
        let (queue, got) = (Queue::unbounded(), Rc::new(RefCell::new(Vec::new())));
        for name in ['A', 'B'] {
            let (queue, got) = (queue.clone(), Rc::clone(&got));
            spawn(async move {
                let item: i32 = queue.get().await?;
                got.borrow_mut().push((name, item));
                Ok(())
            });
        }
        spin(1).await?;
        queue.put_nowait(1)?;
        queue.get_nowait()?;
        spin(2).await?;
        for item in [2, 3] {
            queue.put_nowait(item)?;
        }
        spin(2).await?;
        out!("{:?}", got.borrow());
        let queue = PriorityQueue::unbounded();
        for item in 0..6 {
            queue.put_nowait(Equal(item))?;
        }
        let mut items = Vec::new();
        while let Ok(item) = queue.get_nowait() {
            items.push(item.0);
        }
        out!("{items:?}");
        Ok(())
    });
}

/// Beside S40: a gather that has ended refuses a cancel before it silences anything.
#[test]
fn a_cancel_of_a_failed_gather_silences_nothing() {
    let report = "HANDLER _GatheringFuture exception was never retrieved";
    check(&["true false", report], async {
        running_loop()?.set_exception_handler(|report| out!("HANDLER {}", report.message));
        let gathering = gather((boom(0), spin_ok()));
        spin(5).await?;
        out!("{} {}", gathering.done(), gathering.cancel());
        drop(gathering);
        Ok(())
    });
}

async fn spin_ok() -> Result<()> {
    Ok(spin(1).await?)
}
