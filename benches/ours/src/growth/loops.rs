//! Tasks, timers, callbacks, what is kept of a run.

use std::time::Duration;

use seedloop::sync::Event;
use seedloop::{
    ContextVar, JoinHandle, Simulation, create_future, out, running_loop, sleep, spawn,
    spawn_named, yield_now,
};

use super::{Case, simulate};

const HOUR: Duration = Duration::from_secs(3_600);

pub const CASES: &[Case] = &[
    ("tasks that begin and end", 4_000, begin_and_end),
    ("tasks that yield ten times", 2_000, yielding),
    ("tasks with a name", 4_000, named),
    ("tasks, each spawned by the one before", 4_000, chained),
    ("tasks, each awaits the next: a cancel travels down", 2_000, cancelled_chain),
    ("strays at the end", 4_000, strays),
    ("timers that fire", 4_000, timers),
    ("timers of one moment", 4_000, timers_of_one_moment),
    ("timers that are cancelled", 4_000, timers_cancelled),
    ("timers set and cancelled one by one", 4_000, timers_in_turn),
    ("sleeping tasks that are cancelled", 4_000, sleepers_cancelled),
    ("sleeping tasks that are aborted", 4_000, sleepers_aborted),
    ("callbacks queued at once", 4_000, callbacks),
    ("callbacks that are cancelled", 4_000, callbacks_cancelled),
    ("done-callbacks of one future", 4_000, done_callbacks),
    ("done-callbacks added and removed", 4_000, done_callbacks_removed),
    ("tasks that await one future", 4_000, awaiters),
    ("context variables of tasks", 2_000, variables),
    ("lines of the transcript", 4_000, lines),
    ("events that are recorded", 1_000, recorded),
];

fn begin_and_end(n: u64) {
    let sum = simulate(async move {
        let tasks: Vec<_> = (0..n).map(|task| spawn(async move { Ok(task) })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await?;
        }
        Ok(sum)
    });
    assert_eq!(sum, n * (n - 1) / 2);
}

fn yielding(n: u64) {
    simulate(async move {
        let turns = || async {
            for _ in 0..10 {
                yield_now().await?;
            }
            Ok(())
        };
        join_all((0..n).map(|_| spawn(turns())).collect()).await
    });
}

fn named(n: u64) {
    simulate(async move {
        let task = |number| spawn_named(format!("worker {number}"), async { Ok(()) });
        join_all((0..n).map(task).collect()).await
    });
}

fn chained(n: u64) {
    fn next(left: u64, end: Event) {
        spawn(async move {
            match left {
                0 => end.set(),
                _ => next(left - 1, end),
            }
            Ok(())
        });
    }
    simulate(async move {
        let end = Event::new();
        next(n, end.clone());
        end.wait().await?;
        Ok(())
    });
}

fn cancelled_chain(n: u64) {
    let was_cancelled = simulate(async move {
        let mut last = spawn(async { Ok(sleep(HOUR).await?) });
        for _ in 0..n {
            let before = last;
            last = spawn(before.into_future_handle());
        }
        sleep(HOUR / 2).await?;
        last.cancel();
        Ok(last.await.is_err_and(|error| error.is_cancelled()))
    });
    assert!(was_cancelled);
}

fn strays(n: u64) {
    simulate(async move {
        for _ in 0..n {
            spawn(async { Ok(sleep(HOUR).await?) });
        }
        sleep(HOUR / 2).await?;
        Ok(())
    });
}

fn timers(n: u64) {
    simulate(async move {
        let asleep = |task: u64| async move {
            let delay = task.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 30;
            Ok(sleep(Duration::from_nanos(delay)).await?)
        };
        join_all((0..n).map(|task| spawn(asleep(task))).collect()).await
    });
}

fn timers_of_one_moment(n: u64) {
    simulate(async move {
        let asleep = || async { Ok(sleep(HOUR).await?) };
        join_all((0..n).map(|_| spawn(asleep())).collect()).await
    });
}

fn timers_cancelled(n: u64) {
    simulate(async move {
        let running = running_loop()?;
        let delay = |timer: u64| Duration::from_millis(1 + timer * 7_919 % n);
        let timers: seedloop::Result<Vec<_>> =
            (0..n).map(|timer| running.call_later(delay(timer), || ())).collect();
        timers?.iter().for_each(|timer| timer.cancel());
        Ok(())
    });
}

fn timers_in_turn(n: u64) {
    simulate(async move {
        let running = running_loop()?;
        for _ in 0..n {
            running.call_later(HOUR, || ())?.cancel();
        }
        Ok(())
    });
}

fn sleepers_cancelled(n: u64) {
    let stop = |task: &JoinHandle<()>| _ = task.cancel();
    stopped(n, stop);
}

fn sleepers_aborted(n: u64) {
    stopped(n, JoinHandle::abort);
}

fn stopped(n: u64, stop: fn(&JoinHandle<()>)) {
    simulate(async move {
        let asleep = || async { Ok(sleep(HOUR).await?) };
        let tasks: Vec<_> = (0..n).map(|_| spawn(asleep())).collect();
        sleep(HOUR / 2).await?;
        tasks.iter().for_each(stop);
        for task in tasks {
            assert!(task.await.is_err());
        }
        Ok(())
    });
}

fn callbacks(n: u64) {
    simulate(async move {
        let running = running_loop()?;
        for _ in 0..n {
            running.call_soon(|| ())?;
        }
        yield_now().await?;
        Ok(())
    });
}

fn callbacks_cancelled(n: u64) {
    simulate(async move {
        let running = running_loop()?;
        let handles: seedloop::Result<Vec<_>> = (0..n).map(|_| running.call_soon(|| ())).collect();
        handles?.iter().for_each(|handle| handle.cancel());
        yield_now().await?;
        Ok(())
    });
}

fn done_callbacks(n: u64) {
    simulate(async move {
        let future = create_future::<()>()?;
        for _ in 0..n {
            future.add_done_callback(|_| ())?;
        }
        future.set_result(())?;
        yield_now().await?;
        Ok(())
    });
}

fn done_callbacks_removed(n: u64) {
    simulate(async move {
        let future = create_future::<()>()?;
        let added: seedloop::Result<Vec<_>> =
            (0..n).map(|_| future.add_done_callback(|_| ())).collect();
        for callback in added? {
            future.remove_done_callback(callback);
        }
        future.set_result(())?;
        Ok(())
    });
}

fn awaiters(n: u64) {
    simulate(async move {
        let future = create_future::<u64>()?.shared();
        let tasks = (0..n).map(|_| spawn(future.shared())).collect::<Vec<_>>();
        sleep(HOUR).await?;
        future.set_result(7)?;
        for task in tasks {
            assert_eq!(task.await?, 7);
        }
        Ok(())
    });
}

fn variables(n: u64) {
    static NUMBER: ContextVar<u64> = ContextVar::new();
    simulate(async move {
        let own = |number| async move {
            _ = NUMBER.set(number);
            yield_now().await?;
            assert_eq!(NUMBER.get(), Some(number));
            Ok(())
        };
        join_all((0..n).map(|number| spawn(own(number))).collect()).await
    });
}

fn lines(n: u64) {
    let outcome = Simulation::new().block_on(async move {
        for line in 0..n {
            out!("line {line}");
        }
        Ok(())
    });
    assert_eq!(outcome.lines.len() as u64, n);
}

fn recorded(n: u64) {
    let outcome = Simulation::new().seed(7).record().block_on(async move {
        let turns = || async {
            yield_now().await?;
            sleep(HOUR).await?;
            Ok(())
        };
        join_all((0..n).map(|_| spawn(turns())).collect()).await
    });
    assert!(outcome.records.len() as u64 > n);
}

pub async fn join_all<T: 'static>(tasks: Vec<JoinHandle<T>>) -> seedloop::Result<()> {
    for task in tasks {
        task.await?;
    }
    Ok(())
}
