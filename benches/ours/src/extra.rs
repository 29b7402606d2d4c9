//! Workloads that only the library has: other ways of its own to do the same.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use seedloop::explore::{Explorer, Strategy};
use seedloop::sync::mpsc;
use seedloop::{JoinHandle, sleep, spawn};

use crate::runtime::{RECORD, run};
use crate::workloads::{dispatch, small_run};

const HOUR: Duration = Duration::from_secs(3_600);

/// Runs a workload that the others do not have.
pub fn extra(workload: &str, first: u64, second: u64) -> Option<u64> {
    if let Some(recorded) = workload.strip_suffix("-record") {
        RECORD.store(true, Relaxed);
        return dispatch(recorded, first, second);
    }
    Some(match workload {
        "W3-mpsc" => ping_pong_mpsc(first),
        "W5-cancel" => cancel_all(first),
        "W6-random" => explored(first, Strategy::Random, true),
        "W6Y-random" => explored(first, Strategy::Random, false),
        "W6-portfolio" => explored(first, Strategy::Portfolio, true),
        "W6Y-portfolio" => explored(first, Strategy::Portfolio, false),
        _ => return None,
    })
}

/// Seeds in an exploration, which takes each 64th again, judges every outcome and counts orders.
fn explored(runs: u64, strategy: Strategy, with_sleep: bool) -> u64 {
    let exploration = Explorer::new().runs(runs).strategy(strategy).explore(|| async move {
        assert_eq!(small_run(0, with_sleep).await?, 30);
        Ok(())
    });
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
    exploration.statistics.runs
}

/// W3 on the channels of Rust's kind.
fn ping_pong_mpsc(messages: u64) -> u64 {
    let rounds = messages / 2;
    let sum = run(7, async move {
        let (ping, mut pinged) = mpsc::unbounded_channel();
        let (pong, mut ponged) = mpsc::unbounded_channel();
        let there = spawn(async move {
            let mut sum = 0;
            for round in 0..rounds {
                ping.send(round).map_err(seedloop::Error::new)?;
                sum += ponged.recv().await.unwrap_or_default();
            }
            Ok(sum)
        });
        let back = spawn(async move {
            for _ in 0..rounds {
                let round = pinged.recv().await.unwrap_or_default();
                pong.send(round + 1).map_err(seedloop::Error::new)?;
            }
            Ok(())
        });
        let sum = there.await?;
        back.await?;
        Ok(sum)
    });
    assert_eq!(sum, rounds * (rounds + 1) / 2);
    rounds * 2
}

/// W5 with asyncio's own cancel, which the task gets as an error.
fn cancel_all(tasks: u64) -> u64 {
    let cancelled = run(7, async move {
        let handles: Vec<JoinHandle<()>> =
            (0..tasks).map(|_| spawn(async { Ok(sleep(HOUR).await?) })).collect();
        sleep(HOUR / 2).await?;
        let asked = handles.iter().filter(|handle| handle.cancel()).count() as u64;
        let mut cancelled = 0;
        for handle in handles {
            cancelled += u64::from(handle.await.is_err_and(|error| error.is_cancelled()));
        }
        assert_eq!(asked, tasks);
        Ok(cancelled)
    });
    assert_eq!(cancelled, tasks);
    tasks
}
