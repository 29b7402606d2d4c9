//! What counts as a failure of a run, and what tells one failure from another.

use std::fmt;

use crate::base::{
    BlockedTask, Choice, ChoiceKind, Deadlock, Error, ForeignWake, LimitExceeded, Panicked, Result,
};
use crate::event_loop::{BROKEN, Report, ReportKind};
use crate::runner::Outcome;

/// What kind of failure a run ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// A task or a callback panicked, or an invariant did not hold.
    Panic,
    /// The test returned an error.
    Error,
    /// Every task waits, and nothing will ever happen.
    Deadlock,
    /// A limit was passed, also when every task got its turn: a livelock, or a limit that is too
    /// low.
    Limit,
    /// Something was woken from a thread that the simulation does not control.
    ForeignWake,
    /// Tasks were still running when the test returned.
    Leak,
    /// An error was never retrieved.
    Unretrieved,
    /// The check of the outcome did not pass.
    Check,
    /// The same choices gave another run.
    Nondeterminism,
    /// Something that was to happen sometimes never did.
    Never,
    /// The run ended the process that made it, or did not come to an end in real time.
    Crash,
}

impl FaultKind {
    const ALL: [FaultKind; 11] = [
        FaultKind::Panic,
        FaultKind::Error,
        FaultKind::Deadlock,
        FaultKind::Limit,
        FaultKind::ForeignWake,
        FaultKind::Leak,
        FaultKind::Unretrieved,
        FaultKind::Check,
        FaultKind::Nondeterminism,
        FaultKind::Never,
        FaultKind::Crash,
    ];

    /// The kind of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        FaultKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// In a word or two, as a campaign writes it.
    pub const fn name(self) -> &'static str {
        match self {
            FaultKind::Panic => "panic",
            FaultKind::Error => "error",
            FaultKind::Deadlock => "deadlock",
            FaultKind::Limit => "limit",
            FaultKind::ForeignWake => "foreign wake",
            FaultKind::Leak => "leak",
            FaultKind::Unretrieved => "unretrieved",
            FaultKind::Check => "check",
            FaultKind::Nondeterminism => "nondeterminism",
            FaultKind::Never => "never",
            FaultKind::Crash => "crash",
        }
    }
}

/// How a run failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fault {
    /// The kind.
    pub kind: FaultKind,
    /// What is wrong, in a line or more.
    pub message: String,
    /// The error of the run, if it ended with one.
    pub error: Option<Error>,
    /// What stays the same when the same failure comes about in another way.
    signature: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: String) -> Self {
        let signature = without_numbers(&message);
        Fault { kind, message, error: None, signature }
    }

    /// What stays the same when the same failure comes about in another way: the kind, and where
    /// it was or what was said, without numbers.
    pub(crate) fn signature(&self) -> String {
        format!("{}: {}", self.kind.name(), self.signature.trim_end())
    }

    /// Tells whether both are the same failure, of which one run may show another side.
    pub(crate) fn is_like(&self, other: &Fault) -> bool {
        self.kind == other.kind && self.signature == other.signature
    }

    /// The choices of a run that failed gave one that did not fail like it.
    pub(crate) fn of_another_run(fault: &Fault) -> Self {
        let text = format!("the same choices gave another run, after: {}", fault.message);
        Fault::new(FaultKind::Nondeterminism, text)
    }

    fn of_error(error: &Error) -> Self {
        let (kind, signature) = if let Some(panicked) = error.downcast_ref::<Panicked>() {
            (FaultKind::Panic, signature_of(panicked))
        } else if let Some(deadlock) = error.downcast_ref::<Deadlock>() {
            (FaultKind::Deadlock, places_of(deadlock))
        } else if error.is::<LimitExceeded>() {
            (FaultKind::Limit, limit_of(error))
        } else if error.is::<ForeignWake>() {
            (FaultKind::ForeignWake, String::new())
        } else {
            (FaultKind::Error, without_numbers(&error.to_string()))
        };
        Fault { kind, message: error.to_string(), error: Some(error.clone()), signature }
    }

    fn of_reports(kind: FaultKind, reports: &[&Report]) -> Self {
        let texts: Vec<String> = reports.iter().map(|report| report.to_string()).collect();
        Fault::new(kind, texts.join("\n"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Where a panic came from; of an invariant also which one, since one place may have several.
fn signature_of(panicked: &Panicked) -> String {
    let message = panicked.message();
    // What is wrong with it stands on further lines, and is another thing in a smaller case.
    let first = message.lines().next().unwrap_or_default();
    let named = if first.starts_with(BROKEN) { first } else { "" };
    match panicked.location() {
        Some(place) => format!("{place} {named}"),
        None => without_numbers(message),
    }
}

/// Which limit was passed: what stands before the moment at which it was.
fn limit_of(error: &Error) -> String {
    let text = error.to_string();
    text.split(" reached at ").next().unwrap_or_default().to_owned()
}

/// The places at which the tasks of a deadlock wait, each once: of those in a cycle, if there is
/// one, since others may wait for anything by then.
fn places_of(deadlock: &Deadlock) -> String {
    let counts =
        |task: &&BlockedTask| deadlock.cycle().is_none_or(|ring| ring.contains(&task.number));
    let waits = deadlock.blocked().iter().filter(counts).flat_map(|task| &task.waits);
    let mut places: Vec<String> = waits.map(|wait| wait.location.to_string()).collect();
    places.sort();
    places.dedup();
    places.join(" ")
}

/// A text in which every number is the same: what an assertion prints of its values varies.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut without = String::new();
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if without.ends_with('0') => {}
            true => without.push('0'),
            false => without.push(letter),
        }
    }
    without
}

/// What else than an error makes a run fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strictness {
    /// Tasks that still run when the test returns.
    pub(crate) leaks: bool,
    /// Errors that nobody retrieved.
    pub(crate) unretrieved: bool,
}

/// Tells how a run failed, if it did.
pub(crate) fn judge(
    outcome: &Outcome<Result<()>>,
    strictness: Strictness,
    check: impl FnOnce(&Outcome<Result<()>>) -> Result<(), String>,
) -> Option<Fault> {
    // A cancel that the exploration sent may end what it will; the test only must not break.
    let strikes = |choice: &Choice| choice.kind == ChoiceKind::Cancel && choice.value != 0;
    let is_struck = outcome.choices.iter().any(strikes);
    if let Err(error) | Ok(Err(error)) = &outcome.result
        && !(is_struck && error.is_cancelled())
    {
        return Some(Fault::of_error(error));
    }
    let of = |kinds: &[ReportKind]| -> Vec<&Report> {
        outcome.reports.iter().filter(|report| kinds.contains(&report.kind)).collect()
    };
    if strictness.leaks {
        let leaks = of(&[ReportKind::Stray, ReportKind::DestroyedPending]);
        if !leaks.is_empty() {
            return Some(Fault::of_reports(FaultKind::Leak, &leaks));
        }
    }
    if strictness.unretrieved {
        let lost = of(&[ReportKind::TaskNeverRetrieved, ReportKind::FutureNeverRetrieved]);
        if !lost.is_empty() {
            return Some(Fault::of_reports(FaultKind::Unretrieved, &lost));
        }
    }
    // It is the outcome of the whole program that is checked, not of what a cancel left of it.
    let refused = if is_struck { None } else { check(outcome).err() };
    refused.map(|text| Fault::new(FaultKind::Check, text))
}
