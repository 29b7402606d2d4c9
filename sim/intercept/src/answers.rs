//! What the armed thread is told.
//!
//! All state is plain words in a `const` thread-local without a destructor: the system's functions
//! are called from anywhere, also while a thread begins or ends, and a panic in them aborts.

use std::cell::Cell;
use std::io::Write;
use std::mem;
use std::time::{Duration, SystemTime};

use seedloop::explore::take_entropy;
use seedloop::host::try_clocks;

/// What the monotonic clock shows when the simulation begins: such that the program may subtract
/// some days from it.
const UPTIME: Duration = Duration::from_secs(1_000_000);

/// So often the clock may be read at one moment without showing another time.
const READS_FREE: u64 = 1_000;

/// From then on each reading takes so long, so that a loop which waits for real time ends.
const CREEP: Duration = Duration::from_micros(1);

/// A loop that goes on for so many readings waits for what will never be.
const READS_MAX: u64 = 2_000_000;

#[derive(Clone, Copy)]
struct State {
    is_armed: bool,
    /// How often something was asked on this thread, also when it was not armed.
    asked: u64,
    /// How far the clock had come when the simulation that runs began.
    before: Duration,
    /// The virtual time of the last reading, and how often it was read since it moved.
    moment: Duration,
    reads: u64,
    /// How far the clock is ahead of virtual time, because it was read too often.
    ahead: Duration,
    /// What the clock of the host said at that moment.
    wall: Duration,
    /// Where the random numbers are.
    random: u64,
}

impl State {
    const UNARMED: Self = State {
        is_armed: false,
        asked: 0,
        before: Duration::ZERO,
        moment: Duration::ZERO,
        reads: 0,
        ahead: Duration::ZERO,
        wall: Duration::ZERO,
        random: 0,
    };
}

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State::UNARMED) };
}

/// Answers this thread for as long as it lives.
pub(crate) struct Armed {}

impl Armed {
    pub(crate) fn new() -> Self {
        let before = STATE.replace(State { is_armed: true, ..State::UNARMED });
        assert!(!before.is_armed, "this thread is intercepted already");
        Armed {}
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        STATE.set(State::UNARMED);
    }
}

/// Changes the state of an armed thread; none for all others.
fn with_armed<R>(change: impl FnOnce(&mut State) -> R) -> Option<R> {
    STATE
        .try_with(|cell| {
            let mut state = cell.get();
            state.asked = state.asked.wrapping_add(1);
            let result = state.is_armed.then(|| change(&mut state));
            cell.set(state);
            result
        })
        .ok()?
}

/// Tells whether a call asks here.
pub(crate) fn is_asked_by<R>(call: impl FnOnce() -> R) -> bool {
    let asked = || STATE.try_with(|cell| cell.get().asked).unwrap_or_default();
    let before = asked();
    std::hint::black_box(call());
    asked() != before
}

/// Reads the clock that only goes on.
pub(crate) fn monotonic() -> Option<Duration> {
    read_clock(|state| UPTIME + state.before + state.moment + state.ahead)
}

/// Reads the clock of the host, since 1970.
pub(crate) fn wall() -> Option<Duration> {
    read_clock(|state| state.wall + state.ahead)
}

fn read_clock(shown: impl FnOnce(&State) -> Duration) -> Option<Duration> {
    with_armed(|_| ())?;
    // Outside of the run, and in the middle of the loop's own work, it shows what it last showed.
    let clocks = try_clocks();
    with_armed(|state| {
        if let Some((now, wall)) = clocks {
            state.move_to(now.since_start(), wall);
        }
        state.count();
        shown(state)
    })
}

impl State {
    fn move_to(&mut self, moment: Duration, wall: SystemTime) {
        if moment > self.moment {
            // Virtual time makes up for what the clock was ahead.
            self.ahead = self.ahead.saturating_sub(moment - self.moment);
            self.reads = 0;
        }
        if moment < self.moment {
            // Another simulation has begun on the thread: its time is behind that of the last one.
            self.before += self.moment + mem::take(&mut self.ahead);
            self.reads = 0;
        }
        self.moment = moment;
        self.wall = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    }

    fn count(&mut self) {
        self.reads += 1;
        if self.reads > READS_FREE {
            self.ahead += CREEP;
        }
        if self.reads > READS_MAX {
            abort();
        }
    }
}

/// Not a panic: the caller may be any function of the system.
#[expect(clippy::disallowed_methods, reason = "nothing could unwind from here")]
fn abort() -> ! {
    drop(writeln!(
        std::io::stderr(),
        "seedloop-intercept: the clock was read {READS_MAX} times without virtual time moving on: \
         something waits for real time in a loop; let it await a `sleep`"
    ));
    std::process::abort();
}

/// Fills `bytes` with random numbers; tells whether this thread is armed.
pub(crate) fn fill(bytes: &mut [u8]) -> bool {
    if with_armed(|_| ()).is_none() {
        return false;
    }
    let entropy = take_entropy();
    with_armed(|state| {
        if let Some(entropy) = entropy {
            // It is less than 2^16: what two such numbers begin is 2^48 draws apart, at least. Runs
            // that have chosen the same one draw the same.
            state.random = u64::from(entropy) << 48;
        }
        for chunk in bytes.chunks_mut(8) {
            let word = next_random(&mut state.random).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    })
    .is_some()
}

/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014),
/// SplitMix64.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::is_asked_by;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is what asks")]
    fn who_asks_is_noticed() {
        assert!(is_asked_by(std::time::Instant::now));
        assert!(is_asked_by(std::time::SystemTime::now));
        // The kernel shows the time as well, and nobody asks here.
        assert!(!is_asked_by(|| std::fs::read("/proc/uptime")));
    }
}
