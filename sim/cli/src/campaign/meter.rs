//! How far a campaign is, for who looks at it.

use std::time::Duration;

use super::summary::digits;
use crate::output::Output;

/// How often a terminal shows it.
const ON_TERMINAL: Duration = Duration::from_millis(100);
/// How often a line is written elsewhere.
const ELSEWHERE: Duration = Duration::from_secs(60);
/// How many cells the bar has.
const CELLS: u64 = 20;

/// Tells how far the shards of this process are.
#[derive(Debug)]
pub(super) struct Meter {
    began: Duration,
    /// When it was told last.
    told: Option<Duration>,
    /// How many runs there are, and how many had been made by an earlier process.
    total: u64,
    before: u64,
}

impl Meter {
    /// That of `total` runs.
    pub(super) fn new(now: Duration, total: u64) -> Self {
        Meter { began: now, told: None, total, before: 0 }
    }

    /// Takes so many runs for made, but not in the time that it measures.
    pub(super) fn skip(&mut self, runs: u64) {
        self.before += runs;
    }

    /// Tells that `made` runs are made, if it is time to, and of the failures so far.
    pub(super) fn tell(
        &mut self,
        now: Duration,
        made: u64,
        failures: usize,
        output: &mut Output<'_>,
    ) {
        let shows = output.shows_progress();
        let interval = if shows { ON_TERMINAL } else { ELSEWHERE };
        let told = match shows {
            true => self.told,
            // The first line comes after a minute: a short campaign has none.
            false => Some(self.told.unwrap_or(self.began)),
        };
        if told.is_some_and(|told| now.saturating_sub(told) < interval) {
            return;
        }
        self.told = Some(now);
        let text = self.text(now, made, failures);
        match shows {
            true => output.progress(format_args!("{} {text}", self.bar(made))),
            false => output.complain_unflushed(text),
        }
    }

    fn bar(&self, made: u64) -> String {
        let full = share(made, self.total, CELLS);
        let cell = |at| if at < full { '#' } else { '.' };
        format!("[{}]", (0..CELLS).map(cell).collect::<String>())
    }

    fn text(&self, now: Duration, made: u64, failures: usize) -> String {
        let per_mille = share(made, self.total, 1_000);
        let (percent, tenth) = (per_mille / 10, per_mille % 10);
        let spent = now.saturating_sub(self.began).as_millis();
        let runs = u128::from(made.saturating_sub(self.before));
        let failures = match failures {
            0 => String::new(),
            1 => ", 1 kind of failure".to_owned(),
            count => format!(", {count} kinds of failure"),
        };
        let mut text = format!("{percent}.{tenth} %, {} runs", digits(made));
        if runs > 0 && spent > 0 {
            let left = u128::from(self.total.saturating_sub(made)) * spent / runs / 1_000;
            let rate = digits(runs * 1_000 / spent);
            text.push_str(&format!(", {rate}/s, {} left", duration(left)));
        }
        text + &failures
    }
}

/// What part of `parts` a number is of another.
fn share(number: u64, of: u64, parts: u64) -> u64 {
    let share = u128::from(number) * u128::from(parts) / u128::from(of.max(1));
    u64::try_from(share).unwrap_or(parts)
}

/// Seconds in the two units that tell most.
fn duration(seconds: u128) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", digits(days), hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen of a meter of 1,000 runs, 100 of which were made before, one a second.
    fn seen(shows: bool, tells: impl Iterator<Item = u64>) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut out, &mut err).with_progress(shows);
        let mut meter = Meter::new(Duration::from_secs(7), 1_000);
        meter.skip(100);
        for tenths in tells {
            let now = Duration::from_secs(7) + Duration::from_millis(tenths * 50);
            meter.tell(now, 100 + tenths / 20, usize::from(tenths >= 2_000), &mut output);
        }
        assert!(out.is_empty());
        String::from_utf8(err).expect("text")
    }

    #[test]
    fn a_terminal_has_a_bar_ten_times_a_second() {
        let shown = seen(true, 0..=21);
        let shown: Vec<&str> = shown.split("\r\x1b[K").collect();
        assert_eq!(shown.len(), 12);
        assert_eq!(shown[1], "[##..................] 10.0 %, 100 runs");
        assert_eq!(shown[11], "[##..................] 10.1 %, 101 runs, 1/s, 14 min 59 s left");
    }

    #[test]
    fn a_log_has_a_line_a_minute() {
        let lines = "\
16.0 %, 160 runs, 1/s, 14 min 0 s left
22.0 %, 220 runs, 1/s, 13 min 0 s left, 1 kind of failure
";
        assert_eq!(seen(false, 0..3_000), lines);
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h 0 min"),
            (90_061, "1 d 1 h"),
            (864_000_000, "10,000 d 0 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
