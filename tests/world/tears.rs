//! What a crash leaves of what was not synced: sectors, lengths, operations that had not ended,
//! permissions, and what a sync that failed had to write.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use seedloop::explore::ChoiceKind;
use seedloop::fs::{self, File, OpenOptions};
use seedloop::host::{self, Host};
use seedloop::{Instant, Outcome, Ratio, Result, Simulation, sleep};

const WAY: Duration = Duration::from_millis(100);
const SECTOR: usize = 512;

async fn sync_root() -> Result<()> {
    Ok(File::open("/").await?.sync_all().await?)
}

/// A file `f` with these contents, which outlives every crash.
async fn safe(contents: &[u8]) -> Result<File> {
    let options = OpenOptions::new().read(true).write(true).create(true);
    let mut file = options.open("f").await?;
    file.write_all(contents).await?;
    file.sync_all().await?;
    sync_root().await?;
    file.seek(std::io::SeekFrom::Start(0)).await?;
    Ok(file)
}

/// Runs `before` on a host which crashes at its end, and `after` when it is up again.
async fn crashed<T: 'static, U: 'static>(
    before: impl AsyncFnOnce() -> Result<T> + 'static,
    after: impl AsyncFnOnce() -> Result<U> + 'static,
) -> Result<(T, U)> {
    let host = Host::new("db");
    fs::disk(host).set_latency(Duration::ZERO..=Duration::ZERO);
    let before = host.spawn(async { before().await }).await?;
    host.crash();
    host.restart();
    let after = host.spawn(async { after().await }).await?;
    Ok((before, after))
}

fn result<T>(seed: u64, outcome: Outcome<T>) -> T {
    outcome.result.unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

/// All that is found under so many seeds, and under none.
fn all<T, F>(seeds: u64, body: impl Fn() -> F) -> Vec<T>
where
    T: Ord + Debug + 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let seeded = (0..seeds).map(|seed| result(seed, Simulation::new().seed(seed).block_on(body())));
    seeded.collect::<BTreeSet<T>>().into_iter().collect()
}

fn dull<T: 'static, F: Future<Output = Result<T>> + 'static>(body: impl Fn() -> F) -> T {
    result(0, Simulation::new().block_on(body()))
}

/// How runs of the same byte follow each other: `A512 B100`.
fn told(bytes: &[u8]) -> String {
    let runs = bytes.chunk_by(|one, other| one == other);
    let runs = runs.map(|run| format!("{}{}", run[0].escape_ascii(), run.len()));
    runs.collect::<Vec<_>>().join(" ")
}

async fn read() -> Result<String> {
    Ok(told(&fs::read("f").await?))
}

async fn overwritten(at: usize, length: usize) -> Result<String> {
    let write = async move || {
        let mut file = safe(&[b'A'; 3 * SECTOR]).await?;
        file.seek(std::io::SeekFrom::Start(at as u64)).await?;
        Ok(file.write_all(&vec![b'B'; length]).await?)
    };
    Ok(crashed(write, read).await?.1)
}

/// Any of the three, and no part of one.
#[test]
fn sectors_survive_each_on_its_own() {
    let expected: BTreeSet<String> = (0..8_u32)
        .map(|kept| {
            let sector = |index: u32| [[b'A', b'B'][(kept >> index & 1) as usize]; SECTOR];
            told(&(0..3).flat_map(sector).collect::<Vec<u8>>())
        })
        .collect();
    let left = all(4_000, || overwritten(0, 3 * SECTOR));
    assert_eq!(left, expected.into_iter().collect::<Vec<_>>());
    assert_eq!(dull(|| overwritten(0, 3 * SECTOR)), "A1536");
}

/// What stands beside the bytes that a write covers is as it was, in its sectors too.
#[test]
fn a_write_across_two_sectors_touches_nothing_else() {
    let left = all(2_000, || overwritten(500, 100));
    assert_eq!(left, ["A1536", "A500 B100 A936", "A500 B12 A1024", "A512 B88 A936"]);
}

#[test]
fn a_write_in_one_sector_is_not_torn() {
    assert_eq!(all(500, || overwritten(600, 100)), ["A1536", "A600 B100 A836"]);
}

async fn appended() -> Result<String> {
    let write = async || {
        let mut file = safe(b"").await?;
        Ok(file.write_all(b"BBBB").await?)
    };
    Ok(crashed(write, read).await?.1)
}

/// The length may be there before the bytes; and an append may be cut short anywhere.
#[test]
fn an_append_may_leave_its_length_alone() {
    assert_eq!(all(1_000, appended), ["", "B1", "B2", "B3", "B4", "\\x004"]);
    assert_eq!(dull(appended), "");
}

/// Of an append of many sectors some are there, and zeros where the others should be.
#[test]
fn an_append_may_have_holes() {
    let left = all(2_000, || async {
        let write = async || {
            let mut file = safe(b"").await?;
            Ok(file.write_all(&[b'B'; 2 * SECTOR]).await?)
        };
        Ok(crashed(write, read).await?.1)
    });
    for hole in ["\\x001024", "\\x00512 B512", "B512 \\x00512", "B1024", "B384", "B512", ""] {
        assert!(left.contains(&hole.to_owned()), "{hole} is not among {left:?}");
    }
    assert_eq!(left.len(), 7 + 5, "{left:?}"); // 1/8, 2/8, 5/8, 6/8 and 7/8 of it
}

/// Writes 100 bytes, each by a write of its own, and syncs none; each in a sector of its own, or
/// one behind the other. Returns what is left of them.
async fn hundred(apart: usize) -> Result<Vec<u8>> {
    let write = async move || {
        let mut file = safe(b"").await?;
        for number in 0..100 {
            file.seek(std::io::SeekFrom::Start(u64::from(number) * apart as u64)).await?;
            file.write_all(&[number]).await?;
        }
        Ok(())
    };
    let read = async move || Ok(fs::read("f").await?.into_iter().step_by(apart).collect());
    Ok(crashed(write, read).await?.1)
}

/// What a crash leaves of `safe` bytes and what `change` does with the file.
fn left_of(
    seeds: u64,
    before: &'static [u8],
    change: impl AsyncFn(&mut File) -> Result<()> + Copy + 'static,
) -> Vec<String> {
    all(seeds, move || async move {
        let write = async move || {
            let mut file = safe(before).await?;
            change(&mut file).await
        };
        Ok(crashed(write, read).await?.1)
    })
}

/// The system writes a sector as it is at some moment: with both, with the first, or with a part of
/// one at the end; the length may be ahead of it.
#[test]
fn a_sector_is_there_as_it_was_at_some_moment() {
    let appended = left_of(3_000, b"A", async |file| {
        file.seek(std::io::SeekFrom::End(0)).await?;
        file.write_all(b"BB").await?;
        Ok(file.write_all(b"CC").await?)
    });
    let sectors = ["A1", "A1 B1", "A1 B2", "A1 B2 C1", "A1 B2 C2"];
    let ahead = ["A1 \\x002", "A1 \\x004", "A1 B1 \\x003", "A1 B2 \\x002"];
    let expected: BTreeSet<_> = sectors.into_iter().chain(ahead).collect();
    assert_eq!(appended, expected.into_iter().collect::<Vec<_>>());
    // Two sectors, the second write in both: three states of the first, two of the other.
    let overwritten = left_of(4_000, &[b'A'; 2 * SECTOR], async |file| {
        file.write_all(b"B").await?;
        Ok(file.write_all(&[b'C'; SECTOR]).await?)
    });
    let expected =
        ["A1024", "A512 C1 A511", "B1 A1023", "B1 A511 C1 A511", "B1 C511 A512", "B1 C512 A511"];
    assert_eq!(overwritten, expected);
}

/// What is kept is overwritten in place, and the length is written elsewhere: nothing puts the two
/// in an order. What is behind the cut is there only with it.
#[test]
fn what_was_written_before_a_cut_may_be_there_without_it() {
    let cut = left_of(1_000, &[b'A'; 2 * SECTOR], async |file| {
        file.set_len(SECTOR as u64).await?;
        file.write_all(&[b'B'; SECTOR]).await?;
        Ok(file.write_all(b"C").await?)
    });
    let expected =
        ["A1024", "A512", "A512 C1", "A512 \\x001", "B512", "B512 A512", "B512 C1", "B512 \\x001"];
    assert_eq!(cut, expected.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
}

/// However much was not synced: no more than 16 writes are decided on one by one.
#[test]
fn a_crash_takes_few_choices() {
    let mut counts = BTreeSet::new();
    for seed in 0..300 {
        let outcome = Simulation::new().seed(seed).block_on(hundred(1));
        let faults = outcome.choices.iter().filter(|choice| choice.kind == ChoiceKind::Fault);
        counts.insert(faults.count());
        let left = result(seed, outcome);
        // One sector, as it was at some moment, and a length that may be ahead of it.
        let written = left.iter().rposition(|byte| *byte > 0).map_or(0, |last| last + 1);
        assert!(left[..written].iter().copied().eq(0..written as u8), "{left:?}");
    }
    // None; the first so many and what comes next; all but one; each.
    assert_eq!(counts, BTreeSet::from([1, 2, 3, 18]));
}

/// One choice for the name of `g`, and if that is left one for its byte and one for its permission.
/// None for a file that no name leads to, nor for a length that is what it was.
#[test]
fn a_crash_asks_about_nothing_that_nobody_could_see() {
    let body = || {
        let write = async || {
            let mut file = safe(b"old").await?;
            let mut nameless = File::create("h").await?;
            nameless.write_all(b"x").await?;
            fs::remove_file("h").await?;
            sync_root().await?;
            file.set_len(3).await?;
            fs::write("g", "x").await?;
            fs::set_readonly("g", true).await?;
            // Both are open in the crash.
            Ok((file, nameless))
        };
        crashed(write, async || Ok(fs::read_dir("/").await?.len()))
    };
    let asked = (0..100).map(|seed| {
        let outcome = Simulation::new().seed(seed).block_on(body());
        let faults = outcome.choices.iter().filter(|choice| choice.kind == ChoiceKind::Fault);
        let count = faults.count();
        (result(seed, outcome).1, count)
    });
    assert_eq!(asked.collect::<BTreeSet<_>>(), BTreeSet::from([(1, 1), (2, 3)]));
}

/// Each number of writes is as likely as another, from one to all: with a choice for each of them
/// that the first 50 are there, and no more, would not be seen in 2^50 runs.
#[test]
fn any_first_part_of_many_writes_is_left_and_all_but_any() {
    let left = all(6_000, || hundred(SECTOR));
    let whole: Vec<u8> = (0..100).collect();
    for length in 1..=100 {
        assert!(left.contains(&whole[..length].to_vec()), "the first {length}");
    }
    for lost in 1..99 {
        let mut holed = whole.clone();
        holed[lost] = 0;
        assert!(left.contains(&holed), "all but {lost}");
    }
}

/// Crashes in the middle of what `begins` does last; returns what the root and the file hold.
async fn caught(begins: impl AsyncFnOnce(File) -> Result<()> + 'static) -> Result<String> {
    let host = Host::new("db");
    fs::disk(host).set_latency(Duration::ZERO..=Duration::ZERO);
    let file = host.spawn(async { safe(b"old").await }).await?;
    fs::disk(host).set_latency(WAY..=WAY);
    drop(host.spawn(async { begins(file).await }));
    sleep(WAY / 2).await?;
    host.crash();
    host.restart();
    sleep(WAY).await?;
    let left = host.spawn(async {
        let mut left = Vec::new();
        for entry in fs::read_dir("/").await? {
            let text = match entry.metadata().is_dir() {
                true => "/".to_owned(),
                false => fs::read_to_string(entry.path()).await?,
            };
            left.push(format!("{}={text}", entry.file_name().to_string_lossy()));
        }
        Ok(left.join(" "))
    });
    left.await
}

#[test]
fn an_operation_in_flight_may_have_taken_effect() {
    let written = || caught(async |mut file| Ok(file.write_all(b"new").await?));
    assert_eq!(all(300, written), ["f=new", "f=old"]);
    assert_eq!(dull(written), "f=old");
    let resized = || caught(async |mut file| Ok(file.set_len(1).await?));
    assert_eq!(all(300, resized), ["f=o", "f=old"]);
    let renamed = || caught(async |_| Ok(fs::rename("f", "g").await?));
    assert_eq!(all(300, renamed), ["f=old", "g=old"]);
    let removed = || caught(async |_| Ok(fs::remove_file("f").await?));
    assert_eq!(all(300, removed), ["", "f=old"]);
    let made = || caught(async |_| Ok(fs::create_dir("d").await?));
    assert_eq!(all(300, made), ["d=/ f=old", "f=old"]);
    let created = || caught(async |_| Ok(drop(File::create("g").await?)));
    assert_eq!(all(300, created), ["f=old", "f=old g="]);
    assert_eq!(dull(created), "f=old");
    // Nothing to find: it changes nothing.
    let read = || caught(async |mut file| Ok(assert_eq!(file.read(&mut [0; 1]).await?, 1)));
    assert_eq!(all(300, read), ["f=old"]);
}

/// Five tasks of a host wait for its disk: the first so many have done it, one, or all but one.
#[test]
fn any_of_many_operations_in_flight_may_have_taken_effect() {
    const COUNT: u32 = 5;
    let made = || async {
        let host = Host::new("db");
        fs::disk(host).set_latency(WAY..=WAY);
        for number in 0..COUNT {
            drop(host.spawn(async move { Ok(fs::create_dir(number.to_string()).await?) }));
        }
        sleep(WAY / 2).await?;
        host.crash();
        host.restart();
        fs::disk(host).set_latency(Duration::ZERO..=Duration::ZERO);
        let found = host.spawn(async {
            let names = fs::read_dir("/").await?.into_iter();
            let numbers = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            Ok(numbers.fold(0, |set: u32, number: u32| set | 1 << number))
        });
        found.await
    };
    let left = all(3_000, made);
    for one in 0..COUNT {
        for set in [(2 << one) - 1, 1 << one, ((1 << COUNT) - 1) ^ (1 << one)] {
            assert!(left.contains(&set), "{set:b}");
        }
    }
    assert_eq!(dull(made), 0);
}

/// Nobody is told that it has taken effect, not on a host that is up either.
#[test]
fn who_waits_for_an_operation_of_a_crashed_host_gets_an_error() {
    let told = all(300, || async {
        let host = Host::new("db");
        let mut file = host.spawn(async { safe(b"old").await }).await?;
        fs::disk(host).set_latency(WAY..=WAY);
        let writing = seedloop::spawn(async move {
            assert!(futures_lite::future::poll_once(file.write_all(b"new")).await.is_none());
            let errors = [file.write_all(b"!").await, file.sync_all().await];
            Ok(errors.map(|result| result.unwrap_err().to_string()))
        });
        sleep(WAY / 2).await?;
        host.crash();
        writing.await
    });
    let text = "the host of the file has crashed";
    assert_eq!(told, [[text, text]]);
}

/// A sync in flight makes safe what was written before it, or not.
#[test]
fn a_sync_in_flight_may_have_been_done() {
    let left = |syncs: bool| {
        all(800, move || async move {
            let host = Host::new("db");
            fs::disk(host).set_latency(Duration::ZERO..=Duration::ZERO);
            let writing = host.spawn(async move {
                let mut file = safe(b"").await?;
                file.write_all(b"BBBB").await?;
                fs::set_latency(WAY..=WAY);
                Ok(if syncs {
                    file.sync_all().await?
                })
            });
            sleep(WAY / 2).await?;
            drop(writing);
            host.crash();
            host.restart();
            host.spawn(read()).await
        })
    };
    let synced = left(true);
    assert_eq!(synced, left(false));
    assert_eq!(synced.len(), 6);
}

async fn is_readonly() -> Result<bool> {
    Ok(fs::metadata("f").await?.is_readonly())
}

#[test]
fn a_permission_outlives_a_crash_when_it_was_synced() {
    let set = |syncs: fn(&mut File) -> u8| {
        move || async move {
            let set = async move || {
                let mut file = safe(b"x").await?;
                fs::set_readonly("f", true).await?;
                match syncs(&mut file) {
                    0 => {}
                    1 => file.sync_data().await?,
                    _ => file.sync_all().await?,
                }
                Ok(())
            };
            Ok(crashed(set, is_readonly).await?.1)
        }
    };
    assert_eq!(all(300, set(|_| 0)), [false, true]);
    assert!(!dull(set(|_| 0)));
    assert_eq!(all(300, set(|_| 1)), [false, true]);
    assert_eq!(all(300, set(|_| 2)), [true]);
}

/// A permission that was there for a while may be the one that is left, and nothing else changes.
#[test]
fn each_permission_since_the_sync_may_be_left() {
    let left = all(500, || async {
        let set = async || {
            safe(b"text").await?;
            fs::set_readonly("f", true).await?;
            Ok(fs::set_readonly("f", false).await?)
        };
        let look = async || Ok((is_readonly().await?, read().await?));
        Ok(crashed(set, look).await?.1)
    });
    let text = || "t1 e1 x1 t1".to_owned();
    assert_eq!(left, [(false, text()), (true, text())]);
}

/// The time of the last write of which something is left, of a directory that of its last change.
#[test]
fn the_times_are_those_of_what_is_left() {
    let left = all(500, || async {
        let write = async || {
            let mut file = safe(b"A").await?;
            sleep(WAY).await?;
            file.write_all(b"B").await?;
            sleep(WAY).await?;
            fs::write("g", "").await?;
            Ok(())
        };
        let look = async || {
            let since = |time: Instant| time.since_start().as_millis() / WAY.as_millis();
            let (root, file) = (fs::metadata("/").await?, fs::metadata("f").await?);
            let names = fs::read_dir("/").await?.len();
            Ok((names, since(root.modified()), read().await?, since(file.modified())))
        };
        Ok(crashed(write, look).await?.1)
    });
    let (old, new) = (|| ("A1".to_owned(), 0), || ("B1".to_owned(), 1));
    let expected = [(1, 0, old()), (1, 0, new()), (2, 2, old()), (2, 2, new())];
    let expected = expected.map(|(names, root, (text, file))| (names, root, text, file));
    assert_eq!(left, expected);
}

/// Writes and syncs until that succeeds; tells whether the first time failed.
async fn synced_again(forgets: bool, writes_again: bool) -> Result<(bool, String)> {
    let write = async move || {
        let mut file = safe(b"AAAA").await?;
        let disk = fs::disk(host::current());
        disk.set_sync_forgets(forgets);
        file.write_all(b"BBBBBB").await?;
        disk.set_failures(Ratio::ONE);
        let failed = file.sync_all().await.is_err();
        disk.set_failures(Ratio::ZERO);
        if failed && writes_again {
            file.seek(std::io::SeekFrom::Start(2)).await?;
            file.write_all(b"BBBB").await?;
        }
        file.sync_all().await?;
        // What the program sees is what it wrote.
        assert_eq!(read().await?, "B6");
        Ok(failed)
    };
    crashed(write, read).await
}

/// "The second fsync succeeds": Rebello et al. (USENIX ATC 2020). Lengths are no part of it.
#[test]
fn what_a_failed_sync_had_to_write_is_not_safe_after_the_next() {
    let (whole, lost) = (|| "B6".to_owned(), || "A4 \\x002".to_owned());
    let left = all(300, || synced_again(true, false));
    assert_eq!(left, [(false, whole()), (true, lost()), (true, whole())]);
}

/// As far as it is written again, byte for byte.
#[test]
fn what_is_written_again_after_a_failed_sync_is_safe() {
    let left = all(300, || synced_again(true, true));
    let half = "A2 B4".to_owned();
    assert_eq!(left, [(false, "B6".to_owned()), (true, half), (true, "B6".to_owned())]);
}

#[test]
fn a_disk_can_be_told_to_remember() {
    let left = all(300, || synced_again(false, false));
    assert_eq!(left, [(false, "B6".to_owned()), (true, "B6".to_owned())]);
}

/// Names are safe after a second sync, and so is what comes to the file later.
#[test]
fn a_failed_sync_forgets_no_names_and_nothing_of_later() {
    let left = all(300, || async {
        let write = async || {
            let mut file = safe(b"AAAA").await?;
            let (disk, mut root) = (fs::disk(host::current()), File::open("/").await?);
            fs::write("g", "").await?;
            file.write_all(b"BB").await?;
            disk.set_failures(Ratio::ONE);
            let failed = (file.sync_all().await.is_err(), root.sync_all().await.is_err());
            disk.set_failures(Ratio::ZERO);
            file.set_len(1).await?;
            file.set_len(2).await?;
            file.seek(std::io::SeekFrom::Start(2)).await?;
            file.write_all(b"CC").await?;
            file.sync_all().await?;
            root.sync_all().await?;
            assert_eq!(read().await?, "B1 \\x001 C2");
            Ok(failed == (true, true))
        };
        let look = async || Ok((fs::read_dir("/").await?.len(), read().await?));
        crashed(write, look).await
    });
    let (whole, lost) = ((2, "B1 \\x001 C2".to_owned()), (2, "A1 \\x001 C2".to_owned()));
    assert_eq!(left, [(false, whole.clone()), (true, lost), (true, whole)]);
}
