//! Tries a property on many scenarios, and shrinks the one on which it fails.

use std::fmt;
use std::future::Future;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use seedloop::explore::Model;
use seedloop::{Result, Simulation, run};

/// So many scenarios for each property.
const CASES: u32 = 300;

/// So many orders of each scenario, beside asyncio's.
const ORDERS: u64 = 3;

/// So many scenarios are tried to find a smaller one that fails as well.
const SHRINKS_MAX: u32 = 4096;

/// In which order what is ready runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Fifo,
    Asyncio(u64),
    AnyOrder(u64),
}

impl Way {
    /// Tells whether tasks run in the order in which they were woken.
    pub(super) fn is_ordered(self) -> bool {
        !matches!(self, Way::AnyOrder(_))
    }

    fn simulation(self) -> Simulation {
        match self {
            Way::Fifo => Simulation::new(),
            Way::Asyncio(seed) => Simulation::new().seed(seed).model(Model::Asyncio),
            Way::AnyOrder(seed) => Simulation::new().seed(seed),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Fifo => f.write_str("in asyncio's order, without a seed"),
            Way::Asyncio(seed) => write!(f, "in asyncio's order, with seed {seed}"),
            Way::AnyOrder(seed) => write!(f, "in any order, with seed {seed}"),
        }
    }
}

/// The variable that chooses other scenarios: a number. It is of these tests alone, and so has not
/// the prefix of those that the library knows.
const SEED: &str = "PROPERTY_SEED";

/// Runs random scenarios, each in several ways: `play` must succeed on all. The scenarios are the
/// same on every machine, unless [`SEED`] is set.
#[track_caller]
pub(super) fn check<S, F>(scenarios: impl Strategy<Value = S>, play: impl Fn(S, Way) -> F)
where
    S: Clone + fmt::Debug + fmt::Display,
    F: Future<Output = Result<()>> + 'static,
{
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: SHRINKS_MAX,
        max_shrink_time: 0,
        verbose: 0,
        ..Config::default()
    };
    let chosen = chosen();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed(chosen.as_deref()));
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tried = runner.run(&(scenarios, 0..1000_u64), |(scenario, seed)| {
        ways(seed).try_for_each(|way| play_once(&scenario, way, &play))
    });
    match tried {
        Ok(()) => {}
        Err(TestError::Abort(reason)) => panic!("no scenarios: {reason}"),
        Err(TestError::Fail(reason, (scenario, _))) => {
            panic!("{reason}\n{scenario}\n{}", how_to_repeat(chosen.as_deref()))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the seed is chosen before a run, and is told")]
fn chosen() -> Option<String> {
    std::env::var(SEED).ok()
}

/// The scenarios that a seed chooses; without one the fixed ones.
fn seed(chosen: Option<&str>) -> [u8; 32] {
    let Some(chosen) = chosen else { return [7; 32] };
    let Ok(number) = chosen.parse::<u64>() else {
        panic!("{SEED} takes a number, not '{chosen}'");
    };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

/// How to try the same scenarios again.
fn how_to_repeat(chosen: Option<&str>) -> String {
    let thread = std::thread::current();
    let set = chosen.map(|chosen| format!("{SEED}={chosen} ")).unwrap_or_default();
    let test = thread.name().unwrap_or("properties");
    format!("repeat: {set}cargo test -p seedloop-scenarios --test tests -- {test}")
}

fn ways(seed: u64) -> impl Iterator<Item = Way> {
    let any = (seed..seed + ORDERS).map(Way::AnyOrder);
    [Way::Fifo, Way::Asyncio(seed)].into_iter().chain(any)
}

fn play_once<S, F>(scenario: &S, way: Way, play: &impl Fn(S, Way) -> F) -> Result<(), TestCaseError>
where
    S: Clone,
    F: Future<Output = Result<()>> + 'static,
{
    let outcome = way.simulation().run(|| run(play(scenario.clone(), way)));
    let ended = outcome.result.and_then(|result| result);
    ended.map_err(|error| TestCaseError::fail(format!("{way}: {error}")))
}

#[test]
fn a_failing_property_tells_its_seed_and_how_to_repeat_it() {
    assert_eq!(seed(None), [7; 32]);
    assert_ne!(seed(Some("1")), seed(Some("2")));
    let repeat = how_to_repeat(Some("17"));
    let test = "properties::check::a_failing_property_tells_its_seed_and_how_to_repeat_it";
    let command = "cargo test -p seedloop-scenarios --test tests --";
    assert_eq!(repeat, format!("repeat: PROPERTY_SEED=17 {command} {test}"));
    assert_eq!(how_to_repeat(None), format!("repeat: {command} {test}"));
}
