//! Who takes part, what each lacks and why.

use crate::workloads::{Size, WORKLOADS, workload};

/// A program that runs workloads.
pub struct Participant {
    pub name: &'static str,
    pub kind: Kind,
    /// Put behind the workload's name: another way of the same program.
    pub suffix: &'static str,
    /// Workloads that it does not have.
    pub lacks: &'static [(&'static str, &'static str)],
    /// Sizes other than the table's, for those that would take minutes.
    pub sizes: &'static [(&'static str, Size)],
}

/// How a participant is built and run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A binary of this workspace: its package.
    Own(&'static str),
    /// A binary of the peers' workspace, with what rustc has to be told for it.
    Peer { package: &'static str, flags: &'static str },
    /// A script for CPython 3.13.
    Python,
}

const NO_CLOCK: &str = "it has no clock";
pub const NOT_VARIED: &str = "the same as seedloop's";

pub const PARTICIPANTS: [Participant; 14] = [
    own("floor", "floor", "", &[]),
    own("floor-radix", "floor", "", &[]),
    own("seedloop", "ours", "", &[]),
    own("seedloop-record", "ours", "-record", &[]),
    own("seedloop-random", "ours", "-random", &ONLY_SEEDS),
    own("seedloop-portfolio", "ours", "-portfolio", &ONLY_SEEDS),
    own("seedloop-mpsc", "ours", "-mpsc", &ONLY_CHANNEL),
    peer("tokio", "peer-tokio", "", &[], &[]),
    peer("madsim", "peer-madsim", "--cfg madsim", &[], &[]),
    peer("turmoil", "peer-turmoil", "", &[], &TURMOIL_SIZES),
    peer("commonware", "peer-commonware", "", &[], &COMMONWARE_SIZES),
    peer("shuttle", "peer-shuttle", "", &WITHOUT_CLOCK, &SHUTTLE_SIZES),
    peer("shuttle-pct", "peer-shuttle", "", &WITHOUT_CHOICE, &SHUTTLE_SIZES),
    Participant {
        name: "asyncio",
        kind: Kind::Python,
        suffix: "",
        lacks: &[],
        sizes: &ASYNCIO_SIZES,
    },
];

const WITHOUT_CLOCK: [(&str, &str); 2] = [("W4", NO_CLOCK), ("W6", NO_CLOCK)];
const WITHOUT_CHOICE: [(&str, &str); 3] =
    [("W0", "its scheduler refuses what has no concurrency"), ("W4", NO_CLOCK), ("W6", NO_CLOCK)];
const ONLY_SEEDS: [(&str, &str); 6] = [
    ("W0", "an exploration of an empty program ends after its first run"),
    ("W1", NOT_VARIED),
    ("W2", NOT_VARIED),
    ("W3", NOT_VARIED),
    ("W4", NOT_VARIED),
    ("W5", NOT_VARIED),
];
const ONLY_CHANNEL: [(&str, &str); 7] = [
    ("W0", NOT_VARIED),
    ("W1", NOT_VARIED),
    ("W2", NOT_VARIED),
    ("W4", NOT_VARIED),
    ("W5", NOT_VARIED),
    ("W6", NOT_VARIED),
    ("W6Y", NOT_VARIED),
];

const TURMOIL_SIZES: [(&str, Size); 2] = [("W0", (20_000, 0)), ("W6", (2_000, 0))];
const COMMONWARE_SIZES: [(&str, Size); 5] = [
    ("W0", (20_000, 0)),
    ("W1", (200_000, 0)),
    ("W4", (100_000, 3)),
    ("W6", (4_000, 0)),
    ("W6Y", (4_000, 0)),
];
const SHUTTLE_SIZES: [(&str, Size); 5] = [
    ("W1", (1_000, 0)),
    ("W2", (1_000, 20)),
    ("W3", (100_000, 0)),
    ("W5", (1_000, 0)),
    ("W6Y", (5_000, 0)),
];
const ASYNCIO_SIZES: [(&str, Size); 8] = [
    ("W0", (5_000, 0)),
    ("W1", (100_000, 0)),
    ("W2", (1_000, 200)),
    ("W3", (100_000, 0)),
    ("W4", (100_000, 1)),
    ("W5", (50_000, 0)),
    ("W6", (500, 0)),
    ("W6Y", (1_000, 0)),
];

const fn own(
    name: &'static str,
    package: &'static str,
    suffix: &'static str,
    lacks: &'static [(&'static str, &'static str)],
) -> Participant {
    Participant { name, kind: Kind::Own(package), suffix, lacks, sizes: &[] }
}

const fn peer(
    name: &'static str,
    package: &'static str,
    flags: &'static str,
    lacks: &'static [(&'static str, &'static str)],
    sizes: &'static [(&'static str, Size)],
) -> Participant {
    Participant { name, kind: Kind::Peer { package, flags }, suffix: "", lacks, sizes }
}

impl Participant {
    /// Why it does not have a workload, if it does not.
    pub fn lack_of(&self, workload: &str) -> Option<&'static str> {
        let lack = self.lacks.iter().find(|(name, _)| *name == workload);
        lack.map(|(_, reason)| *reason)
    }

    /// What is timed of a workload.
    pub fn timed(&self, name: &str) -> Size {
        let own = self.sizes.iter().find(|(known, _)| *known == name);
        own.map_or(workload(name).timed, |(_, size)| *size)
    }

    /// The binary's name.
    pub fn binary(&self) -> &'static str {
        match self.kind {
            Kind::Own("ours") => "seedloop",
            Kind::Own(_) | Kind::Peer { .. } | Kind::Python => self.name,
        }
    }
}

/// The names of all workloads.
pub fn workload_names() -> impl Iterator<Item = &'static str> {
    WORKLOADS.iter().map(|workload| workload.name)
}
