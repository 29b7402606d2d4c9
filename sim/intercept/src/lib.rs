#![doc = include_str!("../README.md")]

#[cfg(all(target_os = "linux", target_feature = "crt-static"))]
compile_error!(
    "seedloop-intercept needs the C library to be linked dynamically: a static one is not asked \
     for random numbers; take `+crt-static` out of the target features for tests"
);

mod answers;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod symbols;

use answers::Armed;

/// Runs `run` with the clock and the randomness of the simulation in it: what
/// [`Explorer::around`](seedloop::explore::Explorer::around) and the argument `around` of
/// `#[seedloop::test]` take.
///
/// Only this thread gets the simulation's answers, and only until `run` ends. The random numbers
/// follow from the run's seed, and a case has them. For the keys of `HashMap`s to do so too, the
/// thread must not have made one before, so a thread of its own is best; that is what `around`
/// gives each run.
///
/// # Panics
///
/// - On another system than Linux on x86-64.
/// - When the program was linked so that it does not call this crate's functions.
/// - Inside of itself.
pub fn intercepted(run: &mut dyn FnMut()) {
    check_platform();
    let _armed = Armed::new();
    run();
}

/// Calls `call` on a new thread, [intercepted]: for a
/// [`Simulation`](seedloop::Simulation) that no explorer runs.
///
/// # Panics
///
/// As [`intercepted`], and with the panic of `call`.
///
/// ```
/// use seedloop::{Simulation, sleep};
/// use std::time::{Duration, Instant};
///
/// # #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
/// seedloop_intercept::on_own_thread(|| {
///     let outcome = Simulation::new().block_on(async {
///         let begin = Instant::now();
///         sleep(Duration::from_secs(3600)).await?;
///         Ok(begin.elapsed())
///     });
///     assert_eq!(outcome.result.unwrap(), Duration::from_secs(3600));
/// });
/// ```
#[expect(clippy::disallowed_methods, reason = "a thread for one run, and the caller waits for it")]
pub fn on_own_thread<R: Send>(call: impl FnOnce() -> R + Send) -> R {
    let on_thread = || {
        let (mut call, mut result) = (Some(call), None);
        intercepted(&mut || result = call.take().map(|call| call()));
        result
    };
    let joined = std::thread::scope(|scope| scope.spawn(on_thread).join());
    match joined {
        Ok(result) => result.expect("`intercepted` calls what it is given"),
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn check_platform() {
    assert!(
        symbols::are_linked(),
        "the program calls the system's clock and not seedloop-intercept's: another crate defines \
         `clock_gettime` too, or the library was linked as a shared one"
    );
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn check_platform() {
    panic!(
        "seedloop-intercept works on Linux on x86-64 only: leave `around` away on other systems, \
         or run the test in a container"
    );
}
