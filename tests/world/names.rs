//! Names of hosts: who is found by which, when, and what that costs.

use std::io::ErrorKind;
use std::time::Duration;

use seedloop::host::{self, Host};
use seedloop::net::{self, TcpListener, TcpStream, UdpSocket};
use seedloop::{Instant, Ratio, Result, Simulation, run, sleep, tokio};

const DELAY: Duration = Duration::from_millis(20);

/// Source: RFC 4343, on the case of names.
#[test]
fn letters_of_a_name_have_no_case() {
    run(async {
        let host = Host::new("DB.internal");
        assert_eq!(Host::find("db.INTERNAL"), Some(host));
        assert_eq!(host.name(), "DB.internal");
        let address = net::lookup_host("dB.internal:80")?;
        assert_eq!(address.ip(), host.address());
        assert_eq!(net::lookup_host("LocalHost:80")?.to_string(), "127.0.0.1:80");
        Ok(())
    })
    .unwrap();
}

#[test]
fn names_that_differ_by_case_are_one() {
    let twice: Result<()> = run(async {
        Host::new("DB");
        Host::new("db");
        Ok(())
    });
    let text = twice.unwrap_err().to_string();
    assert!(text.contains("there is a host called 'db' already; use another name"), "{text}");
}

/// Names take as long as the resolver takes, whether or not there is such a host; addresses,
/// `localhost` and what cannot wait take none.
#[test]
fn names_take_their_time() {
    run(async {
        net::everywhere().latency(Duration::ZERO..=Duration::ZERO);
        net::resolver().latency(DELAY..=DELAY);
        let server = Host::new("server");
        server.run(async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            loop {
                drop(listener.accept().await?);
            }
        });
        sleep(DELAY).await?;
        let address = server.address();
        let mut took = Vec::new();
        let mut start = Instant::now();
        let mut lap = || {
            took.push(start.elapsed().as_millis());
            start = Instant::now();
        };
        TcpStream::connect("server:7").await?;
        lap();
        TcpStream::connect((address, 7)).await?;
        lap();
        let error = TcpStream::connect("nobody:7").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        lap();
        drop(UdpSocket::bind("localhost:5").await?);
        UdpSocket::bind("0.0.0.0:4").await?.send_to(b"x", "server:7")?;
        lap();
        tokio::net::TcpStream::connect("server:7").await?;
        lap();
        let found = tokio::net::lookup_host("server:7").await?.next();
        assert_eq!(found.map(|found| found.ip()), Some(address));
        lap();
        UdpSocket::bind("main:6").await?;
        lap();
        assert_eq!(took, [20, 0, 20, 0, 20, 20, 20]);
        Ok(())
    })
    .unwrap();
}

/// Dropping a connect in the middle of that leaves nothing, and a cancel comes as one.
#[test]
fn a_connect_can_be_given_up_while_it_resolves() {
    run(async {
        net::resolver().latency(DELAY..=DELAY);
        Host::new("server");
        let connect = seedloop::spawn(async { Ok(drop(TcpStream::connect("server:7").await?)) });
        sleep(DELAY / 2).await?;
        connect.cancel();
        assert!(connect.await.unwrap_err().is_cancelled());
        assert_eq!(net::netstat(host::current()).sockets, []);
        Ok(())
    })
    .unwrap();
}

/// A failure is a choice, goes by, and is none after `heal`; without a seed there is none.
#[test]
fn names_may_fail_for_a_while() {
    let body = || async {
        let server = Host::new("server");
        net::resolver().failures(Ratio::new(1, 2));
        let mut failed = 0;
        for _ in 0..16 {
            if let Err(error) = net::lookup_host("server:7") {
                assert_eq!(error.kind(), ErrorKind::Other);
                let text = "failed to lookup address information: Temporary failure in name \
                            resolution (server)";
                assert_eq!(error.to_string(), text);
                failed += 1;
            }
        }
        net::lookup_host((server.address(), 7))?;
        host::heal();
        (0..16).try_for_each(|_| net::lookup_host("server:7").map(drop))?;
        Ok(failed)
    };
    let mut counts: Vec<usize> =
        (0..20).map(|seed| Simulation::new().seed(seed).block_on(body()).result.unwrap()).collect();
    counts.sort_unstable();
    // Half of the runs leave the class out.
    assert!(counts[0] == 0 && counts[19] > 3 && counts[19] < 16, "{counts:?}");
    let dull: Result<usize> = run(body());
    assert_eq!(dull.unwrap(), 0);
}
