//! The hosts of a job queue, and the test that it has to pass.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::host::{self, Host};
use seedloop::{JoinHandle, Result, always, eventually, out};

use super::fault::{Faults, wreck};
use super::history::History;
use super::mistake::Mistake;
use super::{broker, client, worker};

/// What the client wants to be done.
const JOBS: &[&str] = &["index", "resize", "encode", "mail"];

/// How long everything may take at most, once nothing goes wrong any more.
const HEALED: Duration = Duration::from_secs(20);

/// A broker, two workers and a client, each on a host of its own.
#[derive(Debug)]
pub struct System {
    pub(super) broker: Host,
    pub(super) workers: [Host; 2],
    pub(super) client: Host,
    history: History,
    submitting: RefCell<Option<JoinHandle<()>>>,
}

impl System {
    /// Starts them, in a running loop.
    pub fn start(history: &History, mistake: Option<Mistake>) -> Rc<Self> {
        let broker = Host::new("broker");
        broker.run(move || broker::serve(mistake));
        let workers = ["worker-1", "worker-2"].map(|name| {
            let (host, history) = (Host::new(name), history.clone());
            host.run(move || worker::work("broker".to_owned(), history.clone(), mistake));
            host
        });
        let (client, history) = (Host::new("client"), history.clone());
        let submitting = RefCell::default();
        let system = Rc::new(System { broker, workers, client, history, submitting });
        system.restart_client();
        system
    }

    /// Cancels the client if it runs, and starts it anew.
    pub(super) fn restart_client(&self) {
        let submit = client::submit("broker".to_owned(), JOBS, self.history.clone());
        let before = self.submitting.replace(Some(self.client.spawn(submit)));
        if let Some(before) = before {
            before.cancel();
        }
    }
}

/// Runs a job queue through faults of these kinds, and asks of it what has to hold.
///
/// # Errors
///
/// A cancel. What does not hold fails the run as a panic does.
///
/// # Cancel safety
///
/// The hosts go on to run.
pub async fn survive(faults: Faults, mistake: Option<Mistake>) -> Result<()> {
    let history = History::new();
    let system = System::start(&history, mistake);
    let holds = |invariant: fn(&History) -> Result<(), String>| {
        let history = history.clone();
        move || invariant(&history)
    };
    always!(holds(History::nothing_is_lost), "an accepted job is never lost");
    always!(holds(History::one_holder), "no two workers hold a job");
    always!(holds(History::no_stale_lease), "no stale lease completes a job");
    always!(holds(History::one_result), "a job has one result");
    always!(holds(History::done_is_done), "a job that is done is not given out again");
    wreck(&system, faults).await?;
    host::heal();
    let seen = history.clone();
    eventually!(HEALED, move || seen.fetched_count() == JOBS.len(), "all jobs are done").await?;
    system.client.spawn(client::audit("broker".to_owned(), JOBS, history)).await?;
    out!("{} jobs are done, each once", JOBS.len());
    Ok(())
}
