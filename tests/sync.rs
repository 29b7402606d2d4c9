//! Locks, events, conditions, semaphores, barriers, queues and channels, against CPython 3.13.0.

mod check;
mod twins_locks;
mod twins_queues;
