//! A timeline as lines of JSON; `docs/trace-format.md` says what they mean.

use std::fmt::Write;

use super::entry::{Column, Entry, Kind, LaneId, On, Timeline};
use super::json::push_text;
use super::lanes::Lane;
use super::texts::TextId;
use crate::base::StepEnd;
use crate::explore::OddsAt;

/// Rises when what a line means changes; not for new kinds of lines, nor for values at their ends.
const VERSION: u32 = 1;

/// Appends the lines. `about` is an object with what is known of the run as a whole.
pub(in crate::report) fn push_lines(json: &mut String, timeline: &Timeline, about: &str) {
    let texts = vec![false; timeline.texts.len()];
    let mut writer = Writer { json, timeline, told: texts };
    writer.line("seedloop", &format!("{VERSION},{about}"));
    for id in timeline.order() {
        writer.lane(id, &timeline.lanes[id as usize]);
    }
    for (index, name) in timeline.resources.iter().enumerate() {
        writer.tell(*name);
        writer.line("resource", &format!("{},{}", index + 1, name.0));
    }
    for (index, column) in timeline.columns.iter().enumerate() {
        writer.column(column);
        for entry in timeline.entries_of(index) {
            writer.entry(entry);
        }
    }
}

/// Appends how likely the failure is that a run comes to, once it has come to a column.
pub(in crate::report) fn push_odds(json: &mut String, column: usize, place: &OddsAt, nth: usize) {
    let OddsAt { choices, runs, failed, .. } = place;
    // Writing into a string can't fail.
    let _ = writeln!(json, "[\"odds\",{column},{choices},{runs},{failed},{nth}]");
}

struct Writer<'a> {
    json: &'a mut String,
    timeline: &'a Timeline,
    /// By number, the texts that have stood in a line.
    told: Vec<bool>,
}

impl Writer<'_> {
    /// Writing into a string can't fail.
    fn line(&mut self, kind: &str, values: &str) {
        let comma = if values.is_empty() { "" } else { "," };
        let _ = writeln!(self.json, "[\"{kind}\"{comma}{values}]");
    }

    /// Writes a text before it is named for the first time.
    fn tell(&mut self, id: TextId) {
        let Some(told) = self.told.get_mut(id.0 as usize) else { return };
        if std::mem::replace(told, true) || id.0 == 0 {
            return;
        }
        let _ = write!(self.json, "[\"text\",{},", id.0);
        push_text(self.json, self.timeline.texts.get(id));
        self.json.push_str("]\n");
    }

    fn lane(&mut self, id: LaneId, lane: &Lane) {
        let Lane { kind, name, host_name, path, place, parent, .. } = *lane;
        [name, host_name, path, place].into_iter().for_each(|text| self.tell(text));
        let (name, host, path, place) = (name.0, host_name.0, path.0, place.0);
        let (kind, parent) = (kind.word(), or_none(parent));
        let before = match self.timeline.forgotten.steps_of(lane.task) {
            0 => String::new(),
            steps => format!(",{steps}"),
        };
        let values = format!("{id},\"{kind}\",{name},{host},{path},{place},{parent}{before}");
        self.line("lane", &values);
    }

    fn column(&mut self, column: &Column) {
        let Column { number, time, lane, deviates, held, is_key, .. } = column;
        deviates.iter().for_each(|text| self.tell(*text));
        let mut values = format!("{number},{},{lane}", time.as_nanos());
        if *is_key || !deviates.is_empty() {
            let _ = write!(values, ",{},{}", u8::from(*is_key), ids(deviates));
        }
        self.line("at", &values);
        for (lane, text) in held {
            self.tell(*text);
            self.line("held", &format!("{lane},{},0", text.0));
        }
    }

    fn entry(&mut self, entry: &Entry) {
        let Entry { lane, text, place, ref kind, .. } = *entry;
        self.tell(text);
        self.tell(place);
        if let Kind::Choice { taken, others, .. } = kind {
            self.tell(*taken);
            others.iter().for_each(|text| self.tell(*text));
        }
        let (word, more) = told(kind);
        let comma = if more.is_empty() { "" } else { "," };
        self.line(word, &format!("{lane},{},{}{comma}{more}", text.0, place.0));
    }
}

/// A number, and -1 for none.
fn or_none(number: Option<u32>) -> i64 {
    number.map_or(-1, i64::from)
}

fn ids(texts: &[TextId]) -> String {
    let ids: Vec<String> = texts.iter().map(|text| text.0.to_string()).collect();
    format!("[{}]", ids.join(","))
}

/// The kind of an entry, and what stands behind what all have.
fn told(kind: &Kind) -> (&'static str, String) {
    let led = |word, lane: &LaneId, at: &Option<u32>| (word, format!("{lane},{}", or_none(*at)));
    let one = |word, value: &u32| (word, value.to_string());
    let none = |word| (word, String::new());
    match kind {
        Kind::Start => none("start"),
        Kind::End(end) => ("end", format!("\"{}\"", end_word(*end))),
        Kind::Spawn { lane } => one("spawn", lane),
        Kind::Wait { on, until } => {
            let until = or_none(*until);
            let on = match on {
                On::Nothing => String::new(),
                On::Lane(lane) => format!(",\"lane\",{lane}"),
                On::Resource(resource) => format!(",\"resource\",{resource}"),
            };
            ("wait", format!("{until}{on}"))
        }
        Kind::Wake { lane, at } => led("wake", lane, at),
        Kind::Cancel { lane, at } => led("cancel", lane, at),
        Kind::Strike { lane, at } => led("strike", lane, at),
        Kind::Hold { resource } => one("hold", resource),
        Kind::Free { resource } => one("free", resource),
        Kind::Use { resource } => one("use", resource),
        Kind::Choice { dull, taken, others } => {
            ("choice", format!("{},{},{}", u8::from(*dull), taken.0, ids(others)))
        }
        Kind::Say => none("say"),
        Kind::Log => none("log"),
        Kind::Fault => none("fault"),
        Kind::Join { lane } => one("join", lane),
        Kind::Drop { lane } => one("drop", lane),
        Kind::Clock => none("clock"),
        Kind::Job { until } => ("job", or_none(*until).to_string()),
        Kind::Down => none("down"),
        Kind::Up => none("up"),
        Kind::Phase => none("phase"),
        Kind::Note => none("note"),
    }
}

fn end_word(end: StepEnd) -> &'static str {
    match end {
        StepEnd::Waits => "waits",
        StepEnd::Yields => "yields",
        StepEnd::Returned => "returned",
        StepEnd::Failed => "failed",
        StepEnd::Cancelled => "cancelled",
        StepEnd::Panicked => "panicked",
    }
}
