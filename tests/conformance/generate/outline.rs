//! Outlines: what proptest generates and shrinks.

use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scenarios::conform::program::{CatchKind, Number, OrNull, Ticks, Value};

use super::Profile;
use super::ops::{Op, Weighted};

/// How many lines an outline has. A line can shrink to nothing, so this does not limit how short a
/// program gets.
const LINES: RangeInclusive<usize> = 8..=120;

/// Indentations, each as often as it stands here. Coroutines are written where they are started, so
/// this bounds blocks and coroutines within coroutines together.
const INDENTS: [usize; 16] = [0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6];

/// A program in the making.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    /// The body of `main`, with all that it starts.
    pub(super) lines: Vec<Line>,
    /// The sizes of the objects, by the objects' numbers.
    pub(super) sizes: Vec<u8>,
    /// Which object of each sort is used most.
    pub(super) favourite: u16,
    /// How `main` ends.
    pub(super) ending: Ending,
}

/// How `main` ends, if it comes so far.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// At once: whatever still runs meets the runner's clean-up.
    Now,
    /// After some time.
    Sleep(Ticks),
    /// When the tasks that it has started are done, or the time is up.
    Gather(Option<Ticks>),
}

/// How a handler is left.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leave {
    /// The exception is forgotten.
    Swallow,
    /// It is raised again.
    Reraise,
    /// Another one is raised.
    Raise,
}

/// A line of an outline. Which of the numbers count depends on the operation.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// How far it is indented. Deeper than the block around it is as deep as the block.
    pub(super) indent: usize,
    /// How many of the following lines are in its blocks, if it opens any, whatever their
    /// indentation.
    pub(super) holds: usize,
    /// Whether it starts the next part of that block: a handler, a further coroutine.
    pub(super) next_part: bool,
    /// What it does.
    pub(super) op: Op,
    /// What the callback does, if the operation sets one.
    pub(super) then: Option<Op>,
    /// The variant of the operation, 0 to 7; 0 is the plain one.
    pub(super) twist: u8,
    /// By what the operation is surrounded if it may raise, 0 to 7; 0: nothing.
    pub(super) guard: u8,
    /// Whether what the operation gives is stored rather than awaited.
    pub(super) stores: bool,
    /// The yes or no that the operation wants: `aclose`, `immediate`, `return_exceptions`...
    pub(super) flag: bool,
    /// The number that the operation wants, 0 to 3.
    pub(super) count: usize,
    /// The time that it takes.
    pub(super) time: Ticks,
    /// The time after which it gives up.
    pub(super) limit: OrNull<Ticks>,
    /// The value that it passes on.
    pub(super) value: Value,
    /// What a `try` catches, and how it leaves the handler.
    pub(super) handlers: Vec<(CatchKind, Leave)>,
    /// By what other lines find what this one defines.
    pub(super) key: u16,
    /// By what this line finds what others define.
    pub(super) picks: [u16; 4],
}

impl Line {
    /// How many blocks of lines it opens.
    pub(super) fn parts(&self) -> usize {
        match self.op {
            Op::Spawn | Op::Call | Op::TgSpawn => usize::from(!self.reuses()),
            Op::Repeat | Op::Timeout | Op::TaskGroup | Op::With => 1,
            Op::WaitFor | Op::Shield => usize::from(self.flag),
            Op::Gather => self.coros(),
            Op::Try => 1 + self.handlers.len() + usize::from(self.finally()),
            Op::AsyncFor => 2 - usize::from(self.reuses()),
            Op::CallSoon | Op::CallLater | Op::OnDone => {
                usize::from(matches!(self.then, Some(Op::Spawn | Op::TgSpawn)))
            }
            _ => 0,
        }
    }

    /// Whether `main` itself does it. Whatever may end `main`, or keep it waiting, it has done by a
    /// task: when `main` ends, so does most of the program.
    pub(super) fn suits_main(&self) -> bool {
        let harmless = matches!(
            self.op,
            Op::Pass
                | Op::Log
                | Op::Sleep
                | Op::Status
                | Op::Spawn
                | Op::Cancel
                | Op::Future
                | Op::SetResult
                | Op::CallSoon
                | Op::CallLater
                | Op::OnDone
                | Op::TgSpawn
                | Op::New
                | Op::EventSet
                | Op::Locked
                | Op::Qsize
        );
        harmless || self.twist == 0
    }

    /// Whether it starts a coroutine that exists already.
    pub(super) fn reuses(&self) -> bool {
        self.twist == 7
    }

    /// How many new coroutines a `gather` is given.
    pub(super) fn coros(&self) -> usize {
        usize::from(self.twist % 4)
    }

    /// Whether a `try` has a `finally`.
    pub(super) fn finally(&self) -> bool {
        self.flag || self.handlers.is_empty()
    }
}

/// Gives outlines.
pub(super) fn outline(profile: Profile) -> impl Strategy<Value = Outline> {
    let ending = prop_oneof![
        1 => Just(Ending::Now),
        4 => select(vec![5, 7, 10, 12, 15, 20]).prop_map(Ending::Sleep),
        2 => select(vec![Some(20), Some(12), None]).prop_map(Ending::Gather),
    ];
    // proptest drops elements from the front; reversed, the uses of a thing are dropped before it,
    // and a block's lines before the line that opens it.
    let lines = vec(line(profile), LINES).prop_map(|mut lines| {
        lines.reverse();
        lines
    });
    let objects = (vec(0..4_u8, 14), 0..8_u16);
    (lines, objects, ending).prop_map(|(lines, (sizes, favourite), ending)| Outline {
        lines,
        sizes,
        favourite,
        ending,
    })
}

fn line(profile: Profile) -> impl Strategy<Value = Line> {
    let ops = Weighted::lines(profile);
    let callbacks = Weighted::callbacks(profile);
    let op = (0..ops.total()).prop_map(move |point| ops.at(point));
    // Of a choice, proptest tries the first alternative too: to drop the line, once more, when all
    // lines after it are gone.
    let op = prop_oneof![1 => Just(Op::Pass), 99 => op];
    let then = (0..callbacks.total()).prop_map(move |point| callbacks.at(point));
    let then = prop_oneof![1 => Just(None), 3 => then.prop_map(Some)];
    let place = (select(INDENTS.to_vec()), 0..6_usize);
    let numbers = (place, 0..8_u8, 0..8_u8, 0..4_usize, time(), limit());
    let flags = (any::<bool>(), one_in(4), one_in(3));
    let keys = (any::<u16>(), any::<[u16; 4]>()).no_shrink();
    (op, then, numbers, flags, value(), handlers(), keys).prop_map(
        |(op, then, numbers, flags, value, handlers, (key, picks))| {
            let ((indent, holds), twist, guard, count, time, limit) = numbers;
            let (flag, next_part, stores) = flags;
            Line {
                indent,
                holds,
                next_part,
                op,
                then,
                twist,
                guard,
                stores,
                flag,
                count,
                time,
                limit,
                value,
                handlers,
                key,
                picks,
            }
        },
    )
}

fn one_in(n: u8) -> impl Strategy<Value = bool> {
    (0..n).prop_map(move |point| point == n - 1)
}

/// Small times, so that timers, jobs and results meet.
fn time() -> impl Strategy<Value = Ticks> {
    select(vec![0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 7, 10])
}

fn limit() -> impl Strategy<Value = OrNull<Ticks>> {
    prop_oneof![4 => time().prop_map(|time| OrNull(Some(time))), 1 => Just(OrNull(None))]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => (0..10_i64).prop_map(|number| Value::Number(Number::Int(number))),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Text("v".into())),
    ]
}

fn handlers() -> impl Strategy<Value = Vec<(CatchKind, Leave)>> {
    let catch = select(vec![
        CatchKind::Exception,
        CatchKind::Cancelled,
        CatchKind::Cancelled,
        CatchKind::Base,
        CatchKind::Boom,
        CatchKind::Timeout,
        CatchKind::Group,
    ]);
    let leave = prop_oneof![
        3 => Just(Leave::Swallow),
        2 => Just(Leave::Reraise),
        1 => Just(Leave::Raise),
    ];
    vec((catch, leave), 0..=2)
}
