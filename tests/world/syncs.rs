//! What a sync covers, and whom its failure is told.

use std::collections::BTreeSet;
use std::io::SeekFrom;
use std::time::Duration;

use seedloop::fs::{self, File, OpenOptions};
use seedloop::host::{self, Host};
use seedloop::{Ratio, Result, Simulation, sleep, spawn};

const MILLI: Duration = Duration::from_millis(1);

/// How long an operation takes that begins now.
fn takes(millis: u32) {
    fs::set_latency(MILLI * millis..=MILLI * millis);
}

async fn sync(path: &str) -> Result<()> {
    Ok(File::open(path).await?.sync_all().await?)
}

async fn writable(path: &str) -> Result<File> {
    Ok(OpenOptions::new().write(true).open(path).await?)
}

/// The files of the root, as they are.
async fn tree() -> Result<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/").await? {
        let readonly = if entry.metadata().is_readonly() { " readonly" } else { "" };
        let text = fs::read_to_string(entry.path()).await?;
        found.push(format!("{}={text}{readonly}", entry.file_name().to_string_lossy()));
    }
    Ok(found.join(" "))
}

/// All that crashes leave after `body`, on a disk with a file `f` that is `----` and safe; each
/// operation takes one millisecond.
fn left(seeds: u64, body: impl AsyncFn() -> Result<()> + Copy + 'static) -> Vec<String> {
    let left = (0..seeds).map(|seed| {
        let outcome = Simulation::new().seed(seed).block_on(async move {
            let host = Host::new("db");
            let before = host.spawn(async move {
                takes(1);
                let mut file = File::create("f").await?;
                file.write_all(b"----").await?;
                file.sync_all().await?;
                sync("/").await?;
                body().await
            });
            before.await?;
            host.crash();
            host.restart();
            host.spawn(tree()).await
        });
        outcome.result.unwrap_or_else(|error| panic!("seed {seed}: {error}"))
    });
    left.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What was written before a sync began is safe at its end, what is written while it goes on is
/// the next one's. Source: POSIX, fsync: it forces what is queued "at the time of the call".
#[test]
fn a_sync_covers_what_was_written_before_it_began() {
    let left = left(300, async || {
        let (mut log, mut other) = (writable("f").await?, writable("f").await?);
        log.write_all(b"A").await?;
        takes(10);
        let syncing = spawn(async move { Ok(other.sync_all().await?) });
        sleep(MILLI).await?;
        takes(1);
        log.write_all(b"B").await?;
        syncing.await
    });
    assert_eq!(left, ["f=A---", "f=AB--"]);
}

#[test]
fn a_sync_in_tokios_shape_covers_no_more() {
    use seedloop::tokio;
    let left = left(300, async || {
        let mut log = writable("f").await?;
        log.write_all(b"A").await?;
        let other = tokio::fs::OpenOptions::new().write(true).open("f").await?;
        takes(10);
        let syncing = spawn(async move { Ok(other.sync_data().await?) });
        sleep(MILLI).await?;
        takes(1);
        log.write_all(b"B").await?;
        syncing.await
    });
    assert_eq!(left, ["f=A---", "f=AB--"]);
}

/// The names that a directory had when its sync began.
#[test]
fn a_sync_of_a_directory_covers_the_names_that_it_had() {
    let left = left(300, async || {
        let mut root = File::open("/").await?;
        fs::rename("f", "g").await?;
        takes(10);
        let syncing = spawn(async move { Ok(root.sync_all().await?) });
        sleep(MILLI).await?;
        takes(1);
        fs::rename("g", "h").await?;
        syncing.await
    });
    assert_eq!(left, ["g=----", "h=----"]);
}

/// The permission that a file had when its sync began; and with `sync_data` any.
#[test]
fn a_sync_covers_the_permission_that_was_set_before_it_began() {
    let readonly = |sets_before: bool| {
        left(300, async move || {
            let mut file = writable("f").await?;
            fs::set_readonly("f", sets_before).await?;
            takes(10);
            let syncing = spawn(async move { Ok(file.sync_all().await?) });
            sleep(MILLI).await?;
            takes(1);
            fs::set_readonly("f", !sets_before).await?;
            syncing.await
        })
    };
    assert_eq!(readonly(true), ["f=----", "f=---- readonly"]);
    assert_eq!(readonly(false), ["f=----", "f=---- readonly"]);
    let twice = left(300, async || {
        let (mut one, mut two) = (writable("f").await?, writable("f").await?);
        takes(20);
        let first = spawn(async move { Ok(one.sync_all().await?) });
        sleep(MILLI).await?;
        takes(1);
        fs::set_readonly("f", true).await?;
        two.write_all(b"A").await?;
        two.sync_all().await?;
        // It covers less, and takes nothing back.
        first.await
    });
    assert_eq!(twice, ["f=A--- readonly"]);
}

/// However much is done while a file and its directory are synced.
#[test]
fn a_sync_tells_what_came_later_apart_from_the_rest() {
    let left = left(60, async || {
        let (mut log, mut other) = (writable("f").await?, writable("f").await?);
        let mut root = File::open("/").await?;
        log.write_all(b"A").await?;
        takes(5_000);
        let syncing = spawn(async move { Ok(other.sync_all().await?) });
        let syncing_root = spawn(async move { Ok(root.sync_all().await?) });
        sleep(MILLI).await?;
        takes(1);
        for _ in 0..1_200 {
            log.seek(SeekFrom::Start(1)).await?;
            log.write_all(b"B").await?;
            fs::rename("f", "g").await?;
            fs::rename("g", "f").await?;
        }
        syncing.await?;
        syncing_root.await
    });
    assert_eq!(left, ["f=A---", "f=AB--", "g=A---", "g=AB--"]);
}

/// Pages that were written to while the sync went on are dirty after its failure, and the next one
/// writes them.
#[test]
fn a_failed_sync_forgets_nothing_that_came_later() {
    let left = left(300, async || {
        let (mut log, mut other) = (writable("f").await?, writable("f").await?);
        log.write_all(b"A").await?;
        takes(10);
        // Whether it fails is decided when it begins, unless the disk is healed by its end.
        fs::disk(host::current()).set_failures(Ratio::ONE);
        let syncing = spawn(async move { Ok(other.sync_all().await?) });
        sleep(MILLI).await?;
        takes(1);
        fs::disk(host::current()).set_failures(Ratio::ZERO);
        log.write_all(b"B").await?;
        fs::disk(host::current()).set_failures(Ratio::ONE);
        drop(syncing.await);
        fs::disk(host::current()).set_failures(Ratio::ZERO);
        sync("f").await
    });
    assert_eq!(left, ["f=-B--", "f=AB--"]);
}

/// Each file that was open then is told of it once, by its own sync, whatever that wrote; one that
/// is opened later is not. Source: Linux, fsync(2), `EIO`, since 4.13.
#[test]
fn each_open_file_hears_of_a_failed_sync_once() {
    let told = (0..100).map(|seed| {
        let told = Simulation::new().seed(seed).block_on(async {
            let disk = fs::disk(host::current());
            let mut one = File::create("f").await?;
            let (mut two, mut three) = (writable("f").await?, File::open("f").await?);
            let mut root = File::open("/").await?;
            one.write_all(b"data").await?;
            disk.set_failures(Ratio::ONE);
            let mut told = vec![one.sync_all().await, root.sync_all().await];
            disk.set_failures(Ratio::ZERO);
            let mut later = File::open("f").await?;
            two.write_all(b"more").await?;
            told.push(two.sync_data().await);
            told.push(two.sync_all().await);
            told.push(one.sync_all().await);
            told.push(later.sync_all().await);
            told.push(three.sync_all().await);
            told.push(three.sync_all().await);
            told.push(root.sync_all().await);
            Ok(told.iter().map(Result::is_err).collect::<Vec<_>>())
        });
        let told = told.result.unwrap();
        (told[0], told[1], told[2..].to_vec())
    });
    let told: BTreeSet<_> = told.collect();
    let after = |failed| vec![failed, false, false, false, failed, false, false];
    // A run has such faults or has none.
    let all = [false, true].map(|fails| (fails, fails, after(fails)));
    assert_eq!(told, all.into_iter().collect());
}

/// Told of the failure of another, a sync has written what it covers all the same.
#[test]
fn a_sync_that_hears_of_a_failure_has_written() {
    let left = left(300, async || {
        let (mut one, mut two) = (writable("f").await?, writable("f").await?);
        one.write_all(b"A").await?;
        let disk = fs::disk(host::current());
        disk.set_failures(Ratio::ONE);
        let failed = one.sync_all().await.is_err();
        disk.set_failures(Ratio::ZERO);
        two.seek(SeekFrom::Start(1)).await?;
        two.write_all(b"B").await?;
        Ok(assert_eq!(two.sync_all().await.is_err(), failed))
    });
    assert_eq!(left, ["f=-B--", "f=AB--"]);
}
