//! Queues: what CPython's own tests assert, in Rust.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_queues.py`; `tests/ported/tables` has the table.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::sync::{Event, GetError, LifoQueue, PriorityQueue, PutError, Queue, QueueError};
use seedloop::{JoinHandle, Result, TaskGroup, running_loop, spawn, wait_for};

use super::check::{Log, check, spin};

/// Spawns a task that gets an item.
fn get(queue: &Queue<u32>) -> JoinHandle<u32> {
    let queue = queue.clone();
    spawn(async move { Ok(queue.get().await?) })
}

/// Spawns a task that puts an item.
fn put(queue: &Queue<u32>, item: u32) -> JoinHandle<()> {
    let queue = queue.clone();
    spawn(async move { Ok(queue.put(item).await?) })
}

/// The three kinds, each as what they have in common.
fn each_kind(maxsize: usize) -> [Queue<u32>; 3] {
    [Queue::new(maxsize), LifoQueue::new(maxsize).into(), PriorityQueue::new(maxsize).into()]
}

#[test]
fn queue_empty_and_full() {
    check(|| async {
        let queue = Queue::unbounded();
        assert!(queue.empty());
        queue.put(1).await?;
        assert!(!queue.empty() && !queue.full());
        assert_eq!(queue.get().await?, 1);
        assert!(queue.empty());
        let queue = Queue::new(1);
        queue.put(1).await?;
        assert!(queue.full());
        Ok(())
    });
}

#[test]
fn queue_order() {
    check(|| async {
        let expected = [[1, 3, 2], [2, 3, 1], [1, 2, 3]];
        for (queue, expected) in each_kind(0).into_iter().zip(expected) {
            for item in [1, 3, 2] {
                queue.put(item).await?;
            }
            for item in expected {
                assert_eq!(queue.get().await?, item);
            }
        }
        Ok(())
    });
}

#[test]
fn queue_maxsize() {
    check(|| async {
        let (queue, log) = (Queue::new(2), Log::new());
        assert_eq!(queue.maxsize(), 2);
        let (theirs, put) = (queue.clone(), log.clone());
        let task = spawn(async move {
            for item in 0..3 {
                theirs.put(item).await?;
                put.push(item);
            }
            Ok(())
        });
        spin(2).await?;
        log.is(&[0, 1]);
        assert_eq!(queue.get().await?, 0);
        spin(1).await?;
        log.is(&[0, 1, 2]);
        assert_eq!(queue.get().await?, 1);
        assert_eq!(queue.get().await?, 2);
        assert!(task.done());
        Ok(())
    });
}

#[test]
fn queue_get_with_putters() {
    check(|| async {
        let queue = Queue::new(1);
        queue.put(1).await?;
        let putter = put(&queue, 2);
        spin(1).await?;
        assert_eq!(queue.get().await?, 1);
        spin(1).await?;
        assert!(putter.done());
        Ok(())
    });
}

#[test]
fn queue_blocking_get_wait() {
    check(|| async {
        let (queue, started) = (Queue::unbounded(), Event::new());
        let (theirs, begun) = (queue.clone(), started.clone());
        let task = spawn(async move {
            begun.set();
            Ok(theirs.get().await?)
        });
        started.wait().await?;
        assert!(!task.done());
        let later = Duration::from_millis(10);
        running_loop()?.call_later(later, move || Ok(queue.put_nowait(1)?))?;
        assert_eq!(task.await?, 1);
        Ok(())
    });
}

#[test]
fn queue_nowait() {
    check(|| async {
        let queue = Queue::new(1);
        assert_eq!(queue.get_nowait(), Err(GetError::Empty));
        queue.put_nowait(1)?;
        assert_eq!(queue.put_nowait(2), Err(PutError::Full));
        assert_eq!(queue.get_nowait(), Ok(1));
        Ok(())
    });
}

#[test]
fn queue_get_cancelled_race() {
    check(|| async {
        let queue = Queue::unbounded();
        let (t1, t2) = (get(&queue), get(&queue));
        spin(1).await?;
        t1.cancel();
        spin(1).await?;
        assert!(t1.done());
        queue.put(7).await?;
        spin(1).await?;
        assert_eq!(t2.await?, 7);
        Ok(())
    });
}

#[test]
fn queue_get_with_waiting_putters() {
    check(|| async {
        let queue = Queue::new(1);
        put(&queue, 1);
        put(&queue, 2);
        assert_eq!(queue.get().await?, 1);
        assert_eq!(queue.get().await?, 2);
        Ok(())
    });
}

#[test]
fn queue_why_are_getters_waiting() {
    check(|| async {
        let queue = Queue::new(1);
        let group = TaskGroup::new();
        let both = async |group: &TaskGroup| {
            let (producer, consumer) = (queue.clone(), queue.clone());
            group.spawn(async move {
                for item in 0..5 {
                    producer.put(item).await?;
                }
                Ok(())
            })?;
            group.spawn(async move {
                for _ in 0..5 {
                    consumer.get().await?;
                }
                Ok(())
            })?;
            Ok(())
        };
        group.scope(both).await
    });
}

#[test]
fn queue_timed_out_getter_is_forgotten() {
    check(|| async {
        let queue = Queue::<u32>::new(5);
        let waited = wait_for(queue.get(), Duration::from_millis(100)).await;
        assert!(waited.is_err_and(|error| error.is_timeout()));
        // A getter that was left in the line would be woken in the place of this one.
        let getter = get(&queue);
        spin(1).await?;
        queue.put_nowait(1)?;
        spin(1).await?;
        assert_eq!(getter.take_result()?, 1);
        Ok(())
    });
}

#[test]
fn queue_blocking_put_wait() {
    check(|| async {
        let (queue, started) = (Queue::new(1), Event::new());
        let (theirs, begun) = (queue.clone(), started.clone());
        let later = Duration::from_millis(10);
        running_loop()?
            .call_later(later, move || queue.get_nowait().map(drop).map_err(Into::into))?;
        let task = spawn(async move {
            begun.set();
            theirs.put(1).await?;
            theirs.put(2).await?;
            Ok(())
        });
        started.wait().await?;
        assert!(!task.done());
        task.await
    });
}

#[test]
fn queue_get_cancel_drop_one_pending_reader() {
    check(|| async {
        let queue = Queue::unbounded();
        let reader = get(&queue);
        spin(1).await?;
        queue.put_nowait(1)?;
        queue.put_nowait(2)?;
        reader.cancel();
        assert!(reader.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(get(&queue).await?, 1, "an item was lost");
        Ok(())
    });
}

#[test]
fn queue_get_cancel_drop_many_pending_readers() {
    check(|| async {
        let queue = Queue::unbounded();
        let [one, two, three] = [(); 3].map(|()| get(&queue));
        spin(1).await?;
        queue.put_nowait(1)?;
        queue.put_nowait(2)?;
        one.cancel();
        assert!(one.await.is_err_and(|error| error.is_cancelled()));
        let (two, three) = (two.await?, three.await?);
        assert_eq!((two.min(three), two.max(three)), (1, 2));
        Ok(())
    });
}

#[test]
fn queue_put_cancel_drop() {
    check(|| async {
        let queue = Queue::new(1);
        queue.put_nowait(1)?;
        let writer = put(&queue, 2);
        spin(1).await?;
        assert_eq!(queue.get_nowait(), Ok(1));
        writer.cancel();
        assert!(writer.await.is_err_and(|error| error.is_cancelled()));
        put(&queue, 2).await?;
        assert_eq!(queue.get_nowait(), Ok(2));
        assert_eq!(queue.qsize(), 0);
        Ok(())
    });
}

#[test]
fn queue_put_and_get_of_others() {
    check(|| async {
        let queue = Queue::unbounded();
        let writer = put(&queue, 1);
        assert_eq!(queue.get().await?, 1);
        assert!(writer.done());
        let reader = get(&queue);
        spin(1).await?;
        queue.put(2).await?;
        assert_eq!(reader.await?, 2);
        Ok(())
    });
}

#[test]
fn queue_put_cancelled_race() {
    check(|| async {
        let queue = Queue::new(1);
        let [a, b, c] = [1, 2, 3].map(|item| put(&queue, item));
        spin(1).await?;
        assert!(a.done() && !b.done());
        c.cancel();
        spin(1).await?;
        assert!(c.done());
        assert_eq!(queue.get_nowait(), Ok(1));
        spin(1).await?;
        assert_eq!(queue.get_nowait(), Ok(2));
        b.await
    });
}

#[test]
fn queue_why_are_putters_waiting() {
    check(|| async {
        let queue = Queue::new(2);
        let group = TaskGroup::new();
        let all = async |group: &TaskGroup| {
            let theirs = queue.clone();
            group.spawn(async move {
                spin(1).await?;
                for _ in 0..theirs.qsize() {
                    theirs.get_nowait()?;
                }
                Ok(())
            })?;
            for item in 0..4 {
                let theirs = queue.clone();
                group.spawn(async move { Ok(theirs.put(item).await?) })?;
            }
            Ok(())
        };
        group.scope(all).await
    });
}

#[test]
fn queue_cancelled_putter_is_forgotten() {
    check(|| async {
        let queue = Queue::new(1);
        queue.put_nowait(1)?;
        let putter = put(&queue, 2);
        spin(1).await?;
        putter.cancel();
        assert!(putter.await.is_err_and(|error| error.is_cancelled()));
        // A putter that was left in the line would be woken in the place of this one.
        let putter = put(&queue, 3);
        spin(1).await?;
        queue.get_nowait()?;
        spin(1).await?;
        assert!(putter.done());
        Ok(())
    });
}

#[test]
fn queue_cancelled_put_that_was_woken() {
    check(|| async {
        let queue = Queue::new(1);
        queue.put_nowait(1)?;
        let putter = put(&queue, 2);
        spin(1).await?;
        queue.get_nowait()?;
        putter.cancel();
        assert!(putter.await.is_err_and(|error| error.is_cancelled()));
        Ok(())
    });
}

#[test]
fn queue_task_done() {
    check(|| async {
        for queue in each_kind(0) {
            assert!(queue.task_done().is_err());
            queue.join().await?;
            queue.join().await?;
            (0..100).try_for_each(|item| queue.put_nowait(item))?;
            let (sum, running) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(true)));
            let workers = [(); 2].map(|()| {
                let (queue, sum, running) = (queue.clone(), sum.clone(), running.clone());
                spawn(async move {
                    while running.get() {
                        sum.set(sum.get() + queue.get().await?);
                        queue.task_done()?;
                    }
                    Ok(())
                })
            });
            queue.join().await?;
            assert_eq!(sum.get(), (0..100).sum::<u32>());
            running.set(false);
            for worker in workers {
                queue.put_nowait(0)?;
                worker.await?;
            }
        }
        Ok(())
    });
}

/// Nothing can be put into the queue or got from it.
async fn is_shut_down(queue: &Queue<u32>) {
    assert!(queue.is_shut_down());
    assert_eq!(queue.put(9).await, Err(QueueError::ShutDown));
    assert_eq!(queue.put_nowait(9), Err(PutError::ShutDown));
    assert_eq!(queue.get().await, Err(QueueError::ShutDown));
    assert_eq!(queue.get_nowait(), Err(GetError::ShutDown));
}

/// Spawns a task that waits for all items to be done.
fn join(queue: &Queue<u32>) -> JoinHandle<()> {
    let queue = queue.clone();
    spawn(async move { Ok(queue.join().await?) })
}

#[test]
fn queue_shutdown_empty() {
    check(|| async {
        for queue in each_kind(0) {
            let getter = get(&queue);
            spin(1).await?;
            queue.shutdown(false);
            assert_eq!(queue.qsize(), 0);
            queue.join().await?;
            spin(1).await?;
            assert!(getter.await.is_err_and(|error| error.is::<seedloop::sync::QueueShutDown>()));
            is_shut_down(&queue).await;
        }
        Ok(())
    });
}

#[test]
fn queue_shutdown_nonempty() {
    check(|| async {
        for queue in each_kind(1) {
            queue.put_nowait(1)?;
            let (joiner, putter) = (join(&queue), put(&queue, 2));
            spin(1).await?;
            assert!(!putter.done());
            queue.shutdown(false);
            assert_eq!(queue.qsize(), 1);
            spin(1).await?;
            assert!(putter.done());
            assert!(putter.await.is_err_and(|error| error.is::<seedloop::sync::QueueShutDown>()));
            assert_eq!(queue.get().await?, 1);
            spin(1).await?;
            assert!(!joiner.done());
            is_shut_down(&queue).await;
            queue.task_done()?;
            spin(1).await?;
            assert!(joiner.done());
            joiner.await?;
            assert!(queue.task_done().is_err());
        }
        Ok(())
    });
}

#[test]
fn queue_shutdown_immediate() {
    check(|| async {
        for queue in each_kind(0) {
            queue.put_nowait(1)?;
            let joiner = join(&queue);
            queue.shutdown(true);
            assert_eq!(queue.qsize(), 0);
            spin(1).await?;
            assert!(joiner.done());
            joiner.await?;
            is_shut_down(&queue).await;
            assert!(queue.task_done().is_err());
        }
        Ok(())
    });
}

#[test]
fn queue_shutdown_immediate_with_unfinished() -> Result<()> {
    check(|| async {
        for queue in each_kind(0) {
            queue.put_nowait(1)?;
            queue.put_nowait(1)?;
            let joiner = join(&queue);
            assert_eq!(queue.get().await?, 1);
            queue.shutdown(true);
            assert_eq!(queue.qsize(), 0);
            spin(1).await?;
            assert!(!joiner.done());
            is_shut_down(&queue).await;
            queue.task_done()?;
            assert!(queue.task_done().is_err());
            spin(1).await?;
            assert!(joiner.done());
            joiner.await?;
        }
        Ok(())
    });
    Ok(())
}
