//! The broker's log: records on a disk, which a crash may lose or tear before they are synced.
//!
//! A record is `length, checksum, sequence number, body`. The log is replayed up to the first that
//! is not whole, and cut there. When it is long, a snapshot of the jobs takes its place: written
//! under another name, synced, renamed, and the directory synced before the log is cut.

use std::io;

use seedloop::fs::{self, File, OpenOptions};
use seedloop::{Error, Result, host};

use super::codec::{Decoder, Encoder, checksum};
use super::jobs::{Jobs, Record};
use super::mistake::Mistake;

const LOG: &str = "log";
const SNAPSHOT: &str = "snapshot";
const NEW_SNAPSHOT: &str = "snapshot.new";

/// A log of so many bytes becomes a snapshot: soon, so that a short run sees some.
const COMPACT_AT: u64 = 300;

/// What stands in front of the body of a record.
const HEADER: usize = 4 + 4 + 8;

/// An open log.
pub(super) struct Log {
    file: File,
    /// The number of the last record.
    sequence: u64,
    length: u64,
    mistake: Option<Mistake>,
}

impl Log {
    /// Opens the log, or makes one, and replays what is in it.
    ///
    /// All that is read is written again and synced before it is trusted: the broker that wrote it
    /// may have ended with what only the system's cache held. Where it has ended since a sync had
    /// failed, a second sync alone does not write that.
    ///
    /// # Errors
    ///
    /// Those of the disk, and `InvalidData` for a snapshot that is not whole.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: whoever opens it next finds the same records.
    pub(super) async fn open(mistake: Option<Mistake>) -> Result<(Log, Jobs)> {
        let mut jobs = Jobs::new(mistake);
        let mut sequence = 0;
        if fs::try_exists(SNAPSHOT).await? {
            let bytes = fs::read(SNAPSHOT).await?;
            sequence = read_snapshot(&bytes, &mut jobs).ok_or_else(broken_snapshot)?;
        }
        let is_new = !fs::try_exists(LOG).await?;
        let options = OpenOptions::new().read(true).append(true).create(true);
        let mut file = options.open(LOG).await?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await?;
        let (last, length) = replay(&bytes, sequence, mistake, &mut jobs);
        let mut log = Log { file, sequence: last, length, mistake };
        if length < bytes.len() as u64 && mistake != Some(Mistake::WritesBehindTornRecord) {
            log.file.set_len(length).await?;
            bytes.truncate(length as usize);
        }
        if is_new || mistake != Some(Mistake::TrustsPageCache) {
            OpenOptions::new().write(true).open(LOG).await?.write_all(&bytes).await?;
            log.sync().await?;
            sync_directory().await?;
        }
        Ok((log, jobs))
    }

    /// Appends records, as one write.
    ///
    /// # Errors
    ///
    /// Those of the disk, after which nobody knows what is on it: the log has to be opened anew.
    ///
    /// # Cancel safety
    ///
    /// None: the write takes effect, and the log does not know.
    pub(super) async fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in records {
            self.sequence += 1;
            bytes.extend(frame(self.sequence, &record.encode()));
        }
        self.length += bytes.len() as u64;
        self.file.write_all(&bytes).await
    }

    /// Lets what was appended outlive a crash.
    ///
    /// # Errors
    ///
    /// Those of the disk: what was appended may be lost then, also if a second sync goes well.
    ///
    /// # Cancel safety
    ///
    /// The sync takes effect all the same.
    pub(super) async fn sync(&mut self) -> io::Result<()> {
        match self.file.sync_all().await {
            // The system has dropped what it could not write, and has nothing left to write.
            Err(_) if self.mistake == Some(Mistake::RetriesFailedSync) => {
                self.file.sync_all().await
            }
            synced => synced,
        }
    }

    /// Tells whether a snapshot should take its place.
    pub(super) fn is_long(&self) -> bool {
        self.length >= COMPACT_AT
    }

    /// Puts a snapshot of the jobs in the place of all records so far.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    ///
    /// # Cancel safety
    ///
    /// None: the log has to be opened anew.
    pub(super) async fn compact(&mut self, jobs: &Jobs) -> io::Result<()> {
        let mut new = File::create(NEW_SNAPSHOT).await?;
        new.write_all(&snapshot(self.sequence, jobs)).await?;
        new.sync_all().await?;
        fs::rename(NEW_SNAPSHOT, SNAPSHOT).await?;
        if self.mistake != Some(Mistake::RenamesWithoutDirectorySync) {
            sync_directory().await?;
        }
        self.file.set_len(0).await?;
        self.length = 0;
        // Else what is written next could come to the disk in front of records still there.
        self.sync().await
    }
}

/// Lets the names of the files outlive a crash.
async fn sync_directory() -> io::Result<()> {
    File::open("/").await?.sync_all().await
}

fn broken_snapshot() -> Error {
    let text = "the snapshot is not whole, and was when it got its name";
    io::Error::new(io::ErrorKind::InvalidData, text).into()
}

fn frame(sequence: u64, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let summed = [&sequence.to_be_bytes(), body].concat();
    [&length.to_be_bytes(), &checksum(&summed).to_be_bytes(), summed.as_slice()].concat()
}

/// Replays records that are newer than `sequence`. Returns the number of the last one, and how many
/// bytes are whole records.
fn replay(bytes: &[u8], sequence: u64, mistake: Option<Mistake>, jobs: &mut Jobs) -> (u64, u64) {
    let now = host::system_time();
    let (mut last, mut before) = (sequence, None);
    let mut rest = Decoder(bytes);
    while let Some((number, body, behind)) = next_record(rest, mistake) {
        // After a cut that did not come to the disk older records may stand behind newer ones.
        if before.is_some_and(|before| number != before + 1) {
            break;
        }
        (before, rest) = (Some(number), behind);
        if number > last {
            last = number;
            if let Some(record) = Record::decode(&body) {
                jobs.replay(record, now);
            }
        }
    }
    (last, (bytes.len() - rest.0.len()) as u64)
}

/// The number and the body of the record that comes next, and what is behind it.
fn next_record(
    mut bytes: Decoder<'_>,
    mistake: Option<Mistake>,
) -> Option<(u64, Vec<u8>, Decoder<'_>)> {
    let header = bytes.bytes(HEADER)?;
    let mut fields = Decoder(header);
    let (length, sum, number) = (fields.word()? as usize, fields.word()?, fields.number()?);
    if mistake == Some(Mistake::TrustsTornRecord) {
        let there = bytes.bytes(length.min(bytes.0.len()))?;
        let mut body = there.to_vec();
        body.resize(length, 0);
        return Some((number, body, bytes));
    }
    let body = bytes.bytes(length)?;
    let summed = [&number.to_be_bytes(), body].concat();
    (checksum(&summed) == sum).then(|| (number, body.to_vec(), bytes))
}

fn snapshot(sequence: u64, jobs: &Jobs) -> Vec<u8> {
    let mut content = Encoder::default().number(sequence).0;
    for record in jobs.records() {
        let body = record.encode();
        content.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        content.extend(body);
    }
    [&checksum(&content).to_be_bytes(), content.as_slice()].concat()
}

/// Puts a snapshot into `jobs`, and returns the number of the last record in it.
fn read_snapshot(bytes: &[u8], jobs: &mut Jobs) -> Option<u64> {
    let now = host::system_time();
    let mut bytes = Decoder(bytes);
    let sum = bytes.word()?;
    if checksum(bytes.0) != sum {
        return None;
    }
    let sequence = bytes.number()?;
    while !bytes.is_at_end() {
        let length = bytes.word()? as usize;
        jobs.replay(Record::decode(bytes.bytes(length)?)?, now);
    }
    Some(sequence)
}
