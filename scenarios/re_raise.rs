//! `asyncio.run()`の終了時の挙動, second half: what a cancel is, and what comes of swallowing it.

use std::io;
use std::time::Duration;

use seedloop::error::Interrupt;
use seedloop::{
    Cancelled, Error, JoinHandle, Outcome, ReportKind, Result, RuntimeError, TaskGroup, attempt,
    gather_return_exceptions, interrupt, out, run, running_loop, sleep, spawn, spawn_named,
};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{printed_at, printed_in_order_at, reported};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "cancel-swallowed",
        section: "`asyncio.run()`の終了時の挙動 / CancelledError を re-raise しないとどうなるか",
        summary: "a task that swallows its cancel counts as having ended normally",
        body: || run(cancel_swallowed::main()),
        check: cancel_swallowed::check,
    },
    Scenario {
        name: "cancel-swallowed-in-group",
        section: "`asyncio.run()`の終了時の挙動 / CancelledError を re-raise しないとどうなるか",
        summary: "a swallowed cancel delays a task group, or is lost if its block swallows it",
        body: || run(cancel_swallowed_in_group::main()),
        check: cancel_swallowed_in_group::check,
    },
    Scenario {
        name: "cancel-is-not-an-exception",
        section: "`asyncio.run()`の終了時の挙動 / CancelledError を re-raise しないとどうなるか",
        summary: "what catches every ordinary error lets a cancel through",
        body: || run(cancel_is_not_an_exception::main()),
        check: cancel_is_not_an_exception::check,
    },
    Scenario {
        name: "exit-signals",
        section: "`asyncio.run()`の終了時の挙動 / CancelledError を re-raise しないとどうなるか",
        summary: "SystemExit and KeyboardInterrupt end everything, a cancel ends one task",
        body: exit_signals::program,
        check: exit_signals::check,
    },
    Scenario {
        name: "cancel-completes-work",
        section: "`asyncio.run()`の終了時の挙動 / Step4の「完了」に正常終了はあり得るか",
        summary: "a cancelled task may complete its work on purpose and end normally",
        body: cancel_completes_work::program,
        check: cancel_completes_work::check,
    },
];

/// CancelledError を re-raise しないとどうなるか: the task counts as having ended normally.
///
/// Whoever cancelled it can't tell by `cancelled()`, which is false, nor by the result, which is a
/// normal one; only the count of requests, `cancelling()`, still knows of the cancel. The document
/// calls what `gather()` then gets a contradiction; in CPython it just holds a normal value. But
/// the cancel does not reach what stands above: the chain is cut, and `parent` goes on.
mod cancel_swallowed {
    use super::*;

    async fn background_task(name: &str) -> Result<()> {
        if let Err(_cancelled) = sleep(Duration::from_secs(10)).await {
            out!("{name}: キャンセルされた（でもre-raiseしない）");
            // raise しない ← これが問題
            // → タスクは「正常終了」として扱われる
        }
        Ok(())
    }

    async fn polite_task(name: &str) -> Result<()> {
        if let Err(cancelled) = sleep(Duration::from_secs(10)).await {
            out!("{name}: キャンセルされた（re-raiseする）");
            return Err(cancelled.into());
        }
        Ok(())
    }

    async fn steps_by_hand() -> Result<()> {
        let task_a = spawn_named("タスクA", background_task("タスクA"));
        let task_b = spawn_named("タスクB", polite_task("タスクB"));
        sleep(Duration::from_secs(1)).await?;
        let remaining_tasks = [task_a, task_b];

        out!("Step2: cancel()を送る");
        for task in &remaining_tasks {
            task.cancel();
        }

        out!("Step4: 全タスクの終了を待つ");
        let results = gather_return_exceptions(remaining_tasks.clone()).await?;
        out!("gather(): {results:?}");
        remaining_tasks.iter().for_each(show);
        Ok(())
    }

    fn show(task: &JoinHandle<()>) {
        let (name, cancelled, requests) = (task.name(), task.cancelled(), task.cancelling());
        out!("{name}: cancelled() = {cancelled}, cancelling() = {requests}");
    }

    async fn parent() -> Result<()> {
        background_task("parentの子").await?;
        out!("parent: キャンセルが伝わらず続行");
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        steps_by_hand().await?;

        // キャンセルの伝播チェーンが途中で断ち切られる
        let task = spawn_named("parent", parent());
        sleep(Duration::from_secs(1)).await?;
        task.cancel();
        task.clone().await?;
        show(&task);
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["1.0s Step2: cancel()を送る"],
                &["1.0s Step4: 全タスクの終了を待つ"],
                &[
                    "1.0s タスクA: キャンセルされた（でもre-raiseしない）",
                    "1.0s タスクB: キャンセルされた（re-raiseする）",
                ],
                &["1.0s gather(): [Ok(()), Err(cancelled)]"],
                &["1.0s タスクA: cancelled() = false, cancelling() = 1"],
                &["1.0s タスクB: cancelled() = true, cancelling() = 1"],
                &["2.0s parentの子: キャンセルされた（でもre-raiseしない）"],
                &["2.0s parent: キャンセルが伝わらず続行"],
                &["2.0s parent: cancelled() = false, cancelling() = 1"],
            ],
        )
    }
}

/// CancelledError を re-raise しないとどうなるか: in a `TaskGroup`.
///
/// The document fears that the group's whole life cycle breaks. In CPython 3.13 it doesn't: the
/// group waits for a *child* that swallows its cancel, however long it goes on, and then raises
/// what it would have raised anyway. Cancelled from outside, the task that owns the group ends
/// cancelled all the same; only time is lost.
///
/// Worse is a *block* that swallows. If it was the group that called it off, it works on as if
/// nothing had happened, finds the group shutting down around it, and all that it did was in vain.
/// If the cancel came from outside, it is lost: block and owner go on, and the owner's
/// `cancelled()` is false.
mod cancel_swallowed_in_group {
    use super::*;

    async fn background_task(name: &str) -> Result<()> {
        if let Err(_cancelled) = sleep(Duration::from_secs(10)).await {
            out!("{name}: キャンセルされた（でもre-raiseしない）");
        }
        sleep(Duration::from_secs(3)).await?;
        out!("{name}: 正常終了");
        Ok(())
    }

    async fn failing_task() -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        out!("失敗するタスク: エラー");
        Err(Error::msg("エラー"))
    }

    /// 子タスクがキャンセルを飲み込む
    async fn child_swallows(tg: &TaskGroup) -> Result<()> {
        tg.spawn(background_task("子タスク"))?;
        tg.spawn(failing_task())?;
        Ok(())
    }

    /// ブロックの中がキャンセルを飲み込む
    async fn block_swallows(tg: &TaskGroup) -> Result<()> {
        tg.spawn(failing_task())?;
        background_task("ブロック").await?;
        if let Err(error) = tg.spawn(failing_task()) {
            out!("RuntimeError: {error}");
        }
        Ok(())
    }

    async fn owner_of_child() -> Result<()> {
        TaskGroup::new().scope(async |tg| tg.spawn(background_task("子タスク"))).await?;
        out!("グループの後: 続行");
        Ok(())
    }

    async fn owner_of_block() -> Result<()> {
        TaskGroup::new().scope(async |_tg| background_task("ブロック").await).await?;
        out!("グループの後: 続行");
        Ok(())
    }

    async fn cancel_from_outside(owner: JoinHandle<()>) -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        out!("外からcancel()を送る");
        owner.cancel();
        let result = attempt(owner.clone()).await;
        out!("cancelled() = {}, {result:?}", owner.cancelled());
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        out!("=== 子タスクがre-raiseしない ===");
        if let Err(group) = TaskGroup::new().scope(child_swallows).await {
            group.for_each_leaf(&mut |error| out!("グループ終了: {error}"));
        }
        cancel_from_outside(spawn(owner_of_child())).await?;

        out!("=== ブロックがre-raiseしない ===");
        if let Err(group) = TaskGroup::new().scope(block_swallows).await {
            group.for_each_leaf(&mut |error| out!("グループ終了: {error}"));
        }
        cancel_from_outside(spawn(owner_of_block())).await
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s === 子タスクがre-raiseしない ===",
                "1.0s 失敗するタスク: エラー",
                "1.0s 子タスク: キャンセルされた（でもre-raiseしない）",
                "4.0s 子タスク: 正常終了",
                "4.0s グループ終了: エラー",
                "5.0s 外からcancel()を送る",
                "5.0s 子タスク: キャンセルされた（でもre-raiseしない）",
                "8.0s 子タスク: 正常終了",
                "8.0s cancelled() = true, Err(cancelled)",
                "8.0s === ブロックがre-raiseしない ===",
                "9.0s 失敗するタスク: エラー",
                "9.0s ブロック: キャンセルされた（でもre-raiseしない）",
                "12.0s ブロック: 正常終了",
                "12.0s RuntimeError: the task group is shutting down",
                "12.0s グループ終了: エラー",
                "13.0s 外からcancel()を送る",
                "13.0s ブロック: キャンセルされた（でもre-raiseしない）",
                "16.0s ブロック: 正常終了",
                "16.0s グループの後: 続行",
                "16.0s cancelled() = false, Ok(())",
            ],
        )
    }
}

/// CancelledError を re-raise しないとどうなるか: `CancelledError` is no `Exception`.
///
/// First the document's tree: which of them `except Exception` catches. Then what that is good for:
/// a task that survives every ordinary error still ends when it is cancelled.
mod cancel_is_not_an_exception {
    use super::*;

    async fn raise(error: Error) -> Result<()> {
        Err(error)
    }

    async fn stubborn_task() -> Result<()> {
        let mut round = 0;
        loop {
            round += 1;
            let result = attempt(async {
                sleep(Duration::from_secs(1)).await?;
                Err(RuntimeError::new("エラー").into())
            })
            .await;
            match result {
                Err(error) if error.is_exception() => {
                    out!("{round}回目: except Exception: {error}")
                }
                other => return other,
            }
        }
    }

    pub(super) async fn main() -> Result<()> {
        out!("BaseException");
        for (name, error) in [
            ("├── SystemExit", Error::exit(1)),
            ("├── KeyboardInterrupt", Interrupt.into()),
            ("├── CancelledError", Cancelled::new().into()),
            ("└── Exception", Error::msg("エラー")),
            ("    ├── RuntimeError", RuntimeError::new("エラー").into()),
            ("    └── ...", io::Error::other("エラー").into()), // OSErrorなど
        ] {
            match attempt(raise(error)).await {
                Err(error) if error.is_exception() => out!("{name}: except Exceptionで捕まる"),
                _ => out!("{name}: except Exceptionでは捕まらない"),
            }
        }

        let task = spawn(stubborn_task());
        sleep(Duration::from_millis(2500)).await?;
        task.cancel();
        let result = attempt(task.clone()).await;
        out!("cancelled() = {}, {result:?}", task.cancelled());
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s BaseException",
                "0.0s ├── SystemExit: except Exceptionでは捕まらない",
                "0.0s ├── KeyboardInterrupt: except Exceptionでは捕まらない",
                "0.0s ├── CancelledError: except Exceptionでは捕まらない",
                "0.0s └── Exception: except Exceptionで捕まる",
                "0.0s     ├── RuntimeError: except Exceptionで捕まる",
                "0.0s     └── ...: except Exceptionで捕まる",
                "1.0s 1回目: except Exception: エラー",
                "2.0s 2回目: except Exception: エラー",
                "2.5s cancelled() = true, Err(cancelled)",
            ],
        )
    }
}

/// CancelledError を re-raise しないとどうなるか: 終了シグナル, the exceptions that ask for an end.
///
/// An ordinary error of a background task stays there, and is reported as never retrieved; a cancel
/// ends the task, and is nothing to report. `SystemExit` and `KeyboardInterrupt` end everything:
/// the loop stops at once, all tasks that are left, `main` too, are cancelled and clean up, and
/// `run` raises it. Ctrl-C comes to the same by cancelling `main`.
mod exit_signals {
    use super::*;

    async fn background_task(signal: Error) -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        Err(signal)
    }

    async fn main(signal: Error) -> Result<()> {
        spawn(background_task(signal));
        work().await
    }

    async fn main_with_ctrl_c() -> Result<()> {
        running_loop()?.call_later(Duration::from_secs(1), interrupt)?;
        work().await
    }

    async fn work() -> Result<()> {
        if let Err(cancelled) = sleep(Duration::from_secs(2)).await {
            out!("  main: キャンセル受信 → クリーンアップ");
            return Err(cancelled.into());
        }
        out!("  main: 最後まで実行");
        Ok(())
    }

    pub(super) fn program() -> Result<()> {
        for (name, signal) in [
            ("RuntimeError", RuntimeError::new("エラー").into()),
            ("CancelledError", Cancelled::new().into()),
            ("SystemExit", Error::exit(3)),
            ("KeyboardInterrupt", Interrupt.into()),
        ] {
            out!("{name}");
            out!("  run(): {:?}", run(main(signal)));
        }
        out!("Ctrl-C");
        out!("  run(): {:?}", run(main_with_ctrl_c()));
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        let (unseen, stray) = (ReportKind::TaskNeverRetrieved, ReportKind::Stray);
        reported(outcome, &[unseen, unseen, stray, unseen, stray])?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s RuntimeError",
                "2.0s   main: 最後まで実行",
                "2.0s   run(): Ok(())",
                "2.0s CancelledError",
                "4.0s   main: 最後まで実行",
                "4.0s   run(): Ok(())",
                "4.0s SystemExit",
                "5.0s   main: キャンセル受信 → クリーンアップ",
                "5.0s   run(): Err(exit with code 3)",
                "5.0s KeyboardInterrupt",
                "6.0s   main: キャンセル受信 → クリーンアップ",
                "6.0s   run(): Err(interrupted)",
                "6.0s Ctrl-C",
                "7.0s   main: キャンセル受信 → クリーンアップ",
                "7.0s   run(): Err(interrupted)",
            ],
        )
    }
}

/// Step4の「完了」に正常終了はあり得るか: yes, when a task means to complete its work.
///
/// The run waits for what the cancelled task still has to do, and its result is a normal one. The
/// side effect is the last row of the table: code above it doesn't learn of the cancel. What that
/// means for a `TaskGroup` is in `cancel-swallowed-in-group`.
mod cancel_completes_work {
    use super::*;

    async fn finish_remaining_work() -> Result<()> {
        sleep(Duration::from_millis(500)).await?;
        out!("最低限のデータを保存した");
        Ok(())
    }

    async fn background_task() -> Result<&'static str> {
        if let Err(_cancelled) = sleep(Duration::from_secs(10)).await {
            // キャンセルを受け取ったが、残りの処理を最後まで終わらせる
            out!("キャンセルされたが、残り処理を完走させる");
            finish_remaining_work().await?; // 追加の非同期処理も可能
        }
        Ok("正常終了の結果") // ← re-raiseせずに正常値を返す
    }

    async fn main() -> Result<JoinHandle<&'static str>> {
        let task = spawn(background_task());
        sleep(Duration::from_secs(1)).await?;
        Ok(task)
    }

    async fn re_raising_task() -> Result<&'static str> {
        if let Err(cancelled) = sleep(Duration::from_secs(10)).await {
            sleep(Duration::from_millis(100)).await?;
            out!("後片付けをした");
            return Err(cancelled.into());
        }
        Ok("正常終了の結果")
    }

    /// 上位のコード
    async fn parent(task: JoinHandle<&'static str>) -> Result<()> {
        task.await?;
        Ok(())
    }

    async fn table() -> Result<()> {
        out!("| re-raiseするか | タスクの状態 | キャンセル伝播 | 用途 |");
        for (policy, task, purpose) in [
            ("する（推奨）", spawn(re_raising_task()), "後片付けだけして終わる"),
            ("しない", spawn(background_task()), "意図的に処理を完走させたい場合のみ"),
        ] {
            let parent = spawn(parent(task.clone()));
            sleep(Duration::from_secs(1)).await?;
            parent.cancel();
            let _ended = parent.clone().await;
            let state =
                if task.cancelled() { "キャンセル済み" } else { "正常終了扱い" };
            let propagation =
                if parent.cancelled() { "正常に伝わる" } else { "伝わらない" };
            out!("| {policy} | {state} | {propagation} | {purpose} |");
        }
        Ok(())
    }

    pub(super) fn program() -> Result<()> {
        let task = run(main())?;
        out!("cancelled() = {}, result() = {}", task.cancelled(), task.result()?);
        run(table())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[ReportKind::Stray])?;
        printed_in_order_at(
            outcome,
            &[
                "1.0s キャンセルされたが、残り処理を完走させる",
                "1.5s 最低限のデータを保存した",
                "1.5s cancelled() = false, result() = 正常終了の結果",
                "1.5s | re-raiseするか | タスクの状態 | キャンセル伝播 | 用途 |",
                "2.6s 後片付けをした",
                "2.6s | する（推奨） | キャンセル済み | 正常に伝わる | 後片付けだけして終わる |",
                "3.6s キャンセルされたが、残り処理を完走させる",
                "4.1s 最低限のデータを保存した",
                "4.1s | しない | 正常終了扱い | 伝わらない | 意図的に処理を完走させたい場合のみ |",
            ],
        )
    }
}
