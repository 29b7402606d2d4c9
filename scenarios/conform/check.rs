//! What makes a program invalid although it is spelled correctly.
//!
//! Only what can be seen without running it: whether tasks await each other in a cycle, or an
//! operation meets a variable of the wrong kind, depends on the run.

use std::collections::BTreeMap;

use super::json::{Path, nearest, problem, quoted};
use super::parse::ParseError;
use super::program::{Body, Item, Program, Routine, Stmt};
use super::stack::BLOCKS_MAX;

/// The longest job, in ticks: `asyncio.run` waits no longer for the default pool.
const JOB_TICKS_MAX: u64 = 300;

/// So many blocks and calls in place in one another are run on any stack.
const SHALLOW: usize = 100;

impl Program {
    /// Checks the rules that the types leave open.
    ///
    /// # Errors
    ///
    /// - there is no `main`, or a coroutine or generator that is named does not exist;
    /// - `yield` outside a generator, `reraise` outside a handler, `reschedule` outside a timeout,
    ///   a `try` with neither handlers nor `finally`;
    /// - a job takes over 300 ticks;
    /// - blocks stand in one another more than 500 deep.
    pub fn check(&self) -> Result<(), ParseError> {
        self.check_all().map(drop)
    }

    /// Checks the rules; tells whether the program nests deeply, or might.
    pub(super) fn check_all(&self) -> Result<bool, ParseError> {
        let named = |error| ParseError { name: Some(self.name.to_string()), ..error };
        self.check_rules().map_err(named)
    }

    fn check_rules(&self) -> Result<bool, ParseError> {
        let coros = Path::Key(&Path::Root, "coros");
        let gens = Path::Key(&Path::Root, "gens");
        if self.coro("main").is_none() {
            return Err(problem(&coros, "there is no \"main\""));
        }
        let mut checker = Checker::new(self);
        for routine in &self.coros {
            checker.routine(routine, &coros, Scope::default())?;
        }
        for routine in &self.gens {
            checker.routine(routine, &gens, Scope { in_generator: true, ..Scope::default() })?;
        }
        Ok(checker.is_deep())
    }
}

/// What surrounds a statement in its own body.
#[derive(Clone, Copy, Default)]
struct Scope {
    in_generator: bool,
    in_handler: bool,
    in_timeout: bool,
    /// How many blocks are around it.
    depth: usize,
}

impl Scope {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

/// A call in place: of which routine, and in how many blocks it stands.
struct CallSite {
    callee: usize,
    depth: usize,
}

struct Checker<'a> {
    /// The routines' numbers: coroutines first, then generators.
    coros: BTreeMap<&'a str, usize>,
    gens: BTreeMap<&'a str, usize>,
    /// The calls in place from each routine.
    calls: Vec<Vec<CallSite>>,
}

impl<'a> Checker<'a> {
    fn new(program: &'a Program) -> Self {
        let number = |routines: &'a [Routine], first: usize| {
            let names = routines.iter().map(|routine| routine.name.as_str());
            names.zip(first..).collect()
        };
        let coros = number(&program.coros, 0);
        let gens = number(&program.gens, program.coros.len());
        Self { coros, gens, calls: Vec::new() }
    }

    fn routine(
        &mut self,
        routine: &Routine,
        path: &Path<'_>,
        scope: Scope,
    ) -> Result<(), ParseError> {
        self.calls.push(Vec::new());
        self.body(&routine.body, &Path::Key(path, &routine.name), scope)
    }

    fn body(&mut self, body: &Body, path: &Path<'_>, scope: Scope) -> Result<(), ParseError> {
        check_depth(path, scope)?;
        for (index, stmt) in body.iter().enumerate() {
            self.statement(stmt, &Path::Index(path, index), scope)?;
        }
        Ok(())
    }

    fn statement(&mut self, stmt: &Stmt, path: &Path<'_>, scope: Scope) -> Result<(), ParseError> {
        check_place(stmt, path, scope)?;
        self.references(stmt, path, scope)?;
        self.parts(stmt, path, scope)
    }

    /// Checks the statements inside `stmt`.
    fn parts(&mut self, stmt: &Stmt, path: &Path<'_>, scope: Scope) -> Result<(), ParseError> {
        let inner = scope.deeper();
        match stmt {
            Stmt::Repeat { body, .. }
            | Stmt::TaskGroup { body, .. }
            | Stmt::With { body, .. }
            | Stmt::AsyncFor { body, .. } => self.body(body, &Path::Key(path, "body"), inner),
            Stmt::Timeout { body, .. } => {
                let inner = Scope { in_timeout: true, ..inner };
                self.body(body, &Path::Key(path, "body"), inner)
            }
            Stmt::Try { body, handlers, finally } => {
                self.body(body, &Path::Key(path, "body"), inner)?;
                let in_handler = Scope { in_handler: true, ..inner };
                let all = Path::Key(path, "handlers");
                for (index, handler) in handlers.iter().enumerate() {
                    let path = Path::Index(&all, index);
                    self.body(&handler.body, &Path::Key(&path, "body"), in_handler)?;
                }
                let finally = finally.as_ref();
                finally.map_or(Ok(()), |body| self.body(body, &Path::Key(path, "finally"), inner))
            }
            Stmt::OnDone { then, .. }
            | Stmt::CallSoon { then, .. }
            | Stmt::CallLater { then, .. } => {
                let Some(stmt) = then.as_deref() else { return Ok(()) };
                let scope = Scope { depth: inner.depth, ..Scope::default() };
                let path = Path::Key(path, "do");
                check_depth(&path, scope)?;
                self.statement(stmt, &path, scope)
            }
            _ => Ok(()),
        }
    }

    /// Checks that the routines which `stmt` names exist, and notes those that it calls in place.
    fn references(&mut self, stmt: &Stmt, path: &Path<'_>, scope: Scope) -> Result<(), ParseError> {
        match stmt {
            // The new task has a stack of its own.
            Stmt::Spawn { coro, .. } | Stmt::TgSpawn { coro, .. } => {
                find(&self.coros, coro, "coroutine", &Path::Key(path, "coro")).map(drop)
            }
            Stmt::Call { coro } => {
                let callee = find(&self.coros, coro, "coroutine", &Path::Key(path, "coro"))?;
                self.note_call(callee, scope);
                Ok(())
            }
            Stmt::AsyncFor { generator, .. } => {
                let callee = find(&self.gens, generator, "generator", &Path::Key(path, "gen"))?;
                self.note_call(callee, scope);
                Ok(())
            }
            Stmt::WaitFor { item, .. } | Stmt::Shield { item, .. } => {
                self.item(item, &Path::Key(path, "item"), scope)
            }
            Stmt::Gather { of, .. } => {
                let path = Path::Key(path, "of");
                let mut items = of.iter().enumerate();
                items.try_for_each(|(i, item)| self.item(item, &Path::Index(&path, i), scope))
            }
            _ => Ok(()),
        }
    }

    fn item(&mut self, item: &Item, path: &Path<'_>, scope: Scope) -> Result<(), ParseError> {
        if let Item::Coro(coro) = item {
            let callee = find(&self.coros, coro, "coroutine", &Path::Key(path, "coro"))?;
            self.note_call(callee, scope);
        }
        Ok(())
    }

    fn note_call(&mut self, callee: usize, scope: Scope) {
        let calls = self.calls.last_mut().expect("seedloop bug: a statement outside a routine");
        calls.push(CallSite { callee, depth: scope.depth });
    }

    /// Tells whether blocks and calls in place may nest deeply. A routine that comes back to itself
    /// is not refused: something may stop it in time, and how deep it is the run finds out.
    fn is_deep(&self) -> bool {
        let mut callers = vec![Vec::new(); self.calls.len()];
        let mut open: Vec<usize> = self.calls.iter().map(Vec::len).collect();
        for (caller, sites) in self.calls.iter().enumerate() {
            for site in sites {
                callers[site.callee].push((caller, site.depth));
            }
        }
        // From the leaves up: a routine is settled once all that it calls is.
        let mut settled: Vec<usize> =
            (0..open.len()).filter(|&routine| open[routine] == 0).collect();
        let mut depths = vec![1; open.len()];
        while let Some(callee) = settled.pop() {
            for &(caller, depth) in &callers[callee] {
                depths[caller] = depths[caller].max(depths[callee] + depth + 1);
                open[caller] -= 1;
                if open[caller] == 0 {
                    settled.push(caller);
                }
            }
        }
        open.iter().any(|&calls| calls > 0) || depths.iter().any(|&depth| depth > SHALLOW)
    }
}

/// Finds the number of the routine `name`.
fn find(
    routines: &BTreeMap<&str, usize>,
    name: &str,
    what: &str,
    path: &Path<'_>,
) -> Result<usize, ParseError> {
    routines.get(name).copied().ok_or_else(|| {
        let hint = nearest(name, routines.keys().copied());
        problem(path, format!("there is no {what} {}{hint}", quoted(name)))
    })
}

fn check_depth(path: &Path<'_>, scope: Scope) -> Result<(), ParseError> {
    if scope.depth <= BLOCKS_MAX {
        return Ok(());
    }
    // The whole path would fill a page.
    Err(problem(path.routine(), format!("blocks nest deeper than {BLOCKS_MAX} levels")))
}

/// Checks what depends on where a statement stands in its body.
fn check_place(stmt: &Stmt, path: &Path<'_>, scope: Scope) -> Result<(), ParseError> {
    match stmt {
        Stmt::Yield { .. } if !scope.in_generator => {
            Err(problem(path, "yield outside a generator"))
        }
        Stmt::Reraise {} if !scope.in_handler => Err(problem(path, "reraise outside a handler")),
        Stmt::Reschedule { .. } if !scope.in_timeout => {
            Err(problem(path, "reschedule outside a timeout"))
        }
        Stmt::Try { handlers, finally: None, .. } if handlers.is_empty() => {
            Err(problem(path, "try with neither handlers nor finally"))
        }
        Stmt::RunInExecutor { dur, .. } if *dur > JOB_TICKS_MAX => {
            let what = format!("a job takes at most {JOB_TICKS_MAX} ticks, found {dur}");
            Err(problem(&Path::Key(path, "dur"), what))
        }
        _ => Ok(()),
    }
}
