//! What a process of a campaign is to run, and where it keeps what comes of it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::durable::{make_folder, sync_names};
use super::folder::{Opened, check_folder, file_name, open};
use super::lines::{Header, Line, ShardOf};
use super::merge::pieces_of;
use super::meter::Meter;
use super::pace::{Pace, SHORTEST_MS};
use super::pieces::Pieces;
use super::record::Record;
use super::seeds::Cuts;
use super::shard::Stopped;
use super::shards::Shards;
use super::source::Source;
use super::summary::Summary;
use super::wrong::Wrong;
use crate::output::Output;
use crate::status::Status;

/// Shards of a campaign that one process runs, one after the other.
#[derive(Debug)]
pub(super) struct Plan {
    folder: PathBuf,
    /// The header of each shard, but for what is the shard's own.
    header: Header,
    cuts: Cuts,
    shards: Shards,
    /// How far lines of progress are apart at least.
    apart: Duration,
}

impl Plan {
    /// Plans the campaign of `header`, whose shard does not matter.
    pub(super) fn new(folder: &Path, header: Header, shards: Shards) -> Result<Self, Wrong> {
        let campaign = header.campaign;
        let Some(cuts) = Cuts::new(campaign.from..campaign.to, shards.count) else {
            let (count, seeds) = (shards.count, campaign.to - campaign.from);
            let wrong = Wrong::usage(format!("{count} shards are too many for {seeds} seeds"));
            return Err(wrong.tip("each shard has one seed at least"));
        };
        let apart = Duration::from_millis(SHORTEST_MS);
        Ok(Plan { folder: folder.to_owned(), header, cuts, shards, apart })
    }

    /// Says how far lines of progress are apart at least.
    pub(super) fn with_progress(self, apart: Duration) -> Self {
        Plan { apart, ..self }
    }

    /// The header of a shard.
    fn header_of(&self, index: u32) -> Header {
        let seeds = self.cuts.shard(index);
        let count = self.shards.count;
        let shard = ShardOf { from: seeds.start, to: seeds.end, index, count };
        Header { shard, ..self.header.clone() }
    }

    /// Which shards to run.
    fn indices(&self) -> impl Iterator<Item = u32> + use<> {
        match self.shards.index {
            Some(index) => index..index + 1,
            None => 0..self.shards.count,
        }
    }

    fn file(&self, index: u32) -> PathBuf {
        self.folder.join(file_name(index, self.shards.count))
    }

    /// Runs what is left of the shards. `start` starts what makes the runs, if there are any, and
    /// `clock` tells the time since some moment. Returns what is known then, and how the runs of
    /// these shards have ended.
    pub(super) fn run(
        &self,
        start: &mut dyn FnMut() -> Result<Box<dyn Source>, Wrong>,
        clock: &dyn Fn() -> Duration,
        output: &mut Output<'_>,
    ) -> Result<(Summary, Status), Wrong> {
        let unwritable = |error| Wrong::unwritable(&self.folder, &error);
        make_folder(&self.folder, &sync_names).map_err(unwritable)?;
        let first = self.shards.index.unwrap_or(0);
        check_folder(&self.folder, &self.header_of(first))?;
        let seeds = self.indices().map(|index| self.cuts.shard(index));
        let total = seeds.map(|seeds| seeds.end - seeds.start).sum();
        let mut running = Running { meter: Meter::new(clock(), total), made: 0, failures: 0 };
        let mut source: Option<Box<dyn Source>> = None;
        let mut own = Pieces::default();
        for index in self.indices() {
            let record = match open(&self.folder, self.header_of(index))? {
                Opened::Done(record) => {
                    running.meter.skip(record.runs());
                    output.complain_unflushed(format_args!("{} is done", record.header.shard));
                    record
                }
                Opened::Open(mut shard) => {
                    running.meter.skip(shard.record().runs());
                    let mut watch = |record: &Record| running.tell(record, clock(), output);
                    let source = match &mut source {
                        Some(source) => source,
                        None => source.insert(start()?),
                    };
                    let ran =
                        shard.run(&mut **source, clock, Pace::new(clock(), self.apart), &mut watch);
                    output.progress("");
                    ran.map_err(|stopped| self.wrong(index, stopped))?;
                    shard.into_record()
                }
            };
            running.made += record.runs();
            running.failures += record.failures.len();
            own.add(record, self.file(index).display().to_string())?;
        }
        let none = || Wrong::usage("no shard is named");
        let summary = Summary::new(&own).ok_or_else(none)?;
        // Who ends last tells of all, but has failed only if its own runs have.
        let status = summary.own_status();
        let summary = match self.shards.index.is_some() && self.is_whole() {
            true => {
                Summary::new(&pieces_of(std::slice::from_ref(&self.folder))?).ok_or_else(none)?
            }
            false => summary,
        };
        Ok((summary, status))
    }

    fn wrong(&self, index: u32, stopped: Stopped) -> Wrong {
        let file = self.file(index);
        match stopped {
            Stopped::Unwritable(error) => Wrong::unwritable(&file, &error)
                .tip("the runs up to there are kept: make room, and start the same again"),
            Stopped::NoRuns(error) => {
                let wrong = Wrong::incomplete(format!("no more runs can be made: {error}"));
                wrong.tip("the runs up to there are kept: start the same again")
            }
            Stopped::Differs(how) => {
                let wrong = Wrong::failed(format!(
                    "{}: a run is not the same when it is made again: {how}",
                    file.display()
                ));
                wrong.tip("'explore' tells what differs; begin anew in another folder then")
            }
        }
    }

    /// Whether all shards of the campaign are done, also those of other processes.
    fn is_whole(&self) -> bool {
        (0..self.shards.count).all(|index| is_ended(&self.file(index)).unwrap_or(false))
    }
}

/// Whether a shard's file ends with what is written last.
fn is_ended(path: &Path) -> std::io::Result<bool> {
    let end = Line::Done {}.to_bytes();
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-i64::try_from(end.len()).unwrap_or_default()))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes == end)
}

/// What is told while shards are run.
struct Running {
    meter: Meter,
    /// The runs of the shards before, and their ways to fail.
    made: u64,
    failures: usize,
}

impl Running {
    fn tell(&mut self, record: &Record, now: Duration, output: &mut Output<'_>) {
        let failures = self.failures + record.failures.len();
        self.meter.tell(now, self.made + record.runs(), failures, output);
    }
}
