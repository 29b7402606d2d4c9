//! Links that hold what is sent, rules that send something themselves, and what was kept from an
//! earlier simulation.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::AsyncWriteExt;
use seedloop::error::LimitExceeded;
use seedloop::host::{self, Host};
use seedloop::net::{self, PacketKind, TcpListener, TcpStream, UdpSocket, Verdict, between};
use seedloop::{Instant, Limits, Ratio, Result, Simulation, run, sleep, spawn, timeout};

const WAY: Duration = Duration::from_millis(100);

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// 1,000 bytes take a second at 1,000 bytes in a second, once: when they leave.
#[test]
fn what_is_held_takes_the_bandwidth_once_and_is_shown_to_rules_once() {
    let (asked, arrived) = run(async {
        net::everywhere().latency(WAY..=WAY).bandwidth(1_000);
        let server = Host::new("server");
        let receives = server.spawn(async {
            let socket = UdpSocket::bind("0.0.0.0:9").await?;
            let mut arrived = Vec::new();
            for _ in 0..2 {
                socket.recv(&mut []).await?;
                arrived.push(Instant::now().since_start().as_millis());
            }
            Ok(arrived)
        });
        let asked = Rc::new(Cell::new(0));
        let counts = Rc::clone(&asked);
        let _rule = net::rule(move |_| {
            counts.set(counts.get() + 1);
            Verdict::Pass
        });
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        let link = between(host::current(), server).hold();
        socket.send_to(&[0; 1_000], "server:9")?;
        socket.send_to(&[0; 1_000], "server:9")?;
        assert_eq!(asked.get(), 0);
        sleep(WAY).await?;
        link.release();
        Ok((asked.get(), receives.await?))
    })
    .unwrap();
    assert_eq!((asked, arrived), (2, vec![1_200, 2_200]));
}

/// What is on its way when its sender crashes arrives, also if it is held there; the reset comes
/// behind it, and there is none from a host whose power was cut.
#[test]
fn what_is_held_outlives_its_sender() {
    for resets in [true, false] {
        run(async move {
            net::everywhere().latency(WAY..=WAY * 5);
            let listener = TcpListener::bind("0.0.0.0:9").await?;
            let client = Host::new("client");
            drop(client.spawn(async {
                let mut stream = TcpStream::connect("main:9").await?;
                sleep(WAY).await?;
                stream.write_all(b"last ").await?;
                stream.write_all(b"words").await?;
                Ok(sleep(WAY * 90).await?)
            }));
            let (mut stream, _) = listener.accept().await?;
            let link = between(host::current(), client).hold();
            sleep(WAY * 9).await?;
            if resets {
                client.crash()
            } else {
                client.cut_power()
            }
            sleep(WAY).await?;
            link.release();
            let mut words = [0; 10];
            stream.read_exact(&mut words).await?;
            assert_eq!(&words, b"last words");
            let rest = timeout(WAY * 90).scope(async |_| match stream.read(&mut words).await {
                Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok("reset"),
                other => Ok(other.map(|_| "more")?),
            });
            let expected = resets.then_some("reset");
            assert_eq!(rest.await.ok(), expected);
            Ok(())
        })
        .unwrap();
    }
}

/// The rules are shown what one of them sends, behind the packet at hand.
#[test]
fn what_a_rule_sends_goes_through_the_rules() {
    let seen = run(async {
        let server = Host::new("server");
        let receives = server.spawn(async {
            let socket = UdpSocket::bind("0.0.0.0:9").await?;
            let mut received = Vec::new();
            let all = timeout(WAY).scope(async |_| {
                loop {
                    received.push(socket.recv(&mut []).await?);
                }
            });
            let all: Result<()> = all.await;
            assert!(all.unwrap_err().is_timeout());
            Ok(received)
        });
        let socket = Rc::new(UdpSocket::bind("0.0.0.0:9").await?);
        let (seen, echoes) = (Rc::new(RefCell::new(Vec::new())), Rc::clone(&socket));
        let sees = Rc::clone(&seen);
        let _watching = net::rule(move |packet| {
            sees.borrow_mut().push(packet.bytes);
            Verdict::Pass
        });
        let _echoing = net::rule(move |packet| match packet.bytes {
            1 => {
                echoes.send_to(b"22", "server:9").unwrap();
                echoes.send_to(b"333", "server:9").unwrap();
                Verdict::Pass
            }
            2 => Verdict::Drop,
            _ => Verdict::Pass,
        });
        sleep(WAY / 100).await?;
        socket.send_to(b"1", "server:9")?;
        let at_once = seen.borrow().clone();
        let received = receives.await?.len();
        let seen = seen.borrow().clone();
        Ok((at_once, seen, received))
    })
    .unwrap();
    assert_eq!(seen, (vec![1], vec![1, 2, 3], 2));
}

/// So are the resets of a host that a rule crashes.
#[test]
fn a_rule_that_crashes_a_host_is_shown_the_resets() {
    let resets = run(async {
        let server = Host::new("server");
        server.run(async || {
            let (_stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
            Ok(sleep(WAY * 90).await?)
        });
        sleep(WAY).await?;
        let resets = Rc::new(Cell::new(0));
        let counts = Rc::clone(&resets);
        let _rule = net::rule(move |packet| {
            match packet.kind {
                PacketKind::Data if packet.bytes == 3 => server.crash(),
                PacketKind::Reset => counts.set(counts.get() + 1),
                _ => {}
            }
            Verdict::Pass
        });
        let mut stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"die").await?;
        assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::ConnectionReset));
        Ok(resets.get())
    });
    assert_eq!(resets.unwrap(), 1);
}

#[test]
fn a_rule_that_answers_itself_for_ever_is_ended() {
    let limits = Limits { steps_at_one_instant: 1_000, ..Limits::default() };
    let outcome = Simulation::new().limits(limits).block_on(async {
        Host::new("server");
        let socket = Rc::new(UdpSocket::bind("0.0.0.0:9").await?);
        let again = Rc::clone(&socket);
        net::rule(move |_| {
            again.send_to(b"again", "server:9").unwrap();
            Verdict::Drop
        })
        .forget();
        socket.send_to(b"once", "server:9")?;
        Ok(sleep(WAY).await?)
    });
    assert!(outcome.result.unwrap_err().is::<LimitExceeded>());
}

/// A guard may outlive its simulation, or end with it from inside the rule itself.
#[test]
fn a_guard_of_an_earlier_simulation_ends_nothing() {
    let kept = run(async {
        let own = Rc::new(Cell::new(None));
        let of_rule = Rc::clone(&own);
        own.set(Some(net::rule(move |_| {
            of_rule.set(of_rule.take());
            Verdict::Pass
        })));
        drop(own);
        Ok(net::rule(|_| Verdict::Drop))
    })
    .unwrap();
    let received = run(async move {
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        Host::new("server").spawn(async {
            for _ in 0..3 {
                UdpSocket::bind("0.0.0.0:9").await?.send_to(b"x", "main:9")?;
            }
            Ok(())
        });
        let rule = net::rule(|_| Verdict::Drop);
        drop(kept);
        sleep(WAY).await?;
        drop(rule);
        Ok(kind(socket.try_recv_from(&mut [])))
    });
    assert_eq!(received.unwrap(), Some(ErrorKind::WouldBlock));
}

#[expect(clippy::disallowed_methods, reason = "what is tested is another thread")]
fn on_another_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(call).join().unwrap()
}

/// On another thread, outside of any simulation, and in the middle of a panic.
#[test]
fn a_guard_can_be_dropped_anywhere() {
    let guard = run(async { Ok(net::rule(|_| Verdict::Drop)) }).unwrap();
    on_another_thread(move || drop(guard));
    drop(run(async { Ok(net::rule(|_| Verdict::Drop)) }));
    let caught = catch_unwind(|| {
        drop(run(async {
            let _guard = net::rule(|_| Verdict::Drop);
            assert!(Instant::now() > Instant::now(), "on purpose");
            Ok(())
        }));
    });
    assert!(caught.is_ok());
}

/// Adds up what it is given.
#[derive(Default)]
struct Sum(u64);

impl Hasher for Sum {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum * 31 + u64::from(*byte));
    }
}

fn hash_of(host: Host) -> u64 {
    let mut hasher = Sum::default();
    host.hash(&mut hasher);
    hasher.finish()
}

/// The hash is the same in each run and on each thread, and hosts of two runs are not equal.
#[test]
fn a_host_has_the_same_hash_in_each_run() {
    let host = || {
        run(async {
            let (one, other) = (Host::new("one"), Host::new("other"));
            assert_eq!((Host::find("one"), Host::find("nobody")), (Some(one), None));
            assert_ne!(one, other);
            assert_ne!(hash_of(one), hash_of(other));
            Ok((one, hash_of(one)))
        })
        .unwrap()
    };
    let (first, second) = (host(), host());
    let elsewhere = on_another_thread(move || host().1);
    assert_ne!(first.0, second.0);
    assert_eq!([first.1, second.1], [elsewhere; 2]);
}

/// Whatever one does with what was opened in an earlier simulation, it says so, and what is dropped
/// of it touches nothing of this one.
#[test]
fn what_was_opened_in_an_earlier_simulation_says_so() {
    let kept = run(async {
        let server = Host::new("server");
        let listener = TcpListener::bind("0.0.0.0:6").await?;
        let near = TcpStream::connect("127.0.0.1:6").await?;
        let (mut far, _) = listener.accept().await?;
        far.write_all(b"unread").await?;
        let waiting = TcpStream::connect("127.0.0.1:6").await?;
        let socket = UdpSocket::bind("0.0.0.0:5").await?;
        socket.send_to(b"unread", "127.0.0.1:5")?;
        sleep(WAY).await?;
        Ok((near, far, waiting, socket, listener, between(host::current(), server)))
    });
    let (mut near, mut far, waiting, socket, listener, link) = kept.unwrap();
    run(async move {
        Host::new("server");
        let over = "the simulation in which it was made, which is over; make one inside each";
        let told = |result: io::Result<()>| {
            let text = result.expect_err("an error").to_string();
            assert!(text.ends_with(over), "{text}");
        };
        told(near.read(&mut [0]).await.map(drop));
        told(near.write_all(b"x").await);
        told(near.flush().await);
        told(near.close().await);
        told(socket.connect("127.0.0.1:9"));
        told(socket.send(b"x").map(drop));
        told(socket.send_to(b"x", "127.0.0.1:9").map(drop));
        told(socket.recv(&mut [0]).await.map(drop));
        told(socket.peek_from(&mut [0]).await.map(drop));
        told(socket.try_recv_from(&mut [0]).map(drop));
        told(listener.accept().await.map(drop));
        for change in [|link: net::Link| _ = link.partition(), |link: net::Link| _ = link.release()]
        {
            let panic = catch_unwind(AssertUnwindSafe(|| change(link))).unwrap_err();
            let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
            assert_eq!(
                text,
                "a host was used outside of the simulation that made it; make it inside"
            );
        }
        // Sockets of this simulation with the same numbers and addresses.
        let here = TcpListener::bind("0.0.0.0:6").await?;
        let mut client = TcpStream::connect("127.0.0.1:6").await?;
        let (mut server, _) = here.accept().await?;
        drop((near, waiting, socket, listener));
        far.close().await.unwrap_err();
        drop(far);
        let shown = net::netstat(host::current()).sockets.len();
        spawn(async move { Ok(client.write_all(b"x").await?) });
        assert_eq!(server.read(&mut [0; 4]).await?, 1);
        Ok(assert_eq!(shown, 3))
    })
    .unwrap();
}

/// A limit of virtual time is one for all that takes a while.
#[test]
fn what_is_longer_than_virtual_time_is_refused() {
    let endless = Duration::MAX;
    let text = |change: fn(Host)| {
        run(async move {
            let host = Host::new("server");
            let panic = catch_unwind(AssertUnwindSafe(|| change(host))).unwrap_err();
            Ok(panic.downcast_ref::<String>().cloned().unwrap_or_default())
        })
        .unwrap()
    };
    let clock = format!("a clock cannot be set by {endless:?}, longer than virtual time");
    assert_eq!(text(|host| host.set_clock_ahead(Duration::MAX)), clock);
    assert_eq!(text(|host| host.set_clock_behind(Duration::MAX)), clock);
    let late = Simulation::new().panics_join().block_on(async {
        Host::new("server");
        let _rule = net::rule(|_| Verdict::Deliver(Duration::MAX));
        UdpSocket::bind("0.0.0.0:9").await?.send_to(b"x", "server:9")?;
        Ok(())
    });
    let text = late.result.unwrap_err().to_string();
    let expected =
        format!("a rule delivers a packet after {endless:?}, longer than virtual time; drop it");
    assert!(text.contains(&expected), "{text}");
}

/// What two reads of four bytes get of `abc` and `de`, the first one with short reads on the way of
/// the bytes, or on the other one.
fn portions(seed: Option<u64>, is_their_way: bool) -> [String; 2] {
    let body = async move {
        net::everywhere().latency(WAY..=WAY);
        let server = Host::new("server");
        server.run(async || {
            let (mut stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
            stream.write_all(b"abc").await?;
            stream.write_all(b"de").await?;
            Ok(sleep(WAY * 90).await?)
        });
        sleep(WAY).await?;
        let mut stream = TcpStream::connect("server:7").await?;
        sleep(WAY * 3).await?;
        let way = match is_their_way {
            true => net::from_to(server, host::current()),
            false => net::from_to(host::current(), server),
        };
        way.short_reads(Ratio::ONE);
        let mut portions = [String::new(), String::new()];
        for portion in &mut portions {
            let mut buffer = [0; 4];
            let length = stream.read(&mut buffer).await?;
            portion.push_str(&String::from_utf8_lossy(&buffer[..length]));
            host::heal();
        }
        Ok(portions)
    };
    let simulation = Simulation::new();
    let simulation = match seed {
        Some(seed) => simulation.seed(seed),
        None => simulation,
    };
    simulation.block_on(body).result.unwrap()
}

/// A read gets what two writes have sent, as much as it has room for, or any part of that; nothing
/// is lost. It is a fault of the way that the bytes take, and none of a run without a seed.
#[test]
fn a_read_may_end_anywhere() {
    let all = |parts: &[[&str; 2]]| {
        parts.iter().map(|parts| parts.map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    let seen = |is_their_way| {
        (0..100).map(|seed| portions(Some(seed), is_their_way)).collect::<BTreeSet<_>>()
    };
    let whole = all(&[["abcd", "e"]]);
    assert_eq!(seen(true), all(&[["a", "bcde"], ["ab", "cde"], ["abc", "de"], ["abcd", "e"]]));
    assert_eq!(seen(false), whole);
    assert_eq!(BTreeSet::from([portions(None, true)]), whole);
}

/// Which of the hosts hear a datagram of each other: those of `hosts` among themselves.
async fn heard(hosts: &[Host]) -> Result<Vec<(&'static str, &'static str)>> {
    let mut heard = Vec::new();
    for to in hosts {
        let name = to.name();
        let socket = to.spawn(async { Ok(UdpSocket::bind("0.0.0.0:9").await?) }).await?;
        for from in hosts.iter().filter(|from| *from != to) {
            let address = format!("{name}:9");
            let sends =
                async move { Ok(UdpSocket::bind("0.0.0.0:0").await?.send_to(b"x", address)?) };
            from.spawn(sends).await?;
            sleep(WAY * 2).await?;
            if socket.try_recv_from(&mut [0]).is_ok() {
                heard.push((short(*from), short(*to)));
            }
        }
    }
    Ok(heard)
}

fn short(host: Host) -> &'static str {
    ["main", "a", "b", "late"].into_iter().find(|name| host.name() == *name).unwrap_or_default()
}

/// One host is cut off from all others, also from one that comes later; the others are not. What is
/// set for one of its links, or for all, is set anew.
#[test]
fn a_host_is_cut_off_from_all_others() {
    run(async {
        net::everywhere().latency(WAY..=WAY);
        let (main, a, b) = (host::current(), Host::new("a"), Host::new("b"));
        net::around(a).partition();
        let late = Host::new("late");
        let others = [("b", "main"), ("late", "main"), ("main", "b"), ("late", "b")];
        let others = [&others[..], &[("main", "late"), ("b", "late")]].concat();
        assert_eq!(heard(&[main, a, b, late]).await?, others);
        // What is set last counts, also for the link of two that are set with all others.
        net::around(late).partition();
        net::around(a).repair();
        let not_late = [("a", "main"), ("b", "main"), ("main", "a"), ("b", "a"), ("late", "a")];
        let open = [&not_late[..], &[("main", "b"), ("a", "b"), ("a", "late")]].concat();
        assert_eq!(heard(&[main, a, b, late]).await?, open);
        between(late, b).repair();
        assert_eq!(heard(&[b, late]).await?, [("late", "b"), ("b", "late")]);
        assert_eq!(heard(&[main, late]).await?, []);
        net::everywhere().repair();
        assert_eq!(heard(&[main, late]).await?, [("late", "main"), ("main", "late")]);
        Ok(())
    })
    .unwrap();
}
