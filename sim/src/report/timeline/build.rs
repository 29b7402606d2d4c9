//! Makes the picture of a recorded run, event by event.

use std::collections::BTreeMap;

use super::choices::{OTHERS_MAX, told};
use super::entry::{Column, Entry, Kind, LaneId, On, Timeline};
use super::lanes::{LaneKind, Lanes};
use super::texts::{TextId, Texts};
use super::waits::Waits;
use crate::base::{Awaited, ChoiceKind, Event, Place, Record, Source, TaskNumber};
use crate::event_loop::{SWITCH, YIELD};
use crate::report::names::{Names, at};
use crate::report::operations::has_ended;
use crate::report::race::verb;
use crate::report::wording::{Teller, nexts};
use crate::runner::Outcome;

/// Reads the timeline off a recorded run.
pub(in crate::report) fn timeline_of<T>(outcome: &Outcome<T>) -> Timeline {
    let mut texts = Texts::new();
    let names = Names::of(outcome);
    let resources = (1..=outcome.resources.len() as u32)
        .map(|number| texts.id(&names.resource(number).1))
        .collect();
    let mut builder = Builder {
        lanes: Lanes::of(outcome, &mut texts),
        names,
        texts,
        columns: Vec::new(),
        entries: Vec::new(),
        steps: outcome.forgotten.steps,
        open: Open::Nothing,
        picked: None,
        waits: Waits::default(),
        wakes: BTreeMap::new(),
        jobs: BTreeMap::new(),
    };
    let mut teller = Teller::new(outcome);
    for (record, next) in outcome.records.iter().zip(nexts(&outcome.records)) {
        let others = match record.event {
            Event::Chosen { kind: ChoiceKind::Ready, .. } => teller.passed_over(next, OTHERS_MAX),
            _ => Vec::new(),
        };
        let (who, what) = teller.who_and_what(record, next);
        teller.moved_to(record.time);
        builder.read(record, who, &what, others);
    }
    let Builder { lanes, texts, columns, entries, .. } = builder;
    let forgotten = outcome.forgotten.clone();
    Timeline { texts, lanes: lanes.lanes, resources, columns, entries, forgotten }
}

/// That what runs next was chosen. Who it is, and who else was ready, is told apart: as one text it
/// would be another one each time.
const PICKS: &str = "picks what runs next";

/// What the last column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    /// The step of a task goes on.
    Step(TaskNumber),
    /// It has ended; what follows from its end still belongs to it.
    Ended(TaskNumber),
    Callback,
    /// A turn of the loop in which time moved on or timers are due.
    Turn,
    Outside,
}

/// What runs next was chosen: for the column to come.
struct Picked {
    dull: bool,
    others: Vec<String>,
}

struct Builder<'a, T> {
    lanes: Lanes<'a, T>,
    names: Names,
    texts: Texts,
    columns: Vec<Column>,
    entries: Vec<Entry>,
    /// How many steps and callbacks there were, as the table counts them.
    steps: u64,
    open: Open,
    picked: Option<Picked>,
    waits: Waits,
    /// By task, what has woken or cancelled it since its last step.
    wakes: BTreeMap<TaskNumber, Vec<usize>>,
    /// By number, where the jobs began that workers have.
    jobs: BTreeMap<u32, usize>,
}

impl<T> Builder<'_, T> {
    fn read(&mut self, record: &Record, who: Source, what: &str, others: Vec<String>) {
        let event = record.event;
        if let Event::Chosen { kind: ChoiceKind::Ready, value, .. } = event {
            self.picked = Some(Picked { dull: value == 0, others });
            return;
        }
        self.open_column(record, who);
        let lane = self.lane_of(event, who);
        let text = self.text_of(event, what);
        let entry = self.entries.len();
        let kind = self.kind_of(event, lane, entry);
        self.push(lane, text, record.place, kind);
        match event {
            Event::StepStarted { task } => {
                self.settle_wakes(task);
                self.open = Open::Step(task);
            }
            Event::StepEnded { task, end } => {
                self.open = Open::Ended(task);
                if has_ended(end) {
                    self.end_waits(task, Source::Task(task));
                }
            }
            // What it waited for never came.
            Event::Dropped { task } => drop(self.waits.end(task)),
            Event::Waits { task, .. } if matches!(self.entries[entry].kind, Kind::Wait { .. }) => {
                let Kind::Wait { on, .. } = self.entries[entry].kind else { return };
                let column = self.column();
                let over = self.waits.begin(task, entry, on, column);
                self.end(&over);
            }
            Event::Woken { task, by } => {
                let over = self.waits.wake(task, by);
                self.end(over.as_slice());
                self.wakes.entry(task).or_default().push(entry);
            }
            Event::CancelRequested { task, .. } | Event::Struck { task, .. } => {
                self.wakes.entry(task).or_default().push(entry);
            }
            Event::Resource { resource, by, .. } => self.waits.did(by, On::Resource(resource)),
            Event::ClockMoved | Event::Callback { .. } => {
                self.waits.did(Source::Loop, On::Nothing);
            }
            Event::Outside { .. } => self.waits.did(Source::Outside, On::Nothing),
            _ => {}
        }
    }

    fn column(&self) -> u32 {
        (self.columns.len() as u32).saturating_sub(1)
    }

    /// Makes the column to which an event belongs, if it is not the last one.
    fn open_column(&mut self, record: &Record, who: Source) {
        let (open, number) = match (record.event, self.open) {
            (Event::StepStarted { task }, _) => (Open::Step(task), self.next_step()),
            (Event::Callback { .. }, _) => (Open::Callback, self.next_step()),
            (_, Open::Step(_)) => return,
            (Event::Chosen { .. } | Event::Faulted { .. } | Event::Struck { .. }, _)
                if !self.columns.is_empty() =>
            {
                return;
            }
            (_, Open::Ended(task)) if who == Source::Task(task) => return,
            (Event::Outside { .. }, Open::Turn) if self.is_only_clock() => {
                self.open = Open::Outside;
                let lane = self.lane_of(record.event, who);
                self.columns.last_mut().into_iter().for_each(|column| column.lane = lane);
                return;
            }
            (Event::Outside { .. }, _) => (Open::Outside, 0),
            (Event::ClockMoved, _) => (Open::Turn, 0),
            (_, Open::Callback | Open::Turn | Open::Outside) => return,
            (_, Open::Nothing | Open::Ended(_)) => (Open::Turn, 0),
        };
        self.open = open;
        let lane = match open {
            Open::Turn | Open::Callback => self.lanes.other(LaneKind::Loop, &mut self.texts),
            _ => self.lane_of(record.event, who),
        };
        let first = self.entries.len();
        let (time, deviates, held) = (record.time, Vec::new(), Vec::new());
        self.columns.push(Column { number, time, lane, deviates, held, is_key: false, first });
        if let Some(picked) = self.picked.take().filter(|_| number > 0) {
            self.push_picked(picked);
        }
    }

    fn next_step(&mut self) -> u64 {
        self.steps += 1;
        self.steps
    }

    /// Time has moved on in this column, and nothing else has happened.
    fn is_only_clock(&self) -> bool {
        let first = self.columns.last().map_or(0, |column| column.first);
        self.entries[first..].iter().all(|entry| entry.kind == Kind::Clock)
    }

    fn push_picked(&mut self, picked: Picked) {
        let Picked { dull, others } = picked;
        let loop_lane = self.lanes.other(LaneKind::Loop, &mut self.texts);
        let taken = self.columns.last().map(|column| self.lanes.lanes[column.lane as usize].name);
        let others = others.iter().map(|other| self.texts.id(other)).collect();
        let taken = taken.unwrap_or_default();
        let text = self.texts.id(PICKS);
        self.push(loop_lane, text, None, Kind::Choice { dull, taken, others });
    }

    fn push(&mut self, lane: LaneId, text: TextId, place: Option<Place>, kind: Kind) {
        let place = at(place);
        let place = self.texts.id(place.strip_prefix(" at ").unwrap_or_default());
        self.entries.push(Entry { lane, text, place, kind });
    }

    fn task(&mut self, task: TaskNumber) -> LaneId {
        self.lanes.task(task, &self.names, &mut self.texts)
    }

    fn lane_of(&mut self, event: Event, who: Source) -> LaneId {
        match event {
            Event::Outside { operation, number } if operation.starts_with("host ") => {
                self.lanes.host(number, &mut self.texts)
            }
            Event::Outside { operation: "job started", number } => {
                match self.lanes.worker_of(number) {
                    Some(lane) => lane,
                    None => self.lanes.begin_job(number, &mut self.texts),
                }
            }
            Event::Outside { operation, number } if operation.starts_with("job ") => {
                match (self.lanes.worker_of(number), self.columns.last()) {
                    (Some(lane), _) => lane,
                    // Whoever queues a job, or takes it back, acts in this column.
                    (None, Some(column)) => column.lane,
                    (None, None) => self.lanes.other(LaneKind::Outside, &mut self.texts),
                }
            }
            _ => self.lanes.source(who, &self.names, &mut self.texts),
        }
    }

    /// What stands in the transcript is told as it stands there, and what is done to a resource as
    /// a sentence.
    fn text_of(&mut self, event: Event, what: &str) -> TextId {
        match event {
            Event::Printed { .. } => self.texts.id(what.strip_prefix("prints: ").unwrap_or(what)),
            Event::Logged { .. } => self.texts.id(what.strip_prefix("logs: ").unwrap_or(what)),
            Event::Resource { operation, resource, .. } => {
                let (verb, name) = (verb(operation), self.names.resource(resource).1);
                self.texts.id(&format!("{verb} {name}"))
            }
            _ => self.texts.id(what),
        }
    }

    fn kind_of(&mut self, event: Event, lane: LaneId, entry: usize) -> Kind {
        let at = None;
        match event {
            Event::StepStarted { .. } => Kind::Start,
            Event::StepEnded { end, .. } => Kind::End(end),
            Event::Spawned { task, .. } => Kind::Spawn { lane: self.task(task) },
            Event::Waits { operation: YIELD | SWITCH, .. } => Kind::Note,
            Event::Waits { on, .. } => Kind::Wait { on: self.awaited(on), until: None },
            Event::Woken { task, .. } => Kind::Wake { lane: self.task(task), at },
            Event::CancelRequested { task, .. } => Kind::Cancel { lane: self.task(task), at },
            Event::Struck { task, .. } => Kind::Strike { lane: self.task(task), at },
            Event::Joined { ended, .. } => Kind::Join { lane: self.task(ended) },
            Event::Dropped { task } => Kind::Drop { lane: self.task(task) },
            Event::Resource { operation: "acquired", resource, .. } => Kind::Hold { resource },
            Event::Resource { operation: "released", resource, .. } => Kind::Free { resource },
            Event::Resource { resource, .. } => Kind::Use { resource },
            Event::Chosen { kind, bound, value } => {
                let (taken, others) = told(kind, bound, value);
                let others = others.iter().map(|other| self.texts.id(other)).collect();
                Kind::Choice { dull: value == 0, taken: self.texts.id(&taken), others }
            }
            Event::Printed { .. } => Kind::Say,
            Event::Logged { .. } => Kind::Log,
            Event::Faulted { .. } => Kind::Fault,
            Event::ClockMoved => Kind::Clock,
            Event::Outside { operation, number } => self.job(operation, number, lane, entry),
            Event::Phase { .. } => Kind::Phase,
            Event::Callback { .. } => Kind::Note,
        }
    }

    fn awaited(&mut self, on: Awaited) -> On {
        match on {
            Awaited::Unnumbered | Awaited::Gather => On::Nothing,
            Awaited::Task(task) => On::Lane(self.task(task)),
            Awaited::Resource(resource) => On::Resource(resource),
        }
    }

    fn job(&mut self, operation: &str, number: u32, lane: LaneId, entry: usize) -> Kind {
        match operation {
            "job started" => {
                self.jobs.insert(number, entry);
                Kind::Job { until: None }
            }
            "host restarted" => Kind::Up,
            _ if operation.starts_with("host ") => Kind::Down,
            "job ended" | "job cut off" => {
                let column = self.column();
                let began = self.jobs.remove(&number);
                if let Some(Entry { kind: Kind::Job { until }, lane: worker, .. }) =
                    began.and_then(|began| self.entries.get_mut(began))
                    && *worker == lane
                {
                    *until = Some(column);
                }
                self.lanes.end_job(number);
                Kind::Note
            }
            _ => Kind::Note,
        }
    }

    /// A task runs: what woke it has led here.
    fn settle_wakes(&mut self, task: TaskNumber) {
        let column = self.column();
        for entry in self.wakes.remove(&task).unwrap_or_default() {
            if let Kind::Wake { at, .. } | Kind::Cancel { at, .. } | Kind::Strike { at, .. } =
                &mut self.entries[entry].kind
            {
                *at = Some(column);
            }
        }
    }

    fn end_waits(&mut self, task: TaskNumber, by: Source) {
        let over = self.waits.end(task);
        self.end(&over);
        let lane = self.task(task);
        self.waits.did(by, On::Lane(lane));
    }

    /// Waits are over with this column.
    fn end(&mut self, over: &[usize]) {
        let column = self.column();
        for entry in over {
            if let Kind::Wait { until, .. } = &mut self.entries[*entry].kind {
                *until = Some(column);
            }
        }
    }
}
