//! The words for an event. Some need what came before it (a first step, what is ready), one what
//! comes after (what a choice let run), so that events are told in order.

use std::collections::BTreeSet;
use std::slice::Iter;

use super::names::{Names, at, fault_text};
use super::text::one_line;
use crate::base::{
    Awaited, ChoiceKind, Event, Instant, LogEntry, Record, Source, StepEnd, TaskNumber,
    awaited_name,
};
use crate::event_loop::{Line, SWITCH, YIELD};
use crate::runner::Outcome;

/// How many of the tasks that were ready too a line names.
const OTHERS_MAX: usize = 5;

/// What a call of the loop's own is called.
const CALLBACK: &str = "a callback";

/// A line of the trace, in columns.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) time: Instant,
    pub(super) step: u64,
    pub(super) who: String,
    pub(super) what: String,
}

/// Tells the events of a run in their order.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    names: Names,
    /// What is still to be printed.
    lines: Iter<'a, Line>,
    /// What was logged.
    log: &'a [LogEntry],
    /// What is known of the faults.
    details: &'a [String],
    /// Who acts: the task whose step it is, or the loop between steps.
    acting: Source,
    started: BTreeSet<TaskNumber>,
    /// The tasks that are ready, in the order in which they became so.
    ready: Vec<TaskNumber>,
    now: Instant,
}

impl<'a> Teller<'a> {
    pub(super) fn new<T>(outcome: &'a Outcome<T>) -> Self {
        // Of a long run the first events are forgotten, and the lines that they printed are not.
        let is_printed = |record: &&Record| matches!(record.event, Event::Printed { .. });
        let printed = outcome.records.iter().filter(is_printed).count();
        let forgotten = outcome.lines.len().saturating_sub(printed);
        Teller {
            names: Names::of(outcome),
            lines: outcome.lines[forgotten..].iter(),
            log: &outcome.log,
            details: &outcome.fault_details,
            acting: Source::Loop,
            started: outcome.forgotten.started().collect(),
            ready: outcome.forgotten.ready(),
            now: outcome.forgotten.time,
        }
    }

    /// Tells one event; `next` is what happened after it.
    pub(super) fn tell(&mut self, record: &Record, next: Option<&Record>) -> Row {
        let (who, what) = self.who_and_what(record, next);
        let what = format!("{what}{}", at(record.place));
        self.moved_to(record.time);
        Row { time: record.time, step: record.step, who: self.names.source(who), what }
    }

    /// What has been told was at this time.
    pub(super) fn moved_to(&mut self, time: Instant) {
        self.now = time;
    }

    /// Who acts, and what happens, without its place.
    pub(super) fn who_and_what(
        &mut self,
        record: &Record,
        next: Option<&Record>,
    ) -> (Source, String) {
        match record.event {
            Event::Spawned { task, by } => (by, format!("spawns {}", self.names.task(task))),
            Event::StepStarted { task } => (Source::Task(task), self.start(task).to_owned()),
            Event::StepEnded { task, end } => {
                self.acting = Source::Loop;
                (Source::Task(task), end_of(end).to_owned())
            }
            Event::Waits { task, operation, on } => (Source::Task(task), self.wait(operation, on)),
            Event::Woken { task, by } => (by, self.wake(task, by)),
            Event::CancelRequested { task, by } => {
                (by, format!("cancels {}", self.other(task, by)))
            }
            Event::Callback { operation } => {
                (Source::Loop, format!("runs a callback: {operation}"))
            }
            Event::ClockMoved => (self.acting, self.move_clock(record.time)),
            Event::Chosen { kind: ChoiceKind::Ready, .. } => (Source::Loop, self.pick(next)),
            Event::Chosen { kind, bound, value } => {
                let kind = format!("{kind:?}").to_lowercase();
                (self.acting, format!("chooses {kind} {value} of 0..{bound}"))
            }
            Event::Printed { .. } => self.print(),
            Event::Logged { entry, by } => (by, self.logged(entry)),
            Event::Struck { task, drops } => {
                let struck = if drops { "drops" } else { "cancels" };
                (Source::Loop, format!("{struck} {} at an await", self.names.task(task)))
            }
            Event::Faulted { class, detail } => {
                (self.acting, format!("fault: {}", fault_text(class, self.details, detail)))
            }
            Event::Joined { task, ended } => {
                (Source::Task(task), format!("finds {} ended", self.names.task(ended)))
            }
            Event::Dropped { task } => (Source::Loop, format!("drops {}", self.names.task(task))),
            Event::Phase { name } => (Source::Loop, format!("begins to {name}")),
            Event::Resource { operation, resource, by } => {
                (by, format!("{}: {operation}", self.names.resource(resource).1))
            }
            Event::Outside { operation, number } => {
                let what = match operation.strip_prefix("host ") {
                    Some(what) => format!("{}: {what}", self.names.host(number)),
                    None => format!("{operation} #{number}"),
                };
                (Source::Outside, what)
            }
        }
    }

    fn start(&mut self, task: TaskNumber) -> &'static str {
        self.acting = Source::Task(task);
        self.ready.retain(|ready| *ready != task);
        if self.started.insert(task) { "starts" } else { "goes on" }
    }

    fn wake(&mut self, task: TaskNumber, by: Source) -> String {
        self.ready.push(task);
        match self.started.contains(&task) {
            true => format!("wakes {}", self.other(task, by)),
            false => format!("makes {} ready", self.other(task, by)),
        }
    }

    /// The name of the task to which `by` does something.
    fn other(&self, task: TaskNumber, by: Source) -> String {
        if by == Source::Task(task) { "itself".to_owned() } else { self.names.task(task) }
    }

    fn wait(&self, operation: &str, on: Awaited) -> String {
        match (operation, on) {
            (YIELD, _) => "gives way".to_owned(),
            (SWITCH, Awaited::Resource(number)) => {
                format!("gives way before {}", self.names.resource(number).1)
            }
            (SWITCH, _) => "gives way before its await".to_owned(),
            _ => format!("waits for {}", self.awaited(operation, on)),
        }
    }

    fn awaited(&self, operation: &str, on: Awaited) -> String {
        match (on, operation) {
            (Awaited::Task(task), _) => self.names.task(task),
            (Awaited::Resource(number), _) => {
                let (kind, name) = self.names.resource(number);
                awaited_name(kind, name, operation)
            }
            (Awaited::Gather, _) => "gather".to_owned(),
            (Awaited::Unnumbered, "task") => "a task".to_owned(),
            (Awaited::Unnumbered, "future") => "a future".to_owned(),
            (Awaited::Unnumbered, "wait") => "several futures".to_owned(),
            (Awaited::Unnumbered, _) => operation.to_owned(),
        }
    }

    /// Outside of a task the loop has nothing to do till then; inside, the task keeps it waiting.
    fn move_clock(&self, to: Instant) -> String {
        let by = Instant::START + to.duration_since(self.now);
        match self.acting {
            Source::Task(_) => format!("blocks the loop for {by}"),
            Source::Loop | Source::Outside => format!("moves the clock on by {by}"),
        }
    }

    fn pick(&self, next: Option<&Record>) -> String {
        let picked = picked(next).map_or_else(|| CALLBACK.to_owned(), |task| self.names.task(task));
        let others = self.passed_over(next, OTHERS_MAX);
        match others.is_empty() {
            true => format!("picks {picked}"),
            false => format!("picks {picked} ahead of {}", others.join(", ")),
        }
    }

    /// The tasks that are ready too when one is picked, in the order in which they became so; at
    /// most so many, and then how many more there are.
    pub(super) fn passed_over(&self, next: Option<&Record>, most: usize) -> Vec<String> {
        let picked = picked(next);
        let others = || self.ready.iter().filter(|ready| Some(**ready) != picked);
        let mut names: Vec<String> =
            others().take(most).map(|task| self.names.task(*task)).collect();
        let more = others().count().saturating_sub(most);
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        names
    }

    /// The event knows only a hash; the transcript has the texts, in the same order.
    fn print(&mut self) -> (Source, String) {
        let Some(line) = self.lines.next() else {
            return (self.acting, "prints a line beyond the limit".to_owned());
        };
        let who = if line.task == 0 { Source::Loop } else { Source::Task(line.task) };
        match line.text.is_empty() {
            true => (who, "prints an empty line".to_owned()),
            false => (who, format!("prints: {}", one_line(&line.text))),
        }
    }

    fn logged(&self, entry: u32) -> String {
        match self.log.get((entry as usize).wrapping_sub(1)) {
            Some(entry) => format!("logs: {} {}", entry.level, one_line(&entry.text)),
            None => "logs something beyond the limit".to_owned(),
        }
    }
}

/// What happened after each record, for [`Teller::tell`]: whether what was picked is struck before
/// it runs is passed over.
pub(super) fn nexts(records: &[Record]) -> impl Iterator<Item = Option<&Record>> {
    let is_before_step = |record: &Record| {
        let is_cancel = matches!(record.event, Event::Chosen { kind: ChoiceKind::Cancel, .. });
        is_cancel || matches!(record.event, Event::Struck { .. })
    };
    (1..=records.len()).map(move |after| {
        let mut rest = records[after..].iter();
        rest.find(|record| !is_before_step(record))
    })
}

/// The task whose step comes next.
fn picked(next: Option<&Record>) -> Option<TaskNumber> {
    match next?.event {
        Event::StepStarted { task } => Some(task),
        _ => None,
    }
}

fn end_of(end: StepEnd) -> &'static str {
    match end {
        StepEnd::Waits => "suspends",
        StepEnd::Yields => "gives way",
        StepEnd::Returned => "returns",
        StepEnd::Failed => "fails",
        StepEnd::Cancelled => "ends cancelled",
        StepEnd::Panicked => "panics",
    }
}
