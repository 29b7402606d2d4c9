//! How a simulation is set up: what is said counts, in whatever order.

use seedloop::error::ValueError;
use seedloop::explore::{Model, Policy, Question};
use seedloop::{Error, Outcome, Result, Simulation, gather, out, sleep};

use crate::surprises::helpers::ms;

/// Lets what became ready last run first.
struct Last;

impl Policy for Last {
    fn choose(&mut self, question: &Question) -> u32 {
        question.bound - 1
    }
}

async fn program() -> Result<()> {
    gather((0..3).map(|n| async move { Ok(out!("{n}")) }).collect::<Vec<_>>()).await.map(drop)
}

fn printed(simulation: Simulation) -> String {
    let outcome = simulation.block_on(program());
    outcome.result.expect("no failure");
    outcome.lines.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn an_explicit_model_wins() {
    let asyncio = || Simulation::new().model(Model::Asyncio);
    assert_eq!(printed(Simulation::new()), "012");
    assert_eq!(printed(Simulation::default()), "012");
    assert_eq!(printed(asyncio().policy(Last)), "012");
    assert_eq!(printed(Simulation::new().policy(Last).model(Model::Asyncio)), "012");
    for seed in 0..20 {
        assert_eq!(printed(asyncio().seed(seed)), "012");
        assert_eq!(printed(Simulation::new().seed(seed).model(Model::Asyncio)), "012");
    }
}

#[test]
fn a_policy_and_a_seed_imply_any_order() {
    let last = printed(Simulation::new().policy(Last));
    assert!(last.starts_with('2'), "{last}");
    assert_eq!(printed(Simulation::new().policy(Last).model(Model::AnyOrder)), last);
    assert_eq!(printed(Simulation::new().policy(Last).seed(1)), last);
    assert_eq!(printed(Simulation::new().seed(1).policy(Last)), last);
    let orders = (0..50).map(|seed| printed(Simulation::new().seed(seed)));
    assert!(orders.into_iter().any(|order| order != "012"));
}

/// The two ways to run a future are one.
#[test]
fn block_on_is_run_of_run() {
    let short: Outcome<()> = Simulation::new().seed(3).record().block_on(program());
    let long = Simulation::new().seed(3).record().run(|| seedloop::run(program()));
    assert_eq!(short.fingerprint, long.fingerprint);
    assert_eq!(short.steps, long.steps);
    let place = short.tasks[0].spawned_at;
    assert_eq!((place.file, place.line + 1), (file!(), long.tasks[0].spawned_at.line));
    let failed = Simulation::new().block_on(async { Err::<(), _>(Error::exit(3)) });
    assert!(failed.result.unwrap_err().is::<seedloop::error::Exit>());
    let panicked = Simulation::new().block_on(async { panic!("x") as Result<()> });
    assert!(panicked.result.unwrap_err().is::<seedloop::error::Panicked>());
}

#[test]
fn a_simulation_can_be_printed() {
    let simulation = Simulation::new().seed(3);
    let text = format!("{simulation:?}");
    assert!(
        text.starts_with("Simulation { model: None, seed: Some(3), has_policy: false"),
        "{text}"
    );
}

/// `_GatheringFuture exception was never retrieved`: what CPython 3.13.0 logs of a gather that is
/// forgotten.
#[test]
fn a_forgotten_gather_is_reported_by_its_name() {
    let outcome = Simulation::new().block_on(async {
        let outer = gather([async { Err::<(), _>(Error::new(ValueError::new("x"))) }]);
        sleep(ms(100)).await?;
        drop(outer);
        Ok(())
    });
    let [report] = &outcome.reports[..] else { panic!("{:?}", outcome.reports) };
    assert_eq!(report.message, "_GatheringFuture exception was never retrieved");
    assert_eq!(report.error.as_ref().map(Error::to_string).as_deref(), Some("x"));
}
