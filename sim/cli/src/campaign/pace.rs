//! How often a shard writes how far it is.

use std::time::Duration;

/// How long the runs between two lines of progress take at least, in milliseconds.
pub(super) const SHORTEST_MS: u64 = 5_000;
/// A line comes after this part of the time that has passed, so that a long shard has few: what is
/// made again after a kill is one part in a hundred of what was made.
const PART: u32 = 100;

/// When the next line is due. Times are those of one clock, since some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    began: Duration,
    last: Duration,
    shortest: Duration,
}

impl Pace {
    /// Two lines are `shortest` apart at least.
    pub(super) fn new(now: Duration, shortest: Duration) -> Self {
        Pace { began: now, last: now, shortest }
    }

    /// Tells whether a line is due; then the next one is due later.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let interval = self.shortest.max(now.saturating_sub(self.began) / PART);
        let is_due = now.saturating_sub(self.last) >= interval;
        if is_due {
            self.last = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_rarer() {
        let seconds = Duration::from_secs;
        let mut pace = Pace::new(seconds(100), seconds(5));
        let due: Vec<u64> = (100..130).filter(|now| pace.is_due(seconds(*now))).collect();
        assert_eq!(due, [105, 110, 115, 120, 125]);
        // From 500 s on it is one part in a hundred: 6 s at 600 s, 36 s at an hour.
        let mut pace = Pace::new(seconds(0), seconds(5));
        let due: Vec<u64> = (0..=36_000).filter(|now| pace.is_due(seconds(*now))).collect();
        let gap = |from: u64| {
            let at = due.iter().position(|at| *at >= from).expect("a line");
            due[at + 1] - due[at]
        };
        assert_eq!([gap(490), gap(600), gap(3_600), gap(30_000)], [5, 7, 37, 306]);
        assert!(due.len() < 550, "{}", due.len());
    }
}
