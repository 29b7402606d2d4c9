//! Cases outlive versions of the library: when what they count changes, the epoch has to rise.

use seedloop::explore::{Case, EPOCH, Explorer};
use seedloop::sync::{Queue, Tracked};
use seedloop::{Result, out, spawn, wait_for, yield_now};
use std::time::Duration;

/// Tasks that wait for a queue, a value, each other and a timeout.
async fn program() -> Result<()> {
    let (queue, value) = (Queue::new(1), Tracked::new(0));
    let (items, seen) = (queue.clone(), value.clone());
    let consumer = spawn(async move {
        for _ in 0..2 {
            let item: u32 = items.get().await?;
            seen.update(|sum| *sum += item).await?;
            out!("took {item}");
        }
        Ok(())
    });
    let producer = spawn(async move {
        for item in 1..3 {
            queue.put(item).await?;
            out!("put {item}");
            yield_now().await?;
        }
        Ok(())
    });
    let both = async {
        producer.await?;
        consumer.await
    };
    wait_for(both, Duration::from_secs(1)).await?;
    out!("sum {}", value.read().await?);
    Ok(())
}

/// What each case did when epoch 1 began: the fingerprint of its run, which every hop and every
/// kind of choice goes into. If one here has to change, so has the epoch; but for choices at places
/// where there were none, which no old case names.
const CASES: &[(&str, u64)] = &[
    ("sl1.1.any.-:", 0xcd0f_270f_3592_a5f2),
    ("sl1.1.any.-:1.1@2!", 0xf494_9396_19dc_5893),
    ("sl1.1.any.-:1.2@1s", 0x81bd_114d_5b24_0dc4),
    ("sl1.1.any.d:1.1@2d", 0x53e2_7fc0_d7d7_d6ec),
];

#[test]
fn old_cases_still_mean_what_they_meant() {
    assert_eq!(EPOCH, 1, "write the cases of the new epoch down above");
    for (case, fingerprint) in CASES {
        let case: Case = case.parse().expect("a case");
        let replayed = Explorer::new().replay(&case, program);
        let seen = (replayed.outcome.fingerprint, replayed.missed.len());
        assert_eq!(seen, (*fingerprint, 0), "{case}: {:#018x}", seen.0);
    }
}
