//! Hosts: machines with a name, an address, a clock and a disk of their own, on which tasks run,
//! and which crash, also [of themselves](Host::set_crashes), and come back.
//!
//! The code of a test stands on a host of its own, called `main`. What is spawned stays on the host
//! of the task that spawns it; [`Host::spawn`] and [`Host::run`] put a task on another. Sockets and
//! files belong to the host of the task that opens them.
//!
//! ```
//! use seedloop::host::Host;
//! use seedloop::net::{TcpListener, TcpStream};
//! use seedloop::{Result, run, sleep};
//! use std::time::Duration;
//!
//! let server = async || -> Result<()> {
//!     let listener = TcpListener::bind("0.0.0.0:80").await?;
//!     loop {
//!         listener.accept().await?;
//!     }
//! };
//! let result = run(async move {
//!     let host = Host::new("server");
//!     host.run(server);
//!     sleep(Duration::from_millis(1)).await?;
//!     assert!(TcpStream::connect("server:80").await.is_ok());
//!     host.crash();
//!     host.restart();
//!     sleep(Duration::from_millis(1)).await?;
//!     assert!(TcpStream::connect("server:80").await.is_ok());
//!     Ok(())
//! });
//! result.unwrap();
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;

use super::clock::Clock;
#[cfg(feature = "tokio-io")]
pub(crate) use super::clock::system_time_at;
pub use super::clock::{system_time, try_clocks};
pub use super::crashes::{Everywhere, everywhere};
use super::fs::crash_disk;
pub use super::heal::heal;
use super::inside::assert_inside;
use super::machine::crash_jobs;
use super::net::crash_network;
use crate::base::Result;
use crate::event_loop::{Extension, abort_at, context_id, extension, with};
use crate::task::{ContextVar, JoinHandle, spawn_at};

/// A machine. Copies are the same one.
///
/// It belongs to the simulation in which it was made, on the thread on which that runs. Two are
/// equal if they are of one simulation and have one name; the order is that in which they were
/// made, and a hash is the same in each run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    context: u32,
    /// Of which simulation on the thread.
    simulation: u64,
    index: u32,
}

/// A host between two crashes: what was opened before one does not work after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Life {
    context: u32,
    simulation: u64,
    pub(crate) host: u32,
    incarnation: u32,
}

/// The host of what runs. It follows tasks, callbacks and jobs as other variables do.
static PLACE: ContextVar<Life> = ContextVar::new();

type Software = Rc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<()>>>>>;

pub(super) struct Machine {
    name: Rc<str>,
    address: IpAddr,
    incarnation: u32,
    is_up: bool,
    pub(super) clock: Clock,
    pub(super) software: Vec<(Software, &'static Location<'static>)>,
}

impl Host {
    /// Adds a host to the simulation. It is up, and nothing runs on it yet.
    ///
    /// Its address is the next one of 10.0.0.0/8, its name stands for it in
    /// [`net`](crate::net).
    ///
    /// # Panics
    ///
    /// When the name is taken, is no name of a host (letters, digits, `-`, `_` and `.`), or is an
    /// address.
    #[track_caller]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        assert!(
            !name.is_empty() && name.chars().all(is_of_name) && name.parse::<IpAddr>().is_err(),
            "{name:?} is no name of a host: use letters, digits, '-', '_' and '.'"
        );
        assert_inside("a host was made");
        let world = hosts();
        // What runs elsewhere than the test itself may run to the end of it.
        with(|core| {
            core.session.place_of = Some(|variables| {
                PLACE.get_in(variables).map(|life| life.host).filter(|host| *host != 0)
            });
        });
        let is_taken = name.eq_ignore_ascii_case("localhost")
            || world.with(|world| world.names.contains_key(&*name.to_ascii_lowercase()));
        assert!(!is_taken, "there is a host called '{name}' already; use another name");
        let index = world.with(|world| world.add(name.clone()));
        with(|core| core.session.know_host(index, || name));
        world.handle(index)
    }

    /// Returns the host of this name, if there is one; whether letters are upper or lower case is
    /// the same, as in DNS.
    pub fn find(name: &str) -> Option<Self> {
        let world = hosts();
        let index = world.with(|world| world.names.get(&*name.to_ascii_lowercase()).copied());
        index.map(|index| world.handle(index))
    }

    /// Returns its name.
    pub fn name(self) -> String {
        self.with(|machine| machine.name.to_string())
    }

    /// Returns its address in the simulated network.
    pub fn address(self) -> IpAddr {
        self.with(|machine| machine.address)
    }

    /// Tells whether it is up: neither crashed nor shut down.
    pub fn is_up(self) -> bool {
        self.with(|machine| machine.is_up)
    }

    /// Spawns a task on the host.
    ///
    /// # Panics
    ///
    /// When the host is down, and when no loop runs.
    #[track_caller]
    pub fn spawn<T, F>(self, future: F) -> JoinHandle<T>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        let (life, name) = self.about_to_run();
        let location = Location::caller();
        on(life, || spawn_at(future, Some(&name), location))
    }

    /// Runs software on the host: now, and again at each [`restart`](Self::restart).
    ///
    /// The task is called like the host. An error that it returns is reported, as that of any task
    /// that nobody awaits.
    ///
    /// # Panics
    ///
    /// When the host is down, and when no loop runs.
    #[track_caller]
    pub fn run<F>(self, software: impl Fn() -> F + 'static)
    where
        F: Future<Output = Result<()>> + 'static,
    {
        let location = Location::caller();
        let software: Software = Rc::new(move || Box::pin(software()));
        self.with(|machine| machine.software.push((Rc::clone(&software), location)));
        self.start(&software, location);
    }

    /// The host's life and name, for something that is to run on it.
    #[track_caller]
    fn about_to_run(self) -> (Life, Rc<str>) {
        let (life, name, is_up) =
            self.with(|machine| (machine.life(self), machine.name.clone(), machine.is_up));
        assert!(is_up, "the host '{name}' is down; call `restart` first");
        assert!(
            with(|core| core.running_loop()).is_some(),
            "nothing can be started on the host '{name}' where no loop runs: outside of a run, in \
             a rule of the network, or in a job of a pool; let a task do it"
        );
        (life, name)
    }

    /// Starts it in the context of the host, in which it is called too.
    #[track_caller]
    fn start(self, software: &Software, location: &'static Location<'static>) {
        let (life, name) = self.about_to_run();
        let software = Rc::clone(software);
        let body = async move { software().await };
        drop(on(life, || spawn_at::<(), _>(body, Some(&name), location)));
    }

    /// Crashes the host, and lets those who are connected to it know.
    ///
    /// Its tasks are dropped without another step, its callbacks and timers are forgotten, its
    /// connections are reset, its sockets are gone, and what it had written and not synced is lost
    /// or torn: see [`fs`](crate::fs). Destructors of what it ran do run, since memory has to be
    /// given back, but reach neither the network nor the disk any more. Jobs that it has given to
    /// pools end where they block, by an unwinding, and do not begin if they were waiting for a
    /// worker; the pool takes the next ones.
    ///
    /// The other sides of its connections get the reset behind what it had sent before; if it is
    /// lost, that is a power cut for them: see [`cut_power`](Self::cut_power), which sends none.
    ///
    /// A task that crashes its own host goes on to its next await that has to wait, and a job goes
    /// on to its end. Tasks and callbacks that it begins then never run, nor do those of
    /// destructors. A host that is down already stays so.
    ///
    /// # Panics
    ///
    /// When this is `main`, on which the test itself stands.
    #[track_caller]
    pub fn crash(self) {
        self.go_down(true);
    }

    /// Crashes the host without a word to anybody: a [`crash`](Self::crash) whose connections are
    /// not reset.
    ///
    /// Whoever sends it something on a connection sends that again and again, and is timed out
    /// after 924.6 seconds, as is who waits to write; or is reset, once the host was
    /// [restarted](Self::restart) and something reaches it for a connection it does not know. Who
    /// only reads from it waits for ever: give reads a [timeout](crate::timeout()). Source: Linux,
    /// `net.ipv4.tcp_retries2`.
    ///
    /// # Panics
    ///
    /// When this is `main`, on which the test itself stands.
    #[track_caller]
    pub fn cut_power(self) {
        self.go_down(false);
    }

    #[track_caller]
    pub(super) fn go_down(self, resets: bool) {
        assert!(self.index() != 0, "the test itself stands on 'main'; crash another host");
        let life = self.with(|machine| {
            let life = machine.life(self);
            let was_up = std::mem::replace(&mut machine.is_up, false);
            machine.incarnation += u32::from(was_up);
            was_up.then_some(life)
        });
        let Some(life) = life else { return };
        with(|core| core.session.note_host_down(life.host, resets));
        // What its destructors begin, or a task that has crashed its own host, never runs.
        let world = hosts();
        let is_gone = move |of: &_| PLACE.get_in(of).is_some_and(|life: Life| world.is_gone(life));
        with(|core| core.session.is_gone.get_or_insert_with(|| Rc::new(is_gone)).clone());
        crash_network(life, resets);
        crash_disk(life);
        abort_at(life.host, |variables| PLACE.get_in(variables).is_some_and(|place| place == life));
        crash_jobs(life);
    }

    /// Starts the host again after a [`crash`](Self::crash) or a [power cut](Self::cut_power), and
    /// its [software](Self::run) on it. One that is up is crashed first.
    ///
    /// What ran before is dropped at its next turn, as all tasks are that end: destructors of the
    /// old life may run when the software of the new one has begun already. They reach neither its
    /// network nor its disk; what both share in the memory of the test they do reach. Let the loop
    /// run between a crash and a restart, as a machine takes its time too, where that matters.
    ///
    /// # Panics
    ///
    /// When it has software to run and no loop runs, as in a rule of the network or in a job of a
    /// pool; and when this is `main`.
    #[track_caller]
    pub fn restart(self) {
        self.crash();
        let software = self.with(|machine| {
            machine.is_up = true;
            machine.software.clone()
        });
        with(|core| core.session.note_host_up(self.index));
        for (software, location) in software {
            self.start(&software, location);
        }
    }

    /// Its number, once it is known to be of this simulation.
    #[track_caller]
    pub(crate) fn index(self) -> u32 {
        self.with(|_| self.index)
    }

    /// # Panics
    ///
    /// When it is of another simulation.
    #[track_caller]
    pub(crate) fn assert_here(self) {
        let world = hosts();
        assert!(
            self.context == context_id() && world.with(|world| world.simulation) == self.simulation,
            "a host was used outside of the simulation that made it; make it inside"
        );
    }

    #[track_caller]
    pub(super) fn with<R>(self, call: impl FnOnce(&mut Machine) -> R) -> R {
        self.assert_here();
        let world = hosts();
        world.with(|world| call(&mut world.machines[self.index as usize]))
    }
}

/// Returns the host on which this runs.
pub fn current() -> Host {
    let life = current_life();
    hosts().handle(life.host)
}

/// The host of what runs, as it is between two crashes.
pub(crate) fn current_life() -> Life {
    // Where the code of the test stands, which never crashes.
    PLACE.get().unwrap_or_else(|| hosts().life(0).expect("seedloop bug: there is no host 'main'"))
}

/// Runs `call` as if it stood on that host.
pub(crate) fn on<R>(life: Life, call: impl FnOnce() -> R) -> R {
    PLACE.set_during(life, call)
}

/// The hosts of a simulation; the first is where the code of the test stands.
pub(crate) struct Hosts {
    world: RefCell<World>,
}

struct World {
    simulation: u64,
    machines: Vec<Machine>,
    /// In lower case.
    names: BTreeMap<Rc<str>, u32>,
}

impl Default for Hosts {
    fn default() -> Self {
        let mut world = World { simulation: 0, machines: Vec::new(), names: BTreeMap::new() };
        world.add("main".to_owned());
        Hosts { world: RefCell::new(world) }
    }
}

impl Extension for Hosts {
    fn end_simulation(&self) {
        let old = self.with(|world| {
            let next = world.simulation + 1;
            let mut fresh =
                World { simulation: next, machines: Vec::new(), names: BTreeMap::new() };
            fresh.add("main".to_owned());
            std::mem::replace(world, fresh)
        });
        drop(old);
    }

    fn obstacles(&self) -> Vec<String> {
        self.with(|world| {
            let down = world.machines.iter().filter(|machine| !machine.is_up);
            down.map(|machine| format!("the host '{}' is down", machine.name)).collect()
        })
    }
}

impl Hosts {
    fn with<R>(&self, call: impl FnOnce(&mut World) -> R) -> R {
        call(&mut self.world.borrow_mut())
    }

    fn is_gone(&self, life: Life) -> bool {
        self.with(|world| {
            let machine = world.machines.get(life.host as usize);
            machine.is_none_or(|m| !m.is_up || m.incarnation != life.incarnation)
        })
    }

    /// The host as it is now, if it is up.
    fn life(&self, host: u32) -> Option<Life> {
        let handle = self.handle(host);
        self.with(|world| {
            let machine = world.machines.get(host as usize)?;
            machine.is_up.then(|| machine.life(handle))
        })
    }

    pub(super) fn handle(&self, index: u32) -> Host {
        let simulation = self.with(|world| world.simulation);
        Host { context: context_id(), simulation, index }
    }
}

impl World {
    fn add(&mut self, name: String) -> u32 {
        let index = u32::try_from(self.machines.len()).unwrap_or(u32::MAX);
        let [_, a, b, c] = (index + 1).to_be_bytes();
        let name: Rc<str> = name.into();
        self.names.insert(name.to_ascii_lowercase().into(), index);
        self.machines.push(Machine {
            name,
            address: Ipv4Addr::new(10, a, b, c).into(),
            incarnation: 0,
            is_up: true,
            clock: Clock::default(),
            software: Vec::new(),
        });
        index
    }
}

impl Machine {
    fn life(&self, host: Host) -> Life {
        let Host { context, simulation, index } = host;
        Life { context, simulation, host: index, incarnation: self.incarnation }
    }
}

pub(super) fn hosts() -> Rc<Hosts> {
    extension::<Hosts>()
}

/// What the rest of the world asks of hosts.
impl Life {
    /// Tells whether it is of the simulation that runs here.
    pub(crate) fn is_here(self) -> bool {
        self.context == context_id() && hosts().with(|world| world.simulation) == self.simulation
    }

    /// Tells whether the host has neither crashed since nor was started anew.
    pub(crate) fn is_alive(self) -> bool {
        self.is_here()
            && hosts().with(|world| {
                let machine = world.machines.get(self.host as usize);
                machine.is_some_and(|m| m.is_up && m.incarnation == self.incarnation)
            })
    }

    /// The error for the use of something that was made in a life that is not this one.
    pub(crate) fn why_gone(self, what: &str) -> io::Error {
        match self.is_here() {
            true => {
                let text = format!("the host of the {what} has crashed");
                io::Error::new(io::ErrorKind::NotConnected, text)
            }
            false if self.context != context_id() => io::Error::other(format!(
                "the {what} belongs to a simulation on another thread; use it there, in a task or \
                 in a job of a pool, and make one inside each simulation"
            )),
            false => io::Error::other(format!(
                "the {what} belongs to the simulation in which it was made, which is over; make \
                 one inside each"
            )),
        }
    }

    /// The host, if it has been down since this life ended.
    pub(super) fn left_down(self) -> Option<Host> {
        let is_down = |world: &mut World| {
            let machine = world.machines.get(self.host as usize);
            machine.is_some_and(|m| !m.is_up && m.incarnation == self.incarnation + 1)
        };
        (self.is_here() && hosts().with(is_down)).then(|| hosts().handle(self.host))
    }

    /// Tells whether the host is of the simulation that runs here, and has crashed since.
    pub(crate) fn has_crashed(self) -> bool {
        self.is_here() && !self.is_alive()
    }
}

/// Looks a host up by its name.
pub(crate) fn host_by_name(name: &str) -> Option<u32> {
    hosts().with(|world| world.names.get(&*name.to_ascii_lowercase()).copied())
}

/// Looks a host up by its address.
pub(crate) fn host_by_address(address: IpAddr) -> Option<u32> {
    hosts().with(|world| {
        let IpAddr::V4(address) = address else { return None };
        let [10, a, b, c] = address.octets() else { return None };
        let index = u32::from_be_bytes([0, a, b, c]).checked_sub(1)?;
        world.machines.get(index as usize).map(|_| index)
    })
}

/// Reads the clock of a host.
pub(super) fn with_clock_of<R>(host: u32, read: impl FnOnce(&Clock) -> R) -> R {
    hosts().with(|world| read(&world.machines[host as usize].clock))
}

/// All hosts, in the order of their making.
pub(super) fn all_hosts() -> Vec<Host> {
    let count = hosts().with(|world| world.machines.len() as u32);
    (0..count).map(|index| hosts().handle(index)).collect()
}

/// The address of a host.
pub(crate) fn address_of(host: u32) -> IpAddr {
    hosts().with(|world| world.machines[host as usize].address)
}

/// The name of a host.
pub(crate) fn name_of(host: u32) -> Rc<str> {
    hosts().with(|world| Rc::clone(&world.machines[host as usize].name))
}

/// The host as it is now, if it is up.
pub(crate) fn life_of(host: u32) -> Option<Life> {
    hosts().life(host)
}

/// The names of all hosts, for errors.
/// How many hosts there are: their numbers are those below it.
pub(crate) fn count() -> u32 {
    hosts().with(|world| world.machines.len() as u32)
}

pub(crate) fn all_names() -> Vec<String> {
    hosts().with(|world| world.machines.iter().map(|machine| machine.name.to_string()).collect())
}

impl Hash for Host {
    /// Of the simulation and the thread there is nothing in it: those have other numbers in each
    /// run.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.context != context_id() {
            return f.write_str("host on another thread");
        }
        match hosts().with(|world| world.simulation == self.simulation) {
            true => write!(f, "host '{}'", name_of(self.index)),
            false => f.write_str("host of another simulation"),
        }
    }
}
