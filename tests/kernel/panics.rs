//! Panics of user code: in tasks, callbacks and destructors.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::process::Command;
use std::time::Duration;

use seedloop::error::Panicked;
use seedloop::{
    EventLoop, Result, Simulation, out, report, run, running_loop, sleep, spawn, spawn_named,
};

use crate::surprises::helpers::spin;

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// Runs `main` and gives the panic that ended it.
fn panic_of<F>(main: F) -> Panicked
where
    F: Future<Output = Result<()>> + 'static,
{
    let outcome = Simulation::new().run(|| run(main));
    let error = outcome.result.expect("the body itself does not panic").unwrap_err();
    error.downcast_ref::<Panicked>().expect("a panic ended the run").clone()
}

/// The stack is kept where the environment asks for it, and makes no difference otherwise.
#[test]
fn the_stack_of_a_panic() {
    let bomb = || async {
        drop(Bomb("now"));
        Ok(())
    };
    let outcome = Simulation::new().block_on(bomb());
    let text = report::backtrace(&outcome);
    let panicked = panic_of(bomb());
    assert_eq!(outcome.result.unwrap_err().to_string(), panicked.to_string());
    let asked = Backtrace::capture().status() == BacktraceStatus::Captured;
    assert_eq!(panicked.backtrace().is_some(), asked);
    assert_eq!(text.contains("the_stack_of_a_panic"), asked, "{text}");
    assert_eq!(text.is_empty(), !asked);
}

/// The test before this one, with both answers of the environment.
#[test]
fn the_stack_of_a_panic_when_asked_for() {
    for asked in ["0", "1"] {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "kernel::panics::the_stack_of_a_panic"]);
        command.env_remove("RUST_LIB_BACKTRACE").env("RUST_BACKTRACE", asked);
        let output = command.output().expect("this program runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{asked}: {text}");
    }
}

/// A panic in a task fails the run at once, with the task, the place and the time.
#[test]
fn a_panic_ends_the_run() {
    let panicked = panic_of(async {
        spawn_named("culprit", async {
            sleep(Duration::from_secs(2)).await?;
            if true {
                panic!("oh no: {}", 1 + 1);
            }
            Ok(())
        });
        Ok(sleep(Duration::from_secs(9)).await?)
    });
    assert_eq!(panicked.task(), "task 'culprit'");
    assert_eq!(panicked.message(), "oh no: 2");
    let place = panicked.location().expect("the hook saw it");
    assert!(place.starts_with("tests/kernel/panics.rs:"), "{place}");
    assert_eq!(panicked.time().since_start(), Duration::from_secs(2));
}

/// A panic in a callback does as well.
#[test]
fn a_panic_in_a_callback_ends_the_run() {
    let panicked = panic_of(async {
        running_loop()?.call_soon(|| -> () { panic!("in a callback") })?;
        Ok(sleep(Duration::from_secs(9)).await?)
    });
    assert_eq!((panicked.task(), panicked.message()), ("a callback", "in a callback"));
}

/// A panic in the destructor of another task, while the failed run is torn down, neither hides the
/// first failure nor ends the process.
#[test]
fn a_destructor_that_panics_does_not_hide_the_first_failure() {
    let panicked = panic_of(async {
        for _ in 0..3 {
            spawn(async {
                let _bomb = Bomb("in a destructor");
                std::future::pending::<()>().await;
                Ok(())
            });
        }
        spin(1).await?;
        panic!("the first failure");
    });
    assert_eq!(panicked.message(), "the first failure");
}

/// A body whose destructor panics when it ends well has failed.
#[test]
fn a_destructor_that_panics_at_the_end() {
    let panicked = panic_of(async {
        spawn_named("ends", async {
            let bomb = Bomb("at the end");
            std::hint::black_box(&bomb);
            Ok(())
        });
        Ok(spin(2).await?)
    });
    assert_eq!((panicked.task(), panicked.message()), ("task 'ends'", "at the end"));
}

/// Where it is asked for, a panic goes to the awaiter, as with tokio's join handle.
#[test]
fn panics_can_go_to_the_awaiter() {
    let outcome = Simulation::new().panics_join().run(|| {
        run(async {
            let task = spawn(async {
                if true {
                    panic!("for the awaiter");
                }
                Ok(())
            });
            let error = task.await.unwrap_err();
            out!("{}", error.downcast_ref::<Panicked>().map_or("", Panicked::message));
            Ok(())
        })
    });
    assert_eq!(outcome.lines[0].text, "for the awaiter");
}

/// Tasks that are spawned by the destructors of tasks that a closing loop drops are dropped too.
#[test]
fn spawning_in_a_destructor_while_the_loop_closes() {
    struct Spawns(u32);
    impl Drop for Spawns {
        fn drop(&mut self) {
            out!("dropped {}", self.0);
            if self.0 > 0 {
                let event_loop = EventLoop::clone(&LOOP.with_borrow(|l| l.clone().unwrap()));
                let next = Spawns(self.0 - 1);
                drop(event_loop.create_task(async move {
                    let _next = next;
                    std::future::pending::<Result<()>>().await
                }));
            }
        }
    }
    thread_local! {
        static LOOP: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
    }
    let outcome = Simulation::new().run(|| {
        let event_loop = EventLoop::new();
        LOOP.set(Some(event_loop.clone()));
        let first = Spawns(3);
        let hold = async move {
            let _first = first;
            std::future::pending::<Result<()>>().await
        };
        drop(event_loop.create_task(hold));
        event_loop.close().unwrap();
        LOOP.set(None);
    });
    let printed: Vec<&str> = outcome.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(printed, ["dropped 3", "dropped 2", "dropped 1", "dropped 0"]);
}
