//! The folder of a campaign: one file for each shard.

use std::fmt::Display;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::durable::sync_names;
use super::lines::{Header, ShardOf};
use super::reader::{Contents, read, read_file, read_header};
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
    check_name(path, index, count, record.header.shard)?;
    Ok(Some((record, contents.is_ended)))
}

fn check_name(path: impl Display, index: u32, count: u32, shard: ShardOf) -> Result<(), Wrong> {
    match (shard.index, shard.count) == (index, count) {
        true => Ok(()),
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
    let is_new = contents.records.is_empty();
    let store = FileStore { file, folder: folder.to_owned() };
    if !is_new {
        return go_on(store, &path, contents, header);
    }
    // Two shards may be begun at once, and each has found an empty folder: one at a time says what
    // it is, and looks once more.
    let _alone = lock_names(folder);
    let mut opened = go_on(store, &path, contents, header.clone())?;
    if let Err(wrong) = check_folder(folder, &header) {
        // It is not begun: the corrected one is not to be told that this is another campaign.
        if let Opened::Open(shard) = &mut opened {
            shard.withdraw().map_err(|error| Wrong::unwritable(&path, &error))?;
        }
        return Err(wrong);
    }
    Ok(opened)
}

/// Waits until no other process begins a shard in the folder, and keeps the others waiting until it
/// is dropped. None where folders can't be locked: then two that differ may both be refused.
fn lock_names(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
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
    let ShardOf { index: own, count, .. } = header.shard;
    let (others, files): (Vec<_>, Vec<_>) =
        shard_files(folder)?.into_iter().partition(|(_, other, _)| *other != count);
    for (_, other, path) in others {
        // One that was only just begun is of no campaign.
        if read_header(&path)?.is_some() {
            let path = path.display();
            let wrong =
                format!("{path} is of another campaign: it has {other} shards, not {count}");
            return Err(Wrong::usage(wrong).tip(TIP));
        }
    }
    let (same, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|(index, ..)| *index == own);
    for (index, count, path) in same.into_iter().chain(others) {
        let Some(there) = read_header(&path)? else { continue };
        check_name(path.display(), index, count, there.shard)?;
        check_same(&path, &there, header)?;
        if index != own {
            // Each was compared when it was begun: one tells what all are.
            break;
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
