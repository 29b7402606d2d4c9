//! What every participant does around a workload: it reads its arguments, takes the CPU time
//! before and after, and prints one line that the driver reads.
//!
//! ```text
//! floor W2 1000 1000
//! cpu_ns=27451103 events=1000000 before_kib=2104 peak_kib=2612
//! ```

use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Runs a workload by name with its sizes, and returns how many events it had; none if the
/// participant does not have it.
pub type Dispatch = fn(workload: &str, first: u64, second: u64) -> Option<u64>;

/// The whole of a participant's `main`.
///
/// Leaves with 2 for wrong arguments, and with 3 where the participant does not have the workload.
pub fn participant(dispatch: Dispatch) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let size = |index: usize| arguments.get(index).map_or(Ok(0), |text| text.parse::<u64>());
    let (Some(workload), Ok(first), Ok(second)) = (arguments.first(), size(1), size(2)) else {
        eprintln!("usage: <participant> <workload> <size> [<second size>]");
        return ExitCode::from(2);
    };
    let before_kib = memory_kib("VmRSS:");
    let before = cpu_ns();
    let Some(events) = dispatch(workload, first, second) else {
        eprintln!("{workload} is not a workload of this participant");
        return ExitCode::from(3);
    };
    let cpu_ns = cpu_ns() - before;
    let peak_kib = memory_kib("VmHWM:");
    println!("cpu_ns={cpu_ns} events={events} before_kib={before_kib} peak_kib={peak_kib}");
    ExitCode::SUCCESS
}

/// The CPU time of the whole process so far, user and system, in nanoseconds.
pub fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("a clock of every Linux");
    Duration::from(time).as_nanos() as u64
}

/// A line of the kernel's status of this process, in KiB: `VmHWM:` is the most memory it ever had.
pub fn memory_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
