//! What a worker has counted, as lines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::line::{Line, Words};
use crate::base::Place;
use crate::event_loop::Point;
use crate::explore::{Kind, Statistics, Tally};

/// The statistics that are sums.
fn sums(statistics: &Statistics, line: Line) -> Line {
    let Statistics { runs, steps, drawn, struck, rechecked, exhausted, .. } = *statistics;
    [runs, steps, drawn, struck, rechecked, u64::from(exhausted)].into_iter().fold(line, Line::word)
}

fn read_sums(words: &mut Words) -> Result<Statistics, String> {
    let mut next = || words.next::<u64>();
    let (runs, steps, drawn, struck, rechecked) = (next()?, next()?, next()?, next()?, next()?);
    let exhausted = next()? != 0;
    Ok(Statistics { runs, steps, drawn, struck, rechecked, exhausted, ..Statistics::default() })
}

/// Adds all statistics, as an order has them.
pub(super) fn statistics_words(line: Line, statistics: &Statistics) -> Line {
    let Statistics { distinct, outcomes, seen_once, .. } = *statistics;
    let line = sums(statistics, line);
    [distinct, outcomes, seen_once].into_iter().fold(line, Line::word)
}

pub(super) fn read_statistics(words: &mut Words) -> Result<Statistics, String> {
    let sums = read_sums(words)?;
    let (distinct, outcomes, seen_once) = (words.next()?, words.next()?, words.next()?);
    Ok(Statistics { distinct, outcomes, seen_once, ..sums })
}

/// How many words of a list stand in a line.
const WORDS: usize = 1_000;

/// The lines of a list.
fn list_lines(verb: &str, words: impl Iterator<Item = String>) -> String {
    let mut words = words.peekable();
    let mut lines = String::new();
    while words.peek().is_some() {
        lines += &words.by_ref().take(WORDS).fold(Line::new(verb), Line::word).end();
    }
    lines
}

/// The lines of what was counted.
pub(super) fn tally_lines(tally: &Tally) -> String {
    let sums = sums(&tally.statistics, Line::new("counted"));
    let mut lines = sums.word(u8::from(tally.can_give_way)).end();
    let orders =
        tally.orders.iter().map(|(order, (seen, drawn))| format!("{order:x}:{seen}:{drawn}"));
    lines += &list_lines("orders", orders);
    let outcomes = tally.outcomes.iter().map(|outcome| format!("{outcome:x}"));
    lines += &list_lines("outcomes", outcomes);
    for Point { name, place, hits, satisfied } in &tally.points {
        let line = Line::new("point").word(name).word(place.file).word(place.line);
        lines += &line.word(hits).word(satisfied).end();
    }
    lines
}

/// Takes one of these lines in; says whether it was one.
pub(super) fn read_tally(tally: &mut Tally, verb: &str, words: &mut Words) -> Result<bool, String> {
    match verb {
        "counted" => {
            tally.statistics = read_sums(words)?;
            tally.can_give_way = words.next::<u8>()? != 0;
        }
        "orders" => tally.orders.extend(read_orders(words)?),
        "outcomes" => tally.outcomes.extend(read_outcomes(words)?),
        "point" => {
            let (name, file) = (words.text(), known(words.text()));
            let place = Place { file, line: words.next()? };
            let (hits, satisfied) = (words.next()?, words.next()?);
            tally.points.push(Point { name, place, hits, satisfied });
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn read_orders(words: &mut Words) -> Result<BTreeMap<u64, (u64, u64)>, String> {
    let mut orders = BTreeMap::new();
    loop {
        let word = words.text();
        if word.is_empty() {
            return Ok(orders);
        }
        let mut parts = word.split(':');
        let mut part = || parts.next().unwrap_or_default();
        let order = u64::from_str_radix(part(), 16);
        let counts = (part().parse(), part().parse());
        let (Ok(order), (Ok(seen), Ok(drawn))) = (order, counts) else {
            return Err(format!("'{word}' among the orders"));
        };
        orders.insert(order, (seen, drawn));
    }
}

fn read_outcomes(words: &mut Words) -> Result<BTreeSet<u64>, String> {
    let mut outcomes = BTreeSet::new();
    loop {
        let word = words.text();
        if word.is_empty() {
            return Ok(outcomes);
        }
        let outcome = u64::from_str_radix(&word, 16);
        outcomes.insert(outcome.map_err(|_| format!("'{word}' among the outcomes"))?);
    }
}

/// The name of a file for as long as the process lasts: there are few of them.
fn known(file: String) -> &'static str {
    static FILES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = files.get(file.as_str()) {
        return file;
    }
    let file: &'static str = Box::leak(file.into_boxed_str());
    files.insert(file);
    file
}

pub(super) fn kind_line(kind: &Kind) -> String {
    let case = kind.case.as_ref().map(ToString::to_string).unwrap_or_default();
    let line = Line::new("kind").word(&kind.signature).word(&kind.kind).word(&kind.message);
    line.word(kind.run).word(case).word(kind.fingerprint).word(kind.count).end()
}

pub(super) fn read_kind(words: &mut Words) -> Result<Kind, String> {
    let (signature, kind, message) = (words.text(), words.text(), words.text());
    let run = words.next()?;
    let case = words.text();
    let case = match case.is_empty() {
        true => None,
        false => Some(case.parse().map_err(|error| format!("the case '{case}': {error}"))?),
    };
    let (fingerprint, count) = (words.next()?, words.next()?);
    Ok(Kind { signature, kind, message, run, case, fingerprint, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_read_as_it_was() {
        let mut tally = Tally::default();
        tally.statistics.runs = 7;
        tally.statistics.steps = u64::MAX;
        tally.statistics.struck = 3;
        tally.can_give_way = true;
        tally.orders = (0..2 * WORDS as u64 + 1).map(|order| (u64::MAX - order, (5, 2))).collect();
        tally.outcomes = BTreeSet::from([1, u64::MAX]);
        let place = Place { file: "tests/a b.rs", line: 9 };
        let name = "a\tpoint".to_owned();
        tally.points.push(Point { name, place, hits: 4, satisfied: 1 });
        let mut read = Tally::default();
        let lines = tally_lines(&tally);
        let of_orders = lines.lines().filter(|line| line.starts_with("orders\t"));
        let words: Vec<usize> = of_orders.map(|line| line.matches('\t').count()).collect();
        assert_eq!(words, [WORDS, WORDS, 1]);
        for line in lines.lines() {
            let mut words = Words::of(line.as_bytes());
            let verb = words.text();
            assert_eq!(read_tally(&mut read, &verb, &mut words), Ok(true), "{line}");
        }
        assert_eq!(format!("{read:?}"), format!("{tally:?}"));
    }
}
