//! `tokio::sync::broadcast`: a channel whose values go to every receiver.

pub use crate::sync::broadcast::{Receiver, Sender, channel};

/// Its errors.
pub mod error {
    pub use crate::sync::broadcast::{RecvError, SendError, TryRecvError};
}
