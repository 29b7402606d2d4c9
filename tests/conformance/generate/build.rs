//! Turns outlines into programs: `main`, coroutines and generators.

use std::{mem, slice};

use scenarios::conform::program::{
    Body, CatchKind, Handler, Item, Number, OrNull, Program, RaiseKind, Routine, Stmt, Value,
};
use smol_str::{SmolStr, format_smolstr};

use super::ops::Op;
use super::outline::{Ending, Line, Outline};
use super::tree::Node;
use super::vars::{Vars, task_name};

/// Builds a program from an outline.
pub(super) struct Builder<'a> {
    outline: &'a Outline,
    tree: &'a [Node],
    pub(super) vars: Vars<'a>,
    coros: Vec<Routine>,
    gens: Vec<Routine>,
    /// What surrounds the statement that is built next, within its body.
    pub(super) place: Place,
    /// Tasks whose bodies are still to be built, for each body around the next statement.
    late: Vec<Vec<Late<'a>>>,
    /// Routines that may be started again. They start none again themselves, or else a chain of
    /// them would take exponential time.
    reusable_coros: Vec<SmolStr>,
    reusable_gens: Vec<SmolStr>,
    /// How many routines have been started again.
    reuses: usize,
}

/// What surrounds a statement in its body.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) in_generator: bool,
    pub(super) in_timeout: bool,
    pub(super) in_group: bool,
    /// Whether somebody sees how the body ends: a `try` around the statement, or a group that the
    /// body's task is a child of.
    pub(super) is_watched: bool,
    /// The innermost condition that is held.
    pub(super) held: Option<SmolStr>,
}

/// A task whose body is built at the end of the body that starts it, so that it may wait for tasks
/// which start after it.
struct Late<'a> {
    node: &'a Node,
    coro: usize,
}

impl<'a> Builder<'a> {
    /// Starts with an empty program; `tree` has the outline's blocks.
    pub(super) fn new(outline: &'a Outline, tree: &'a [Node]) -> Self {
        Self {
            outline,
            tree,
            vars: Vars::new(outline, tree),
            coros: Vec::new(),
            gens: Vec::new(),
            place: Place::default(),
            late: Vec::new(),
            reusable_coros: Vec::new(),
            reusable_gens: Vec::new(),
            reuses: 0,
        }
    }

    /// Builds the program.
    pub(super) fn build(mut self, name: SmolStr) -> Program {
        let main = self.reserve();
        let body = self.routine(Some("main".into()), Place::default(), Self::main);
        let body = self.vars.prologue().into_iter().chain(body).collect();
        self.coros[main] = Routine { name: "main".into(), body };
        Program { name, coros: self.coros, gens: self.gens }
    }

    fn main(&mut self) -> Body {
        let mut body = Vec::new();
        for node in self.tree {
            if self.outline.lines[node.line].suits_main() {
                body.extend(self.line(node));
                continue;
            }
            let coro = self.coroutine(Some(node.line), slice::from_ref(node));
            body.push(Stmt::Spawn { var: task_name(node.line), coro });
            self.vars.reach(node.line);
            self.vars.finish(node.line);
        }
        self.ending(&mut body);
        body
    }

    /// The last statements of `main`.
    fn ending(&mut self, body: &mut Body) {
        match self.outline.ending {
            Ending::Now => {}
            Ending::Sleep(t) => body.push(Stmt::Sleep { t }),
            Ending::Gather(t) => {
                let of = self.vars.own_tasks().into_iter().map(Item::Task).collect();
                let gather = Stmt::Gather { of, return_exceptions: true, var: None };
                let timeout = Stmt::Timeout { t: OrNull(t), body: vec![gather] };
                body.push(catching(CatchKind::Exception, vec![timeout]));
            }
        }
    }

    /// Builds the coroutine of the task that a line starts.
    pub(super) fn coroutine_of_task(&mut self, node: &'a Node) -> SmolStr {
        if !self.is_late(node) {
            return self.coroutine_or_reused(Some(node.line), node);
        }
        let coro = self.reserve();
        if let Some(late) = self.late.last_mut() {
            late.push(Late { node, coro });
        }
        self.coros[coro].name.clone()
    }

    /// Builds a coroutine from the lines inside a line, or finds an earlier one.
    pub(super) fn coroutine_or_reused(&mut self, task: Option<usize>, node: &'a Node) -> SmolStr {
        if let Some(nodes) = node.parts.first() {
            return self.coroutine(task, nodes);
        }
        if self.reusable_coros.is_empty() {
            return self.coroutine(task, &[]);
        }
        self.reuses += 1;
        pick(&self.reusable_coros, self.outline.lines[node.line].picks[1])
    }

    /// Builds a coroutine that runs in the task which the line `task` starts; none: in that of its
    /// caller, or in one of its own without a variable.
    pub(super) fn coroutine(&mut self, task: Option<usize>, nodes: &'a [Node]) -> SmolStr {
        let coro = self.reserve();
        self.fill(coro, task, nodes);
        self.coros[coro].name.clone()
    }

    /// Builds a generator from the lines in `nodes`, with `yields` more `yield`s between them, or
    /// finds an earlier one.
    pub(super) fn generator_or_reused(&mut self, nodes: &'a [Node], line: &Line) -> SmolStr {
        if line.reuses() && !self.reusable_gens.is_empty() {
            self.reuses += 1;
            return pick(&self.reusable_gens, line.picks[1]);
        }
        let index = self.gens.len();
        let name = format_smolstr!("y{}", index + 1);
        self.gens.push(Routine { name: name.clone(), body: Vec::new() });
        let place = Place { in_generator: true, ..Place::default() };
        let reuses = self.reuses;
        let stmts = self.routine(None, place, |builder| builder.body(nodes));
        self.gens[index].body = with_yields(stmts, i64::from(line.twist % 4));
        if self.reuses == reuses {
            self.reusable_gens.push(name.clone());
        }
        name
    }

    /// Adds a coroutine whose body is not known yet.
    fn reserve(&mut self) -> usize {
        let name = format_smolstr!("k{}", self.coros.len());
        self.coros.push(Routine { name, body: Vec::new() });
        self.coros.len() - 1
    }

    fn fill(&mut self, coro: usize, task: Option<usize>, nodes: &'a [Node]) {
        let reuses = self.reuses;
        let in_group = self.place.in_group;
        let place = Place { is_watched: in_group, ..Place::default() };
        let mut body = self.routine(task.map(task_name), place, |builder| builder.body(nodes));
        if let Some(task) = task {
            body = self.body_of_task(task, in_group, body);
        }
        self.coros[coro].body = body;
        if self.reuses == reuses {
            self.reusable_coros.push(self.coros[coro].name.clone());
        }
    }

    /// Lets some tasks take some time, and some members of groups fail when they are cancelled.
    fn body_of_task(&self, index: usize, in_group: bool, mut body: Body) -> Body {
        let line = &self.outline.lines[index];
        if line.flag {
            body.insert(0, Stmt::Sleep { t: line.time });
        }
        if in_group && line.twist >= 4 {
            let raise = raise(format_smolstr!("x{}t", index + 1));
            let handlers = vec![Handler { catch: CatchKind::Cancelled, body: vec![raise] }];
            return vec![Stmt::Try { body, handlers, finally: None }];
        }
        body
    }

    /// Builds the body of a coroutine or generator.
    fn routine(
        &mut self,
        task: Option<SmolStr>,
        place: Place,
        fill: impl FnOnce(&mut Self) -> Body,
    ) -> Body {
        let around = mem::replace(&mut self.place, place);
        self.vars.enter(task);
        self.late.push(Vec::new());
        let body = fill(self);
        for late in self.late.pop().unwrap_or_default() {
            self.fill(late.coro, Some(late.node.line), &late.node.parts[0]);
            self.vars.finish(late.node.line);
        }
        self.vars.leave();
        self.place = around;
        body
    }

    /// The statements of a block.
    pub(super) fn body(&mut self, nodes: &'a [Node]) -> Body {
        nodes.iter().flat_map(|node| self.line(node)).collect()
    }

    fn line(&mut self, node: &'a Node) -> Body {
        let line = &self.outline.lines[node.line];
        self.vars.reach(node.line);
        let stmts = self.statements(node, line);
        if !self.is_late(node) {
            self.vars.finish(node.line);
        }
        self.guarded(line, stmts)
    }

    /// Whether the body of the task that a line starts is built late.
    fn is_late(&self, node: &Node) -> bool {
        let line = &self.outline.lines[node.line];
        matches!(line.op, Op::Spawn | Op::TgSpawn) && line.twist == 6
    }
}

/// Puts `count` more `yield`s between the statements, or after them.
fn with_yields(stmts: Body, count: i64) -> Body {
    let mut yields =
        (0..count).map(|number| Stmt::Yield { value: Value::Number(Number::Int(number)) });
    let mut body = Vec::new();
    for stmt in stmts {
        body.push(stmt);
        body.extend(yields.next());
    }
    body.extend(yields);
    body
}

fn pick(names: &[SmolStr], key: u16) -> SmolStr {
    names[usize::from(key) % names.len()].clone()
}

pub(super) fn raise(msg: SmolStr) -> Stmt {
    Stmt::Raise { exc: RaiseKind::Boom, msg }
}

/// Has the exceptions of a kind forgotten.
pub(super) fn catching(catch: CatchKind, body: Body) -> Stmt {
    Stmt::Try { body, handlers: vec![Handler { catch, body: Vec::new() }], finally: None }
}
