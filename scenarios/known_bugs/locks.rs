//! Locks that wait for each other.

use seedloop::sync::{Lock, Tracked};
use seedloop::{JoinHandle, Result, run, spawn};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};
use super::table::join;

pub(super) const BUGS: &[KnownBug] = &[
    KnownBug {
        name: "carter01",
        source: "SCTBench, CS.carter01_bad",
        summary: "each task counts on its own who is inside, and waits for a lock inside one",
        size: 0,
        body: || run(carter01(Broken)),
        fixed: || run(carter01(Fixed)),
    },
    KnownBug {
        name: "deadlock01",
        source: "SCTBench, CS.deadlock01_bad",
        summary: "two tasks take two locks in opposite orders",
        size: 1,
        body: || run(deadlock01(Broken)),
        fixed: || run(deadlock01(Fixed)),
    },
    KnownBug {
        name: "philosophers-3",
        source: "Dijkstra, EWD 310 (1971); SCTBench, CS.din_phil3_sat",
        summary: "three philosophers each hold the fork that another one waits for",
        size: 2,
        body: || run(philosophers(3, Broken)),
        fixed: || run(philosophers(3, Fixed)),
    },
    KnownBug {
        name: "philosophers-5",
        source: "Dijkstra, EWD 310 (1971); SCTBench, CS.din_phil5_sat",
        summary: "the same with five of them",
        size: 4,
        body: || run(philosophers(5, Broken)),
        fixed: || run(philosophers(5, Fixed)),
    },
    KnownBug {
        name: "philosophers-8",
        source: "Dijkstra, EWD 310 (1971)",
        summary: "the same with eight of them",
        size: 7,
        body: || run(philosophers(8, Broken)),
        fixed: || run(philosophers(8, Fixed)),
    },
];

async fn carter01(version: Version) -> Result<()> {
    let (door, room) = (Lock::new(), Lock::new());
    let (shared, work) = (Tracked::new(0), Tracked::new(0));
    let visit = |_| {
        let (door, room, work) = (door.clone(), room.clone(), work.clone());
        let inside = match version {
            Broken => Tracked::new(0),
            Fixed => shared.clone(),
        };
        spawn(async move {
            let guard = door.lock().await?;
            inside.update(|inside| *inside += 1).await?;
            if inside.get() == 1 {
                room.acquire().await?;
            }
            drop(guard);
            work.update(|work| *work += 1).await?;
            let _guard = door.lock().await?;
            inside.update(|inside| *inside -= 1).await?;
            if inside.get() == 0 {
                room.release()?;
            }
            Ok(())
        })
    };
    join((0..2).map(visit).collect()).await
}

async fn take_both(first: Lock, second: Lock) -> Result<()> {
    let _first = first.lock().await?;
    let _second = second.lock().await?;
    Ok(())
}

async fn deadlock01(version: Version) -> Result<()> {
    let (one, other) = (Lock::new(), Lock::new());
    let ahead = spawn(take_both(one.clone(), other.clone()));
    let back = match version {
        Broken => spawn(take_both(other, one)),
        Fixed => spawn(take_both(one, other)),
    };
    join(vec![ahead, back]).await
}

async fn philosophers(count: usize, version: Version) -> Result<()> {
    let forks: Vec<Lock> = (0..count).map(|_| Lock::new()).collect();
    let dine = |index: usize| -> JoinHandle<()> {
        let (left, right) = (forks[index].clone(), forks[(index + 1) % count].clone());
        let (first, second) = match version {
            Fixed if index + 1 == count => (right, left),
            _ => (left, right),
        };
        spawn(take_both(first, second))
    };
    join((0..count).map(dine).collect()).await
}
