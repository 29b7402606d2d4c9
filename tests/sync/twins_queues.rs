//! Queues: the programs of `twins.py`.

use std::cmp::Ordering;

use seedloop::sync::{LifoQueue, PriorityQueue, Queue};
use seedloop::{JoinHandle, out, spawn};

use super::check::{at, attempt, check_twin, spin, text, twin};

/// Spawns a task that gets an item and says how that went.
fn getter(queue: &Queue<&'static str>, name: &'static str) -> JoinHandle<()> {
    let queue = queue.clone();
    spawn(async move { Ok(at!("{name} {}", attempt(queue.get()).await)) })
}

/// Spawns a task that puts its own name and says how that went.
fn putter(queue: &Queue<&'static str>, name: &'static str) -> JoinHandle<()> {
    let queue = queue.clone();
    spawn(async move { Ok(at!("{name} {}", attempt(queue.put(name)).await)) })
}

/// Spawns a task that waits for all items to be done.
fn joiner(queue: &Queue<&'static str>) -> JoinHandle<()> {
    let queue = queue.clone();
    spawn(async move {
        queue.join().await?;
        Ok(at!("joined"))
    })
}

#[test]
fn queue_loser_goes_to_the_end_of_the_line() {
    check_twin("queue_loser_goes_to_the_end_of_the_line", "1; 3 b 2; 3 a 3", || async {
        let queue = Queue::unbounded();
        getter(&queue, "a");
        getter(&queue, "b");
        spin(1).await?;
        queue.put_nowait("1")?;
        out!("{}", queue.get_nowait()?);
        spin(2).await?;
        queue.put_nowait("2")?;
        queue.put_nowait("3")?;
        spin(2).await
    });
}

#[test]
fn queue_woken_getter_is_cancelled() {
    let expected = "1 a cancelled: m; 1 b cancelled; 2 c 1";
    check_twin("queue_woken_getter_is_cancelled", expected, || async {
        let queue = Queue::unbounded();
        let tasks = ["a", "b", "c"].map(|name| getter(&queue, name));
        spin(1).await?;
        queue.put_nowait("1")?;
        tasks[0].cancel_with("m");
        tasks[1].cancel();
        spin(4).await?;
        tasks[2].cancel();
        spin(2).await
    });
}

#[test]
fn queue_woken_getter_is_cancelled_after_the_item_is_gone() {
    let name = "queue_woken_getter_is_cancelled_after_the_item_is_gone";
    check_twin(name, "1 a cancelled; 4 b 2", || async {
        let queue = Queue::unbounded();
        let a = getter(&queue, "a");
        getter(&queue, "b");
        spin(1).await?;
        queue.put_nowait("1")?;
        queue.get_nowait()?;
        a.cancel();
        spin(3).await?;
        queue.put_nowait("2")?;
        spin(2).await
    });
}

#[test]
fn queue_putters_take_turns() {
    let expected = "0 a ok; a; 1 b cancelled: m; 2 c ok; c; main; 5 d ok; d; 0";
    check_twin("queue_putters_take_turns", expected, || async {
        let queue = Queue::new(1);
        let tasks = ["a", "b", "c", "d"].map(|name| putter(&queue, name));
        spin(1).await?;
        out!("{}", queue.get_nowait()?);
        tasks[1].cancel_with("m");
        spin(2).await?;
        out!("{}", queue.get_nowait()?);
        queue.put_nowait("main")?;
        spin(2).await?;
        out!("{}", queue.get_nowait()?);
        spin(2).await?;
        out!("{}", queue.get_nowait()?);
        spin(1).await?;
        out!("{}", queue.qsize());
        Ok(())
    });
}

#[test]
fn queue_join_is_one_hop() {
    let expected = "0 empty, at once; 2 joined 1; ValueError";
    check_twin("queue_join_is_one_hop", expected, || async {
        let queue = Queue::unbounded();
        queue.join().await?;
        at!("empty, at once");
        queue.put_nowait(1)?;
        queue.put_nowait(2)?;
        let theirs = queue.clone();
        spawn(async move {
            theirs.join().await?;
            Ok(at!("joined {}", theirs.qsize()))
        });
        spin(1).await?;
        queue.get_nowait()?;
        queue.task_done()?;
        spin(1).await?;
        queue.get_nowait()?;
        queue.task_done()?;
        queue.put_nowait(3)?;
        spin(2).await?;
        queue.task_done()?;
        out!("{}", text(queue.task_done()));
        Ok(())
    });
}

/// An item of which only the rank is compared.
struct Item {
    rank: u64,
    name: usize,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Item {}
impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// Takes everything out and shows it.
fn drained<T: 'static>(queue: &Queue<T>, show: impl Fn(T) -> String) -> String {
    let items: Vec<String> = std::iter::from_fn(|| queue.get_nowait().ok()).map(show).collect();
    items.join(" ")
}

#[test]
fn queue_order_of_lifo_and_priority() {
    let expected = "5 4 3 2 1 0; 0 2 5 4 1 3; 1 2 3 3 5 8 9";
    check_twin("queue_order_of_lifo_and_priority", expected, || async {
        let lifo = LifoQueue::unbounded();
        let (equal, sparse) = (PriorityQueue::unbounded(), PriorityQueue::unbounded());
        for name in 0..6 {
            lifo.put_nowait(name)?;
            equal.put_nowait(Item { rank: 0, name })?;
        }
        for n in [5, 3, 8, 1, 9, 2, 3] {
            sparse.put_nowait(n)?;
        }
        out!("{}", drained(&lifo, |n: usize| n.to_string()));
        out!("{}", drained(&equal, |item: Item| item.name.to_string()));
        out!("{}", drained(&sparse, |n: i32| n.to_string()));
        Ok(())
    });
}

#[test]
fn queue_ties_of_a_priority_queue() {
    let name = "queue_ties_of_a_priority_queue";
    check_twin(name, twin(name), || async {
        let (mut state, mut given) = (1_u64, 0);
        let queue = PriorityQueue::unbounded();
        for _ in 0..400 {
            state = (state * 1_103_515_245 + 12_345) & 0x7FFF_FFFF;
            if (state >> 16) & 3 != 0 || queue.empty() {
                queue.put_nowait(Item { rank: (state >> 20) & 3, name: given })?;
                given += 1;
            } else {
                out!("{}", queue.get_nowait()?.name);
            }
        }
        while let Ok(item) = queue.get_nowait() {
            out!("{}", item.name);
        }
        Ok(())
    });
}

#[test]
fn queue_shutdown() {
    let expected = "1 a item; 1 c QueueShutDown; 1 b QueueShutDown; 3 d QueueShutDown; \
                    QueueShutDown; QueueShutDown";
    check_twin("queue_shutdown", expected, || async {
        let queue = Queue::new(1);
        getter(&queue, "a");
        getter(&queue, "b");
        spin(1).await?;
        queue.put_nowait("item")?;
        putter(&queue, "c");
        queue.shutdown(false);
        spin(2).await?;
        putter(&queue, "d");
        spin(2).await?;
        out!("{}", text(queue.get_nowait()));
        out!("{}", text(queue.put_nowait("x")));
        Ok(())
    });
}

#[test]
fn queue_shutdown_with_full_queue() {
    let expected = "1 a QueueShutDown; 1 b QueueShutDown; first; QueueShutDown; 3 joined";
    check_twin("queue_shutdown_with_full_queue", expected, || async {
        let queue = Queue::new(1);
        queue.put_nowait("first")?;
        putter(&queue, "a");
        putter(&queue, "b");
        joiner(&queue);
        spin(1).await?;
        queue.shutdown(false);
        spin(2).await?;
        out!("{}", attempt(queue.get()).await);
        out!("{}", attempt(queue.get()).await);
        queue.task_done()?;
        spin(2).await
    });
}

#[test]
fn queue_shutdown_immediate() {
    let expected = "1 g QueueShutDown; 1 p QueueShutDown; 1 joined; 0";
    check_twin("queue_shutdown_immediate", expected, || async {
        let queue = Queue::new(2);
        getter(&queue, "g");
        spin(1).await?;
        queue.put_nowait("x")?;
        queue.put_nowait("y")?;
        putter(&queue, "p");
        joiner(&queue);
        queue.shutdown(true);
        spin(3).await?;
        out!("{}", queue.qsize());
        Ok(())
    });
}
