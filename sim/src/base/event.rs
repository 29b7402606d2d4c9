//! What happened, as plain data: the loop reports events, others format them.

use std::panic::Location;

use super::kept::{Forgotten, Kept};
use super::{ChoiceKind, Instant, Place};

/// The number of a task in its simulation: 1 is the first one spawned.
pub type TaskNumber = u32;

/// Who caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A task, by its number.
    Task(TaskNumber),
    /// A callback of the loop, or the loop itself.
    Loop,
    /// Something outside: a pool, the network.
    Outside,
}

/// How a step of a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// It waits.
    Waits,
    /// It gave way and is ready again.
    Yields,
    /// It returned a value.
    Returned,
    /// It returned an error.
    Failed,
    /// It ended cancelled.
    Cancelled,
    /// It panicked.
    Panicked,
}

/// What a task waits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Nothing that has a number: a timer, a bare future, something foreign.
    Unnumbered,
    /// All that a gather holds.
    Gather,
    /// A task, by its number: its end is waited for.
    Task(TaskNumber),
    /// A resource, by its number.
    Resource(u32),
}

/// One thing that happened in a run.
///
/// New kinds come with new versions; match with a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A task was created and is ready.
    Spawned {
        /// The new task.
        task: TaskNumber,
        /// Who created it.
        by: Source,
    },
    /// A task starts to run.
    StepStarted {
        /// The task.
        task: TaskNumber,
    },
    /// A task stops running.
    StepEnded {
        /// The task.
        task: TaskNumber,
        /// How its step ended.
        end: StepEnd,
    },
    /// A task begins to wait.
    Waits {
        /// The task.
        task: TaskNumber,
        /// What it does: `"sleep"`, `"lock"`, ...
        operation: &'static str,
        /// What it waits on.
        on: Awaited,
    },
    /// A task became ready.
    Woken {
        /// The task.
        task: TaskNumber,
        /// Who woke it.
        by: Source,
    },
    /// Somebody asked a task to stop.
    CancelRequested {
        /// The task that is to stop.
        task: TaskNumber,
        /// Who asked.
        by: Source,
    },
    /// A callback of the loop runs.
    Callback {
        /// What it is for: `"call_soon"`, `"gather"`, ...
        operation: &'static str,
    },
    /// Virtual time moves on to the time of this record.
    ClockMoved,
    /// A choice was taken.
    Chosen {
        /// What it decided.
        kind: ChoiceKind,
        /// How many alternatives there were.
        bound: u32,
        /// Which one was taken.
        value: u32,
    },
    /// The program printed the next line of its transcript.
    Printed {
        /// A hash of the text.
        text: u64,
    },
    /// A loop begins a part of its end: `"cancel the tasks that are left"`, `"close the
    /// generators"`, `"shut down the default pool"`, `"close the loop"`.
    Phase {
        /// The phase, as a verb.
        name: &'static str,
    },
    /// A task that had not ended is dropped, because its loop is closed.
    Dropped {
        /// The task.
        task: TaskNumber,
    },
    /// A synchronisation primitive changes hands.
    Resource {
        /// What happened: `"acquired"`, `"released"`, ...
        operation: &'static str,
        /// The number of the resource.
        resource: u32,
        /// Who did it.
        by: Source,
    },
    /// A cancel or a drop of the exploration's own strikes a task, where it waits or as it wakes.
    /// With a place: the [`droppable`](crate::droppable) that is dropped.
    Struck {
        /// The task.
        task: TaskNumber,
        /// It is dropped; else it is cancelled.
        drops: bool,
    },
    /// A fault strikes that the program has asked for.
    Faulted {
        /// What happens: `"a packet is lost"`.
        class: &'static str,
        /// The number, from 1, of what else is known of it in
        /// [`Outcome::fault_details`](crate::Outcome::fault_details); 0 if nothing is.
        detail: u32,
    },
    /// A task went on with the result of another one that had ended already.
    Joined {
        /// The task that goes on.
        task: TaskNumber,
        /// The one that had ended.
        ended: TaskNumber,
    },
    /// The program logged something with `tracing`; see `seedloop::tracing`.
    Logged {
        /// Which entry of [`Outcome::log`](crate::Outcome::log) it is, from 1; 0 if the entry was
        /// not kept.
        entry: u32,
        /// Who logged it.
        by: Source,
    },
    /// Something outside the loop happened.
    Outside {
        /// What: `"job started"`, ...
        operation: &'static str,
        /// A number that tells it from others of its kind.
        number: u32,
    },
}

/// An event with its place in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// How many steps had been started.
    pub step: u64,
    /// The virtual time.
    pub time: Instant,
    /// What happened.
    pub event: Event,
    /// The line of the program that caused it, where one is known. For people: it is in no
    /// fingerprint.
    pub place: Option<Place>,
}

/// Something that the program logged with `tracing`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// `"ERROR"`, `"WARN"`, `"INFO"`, `"DEBUG"` or `"TRACE"`.
    pub level: &'static str,
    /// The spans in which it was logged with their fields, the target, the message and the fields,
    /// as `tracing_subscriber::fmt` writes them: `request{id=7}: shop::db: committed rows=3`.
    pub text: String,
}

/// The line of the program that caused an event, where one is known.
type At = Option<&'static Location<'static>>;

/// Folds every event into the fingerprint, and keeps them when someone will look at them.
pub(crate) struct Recorder {
    fingerprint: u64,
    kept: Option<Box<Kept>>,
}

/// Odd and with bits spread over the word, so that the product mixes all of them: the fractional
/// part of the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

impl Recorder {
    pub(crate) const fn new() -> Self {
        Recorder { fingerprint: MIX, kept: None }
    }

    /// Starts over; `keep` says whether the events are kept, and how many at most.
    pub(crate) fn restart(&mut self, keep: bool, kept_max: usize) {
        let kept = keep.then(|| Box::new(Kept::new(kept_max)));
        *self = Recorder { fingerprint: MIX, kept };
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What was kept: the events, what was logged, and what is known of those that are forgotten.
    pub(crate) fn take_kept(&mut self) -> (Vec<Record>, Vec<LogEntry>, Forgotten) {
        self.kept.take().map(|kept| kept.finish()).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn fold(&mut self, word: u64) {
        self.fingerprint = (self.fingerprint.rotate_left(5) ^ word).wrapping_mul(MIX);
    }

    /// Folds a text, by its bytes.
    pub(crate) fn hash_text(text: &str) -> u64 {
        let mut hash = Recorder::new();
        hash.fold(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash.fold(u64::from_le_bytes(word));
        }
        hash.fingerprint
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.kept.is_some()
    }

    /// Folds an event into the fingerprint, and keeps it if someone will look.
    ///
    /// Inlined, so that for a known kind of event little is left of it.
    #[inline]
    pub(crate) fn emit(&mut self, step: u64, time: Instant, event: Event, at: At) {
        let (low, high) = words_of(event, time);
        self.fold(low);
        if high != 0 {
            self.fold(high);
        }
        self.note(step, time, event, at);
    }

    /// Folds that a task starts to run; the caller keeps the event.
    #[inline]
    pub(crate) fn fold_step(&mut self, task: TaskNumber) {
        self.fold(words_of(Event::StepStarted { task }, Instant::START).0);
    }

    /// Folds that virtual time has moved to `now`; the caller keeps the event.
    #[inline]
    pub(crate) fn fold_clock(&mut self, now: Instant) {
        let (low, high) = words_of(Event::ClockMoved, now);
        self.fold(low);
        self.fold(high);
    }

    /// Folds that a task is made; the caller keeps the event.
    #[inline]
    pub(crate) fn fold_spawned(&mut self, task: TaskNumber, by: Source) {
        let (low, high) = words_of(Event::Spawned { task, by }, Instant::START);
        self.fold(low);
        if high != 0 {
            self.fold(high);
        }
    }

    /// Folds that a task begins to wait; the caller keeps the event.
    #[inline]
    pub(crate) fn fold_waits(&mut self, task: TaskNumber, operation: &'static str, on: Awaited) {
        let (low, high) = words_of(Event::Waits { task, operation, on }, Instant::START);
        self.fold(low);
        self.fold(high);
    }

    /// Folds that a primitive changes hands; the caller keeps the event.
    #[inline]
    pub(crate) fn fold_resource(&mut self, operation: &'static str, resource: u32, by: Source) {
        let event = Event::Resource { operation, resource, by };
        let (low, high) = words_of(event, Instant::START);
        self.fold(low);
        self.fold(high);
    }

    /// Keeps an event if someone will look.
    #[inline]
    pub(crate) fn note(&mut self, step: u64, time: Instant, event: Event, at: At) {
        if self.kept.is_some() {
            self.keep(step, time, event, at);
        }
    }

    #[inline(never)]
    fn keep(&mut self, step: u64, time: Instant, event: Event, at: At) {
        self.keep_placed(Record { step, time, event, place: at.map(Place::from) });
    }

    /// Keeps a record of something that the program's own code does not do at a location.
    pub(crate) fn keep_placed(&mut self, record: Record) {
        if let Some(kept) = &mut self.kept {
            kept.push(record);
        }
    }

    /// Keeps what was logged, if someone will look, and no more than so many entries; `record`
    /// makes the record of the entry of a number.
    #[cfg(feature = "tracing")]
    pub(crate) fn keep_logged(
        &mut self,
        entry: LogEntry,
        entries_max: usize,
        record: impl FnOnce(u32) -> Record,
    ) {
        if let Some(kept) = &mut self.kept {
            kept.log(entry, entries_max, record);
        }
    }
}

/// Packs an event into two words for the fingerprint.
///
/// Texts go in by their length and first letter, never by their address.
#[inline(always)]
fn words_of(event: Event, time: Instant) -> (u64, u64) {
    let source = |by| match by {
        Source::Task(task) => u64::from(task),
        Source::Loop => 0xffff_fffe,
        Source::Outside => 0xffff_ffff,
    };
    let text = |text: &str| (text.len() as u64) << 8 | u64::from(text.as_bytes()[0]);
    let (tag, low, high) = match event {
        Event::Spawned { task, by } => (1, task, source(by)),
        Event::StepStarted { task } => (2, task, 0),
        Event::StepEnded { task, end } => (3, task, end as u64),
        Event::Waits { task, operation, on } => {
            let on = match on {
                Awaited::Unnumbered | Awaited::Gather => 0,
                Awaited::Task(number) => u64::from(number),
                Awaited::Resource(number) => u64::from(!number),
            };
            (4, task, on | text(operation) << 32)
        }
        Event::Woken { task, by } => (5, task, source(by)),
        Event::CancelRequested { task, by } => (6, task, source(by)),
        Event::Callback { operation } => (7, 0, text(operation)),
        Event::ClockMoved => (8, 0, time.as_nanos()),
        Event::Chosen { kind, bound, value } => (9, bound, u64::from(value) | (kind as u64) << 32),
        Event::Printed { text } => (10, 0, text),
        Event::Phase { name } => (11, 0, text(name)),
        Event::Resource { operation, resource, by } => {
            (12, resource, source(by) | text(operation) << 32)
        }
        Event::Outside { operation, number } => (13, number, text(operation)),
        Event::Dropped { task } => (14, task, 0),
        // These follow from others, and are only noted.
        Event::Struck { task, drops } => (15, task, u64::from(drops)),
        Event::Joined { task, ended } => (16, task, u64::from(ended)),
        Event::Faulted { class, .. } => (17, 0, text(class)),
        Event::Logged { entry, .. } => (18, entry, 0),
    };
    (u64::from(low) | tag << 56, high)
}
