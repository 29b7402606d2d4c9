//! Turns lines into statements: those with blocks or coroutines, and what goes with a statement.

use std::mem;

use scenarios::conform::program::{Body, CatchKind, Handler, Item, OrNull, Stmt};
use smol_str::format_smolstr;

use super::build::{Builder, catching, raise};
use super::ops::Op;
use super::outline::{Leave, Line};
use super::statements::Context;
use super::tree::Node;
use super::vars::{group_name, stored_name, task_name};

impl<'a> Builder<'a> {
    /// The statements that a line stands for: most often one, none where there is nothing to
    /// operate on.
    pub(super) fn statements(&mut self, node: &'a Node, line: &'a Line) -> Body {
        let context = Context { line, index: node.line, in_callback: false };
        let stmt = match line.op {
            Op::Pass => None,
            Op::Spawn | Op::TgSpawn => Some(self.spawn(line.op, node, line)),
            Op::Call => Some(Stmt::Call { coro: self.coroutine_or_reused(None, node) }),
            Op::Gather => Some(self.gather(node, line)),
            Op::WaitFor | Op::Shield => self.wait_for_or_shield(node, line),
            Op::Repeat => {
                let n = [2, 1, 3, 2][line.count];
                Some(Stmt::Repeat { n, body: self.body(&node.parts[0]) })
            }
            Op::Try => Some(self.try_stmt(node, line)),
            Op::Timeout => Some(self.timeout(node, line)),
            Op::TaskGroup => Some(self.task_group(node)),
            Op::With => Some(self.with(node, line)),
            Op::AsyncFor => Some(self.async_for(node, line)),
            op if op.sets_callback() => {
                let then = self.then(node, line);
                self.simple(op, context, then)
            }
            op => self.simple(op, context, None),
        };
        let Some(stmt) = stmt else {
            return Vec::new();
        };
        // What is to be cancelled gets some time to start.
        let pauses = line.op == Op::Cancel && matches!(line.twist, 2..=4);
        let pause = pauses.then_some(Stmt::Sleep { t: line.time });
        let more = self.follow_up(&stmt, node.line, line);
        pause.into_iter().chain([stmt]).chain(more).collect()
    }

    /// Surrounds statements that may raise by a handler or a timeout, if the line says so. In
    /// `main` it says so more often: when `main` ends, so does most of the program.
    pub(super) fn guarded(&self, line: &Line, stmts: Body) -> Body {
        if stmts.is_empty() || !line.op.may_raise() {
            return stmts;
        }
        let in_main = self.vars.in_main();
        let hangs = line.op.may_hang();
        let usual = if line.op == Op::TaskGroup { CatchKind::Group } else { CatchKind::Exception };
        match line.guard {
            0 => stmts,
            1..=3 if !in_main => stmts,
            1..=5 if in_main && !hangs => vec![catching(CatchKind::Base, stmts)],
            4 | 5 if !in_main => vec![catching(usual, stmts)],
            6 if !hangs => vec![catching(CatchKind::Base, stmts)],
            guard => {
                let t = if in_main { OrNull(Some(line.time)) } else { line.limit };
                let catch = if guard < 4 { CatchKind::Base } else { CatchKind::Timeout };
                vec![catching(catch, vec![Stmt::Timeout { t, body: stmts }])]
            }
        }
    }

    /// What a line does after its statement, to make trouble: it cancels once more, or cancels a
    /// task that it may just have woken; or to avoid it: it releases what it has acquired.
    fn follow_up(&mut self, stmt: &Stmt, index: usize, line: &Line) -> Body {
        match stmt {
            Stmt::Cancel { .. } if line.twist == 7 => vec![stmt.clone()],
            Stmt::Cancel { var, .. } if line.twist >= 5 => {
                let again = Stmt::Cancel { var: var.clone(), msg: None };
                vec![Stmt::Sleep { t: line.time }, again]
            }
            Stmt::SetResult { .. }
            | Stmt::EventSet { .. }
            | Stmt::Release { .. }
            | Stmt::Notify { .. }
            | Stmt::PutNowait { .. }
            | Stmt::TaskDone { .. }
                if line.twist >= 5 =>
            {
                let target = self.vars.target(line.picks[3], index);
                target.into_iter().map(|var| Stmt::Cancel { var, msg: None }).collect()
            }
            Stmt::Acquire { var } if line.twist >= 3 => {
                vec![Stmt::Sleep { t: line.time }, Stmt::Release { var: var.clone() }]
            }
            Stmt::Get { var } | Stmt::GetNowait { var } if line.twist >= 4 => {
                let target = self.vars.target(line.picks[3], index).filter(|_| line.twist == 7);
                let cancel = target.map(|var| Stmt::Cancel { var, msg: None });
                cancel.into_iter().chain([Stmt::TaskDone { var: var.clone() }]).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What the callback of a line does.
    fn then(&mut self, node: &'a Node, line: &'a Line) -> Option<Box<Stmt>> {
        let stmt = match line.then? {
            op @ (Op::Spawn | Op::TgSpawn) => Some(self.spawn(op, node, line)),
            op => {
                let context = Context { line, index: node.line, in_callback: true };
                self.simple(op, context, None)
            }
        };
        stmt.map(Box::new)
    }

    fn spawn(&mut self, op: Op, node: &'a Node, line: &'a Line) -> Stmt {
        let var = task_name(node.line);
        let joins = op == Op::TgSpawn || self.place.in_group && line.twist > 0;
        let group = joins.then(|| self.vars.group(line.picks[0], node.line)).flatten();
        let coro = self.coroutine_of_task(node);
        match group {
            Some(tg) => Stmt::TgSpawn { tg, var, coro },
            None => Stmt::Spawn { var, coro },
        }
    }

    fn gather(&mut self, node: &'a Node, line: &'a Line) -> Stmt {
        let coros = node.parts.iter();
        let coros = coros.map(|nodes| Item::Coro(self.coroutine(None, nodes))).collect::<Vec<_>>();
        let tasks = line.picks.iter().take(line.count);
        let tasks = tasks.filter_map(|&key| self.vars.waitable(key)).map(Item::Task).collect();
        let coros_first = line.key.is_multiple_of(2);
        let of = if coros_first { [coros, tasks] } else { [tasks, coros] }.concat();
        let var = line.stores.then(|| stored_name(node.line));
        Stmt::Gather { of, return_exceptions: line.flag, var }
    }

    fn wait_for_or_shield(&mut self, node: &'a Node, line: &'a Line) -> Option<Stmt> {
        let item = match node.parts.first() {
            Some(nodes) => Item::Coro(self.coroutine(None, nodes)),
            None => Item::Task(self.vars.waitable(line.picks[0])?),
        };
        Some(if line.op == Op::WaitFor {
            Stmt::WaitFor { item, timeout: line.limit }
        } else {
            Stmt::Shield { item, var: line.stores.then(|| stored_name(node.line)) }
        })
    }

    fn try_stmt(&mut self, node: &'a Node, line: &'a Line) -> Stmt {
        let mut parts = node.parts.iter();
        let mut next = || parts.next().map_or(&[][..], Vec::as_slice);
        let around = mem::replace(&mut self.place.is_watched, true);
        let body = self.body(next());
        self.place.is_watched = around;
        let mut handlers = Vec::new();
        for &(catch, leave) in &line.handlers {
            let mut body = self.clean_up(next(), line);
            body.extend(match leave {
                Leave::Swallow => None,
                Leave::Reraise => Some(Stmt::Reraise {}),
                Leave::Raise => Some(raise(format_smolstr!("x{}h", node.line + 1))),
            });
            handlers.push(Handler { catch, body });
        }
        let finally = line.finally().then(|| self.clean_up(next(), line));
        Stmt::Try { body, handlers, finally }
    }

    /// The body of a handler or of a `finally`; if there is nothing else to do, it may wait a
    /// little.
    fn clean_up(&mut self, nodes: &'a [Node], line: &Line) -> Body {
        match self.body(nodes) {
            body if body.is_empty() && line.twist >= 3 => vec![Stmt::Sleep { t: line.time }],
            body => body,
        }
    }

    fn timeout(&mut self, node: &'a Node, line: &Line) -> Stmt {
        let around = mem::replace(&mut self.place.in_timeout, true);
        let body = self.body(&node.parts[0]);
        self.place.in_timeout = around;
        Stmt::Timeout { t: line.limit, body }
    }

    fn task_group(&mut self, node: &'a Node) -> Stmt {
        let var = group_name(node.line);
        self.vars.open_group(var.clone());
        let around = mem::replace(&mut self.place.in_group, true);
        let body = self.body(&node.parts[0]);
        self.place.in_group = around;
        self.vars.close_group();
        Stmt::TaskGroup { var, body }
    }

    fn with(&mut self, node: &'a Node, line: &'a Line) -> Stmt {
        let var = self.vars.lockable(line.picks[0]);
        let held = Some(var.clone()).filter(|var| self.vars.is_condition(var));
        let held = held.or_else(|| self.place.held.clone());
        let around = mem::replace(&mut self.place.held, held);
        let body = self.body(&node.parts[0]);
        self.place.held = around;
        Stmt::With { var, body }
    }

    fn async_for(&mut self, node: &'a Node, line: &'a Line) -> Stmt {
        let (nodes, loop_nodes) = match node.parts.as_slice() {
            [nodes, loop_nodes] => (nodes.as_slice(), loop_nodes.as_slice()),
            [loop_nodes] => (&[][..], loop_nodes.as_slice()),
            _ => (&[][..], &[][..]),
        };
        let generator = self.generator_or_reused(nodes, line);
        let body = self.body(loop_nodes);
        let limit = OrNull([None, Some(1), None, Some(2)][line.count]);
        Stmt::AsyncFor { generator, limit, aclose: line.flag, body }
    }
}
