//! Random changes of a disk, a crash, and a model of what must and may be there afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use seedloop::fs::{self, File, OpenOptions};
use seedloop::host::Host;
use seedloop::{Result, Simulation};

/// One of the directories `a`, `b` and `s`, which stands in one of the other two.
type Directory = usize;

const S: Directory = 2;
/// The names that files get in each, and that of the third directory.
const NAMES: [&str; 2] = ["x", "y"];
const SUB: &str = "s";

type Name = (Directory, usize);

#[derive(Clone, Debug)]
enum Op {
    Create(Name),
    Append(Name),
    Cut(Name),
    SyncFile(Name),
    Rename(Name, Name),
    Remove(Name),
    MoveSub,
    Sync(Directory),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let name = || (0..3_usize, 0..NAMES.len());
    let op = prop_oneof![
        3 => name().prop_map(Op::Create),
        1 => name().prop_map(Op::Append),
        1 => name().prop_map(Op::Cut),
        1 => name().prop_map(Op::SyncFile),
        4 => (name(), name()).prop_map(|(from, to)| Op::Rename(from, to)),
        2 => name().prop_map(Op::Remove),
        1 => Just(Op::MoveSub),
        4 => (0..3_usize).prop_map(Op::Sync),
    ];
    vec(op, 1..25)
}

/// A file, by the text of eight bytes that it begins with; the directory `s` is file 0.
type Id = u32;

const SUB_ID: Id = 0;

/// What the program did, as far as the disk has to remember it.
#[derive(Default)]
struct Model {
    now: BTreeMap<(Directory, String), Id>,
    /// What each name has stood for since its directory was synced; `None` for nothing.
    since: BTreeMap<(Directory, String), BTreeSet<Option<Id>>>,
    /// Files that had a synced name, and were neither removed nor replaced.
    safe: BTreeSet<Id>,
    /// What each file holds, and what of it is certain.
    contents: BTreeMap<Id, String>,
    synced: BTreeMap<Id, String>,
    next: Id,
}

impl Model {
    fn new() -> Self {
        let mut model = Model { next: 1, ..Model::default() };
        model.set((0, SUB.to_owned()), Some(SUB_ID));
        (0..3).for_each(|directory| model.sync(directory));
        model
    }

    fn set(&mut self, place: (Directory, String), id: Option<Id>) {
        match id {
            Some(id) => self.now.insert(place.clone(), id),
            None => self.now.remove(&place),
        };
        self.since.entry(place).or_insert_with(|| BTreeSet::from([None])).insert(id);
    }

    fn sync(&mut self, directory: Directory) {
        for (place, values) in &mut self.since {
            if place.0 == directory {
                let now = self.now.get(place).copied();
                *values = BTreeSet::from([now]);
                self.safe.extend(now);
            }
        }
    }

    fn parent_of_sub(&self) -> Directory {
        usize::from(!self.now.contains_key(&(0, SUB.to_owned())))
    }

    fn directory(&self, directory: Directory) -> &'static str {
        match (directory, self.parent_of_sub()) {
            (0, _) => "a",
            (1, _) => "b",
            (_, 0) => "a/s",
            _ => "b/s",
        }
    }

    fn path(&self, (directory, name): Name) -> String {
        format!("{}/{}", self.directory(directory), NAMES[name])
    }

    fn id(&self, name: Name) -> Option<Id> {
        self.now.get(&place(name)).copied()
    }
}

fn place((directory, name): Name) -> (Directory, String) {
    (directory, NAMES[name].to_owned())
}

async fn sync(path: &str) -> Result<()> {
    Ok(File::open(path).await?.sync_all().await?)
}

/// Does it on the disk and in the model; what is not possible is not done.
async fn perform(op: &Op, model: &mut Model) -> Result<()> {
    match *op {
        Op::Create(name) if model.id(name).is_none() => {
            let id = model.next;
            model.next += 1;
            let text = format!("{id:08}");
            let mut file = File::create(model.path(name)).await?;
            file.write_all(text.as_bytes()).await?;
            file.sync_all().await?;
            model.set(place(name), Some(id));
            model.contents.insert(id, text.clone());
            model.synced.insert(id, text);
        }
        Op::Append(name) => {
            let Some(id) = model.id(name) else { return Ok(()) };
            let mut file = OpenOptions::new().append(true).open(model.path(name)).await?;
            file.write_all(b"more").await?;
            model.contents.entry(id).or_default().push_str("more");
        }
        Op::Cut(name) => {
            let Some(id) = model.id(name) else { return Ok(()) };
            let mut file = OpenOptions::new().write(true).open(model.path(name)).await?;
            file.set_len(8).await?;
            model.contents.entry(id).or_default().truncate(8);
            // What was behind may be there or not.
            model.synced.entry(id).or_default().truncate(8);
        }
        Op::SyncFile(name) => {
            let Some(id) = model.id(name) else { return Ok(()) };
            sync(&model.path(name)).await?;
            model.synced.insert(id, model.contents[&id].clone());
        }
        Op::Rename(from, to) if from != to => {
            let Some(id) = model.id(from) else { return Ok(()) };
            fs::rename(model.path(from), model.path(to)).await?;
            if let Some(over) = model.id(to) {
                model.safe.remove(&over);
            }
            model.set(place(from), None);
            model.set(place(to), Some(id));
        }
        Op::Remove(name) => {
            let Some(id) = model.id(name) else { return Ok(()) };
            fs::remove_file(model.path(name)).await?;
            model.safe.remove(&id);
            model.set(place(name), None);
        }
        Op::MoveSub => {
            let from = model.parent_of_sub();
            let paths = [format!("a/{SUB}"), format!("b/{SUB}")];
            fs::rename(&paths[from], &paths[1 - from]).await?;
            model.set((from, SUB.to_owned()), None);
            model.set((1 - from, SUB.to_owned()), Some(SUB_ID));
        }
        Op::Sync(directory) => {
            sync(model.directory(directory)).await?;
            model.sync(directory);
        }
        Op::Create(_) | Op::Rename(..) => {}
    }
    Ok(())
}

/// Holds what is there against the model.
async fn check(model: &Model) -> Result<()> {
    let mut found = BTreeMap::new();
    let mut contents = BTreeMap::new();
    let mut names = BTreeMap::new();
    for (directory, path) in [(0, "a"), (1, "b"), (S, "a/s"), (S, "b/s")] {
        if !fs::try_exists(path).await? {
            continue;
        }
        for entry in fs::read_dir(path).await? {
            let id = match entry.metadata().is_dir() {
                true => SUB_ID,
                false => {
                    let text = fs::read(entry.path()).await?;
                    let text = String::from_utf8(text).expect("zeros are text too");
                    let id = text[..8].parse().expect("what it was created with is synced");
                    contents.insert(id, text);
                    id
                }
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            found.insert((directory, name), id);
            *names.entry(id).or_insert(0) += 1;
        }
    }
    for (id, count) in &names {
        assert_eq!(*count, 1, "file {id} has several names: {found:?}");
    }
    for id in &model.safe {
        assert!(names.contains_key(id), "file {id} is lost: {found:?}");
    }
    for (place, values) in &model.since {
        let now = found.get(place).copied();
        assert!(values.contains(&now), "{place:?} was never {now:?} since its sync: {values:?}");
    }
    for (id, text) in &contents {
        let synced = &model.synced[id];
        assert!(text.starts_with(synced.as_str()), "file {id} has lost some of {synced}: {text}");
    }
    Ok(())
}

/// More changes than the disk keeps one by one.
const MANY: usize = 1_100;

/// Changes the disk, in between so often that what was before is long ago, and crashes.
async fn change_and_crash(ops: Vec<Op>, is_long: bool) -> Result<()> {
    let host = Host::new("db");
    fs::disk(host).set_latency(Duration::ZERO..=Duration::ZERO);
    let changing = host.spawn(async move {
        fs::create_dir_all("a/s").await?;
        fs::create_dir("b").await?;
        fs::create_dir("many").await?;
        sync("/").await?;
        sync("a").await?;
        let mut model = Model::new();
        for (index, op) in ops.iter().enumerate() {
            if is_long && index == ops.len() / 2 {
                for number in 0..MANY {
                    fs::create_dir(format!("many/{number}")).await?;
                }
            }
            perform(op, &mut model).await?;
        }
        Ok(model)
    });
    let model = changing.await?;
    host.crash();
    host.restart();
    host.spawn(async move { check(&model).await }).await
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_crash_keeps_what_was_synced(ops in ops(), first in 0..1_000_u64) {
        for seed in first..first + 5 {
            let body = change_and_crash(ops.clone(), false);
            let outcome = Simulation::new().seed(seed).block_on(body);
            if let Err(error) = outcome.result {
                prop_assert!(false, "seed {seed}: {error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(2),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_crash_keeps_what_was_synced_long_ago(ops in ops(), seed in 0..1_000_u64) {
        let outcome = Simulation::new().seed(seed).block_on(change_and_crash(ops, true));
        if let Err(error) = outcome.result {
            prop_assert!(false, "seed {seed}: {error}");
        }
    }
}
