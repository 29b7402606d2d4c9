//! Where the time of tokio's shape is not tokio's, and how it meets the rest of the library.

use std::time::Duration;

use seedloop::error::Deadlock;
use seedloop::explore::ChoiceKind;
use seedloop::tokio::task::spawn_blocking;
use seedloop::tokio::time::{self, Instant, sleep, sleep_until, timeout};
use seedloop::tokio::{self};
use seedloop::{Result, Simulation, blocking, out};

#[track_caller]
fn check<F>(expected: &str, main: F)
where
    F: Future<Output = Result<()>> + 'static,
{
    let outcome = Simulation::new().block_on(main);
    let text =
        |line: &seedloop::trace::Line| format!("{} {line}", line.time.since_start().as_millis());
    let printed: Vec<String> = outcome.lines.iter().map(text).collect();
    assert_eq!(printed.join("; "), expected);
    outcome.result.expect("the program to succeed");
}

/// tokio's timer waits for its next millisecond, in which others run: a zero sleep gives way once.
#[test]
fn a_zero_sleep_gives_way_once() {
    check("0 other; 0 slept; 0 other again; 0 now", async {
        tokio::spawn(async {
            out!("other");
            sleep(Duration::ZERO).await;
            out!("other again");
        });
        sleep(Duration::ZERO).await;
        out!("slept");
        sleep_until(Instant::START).await;
        Ok(out!("now"))
    });
}

#[test]
fn a_deadline_that_is_past_needs_no_hop() {
    check("5 past; 5 other", async {
        sleep(Duration::from_millis(5)).await;
        tokio::spawn(async { out!("other") });
        sleep_until(Instant::START).await;
        out!("past");
        Ok(tokio::task::yield_now().await)
    });
}

/// In any order it may give way all the same.
#[test]
fn a_deadline_that_is_past_may_give_way_in_any_order() {
    let outcome = Simulation::new().seed(1).block_on(async {
        sleep(Duration::from_millis(5)).await;
        Ok(sleep_until(Instant::START).await)
    });
    assert!(outcome.choices.iter().any(|choice| choice.kind == ChoiceKind::Switch));
}

#[test]
fn a_sleep_counts_from_where_it_was_made() {
    check("10 slept; 10 again; 15 reset", async {
        let slept = sleep(Duration::from_millis(10));
        sleep(Duration::from_millis(4)).await;
        tokio::pin!(slept);
        slept.as_mut().await;
        out!("slept");
        slept.as_mut().await;
        out!("again");
        slept.as_mut().reset(Instant::now() + Duration::from_millis(5));
        assert!(!slept.is_elapsed());
        slept.await;
        Ok(out!("reset"))
    });
}

/// A wait past the end of time is none for the clock, which does not go there.
#[test]
fn what_never_ends_is_a_deadlock() {
    let outcome = Simulation::new().block_on(async {
        sleep(Duration::from_millis(3)).await;
        Ok(sleep(Duration::MAX).await)
    });
    let error = outcome.result.unwrap_err();
    let deadlock = error.downcast_ref::<Deadlock>().expect("a deadlock");
    assert_eq!(deadlock.blocked()[0].waits[0].what, "sleep");
    assert_eq!(outcome.time.since_start(), Duration::from_millis(3));
}

#[test]
fn a_tick_that_nobody_waits_for_holds_no_time() {
    let outcome = Simulation::new().block_on(async {
        let mut ticks = time::interval(Duration::from_secs(9));
        ticks.tick().await;
        seedloop::select! {
            biased;
            _ = ticks.tick() => {}
            () = async {} => {}
        }
        Ok(std::future::pending::<()>().await)
    });
    assert!(outcome.result.unwrap_err().is::<Deadlock>());
    assert_eq!(outcome.time, Instant::START);
}

#[test]
fn pause_and_advance_are_there() {
    check("0 0ns; 7 now", async {
        let start = Instant::now();
        time::pause();
        out!("{:?}", start.elapsed());
        time::advance(Duration::from_millis(7)).await;
        time::resume();
        Ok(out!("now"))
    });
}

/// Jobs take virtual time; one that runs is not aborted, one that waits for a worker is.
#[test]
fn blocking_jobs_are_taken_back_only_before_they_begin() {
    check("0 aborted; 3000 Ok(0); 3000 cancelled: true", async {
        seedloop::set_cores(1)?;
        let job = |number: u64| {
            move || {
                blocking::sleep(Duration::from_secs(3));
                number
            }
        };
        let jobs: Vec<_> = (0..6).map(|number| spawn_blocking(job(number))).collect();
        jobs.iter().for_each(|job| job.abort());
        out!("aborted");
        let mut jobs = jobs.into_iter();
        out!("{:?}", jobs.next().expect("six").await);
        Ok(out!("cancelled: {}", jobs.next_back().expect("six").await.unwrap_err().is_cancelled()))
    });
}

#[test]
fn a_timeout_leaves_its_blocking_job_alone() {
    check("1000 Err(Elapsed); 3000 job", async {
        let job = spawn_blocking(|| {
            blocking::sleep(Duration::from_secs(3));
            out!("job");
        });
        Ok(out!("{:?}", timeout(Duration::from_secs(1), job).await.map(drop)))
    });
}
