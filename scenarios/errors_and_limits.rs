//! その他: errors under `gather`, time limits, cancelling, semaphores and async generators.

use std::collections::BTreeMap;
use std::time::Duration;

use seedloop::sync::Semaphore;
use seedloop::{
    AsyncGen, Error, JoinHandle, Outcome, Result, current_task, gather, gather_return_exceptions,
    out, run, sleep, spawn, wait_for,
};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{ended_with_last_line, printed_in_order_at, reported};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "gather-errors",
        section: "その他 / エラーハンドリング",
        summary: "both settings of return_exceptions, and what goes on in the background",
        body: || run(gather_errors::main()),
        check: gather_errors::check,
    },
    Scenario {
        name: "wait-for",
        section: "その他 / タイムアウト処理",
        summary: "a task that takes too long is ended after 5 seconds",
        body: || run(wait_for_::main()),
        check: wait_for_::check,
    },
    Scenario {
        name: "cancel",
        section: "その他 / キャンセル処理",
        summary: "a cancelled task raises at its await, and in whoever awaits it",
        body: || run(cancel::main()),
        check: cancel::check,
    },
    Scenario {
        name: "semaphore",
        section: "その他 / セマフォを使った並行処理の制限",
        summary: "at most five tasks at a time do the heavy work",
        body: || run(semaphore::main()),
        check: semaphore::check,
    },
    Scenario {
        name: "async-generator",
        section: "その他 / 非同期ジェネレータ",
        summary: "iterates over what a generator yields between its awaits",
        body: || run(async_generator::main()),
        check: async_generator::check,
    },
];

/// エラーハンドリング: `return_exceptions=False` raises the first error at once and lets the others go
/// on; `return_exceptions=True` waits for all and puts the errors among the results.
mod gather_errors {
    use super::*;

    async fn fetch_data(name: &str, seconds: u64) -> Result<String> {
        sleep(Duration::from_secs(seconds)).await?;
        if name == "タスク2" {
            return Err(Error::msg("エラー"));
        }
        out!("{name}: 完了");
        Ok("正常な結果".to_owned())
    }

    pub(super) async fn main() -> Result<()> {
        return_exceptions_false().await?;
        return_exceptions_true().await
    }

    /// `return_exceptions=False`（デフォルト）
    async fn return_exceptions_false() -> Result<()> {
        // 3つのタスクを作成して並行実行
        let task1 = spawn(fetch_data("タスク1", 2));
        let task2 = spawn(fetch_data("タスク2", 1));
        let task3 = spawn(fetch_data("タスク3", 3));

        match gather([task1.clone(), task2, task3.clone()]).await {
            Ok(_) => out!("ここには到達しない"),
            Err(error) => out!("即座にraiseされた例外: {error}"),
        }
        // 他のタスクはキャンセルされずバックグラウンドで実行が継続する
        out!("{}, {}", task1.await?, task3.await?);
        Ok(())
    }

    /// `return_exceptions=True`
    async fn return_exceptions_true() -> Result<()> {
        let task1 = spawn(fetch_data("タスク1", 2));
        let task2 = spawn(fetch_data("タスク2", 1));
        let task3 = spawn(fetch_data("タスク3", 3));

        // 全てのタスクが完了するまで待機
        let results = gather_return_exceptions([task1, task2, task3]).await?;
        let results = results.map(|result| match result {
            Ok(value) => value,
            Err(error) => format!("Exception('{error}')"),
        });
        out!("results = [{}]", results.join(", "));
        Ok(())
    }

    /// The error comes after 1 second, or with the results after 3; no task is cancelled.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "1.0s 即座にraiseされた例外: エラー",
                "2.0s タスク1: 完了",
                "3.0s タスク3: 完了",
                "3.0s 正常な結果, 正常な結果",
                "5.0s タスク1: 完了",
                "6.0s タスク3: 完了",
                "6.0s results = [正常な結果, Exception('エラー'), 正常な結果]",
            ],
        )
    }
}

/// タイムアウト処理: the task is cancelled when the time is up.
mod wait_for_ {
    use super::*;

    async fn long_running_task(seconds: u64) -> Result<String> {
        let finished = sleep(Duration::from_secs(seconds)).await;
        if finished.is_err() {
            out!("long_running_task: キャンセルされた");
        }
        finished?;
        Ok("結果".to_owned())
    }

    pub(super) async fn main() -> Result<()> {
        for seconds in [3, 10] {
            // 5秒でタイムアウト
            match wait_for(long_running_task(seconds), Duration::from_secs(5)).await {
                Ok(result) => out!("{result}"),
                Err(error) if error.is_timeout() => out!("処理がタイムアウトしました"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// 3 seconds are within the limit; of the 10 only 5 are waited for.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "3.0s 結果",
                "8.0s long_running_task: キャンセルされた",
                "8.0s 処理がタイムアウトしました",
            ],
        )
    }
}

/// キャンセル処理: awaiting a cancelled task raises `CancelledError`.
///
/// Where the cancel meets the task: one that has not begun never begins, one that waits gets it at
/// the `await` at which it stands, and one that runs (and cancels itself, as nothing else runs) at
/// the next.
mod cancel {
    use super::*;

    async fn some_coroutine() -> Result<()> {
        out!("some_coroutine: 開始");
        let finished = sleep(Duration::from_secs(10)).await;
        if finished.is_err() {
            out!("some_coroutine: CancelledErrorを受け取った");
        }
        Ok(finished?)
    }

    pub(super) async fn main() -> Result<()> {
        for started in [false, true] {
            let task = spawn(some_coroutine());
            // 何らかの条件でキャンセルしたい場合
            if started {
                sleep(Duration::from_secs(1)).await?;
            }
            task.cancel();
            wait_for_cancelled(task).await?;
        }
        wait_for_cancelled(spawn(cancels_itself())).await
    }

    async fn wait_for_cancelled(task: JoinHandle<()>) -> Result<()> {
        // キャンセルされたタスクを待機するとCancelledErrorが発生
        match task.await {
            Err(error) if error.is_cancelled() => out!("タスクがキャンセルされました"),
            result => return result,
        }
        Ok(())
    }

    async fn cancels_itself() -> Result<()> {
        if let Some(task) = current_task()? {
            task.cancel();
        }
        out!("cancels_itself: 次のawaitまで続く");
        let finished = sleep(Duration::from_secs(10)).await;
        if finished.is_err() {
            out!("cancels_itself: awaitでCancelledErrorを受け取った");
        }
        Ok(finished?)
    }

    /// The first task is cancelled in the step that creates it and never begins, in no order.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s タスクがキャンセルされました",
                "0.0s some_coroutine: 開始",
                "1.0s some_coroutine: CancelledErrorを受け取った",
                "1.0s タスクがキャンセルされました",
                "1.0s cancels_itself: 次のawaitまで続く",
                "1.0s cancels_itself: awaitでCancelledErrorを受け取った",
                "1.0s タスクがキャンセルされました",
            ],
        )
    }
}

/// セマフォを使った並行処理の制限: twelve tasks, of which five at a time hold the semaphore.
mod semaphore {
    use super::*;

    pub(super) async fn main() -> Result<()> {
        // 最大5つのタスクを同時実行
        let semaphore = Semaphore::new(5);
        let tasks: Vec<_> = (1..=12).map(|n| limited_task(n, semaphore.clone())).collect();
        gather(tasks).await?;
        Ok(())
    }

    async fn limited_task(n: u32, semaphore: Semaphore) -> Result<()> {
        // セマフォを獲得
        semaphore
            .scope(async || {
                some_heavy_task(n).await // リソースを消費する処理
            })
            .await
    }

    async fn some_heavy_task(n: u32) -> Result<()> {
        out!("タスク{n}: 開始");
        sleep(Duration::from_secs(1)).await?;
        out!("タスク{n}: 完了");
        Ok(())
    }

    /// Each of the twelve works for a second; five begin at once, five when these have ended, then
    /// two, and in between it is never more than five.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        ended_with_last_line(outcome)?;
        reported(outcome, &[])?;
        let (mut begins, mut ends) = (BTreeMap::new(), BTreeMap::new());
        for line in &outcome.lines {
            let text = &line.text;
            let (n, is_begin) = parse(text).ok_or_else(|| format!("not of a task: `{text}`"))?;
            let times = if is_begin { &mut begins } else { &mut ends };
            if times.insert(n, line.time.since_start()).is_some() {
                return Err(format!("`{text}` twice"));
            }
            match begins.len().checked_sub(ends.len()) {
                Some(0..=5) => {}
                running => return Err(format!("`{text}` makes {running:?} at a time")),
            }
        }
        let (start, second) = (Duration::ZERO, Duration::from_secs(1));
        let mut in_order: Vec<Duration> = begins.values().copied().collect();
        in_order.sort_unstable();
        let expected = [vec![start; 5], vec![second; 5], vec![2 * second; 2]].concat();
        let due = begins.iter().map(|(n, begin)| (*n, *begin + second)).collect();
        if !begins.keys().copied().eq(1..=12) || in_order != expected || ends != due {
            return Err(format!("the tasks begin at {begins:?} and end at {ends:?}"));
        }
        Ok(())
    }

    /// What a line says: the number of the task, and whether it begins.
    fn parse(text: &str) -> Option<(u32, bool)> {
        let (n, event) = text.strip_prefix("タスク")?.split_once(": ")?;
        let is_begin = match event {
            "開始" => true,
            "完了" => false,
            _ => return None,
        };
        Some((n.parse().ok()?, is_begin))
    }
}

/// 非同期ジェネレータ: `async for` over a body that awaits between its items.
mod async_generator {
    use super::*;

    fn async_generator() -> AsyncGen<i32> {
        AsyncGen::new(async |co| {
            for i in 0..10 {
                sleep(Duration::from_millis(100)).await?;
                co.yield_(i).await?;
            }
            Ok(())
        })
    }

    pub(super) async fn main() -> Result<()> {
        let mut values = async_generator();
        while let Some(value) = values.next().await? {
            out!("{value}");
        }
        Ok(())
    }

    /// An item each tenth of a second.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "0.1s 0", "0.2s 1", "0.3s 2", "0.4s 3", "0.5s 4", "0.6s 5", "0.7s 6", "0.8s 7",
                "0.9s 8", "1.0s 9",
            ],
        )
    }
}
