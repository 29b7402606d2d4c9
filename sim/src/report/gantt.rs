//! A run for a terminal: a row for each lane, a cell for each column of the timeline.

use super::forgotten::forgotten_text;
use super::text::{end_line, middle, push_left, width};
use super::timeline::{Entry, Kind, LaneId, LaneKind, Timeline};
use crate::base::{Instant, StepEnd};

/// How wide names are at most.
const NAME_MAX: usize = 20;
/// How many lines of the transcript are shown, the last ones.
const PRINTED_MAX: usize = 12;

/// How a [`Picture::gantt`](super::Picture::gantt) is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GanttStyle {
    /// How many cells of the terminal a line takes: 100.
    pub width: usize,
    /// Whether only letters of ASCII are used for the drawing: no. Names and what was printed
    /// stay as they are.
    pub ascii: bool,
    /// Whether it is coloured, by the codes of ANSI: no.
    pub colors: bool,
}

impl Default for GanttStyle {
    fn default() -> Self {
        GanttStyle { width: 100, ascii: false, colors: false }
    }
}

/// What a lane does in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cell {
    /// It is not there yet, or not any more.
    #[default]
    Gone,
    Waits,
    Ready,
    Runs,
    Returned,
    /// It fails or panics.
    Failed,
    Cancelled,
    Dropped,
    /// A worker has a job.
    Works,
    /// What is no task acts.
    Acts,
}

impl Cell {
    /// The sign of it, and that of ASCII. None of them has a width that depends on the terminal's
    /// language, as the signs for boxes have.
    fn sign(self) -> (char, char) {
        match self {
            Cell::Gone => (' ', ' '),
            Cell::Waits => ('⠒', '-'),
            Cell::Ready => ('⠂', '.'),
            Cell::Runs => ('⣿', '#'),
            Cell::Returned => ('✓', 'R'),
            Cell::Failed => ('✗', 'F'),
            Cell::Cancelled => ('⊘', 'C'),
            Cell::Dropped => ('⨯', 'D'),
            Cell::Works => ('⠶', '='),
            Cell::Acts => ('⠿', '+'),
        }
    }

    /// The code of its colour.
    fn color(self) -> &'static str {
        match self {
            Cell::Gone => "",
            Cell::Waits => "2",
            Cell::Ready => "33",
            Cell::Runs => "34",
            Cell::Returned | Cell::Works => "32",
            Cell::Failed | Cell::Cancelled => "31",
            Cell::Dropped | Cell::Acts => "90",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Cell::Gone => "",
            Cell::Waits => "waits",
            Cell::Ready => "is ready",
            Cell::Runs => "runs",
            Cell::Returned => "returns",
            Cell::Failed => "fails",
            Cell::Cancelled => "ends cancelled",
            Cell::Dropped => "is dropped",
            Cell::Works => "has a job",
            Cell::Acts => "acts",
        }
    }
}

/// Draws the timeline.
pub(super) fn gantt_text(timeline: &Timeline, style: GanttStyle) -> String {
    if timeline.columns.is_empty() {
        return "no events were kept: ask for them with `Simulation::record`\n".to_owned();
    }
    let rows = rows(timeline);
    let names: Vec<String> = rows.iter().map(|(lane, _)| name(timeline, *lane)).collect();
    let name_cells = names.iter().map(|name| width(name)).max().unwrap_or(0).max("step".len()) + 2;
    let room = style.width.saturating_sub(name_cells).max(20);
    let mut text = String::new();
    if let Some(forgotten) = forgotten_text(&timeline.forgotten) {
        end_line(&mut text, &format!("{forgotten}\n"));
    }
    let count = timeline.columns.len();
    for first in (0..count).step_by(room) {
        let columns = first..count.min(first + room);
        if first > 0 {
            text.push('\n');
        }
        push_heads(&mut text, timeline, columns.clone(), name_cells);
        for ((_, cells), name) in rows.iter().zip(&names) {
            let cells = &cells[columns.clone()];
            if cells.iter().any(|cell| *cell != Cell::Gone) {
                let mut line = String::new();
                push_left(&mut line, name, name_cells);
                push_cells(&mut line, cells, style);
                end_line(&mut text, &line);
            }
        }
    }
    push_legend(&mut text, &rows, style);
    push_printed(&mut text, timeline);
    text
}

fn name(timeline: &Timeline, lane: LaneId) -> String {
    let lane = &timeline.lanes[lane as usize];
    let name = timeline.texts.get(lane.name);
    match timeline.texts.get(lane.host_name) {
        host if !host.is_empty() && lane.kind == LaneKind::Task && host != name => {
            middle(&format!("{host}/{name}"), NAME_MAX)
        }
        _ => middle(name, NAME_MAX),
    }
}

/// The lanes as they are drawn, each with what it does in each column.
fn rows(timeline: &Timeline) -> Vec<(LaneId, Vec<Cell>)> {
    let count = timeline.columns.len();
    let mut cells = vec![vec![Cell::Gone; count]; timeline.lanes.len()];
    let mut states = vec![Cell::Gone; timeline.lanes.len()];
    for (at, column) in timeline.columns.iter().enumerate() {
        let mut now: Vec<(LaneId, Cell)> = Vec::new();
        let acts = timeline.lanes[column.lane as usize].kind != LaneKind::Task;
        if acts {
            now.push((column.lane, Cell::Acts));
        }
        for entry in timeline.entries_of(at) {
            match entry.kind {
                Kind::Wake { lane, .. } => states[lane as usize] = Cell::Ready,
                Kind::Start => now.push((entry.lane, Cell::Runs)),
                Kind::End(end) => {
                    let (shown, after) = ended(end);
                    now.push((entry.lane, shown));
                    states[entry.lane as usize] = after;
                }
                Kind::Drop { lane } => {
                    now.push((lane, Cell::Dropped));
                    states[lane as usize] = Cell::Gone;
                }
                Kind::Job { .. } => states[entry.lane as usize] = Cell::Works,
                Kind::Note if timeline.lanes[entry.lane as usize].kind == LaneKind::Worker => {
                    states[entry.lane as usize] = Cell::Gone;
                }
                _ => {}
            }
        }
        for (lane, cells) in cells.iter_mut().enumerate() {
            cells[at] = states[lane];
        }
        for (lane, cell) in now {
            cells[lane as usize][at] = cell;
        }
    }
    timeline
        .order()
        .into_iter()
        .map(|lane| (lane, std::mem::take(&mut cells[lane as usize])))
        .collect()
}

/// What the end of a step shows, and what the task does after it.
fn ended(end: StepEnd) -> (Cell, Cell) {
    match end {
        StepEnd::Waits => (Cell::Runs, Cell::Waits),
        StepEnd::Yields => (Cell::Runs, Cell::Ready),
        StepEnd::Returned => (Cell::Returned, Cell::Gone),
        StepEnd::Failed | StepEnd::Panicked => (Cell::Failed, Cell::Gone),
        StepEnd::Cancelled => (Cell::Cancelled, Cell::Gone),
    }
}

/// Appends the numbers of steps, the times, and where the run deviates.
fn push_heads(
    text: &mut String,
    timeline: &Timeline,
    columns: std::ops::Range<usize>,
    name_cells: usize,
) {
    let [mut steps, mut times, mut deviates] = ["step", "time", ""].map(str::to_owned);
    let mut last: Option<Instant> = None;
    for (position, at) in columns.enumerate() {
        let column = &timeline.columns[at];
        if column.number > 0 && (column.number == 1 || column.number.is_multiple_of(5)) {
            put(&mut steps, name_cells + position, &column.number.to_string());
        }
        // Where there is no room yet, one of the next columns of that time has it.
        if last != Some(column.time)
            && put(&mut times, name_cells + position, &column.time.to_string())
        {
            last = Some(column.time);
        }
        if !column.deviates.is_empty() || !column.held.is_empty() {
            put_tight(&mut deviates, name_cells + position, "!");
        }
    }
    end_line(text, &steps);
    end_line(text, &times);
    if !deviates.is_empty() {
        end_line(text, &deviates);
    }
}

/// Puts a word at a place, if what stands before leaves a gap.
fn put(line: &mut String, cells: usize, word: &str) -> bool {
    let fits = width(line) < cells;
    if fits {
        put_tight(line, cells, word);
    }
    fits
}

fn put_tight(line: &mut String, cells: usize, word: &str) {
    let gap = cells.saturating_sub(width(line));
    line.extend(std::iter::repeat_n(' ', gap));
    line.push_str(word);
}

fn push_cells(line: &mut String, cells: &[Cell], style: GanttStyle) {
    let mut color = "";
    for cell in cells {
        let wanted = if style.colors { cell.color() } else { "" };
        if wanted != color {
            line.push_str(if color.is_empty() { "" } else { "\x1b[0m" });
            if !wanted.is_empty() {
                line.push_str(&format!("\x1b[{wanted}m"));
            }
            color = wanted;
        }
        let (sign, plain) = cell.sign();
        line.push(if style.ascii { plain } else { sign });
    }
    line.push_str(if color.is_empty() { "" } else { "\x1b[0m" });
}

/// Appends what the signs mean that were drawn.
fn push_legend(text: &mut String, rows: &[(LaneId, Vec<Cell>)], style: GanttStyle) {
    let all = [
        Cell::Runs,
        Cell::Waits,
        Cell::Ready,
        Cell::Returned,
        Cell::Failed,
        Cell::Cancelled,
        Cell::Dropped,
        Cell::Works,
        Cell::Acts,
    ];
    let is_drawn = |cell: &Cell| rows.iter().any(|(_, cells)| cells.contains(cell));
    let mut told = Vec::new();
    for cell in all.into_iter().filter(is_drawn) {
        let mut sign = String::new();
        push_cells(&mut sign, &[cell], style);
        told.push(format!("{sign} {}", cell.word()));
    }
    end_line(text, &format!("\n{}", told.join("   ")));
}

fn is_line(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Say | Kind::Log)
}

/// Appends what the program printed and logged, with the steps.
fn push_printed(text: &mut String, timeline: &Timeline) {
    let mut lines = Vec::new();
    for (at, column) in timeline.columns.iter().enumerate() {
        for entry in timeline.entries_of(at).iter().filter(|entry| is_line(entry)) {
            let who = timeline.texts.get(timeline.lanes[entry.lane as usize].name);
            let said = timeline.texts.get(entry.text);
            lines.push(format!("  step {}, {}, {who}: {said}", column.number, column.time));
        }
    }
    let first = lines.len().saturating_sub(PRINTED_MAX);
    if !lines.is_empty() {
        let before =
            if first > 0 { format!(", the last {PRINTED_MAX} lines") } else { String::new() };
        end_line(text, &format!("it printed{before}:"));
    }
    lines[first..].iter().for_each(|line| end_line(text, line));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Awaited, Event, Record, Source, TaskNumber};
    use crate::event_loop::{Line, TaskInfo};
    use crate::report::timeline::timeline_of;
    use crate::runner::Outcome;

    /// `main` waits for `受信`, which sleeps for half a second, is cancelled by `c`, and prints.
    fn outcome() -> Outcome<()> {
        let spawned_at = std::panic::Location::caller().into();
        let task = |name: &str, parent, child_index| {
            let name = name.to_owned();
            TaskInfo { name, parent, child_index, spawned_at }
        };
        let tasks = vec![task("main", 0, 1), task("受信", 1, 1), task("c", 1, 2)];
        let mut outcome = Outcome { tasks, ..Outcome::default() };
        let mut step = 0;
        let mut push = |millis: u64, event: Event| {
            step += u64::from(matches!(event, Event::StepStarted { .. }));
            let time = Instant::from_nanos(millis * 1_000_000);
            outcome.records.push(Record { step, time, event, place: None });
        };
        let [main, other] = [1, 3].map(Source::Task);
        let start = |task: TaskNumber| Event::StepStarted { task };
        let end = |task: TaskNumber, end| Event::StepEnded { task, end };
        let waits = |task, operation, on| Event::Waits { task, operation, on };
        push(0, Event::Spawned { task: 1, by: Source::Loop });
        push(0, Event::Woken { task: 1, by: Source::Loop });
        push(0, start(1));
        push(0, Event::Spawned { task: 2, by: main });
        push(0, Event::Woken { task: 2, by: main });
        push(0, Event::Spawned { task: 3, by: main });
        push(0, Event::Woken { task: 3, by: main });
        push(0, waits(1, "task", Awaited::Task(2)));
        push(0, end(1, StepEnd::Waits));
        push(0, start(2));
        push(0, waits(2, "sleep", Awaited::Unnumbered));
        push(0, end(2, StepEnd::Waits));
        push(0, start(3));
        push(0, end(3, StepEnd::Yields));
        push(0, start(3));
        push(0, waits(3, "sleep", Awaited::Unnumbered));
        push(0, end(3, StepEnd::Waits));
        push(500, Event::ClockMoved);
        push(500, Event::Woken { task: 3, by: Source::Loop });
        push(500, start(3));
        push(500, Event::Printed { text: 0 });
        push(500, Event::CancelRequested { task: 2, by: other });
        push(500, Event::Woken { task: 2, by: other });
        push(500, end(3, StepEnd::Returned));
        push(500, start(2));
        push(500, end(2, StepEnd::Cancelled));
        push(500, Event::Woken { task: 1, by: Source::Task(2) });
        push(500, start(1));
        push(500, end(1, StepEnd::Failed));
        let text = "止めて".to_owned();
        outcome.lines.push(Line { time: Instant::START, task: 3, step: 5, text });
        outcome
    }

    fn check(style: GanttStyle, expected: &str) {
        let text = gantt_text(&timeline_of(&outcome()), style);
        assert_eq!(text, expected, "the drawing is\n{text}");
    }

    #[test]
    fn wide_names_keep_the_cells_in_their_columns() {
        check(
            GanttStyle::default(),
            "\
step   1    5
time  0.0s 0.5s
main  ⠂⣿⠒⠒⠒⠒⠒⠂✗
受信   ⠂⣿⠒⠒⠒⠂⊘
c      ⠂⠂⣿⣿⠂✓
loop  ⠿    ⠿

⣿ runs   ⠒ waits   ⠂ is ready   ✓ returns   ✗ fails   ⊘ ends cancelled   ⠿ acts
it printed:
  step 5, 0.5s, c: 止めて
",
        );
    }

    #[test]
    fn ascii_and_narrow_terminals_have_their_own() {
        check(
            GanttStyle { ascii: true, ..GanttStyle::default() },
            "\
step   1    5
time  0.0s 0.5s
main  .#-----.F
受信   .#---.C
c      ..##.R
loop  +    +

# runs   - waits   . is ready   R returns   F fails   C ends cancelled   + acts
it printed:
  step 5, 0.5s, c: 止めて
",
        );
    }

    #[test]
    fn colours_end_where_they_should() {
        let style = GanttStyle { ascii: true, colors: true, ..GanttStyle::default() };
        let text = gantt_text(&timeline_of(&outcome()), style);
        let row = text.lines().find(|line| line.starts_with("c ")).expect("a row");
        let expected =
            "c      \x1b[33m..\x1b[0m\x1b[34m##\x1b[0m\x1b[33m.\x1b[0m\x1b[32mR\x1b[0m  ";
        assert_eq!(row.trim_end(), expected.trim_end());
    }
}
