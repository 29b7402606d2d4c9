//! An untyped, counted reference to a future of the loop.

use std::any::Any;

use super::event_loop::OTHER_LOOP;
use crate::base::{
    Access, Cancelled, Error, Id, InvalidStateError, Message, Result, RuntimeError, ValueError,
};
use crate::event_loop::{
    Callback, CallbackKey, CloneValue, FutureId, Kind, LoopId, NOWHERE, Outcome, State, Value,
    cancel_future, context_id, is_context, queue_done, release, retain, with,
};

/// A counted reference to a future. The last one frees it.
#[derive(Debug)]
pub(crate) struct FutureRef {
    context: u32,
    id: FutureId,
}

const ELSEWHERE: &str = "a future was used on another thread than that of its loop; hand over the \
     value, not the future";

/// What a finished future gives to an awaiter.
pub(crate) enum Taken {
    Value(Value),
    /// The value, to be copied and put back, since other handles may ask for it too.
    Lent(Value, CloneValue),
    Failed(Error),
}

impl FutureRef {
    /// Takes over a reference that is already counted.
    pub(crate) fn from_counted(id: FutureId) -> Self {
        FutureRef { context: context_id(), id }
    }

    /// Makes another reference to a future of this thread.
    pub(crate) fn to(id: FutureId) -> Self {
        retain(id);
        FutureRef::from_counted(id)
    }

    /// Makes a pending future of `owner`.
    pub(crate) fn new_of(owner: LoopId, kind: Kind) -> Self {
        FutureRef::from_counted(with(|core| core.new_future(owner, kind)))
    }

    pub(crate) fn id(&self) -> FutureId {
        self.id
    }

    pub(crate) fn is_same(&self, other: &FutureRef) -> bool {
        self.context == other.context && self.id == other.id
    }

    pub(crate) fn is_here(&self) -> bool {
        is_context(self.context)
    }

    /// The error of a reference that is used on another thread.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_here() { Ok(()) } else { Err(Error::new(RuntimeError::new(ELSEWHERE))) }
    }

    /// The same for what cannot fail.
    #[track_caller]
    pub(crate) fn assert_here(&self) {
        assert!(self.is_here(), "{ELSEWHERE}");
    }

    /// The error of a future that is given to another loop than its own, or another thread.
    pub(crate) fn check_of(&self, owner: LoopId) -> Result<()> {
        self.check()?;
        if self.is_of(owner) { Ok(()) } else { Err(Error::new(ValueError::new(OTHER_LOOP))) }
    }

    /// The loop of the future.
    pub(crate) fn owner(&self) -> LoopId {
        with(|core| core.futures.get(self.id).map_or(Id::NONE, |cell| cell.owner))
    }

    pub(crate) fn state(&self) -> State {
        if !self.is_here() {
            return State::Pending;
        }
        with(|core| {
            core.meets_future(self.id, Access::Read);
            core.futures.get(self.id).map_or(State::Pending, |cell| cell.state)
        })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state() != State::Pending
    }

    /// Tells whether the future is of this loop.
    pub(crate) fn is_of(&self, owner: LoopId) -> bool {
        self.is_here() && with(|core| core.futures.get(self.id).is_none_or(|c| c.owner == owner))
    }

    pub(crate) fn cancel(&self, message: Option<Message>) -> bool {
        self.is_here() && cancel_future(self.id, message)
    }

    /// Takes the result as an awaiter does; an error if there is none yet or none any more.
    pub(crate) fn take(&self) -> Taken {
        if let Err(error) = self.check() {
            return Taken::Failed(error);
        }
        let invalid = |text: &str| Taken::Failed(Error::new(InvalidStateError::new(text)));
        with(|core| {
            core.meets_future(self.id, Access::Write);
            let Some(cell) = core.futures.get_mut(self.id) else {
                return invalid("the future is gone with its loop");
            };
            match cell.state {
                State::Pending => return invalid("result is not ready"),
                State::Cancelled => return Taken::Failed(Error::cancelled(cell.take_cancelled())),
                State::Finished => cell.unretrieved = false,
            }
            match &cell.outcome {
                Outcome::Error(error) => return Taken::Failed(error.clone()),
                Outcome::Value(_) => {}
                Outcome::Empty | Outcome::Cancelled(_) => {
                    return invalid(
                        "the result was already taken; clone the handle before it is awaited \
                         (`.shared()`) to give the value to several",
                    );
                }
            }
            let lend = if cell.refs > 1 { cell.clone } else { None };
            match (core.take_outcome(self.id), lend) {
                (Outcome::Value(value), Some(clone)) => Taken::Lent(value, clone),
                (Outcome::Value(value), None) => Taken::Value(value),
                _ => invalid("the future is gone with its loop"),
            }
        })
    }

    /// Takes the result without knowing its type.
    pub(crate) fn take_any(&self) -> Result<Value> {
        match self.take() {
            Taken::Failed(error) => Err(error),
            Taken::Value(value) => Ok(value),
            Taken::Lent(value, clone) => {
                // The user's `clone` runs unborrowed; the value goes back whatever it does.
                let lent = Lent { future: self.id, value: Some(value) };
                Ok(clone(lent.value.as_ref().expect("seedloop bug: nothing was lent").as_any()))
            }
        }
    }

    /// Takes the result as a `T`; as `()` only the end, whatever the value, which stays there.
    pub(crate) fn take_as<T: 'static>(&self) -> Result<T> {
        if let Some(unit) = unit::<T>() {
            return self.end("result is not ready")?.map_or(Ok(unit), Err);
        }
        let value = self.take_any()?.downcast::<T>();
        Ok(value.ok().expect("seedloop bug: a result of another type"))
    }

    /// The error of a future that failed, without its value: `Err` while pending or if cancelled.
    pub(crate) fn exception(&self) -> Result<Option<Error>> {
        self.end("exception is not set")
    }

    fn end(&self, text_if_pending: &str) -> Result<Option<Error>> {
        self.check()?;
        with(|core| {
            core.meets_future(self.id, Access::Write);
            let Some(cell) = core.futures.get_mut(self.id) else {
                return Err(Error::new(InvalidStateError::new("the future is gone with its loop")));
            };
            match cell.state {
                State::Pending => Err(Error::new(InvalidStateError::new(text_if_pending))),
                State::Cancelled => Err(Error::cancelled(cell.take_cancelled())),
                State::Finished => {
                    cell.unretrieved = false;
                    match &cell.outcome {
                        Outcome::Error(error) => Ok(Some(error.clone())),
                        _ => Ok(None),
                    }
                }
            }
        })
    }

    /// Lets `run` be called one hop after the future is done; one hop from now if it is, which its
    /// loop refuses once it is closed.
    pub(crate) fn add_done_callback(
        &self,
        operation: &'static str,
        run: Box<dyn FnOnce(FutureId)>,
    ) -> Result<CallbackKey> {
        self.check()?;
        let mut run = Some(run);
        let key = with(|core| {
            let key = core.next_key();
            core.meets_future(self.id, Access::Write);
            if core.futures.get(self.id).is_some_and(|cell| !cell.is_done())
                && let Some(run) = run.take()
            {
                let variables = core.variables.clone();
                core.add_callback(self.id, Callback::Call { key, operation, run, variables });
            }
            key
        });
        let variables = with(|core| core.variables.clone());
        let accepted = run.is_none_or(|run| queue_done(self.id, operation, run, variables));
        if accepted { Ok(key) } else { Err(closed()) }
    }

    /// Takes a done-callback back; false if it is not there (any more).
    pub(crate) fn remove_done_callback(&self, key: CallbackKey) -> bool {
        if !self.is_here() {
            return false;
        }
        let removed = with(|core| {
            core.meets_future(self.id, Access::Write);
            core.futures.get_mut(self.id)?.callbacks.remove(key)
        });
        removed.is_some()
    }

    /// Remembers how to copy the value: from now on it is copied out while others may ask for it.
    pub(crate) fn set_clone(&self, clone: CloneValue) {
        if self.is_here() {
            with(|core| {
                if let Some(cell) = core.futures.get_mut(self.id) {
                    cell.clone = Some(clone);
                }
            });
        }
    }

    /// Marks an error as seen, so that it is not reported.
    pub(crate) fn mark_retrieved(&self) {
        with(|core| {
            core.meets_future(self.id, Access::Write);
            if let Some(cell) = core.futures.get_mut(self.id) {
                cell.unretrieved = false;
            }
        });
    }

    /// The cancel that ended the future, as an error for a value position.
    pub(crate) fn take_cancelled(&self) -> Cancelled {
        with(|core| {
            core.meets_future(self.id, Access::Write);
            core.futures.get_mut(self.id).map_or_else(Cancelled::new, |cell| cell.take_cancelled())
        })
    }
}

/// The error of what only an open loop can do.
pub(crate) fn closed() -> Error {
    Error::new(RuntimeError::new("Event loop is closed"))
}

/// `()` as a `T`, if that is what `T` is.
pub(super) fn unit<T: 'static>() -> Option<T> {
    take_if(&mut Some(()))
}

/// Takes what is in the slot, an `Option`, if it is a `T`.
pub(super) fn take_if<T: 'static>(slot: &mut dyn Any) -> Option<T> {
    slot.downcast_mut::<Option<T>>()?.take()
}

/// A value that goes back into its future.
struct Lent {
    future: FutureId,
    value: Option<Value>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut value = self.value.take();
        with(|core| {
            if let (Some(cell), Some(value)) = (core.futures.get_mut(self.future), value.take()) {
                cell.outcome = Outcome::Value(value);
            }
        });
    }
}

impl Clone for FutureRef {
    fn clone(&self) -> Self {
        if !self.is_here() {
            // It cannot be counted from here, and so it must not be given up at home.
            return FutureRef { context: NOWHERE, id: self.id };
        }
        retain(self.id);
        FutureRef { context: self.context, id: self.id }
    }
}

impl Drop for FutureRef {
    fn drop(&mut self) {
        // A reference that is dropped on another thread cannot reach the count; what it keeps
        // alive goes with the thread.
        if self.is_here() {
            release(self.id);
        }
    }
}
