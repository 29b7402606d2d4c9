//! Flags that are taken for a promise.

use std::collections::VecDeque;

use seedloop::sync::{Event, Lock, Tracked};
use seedloop::{JoinHandle, Result, run, spawn};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};
use super::table::join;

pub(super) const BUGS: &[KnownBug] = &[
    KnownBug {
        name: "account",
        source: "SCTBench, CS.account_bad",
        summary: "the balance is not what the check expects once both bookings are done",
        size: 1,
        body: || run(account(Broken)),
        fixed: || run(account(Fixed)),
    },
    KnownBug {
        name: "lazy01",
        source: "SCTBench, CS.lazy01_bad",
        summary: "a task takes it for granted that it comes before one of the others",
        size: 1,
        body: || run(lazy01(Broken)),
        fixed: || run(lazy01(Fixed)),
    },
    KnownBug {
        name: "bluetooth",
        source: "Qadeer and Wu, \"KISS\" (PLDI 2004); SCTBench, CS.bluetooth_driver_bad",
        summary: "a driver is stopped between the check of its flag and the count of the request",
        size: 1,
        body: || run(bluetooth(Broken)),
        fixed: || run(bluetooth(Fixed)),
    },
    KnownBug {
        name: "circular-buffer",
        source: "SCTBench, CS.circular_buffer_bad",
        summary: "a consumer counts turns in place of what it has received",
        size: 2,
        body: || run(circular_buffer(Broken)),
        fixed: || run(circular_buffer(Fixed)),
    },
    KnownBug {
        name: "stack",
        source: "SCTBench, CS.stack_bad",
        summary: "a flag says that the stack was filled once, not that something is on it",
        size: 1,
        body: || run(stack(Broken)),
        fixed: || run(stack(Fixed)),
    },
    KnownBug {
        name: "token-ring",
        source: "SCTBench, CS.token_ring_bad",
        summary: "three tasks hand a value on, in an order that nobody sees to",
        size: 1,
        body: || run(token_ring(Broken)),
        fixed: || run(token_ring(Fixed)),
    },
];

async fn account(version: Version) -> Result<()> {
    let (balance, lock) = (Tracked::new(1), Lock::new());
    let (deposited, withdrawn) = (Tracked::new(false), Tracked::new(false));
    let check = {
        let (balance, lock) = (balance.clone(), lock.clone());
        let (deposited, withdrawn) = (deposited.clone(), withdrawn.clone());
        spawn(async move {
            let _guard = lock.lock().await?;
            if deposited.get() && withdrawn.get() {
                let expected = match version {
                    Broken => 3,
                    Fixed => 1 + 2 - 4,
                };
                assert_eq!(balance.get(), expected, "the balance is wrong");
            }
            Ok(())
        })
    };
    let book = |amount: i32, done: Tracked<bool>| {
        let (balance, lock) = (balance.clone(), lock.clone());
        spawn(async move {
            let _guard = lock.lock().await?;
            balance.set(balance.get() + amount);
            done.set(true);
            Ok(())
        })
    };
    join(vec![check, book(2, deposited), book(-4, withdrawn)]).await
}

async fn lazy01(version: Version) -> Result<()> {
    let (sum, lock) = (Tracked::new(0), Lock::new());
    let check = {
        let (sum, lock) = (sum.clone(), lock.clone());
        spawn(async move {
            let _guard = lock.lock().await?;
            let bound = match version {
                Broken => 3,
                Fixed => 4,
            };
            assert!(sum.get() < bound, "all have added already");
            Ok(())
        })
    };
    let add = |amount: u32| {
        let (sum, lock) = (sum.clone(), lock.clone());
        spawn(async move {
            let _guard = lock.lock().await?;
            sum.set(sum.get() + amount);
            Ok(())
        })
    };
    join(vec![check, add(2), add(1)]).await
}

/// A driver: how many requests are under way, the driver itself counted in.
#[derive(Clone)]
struct Driver {
    pending: Tracked<i32>,
    is_stopping: Tracked<bool>,
    is_stopped: Tracked<bool>,
    all_done: Event,
}

impl Driver {
    async fn request_ends(&self) -> Result<()> {
        let left = self.pending.update(|pending| {
            *pending -= 1;
            *pending
        });
        if left.await? == 0 {
            self.all_done.set();
        }
        Ok(())
    }

    async fn begin(&self) -> Result<()> {
        self.pending.update(|pending| *pending += 1).await?;
        Ok(())
    }

    async fn work(&self) -> Result<()> {
        assert!(!self.is_stopped.read().await?, "the driver is stopped");
        Ok(())
    }

    async fn request(&self, version: Version) -> Result<()> {
        match version {
            Broken => {
                if !self.is_stopping.read().await? {
                    self.begin().await?;
                    self.work().await?;
                    self.request_ends().await?;
                }
                Ok(())
            }
            Fixed => {
                self.begin().await?;
                if !self.is_stopping.read().await? {
                    self.work().await?;
                }
                self.request_ends().await
            }
        }
    }

    async fn stop(&self) -> Result<()> {
        self.is_stopping.write(true).await?;
        self.request_ends().await?;
        self.all_done.wait().await?;
        self.is_stopped.write(true).await?;
        Ok(())
    }
}

async fn bluetooth(version: Version) -> Result<()> {
    let driver = Driver {
        pending: Tracked::new(1),
        is_stopping: Tracked::new(false),
        is_stopped: Tracked::new(false),
        all_done: Event::new(),
    };
    let stopped = driver.clone();
    let request = spawn(async move { driver.request(version).await });
    let stop = spawn(async move { stopped.stop().await });
    join(vec![request, stop]).await
}

const ITEMS: usize = 7;

async fn circular_buffer(version: Version) -> Result<()> {
    let (buffer, lock) = (Tracked::new(VecDeque::new()), Lock::new());
    let (may_send, may_receive) = (Tracked::new(true), Tracked::new(false));
    let turn = |is_sender: bool| {
        let (buffer, lock) = (buffer.clone(), lock.clone());
        let (may_send, may_receive) = (may_send.clone(), may_receive.clone());
        spawn(async move {
            let mut next = 0;
            for turn in 0..ITEMS {
                let _guard = lock.lock().await?;
                let item = match version {
                    Broken => turn,
                    Fixed => next,
                };
                if is_sender && may_send.get() {
                    buffer.update(|buffer| buffer.push_back(item)).await?;
                } else if !is_sender && may_receive.get() {
                    let received = buffer.update(VecDeque::pop_front).await?;
                    assert_eq!(received, Some(item), "another item than the next");
                } else {
                    continue;
                }
                next += 1;
                may_send.set(!is_sender);
                may_receive.set(is_sender);
            }
            Ok(())
        })
    };
    join(vec![turn(true), turn(false)]).await
}

async fn stack(version: Version) -> Result<()> {
    let (height, lock) = (Tracked::new(0_u32), Lock::new());
    let was_filled = Tracked::new(false);
    let push = {
        let (height, lock, was_filled) = (height.clone(), lock.clone(), was_filled.clone());
        spawn(async move {
            for _ in 0..10 {
                let _guard = lock.lock().await?;
                height.set(height.get() + 1);
                was_filled.set(true);
            }
            Ok(())
        })
    };
    let pop = spawn(async move {
        for _ in 0..10 {
            let _guard = lock.lock().await?;
            let may_pop = match version {
                Broken => was_filled.get(),
                Fixed => height.get() > 0,
            };
            if may_pop {
                assert!(height.get() > 0, "there is nothing on the stack");
                height.set(height.get() - 1);
            }
        }
        Ok(())
    });
    join(vec![push, pop]).await
}

async fn token_ring(version: Version) -> Result<()> {
    let (values, lock) = (Tracked::new([0; 3]), Lock::new());
    let done: Vec<Event> = (0..3).map(|_| Event::new()).collect();
    let station = |index: usize| -> JoinHandle<()> {
        let (values, lock, done) = (values.clone(), lock.clone(), done.clone());
        spawn(async move {
            if version == Fixed && index > 0 {
                done[index - 1].wait().await?;
            }
            let guard = lock.lock().await?;
            let mut next = values.get();
            next[index] = match index {
                0 => (next[2] + 1) % 4,
                _ => next[index - 1],
            };
            values.set(next);
            drop(guard);
            done[index].set();
            Ok(())
        })
    };
    let mut tasks: Vec<JoinHandle<()>> = (0..3).map(station).collect();
    tasks.push(spawn(async move {
        let _guard = lock.lock().await?;
        if done.iter().all(Event::is_set) {
            let [one, two, three] = values.get();
            assert!(one == two && two == three, "the token is lost: {one} {two} {three}");
        }
        Ok(())
    }));
    join(tasks).await
}
