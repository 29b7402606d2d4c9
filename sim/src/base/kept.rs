//! What is kept of a run for those who look at it: all events, or the last ones.

use std::collections::{BTreeMap, VecDeque};

use super::{Event, Instant, LogEntry, Record, TaskNumber};

/// What is not kept of a run that was longer than its record: an exploration keeps the last events
/// of a run, 262,144 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// How many events are not kept: the first ones, or, of a step that has more than are kept
    /// in all, those that follow its beginning.
    pub events: u64,
    /// How many steps and callbacks began before those that are kept.
    pub steps: u64,
    /// Of the step that comes next in the record only the beginning and the end are kept.
    pub(crate) is_within_step: bool,
    /// When the last of these events was.
    pub(crate) time: Instant,
    /// The tasks that they were about.
    pub(crate) tasks: BTreeMap<TaskNumber, Past>,
}

/// What a task did in events that are not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// How many steps it began.
    pub(crate) steps: u32,
    /// The number of the event that has made it ready, if it had not run since.
    ready_since: Option<u64>,
}

impl Forgotten {
    /// How many steps of a task are not kept.
    pub(crate) fn steps_of(&self, task: TaskNumber) -> u32 {
        self.tasks.get(&task).map_or(0, |past| past.steps)
    }

    /// The tasks that had begun by then.
    pub(crate) fn started(&self) -> impl Iterator<Item = TaskNumber> {
        self.tasks.iter().filter(|(_, past)| past.steps > 0).map(|(task, _)| *task)
    }

    /// The tasks that were ready then, in the order in which they became so.
    pub(crate) fn ready(&self) -> Vec<TaskNumber> {
        let since = |(task, past): (&TaskNumber, &Past)| Some((past.ready_since?, *task));
        let mut ready: Vec<_> = self.tasks.iter().filter_map(since).collect();
        ready.sort_unstable();
        ready.into_iter().map(|(_, task)| task).collect()
    }

    fn count(&mut self, record: &Record) {
        self.events += 1;
        self.time = record.time;
        match record.event {
            Event::StepStarted { task } => {
                self.steps += 1;
                let past = self.tasks.entry(task).or_default();
                past.steps += 1;
                past.ready_since = None;
            }
            Event::Callback { .. } => self.steps += 1,
            Event::Woken { task, .. } => {
                self.tasks.entry(task).or_default().ready_since = Some(self.events);
            }
            _ => {}
        }
    }
}

/// The events of a run, with what it logged.
#[derive(Debug)]
pub(super) struct Kept {
    records: Vec<Record>,
    /// How many there are at most: beyond that the older half is forgotten.
    records_max: usize,
    /// The entries to which the last records of their kind belong.
    log: VecDeque<LogEntry>,
    /// How many entries are forgotten, and how many records that named one.
    entries_forgotten: u64,
    named_forgotten: u64,
    forgotten: Forgotten,
}

impl Kept {
    /// Of at most so many records, and sixteen at least.
    pub(super) fn new(records_max: usize) -> Self {
        Kept {
            records: Vec::new(),
            records_max: records_max.max(16),
            log: VecDeque::new(),
            entries_forgotten: 0,
            named_forgotten: 0,
            forgotten: Forgotten::default(),
        }
    }

    pub(super) fn push(&mut self, record: Record) {
        if self.records.len() >= self.records_max {
            self.forget();
        }
        self.records.push(record);
    }

    /// Adds an entry to the log, of which the last ones are kept.
    #[cfg(feature = "tracing")]
    pub(super) fn log(
        &mut self,
        entry: LogEntry,
        entries_max: usize,
        record: impl FnOnce(u32) -> Record,
    ) {
        self.log.push_back(entry);
        if self.log.len() > entries_max {
            self.log.pop_front();
            self.entries_forgotten += 1;
        }
        let number = self.entries_forgotten + self.log.len() as u64;
        self.push(record(number as u32));
    }

    /// Forgets about half: up to where a step begins or what stands between two, so that it is
    /// whole steps that are kept. Of one that is too long for that its beginning stays.
    #[inline(never)]
    fn forget(&mut self) {
        let half = self.records.len() / 2;
        let is_between = |at: &usize| {
            let (before, here) = (self.records[at - 1].event, self.records[*at].event);
            matches!(before, Event::StepEnded { .. }) || begins(here)
        };
        let mut between = half..half + half / 2;
        self.forgotten.is_within_step = false;
        if let Some(until) = between.find(is_between) {
            self.forget_until(until);
            return;
        }
        let ends = |record: &Record| matches!(record.event, Event::StepEnded { .. });
        let turn =
            self.records[..half].iter().rposition(|other| begins(other.event) || ends(other));
        match turn.filter(|turn| begins(self.records[*turn].event)) {
            Some(begin) => {
                self.forgotten.is_within_step = true;
                let begin = self.records.remove(begin);
                self.forget_until(half - 1);
                self.records.insert(0, begin);
            }
            None => self.forget_until(half),
        }
    }

    fn forget_until(&mut self, until: usize) {
        for record in self.records.drain(..until) {
            self.forgotten.count(&record);
            if let Event::Logged { .. } = record.event {
                self.named_forgotten += 1;
            }
        }
        while self.entries_forgotten < self.named_forgotten {
            self.log.pop_front();
            self.entries_forgotten += 1;
        }
    }

    /// The records, the entries that they name, by their numbers among these, and what is known of
    /// the rest.
    pub(super) fn finish(mut self) -> (Vec<Record>, Vec<LogEntry>, Forgotten) {
        if self.entries_forgotten > 0 {
            let (before, count) = (self.entries_forgotten as u32, self.log.len());
            for record in &mut self.records {
                if let Event::Logged { entry, .. } = &mut record.event {
                    let number = entry.wrapping_sub(before);
                    *entry = if number as usize <= count { number } else { 0 };
                }
            }
        }
        (self.records, self.log.into(), self.forgotten)
    }
}

/// Tells whether it begins what the table of a report counts as a step.
fn begins(event: Event) -> bool {
    matches!(event, Event::StepStarted { .. } | Event::Callback { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Source, StepEnd};

    fn record(step: u64, event: Event) -> Record {
        Record { step, time: Instant::from_nanos(step), event, place: None }
    }

    /// A step in which a task makes ready another one, and waits.
    fn step(kept: &mut Kept, step: u64, task: TaskNumber, wakes: TaskNumber) {
        kept.push(record(step, Event::StepStarted { task }));
        kept.push(record(step, Event::Woken { task: wakes, by: Source::Task(task) }));
        kept.push(record(step, Event::StepEnded { task, end: StepEnd::Waits }));
    }

    /// Of sixteen records the first nine are forgotten: up to the beginning of the first step in
    /// the second half.
    #[test]
    fn whole_steps_are_kept_and_the_others_are_counted() {
        let mut kept = Kept::new(16);
        for (number, (task, wakes)) in (1..).zip([(1, 4), (2, 3), (1, 2), (1, 3), (5, 6), (5, 7)]) {
            step(&mut kept, number, task, wakes);
        }
        let (records, _, forgotten) = kept.finish();
        assert_eq!(records.len(), 9);
        assert_eq!((records[0].step, records[0].event), (4, Event::StepStarted { task: 1 }));
        assert_eq!((forgotten.events, forgotten.steps), (9, 3));
        assert!(!forgotten.is_within_step);
        assert_eq!(forgotten.time, Instant::from_nanos(3));
        assert_eq!([1, 2, 3].map(|task| forgotten.steps_of(task)), [2, 1, 0]);
        assert_eq!(forgotten.started().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(forgotten.ready(), [4, 3, 2]);
    }

    #[test]
    fn a_step_that_is_too_long_keeps_its_beginning_and_its_end() {
        let mut kept = Kept::new(16);
        step(&mut kept, 1, 1, 2);
        kept.push(record(2, Event::StepStarted { task: 2 }));
        for text in 0..100 {
            kept.push(record(2, Event::Printed { text }));
        }
        let records = &kept.records;
        assert_eq!(records[0].event, Event::StepStarted { task: 2 });
        assert_eq!(records[records.len() - 1].event, Event::Printed { text: 99 });
        assert_eq!((kept.forgotten.steps, kept.forgotten.is_within_step), (1, true));
        assert_eq!(kept.forgotten.events + records.len() as u64, 104);
        // What comes after it is whole again.
        kept.push(record(2, Event::StepEnded { task: 2, end: StepEnd::Waits }));
        for number in 3..9 {
            step(&mut kept, number, 1, 2);
        }
        let (records, _, forgotten) = kept.finish();
        assert_eq!(records[0].event, Event::StepStarted { task: 1 });
        assert_eq!(forgotten.steps + 1, records[0].step);
        assert!(!forgotten.is_within_step);
    }

    /// A livelock that logs in each step, of which a few steps are kept, or fewer entries.
    #[cfg(feature = "tracing")]
    #[test]
    fn entries_of_the_log_are_forgotten_with_their_events() {
        let log = |entries_max| {
            let mut kept = Kept::new(16);
            for number in 1..=1_000 {
                kept.push(record(number, Event::StepStarted { task: 1 }));
                let entry = LogEntry { level: "DEBUG", text: format!("in step {number}") };
                let by = Source::Task(1);
                kept.log(entry, entries_max, |entry| record(number, Event::Logged { entry, by }));
                kept.push(record(number, Event::StepEnded { task: 1, end: StepEnd::Yields }));
                assert!(kept.log.len() <= entries_max.min(6));
            }
            let (records, log, _) = kept.finish();
            let named = records.iter().filter_map(|record| match record.event {
                Event::Logged { entry, .. } => Some((record.step, entry)),
                _ => None,
            });
            let text = |entry: u32| Some(log.get(entry.checked_sub(1)? as usize)?.text.clone());
            named.map(|(step, entry)| (step, text(entry))).collect::<Vec<_>>()
        };
        let all = log(usize::MAX);
        assert!(all.len() >= 3 && all[all.len() - 1].0 == 1_000);
        assert!(all.iter().all(|(step, text)| *text == Some(format!("in step {step}"))), "{all:?}");
        let [.., (998, None), (999, None), (1_000, Some(last))] = &log(1)[..] else {
            panic!("only the last one is kept: {:?}", log(1));
        };
        assert_eq!(last, "in step 1000");
    }
}
