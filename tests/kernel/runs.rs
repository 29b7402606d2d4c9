//! Runs that are interrupted, stopped or ended by an exit, and what is current around them.
//!
//! Expected is what CPython 3.13.0 prints for the same programs.

use std::time::Duration;

use seedloop::error::{Exit, Interrupt};
use seedloop::{
    Error, EventLoop, JoinHandle, Result, Runner, Simulation, TaskGroup, ThreadPool, create_future,
    current_task, interrupt, out, run, running_loop, sleep, spawn,
};

use crate::surprises::helpers::{check_sync, ms, spin};

fn exit_code(error: &Error) -> i32 {
    error.downcast_ref::<Exit>().expect("an exit").code()
}

/// "Ctrl-C: cancels the main task the first time, and breaks the loop .. the second time": the main
/// task that has swallowed the first one is then cancelled by the clean-up.
#[test]
fn a_second_interrupt_breaks_the_loop() {
    check_sync(&["swallowed 1", "swallowed 2", "interrupted true"], || {
        let result = run(async {
            for _ in 0..2 {
                running_loop()?.call_soon(interrupt)?;
                assert!(sleep(Duration::from_secs(1)).await.is_err());
                out!("swallowed {}", current_task()?.expect("this task").cancelling());
            }
            Ok(())
        });
        out!("interrupted {}", result.is_err_and(|error| error.is::<Interrupt>()));
    });
}

/// An exception in `finally` takes the place of the one before it.
#[test]
fn an_exit_in_the_clean_up_hides_the_error_of_main() {
    check_sync(&["3"], || {
        let result: Result<()> = run(async {
            drop(spawn(async {
                drop(sleep(Duration::from_secs(9)).await);
                Err::<(), _>(Error::exit(3))
            }));
            spin(1).await?;
            Err(Error::msg("main"))
        });
        out!("{}", exit_code(&result.unwrap_err()));
    });
}

/// A group raises the first of several exits, though the loop is broken by each.
#[test]
fn a_group_raises_the_first_exit() {
    check_sync(&["1", "2", "1"], || {
        let event_loop = EventLoop::new();
        event_loop.set_current();
        let child = async |code: u32| {
            drop(sleep(Duration::from_secs(code.into())).await);
            Err::<(), _>(Error::exit(code.cast_signed()))
        };
        let main = event_loop.create_task(TaskGroup::new().scope(async move |group| {
            group.spawn(child(1))?;
            group.spawn(child(2))?;
            Ok(())
        }));
        let main: JoinHandle<()> = main.unwrap();
        for _ in 0..3 {
            let broken = event_loop.run_until_complete(main.shared());
            out!("{}", exit_code(&broken.unwrap_err()));
        }
        event_loop.close().unwrap();
    });
}

/// `SystemExit` in a callback is not for the exception handler.
#[test]
fn an_exit_of_a_done_callback_ends_the_run() {
    check_sync(&["4"], || {
        let result = run(async {
            let future = create_future::<()>()?;
            future.add_done_callback(|_| Err(Error::exit(4)))?;
            future.set_result(())?;
            sleep(ms(1000)).await?;
            Ok(out!("not reached"))
        });
        out!("{}", exit_code(&result.unwrap_err()));
    });
}

/// `get_loop` makes the runner's loop current; once it is closed there is none.
#[test]
#[expect(deprecated, reason = "asks for the current loop")]
fn a_runners_loop_is_current_until_it_is_closed() {
    let outcome = Simulation::new().run(|| {
        let runner = Runner::new();
        let own = runner.event_loop()?;
        assert_eq!(seedloop::event_loop(), own);
        runner.run(async { Ok(spin(1).await?) })?;
        assert_eq!(seedloop::event_loop(), own);
        runner.close()?;
        let made = seedloop::event_loop();
        assert!(made != own && !made.is_closed());
        made.close()
    });
    outcome.result.and_then(|result| result).expect("the program to succeed");
}

/// `stop` lets the iteration that goes on come to its end.
#[test]
fn what_is_ready_when_the_loop_is_stopped_still_runs() {
    check_sync(&["stops", "behind", "--", "later"], || {
        let event_loop = EventLoop::new();
        let (stop, again) = (event_loop.clone(), event_loop.clone());
        let stops = move || {
            out!("stops");
            stop.stop();
            again.call_soon(|| out!("later")).map(drop)
        };
        event_loop.call_soon(stops).unwrap();
        event_loop.call_soon(|| out!("behind")).unwrap();
        event_loop.run_forever().unwrap();
        out!("--");
        event_loop.stop();
        event_loop.run_forever().unwrap();
        event_loop.close().unwrap();
    });
}

/// The end of a loop shuts down its default pool, not one that was its default before.
#[test]
fn a_default_pool_that_was_replaced_goes_on() {
    check_sync(&["0", "cannot schedule new futures after shutdown"], || {
        let event_loop = EventLoop::new();
        let [replaced, last] = [(); 2].map(|()| ThreadPool::with_workers(1).unwrap());
        event_loop.set_default_executor(&replaced).unwrap();
        event_loop.set_default_executor(&last).unwrap();
        event_loop.close().unwrap();
        for pool in [replaced, last] {
            match pool.submit(|| Ok(0)).and_then(|job| job.result()) {
                Ok(value) => out!("{value}"),
                Err(error) => out!("{error}"),
            }
        }
    });
}
