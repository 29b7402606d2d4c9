//! Connections of which one side knows nothing any more: whoever sends something there meets a
//! reset, or nobody. Expected times are those of Linux: again after 0.2, 0.6, 1.4, .. seconds, and
//! given up after 924.6.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use seedloop::host::{self, Host};
use seedloop::net::{
    self, PacketKind, SocketState, TcpListener, TcpStream, Verdict, between, from_to, netstat,
};
use seedloop::{Instant, Ratio, Result, Simulation, run, sleep, spawn, timeout, tokio};

use PacketKind::{Acknowledgement, Data, Finish, Reset};

use super::connections::watch;

const WAY: Duration = Duration::from_millis(100);
const GIVEN_UP_AFTER: Duration = Duration::from_millis(924_600);

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Keeps its connections, and reads nothing.
async fn hold() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let mut streams = Vec::new();
    loop {
        streams.push(listener.accept().await?);
    }
}

/// Runs `main` with a connection to a host to which each way takes 0.1 s.
fn simulate<T, F>(main: impl FnOnce(Host, TcpStream) -> F + 'static) -> T
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let result = run(async {
        net::everywhere().latency(WAY..=WAY);
        let server = Host::new("server");
        server.run(hold);
        sleep(WAY).await?;
        let stream = TcpStream::connect("server:7").await?;
        sleep(WAY * 2).await?;
        main(server, stream).await
    });
    result.unwrap()
}

/// A crash whose reset is lost is a power cut for the other side: it asks, and hears of it. Source:
/// RFC 9293, 3.10.7.1.
#[test]
fn a_crash_whose_reset_is_lost_is_found_out_by_who_sends() {
    for is_cut in [false, true] {
        let (told, seen) = simulate(move |server, mut stream| async move {
            match is_cut {
                true => server.cut_power(),
                false => {
                    let link = between(host::current(), server).partition();
                    server.crash();
                    link.repair();
                }
            }
            server.restart();
            sleep(WAY).await?;
            let (seen, _watching) = watch();
            let start = Instant::now();
            stream.write_all(b"hello").await?;
            let told = (kind(stream.read(&mut [0]).await), start.elapsed());
            let seen = seen.borrow().clone();
            Ok((told, seen))
        });
        assert_eq!(told, (Some(ErrorKind::ConnectionReset), WAY * 2));
        assert_eq!(seen, [Data, Reset]);
    }
}

/// The other side of a connection that has timed out asks, too.
#[test]
fn the_other_side_of_a_timeout_is_reset_when_it_sends() {
    let told = simulate(|server, _stream| async move {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let client = server.spawn(async {
            let mut stream = TcpStream::connect("main:9").await?;
            sleep(Duration::from_secs(2_000)).await?;
            let start = Instant::now();
            stream.write_all(b"still there?").await?;
            Ok((kind(stream.read(&mut [0]).await), start.elapsed()))
        });
        let (mut far, _) = listener.accept().await?;
        sleep(WAY * 2).await?;
        between(host::current(), server).partition();
        let start = Instant::now();
        far.write_all(b"x").await?;
        assert_eq!(kind(far.read(&mut [0]).await), Some(ErrorKind::TimedOut));
        assert_eq!(start.elapsed(), GIVEN_UP_AFTER);
        host::heal();
        // It has said nothing of that itself. Source: Linux, `tcp_write_err`.
        drop(far);
        client.await
    });
    assert_eq!(told, (Some(ErrorKind::ConnectionReset), WAY * 2));
}

/// A host that is up refuses; nobody hears of that, and gives up in the time of somebody who sends
/// into nothing.
#[test]
fn a_refusal_that_nobody_hears_is_a_timeout() {
    simulate(|server, mut stream| async move {
        server.cut_power();
        server.restart();
        from_to(server, host::current()).partition();
        let start = Instant::now();
        stream.write_all(b"x").await?;
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::TimedOut));
        assert_eq!(start.elapsed(), GIVEN_UP_AFTER);
        let socket = netstat(host::current()).sockets.remove(0);
        assert_eq!((socket.state, socket.send_queue), (Some(SocketState::Closed), 0));
        Ok(())
    });
}

/// What has refused something sends nothing when its power is cut.
#[test]
fn a_host_without_power_sends_nothing() {
    simulate(|server, mut stream| async move {
        server.cut_power();
        server.restart();
        let link = from_to(server, host::current()).partition();
        stream.write_all(b"x").await?;
        sleep(WAY * 3 / 2).await?;
        server.cut_power();
        link.repair();
        let address = server.address();
        net::rule(move |packet| {
            assert_ne!(packet.from.ip(), address, "sent without power: {packet:?}");
            Verdict::Pass
        })
        .forget();
        Ok(sleep(WAY * 100).await?)
    });
}

/// A reset comes behind what was sent before it, which can be read: what Linux 6.18 gives on its
/// loopback for bytes, the end, and a reset (`b'answer'`, `b''`).
#[test]
fn a_reset_does_not_overtake_an_answer() {
    let answered = |seed| {
        let outcome = Simulation::new().seed(seed).block_on(async {
            Host::new("server").run(async || {
                let (mut stream, _) = TcpListener::bind("0.0.0.0:80").await?.accept().await?;
                stream.read_exact(&mut [0]).await?;
                Ok(stream.write_all(b"answer").await?)
            });
            sleep(Duration::from_millis(1)).await?;
            let mut stream = TcpStream::connect("server:80").await?;
            let mut writer = stream.clone();
            spawn(async move {
                for _ in 0..30 {
                    writer.write_all(b"x").await?;
                    sleep(Duration::from_micros(300)).await?;
                }
                Ok(())
            });
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            Ok(answer == b"answer")
        });
        outcome.result.unwrap()
    };
    assert_eq!((0..1_000).find(|seed| !answered(*seed)), None);
}

/// What a host sends again for a stream that was dropped is forgotten in its crash, which says so.
#[test]
fn a_crash_resets_what_nobody_has_any_more() {
    for crashes in [false, true] {
        let told = simulate(move |server, _stream| async move {
            let listener = TcpListener::bind("0.0.0.0:9").await?;
            let client = server.spawn(async {
                let mut stream = TcpStream::connect("main:9").await?;
                sleep(WAY * 3).await?;
                Ok(stream.write_all(b"lost at first").await?)
            });
            let (mut stream, _) = listener.accept().await?;
            // It leaves 0.3 s after the connection, and again 0.2 and 0.6 s later.
            let link = from_to(server, host::current()).partition();
            client.await?;
            let start = Instant::now();
            sleep(WAY * 3).await?;
            link.repair();
            if crashes {
                server.crash();
            }
            let mut buffer = [0; 20];
            Ok((stream.read(&mut buffer).await.map_err(|error| error.kind()), start.elapsed()))
        });
        let expected = match crashes {
            true => (Err(ErrorKind::ConnectionReset), WAY * 4),
            false => (Ok(13), WAY * 7),
        };
        assert_eq!(told, expected);
    }
}

/// What nobody has any more is sent eight times again: after 0.2, 0.6, .. 51 seconds. Linux 6.18
/// gives it up twice that time after it was sent first.
#[test]
fn what_nobody_has_any_more_is_sent_eight_times_again() {
    let sent = simulate(|_server, mut stream| async move {
        let sent = Rc::new(RefCell::new(Vec::new()));
        let (start, log) = (Instant::now(), Rc::clone(&sent));
        let _losing = net::rule(move |packet| {
            log.borrow_mut().push((packet.kind, start.elapsed()));
            Verdict::Drop
        });
        stream.write_all(b"lost").await?;
        drop(stream);
        sleep(Duration::from_secs(1_000)).await?;
        Ok(sent.take())
    });
    let times = (0..=8).map(|again| Duration::from_millis(200) * ((1 << again) - 1));
    let expected: Vec<_> = times.flat_map(|time| [(Data, time), (Finish, time)]).collect();
    assert_eq!(sent, expected);
}

/// Who has closed last sends its end again if it is not acknowledged, and the other host, where
/// nobody has the connection any more, acknowledges it. Source: RFC 9293, TIME-WAIT.
#[test]
fn an_end_that_is_sent_again_is_acknowledged_and_not_refused() {
    let seen = simulate(|server, _stream| async move {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let client = server.spawn(async {
            let mut stream = TcpStream::connect("main:9").await?;
            assert_eq!(stream.read(&mut [0]).await?, 0);
            Ok(())
        });
        let (stream, _) = listener.accept().await?;
        sleep(WAY * 2).await?;
        let (seen, _watching) = watch();
        let mut lost = false;
        let _losing = net::rule(move |packet| {
            let is_last = packet.kind == Acknowledgement && packet.to.port() != 9;
            if is_last && !lost {
                lost = true;
                return Verdict::Drop;
            }
            Verdict::Pass
        });
        drop(stream);
        client.await?;
        sleep(WAY * 10).await?;
        let seen = seen.borrow().clone();
        Ok(seen)
    });
    let (there, back) = ([Finish, Acknowledgement], [Finish, Acknowledgement]);
    assert_eq!(seen, [&there[..], &back[..], &back[..]].concat());
}

/// A port whose connection still sends something is in use; one that only waits for the other side
/// is taken for a new connection, and the old one is reset. What Linux 6.18 gives: `EADDRNOTAVAIL`
/// in FIN_WAIT1 and LAST_ACK; in FIN_WAIT2 it connects, and the other side reads the end and gets
/// `EPIPE`.
#[test]
fn a_port_that_only_waits_for_the_other_side_is_used_again() {
    let (again, took, old) = simulate(|server, _stream| async move {
        let accepts = server.spawn(async {
            let listener = TcpListener::bind("0.0.0.0:9").await?;
            let (mut old, _) = listener.accept().await?;
            let _new = listener.accept().await?;
            Ok((old.read(&mut [0]).await?, kind(old.write(b"answer").await)))
        });
        sleep(WAY).await?;
        let (from, to) = ("10.0.0.1:4000".parse().unwrap(), (server.address(), 9).into());
        let connect = async || {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(from)?;
            socket.connect(to).await
        };
        drop(connect().await?);
        let at_once = kind(connect().await);
        sleep(WAY * 2).await?;
        let start = Instant::now();
        let _new = connect().await?;
        Ok((at_once, start.elapsed(), accepts.await?))
    });
    assert_eq!(again, Some(ErrorKind::AddrNotAvailable));
    // The first request is answered with where the old connection stands, the one after 1 s is let
    // in.
    assert_eq!(took, Duration::from_secs(1) + WAY * 2);
    assert_eq!(old, (0, Some(ErrorKind::BrokenPipe)));
}

/// What both sides hear within a second of a byte that is sent on a link which resets all, over
/// some seeds: in every second of them that fault is left out.
fn struck(obstacle: fn(net::Link)) -> BTreeSet<[Option<ErrorKind>; 2]> {
    async fn told(mut stream: TcpStream) -> Result<Option<ErrorKind>> {
        let second = timeout(Duration::from_secs(1));
        let told = second.scope(async |_| match stream.read(&mut [0]).await {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Some(error.kind())),
            other => Ok(other.map(|_| None)?),
        });
        Ok(told.await.unwrap_or_default())
    }
    let run_with = |seed| {
        let outcome = Simulation::new().seed(seed).block_on(async move {
            net::everywhere().latency(WAY..=WAY);
            let server = Host::new("server");
            let far = server.spawn(async {
                let (stream, _) = TcpListener::bind("0.0.0.0:9").await?.accept().await?;
                // The connection is there, and so is the byte.
                sleep(WAY * 2).await?;
                told(stream).await
            });
            sleep(WAY).await?;
            let mut near = TcpStream::connect("server:9").await?;
            sleep(WAY).await?;
            let way = from_to(host::current(), server).resets(Ratio::ONE);
            obstacle(way);
            near.write_all(b"x").await?;
            let near = told(near).await?;
            Ok([near, far.await?])
        });
        outcome.result.unwrap()
    };
    (0..16).map(run_with).collect()
}

/// Both sides hear of it, the far one by a packet: one that is lost, or seen by a rule. What does
/// not get through is not reset on its way.
#[test]
fn a_reset_on_the_way_is_a_packet() {
    let reset = Some(ErrorKind::ConnectionReset);
    assert_eq!(struck(|_| ()), BTreeSet::from([[None; 2], [reset; 2]]));
    let drops = |_| {
        net::rule(|packet| match packet.kind {
            Reset => Verdict::Drop,
            _ => Verdict::Pass,
        })
        .forget();
    };
    assert_eq!(struck(drops), BTreeSet::from([[None; 2], [reset, None]]));
    for obstacle in [|way: net::Link| _ = way.partition(), |way: net::Link| _ = way.hold()] {
        assert_eq!(struck(obstacle), BTreeSet::from([[None; 2]]));
    }
}

/// A stream whose end is struck by the fault, and that is dropped before its program has heard of
/// that, leaves nothing to its host.
#[test]
fn what_is_reset_as_it_is_closed_leaves_nothing() {
    for seed in 0..16 {
        let outcome = Simulation::new().seed(seed).block_on(async move {
            let server = Host::new("server");
            server.run(hold);
            sleep(WAY).await?;
            let mut stream = TcpStream::connect("server:7").await?;
            from_to(host::current(), server).resets(Ratio::ONE);
            stream.close().await?;
            drop(stream);
            sleep(Duration::from_secs(1)).await?;
            let left = netstat(host::current()).sockets.into_iter().map(|socket| socket.state);
            Ok(left.collect::<Vec<_>>())
        });
        // Where the fault is left out, the server keeps its side open.
        let left = outcome.result.unwrap();
        assert!(left.is_empty() || left == [Some(SocketState::FinWait2)], "seed {seed}: {left:?}");
    }
}
