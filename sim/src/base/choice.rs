//! The one source of nondeterminism: every decision that the program leaves open is a *choice*.

use std::fmt;
use std::str::FromStr;

/// What a choice decides. Choice 0 is always the dull one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChoiceKind {
    /// Which ready entry runs next; 0 is the head of the queue.
    Ready,
    /// Whether an await that need not wait gives way all the same; 0 is no.
    Switch,
    /// How long something outside takes, within its range; 0 is the shortest.
    Delay,
    /// How late a loop iteration starts; 0 is not at all.
    Lateness,
    /// Which fault strikes; 0 is none.
    Fault,
    /// Whether a cancel or a drop strikes here; 0 is no.
    Cancel,
    /// Which branch of a `select!` is polled first; 0 is the first written.
    Branch,
    /// A number that the program asked for.
    Value,
    /// From which number what the system calls random is drawn: see
    /// [`take_entropy`](crate::explore::take_entropy).
    Entropy,
}

impl ChoiceKind {
    /// How many kinds there are.
    pub(crate) const COUNT: usize = 9;
}

/// A choice that was taken: `value` out of `0..bound`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What was decided.
    pub kind: ChoiceKind,
    /// How many alternatives there were.
    pub bound: u32,
    /// Which one was taken; 0 is the dull one.
    pub value: u32,
}

/// What may run next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Model {
    /// The ready queue is first in, first out, as CPython guarantees; what varies is what varies
    /// in a real asyncio program: how long the outside takes, lateness, faults.
    #[default]
    Asyncio,
    /// Any ready task may run next, as under a legal executor of another kind; the loop's own
    /// callbacks stay in order among themselves.
    AnyOrder,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Model::Asyncio => "asyncio",
            Model::AnyOrder => "any",
        })
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "asyncio" => Ok(Model::Asyncio),
            "any" => Ok(Model::AnyOrder),
            _ => Err(format!("'{text}' is no model; name any or asyncio")),
        }
    }
}

/// Names a task in every run of a program: a hash of its spawn path, which is the position of each
/// ancestor among the children of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey(u64);

impl TaskKey {
    /// The loop itself, or something outside.
    pub const LOOP: TaskKey = TaskKey(0);

    /// The key of the `index`th child, from 1; of [`LOOP`](Self::LOOP), those that no task spawned.
    pub const fn child(self, index: u32) -> TaskKey {
        TaskKey(mix(self.0, index as u64))
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    /// A bit that depends on both.
    pub(super) const fn is_even_with(self, seed: u64) -> bool {
        mix(self.0, seed) >> 32 & 1 == 0
    }
}

/// Names a resource in every run of a program: a hash of who made it, and of how many it had made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey(u64);

impl ResourceKey {
    /// What nobody knows: it may be any resource, and all that the program shares beside them.
    pub const UNKNOWN: ResourceKey = ResourceKey(0);

    /// The queue of the loop's own calls, which keep their order.
    pub(crate) const CALLS: ResourceKey = ResourceKey::of_kernel(1);

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    /// The key of what the program names itself.
    pub(crate) fn named(name: &str) -> ResourceKey {
        let word = |word: u64, byte: &u8| mix(word, u64::from(*byte));
        ResourceKey(name.as_bytes().iter().fold(mix(!0, name.len() as u64), word))
    }

    /// What a task is told: that it may run, that it is cancelled.
    pub(crate) const fn of_task(task: TaskKey) -> ResourceKey {
        ResourceKey(mix(task.0, TASK))
    }

    /// How a task ended, and who waits for that.
    pub(crate) const fn of_end(task: TaskKey) -> ResourceKey {
        ResourceKey(mix(task.0, END))
    }

    /// The same word as the maker of more names.
    pub(crate) const fn as_task(self) -> TaskKey {
        TaskKey(self.0)
    }

    /// What is set for a moment of virtual time, in nanoseconds.
    pub(crate) const fn of_instant(nanos: u64) -> ResourceKey {
        ResourceKey(mix(INSTANT, nanos))
    }

    /// Something that there is once in a simulation.
    pub(crate) const fn of_kernel(which: u64) -> ResourceKey {
        ResourceKey(mix(KERNEL, which))
    }

    /// The key of the `index`th resource that `maker` made, from 1.
    pub(crate) const fn made_by(maker: TaskKey, index: u32) -> ResourceKey {
        // Another constant than a child's, so that no task and no resource are one.
        ResourceKey(mix(!maker.0, index as u64))
    }
}

// What tells the resources of the library itself apart: any numbers that are no index.
const TASK: u64 = 0x7a5c_0000_0000_0001;
const END: u64 = 0x7a5c_0000_0000_0002;
const INSTANT: u64 = 0x7a5c_0000_0000_0003;
const KERNEL: u64 = 0x7a5c_0000_0000_0004;

/// Mixes two words into one that is never 0.
pub(crate) const fn mix(one: u64, other: u64) -> u64 {
    let mut word =
        (one ^ other.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^= word >> 31;
    word = word.wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^= word >> 29;
    if word == 0 { 1 } else { word }
}

/// Whether an operation changes what it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It only looks: two reads may change places.
    Read,
    /// It may change it.
    Write,
}

/// What a task is about to do when it runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it works on.
    pub resource: ResourceKey,
    /// How.
    pub access: Access,
}

impl Operation {
    /// Of a task that has not begun, or waits for something without a label.
    pub const UNKNOWN: Operation =
        Operation { resource: ResourceKey::UNKNOWN, access: Access::Write };

    /// Tells whether the order of the two may matter; of an unknown one it always may.
    pub fn conflicts(self, other: Operation) -> bool {
        let unknown = ResourceKey::UNKNOWN;
        if self.resource == unknown || other.resource == unknown {
            return true;
        }
        self.resource == other.resource
            && (self.access == Access::Write || other.access == Access::Write)
    }
}

/// A place in a run that an edit elsewhere in the program does not shift: a step of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// The task; [`TaskKey::LOOP`] for the loop's own calls and what happens outside.
    pub task: TaskKey,
    /// Which of its steps, from 1; 0 outside of any.
    pub step: u32,
}
