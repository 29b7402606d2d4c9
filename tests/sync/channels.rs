//! Channels and the locks of Rust: order, drops, and what a cancel does to waits that cannot fail.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use seedloop::sync::{Mutex, RwLock, mpsc, oneshot, watch};
use seedloop::{JoinHandle, attempt, out, sleep, spawn, timeout, yield_now};

use super::check::{at, check, spin, transcript};

/// Checks what a program prints.
#[track_caller]
fn check_prints<F>(expected: &str, main: impl FnOnce() -> F)
where
    F: Future<Output = seedloop::Result<()>> + 'static,
{
    assert_eq!(transcript(main), expected);
}

/// Polls a future once, which must not be over then.
async fn park<F: Future>(mut future: Pin<&mut F>) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending(), "the future was to wait");
        Poll::Ready(())
    })
    .await;
}

#[test]
fn oneshot_gives_its_value_one_hop_later() {
    check_prints("1 sent; 1 got 7", || async {
        let (sender, receiver) = oneshot::channel();
        let task = spawn(async move { Ok(at!("got {}", receiver.await?)) });
        spin(1).await?;
        assert!(!sender.is_closed());
        assert_eq!(sender.send(7), Ok(()));
        at!("sent");
        task.await
    });
}

#[test]
fn oneshot_tells_each_half_that_the_other_is_gone() {
    check(|| async {
        let (sender, mut receiver) = oneshot::channel::<i32>();
        assert_eq!(receiver.try_recv(), Err(oneshot::TryRecvError::Empty));
        drop(sender);
        assert_eq!(receiver.try_recv(), Err(oneshot::TryRecvError::Closed));
        assert_eq!(receiver.await, Err(oneshot::RecvError));
        let (mut sender, receiver) = oneshot::channel();
        let task = spawn(async move {
            sender.closed().await;
            Ok(sender.send(1))
        });
        spin(1).await?;
        assert!(!task.done());
        drop(receiver);
        assert_eq!(task.await?, Err(1));
        let (sender, mut receiver) = oneshot::channel();
        assert_eq!(sender.send(2), Ok(()));
        receiver.close();
        assert_eq!(receiver.await, Ok(2), "a value that is there can be taken");
        Ok(())
    });
}

#[test]
fn oneshot_keeps_its_value_when_a_wait_by_reference_is_dropped() {
    check(|| async {
        let (sender, mut receiver) = oneshot::channel();
        park(Pin::new(&mut receiver)).await;
        assert_eq!(sender.send(3), Ok(()));
        assert_eq!(receiver.await, Ok(3));
        Ok(())
    });
}

#[test]
fn oneshot_that_is_closed_in_a_wait_by_reference_gives_no_value() {
    check(|| async {
        let (sender, mut receiver) = oneshot::channel::<i32>();
        park(Pin::new(&mut receiver)).await;
        receiver.close();
        assert_eq!(receiver.await, Err(oneshot::RecvError));
        drop(sender);
        Ok(())
    });
}

#[test]
fn mpsc_passes_values_in_order_and_ends() {
    check_prints("1; 2; 3; end", || async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for value in 1..=3 {
            let sender = sender.clone();
            spawn(async move { Ok(sender.send(value)?) });
        }
        drop(sender);
        while let Some(value) = receiver.recv().await {
            out!("{value}");
        }
        out!("end");
        Ok(())
    });
}

fn sending(sender: &mpsc::Sender<i32>, value: i32) -> JoinHandle<()> {
    let sender = sender.clone();
    spawn(async move {
        match sender.send(value).await {
            Ok(()) => at!("sent {value}"),
            Err(mpsc::SendError(value)) => at!("kept {value}"),
        }
        Ok(())
    })
}

#[test]
fn mpsc_senders_wait_in_line_and_nobody_overtakes() {
    check_prints("0 sent 1; got 1; full; 1 sent 2; got 2; 2 sent 3; got 3", || async {
        let (sender, mut receiver) = mpsc::channel(1);
        (1..=3).for_each(|value| drop(sending(&sender, value)));
        spin(1).await?;
        assert_eq!((sender.capacity(), receiver.len()), (0, 1));
        out!("got {}", receiver.try_recv()?);
        // The room belongs to the first in line, before it has run.
        match sender.try_send(9) {
            Err(mpsc::TrySendError::Full(9)) => out!("full"),
            other => panic!("{other:?}"),
        }
        spin(1).await?;
        out!("got {}", receiver.try_recv()?);
        spin(1).await?;
        out!("got {}", receiver.try_recv()?);
        assert_eq!(sender.capacity(), 1);
        Ok(())
    });
}

#[test]
fn mpsc_room_for_a_dropped_sender_goes_to_the_next() {
    check_prints("1 sent 3", || async {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(1).await?;
        let mut dropped = Box::pin(sender.send(2));
        park(dropped.as_mut()).await;
        sending(&sender, 3);
        spin(1).await?;
        receiver.recv().await;
        drop(dropped);
        spin(1).await?;
        assert_eq!(receiver.recv().await, Some(3));
        Ok(())
    });
}

#[test]
fn mpsc_close_gives_waiting_senders_their_values_back() {
    check_prints("1 kept 2; 1 kept 3", || async {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(1).await?;
        sending(&sender, 2);
        sending(&sender, 3);
        let theirs = sender.clone();
        let closed = spawn(async move {
            theirs.closed().await;
            Ok(())
        });
        spin(1).await?;
        receiver.close();
        assert!(sender.is_closed() && sender.try_send(4).is_err());
        spin(1).await?;
        assert!(closed.done());
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(receiver.recv().await, None);
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        Ok(())
    });
}

#[test]
fn mpsc_value_stays_when_the_wait_for_it_is_dropped() {
    check(|| async {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut dropped = Box::pin(receiver.recv());
        park(dropped.as_mut()).await;
        sender.try_send(1).map_err(|_| mpsc::SendError(()))?;
        drop(dropped);
        assert_eq!(receiver.recv().await, Some(1));
        Ok(())
    });
}

#[test]
fn watch_shows_the_latest_value() {
    check_prints("1 sees 2; 3 sees 3; closed", || async {
        let (sender, mut receiver) = watch::channel(0);
        let task = spawn(async move {
            while receiver.changed().await.is_ok() {
                at!("sees {}", *receiver.borrow());
            }
            out!("closed");
            Ok(())
        });
        spin(1).await?;
        sender.send(1)?;
        sender.send(2)?;
        spin(2).await?;
        sender.send_modify(|value| *value += 1);
        assert!(!sender.send_if_modified(|_| false));
        spin(1).await?;
        drop(sender);
        task.await
    });
}

#[test]
fn watch_counts_what_was_seen() {
    check(|| async {
        let (sender, mut receiver) = watch::channel(0);
        assert_eq!(receiver.has_changed(), Ok(false));
        let kept = receiver.borrow();
        assert_eq!(*sender.send_replace(1), 0);
        assert_eq!((*kept, *receiver.borrow()), (0, 1));
        assert!(receiver.borrow().has_changed());
        assert!(receiver.borrow_and_update().has_changed());
        assert_eq!(receiver.has_changed(), Ok(false));
        let mut late = sender.subscribe();
        assert_eq!(late.has_changed(), Ok(false));
        sender.send(5)?;
        assert_eq!(*late.wait_for(|value| *value > 4).await?, 5);
        assert_eq!(sender.receiver_count(), 2);
        drop(sender);
        receiver.changed().await?;
        assert_eq!(receiver.changed().await, Err(watch::RecvError));
        Ok(())
    });
}

#[test]
fn watch_without_receivers_gives_the_value_back() {
    check(|| async {
        let (sender, receiver) = watch::channel("a");
        let theirs = sender.clone();
        let closed = spawn(async move {
            theirs.closed().await;
            Ok(())
        });
        spin(1).await?;
        drop(receiver.clone());
        spin(1).await?;
        assert!(!closed.done());
        drop(receiver);
        closed.await?;
        assert_eq!(sender.send("b").map_err(|error| error.0), Err("b"));
        Ok(())
    });
}

#[test]
#[should_panic(expected = "drop the `Ref` first")]
fn watch_is_not_changed_under_a_reader() {
    check(|| async {
        let (sender, receiver) = watch::channel(0);
        let _kept = receiver.borrow();
        sender.send_modify(|value| *value = 1);
        Ok(())
    });
}

#[test]
fn mutex_goes_to_the_first_in_line() {
    check_prints("1 a; 3 b; 3 main", || async {
        let mutex = Mutex::new(Vec::new());
        let guard = mutex.lock().await;
        for name in ["a", "b"] {
            let mutex = mutex.clone();
            spawn(async move {
                let mut names = mutex.lock().await;
                names.push(name);
                at!("{name}");
                yield_now().await?;
                Ok(())
            });
        }
        spin(1).await?;
        drop(guard);
        assert!(mutex.try_lock().is_none(), "it belongs to the first in line");
        spin(2).await?;
        let names = mutex.lock().await;
        at!("main");
        assert_eq!(*names, ["a", "b"]);
        Ok(())
    });
}

#[test]
fn a_mutex_on_its_way_to_a_dropped_waiter_goes_on() {
    check(|| async {
        let mutex = Mutex::new(0);
        let guard = mutex.lock().await;
        let (mut one, mut two) = (Box::pin(mutex.lock()), Box::pin(mutex.lock()));
        park(one.as_mut()).await;
        park(two.as_mut()).await;
        drop(guard);
        drop(one);
        *two.await += 1;
        assert_eq!(*mutex.try_lock().expect("a free mutex"), 1);
        Ok(())
    });
}

#[test]
fn rw_lock_is_fair_to_writers() {
    let expected = "1 read a; 1 read b; 3 write c; 5 read d; 5 read e";
    check_prints(expected, || async {
        let lock = RwLock::new(0);
        let guard = lock.write().await;
        for name in ["read a", "read b", "write c", "read d", "read e"] {
            let lock = lock.clone();
            spawn(async move {
                let mut guards = (None, None);
                match name.starts_with("read") {
                    true => guards.0 = Some(lock.read().await),
                    false => guards.1 = Some(lock.write().await),
                }
                at!("{name}");
                yield_now().await?;
                Ok(())
            });
        }
        spin(1).await?;
        drop(guard);
        spin(1).await?;
        assert!(lock.try_read().is_none(), "a writer waits");
        spin(4).await
    });
}

#[test]
fn rw_lock_lets_readers_in_when_a_waiting_writer_is_dropped() {
    check(|| async {
        let lock = RwLock::new(1);
        let reader = lock.read().await;
        let (mut writer, mut late) = (Box::pin(lock.write()), Box::pin(lock.read()));
        park(writer.as_mut()).await;
        park(late.as_mut()).await;
        drop(writer);
        assert_eq!(*late.await + *reader, 2);
        drop(reader);
        *lock.try_write().expect("a free lock") = 5;
        assert_eq!(*lock.try_read().expect("a free lock"), 5);
        Ok(())
    });
}

#[test]
fn a_cancel_drops_the_task_in_a_wait_that_cannot_fail() {
    check_prints("dropped; true", || async {
        struct Loud;
        impl Drop for Loud {
            fn drop(&mut self) {
                out!("dropped");
            }
        }
        let (_sender, mut receiver) = mpsc::channel::<i32>(1);
        let task = spawn(async move {
            let _loud = Loud;
            receiver.recv().await;
            out!("received");
            Ok(())
        });
        spin(1).await?;
        assert!(task.cancel());
        spin(1).await?;
        out!("{}", task.cancelled());
        Ok(())
    });
}

#[test]
fn a_cancel_drops_the_innermost_boundary_in_a_wait_that_cannot_fail() {
    check_prints("cancelled: m; cleaned up", || async {
        let mutex = Mutex::new(0);
        let guard = mutex.lock().await;
        let theirs = mutex.clone();
        let task = spawn(async move {
            let result = attempt(async { Ok(drop(theirs.lock().await)) }).await;
            out!("{}", result.expect_err("a cancel"));
            yield_now().await?;
            out!("cleaned up");
            Ok(())
        });
        spin(1).await?;
        task.cancel_with("m");
        task.await?;
        drop(guard);
        assert!(mutex.try_lock().is_some(), "the dropped waiter has left the line");
        Ok(())
    });
}

#[test]
fn a_timeout_ends_a_wait_that_cannot_fail() {
    check(|| async {
        let (_sender, receiver) = oneshot::channel::<i32>();
        let limit = timeout(Duration::from_secs(1));
        let result = limit.scope(async |_| Ok(receiver.await?)).await;
        assert!(result.is_err_and(|error| error.is_timeout()));
        Ok(())
    });
}

#[test]
fn a_cancel_requested_before_such_a_wait_reaches_it() {
    check_prints("dropped", || async {
        let (_sender, receiver) = oneshot::channel::<i32>();
        let itself: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let own = itself.clone();
        let task = spawn(async move {
            own.take().expect("the handle").cancel();
            receiver.await?;
            Ok(())
        });
        itself.set(Some(task.shared()));
        spin(2).await?;
        assert!(task.cancelled());
        out!("dropped");
        Ok(())
    });
}

#[test]
fn a_wait_of_ours_beside_it_takes_the_cancel() {
    check_prints("cancelled", || async {
        let (_sender, mut receiver) = oneshot::channel::<i32>();
        let task = spawn(async move {
            park(Pin::new(&mut receiver)).await;
            let slept = sleep(Duration::from_secs(1)).await;
            out!("{}", slept.expect_err("a cancel"));
            Ok(())
        });
        spin(1).await?;
        task.cancel();
        task.await
    });
}
