//! The tool: the built-in commands and those of a crate's own.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufWriter, ErrorKind, IsTerminal};
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use seedloop::testing::jobs::this_program;

use crate::arguments::{Arguments, Command};
use crate::campaign::{campaign, cargo, merge};
use crate::explore::{Subject, explore, replay, shrink};
use crate::list::list;
use crate::output::Output;
use crate::run::{choose, find, run};
use crate::scenario::Scenario;
use crate::status::Status;
use crate::trace::trace;
use crate::work::work;

/// The command line over `scenarios`, with the arguments of the process: the whole `main` of a
/// tool. [`Cli`] is the same with commands of its own.
pub fn main(scenarios: &[Scenario]) -> ExitCode {
    Cli::new(scenarios).run()
}

/// The command line over a table of scenarios, and commands that a crate adds.
///
/// ```
/// use seedloop_cli::{Cli, Output, Status, clap};
///
/// /// The arguments of `conform`, in the manner of clap.
/// #[derive(clap::Args)]
/// struct Conform {
///     /// How many programs to compare
///     #[arg(long, default_value_t = 100)]
///     programs: u32,
/// }
///
/// let cli = Cli::new(&[]).command(
///     "conform",
///     "Compare random programs with CPython",
///     |arguments: Conform, output: &mut Output<'_>| {
///         writeln!(output, "{} programs agree", arguments.programs)?;
///         Ok(Status::Success)
///     },
/// );
/// let (mut out, mut err) = (Vec::new(), Vec::new());
/// let arguments = ["tool", "conform", "--programs", "3"];
/// let status = cli.run_with(arguments, &mut Output::new(&mut out, &mut err));
/// assert_eq!(status, Status::Success);
/// assert_eq!(out, b"3 programs agree\n");
/// ```
///
/// A tool ends its `main` with [`Cli::run`], which takes the arguments of the process.
#[derive(Debug)]
pub struct Cli<'a> {
    scenarios: &'a [Scenario],
    known_bugs: &'a [Scenario],
    added: Vec<Added<'a>>,
}

type RunAdded<'a> =
    Box<dyn FnOnce(&ArgMatches, &mut Output<'_>) -> io::Result<Result<Status, clap::Error>> + 'a>;

/// A command of the crate's own.
struct Added<'a> {
    command: clap::Command,
    run: RunAdded<'a>,
}

impl fmt::Debug for Added<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Added").field(&self.command.get_name()).finish()
    }
}

impl<'a> Cli<'a> {
    /// Makes the command line over `scenarios` with the built-in commands.
    pub fn new(scenarios: &'a [Scenario]) -> Self {
        Cli { scenarios, known_bugs: &[], added: Vec::new() }
    }

    /// Adds scenarios in which a bug is known: exploring them has to find it.
    pub fn known_bugs(mut self, known_bugs: &'a [Scenario]) -> Self {
        self.known_bugs = known_bugs;
        self
    }

    /// Adds a command: its name, what `--help` says of it, and what it does.
    ///
    /// Its arguments are a struct that derives [`clap::Args`], or `()` for none. An error of the
    /// command is one of its output; what went wrong otherwise it complains of and returns as a
    /// [`Status`].
    ///
    /// # Panics
    ///
    /// When the command line is built, in a debug build: if the name is taken.
    pub fn command<A: clap::Args>(
        mut self,
        name: &'static str,
        about: &'static str,
        run: impl FnOnce(A, &mut Output<'_>) -> io::Result<Status> + 'a,
    ) -> Self {
        let command = A::augment_args(clap::Command::new(name)).about(about).long_about(None);
        let run: RunAdded<'a> = Box::new(|matches, output| match A::from_arg_matches(matches) {
            Ok(arguments) => run(arguments, output).map(Ok),
            Err(error) => Ok(Err(error)),
        });
        self.added.push(Added { command, run });
        self
    }

    /// Does what the arguments of the process say.
    pub fn run(self) -> ExitCode {
        with_process(|output| self.dispatch(std::env::args_os(), output))
    }

    /// Does what `arguments` say, of which the first is the name of the program.
    pub fn run_with<S>(
        self,
        arguments: impl IntoIterator<Item = S>,
        output: &mut Output<'_>,
    ) -> Status
    where
        S: Into<OsString> + Clone,
    {
        let done = self.dispatch(arguments, output);
        conclude(done, output)
    }

    fn dispatch<S>(
        self,
        arguments: impl IntoIterator<Item = S>,
        output: &mut Output<'_>,
    ) -> io::Result<Status>
    where
        S: Into<OsString> + Clone,
    {
        let added = self.added.iter().map(|added| added.command.clone());
        let command =
            Arguments::command().after_help(Status::table()).subcommands(added.collect::<Vec<_>>());
        let matches = match command.try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) => return say(&error, output),
        };
        if let Some((name, matches)) = matches.subcommand()
            && let Some(added) =
                self.added.into_iter().find(|added| added.command.get_name() == name)
        {
            return match (added.run)(matches, output)? {
                Ok(status) => Ok(status),
                Err(error) => say(&error, output),
            };
        }
        match Arguments::from_arg_matches(&matches) {
            Ok(arguments) => {
                let Cli { scenarios, known_bugs, .. } = self;
                built_in(Tables { scenarios, known_bugs }, arguments.command, output)
            }
            Err(error) => say(&error, output),
        }
    }
}

/// Hands on what was written, and tells how a command has ended.
fn conclude(done: io::Result<Status>, output: &mut Output<'_>) -> Status {
    match done.and_then(|status| output.flush().map(|()| status)) {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Status::Success,
        Err(error) => {
            output.complain_unflushed(format_args!("error: cannot write: {error}"));
            Status::Unwritable
        }
    }
}

/// Runs a command of this process, with its output.
fn with_process(command: impl FnOnce(&mut Output<'_>) -> io::Result<Status>) -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "it says nothing of runs")]
    let no_color = std::env::var_os("NO_COLOR");
    let has_colors = may_color(io::stdout().is_terminal(), no_color);
    // Not locked for good: what a scenario prints by itself must get through where it is run here.
    // What it prints in a worker goes nowhere.
    let mut out = BufWriter::new(io::stdout());
    let mut err = io::stderr();
    let shows_progress = err.is_terminal();
    let output = Output::new(&mut out, &mut err);
    let mut output = output.with_progress(shows_progress).with_colors(has_colors);
    // Whoever calls `run_with` may be another program than one with these commands. Elsewhere than
    // on Unix there are no workers.
    if cfg!(unix) {
        output = output.with_program(this_program);
    }
    let done = command(&mut output);
    conclude(done, &mut output).into()
}

/// The whole `main` of `cargo seedloop`, which cargo starts with its own name as the first
/// argument.
pub fn cargo_main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|argument| argument == "seedloop") {
        arguments.remove(1);
    }
    with_process(|output| cargo(arguments, output))
}

/// Whether results are coloured. Source: <https://no-color.org>: any text but the empty one says
/// that they are not.
fn may_color(is_terminal: bool, no_color: Option<OsString>) -> bool {
    is_terminal && no_color.is_none_or(|text| text.is_empty())
}

/// What there is to run and to explore.
#[derive(Clone, Copy, Debug)]
struct Tables<'a> {
    scenarios: &'a [Scenario],
    known_bugs: &'a [Scenario],
}

impl<'a> Tables<'a> {
    fn subjects(self) -> Vec<Subject<'a>> {
        let subject = |is_bug| move |scenario| Subject { scenario, is_bug };
        let scenarios = self.scenarios.iter().map(subject(false));
        scenarios.chain(self.known_bugs.iter().map(subject(true))).collect()
    }

    fn all(self) -> Vec<Scenario> {
        self.scenarios.iter().chain(self.known_bugs).copied().collect()
    }

    fn find(self, name: &str, output: &mut Output<'_>) -> io::Result<Option<Subject<'a>>> {
        let found = find(&self.all(), name, output)?.map(|scenario| scenario.name);
        Ok(found.and_then(|name| {
            self.subjects().into_iter().find(|subject| subject.scenario.name == name)
        }))
    }

    fn choose(
        self,
        names: &[String],
        output: &mut Output<'_>,
    ) -> io::Result<Option<Vec<Subject<'a>>>> {
        let mut chosen = Some(Vec::new());
        for name in names {
            match (self.find(name, output)?, &mut chosen) {
                (Some(subject), Some(chosen)) => chosen.push(subject),
                // Nothing is explored if one is unknown, but all unknown ones are told.
                _ => chosen = None,
            }
        }
        Ok(chosen)
    }
}

fn built_in(tables: Tables<'_>, command: Command, output: &mut Output<'_>) -> io::Result<Status> {
    let all = tables.all();
    match command {
        Command::List => list(&all, output),
        // All of them are those whose outcome is right in the run without a seed.
        Command::Run { names: _, all: true, times } => {
            let scenarios: Vec<&Scenario> = tables.scenarios.iter().collect();
            run(&scenarios, times, output)
        }
        Command::Run { names, all: _, times } => match choose(&all, &names, output)? {
            Some(chosen) => run(&chosen, times, output),
            None => Ok(Status::Usage),
        },
        Command::Explore { names, arguments } => {
            let subjects = match names.is_empty() {
                true => Some(tables.subjects()),
                false => tables.choose(&names, output)?,
            };
            match subjects {
                Some(subjects) => explore(&subjects, &arguments, output),
                None => Ok(Status::Usage),
            }
        }
        Command::Worker { name, arguments } => match tables.find(&name, output)? {
            Some(subject) => work(subject, &arguments, output),
            None => Ok(Status::Usage),
        },
        Command::Campaign { name, arguments } => match tables.find(&name, output)? {
            Some(subject) => campaign(subject, &arguments, output),
            None => Ok(Status::Usage),
        },
        Command::Merge { arguments } => merge(&arguments, output),
        Command::Replay { name, case } => match tables.find(&name, output)? {
            Some(subject) => replay(subject, &case, output),
            None => Ok(Status::Usage),
        },
        Command::Shrink { name, case } => match tables.find(&name, output)? {
            Some(subject) => shrink(subject, &case, output),
            None => Ok(Status::Usage),
        },
        Command::Trace { name, arguments } => match find(&all, &name, output)? {
            Some(scenario) => trace(scenario, &arguments, output),
            None => Ok(Status::Usage),
        },
    }
}

/// Prints what clap has to say: help and version are results, the rest are complaints.
pub(crate) fn say(error: &clap::Error, output: &mut Output<'_>) -> io::Result<Status> {
    if error.use_stderr() {
        output.complain(error.render())?;
        return Ok(Status::Usage);
    }
    write!(output, "{}", error.render())?;
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_terminals_have_colours_and_only_if_nobody_minds() {
        let cases = [
            (true, None, true),
            (true, Some(""), true),
            (true, Some("1"), false),
            (false, None, false),
            (false, Some(""), false),
        ];
        for (is_terminal, no_color, expected) in cases {
            assert_eq!(may_color(is_terminal, no_color.map(OsString::from)), expected);
        }
    }
}
