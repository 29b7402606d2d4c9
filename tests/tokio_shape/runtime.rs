//! Runtimes, and where they refuse.

use std::time::Duration;

use seedloop::error::Deadlock;
use seedloop::tokio::runtime::{Builder, Handle, Runtime};
use seedloop::tokio::{self};
use seedloop::{Outcome, Simulation, out};

fn simulate<T>(body: impl FnOnce() -> T) -> Outcome<T> {
    Simulation::new().run(body)
}

#[test]
fn a_runtime_runs_what_was_spawned_before() {
    let outcome = simulate(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let early = runtime.spawn(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            6
        });
        let handle = runtime.handle();
        let value = runtime.block_on(async move { early.await.unwrap() + 1 });
        drop(handle.spawn(async { out!("later") }));
        runtime.block_on(async { Handle::current().spawn(async {}).await.unwrap() });
        value
    });
    assert_eq!((outcome.result.unwrap(), outcome.time.since_start()), (7, Duration::from_secs(2)));
    assert_eq!(outcome.lines[0].text, "later");
}

#[test]
fn what_ends_the_run_is_its_error() {
    let outcome = simulate(|| Runtime::new().unwrap().block_on(std::future::pending::<()>()));
    assert!(outcome.result.unwrap_err().is::<Deadlock>());
    let outcome = simulate(|| Runtime::new().unwrap().block_on(async { panic!("oh no") }));
    let error: seedloop::Result<()> = outcome.result;
    let text = error.unwrap_err().to_string();
    assert!(text.starts_with("task 'Task-1' panicked at ") && text.ends_with(": oh no"), "{text}");
}

#[test]
fn a_runtime_inside_a_runtime_is_refused() {
    let outcome = simulate(|| {
        Runtime::new().unwrap().block_on(async { Runtime::new().unwrap().block_on(async {}) });
    });
    let error = outcome.result.unwrap_err().to_string();
    assert!(error.contains("await the future instead"), "{error}");
}

#[test]
fn without_a_runtime_nothing_is_spawned() {
    let spawned = std::panic::catch_unwind(|| drop(tokio::spawn(async {})));
    let text = spawned.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("no running event loop: call `tokio::spawn` from a task"), "{text}");
    assert!(Handle::try_current().is_err());
}

/// Handles and errors go where tokio's go.
#[test]
fn handles_are_send_and_sync() {
    fn is<T: Send + Sync + 'static>() {}
    is::<tokio::task::JoinHandle<std::rc::Rc<()>>>();
    is::<tokio::task::AbortHandle>();
    is::<tokio::task::JoinError>();
    is::<tokio::task::JoinSet<std::rc::Rc<()>>>();
    is::<tokio::time::Interval>();
    is::<tokio::time::Sleep>();
    is::<tokio::time::Timeout<tokio::time::Sleep>>();
    is::<Handle>();
    is::<tokio::sync::Notify>();
    is::<tokio::sync::broadcast::Receiver<std::rc::Rc<()>>>();
}
