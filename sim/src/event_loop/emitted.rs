//! Events: into the fingerprint, and among those that are kept when someone will look at them.

use std::panic::Location;

use super::session::Session;
use crate::base::{Awaited, Event, Source, TaskNumber};

impl Session {
    #[inline]
    pub(crate) fn emit(&mut self, event: Event) {
        self.recorder.emit(self.step, self.now, event, None);
    }

    /// The same for the start of a task's step; one that is kept is noted by the caller.
    #[inline]
    pub(crate) fn fold_step(&mut self, task: TaskNumber) {
        self.recorder.fold_step(task);
    }

    /// The same for an event that a line of the program caused.
    #[inline]
    pub(crate) fn emit_at(
        &mut self,
        event: Event,
        at: impl Into<Option<&'static Location<'static>>>,
    ) {
        self.recorder.emit(self.step, self.now, event, at.into());
    }

    /// A task is made.
    #[inline]
    pub(crate) fn emit_spawned(
        &mut self,
        task: TaskNumber,
        by: Source,
        at: &'static Location<'static>,
    ) {
        self.recorder.fold_spawned(task, by);
        if self.is_recording() {
            self.keep_spawned(task, by, at);
        }
    }

    // What is kept is made in functions of their own, so that what is frequent makes no events.

    #[inline(never)]
    fn keep_spawned(&mut self, task: TaskNumber, by: Source, at: &'static Location<'static>) {
        self.note_at(Event::Spawned { task, by }, at);
    }

    /// A task begins to wait.
    #[inline]
    pub(crate) fn emit_waits(
        &mut self,
        task: TaskNumber,
        operation: &'static str,
        on: Awaited,
        at: &'static Location<'static>,
    ) {
        self.recorder.fold_waits(task, operation, on);
        if self.is_recording() {
            self.keep_waits(task, operation, on, at);
        }
    }

    #[inline(never)]
    fn keep_waits(
        &mut self,
        task: TaskNumber,
        operation: &'static str,
        on: Awaited,
        at: &'static Location<'static>,
    ) {
        self.note_at(Event::Waits { task, operation, on }, at);
    }

    /// A primitive changes hands; the caller keeps the event.
    #[inline]
    pub(crate) fn fold_resource(&mut self, operation: &'static str, resource: u32, by: Source) {
        self.recorder.fold_resource(operation, resource, by);
    }
}
