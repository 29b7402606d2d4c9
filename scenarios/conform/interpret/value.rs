//! Values and errors, as programs make them and as the trace shows them.

use std::fmt;
use std::sync::Arc;

use seedloop::error::{
    AssertionError, GeneratorExit, InvalidStateError, StopAsyncIteration, ValueError,
};
use seedloop::sync::{BrokenBarrierError, QueueEmpty, QueueFull, QueueShutDown};
use seedloop::{Elapsed, Error, LoopFuture, Result, RuntimeError};
use smol_str::SmolStr;

use super::super::program::{self, Number};

/// A value that tasks pass around.
#[derive(Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(SmolStr),
    List(Arc<[Value]>),
    /// An error that serves as a value: what `gather` collects.
    Error(Error),
}

impl From<&program::Value> for Value {
    fn from(written: &program::Value) -> Self {
        match written {
            program::Value::Null => Value::Null,
            program::Value::Bool(truth) => Value::Bool(*truth),
            program::Value::Number(number) => Value::Number(number.clone()),
            program::Value::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// What `gather` gives.
impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Value::List(values.into_iter().collect())
    }
}

/// What `gather` gives with `return_exceptions`.
impl FromIterator<Result<Value>> for Value {
    fn from_iter<I: IntoIterator<Item = Result<Value>>>(results: I) -> Self {
        results.into_iter().map(|result| result.unwrap_or_else(Value::Error)).collect()
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Number(Number::Int(number)) => write!(f, "{number}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => f.write_str(text),
            Value::List(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{element}")?;
                }
                f.write_str("]")
            }
            Value::Error(error) => write!(f, "!{}", Shown(error)),
        }
    }
}

/// The programs' own error.
#[derive(Debug)]
pub(super) struct Boom(pub(super) SmolStr);

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Boom {}

/// Python's `TypeError`: two items of a priority queue cannot be compared.
#[derive(Debug)]
pub(super) struct Incomparable;

impl fmt::Display for Incomparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two items cannot be compared")
    }
}
impl std::error::Error for Incomparable {}

/// An error as the trace shows it.
pub(super) struct Shown<'a>(pub(super) &'a Error);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0;
        if let Some(cancelled) = error.as_cancelled() {
            return write!(f, "Cancelled({})", cancelled.message().unwrap_or_default());
        }
        if let Some(Boom(message)) = error.downcast_ref() {
            return write!(f, "Boom({message})");
        }
        let Some(group) = error.as_group() else {
            return write!(f, "{}()", type_name(error));
        };
        f.write_str("Group(")?;
        for (index, member) in group.errors().iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", Shown(member))?;
        }
        f.write_str(")")
    }
}

/// What CPython calls the type of an error, without a final `Error`.
fn type_name(error: &Error) -> &'static str {
    type IsOfType = fn(&Error) -> bool;
    let names: [(IsOfType, &str); 12] = [
        (Error::is::<Elapsed>, "Timeout"),
        (Error::is::<InvalidStateError>, "InvalidState"),
        (Error::is::<RuntimeError>, "Runtime"),
        (Error::is::<ValueError>, "Value"),
        (Error::is::<QueueEmpty>, "QueueEmpty"),
        (Error::is::<QueueFull>, "QueueFull"),
        (Error::is::<QueueShutDown>, "QueueShutDown"),
        (Error::is::<BrokenBarrierError>, "BrokenBarrier"),
        (Error::is::<AssertionError>, "Assertion"),
        (Error::is::<GeneratorExit>, "GeneratorExit"),
        (Error::is::<StopAsyncIteration>, "StopAsyncIteration"),
        (Error::is::<Incomparable>, "Type"),
    ];
    let name = names.iter().find(|(is, _)| is(error));
    // No program can raise anything else; if one does, the difference from CPython shows it.
    name.map_or("Unknown", |(_, name)| name)
}

/// Whether and how a task or future has ended, as the trace shows it.
pub(super) struct Status<'a>(pub(super) &'a LoopFuture<Value>);

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let future = self.0;
        if !future.done() {
            return f.write_str("pending");
        }
        if future.cancelled() {
            return f.write_str("cancelled");
        }
        match future.exception() {
            Ok(Some(error)) | Err(error) => write!(f, "exception {}", Shown(&error)),
            Ok(None) => match future.result() {
                Ok(value) => write!(f, "result {value}"),
                Err(error) => write!(f, "result {}", Shown(&error)),
            },
        }
    }
}
