//! S18 to S28: gather, shield, wait, wait_for and timeouts.

use std::time::Duration;

use seedloop::{
    Error, Result, ReturnWhen, attempt, create_future, current_task, gather,
    gather_return_exceptions, out, running_loop, shield, sleep, spawn, timeout, timeout_at, wait,
    wait_for, yield_now,
};

use super::helpers::{Wake, boom, check, ms, nap, repr, show, spin};

async fn raises(name: &'static str, hops: u32) -> Result<()> {
    spin(hops).await?;
    out!("{name} raises");
    Err(Error::msg(name))
}

fn print_reports() -> Result<()> {
    running_loop()?.set_exception_handler(|report| {
        let error = report.error.as_ref().map(repr).unwrap_or_default();
        out!("HANDLER {} {error}", report.message);
    });
    Ok(())
}

/// The first error ends the gather, the others go on, and their errors vanish.
#[test]
fn s18_gather_ends_with_the_first_error() {
    check(&["a raises", "a", "b raises"], async {
        print_reports()?;
        out!("{}", show(gather((raises("a", 1), raises("b", 4))).await));
        Ok(spin(4).await?)
    });
}

/// A cancelled gather resumes its waiter at the first cancelled child, with return_exceptions after
/// the slowest clean-up.
#[test]
fn s19_a_cancelled_gather_waits_only_with_return_exceptions() {
    let slow = Wake { hops: 3, say: Some("slow cleaned"), ..Wake::default() };
    let expected =
        &["CancelledError() false", "slow cleaned", "slow cleaned", "CancelledError() true"];
    check(expected, async move {
        let first = gather((nap(Wake::default()), nap(slow)));
        spin(2).await?;
        first.cancel();
        out!("{} false", show(first.await));
        spin(4).await?;
        let all = gather_return_exceptions((nap(Wake::default()), nap(slow)));
        spin(2).await?;
        all.cancel();
        let result = all.await.map(|(a, b)| format!("{} {}", show(a), show(b)));
        out!("{} true", show(result));
        Ok(spin(4).await?)
    });
}

/// Equal arguments are one future; a cancelled gather ends with an error, never as cancelled.
#[test]
fn s20_gather_of_duplicates_and_its_state() {
    check(&["ran", "(1, 1)", "true true CancelledError() false"], async {
        let task = spawn(async {
            out!("ran");
            Ok(1)
        });
        let again = task.shared();
        out!("{}", show(gather((task, again)).await));
        let gathering = gather([nap(Wake::default())]);
        let watch = gathering.shared();
        spin(1).await?;
        let accepted = gathering.cancel();
        let result = show(gathering.await);
        out!("{accepted} {} {result} {}", watch.done(), watch.cancelled());
        Ok(())
    });
}

/// The children are done, their callbacks have not run: the gather refuses the cancel and goes on
/// to its end, but its waiter is cancelled.
#[test]
fn s21_gather_refuses_a_cancel_when_its_children_are_done() {
    check(&["false false true CancelledError() true", "Ok([()])"], async {
        let gathering = gather([async { Ok(spin(1).await?) }]);
        let waited = gathering.shared();
        let waiter = spawn(async move { Ok(show(waited.await)) });
        spin(2).await?;
        let (done, accepted) = (gathering.done(), gathering.cancel());
        let cancelled = waiter.cancel();
        let result = waiter.await?;
        out!("{done} {accepted} {cancelled} {result} {}", gathering.done());
        spin(1).await?;
        out!("{:?}", gathering.result());
        Ok(())
    });
}

/// The waiter of a shield leaves when it is cancelled; the inner task's error is reported later.
#[test]
fn s22_shield_lets_the_waiter_go() {
    let expected =
        &["CancelledError() true", "HANDLER Task exception was never retrieved ValueError()"];
    check(expected, async {
        print_reports()?;
        let task = spawn(boom(3));
        let inner = task.shared();
        let waiter = spawn(async move { Ok(show(shield(inner).await)) });
        spin(2).await?;
        waiter.cancel();
        out!("{} {}", waiter.await?, task.done());
        spin(4).await?;
        drop(task);
        Ok(())
    });
}

/// wait parks for two hops even if all is done; the done ones are counted when it resumes; a
/// cancelled one is no failure.
#[test]
fn s23_wait_counts_when_it_resumes() {
    check(&["false", "false", "2"], async {
        let (s, z) = (spawn(nap(Wake::default())), spawn(nap(Wake::default())));
        let both = [s.as_any(), z.as_any()];
        let waiter = spawn(async move {
            wait(both, ReturnWhen::FirstException).await?;
            Ok(())
        });
        spin(1).await?;
        s.cancel();
        spin(3).await?;
        out!("{}", waiter.done());
        waiter.cancel();
        spin(1).await?;
        out!("{}", z.done());
        let (f, g) = (create_future::<()>()?, create_future::<()>()?);
        let both = [f.as_any(), g.as_any()];
        let waiter = spawn(async move {
            let (done, _) = wait(both, ReturnWhen::FirstCompleted).await?;
            Ok(done.len())
        });
        spin(1).await?;
        f.set_result(())?;
        spin(1).await?;
        g.set_result(())?;
        out!("{}", waiter.await?);
        Ok(())
    });
}

/// wait_for with no time never starts the coroutine, yet takes three hops.
#[test]
fn s24_wait_for_without_time_never_starts() {
    check(&["1", "2", "3", "TimeoutError()"], async {
        fn tick(n: u32) -> Result<()> {
            running_loop()?.call_soon(move || {
                if n <= 3 {
                    out!("{n}");
                    return tick(n + 1);
                }
                Ok(())
            })?;
            Ok(())
        }
        tick(1)?;
        let started = async {
            out!("started");
            Ok::<(), Error>(())
        };
        out!("{}", show(wait_for(started, ms(0)).await));
        Ok(())
    });
}

/// A body that swallows the timeout's cancel: no error of the timeout at all.
#[test]
fn s25_a_swallowed_timeout() {
    check(&["\"value\"", "true 0"], async {
        let swallows = Wake { value: Some("value"), ..Wake::default() };
        out!("{}", show(wait_for(nap(swallows), ms(10)).await));
        let limit = timeout(ms(10));
        let watch = limit.clone();
        limit.scope(async |_| nap(swallows).await).await?;
        let me = current_task()?.expect("a task runs");
        out!("{} {}", watch.expired(), me.cancelling());
        Ok(())
    });
}

/// A timeout of zero needs a suspension to fire.
#[test]
fn s26_a_timeout_needs_a_suspension() {
    check(&["false", "TimeoutError()"], async {
        let limit = timeout(ms(0));
        let expired = limit
            .scope(async |t| {
                gather(Vec::<seedloop::JoinHandle<()>>::new()).await?;
                Ok(t.expired())
            })
            .await?;
        out!("{expired}");
        let suspends = timeout(ms(0)).scope(async |_| Ok(yield_now().await?)).await;
        out!("{}", show(suspends));
        Ok(())
    });
}

/// Nested timeouts of one deadline: the outer one raises, the inner one lets the cancel through.
#[test]
fn s27_nested_timeouts_of_one_deadline() {
    check(&["inner: CancelledError()", "outer: TimeoutError()"], async {
        let when = running_loop()?.time() + ms(10);
        let outer = timeout_at(when)
            .scope(async |_| {
                let inner = timeout_at(when)
                    .scope(async |_| Ok(sleep(Duration::from_secs(9)).await?))
                    .await;
                out!("inner: {}", inner.as_ref().err().map(repr).unwrap_or_default());
                inner
            })
            .await;
        out!("outer: {}", show(outer));
        Ok(())
    });
}

/// A cancel from outside in the iteration of the deadline wins.
#[test]
fn s28_an_outside_cancel_at_the_deadline_wins() {
    check(&["CancelledError() 1"], async {
        let task = spawn(async {
            timeout(ms(10)).scope(async |_| Ok(sleep(Duration::from_secs(9)).await?)).await
        });
        spin(1).await?;
        let cancel = task.shared();
        running_loop()?.call_later(ms(10), move || {
            cancel.cancel();
        })?;
        let watch = task.shared();
        out!("{} {}", show(attempt(task).await), watch.cancelling());
        Ok(())
    });
}
