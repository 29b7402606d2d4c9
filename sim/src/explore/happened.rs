//! What happened in a run: its steps with what they met, and which of them are ordered by that.
//!
//! Two steps are ordered when they are of one task, when one made the other ready, or when they met
//! the same thing and one of them changed it. All else could have happened the other way round.

use std::collections::{BTreeMap, VecDeque};

use crate::base::{Access, Keyed, Operation, ResourceKey, TaskKey};

/// What a step met, and whether it changed that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    /// By resource, each once. There are few.
    met: Vec<(ResourceKey, Access)>,
}

impl Footprint {
    pub(super) fn add(&mut self, operation: &Operation) {
        let Operation { resource, access } = *operation;
        match self.find(resource) {
            Ok(place) => self.met[place].1 = self.met[place].1.max(access),
            Err(place) => self.met.insert(place, (resource, access)),
        }
    }

    fn find(&self, resource: ResourceKey) -> Result<usize, usize> {
        self.met.binary_search_by_key(&resource, |(met, _)| *met)
    }

    fn get(&self, resource: ResourceKey) -> Option<Access> {
        self.find(resource).ok().map(|place| self.met[place].1)
    }

    pub(super) fn extend(&mut self, other: &Footprint) {
        for (resource, access) in &other.met {
            self.add(&Operation { resource: *resource, access: *access });
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        // It is the least of them.
        self.met.first().is_some_and(|(first, _)| *first == ResourceKey::UNKNOWN)
    }

    /// Tells whether the order of two such steps may matter.
    pub(super) fn conflicts(&self, other: &Footprint) -> bool {
        if self.is_unknown() || other.is_unknown() {
            return true;
        }
        let (few, many) = match self.met.len() <= other.met.len() {
            true => (self, other),
            false => (other, self),
        };
        few.met.iter().any(|(resource, access)| {
            let other = many.get(*resource);
            other.is_some_and(|other| *access == Access::Write || other == Access::Write)
        })
    }
}

/// A step of a task, one of the loop's own calls, or the passing of time.
#[derive(Debug)]
pub(super) struct Happening {
    pub(super) who: TaskKey,
    pub(super) footprint: Footprint,
    /// What made it ready.
    cause: Option<usize>,
    /// The choice by which it came next, if there was one.
    pub(super) choice: Option<usize>,
    /// Time has passed: it comes after all before and before all after it.
    is_barrier: bool,
}

/// The happenings of a run, in their order.
#[derive(Debug, Default)]
pub(super) struct Happenings {
    all: Vec<Happening>,
    /// What made a task ready that has not run since.
    causes: Keyed<TaskKey, usize>,
    /// What queued the loop's own calls, which run in that order.
    calls: VecDeque<usize>,
}

/// A vector clock: of each who, how many of all happenings there had been when its last one before
/// happened; 0 for none.
type Clock = Vec<u32>;

impl Happenings {
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.causes.clear();
        self.calls.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Happening> {
        self.all.get(index)
    }

    pub(super) fn last(&self) -> Option<&Happening> {
        self.all.last()
    }

    pub(super) fn begin(&mut self, who: TaskKey, choice: Option<usize>) {
        let cause = match who == TaskKey::LOOP {
            true => self.calls.pop_front(),
            false => self.causes.remove(&who),
        };
        let footprint = Footprint::default();
        self.all.push(Happening { who, footprint, cause, choice, is_barrier: false });
    }

    pub(super) fn time_passed(&mut self) {
        let footprint = Footprint::default();
        let who = TaskKey::LOOP;
        let barrier = Happening { who, footprint, cause: None, choice: None, is_barrier: true };
        self.all.push(barrier);
    }

    /// The running one met something. What is met before any runs concerns nobody else.
    pub(super) fn meet(&mut self, operation: &Operation, queues_call: bool) {
        let index = self.all.len().saturating_sub(1);
        if queues_call {
            self.calls.push_back(index);
        }
        if let Some(last) = self.all.last_mut() {
            last.footprint.add(operation);
        }
    }

    /// The running one has made a task ready.
    pub(super) fn made_ready(&mut self, who: TaskKey) {
        if let Some(last) = self.all.len().checked_sub(1) {
            self.causes.insert(who, last);
        }
    }

    /// The pairs that could have happened the other way round, of which the second is at `first` or
    /// later: neighbours, apart from what is ordered with neither of them.
    pub(super) fn races(&self, first: usize) -> Races<'_> {
        let mut order = Order::new(self);
        let mut pairs = Vec::new();
        for index in 0..self.all.len() {
            let racing = order.take_in(index);
            if index >= first {
                pairs.extend(racing.into_iter().map(|before| (before, index)));
            }
        }
        Races { happenings: self, clocks: order.clocks, whos: order.whos, pairs }
    }
}

/// Works out the clocks, one happening after the other.
struct Order<'a> {
    all: &'a [Happening],
    /// The number of each who in the clocks, and for each happening.
    numbers: Keyed<TaskKey, usize>,
    whos: Vec<usize>,
    clocks: Vec<Clock>,
    /// The last one of each who.
    last: Vec<Option<usize>>,
    barrier: Clock,
    resources: Keyed<ResourceKey, Touched>,
}

/// Who met a resource last.
#[derive(Default)]
struct Touched {
    write: Option<usize>,
    /// The reads since.
    reads: Vec<usize>,
}

impl<'a> Order<'a> {
    fn new(happenings: &'a Happenings) -> Self {
        Order {
            all: &happenings.all,
            numbers: Keyed::default(),
            whos: Vec::new(),
            clocks: Vec::new(),
            last: Vec::new(),
            barrier: Vec::new(),
            resources: Keyed::default(),
        }
    }

    /// Takes the next one in; returns those that it conflicts with and could have preceded.
    fn take_in(&mut self, index: usize) -> Vec<usize> {
        let happening = &self.all[index];
        let count = self.numbers.len();
        let who = *self.numbers.entry(happening.who).or_insert(count);
        self.last.resize(self.numbers.len(), None);
        self.whos.push(who);
        let mut clock = self.barrier.clone();
        for before in [self.last[who], happening.cause].into_iter().flatten() {
            join(&mut clock, &self.clocks[before]);
        }
        let mut racing = Vec::new();
        if happening.is_barrier {
            // The last one of each knows what those before it know.
            for last in self.last.iter().flatten() {
                join(&mut clock, &self.clocks[*last]);
            }
        } else {
            for before in self.conflicting(happening) {
                // The latest first: what comes before one of these is ordered by it.
                if !knows(&clock, self.whos[before], before) {
                    racing.push(before);
                    join(&mut clock, &self.clocks[before]);
                }
            }
        }
        if clock.len() <= who {
            clock.resize(who + 1, 0);
        }
        clock[who] = index as u32 + 1;
        if happening.is_barrier {
            self.barrier.clone_from(&clock);
        }
        self.clocks.push(clock);
        self.last[who] = Some(index);
        self.note(index, happening);
        racing
    }

    /// The last ones before that met the same, the latest first.
    fn conflicting(&self, happening: &Happening) -> Vec<usize> {
        let met = &happening.footprint.met;
        let mut found: Vec<usize> = Vec::new();
        if happening.footprint.is_unknown() {
            found.extend(self.last.iter().flatten());
        } else {
            let unknown = self.resources.get(&ResourceKey::UNKNOWN);
            found.extend(unknown.and_then(|touched| touched.write));
            for (resource, access) in met {
                let Some(touched) = self.resources.get(resource) else { continue };
                found.extend(touched.write);
                if *access == Access::Write {
                    found.extend(&touched.reads);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found.reverse();
        found
    }

    fn note(&mut self, index: usize, happening: &Happening) {
        for (resource, access) in &happening.footprint.met {
            let touched = self.resources.entry(*resource).or_default();
            match access {
                Access::Write => *touched = Touched { write: Some(index), reads: Vec::new() },
                Access::Read => touched.reads.push(index),
            }
        }
    }
}

fn join(clock: &mut Clock, other: &Clock) {
    if clock.len() < other.len() {
        clock.resize(other.len(), 0);
    }
    for (own, other) in clock.iter_mut().zip(other) {
        *own = (*own).max(*other);
    }
}

/// Tells whether what has this clock comes after the happening at `index`, of `who`.
fn knows(clock: &Clock, who: usize, index: usize) -> bool {
    clock.get(who).is_some_and(|known| *known as usize > index)
}

/// Pairs that could have happened the other way round.
pub(super) struct Races<'a> {
    happenings: &'a Happenings,
    clocks: Vec<Clock>,
    whos: Vec<usize>,
    pub(super) pairs: Vec<(usize, usize)>,
}

impl Races<'_> {
    /// What happened between the two of a pair and could have without the first.
    fn apart(&self, (before, after): (usize, usize)) -> impl Iterator<Item = usize> {
        (before + 1..after).filter(move |index| !self.follows(*index, before))
    }

    /// Who could begin a run that goes as before up to the first of a pair, and then to the second
    /// without the first. Source: Abdulla et al., "initials".
    ///
    /// The second itself is among them only if nothing else happens before it: a step that comes
    /// earlier may meet other things than it did, and come after others.
    pub(super) fn initials(&self, pair: (usize, usize)) -> Vec<TaskKey> {
        let mut firsts: BTreeMap<usize, usize> = BTreeMap::new();
        let mut initials = Vec::new();
        for index in self.apart(pair) {
            let who = self.whos[index];
            let is_first = !firsts.contains_key(&who);
            let after_one =
                |(who, first): (&usize, &usize)| knows(&self.clocks[index], *who, *first);
            if is_first && !firsts.iter().any(after_one) {
                initials.push(self.happenings.all[index].who);
            }
            firsts.entry(who).or_insert(index);
        }
        match initials.is_empty() {
            true => vec![self.happenings.all[pair.1].who],
            false => initials,
        }
    }

    /// Tells whether a step that meets this could come before all that is apart.
    pub(super) fn could_begin(&self, pair: (usize, usize), footprint: &Footprint) -> bool {
        let other = |index: usize| &self.happenings.all[index].footprint;
        !self.apart(pair).any(|index| other(index).conflicts(footprint))
    }

    fn follows(&self, index: usize, before: usize) -> bool {
        knows(&self.clocks[index], self.whos[before], before)
    }
}
