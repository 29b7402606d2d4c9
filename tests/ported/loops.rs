//! The loop in operation: what CPython's tests of all loops assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_events.py`, but for sockets, pipes and processes.

use std::sync::{Arc, Mutex};

use seedloop::{
    EventLoop, Instant, ReportKind, Simulation, blocking, run_in_executor, running_loop, sleep,
    yield_now,
};

use super::check::{Log, by_hand, is_cancelled, is_refused};
use crate::surprises::helpers::ms;

#[test]
fn a_run_inside_a_run_of_the_same_loop() {
    by_hand(|event_loop| {
        let same = event_loop.clone();
        event_loop.run_until_complete(async move {
            assert!(same.is_running());
            let inner = async { panic!("it does not run") };
            is_refused(
                same.run_until_complete::<(), _>(inner),
                "This event loop is already running",
            );
            is_refused(same.run_forever(), "This event loop is already running");
            assert!(same.is_running());
            Ok(())
        })?;
        assert!(!event_loop.is_running());
        Ok(())
    });
}

#[test]
fn a_run_lasts_as_long_as_its_future() {
    by_hand(|event_loop| {
        event_loop.run_until_complete(async { Ok(sleep(ms(100)).await?) })?;
        assert_eq!(event_loop.time(), Instant::START + ms(100));
        Ok(())
    });
}

#[test]
fn a_run_that_is_stopped_has_no_result() {
    by_hand(|event_loop| {
        let stop = event_loop.clone();
        let stopped = event_loop.run_until_complete(async move {
            stop.stop();
            Ok(sleep(ms(100)).await?)
        });
        is_refused(stopped, "Event loop stopped before Future completed.");
        assert_eq!(event_loop.time(), Instant::START);
        Ok(())
    });
}

/// What callbacks of jobs note, which may be on any thread.
type Notes = Arc<Mutex<Vec<&'static str>>>;

/// A callback that notes a word, and stops the loop at the second.
fn noting(event_loop: &EventLoop, notes: &Notes, what: &'static str) -> impl FnOnce() + use<> {
    let (event_loop, notes) = (event_loop.clone(), Arc::clone(notes));
    move || {
        let mut notes = notes.lock().expect("no panic");
        notes.push(what);
        if notes.len() == 2 {
            event_loop.stop();
        }
    }
}

/// A job's call comes before the loop's own that is made after it.
#[test]
fn a_job_hands_calls_to_the_loop() {
    by_hand(|event_loop| {
        let notes = Notes::default();
        let (theirs, to) = (event_loop.clone(), Arc::clone(&notes));
        let job = event_loop.run_in_executor(None, move || {
            theirs.call_soon_threadsafe(noting(&theirs, &to, "hello")).map(drop)
        })?;
        event_loop.call_soon(noting(event_loop, &notes, "world"))?;
        event_loop.run_forever()?;
        assert_eq!(*notes.lock().expect("no panic"), ["hello", "world"]);
        event_loop.run_until_complete(job)
    });
}

#[test]
fn calls_of_both_kinds_share_one_queue() {
    by_hand(|event_loop| {
        let notes = Notes::default();
        event_loop.call_soon_threadsafe(noting(event_loop, &notes, "hello"))?;
        event_loop.call_soon(noting(event_loop, &notes, "world"))?;
        event_loop.run_forever()?;
        assert_eq!(*notes.lock().expect("no panic"), ["hello", "world"]);
        Ok(())
    });
}

#[test]
fn a_job_of_a_loop_that_does_not_run_yet() {
    by_hand(|event_loop| {
        let job = event_loop.run_in_executor(None, || Ok("yo"))?;
        assert_eq!(event_loop.run_until_complete(job)?, "yo");
        Ok(())
    });
}

/// A job that runs is not cancelled with its future, and nobody is told of its end.
#[test]
fn a_cancelled_job_calls_nobody() {
    let reports = by_hand(|event_loop| {
        let job = event_loop.run_in_executor(None, || Ok(blocking::sleep(ms(50))))?;
        let seen = Log::new();
        let ended = seen.clone();
        job.add_done_callback(move |job| ended.push(u32::from(job.cancelled())))?;
        assert!(job.cancel());
        event_loop.run_until_complete(event_loop.shutdown_default_executor(None))?;
        assert_eq!(event_loop.time(), Instant::START + ms(50));
        seen.is(&[1]);
        event_loop.close()?;
        is_cancelled(job.take_result());
        Ok(())
    });
    assert!(reports.is_empty(), "{reports:?}");
}

#[test]
fn a_running_loop_is_not_closed() {
    by_hand(|event_loop| {
        let theirs = event_loop.clone();
        let closed = event_loop.run_until_complete(async move { theirs.close() });
        is_refused(closed, "cannot close a running event loop");
        assert!(!event_loop.is_closed());
        event_loop.run_until_complete(async { Ok(yield_now().await?) })
    });
}

#[test]
fn a_closed_loop_refuses_all() {
    by_hand(|_| {
        let event_loop = EventLoop::new();
        let future = event_loop.create_future::<()>()?;
        event_loop.close()?;
        let closed = "Event loop is closed";
        is_refused(event_loop.run_forever(), closed);
        is_refused(event_loop.run_until_complete(future), closed);
        is_refused(event_loop.call_soon(|| ()), closed);
        is_refused(event_loop.call_soon_threadsafe(|| ()), closed);
        is_refused(event_loop.call_later(ms(1000), || ()), closed);
        is_refused(event_loop.call_at(event_loop.time(), || ()), closed);
        is_refused(event_loop.create_task(async { Ok(()) }), closed);
        is_refused(event_loop.run_in_executor(None, || Ok(())), closed);
        Ok(())
    });
}

/// A callback that was cancelled.
fn never() {
    panic!("it was cancelled");
}

#[test]
fn a_handle_knows_that_it_was_cancelled() {
    by_hand(|event_loop| {
        let handle = event_loop.call_soon(never)?;
        assert!(!handle.is_cancelled());
        for _ in 0..2 {
            handle.cancel();
            assert!(handle.is_cancelled());
        }
        event_loop.run_until_complete(async { Ok(()) })?;
        // A call that was made is not cancelled by a late cancel.
        let made = event_loop.call_soon(|| ())?;
        event_loop.run_until_complete(async { Ok(()) })?;
        made.cancel();
        assert!(handle.is_cancelled());
        Ok(())
    });
}

#[test]
fn a_timer_knows_its_time() {
    by_hand(|event_loop| {
        let timer = event_loop.call_at(Instant::START + ms(10), never)?;
        assert_eq!(timer.when(), Instant::START + ms(10));
        assert!(!timer.is_cancelled());
        timer.cancel();
        assert!(timer.is_cancelled());
        assert_eq!(timer.when(), Instant::START + ms(10));
        event_loop.run_until_complete(async { Ok(sleep(ms(20)).await?) })
    });
}

/// `get_event_loop` gives the running loop, then the current one; here it makes one as well.
#[test]
#[expect(deprecated, reason = "is what the test is about")]
fn the_current_loop() {
    let outcome = Simulation::new().run(|| {
        is_refused(running_loop(), "no running event loop");
        let (first, second) = (EventLoop::new(), EventLoop::new());
        second.set_current();
        assert_eq!(seedloop::event_loop(), second);
        let running = first.clone();
        first.run_until_complete(async move {
            assert_eq!(seedloop::event_loop(), running);
            assert_eq!(running_loop()?, running);
            Ok(())
        })?;
        assert_eq!(seedloop::event_loop(), second);
        is_refused(running_loop(), "no running event loop");
        first.close()?;
        second.close()
    });
    outcome.result.and_then(|result| result).expect("the program to succeed");
    assert!(outcome.reports.is_empty());
    let outcome = Simulation::new().run(|| {
        let made = seedloop::event_loop();
        assert_eq!(seedloop::event_loop(), made);
        made.close()
    });
    outcome.result.and_then(|result| result).expect("the program to succeed");
    let told: Vec<_> = outcome.reports.iter().map(|r| (r.kind, r.message.as_str())).collect();
    let text = "DeprecationWarning: There is no current event loop";
    assert_eq!(told, [(ReportKind::Deprecated, text)]);
}

/// A job has no loop of its own to be found.
#[test]
fn no_loop_runs_in_a_job() {
    by_hand(|event_loop| {
        event_loop.run_until_complete(async {
            let seen = run_in_executor(None, || Ok(running_loop().is_err())).await?;
            assert!(seen);
            running_loop().map(drop)
        })
    });
}
