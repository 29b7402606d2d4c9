//! Prints `linux.txt`: what Linux and the standard library say to each operation on each path.
//!
//! It needs to be root, since it takes an empty directory for the root of the file system:
//! `rustc --edition 2024 -o /tmp/record tests/world/kinds/record.rs && sudo /tmp/record`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::chroot;
use std::path::Path;

/// What a path may be: the root, with a slash or a dot at its end, missing, below a file.
const PATHS: [&str; 24] = [
    "", "/", "..", ".", "d/..", "d/.", "d/../f", "f", "f/", "f/.", "f/..", "m", "m/", "m/.",
    "m/..", "m/x", "f/x", "d", "e", "e/", "e/.", "e/..", "d/in", "d/x",
];

/// The files `f` and `g`, a directory with a file and an empty one.
fn prepare() -> io::Result<()> {
    for entry in fs::read_dir("/")? {
        let path = entry?.path();
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    fs::write("f", "text")?;
    fs::write("g", "x")?;
    fs::create_dir("d")?;
    fs::write("d/in", "x")?;
    fs::create_dir("e")
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

fn on_path(operation: &str, path: &str) -> Option<String> {
    Some(match operation {
        "open" => told(File::open(path)),
        "open to write" => told(OpenOptions::new().write(true).open(path)),
        "open to append" => told(OpenOptions::new().read(true).append(true).open(path)),
        "create" => told(File::create(path)),
        "create new" => told(File::create_new(path)),
        "create directory" => told(fs::create_dir(path)),
        "create directories" => told(fs::create_dir_all(path)),
        "remove file" => told(fs::remove_file(path)),
        "remove directory" => told(fs::remove_dir(path)),
        "read" => told(fs::read(path)),
        "write" => told(fs::write(path, "x")),
        "read directory" => told(fs::read_dir(path)),
        "metadata" => told(fs::metadata(path)),
        "exists" => told(fs::exists(path)),
        "copy to m" => told(fs::copy(path, "m")),
        "copy g" => told(fs::copy("g", path)),
        _ => return None,
    })
}

const ON_PATH: [&str; 16] = [
    "open",
    "open to write",
    "open to append",
    "create",
    "create new",
    "create directory",
    "create directories",
    "remove file",
    "remove directory",
    "read",
    "write",
    "read directory",
    "metadata",
    "exists",
    "copy to m",
    "copy g",
];

fn on_file(operation: &str, mut file: File) -> Option<String> {
    Some(match operation {
        "write" => told(file.write_all(b"x")),
        "read" => told(file.read(&mut [0])),
        "read too much" => told(file.read_exact(&mut [0; 5])),
        "read text" => told(file.read_to_string(&mut String::new())),
        "resize" => told(file.set_len(1)),
        "sync" => told(file.sync_all()),
        "sync data" => told(file.sync_data()),
        "metadata" => told(file.metadata()),
        "seek" => told(file.seek(SeekFrom::Start(9))),
        "seek before the beginning" => told(file.seek(SeekFrom::Current(-1))),
        "seek too far" => told(file.seek(SeekFrom::Start(u64::MAX))),
        _ => return None,
    })
}

const ON_FILE: [&str; 11] = [
    "write",
    "read",
    "read too much",
    "read text",
    "resize",
    "sync",
    "sync data",
    "metadata",
    "seek",
    "seek before the beginning",
    "seek too far",
];

fn main() -> io::Result<()> {
    let root = std::env::temp_dir().join(format!("record-{}", std::process::id()));
    fs::create_dir(&root)?;
    chroot(&root)?;
    std::env::set_current_dir("/")?;
    for operation in ON_PATH {
        for path in PATHS {
            prepare()?;
            let told = on_path(operation, path).expect("an operation");
            println!("{operation}|{path}|{told}");
        }
    }
    for from in PATHS {
        for to in PATHS {
            prepare()?;
            println!("rename|{from}|{to}|{}", told(fs::rename(from, to)));
        }
    }
    type Open = fn() -> io::Result<File>;
    let opened: [(&str, Open); 4] = [
        ("opened to be read", || File::open("f")),
        ("opened to be written", || OpenOptions::new().write(true).open("f")),
        ("opened to be appended to", || OpenOptions::new().append(true).open("f")),
        ("a directory", || File::open("d")),
    ];
    for (name, open) in opened {
        for operation in ON_FILE {
            prepare()?;
            println!("{name}|{operation}|{}", on_file(operation, open()?).expect("an operation"));
        }
    }
    // Each set of: read, write, append, truncate, create, create new.
    for path in ["f", "m", "d"] {
        for set in 0..64_u32 {
            prepare()?;
            let is = |bit: u32| set >> bit & 1 == 1;
            let mut options = OpenOptions::new();
            options.read(is(0)).write(is(1)).append(is(2)).truncate(is(3)).create(is(4));
            let told = told(options.create_new(is(5)).open(Path::new(path)));
            println!("options {set:06b}|{path}|{told}");
        }
    }
    Ok(())
}
