//! Runs the programs with tokio itself, on its virtual clock.

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
    for (name, program) in programs::PROGRAMS {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().expect("a runtime");
        println!("{name}:");
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            START.set(Some(Instant::now()));
            program().await;
        });
    }
}
