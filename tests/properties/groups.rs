//! Task groups: when a block is left all its tasks have ended, whatever ended it, and what they
//! failed with is in its error, once and in order.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use seedloop::{Error, JoinHandle, Result, RuntimeError, TaskGroup, current_task, sleep, spawn};

use super::check::{Way, check};
use super::scenario::{Count, Limit, Pause, Strike, limit, pause, strikes, watch};

/// What a task does next.
#[derive(Clone, Debug)]
enum Act {
    Pause(Pause),
    Fail,
    /// Waits for an earlier task of its group.
    Join(usize),
    /// Spawns a task into its own group.
    Spawn(Script),
    /// Opens a group.
    Scope(Block),
}

#[derive(Clone, Debug)]
struct Script {
    /// How many cancels it swallows; each ends one act.
    swallows: usize,
    acts: Vec<Act>,
    /// What follows the first cancel that it does not swallow.
    clean_up: Pause,
    clean_up_fails: bool,
}

#[derive(Clone, Debug)]
struct Block {
    tasks: Vec<Script>,
    body: Script,
    limit: Limit,
}

#[derive(Clone, Debug)]
struct Program {
    tasks: Vec<Block>,
    strikes: Vec<Strike>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, block) in self.tasks.iter().enumerate() {
            write!(f, "  task {index} opens a group, ended by {:?}", block.limit)?;
            block.fmt_inside(f, "    ")?;
            f.write_str("\n")?;
        }
        self.strikes.iter().try_for_each(|strike| writeln!(f, "  {strike}"))
    }
}

impl Block {
    fn fmt_inside(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        for (index, task) in self.tasks.iter().enumerate() {
            write!(f, "\n{indent}its task {index}")?;
            task.fmt_inside(f, indent)?;
        }
        write!(f, "\n{indent}its body")?;
        self.body.fmt_inside(f, indent)
    }
}

impl Script {
    fn fmt_inside(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        let inner = format!("{indent}    ");
        if self.swallows > 0 {
            write!(f, ", which swallows {} cancels", self.swallows)?;
        }
        for act in &self.acts {
            match act {
                Act::Spawn(script) => {
                    write!(f, "\n{indent}  Spawn a task")?;
                    script.fmt_inside(f, &inner)?;
                }
                Act::Scope(block) => {
                    write!(f, "\n{indent}  Open a group, ended by {:?}", block.limit)?;
                    block.fmt_inside(f, &inner)?;
                }
                other => write!(f, "\n{indent}  {other:?}")?,
            }
        }
        if self.clean_up != Pause::None || self.clean_up_fails {
            let fails = if self.clean_up_fails { ", then fails" } else { "" };
            write!(f, "\n{indent}  cancelled: {:?}{fails}", self.clean_up)?;
        }
        Ok(())
    }
}

/// A group as it must be.
struct Seen {
    /// Who opened it.
    owner: JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
    alive: Count,
    /// What its tasks have failed with, in order, and then its body.
    errors: Vec<Error>,
    body_error: Option<Error>,
}

#[derive(Clone, Default)]
struct World {
    groups: Rc<RefCell<Vec<Seen>>>,
    /// All tasks, in the order in which they were spawned.
    tasks: Rc<RefCell<Vec<JoinHandle<()>>>>,
    /// A block was dropped. The task that did it ends later than its script.
    has_dropped: Rc<Cell<bool>>,
}

/// Notes that a block was dropped, unless it is told that the block was left.
struct Open {
    has_dropped: Rc<Cell<bool>>,
    left: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.has_dropped.set(self.has_dropped.get() || !self.left);
    }
}

/// The group of a task, with its number.
type Member = (TaskGroup, usize);

impl World {
    /// Asserts that no group is left with a task alive.
    fn holds(&self) {
        for (number, group) in self.groups.borrow().iter().enumerate() {
            let alive = group.alive.get();
            let left = group.owner.done() && alive > 0;
            assert!(!left, "{alive} tasks of group {number} outlive the task that opened it");
        }
    }

    /// Opens a group and waits for its end.
    async fn open(self, block: Block) -> Result<()> {
        let owner = current_task()?.expect("a task runs");
        let seen = Seen {
            owner,
            tasks: vec![],
            alive: Count::default(),
            errors: vec![],
            body_error: None,
        };
        let number = self.groups.borrow().len();
        self.groups.borrow_mut().push(seen);
        let Block { tasks, body, limit } = block;
        let scope = async {
            let inside = async |group: &TaskGroup| {
                let member = (group.clone(), number);
                tasks.into_iter().for_each(|task| self.spawn_in(&member, task));
                let result = self.clone().play(Some(member), body).await;
                self.groups.borrow_mut()[number].body_error = failure(&result);
                result
            };
            let mut open = Open { has_dropped: self.has_dropped.clone(), left: false };
            let result = TaskGroup::new().scope(inside).await;
            open.left = true;
            self.has_ended(number, &result);
            result
        };
        limit.on(scope).await
    }

    fn spawn_in(&self, member: &Member, script: Script) {
        let (group, number) = (&member.0, member.1);
        let alive = self.groups.borrow()[number].alive.enter();
        let (this, own) = (self.clone(), member.clone());
        let spawned = group.spawn(async move {
            // Dropped when the task ends, also if it never began.
            let alive = alive;
            let result = this.clone().play(Some(own), script).await;
            let failure = failure(&result);
            this.groups.borrow_mut()[number].errors.extend(failure);
            drop(alive);
            result
        });
        match spawned {
            Ok(task) => {
                self.tasks.borrow_mut().push(task.shared());
                self.groups.borrow_mut()[number].tasks.push(task);
            }
            Err(error) => assert!(error.is::<RuntimeError>(), "{error}"),
        }
    }

    async fn play(self, member: Option<Member>, script: Script) -> Result<()> {
        let mut swallows = script.swallows;
        for act in script.acts {
            let result = self.clone().perform(member.clone(), act).await;
            self.holds();
            match result {
                Err(error) if error.is_cancelled() && swallows > 0 => swallows -= 1,
                Err(error) if error.is_cancelled() => {
                    script.clean_up.wait().await?;
                    return Err(if script.clean_up_fails { Error::msg("clean-up") } else { error });
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn perform(
        self,
        member: Option<Member>,
        act: Act,
    ) -> Pin<Box<dyn Future<Output = Result<()>>>> {
        Box::pin(async move {
            match (act, &member) {
                (Act::Pause(pause), _) => pause.wait().await?,
                (Act::Fail, _) => return Err(Error::msg("fails")),
                (Act::Scope(block), _) => return self.open(block).await,
                (Act::Spawn(script), Some(member)) => self.spawn_in(member, script),
                (Act::Join(index), Some((_, number))) => {
                    if let Some(earlier) = self.earlier(*number, index)? {
                        return earlier.await;
                    }
                }
                (Act::Spawn(_) | Act::Join(_), None) => {}
            }
            Ok(())
        })
    }

    /// A task of the group that was spawned before the one that runs; any of them for its body.
    fn earlier(&self, number: usize, index: usize) -> Result<Option<JoinHandle<()>>> {
        let groups = self.groups.borrow();
        let tasks = &groups[number].tasks;
        let own = current_task()?.expect("a task runs");
        let own = tasks.iter().position(|task| task.name() == own.name()).unwrap_or(tasks.len());
        Ok(tasks[..own].get(index).map(|task| task.shared()))
    }

    /// The block of a group was left with this result.
    fn has_ended(&self, number: usize, result: &Result<()>) {
        let groups = self.groups.borrow();
        let Seen { tasks, alive, errors, body_error, .. } = &groups[number];
        assert_eq!(alive.get(), 0, "the block was left before its tasks");
        assert!(tasks.iter().all(|task| task.done()), "the block was left before its tasks");
        let expected: Vec<&Error> = errors.iter().chain(body_error).collect();
        let Some(group) = result.as_ref().err().and_then(Error::as_group) else {
            assert!(expected.is_empty(), "{} errors were lost", expected.len());
            let end = result.as_ref().err();
            return assert!(end.is_none_or(Error::is_cancelled), "{end:?} is no group");
        };
        let mut given: Vec<&Error> = group.errors().iter().collect();
        for error in &expected {
            let found = given.iter().position(|other| other.is_same(error));
            let found = found.expect("an error was lost");
            let in_order = found == 0 || self.has_dropped.get();
            assert!(in_order, "the errors stand in another order");
            given.remove(found);
        }
        assert_eq!(given.len(), 0, "an error was doubled");
    }
}

/// What a group is to have of it.
fn failure(result: &Result<()>) -> Option<Error> {
    result.as_ref().err().filter(|error| !error.is_cancelled()).cloned()
}

async fn drive(program: Program, _way: Way) -> Result<()> {
    let world = World::default();
    for block in program.tasks {
        let task = spawn(world.clone().open(block));
        world.tasks.borrow_mut().push(task);
    }
    let watched = world.clone();
    let watch = spawn(watch(move || watched.holds()));
    for strike in program.strikes {
        strike.after.wait().await?;
        let tasks = world.tasks.borrow().clone();
        strike.hit(&tasks);
        world.holds();
    }
    watch.await?;
    sleep(Duration::from_secs(3600)).await?;
    world.holds();
    let stuck = world.tasks.borrow().iter().filter(|task| !task.done()).count();
    Ok(assert_eq!(stuck, 0, "tasks that wait for ever"))
}

/// A script of acts that open groups in groups to this depth.
fn script(depth: u32) -> BoxedStrategy<Script> {
    let simple = || {
        prop_oneof![
            5 => pause().prop_map(Act::Pause),
            2 => Just(Act::Fail),
            2 => (0..3_usize).prop_map(Act::Join),
        ]
    };
    let act = match depth {
        0 => simple().boxed(),
        _ => prop_oneof![
            4 => simple(),
            1 => script(depth - 1).prop_map(Act::Spawn),
            1 => block(depth - 1).prop_map(Act::Scope),
        ]
        .boxed(),
    };
    let swallows = prop_oneof![3 => Just(0), 1 => 1..3_usize];
    let fails = prop_oneof![3 => Just(false), 1 => Just(true)];
    (swallows, vec(act, 0..4), pause(), fails)
        .prop_map(|(swallows, acts, clean_up, clean_up_fails)| Script {
            swallows,
            acts,
            clean_up,
            clean_up_fails,
        })
        .boxed()
}

fn block(depth: u32) -> BoxedStrategy<Block> {
    (vec(script(depth), 0..4), script(depth), limit())
        .prop_map(|(tasks, body, limit)| Block { tasks, body, limit })
        .boxed()
}

#[test]
fn no_task_outlives_its_group() {
    let programs = (vec(block(2), 1..3), strikes());
    check(programs.prop_map(|(tasks, strikes)| Program { tasks, strikes }), drive);
}
