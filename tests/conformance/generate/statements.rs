//! Turns lines into statements: those without blocks.

use scenarios::conform::program::{
    Item, Number, Object, OrNull, Outcome, RaiseKind, Stmt, Value, When,
};
use smol_str::{SmolStr, format_smolstr};

use super::build::Builder;
use super::ops::Op;
use super::outline::Line;
use super::vars::{Vars, stored_name, timer_name};

/// What there is to say about a statement besides its operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'l> {
    /// The line that it stands for.
    pub(super) line: &'l Line,
    /// The line's index.
    pub(super) index: usize,
    /// Whether the line's callback does it, rather than the line itself.
    pub(super) in_callback: bool,
}

impl Context<'_> {
    /// A key to find a variable by. A callback finds others than the line that sets it.
    fn pick(&self, index: usize) -> u16 {
        self.line.picks[(index + usize::from(self.in_callback)) % self.line.picks.len()]
    }

    /// A name that occurs nowhere else.
    fn label(&self, letter: char) -> SmolStr {
        let suffix = if self.in_callback { "c" } else { "" };
        format_smolstr!("{letter}{}{suffix}", self.index + 1)
    }
}

impl Builder<'_> {
    /// The statement of an operation that opens no block, if there is anything to operate on;
    /// `then` is what the callback does that the statement sets.
    pub(super) fn simple(
        &mut self,
        op: Op,
        context: Context<'_>,
        then: Option<Box<Stmt>>,
    ) -> Option<Stmt> {
        let (line, vars) = (context.line, &mut self.vars);
        let key = context.pick(0);
        Some(match op {
            Op::Log => Stmt::Log { msg: context.label('m') },
            // Short in `main`, so that there is something left to cancel.
            Op::Sleep if vars.in_main() => Stmt::Sleep { t: line.time.min(2) },
            Op::Sleep => Stmt::Sleep { t: line.time },
            // Nothing comes after these, so they are rare where nothing is to be seen of them.
            Op::Return | Op::Raise if !self.place.is_watched && line.count > 0 => return None,
            Op::Return => Stmt::Return { value: line.value.clone() },
            Op::Raise => {
                let exc = if line.twist == 7 { RaiseKind::Cancelled } else { RaiseKind::Boom };
                Stmt::Raise { exc, msg: context.label('x') }
            }
            Op::Future => Stmt::Future { var: vars.future(key) },
            Op::SetResult => Stmt::SetResult { var: vars.future(key), value: line.value.clone() },
            Op::SetException => {
                Stmt::SetException { var: vars.future(key), msg: context.label('x') }
            }
            Op::CallSoon => Stmt::CallSoon { tag: context.label('d'), then },
            Op::CallLater => {
                let var = timer_name(context.index);
                Stmt::CallLater { t: line.time, tag: context.label('d'), var, then }
            }
            Op::OnDone => {
                let var = vars.target(key, context.index)?;
                Stmt::OnDone { var, tag: context.label('d'), then }
            }
            Op::CancelTimer => Stmt::CancelTimer { var: vars.timer(key, context.index)? },
            Op::New => {
                let (var, object) = vars.used_object(key)?;
                Stmt::New { object, var }
            }
            Op::Reschedule => self.reschedule(line),
            Op::Yield if self.place.in_generator => Stmt::Yield { value: line.value.clone() },
            Op::Job => self.job(context),
            Op::Gather | Op::Shield => return self.stored(op, context),
            _ => return self.on_tasks(op, context).or_else(|| self.on_objects(op, context)),
        })
    }

    /// The operations on tasks and futures.
    fn on_tasks(&mut self, op: Op, context: Context<'_>) -> Option<Stmt> {
        let (line, vars) = (context.line, &mut self.vars);
        let key = context.pick(0);
        // A callback has no current task.
        let named = context.in_callback || line.flag;
        Some(match op {
            Op::Status => Stmt::Status { var: vars.target(key, context.index)? },
            Op::Cancelling => {
                Stmt::Cancelling { var: named.then(|| vars.task(key, context.index)) }
            }
            Op::Uncancel => Stmt::Uncancel { var: named.then(|| vars.task(key, context.index)) },
            Op::Cancel => {
                let var = vars.target(key, context.index)?;
                Stmt::Cancel { var, msg: line.flag.then(|| context.label('w')) }
            }
            Op::Await => Stmt::Await { var: vars.waitable(key)? },
            Op::AwaitFuture => Stmt::Await { var: vars.future(key) },
            Op::Wait => {
                let when = [When::AllCompleted, When::FirstCompleted, When::FirstException];
                let when = when[usize::from(line.twist) % when.len()];
                Stmt::Wait { of: vars.waitables(context), when, timeout: line.limit }
            }
            Op::AsCompleted => {
                Stmt::AsCompleted { of: vars.waitables(context), timeout: line.limit }
            }
            _ => return None,
        })
    }

    /// Moves the deadline of the timeout around it; if there is none, of one that is made for it.
    fn reschedule(&self, line: &Line) -> Stmt {
        let stmt = Stmt::Reschedule { t: line.limit };
        if self.place.in_timeout {
            return stmt;
        }
        let body = vec![stmt, Stmt::Sleep { t: line.time }];
        Stmt::Timeout { t: OrNull(Some(line.count as u64)), body }
    }

    /// What a callback can do of combinators: store them.
    fn stored(&mut self, op: Op, context: Context<'_>) -> Option<Stmt> {
        let var = Some(stored_name(context.index));
        if op == Op::Shield {
            return Some(Stmt::Shield {
                item: Item::Task(self.vars.waitable(context.pick(0))?),
                var,
            });
        }
        let of = self.vars.waitables(context).into_iter().map(Item::Task).collect();
        Some(Stmt::Gather { of, return_exceptions: context.line.flag, var })
    }

    fn job(&mut self, context: Context<'_>) -> Stmt {
        let line = context.line;
        let pool = (line.count > 0).then(|| self.vars.pool(context.pick(0)));
        let outcome = match line.twist {
            6 | 7 => Outcome::Raise(context.label('x')),
            _ => Outcome::Value(line.value.clone()),
        };
        let stores = context.in_callback || line.stores;
        Stmt::RunInExecutor {
            pool: OrNull(pool),
            tag: context.label('j'),
            dur: line.time,
            outcome,
            var: stores.then(|| stored_name(context.index)),
        }
    }

    /// The operations on primitives and queues.
    fn on_objects(&mut self, op: Op, context: Context<'_>) -> Option<Stmt> {
        let (line, vars) = (context.line, &mut self.vars);
        let key = context.pick(0);
        Some(match op {
            Op::Acquire => Stmt::Acquire { var: vars.lockable(key) },
            Op::Release => Stmt::Release { var: vars.lockable(key) },
            Op::Locked => Stmt::Locked { var: vars.lockable(key) },
            Op::EventSet => Stmt::EventSet { var: vars.event(key) },
            Op::EventClear => Stmt::EventClear { var: vars.event(key) },
            Op::EventWait => Stmt::EventWait { var: vars.event(key) },
            Op::CondWait | Op::Notify => return Some(self.on_condition(op, context)),
            Op::Put | Op::PutNowait => {
                let var = vars.queue(key);
                // Mostly what a priority queue can compare with the rest.
                let number = Value::Number(Number::Int(line.count as i64));
                let is_sorted = var.starts_with("prio") && line.count % 4 != 3;
                let value = if is_sorted { number } else { line.value.clone() };
                match op {
                    Op::Put => Stmt::Put { var, value },
                    _ => Stmt::PutNowait { var, value },
                }
            }
            Op::Get => Stmt::Get { var: vars.queue(key) },
            Op::GetNowait => Stmt::GetNowait { var: vars.queue(key) },
            Op::TaskDone => Stmt::TaskDone { var: vars.queue(key) },
            Op::Join => Stmt::Join { var: vars.queue(key) },
            Op::Qsize => Stmt::Qsize { var: vars.queue(key) },
            Op::Shutdown => Stmt::Shutdown { var: vars.queue(key), immediate: line.flag },
            Op::BarrierWait => Stmt::BarrierWait { var: vars.barrier(key) },
            Op::BarrierAbort => Stmt::BarrierAbort { var: vars.barrier(key) },
            Op::BarrierReset => Stmt::BarrierReset { var: vars.barrier(key) },
            _ => return None,
        })
    }

    /// An operation on a condition: on the one that is held, on one that is held for it alone, or,
    /// rarely, on one that is not held, which is an error.
    fn on_condition(&mut self, op: Op, context: Context<'_>) -> Stmt {
        let held = self.place.held.clone().filter(|_| !context.in_callback);
        let var = held.clone().unwrap_or_else(|| self.vars.condition(context.pick(0)));
        let stmt = match op {
            Op::CondWait => Stmt::CondWait { var: var.clone() },
            _ => {
                let n = [Some(1), Some(2), None, Some(1)][context.line.count];
                Stmt::Notify { var: var.clone(), n: OrNull(n) }
            }
        };
        if held.is_some() || context.in_callback || context.line.twist == 7 {
            return stmt;
        }
        Stmt::With { var, body: vec![stmt] }
    }
}

impl Vars<'_> {
    /// Chooses up to four things to wait for.
    fn waitables(&mut self, context: Context<'_>) -> Vec<SmolStr> {
        let keys = (0..=context.line.count).map(|index| context.pick(index));
        keys.filter_map(|key| self.waitable(key)).collect()
    }

    fn condition(&mut self, key: u16) -> SmolStr {
        self.object(key, |object| matches!(object, Object::Condition))
    }

    fn event(&mut self, key: u16) -> SmolStr {
        self.object(key, |object| matches!(object, Object::Event))
    }

    fn barrier(&mut self, key: u16) -> SmolStr {
        self.object(key, |object| matches!(object, Object::Barrier(_)))
    }

    fn pool(&mut self, key: u16) -> SmolStr {
        self.object(key, |object| matches!(object, Object::ThreadPool(_)))
    }

    fn queue(&mut self, key: u16) -> SmolStr {
        self.object(key, |object| {
            matches!(object, Object::Queue(_) | Object::LifoQueue(_) | Object::PriorityQueue(_))
        })
    }

    /// Chooses something that is acquired and released.
    pub(super) fn lockable(&mut self, key: u16) -> SmolStr {
        self.object(key, |object| {
            matches!(
                object,
                Object::Lock
                    | Object::Condition
                    | Object::Semaphore(_)
                    | Object::BoundedSemaphore(_)
            )
        })
    }
}
