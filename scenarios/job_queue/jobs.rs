//! The jobs of a broker, in memory: what is asked for, and what follows from it.
//!
//! Nothing here waits, reads a clock or touches a disk. What changes the jobs for good is a
//! [`Record`]: a request makes one, the log keeps it, and a replay puts it to the same
//! [`apply`](Jobs::apply).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::codec::{Decoder, Encoder};
use super::mistake::Mistake;
use super::protocol::{Grant, Request, Response};

/// For how long a job is given to a worker.
pub(super) const LEASE: Duration = Duration::from_millis(1_500);

/// A change that has to outlive the broker. An extended lease is none: after a restart every lease
/// runs for its whole time again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Submitted { job: String, payload: String },
    Leased { job: String, token: u64 },
    Completed { job: String, token: u64, result: String },
}

/// All jobs, by name and in the order in which they were submitted.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    jobs: BTreeMap<String, Job>,
    /// Those that are not done, by their numbers.
    open: BTreeMap<u64, String>,
    submitted: u64,
    /// The last fencing token that was given out.
    last_token: u64,
    mistake: Option<Mistake>,
}

#[derive(Clone, Debug)]
struct Job {
    number: u64,
    payload: String,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Leased { token: u64, until: SystemTime },
    Done { token: u64, result: String },
}

impl Jobs {
    /// None.
    pub(super) fn new(mistake: Option<Mistake>) -> Self {
        Jobs { mistake, ..Jobs::default() }
    }

    /// Answers a request at `now`, with the record of what it has changed. The answer may not leave
    /// the broker before the record is on the disk.
    pub(super) fn handle(
        &mut self,
        request: Request,
        now: SystemTime,
    ) -> (Response, Option<Record>) {
        let (response, record) = match request {
            Request::Submit { job, payload } => {
                let is_new = !self.jobs.contains_key(&job);
                (Response::Accepted, is_new.then_some(Record::Submitted { job, payload }))
            }
            Request::Fetch { job } => (self.fetch(&job), None),
            Request::Lease => self.lease(now),
            Request::Extend { job, token } => (self.extend(&job, token, now), None),
            Request::Complete { job, token, result } => self.complete(job, token, result, now),
        };
        if let Some(record) = &record {
            self.apply(record.clone(), now);
        }
        (response, record)
    }

    fn fetch(&self, job: &str) -> Response {
        match self.jobs.get(job).map(|job| &job.state) {
            None => Response::Unknown,
            Some(State::Done { result, .. }) => Response::Done { result: result.clone() },
            Some(State::Waiting | State::Leased { .. }) => Response::Pending,
        }
    }

    /// The oldest job that nobody has, under a token that nobody had.
    fn lease(&self, now: SystemTime) -> (Response, Option<Record>) {
        let free = self.open.values().find(|name| match self.jobs[*name].state {
            State::Waiting => true,
            State::Leased { until, .. } => until <= now,
            State::Done { .. } => false,
        });
        let Some(name) = free else { return (Response::Nothing, None) };
        let (job, token) = (name.clone(), self.last_token + 1);
        let payload = self.jobs[name].payload.clone();
        let until = since_epoch(now + LEASE);
        let grant = Grant { job: job.clone(), payload, token, lease: LEASE, until };
        (Response::Granted(grant), Some(Record::Leased { job, token }))
    }

    fn extend(&mut self, name: &str, token: u64, now: SystemTime) -> Response {
        match self.jobs.get_mut(name).map(|job| &mut job.state) {
            Some(State::Leased { token: held, until }) if *held == token && now < *until => {
                *until = now + LEASE;
                Response::Extended { until: since_epoch(*until) }
            }
            _ => Response::Stale,
        }
    }

    /// Fencing: only who holds the job at this moment can complete it.
    fn complete(
        &self,
        job: String,
        token: u64,
        result: String,
        now: SystemTime,
    ) -> (Response, Option<Record>) {
        let is_held = match self.jobs.get(&job).map(|job| &job.state) {
            // The same request again, whose answer was lost.
            Some(State::Done { token: by, .. }) if *by == token => {
                return (Response::Completed, None);
            }
            Some(State::Leased { token: held, until }) => *held == token && now < *until,
            _ => false,
        };
        match is_held || self.mistake == Some(Mistake::CompletesWithoutFencing) {
            true => (Response::Completed, Some(Record::Completed { job, token, result })),
            false => (Response::Stale, None),
        }
    }

    /// Makes a change, when it happens or when it is read from the log.
    pub(super) fn apply(&mut self, record: Record, now: SystemTime) {
        match record {
            Record::Submitted { job, payload } => {
                self.submitted += 1;
                self.open.insert(self.submitted, job.clone());
                let (number, state) = (self.submitted, State::Waiting);
                self.jobs.insert(job, Job { number, payload, state });
            }
            Record::Leased { job, token } => {
                self.last_token = self.last_token.max(token);
                if let Some(job) = self.jobs.get_mut(&job) {
                    job.state = State::Leased { token, until: now + LEASE };
                }
            }
            Record::Completed { job, token, result } => {
                if let Some(job) = self.jobs.get_mut(&job) {
                    self.open.remove(&job.number);
                    job.state = State::Done { token, result };
                }
            }
        }
    }

    /// Makes a change that was read from the log.
    pub(super) fn replay(&mut self, record: Record, now: SystemTime) {
        match record {
            Record::Leased { token, .. } if self.mistake == Some(Mistake::ForgetsLeases) => {
                self.last_token = self.last_token.max(token);
            }
            record => self.apply(record, now),
        }
    }

    /// The records that lead to what is now.
    pub(super) fn records(&self) -> Vec<Record> {
        let mut jobs: Vec<(&String, &Job)> = self.jobs.iter().collect();
        jobs.sort_by_key(|(_, job)| job.number);
        let mut records = Vec::new();
        for (name, job) in jobs {
            let (name, payload) = (name.clone(), job.payload.clone());
            records.push(Record::Submitted { job: name.clone(), payload });
            match &job.state {
                State::Waiting => {}
                State::Leased { token, .. } => {
                    records.push(Record::Leased { job: name, token: *token });
                }
                State::Done { token, result } => {
                    let (token, result) = (*token, result.clone());
                    records.push(Record::Completed { job: name, token, result });
                }
            }
        }
        // The last token may be that of a lease that another one has followed.
        records.push(Record::Leased { job: String::new(), token: self.last_token });
        records
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let to = Encoder::default();
        match self {
            Record::Submitted { job, payload } => to.byte(1).text(job).text(payload),
            Record::Leased { job, token } => to.byte(2).text(job).number(*token),
            Record::Completed { job, token, result } => {
                to.byte(3).text(job).number(*token).text(result)
            }
        }
        .0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder(bytes);
        match from.byte()? {
            1 => Some(Record::Submitted { job: from.text()?, payload: from.text()? }),
            2 => Some(Record::Leased { job: from.text()?, token: from.number()? }),
            3 => {
                let (job, token) = (from.text()?, from.number()?);
                Some(Record::Completed { job, token, result: from.text()? })
            }
            _ => None,
        }
    }
}
