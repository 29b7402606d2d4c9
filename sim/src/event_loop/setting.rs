//! Where things of a recorded run were: on which hosts, and in which pools.

use std::collections::BTreeMap;

use super::session::Session;
use crate::base::{Event, Place, TaskNumber};

/// What a recorded run remembers of the world around its tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The names of the hosts by number; that on which the test itself stands has none.
    pub(crate) hosts: BTreeMap<u32, String>,
    /// On which host each task is, by number; none for those beside the test itself.
    pub(crate) placed: BTreeMap<TaskNumber, u32>,
    /// The jobs of pools by number.
    pub(crate) jobs: BTreeMap<u32, JobOrigin>,
}

/// Where a job is from, and who does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobOrigin {
    pub(crate) pool: String,
    pub(crate) submitted_at: Place,
}

impl Session {
    /// Remembers a host for those who look at the events later.
    pub(crate) fn know_host(&mut self, number: u32, name: impl FnOnce() -> String) {
        if let Some(setting) = &mut self.setting {
            setting.hosts.insert(number, name());
        }
    }

    /// Remembers on which host a task is.
    pub(super) fn know_place(&mut self, task: TaskNumber, host: u32) {
        if let Some(setting) = &mut self.setting {
            setting.placed.insert(task, host);
        }
    }

    /// Remembers a job.
    pub(crate) fn know_job(&mut self, number: u32, origin: impl FnOnce() -> JobOrigin) {
        if let Some(setting) = &mut self.setting {
            setting.jobs.insert(number, origin());
        }
    }

    /// Notes that a host goes down, with a word to others or without: it follows from what the
    /// program does.
    pub(crate) fn note_host_down(&mut self, number: u32, resets: bool) {
        let operation = if resets { "host crashed" } else { "host lost its power" };
        self.note(Event::Outside { operation, number });
    }

    /// Notes that a host comes back.
    pub(crate) fn note_host_up(&mut self, number: u32) {
        self.note(Event::Outside { operation: "host restarted", number });
    }

    pub(crate) fn take_setting(&mut self) -> Setting {
        self.setting.take().unwrap_or_default()
    }
}
