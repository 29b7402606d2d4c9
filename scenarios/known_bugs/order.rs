//! Values that belong together and are written one after the other.

use seedloop::sync::{Lock, Tracked};
use seedloop::{JoinHandle, Result, run, spawn};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};
use super::table::join;

pub(super) const BUGS: &[KnownBug] = &[
    KnownBug {
        name: "twostage-2",
        source: "SCTBench, CS.twostage_bad",
        summary: "a reader comes between the two stages of a write, each under a lock of its own",
        size: 1,
        body: || run(twostage(2, Broken)),
        fixed: || run(twostage(2, Fixed)),
    },
    KnownBug {
        name: "twostage-20",
        source: "SCTBench, CS.twostage_bad with 20 tasks",
        summary: "the same between the stages of nineteen writers",
        size: 2,
        body: || run(twostage(20, Broken)),
        fixed: || run(twostage(20, Fixed)),
    },
    KnownBug {
        name: "twostage-50",
        source: "SCTBench, CS.twostage_bad with 50 tasks",
        summary: "the same between the stages of forty-nine writers",
        size: 2,
        body: || run(twostage(50, Broken)),
        fixed: || run(twostage(50, Fixed)),
    },
    KnownBug {
        name: "reorder-3",
        source: "SCTBench, CS.reorder_3_bad",
        summary: "a check comes between the two writes of a task",
        size: 1,
        body: || run(reorder(3, Broken)),
        fixed: || run(reorder(3, Fixed)),
    },
    KnownBug {
        name: "reorder-5",
        source: "SCTBench, CS.reorder_5_bad",
        summary: "the same with four tasks that write",
        size: 1,
        body: || run(reorder(5, Broken)),
        fixed: || run(reorder(5, Fixed)),
    },
    KnownBug {
        name: "reorder-20",
        source: "SCTBench, CS.reorder_20_bad",
        summary: "the same with nineteen tasks that write",
        size: 1,
        body: || run(reorder(20, Broken)),
        fixed: || run(reorder(20, Fixed)),
    },
    KnownBug {
        name: "reorder-50",
        source: "SCTBench, CS.reorder_5_bad with 50 tasks",
        summary: "the same with forty-nine tasks that write",
        size: 1,
        body: || run(reorder(50, Broken)),
        fixed: || run(reorder(50, Fixed)),
    },
];

async fn twostage(tasks: usize, version: Version) -> Result<()> {
    let (one, two) = (Tracked::new(0), Tracked::new(0));
    let (first, second) = (Lock::new(), Lock::new());
    let write = |_| {
        let (one, two) = (one.clone(), two.clone());
        let (first, second) = (first.clone(), second.clone());
        spawn(async move {
            let guard = first.lock().await?;
            one.set(1);
            if version == Broken {
                drop(guard);
            }
            let _guard = second.lock().await?;
            two.set(one.get() + 1);
            Ok(())
        })
    };
    let mut tasks: Vec<JoinHandle<()>> = (1..tasks).map(write).collect();
    tasks.push(spawn(async move {
        let guard = first.lock().await?;
        let seen = one.get();
        drop(guard);
        if seen != 0 {
            let _guard = second.lock().await?;
            assert_eq!(two.get(), seen + 1, "the second stage is missing");
        }
        Ok(())
    }));
    join(tasks).await
}

async fn reorder(tasks: usize, version: Version) -> Result<()> {
    let (one, two, lock) = (Tracked::new(0), Tracked::new(0), Lock::new());
    let write = |_| {
        let (one, two, lock) = (one.clone(), two.clone(), lock.clone());
        spawn(async move {
            let _guard = match version {
                Broken => None,
                Fixed => Some(lock.lock().await?),
            };
            one.write(1).await?;
            two.write(-1).await?;
            Ok(())
        })
    };
    let mut tasks: Vec<JoinHandle<()>> = (1..tasks).map(write).collect();
    tasks.push(spawn(async move {
        let _guard = match version {
            Broken => None,
            Fixed => Some(lock.lock().await?),
        };
        let seen = (one.read().await?, two.read().await?);
        assert!(seen == (0, 0) || seen == (1, -1), "half of a write: {seen:?}");
        Ok(())
    }));
    join(tasks).await
}
