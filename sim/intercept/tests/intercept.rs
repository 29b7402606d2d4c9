//! The clock, the wall clock and the randomness of a run are the simulation's, and nobody else's.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "they are answered here")]

use std::collections::{BTreeSet, HashMap};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use seedloop::explore::{Explorer, FaultKind, Strategy};
use seedloop::host::{self, Host};
use seedloop::{Result, Simulation, choose, out, sleep, spawn};
use seedloop_intercept::{intercepted, on_own_thread};

const SECOND: Duration = Duration::from_secs(1);

/// What the system's clock shows when a simulation begins: 2000-01-01T00:00:00Z.
fn begin() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800)
}

#[seedloop::test(runs = 20, around = intercepted)]
async fn the_clocks_are_the_simulations() -> Result<()> {
    let (start, wall) = (Instant::now(), SystemTime::now());
    assert_eq!(wall, begin());
    sleep(60 * SECOND).await?;
    assert_eq!(start.elapsed(), 60 * SECOND);
    assert_eq!(SystemTime::now(), begin() + 60 * SECOND);
    assert!(start.checked_sub(86_400 * SECOND).is_some());
    Ok(())
}

#[seedloop::test(runs = 20, around = intercepted)]
async fn the_wall_clock_is_that_of_the_host() -> Result<()> {
    let late = Host::new("late");
    late.set_clock_ahead(3_600 * SECOND);
    let there = late.spawn(async { Ok((Instant::now(), SystemTime::now())) }).await?;
    assert_eq!(there, (Instant::now(), begin() + 3_600 * SECOND));
    assert_eq!(SystemTime::now(), host::system_time());
    Ok(())
}

/// The orders of the third map of a run, and its first random numbers.
async fn draw(seen: &'static Mutex<BTreeSet<String>>) -> Result<()> {
    let maps: Vec<HashMap<u32, u32>> = (0..3).map(|_| (0..20).map(|n| (n, n)).collect()).collect();
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes)?;
    let text = format!("{:?} {bytes:?}", maps[2].keys().collect::<Vec<_>>());
    out!("{text}");
    seen.lock().expect("nobody panics").insert(text);
    Ok(())
}

/// What a run with this seed sees, and the numbers that it draws for itself.
fn drawn(seed: u64) -> (Vec<u32>, [u8; 20], Vec<u32>) {
    on_own_thread(move || {
        let body = async {
            let map: HashMap<u32, u32> = (0..20).map(|n| (n, n)).collect();
            let mut bytes = [0; 20];
            getrandom::fill(&mut bytes)?;
            Ok((map.into_keys().collect(), bytes, (0..3).map(|_| choose(1_000)).collect()))
        };
        Simulation::new().seed(seed).block_on(body).result.expect("nothing fails")
    })
}

#[test]
fn maps_and_random_numbers_follow_from_the_seed() {
    let runs: Vec<_> = (0..20).map(drawn).collect();
    assert_eq!(runs, (0..20).map(drawn).collect::<Vec<_>>());
    let orders: BTreeSet<_> = runs.iter().map(|(order, ..)| order).collect();
    let bytes: BTreeSet<_> = runs.iter().map(|(_, bytes, _)| bytes).collect();
    assert_eq!((orders.len(), bytes.len()), (20, 20));
    // Nothing of what the program draws for itself is another number for it.
    for (seed, (.., chosen)) in (0..).zip(&runs) {
        let alone = async { Ok((0..3).map(|_| choose(1_000)).collect::<Vec<u32>>()) };
        assert_eq!(Simulation::new().seed(seed).block_on(alone).result.unwrap(), *chosen);
    }
}

/// What depends on the order of a map is found, and is in the case.
#[test]
fn a_case_has_the_random_numbers_of_its_run() {
    let body = || async {
        sleep(SECOND).await?;
        let map: HashMap<u32, u32> = (0..20).map(|n| (n, n)).collect();
        assert!(map.keys().next() < Some(&10), "the first is {:?}", map.keys().next());
        Ok(())
    };
    let explorer = || Explorer::new().strategy(Strategy::Random).runs(100).around(intercepted);
    let failure = explorer().explore(body).failure.expect("half of the maps begin with 10 or more");
    assert!(failure.case.to_string().contains('e') || failure.case.is_empty(), "{}", failure.case);
    let replayed = explorer().replay(&failure.case, body);
    let again = replayed.into_failure(failure.case.clone()).expect("it fails again");
    assert_eq!(again.fault.message, failure.fault.message);
}

/// Without interception the explorer finds that a run cannot be repeated.
#[test]
fn without_interception_the_same_body_is_nondeterministic() {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let exploration = Explorer::new().runs(20).explore(|| draw(&SEEN));
    let failure = exploration.failure.expect("the maps differ");
    assert_eq!(failure.fault.kind, FaultKind::Nondeterminism);
}

/// What the program keeps in thread-locals begins anew, too.
#[seedloop::test(runs = 20, around = intercepted)]
async fn each_run_has_a_thread_of_its_own() -> Result<()> {
    thread_local!(static RUNS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
    RUNS.set(RUNS.get() + 1);
    assert_eq!(RUNS.get(), 1);
    Ok(())
}

/// async-lock's mutex is handed on in another way when somebody has waited for half a millisecond.
#[test]
fn a_lock_that_looks_at_the_clock_is_the_same_on_a_busy_machine() {
    let order = |work: u32| {
        on_own_thread(move || {
            let outcome = Simulation::new().block_on(async move {
                let lock = std::rc::Rc::new(async_lock::Mutex::new(Vec::new()));
                let tasks: Vec<_> = (0..4)
                    .map(|task| {
                        let lock = lock.clone();
                        spawn(async move {
                            for _ in 0..3 {
                                let mut order = lock.lock().await;
                                order.push(task);
                                sleep(Duration::ZERO).await?;
                                (0..work).for_each(|n| _ = std::hint::black_box(n));
                            }
                            Ok(())
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await?;
                }
                let order = lock.lock().await.clone();
                Ok(order)
            });
            outcome.result.expect("nothing fails")
        })
    };
    assert_eq!(order(0), order(300_000));
}

#[test]
fn a_loop_that_waits_for_the_clock_ends() {
    let waited = on_own_thread(|| {
        let outcome = Simulation::new().block_on(async {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(5) {}
            let first = start.elapsed();
            // Virtual time makes up for it, and the clock never goes back.
            sleep(SECOND).await?;
            Ok((first, start.elapsed()))
        });
        outcome.result.expect("nothing fails")
    });
    assert_eq!(waited, (Duration::from_micros(5_001), SECOND));
}

/// Each begins at its own virtual time zero, and the thread's clock goes on.
#[test]
fn a_second_simulation_of_a_thread_does_not_turn_the_clock_back() {
    let readings = on_own_thread(|| {
        let read = |waits: u32| {
            let body = async move {
                let begin = Instant::now();
                sleep(waits * SECOND).await?;
                Ok((begin, Instant::now()))
            };
            Simulation::new().block_on(body).result.expect("nothing fails")
        };
        [read(60), read(5), read(7)]
    });
    let since = |time: Instant| time.duration_since(readings[0].0).as_secs();
    let since_the_first = readings.map(|(begin, end)| (since(begin), since(end)));
    assert_eq!(since_the_first, [(0, 60), (60, 65), (65, 72)]);
}

#[test]
fn other_threads_and_what_comes_after_see_the_real_clock() {
    let real = SystemTime::now();
    assert!(real > begin() + 25 * 365 * 86_400 * SECOND);
    on_own_thread(|| {
        Simulation::new()
            .block_on(async move {
                assert!(std::thread::spawn(SystemTime::now).join().expect("no panic") >= real);
                Ok(())
            })
            .result
    })
    .expect("nothing fails");
    let run = &mut || drop(Simulation::new().block_on(async { Ok(()) }));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            intercepted(run);
            assert!(SystemTime::now() >= real);
        });
    });
}

#[test]
#[should_panic = "this thread is intercepted already"]
fn once_is_enough() {
    on_own_thread(|| intercepted(&mut || ()));
}

/// To be run by the next one: it takes the process down.
#[test]
#[ignore = "it aborts"]
fn waits_for_what_will_never_be() {
    on_own_thread(|| {
        let start = Instant::now();
        while start.elapsed() < 86_400 * SECOND {}
    });
}

#[test]
fn a_loop_that_waits_for_ever_is_told() {
    let own = std::env::current_exe().expect("a test has a file");
    let arguments = ["--ignored", "--exact", "--nocapture", "waits_for_what_will_never_be"];
    let output = Command::new(own).args(arguments).output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("seedloop-intercept: the clock was read 2000000 times"), "{said}");
}
