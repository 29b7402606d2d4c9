//! The tokens of context variables.

use std::panic::{AssertUnwindSafe, catch_unwind};

use seedloop::{
    ContextVar, Runner, ThreadPool, Token, blocking, create_future, out, run, run_in_executor,
    running_loop, spawn, yield_now,
};

use crate::surprises::helpers::{check, check_sync, ms, spin};

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

/// CPython: `add_done_callback` copies the context of its caller.
#[test]
fn a_done_callback_has_the_variables_of_whoever_added_it() {
    let expected = ["set later Some(1)", "set by a child Some(2)", "of a task Some(2)"];
    let expected =
        [&expected[..], &["task of a callback Some(2)", "done already Some(2)"]].concat();
    check(&expected, async {
        let tell = |what: &'static str| out!("{what} {:?}", NUMBER.get());
        drop(NUMBER.set(1));
        let future = create_future::<()>()?;
        future.add_done_callback(move |_| tell("set later"))?;
        drop(NUMBER.set(2));
        future.set_result(())?;
        spin(2).await?;
        let future = create_future::<()>()?;
        future.add_done_callback(move |_| tell("set by a child"))?;
        let own = future.shared();
        let child = spawn(async move {
            drop(NUMBER.set(3));
            own.set_result(())
        });
        child.await?;
        let task = spawn(async { Ok(drop(NUMBER.set(4))) });
        task.add_done_callback(move |_| {
            tell("of a task");
            drop(spawn(async move { Ok(tell("task of a callback")) }));
        })?;
        task.await?;
        spin(2).await?;
        future.add_done_callback(move |_| tell("done already"))?;
        drop(NUMBER.set(5));
        Ok(spin(2).await?)
    });
}

/// CPython: the main task of `asyncio.run` has a copy of its caller's context.
#[test]
fn a_run_takes_a_copy_of_the_threads_variables() {
    drop(NUMBER.set(1));
    let seen = run(async {
        let seen = NUMBER.get();
        drop(NUMBER.set(2));
        Ok(seen)
    });
    assert_eq!((seen.unwrap(), NUMBER.get()), (Some(1), Some(1)));
}

/// CPython: `Runner.close` of one that made no loop leaves it as it is.
#[test]
fn a_runner_that_was_not_used_can_be_closed_and_used() {
    let runner = Runner::new();
    runner.close().unwrap();
    assert_eq!(runner.run(async { Ok(5) }).unwrap(), 5);
    runner.close().unwrap();
    assert_eq!(runner.run(async { Ok(5) }).unwrap_err().to_string(), "Runner is closed");
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

/// "A job of a pool begins with none", and so does the next one of the same worker.
#[test]
fn a_job_begins_with_no_variables() {
    check(&["None Some(2)", "None Some(2)", "Some(1)"], async {
        drop(NUMBER.set(1));
        let pool = ThreadPool::with_workers(1)?;
        let job = || {
            // The second one is queued meanwhile, and the worker goes on with it.
            blocking::sleep(ms(1));
            let before = NUMBER.get();
            drop(NUMBER.set(2));
            Ok(out!("{before:?} {:?}", NUMBER.get()))
        };
        let both = [run_in_executor(&pool, job), run_in_executor(&pool, job)];
        for job in both {
            job.await?;
        }
        Ok(out!("{:?}", NUMBER.get()))
    });
}
