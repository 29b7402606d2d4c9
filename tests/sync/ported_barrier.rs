//! Barrier: what CPython's own tests assert, in Rust.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_locks.py`; `tests/ported/tables` has the table.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use seedloop::sync::{Barrier, BarrierError};
use seedloop::{JoinHandle, Result, ReturnWhen, RuntimeError, gather, spawn, wait};

use super::check::{Log, check, spin};

/// As many tasks as most of the tests take.
const N: usize = 5;

/// Spawns `n` tasks.
fn spawn_all<F>(n: usize, task: impl Fn() -> F) -> Vec<JoinHandle<()>>
where
    F: Future<Output = Result<()>> + 'static,
{
    (0..n).map(|_| spawn(task())).collect()
}

/// Spawns `n` tasks and waits for them.
async fn run_all<F>(n: usize, task: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + 'static,
{
    gather(spawn_all(n, task)).await.map(drop)
}

#[track_caller]
fn is_filling(barrier: &Barrier, waiting: usize) {
    assert_eq!(barrier.n_waiting(), waiting);
    assert!(!barrier.broken());
    assert!(format!("{barrier:?}").contains("Filling"), "{barrier:?}");
}

#[test]
fn barrier_parties() {
    check(|| async {
        assert!(Barrier::new(0).is_err());
        assert_eq!(Barrier::new(N)?.parties(), N);
        Ok(())
    });
}

#[test]
fn barrier_context_manager() {
    check(|| async {
        let (barrier, log) = (Barrier::new(3)?, Log::new());
        let task = || {
            let (barrier, log) = (barrier.clone(), log.clone());
            async move { barrier.scope(async |i| Ok(log.push(i as u32))).await }
        };
        run_all(3, task).await?;
        log.is(&[2, 0, 1]);
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_filling_one_task() {
    check(|| async {
        let barrier = Barrier::new(1)?;
        assert_eq!(barrier.scope(async |i| Ok(i)).await?, 0);
        is_filling(&barrier, 0);
        for _ in 0..2 {
            let theirs = barrier.clone();
            let task = spawn(async move { Ok(theirs.wait().await?) });
            spin(1).await?;
            assert_eq!(task.take_result()?, 0);
            is_filling(&barrier, 0);
        }
        Ok(())
    });
}

#[test]
fn barrier_filling_task_by_task() {
    check(|| async {
        let barrier = Barrier::new(3)?;
        let mut tasks = Vec::new();
        for waiting in [1, 2, 0] {
            let theirs = barrier.clone();
            tasks.push(spawn(async move { Ok(theirs.wait().await?) }));
            spin(1).await?;
            assert_eq!(barrier.n_waiting(), waiting);
        }
        wait(tasks, ReturnWhen::AllCompleted).await?;
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_filling_tasks_wait_twice() {
    check(|| async {
        let (barrier, first, second) = (Barrier::new(N)?, Log::new(), Log::new());
        let task = || {
            let (barrier, first, second) = (barrier.clone(), first.clone(), second.clone());
            async move {
                let twice = async |_| {
                    first.push(1);
                    barrier.scope(async |i| Ok(second.push(i as u32))).await
                };
                barrier.scope(twice).await
            }
        };
        run_all(N, task).await?;
        assert_eq!(first.len(), N);
        // Both the order and what each was told.
        second.is(&[4, 0, 1, 2, 3]);
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_draining_state() {
    check(|| async {
        let (barrier, log) = (Barrier::new(N)?, Log::new());
        let task = || {
            let (barrier, log) = (barrier.clone(), log.clone());
            let is_draining = barrier.clone();
            let is_draining = move || format!("{is_draining:?}").contains("Draining");
            async move { barrier.scope(async |_| Ok(log.push(is_draining().into()))).await }
        };
        run_all(N, task).await?;
        // The last one to leave makes it ready to be filled again.
        log.is(&[1, 1, 1, 1, 0]);
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_blocking_tasks_while_draining() {
    check(|| async {
        let (barrier, rest) = (Barrier::new(N)?, Barrier::new(N - 2)?);
        let again = Rc::new(Cell::new(2));
        let task = || {
            let (barrier, rest, again) = (barrier.clone(), rest.clone(), again.clone());
            async move {
                barrier.wait().await?;
                if again.get() > 0 {
                    again.set(again.get() - 1);
                } else {
                    rest.wait().await?;
                }
                barrier.wait().await?;
                Ok(())
            }
        };
        run_all(N, task).await
    });
}

#[test]
fn barrier_filling_tasks_cancel_one() {
    check(|| async {
        let (barrier, log) = (Barrier::new(3)?, Log::new());
        let task = || {
            let (barrier, log) = (barrier.clone(), log.clone());
            spawn(async move {
                barrier.wait().await?;
                Ok(log.push(1))
            })
        };
        let t1 = task();
        spin(1).await?;
        assert_eq!(barrier.n_waiting(), 1);
        let t2 = task();
        spin(1).await?;
        assert_eq!(barrier.n_waiting(), 2);
        t1.cancel();
        spin(1).await?;
        assert_eq!(barrier.n_waiting(), 1);
        assert!(t1.cancelled());
        let t3 = task();
        spin(1).await?;
        assert_eq!(barrier.n_waiting(), 2);
        gather((t2, t3, task())).await?;
        assert_eq!(log.len(), 3);
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_reset_and_abort_with_nobody_there() {
    check(|| async {
        let barrier = Barrier::new(1)?;
        let theirs = barrier.clone();
        spawn(async move { Ok(theirs.reset().await?) });
        spin(1).await?;
        is_filling(&barrier, 0);
        let theirs = barrier.clone();
        spawn(async move { Ok(theirs.abort().await?) });
        spin(1).await?;
        assert_eq!((barrier.n_waiting(), barrier.broken()), (0, true));
        Ok(())
    });
}

#[test]
fn barrier_reset_while_tasks_waiting() {
    check(|| async {
        let (barrier, log) = (Barrier::new(N)?, Log::new());
        let tasks = spawn_all(N - 1, || {
            let (barrier, log) = (barrier.clone(), log.clone());
            async move {
                assert_eq!(barrier.wait().await, Err(BarrierError::Broken));
                Ok(log.push(1))
            }
        });
        spin(1).await?;
        let theirs = barrier.clone();
        spawn(async move { Ok(theirs.reset().await?) });
        gather(tasks).await?;
        assert_eq!(log.len(), N - 1);
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_reset_when_tasks_half_draining() {
    check(|| async {
        let (barrier, broken, left) = (Barrier::new(N)?, Log::new(), Rc::new(Cell::new(0)));
        let task = || {
            let (barrier, broken, left) = (barrier.clone(), broken.clone(), left.clone());
            async move {
                match barrier.wait().await {
                    Err(_) => broken.push(1),
                    Ok(_) => {
                        left.set(left.get() + 1);
                        if N - left.get() == N / 2 {
                            barrier.reset().await?;
                        }
                    }
                }
                Ok(())
            }
        };
        run_all(N, task).await?;
        broken.is(&[1, 1]);
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_reset_when_tasks_half_draining_half_blocking() {
    check(|| async {
        let (barrier, waiting, blocked) = (Barrier::new(N)?, Log::new(), Log::new());
        let count = Rc::new(Cell::new(0));
        let task = || {
            let (barrier, count) = (barrier.clone(), count.clone());
            let (waiting, blocked) = (waiting.clone(), blocked.clone());
            async move {
                if barrier.wait().await.is_err() {
                    waiting.push(1);
                    barrier.wait().await?;
                    return Ok(());
                }
                count.set(count.get() + 1);
                if count.get() > N / 2 {
                    barrier.reset().await?;
                    barrier.wait().await?;
                } else if barrier.wait().await.is_err() {
                    blocked.push(1);
                }
                Ok(())
            }
        };
        run_all(N, task).await?;
        waiting.is(&[1, 1]);
        // Those who were kept outside are not concerned.
        blocked.is(&[]);
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_reset_while_tasks_waiting_and_waiting_again() {
    check(|| async {
        let (barrier, broken, passed) = (Barrier::new(N)?, Log::new(), Log::new());
        let tasks = spawn_all(N - 1, || {
            let (barrier, broken, passed) = (barrier.clone(), broken.clone(), passed.clone());
            async move {
                if barrier.wait().await.is_err() {
                    broken.push(1);
                }
                barrier.wait().await?;
                Ok(passed.push(1))
            }
        });
        let theirs = barrier.clone();
        spawn(async move { Ok(theirs.reset().await?) });
        spin(1).await?;
        let (theirs, theirs_passed) = (barrier.clone(), passed.clone());
        spawn(async move { theirs.scope(async |_| Ok(theirs_passed.push(1))).await });
        gather(tasks).await?;
        assert_eq!((broken.len(), passed.len()), (N - 1, N));
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_reset_while_tasks_draining() {
    check(|| async {
        let (barrier, second, third) = (Barrier::new(N)?, Log::new(), Log::new());
        let count = Rc::new(Cell::new(0));
        let task = || {
            let (barrier, count) = (barrier.clone(), count.clone());
            let (second, third) = (second.clone(), third.clone());
            async move {
                barrier.wait().await?;
                count.set(count.get() + 1);
                if count.get() == N {
                    barrier.reset().await?;
                    barrier.wait().await?;
                } else {
                    barrier.wait().await?;
                    second.push(1);
                }
                barrier.wait().await?;
                Ok(third.push(1))
            }
        };
        run_all(N, task).await?;
        assert_eq!((second.len(), third.len()), (N - 1, N));
        is_filling(&barrier, 0);
        Ok(())
    });
}

#[test]
fn barrier_abort_when_tasks_half_draining_half_blocking() {
    check(|| async {
        let (barrier, waiting, blocked) = (Barrier::new(N)?, Log::new(), Log::new());
        let count = Rc::new(Cell::new(0));
        let task = || {
            let (barrier, count) = (barrier.clone(), count.clone());
            let (waiting, blocked) = (waiting.clone(), blocked.clone());
            async move {
                if barrier.wait().await.is_err() {
                    return Ok(waiting.push(1));
                }
                count.set(count.get() + 1);
                if count.get() > N / 2 {
                    barrier.abort().await?;
                } else if barrier.wait().await.is_err() {
                    blocked.push(1);
                }
                Ok(())
            }
        };
        run_all(N, task).await?;
        assert!(barrier.broken());
        waiting.is(&[1, 1]);
        blocked.is(&[1, 1]);
        assert_eq!(barrier.n_waiting(), 0);
        Ok(())
    });
}

#[test]
fn barrier_abort_when_exception() {
    check(|| async {
        let (barrier, passed, broken) = (Barrier::new(N)?, Log::new(), Log::new());
        let task = || {
            let (barrier, passed, broken) = (barrier.clone(), passed.clone(), broken.clone());
            async move {
                let fails = async |i| match i == N / 2 {
                    true => Err(RuntimeError::new("x").into()),
                    false => Ok(()),
                };
                let mut result = barrier.scope(fails).await;
                if result.is_ok() {
                    result = barrier.scope(async |_| Ok(passed.push(1))).await;
                }
                match result {
                    Err(error) if error.is::<RuntimeError>() => barrier.abort().await?,
                    Err(error) if error.is::<seedloop::sync::BrokenBarrierError>() => {
                        broken.push(1)
                    }
                    other => other?,
                }
                Ok(())
            }
        };
        run_all(N, task).await?;
        assert!(barrier.broken());
        assert_eq!((passed.len(), broken.len()), (0, N - 1));
        assert_eq!(barrier.n_waiting(), 0);
        Ok(())
    });
}

#[test]
fn barrier_abort_when_exception_then_resetting() {
    check(|| async {
        let (one, two) = (Barrier::new(N)?, Barrier::new(N)?);
        let (broken, passed) = (Log::new(), Log::new());
        let task = || {
            let (one, two) = (one.clone(), two.clone());
            let (broken, passed) = (broken.clone(), passed.clone());
            async move {
                match one.wait().await {
                    Ok(i) if i == N / 2 => one.abort().await?,
                    _ => {
                        assert_eq!(one.wait().await, Err(BarrierError::Broken));
                        broken.push(1);
                    }
                }
                if two.wait().await? == N / 2 {
                    one.reset().await?;
                }
                two.wait().await?;
                one.wait().await?;
                Ok(passed.push(1))
            }
        };
        run_all(N, task).await?;
        assert_eq!((broken.len(), passed.len()), (N - 1, N));
        is_filling(&one, 0);
        Ok(())
    });
}
