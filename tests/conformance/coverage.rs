//! What programs exercise: operations by the phase in which a cancel meets them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use scenarios::conform::program::{Program, Stmt};
use scenarios::conform::{Mark, watch};
use seedloop::trace::{Event, Record, TaskNumber};

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It ended without its task being suspended.
    Free,
    /// It was cancelled while it waited.
    Waiting,
    /// It was cancelled after it had been woken, before its task ran.
    Woken,
    /// It was cancelled once more before the first cancel had arrived.
    BeingCancelled,
    /// It was cancelled by the clean-up at the end of the run.
    Shutdown,
}

impl Phase {
    /// All phases, in the order of the table's columns.
    pub(crate) const ALL: [Self; 5] =
        [Self::Free, Self::Waiting, Self::Woken, Self::BeingCancelled, Self::Shutdown];

    fn title(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Waiting => "waiting",
            Self::Woken => "woken",
            Self::BeingCancelled => "being cancelled",
            Self::Shutdown => "at shutdown",
        }
    }
}

/// An operation in a phase.
pub(crate) type Cell = (&'static str, Phase);

/// How many programs reach each cell.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<Cell, usize>);

impl Coverage {
    /// Counts what a program reaches.
    pub(crate) fn count(&mut self, program: &Program) {
        self.add(&cells(program));
    }

    /// Counts cells that a program reaches.
    pub(crate) fn add(&mut self, cells: &BTreeSet<Cell>) {
        for cell in cells {
            *self.0.entry(*cell).or_default() += 1;
        }
    }

    /// How many programs reach this cell.
    pub(crate) fn of(&self, cell: Cell) -> usize {
        self.0.get(&cell).copied().unwrap_or(0)
    }
}

/// The table: a row for each operation, `.` for what cannot be.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:16}", "operation")?;
        Phase::ALL.iter().try_for_each(|phase| write!(f, "{:>17}", phase.title()))?;
        for op in Stmt::OPS {
            write!(f, "\n{op:16}")?;
            for phase in Phase::ALL {
                match (self.of((op, phase)), impossible(op, phase)) {
                    (0, Some(_)) => write!(f, "{:>17}", ".")?,
                    (count, _) => write!(f, "{count:>17}")?,
                }
            }
        }
        Ok(())
    }
}

/// Says why a cell of the table has to be empty; none if it has not.
pub(crate) fn impossible(op: &str, phase: Phase) -> Option<&'static str> {
    const NEVER_WAITS: &str = "it never waits";
    const ALWAYS_WAITS: &str = "it always waits";
    const BODY: &str = "its body waits, not it";
    const NOT_HELD: &str = "the lock of a barrier is never held while a task is suspended";
    match (op, phase) {
        ("return" | "raise" | "reraise", Phase::Free) => None,
        ("sleep" | "cond_wait" | "wait", Phase::Free) => Some(ALWAYS_WAITS),
        (_, Phase::Free) => None,
        ("call" | "repeat" | "try" | "timeout" | "async_for", _) => Some(BODY),
        ("barrier_abort" | "barrier_reset", _) => Some(NOT_HELD),
        (op, _) if WAITS.contains(&op) => None,
        _ => Some(NEVER_WAITS),
    }
}

/// The operations that can wait.
const WAITS: [&str; 17] = [
    "sleep",
    "await",
    "gather",
    "wait",
    "wait_for",
    "shield",
    "as_completed",
    "taskgroup",
    "with",
    "acquire",
    "event_wait",
    "cond_wait",
    "put",
    "get",
    "join",
    "barrier_wait",
    "run_in_executor",
];

/// A task, as far as it can be seen from outside.
#[derive(Debug, Default)]
struct Task {
    /// The statements that it is in.
    inside: Vec<Inside>,
    state: State,
}

#[derive(Debug)]
struct Inside {
    op: &'static str,
    has_waited: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Running,
    Waiting,
    Woken,
    Cancelled,
}

/// The cells that a program reaches.
pub(crate) fn cells(program: &Program) -> BTreeSet<Cell> {
    let outcome = watch(program.clone());
    let mut watcher = Watcher::default();
    let mut lines = outcome.lines.iter();
    for Record { event, .. } in &outcome.records {
        match event {
            Event::Printed { .. } => match lines.next().and_then(|line| Mark::read(&line.text)) {
                Some(Mark::Over) => break,
                Some(mark) => watcher.mark(mark),
                None => {}
            },
            event => watcher.event(*event),
        }
    }
    watcher.cells
}

#[derive(Debug, Default)]
struct Watcher {
    tasks: BTreeMap<TaskNumber, Task>,
    /// The task that runs; none for a callback.
    running: Option<TaskNumber>,
    at_shutdown: bool,
    /// What callbacks do.
    callbacks: Task,
    cells: BTreeSet<Cell>,
}

impl Watcher {
    fn mark(&mut self, mark: Mark) {
        let task = match self.running {
            Some(number) => self.tasks.entry(number).or_default(),
            None => &mut self.callbacks,
        };
        let (op, ends_well) = match mark {
            Mark::Begin("yield") | Mark::Over => return,
            Mark::Begin(op) => return task.inside.push(Inside { op, has_waited: false }),
            Mark::End(op) => (op, true),
            Mark::Fail(op) => (op, NEVER_GOES_ON.contains(&op)),
        };
        let found = task.inside.iter().rposition(|inside| inside.op == op);
        // What lies further in belongs to a generator that was left where it stood.
        let inside = found.and_then(|found| task.inside.drain(found..).next());
        if ends_well && inside.is_none_or(|inside| !inside.has_waited) {
            self.cells.insert((op, Phase::Free));
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::StepStarted { task } => {
                self.running = Some(task);
                self.tasks.entry(task).or_default().state = State::Running;
            }
            Event::StepEnded { task, .. } => {
                self.running = None;
                let task = self.tasks.entry(task).or_default();
                if task.state == State::Running {
                    task.state = State::Waiting;
                }
                // A statement whose body waits has not waited itself.
                if let Some(inside) = task.inside.last_mut() {
                    inside.has_waited = true;
                }
            }
            Event::Callback { .. } => self.running = None,
            Event::Phase { .. } => self.at_shutdown = true,
            Event::Woken { task, .. } => {
                let task = self.tasks.entry(task).or_default();
                if task.state == State::Waiting {
                    task.state = State::Woken;
                }
            }
            Event::CancelRequested { task, .. } => self.cancel(task),
            _ => {}
        }
    }

    fn cancel(&mut self, task: TaskNumber) {
        let task = self.tasks.entry(task).or_default();
        let Some(inside) = task.inside.last() else { return };
        let phase = match task.state {
            State::Running => return,
            State::Cancelled => Phase::BeingCancelled,
            _ if self.at_shutdown => Phase::Shutdown,
            State::Waiting => Phase::Waiting,
            State::Woken => Phase::Woken,
        };
        self.cells.insert((inside.op, phase));
        task.state = State::Cancelled;
    }
}

/// Operations that end with an error when all goes well.
const NEVER_GOES_ON: [&str; 2] = ["raise", "reraise"];
