//! What everything stands on and what knows nothing above it: time, ids, errors, choices and the
//! events of a trace.

mod choice;
mod deadlock;
mod error;
mod event;
mod group;
mod kept;
mod keyed;
mod leaf;
mod order;
mod place;
mod policy;
mod slab;
mod time;

pub use choice::{Access, Choice, ChoiceKind, Model, Moment, Operation, ResourceKey, TaskKey};
pub use deadlock::{BlockedJob, BlockedTask, BlockedWait, Deadlock, HolderName};
pub use error::{Error, Result};
pub use event::{Awaited, Event, LogEntry, Record, Source, StepEnd, TaskNumber};
pub use group::Group;
pub use kept::Forgotten;
pub use leaf::{
    AssertionError, BarrierError, BrokenBarrierError, BrokenPoolError, Cancelled, ConditionError,
    Elapsed, Exit, ForeignWake, GeneratorExit, GetError, Interrupt, InvalidStateError,
    LimitExceeded, Message, Panicked, PutError, QueueEmpty, QueueError, QueueFull, QueueShutDown,
    RuntimeError, StopAsyncIteration, ValueError,
};
pub use place::Place;
pub use policy::{
    Candidate, Candidates, Ended, FaultRate, Fifo, Policy, Question, Replay, Uniform,
};
pub use time::Instant;

pub(crate) use choice::mix;
pub(crate) use deadlock::awaited_name;
pub(crate) use event::Recorder;
pub(crate) use keyed::{Keyed, KeyedSet};
pub(crate) use leaf::{Payload, Stack};
pub(crate) use order::Orders;
pub(crate) use place::one_line;
pub(crate) use policy::{Choices, Chooser, sealed, stream_of};
pub(crate) use slab::{Id, Slab};
pub(crate) use time::deadline_after;
