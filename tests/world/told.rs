//! What the reports of a failure tell of the network.

use std::time::Duration;

use futures_lite::AsyncWriteExt;
use seedloop::error::Deadlock;
use seedloop::explore::Explorer;
use seedloop::host::{self, Host};
use seedloop::net::{self, TcpListener, TcpStream, UdpSocket, between};
use seedloop::report::{Found, failure_text};
use seedloop::{Instant, Result, run, sleep, spawn};

const WAY: Duration = Duration::from_millis(100);

/// Keeps what connects, and reads nothing.
async fn hold() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let mut streams = Vec::new();
    loop {
        streams.push(listener.accept().await?);
    }
}

/// The ends of a connection, by host, with their queues: five bytes are unread, of three nobody
/// knows. Sockets that listen and those of a host that is down are none.
#[test]
fn a_deadlock_tells_of_connections() {
    let result: Result<()> = run(async {
        net::everywhere().latency(WAY..=WAY);
        let [server, down] = ["server", "down"].map(Host::new);
        server.run(hold);
        down.run(hold);
        sleep(WAY).await?;
        let _other = TcpStream::connect("down:7").await?;
        let mut stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"hello").await?;
        sleep(WAY * 3).await?;
        down.cut_power();
        between(host::current(), server).hold();
        stream.write_all(b"bye").await?;
        Ok(stream.read(&mut [0]).await.map(drop)?)
    });
    let error = result.unwrap_err();
    let text = error.to_string();
    let (_, told) = text.split_once("\n  1 packet is held").expect("an obstacle");
    let expected = " from 'main' to 'server'
  the host 'down' is down
  connection of 'main' 10.0.0.1:32768 to 10.0.0.3:7 ESTABLISHED
  connection of 'main' 10.0.0.1:32769 to 10.0.0.2:7 ESTABLISHED, 3 bytes unacknowledged
  connection of 'server' 10.0.0.2:7 to 10.0.0.1:32769 ESTABLISHED, 5 bytes unread";
    assert_eq!(told, expected);
    let deadlock = error.downcast_ref::<Deadlock>().expect("a deadlock");
    assert_eq!(deadlock.connections().len(), 3);
}

/// A partition stands in the way whether or not something was sent before.
#[test]
fn a_deadlock_tells_of_partitions_without_traffic() {
    let obstacles = |partition: fn(Host)| {
        let result: Result<()> = run(async move {
            let server = Host::new("server");
            Host::new("third");
            partition(server);
            let socket = UdpSocket::bind("0.0.0.0:5").await?;
            Ok(socket.recv(&mut [0]).await.map(drop)?)
        });
        let error = result.unwrap_err();
        error.downcast_ref::<Deadlock>().expect("a deadlock").obstacles().join("; ")
    };
    let cut = "a partition lets nothing through";
    assert_eq!(
        obstacles(|_| _ = net::everywhere().partition()),
        format!("{cut} between any two hosts")
    );
    let but_one = |server| {
        _ = net::everywhere().partition();
        _ = between(host::current(), server).repair();
    };
    assert_eq!(obstacles(but_one), format!("{cut} between any other two hosts"));
    let one = |server| _ = net::from_to(server, host::current()).partition();
    assert_eq!(obstacles(one), format!("{cut} from 'server' to 'main'"));
}

/// The report of a failure shows the first four ends, and how many more there are.
#[test]
fn a_failure_tells_of_connections() {
    let body = || {
        run(async {
            net::everywhere().latency(WAY..=WAY);
            Host::new("server").run(hold);
            sleep(WAY).await?;
            drop(spawn(async {
                let mut streams = Vec::new();
                for _ in 0..3 {
                    streams.push(TcpStream::connect("server:7").await?);
                }
                streams[1].write_all(b"hello").await?;
                streams[2].close().await?;
                Ok(sleep(WAY * 90).await?)
            }));
            sleep(WAY * 13 / 2).await?;
            assert!(Instant::now() > Instant::now(), "on purpose");
            Ok(())
        })
    };
    let exploration = Explorer::new().explore_runs(&body, &|_| Ok(()));
    let failure = exploration.failure.expect("a run fails");
    let text = failure_text(&failure, &Found::default());
    assert!(text.lines().count() <= 40, "{text}");
    let (_, told) = text.split_once("connections at the end:\n").expect("connections");
    let expected = "  'main' 10.0.0.1:32768 to 10.0.0.2:7 ESTABLISHED
  'main' 10.0.0.1:32769 to 10.0.0.2:7 ESTABLISHED, 5 bytes unacknowledged
  'main' 10.0.0.1:32770 to 10.0.0.2:7 FIN_WAIT1
  'server' 10.0.0.2:7 to 10.0.0.1:32768 ESTABLISHED
  ... and 2 more
";
    assert_eq!(told.trim_end(), expected.trim_end());
}
