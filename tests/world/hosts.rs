//! Hosts: what runs where, what a crash leaves, and clocks that differ.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use seedloop::fs::{self, File};
use seedloop::host::{self, Host, system_time};
use seedloop::net::{TcpListener, TcpStream};
use seedloop::{
    ProcessPool, Result, Simulation, ThreadPool, all_tasks, blocking, gather, out, run,
    run_in_executor, running_loop, sleep, spawn, spawn_named,
};

const WAY: Duration = Duration::from_millis(100);

/// Says that it was dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        out!("{} was dropped on {}", self.0, host::current().name());
    }
}

fn lines<F: Future<Output = Result<()>> + 'static>(main: F) -> Vec<String> {
    let outcome = Simulation::new().block_on(main);
    outcome.result.unwrap();
    assert!(outcome.reports.is_empty(), "{:?}", outcome.reports);
    outcome.lines.iter().map(|line| format!("{} {}", line.time, line.text)).collect()
}

#[test]
fn a_task_runs_on_the_host_of_its_parent() {
    let lines = lines(async {
        let (a, b) = (Host::new("a"), Host::new("b"));
        let on_a = a.spawn(async move {
            let child = spawn(async { Ok(host::current().name()) });
            let there = b.spawn(async { Ok(host::current().name()) });
            let callback = running_loop()?;
            callback.call_soon(|| out!("a callback on {}", host::current().name()))?;
            Ok(format!("{} {} {}", host::current().name(), child.await?, there.await?))
        });
        out!("{} and {}", on_a.await?, host::current().name());
        assert_eq!(Host::find("a"), Some(a));
        assert_eq!((a.address().to_string(), b.address().to_string()), addresses());
        Ok(())
    });
    assert_eq!(lines, ["0.0s a callback on a", "0.0s a a b and main"]);
}

fn addresses() -> (String, String) {
    ("10.0.0.2".to_owned(), "10.0.0.3".to_owned())
}

/// Tasks, timers and callbacks of the host are gone; those of others go on. Software starts anew.
#[test]
fn a_crash_ends_all_that_ran_on_the_host() {
    let lines = lines(async {
        let host = Host::new("host");
        host.run(async || {
            let _guard = Guard("software");
            out!("software begins");
            running_loop()?.call_later(WAY * 3, || out!("a timer that must not fire"))?;
            let child = spawn_named("child", async {
                let _guard = Guard("child");
                sleep(Duration::from_secs(9_000)).await?;
                Ok(())
            });
            drop(child.await);
            out!("never reached: the child's end is no news to who has crashed with it");
            Ok(())
        });
        let elsewhere = spawn(async { Ok(sleep(WAY * 5).await?) });
        let awaited = host.spawn(async { Ok(sleep(Duration::from_secs(9_000)).await?) });
        sleep(WAY).await?;
        host.crash();
        assert!(!host.is_up());
        host.crash();
        assert!(awaited.await.unwrap_err().is_cancelled());
        sleep(WAY).await?;
        let left: BTreeSet<_> = all_tasks()?.iter().filter_map(|task| task.name()).collect();
        assert_eq!(left.into_iter().collect::<Vec<_>>(), ["Task-1", "Task-2"]);
        host.restart();
        sleep(WAY).await?;
        host.restart();
        elsewhere.await
    });
    let dropped = ["software was dropped on host", "child was dropped on host"];
    let expected = [
        "0.0s software begins".to_owned(),
        format!("0.1s {}", dropped[0]),
        format!("0.1s {}", dropped[1]),
        "0.2s software begins".to_owned(),
        format!("0.3s {}", dropped[0]),
        format!("0.3s {}", dropped[1]),
        "0.3s software begins".to_owned(),
    ];
    assert_eq!(lines[..7], expected);
}

/// A pool works for all hosts of a loop.
#[test]
fn the_jobs_of_a_crashed_host_end_with_it() {
    let lines = lines(async {
        let pool = ThreadPool::with_workers(1)?;
        let host = Host::new("host");
        let own = pool.clone();
        host.spawn(async move {
            let first = run_in_executor(&own, || {
                let _guard = Guard("the first job");
                blocking::sleep(WAY);
                out!("the first job is on {}", host::current().name());
                blocking::sleep(Duration::from_secs(9_000));
                Ok(out!("never: the host is down"))
            });
            drop(run_in_executor(&own, || Ok(out!("never: it was waiting for the worker"))));
            first.await
        });
        sleep(WAY).await?;
        let others = [
            run_in_executor(&pool, || Ok(blocking::sleep(WAY))),
            run_in_executor(&pool, || Ok(out!("the last job is on {}", host::current().name()))),
        ];
        sleep(WAY).await?;
        host.crash();
        let [other, last] = others;
        gather([other, last]).await?;
        pool.shutdown()
    });
    let expected = [
        "0.1s the first job is on host",
        "0.2s the first job was dropped on host",
        "0.3s the last job is on main",
    ];
    assert_eq!(lines, expected);
}

/// A callback of a crashed host is not called by a job of another one.
#[test]
fn a_callback_goes_with_its_host() {
    let lines = lines(async {
        let pool = ThreadPool::with_workers(1)?;
        let job = pool.submit(|| Ok(blocking::sleep(WAY * 2)))?;
        let (host, of_host) = (Host::new("host"), job.clone());
        host.spawn(async move {
            of_host.add_done_callback(|_| out!("never: the host is down"));
            Ok(sleep(Duration::from_secs(9_000)).await?)
        });
        sleep(WAY).await?;
        job.add_done_callback(|job| out!("on {}: {job:?}", host::current().name()));
        host.crash();
        host.restart();
        job.await?;
        pool.shutdown()
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("0.2s on main: "), "{lines:?}");
}

/// What destructors of a crashed host do reaches nobody.
#[test]
fn a_destructor_after_a_crash_reaches_neither_network_nor_disk() {
    struct Last(TcpStream);
    impl Drop for Last {
        fn drop(&mut self) {
            let mut stream = self.0.clone();
            drop(spawn(async move {
                fs::write("last words", "x").await?;
                Ok(stream.write_all(b"last words").await?)
            }));
        }
    }
    let error = run(async {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let host = Host::new("host");
        host.spawn(async {
            let _last = Last(TcpStream::connect("main:80").await?);
            Ok(sleep(Duration::from_secs(9_000)).await?)
        });
        let (mut stream, _) = listener.accept().await?;
        host.crash();
        host.restart();
        sleep(WAY).await?;
        let left = host.spawn(async { Ok(fs::try_exists("last words").await?) });
        assert!(!left.await?);
        Ok(stream.read(&mut [0; 16]).await?)
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "the connection was reset (10.0.0.1:80 to 10.0.0.2:32768)"
    );
}

/// Writes and crashes; returns what is there afterwards.
async fn what_is_left(writing: impl AsyncFn() -> Result<()> + 'static) -> Result<String> {
    let host = Host::new("db");
    let written = host.spawn(async move { writing().await });
    written.await?;
    host.crash();
    host.restart();
    let left = host.spawn(async {
        let mut left = Vec::new();
        for entry in fs::read_dir("/").await? {
            let text = fs::read(entry.path()).await?;
            left.push(format!("{}={}", entry.path().display(), text.escape_ascii()));
        }
        Ok(left.join(" "))
    });
    left.await
}

fn all_that_is_left(
    seeds: u64,
    writing: impl AsyncFn() -> Result<()> + Copy + 'static,
) -> BTreeSet<String> {
    let left = (0..seeds).map(|seed| {
        let outcome = Simulation::new().seed(seed).block_on(what_is_left(writing));
        outcome.result.unwrap_or_else(|error| panic!("seed {seed}: {error}"))
    });
    left.collect()
}

async fn sync_root() -> Result<()> {
    Ok(File::open("/").await?.sync_all().await?)
}

/// "Data written and synced before a crash must be there after it, every time."
#[test]
fn what_was_synced_is_there_after_every_crash() {
    async fn writing() -> Result<()> {
        let mut file = File::create("f").await?;
        file.write_all(b"one").await?;
        file.sync_all().await?;
        fs::rename("f", "g").await?;
        sync_root().await
    }
    assert_eq!(all_that_is_left(500, writing), BTreeSet::from(["/g=one".to_owned()]));
}

/// "Nothing unsynced may be trusted": each part of it may be there, on its own.
#[test]
fn what_was_not_synced_is_lost_torn_or_there() {
    async fn writing() -> Result<()> {
        let mut file = File::create("f").await?;
        file.write_all(b"AAAAAAAA").await?;
        file.sync_all().await?;
        sync_root().await?;
        file.write_all(b"BBBBBBBB").await?;
        file.write_all(b"CCCCCCCC").await?;
        Ok(())
    }
    let left = all_that_is_left(2_000, writing);
    let (b, c) = ("BBBBBBBB", "CCCCCCCC");
    for (whole_b, torn_c) in [(b, ""), (b, "C"), (b, c), ("", ""), ("BBB", "")] {
        let text = format!("/f=AAAAAAAA{whole_b}{torn_c}");
        assert!(left.contains(&text), "{text} is not among {left:?}");
    }
    // One sector: the second write is not there without the first, but its length may be.
    assert!(left.contains(&format!("/f=AAAAAAAA{}", "\\x00".repeat(16))), "{left:?}");
    assert!(!left.iter().any(|text| text.contains("\\x00C")), "{left:?}");
    assert!(left.iter().all(|text| text.starts_with("/f=AAAAAAAA")), "{left:?}");
    let dull = Simulation::new().block_on(what_is_left(writing));
    assert_eq!(dull.result.unwrap(), "/f=AAAAAAAA");
}

/// A name is there or not, a rename happens as a whole or not at all, and only with the names that
/// it changes.
#[test]
fn names_that_were_not_synced_may_be_there_with_what_they_build_on() {
    async fn writing() -> Result<()> {
        for (name, text) in [("old", "old"), ("new", "new")] {
            let mut file = File::create(name).await?;
            file.write_all(text.as_bytes()).await?;
            file.sync_all().await?;
        }
        fs::rename("new", "old").await?;
        Ok(())
    }
    let left = all_that_is_left(500, writing);
    let expected = ["", "/new=new", "/new=new /old=old", "/old=new", "/old=old"];
    assert_eq!(left.into_iter().collect::<Vec<_>>(), expected);
}

/// Without a seed an operation that had not ended when the host crashed has no effect, whoever
/// comes after.
#[test]
fn a_crash_in_the_middle_of_an_operation_takes_it_back() {
    let text = run(async {
        let host = Host::new("db");
        fs::disk(host).set_latency(WAY..=WAY);
        let writing = host.spawn(async { Ok(fs::write("f", "x").await?) });
        sleep(WAY / 2).await?;
        host.crash();
        host.restart();
        assert!(writing.await.unwrap_err().is_cancelled());
        sleep(WAY).await?;
        host.spawn(async { Ok(fs::read_dir("/").await?.len()) }).await
    });
    assert_eq!(text.unwrap(), 0);
}

#[test]
fn clocks_differ_by_host_and_drift() {
    let shown = run(async {
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
        let since = move |time: SystemTime| match time.duration_since(begin) {
            Ok(after) => after.as_millis() as i128,
            Err(before) => -(before.duration().as_millis() as i128),
        };
        let (ahead, behind, fast) = (Host::new("ahead"), Host::new("behind"), Host::new("fast"));
        ahead.set_clock_ahead(Duration::from_secs(60));
        behind.set_clock_behind(Duration::from_secs(60));
        fast.set_clock_drift(1_000);
        sleep(Duration::from_secs(10)).await?;
        let read = |host: Host| host.spawn(async move { Ok(since(system_time())) });
        let shown = gather([read(ahead), read(behind), read(fast)]).await?;
        fast.set_clock_drift(0);
        sleep(Duration::from_secs(10)).await?;
        Ok((since(system_time()), shown, read(fast).await?))
    });
    // 1,000 µs in a second for ten seconds are 10 ms.
    assert_eq!(shown.unwrap(), (20_000, [70_000, -50_000, 10_010], 20_010));
}

/// The times of a file are what the clock of its host said when it was changed, however it is set
/// afterwards. Source: POSIX, `utimensat` alone sets them to something else.
#[test]
fn the_times_of_a_file_stand_still() {
    let times = run(async {
        let host = Host::new("a");
        let set = async move {
            use seedloop::tokio::fs;
            let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
            host.set_clock_drift(500_000);
            sleep(Duration::from_secs(10)).await?;
            fs::write("f", "text").await?;
            let mut times = Vec::new();
            for ahead in [0, 60] {
                if ahead > 0 {
                    host.set_clock_ahead(Duration::from_secs(ahead));
                }
                sleep(Duration::from_secs(10)).await?;
                let modified = fs::metadata("f").await?.modified()?;
                times.push(modified.duration_since(begin).unwrap_or_default().as_millis());
            }
            Ok(times)
        };
        fs::disk(host).set_latency(Duration::ZERO..=Duration::ZERO);
        host.spawn(set).await
    });
    assert_eq!(times.unwrap(), [15_000, 15_000]);
}

#[test]
#[should_panic(expected = "there is a host called 'a' already; use another name")]
fn a_name_is_given_once() {
    run(async {
        let _ = (Host::new("a"), Host::new("a"));
        Ok(())
    })
    .unwrap();
}

#[test]
#[should_panic(expected = "\"10.0.0.1\" is no name of a host")]
fn an_address_is_no_name() {
    run(async { Ok(Host::new("10.0.0.1")) }).unwrap();
}

#[test]
#[should_panic(expected = "the host 'a' is down; call `restart` first")]
fn nothing_is_spawned_on_a_host_that_is_down() {
    run(async {
        let host = Host::new("a");
        host.crash();
        drop(host.spawn(async { Ok(()) }));
        Ok(())
    })
    .unwrap();
}

#[test]
#[should_panic(expected = "a host was used outside of the simulation that made it; make it inside")]
fn a_host_belongs_to_its_simulation() {
    let host = run(async { Ok(Host::new("a")) }).unwrap();
    host.crash();
}

#[test]
#[should_panic(expected = "the test itself stands on 'main'; crash another host")]
fn the_test_cannot_crash_its_own_host() {
    run(async {
        host::current().crash();
        Ok(())
    })
    .unwrap();
}

/// Spawns and sets callbacks, each of which says that it has run.
fn haunt(who: &'static str) {
    drop(spawn(async move { Ok(out!("{who}: a task")) }));
    let here = running_loop().unwrap();
    here.call_soon(move || out!("{who}: call_soon")).unwrap();
    let later = here.call_later(WAY, move || out!("{who}: call_later")).unwrap();
    out!("{who} has begun, cancelled: {}", later.is_cancelled());
}

struct Haunts;

impl Drop for Haunts {
    fn drop(&mut self) {
        haunt("a destructor");
    }
}

/// What begins on a host that is down never runs: not out of destructors, not out of a task that
/// has crashed its own host, and not when a future is done.
#[test]
fn nothing_begins_on_a_host_that_has_crashed() {
    let lines = lines(async {
        let (one, other) = (Host::new("one"), Host::new("other"));
        let done = running_loop()?.create_future::<()>()?;
        let waited = done.clone();
        one.spawn(async move {
            let _haunts = Haunts;
            waited.add_done_callback(|_| out!("a done-callback"))?;
            Ok(sleep(Duration::from_secs(9_000)).await?)
        });
        let suicide = other.spawn(async move {
            other.crash();
            haunt("a task");
            Ok(sleep(WAY).await?)
        });
        sleep(WAY).await?;
        one.crash();
        assert!(suicide.await.unwrap_err().is_cancelled());
        one.restart();
        done.set_result(())?;
        one.spawn(async { Ok(haunt("the next life")) }).await?;
        Ok(sleep(WAY * 5).await?)
    });
    let expected = [
        "0.0s a task has begun, cancelled: true",
        "0.1s a destructor has begun, cancelled: true",
        "0.1s the next life has begun, cancelled: false",
        "0.1s the next life: a task",
        "0.1s the next life: call_soon",
        "0.2s the next life: call_later",
    ];
    assert_eq!(lines, expected);
}

/// Jobs of a process pool that were handed over and not begun leave their places to others.
#[test]
fn a_crash_gives_back_the_places_of_jobs_that_were_handed_over() {
    let lines = lines(async {
        let pool = ProcessPool::with_workers(1)?;
        let slow = run_in_executor(&pool, || Ok(blocking::sleep(WAY)));
        let (host, own) = (Host::new("host"), pool.clone());
        host.spawn(async move {
            let job = run_in_executor(&own, || Ok(out!("never: it was handed over")));
            drop(run_in_executor(&own, || Ok(out!("never: it was in the queue"))));
            job.await
        });
        sleep(WAY / 2).await?;
        host.crash();
        let next = pool.submit(|| Ok(out!("the next job")))?;
        let last = pool.submit(|| Ok(out!("never: it was not handed over")))?;
        // One runs and one more is where it can no longer be cancelled.
        out!("cancelled: {}, {}", next.cancel(), last.cancel());
        slow.await?;
        sleep(WAY).await?;
        pool.shutdown()
    });
    assert_eq!(lines, ["0.05s cancelled: false, true", "0.1s the next job"]);
}

/// A job of a pool cannot start what a host runs; the panic says what can.
#[test]
fn nothing_is_started_where_no_loop_runs() {
    let error = run(async {
        let host = Host::new("a");
        host.run(|| async { Ok(()) });
        let restart = move || {
            host.restart();
            Ok(())
        };
        run_in_executor(None, restart).await
    });
    let text = error.unwrap_err().to_string();
    let expected = "nothing can be started on the host 'a' where no loop runs: outside of a run, \
                    in a rule of the network, or in a job of a pool; let a task do it";
    assert!(text.contains(expected) && text.contains("tests/world/hosts.rs"), "{text}");
}
