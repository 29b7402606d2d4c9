//! The simulated network and disk: what they give back, how long it takes, and that a cancel leaves
//! nothing open.

use std::io::ErrorKind;
use std::time::Duration;

use seedloop::explore::Model;
use seedloop::fs::{self, File};
use seedloop::net::{self, ClientSession, Host};
use seedloop::{
    Error, Instant, Outcome, Result, Simulation, gather_return_exceptions, run, sleep, spawn,
};

const WAY: Duration = Duration::from_millis(100);

/// Runs `main` with a host `a` and a disk on which each way and each operation takes 0.1 s.
fn simulate<T, F>(main: impl FnOnce() -> F) -> Result<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let outcome: Outcome<Result<T>> = Simulation::new().run(|| {
        fs::set_latency(WAY..=WAY);
        Host::new("a").latency(WAY..=WAY).page("/", "root").page("/x/y", "leaf").serve();
        run(main())
    });
    outcome.result?
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
    // connect, request, body | request, body | request, close | connect, request, body
    assert_eq!(took.unwrap(), (3, 5, 7, 10, 1));
}

#[test]
fn a_cancel_in_mid_response_waits_for_the_close_and_an_abort_does_not() {
    let (cancelled, aborted) = simulate(|| async {
        let mut ends = Vec::new();
        for abort in [false, true] {
            let task = spawn(get_alone("https://a"));
            sleep(WAY * 5 / 2).await?; // The body is on its way.
            assert_eq!(net::open_connections(), 1);
            if abort {
                task.abort()
            } else {
                assert!(task.cancel())
            }
            let start = Instant::now();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(net::open_connections(), 0);
            ends.push(ways(start));
        }
        Ok((ends[0], ends[1]))
    })
    .unwrap();
    assert_eq!((cancelled, aborted), (1, 0));
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
        let outcome = simulation.run(|| {
            Host::new("a").latency(Duration::ZERO..=WAY).page("/", "root").serve();
            Host::new("b").latency(Duration::ZERO..=WAY).page("/", "root").serve();
            run(async move {
                let task = spawn(work());
                sleep(Duration::from_millis(seed)).await?;
                let done = !task.cancel();
                let result = task.await;
                assert_eq!(result.is_ok(), done, "{result:?}");
                sleep(WAY).await?; // What was asked for before the cancel still happens.
                Ok((net::open_connections(), fs::open_files()))
            })
        });
        let open = outcome.result.and_then(|result| result);
        assert_eq!(open.unwrap(), (0, 0), "seed {seed}");
    }
}

#[test]
fn the_disk_fails_as_a_real_one_does() {
    let errors = simulate(|| async {
        fs::write("bytes", [0xff, 0xfe]).await?;
        let errors = [
            fs::read("none").await.unwrap_err(),
            File::open("none").await.unwrap_err(),
            fs::remove_file("none").await.unwrap_err(),
            fs::read_to_string("bytes").await.unwrap_err(),
            File::open("bytes").await?.write_all(b"x").await.unwrap_err(),
            File::create("new").await?.read_to_string(&mut String::new()).await.unwrap_err(),
        ];
        Ok(errors.map(|error| error.kind()))
    });
    use ErrorKind::{InvalidData, NotFound, PermissionDenied};
    let expected = [NotFound, NotFound, NotFound, InvalidData, PermissionDenied, PermissionDenied];
    assert_eq!(errors.unwrap(), expected);
}

/// The way out of the block takes a way of the disk, after a value as after a cancel.
#[test]
fn a_block_awaits_that_its_file_is_closed() {
    async fn write_slowly(text: &str) -> Result<()> {
        let file = File::create("f").await?;
        let body = async |f: &mut File| {
            f.write_all(text.as_bytes()).await?;
            Ok(sleep(WAY).await?)
        };
        file.scope(body).await
    }
    let (written, cancelled) = simulate(|| async {
        let start = Instant::now();
        write_slowly("text").await?;
        let written = (ways(start), fs::open_files());
        let task = spawn(write_slowly("more"));
        sleep(WAY * 5 / 2).await?;
        let start = Instant::now();
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        Ok((written, (ways(start), fs::open_files())))
    })
    .unwrap();
    assert_eq!((written, cancelled), ((4, 0), (1, 0)));
}

#[test]
fn a_file_has_a_position_and_outlives_its_name() {
    let text = simulate(|| async {
        let mut written = File::create("f").await?;
        written.write_all(b"one ").await?;
        written.write_all(b"two").await?;
        let mut read = File::open("f").await?;
        fs::remove_file("f").await?;
        assert_eq!(fs::open_files(), 2);
        let mut text = String::new();
        assert_eq!(read.read_to_string(&mut text).await?, 7);
        assert_eq!(read.read_to_string(&mut text).await?, 0);
        Ok(text)
    });
    assert_eq!(text.unwrap(), "one two");
}

/// Two operations: a reader in between finds an empty file.
#[test]
fn a_write_empties_the_file_first() {
    let seen = simulate(|| async {
        fs::write("f", "old").await?;
        let writer = spawn(async { Ok(fs::write("f", "new").await?) });
        sleep(WAY / 2).await?;
        let seen = fs::read_to_string("f").await?; // Opened at 1.5, read at 2.5 ways.
        writer.await?;
        Ok(seen)
    });
    assert_eq!(seen.unwrap(), "new");
    let seen = simulate(|| async {
        fs::write("f", "old").await?;
        let reader = spawn(async { Ok(fs::read_to_string("f").await?) });
        sleep(WAY / 2).await?;
        fs::write("f", "new").await?; // Emptied at 1.5, written at 2.5; read at 2 ways.
        reader.await
    });
    assert_eq!(seen.unwrap(), "");
}

/// The wait is cancelled, the write is not; and `?` makes a cancel of the `io::Error` again.
#[test]
fn a_cancelled_write_still_takes_effect() {
    let (cancelled, text) = simulate(|| async {
        let task = spawn(async { Ok(fs::write("f", "text").await?) });
        sleep(WAY * 3 / 2).await?;
        task.cancel();
        let cancelled = task.await.is_err_and(|error| error.is_cancelled());
        sleep(WAY).await?;
        Ok((cancelled, fs::read_to_string("f").await?))
    })
    .unwrap();
    assert_eq!((cancelled, text.as_str()), (true, "text"));
}

#[test]
fn a_simulation_begins_with_nothing_outside() {
    simulate(|| async { Ok(fs::write("f", "text").await?) }).unwrap();
    let outcome = Simulation::new().run(|| {
        run(async {
            let text = fs::read("f").await.map_err(|error| error.kind());
            let page = get_alone("https://a").await.map_err(|error| kind_of(&error));
            Ok((text, page))
        })
    });
    let expected = (Err(ErrorKind::NotFound), Err(Some(ErrorKind::NotFound)));
    assert_eq!(outcome.result.and_then(|result| result).unwrap(), expected);
}
