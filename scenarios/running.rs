//! コルーチンの実行方法: running coroutines, with `await`, as tasks and with `gather`.
//!
//! `await` is only possible inside `async`, in Rust as in Python:
//!
//! ```compile_fail,E0728
//! use seedloop::{Result, run, sleep};
//! use std::time::Duration;
//!
//! fn main_is_not_async() -> Result<()> {
//!     sleep(Duration::from_secs(1)).await?;
//!     Ok(())
//! }
//! # run(async { main_is_not_async() }).unwrap();
//! ```
//!
//! ```
//! use seedloop::{Result, run, sleep};
//! use std::time::Duration;
//!
//! async fn main_is_async() -> Result<()> {
//!     sleep(Duration::from_secs(1)).await?;
//!     Ok(())
//! }
//! # run(async { main_is_async().await }).unwrap();
//! ```

use std::time::Duration;

use seedloop::{Outcome, Result, TaskGroup, all_tasks, gather, out, run, sleep, spawn};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{in_order, printed_at, printed_in_order_at, reported};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "basic-pattern",
        section: "コルーチンの実行方法 / 一般的な基本パターン",
        summary: "tasks that run at once, with gather and with a task group",
        body: basic_pattern::main,
        check: basic_pattern::check,
    },
    Scenario {
        name: "await-mechanism",
        section: "コルーチンの実行方法 / `await`キーワードを使用 / `await`の仕組み",
        summary: "an await hands control to the loop, which runs others and watches the outside",
        body: || run(await_mechanism::main()),
        check: await_mechanism::check,
    },
    Scenario {
        name: "create-task",
        section: "コルーチンの実行方法 / `asyncio.create_task()`を使用",
        summary: "a coroutine becomes a task, and is scheduled",
        body: || run(create_task::main()),
        check: create_task::check,
    },
    Scenario {
        name: "gather-tasks",
        section: "コルーチンの実行方法 / `asyncio.gather()`を使用",
        summary: "waits for all tasks; results in the order of the arguments",
        body: || run(gather_tasks::main()),
        check: gather_tasks::check,
    },
    Scenario {
        name: "gather-coroutines",
        section: "コルーチンの実行方法 / `asyncio.gather()`を使用",
        summary: "gather makes tasks of coroutines by itself",
        body: || run(gather_coroutines::main()),
        check: gather_coroutines::check,
    },
];

/// 一般的な基本パターン: nearly all real code has this form; the other ways serve needs that it does
/// not meet. Each of them has a scenario of its own.
mod basic_pattern {
    use super::*;

    pub(super) fn main() -> Result<()> {
        run(async_main()) // ① 同期の世界からasyncioを起動
    }

    async fn async_main() -> Result<()> {
        let task1 = spawn(fetch("url1")); // ② タスク化して並行実行をスケジュール
        let task2 = spawn(fetch("url2"));
        let results = gather([task1, task2]).await?; // ③ まとめて完了を待つ
        out!("gather: {}", results.join(", "));
        modern_pattern().await
    }

    /// Python 3.11+での現代的な基本パターン
    async fn modern_pattern() -> Result<()> {
        let (task1, task2) = TaskGroup::new()
            .scope(async |tg| {
                let task1 = tg.spawn(fetch("url1"))?;
                let task2 = tg.spawn(fetch("url2"))?;
                Ok((task1, task2))
            })
            .await?;
        // ブロックを抜けた時点で全タスクの完了が保証される
        out!("TaskGroup: {}, {}", task1.take_result()?, task2.take_result()?);
        Ok(())
    }

    async fn fetch(url: &str) -> Result<String> {
        sleep(Duration::from_secs(1)).await?;
        Ok(format!("{url}の結果"))
    }

    /// Both patterns take the time of one task, and give the results in order.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &["1.0s gather: url1の結果, url2の結果", "2.0s TaskGroup: url1の結果, url2の結果"],
        )
    }
}

/// `await`の仕組み: each poll of a coroutine that reaches an `await` gives control back to the loop,
/// which runs what is ready, looks which input and output is complete outside, and comes back when
/// the awaited thing is done.
mod await_mechanism {
    use std::collections::BTreeMap;
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::Poll;

    use seedloop::fs::{self, File};

    use super::*;

    async fn fetch_data() -> Result<BTreeMap<&'static str, &'static str>> {
        out!("データ取得開始");
        sleep(Duration::from_secs(2)).await?; // データ取得を模擬（2秒待機）
        out!("データ取得完了");
        Ok(BTreeMap::from([("data", "結果")]))
    }

    async fn another_task() -> Result<()> {
        out!("別のタスク: 実行権を渡された");
        let _file = File::create("file.txt").await?; // 1秒かかる I/O
        out!("別のタスク: I/O が完了したので先に再開");
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        fs::set_latency(Duration::from_secs(1)..=Duration::from_secs(1));
        let another = spawn(another_task());
        let data = show_polls(fetch_data()).await?;
        out!("{data:?}");
        another.await
    }

    /// Awaits `coroutine` and shows what an `await` is made of.
    async fn show_polls<T>(coroutine: impl Future<Output = T>) -> T {
        let mut coroutine = pin!(coroutine);
        poll_fn(|cx| {
            let polled = coroutine.as_mut().poll(cx);
            match polled {
                Poll::Pending => out!("await に到達: EventLoop に制御を返す（yield）"),
                Poll::Ready(_) => out!("コルーチンが終了"),
            }
            polled
        })
        .await
    }

    /// The coroutine is polled twice, and between that the other task runs from start to end: the
    /// loop learns after a second that its file is there.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s データ取得開始",
                "0.0s await に到達: EventLoop に制御を返す（yield）",
                "0.0s 別のタスク: 実行権を渡された",
                "1.0s 別のタスク: I/O が完了したので先に再開",
                "2.0s データ取得完了",
                "2.0s コルーチンが終了",
                r#"2.0s {"data": "結果"}"#,
            ],
        )
    }
}

/// `asyncio.create_task()`を使用: a coroutine does nothing by itself; as a task it is scheduled, and
/// runs as soon as the current task awaits.
mod create_task {
    use super::*;

    async fn fetch_data(name: &str) -> Result<String> {
        out!("{name}: 開始");
        sleep(Duration::from_secs(2)).await?;
        out!("{name}: 完了");
        Ok(format!("{name}の結果"))
    }

    pub(super) async fn main() -> Result<()> {
        let coroutine1 = fetch_data("タスク1");
        let coroutine2 = fetch_data("タスク2");
        out!("コルーチンを作成（まだ実行されない）");
        let task1 = spawn(coroutine1);
        let task2 = spawn(coroutine2);
        out!("タスクに変換（実行予約）");
        out!("{}", task1.await?);
        out!("{}", task2.await?);
        Ok(())
    }

    /// Nothing runs before `main` awaits, then both tasks run at once.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        in_order(outcome, &["タスク1: 完了", "タスク1の結果", "タスク2の結果"])?;
        in_order(outcome, &["タスク2: 完了", "タスク2の結果"])?;
        printed_at(
            outcome,
            &[
                &["0.0s コルーチンを作成（まだ実行されない）"],
                &["0.0s タスクに変換（実行予約）"],
                &["0.0s タスク1: 開始", "0.0s タスク2: 開始"],
                &[
                    "2.0s タスク1: 完了",
                    "2.0s タスク2: 完了",
                    "2.0s タスク1の結果",
                    "2.0s タスク2の結果",
                ],
            ],
        )
    }
}

/// `asyncio.gather()`を使用: waits until all tasks are done, and gives their results in the order of
/// the arguments, whichever ended first.
mod gather_tasks {
    use super::*;

    async fn fetch_data(url: &str) -> Result<String> {
        let seconds = if url == "url1" { 3 } else { 1 };
        sleep(Duration::from_secs(seconds)).await?;
        out!("{url}: 完了");
        Ok(format!("{url}の結果"))
    }

    pub(super) async fn main() -> Result<()> {
        // 複数のタスクを作成
        let task1 = spawn(fetch_data("url1"));
        let task2 = spawn(fetch_data("url2"));
        let task3 = spawn(fetch_data("url3"));

        // すべてのタスクを並行実行し、結果を待機
        let results = gather([task1, task2, task3]).await?;

        // 結果の処理
        for result in results {
            out!("{result}");
        }
        list_of_tasks().await
    }

    /// またはリスト内包表記と組み合わせる方法
    async fn list_of_tasks() -> Result<()> {
        let urls = ["url1", "url2", "url3", "url4"];

        // タスクのリストを作成
        let tasks: Vec<_> = urls.iter().map(|url| spawn(fetch_data(url))).collect();

        // すべてのタスクを並行実行
        let results = gather(tasks).await?;
        out!("{}", results.join(", "));
        Ok(())
    }

    /// The results come at the end of the slowest task, in the order of the arguments.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["1.0s url2: 完了", "1.0s url3: 完了"],
                &["3.0s url1: 完了"],
                &["3.0s url1の結果"],
                &["3.0s url2の結果"],
                &["3.0s url3の結果"],
                &["4.0s url2: 完了", "4.0s url3: 完了", "4.0s url4: 完了"],
                &["6.0s url1: 完了"],
                &["6.0s url1の結果, url2の結果, url3の結果, url4の結果"],
            ],
        )
    }
}

/// `asyncio.gather()`を使用: coroutines as arguments become tasks, at the call.
mod gather_coroutines {
    use super::*;

    async fn hello() -> Result<()> {
        out!("I say,");
        sleep(Duration::from_secs(1)).await?; // 1秒かかる
        out!("hello");
        Ok(())
    }

    async fn goodbye() -> Result<()> {
        out!("you say,");
        sleep(Duration::from_secs(2)).await?; // 2秒かかる
        out!("goodbye");
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        let both = gather((goodbye(), hello()));
        out!("タスクの数: {}", all_tasks()?.len()); // main, goodbye, hello
        both.await?;
        gather((spawn(goodbye()), spawn(hello()))).await?; // タスクも同様
        Ok(())
    }

    /// With coroutines and with tasks alike both run at once, and the shorter one ends first.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["0.0s タスクの数: 3"],
                &["0.0s you say,", "0.0s I say,"],
                &["1.0s hello"],
                &["2.0s goodbye"],
                &["2.0s you say,", "2.0s I say,"],
                &["3.0s hello"],
                &["4.0s goodbye"],
            ],
        )
    }
}
