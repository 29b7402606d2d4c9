//! Sockets where something has ended: hosts, handshakes, rules and waits; and who finds them.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use seedloop::error::Deadlock;
use seedloop::host::{self, Host};
use seedloop::net::{self, TcpListener, TcpStream, UdpSocket, Verdict, between};
use seedloop::{Instant, Result, Simulation, run, sleep, spawn, timeout};

const WAY: Duration = Duration::from_millis(100);

/// Sends back what it is sent, once.
async fn echo() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let (mut stream, _) = listener.accept().await?;
    let mut buffer = [0; 64];
    let length = stream.read(&mut buffer).await?;
    Ok(stream.write_all(&buffer[..length]).await?)
}

/// Runs `main` beside a host `server` which echoes, and to which each way takes 0.1 s.
fn simulate<T, F>(main: impl FnOnce(Host) -> F + 'static) -> T
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let result = run(async {
        net::everywhere().latency(WAY..=WAY);
        let server = Host::new("server");
        server.run(echo);
        main(server).await
    });
    result.unwrap()
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// What a host had sent before it crashed is on its way, and the reset comes behind it.
#[test]
fn a_reset_comes_behind_what_is_on_its_way() {
    simulate(|server| async move {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let crashes = server.spawn(async move {
            let mut stream = TcpStream::connect("main:80").await?;
            stream.write_all(b"last words").await?;
            server.crash();
            Ok(())
        });
        let (mut stream, _) = listener.accept().await?;
        drop(crashes);
        let mut buffer = [0; 32];
        assert_eq!(stream.read(&mut buffer).await?, 10);
        assert_eq!(kind(stream.read(&mut buffer).await), Some(ErrorKind::ConnectionReset));
        server.restart();
        let drops = server.spawn(async {
            let mut stream = TcpStream::connect("main:80").await?;
            stream.read_exact(&mut [0; 1]).await?;
            stream.write_all(b"bye").await?;
            // One byte was not read: the drop resets.
            sleep(WAY).await?;
            Ok(())
        });
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(b"xy").await?;
        drops.await?;
        assert_eq!(stream.read(&mut buffer).await?, 3);
        assert_eq!(kind(stream.read(&mut buffer).await), Some(ErrorKind::ConnectionReset));
        Ok(())
    });
}

/// Who has asked and never says a first word is forgotten 63 seconds later, and makes room.
#[test]
fn a_lost_handshake_gives_its_place_back() {
    simulate(|server| async move {
        server.spawn(async {
            let _listener = TcpListener::bind_with_backlog("0.0.0.0:80", 1).await?;
            Ok(sleep(Duration::from_secs(7_200)).await?)
        });
        let client = Host::new("client");
        sleep(WAY).await?;
        client.spawn(async { Ok(drop(TcpStream::connect("server:80").await?)) });
        sleep(WAY * 3 / 2).await?;
        // The answer is on its way.
        between(client, server).partition();
        sleep(WAY).await?;
        client.crash();
        host::heal();
        // It asks for the last time after 63 seconds, when the place has been free for a while.
        let start = Instant::now();
        let stream = TcpStream::connect("server:80").await?;
        assert_eq!(start.elapsed(), Duration::from_secs(63) + WAY * 2);
        drop(stream);
        Ok(())
    });
}

/// Nothing is left of a handshake that has succeeded: a deadlock is found at once.
#[test]
fn a_handshake_leaves_no_timer() {
    let outcome = Simulation::new().block_on(async {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let _stream = TcpStream::connect("127.0.0.1:80").await?;
        let (mut stream, _) = listener.accept().await?;
        stream.read(&mut [0; 1]).await?;
        Ok(())
    });
    assert!(outcome.result.unwrap_err().is::<Deadlock>());
    assert_eq!(outcome.time.since_start(), Duration::ZERO);
}

#[test]
fn a_rule_that_ends_while_it_is_asked_is_gone() {
    simulate(|_| async {
        let guard = Rc::new(Cell::new(None));
        let (own, asked) = (Rc::clone(&guard), Rc::new(Cell::new(0)));
        let count = Rc::clone(&asked);
        guard.set(Some(net::rule(move |_| {
            count.set(count.get() + 1);
            drop(own.take());
            Verdict::Pass
        })));
        drop(TcpStream::connect("server:7").await?);
        assert_eq!(asked.get(), 1);
        Ok(())
    });
}

/// A cancel goes to the task that was cancelled, not to who reads the stream next.
#[test]
fn a_cancel_does_not_stay_in_a_stream() {
    simulate(|_| async {
        let mut stream = TcpStream::connect("server:7").await?;
        let task = spawn(async move {
            let read = async {
                let mut buffer = [0; 8];
                Ok(drop(stream.read(&mut buffer).await))
            };
            let slept = async { sleep(Duration::from_secs(9)).await };
            let cancelled = futures_lite::future::or(slept, read).await;
            assert!(cancelled.is_err());
            Ok(stream)
        });
        sleep(WAY).await?;
        task.cancel();
        let mut stream = task.await?;
        stream.write_all(b"x").await?;
        assert_eq!(stream.read(&mut [0; 8]).await?, 1);
        Ok(())
    });
}

#[test]
fn what_listens_on_the_loopback_is_not_found_from_elsewhere() {
    simulate(|server| async move {
        let server = server.spawn(async {
            let listener = TcpListener::bind("127.0.0.1:80").await?;
            let socket = UdpSocket::bind("localhost:53").await?;
            TcpStream::connect("localhost:80").await?;
            drop(listener.accept().await?);
            sleep(WAY * 3).await?;
            socket.send_to(b"near", "127.0.0.1:53")?;
            let mut buffer = [0; 8];
            assert_eq!(socket.recv(&mut buffer).await?, 4);
            let accepted = timeout(WAY * 10).scope(async |_| Ok(listener.accept().await?)).await;
            Ok(assert!(accepted.is_err()))
        });
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.send_to(b"from afar", "server:53")?;
        let refused = TcpStream::connect("server:80").await;
        assert_eq!(kind(refused), Some(ErrorKind::ConnectionRefused));
        server.await
    });
}
