//! The real `tokio::sync` inside a simulation: no clock, no threads and no chance of its own.

use std::sync::Arc;
use std::time::Duration;

use seedloop::tokio::task::JoinSet;
use seedloop::tokio::time::sleep;
use seedloop::{Outcome, Simulation, out};
use tokio::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, watch};

/// Uses everything at once; the order of what it prints is up to the run.
async fn program() {
    let permits = Arc::new(Semaphore::new(2));
    let (total, start) = (Arc::new(Mutex::new(0)), Arc::new(Barrier::new(4)));
    let (items, mut received) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    for number in 0..4_u64 {
        let (permits, total, start) = (permits.clone(), total.clone(), start.clone());
        let items = items.clone();
        tasks.spawn(async move {
            start.wait().await;
            let _permit = permits.acquire().await.unwrap();
            sleep(Duration::from_secs(1)).await;
            *total.lock().await += number;
            items.send(number).await.unwrap();
        });
    }
    drop(items);
    while let Some(item) = received.recv().await {
        out!("{item}");
    }
    while tasks.join_next().await.is_some() {}
    assert_eq!(*total.lock().await, 6);
    signals().await;
}

async fn signals() {
    let (watched, mut seen) = watch::channel(0);
    let (room, mut messages) = broadcast::channel(4);
    let (notify, cell) = (Arc::new(Notify::new()), Arc::new(OnceCell::new()));
    let shared = Arc::new(RwLock::new(Vec::new()));
    let mut tasks = JoinSet::new();
    let (theirs, told, once) = (shared.clone(), notify.clone(), cell.clone());
    tasks.spawn(async move {
        told.notified().await;
        theirs.write().await.push(*once.get_or_init(|| async { 7 }).await);
        watched.send(1).unwrap();
        room.send("done").unwrap();
    });
    notify.notify_one();
    seen.changed().await.unwrap();
    assert_eq!(messages.recv().await.unwrap(), "done");
    assert_eq!((*shared.read().await).as_slice(), [7]);
    assert_eq!(cell.get(), Some(&7));
}

fn simulate(simulation: Simulation) -> Outcome<()> {
    simulation.block_on(async { Ok(program().await) })
}

#[test]
fn everything_works_and_repeats() {
    let outcome = simulate(Simulation::new());
    outcome.result.unwrap();
    let lines: Vec<&str> = outcome.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!((lines.len(), outcome.time.since_start()), (4, Duration::from_secs(2)));
    for seed in 0..50 {
        let outcome = simulate(Simulation::new().seed(seed));
        assert_eq!(outcome.fingerprint, simulate(Simulation::new().seed(seed)).fingerprint);
        outcome.result.unwrap();
    }
}
