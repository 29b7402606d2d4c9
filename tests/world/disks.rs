//! Files on the simulated disk: errors, positions, directories, and what an operation is.

use std::io::{self, ErrorKind, SeekFrom};
use std::time::Duration;

use futures_lite::future::poll_once;
use futures_lite::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use seedloop::explore::Explorer;
use seedloop::fs::{self, File, OpenOptions};
use seedloop::host::Host;
use seedloop::{Instant, Outcome, Ratio, Result, Simulation, host, run, sleep, spawn};

const WAY: Duration = Duration::from_millis(100);

/// Runs `main` on a disk on which each operation takes 0.1 s.
fn simulate<T, F>(main: impl FnOnce() -> F) -> Result<T>
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let outcome: Outcome<Result<T>> = Simulation::new().run(|| {
        fs::set_latency(WAY..=WAY);
        run(main())
    });
    outcome.result?
}

fn ways(since: Instant) -> u128 {
    assert_eq!(since.elapsed().as_nanos() % WAY.as_nanos(), 0);
    since.elapsed().as_nanos() / WAY.as_nanos()
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn the_disk_fails_as_a_real_one_does() {
    let errors = simulate(|| async {
        fs::write("bytes", [0xff, 0xfe]).await?;
        let errors = [
            fs::read("none").await.unwrap_err(),
            File::open("none").await.unwrap_err(),
            fs::remove_file("none").await.unwrap_err(),
            fs::read_to_string("bytes").await.unwrap_err(),
            File::open("bytes").await?.write_all(b"x").await.unwrap_err(),
            File::create("new").await?.read_to_string(&mut String::new()).await.unwrap_err(),
        ];
        let told = |error: io::Error| error.raw_os_error().ok_or(error.kind());
        Ok(errors.map(told))
    });
    use ErrorKind::{InvalidData, NotFound};
    const EBADF: i32 = 9;
    let expected =
        [Err(NotFound), Err(NotFound), Err(NotFound), Err(InvalidData), Ok(EBADF), Ok(EBADF)];
    assert_eq!(errors.unwrap(), expected);
}

/// The way out of the block takes a way of the disk, after a value as after a cancel.
#[test]
fn a_block_awaits_that_its_file_is_closed() {
    async fn write_slowly(text: &str) -> Result<()> {
        let file = File::create("f").await?;
        let body = async |f: &mut File| {
            f.write_all(text.as_bytes()).await?;
            Ok(sleep(WAY).await?)
        };
        file.scope(body).await
    }
    let (written, cancelled) = simulate(|| async {
        let start = Instant::now();
        write_slowly("text").await?;
        let written = (ways(start), fs::open_files());
        let task = spawn(write_slowly("more"));
        sleep(WAY * 5 / 2).await?;
        let start = Instant::now();
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        Ok((written, (ways(start), fs::open_files())))
    })
    .unwrap();
    assert_eq!((written, cancelled), ((4, 0), (1, 0)));
}

/// A write that the block did not wait for comes to the disk before the file is closed, and its
/// error is that of the block.
#[test]
fn a_block_waits_for_a_write_that_goes_on() {
    let (took, error) = simulate(|| async {
        let file = File::create("f").await?;
        let start = Instant::now();
        let write_and_leave = async |f: &mut File| {
            fs::set_latency(WAY * 5..=WAY * 5);
            AsyncWriteExt::write(f, b"written").await?;
            fs::set_latency(WAY..=WAY);
            Ok(())
        };
        file.scope(write_and_leave).await?;
        let took = (ways(start), fs::read("f").await?);
        let file = File::create("g").await?;
        fs::disk(host::current()).set_capacity(Some(7));
        let error = file.scope(async |f| {
            AsyncWriteExt::write(f, b"more than fits").await?;
            Ok(())
        });
        Ok((took, error.await.unwrap_err().to_string()))
    })
    .unwrap();
    assert_eq!(took, (6, b"written".to_vec()));
    assert_eq!(error, "no space left: the disk has 7 bytes");
}

#[test]
fn a_file_has_a_position_and_outlives_its_name() {
    let text = simulate(|| async {
        let mut written = File::create("f").await?;
        written.write_all(b"one ").await?;
        written.write_all(b"two").await?;
        let mut read = File::open("f").await?;
        fs::remove_file("f").await?;
        assert_eq!(fs::open_files(), 2);
        let mut text = String::new();
        assert_eq!(read.read_to_string(&mut text).await?, 7);
        assert_eq!(read.read_to_string(&mut text).await?, 0);
        Ok(text)
    });
    assert_eq!(text.unwrap(), "one two");
}

/// Two operations: a reader in between finds an empty file.
#[test]
fn a_write_empties_the_file_first() {
    let seen = simulate(|| async {
        fs::write("f", "old").await?;
        let writer = spawn(async { Ok(fs::write("f", "new").await?) });
        sleep(WAY / 2).await?;
        let seen = fs::read_to_string("f").await?; // Opened at 1.5, read at 2.5 ways.
        writer.await?;
        Ok(seen)
    });
    assert_eq!(seen.unwrap(), "new");
    let seen = simulate(|| async {
        fs::write("f", "old").await?;
        let reader = spawn(async { Ok(fs::read_to_string("f").await?) });
        sleep(WAY / 2).await?;
        fs::write("f", "new").await?; // Emptied at 1.5, written at 2.5; read at 2 ways.
        reader.await
    });
    assert_eq!(seen.unwrap(), "");
}

/// The wait is cancelled, the write is not; and `?` makes a cancel of the `io::Error` again.
#[test]
fn a_cancelled_write_still_takes_effect() {
    let (cancelled, text) = simulate(|| async {
        let task = spawn(async { Ok(fs::write("f", "text").await?) });
        sleep(WAY * 3 / 2).await?;
        task.cancel();
        let cancelled = task.await.is_err_and(|error| error.is_cancelled());
        sleep(WAY).await?;
        Ok((cancelled, fs::read_to_string("f").await?))
    })
    .unwrap();
    assert_eq!((cancelled, text.as_str()), (true, "text"));
}

/// What Linux answers to each, as the kinds of the standard library.
#[test]
fn directories_are_those_of_a_real_disk() {
    let names = simulate(|| async {
        assert_eq!(kind(fs::create_dir("a/b").await), Some(ErrorKind::NotFound));
        fs::create_dir_all("a/b/c").await?;
        fs::create_dir_all("a/b").await?;
        assert_eq!(kind(fs::create_dir("a/b").await), Some(ErrorKind::AlreadyExists));
        fs::write("a/f", "text").await?;
        assert_eq!(kind(fs::create_dir_all("a/f").await), Some(ErrorKind::AlreadyExists));
        assert_eq!(kind(fs::create_dir("a/f/g").await), Some(ErrorKind::NotADirectory));
        assert_eq!(kind(fs::read("a/f/g").await), Some(ErrorKind::NotADirectory));
        assert_eq!(kind(fs::read("a").await), Some(ErrorKind::IsADirectory));
        assert_eq!(kind(fs::write("a", "x").await), Some(ErrorKind::IsADirectory));
        assert_eq!(kind(fs::remove_file("a").await), Some(ErrorKind::IsADirectory));
        assert_eq!(kind(fs::remove_dir("a").await), Some(ErrorKind::DirectoryNotEmpty));
        assert_eq!(kind(fs::remove_dir("a/f").await), Some(ErrorKind::NotADirectory));
        assert_eq!(kind(fs::rename("a", "a/b/d").await), Some(ErrorKind::InvalidInput));
        assert_eq!(kind(fs::rename("a/f", "a/b").await), Some(ErrorKind::IsADirectory));
        assert_eq!(kind(fs::rename("a/b", "a/f").await), Some(ErrorKind::NotADirectory));
        assert_eq!(kind(fs::rename("none", "x").await), Some(ErrorKind::NotFound));
        fs::rename("a/f", "a/b/g").await?;
        fs::write("a/b/h", "other").await?;
        fs::rename("a/b/g", "a/b/h").await?;
        assert_eq!(fs::read_to_string("a/b/h").await?, "text");
        let entries = fs::read_dir("a/b").await?;
        let names = entries.iter().map(|it| (it.path().display().to_string(), it.metadata().len()));
        let names: Vec<String> = names.map(|(path, length)| format!("{path} {length}")).collect();
        fs::remove_dir_all("a").await?;
        assert!(!fs::try_exists("a").await?);
        Ok(names)
    });
    assert_eq!(names.unwrap(), ["a/b/c 0", "a/b/h 4"]);
}

/// A path stays on the disk, whatever stands in it.
#[test]
fn no_path_leads_out_of_the_disk() {
    let text = simulate(|| async {
        fs::create_dir("/../etc").await?;
        fs::write("/../../etc/../f", "inside").await?;
        assert_eq!(kind(fs::read("").await), Some(ErrorKind::NotFound));
        assert_eq!(kind(fs::read("f\0").await), Some(ErrorKind::InvalidInput));
        assert_eq!(kind(fs::read("n".repeat(256)).await), Some(ErrorKind::InvalidFilename));
        Ok(fs::read_to_string("./f").await?)
    });
    assert_eq!(text.unwrap(), "inside");
}

/// Source: path_resolution(7): each name on the way has to be a directory that is there.
#[test]
fn what_stands_before_two_dots_is_a_directory() {
    simulate(|| async {
        fs::create_dir_all("a/b").await?;
        fs::write("f", "text").await?;
        assert_eq!(fs::read_to_string("a/b/../../f").await?, "text");
        let (missing, file) = (Some(ErrorKind::NotFound), Some(ErrorKind::NotADirectory));
        assert_eq!(kind(fs::read("none/../f").await), missing);
        assert_eq!(kind(fs::read("f/../f").await), file);
        assert_eq!(kind(File::create("none/../g").await), missing);
        assert_eq!(kind(fs::rename("f", "none/../g").await), missing);
        assert_eq!(kind(fs::rename("none/../f", "g").await), missing);
        assert_eq!(kind(fs::disk(host::current()).corrupt("f/../f", 0)), file);
        assert_eq!(kind(fs::create_dir("c/../d").await), missing);
        assert_eq!(kind(fs::try_exists("f/../d").await), file);
        fs::create_dir_all("c/../d").await?;
        assert_eq!(kind(fs::create_dir_all("f/../d").await), file);
        assert_eq!(kind(fs::create_dir("a/..").await), Some(ErrorKind::AlreadyExists));
        fs::rename("a/b/../../f", "a/b/../g").await?;
        let names = fs::read_dir("d/..").await?;
        let names: Vec<_> = names.iter().map(|entry| entry.path().to_owned()).collect();
        assert_eq!(names, ["d/../a", "d/../c", "d/../d"].map(std::path::PathBuf::from));
        assert_eq!(fs::read_to_string("a/g").await?, "text");
        Ok(())
    })
    .unwrap();
}

#[test]
fn options_are_those_of_the_standard_library() {
    let text = simulate(|| async {
        let invalid = Some(ErrorKind::InvalidInput);
        assert_eq!(kind(OpenOptions::new().open("f").await), invalid);
        assert_eq!(kind(OpenOptions::new().read(true).create(true).open("f").await), invalid);
        let both = OpenOptions::new().append(true).truncate(true);
        assert_eq!(kind(both.open("f").await), invalid);
        let mut file = File::create_new("f").await?;
        file.write_all(b"one two").await?;
        assert_eq!(kind(File::create_new("f").await), Some(ErrorKind::AlreadyExists));
        let mut end = OpenOptions::new().append(true).open("f").await?;
        end.write_all(b" three").await?;
        assert_eq!(file.seek(SeekFrom::End(-5)).await?, 8);
        let mut last = [0; 5];
        file.read_exact(&mut last).await?;
        assert_eq!(&last, b"three");
        assert_eq!(kind(file.read_exact(&mut last).await), Some(ErrorKind::UnexpectedEof));
        assert_eq!(kind(file.seek(SeekFrom::Current(-99)).await), invalid);
        file.set_len(3).await?;
        file.seek(SeekFrom::Start(5)).await?;
        file.write_all(b"!").await?;
        fs::set_readonly("f", true).await?;
        assert_eq!(kind(fs::write("f", "x").await), Some(ErrorKind::PermissionDenied));
        Ok(fs::read_to_string("f").await?)
    });
    assert_eq!(text.unwrap(), "one\0\0!");
}

/// As with tokio's files: a write of `AsyncWrite` is over when it has begun, and `flush` waits.
#[test]
fn a_file_is_a_stream_of_bytes() {
    let (text, took) = simulate(|| async {
        let mut file = File::create_new("f").await?;
        let start = Instant::now();
        AsyncWriteExt::write_all(&mut file, b"hello ").await?;
        assert_eq!(ways(start), 0);
        AsyncWriteExt::write_all(&mut file, b"world").await?;
        assert_eq!(ways(start), 1);
        file.flush().await?;
        assert_eq!(ways(start), 2);
        AsyncSeekExt::seek(&mut file, SeekFrom::Start(6)).await?;
        let mut text = String::new();
        AsyncReadExt::read_to_string(&mut file, &mut text).await?;
        Ok((text, ways(start)))
    })
    .unwrap();
    // Two writes, what is left of the file, and its end.
    assert_eq!((text.as_str(), took), ("world", 4));
}

/// Source: write(2), "if there is insufficient space [..] the count may be less": the bytes that
/// fit are there, and what comes then is `ENOSPC`.
#[test]
fn a_full_disk_takes_what_fits() {
    simulate(|| async {
        let disk = fs::disk(host::current());
        disk.set_capacity(Some(10));
        fs::write("a", "12345678").await?;
        let mut file = File::create("b").await?;
        assert_eq!(kind(file.write_all(b"123").await), Some(ErrorKind::StorageFull));
        assert_eq!((fs::read("b").await?, disk.used()), (b"12".to_vec(), 10));
        assert_eq!(kind(file.write_all(b"4").await), Some(ErrorKind::StorageFull));
        // In its place there is room, and the position is behind what was written.
        assert_eq!(file.seek(SeekFrom::Current(-1)).await?, 1);
        assert_eq!(kind(file.write_all(b"xyz").await), Some(ErrorKind::StorageFull));
        assert_eq!(
            (fs::read("b").await?, file.seek(SeekFrom::Current(0)).await?),
            (b"1x".to_vec(), 2)
        );
        assert_eq!(kind(file.set_len(3).await), Some(ErrorKind::StorageFull));
        file.seek(SeekFrom::Start(5)).await?;
        assert_eq!(kind(file.write_all(b"far").await), Some(ErrorKind::StorageFull));
        assert_eq!(fs::read("b").await?, b"1x");
        drop(file);
        fs::remove_file("b").await?;
        assert_eq!(disk.used(), 8);
        let open = File::open("a").await?;
        fs::remove_file("a").await?;
        // The space of a file that is open is not free yet.
        assert_eq!(disk.used(), 8);
        drop(open);
        assert_eq!(disk.used(), 0);
        fs::write("b", "1234567890").await?;
        disk.corrupt("b", 1)?;
        assert_eq!(fs::read("b").await?[..3], [b'1', !b'2', b'3']);
        assert_eq!(kind(disk.corrupt("b", 10)), Some(ErrorKind::InvalidInput));
        Ok(())
    })
    .unwrap();
}

/// What was begun with a file that is closed and has no name any more ends all the same.
#[test]
fn the_space_of_a_file_is_free_when_the_last_handle_is_closed() {
    simulate(|| async {
        let disk = fs::disk(host::current());
        let mut file = File::create("a").await?;
        file.write_all(b"12345678").await?;
        let other = File::open("a").await?;
        fs::write("b", "123").await?;
        fs::rename("b", "a").await?;
        assert_eq!(disk.used(), 11);
        file.set_len(4).await?;
        drop(other);
        assert_eq!(disk.used(), 7);
        assert!(poll_once(file.write_all(b"90")).await.is_none());
        drop(file);
        assert_eq!(disk.used(), 3);
        File::open("/").await?.sync_all().await?;
        sleep(WAY).await?;
        assert_eq!((disk.used(), fs::read("a").await?), (3, b"123".to_vec()));
        fs::rename("a", "a").await?;
        assert_eq!(disk.used(), 3);
        fs::remove_file("a").await?;
        assert_eq!(disk.used(), 0);
        Ok(())
    })
    .unwrap();
}

/// Source: mkdir(2), `EEXIST` and `ENOTDIR`.
#[test]
fn a_file_is_no_parent() {
    let kinds = run(async {
        fs::create_dir("d").await?;
        fs::write("d/f", "").await?;
        let kind = async |path| fs::create_dir_all(path).await.err().map(|error| error.kind());
        Ok([kind("d").await, kind("d/f").await, kind("d/f/x").await, kind("d/f/x/y").await])
    });
    let (exists, no_directory) = (Some(ErrorKind::AlreadyExists), Some(ErrorKind::NotADirectory));
    assert_eq!(kinds.unwrap(), [None, exists, no_directory, no_directory]);
}

/// A write moves the position to its end, wherever that was, and one that is cut short to there.
#[test]
fn the_position_is_behind_what_was_written() {
    let read = run(async {
        fs::write("f", "0123456789").await?;
        let mut file = OpenOptions::new().read(true).append(true).open("f").await?;
        AsyncWriteExt::write_all(&mut file, b"abc").await?;
        AsyncWriteExt::flush(&mut file).await?;
        let behind = file.read(&mut [0; 4]).await?;
        fs::disk(host::current()).set_capacity(Some(14));
        let mut file = OpenOptions::new().read(true).write(true).open("f").await?;
        AsyncWriteExt::write_all(&mut file, &[0; 20]).await?;
        let full = AsyncWriteExt::flush(&mut file).await.unwrap_err().kind();
        let position = file.seek(SeekFrom::Current(0)).await?;
        Ok((behind, full, position, fs::read("f").await?))
    });
    assert_eq!(read.unwrap(), (0, ErrorKind::StorageFull, 14, vec![0; 14]));
}

/// What ends with a slash is a directory, or is none; what Linux 6 says to each.
#[test]
fn a_slash_at_the_end_wants_a_directory() {
    simulate(|| async {
        let (file, directory) = (Some(ErrorKind::NotADirectory), Some(ErrorKind::IsADirectory));
        fs::write("file", "text").await?;
        fs::create_dir("d/").await?;
        assert_eq!(kind(fs::read("file/").await), file);
        assert_eq!(kind(fs::metadata("file/.").await), file);
        assert_eq!(kind(fs::remove_file("file/").await), file);
        assert_eq!(kind(fs::write("file/", "other").await), directory);
        assert_eq!(kind(fs::write("new/", "text").await), directory);
        assert_eq!(kind(fs::rename("file", "new/").await), file);
        assert_eq!(kind(fs::remove_file("d/").await), directory);
        assert!(fs::metadata("d//").await?.is_dir());
        fs::write("d//f", "text").await?;
        fs::rename("d/", "e/").await?;
        assert_eq!(fs::read_to_string("/e/./f").await?, "text");
        assert_eq!(fs::read_to_string("file").await?, "text");
        let long = "e/".repeat(2_048);
        assert_eq!(kind(fs::read(&long).await), Some(ErrorKind::InvalidFilename));
        Ok(())
    })
    .unwrap();
}

/// The standard library opens both before it reads, and opening the second empties it. Tried on
/// Linux 6: `std::fs::copy("f", "f")` gives 0 and leaves no byte.
#[test]
fn a_copy_onto_itself_empties_the_file() {
    simulate(|| async {
        fs::write("f", "hello").await?;
        fs::create_dir("d").await?;
        assert_eq!(kind(fs::copy("d", "f").await), Some(ErrorKind::InvalidInput));
        assert_eq!(kind(fs::copy("f", "d").await), Some(ErrorKind::IsADirectory));
        assert_eq!(
            (fs::copy("f", "g").await?, fs::read_to_string("g").await?.as_str()),
            (5, "hello")
        );
        assert_eq!((fs::copy("f", "./f").await?, fs::read("f").await?), (0, Vec::new()));
        assert_eq!(
            (seedloop::tokio::fs::copy("g", "g").await?, fs::read("g").await?.len()),
            (0, 0)
        );
        Ok(())
    })
    .unwrap();
}

/// What is said of all disks is true of those of hosts that are made later, until `heal`.
#[test]
fn all_disks_are_set_at_once() {
    let exploration = Explorer::new().runs(50).explore(|| async {
        fs::everywhere().set_latency(WAY..=WAY);
        fs::everywhere().set_failures(Ratio::new(1, 2));
        let late = Host::new("late");
        let start = Instant::now();
        let write = async || fs::write("f", "text").await;
        let written = late.spawn(async move { Ok(write().await.map_err(|e| e.raw_os_error())) });
        let failed = written.await?.is_err_and(|number| number == Some(5));
        seedloop::sometimes!(failed, "a write to a late disk fails");
        assert!(ways(start) >= 1);
        host::heal();
        late.spawn(async { Ok(fs::write("f", "text").await?) }).await
    });
    assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
}
