//! The examples of the asyncio notes as scenarios.

use seedloop_cli::Scenario;

pub mod concurrency;
pub mod errors_and_limits;
mod expect;
pub mod running;

/// All scenarios, in the order of the document.
pub const ALL: &[Scenario] = &join::<{ count(CHAPTERS) }>(CHAPTERS);

const CHAPTERS: &[&[Scenario]] =
    &[running::SCENARIOS, concurrency::SCENARIOS, errors_and_limits::SCENARIOS];

const fn count(chapters: &[&[Scenario]]) -> usize {
    let (mut count, mut chapter) = (0, 0);
    while chapter < chapters.len() {
        count += chapters[chapter].len();
        chapter += 1;
    }
    count
}

const fn join<const N: usize>(chapters: &[&[Scenario]]) -> [Scenario; N] {
    let mut all = [chapters[0][0]; N];
    let (mut to, mut chapter) = (0, 0);
    while chapter < chapters.len() {
        let mut from = 0;
        while from < chapters[chapter].len() {
            all[to] = chapters[chapter][from];
            (to, from) = (to + 1, from + 1);
        }
        chapter += 1;
    }
    all
}
