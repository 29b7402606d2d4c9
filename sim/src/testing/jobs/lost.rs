//! A worker that is gone, and the run that has taken it along.

use std::collections::BTreeMap;
use std::io;

use super::crew::Failed;
use super::worker::Order;
use crate::explore::{Case, FaultKind, Kind, NO_THREAD, without_numbers};

/// A worker that is gone, with what is known of the run that it made.
pub(super) struct Lost {
    pub(super) how: String,
    pub(super) complaints: Vec<String>,
    pub(super) run: Option<u64>,
    /// How many runs have begun.
    pub(super) begun: u64,
    pub(super) is_explaining: bool,
    /// Somebody has killed it.
    pub(super) is_killed: bool,
    /// None where it is not known of each deviation.
    pub(super) deviations: Option<Vec<String>>,
    pub(super) prefix: String,
}

/// A run with more deviations has no case that anybody could read.
const DEVIATIONS_MAX: usize = 100_000;

/// What the runtime says when it ends a process: the rest is what the program prints.
const LAST_WORDS: [&str; 4] =
    ["has overflowed its stack", "panicked at ", "fatal runtime error", "memory allocation of"];

/// How often somebody may kill the workers that make a part.
const KILLS_MAX: u32 = 3;

/// How often they may find no thread.
const WANTS_MAX: u32 = 3;

/// And how often runs that went well may end their process when they are made once more.
const ODD_MAX: u32 = 2;

/// What was learned from the workers that were lost over a part.
#[derive(Default)]
pub(super) struct Losses {
    suspect: Option<u64>,
    kills: u32,
    wants: u32,
    odd: u32,
    /// The runs whose failures are told as they were found, with what replays them.
    pub(super) cases: BTreeMap<u64, Option<Case>>,
}

impl Losses {
    /// The run that has ended its process; none where the part is to be made once more to see, as
    /// the order says then.
    ///
    /// # Errors
    ///
    /// When it is no run that workers are lost over.
    pub(super) fn blame(&mut self, lost: &Lost, order: &mut Order) -> io::Result<Option<u64>> {
        // A worker may be lost for another reason than its run; then it goes well now.
        let was_careful = std::mem::replace(&mut order.is_careful, true);
        if lost.is_killed {
            self.kill(lost)?;
            return Ok(None);
        }
        if lost.wants_a_thread() {
            self.want()?;
            return Ok(None);
        }
        if !was_careful {
            return Ok(None);
        }
        let Some(run) = lost.run else {
            if std::mem::replace(&mut order.is_cold, true) {
                return Err(lost.before_any_run());
            }
            return Ok(None);
        };
        if lost.is_explaining {
            if order.spared.unshrunk.insert(run) {
                return Ok(None);
            }
            if order.spared.unexplained.insert(run) {
                self.cases.insert(run, lost.case());
                return Ok(None);
            }
        }
        // Somebody may have ended the worker: a run that ends its process does so again.
        if lost.ends_itself() && self.suspect.replace(run) != Some(run) {
            return Ok(None);
        }
        Ok(Some(run))
    }

    /// Somebody has killed a worker.
    ///
    /// # Errors
    ///
    /// When that happens again and again.
    pub(super) fn kill(&mut self, lost: &Lost) -> io::Result<()> {
        self.kills += 1;
        if self.kills < KILLS_MAX {
            return Ok(());
        }
        let run = lost.run.map(|run| format!(", the last one in run {}", run + 1));
        Err(io::Error::other(format!(
            "{KILLS_MAX} workers were killed from outside (SIGKILL){}, for want of memory perhaps: \
             have fewer of them at a time, by '--jobs' or, for tests, SEEDLOOP_JOBS, or see what a \
             run needs",
            run.unwrap_or_default()
        )))
    }

    /// A worker could not start a thread.
    ///
    /// # Errors
    ///
    /// When that happens again and again.
    fn want(&mut self) -> io::Result<()> {
        self.wants += 1;
        if self.wants < WANTS_MAX {
            return Ok(());
        }
        let text = "a worker can start no more threads: have fewer workers at a time, by '--jobs' \
                    or, for tests, SEEDLOOP_JOBS, or raise the limit on processes ('ulimit -u')";
        Err(io::Error::new(io::ErrorKind::WouldBlock, text))
    }

    /// The runs before this one, which went well, have ended their process now.
    ///
    /// # Errors
    ///
    /// When that happens again and again.
    pub(super) fn lose_again(&mut self, lost: &Lost, run: u64) -> io::Result<()> {
        if lost.is_killed {
            return self.kill(lost);
        }
        if lost.wants_a_thread() {
            return self.want();
        }
        self.odd += 1;
        if self.odd < ODD_MAX {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "a worker {} over runs before run {}, over which it was not lost at first: what a run \
             does depends on more than its choices, such as a clock, or what runs before it leave \
             behind; the guide 'control' says what may differ{}",
            lost.how,
            run + 1,
            lost.complained()
        )))
    }
}

impl Lost {
    /// Nothing is known yet, but how its case begins.
    pub(super) fn new(prefix: String) -> Self {
        let (how, complaints) = (String::new(), Vec::new());
        let (run, deviations) = (None, Some(Vec::new()));
        let (is_explaining, is_killed) = (false, false);
        Lost { how, complaints, run, begun: 0, is_explaining, is_killed, deviations, prefix }
    }

    pub(super) fn deviates(&mut self, deviation: String) {
        match &mut self.deviations {
            Some(deviations) if !deviation.is_empty() && deviations.len() < DEVIATIONS_MAX => {
                deviations.push(deviation);
            }
            _ => self.deviations = None,
        }
    }

    /// The case of the run, as far as it went.
    pub(super) fn case(&self) -> Option<Case> {
        let deviations = self.deviations.as_ref()?.join(",");
        format!("{}{deviations}", self.prefix).parse().ok()
    }

    /// It was lost, and not over a run.
    pub(super) fn before_any_run(&self) -> io::Error {
        io::Error::other(format!(
            "a worker {} before its first run: something else than a run has ended it, such as a \
             thread of the program, or somebody outside; the same again may go well{}",
            self.how,
            self.complained()
        ))
    }

    /// What is wrong, with what the process complained of.
    pub(super) fn text(&self) -> String {
        format!("the run {}{}", self.how, self.complained())
    }

    fn complained(&self) -> String {
        let mut text = String::new();
        for line in self.complaints.iter().filter(|line| !line.trim().is_empty()) {
            text.push_str("\n  ");
            text.push_str(line);
        }
        text.trim_end().to_owned()
    }

    /// The system gave the worker no thread, which is no fault of the run.
    fn wants_a_thread(&self) -> bool {
        self.ends_itself() && self.complaints.iter().any(|line| line.contains(NO_THREAD))
    }

    /// The worker was not stopped by its crew.
    pub(super) fn ends_itself(&self) -> bool {
        self.how.starts_with("ended")
    }

    pub(super) fn signature(&self) -> String {
        let is_said = |line: &&String| LAST_WORDS.iter().any(|words| line.contains(words));
        let said = self.complaints.iter().rev().find(is_said);
        let said = said.map(String::as_str).unwrap_or_default();
        format!("crash: {}: {}", self.how, without_numbers(said))
    }

    pub(super) fn kind(&self, run: u64) -> Kind {
        let signature = self.signature();
        let (kind, message) = (FaultKind::Crash.name().to_owned(), self.text());
        Kind { signature, kind, message, run, case: self.case(), fingerprint: 0, count: 1 }
    }

    pub(super) fn failed(self, run: u64) -> Failed {
        let (kind, message) = (FaultKind::Crash, self.text());
        Failed { kind, message, run, case: self.case() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else each run that is compared once more would be a crash.
    #[test]
    fn a_thread_that_cannot_be_had_is_no_fault_of_a_run() {
        let lost = Lost {
            how: "ended its process: exit status: 101".to_owned(),
            complaints: vec![format!("{NO_THREAD}: Resource temporarily unavailable")],
            run: Some(64),
            ..Lost::new(String::new())
        };
        let (mut losses, mut order) = (Losses::default(), Order::default());
        for _ in 1..WANTS_MAX {
            assert_eq!(losses.blame(&lost, &mut order).expect("once more"), None);
        }
        let error = losses.blame(&lost, &mut order).expect_err("it is told");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let other = Lost { complaints: Vec::new(), ..lost };
        assert_eq!(losses.blame(&other, &mut order).expect("a suspicion"), None);
        assert_eq!(losses.blame(&other, &mut order).expect("a crash"), Some(64));
    }
}
