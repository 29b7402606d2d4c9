//! Threads that make one thing after the other, which is then taken in order.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

/// The stack of a thread that explores, in bytes: a debug build needs more than an optimised one.
const STACK: usize = 16 << 20;

/// Runs `call` on a new thread, which knows nothing of what ran before.
#[expect(clippy::disallowed_methods, reason = "runs do not meet those on another thread")]
pub(crate) fn on_own_thread<R: Send>(call: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| match start(scope, call).join() {
        Ok(result) => result,
        Err(payload) => resume_unwind(payload),
    })
}

fn start<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    call: impl FnOnce() -> R + Send + 'scope,
) -> ScopedJoinHandle<'scope, R> {
    let mut builder = thread::Builder::new().stack_size(STACK);
    if let Some(name) = thread::current().name() {
        // So that what is printed there names the test.
        builder = builder.name(name.to_owned());
    }
    let started = builder.spawn_scoped(scope, call);
    started.unwrap_or_else(|error| panic!("{NO_THREAD}: {error}"))
}

/// What is said where the system gives no more threads.
pub(crate) const NO_THREAD: &str = "no thread to explore on";

/// What was made of a part.
pub(crate) struct Made<T> {
    pub(crate) value: T,
    /// Nobody wants what comes behind it.
    pub(crate) is_last: bool,
}

/// How many parts each thread may be ahead of what is taken.
const AHEAD: usize = 16;

/// How many parts may be begun.
struct Room {
    begun_max: Mutex<usize>,
    changed: Condvar,
}

impl Room {
    fn wait_for(&self, index: usize) {
        let begun_max = self.begun_max.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |begun_max: &mut usize| index >= *begun_max;
        drop(self.changed.wait_while(begun_max, waits));
    }

    fn set(&self, begun_max: usize) {
        *self.begun_max.lock().unwrap_or_else(PoisonError::into_inner) = begun_max;
        self.changed.notify_all();
    }
}

/// Sees that threads end.
struct End<'a> {
    wanted: &'a AtomicUsize,
    room: &'a Room,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.wanted.store(0, Ordering::Relaxed);
        self.room.set(usize::MAX);
    }
}

/// Lets threads make something of each part, each with a state of its own, and takes what they have
/// made in the order of the parts, up to the first that is to be the last; the others are left as
/// soon as they ask whether they may go on. A panic counts as the last, and is handed on.
#[expect(clippy::disallowed_methods, reason = "runs do not meet those on another thread")]
pub(crate) fn in_order<P: Send, S, T: Send>(
    threads: usize,
    parts: impl Iterator<Item = P> + Send,
    begin: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, P, &dyn Fn() -> bool) -> Made<T> + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) {
    let parts = Mutex::new(parts.enumerate());
    // How many of the parts are wanted, and how many may be begun: what is made waits for those
    // before it.
    let wanted = AtomicUsize::new(usize::MAX);
    let room = Room { begun_max: Mutex::new(threads * AHEAD), changed: Condvar::new() };
    let (sender, receiver) = channel::<(usize, Result<Made<T>, Box<dyn Any + Send>>)>();
    let work = |sender: Sender<_>| {
        let mut state = None;
        loop {
            let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, part)) = next else { break };
            let may_go_on = || index < wanted.load(Ordering::Relaxed);
            room.wait_for(index);
            if !may_go_on() {
                break;
            }
            let made = catch_unwind(AssertUnwindSafe(|| {
                make(state.get_or_insert_with(&begin), part, &may_go_on)
            }));
            if made.as_ref().map_or(true, |made| made.is_last) {
                wanted.fetch_min(index + 1, Ordering::Relaxed);
            }
            if sender.send((index, made)).is_err() {
                break;
            }
        }
    };
    thread::scope(|scope| {
        // Whatever ends this, the threads begin nothing more.
        let _end = End { wanted: &wanted, room: &room };
        for _ in 0..threads {
            let (sender, work) = (sender.clone(), &work);
            start(scope, move || work(sender));
        }
        drop(sender);
        let mut early = BTreeMap::new();
        for next in 0_usize.. {
            let made = loop {
                if let Some(made) = early.remove(&next) {
                    break made;
                }
                match receiver.recv() {
                    Ok((index, made)) => drop(early.insert(index, made)),
                    Err(_) => return,
                }
            };
            match made {
                Ok(Made { value, is_last }) => {
                    if take(value).is_break() || is_last {
                        return;
                    }
                    room.set(next.saturating_add(threads * AHEAD));
                }
                Err(payload) => resume_unwind(payload),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// A hundred parts, of which the later ones are made first.
    fn taken(threads: usize, last: usize) -> (Vec<usize>, usize) {
        let (mut taken, begun) = (Vec::new(), AtomicUsize::new(0));
        let both = Barrier::new(threads);
        let make = |(): &mut (), part: usize, _: &dyn Fn() -> bool| {
            begun.fetch_add(1, Ordering::Relaxed);
            if part < threads {
                // So that each thread has one.
                both.wait();
            }
            if part == 0 {
                // The others have gone on meanwhile, if there are any.
                (0..1_000).for_each(|_| thread::yield_now());
            }
            Made { value: part, is_last: part == last }
        };
        in_order(
            threads,
            0..100,
            || {},
            make,
            |part| {
                taken.push(part);
                ControlFlow::Continue(())
            },
        );
        (taken, begun.into_inner())
    }

    #[test]
    fn parts_are_taken_in_order_up_to_the_last() {
        for threads in [1, 2, 4] {
            assert_eq!(taken(threads, 99).0, (0..100).collect::<Vec<_>>(), "{threads} threads");
            let (parts, begun) = taken(threads, 3);
            assert_eq!(parts, [0, 1, 2, 3], "{threads} threads");
            assert!(begun <= 4 + AHEAD * threads, "{threads} threads began {begun} parts");
        }
    }

    /// The first part is made when no other can begin.
    #[test]
    fn threads_do_not_run_far_ahead() {
        let begun = AtomicUsize::new(0);
        let make = |(): &mut (), part: usize, _: &dyn Fn() -> bool| {
            begun.fetch_add(1, Ordering::Relaxed);
            while part == 0 && begun.load(Ordering::Relaxed) < 2 * AHEAD {
                thread::yield_now();
            }
            if part == 0 {
                (0..1_000).for_each(|_| thread::yield_now());
                assert_eq!(begun.load(Ordering::Relaxed), 2 * AHEAD);
            }
            Made { value: part, is_last: part == 200 }
        };
        let mut parts = Vec::new();
        in_order(
            2,
            0..,
            || {},
            make,
            |part| {
                parts.push(part);
                ControlFlow::Continue(())
            },
        );
        assert_eq!(parts, (0..=200).collect::<Vec<_>>());
    }

    /// The parts have no end.
    #[test]
    fn threads_end_when_what_is_made_is_not_taken() {
        let make =
            |(): &mut (), part: u32, _: &dyn Fn() -> bool| Made { value: part, is_last: false };
        let go = || in_order(3, 0.., || {}, make, |part| panic!("part {part} is refused"));
        let payload = catch_unwind(AssertUnwindSafe(go)).expect_err("it panics");
        assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("part 0 is refused"));
    }

    #[test]
    fn a_panic_is_handed_on_where_it_counts() {
        let make = |(): &mut (), part: u32, _: &dyn Fn() -> bool| {
            assert!(part != 5, "part five");
            Made { value: part, is_last: false }
        };
        let mut parts = Vec::new();
        let go = || {
            in_order(
                3,
                0..,
                || {},
                make,
                |part| {
                    parts.push(part);
                    ControlFlow::Continue(())
                },
            )
        };
        let payload = catch_unwind(AssertUnwindSafe(go)).expect_err("it panics");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"part five"));
        assert_eq!(parts, [0, 1, 2, 3, 4]);
    }
}
