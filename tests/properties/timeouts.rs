//! Timeouts in and beside each other: no block outlives its deadline except for its clean-up, none
//! ends as expired before, and no cancel of theirs strikes anything outside.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future::zip;
use proptest::collection::vec;
use proptest::prelude::*;
use seedloop::{Instant, JoinHandle, Result, attempt, current_task, sleep, spawn, timeout};

use super::check::{Way, check};
use super::scenario::{Limit, Pause, Strike, pause, strikes};

#[derive(Clone, Debug)]
enum Act {
    Pause(Pause),
    Block(Block),
    /// Two at a time in one task.
    Both(Vec<Act>, Vec<Act>),
    /// Acts that are dropped in the middle.
    Dropped(Pause, Vec<Act>),
}

#[derive(Clone, Debug)]
struct Block {
    limit: Pause,
    acts: Vec<Act>,
    /// What follows a cancel inside.
    clean_up: Pause,
}

#[derive(Clone, Debug)]
struct Program {
    tasks: Vec<Vec<Act>>,
    strikes: Vec<Strike>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, acts) in self.tasks.iter().enumerate() {
            write!(f, "  task {index}:")?;
            fmt_acts(acts, f, "    ")?;
            f.write_str("\n")?;
        }
        self.strikes.iter().try_for_each(|strike| writeln!(f, "  {strike}"))
    }
}

fn fmt_acts(acts: &[Act], f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
    let inner = format!("{indent}  ");
    for act in acts {
        match act {
            Act::Pause(pause) => write!(f, "\n{indent}{pause:?}")?,
            Act::Block(Block { limit, acts, clean_up }) => {
                write!(f, "\n{indent}timeout of {limit:?}, cleaned up in {clean_up:?}:")?;
                fmt_acts(acts, f, &inner)?;
            }
            Act::Both(one, other) => {
                write!(f, "\n{indent}at a time:")?;
                fmt_acts(one, f, &inner)?;
                write!(f, "\n{indent}and:")?;
                fmt_acts(other, f, &inner)?;
            }
            Act::Dropped(after, acts) => {
                write!(f, "\n{indent}dropped after {after:?}:")?;
                fmt_acts(acts, f, &inner)?;
            }
        }
    }
    Ok(())
}

#[derive(Clone)]
struct World {
    /// Nobody is cancelled from outside.
    undisturbed: bool,
    /// The time that went into clean-ups so far.
    cleaned: Rc<Cell<Duration>>,
}

type Ended = Pin<Box<dyn Future<Output = Result<()>>>>;

impl World {
    /// Runs the acts one after the other; the earliest deadline around them is `deadline`.
    fn play(self, acts: Vec<Act>, deadline: Option<Instant>) -> Ended {
        Box::pin(async move {
            for act in acts {
                match act {
                    Act::Pause(pause) => pause.wait().await?,
                    Act::Block(block) => self.clone().limited(block, deadline).await?,
                    Act::Both(one, other) => {
                        let one = self.clone().play(one, deadline);
                        let (one, other) = zip(one, self.clone().play(other, deadline)).await;
                        one.and(other)?;
                    }
                    Act::Dropped(after, acts) => {
                        let dropped = self.clone().play(acts, deadline);
                        Limit::Drop(after).on(dropped).await?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Runs a block; that it has expired is no error outside.
    async fn limited(self, block: Block, outer: Option<Instant>) -> Result<()> {
        let limit = block.limit.duration();
        let own = Instant::now().checked_add(limit).expect("a time near the start");
        let inner = Some(outer.map_or(own, |outer| outer.min(own)));
        let (before, mut ended) = (self.cleaned.get(), None);
        let body = async |_: &_| {
            let result = attempt(self.clone().play(block.acts, inner)).await;
            if result.is_err() {
                self.clean_up(block.clean_up).await?;
            }
            ended = Some(result.is_ok());
            result
        };
        let limit = timeout(limit);
        let result = limit.clone().scope(body).await;
        let now = Instant::now();
        let cleaned = self.cleaned.get() - before;
        let latest = own.checked_add(cleaned).expect("a time near the start");
        assert!(now <= latest, "a block until {own} with a clean-up of {cleaned:?} ended at {now}");
        match result {
            Ok(()) => assert_eq!(ended, Some(true), "a cancel was swallowed"),
            Err(error) if error.is_timeout() => {
                assert!(now >= own && limit.expired(), "a block until {own} expired at {now}");
            }
            Err(error) => {
                assert!(error.is_cancelled(), "{error}");
                let expired = outer.is_some_and(|outer| outer <= now);
                assert!(expired || !self.undisturbed, "a cancel that nobody asked for");
                return Err(error);
            }
        }
        Ok(())
    }

    async fn clean_up(&self, pause: Pause) -> Result<()> {
        let begun = Instant::now();
        let result = pause.wait().await;
        self.cleaned.set(self.cleaned.get() + Instant::now().duration_since(begun));
        Ok(result?)
    }
}

async fn drive(program: Program, _way: Way) -> Result<()> {
    let undisturbed = program.strikes.is_empty();
    let spawned = program.tasks.into_iter().map(|acts| {
        // Each has a count of its own, since they clean up at the same time.
        let world = World { undisturbed, cleaned: Rc::default() };
        spawn(async move {
            let result = world.play(acts, None).await;
            let cancels = current_task()?.expect("a task runs").cancelling();
            assert!(!undisturbed || cancels == 0, "{cancels} cancels are left over");
            result
        })
    });
    let tasks: Vec<JoinHandle<()>> = spawned.collect();
    for strike in program.strikes {
        strike.after.wait().await?;
        strike.hit(&tasks);
    }
    sleep(Duration::from_secs(3600)).await?;
    for task in tasks {
        assert!(task.done(), "a task waits for ever");
        let result = task.await;
        assert!(result.is_ok() || !undisturbed, "a task ended with {result:?}");
    }
    Ok(())
}

/// Acts with blocks inside each other to this depth.
fn acts(depth: u32) -> BoxedStrategy<Vec<Act>> {
    let act = match depth {
        0 => pause().prop_map(Act::Pause).boxed(),
        _ => {
            let limit = prop_oneof![Just(Pause::None), (1..6_u32).prop_map(Pause::Ticks)];
            let clean_up = prop_oneof![2 => Just(Pause::None), 1 => pause()];
            let block = (limit, acts(depth - 1), clean_up);
            let both = (acts(depth - 1), acts(depth - 1));
            let dropped = (pause(), acts(depth - 1));
            prop_oneof![
                2 => pause().prop_map(Act::Pause),
                2 => block.prop_map(|(limit, acts, clean_up)| {
                    Act::Block(Block { limit, acts, clean_up })
                }),
                1 => both.prop_map(|(one, other)| Act::Both(one, other)),
                1 => dropped.prop_map(|(after, acts)| Act::Dropped(after, acts)),
            ]
            .boxed()
        }
    };
    vec(act, 0..5).boxed()
}

#[test]
fn no_block_outlives_its_deadline() {
    let strikes = prop_oneof![Just(Vec::new()), strikes()];
    let programs = (vec(acts(3), 1..4), strikes);
    check(programs.prop_map(|(tasks, strikes)| Program { tasks, strikes }), drive);
}
