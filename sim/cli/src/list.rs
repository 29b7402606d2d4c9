//! The command `list`.

use std::io;

use unicode_width::UnicodeWidthStr;

use crate::output::Output;
use crate::scenario::Scenario;
use crate::status::Status;

/// Prints the table: name, section, summary.
pub(crate) fn list(scenarios: &[Scenario], output: &mut Output<'_>) -> io::Result<Status> {
    let widest = |column: fn(&Scenario) -> &'static str| {
        scenarios.iter().map(|scenario| column(scenario).width()).max().unwrap_or(0)
    };
    let name_cells = widest(|scenario| scenario.name);
    let section_cells = widest(|scenario| scenario.section);
    for Scenario { name, section, summary, .. } in scenarios {
        // Formatting pads by characters, of which some take two cells.
        let name_gap = name_cells - name.width() + 2;
        let section_gap = section_cells - section.width() + 2;
        let line = format!("{name}{:name_gap$}{section}{:section_gap$}{summary}", "", "");
        writeln!(output, "{}", line.trim_end())?;
    }
    Ok(Status::Success)
}
