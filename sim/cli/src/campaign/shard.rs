//! One shard while it is run: what is known of it, and its file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use super::lines::{FailureLine, Header, Hex, Line, ProgressLine};
use super::pace::Pace;
use super::record::{FAILURES_MAX, Noted, Record, to_line};
use super::source::{Kind, Source, Taken};

/// Where the lines of a shard go: they are only ever appended.
pub(super) trait Store {
    /// Leaves only the first `whole` bytes, and goes on behind them.
    fn cut(&mut self, whole: u64) -> io::Result<()>;
    /// Writes whole lines behind the others.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;
    /// Returns when what was appended outlives a crash of the machine.
    fn sync(&mut self) -> io::Result<()>;
    /// Returns when the name of the file outlives a crash of the machine, too.
    fn sync_name(&mut self) -> io::Result<()>;
}

/// A shard that is run.
#[derive(Debug)]
pub(super) struct Shard<S> {
    store: S,
    record: Record,
    /// The place in the list of each failure, by its signature.
    known: BTreeMap<String, usize>,
    /// Those of them that were found before the process was killed, and have to be found again.
    awaited: BTreeSet<usize>,
    /// What the last line of progress does not tell.
    changed: Changed,
}

#[derive(Debug, Default)]
struct Changed {
    counts: BTreeSet<usize>,
    orders: BTreeSet<u64>,
    /// Up to where it tells, if the shard is further.
    next: Option<u64>,
}

/// Why a shard was not run to its end.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Its file could not be written.
    Unwritable(io::Error),
    /// No more runs could be made.
    NoRuns(io::Error),
    /// A run did not do what it had done when it was made before.
    Differs(String),
}

impl<S: Store> Shard<S> {
    /// Begins a shard in an empty file.
    pub(super) fn begin(mut store: S, header: Header) -> io::Result<Self> {
        store.append(&Line::Header(&header).to_bytes())?;
        store.sync()?;
        store.sync_name()?;
        Ok(Shard::resume(store, Record::new(header)))
    }

    /// Goes on with a shard whose file tells this of it.
    pub(super) fn resume(store: S, record: Record) -> Self {
        let failures = || record.failures.iter().enumerate();
        let known = failures().map(|(at, noted)| (noted.line.signature.clone(), at)).collect();
        let awaited = failures().filter(|(_, noted)| noted.count == 0).map(|(at, _)| at).collect();
        Shard { store, record, known, awaited, changed: Changed::default() }
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// Takes back that the shard was begun.
    pub(super) fn withdraw(&mut self) -> io::Result<()> {
        self.store.cut(0)
    }

    pub(super) fn into_record(self) -> Record {
        self.record
    }

    /// Makes the runs that are left. `clock` tells the time since some moment, `pace` when lines of
    /// progress are due, and `watch` is shown the shard after each part.
    pub(super) fn run(
        &mut self,
        source: &mut dyn Source,
        clock: &dyn Fn() -> Duration,
        mut pace: Pace,
        watch: &mut dyn FnMut(&Record),
    ) -> Result<(), Stopped> {
        let mut stopped = None;
        let seeds = self.record.next..self.record.header.shard.to;
        let known = self.known.keys().cloned().collect();
        let mut sink = |taken: Taken| {
            let done = self.take(taken).and_then(|()| match pace.is_due(clock()) {
                true => self.note_progress().map_err(Stopped::Unwritable),
                false => Ok(()),
            });
            watch(&self.record);
            match done {
                Ok(()) => ControlFlow::Continue(()),
                Err(wrong) => {
                    stopped = Some(wrong);
                    ControlFlow::Break(())
                }
            }
        };
        if !seeds.is_empty() {
            let taken = source.take(seeds, &known, &mut sink);
            if let Some(stopped) = stopped {
                return Err(stopped);
            }
            if let Err(error) = taken {
                // What was run up to now is not lost.
                self.note_progress().map_err(Stopped::Unwritable)?;
                return Err(Stopped::NoRuns(error));
            }
        }
        assert!(self.record.is_done(), "seedloop bug: not all runs of a shard were made");
        self.finish().map_err(Stopped::Unwritable)
    }

    /// Counts some runs. A failure that is met for the first time is written at once.
    fn take(&mut self, taken: Taken) -> Result<(), Stopped> {
        let Taken { runs: seeds, steps, orders, kinds: mut failures } = taken;
        let (next, to) = (self.record.next, self.record.header.shard.to);
        assert!(
            seeds.start == next && seeds.end > next && seeds.end <= to,
            "seedloop bug: runs {seeds:?} come after {next} in a shard up to {to}"
        );
        failures
            .sort_by(|one, other| (one.run, &one.signature).cmp(&(other.run, &other.signature)));
        for failure in failures {
            self.note(failure)?;
        }
        let noted = self.awaited.first().map(|at| &self.record.failures[*at].line);
        if let Some(FailureLine { signature, seed, .. }) = noted.filter(|at| at.seed < seeds.end) {
            return Err(Stopped::Differs(format!(
                "'{signature}' came about at seed {seed} before, and now it does not"
            )));
        }
        for (order, runs) in orders {
            if self.record.sample.see(order, runs, seeds.start) {
                self.changed.orders.insert(order);
            }
        }
        self.changed.next.get_or_insert(next);
        self.record.next = seeds.end;
        self.record.steps = self.record.steps.saturating_add(steps);
        Ok(())
    }

    fn note(&mut self, failure: Kind) -> Result<(), Stopped> {
        let Kind { signature, kind, message, run: seed, case, fingerprint, count } = failure;
        if let Some(at) = self.known.get(&signature) {
            let noted = &mut self.record.failures[*at];
            if noted.line.seed > seed || self.awaited.remove(at) && noted.line.seed != seed {
                let before = noted.line.seed;
                return Err(Stopped::Differs(format!(
                    "'{signature}' first came about at seed {before} before, and now at {seed}"
                )));
            }
            noted.count = noted.count.saturating_add(count);
            self.changed.counts.insert(*at);
            return Ok(());
        }
        let at = self.record.failures.len();
        if at == FAILURES_MAX {
            self.record.unlisted = self.record.unlisted.saturating_add(count);
            return Ok(());
        }
        let (id, fingerprint) = (u32::try_from(at).unwrap_or(u32::MAX), Hex(fingerprint));
        let case = case.map(|case| case.to_string());
        let line = FailureLine { id, seed, kind, signature, message, case, fingerprint };
        let written = Line::Failure(line.clone()).to_bytes();
        self.store.append(&written).map_err(Stopped::Unwritable)?;
        self.known.insert(line.signature.clone(), at);
        self.record.failures.push(Noted { line, count });
        self.changed.counts.insert(at);
        Ok(())
    }

    /// Writes how far the shard is, and sees to it that this is kept.
    fn note_progress(&mut self) -> io::Result<()> {
        let Some(from) = self.changed.next else { return Ok(()) };
        self.store.append(&self.progress_line(from))?;
        self.changed = Changed::default();
        self.store.sync()
    }

    fn progress_line(&self, from: u64) -> Vec<u8> {
        let Record { next, steps, failures, unlisted, sample, .. } = &self.record;
        let count = |at: &usize| (failures[*at].line.id, failures[*at].count);
        let orders = self.changed.orders.iter();
        let orders = orders.filter_map(|order| Some(to_line((*order, sample.get(*order)?))));
        let line = ProgressLine {
            from,
            next: *next,
            steps: *steps,
            counts: self.changed.counts.iter().map(count).collect(),
            unlisted: *unlisted,
            level: sample.level(),
            orders: orders.collect(),
        };
        Line::Progress(line).to_bytes()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.note_progress()?;
        self.store.append(&Line::Done {}.to_bytes())?;
        self.store.sync()
    }
}
