//! Cases: what a person copies to see a run again.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::base::{ChoiceKind, Model, TaskKey};
use crate::event_loop::Strikes;

/// Rises when any hop or any kind of choice changes, so that an old case is told from a wrong one.
pub const EPOCH: u32 = 1;

/// A run, as what it does otherwise than the dull one in which every choice is 0.
///
/// Written `sl1.<epoch>.<model>.<config>:<deviations>`, as in `sl1.1.any.-:1.2@3>1.1`. The model is
/// `any` or `asyncio`; the configuration is `-`, or `c` where cancels may strike, `d` where drops
/// may too, and `l` with the most nanoseconds of lateness. Each deviation begins with a step, the
/// spawn path of a task and the number of its step (`1.2@3`: the third step of the second child of
/// the main task; `@3`: the loop's own third call), and goes on with what happens there:
///
/// | deviation | meaning |
/// |---|---|
/// | `1.2@3>1.1` | when that step is the next, `1.1` runs first (`>-`: the loop's own call) |
/// | `1.2@3!` | the step is held until nothing else can run |
/// | `1.2@3c`, `1.2@3d` | the task is cancelled, or dropped, at that step |
/// | `1.2@3s` | the task gives way at an await that need not wait |
/// | `1.2@3t5` | something takes the fifth of its possible durations |
/// | `1.2@3l1`, `f1`, `b1`, `v1`, `e1` | another lateness, fault, branch, value, entropy |
///
/// `1.2@3#1s` is the second choice of that kind in the step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What may run next.
    pub model: Model,
    pub(crate) strikes: Strikes,
    pub(crate) lateness: Duration,
    pub(crate) deviations: Vec<Deviation>,
}

/// A step that is held until nothing else can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) task: TaskKey,
    pub(crate) step: u32,
}

/// The positions of a task and its ancestors among their parents' children, from the eldest on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SpawnPath(pub(crate) Vec<u32>);

/// A step, by its task's path; 0 for no step.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) path: SpawnPath,
    pub(crate) step: u32,
}

/// One thing that is not as in the dull run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    pub(crate) at: Spot,
    pub(crate) deed: Deed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// This task runs first; the empty path is the loop's own call.
    Pick(SpawnPath),
    Hold,
    /// The `nth` choice of this kind in the step, from 0, is this one.
    Choose {
        kind: ChoiceKind,
        nth: u32,
        value: u32,
    },
}

impl Case {
    /// The case in which nothing deviates.
    pub fn dull(model: Model) -> Self {
        let (strikes, lateness) = (Strikes::None, Duration::ZERO);
        Case { model, strikes, lateness, deviations: Vec::new() }
    }

    /// How many things are not as in the dull run.
    pub fn len(&self) -> usize {
        self.deviations.len()
    }

    /// Tells whether it is the dull run.
    pub fn is_empty(&self) -> bool {
        self.deviations.is_empty()
    }

    /// The steps that are held.
    pub(crate) fn held(&self) -> Vec<Held> {
        let held = self.deviations.iter().filter(|deviation| deviation.deed == Deed::Hold);
        held.map(|Deviation { at, .. }| Held { task: at.path.key(), step: at.step }).collect()
    }

    /// The tasks that run first somewhere.
    pub(crate) fn run_first(&self) -> BTreeSet<TaskKey> {
        let picked = self.deviations.iter().filter_map(|deviation| match &deviation.deed {
            Deed::Pick(path) => Some(path.key()),
            _ => None,
        });
        picked.collect()
    }

    /// The same with other deviations.
    pub(crate) fn with(&self, deviations: Vec<Deviation>) -> Self {
        let Case { model, strikes, lateness, .. } = *self;
        Case { model, strikes, lateness, deviations }
    }

    /// The same without the deviations that were not met.
    pub(crate) fn only(&self, met: &[bool]) -> Self {
        let met = self.deviations.iter().zip(met).filter(|(_, met)| **met);
        self.with(met.map(|(deviation, _)| deviation.clone()).collect())
    }
}

impl SpawnPath {
    pub(crate) fn key(&self) -> TaskKey {
        self.0.iter().fold(TaskKey::LOOP, |key, index| key.child(*index))
    }
}

/// The letter of a kind of choice in a case.
const LETTERS: [(ChoiceKind, char); 7] = [
    (ChoiceKind::Switch, 's'),
    (ChoiceKind::Delay, 't'),
    (ChoiceKind::Lateness, 'l'),
    (ChoiceKind::Fault, 'f'),
    (ChoiceKind::Branch, 'b'),
    (ChoiceKind::Value, 'v'),
    (ChoiceKind::Entropy, 'e'),
];

impl fmt::Display for SpawnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, index) in self.0.iter().enumerate() {
            let dot = if position == 0 { "" } else { "." };
            write!(f, "{dot}{index}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.path, self.step)
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)?;
        match &self.deed {
            Deed::Pick(SpawnPath(path)) if path.is_empty() => f.write_str(">-"),
            Deed::Pick(path) => write!(f, ">{path}"),
            Deed::Hold => f.write_str("!"),
            Deed::Choose { kind, nth, value } => {
                if *nth > 0 {
                    write!(f, "#{nth}")?;
                }
                match (kind, value) {
                    (ChoiceKind::Cancel, 1) => f.write_str("c"),
                    (ChoiceKind::Cancel, _) => f.write_str("d"),
                    (ChoiceKind::Switch, _) => f.write_str("s"),
                    _ => {
                        let letter = LETTERS.iter().find(|(other, _)| other == kind);
                        write!(f, "{}{value}", letter.map_or('r', |(_, letter)| *letter))
                    }
                }
            }
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = match self.model {
            Model::Asyncio => "asyncio",
            Model::AnyOrder => "any",
        };
        let mut config = match self.strikes {
            Strikes::None => String::new(),
            Strikes::Cancels => "c".to_owned(),
            Strikes::CancelsAndDrops => "d".to_owned(),
        };
        if !self.lateness.is_zero() {
            config.push_str(&format!("l{}", self.lateness.as_nanos()));
        }
        let config = if config.is_empty() { "-" } else { &config };
        write!(f, "sl1.{EPOCH}.{model}.{config}:")?;
        for (position, deviation) in self.deviations.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{deviation}")?;
        }
        Ok(())
    }
}

/// What is wrong with the text of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseError {
    text: String,
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CaseError {}

fn wrong<T>(text: impl Into<String>) -> Result<T, CaseError> {
    Err(CaseError { text: text.into() })
}

impl FromStr for Case {
    type Err = CaseError;

    fn from_str(text: &str) -> Result<Self, CaseError> {
        let text = text.trim();
        let Some((head, deviations)) = text.split_once(':') else {
            return wrong(format!("a case is `sl1.<epoch>.<model>.<config>:..`, not '{text}'"));
        };
        let [version, epoch, model, config] = head.split('.').collect::<Vec<_>>()[..] else {
            return wrong(format!(
                "a case begins with `sl1.<epoch>.<model>.<config>:`, not '{head}'"
            ));
        };
        if version != "sl1" {
            return wrong(format!("a case of version '{version}'; this is a version for sl1"));
        }
        match epoch.parse::<u32>() {
            Ok(EPOCH) => {}
            Ok(other) => {
                return wrong(format!(
                    "the case is of epoch {other}, and this version of seedloop of epoch {EPOCH}: \
                     the steps that it counts are others; find the failure again by its seed"
                ));
            }
            Err(_) => return wrong(format!("the epoch '{epoch}' is no number")),
        }
        let model = match model {
            "any" => Model::AnyOrder,
            "asyncio" => Model::Asyncio,
            _ => return wrong(format!("the model '{model}' is neither `any` nor `asyncio`")),
        };
        let (strikes, lateness) = parse_config(config)?;
        let deviations: Result<Vec<Deviation>, CaseError> =
            deviations.split(',').filter(|text| !text.is_empty()).map(str::parse).collect();
        Ok(Case { model, strikes, lateness, deviations: deviations? })
    }
}

fn parse_config(config: &str) -> Result<(Strikes, Duration), CaseError> {
    let (strikes, rest) = match config.as_bytes().first() {
        Some(b'c') => (Strikes::Cancels, &config[1..]),
        Some(b'd') => (Strikes::CancelsAndDrops, &config[1..]),
        _ => (Strikes::None, config),
    };
    if rest.is_empty() || config == "-" {
        return Ok((strikes, Duration::ZERO));
    }
    match rest.strip_prefix('l').and_then(|nanos| nanos.parse::<u64>().ok()) {
        Some(nanos) => Ok((strikes, Duration::from_nanos(nanos))),
        None => wrong(format!("the configuration '{config}' is none of `-`, `c`, `d`, `l<ns>`")),
    }
}

impl FromStr for SpawnPath {
    type Err = CaseError;

    fn from_str(text: &str) -> Result<Self, CaseError> {
        if text.is_empty() {
            return Ok(SpawnPath::default());
        }
        let indices: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        match indices {
            Ok(indices) => Ok(SpawnPath(indices)),
            Err(_) => wrong(format!("the task '{text}' is no spawn path such as 1.2")),
        }
    }
}

impl FromStr for Deviation {
    type Err = CaseError;

    fn from_str(text: &str) -> Result<Self, CaseError> {
        let no = || wrong(format!("the deviation '{text}' is none such as 1.2@3>1.1"));
        let Some((path, rest)) = text.split_once('@') else { return no() };
        let (step, deed) = leading_number(rest);
        let Some(step) = step else { return no() };
        let at = Spot { path: path.parse()?, step };
        let deed = match deed.split_at_checked(1) {
            Some((">", "-")) => Deed::Pick(SpawnPath::default()),
            Some((">", path)) if !path.is_empty() => Deed::Pick(path.parse()?),
            Some(("!", "")) => Deed::Hold,
            Some(("#", rest)) => {
                let (nth, rest) = leading_number(rest);
                match (nth, parse_choice(rest)) {
                    (Some(nth), Some((kind, value))) => Deed::Choose { kind, nth, value },
                    _ => return no(),
                }
            }
            _ => match parse_choice(deed) {
                Some((kind, value)) => Deed::Choose { kind, nth: 0, value },
                None => return no(),
            },
        };
        Ok(Deviation { at, deed })
    }
}

fn leading_number(text: &str) -> (Option<u32>, &str) {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    (text[..digits].parse().ok(), &text[digits..])
}

fn parse_choice(text: &str) -> Option<(ChoiceKind, u32)> {
    match text {
        "c" => return Some((ChoiceKind::Cancel, 1)),
        "d" => return Some((ChoiceKind::Cancel, 2)),
        "s" => return Some((ChoiceKind::Switch, 1)),
        _ => {}
    }
    let letter = text.chars().next()?;
    let (kind, _) = LETTERS.iter().find(|(_, other)| *other == letter)?;
    let value = text[1..].parse().ok()?;
    Some((*kind, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_is_written() {
        for text in [
            "sl1.1.any.-:",
            "sl1.1.asyncio.-:1@2t7",
            "sl1.1.any.d:1.2@3>1.1,1.2@3>-,@4>1.12.3,1@5!,1@6c,1@7d,1@8#2s,1@9l3,@1f1,1@1b2,1@2v77",
            "sl1.1.any.cl5000000:1.1@2c",
        ] {
            let case: Case = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(case.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_case_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "a case is `sl1.<epoch>.<model>.<config>:..`, not ''"),
            ("sl2.1.any.-:", "a case of version 'sl2'; this is a version for sl1"),
            ("sl1.1.any:", "a case begins with `sl1.<epoch>.<model>.<config>:`, not 'sl1.1.any'"),
            ("sl1.1.some.-:", "the model 'some' is neither `any` nor `asyncio`"),
            ("sl1.1.any.q:", "the configuration 'q' is none of `-`, `c`, `d`, `l<ns>`"),
            ("sl1.1.any.-:1@x", "the deviation '1@x' is none such as 1.2@3>1.1"),
            ("sl1.1.any.-:1@2", "the deviation '1@2' is none such as 1.2@3>1.1"),
            ("sl1.1.any.-:1.a@2!", "the task '1.a' is no spawn path such as 1.2"),
            ("sl1.1.any.-:1@2あ", "the deviation '1@2あ' is none such as 1.2@3>1.1"),
        ] {
            assert_eq!(
                text.parse::<Case>().map_err(|error| error.to_string()),
                Err(reason.to_owned())
            );
        }
        let old = "sl1.0.any.-:".parse::<Case>().expect_err("of an old epoch").to_string();
        assert!(old.starts_with("the case is of epoch 0, and this version"), "{old}");
    }
}
