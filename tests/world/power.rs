//! Hosts whose power is cut: what others find out of it, and when.

use std::io::{self, ErrorKind};
use std::time::Duration;

use seedloop::error::Deadlock;
use seedloop::fs;
use seedloop::host::{self, Host};
use seedloop::net::{self, TcpListener, TcpStream};
use seedloop::{Error, Instant, Result, run, sleep, spawn, timeout};

const WAY: Duration = Duration::from_millis(100);
/// Fifteen times again. Source: Linux, `net.ipv4.tcp_retries2`.
const GIVEN_UP_AFTER: Duration = Duration::from_millis(924_600);

/// Keeps its connections, and reads nothing.
async fn hold() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let mut streams = Vec::new();
    loop {
        streams.push(listener.accept().await?);
    }
}

/// Runs `main` with a connection to a host to which each way takes 0.1 s.
fn simulate<T, F>(main: impl FnOnce(Host, TcpStream) -> F + 'static) -> Result<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    run(async {
        net::everywhere().latency(WAY..=WAY);
        let server = Host::new("server");
        server.run(hold);
        let stream = TcpStream::connect("server:7").await?;
        sleep(WAY * 2).await?;
        main(server, stream).await
    })
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// A crash says so; a power cut does not, and who only reads waits, also after a restart.
#[test]
fn who_only_reads_never_finds_out() {
    let waited = simulate(|server, mut stream| async move {
        let mut other = TcpStream::connect("server:7").await?;
        sleep(WAY).await?;
        server.cut_power();
        assert!(!server.is_up());
        let day = Duration::from_secs(86_400);
        let waited = timeout(day).scope(async |_| Ok(stream.read(&mut [0]).await?)).await;
        assert!(waited.unwrap_err().is_timeout());
        server.restart();
        let waited = timeout(day).scope(async |_| Ok(other.read(&mut [0]).await?)).await;
        assert!(waited.unwrap_err().is_timeout());
        let mut third = TcpStream::connect("server:7").await?;
        let start = Instant::now();
        server.crash();
        assert_eq!(kind(third.read(&mut [0]).await), Some(ErrorKind::ConnectionReset));
        Ok(start.elapsed())
    });
    assert_eq!(waited.unwrap(), WAY);
}

#[test]
fn who_sends_is_timed_out() {
    simulate(|server, mut stream| async move {
        server.cut_power();
        let start = Instant::now();
        stream.write_all(b"anybody?").await?;
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::TimedOut));
        assert_eq!(start.elapsed(), GIVEN_UP_AFTER);
        assert_eq!(kind(stream.write_all(b"x").await), Some(ErrorKind::BrokenPipe));
        Ok(())
    })
    .unwrap();
}

/// Sent at 0, again after 0.2, 0.6 and 1.4 s: the host is up then, and knows no such connection.
#[test]
fn a_host_that_is_up_again_resets_what_it_does_not_know() {
    simulate(|server, mut stream| async move {
        server.cut_power();
        let start = Instant::now();
        stream.write_all(b"anybody?").await?;
        spawn(async move {
            sleep(Duration::from_secs(1)).await?;
            server.restart();
            Ok(())
        });
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::ConnectionReset));
        assert_eq!(start.elapsed(), Duration::from_millis(1_400) + WAY * 2);
        assert!(TcpStream::connect("server:7").await.is_ok());
        Ok(())
    })
    .unwrap();
}

/// What is on its way when the power is cut is sent again, and what comes from there arrives.
#[test]
fn what_is_on_its_way_is_sent_again_and_what_was_sent_arrives() {
    simulate(|server, mut stream| async move {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let talks = server.spawn(async {
            let mut stream = TcpStream::connect("main:9").await?;
            stream.write_all(b"last words").await?;
            Ok(sleep(Duration::from_secs(9_000)).await?)
        });
        let (mut from, _) = listener.accept().await?;
        stream.write_all(b"hello").await?;
        let start = Instant::now();
        sleep(WAY / 2).await?;
        server.cut_power();
        drop(talks);
        let mut words = [0; 10];
        from.read_exact(&mut words).await?;
        assert_eq!(&words, b"last words");
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::TimedOut));
        assert_eq!(start.elapsed(), GIVEN_UP_AFTER);
        Ok(())
    })
    .unwrap();
}

/// A window that is closed is asked for, since 0.2 s after the first bytes: 0.2, 0.6, .. 6.2 and
/// 12.6 s later, and then as often as it takes until fifteen in a row have had no answer. Source:
/// Linux, `tcp_probe_timer`; an answer that gives no room keeps the times apart as far as they are.
#[test]
fn who_waits_to_write_is_timed_out() {
    simulate(|server, mut stream| async move {
        let start = Instant::now();
        let writing = spawn(async move { Ok(kind(stream.write_all(&[0; 200_000]).await)) });
        sleep(Duration::from_secs(10)).await?;
        server.cut_power();
        assert_eq!(writing.await?, Some(ErrorKind::TimedOut));
        // Of 12.6, 25.4, 51.0, 102.2, 204.6 and each 120 s it is the sixteenth.
        let given_up_after = Duration::from_millis(204_600) + Duration::from_secs(120 * 11);
        assert_eq!(start.elapsed(), given_up_after + WAY * 2);
        Ok(())
    })
    .unwrap();
}

/// Bytes that have arrived at the very moment are sent again.
#[test]
fn what_has_just_arrived_is_no_secret() {
    simulate(|server, mut stream| async move {
        stream.write_all(b"hello").await?;
        sleep(WAY).await?;
        server.cut_power();
        stream.write_all(b"?").await?;
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::TimedOut));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_wait_for_ever_is_told_as_a_deadlock_with_the_host() {
    let waits = simulate(|server, mut stream| async move {
        server.cut_power();
        Ok(stream.read(&mut [0]).await?)
    });
    let error: Error = waits.unwrap_err();
    assert!(error.is::<Deadlock>());
    assert!(error.to_string().contains("the host 'server' is down"), "{error}");
}

/// On the disk it is a crash, and on the host itself too.
#[test]
fn what_was_not_synced_is_lost() {
    let left = run(async {
        let db = Host::new("db");
        db.run(async || {
            fs::write(format!("f{}", host::current().is_up()), "x").await?;
            Ok(sleep(Duration::from_secs(9_000)).await?)
        });
        sleep(WAY).await?;
        db.cut_power();
        db.cut_power();
        let down = fs::disk(db).used();
        db.restart();
        sleep(WAY).await?;
        Ok((down, fs::disk(db).used()))
    });
    assert_eq!(left.unwrap(), (0, 1));
}
