//! HTTP/2: requests side by side on one connection, pings on the virtual clock, and the same twice
//! whatever happens between client and server.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use seedloop::host::{self, Host};
use seedloop::net::{self, TcpListener, TcpStream};
use seedloop::{
    Error, Instant, JoinHandle, Outcome, Ratio, Report, ReportKind, Result, Simulation, choose,
    gather, out, run, sleep, spawn, wait_for,
};
use seedloop_hyper::{SeedloopExecutor, SeedloopIo, SeedloopTimer};

const THINKS: Duration = Duration::from_millis(5);
const PINGS_EVERY: Duration = Duration::from_secs(2);
const PING_LIMIT: Duration = Duration::from_secs(3);
/// So often a page repeats its path. A short one fits into what HTTP/2 lets through at first,
/// 65,535 bytes, and a long one does not.
const REPEATS: usize = 5_000;

/// Answers each request with its path, many times.
async fn serve() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = service_fn(|request: Request<Incoming>| async move {
            drop(sleep(THINKS).await);
            let page = request.uri().path().repeat(REPEATS);
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(page))))
        });
        let mut http = server::conn::http2::Builder::new(SeedloopExecutor);
        http.timer(SeedloopTimer).auto_date_header(false);
        http.keep_alive_interval(PINGS_EVERY).keep_alive_timeout(PING_LIMIT);
        let connection = http.serve_connection(SeedloopIo::new(stream), answer);
        spawn(async {
            drop(connection.await);
            Ok(())
        });
    }
}

type Sender = SendRequest<Empty<Bytes>>;

/// Connects to the server; gives what sends requests, and the task of the connection, which tells
/// whether that ended well.
async fn connect() -> Result<(Sender, JoinHandle<bool>)> {
    let stream = TcpStream::connect("server:80").await?;
    let mut http = client::conn::http2::Builder::new(SeedloopExecutor);
    http.timer(SeedloopTimer);
    http.keep_alive_interval(PINGS_EVERY).keep_alive_timeout(PING_LIMIT);
    let (sender, connection) = http.handshake(SeedloopIo::new(stream)).await?;
    Ok((sender, spawn(async { Ok(connection.await.is_ok()) })))
}

/// Asks for a page, and makes sure that every byte of it is there.
async fn fetch(sender: &Sender, path: String) -> Result<()> {
    let request = Request::get(format!("http://server{path}")).body(Empty::<Bytes>::new())?;
    let response = sender.clone().send_request(request).await?;
    let page = response.into_body().collect().await?.to_bytes();
    assert!(page == path.repeat(REPEATS).as_bytes(), "another page, or a part of it");
    Ok(())
}

/// Three requests at once on one connection.
async fn fetch_three(client: u32) -> Result<()> {
    let (sender, connection) = connect().await?;
    let paths = [1, 2, 3].map(|page| format!("/client-{client}/page-{page}"));
    let fetched = gather(paths.map(|path| {
        let sender = sender.clone();
        async move { fetch(&sender, path).await }
    }));
    let fetched = fetched.await;
    drop(sender);
    let ended_well = connection.await?;
    fetched?;
    out!("{client}: ended well: {ended_well}");
    Ok(())
}

/// A server with three clients, between whom packets get lost, links are cut and the server
/// crashes.
async fn hardship() -> Result<()> {
    let server = Host::new("server");
    server.run(serve);
    sleep(Duration::from_millis(1)).await?;
    net::everywhere().loss(Ratio::new(1, 30)).resets(Ratio::new(1, 400));
    let clients: Vec<_> = (0..3)
        .map(|client| {
            Host::new(format!("client-{client}")).spawn(async move {
                for _ in 0..2 {
                    let fetched = wait_for(fetch_three(client), Duration::from_secs(20)).await;
                    out!("{client}: {:?}", fetched.map_err(|error| error.to_string()));
                }
                Ok(())
            })
        })
        .collect();
    for _ in 0..3 {
        sleep(Duration::from_millis(u64::from(choose(60)))).await?;
        let client = Host::find("client-1").expect("it was made above");
        match choose(4) {
            1 => drop(net::between(client, server).partition()),
            2 => drop(net::everywhere().repair()),
            3 => server.restart(),
            _ => {}
        }
    }
    host::heal();
    for client in clients {
        client.await?;
    }
    let healed = wait_for(fetch_three(9), Duration::from_secs(20)).await;
    out!("healed: {:?}", healed.map_err(|error| error.to_string()));
    Ok(())
}

fn lines(outcome: &Outcome<Result<()>>) -> Vec<String> {
    outcome.lines.iter().map(|line| line.text.to_string()).collect()
}

#[test]
fn a_server_under_hardship_does_the_same_twice() {
    let mut printed = BTreeSet::new();
    for seed in 0..60 {
        let once = Simulation::new().seed(seed).run(|| run(hardship()));
        let again = Simulation::new().seed(seed).run(|| run(hardship()));
        assert_eq!(once.fingerprint, again.fingerprint, "seed {seed}");
        assert_eq!(lines(&once), lines(&again), "seed {seed}");
        assert!(matches!(once.result, Ok(Ok(()))), "seed {seed}: {:?}", once.result);
        // hyper leaves tasks of its connections to the end of the run.
        let strays = |report: &Report| report.kind == ReportKind::Stray;
        assert!(once.reports.iter().all(strays), "seed {seed}: {:?}", once.reports);
        assert_eq!(lines(&once).last().map(String::as_str), Some("healed: Ok(())"), "seed {seed}");
        printed.insert(lines(&once));
    }
    let failed = printed.iter().filter(|lines| lines.iter().any(|line| line.contains("Err")));
    let failed = failed.count();
    assert!(printed.len() > 45 && failed > 20, "{} {failed}", printed.len());
}

/// Three pages at once take the ways and the thinking of one.
#[test]
fn requests_share_a_connection() {
    let (alone, together) = run(async {
        let way = Duration::from_millis(100);
        net::everywhere().latency(way..=way);
        Host::new("server").run(serve);
        sleep(Duration::from_millis(1)).await?;
        let (sender, _connection) = connect().await?;
        let took = async |pages: u32| {
            let start = Instant::now();
            let all = (0..pages).map(|page| {
                let sender = sender.clone();
                async move { fetch(&sender, format!("/{page}")).await }
            });
            gather(all.collect::<Vec<_>>()).await?;
            Ok::<_, Error>(start.elapsed())
        };
        // The first one waits for the other side's settings too.
        took(1).await?;
        Ok((took(1).await?, took(3).await?))
    })
    .unwrap();
    let expected = Duration::from_millis(2 * 100) + THINKS;
    assert_eq!((alone, together), (expected, expected));
}

/// A cut link is noticed by a ping that is not answered: 2 s until it is sent, 3 s for the answer.
#[test]
fn a_silent_connection_is_given_up_at_the_ping() {
    let took = run(async {
        net::everywhere().latency(Duration::ZERO..=Duration::ZERO);
        let server = Host::new("server");
        server.run(serve);
        sleep(Duration::from_millis(1)).await?;
        let (sender, connection) = connect().await?;
        fetch(&sender, "/".to_owned()).await?;
        net::between(host::current(), server).partition();
        let start = Instant::now();
        let error = fetch(&sender, "/late".to_owned()).await.expect_err("nobody answers");
        assert!(error.is::<hyper::Error>(), "{error:?}");
        assert!(!connection.await?);
        Ok(start.elapsed())
    });
    assert_eq!(took.unwrap(), PINGS_EVERY + PING_LIMIT);
}
