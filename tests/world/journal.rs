//! What a crash leaves of directories, some of which were synced.

use std::collections::BTreeSet;
use std::time::Duration;

use seedloop::fs::{self, File};
use seedloop::host::{self, Host};
use seedloop::{Result, Simulation};

async fn sync(path: &str) -> Result<()> {
    Ok(File::open(path).await?.sync_all().await?)
}

/// A file with contents that outlive a crash, if its name does.
async fn put(path: &str, text: &str) -> Result<()> {
    let mut file = File::create(path).await?;
    file.write_all(text.as_bytes()).await?;
    Ok(file.sync_all().await?)
}

/// The files in three directories, as they are.
async fn tree() -> Result<String> {
    let mut found = Vec::new();
    for directory in ["data", "new", "tmp"] {
        if !fs::try_exists(directory).await? {
            continue;
        }
        for entry in fs::read_dir(directory).await? {
            let text = match entry.metadata().is_dir() {
                true => "/".to_owned(),
                false => fs::read_to_string(entry.path()).await?,
            };
            found.push(format!("{}={text}", entry.path().display()));
        }
    }
    Ok(found.join(" "))
}

/// All that crashes leave after `body`, on a disk with the synced directories `data` and `tmp`.
fn left(seeds: u64, body: impl AsyncFn() -> Result<()> + Copy + 'static) -> Vec<String> {
    let left = (0..seeds).map(|seed| {
        let outcome = Simulation::new().seed(seed).block_on(async move {
            let host = Host::new("db");
            let before = host.spawn(async move {
                fs::create_dir("data").await?;
                fs::create_dir("tmp").await?;
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

#[test]
fn a_file_moved_over_a_synced_name_is_there() {
    let left = left(200, async || {
        put("data/y", "old").await?;
        sync("data").await?;
        put("tmp/x", "new").await?;
        sync("tmp").await?;
        fs::remove_file("data/y").await?;
        fs::rename("tmp/x", "data/y").await?;
        sync("tmp").await?;
        sync("data").await
    });
    assert_eq!(left, ["data/y=new"]);
}

#[test]
fn a_sync_of_the_other_directory_first_changes_nothing() {
    let replaced = left(200, async || {
        put("data/y", "old").await?;
        put("tmp/x", "new").await?;
        fs::rename("tmp/x", "data/y").await?;
        sync("tmp").await?;
        sync("data").await
    });
    assert_eq!(replaced, ["data/y=new"]);
    let moved = left(200, async || {
        put("tmp/x", "text").await?;
        fs::rename("tmp/x", "data/x").await?;
        sync("data").await?;
        sync("tmp").await
    });
    assert_eq!(moved, ["data/x=text"]);
}

/// With one of its two directories synced a rename is there as a whole.
#[test]
fn a_moved_file_has_one_of_its_names() {
    let left = left(200, async || {
        put("tmp/x", "text").await?;
        sync("tmp").await?;
        fs::rename("tmp/x", "data/x").await?;
        sync("tmp").await
    });
    assert_eq!(left, ["data/x=text"]);
}

/// The directory to which a synced file was moved comes along; an empty one that only stands
/// beside it does not.
#[test]
fn a_file_moved_to_a_new_directory_is_not_lost() {
    let moved = left(200, async || {
        put("data/x", "text").await?;
        sync("data").await?;
        fs::create_dir("new").await?;
        fs::rename("data/x", "new/x").await?;
        sync("data").await
    });
    assert_eq!(moved, ["new/x=text"]);
    let emptied = left(200, async || {
        fs::create_dir("data/in").await?;
        put("data/in/x", "text").await?;
        sync("data").await?;
        sync("data/in").await?;
        fs::rename("data/in/x", "tmp/x").await?;
        fs::remove_dir("data/in").await?;
        sync("data").await
    });
    assert_eq!(emptied, ["tmp/x=text"]);
}

/// A sync says nothing about what another directory holds.
#[test]
fn what_has_nothing_to_do_with_a_synced_name_may_be_lost() {
    let left = left(200, async || {
        put("tmp/other", "x").await?;
        fs::create_dir("new").await?;
        put("new/x", "x").await?;
        sync("new").await?;
        put("data/y", "y").await?;
        sync("data").await
    });
    let expected =
        ["data/y=y", "data/y=y new/x=x", "data/y=y new/x=x tmp/other=x", "data/y=y tmp/other=x"];
    assert_eq!(left, expected);
}

/// What nobody has synced comes to the disk in no order, but for what builds on something. Source:
/// Pillai et al., "All File Systems Are Not Created Equal" (OSDI 2014), 3: Btrfs puts operations
/// on directories in another order, and file systems without a journal do.
#[test]
fn a_later_name_may_be_there_without_an_earlier_one() {
    // A log is removed once the snapshot has its name, which no sync has made safe.
    let compacted = left(200, async || {
        put("data/wal", "w").await?;
        put("data/tmp", "s").await?;
        sync("data").await?;
        fs::rename("data/tmp", "data/snap").await?;
        Ok(fs::remove_file("data/wal").await?)
    });
    let expected = ["data/snap=s", "data/snap=s data/wal=w", "data/tmp=s", "data/tmp=s data/wal=w"];
    assert_eq!(compacted, expected);
    // Two directories, each of them as it was at some moment.
    let created = left(400, async || {
        for name in ["data/1", "tmp/2", "data/3", "tmp/4"] {
            put(name, "").await?;
        }
        Ok(())
    });
    let sets = ["", "1", "12", "123", "1234", "234", "134", "124", "2", "13", "24"];
    let named = |set: &str| {
        let names = [("1", "data/1="), ("3", "data/3="), ("2", "tmp/2="), ("4", "tmp/4=")];
        let names = names.iter().filter(|(one, _)| set.contains(one)).map(|(_, name)| *name);
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        created,
        sets.map(named).into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
    // It has the name, and then another: the second builds on the first.
    let moved = left(200, async || {
        put("data/1", "").await?;
        fs::rename("data/1", "tmp/2").await?;
        Ok(fs::rename("tmp/2", "data/3").await?)
    });
    assert_eq!(moved, ["", "data/1=", "data/3=", "tmp/2="]);
}

/// Two directories that changed places, of which one was synced: neither is in the other twice.
#[test]
fn moved_directories_make_no_ring() {
    let left = left(200, async || {
        fs::rename("tmp", "data/tmp").await?;
        fs::rename("data/tmp", "tmp").await?;
        fs::rename("data", "tmp/data").await?;
        sync("tmp").await?;
        fs::rename("tmp/data", "data").await?;
        put("data/x", "x").await?;
        Ok(fs::rename("data/x", "tmp/x").await?)
    });
    // Nothing, or what came after the sync, a part of it.
    assert_eq!(left, ["", "data/x=x", "tmp/data=/", "tmp/data=/ tmp/x=x", "tmp/x=x"]);
}

/// Each number of names is as likely as another, what was done first is there first; or one of the
/// last 16 is not there, and all others are.
#[test]
fn any_first_part_of_many_names_is_left_and_all_but_any_of_the_last() {
    let left = left(1_000, async || {
        for number in 0..24 {
            fs::create_dir(format!("data/{number:02}")).await?;
        }
        Ok(())
    });
    let told = |numbers: Vec<u32>| {
        let names = numbers.iter().map(|number| format!("data/{number:02}=/"));
        names.collect::<Vec<_>>().join(" ")
    };
    let first = (0..=24).map(|count| told((0..count).collect()));
    let all_but = (8..23).map(|one| told((0..24).filter(|number| *number != one).collect()));
    assert_eq!(left, first.chain(all_but).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
}

/// Of very many the oldest are there together: they take no memory of their own.
#[test]
fn names_of_long_ago_are_left_together_and_what_was_made_over_is_gone() {
    let left = left(300, async || {
        fs::disk(host::current()).set_latency(Duration::ZERO..=Duration::ZERO);
        put("data/f", "old").await?;
        sync("data").await?;
        for _ in 0..500 {
            fs::create_dir("tmp/d").await?;
            fs::rename("tmp/d", "data/d").await?;
            fs::remove_dir("data/d").await?;
        }
        fs::rename("data/f", "tmp/f").await?;
        fs::create_dir("data/last").await?;
        for _ in 0..400 {
            fs::create_dir("tmp/d").await?;
            fs::rename("tmp/d", "data/d").await?;
            fs::remove_dir("data/d").await?;
        }
        Ok(())
    });
    // The dull crash leaves the old name; what was moved long ago is there with what came then. One
    // that was removed may be there beside the next.
    let expected = [
        "data/d=/ data/last=/ tmp/d=/ tmp/f=old",
        "data/d=/ data/last=/ tmp/f=old",
        "data/f=old",
        "data/last=/ tmp/d=/ tmp/f=old",
        "data/last=/ tmp/f=old",
    ];
    assert_eq!(left, expected);
}

/// The file is cut and then written: the new text stands in no old one.
#[test]
fn what_was_written_behind_a_cut_is_there_only_with_it() {
    let left = left(500, async || {
        put("data/f", "OLDOLD").await?;
        sync("data").await?;
        Ok(fs::write("data/f", "new").await?)
    });
    let texts = ["", "\0\0\0", "OLDOLD", "n", "ne", "new"];
    assert_eq!(left, texts.map(|text| format!("data/f={text}")));
}

/// A sync takes over what was done since the last one, in its order, and a byte gone bad too.
#[test]
fn each_sync_takes_over_what_was_done_since() {
    let left = left(20, async || {
        let mut file = File::create("data/f").await?;
        sync("data").await?;
        file.write_all(b"one two").await?;
        file.sync_all().await?;
        file.set_len(4).await?;
        file.write_all(b"!").await?; // at 7
        fs::disk(host::current()).corrupt("data/f", 7)?;
        fs::disk(host::current()).corrupt("data/f", 7)?;
        file.set_len(9).await?;
        file.sync_all().await?;
        file.write_all(b"?").await?; // at 8
        Ok(file.sync_all().await?)
    });
    assert_eq!(left, ["data/f=one \0\0\0!?"]);
}
