//! The steps of a recorded run, with what each does and what is not as in the dull run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::names::{at, fault_text};
use super::operations::{has_ended, is_internal, keys_of};
use super::text::one_line;
use super::wording::{Row, Teller, nexts};
use crate::base::{
    Awaited, ChoiceKind, Event, Place, Record, Result, Source, StepEnd, TaskKey, TaskNumber,
};
use crate::event_loop::{SWITCH, YIELD};
use crate::explore::{Case, Held};
use crate::runner::Outcome;

/// One step of a run.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// The task; none for a call of the loop's own.
    pub(super) task: Option<TaskNumber>,
    /// What it does.
    pub(super) parts: Vec<Part>,
    /// What is not as in the dull run.
    pub(super) deviates: Vec<Cow<'static, str>>,
    /// The resources that it touches.
    pub(super) touched: BTreeSet<u32>,
    /// The tasks that are held from here on, with the place at which they stand.
    pub(super) held: Vec<(TaskNumber, Part)>,
}

/// One thing that a step does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    /// Where, as a file and a line; empty where nobody knows.
    pub(super) place: String,
}

impl Part {
    /// How much is lost with it where there is no room for all.
    pub(super) fn telling(&self) -> u32 {
        match self.text.split([' ', ':']).next() {
            _ if self.place.is_empty() => 0,
            Some("spawns" | "prints") => 1,
            _ => 2,
        }
    }

    /// What warns is cut, and not left out.
    pub(super) fn may_be_left_out(&self) -> bool {
        !self.text.starts_with("logs: ")
    }
}

/// Reads the steps off a run of a case.
pub(super) fn steps_of(outcome: &Outcome<Result<()>>, case: &Case) -> Vec<Step> {
    let mut reader = Reader::new(outcome, case);
    let mut teller = Teller::new(outcome);
    for (record, next) in outcome.records.iter().zip(nexts(&outcome.records)) {
        let Row { what, .. } = teller.tell(record, next);
        reader.read(record, part_of(&what, record.place));
    }
    reader.steps
}

/// What is said of a record, with its place named by file and line alone: the folders stand in the
/// message and the race.
fn part_of(what: &str, place: Option<Place>) -> Part {
    let long = at(place);
    let text = one_line(what.strip_suffix(&long).unwrap_or(what));
    let place = if long.is_empty() { String::new() } else { short(place) };
    Part { text, place }
}

fn short(place: Option<Place>) -> String {
    let file = |place: Place| place.file.rsplit(['/', '\\']).next().unwrap_or(place.file);
    place.map_or_else(String::new, |place| format!("{}:{}", file(place), place.line))
}

/// A step that the case holds back.
struct Hold {
    held: Held,
    /// It is ready, and others may run ahead of it.
    is_ready: bool,
    is_told: bool,
}

struct Reader<'a> {
    outcome: &'a Outcome<Result<()>>,
    keys: Vec<TaskKey>,
    steps: Vec<Step>,
    /// How many steps each task has begun.
    counts: BTreeMap<TaskNumber, u32>,
    /// Where each task was seen last.
    seen: BTreeMap<TaskNumber, String>,
    /// How many waits of ours each task has that nothing has ended yet, at most.
    waits: BTreeMap<TaskNumber, u32>,
    /// The tasks whose last step gave way.
    gave_way: BTreeSet<TaskNumber>,
    holds: Vec<Hold>,
    /// The tasks that the case lets run first.
    first: BTreeSet<TaskKey>,
    // What was decided before the step that it is about.
    picked: bool,
    struck: Option<(TaskNumber, &'static str)>,
    /// The step that began last, as records count them.
    began: Option<(TaskNumber, u64)>,
}

impl<'a> Reader<'a> {
    fn new(outcome: &'a Outcome<Result<()>>, case: &Case) -> Self {
        let hold = |held| Hold { held, is_ready: false, is_told: false };
        Reader {
            outcome,
            keys: keys_of(&outcome.tasks),
            steps: Vec::new(),
            counts: BTreeMap::new(),
            seen: BTreeMap::new(),
            waits: BTreeMap::new(),
            gave_way: BTreeSet::new(),
            holds: case.held().into_iter().map(hold).collect(),
            first: case.run_first(),
            picked: false,
            struck: None,
            began: None,
        }
    }

    fn read(&mut self, record: &Record, part: Part) {
        match record.event {
            Event::StepStarted { task } => self.begin(task, record.step, part),
            Event::Callback { .. } => {
                let deviates =
                    if self.takes_pick(TaskKey::LOOP) { vec!["runs first".into()] } else { vec![] };
                let parts = vec![part];
                self.steps.push(Step { parts, deviates, ..Step::default() });
            }
            Event::Woken { task, .. } => self.wake(task),
            Event::Struck { task, drops } => self.strike(task, drops, record, part),
            Event::Chosen { kind, value, .. } if value != 0 => self.choose(kind),
            Event::Faulted { class, detail } => {
                self.mark(fault_text(class, &self.outcome.fault_details, detail));
            }
            Event::Waits { task, operation, on } => {
                let parks = u32::from(self.parks(operation, on));
                *self.waits_of(task) += parks;
                self.push(task, part);
            }
            Event::Resource { resource, by: Source::Task(task), .. }
                if !is_internal(self.kind(resource)) =>
            {
                self.touch(resource);
                self.push(task, part);
            }
            Event::Spawned { by: Source::Task(task), .. }
            | Event::CancelRequested { by: Source::Task(task), .. } => self.push(task, part),
            Event::Printed { .. } => {
                let task = self.steps.last().and_then(|step| step.task);
                self.push(task.unwrap_or(0), part);
            }
            Event::Logged { entry, by } if self.is_grave(entry) => {
                let task = if let Source::Task(task) = by { task } else { 0 };
                self.push(task, part);
            }
            Event::StepEnded { task, end } => self.end(task, end, part),
            _ => {}
        }
    }

    /// Tells whether an entry of the log warns, or tells of an error.
    fn is_grave(&self, entry: u32) -> bool {
        let entry = self.outcome.log.get((entry as usize).wrapping_sub(1));
        entry.is_some_and(|entry| matches!(entry.level, "ERROR" | "WARN"))
    }

    fn kind(&self, resource: u32) -> &'static str {
        let kind = self.outcome.resources.get((resource as usize).wrapping_sub(1));
        kind.copied().unwrap_or("resource")
    }

    /// Tells whether somebody else has to end this wait: the task does not only give way.
    fn parks(&self, operation: &str, on: Awaited) -> bool {
        let is_value = matches!(on, Awaited::Resource(number) if self.kind(number) == "value");
        operation != YIELD && operation != SWITCH && !is_value
    }

    fn key(&self, task: TaskNumber) -> TaskKey {
        self.keys.get((task as usize).wrapping_sub(1)).copied().unwrap_or_default()
    }

    /// How many steps of a task are not in the record.
    fn past(&self, task: TaskNumber) -> u32 {
        self.outcome.forgotten.steps_of(task)
    }

    /// How many waits a task has. One that waited for something before the record begins may do so
    /// to the end.
    fn waits_of(&mut self, task: TaskNumber) -> &mut u32 {
        let unknown = if self.past(task) > 0 { u32::MAX / 2 } else { 0 };
        self.waits.entry(task).or_insert(unknown)
    }

    fn begin(&mut self, task: TaskNumber, step: u64, part: Part) {
        let key = self.key(task);
        let mut deviates = Vec::new();
        let mut held = Vec::new();
        if self.picked {
            let seen = self.seen.clone();
            for hold in self.holds.iter_mut().filter(|hold| hold.is_ready && !hold.is_told) {
                let position = self.keys.iter().position(|key| *key == hold.held.task);
                let Some(number) = position.map(|position| position as TaskNumber + 1) else {
                    continue;
                };
                if number != task {
                    hold.is_told = true;
                    let place = seen.get(&number).cloned().unwrap_or_default();
                    let text = if hold.held.step == 1 { "before it starts" } else { "" };
                    held.push((number, Part { text: text.to_owned(), place }));
                }
            }
        }
        if self.takes_pick(key) {
            deviates.push("runs first".into());
        }
        if let Some((struck, what)) = self.struck
            && struck == task
        {
            deviates.push(what.into());
            self.struck = None;
        }
        let past = self.past(task);
        let count = self.counts.entry(task).or_insert(past);
        *count += 1;
        let count = *count;
        for hold in self.holds.iter_mut() {
            hold.is_ready &= hold.held.task != key || hold.held.step != count;
        }
        if !self.gave_way.remove(&task) {
            let waits = self.waits_of(task);
            *waits = waits.saturating_sub(1);
        }
        self.began = Some((task, step));
        let parts = if part.text == "starts" { vec![part] } else { Vec::new() };
        self.steps.push(Step { task: Some(task), parts, deviates, held, ..Step::default() });
    }

    /// Tells whether what runs next was picked, other than because something else is held.
    fn takes_pick(&mut self, key: TaskKey) -> bool {
        let picked = std::mem::take(&mut self.picked);
        let holds = self.holds.iter().any(|hold| hold.is_ready);
        picked && (!holds || self.first.contains(&key))
    }

    fn wake(&mut self, task: TaskNumber) {
        let next = self.counts.get(&task).copied().unwrap_or_else(|| self.past(task)) + 1;
        let key = self.key(task);
        for hold in &mut self.holds {
            hold.is_ready |= hold.held.task == key && hold.held.step == next;
        }
    }

    fn strike(&mut self, task: TaskNumber, drops: bool, record: &Record, part: Part) {
        if record.place.is_some() {
            let what = Part { text: "drops what is droppable".to_owned(), ..part };
            self.mark("dropped here");
            self.push(task, what);
            return;
        }
        // One that has come to wait is struck in the step that it waits in.
        let waits = self.began == Some((task, record.step));
        match (waits, drops) {
            (true, true) => self.mark("dropped here"),
            (true, false) => self.mark("cancelled here"),
            (false, true) => self.struck = Some((task, "dropped as it wakes")),
            (false, false) => self.struck = Some((task, "cancelled as it wakes")),
        }
    }

    fn choose(&mut self, kind: ChoiceKind) {
        match kind {
            ChoiceKind::Ready => self.picked = true,
            // They have events of their own.
            ChoiceKind::Cancel | ChoiceKind::Fault => {}
            ChoiceKind::Switch => self.mark("gives way"),
            ChoiceKind::Delay => self.mark("takes longer"),
            ChoiceKind::Lateness => self.mark("the loop is late after this"),
            ChoiceKind::Branch => self.mark("another branch first"),
            ChoiceKind::Value => self.mark("another value"),
            ChoiceKind::Entropy => self.mark("other random numbers of the system"),
        }
    }

    fn end(&mut self, task: TaskNumber, end: StepEnd, part: Part) {
        let waits = *self.waits_of(task);
        let Some(step) = self.steps.last() else { return };
        let seen = self.seen.get(&task).cloned().unwrap_or_default();
        let after = if seen.is_empty() { "" } else { ", after" };
        if end == StepEnd::Yields {
            self.gave_way.insert(task);
        }
        if has_ended(end) {
            self.push(task, part);
        } else if end == StepEnd::Waits && waits == 0 && !waits_by_itself(step) {
            let text = format!("waits for something foreign{after}");
            self.push(task, Part { text, place: seen });
        } else if step.parts.is_empty() {
            let text = if seen.is_empty() { "goes on" } else { "goes on from" };
            self.push(task, Part { text: text.to_owned(), place: seen });
        }
    }

    fn mark(&mut self, deviation: impl Into<Cow<'static, str>>) {
        if let Some(step) = self.steps.last_mut() {
            step.deviates.push(deviation.into());
        }
    }

    fn touch(&mut self, resource: u32) {
        if let Some(step) = self.steps.last_mut() {
            step.touched.insert(resource);
        }
    }

    fn push(&mut self, task: TaskNumber, part: Part) {
        if !part.place.is_empty() {
            self.seen.insert(task, part.place.clone());
        }
        if let Some(step) = self.steps.last_mut()
            && step.parts.last() != Some(&part)
        {
            step.parts.push(part);
        }
    }
}

/// Tells whether the step says that it waits for something, or gives way.
fn waits_by_itself(step: &Step) -> bool {
    let waits = |part: &Part| part.text.starts_with("waits") || part.text.starts_with("gives way");
    step.parts.last().is_some_and(waits)
}
