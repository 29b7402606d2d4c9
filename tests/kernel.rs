//! What asyncio has no counterpart of: tasks that wait on several things or on foreign ones, drops,
//! panics and misuse.

mod awaits;
mod contexts;
mod deadlock;
mod destructors;
mod drops;
mod elsewhere;
mod flow;
mod foreign;
mod generators;
mod group_cancels;
mod limits;
mod loops;
mod misuse;
mod moves;
mod panics;
mod reports;
mod runs;
mod several;
mod simulation;
mod stale;
mod texts;
mod timers;
