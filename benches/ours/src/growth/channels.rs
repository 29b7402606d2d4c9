//! Queues and channels, with many items and with many at their ends.

use std::time::Duration;

use seedloop::sync::{PriorityQueue, Queue, broadcast, mpsc, oneshot, watch};
use seedloop::{Error, sleep, spawn};

use super::{Case, simulate};
use crate::loops::join_all;

const HOUR: Duration = Duration::from_secs(3_600);

pub const CASES: &[Case] = &[
    ("items in a queue", 4_000, queue),
    ("items in a priority queue", 4_000, priority_queue),
    ("getters of a queue", 2_000, getters),
    ("getters of a queue, cancelled", 2_000, getters_cancelled),
    ("putters of a full queue", 2_000, putters),
    ("getters of a queue that is shut down", 2_000, shut_down),
    ("messages of an mpsc channel", 4_000, messages),
    ("senders to a full mpsc channel", 2_000, senders),
    ("oneshot channels", 4_000, oneshots),
    ("receivers of a watch", 2_000, watchers),
    ("receivers of a broadcast", 2_000, receivers),
    ("messages of a broadcast", 4_000, broadcasts),
];

fn queue(n: u64) {
    simulate(async move {
        let queue = Queue::unbounded();
        for item in 0..n {
            queue.put_nowait(item)?;
        }
        for item in 0..n {
            assert_eq!(queue.get().await?, item);
        }
        Ok(())
    });
}

fn priority_queue(n: u64) {
    simulate(async move {
        let queue = PriorityQueue::unbounded();
        for item in 0..n {
            queue.put_nowait(item.wrapping_mul(0x9e37_79b9_7f4a_7c15))?;
        }
        let mut last = 0;
        for _ in 0..n {
            let item = queue.get().await?;
            assert!(item >= last);
            last = item;
        }
        Ok(())
    });
}

fn getters(n: u64) {
    simulate(async move {
        let queue = Queue::unbounded();
        let turn = |queue: Queue<u64>| async move { Ok(queue.get().await?) };
        let tasks = (0..n).map(|_| spawn(turn(queue.clone()))).collect();
        sleep(HOUR).await?;
        for item in 0..n {
            queue.put_nowait(item)?;
        }
        join_all(tasks).await
    });
}

fn getters_cancelled(n: u64) {
    simulate(async move {
        let queue = Queue::<u64>::unbounded();
        let turn = |queue: Queue<u64>| async move { Ok(queue.get().await?) };
        let tasks: Vec<_> = (0..n).map(|_| spawn(turn(queue.clone()))).collect();
        sleep(HOUR).await?;
        tasks.iter().rev().for_each(|task| _ = task.cancel());
        for task in tasks {
            assert!(task.await.is_err());
        }
        Ok(())
    });
}

fn putters(n: u64) {
    simulate(async move {
        let queue = Queue::new(1);
        let turn = |queue: Queue<u64>, item| async move { Ok(queue.put(item).await?) };
        let tasks = (0..n).map(|item| spawn(turn(queue.clone(), item))).collect();
        sleep(HOUR).await?;
        let mut sum = 0;
        for _ in 0..n {
            sum += queue.get().await?;
        }
        assert_eq!(sum, n * (n - 1) / 2);
        join_all(tasks).await
    });
}

fn shut_down(n: u64) {
    simulate(async move {
        let queue = Queue::<u64>::unbounded();
        let turn = |queue: Queue<u64>| async move { Ok(assert!(queue.get().await.is_err())) };
        let tasks = (0..n).map(|_| spawn(turn(queue.clone()))).collect();
        sleep(HOUR).await?;
        queue.shutdown(true);
        join_all(tasks).await
    });
}

fn messages(n: u64) {
    simulate(async move {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for message in 0..n {
            sender.send(message).map_err(Error::new)?;
        }
        for message in 0..n {
            assert_eq!(receiver.recv().await, Some(message));
        }
        Ok(())
    });
}

fn senders(n: u64) {
    simulate(async move {
        let (sender, mut receiver) = mpsc::channel(1);
        let turn = |sender: mpsc::Sender<u64>, message| async move {
            sender.send(message).await.map_err(Error::new)
        };
        let tasks = (0..n).map(|message| spawn(turn(sender.clone(), message))).collect();
        sleep(HOUR).await?;
        let mut sum = 0;
        for _ in 0..n {
            sum += receiver.recv().await.unwrap_or_default();
        }
        assert_eq!(sum, n * (n - 1) / 2);
        join_all(tasks).await
    });
}

fn oneshots(n: u64) {
    simulate(async move {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..n).map(|_| oneshot::channel()).unzip();
        let turn =
            |receiver: oneshot::Receiver<u64>| async move { receiver.await.map_err(Error::new) };
        let tasks = receivers.into_iter().map(|receiver| spawn(turn(receiver))).collect();
        sleep(HOUR).await?;
        for sender in senders {
            assert!(sender.send(7).is_ok());
        }
        join_all(tasks).await
    });
}

fn watchers(n: u64) {
    simulate(async move {
        let (sender, receiver) = watch::channel(0);
        let turn = |mut receiver: watch::Receiver<u64>| async move {
            receiver.changed().await.map_err(Error::new)
        };
        let tasks = (0..n).map(|_| spawn(turn(receiver.clone()))).collect();
        sleep(HOUR).await?;
        sender.send(1).map_err(Error::new)?;
        join_all(tasks).await
    });
}

fn receivers(n: u64) {
    simulate(async move {
        let (sender, _) = broadcast::channel(4);
        let turn = |mut receiver: broadcast::Receiver<u64>| async move {
            receiver.recv().await.map_err(Error::new)
        };
        let tasks = (0..n).map(|_| spawn(turn(sender.subscribe()))).collect();
        sleep(HOUR).await?;
        sender.send(1).map_err(Error::new)?;
        join_all(tasks).await
    });
}

fn broadcasts(n: u64) {
    simulate(async move {
        let (sender, mut receiver) = broadcast::channel(n as usize);
        for message in 0..n {
            sender.send(message).map_err(Error::new)?;
        }
        for message in 0..n {
            assert_eq!(receiver.recv().await.map_err(Error::new)?, message);
        }
        Ok(())
    });
}
