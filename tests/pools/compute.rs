//! Cores that are shared and the GIL: the table of the document, and its times.

use std::time::Duration;

use seedloop::error::ValueError;
use seedloop::{
    Error, Pool, ProcessPool, Result, ThreadPool, blocking, cores, gather, out, run_in_executor,
    set_cores, sleep, spawn,
};

use super::helpers::{check, ms, secs, simulate};

/// How long four jobs take side by side in a pool.
fn elapsed(pool: impl FnOnce() -> Pool + 'static, work: fn()) -> Duration {
    let outcome = simulate(async move {
        let pool = pool();
        let jobs = [(); 4].map(|()| {
            run_in_executor(&pool, move || {
                work();
                Ok(())
            })
        });
        gather(jobs).await?;
        Ok(())
    });
    outcome.result.expect("the body panicked").expect("the run failed");
    outcome.time.since_start()
}

fn threads(workers: usize, gil: bool) -> impl FnOnce() -> Pool {
    move || {
        let pool = ThreadPool::builder().workers(workers).gil(gil).build().expect("workers");
        Pool::clone(&pool)
    }
}

fn processes(workers: usize) -> impl FnOnce() -> Pool {
    move || Pool::clone(&ProcessPool::with_workers(workers).expect("workers"))
}

fn io_bound() {
    blocking::sleep(secs(1));
}

fn cpu_bound() {
    blocking::compute(secs(1));
}

/// Source: the document, "PythonのスレッドとasyncioのGIL": I/O-bound work gets faster with threads,
/// since the GIL is free while they wait; CPU-bound work does not, and needs processes.
#[test]
fn the_table_of_the_document() {
    assert_eq!(elapsed(threads(1, true), io_bound), secs(4));
    assert_eq!(elapsed(threads(4, true), io_bound), secs(1));
    assert_eq!(elapsed(processes(4), io_bound), secs(1));
    assert_eq!(elapsed(threads(1, true), cpu_bound), secs(4));
    assert_eq!(elapsed(threads(4, true), cpu_bound), secs(4));
    assert_eq!(elapsed(processes(4), cpu_bound), secs(1));
    // Threads as Rust has them.
    assert_eq!(elapsed(threads(4, false), cpu_bound), secs(1));
}

#[test]
fn cores_are_shared_evenly() {
    for (count, expected) in [(1, 4_000), (2, 2_000), (3, 1_334), (4, 1_000), (9, 1_000)] {
        let work = || blocking::compute(secs(1));
        let pool = move || {
            set_cores(count).expect("cores");
            processes(4)()
        };
        let elapsed = elapsed(pool, work);
        assert_eq!(elapsed.as_nanos().div_ceil(1_000_000), expected, "on {count} cores");
    }
}

/// Three on two cores take half as long again, to the nanosecond; a third of a nanosecond is
/// rounded up.
#[test]
fn shares_are_exact() {
    check(&["1.5s a", "1.5s b", "1.5s c", "1.500000003s odd"], async {
        set_cores(2)?;
        let pool = ProcessPool::with_workers(3)?;
        gather(["a", "b", "c"].map(|tag| run_in_executor(&pool, computing(tag, secs(1))))).await?;
        set_cores(3)?;
        let four = ProcessPool::with_workers(4)?;
        let odd = [(); 4].map(|()| {
            run_in_executor(&four, || {
                blocking::compute(Duration::from_nanos(2));
                Ok(())
            })
        });
        gather(odd).await?;
        out!("odd");
        Ok(())
    });
}

fn computing(tag: &'static str, work: Duration) -> impl FnOnce() -> Result<()> + Send {
    move || {
        blocking::compute(work);
        out!("{tag}");
        Ok(())
    }
}

/// Who comes later takes its share from then on.
#[test]
fn shares_change_as_jobs_come_and_go() {
    check(&["3.0s late", "4.0s early", "5.0s alone"], async {
        set_cores(1)?;
        let pool = ProcessPool::with_workers(2)?;
        let early = run_in_executor(&pool, computing("early", secs(3)));
        sleep(secs(1)).await?;
        // 2 s of work are left to the early one; both get half a core until 3 s.
        run_in_executor(&pool, computing("late", secs(1))).await?;
        early.await?;
        run_in_executor(&pool, computing("alone", secs(1))).await
    });
}

/// Source: CPython 3.13, `ceval_gil.c`: the holder hands over when others wait for 5 ms.
#[test]
fn the_gil_is_handed_over_every_five_milliseconds() {
    // a 0-5, b 5-10, c 10-11, a 15-20 is 11-16, b 16-18, a 18-20.
    check(&["0.011s c", "0.018s b", "0.02s a"], async {
        let pool = ThreadPool::builder().workers(3).gil(true).build()?;
        let jobs = [("a", 12), ("b", 7), ("c", 1)];
        gather(jobs.map(|(tag, work)| run_in_executor(&pool, computing(tag, ms(work))))).await?;
        Ok(())
    });
}

/// The five milliseconds count from when the first of the others began to wait.
#[test]
fn the_gil_is_kept_while_nobody_waits() {
    check(&["0.018s late", "0.021s early"], async {
        let pool = ThreadPool::builder().workers(2).gil(true).build()?;
        let early = run_in_executor(&pool, computing("early", ms(18)));
        sleep(ms(10)).await?;
        run_in_executor(&pool, computing("late", ms(3))).await?;
        early.await
    });
}

/// Computations in a row keep the GIL as one; a sleep lets go of it at once.
#[test]
fn the_gil_is_free_while_a_thread_sleeps() {
    let expected = ["0.006s b", "0.011s a computed", "0.021s a slept"];
    check(&expected, async {
        let pool = ThreadPool::builder().workers(2).gil(true).build()?;
        let a = run_in_executor(&pool, || {
            (0..10).for_each(|_| blocking::compute(ms(1)));
            out!("a computed");
            blocking::sleep(ms(10));
            out!("a slept");
            Ok(())
        });
        run_in_executor(&pool, computing("b", ms(1))).await?;
        a.await
    });
    check(&["0.003s b", "0.005s a"], async {
        let pool = ThreadPool::builder().workers(2).gil(true).build()?;
        let a = run_in_executor(&pool, || {
            blocking::compute(ms(1));
            blocking::sleep(ms(1));
            blocking::compute(ms(2));
            out!("a");
            Ok(())
        });
        run_in_executor(&pool, computing("b", ms(2))).await?;
        a.await
    });
}

/// The loop's thread is a thread of the interpreter, and competes for the GIL when it computes.
#[test]
fn the_loop_needs_the_gil_to_compute() {
    // loop 0-5 waits, 5-10, job 10-15, loop 15-16.
    check(&["0.016s loop", "0.02s job", "0.02s with a GIL"], async {
        let pool = ThreadPool::builder().workers(1).gil(true).build()?;
        let job = run_in_executor(&pool, computing("job", ms(14)));
        blocking::compute(ms(6));
        out!("loop");
        job.await?;
        out!("with a GIL");
        Ok(())
    });
    check(&["0.006s loop", "0.014s job"], async {
        let pool = ThreadPool::with_workers(1)?;
        let job = run_in_executor(&pool, computing("job", ms(14)));
        blocking::compute(ms(6));
        out!("loop");
        job.await
    });
}

/// All pools with a GIL share one; processes compute beside them.
#[test]
fn one_gil_for_all_pools_of_threads() {
    check(&["0.01s process", "0.015s one", "0.02s two"], async {
        let one = ThreadPool::builder().gil(true).build()?;
        let two = ThreadPool::builder().gil(true).build()?;
        let jobs = [
            run_in_executor(&one, computing("one", ms(10))),
            run_in_executor(&two, computing("two", ms(10))),
            run_in_executor(&ProcessPool::new(), computing("process", ms(10))),
        ];
        gather(jobs).await?;
        Ok(())
    });
}

/// A computation that is cut off gives its core and the GIL to the others.
#[test]
fn a_killed_process_frees_its_core() {
    check(&["2.0s alone"], async {
        set_cores(1)?;
        let (doomed, other) = (ProcessPool::with_workers(1)?, ProcessPool::with_workers(1)?);
        drop(doomed.submit(|| {
            blocking::compute(secs(100));
            Ok(())
        })?);
        let killer = spawn(async move {
            sleep(secs(1)).await?;
            doomed.kill_worker();
            Ok(())
        });
        // Half a core for one second, then the whole one.
        run_in_executor(&other, || {
            blocking::compute(ms(1_500));
            out!("alone");
            Ok(())
        })
        .await?;
        killer.await
    });
}

#[test]
fn the_number_of_cores_decides_the_size_of_pools() {
    check(&["0.0s 4 8 4", "0.0s 2 6 2", "0.0s 100 32 100"], async {
        let print = || {
            out!("{} {} {}", cores(), ThreadPool::new().workers(), ProcessPool::new().workers());
        };
        print();
        set_cores(2)?;
        print();
        set_cores(100)?;
        print();
        let error = set_cores(0).unwrap_err();
        assert!(error.is::<ValueError>());
        assert_eq!(error.to_string(), "a machine has 1 to 65535 cores, not 0");
        Ok::<_, Error>(())
    });
}

fn telling(tag: &'static str, work: &'static [Work]) -> impl FnOnce() -> Result<()> + Send {
    move || {
        out!("start {tag}");
        for part in work {
            match part {
                Compute(time) => blocking::compute(ms(*time)),
                Sleep(time) => blocking::sleep(ms(*time)),
            }
        }
        out!("end {tag}");
        Ok(())
    }
}

/// Milliseconds.
enum Work {
    Compute(u64),
    Sleep(u64),
}
use Work::{Compute, Sleep};

/// Five workers on three cores, and a sixth job that waits for one of them. By hand, with what is
/// left of each:
///
/// | from | computing | rate | a | b | c | d | e | f |
/// |---|---|---|---|---|---|---|---|---|
/// | 0 ms | a b c d e | 3/5 | 3 | 6 | 7 | 8 | 10 | |
/// | 5 ms | b c d e f | 3/5 | 0 | 3 | 4 | 5 | 7 | 3 |
/// | 10 ms | c d e | 1 | | 0 | 1 | 2 | 4 | 0 |
/// | 11 ms | d e | 1 | | | 0 | 1 | 3 | |
/// | 12 ms | e | 1 | | | | 0 | 2 | |
/// | 14 ms | | | | | | | 0 | |
#[test]
fn five_workers_share_three_cores_and_a_sixth_job_waits() {
    let expected = [
        "0.0s start a",
        "0.0s start b",
        "0.0s start c",
        "0.0s start d",
        "0.0s start e",
        "0.005s end a",
        "0.005s start f",
        "0.01s end b",
        "0.01s end f",
        "0.011s end c",
        "0.012s end d",
        "0.014s end e",
    ];
    for processes in [false, true] {
        check(&expected, async move {
            set_cores(3)?;
            let pool: Pool = match processes {
                true => Pool::clone(&*ProcessPool::with_workers(5)?),
                false => Pool::clone(&*ThreadPool::with_workers(5)?),
            };
            let jobs: [(_, &[Work]); 6] = [
                ("a", &[Compute(3)]),
                ("b", &[Compute(6)]),
                ("c", &[Compute(7)]),
                ("d", &[Compute(8)]),
                ("e", &[Compute(10)]),
                ("f", &[Compute(3)]),
            ];
            gather(jobs.map(|(tag, work)| run_in_executor(&pool, telling(tag, work)))).await?;
            Ok(())
        });
    }
}

/// With the GIL and two workers on three cores. By hand: `a` computes from 0 and is asked for the
/// GIL from 0 on, so that `b` has it from 5 to 10, `a` from 10 to 15 and `b` from 15; it ends at
/// 16. Its thread takes `c` without letting go of the GIL; that ends at 19, before `a`, which has
/// waited from 15 on, may ask at 20. The 2 ms that are left to `a` end at 21.
#[test]
fn two_workers_with_the_gil_and_a_third_job_that_waits() {
    let expected = [
        "0.0s start a",
        "0.0s start b",
        "0.016s end b",
        "0.016s start c",
        "0.019s end c",
        "0.021s end a",
    ];
    check(&expected, async {
        set_cores(3)?;
        let pool = ThreadPool::builder().workers(2).gil(true).build()?;
        let jobs: [(_, &[Work]); 3] =
            [("a", &[Compute(12)]), ("b", &[Compute(6)]), ("c", &[Compute(3)])];
        gather(jobs.map(|(tag, work)| run_in_executor(&pool, telling(tag, work)))).await?;
        Ok(())
    });
}

/// A thread that blocks lets go of the GIL, and asks for it anew when it wakes. By hand: `b` has it
/// from 4 on, when `a` sleeps. `a` wakes at 6, may ask at 11, when 1 ms is left to `b`, computes
/// until 15, and `b` ends at 16. A process needs no GIL: on a core of its own it ends at 7.
#[test]
fn who_blocks_lets_go_of_the_gil_and_waits_for_it_again() {
    let expected = [
        "0.0s start a",
        "0.0s start b",
        "0.0s start process",
        "0.007s end process",
        "0.015s end a",
        "0.016s end b",
    ];
    check(&expected, async {
        set_cores(2)?;
        let pool = ThreadPool::builder().workers(2).gil(true).build()?;
        let other = ProcessPool::with_workers(1)?;
        let jobs = [
            run_in_executor(&pool, telling("a", &[Compute(4), Sleep(2), Compute(4)])),
            run_in_executor(&pool, telling("b", &[Compute(8)])),
            run_in_executor(&other, telling("process", &[Compute(7)])),
        ];
        gather(jobs).await?;
        Ok(())
    });
}

/// Who waits for the GIL takes no share of a core. By hand: on one core `a` and the process compute
/// at half the rate; 5 ms later `b` has the GIL in the place of `a`, and computes its 2 ms until 9.
/// The process has done 4.5 ms then and `a` 2.5, so that the 1.5 ms that are left to each take 3 ms
/// side by side.
#[test]
fn who_waits_for_the_gil_takes_no_core() {
    check(&["0.009s b", "0.012s process", "0.012s a"], async {
        set_cores(1)?;
        let pool = ThreadPool::builder().workers(2).gil(true).build()?;
        let other = ProcessPool::with_workers(1)?;
        let jobs = [
            run_in_executor(&pool, computing("a", ms(4))),
            run_in_executor(&pool, computing("b", ms(2))),
            run_in_executor(&other, computing("process", ms(6))),
        ];
        gather(jobs).await?;
        Ok(())
    });
}
