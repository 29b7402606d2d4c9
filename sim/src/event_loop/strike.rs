//! Cancels and drops that a policy lets strike at the awaits of tasks: the dimension that no
//! program tries by itself.
//!
//! There are two places at each await where it matters: when the task has come to wait, and when it
//! was woken and has not run yet. A third is before a task has begun. The main task is spared: it
//! is the test itself.

use super::cancel::cancel_future;
use super::cell::{Order, Variables};
use super::context::with;
use super::core::Core;
use super::session::Session;
use super::tasks::TaskId;
use crate::base::{Access, ChoiceKind, Event, Question};

/// What may strike a task at its awaits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Strikes {
    #[default]
    None,
    /// A cancel, as asyncio has it.
    Cancels,
    /// A cancel, or a drop of its future.
    CancelsAndDrops,
}

/// What strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    Cancel,
    Drop,
}

impl Core {
    /// Lets the policy choose what strikes a task that is about to run.
    #[inline]
    pub(super) fn choose_strike_before(&mut self, task: TaskId) -> Option<Strike> {
        if self.session.strikes == Strikes::None {
            return None;
        }
        let mut at = self.tasks[task].candidate().moment;
        if at.step == 1 {
            // Before its first step it is in none.
            at.step = 0;
        }
        self.choose_strike(task, at)
    }

    /// The same for one that has come to wait.
    pub(super) fn choose_strike_after(&mut self, task: TaskId) -> Option<Strike> {
        let cell = self.tasks.get(task)?;
        if cell.scheduled || self.is_done(cell.future) {
            return None;
        }
        let mut at = cell.candidate().moment;
        at.step -= 1;
        self.choose_strike(task, at)
    }

    fn choose_strike(&mut self, task: TaskId, at: crate::base::Moment) -> Option<Strike> {
        let (main, cell) = (self.interrupts.main, &self.tasks[task]);
        let spared = main.is_none() || main == cell.future || cell.order != Order::Run;
        let bound = match self.session.strikes {
            Strikes::None => return None,
            Strikes::Cancels => 2,
            Strikes::CancelsAndDrops => 3,
        };
        if spared {
            return None;
        }
        let struck = match self.session.choose(Question::new(ChoiceKind::Cancel, bound, at)) {
            0 => return None,
            1 => Strike::Cancel,
            _ => Strike::Drop,
        };
        let (task, drops) = (self.tasks[task].number, struck == Strike::Drop);
        self.session.note(Event::Struck { task, drops });
        Some(struck)
    }

    /// Tells whether what has these context variables has no place to run any more.
    pub(crate) fn is_gone(&self, variables: &Variables) -> bool {
        self.session.is_gone.as_ref().is_some_and(|is_gone| is_gone(variables))
    }

    /// What is to become of a task that is spawned now: where nothing runs any more its body is
    /// dropped.
    pub(crate) fn first_order(&self) -> Order {
        if self.is_gone(&self.variables) { Order::DropBody } else { Order::Run }
    }

    /// Drops the future of a task at its next step: Rust's way to end it.
    pub(crate) fn abort(&mut self, task: TaskId) {
        let Some(cell) = self.tasks.get(task) else { return };
        let future = cell.future;
        self.meets_task(task);
        self.meets_future(future, Access::Write);
        if self.is_done(future) {
            return;
        }
        let cell = &mut self.tasks[task];
        cell.order = Order::DropBody;
        let scheduled = cell.scheduled;
        self.futures[future].unretrieved = false;
        if !scheduled {
            self.wake_task(task);
        }
    }
}

impl Session {
    /// Notes that a fault strikes, and what there is to tell of it, if anybody looks.
    pub(crate) fn note_fault(&mut self, class: &'static str, tell: impl FnOnce() -> String) {
        if !self.is_recording() {
            return;
        }
        let told = tell();
        let detail = if told.is_empty() { 0 } else { self.fault_details.len() as u32 + 1 };
        if detail > 0 {
            self.fault_details.push(told);
        }
        self.note(Event::Faulted { class, detail });
    }
}

/// Strikes a task.
pub(super) fn strike(task: TaskId, strike: Strike) {
    match strike {
        Strike::Cancel => {
            if let Some(future) = with(|core| core.tasks.get(task).map(|cell| cell.future)) {
                cancel_future(future, None);
            }
        }
        Strike::Drop => with(|core| core.abort(task)),
    }
}
