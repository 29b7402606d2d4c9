//! How many may connect to who does not accept them.

use std::io::ErrorKind;
use std::time::Duration;

use seedloop::error::Deadlock;
use seedloop::host::{self, Host};
use seedloop::net::{self, TcpListener, TcpStream, from_to, netstat};
use seedloop::{Instant, Simulation, run, sleep, spawn, timeout, tokio};

const WAY: Duration = Duration::from_millis(100);

/// One more than the backlog says: what Linux 6.18 lets in on its loopback, for 0, 1 and 128.
/// Source: `sk_acceptq_is_full`.
#[test]
fn one_more_than_the_backlog_connects() {
    for backlog in [0, 1, 128] {
        let connected = run(async move {
            let _listener = TcpListener::bind_with_backlog("0.0.0.0:80", backlog).await?;
            let mut kept = Vec::new();
            for _ in 0..backlog + 3 {
                let limit = timeout(Duration::from_millis(100));
                kept.extend(limit.scope(async |_| Ok(TcpStream::connect("main:80").await?)).await);
            }
            Ok(kept.len())
        });
        assert_eq!(connected.unwrap(), backlog + 1);
    }
}

/// Those who have only asked fill no backlog: all are answered who come at once, if somebody
/// accepts them. Source: Linux, `net.ipv4.tcp_syncookies`, which is on unless it is set.
#[test]
fn a_thousand_connect_at_once() {
    let took = run(async {
        net::everywhere().latency(WAY..=WAY);
        Host::new("server").run(async || {
            let (listener, mut kept) = (TcpListener::bind("0.0.0.0:80").await?, Vec::new());
            loop {
                kept.push(listener.accept().await?);
            }
        });
        sleep(WAY).await?;
        let start = Instant::now();
        let connect = |_| spawn(async { Ok(TcpStream::connect("server:80").await?) });
        for connecting in (0..1_000).map(connect).collect::<Vec<_>>() {
            connecting.await?;
        }
        Ok(start.elapsed())
    });
    assert_eq!(took.unwrap(), WAY * 2);
}

/// Three come at once where two may wait: all believe that they are connected, and what the third
/// one says is as good as lost until somebody accepts. Source: Linux, `tcp_v4_syn_recv_sock` and
/// `tcp_check_req` with a full queue.
#[test]
fn what_comes_to_a_full_queue_is_sent_again() {
    let told = run(async {
        net::everywhere().latency(WAY..=WAY);
        Host::new("server").run(async || {
            let listener = TcpListener::bind_with_backlog("0.0.0.0:80", 1).await?;
            sleep(Duration::from_secs(2)).await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                spawn(async move {
                    let mut buffer = [0; 8];
                    let length = stream.read(&mut buffer).await?;
                    Ok(stream.write_all(&buffer[..length]).await?)
                });
            }
        });
        let start = Instant::now();
        let talk = |_| {
            spawn(async move {
                let mut stream = TcpStream::connect("server:80").await?;
                let connected = start.elapsed().as_millis();
                stream.write_all(b"hello").await?;
                stream.read_exact(&mut [0; 5]).await?;
                Ok((connected, start.elapsed().as_millis()))
            })
        };
        let mut told = Vec::new();
        for talking in (0..3).map(talk).collect::<Vec<_>>() {
            told.push(talking.await?);
        }
        Ok(told)
    });
    // Two are accepted at 2.0 s. The third one's first word was sent at 0.2, 0.4, 0.8 and 1.6 s,
    // and is at 3.2 s.
    assert_eq!(told.unwrap(), [(200, 2_100), (200, 2_100), (200, 3_400)]);
}

/// A server that crashes between its answer and the first word says so behind its answer: who is
/// connected by that is reset, and who has not heard it is refused. Without that word the one hears
/// of it when it says its own, and the other asks again after 1 s. Source: RFC 9293, 3.10.7.3.
#[test]
fn a_request_dies_in_a_crash() {
    let told = |is_lost: bool, crash: fn(Host), restarts: bool| {
        let told = run(async move {
            net::everywhere().latency(WAY..=WAY);
            let server = Host::new("server");
            server.run(async || {
                let listener = TcpListener::bind("0.0.0.0:80").await?;
                loop {
                    let (mut stream, _) = listener.accept().await?;
                    spawn(async move {
                        stream.write_all(b"x").await?;
                        Ok(sleep(WAY * 90).await?)
                    });
                }
            });
            sleep(WAY).await?;
            let back = from_to(server, host::current());
            back.latency(WAY * 2..=WAY * 3);
            if is_lost {
                back.partition();
            }
            spawn(async move {
                sleep(WAY * 3 / 2).await?;
                back.repair().latency(WAY..=WAY);
                crash(server);
                sleep(WAY / 4).await?;
                if restarts {
                    server.restart();
                }
                Ok(())
            });
            let (start, mut read) = (Instant::now(), Ok(0));
            let connected = match TcpStream::connect("server:80").await {
                Ok(mut stream) => {
                    let connected = start.elapsed().as_millis();
                    read = stream.read(&mut [0]).await.map_err(|error| error.kind());
                    Ok(connected)
                }
                Err(error) => Err(error.kind()),
            };
            let ends = netstat(server).sockets.iter().filter(|it| it.peer.is_some()).count();
            Ok((connected, read, start.elapsed().as_millis(), ends))
        });
        told.unwrap()
    };
    let reset = Err(ErrorKind::ConnectionReset);
    // Asked at 0, answered at 0.1 s, which takes 0.2 s; the crash is at 0.15 s.
    assert_eq!(told(false, Host::crash, true), (Ok(300), reset, 300, 0));
    assert_eq!(told(false, Host::cut_power, true), (Ok(300), reset, 500, 0));
    let refused = Err(ErrorKind::ConnectionRefused);
    assert_eq!(told(true, Host::crash, true), (refused, Ok(0), 250, 0));
    assert_eq!(told(true, Host::cut_power, true), (Ok(1_200), Ok(1), 1_400, 1));
    // Nobody hears the first word: it is sent again, and given up.
    let timed_out = Err(ErrorKind::TimedOut);
    assert_eq!(told(false, Host::cut_power, false), (Ok(300), timed_out, 300 + 924_600, 0));
}

/// The same of who listens no more: the first word is refused, and what was asked for is gone.
#[test]
fn a_request_dies_with_who_listens() {
    let told = run(async {
        net::everywhere().latency(WAY..=WAY);
        let server = Host::new("server");
        server.run(async || {
            let _listener = TcpListener::bind("0.0.0.0:80").await?;
            Ok(sleep(WAY * 5 / 2).await?)
        });
        sleep(WAY).await?;
        let start = Instant::now();
        let mut stream = TcpStream::connect("server:80").await?;
        let connected = start.elapsed();
        let read = stream.read(&mut [0]).await.map_err(|error| error.kind());
        Ok((connected, read, start.elapsed(), netstat(server).sockets))
    });
    assert_eq!(told.unwrap(), (WAY * 2, Err(ErrorKind::ConnectionReset), WAY * 4, Vec::new()));
}

/// The answers are lost for 40 of 63 s. The first request takes 0.2 s, the others half of that: the
/// last one comes before the first is forgotten, and is remembered anew. Linux 6.18 connects, too.
/// Source: `tcp_check_req`.
#[test]
fn who_is_answered_is_not_forgotten_at_once() {
    let read = run(async {
        net::everywhere().latency(WAY..=WAY);
        let server = Host::new("server");
        server.run(async || {
            let (mut stream, _) = TcpListener::bind("0.0.0.0:80").await?.accept().await?;
            Ok(stream.write_all(b"x").await?)
        });
        sleep(WAY).await?;
        let way = from_to(server, host::current()).partition();
        from_to(host::current(), server).latency(WAY * 2..=WAY * 2);
        spawn(async move {
            sleep(WAY).await?;
            net::everywhere().latency(WAY..=WAY);
            sleep(Duration::from_secs(40)).await?;
            Ok(_ = way.repair())
        });
        let start = Instant::now();
        let mut stream = TcpStream::connect("server:80").await?;
        Ok((start.elapsed(), stream.read(&mut [0]).await?))
    });
    assert_eq!(read.unwrap(), (Duration::from_secs(63) + WAY * 2, 1));
}

/// Who asked and was never heard of again is forgotten 63 s after it came, or 32 s after it came
/// last; a new one that is told where the old one stands ends it at once, with its time: what is
/// left then is a deadlock, and is found at once.
#[test]
fn a_request_that_is_reset_is_forgotten_at_once() {
    let outcome = Simulation::new().block_on(async {
        net::everywhere().latency(WAY..=WAY);
        let listener = TcpListener::bind("0.0.0.0:9").await?;
        let client = Host::new("client");
        let connect = async || {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind("0.0.0.0:5000".parse().unwrap())?;
            socket.connect("10.0.0.1:9".parse().unwrap()).await
        };
        drop(client.spawn(async move { Ok(drop(connect().await?)) }));
        sleep(WAY * 3 / 2).await?;
        assert_eq!(netstat(host::current()).sockets.len(), 2);
        client.cut_power();
        sleep(WAY).await?;
        client.restart();
        drop(client.spawn(async move { Ok(drop(connect().await?)) }));
        // Asked at 0, told at 0.1, and disowned at 0.2 s.
        sleep(WAY * 7 / 2).await?;
        assert_eq!(netstat(host::current()).sockets.len(), 1);
        client.cut_power();
        let _never = listener.accept().await?;
        Ok(())
    });
    assert!(outcome.result.unwrap_err().is::<Deadlock>());
    assert_eq!(outcome.time.since_start(), WAY * 6);
}
