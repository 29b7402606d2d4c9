//! Who waits for room where none is left: what it asks, when, and what it finds out. Expected times
//! are those of Linux: asked after 0.2, 0.6, 1.4, .. seconds, and given up after 924.6.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use seedloop::error::Deadlock;
use seedloop::host::{self, Host};
use seedloop::net::{self, PacketKind, TcpListener, TcpStream, Verdict, between, from_to};
use seedloop::{Instant, Result, Simulation, run, sleep, spawn, timeout};

const WAY: Duration = Duration::from_millis(100);
const GIVEN_UP_AFTER: Duration = Duration::from_millis(924_600);
const WINDOW: usize = 65_536;

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Connects `main` to a host that does `serve` with its stream, fills the window, and has that
/// acknowledged: from then on who writes waits for room.
fn simulate<T, F, S>(
    serve: fn(TcpStream) -> S,
    main: impl FnOnce(Host, TcpStream) -> F + 'static,
) -> Result<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
    S: Future<Output = Result<()>> + 'static,
{
    run(async move {
        net::everywhere().latency(WAY..=WAY);
        let server = Host::new("server");
        server.run(move || async move {
            let (stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
            serve(stream).await
        });
        sleep(WAY).await?;
        let mut stream = TcpStream::connect("server:7").await?;
        stream.write_all(&[0; WINDOW]).await?;
        sleep(WAY * 2).await?;
        main(server, stream).await
    })
}

async fn read_nothing(stream: TcpStream) -> Result<()> {
    sleep(Duration::from_secs(100_000)).await?;
    Ok(drop(stream))
}

/// A partition, behind which nobody answers. Source: Linux, `tcp_probe_timer`.
#[test]
fn who_waits_for_room_behind_a_partition_is_timed_out() {
    let took = simulate(read_nothing, |server, mut stream| async move {
        between(host::current(), server).partition();
        let start = Instant::now();
        assert_eq!(kind(stream.write_all(b"more").await), Some(ErrorKind::TimedOut));
        Ok(start.elapsed())
    });
    assert_eq!(took.unwrap(), GIVEN_UP_AFTER);
}

/// Who waits for 0.1 s each second is timed out, too: the question at 0.6 s finds that nobody has
/// waited since that of 0.2 s and is not asked, so that there is one more. It hears of it when it
/// writes next.
#[test]
fn who_waits_again_and_again_is_timed_out() {
    let took = simulate(read_nothing, |server, mut stream| async move {
        between(host::current(), server).partition();
        let start = Instant::now();
        loop {
            let writes = timeout(WAY).scope(async |_| Ok(stream.write_all(b"more").await?));
            match writes.await {
                Err(error) if error.is_timeout() => sleep(WAY * 9).await?,
                Err(error) => {
                    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
                    return Ok((kind, start.elapsed()));
                }
                Ok(()) => unreachable!("there is no room"),
            }
        }
    });
    assert_eq!(took.unwrap(), (Some(ErrorKind::TimedOut), Duration::from_secs(925 + 120)));
}

/// A partition that comes while somebody waits: the questions go on as they would have come, at
/// 0.2, 0.6, .. 51.0, 102.2, 204.6 and then each 120 s. Those until 51.0 s were answered; fifteen
/// are not, and at the time of the next one it gives up.
#[test]
fn the_times_go_on_when_a_partition_begins() {
    let took = simulate(read_nothing, |server, mut stream| async move {
        spawn(async move {
            sleep(Duration::from_secs(60)).await?;
            between(host::current(), server).partition();
            Ok(())
        });
        let start = Instant::now();
        assert_eq!(kind(stream.write_all(b"more").await), Some(ErrorKind::TimedOut));
        Ok(start.elapsed())
    });
    // Fifteen from 102.2 on: that, 204.6, and thirteen more; then one that is not asked.
    assert_eq!(took.unwrap(), Duration::from_millis(204_600) + Duration::from_secs(120 * 14));
}

/// A day later the times are still those, 120 s apart.
#[test]
fn the_times_go_on_after_a_day() {
    let took = simulate(read_nothing, |server, mut stream| async move {
        let day = Duration::from_secs(86_400);
        spawn(async move {
            sleep(day).await?;
            between(host::current(), server).partition();
            Ok(())
        });
        let start = Instant::now();
        assert_eq!(kind(stream.write_all(b"more").await), Some(ErrorKind::TimedOut));
        Ok(start.elapsed())
    });
    // 204.6 + 719 * 120 = 86,484.6 is the first after a day.
    assert_eq!(took.unwrap(), Duration::from_millis(86_484_600) + Duration::from_secs(120 * 15));
}

/// The reset of a stream that is dropped with bytes unread is lost; that after the first question
/// behind the partition is not.
#[test]
fn who_waits_for_room_hears_that_the_stream_is_gone() {
    async fn drop_later(stream: TcpStream) -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        Ok(drop(stream))
    }
    let took = simulate(drop_later, |server, mut stream| async move {
        let link = from_to(server, host::current()).partition();
        spawn(async move {
            sleep(Duration::from_secs(2)).await?;
            Ok(_ = link.repair())
        });
        let start = Instant::now();
        assert_eq!(kind(stream.write_all(b"more").await), Some(ErrorKind::ConnectionReset));
        Ok(start.elapsed())
    });
    // Asked at 0.2, 0.6, 1.4 and 3.0 s.
    assert_eq!(took.unwrap(), Duration::from_secs(3) + WAY * 2);
}

/// Nobody crashes: the server takes all and closes, and what it says is lost for a while. Its end,
/// which is sent again, says how much it has taken.
#[test]
fn the_end_that_is_sent_again_tells_of_the_room() {
    async fn read_all(mut stream: TcpStream) -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        Ok(stream.read_exact(&mut [0; WINDOW]).await?)
    }
    let told = simulate(read_all, |server, mut stream| async move {
        let link = from_to(server, host::current()).partition();
        // Nor is anything heard of what is asked.
        from_to(host::current(), server).partition();
        let mut reader = stream.clone();
        let start = Instant::now();
        let writes = spawn(async move {
            stream.write_all(b"more").await?;
            Ok(start.elapsed())
        });
        sleep(Duration::from_millis(1_350)).await?;
        link.repair();
        let read = (reader.read(&mut [0]).await?, start.elapsed());
        Ok((read, writes.await?))
    });
    // It has accepted 0.1 s before, and closes 0.9 s after that: again at 1.1 and 1.5 s.
    let when = Duration::from_millis(1_600);
    assert_eq!(told.unwrap(), ((0, when), when));
}

/// All is acknowledged, and nobody waits to write: nothing is asked, however long the other side
/// cannot be heard.
#[test]
fn who_has_nothing_on_its_way_is_not_timed_out() {
    async fn answer_late(mut stream: TcpStream) -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        stream.read_exact(&mut [0; 40_000]).await?;
        sleep(Duration::from_secs(2_000)).await?;
        Ok(stream.write_all(b"answer").await?)
    }
    let read = simulate(answer_late, |server, mut stream| async move {
        let link = from_to(server, host::current()).partition();
        spawn(async move {
            sleep(Duration::from_secs(1_990)).await?;
            Ok(_ = link.repair())
        });
        Ok(stream.read(&mut [0; 9]).await?)
    });
    assert_eq!(read.unwrap(), 6);
}

/// The word of 4,096 bytes that are free is lost; the answer to the next question tells of them.
/// Those at 4.9 s are taken while nothing is heard from there, and 6.2 s is the next time.
#[test]
fn a_question_is_answered_with_what_was_taken() {
    async fn read_some(mut stream: TcpStream) -> Result<()> {
        sleep(Duration::from_secs(5)).await?;
        stream.read_exact(&mut [0; 4_096]).await?;
        sleep(Duration::from_secs(100)).await?;
        Ok(drop(stream))
    }
    let took = simulate(read_some, |server, mut stream| async move {
        spawn(async move {
            sleep(Duration::from_millis(4_500)).await?;
            let link = from_to(server, host::current()).partition();
            sleep(Duration::from_secs(1)).await?;
            Ok(_ = link.repair())
        });
        let start = Instant::now();
        stream.write_all(&[0; 4_096]).await?;
        Ok(start.elapsed())
    });
    assert_eq!(took.unwrap(), Duration::from_millis(6_200) + WAY * 2);
}

/// Less than a 16th of the buffer is no room, whoever asks: the writer waits until the stream is
/// dropped. Source: Linux, `__tcp_select_window`.
#[test]
fn a_question_is_not_answered_with_a_few_bytes() {
    async fn read_some(mut stream: TcpStream) -> Result<()> {
        sleep(Duration::from_secs(5)).await?;
        stream.read_exact(&mut [0; 4_095]).await?;
        sleep(Duration::from_secs(100)).await?;
        Ok(drop(stream))
    }
    let told = simulate(read_some, |_, mut stream| async move {
        net::rule(|_| Verdict::Pass).forget();
        let start = Instant::now();
        Ok((kind(stream.write_all(b"x").await), start.elapsed()))
    });
    let when = Duration::from_millis(104_900) + WAY;
    assert_eq!(told.unwrap(), (Some(ErrorKind::ConnectionReset), when));
}

/// What is held is on its way, there or back: nobody gives up meanwhile, whether there are rules or
/// another link changes. Of the room at 500 s the writer hears when that is released.
#[test]
fn who_waits_for_room_behind_a_held_way_waits() {
    async fn read_late(mut stream: TcpStream) -> Result<()> {
        sleep(Duration::from_secs(500)).await?;
        stream.read_exact(&mut [0; WINDOW]).await?;
        sleep(Duration::from_secs(100_000)).await?;
        Ok(drop(stream))
    }
    for (has_rules, holds_there) in [(false, false), (true, false), (false, true), (true, true)] {
        let took = simulate(read_late, move |server, mut stream| async move {
            let (here, third) = (host::current(), Host::new("third"));
            if has_rules {
                net::rule(|_| Verdict::Pass).forget();
            }
            let back = from_to(server, here).hold();
            if holds_there {
                from_to(here, server).hold();
            }
            spawn(async move {
                sleep(Duration::from_secs(600)).await?;
                from_to(here, third).partition();
                sleep(Duration::from_secs(1_400)).await?;
                back.release();
                Ok(())
            });
            let start = Instant::now();
            stream.write_all(b"more").await?;
            Ok(start.elapsed())
        });
        assert_eq!(took.unwrap(), Duration::from_secs(2_000) + WAY);
    }
}

/// A way back that is held does not help what is lost on the way there.
#[test]
fn who_is_cut_off_is_timed_out_whatever_is_held() {
    let took = simulate(read_nothing, |server, mut stream| async move {
        from_to(host::current(), server).partition();
        from_to(server, host::current()).hold();
        let start = Instant::now();
        assert_eq!(kind(stream.write_all(b"more").await), Some(ErrorKind::TimedOut));
        Ok(start.elapsed())
    });
    assert_eq!(took.unwrap(), GIVEN_UP_AFTER);
}

/// Where nothing is amiss nothing is asked, and nobody waits for anything that could happen: a
/// deadlock, at once.
#[test]
fn two_that_only_write_are_a_deadlock_at_once() {
    let outcome = Simulation::new().block_on(async {
        net::everywhere().latency(WAY..=WAY);
        Host::new("server").run(async || {
            let (mut stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
            Ok(stream.write_all(&[0; 2 * WINDOW]).await?)
        });
        let mut stream = TcpStream::connect("server:7").await?;
        Ok(stream.write_all(&[0; 2 * WINDOW]).await?)
    });
    assert!(outcome.result.unwrap_err().is::<Deadlock>());
    // It has connected at 0.2 s, and at 0.3 s the server; all that fits is acknowledged at 0.5 s.
    assert_eq!(outcome.time.since_start(), WAY * 5);
}

/// A rule that comes late is shown as many questions as one that was there before: those at 2,004.6
/// s and after each 120 s are lost, and the sixteenth time is the end. So it is after another rule
/// has been shown all that it is to be shown.
#[test]
fn a_rule_that_comes_late_times_out_who_waits() {
    for has_seen_others in [false, true] {
        let took = simulate(read_nothing, move |_, mut stream| async move {
            if has_seen_others {
                net::rule(|_| Verdict::Pass).forget();
            }
            spawn(async move {
                sleep(Duration::from_secs(2_000)).await?;
                net::rule(|_| Verdict::Drop).forget();
                Ok(())
            });
            let start = Instant::now();
            assert_eq!(kind(stream.write_all(b"more").await), Some(ErrorKind::TimedOut));
            Ok(start.elapsed())
        });
        assert_eq!(took.unwrap(), Duration::from_millis(2_004_600) + Duration::from_secs(120 * 15));
    }
}

/// What a rule does next nobody knows, so it is asked as often as it takes to give up.
#[test]
fn a_rule_is_shown_the_questions_until_they_are_of_no_use() {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let sees = Rc::clone(&asked);
    let outcome = Simulation::new().block_on(async move {
        net::everywhere().latency(WAY..=WAY);
        Host::new("server").run(async || {
            let (_stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
            Ok(std::future::pending().await)
        });
        let mut stream = TcpStream::connect("server:7").await?;
        stream.write_all(&[0; WINDOW]).await?;
        sleep(WAY * 2).await?;
        let start = Instant::now();
        net::rule(move |packet| {
            if packet.kind == PacketKind::Probe {
                sees.borrow_mut().push(start.elapsed().as_millis());
            }
            Verdict::Pass
        })
        .forget();
        Ok(stream.write_all(b"more").await?)
    });
    assert!(outcome.result.unwrap_err().is::<Deadlock>());
    let doubling = (0..10).map(|times| 200 * ((2 << times) - 1));
    let expected: Vec<u128> =
        doubling.chain((1..=6).map(|times| 204_600 + times * 120_000)).collect();
    assert_eq!(*asked.borrow(), expected);
}
