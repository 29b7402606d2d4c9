//! `select!`, `join!` and `try_join!`: the syntax is tokio's, and the order of polls is a choice.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::{pending, poll_fn, ready};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use seedloop::explore::{ChoiceKind, Policy, Question};
use seedloop::{
    Instant, Outcome, Result, Simulation, attempt, join, out, run, select, sleep, spawn, try_join,
    yield_now,
};

/// Takes one value for every choice of a branch, and the dull one otherwise.
struct Begin(u32);

impl Policy for Begin {
    fn choose(&mut self, question: &Question) -> u32 {
        match question.kind {
            ChoiceKind::Branch => self.0.min(question.bound - 1),
            _ => 0,
        }
    }
}

fn texts<T>(outcome: &Outcome<T>) -> Vec<&str> {
    outcome.lines.iter().map(|line| line.text.as_str()).collect()
}

/// A branch that says that it is polled and is never ready.
async fn polled(name: &str) {
    poll_fn(|_| {
        out!("{name}");
        Poll::<()>::Pending
    })
    .await;
}

async fn three_branches() -> Result<()> {
    select! {
        () = polled("a") => {}
        () = polled("b") => {}
        () = polled("c") => {}
        () = polled("off"), if false => {}
        slept = sleep(Duration::from_secs(1)) => slept?,
    }
    Ok(())
}

#[test]
fn polls_begin_with_the_chosen_branch_and_go_round() {
    let orders = [
        (0, ["a", "b", "c", "a", "b", "c"].as_slice()),
        // At the second poll the sleep is over, and those behind it are not asked.
        (1, &["b", "c", "a", "b", "c"]),
        (2, &["c", "a", "b", "c"]),
        (4, &["a", "b", "c"]),
    ];
    for (begin, expected) in orders {
        let outcome = Simulation::new().policy(Begin(begin)).block_on(three_branches());
        assert_eq!(texts(&outcome), expected, "beginning with {begin}");
        let branches = outcome.choices.iter().filter(|choice| choice.kind == ChoiceKind::Branch);
        let bounds: Vec<u32> = branches.map(|choice| choice.bound).collect();
        assert_eq!(bounds, [5, 5], "one choice at each poll");
    }
}

#[test]
fn without_a_seed_polls_are_as_written() {
    let outcome = Simulation::new().block_on(three_branches());
    assert_eq!(texts(&outcome), ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn seeds_find_every_winner_among_ready_branches() {
    let winner = |seed| {
        let body = async {
            Ok(select! {
                winner = ready("a") => winner,
                winner = ready("b") => winner,
                winner = ready("c") => winner,
            })
        };
        Simulation::new().seed(seed).block_on(body).result.unwrap()
    };
    let winners: BTreeSet<&str> = (0..50).map(winner).collect();
    assert_eq!(winners, BTreeSet::from(["a", "b", "c"]));
    assert_eq!(winner(7), winner(7));
}

#[test]
fn biased_takes_no_choice() {
    let outcome = Simulation::new().policy(Begin(1)).block_on(async {
        Ok(select! {
            biased;
            winner = ready("a") => winner,
            winner = ready("b") => winner,
        })
    });
    assert_eq!(outcome.result.unwrap(), "a");
    assert!(outcome.choices.is_empty());
}

/// Every form of branch that tokio's macro takes.
#[test]
fn syntax_is_that_of_tokio() {
    struct Point {
        x: u32,
        y: Vec<u32>,
    }
    async fn point() -> Point {
        Point { x: 1, y: vec![2] }
    }
    let all = run(async {
        let mut seen = Vec::new();
        for round in 0.. {
            let value = select! {
                Point { x, mut y } = point(), if round == 0 => {
                    y.push(x);
                    y.len()
                },
                Some(ref text) = ready(Some("text".to_owned())), if round == 1 => text.len(),
                (1 | 2, n @ 3..) = async { (2, 40) }, if round == 2 => n
                ,
                _ = ready(()), if round == 3 => { continue }
                Err::<(), _>(error) = ready(Err("failed".to_owned())), if round == 4 => {
                    let error: String = error;
                    error.len()
                }
                Err(never) = ready(Ok::<(), u8>(())) => unreachable!("{never}"),
                else => break,
            };
            seen.push(value);
        }
        Ok(seen)
    });
    assert_eq!(all.unwrap(), [2, 4, 40, 6]);
}

/// A handler leaves the surrounding code with `?` and `return`, and uses what its future borrowed.
#[test]
fn handlers_stand_outside_of_the_futures() {
    async fn take(from: &mut Vec<u32>) -> Option<u32> {
        from.pop()
    }
    async fn drain(mut numbers: Vec<u32>) -> Result<usize> {
        loop {
            select! {
                Some(number) = take(&mut numbers) => {
                    if number == 0 {
                        return Ok(numbers.len());
                    }
                    numbers.insert(0, number - 1);
                    "7".parse::<u32>()?;
                }
                else => return Ok(99),
            }
        }
    }
    assert_eq!(run(drain(vec![1, 2, 3])).unwrap(), 2);
    assert_eq!(run(drain(vec![])).unwrap(), 99);
}

#[test]
fn there_may_be_many_branches() {
    let mut sum = 0;
    let count = run(async move {
        let mut count = 0;
        for off in 0..20 {
            select! {
                biased;
                n = ready(0), if off < 1 => sum += n, n = ready(1), if off < 2 => sum += n,
                n = ready(2), if off < 3 => sum += n, n = ready(3), if off < 4 => sum += n,
                n = ready(4), if off < 5 => sum += n, n = ready(5), if off < 6 => sum += n,
                n = ready(6), if off < 7 => sum += n, n = ready(7), if off < 8 => sum += n,
                n = ready(8), if off < 9 => sum += n, n = ready(9), if off < 10 => sum += n,
                n = ready(10), if off < 11 => sum += n, n = ready(11), if off < 12 => sum += n,
                n = ready(12), if off < 13 => sum += n, n = ready(13), if off < 14 => sum += n,
                n = ready(14), if off < 15 => sum += n, n = ready(15), if off < 16 => sum += n,
                n = ready(16), if off < 17 => sum += n, n = ready(17), if off < 18 => sum += n,
                n = ready(18), if off < 19 => sum += n, n = ready(19), if off < 20 => sum += n,
            }
            count += 1;
        }
        Ok((sum, count))
    });
    assert_eq!(count.unwrap(), (190, 20));
}

#[test]
fn no_branch_left_is_a_panic() {
    let outcome = Simulation::new().block_on(async {
        select! {
            Some(number) = ready(None::<u32>) => out!("{number}"),
        }
        Ok(())
    });
    let error = outcome.result.unwrap_err().to_string();
    assert!(error.ends_with("all branches are disabled and there is no else branch"), "{error}");
}

/// The cancel goes to every wait of ours in a branch, as in any combinator inside one task.
#[test]
fn a_cancel_reaches_the_branches() {
    let outcome = Simulation::new().block_on(async {
        let task = spawn(async {
            let result = attempt(async {
                select! {
                    slept = sleep(Duration::from_secs(9)) => slept?,
                    () = pending() => {}
                }
                Ok(())
            });
            out!("{:?}", result.await.is_err_and(|error| error.is_cancelled()));
            Ok(())
        });
        yield_now().await?;
        task.cancel();
        task.await
    });
    assert_eq!((texts(&outcome), outcome.time), (vec!["true"], Instant::START));
    outcome.result.unwrap();
}

#[test]
fn join_polls_in_the_order_written_until_all_are_over() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let step = |name: &'static str, turns: u32| {
        let log = log.clone();
        async move {
            for _ in 0..turns {
                log.borrow_mut().push(name);
                yield_now().await?;
            }
            Ok::<_, seedloop::Error>(turns)
        }
    };
    let (a, b, c) = (step("a", 2), step("b", 1), step("c", 3));
    let sum = run(async move {
        let (a, b, c) = join!(a, b, c);
        Ok(a? + b? + c?)
    });
    assert_eq!(sum.unwrap(), 6);
    assert_eq!(*log.borrow(), ["a", "b", "c", "a", "c", "c"]);
    let fails = run(async {
        let (one, two) = try_join!(ready(Ok::<_, String>(1)), ready(Err::<u8, _>("two".into())))
            .map_err(seedloop::Error::msg)?;
        Ok(one + two)
    });
    assert_eq!(fails.unwrap_err().to_string(), "two");
}
