//! Dynamic partial order reduction leaves out nothing that a program can show: against every run.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use seedloop::explore::{Explorer, Strategy as Search};
use seedloop::sync::{Event, Lock, Queue, Semaphore, Tracked};
use seedloop::{LoopFuture, Result, create_future, gather, sleep, spawn, timeout, yield_now};

/// What a task does; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Op {
    Read(usize),
    Write(usize, u32),
    Add(usize),
    Locked(usize, Vec<Op>),
    Acquire,
    Release,
    Set(usize),
    Wait(usize),
    Put(u32),
    Get,
    Answer(u32),
    Ask,
    Cancel(usize),
    Join(usize),
    Look(usize),
    Within(Vec<Op>),
    Both(Vec<Op>, Vec<Op>),
    Yield,
    Sleep(u64),
}

/// What the tasks share.
#[derive(Clone)]
struct Shared {
    values: [Tracked<u32>; 2],
    locks: [Lock; 2],
    permits: Semaphore,
    events: [Event; 2],
    queue: Queue<u32>,
    answer: LoopFuture<u32>,
    tasks: Rc<RefCell<Vec<LoopFuture<()>>>>,
}

/// What a task has noted, and its own tasks.
#[derive(Clone, Debug, Default)]
struct Log(Rc<RefCell<(String, Vec<Log>)>>);

impl Log {
    fn note(&self, text: &str) {
        self.0.borrow_mut().0.push_str(text);
    }

    fn child(&self) -> Log {
        let child = Log::default();
        self.0.borrow_mut().1.push(child.clone());
        child
    }
}

fn shared(tasks: Rc<RefCell<Vec<LoopFuture<()>>>>) -> Result<Shared> {
    Ok(Shared {
        values: [Tracked::new(0), Tracked::new(0)],
        locks: [Lock::new(), Lock::new()],
        permits: Semaphore::new(1),
        events: [Event::new(), Event::new()],
        queue: Queue::new(1),
        answer: create_future()?.shared(),
        tasks,
    })
}

/// Does all of them, and notes what came of each.
fn perform(ops: Vec<Op>, shared: Shared, log: Log) -> Boxed {
    Box::pin(async move {
        for op in ops {
            let text = perform_one(&op, &shared, &log).await?;
            log.note(&format!("{text} "));
        }
        Ok(())
    })
}

type Boxed = std::pin::Pin<Box<dyn Future<Output = Result<()>>>>;

async fn perform_one(op: &Op, shared: &Shared, log: &Log) -> Result<String> {
    let inner = |ops: &[Op]| perform(ops.to_vec(), shared.clone(), log.clone());
    Ok(match op {
        Op::Read(index) => shared.values[index % 2].read().await?.to_string(),
        Op::Write(index, value) => {
            shared.values[index % 2].write(*value).await?;
            "wrote".to_owned()
        }
        Op::Add(index) => {
            let change = |value: &mut u32| {
                *value += 1;
                *value
            };
            shared.values[index % 2].update(change).await?.to_string()
        }
        Op::Locked(index, ops) => {
            let _guard = shared.locks[index % 2].lock().await?;
            inner(ops).await?;
            "unlocks".to_owned()
        }
        Op::Acquire => {
            shared.permits.acquire().await?;
            "acquired".to_owned()
        }
        Op::Release => {
            shared.permits.release();
            "released".to_owned()
        }
        Op::Set(index) => {
            shared.events[index % 2].set();
            "set".to_owned()
        }
        Op::Wait(index) => {
            shared.events[index % 2].wait().await?;
            "waited".to_owned()
        }
        Op::Put(item) => {
            shared.queue.put(*item).await?;
            format!("put, {}", shared.queue.qsize())
        }
        Op::Get => format!("got {}", shared.queue.get().await?),
        other => return perform_with_tasks(other, shared, log).await,
    })
}

/// What has to do with tasks and time.
async fn perform_with_tasks(op: &Op, shared: &Shared, log: &Log) -> Result<String> {
    let inner = |ops: &[Op]| perform(ops.to_vec(), shared.clone(), log.clone());
    let task = |index: &usize| {
        let tasks = shared.tasks.borrow();
        tasks[index % tasks.len()].shared()
    };
    Ok(match op {
        Op::Answer(value) => format!("{:?}", shared.answer.set_result(*value).is_ok()),
        Op::Ask => format!("heard {}", shared.answer.shared().await?),
        Op::Cancel(index) => format!("cancels {}", task(index).cancel()),
        Op::Join(index) => match task(index).await {
            Ok(()) => "joined".to_owned(),
            Err(error) => format!("joined {error}"),
        },
        Op::Look(index) => format!("done {}", task(index).done()),
        Op::Within(ops) => {
            match timeout(Duration::from_millis(1)).scope(async |_| inner(ops).await).await {
                Ok(()) => "in time".to_owned(),
                Err(error) if error.is_cancelled() => return Err(error),
                Err(error) => format!("too late: {error}"),
            }
        }
        Op::Both(one, other) => {
            // They are tasks, and must not share what is not tracked.
            let inner = |ops: &[Op]| perform(ops.to_vec(), shared.clone(), log.child());
            gather([inner(one), inner(other)]).await?;
            "both".to_owned()
        }
        Op::Yield => {
            yield_now().await?;
            "yielded".to_owned()
        }
        Op::Sleep(millis) => {
            sleep(Duration::from_millis(*millis)).await?;
            "slept".to_owned()
        }
        other => unreachable!("{other:?} needs no task"),
    })
}

/// What can be seen of a run in the end, whatever the order in which it came to be.
fn see(programs: &[Vec<Op>]) -> String {
    let logs: Vec<Log> = programs.iter().map(|_| Log::default()).collect();
    let (programs, of_main) = (programs.to_vec(), logs.clone());
    let tasks: Rc<RefCell<Vec<_>>> = Rc::default();
    let of_run = tasks.clone();
    let result = seedloop::run(async move {
        let shared = shared(of_run)?;
        for (ops, log) in programs.into_iter().zip(&of_main) {
            let task = spawn(perform(ops, shared.clone(), log.clone()));
            shared.tasks.borrow_mut().push(task.into_future_handle().shared());
        }
        let tasks: Vec<_> = shared.tasks.borrow().iter().map(LoopFuture::shared).collect();
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.await.map_or_else(|error| error.to_string(), |()| "ok".to_owned()));
        }
        let values: Vec<u32> = shared.values.iter().map(Tracked::get).collect();
        let (locked, qsize) = (shared.locks[0].locked(), shared.queue.qsize());
        Ok(format!("{ends:?} {values:?} {locked} {qsize}"))
    });
    // They hold it, and it holds them.
    tasks.borrow_mut().clear();
    let result = match result {
        Ok(text) => text,
        // The text of a deadlock names what waits in the order in which it came to wait.
        Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    format!("{logs:?} {result}")
}

/// All that a search sees, and in how many runs; none if that is too much.
fn seen(search: Search, programs: &[Vec<Op>], runs: u64) -> Option<(BTreeSet<String>, u64)> {
    let all = Mutex::new(BTreeSet::new());
    let body = || {
        let seen = see(programs);
        all.lock().expect("no panic").insert(seen);
        Ok(())
    };
    let explorer = Explorer::new().strategy(search).runs(runs);
    let exploration = explorer.explore_runs(&body, &|_| Ok(()));
    if let Some(failure) = exploration.failure {
        panic!("{}", failure.fault);
    }
    let runs = exploration.statistics.runs;
    exploration.statistics.exhausted.then(|| (all.into_inner().expect("no panic"), runs))
}

fn op() -> impl Strategy<Value = Op> {
    let leaf = prop_oneof![
        3 => (0..2_usize).prop_map(Op::Read),
        2 => (0..2_usize, 1..3_u32).prop_map(|(index, value)| Op::Write(index, value)),
        1 => (0..2_usize).prop_map(Op::Add),
        1 => Just(Op::Acquire),
        1 => Just(Op::Release),
        1 => (0..2_usize).prop_map(Op::Set),
        1 => (0..2_usize).prop_map(Op::Wait),
        1 => (1..3_u32).prop_map(Op::Put),
        1 => Just(Op::Get),
        1 => (1..3_u32).prop_map(Op::Answer),
        1 => Just(Op::Ask),
        2 => (0..3_usize).prop_map(Op::Cancel),
        1 => (0..3_usize).prop_map(Op::Join),
        1 => (0..3_usize).prop_map(Op::Look),
        1 => Just(Op::Yield),
        1 => (0..2_u64).prop_map(Op::Sleep),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let ops = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            3 => (0..2_usize, ops()).prop_map(|(index, ops)| Op::Locked(index, ops)),
            1 => ops().prop_map(Op::Within),
            1 => (ops(), ops()).prop_map(|(one, other)| Op::Both(one, other)),
        ]
    })
}

fn programs() -> impl Strategy<Value = Vec<Vec<Op>>> {
    prop_oneof![
        prop::collection::vec(prop::collection::vec(op(), 1..4), 2),
        prop::collection::vec(prop::collection::vec(op(), 1..3), 3),
    ]
}

/// More runs than these are not compared.
const RUNS: u64 = 800;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        max_global_rejects: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_reduction_loses_nothing(programs in programs()) {
        let Some((reduced, fewer)) = seen(Search::Dpor, &programs, RUNS) else {
            return Err(TestCaseError::reject("too many runs"));
        };
        let Some((full, runs)) = seen(Search::Full, &programs, RUNS) else {
            return Err(TestCaseError::reject("too many runs"));
        };
        prop_assert_eq!(&reduced, &full, "{} of {} runs", fewer, runs);
    }
}
