//! Hosts that crash of themselves: at which of their operations, and for how long.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::time::Duration;

use super::delay::{check_range, choose_delay};
use super::fault::{Ratio, strikes_later, tell_fault};
use super::host::{Host, Life, all_hosts, hosts, name_of};
use super::inside::assert_inside;
use crate::event_loop::{Extension, LoopId, call_outside_at, extension, queue_plain, with};

/// How hosts crash of themselves.
#[derive(Default)]
struct Crashes(RefCell<All>);

/// What is said of hosts, by their numbers.
#[derive(Default)]
struct All {
    hosts: BTreeMap<u32, Said>,
    /// Of those with software of which nothing else is said.
    everywhere: Said,
    /// Those that go down at the next turn of their loop: in which of their lives, and how.
    falling: BTreeMap<u32, Down>,
}

/// What is said of one host, or of all.
#[derive(Default)]
struct Said {
    crashes: Option<Ratio>,
    power_cuts: Option<Ratio>,
    downtime: Option<RangeInclusive<Duration>>,
}

const DOWNTIME: Duration = Duration::from_secs(1);

impl Said {
    fn ratio(&self, kind: Kind) -> Option<Ratio> {
        match kind {
            Kind::Crash => self.crashes,
            Kind::PowerCut => self.power_cuts,
        }
    }
}

impl All {
    /// Tells whether nobody has said anything, as in most simulations.
    fn is_silent(&self) -> bool {
        let Said { crashes, power_cuts, .. } = self.everywhere;
        self.hosts.is_empty() && crashes.is_none() && power_cuts.is_none()
    }

    /// How often a host goes down in this way.
    fn ratio(&self, host: u32, kind: Kind) -> Ratio {
        if let Some(own) = self.hosts.get(&host).and_then(|said| said.ratio(kind)) {
            return own;
        }
        let ratio = self.everywhere.ratio(kind).unwrap_or(Ratio::ZERO);
        let has_part = ratio != Ratio::ZERO && host != 0 && has_software(host);
        if has_part { ratio } else { Ratio::ZERO }
    }

    fn downtime(&self, host: u32) -> RangeInclusive<Duration> {
        let own = self.hosts.get(&host).and_then(|said| said.downtime.clone());
        own.or_else(|| self.everywhere.downtime.clone()).unwrap_or(DOWNTIME..=DOWNTIME)
    }

    fn falling(&self, life: Life) -> Option<Down> {
        self.falling.get(&life.host).copied().filter(|down| down.life == life)
    }
}

impl Extension for Crashes {
    fn end_simulation(&self) {
        self.0.take();
    }
}

impl Host {
    /// Sets how often the host crashes at one of its operations: a fault, which only an exploration
    /// chooses, and asks for at each of them. Never unless set.
    ///
    /// These are the points at which a crash can be told from one at another; the task that waits
    /// for the operation takes no further step:
    ///
    /// - the end of each operation of its disk, reads too: what the operation does is still in
    ///   flight then, and is there after the crash or not, as after any [`crash`](Self::crash);
    /// - whatever it sends of its own accord, before it has left and after that: a datagram, bytes
    ///   of a stream, the end of one that is closed or dropped, the request for a connection. What
    ///   the system sends (acknowledgements, resets, what was lost again) is no such point.
    ///
    /// The crash is that of [`crash`](Self::crash), and comes at the next turn of the loop, as if
    /// another task had called it: other tasks that are ready may run before it. Who waits for the
    /// operation on this host is dropped without hearing of it; a task of another host gets the
    /// error of a file or a socket whose host is gone. What does not wait returns as if nothing
    /// were amiss, as [`UdpSocket::send_to`](crate::net::UdpSocket::send_to) does, and the task
    /// goes on to its next await; but nothing leaves the host any more, and nothing is done on its
    /// disk but what a crash may leave.
    ///
    /// A report tells of it with its host and the operation: `a host crashes: 'db' during 'sync
    /// file'`.
    ///
    /// The host [restarts](Self::restart) after its [downtime](Self::set_downtime), unless somebody
    /// restarts it before that. Restarting is code like any other: it may crash again, and with a
    /// rate of [`Ratio::ONE`] the host never comes far. [`heal`](crate::host::heal) ends it, and
    /// [`everywhere`] sets it of all hosts.
    ///
    /// ```
    /// use seedloop::explore::Explorer;
    /// use seedloop::host::Host;
    /// use seedloop::{Ratio, Result, fs, sleep};
    /// use std::time::Duration;
    ///
    /// /// Writes a file and trusts it, whole or not.
    /// async fn saves() -> Result<()> {
    ///     if let Ok(text) = fs::read_to_string("file").await {
    ///         assert_eq!(text, "text");
    ///     }
    ///     Ok(fs::write("file", "text").await?)
    /// }
    ///
    /// let exploration = Explorer::new().runs(2_000).explore(|| async {
    ///     let host = Host::new("db");
    ///     host.set_crashes(Ratio::new(1, 10));
    ///     host.run(saves);
    ///     Ok(sleep(Duration::from_secs(3)).await?)
    /// });
    /// assert!(exploration.failure.is_some());
    /// ```
    ///
    /// # Panics
    ///
    /// When this is `main`, on which the test itself stands.
    #[track_caller]
    pub fn set_crashes(self, ratio: Ratio) {
        self.say(|said| said.crashes = Some(ratio));
    }

    /// Sets how often the power of the host is cut at one of its operations: a fault of its own
    /// beside [crashes](Self::set_crashes), at the same points, of the kind of
    /// [`cut_power`](Self::cut_power). Never unless set.
    ///
    /// # Panics
    ///
    /// When this is `main`, on which the test itself stands.
    #[track_caller]
    pub fn set_power_cuts(self, ratio: Ratio) {
        self.say(|said| said.power_cuts = Some(ratio));
    }

    /// Sets how long the host is down when it has [crashed](Self::set_crashes) of itself: a choice
    /// within `downtime` for each crash. One second unless set.
    ///
    /// A host that was crashed by a call is down until it is [restarted](Self::restart).
    ///
    /// # Panics
    ///
    /// When the range is empty, or longer than virtual time; and when this is `main`.
    #[track_caller]
    pub fn set_downtime(self, downtime: RangeInclusive<Duration>) {
        check_range(&downtime);
        self.say(|said| said.downtime = Some(downtime));
    }

    #[track_caller]
    fn say(self, say: impl FnOnce(&mut Said)) {
        let host = self.index();
        assert!(host != 0, "the test itself stands on 'main'; let another host crash");
        with_all(|all| say(all.hosts.entry(host).or_default()));
    }
}

/// All hosts that have [software](Host::run) to start again, also those that are still to come;
/// never `main`.
///
/// What is set of them all is set anew for those of which something was set before. A host without
/// software would come back as an empty one: set it for that host, where this is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Everywhere(());

/// Returns all hosts, for what is to be the same of each: so that a program is put to crashes
/// without a word of them in it.
///
/// ```
/// use seedloop::explore::Explorer;
/// use seedloop::host::{self, Host};
/// use seedloop::{Ratio, Result, fs, sleep};
/// use std::time::Duration;
///
/// /// Writes a file and trusts it, whole or not.
/// async fn saves() -> Result<()> {
///     if let Ok(text) = fs::read_to_string("file").await {
///         assert_eq!(text, "text");
///     }
///     Ok(fs::write("file", "text").await?)
/// }
///
/// async fn test() -> Result<()> {
///     Host::new("db").run(saves);
///     Ok(sleep(Duration::from_secs(3)).await?)
/// }
///
/// let exploration = Explorer::new().runs(2_000).explore(|| async {
///     host::everywhere().set_crashes(Ratio::new(1, 10));
///     test().await
/// });
/// assert!(exploration.failure.is_some());
/// ```
#[must_use = "it changes nothing by itself: call one of its methods"]
pub fn everywhere() -> Everywhere {
    Everywhere(())
}

impl Everywhere {
    /// Sets how often each of the hosts crashes at one of its operations: see
    /// [`Host::set_crashes`]. Never unless set.
    #[track_caller]
    pub fn set_crashes(self, ratio: Ratio) {
        self.say(|said, is_all| said.crashes = is_all.then_some(ratio));
    }

    /// Sets how often the power of each of the hosts is cut: see [`Host::set_power_cuts`]. Never
    /// unless set.
    #[track_caller]
    pub fn set_power_cuts(self, ratio: Ratio) {
        self.say(|said, is_all| said.power_cuts = is_all.then_some(ratio));
    }

    /// Sets how long each of the hosts is down when it has crashed of itself: see
    /// [`Host::set_downtime`]. One second unless set.
    ///
    /// # Panics
    ///
    /// When the range is empty, or longer than virtual time.
    #[track_caller]
    pub fn set_downtime(self, downtime: RangeInclusive<Duration>) {
        check_range(&downtime);
        self.say(|said, is_all| said.downtime = is_all.then(|| downtime.clone()));
    }

    /// Says something of all hosts, and takes back what was said of each.
    #[track_caller]
    fn say(self, say: impl Fn(&mut Said, bool)) {
        assert_inside("the crashes of hosts were set");
        with_all(|all| {
            all.hosts.values_mut().for_each(|said| say(said, false));
            say(&mut all.everywhere, true);
        });
    }
}

/// Tells whether a host has something to start when it comes back.
fn has_software(host: u32) -> bool {
    hosts().handle(host).with(|machine| !machine.software.is_empty())
}

fn with_all<R>(call: impl FnOnce(&mut All) -> R) -> R {
    call(&mut extension::<Crashes>().0.borrow_mut())
}

/// How a host goes down that does so of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Crash,
    PowerCut,
}

/// A host that is to go down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Down {
    life: Life,
    kind: Kind,
}

/// What becomes of something that a host sends of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    Leaves,
    /// It leaves, and nothing after it.
    IsLast,
    /// The host goes down, or has gone, before it leaves.
    Vanishes,
}

/// Decides, when an operation of a disk begins, whether its host is to go down at the end of it:
/// what a task asks for is the same choice in each run in which it does that.
pub(super) fn at_disk(life: Life) -> Option<Down> {
    choose(life, 1).map(|(down, _)| down)
}

/// The host that goes down at the end of an operation of its disk: as was decided, unless it was
/// healed since, or because it does so already.
pub(super) fn at_disk_end(life: Life, chosen: Option<Down>, name: &'static str) -> Option<Down> {
    if let Some(falling) = falling(life) {
        return Some(falling);
    }
    let is_due = |down: &Down| {
        life.is_alive() && with_all(|all| all.ratio(life.host, down.kind)) != Ratio::ZERO
    };
    let down = chosen.filter(is_due)?;
    down.begin(&format!("during '{name}'"));
    Some(down)
}

/// Decides on something that a host sends, by a task of this loop.
pub(super) fn at_sending(
    life: Life,
    owner: LoopId,
    what: &'static str,
    location: &'static Location<'static>,
) -> Sending {
    if is_falling(life) {
        return Sending::Vanishes;
    }
    let Some((down, way)) = choose(life, 2) else { return Sending::Leaves };
    let (when, sending) = match way {
        1 => (format!("before it sends {what}"), Sending::Vanishes),
        _ => (format!("after it has sent {what}"), Sending::IsLast),
    };
    down.begin(&when);
    down.queue(owner, location, || {});
    sending
}

/// Tells whether the host goes down at the next turn of its loop.
pub(super) fn is_falling(life: Life) -> bool {
    falling(life).is_some()
}

/// What the peers hear of the connections of a host that goes down at the next turn of its loop: a
/// reset, or nothing. None of one that does not.
pub(super) fn resets_when_falling(life: Life) -> Option<bool> {
    falling(life).map(|down| down.kind == Kind::Crash)
}

fn falling(life: Life) -> Option<Down> {
    with_all(|all| all.falling(life))
}

/// Decides whether a host is to go down, and in which of several ways.
fn choose(life: Life, ways: u32) -> Option<(Down, u32)> {
    if with_all(|all| all.is_silent()) || !life.is_alive() || is_falling(life) {
        return None;
    }
    let kinds = [Kind::Crash, Kind::PowerCut];
    let rates = with_all(|all| kinds.map(|kind| (kind, all.ratio(life.host, kind))));
    rates.into_iter().find_map(|(kind, ratio)| {
        let way = strikes_later(kind.class(), ratio, ways);
        (way > 0).then_some((Down { life, kind }, way))
    })
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Kind::Crash => "a host crashes",
            Kind::PowerCut => "the power of a host is cut",
        }
    }
}

impl Down {
    /// From now on nothing leaves the host any more.
    fn begin(self, when: &str) {
        tell_fault(self.kind.class(), format!("'{}' {when}", name_of(self.life.host)));
        with_all(|all| all.falling.insert(self.life.host, self));
    }

    /// Lets a host that has [begun](Self::begin) to go down do so at the next turn of a loop, and
    /// then `call` happen: never in the middle of a step, in which what a crash drops could meet
    /// what the program has borrowed.
    pub(super) fn queue(
        self,
        owner: LoopId,
        location: &'static Location<'static>,
        call: impl FnOnce() + 'static,
    ) {
        queue_plain(owner, "host goes down", location, move || {
            if is_falling(self.life) && self.happen() {
                self.come_back(owner, location);
            }
            call();
            Ok(())
        });
    }

    /// Lets the host go down, unless somebody else has done so since; tells whether it did.
    fn happen(self) -> bool {
        with_all(|all| all.falling.remove(&self.life.host));
        let is_up = self.life.is_alive();
        if is_up {
            all_hosts()[self.life.host as usize].go_down(self.kind == Kind::Crash);
        }
        is_up
    }

    /// Restarts the host after its downtime, unless somebody has done so by then.
    fn come_back(self, owner: LoopId, location: &'static Location<'static>) {
        let Life { host, .. } = self.life;
        let downtime = with_all(|all| all.downtime(host));
        let when = with(|core| core.session.now).saturating_add(choose_delay(downtime));
        let restart = move || {
            if let Some(host) = self.life.left_down() {
                host.restart();
            }
            Ok(())
        };
        let queue = move || queue_plain(owner, "host restarts", location, restart);
        call_outside_at(when, Box::new(queue));
    }
}

/// Lets no host crash of itself any more. What was about to go down does so now.
pub(super) fn heal_crashes() {
    let falling = with_all(|all| {
        for said in all.hosts.values_mut().chain([&mut all.everywhere]) {
            (said.crashes, said.power_cuts) = (None, None);
        }
        std::mem::take(&mut all.falling)
    });
    for down in falling.into_values() {
        down.happen();
    }
}
