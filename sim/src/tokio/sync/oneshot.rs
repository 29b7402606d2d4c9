//! `tokio::sync::oneshot`: a channel for one value.

pub use crate::sync::oneshot::{Receiver, Sender, channel};

/// Its errors.
pub mod error {
    pub use crate::sync::oneshot::{RecvError, TryRecvError};
}
