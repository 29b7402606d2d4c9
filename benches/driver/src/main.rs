//! The benchmarks' one command: `just bench` prints what it can do.

mod arguments;
mod build;
mod compare;
mod gate;
mod growth;
mod instructions;
mod jobs;
mod participants;
mod sample;
mod scale;
mod table;
mod workloads;

use std::process::ExitCode;

use arguments::Arguments;

/// What went wrong, for people.
type Result<T> = std::result::Result<T, String>;

const USAGE: &str = "\
usage: just bench <command>

  compare       all participants interleaved: CPU time per event, ratios to the floor, their spread
                [--rounds 5] [--only W1,W2] [--with floor,seedloop,tokio]
  scale         growth of W2 from 10 to 100,000 tasks and of W4 from 10 to 1,000,000 timers
                [--rounds 5] [--with ..]
  instructions  instructions per event, by callgrind [--only ..] [--with floor,floor-radix,seedloop]
  gate          the library's instructions against benches/instructions.txt, within 3 %
                [--update \"reason\"]
  growth        a growth table for every primitive
  million       a million tasks with timers, queues and cancels in one simulation
  exploring     strategies, shrinking, rechecks and cancels, in seeds a second
  jobs          an exploration by a crew of 1, 2 .. processes, up to the cores, against as many
                processes with a part each [--rounds 5]
  allocations   allocations of a steady run, bytes a task
  divan         micro-benchmarks of our own hot paths
  peers         builds all peers, and says which cannot be had
";

fn main() -> ExitCode {
    let result = run();
    match result {
        Ok(code) => code,
        Err(text) => {
            eprintln!("error: {text}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments = Arguments::read()?;
    match arguments.command() {
        "compare" => compare::run(&arguments),
        "scale" => scale::run(&arguments),
        "instructions" => instructions::run(&arguments),
        "jobs" => jobs::run(&arguments),
        "gate" => return gate::run(&arguments),
        "million" | "exploring" | "allocations" => build::run_own(arguments.command()),
        "growth" => return growth::run(),
        "divan" => build::run_divan(),
        "peers" => build::all_peers(),
        _ => {
            print!("{USAGE}");
            return Ok(ExitCode::from(u8::from(!arguments.command().is_empty()) * 2));
        }
    }?;
    Ok(ExitCode::SUCCESS)
}
