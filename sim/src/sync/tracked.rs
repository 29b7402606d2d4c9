//! State of the program's own whose accesses are labelled: what strategies and reports know of.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::base::{Access, Cancelled};
use crate::event_loop::{Label, Shared, with};
use crate::task::{YieldNow, take_turn};

/// A value that tasks share, each access to which is a place where another task may come between.
///
/// In a real program, on threads, two tasks that read and write the same value can meet at every
/// access. [`read`](Self::read) and [`write`](Self::write) give way once before they look: one hop,
/// in every model. Strategies know what a task that gives way here is about to do, reductions know
/// what it did, and reports name it. Clones are the same value.
///
/// ```
/// use seedloop::sync::Tracked;
///
/// let counted = seedloop::run(async {
///     let counter = Tracked::new(0);
///     let seen = counter.read().await?;
///     counter.write(seen + 1).await?;
///     Ok(counter.get())
/// });
/// assert_eq!(counted.unwrap(), 1);
/// ```
pub struct Tracked<T> {
    state: Shared<State<T>>,
}

struct State<T> {
    value: T,
}

impl<T: 'static> Tracked<T> {
    /// Makes a value.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let state = Shared::new("value", State { value });
        state.note_made(Location::caller());
        Tracked { state }
    }

    /// Looks at the value at once, without giving way: for what comes after the tasks.
    ///
    /// # Panics
    ///
    /// On another thread than the value's.
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        let location = Location::caller();
        self.state.touch(Access::Read, "read", location);
        self.state.look(|state| state.value.clone())
    }

    /// Puts a value in its place at once, without giving way.
    ///
    /// # Panics
    ///
    /// On another thread than the value's.
    #[track_caller]
    pub fn set(&self, value: T) {
        let location = Location::caller();
        self.state.touch(Access::Write, "write", location);
        let old = self.state.with(|state| std::mem::replace(&mut state.value, value));
        drop(old);
    }

    /// Gives way, then looks at the value.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing; dropped, it has not looked.
    #[track_caller]
    pub fn read(&self) -> ReadTracked<T> {
        ReadTracked { turn: Turn::new(&self.state, Access::Read, "read", Location::caller()) }
    }

    /// Gives way, then puts `value` in the place of the value.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has written nothing, and its value is dropped too.
    #[track_caller]
    pub fn write(&self, value: T) -> WriteTracked<T> {
        let turn = Turn::new(&self.state, Access::Write, "write", Location::caller());
        WriteTracked { turn, value: Some(value) }
    }

    /// Gives way, then changes the value in one go: an atomic operation. The future's output is
    /// what `change` returns. It must not reach for the same value again.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the task was cancelled meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has changed nothing.
    #[track_caller]
    pub fn update<R, F>(&self, change: F) -> UpdateTracked<T, F>
    where
        F: FnOnce(&mut T) -> R,
    {
        let turn = Turn::new(&self.state, Access::Write, "update", Location::caller());
        UpdateTracked { turn, change: Some(change) }
    }
}

impl<T> Clone for Tracked<T> {
    fn clone(&self) -> Self {
        Tracked { state: self.state.clone() }
    }
}

impl<T: Default + 'static> Default for Tracked<T> {
    #[track_caller]
    fn default() -> Self {
        Tracked::new(T::default())
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text is made while the state is on loan, and must not be of the state itself.
        match self.state.try_look(|state| format!("{:?}", state.value)) {
            Some(value) => write!(f, "{:?}({value})", self.state),
            None => f.write_str("value on another thread"),
        }
    }
}

/// The turn that is given before an access.
struct Turn<T> {
    state: Shared<State<T>>,
    access: Access,
    operation: &'static str,
    location: &'static Location<'static>,
    turn: Option<YieldNow>,
}

impl<T: 'static> Turn<T> {
    fn new(
        state: &Shared<State<T>>,
        access: Access,
        operation: &'static str,
        location: &'static Location<'static>,
    ) -> Self {
        Turn { state: state.clone(), access, operation, location, turn: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cancelled>> {
        let turn = match &mut self.turn {
            Some(turn) => turn,
            None => {
                self.state.assert_here();
                let (object, operation) = (self.state.id(), self.operation);
                let label = match self.access {
                    Access::Read => Label::reading(operation, object),
                    Access::Write => Label::on(operation, object),
                };
                with(|core| core.announce(label, self.location));
                self.turn.insert(take_turn())
            }
        };
        let result = ready!(Pin::new(turn).poll(cx));
        self.turn = None;
        if result.is_ok() {
            self.state.touch(self.access, self.operation, self.location);
        }
        Poll::Ready(result)
    }
}

/// The future of [`Tracked::read`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct ReadTracked<T> {
    turn: Turn<T>,
}

impl<T: Clone + 'static> Future for ReadTracked<T> {
    type Output = Result<T, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.turn.poll(cx))?;
        Poll::Ready(Ok(self.turn.state.look(|state| state.value.clone())))
    }
}

/// The future of [`Tracked::write`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct WriteTracked<T> {
    turn: Turn<T>,
    value: Option<T>,
}

impl<T> Unpin for WriteTracked<T> {}

impl<T: 'static> Future for WriteTracked<T> {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.turn.poll(cx))?;
        let value = self.value.take().expect("`WriteTracked` was polled again after it was over");
        let old = self.turn.state.with(|state| std::mem::replace(&mut state.value, value));
        drop(old);
        Poll::Ready(Ok(()))
    }
}

/// The future of [`Tracked::update`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct UpdateTracked<T, F> {
    turn: Turn<T>,
    change: Option<F>,
}

impl<T, F> Unpin for UpdateTracked<T, F> {}

impl<T: 'static, R, F: FnOnce(&mut T) -> R> Future for UpdateTracked<T, F> {
    type Output = Result<R, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.turn.poll(cx))?;
        let change =
            self.change.take().expect("`UpdateTracked` was polled again after it was over");
        Poll::Ready(Ok(self.turn.state.with(|state| change(&mut state.value))))
    }
}
