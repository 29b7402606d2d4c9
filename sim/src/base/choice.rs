//! The one source of nondeterminism: every decision that the program leaves open is a *choice*.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

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
}

impl ChoiceKind {
    /// How many kinds there are.
    pub(crate) const COUNT: usize = 8;
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
pub enum Model {
    /// The ready queue is first in, first out, as CPython guarantees; what varies is what varies
    /// in a real asyncio program: how long the outside takes, lateness, faults.
    #[default]
    Asyncio,
    /// Any ready task may run next, as under a legal executor of another kind; the loop's own
    /// callbacks stay in order among themselves.
    AnyOrder,
}

/// Takes the choices of a run.
///
/// An implementation keeps what it needs to decide; the log is kept for it. It must not call the
/// library: it is asked in the middle of the loop's work. A panic of it ends the run.
pub trait Policy {
    /// Picks one of `0..bound`; `bound` is at least 2. Any other value ends the run with a panic.
    fn choose(&mut self, kind: ChoiceKind, bound: u32) -> u32;
}

/// Takes the dull choice each time: the run without a seed, in asyncio's own order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Policy for Fifo {
    fn choose(&mut self, _kind: ChoiceKind, _bound: u32) -> u32 {
        0
    }
}

/// Draws every choice uniformly from ChaCha8, with a stream for each kind.
///
/// A stream for each kind, so that one delay more or less does not change the numbers that the
/// program draws.
pub struct Uniform {
    streams: [ChaCha8Rng; ChoiceKind::COUNT],
}

impl Uniform {
    /// Makes the policy of `seed`.
    pub fn new(seed: u64) -> Self {
        Uniform {
            streams: std::array::from_fn(|kind| {
                let mut stream = ChaCha8Rng::seed_from_u64(seed);
                stream.set_stream(kind as u64);
                stream
            }),
        }
    }
}

impl Policy for Uniform {
    fn choose(&mut self, kind: ChoiceKind, bound: u32) -> u32 {
        // A multiply and a shift: the bias is below bound / 2^32.
        let word = self.streams[kind as usize].next_u32();
        ((u64::from(word) * u64::from(bound)) >> 32) as u32
    }
}

/// Takes the choices of a log again, then the dull ones.
#[derive(Clone, Debug)]
pub struct Replay {
    log: std::vec::IntoIter<Choice>,
}

impl Replay {
    /// Makes the policy that follows `log`.
    pub fn new(log: Vec<Choice>) -> Self {
        Replay { log: log.into_iter() }
    }
}

impl Policy for Replay {
    fn choose(&mut self, kind: ChoiceKind, bound: u32) -> u32 {
        match self.log.next() {
            Some(choice) if choice.kind == kind => choice.value.min(bound - 1),
            _ => 0,
        }
    }
}

/// The choices of one run: the policy that takes them and the log of what it took.
pub(crate) struct Choices {
    /// `None` is FIFO, the most frequent policy, without a call.
    policy: Option<Box<dyn Policy>>,
    log: Vec<Choice>,
}

impl Choices {
    pub(crate) const fn new() -> Self {
        Choices { policy: None, log: Vec::new() }
    }

    pub(crate) fn set_policy(&mut self, policy: Option<Box<dyn Policy>>) {
        self.policy = policy;
    }

    /// Takes one of `0..bound` and logs it; a choice of one is none.
    pub(crate) fn choose(&mut self, kind: ChoiceKind, bound: u32) -> u32 {
        if bound <= 1 {
            return 0;
        }
        let value = match &mut self.policy {
            None => 0,
            Some(policy) => policy.choose(kind, bound),
        };
        assert!(value < bound, "a policy chose {value} of {bound} for {kind:?}");
        self.log.push(Choice { kind, bound, value });
        value
    }

    pub(crate) fn take_log(&mut self) -> Vec<Choice> {
        std::mem::take(&mut self.log)
    }
}
