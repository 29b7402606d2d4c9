//! One process, one sample.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::Result;
use crate::build::Program;
use crate::instructions::number_after;
use crate::workloads::Size;

/// What a participant said of itself.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub cpu_ns: u64,
    pub events: u64,
    pub before_kib: u64,
    pub peak_kib: u64,
}

impl Sample {
    pub fn ns_per_event(&self) -> f64 {
        self.cpu_ns as f64 / self.events.max(1) as f64
    }
}

/// Runs a workload in a process of its own, on one core.
///
/// # Errors
///
/// When it fails, with what it printed.
pub fn run(program: &Program, workload: &str, size: Size) -> Result<Sample> {
    let mut command = match pinned() {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", core]).arg(&program.path);
            command
        }
        None => Command::new(&program.path),
    };
    command.args(&program.first).args(arguments(workload, size)).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let number = |name: &str| number_after(&said, &format!("{name}="));
    let sample = || {
        Some(Sample {
            cpu_ns: number("cpu_ns")?,
            events: number("events")?,
            before_kib: number("before_kib")?,
            peak_kib: number("peak_kib")?,
        })
    };
    let failed = || {
        let told = String::from_utf8_lossy(&output.stderr);
        format!("{command:?} failed: {}", told.lines().last().unwrap_or("without a word"))
    };
    sample().filter(|_| output.status.success()).ok_or_else(failed)
}

/// The arguments of a participant.
pub fn arguments(workload: &str, (first, second): Size) -> [String; 3] {
    [workload.to_owned(), first.to_string(), second.to_string()]
}

/// The core on which all samples run, the last one, where a process can be told so.
fn pinned() -> Option<&'static str> {
    static CORE: OnceLock<Option<String>> = OnceLock::new();
    let found = CORE.get_or_init(|| {
        let cores = std::thread::available_parallelism().ok()?.get();
        let core = (cores - 1).to_string();
        let mut probe = Command::new("taskset");
        probe.args(["--cpu-list", &core, "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success()).then_some(core)
    });
    found.as_deref()
}
