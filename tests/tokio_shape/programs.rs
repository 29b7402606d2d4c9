//! Programs for tokio, which print what they see and when: run by tokio itself (`real`), whose
//! transcripts are in `real.txt`, and by what has tokio's shape here.

use std::future::{Future, pending};
use std::panic::panic_any;
use std::pin::Pin;
use std::rc::Rc;

use super::{say, tokio};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking, spawn_local, yield_now};
use tokio::time::{
    Duration, Instant, MissedTickBehavior, interval, interval_at, sleep, timeout, timeout_at,
};

type Program = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! programs {
    ($($name:ident)*) => {
        pub(crate) const PROGRAMS: &[(&str, Program)] =
            &[$((stringify!($name), || Box::pin($name()))),*];
    };
}

programs! {
    interval_bursts interval_delays interval_skips interval_tolerates_5_ms interval_is_reset
    select_drops_all_before_the_handler select_else select_leaves_out_what_does_not_match
    select_keeps_what_it_borrows select_resets_a_sleep
    timeout_polls_the_future_first timeout_drops_what_it_holds
    join_waits_for_all try_join_stops_at_an_error
    tasks_end_in_their_own_order set_aborts set_shuts_down set_aborts_when_dropped
    abort_of_a_finished_task abort_of_a_task_that_waits abort_of_a_task_that_never_ran
    handle_dropped handle_in_a_select panics_reach_the_handle blocking_gives_its_value
    aborted_task_drops_its_sender
    broadcast_lags broadcast_goes_to_all notify_hands_on notify_keeps_one watch_sees_the_latest
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Says that it is dropped.
struct Loud(&'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        say!("drop {}", self.0);
    }
}

/// Holds something for a while.
async fn hold(name: &'static str, milliseconds: u64) -> &'static str {
    let _held = Loud(name);
    sleep(ms(milliseconds)).await;
    name
}

async fn tick(behavior: MissedTickBehavior) {
    let start = Instant::now();
    let mut ticks = interval(ms(100));
    ticks.set_missed_tick_behavior(behavior);
    for number in 0..6 {
        let tick = ticks.tick().await;
        say!("tick for {:?}", tick - start);
        if number == 1 {
            sleep(ms(250)).await;
        }
    }
}

async fn interval_bursts() {
    tick(MissedTickBehavior::Burst).await;
}

async fn interval_delays() {
    tick(MissedTickBehavior::Delay).await;
}

async fn interval_skips() {
    tick(MissedTickBehavior::Skip).await;
}

async fn interval_tolerates_5_ms() {
    let start = Instant::now();
    let mut ticks = interval(ms(100));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for late in [0, 105, 0, 106, 0] {
        let tick = ticks.tick().await;
        say!("tick for {:?}", tick - start);
        sleep(ms(late)).await;
    }
}

async fn interval_is_reset() {
    let start = Instant::now();
    let mut ticks = interval_at(start + ms(30), ms(100));
    say!("tick for {:?}", ticks.tick().await - start);
    sleep(ms(50)).await;
    ticks.reset();
    say!("tick for {:?}", ticks.tick().await - start);
    ticks.reset_immediately();
    say!("tick for {:?}", ticks.tick().await - start);
    ticks.reset_after(ms(7));
    say!("tick for {:?}", ticks.tick().await - start);
}

async fn select_drops_all_before_the_handler() {
    let (a, b, c) = (hold("a", 5), hold("b", 9), hold("c", 9));
    tokio::select! {
        biased;
        name = b => say!("got {name}"),
        name = a => say!("got {name}"),
        name = c => say!("got {name}"),
    }
}

async fn select_else() {
    let got = tokio::select! {
        biased;
        Some(number) = async { None::<u32> } => format!("{number}"),
        Err(number) = async { Ok::<u32, u32>(4) } => format!("{number}"),
        else => "nothing".to_owned(),
    };
    say!("{got}");
    let got = tokio::select! {
        () = async {}, if got.is_empty() => "the branch",
        else => "else",
    };
    say!("{got}");
}

async fn select_leaves_out_what_does_not_match() {
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    drop(sender);
    let got = tokio::select! {
        Some(number) = receiver.recv() => number,
        () = sleep(ms(7)) => 7,
    };
    say!("{got}");
}

async fn select_keeps_what_it_borrows() {
    let (sender, mut receiver) = mpsc::channel(4);
    let mut left = vec![1, 2, 3];
    while !left.is_empty() || !receiver.is_empty() {
        tokio::select! {
            biased;
            permit = sender.send(left.last().copied()), if !left.is_empty() => {
                permit.unwrap();
                left.pop();
            }
            Some(mut number) = receiver.recv() => {
                number = number.map(|number| number * 10);
                say!("{number:?} with {}", receiver.len());
                receiver.close();
            }
        }
    }
}

async fn select_resets_a_sleep() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    spawn_local(async move {
        for number in 0..3 {
            sleep(ms(8)).await;
            sender.send(number).unwrap();
        }
        sleep(ms(100)).await;
        drop(sender);
    });
    let idle = sleep(ms(10));
    tokio::pin!(idle);
    loop {
        tokio::select! {
            biased;
            Some(number) = receiver.recv() => {
                say!("got {number}");
                idle.as_mut().reset(Instant::now() + ms(10));
            }
            () = &mut idle => break say!("idle"),
        }
    }
}

async fn timeout_polls_the_future_first() {
    let start = Instant::now();
    say!("{:?}", timeout(ms(10), hold("same moment", 10)).await.ok());
    say!("{:?}", timeout(ms(0), async { 3 }).await.ok());
    say!("{:?}", timeout(ms(0), pending::<()>()).await.ok());
    say!("{:?}", timeout_at(start, async { 3 }).await.ok());
    say!("{:?}", timeout_at(start, pending::<()>()).await.ok());
    say!("{:?}", timeout(Duration::MAX, hold("long", 4)).await.ok());
}

async fn timeout_drops_what_it_holds() {
    let late = timeout(ms(10), hold("late", 11)).await.unwrap_err();
    say!("{late}");
    let both = async { tokio::join!(hold("one", 9), hold("two", 9)) };
    say!("{:?}", timeout(ms(5), both).await.ok());
}

async fn join_waits_for_all() {
    say!("{:?}", tokio::join!(hold("one", 2), async { 1 }, hold("two", 1)));
}

async fn try_join_stops_at_an_error() {
    let fails = async {
        sleep(ms(3)).await;
        Err::<(), _>("failed")
    };
    let holds = async { Ok(hold("slow", 9).await) };
    say!("{:?}", tokio::try_join!(holds, fails));
    let all = tokio::try_join!(async { Ok::<_, ()>(hold("slow", 2).await) }, async { Ok(2) });
    say!("{all:?}");
}

async fn tasks_end_in_their_own_order() {
    let mut set = JoinSet::new();
    for milliseconds in [3, 1, 2] {
        set.spawn_local(async move {
            sleep(ms(milliseconds)).await;
            milliseconds
        });
    }
    say!("{} tasks", set.len());
    while let Some(ended) = set.join_next().await {
        say!("{ended:?}");
    }
    say!("{} tasks", set.len());
}

async fn set_aborts() {
    let mut set = JoinSet::new();
    for (name, milliseconds) in [("a", 3), ("b", 1), ("c", 2)] {
        set.spawn_local(hold(name, milliseconds));
    }
    say!("{:?}", set.join_next().await.unwrap().ok());
    set.abort_all();
    say!("{} left", set.len());
    while let Some(ended) = set.join_next().await {
        say!("cancelled: {}", ended.unwrap_err().is_cancelled());
    }
}

async fn set_shuts_down() {
    let mut set = JoinSet::new();
    set.spawn_local(hold("a", 3));
    set.spawn_local(hold("b", 1));
    yield_now().await;
    set.shutdown().await;
    say!("{} left", set.len());
    say!("{:?}", set.join_next().await.is_none());
}

async fn set_aborts_when_dropped() {
    let mut set = JoinSet::new();
    set.spawn_local(hold("a", 3));
    set.spawn_local(hold("b", 1));
    yield_now().await;
    drop(set);
    say!("dropped");
    yield_now().await;
    say!("one step later");
}

async fn abort_of_a_finished_task() {
    let task = spawn_local(async { 5 });
    yield_now().await;
    say!("finished: {}", task.is_finished());
    task.abort();
    say!("{:?}", task.await.ok());
}

async fn abort_of_a_task_that_waits() {
    let task = spawn_local(hold("task", 100));
    yield_now().await;
    task.abort();
    say!("finished: {}", task.is_finished());
    let error = task.await.unwrap_err();
    say!("cancelled: {}, panic: {}", error.is_cancelled(), error.is_panic());
    say!("{:?}", error.try_into_panic().is_err());
}

async fn abort_of_a_task_that_never_ran() {
    let task = spawn_local(hold("nothing", 100));
    task.abort();
    say!("cancelled: {}", task.await.unwrap_err().is_cancelled());
}

async fn handle_dropped() {
    let task = spawn_local(hold("task", 1));
    let abort = task.abort_handle();
    drop(task);
    sleep(ms(2)).await;
    say!("finished: {}", abort.is_finished());
    abort.abort();
}

async fn handle_in_a_select() {
    let mut task = spawn_local(hold("task", 5));
    let mut ticks = interval(ms(2));
    loop {
        tokio::select! {
            biased;
            ended = &mut task => break say!("{:?}", ended.ok()),
            _ = ticks.tick() => say!("tick"),
        }
    }
}

async fn panics_reach_the_handle() {
    async fn error(cause: fn()) -> Box<dyn std::any::Any + Send> {
        let error = spawn_local(async move { cause() }).await.unwrap_err();
        say!("cancelled: {}, panic: {}", error.is_cancelled(), error.is_panic());
        error.into_panic()
    }
    say!("{:?}", error(|| panic!("text")).await.downcast_ref::<&str>());
    say!("{:?}", error(|| panic!("{}", "made".to_owned())).await.downcast_ref::<String>());
    say!("{:?}", error(|| panic_any(7_u8)).await.downcast_ref::<u8>());
}

async fn blocking_gives_its_value() {
    say!("{:?}", spawn_blocking(|| 6 * 7).await.ok());
    let panicked = spawn_blocking(|| panic!("in the job")).await.unwrap_err();
    say!("{:?}", panicked.into_panic().downcast_ref::<&str>());
}

async fn aborted_task_drops_its_sender() {
    let (sender, receiver) = oneshot::channel::<u32>();
    let task = spawn_local(async move {
        let _sender = sender;
        sleep(ms(50)).await;
    });
    yield_now().await;
    task.abort();
    say!("{:?}", receiver.await.ok());
}

async fn broadcast_lags() {
    let (sender, mut one) = broadcast::channel(3);
    let mut two = sender.subscribe();
    (0..3).for_each(|number| say!("to {:?}", sender.send(number).ok()));
    say!("{:?}, {} kept", one.recv().await, sender.len());
    (3..8).for_each(|number| drop(sender.send(number)));
    say!("{:?}, then {:?}, {} to come", one.recv().await, one.recv().await, one.len());
    say!("{:?}, then {:?}", two.recv().await, two.try_recv());
    let mut three = one.resubscribe();
    say!("{:?}", three.try_recv());
    drop((two, three, sender));
    for _ in 0..4 {
        say!("{:?}", one.recv().await);
    }
    let (sender, receiver) = broadcast::channel(1);
    drop(receiver);
    say!("{:?}", sender.send(8).ok());
}

async fn broadcast_goes_to_all() {
    let (sender, first) = broadcast::channel(1);
    drop(first);
    let mut tasks = JoinSet::new();
    for number in 0..3 {
        let mut receiver = sender.subscribe();
        tasks.spawn_local(async move {
            while let Ok(text) = receiver.recv().await {
                say!("{number} got {text}");
            }
            say!("{number} is over");
        });
    }
    yield_now().await;
    say!("to {:?}", sender.send("hello").ok());
    sleep(ms(1)).await;
    drop(sender);
    while tasks.join_next().await.is_some() {}
}

async fn notify_hands_on() {
    let notify = Rc::new(Notify::new());
    let mut tasks = JoinSet::new();
    let mut first = None;
    for number in 0..4 {
        let notify = notify.clone();
        let task = tasks.spawn_local(async move {
            notify.notified().await;
            say!("woken: {number}");
        });
        first.get_or_insert(task);
    }
    yield_now().await;
    notify.notify_one();
    first.unwrap().abort();
    sleep(ms(1)).await;
    notify.notify_waiters();
    while tasks.join_next().await.is_some() {}
}

async fn notify_keeps_one() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    notify.notified().await;
    say!("{:?}", timeout(ms(1), notify.notified()).await.ok());
    let early = notify.notified();
    notify.notify_waiters();
    early.await;
    say!("{:?}", timeout(ms(1), notify.notified()).await.ok());
}

async fn watch_sees_the_latest() {
    let (sender, mut receiver) = watch::channel(1);
    let task = spawn_local(async move {
        while receiver.changed().await.is_ok() {
            let seen = *receiver.borrow_and_update();
            say!("saw {seen}");
        }
    });
    for numbers in [[2, 3], [4, 5]] {
        numbers.into_iter().for_each(|number| sender.send(number).unwrap());
        sleep(ms(1)).await;
    }
    drop(sender);
    say!("{:?}", task.await.ok());
}
