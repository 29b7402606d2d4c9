//! イベントループ（EventLoop）: the ways to get a loop, and which to use when.

use std::time::Duration;

#[expect(deprecated, reason = "the document shows it, and why not to use it")]
use seedloop::event_loop;
use seedloop::{
    EventLoop, LoopFuture, Outcome, ReportKind, Result, RuntimeError, ThreadPool, blocking,
    create_future, out, run, running_loop, sleep, spawn,
};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{printed_in_order_at, reported};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "running-loop",
        section: "EventLoopの取得方法 / 1. `asyncio.get_running_loop()`（推奨・async関数内）",
        summary: "inside async code the loop that runs, outside an error",
        body: running_loop::program,
        check: running_loop::check,
    },
    Scenario {
        name: "get-event-loop",
        section: "EventLoopの取得方法 / 2. `asyncio.get_event_loop()`（同期コードでの取得）",
        summary: "the old way to get a loop outside of async code warns",
        body: get_event_loop::program,
        check: get_event_loop::check,
    },
    Scenario {
        name: "new-event-loop",
        section: "EventLoopの取得方法 / 3. `asyncio.new_event_loop()`（新規ループを明示的に作成）",
        summary: "a loop that is independent of others, and frees what it holds when closed",
        body: new_event_loop::program,
        check: new_event_loop::check,
    },
    Scenario {
        name: "run-entry",
        section: "EventLoopの取得方法 / 4. `asyncio.run()`（現代的な推奨パターン）; \
                  コルーチンの実行方法 / `asyncio.run()`を使用",
        summary: "the entry point makes, runs and closes a loop, at each call another one",
        body: run_entry::program,
        check: run_entry::check,
    },
    Scenario {
        name: "run-inside-async",
        section: "EventLoopの取得方法 / 4. `asyncio.run()`（現代的な推奨パターン）; \
                  コルーチンの実行方法 / `asyncio.run()`を使用",
        summary: "run refuses to be called where a loop runs already",
        body: || run(run_inside_async::main()),
        check: run_inside_async::check,
    },
    Scenario {
        name: "threadsafe",
        section: "EventLoopの取得方法 / まとめ",
        summary: "another thread wakes the loop by handing over a callback",
        body: || run(threadsafe::main()),
        check: threadsafe::check,
    },
];

/// EventLoopの取得方法 / 1. `asyncio.get_running_loop()`: the loop that runs right now, or an error.
///
/// That is the difference to `get_event_loop()`, which also gives a loop that was only made
/// current.
mod running_loop {
    use super::*;

    async fn main() -> Result<()> {
        let running = running_loop()?;
        out!("{running:?}");
        Ok(())
    }

    #[expect(deprecated, reason = "to show the difference")]
    pub(super) fn program() -> Result<()> {
        let not_running = EventLoop::new();
        not_running.set_current();
        // 実行中のループが存在しない場合は`RuntimeError`
        match running_loop() {
            Err(error) if error.is::<RuntimeError>() => out!("RuntimeError: {error}"),
            other => out!("{other:?}"),
        }
        out!("{:?}", event_loop());
        not_running.close()?;
        run(main())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s RuntimeError: no running event loop",
                "0.0s <EventLoop running=false closed=false>",
                "0.0s <EventLoop running=true closed=false>",
            ],
        )
    }
}

/// EventLoopの取得方法 / 2. `asyncio.get_event_loop()`: a loop for synchronous code, deprecated.
///
/// Where no loop runs and none was set, one is made, and a `DeprecationWarning` stands among the
/// reports. (The document has the rule of 3.10.0: to warn wherever no loop runs. 3.13 does not warn
/// where one was set, see `running-loop`.) Inside async code it gives the running loop.
mod get_event_loop {
    use super::*;

    #[expect(deprecated, reason = "to show what it gives in async code")]
    async fn some_coroutine() -> Result<()> {
        out!("実行中のループと同じ: {}", event_loop() == running_loop()?);
        Ok(())
    }

    #[expect(deprecated, reason = "to show the warning")]
    pub(super) fn program() -> Result<()> {
        let event_loop = event_loop();
        event_loop.run_until_complete(some_coroutine())?;
        event_loop.close()?;
        out!("{event_loop:?}");
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[ReportKind::Deprecated])?;
        printed_in_order_at(
            outcome,
            &["0.0s 実行中のループと同じ: true", "0.0s <EventLoop running=false closed=true>"],
        )
    }
}

/// EventLoopの取得方法 / 3. `asyncio.new_event_loop()`: a loop of one's own, to be closed in the end.
///
/// It is independent of a loop that exists already: neither runs what was put on the other. Closing
/// it frees what it holds, here a resource in a timer that will never be due.
mod new_event_loop {
    use super::*;

    struct Resource;

    impl Drop for Resource {
        fn drop(&mut self) {
            out!("リソースを解放");
        }
    }

    async fn some_coroutine(name: &str) -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        out!("{name}: 完了");
        Ok(())
    }

    pub(super) fn program() -> Result<()> {
        let existing = EventLoop::new();
        let task = existing.create_task(some_coroutine("既存のループ"))?;

        let event_loop = EventLoop::new();
        event_loop.set_current();

        let resource = Resource;
        event_loop.call_later(Duration::from_secs(10), move || drop(resource))?;

        let result = event_loop.run_until_complete(some_coroutine("独立したループ")); // try
        event_loop.close()?; // finally: 使い終わったら必ず`loop.close()`でリソースを解放すること
        result?;

        match event_loop.run_until_complete(some_coroutine("閉じたループ")) {
            Err(error) if error.is::<RuntimeError>() => out!("RuntimeError: {error}"),
            other => out!("{other:?}"),
        }
        existing.run_until_complete(task)?;
        existing.close()
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "1.0s 独立したループ: 完了",
                "1.0s リソースを解放",
                "1.0s RuntimeError: Event loop is closed",
                "2.0s 既存のループ: 完了",
            ],
        )
    }
}

/// EventLoopの取得方法 / 4. `asyncio.run()`, and コルーチンの実行方法 / `asyncio.run()`を使用: the entry
/// point, which makes a loop, runs it and closes it.
///
/// Why it should be called only once: nothing prevents a second call, but that is another loop, and
/// what belongs to the first one can't be awaited in it.
mod run_entry {
    use super::*;

    async fn main() -> Result<EventLoop> {
        // 必要な処理をここに書く
        sleep(Duration::from_secs(1)).await?;
        out!("done");
        running_loop()
    }

    async fn second_main(of_first_loop: LoopFuture<()>) -> Result<()> {
        of_first_loop.await
    }

    pub(super) fn program() -> Result<()> {
        let first = run(main())?; // ループの作成・実行・クローズを自動管理
        out!("{first:?}");

        let second = run(main())?;
        out!("同じループ: {}", first == second);
        let future = first.create_future::<()>()?;
        match run(second_main(future)) {
            Err(error) if error.is::<RuntimeError>() => out!("RuntimeError: {error}"),
            other => out!("{other:?}"),
        }
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "1.0s done",
                "1.0s <EventLoop running=false closed=true>",
                "2.0s done",
                "2.0s 同じループ: false",
                "2.0s RuntimeError: the future is attached to a different loop",
            ],
        )
    }
}

/// EventLoopの取得方法 / 4. `asyncio.run()`: not inside async code, where `await` and `create_task` do
/// the same.
mod run_inside_async {
    use super::*;

    async fn inner() -> Result<&'static str> {
        sleep(Duration::from_secs(1)).await?;
        Ok("done")
    }

    pub(super) async fn main() -> Result<()> {
        match run(inner()) {
            Err(error) if error.is::<RuntimeError>() => out!("RuntimeError: {error}"),
            other => out!("{other:?}"),
        }
        // その場合は`await`や`asyncio.create_task()`を使う
        out!("await: {}", inner().await?);
        out!("create_task: {}", spawn(inner()).await?);
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        let refusal = "0.0s RuntimeError: run() cannot be called from a running event loop; \
                       await the future instead";
        printed_in_order_at(outcome, &[refusal, "1.0s await: done", "2.0s create_task: done"])
    }
}

/// EventLoopの取得方法 / まとめ, TIP: マルチスレッド連携, a special case in which code needs the loop itself.
///
/// In another thread no loop runs, and nothing of the loop may be touched from there: it hands over
/// a callback, and that wakes the loop, which runs it in its own thread.
mod threadsafe {
    use super::*;

    fn other_thread(event_loop: EventLoop, data: LoopFuture<&'static str>) -> Result<()> {
        blocking::sleep(Duration::from_secs(2));
        match running_loop() {
            Err(error) if error.is::<RuntimeError>() => out!("別スレッド: RuntimeError: {error}"),
            other => out!("別スレッド: {other:?}"),
        }
        event_loop.call_soon_threadsafe(move || {
            out!("コールバック: {:?}", running_loop()?);
            data.set_result("別スレッドのデータ")
        })?;
        out!("別スレッド: 完了");
        Ok(())
    }

    async fn other_task() -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        out!("他のタスク: 完了");
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        let event_loop = running_loop()?;
        let data = create_future()?;
        let received = data.clone();
        ThreadPool::new().submit(move || other_thread(event_loop, data))?;
        spawn(other_task());
        out!("main: {}", received.await?);
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "1.0s 他のタスク: 完了",
                "2.0s 別スレッド: RuntimeError: no running event loop",
                "2.0s 別スレッド: 完了",
                "2.0s コールバック: <EventLoop running=true closed=false>",
                "2.0s main: 別スレッドのデータ",
            ],
        )
    }
}
