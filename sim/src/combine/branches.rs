//! What the macros that poll several branches expand to; no part of the API.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::base::ChoiceKind;
use crate::event_loop::with;

/// Which branch of a `select!` came first: nested as deep as the branch stands.
#[derive(Debug)]
pub enum Branch<T, R> {
    /// The branch itself.
    This(T),
    /// One of those behind it; behind the last one stands `else`.
    Later(R),
}

/// Chooses which of the branches is polled first.
pub fn choose_branch(count: usize) -> usize {
    let bound = u32::try_from(count).unwrap_or(u32::MAX);
    with(|core| core.choose(ChoiceKind::Branch, bound)) as usize
}

/// Begins a poll of a `select!`; what comes back is for [`end_select`].
pub fn begin_select() -> u64 {
    with(|core| core.last_poll())
}

/// Ends a `select!`: what is kept of its branches is awaited no more.
pub fn end_select(begin: u64) {
    with(|core| core.leave_waits_after(begin));
}

/// The first branch as written, of a `biased` one.
pub fn first_branch(_count: usize) -> usize {
    0
}

pin_project! {
    /// A branch of a `join!`.
    pub struct Joined<F: Future> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F: Future> {
        Running {
            #[pin]
            future: F,
        },
        // The future was dropped.
        Over {
            output: Option<F::Output>,
        },
    }
}

impl<F: Future> Joined<F> {
    /// Makes a branch that is not over.
    pub fn new(future: F) -> Self {
        Joined { state: State::Running { future } }
    }

    /// Polls the branch unless it is over; true once it is.
    pub fn poll_over(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut state = self.project().state;
        if let StateProjection::Running { future } = state.as_mut().project() {
            let Poll::Ready(output) = future.poll(cx) else { return false };
            state.set(State::Over { output: Some(output) });
        }
        true
    }

    /// Takes what the branch gave.
    pub fn take(self: Pin<&mut Self>) -> F::Output {
        match self.project().state.project() {
            StateProjection::Over { output } => output.take(),
            StateProjection::Running { .. } => None,
        }
        .expect("seedloop bug: a branch of a `join!` has no output")
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Joined<F> {
    /// Takes the error of a branch that has failed.
    pub fn take_error(self: Pin<&mut Self>) -> Option<E> {
        match self.project().state.project() {
            StateProjection::Over { output: output @ Some(Err(_)) } => output.take()?.err(),
            _ => None,
        }
    }

    /// Takes the value of a branch that has not failed.
    pub fn take_value(self: Pin<&mut Self>) -> T {
        match self.take() {
            Ok(value) => value,
            Err(_) => panic!("seedloop bug: a branch of a `try_join!` has failed unseen"),
        }
    }
}
