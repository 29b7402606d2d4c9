//! The stack of Vyukov's that is not safe. It takes so many schedules to find out that it is no row
//! of the table of known bugs.

use std::rc::Rc;

use seedloop::sync::Tracked;
use seedloop::{Result, run, spawn};

use super::KnownBug;
use super::Version::{self, Broken, Fixed};
use super::table::join;

/// A lock-free stack, on which two tasks get the same slot after at least five preemptions.
pub const SAFE_STACK: KnownBug = KnownBug {
    name: "safe-stack",
    source: "Vyukov, \"Bug with a context switch bound 5\" (2010); SCTBench, safestack_bad",
    summary: "two tasks have taken the same slot from a lock-free stack",
    size: 0,
    body: || run(safe_stack(Broken)),
    fixed: || run(safe_stack(Fixed)),
};

const SLOTS: usize = 3;
const TASKS: usize = 3;
const ROUNDS: usize = 3;
/// What spins is let go after so many attempts, so that each run ends.
const ATTEMPTS: usize = 100;

struct Stack {
    version: Version,
    head: Tracked<Option<usize>>,
    count: Tracked<usize>,
    next: Vec<Tracked<Option<usize>>>,
    owner: Vec<Tracked<Option<usize>>>,
}

impl Stack {
    fn new(version: Version) -> Self {
        let next = (1..=SLOTS).map(|next| Tracked::new((next < SLOTS).then_some(next)));
        let owner = (0..SLOTS).map(|_| Tracked::new(None));
        let (head, count) = (Tracked::new(Some(0)), Tracked::new(SLOTS));
        Stack { version, head, count, next: next.collect(), owner: owner.collect() }
    }

    /// Puts `new` in the head's place if that is `old`, and returns what it was.
    async fn exchange(&self, old: Option<usize>, new: Option<usize>) -> Result<Option<usize>> {
        let exchange = move |head: &mut Option<usize>| {
            let seen = *head;
            if seen == old {
                *head = new;
            }
            seen
        };
        Ok(self.head.update(exchange).await?)
    }

    async fn pop(&self) -> Result<Option<usize>> {
        for _ in 0..ATTEMPTS {
            if self.count.read().await? <= 1 {
                return Ok(None);
            }
            let Some(first) = self.head.read().await? else { continue };
            let Some(next) = self.next[first].update(Option::take).await? else { continue };
            if self.exchange(Some(first), Some(next)).await? == Some(first) {
                self.count.update(|count| *count -= 1).await?;
                return Ok(Some(first));
            }
            self.next[first].write(Some(next)).await?;
        }
        Ok(None)
    }

    async fn push(&self, slot: usize) -> Result<()> {
        let mut first = self.head.read().await?;
        loop {
            self.next[slot].write(first).await?;
            let seen = self.exchange(first, Some(slot)).await?;
            if seen == first {
                break;
            }
            first = seen;
        }
        self.count.update(|count| *count += 1).await?;
        Ok(())
    }

    async fn use_slots(&self, me: usize) -> Result<()> {
        for _ in 0..ROUNDS {
            let slot = match self.version {
                Broken => self.pop().await?,
                // One slot for each: nothing is shared.
                Fixed => Some(me),
            };
            let Some(slot) = slot else { continue };
            self.owner[slot].write(Some(me)).await?;
            assert_eq!(self.owner[slot].read().await?, Some(me), "another task has the slot too");
            if self.version == Broken {
                self.push(slot).await?;
            }
        }
        Ok(())
    }
}

async fn safe_stack(version: Version) -> Result<()> {
    let stack = Rc::new(Stack::new(version));
    let user = |me: usize| {
        let stack = stack.clone();
        spawn(async move { stack.use_slots(me).await })
    };
    join((0..TASKS).map(user).collect()).await
}
