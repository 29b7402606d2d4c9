//! What the program logged, for those who look at a recorded run.

use super::core::Core;
use crate::base::{Event, LogEntry, Place, Record};

impl Core {
    /// Keeps what was logged, if someone will look. It is in no fingerprint.
    pub(crate) fn log(&mut self, entry: LogEntry, place: Option<Place>) {
        let by = self.source();
        let session = &mut self.session;
        let (step, time) = (session.step, session.now);
        session.recorder.keep_logged(entry, session.limits.lines, |entry| {
            let event = Event::Logged { entry, by };
            Record { step, time, event, place }
        });
    }
}
