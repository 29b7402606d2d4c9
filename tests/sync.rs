//! Locks, events, conditions, semaphores, barriers, queues and channels, against CPython 3.13.0.

mod channels;
mod check;
mod drops;
mod ported_barrier;
mod ported_condition;
mod ported_locks;
mod ported_queues;
mod shutdowns;
mod twins_barriers;
mod twins_locks;
mod twins_queues;
