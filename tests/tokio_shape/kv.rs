//! A service that knows nothing but tokio, explored with clients, losses, resets and crashes: it
//! holds, and what a hurried hand would get wrong is found.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seedloop::explore::Explorer;
use seedloop::host::{self, Host};
use seedloop::net;
use seedloop::{Error, Ratio, Result, choose, sometimes};
use seedloop_tokio as tokio;
use service::{Config, Flaw};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

mod service;

const CONNECTIONS_MAX: usize = 2;
const CLIENTS: u32 = 3;

/// A client that never gives up, on a connection that it makes anew when it fails.
#[derive(Default)]
struct Client {
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    /// Asks until there is an answer.
    async fn ask(&mut self, request: &str) -> String {
        loop {
            match timeout(Duration::from_secs(10), self.try_to_ask(request)).await {
                Ok(Ok(answer)) => return answer,
                Ok(Err(_)) | Err(_) => self.stream = None,
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn try_to_ask(&mut self, request: &str) -> io::Result<String> {
        if self.stream.is_none() {
            self.stream = Some(BufReader::new(TcpStream::connect("server:7").await?));
        }
        let stream = self.stream.as_mut().expect("it was made above");
        let (begin, end) = request.split_at(request.len() / 2);
        stream.write_all(begin.as_bytes()).await?;
        sleep(Duration::from_millis(u64::from(choose(3)) * 30)).await;
        stream.write_all(end.as_bytes()).await?;
        stream.write_all(b"\n").await?;
        let mut answer = String::new();
        match stream.read_line(&mut answer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ if !answer.ends_with('\n') => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(answer.trim_end().to_owned()),
        }
    }
}

fn check(what: &str, answer: &str, expected: &str) -> Result<()> {
    match answer == expected {
        true => Ok(()),
        false => Err(Error::msg(format!("{what}: {answer:?}, not {expected:?}"))),
    }
}

/// Sets values of its own, and gets each back.
async fn be_client(number: u32) -> Result<()> {
    let mut client = Client::default();
    for value in 0..3 {
        check("set", &client.ask(&format!("SET key-{number} {value}")).await, "OK")?;
        let answer = client.ask(&format!("GET key-{number}")).await;
        check("get", &answer, &format!("VALUE {value}"))?;
    }
    Ok(())
}

async fn hardship(flaw: Option<Flaw>) -> Result<()> {
    net::everywhere().loss(Ratio::new(1, 100)).resets(Ratio::new(1, 100));
    let config = Config { connections_max: CONNECTIONS_MAX, flaw };
    let (end, ending) = watch::channel(false);
    let answered = Arc::new(Mutex::new(None));
    let (kept, server) = (Arc::clone(&answered), Host::new("server"));
    server.run(move || {
        let (ending, kept) = (ending.clone(), Arc::clone(&kept));
        async move {
            let served = service::serve("0.0.0.0:7", config, ending).await?;
            *kept.lock().expect("no panic") = Some(served);
            Ok(())
        }
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| Host::new(format!("client-{number}")).spawn(be_client(number)))
        .collect();
    sleep(Duration::from_millis(u64::from(choose(40)) * 10)).await;
    if choose(2) == 1 {
        server.crash();
        server.restart();
        sometimes!(true, "it crashes");
    }
    for client in clients {
        client.await?;
    }
    host::heal();
    for number in 0..CLIENTS {
        let answer = Client::default().ask(&format!("GET key-{number}")).await;
        check("at the end", &answer, "VALUE 2")?;
    }
    end.send(true).map_err(Error::new)?;
    sleep(Duration::from_secs(6)).await;
    let answered = *answered.lock().expect("no panic");
    match answered {
        Some(answered) => sometimes!(answered > 20, "all is answered in one life"),
        None => return Err(Error::msg("the server has not ended")),
    }
    Ok(())
}

#[test]
fn the_service_holds() {
    Explorer::new().runs(300).check(|| hardship(None));
}

/// Explores the service with a flaw; returns how it fails.
fn found(flaw: Flaw) -> String {
    let exploration = Explorer::new().runs(300).explore(move || hardship(Some(flaw)));
    exploration.failure.expect("it fails").fault.to_string()
}

#[test]
fn a_line_that_is_lost_in_a_select_is_found() {
    let text = found(Flaw::LosesHalfLines);
    assert!(text.contains("ERROR no such request"), "{text}");
}

#[test]
fn an_answer_before_the_sync_is_found() {
    let text = found(Flaw::AnswersEarly);
    assert!(text.contains("get: ") || text.contains("at the end: "), "{text}");
}
