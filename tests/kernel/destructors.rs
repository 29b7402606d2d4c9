//! What is the user's is dropped, called and woken where it may do what it likes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use seedloop::error::Panicked;
use seedloop::explore::{Model, Policy, Question};
use seedloop::{
    ContextVar, Error, Instant, JoinHandle, Result, Simulation, create_future, out, run,
    running_loop, sleep, spawn, yield_now,
};

/// Uses the library when it is dropped.
struct Nosy(&'static str);

impl Drop for Nosy {
    fn drop(&mut self) {
        out!("{} dropped at {}", self.0, Instant::now());
    }
}

fn lines_of(body: impl Future<Output = Result<()>> + 'static) -> Vec<String> {
    let outcome = Simulation::new().run(|| run(body));
    outcome.result.flatten().expect("the program ends well");
    outcome.lines.into_iter().map(|line| line.text).collect()
}

#[test]
fn a_refused_result_may_use_the_library_when_it_is_dropped() {
    let lines = lines_of(async {
        let future = create_future::<Nosy>()?;
        future.set_result(Nosy("first"))?;
        out!("{}", future.set_result(Nosy("second")).is_err());
        drop(future.await?);
        let cancelled = create_future::<Nosy>()?;
        cancelled.cancel();
        out!("{}", cancelled.set_result(Nosy("third")).is_err());
        Ok(())
    });
    let expected = [
        "second dropped at 0.0s",
        "true",
        "first dropped at 0.0s",
        "third dropped at 0.0s",
        "true",
    ];
    assert_eq!(lines, expected);
}

static PLACE: ContextVar<Arc<Nosy>> = ContextVar::new();

#[test]
fn context_variables_may_use_the_library_when_they_are_dropped() {
    let lines = lines_of(async {
        let task = spawn(async {
            let _ = PLACE.set(Arc::new(Nosy("first")));
            yield_now().await?;
            let _ = PLACE.set(Arc::new(Nosy("second")));
            Ok(yield_now().await?)
        });
        task.await?;
        running_loop()?.call_soon(|| drop(PLACE.set(Arc::new(Nosy("callback's")))))?;
        Ok(sleep(Duration::from_secs(1)).await?)
    });
    let expected =
        ["first dropped at 0.0s", "second dropped at 0.0s", "callback's dropped at 0.0s"];
    assert_eq!(lines, expected);
}

#[test]
fn an_exception_handler_may_hold_what_uses_the_library() {
    let outcome = Simulation::new().run(|| {
        run(async {
            let (future, nosy) = (create_future::<u8>()?, Nosy("handler's"));
            let event_loop = running_loop()?;
            running_loop()?.set_exception_handler(move |_| {
                let _holds = (&future, &nosy, &event_loop);
            });
            Ok(())
        })
    });
    assert!(outcome.result.is_ok_and(|result| result.is_ok()));
    assert_eq!(outcome.lines[0].text, "handler's dropped at 0.0s");
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a bomb");
    }
}

struct WakesBadly;

impl Wake for WakesBadly {
    fn wake(self: Arc<Self>) {
        panic!("a bad waker");
    }
}

/// Each of these panics where the loop itself calls the user's code.
#[test]
fn a_panic_of_users_code_ends_the_run_wherever_it_is_called() {
    type Body = fn() -> Result<()>;
    let bodies: [(&str, Body); 3] = [
        ("a bomb", || {
            run(async {
                drop(spawn(async { Ok(Bomb) }));
                Ok(sleep(Duration::from_secs(1)).await?)
            })
        }),
        ("a bad waker", || {
            run(async {
                let mut sleeping = std::pin::pin!(sleep(Duration::from_secs(1)));
                let waker = Waker::from(Arc::new(WakesBadly));
                let polled = sleeping.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                Ok(sleep(Duration::from_secs(2)).await?)
            })
        }),
        ("a panic whose payload is no text", || {
            run(async {
                running_loop()?.call_soon(|| -> () { std::panic::panic_any(Bomb) })?;
                Ok(sleep(Duration::from_secs(1)).await?)
            })
        }),
    ];
    for (message, body) in bodies {
        let outcome = Simulation::new().run(body);
        let error = outcome.result.flatten().expect_err("the run ends with the panic");
        let panicked = error.downcast_ref::<Panicked>().expect("an error of a panic");
        assert_eq!(panicked.message(), message);
        assert!(run(async { Ok(()) }).is_ok(), "the next run is not concerned");
    }
}

/// Chooses what it is told.
struct Stubborn(fn() -> u32);

impl Policy for Stubborn {
    fn choose(&mut self, _: &Question) -> u32 {
        (self.0)()
    }
}

#[test]
fn a_policy_that_misbehaves_ends_the_run() {
    let program = || {
        run(async {
            let tasks: Vec<_> = (0..3).map(|_| spawn(async { Ok(()) })).collect();
            for task in tasks {
                task.await?;
            }
            Ok(())
        })
    };
    type Choose = fn() -> u32;
    let cases: [(Choose, &str); 3] = [
        (|| 8, "a policy chose 8 of 3 for Ready"),
        (|| panic!("no idea"), "no idea"),
        (|| u32::from(seedloop::in_simulation()), "seedloop was called from where it must not be"),
    ];
    for (choose, message) in cases {
        let simulation = Simulation::new().model(Model::AnyOrder).policy(Stubborn(choose));
        let error = simulation.run(program).result.flatten().expect_err("it misbehaves");
        assert!(error.to_string().contains(message), "{error}");
    }
}

/// A run's error whose text panics is the user's, and no reason to lose the run.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("unspeakable");
    }
}

impl std::error::Error for Unspeakable {}

#[test]
fn an_error_whose_text_panics_is_given_as_it_is() {
    let result =
        catch_unwind(AssertUnwindSafe(|| run(async { Err::<(), _>(Error::new(Unspeakable)) })));
    assert!(result.is_ok_and(|result| result.is_err_and(|error| error.is::<Unspeakable>())));
}

/// Drops handles when it is woken.
struct Drops(Mutex<Vec<Pin<Box<JoinHandle<()>>>>>);

impl Wake for Drops {
    fn wake(self: Arc<Self>) {
        drop(std::mem::take(&mut *self.0.lock().expect("no test panics here")));
    }
}

/// CPython: a task calls its callbacks whoever has dropped it by then.
#[test]
fn a_waker_that_drops_the_last_handle_takes_no_callback_with_it() {
    let lines = lines_of(async {
        let task = spawn(yields_once());
        let (mut polled, other) = (Box::pin(task.shared()), Box::pin(task));
        let drops = Arc::new(Drops(Mutex::new(Vec::new())));
        let waker = Waker::from(Arc::clone(&drops));
        assert!(polled.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        other.add_done_callback(|_| out!("done"))?;
        drops.0.lock().expect("no test panics here").extend([polled, other]);
        Ok(sleep(Duration::from_secs(1)).await?)
    });
    assert_eq!(lines, ["done"]);
}

async fn yields_once() -> Result<()> {
    Ok(yield_now().await?)
}
