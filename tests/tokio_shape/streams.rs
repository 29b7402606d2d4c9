//! Sockets and files in tokio's shape, where they meet what tokio does not have: cancels, reports,
//! crashes and failing disks.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::StreamExt;
use futures_util::SinkExt;
use seedloop::error::Deadlock;
use seedloop::host::Host;
use seedloop::{Ratio, Simulation, attempt, run, sleep, spawn, tokio};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, tcp};
use tokio_util::codec::{Framed, LinesCodec};

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (near, far) = tokio::try_join!(TcpStream::connect(address), listener.accept())?;
    Ok((near, far.0))
}

#[test]
fn frames_of_tokio_util_work() {
    let lines = run(async {
        let (near, far) = pair().await?;
        let mut near = Framed::new(near, LinesCodec::new());
        let mut far = Framed::new(far, LinesCodec::new_with_max_length(10));
        for line in ["one", "two", "longer than ten"] {
            near.send(line).await?;
        }
        let mut lines = Vec::new();
        while let Some(line) = far.next().await {
            lines.push(line.map_err(|error| error.to_string()));
            if lines.len() == 3 {
                break;
            }
        }
        Ok(lines)
    });
    let too_long = "max line length exceeded".to_owned();
    assert_eq!(lines.unwrap(), [Ok("one".into()), Ok("two".into()), Err(too_long)]);
}

#[test]
fn a_listener_can_be_polled() {
    let same = run(async {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let address = listener.local_addr()?;
        let connects = spawn(async move {
            let mut from = Vec::new();
            for _ in 0..2 {
                sleep(Duration::from_secs(1)).await?;
                from.push(TcpStream::connect(address).await?.local_addr()?);
            }
            Ok(from)
        });
        let mut accepted = Vec::new();
        for _ in 0..2 {
            accepted.push(poll_fn(|cx| listener.poll_accept(cx)).await?.1);
        }
        Ok(accepted == connects.await?)
    });
    assert!(same.unwrap());
}

/// A cancel is no error of a stream: what is inside the innermost boundary is dropped.
#[test]
fn a_cancel_drops_what_reads() {
    let (within, after) = run(async {
        let (_near, mut far) = pair().await?;
        let task = spawn(async move {
            let read = attempt(async { Ok(far.read(&mut [0; 4]).await?) }).await;
            let cancelled = read.unwrap_err().is_cancelled();
            let file = attempt(async { Ok(fs::read("none").await.is_ok()) }).await?;
            Ok((cancelled, file))
        });
        sleep(Duration::from_secs(1)).await?;
        let was_waiting = task.cancel();
        Ok((was_waiting, task.await?))
    })
    .unwrap();
    assert!(within);
    assert_eq!(after, (true, false));
}

/// Without a boundary it is the whole task, whatever the wait.
#[test]
fn a_cancel_drops_a_task_that_waits_for_the_world() {
    type Body = fn() -> std::pin::Pin<Box<dyn Future<Output = io::Result<()>>>>;
    let waits: [Body; 6] = [
        || Box::pin(async { pair().await?.0.readable().await }),
        || Box::pin(async { pair().await?.0.peek(&mut [0]).await.map(drop) }),
        || Box::pin(async { TcpListener::bind("0.0.0.0:1").await?.accept().await.map(drop) }),
        || Box::pin(async { UdpSocket::bind("0.0.0.0:1").await?.recv(&mut [0]).await.map(drop) }),
        || Box::pin(async { TcpStream::connect("down:1").await.map(drop) }),
        || Box::pin(async { fs::write("f", vec![0; 9]).await }),
    ];
    for (number, wait) in waits.into_iter().enumerate() {
        let outcome = Simulation::new().block_on(async move {
            Host::new("down").crash();
            seedloop::fs::set_latency(Duration::from_secs(9)..=Duration::from_secs(9));
            let task = spawn(async move {
                let ended = wait().await;
                panic!("{number} has ended: {ended:?}");
                #[expect(unreachable_code, reason = "it says what the task would give")]
                Ok(())
            });
            sleep(Duration::from_secs(1)).await?;
            task.cancel();
            Ok(task.await.is_err_and(|error| error.is_cancelled()))
        });
        assert!(outcome.result.unwrap(), "{number}");
    }
}

#[test]
fn a_deadlock_names_the_read() {
    let outcome = Simulation::new().block_on(async {
        let (_near, mut far) = pair().await?;
        far.read_u8().await?;
        Ok(())
    });
    let error = outcome.result.unwrap_err();
    assert!(error.is::<Deadlock>(), "{error}");
    let text = error.to_string();
    assert!(text.contains("tcp stream#") && text.contains("(read)"), "{text}");
}

/// As tokio says of its files: an error comes with the next write or flush, and a sync keeps it.
#[test]
fn a_write_that_fails_is_told_later() {
    let told = run(async {
        seedloop::fs::disk(seedloop::host::current()).set_capacity(Some(4));
        let mut file = File::create("f").await?;
        let written = kind(file.write(b"too much").await);
        let flushed = kind(file.flush().await);
        let again = kind(file.write(b"too much").await);
        let synced = kind(file.sync_all().await);
        let at_last = kind(file.write(b"x").await);
        seedloop::fs::disk(seedloop::host::current()).set_capacity(None);
        file.write_all(b"x").await?;
        file.shutdown().await?;
        Ok(([written, flushed, again, synced, at_last], fs::read_to_string("f").await?))
    });
    let full = Some(ErrorKind::StorageFull);
    let (told, text) = told.unwrap();
    assert_eq!(told, [None, full, None, None, full]);
    // What fits is written, and what was not written has not moved the position.
    assert_eq!(text, "too x");
}

#[test]
fn a_file_that_is_dropped_is_written_all_the_same() {
    let text = run(async {
        let mut file = File::create("f").await?;
        file.write_all(b"text").await?;
        drop(file);
        sleep(Duration::from_secs(1)).await?;
        Ok(fs::read_to_string("f").await?)
    });
    assert_eq!(text.unwrap(), "text");
}

#[test]
fn a_crash_leaves_what_was_synced() {
    let (kept, other) = run(async {
        let host = Host::new("db");
        let writes = host.spawn(async {
            let mut options = OpenOptions::new();
            let mut log = options.append(true).create(true).open("log").await?;
            log.write_all(b"one").await?;
            log.sync_data().await?;
            File::open("/").await?.sync_all().await?;
            log.write_all(b"two").await?;
            log.flush().await?;
            Ok(log)
        });
        let mut log = writes.await?;
        host.crash();
        host.restart();
        let old = kind(log.write_all(b"three").await);
        Ok((host.spawn(async { Ok(fs::read_to_string("log").await?) }).await?, old))
    })
    .unwrap();
    assert_eq!((kept.as_str(), other), ("one", Some(ErrorKind::NotConnected)));
}

#[test]
fn a_disk_that_fails_is_an_error_of_the_operation() {
    let numbers = |seed| {
        let outcome = Simulation::new().seed(seed).block_on(async {
            seedloop::fs::disk(seedloop::host::current()).set_failures(Ratio::new(1, 2));
            let mut numbers = std::collections::BTreeSet::new();
            for _ in 0..20 {
                let written = fs::write("f", "text").await;
                numbers.insert(written.err().map(|error| error.raw_os_error()));
            }
            Ok(numbers)
        });
        outcome.result.unwrap()
    };
    // Half of the seeds leave a class of faults out; the others find EIO.
    let found: Vec<_> = (0..10).map(numbers).filter(|numbers| numbers.len() == 2).collect();
    assert!((2..9).contains(&found.len()), "{found:?}");
    assert!(found.iter().all(|numbers| numbers.contains(&Some(Some(5)))), "{found:?}");
}

/// Handles go where tokio's go.
#[test]
fn handles_are_send_and_sync() {
    fn is<T: Send + Sync + Unpin + 'static>() {}
    is::<TcpListener>();
    is::<TcpStream>();
    is::<tcp::OwnedReadHalf>();
    is::<tcp::OwnedWriteHalf>();
    is::<UdpSocket>();
    is::<File>();
    is::<fs::ReadDir>();
    fn is_send<T: Send>(_: T) {}
    is_send(TcpStream::connect("server:80"));
    is_send(TcpListener::bind("0.0.0.0:80"));
    is_send(fs::write("path", "text"));
    is_send(fs::copy("one", "other"));
    is_send(async { pair().await?.0.read_u8().await });
}

/// tokio holds a lock over each of these: nobody takes the end of another's for the own.
#[test]
fn a_file_is_synced_and_cut_by_several_in_turn() {
    let lengths = run(async {
        let mut file = File::create("log").await?;
        file.write_all(b"four").await?;
        let file = Rc::new(file);
        let tasks = (1..=3_u64).map(|length| {
            let file = Rc::clone(&file);
            spawn(async move {
                file.sync_all().await?;
                file.set_len(length).await?;
                file.sync_data().await?;
                Ok(file.metadata().await?.len())
            })
        });
        let mut lengths = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            lengths.push(task.await?);
        }
        Ok(lengths)
    });
    // Each syncs behind the last one that has cut it.
    assert_eq!(lengths.unwrap(), [3, 3, 3]);
}
