//! A key-value server of lines, written for tokio: a log that is synced before an answer, a limit
//! on connections, those that idle closed, and an orderly end. Nothing in it knows of a simulation.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::tokio;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter, Lines};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, interval, timeout};

/// What a hurried hand gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It reads with `read_line` in a `select!`: what that had read is lost when another branch
    /// wins. Source: tokio, `AsyncBufReadExt::read_line`, "Cancel safety".
    LosesHalfLines,
    /// It answers once a value is written, and not synced.
    AnswersEarly,
}

#[derive(Clone, Copy)]
pub(super) struct Config {
    pub(super) connections_max: usize,
    pub(super) flaw: Option<Flaw>,
}

/// A connection on which nobody asks for so long is closed.
const IDLE: Duration = Duration::from_secs(20);

/// How often it is looked for those.
const HOUSEKEEPING: Duration = Duration::from_millis(50);

/// How long connections have to end.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until it is told to end; returns how many requests it has answered.
pub(super) async fn serve(
    address: &str,
    config: Config,
    mut ending: watch::Receiver<bool>,
) -> io::Result<u64> {
    let store = Arc::new(Mutex::new(Store::open(config.flaw).await?));
    let listener = TcpListener::bind(address).await?;
    let permits = Arc::new(Semaphore::new(config.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepting = async {
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?.0, permit))
        };
        let (stream, permit) = tokio::select! {
            accepted = accepting => accepted?,
            _ = ending.changed() => break,
        };
        let connection = Connection::new(stream, Arc::clone(&store), config.flaw);
        let ending = ending.clone();
        connections.spawn(async move {
            let _permit = permit;
            // Whoever has gone away gets no answer.
            let _ = connection.run(ending).await;
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // Each ends after the request that it is at.
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        connections.shutdown().await;
    }
    let store = store.lock().await;
    Ok(store.answered)
}

struct Connection {
    requests: Requests,
    answers: BufWriter<tokio::net::tcp::OwnedWriteHalf>,
    store: Arc<Mutex<Store>>,
}

impl Connection {
    fn new(stream: TcpStream, store: Arc<Mutex<Store>>, flaw: Option<Flaw>) -> Self {
        let (reading, writing) = stream.into_split();
        let reader = BufReader::new(reading);
        let requests = match flaw {
            Some(Flaw::LosesHalfLines) => Requests::Careless(reader),
            _ => Requests::Lines(reader.lines()),
        };
        Connection { requests, answers: BufWriter::new(writing), store }
    }

    async fn run(mut self, mut ending: watch::Receiver<bool>) -> io::Result<()> {
        let (mut housekeeping, mut last) = (interval(HOUSEKEEPING), Instant::now());
        loop {
            let request = tokio::select! {
                request = self.requests.next() => request?,
                _ = ending.changed() => return self.answers.shutdown().await,
                _ = housekeeping.tick() => match last.elapsed() > IDLE {
                    true => return self.answers.shutdown().await,
                    false => continue,
                },
            };
            let Some(request) = request else { return self.answers.shutdown().await };
            last = Instant::now();
            let answer = self.store.lock().await.answer(&request).await?;
            self.answers.write_all(answer.as_bytes()).await?;
            self.answers.flush().await?;
        }
    }
}

enum Requests {
    Lines(Lines<BufReader<OwnedReadHalf>>),
    Careless(BufReader<OwnedReadHalf>),
}

impl Requests {
    async fn next(&mut self) -> io::Result<Option<String>> {
        match self {
            Requests::Lines(lines) => lines.next_line().await,
            Requests::Careless(reader) => {
                let mut line = String::new();
                let length = reader.read_line(&mut line).await?;
                Ok((length > 0).then(|| line.trim_end().to_owned()))
            }
        }
    }
}

/// What is kept, and the log of it.
struct Store {
    values: BTreeMap<String, String>,
    log: File,
    syncs: bool,
    answered: u64,
}

impl Store {
    async fn open(flaw: Option<Flaw>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut log = options.read(true).write(true).create(true).open("log").await?;
        File::open("/").await?.sync_all().await?;
        let text = fs::read_to_string("log").await?;
        // A crash may have torn the last line.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        log.set_len(whole as u64).await?;
        log.seek(io::SeekFrom::End(0)).await?;
        let pairs = text[..whole].lines().filter_map(|line| line.split_once(' '));
        let values = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Ok(Store { values, log, syncs: flaw != Some(Flaw::AnswersEarly), answered: 0 })
    }

    async fn answer(&mut self, request: &str) -> io::Result<String> {
        let words: Vec<&str> = request.split(' ').collect();
        let answer = match words[..] {
            ["SET", key, value] => {
                self.log.write_all(format!("{key} {value}\n").as_bytes()).await?;
                self.log.flush().await?;
                if self.syncs {
                    self.log.sync_data().await?;
                }
                self.values.insert(key.to_owned(), value.to_owned());
                "OK\n".to_owned()
            }
            ["GET", key] => match self.values.get(key) {
                Some(value) => format!("VALUE {value}\n"),
                None => "NONE\n".to_owned(),
            },
            _ => format!("ERROR no such request: {request}\n"),
        };
        self.answered += 1;
        Ok(answer)
    }
}
