//! A simulation: one world with one clock, one source of choices and one record, in which loops
//! run.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::run::run_at;
use crate::base::{
    Choice, Chooser, Forgotten, Instant, LogEntry, Model, Policy, Record, ResourceKey, Result,
    Uniform,
};
use crate::event_loop::{
    Configuration, Limits, Line, Point, Report, Setting, Strikes, TaskInfo, Variables, catch_error,
    close_all, set_followed, set_quiet, with,
};

/// How to run a simulation, and then its run.
///
/// ```
/// use seedloop::{Simulation, out, sleep};
/// use std::time::Duration;
///
/// let outcome = Simulation::new().seed(7).block_on(async {
///     sleep(Duration::from_secs(2)).await?;
///     out!("two seconds later");
///     Ok(())
/// });
/// assert_eq!(outcome.lines[0].text, "two seconds later");
/// assert_eq!(outcome.time.since_start(), Duration::from_secs(2));
/// ```
///
/// The order of the calls does not matter.
#[must_use = "a simulation does nothing before `run` or `block_on`"]
pub struct Simulation {
    configuration: Configuration,
    /// What may run next, if it was said.
    model: Option<Model>,
    seed: Option<u64>,
}

/// How many events are kept of a run that an exploration has recorded: what a report looks at, and
/// not what a run at its limits would fill the memory with.
const EXPLORED_EVENTS_MAX: usize = 1 << 18;

/// What came of a simulation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// What the body returned; an error when it panicked.
    pub result: Result<T>,
    /// What the program printed with `out!`.
    pub lines: Vec<Line>,
    /// What the program logged with `tracing`, if the events were asked for; see
    /// `seedloop::tracing`. The events name an entry by its number, from 1. The last ones, where
    /// there were more than [`Limits::lines`], or than an exploration keeps events.
    pub log: Vec<LogEntry>,
    /// What the loops reported: errors that nobody retrieved, strays, slow callbacks, ...
    pub reports: Vec<Report>,
    /// The events, if [`Simulation::record`] asked for them; the last ones, where there were more
    /// than an exploration keeps.
    pub records: Vec<Record>,
    /// What is not among these events; nothing, where all were kept.
    pub forgotten: Forgotten,
    /// The choices that were taken.
    pub choices: Vec<Choice>,
    /// The tasks by number from 1, if the events were asked for.
    pub tasks: Vec<TaskInfo>,
    /// The kinds of the resources, if the events were asked for: the first is that of the resource
    /// with number 1. Numbers count all resources of the run, in the order in which they were
    /// made; the 2 of `lock#2` counts the locks alone.
    pub resources: Vec<&'static str>,
    /// Their names in every run of the program.
    pub(crate) resource_keys: Vec<ResourceKey>,
    /// A hash of all that happened: equal for equal runs, on every machine.
    pub fingerprint: u64,
    /// The virtual time at the end.
    pub time: Instant,
    /// How many steps and callbacks ran.
    pub steps: u64,
    /// A hash of the order of the operations that meet, the same for runs that differ only in the
    /// order of others; 0 unless it was asked for.
    pub(crate) order: u64,
    /// What was to happen in some run, and whether it did in this one.
    pub points: Vec<Point>,
    /// What stood open between hosts when the run failed, if the events were asked for: a line for
    /// each end of a connection, with its host and what [`netstat`](crate::net::netstat) shows
    /// there.
    pub connections: Vec<String>,
    /// What else than its class is known of a fault that struck, if the events were asked for:
    /// `'db' during 'sync file'`. The events name it by its number, from 1.
    pub fault_details: Vec<String>,
    /// Hosts and pools, if the events were asked for.
    pub(crate) setting: Setting,
}

impl Simulation {
    /// A simulation in asyncio's own order: every choice is the dull one.
    pub fn new() -> Self {
        Simulation {
            configuration: Configuration { capture: true, ..Configuration::default() },
            model: None,
            seed: None,
        }
    }

    /// Draws the choices from `seed`, in any order unless [`model`](Self::model) says otherwise. A
    /// [`policy`](Self::policy) takes them in its place.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Says what may run next: [`Model::Asyncio`] unless it is said, a seed or a policy is given.
    pub fn model(mut self, model: Model) -> Self {
        self.model = Some(model);
        self
    }

    /// Lets `policy` take the choices, in any order unless [`model`](Self::model) says otherwise.
    pub fn policy(self, policy: impl Policy + 'static) -> Self {
        self.boxed_policy(Box::new(policy))
    }

    pub(crate) fn boxed_policy(mut self, policy: Box<dyn Policy>) -> Self {
        self.configuration.chooser = Chooser::Policy(policy);
        self
    }

    /// Lets an exploration say what a single run has no use for.
    pub(crate) fn explored(
        mut self,
        strikes: Strikes,
        lateness: Duration,
        count_orders: bool,
    ) -> Self {
        self.configuration.strikes = strikes;
        self.configuration.lateness = lateness;
        self.configuration.count_orders = count_orders;
        self.configuration.patient = true;
        self.configuration.events_max = Some(EXPLORED_EVENTS_MAX);
        self
    }

    /// Says when to give up.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.configuration.limits = limits;
        self
    }

    /// Keeps all events for the outcome.
    pub fn record(mut self) -> Self {
        self.configuration.keep_events = true;
        self
    }

    /// Hands a task's panic to whoever awaits it, in place of ending the run.
    pub fn panics_join(mut self) -> Self {
        self.configuration.panics_join = true;
        self
    }

    /// Runs `body`, which may call [`run`](crate::run) or make loops by hand, on this thread. What
    /// ends a [`Runtime`](crate::tokio::runtime::Runtime) in it is the error of the outcome.
    ///
    /// # Panics
    ///
    /// Inside another simulation: one thread has one clock.
    #[track_caller]
    pub fn run<T>(self, body: impl FnOnce() -> T) -> Outcome<T> {
        self.run_with_policy(body).0
    }

    /// The same; gives the policy back.
    #[track_caller]
    pub(crate) fn run_with_policy<T>(
        self,
        body: impl FnOnce() -> T,
    ) -> (Outcome<T>, Option<Box<dyn Policy>>) {
        let seed = self.seed.unwrap_or_default();
        assert!(
            !with(|core| core.session.active),
            "a simulation was started inside another one on the same thread, which has one clock; \
             await what it would run, or start it on a thread of its own"
        );
        let configuration = self.resolve();
        fastrand::seed(seed);
        set_quiet(true);
        let world = World::enter(configuration);
        #[cfg(feature = "tracing")]
        let result = catch_error(|| super::tracing::logged(body));
        #[cfg(not(feature = "tracing"))]
        let result = catch_error(body);
        close_all();
        let outcome = with(|core| {
            let session = &mut core.session;
            let (resources, resource_keys) = session.take_resources();
            let (records, log, forgotten) = session.take_kept();
            Outcome {
                result,
                lines: std::mem::take(&mut session.lines),
                log,
                reports: std::mem::take(&mut session.reports),
                records,
                forgotten,
                choices: session.take_choices(),
                tasks: session.take_tasks(),
                resources,
                resource_keys,
                fingerprint: session.fingerprint(),
                time: session.now,
                steps: session.step,
                order: session.order_hash(),
                points: std::mem::take(&mut session.points),
                connections: std::mem::take(&mut session.connections),
                fault_details: std::mem::take(&mut session.fault_details),
                setting: session.take_setting(),
            }
        });
        let policy = match with(|core| core.session.take_chooser()) {
            Chooser::Policy(policy) => Some(policy),
            Chooser::Fifo | Chooser::Uniform(_) => None,
        };
        drop(world);
        (outcome, policy)
    }
}

impl Simulation {
    /// Runs one future as [`run`](crate::run) does: `self.run(|| run(future))`, with one result in
    /// place of two.
    ///
    /// ```
    /// use seedloop::{Simulation, sleep};
    /// use std::time::Duration;
    ///
    /// let outcome = Simulation::new().block_on(async {
    ///     sleep(Duration::from_secs(2)).await?;
    ///     Ok("done")
    /// });
    /// assert_eq!(outcome.result.unwrap(), "done");
    /// assert_eq!(outcome.time.since_start(), Duration::from_secs(2));
    /// ```
    ///
    /// # Panics
    ///
    /// Inside another simulation.
    #[track_caller]
    pub fn block_on<T, F>(self, future: F) -> Outcome<T>
    where
        T: 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        let location = Location::caller();
        let outcome = self.run(|| run_at(future, location));
        Outcome {
            result: outcome.result.flatten(),
            lines: outcome.lines,
            log: outcome.log,
            reports: outcome.reports,
            records: outcome.records,
            forgotten: outcome.forgotten,
            choices: outcome.choices,
            tasks: outcome.tasks,
            resources: outcome.resources,
            resource_keys: outcome.resource_keys,
            fingerprint: outcome.fingerprint,
            time: outcome.time,
            steps: outcome.steps,
            order: outcome.order,
            points: outcome.points,
            connections: outcome.connections,
            fault_details: outcome.fault_details,
            setting: outcome.setting,
        }
    }

    /// What was said is taken as it is, whatever came first; the rest follows from it.
    fn resolve(self) -> Configuration {
        let Simulation { mut configuration, model, seed } = self;
        if let (Some(seed), Chooser::Fifo) = (seed, &configuration.chooser) {
            configuration.chooser = Chooser::Uniform(Uniform::new(seed));
        }
        let dull = matches!(configuration.chooser, Chooser::Fifo);
        let implied = if dull { Model::Asyncio } else { Model::AnyOrder };
        configuration.model = model.unwrap_or(implied);
        configuration
    }
}

impl Default for Simulation {
    fn default() -> Self {
        Simulation::new()
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("model", &self.model)
            .field("seed", &self.seed)
            .field("has_policy", &matches!(self.configuration.chooser, Chooser::Policy(_)))
            .field("limits", &self.configuration.limits)
            .field("records", &self.configuration.keep_events)
            .finish_non_exhaustive()
    }
}

impl Default for Outcome<()> {
    fn default() -> Self {
        Outcome {
            result: Ok(()),
            lines: Vec::new(),
            log: Vec::new(),
            reports: Vec::new(),
            records: Vec::new(),
            forgotten: Forgotten::default(),
            choices: Vec::new(),
            tasks: Vec::new(),
            resources: Vec::new(),
            resource_keys: Vec::new(),
            fingerprint: 0,
            time: Instant::START,
            steps: 0,
            order: 0,
            points: Vec::new(),
            connections: Vec::new(),
            fault_details: Vec::new(),
            setting: Setting::default(),
        }
    }
}

/// Tells whether a simulation goes on on this thread.
pub fn in_simulation() -> bool {
    with(|core| core.session.active)
}

/// A session for as long as it lives. What the thread's context variables were before comes back
/// with its end.
struct World {
    variables: Variables,
}

impl World {
    fn enter(configuration: Configuration) -> Self {
        let (before, variables) =
            with(|core| (core.session.start(configuration), core.variables.take()));
        drop(before);
        set_followed(with(|core| core.session.is_followed()));
        World { variables }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        set_followed(false);
        close_all();
        let variables = self.variables.take();
        let left =
            with(|core| (core.session.end(), std::mem::replace(&mut core.variables, variables)));
        drop(left);
        set_quiet(false);
    }
}

/// The simulation around a plain `run`: made for it if there is none. Its reports go to the
/// standard error, as asyncio logs them.
pub(super) struct Ambient {
    world: Option<World>,
}

impl Ambient {
    pub(super) fn enter() -> Self {
        if in_simulation() {
            return Ambient { world: None };
        }
        fastrand::seed(0);
        let world = World::enter(Configuration::default());
        // Source: CPython 3.13, `Runner.run`: the main task has a copy of its caller's context.
        let copied = world.variables.clone();
        drop(with(|core| std::mem::replace(&mut core.variables, copied)));
        Ambient { world: Some(world) }
    }
}

impl Drop for Ambient {
    fn drop(&mut self) {
        if self.world.is_some() {
            let reports = with(|core| std::mem::take(&mut core.session.reports));
            reports.iter().for_each(Report::log);
        }
    }
}
