//! Runs that are made up, and a disk in memory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::campaign::folder::{Opened, go_on};
use crate::campaign::lines::{FORMAT, Header, Hex, ShardOf};
use crate::campaign::pace::Pace;
use crate::campaign::pieces::Pieces;
use crate::campaign::reader::{Contents, read};
use crate::campaign::rounds::round_start;
use crate::campaign::shard::{Shard, Stopped, Store};
use crate::campaign::source::{Kind, Sink, Source, Taken};
use crate::campaign::sum::seal;

/// What each run does follows from its seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fake {
    /// How many runs it hands out at a time.
    pub(super) part: u64,
    /// How many orders there are.
    pub(super) orders: u64,
}

/// A failure of the run of a seed: the signature, and whether a case replays it.
pub(super) fn failure_of(seed: u64) -> Option<(&'static str, bool)> {
    match seed {
        _ if seed % 97 == 13 => Some(("panic src/lib.rs:40:9", true)),
        _ if seed % 211 == 150 => Some(("deadlock src/a.rs:3:1", true)),
        _ if seed % 1_000 == 431 => Some(("crash", false)),
        _ => None,
    }
}

impl Source for Fake {
    fn take(
        &mut self,
        seeds: Range<u64>,
        known: &BTreeSet<String>,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        let mut known = known.clone();
        let mut next = seeds.start;
        while next < seeds.end {
            let round = round_start(next) + if next < 4_096 { 256 } else { 4_096 };
            let end = seeds.end.min(round).min(next + self.part);
            let (mut orders, mut failures) = (BTreeMap::new(), Vec::new());
            for seed in next..end {
                *orders.entry(seed.wrapping_mul(seed) % self.orders).or_default() += 1;
                let Some((signature, has_case)) = failure_of(seed) else { continue };
                let same = |known: &&mut Kind| known.signature == signature;
                match failures.iter_mut().find(same) {
                    Some(failure) => failure.count += 1,
                    None => failures.push(Kind {
                        signature: signature.to_owned(),
                        kind: signature.split(' ').next().unwrap_or_default().to_owned(),
                        message: format!("it failed with {seed}\nas always"),
                        run: seed,
                        case: (has_case && known.insert(signature.to_owned()))
                            .then(|| format!("sl1.1.any.-:1.{seed}@1!").parse().expect("a case")),
                        fingerprint: seed * 3,
                        count: 1,
                    }),
                }
            }
            let steps = (next..end).map(|seed| 10 + seed % 7).sum();
            // Nobody has said that they come in an order.
            failures.reverse();
            if sink(Taken { runs: next..end, steps, orders, kinds: failures }).is_break() {
                return Ok(());
            }
            next = end;
        }
        Ok(())
    }
}

/// The header of a shard of a made-up campaign.
pub(in crate::campaign) fn header(
    campaign: Range<u64>,
    shard: Range<u64>,
    index: u32,
    count: u32,
) -> Header {
    Header {
        format: FORMAT,
        tool: "seedloop 0.1.0".to_owned(),
        scenario: "tea".to_owned(),
        code: Hex(0xabc),
        options: BTreeMap::from([("seed".to_owned(), "0".to_owned())]),
        replay: None,
        campaign: campaign.into(),
        shard: ShardOf { from: shard.start, to: shard.end, index, count },
    }
}

/// A file in memory, with room for so many bytes.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) bytes: Rc<RefCell<Vec<u8>>>,
    pub(super) room: usize,
    /// How long it was whenever something was synced, and what.
    pub(super) synced: Rc<RefCell<Vec<(usize, &'static str)>>>,
}

impl Disk {
    pub(super) fn with(bytes: &[u8]) -> Self {
        let bytes = Rc::new(RefCell::new(bytes.to_owned()));
        Disk { bytes, room: usize::MAX, synced: Rc::default() }
    }

    pub(super) fn contents(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }
}

impl Store for Disk {
    fn cut(&mut self, whole: u64) -> io::Result<()> {
        self.bytes.borrow_mut().truncate(whole as usize);
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut bytes = self.bytes.borrow_mut();
        let fits = lines.len().min(self.room - bytes.len());
        bytes.extend(&lines[..fits]);
        match fits == lines.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.synced.borrow_mut().push((self.bytes.borrow().len(), "bytes"));
        Ok(())
    }

    fn sync_name(&mut self) -> io::Result<()> {
        self.synced.borrow_mut().push((self.bytes.borrow().len(), "name"));
        Ok(())
    }
}

/// Why a shard was not run to its end: a text of the first error.
pub(super) type Ran = Result<(), String>;

/// Runs what is left of the shard in a file, with a line of progress at each part.
pub(super) fn run(disk: &Disk, header: Header, source: &mut dyn Source) -> Ran {
    run_at(disk, header, source, true)
}

/// The same, or with no line of progress but those that no time brings.
pub(super) fn run_at(
    disk: &Disk,
    header: Header,
    source: &mut dyn Source,
    takes_time: bool,
) -> Ran {
    let name = Path::new("DIR/shard");
    let read = read("DIR/shard", &*disk.contents()).map_err(|wrong| wrong.text().1.to_owned())?;
    match go_on(disk.clone(), name, read, header).map_err(|wrong| wrong.text().1.to_owned())? {
        Opened::Done(_) => Ok(()),
        Opened::Open(mut shard) => {
            run_shard(&mut shard, source, takes_time).map_err(|stopped| format!("{stopped:?}"))
        }
    }
}

fn run_shard(
    shard: &mut Shard<Disk>,
    source: &mut dyn Source,
    takes_time: bool,
) -> Result<(), Stopped> {
    let now = Cell::new(Duration::ZERO);
    let clock = || {
        now.set(now.get() + Duration::from_secs(if takes_time { 6 } else { 0 }));
        now.get()
    };
    let pace = Pace::new(clock(), Duration::from_secs(5));
    shard.run(source, &clock, pace, &mut |_| {})
}

/// Lines with the checksums that they should have: somebody else has written what they say.
pub(super) fn resealed(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let from = bytes.len();
        let (line, _) = line.rsplit_once(",\"crc\":\"").expect("a checksum");
        bytes.extend(line.as_bytes());
        bytes.push(b'}');
        seal(&mut bytes, from);
        bytes.push(b'\n');
    }
    bytes
}

/// What a file holds that has no mistakes.
#[track_caller]
pub(super) fn contents(bytes: &[u8]) -> Contents {
    read("a file", bytes).expect("a good file")
}

/// All that some files know, as a merged file.
#[track_caller]
pub(super) fn merged<'a>(files: impl IntoIterator<Item = &'a Vec<u8>>) -> Pieces {
    let mut pieces = Pieces::default();
    for (number, bytes) in files.into_iter().enumerate() {
        let added = pieces.add_file(&format!("file {number}"), contents(bytes));
        added.expect("files of one campaign");
    }
    pieces
}

/// A folder that is removed in the end.
#[derive(Debug)]
pub(in crate::campaign) struct Folder(pub(in crate::campaign) PathBuf);

impl Folder {
    pub(in crate::campaign) fn new(name: &str) -> Self {
        let name = format!("seedloop-campaign-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
