//! Threads that make one thing after the other, which is then taken in order.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
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
    started.unwrap_or_else(|error| panic!("no thread to explore on: {error}"))
}

/// What was made of a part.
pub(crate) struct Made<T> {
    pub(crate) value: T,
    /// Nobody wants what comes behind it.
    pub(crate) is_last: bool,
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
    // How many of the parts are wanted.
    let wanted = AtomicUsize::new(usize::MAX);
    let (sender, receiver) = channel::<(usize, Result<Made<T>, Box<dyn Any + Send>>)>();
    let work = |sender: Sender<_>| {
        let mut state = None;
        loop {
            let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, part)) = next else { break };
            let may_go_on = || index < wanted.load(Ordering::Relaxed);
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
        for _ in 0..threads {
            let (sender, work) = (sender.clone(), &work);
            start(scope, move || work(sender));
        }
        drop(sender);
        let mut early = BTreeMap::new();
        for (next, _) in (0..).zip(0..) {
            let _: usize = next;
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
                        wanted.store(0, Ordering::Relaxed);
                        return;
                    }
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

    /// Ten parts, of which the later ones are made first.
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
            0..10,
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
            assert_eq!(taken(threads, 9).0, (0..10).collect::<Vec<_>>(), "{threads} threads");
            let (parts, begun) = taken(threads, 3);
            assert_eq!(parts, [0, 1, 2, 3], "{threads} threads");
            assert!(begun < 3 + 2 * threads, "{threads} threads began {begun} parts");
        }
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
