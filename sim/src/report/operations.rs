//! What the tasks of a run did to what they share: named so that it can be found in another run,
//! and with what was known to come before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{
    Awaited, Event, Place, Record, ResourceKey, Result, Source, StepEnd, TaskKey, TaskNumber,
};
use crate::event_loop::TaskInfo;
use crate::runner::Outcome;

/// An operation of a task on a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) task: TaskNumber,
    pub(super) resource: u32,
    pub(super) name: &'static str,
    pub(super) place: Option<Place>,
    /// The position of its record.
    pub(super) record: usize,
    /// Its step among all, and the loop's own calls, from 0.
    pub(super) step: usize,
    pub(super) key: OperationKey,
}

/// Names an operation in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OperationKey {
    task: TaskKey,
    resource: ResourceKey,
    name: &'static str,
    /// Which of the task's operations of this name on the resource it is.
    nth: u32,
}

/// The name of a wait for a notification.
pub(super) const WAIT: &str = "wait";

/// What waits for a notification do, in the words of events.
const NOTIFIED: [&str; 2] = ["notified", "condition"];

/// What the library made for itself inside something else.
pub(super) fn is_internal(kind: &str) -> bool {
    kind.starts_with("barrier's ")
}

impl OperationKey {
    pub(super) fn task(&self) -> TaskKey {
        self.task
    }
}

impl Operation {
    pub(super) fn reads(&self) -> bool {
        self.name == "read" || self.name == WAIT
    }

    /// It is on the program's own state, which it cannot see as a primitive.
    pub(super) fn is_on_value(&self) -> bool {
        matches!(self.name, "read" | "write" | "update")
    }

    /// Tells whether the order of the two can make a difference.
    pub(super) fn conflicts(&self, other: &Operation) -> bool {
        self.task != other.task && !(self.reads() && other.reads())
    }

    /// Tells whether the two come to the same in either order, for all that is likely.
    pub(super) fn commutes(&self, other: &Operation) -> bool {
        let notifies = |operation: &Operation| operation.name.starts_with("notify");
        (self.name == "update" && other.name == "update") || (notifies(self) && notifies(other))
    }
}

/// The keys of the tasks by number from 1.
pub(super) fn keys_of(tasks: &[TaskInfo]) -> Vec<TaskKey> {
    let mut keys: Vec<TaskKey> = Vec::new();
    for task in tasks {
        // A parent has a lower number than its children.
        let parent = (task.parent as usize).checked_sub(1).and_then(|parent| keys.get(parent));
        let parent = parent.copied().unwrap_or(TaskKey::LOOP);
        keys.push(parent.child(task.child_index));
    }
    keys
}

/// All operations of a recorded run whose order may matter, as they came. That something is given
/// back is not among them: it is who takes it next that matters.
pub(super) fn operations_of(outcome: &Outcome<Result<()>>) -> Vec<Operation> {
    let keys = keys_of(&outcome.tasks);
    let mut counts: BTreeMap<OperationKey, u32> = BTreeMap::new();
    let mut operations = Vec::new();
    let mut steps = 0_usize;
    for (index, record) in outcome.records.iter().enumerate() {
        let (task, resource, name) = match record.event {
            Event::StepStarted { .. } | Event::Callback { .. } => {
                steps += 1;
                continue;
            }
            Event::Resource { operation, resource, by: Source::Task(task) }
                if operation != "released" =>
            {
                (task, resource, operation)
            }
            Event::Waits { task, operation, on: Awaited::Resource(resource) }
                if NOTIFIED.contains(&operation) =>
            {
                (task, resource, WAIT)
            }
            _ => continue,
        };
        let at = (resource as usize).wrapping_sub(1);
        let (Some(kind), Some(resource_key)) =
            (outcome.resources.get(at), outcome.resource_keys.get(at))
        else {
            continue;
        };
        let Some(task_key) = keys.get((task as usize).wrapping_sub(1)) else { continue };
        if is_internal(kind) {
            continue;
        }
        let key = OperationKey { task: *task_key, resource: *resource_key, name, nth: 0 };
        let nth = counts.entry(key).or_default();
        *nth += 1;
        operations.push(Operation {
            task,
            resource,
            name,
            place: record.place,
            record: index,
            step: steps.saturating_sub(1),
            key: OperationKey { nth: *nth, ..key },
        });
    }
    operations
}

/// Tells whether a task is known to have ended.
pub(super) fn has_ended(end: StepEnd) -> bool {
    !matches!(end, StepEnd::Waits | StepEnd::Yields)
}

/// Tells whether one operation came before the other because it had to: the second task was
/// spawned, woken or cancelled by who knew of the first, had its result, or was sent something.
pub(super) fn is_ordered(records: &[Record], one: &Operation, other: &Operation) -> bool {
    let mut knows = Knows::of(one.task);
    for record in &records[one.record + 1..other.record] {
        knows.learn(record);
    }
    knows.tasks.contains(&other.task)
}

/// Who knows of an operation, as the run goes on.
struct Knows {
    tasks: BTreeSet<TaskNumber>,
    /// Channels and the like into which something was put since.
    resources: BTreeSet<u32>,
    /// A task that knows has ended, and callbacks may tell others.
    is_told: bool,
    /// The step of the callback that runs.
    callback: Option<u64>,
}

impl Knows {
    fn of(task: TaskNumber) -> Self {
        let tasks = BTreeSet::from([task]);
        Knows { tasks, resources: BTreeSet::new(), is_told: false, callback: None }
    }

    fn learn(&mut self, record: &Record) {
        let learns = match record.event {
            Event::Spawned { task, by: Source::Task(by) }
            | Event::Woken { task, by: Source::Task(by) }
            | Event::CancelRequested { task, by: Source::Task(by) }
            | Event::Joined { task, ended: by } => self.tasks.contains(&by).then_some(task),
            Event::Woken { task, by: Source::Loop } => {
                (self.is_told && self.callback == Some(record.step)).then_some(task)
            }
            Event::StepEnded { task, end } => {
                self.is_told |= has_ended(end) && self.tasks.contains(&task);
                None
            }
            Event::Callback { .. } => {
                self.callback = Some(record.step);
                None
            }
            Event::Resource { operation, resource, by: Source::Task(task) } => {
                let gives = matches!(operation, "put" | "send" | "set" | "task_done");
                if gives && self.tasks.contains(&task) {
                    self.resources.insert(resource);
                }
                let takes = matches!(operation, "get" | "recv");
                (takes && self.resources.contains(&resource)).then_some(task)
            }
            _ => None,
        };
        self.tasks.extend(learns);
    }
}
