//! What is said of the world where there is none.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use seedloop::host::{self, Host};
use seedloop::net;
use seedloop::{EventLoop, Ratio, Simulation, ThreadPool, cores, fs, run, set_cores, sleep};

const WAY: Duration = Duration::from_millis(7);

fn told(panic: Box<dyn Any + Send>) -> String {
    *panic.downcast::<String>().expect("a text")
}

/// It would count for the next simulation on the thread, and for no other: the same seed would be
/// another run.
#[test]
fn nothing_is_set_outside_of_a_simulation() {
    let latency = || WAY..=WAY;
    let main = host::current;
    let calls: [(&str, &dyn Fn()); 16] = [
        ("a link was changed", &|| _ = net::everywhere().latency(latency())),
        ("a link was changed", &|| _ = net::everywhere().partition()),
        ("a rule was put in force", &|| net::rule(|_| net::Verdict::Drop).forget()),
        ("the resolver was changed", &|| _ = net::resolver().latency(latency())),
        ("the resolver was changed", &|| _ = net::resolver().failures(Ratio::ONE)),
        ("a host was made", &|| _ = Host::new("db")),
        ("a clock was set", &|| main().set_clock_ahead(WAY)),
        ("a clock was set", &|| main().set_clock_behind(WAY)),
        ("a clock was set", &|| main().set_clock_drift(3)),
        ("the crashes of hosts were set", &|| host::everywhere().set_crashes(Ratio::ONE)),
        ("the crashes of hosts were set", &|| host::everywhere().set_downtime(latency())),
        ("a disk was changed", &|| fs::set_latency(latency())),
        ("a disk was changed", &|| fs::disk(main()).set_capacity(Some(3))),
        ("a disk was changed", &|| fs::disk(main()).set_sync_forgets(false)),
        ("the cores of the machine were set", &|| set_cores(1).unwrap()),
        ("a pool was made", &|| drop(ThreadPool::new())),
    ];
    for (what, call) in calls {
        let text = catch_unwind(AssertUnwindSafe(call)).map_err(told);
        let expected = format!(
            "{what} outside of a simulation, where it would count for the next one on this thread \
             alone; do so inside, as in `seedloop::run(async {{ .. }})`"
        );
        assert_eq!(text, Err(expected));
    }
    assert_eq!((Host::find("db"), cores()), (None, 4));
}

/// In a simulation without a loop, and in a loop that was made by hand without a simulation.
#[test]
fn what_is_set_before_the_loop_runs_counts_for_it() {
    let body = || async {
        fs::write("f", "").await?;
        Ok((seedloop::Instant::now().since_start(), cores()))
    };
    let outcome = Simulation::new().run(|| {
        fs::set_latency(WAY..=WAY);
        set_cores(2)?;
        run(body())
    });
    assert_eq!(outcome.result.flatten().unwrap(), (WAY * 2, 2));
    let event_loop = EventLoop::new();
    fs::set_latency(WAY..=WAY);
    set_cores(2).unwrap();
    assert_eq!(event_loop.run_until_complete(body()).unwrap(), (WAY * 2, 2));
    event_loop.close().unwrap();
    assert!(catch_unwind(|| fs::set_latency(WAY..=WAY)).is_err());
    let (time, cores) = run(body()).unwrap();
    assert!(time != WAY * 2 && cores == 4);
}

/// The line of the test is named, not one of ours.
#[test]
fn a_host_of_another_simulation_is_refused_where_it_is_used() {
    let old = run(async { Ok(Host::new("old")) }).unwrap();
    let refused = |call: fn(Host)| run(async move { Ok(call(old)) }).unwrap_err().to_string();
    let text = "a host was used outside of the simulation that made it; make it inside";
    for (line, error) in [
        (line!(), refused(|host| host.crash())),
        (line!(), refused(|host| host.cut_power())),
        (line!(), refused(|host| host.restart())),
        (line!(), refused(|host| host.set_crashes(Ratio::ONE))),
        (line!(), refused(|host| fs::disk(host).set_capacity(None))),
        (line!(), refused(|host| _ = fs::disk(host).used())),
        (line!(), refused(|host| _ = net::between(host, host::current()).hold())),
    ] {
        assert!(error.contains(&format!("outside.rs:{line}:")) && error.contains(text), "{error}");
    }
}

#[test]
fn a_simulation_in_another_is_told_how_it_would_go() {
    let error = run(async {
        sleep(WAY).await?;
        Simulation::new().block_on(async { Ok(()) }).result
    });
    let (text, line) = (error.unwrap_err().to_string(), line!() - 2);
    let expected = "a simulation was started inside another one on the same thread, which has one \
                    clock; await what it would run, or start it on a thread of its own";
    assert!(text.contains(expected) && text.contains(&format!("outside.rs:{line}:")), "{text}");
}
