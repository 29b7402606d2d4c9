//! Which shards a process runs: what the command line says, and the engine that started it.

use super::seeds::SHARDS_MAX;
use super::wrong::Wrong;

/// The variables that may say how many shards there are, and which one this is: the first that is
/// set counts.
const COUNT: &str = "SEEDLOOP_SHARDS";
const INDICES: [&str; 4] =
    ["SEEDLOOP_SHARD", "SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX"];

/// Which shards to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shards {
    pub(super) count: u32,
    /// None for all of them, one after the other.
    pub(super) index: Option<u32>,
}

/// A number, and who says it.
type Said = (u32, &'static str);

impl Shards {
    /// Takes what the command line says, and else what `variable` returns for a name.
    pub(super) fn choose(
        count: Option<u32>,
        index: Option<u32>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Wrong> {
        let index = match index {
            Some(index) => Some((index, "--shard")),
            None => first(&INDICES, variable, 0)?,
        };
        let count = match count {
            Some(count) => Some((count, "--shards")),
            None => first(&[COUNT], variable, 1)?,
        };
        match (count, index) {
            (None, None) => Ok(Shards { count: 1, index: None }),
            (Some((count, _)), None) => Ok(Shards { count, index: None }),
            (None, Some((index, name))) => Err(Wrong::usage(format!(
                "{name} says that this is shard {index}, and nothing of how many there are"
            ))
            .tip("say it with '--shards N' or SEEDLOOP_SHARDS=N, the same for all of them")),
            (Some((count, _)), Some((index, _))) if index < count => {
                Ok(Shards { count, index: Some(index) })
            }
            (Some(count), Some(index)) => Err(too_large(count, index)),
        }
    }
}

fn too_large((count, by): Said, (index, name): Said) -> Wrong {
    let last = count - 1;
    let wrong = Wrong::usage(format!(
        "{name} says that this is shard {index}, and {by} that there are {count}, from 0 to {last}"
    ));
    match name {
        "SLURM_ARRAY_TASK_ID" => wrong.tip(&format!("number the array from 0: --array=0-{last}")),
        _ => wrong.tip("number them from 0"),
    }
}

fn first(
    names: &[&'static str],
    variable: &dyn Fn(&str) -> Option<String>,
    least: u32,
) -> Result<Option<Said>, Wrong> {
    for name in names {
        let Some(text) = variable(name) else { continue };
        let number = text.parse().ok().filter(|number| (least..=SHARDS_MAX).contains(number));
        return match number {
            Some(number) => Ok(Some((number, name))),
            None => Err(Wrong::usage(format!(
                "{name} is '{text}', which is no number from {least} to {SHARDS_MAX}"
            ))),
        };
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        count: Option<u32>,
        index: Option<u32>,
        variables: &[(&str, &str)],
    ) -> Result<Shards, Wrong> {
        Shards::choose(count, index, &|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_command_line_counts_before_the_variables() {
        let all = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "4"),
            ("JOB_COMPLETION_INDEX", "3"),
            ("SLURM_ARRAY_TASK_ID", "2"),
            ("SEEDLOOP_SHARD", "1"),
            ("SEEDLOOP_SHARDS", "8"),
        ];
        let of = |count, index| Ok(Shards { count, index });
        assert_eq!(choose(None, None, &[]), of(1, None));
        assert_eq!(choose(Some(5), None, &[]), of(5, None));
        assert_eq!(choose(None, None, &all[4..]), of(8, None));
        for (skipped, index) in [(3, 1), (2, 1), (0, 1)] {
            assert_eq!(choose(None, None, &all[skipped..]), of(8, Some(index)));
        }
        let without = |from: usize, to| choose(Some(8), None, &all[from..to]);
        assert_eq!(
            [without(0, 1), without(0, 2), without(0, 3)]
                .map(|shards| { shards.expect("a shard").index }),
            [Some(4), Some(3), Some(2)]
        );
        assert_eq!(choose(Some(7), Some(6), &all), of(7, Some(6)));
    }

    #[test]
    fn what_is_wrong_is_told_with_how_it_is_right() {
        let check = |chosen: Result<Shards, Wrong>, expected: &str| {
            assert_eq!(chosen.expect_err("an error").text(), (2, expected));
        };
        let task = ("SLURM_ARRAY_TASK_ID", "8");
        check(
            choose(None, None, &[task]),
            "SLURM_ARRAY_TASK_ID says that this is shard 8, and nothing of how many there are\n  \
             tip: say it with '--shards N' or SEEDLOOP_SHARDS=N, the same for all of them",
        );
        check(
            choose(None, None, &[task, ("SEEDLOOP_SHARDS", "8")]),
            "SLURM_ARRAY_TASK_ID says that this is shard 8, and SEEDLOOP_SHARDS that there are 8, \
             from 0 to 7\n  tip: number the array from 0: --array=0-7",
        );
        check(
            choose(Some(2), Some(2), &[]),
            "--shard says that this is shard 2, and --shards that there are 2, from 0 to 1\n  \
             tip: number them from 0",
        );
        for (name, text, least) in [
            ("SEEDLOOP_SHARD", "", 0),
            ("JOB_COMPLETION_INDEX", "one", 0),
            ("AWS_BATCH_JOB_ARRAY_INDEX", "-1", 0),
            ("SEEDLOOP_SHARDS", "0", 1),
            ("SEEDLOOP_SHARDS", "100000", 1),
        ] {
            let expected = format!("{name} is '{text}', which is no number from {least} to 99999");
            check(choose(None, None, &[(name, text)]), &expected);
        }
    }
}
