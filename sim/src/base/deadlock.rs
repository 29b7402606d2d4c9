//! The error of a run in which nothing can happen any more.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as StdError;
use std::fmt;

use super::{Instant, Place, TaskNumber, one_line};

/// Somebody that a blocked task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HolderName {
    /// The number of the task, 0 for none.
    pub number: TaskNumber,
    /// Its name.
    pub name: String,
    /// Where it took what it holds; none where its own end is waited for.
    pub since: Option<Place>,
    /// Whether it has ended, and so will never move.
    pub has_ended: bool,
}

/// One thing that a blocked task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockedWait {
    /// What: `lock#2`, `task`, `future`, ...
    pub what: String,
    /// Where the task waits.
    pub location: Place,
    /// Where it was made, if that tells who could end the wait: a channel for one value has one
    /// sender, and nobody else knows where that is.
    pub made_at: Option<Place>,
    /// Who would have to move first.
    pub holders: Vec<HolderName>,
    /// Who notified it last, and where, if nobody waited then: that is lost.
    pub missed: Option<HolderName>,
}

impl BlockedWait {
    /// A wait that nobody is known to be able to end.
    pub(crate) fn new(what: String, location: impl Into<Place>) -> Self {
        let location = location.into();
        BlockedWait { what, location, made_at: None, holders: Vec::new(), missed: None }
    }
}

/// Says what is waited for, where, and who would have to move first.
impl fmt::Display for BlockedWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_wait(f, self, &|holder| one_line(&holder.name))
    }
}

/// What a wait for a resource is called: with the operation, unless that says no more.
pub(crate) fn awaited_name(kind: &str, name: String, operation: &str) -> String {
    match operation {
        "notified" | "join_next" => name,
        _ if operation == kind => name,
        _ => format!("{name} ({operation})"),
    }
}

/// What a report calls somebody.
type Called<'a> = &'a dyn Fn(&HolderName) -> String;

fn fmt_wait(f: &mut fmt::Formatter<'_>, wait: &BlockedWait, called: Called<'_>) -> fmt::Result {
    write!(f, "{} at {}", wait.what, wait.location)?;
    if let Some(made_at) = wait.made_at {
        write!(f, ", made at {made_at}")?;
    }
    fmt_holders(f, wait, called)
}

/// A task that waits for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockedTask {
    /// Its number.
    pub number: TaskNumber,
    /// Its name.
    pub name: String,
    /// Where it was spawned.
    pub spawned_at: Place,
    /// What it waits for; empty when that is something foreign.
    pub waits: Vec<BlockedWait>,
}

/// A job of a pool that waits for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockedJob {
    /// Which one: `job 2 of pool 'default'`.
    pub name: String,
    /// Where it was submitted.
    pub submitted_at: Place,
    /// What it waits for.
    pub wait: BlockedWait,
}

/// Nothing is ready, no timer is set and nothing goes on outside: the run cannot go on.
///
/// CPython would hang here. The text names each blocked task, what it waits for and where, who
/// holds that, and the cycle if there is one. Of many tasks it shows the first 20, and those of the
/// cycle; [`blocked`](Self::blocked) has them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    time: Instant,
    /// In the order of their numbers.
    blocked: Vec<BlockedTask>,
    jobs: Vec<BlockedJob>,
    obstacles: Vec<String>,
    connections: Vec<String>,
    cycle: Option<Vec<TaskNumber>>,
}

/// How many blocked tasks the text shows, and how many jobs, whether or not they are in a cycle.
const SHOWN_MAX: usize = 20;
/// How many tasks of a cycle the text shows.
const CYCLE_SHOWN_MAX: usize = 50;
/// How many hosts that are down and ways that are cut the text names.
const OBSTACLES_SHOWN_MAX: usize = 8;
/// How many ends of connections the text shows.
const CONNECTIONS_SHOWN_MAX: usize = 6;
/// How many holders of one thing the text names.
const HOLDERS_SHOWN_MAX: usize = 8;

impl Deadlock {
    /// Makes the error of tasks in the order of their numbers.
    pub(crate) fn new(time: Instant, blocked: Vec<BlockedTask>) -> Self {
        let cycle = find_cycle(&blocked);
        let (obstacles, connections) = (Vec::new(), Vec::new());
        Deadlock { time, blocked, jobs: Vec::new(), obstacles, connections, cycle }
    }

    /// The same with what is outside of the loop.
    pub(crate) fn with_outside(
        self,
        jobs: Vec<BlockedJob>,
        obstacles: Vec<String>,
        connections: Vec<String>,
    ) -> Self {
        Deadlock { jobs, obstacles, connections, ..self }
    }

    /// Returns the virtual time at which the run stopped.
    pub fn time(&self) -> Instant {
        self.time
    }

    /// Returns the blocked tasks, in the order in which they were spawned.
    pub fn blocked(&self) -> &[BlockedTask] {
        &self.blocked
    }

    /// Returns the jobs of pools that wait for ever, in the order in which they were submitted.
    pub fn jobs(&self) -> &[BlockedJob] {
        &self.jobs
    }

    /// Returns what keeps things from happening outside: hosts that are down, partitions, packets
    /// that are held.
    pub fn obstacles(&self) -> &[String] {
        &self.obstacles
    }

    /// Returns the connections that stood open, a line for each of their ends: the host and what
    /// [`netstat`](crate::net::netstat) shows of it there.
    pub fn connections(&self) -> &[String] {
        &self.connections
    }

    /// Returns the numbers of tasks that wait for each other in a ring, if there is one, beginning
    /// with the task that was spawned first.
    pub fn cycle(&self) -> Option<&[TaskNumber]> {
        self.cycle.as_deref()
    }

    fn task(&self, number: TaskNumber) -> Option<&BlockedTask> {
        let position = self.blocked.binary_search_by_key(&number, |task| task.number).ok()?;
        self.blocked.get(position)
    }
}

/// Finds the ring with the oldest task, and begins with that one.
///
/// Each task waits for one other at most, so a walk from any of them leads into a ring or to an
/// end; what an earlier walk has passed need not be walked again.
fn find_cycle(blocked: &[BlockedTask]) -> Option<Vec<TaskNumber>> {
    let next: BTreeMap<TaskNumber, TaskNumber> =
        blocked.iter().filter_map(|task| Some((task.number, only_holder(task)?))).collect();
    // By task, the walk that has passed it.
    let mut passed: BTreeMap<TaskNumber, TaskNumber> = BTreeMap::new();
    let mut oldest: Option<TaskNumber> = None;
    for walk in next.keys() {
        let mut task = *walk;
        while !passed.contains_key(&task) {
            passed.insert(task, *walk);
            match next.get(&task) {
                Some(holder) => task = *holder,
                None => break,
            }
        }
        let met_itself = passed.get(&task) == Some(walk) && next.contains_key(&task);
        if met_itself {
            let least = ring(&next, task).min();
            oldest = [oldest, least].into_iter().flatten().min();
        }
    }
    oldest.map(|first| ring(&next, first).collect())
}

/// The tasks of the ring in which `first` stands, from there on.
fn ring(
    next: &BTreeMap<TaskNumber, TaskNumber>,
    first: TaskNumber,
) -> impl Iterator<Item = TaskNumber> {
    std::iter::successors(Some(first), move |task| {
        next.get(task).copied().filter(|holder| *holder != first)
    })
}

/// The task that alone could let this one go on.
fn only_holder(task: &BlockedTask) -> Option<TaskNumber> {
    match task.waits.as_slice() {
        [BlockedWait { holders, .. }] => match holders.as_slice() {
            [holder] => Some(holder.number),
            _ => None,
        },
        _ => None,
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_with(f, &self.names(), true)
    }
}

/// A deadlock, with what its tasks are to be called.
struct Named<'a>(&'a Deadlock, TaskNames);

/// Its ring, with the names of the tasks.
struct Cycle<'a>(&'a Deadlock, TaskNames);

impl fmt::Display for Cycle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_cycle(f, &self.1)
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The report shows the connections itself.
        self.0.fmt_with(f, &self.1, false)
    }
}

impl Deadlock {
    /// The text, with what `name` calls the tasks.
    pub(crate) fn with_names(&self, name: impl Fn(TaskNumber) -> String) -> String {
        let mut names = self.names();
        for (number, known) in names.iter_mut().filter(|(number, _)| **number > 0) {
            *known = name(*number);
        }
        Named(self, names).to_string()
    }

    /// The line that tells of the ring; empty if there is none.
    pub(crate) fn cycle_text(&self) -> String {
        Cycle(self, self.names()).to_string()
    }

    fn fmt_with(
        &self,
        f: &mut fmt::Formatter<'_>,
        names: &TaskNames,
        with_connections: bool,
    ) -> fmt::Result {
        let (tasks, jobs) = (self.blocked.len(), self.jobs.len());
        write!(f, "deadlock at {}: ", self.time)?;
        match (tasks, jobs) {
            (0, 0) => return f.write_str("the loop has nothing left to do"),
            (1, 0) => f.write_str("1 task waits for ever")?,
            (_, 0) => write!(f, "{tasks} tasks wait for ever")?,
            (0, 1) => f.write_str("1 job waits for ever")?,
            (0, _) => write!(f, "{jobs} jobs wait for ever")?,
            (_, _) => {
                let (task, job) = (plural(tasks, "task"), plural(jobs, "job"));
                write!(f, "{tasks} {task} and {jobs} {job} wait for ever")?;
            }
        }
        self.fmt_tasks(f, names)?;
        self.fmt_jobs(f)?;
        self.fmt_obstacles(f)?;
        if with_connections {
            self.fmt_connections(f)?;
        }
        self.fmt_cycle(f, names)
    }
}

/// What the text calls the tasks that it names, by number.
type TaskNames = BTreeMap<TaskNumber, String>;

impl Deadlock {
    /// In a line, and with the number where several tasks have one name, as in the trace.
    fn names(&self) -> TaskNames {
        let waits = self.blocked.iter().flat_map(|task| &task.waits);
        let others = waits.flat_map(|wait| wait.holders.iter().chain(&wait.missed));
        let mut names: TaskNames =
            self.blocked.iter().map(|t| (t.number, t.name.clone())).collect();
        names.extend(others.map(|other| (other.number, other.name.clone())));
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for name in names.values() {
            *counts.entry(one_line(name)).or_default() += 1;
        }
        for (number, name) in &mut names {
            *name = one_line(name);
            if counts[name] > 1 {
                name.push_str(&format!("#{number}"));
            }
        }
        names
    }

    /// The first tasks, and those of the cycle.
    fn fmt_tasks(&self, f: &mut fmt::Formatter<'_>, names: &TaskNames) -> fmt::Result {
        let called = |holder: &HolderName| names[&holder.number].clone();
        let first = self.blocked.iter().take(SHOWN_MAX).map(|task| task.number);
        let cycle = self.cycle.iter().flatten().take(CYCLE_SHOWN_MAX).copied();
        let shown: BTreeSet<TaskNumber> = first.chain(cycle).collect();
        for task in shown.iter().filter_map(|number| self.task(*number)) {
            write!(f, "\n  task '{}' (spawned at {})", names[&task.number], task.spawned_at)?;
            if task.waits.is_empty() {
                f.write_str("\n    waits for something that is not seedloop's")?;
            }
            for wait in &task.waits {
                f.write_str("\n    waits for ")?;
                fmt_wait(f, wait, &called)?;
                fmt_missed(f, wait, &called)?;
            }
        }
        fmt_more(f, self.blocked.len() - shown.len(), "task")
    }

    fn fmt_jobs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for job in self.jobs.iter().take(SHOWN_MAX) {
            write!(f, "\n  {} (submitted at {})", job.name, job.submitted_at)?;
            write!(f, "\n    waits for {} at {}", job.wait.what, job.wait.location)?;
        }
        fmt_more(f, self.jobs.len().saturating_sub(SHOWN_MAX), "job")
    }

    fn fmt_obstacles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for obstacle in self.obstacles.iter().take(OBSTACLES_SHOWN_MAX) {
            write!(f, "\n  {}", one_line(obstacle))?;
        }
        fmt_more(f, self.obstacles.len().saturating_sub(OBSTACLES_SHOWN_MAX), "obstacle")
    }

    fn fmt_connections(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for connection in self.connections.iter().take(CONNECTIONS_SHOWN_MAX) {
            write!(f, "\n  connection of {}", one_line(connection))?;
        }
        fmt_more(f, self.connections.len().saturating_sub(CONNECTIONS_SHOWN_MAX), "end")
    }

    fn fmt_cycle(&self, f: &mut fmt::Formatter<'_>, names: &TaskNames) -> fmt::Result {
        let Some(cycle) = &self.cycle else { return Ok(()) };
        f.write_str("\n  cycle: ")?;
        for task in cycle.iter().take(CYCLE_SHOWN_MAX).filter_map(|number| self.task(*number)) {
            write!(f, "'{}' -> ", names[&task.number])?;
            if let Some(wait) = task.waits.first().filter(|wait| wait.what.contains('#')) {
                write!(f, "{} -> ", wait.what)?;
            }
        }
        match cycle.len().saturating_sub(CYCLE_SHOWN_MAX) {
            0 => {}
            more => write!(f, "... and {more} more -> ")?,
        }
        let first = cycle.first().and_then(|number| names.get(number));
        write!(f, "'{}'", first.map_or("", String::as_str))
    }
}

fn fmt_more(f: &mut fmt::Formatter<'_>, more: usize, noun: &str) -> fmt::Result {
    match more {
        0 => Ok(()),
        _ => write!(f, "\n  ... and {more} more {}", plural(more, noun)),
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{noun}{}", if count == 1 { "" } else { "s" })
}

/// Tells of a notification that nobody got.
fn fmt_missed(f: &mut fmt::Formatter<'_>, wait: &BlockedWait, called: Called<'_>) -> fmt::Result {
    let Some(HolderName { since: Some(at), .. }) = &wait.missed else { return Ok(()) };
    let by = wait.missed.as_ref().map(called).unwrap_or_default();
    let resource = wait.what.split(' ').next().unwrap_or(&wait.what);
    write!(f, "\n      {resource} was notified by '{by}' at {at} when nobody waited")
}

fn fmt_holders(f: &mut fmt::Formatter<'_>, wait: &BlockedWait, called: Called<'_>) -> fmt::Result {
    for (index, holder) in wait.holders.iter().take(HOLDERS_SHOWN_MAX).enumerate() {
        f.write_str(if index == 0 { ", " } else { " and " })?;
        let (name, ended) =
            (called(holder), if holder.has_ended { ", which has ended," } else { "" });
        match holder.since {
            Some(since) => write!(f, "held by '{name}'{ended} since {since}")?,
            None => write!(f, "which is '{name}'")?,
        }
    }
    match wait.holders.len().saturating_sub(HOLDERS_SHOWN_MAX) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

impl StdError for Deadlock {}
