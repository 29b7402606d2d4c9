//! The programs. In asyncio's own order none of them fails.

use std::future::Future;
use std::pin::Pin;

use seedloop::sync::{Lock, Queue, Tracked};
use seedloop::{JoinHandle, Result, spawn, yield_now};

pub(crate) type Body = fn() -> Pin<Box<dyn Future<Output = Result<()>>>>;

/// Every program, by name.
pub(crate) const BUGS: [(&str, Body); 16] = [
    ("lost update", || Box::pin(lost_update())),
    ("last of three", || Box::pin(last_of(3))),
    ("two locks", || Box::pin(two_locks())),
    ("philosophers(3)", || Box::pin(philosophers(3))),
    ("account", || Box::pin(account())),
    ("lazy01", || Box::pin(lazy01())),
    ("bluetooth", || Box::pin(bluetooth())),
    ("reorder(3)", || Box::pin(reorder(3))),
    ("twostage(2)", || Box::pin(twostage(2))),
    ("wronglock(3)", || Box::pin(wronglock(3))),
    ("circular buffer", || Box::pin(circular_buffer())),
    ("double init", || Box::pin(double_init())),
    ("check then act", || Box::pin(check_then_act())),
    ("cancelled waiter", || Box::pin(cancelled_holder())),
    ("stack", || Box::pin(stack())),
    ("token ring", || Box::pin(token_ring())),
];

pub(crate) async fn join(tasks: impl IntoIterator<Item = JoinHandle<()>>) -> Result<()> {
    for task in tasks {
        task.await?;
    }
    Ok(())
}

/// Two that read, and write what they read and one more.
async fn lost_update() -> Result<()> {
    let count = Tracked::new(0);
    join([late_add(&count, 0), late_add(&count, 3)]).await?;
    assert_eq!(count.get(), 2, "an update is lost");
    Ok(())
}

/// One that comes so many hops late.
fn late_add(count: &Tracked<u32>, late: u32) -> JoinHandle<()> {
    let count = count.clone();
    spawn(async move {
        for _ in 0..late {
            yield_now().await?;
        }
        let seen = count.read().await?;
        Ok(count.write(seen + 1).await?)
    })
}

/// Fails if the first comes behind the others, of which there are at least two.
pub(crate) async fn last_of(tasks: u32) -> Result<()> {
    let count = Tracked::new(0);
    let check = count.clone();
    let first = spawn(async move {
        assert!(check.read().await? < 2, "both others were first");
        Ok(())
    });
    let add = |count: Tracked<u32>| spawn(async move { Ok(count.update(|n| *n += 1).await?) });
    let others: Vec<_> = (1..tasks).map(|_| add(count.clone())).collect();
    first.await?;
    join(others).await
}

fn hold_both(one: &Lock, other: &Lock, late: u32) -> JoinHandle<()> {
    let (one, other) = (one.clone(), other.clone());
    spawn(async move {
        for _ in 0..late {
            yield_now().await?;
        }
        let _one = one.lock().await?;
        yield_now().await?;
        let _other = other.lock().await?;
        Ok(())
    })
}

async fn two_locks() -> Result<()> {
    let (a, b) = (Lock::new(), Lock::new());
    join([hold_both(&a, &b, 0), hold_both(&b, &a, 3)]).await
}

async fn philosophers(many: usize) -> Result<()> {
    let forks: Vec<Lock> = (0..many).map(|_| Lock::new()).collect();
    let sit = |seat: usize| hold_both(&forks[seat], &forks[(seat + 1) % many], seat as u32);
    join((0..many).map(sit).collect::<Vec<_>>()).await
}

/// The balance is read in one step and written in another.
async fn account() -> Result<()> {
    let balance = Tracked::new(10);
    let change = |by: i32, late: u32| {
        let balance = balance.clone();
        spawn(async move {
            for _ in 0..late {
                yield_now().await?;
            }
            let seen = balance.read().await?;
            Ok(balance.write(seen + by).await?)
        })
    };
    join([change(5, 0), change(-3, 3)]).await?;
    assert_eq!(balance.get(), 12);
    Ok(())
}

async fn lazy01() -> Result<()> {
    let (lock, data) = (Lock::new(), Tracked::new(0));
    let (held, seen) = (lock.clone(), data.clone());
    let third = spawn(async move {
        let _held = held.lock().await?;
        assert!(seen.read().await? < 3);
        Ok(())
    });
    let add = |by: u32| {
        let (lock, data) = (lock.clone(), data.clone());
        spawn(async move {
            let _held = lock.lock().await?;
            Ok(data.update(|data| *data += by).await?)
        })
    };
    join([third, add(1), add(2)]).await
}

/// A driver that is stopped between a request's look at the flag and its note that it is there.
async fn bluetooth() -> Result<()> {
    let (stopping, stopped) = (Tracked::new(false), Tracked::new(false));
    let pending = Tracked::new(1);
    let (flag, count, end) = (stopping.clone(), pending.clone(), stopped.clone());
    let request = spawn(async move {
        if flag.read().await? {
            return Ok(());
        }
        count.update(|count| *count += 1).await?;
        assert!(!end.read().await?, "a request works on a driver that is stopped");
        if count
            .update(|count| {
                *count -= 1;
                *count
            })
            .await?
            == 0
        {
            end.write(true).await?;
        }
        Ok(())
    });
    let stop = spawn(async move {
        stopping.write(true).await?;
        if pending
            .update(|count| {
                *count -= 1;
                *count
            })
            .await?
            == 0
        {
            stopped.write(true).await?;
        }
        Ok(())
    });
    join([request, stop]).await
}

async fn reorder(setters: u32) -> Result<()> {
    let (a, b) = (Tracked::new(0), Tracked::new(0));
    let set = |_| {
        let (a, b) = (a.clone(), b.clone());
        spawn(async move {
            a.write(1).await?;
            Ok(b.write(-1).await?)
        })
    };
    let setters: Vec<_> = (0..setters).map(set).collect();
    let check = spawn(async move {
        let seen = (a.read().await?, b.read().await?);
        assert!(matches!(seen, (0, 0) | (1, -1)), "{seen:?}");
        Ok(())
    });
    join(setters).await?;
    check.await
}

async fn twostage(writers: u32) -> Result<()> {
    let (a, b) = (Lock::new(), Lock::new());
    let (one, two) = (Tracked::new(0), Tracked::new(0));
    let write = |_| {
        let (a, b, one, two) = (a.clone(), b.clone(), one.clone(), two.clone());
        spawn(async move {
            let held = a.lock().await?;
            one.write(1).await?;
            drop(held);
            let _held = b.lock().await?;
            Ok(two.write(one.get() + 1).await?)
        })
    };
    let writers: Vec<_> = (0..writers).map(write).collect();
    let reader = spawn(async move {
        let held = a.lock().await?;
        let first = one.read().await?;
        drop(held);
        if first != 0 {
            let _held = b.lock().await?;
            assert_eq!(two.read().await?, first + 1);
        }
        Ok(())
    });
    join(writers).await?;
    reader.await
}

async fn wronglock(others: u32) -> Result<()> {
    let data = Tracked::new(0);
    let (right, wrong) = (Lock::new(), Lock::new());
    let seen = data.clone();
    let one = spawn(async move {
        let _held = right.lock().await?;
        let before = seen.read().await?;
        assert_eq!(before, seen.read().await?, "someone else has the other lock");
        Ok(())
    });
    let add = |_| {
        let (wrong, data) = (wrong.clone(), data.clone());
        spawn(async move {
            let _held = wrong.lock().await?;
            yield_now().await?;
            Ok(data.update(|data| *data += 1).await?)
        })
    };
    let others: Vec<_> = (0..others).map(add).collect();
    one.await?;
    join(others).await
}

/// A writer whose count is up before its item is there.
async fn circular_buffer() -> Result<()> {
    let (slots, count) = (Tracked::new([0_u32; 2]), Tracked::new(0_usize));
    let (slots_in, count_in) = (slots.clone(), count.clone());
    let sender = spawn(async move {
        for item in 1..=3 {
            let sent = count_in
                .update(|count| {
                    *count += 1;
                    *count
                })
                .await?;
            slots_in.update(|slots| slots[(sent - 1) % 2] = item).await?;
        }
        Ok(())
    });
    let receiver = spawn(async move {
        for _ in 0..3 {
            yield_now().await?;
        }
        let sent = count.read().await?;
        let item = slots.read().await?[sent.saturating_sub(1) % 2];
        assert!(item as usize >= sent, "item {sent} is counted but not there");
        Ok(())
    });
    join([sender, receiver]).await
}

async fn double_init() -> Result<()> {
    let (ready, inits) = (Tracked::new(false), Tracked::new(0));
    let init = |late: u32| {
        let (ready, inits) = (ready.clone(), inits.clone());
        spawn(async move {
            for _ in 0..late {
                yield_now().await?;
            }
            if !ready.read().await? {
                inits.update(|inits| *inits += 1).await?;
                ready.write(true).await?;
            }
            Ok(())
        })
    };
    join([init(0), init(3)]).await?;
    assert_eq!(inits.get(), 1);
    Ok(())
}

async fn check_then_act() -> Result<()> {
    let queue = Queue::new(0);
    queue.put_nowait(1)?;
    let take = |late: u32| {
        let queue = queue.clone();
        spawn(async move {
            for _ in 0..late {
                yield_now().await?;
            }
            if !queue.empty() {
                yield_now().await?;
                queue.get_nowait()?;
            }
            Ok(())
        })
    };
    join([take(0), take(2)]).await
}

/// Cancelled while it holds the lock by hand, it never gives it back.
async fn cancelled_holder() -> Result<()> {
    let lock = Lock::new();
    let held = lock.clone();
    let holder = spawn(async move {
        held.acquire().await?;
        yield_now().await?;
        Ok(held.release()?)
    });
    for _ in 0..4 {
        yield_now().await?;
    }
    holder.cancel();
    drop(holder.await);
    lock.acquire().await?;
    Ok(())
}

/// A pop that looks at the top first.
async fn stack() -> Result<()> {
    let top = Tracked::new(1_u32);
    let pop = |late: u32| {
        let top = top.clone();
        spawn(async move {
            for _ in 0..late {
                yield_now().await?;
            }
            if top.read().await? > 0 {
                let left = top.update(|top| top.checked_sub(1).map(|left| *top = left)).await?;
                assert!(left.is_some(), "the stack is empty");
            }
            Ok(())
        })
    };
    let push = spawn({
        let top = top.clone();
        async move { Ok(top.update(|top| *top += 1).await?) }
    });
    join([push, pop(3), pop(3), pop(6)]).await
}

async fn token_ring() -> Result<()> {
    let places: Vec<Tracked<u32>> = (0..4).map(|_| Tracked::new(0)).collect();
    places[0].set(1);
    let pass = |from: usize| {
        let (from, to) = (places[from].clone(), places[from + 1].clone());
        spawn(async move {
            let token = from.read().await?;
            Ok(to.write(token).await?)
        })
    };
    let mut passes = Vec::new();
    for from in 0..3 {
        passes.push(pass(from));
        for _ in 0..3 {
            yield_now().await?;
        }
    }
    join(passes).await?;
    assert!(places.iter().all(|place| place.get() == 1), "the token went astray");
    Ok(())
}
