//! The packets of a trace: its tracks, and what happens on them.
//!
//! Source: `protos/perfetto/trace/perfetto_trace.proto` of Perfetto, whose numbers these are.

use std::collections::BTreeMap;

use super::encode::Message;
use super::moments::{Moment, moments};
use crate::report::forgotten::forgotten_text;
use crate::report::timeline::{Entry, Kind, LaneId, LaneKind, Timeline};

mod field {
    pub(super) const PACKET: u32 = 1;
    pub(super) const TIMESTAMP: u32 = 8;
    pub(super) const SEQUENCE: u32 = 10;
    pub(super) const EVENT: u32 = 11;
    pub(super) const DESCRIPTOR: u32 = 60;

    pub(super) const UUID: u32 = 1;
    pub(super) const TRACK_NAME: u32 = 2;
    pub(super) const PARENT: u32 = 5;
    pub(super) const ORDERING: u32 = 11;
    pub(super) const RANK: u32 = 12;

    pub(super) const ANNOTATION: u32 = 4;
    pub(super) const TYPE: u32 = 9;
    pub(super) const TRACK: u32 = 11;
    pub(super) const CATEGORY: u32 = 22;
    pub(super) const NAME: u32 = 23;
    pub(super) const FLOW: u32 = 47;
    pub(super) const FLOW_ENDS: u32 = 48;

    pub(super) const NUMBER_VALUE: u32 = 3;
    pub(super) const TEXT_VALUE: u32 = 6;
    pub(super) const ANNOTATION_NAME: u32 = 10;
}

/// That children are drawn by their ranks.
const EXPLICIT: u64 = 3;
/// All packets are of one sequence.
const SEQUENCE: u64 = 1;
/// The track that holds all others.
const ROOT: u64 = 1;
/// The first track of a lane, and of a host that groups lanes.
const LANES: u64 = 1_000;
const HOSTS: u64 = 500_000_000;

#[derive(Clone, Copy)]
enum Type {
    Begin = 1,
    End = 2,
    Instant = 3,
}

/// Returns the trace of a run.
pub(in crate::report) fn trace(name: &str, timeline: &Timeline) -> Vec<u8> {
    let times: Vec<_> = timeline.columns.iter().map(|column| column.time).collect();
    let mut trace =
        Packets { timeline, moments: moments(&times), trace: Message::new(), timed: Vec::new() };
    trace.tracks(name);
    let flows = trace.flows();
    for lane in 0..timeline.lanes.len() as LaneId {
        trace.lane(lane, &flows);
    }
    // Slices of one track nest: of what happens at one time, what ends comes first.
    trace.timed.sort_by_key(|(time, order, _)| (*time, *order));
    let Packets { mut trace, timed, .. } = trace;
    for (time, _, event) in timed {
        let packet = packet().number(field::TIMESTAMP, time).message(field::EVENT, &event);
        trace = trace.message(field::PACKET, &packet);
    }
    trace.into_bytes()
}

fn packet() -> Message {
    Message::new().number(field::SEQUENCE, SEQUENCE)
}

/// The wakes and cancels that begin and end in a column, by number.
#[derive(Default)]
struct Flows {
    begin: BTreeMap<u32, Vec<u64>>,
    end: BTreeMap<u32, Vec<u64>>,
}

struct Packets<'a> {
    timeline: &'a Timeline,
    moments: Vec<Moment>,
    trace: Message,
    /// Events with their times, and with their order among those of one time.
    timed: Vec<(u64, u8, Message)>,
}

impl Packets<'_> {
    fn tracks(&mut self, name: &str) {
        let name = match forgotten_text(&self.timeline.forgotten) {
            Some(forgotten) => format!("{name} ({forgotten})"),
            None => name.to_owned(),
        };
        let root = Message::new().number(field::UUID, ROOT).text(field::TRACK_NAME, &name);
        self.descriptor(&root.number(field::ORDERING, EXPLICIT));
        let order = self.timeline.order();
        for (rank, id) in (0..).zip(&order) {
            let lane = &self.timeline.lanes[*id as usize];
            let track = track_of(*id);
            let has_host = lane.host > 0 && lane.kind == LaneKind::Task;
            let parent = if has_host { HOSTS + u64::from(lane.host) } else { ROOT };
            if lane.kind == LaneKind::Host {
                // The host's own events are on a track inside the one that has its name.
                let group = HOSTS + u64::from(lane.host);
                self.track(group, ROOT, self.timeline.texts.get(lane.name), rank);
                self.track(track, group, "host", rank);
            } else {
                self.track(track, parent, self.timeline.texts.get(lane.name), rank);
            }
        }
    }

    fn track(&mut self, uuid: u64, parent: u64, name: &str, rank: u64) {
        let track = Message::new()
            .number(field::UUID, uuid)
            .number(field::PARENT, parent)
            .text(field::TRACK_NAME, name)
            .number(field::ORDERING, EXPLICIT)
            .number(field::RANK, rank);
        self.descriptor(&track);
    }

    fn descriptor(&mut self, descriptor: &Message) {
        let packet = packet().message(field::DESCRIPTOR, descriptor);
        self.trace = std::mem::take(&mut self.trace).message(field::PACKET, &packet);
    }

    fn flows(&self) -> Flows {
        let mut flows = Flows::default();
        let mut number = 0;
        for column in 0..self.timeline.columns.len() {
            for entry in self.timeline.entries_of(column) {
                let (Kind::Wake { lane, at: Some(at) }
                | Kind::Cancel { lane, at: Some(at) }
                | Kind::Strike { lane, at: Some(at) }) = entry.kind
                else {
                    continue;
                };
                let is_own = lane == self.timeline.columns[column].lane;
                if is_own || at as usize <= column {
                    continue;
                }
                number += 1;
                flows.begin.entry(column as u32).or_default().push(number);
                flows.end.entry(at).or_default().push(number);
            }
        }
        flows
    }

    /// What a lane does, and what it waits for in between.
    fn lane(&mut self, lane: LaneId, flows: &Flows) {
        let timeline = self.timeline;
        let columns: Vec<usize> =
            (0..timeline.columns.len()).filter(|at| timeline.columns[*at].lane == lane).collect();
        for (position, at) in columns.iter().enumerate() {
            self.step(lane, *at, flows);
            if timeline.lanes[lane as usize].kind == LaneKind::Task {
                self.between(lane, *at, columns.get(position + 1).copied());
            }
        }
        let jobs = (0..timeline.columns.len()).flat_map(|at| {
            let jobs = timeline.entries_of(at).iter().filter(move |entry| entry.lane == lane);
            jobs.filter_map(move |entry| match entry.kind {
                Kind::Job { until } => Some((at, until, entry)),
                _ => None,
            })
        });
        let jobs: Vec<_> = jobs.collect();
        for (at, until, entry) in jobs {
            let end = until.map_or_else(|| self.end(), |until| self.moments[until as usize].0);
            self.slice(lane, self.moments[at].1, end, "job", timeline.texts.get(entry.text));
        }
    }

    fn end(&self) -> u64 {
        self.moments.last().map_or(0, |(_, end)| *end)
    }

    fn step(&mut self, lane: LaneId, at: usize, flows: &Flows) {
        let (timeline, (begin, end)) = (self.timeline, self.moments[at]);
        let column = &timeline.columns[at];
        let texts = &timeline.texts;
        let entries = timeline.entries_of(at);
        let name = match column.number {
            0 => entries.first().map_or(String::new(), |entry| texts.get(entry.text).to_owned()),
            number => format!("step {number}"),
        };
        let mut event = event(Type::Begin, lane, "step").text(field::NAME, &name);
        let flow = |flows: &BTreeMap<u32, Vec<u64>>| flows.get(&(at as u32)).cloned();
        for number in flow(&flows.begin).into_iter().flatten() {
            event = event.fixed(field::FLOW, number);
        }
        for number in flow(&flows.end).into_iter().flatten() {
            event = event.fixed(field::FLOW_ENDS, number);
        }
        let time =
            annotation("virtual time (ns)").number(field::NUMBER_VALUE, column.time.as_nanos());
        event = event.message(field::ANNOTATION, &time);
        for text in &column.deviates {
            event = annotated(event, "not as in the order of the queue", texts.get(*text));
        }
        for (number, entry) in (1..).zip(entries) {
            event = annotated(event, &format!("{number:02}"), &self.told(entry));
        }
        self.timed.push((begin, 2, event));
        for entry in entries {
            let category = match entry.kind {
                Kind::Say => "printed",
                Kind::Log => "logged",
                Kind::Fault => "fault",
                _ => continue,
            };
            let instant = super::packets::event(Type::Instant, lane, category);
            self.timed.push((begin, 3, instant.text(field::NAME, texts.get(entry.text))));
        }
        self.timed.push((end, 0, super::packets::event(Type::End, lane, "step")));
    }

    /// What an entry says, with its place, and with what else could have been chosen.
    fn told(&self, entry: &Entry) -> String {
        let texts = &self.timeline.texts;
        let mut told = texts.get(entry.text).to_owned();
        if let Kind::Choice { taken, others, .. } = &entry.kind {
            let others: Vec<&str> = others.iter().map(|other| texts.get(*other)).collect();
            told.push_str(&format!(": {}, not {}", texts.get(*taken), others.join(", ")));
        }
        match texts.get(entry.place) {
            "" => told,
            place => format!("{told} at {place}"),
        }
    }

    /// What a task waits for after a step, and that it is ready before its next one.
    fn between(&mut self, lane: LaneId, at: usize, next: Option<usize>) {
        let timeline = self.timeline;
        let waits = timeline.entries_of(at).iter().filter_map(|entry| match entry.kind {
            Kind::Wait { until, .. } if until != Some(at as u32) => Some((entry, until)),
            _ => None,
        });
        let waits: Vec<_> = waits.collect();
        let begin = self.moments[at].1;
        let end = next.map_or_else(|| self.end(), |next| self.moments[next].0);
        if waits.is_empty() {
            if next.is_some() {
                self.slice(lane, begin, end, "ready", "ready");
            }
            return;
        }
        let names: Vec<&str> =
            waits.iter().map(|(entry, _)| timeline.texts.get(entry.text)).collect();
        let over = waits.iter().filter_map(|(_, until)| *until).min();
        let over = over.map_or(end, |over| self.moments[over as usize].1.min(end));
        self.slice(lane, begin, over, "wait", &names.join(", "));
        self.slice(lane, over, end, "ready", "ready");
    }

    fn slice(&mut self, lane: LaneId, begin: u64, end: u64, category: &str, name: &str) {
        if end <= begin {
            return;
        }
        let begins = event(Type::Begin, lane, category).text(field::NAME, name);
        self.timed.push((begin, 1, begins));
        self.timed.push((end, 0, event(Type::End, lane, category)));
    }
}

fn track_of(lane: LaneId) -> u64 {
    LANES + u64::from(lane)
}

fn event(kind: Type, lane: LaneId, category: &str) -> Message {
    let event = Message::new().number(field::TYPE, kind as u64);
    event.number(field::TRACK, track_of(lane)).text(field::CATEGORY, category)
}

fn annotation(name: &str) -> Message {
    Message::new().text(field::ANNOTATION_NAME, name)
}

fn annotated(event: Message, name: &str, text: &str) -> Message {
    let annotation = annotation(name).text(field::TEXT_VALUE, text);
    event.message(field::ANNOTATION, &annotation)
}
