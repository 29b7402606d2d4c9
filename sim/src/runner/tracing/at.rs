//! Where in a run something is logged.

use std::fmt;

use crate::base::Instant;
use crate::event_loop::{Core, try_with_idle};
use crate::world::host;

/// Where in a simulation something is logged, or a span begins.
///
/// [`Layer`](super::Layer) puts it among the extensions of each span that begins in a simulation,
/// where other layers find it: `span.extensions().get::<At>()`. Shown it is
/// `1.5s server/worker #42`: the virtual time, the host unless it is that of the test itself, what
/// runs, and the step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct At {
    /// The virtual time.
    pub time: Instant,
    /// The name of the host; `main` is that of the test itself.
    pub host: String,
    /// The name of the task, or what else runs: `a callback`, `job #1 of pool 'disk'`.
    pub task: String,
    /// How many steps had been started.
    pub step: u64,
}

impl At {
    /// Where the running code stands; `None` outside of a simulation.
    pub fn current() -> Option<At> {
        // In the middle of the loop's own work nothing of the program runs.
        let (time, step, task) = try_with_idle(|core| {
            let session = &core.session;
            session.active.then(|| (session.now, session.step, who(core)))
        })??;
        Some(At { time, host: host::current().name(), task, step })
    }
}

/// Who runs.
fn who(core: &Core) -> String {
    match core.tasks.get(core.step.task) {
        Some(task) if core.current_number() > 0 => task.name(),
        _ => core.current_name(),
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let At { time, host, task, step } = self;
        match host.as_str() {
            "main" => write!(f, "{time} {task} #{step}"),
            _ => write!(f, "{time} {host}/{task} #{step}"),
        }
    }
}
