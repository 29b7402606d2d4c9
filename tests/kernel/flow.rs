//! The loop goes on between steps where nobody comes between them, and stops where a policy is told
//! of what is ready: both are one and the same run.

use std::rc::Rc;

use seedloop::explore::{Policy, Question, Uniform};
use seedloop::sync::{Semaphore, mpsc};
use seedloop::{
    Limits, Outcome, Result, Simulation, out, running_loop, sleep, spawn, wait_for, yield_now,
};

use crate::surprises::helpers::ms;

/// Draws what a bare seed draws, and looks on.
struct LooksOn(Uniform);

impl Policy for LooksOn {
    fn choose(&mut self, question: &Question) -> u32 {
        self.0.choose(question)
    }

    fn watches(&self) -> bool {
        true
    }
}

/// Timers that are alone at their moment and others that are not, timers of the loop's own calls,
/// cancelled ones, waits in several lines, and a task that waits in two at a time.
async fn program() -> Result<()> {
    let semaphore = Rc::new(Semaphore::new(2));
    let (sender, mut receiver) = mpsc::channel(1);
    for (delay, name) in [(3, "three"), (4, "four"), (4, "four again"), (11, "eleven")] {
        running_loop()?.call_later(ms(delay), move || out!("{name}"))?;
    }
    let tasks: Vec<_> = (0..5_u64)
        .map(|number| {
            let (semaphore, sender) = (Rc::clone(&semaphore), sender.clone());
            spawn(async move {
                for round in 0..3 {
                    let permit = semaphore.permit().await?;
                    sleep(ms(1 + number * round % 4)).await?;
                    drop(permit);
                    yield_now().await?;
                    sender.send(10 * number + round).await?;
                    out!("{number} has sent {round}");
                }
                drop(wait_for(sleep(ms(1 + number)), ms(2)).await);
                Ok(number)
            })
        })
        .collect();
    drop(sender);
    tasks[4].cancel();
    while let Some(value) = receiver.recv().await {
        out!("got {value}");
        if value == 20 {
            sleep(ms(7)).await?;
        }
    }
    for task in tasks {
        out!("{:?}", task.await.map_err(|error| error.to_string()));
    }
    Ok(())
}

type Seen = (Vec<(String, u64)>, u64, u64, usize);

/// What is seen of a run, and how it has ended.
fn seen(outcome: &Outcome<()>) -> (Seen, String) {
    let lines = outcome.lines.iter().map(|line| (line.text.clone(), line.step)).collect();
    let ended = format!("{:?} at {}", outcome.result, outcome.time);
    ((lines, outcome.fingerprint, outcome.steps, outcome.choices.len()), ended)
}

#[test]
fn a_run_that_flows_is_the_run_that_stops_between_steps() {
    let few = Limits { steps: 60, ..Limits::default() };
    let short = Limits { time: seedloop::Instant::START + ms(5), ..Limits::default() };
    let run = |simulation: Simulation| seen(&simulation.block_on(program()));
    for limits in [Limits::default(), few, short] {
        for seed in 0..100 {
            let simulation = || Simulation::new().limits(limits).seed(seed);
            let flowing = run(simulation());
            let stopping = run(simulation().policy(LooksOn(Uniform::new(seed))));
            assert_eq!(flowing, stopping, "seed {seed}");
            // Who is said to have come to a limit may differ: a recorded step has ended by then.
            assert_eq!(flowing.0, run(simulation().record()).0, "seed {seed}");
        }
    }
}
