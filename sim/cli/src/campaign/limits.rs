//! What bounds a process of a campaign: how many workers it has, and how long a run may take.

use std::num::NonZero;
use std::str::FromStr;

use super::wrong::Wrong;

/// The variables that say so where the command line does not, the same as for a test.
const JOBS: &str = "SEEDLOOP_JOBS";
const PATIENCE: &str = "SEEDLOOP_PATIENCE";

/// How long a run may take unless somebody says otherwise, in seconds.
pub(crate) const PATIENCE_S: NonZero<u64> = NonZero::new(60).unwrap();

/// What bounds a process of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// How many processes make the runs; as many as there are cores if nobody says so.
    pub(super) jobs: Option<NonZero<usize>>,
    /// How long a run may take, in seconds of real time.
    pub(super) patience: NonZero<u64>,
}

impl Limits {
    /// Takes what the command line says, and else what `variable` returns for a name.
    pub(super) fn choose(
        jobs: Option<NonZero<usize>>,
        patience: Option<NonZero<u64>>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Wrong> {
        let jobs = match jobs {
            None => number(JOBS, variable)?,
            jobs => jobs,
        };
        let patience = match patience {
            None => number(PATIENCE, variable)?,
            patience => patience,
        };
        Ok(Limits { jobs, patience: patience.unwrap_or(PATIENCE_S) })
    }
}

/// The number that a variable says, written as one for a test; one without a text is not set.
fn number<N: FromStr>(
    name: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<N>, Wrong> {
    let Some(text) = variable(name).filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    match text.trim().replace('_', "").parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => {
            let wrong = Wrong::usage(format!("{name} is '{text}', which is no number from 1 on"));
            Err(wrong.tip(&format!("unset {name}, or say the number with an option")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        jobs: usize,
        patience: u64,
        variables: &[(&str, &str)],
    ) -> Result<(usize, u64), String> {
        let limits = Limits::choose(NonZero::new(jobs), NonZero::new(patience), &|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let limits = limits.map_err(|wrong| {
            assert_eq!(wrong.text().0, 2);
            wrong.text
        })?;
        Ok((limits.jobs.map_or(0, NonZero::get), limits.patience.get()))
    }

    #[test]
    fn the_command_line_counts_before_the_variables() {
        assert_eq!(choose(0, 0, &[]), Ok((0, 60)));
        let both = [("SEEDLOOP_JOBS", "3"), ("SEEDLOOP_PATIENCE", " 1_000 ")];
        assert_eq!(choose(0, 0, &both), Ok((3, 1_000)));
        assert_eq!(choose(2, 5, &both), Ok((2, 5)));
        assert_eq!(choose(0, 0, &[("SEEDLOOP_JOBS", ""), ("SEEDLOOP_PATIENCE", " ")]), Ok((0, 60)));
    }

    #[test]
    fn what_is_no_number_is_told() {
        for (name, text) in [
            ("SEEDLOOP_JOBS", "x"),
            ("SEEDLOOP_JOBS", "0"),
            ("SEEDLOOP_PATIENCE", "0"),
            ("SEEDLOOP_PATIENCE", "-1"),
            ("SEEDLOOP_PATIENCE", "1.5"),
        ] {
            let expected = format!(
                "{name} is '{text}', which is no number from 1 on\n  tip: unset {name}, or say the \
                 number with an option"
            );
            assert_eq!(choose(0, 0, &[(name, text)]), Err(expected));
            // What is said on the command line counts alone.
            assert_eq!(choose(2, 5, &[(name, text)]), Ok((2, 5)));
        }
    }
}
