//! What is known of one shard.

use super::lines::{FailureLine, Header, Hex, Line, ProgressLine};
use super::sample::{Sample, Seen};

/// How many ways of failing a shard lists. What fails in further ways is only counted.
pub(super) const FAILURES_MAX: usize = seedloop::explore::KINDS_MAX;

/// What is known of one shard: the runs from its first seed up to `next`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) header: Header,
    pub(super) next: u64,
    pub(super) steps: u64,
    /// By the first seed, then the signature: that is the order in which they are found.
    pub(super) failures: Vec<Noted>,
    /// How many runs failed in ways that have no place in the list.
    pub(super) unlisted: u64,
    pub(super) sample: Sample,
}

/// A failure that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) line: FailureLine,
    /// In how many runs before `next`: 0 for one that was found behind it, before the process was
    /// killed.
    pub(super) count: u64,
}

impl Noted {
    fn place(&self) -> (u64, &str) {
        (self.line.seed, &self.line.signature)
    }
}

impl Record {
    /// That of a shard of which nothing has run.
    pub(super) fn new(header: Header) -> Self {
        let next = header.shard.from;
        let (steps, failures, unlisted) = (0, Vec::new(), 0);
        Record { header, next, steps, failures, unlisted, sample: Sample::default() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.next == self.header.shard.to
    }

    pub(super) fn runs(&self) -> u64 {
        self.next - self.header.shard.from
    }

    /// Takes over a line that was read.
    ///
    /// # Errors
    ///
    /// Why it can't stand there.
    pub(super) fn add_failure(&mut self, line: FailureLine) -> Result<(), String> {
        let FailureLine { id, seed, .. } = line;
        let shard = self.header.shard;
        if id as usize != self.failures.len() || self.failures.len() == FAILURES_MAX {
            return Err(format!("failure {id} follows {} others", self.failures.len()));
        }
        if !(self.next..shard.to).contains(&seed) {
            return Err(format!("seed {seed} is not from {} to {}", self.next, shard.to));
        }
        let noted = Noted { line, count: 0 };
        if self.failures.last().is_some_and(|last| last.place() >= noted.place()) {
            return Err("failures are not in the order of their seeds".to_owned());
        }
        if self.failures.iter().any(|known| known.line.signature == noted.line.signature) {
            return Err(format!("'{}' is there twice", noted.line.signature));
        }
        self.failures.push(noted);
        Ok(())
    }

    /// Takes over a line that was read.
    ///
    /// # Errors
    ///
    /// Why it can't stand there.
    pub(super) fn add_progress(&mut self, line: ProgressLine) -> Result<(), String> {
        let ProgressLine { from, next, steps, counts, unlisted, level, orders } = line;
        let shard = self.header.shard;
        if from != self.next {
            let before = self.next;
            return Err(format!(
                "it goes on from seed {from}, and the lines before it tell up to {before}: there \
                 are others between them, or they are not in their order"
            ));
        }
        if !(self.next..=shard.to).contains(&next) {
            return Err(format!("next is {next}, and not from {} to {}", self.next, shard.to));
        }
        if steps < self.steps || unlisted < self.unlisted {
            return Err("a count falls".to_owned());
        }
        (self.next, self.steps, self.unlisted) = (next, steps, unlisted);
        for (id, count) in counts {
            let noted = self.failures.get_mut(id as usize);
            let noted = noted.ok_or_else(|| format!("there is no failure {id}"))?;
            if count <= noted.count || noted.line.seed >= next {
                return Err(format!("failure {id} can't have been in {count} runs"));
            }
            noted.count = count;
        }
        if self.failures.iter().any(|noted| noted.line.seed < next && noted.count == 0) {
            return Err("a failure is not counted".to_owned());
        }
        let seen =
            |(order, runs, first, last): (Hex, _, _, _)| (order.0, Seen { runs, first, last });
        let orders: Vec<_> = orders.into_iter().map(seen).collect();
        match self.sample.replace(level, &orders) {
            true => Ok(()),
            false => Err("the sample of orders can't be such".to_owned()),
        }
    }

    /// The lines that tell all of it, in as few as there can be.
    pub(super) fn write_to(&self, bytes: &mut Vec<u8>) {
        Line::Header(&self.header).write_to(bytes);
        let (before, behind): (Vec<&Noted>, Vec<&Noted>) =
            self.failures.iter().partition(|noted| noted.line.seed < self.next);
        let write = |noted: Vec<&Noted>, bytes: &mut Vec<u8>| {
            noted.iter().for_each(|noted| Line::Failure(noted.line.clone()).write_to(bytes));
        };
        write(before, bytes);
        let counted = self.failures.iter().filter(|noted| noted.count > 0);
        let progress = ProgressLine {
            from: self.header.shard.from,
            next: self.next,
            steps: self.steps,
            counts: counted.map(|noted| (noted.line.id, noted.count)).collect(),
            unlisted: self.unlisted,
            level: self.sample.level(),
            orders: self.sample.orders().map(to_line).collect(),
        };
        Line::Progress(progress).write_to(bytes);
        write(behind, bytes);
        if self.is_done() {
            Line::Done {}.write_to(bytes);
        }
    }

    /// Joins what is known of the same shard from two files: what one of them knows further.
    ///
    /// # Errors
    ///
    /// How they contradict each other: what both know must be the same.
    pub(super) fn join(self, other: Record) -> Result<Record, String> {
        let (near, mut far) = if self.next <= other.next { (self, other) } else { (other, self) };
        agree(&near, &far)?;
        // What was found behind `next` before the process was killed may be known to one alone.
        for noted in near.failures.iter().filter(|noted| noted.line.seed >= far.next) {
            if !far.failures.iter().any(|other| other.line.signature == noted.line.signature) {
                far.failures.push(noted.clone());
            }
        }
        far.failures.sort_by(|one, other| one.place().cmp(&other.place()));
        far.failures.truncate(FAILURES_MAX);
        for (id, noted) in far.failures.iter_mut().enumerate() {
            noted.line.id = u32::try_from(id).unwrap_or(u32::MAX);
        }
        Ok(far)
    }
}

/// An order of the sample, as a line of progress tells it.
pub(super) fn to_line((order, seen): (u64, Seen)) -> (Hex, u64, u64, u64) {
    (Hex(order), seen.runs, seen.first, seen.last)
}

/// Whether `far` can be what `near` has become.
fn agree(near: &Record, far: &Record) -> Result<(), String> {
    let find = |record: &'_ Record, signature: &str| {
        record.failures.iter().find(|noted| noted.line.signature == signature).cloned()
    };
    for (one, other) in [(near, far), (far, near)] {
        for noted in &one.failures {
            let FailureLine { seed, signature, .. } = &noted.line;
            match find(other, signature) {
                Some(same) => {
                    // Its number tells only what else was found.
                    let line = FailureLine { id: noted.line.id, ..same.line };
                    if line != noted.line {
                        return Err(format!("'{signature}' is not the same in both"));
                    }
                }
                None if *seed < other.next => {
                    return Err(format!("'{signature}' at seed {seed} is in one of them only"));
                }
                None => {}
            }
        }
    }
    let falls = |noted: &Noted| {
        find(far, &noted.line.signature).is_some_and(|later| later.count < noted.count)
    };
    if near.steps > far.steps || near.unlisted > far.unlisted || near.failures.iter().any(falls) {
        return Err(format!("at seed {} more had been counted than at {}", near.next, far.next));
    }
    let is_kept = |(order, seen): (u64, Seen)| match far.sample.get(order) {
        Some(later) => {
            later.runs >= seen.runs && later.first == seen.first && later.last >= seen.last
        }
        None => far.sample.level() > near.sample.level(),
    };
    let is_same = near.next < far.next
        || (near.steps, near.unlisted, &near.sample) == (far.steps, far.unlisted, &far.sample)
            && !near.failures.iter().any(|noted| {
                find(far, &noted.line.signature).is_some_and(|same| same.count != noted.count)
            });
    if near.sample.level() > far.sample.level() || !near.sample.orders().all(is_kept) || !is_same {
        return Err(format!("the runs up to seed {} came to other things", near.next));
    }
    Ok(())
}
