//! `tokio::sync::watch`: a channel for the latest value.

pub use crate::sync::watch::{Receiver, Ref, Sender, channel};

/// Its errors.
pub mod error {
    pub use crate::sync::watch::{RecvError, SendError};
}
