//! Open files: what was begun and left, and the traits beside the methods.

use std::collections::BTreeSet;
use std::io::{ErrorKind, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::Duration;

use futures_lite::future::{block_on, poll_fn, poll_once};
use futures_lite::{AsyncRead, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use seedloop::fs::{self, File, OpenOptions};
use seedloop::host::Host;
use seedloop::{Instant, Result, Simulation, host, run, sleep, spawn, timeout};

/// What `body` gives under each of 100 seeds, which is the same.
fn always<T, F>(body: impl Fn() -> F) -> T
where
    T: PartialEq + std::fmt::Debug + 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let results = (0..100).map(|seed| {
        let outcome = Simulation::new().seed(seed).block_on(body());
        outcome.result.unwrap_or_else(|error| panic!("seed {seed}: {error}"))
    });
    let mut results: Vec<T> = results.collect();
    results.dedup();
    assert_eq!(results.len(), 1, "{results:?}");
    results.remove(0)
}

async fn read_write(path: &str) -> Result<File> {
    Ok(OpenOptions::new().read(true).write(true).open(path).await?)
}

/// Nothing that was begun before comes over what was acknowledged and synced.
#[test]
fn a_write_waits_for_one_that_was_dropped() {
    let text = always(|| async {
        let mut file = File::create("f").await?;
        assert!(poll_once(file.write_all(b"AAAA")).await.is_none());
        file.write_all(b"BBBB").await?;
        assert!(poll_once(file.set_len(2)).await.is_none());
        file.write_all(b"CC").await?;
        assert!(poll_once(file.sync_all()).await.is_none());
        assert_eq!(file.seek(SeekFrom::Current(0)).await?, 10);
        Ok(fs::read("f").await?)
    });
    assert_eq!(text, b"AA\0\0\0\0\0\0CC");
}

#[test]
fn a_write_waits_for_one_whose_wait_was_cancelled() {
    let text = always(|| async {
        let task = spawn(async {
            let mut file = File::create("f").await?;
            fs::set_latency(Duration::from_millis(1)..=Duration::from_millis(100));
            let cancelled = file.write_all(b"AAAA").await.unwrap_err();
            assert!(seedloop::Error::from(cancelled).is_cancelled());
            file.write_all(b"BBBB").await?;
            Ok(fs::read_to_string("f").await?)
        });
        while fs::open_files() == 0 {
            sleep(Duration::from_micros(10)).await?;
        }
        sleep(Duration::from_micros(500)).await?;
        task.cancel();
        task.await
    });
    assert_eq!(text, "AAAABBBB");
}

/// A cancel comes to what the task waits for, and not to what it has left.
#[test]
fn what_was_left_takes_no_cancel() {
    let text = always(|| async {
        let task = spawn(async {
            let mut file = File::create("f").await?;
            assert!(poll_once(file.write_all(b"AAAA")).await.is_none());
            let start = Instant::now();
            assert!(sleep(Duration::from_secs(9)).await.is_err());
            assert!(start.elapsed() < Duration::from_secs(2));
            file.write_all(b"BBBB").await?;
            Ok(fs::read_to_string("f").await?)
        });
        sleep(Duration::from_secs(1)).await?;
        task.cancel();
        task.await
    });
    assert_eq!(text, "AAAABBBB");
}

/// The error of what was left is that of what comes next, which does not begin.
#[test]
fn the_error_of_a_dropped_write_is_told() {
    let (kind, text) = always(|| async {
        let mut file = File::create("f").await?;
        fs::disk(host::current()).set_capacity(Some(2));
        assert!(poll_once(file.write_all(b"AAAA")).await.is_none());
        let kind = file.write_all(b"B").await.unwrap_err().kind();
        fs::disk(host::current()).set_capacity(None);
        file.write_all(b"C").await?;
        Ok((kind, fs::read_to_string("f").await?))
    });
    assert_eq!((kind, text.as_str()), (ErrorKind::StorageFull, "AAC"));
}

#[test]
fn traits_and_methods_share_the_position() {
    let text = always(|| async {
        let mut file = File::create_new("f").await?;
        AsyncWriteExt::write_all(&mut file, b"ab").await?;
        file.write_all(b"cd").await?;
        AsyncWriteExt::write_all(&mut file, b"ef").await?;
        assert_eq!(file.seek(SeekFrom::Current(-2)).await?, 4);
        let mut last = [0; 2];
        file.read_exact(&mut last).await?;
        assert_eq!(&last, b"ef");
        AsyncWriteExt::write_all(&mut file, b"gh").await?;
        assert_eq!(file.read(&mut last).await?, 0);
        Ok(fs::read_to_string("f").await?)
    });
    assert_eq!(text, "abcdefgh");
}

/// Begins a read and leaves it.
async fn begin_read(file: &mut File, length: usize) -> bool {
    let mut buffer = vec![0; length];
    let read =
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *file).poll_read(cx, &mut buffer).is_pending()));
    read.await
}

#[test]
fn a_read_that_was_left_is_not_of_another_place() {
    let read = always(|| async {
        fs::write("f", "0123456789").await?;
        let mut file = read_write("f").await?;
        assert!(begin_read(&mut file, 4).await);
        file.seek(SeekFrom::Start(6)).await?;
        let mut read = [0; 4];
        futures_lite::AsyncReadExt::read_exact(&mut file, &mut read).await?;
        assert_eq!(&read, b"6789");
        assert!(begin_read(&mut file, 4).await);
        AsyncSeekExt::seek(&mut file, SeekFrom::Start(1)).await?;
        assert!(!begin_read(&mut file, 0).await);
        Ok(futures_lite::AsyncReadExt::read(&mut file, &mut read).await?)
    });
    assert_eq!(read, 4);
}

/// Its host and its number stand for something else there.
#[test]
fn a_file_belongs_to_its_simulation() {
    let kept = run(async {
        let mut file = File::create("f").await?;
        assert!(poll_once(file.write_all(b"AAAA")).await.is_none());
        Ok((file, File::create("g").await?))
    });
    let (mut left, mut file) = kept.unwrap();
    let text = run(async move {
        fs::write("other", "text").await?;
        let text = "the file belongs to the simulation in which it was made, which is over; make \
                    one inside each";
        assert_eq!(file.write_all(b"x").await.unwrap_err().to_string(), text);
        assert_eq!(file.sync_all().await.unwrap_err().to_string(), text);
        assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap_err().to_string(), text);
        let sought = AsyncSeekExt::seek(&mut file, SeekFrom::End(0)).await;
        assert_eq!(sought.unwrap_err().to_string(), text);
        assert!(left.write_all(b"x").await.is_err());
        drop((left, file));
        assert_eq!(fs::open_files(), 0);
        Ok(fs::read_to_string("other").await?)
    });
    assert_eq!(text.unwrap(), "text");
}

/// The simulation is not over: it goes on, on another thread.
#[test]
#[expect(clippy::disallowed_methods, reason = "what is tested is another thread")]
fn a_file_is_used_on_the_thread_of_its_simulation() {
    let text = run(async {
        let mut file = File::create("f").await?;
        let elsewhere = move || block_on(file.write_all(b"x")).unwrap_err().to_string();
        Ok(thread::spawn(elsewhere).join().unwrap())
    });
    let expected = "the file belongs to a simulation on another thread; use it there, in a task \
                    or in a job of a pool, and make one inside each simulation";
    assert_eq!(text.unwrap(), expected);
}

#[test]
fn a_file_has_a_greatest_length() {
    let kinds = run(async {
        let mut file = File::create("f").await?;
        let mut kinds = Vec::new();
        // Source: std, `File::set_len`: what does not fit into 63 bits is no length.
        for length in [i64::MAX as u64 + 1, u64::MAX] {
            assert_eq!(file.set_len(length).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        for length in [1 << 44, i64::MAX as u64] {
            kinds.push(file.set_len(length).await.unwrap_err().kind());
            file.seek(SeekFrom::Start(length)).await?;
            file.write_all(b"").await?;
            kinds.push(file.write_all(b"x").await.unwrap_err().kind());
        }
        assert_eq!(file.metadata().await?.len(), 0);
        file.seek(SeekFrom::Start(1 << 20)).await?;
        file.write_all(b"x").await?;
        assert_eq!(file.metadata().await?.len(), (1 << 20) + 1);
        Ok(kinds)
    });
    assert_eq!(kinds.unwrap(), [ErrorKind::FileTooLarge; 4]);
}

/// Asks the disk of a host at once when it is woken, and keeps what it was told.
struct Asks(Host, AtomicU64);

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        self.1.store(fs::disk(self.0).used(), Ordering::Relaxed);
    }
}

/// The wait for a write was cancelled, and somebody else waits for the file: how many bytes the
/// disk has when he is told, at the end of the write or in a crash before it.
async fn told_of_a_write(crashes: bool) -> Result<u64> {
    const MS: Duration = Duration::from_millis(1);
    let host = Host::new("db");
    fs::disk(host).set_latency(MS..=MS);
    let asks = Arc::new(Asks(host, AtomicU64::new(u64::MAX)));
    let waker = Arc::clone(&asks).into();
    drop(host.spawn(async move {
        let mut file = File::create("f").await?;
        let writing = timeout(MS / 4).scope(async |_| Ok(file.write_all(b"text").await?));
        assert!(writing.await.is_err_and(|error| error.is_timeout()));
        assert!(Pin::new(&mut file).poll_flush(&mut Context::from_waker(&waker)).is_pending());
        Ok(sleep(MS * 10).await?)
    }));
    sleep(MS * 3 / 2).await?;
    if crashes {
        host.crash();
    }
    sleep(MS * 5).await?;
    Ok(asks.1.load(Ordering::Relaxed))
}

/// In a crash the write happens, and he is told then, or it does not, and he is told at its end.
#[test]
fn who_is_told_of_a_write_may_use_the_disk_at_once() {
    assert_eq!(always(|| told_of_a_write(false)), 4);
    let told = (0..20).map(|seed| {
        Simulation::new().seed(seed).block_on(told_of_a_write(true)).result.expect("it runs")
    });
    assert_eq!(told.collect::<BTreeSet<_>>(), BTreeSet::from([0, 4]));
}
