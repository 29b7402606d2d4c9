//! What can be wrong with such a system: mistakes that real projects have made.

use super::fault::Fault;

/// A mistake that the job queue can be built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mistake {
    /// The broker answers when it has written a record, and syncs it after that.
    AnswersBeforeSync,
    /// A snapshot is renamed to its place, and the log cut, without a sync of the directory.
    RenamesWithoutDirectorySync,
    /// The replay reads a record into a buffer of its length, and does not look at how much came,
    /// nor at the checksum.
    TrustsTornRecord,
    /// The replay ends at a torn record, and leaves it in front of what is written then.
    WritesBehindTornRecord,
    /// A broker that starts again takes what it reads for synced.
    TrustsPageCache,
    /// A sync of the log that has failed is tried again, and believed when that goes well.
    RetriesFailedSync,
    /// A broker that starts again knows nothing of the leases it had given.
    ForgetsLeases,
    /// Whoever says that a job is done is believed, whatever the token.
    CompletesWithoutFencing,
    /// A worker compares the broker's time at which its lease ends with its own clock.
    ComparesClocks,
}

impl Mistake {
    /// All of them.
    pub const ALL: &[Mistake] = &[
        Mistake::AnswersBeforeSync,
        Mistake::RenamesWithoutDirectorySync,
        Mistake::TrustsTornRecord,
        Mistake::WritesBehindTornRecord,
        Mistake::TrustsPageCache,
        Mistake::RetriesFailedSync,
        Mistake::ForgetsLeases,
        Mistake::CompletesWithoutFencing,
        Mistake::ComparesClocks,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Mistake::AnswersBeforeSync => "job-queue-answers-before-sync",
            Mistake::RenamesWithoutDirectorySync => "job-queue-renames-without-directory-sync",
            Mistake::TrustsTornRecord => "job-queue-trusts-torn-record",
            Mistake::WritesBehindTornRecord => "job-queue-writes-behind-torn-record",
            Mistake::TrustsPageCache => "job-queue-trusts-page-cache",
            Mistake::RetriesFailedSync => "job-queue-retries-failed-sync",
            Mistake::ForgetsLeases => "job-queue-forgets-leases",
            Mistake::CompletesWithoutFencing => "job-queue-completes-without-fencing",
            Mistake::ComparesClocks => "job-queue-compares-clocks",
        }
    }

    /// What is wrong, in one line.
    pub const fn summary(self) -> &'static str {
        match self {
            Mistake::AnswersBeforeSync => "the broker answers before it has synced its log",
            Mistake::RenamesWithoutDirectorySync => {
                "a snapshot takes the place of the log, and the directory is not synced"
            }
            Mistake::TrustsTornRecord => "the replay takes a torn record for a whole one",
            Mistake::WritesBehindTornRecord => "the replay leaves a torn record in the log",
            Mistake::TrustsPageCache => "the replay trusts what was never synced",
            Mistake::RetriesFailedSync => "the broker syncs its log again when that has failed",
            Mistake::ForgetsLeases => "a broker that starts again knows no leases",
            Mistake::CompletesWithoutFencing => "a lease that has run out completes a job",
            Mistake::ComparesClocks => "a worker compares the broker's time with its own clock",
        }
    }

    /// Where it has been made, or who warns of it.
    pub fn source(self) -> &'static str {
        match self {
            Mistake::AnswersBeforeSync => {
                "Elasticsearch 1.x, which synced its translog every five seconds; Kingsbury, \
                 \"Jepsen: Elasticsearch 1.5.0\" (2015)"
            }
            Mistake::RenamesWithoutDirectorySync => {
                "Pillai et al., \"All File Systems Are Not Created Equal\" (OSDI 2014): directory \
                 operations that an application takes for durable"
            }
            Mistake::TrustsTornRecord => {
                "the same: appends that an application takes for atomic; and read(2), whose count \
                 may be short"
            }
            Mistake::WritesBehindTornRecord => {
                "the same; a log whose reader stops at the first bad record has to be cut there"
            }
            Mistake::TrustsPageCache => {
                "PostgreSQL before 2015, mended by \"Recursively fsync() the data directory after \
                 a crash\""
            }
            Mistake::RetriesFailedSync => {
                "PostgreSQL before 2019, and others; Rebello et al., \"Can Applications Recover \
                 from fsync Failures?\" (USENIX ATC 2020)"
            }
            Mistake::ForgetsLeases => {
                "Gray and Cheriton, \"Leases\" (SOSP 1989): a server has to honour after a crash \
                 what it granted before"
            }
            Mistake::CompletesWithoutFencing => {
                "HBase; Kleppmann, \"How to do distributed locking\" (2016)"
            }
            Mistake::ComparesClocks => {
                "Gray and Cheriton, \"Leases\" (SOSP 1989), on clocks that are not synchronized"
            }
        }
    }

    /// What it takes: each of these sets of faults has to be there in part. Where one is absent
    /// as a whole the mistake does not show, whatever else goes wrong.
    pub const fn needs(self) -> &'static [&'static [Fault]] {
        const CRASHES: &[Fault] = &[Fault::BrokerCrashes];
        /// What ends a broker, and lets it start again.
        const RESTARTS: &[Fault] = &[Fault::BrokerCrashes, Fault::DiskFailures];
        /// What keeps a worker from saying in time that it is still at it.
        const SILENCE: &[Fault] = &[
            Fault::BrokerCrashes,
            Fault::DiskFailures,
            Fault::Losses,
            Fault::Partitions,
            Fault::Resets,
        ];
        match self {
            Mistake::AnswersBeforeSync
            | Mistake::RenamesWithoutDirectorySync
            | Mistake::TrustsTornRecord
            | Mistake::WritesBehindTornRecord => &[CRASHES],
            Mistake::TrustsPageCache | Mistake::RetriesFailedSync => {
                &[CRASHES, &[Fault::DiskFailures]]
            }
            Mistake::ForgetsLeases => &[RESTARTS],
            Mistake::CompletesWithoutFencing => &[SILENCE],
            Mistake::ComparesClocks => &[SILENCE, &[Fault::Clocks]],
        }
    }
}
