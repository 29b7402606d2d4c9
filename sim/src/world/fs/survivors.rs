//! Which of the unsynced writes of a file outlive a crash.

use crate::world::fault::{Ratio, strikes_after, strikes_how};

pub(super) const CLASS: &str = "an unsynced write survives";

/// How many writes of a file a crash decides on one by one: the last ones.
pub(super) const EACH_MAX: usize = 16;

/// What a crash makes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Whole,
    Lost,
    /// To be chosen: whole, in part or not at all.
    Open,
}

/// Which of so many writes outlive, in the order in which they were made.
///
/// With a choice for each write alone the likely would never be seen: that the system had written
/// back the first so many, or all but one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survivors {
    None,
    /// The first so many, and perhaps a part of the next.
    First(usize),
    AllBut(usize),
    /// Of those before the second number the first so many, and the rest each on its own.
    Each(usize, usize),
}

impl Survivors {
    /// Chooses; the dull choice is none.
    pub(super) fn choose(writes: usize) -> Self {
        if writes < 2 {
            return Survivors::Each(0, 0);
        }
        match strikes_how(CLASS, Ratio::new(3, 4), 3) {
            0 => Survivors::None,
            1 => Survivors::First(1 + strikes_after(CLASS, writes - 1)),
            // From the end: all but the last are the first ones.
            2 => Survivors::AllBut(writes - 2 - strikes_after(CLASS, writes - 2)),
            _ => {
                let older = writes.saturating_sub(EACH_MAX);
                Survivors::Each(strikes_after(CLASS, older), older)
            }
        }
    }

    /// What becomes of a write.
    pub(super) fn fate(&self, index: usize) -> Fate {
        match *self {
            Survivors::None => Fate::Lost,
            Survivors::First(count) if index == count => Fate::Open,
            Survivors::First(count) if index < count => Fate::Whole,
            Survivors::First(_) => Fate::Lost,
            Survivors::AllBut(one) if index == one => Fate::Lost,
            Survivors::AllBut(_) => Fate::Whole,
            Survivors::Each(_, older) if index >= older => Fate::Open,
            Survivors::Each(count, _) if index < count => Fate::Whole,
            Survivors::Each(..) => Fate::Lost,
        }
    }
}
