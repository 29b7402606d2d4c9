//! The environment variables by which somebody says how tests are to run.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::jobs::WORKER;
use crate::explore::{Cancel, Case, Explorer, Model, Strategy};

/// Every variable, with what it takes and what it does. The crate's documentation has the same
/// table.
pub(crate) const VARIABLES: [(&str, &str, &str); 12] = [
    ("SEEDLOOP_RUNS", "a number", "how many runs every test makes"),
    ("SEEDLOOP_JOBS", "a number", "on how many threads, or in how many processes, runs are made"),
    ("SEEDLOOP_SEED", "a number", "the seed of every test"),
    ("SEEDLOOP_STRATEGY", "a strategy", "how choices are taken in every test"),
    ("SEEDLOOP_MODEL", "any or asyncio", "what may run next in every test"),
    ("SEEDLOOP_CANCEL", "never, random, everywhere or pairs", "whether tasks are cancelled"),
    ("SEEDLOOP_CASE", "a case", "replays the case in place of exploring; name one test with it"),
    ("SEEDLOOP_ISOLATED", "on or off", "on: each `#[seedloop::test]` is `isolated`; off: none is"),
    ("SEEDLOOP_PATIENCE", "seconds", "how long a run in a process of its own may take, 60 s"),
    ("SEEDLOOP_REGRESSIONS", "on or off", "off: neither read nor write regression files"),
    ("SEEDLOOP_PAGES", "on or off", "off: write no pages of failures"),
    ("NEXTEST_STRESS_CURRENT", "a number, of nextest", "is added to the seed of every test"),
];

/// How the names of our own variables begin.
const PREFIX: &str = "SEEDLOOP_";

/// What says which part of a campaign a machine has, which is nothing to a test that runs there.
const OF_CAMPAIGNS: [&str; 2] = ["SEEDLOOP_SHARD", "SEEDLOOP_SHARDS"];

/// Which time it is that nextest runs all tests: from 0, or `none` where it runs them once.
const STRESS: &str = "NEXTEST_STRESS_CURRENT";

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    runs: Option<u64>,
    jobs: Option<usize>,
    patience: Option<u64>,
    /// Whether all tests are, or none.
    pub(super) is_isolated: Option<bool>,
    seed: Option<u64>,
    /// How far the seed moves on, since nextest runs the same tests again and again.
    stress: u64,
    strategy: Option<Strategy>,
    model: Option<Model>,
    cancel: Option<Cancel>,
    pub(super) case: Option<Case>,
    pub(super) no_regressions: bool,
    pub(super) no_pages: bool,
    /// What is said in a variable that does not exist.
    pub(super) warnings: Vec<String>,
}

impl Environment {
    /// Reads the variables of the process.
    ///
    /// # Errors
    ///
    /// A text that names the variable and what it takes.
    pub(super) fn read() -> Result<Self, String> {
        #[expect(clippy::disallowed_methods, reason = "this is where tests are told of it")]
        let all = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        Environment::of(all.filter(|(name, _)| name.starts_with(PREFIX) || name == STRESS))
    }

    fn of(variables: impl Iterator<Item = (String, String)>) -> Result<Self, String> {
        let mut environment = Environment::default();
        for (name, value) in variables {
            if name == WORKER {
                continue;
            }
            let value = value.trim();
            let known = VARIABLES.iter().find(|(other, ..)| *other == name);
            let Some((_, takes, _)) = known else {
                if OF_CAMPAIGNS.contains(&name.as_str()) {
                    continue;
                }
                let names = VARIABLES.iter().map(|(name, ..)| *name);
                let own: Vec<&str> = names.filter(|name| name.starts_with(PREFIX)).collect();
                let names = own.join(", ");
                environment.warnings.push(format!("there is no variable {name}, only {names}"));
                continue;
            };
            if value.is_empty() {
                continue;
            }
            environment.set(&name, value).map_err(|why| {
                let why = if why.is_empty() { why } else { format!(": {why}") };
                format!("{name} takes {takes}, not '{value}'{why}")
            })?;
        }
        Ok(environment)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.replace('_', "").parse::<u64>().map_err(|_| String::new());
        match name {
            "SEEDLOOP_RUNS" => match number()? {
                0 => return Err("0 runs show nothing".to_owned()),
                runs => self.runs = Some(runs),
            },
            "SEEDLOOP_JOBS" => match number()? {
                0 => return Err("0 jobs make no run".to_owned()),
                jobs => self.jobs = Some(usize::try_from(jobs).unwrap_or(usize::MAX)),
            },
            "SEEDLOOP_PATIENCE" => match number()? {
                0 => return Err("in 0 s no run is made".to_owned()),
                seconds => self.patience = Some(seconds),
            },
            "SEEDLOOP_ISOLATED" => self.is_isolated = Some(!is_off(value)?),
            "SEEDLOOP_SEED" => self.seed = Some(number()?),
            "SEEDLOOP_STRATEGY" => self.strategy = Some(value.parse()?),
            "SEEDLOOP_MODEL" => self.model = Some(value.parse().map_err(|_| String::new())?),
            "SEEDLOOP_CANCEL" => self.cancel = Some(value.parse().map_err(|_| String::new())?),
            "SEEDLOOP_CASE" => {
                self.case = Some(value.parse::<Case>().map_err(|error| error.to_string())?);
            }
            "SEEDLOOP_REGRESSIONS" => self.no_regressions = is_off(value)?,
            "SEEDLOOP_PAGES" => self.no_pages = is_off(value)?,
            // Somebody else's: what it may come to say is no mistake of who runs the test.
            STRESS => self.stress = number().unwrap_or_default(),
            _ => {}
        }
        Ok(())
    }

    /// How long a run in a process of its own may take.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience.unwrap_or(60))
    }

    /// The explorer of a test, but for what the environment says.
    pub(super) fn adjust(&self, mut explorer: Explorer) -> Explorer {
        explorer.runs = self.runs.or(explorer.runs);
        explorer.jobs = self.jobs.or(explorer.jobs);
        explorer.seed = self.seed.unwrap_or(explorer.seed).wrapping_add(self.stress);
        explorer.strategy = self.strategy.unwrap_or(explorer.strategy);
        explorer.model = self.model.unwrap_or(explorer.model);
        explorer.cancel = self.cancel.unwrap_or(explorer.cancel);
        explorer
    }
}

/// What a variable says that turns something on or off.
fn is_off(value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(false),
        "off" => Ok(true),
        _ => Err(String::new()),
    }
}

/// The package whose test runs, as cargo names it: its name and its folder.
#[expect(clippy::disallowed_methods, reason = "cargo tells tests in no other way")]
pub(super) fn package() -> (Option<String>, PathBuf) {
    let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    (env::var("CARGO_PKG_NAME").ok(), folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Environment, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment::of(variables.iter().map(owned))
    }

    #[test]
    fn what_is_said_goes_before_what_the_test_says() {
        let environment = of(&[
            ("SEEDLOOP_RUNS", "1_000"),
            ("SEEDLOOP_STRATEGY", "pct:4"),
            ("SEEDLOOP_MODEL", "asyncio"),
            ("SEEDLOOP_SEED", ""),
        ]);
        let explorer = environment.expect("all is right").adjust(Explorer::new().seed(9));
        assert_eq!((explorer.runs, explorer.seed), (Some(1_000), 9));
        assert_eq!(explorer.strategy, Strategy::Pct { depth: 4 });
        assert_eq!(explorer.model, Model::Asyncio);
    }

    /// Source: what cargo-nextest 0.9.143 sets with `--stress-count 3`, and `none` without.
    #[test]
    fn each_time_that_nextest_runs_a_test_it_has_a_seed_of_its_own() {
        let seed = |variables: &[(&str, &str)]| {
            let environment = of(variables).expect("all is right");
            assert!(environment.warnings.is_empty(), "it is no unknown variable");
            environment.adjust(Explorer::new().seed(7)).seed
        };
        for (times, own, given) in [("none", 7, 40), ("0", 7, 40), ("1", 8, 41), ("2", 9, 42)] {
            assert_eq!(seed(&[("NEXTEST_STRESS_CURRENT", times)]), own);
            let both = [("SEEDLOOP_SEED", "40"), ("NEXTEST_STRESS_CURRENT", times)];
            assert_eq!(seed(&both), given);
        }
        let last = [("SEEDLOOP_SEED", "18446744073709551615"), ("NEXTEST_STRESS_CURRENT", "1")];
        assert_eq!(seed(&last), 0);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (name, value, text) in [
            ("SEEDLOOP_RUNS", "many", "SEEDLOOP_RUNS takes a number, not 'many'"),
            ("SEEDLOOP_PAGES", "no", "SEEDLOOP_PAGES takes on or off, not 'no'"),
            ("SEEDLOOP_MODEL", "fifo", "SEEDLOOP_MODEL takes any or asyncio, not 'fifo'"),
            (
                "SEEDLOOP_PATIENCE",
                "0",
                "SEEDLOOP_PATIENCE takes seconds, not '0': in 0 s no run is made",
            ),
            (
                "SEEDLOOP_CASE",
                "x",
                "SEEDLOOP_CASE takes a case, not 'x': a case is `sl1.<epoch>.<model>.<config>:..`, \
                 not 'x'",
            ),
        ] {
            assert_eq!(of(&[(name, value)]).expect_err("it is wrong"), text);
        }
        let unknown = of(&[("SEEDLOOP_RUN", "1")]).expect("a warning is no error").warnings;
        assert_eq!(unknown.len(), 1);
        let shard = of(&[("SEEDLOOP_SHARD", "3"), ("SEEDLOOP_SHARDS", "8")]).expect("no error");
        assert!(shard.warnings.is_empty(), "they are those of a campaign");
        assert!(unknown[0].starts_with("there is no variable SEEDLOOP_RUN, only SEEDLOOP_RUNS, "));
        assert!(unknown[0].ends_with(", SEEDLOOP_PAGES"), "and none of nextest");
    }
}
