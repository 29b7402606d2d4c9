//! What the numbers in events stand for.

use std::collections::BTreeMap;

use super::text::one_line;
use crate::base::{Place, Source, TaskNumber};
use crate::runner::Outcome;

/// What a report calls the loop and its callbacks.
const LOOP: &str = "loop";

/// What a report calls the outside: pools, the network.
const OUTSIDE: &str = "outside";

/// The names of one run.
#[derive(Debug)]
pub(super) struct Names {
    /// By number, from 1.
    tasks: Vec<String>,
    /// By number, from 1: the kind, and the number among those of the kind.
    resources: Vec<(&'static str, usize)>,
    /// By number.
    hosts: BTreeMap<u32, String>,
}

impl Names {
    pub(super) fn of<T>(outcome: &Outcome<T>) -> Self {
        let tasks = unique(outcome.tasks.iter().map(|task| one_line(&task.name)).collect());
        let hosts = outcome.setting.hosts.clone();
        Names { tasks, resources: numbered(&outcome.resources), hosts }
    }

    pub(super) fn task(&self, number: TaskNumber) -> String {
        match by_number(&self.tasks, number) {
            Some(name) => name.clone(),
            None => format!("task#{number}"),
        }
    }

    pub(super) fn source(&self, source: Source) -> String {
        match source {
            Source::Task(number) => self.task(number),
            Source::Loop => LOOP.to_owned(),
            Source::Outside => OUTSIDE.to_owned(),
        }
    }

    pub(super) fn host(&self, number: u32) -> String {
        let name = self.hosts.get(&number);
        name.map_or_else(|| format!("host#{number}"), |name| format!("host '{name}'"))
    }

    /// What a resource is called: its kind, and its full name.
    pub(super) fn resource(&self, number: u32) -> (&'static str, String) {
        match by_number(&self.resources, number) {
            Some((kind, of_kind)) => (kind, format!("{kind}#{of_kind}")),
            None => ("resource", format!("resource#{number}")),
        }
    }
}

fn by_number<T>(all: &[T], number: u32) -> Option<&T> {
    all.get((number as usize).checked_sub(1)?)
}

/// Counts each kind apart.
fn numbered(kinds: &[&'static str]) -> Vec<(&'static str, usize)> {
    let mut made: BTreeMap<&'static str, usize> = BTreeMap::new();
    let number = |kind: &&'static str| {
        let of_kind = made.entry(*kind).or_default();
        *of_kind += 1;
        (*kind, *of_kind)
    };
    kinds.iter().map(number).collect()
}

/// Adds the number of the task to names that would not tell who is meant.
fn unique(mut names: Vec<String>) -> Vec<String> {
    let mut sorted = names.to_vec();
    sorted.extend([LOOP.to_owned(), OUTSIDE.to_owned()]);
    sorted.sort();
    for (index, name) in names.iter_mut().enumerate() {
        let from = sorted.partition_point(|other| other < name);
        if sorted.get(from + 1) == Some(name) {
            *name = format!("{name}#{}", index + 1);
        }
    }
    names
}

/// What went wrong, and where, if that is known: `a host crashes: 'db' during 'sync file'`.
pub(super) fn fault_text(class: &str, details: &[String], detail: u32) -> String {
    match by_number(details, detail) {
        Some(told) => format!("{class}: {}", one_line(told)),
        None => class.to_owned(),
    }
}

/// Returns ` at file:line`, or nothing for a line of a library, which tells its user nothing.
pub(super) fn at(place: Option<Place>) -> String {
    match place {
        Some(place) if !place.is_in_library() => format!(" at {place}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;

    #[test]
    fn names_that_coincide_get_numbers() {
        let names = ["main", "worker", "worker", "loop"].map(str::to_owned);
        assert_eq!(unique(names.to_vec()), ["main", "worker#2", "worker#3", "loop#4"]);
    }

    /// As many resources as a run with a timeout for each of its requests makes.
    #[test]
    fn resources_are_numbered_by_kind() {
        let kinds = ["timeout", "lock", "timeout"].repeat(100_000);
        let numbered = numbered(&kinds);
        assert_eq!(numbered[..3], [("timeout", 1), ("lock", 1), ("timeout", 2)]);
        assert_eq!(
            numbered[299_997..],
            [("timeout", 199_999), ("lock", 100_000), ("timeout", 200_000)]
        );
    }

    #[test]
    fn places_in_the_library_are_not_shown() {
        assert_eq!(at(None), "");
        assert_eq!(at(Some(Location::caller().into())), "");
        let mut place = Place::from(Location::caller());
        (place.file, place.line) = ("app.rs", 3);
        assert_eq!(at(Some(place)), " at app.rs:3");
    }
}
