//! Faults that a program asks for: how often they strike, and whether one does.

use std::fmt;

use crate::base::FaultRate;
use crate::event_loop::with;

/// How often something happens: in `numerator` of `denominator` cases.
///
/// A whole number of each, since a rate in floating point is not the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    in_a_million: u32,
}

impl Ratio {
    /// Never.
    pub const ZERO: Ratio = Ratio { in_a_million: 0 };
    /// Always.
    pub const ONE: Ratio = Ratio { in_a_million: 1_000_000 };

    /// In `numerator` of `denominator` cases, as exactly as a millionth.
    ///
    /// # Panics
    ///
    /// When `denominator` is 0, or less than `numerator`.
    #[track_caller]
    pub const fn new(numerator: u32, denominator: u32) -> Self {
        assert!(denominator > 0, "a ratio with a denominator of 0");
        assert!(numerator <= denominator, "a ratio above 1: write the smaller number first");
        let millions = numerator as u64 * 1_000_000 / denominator as u64;
        let in_a_million = if millions == 0 && numerator > 0 { 1 } else { millions as u32 };
        Ratio { in_a_million }
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/1000000", self.in_a_million)
    }
}

/// Decides whether a fault of the program's own strikes here: a choice, whose dull value is no.
///
/// `class` says what goes wrong, in the words of a report: `the power fails`. An exploration draws
/// it by its rate, leaves each class out of every second run, and shrinks a failure to the faults
/// that it takes. Without a seed no fault strikes.
///
/// ```
/// use seedloop::{Ratio, run, strikes};
///
/// let struck = run(async { Ok(strikes("the power fails", Ratio::new(1, 10))) });
/// assert!(!struck.unwrap());
/// ```
#[doc(alias = "buggify")]
pub fn strikes(class: &'static str, ratio: Ratio) -> bool {
    strikes_how(class, ratio, 1) > 0
}

/// Decides which of several ways a fault of this class strikes, from 1; 0 if it does not.
pub(super) fn strikes_how(class: &'static str, ratio: Ratio, ways: u32) -> u32 {
    let rate = FaultRate::new(class, ratio.in_a_million);
    with(|core| core.choose_fault(rate, ways + 1))
}

/// The same for a fault that is to strike later, and is [told](tell_fault) then.
pub(super) fn strikes_later(class: &'static str, ratio: Ratio, ways: u32) -> u32 {
    let rate = FaultRate::new(class, ratio.in_a_million);
    with(|core| core.choose_later_fault(rate, ways + 1))
}

/// Lets the report tell of a fault that strikes now.
pub(super) fn tell_fault(class: &'static str, detail: String) {
    with(|core| core.session.note_fault(class, || detail));
}

/// Decides how many of `count` things, which happen one after the other, have happened when a fault
/// of this class breaks in: one choice, in which each number is as likely as another; 0 if it does
/// not strike.
pub(super) fn strikes_after(class: &'static str, count: usize) -> usize {
    // A choice has fewer alternatives than 2^32.
    let ways = u32::try_from(count).unwrap_or(u32::MAX).min(u32::MAX - 1);
    match ways {
        0 => 0,
        _ => strikes_how(class, Ratio::new(ways, ways + 1), ways) as usize,
    }
}
