//! Programs for tokio's files, which print what they see: run by tokio itself in an empty folder,
//! and by what has its shape here.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::path::Path;
use std::pin::Pin;

use super::{say, tokio};
use tokio::fs::{self, DirBuilder, File, OpenOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter};

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
