//! Faults under exploration: found, shrunk to the few that matter, named in the report, replayed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::explore::{Case, Explorer};
use seedloop::fs::{self, File};
use seedloop::host::{self, Host};
use seedloop::net::{self, UdpSocket};
use seedloop::report::{Found, failure_text};
use seedloop::{
    Ratio, Result, Simulation, always, eventually, run, sleep, spawn, strikes, timeout, yield_now,
};

const WAY: Duration = Duration::from_millis(100);

/// Explores until it fails; returns the smallest case and the report.
fn found<F>(body: impl Fn() -> F + Copy + Send + Sync + 'static) -> (Case, String)
where
    F: Future<Output = Result<()>> + 'static,
{
    let exploration = Explorer::new().runs(2_000).explore(body);
    let failure = exploration.failure.expect("it fails");
    let text = failure_text(&failure, &Found::default());
    let again = Explorer::new().replay(&failure.case, body).into_failure(failure.case.clone());
    assert_eq!(again.expect("it fails again").fault.kind, failure.fault.kind);
    (failure.case, text)
}

/// Sends ten datagrams of which each is needed.
async fn ten_datagrams() -> Result<()> {
    net::everywhere().loss(Ratio::new(1, 50)).latency(WAY..=WAY);
    let server = Host::new("server");
    let listening = server.spawn(async {
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        sleep(WAY * 20).await?;
        let mut received = 0;
        while socket.recv(&mut [0; 1]).await.is_ok() {
            received += 1;
            if received == 10 {
                break;
            }
        }
        Ok(())
    });
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    sleep(WAY).await?;
    for _ in 0..10 {
        socket.send_to(b"x", "server:9")?;
    }
    listening.await
}

#[test]
fn a_lost_datagram_is_found_shrunk_and_named() {
    let (case, text) = found(ten_datagrams);
    assert_eq!(case.len(), 1, "{text}");
    assert!(text.contains("a packet is lost"), "{text}");
    assert!(text.contains("udp socket#2 (recv)"), "{text}");
}

/// Renames before it has synced: after some crashes the file is there and empty.
async fn synced_too_late() -> Result<()> {
    let host = Host::new("db");
    let saving = host.spawn(async {
        fs::write("new", "text").await?;
        fs::rename("new", "file").await?;
        File::open("/").await?.sync_all().await?;
        Ok(())
    });
    saving.await?;
    host.crash();
    host.restart();
    let text = host.spawn(async { Ok(fs::read_to_string("file").await?) }).await?;
    assert_eq!(text, "text");
    Ok(())
}

/// The dull crash loses it, so that nothing deviates.
#[test]
fn a_file_that_was_not_synced_is_found_at_once() {
    let (case, _) = found(synced_too_late);
    assert!(case.is_empty());
}

/// Trusts that what it reads after a crash is whole.
async fn trusts_its_log() -> Result<()> {
    let host = Host::new("db");
    let saving = host.spawn(async {
        let mut log = File::create("log").await?;
        log.sync_all().await?;
        File::open("/").await?.sync_all().await?;
        Ok(log.write_all(b"ABCDEFGH").await?)
    });
    saving.await?;
    host.crash();
    host.restart();
    let log = host.spawn(async { Ok(fs::read("log").await?) }).await?;
    assert!(log.is_empty() || log.len() == 8, "torn: {log:?}");
    Ok(())
}

/// Only one choice of the crash shows it.
#[test]
fn a_torn_write_is_found_shrunk_and_named() {
    let (case, text) = found(trusts_its_log);
    assert_eq!(case.len(), 1, "{text}");
    assert!(text.contains("an unsynced write survives"), "{text}");
}

#[test]
fn a_disk_that_fails_gives_an_error_and_heals() {
    let mut failed = 0;
    for seed in 0..100 {
        let outcome = Simulation::new().seed(seed).block_on(async {
            fs::disk(host::current()).set_failures(Ratio::new(1, 4));
            let written = fs::write("f", "text").await;
            let failed = written.err().map(|error| error.raw_os_error());
            host::heal();
            fs::write("f", "text").await?;
            Ok(failed)
        });
        match outcome.result.unwrap_or_else(|error| panic!("seed {seed}: {error}")) {
            None => {}
            Some(number) => {
                assert_eq!(number, Some(5)); // EIO
                failed += 1;
            }
        }
    }
    assert!((5..60).contains(&failed), "{failed}");
}

/// "A healing phase at the end in which everything must make progress."
#[test]
fn after_healing_there_is_progress_within_a_time() {
    let result = run(async {
        let server = Host::new("server");
        server.run(async || {
            let socket = UdpSocket::bind("0.0.0.0:9").await?;
            loop {
                let (_, from) = socket.recv_from(&mut [0; 1]).await?;
                socket.send_to(b"y", from)?;
            }
        });
        net::between(host::current(), server).partition();
        server.crash();
        let answered = Rc::new(Cell::new(false));
        let heard = answered.clone();
        spawn(async move {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            while !heard.get() {
                socket.send_to(b"x", "server:9")?;
                let answer =
                    timeout(WAY).scope(async |_| Ok(socket.recv(&mut [0; 1]).await?)).await;
                heard.set(answer.is_ok());
                sleep(WAY).await?;
            }
            Ok(())
        });
        sleep(WAY * 10).await?;
        assert!(!answered.get());
        host::heal();
        let (soon, never) = (answered.clone(), answered);
        eventually!(WAY * 3, move || soon.get(), "an answer").await?;
        eventually!(WAY * 3, move || !never.get(), "no answer").await?;
        Ok(())
    });
    let text = result.unwrap_err().to_string();
    assert!(text.ends_with("not within 300ms: no answer"), "{text}");
}

/// Saves in two writes, between which the power may fail.
async fn two_writes() -> Result<()> {
    let mut saved = (0, 0);
    for number in 1..4 {
        saved.0 = number;
        if strikes("the power fails", Ratio::new(1, 20)) {
            break;
        }
        sleep(WAY).await?;
        saved.1 = number;
    }
    assert_eq!(saved.0, saved.1, "torn");
    Ok(())
}

#[test]
fn a_fault_of_the_programs_own_is_found_shrunk_and_named() {
    let (case, text) = found(two_writes);
    assert_eq!(case.len(), 1, "{text}");
    assert!(text.contains("the power fails"), "{text}");
    run(two_writes()).unwrap();
}

/// Counts packets that were lost, and fails by another text for each count.
async fn counted() -> Result<()> {
    let lost = Rc::new(Cell::new(0));
    let seen = Rc::clone(&lost);
    let finds = move || match seen.get() {
        0 => Ok(()),
        count => Err(format!("{count} lost")),
    };
    always!(finds, "nothing is lost");
    for _ in 0..5 {
        let now = (0..4).filter(|_| strikes("a page is lost", Ratio::new(1, 4))).count();
        lost.set(lost.get() + now);
        yield_now().await?;
    }
    Ok(())
}

/// The line of the message that names the invariant is what shrinking compares: from several that
/// were lost it comes down to one.
#[test]
fn an_invariant_says_what_is_wrong_and_is_shrunk_by_its_name() {
    let (case, text) = found(counted);
    assert_eq!(case.len(), 1, "{text}");
    assert!(text.contains("invariant broken: nothing is lost\n"), "{text}");
    assert!(text.contains("  1 lost"), "{text}");
}
