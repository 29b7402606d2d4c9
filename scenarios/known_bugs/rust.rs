//! Bugs of real Rust projects, each boiled down to a page.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use seedloop::sync::mpsc::{Receiver, channel};
use seedloop::sync::{Event, Lock, Tracked, oneshot};
use seedloop::{Error, LoopFuture, Result, create_future, run, spawn};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};
use super::table::join;

pub(super) const BUGS: &[KnownBug] = &[
    KnownBug {
        name: "select-half-read",
        source: "n0-computer/iroh#2572",
        summary: "a select drops a read in the middle of a frame, and with it what it had read",
        size: 1,
        body: || run(select_half_read(Broken)),
        fixed: || run(select_half_read(Fixed)),
    },
    KnownBug {
        name: "lock-across-await",
        source: "sreeise/graph-rs-sdk#381",
        summary: "a client awaits an answer under a lock that the server needs to begin",
        size: 1,
        body: || run(lock_across_await(Broken)),
        fixed: || run(lock_across_await(Fixed)),
    },
    KnownBug {
        name: "notify-before-wait",
        source: "containerd/ttrpc-rust#227",
        summary: "the last one ends between the look at the count and the wait for the end",
        size: 1,
        body: || run(notify_before_wait(Broken)),
        fixed: || run(notify_before_wait(Fixed)),
    },
    KnownBug {
        name: "full-mailboxes",
        source: "build-trust/ockam#1947",
        summary: "two workers with full mailboxes each wait for a place in the other's",
        size: 0,
        body: || run(full_mailboxes(Broken)),
        fixed: || run(full_mailboxes(Fixed)),
    },
    KnownBug {
        name: "cache-loads-twice",
        source: "moka-rs/moka#15",
        summary: "two tasks miss in the cache before the first has put its value there",
        size: 0,
        body: || run(cache_loads_twice(Broken)),
        fixed: || run(cache_loads_twice(Fixed)),
    },
];

/// Frames of bytes: their length, then their content.
struct Frames {
    bytes: Receiver<u8>,
    /// What was read of the next one.
    partial: Vec<u8>,
}

impl Frames {
    async fn next(&mut self, version: Version) -> Vec<u8> {
        if version == Broken {
            // As if it were a local of this function.
            self.partial.clear();
        }
        loop {
            if let Some((length, content)) = self.partial.split_first()
                && content.len() == usize::from(*length)
            {
                let content = content.to_vec();
                self.partial.clear();
                return content;
            }
            match self.bytes.recv().await {
                Some(byte) => self.partial.push(byte),
                None => panic!("the stream ended within a frame"),
            }
        }
    }
}

/// The one that is ready first; the other is dropped.
async fn select<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> Either<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| {
        if let Poll::Ready(one) = one.as_mut().poll(cx) {
            return Poll::Ready(Either::One(one));
        }
        other.as_mut().poll(cx).map(Either::Other)
    })
    .await
}

enum Either<A, B> {
    One(A),
    Other(B),
}

async fn select_half_read(version: Version) -> Result<()> {
    let (bytes, received) = channel(8);
    let (commands, mut commanded) = channel(8);
    let command = commands.clone();
    let command = spawn(async move {
        // It may come too late, when nobody reads any more.
        let _ = command.send(()).await;
        Ok(())
    });
    let write = spawn(async move {
        for byte in *b"\x02ab" {
            bytes.send(byte).await.map_err(|_| Error::msg("gone"))?;
        }
        Ok(())
    });
    let read = spawn(async move {
        let mut frames = Frames { bytes: received, partial: Vec::new() };
        loop {
            if let Either::One(frame) = select(frames.next(version), commanded.recv()).await {
                assert_eq!(frame, b"ab", "another frame");
                return Ok(());
            }
        }
    });
    join(vec![command, write, read]).await?;
    drop(commands);
    Ok(())
}

async fn lock_across_await(version: Version) -> Result<()> {
    let config = Lock::new();
    let (requests, mut requested) = channel::<oneshot::Sender<u32>>(1);
    let server = {
        let config = config.clone();
        spawn(async move {
            drop(config.lock().await?);
            while let Some(answer) = requested.recv().await {
                let _ = answer.send(42);
            }
            Ok(())
        })
    };
    let client = spawn(async move {
        let guard = config.lock().await?;
        if version == Fixed {
            drop(guard);
        }
        let (answer, answered) = oneshot::channel();
        requests.send(answer).await.map_err(|_| Error::msg("gone"))?;
        answered.await.map_err(|_| Error::msg("no answer"))?;
        Ok(())
    });
    join(vec![server, client]).await
}

/// How many are at work, and who waits until none is.
#[derive(Clone)]
struct Pending {
    count: Tracked<u32>,
    waiting: Tracked<u32>,
    told: Tracked<Vec<LoopFuture<()>>>,
}

impl Pending {
    async fn ends(&self) -> Result<()> {
        let is_last = self.count.update(|count| {
            *count -= 1;
            *count == 0
        });
        if is_last.await? {
            for future in self.told.get() {
                future.set_result(())?;
            }
        }
        Ok(())
    }

    /// Is told if it is the last one's end that comes next.
    fn notified(&self) -> Result<LoopFuture<()>> {
        let future = create_future()?;
        let mut told = self.told.get();
        told.push(future.clone());
        self.told.set(told);
        Ok(future)
    }

    async fn wait_for_all(&self, version: Version) -> Result<()> {
        let early = match version {
            Broken => None,
            Fixed => Some(self.notified()?),
        };
        if self.count.read().await? > 0 {
            self.waiting.update(|waiting| *waiting += 1).await?;
            match early {
                Some(notified) => notified.await?,
                None => self.notified()?.await?,
            }
        }
        Ok(())
    }
}

async fn notify_before_wait(version: Version) -> Result<()> {
    let (count, waiting) = (Tracked::new(1), Tracked::new(0));
    let pending = Pending { count, waiting, told: Tracked::new(Vec::new()) };
    let works = pending.clone();
    let works = spawn(async move { works.ends().await });
    let waits = spawn(async move { pending.wait_for_all(version).await });
    join(vec![works, waits]).await
}

async fn full_mailboxes(version: Version) -> Result<()> {
    let capacity = match version {
        Broken => 1,
        // Room for all that can be under way.
        Fixed => 4,
    };
    let (one, of_one) = channel(capacity);
    let (other, of_other) = channel(capacity);
    let (left, all_done) = (Tracked::new(8), Event::new());
    let mut tasks = Vec::new();
    for (mut mailbox, peer) in [(of_one, other.clone()), (of_other, one.clone())] {
        let (left, all_done) = (left.clone(), all_done.clone());
        // Workers go on until the program ends.
        spawn(async move {
            while let Some(hops) = mailbox.recv().await {
                if hops > 0 {
                    peer.send(hops - 1).await.map_err(|_| Error::msg("gone"))?;
                }
                left.set(left.get() - 1);
                if left.get() == 0 {
                    all_done.set();
                }
            }
            Ok(())
        });
    }
    for worker in [one, other] {
        tasks.push(spawn(async move {
            for _ in 0..2 {
                worker.send(1).await.map_err(|_| Error::msg("gone"))?;
            }
            Ok(())
        }));
    }
    join(tasks).await?;
    all_done.wait().await?;
    Ok(())
}

async fn cache_loads_twice(version: Version) -> Result<()> {
    let (cache, loads, loading) = (Tracked::new(None), Tracked::new(0), Lock::new());
    let get = |_| {
        let (cache, loads, loading) = (cache.clone(), loads.clone(), loading.clone());
        spawn(async move {
            if cache.read().await?.is_some() {
                return Ok(());
            }
            let _guard = match version {
                Broken => None,
                Fixed => Some(loading.lock().await?),
            };
            if version == Fixed && cache.read().await?.is_some() {
                return Ok(());
            }
            loads.update(|loads| *loads += 1).await?;
            cache.write(Some("value")).await?;
            Ok(())
        })
    };
    join((0..2).map(get).collect()).await?;
    assert_eq!(loads.get(), 1, "it was loaded twice");
    Ok(())
}
