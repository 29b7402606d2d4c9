//! The examples of the asyncio notes as scenarios, a module for each chapter; and known bugs, with
//! [`known_bugs::ALL`] as their table; and a worked system, [`job_queue`].

pub mod conform;

use seedloop_cli::Scenario;

pub mod concepts;
pub mod concurrency;
pub mod errors_and_limits;
pub mod event_loop;
pub mod executors;
pub mod job_queue;
pub mod known_bugs;
pub mod practice;
pub mod re_raise;
pub mod running;
pub mod shutdown;
mod verdict;
pub mod web;

/// The tables, in the order of the document.
const CHAPTERS: &[&[Scenario]] = &[
    concepts::SCENARIOS,
    event_loop::SCENARIOS,
    shutdown::SCENARIOS,
    re_raise::SCENARIOS,
    running::SCENARIOS,
    concurrency::SCENARIOS,
    practice::SCENARIOS,
    errors_and_limits::SCENARIOS,
    executors::SCENARIOS,
];

/// All scenarios, in the order of the document.
pub const ALL: &[Scenario] = &joined::<Scenario, { count(CHAPTERS) }>(CHAPTERS);

const fn count<T>(chapters: &[&[T]]) -> usize {
    let (mut count, mut chapter) = (0, 0);
    while chapter < chapters.len() {
        count += chapters[chapter].len();
        chapter += 1;
    }
    count
}

const fn joined<T: Copy, const N: usize>(chapters: &[&[T]]) -> [T; N] {
    let mut all = [chapters[0][0]; N];
    let (mut next, mut chapter) = (0, 0);
    while chapter < chapters.len() {
        let mut index = 0;
        while index < chapters[chapter].len() {
            all[next] = chapters[chapter][index];
            next += 1;
            index += 1;
        }
        chapter += 1;
    }
    all
}

/// Makes the code of the README doc tests. It stands here and not in the library, whose package has
/// no README beside it.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
