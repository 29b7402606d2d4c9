//! What was asked for on the command line.

use std::env;

use crate::Result;

/// A command and its options, each of which takes a value.
pub struct Arguments {
    command: String,
    options: Vec<(String, String)>,
}

const KNOWN: [&str; 4] = ["--rounds", "--only", "--with", "--update"];

impl Arguments {
    pub fn read() -> Result<Self> {
        let mut given = env::args().skip(1);
        let command = given.next().unwrap_or_default();
        let mut options = Vec::new();
        while let Some(name) = given.next() {
            if !KNOWN.contains(&name.as_str()) {
                return Err(format!("'{name}' is none of {}", KNOWN.join(", ")));
            }
            let value = given.next().ok_or_else(|| format!("{name} takes a value"))?;
            options.push((name, value));
        }
        Ok(Arguments { command, options })
    }

    pub fn command(&self) -> &str {
        &self.command
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let named = self.options.iter().find(|(given, _)| given == name);
        named.map(|(_, value)| value.as_str())
    }

    pub fn rounds(&self) -> Result<usize> {
        let text = self.get("--rounds").unwrap_or("5");
        let rounds = text.parse().ok().filter(|rounds| *rounds > 0);
        rounds.ok_or_else(|| format!("--rounds takes a number from 1, not '{text}'"))
    }

    /// Whether a list of names asks for `name`; without the option all are asked for.
    pub fn asks_for(&self, option: &str, name: &str) -> bool {
        self.get(option).is_none_or(|names| names.split(',').any(|asked| asked == name))
    }
}
