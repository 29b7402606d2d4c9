//! How long something outside takes, where that is not settled: a choice.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::base::ChoiceKind;
use crate::event_loop::with;

/// Into how many steps a range is divided at most; both of its ends can be chosen.
const STEPS: u64 = 1_000;

/// Chooses a duration within `range`; the dull choice is the shortest.
///
/// # Panics
///
/// When the range is empty, or lasts longer than virtual time.
#[track_caller]
pub(super) fn choose_delay(range: RangeInclusive<Duration>) -> Duration {
    let (shortest, span) = (*range.start(), check_range(&range));
    let steps = span.min(STEPS);
    let Ok(bound) = u32::try_from(steps + 1) else { return shortest };
    let value = with(|core| core.choose(ChoiceKind::Delay, bound));
    let part = u128::from(span) * u128::from(value) / u128::from(steps.max(1));
    shortest + Duration::from_nanos(u64::try_from(part).unwrap_or(span))
}

/// Returns how many nanoseconds lie between the ends of a range.
///
/// # Panics
///
/// When the range is empty, or lasts longer than virtual time.
#[track_caller]
pub(super) fn check_range(range: &RangeInclusive<Duration>) -> u64 {
    let (shortest, longest) = (*range.start(), *range.end());
    assert!(
        shortest <= longest,
        "the range of durations from {shortest:?} to {longest:?} is empty; write the shortest first"
    );
    assert!(
        u64::try_from(longest.as_nanos()).is_ok(),
        "a range of {range:?} lasts longer than the 584 years of virtual time"
    );
    u64::try_from((longest - shortest).as_nanos()).unwrap_or(u64::MAX)
}
