//! From the log of a run to a case: what was decided, by the steps at which it was.

use std::collections::BTreeMap;

use super::case::{Deed, Deviation, SpawnPath, Spot};
use super::nth::Nth;
use super::shared::Shared;
use crate::base::{Candidates, Choice, ChoiceKind, Moment, Policy, Question, Replay, TaskKey};
use crate::event_loop::TaskInfo;

/// Replays a log, or lets another policy decide, and takes note of every choice that is not dull.
pub(crate) struct Convert {
    by: Box<dyn Policy>,
    nth: Nth,
    noted: Shared<Vec<Noted>>,
}

/// A deviation whose tasks have no paths yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    at: Moment,
    deed: NotedDeed,
}

#[derive(Clone, Copy, Debug)]
enum NotedDeed {
    Pick(TaskKey),
    Choose { kind: ChoiceKind, nth: u32, value: u32 },
}

impl Convert {
    pub(crate) fn log(log: Vec<Choice>) -> Self {
        Convert::policy(Box::new(Replay::new(log)))
    }

    pub(crate) fn policy(by: Box<dyn Policy>) -> Self {
        Convert { by, nth: Nth::default(), noted: Shared::default() }
    }

    /// What was noted; filled as the run goes on.
    pub(crate) fn noted(&self) -> Shared<Vec<Noted>> {
        self.noted.clone()
    }
}

impl Policy for Convert {
    fn choose(&mut self, question: &Question) -> u32 {
        let value = self.by.choose(question);
        let Question { kind, at, .. } = *question;
        let nth = self.nth.next(at, kind);
        if value != 0 {
            let deed = NotedDeed::Choose { kind, nth, value };
            self.noted.borrow().push(Noted { at, deed });
        }
        value
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let value = self.by.pick(ready);
        if value != 0 {
            let at = ready.get(0).moment;
            let deed = NotedDeed::Pick(ready.get(value).moment.task);
            self.noted.borrow().push(Noted { at, deed });
        }
        value
    }

    fn watches(&self) -> bool {
        true
    }

    fn became_ready(&mut self, candidate: &crate::base::Candidate) {
        self.by.became_ready(candidate);
    }

    fn runs(&mut self, candidate: &crate::base::Candidate) {
        self.by.runs(candidate);
    }
}

/// The spawn paths of the tasks of a recorded run.
#[derive(Debug)]
pub(crate) struct Paths {
    by_key: BTreeMap<TaskKey, SpawnPath>,
}

impl Paths {
    pub(crate) fn of(tasks: &[TaskInfo]) -> Self {
        let paths = Paths::in_order(tasks).into_iter();
        Paths { by_key: paths.map(|path| (path.key(), path)).collect() }
    }

    /// The paths by number from 1.
    pub(crate) fn in_order(tasks: &[TaskInfo]) -> Vec<SpawnPath> {
        let mut paths: Vec<SpawnPath> = Vec::new();
        for task in tasks {
            // A parent has a lower number than its children.
            let parent = (task.parent as usize).checked_sub(1).and_then(|p| paths.get(p));
            let mut path = parent.cloned().unwrap_or_default();
            path.0.push(task.child_index);
            paths.push(path);
        }
        paths
    }

    fn path(&self, key: TaskKey) -> Option<SpawnPath> {
        match key {
            TaskKey::LOOP => Some(SpawnPath::default()),
            _ => self.by_key.get(&key).cloned(),
        }
    }

    /// Names what was noted; none if a task is unknown, whose run was not recorded.
    pub(crate) fn name(&self, noted: &[Noted]) -> Option<Vec<Deviation>> {
        let name = |noted: &Noted| {
            let at = Spot { path: self.path(noted.at.task)?, step: noted.at.step };
            let deed = match noted.deed {
                NotedDeed::Pick(task) => Deed::Pick(self.path(task)?),
                NotedDeed::Choose { kind, nth, value } => Deed::Choose { kind, nth, value },
            };
            Some(Deviation { at, deed })
        };
        noted.iter().map(name).collect()
    }
}
