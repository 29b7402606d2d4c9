//! The behaviours of asyncio that a re-implementation gets wrong, S01 to S40, one test each.
//!
//! Source: programs run on CPython 3.10 to 3.13; the expected lines are what CPython 3.13.0 prints,
//! with sets in insertion order and timers of one deadline in the order in which they were set.

mod cancel;
mod combine;
mod event_loop;
mod groups;
pub(crate) mod helpers;
mod primitives;
mod shutdown;

/// Each of the forty has a test that is named after it.
#[test]
fn every_surprise_has_a_test() {
    let sources = crate::layers::sources();
    let here = sources.iter().filter(|(path, _)| path.starts_with("tests/surprises/"));
    let mut numbers: Vec<u32> = here
        .flat_map(|(_, text)| text.split("#[test]\nfn s").skip(1))
        .filter_map(|rest| rest.split_once('_')?.0.parse().ok())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<u32>>());
}
