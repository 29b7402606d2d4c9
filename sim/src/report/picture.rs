//! A run as a picture, in the forms in which it can be looked at.

use super::failure::{Found, found_text, message};
use super::forgotten::{comparable, forgotten_text};
use super::gantt::{GanttStyle, gantt_text};
use super::names::Names;
use super::odds::{nth_of_step, odds_text, step_after, steps_of_choices};
use super::page::page;
use super::perfetto::trace;
use super::race::{Race, find_race};
use super::steps::steps_of;
use super::timeline::{Object, Timeline, mark, parting_of, push_lines, push_odds, timeline_of};
use crate::base::Result;
use crate::explore::{Failure, FaultKind, Passing};
use crate::runner::Outcome;

/// A recorded run, to be drawn: as a page to look at in a browser, as a trace for Perfetto, or as
/// lines of JSON.
///
/// ```
/// use seedloop::report::Picture;
/// use seedloop::{Simulation, run, sleep};
/// use std::time::Duration;
///
/// let outcome = Simulation::new().record().run(|| {
///     run(async { Ok(sleep(Duration::from_secs(2)).await?) })
/// });
/// let picture = Picture::of_run("nap", &outcome);
/// let lines: Vec<String> = picture.json_lines().lines().map(str::to_owned).collect();
/// assert_eq!(lines[0], r#"["seedloop",1,{"name":"nap","state":"ran"}]"#);
/// assert!(picture.html().starts_with("<!doctype html>"));
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a picture is nothing before it is drawn"]
pub struct Picture<'a> {
    name: &'a str,
    outcome: &'a Outcome<Result<()>>,
    failure: Option<(&'a Failure, &'a Found)>,
    passing: Option<&'a Passing>,
}

/// How a run ended, in the head of its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ran,
    Failed,
    Passed,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ran => "ran",
            State::Failed => "failed",
            State::Passed => "passed",
        }
    }
}

impl<'a> Picture<'a> {
    /// The picture of a run, which [`Simulation::record`](crate::Simulation::record) has kept.
    pub fn of_run(name: &'a str, outcome: &'a Outcome<Result<()>>) -> Self {
        Picture { name, outcome, failure: None, passing: None }
    }

    /// The picture of a failure: what failed, where it deviates and how it comes about stand above
    /// the run.
    pub fn of_failure(name: &'a str, failure: &'a Failure, found: &'a Found) -> Self {
        Picture { name, outcome: &failure.outcome, failure: Some((failure, found)), passing: None }
    }

    /// Puts the passing run beside it that
    /// [`Explorer::nearest_passing`](crate::explore::Explorer::nearest_passing) has found.
    pub fn beside(mut self, passing: Option<&'a Passing>) -> Self {
        self.passing = passing;
        self
    }

    /// Returns the run as a page of HTML that asks nobody for anything: its style, its script and
    /// the run stand in it.
    pub fn html(&self) -> String {
        let race = self.race();
        let (run, other) = (self.timeline(race.as_ref()), self.other());
        let parting = other.as_ref().and_then(|(other, _)| parting_of(&run, other));
        let mut runs = String::new();
        let parts_at = parting.map(|(column, _)| column);
        push_lines(&mut runs, &run, &self.about(&run, race.as_ref(), parts_at));
        self.push_odds(&mut runs, &run);
        if let Some((other, differs)) = &other {
            let about = self.about_other(other, differs, parting.map(|(_, column)| column));
            push_lines(&mut runs, other, &about);
        }
        page(self.name, &runs)
    }

    /// Returns the run as lines of JSON. The format has a version, and `docs/trace-format.md` in
    /// the repository describes it.
    pub fn json_lines(&self) -> String {
        let race = self.race();
        let mut json = String::new();
        let run = self.timeline(race.as_ref());
        push_lines(&mut json, &run, &self.about(&run, race.as_ref(), None));
        self.push_odds(&mut json, &run);
        json
    }

    /// Returns the run as a drawing for a terminal: a row for each task, host and worker, and a
    /// cell for each step, in as many blocks as its width takes. Names of wide letters keep the
    /// cells in their columns.
    pub fn gantt(&self, style: GanttStyle) -> String {
        gantt_text(&self.timeline(self.race().as_ref()), style)
    }

    /// Returns the run as a trace for [Perfetto](https://ui.perfetto.dev), in its native form.
    ///
    /// Each host, task and worker has a track, each wake and cancel is a flow. Timestamps are
    /// virtual time; but since running takes none, the steps of one instant stand side by side
    /// from there on: together they take at most half of the time up to the next instant. The
    /// exact time of a step is among its arguments.
    pub fn perfetto(&self) -> Vec<u8> {
        trace(self.name, &self.timeline(self.race().as_ref()))
    }

    /// The operations whose order tells how the failure comes about.
    fn race(&self) -> Option<Race> {
        let (failure, _) = self.failure?;
        let is_of_order = failure.fault.kind != FaultKind::Nondeterminism;
        is_of_order.then(|| find_race(self.outcome, self.dull(failure))).flatten()
    }

    /// The run in which nothing deviates, if there is one to compare with.
    fn dull(&self, failure: &'a Failure) -> Option<&'a Outcome<Result<()>>> {
        comparable(self.outcome, failure.dull.as_deref())
    }

    fn timeline(&self, race: Option<&Race>) -> Timeline {
        let mut timeline = timeline_of(self.outcome);
        if let Some((failure, _)) = self.failure {
            let is_deadlock = failure.fault.kind == FaultKind::Deadlock;
            mark(&mut timeline, &steps_of(self.outcome, &failure.case), race, is_deadlock);
        }
        timeline
    }

    /// Nothing of the run is forgotten.
    fn is_whole(&self) -> bool {
        self.outcome.forgotten.events == 0
    }

    /// Appends how likely the failure is at some places of the run.
    fn push_odds(&self, json: &mut String, run: &Timeline) {
        let Some(odds) = self.failure.and_then(|(_, found)| found.odds.as_ref()) else { return };
        let steps = steps_of_choices(self.outcome);
        for place in &odds.places {
            let step = step_after(&steps, *place);
            if step > self.outcome.forgotten.steps || (place.choices == 0 && self.is_whole()) {
                let nth = nth_of_step(&steps, *place);
                push_odds(json, run.column_of(step), place, nth);
            }
        }
    }

    /// The run beside it, and how it differs: of a test that is not deterministic, a second run of
    /// the same choices.
    fn other(&self) -> Option<(Timeline, String)> {
        if let Some(twin) = self.failure.and_then(|(failure, _)| failure.twin.as_deref()) {
            return Some((timeline_of(twin), "a second run of the same choices".to_owned()));
        }
        let Passing { outcome, case, differs, .. } = self.passing?;
        let mut timeline = timeline_of(outcome);
        mark(&mut timeline, &steps_of(outcome, case), None, false);
        timeline.columns.iter_mut().for_each(|column| column.is_key = false);
        Some((timeline, differs.clone()))
    }

    fn about(&self, run: &Timeline, race: Option<&Race>, parts_at: Option<usize>) -> String {
        let state = if self.failure.is_some() { State::Failed } else { State::Ran };
        let about = Object::new().text("name", self.name).text("state", state.word());
        let about = about.text("forgotten", &forgotten_text(&run.forgotten).unwrap_or_default());
        let Some((failure, found)) = self.failure else { return about.end() };
        let names = Names::of(self.outcome);
        let mut matters = run.telling();
        matters.extend(race.into_iter().flat_map(Race::tasks).filter_map(|task| run.lane_of(task)));
        let matters: Vec<String> = matters.iter().map(u32::to_string).collect();
        let race = race.map(|race| race.text(&names, self.dull(failure).is_some()));
        let odds = found.odds.as_ref();
        let inevitable = odds.map(|odds| odds_text(odds, self.outcome)).unwrap_or_default();
        let steps = steps_of_choices(self.outcome);
        let turn = odds.filter(|odds| odds.inevitable_at > 0);
        let turn = turn.map(|odds| step_after(&steps, odds.turn().1)).filter(|step| *step > 0);
        let turn = turn.map(|step| run.column_of(step));
        about
            .text("fault", failure.fault.kind.name())
            .text("message", &message(failure))
            .text("race", &race.unwrap_or_default())
            .text("inevitable", &inevitable)
            .plain("turn", turn)
            .text("found", found_text(failure, found).trim_end())
            .text("case", &failure.case.to_string())
            .text("replay", &found.replay)
            .text("regression", &found.regression)
            .plain("matters", Some(format!("[{}]", matters.join(","))))
            .plain("parts", parts_at)
            .end()
    }

    fn about_other(&self, run: &Timeline, differs: &str, parts_at: Option<usize>) -> String {
        let is_twin = self.failure.is_some_and(|(failure, _)| failure.twin.is_some());
        let state = if is_twin { State::Ran } else { State::Passed };
        let about = Object::new().text("name", self.name).text("state", state.word());
        let about = about.text("forgotten", &forgotten_text(&run.forgotten).unwrap_or_default());
        about.text("differs", differs).plain("parts", parts_at).end()
    }
}
