//! A worker that is gone, and the run that has taken it along.

use super::crew::Failed;
use crate::explore::{Case, FaultKind, Kind, without_numbers};

/// A worker that is gone, with what is known of the run that it made.
pub(super) struct Lost {
    pub(super) how: String,
    pub(super) complaints: Vec<String>,
    pub(super) run: Option<u64>,
    /// How many runs have begun.
    pub(super) begun: u64,
    pub(super) is_explaining: bool,
    /// None where it is not known of each deviation.
    pub(super) deviations: Option<Vec<String>>,
    pub(super) prefix: String,
}

/// A run with more deviations has no case that anybody could read.
const DEVIATIONS_MAX: usize = 100_000;

/// What the runtime says when it ends a process: the rest is what the program prints.
const LAST_WORDS: [&str; 4] =
    ["has overflowed its stack", "panicked at ", "fatal runtime error", "memory allocation of"];

impl Lost {
    /// Nothing is known yet, but how its case begins.
    pub(super) fn new(prefix: String) -> Self {
        let (how, complaints) = (String::new(), Vec::new());
        let (run, deviations) = (None, Some(Vec::new()));
        Lost { how, complaints, run, begun: 0, is_explaining: false, deviations, prefix }
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

    /// What is wrong, with what the process complained of.
    pub(super) fn text(&self) -> String {
        let mut text = format!("the run {}", self.how);
        for line in self.complaints.iter().filter(|line| !line.trim().is_empty()) {
            text.push_str("\n  ");
            text.push_str(line);
        }
        text.trim_end().to_owned()
    }

    /// The worker was not stopped by its crew.
    pub(super) fn ends_itself(&self) -> bool {
        self.how.starts_with("ended")
    }

    pub(super) fn signature(&self) -> String {
        let is_said = |line: &&String| LAST_WORDS.iter().any(|words| line.contains(words));
        let said = self.complaints.iter().rev().find(is_said);
        let said = said.map(String::as_str).unwrap_or_default();
        without_numbers(&format!("crash: {}: {said}", self.how))
    }

    pub(super) fn kind(&self, run: u64) -> Kind {
        let signature = self.signature();
        let (kind, message) = (FaultKind::Crash.name().to_owned(), self.text());
        Kind { signature, kind, message, run, case: self.case(), fingerprint: 0, count: 1 }
    }

    pub(super) fn failed(self, run: u64) -> Failed {
        let (kind, message) = (FaultKind::Crash.name().to_owned(), self.text());
        Failed { kind, message, run, case: self.case() }
    }
}
