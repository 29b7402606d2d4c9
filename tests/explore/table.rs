//! The table of how many schedules each strategy needs for each known bug.

use std::fmt::Write;

use scenarios::known_bugs::{ALL, KnownBug};
use seedloop::Result;
use seedloop::explore::{Explorer, Failure, Strategy};

/// The strategies, each a column; the portfolio has two more.
const STRATEGIES: [Strategy; 10] = [
    Strategy::Fifo,
    Strategy::Random,
    Strategy::Pct { depth: 3 },
    Strategy::Pos,
    Strategy::Urw,
    Strategy::Surw,
    Strategy::Hold,
    Strategy::Rush,
    Strategy::Revisit,
    Strategy::Dpor,
];

/// How much is tried for a table.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How often each bug is looked for, each time with another seed.
    pub(crate) trials: u64,
    /// How many schedules a single strategy may take.
    pub(crate) single_max: u64,
    /// How many schedules the portfolio may take.
    pub(crate) portfolio_max: u64,
}

/// The failure that an exploration finds, if it finds one.
pub(crate) fn explored(explorer: &Explorer, body: fn() -> Result<()>) -> Option<Box<Failure>> {
    explorer.explore_runs(&body, &|_| Ok(())).failure
}

/// Makes the table: `mean/worst` of the schedules up to the first failure.
pub(crate) fn table(effort: Effort) -> String {
    let mut text = format!("{:22}", "");
    for strategy in STRATEGIES {
        write!(text, "{:>20}", strategy.to_string()).expect("a String takes all");
    }
    writeln!(text, "{:>20}{:>8}{:>6}", "portfolio", "median", "size").expect("a String takes all");
    for bug in ALL {
        text.push_str(row(bug, effort).trim_end());
        text.push('\n');
    }
    text
}

/// How soon the portfolio alone finds a bug.
#[cfg_attr(test, expect(dead_code, reason = "tests look for what is found sooner"))]
pub(crate) fn alone(bug: &KnownBug, effort: Effort) -> String {
    let explorer = Explorer::new().runs(effort.portfolio_max).shrink_replays(0);
    let found = trials_of(&explorer, bug, effort.trials);
    let runs = found.iter().map(|failure| failure.run).collect();
    format!("{:22}portfolio {}\n", bug.name, summary(runs, effort.trials))
}

fn row(bug: &KnownBug, effort: Effort) -> String {
    let mut row = format!("{:22}", bug.name);
    for strategy in STRATEGIES {
        // The same run again and again finds nothing more, nor does the same search.
        let most = if strategy == Strategy::Fifo { 1 } else { effort.single_max };
        let is_one = matches!(strategy, Strategy::Fifo | Strategy::Dpor);
        let trials = if is_one { 1 } else { effort.trials };
        let explorer = Explorer::new().strategy(strategy).runs(most).shrink_replays(0);
        let found = trials_of(&explorer, bug, trials);
        let runs: Vec<u64> = found.iter().map(|failure| failure.run).collect();
        write!(row, "{:>20}", summary(runs, trials)).expect("a String takes all");
    }
    let explorer = Explorer::new().runs(effort.portfolio_max);
    let found = trials_of(&explorer, bug, effort.trials);
    let mut runs: Vec<u64> = found.iter().map(|failure| failure.run).collect();
    runs.sort_unstable();
    let median = runs.get(runs.len() / 2).map_or_else(|| "-".to_owned(), u64::to_string);
    let mut sizes: Vec<usize> = found.iter().map(|failure| failure.case.len()).collect();
    sizes.sort_unstable();
    let size = match sizes[..] {
        [] => "-".to_owned(),
        [first, .., last] if first != last => format!("{first}-{last}"),
        [first, ..] => first.to_string(),
    };
    let runs = summary(runs, effort.trials);
    write!(row, "{runs:>20}{median:>8}{size:>6}").expect("a String takes all");
    row
}

fn trials_of(explorer: &Explorer, bug: &KnownBug, trials: u64) -> Vec<Failure> {
    let explored = |seed| explored(&explorer.clone().seed(seed), bug.body);
    (0..trials).filter_map(explored).map(|failure| *failure).collect()
}

/// `mean/worst`, and in how many trials it was found if not in all.
fn summary(runs: Vec<u64>, trials: u64) -> String {
    let (count, sum) = (runs.len() as u64, runs.iter().sum::<u64>());
    let Some(worst) = runs.iter().max() else { return "-".to_owned() };
    let tenths = (10 * sum + count / 2) / count;
    let of = if count < trials { format!(" {count}:{trials}") } else { String::new() };
    format!("{}.{}/{worst}{of}", tenths / 10, tenths % 10)
}
