//! The command `run`, and what others share with it.

use std::io;

use seedloop::{Outcome, Result, report};

use crate::nearest::nearest;
use crate::output::Output;
use crate::scenario::Scenario;
use crate::status::Status;

/// Runs scenarios and prints their transcripts.
pub(crate) fn run(
    chosen: &[&Scenario],
    times: bool,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let mut failed: Vec<&str> = Vec::new();
    for (index, scenario) in chosen.iter().enumerate() {
        if chosen.len() > 1 {
            let gap = if index == 0 { "" } else { "\n" };
            let Scenario { name, section, summary, .. } = scenario;
            writeln!(output, "{gap}== {name} ({section}): {summary}")?;
        }
        let outcome = scenario.run();
        write!(output, "{}", report::transcript(&outcome, times))?;
        if conclude(scenario, &outcome, output)? == Status::Failed {
            let name = scenario.name;
            output.complain(format_args!("  tip: 'trace {name}' draws it step by step"))?;
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(Status::Success);
    }
    if chosen.len() > 1 {
        let names = failed.join(", ");
        let (failed, all) = (failed.len(), chosen.len());
        output.complain(format_args!("error: {failed} of {all} scenarios failed: {names}"))?;
    }
    Ok(Status::Failed)
}

/// Complains of what the loop reported and of what is wrong with the outcome.
pub(crate) fn conclude(
    scenario: &Scenario,
    outcome: &Outcome<Result<()>>,
    output: &mut Output<'_>,
) -> io::Result<Status> {
    let name = scenario.name;
    let reports = report::reports(outcome);
    if !reports.is_empty() {
        output.complain(format_args!("warning: the loop of scenario '{name}' reported"))?;
        for line in reports.lines() {
            output.complain(format_args!("  {line}"))?;
        }
    }
    match scenario.judge(outcome) {
        Ok(()) => Ok(Status::Success),
        Err(wrong) => {
            output.complain(format_args!("error: scenario '{name}' {wrong}"))?;
            Ok(Status::Failed)
        }
    }
}

/// Finds the scenarios that `run` is to run; complains of what is wrong with the choice.
pub(crate) fn choose<'a>(
    scenarios: &'a [Scenario],
    names: &[String],
    output: &mut Output<'_>,
) -> io::Result<Option<Vec<&'a Scenario>>> {
    if names.is_empty() {
        output.complain(
            "error: no scenario is named\n  \
             tip: name one or more, or say '--all'; 'list' prints the names",
        )?;
        return Ok(None);
    }
    let mut chosen = Some(Vec::new());
    for name in names {
        match (find(scenarios, name, output)?, &mut chosen) {
            (Some(scenario), Some(chosen)) => chosen.push(scenario),
            // Nothing is run if one is unknown, but all unknown ones are told.
            _ => chosen = None,
        }
    }
    Ok(chosen)
}

/// Finds a scenario by its name, or complains and offers the nearest.
pub(crate) fn find<'a>(
    scenarios: &'a [Scenario],
    name: &str,
    output: &mut Output<'_>,
) -> io::Result<Option<&'a Scenario>> {
    let found = scenarios.iter().find(|scenario| scenario.name == name);
    if found.is_none() {
        let near = nearest(name, scenarios.iter().map(|scenario| scenario.name));
        let near: Vec<String> = near.into_iter().map(|name| format!("'{name}'")).collect();
        let tip = match near.as_slice() {
            [] => "'list' prints the names".to_owned(),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        output.complain(format_args!("error: no scenario is called '{name}'\n  tip: {tip}"))?;
    }
    Ok(found)
}
