//! 実践的な例: requests over a network, what an `async with` does around them, and files.

use std::time::Duration;

use seedloop::fs::{self, File};
use seedloop::sync::Event;
use seedloop::{Instant, Outcome, Result, gather, out, run, sleep, spawn};
use seedloop_cli::{Scenario, Verdict};

use crate::verdict::{printed, printed_in_order_at, reported, took};
use crate::web::{ClientSession, Site};

/// The scenarios of this chapter, in the order of the document.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fetch-urls",
        section: "実践的な例 / 複数のURLから同時にデータを取得",
        summary: "three pages, fetched at once, take the time of the slowest",
        body: || run(fetch_urls::main()),
        check: fetch_urls::check,
    },
    Scenario {
        name: "async-with",
        section: "実践的な例 / 複数のURLから同時にデータを取得",
        summary: "a block awaits its resource, and releases it also when it is cancelled",
        body: || run(async_with::main()),
        check: async_with::check,
    },
    Scenario {
        name: "files",
        section: "実践的な例 / 非同期でのファイル操作",
        summary: "three files are read at once, and written as one",
        body: || run(files::main()),
        check: files::check,
    },
];

/// What the front page of `example.com` says: 44 characters in 88 bytes.
const EXAMPLE_PAGE: &str = "<title>例</title><p>このドメインは例として使うためのものです。</p>";

/// The outside: what answers at the addresses, and how long each way to there takes.
fn serve_hosts() {
    let ms = Duration::from_millis;
    let example = Site::new("example.com", ms(100)..=ms(120)).page("/", EXAMPLE_PAGE);
    example.think(ms(100)).serve();
    Site::new("python.org", ms(110)..=ms(130)).page("/", "<p>Python</p>").serve();
    Site::new("docs.python.org", ms(120)..=ms(150)).page("/", "<p>docs</p>").serve();
}

/// 複数のURLから同時にデータを取得: requests that wait at the same time. `https` is a label here, and
/// lengths count characters, as Python's `len` does.
mod fetch_urls {
    use super::*;

    async fn fetch(session: ClientSession, url: &str) -> Result<String> {
        session.get(url).scope(async |response| response.text().await).await
    }

    async fn fetch_all(urls: &[&'static str]) -> Result<Vec<String>> {
        ClientSession::new()
            .scope(async |session| {
                let tasks: Vec<_> = urls.iter().map(|url| fetch(session.clone(), url)).collect();
                gather(tasks).await
            })
            .await
    }

    pub(super) async fn main() -> Result<()> {
        serve_hosts();
        let urls = ["https://example.com", "https://python.org", "https://docs.python.org"];

        let start = Instant::now();
        let results = fetch_all(&urls).await?;
        let end = Instant::now();

        out!("取得完了: {} URLs in {:.2} 秒", results.len(), (end - start).as_secs_f64());
        out!("最初の結果の長さ: {} 文字", results[0].chars().count());
        Ok(())
    }

    /// To connect, to get the page and to close are a round trip each, of 0.24 to 0.3 seconds to
    /// the slowest host; one page after the other would take 2.08 seconds at least. The text of the
    /// first page comes 0.1 seconds after its head.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        took(outcome, Duration::from_millis(740)..Duration::from_millis(901))?;
        let seconds = outcome.time.since_start().as_secs_f64();
        let fetched = format!("取得完了: 3 URLs in {seconds:.2} 秒");
        printed(outcome, &[&[&fetched], &["最初の結果の長さ: 44 文字"]])
    }
}

/// `async with`: the way into the block and the way out of it are awaited, so that others run
/// meanwhile; and the way out comes also when the block is cancelled.
///
/// A connection whose response was read is given back at once, for the next request. One whose
/// response is still on its way is closed, and the end of the block waits for that.
mod async_with {
    use super::*;

    const URL: &str = "https://example.com";

    pub(super) async fn main() -> Result<()> {
        serve_hosts();
        let session = ClientSession::new();
        let kept = session.clone();
        session
            .scope(async |session| {
                let other = spawn(other_coroutine(session.clone()));
                out!("HTTPリクエストを開始（使用中の接続: {}）", session.connections_in_use());
                session
                    .get(URL)
                    .scope(async |response| {
                        let in_use = session.connections_in_use();
                        out!("responseに代入: {}（使用中の接続: {in_use}）", response.status());
                        response.text().await
                    })
                    .await?;
                out!("ブロックが終了（使用中の接続: {}）", session.connections_in_use());
                other.await?;
                leave_unread(session).await?;
                cancel_in_mid_response(session).await
            })
            .await?;
        out!("セッションが終了（接続: {}）", kept.connections());
        Ok(())
    }

    async fn other_coroutine(session: ClientSession) -> Result<()> {
        sleep(Duration::from_millis(50)).await?;
        out!("他のコルーチンがCPUを使う（使用中の接続: {}）", session.connections_in_use());
        Ok(())
    }

    /// The body is on its way when the block ends.
    async fn leave_unread(session: &ClientSession) -> Result<()> {
        let mut end = Instant::now();
        session
            .get(URL)
            .scope(async |response| {
                out!("本文を読まずに終了: {}", response.status());
                end = Instant::now();
                Ok(())
            })
            .await?;
        show_release(session, end);
        Ok(())
    }

    /// Says what has become of a connection since the moment at which its block ended.
    fn show_release(session: &ClientSession, end: Instant) {
        let released = if end.elapsed().is_zero() { "同期的に" } else { "非同期的に" };
        let in_use = session.connections_in_use();
        out!("リソースは{released}解放された（使用中の接続: {in_use}）");
    }

    /// The body is on its way when the task is cancelled.
    async fn cancel_in_mid_response(session: &ClientSession) -> Result<()> {
        let responding = Event::new();
        let task = spawn(download(session.clone(), responding.clone()));
        responding.wait().await?;
        out!("レスポンスの途中でキャンセル（使用中の接続: {}）", session.connections_in_use());
        task.cancel();
        let end = Instant::now();
        if task.await.is_err_and(|error| error.is_cancelled()) {
            show_release(session, end);
        }
        Ok(())
    }

    async fn download(session: ClientSession, responding: Event) -> Result<String> {
        session
            .get(URL)
            .scope(async |response| {
                responding.set();
                response.text().await
            })
            .await
    }

    /// No schedule and no latency leaves a connection in use behind a block. There are seven round
    /// trips, of 0.2 to 0.24 seconds each: two with the text, which comes 0.1 seconds after its
    /// head, two without it, and three with the cancel.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        took(outcome, Duration::from_millis(1_500)..Duration::from_millis(1_781))?;
        printed(
            outcome,
            &[
                &["HTTPリクエストを開始（使用中の接続: 0）"],
                &["他のコルーチンがCPUを使う（使用中の接続: 0）"],
                &["responseに代入: 200（使用中の接続: 1）"],
                &["ブロックが終了（使用中の接続: 0）"],
                &["本文を読まずに終了: 200"],
                &["リソースは非同期的に解放された（使用中の接続: 0）"],
                &["レスポンスの途中でキャンセル（使用中の接続: 1）"],
                &["リソースは非同期的に解放された（使用中の接続: 0）"],
                &["セッションが終了（接続: 0）"],
            ],
        )
    }
}

/// 非同期でのファイル操作: files that are read at the same time, each in an `async with` that closes it.
mod files {
    use super::*;

    async fn read_file(filename: &str) -> Result<String> {
        let file = File::open(filename).await?;
        file.scope(async |f| {
            let mut content = String::new();
            f.read_to_string(&mut content).await?;
            Ok(content)
        })
        .await
    }

    async fn write_file(filename: &str, content: &str) -> Result<()> {
        let file = File::create(filename).await?;
        file.scope(async |f| Ok(f.write_all(content.as_bytes()).await?)).await
    }

    async fn process_files() -> Result<()> {
        // 複数のファイルを並行して読み込み
        let tasks = [read_file("file1.txt"), read_file("file2.txt"), read_file("file3.txt")];
        let start = Instant::now();

        let contents = gather(tasks).await?;
        out!("{}つのファイル: {:.1}秒", contents.len(), start.elapsed().as_secs_f64());

        // 処理を行う（例：すべての内容を結合）
        let combined = contents.join("\n");

        // 結果を書き込み
        write_file("combined.txt", &combined).await
    }

    pub(super) async fn main() -> Result<()> {
        let operation = Duration::from_millis(100);
        fs::set_latency(operation..=operation);
        for number in 1..=3 {
            let content = format!("{number}つ目の内容");
            write_file(&format!("file{number}.txt"), &content).await?;
        }

        process_files().await?;

        out!("combined.txt:");
        for line in read_file("combined.txt").await?.lines() {
            out!("{line}");
        }
        out!("開いているファイル: {}", fs::open_files());
        Ok(())
    }

    /// To open, read and close take 0.1 seconds each, for one file as for three at once.
    pub(super) fn check(outcome: &Outcome<Result<()>>) -> Verdict {
        reported(outcome, &[])?;
        printed_in_order_at(
            outcome,
            &[
                "1.2s 3つのファイル: 0.3秒",
                "1.5s combined.txt:",
                "1.8s 1つ目の内容",
                "1.8s 2つ目の内容",
                "1.8s 3つ目の内容",
                "1.8s 開いているファイル: 0",
            ],
        )
    }
}
