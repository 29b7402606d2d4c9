//! Tasks that others wait for: each ends by itself and in its own way, unless it is struck.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use seedloop::{Error, Instant, JoinHandle, Result, current_task, sleep, spawn};

use super::check::{Way, check};
use super::scenario::{Blow, LONG, Pause, Strike, pause, strikes};

/// How a child goes on and ends.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pauses: Vec<Pause>,
    /// How many cancels it swallows; each ends one pause.
    swallows: usize,
    fails: bool,
}

impl Child {
    /// Returns its number, or fails.
    pub(super) async fn play(self, number: usize) -> Result<usize> {
        let mut swallows = self.swallows;
        for pause in self.pauses {
            match pause.wait().await {
                Err(_) if swallows > 0 => swallows -= 1,
                other => other?,
            }
        }
        if self.fails { Err(Error::msg(format!("child {number}"))) } else { Ok(number) }
    }
}

pub(super) fn child() -> impl Strategy<Value = Child> {
    let swallows = prop_oneof![3 => Just(0), 1 => 1..3_usize];
    let fails = prop_oneof![3 => Just(false), 1 => Just(true)];
    (vec(pause(), 0..4), swallows, fails).prop_map(|(pauses, swallows, fails)| Child {
        pauses,
        swallows,
        fails,
    })
}

/// Some of the children, by number and perhaps more than once.
pub(super) fn some() -> impl Strategy<Value = Vec<usize>> {
    vec(0..12_usize, 1..5)
}

/// A task that waits for children.
pub(super) trait User: Clone + fmt::Debug + 'static {
    /// What all users know.
    type Shared: Default + 'static;

    /// Waits in the task of this number.
    async fn play(self, number: usize, children: Rc<Children<Self::Shared>>) -> Result<()>;

    /// Asserts what holds while a user is cancelled: no child is.
    fn around_cancel(_number: usize, children: &Children<Self::Shared>, cancel: impl FnOnce()) {
        let before = children.cancels();
        cancel();
        assert_eq!(children.cancels(), before, "a cancel of one who waits went to the children");
    }

    /// Asserts what holds when all have ended: only strikes have reached the children.
    fn finish(children: &Children<Self::Shared>) {
        children.assert_only_struck();
    }
}

/// The children, and what became of them.
pub(super) struct Children<S> {
    pub(super) tasks: Vec<JoinHandle<usize>>,
    /// Who has ended and when, in the order of their first callbacks.
    ended: Rc<RefCell<Vec<(usize, Instant)>>>,
    /// How many cancels have struck each before its end.
    struck: Vec<Cell<u32>>,
    /// Who was aborted: by number, the users behind the children.
    aborted: RefCell<BTreeSet<usize>>,
    pub(super) shared: S,
}

impl<S: Default> Children<S> {
    fn spawn(children: Vec<Child>) -> Result<Self> {
        let ended = Rc::new(RefCell::new(Vec::new()));
        let struck = children.iter().map(|_| Cell::default()).collect();
        let begin = |(number, child): (usize, Child)| {
            let task = spawn(child.play(number));
            let ended = Rc::clone(&ended);
            task.add_done_callback(move |_| ended.borrow_mut().push((number, Instant::now())))?;
            Ok(task)
        };
        let tasks = children.into_iter().enumerate().map(begin).collect::<Result<_>>()?;
        Ok(Children { tasks, ended, struck, aborted: RefCell::default(), shared: S::default() })
    }
}

impl<S> Children<S> {
    /// Whether a user was aborted, and has ended or is about to.
    pub(super) fn is_aborted(&self, user: usize) -> bool {
        self.aborted.borrow().contains(&(self.tasks.len() + user))
    }

    /// The children that are meant by these numbers.
    pub(super) fn chosen(&self, some: &[usize]) -> Vec<usize> {
        some.iter().map(|number| number % self.tasks.len()).collect()
    }

    pub(super) fn cancels(&self) -> Vec<u32> {
        self.tasks.iter().map(|task| task.cancelling()).collect()
    }

    /// Asserts that nothing but strikes has cancelled the children.
    pub(super) fn assert_only_struck(&self) {
        let struck: Vec<u32> = self.struck.iter().map(Cell::get).collect();
        assert_eq!(self.cancels(), struck, "children were cancelled by those who wait");
    }

    pub(super) fn was_struck(&self, number: usize) -> bool {
        self.struck[number].get() > 0 || self.aborted.borrow().contains(&number)
    }

    /// When a child has ended; now if nobody has been told yet.
    pub(super) fn end_of(&self, number: usize) -> Option<Instant> {
        let ended = self.ended.borrow();
        let told = ended.iter().find(|(other, _)| *other == number).map(|(_, when)| *when);
        told.or_else(|| self.tasks[number].done().then(Instant::now))
    }

    /// Whether a child has failed: a cancelled one has not.
    pub(super) fn error_of(&self, number: usize) -> Option<Error> {
        self.tasks[number].exception().ok().flatten()
    }

    /// Asserts that this is what the child has ended with.
    pub(super) fn assert_end(&self, number: usize, result: &Result<usize>) {
        let is_it = match (result, self.tasks[number].exception()) {
            (Ok(value), Ok(None)) => *value == number,
            (Err(error), Ok(Some(own))) => error.is_same(&own),
            (Err(error), Err(_)) => error.is_cancelled() && self.tasks[number].cancelled(),
            _ => false,
        };
        assert!(is_it, "{result:?} is not what child {number} has ended with");
    }

    /// Who is told of the ends of some children from now on.
    pub(super) fn order_of(self: &Rc<Self>, some: &[usize]) -> Order<S> {
        let mut seen = BTreeSet::new();
        let distinct: Vec<usize> = some.iter().copied().filter(|one| seen.insert(*one)).collect();
        let is_done = |number: &usize| self.tasks[*number].done();
        let first = distinct.iter().copied().filter(is_done).collect();
        Order { children: Rc::clone(self), of: seen, first }
    }

    fn strike<U: User<Shared = S>>(&self, strike: Strike, users: &[JoinHandle<usize>]) {
        let at = strike.task % (self.tasks.len() + users.len());
        let is_cancel = matches!(strike.blow, Blow::Cancel);
        if !is_cancel {
            self.aborted.borrow_mut().insert(at);
        }
        match self.tasks.get(at) {
            Some(task) => {
                let counts = is_cancel && !task.done();
                self.struck[at].set(self.struck[at].get() + u32::from(counts));
                strike.blow.hit(task);
            }
            None => {
                let (number, task) = (at - self.tasks.len(), &users[at - self.tasks.len()]);
                match is_cancel {
                    true => U::around_cancel(number, self, || strike.blow.hit(task)),
                    false => strike.blow.hit(task),
                }
            }
        }
    }
}

/// In which order somebody hears of the ends of some children: those that had ended before, in the
/// order in which they were named, then the others as they end.
pub(super) struct Order<S> {
    children: Rc<Children<S>>,
    pub(super) of: BTreeSet<usize>,
    first: Vec<usize>,
}

impl<S> Order<S> {
    pub(super) fn ended(&self) -> Vec<usize> {
        let ended = self.children.ended.borrow();
        let is_later = |number: &usize| self.of.contains(number) && !self.first.contains(number);
        let later = ended.iter().map(|(number, _)| *number).filter(is_later);
        self.first.iter().copied().chain(later).collect()
    }
}

/// Forgets the cancels of the running task.
pub(super) fn forget_cancels() -> Result<()> {
    let own = current_task()?.expect("a task runs");
    while own.cancelling() > 0 {
        own.uncancel();
    }
    Ok(())
}

/// Tells whether somebody has cancelled the running task.
pub(super) fn is_cancelled() -> Result<bool> {
    Ok(current_task()?.expect("a task runs").cancelling() > 0)
}

#[derive(Clone, Debug)]
struct Program<U> {
    children: Vec<Child>,
    users: Vec<U>,
    strikes: Vec<Strike>,
}

impl<U: fmt::Debug> fmt::Display for Program<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Program { children, users, strikes } = self;
        for (index, child) in children.iter().enumerate() {
            writeln!(f, "  task {index}: {child:?}")?;
        }
        for (index, user) in users.iter().enumerate() {
            writeln!(f, "  task {}: {user:?}", children.len() + index)?;
        }
        strikes.iter().try_for_each(|strike| writeln!(f, "  {strike}"))
    }
}

/// Tries users of children.
#[track_caller]
pub(super) fn check_users<U: User>(user: impl Strategy<Value = U>) {
    let programs = (vec(child(), 1..5), vec(user, 1..4), strikes());
    let programs =
        programs.prop_map(|(children, users, strikes)| Program { children, users, strikes });
    check(programs, drive::<U>);
}

async fn drive<U: User>(program: Program<U>, _way: Way) -> Result<()> {
    let children = Rc::new(Children::spawn(program.children)?);
    let begin = |(number, user): (usize, U)| {
        let children = Rc::clone(&children);
        spawn(async move { user.play(number, children).await.map(|()| number) })
    };
    let users: Vec<JoinHandle<usize>> = program.users.into_iter().enumerate().map(begin).collect();
    for strike in program.strikes {
        strike.after.wait().await?;
        children.strike::<U>(strike, &users);
    }
    sleep(LONG).await?;
    let stuck = children.tasks.iter().chain(&users).filter(|task| !task.done()).count();
    assert_eq!(stuck, 0, "tasks that wait for ever");
    Ok(U::finish(&children))
}
