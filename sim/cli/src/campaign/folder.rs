//! The folder of a campaign: one file for each shard.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::durable::sync_names;
use super::lines::Header;
use super::reader::{Contents, read, read_file};
use super::record::Record;
use super::seeds::SHARDS_MAX;
use super::shard::{Shard, Store};
use super::wrong::Wrong;

/// The name of a shard's file: `shard-00003-of-00008.jsonl`.
pub(super) fn file_name(index: u32, count: u32) -> String {
    format!("shard-{index:05}-of-{count:05}.jsonl")
}

/// The shard whose file is called so, and how many there are.
pub(super) fn shard_named(name: &str) -> Option<(u32, u32)> {
    let (index, count) = name.strip_prefix("shard-")?.strip_suffix(".jsonl")?.split_once("-of-")?;
    let (index, count) = (index.parse().ok()?, count.parse().ok()?);
    (index < count && count <= SHARDS_MAX && file_name(index, count) == name)
        .then_some((index, count))
}

/// The files of shards in a folder, in the order of their names.
pub(super) fn shard_files(folder: &Path) -> Result<Vec<(u32, u32, PathBuf)>, Wrong> {
    let cannot = |error| Wrong::usage(format!("cannot read {}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let name = entry.file_name();
        if let Some((index, count)) = name.to_str().and_then(shard_named) {
            files.push((index, count, entry.path()));
        }
    }
    files.sort_by_key(|(index, count, _)| (*count, *index));
    Ok(files)
}

/// Reads a shard's file, and sees that it holds the shard after which it is named; none if it was
/// only just begun.
pub(super) fn read_shard(
    path: &Path,
    index: u32,
    count: u32,
) -> Result<Option<(Record, bool)>, Wrong> {
    let contents = read_file(path)?;
    only_record(path, index, count, contents)
}

fn only_record(
    path: &Path,
    index: u32,
    count: u32,
    contents: Contents,
) -> Result<Option<(Record, bool)>, Wrong> {
    let path = path.display();
    if contents.merged.is_some() {
        return Err(Wrong::usage(format!("{path} is a merged file, named as that of a shard")));
    }
    let Some((record, _)) = contents.records.into_iter().next() else { return Ok(None) };
    let shard = record.header.shard;
    match (shard.index, shard.count) == (index, count) {
        true => Ok(Some((record, contents.is_ended))),
        false => {
            Err(Wrong::usage(format!("{path} is named otherwise than what it holds: {shard}")))
        }
    }
}

/// A shard's file that is opened to be run.
#[derive(Debug)]
pub(super) enum Opened<S> {
    /// All its runs were made.
    Done(Record),
    /// There are runs to make, or the end to write.
    Open(Shard<S>),
}

/// Opens the file of a shard, so that no other process can; begins it, or goes on with it.
pub(super) fn open(folder: &Path, header: Header) -> Result<Opened<FileStore>, Wrong> {
    let path = folder.join(file_name(header.shard.index, header.shard.count));
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = file.map_err(|error| Wrong::unwritable(&path, &error))?;
    lock(&file, &path)?;
    let contents = read(&path.display().to_string(), BufReader::new(&mut file))?;
    go_on(FileStore { file, folder: folder.to_owned() }, &path, contents, header)
}

/// Goes on with a shard of which this was read, or begins it.
pub(super) fn go_on<S: Store>(
    mut store: S,
    path: &Path,
    contents: Contents,
    header: Header,
) -> Result<Opened<S>, Wrong> {
    let unwritable = |error| Wrong::unwritable(path, &error);
    let whole = contents.whole;
    match only_record(path, header.shard.index, header.shard.count, contents)? {
        // It was killed before it had said what it is.
        None => {
            store.cut(0).map_err(unwritable)?;
            Ok(Opened::Open(Shard::begin(store, header).map_err(unwritable)?))
        }
        Some((record, is_ended)) => {
            check_same(path, &record.header, &header)?;
            if is_ended {
                return Ok(Opened::Done(record));
            }
            // What was being written when the process was killed.
            store.cut(whole).map_err(unwritable)?;
            Ok(Opened::Open(Shard::resume(store, record)))
        }
    }
}

fn lock(file: &File, path: &Path) -> Result<(), Wrong> {
    let path = path.display();
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let wrong = Wrong::usage(format!("{path} is locked: another process runs this shard"));
            Err(wrong.tip("let it end, or give each process a shard of its own with '--shard'"))
        }
        Err(TryLockError::Error(error)) => {
            let wrong = Wrong::usage(format!("cannot lock {path}: {error}"));
            Err(wrong.tip("name a folder on a file system with locks, and merge from there"))
        }
    }
}

/// Sees that a folder holds no other campaign than the one of `header`.
pub(super) fn check_folder(folder: &Path, header: &Header) -> Result<(), Wrong> {
    let count = header.shard.count;
    let files = shard_files(folder)?;
    if let Some((_, other, path)) = files.iter().find(|(_, other, _)| *other != count) {
        let path = path.display();
        let wrong = format!("{path} is of another campaign: it has {other} shards, not {count}");
        return Err(Wrong::usage(wrong).tip(TIP));
    }
    // Each was compared when it was begun: one tells what all are.
    for (index, count, path) in files {
        if let Some((record, _)) = read_shard(&path, index, count)? {
            return check_same(&path, &record.header, header);
        }
    }
    Ok(())
}

const TIP: &str = "go on with what it was begun with, or name another folder with '--out'";

fn check_same(path: &Path, there: &Header, here: &Header) -> Result<(), Wrong> {
    let mut found = there.differences(here);
    if there.campaign != here.campaign {
        found.push(("range".into(), there.campaign.to_string(), here.campaign.to_string()));
    }
    if there.shard != here.shard && found.is_empty() && there.shard.index == here.shard.index {
        let seeds = |header: &Header| format!("{}..{}", header.shard.from, header.shard.to);
        found.push(("range".into(), seeds(there), seeds(here)));
    }
    if found.is_empty() {
        return Ok(());
    }
    let each = found.iter().map(|(name, there, here)| format!("its {name} is {there}, not {here}"));
    let each = each.collect::<Vec<_>>().join("; ");
    Err(Wrong::usage(format!("{} is of another campaign: {each}", path.display())).tip(TIP))
}

/// A file that this process has locked.
#[derive(Debug)]
pub(super) struct FileStore {
    file: File,
    /// Where it is.
    folder: PathBuf,
}

impl Store for FileStore {
    fn cut(&mut self, whole: u64) -> io::Result<()> {
        self.file.set_len(whole)?;
        self.file.seek(SeekFrom::Start(whole)).map(drop)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_name(&mut self) -> io::Result<()> {
        sync_names(&self.folder)
    }
}
