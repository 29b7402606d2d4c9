//! Tasks with scripts of operations on one primitive, and what strikes them from outside.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use seedloop::{
    Cancelled, Instant, JoinHandle, Result, attempt, sleep, sleep_until, spawn, timeout, yield_now,
};

use super::check::{Way, check};

/// The unit of all pauses. What happens at the same moment is what finds faults, so it is coarse.
const TICK: Duration = Duration::from_millis(2);

/// So many ticks are watched one by one; few scenarios take longer.
const WATCHED_TICKS: u32 = 30;

/// After so long whatever can go on has gone on.
pub(super) const LONG: Duration = Duration::from_secs(3600);

/// A stubborn task is cancelled again for each operation that is left in its script.
const CANCELS_MAX: usize = 10;

/// A primitive with its model.
pub(super) trait Subject: Clone + 'static {
    /// How it is made.
    type Setup: Clone + fmt::Debug;
    /// What a task does with it.
    type Op: Clone + fmt::Debug;
    /// What a task has of its own.
    type Own;

    fn new(setup: &Self::Setup, way: Way) -> Self;

    fn own(&self, task: usize) -> Self::Own;

    /// All tasks have what is theirs.
    fn begun(&self) {}

    /// Does one operation. The only errors are cancels.
    async fn perform(&self, own: &mut Self::Own, op: &Self::Op) -> Result<()>;

    /// Asserts what holds between any two steps.
    fn holds(&self);

    /// Asserts what holds when nothing is ready: nobody waits for what is there.
    fn quiet(&self);

    /// Asserts, when all tasks have ended, that the primitive is as good as new.
    async fn finish(&self) -> Result<()>;
}

/// How long somebody waits.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pause {
    None,
    Hops(u32),
    Ticks(u32),
}

impl Pause {
    pub(super) async fn wait(self) -> Result<(), Cancelled> {
        match self {
            Pause::None => Ok(()),
            Pause::Hops(hops) => {
                for _ in 0..hops {
                    yield_now().await?;
                }
                Ok(())
            }
            Pause::Ticks(ticks) => sleep(TICK * ticks).await,
        }
    }

    /// The time it takes.
    pub(super) fn duration(self) -> Duration {
        match self {
            Pause::Ticks(ticks) => TICK * ticks,
            _ => Duration::ZERO,
        }
    }
}

impl fmt::Debug for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pause::None => f.write_str("0"),
            Pause::Hops(hops) => write!(f, "{hops} hops"),
            Pause::Ticks(ticks) => write!(f, "{ticks} ticks"),
        }
    }
}

/// A pause of any kind.
pub(super) fn pause() -> impl Strategy<Value = Pause> {
    prop_oneof![
        Just(Pause::None),
        (1..4_u32).prop_map(Pause::Hops),
        (1..4_u32).prop_map(Pause::Ticks),
    ]
}

/// What ends an operation before its time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Never,
    /// A timeout of so many ticks.
    Timeout(u32),
    /// Its future is dropped in mid-wait, as by a `select!`.
    Drop(Pause),
}

impl Limit {
    pub(super) async fn on(self, body: impl Future<Output = Result<()>>) -> Result<()> {
        let result = match self {
            Limit::Never => body.await,
            Limit::Timeout(ticks) => timeout(TICK * ticks).scope(async |_| body.await).await,
            Limit::Drop(after) => drop_after(body, after).await,
        };
        match result {
            Err(error) if error.is_timeout() => Ok(()),
            other => other,
        }
    }
}

/// An operation of any of these ends before its time.
pub(super) fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        3 => Just(Limit::Never),
        1 => (0..4_u32).prop_map(Limit::Timeout),
        1 => pause().prop_map(Limit::Drop),
    ]
}

/// Polls `body` until the pause is over, then drops it, whatever it has been given meanwhile.
async fn drop_after(body: impl Future<Output = Result<()>>, after: Pause) -> Result<()> {
    let (mut body, mut bell) = (pin!(body), pin!(after.wait()));
    let mut begun = false;
    poll_fn(|cx| {
        if begun && let Poll::Ready(over) = bell.as_mut().poll(cx) {
            return Poll::Ready(Ok(over?));
        }
        if let Poll::Ready(result) = body.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        match std::mem::replace(&mut begun, true) {
            false => bell.as_mut().poll(cx).map(|over| Ok(over?)),
            true => Poll::Pending,
        }
    })
    .await
}

#[derive(Clone, Debug)]
struct Step<O> {
    before: Pause,
    op: O,
    limit: Limit,
}

#[derive(Clone, Debug)]
struct Script<O> {
    /// Takes a cancel for the end of one operation only.
    stubborn: bool,
    steps: Vec<Step<O>>,
}

/// What is done to a task from outside.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blow {
    Cancel,
    Abort,
}

impl Blow {
    pub(super) fn hit<T: 'static>(self, task: &JoinHandle<T>) {
        match self {
            Blow::Cancel => _ = task.cancel(),
            Blow::Abort => task.abort(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    /// After the strike before it.
    pub(super) after: Pause,
    pub(super) blow: Blow,
    pub(super) task: usize,
}

impl Strike {
    /// Strikes one of the tasks.
    pub(super) fn hit(self, tasks: &[JoinHandle<()>]) {
        if let Some(task) = tasks.get(self.task % tasks.len().max(1)) {
            self.blow.hit(task);
        }
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {:?}: {:?} of task {}", self.after, self.blow, self.task)
    }
}

pub(super) fn strikes() -> impl Strategy<Value = Vec<Strike>> {
    let blow = prop_oneof![3 => Just(Blow::Cancel), 1 => Just(Blow::Abort)];
    let strike = (pause(), blow, 0..12_usize);
    vec(strike.prop_map(|(after, blow, task)| Strike { after, blow, task }), 0..5)
}

/// A small program on one primitive.
#[derive(Clone, Debug)]
struct Scenario<S, O> {
    setup: S,
    tasks: Vec<Script<O>>,
    strikes: Vec<Strike>,
}

impl<S: fmt::Debug, O: fmt::Debug> fmt::Display for Scenario<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  on {:?}", self.setup)?;
        for (index, task) in self.tasks.iter().enumerate() {
            let stubborn = if task.stubborn { ", stubborn" } else { "" };
            write!(f, "\n  task {index}{stubborn}:")?;
            for Step { before, op, limit } in &task.steps {
                f.write_str("\n    ")?;
                if *before != Pause::None {
                    write!(f, "{before:?}, then ")?;
                }
                write!(f, "{op:?}")?;
                if !matches!(limit, Limit::Never) {
                    write!(f, ", ended by {limit:?}")?;
                }
            }
        }
        self.strikes.iter().try_for_each(|strike| write!(f, "\n  {strike}"))
    }
}

/// Tries the model of `S` on random scripts of its operations.
#[track_caller]
pub(super) fn check_subject<S: Subject>(
    setup: impl Strategy<Value = S::Setup>,
    op: impl Strategy<Value = S::Op>,
) {
    let step = (pause(), op, limit()).prop_map(|(before, op, limit)| Step { before, op, limit });
    let script =
        (any::<bool>(), vec(step, 1..6)).prop_map(|(stubborn, steps)| Script { stubborn, steps });
    let scenarios = (setup, vec(script, 1..6), strikes())
        .prop_map(|(setup, tasks, strikes)| Scenario { setup, tasks, strikes });
    check(scenarios, drive::<S>);
}

/// Plays a scenario to its end.
async fn drive<S: Subject>(scenario: Scenario<S::Setup, S::Op>, way: Way) -> Result<()> {
    let subject = S::new(&scenario.setup, way);
    let tasks: Vec<JoinHandle<()>> = scenario
        .tasks
        .into_iter()
        .enumerate()
        .map(|(index, script)| spawn(play(subject.clone(), subject.own(index), script)))
        .collect();
    subject.begun();
    let watched = subject.clone();
    let watch = spawn(watch(move || watched.quiet()));
    for strike in scenario.strikes {
        strike.after.wait().await?;
        strike.hit(&tasks);
        subject.holds();
    }
    watch.await?;
    for cancels in 0.. {
        sleep(LONG).await?;
        subject.quiet();
        if tasks.iter().all(|task| task.done()) {
            break;
        }
        assert!(cancels < CANCELS_MAX, "a task that is cancelled again and again does not end");
        tasks.iter().for_each(|task| _ = task.cancel());
        subject.holds();
    }
    subject.finish().await
}

/// Looks on between the ticks, when nothing can be ready: time moves only then.
pub(super) async fn watch(quiet: impl Fn()) -> Result<()> {
    for tick in 0..WATCHED_TICKS {
        let middle = Instant::START.checked_add(TICK * tick + TICK / 2);
        sleep_until(middle.expect("a time near the start")).await?;
        quiet();
    }
    Ok(())
}

async fn play<S: Subject>(subject: S, mut own: S::Own, script: Script<S::Op>) -> Result<()> {
    for Step { before, op, limit } in script.steps {
        let ended = attempt(async {
            before.wait().await?;
            limit.on(subject.perform(&mut own, &op)).await
        })
        .await;
        subject.holds();
        match ended {
            Err(error) if !error.is_cancelled() => panic!("{op:?} failed: {error}"),
            Err(error) if !script.stubborn => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// How many are somewhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Count(Rc<Cell<usize>>);

/// Somebody who is there, until it is dropped.
#[derive(Debug)]
pub(super) struct Inside(Count);

impl Count {
    pub(super) fn get(&self) -> usize {
        self.0.get()
    }

    pub(super) fn enter(&self) -> Inside {
        self.0.set(self.0.get() + 1);
        Inside(self.clone())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

/// Those who wait, in the order in which they came.
#[derive(Clone, Debug)]
pub(super) struct Line {
    places: Rc<RefCell<Vec<Rc<Mark>>>>,
    /// In any order one may give way before it stands in line, which can't be seen from outside.
    ordered: bool,
}

#[derive(Debug)]
struct Mark {
    overtaken: Cell<bool>,
    /// Goes on together with others that are shared.
    shared: bool,
}

/// A place in the line, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    line: Line,
    mark: Rc<Mark>,
}

impl Line {
    pub(super) fn new(way: Way) -> Self {
        Line { places: Rc::default(), ordered: way.is_ordered() }
    }

    pub(super) fn len(&self) -> usize {
        self.places.borrow().len()
    }

    /// Stands at the end.
    pub(super) fn join(&self) -> Place {
        self.join_as(false)
    }

    pub(super) fn join_as(&self, shared: bool) -> Place {
        let mark = Rc::new(Mark { overtaken: Cell::new(false), shared });
        self.places.borrow_mut().push(mark.clone());
        Place { line: self.clone(), mark }
    }
}

impl Place {
    /// Leaves with what was waited for. Who stood before it may only leave without: it has been
    /// cancelled, and has not run since.
    pub(super) fn served(self) {
        self.served_beside(0);
    }

    /// The same when so many have been served before, but have not run since.
    pub(super) fn served_beside(self, others: usize) {
        assert!(!(self.line.ordered && self.mark.overtaken.get()), "somebody was overtaken");
        let places = self.line.places.borrow();
        let before = places.iter().take_while(|other| !Rc::ptr_eq(other, &self.mark));
        for other in before.skip(others) {
            if !(other.shared && self.mark.shared) {
                other.overtaken.set(true);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.places.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.mark));
    }
}
