//! コルーチンの実行方法, second half: task groups, `as_completed`, and what concurrency saves.

use std::time::Duration;

use seedloop::{
    Error, Instant, Outcome, Result, TaskGroup, all_tasks, as_completed, attempt, gather,
    gather_return_exceptions, out, run, sleep, spawn, spawn_named,
};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{printed_at, printed_in_order_at, reported};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "task-group",
        section: "コルーチンの実行方法 / `asyncio.TaskGroup`（Python 3.11+）",
        summary: "all tasks are done when the block is left; they are flat in the loop too",
        body: || run(task_group::main()),
        check: task_group::check,
    },
    Scenario {
        name: "task-group-errors",
        section: "コルーチンの実行方法 / `asyncio.TaskGroup`（Python 3.11+）",
        summary: "one task fails, the others are cancelled, a group of errors is raised",
        body: || run(task_group_errors::main()),
        check: task_group_errors::check,
    },
    Scenario {
        name: "gather-vs-task-group",
        section: "コルーチンの実行方法 / `asyncio.TaskGroup`（Python 3.11+） / `gather()` との使い分け",
        summary: "the same failure under gather and in a task group",
        body: || run(gather_vs_task_group::main()),
        check: gather_vs_task_group::check,
    },
    Scenario {
        name: "as-completed",
        section: "コルーチンの実行方法 / `asyncio.as_completed()`",
        summary: "results in the order in which they arrive",
        body: || run(as_completed_::main()),
        check: as_completed_::check,
    },
    Scenario {
        name: "sequential",
        section: "コルーチンの実行方法 / `asyncio.as_completed()` / IMPORTANT",
        summary: "coroutines awaited one after the other take 6 seconds",
        body: sequential::main,
        check: sequential::check,
    },
    Scenario {
        name: "concurrent",
        section: "コルーチンの実行方法 / `asyncio.as_completed()` / IMPORTANT",
        summary: "as tasks they take 3 seconds",
        body: concurrent::main,
        check: concurrent::check,
    },
];

/// `asyncio.TaskGroup`: the life of its tasks ends with the block. In the loop they are tasks like
/// any other.
mod task_group {
    use super::*;

    pub(super) async fn main() -> Result<()> {
        let (task1, task2, task3) = TaskGroup::new()
            .scope(async |tg| {
                let task1 = tg.spawn(fetch_data("url1"))?;
                let task2 = tg.spawn(fetch_data("url2"))?;
                let task3 = tg.spawn(fetch_data("url3"))?;
                Ok((task1, task2, task3))
            })
            .await?;
        // async withブロックを抜けた時点で全タスク完了
        out!("{} {} {}", task1.result()?, task2.result()?, task3.result()?);
        flat_tasks().await
    }

    async fn fetch_data(url: &str) -> Result<String> {
        sleep(Duration::from_secs(1)).await?;
        Ok(format!("{url}の結果"))
    }

    /// TaskGroupで作成した子タスクも、イベントループにはフラットに登録される
    async fn flat_tasks() -> Result<()> {
        let task_other = TaskGroup::new()
            .scope(async |tg| {
                tg.spawn_named("task_a", child_work())?;
                let task_other = spawn_named("task_other", child_work());
                tg.spawn_named("task_b", child_work())?;
                let names: Vec<_> = all_tasks()?.iter().filter_map(|task| task.name()).collect();
                out!("イベントループ: {}", names.join(", "));
                Ok(task_other)
            })
            .await?;
        task_other.await
    }

    /// Under asyncio's order these start as they were created: a group gives no priority.
    async fn child_work() -> Result<()> {
        let name = seedloop::current_task()?.map_or_else(String::new, |task| task.name());
        out!("{name}: 開始");
        sleep(Duration::from_secs(1)).await?;
        out!("{name}: 完了");
        Ok(())
    }

    /// The three results are there when the block is left, and the loop has all tasks in one list.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["1.0s url1の結果 url2の結果 url3の結果"],
                &["1.0s イベントループ: Task-1, task_a, task_other, task_b"],
                &["1.0s task_a: 開始", "1.0s task_other: 開始", "1.0s task_b: 開始"],
                &["2.0s task_a: 完了", "2.0s task_other: 完了", "2.0s task_b: 完了"],
            ],
        )
    }
}

/// `asyncio.TaskGroup`: when a task fails, the others are cancelled, and the block raises an
/// `ExceptionGroup`.
///
/// `except*` is syntax of Python's. Here a group of errors is split in two: what matches, and the
/// rest, which is raised again (`split_type` does the same by the type of the errors).
mod task_group_errors {
    use super::*;

    pub(super) async fn main() -> Result<()> {
        let results = TaskGroup::new()
            .scope(async |tg| {
                let task1 = tg.spawn(fetch_data("url1"))?;
                let task2 = tg.spawn(fetch_data("url2"))?;
                let task3 = tg.spawn(fetch_data("url3"))?;
                Ok((task1, task2, task3))
            })
            .await;
        match results {
            Ok(_) => out!("ここには到達しない"),
            // いずれのタスクかが例外を出すと、他のタスクも自動キャンセルされ、ExceptionGroupがraiseされる
            Err(error) => {
                let (eg, rest) = error.split(Error::is_exception); // except* Exception as eg
                if let Some(eg) = eg {
                    eg.for_each_leaf(&mut |exc| out!("エラー: {exc}"));
                }
                if let Some(rest) = rest {
                    return Err(rest);
                }
            }
        }
        Ok(())
    }

    async fn fetch_data(url: &str) -> Result<String> {
        let fetched = attempt(async {
            if url == "url2" {
                sleep(Duration::from_secs(1)).await?;
                return Err(Error::msg("url2の取得に失敗"));
            }
            sleep(Duration::from_secs(2)).await?;
            Ok(format!("{url}の結果"))
        })
        .await;
        match &fetched {
            Err(error) if error.is_cancelled() => out!("{url}: キャンセルされた"),
            _ => out!("{url}: 終了"),
        }
        fetched
    }

    /// The failure cancels the others at once, and is the only error of the group.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["1.0s url2: 終了"],
                &["1.0s url1: キャンセルされた", "1.0s url3: キャンセルされた"],
                &["1.0s エラー: url2の取得に失敗"],
            ],
        )
    }
}

/// `gather()` との使い分け: under `gather` the others go on, in a `TaskGroup` they are cancelled.
mod gather_vs_task_group {
    use super::*;

    pub(super) async fn main() -> Result<()> {
        out!("=== asyncio.gather() ===");
        if let Err(error) = gather(tasks()).await {
            out!("例外: {error}");
        }
        sleep(Duration::from_secs(2)).await?; // 他のタスクは継続している

        out!("=== asyncio.gather(return_exceptions=True) ===");
        let results = gather_return_exceptions(tasks()).await?;
        // 独立したタスクで、成功したものだけ使いたい場合
        let succeeded: Vec<String> = results.into_iter().filter_map(Result::ok).collect();
        out!("成功したもの: {}", succeeded.join(", "));

        out!("=== asyncio.TaskGroup ===");
        // 全タスクが揃わないと意味がない場合
        let all = TaskGroup::new().scope(async |tg| {
            for (name, seconds) in WORK {
                tg.spawn(work(name, seconds))?;
            }
            Ok(())
        });
        if let Err(error) = all.await {
            out!("例外: {error}");
        }
        Ok(())
    }

    const WORK: [(&str, u64); 3] = [("タスクA", 1), ("タスクB", 2), ("タスクC", 3)];

    fn tasks() -> Vec<seedloop::JoinHandle<String>> {
        WORK.map(|(name, seconds)| spawn(work(name, seconds))).into()
    }

    async fn work(name: &str, seconds: u64) -> Result<String> {
        let worked = sleep(Duration::from_secs(seconds)).await;
        if worked.is_err() {
            out!("{name}: キャンセルされた");
        }
        worked?;
        if name == "タスクB" {
            return Err(Error::msg("タスクBのエラー"));
        }
        out!("{name}: 完了");
        Ok(format!("{name}の結果"))
    }

    /// After the failure of B, C ends by itself twice and is cancelled the third time. What A and C
    /// return to the first `gather`, and A to the group, comes too late for anyone to get it.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s === asyncio.gather() ===",
                "1.0s タスクA: 完了",
                "2.0s 例外: タスクBのエラー",
                "3.0s タスクC: 完了",
                "4.0s === asyncio.gather(return_exceptions=True) ===",
                "5.0s タスクA: 完了",
                "7.0s タスクC: 完了",
                "7.0s 成功したもの: タスクAの結果, タスクCの結果",
                "7.0s === asyncio.TaskGroup ===",
                "8.0s タスクA: 完了",
                "9.0s タスクC: キャンセルされた",
                "9.0s 例外: unhandled errors in a TaskGroup (1 sub-exception: タスクBのエラー)",
            ],
        )
    }
}

/// `asyncio.as_completed()`: `gather` waits for all, this gives each result as soon as it is there.
mod as_completed_ {
    use super::*;

    async fn fetch_data(url: &str, seconds: u64) -> Result<String> {
        sleep(Duration::from_secs(seconds)).await?;
        Ok(format!("{url}の結果"))
    }

    pub(super) async fn main() -> Result<()> {
        let urls = [("url1", 3), ("url2", 1), ("url3", 2)];
        let tasks = urls.map(|(url, seconds)| fetch_data(url, seconds));
        let mut completed = as_completed(tasks);
        while let Some(result) = completed.next().await {
            out!("完了: {}", result?); // 完了した順番で処理
        }
        Ok(())
    }

    /// Each result is processed at the moment at which it arrives.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &["1.0s 完了: url2の結果", "2.0s 完了: url3の結果", "3.0s 完了: url1の結果"],
        )
    }
}

/// 直接`await`する場合(**6秒**かかる): an `await` does not go on to the next line before the
/// coroutine is done.
///
/// The document's result has `（2+3+1秒）` behind the time; its program does not print that.
mod sequential {
    use super::*;

    async fn fetch_data(name: &str, delay: u64) -> Result<String> {
        out!("{name}: 開始");
        sleep(Duration::from_secs(delay)).await?;
        out!("{name}: 完了");
        Ok(format!("{name}の結果"))
    }

    async fn sequential_example() -> Result<[String; 3]> {
        out!("=== 逐次実行 ===");
        let start = Instant::now();

        let result1 = fetch_data("タスク1", 2).await?; // 2秒待つ
        let result2 = fetch_data("タスク2", 3).await?; // その後3秒待つ
        let result3 = fetch_data("タスク3", 1).await?; // その後1秒待つ

        let end = Instant::now();
        out!("総実行時間: {:.2}秒", (end - start).as_secs_f64());
        Ok([result1, result2, result3])
    }

    pub(super) fn main() -> Result<()> {
        run(sequential_example())?;
        Ok(())
    }

    /// One after the other, whatever the order of what is ready.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s === 逐次実行 ===",
                "0.0s タスク1: 開始",
                "2.0s タスク1: 完了",
                "2.0s タスク2: 開始",
                "5.0s タスク2: 完了",
                "5.0s タスク3: 開始",
                "6.0s タスク3: 完了",
                "6.0s 総実行時間: 6.00秒",
            ],
        )
    }
}

/// `asyncio.create_task()`を使って並行実行する場合(**3秒**かかる)
mod concurrent {
    use super::*;

    async fn fetch_data(name: &str, delay: u64) -> Result<String> {
        out!("{name}: 開始");
        sleep(Duration::from_secs(delay)).await?;
        out!("{name}: 完了");
        Ok(format!("{name}の結果"))
    }

    async fn concurrent_example() -> Result<[String; 3]> {
        out!("=== 並行実行 ===");
        let start = Instant::now();

        // この時点でスケジュール（実行予約）される
        let task1 = spawn(fetch_data("タスク1", 2));
        let task2 = spawn(fetch_data("タスク2", 3));
        let task3 = spawn(fetch_data("タスク3", 1));

        // awaitでevent loopに制御が戻り実行され、結果を待つ
        let result1 = task1.await?;
        let result2 = task2.await?;
        let result3 = task3.await?;

        let end = Instant::now();
        out!("総実行時間: {:.2}秒", (end - start).as_secs_f64());
        Ok([result1, result2, result3])
    }

    pub(super) fn main() -> Result<()> {
        run(concurrent_example())?;
        Ok(())
    }

    /// All start at once, and end by their delays.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["0.0s === 並行実行 ==="],
                &["0.0s タスク1: 開始", "0.0s タスク2: 開始", "0.0s タスク3: 開始"],
                &["1.0s タスク3: 完了"],
                &["2.0s タスク1: 完了"],
                &["3.0s タスク2: 完了"],
                &["3.0s 総実行時間: 3.00秒"],
            ],
        )
    }
}
