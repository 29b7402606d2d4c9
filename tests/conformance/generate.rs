//! Random scheduling programs, valid by construction.
//!
//! A program is grown from an [outline](outline): a list of indented lines, each an operation with
//! a few numbers, as in Python source. The [builder](build) turns every outline into a valid
//! program; it chooses names, makes the objects that are used, and lets nobody wait in a cycle. So
//! proptest, which knows only the outline, can drop any line and lower any number, and what it
//! arrives at is a short program: dropping a line that opens a block leaves the block's lines, one
//! level further out.
//!
//! Variables are found by keys rather than by positions: dropping a line changes what another line
//! means only if that one used what the dropped line defined.

mod blocks;
mod build;
mod ops;
mod outline;
mod statements;
mod tree;
mod vars;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use scenarios::conform::program::Program;
use smol_str::{SmolStr, format_smolstr};

use outline::Outline;

/// Which part of asyncio a program is about. Tasks, cancellation, clean-up and timers are in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Tasks, futures, callbacks.
    Core,
    /// `gather`, `wait`, `wait_for`, `shield`, `as_completed`.
    Combine,
    /// Task groups and timeouts.
    Groups,
    /// Locks, events, conditions, semaphores, barriers, queues.
    Sync,
    /// Jobs in pools.
    Executor,
    /// Async generators.
    Generators,
    /// All of it together.
    Everything,
}

impl Profile {
    /// All profiles.
    pub(crate) const ALL: [Self; 7] = [
        Self::Core,
        Self::Combine,
        Self::Groups,
        Self::Sync,
        Self::Executor,
        Self::Generators,
        Self::Everything,
    ];

    /// The name, as it stands in the names of programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Combine => "combine",
            Self::Groups => "groups",
            Self::Sync => "sync",
            Self::Executor => "executor",
            Self::Generators => "generators",
            Self::Everything => "everything",
        }
    }
}

/// Gives valid programs, which shrink to valid programs. They are named for the profile.
pub(crate) fn program(profile: Profile) -> impl Strategy<Value = Program> {
    outline::outline(profile).prop_map(move |outline| build(&outline, profile.name().into()))
}

/// Gives the program `PROFILE:SEED`, the same one on every machine.
pub(crate) fn sample(profile: Profile, seed: u64) -> Program {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = outline::outline(profile).new_tree(&mut runner);
    let outline = tree.expect("an outline rejects nothing").current();
    build(&outline, format_smolstr!("{}:{seed}", profile.name()))
}

fn build(outline: &Outline, name: SmolStr) -> Program {
    let tree = tree::grow(&outline.lines);
    let program = build::Builder::new(outline, &tree).build(name);
    debug_assert_eq!(program.check(), Ok(()), "an outline gave an invalid program");
    program
}
