//! How many may connect to who does not accept them.

use std::time::Duration;

use seedloop::host::Host;
use seedloop::net::{self, TcpListener, TcpStream};
use seedloop::{Instant, run, sleep, spawn, timeout};

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
