//! The behaviours of asyncio that a re-implementation gets wrong, S01 to S40, one test each.
//!
//! Source: programs run on CPython 3.10 to 3.13; the expected lines are what CPython 3.13.0 prints,
//! with sets in insertion order and timers of one deadline in the order in which they were set.

mod cancel;
mod combine;
mod event_loop;
mod groups;
pub(crate) mod helpers;
mod shutdown;
