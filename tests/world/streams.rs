//! TCP on the simulated network: what each side sees and when, and how a connection fails.
//!
//! Times and kinds of errors are those of Linux: SYNs after 1, 3, 7, .. seconds and a timeout after
//! 127, retransmissions after 0.2, 0.4, .. 120 seconds and a timeout after 924.6.

use std::io::{self, ErrorKind};
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use seedloop::error::Deadlock;
use seedloop::host::{self, Host};
use seedloop::net::{
    self, PacketKind, TcpListener, TcpStream, UdpSocket, Verdict, between, from_to, netstat,
};
use seedloop::{
    Error, Instant, Ratio, Result, Simulation, attempt, gather, out, run, sleep, spawn, timeout,
};

const WAY: Duration = Duration::from_millis(100);

/// Sends back what it is sent.
async fn echo() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                let length = stream.read(&mut buffer).await?;
                if length == 0 {
                    return Ok(());
                }
                stream.write_all(&buffer[..length]).await?;
            }
        });
    }
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

fn ways(since: Instant) -> u128 {
    assert_eq!(since.elapsed().as_nanos() % WAY.as_nanos(), 0);
    since.elapsed().as_nanos() / WAY.as_nanos()
}

fn cut(server: Host) {
    between(host::current(), server).partition();
}

fn repair(server: Host) {
    between(host::current(), server).repair();
}

#[test]
fn bytes_come_back_a_round_trip_later() {
    let took = simulate(|_| async {
        let start = Instant::now();
        let mut stream = TcpStream::connect("server:7").await?;
        let connected = ways(start);
        stream.write_all(b"hello").await?;
        let mut back = [0; 5];
        stream.read_exact(&mut back).await?;
        assert_eq!(&back, b"hello");
        let answered = ways(start);
        // What was sent before the end still arrives, and then the other side's end.
        stream.write_all(b"bye").await?;
        stream.close().await?;
        assert_eq!(kind(stream.write(b"x").await), Some(ErrorKind::BrokenPipe));
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await?;
        assert_eq!(rest, "bye");
        Ok((connected, answered, ways(start)))
    });
    assert_eq!(took, (2, 4, 6));
}

#[test]
fn who_cannot_be_reached_says_so() {
    simulate(|server| async move {
        let connect = async |to: &str| {
            let start = Instant::now();
            let error = TcpStream::connect(to).await.unwrap_err();
            Ok::<_, Error>((error.kind(), start.elapsed().as_millis()))
        };
        assert_eq!(connect("server:8").await?, (ErrorKind::ConnectionRefused, 200));
        assert_eq!(connect("nobody:7").await?, (ErrorKind::NotFound, 0));
        assert_eq!(connect("10.9.9.9:7").await?, (ErrorKind::HostUnreachable, 0));
        // Those of a broadcast and a multicast: Linux, `ENETUNREACH`.
        assert_eq!(connect("255.255.255.255:7").await?, (ErrorKind::NetworkUnreachable, 0));
        assert_eq!(connect("224.0.0.1:7").await?, (ErrorKind::NetworkUnreachable, 0));
        assert_eq!(connect("server").await?, (ErrorKind::InvalidInput, 0));
        assert_eq!(connect("server:70000").await?, (ErrorKind::InvalidInput, 0));
        cut(server);
        assert_eq!(connect("server:7").await?, (ErrorKind::TimedOut, 127_000));
        repair(server);
        server.crash();
        assert_eq!(connect("server:7").await?, (ErrorKind::TimedOut, 127_000));
        let text = TcpStream::connect("nobody:7").await.unwrap_err().to_string();
        assert_eq!(text, "no such host: nobody; there are main, server");
        Ok(())
    });
}

/// The third SYN, 3 s after the first, gets through.
#[test]
fn a_lost_syn_is_sent_again() {
    let took = simulate(|server| async move {
        cut(server);
        spawn(async move {
            sleep(Duration::from_secs(2)).await?;
            net::everywhere().repair();
            Ok(())
        });
        let start = Instant::now();
        TcpStream::connect("server:7").await?;
        Ok(ways(start))
    });
    assert_eq!(took, 32);
}

/// Sent at 0, again after 0.2, 0.6 and 1.4 s; the last one gets through.
#[test]
fn what_is_lost_is_sent_again_in_its_order() {
    let (echoed, took) = simulate(|server| async move {
        let mut stream = TcpStream::connect("server:7").await?;
        cut(server);
        let start = Instant::now();
        stream.write_all(b"one ").await?;
        sleep(Duration::from_secs(1)).await?;
        repair(server);
        stream.write_all(b"two").await?;
        let mut back = [0; 7];
        stream.read_exact(&mut back).await?;
        Ok((String::from_utf8_lossy(&back).into_owned(), ways(start)))
    });
    assert_eq!((echoed.as_str(), took), ("one two", 16));
}

/// `tcp_retries2` of Linux: 15 times again, 924.6 s in all.
#[test]
fn a_connection_that_is_cut_times_out_where_something_was_sent() {
    simulate(|server| async move {
        let mut stream = TcpStream::connect("server:7").await?;
        cut(server);
        stream.write_all(b"hello").await?;
        let start = Instant::now();
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::TimedOut));
        assert_eq!(start.elapsed(), Duration::from_millis(924_600));
        Ok(())
    });
}

/// One way is enough for the bytes, not for the other side to know of it.
#[test]
fn a_way_that_is_cut_loses_the_acknowledgements() {
    simulate(|server| async move {
        let mut stream = TcpStream::connect("server:7").await?;
        from_to(server, host::current()).partition();
        stream.write_all(b"hello").await?;
        let start = Instant::now();
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::TimedOut));
        // The bytes are sent again and again, since nothing says that they have arrived.
        assert_eq!(start.elapsed(), Duration::from_millis(924_600));
        Ok(())
    });
}

/// 64 KiB may be on their way or unread.
#[test]
fn a_reader_that_waits_stops_the_writer() {
    let (written, arrived) = simulate(|_| async {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let client = Host::new("client").spawn(async {
            let mut stream = TcpStream::connect("main:9").await?;
            stream.write_all(&vec![7; 200_000]).await?;
            let written = Instant::now();
            stream.close().await?;
            Ok(written)
        });
        let (mut stream, _) = listener.accept().await?;
        sleep(Duration::from_secs(10)).await?;
        let start = Instant::now();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await?;
        assert_eq!(all.len(), 200_000);
        Ok((client.await?.duration_since(start).as_millis(), ways(start)))
    });
    // Three windows of 65,536 bytes and a rest: each next one leaves when the reader has taken the
    // one before and the writer has heard of it, and takes a way; the end comes with the last.
    assert_eq!((written, arrived), (500, 6));
}

/// 100,000 bytes at 1,000,000 in a second, in two windows that follow each other at once.
#[test]
fn bandwidth_is_shared_in_the_order_of_the_packets() {
    let took = simulate(|_| async {
        let sink = Host::new("sink");
        sink.run(async || {
            let listener = TcpListener::bind("0.0.0.0:9").await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                spawn(async move { Ok(stream.read_to_end(&mut Vec::new()).await.map(drop)?) });
            }
        });
        between(host::current(), sink).bandwidth(1_000_000);
        let upload = async || {
            let mut stream = TcpStream::connect("sink:9").await?;
            stream.write_all(&[0; 50_000]).await?;
            stream.close().await?;
            stream.read_to_end(&mut Vec::new()).await?;
            Ok::<_, Error>(Instant::now())
        };
        let start = Instant::now();
        let ends = gather([upload(), upload()]).await?;
        Ok(ends.map(|end| (end - start).as_millis()))
    });
    // A round trip to connect, 50 ms each on the link, and a round trip for both ends.
    assert_eq!(took, [450, 500]);
}

#[test]
fn a_crash_resets_and_a_drop_with_bytes_unread_too() {
    simulate(|server| async move {
        let mut stream = TcpStream::connect("server:7").await?;
        let start = Instant::now();
        server.crash();
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::ConnectionReset));
        assert_eq!(ways(start), 1);
        assert_eq!(kind(stream.write(b"x").await), Some(ErrorKind::BrokenPipe));
        server.restart();
        sleep(WAY).await?;
        let mut stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"unread").await?;
        sleep(WAY * 3).await?;
        let start = Instant::now();
        drop(stream);
        sleep(WAY).await?;
        assert!(!netstat(server).to_string().contains("ESTABLISHED"), "{}", netstat(server));
        assert_eq!(ways(start), 1);
        Ok(())
    });
}

/// Bytes that arrive for a stream that is gone reset the connection: the first write after the
/// other side's end succeeds, a later one does not.
#[test]
fn writing_to_a_stream_that_was_dropped() {
    simulate(|_| async {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let client = Host::new("client").spawn(async {
            let mut stream = TcpStream::connect("main:9").await?;
            assert_eq!(stream.read(&mut [0]).await?, 0);
            stream.write_all(b"x").await?;
            sleep(WAY * 2).await?;
            Ok(kind(stream.write(b"y").await))
        });
        drop(listener.accept().await?);
        assert_eq!(client.await?, Some(ErrorKind::BrokenPipe));
        Ok(())
    });
}

#[test]
fn a_listener_has_its_port_alone_and_a_backlog() {
    simulate(|_| async {
        let listener = TcpListener::bind_with_backlog("0.0.0.0:80", 1).await?;
        assert_eq!(kind(TcpListener::bind("127.0.0.1:80").await), Some(ErrorKind::AddrInUse));
        let elsewhere = TcpListener::bind("server:80").await;
        assert_eq!(kind(elsewhere), Some(ErrorKind::AddrNotAvailable));
        let any = TcpListener::bind("0.0.0.0:0").await?;
        assert_eq!(any.local_addr().port(), 32_768);
        let clients: Vec<_> = (0..3)
            .map(|number| {
                let host = Host::new(format!("client-{number}"));
                host.spawn(async move {
                    sleep(WAY * 5 * number).await?;
                    let stream = TcpStream::connect("main:80").await?;
                    Ok((Instant::now(), stream))
                })
            })
            .collect();
        sleep(Duration::from_millis(2_500)).await?;
        let (first, from) = listener.accept().await?;
        assert_eq!(from, first.peer_addr());
        let mut connected = Vec::new();
        for client in clients {
            connected.push(client.await?.0.since_start().as_millis());
        }
        // There is room for two. The third one asks at 1 and 2 s in vain, and at 4 s there is room.
        assert_eq!(connected, [200, 700, 4_200]);
        drop(listener);
        let refused = TcpStream::connect("localhost:80").await;
        assert_eq!(kind(refused), Some(ErrorKind::ConnectionRefused));
        Ok(())
    });
}

/// A cancel travels in the `io::Error` and is a cancel again; what comes later is not lost.
#[test]
fn a_cancelled_accept_or_read_loses_nothing() {
    simulate(|_| async {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let early = timeout(WAY).scope(async |_| Ok(listener.accept().await?)).await;
        assert!(early.unwrap_err().is_timeout());
        let client = Host::new("client").spawn(async {
            let mut stream = TcpStream::connect("main:9").await?;
            sleep(WAY * 5).await?;
            stream.write_all(b"late").await?;
            Ok(sleep(WAY * 5).await?)
        });
        let (mut stream, _) = listener.accept().await?;
        let mut buffer = [0; 4];
        let read = timeout(WAY).scope(async |_| Ok(stream.read_exact(&mut buffer).await?)).await;
        assert!(read.unwrap_err().is_timeout());
        stream.read_exact(&mut buffer).await?;
        assert_eq!(&buffer, b"late");
        let reading = spawn(async move { Ok(stream.read(&mut [0]).await?) });
        sleep(WAY).await?;
        reading.cancel();
        assert!(reading.await.unwrap_err().is_cancelled());
        client.await
    });
}

/// What is held is sent when it is released, in its order.
#[test]
fn a_link_can_be_held() {
    let took = simulate(|server| async move {
        let mut stream = TcpStream::connect("server:7").await?;
        let link = between(host::current(), server);
        link.hold();
        let start = Instant::now();
        stream.write_all(b"a").await?;
        stream.write_all(b"b").await?;
        sleep(Duration::from_secs(300)).await?;
        link.release();
        let mut back = [0; 2];
        stream.read_exact(&mut back).await?;
        assert_eq!(&back, b"ab");
        Ok(ways(start))
    });
    assert_eq!(took, 3_002);
}

#[test]
fn rules_see_packets_and_decide() {
    use PacketKind::{Accept, Acknowledgement, Confirm, Connect, Data};
    let (seen, took) = simulate(|_| async {
        let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let to = std::rc::Rc::clone(&seen);
        let watching = net::rule(move |packet| {
            to.borrow_mut().push((packet.kind, packet.bytes));
            Verdict::Pass
        });
        let slow = net::rule(|packet| match packet.kind {
            Data if packet.bytes == 2 => Verdict::Deliver(WAY * 10),
            Data if packet.bytes == 3 => Verdict::Drop,
            _ => Verdict::Pass,
        });
        let mut stream = TcpStream::connect("server:7").await?;
        let start = Instant::now();
        stream.write_all(b"ab").await?;
        let mut back = [0; 2];
        stream.read_exact(&mut back).await?;
        let slowly = ways(start);
        drop((slow, watching));
        stream.write_all(b"abc").await?;
        stream.read_exact(&mut [0; 3]).await?;
        let seen = seen.borrow().clone();
        Ok((seen, (slowly, ways(start))))
    });
    let handshake = [(Connect, 0), (Accept, 0), (Confirm, 0), (Data, 2), (Acknowledgement, 0)];
    assert_eq!(seen[..5], handshake);
    assert_eq!(took, (20, 22));
}

/// What `netstat -an` shows of the same sockets.
#[test]
fn netstat_shows_the_sockets_of_a_host() {
    let text = simulate(|server| async move {
        let mut stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"hello").await?;
        stream.close().await?;
        let here = netstat(host::current()).to_string();
        sleep(WAY * 2).await?;
        Ok([here, netstat(server).to_string()].join("\n"))
    });
    let expected = "\
Proto Recv-Q Send-Q Local Address         Foreign Address       State
tcp        0      5 10.0.0.1:32768        10.0.0.2:7            FIN_WAIT1
Proto Recv-Q Send-Q Local Address         Foreign Address       State
tcp        0    128 0.0.0.0:7             *:*                   LISTEN
tcp        0      5 10.0.0.2:7            10.0.0.1:32768        LAST_ACK";
    assert_eq!(text, expected);
}

#[test]
fn a_deadlock_names_the_stream_and_the_listener() {
    let outcome = Simulation::new().block_on(async {
        let server = Host::new("server");
        server.run(echo);
        let mut stream = TcpStream::connect("server:7").await?;
        Ok(stream.read(&mut [0]).await?)
    });
    let error = outcome.result.unwrap_err();
    let deadlock = error.downcast_ref::<Deadlock>().expect("a deadlock");
    let waits =
        deadlock.blocked().iter().map(|task| format!("{} {}", task.name, task.waits[0].what));
    assert_eq!(
        waits.collect::<Vec<_>>(),
        [
            "Task-1 tcp stream#1 (read)",
            "server tcp listener#1 (accept)",
            "Task-2 tcp stream#2 (read)"
        ]
    );
}

/// Why nobody answers.
#[test]
fn a_deadlock_names_hosts_that_are_down_and_ways_that_are_cut() {
    let outcome = Simulation::new().block_on(async {
        let [down, far, slow] = ["down", "far", "slow"].map(Host::new);
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        between(host::current(), slow).hold();
        from_to(far, host::current()).partition();
        for host in [down, far, slow] {
            socket.send_to(b"?", format!("{}:9", host.name()))?;
        }
        down.crash();
        Ok(socket.recv(&mut [0]).await?)
    });
    let error = outcome.result.unwrap_err();
    let deadlock = error.downcast_ref::<Deadlock>().expect("a deadlock");
    let obstacles = [
        "the host 'down' is down",
        "1 packet is held from 'main' to 'slow'",
        "a partition lets nothing through from 'far' to 'main'",
    ];
    assert_eq!(deadlock.obstacles(), obstacles);
    let text = error.to_string();
    assert!(text.ends_with(&format!("\n  {}", obstacles.join("\n  "))), "{text}");
}

/// Whatever gets lost, what is written comes back whole, or the connection fails.
#[test]
fn a_stream_loses_and_doubles_nothing() {
    let mut failed = 0;
    for seed in 0..500 {
        let outcome = Simulation::new().seed(seed).block_on(async {
            Host::new("server").run(echo);
            net::everywhere().loss(Ratio::new(1, 4)).resets(Ratio::new(1, 40));
            let result = attempt(async {
                let stream = TcpStream::connect("server:7").await?;
                let (mut reading, mut writing) = (stream.clone(), stream);
                let sent: Vec<u8> = (0..=255).cycle().take(2_000).collect();
                let expected = sent.clone();
                let writer = spawn(async move {
                    for part in sent.chunks(300) {
                        writing.write_all(part).await?;
                        sleep(Duration::from_millis(1)).await?;
                    }
                    Ok(writing.close().await?)
                });
                let mut back = Vec::new();
                let read = reading.read_to_end(&mut back).await;
                writer.await?;
                read?;
                Ok((back, expected))
            })
            .await;
            match result {
                Ok((back, expected)) => Ok(out!("{}", back == expected)),
                Err(error) if error.is::<io::Error>() => Ok(out!("{error}")),
                Err(error) => Err(error),
            }
        });
        outcome.result.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let line = &outcome.lines[0].text;
        assert_ne!(line, "false", "seed {seed}");
        failed += usize::from(line != "true");
    }
    assert!((20..400).contains(&failed), "{failed}");
}

/// Source: Linux, `sock_error` and `tcp_recvmsg`: an error of a socket is returned once, and what
/// is shut down reads as the end.
#[test]
fn a_reset_is_told_once() {
    let told = simulate(|_| async {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let mut ends = Vec::new();
        for writes_first in [false, true] {
            let mut near = TcpStream::connect(listener.local_addr()).await?;
            let (far, _) = listener.accept().await?;
            near.write_all(b"never read").await?;
            sleep(WAY * 3).await?;
            drop(far);
            sleep(WAY * 3).await?;
            let mut kinds = Vec::new();
            for round in 0..4 {
                kinds.push(match writes_first == (round % 2 == 0) {
                    true => kind(near.write(b"more").await),
                    false => kind(near.read(&mut [0; 4]).await),
                });
            }
            ends.push(kinds);
        }
        Ok(ends)
    });
    let (reset, broken) = (Some(ErrorKind::ConnectionReset), Some(ErrorKind::BrokenPipe));
    assert_eq!(told, [[reset, broken, None, broken], [reset, None, broken, None]]);
}

/// A read into no room takes nothing, and waits all the same while nothing is there. What Linux
/// 6.18 gives for `recv` with a length of 0: `EAGAIN`, then 0 with two bytes left, 0 at the end,
/// and `ECONNRESET` once.
#[test]
fn a_read_into_no_room_waits_for_something() {
    let told = simulate(|_server| async move {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let mut one = TcpStream::connect("localhost:9").await?;
        let (mut other, _) = listener.accept().await?;
        let (start, mut buffer) = (Instant::now(), [0; 9]);
        spawn(async move {
            sleep(WAY).await?;
            one.write_all(b"xy").await?;
            one.close().await?;
            Ok(sleep(WAY).await?)
        });
        let data = (other.read(&mut []).await?, start.elapsed(), other.read(&mut buffer).await?);
        let end = (other.read(&mut []).await?, other.read(&mut buffer).await?);
        let one = TcpStream::connect("localhost:9").await?;
        let (mut other, _) = listener.accept().await?;
        other.write_all(b"unread").await?;
        sleep(WAY).await?;
        drop(one);
        sleep(WAY).await?;
        Ok((data, end, kind(other.read(&mut []).await), other.read(&mut buffer).await?))
    });
    assert_eq!(told, ((0, WAY, 2), (0, 0), Some(ErrorKind::ConnectionReset), 0));
}
