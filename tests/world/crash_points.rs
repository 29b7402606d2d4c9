//! Hosts that crash of themselves: at which operations, what is left of those, and how a store that
//! says too early that it has kept something is found.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use seedloop::explore::{Case, ChoiceKind, Explorer, Failure, Model, Policy, Question, Strategy};
use seedloop::fs::{self, File, OpenOptions};
use seedloop::host::{self, Host};
use seedloop::net::{self, UdpSocket};
use seedloop::report::{Found, failure_text, trace_text};
use seedloop::trace::Event;
use seedloop::{Instant, Ratio, Result, Simulation, run, running_loop, sleep, spawn, timeout};

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// The directory is not synced after a rename, or the log is only synced after the answer.
    SyncsTooLate,
}

/// A host whose operations take a millisecond each, and on which one of fifty is its last.
pub(super) fn db() -> Host {
    net::everywhere().latency(MS..=MS);
    let host = Host::new("db");
    fs::disk(host).set_latency(MS..=MS);
    host.set_crashes(Ratio::new(1, 50));
    host
}

/// Saves the numbers up to 2 by replacing a file, and goes on where it was before a crash.
async fn save_all(saved: Rc<Cell<u32>>, mistake: Mistake) -> Result<()> {
    let kept = match fs::read_to_string("value").await {
        Ok(text) => text.parse()?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    assert!(kept >= saved.get(), "{} was saved, and {kept} is there", saved.get());
    saved.set(kept);
    for number in kept + 1..=2 {
        let mut file = File::create("new").await?;
        file.write_all(number.to_string().as_bytes()).await?;
        file.sync_all().await?;
        fs::rename("new", "value").await?;
        if mistake == Mistake::None {
            File::open("/").await?.sync_all().await?;
        }
        saved.set(number);
    }
    Ok(())
}

async fn replaces(mistake: Mistake) -> Result<()> {
    replaces_on(db(), mistake).await
}

/// The same, by a program that says nothing of crashes.
async fn replaces_anywhere(mistake: Mistake) -> Result<()> {
    host::everywhere().set_crashes(Ratio::new(1, 50));
    net::everywhere().latency(MS..=MS);
    let host = Host::new("db");
    fs::disk(host).set_latency(MS..=MS);
    replaces_on(host, mistake).await
}

async fn replaces_on(host: Host, mistake: Mistake) -> Result<()> {
    let saved = Rc::new(Cell::new(0));
    let own = Rc::clone(&saved);
    host.run(move || save_all(Rc::clone(&own), mistake));
    sleep(SECOND * 20).await?;
    host::heal();
    sleep(SECOND).await?;
    assert_eq!(saved.get(), 2);
    Ok(())
}

/// Appends a byte to a log for each datagram, and answers with how many there are.
async fn append(answered: Rc<Cell<u8>>, mistake: Mistake) -> Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:9").await?;
    let mut log = OpenOptions::new().append(true).create(true).open("log").await?;
    log.sync_all().await?;
    File::open("/").await?.sync_all().await?;
    let mut count = fs::read("log").await?.len() as u8;
    assert!(count >= answered.get(), "{} was the answer, {count} are there", answered.get());
    loop {
        let mut wanted = [0];
        let (_, from) = socket.recv_from(&mut wanted).await?;
        while count < wanted[0] {
            log.write_all(b"x").await?;
            count += 1;
        }
        match mistake {
            Mistake::None => {
                log.sync_data().await?;
                socket.send_to(&[count], from)?;
            }
            Mistake::SyncsTooLate => {
                socket.send_to(&[count], from)?;
                log.sync_data().await?;
            }
        }
    }
}

async fn appends(mistake: Mistake, wanted: u8) -> Result<()> {
    let host = db();
    let answered = Rc::new(Cell::new(0));
    let own = Rc::clone(&answered);
    host.run(move || append(Rc::clone(&own), mistake));
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    sleep(MS * 20).await?;
    while answered.get() < wanted {
        socket.send_to(&[answered.get() + 1], "db:9")?;
        let mut answer = [0];
        let heard = async |_: &_| Ok(socket.recv(&mut answer).await?);
        match timeout(MS * 100).scope(heard).await {
            Ok(_) => answered.set(answered.get().max(answer[0])),
            Err(error) if error.is_timeout() => {}
            Err(error) => return Err(error),
        }
    }
    // Once more, so that what was answered last has to be there, too.
    sleep(SECOND * 2).await?;
    host::heal();
    host.restart();
    Ok(sleep(SECOND).await?)
}

fn faults_of(failure: &Failure) -> Vec<String> {
    let text = failure_text(failure, &Found::default());
    text.lines().filter(|line| line.starts_with("fault at ")).map(str::to_owned).collect()
}

/// Explores from 20 seeds with the 200 runs and the portfolio of a test; returns the lines of the
/// faults of each smallest case, which has failed twice more in the same way.
fn found_from_20_seeds<F>(body: impl Fn() -> F + Copy + Send + Sync + 'static) -> Vec<Vec<String>>
where
    F: Future<Output = Result<()>> + 'static,
{
    let found = |seed| {
        let exploration = Explorer::new().seed(seed).explore(body);
        let failure = exploration.failure.unwrap_or_else(|| panic!("seed {seed}: nothing found"));
        assert_eq!(failure.case.len(), 1, "seed {seed}: {}", failure.case);
        let case: Case = failure.case.to_string().parse().expect("a case");
        let again = || {
            let replayed = Explorer::new().replay(&case, body).into_failure(case.clone());
            let replayed = replayed.expect("it fails again");
            (replayed.fault.message, replayed.outcome.fingerprint)
        };
        let (first, second) = (again(), again());
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(first.0, failure.fault.message, "seed {seed}");
        faults_of(&failure)
    };
    (0..20).map(found).collect()
}

/// One was saved after 5 ms: what was done is opened (nothing is there), created, written, synced,
/// renamed. Each operation of the next one is too late for its name.
#[test]
fn a_rename_without_a_sync_of_its_directory_is_found() {
    let late = [
        "fault at 0.006s: a host crashes: 'db' during 'open file'",
        "fault at 0.007s: a host crashes: 'db' during 'write file'",
        "fault at 0.008s: a host crashes: 'db' during 'sync file'",
        "fault at 0.009s: a host crashes: 'db' during 'rename file'",
    ];
    let anywhere = found_from_20_seeds(|| replaces_anywhere(Mistake::SyncsTooLate));
    for faults in found_from_20_seeds(|| replaces(Mistake::SyncsTooLate)).iter().chain(&anywhere) {
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(late.contains(&&*faults[0]), "{faults:?}");
    }
}

/// The log takes 6 ms to be opened. The first wish comes after 21 ms, is written at 22 and answered
/// at once, and synced at 23; two more come three milliseconds apart. An answer that has left is
/// wrong until the sync has ended.
#[test]
fn an_answer_before_the_sync_is_found() {
    let late = [22, 25, 28].map(|at| {
        let class = "a host crashes: 'db'";
        [
            format!("fault at 0.0{at}s: {class} after it has sent a datagram"),
            format!("fault at 0.0{}s: {class} during 'sync file'", at + 1),
        ]
    });
    let late = late.concat();
    for faults in found_from_20_seeds(|| appends(Mistake::SyncsTooLate, 3)) {
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(late.contains(&faults[0]), "{faults:?}");
    }
}

#[test]
fn who_syncs_in_time_holds() {
    let explorer = Explorer::new().runs(1_000);
    for exploration in [
        explorer.explore(|| replaces(Mistake::None)),
        explorer.explore(|| replaces_anywhere(Mistake::None)),
        explorer.explore(|| appends(Mistake::None, 3)),
    ] {
        assert!(exploration.failure.is_none(), "{:?}", exploration.failure);
        assert_eq!(exploration.statistics.runs, 1_000);
        assert!(exploration.statistics.rechecked >= 16);
    }
}

/// Lets the fault strike that is asked for as the `left`th, from 0, in this way; and no other.
struct At {
    left: u32,
    way: u32,
}

impl Policy for At {
    fn choose(&mut self, question: &Question) -> u32 {
        if question.kind != ChoiceKind::Fault {
            return 0;
        }
        let left = self.left;
        self.left = left.wrapping_sub(1);
        if left == 0 { self.way.min(question.bound - 1) } else { 0 }
    }
}

/// Runs `body` with one fault; returns what it gives, and what the report tells of the fault.
pub(super) fn with_fault<T, F>(at: u32, way: u32, body: F) -> (T, Option<String>)
where
    T: 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let policy = At { left: at, way };
    let outcome = Simulation::new().policy(policy).model(Model::Asyncio).record().block_on(body);
    let faults = outcome.records.iter().filter_map(|record| match record.event {
        Event::Faulted { class, detail } => {
            assert!(["a host crashes", "the power of a host is cut"].contains(&class), "{class}");
            Some(outcome.fault_details[detail as usize - 1].clone())
        }
        _ => None,
    });
    let faults: Vec<_> = faults.collect();
    assert!(faults.len() <= 1, "{faults:?}");
    (outcome.result.expect("it runs"), faults.into_iter().next())
}

/// All points at which `body` may crash, in their order; both ways of a send stand side by side.
pub(super) fn points<F>(body: impl Fn() -> F) -> Vec<String>
where
    F: Future<Output = Result<()>> + 'static,
{
    let mut points = Vec::new();
    for at in 0.. {
        let [first, second] = [1, 2].map(|way| with_fault(at, way, body()).1);
        let Some(first) = first else { break };
        points.push(first.clone());
        points.extend(second.filter(|second| *second != first));
    }
    points
}

/// Each disk operation once, each send twice; the acknowledgements of the system are none.
#[test]
fn each_operation_is_a_point_once() {
    let log = points(|| appends(Mistake::None, 1));
    let mut expected = Vec::new();
    let opening = ["open file", "sync file", "open file", "sync file", "open file", "read file"];
    expected.extend(opening.map(|name| format!("'db' during '{name}'")));
    expected.extend(["write file", "sync file"].map(|name| format!("'db' during '{name}'")));
    let sends = ["'db' before it sends a datagram", "'db' after it has sent a datagram"];
    expected.extend(sends.map(str::to_owned));
    assert_eq!(log, expected);
}

/// What is set of all hosts, and of one of them, `c`, before it or after it.
#[derive(Clone, Copy, Debug)]
enum Set {
    AllAndThenOne,
    OneAndThenAll,
    AllAndHealed,
}

/// Three hosts create a file, of which `b` has no software to come back with; so does the test.
async fn three(set: Set) -> Result<()> {
    let [a, b, c] = ["a", "b", "c"].map(Host::new);
    let all = || host::everywhere().set_crashes(Ratio::ONE);
    match set {
        Set::AllAndThenOne => {
            all();
            c.set_crashes(Ratio::ZERO);
        }
        Set::OneAndThenAll => {
            c.set_crashes(Ratio::ZERO);
            all();
        }
        Set::AllAndHealed => {
            all();
            host::heal();
        }
    }
    let create = || async { Ok(drop(File::create("f").await?)) };
    a.run(create);
    c.run(create);
    b.spawn(create()).await?;
    create().await?;
    Ok(sleep(SECOND).await?)
}

/// Each host that would come back, unless something else was said of it later.
#[test]
fn everywhere_is_each_host_with_software() {
    let during = |hosts: &[&str]| -> Vec<String> {
        hosts.iter().map(|host| format!("'{host}' during 'open file'")).collect()
    };
    for (set, hosts) in [
        (Set::AllAndThenOne, &["a"][..]),
        (Set::OneAndThenAll, &["a", "c"]),
        (Set::AllAndHealed, &[]),
    ] {
        assert_eq!(points(|| three(set)), during(hosts), "{set:?}");
    }
}

/// One run without a fault, and one for each of 10 points of the only life that crashes.
#[test]
fn an_exhaustive_search_takes_each_point_once() {
    let explorer = Explorer::new().model(Model::Asyncio);
    let strategy = Strategy::Exhaustive { deviations: 1 };
    let all = explorer.strategy(strategy).explore(|| appends(Mistake::None, 1));
    assert!(all.failure.is_none() && all.statistics.exhausted);
    assert_eq!(all.statistics.runs, 1 + 10);
}

/// The trace and the steps name the host and the operation as the head does.
#[test]
fn the_told_order_names_the_host() {
    let body = || appends(Mistake::SyncsTooLate, 1);
    let failure = Explorer::new().explore(body).failure.expect("it is found");
    let faults = faults_of(&failure);
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    let (_, told) = fault.split_once("s: ").expect("a time");
    assert!(told.starts_with("a host crashes: 'db' "), "{told}");
    let text = failure_text(&failure, &Found::default());
    assert_eq!(text.matches(&format!("[{told}]")).count(), 1, "{text}");
    let trace = trace_text(&failure.outcome);
    assert_eq!(trace.matches(&format!("fault: {told}\n")).count(), 1, "{trace}");
}

/// What does not wait returns as if nothing were amiss, and nothing more leaves. What the crash
/// drops it drops between two steps: here it would meet what the task has borrowed.
#[test]
fn a_crash_waits_for_the_end_of_the_step() {
    struct Borrows(Rc<RefCell<Vec<&'static str>>>);
    impl Drop for Borrows {
        fn drop(&mut self) {
            self.0.borrow_mut().push("dropped");
        }
    }
    let body = || async {
        net::everywhere().latency(MS..=MS);
        let host = Host::new("db");
        host.set_crashes(Ratio::ONE);
        let here = UdpSocket::bind("0.0.0.0:7").await?;
        let did = Rc::new(RefCell::new(Vec::new()));
        let theirs = Rc::clone(&did);
        drop(host.spawn(async move {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            let guard = Borrows(Rc::clone(&theirs));
            running_loop()?.call_later(SECOND, move || drop(guard))?;
            let sends = |did: &mut Vec<_>| -> Result<()> {
                for datagram in ["first", "second"] {
                    socket.send_to(datagram.as_bytes(), "main:7")?;
                    did.push(datagram);
                }
                Ok(())
            };
            sends(&mut theirs.borrow_mut())?;
            sleep(Duration::ZERO).await?;
            theirs.borrow_mut().push("never");
            Ok(())
        }));
        sleep(MS * 100).await?;
        let mut heard = 0;
        while here.try_recv_from(&mut [0; 9]).is_ok() {
            heard += 1;
        }
        assert!(!host.is_up());
        Ok((heard, did.take()))
    };
    let did = vec!["first", "second", "dropped"];
    assert_eq!(with_fault(0, 1, body()).0, (0, did.clone()));
    assert_eq!(with_fault(0, 2, body()).0, (1, did.clone()));
    assert_eq!(with_fault(1, 2, body()).0, (2, did));
}

/// Two operations end at one moment: when the host goes down at the first one, the second one is in
/// flight as well, and is lost in the dull crash, though it is a sync.
#[test]
fn what_ends_at_the_moment_of_a_crash_is_in_flight() {
    let body = async {
        let host = db();
        drop(host.spawn(async {
            File::create("f").await?;
            let mut root = File::open("/").await?;
            drop(spawn(async move { Ok(root.sync_all().await?) }));
            Ok(fs::metadata("f").await.map(drop)?)
        }));
        sleep(SECOND * 2).await?;
        host.spawn(async { Ok(fs::try_exists("f").await?) }).await
    };
    let told = Some("'db' during 'read metadata'".to_owned());
    assert_eq!(with_fault(2, 1, body), (false, told));
}

/// Begins, and goes down at the end of its first operation, a millisecond later.
async fn restarts(downtime: Option<Duration>, helps: bool) -> Result<Vec<Instant>> {
    let host = db();
    if let Some(downtime) = downtime {
        host.set_downtime(downtime..=downtime);
    }
    let begun = Rc::new(RefCell::new(Vec::new()));
    let own = Rc::clone(&begun);
    host.run(move || {
        own.borrow_mut().push(Instant::now());
        async { Ok(fs::write("f", "x").await?) }
    });
    sleep(MS * 500).await?;
    if helps {
        host.restart();
        sleep(MS * 10).await?;
        host.crash();
    }
    sleep(SECOND * 10).await?;
    assert_eq!(host.is_up(), !helps);
    Ok(begun.take())
}

/// It is down for a second unless somebody says or does otherwise: who restarts it, and crashes it
/// himself, has to restart it himself.
#[test]
fn a_host_that_has_crashed_comes_back() {
    let begun = |downtime, helps| {
        let (begun, told) = with_fault(0, 1, restarts(downtime, helps));
        assert_eq!(told.as_deref(), Some("'db' during 'open file'"));
        begun.into_iter().map(|at| at - Instant::START).collect::<Vec<_>>()
    };
    let none = Duration::ZERO;
    assert_eq!(begun(None, false), [none, MS * 1_001]);
    assert_eq!(begun(Some(SECOND * 3), false), [none, MS * 3_001]);
    assert_eq!(begun(None, true), [none, MS * 500]);
}

/// Who crashes it while it goes down of itself has crashed it, and restarts it or does not.
#[test]
fn a_host_that_somebody_crashes_meanwhile_stays_down() {
    let body = async {
        let host = db();
        drop(host.spawn(async move {
            UdpSocket::bind("0.0.0.0:0").await?.send_to(b"x", "main:7")?;
            host.crash();
            Ok(())
        }));
        sleep(SECOND * 5).await?;
        Ok(host.is_up())
    };
    let told = Some("'db' before it sends a datagram".to_owned());
    assert_eq!(with_fault(0, 1, body), (false, told));
}

/// An operation that was to be the last one when the faults end is not; without a rate nothing is
/// asked.
#[test]
fn healing_ends_it_and_no_rate_asks_nothing() {
    let body = |heals: bool| async move {
        let host = db();
        if heals {
            host.run(|| async { Ok(fs::write("f", "x").await?) });
            sleep(MS / 2).await?;
            host::heal();
        } else {
            host.set_crashes(Ratio::ZERO);
            host.run(|| async { Ok(fs::write("f", "x").await?) });
        }
        sleep(MS * 5).await?;
        host.spawn(async { Ok(fs::read_to_string("f").await?) }).await
    };
    assert_eq!(with_fault(0, 1, body(true)), ("x".to_owned(), None));
    let outcome = Simulation::new().seed(1).model(Model::Asyncio).block_on(body(false));
    assert_eq!(outcome.result.unwrap(), "x");
    assert!(outcome.choices.iter().all(|choice| choice.kind != ChoiceKind::Fault));
}

#[test]
fn the_test_itself_does_not_crash() {
    let error = run(async {
        host::current().set_crashes(Ratio::ONE);
        Ok(())
    });
    let text = error.unwrap_err().to_string();
    assert!(text.contains("the test itself stands on 'main'; let another host crash"), "{text}");
}
