//! Compares seedloop with CPython on fresh random programs: `just conformance N`.
//!
//!     cargo run --release --example conformance -- N [--from SEED] [--profile NAME]
//!
//! Generates N programs over all profiles, runs both sides and prints every difference, shrunk to
//! the smallest program, side by side. The seed of the first program is drawn from the clock unless
//! it is given, and printed, so that a run can be repeated. Ends with an error if there is a
//! difference, or no CPython 3.13.

mod compare;
mod generate;
mod oracle;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::process::ExitCode;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use scenarios::conform::program::Program;

use compare::{Answer, differ, our_answer, read_answer, side_by_side};
use generate::{Profile, program, sample};
use oracle::Oracle;

/// So many oracles run at a time.
const ORACLES: usize = 2;

/// So many questions to one oracle are open at a time: what surely fits into a pipe.
const OPEN_MAX: usize = 2;

/// So many runs of a program are spent on making it smaller.
const SHRINKS_MAX: usize = 20_000;

/// Differences that are shrunk and printed; of the others only the names.
const SHOWN_MAX: usize = 10;

struct Options {
    programs: u64,
    from: u64,
    profiles: Vec<Profile>,
}

fn main() -> ExitCode {
    let result = options(std::env::args().skip(1)).and_then(|options| {
        let mut out = io::stdout().lock();
        compare_all(&options, &mut out)
    });
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // There is nowhere else to tell it.
            drop(writeln!(io::stderr(), "conformance: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { programs: 0, from: seed(), profiles: Profile::ALL.to_vec() };
    while let Some(argument) = arguments.next() {
        let number = |text: Option<String>| {
            let text = text.ok_or_else(|| format!("{argument} needs a number"))?;
            text.replace('_', "").parse::<u64>().map_err(|error| format!("{text}: {error}"))
        };
        match argument.as_str() {
            "--from" => options.from = number(arguments.next())?,
            "--profile" => {
                let name = arguments.next().unwrap_or_default();
                let named = Profile::ALL.into_iter().find(|profile| profile.name() == name);
                let names = Profile::ALL.map(Profile::name).join(", ");
                let named = named.ok_or(format!("--profile takes one of {names}"))?;
                options.profiles = vec![named];
            }
            _ => options.programs = number(Some(argument.clone()))?,
        }
    }
    match options.programs {
        0 => Err("say how many programs are to be compared".to_owned()),
        _ => Ok(options),
    }
}

/// A seed that is another one each time.
#[expect(clippy::disallowed_methods, reason = "fresh programs are the point; it is printed")]
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() * 1_000_000)
}

/// A program that an oracle has been asked about.
struct Question {
    profile: Profile,
    seed: u64,
    text: String,
}

/// Compares all; returns how many differ.
fn compare_all(options: &Options, out: &mut impl Write) -> Result<usize, String> {
    let failed = |error: io::Error| error.to_string();
    let mut oracles = Vec::new();
    for _ in 0..ORACLES {
        oracles.push((Oracle::start()?, VecDeque::new()));
    }
    let version = oracles[0].0.version().to_owned();
    let Options { programs, from, .. } = *options;
    writeln!(out, "{programs} programs from seed {from}, against CPython {version}")
        .map_err(failed)?;
    let mut next = 0;
    let mut differing = Vec::new();
    loop {
        let mut idle = true;
        for (oracle, open) in &mut oracles {
            while open.len() < OPEN_MAX && next < programs {
                let profile = options.profiles[next as usize % options.profiles.len()];
                let question = question(profile, from + next);
                oracle.ask(&question.text).map_err(failed)?;
                open.push_back(question);
                next += 1;
            }
            let Some(question) = open.pop_front() else { continue };
            idle = false;
            let theirs = read_answer(&oracle.answer().map_err(failed)?);
            if differ(&our_answer(&question.text), &theirs) {
                differing.push(question);
            }
        }
        if idle {
            break;
        }
    }
    for question in differing.iter().take(SHOWN_MAX) {
        show(question, &mut oracles[0].0, out).map_err(failed)?;
    }
    for question in differing.iter().skip(SHOWN_MAX) {
        writeln!(out, "{}:{} differs too", question.profile.name(), question.seed)
            .map_err(failed)?;
    }
    writeln!(out, "{programs} programs, {} differ", differing.len()).map_err(failed)?;
    Ok(differing.len())
}

fn question(profile: Profile, seed: u64) -> Question {
    Question { profile, seed, text: sample(profile, seed).to_json().to_string() }
}

fn theirs(oracle: &mut Oracle, text: &str) -> io::Result<Answer> {
    oracle.ask(text)?;
    Ok(read_answer(&oracle.answer()?))
}

/// Prints the smallest program that proptest finds in place of this one, and how it differs.
fn show(question: &Question, oracle: &mut Oracle, out: &mut impl Write) -> io::Result<()> {
    let Question { profile, seed, .. } = question;
    let small = shrink(question, oracle)?;
    let text = small.to_json().to_string();
    let (ours, theirs) = (our_answer(&text), theirs(oracle, &text)?);
    writeln!(out, "\n{}:{seed} differs; the smallest program that does:", profile.name())?;
    writeln!(out, "  {text}\n{}", side_by_side(&theirs, &ours))
}

fn shrink(question: &Question, oracle: &mut Oracle) -> io::Result<Program> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&question.seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = program(question.profile).new_tree(&mut runner);
    let mut tree = tree.map_err(|reason| io::Error::other(reason.message().to_owned()))?;
    let mut smallest = tree.current();
    let mut left = if tree.simplify() { SHRINKS_MAX } else { 0 };
    while left > 0 {
        left -= 1;
        let smaller = tree.current();
        let text = smaller.to_json().to_string();
        let goes_on = if differ(&our_answer(&text), &theirs(oracle, &text)?) {
            smallest = smaller;
            tree.simplify()
        } else {
            tree.complicate()
        };
        if !goes_on {
            break;
        }
    }
    Ok(smallest)
}
