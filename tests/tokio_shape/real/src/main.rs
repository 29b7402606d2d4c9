//! Runs the programs with tokio itself, on its virtual clock, with sockets on the loopback device
//! and files in a folder that is empty at first.

#[path = "../../fs_programs.rs"]
mod fs_programs;
#[path = "../../net_programs.rs"]
mod net_programs;
#[path = "../../programs.rs"]
mod programs;

use std::cell::Cell;

use ::tokio;
use tokio::time::Instant;

macro_rules! say {
    ($($arg:tt)*) => {{
        let text = format!($($arg)*);
        println!("{} {text}", $crate::milliseconds())
    }};
}
use say;

thread_local! {
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn milliseconds() -> u128 {
    START.get().expect("a start").elapsed().as_millis()
}

fn main() {
    std::panic::set_hook(Box::new(|_| ()));
    let folder = std::env::temp_dir().join(format!("seedloop-real-{}", std::process::id()));
    let all = programs::PROGRAMS.iter().chain(net_programs::PROGRAMS).chain(fs_programs::PROGRAMS);
    for (name, program) in all {
        std::fs::create_dir(&folder).expect("an empty folder");
        std::env::set_current_dir(&folder).expect("to go there");
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().expect("a runtime");
        println!("{name}:");
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            START.set(Some(Instant::now()));
            program().await;
        });
        std::fs::remove_dir_all(&folder).expect("to remove the folder");
    }
}
