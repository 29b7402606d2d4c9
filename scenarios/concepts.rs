//! 概念: coroutines, tasks, and who owns them.

use std::collections::BTreeMap;
use std::time::Duration;

use seedloop::{
    Error, Outcome, Result, TaskGroup, all_tasks, gather, out, run, sleep, spawn, spawn_named,
};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{in_order, printed_at, reported};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "gather-three-tasks",
        section: "主要な要素 / タスク（Task）",
        summary: "three coroutines run concurrently as tasks, and gather waits for all of them",
        body: || run(gather_three_tasks::main()),
        check: gather_three_tasks::check,
    },
    Scenario {
        name: "flat-tasks",
        section: "主要な要素 / タスク（Task）",
        summary: "the loop holds all tasks side by side, also those that a task created",
        body: || run(flat_tasks::main()),
        check: flat_tasks::check,
    },
    Scenario {
        name: "stray-tasks",
        section: "主要な要素 / タスク（Task）",
        summary: "the children of a task that failed run on, and nobody awaits them",
        body: || run(stray_tasks::main()),
        check: stray_tasks::check,
    },
    Scenario {
        name: "structured-tasks",
        section: "主要な要素 / タスク（Task）",
        summary: "a task group leaves no stray: its tasks are complete or cancelled at its end",
        body: || run(structured_tasks::main()),
        check: structured_tasks::check,
    },
];

/// 主要な要素 / タスク（Task）: coroutines run concurrently once each of them is a task.
///
/// Spawning registers a coroutine with the loop and runs nothing of it yet. Each of the three gives
/// way in the middle, at its `await`, so that all have started before the first is complete.
mod gather_three_tasks {
    use super::*;

    async fn fetch_data() -> Result<BTreeMap<&'static str, &'static str>> {
        out!("データ取得開始");
        sleep(Duration::from_secs(2)).await?;
        out!("データ取得完了");
        Ok(BTreeMap::from([("data", "結果")]))
    }

    pub(super) async fn main() -> Result<()> {
        // 3つのタスクを作成して並行実行
        let task1 = spawn(fetch_data());
        let task2 = spawn(fetch_data());
        let task3 = spawn(fetch_data());
        out!("イベントループが管理するタスク: mainと{}つ", all_tasks()?.len() - 1);

        // 全てのタスクが完了するまで待機
        let results = gather([task1, task2, task3]).await?;
        out!("{results:?}");
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        // As long as one of them takes, not three.
        printed_at(
            outcome,
            &[
                &["0.0s イベントループが管理するタスク: mainと3つ"],
                &["0.0s データ取得開始"; 3],
                &["2.0s データ取得完了"; 3],
                &[r#"2.0s [{"data": "結果"}, {"data": "結果"}, {"data": "結果"}]"#],
            ],
        )
    }
}

/// Prints the tasks that the loop holds, apart from `main`, with what there is to note of some.
fn show_event_loop(title: &str, notes: &[(&str, &str)]) -> Result<()> {
    out!("{title}");
    let mut names: Vec<_> = all_tasks()?.iter().filter_map(|task| task.name()).collect();
    names.retain(|name| !name.starts_with("Task-"));
    for (name, note) in notes {
        names.iter_mut().filter(|held| held == name).for_each(|held| held.push_str(note));
    }
    let last = names.pop().unwrap_or_else(|| "なし".to_owned());
    for name in names {
        out!("├── {name}");
    }
    out!("└── {last}");
    Ok(())
}

/// 主要な要素 / タスク（Task）: tasks are registered flat, wherever they are created.
///
/// The children of `parent` stand in the loop beside it, not below it, and wait for their turn
/// behind `other`, which was there before them.
mod flat_tasks {
    use super::*;

    async fn child_work(name: &str) -> Result<String> {
        out!("{name}: 開始");
        sleep(Duration::from_secs(1)).await?;
        Ok(format!("{name}の結果"))
    }

    async fn parent() -> Result<[String; 2]> {
        out!("parent: 開始");
        // ここで子タスクを作成するが、イベントループにフラットに登録される
        let task_a = spawn_named("task_a", child_work("child_a"));
        let task_b = spawn_named("task_b", child_work("child_b"));
        // parentはtask_a, task_bの完了をawaitで待つだけ
        let results = gather([task_a, task_b]).await?;
        Ok(results)
    }

    async fn other_work() -> Result<()> {
        out!("other: 開始");
        sleep(Duration::from_millis(500)).await?;
        let notes = [
            ("task_a", "      ← parentの中で作られたが、イベントループに直接登録される"),
            ("task_b", "      ← 同上"),
        ];
        show_event_loop("イベントループ（1つ、フラット）", &notes)
    }

    pub(super) async fn main() -> Result<()> {
        let task_parent = spawn_named("task_parent", parent());
        let task_other = spawn_named("task_other", other_work());
        let (results, ()) = gather((task_parent, task_other)).await?;
        out!("{results:?}");
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        in_order(outcome, &["parent: 開始", "child_a: 開始"])?;
        in_order(outcome, &["parent: 開始", "child_b: 開始"])?;
        let starts: &[&str] =
            &["0.0s parent: 開始", "0.0s other: 開始", "0.0s child_a: 開始", "0.0s child_b: 開始"];
        printed_at(
            outcome,
            &[
                starts,
                &["0.5s イベントループ（1つ、フラット）"],
                &["0.5s ├── task_parent"],
                &["0.5s ├── task_other"],
                &["0.5s ├── task_a      ← parentの中で作られたが、イベントループに直接登録される"],
                &["0.5s └── task_b      ← 同上"],
                &[r#"1.0s ["child_aの結果", "child_bの結果"]"#],
            ],
        )
    }
}

/// 主要な要素 / タスク（Task）, NOTE: children run on after their parent died, as strays.
mod stray_tasks {
    use super::*;

    async fn child_work(name: &str) -> Result<()> {
        sleep(Duration::from_secs(1)).await?;
        out!("{name}: 完了");
        Ok(())
    }

    async fn parent() -> Result<()> {
        let task_a = spawn_named("task_a", child_work("a"));
        let task_b = spawn_named("task_b", child_work("b"));
        let stray = "  ← 走り続ける（野良）";
        let notes = [("parent", "  ← 死んでも"), ("task_a", stray), ("task_b", stray)];
        show_event_loop("イベントループ", &notes)?;
        Err(Error::msg("parentが死んだ"))?;
        // ↓ ここに到達しないのでawaitされない
        gather([task_a, task_b]).await?;
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        out!("【フラット（通常）】");
        let task = spawn_named("parent", parent());
        if let Err(error) = task.await {
            out!("例外: {error}");
        }
        // → task_a, task_bは誰にもawaitされず走り続ける（野良タスク）
        show_event_loop("イベントループ", &[])?;
        sleep(Duration::from_secs(2)).await?;
        show_event_loop("イベントループ", &[])
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["0.0s 【フラット（通常）】"],
                &["0.0s イベントループ"],
                &["0.0s ├── parent  ← 死んでも"],
                &["0.0s ├── task_a  ← 走り続ける（野良）"],
                &["0.0s └── task_b  ← 走り続ける（野良）"],
                &["0.0s 例外: parentが死んだ"],
                &["0.0s イベントループ"],
                &["0.0s ├── task_a"],
                &["0.0s └── task_b"],
                &["1.0s a: 完了", "1.0s b: 完了"],
                &["2.0s イベントループ"],
                &["2.0s └── なし"],
            ],
        )
    }
}

/// 主要な要素 / タスク（Task）, NOTE: a group's children have ended when its block is left.
///
/// Either they are complete, or, when `parent` dies, they are cancelled; in both cases nothing is
/// left in the loop afterwards.
///
/// The document draws them below `parent` and its `TaskGroup`. That nesting is who owns them; in
/// the loop they stand flat all the same, as it says itself further down (see `task-group`).
mod structured_tasks {
    use super::*;

    async fn child_work(name: &str) -> Result<()> {
        if let Err(cancelled) = sleep(Duration::from_secs(1)).await {
            out!("{name}: キャンセル");
            return Err(cancelled.into());
        }
        out!("{name}: 完了");
        Ok(())
    }

    async fn parent(dies: bool) -> Result<()> {
        TaskGroup::new()
            .scope(async |tg| {
                tg.spawn_named("task_a", child_work("a"))?;
                tg.spawn_named("task_b", child_work("b"))?;
                sleep(Duration::from_millis(500)).await?;
                let owned = "  ← parentが死んだらキャンセル";
                show_event_loop("イベントループ", &[("task_a", owned), ("task_b", owned)])?;
                if dies {
                    return Err(Error::msg("parentが死んだ"));
                }
                Ok(())
            })
            .await
    }

    pub(super) async fn main() -> Result<()> {
        out!("【構造化（TaskGroup）】");
        for dies in [false, true] {
            match spawn_named("parent", parent(dies)).await {
                Ok(()) => out!("parent: 完了"),
                Err(group) => group.for_each_leaf(&mut |error| out!("例外: {error}")),
            }
            show_event_loop("イベントループ", &[])?;
        }
        Ok(())
    }

    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["0.0s 【構造化（TaskGroup）】"],
                &["0.5s イベントループ"],
                &["0.5s ├── parent"],
                &["0.5s ├── task_a  ← parentが死んだらキャンセル"],
                &["0.5s └── task_b  ← parentが死んだらキャンセル"],
                &["1.0s a: 完了", "1.0s b: 完了"],
                &["1.0s parent: 完了"],
                &["1.0s イベントループ"],
                &["1.0s └── なし"],
                &["1.5s イベントループ"],
                &["1.5s ├── parent"],
                &["1.5s ├── task_a  ← parentが死んだらキャンセル"],
                &["1.5s └── task_b  ← parentが死んだらキャンセル"],
                &["1.5s a: キャンセル", "1.5s b: キャンセル"],
                &["1.5s 例外: parentが死んだ"],
                &["1.5s イベントループ"],
                &["1.5s └── なし"],
            ],
        )
    }
}
