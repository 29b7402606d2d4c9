//! その他 / Executor: blocking code beside the loop, in threads and in processes.

use std::net::Ipv4Addr;
use std::time::Duration;

use seedloop::{
    Instant, Outcome, Pool, ProcessPool, ReportKind, Result, ThreadPool, blocking, gather, out,
    run, run_in_executor, running_loop, sleep, spawn,
};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{printed_at, printed_in_order_at, reported, took};
use crate::web::{ClientSession, Site};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "blocking-the-loop",
        section: "その他 / Executor",
        summary: "a blocking call in a coroutine stops all tasks, in an executor none",
        body: || run(blocking_the_loop::main()),
        check: blocking_the_loop::check,
    },
    Scenario {
        name: "executors",
        section: "その他 / Executor",
        summary: "the default pool, a pool of threads and a pool of processes",
        body: || run(three_pools::main()),
        check: three_pools::check,
    },
    Scenario {
        name: "gil",
        section: "その他 / Executor / Pythonのスレッドとasyncioの違い",
        summary: "which work is faster in two threads or processes, and why",
        body: || run(gil::main()),
        check: gil::check,
    },
    Scenario {
        name: "cpu-bound",
        section: "概念; その他 / Executor / Executorはいつ使う？",
        summary: "coroutines do not make computations faster, processes do",
        body: || run(cpu_bound::main()),
        check: cpu_bound::check,
    },
    Scenario {
        name: "sync-library",
        section: "その他 / Executor / Executorはいつ使う？",
        summary: "the decision flow, and what it says in each case",
        body: sync_library::program,
        check: sync_library::check,
    },
];

/// Executor: the loop has a single thread, so a blocking call stops everything, for 5 seconds here.
/// In an executor it stops nothing.
mod blocking_the_loop {
    use super::*;

    async fn bad_example() -> Result<()> {
        blocking::sleep(Duration::from_secs(5)); // ← これでイベントループが5秒止まる。他のタスクも全部止まる
        some_async_work().await
    }

    /// こういった同期処理を別スレッド/プロセスに逃がすのが`Executor`
    async fn good_example() -> Result<()> {
        let blocking_call = || {
            blocking::sleep(Duration::from_secs(5));
            Ok(())
        };
        run_in_executor(None, blocking_call).await?;
        some_async_work().await
    }

    async fn some_async_work() -> Result<()> {
        out!("some_async_work");
        Ok(())
    }

    async fn other_task() -> Result<()> {
        for second in 1..=3 {
            sleep(Duration::from_secs(1)).await?;
            out!("他のタスク: {second}回目");
        }
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        out!("=== イベントループ内で ===");
        let other = spawn(other_task());
        sleep(Duration::from_millis(1500)).await?;
        bad_example().await?;
        other.await?;

        out!("=== Executorで ===");
        let other = spawn(other_task());
        sleep(Duration::from_millis(1500)).await?;
        good_example().await?;
        other.await
    }

    /// The second turn of the other task is due at 2 seconds; it comes when the blocking call is
    /// over.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[ReportKind::SlowCallback])?;
        printed_at(
            outcome,
            &[
                &["0.0s === イベントループ内で ==="],
                &["1.0s 他のタスク: 1回目"],
                &["6.5s some_async_work"],
                &["6.5s 他のタスク: 2回目"],
                &["7.5s 他のタスク: 3回目"],
                &["7.5s === Executorで ==="],
                &["8.5s 他のタスク: 1回目"],
                &["9.5s 他のタスク: 2回目"],
                &["10.5s 他のタスク: 3回目"],
                &["14.0s some_async_work"],
            ],
        )
    }
}

/// Executor: the three ways to hand blocking code to others. The loop goes on meanwhile, and gets
/// the result when it is there.
mod three_pools {
    use super::*;

    fn blocking_io() -> Result<&'static str> {
        // 同期的なブロッキング処理（例：重いファイル操作、同期ライブラリの呼び出し）
        blocking::sleep(Duration::from_secs(3));
        Ok("結果")
    }

    fn heavy_computation() -> Result<u64> {
        blocking::compute(Duration::from_secs(2));
        Ok((1..=10).product())
    }

    /// イベントループ（メインスレッド）のタスク
    async fn async_task(name: &str, every: u64) -> Result<()> {
        for time in 1..=8 / every {
            sleep(Duration::from_secs(every)).await?;
            out!("{name}: {}秒", time * every);
        }
        Ok(())
    }

    pub(super) async fn main() -> Result<()> {
        let task_a = spawn(async_task("task_a", 2));
        let task_b = spawn(async_task("task_b", 4));
        let event_loop = running_loop()?;

        // ThreadPoolExecutor（I/Oバウンド向け）
        let result = event_loop.run_in_executor(None, blocking_io)?.await?; // Noneはデフォルトのexecutor
        out!("デフォルトのexecutor: {result}");

        // 明示的にExecutorを指定する場合
        let result = ThreadPool::new()
            .scope(async |executor| event_loop.run_in_executor(&executor, blocking_io)?.await)
            .await?;
        out!("ThreadPoolExecutor: {result}");

        // ProcessPoolExecutor（CPUバウンド向け）
        let result = ProcessPool::new()
            .scope(async |executor| event_loop.run_in_executor(&executor, heavy_computation)?.await)
            .await?;
        out!("ProcessPoolExecutor: {result}");

        task_a.await?;
        task_b.await
    }

    /// Three, three and two seconds, and the tasks of the loop keep their times.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["2.0s task_a: 2秒"],
                &["3.0s デフォルトのexecutor: 結果"],
                &["4.0s task_a: 4秒", "4.0s task_b: 4秒"],
                &["6.0s task_a: 6秒", "6.0s ThreadPoolExecutor: 結果"],
                &["8.0s task_a: 8秒", "8.0s task_b: 8秒", "8.0s ProcessPoolExecutor: 3628800"],
            ],
        )
    }
}

/// Pythonのスレッドとasyncioの違い: the GIL lets one thread compute at a time, and is free while a thread
/// waits for input or output.
///
/// First the document's table, measured, then its picture of two threads. The second row of that
/// leaves out why thread 2, which has the GIL, waits for it again: it gives it away for input or
/// output of its own. The row ends in that wait; here its last computation follows.
mod gil {
    use super::*;

    pub(super) async fn main() -> Result<()> {
        out!("| | マルチスレッド可能？ | 並列実行で速くなる？ |");
        let faster = is_faster_in_threads("I/Oバウンド", io_bound).await?;
        let faster = if faster { "✅（I/O待ち中にGIL解放）" } else { "❌" };
        out!("| I/Oバウンド（ネットワーク、ファイル） | ✅ | {faster} |");

        let faster = is_faster_in_threads("CPUバウンド", cpu_bound).await?;
        let faster = if faster { "✅" } else { "❌（GILで結局1つずつ）" };
        out!("| CPUバウンド（計算処理） | ✅（スレッド自体は作れる） | {faster} |");
        timeline().await
    }

    type Job = fn() -> Result<()>;

    fn io_bound() -> Result<()> {
        blocking::sleep(Duration::from_secs(1));
        Ok(())
    }

    fn cpu_bound() -> Result<()> {
        blocking::compute(Duration::from_secs(1));
        Ok(())
    }

    async fn is_faster_in_threads(work: &str, job: Job) -> Result<bool> {
        let start = Instant::now();
        let threads = ThreadPool::builder().workers(2).gil(true).build()?;
        run_in_executor(&threads, job).await?;
        run_in_executor(&threads, job).await?;
        let one_by_one = start.elapsed();
        out!("{work}、逐次: {:.2}秒", one_by_one.as_secs_f64());

        let in_threads = two_at_once(&threads, job).await?;
        out!("{work}、マルチスレッド: {:.2}秒", in_threads.as_secs_f64());

        let processes = ProcessPool::with_workers(2)?;
        let in_processes = two_at_once(&processes, job).await?;
        out!("{work}、マルチプロセス: {:.2}秒", in_processes.as_secs_f64());
        Ok(in_threads < one_by_one)
    }

    async fn two_at_once(executor: &Pool, job: Job) -> Result<Duration> {
        let start = Instant::now();
        gather([run_in_executor(executor, job), run_in_executor(executor, job)]).await?;
        Ok(start.elapsed())
    }

    /// I/O操作中はGILが解放されるので、その間に別スレッドが動ける
    async fn timeline() -> Result<()> {
        let threads = ThreadPool::builder().workers(2).gil(true).build()?;
        let thread1 = run_in_executor(&threads, || thread(1, Duration::from_millis(4)));
        let thread2 = run_in_executor(&threads, || thread(2, Duration::from_millis(2)));
        for row in gather([thread1, thread2]).await? {
            out!("{row}");
        }
        Ok(())
    }

    /// Returns what became of the thread, as a row of the document's picture.
    fn thread(number: u32, io: Duration) -> Result<String> {
        let before = run_python(number);
        blocking::sleep(io);
        out!("スレッド{number}: [I/O待ち（GIL解放）]");
        let after = run_python(number);
        Ok(format!("スレッド{number}: {before} → [I/O待ち（GIL解放）] → {after}"))
    }

    fn run_python(number: u32) -> &'static str {
        let (start, work) = (Instant::now(), Duration::from_millis(4));
        blocking::compute(work);
        let waited = start.elapsed() > work;
        let segment = if waited { "[GIL待ち] → [Python実行]" } else { "[Python実行]" };
        out!("スレッド{number}: {segment}");
        segment
    }

    /// Only computations in threads take as long as one after the other.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_at(
            outcome,
            &[
                &["0.0s | | マルチスレッド可能？ | 並列実行で速くなる？ |"],
                &["2.0s I/Oバウンド、逐次: 2.00秒"],
                &["3.0s I/Oバウンド、マルチスレッド: 1.00秒"],
                &["4.0s I/Oバウンド、マルチプロセス: 1.00秒"],
                &["4.0s | I/Oバウンド（ネットワーク、ファイル） | ✅ | ✅（I/O待ち中にGIL解放） |"],
                &["6.0s CPUバウンド、逐次: 2.00秒"],
                &["8.0s CPUバウンド、マルチスレッド: 2.00秒"],
                &["9.0s CPUバウンド、マルチプロセス: 1.00秒"],
                &[
                    "9.0s | CPUバウンド（計算処理） | ✅（スレッド自体は作れる） | ❌（GILで結局1つずつ） |",
                ],
                &["9.004s スレッド1: [Python実行]"],
                &[
                    "9.008s スレッド1: [I/O待ち（GIL解放）]",
                    "9.008s スレッド2: [GIL待ち] → [Python実行]",
                ],
                &["9.01s スレッド2: [I/O待ち（GIL解放）]"],
                &["9.012s スレッド1: [Python実行]"],
                &["9.016s スレッド2: [GIL待ち] → [Python実行]"],
                &["9.016s スレッド1: [Python実行] → [I/O待ち（GIL解放）] → [Python実行]"],
                &["9.016s スレッド2: [GIL待ち] → [Python実行] → [I/O待ち（GIL解放）] → \
                   [GIL待ち] → [Python実行]"],
            ],
        )
    }
}

/// CPUバウンドな処理には向いていない: coroutines compute one after the other on the thread of the loop;
/// `concurrent.futures` is the better place.
mod cpu_bound {
    use super::*;

    fn heavy_computation() -> Result<u64> {
        blocking::compute(Duration::from_secs(2));
        Ok((1..=10).product())
    }

    async fn in_coroutine() -> Result<u64> {
        heavy_computation()
    }

    pub(super) async fn main() -> Result<()> {
        let start = Instant::now();
        gather([in_coroutine(), in_coroutine()]).await?;
        out!("コルーチン: {:.2}秒", start.elapsed().as_secs_f64());

        let start = Instant::now();
        ProcessPool::new()
            .scope(async |executor| {
                let job1 = run_in_executor(&executor, heavy_computation);
                let job2 = run_in_executor(&executor, heavy_computation);
                gather([job1, job2]).await
            })
            .await?;
        out!("ProcessPoolExecutor: {:.2}秒", start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Two computations of 2 seconds take 4 on the loop, which reports both, and 2 in processes.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[ReportKind::SlowCallback; 2])?;
        printed_in_order_at(
            outcome,
            &["4.0s コルーチン: 4.00秒", "6.0s ProcessPoolExecutor: 2.00秒"],
        )
    }
}

/// Executorはいつ使う？: the decision flow, and each of its ends at work. The executor is the last
/// resort: a library that knows async waits for all requests at once, a pool only for as many as it
/// has threads.
mod sync_library {
    use super::*;

    /// How long one way to the web server takes.
    const WAY: Duration = Duration::from_millis(250);

    /// 判断フロー
    fn decide(has_async_library: bool, cpu_bound: bool) {
        if has_async_library {
            out!("  async対応のライブラリがある？ → YES → そっちを使う（Executor不要）");
            return;
        }
        out!("  async対応のライブラリがある？ → NO → Executorを使う");
        match cpu_bound {
            true => out!("  CPUバウンド？ → YES → ProcessPoolExecutor"),
            false => out!("  CPUバウンド？ → NO（I/Oバウンド） → ThreadPoolExecutor"),
        }
    }

    async fn main() -> Result<()> {
        Site::new("example.com", WAY..=WAY).page("/", "<p>例</p>").serve();
        out!("=== async対応ライブラリがある場合（requests → aiohttp） ===");
        decide(true, false);
        let start = Instant::now();
        ClientSession::new()
            .scope(async |session| {
                let requests = (1..=20).map(|_| aiohttp_get(session.clone()));
                gather(requests.collect::<Vec<_>>()).await
            })
            .await?;
        out!("aiohttp: {:.2}秒", start.elapsed().as_secs_f64());

        out!("=== 1. 同期ライブラリしかない場合 ===");
        decide(false, false);
        let start = Instant::now();
        ThreadPool::new()
            .scope(async |executor| {
                let requests = (1..=20).map(|_| run_in_executor(&executor, requests_get));
                gather(requests.collect::<Vec<_>>()).await
            })
            .await?;
        out!("requests: {:.2}秒", start.elapsed().as_secs_f64());

        out!("=== 2. CPUバウンドな処理をasyncioの中で使いたい場合 ===");
        decide(false, true);
        let product = ProcessPool::new()
            .scope(async |executor| run_in_executor(&executor, heavy_computation).await)
            .await?;
        out!("計算結果: {product}");

        out!("=== 3. C拡張やOS操作などasync化できない処理 ===");
        decide(false, false);
        let address = run_in_executor(None, || getaddrinfo("example.com")).await?;
        out!("DNSの名前解決: {address}");
        Ok(())
    }

    async fn aiohttp_get(session: ClientSession) -> Result<String> {
        session.get("https://example.com").scope(async |response| response.text().await).await
    }

    /// The same without async: to connect, to get the page and to close are a round trip each.
    fn requests_get() -> Result<String> {
        blocking::sleep(6 * WAY);
        Ok("<p>例</p>".to_owned())
    }

    fn heavy_computation() -> Result<u64> {
        blocking::compute(Duration::from_secs(2));
        Ok((1..=10).product())
    }

    fn getaddrinfo(_host: &str) -> Result<Ipv4Addr> {
        blocking::io(Duration::from_millis(20)..=Duration::from_millis(200));
        Ok(Ipv4Addr::new(192, 0, 2, 1))
    }

    pub(super) fn program() -> Result<()> {
        run(main())
    }

    /// Twenty requests of a second and a half each: at once with the async library, in three rounds
    /// with the eight threads of a pool. The name is resolved within its range.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        took(outcome, Duration::from_millis(8_020)..Duration::from_millis(8_201))?;
        printed_in_order_at(
            outcome,
            &[
                "0.0s === async対応ライブラリがある場合（requests → aiohttp） ===",
                "0.0s   async対応のライブラリがある？ → YES → そっちを使う（Executor不要）",
                "1.5s aiohttp: 1.50秒",
                "1.5s === 1. 同期ライブラリしかない場合 ===",
                "1.5s   async対応のライブラリがある？ → NO → Executorを使う",
                "1.5s   CPUバウンド？ → NO（I/Oバウンド） → ThreadPoolExecutor",
                "6.0s requests: 4.50秒",
                "6.0s === 2. CPUバウンドな処理をasyncioの中で使いたい場合 ===",
                "6.0s   async対応のライブラリがある？ → NO → Executorを使う",
                "6.0s   CPUバウンド？ → YES → ProcessPoolExecutor",
                "8.0s 計算結果: 3628800",
                "8.0s === 3. C拡張やOS操作などasync化できない処理 ===",
                "8.0s   async対応のライブラリがある？ → NO → Executorを使う",
                "8.0s   CPUバウンド？ → NO（I/Oバウンド） → ThreadPoolExecutor",
                &format!("{} DNSの名前解決: 192.0.2.1", outcome.time),
            ],
        )
    }
}
