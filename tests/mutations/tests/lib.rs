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
}

#[path = "../../ported"]
mod ported {
    mod check;
    mod coroutines;
    mod executors;
    mod generators;
    mod loops;
}

#[path = "../../surprises"]
mod surprises {
    pub(crate) mod helpers;
}

#[path = "../../sync"]
mod sync {
    mod check;
    mod shutdowns;
}
