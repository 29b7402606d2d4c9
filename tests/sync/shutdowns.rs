//! Whom the shutdown of a queue wakes.
//!
//! Expected is what CPython 3.13.0 prints for the same programs.

use seedloop::sync::{Queue, QueueError};
use seedloop::{Result, out, spawn};

use super::check::{spin, transcript};

#[test]
fn a_shutdown_wakes_all_getters() {
    let main = || async {
        let queue = Queue::<u32>::unbounded();
        for n in 0..3 {
            let theirs = queue.clone();
            drop(spawn(async move {
                assert!(matches!(theirs.get().await, Err(QueueError::ShutDown)));
                Ok(out!("{n}"))
            }));
        }
        spin(1).await?;
        queue.shutdown(false);
        spin(1).await?;
        Ok(out!("a hop"))
    };
    assert_eq!(transcript(main), "0; 1; 2; a hop");
}

#[test]
fn a_shutdown_that_drops_the_items_wakes_all_joiners() {
    let main = || async {
        let queue = Queue::unbounded();
        [1, 2].into_iter().try_for_each(|item| queue.put_nowait(item))?;
        for n in 0..2 {
            let theirs = queue.clone();
            drop(spawn(async move {
                theirs.join().await?;
                Ok(out!("{n}"))
            }));
        }
        spin(1).await?;
        queue.shutdown(true);
        spin(1).await?;
        Ok(out!("a hop")) as Result<()>
    };
    assert_eq!(transcript(main), "0; 1; a hop");
}
