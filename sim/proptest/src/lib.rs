//! Schedules of [`seedloop`] as a [proptest] strategy: a property is tried on random inputs and in
//! random interleavings, and both are shrunk together.
//!
//! A *schedule* is what a program leaves open, decided: above all, which of the ready tasks runs
//! next. [`schedules`] yields one beside the inputs, and [`Schedule::check`] runs a body with it.
//!
//! ```
//! use proptest::prelude::*;
//! use proptest::test_runner::{Config, TestError, TestRunner};
//! use seedloop::sync::Tracked;
//! use seedloop_proptest::schedules;
//!
//! /// Tasks that each add one, and may all have seen the same number before.
//! async fn count_to(many: u32) -> seedloop::Result<()> {
//!     let counter = Tracked::new(0);
//!     let add_one = async |counter: Tracked<u32>| {
//!         let seen = counter.read().await?;
//!         counter.write(seen + 1).await?;
//!         Ok(())
//!     };
//!     let tasks: Vec<_> = (0..many).map(|_| seedloop::spawn(add_one(counter.clone()))).collect();
//!     for task in tasks {
//!         task.await?;
//!     }
//!     assert_eq!(counter.get(), many);
//!     Ok(())
//! }
//!
//! // In a test, `proptest!` does this:
//! let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
//! let failed = runner.run(&(0..9u32, schedules()), |(many, schedule)| {
//!     schedule.check(|| count_to(many))
//! });
//! let Err(TestError::Fail(_, (many, schedule))) = failed else { panic!("an update gets lost") };
//! assert_eq!(many, 2);
//! assert_eq!(format!("{schedule:?}"), "sl1.1.any.-:");
//!
//! // What the message shows can be tried again.
//! let again: seedloop_proptest::Schedule = "sl1.1.any.-:".parse().unwrap();
//! assert!(again.check(|| count_to(2)).is_err());
//! ```
//!
//! # What is tried
//!
//! For each input the body runs in asyncio's order first, and then as one of the strategies of the
//! [portfolio](seedloop::explore::Strategy::Portfolio) decides, which proptest's own random numbers
//! choose and seed: [`schedules_of`] takes an explorer that says otherwise. The same random numbers
//! give the same schedules, so that what proptest persists of a failure fails again.
//!
//! # How it is shrunk
//!
//! A run that fails leaves what it did otherwise than asyncio in a cell that the strategy shares
//! with the schedules it yields, since proptest tells the strategy nothing of the run.
//!
//! - While the *inputs* get smaller, the schedule deviates at the same places, as far as they are
//!   still there. If that does not fail, some other schedules are tried before the smaller input is
//!   given up: it need not fail in the same order.
//! - When it is the *schedule's* turn, its deviations are left out, all of them, by kinds, in ever
//!   smaller parts and one by one; a step is held in place of picking many others before it; and
//!   single deviations are tried that the first failure did not have. That takes up to 300 runs.
//!
//! As ever with proptest, any failure counts, not only the one that was found first. Of a tuple the
//! first member is shrunk first: put schedules last.
//!
//! # Limitations
//!
//! - What is to hold is asserted in the body. Of a check after it, the schedule learns nothing, and
//!   is not shrunk.
//! - One [`check`](Schedule::check) for each schedule.
//! - With proptest's `fork`, inputs are shrunk in another process than the runs are in, and
//!   schedules are not.

mod schedule;
mod strategy;

pub use schedule::Schedule;
pub use strategy::{ScheduleTree, Schedules, schedules, schedules_of};
