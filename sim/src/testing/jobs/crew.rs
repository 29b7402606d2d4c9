//! The crew: hands out the parts of an exploration to workers, and goes on when one is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::{ControlFlow, Range};
use std::process::Command;
use std::time::Duration;

use super::counted::{read_kind, read_tally, statistics_words};
use super::hand::{Ended, Hand, NO_ANSWER};
use super::known::Known;
use super::line::Line;
use super::lost::{Losses, Lost};
use super::worker::{Order, take_line};
use crate::explore::{
    Case, Explorer, FaultKind, Kind, Made, Part, Statistics, Steps, Tally, in_order, never_text,
    round_of,
};

/// Processes that make the runs of one exploration or campaign.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Crew<'a> {
    /// Makes the command that starts a worker, which calls [`serve`](super::serve).
    pub launch: &'a (dyn Fn() -> io::Result<Command> + Sync),
    /// How many of them there are at a time.
    pub jobs: usize,
    /// How long a run may take, in real time, until its worker is stopped.
    pub patience: Duration,
}

/// What came of an exploration.
#[derive(Debug)]
pub struct Explored {
    /// What was counted, up to the run that failed.
    pub statistics: Statistics,
    /// The first run that failed.
    pub failed: Option<Failed>,
    /// The worker that knows more of it.
    hand: Option<Hand>,
}

/// A run that failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// How.
    pub kind: FaultKind,
    /// What is wrong.
    pub message: String,
    /// Which run it was, from 1.
    pub run: u64,
    /// What replays it, if one run shows it.
    pub case: Option<Case>,
}

/// What came of the runs of a round, or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The runs, from 0.
    pub runs: Range<u64>,
    /// Their steps.
    pub steps: u64,
    /// How many of them showed each order of operations.
    pub orders: BTreeMap<u64, u64>,
    /// The failures among them.
    pub kinds: Vec<Kind>,
}

/// What a part came to.
#[derive(Default)]
struct Done {
    tally: Tally,
    kinds: Vec<Kind>,
    failed: Option<(Failed, Option<Hand>)>,
}

enum Attempt {
    Done(Box<Done>),
    NotWanted,
    Lost(Lost),
}

/// So many smaller cases may not end, each for as long as one is patient.
const ENDLESS_MAX: u32 = 2;

impl Crew<'_> {
    /// Explores until a run fails. What comes of it is the same for any number of workers.
    ///
    /// # Errors
    ///
    /// When no worker can be started, and when they are killed or lost in a way that tells of no
    /// run.
    pub fn explore(&self, explorer: &Explorer) -> io::Result<Explored> {
        let order = Order::default();
        let known = Known::default();
        let make = |hand: &mut Option<Hand>, part: Part, may_go_on: &dyn Fn() -> bool| {
            let done = self.make(hand, part, &order, &known, may_go_on);
            let is_end = |done: &Done| done.failed.is_some() || done.tally.statistics.exhausted;
            Made { is_last: done.as_ref().map_or(true, is_end), value: done }
        };
        let (mut total, mut failed, mut wrong) = (Tally::default(), None, None);
        let threads = explorer.clone().jobs(self.jobs).threads();
        in_order(
            threads,
            explorer.parts(),
            || None,
            make,
            |done| match done {
                Ok(done) => {
                    failed = done.failed.map(|(failed, hand)| {
                        let run = failed.run + total.statistics.runs;
                        (Failed { run, ..failed }, hand)
                    });
                    total.add(done.tally);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    wrong = Some(error);
                    ControlFlow::Break(())
                }
            },
        );
        if let Some(error) = wrong {
            return Err(error);
        }
        let never = if failed.is_none() { never_text(explorer, &total) } else { None };
        let (statistics, _) = total.into_counted();
        let runs = statistics.runs;
        let never = never.map(|message| {
            (Failed { kind: FaultKind::Never, message, run: runs, case: None }, None)
        });
        let (failed, hand) = failed.or(never).unzip();
        Ok(Explored { statistics, failed, hand: hand.flatten() })
    }

    /// Makes the runs of a campaign, a round at a time and in order, and goes on after each
    /// failure; `take` says whether there are to be more. Of the failures that are `known` of an
    /// earlier run no case is looked for.
    ///
    /// # Errors
    ///
    /// When no worker can be started, when they are killed or lost in a way that tells of no run,
    /// and what `take` returns.
    pub fn campaign(
        &self,
        runs: Range<u64>,
        known: &BTreeSet<String>,
        mut take: impl FnMut(Taken) -> io::Result<ControlFlow<()>>,
    ) -> io::Result<()> {
        let met = Known::default();
        met.add(known.iter());
        let mut next = runs.start;
        let rounds = std::iter::from_fn(move || {
            let (index, round) = round_of(next);
            let wanted = next..round.end.min(runs.end);
            next = wanted.end.max(next);
            (!wanted.is_empty()).then_some((index, round.start, wanted))
        });
        let make =
            |hand: &mut Option<Hand>, round: (u64, u64, Range<u64>), go: &dyn Fn() -> bool| {
                let (index, start, wanted) = round;
                let order = Order { keeps: true, from: wanted.start, ..Order::default() };
                let part = Part::Round { index, runs: start..wanted.end, is_last: false };
                let done = self.make(hand, part, &order, &met, go);
                Made { is_last: done.is_err(), value: done.map(|done| taken(wanted, done)) }
            };
        let mut ended = Ok(());
        in_order(
            self.jobs,
            rounds,
            || None,
            make,
            |made| {
                // Every round that begins from now on comes after this one.
                let kinds = made.iter().flat_map(|taken: &Taken| &taken.kinds);
                met.add(kinds.map(|kind| &kind.signature));
                match made.and_then(&mut take) {
                    Ok(ControlFlow::Continue(())) => return ControlFlow::Continue(()),
                    Ok(ControlFlow::Break(())) => {}
                    Err(error) => ended = Err(error),
                }
                ControlFlow::Break(())
            },
        );
        ended
    }

    fn start(&self) -> io::Result<Hand> {
        Hand::start((self.launch)()?)
    }

    /// Sees that the runs of a campaign can be made, by starting a worker.
    ///
    /// # Errors
    ///
    /// When none can be started, and when each run follows from the ones before.
    pub fn check_campaign(&self) -> io::Result<()> {
        let mut hand = self.start()?;
        hand.order(Line::new("check"));
        let mut words = match hand.next_line(self.patience, &|| true) {
            Ok(words) => words,
            Err(Ended::Wrong(why)) => return Err(wrong(why)),
            Err(Ended::NotWanted) => return Err(io::ErrorKind::Interrupted.into()),
            Err(Ended::Gone { how, complaints, is_killed }) => {
                let lost = Lost { how, complaints, is_killed, ..Lost::new(String::new()) };
                return Err(lost.before_any_run());
            }
        };
        match words.text().as_str() {
            "refused" => Err(io::Error::other(words.text())),
            _ => Ok(()),
        }
    }

    /// Replays a case in a worker, and tells of it if that ends the process.
    ///
    /// # Errors
    ///
    /// When no worker can be started, and when they are killed.
    pub fn crash_of(&self, case: &Case) -> io::Result<Option<Failed>> {
        Ok(self.lost_over(case)?.map(|lost| lost.failed(0)))
    }

    /// Tells how a worker is lost over a case, if it is, and not because somebody has killed it.
    fn lost_over(&self, case: &Case) -> io::Result<Option<Lost>> {
        let mut losses = Losses::default();
        loop {
            match self.replay(&mut None, case, &|| true)? {
                Some(lost) if lost.is_killed => losses.kill(&lost)?,
                lost => return Ok(lost),
            }
        }
    }

    /// Makes a case smaller that ends the process of its run; none if it does not.
    ///
    /// # Errors
    ///
    /// When no worker can be started, and when they are killed.
    pub fn shrink_crash_of(&self, case: &Case) -> io::Result<Option<Case>> {
        let Some(mut lost) = self.lost_over(case)? else { return Ok(None) };
        self.make_small(&mut lost, &|| true)?;
        Ok(lost.case())
    }

    /// Replays a case, and tells how the worker was lost if it was.
    fn replay(
        &self,
        slot: &mut Option<Hand>,
        case: &Case,
        may_go_on: &dyn Fn() -> bool,
    ) -> io::Result<Option<Lost>> {
        let mut hand = match slot.take() {
            Some(hand) => hand,
            None => self.start()?,
        };
        hand.order(Line::new("replay").word(case));
        loop {
            match hand.next_line(self.patience, may_go_on) {
                Ok(mut words) => {
                    if words.text() == "done" {
                        hand.check_done(&mut words).map_err(wrong)?;
                        *slot = Some(hand);
                        return Ok(None);
                    }
                }
                Err(Ended::NotWanted) => return Ok(None),
                Err(Ended::Wrong(why)) => return Err(wrong(why)),
                Err(Ended::Gone { how, complaints, is_killed }) => {
                    let lost = Lost::new(case.to_string());
                    return Ok(Some(Lost { how, complaints, is_killed, ..lost }));
                }
            }
        }
    }

    /// Makes the case of a run smaller that ends its process. One that does not end takes too long,
    /// and so does one of which smaller ones do not.
    ///
    /// # Errors
    ///
    /// When no worker can be started.
    fn make_small(&self, lost: &mut Lost, may_go_on: &dyn Fn() -> bool) -> io::Result<()> {
        let Some(case) = lost.case().filter(|_| lost.ends_itself()) else { return Ok(()) };
        let mut steps = Steps::new(case);
        let (mut hand, mut endless) = (None, 0);
        while let Some((case, _)) = steps.next_case() {
            if !may_go_on() || endless == ENDLESS_MAX {
                break;
            }
            let again = self.replay(&mut hand, &case, may_go_on)?;
            endless += u32::from(again.as_ref().is_some_and(|again| !again.ends_itself()));
            let is_like = again.is_some_and(|again| again.signature() == lost.signature());
            steps.tell(is_like.then_some(case), None);
        }
        (lost.prefix, lost.deviations) = (steps.best().to_string(), Some(Vec::new()));
        Ok(())
    }

    /// Makes the runs of a part. A run that takes its worker with it is a failure; those behind it
    /// begin as a round does.
    fn make(
        &self,
        hand: &mut Option<Hand>,
        part: Part,
        order: &Order,
        known: &Known,
        may_go_on: &dyn Fn() -> bool,
    ) -> io::Result<Done> {
        let mut total = Done::default();
        let mut rest = part;
        let mut order = order.clone();
        let mut losses = Losses::default();
        loop {
            let mut lost = match self.attempt(hand, &rest, &order, known, may_go_on)? {
                Attempt::Done(mut done) => {
                    done.take_cases(losses.cases);
                    total.add(*done);
                    return Ok(total);
                }
                Attempt::NotWanted => return Ok(total),
                Attempt::Lost(lost) => lost,
            };
            let Some(run) = losses.blame(&lost, &mut order)? else { continue };
            let (before, after) = split(&rest, run);
            if let Some(before) = before {
                let plain = Order { is_careful: false, ..order.clone() };
                match self.attempt(hand, &before, &plain, known, may_go_on)? {
                    Attempt::Done(mut done) => {
                        done.take_cases(std::mem::take(&mut losses.cases));
                        total.add(*done);
                    }
                    Attempt::NotWanted => return Ok(total),
                    Attempt::Lost(lost) => {
                        losses.lose_again(&lost, run)?;
                        continue;
                    }
                }
            }
            if !order.keeps {
                // Of what cannot be made in parts the runs were counted as they began.
                let is_round = matches!(rest, Part::Round { .. });
                total.tally.statistics.runs += if is_round { 1 } else { lost.begun };
                let run = total.tally.statistics.runs;
                self.make_small(&mut lost, may_go_on)?;
                total.failed = Some((lost.failed(run), None));
                return Ok(total);
            }
            if run >= order.from {
                if known.is_wanted(&lost.signature(), &total.kinds) {
                    self.make_small(&mut lost, may_go_on)?;
                }
                total.add_kind(lost.kind(run));
            }
            let Some(after) = after else { return Ok(total) };
            rest = after;
            order.is_careful = false;
        }
    }

    /// Lets a worker make the runs of a part.
    fn attempt(
        &self,
        slot: &mut Option<Hand>,
        part: &Part,
        order: &Order,
        known: &Known,
        may_go_on: &dyn Fn() -> bool,
    ) -> io::Result<Attempt> {
        let mut hand = match slot.take() {
            Some(hand) => hand,
            None => self.start()?,
        };
        known.tell(&mut hand);
        hand.order(take_line(part, order));
        let mut lost = Lost::new(hand.prefix.clone());
        let mut done = Done::default();
        loop {
            let mut words = match hand.next_line(self.patience, may_go_on) {
                Ok(words) => words,
                Err(Ended::NotWanted) => return Ok(Attempt::NotWanted),
                Err(Ended::Wrong(why)) => return Err(wrong(why)),
                Err(Ended::Gone { how, complaints, is_killed }) => {
                    return Ok(Attempt::Lost(Lost { how, complaints, is_killed, ..lost }));
                }
            };
            let verb = words.text();
            let mut read = || -> Result<bool, String> {
                match verb.as_str() {
                    "begins" => {
                        lost.run = Some(words.next()?);
                        lost.begun += 1;
                        lost.is_explaining = false;
                        lost.deviations = Some(Vec::new());
                    }
                    "explains" => lost.is_explaining = true,
                    "deviates" => lost.deviates(words.text()),
                    "kind" => done.kinds.push(read_kind(&mut words)?),
                    "failed" => done.failed = Some((read_failed(&mut words)?, None)),
                    "refused" => return Err(words.text()),
                    "done" => {
                        hand.check_done(&mut words)?;
                        done.check_runs(part, order)?;
                        return Ok(true);
                    }
                    _ if read_tally(&mut done.tally, &verb, &mut words)? => {}
                    _ => return Err(NO_ANSWER.to_owned()),
                }
                Ok(false)
            };
            if read().map_err(wrong)? {
                break;
            }
        }
        match &mut done.failed {
            // It still knows what can be told of the failure.
            Some((_, keeps)) => *keeps = Some(hand),
            None => *slot = Some(hand),
        }
        Ok(Attempt::Done(Box::new(done)))
    }

    /// The report of a failure, with where its page is: from the worker that knows it, or from
    /// another one, in few words. Of a run that ended its process there is little to tell.
    pub fn report(&self, explored: &mut Explored) -> String {
        let Explored { statistics, failed: Some(failed), hand } = explored else {
            return String::new();
        };
        let Failed { kind, message, run, case } = failed;
        if *kind == FaultKind::Crash {
            return format!("{message}\nfound in run {run}\n\n");
        }
        let told = match case {
            Some(case) => {
                let case: &Case = case;
                let order = |is_long: bool| {
                    let line = Line::new("tell").word(u8::from(is_long)).word(*run).word(case);
                    statistics_words(line, statistics)
                };
                let long = hand.take().and_then(|hand| self.told(Some(hand), order(true)));
                long.or_else(|| self.told(None, order(false)))
            }
            None if *kind == FaultKind::Never => {
                let line = Line::new("never").word(&message);
                self.told(None, statistics_words(line, statistics))
            }
            None => {
                let line = Line::new("tell").word(1).word(*run).word("-");
                hand.take()
                    .and_then(|hand| self.told(Some(hand), statistics_words(line, statistics)))
            }
        };
        told.filter(|text| !text.is_empty())
            .unwrap_or_else(|| format!("{message}\nfound in run {run}\n\n"))
    }

    /// What a worker says to an order; nothing if it is lost over it.
    fn told(&self, hand: Option<Hand>, order: Line) -> Option<String> {
        let mut hand = hand.map_or_else(|| self.start(), Ok).ok()?;
        hand.order(order);
        let mut text = None;
        loop {
            let mut words = hand.next_line(self.patience, &|| true).ok()?;
            match words.text().as_str() {
                "text" => text = Some(words.text()),
                "done" => return hand.check_done(&mut words).ok().and(text),
                _ => {}
            }
        }
    }
}

fn wrong(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// What comes before a run of a part, and what behind it, if that can be made by itself.
fn split(part: &Part, run: u64) -> (Option<Part>, Option<Part>) {
    let Part::Round { index, runs, is_last } = part else { return (None, None) };
    let part = |runs: Range<u64>, is_last| {
        (!runs.is_empty()).then_some(Part::Round { index: *index, runs, is_last })
    };
    (part(runs.start..run, false), part(run + 1..runs.end, *is_last))
}

fn read_failed(words: &mut super::line::Words) -> Result<Failed, String> {
    let (kind, message, run) = (words.text(), words.text(), words.next()?);
    let kind = FaultKind::of(&kind).ok_or_else(|| format!("a failure of the kind '{kind}'"))?;
    let case: Case = words.next()?;
    let is_of_run = words.next::<u8>()? != 0;
    let case = Some(case).filter(|_| is_of_run);
    Ok(Failed { kind, message, run, case })
}

fn taken(runs: Range<u64>, done: Done) -> Taken {
    let orders = done.tally.orders.into_iter().map(|(order, (seen, _))| (order, seen));
    Taken { runs, steps: done.tally.statistics.steps, orders: orders.collect(), kinds: done.kinds }
}

impl Done {
    /// Sees that all runs of a part were counted, where nothing has ended it before.
    fn check_runs(&self, part: &Part, order: &Order) -> Result<(), String> {
        let Part::Round { runs, .. } = part else { return Ok(()) };
        let Statistics { runs: counted, exhausted, .. } = self.tally.statistics;
        let wanted = runs.end.saturating_sub(runs.start.max(order.from));
        match self.failed.is_some() || exhausted || counted == wanted {
            true => Ok(()),
            false => Err(format!("a worker has counted {counted} runs of {wanted}: {NO_ANSWER}")),
        }
    }

    fn add(&mut self, later: Done) {
        self.tally.add(later.tally);
        later.kinds.into_iter().for_each(|kind| self.add_kind(kind));
        if later.failed.is_some() {
            self.failed = later.failed;
        }
    }

    /// Gives those failures a case that were told as they were found.
    fn take_cases(&mut self, mut cases: BTreeMap<u64, Option<Case>>) {
        for kind in self.kinds.iter_mut().filter(|kind| kind.case.is_none()) {
            kind.case = cases.remove(&kind.run).flatten();
        }
        if let Some((failed, _)) = &mut self.failed
            && failed.case.is_none()
        {
            // An exploration ends with the first of them.
            failed.case = cases.pop_first().and_then(|(_, case)| case);
        }
    }

    fn add_kind(&mut self, kind: Kind) {
        match self.kinds.iter_mut().find(|known| known.signature == kind.signature) {
            Some(known) => known.count += kind.count,
            None => self.kinds.push(kind),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::testing::jobs::worker::GREETING;

    /// What a campaign of ten runs says of a worker that answers its first order like this.
    fn told(answer: &str) -> String {
        let hello = format!("printf 'hello\\t{GREETING}\\tsl1.1.any.-:\\n' >&0; ");
        let answer = format!("{hello} read -r order <&0; printf '{answer}' >&0; sleep 9");
        let launch = move || {
            let mut command = Command::new("sh");
            command.args(["-c", &answer]);
            Ok(command)
        };
        let crew = Crew { launch: &launch, jobs: 1, patience: Duration::from_secs(9) };
        let taken = crew.campaign(0..10, &BTreeSet::new(), |_| Ok(ControlFlow::Continue(())));
        taken.map_or_else(|error| error.to_string(), |()| "it has made them".to_owned())
    }

    /// Else runs would count that nobody has made.
    #[test]
    fn nobody_else_answers_for_a_worker() {
        let counted = |runs: u32| format!("counted\\t{runs}\\t0\\t0\\t0\\t0\\t0\\t0\\n");
        assert_eq!(told(&(counted(10) + "done\\t1\\n")), "it has made them");
        for answer in ["done\\n", "done\\t2\\n", "hello\\n"] {
            assert_eq!(told(&(counted(10) + answer)), NO_ANSWER, "{answer}");
        }
        let fewer = format!("a worker has counted 9 runs of 10: {NO_ANSWER}");
        assert_eq!(told(&(counted(9) + "done\\t1\\n")), fewer);
    }
}
