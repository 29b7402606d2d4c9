//! What the program logged, for those who look at a recorded run.

#[cfg(feature = "tracing")]
use super::core::Core;
#[cfg(feature = "tracing")]
use crate::base::{Event, Place, Record};

/// Something that the program logged with `tracing`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// `"ERROR"`, `"WARN"`, `"INFO"`, `"DEBUG"` or `"TRACE"`.
    pub level: &'static str,
    /// The spans in which it was logged with their fields, the target, the message and the fields,
    /// as `tracing_subscriber::fmt` writes them: `request{id=7}: shop::db: committed rows=3`.
    pub text: String,
}

#[cfg(feature = "tracing")]
impl Core {
    /// Keeps what was logged, if someone will look. It is in no fingerprint.
    pub(crate) fn log(&mut self, entry: LogEntry, place: Option<Place>) {
        let by = self.source();
        let session = &mut self.session;
        if !session.is_recording() || session.log.len() >= session.limits.lines {
            return;
        }
        session.log.push(entry);
        let event = Event::Logged { entry: session.log.len() as u32, by };
        session.recorder.keep_placed(Record {
            step: session.step,
            time: session.now,
            event,
            place,
        });
    }
}
