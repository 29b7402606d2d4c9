//! `asyncio.run()`の終了時の挙動: how a run ends, and the clean-up before that.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use seedloop::{
    AnyFuture, Error, EventLoop, Outcome, ReportKind, Result, all_tasks, attempt, gather,
    gather_return_exceptions, out, run, sleep, spawn, spawn_named,
};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{printed_at, reported};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "stray-at-shutdown",
        section: "`asyncio.run()`の終了時の挙動 / なぜクリーンアップが必要なのか",
        summary: "main ends before the tasks that it started and never awaited",
        body: || run(stray_at_shutdown::main()),
        check: stray_at_shutdown::check,
    },
    Scenario {
        name: "close-without-cleanup",
        section: "`asyncio.run()`の終了時の挙動 / なぜクリーンアップが必要なのか",
        summary: "a loop that is closed as it is leaves connections open, run closes them",
        body: close_without_cleanup::program,
        check: close_without_cleanup::check,
    },
    Scenario {
        name: "shutdown-steps",
        section: "`asyncio.run()`の終了時の挙動 / クリーンアップの4ステップ",
        summary: "collect the tasks that are left, cancel them, gather them, wait for them all",
        body: shutdown_steps::program,
        check: shutdown_steps::check,
    },
    Scenario {
        name: "shutdown-cleanup",
        section: "`asyncio.run()`の終了時の挙動 / 動作確認できる完全なサンプル",
        summary: "run returns only after every task that was left has cleaned up",
        body: shutdown_cleanup::program,
        check: shutdown_cleanup::check,
    },
];

/// なぜクリーンアップが必要なのか: `main` ends first, and the tasks it left behind never complete.
///
/// `run` cancels them, reports them as strays and returns after one second, not ten. They handle no
/// cancel, so they end where it meets them; that is the NOTE of Step2: `try/except` is optional.
mod stray_at_shutdown {
    use super::*;

    async fn background_task(name: &str) -> Result<()> {
        out!("{name}: 開始");
        sleep(Duration::from_secs(10)).await?; // 10秒かかる処理
        out!("{name}: 完了"); // mainが先に終わるとここに到達しない
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        spawn(background_task("タスクA")); // awaitしない！
        spawn(background_task("タスクB")); // awaitしない！

        sleep(Duration::from_secs(1)).await?; // mainは1秒で終わる
        out!("mainが終了");
        // ← タスクA・Bはまだ生きているが誰もawaitしていない（野良タスク）
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[ReportKind::Stray; 2])?;
        let started: &[&str] = &["0.0s タスクA: 開始", "0.0s タスクB: 開始"];
        printed_at(outcome, &[started, &["1.0s mainが終了"]])
    }
}

/// なぜクリーンアップが必要なのか: closing the loop as it is leaves the tasks' resources open.
///
/// Without a cancel no task gets to its `except`: the tasks are dropped, and reported as destroyed
/// but pending. What can be freed without a wait is freed all the same, in Python by a `finally`,
/// in Rust by `Drop`; but on a closed loop nothing can be awaited, so what takes an `await` to
/// close stays open. `run` cancels the tasks first, and every connection is closed.
mod close_without_cleanup {
    use super::*;

    /// How many DB connections are open.
    type Connections = Rc<Cell<u32>>;

    async fn background_task(name: &str, connections: Connections) -> Result<()> {
        out!("{name}: DB接続を開く");
        connections.update(|open| open + 1);
        if let Err(cancelled) = sleep(Duration::from_secs(10)).await {
            sleep(Duration::from_millis(100)).await?;
            connections.update(|open| open - 1);
            out!("{name}: DB接続を閉じる");
            return Err(cancelled.into());
        }
        Ok(())
    }

    async fn main(connections: Connections) -> Result<()> {
        spawn(background_task("タスクA", connections.clone()));
        spawn(background_task("タスクB", connections));

        sleep(Duration::from_secs(1)).await?;
        out!("mainが終了");
        Ok(())
    }

    pub(super) fn program() -> Result<()> {
        out!("=== このままループを閉じる ===");
        let connections = Connections::default();
        let event_loop = EventLoop::new();
        event_loop.run_until_complete(main(connections.clone()))?;
        event_loop.close()?;
        out!("開いている接続: {}", connections.get());

        out!("=== asyncio.run() ===");
        let connections = Connections::default();
        run(main(connections.clone()))?;
        out!("開いている接続: {}", connections.get());
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        let (pending, stray) = (ReportKind::DestroyedPending, ReportKind::Stray);
        reported(outcome, &[pending, pending, stray, stray])?;
        printed_at(
            outcome,
            &[
                &["0.0s === このままループを閉じる ==="],
                &["0.0s タスクA: DB接続を開く", "0.0s タスクB: DB接続を開く"],
                &["1.0s mainが終了"],
                &["1.0s 開いている接続: 2"],
                &["1.0s === asyncio.run() ==="],
                &["1.0s タスクA: DB接続を開く", "1.0s タスクB: DB接続を開く"],
                &["2.0s mainが終了"],
                &["2.1s タスクA: DB接続を閉じる", "2.1s タスクB: DB接続を閉じる"],
                &["2.1s 開いている接続: 0"],
            ],
        )
    }
}

/// クリーンアップの4ステップ: the steps that `run` takes after `main`, first by hand, then by `run`.
///
/// The task with its handler, re-raise and `finally` is that of Step2. The cancel comes when it
/// next reaches an `await`, says the document: a task that waits, as these do, stands at one and
/// gets it there; one that has not begun never begins (see `cancel`). No handler runs before Step4
/// awaits.
///
/// The gather of Step3 returns exceptions as results, so it waits for the clean-up of all; a plain
/// one stops at the first task that ends cancelled. After Step4 `run` also closes the async
/// generators and shuts down the default executor.
mod shutdown_steps {
    use super::*;

    async fn background_task(name: &str, clean_up: Duration) -> Result<()> {
        let result = attempt(async {
            out!("{name}: 開始");
            if let Err(cancelled) = sleep(Duration::from_secs(10)).await {
                // Step2でここが呼ばれる → 後片付けのチャンス
                out!("{name}: キャンセル受信 → クリーンアップ中...");
                sleep(clean_up).await?; // DB接続を閉じる、ファイルを閉じるなどの処理をここに書く
                return Err(cancelled.into()); // CancelledErrorは必ずre-raiseする（マナー）
            }
            Ok(())
        })
        .await;
        out!("{name}: クリーンアップ完了"); // finally
        result
    }

    async fn main() -> Result<()> {
        spawn_named("タスクA", background_task("タスクA", Duration::from_millis(100)));
        spawn_named("タスクB", background_task("タスクB", Duration::from_millis(200)));

        sleep(Duration::from_secs(1)).await?;
        out!("mainが終了");
        Ok(())
    }

    /// `asyncio.run()`が内部でやっていること（概念的なコード）
    async fn clean_up() -> Result<()> {
        out!("Step1: まだ生きているタスクを全部集める");
        let remaining_tasks = remaining_tasks()?;
        for task in &remaining_tasks {
            out!("  {task:?} ← まだ生きてる");
        }

        out!("Step2: 全タスクにキャンセルを送る");
        for task in &remaining_tasks {
            task.cancel();
        }

        out!("Step3: gather()でグループ化");
        let group = gather_return_exceptions(remaining_tasks.clone());

        out!("Step4: 全タスクが\"完了\"するまで待つ");
        let results = group.await?;
        for (task, result) in remaining_tasks.iter().zip(results) {
            out!("  {task:?} 終了 ✅ {result:?}");
        }
        Ok(())
    }

    /// All tasks but the one that cleans up.
    fn remaining_tasks() -> Result<Vec<AnyFuture>> {
        let mut tasks: Vec<AnyFuture> = all_tasks()?;
        tasks.retain(|task| task.name().is_some_and(|name| name.starts_with("タスク")));
        Ok(tasks)
    }

    /// Step3で`return_exceptions=True`にしないと、`gather()`は最初の`CancelledError`で止まる
    async fn clean_up_with_plain_gather() -> Result<()> {
        let remaining_tasks = remaining_tasks()?;
        for task in &remaining_tasks {
            task.cancel();
        }
        if let Err(error) = gather(remaining_tasks.clone()).await {
            let done: Vec<bool> = remaining_tasks.iter().map(AnyFuture::done).collect();
            out!("gather()が止まった: {error}, done = {done:?}");
        }
        gather_return_exceptions(remaining_tasks).await?;
        Ok(())
    }

    pub(super) fn program() -> Result<()> {
        out!("① main() を実行");
        let event_loop = EventLoop::new();
        event_loop.run_until_complete(main())?;
        out!("② main() が終了");
        out!("③ [クリーンアップ開始]");
        event_loop.run_until_complete(clean_up())?;
        event_loop.close()?;
        out!("イベントループを閉じて完全終了");

        out!("=== return_exceptions=False ===");
        let event_loop = EventLoop::new();
        event_loop.run_until_complete(main())?;
        event_loop.run_until_complete(clean_up_with_plain_gather())?;
        event_loop.close()?;

        out!("=== asyncio.run(main()) ===");
        run(main())?;
        out!("asyncio.run() が完全終了");
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[ReportKind::Stray; 2])?;
        printed_at(
            outcome,
            &[
                &["0.0s ① main() を実行"],
                &["0.0s タスクA: 開始", "0.0s タスクB: 開始"],
                &["1.0s mainが終了"],
                &["1.0s ② main() が終了"],
                &["1.0s ③ [クリーンアップ開始]"],
                &["1.0s Step1: まだ生きているタスクを全部集める"],
                &["1.0s   <Task 'タスクA'> ← まだ生きてる"],
                &["1.0s   <Task 'タスクB'> ← まだ生きてる"],
                &["1.0s Step2: 全タスクにキャンセルを送る"],
                &["1.0s Step3: gather()でグループ化"],
                &["1.0s Step4: 全タスクが\"完了\"するまで待つ"],
                &[
                    "1.0s タスクA: キャンセル受信 → クリーンアップ中...",
                    "1.0s タスクB: キャンセル受信 → クリーンアップ中...",
                ],
                &["1.1s タスクA: クリーンアップ完了"],
                &["1.2s タスクB: クリーンアップ完了"],
                &["1.2s   <Task 'タスクA'> 終了 ✅ Err(cancelled)"],
                &["1.2s   <Task 'タスクB'> 終了 ✅ Err(cancelled)"],
                &["1.2s イベントループを閉じて完全終了"],
                &["1.2s === return_exceptions=False ==="],
                &["1.2s タスクA: 開始", "1.2s タスクB: 開始"],
                &["2.2s mainが終了"],
                &[
                    "2.2s タスクA: キャンセル受信 → クリーンアップ中...",
                    "2.2s タスクB: キャンセル受信 → クリーンアップ中...",
                ],
                &["2.3s タスクA: クリーンアップ完了"],
                &["2.3s gather()が止まった: cancelled, done = [true, false]"],
                &["2.4s タスクB: クリーンアップ完了"],
                &["2.4s === asyncio.run(main()) ==="],
                &["2.4s タスクA: 開始", "2.4s タスクB: 開始"],
                &["3.4s mainが終了"],
                &[
                    "3.4s タスクA: キャンセル受信 → クリーンアップ中...",
                    "3.4s タスクB: キャンセル受信 → クリーンアップ中...",
                ],
                &["3.5s タスクA: クリーンアップ完了"],
                &["3.6s タスクB: クリーンアップ完了"],
                &["3.6s asyncio.run() が完全終了"],
            ],
        )
    }
}

/// 動作確認できる完全なサンプル: `run` returns only after every task has cleaned up.
mod shutdown_cleanup {
    use super::*;

    async fn background_task(name: &str) -> Result<()> {
        let result = attempt(async {
            out!("  [{name}] 開始（10秒かかる処理）");
            sleep(Duration::from_secs(10)).await?;
            out!("  [{name}] 完了"); // キャンセルされるので到達しない
            Ok(())
        })
        .await;
        if result.as_ref().is_err_and(Error::is_cancelled) {
            out!("  [{name}] キャンセルを受け取った → クリーンアップ中...");
            sleep(Duration::from_millis(100)).await?; // クリーンアップに少し時間がかかる想定
            out!("  [{name}] クリーンアップ完了");
        }
        result // 必ずre-raise
    }

    async fn main() -> Result<()> {
        spawn(background_task("タスクA"));
        spawn(background_task("タスクB"));

        sleep(Duration::from_secs(1)).await?;
        out!("=== main() 終了 ===");
        Ok(())
    }

    pub(super) fn program() -> Result<()> {
        out!("--- asyncio.run() 開始 ---");
        run(main())?;
        out!("--- asyncio.run() 完全終了 ---");
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[ReportKind::Stray; 2])?;
        printed_at(
            outcome,
            &[
                &["0.0s --- asyncio.run() 開始 ---"],
                &[
                    "0.0s   [タスクA] 開始（10秒かかる処理）",
                    "0.0s   [タスクB] 開始（10秒かかる処理）",
                ],
                &["1.0s === main() 終了 ==="],
                &[
                    "1.0s   [タスクA] キャンセルを受け取った → クリーンアップ中...",
                    "1.0s   [タスクB] キャンセルを受け取った → クリーンアップ中...",
                ],
                &["1.1s   [タスクA] クリーンアップ完了", "1.1s   [タスクB] クリーンアップ完了"],
                &["1.1s --- asyncio.run() 完全終了 ---"],
            ],
        )
    }
}
