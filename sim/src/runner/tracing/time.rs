//! The virtual clock, for layers of others.

use std::fmt;

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use super::At;

/// The timestamps of a simulation for [`tracing_subscriber::fmt`](mod@tracing_subscriber::fmt): the
/// virtual time, host, task and step, as [`At`] shows them. Outside of a simulation they are empty.
///
/// ```
/// use seedloop::tracing::VirtualTime;
///
/// let subscriber = tracing_subscriber::fmt().with_timer(VirtualTime).with_test_writer().finish();
/// # let _ = subscriber;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is its own value")]
pub struct VirtualTime;

impl FormatTime for VirtualTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        At::current().map_or(Ok(()), |at| write!(writer, "{at}"))
    }
}
