//! hyper on the simulated network: a session of requests leaves nothing open, and a server and its
//! clients do the same twice, whatever happens between them.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use scenarios::web::{ClientSession, Site};
use seedloop::explore::Model;
use seedloop::host::{self, Host};
use seedloop::net::{self, SocketState, TcpListener, TcpStream, netstat};
use seedloop::{
    Error, Instant, Ratio, Result, Simulation, choose, fs, gather_return_exceptions, out, run,
    sleep, spawn, wait_for,
};
use seedloop_hyper::{SeedloopIo, SeedloopTimer};

const WAY: Duration = Duration::from_millis(100);

/// Runs `main` with a host `a`, to which each way takes 0.1 s, and whose pages come 0.1 s after
/// their heads.
fn simulate<T, F>(main: impl FnOnce() -> F + 'static) -> Result<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    run(async {
        Site::new("a", WAY..=WAY).page("/", "root").page("/x/y", "leaf").think(WAY).serve();
        main().await
    })
}

fn kind_of(error: &Error) -> Option<ErrorKind> {
    error.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
}

fn ways(since: Instant) -> u128 {
    assert_eq!(since.elapsed().as_nanos() % WAY.as_nanos(), 0);
    since.elapsed().as_nanos() / WAY.as_nanos()
}

async fn get(session: ClientSession, url: &str) -> Result<String> {
    session.get(url).scope(async |response| response.text().await).await
}

async fn get_alone(url: &str) -> Result<String> {
    ClientSession::new().scope(async |session| get(session.clone(), url).await).await
}

/// How many connections of this host are neither closed nor failed.
fn open_connections() -> usize {
    let is_open = |state: Option<SocketState>| state != Some(SocketState::Closed);
    netstat(host::current()).sockets.iter().filter(|socket| is_open(socket.state)).count()
}

#[test]
fn a_host_answers_with_its_pages() {
    let got = simulate(|| async {
        let status = |url: &'static str| async move {
            let session = ClientSession::new();
            session.scope(async |s| s.get(url).scope(async |r| Ok(r.status())).await).await
        };
        let texts = [get_alone("https://a").await?, get_alone("http://a/x/y").await?];
        Ok((texts, status("https://a/").await?, status("https://a/z").await?))
    });
    assert_eq!(got.unwrap(), (["root".to_owned(), "leaf".to_owned()], 200, 404));
}

/// What the host has ended is closed: that is no error of a session that got what it wanted.
#[test]
fn a_session_ends_after_its_host() {
    let got = simulate(|| async {
        let body = async |session: &ClientSession| {
            let text = get(session.clone(), "http://a/").await?;
            Host::find("a").unwrap().crash();
            sleep(WAY * 5).await?;
            Ok(text)
        };
        ClientSession::new().scope(body).await
    });
    assert_eq!(got.unwrap(), "root");
}

#[test]
fn what_cannot_be_fetched_is_an_io_error() {
    for (url, kind) in [
        ("https://b", ErrorKind::NotFound),
        ("a", ErrorKind::InvalidInput),
        ("https://", ErrorKind::InvalidInput),
    ] {
        let error = simulate(move || get_alone(url)).unwrap_err();
        assert_eq!(kind_of(&error), Some(kind), "{url}: {error}");
    }
}

#[test]
fn a_closed_session_refuses_requests() {
    let error = simulate(|| async {
        let session = ClientSession::new();
        session.clone().scope(async |_| Ok(())).await?;
        get(session, "https://a").await
    });
    assert_eq!(error.unwrap_err().to_string(), "Session is closed");
}

#[test]
fn a_connection_is_used_again_once_its_response_was_read() {
    let took = simulate(|| async {
        let session = ClientSession::new();
        session
            .scope(async |session| {
                let start = Instant::now();
                get(session.clone(), "https://a").await?;
                let first = ways(start);
                get(session.clone(), "https://a").await?;
                let second = ways(start);
                session.get("https://a").scope(async |_| Ok(())).await?; // Not read: closed.
                let third = ways(start);
                get(session.clone(), "https://a").await?;
                Ok((first, second, third, ways(start), session.connections()))
            })
            .await
    });
    // To connect, to ask and to close are two ways each; the text takes one more.
    assert_eq!(took.unwrap(), (5, 8, 12, 17, 1));
}

#[test]
fn a_cancel_in_mid_response_waits_for_the_close_and_an_abort_does_not() {
    let (cancelled, aborted) = simulate(|| async {
        let mut ends = Vec::new();
        for abort in [false, true] {
            let task = spawn(get_alone("https://a"));
            sleep(WAY * 9 / 2).await?; // The text is on its way.
            assert_eq!(open_connections(), 1);
            if abort {
                task.abort()
            } else {
                assert!(task.cancel())
            }
            let start = Instant::now();
            assert!(task.await.unwrap_err().is_cancelled());
            ends.push(ways(start));
            sleep(WAY * 2).await?;
            assert_eq!(open_connections(), 0);
        }
        Ok((ends[0], ends[1]))
    })
    .unwrap();
    assert_eq!((cancelled, aborted), (2, 0));
}

/// Whenever the cancel comes and however long the ways take, nothing stays open.
#[test]
fn no_cancel_leaves_a_connection_or_a_file_open() {
    async fn work() -> Result<()> {
        fs::write("f", "text").await?;
        let text = fs::read_to_string("f").await?;
        let both = gather_return_exceptions([get_alone("https://a"), get_alone("https://b")]);
        drop(both.await?);
        assert_eq!(text, "text");
        Ok(())
    }
    for seed in 0..300 {
        let simulation = Simulation::new().seed(seed);
        let simulation = if seed % 2 == 0 { simulation } else { simulation.model(Model::Asyncio) };
        let outcome = simulation.block_on(async move {
            Site::new("a", Duration::ZERO..=WAY).page("/", "root").serve();
            Site::new("b", Duration::ZERO..=WAY).page("/", "root").think(WAY).serve();
            let task = spawn(work());
            sleep(Duration::from_millis(3 * seed)).await?;
            let done = !task.cancel();
            let result = task.await;
            assert_eq!(result.is_ok(), done, "{result:?}");
            sleep(WAY * 4).await?; // What was asked for before the cancel still happens.
            Ok((open_connections(), fs::open_files()))
        });
        assert_eq!(outcome.result.unwrap(), (0, 0), "seed {seed}");
    }
}

#[test]
fn a_simulation_begins_with_nothing_outside() {
    simulate(|| async { Ok(fs::write("f", "text").await?) }).unwrap();
    let found = run(async {
        let text = fs::read("f").await.map_err(|error| error.kind());
        let page = get_alone("https://a").await.map_err(|error| kind_of(&error));
        Ok((text, page))
    });
    assert_eq!(found.unwrap(), (Err(ErrorKind::NotFound), Err(Some(ErrorKind::NotFound))));
}

/// Counts the requests that have come to it.
async fn count() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    let mut counted = 0;
    loop {
        let (stream, _) = listener.accept().await?;
        counted += 1;
        let answer = service_fn(move |_: Request<Incoming>| async move {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(counted.to_string()))))
        });
        spawn(async move {
            let mut http = server::conn::http1::Builder::new();
            http.timer(SeedloopTimer).auto_date_header(false);
            http.header_read_timeout(Duration::from_secs(30));
            drop(http.serve_connection(SeedloopIo::new(stream), answer).await);
            Ok(())
        });
    }
}

async fn ask() -> Result<String> {
    let stream = TcpStream::connect("server:80").await?;
    let (mut sender, connection) = client::conn::http1::handshake(SeedloopIo::new(stream)).await?;
    let driver = spawn(async { connection.await.map_err(Error::from) });
    let request = Request::get("/").header("host", "server").body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let text = response.into_body().collect().await?.to_bytes();
    drop(sender);
    driver.await?;
    Ok(String::from_utf8(text.to_vec())?)
}

/// A server with three clients, between whom packets get lost, links are cut and the server
/// crashes.
async fn hardship() -> Result<()> {
    let server = Host::new("server");
    server.run(count);
    net::everywhere().loss(Ratio::new(1, 20)).resets(Ratio::new(1, 50));
    let clients: Vec<_> = (0..3)
        .map(|client| {
            let host = Host::new(format!("client-{client}"));
            host.spawn(async move {
                for request in 0..3 {
                    let answer = wait_for(ask(), Duration::from_secs(20)).await;
                    out!("{client}.{request}: {answer:?}");
                    sleep(Duration::from_millis(50)).await?;
                }
                Ok(())
            })
        })
        .collect();
    for _ in 0..4 {
        sleep(Duration::from_millis(u64::from(choose(100)))).await?;
        let client = Host::find("client-1").expect("it was made above");
        match choose(4) {
            1 => drop(net::between(client, server).partition()),
            2 => drop(net::everywhere().repair()),
            3 => server.restart(),
            _ => {}
        }
    }
    net::everywhere().loss(Ratio::ZERO).resets(Ratio::ZERO).repair();
    for client in clients {
        client.await?;
    }
    Ok(())
}

/// "Run for thousands of seeds, twice, with equal fingerprints", and it is not the same each time.
#[test]
fn a_server_under_hardship_does_the_same_twice() {
    let mut printed = std::collections::BTreeSet::new();
    for seed in 0..1_000 {
        let once = Simulation::new().seed(seed).block_on(hardship());
        let again = Simulation::new().seed(seed).block_on(hardship());
        assert_eq!(once.fingerprint, again.fingerprint, "seed {seed}");
        once.result.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        printed.insert(once.lines.into_iter().map(|line| line.text).collect::<Vec<_>>());
    }
    let failed = |lines: &&Vec<String>| lines.iter().any(|line| line.contains("Err"));
    let some_failed = printed.iter().filter(failed).count();
    assert!(printed.len() > 300 && some_failed > 200, "{} {some_failed}", printed.len());
}

/// A client that never ends its header is cut off at exactly the time that was set.
#[test]
fn hyper_s_timeouts_are_virtual() {
    let took = run(async {
        let server = Host::new("server");
        server.run(count);
        net::everywhere().latency(Duration::ZERO..=Duration::ZERO);
        sleep(Duration::from_secs(1)).await?;
        let mut stream = TcpStream::connect("server:80").await?;
        let start = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: ser").await?;
        let mut answer = [0; 16];
        let read = stream.read(&mut answer).await?;
        assert_eq!(read, 0);
        Ok(start.elapsed())
    });
    assert_eq!(took.unwrap(), Duration::from_secs(30));
}
