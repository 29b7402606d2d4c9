//! What a campaign has come to, in words.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use super::lines::{FailureLine, Header};
use super::pieces::Pieces;
use super::record::Noted;
use super::rounds::round_start;
use super::sample::{Sample, Unseen};
use crate::status::Status;

/// What is told of some shards.
#[derive(Debug)]
pub(super) struct Summary {
    /// The scenario, how it was run, the program.
    what: String,
    /// What replays a case, with `{case}` in its place.
    replay: String,
    /// What makes the runs `{seeds}` again.
    again: String,
    covered: Vec<Range<u64>>,
    holes: Vec<Range<u64>>,
    steps: u64,
    sample: Sample,
    /// By the smallest seed.
    failures: Vec<Noted>,
    unlisted: u64,
}

impl Summary {
    /// None if there is no shard.
    pub(super) fn new(pieces: &Pieces) -> Option<Self> {
        let header = &pieces.records().next()?.header;
        let options = header.options.iter().map(|(name, value)| format!(", {name} {value}"));
        let what =
            format!("{}{}; code {}", header.scenario, options.collect::<String>(), header.code);
        let mut summary = Summary {
            what,
            replay: header
                .replay
                .clone()
                .unwrap_or_else(|| format!("cargo run -- replay {} '{{case}}'", header.scenario)),
            again: again(header),
            covered: pieces.covered(),
            holes: pieces.holes(),
            steps: 0,
            sample: Sample::default(),
            failures: Vec::new(),
            unlisted: 0,
        };
        let mut failures: BTreeMap<&str, Noted> = BTreeMap::new();
        for record in pieces.records() {
            summary.steps = summary.steps.saturating_add(record.steps);
            summary.unlisted = summary.unlisted.saturating_add(record.unlisted);
            summary.sample.merge(&record.sample);
            for noted in &record.failures {
                // One that was found behind `next` has failed once at least.
                let count = noted.count.max(1);
                // Shards come in the order of their seeds, so the first one has the smallest.
                let entry = failures.entry(&noted.line.signature);
                let known = entry.or_insert_with(|| Noted { line: noted.line.clone(), count: 0 });
                known.count = known.count.saturating_add(count);
            }
        }
        summary.failures = failures.into_values().collect();
        summary.failures.sort_by(|one, other| {
            let (one, other) = (&one.line, &other.line);
            (one.seed, &one.signature).cmp(&(other.seed, &other.signature))
        });
        Some(summary)
    }

    /// How a command ends that prints it: whether runs failed matters more than that some are
    /// missing.
    pub(super) fn status(&self) -> Status {
        match (self.failures.is_empty(), self.holes.is_empty()) {
            (false, _) => Status::Failed,
            (true, false) => Status::Incomplete,
            (true, true) => Status::Success,
        }
    }

    /// The same for a command that has run what it was to run: what others have to run does not
    /// count.
    pub(super) fn own_status(&self) -> Status {
        match self.failures.is_empty() {
            true => Status::Success,
            false => Status::Failed,
        }
    }

    fn runs(&self) -> u64 {
        self.covered.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether more than one round tells of orders, so that they can be compared.
    fn has_rounds(&self) -> bool {
        match (self.covered.first(), self.covered.last()) {
            (Some(first), Some(last)) => round_start(first.start) != round_start(last.end - 1),
            _ => false,
        }
    }

    fn orders(&self) -> String {
        let distinct = digits(self.sample.distinct());
        let about = if self.sample.level() > 0 { "about " } else { "" };
        let unseen = self.has_rounds().then(|| self.sample.unseen(self.runs())).flatten();
        let chance = match unseen {
            None => String::new(),
            Some(Unseen::PerMille(part)) => format!("with {}.{} %", part / 10, part % 10),
            Some(Unseen::OneIn(number)) => format!("with 1 in {}", digits(number)),
            Some(Unseen::AtMostOneIn(number)) => format!("with at most 1 in {}", digits(number)),
        };
        let chance = match chance.is_empty() {
            true => chance,
            false => format!("; the next run shows a new one {chance}"),
        };
        format!("{about}{distinct} distinct{chance}")
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "campaign  {}", self.what)?;
        match self.covered.is_empty() {
            true => writeln!(f, "seeds     none yet")?,
            false => writeln!(f, "seeds     {}: {}", listed(&self.covered), runs(self.runs()))?,
        }
        if !self.holes.is_empty() {
            let missing = runs(self.holes.iter().map(|range| range.end - range.start).sum());
            writeln!(f, "missing   {}: {missing}", listed(&self.holes))?;
        }
        writeln!(f, "steps     {}", digits(self.steps))?;
        writeln!(f, "orders    {}", self.orders())?;
        let counts = self.failures.iter().map(|noted| noted.count);
        let failed = runs(counts.fold(self.unlisted, u64::saturating_add));
        match self.failures.len() {
            0 => return writeln!(f, "failures  none"),
            1 => writeln!(f, "failures  1 kind, in {failed}")?,
            kinds => writeln!(f, "failures  {kinds} kinds, in {failed}")?,
        }
        for noted in &self.failures {
            self.failure(f, noted)?;
        }
        if self.unlisted > 0 {
            writeln!(f, "\nfurther kinds, which are not listed, in {}", runs(self.unlisted))?;
        }
        Ok(())
    }
}

impl Summary {
    fn failure(&self, f: &mut fmt::Formatter<'_>, noted: &Noted) -> fmt::Result {
        let FailureLine { seed, kind, message, case, .. } = &noted.line;
        writeln!(f, "\n{kind}, in {}, first at seed {seed}", runs(noted.count))?;
        for line in message.lines() {
            writeln!(f, "{}", format!("  {line}").trim_end())?;
        }
        match case {
            Some(case) => writeln!(f, "  replay: {}", self.replay.replace("{case}", case)),
            None => {
                let seeds = format!("{seed}..{}", seed.saturating_add(1));
                let again = self.again.replace("{seeds}", &seeds);
                writeln!(f, "  no case replays it; what makes the run again: {again}")
            }
        }
    }
}

/// The command that makes the runs `{seeds}` again, into another folder.
fn again(header: &Header) -> String {
    let options = header.options.iter().map(|(name, value)| {
        // How long a run may take stands there with its unit.
        format!(" --{name} {}", value.trim_end_matches(" s"))
    });
    let options: String = options.collect();
    let runs = format!("--seeds {{seeds}} --out DIR{options}");
    let name = &header.scenario;
    // A test has a command of its own to replay it, and its package before its path.
    match name.split_once("::").filter(|_| header.replay.is_some()) {
        Some((package, path)) => format!("cargo seedloop campaign {path} {runs} -- -p {package}"),
        None => format!("cargo run -- campaign {name} {runs}"),
    }
}

fn listed(ranges: &[Range<u64>]) -> String {
    let each = ranges.iter().map(|range| format!("{}..{}", range.start, range.end));
    each.collect::<Vec<_>>().join(", ")
}

fn runs(count: u64) -> String {
    format!("{} run{}", digits(count), if count == 1 { "" } else { "s" })
}

/// A number with a comma before each three digits.
pub(super) fn digits(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::header;
    use super::*;

    #[test]
    fn a_run_without_a_case_is_made_again_as_it_was() {
        let test = Header {
            scenario: "shop::late::sells".to_owned(),
            replay: Some("SEEDLOOP_CASE='{case}' cargo test".to_owned()),
            options: [("patience", "90 s"), ("strategy", "pct:3")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..header(0..9, 0..9, 0, 1)
        };
        let expected = "cargo seedloop campaign late::sells --seeds {seeds} --out DIR \
                        --patience 90 --strategy pct:3 -- -p shop";
        assert_eq!(again(&test), expected);
    }

    #[test]
    fn numbers_have_commas() {
        for (number, text) in [
            (0_u64, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (123_456, "123,456"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(digits(number), text);
        }
    }
}
