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
            self.note_at(Event::Spawned { task, by }, at);
        }
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
            self.note_at(Event::Waits { task, operation, on }, at);
        }
    }

    /// A primitive changes hands.
    #[inline]
    pub(crate) fn emit_resource(
        &mut self,
        operation: &'static str,
        resource: u32,
        by: Source,
        at: &'static Location<'static>,
    ) {
        self.recorder.fold_resource(operation, resource, by);
        if self.is_recording() {
            self.note_at(Event::Resource { operation, resource, by }, at);
        }
    }
}
