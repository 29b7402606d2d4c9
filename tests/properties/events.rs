//! An event lets all through that wait when it is set, and nobody else.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use proptest::prelude::*;
use seedloop::Result;
use seedloop::sync::Event;

use super::check::Way;
use super::scenario::{Subject, check_subject};

#[derive(Clone, Debug)]
enum Op {
    Wait,
    Set,
    Clear,
    /// Lets through whoever waits, and nobody who comes later.
    Pulse,
}

#[derive(Clone)]
struct Events {
    event: Event,
    is_set: Rc<Cell<bool>>,
    waiting: Rc<RefCell<Vec<Rc<Wait>>>>,
}

struct Wait {
    /// The event was set when it began. So it may give way first, and wait all the same.
    need_not: bool,
    /// The event was set while it waited.
    let_through: Cell<bool>,
}

struct Waiting<'a> {
    events: &'a Events,
    wait: Rc<Wait>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.events.waiting.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.wait));
    }
}

impl Events {
    async fn wait(&self) -> Result<()> {
        let wait = Wait { need_not: self.is_set.get(), let_through: Cell::new(false) };
        let waiting = Waiting { events: self, wait: Rc::new(wait) };
        self.waiting.borrow_mut().push(waiting.wait.clone());
        self.event.wait().await?;
        let Wait { need_not, let_through } = &*waiting.wait;
        assert!(*need_not || let_through.get(), "an event let through without being set");
        Ok(())
    }

    fn set(&self) {
        self.event.set();
        self.is_set.set(true);
        self.waiting.borrow().iter().for_each(|wait| wait.let_through.set(true));
    }

    fn clear(&self) {
        self.event.clear();
        self.is_set.set(false);
    }
}

impl Subject for Events {
    type Setup = ();
    type Op = Op;
    type Own = ();

    fn new((): &(), _way: Way) -> Self {
        Events { event: Event::new(), is_set: Rc::default(), waiting: Rc::default() }
    }

    fn own(&self, _task: usize) {}

    async fn perform(&self, (): &mut (), op: &Op) -> Result<()> {
        match op {
            Op::Wait => return self.wait().await,
            Op::Set => self.set(),
            Op::Clear => self.clear(),
            Op::Pulse => {
                self.set();
                self.clear();
            }
        }
        Ok(())
    }

    fn holds(&self) {
        assert_eq!(self.event.is_set(), self.is_set.get());
    }

    fn quiet(&self) {
        self.holds();
        let is_stuck = |wait: &&Rc<Wait>| wait.let_through.get() && !wait.need_not;
        assert_eq!(self.waiting.borrow().iter().filter(is_stuck).count(), 0, "waiters are stuck");
        let waiting = self.waiting.borrow().len();
        assert!(!self.is_set.get() || waiting == 0, "{waiting} wait for an event that is set");
    }

    async fn finish(&self) -> Result<()> {
        self.set();
        self.wait().await
    }
}

#[test]
fn an_event_lets_all_through() {
    let op = prop_oneof![
        6 => Just(Op::Wait),
        2 => Just(Op::Set),
        2 => Just(Op::Clear),
        1 => Just(Op::Pulse),
    ];
    check_subject::<Events>(Just(()), op);
}
