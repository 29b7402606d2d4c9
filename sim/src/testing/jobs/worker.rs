//! The worker: makes the runs that it is ordered to, in a process of its own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::channel::{self, Channel};
use super::counted::{kind_line, read_statistics, tally_lines};
use super::line::{Line, Words};
use crate::base::Result;
use crate::explore::{
    Cancel, Case, Check, Explorer, Failure, Kept, Part, Spared, Statistics, Subject, Watch,
    on_own_thread, warm_up,
};

/// What says to a process that it is a worker.
pub const WORKER: &str = "SEEDLOOP_WORKER";

/// What both sides say of themselves: a crew and its workers are of one build.
pub(super) const GREETING: &str = "seedloop-worker-1";

/// What a worker says among its complaints when a run begins that may end its process: those before
/// are of other runs.
pub(super) const RUN_BEGINS: &str = "\u{1e}seedloop: a run begins";

/// Why there is no campaign of some tests.
const NO_ROUNDS: &str = "its runs follow from each other: an exhaustive strategy, or a policy of \
                         its own, tries one thing after the other; name another strategy";
const NO_STRIKES: &str = "cancels everywhere are one place after the other; say '--cancel random', \
                          or leave them to the test";

fn refused(why: &str) -> String {
    Line::new("refused").word(why).end()
}

/// How often a worker says that it is alive, and where it is.
const BEAT: Duration = Duration::from_millis(100);

/// Whether this process is to [`serve`].
pub fn is_worker() -> bool {
    crew().is_some()
}

/// The process that has started this one as a worker, as the environment says.
#[expect(clippy::disallowed_methods, reason = "how a crew tells its workers apart")]
fn crew() -> Option<OsString> {
    std::env::var_os(WORKER)
}

/// What a crew says to a worker: who it is, since what a worker starts is no worker.
pub(super) fn said_by_crew() -> String {
    process::id().to_string()
}

/// Takes the way to the crew, if one has started this process.
fn channel_of_crew() -> io::Result<Channel> {
    #[cfg(unix)]
    let parent = Some(OsString::from(std::os::unix::process::parent_id().to_string()));
    #[cfg(not(unix))]
    let parent = crew();
    let channel = if crew() == parent { channel::take_inherited().ok() } else { None };
    channel.ok_or_else(|| {
        let text = format!(
            "{WORKER} is set, and no seedloop has started this process to make runs for it: unset \
             {WORKER}, which nobody sets by hand, and which is of no use to what a run starts"
        );
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// What a worker makes runs of.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds a body and a check")]
pub struct Workshop<'a> {
    /// How runs are made.
    pub explorer: &'a Explorer,
    /// What is run.
    pub body: &'a (dyn Fn() -> Result<()> + Sync),
    /// What has to hold of each outcome.
    pub check: Check<'a>,
    /// Tells a failure at length; with false in few words, and without other runs.
    pub tell: &'a (dyn Fn(&Failure, Statistics, bool) -> String + Sync),
}

/// Makes runs for the crew that has started this process, until it wants no more.
///
/// # Errors
///
/// When this process was started by nobody who gives orders, and when it is given none.
pub fn serve(workshop: Workshop<'_>) -> io::Result<()> {
    let channel = channel_of_crew()?;
    let teller = Arc::new(Teller {
        channel: Mutex::new(channel.try_clone()?),
        process: process::id(),
        run: AtomicU64::new(0),
        tries: AtomicU64::new(0),
        is_careful: AtomicBool::new(false),
        is_cold: AtomicBool::new(false),
    });
    let prefix = workshop.explorer.subject(workshop.body, workshop.check).case(Vec::new());
    teller.tell(Line::new("hello").word(GREETING).word(prefix))?;
    let beating = teller.clone();
    #[expect(clippy::disallowed_methods, reason = "it tells of the runs, and is no part of one")]
    thread::Builder::new().spawn(move || {
        loop {
            thread::sleep(BEAT);
            let tries = beating.tries.load(Ordering::Relaxed);
            let run = beating.run.load(Ordering::Relaxed);
            if beating.tell(Line::new("at").word(run).word(tries)).is_err() {
                // Nobody is there any more who could want what the run comes to.
                process::exit(1);
            }
        }
    })?;
    let orders = BufReader::new(channel.try_clone()?);
    let done = on_own_thread(|| Worker::new(workshop, teller).obey(orders));
    let _ = channel.shutdown(Shutdown::Both);
    done
}

/// Tells the crew that has started this process why it cannot [`serve`], if there is one.
pub fn decline(why: &str) {
    if let Ok(mut channel) = channel_of_crew() {
        let _ = channel.write_all(refused(why).as_bytes());
    }
}

/// The worker's side of the channel, on which two threads speak.
struct Teller {
    channel: Mutex<Channel>,
    /// The process that the crew has started.
    process: u32,
    run: AtomicU64,
    tries: AtomicU64,
    is_careful: AtomicBool,
    is_cold: AtomicBool,
}

impl Teller {
    fn tell(&self, line: Line) -> io::Result<()> {
        self.send(&line.end())
    }

    fn send(&self, lines: &str) -> io::Result<()> {
        self.end_copy();
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.write_all(lines.as_bytes())
    }
}

impl Teller {
    /// Ends a process that a run has made by copying this one, and that goes on as if it were it.
    #[expect(clippy::disallowed_methods, reason = "nobody waits for what it would come to")]
    fn end_copy(&self) {
        if process::id() != self.process {
            process::exit(1);
        }
    }
}

impl Watch for Teller {
    fn begins(&self, run: u64) {
        self.end_copy();
        self.run.store(run, Ordering::Relaxed);
        if self.is_careful() {
            // By itself in a line, whatever was printed before.
            let _ = writeln!(io::stderr(), "\n{RUN_BEGINS}");
            let _ = self.tell(Line::new("begins").word(run));
        }
    }

    fn explains(&self) {
        if self.is_careful() {
            let _ = self.tell(Line::new("explains"));
        }
    }

    fn tries(&self) {
        self.tries.fetch_add(1, Ordering::Relaxed);
    }

    fn is_careful(&self) -> bool {
        self.is_careful.load(Ordering::Relaxed)
    }

    fn is_cold(&self) -> bool {
        self.is_cold.load(Ordering::Relaxed)
    }

    fn deviates(&self, deviation: &str) {
        let _ = self.tell(Line::new("deviates").word(deviation));
    }
}

struct Worker<'a> {
    workshop: Workshop<'a>,
    teller: Arc<Teller>,
    watch: Arc<dyn Watch>,
    known: BTreeSet<String>,
    /// What the last order came to.
    failure: Option<Box<Failure>>,
    is_warm: bool,
}

impl<'a> Worker<'a> {
    fn new(workshop: Workshop<'a>, teller: Arc<Teller>) -> Self {
        let watch: Arc<dyn Watch> = teller.clone();
        Worker { workshop, teller, watch, known: BTreeSet::new(), failure: None, is_warm: false }
    }

    fn obey(&mut self, orders: impl BufRead) -> io::Result<()> {
        for (number, line) in (1_u64..).zip(orders.split(b'\n')) {
            let mut words = Words::of(&line?);
            let lines = match words.text().as_str() {
                "known" => {
                    self.known.insert(words.text());
                    continue;
                }
                "take" => self.take(&mut words),
                "tell" => self.tell(&mut words),
                "never" => self.never(&mut words),
                "replay" => self.replay(&mut words),
                "check" => Ok(self.refusal().map_or_else(String::new, refused)),
                other => Err(format!("'{other}' is no order")),
            };
            let lines = lines.map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
            self.teller.send(&(lines + &Line::new("done").word(number).end()))?;
        }
        Ok(())
    }

    /// Why there can be no campaign.
    fn refusal(&self) -> Option<&'static str> {
        let explorer = self.workshop.explorer;
        match explorer.cancel {
            _ if !explorer.is_in_rounds() => Some(NO_ROUNDS),
            Cancel::Everywhere | Cancel::Pairs => Some(NO_STRIKES),
            Cancel::Never | Cancel::Random => None,
        }
    }

    fn subject(&self) -> Subject<'_> {
        let Workshop { explorer, body, check, .. } = self.workshop;
        Subject { watch: Some(&self.watch), ..explorer.subject(body, check) }
    }

    /// Makes the runs of a part.
    fn take(&mut self, words: &mut Words) -> Result<String, String> {
        let (part, order) = read_take(words)?;
        if order.keeps
            && let Some(why) = self.refusal()
        {
            return Ok(refused(why));
        }
        self.teller.is_careful.store(order.is_careful, Ordering::Relaxed);
        self.teller.is_cold.store(order.is_cold, Ordering::Relaxed);
        if !std::mem::replace(&mut self.is_warm, true) {
            warm_up(&self.subject());
        }
        let known = self.known.clone();
        let kept = order.keeps.then(|| Kept::new(order.from, known));
        let explorer = self.workshop.explorer;
        let ran = explorer.make(&self.subject(), part, kept, order.spared, &|| true);
        let mut lines = tally_lines(&ran.tally);
        ran.kinds.iter().for_each(|kind| lines += &kind_line(kind));
        self.failure = ran.failure;
        if let Some(failure) = &self.failure {
            let is_of_run = u8::from(ran.is_explained && failure.is_of_a_run());
            let line = Line::new("failed").word(failure.fault.kind.name());
            let line = line.word(&failure.fault.message).word(failure.run).word(&failure.case);
            lines += &line.word(is_of_run).end();
        }
        if !ran.is_explained {
            // It could tell of it no more than these lines.
            self.failure = None;
        }
        Ok(lines)
    }

    /// Tells of the failure to which the last order has come, or of that of a case.
    fn tell(&mut self, words: &mut Words) -> Result<String, String> {
        let (is_long, run) = (words.next::<u8>()? != 0, words.next()?);
        let case = words.text();
        let statistics = read_statistics(words)?;
        let failure = match self.failure.take() {
            Some(mut failure) => {
                failure.run = run;
                Some(failure)
            }
            None => {
                let case: Case = case.parse().map_err(|error| format!("'{case}': {error}"))?;
                let Workshop { explorer, body, check, .. } = self.workshop;
                let failure = explorer.replay_runs(&case, body, check).into_failure(case);
                failure.map(|failure| Box::new(Failure { run, ..failure }))
            }
        };
        let tell = |failure: &Failure| (self.workshop.tell)(failure, statistics, is_long);
        Ok(Line::new("text").word(failure.as_deref().map(tell).unwrap_or_default()).end())
    }

    /// Makes the run of a case, of which only the end of the process is of interest.
    fn replay(&self, words: &mut Words) -> Result<String, String> {
        let case = words.next()?;
        let subject = self.subject().configured(&case);
        drop(subject.follow(&case, false));
        Ok(String::new())
    }

    /// Tells of something that happened in no run.
    fn never(&mut self, words: &mut Words) -> Result<String, String> {
        let message = words.text();
        let statistics = read_statistics(words)?;
        let failure = crate::explore::never_of(&self.subject(), message, statistics.runs);
        let text = (self.workshop.tell)(&failure, statistics, false);
        Ok(Line::new("text").word(text).end())
    }
}

/// How a part is to be made.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// Each run, and each choice in it that is not dull, is told before it comes to pass.
    pub(super) is_careful: bool,
    /// No run is made that is none of these, to warm up: the worker was lost in one.
    pub(super) is_cold: bool,
    pub(super) spared: Spared,
    /// All failures are kept; else the first is the end.
    pub(super) keeps: bool,
    /// The first run that counts.
    pub(super) from: u64,
}

pub(super) fn take_line(part: &Part, order: &Order) -> Line {
    let Order { is_careful, is_cold, spared, keeps, from } = order;
    let list = |runs: &BTreeSet<u64>| -> String {
        runs.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
    };
    let line = Line::new("take").word(u8::from(*is_careful)).word(u8::from(*is_cold));
    let line = line.word(list(&spared.unshrunk)).word(list(&spared.unexplained));
    let line = line.word(u8::from(*keeps)).word(from);
    match part {
        Part::Strikes { at_once } => line.word("strikes").word(at_once),
        Part::All { runs } => line.word("all").word(runs),
        Part::Round { index, runs: Range { start, end }, is_last } => {
            line.word("round").word(index).word(start).word(end).word(u8::from(*is_last))
        }
    }
}

fn read_take(words: &mut Words) -> Result<(Part, Order), String> {
    let (is_careful, is_cold) = (words.next::<u8>()? != 0, words.next::<u8>()? != 0);
    let mut list = || words.text().split(',').filter_map(|run| run.parse().ok()).collect();
    let spared = Spared { unshrunk: list(), unexplained: list() };
    let (keeps, from) = (words.next::<u8>()? != 0, words.next()?);
    let part = match words.text().as_str() {
        "strikes" => Part::Strikes { at_once: words.next()? },
        "all" => Part::All { runs: words.next()? },
        _ => {
            let (index, start, end) = (words.next()?, words.next()?, words.next()?);
            Part::Round { index, runs: start..end, is_last: words.next::<u8>()? != 0 }
        }
    };
    Ok((part, Order { is_careful, is_cold, spared, keeps, from }))
}
