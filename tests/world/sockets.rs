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

/// Who has asked and never says a first word takes no place: Linux's `net.ipv4.tcp_syncookies`. It
/// is forgotten 63 seconds later.
#[test]
fn a_lost_handshake_takes_no_place() {
    simulate(|server| async move {
        server.spawn(async {
            let _listener = TcpListener::bind_with_backlog("0.0.0.0:80", 0).await?;
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
        let asked = || net::netstat(server).sockets.iter().filter(|one| one.peer.is_some()).count();
        assert_eq!(asked(), 1);
        let start = Instant::now();
        let stream = TcpStream::connect("server:80").await?;
        assert_eq!(start.elapsed(), WAY * 2);
        sleep(Duration::from_secs(63)).await?;
        assert_eq!(asked(), 1);
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

/// Listens at `bound` and connects to `to`, on one host; what both ends give as their addresses.
async fn seen(bound: &str, to: &str) -> Result<Option<[String; 4]>> {
    let listener = TcpListener::bind(bound).await?;
    let near = match TcpStream::connect(to).await {
        Ok(near) => near,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (far, from) = listener.accept().await?;
    assert_eq!(from, far.peer_addr());
    let seen = [listener.local_addr(), near.local_addr(), near.peer_addr(), far.local_addr()];
    assert_eq!(far.peer_addr(), near.local_addr());
    Ok(Some(seen.map(|address| address.ip().to_string())))
}

/// As `ss -tn` shows it: the loopback where it was used, and `0.0.0.0` as it was bound.
#[test]
fn addresses_are_those_that_were_asked_for() {
    simulate(|_| async {
        let (all, own, loopback) = ("0.0.0.0", "10.0.0.1", "127.0.0.1");
        let ips = |ips: [&str; 4]| Some(ips.map(str::to_owned));
        let expected = ips([all, loopback, loopback, loopback]);
        assert_eq!(seen("0.0.0.0:1", "127.0.0.1:1").await?, expected);
        assert_eq!(seen("0.0.0.0:2", "0.0.0.0:2").await?, expected);
        assert_eq!(seen("0.0.0.0:3", "main:3").await?, ips([all, own, own, own]));
        assert_eq!(seen("localhost:4", "127.0.0.1:4").await?, ips([loopback; 4]));
        assert_eq!(seen("127.0.0.1:5", "main:5").await?, None);
        assert_eq!(seen("main:6", "localhost:6").await?, None);
        assert_eq!(seen("main:7", "10.0.0.1:7").await?, ips([own; 4]));
        let other = ["127.0.0.5", loopback, "127.0.0.5", "127.0.0.5"];
        assert_eq!(seen("127.0.0.5:8", "127.0.0.5:8").await?, ips(other));
        assert_eq!(seen("127.0.0.5:9", "localhost:9").await?, None);
        assert_eq!(seen("[::1]:10", "[::1]:10").await?, ips(["::1"; 4]));
        let listener = TcpListener::bind("127.0.0.1:11").await?;
        assert_eq!(format!("{listener:?}"), "TcpListener(127.0.0.1:11)");
        let shown = net::netstat(host::current()).to_string();
        assert!(shown.contains("127.0.0.1:11 "), "{shown}");
        let from_afar = TcpStream::connect("server:7").await?;
        assert_eq!(from_afar.local_addr().ip(), host::current().address());
        Ok(())
    });
}

#[test]
fn datagrams_are_seen_from_the_address_that_was_used() {
    simulate(|server| async move {
        let all = UdpSocket::bind("0.0.0.0:53").await?;
        let near = UdpSocket::bind("127.0.0.1:54").await?;
        let own = UdpSocket::bind("main:55").await?;
        let addresses = [&all, &near, &own].map(|socket| socket.local_addr().to_string());
        assert_eq!(addresses, ["0.0.0.0:53", "127.0.0.1:54", "10.0.0.1:55"]);
        let mut buffer = [0; 8];
        all.send_to(b"x", "127.0.0.1:54")?;
        assert_eq!(near.recv_from(&mut buffer).await?.1.to_string(), "127.0.0.1:53");
        all.send_to(b"x", "main:55")?;
        assert_eq!(own.recv_from(&mut buffer).await?.1.to_string(), "10.0.0.1:53");
        near.send_to(b"x", "0.0.0.0:53")?;
        assert_eq!(all.recv_from(&mut buffer).await?.1.to_string(), "127.0.0.1:54");
        assert_eq!(kind(near.send_to(b"x", "server:7")), Some(ErrorKind::InvalidInput));
        // Neither hears what is sent to the other address.
        all.send_to(b"x", "main:54")?;
        all.send_to(b"x", "127.0.0.1:55")?;
        sleep(WAY).await?;
        let none = [near.try_recv_from(&mut buffer), own.try_recv_from(&mut buffer)];
        assert_eq!(none.map(kind), [Some(ErrorKind::WouldBlock); 2]);
        // A socket of all addresses takes the one by which it reaches its peer.
        all.connect("localhost:54")?;
        assert_eq!(all.local_addr().to_string(), "127.0.0.1:53");
        near.send_to(b"y", all.local_addr())?;
        assert_eq!(all.recv_from(&mut buffer).await?, (1, near.local_addr()));
        all.connect((server.address(), 7))?;
        assert_eq!(all.local_addr().to_string(), "10.0.0.1:53");
        Ok(())
    });
}

/// An empty datagram takes room in the queue too.
#[test]
fn empty_datagrams_fill_the_queue() {
    let received = run(async {
        let socket = UdpSocket::bind("0.0.0.0:53").await?;
        for _ in 0..300 {
            (0..1_000).try_for_each(|_| socket.send_to(b"", "localhost:53").map(drop))?;
            sleep(Duration::from_millis(1)).await?;
        }
        let receive = || socket.try_recv_from(&mut []);
        Ok(std::iter::repeat_with(receive).take_while(io::Result::is_ok).count())
    });
    assert_eq!(received.unwrap(), 212_992);
}

/// A socket is of no use in the next simulation of its thread, and says why.
#[test]
fn sockets_of_another_simulation_are_refused() {
    let (mut stream, socket, listener) = simulate(|_| async {
        let stream = TcpStream::connect("server:7").await?;
        Ok((stream, UdpSocket::bind("0.0.0.0:5").await?, TcpListener::bind("0.0.0.0:6").await?))
    });
    let told = simulate(|_| async move {
        let told = |result: io::Result<()>| {
            let text = result.unwrap_err().to_string();
            text.split_once(" belongs to ").map(|(what, _)| what.to_owned())
        };
        let mut close = stream.clone();
        Ok([
            told(stream.write_all(b"x").await),
            told(stream.read(&mut [0]).await.map(drop)),
            told(futures_lite::AsyncWriteExt::close(&mut close).await),
            told(socket.send_to(b"x", "server:7").map(drop)),
            told(socket.recv_from(&mut [0]).await.map(drop)),
            told(listener.accept().await.map(drop)),
        ])
    });
    let named = told.map(|what| what.unwrap_or_default());
    let expected =
        ["the stream", "the stream", "the stream", "the socket", "the socket", "the listener"];
    assert_eq!(named, expected);
}

/// Linux: `EINVAL` for port 0.
#[test]
fn nothing_is_sent_to_port_0() {
    simulate(|_| async {
        let socket = UdpSocket::bind("0.0.0.0:5").await?;
        assert_eq!(kind(socket.send_to(b"x", "server:0")), Some(ErrorKind::InvalidInput));
        Ok(())
    });
}
