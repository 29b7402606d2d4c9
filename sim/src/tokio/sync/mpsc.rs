//! `tokio::sync::mpsc`: a channel from many senders to one receiver.

pub use crate::sync::mpsc::{
    Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel,
};

/// Its errors.
pub mod error {
    pub use crate::sync::mpsc::{SendError, TryRecvError, TrySendError};
}
