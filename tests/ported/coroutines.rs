//! `async` and `await`: what CPython's tests of asyncio on them assert.
//!
//! Source: CPython 3.13.0, `test_asyncio/test_pep492.py`.

use seedloop::sync::{BoundedSemaphore, Condition, Lock, Semaphore};
use seedloop::{Result, sleep};

use super::check::by_hand;
use crate::surprises::helpers::ms;

/// A body of 10 ms, before and in which it is looked whether the primitive is held.
async fn held(locked: impl Fn() -> bool) -> Result<()> {
    assert!(locked());
    sleep(ms(10)).await?;
    assert!(locked());
    Ok(())
}

#[test]
fn primitives_are_held_in_their_scopes() {
    by_hand(|event_loop| {
        let (lock, condition) = (Lock::new(), Condition::new());
        let (semaphore, bounded) = (Semaphore::new(1), BoundedSemaphore::new(1));
        event_loop.run_until_complete(async move {
            sleep(ms(10)).await?;
            let locked =
                || [lock.locked(), condition.locked(), semaphore.locked(), bounded.locked()];
            assert_eq!(locked(), [false; 4]);
            lock.scope(async || held(|| lock.locked()).await).await?;
            condition.scope(async || held(|| condition.locked()).await).await?;
            semaphore.scope(async || held(|| semaphore.locked()).await).await?;
            bounded.scope(async || held(|| bounded.locked()).await).await?;
            assert_eq!(locked(), [false; 4]);
            Ok(())
        })
    });
}

#[test]
fn a_coroutine_awaits_another() {
    by_hand(|event_loop| {
        async fn inner() -> Result<&'static str> {
            Ok("spam")
        }
        assert_eq!(event_loop.run_until_complete(async { inner().await })?, "spam");
        Ok(())
    });
}
