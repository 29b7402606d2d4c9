//! Programs for tokio's files, which print what they see: run by tokio itself in an empty folder,
//! and by what has its shape here.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::Poll;

use super::{go_on, rest, say, stall, tokio};
use tokio::fs::{self, DirBuilder, File, OpenOptions};
use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter,
};
use tokio::time::{Duration, sleep};

type Program = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! programs {
    ($($name:ident)*) => {
        pub(crate) const PROGRAMS: &[(&str, Program)] =
            &[$((stringify!($name), || Box::pin(async { $name().await.unwrap() }))),*];
    };
}

programs! {
    files_are_written_and_read files_are_read_by_lines files_are_sought files_are_cut
    files_grow_at_their_end files_refuse_what_they_were_not_opened_for files_outlive_their_names
    files_are_copied options_that_make_no_sense options_create
    directories_are_made directories_are_read directories_are_removed
    names_are_changed names_that_are_not_there names_of_the_wrong_kind
    permissions_are_read
    turns_of_each_operation resizes_that_are_dropped reads_that_are_dropped seeks_that_are_dropped
    writes_that_are_dropped errors_of_what_was_begun
}

fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}

async fn files_are_written_and_read() -> io::Result<()> {
    fs::write("f", "hello").await?;
    say!("{:?}", fs::read("f").await?);
    say!("{:?}", fs::read_to_string("f").await?);
    let mut file = File::create("f").await?;
    say!("{}", file.write(b"abc").await?);
    file.write_all(b"def").await?;
    file.flush().await?;
    say!("{:?}", fs::read_to_string("f").await?);
    file.sync_all().await?;
    file.sync_data().await?;
    say!("{}", file.metadata().await?.len());
    let mut file = File::open("f").await?;
    let mut buffer = [0; 4];
    say!("{} {buffer:?}", file.read(&mut buffer).await?);
    say!("{} {buffer:?}", file.read(&mut buffer).await?);
    say!("{} {buffer:?}", file.read(&mut buffer).await?);
    fs::write("f", [0xff, 0xfe]).await?;
    say!("{:?}", kind(fs::read_to_string("f").await));
    fs::write("f", vec![7; 3_000_000]).await?;
    let (mut file, mut all) = (File::open("f").await?, Vec::new());
    say!("{} {}", file.read_to_end(&mut all).await?, all.len());
    Ok(())
}

async fn files_are_read_by_lines() -> io::Result<()> {
    let mut writer = BufWriter::new(File::create("f").await?);
    for number in 0..3 {
        writer.write_all(format!("line {number}\n").as_bytes()).await?;
    }
    writer.shutdown().await?;
    let mut lines = BufReader::new(File::open("f").await?).lines();
    while let Some(line) = lines.next_line().await? {
        say!("{line}");
    }
    let mut reader = BufReader::new(File::open("f").await?);
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    say!("{line:?} {}", reader.stream_position().await?);
    Ok(())
}

async fn files_are_sought() -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(true).open("f").await?;
    file.write_all(b"0123456789").await?;
    say!("{}", file.stream_position().await?);
    say!("{}", file.seek(SeekFrom::Start(2)).await?);
    let mut two = [0; 2];
    file.read_exact(&mut two).await?;
    say!("{two:?} {}", file.seek(SeekFrom::Current(-1)).await?);
    file.write_all(b"x").await?;
    say!("{:?}", kind(file.seek(SeekFrom::Current(-9)).await));
    say!("{}", file.seek(SeekFrom::End(-4)).await?);
    let mut rest = String::new();
    file.read_to_string(&mut rest).await?;
    say!("{rest}");
    say!("{}", file.seek(SeekFrom::End(2)).await?);
    file.write_all(b"y").await?;
    file.rewind().await?;
    rest.clear();
    file.read_to_string(&mut rest).await?;
    say!("{rest:?}");
    say!("{:?}", kind(file.read_u8().await));
    Ok(())
}

async fn files_are_cut() -> io::Result<()> {
    let mut file = File::create("f").await?;
    file.write_all(b"0123456789").await?;
    file.set_len(4).await?;
    say!("{:?}", fs::read_to_string("f").await?);
    file.set_len(6).await?;
    file.write_all(b"z").await?;
    file.flush().await?;
    say!("{:?}", fs::read_to_string("f").await?);
    say!("{:?}", kind(File::open("f").await?.set_len(1).await));
    Ok(())
}

async fn files_grow_at_their_end() -> io::Result<()> {
    fs::write("f", "one ").await?;
    let mut one = OpenOptions::new().append(true).open("f").await?;
    let mut two = OpenOptions::new().append(true).open("f").await?;
    for file in [&mut one, &mut two] {
        file.write_all(b"two ").await?;
        file.flush().await?;
    }
    one.seek(SeekFrom::Start(0)).await?;
    one.write_all(b"three").await?;
    one.flush().await?;
    say!("{:?}", fs::read_to_string("f").await?);
    Ok(())
}

async fn files_refuse_what_they_were_not_opened_for() -> io::Result<()> {
    fs::write("f", "text").await?;
    let mut file = File::open("f").await?;
    say!("{:?}", file.write(b"more").await);
    say!("{:?}", kind(file.flush().await));
    say!("{:?}", kind(file.flush().await));
    say!("{:?}", file.write(b"more").await);
    say!("{:?}", kind(file.write(b"more").await));
    let mut file = File::create("g").await?;
    say!("{:?}", kind(file.read(&mut [0; 4]).await));
    let mut folder = File::open(".").await?;
    say!("{:?}", kind(folder.read(&mut [0; 4]).await));
    folder.sync_all().await?;
    say!("{:?}", fs::read_to_string("f").await?);
    Ok(())
}

async fn files_outlive_their_names() -> io::Result<()> {
    fs::write("f", "text").await?;
    let mut file = File::open("f").await?;
    fs::remove_file("f").await?;
    say!("{}", fs::try_exists("f").await?);
    let mut text = String::new();
    file.read_to_string(&mut text).await?;
    say!("{text}");
    fs::write("f", "other").await?;
    file.rewind().await?;
    text.clear();
    file.read_to_string(&mut text).await?;
    say!("{text}");
    Ok(())
}

async fn files_are_copied() -> io::Result<()> {
    fs::write("f", "text").await?;
    fs::write("g", "longer text").await?;
    say!("{}", fs::copy("f", "g").await?);
    say!("{}", fs::read_to_string("g").await?);
    fs::create_dir("d").await?;
    say!("{:?} {:?}", kind(fs::copy("d", "e").await), kind(fs::copy("none", "e").await));
    say!("{:?} {:?}", kind(fs::copy("f", "d").await), kind(fs::copy("f", "d/x/y").await));
    let (mut from, mut to) = (File::open("f").await?, File::create("h").await?);
    say!("{}", tokio::io::copy(&mut from, &mut to).await?);
    to.flush().await?;
    say!("{}", fs::read_to_string("h").await?);
    Ok(())
}

async fn options_that_make_no_sense() -> io::Result<()> {
    fs::write("f", "text").await?;
    let options = || OpenOptions::new();
    say!("{:?}", kind(options().open("f").await));
    say!("{:?}", kind(options().read(true).truncate(true).open("f").await));
    say!("{:?}", kind(options().read(true).create(true).open("f").await));
    say!("{:?}", kind(options().append(true).truncate(true).open("f").await));
    say!("{:?}", fs::read_to_string("f").await?);
    Ok(())
}

async fn options_create() -> io::Result<()> {
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    new.open("f").await?.write_all(b"text").await?;
    say!("{:?}", kind(new.open("f").await));
    say!("{:?}", kind(File::create_new("f").await));
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open("f").await?;
    file.write_all(b"T").await?;
    file.flush().await?;
    say!("{:?}", fs::read_to_string("f").await?);
    say!("{:?}", kind(OpenOptions::new().write(true).open("none").await));
    say!("{:?}", kind(File::create("none/f").await));
    File::options().write(true).truncate(true).open("f").await?;
    say!("{:?}", fs::read_to_string("f").await?);
    Ok(())
}

async fn directories_are_made() -> io::Result<()> {
    fs::create_dir("d").await?;
    say!("{:?}", kind(fs::create_dir("d").await));
    say!("{:?}", kind(fs::create_dir("a/b").await));
    fs::create_dir_all("a/b/c").await?;
    fs::create_dir_all("a/b/c").await?;
    fs::write("a/f", "").await?;
    say!("{:?}", kind(fs::create_dir("a/f").await));
    say!("{:?}", kind(fs::create_dir_all("a/f").await));
    say!("{:?}", kind(fs::create_dir_all("a/f/g").await));
    say!("{:?}", kind(DirBuilder::new().create("x/y").await));
    DirBuilder::new().recursive(true).create("x/y").await?;
    let made = fs::metadata("x/y").await?;
    say!("{} {} {}", made.is_dir(), made.is_file(), made.file_type().is_symlink());
    say!("{}", fs::canonicalize("x/./y/../y").await?.ends_with(Path::new("x/y")));
    say!("{:?}", kind(fs::canonicalize("x/z").await));
    Ok(())
}

async fn directories_are_read() -> io::Result<()> {
    fs::create_dir_all("d/sub").await?;
    fs::write("d/b", "four").await?;
    fs::write("d/a", "").await?;
    let (mut entries, mut found) = (fs::read_dir("d").await?, Vec::new());
    while let Some(entry) = entries.next_entry().await? {
        let (kind, metadata) = (entry.file_type().await?, entry.metadata().await?);
        let length = metadata.is_file().then(|| metadata.len());
        found.push((entry.file_name(), entry.path(), kind.is_dir(), length));
    }
    found.sort();
    found.iter().for_each(|entry| say!("{entry:?}"));
    say!("{:?} {:?}", kind(fs::read_dir("d/a").await), kind(fs::read_dir("none").await));
    Ok(())
}

async fn directories_are_removed() -> io::Result<()> {
    fs::create_dir_all("a/b").await?;
    fs::write("a/f", "").await?;
    say!("{:?}", kind(fs::remove_dir("a").await));
    say!("{:?} {:?}", kind(fs::remove_dir("a/f").await), kind(fs::remove_file("a/b").await));
    say!("{:?} {:?}", kind(fs::remove_dir("none").await), kind(fs::remove_file("none").await));
    fs::remove_dir("a/b").await?;
    say!("{:?}", kind(fs::remove_dir_all("a/f").await));
    fs::remove_dir_all("a").await?;
    say!("{:?} {}", kind(fs::remove_dir_all("a").await), fs::try_exists("a").await?);
    Ok(())
}

async fn names_are_changed() -> io::Result<()> {
    fs::write("f", "text").await?;
    fs::write("g", "other").await?;
    fs::rename("f", "g").await?;
    say!("{} {:?}", fs::try_exists("f").await?, fs::read_to_string("g").await?);
    fs::rename("g", "g").await?;
    fs::create_dir_all("d/sub").await?;
    fs::create_dir("e").await?;
    fs::rename("d", "e").await?;
    say!("{} {}", fs::try_exists("d").await?, fs::try_exists("e/sub").await?);
    say!("{:?}", kind(fs::rename("e", "e/sub/x").await));
    say!("{:?} {:?}", kind(fs::rename("g", "e").await), kind(fs::rename("e", "g").await));
    fs::create_dir("d").await?;
    say!("{:?}", kind(fs::rename("d", "e").await));
    say!("{:?} {:?}", kind(fs::rename("none", "x").await), kind(fs::rename("g", "x/y").await));
    Ok(())
}

async fn names_that_are_not_there() -> io::Result<()> {
    for name in ["none", "none/f", ""] {
        let (opened, written) = (File::open(name).await, fs::write(name, "x").await);
        say!("{name:?} {:?} {:?}", kind(opened), kind(written).filter(|_| name != "none"));
    }
    say!("{:?}", fs::try_exists("other").await);
    say!("{:?}", kind(fs::metadata("other").await));
    say!("{:?}", kind(fs::symlink_metadata("other").await));
    say!("{:?}", kind(fs::read("a\0b").await));
    say!("{:?}", kind(fs::read("a".repeat(256)).await));
    Ok(())
}

async fn names_of_the_wrong_kind() -> io::Result<()> {
    fs::create_dir("d").await?;
    fs::write("f", "").await?;
    say!("{:?} {:?}", kind(fs::read("d").await), kind(fs::write("d", "").await));
    say!("{:?} {:?}", kind(File::create("d").await), kind(File::create_new("d").await));
    say!("{:?} {:?}", kind(File::open("f/x").await), kind(fs::metadata("f/x").await));
    say!("{:?} {:?}", kind(fs::try_exists("f/x").await), kind(fs::remove_file("f/x").await));
    say!("{:?} {:?}", kind(fs::create_dir("f/x").await), kind(fs::rename("f/x", "y").await));
    Ok(())
}

async fn permissions_are_read() -> io::Result<()> {
    fs::write("f", "").await?;
    let mut permissions = fs::metadata("f").await?.permissions();
    say!("{}", permissions.readonly());
    permissions.set_readonly(true);
    fs::set_permissions("f", permissions.clone()).await?;
    say!("{}", fs::metadata("f").await?.permissions().readonly());
    let metadata = fs::metadata("f").await?;
    say!("{}", metadata.modified()? >= metadata.created()?);
    fs::remove_file("f").await?;
    say!("{:?}", kind(fs::set_permissions("f", permissions).await));
    Ok(())
}

/// Runs what is there to its end, and tells how often it was polled. What it begins is not over
/// before the next poll.
async fn turns<T>(future: impl Future<Output = T>) -> (u32, T) {
    let (mut future, mut count) = (std::pin::pin!(future), 0);
    stall();
    let result = std::future::poll_fn(|cx| {
        count += 1;
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            go_on();
        }
        polled
    });
    let result = result.await;
    (count, result)
}

/// Waits for all that has begun.
async fn settle() {
    rest().await;
    sleep(Duration::from_millis(1)).await;
}

/// Polls once and drops it; tells whether it was over. What it has begun is over afterwards.
async fn dropped<T>(future: impl Future<Output = T>) -> bool {
    let mut future = Some(Box::pin(future));
    stall();
    let is_over = std::future::poll_fn(|cx| {
        let polled = future.take().expect("it is polled once").as_mut().poll(cx);
        Poll::Ready(polled.is_ready())
    });
    let is_over = is_over.await;
    settle().await;
    is_over
}

async fn digits() -> io::Result<File> {
    settle().await;
    fs::write("f", "0123456789").await?;
    OpenOptions::new().read(true).write(true).open("f").await
}

async fn text() -> io::Result<String> {
    settle().await;
    fs::read_to_string("f").await
}

async fn turns_of_each_operation() -> io::Result<()> {
    let mut file = digits().await?;
    let (opened, _) = turns(File::open("f")).await;
    say!("open {opened}");
    say!("write {:?}", turns(file.write(b"ab")).await);
    say!("write behind it {:?}", turns(file.write(b"cd")).await);
    say!("flush {:?}", turns(file.flush()).await);
    say!("flush nothing {:?}", turns(file.flush()).await);
    say!("seek {:?}", turns(file.seek(SeekFrom::Start(1))).await);
    say!("position {:?}", turns(file.stream_position()).await);
    let mut two = [0; 2];
    say!("read {:?} {two:?}", turns(file.read(&mut two)).await);
    say!("read nothing {:?}", turns(file.read(&mut [])).await);
    turns(file.write(b"x")).await.1?;
    say!("read behind a write {:?} {two:?}", turns(file.read(&mut two)).await);
    turns(file.write(b"x")).await.1?;
    say!("seek behind a write {:?}", turns(file.seek(SeekFrom::Start(1))).await);
    say!("resize {:?}", turns(file.set_len(8)).await);
    turns(file.write(b"x")).await.1?;
    say!("resize behind a write {:?}", turns(file.set_len(9)).await);
    say!("sync {:?}", turns(file.sync_all()).await);
    turns(file.write(b"x")).await.1?;
    say!("sync behind a write {:?}", turns(file.sync_data()).await);
    turns(file.write(b"x")).await.1?;
    say!("metadata behind a write {:?}", turns(file.metadata()).await.0);
    say!("shutdown {:?}", turns(file.shutdown()).await);
    say!("end {:?}", turns(file.seek(SeekFrom::End(0))).await);
    say!("read at the end {:?}", turns(file.read(&mut two)).await);
    say!("{:?}", text().await?);
    settle().await;
    Ok(())
}

async fn resizes_that_are_dropped() -> io::Result<()> {
    let mut file = digits().await?;
    say!("{}", dropped(file.set_len(4)).await);
    say!("{:?}", text().await?);
    say!("flush {:?}", turns(file.flush()).await);
    say!("{}", dropped(file.set_len(6)).await);
    say!("write {:?}", turns(file.write(b"ab")).await);
    say!("{}", dropped(file.set_len(3)).await);
    say!("{:?}", text().await?);
    say!("position {:?}", turns(file.stream_position()).await);
    settle().await;
    let mut file = File::open("f").await?;
    say!("{}", dropped(file.set_len(1)).await);
    let (turns, result) = turns(file.flush()).await;
    say!("flush {turns} {:?}", kind(result));
    settle().await;
    say!("{:?}", kind(file.set_len(1).await));
    settle().await;
    Ok(())
}

async fn reads_that_are_dropped() -> io::Result<()> {
    let mut file = digits().await?;
    let mut four = [0; 4];
    say!("{}", dropped(file.read(&mut [0; 6])).await);
    settle().await;
    fs::write("f", "abcdefghij").await?;
    say!("read {:?} {four:?}", turns(file.read(&mut four)).await);
    say!("read {:?} {four:?}", turns(file.read(&mut four)).await);
    say!("read {:?} {four:?}", turns(file.read(&mut four)).await);
    for step in 0..6 {
        let mut file = digits().await?;
        dropped(file.read(&mut [0; 6])).await;
        if step % 2 == 1 {
            // Two of them are left.
            say!("read {:?}", turns(file.read(&mut four)).await);
        }
        match step / 2 {
            0 => say!("write {:?}", turns(file.write(b"x")).await),
            1 => say!("seek {:?}", turns(file.seek(SeekFrom::Current(1))).await),
            _ => say!("resize {:?}", turns(file.set_len(9)).await),
        }
        say!("flush {:?}", turns(file.flush()).await);
        say!("read {:?} {four:?}", turns(file.read(&mut four)).await);
        say!("{:?} {:?}", text().await?, turns(file.stream_position()).await);
    }
    let mut file = digits().await?;
    dropped(file.read(&mut four)).await;
    say!("flush {:?}", turns(file.flush()).await);
    say!("sync {:?}", turns(file.sync_all()).await);
    say!("read {:?}", turns(file.read(&mut four)).await);
    settle().await;
    Ok(())
}

async fn seeks_that_are_dropped() -> io::Result<()> {
    let mut file = digits().await?;
    say!("{}", dropped(file.seek(SeekFrom::Start(4))).await);
    say!("write {:?}", turns(file.write(b"x")).await);
    say!("{}", dropped(file.seek(SeekFrom::Current(2))).await);
    say!("position {:?}", turns(file.stream_position()).await);
    say!("{}", dropped(file.seek(SeekFrom::Start(1))).await);
    say!("flush {:?}", turns(file.flush()).await);
    say!("read {:?}", turns(file.read_u8()).await);
    say!("{}", dropped(file.seek(SeekFrom::End(-20))).await);
    say!("read {:?}", turns(file.read_u8()).await);
    turns(file.write(b"y")).await.1?;
    let started = Pin::new(&mut file).start_seek(SeekFrom::Start(0));
    say!("{:?}", started.map_err(|error| error.to_string()));
    turns(file.flush()).await.1?;
    Pin::new(&mut file).start_seek(SeekFrom::Start(5))?;
    let sought = std::future::poll_fn(|cx| Pin::new(&mut file).poll_complete(cx));
    say!("{:?}", turns(sought).await);
    say!("{:?}", text().await?);
    settle().await;
    Ok(())
}

async fn writes_that_are_dropped() -> io::Result<()> {
    let mut file = digits().await?;
    file.set_max_buf_size(4);
    say!("{}", dropped(file.write_all(b"abcdefghij")).await);
    say!("{:?}", text().await?);
    say!("write {:?}", turns(file.write(b"xy")).await);
    say!("{}", dropped(file.flush()).await);
    say!("{:?}", text().await?);
    say!("write {:?}", turns(file.write_all(b"klmno")).await);
    drop(file);
    say!("{:?}", text().await?);
    settle().await;
    Ok(())
}

async fn errors_of_what_was_begun() -> io::Result<()> {
    digits().await?;
    settle().await;
    let mut file = File::open("f").await?;
    let number = |(turns, result): (u32, io::Result<usize>)| {
        (turns, result.map_err(|error| (error.kind(), error.raw_os_error())))
    };
    say!("{:?}", number(turns(file.write(b"x")).await));
    say!("{:?}", number(turns(file.write(b"x")).await));
    say!("{:?}", number(turns(file.write(b"x")).await));
    say!("read {:?}", number(turns(file.read(&mut [0; 2])).await));
    say!("{:?}", number(turns(file.write(b"x")).await));
    say!("{:?}", number(turns(file.write(b"x")).await));
    say!("sync {:?}", turns(file.sync_all()).await);
    let flushed = turns(file.flush()).await;
    say!("flush {:?}", number((flushed.0, flushed.1.map(|()| 0))));
    settle().await;
    let mut file = OpenOptions::new().write(true).open("f").await?;
    say!("{:?}", number(turns(file.read(&mut [0; 2])).await));
    say!("{}", dropped(file.read(&mut [0; 2])).await);
    say!("{:?}", number(turns(file.write(b"x")).await));
    let flushed = turns(file.flush()).await;
    say!("flush {:?}", number((flushed.0, flushed.1.map(|()| 0))));
    say!("{:?}", text().await?);
    settle().await;
    Ok(())
}
