//! A timeline as a trace for Perfetto, in its native form: protobuf, as far as it takes that.

mod encode;
mod moments;
mod packets;

pub(super) use packets::trace;
