//! A run as a table: a column for each task, a row for each step, and only the rows that matter.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::forgotten::forgotten_text;
use super::names::Names;
use super::race::Race;
use super::steps::{Part, Step, steps_of};
use super::text::{end_line, middle, push_left, push_right, width};
use crate::base::{Result, TaskNumber};
use crate::explore::Case;
use crate::runner::Outcome;

/// How many rows are shown, without those that stand for others.
const ROWS_MAX: usize = 20;
/// How many rows are shown because they deviate.
const DEVIATING_MAX: usize = 11;
/// How many rows of a long run are shown because they are the last ones, if none deviates.
const LAST_MAX: usize = 8;
/// How wide a line is, in cells.
const CELLS_MAX: usize = 110;
/// How far apart columns stand at most: cells may reach into the next, which is empty then.
const COLUMN_MAX: usize = 18;
/// How many columns there are; further tasks share the last one.
const COLUMNS_MAX: usize = 6;

/// Appends the table of a run of a case, in at most so many lines; the marks say where it deviates
/// from the dull one.
pub(super) fn push_table(
    text: &mut String,
    outcome: &Outcome<Result<()>>,
    case: &Case,
    race: Option<&Race>,
    lines_max: usize,
) {
    let steps = steps_of(outcome, case);
    let forgotten = forgotten_text(&outcome.forgotten);
    let heads_count = 1 + usize::from(forgotten.is_some());
    let shown = shown(&steps, race, lines_max.saturating_sub(heads_count));
    if shown.is_empty() {
        return;
    }
    let number_of = |index: usize| (outcome.forgotten.steps + index as u64 + 1).to_string();
    let names = Names::of(outcome);
    let columns = columns(&steps, &shown);
    let number_cells = number_of(steps.len() - 1).len().max("step".len());
    let heads: Vec<String> = columns.iter().map(|column| column.head(&names)).collect();
    let widest = heads.iter().map(|head| width(head) + 2).max().unwrap_or(0);
    let apart = widest.clamp(8, COLUMN_MAX);
    let mut head = String::new();
    push_right(&mut head, "step", number_cells + 2);
    head.push_str("  ");
    for name in &heads {
        push_left(&mut head, &middle(name, apart - 1), apart);
    }
    end_line(text, &head);
    let push_row = |text: &mut String, number: &str, task: Option<TaskNumber>, row: Cell<'_>| {
        let mut line = String::new();
        line.push_str(if row.marks.is_empty() { " " } else { ">" });
        push_right(&mut line, number, number_cells + 1);
        line.push_str("  ");
        let column = columns.iter().position(|column| column.holds(task)).unwrap_or(0);
        push_left(&mut line, "", column * apart);
        if let (Some(Column::Others), Some(task)) = (columns.get(column), task) {
            line.push_str(&format!("{}: ", names.task(task)));
        }
        let room = CELLS_MAX.saturating_sub(width(&line));
        line.push_str(&row.text(room));
        end_line(text, &line);
    };
    let dots = " ".repeat(number_cells);
    if let Some(forgotten) = forgotten {
        end_line(text, &format!("{dots}..  {forgotten}"));
    }
    let mut last = 0;
    for index in shown {
        push_folded(text, &steps[last..index], &dots);
        last = index + 1;
        let Step { task, parts, deviates, held, .. } = &steps[index];
        for (task, place) in held {
            let row = Cell { marks: &["held here".into()], parts: std::slice::from_ref(place) };
            push_row(text, "", Some(*task), row);
        }
        push_row(text, &number_of(index), *task, Cell { marks: deviates, parts });
    }
    push_folded(text, &steps[last..], &dots);
}

fn push_folded(text: &mut String, folded: &[Step], dots: &str) {
    let steps = match folded.len() {
        0 => return,
        1 => "1 step".to_owned(),
        many => format!("{many} steps"),
    };
    let deviating = folded.iter().filter(|step| !step.deviates.is_empty()).count();
    let what = match deviating {
        0 => " in the order of the queue".to_owned(),
        1 => ", 1 of them deviates".to_owned(),
        some => format!(", {some} of them deviate"),
    };
    end_line(text, &format!("{dots}..  {steps}{what}"));
}

/// What stands in a row.
struct Cell<'a> {
    marks: &'a [Cow<'static, str>],
    parts: &'a [Part],
}

impl Cell<'_> {
    /// The text, at most so wide, if its places leave it room for that.
    fn text(&self, room: usize) -> String {
        let dots = Part { text: "..".to_owned(), place: String::new() };
        let mut parts = match self.parts.len() {
            ..=PARTS_MAX => self.parts.to_vec(),
            // There is no room for so many, and to weigh each against the others would take long.
            many => {
                let (first, last) =
                    (&self.parts[..PARTS_MAX / 2], &self.parts[many - PARTS_MAX / 2..]);
                [first, std::slice::from_ref(&dots), last].concat()
            }
        };
        while width(&self.joined(&parts)) > room {
            // What it begins with and what it ends with tell most.
            let inner = 1..parts.len().saturating_sub(1);
            let left_out = inner
                .filter(|index| parts[*index] != dots && parts[*index].may_be_left_out())
                .min_by_key(|index| (parts[*index].telling(), index.abs_diff(parts.len() / 2)));
            let Some(left_out) = left_out else { break };
            parts[left_out] = dots.clone();
            parts.dedup();
        }
        while width(&self.joined(&parts)) > room {
            let over = width(&self.joined(&parts)) - room;
            let widest = parts.iter_mut().max_by_key(|part| width(&part.text));
            let Some(part) = widest.filter(|part| width(&part.text) > SHORT) else { break };
            let cells = width(&part.text).saturating_sub(over).max(SHORT);
            part.text = middle(&part.text, cells);
        }
        self.joined(&parts)
    }

    fn joined(&self, parts: &[Part]) -> String {
        let mut text = String::new();
        if !self.marks.is_empty() {
            text.push_str(&format!("[{}]", self.marks.join(", ")));
        }
        let mut before = if text.is_empty() { "" } else { " " };
        for Part { text: what, place } in parts {
            let gap = if what.is_empty() || place.is_empty() { "" } else { " " };
            text.push_str(&format!("{before}{what}{gap}{place}"));
            before = if what == "starts" { ", " } else { "; " };
        }
        text
    }
}

/// How many parts of a row are looked at: the first and the last ones.
const PARTS_MAX: usize = 64;

/// To how many cells a text is shortened at most.
const SHORT: usize = 8;

/// A column: a task, or all that have none of their own.
enum Column {
    Task(TaskNumber),
    Others,
}

impl Column {
    fn head(&self, names: &Names) -> String {
        match self {
            Column::Task(number) => names.task(*number),
            Column::Others => "others".to_owned(),
        }
    }

    fn holds(&self, task: Option<TaskNumber>) -> bool {
        match self {
            Column::Task(number) => task == Some(*number),
            Column::Others => true,
        }
    }
}

/// Those of the shown steps, by the tasks' numbers.
fn columns(steps: &[Step], shown: &BTreeSet<usize>) -> Vec<Column> {
    let mut tasks: BTreeSet<TaskNumber> = BTreeSet::new();
    for step in shown.iter().map(|index| &steps[*index]) {
        tasks.extend(step.task);
        tasks.extend(step.held.iter().map(|(task, _)| *task));
    }
    let others = shown.iter().any(|index| steps[*index].task.is_none());
    let fits = tasks.len() + usize::from(others) <= COLUMNS_MAX;
    let taken = if fits { tasks.len() } else { COLUMNS_MAX - 1 };
    let mut columns: Vec<Column> = tasks.into_iter().take(taken).map(Column::Task).collect();
    if others || !fits {
        columns.push(Column::Others);
    }
    columns
}

/// The steps to show in so many lines: those that deviate, those of the race, the last ones, those
/// that touch what the race is about, and what stands around these.
fn shown(steps: &[Step], race: Option<&Race>, lines_max: usize) -> BTreeSet<usize> {
    let mut shown = Shown { steps, lines_max, rows: BTreeSet::new() };
    let deviating: Vec<usize> = (0..steps.len())
        .filter(|index| !steps[*index].deviates.is_empty() || !steps[*index].held.is_empty())
        .take(DEVIATING_MAX)
        .collect();
    let mut told = race.map(Race::steps).unwrap_or_default();
    told.sort_unstable();
    shown.rows.extend(steps.len().checked_sub(1));
    shown.add(deviating.iter().copied());
    shown.add(told.iter().copied());
    shown.add(steps.len().saturating_sub(3)..steps.len());
    let end = told.last().copied().unwrap_or(steps.len());
    let touching = match race {
        Some(race) => BTreeSet::from([race.resource()]),
        None => last_touched(steps),
    };
    let touches = |index: &usize| !steps[*index].touched.is_disjoint(&touching);
    shown.add((0..end.min(steps.len())).rev().filter(touches));
    for distance in 1..=2 {
        let around = deviating.iter().chain(&told);
        let around = around.flat_map(|at| [at.checked_sub(distance), at.checked_add(distance)]);
        shown.add(around.flatten());
    }
    if deviating.is_empty() {
        let rows = if steps.len() <= ROWS_MAX { ROWS_MAX } else { LAST_MAX };
        shown.add((0..steps.len()).rev().take(rows));
    }
    shown.close_gaps();
    shown.rows
}

/// The resources of the last step that touches any.
fn last_touched(steps: &[Step]) -> BTreeSet<u32> {
    let last = steps.iter().rev().find(|step| !step.touched.is_empty());
    last.map(|step| step.touched.clone()).unwrap_or_default()
}

/// What is to be shown, within its lines.
struct Shown<'a> {
    steps: &'a [Step],
    lines_max: usize,
    rows: BTreeSet<usize>,
}

impl Shown<'_> {
    fn add(&mut self, rows: impl IntoIterator<Item = usize>) {
        for row in rows {
            if self.rows.len() >= ROWS_MAX {
                return;
            }
            if row < self.steps.len() && self.rows.insert(row) && self.lines() > self.lines_max {
                self.rows.remove(&row);
            }
        }
    }

    /// How many lines the rows take, and those that stand for the others.
    fn lines(&self) -> usize {
        let mut lines = 0;
        let mut next = 0;
        for row in &self.rows {
            lines += 1 + usize::from(*row > next) + self.steps[*row].held.len();
            next = row + 1;
        }
        lines + usize::from(next < self.steps.len())
    }

    /// A row takes no more room than a line that stands for it.
    fn close_gaps(&mut self) {
        let is_shown = |row: usize| self.rows.contains(&row);
        let single = |row: &usize| {
            !is_shown(*row)
                && (*row == 0 || is_shown(*row - 1))
                && (*row + 1 == self.steps.len() || is_shown(*row + 1))
                && self.steps[*row].held.is_empty()
        };
        let around = self.rows.iter().flat_map(|row| [row.wrapping_sub(1), row + 1]);
        let single: Vec<usize> =
            around.filter(|row| *row < self.steps.len()).filter(single).collect();
        self.rows.extend(single);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With each of them weighed against all others it would take minutes.
    #[test]
    fn of_a_step_that_does_very_much_the_first_and_the_last_are_shown() {
        let part =
            |number| Part { text: format!("prints: {number}"), place: "lib.rs:1".to_owned() };
        let parts: Vec<Part> = (0..50_000).map(part).collect();
        let text = Cell { marks: &[], parts: &parts }.text(60);
        assert_eq!(text, "prints: 0 lib.rs:1; ..; prints: 49999 lib.rs:1");
    }

    /// What warns is cut where there is no room for it, and what else was done left out.
    #[test]
    fn a_warning_is_cut_and_not_left_out() {
        let part = |text: &str| Part { text: text.to_owned(), place: "lib.rs:1".to_owned() };
        let warning = "logs: WARN shop: the lease has run out while it was held";
        let parts = [part("starts"), part("lock#1: acquired"), part(warning), part("returns")];
        let text = Cell { marks: &[], parts: &parts }.text(80);
        let cut = "logs: WARN shop..ile it was held lib.rs:1";
        assert_eq!(text, format!("starts lib.rs:1, ..; {cut}; returns lib.rs:1"));
    }
}
