//! Who acts in a run: its tasks, its hosts, the workers of its pools, the loop, the outside.

use std::collections::BTreeMap;

use super::entry::LaneId;
use super::texts::{TextId, Texts};
use crate::base::{Source, TaskNumber};
use crate::report::names::{Names, at};
use crate::runner::Outcome;

/// What a lane is. The order is that in which those of one host are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum LaneKind {
    Host,
    Task,
    /// A worker of a pool.
    Worker,
    /// What is outside and has no worker: files, connections.
    Outside,
    /// The loop itself: its callbacks and timers.
    Loop,
}

/// A row of the picture.
#[derive(Clone, Debug)]
pub(in crate::report) struct Lane {
    pub(in crate::report) kind: LaneKind,
    /// The number of the task; 0 for what is none.
    pub(in crate::report) task: TaskNumber,
    pub(in crate::report) name: TextId,
    /// The number of the host that it is on; 0 for that of the test itself.
    pub(in crate::report) host: u32,
    pub(in crate::report) host_name: TextId,
    /// A task's spawn path, which names it in every run: `1.2`.
    pub(in crate::report) path: TextId,
    /// Where a task was spawned.
    pub(in crate::report) place: TextId,
    /// Who spawned it.
    pub(in crate::report) parent: Option<LaneId>,
}

impl LaneKind {
    /// Whether it stands below all hosts.
    pub(super) fn is_last(self) -> bool {
        matches!(self, LaneKind::Worker | LaneKind::Outside | LaneKind::Loop)
    }

    pub(in crate::report) fn word(self) -> &'static str {
        match self {
            LaneKind::Host => "host",
            LaneKind::Task => "task",
            LaneKind::Worker => "worker",
            LaneKind::Outside => "outside",
            LaneKind::Loop => "loop",
        }
    }
}

/// Makes lanes as they are needed.
pub(super) struct Lanes<'a, T> {
    outcome: &'a Outcome<T>,
    pub(super) lanes: Vec<Lane>,
    tasks: BTreeMap<TaskNumber, LaneId>,
    hosts: BTreeMap<u32, LaneId>,
    others: BTreeMap<LaneKind, LaneId>,
    /// Of each pool, its workers with the job that each has.
    workers: BTreeMap<&'a str, Vec<(LaneId, Option<u32>)>>,
}

impl<'a, T> Lanes<'a, T> {
    pub(super) fn of(outcome: &'a Outcome<T>, texts: &mut Texts) -> Self {
        let mut lanes = Lanes {
            outcome,
            lanes: Vec::new(),
            tasks: BTreeMap::new(),
            hosts: BTreeMap::new(),
            others: BTreeMap::new(),
            workers: BTreeMap::new(),
        };
        for (number, name) in &outcome.setting.hosts {
            let lane = lanes.push(LaneKind::Host, texts.id(name));
            lanes.lanes[lane as usize].host = *number;
            lanes.lanes[lane as usize].host_name = texts.id(name);
            lanes.hosts.insert(*number, lane);
        }
        lanes
    }

    fn push(&mut self, kind: LaneKind, name: TextId) -> LaneId {
        let none = TextId::default();
        self.lanes.push(Lane {
            kind,
            task: 0,
            name,
            host: 0,
            host_name: none,
            path: none,
            place: none,
            parent: None,
        });
        self.lanes.len() as LaneId - 1
    }

    pub(super) fn source(&mut self, by: Source, names: &Names, texts: &mut Texts) -> LaneId {
        match by {
            Source::Task(task) => self.task(task, names, texts),
            Source::Loop => self.other(LaneKind::Loop, texts),
            Source::Outside => self.other(LaneKind::Outside, texts),
        }
    }

    pub(super) fn other(&mut self, kind: LaneKind, texts: &mut Texts) -> LaneId {
        if let Some(lane) = self.others.get(&kind) {
            return *lane;
        }
        let lane = self.push(kind, texts.id(kind.word()));
        self.others.insert(kind, lane);
        lane
    }

    pub(super) fn task(&mut self, task: TaskNumber, names: &Names, texts: &mut Texts) -> LaneId {
        if let Some(lane) = self.tasks.get(&task) {
            return *lane;
        }
        let name = texts.id(&names.task(task));
        let id = self.push(LaneKind::Task, name);
        self.tasks.insert(task, id);
        self.lanes[id as usize].task = task;
        let Some(info) = self.outcome.tasks.get((task as usize).wrapping_sub(1)) else { return id };
        let parent = match info.parent {
            0 => None,
            // A parent has a lower number than its children.
            parent => Some(self.task(parent, names, texts)),
        };
        let setting = &self.outcome.setting;
        let host = setting.placed.get(&task).copied().unwrap_or(0);
        let host_name = setting.hosts.get(&host).map_or("", String::as_str);
        let above = parent.map(|parent| texts.get(self.lanes[parent as usize].path).to_owned());
        let above = above.filter(|path| !path.is_empty());
        let path = above.map_or_else(String::new, |path| format!("{path}."));
        let path = texts.id(&format!("{path}{}", info.child_index));
        let place = at(Some(info.spawned_at));
        let lane = &mut self.lanes[id as usize];
        lane.path = path;
        lane.place = texts.id(place.strip_prefix(" at ").unwrap_or_default());
        (lane.host, lane.host_name) = (host, texts.id(host_name));
        lane.parent = parent;
        id
    }

    /// The lane of a host, and that of all others if nobody has told its name.
    pub(super) fn host(&mut self, number: u32, texts: &mut Texts) -> LaneId {
        match self.hosts.get(&number) {
            Some(lane) => *lane,
            None => self.other(LaneKind::Outside, texts),
        }
    }

    /// A worker takes a job: the first of its pool that is free.
    pub(super) fn begin_job(&mut self, job: u32, texts: &mut Texts) -> LaneId {
        let Some(origin) = self.outcome.setting.jobs.get(&job) else {
            return self.other(LaneKind::Outside, texts);
        };
        let pool = origin.pool.as_str();
        let workers = self.workers.entry(pool).or_default();
        if let Some((lane, free)) = workers.iter_mut().find(|(_, job)| job.is_none()) {
            *free = Some(job);
            return *lane;
        }
        let name = format!("{pool} worker {}", workers.len() + 1);
        let lane = self.push(LaneKind::Worker, texts.id(&name));
        self.workers.entry(pool).or_default().push((lane, Some(job)));
        lane
    }

    /// The worker that has a job, if one has it.
    pub(super) fn worker_of(&self, job: u32) -> Option<LaneId> {
        let pool = self.outcome.setting.jobs.get(&job)?.pool.as_str();
        let workers = self.workers.get(pool)?;
        workers.iter().find(|(_, has)| *has == Some(job)).map(|(lane, _)| *lane)
    }

    /// The worker of a job is free again.
    pub(super) fn end_job(&mut self, job: u32) {
        let pool = self.outcome.setting.jobs.get(&job).map(|origin| origin.pool.as_str());
        let workers = pool.and_then(|pool| self.workers.get_mut(pool));
        for (_, has) in workers.into_iter().flatten() {
            *has = has.filter(|has| *has != job);
        }
    }
}
