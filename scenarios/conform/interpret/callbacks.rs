//! Callbacks: what the loop calls, and what they do.

use std::fmt;
use std::rc::Rc;

use seedloop::{Result, running_loop};

use super::super::program::{Stmt, Ticks};
use super::body::Scope;
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
        let timer = running_loop()?.call_later(ticks(t), call)?;
        self.set(var, Var::Timer(Rc::new(timer)));
        Ok(())
    }
}

impl Run {
    /// What a callback does: its line, then its statement.
    fn callback(self: &Rc<Self>, line: fmt::Arguments<'_>, then: Option<&Stmt>) -> Result<()> {
        let (who, task, caught, timeout, co) = (&self.loop_label, None, None, None, None);
        let scope = Scope { run: self, who, task, caught, timeout, co };
        scope.log(line);
        let Some(then) = then.filter(|_| !self.is_over()) else { return Ok(()) };
        let result = scope.instant(then).unwrap_or_else(|| {
            Err(scope.refuse(format_args!("the callback has to wait in {}", then.op())))
        });
        let Err(error) = result else { return Ok(()) };
        match error.downcast_ref() {
            Some(Undefined(name)) => scope.log(format_args!("undefined {name}")),
            None if self.is_over() => {}
            None => return Err(error),
        }
        Ok(())
    }
}
