//! The workloads by name, and how large they are.

/// A workload and its sizes.
pub struct Workload {
    pub name: &'static str,
    /// What one event of it is.
    pub event: &'static str,
    /// Large enough for CPU time: some tenths of a second on the floor.
    pub timed: Size,
    /// Two sizes, of which the difference counts instructions.
    pub counted: [Size; 2],
}

/// The two arguments of a workload; the second is 0 where there is none.
pub type Size = (u64, u64);

pub const WORKLOADS: [Workload; 8] = [
    Workload {
        name: "W0",
        event: "run of an empty future",
        timed: (400_000, 0),
        counted: [(1_000, 0), (2_000, 0)],
    },
    Workload {
        name: "W1",
        event: "task, spawned and joined",
        timed: (1_000_000, 0),
        counted: [(10_000, 0), (20_000, 0)],
    },
    Workload {
        name: "W2",
        event: "yield",
        timed: (1_000, 1_000),
        counted: [(100, 100), (100, 200)],
    },
    Workload {
        name: "W3",
        event: "message",
        timed: (1_000_000, 0),
        counted: [(10_000, 0), (20_000, 0)],
    },
    Workload {
        name: "W4",
        event: "sleep",
        timed: (100_000, 10),
        counted: [(1_000, 10), (1_000, 20)],
    },
    Workload {
        name: "W5",
        event: "task, aborted and joined",
        timed: (100_000, 0),
        counted: [(1_000, 0), (2_000, 0)],
    },
    Workload {
        name: "W6",
        event: "seed: a whole small run",
        timed: (20_000, 0),
        counted: [(200, 0), (400, 0)],
    },
    Workload {
        name: "W6Y",
        event: "seed: the same with a yield for the sleep",
        timed: (20_000, 0),
        counted: [(200, 0), (400, 0)],
    },
];

/// Finds a workload; one with a suffix, as `W6-random`, has the sizes of what it varies.
pub fn workload(name: &str) -> &'static Workload {
    let plain = name.split('-').next().unwrap_or_default();
    let known = WORKLOADS.iter().find(|workload| workload.name == plain);
    known.expect("every workload that a participant names is in the table")
}
