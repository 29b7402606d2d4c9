//! The executor: a vector of what is ready, a clock, timers, a generator.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use async_task::Runnable;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::local::{enter, spawn, with};
use crate::timers::Timers;

/// The state of one run.
pub struct Core {
    /// The tasks that are ready.
    pub ready: Vec<Runnable>,
    /// Whom the timers wake that are due, in their order: the first of a sleep's two hops. The
    /// first of them is drawn as a ready task is.
    due: VecDeque<Waker>,
    pub timers: Timers,
    pub now_ns: u64,
    random: ChaCha8Rng,
}

impl Core {
    fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let random = ChaCha8Rng::from_seed(key);
        let (ready, due, timers) = (Vec::new(), VecDeque::new(), Timers::new());
        Core { ready, due, timers, now_ns: 0, random }
    }

    /// Takes one of the ready tasks, drawn with equal chances; none if a timer may come first.
    #[inline]
    fn next(&mut self) -> Option<Runnable> {
        let count = self.ready.len();
        if !self.due.is_empty() {
            return None;
        }
        if count <= 1 {
            return self.ready.pop();
        }
        let drawn = self.draw(count);
        Some(self.ready.swap_remove(drawn))
    }

    /// Takes a timer that is due or one of the ready tasks; when nothing is ready, time goes on to
    /// the next timer.
    fn next_with_timers(&mut self) -> (Option<Runnable>, Option<Waker>) {
        let count = self.ready.len();
        if count > 0 {
            let drawn = self.draw(count + 1);
            if drawn < count {
                return (Some(self.ready.swap_remove(drawn)), None);
            }
        }
        if let Some(waker) = self.due.pop_front() {
            return (None, Some(waker));
        }
        let (deadline_ns, first) = self.timers.fire(&mut self.due).expect("no deadlock");
        self.now_ns = deadline_ns;
        (None, Some(first))
    }

    fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.due.is_empty() && self.timers.is_empty()
    }

    #[inline]
    fn draw(&mut self, bound: usize) -> usize {
        ((u64::from(self.random.next_u32()) * bound as u64) >> 32) as usize
    }
}

/// Runs `main` to its end on a new executor. What is left then is dropped.
pub fn run<T: 'static>(seed: u64, main: impl Future<Output = T> + 'static) -> T {
    let mut core = Core::new(seed);
    enter(&mut core, || {
        let main = spawn(main);
        while !main.is_finished() {
            if let Some(runnable) = with(Core::next) {
                runnable.run();
                continue;
            }
            match with(Core::next_with_timers) {
                (Some(runnable), _) => _ = runnable.run(),
                (None, Some(waker)) => waker.wake(),
                (None, None) => unreachable!("one of both"),
            }
        }
        let result = pin!(main).poll(&mut Context::from_waker(Waker::noop()));
        clear();
        match result {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("it is finished"),
        }
    })
}

/// Drops what is left. A task's last waker makes it ready once more, to drop its future.
fn clear() {
    while with(|core| !core.is_idle()) {
        drop(with(|core| mem::take(&mut core.ready)));
        drop(with(|core| mem::take(&mut core.due)));
        drop(with(|core| core.timers.take()));
    }
}

/// Sleeps for a time of the virtual clock.
pub struct Sleep {
    deadline_ns: u64,
    is_armed: bool,
}

/// Sleeps for `delay_ns` from now on.
pub fn sleep(delay_ns: u64) -> Sleep {
    Sleep { deadline_ns: with(|core| core.now_ns) + delay_ns, is_armed: false }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline_ns = self.deadline_ns;
        if self.is_armed {
            let is_due = with(|core| core.now_ns) >= deadline_ns;
            return if is_due { Poll::Ready(()) } else { Poll::Pending };
        }
        self.is_armed = true;
        let waker = cx.waker().clone();
        with(|core| core.timers.push(deadline_ns, waker));
        Poll::Pending
    }
}
