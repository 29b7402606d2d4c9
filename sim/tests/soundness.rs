//! What the library's `unsafe` is for, in small: results in place, tasks and their wakers, handles
//! on shared objects, and their use where they have no business. Miri runs it, too, which sees each
//! access to memory that is not allowed; the tests themselves see what comes of it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use seedloop::sync::{Event, Lock, Queue, Semaphore, mpsc, oneshot};
use seedloop::{Result, Simulation, sleep, spawn, yield_now};

/// The same in a few orders.
fn in_some_orders<T: 'static>(run: impl Fn() -> T) -> Vec<T> {
    (0..4).map(|_| run()).collect()
}

fn simulate<F, T>(seed: u64, program: F) -> T
where
    F: Future<Output = Result<T>> + 'static,
    T: 'static,
{
    Simulation::new().seed(seed).block_on(program).result.expect("it ends well")
}

/// What comes of it on a thread of its own, which has ended then.
#[expect(clippy::disallowed_methods, reason = "what has no business there is tested")]
fn on_another_thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(run).join().expect("the thread ends well")
}

/// Small, large, with cells in them, copied to several, and never asked for.
#[test]
fn results_are_what_was_returned() {
    for seed in 0..4 {
        let dropped = Rc::new(Cell::new(0));
        let count = Rc::clone(&dropped);
        simulate(seed, async move {
            struct Counted(Rc<Cell<u32>>, #[expect(dead_code, reason = "its size")] [u64; 4]);
            impl Drop for Counted {
                fn drop(&mut self) {
                    self.0.set(self.0.get() + 1);
                }
            }
            let small = spawn(async { Ok(7_u8) });
            let cell = spawn(async { Ok(Cell::new(Some(3_u32))) });
            let large = spawn(async { Ok([1_u128; 5]) });
            let text = spawn(async { Ok(RefCell::new(String::from("text"))) });
            let copied = spawn(async { Ok(Rc::new(Cell::new(5))) }).shared();
            let again = copied.clone();
            let counter = Rc::clone(&count);
            let lost = spawn(async move { Ok(Counted(counter, [0; 4])) });
            sleep(Duration::from_millis(1)).await?;
            drop(lost);
            assert_eq!(count.get(), 1);
            assert_eq!((small.await?, cell.await?.take()), (7, Some(3)));
            assert_eq!((large.await?[4], text.await?.into_inner()), (1, "text".to_owned()));
            let first = copied.await?;
            first.set(6);
            assert_eq!(again.await?.get(), 6);
            let counter = Rc::clone(&count);
            drop(spawn(async move { Ok(Counted(counter, [0; 4])) }).await?);
            Ok(())
        });
        assert_eq!(dropped.get(), 2);
    }
}

/// Wakers that outlive their task, on this thread and on another.
#[test]
fn wakers_may_outlive_their_task_and_its_thread() {
    let (send, wakers) = channel::<Waker>();
    on_another_thread(move || {
        simulate(1, async move {
            let mut handed = false;
            let waits = spawn(poll_fn(move |cx| {
                if std::mem::replace(&mut handed, true) {
                    return Poll::Ready(Ok(()));
                }
                send.send(cx.waker().clone()).expect("somebody listens");
                let own = cx.waker().clone();
                own.wake_by_ref();
                drop(own.clone());
                own.wake();
                Poll::Pending
            }));
            waits.await
        });
    });
    let waker = wakers.recv().expect("a waker was handed over");
    // Its task is gone, and so is its thread.
    let clone = waker.clone();
    waker.wake_by_ref();
    drop(clone);
    waker.wake();
}

/// A wake from another thread while the task lives is an error of the run that says so.
#[test]
fn a_wake_from_another_thread_is_told() {
    let outcome = Simulation::new().seed(2).block_on(async {
        let waits = spawn(poll_fn(|cx| {
            let waker = cx.waker().clone();
            on_another_thread(move || waker.wake());
            Poll::<Result<()>>::Pending
        }));
        waits.await
    });
    let error = outcome.result.expect_err("nothing in the simulation wakes it");
    assert!(error.to_string().contains("thread"), "{error}");
}

/// Handles that are used, cloned and dropped on another thread, and after their own has ended.
#[test]
fn handles_have_no_business_on_another_thread() {
    let handles = simulate(3, async { Ok((Lock::new(), Queue::<Box<u32>>::unbounded())) });
    let of_ended = on_another_thread(|| {
        simulate(4, async {
            let queue = Queue::unbounded();
            queue.put(Box::new(4_u32)).await?;
            Ok((Lock::new(), queue))
        })
    });
    for (lock, queue) in [&handles, &of_ended].map(|(lock, queue)| (lock.clone(), queue.clone())) {
        on_another_thread(move || {
            let (lock, queue) = (lock.clone(), queue.clone());
            assert!(catch_unwind(AssertUnwindSafe(|| lock.locked())).is_err());
            assert!(catch_unwind(AssertUnwindSafe(|| queue.qsize())).is_err());
        });
    }
    assert!(catch_unwind(AssertUnwindSafe(|| of_ended.1.qsize())).is_err());
    assert_eq!(handles.1.qsize(), 0);
}

/// What lies in a thread-local and goes after the library's own.
#[test]
fn handles_may_go_when_their_thread_ends() {
    thread_local! {
        static LATE: RefCell<Vec<Queue<Rc<Cell<u32>>>>> = const { RefCell::new(Vec::new()) };
    }
    on_another_thread(|| {
        LATE.with(|late| late.borrow_mut().reserve(2));
        let queue = simulate(5, async {
            let queue = Queue::unbounded();
            queue.put(Rc::new(Cell::new(1))).await?;
            Ok(queue)
        });
        LATE.with(|late| late.borrow_mut().extend([queue.clone(), queue]));
    });
}

/// Everything that reaches a shared object by its handle, and tasks that end in any way.
#[test]
fn tasks_share_what_they_wait_for() {
    let totals = in_some_orders(|| {
        simulate(6, async {
            let permits = Rc::new(Semaphore::new(2));
            let lock = Lock::new();
            let queue = Queue::new(1);
            let go = Event::new();
            let tasks: Vec<_> = (0..4_u64)
                .map(|number| {
                    let (permits, lock) = (Rc::clone(&permits), lock.clone());
                    let (queue, go) = (queue.clone(), go.clone());
                    spawn(async move {
                        go.wait().await?;
                        let permit = permits.permit().await?;
                        let guard = lock.lock().await?;
                        yield_now().await?;
                        drop(guard);
                        sleep(Duration::from_millis(number)).await?;
                        drop(permit);
                        queue.put(Box::new(number)).await?;
                        Ok(())
                    })
                })
                .collect();
            let cancelled = spawn(async { Ok(sleep(Duration::from_secs(9)).await?) });
            let aborted = spawn(async { Ok(sleep(Duration::from_secs(9)).await?) });
            yield_now().await?;
            go.set();
            cancelled.cancel();
            aborted.abort();
            assert!(cancelled.await.is_err() && aborted.await.is_err());
            let mut total = 0;
            for _ in 0..4 {
                total += *queue.get().await?;
            }
            for task in tasks {
                task.await?;
            }
            Ok(total)
        })
    });
    assert_eq!(totals, [6; 4]);
}

/// Rust's own kinds of channels, whose ends go in any order.
#[test]
fn channels_may_lose_either_end() {
    for seed in 0..4 {
        let sum = simulate(seed, async {
            let (sender, mut receiver) = mpsc::channel::<Box<u32>>(1);
            let (told, tells) = oneshot::channel::<Rc<u32>>();
            let sends = spawn(async move {
                for number in 0..3 {
                    if sender.send(Box::new(number)).await.is_err() {
                        break;
                    }
                }
                drop(told);
                Ok(())
            });
            let first = receiver.recv().await;
            drop(receiver);
            assert!(tells.await.is_err());
            sends.await?;
            Ok(first.map(|first| *first))
        });
        assert_eq!(sum, Some(0));
    }
}

/// A destructor that panics, in a body, in a result and in what a queue holds.
#[test]
fn what_panics_when_it_is_dropped_is_dropped_once() {
    struct Panics(#[expect(dead_code, reason = "it is counted")] Arc<()>);
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let alive = Arc::new(());
    for place in 0..3 {
        let one = Panics(Arc::clone(&alive));
        let outcome = Simulation::new().seed(7).block_on(async move {
            match place {
                0 => {
                    let held = spawn(async move {
                        sleep(Duration::from_secs(1)).await?;
                        drop(one);
                        Ok(())
                    });
                    yield_now().await?;
                    held.abort();
                    let _ = held.await;
                }
                1 => {
                    let lost = spawn(async move { Ok(one) });
                    yield_now().await?;
                    drop(lost);
                    sleep(Duration::from_secs(1)).await?;
                }
                _ => {
                    let queue = Queue::unbounded();
                    queue.put(one).await?;
                    drop(queue);
                }
            }
            Ok(())
        });
        assert!(outcome.result.is_err());
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
