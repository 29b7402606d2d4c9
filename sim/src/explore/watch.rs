//! Looking on while runs are made, from outside of the process that makes them: what is told of a
//! run before it is made is known even if it ends the process.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::case::{Deed, Deviation, SpawnPath, Spot};
use super::nth::Nth;
use crate::base::{
    Candidate, Candidates, ChoiceKind, Ended, Moment, Operation, Policy, Question, TaskKey,
    TaskNumber,
};

/// Who looks on while runs are made.
pub(crate) trait Watch: Send + Sync {
    /// A run begins, by its number from 0 in the exploration; replays and comparisons belong to
    /// the one that is told last.
    fn begins(&self, run: u64);

    /// The run that was told last has failed, and is looked into.
    fn explains(&self);

    /// Any run begins, a replay or not.
    fn tries(&self);

    /// Whether every deviation is to be told before it comes to pass.
    fn is_careful(&self) -> bool;

    /// Whether only those runs are made that were asked for, and none before them to warm up.
    fn is_cold(&self) -> bool;

    /// The run that was told last does something that the dull run does not.
    fn deviates(&self, deviation: &str);
}

/// Tells whoever looks on of every choice that is not dull, before anything follows from it.
pub(super) struct Ahead {
    by: Box<dyn Policy>,
    watch: Arc<dyn Watch>,
    /// What decides wants to know what is ready.
    is_watched: bool,
    nth: Nth,
    /// By number from 1, and how many children each has that were seen.
    paths: BTreeMap<TaskNumber, (SpawnPath, u32)>,
    by_key: BTreeMap<TaskKey, TaskNumber>,
    /// The paths that tasks are likely to have: in asyncio's order nobody is told what is ready.
    likely: OnceCell<BTreeMap<TaskKey, SpawnPath>>,
}

/// A task may have so many children that were not ready in the order in which they were spawned.
const CHILDREN_MAX: u32 = 1_000;

/// Of how many children of each task a likely path goes on, by depth: tasks that have most of what
/// they spawn beside each other.
const LIKELY: [u32; 4] = [2, 512, 32, 2];

fn likely_paths() -> BTreeMap<TaskKey, SpawnPath> {
    let mut all = BTreeMap::new();
    let mut parents = vec![SpawnPath::default()];
    for children in LIKELY {
        let paths = parents.iter().flat_map(|parent| {
            (1..=children).map(|index| {
                let mut path = parent.clone();
                path.0.push(index);
                path
            })
        });
        parents = paths.collect();
        all.extend(parents.iter().map(|path| (path.key(), path.clone())));
    }
    all
}

impl Ahead {
    pub(super) fn new(by: Box<dyn Policy>, watch: Arc<dyn Watch>) -> Self {
        let root = (SpawnPath::default(), 0);
        Ahead {
            by,
            watch,
            is_watched: false,
            nth: Nth::default(),
            paths: BTreeMap::from([(0, root)]),
            by_key: BTreeMap::from([(TaskKey::LOOP, 0)]),
            likely: OnceCell::new(),
        }
    }

    /// A task that is seen for the first time has a path that ends with its place among the
    /// children of its parent.
    fn meet(&mut self, candidate: &Candidate) {
        let key = candidate.moment.task;
        if self.by_key.contains_key(&key) {
            return;
        }
        let Some((path, children)) = self.paths.get_mut(&candidate.parent) else { return };
        let parent = path.key();
        let near = *children..children.saturating_add(CHILDREN_MAX);
        let Some(index) = near.chain(0..*children).find(|index| parent.child(*index) == key) else {
            return;
        };
        *children = index + 1;
        let mut path = path.clone();
        path.0.push(index);
        self.paths.insert(candidate.number, (path, 0));
        self.by_key.insert(key, candidate.number);
    }

    fn path(&self, key: TaskKey) -> Option<SpawnPath> {
        let number = self.by_key.get(&key);
        let known = number.and_then(|number| self.paths.get(number)).map(|(path, _)| path);
        known.or_else(|| self.likely.get_or_init(likely_paths).get(&key)).cloned()
    }

    fn tell(&self, at: Moment, deed: impl FnOnce() -> Option<Deed>) {
        let deviation = self.path(at.task).and_then(|path| {
            let at = Spot { path, step: at.step };
            Some(Deviation { at, deed: deed()? })
        });
        // Of a task without a path nothing can be told that a replay would understand.
        self.watch.deviates(&deviation.map(|told| told.to_string()).unwrap_or_default());
    }
}

impl Policy for Ahead {
    fn choose(&mut self, question: &Question) -> u32 {
        let value = self.by.choose(question);
        let Question { kind, at, .. } = *question;
        let nth = self.nth.next(at, kind);
        if value != 0 {
            self.tell(at, || Some(Deed::Choose { kind, nth, value }));
        }
        value
    }

    fn pick(&mut self, ready: &dyn Candidates) -> u32 {
        let value = match self.is_watched {
            true => self.by.pick(ready),
            // As the loop asks one that does not watch.
            false => {
                let nowhere = Moment { task: TaskKey::LOOP, step: 0 };
                self.by.choose(&Question::new(ChoiceKind::Ready, ready.count(), nowhere))
            }
        };
        if value != 0 && value < ready.count() {
            let at = ready.get(0).moment;
            self.tell(at, || Some(Deed::Pick(self.path(ready.get(value).moment.task)?)));
        }
        value
    }

    fn watches(&self) -> bool {
        true
    }

    fn became_ready(&mut self, candidate: &Candidate) {
        self.meet(candidate);
        if self.is_watched {
            self.by.became_ready(candidate);
        }
    }

    fn runs(&mut self, candidate: &Candidate) {
        if self.is_watched {
            self.by.runs(candidate);
        }
    }

    fn follows(&self) -> bool {
        self.by.follows()
    }

    fn meets(&mut self, operation: &Operation) {
        self.by.meets(operation);
    }

    fn time_passed(&mut self) {
        if self.is_watched {
            self.by.time_passed();
        }
    }

    fn begin(&mut self, seed: u64) -> bool {
        let begins = self.by.begin(seed);
        self.is_watched = self.by.watches();
        self.nth.clear();
        self.paths.retain(|number, _| *number == 0);
        self.paths.entry(0).and_modify(|(_, children)| *children = 0);
        self.by_key.retain(|key, _| *key == TaskKey::LOOP);
        begins
    }

    fn is_complete(&self) -> bool {
        self.by.is_complete()
    }

    fn end(&mut self, ended: &Ended<'_>) {
        self.by.end(ended);
    }
}
