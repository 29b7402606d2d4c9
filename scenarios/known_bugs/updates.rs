//! Values that are read, changed and written back, while others do the same.

use seedloop::sync::{Lock, Tracked};
use seedloop::{Result, run, spawn};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};
use super::table::join;

pub(super) const BUGS: &[KnownBug] = &[
    KnownBug {
        name: "lost-update",
        source: "textbooks",
        summary: "two tasks read a counter, then write it back increased by one",
        size: 0,
        body: || run(lost_update(2, Broken)),
        fixed: || run(lost_update(2, Fixed)),
    },
    KnownBug {
        name: "lost-update-deep",
        source: "Burckhardt et al., ASPLOS 2010: a bug of depth three",
        summary: "three tasks add one twice each, and only two of six updates are left",
        size: 0,
        body: || run(lost_update_deep(Broken)),
        fixed: || run(lost_update_deep(Fixed)),
    },
    KnownBug {
        name: "double-init",
        source: "double-checked initialisation without the second check",
        summary: "two tasks find that nothing is there yet, and both make it",
        size: 0,
        body: || run(double_init(Broken)),
        fixed: || run(double_init(Fixed)),
    },
    KnownBug {
        name: "wronglock-3",
        source: "SCTBench, CS.wronglock_3_bad",
        summary: "a counter is guarded by one lock here and by another one there",
        size: 1,
        body: || run(wronglock(3, Broken)),
        fixed: || run(wronglock(3, Fixed)),
    },
    KnownBug {
        name: "wronglock-7",
        source: "SCTBench, CS.wronglock_bad",
        summary: "the same with seven tasks that take the other lock",
        size: 1,
        body: || run(wronglock(7, Broken)),
        fixed: || run(wronglock(7, Fixed)),
    },
];

async fn add_one(counter: &Tracked<u32>, version: Version) -> Result<()> {
    match version {
        Broken => {
            let seen = counter.read().await?;
            counter.write(seen + 1).await?;
        }
        Fixed => counter.update(|counter| *counter += 1).await?,
    }
    Ok(())
}

async fn lost_update(tasks: u32, version: Version) -> Result<()> {
    let counter = Tracked::new(0);
    let one = |_| {
        let counter = counter.clone();
        spawn(async move { add_one(&counter, version).await })
    };
    join((0..tasks).map(one).collect()).await?;
    assert_eq!(counter.get(), tasks, "an update is lost");
    Ok(())
}

async fn lost_update_deep(version: Version) -> Result<()> {
    let counter = Tracked::new(0);
    let two = |_| {
        let counter = counter.clone();
        spawn(async move {
            add_one(&counter, version).await?;
            add_one(&counter, version).await
        })
    };
    join((0..3).map(two).collect()).await?;
    assert!(counter.get() > 2, "only {} of 6 updates are left", counter.get());
    Ok(())
}

async fn double_init(version: Version) -> Result<()> {
    let (is_there, made, lock) = (Tracked::new(false), Tracked::new(0), Lock::new());
    let initialise = |_| {
        let (is_there, made, lock) = (is_there.clone(), made.clone(), lock.clone());
        spawn(async move {
            let _guard = match version {
                Broken => None,
                Fixed => Some(lock.lock().await?),
            };
            if !is_there.read().await? {
                made.update(|made| *made += 1).await?;
                is_there.write(true).await?;
            }
            Ok(())
        })
    };
    join((0..2).map(initialise).collect()).await?;
    assert_eq!(made.get(), 1, "it was made twice");
    Ok(())
}

async fn wronglock(others: u32, version: Version) -> Result<()> {
    let (counter, data, table) = (Tracked::new(0), Lock::new(), Lock::new());
    let mut tasks = vec![{
        let (counter, data) = (counter.clone(), data.clone());
        spawn(async move {
            let _guard = data.lock().await?;
            let seen = counter.read().await?;
            counter.write(seen + 1).await?;
            let now = counter.read().await?;
            assert_eq!(now, seen + 1, "somebody else wrote it");
            Ok(())
        })
    }];
    for _ in 0..others {
        let lock = match version {
            Broken => table.clone(),
            Fixed => data.clone(),
        };
        let counter = counter.clone();
        tasks.push(spawn(async move {
            let _guard = lock.lock().await?;
            counter.update(|counter| *counter += 1).await?;
            Ok(())
        }));
    }
    join(tasks).await
}
