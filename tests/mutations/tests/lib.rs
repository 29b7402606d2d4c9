//! The tests that mutations are put to, under the paths that they have among all tests.

#![cfg(test)]
#![expect(dead_code, reason = "some helpers are for tests that are not here")]

#[path = "../../kernel"]
mod kernel {
    mod awaits;
    mod contexts;
    mod generators;
    mod reports;
    mod runs;
    mod texts;
    mod timers;
}

#[path = "../../ported"]
mod ported {
    mod check;
    mod event_loop;
    mod executors;
    mod futures;
    mod gather;
    mod generators;
    mod loops;
    mod runners;
    mod taskgroups;
    mod taskgroups_failing;
    mod tasks;
    mod threads;
    mod timeouts;
}

#[path = "../../surprises"]
mod surprises {
    pub(crate) mod helpers;
}

#[path = "../../sync"]
mod sync {
    mod check;
    mod drops;
    mod ported_barrier;
    mod shutdowns;
    mod twins_queues;
}
