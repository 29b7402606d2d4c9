//! A worker, as its crew sees it.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::channel::{self, Channel};
use super::line::{LINE_MAX, Line, Lines, Words};
use super::worker::{GREETING, RUN_BEGINS, WORKER, said_by_crew};

/// How often one looks whether the worker is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// How many of the last lines of a worker's complaints are kept.
const LINES: usize = 40;

/// How long such a line is at most, in bytes.
const LINE: u64 = 1_000;

/// How long a process may take to end that has closed its end of the channel.
const END: Duration = Duration::from_secs(30);

/// How long one waits for the last words of a process that has ended.
const READ: Duration = Duration::from_millis(500);

/// How long a worker may take to begin.
const START: Duration = Duration::from_secs(60);

/// A worker process. It ends with this.
#[derive(Debug)]
pub(super) struct Hand {
    child: Child,
    channel: Channel,
    read: Lines,
    complaints: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
    /// The case in which nothing deviates.
    pub(super) prefix: String,
    /// How many signatures it was told of.
    pub(super) known: usize,
    /// How many orders it was given.
    orders: u64,
    /// How many runs it has begun, as it says, and how long it has said so.
    tries: String,
    watch: Stopwatch,
}

/// Tells the time for which this process itself goes on: where all processes are stopped for a
/// while, a run is no longer under way for that.
#[derive(Debug)]
struct Stopwatch {
    passed: Duration,
    looked: Instant,
}

impl Stopwatch {
    /// How much time can pass from one look to the next: they are much closer.
    const GAP: Duration = Duration::from_secs(1);

    fn new() -> Self {
        Stopwatch { passed: Duration::ZERO, looked: now() }
    }

    /// The time that has passed.
    fn look(&mut self) -> Duration {
        self.look_at(now())
    }

    fn look_at(&mut self, now: Instant) -> Duration {
        let gap = now.duration_since(std::mem::replace(&mut self.looked, now));
        self.passed += gap.min(Stopwatch::GAP);
        self.passed
    }
}

/// Why there is no next line.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody wants it any more.
    NotWanted,
    /// What it told is nothing that a worker tells.
    Wrong(String),
    /// The process ended by itself, or was stopped: how, as in `ended its process: ..`, what it
    /// complained of last, and whether somebody killed it who is not its crew.
    Gone { how: String, complaints: Vec<String>, is_killed: bool },
}

impl Hand {
    /// Starts a worker.
    ///
    /// # Errors
    ///
    /// When the process cannot be started, or does not greet.
    pub(super) fn start(mut command: Command) -> io::Result<Hand> {
        // Where a socket is not closed on exec from its beginning on, as on macOS, a worker that is
        // started in between would hold the ends of another one.
        static STARTING: Mutex<()> = Mutex::new(());
        let alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let (channel, theirs) = channel::pair()?;
        channel.set_read_timeout(Some(LOOK))?;
        command.env(WORKER, said_by_crew());
        command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::piped());
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|error| {
            let fix = match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::OutOfMemory => {
                    "; have fewer processes by '--jobs' or, for tests, SEEDLOOP_JOBS"
                }
                _ => "",
            };
            let text = format!("the worker {program} did not start: {error}{fix}");
            io::Error::new(error.kind(), text)
        })?;
        // The command holds an end of the channel, too.
        drop(command);
        drop(alone);
        let complaints = Arc::<Mutex<VecDeque<String>>>::default();
        let stderr = child.stderr.take();
        let mut hand = Hand {
            child,
            channel,
            read: Lines::default(),
            complaints,
            reader: None,
            prefix: String::new(),
            known: 0,
            orders: 0,
            tries: String::new(),
            watch: Stopwatch::new(),
        };
        // From here on the process ends with this, also if no thread can be started.
        let complaints = hand.complaints.clone();
        hand.reader = stderr.map(|stderr| keep_last(stderr, complaints)).transpose()?;
        let mut greeting = match hand.next_line(START, &|| true) {
            Ok(words) => words,
            Err(Ended::Gone { how, complaints, is_killed }) => {
                let kind = match is_killed {
                    true => ErrorKind::OutOfMemory,
                    false if how.starts_with("did not end") => ErrorKind::TimedOut,
                    false => ErrorKind::Other,
                };
                return Err(io::Error::new(kind, no_greeting(&program, &how, &complaints)));
            }
            Err(Ended::Wrong(why)) => return Err(io::Error::new(ErrorKind::InvalidData, why)),
            Err(Ended::NotWanted) => return Err(ErrorKind::Interrupted.into()),
        };
        let verb = greeting.text();
        if verb == "refused" {
            return Err(io::Error::new(ErrorKind::InvalidInput, greeting.text()));
        }
        if verb != "hello" || greeting.text() != GREETING {
            return Err(io::Error::other(format!(
                "the worker {program} is of another version of seedloop than what has started it: \
                 build both anew, with the same"
            )));
        }
        hand.prefix = greeting.text();
        Ok(hand)
    }

    /// Gives an order. That nobody is there to take it shows when its answer is read.
    pub(super) fn order(&mut self, line: Line) {
        self.watch = Stopwatch::new();
        self.orders += 1;
        let _ = self.channel.write_all(line.end().as_bytes());
    }

    /// Sees that an answer ends that is to the last order.
    pub(super) fn check_done(&self, words: &mut Words) -> Result<(), String> {
        match words.next::<u64>() {
            Ok(order) if order == self.orders => Ok(()),
            _ => Err(NO_ANSWER.to_owned()),
        }
    }

    /// Waits for the next line that says something, for as long as the worker's runs go on: each
    /// may take as long as `patience`.
    pub(super) fn next_line(
        &mut self,
        patience: Duration,
        may_go_on: &dyn Fn() -> bool,
    ) -> Result<Words, Ended> {
        let mut has_ended = false;
        loop {
            while let Some(line) = self.read.take() {
                let mut words = Words::of(line);
                if !line.starts_with(b"at\t") {
                    if !is_of_a_run(line) {
                        self.watch = Stopwatch::new();
                    }
                    return Ok(words);
                }
                let said = (words.text(), words.text(), words.text());
                if self.tries != said.2 {
                    (self.tries, self.watch) = (said.2, Stopwatch::new());
                }
            }
            if self.read.begun().len() > LINE_MAX {
                let text = format!("a worker told more than {} MiB in a line", LINE_MAX >> 20);
                return Err(Ended::Wrong(text));
            }
            if !may_go_on() {
                return Err(Ended::NotWanted);
            }
            if self.watch.look() > patience {
                let _ = self.child.kill();
                let mut ended = self.gone();
                if let Ended::Gone { how, is_killed, .. } = &mut ended {
                    *is_killed = false;
                    *how = format!("did not end within {} s of real time", patience.as_secs());
                }
                return Err(ended);
            }
            let mut bytes = [0; 1 << 16];
            match self.channel.read(&mut bytes) {
                Ok(0) => return Err(self.gone()),
                Ok(count) => {
                    self.read.add(&bytes[..count]);
                    // While a long answer is on its way, nothing else is told.
                    if !is_of_a_run(self.read.begun()) {
                        self.watch = Stopwatch::new();
                    }
                }
                Err(error) if is_patient(&error) => {
                    // What the program has started may keep its end open for longer than it lives.
                    if std::mem::replace(&mut has_ended, self.has_ended()) {
                        return Err(self.gone());
                    }
                }
                Err(_) => return Err(self.gone()),
            }
        }
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the process, which has closed its end.
    fn gone(&mut self) -> Ended {
        // It may have closed the channel and gone on; or it leaves what was in its memory.
        let _ = self.channel.shutdown(std::net::Shutdown::Both);
        let until = now() + END;
        while !self.has_ended() {
            if now() > until {
                let _ = self.child.kill();
                break;
            }
            pause();
        }
        let (how, is_killed) = match self.child.wait() {
            // Whether there is a core depends on the machine.
            Ok(status) => (status.to_string().replace(" (core dumped)", ""), is_killed(status)),
            Err(error) => (error.to_string(), false),
        };
        let how = format!("ended its process: {how}");
        if let Some(reader) = self.reader.take() {
            // Whoever else has the end of the pipe may never close it.
            let until = now() + READ;
            while !reader.is_finished() && now() < until {
                pause();
            }
        }
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        Ended::Gone { how, complaints: complaints.iter().cloned().collect(), is_killed }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What to say of a worker that has not greeted.
fn no_greeting(program: &str, how: &str, complaints: &[String]) -> String {
    let (what, tip) = match how.strip_prefix("did not end") {
        Some(within) => (
            format!("did not begin{within}"),
            "if the machine is that busy, have fewer at a time by '--jobs' or, for tests, \
             SEEDLOOP_JOBS",
        ),
        None => (
            how.to_owned(),
            "it makes runs if it is a test of '#[seedloop::test]', or a program that ends its \
             'main' with 'Cli::run', and does nothing before that could end it",
        ),
    };
    let text = format!("the worker {program} {what}, before it could make runs: {tip}");
    complaints.iter().fold(text, |text, line| format!("{text}\n  {line}"))
}

/// What is wrong where somebody else speaks in a worker's place.
pub(super) const NO_ANSWER: &str = "what a worker has told is no answer: something that it runs \
     writes to a descriptor which it has not opened, or goes on in a copy of its process ('fork')";

/// Whether a process was ended by the signal that the system sends where memory is short, and that
/// nothing sends to itself.
fn is_killed(status: ExitStatus) -> bool {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = status.code().and(None);
    signal == Some(SIGKILL)
}

/// The same number on each Unix, by POSIX.
const SIGKILL: i32 = 9;

/// Whether a line, or its beginning, is told while a run goes on: it may do so for ever.
fn is_of_a_run(line: &[u8]) -> bool {
    let is_begun = |verb: &[u8]| line.starts_with(verb) || verb.starts_with(line);
    [&b"at\t"[..], b"begins\t", b"explains", b"deviates\t"].into_iter().any(is_begun)
}

fn is_patient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The real clock: a run that never ends is told by it alone.
#[expect(clippy::disallowed_methods, reason = "a run that does not end is stopped in real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
fn pause() {
    thread::sleep(Duration::from_millis(1));
}

/// Keeps the last lines of what a process complains of.
fn keep_last(
    stderr: ChildStderr,
    complaints: Arc<Mutex<VecDeque<String>>>,
) -> io::Result<JoinHandle<()>> {
    #[expect(clippy::disallowed_methods, reason = "it reads what a process prints")]
    thread::Builder::new().spawn(move || {
        let mut stderr = BufReader::new(stderr);
        let mut line = Vec::new();
        // What does not fit into a line is left out.
        while let Ok(count) = stderr.by_ref().take(LINE).read_until(b'\n', &mut line) {
            let is_whole = line.ends_with(b"\n");
            let text = without_thread_id(String::from_utf8_lossy(&line).trim_end());
            line.clear();
            let mut complaints = complaints.lock().unwrap_or_else(PoisonError::into_inner);
            if text == RUN_BEGINS {
                complaints.clear();
                continue;
            }
            if complaints.len() == LINES {
                complaints.pop_front();
            }
            if !text.is_empty() {
                complaints.push_back(text);
            }
            drop(complaints);
            if count == 0 || (!is_whole && stderr.skip_until(b'\n').is_err()) {
                break;
            }
        }
    })
}

/// The same line without the number by which the system knows a thread, which is another one each
/// time: `thread 'main' (4711) has overflowed its stack`.
fn without_thread_id(line: &str) -> String {
    let mut parts = line.splitn(2, "' (");
    let (before, after) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match after.split_once(") ") {
        Some((id, rest)) if before.contains("thread '") && id.parse::<u64>().is_ok() => {
            format!("{before}' {rest}")
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_crash_complains_in_the_same_words() {
        for (line, expected) in [
            ("thread 'a' (17) has overflowed its stack", "thread 'a' has overflowed its stack"),
            ("thread 'a' has overflowed its stack", "thread 'a' has overflowed its stack"),
            ("the number of 'b' (17) is odd", "the number of 'b' (17) is odd"),
        ] {
            assert_eq!(without_thread_id(line), expected);
        }
    }

    /// A worker that says what a shell says, on its standard input.
    #[cfg(unix)]
    fn said(script: &str) -> io::Result<Hand> {
        let mut command = Command::new("sh");
        let hello = format!("printf 'hello\\t{GREETING}\\tsl1.1.any.-:\\n' >&0; ");
        command.args(["-c", &(hello + script)]);
        Hand::start(command)
    }

    #[cfg(unix)]
    const SECONDS: Duration = Duration::from_secs(2);

    /// The same number of runs, while an answer takes longer to come than a run may take.
    #[cfg(unix)]
    #[test]
    fn a_long_answer_is_no_run_that_does_not_end() {
        let pieces = "for _ in 1 2 3 4 5 6; do printf 'orders\\t1:1:' >&0; sleep 0.5; done; ";
        let script = pieces.to_owned() + "printf '\\ndone\\n' >&0; exec sleep 9";
        let mut hand = said(&script).expect("a shell");
        let mut words = hand.next_line(SECONDS, &|| true).expect("a line");
        assert_eq!(words.text(), "orders");
        let at = "while printf 'at\\t1\\t1\\ndeviates\\tx\\n' >&0; do sleep 0.2; done";
        let mut hand = said(at).expect("a shell");
        let ended = loop {
            match hand.next_line(SECONDS, &|| true) {
                Ok(mut words) => assert_eq!(words.text(), "deviates"),
                Err(ended) => break ended,
            }
        };
        let Ended::Gone { how, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(how, "did not end within 2 s of real time");
    }

    /// As `SIGSTOP` and `SIGCONT` do it to all processes of a job.
    #[test]
    fn no_time_passes_where_nobody_looks() {
        let mut watch = Stopwatch::new();
        let begun = watch.looked;
        let millis = Duration::from_millis;
        assert_eq!(watch.look_at(begun + millis(400)), millis(400));
        assert_eq!(watch.look_at(begun + millis(900)), millis(900));
        assert_eq!(watch.look_at(begun + millis(3_600_000)), millis(1_900));
        assert_eq!(watch.look_at(begun + millis(3_600_050)), millis(1_950));
    }

    #[cfg(unix)]
    #[test]
    fn who_does_not_greet_is_told_what_to_do() {
        let wrong = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Hand::start(command).expect_err("it is no worker").to_string()
        };
        assert_eq!(
            wrong("echo that is wrong >&2; exit 3"),
            "the worker sh ended its process: exit status: 3, before it could make runs: it makes \
             runs if it is a test of '#[seedloop::test]', or a program that ends its 'main' with \
             'Cli::run', and does nothing before that could end it\n  that is wrong"
        );
        assert_eq!(
            wrong("printf 'hello\\tseedloop-worker-0\\n' >&0"),
            "the worker sh is of another version of seedloop than what has started it: build both \
             anew, with the same"
        );
        assert_eq!(wrong("printf 'refused\\tno such thing\\n' >&0"), "no such thing");
        assert_eq!(
            no_greeting("sh", "did not end within 60 s of real time", &[]),
            "the worker sh did not begin within 60 s of real time, before it could make runs: if \
             the machine is that busy, have fewer at a time by '--jobs' or, for tests, \
             SEEDLOOP_JOBS"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_line_without_an_end_is_given_up() {
        let mut hand = said("head -c 80000000 /dev/zero >&0").expect("a shell");
        let ended = hand.next_line(SECONDS, &|| true).expect_err("it is no line");
        let Ended::Wrong(why) = ended else { panic!("{ended:?}") };
        assert_eq!(why, "a worker told more than 64 MiB in a line");
    }
}
