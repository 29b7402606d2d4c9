//! Tasks and futures.

use seedloop::{Error, Result, create_future, current_task, spawn};

use super::super::program;
use super::body::{Call, Flow, Scope, coroutine};
use super::value::{Boom, Status, Value};
use super::vars::{Handle, Var};

impl Scope<'_> {
    pub(super) fn return_value(self, written: &program::Value) -> Flow {
        let value = Value::from(written);
        self.log(format_args!("return {value}"));
        Flow::Return(value)
    }

    pub(super) fn spawn(self, var: &str, name: &str) -> Result<()> {
        let node = self.run.new_task();
        let task = spawn(coroutine(Call::new(self.run, name, var.into(), &node)));
        self.set(var, Var::Handle(Handle::Task(task, node)));
        self.log(format_args!("spawn {var}"));
        Ok(())
    }

    pub(super) async fn await_handle(self, var: &str) -> Result<Flow> {
        let handle = self.handle(var)?;
        let waiting = self.wait_for_handle(&handle);
        let value = match handle {
            Handle::Task(task, _) => task.await?,
            Handle::Future(future, _) => future.await?,
        };
        drop(waiting);
        self.log(format_args!("await {var} -> {value}"));
        Ok(Flow::Next)
    }

    pub(super) fn cancel(self, var: &str, message: Option<&str>) -> Result<()> {
        let handle = self.handle(var)?;
        let accepted = match message {
            Some(message) => handle.cancel_with(message),
            None => handle.cancel(),
        };
        self.log(format_args!("cancel {var} -> {accepted}"));
        Ok(())
    }

    pub(super) fn uncancel(self, var: Option<&str>) -> Result<()> {
        match var {
            Some(var) => {
                let left = self.task(var)?.uncancel();
                self.log(format_args!("uncancel {var} -> {left}"));
            }
            None => {
                let Some(task) = current_task()? else {
                    return Err(self.refuse("uncancel outside of a task"));
                };
                self.log(format_args!("uncancel -> {}", task.uncancel()));
            }
        }
        Ok(())
    }

    pub(super) fn cancelling(self, var: Option<&str>) -> Result<()> {
        match var {
            Some(var) => {
                let count = self.task(var)?.cancelling();
                self.log(format_args!("cancelling {var} -> {count}"));
            }
            None => {
                let Some(task) = current_task()? else {
                    return Err(self.refuse("cancelling outside of a task"));
                };
                self.log(format_args!("cancelling -> {}", task.cancelling()));
            }
        }
        Ok(())
    }

    pub(super) fn future(self, var: &str) -> Result<()> {
        self.set(var, Var::Handle(Handle::plain(create_future()?)));
        Ok(())
    }

    pub(super) fn set_result(self, var: &str, value: &program::Value) -> Result<()> {
        self.handle(var)?.set_result(value.into())?;
        self.log(format_args!("set_result {var}"));
        Ok(())
    }

    pub(super) fn set_exception(self, var: &str, message: &str) -> Result<()> {
        self.handle(var)?.set_exception(Error::new(Boom(message.into())))?;
        self.log(format_args!("set_exception {var}"));
        Ok(())
    }

    pub(super) fn status(self, var: &str) -> Result<()> {
        let handle = self.handle(var)?;
        self.log(format_args!("status {var} {}", Status(&handle)));
        Ok(())
    }
}
