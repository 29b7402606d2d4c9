//! S01 to S07: the loop, its timers and its callbacks.

use std::cell::RefCell;
use std::rc::Rc;

use seedloop::{
    EventLoop, Instant, attempt, create_future, gather, out, running_loop, sleep, spawn, wait_for,
    yield_now,
};

use super::helpers::{Wake, check, check_sync, ms, nap, spin};

/// Timers of one deadline fire in the order in which they were set (CPython: heap order).
#[test]
fn s01_equal_deadlines_fire_in_set_order() {
    check(&["0", "1", "2", "3", "4", "5"], async {
        let event_loop = running_loop()?;
        let when = event_loop.time() + ms(10);
        for i in 0..6 {
            event_loop.call_at(when, move || out!("{i}"))?;
        }
        Ok(sleep(ms(20)).await?)
    });
}

/// A later timer has no influence on them (CPython: it has).
#[test]
fn s02_a_later_timer_does_not_disturb_ties() {
    check(&["0", "1", "2", "3", "4", "5"], async {
        let event_loop = running_loop()?;
        let when = event_loop.time() + ms(10);
        for i in 0..6 {
            event_loop.call_at(when, move || out!("{i}"))?;
        }
        event_loop.call_at(when + ms(9), || ())?;
        Ok(sleep(ms(15)).await?)
    });
}

/// A timer that is due at once joins the queue only in the next iteration; past ones go by their
/// deadline.
#[test]
fn s03_past_timers_wait_for_the_next_iteration() {
    check(&["soon", "main", "t-5", "t0"], async {
        let event_loop = running_loop()?;
        sleep(ms(10)).await?;
        event_loop.call_later(ms(0), || out!("t0"))?;
        event_loop.call_at(Instant::from_nanos(5_000_000), || out!("t-5"))?;
        event_loop.call_soon(|| out!("soon"))?;
        yield_now().await?;
        out!("main");
        Ok(yield_now().await?)
    });
}

/// All timer callbacks of one moment come before the first sleeper that they wake.
#[test]
fn s04_timer_callbacks_come_before_sleepers() {
    check(&["timer-cb", "sleeper"], async {
        let event_loop = running_loop()?;
        spawn(async {
            sleep(ms(10)).await?;
            out!("sleeper");
            Ok(())
        });
        yield_now().await?;
        event_loop.call_at(Instant::START + ms(10), || out!("timer-cb"))?;
        Ok(sleep(ms(50)).await?)
    });
}

/// What is ready when main returns still runs, even a new task's first step.
#[test]
fn s05_what_is_ready_when_main_returns_still_runs() {
    check(&["main returns", "bg had started; cancelled by run()"], async {
        spawn(nap(Wake { say: Some("bg had started; cancelled by run()"), ..Wake::default() }));
        out!("main returns");
        Ok(())
    });
}

/// stop() before run_forever() runs exactly one iteration; what that queues stays for the next run.
#[test]
fn s06_stop_before_run_runs_one_iteration() {
    check_sync(&["cb", "--", "child"], || {
        let event_loop = EventLoop::new();
        let again = event_loop.clone();
        let queue_child = move || again.call_soon(|| out!("child")).map(drop);
        event_loop
            .call_soon(move || {
                out!("cb");
                queue_child()
            })
            .unwrap();
        event_loop.stop();
        event_loop.run_forever().unwrap();
        out!("--");
        let stop = event_loop.clone();
        event_loop.call_soon(move || stop.stop()).unwrap();
        event_loop.run_forever().unwrap();
        event_loop.close().unwrap();
    });
}

/// Awaiting what is done never gives way.
#[test]
fn s07_awaiting_what_is_done_does_not_yield() {
    check(&["main", "other"], async {
        running_loop()?.call_soon(|| out!("other"))?;
        let future = create_future::<()>()?;
        future.set_result(())?;
        for _ in 0..1000 {
            future.shared().await?;
            gather(Vec::<seedloop::JoinHandle<()>>::new()).await?;
            wait_for(future.shared(), ms(0)).await?;
            seedloop::sync::Lock::new().acquire().await?;
        }
        out!("main");
        Ok(yield_now().await?)
    });
}

/// Not one of the forty, but their measure: hops are counted by a callback that queues itself.
#[test]
fn hops_are_counted() {
    check(&["2"], async {
        let ticks = Rc::new(RefCell::new(0));
        fn tick(event_loop: &EventLoop, ticks: &Rc<RefCell<u32>>) -> seedloop::Result<()> {
            *ticks.borrow_mut() += 1;
            let (again, counted) = (event_loop.clone(), Rc::clone(ticks));
            event_loop.call_soon(move || tick(&again, &counted)).map(drop)
        }
        let event_loop = running_loop()?;
        let (first, counted) = (event_loop.clone(), Rc::clone(&ticks));
        event_loop.call_soon(move || tick(&first, &counted))?;
        attempt(async { Ok(spin(2).await?) }).await?;
        out!("{}", ticks.borrow());
        Ok(())
    });
}
