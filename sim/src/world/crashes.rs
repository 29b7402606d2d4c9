//! Hosts that crash of themselves: at which of their operations, and for how long.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::time::Duration;

use super::delay::{check_range, choose_delay};
use super::fault::{Ratio, strikes_later, tell_fault};
use super::host::{Host, Life, all_hosts, name_of};
use crate::event_loop::{Extension, LoopId, call_outside_at, extension, queue_plain, with};

/// How often hosts crash of themselves, by their numbers; those of which nobody has said so are
/// not there.
#[derive(Default)]
struct Crashes(RefCell<BTreeMap<u32, Rates>>);

struct Rates {
    crashes: Ratio,
    power_cuts: Ratio,
    downtime: RangeInclusive<Duration>,
    /// It goes down at the next turn of its loop: in which of its lives, and how.
    falling: Option<Down>,
}

const DOWNTIME: Duration = Duration::from_secs(1);

impl Default for Rates {
    fn default() -> Self {
        let (crashes, power_cuts) = (Ratio::ZERO, Ratio::ZERO);
        Rates { crashes, power_cuts, downtime: DOWNTIME..=DOWNTIME, falling: None }
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
    /// rate of [`Ratio::ONE`] the host never comes far. [`heal`](crate::host::heal) ends it.
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
        self.set_rates(|rates| rates.crashes = ratio);
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
        self.set_rates(|rates| rates.power_cuts = ratio);
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
        self.set_rates(|rates| rates.downtime = downtime);
    }

    #[track_caller]
    fn set_rates(self, set: impl FnOnce(&mut Rates)) {
        let host = self.index();
        assert!(host != 0, "the test itself stands on 'main'; let another host crash");
        with_rates(|all| set(all.entry(host).or_default()));
    }
}

fn with_rates<R>(call: impl FnOnce(&mut BTreeMap<u32, Rates>) -> R) -> R {
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
    let (falling, [crashes, power_cuts]) = with_rates(|all| {
        let rates = all.get(&life.host)?;
        Some((rates.falling, [rates.crashes, rates.power_cuts]))
    })?;
    if let Some(falling) = falling.filter(|down| down.life == life) {
        return Some(falling);
    }
    let is_due = |down: &Down| {
        let ratio = if down.kind == Kind::Crash { crashes } else { power_cuts };
        ratio != Ratio::ZERO && life.is_alive()
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
    with_rates(|all| all.get(&life.host)?.falling.filter(|down| down.life == life))
}

/// Decides whether a host is to go down, and in which of several ways.
fn choose(life: Life, ways: u32) -> Option<(Down, u32)> {
    let rates = with_rates(|all| {
        let rates = all.get(&life.host)?;
        Some([(Kind::Crash, rates.crashes), (Kind::PowerCut, rates.power_cuts)])
    })?;
    if !life.is_alive() || is_falling(life) {
        return None;
    }
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
        with_rates(|all| all.entry(self.life.host).or_default().falling = Some(self));
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
        with_rates(|all| all.entry(self.life.host).or_default().falling = None);
        let is_up = self.life.is_alive();
        if is_up {
            all_hosts()[self.life.host as usize].go_down(self.kind == Kind::Crash);
        }
        is_up
    }

    /// Restarts the host after its downtime, unless somebody has done so by then.
    fn come_back(self, owner: LoopId, location: &'static Location<'static>) {
        let Life { host, .. } = self.life;
        let downtime = with_rates(|all| all.entry(host).or_default().downtime.clone());
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
    let falling: Vec<Down> = with_rates(|all| {
        all.values_mut()
            .filter_map(|rates| {
                (rates.crashes, rates.power_cuts) = (Ratio::ZERO, Ratio::ZERO);
                rates.falling.take()
            })
            .collect()
    });
    for down in falling {
        down.happen();
    }
}
