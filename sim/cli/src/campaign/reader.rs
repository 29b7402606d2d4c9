//! Reads the files of campaigns.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use super::lines::{FORMAT, FormatOf, Header, MergedLine, TypeOf};
use super::record::Record;
use super::sum;
use super::wrong::Wrong;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What is told of each shard, and at which line that begins.
    pub(super) records: Vec<(Record, u64)>,
    /// How many shards a merged file says that it holds; none for the file of a shard.
    pub(super) merged: Option<u64>,
    /// The bytes of its whole lines. Behind them may be what was being written when the process
    /// was killed.
    pub(super) whole: u64,
    /// The last line says that the shard is done.
    pub(super) is_ended: bool,
}

/// Opens and reads a file.
pub(super) fn read_file(path: &Path) -> Result<Contents, Wrong> {
    let cannot = |error| Wrong::usage(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(cannot)?;
    read(&path.display().to_string(), BufReader::new(file))
}

/// Reads what a file says of itself in its first line; none if it was only just begun.
pub(super) fn read_header(path: &Path) -> Result<Option<Header>, Wrong> {
    let cannot = |error| Wrong::usage(format!("cannot read {}: {error}", path.display()));
    let mut line = Vec::new();
    let mut file = BufReader::new(File::open(path).map_err(cannot)?);
    file.read_until(b'\n', &mut line).map_err(cannot)?;
    let mut contents = Contents::default();
    let Some((b'\n', text)) = line.split_last() else { return Ok(None) };
    contents.add_line(&path.display(), text, 1)?;
    Ok(contents.records.pop().map(|(record, _)| record.header))
}

/// Reads a file that is called so in errors.
pub(super) fn read(name: &str, mut input: impl BufRead) -> Result<Contents, Wrong> {
    let mut contents = Contents::default();
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        match input.read_until(b'\n', &mut line) {
            Ok(_) => {}
            Err(error) => return Err(Wrong::usage(format!("cannot read {name}: {error}"))),
        }
        let Some((b'\n', text)) = line.split_last() else { break };
        contents.add_line(&name, text, number)?;
        contents.whole += line.len() as u64;
    }
    // What was being written is a part of one line.
    if sum::goes_on(&line) {
        let wrong = format!("{name}:{number}: damaged: no line feed stands behind it");
        return Err(Wrong::usage(wrong).tip(&contents.way_out(number)));
    }
    match contents.merged {
        Some(pieces) if pieces != contents.records.len() as u64 || !line.is_empty() => {
            let found = contents.records.len();
            Err(Wrong::usage(format!(
                "{name} is cut off: it holds {found} of {pieces} shards\n  tip: merge them anew"
            )))
        }
        _ => Ok(contents),
    }
}

impl Contents {
    /// What to do with a file in which this line is damaged.
    fn way_out(&self, number: u64) -> String {
        match (self.merged, self.records.is_empty()) {
            (Some(_), _) => "merge anew what it was merged from".to_owned(),
            (None, true) => "if it is a shard, remove it, and run the shard anew".to_owned(),
            (None, false) => {
                let good = number - 1;
                format!(
                    "keep the lines before it ('head -n {good}'), and start the same again: \
                     what they do not tell is run anew"
                )
            }
        }
    }

    /// Adds what a line says of a file that is called so.
    fn add_line(&mut self, name: &dyn Display, text: &[u8], number: u64) -> Result<(), Wrong> {
        let wrong = |what: String| Wrong::usage(format!("{name}:{number}: {what}"));
        // Another version may have another checksum, or none.
        if parse::<FormatOf>(text).is_ok_and(|of| of.format != FORMAT) {
            self.check_format(text).map_err(wrong)?;
        }
        sum::check(text).map_err(|how| wrong(how).tip(&self.way_out(number)))?;
        self.add(text, number).map_err(wrong)
    }

    fn add(&mut self, text: &[u8], number: u64) -> Result<(), String> {
        let TypeOf { name } = parse(text)?;
        let is_first = self.merged.is_none() && self.records.is_empty();
        match (name.as_str(), &mut self.records.last_mut()) {
            ("merged", _) if is_first => {
                self.check_format(text)?;
                let MergedLine { pieces, .. } = parse(text)?;
                self.merged = Some(pieces);
            }
            ("header", _) if is_first || self.merged.is_some() => {
                self.check_format(text)?;
                let header: Header = parse(text)?;
                check_header(&header)?;
                self.records.push((Record::new(header), number));
                self.is_ended = false;
            }
            ("merged" | "header", _) => return Err(format!("a second line of type '{name}'")),
            (_, None) if self.merged.is_none() => {
                return Err("no header comes first, so this is no file of a campaign".to_owned());
            }
            ("failure" | "progress" | "done", Some(_)) if self.is_ended => {
                return Err(format!("'{name}' behind 'done'"));
            }
            ("failure", Some((record, _))) => record.add_failure(parse(text)?)?,
            ("progress", Some((record, _))) => record.add_progress(parse(text)?)?,
            ("done", Some((record, _))) => {
                if !record.is_done() {
                    let (next, to) = (record.next, record.header.shard.to);
                    return Err(format!("'done' at seed {next}, before {to}"));
                }
                self.is_ended = true;
            }
            ("failure" | "progress" | "done", None) => {
                return Err(format!("'{name}' before a header"));
            }
            // A later tool may say more.
            _ => {}
        }
        Ok(())
    }

    fn check_format(&self, text: &[u8]) -> Result<(), String> {
        let FormatOf { format, tool } = parse(text)?;
        let by = if tool.is_empty() { String::new() } else { format!(" by {tool}") };
        match format {
            FORMAT => Ok(()),
            _ => Err(format!("written{by} in format {format}, and this tool reads {FORMAT}")),
        }
    }
}

fn parse<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| {
        // The line that it names is always the first, and misleads.
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        format!("damaged at column {}: {what}", error.column())
    })
}

fn check_header(header: &Header) -> Result<(), String> {
    let (campaign, shard) = (header.campaign, header.shard);
    let is_within = campaign.from <= shard.from && shard.to <= campaign.to;
    match is_within && shard.from < shard.to && shard.index < shard.count {
        true => Ok(()),
        false => Err(format!(
            "{shard} with seeds {}..{} can't be of a campaign of {campaign}",
            shard.from, shard.to
        )),
    }
}
