//! Two programs in the manner of tokio's tutorials: an actor with requests and responses, and a
//! chat. They name `tokio` only, but for where they print.

use std::collections::BTreeMap;
use std::time::Duration;

use seedloop::error::Deadlock;
use seedloop::{Simulation, tokio};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, interval, sleep, timeout};

use super::say;

type Responder<T> = oneshot::Sender<Result<T, String>>;

enum Command {
    Get { key: String, respond_to: Responder<Option<u32>> },
    Add { key: String, by: u32, respond_to: Responder<u32> },
}

/// Owns the counters; everybody else sends it commands.
struct Counters {
    commands: mpsc::Receiver<Command>,
    counters: BTreeMap<String, u32>,
}

impl Counters {
    async fn run(mut self) -> usize {
        let mut handled = 0;
        let mut housekeeping = interval(Duration::from_secs(10));
        loop {
            tokio::select! {
                command = self.commands.recv() => {
                    let Some(command) = command else { break handled };
                    self.handle(command).await;
                    handled += 1;
                }
                _ = housekeeping.tick() => say!("{} counters", self.counters.len()),
            }
        }
    }

    async fn handle(&mut self, command: Command) {
        // Each takes its time, and meanwhile the others queue up.
        sleep(Duration::from_millis(100)).await;
        match command {
            Command::Get { key, respond_to } => {
                let _ = respond_to.send(Ok(self.counters.get(&key).copied()));
            }
            Command::Add { key, by, respond_to } => {
                let counter = self.counters.entry(key).or_default();
                let sum = counter.checked_add(by).ok_or_else(|| "too much".to_owned());
                *counter = sum.clone().unwrap_or(*counter);
                let _ = respond_to.send(sum);
            }
        }
    }
}

#[derive(Clone)]
struct Client {
    commands: mpsc::Sender<Command>,
}

impl Client {
    async fn add(&self, key: &str, by: u32) -> Result<u32, Box<dyn std::error::Error>> {
        let (respond_to, response) = oneshot::channel();
        let command = Command::Add { key: key.to_owned(), by, respond_to };
        self.commands.send(command).await.map_err(|_| "the actor is gone")?;
        Ok(timeout(Duration::from_millis(250), response).await???)
    }

    async fn get(&self, key: &str) -> Option<u32> {
        let (respond_to, response) = oneshot::channel();
        let command = Command::Get { key: key.to_owned(), respond_to };
        self.commands.send(command).await.ok()?;
        response.await.ok()?.ok()?
    }
}

async fn requests() -> usize {
    let (sender, commands) = mpsc::channel(2);
    let actor = tokio::spawn(Counters { commands, counters: BTreeMap::new() }.run());
    let client = Client { commands: sender };
    let clients = (0..5).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            match client.add("visits", 10).await {
                Ok(sum) => say!("client {number}: {sum}"),
                Err(error) => say!("client {number}: {error}"),
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let (full, other) = tokio::join!(client.add("visits", u32::MAX), client.get("visits"));
    say!("{} {other:?}", full.unwrap_err());
    sleep(Duration::from_secs(12)).await;
    drop(client);
    actor.await.unwrap()
}

/// The expected lines follow from the times by hand. The actor takes 100 ms for each command; the
/// channel has room for two beside the one that it works on, so that the third client has its
/// command there at once, and the other two theirs after 100 and 200 ms. All three would get their
/// answers 300 ms later, and wait for 250.
#[test]
fn an_actor_answers_requests() {
    let outcome = Simulation::new().block_on(async { Ok(requests().await) });
    let text =
        |line: &seedloop::trace::Line| format!("{} {line}", line.time.since_start().as_millis());
    let printed: Vec<String> = outcome.lines.iter().map(text).collect();
    let expected = [
        "0 0 counters",
        "100 client 0: 10",
        "200 client 1: 20",
        "250 client 2: deadline has elapsed",
        "350 client 3: deadline has elapsed",
        "450 client 4: deadline has elapsed",
        "700 too much Some(50)",
        "10000 1 counters",
    ];
    assert_eq!(printed, expected);
    assert_eq!((outcome.result.unwrap(), outcome.time.since_start().as_millis()), (7, 12_700));
}

#[test]
fn the_actor_handles_every_request_in_any_order() {
    for seed in 0..100 {
        let outcome = Simulation::new().seed(seed).block_on(async { Ok(requests().await) });
        assert_eq!(outcome.result.unwrap(), 7, "seed {seed}");
    }
}

/// One who is in the room until it has heard enough.
async fn guest(room: broadcast::Sender<String>, name: &'static str, hears: usize) -> Vec<String> {
    let mut messages = room.subscribe();
    room.send(format!("{name} joined")).unwrap();
    let mut heard = Vec::new();
    while heard.len() < hears {
        match messages.recv().await {
            Ok(message) => heard.push(message),
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                heard.push(format!("(missed {missed})"));
            }
            Err(broadcast::error::RecvError::Closed) => break,
        }
    }
    say!("{name} leaves");
    heard
}

async fn chat() -> Vec<Vec<String>> {
    let (room, _) = broadcast::channel(16);
    let mut guests = Vec::new();
    for (name, hears) in [("Ann", 3), ("Bob", 9), ("Cid", 2)] {
        guests.push(tokio::spawn(guest(room.clone(), name, hears)));
    }
    let start = Instant::now();
    sleep(Duration::from_secs(1)).await;
    room.send("hello".to_owned()).unwrap();
    drop(room);
    let bob = guests.remove(1);
    let mut heard = Vec::new();
    for guest in guests {
        heard.push(guest.await.unwrap());
    }
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    bob.abort();
    assert!(bob.await.unwrap_err().is_cancelled());
    heard
}

#[test]
fn a_chat_goes_to_everybody() {
    let outcome = Simulation::new().block_on(async { Ok(chat().await) });
    let ann = ["Ann joined", "Bob joined", "Cid joined"];
    let cid = ["Cid joined", "hello"];
    assert_eq!(outcome.result.unwrap(), [ann.as_slice(), &cid]);
    let lines: Vec<&str> = outcome.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["Ann leaves", "Cid leaves"]);
}

/// The chat has a bug that only its order hides: Ann counts on being the first, and those who come
/// later do not hear of those before them.
#[test]
fn another_order_leaves_a_guest_waiting() {
    let left = |seed| {
        let result = Simulation::new().seed(seed).block_on(async { Ok(chat().await) }).result;
        result.is_err_and(|error| error.is::<Deadlock>())
    };
    assert!((0..20).any(left));
}
