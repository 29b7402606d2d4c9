//! One run of a program: its variables, its lines and its end.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use seedloop::error::{Deadlock, LimitExceeded, Panicked};
use seedloop::trace::Line;
use seedloop::{AsyncGen, Error, Outcome, Report, ReportKind, Result, Runner, Simulation};

use super::super::parse::Checked;
use super::super::program::Program;
use super::super::stack::on_large_stack;
use super::body::{Call, coroutine};
use super::combine::TICKS_MAX;
use super::cycles::Node;
use super::transcript::{Stop, Transcript};
use super::value::{Shown, Value};
use super::vars::{Handle, Var, Vars};

/// Blocks of statements that are entered; more only if a program goes on and on without printing.
const BLOCKS_MAX: u32 = 200_000;

/// Coroutines that are started; more only if tasks gather more and more tasks.
const COROUTINES_MAX: u32 = 50_000;

/// What a program prints.
pub(in super::super) struct Trace {
    lines: Vec<Line>,
    /// The last line, with its time.
    last: String,
}

impl Trace {
    /// Gives the lines, which consist of a time, a space and a text, but for the last one, which
    /// is complete.
    pub(in super::super) fn parts(&self) -> (impl Iterator<Item = (u64, &str)>, &str) {
        let lines = self.lines.iter();
        (lines.map(|line| (line.time.since_start().as_secs(), &*line.text)), &self.last)
    }
}

/// Runs a program in asyncio's order.
///
/// # Errors
///
/// What makes the program malformed though it is well formed: it uses a variable of the wrong kind,
/// its tasks await each other in a cycle, or it goes on without end and without printing.
pub(in super::super) fn interpret(checked: Checked) -> Result<Trace, String> {
    let Checked { program, is_deep } = checked;
    if is_deep {
        return on_large_stack(|| interpret_here(program));
    }
    interpret_here(program)
}

fn interpret_here(program: Program) -> Result<Trace, String> {
    let run = Rc::new(Run::new(program, Transcript::default()));
    let inside = Rc::clone(&run);
    let outcome = Simulation::new().run(move || inside.go());
    run.trace(outcome)
}

/// Runs a program as `interpret` does and keeps what happened: the events, and among the lines
/// `Mark`s that tell where the program was.
pub fn watch(program: Program) -> Outcome<Result<()>> {
    let run = Rc::new(Run::new(program, Transcript::marked()));
    Simulation::new().record().run(move || run.go().map(drop))
}

/// The state that all tasks and callbacks of a program share.
pub(super) struct Run {
    pub(super) program: Program,
    pub(super) vars: RefCell<Vars>,
    /// All that were made: a suspended one must not be closed before the run's end.
    pub(super) generators: RefCell<Vec<AsyncGen<Value>>>,
    /// The label of callbacks.
    pub(super) loop_label: Rc<str>,
    /// The tasks, and what they wait for.
    pub(super) tasks: RefCell<Vec<Rc<Node>>>,
    has_cycle: Cell<bool>,
    pub(super) transcript: Arc<Transcript>,
    pub(super) has_default_pool: Cell<bool>,
    blocks: Cell<u32>,
    coroutines: Cell<u32>,
}

impl Run {
    fn new(program: Program, transcript: Transcript) -> Self {
        Run {
            program,
            vars: RefCell::default(),
            generators: RefCell::default(),
            loop_label: "loop".into(),
            tasks: RefCell::default(),
            has_cycle: Cell::new(false),
            transcript: Arc::new(transcript),
            has_default_pool: Cell::new(false),
            blocks: Cell::new(0),
            coroutines: Cell::new(0),
        }
    }

    /// `asyncio.run(main())`, in steps: the main task has to be in a variable.
    fn go(self: &Rc<Self>) -> Result<Value> {
        let runner = Runner::new();
        let event_loop = runner.event_loop()?;
        let reporter = Rc::clone(self);
        event_loop.set_exception_handler(move |report| reporter.report(report));
        let node = self.new_task();
        let call = Call::new(self, "main", "main".into(), &node);
        let main = event_loop.create_task(coroutine(call))?;
        self.set("main", Var::Handle(Handle::Task(main.clone(), node)));
        let result = event_loop.run_until_complete(main);
        let has_stuck = self.look_for_cycle(&result);
        let closed = match self.is_over() {
            // Nothing is printed any more, and to cancel a long chain of tasks takes long.
            true => event_loop.close(),
            false => runner.close(),
        };
        if !has_stuck {
            self.look_for_cycle(&closed);
        }
        // They hold what holds them: the bodies of generators know the run.
        drop((self.vars.take(), self.generators.take(), self.tasks.take()));
        // An error of the clean-up replaces that of `main`, as an exception in `finally` does.
        closed.and(result)
    }

    /// Looks for tasks that await each other in a cycle, if the loop is stuck; tells whether it is.
    fn look_for_cycle<T>(&self, result: &Result<T>) -> bool {
        let is_stuck = matches!(result, Err(error) if error.is::<Deadlock>());
        self.has_cycle.set(is_stuck && !self.is_over() && self.has_cycle());
        is_stuck
    }

    /// The loop's exception handler.
    fn report(&self, report: &Report) {
        let what = match report.kind {
            ReportKind::Callback => "callback",
            ReportKind::Shutdown => "shutdown",
            ReportKind::AsyncGenerator => "asyncgen",
            _ => return,
        };
        if let Some(error) = &report.error {
            self.log("loop", format_args!("unhandled {what} {}", Shown(error)));
        }
    }

    /// The trace, once the run is over.
    fn trace(&self, outcome: Outcome<Result<Value>>) -> Result<Trace, String> {
        let result = outcome.result.and_then(|result| result);
        let verdict = match (self.transcript.stopped(), result) {
            (Some(Stop::Malformed(problem)), _) => return Err(problem.clone()),
            _ if self.has_cycle.get() => {
                return Err("tasks await each other in a cycle".to_owned());
            }
            (Some(Stop::Runaway), _) => "runaway".to_owned(),
            (None, Ok(value)) => format!("returned {value}"),
            (None, Err(error)) if error.is::<Deadlock>() => "deadlock".to_owned(),
            (None, Err(error)) if error.is::<Panicked>() || error.is::<LimitExceeded>() => {
                return Err(error.to_string());
            }
            (None, Err(error)) => format!("raised {}", Shown(&error)),
        };
        let lines = outcome.lines;
        let last = match self.transcript.is_over() {
            true => lines.last().map_or(outcome.time, |line| line.time),
            false => outcome.time,
        };
        let last = last.since_start().as_secs();
        if last >= TICKS_MAX {
            let mut late =
                lines.iter().filter(|line| line.time.since_start().as_secs() >= TICKS_MAX);
            let who = late.next().and_then(|line| line.text.split_once(": "));
            let who = who.map_or("run", |(who, _)| who);
            return Err(format!("{who}: the time is up at tick {TICKS_MAX}"));
        }
        Ok(Trace { lines, last: format!("{last} run: {verdict}") })
    }

    /// Sets a variable.
    pub(super) fn set(&self, name: &str, var: Var) {
        let mut vars = self.vars.borrow_mut();
        let old = match vars.get_mut(name) {
            Some(old) => Some(std::mem::replace(old, var)),
            None => vars.insert(name.into(), var),
        };
        drop((vars, old));
    }

    /// Prints a line.
    pub(super) fn log(&self, who: &str, text: fmt::Arguments<'_>) {
        self.transcript.log(who, text);
    }

    /// Counts a block of statements that is entered.
    pub(super) fn count_block(&self) {
        self.blocks.set(self.blocks.get() + 1);
        if self.blocks.get() > BLOCKS_MAX {
            self.refuse("it goes on without end and without printing".to_owned());
        }
    }

    /// Counts a coroutine that is started.
    pub(super) fn count_coroutine(&self) {
        self.coroutines.set(self.coroutines.get() + 1);
        if self.coroutines.get() > COROUTINES_MAX {
            self.refuse("it starts tasks without end".to_owned());
        }
    }

    /// Ends the run of a malformed program.
    pub(super) fn refuse(&self, problem: String) {
        self.transcript.stop(Stop::Malformed(problem));
    }

    pub(super) fn is_over(&self) -> bool {
        self.transcript.is_over()
    }
}

/// An error that nobody sees, since the run is over.
pub(super) fn over() -> Error {
    Error::msg("the run is over")
}
