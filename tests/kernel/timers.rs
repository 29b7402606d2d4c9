//! Timers where there are many at a time, beyond what the recorded programs have.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::{Instant, run, sleep, spawn};

/// asyncio's heap orders timers by their deadlines alone; those of one moment fire in the order in
/// which they were set, and a cancelled one neither fires nor moves the clock.
#[test]
fn many_timers_fire_by_deadline_and_then_in_the_order_in_which_they_were_set() {
    let result = run(async {
        let fired = Rc::new(RefCell::new(Vec::new()));
        // Up to 40 ms, several at each, and far apart ones; every third one is cancelled, the
        // earliest among them.
        let deadline = |number: u64| match number % 10 {
            0 => 1 + 1_000 * (number % 7),
            _ => 1 + number * 37 % 40,
        };
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let fired = Rc::clone(&fired);
                spawn(async move {
                    sleep(Duration::from_millis(deadline(number))).await?;
                    fired.borrow_mut().push((Instant::now().as_nanos() / 1_000_000, number));
                    Ok(())
                })
            })
            .collect();
        // Their timers are set.
        sleep(Duration::ZERO).await?;
        let is_cancelled = |number: &u64| number.is_multiple_of(3) || deadline(*number) == 1;
        (0..200).filter(is_cancelled).for_each(|number| {
            tasks[number as usize].cancel();
        });
        for task in tasks {
            drop(task.await);
        }
        let mut expected: Vec<_> = (0..200)
            .filter(|number| !is_cancelled(number))
            .map(|number| (deadline(number), number))
            .collect();
        expected.sort_unstable();
        assert_eq!(*fired.borrow(), expected);
        Ok(())
    });
    result.expect("nothing fails");
}
