//! Runs in processes of their own: a worker makes them, a crew hands them out, and a run that ends
//! its process costs nothing but itself.

mod channel;
mod counted;
mod crew;
mod hand;
mod known;
mod line;
mod lost;
mod program;
mod worker;

pub use crew::{Crew, Explored, Failed, Taken};
pub use program::{test_arguments, this_program};
pub use worker::{WORKER, Workshop, decline, is_worker, serve};
