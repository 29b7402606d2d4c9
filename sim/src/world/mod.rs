//! The simulated outside: pools whose jobs are ordinary code, a network and a disk.

pub mod blocking;
mod clock;
mod compute;
mod cpu;
mod crashes;
mod default_pool;
mod delay;
mod executor;
mod fault;
pub mod fs;
mod heal;
pub mod host;
mod inside;
mod job;
mod machine;
pub mod net;
mod operation;
mod pool;
mod pool_core;
mod scope;
mod strand;

pub use compute::{cores, set_cores};
pub(crate) use executor::submit_default;
pub use executor::{Executor, ToThread, run_in_executor, to_thread};
pub use fault::{Ratio, strikes};
pub use job::PoolFuture;
pub use pool::{Pool, ProcessPool, ThreadPool, ThreadPoolBuilder};
