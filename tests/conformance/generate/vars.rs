//! The variables of a program: which there are, and which one a line means.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::conform::program::{Object, Stmt};
use smol_str::{SmolStr, format_smolstr};

use super::ops::Op;
use super::outline::Outline;
use super::tree::Node;

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A task.
    Task,
    /// The future of a stored `gather`, `shield` or job.
    Stored,
    /// A timer.
    Timer,
    /// A task group.
    Group,
}

impl Kind {
    /// Whether it can be awaited and cancelled.
    fn is_future(self) -> bool {
        matches!(self, Self::Task | Self::Stored)
    }
}

/// A variable that a line defines.
#[derive(Debug)]
struct Var {
    name: SmolStr,
    kind: Kind,
    line: usize,
    key: u16,
}

/// A body that is being built.
#[derive(Debug)]
struct OpenBody {
    number: usize,
    /// The variable of the task in which it runs.
    task: SmolStr,
}

/// Futures that are made when `main` starts, if they are used; found by these keys.
const FUTURES: [(&str, u16); 2] = [("f1", 0x3000), ("f2", 0xa000)];

/// A name, what it is made by, and its possible sizes.
type ObjectRow = (&'static str, fn(i64) -> Object, [i64; 4]);

/// Objects that are made when `main` starts, if they are used.
const OBJECTS: [ObjectRow; 14] = [
    ("lock1", |_| Object::Lock, [0; 4]),
    ("lock2", |_| Object::Lock, [0; 4]),
    ("cond1", |_| Object::Condition, [0; 4]),
    ("sem1", Object::Semaphore, [1, 2, 3, 0]),
    ("bsem1", Object::BoundedSemaphore, [1, 2, 3, 1]),
    ("event1", |_| Object::Event, [0; 4]),
    ("event2", |_| Object::Event, [0; 4]),
    ("barrier1", Object::Barrier, [2, 3, 1, 2]),
    ("queue1", Object::Queue, [0, 1, 2, 3]),
    ("queue2", Object::Queue, [1, 0, 2, 1]),
    ("lifo1", Object::LifoQueue, [0, 1, 2, 3]),
    ("prio1", Object::PriorityQueue, [0, 1, 2, 3]),
    ("pool1", Object::ThreadPool, [1, 2, 3, 1]),
    ("pool2", Object::ThreadPool, [1, 2, 3, 2]),
];

/// A variable that no program ever sets.
const UNSET: &str = "unset";

/// The variables of the program that is being built.
///
/// What may be waited for is kept free of cycles by the order in which bodies are finished: a body
/// waits only for what was finished before, and itself is finished later than all that.
#[derive(Debug)]
pub(super) struct Vars<'a> {
    sizes: &'a [u8],
    /// Which object of each sort is used most.
    favourite: u16,
    declared: Vec<Var>,
    /// The body in which a line stands, by line.
    owners: BTreeMap<usize, usize>,
    /// Lines whose variables may be waited for.
    finished: BTreeSet<usize>,
    open: Vec<OpenBody>,
    open_groups: Vec<SmolStr>,
    bodies: usize,
    futures: BTreeSet<&'static str>,
    objects: BTreeMap<&'static str, Object>,
}

impl<'a> Vars<'a> {
    /// Finds the variables that the lines of `outline` define.
    pub(super) fn new(outline: &'a Outline, tree: &[Node]) -> Self {
        let mut declared = Vec::new();
        for (index, line) in outline.lines.iter().enumerate() {
            let then = line.then.filter(|_| line.op.sets_callback()).map(|op| (op, true));
            for (op, stores) in [(line.op, line.stores)].into_iter().chain(then) {
                if let Some(kind) = defines(op, stores) {
                    let name = name(kind, index);
                    declared.push(Var { name, kind, line: index, key: line.key });
                }
            }
        }
        for node in tree {
            let line = &outline.lines[node.line];
            if !line.suits_main() {
                let name = task_name(node.line);
                declared.push(Var { name, kind: Kind::Task, line: node.line, key: line.key });
            }
        }
        declared.sort_by_key(|var| var.line);
        Self {
            sizes: &outline.sizes,
            favourite: outline.favourite,
            declared,
            owners: BTreeMap::new(),
            finished: BTreeSet::new(),
            open: Vec::new(),
            open_groups: Vec::new(),
            bodies: 0,
            futures: BTreeSet::new(),
            objects: BTreeMap::new(),
        }
    }

    /// Notes that a body of the task `task` begins; none: of the task around it.
    pub(super) fn enter(&mut self, task: Option<SmolStr>) {
        let task = task.unwrap_or_else(|| self.current_task());
        self.open.push(OpenBody { number: self.bodies, task });
        self.bodies += 1;
    }

    /// Notes that the innermost body is complete.
    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    /// Notes that `line` stands in the innermost body.
    pub(super) fn reach(&mut self, line: usize) {
        if let Some(body) = self.open.last() {
            self.owners.insert(line, body.number);
        }
    }

    /// Notes that the variables of `line` may be waited for from now on, unless one of them is a
    /// task whose body is still being built.
    pub(super) fn finish(&mut self, line: usize) {
        let task = task_name(line);
        if self.open.iter().all(|body| body.task != task) {
            self.finished.insert(line);
        }
    }

    /// The variable of the task in which the innermost body runs.
    pub(super) fn current_task(&self) -> SmolStr {
        self.open.last().map_or_else(|| "main".into(), |body| body.task.clone())
    }

    /// Whether the innermost body runs in the main task, or for it.
    pub(super) fn in_main(&self) -> bool {
        self.open.last().is_none_or(|body| body.task == "main")
    }

    /// Notes that what follows stands in a task group, until it is closed.
    pub(super) fn open_group(&mut self, group: SmolStr) {
        self.open_groups.push(group);
    }

    /// Notes that the innermost group ends.
    pub(super) fn close_group(&mut self) {
        self.open_groups.pop();
    }

    /// Chooses a task group: most often the innermost one, now and then one of anybody's.
    ///
    /// Its owner then waits for the new task, which may have been built to wait for the owner. That
    /// is no cycle: the group has a future of its own to wait for, at which a cancel stops.
    pub(super) fn group(&self, key: u16, line: usize) -> Option<SmolStr> {
        if !key.is_multiple_of(4) {
            return self.open_groups.last().cloned();
        }
        let vars = self.declared.iter().filter(|var| var.kind == Kind::Group && var.line < line);
        nearest(vars.map(entry), key).map(SmolStr::from)
    }

    /// Chooses something to wait for.
    pub(super) fn waitable(&mut self, key: u16) -> Option<SmolStr> {
        let finished = |var: &&Var| var.kind.is_future() && self.finished.contains(&var.line);
        let found = self.likely(key, finished).or_else(|| {
            let finished = self.declared.iter().filter(finished).map(entry);
            nearest(finished.chain(FUTURES), key).map(SmolStr::from)
        })?;
        let always = FUTURES.into_iter().map(|(name, _)| name);
        self.futures.extend(always.filter(|name| *name == found));
        Some(found)
    }

    /// Chooses one of the latest variables of the bodies around the next statement: they are likely
    /// to exist, and what they hold to be unfinished. Now and then it declines.
    fn likely(&self, key: u16, fits: impl Fn(&&Var) -> bool) -> Option<SmolStr> {
        const LATEST: usize = 3;
        let vars = self.declared.iter().filter(fits).filter(|var| self.is_near(var));
        let latest = vars.rev().take(if key % 6 == 2 { 0 } else { LATEST });
        nearest(latest.map(entry), key).map(SmolStr::from)
    }

    /// Whether a body that is being built defines the variable.
    fn is_near(&self, var: &Var) -> bool {
        let owner = self.owners.get(&var.line);
        self.open.iter().any(|body| Some(&body.number) == owner)
    }

    /// Chooses a task or future to cancel, or to look at.
    pub(super) fn target(&mut self, key: u16, line: usize) -> Option<SmolStr> {
        // Without `main` there is soon nothing else either.
        let seldom = if self.in_main() { 64 } else { 8 };
        if key.is_multiple_of(seldom) {
            return Some(self.current_task());
        }
        let target = |var: &&Var| var.kind.is_future();
        let before = |var: &&Var| target(var) && var.line < line;
        self.likely(key, before).or_else(|| {
            // Now and then what comes only later.
            let reached = |var: &&Var| key % 8 == 1 || var.line < line;
            let vars = self.declared.iter().filter(target).filter(reached);
            let always = FUTURES.into_iter().filter(|(name, _)| self.futures.contains(name));
            nearest(vars.map(entry).chain(always), key).map(SmolStr::from)
        })
    }

    /// Chooses a task.
    pub(super) fn task(&self, key: u16, line: usize) -> SmolStr {
        let task = |var: &&Var| var.kind == Kind::Task && var.line < line;
        let found = self.likely(key, task).filter(|_| !key.is_multiple_of(4));
        found.unwrap_or_else(|| self.current_task())
    }

    /// Chooses a timer.
    pub(super) fn timer(&self, key: u16, line: usize) -> Option<SmolStr> {
        let vars = self.declared.iter().filter(|var| var.kind == Kind::Timer && var.line < line);
        nearest(vars.map(entry), key).map(SmolStr::from)
    }

    /// Chooses a future that can be given a result.
    pub(super) fn future(&mut self, key: u16) -> SmolStr {
        let name = FUTURES[usize::from(key) % FUTURES.len()].0;
        self.futures.insert(name);
        name.into()
    }

    /// Chooses an object of the wanted kind.
    pub(super) fn object(&mut self, key: u16, wanted: fn(&Object) -> bool) -> SmolStr {
        if key.is_multiple_of(64) {
            return UNSET.into();
        }
        let sized = |index: usize, sizes: [i64; 4]| sizes[usize::from(self.sizes[index]) % 4];
        let all = OBJECTS.into_iter().enumerate();
        let all = all.map(|(index, (name, make, sizes))| (name, make(sized(index, sizes))));
        let fitting: Vec<_> = all.filter(|(_, object)| wanted(object)).collect();
        // Mostly one and the same, so that it is fought over.
        let choice = if key % 4 == 1 { key / 64 } else { self.favourite };
        let (name, object) = fitting[usize::from(choice) % fitting.len()];
        self.objects.insert(name, object);
        name.into()
    }

    /// Whether the object is a condition.
    pub(super) fn is_condition(&self, name: &str) -> bool {
        matches!(self.objects.get(name), Some(Object::Condition))
    }

    /// Chooses an object that is in use, to be made anew.
    pub(super) fn used_object(&self, key: u16) -> Option<(SmolStr, Object)> {
        let count = self.objects.len().max(1);
        let (name, object) = self.objects.iter().nth(usize::from(key) % count)?;
        Some(((*name).into(), *object))
    }

    /// The tasks that the innermost body starts itself.
    pub(super) fn own_tasks(&self) -> Vec<SmolStr> {
        let number = self.open.last().map(|body| body.number);
        let own =
            |var: &&Var| var.kind == Kind::Task && self.owners.get(&var.line).copied() == number;
        self.declared.iter().filter(own).map(|var| var.name.clone()).collect()
    }

    /// The statements that make the objects and futures in use.
    pub(super) fn prologue(&self) -> Vec<Stmt> {
        let objects = self
            .objects
            .iter()
            .map(|(name, object)| Stmt::New { object: *object, var: (*name).into() });
        let futures = self.futures.iter().map(|name| Stmt::Future { var: (*name).into() });
        objects.chain(futures).collect()
    }
}

fn defines(op: Op, stores: bool) -> Option<Kind> {
    match op {
        Op::Spawn | Op::TgSpawn => Some(Kind::Task),
        Op::Gather | Op::Shield | Op::Job if stores => Some(Kind::Stored),
        Op::CallLater => Some(Kind::Timer),
        Op::TaskGroup => Some(Kind::Group),
        _ => None,
    }
}

/// The name of a variable that the line with this index defines.
fn name(kind: Kind, line: usize) -> SmolStr {
    let letter = match kind {
        Kind::Task => 't',
        Kind::Stored => 's',
        Kind::Timer => 'h',
        Kind::Group => 'g',
    };
    format_smolstr!("{letter}{}", line + 1)
}

/// The name of the task that a line starts.
pub(super) fn task_name(line: usize) -> SmolStr {
    name(Kind::Task, line)
}

/// The name of the task group that a line opens.
pub(super) fn group_name(line: usize) -> SmolStr {
    name(Kind::Group, line)
}

/// The name of the future that a line stores.
pub(super) fn stored_name(line: usize) -> SmolStr {
    name(Kind::Stored, line)
}

/// The name of the timer that a line sets.
pub(super) fn timer_name(line: usize) -> SmolStr {
    name(Kind::Timer, line)
}

fn entry(var: &Var) -> (&str, u16) {
    (&var.name, var.key)
}

/// The candidate whose key follows `key` most closely: another one's disappearance changes nothing.
fn nearest<'a>(candidates: impl Iterator<Item = (&'a str, u16)>, key: u16) -> Option<&'a str> {
    candidates.min_by_key(|(_, other)| other.wrapping_sub(key)).map(|(name, _)| name)
}
