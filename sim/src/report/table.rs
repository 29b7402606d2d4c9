//! A run as a table: a column for each task, a row for each step, and only the rows that matter.

use std::collections::BTreeSet;

use super::names::{Names, at};
use super::text::{end_line, one_line, push_left, push_right, width};
use super::wording::{Row, Teller};
use crate::base::{ChoiceKind, Event, Record, Result, Source, TaskNumber};
use crate::runner::Outcome;

/// How many rows are shown, without those that stand for others.
const ROWS_MAX: usize = 14;
/// How wide a line is, in cells.
const CELLS_MAX: usize = 110;
/// How far apart columns stand at most: cells may reach into the next, which is empty then.
const COLUMN_MAX: usize = 18;
/// How many columns there are; further tasks share the last one.
const COLUMNS_MAX: usize = 6;

/// One step of a run.
struct Step {
    /// The task; none for a call of the loop's own.
    task: Option<TaskNumber>,
    /// What it does, in a line.
    what: String,
    /// What is not as in the dull run.
    deviates: Vec<&'static str>,
}

/// Appends the table of a run; the marks say where it deviates from the dull one.
pub(super) fn push_table(text: &mut String, outcome: &Outcome<Result<()>>) {
    let steps = steps_of(outcome);
    let shown = shown(&steps);
    if shown.is_empty() {
        return;
    }
    let names = Names::of(outcome);
    let columns = columns(&steps, &shown);
    let number_cells = steps.len().to_string().len().max("step".len());
    let heads: Vec<String> = columns.iter().map(|column| column.head(&names)).collect();
    let widest = heads.iter().map(|head| width(head) + 2).max().unwrap_or(0);
    let apart = widest.clamp(8, COLUMN_MAX);
    let mut head = String::new();
    push_right(&mut head, "step", number_cells + 2);
    head.push_str("  ");
    for name in &heads {
        push_left(&mut head, &shortened(name, apart - 1), apart);
    }
    end_line(text, &head);
    let mut last = 0;
    for index in shown {
        push_folded(text, index - last, number_cells);
        last = index + 1;
        let step = &steps[index];
        let mut line = String::new();
        let mark = if step.deviates.is_empty() { " " } else { ">" };
        line.push_str(mark);
        push_right(&mut line, &(index + 1).to_string(), number_cells + 1);
        line.push_str("  ");
        let column = columns.iter().position(|column| column.holds(step)).unwrap_or(0);
        push_left(&mut line, "", column * apart);
        let mut what = step.what.clone();
        if !step.deviates.is_empty() {
            what = format!("[{}] {what}", step.deviates.join(", "));
        }
        let room = CELLS_MAX.saturating_sub(width(&line));
        line.push_str(&shortened(&what, room));
        end_line(text, &line);
    }
    push_folded(text, steps.len() - last, number_cells);
}

fn push_folded(text: &mut String, folded: usize, cells: usize) {
    if folded > 0 {
        let steps = if folded == 1 { "step" } else { "steps" };
        let dots = " ".repeat(cells);
        end_line(text, &format!("{dots}..  {folded} {steps} in the order of the queue"));
    }
}

/// Cuts a text that is too wide.
fn shortened(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        let mut next = short.clone();
        next.push(letter);
        if width(&next) + 2 > cells {
            break;
        }
        short = next;
    }
    short.push_str("..");
    short
}

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

    fn holds(&self, step: &Step) -> bool {
        match self {
            Column::Task(number) => step.task == Some(*number),
            Column::Others => true,
        }
    }
}

/// Those of the shown steps, by the tasks' numbers.
fn columns(steps: &[Step], shown: &[usize]) -> Vec<Column> {
    let tasks: BTreeSet<TaskNumber> = shown.iter().filter_map(|index| steps[*index].task).collect();
    let others = shown.iter().any(|index| steps[*index].task.is_none());
    let fits = tasks.len() + usize::from(others) <= COLUMNS_MAX;
    let taken = if fits { tasks.len() } else { COLUMNS_MAX - 1 };
    let mut columns: Vec<Column> = tasks.into_iter().take(taken).map(Column::Task).collect();
    if others || !fits {
        columns.push(Column::Others);
    }
    columns
}

/// The steps around those that deviate, and the last ones.
fn shown(steps: &[Step]) -> Vec<usize> {
    let mut shown: BTreeSet<usize> = BTreeSet::new();
    let deviating = steps.iter().enumerate().filter(|(_, step)| !step.deviates.is_empty());
    let deviating: Vec<usize> = deviating.map(|(index, _)| index).collect();
    let last = steps.len().saturating_sub(3)..steps.len();
    for index in deviating.iter().copied().take(ROWS_MAX - 3).chain(last) {
        shown.insert(index);
    }
    for distance in 1..=2 {
        for index in &deviating {
            for near in [index.checked_sub(distance), index.checked_add(distance)] {
                let Some(near) = near.filter(|near| *near < steps.len()) else { continue };
                if shown.len() < ROWS_MAX {
                    shown.insert(near);
                }
            }
        }
    }
    shown.into_iter().collect()
}

/// The steps of a recorded run, with what they do.
fn steps_of(outcome: &Outcome<Result<()>>) -> Vec<Step> {
    let mut teller = Teller::new(Names::of(outcome), &outcome.lines);
    let nexts = outcome.records.iter().skip(1).map(Some).chain([None]);
    let mut steps: Vec<Step> = Vec::new();
    // What was decided before the step that it is about.
    let mut picked = false;
    let mut struck = None;
    for (record, next) in outcome.records.iter().zip(nexts) {
        let Row { what, .. } = teller.tell(record, next);
        let what = with_short_place(what, record);
        match record.event {
            Event::StepStarted { task } => {
                let mut deviates = Vec::new();
                if std::mem::take(&mut picked) {
                    deviates.push("runs first");
                }
                deviates.extend(struck.take());
                steps.push(Step { task: Some(task), what: String::new(), deviates });
                if what == "starts" {
                    push_part(&mut steps, "starts");
                }
            }
            Event::Callback { .. } => {
                let deviates =
                    if std::mem::take(&mut picked) { vec!["runs first"] } else { vec![] };
                steps.push(Step { task: None, what: what.clone(), deviates });
            }
            Event::Chosen { kind, value, .. } if value != 0 => match kind {
                ChoiceKind::Ready => picked = true,
                ChoiceKind::Cancel => {
                    struck = Some(if value == 1 { "cancelled" } else { "dropped" });
                }
                ChoiceKind::Switch => mark(&mut steps, "gives way"),
                ChoiceKind::Delay => mark(&mut steps, "takes longer"),
                ChoiceKind::Lateness => mark(&mut steps, "the loop is late after this"),
                ChoiceKind::Fault => mark(&mut steps, "a fault"),
                ChoiceKind::Branch => mark(&mut steps, "another branch first"),
                ChoiceKind::Value => mark(&mut steps, "another value"),
            },
            Event::Waits { .. }
            | Event::Spawned { by: Source::Task(_), .. }
            | Event::CancelRequested { by: Source::Task(_), .. }
            | Event::Printed { .. }
            | Event::Resource { by: Source::Task(_), .. } => push_part(&mut steps, &what),
            Event::StepEnded { end, .. } => {
                use crate::base::StepEnd::{Cancelled, Failed, Panicked, Returned};
                if matches!(end, Cancelled | Failed | Panicked | Returned) {
                    push_part(&mut steps, &what);
                }
            }
            _ => {}
        }
    }
    for step in &mut steps {
        if step.what.is_empty() {
            step.what.push_str("goes on");
        }
    }
    steps
}

/// Names a place by its file and line alone: the folders stand in the message and the race.
fn with_short_place(what: String, record: &Record) -> String {
    let long = at(record.place);
    match (what.strip_suffix(&long), record.place) {
        (Some(what), Some(place)) if !long.is_empty() => {
            let file = place.file.rsplit(['/', '\\']).next().unwrap_or(place.file);
            format!("{what} {file}:{}", place.line)
        }
        _ => what,
    }
}

fn mark(steps: &mut [Step], deviation: &'static str) {
    if let Some(step) = steps.last_mut() {
        step.deviates.push(deviation);
    }
}

fn push_part(steps: &mut [Step], part: &str) {
    let Some(step) = steps.last_mut() else { return };
    let part = one_line(part);
    if step.what == "starts" {
        step.what.clear();
        step.what.push_str(&format!("starts, {part}"));
    } else if step.what.is_empty() {
        step.what.push_str(&part);
    } else if !step.what.ends_with(&part) {
        step.what.push_str(&format!("; {part}"));
    }
}
