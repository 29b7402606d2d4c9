//! One simulation: its clock, its choices, what it recorded and what it printed. Several loops may
//! run in it, one after the other or one made while another runs.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::cell::Variables;
use super::meets::Met;
use super::placed::Placed;
use super::points::{Invariant, Point};
use super::report::Report;
use super::setting::Setting;
use super::strike::Strikes;
use crate::base::{
    Candidate, Candidates, Choice, ChoiceKind, Choices, Chooser, Event, Forgotten, Instant,
    LogEntry, Model, Operation, Orders, Place, Question, Record, Recorder, ResourceKey, Source,
    TaskKey, TaskNumber,
};

/// Tells by its context variables whether something has no place to run any more.
type IsGone = Rc<dyn Fn(&Variables) -> bool>;

/// A line that the program printed with `out!`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The virtual time.
    pub time: Instant,
    /// The task that printed it; 0 for a callback or code outside of the loop.
    pub task: TaskNumber,
    /// How many steps had been started.
    pub step: u64,
    /// The text, without the line's end.
    pub text: String,
}

/// When to give up on a run. Each limit ends it with
/// [`LimitExceeded`](crate::error::LimitExceeded).
///
/// Say what is not as usual and take the rest from [`Limits::default`], to which limits will be
/// added: `Limits { steps: 1_000, ..Limits::default() }`.
///
/// Beside the steps, awaits of the library's own that need not wait are counted too, so that a task
/// that loops over them in one step does not go on for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps and callbacks without time moving on: 10,000,000. Ends what yields for ever.
    pub steps_at_one_instant: u64,
    /// Steps and callbacks in all: 100,000,000.
    pub steps: u64,
    /// Virtual time: without limit.
    pub time: Instant,
    /// Lines of the transcript: 1,000,000.
    pub lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}

impl Limits {
    const DEFAULT: Limits = Limits {
        steps_at_one_instant: 10_000_000,
        steps: 100_000_000,
        time: Instant::from_nanos(u64::MAX),
        lines: 1_000_000,
    };
}

/// How to run a simulation.
#[derive(Default)]
pub(crate) struct Configuration {
    pub(crate) chooser: Chooser,
    pub(crate) model: Model,
    pub(crate) limits: Limits,
    pub(crate) keep_events: bool,
    /// How many events are kept at most, the last ones.
    pub(crate) events_max: Option<usize>,
    /// Tell which order of conflicting operations the run is.
    pub(crate) count_orders: bool,
    /// What may strike tasks at their awaits.
    pub(crate) strikes: Strikes,
    /// How late an iteration of a loop may begin.
    pub(crate) lateness: Duration,
    /// A run that passes a limit on steps has as many again, in which every task gets its turn.
    pub(crate) patient: bool,
    /// Keep the transcript instead of printing it, and do not print panics and reports.
    pub(crate) capture: bool,
    /// A panic goes to whoever awaits the task, instead of ending the run.
    pub(crate) panics_join: bool,
}

/// The state of the simulation on this thread.
pub(crate) struct Session {
    pub(crate) active: bool,
    pub(crate) now: Instant,
    pub(crate) step: u64,
    /// Awaits of ours that were counted beside the steps.
    pub(crate) awaits: u64,
    /// The number of steps and awaits at which limits are to be looked at.
    check_at: u64,
    /// That number when the clock moved last.
    work_of_instant: u64,
    patient: bool,
    /// How much work there had been when the run became fair.
    fair_since: Option<u64>,
    pub(crate) model: Model,
    pub(crate) limits: Limits,
    pub(crate) capture: bool,
    pub(crate) panics_join: bool,
    pub(crate) strikes: Strikes,
    pub(crate) lateness: Duration,
    /// Someone looks at what becomes ready and what runs: a policy that watches, a recorder, a
    /// count of orders, strikes, or invariants. Else a step is no more than its poll.
    pub(crate) observed: bool,
    /// Nobody asks to be told of what is ready or what a step meets, and nothing strikes between
    /// steps: then the loop need not stop between them.
    pub(super) flows: bool,
    choices: Choices,
    pub(super) recorder: Recorder,
    pub(crate) lines: Vec<Line>,
    pub(crate) reports: Vec<Report>,
    pub(crate) tasks_spawned: TaskNumber,
    /// Tasks that were given no name: the counter of `Task-N`.
    pub(crate) tasks_unnamed: u32,
    /// How many objects of each kind were made, and in all.
    resources: Vec<(&'static str, u32)>,
    resources_made: u32,
    pub(crate) outside_count: u32,
    /// Whether it was chosen from what number the system's randomness is drawn.
    pub(crate) is_entropy_taken: bool,
    /// Tells by its context variables at which place of the world around the program something
    /// runs, if it is no part of the program itself. The world runs as long as the program does.
    pub(crate) place_of: Option<fn(&Variables) -> Option<u32>>,
    pub(super) placed: BTreeMap<u32, Placed>,
    /// Asked of what begins.
    pub(crate) is_gone: Option<IsGone>,
    /// How many of their own calls the loops have run, if a policy wants to know.
    pub(crate) calls: u32,
    /// Tasks that no task spawned, and resources that no task made.
    pub(crate) roots: u32,
    roots_made: u32,
    /// What the program has named itself, by number.
    named: Vec<(&'static str, u32)>,
    /// What has to hold after every step.
    pub(crate) invariants: Vec<Rc<Invariant>>,
    /// What is to happen in some run.
    pub(crate) points: Vec<Point>,
    /// What stood open between hosts when a run of a loop failed, if somebody looks.
    pub(crate) connections: Vec<String>,
    /// What there is to tell of the faults that struck, beside their classes.
    pub(crate) fault_details: Vec<String>,
    /// Which order of conflicting operations this run is, when someone counts them.
    orders: Option<Box<Orders>>,
    /// The memory of those of the simulation before.
    spare_orders: Option<Box<Orders>>,
    /// The spawn tree, names and places, kept only when someone will look at them.
    pub(crate) known_tasks: Option<BTreeMap<TaskNumber, TaskInfo>>,
    /// The kinds and keys of the resources by number, kept only when someone will look at them.
    known_resources: Option<Vec<(&'static str, ResourceKey)>>,
    /// Hosts and pools, kept only when someone will look at them.
    pub(super) setting: Option<Setting>,
    /// The names of futures, when a policy wants to know what each step meets.
    pub(super) met: Met,
}

/// What a recorded run remembers of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The name that it was given, or `Task-N`.
    pub name: String,
    /// The task that spawned it, 0 for none.
    pub parent: TaskNumber,
    /// Which of its parent's children it is, from 1; without a parent, which of those that no task
    /// spawned. With the parent's own, this is the task's *spawn path*, which an edit elsewhere
    /// does not shift.
    pub child_index: u32,
    /// Where it was spawned.
    pub spawned_at: Place,
}

impl Session {
    pub(crate) const fn new() -> Self {
        Session {
            active: false,
            now: Instant::START,
            step: 0,
            awaits: 0,
            check_at: 0,
            work_of_instant: 0,
            patient: false,
            fair_since: None,
            model: Model::Asyncio,
            limits: Limits::DEFAULT,
            capture: false,
            panics_join: false,
            strikes: Strikes::None,
            lateness: Duration::ZERO,
            observed: false,
            flows: true,
            choices: Choices::new(),
            recorder: Recorder::new(),
            lines: Vec::new(),
            reports: Vec::new(),
            tasks_spawned: 0,
            tasks_unnamed: 0,
            resources: Vec::new(),
            resources_made: 0,
            outside_count: 0,
            is_entropy_taken: false,
            place_of: None,
            placed: BTreeMap::new(),
            is_gone: None,
            calls: 0,
            roots: 0,
            roots_made: 0,
            named: Vec::new(),
            invariants: Vec::new(),
            points: Vec::new(),
            connections: Vec::new(),
            fault_details: Vec::new(),
            orders: None,
            spare_orders: None,
            known_tasks: None,
            known_resources: None,
            setting: None,
            met: Met::new(),
        }
    }

    /// Begins a simulation; returns what is left of the one before, to be dropped unborrowed.
    #[must_use = "it holds what is the user's"]
    pub(crate) fn start(&mut self, configuration: Configuration) -> Session {
        let before = self.end();
        self.active = true;
        self.model = configuration.model;
        self.limits = configuration.limits;
        self.patient = configuration.patient;
        self.capture = configuration.capture;
        self.panics_join = configuration.panics_join;
        self.strikes = configuration.strikes;
        self.lateness = configuration.lateness;
        self.choices.set_chooser(configuration.chooser);
        let kept_max = configuration.events_max.unwrap_or(usize::MAX);
        self.recorder.restart(configuration.keep_events, kept_max);
        self.orders = match configuration.count_orders {
            true => Some(self.spare_orders.take().unwrap_or_default()),
            false => None,
        };
        self.known_tasks = configuration.keep_events.then(BTreeMap::new);
        self.known_resources = configuration.keep_events.then(Vec::new);
        self.setting = configuration.keep_events.then(Setting::default);
        self.flows = !self.is_watched() && !self.is_followed() && self.strikes == Strikes::None;
        self.observed = self.is_labelled() || self.is_followed() || self.is_attentive();
        before
    }

    /// Ends a simulation: loops that are made by hand afterwards begin at the start of time, in
    /// asyncio's order. Returns what is left, to be dropped unborrowed.
    #[must_use = "it holds what is the user's"]
    pub(crate) fn end(&mut self) -> Session {
        let choices = self.choices.anew();
        let orders = self.orders.take().or_else(|| self.spare_orders.take());
        let spare_orders = orders.and_then(|orders| orders.emptied());
        std::mem::replace(self, Session { choices, spare_orders, ..Session::new() })
    }

    /// What counts against the limits on steps.
    fn work(&self) -> u64 {
        self.step + self.awaits
    }

    /// Tells whether it is time to look at the limits on steps.
    pub(crate) fn is_check_due(&self) -> bool {
        self.work() >= self.check_at
    }

    /// Tells which limit on steps is passed, if one is; else when to look again.
    pub(crate) fn passed_limit(&mut self) -> Option<String> {
        let Limits { steps, steps_at_one_instant, .. } = self.limits;
        let fair = self.fair_since.unwrap_or(0);
        let end = fair.saturating_add(steps);
        let end_of_instant = self.work_of_instant.max(fair).saturating_add(steps_at_one_instant);
        self.check_at = end.min(end_of_instant);
        if self.work() < self.check_at {
            return None;
        }
        if self.patient && self.fair_since.is_none() {
            // Some task may only not have got its turn.
            self.fair_since = Some(self.work());
            self.choices.be_fair();
            return self.passed_limit();
        }
        let again = match self.fair_since {
            Some(_) => ", and as many again with every task in its turn,",
            None => "",
        };
        Some(match self.work() >= end {
            true => format!("{steps} steps{again}"),
            false => {
                format!("{steps_at_one_instant} steps without virtual time moving on{again}")
            }
        })
    }

    /// Moves the clock; it never goes back.
    pub(crate) fn move_clock(&mut self, to: Instant) {
        if to > self.now {
            self.now = to;
            self.work_of_instant = self.work();
            self.recorder.fold_clock(to);
            self.note(Event::ClockMoved);
        }
    }

    /// Takes one of `0..question.bound`.
    pub(crate) fn choose(&mut self, question: Question) -> u32 {
        let Question { kind, bound, .. } = question;
        let value = self.choices.choose(&question);
        if bound > 1 {
            self.emit(Event::Chosen { kind, bound, value });
        }
        value
    }

    /// Takes one of `0..bound`: what runs next.
    #[inline]
    pub(crate) fn choose_ready(&mut self, bound: u32) -> u32 {
        let value = self.choices.choose_ready(bound);
        self.note_picked(bound, value)
    }

    /// The same on the loop's [way](super::plain) where little is out of the ordinary.
    #[inline(always)]
    pub(crate) fn choose_ready_plainly(&mut self, bound: u32) -> u32 {
        if self.observed {
            return self.choose_ready(bound);
        }
        let value = self.choices.choose_ready(bound);
        self.recorder.fold(u64::from(value));
        value
    }

    /// What a choice of what runs will be among so many, the next one or one so many behind that,
    /// if it is known: a hint.
    #[inline]
    pub(crate) fn foresee_ready(&self, behind: usize, bound: u32) -> Option<u32> {
        self.choices.foresee_ready(behind, bound)
    }

    /// The same for a policy that watches.
    pub(crate) fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let value = self.choices.pick(ready);
        self.note_picked(ready.count(), value)
    }

    #[inline]
    fn note_picked(&mut self, bound: u32, value: u32) -> u32 {
        self.recorder.fold(u64::from(value));
        if self.is_recording() {
            self.note(Event::Chosen { kind: ChoiceKind::Ready, bound, value });
        }
        value
    }

    /// Whether the policy wants to know what is ready.
    pub(crate) fn is_watched(&self) -> bool {
        self.choices.is_watched()
    }

    /// Whether anyone wants to know what tasks are about to do.
    pub(crate) fn is_labelled(&self) -> bool {
        self.is_watched() || self.counts_orders()
    }

    pub(crate) fn became_ready(&mut self, candidate: &Candidate) {
        self.choices.became_ready(candidate);
    }

    pub(crate) fn runs(&mut self, candidate: &Candidate) {
        self.choices.runs(candidate);
    }

    pub(crate) fn take_chooser(&mut self) -> Chooser {
        self.choices.take_chooser()
    }

    /// Whether the policy wants to know what each step meets.
    pub(crate) fn is_followed(&self) -> bool {
        self.choices.is_followed()
    }

    pub(crate) fn meets(&mut self, operation: &Operation) {
        self.choices.meets(operation);
    }

    pub(crate) fn time_passed(&mut self) {
        self.choices.time_passed();
    }

    pub(crate) fn counts_orders(&self) -> bool {
        self.orders.is_some()
    }

    pub(crate) fn touch(&mut self, task: TaskNumber, operation: Operation) {
        if let Some(orders) = &mut self.orders {
            orders.touch(task, operation);
        }
    }

    pub(crate) fn inform(&mut self, task: TaskNumber, by: TaskNumber) {
        if let Some(orders) = &mut self.orders {
            orders.inform(task, by);
        }
    }

    pub(crate) fn order_spawned(&mut self, task: TaskNumber, key: TaskKey, by: TaskNumber) {
        if let Some(orders) = &mut self.orders {
            orders.spawned(task, key, by);
        }
    }

    /// A hash of the order of conflicting operations; 0 if nobody counts.
    pub(crate) fn order_hash(&self) -> u64 {
        self.orders.as_ref().map_or(0, |orders| orders.hash())
    }

    /// The key of the next resource that nobody's task makes.
    pub(crate) fn next_root_resource(&mut self) -> ResourceKey {
        self.roots_made += 1;
        ResourceKey::made_by(TaskKey::LOOP, self.roots_made)
    }

    /// Whether every step is to be looked at when it has ended.
    pub(crate) fn is_attentive(&self) -> bool {
        self.is_recording() || self.strikes != Strikes::None || !self.invariants.is_empty()
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recorder.is_recording()
    }

    /// Keeps an event that follows from others: it need not go into the fingerprint.
    pub(crate) fn note(&mut self, event: Event) {
        self.recorder.note(self.step, self.now, event, None);
    }

    /// The same for an event that a line of the program caused.
    pub(crate) fn note_at(&mut self, event: Event, at: &'static Location<'static>) {
        self.recorder.note(self.step, self.now, event, Some(at));
    }

    pub(crate) fn print(&mut self, source: Source, text: String) {
        self.emit(Event::Printed { text: Recorder::hash_text(&text) });
        let task = match source {
            Source::Task(task) => task,
            Source::Loop | Source::Outside => 0,
        };
        self.lines.push(Line { time: self.now, task, step: self.step, text });
    }

    /// Adds what has to hold after every step from now on.
    pub(super) fn add_invariant(&mut self, invariant: Rc<Invariant>) {
        self.invariants.push(invariant);
        self.observed = true;
    }

    /// Remembers a task for those who look at the events later.
    pub(crate) fn know_task(&mut self, number: TaskNumber, info: impl FnOnce() -> TaskInfo) {
        if let Some(known) = &mut self.known_tasks {
            known.insert(number, info());
        }
    }

    /// A task of the library's own is left out that would do nothing. Its number, its name and its
    /// place in the spawn tree stay its own.
    pub(crate) fn skip_task(&mut self) {
        self.tasks_spawned += 1;
        self.tasks_unnamed += 1;
        self.roots += 1;
    }

    /// Remembers that a task was given another name.
    pub(crate) fn rename_task(&mut self, number: TaskNumber, name: &str) {
        if let Some(known) = self.known_tasks.as_mut().and_then(|known| known.get_mut(&number)) {
            known.name = name.to_owned();
        }
    }

    /// The number of what the program names itself, made when it is first touched.
    pub(crate) fn named_resource(&mut self, name: &'static str) -> u32 {
        if let Some((_, number)) = self.named.iter().find(|(other, _)| *other == name) {
            return *number;
        }
        let (number, _) = self.number_resource(name);
        self.know_resource(name, ResourceKey::named(name));
        self.named.push((name, number));
        number
    }

    /// Numbers a new object: among all, and among those of its kind.
    pub(crate) fn number_resource(&mut self, kind: &'static str) -> (u32, u32) {
        self.resources_made += 1;
        let of_kind = match self.resources.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.resources.push((kind, 1));
                1
            }
        };
        (self.resources_made, of_kind)
    }

    /// Remembers the resource that was numbered last for those who look at the events later.
    pub(crate) fn know_resource(&mut self, kind: &'static str, key: ResourceKey) {
        if let Some(known) = &mut self.known_resources {
            known.push((kind, key));
        }
    }

    /// The kinds and keys of the resources, by number from 1, if they were kept.
    pub(crate) fn take_resources(&mut self) -> (Vec<&'static str>, Vec<ResourceKey>) {
        self.known_resources.take().unwrap_or_default().into_iter().unzip()
    }

    /// The tasks by number from 1, if they were kept; those that were [left out](Self::skip_task)
    /// have no name.
    pub(crate) fn take_tasks(&mut self) -> Vec<TaskInfo> {
        let known = self.known_tasks.take().unwrap_or_default();
        let mut tasks = Vec::new();
        for (number, task) in known {
            let missing = (number as usize).saturating_sub(tasks.len() + 1);
            let spawned_at = task.spawned_at;
            let left_out =
                || TaskInfo { name: String::new(), parent: 0, child_index: 0, spawned_at };
            tasks.extend(std::iter::repeat_with(left_out).take(missing));
            tasks.push(task);
        }
        tasks
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.recorder.fingerprint()
    }

    /// Folds something into the fingerprint that is no event: the result of the run.
    pub(crate) fn fold_text(&mut self, text: &str) {
        let hash = Recorder::hash_text(text);
        self.recorder.fold(hash);
    }

    /// The events that were kept, what was logged, and what is known of the other events.
    pub(crate) fn take_kept(&mut self) -> (Vec<Record>, Vec<LogEntry>, Forgotten) {
        self.recorder.take_kept()
    }

    pub(crate) fn take_choices(&mut self) -> Vec<Choice> {
        self.choices.take_log()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
