//! What must hold whatever a program does: small random programs, in asyncio's order and in any
//! other, whose tasks are cancelled, aborted and dropped at random moments.
//!
//! Each file is about one primitive. It holds a model beside the primitive, which is asked after
//! every operation, at every moment at which nothing can run, and at the end.

mod barriers;
mod channels;
mod check;
mod children;
mod completions;
mod conditions;
mod events;
mod gathers;
mod generators;
mod groups;
mod jobs;
mod locks;
mod permits;
mod queues;
mod rw_locks;
mod scenario;
mod shields;
mod signals;
mod timeouts;
mod waits;
