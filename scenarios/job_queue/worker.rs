//! A worker: takes a job, tells the broker that it is at it, and says what came of it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use seedloop::{Result, TaskGroup, attempt, host, sleep};

use super::connection::Connection;
use super::history::History;
use super::mistake::Mistake;
use super::protocol::{Grant, Request, Response};

/// How long a job takes, in slices after each of which the worker looks at its lease.
const SLICES: u32 = 20;
const SLICE: Duration = Duration::from_millis(100);
/// How often the worker says that it is at it.
const HEARTBEAT: Duration = Duration::from_millis(400);
/// How much earlier than the broker the worker takes a lease for over: more than two clocks drift
/// apart in that time, and than a slice.
const MARGIN: Duration = Duration::from_millis(300);
/// How long to wait when there is nothing to do.
const IDLE: Duration = Duration::from_millis(500);

/// Works on this host, one job after the other.
///
/// # Errors
///
/// A cancel.
///
/// # Cancel safety
///
/// A job that it has is somebody else's when the lease is over.
pub async fn work(broker: String, history: History, mistake: Option<Mistake>) -> Result<()> {
    let mut connection = Connection::new(&broker);
    loop {
        let asked = host::system_time();
        match connection.ask_once(&Request::Lease).await {
            Ok(Response::Granted(grant)) => {
                let lease = Lease::new(&grant, asked, mistake);
                let job = Task { grant, lease, broker: broker.clone(), history: history.clone() };
                job.run(&mut connection).await?;
            }
            Ok(_) => sleep(IDLE).await?,
            Err(error) if error.is_cancelled() => return Err(error),
            Err(_) => connection.back_off().await?,
        }
    }
}

/// How long the worker may go on, by its own clock.
#[derive(Clone, Debug)]
struct Lease {
    until: Rc<Cell<SystemTime>>,
    length: Duration,
    mistake: Option<Mistake>,
}

impl Lease {
    /// Counts from when it was asked for: the broker began to count later. Only how long the two
    /// clocks take for the same span has to agree, not what they say.
    fn new(grant: &Grant, asked: SystemTime, mistake: Option<Mistake>) -> Self {
        let lease = Lease { until: Rc::new(Cell::new(asked)), length: grant.lease, mistake };
        lease.extend(asked, grant.until);
        lease
    }

    fn extend(&self, asked: SystemTime, until: Duration) {
        self.until.set(match self.mistake {
            Some(Mistake::ComparesClocks) => SystemTime::UNIX_EPOCH + until - MARGIN,
            _ => asked + self.length - MARGIN,
        });
    }

    fn end(&self) {
        self.until.set(SystemTime::UNIX_EPOCH);
    }

    fn is_over(&self) -> bool {
        host::system_time() >= self.until.get()
    }
}

/// A job that the worker has.
struct Task {
    grant: Grant,
    lease: Lease,
    broker: String,
    history: History,
}

impl Task {
    async fn run(self, connection: &mut Connection) -> Result<()> {
        // The answer may have been on its way for longer than the lease.
        if self.lease.is_over() {
            return Ok(());
        }
        let Some(result) = self.work().await? else { return Ok(()) };
        let Grant { job, token, .. } = self.grant;
        let request = Request::Complete { job: job.clone(), token, result: result.clone() };
        // Whether it is too late for that is for the broker to say.
        if connection.ask(&request).await? == Response::Completed {
            self.history.completed(&job, token, &result);
        }
        Ok(())
    }

    /// Does the work beside the heartbeats; nothing comes of it if the lease ends before.
    async fn work(&self) -> Result<Option<String>> {
        let Grant { job, payload, token, .. } = &self.grant;
        let holds = self.history.holds(job, *token);
        let result = TaskGroup::new()
            .scope(async |group| {
                let beat = group.spawn_named("heartbeat", self.heartbeat())?;
                let done = attempt(self.slices()).await;
                beat.cancel();
                done
            })
            .await?;
        drop(holds);
        let name = host::current().name();
        Ok(result.then(|| format!("{payload}, by {name} with token {token}")))
    }

    /// Tells whether the work was done in time.
    async fn slices(&self) -> Result<bool> {
        for _ in 0..SLICES {
            sleep(SLICE).await?;
            if self.lease.is_over() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn heartbeat(&self) -> impl Future<Output = Result<()>> + 'static {
        let Grant { job, token, .. } = self.grant.clone();
        let (lease, mut connection) = (self.lease.clone(), Connection::new(&self.broker));
        async move {
            loop {
                sleep(HEARTBEAT).await?;
                let asked = host::system_time();
                let request = Request::Extend { job: job.clone(), token };
                match connection.ask_once(&request).await {
                    Ok(Response::Extended { until }) => lease.extend(asked, until),
                    Ok(_) => return Ok(lease.end()),
                    Err(error) if error.is_cancelled() => return Err(error),
                    Err(_) => connection.back_off().await?,
                }
            }
        }
    }
}
