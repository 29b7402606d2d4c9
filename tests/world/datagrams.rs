//! UDP on the simulated network: datagrams arrive, or not, or twice, in any order.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::Duration;

use seedloop::host::Host;
use seedloop::net::{self, UdpSocket};
use seedloop::{Ratio, Result, Simulation, out, run, sleep, spawn, timeout};

const WAY: Duration = Duration::from_millis(100);

/// Prints what comes.
async fn listen() -> Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:53").await?;
    let mut buffer = [0; 8];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        out!("{} from {from}", String::from_utf8_lossy(&buffer[..length]));
    }
}

async fn send(count: usize) -> Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    for number in 0..count {
        socket.send_to(number.to_string().as_bytes(), "server:53")?;
    }
    Ok(())
}

#[test]
fn a_datagram_arrives_a_way_later_and_is_cut() {
    let outcome = Simulation::new().block_on(async {
        net::everywhere().latency(WAY..=WAY);
        Host::new("server").run(listen);
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.connect("server:53")?;
        assert_eq!(socket.send(b"hello there")?, 11);
        sleep(WAY * 2).await?;
        Ok(())
    });
    outcome.result.unwrap();
    let lines: Vec<_> =
        outcome.lines.iter().map(|line| format!("{} {}", line.time, line.text)).collect();
    // What does not fit into the buffer is lost.
    assert_eq!(lines, ["0.1s hello th from 10.0.0.1:32768"]);
}

#[test]
fn what_cannot_be_sent_says_so() {
    run(async {
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        let kind = |result: std::io::Result<usize>| result.unwrap_err().kind();
        assert_eq!(kind(socket.send(b"x")), ErrorKind::NotConnected);
        assert_eq!(kind(socket.send_to(b"x", "nobody:1")), ErrorKind::NotFound);
        assert_eq!(kind(socket.send_to(b"x", "10.9.9.9:1")), ErrorKind::HostUnreachable);
        // Linux, `EACCES` without `SO_BROADCAST`.
        let all = "255.255.255.255:1";
        assert_eq!(kind(socket.send_to(b"x", all)), ErrorKind::PermissionDenied);
        assert_eq!(kind(socket.connect(all).map(|()| 0)), ErrorKind::PermissionDenied);
        let other = seedloop::tokio::net::UdpSocket::bind("0.0.0.0:0").await?;
        assert_eq!(kind(other.send_to(b"x", all).await), ErrorKind::PermissionDenied);
        other.set_broadcast(true)?;
        assert_eq!(kind(other.send_to(b"x", all).await), ErrorKind::HostUnreachable);
        assert_eq!(kind(socket.send_to(&[0; 65_508], "main:1")), ErrorKind::InvalidInput);
        let taken = UdpSocket::bind("0.0.0.0:9").await.unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        // Nobody is bound there, and nobody says so.
        assert_eq!(socket.send_to(b"x", "main:1")?, 1);
        let nothing = timeout(WAY).scope(async |_| Ok(socket.recv(&mut [0]).await?)).await;
        assert!(nothing.unwrap_err().is_timeout());
        Ok(())
    })
    .unwrap();
}

/// Of those that get through, a buffer of 212,992 bytes keeps as many as fit.
#[test]
fn a_full_buffer_loses_what_comes() {
    let received = run(async {
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        for _ in 0..5 {
            socket.send_to(&[0; 50_000], "main:9")?;
        }
        sleep(WAY).await?;
        let mut received = 0;
        while timeout(WAY).scope(async |_| Ok(socket.recv(&mut [0]).await?)).await.is_ok() {
            received += 1;
        }
        Ok(received)
    });
    assert_eq!(received.unwrap(), 4);
}

/// Runs that show each of the faults, each of them alone too, and the plain order.
#[test]
fn loss_duplication_and_any_order_are_found_each_and_together() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let outcome = Simulation::new().seed(seed).block_on(async {
            net::everywhere().loss(Ratio::new(1, 3)).duplication(Ratio::new(1, 3));
            Host::new("server").run(listen);
            sleep(WAY).await?;
            send(3).await?;
            sleep(WAY).await?;
            Ok(())
        });
        outcome.result.unwrap();
        let order = outcome.lines.iter().filter_map(|line| line.text.chars().next());
        seen.insert(order.collect::<String>());
    }
    let has_all = |order: &str| ["0", "1", "2"].iter().all(|number| order.contains(number));
    let has_twice = |order: &str| order.chars().collect::<BTreeSet<_>>().len() < order.len();
    let shows = |what: &str, is_so: &dyn Fn(&str) -> bool| {
        assert!(seen.iter().any(|order| is_so(order)), "no run shows {what}: {seen:?}");
    };
    shows("nothing", &|order| order == "012");
    shows("another order alone", &|order| order == "210");
    shows("loss alone", &|order| !has_all(order) && !has_twice(order));
    shows("duplication alone", &|order| has_all(order) && has_twice(order));
    shows("both", &|order| !has_all(order) && has_twice(order));
}

/// A run without a seed has no faults.
#[test]
fn the_dull_run_loses_nothing() {
    let outcome = Simulation::new().block_on(async {
        net::everywhere().loss(Ratio::ONE).duplication(Ratio::ONE);
        Host::new("server").run(listen);
        sleep(WAY).await?;
        send(3).await?;
        Ok(sleep(WAY).await?)
    });
    outcome.result.unwrap();
    assert_eq!(outcome.lines.len(), 3);
}

/// Who has only looked leaves the datagram to the next, who is woken for it.
#[test]
fn a_datagram_can_be_looked_at() {
    let seen = run(async {
        let socket = std::rc::Rc::new(UdpSocket::bind("0.0.0.0:9").await?);
        assert_eq!(socket.peer_addr(), None);
        let none = socket.try_recv_from(&mut [0; 4]).unwrap_err().kind();
        let (looks, takes) = (socket.clone(), socket.clone());
        let looks = spawn(async move {
            let mut buffer = [0; 2];
            Ok((looks.peek_from(&mut buffer).await?.0, buffer))
        });
        let takes = spawn(async move {
            let mut buffer = [0; 4];
            Ok((takes.recv_from(&mut buffer).await?.0, buffer))
        });
        sleep(Duration::from_millis(1)).await?;
        socket.send_to(b"abc", socket.local_addr())?;
        Ok((none, looks.await?, takes.await?))
    });
    let (none, looked, taken) = seen.unwrap();
    assert_eq!(none, ErrorKind::WouldBlock);
    assert_eq!((looked, taken), ((2, *b"ab"), (3, *b"abc\0")));
}
