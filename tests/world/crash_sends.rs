//! Hosts that crash of themselves while they send on a stream: what has left, and what the other
//! side hears.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

use ::tokio::io::AsyncWriteExt as _;
use futures_lite::AsyncWriteExt;
use seedloop::host::Host;
use seedloop::net::{self, TcpListener, TcpStream};
use seedloop::{Ratio, Result, attempt, sleep, spawn, timeout, tokio};

use super::crash_points::{MS, SECOND, db, points, with_fault};

/// Connects to the test, writes a byte and closes or drops the stream; returns what the test reads
/// of it, and after how many of the three the host went on.
async fn one_stream(cuts_power: bool, drops: bool) -> Result<(String, u32)> {
    net::everywhere().latency(MS..=MS);
    let host = Host::new("db");
    match cuts_power {
        true => host.set_power_cuts(Ratio::ONE),
        false => host.set_crashes(Ratio::ONE),
    }
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let went_on = Rc::new(Cell::new(0));
    let own = Rc::clone(&went_on);
    let asking = host.spawn(async move {
        let mut stream = TcpStream::connect("main:7").await?;
        own.set(1);
        stream.write_all(b"x").await?;
        own.set(2);
        match drops {
            true => drop(stream),
            false => stream.close().await?,
        }
        own.set(3);
        // The host is to crash before it is done.
        Ok(sleep(MS).await?)
    });
    let told = timeout(SECOND * 5).scope(async |_| {
        let (mut stream, _) = listener.accept().await?;
        let (mut read, mut byte) = (String::from("accepted"), [0]);
        loop {
            let next = match stream.read(&mut byte).await {
                Ok(0) => "end",
                Ok(_) => "byte",
                Err(error) if error.kind() == ErrorKind::ConnectionReset => "reset",
                Err(error) => return Err(error.into()),
            };
            read = format!("{read}, {next}");
            if next != "byte" {
                return Ok(read);
            }
        }
    });
    let told = told.await;
    // Nobody hears of the operation at which the host has crashed.
    assert!(asking.await.is_err_and(|error| error.is_cancelled()));
    match told {
        Err(error) if error.is_timeout() => Ok(("nothing".to_owned(), went_on.get())),
        told => Ok((told?, went_on.get())),
    }
}

/// Before it was sent nothing of it is there; after that it arrives, and a crash resets behind it.
/// A connection of which only the request has left is not taken up, and a power cut is quiet. A
/// drop waits for nothing, so that the task goes on to its next await.
#[test]
fn what_has_left_before_a_crash_arrives() {
    let expected = [
        ("before it sends a request to connect", "nothing"),
        ("after it has sent a request to connect", "nothing"),
        ("before it sends bytes", "accepted, reset"),
        ("after it has sent bytes", "accepted, byte, reset"),
        ("before it sends the end of a stream", "accepted, byte, reset"),
        ("after it has sent the end of a stream", "accepted, byte, end"),
    ];
    for (index, (point, read)) in expected.into_iter().enumerate() {
        let (at, way) = (index as u32 / 2, index as u32 % 2 + 1);
        let quiet = if read.ends_with("end") { read } else { "nothing" };
        for drops in [false, true] {
            let done = at + u32::from(drops && at == 2);
            for (cuts_power, read) in [(false, read), (true, quiet)] {
                let ((seen, went_on), told) = with_fault(at, way, one_stream(cuts_power, drops));
                assert_eq!((told, &*seen, went_on), (Some(format!("'db' {point}")), read, done));
            }
        }
    }
}

/// How a host ends what it sends on a stream.
#[derive(Clone, Copy)]
enum Ends {
    Closes,
    Drops,
    ShutsDown,
    DropsHalf,
    /// The other side has reset it by then.
    TooLate,
}

async fn ends(how: Ends) -> Result<()> {
    let host = db();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:7").await?;
    let _accepted = spawn(async move {
        let (stream, _) = listener.accept().await?;
        if matches!(how, Ends::TooLate) {
            return Ok(stream.set_zero_linger()?);
        }
        Ok(sleep(SECOND).await?)
    });
    let ending = host.spawn(async move {
        if let Ends::Closes | Ends::Drops = how {
            let mut stream = TcpStream::connect("main:7").await?;
            if let Ends::Closes = how {
                stream.close().await?;
                stream.close().await?;
            }
            return Ok(());
        }
        let mut stream = tokio::net::TcpStream::connect("main:7").await?;
        sleep(MS * 10).await?;
        if let Ends::DropsHalf = how {
            let (_read, write) = stream.into_split();
            drop(write);
            return Ok(sleep(MS).await?);
        }
        stream.shutdown().await?;
        Ok(stream.shutdown().await?)
    });
    // It may have crashed.
    drop(attempt(ending).await);
    Ok(())
}

/// It is sent once, however it comes about, and on no connection that has failed.
#[test]
fn the_end_of_a_stream_is_a_point_once() {
    let sends =
        |what| [format!("'db' before it sends {what}"), format!("'db' after it has sent {what}")];
    let (request, end) = (sends("a request to connect"), sends("the end of a stream"));
    for how in [Ends::Closes, Ends::Drops, Ends::ShutsDown, Ends::DropsHalf] {
        assert_eq!(points(|| ends(how)), [&request[..], &end[..]].concat());
    }
    assert_eq!(points(|| ends(Ends::TooLate)), request);
}

/// A stream that is dropped behind bytes that have not left: no peer may take that for the end.
async fn dropped_behind_lost_bytes(cuts_power: bool) -> Result<&'static str> {
    let host = Host::new("db");
    match cuts_power {
        true => host.set_power_cuts(Ratio::ONE),
        false => host.set_crashes(Ratio::ONE),
    }
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let _asking = host.spawn(async move {
        let stream = tokio::net::TcpStream::connect("main:7").await?;
        Ok(stream.try_write(b"commit")?)
    });
    let (mut stream, _) = listener.accept().await?;
    let read = timeout(SECOND * 5).scope(async |_| match stream.read(&mut [0; 8]).await {
        Ok(0) => Ok("end"),
        Ok(_) => Ok("bytes"),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok("reset"),
        Err(error) => Err(error.into()),
    });
    match read.await {
        Err(error) if error.is_timeout() => Ok("nothing"),
        read => read,
    }
}

#[test]
fn a_host_that_goes_down_ends_no_stream_as_if_all_had_left() {
    // Who only reads asks nothing of a host that has lost its power: nothing answers, also when it
    // is up again.
    for (cuts_power, expected) in [(false, "reset"), (true, "nothing")] {
        let (read, fault) = with_fault(1, 1, dropped_behind_lost_bytes(cuts_power));
        assert_eq!(fault.as_deref(), Some("'db' before it sends bytes"));
        assert_eq!(read, expected, "cuts power: {cuts_power}");
    }
}
