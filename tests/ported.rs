//! asyncio's own tests, in Rust: what CPython 3.13.0's test suite asserts of the meaning.
//!
//! `ported/tables/` has a row for each test of CPython: the test here that asserts the same, or why
//! it says nothing about us. Those of locks and queues are in `sync`.

mod cancel;
mod check;
mod coroutines;
mod event_loop;
mod executors;
mod futures;
mod gather;
mod generators;
mod loops;
mod runners;
mod shield;
mod tables;
mod taskgroups;
mod taskgroups_failing;
mod tasks;
mod threads;
mod timeouts;
mod wait;
mod waitfor;
