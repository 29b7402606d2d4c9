//! `asyncio.run()`の終了時の挙動: how a run ends, and what a cancel is.

use std::time::Duration;

use seedloop::{
    AnyFuture, Cancelled, Error, EventLoop, Interrupt, JoinHandle, Outcome, ReportKind, Result,
    RuntimeError, TaskGroup, all_tasks, attempt, gather_return_exceptions, interrupt, out, run,
    running_loop, sleep, spawn, spawn_named,
};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{in_order, printed, reported, took};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "stray-at-shutdown",
        section: "asyncio.run()の終了時の挙動 / なぜクリーンアップが必要なのか",
        summary: "main ends before the tasks that it started and never awaited",
        body: || run(stray_at_shutdown::main()),
        check: stray_at_shutdown::check,
    },
    Scenario {
        name: "close-without-cleanup",
        section: "asyncio.run()の終了時の挙動 / なぜクリーンアップが必要なのか",
        summary: "a loop that is closed as it is leaves connections open, run closes them",
        body: close_without_cleanup::program,
        check: close_without_cleanup::check,
    },
    Scenario {
        name: "shutdown-steps",
        section: "asyncio.run()の終了時の挙動 / クリーンアップの4ステップ",
        summary: "collect the tasks that are left, cancel them, gather them, wait for them all",
        body: shutdown_steps::program,
        check: shutdown_steps::check,
    },
    Scenario {
        name: "shutdown-cleanup",
        section: "asyncio.run()の終了時の挙動 / 動作確認できる完全なサンプル",
        summary: "run returns only after every task that was left has cleaned up",
        body: shutdown_cleanup::program,
        check: shutdown_cleanup::check,
    },
    Scenario {
        name: "cancel-swallowed",
        section: "asyncio.run()の終了時の挙動 / CancelledError を re-raise しないとどうなるか",
        summary: "a task that swallows its cancel counts as having ended normally",
        body: cancel_swallowed::program,
        check: cancel_swallowed::check,
    },
    Scenario {
        name: "cancel-swallowed-in-group",
        section: "asyncio.run()の終了時の挙動 / CancelledError を re-raise しないとどうなるか",
        summary: "a swallowed cancel delays a task group, and lets its body work on in vain",
        body: || run(cancel_swallowed_in_group::main()),
        check: cancel_swallowed_in_group::check,
    },
    Scenario {
        name: "cancel-is-not-an-exception",
        section: "asyncio.run()の終了時の挙動 / CancelledError を re-raise しないとどうなるか",
        summary: "what catches every ordinary error lets a cancel through",
        body: || run(cancel_is_not_an_exception::main()),
        check: cancel_is_not_an_exception::check,
    },
    Scenario {
        name: "exit-signals",
        section: "asyncio.run()の終了時の挙動 / CancelledError を re-raise しないとどうなるか",
        summary: "SystemExit and KeyboardInterrupt end everything, a cancel ends one task",
        body: exit_signals::program,
        check: exit_signals::check,
    },
    Scenario {
        name: "cancel-completes-work",
        section: "asyncio.run()の終了時の挙動 / Step4の「完了」に正常終了はあり得るか",
        summary: "a cancelled task may complete its work on purpose and end normally",
        body: cancel_completes_work::program,
        check: cancel_completes_work::check,
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
        took(outcome, Duration::from_secs(1)..Duration::from_secs(10))?;
        reported(outcome, &[ReportKind::Stray; 2])?;
        printed(outcome, &[&["タスクA: 開始", "タスクB: 開始"], &["mainが終了"]])
    }
}

/// なぜクリーンアップが必要なのか: closing the loop as it is leaves the tasks' resources open.
///
/// Without a cancel no task gets to its `except`, and on a closed loop nothing can be awaited: the
/// tasks are dropped, and reported as destroyed but pending. `run` cancels them first, and every
/// connection is closed.
mod close_without_cleanup {
    use super::*;

    async fn background_task(name: &str) -> Result<()> {
        out!("{name}: DB接続を開く");
        if let Err(cancelled) = sleep(Duration::from_secs(10)).await {
            sleep(Duration::from_millis(100)).await?;
            out!("{name}: DB接続を閉じる");
            return Err(cancelled.into());
        }
        Ok(())
    }

    async fn main() -> Result<()> {
        spawn(background_task("タスクA"));
        spawn(background_task("タスクB"));

        sleep(Duration::from_secs(1)).await?;
        out!("mainが終了");
        Ok(())
    }

    pub(super) fn program() -> Result<()> {
        out!("=== このままループを閉じる ===");
        let event_loop = EventLoop::new();
        event_loop.run_until_complete(main())?;
        event_loop.close()?;

        out!("=== asyncio.run() ===");
        run(main())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        let (pending, stray) = (ReportKind::DestroyedPending, ReportKind::Stray);
        reported(outcome, &[pending, pending, stray, stray])?;
        let open: &[&str] = &["タスクA: DB接続を開く", "タスクB: DB接続を開く"];
        let close: &[&str] = &["タスクA: DB接続を閉じる", "タスクB: DB接続を閉じる"];
        let by_hand = &["=== このままループを閉じる ==="];
        let by_run = &["=== asyncio.run() ==="];
        let main = &["mainが終了"];
        printed(outcome, &[by_hand, open, main, by_run, open, main, close])
    }
}

/// クリーンアップの4ステップ: the steps that `run` takes after `main`, first by hand, then by `run`.
///
/// The task with its handler, re-raise and `finally` is that of Step2; no handler runs before Step4
/// awaits. The gather of Step3 returns exceptions as results, so it doesn't stop at the first
/// cancelled task but waits for the clean-up of all.
mod shutdown_steps {
    use super::*;

    async fn background_task(name: &str) -> Result<()> {
        let result = attempt(async {
            out!("{name}: 開始");
            sleep(Duration::from_secs(10)).await?;
            Ok(())
        })
        .await;
        if result.as_ref().is_err_and(Error::is_cancelled) {
            // Step2でここが呼ばれる → 後片付けのチャンス
            out!("{name}: キャンセル受信 → クリーンアップ中...");
            // DB接続を閉じる、ファイルを閉じるなどの処理をここに書く
        }
        out!("{name}: クリーンアップ完了"); // finally
        result // CancelledErrorは必ずre-raiseする（マナー）
    }

    async fn main() -> Result<()> {
        spawn_named("タスクA", background_task("タスクA"));
        spawn_named("タスクB", background_task("タスクB"));

        sleep(Duration::from_secs(1)).await?;
        out!("mainが終了");
        Ok(())
    }

    /// `asyncio.run()`が内部でやっていること（概念的なコード）
    async fn clean_up() -> Result<()> {
        out!("Step1: まだ生きているタスクを全部集める");
        let mut remaining_tasks: Vec<AnyFuture> = all_tasks()?;
        remaining_tasks.retain(|task| task.name().is_some_and(|name| name.starts_with("タスク")));
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

    pub(super) fn program() -> Result<()> {
        out!("① main() を実行");
        let event_loop = EventLoop::new();
        event_loop.run_until_complete(main())?;
        out!("② main() が終了");
        out!("③ [クリーンアップ開始]");
        event_loop.run_until_complete(clean_up())?;
        event_loop.close()?;
        out!("イベントループを閉じて完全終了");

        out!("=== asyncio.run(main()) ===");
        run(main())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        let started: &[&str] = &["タスクA: 開始", "タスクB: 開始"];
        let cleaned: &[&str] = &[
            "タスクA: キャンセル受信 → クリーンアップ中...",
            "タスクA: クリーンアップ完了",
            "タスクB: キャンセル受信 → クリーンアップ中...",
            "タスクB: クリーンアップ完了",
        ];
        reported(outcome, &[ReportKind::Stray; 2])?;
        // By hand, then by `run`.
        in_order(outcome, &[cleaned[0], cleaned[1], cleaned[0], cleaned[1]])?;
        in_order(outcome, &[cleaned[2], cleaned[3], cleaned[2], cleaned[3]])?;
        printed(
            outcome,
            &[
                &["① main() を実行"],
                started,
                &["mainが終了"],
                &["② main() が終了"],
                &["③ [クリーンアップ開始]"],
                &["Step1: まだ生きているタスクを全部集める"],
                &["  <Task 'タスクA'> ← まだ生きてる"],
                &["  <Task 'タスクB'> ← まだ生きてる"],
                &["Step2: 全タスクにキャンセルを送る"],
                &["Step3: gather()でグループ化"],
                &["Step4: 全タスクが\"完了\"するまで待つ"],
                cleaned,
                &["  <Task 'タスクA'> 終了 ✅ Err(cancelled)"],
                &["  <Task 'タスクB'> 終了 ✅ Err(cancelled)"],
                &["イベントループを閉じて完全終了"],
                &["=== asyncio.run(main()) ==="],
                started,
                &["mainが終了"],
                cleaned,
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
        took(outcome, Duration::from_millis(1100)..Duration::from_secs(10))?;
        reported(outcome, &[ReportKind::Stray; 2])?;
        printed(
            outcome,
            &[
                &["--- asyncio.run() 開始 ---"],
                &["  [タスクA] 開始（10秒かかる処理）", "  [タスクB] 開始（10秒かかる処理）"],
                &["=== main() 終了 ==="],
                &[
                    "  [タスクA] キャンセルを受け取った → クリーンアップ中...",
                    "  [タスクB] キャンセルを受け取った → クリーンアップ中...",
                ],
                &["  [タスクA] クリーンアップ完了", "  [タスクB] クリーンアップ完了"],
                &["--- asyncio.run() 完全終了 ---"],
            ],
        )
    }
}

/// CancelledError を re-raise しないとどうなるか: the task counts as having ended normally.
///
/// Whoever cancelled it can't tell: `cancelled()` is false, and the gather of Step4 gets a plain
/// result. Nor does the cancel reach what stands above: the chain is cut, and `parent` goes on.
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

    async fn main() -> Result<[JoinHandle<()>; 2]> {
        let task_a = spawn_named("タスクA", background_task("タスクA"));
        let task_b = spawn_named("タスクB", polite_task("タスクB"));
        sleep(Duration::from_secs(1)).await?;
        Ok([task_a, task_b])
    }

    async fn parent() -> Result<()> {
        background_task("parentの子").await?;
        out!("parent: キャンセルが伝わらず続行");
        Ok(())
    }

    async fn main_of_parent() -> Result<()> {
        let task = spawn_named("parent", parent());
        sleep(Duration::from_secs(1)).await?;
        task.cancel();
        task.clone().await?;
        out!("{}: cancelled() = {}", task.name(), task.cancelled());
        Ok(())
    }

    pub(super) fn program() -> Result<()> {
        // Step2: cancel()を送る → Step4: 全タスクの終了を待つ
        for task in run(main())? {
            out!("{}: cancelled() = {}, {:?}", task.name(), task.cancelled(), task.result());
        }
        // キャンセルの伝播チェーンが途中で断ち切られる
        run(main_of_parent())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[ReportKind::Stray; 2])?;
        printed(
            outcome,
            &[
                &[
                    "タスクA: キャンセルされた（でもre-raiseしない）",
                    "タスクB: キャンセルされた（re-raiseする）",
                ],
                &["タスクA: cancelled() = false, Ok(())"],
                &["タスクB: cancelled() = true, Err(cancelled)"],
                &["parentの子: キャンセルされた（でもre-raiseしない）"],
                &["parent: キャンセルが伝わらず続行"],
                &["parent: cancelled() = false"],
            ],
        )
    }
}

/// CancelledError を re-raise しないとどうなるか: in a `TaskGroup`.
///
/// The document fears that the group's whole life cycle breaks. In CPython 3.13 it doesn't: the
/// group waits for a child that swallows its cancel, however long it goes on, and then raises what
/// it would have raised anyway; only time is lost. Worse is a *block* that swallows the cancel by
/// which the group calls it off: it works on as if nothing had happened, finds the group shutting
/// down around it, and all that it did was in vain.
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
    async fn body_swallows(tg: &TaskGroup) -> Result<()> {
        tg.spawn(failing_task())?;
        background_task("ブロック").await?;
        if let Err(error) = tg.spawn(failing_task()) {
            out!("RuntimeError: {error}");
        }
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        out!("=== 子タスクがre-raiseしない ===");
        if let Err(group) = TaskGroup::new().scope(child_swallows).await {
            group.for_each_leaf(&mut |error| out!("グループ終了: {error}"));
        }
        out!("=== ブロックがre-raiseしない ===");
        if let Err(group) = TaskGroup::new().scope(body_swallows).await {
            group.for_each_leaf(&mut |error| out!("グループ終了: {error}"));
        }
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed(
            outcome,
            &[
                &["=== 子タスクがre-raiseしない ==="],
                &["失敗するタスク: エラー"],
                &["子タスク: キャンセルされた（でもre-raiseしない）"],
                &["子タスク: 正常終了"],
                &["グループ終了: エラー"],
                &["=== ブロックがre-raiseしない ==="],
                &["失敗するタスク: エラー"],
                &["ブロック: キャンセルされた（でもre-raiseしない）"],
                &["ブロック: 正常終了"],
                &["RuntimeError: the task group is shutting down"],
                &["グループ終了: エラー"],
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
        loop {
            let result = attempt(async {
                sleep(Duration::from_secs(1)).await?;
                Err(RuntimeError::new("エラー").into())
            })
            .await;
            match result {
                Err(error) if error.is_exception() => out!("except Exception: {error}"),
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
        printed(
            outcome,
            &[
                &["BaseException"],
                &["├── SystemExit: except Exceptionでは捕まらない"],
                &["├── KeyboardInterrupt: except Exceptionでは捕まらない"],
                &["├── CancelledError: except Exceptionでは捕まらない"],
                &["└── Exception: except Exceptionで捕まる"],
                &["    ├── RuntimeError: except Exceptionで捕まる"],
                &["except Exception: エラー"],
                &["except Exception: エラー"],
                &["cancelled() = true, Err(cancelled)"],
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
        printed(
            outcome,
            &[
                &["RuntimeError"],
                &["  main: 最後まで実行"],
                &["  run(): Ok(())"],
                &["CancelledError"],
                &["  main: 最後まで実行"],
                &["  run(): Ok(())"],
                &["SystemExit"],
                &["  main: キャンセル受信 → クリーンアップ"],
                &["  run(): Err(exit with code 3)"],
                &["KeyboardInterrupt"],
                &["  main: キャンセル受信 → クリーンアップ"],
                &["  run(): Err(interrupted)"],
                &["Ctrl-C"],
                &["  main: キャンセル受信 → クリーンアップ"],
                &["  run(): Err(interrupted)"],
            ],
        )
    }
}

/// Step4の「完了」に正常終了はあり得るか: yes, when a task means to complete its work.
///
/// The run waits for what the cancelled task still has to do, and its result is a normal one. The
/// side effect is the last row of the table: code above it doesn't learn of the cancel.
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
        sleep(Duration::from_secs(10)).await?;
        Ok("正常終了の結果")
    }

    /// 上位のコード
    async fn parent(task: JoinHandle<&'static str>) -> Result<()> {
        task.await?;
        Ok(())
    }

    async fn table() -> Result<()> {
        out!("| re-raiseするか | タスクの状態 | キャンセル伝播 |");
        for (policy, task) in
            [("する（推奨）", spawn(re_raising_task())), ("しない", spawn(background_task()))]
        {
            let parent = spawn(parent(task.clone()));
            sleep(Duration::from_secs(1)).await?;
            parent.cancel();
            let _ended = parent.clone().await;
            let state =
                if task.cancelled() { "キャンセル済み" } else { "正常終了扱い" };
            let propagation =
                if parent.cancelled() { "正常に伝わる" } else { "伝わらない" };
            out!("| {policy} | {state} | {propagation} |");
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
        printed(
            outcome,
            &[
                &["キャンセルされたが、残り処理を完走させる"],
                &["最低限のデータを保存した"],
                &["cancelled() = false, result() = 正常終了の結果"],
                &["| re-raiseするか | タスクの状態 | キャンセル伝播 |"],
                &["| する（推奨） | キャンセル済み | 正常に伝わる |"],
                &["キャンセルされたが、残り処理を完走させる"],
                &["最低限のデータを保存した"],
                &["| しない | 正常終了扱い | 伝わらない |"],
            ],
        )
    }
}
