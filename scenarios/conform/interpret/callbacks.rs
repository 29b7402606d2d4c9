//! Callbacks: what the loop calls, and what they do.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::rc::Rc;
use std::slice::from_ref;
use std::sync::Once;
use std::task::{Context, Poll, Waker};

use seedloop::{Result, running_loop};

use super::super::program::{Stmt, Ticks};
use super::body::{Flow, Scope};
use super::combine::ticks;
use super::run::Run;
use super::value::Status;
use super::vars::{Undefined, Var};

impl Scope<'_> {
    pub(super) fn on_done(self, var: &str, tag: &str, then: Option<&Stmt>) -> Result<()> {
        let handle = self.handle(var)?;
        let (run, tag, then) = (Rc::clone(self.run), tag.to_owned(), then.cloned());
        handle.add_done_callback(move |done| {
            run.callback(format_args!("callback {tag} {}", Status(&done)), then.as_ref())
        })?;
        Ok(())
    }

    pub(super) fn call_soon(self, tag: &str, then: Option<&Stmt>) -> Result<()> {
        let (run, tag, then) = (Rc::clone(self.run), tag.to_owned(), then.cloned());
        let call = move || run.callback(format_args!("call_soon {tag}"), then.as_ref());
        // Dropping the handle does not cancel the call.
        drop(running_loop()?.call_soon(call)?);
        Ok(())
    }

    pub(super) fn call_later(
        self,
        t: Ticks,
        tag: &str,
        var: &str,
        then: Option<&Stmt>,
    ) -> Result<()> {
        let (run, tag, then) = (Rc::clone(self.run), tag.to_owned(), then.cloned());
        let call = move || run.callback(format_args!("call_later {tag}"), then.as_ref());
        let timer = running_loop()?.call_later(ticks(t)?, call)?;
        self.set(var, Var::Timer(Rc::new(timer)));
        Ok(())
    }
}

impl Run {
    /// What a callback does: its line, then its statement.
    fn callback(self: &Rc<Self>, line: fmt::Arguments<'_>, then: Option<&Stmt>) -> Result<()> {
        let (who, task, caught, timeout, co) = (&self.loop_label, None, None, None, None);
        let scope = Scope { run: self, who, task, caught, timeout, co, depth: 0 };
        scope.log(line);
        let Some(then) = then.filter(|_| !self.is_over()) else { return Ok(()) };
        let result = scope.instant(then).unwrap_or_else(|| scope.at_once(then));
        let Err(error) = result else { return Ok(()) };
        match error.downcast_ref() {
            Some(Undefined(name)) => scope.log(format_args!("undefined {name}")),
            None if self.is_over() => {}
            None => return Err(error),
        }
        Ok(())
    }
}

thread_local! {
    /// A callback does something that waits, perhaps.
    static IS_TRYING: Cell<bool> = const { Cell::new(false) };
}

impl Scope<'_> {
    /// Runs a statement that may wait, but must not.
    fn at_once(self, statement: &Stmt) -> Result<Flow> {
        silence_trials();
        let mut block = self.block(from_ref(statement));
        let mut context = Context::from_waker(Waker::noop());
        IS_TRYING.set(true);
        // Outside of a task the library does not let anybody wait, and panics.
        let polled = catch_unwind(AssertUnwindSafe(|| block.as_mut().poll(&mut context)));
        IS_TRYING.set(false);
        match polled {
            Ok(Poll::Ready(result)) => result,
            Ok(Poll::Pending) | Err(_) => {
                Err(self.refuse(format_args!("the callback has to wait in {}", statement.op())))
            }
        }
    }
}

/// Keeps the panics of callbacks that have to wait off the standard error.
fn silence_trials() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_TRYING.get() {
                shown(panic);
            }
        }));
    });
}
