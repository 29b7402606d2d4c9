//! Groups, gather, wait and the like.

use std::time::Duration;

use seedloop::{
    JoinSet, ReturnWhen, TaskGroup, as_completed, attempt, gather, shield, sleep, spawn, timeout,
    wait, wait_for, yield_now,
};

use super::{Case, simulate};
use crate::loops::join_all;

const HOUR: Duration = Duration::from_secs(3_600);

pub const CASES: &[Case] = &[
    ("children of a group", 4_000, group),
    ("children of a group that fails", 4_000, group_that_fails),
    ("errors of a group", 2_000, errors_of_a_group),
    ("futures of a gather", 4_000, gathered),
    ("futures of a gather that is cancelled", 4_000, gather_cancelled),
    ("futures of a wait", 4_000, waited),
    ("waits for the first of many", 100, waited_in_turn),
    ("futures as they complete", 4_000, completed),
    ("tasks of a join set", 4_000, join_set),
    ("tasks of a join set that are aborted", 4_000, join_set_aborted),
    ("timeouts that pass", 2_000, timeouts),
    ("timeouts, each inside another", 500, nested_timeouts),
    ("waits with a limit that is not used", 2_000, limited),
    ("shields", 2_000, shields),
    ("attempts, each inside another", 500, nested_attempts),
];

fn group(n: u64) {
    simulate(async move {
        let block = async |group: &TaskGroup| {
            for _ in 0..n {
                group.spawn(async { Ok(yield_now().await?) })?;
            }
            Ok(())
        };
        TaskGroup::new().scope(block).await
    });
}

fn group_that_fails(n: u64) {
    simulate(async move {
        let block = async |group: &TaskGroup| {
            for _ in 0..n {
                group.spawn(async { Ok(sleep(HOUR).await?) })?;
            }
            sleep(HOUR / 2).await?;
            Err::<(), _>(seedloop::Error::msg("enough"))
        };
        assert!(TaskGroup::new().scope(block).await.is_err());
        Ok(())
    });
}

fn errors_of_a_group(n: u64) {
    simulate(async move {
        let block = async |group: &TaskGroup| {
            for number in 0..n {
                group.spawn(async move {
                    let result = sleep(HOUR).await;
                    Err::<(), _>(seedloop::Error::msg(format!("{number}: {result:?}")))
                })?;
            }
            Ok(())
        };
        assert!(TaskGroup::new().scope(block).await.is_err());
        Ok(())
    });
}

fn gathered(n: u64) {
    simulate(async move {
        let children: Vec<_> = (0..n).map(|_| async { Ok(yield_now().await?) }).collect();
        assert_eq!(gather(children).await?.len() as u64, n);
        Ok(())
    });
}

fn gather_cancelled(n: u64) {
    simulate(async move {
        let children: Vec<_> = (0..n).map(|_| async { Ok(sleep(HOUR).await?) }).collect();
        let all = gather(children);
        sleep(HOUR / 2).await?;
        all.cancel();
        assert!(all.await.is_err());
        Ok(())
    });
}

fn waited(n: u64) {
    simulate(async move {
        let tasks: Vec<_> = (0..n).map(|_| spawn(async { Ok(yield_now().await?) })).collect();
        let (done, pending) = wait(tasks, ReturnWhen::AllCompleted).await?;
        assert_eq!((done.len() as u64, pending.len()), (n, 0));
        Ok(())
    });
}

/// Each wait looks at all that are left, n squared in all, as asyncio's own does: the size counts
/// futures looked at, and so its root is how many tasks there are.
fn waited_in_turn(n: u64) {
    let tasks = (n as f64 * 100.0).sqrt() as u64;
    simulate(async move {
        let asleep = |task: u64| async move { Ok(sleep(Duration::from_millis(task)).await?) };
        let mut left: Vec<_> = (0..tasks).map(|task| spawn(asleep(task))).collect();
        while !left.is_empty() {
            let (done, pending) = wait(left, ReturnWhen::FirstCompleted).await?;
            join_all(done).await?;
            left = pending;
        }
        Ok(())
    });
}

fn completed(n: u64) {
    simulate(async move {
        let children: Vec<_> = (0..n).map(|_| async { Ok(yield_now().await?) }).collect();
        let mut all = as_completed(children);
        let mut count = 0;
        while let Some(one) = all.next().await {
            one?;
            count += 1;
        }
        assert_eq!(count, n);
        Ok(())
    });
}

fn join_set(n: u64) {
    simulate(async move {
        let mut set = JoinSet::new();
        for number in 0..n {
            set.spawn(async move { number });
        }
        let mut sum = 0;
        while let Some(number) = set.join_next().await {
            sum += number.map_err(seedloop::Error::new)?;
        }
        assert_eq!(sum, n * (n - 1) / 2);
        Ok(())
    });
}

fn join_set_aborted(n: u64) {
    simulate(async move {
        let mut set = JoinSet::new();
        for _ in 0..n {
            set.spawn(async { sleep(HOUR).await.is_ok() });
        }
        sleep(HOUR / 2).await?;
        set.abort_all();
        while let Some(ended) = set.join_next().await {
            assert!(ended.is_err());
        }
        Ok(())
    });
}

fn timeouts(n: u64) {
    simulate(async move {
        let late = || async {
            let result = timeout(HOUR / 2).scope(async |_| Ok(sleep(HOUR).await?)).await;
            assert!(result.is_err());
            Ok(())
        };
        join_all((0..n).map(|_| spawn(late())).collect()).await
    });
}

fn nested_timeouts(n: u64) {
    fn inside(left: u64) -> std::pin::Pin<Box<dyn Future<Output = seedloop::Result<()>>>> {
        Box::pin(async move {
            if left == 0 {
                return Ok(yield_now().await?);
            }
            timeout(HOUR).scope(async |_| inside(left - 1).await).await
        })
    }
    // The future is as deep as there are timeouts, and so each poll of it: a few deep ones.
    simulate(async move {
        for _ in 0..n / 50 {
            inside(50).await?;
        }
        Ok(())
    });
}

fn limited(n: u64) {
    simulate(async move {
        let soon = || async {
            wait_for(async { Ok::<_, seedloop::Error>(yield_now().await?) }, HOUR).await
        };
        join_all((0..n).map(|_| spawn(soon())).collect()).await
    });
}

fn shields(n: u64) {
    simulate(async move {
        let shielded = || async { shield(async { Ok(yield_now().await?) }).await };
        join_all((0..n).map(|_| spawn(shielded())).collect()).await
    });
}

fn nested_attempts(n: u64) {
    fn inside(left: u64) -> std::pin::Pin<Box<dyn Future<Output = seedloop::Result<()>>>> {
        Box::pin(async move {
            if left == 0 {
                return Ok(yield_now().await?);
            }
            attempt(async move { inside(left - 1).await }).await
        })
    }
    simulate(async move {
        for _ in 0..n / 50 {
            inside(50).await?;
        }
        Ok(())
    });
}
