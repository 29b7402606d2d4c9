//! The error of a run in which nothing can happen any more.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

use super::{Instant, TaskNumber};

/// A place in the source, for people; never part of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the compiler names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl From<&'static Location<'static>> for Place {
    fn from(location: &'static Location<'static>) -> Self {
        Place { file: location.file(), line: location.line() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Somebody that a blocked task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderName {
    /// The number of the task, 0 for none.
    pub number: TaskNumber,
    /// Its name.
    pub name: String,
    /// Where it took what it holds; none where its own end is waited for.
    pub since: Option<Place>,
}

/// One thing that a blocked task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedWait {
    /// What: `lock#2`, `task`, `future`, ...
    pub what: String,
    /// Where the task waits.
    pub location: Place,
    /// Who would have to move first.
    pub holders: Vec<HolderName>,
}

/// A task that waits for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
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
/// holds that, and the cycle if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    time: Instant,
    blocked: Vec<BlockedTask>,
    jobs: Vec<BlockedJob>,
}

impl Deadlock {
    pub(crate) fn new(time: Instant, blocked: Vec<BlockedTask>) -> Self {
        Deadlock { time, blocked, jobs: Vec::new() }
    }

    pub(crate) fn with_jobs(mut self, jobs: Vec<BlockedJob>) -> Self {
        self.jobs = jobs;
        self
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

    /// Returns the numbers of tasks that wait for each other in a ring, if there is one.
    pub fn cycle(&self) -> Option<Vec<TaskNumber>> {
        let next: BTreeMap<TaskNumber, TaskNumber> = self
            .blocked
            .iter()
            .filter_map(|task| Some((task.number, only_holder(task)?)))
            .collect();
        for start in next.keys() {
            let mut path = vec![*start];
            while let Some(holder) = path.last().and_then(|last| next.get(last)) {
                if holder == start {
                    return Some(path);
                }
                if path.contains(holder) {
                    break;
                }
                path.push(*holder);
            }
        }
        None
    }

    fn blocked_by_number(&self, number: TaskNumber) -> Option<&BlockedTask> {
        self.blocked.iter().find(|task| task.number == number)
    }
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
        for task in &self.blocked {
            write!(f, "\n  task '{}' (spawned at {})", task.name, task.spawned_at)?;
            if task.waits.is_empty() {
                f.write_str("\n    waits for something that is not seedloop's")?;
            }
            for wait in &task.waits {
                write!(f, "\n    waits for {} at {}", wait.what, wait.location)?;
                fmt_holders(f, wait)?;
            }
        }
        for job in &self.jobs {
            write!(f, "\n  {} (submitted at {})", job.name, job.submitted_at)?;
            write!(f, "\n    waits for {} at {}", job.wait.what, job.wait.location)?;
        }
        if let Some(cycle) = self.cycle() {
            f.write_str("\n  cycle: ")?;
            for number in &cycle {
                let Some(task) = self.blocked_by_number(*number) else { continue };
                write!(f, "'{}' -> ", task.name)?;
                if let Some(wait) = task.waits.first().filter(|wait| wait.what.contains('#')) {
                    write!(f, "{} -> ", wait.what)?;
                }
            }
            let first = cycle.first().and_then(|number| self.blocked_by_number(*number));
            write!(f, "'{}'", first.map_or("", |task| &task.name))?;
        }
        Ok(())
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{noun}{}", if count == 1 { "" } else { "s" })
}

fn fmt_holders(f: &mut fmt::Formatter<'_>, wait: &BlockedWait) -> fmt::Result {
    for (index, holder) in wait.holders.iter().enumerate() {
        f.write_str(if index == 0 { ", " } else { " and " })?;
        match holder.since {
            Some(since) => write!(f, "held by '{}' since {since}", holder.name)?,
            None => write!(f, "which is '{}'", holder.name)?,
        }
    }
    Ok(())
}

impl StdError for Deadlock {}
