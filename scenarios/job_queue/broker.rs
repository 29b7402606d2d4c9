//! The broker: a TCP server, a task for each connection, and one that alone changes the jobs and
//! writes the log.

use std::time::Duration;

use seedloop::net::{TcpListener, TcpStream};
use seedloop::sync::Queue;
use seedloop::{
    Error, LoopFuture, Result, TaskGroup, attempt, create_future, host, sleep, timeout,
};

use super::jobs::{Jobs, Record};
use super::log::Log;
use super::mistake::Mistake;
use super::protocol::{PORT, Request, Response, receive, send};

/// A connection on which nothing was asked for so long is closed.
const IDLE: Duration = Duration::from_secs(30);
/// How long a broker that has failed takes to start again.
const RESTART: Duration = Duration::from_millis(200);
/// How many requests wait at most; the next connection to ask waits with its request.
const BACKLOG: usize = 64;

/// A request on its way to the journal.
struct Command {
    request: Request,
    answer: LoopFuture<Response>,
}

/// Serves, and starts again when the disk fails: after that nobody knows what is on it but a
/// replay.
///
/// # Errors
///
/// A cancel.
///
/// # Cancel safety
///
/// Dropping it closes all connections; whatever was answered is on the disk.
pub async fn serve(mistake: Option<Mistake>) -> Result<()> {
    loop {
        match attempt(serve_once(mistake)).await {
            Err(error) if error.is_cancelled() => return Err(error),
            Ok(()) | Err(_) => sleep(RESTART).await?,
        }
    }
}

async fn serve_once(mistake: Option<Mistake>) -> Result<()> {
    let (log, jobs) = Log::open(mistake).await?;
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let commands = Queue::new(BACKLOG);
    let serve = async |group: &TaskGroup| {
        group.spawn_named("journal", keep_journal(log, jobs, commands.clone(), mistake))?;
        loop {
            let (stream, peer) = listener.accept().await?;
            group.spawn_named(format!("session {peer}"), session(stream, commands.clone()))?;
        }
    };
    TaskGroup::new().scope(serve).await
}

/// Talks to one client, to the end of its connection.
async fn session(mut stream: TcpStream, commands: Queue<Command>) -> Result<()> {
    loop {
        let talk = timeout(IDLE).scope(async |_| Ok(receive(&mut stream).await?));
        let request = match talk.await {
            Ok(request) => request,
            Err(error) => return unless_cancelled(error),
        };
        let answer = create_future()?;
        commands.put(Command { request, answer: answer.shared() }).await?;
        if let Err(error) = send(&mut stream, &answer.await?).await {
            return unless_cancelled(error.into());
        }
    }
}

/// A client that goes away is none of the broker's failures.
fn unless_cancelled(error: Error) -> Result<()> {
    if error.is_cancelled() { Err(error) } else { Ok(()) }
}

/// Handles all requests that have come meanwhile, writes what they change at once, and answers them
/// when that is on the disk.
async fn keep_journal(
    mut log: Log,
    mut jobs: Jobs,
    commands: Queue<Command>,
    mistake: Option<Mistake>,
) -> Result<()> {
    loop {
        let mut batch = vec![commands.get().await?];
        while let Ok(command) = commands.get_nowait() {
            batch.push(command);
        }
        let now = host::system_time();
        let (mut answers, mut records): (Vec<_>, Vec<Record>) = (Vec::new(), Vec::new());
        for Command { request, answer } in batch {
            let (response, record) = jobs.handle(request, now);
            answers.push((answer, response));
            records.extend(record);
        }
        if !records.is_empty() {
            log.append(&records).await?;
            if mistake == Some(Mistake::AnswersBeforeSync) {
                give(std::mem::take(&mut answers));
            }
            log.sync().await?;
        }
        give(answers);
        if log.is_long() {
            log.compact(&jobs).await?;
        }
    }
}

fn give(answers: Vec<(LoopFuture<Response>, Response)>) {
    for (answer, response) in answers {
        // Whoever asked may be gone, and the future cancelled with it.
        drop(answer.set_result(response));
    }
}
