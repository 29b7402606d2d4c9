//! The tokens of context variables.

use std::panic::{AssertUnwindSafe, catch_unwind};

use seedloop::{ContextVar, Runner, Token, out, run, running_loop, spawn, yield_now};

use crate::surprises::helpers::{check, check_sync, spin};

static NUMBER: ContextVar<u32> = ContextVar::new();

/// Resets the variable, and says what it is then, or why it could not be reset.
fn try_reset(token: Token<u32>) {
    match catch_unwind(AssertUnwindSafe(|| NUMBER.reset(token))) {
        Ok(()) => out!("{:?}", NUMBER.get()),
        Err(payload) => {
            let text = payload.downcast_ref::<&str>().copied();
            out!("{}", text.expect("a plain text"));
        }
    }
}

const REFUSED: &str =
    "the token was made in a different context; reset it in the task that made it";

/// CPython: ValueError "<Token ..> was created in a different Context".
#[test]
fn a_token_of_another_context_is_refused() {
    check(&[REFUSED, REFUSED, REFUSED, "Some(2)", "None"], async {
        let (first, second, third) = (NUMBER.set(1), NUMBER.set(2), NUMBER.set(3));
        let child = spawn(async move {
            try_reset(first);
            Ok(NUMBER.set(4))
        });
        try_reset(child.await?);
        running_loop()?.call_soon(move || try_reset(second))?;
        spin(1).await?;
        try_reset(third);
        running_loop()?.call_soon(|| {
            let empty = NUMBER.set(5);
            drop(empty);
        })?;
        spawn(async {
            drop(NUMBER.set(6));
            Ok(yield_now().await?)
        })
        .await?;
        spawn_cleared();
        Ok(spin(2).await?)
    });
}

/// A callback may reset what it has set itself.
fn spawn_cleared() {
    let event_loop = running_loop().expect("a loop runs");
    let reset = || {
        let before = NUMBER.get();
        let token = NUMBER.set(7);
        NUMBER.reset(token);
        assert_eq!(NUMBER.get(), before);
        out!("None");
    };
    event_loop.call_soon(reset).expect("the loop is open");
}

/// The main tasks of a runner share one context; what stands outside of it is another.
#[test]
fn the_main_tasks_of_a_runner_are_one_context() {
    check_sync(&["Some(1)", REFUSED], || {
        let outer = NUMBER.set(1);
        let runner = Runner::new();
        let token = runner.run(async { Ok(NUMBER.set(2)) }).unwrap();
        runner
            .run(async {
                try_reset(token);
                Ok(())
            })
            .unwrap();
        drop(runner);
        run(async {
            try_reset(outer);
            Ok(())
        })
        .unwrap();
    });
}
