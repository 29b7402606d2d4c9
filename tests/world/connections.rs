//! What goes to and fro for a connection, packet by packet, and what of it a host knows.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::AsyncWriteExt;
use seedloop::host::{self, Host};
use seedloop::net::{
    self, Netstat, PacketKind, RuleGuard, TcpListener, TcpStream, Verdict, from_to, netstat,
};
use seedloop::{Instant, Result, run, sleep, spawn, timeout, tokio, yield_now};

use PacketKind::{Accept, Acknowledgement, Confirm, Connect, Finish, Probe, Reset};

const WAY: Duration = Duration::from_millis(100);

type Seen = Rc<RefCell<Vec<PacketKind>>>;

/// Takes down all packets from one host to another.
pub(super) fn watch() -> (Seen, RuleGuard) {
    let seen = Seen::default();
    let sees = Rc::clone(&seen);
    let guard = net::rule(move |packet| {
        sees.borrow_mut().push(packet.kind);
        Verdict::Pass
    });
    (seen, guard)
}

/// Runs `main` beside a host `server`, to which each way takes 0.1 s.
fn simulate<T, F>(main: impl FnOnce(Host) -> F + 'static) -> T
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let result = run(async {
        net::everywhere().latency(WAY..=WAY);
        main(Host::new("server")).await
    });
    result.unwrap()
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// How many bytes had been taken at each acknowledgement of a host that takes 16 every 16 ms, when
/// it is sent `total` at once, of which 65,536 fit.
fn told_at(total: usize) -> Vec<usize> {
    simulate(move |server| async move {
        let taken = Rc::new(Cell::new(0));
        let takes = Rc::clone(&taken);
        let reads = server.spawn(async move {
            let (mut stream, _) = TcpListener::bind("0.0.0.0:9").await?.accept().await?;
            sleep(WAY * 9).await?;
            while takes.get() < total {
                stream.read_exact(&mut [0; 16]).await?;
                takes.set(takes.get() + 16);
                sleep(Duration::from_millis(16)).await?;
            }
            Ok(sleep(WAY).await?)
        });
        sleep(WAY).await?;
        let mut stream = TcpStream::connect("server:9").await?;
        sleep(WAY).await?;
        let told = Rc::new(RefCell::new(Vec::new()));
        let tells = Rc::clone(&told);
        let _watching = net::rule(move |packet| {
            match packet.kind {
                Acknowledgement => tells.borrow_mut().push(taken.get() + 16),
                // Nothing is asked, so that nothing is told but by itself.
                Probe => return Verdict::Drop,
                _ => {}
            }
            Verdict::Pass
        });
        stream.write_all(&vec![0; total]).await?;
        reads.await?;
        Ok(told.take())
    })
}

/// What opens a closed window is said once a 16th of the buffer is free, and again when it is twice
/// as wide: what Linux 6.18 does with 91,134 bytes unread, which tells of 7,270, 15,386, 31,306 and
/// 64,608 of them (more than a 16th, as it counts whole segments). Source: `__tcp_select_window`,
/// `__tcp_cleanup_rbuf`.
#[test]
fn windows_open_by_a_16th_and_twice_that() {
    // What arrives is acknowledged before any of it is taken.
    assert_eq!(told_at(65_536), [16, 4_096, 8_192, 16_384, 32_768, 65_536]);
    // Who has more to send fills the 4,096 bytes 0.2 s later, when the reader has taken 192 more,
    // of which there is nothing to tell.
    let filled = (1..=16).flat_map(|times| [times * 4_096, times * 4_096 + 192 + 16]);
    let rest = [4_096, 8_192, 16_384, 32_768, 65_536].map(|free| 65_536 + free);
    let expected: Vec<usize> = [16].into_iter().chain(filled).chain(rest).collect();
    assert_eq!(told_at(131_072), expected);
}

/// Recv-Q is what was received and not read, Send-Q what the other host has not acknowledged.
/// Source: netstat(8).
#[test]
fn queues_are_what_is_unread_and_what_is_unacknowledged() {
    let queues = simulate(|server| async move {
        drop(server.spawn(async {
            let (_unread, _) = TcpListener::bind("0.0.0.0:9").await?.accept().await?;
            Ok(sleep(WAY * 90).await?)
        }));
        sleep(WAY).await?;
        let mut stream = TcpStream::connect("server:9").await?;
        stream.write_all(b"hello").await?;
        let queue = |all: Netstat| {
            let connected = all.sockets.into_iter().find(|socket| socket.peer.is_some());
            connected.map_or((9, 9), |socket| (socket.receive_queue, socket.send_queue))
        };
        let mut queues = Vec::new();
        for _ in 0..4 {
            sleep(WAY * 2 / 3).await?;
            queues.push((queue(netstat(host::current())), queue(netstat(server))));
        }
        Ok(queues)
    });
    // After 67, 133, 200 and 267 ms: the bytes arrive after 100, what says so after 200.
    let (sent, arrived, known) = (((0, 5), (0, 0)), ((0, 5), (5, 0)), ((0, 0), (5, 0)));
    assert_eq!(queues, [sent, arrived, arrived, known]);
}

/// The states of both ends every 0.1 s, from 0.05 s after the one asks: it closes at once, and the
/// other one 0.2 s after it has accepted, by closing or by dropping what it has. Names and order
/// are those of `netstat` on Linux.
#[test]
fn a_connection_goes_through_the_states_of_linux() {
    let states = |drops: bool| {
        simulate(move |server| async move {
            drop(server.spawn(async move {
                let (mut stream, _) = TcpListener::bind("0.0.0.0:9").await?.accept().await?;
                sleep(WAY * 2).await?;
                match drops {
                    true => drop(stream),
                    false => stream.close().await?,
                }
                Ok(sleep(WAY * 90).await?)
            }));
            sleep(WAY).await?;
            drop(spawn(async move {
                let mut stream = TcpStream::connect("server:9").await?;
                match drops {
                    true => drop(stream),
                    false => stream.close().await?,
                }
                Ok(sleep(WAY * 90).await?)
            }));
            let mut states = Vec::new();
            sleep(WAY / 2).await?;
            for _ in 0..8 {
                let state = |host| {
                    let all = netstat(host).sockets;
                    all.iter().find(|socket| socket.peer.is_some()).and_then(|socket| socket.state)
                };
                states.push((state(host::current()), state(server)));
                sleep(WAY).await?;
            }
            Ok(states)
        })
    };
    use net::SocketState::{
        CloseWait, Closed, Closing, FinWait1, FinWait2, LastAck, SynRecv, SynSent,
    };
    let begins = [(Some(SynSent), None), (Some(SynSent), Some(SynRecv))];
    // The end comes at 0.3 s with the first word, and what says so at 0.4 s.
    let after_it = [
        (Some(FinWait1), Some(SynRecv)),
        (Some(FinWait1), Some(CloseWait)),
        (Some(FinWait2), Some(CloseWait)),
        (Some(FinWait2), Some(LastAck)),
    ];
    for (drops, over) in [(false, Some(Closed)), (true, None)] {
        let rest = [(over, Some(LastAck)), (over, over)];
        assert_eq!(states(drops), [&begins[..], &after_it, &rest].concat());
    }
    // Both close at the same time, each before it hears of the other.
    let both = simulate(|server| async move {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let far = server.spawn(async { Ok(TcpStream::connect("main:9").await?) });
        let (mut near, _) = listener.accept().await?;
        let mut far = far.await?;
        let mut others = far.clone();
        drop(server.spawn(async move { Ok(others.close().await?) }));
        near.close().await?;
        let mut states = Vec::new();
        for _ in 0..3 {
            sleep(WAY * 3 / 4).await?;
            let all = netstat(host::current()).sockets;
            states.extend(all.iter().filter(|it| it.peer.is_some()).filter_map(|it| it.state));
        }
        assert_eq!(far.read(&mut [0]).await?, 0);
        Ok(states)
    });
    assert_eq!(both, [FinWait1, Closing, Closed]);
}

/// Connects to a host to which a way takes `way`, and gives that up `hops` hops after `after`:
/// whether the task had its stream, what the other side has read, and what was sent.
fn give_up(way: Duration, after: Duration, hops: usize) -> (bool, Option<usize>, Vec<PacketKind>) {
    run(async move {
        net::everywhere().latency(way..=way);
        let server = Host::new("server");
        let accepts = server.spawn(async {
            let listener = TcpListener::bind("0.0.0.0:9").await?;
            let accepted = timeout(WAY * 20).scope(async |_| {
                let (mut stream, _) = listener.accept().await?;
                Ok(stream.read(&mut [0]).await?)
            });
            Ok(accepted.await.ok())
        });
        sleep(WAY).await?;
        let (seen, _watching) = watch();
        let got = Rc::new(Cell::new(false));
        let gets = Rc::clone(&got);
        let connects = spawn(async move {
            let _stream = TcpStream::connect("server:9").await?;
            gets.set(true);
            Ok(sleep(WAY * 9).await?)
        });
        sleep(after).await?;
        for _ in 0..hops {
            yield_now().await?;
        }
        connects.abort();
        let accepted = accepts.await?;
        assert_eq!(netstat(host::current()).sockets, []);
        let seen = seen.borrow().clone();
        Ok((got.get(), accepted, seen))
    })
    .unwrap()
}

/// A connection that nobody takes is closed; one that nobody waits for any more is not made.
#[test]
fn a_dropped_connect_closes_what_there_is() {
    assert_eq!(give_up(WAY, WAY / 2, 0), (false, None, vec![Connect]));
    assert_eq!(give_up(WAY, WAY * 3 / 2, 0), (false, None, vec![Connect, Accept, Reset]));
    // Where nothing takes time the hops tell how far it has come.
    let mut untaken = 0;
    for hops in 0..12 {
        let (got, accepted, seen) = give_up(Duration::ZERO, Duration::ZERO, hops);
        let is_connected = seen.contains(&Confirm);
        assert_eq!(seen.contains(&Finish), is_connected, "{hops}: {seen:?}");
        assert_eq!(accepted, is_connected.then_some(0), "{hops}: {seen:?}");
        untaken += usize::from(is_connected && !got);
    }
    assert!(untaken > 0, "no hop lies between the handshake and the task's step");
}

/// Source: RFC 5961, 4.2, and Linux, `tcp_send_challenge_ack`: a SYN for a connection that is known
/// is answered with where that stands; the client resets it, and its next SYN, after a second, is
/// answered.
#[test]
fn who_comes_back_with_the_same_port_is_asked_first() {
    let (told, connected, seen) = simulate(|server| async move {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let connect = async || {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind("0.0.0.0:5000".parse().unwrap())?;
            socket.connect("10.0.0.1:9".parse().unwrap()).await
        };
        let before = server.spawn(async move {
            let _stream = connect().await?;
            Ok(sleep(WAY * 90).await?)
        });
        let (mut old, _) = listener.accept().await?;
        sleep(WAY).await?;
        server.cut_power();
        drop(before);
        sleep(WAY).await?;
        server.restart();
        let (seen, _watching) = watch();
        let start = Instant::now();
        let again = server.spawn(async move {
            let stream = connect().await?;
            let took = start.elapsed();
            sleep(WAY * 9).await?;
            Ok(drop(stream)).map(|()| took)
        });
        let told = (kind(old.read(&mut [0]).await), start.elapsed());
        let open = |all: Netstat| {
            all.sockets
                .iter()
                .filter(|socket| socket.state == Some(net::SocketState::Established))
                .count()
        };
        let (new, from) = listener.accept().await?;
        assert_eq!(from.port(), 5_000);
        assert_eq!(open(netstat(host::current())), 1);
        let seen = seen.borrow().clone();
        drop((old, new));
        Ok((told, again.await?, seen))
    });
    assert_eq!(told, (Some(ErrorKind::ConnectionReset), WAY * 3));
    assert_eq!(connected, Duration::from_secs(1) + WAY * 2);
    assert_eq!(seen, [Connect, Acknowledgement, Reset, Connect, Accept, Confirm, Acknowledgement]);
}

/// The one that was asked for a connection and has not heard the first word is a known one, too.
#[test]
fn a_lost_challenge_is_asked_again() {
    let connected = simulate(|server| async move {
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let connect = async || {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind("0.0.0.0:5000".parse().unwrap())?;
            socket.connect("10.0.0.1:9".parse().unwrap()).await
        };
        drop(server.spawn(async move { Ok(drop(connect().await?)) }));
        sleep(WAY * 3 / 2).await?;
        server.cut_power();
        sleep(WAY).await?;
        server.restart();
        from_to(host::current(), server).partition();
        let start = Instant::now();
        let again = server.spawn(async move {
            let _stream = connect().await?;
            Ok(start.elapsed())
        });
        sleep(Duration::from_millis(500)).await?;
        net::everywhere().repair();
        let took = again.await?;
        drop(listener);
        Ok(took)
    });
    // The first challenge is lost, that of 1 s is not, and the SYN of 3 s is answered.
    assert_eq!(connected, Duration::from_secs(3) + WAY * 2);
}
