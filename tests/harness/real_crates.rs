//! Channels, locks and sets of other crates, explored: what they promise holds in any order, and
//! whoever is cancelled or dropped where.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use event_listener::Event;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use seedloop::explore::{Cancel, Explorer};
use seedloop::{JoinHandle, Result, sleep, spawn, yield_now};

/// In any order, 200 runs.
#[track_caller]
fn holds<F: Future<Output = Result<()>> + 'static>(body: fn() -> F) {
    let exploration = Explorer::new().explore(body);
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
    assert!(exploration.statistics.distinct > 1, "there is only one order");
}

/// The same, and with a cancel and a drop at each await of each task.
#[track_caller]
fn holds_cancelled<F: Future<Output = Result<()>> + 'static>(body: fn() -> F) {
    holds(body);
    let exploration = Explorer::new().cancel(Cancel::Everywhere).explore(body);
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
    assert!(exploration.statistics.struck > 3, "nothing is struck");
}

/// Ends what may have been struck.
async fn ended(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        drop(task.await);
    }
}

fn all_done(tasks: &[JoinHandle<()>]) -> bool {
    tasks.iter().all(|task| task.done())
}

/// What has settled by now: time moves on when nothing is ready any more.
async fn settled() -> Result<()> {
    Ok(sleep(Duration::from_secs(1)).await?)
}

type Items = Rc<RefCell<Vec<u32>>>;

/// What was sent is there once, in its sender's order, and nothing else.
#[track_caller]
fn assert_whole(sent: &Items, got: &Items, ordered: bool) {
    let (sent, got) = (sent.borrow(), got.borrow());
    let set: BTreeSet<u32> = got.iter().copied().collect();
    assert_eq!(set.len(), got.len(), "an item came twice: {got:?}");
    assert!(sent.iter().all(|item| set.contains(item)), "lost: {sent:?} became {got:?}");
    for sender in 0..2 {
        let own = got.iter().filter(|item| **item / 10 == sender);
        assert!(!ordered || own.is_sorted(), "out of order: {got:?}");
    }
}

mod async_channels {
    use super::*;

    #[test]
    fn no_item_is_lost_or_doubled() {
        holds_cancelled(|| async {
            let (sender, receiver) = async_channel::bounded(1);
            let (sent, got) = (Items::default(), Items::default());
            let mut tasks = Vec::new();
            for producer in 0..2 {
                let (sender, sent) = (sender.clone(), sent.clone());
                tasks.push(spawn(async move {
                    for item in 0..2 {
                        let item = producer * 10 + item;
                        if sender.send(item).await.is_ok() {
                            sent.borrow_mut().push(item);
                        }
                    }
                    Ok(())
                }));
            }
            for _ in 0..2 {
                let (receiver, got) = (receiver.clone(), got.clone());
                tasks.push(spawn(async move {
                    while let Ok(item) = receiver.recv().await {
                        got.borrow_mut().push(item);
                    }
                    Ok(())
                }));
            }
            drop(sender);
            settled().await?;
            // Senders wait on for as long as there is a receiver, and this one is.
            receiver.close();
            ended(tasks).await;
            while let Ok(item) = receiver.try_recv() {
                got.borrow_mut().push(item);
            }
            // Two receivers note their items in any order.
            assert_whole(&sent, &got, false);
            Ok(())
        });
    }

    /// A receiver that was woken and dropped wakes another one.
    #[test]
    fn an_item_wakes_whoever_is_left() {
        holds_cancelled(|| async {
            let (sender, receiver) = async_channel::bounded::<u32>(1);
            let wait = |_| {
                let receiver = receiver.clone();
                spawn(async move {
                    receiver.recv().await.ok();
                    Ok(())
                })
            };
            let tasks: Vec<_> = (0..3).map(wait).collect();
            yield_now().await?;
            sender.try_send(1).expect("there is room");
            settled().await?;
            assert!(
                receiver.is_empty() || all_done(&tasks),
                "an item and a receiver, both waiting"
            );
            sender.close();
            ended(tasks).await;
            Ok(())
        });
    }
}

mod event_listeners {
    use super::*;

    /// "If a notified listener is dropped without receiving a notification, dropping will notify
    /// another active listener." Source: its crate's documentation.
    #[test]
    fn a_notification_is_passed_on() {
        holds_cancelled(|| async {
            let event = Rc::new(Event::new());
            let woken = Rc::new(Cell::new(0));
            let wait = |_| {
                let (event, woken) = (event.clone(), woken.clone());
                spawn(async move {
                    event.listen().await;
                    woken.set(woken.get() + 1);
                    Ok(())
                })
            };
            let tasks: Vec<_> = (0..3).map(wait).collect();
            // It is for those who listen now, and by then all do that were not struck.
            settled().await?;
            let listened = event.total_listeners();
            event.notify(1);
            settled().await?;
            let lost = listened > 0 && woken.get() == 0 && !all_done(&tasks);
            assert!(!lost, "nobody was woken");
            event.notify(usize::MAX);
            ended(tasks).await;
            Ok(())
        });
    }

    /// The lock of its documentation: a flag and an event.
    #[test]
    fn a_lock_made_of_it_excludes_and_is_never_forgotten() {
        holds_cancelled(|| async {
            let lock = Rc::new((Cell::new(false), Event::new()));
            struct Held(Rc<(Cell<bool>, Event)>);
            impl Drop for Held {
                fn drop(&mut self) {
                    assert!(self.0.0.replace(false), "it was not held");
                    self.0.1.notify(1);
                }
            }
            let take = |_| {
                let lock = lock.clone();
                spawn(async move {
                    let held = loop {
                        let listener = lock.1.listen();
                        if !lock.0.replace(true) {
                            break Held(lock.clone());
                        }
                        listener.await;
                    };
                    yield_now().await?;
                    drop(held);
                    Ok(())
                })
            };
            let tasks: Vec<_> = (0..3).map(take).collect();
            settled().await?;
            assert!(all_done(&tasks), "the lock is free, and someone waits for it");
            ended(tasks).await;
            Ok(())
        });
    }
}

mod futures {
    use super::*;
    use futures_channel::{mpsc, oneshot};

    #[test]
    fn an_unordered_set_yields_each_once() {
        holds_cancelled(|| async {
            let child = |item: u32| {
                spawn(async move {
                    yield_now().await?;
                    if item == 2 {
                        sleep(Duration::from_millis(1)).await?;
                    }
                    Ok(item)
                })
            };
            let mut set: FuturesUnordered<_> =
                (0..4).map(|item| async move { (item, child(item).await) }).collect();
            let mut seen = BTreeSet::new();
            while let Some((item, result)) = set.next().await {
                assert!(seen.insert(item), "{item} came twice");
                assert!(result.is_err() || result.is_ok_and(|own| own == item));
            }
            assert_eq!(seen.len(), 4);
            Ok(())
        });
    }

    #[test]
    fn a_shared_future_ends_for_all_who_are_left() {
        holds_cancelled(|| async {
            let (sender, receiver) = oneshot::channel::<u32>();
            let ends = Rc::new(Cell::new(0));
            let counted = ends.clone();
            let shared = async move {
                let item = receiver.await.unwrap_or(0);
                counted.set(counted.get() + 1);
                item
            };
            let shared = shared.boxed_local().shared();
            let wait = |_| {
                let shared = shared.clone();
                spawn(async move {
                    assert_eq!(shared.await, 7);
                    Ok(())
                })
            };
            let tasks: Vec<_> = (0..3).map(wait).collect();
            yield_now().await?;
            sender.send(7).expect("`shared` is there");
            settled().await?;
            assert!(all_done(&tasks), "the value is there, and someone waits for it");
            assert_eq!(shared.await, 7);
            assert_eq!(ends.get(), 1, "it ended once");
            ended(tasks).await;
            Ok(())
        });
    }

    #[test]
    fn a_bounded_channel_loses_nothing() {
        holds_cancelled(|| async {
            let (sender, mut receiver) = mpsc::channel(0);
            let (sent, got) = (Items::default(), Items::default());
            let produce = |producer: u32| {
                let (mut sender, sent) = (sender.clone(), sent.clone());
                spawn(async move {
                    for item in 0..3 {
                        let item = producer * 10 + item;
                        if sender.feed(item).await.is_ok() {
                            sent.borrow_mut().push(item);
                        }
                        yield_now().await?;
                    }
                    Ok(())
                })
            };
            let tasks: Vec<_> = (0..2).map(produce).collect();
            drop(sender);
            while let Some(item) = receiver.next().await {
                got.borrow_mut().push(item);
            }
            ended(tasks).await;
            assert_whole(&sent, &got, true);
            Ok(())
        });
    }

    /// A value is received or given back.
    #[test]
    fn a_oneshot_loses_nothing() {
        holds_cancelled(|| async {
            let (sender, receiver) = oneshot::channel::<u32>();
            let got = Items::default();
            let receives = got.clone();
            let receiving = spawn(async move {
                let item = receiver.await;
                receives.borrow_mut().extend(item);
                Ok(())
            });
            let back = Items::default();
            let given = back.clone();
            let sending = spawn(async move {
                yield_now().await?;
                given.borrow_mut().extend(sender.send(7).err());
                Ok(())
            });
            let struck = [sending.await.is_err(), receiving.await.is_err()];
            let (got, back) = (got.borrow().len(), back.borrow().len());
            assert!(got + back <= 1, "it is in two places");
            // A receiver that is dropped with the value in it takes that along.
            assert!(got + back == 1 || struck.contains(&true), "it is nowhere");
            Ok(())
        });
    }
}

mod tokio_sync {
    use super::*;
    use tokio::sync::{Notify, Semaphore, broadcast, mpsc, watch};

    #[test]
    fn a_channel_loses_nothing() {
        holds_cancelled(|| async {
            let (sender, mut receiver) = mpsc::channel(1);
            let (sent, got) = (Items::default(), Items::default());
            let produce = |producer: u32| {
                let (sender, sent) = (sender.clone(), sent.clone());
                spawn(async move {
                    for item in 0..3 {
                        let item = producer * 10 + item;
                        if sender.send(item).await.is_ok() {
                            sent.borrow_mut().push(item);
                        }
                    }
                    Ok(())
                })
            };
            let mut tasks: Vec<_> = (0..2).map(produce).collect();
            drop(sender);
            let receives = got.clone();
            tasks.push(spawn(async move {
                while let Some(item) = receiver.recv().await {
                    receives.borrow_mut().push(item);
                }
                Ok(())
            }));
            let receiving = tasks.pop().expect("it was pushed");
            let whole = receiving.await.is_ok();
            ended(tasks).await;
            if whole {
                assert_whole(&sent, &got, true);
            }
            Ok(())
        });
    }

    #[test]
    fn permits_are_never_exceeded_and_all_come_back() {
        holds_cancelled(|| async {
            let permits = Rc::new(Semaphore::new(2));
            let held = Rc::new(Cell::new(0_u32));
            struct Counted(Rc<Cell<u32>>);
            impl Drop for Counted {
                fn drop(&mut self) {
                    self.0.set(self.0.get() - 1);
                }
            }
            let take = |many: u32| {
                let (permits, held) = (permits.clone(), held.clone());
                spawn(async move {
                    let _permit = permits.acquire_many(many).await.expect("it is open");
                    held.set(held.get() + many);
                    assert!(held.get() <= 2, "too many have a permit");
                    let _counted: Vec<_> = (0..many).map(|_| Counted(held.clone())).collect();
                    Ok(yield_now().await?)
                })
            };
            let tasks: Vec<_> = [1, 2, 1, 1].into_iter().map(take).collect();
            settled().await?;
            assert!(all_done(&tasks), "permits are free, and someone waits for them");
            ended(tasks).await;
            assert_eq!(permits.available_permits(), 2);
            Ok(())
        });
    }

    /// A waiter that is dropped after it was notified hands the notification on.
    #[test]
    fn a_notification_goes_on_to_whoever_is_left() {
        holds_cancelled(|| async {
            let notify = Rc::new(Notify::new());
            let woken = Rc::new(Cell::new(0));
            let wait = |_| {
                let (notify, woken) = (notify.clone(), woken.clone());
                spawn(async move {
                    notify.notified().await;
                    woken.set(woken.get() + 1);
                    Ok(())
                })
            };
            let tasks: Vec<_> = (0..3).map(wait).collect();
            yield_now().await?;
            notify.notify_one();
            settled().await?;
            assert!(woken.get() == 1 || all_done(&tasks), "{} were woken", woken.get());
            notify.notify_waiters();
            settled().await?;
            assert!(all_done(&tasks), "someone still waits");
            ended(tasks).await;
            Ok(())
        });
    }

    #[test]
    fn a_watched_value_never_goes_back_and_ends_as_the_last() {
        holds_cancelled(|| async {
            let (sender, receiver) = watch::channel(0_u32);
            let seen = Rc::new(RefCell::new([0_u32; 2]));
            let look = |reader: usize| {
                let (mut receiver, seen) = (receiver.clone(), seen.clone());
                spawn(async move {
                    while receiver.changed().await.is_ok() {
                        let value = *receiver.borrow_and_update();
                        assert!(value > seen.borrow()[reader], "{value} is no change");
                        seen.borrow_mut()[reader] = value;
                    }
                    Ok(())
                })
            };
            let readers: Vec<_> = (0..2).map(look).collect();
            let writer = spawn(async move {
                for value in 1..=3 {
                    sender.send(value).ok();
                    yield_now().await?;
                }
                Ok(())
            });
            drop(writer.await);
            let last = *receiver.borrow();
            for (reader, task) in readers.into_iter().enumerate() {
                if task.await.is_ok() {
                    assert_eq!(seen.borrow()[reader], last, "the last value is missed");
                }
            }
            Ok(())
        });
    }

    /// Each receiver has every item in order, or is told how many it has missed.
    #[test]
    fn a_broadcast_counts_what_is_missed() {
        holds_cancelled(|| async {
            let (sender, _) = broadcast::channel(2);
            let listen = |_| {
                let mut receiver = sender.subscribe();
                spawn(async move {
                    let mut next = 0;
                    loop {
                        match receiver.recv().await {
                            Ok(item) => {
                                assert_eq!(item, next);
                                next += 1;
                            }
                            Err(broadcast::error::RecvError::Lagged(missed)) => next += missed,
                            Err(broadcast::error::RecvError::Closed) => break,
                        }
                        yield_now().await?;
                    }
                    assert_eq!(next, 5, "received and missed are not all");
                    Ok(())
                })
            };
            let tasks: Vec<_> = (0..2).map(listen).collect();
            for item in 0..5_u64 {
                // There may be no receiver any more.
                sender.send(item).ok();
                yield_now().await?;
            }
            drop(sender);
            ended(tasks).await;
            Ok(())
        });
    }
}
