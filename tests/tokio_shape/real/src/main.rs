//! Runs the programs with tokio itself, on its virtual clock, with sockets on the loopback device
//! and files in a folder that is empty at first.

#[path = "../../fs_programs.rs"]
mod fs_programs;
#[path = "../../net_programs.rs"]
mod net_programs;
#[path = "../../programs.rs"]
mod programs;

use std::cell::Cell;
use std::sync::mpsc;

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

thread_local! {
    static STALLED: Cell<Option<mpsc::Sender<()>>> = const { Cell::new(None) };
}

/// Lets what is given to the one thread that does the work of files wait there from now on.
fn stall() {
    let keep = STALLED.take();
    STALLED.set(keep.or_else(|| {
        let (keep, end) = mpsc::channel();
        tokio::task::spawn_blocking(move || end.recv());
        Some(keep)
    }));
}

/// Lets what was given to it until now go on.
fn go_on() {
    STALLED.set(None);
    stall();
}

/// Waits until that thread has nothing to do.
async fn rest() {
    STALLED.set(None);
    tokio::task::spawn_blocking(|| ()).await.expect("it does nothing");
}

fn main() {
    std::panic::set_hook(Box::new(|_| ()));
    let folder = std::env::temp_dir().join(format!("seedloop-real-{}", std::process::id()));
    let all = programs::PROGRAMS.iter().chain(net_programs::PROGRAMS).chain(fs_programs::PROGRAMS);
    for (name, program) in all {
        std::fs::create_dir(&folder).expect("an empty folder");
        std::env::set_current_dir(&folder).expect("to go there");
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let builder = builder.enable_all().start_paused(true).max_blocking_threads(1);
        let runtime = builder.build().expect("a runtime");
        println!("{name}:");
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            START.set(Some(Instant::now()));
            program().await;
        });
        std::fs::remove_dir_all(&folder).expect("to remove the folder");
    }
}
