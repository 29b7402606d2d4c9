//! The loop itself: what CPython's tests assert of calls, timers, reports and the loop's ends.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_base_events.py`, but for sockets.

use std::cell::Cell;
use std::rc::Rc;

use seedloop::error::{Exit, Interrupt, ValueError};
use seedloop::{
    AsyncGen, Error, EventLoop, Instant, ReportKind, Result, Simulation, ThreadPool, attempt,
    blocking, sleep, to_thread, yield_now,
};

use super::check::{
    Flag, Log, OtherError, ZeroDivision, by_hand, divide, is_refused, now, run_briefly,
};
use crate::surprises::helpers::ms;

fn at(milliseconds: u64) -> Instant {
    Instant::START + ms(milliseconds)
}

/// Runs what is ready, and what is ready because of that: `call_soon(stop)` and `run_forever`.
fn run_once(event_loop: &EventLoop) -> Result<()> {
    let stop = event_loop.clone();
    event_loop.call_soon(move || stop.stop())?;
    event_loop.run_forever()
}

/// A callback that notes a number.
fn noting(log: &Log, what: u32) -> impl FnOnce() + use<> {
    let log = log.clone();
    move || log.push(what)
}

#[test]
fn close() {
    by_hand(|_| {
        let event_loop = EventLoop::new();
        assert!(!event_loop.is_closed());
        event_loop.close()?;
        assert!(event_loop.is_closed());
        event_loop.close()?;
        event_loop.close()?;
        let f = event_loop.create_future::<()>()?;
        is_refused(event_loop.run_forever(), "closed");
        is_refused(event_loop.run_until_complete(f), "closed");
        Ok(())
    });
}

#[test]
fn a_cancelled_call_is_not_made() {
    by_hand(|event_loop| {
        let log = Log::new();
        event_loop.call_soon(noting(&log, 1))?;
        let handle = event_loop.call_soon(noting(&log, 2))?;
        handle.cancel();
        assert!(handle.is_cancelled());
        event_loop.call_soon(noting(&log, 3))?;
        run_once(event_loop)?;
        log.is(&[1, 3]);
        Ok(())
    });
}

#[test]
fn the_default_executor_is_used() {
    by_hand(|event_loop| {
        let pool = ThreadPool::with_workers(1)?;
        event_loop.set_default_executor(&pool)?;
        event_loop.run_until_complete(async {
            let jobs = [(); 2].map(|()| {
                to_thread(|| {
                    blocking::sleep(ms(10));
                    Ok(())
                })
            });
            seedloop::gather(jobs).await?;
            assert_eq!(now(), ms(20), "there is one worker");
            Ok(())
        })
    });
}

#[test]
fn the_shutdown_of_the_default_executor_gives_up() {
    let reports = by_hand(|event_loop| {
        event_loop.set_default_executor(&ThreadPool::with_workers(1)?)?;
        let job = event_loop.run_in_executor(None, || {
            blocking::sleep(ms(100));
            Ok(())
        })?;
        event_loop.run_until_complete(event_loop.shutdown_default_executor(ms(10)))?;
        assert_eq!(event_loop.time().since_start(), ms(10));
        drop(job);
        Ok(())
    });
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(report.kind, ReportKind::ExecutorTimeout);
    assert!(report.message.starts_with("The executor did not finishing joining"), "{report}");
}

#[test]
fn call_soon() {
    by_hand(|event_loop| {
        let log = Log::new();
        let handle = event_loop.call_soon(noting(&log, 1))?;
        assert!(!handle.is_cancelled());
        log.is(&[]);
        run_once(event_loop)?;
        log.is(&[1]);
        Ok(())
    });
}

#[test]
fn call_later() {
    by_hand(|event_loop| {
        let log = Log::new();
        let timer = event_loop.call_later(ms(10_000), noting(&log, 1))?;
        assert_eq!(timer.when(), at(10_000));
        run_once(event_loop)?;
        log.is(&[]);
        assert_eq!(event_loop.time(), at(0));
        Ok(())
    });
}

/// Deadlines that are past are called in their order, not in that in which they were set.
#[test]
fn deadlines_in_the_past() {
    by_hand(|event_loop| {
        let log = Log::new();
        event_loop.run_until_complete(async { Ok(sleep(ms(10)).await?) })?;
        event_loop.call_at(at(9), noting(&log, 1))?;
        event_loop.call_at(at(8), noting(&log, 2))?;
        run_briefly(event_loop);
        log.is(&[2, 1]);
        assert_eq!(event_loop.time(), at(10));
        Ok(())
    });
}

#[test]
fn time_and_call_at() {
    by_hand(|event_loop| {
        let stop = event_loop.clone();
        event_loop.call_at(event_loop.time() + ms(100), move || stop.stop())?;
        event_loop.run_forever()?;
        assert_eq!(event_loop.time(), at(100));
        Ok(())
    });
}

/// A cancelled timer does not hold the clock.
#[test]
fn a_cancelled_timer_is_passed_over() {
    by_hand(|event_loop| {
        let log = Log::new();
        event_loop.call_later(ms(5000), noting(&log, 1))?.cancel();
        let (seen, stop) = (Log::new(), event_loop.clone());
        let times = seen.clone();
        event_loop.call_later(ms(10_000), move || {
            times.push(now());
            stop.stop();
        })?;
        event_loop.run_forever()?;
        log.is(&[]);
        seen.is(&[ms(10_000)]);
        Ok(())
    });
}

/// What a timer's callback queues runs in the next iteration.
#[test]
fn a_call_from_a_timer_comes_later() {
    by_hand(|event_loop| {
        let log = Log::new();
        let (theirs, inner) = (event_loop.clone(), log.clone());
        event_loop.call_at(at(0), move || {
            inner.push(1);
            theirs.stop();
            theirs.call_soon(noting(&inner, 2)).map(drop)
        })?;
        event_loop.run_forever()?;
        log.is(&[1]);
        run_once(event_loop)?;
        log.is(&[1, 2]);
        Ok(())
    });
}

/// Any number of cancelled timers, at the head of the line and behind, changes nothing.
#[test]
fn many_cancelled_timers() {
    by_hand(|event_loop| {
        let log = Log::new();
        event_loop.call_later(ms(3_000_000), noting(&log, 1))?;
        for _ in 0..60 {
            event_loop.call_later(ms(3_600_000), noting(&log, 2))?.cancel();
            event_loop.call_later(ms(100_000), noting(&log, 3))?.cancel();
        }
        for _ in 0..49 {
            event_loop.call_later(ms(3_600_000), noting(&log, 4))?;
        }
        run_once(event_loop)?;
        let stop = event_loop.clone();
        event_loop.call_later(ms(3_600_000), move || stop.stop())?;
        event_loop.run_forever()?;
        let mut expected = vec![1];
        expected.extend([4; 49]);
        log.is(&expected);
        assert_eq!(event_loop.time(), at(3_600_000));
        Ok(())
    });
}

/// A future is waited for by its own loop only.
#[test]
fn run_until_complete_of_another_loop() {
    by_hand(|event_loop| {
        let f = event_loop.create_future::<()>()?;
        let other = EventLoop::new();
        let refused = other.run_until_complete(f);
        assert!(refused.as_ref().is_err_and(|e| e.is::<ValueError>()), "{refused:?}");
        other.close()
    });
}

/// What broke the loop leaves it fit for another run.
#[test]
fn a_run_after_one_that_was_broken() {
    by_hand(|event_loop| {
        let pause = |milliseconds| async move { Ok(sleep(ms(milliseconds)).await?) };
        event_loop.call_soon(|| Err(Error::exit(1)))?;
        let broken = event_loop.run_until_complete(pause(100));
        assert!(broken.is_err_and(|error| error.is::<Exit>()));
        event_loop.run_until_complete(pause(200))?;
        assert_eq!(event_loop.time(), at(200), "the first sleep did not stop it");
        Ok(())
    });
}

#[test]
fn an_error_in_a_callback_is_reported() {
    let reports = by_hand(|event_loop| {
        for delay in [None, Some(ms(10))] {
            let f = event_loop.create_future()?;
            let stop = event_loop.clone();
            f.add_done_callback(move |_| stop.stop())?;
            let fail = move || {
                f.set_result(true)?;
                divide()
            };
            match delay {
                None => drop(event_loop.call_soon(fail)?),
                Some(delay) => drop(event_loop.call_later(delay, fail)?),
            }
            event_loop.run_forever()?;
        }
        Ok(())
    });
    let told: Vec<_> = reports.iter().map(|report| (report.kind, report.time)).collect();
    assert_eq!(told, [(ReportKind::Callback, at(0)), (ReportKind::Callback, at(10))]);
    for report in reports {
        assert!(report.message.starts_with("Exception in callback"), "{report}");
        assert!(report.error.is_some_and(|error| error.is::<ZeroDivision>()));
    }
}

#[test]
fn an_error_of_a_forgotten_task_is_reported() {
    let reports = by_hand(|event_loop| {
        let task = event_loop.create_task(async {
            sleep(ms(10)).await?;
            divide()
        })?;
        let stop = event_loop.clone();
        task.add_done_callback(move |_| stop.stop())?;
        event_loop.run_forever()?;
        drop(task);
        Ok(())
    });
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert!(report.message.ends_with("exception was never retrieved"), "{report}");
    assert!(report.error.as_ref().is_some_and(|error| error.is::<ZeroDivision>()));
}

/// Reports go to the handler that was set, and to the default again once it was taken away.
#[test]
fn an_exception_handler() {
    let reports = by_hand(|event_loop| {
        let log = Log::new();
        let seen = log.clone();
        event_loop.set_exception_handler(move |report| {
            let is_ours = report.error.as_ref().is_some_and(|error| error.is::<ZeroDivision>());
            seen.push((report.kind, is_ours));
        });
        event_loop.call_soon(divide)?;
        run_once(event_loop)?;
        log.is(&[(ReportKind::Callback, true)]);
        event_loop.clear_exception_handler();
        event_loop.call_soon(divide)?;
        run_once(event_loop)?;
        log.is(&[(ReportKind::Callback, true)]);
        Ok(())
    });
    assert_eq!(reports.len(), 1);
}

#[test]
fn an_exception_handler_that_fails() {
    let reports = by_hand(|event_loop| {
        event_loop.set_exception_handler(|_| Err(Error::new(OtherError)));
        event_loop.call_soon(divide)?;
        run_once(event_loop)
    });
    let handler = reports.iter().find(|report| report.kind == ReportKind::Handler);
    let report = handler.expect("a report on the handler");
    assert_eq!(report.message.to_lowercase(), "unhandled error in exception handler");
    assert!(report.error.as_ref().is_some_and(|error| error.is::<OtherError>()));
}

/// Says when it is dropped.
struct Dropped(Flag);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// A closed loop drops what it refuses.
#[test]
fn no_task_on_a_closed_loop() {
    by_hand(|_| {
        let event_loop = EventLoop::new();
        event_loop.close()?;
        let dropped = Flag::new();
        let guard = Dropped(dropped.clone());
        let refused = event_loop.create_task(async move {
            drop(guard);
            Ok(())
        });
        is_refused(refused, "closed");
        assert!(dropped.is_set());
        Ok(())
    });
}

/// An interrupt that a task raises goes out of the loop, and is told nowhere else.
#[test]
fn an_interrupt_in_a_task() {
    let reports = by_hand(|event_loop| {
        let ended = event_loop.run_until_complete(async { Err::<(), _>(Error::new(Interrupt)) });
        assert!(ended.is_err_and(|error| error.is::<Interrupt>()));
        Ok(())
    });
    assert!(reports.is_empty(), "{reports:?}");
}

/// A run that was broken leaves no call behind that would stop the next one.
#[test]
fn a_broken_run_leaves_no_stop() {
    by_hand(|event_loop| {
        let ended = event_loop.run_until_complete(async { Err::<(), _>(Error::new(Interrupt)) });
        assert!(ended.is_err_and(|error| error.is::<Interrupt>()));
        let (called, theirs) = (Flag::new(), event_loop.clone());
        let last = called.clone();
        event_loop.call_soon(move || {
            let stop = theirs.clone();
            let second = move || {
                stop.stop();
                last.set();
            };
            theirs.call_soon(second).map(drop)
        })?;
        event_loop.run_forever()?;
        assert!(called.is_set());
        Ok(())
    });
}

/// A loop that was stopped before it runs makes one iteration, and waits for nothing.
#[test]
fn a_run_that_is_stopped_before() {
    by_hand(|event_loop| {
        let log = Log::new();
        event_loop.call_soon(noting(&log, 1))?;
        event_loop.call_later(ms(10), noting(&log, 2))?;
        event_loop.stop();
        event_loop.run_forever()?;
        log.is(&[1]);
        assert_eq!(event_loop.time(), at(0));
        Ok(())
    });
}

/// A generator that was left half-way is closed once its last handle is gone.
#[test]
fn a_generator_that_is_left() {
    by_hand(|event_loop| {
        let [started, stopped, finalized] = [Flag::new(), Flag::new(), Flag::new()];
        let (begun, over, at_three) = (started.clone(), finalized.clone(), stopped.clone());
        let generator = AsyncGen::new(async move |co| {
            begun.set();
            let body = attempt(async {
                for item in 0..5 {
                    co.yield_(item).await?;
                }
                Ok(())
            })
            .await;
            over.set();
            body
        });
        let slot = Rc::new(Cell::new(None));
        let kept = Rc::clone(&slot);
        event_loop.run_until_complete(async move {
            let mut generator = generator;
            while let Some(item) = generator.next().await? {
                if item == 3 {
                    at_three.set();
                    break;
                }
            }
            kept.set(Some(generator));
            Ok(())
        })?;
        run_briefly(event_loop);
        assert!(started.is_set() && stopped.is_set());
        assert!(!finalized.is_set());
        event_loop.call_soon(move || drop(slot.take()))?;
        run_briefly(event_loop);
        run_briefly(event_loop);
        assert!(finalized.is_set());
        Ok(())
    });
}

/// A step that holds the loop up for long is told of.
#[test]
fn slow_callbacks() {
    let reports = by_hand(|event_loop| {
        event_loop.set_slow_callback_duration(ms(1))?;
        event_loop.call_soon(|| blocking::sleep(ms(5)))?;
        run_once(event_loop)?;
        event_loop.run_until_complete(async {
            blocking::sleep(ms(7));
            Ok(())
        })
    });
    let told: Vec<_> = reports.iter().map(|report| (report.kind, report.time)).collect();
    let slow = ReportKind::SlowCallback;
    assert_eq!(told, [(slow, at(5)), (slow, at(12))], "{reports:?}");
}

/// A loop does not run inside another one.
#[test]
fn a_loop_inside_a_loop() {
    by_hand(|event_loop| {
        event_loop.run_until_complete(async {
            let inner = EventLoop::new();
            let refused = inner.run_until_complete(async { Ok(yield_now().await?) });
            is_refused(refused, "while another loop is running");
            inner.close()
        })
    });
}

/// An exit in a callback leaves what is ready for the next run.
#[test]
fn what_an_exit_leaves_is_run_later() {
    let outcome = Simulation::new().run(|| {
        let event_loop = EventLoop::new();
        let log = Log::new();
        event_loop.call_soon(noting(&log, 1))?;
        event_loop.call_soon(|| Err(Error::exit(3)))?;
        event_loop.call_soon(noting(&log, 2))?;
        let broken = event_loop.run_forever();
        assert!(broken.is_err_and(|error| error.is::<Exit>()));
        log.is(&[1]);
        run_once(&event_loop)?;
        log.is(&[1, 2]);
        event_loop.close()
    });
    outcome.result.and_then(|result| result).expect("the program to succeed");
}
