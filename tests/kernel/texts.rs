//! Names and texts of tasks, futures, handles and groups.

use seedloop::error::Group;
use seedloop::{Error, all_tasks, create_future, out, running_loop, spawn, spawn_named};

use crate::surprises::helpers::{check, spin};

/// CPython 3.13.0 counts the names that it gives: `Task-2`, `named`, `Task-3`.
#[test]
fn a_task_with_a_name_takes_no_number() {
    check(&["Task-1 Task-2 named Task-3", "renamed", "Task-1 Task-2 renamed Task-3"], async {
        let first = spawn(async { Ok(()) });
        let named = spawn_named("named", async { Ok(()) });
        let last = spawn(async { Ok(()) });
        let names = || {
            let names: Vec<_> = all_tasks()?.iter().filter_map(|task| task.name()).collect();
            Ok::<_, Error>(out!("{}", names.join(" ")))
        };
        names()?;
        named.set_name("renamed");
        out!("{}", named.name());
        names()?;
        first.await?;
        named.await?;
        last.await
    });
}

#[test]
fn futures_and_tasks_say_how_they_ended() {
    let expected = [
        "<Future pending> <Future finished> <Future cancelled>",
        "<Task 'a' <Future pending>> <Task 'a' <Future cancelled>>",
    ];
    check(&expected, async {
        let futures = [create_future::<()>()?, create_future()?, create_future()?];
        futures[1].set_result(())?;
        futures[2].cancel();
        out!("{:?} {:?} {:?}", futures[0], futures[1], futures[2]);
        let task = spawn_named("a", async { Ok(spin(9).await?) });
        let before = format!("{task:?}");
        task.cancel();
        spin(1).await?;
        out!("{before} {task:?}");
        Ok(())
    });
}

#[test]
fn a_handle_says_that_it_was_cancelled() {
    check(&["call_soon", "call_soon, cancelled", "call_later", "call_later, cancelled"], async {
        let event_loop = running_loop()?;
        let call = event_loop.call_soon(|| ())?;
        let timer = event_loop.call_later(std::time::Duration::from_secs(1), || ())?;
        let told = |text: String| {
            let (before, place) = text.split_once(" at ").expect("a place");
            let operation = before.rsplit(' ').next().expect("an operation");
            let cancelled = if place.contains(", cancelled>") { ", cancelled" } else { "" };
            out!("{operation}{cancelled}");
        };
        told(format!("{call:?}"));
        call.cancel();
        told(format!("{call:?}"));
        told(format!("{timer:?}"));
        timer.cancel();
        told(format!("{timer:?}"));
        Ok(())
    });
}

/// CPython 3.13.0: `unhandled errors in a TaskGroup (1 sub-exception)`; ours names them too.
#[test]
fn a_group_counts_its_errors() {
    let group = |texts: &[&str]| {
        let errors = texts.iter().map(Error::msg).collect();
        Group::new("unhandled errors", errors).to_string()
    };
    assert_eq!(group(&["a"]), "unhandled errors (1 sub-exception: a)");
    assert_eq!(group(&["a", "b"]), "unhandled errors (2 sub-exceptions: a, b)");
}
