//! The simulated outside: pools whose jobs are ordinary code.

pub mod blocking;
mod compute;
mod cpu;
mod default_pool;
mod delay;
mod executor;
mod job;
mod machine;
mod pool;
mod pool_core;
mod strand;

pub use compute::{cores, set_cores};
pub use executor::{Executor, ToThread, run_in_executor, to_thread};
pub use job::PoolFuture;
pub use pool::{Pool, ProcessPool, ThreadPool, ThreadPoolBuilder};
