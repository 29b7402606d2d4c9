//! Numbers that a program draws: choices like any other, so that they are replayed and shrink.

use crate::base::ChoiceKind;
use crate::event_loop::{try_with_idle, with};

/// Lets the run choose one of `0..bound`: 0 in the dull run, anything under exploration.
///
/// ```
/// let chosen = seedloop::run(async { Ok(seedloop::choose(6)) });
/// assert_eq!(chosen.unwrap(), 0);
/// ```
///
/// # Panics
///
/// When `bound` is 0: there is nothing to choose.
#[track_caller]
pub fn choose(bound: u32) -> u32 {
    assert!(bound > 0, "there is nothing to choose among 0 alternatives");
    with(|core| core.choose(ChoiceKind::Value, bound))
}

/// How many numbers there are to draw the system's randomness from.
const ENTROPIES: u32 = 1 << 16;

/// Returns the number from which what the system calls random is to be drawn, the first time that
/// it is asked in a simulation; none later, outside of one, and in the middle of the loop's own
/// work. For adapters that answer the system's randomness, from wherever they are asked.
///
/// It is a choice of the run, of a [kind](crate::explore::ChoiceKind::Entropy) of its own: 0 in the
/// dull run, and part of a case where a failure takes another.
pub fn take_entropy() -> Option<u32> {
    try_with_idle(|core| {
        let is_first = core.session.active && !core.session.is_entropy_taken;
        core.session.is_entropy_taken |= is_first;
        is_first.then(|| core.choose(ChoiceKind::Entropy, ENTROPIES))
    })?
}

/// Returns a source of random numbers for the program: each is a choice of the run, all zeros in
/// the dull one.
pub fn rng() -> Rng {
    Rng(())
}

/// Random numbers of the run; see [`rng`].
#[derive(Clone, Copy, Debug)]
pub struct Rng(());

impl Rng {
    /// Draws a bit.
    pub fn bool(&mut self) -> bool {
        choose(2) == 1
    }

    /// Draws any number of 32 bits.
    pub fn u32(&mut self) -> u32 {
        // In halves, which shrink apart, and whose bound fits.
        choose(1 << 16) << 16 | choose(1 << 16)
    }

    /// Draws any number of 64 bits.
    pub fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }

    /// Draws one of `0..bound`.
    ///
    /// # Panics
    ///
    /// When `bound` is 0.
    #[track_caller]
    pub fn below(&mut self, bound: u32) -> u32 {
        choose(bound)
    }

    /// Draws one of the items.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let bound = u32::try_from(items.len()).unwrap_or(u32::MAX);
        &items[choose(bound) as usize]
    }

    /// Brings the items into any order; in the dull run they stay as they are.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for first in 0..items.len() {
            let left = u32::try_from(items.len() - first).unwrap_or(u32::MAX);
            items.swap(first, first + choose(left) as usize);
        }
    }
}
