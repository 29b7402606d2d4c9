//! The operations that a line can stand for, and how often each occurs.

use super::Profile;

/// What a line of an outline stands for. From dull to intricate: a line shrinks to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Nothing: the line might as well not be there.
    Pass,
    Log,
    Sleep,
    Status,
    Cancelling,
    Uncancel,
    Spawn,
    Call,
    Await,
    AwaitFuture,
    Cancel,
    Return,
    Raise,
    Repeat,
    Try,
    Future,
    SetResult,
    SetException,
    CallSoon,
    CallLater,
    OnDone,
    CancelTimer,
    Gather,
    Wait,
    WaitFor,
    Shield,
    AsCompleted,
    Timeout,
    Reschedule,
    TaskGroup,
    TgSpawn,
    New,
    With,
    Acquire,
    Release,
    Locked,
    EventSet,
    EventClear,
    EventWait,
    CondWait,
    Notify,
    Put,
    PutNowait,
    Get,
    GetNowait,
    TaskDone,
    Join,
    Qsize,
    Shutdown,
    BarrierWait,
    BarrierAbort,
    BarrierReset,
    Job,
    Yield,
    AsyncFor,
}

impl Op {
    /// Whether it sets a callback, which may do something.
    pub(super) fn sets_callback(self) -> bool {
        matches!(self, Self::CallSoon | Self::CallLater | Self::OnDone)
    }

    /// Whether it waits for something that may never come.
    pub(super) fn may_hang(self) -> bool {
        matches!(
            self,
            Self::AwaitFuture
                | Self::With
                | Self::Acquire
                | Self::EventWait
                | Self::CondWait
                | Self::Put
                | Self::Get
                | Self::Join
                | Self::BarrierWait
        )
    }

    /// Whether of its own accord it may end in an exception other than its own cancellation.
    pub(super) fn may_raise(self) -> bool {
        matches!(
            self,
            Self::Call
                | Self::Await
                | Self::AwaitFuture
                | Self::SetResult
                | Self::SetException
                | Self::Gather
                | Self::Wait
                | Self::WaitFor
                | Self::Shield
                | Self::AsCompleted
                | Self::Timeout
                | Self::TaskGroup
                | Self::TgSpawn
                | Self::With
                | Self::Acquire
                | Self::Release
                | Self::EventWait
                | Self::CondWait
                | Self::Notify
                | Self::Put
                | Self::PutNowait
                | Self::Get
                | Self::GetNowait
                | Self::TaskDone
                | Self::Join
                | Self::BarrierWait
                | Self::Job
                | Self::AsyncFor
        )
    }
}

/// How often each operation occurs in programs about tasks, combinators, groups, synchronisation,
/// executors and generators. The measure is arbitrary; a program about everything has the sums.
const WEIGHTS: [(Op, [u32; 6]); 54] = [
    (Op::Log, [8, 6, 6, 6, 6, 8]),
    (Op::Sleep, [90, 80, 80, 80, 60, 90]),
    (Op::Status, [10, 6, 2, 2, 4, 2]),
    (Op::Cancelling, [8, 2, 8, 2, 2, 2]),
    (Op::Uncancel, [8, 2, 8, 2, 2, 2]),
    (Op::Spawn, [60, 60, 40, 60, 40, 50]),
    (Op::Call, [10, 6, 6, 6, 4, 6]),
    (Op::Await, [24, 12, 10, 6, 10, 10]),
    (Op::AwaitFuture, [12, 4, 2, 2, 2, 2]),
    (Op::Cancel, [50, 40, 40, 40, 40, 40]),
    (Op::Return, [8, 5, 4, 4, 4, 5]),
    (Op::Raise, [12, 10, 24, 6, 6, 8]),
    (Op::Repeat, [4, 3, 3, 4, 3, 3]),
    (Op::Try, [40, 24, 28, 24, 20, 36]),
    (Op::Future, [5, 3, 1, 1, 1, 1]),
    (Op::SetResult, [20, 6, 2, 2, 2, 2]),
    (Op::SetException, [5, 2, 1, 1, 1, 1]),
    (Op::CallSoon, [10, 4, 4, 5, 4, 3]),
    (Op::CallLater, [16, 8, 8, 9, 8, 6]),
    (Op::OnDone, [12, 6, 3, 2, 4, 2]),
    (Op::CancelTimer, [6, 2, 2, 1, 1, 1]),
    (Op::Gather, [0, 34, 6, 4, 10, 4]),
    (Op::Wait, [0, 22, 2, 2, 5, 2]),
    (Op::WaitFor, [0, 24, 8, 10, 10, 6]),
    (Op::Shield, [0, 18, 4, 2, 6, 2]),
    (Op::AsCompleted, [0, 18, 2, 2, 5, 2]),
    (Op::Timeout, [0, 10, 40, 10, 12, 10]),
    (Op::Reschedule, [0, 4, 24, 4, 4, 4]),
    (Op::TaskGroup, [0, 4, 40, 4, 5, 4]),
    (Op::TgSpawn, [0, 6, 60, 6, 6, 6]),
    (Op::New, [0, 0, 0, 6, 3, 0]),
    (Op::With, [0, 0, 0, 40, 0, 0]),
    (Op::Acquire, [0, 0, 0, 14, 0, 0]),
    (Op::Release, [0, 0, 0, 16, 0, 0]),
    (Op::Locked, [0, 0, 0, 6, 0, 0]),
    (Op::EventSet, [0, 0, 0, 24, 0, 0]),
    (Op::EventClear, [0, 0, 0, 5, 0, 0]),
    (Op::EventWait, [0, 0, 0, 14, 0, 0]),
    (Op::CondWait, [0, 0, 0, 20, 0, 0]),
    (Op::Notify, [0, 0, 0, 26, 0, 0]),
    (Op::Put, [0, 0, 0, 30, 0, 0]),
    (Op::PutNowait, [0, 0, 0, 20, 0, 0]),
    (Op::Get, [0, 0, 0, 22, 0, 0]),
    (Op::GetNowait, [0, 0, 0, 8, 0, 0]),
    (Op::TaskDone, [0, 0, 0, 10, 0, 0]),
    (Op::Join, [0, 0, 0, 8, 0, 0]),
    (Op::Qsize, [0, 0, 0, 4, 0, 0]),
    (Op::Shutdown, [0, 0, 0, 6, 0, 0]),
    (Op::BarrierWait, [0, 0, 0, 20, 0, 0]),
    (Op::BarrierAbort, [0, 0, 0, 3, 0, 0]),
    (Op::BarrierReset, [0, 0, 0, 3, 0, 0]),
    (Op::Job, [0, 0, 0, 0, 90, 0]),
    (Op::Yield, [0, 0, 0, 0, 0, 40]),
    (Op::AsyncFor, [0, 0, 0, 0, 0, 60]),
];

/// How often a callback does what, if the operation occurs in the profile at all.
const CALLBACK_WEIGHTS: [(Op, u32); 26] = [
    (Op::Log, 2),
    (Op::Status, 2),
    (Op::Cancelling, 1),
    (Op::Uncancel, 1),
    (Op::Spawn, 8),
    (Op::Cancel, 30),
    (Op::Raise, 2),
    (Op::Future, 1),
    (Op::SetResult, 10),
    (Op::SetException, 4),
    (Op::CallSoon, 2),
    (Op::OnDone, 2),
    (Op::CancelTimer, 2),
    (Op::Gather, 3),
    (Op::Shield, 2),
    (Op::TgSpawn, 6),
    (Op::New, 1),
    (Op::Release, 8),
    (Op::EventSet, 10),
    (Op::EventClear, 2),
    (Op::Notify, 1),
    (Op::PutNowait, 10),
    (Op::GetNowait, 3),
    (Op::TaskDone, 3),
    (Op::Shutdown, 3),
    (Op::Job, 6),
];

/// Operations with their weights.
#[derive(Debug, Clone)]
pub(super) struct Weighted(Vec<(Op, u32)>);

impl Weighted {
    /// The operations of a profile's lines.
    pub(super) fn lines(profile: Profile) -> Self {
        let weight = |columns: [u32; 6]| match profile {
            Profile::Core => columns[0],
            Profile::Combine => columns[1],
            Profile::Groups => columns[2],
            Profile::Sync => columns[3],
            Profile::Executor => columns[4],
            Profile::Generators => columns[5],
            Profile::Everything => columns.iter().sum(),
        };
        Self(WEIGHTS.into_iter().map(|(op, columns)| (op, weight(columns))).collect())
    }

    /// The operations of a profile's callbacks.
    pub(super) fn callbacks(profile: Profile) -> Self {
        let lines = Self::lines(profile);
        let occurs = |op| lines.0.iter().any(|&(other, weight)| other == op && weight > 0);
        Self(CALLBACK_WEIGHTS.into_iter().filter(|&(op, _)| occurs(op)).collect())
    }

    /// The sum of all weights.
    pub(super) fn total(&self) -> u32 {
        self.0.iter().map(|(_, weight)| weight).sum()
    }

    /// The operation on which `point` falls when the weights are laid end to end.
    pub(super) fn at(&self, point: u32) -> Op {
        let mut left = point;
        for &(op, weight) in &self.0 {
            if left < weight {
                return op;
            }
            left -= weight;
        }
        Op::Pass
    }
}
