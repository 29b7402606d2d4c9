//! A run in which nothing can happen any more: who waits for what, and who holds it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::cell::{FutureId, Kind, LoopId, Target, WaitId};
use super::context::with;
use super::core::Core;
use super::object::{Described, Holder, describe as describe_object, made_at};
use super::tasks::TaskId;
use crate::base::{
    BlockedTask, BlockedWait, Deadlock, Error, HolderName, TaskNumber, awaited_name,
};

/// Builds the error that ends a stuck loop.
pub(super) fn describe(id: LoopId) -> Error {
    let (now, mut tasks) = with(|core| (core.session.now, core.live_tasks(id)));
    tasks.sort_by_key(|(number, _)| *number);
    let numbers = with(|core| core.tasks_by_number());
    let blocked = |task| with(|core| core.blocked(task, &numbers));
    let blocked = tasks.into_iter().filter_map(|(_, task)| blocked(task)).collect();
    Error::new(with_outside(Deadlock::new(now, blocked)))
}

/// Builds the error that ends a run whose loop is blocked for ever in the middle of a step.
pub(crate) fn describe_blocked_loop(wait: BlockedWait) -> Error {
    let (now, task) = with(|core| {
        let cell = core.tasks.get(core.step.task);
        let task = cell.map(|cell| BlockedTask {
            number: cell.number,
            name: cell.name(),
            spawned_at: cell.location.into(),
            waits: vec![wait],
        });
        (core.session.now, task)
    });
    Error::new(with_outside(Deadlock::new(now, task.into_iter().collect())))
}

/// Adds what is outside of the loop.
fn with_outside(deadlock: Deadlock) -> Deadlock {
    let extensions = with(|core| core.extensions.clone());
    let jobs = extensions.iter().flat_map(|extension| extension.blocked()).collect();
    let obstacles = extensions.iter().flat_map(|extension| extension.obstacles()).collect();
    deadlock.with_outside(jobs, obstacles, connections())
}

/// What stands open between hosts.
pub(crate) fn connections() -> Vec<String> {
    let extensions = with(|core| core.extensions.clone());
    extensions.iter().flat_map(|extension| extension.connections()).collect()
}

/// How many tasks the text of a limit tells of.
const TOLD_MAX: usize = 5;

/// Finds tasks by what holders are known by.
type Numbers = BTreeMap<TaskNumber, TaskId>;

impl Core {
    /// Says what the tasks of the running loop do, a line for each of the first: the one that runs,
    /// those that wait for each other in a ring, then in the order in which they were spawned.
    pub(super) fn tasks_text(&self) -> String {
        let mut tasks = self.live_tasks(self.running);
        tasks.sort_by_key(|(number, _)| *number);
        let numbers = self.tasks_by_number();
        let waits = |task| self.tasks.get(task).is_some_and(|cell| !cell.scheduled);
        let parked = |task| task != self.step.task && waits(task);
        let blocked = tasks.iter().filter(|(_, task)| parked(*task));
        let blocked = blocked.filter_map(|(_, task)| self.blocked(*task, &numbers)).collect();
        let stuck = Deadlock::new(self.session.now, blocked);
        let ring = stuck.cycle().unwrap_or_default();
        tasks.sort_by_key(|(number, task)| {
            (*task != self.step.task, !ring.contains(number), *number)
        });
        let told = tasks.iter().take(TOLD_MAX).filter_map(|(_, task)| {
            let blocked = self.blocked(*task, &numbers)?;
            let waits: Vec<String> = blocked.waits.iter().map(BlockedWait::to_string).collect();
            let does = match self.tasks[*task].scheduled {
                _ if *task == self.step.task => "runs".to_owned(),
                true => "is ready".to_owned(),
                false if waits.is_empty() => {
                    "waits for something that is not seedloop's".to_owned()
                }
                false => format!("waits for {}", waits.join(" and for ")),
            };
            let BlockedTask { name, spawned_at, .. } = blocked;
            Some(format!("\n  task '{name}' (spawned at {spawned_at}) {does}"))
        });
        let more = match tasks.len().saturating_sub(TOLD_MAX) {
            0 => String::new(),
            1 => "\n  ... and 1 more task".to_owned(),
            more => format!("\n  ... and {more} more tasks"),
        };
        told.collect::<String>() + &more + &stuck.cycle_text()
    }

    fn tasks_by_number(&self) -> Numbers {
        self.tasks.iter().map(|(id, cell)| (cell.number, id)).collect()
    }

    fn blocked(&self, task: TaskId, numbers: &Numbers) -> Option<BlockedTask> {
        let cell = self.tasks.get(task)?;
        let mut waits: Vec<WaitId> =
            self.waits_of(task).filter(|wait| self.is_awaited(*wait)).collect();
        let target = |wait: &WaitId| self.waits.get(*wait).map(|cell| cell.target);
        if waits
            .iter()
            .any(|wait| matches!(target(wait), Some(Target::Infallible | Target::End(_))))
        {
            // What a boundary takes for something foreign is known after all.
            waits.retain(|wait| !matches!(target(wait), Some(Target::Boundary(_))));
        }
        let waits = waits.into_iter().filter_map(|wait| self.blocked_wait(wait, numbers));
        Some(BlockedTask {
            number: cell.number,
            name: cell.name(),
            spawned_at: cell.location.into(),
            waits: waits.collect(),
        })
    }

    fn blocked_wait(&self, wait: WaitId, numbers: &Numbers) -> Option<BlockedWait> {
        let cell = self.waits.get(wait)?;
        let described = describe_object(cell.label().object);
        let missed = described.as_ref().and_then(|described| described.missed.as_ref());
        let missed = missed.map(|missed| self.holder(missed, numbers));
        let (what, holders) = match described {
            Some(Described { kind, number, holders, arrived, .. }) => {
                let holders = holders.iter().map(|holder| self.holder(holder, numbers));
                let what = match arrived {
                    Some((arrived, of)) => format!("{kind}#{number} ({arrived} of {of} arrived)"),
                    None => awaited_name(kind, format!("{kind}#{number}"), cell.label().operation),
                };
                (what, holders.collect())
            }
            None => {
                let what =
                    if self.is_gather(cell.target) { "gather" } else { cell.label().operation };
                (what.to_owned(), self.holders_of_target(cell.target))
            }
        };
        let made_at = made_at(cell.label().object);
        Some(BlockedWait { made_at, holders, missed, ..BlockedWait::new(what, cell.location) })
    }

    fn holder(&self, holder: &Holder, numbers: &Numbers) -> HolderName {
        let Holder { task, name, unnamed, since } = holder;
        let live = numbers.get(task).and_then(|task| self.tasks.get(*task));
        let name = match live {
            Some(cell) => cell.name(),
            None if *task == 0 => "the loop".to_owned(),
            None => name.as_ref().map_or_else(|| format!("Task-{unnamed}"), Rc::to_string),
        };
        let has_ended = *task != 0 && live.is_none_or(|cell| self.is_done(cell.future));
        HolderName { number: *task, name, since: Some((*since).into()), has_ended }
    }

    fn is_gather(&self, target: Target) -> bool {
        let Target::Future(future) = target else { return false };
        self.futures.get(future).is_some_and(|cell| matches!(cell.kind, Kind::Fan(_)))
    }

    /// The tasks whose end is waited for: a task itself, or the children of a gather.
    fn holders_of_target(&self, target: Target) -> Vec<HolderName> {
        let (Target::Future(future) | Target::End(future)) = target else { return Vec::new() };
        let of_task = |future: FutureId| -> Option<HolderName> {
            let cell = self.tasks.get(self.task_of(future)?)?;
            let pending = !self.is_done(future);
            let (number, name) = (cell.number, cell.name());
            pending.then_some(HolderName { number, name, since: None, has_ended: false })
        };
        match self.futures.get(future).map(|cell| &cell.kind) {
            Some(Kind::Fan(fan)) => fan.children.iter().filter_map(|c| of_task(*c)).collect(),
            _ => of_task(future).into_iter().collect(),
        }
    }
}
