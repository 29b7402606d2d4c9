//! A client: submits its jobs, and asks for their results.

use std::time::Duration;

use seedloop::{Result, sleep};

use super::connection::Connection;
use super::history::History;
use super::protocol::{Request, Response};

/// How long the client takes from one job to the next.
const PAUSE: Duration = Duration::from_millis(300);
/// How often it asks for results.
const POLL: Duration = Duration::from_secs(1);

/// Submits jobs by name until each is accepted, and asks for their results until each is done. What
/// was accepted is not submitted again, also by another run of the client.
///
/// # Errors
///
/// A cancel.
///
/// # Cancel safety
///
/// The broker may have heard of a job that the history does not know to be accepted.
pub async fn submit(broker: String, jobs: &[&str], history: History) -> Result<()> {
    let mut connection = Connection::new(&broker);
    for job in jobs {
        if !history.is_accepted(job) {
            let payload = payload_of(job);
            connection.ask(&Request::Submit { job: (*job).to_owned(), payload }).await?;
            history.accepted(job);
        }
        sleep(PAUSE).await?;
    }
    for job in jobs {
        loop {
            match connection.ask(&Request::Fetch { job: (*job).to_owned() }).await? {
                Response::Done { result } => break history.fetched(job, &result),
                Response::Unknown => history.is_unknown(job),
                _ => history.is_open(job),
            }
            sleep(POLL).await?;
        }
    }
    Ok(())
}

/// Asks once more for the results of jobs that were accepted.
///
/// # Errors
///
/// A cancel.
///
/// # Cancel safety
///
/// Changes nothing.
pub async fn audit(broker: String, jobs: &[&str], history: History) -> Result<()> {
    let mut connection = Connection::new(&broker);
    for job in jobs {
        match connection.ask(&Request::Fetch { job: (*job).to_owned() }).await? {
            Response::Done { result } => history.fetched(job, &result),
            Response::Unknown => history.is_unknown(job),
            _ => history.is_open(job),
        }
    }
    Ok(())
}

/// What is to be done for a job of this name.
pub(super) fn payload_of(job: &str) -> String {
    format!("the work of {job}")
}
