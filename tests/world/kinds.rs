//! What each operation says to each path and handle: the kinds of error that Linux gives.
//!
//! `kinds/linux.txt` was printed by `kinds/record.rs` on Linux, with the standard library.

use std::io::{self, SeekFrom};

use seedloop::fs::{self, File, OpenOptions};
use seedloop::{Result, run};

/// The files `f` and `g`, a directory with a file and an empty one.
async fn prepare() -> Result<()> {
    fs::write("f", "text").await?;
    fs::write("g", "x").await?;
    fs::create_dir("d").await?;
    fs::write("d/in", "x").await?;
    Ok(fs::create_dir("e").await?)
}

fn told<T>(result: io::Result<T>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        // Of some kinds there is nothing but the number.
        Err(error) => match (format!("{:?}", error.kind()).as_str(), error.raw_os_error()) {
            ("Uncategorized", Some(number)) => format!("os error {number}"),
            (kind, _) => kind.to_owned(),
        },
    }
}

async fn on_path(operation: &str, path: &str) -> Option<String> {
    let options = OpenOptions::new();
    Some(match operation {
        "open" => told(File::open(path).await),
        "open to write" => told(options.write(true).open(path).await),
        "open to append" => told(options.read(true).append(true).open(path).await),
        "create" => told(File::create(path).await),
        "create new" => told(File::create_new(path).await),
        "create directory" => told(fs::create_dir(path).await),
        "create directories" => told(fs::create_dir_all(path).await),
        "remove file" => told(fs::remove_file(path).await),
        "remove directory" => told(fs::remove_dir(path).await),
        "read" => told(fs::read(path).await),
        "write" => told(fs::write(path, "x").await),
        "read directory" => told(fs::read_dir(path).await),
        "metadata" => told(fs::metadata(path).await),
        "exists" => told(fs::try_exists(path).await),
        "copy to m" => told(fs::copy(path, "m").await),
        "copy g" => told(fs::copy("g", path).await),
        _ => return None,
    })
}

async fn open(name: &str) -> Option<File> {
    let options = OpenOptions::new();
    Some(match name {
        "opened to be read" => File::open("f").await.ok()?,
        "opened to be written" => options.write(true).open("f").await.ok()?,
        "opened to be appended to" => options.append(true).open("f").await.ok()?,
        "a directory" => File::open("d").await.ok()?,
        _ => return None,
    })
}

async fn on_file(operation: &str, mut file: File) -> Option<String> {
    Some(match operation {
        "write" => told(file.write_all(b"x").await),
        "read" => told(file.read(&mut [0]).await),
        "read too much" => told(file.read_exact(&mut [0; 5]).await),
        "read text" => told(file.read_to_string(&mut String::new()).await),
        "resize" => told(file.set_len(1).await),
        "sync" => told(file.sync_all().await),
        "sync data" => told(file.sync_data().await),
        "metadata" => told(file.metadata().await),
        "seek" => told(file.seek(SeekFrom::Start(9)).await),
        "seek before the beginning" => told(file.seek(SeekFrom::Current(-1)).await),
        "seek too far" => told(file.seek(SeekFrom::Start(u64::MAX)).await),
        _ => return None,
    })
}

/// Sets of: read, write, append, truncate, create, create new.
async fn with_options(set: &str, path: &str) -> Option<String> {
    let set = u32::from_str_radix(set, 2).ok()?;
    let is = |bit: u32| set >> bit & 1 == 1;
    let options = OpenOptions::new().read(is(0)).write(is(1)).append(is(2)).truncate(is(3));
    Some(told(options.create(is(4)).create_new(is(5)).open(path).await))
}

/// What the simulated disk says where Linux has said `line`.
async fn said(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split('|').collect();
    match fields[..] {
        ["rename", from, to, _] => Some(told(fs::rename(from, to).await)),
        [operation, on, _] => match operation.strip_prefix("options ") {
            Some(set) => with_options(set, on).await,
            None => match open(operation).await {
                Some(file) => on_file(on, file).await,
                None => on_path(operation, on).await,
            },
        },
        _ => None,
    }
}

#[test]
fn errors_are_of_the_kinds_that_linux_gives() {
    let table = include_str!("kinds/linux.txt");
    let others = table.lines().filter_map(|line| {
        let said = run(async move {
            prepare().await?;
            Ok(said(line).await)
        });
        let said = said.expect("no error of its own").unwrap_or_else(|| panic!("{line}: unknown"));
        (line.rsplit('|').next() != Some(said.as_str())).then(|| format!("{line}, not {said}"))
    });
    assert_eq!(others.collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(table.lines().count(), 16 * 24 + 24 * 24 + 4 * 11 + 3 * 64);
}
