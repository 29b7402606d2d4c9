//! The functions of the C library that are answered here: the linker takes these in the place of
//! those, in the whole program. A thread that is not armed gets the system's answer.
#![expect(unsafe_code, reason = "the functions have the C library's types and names")]

use std::time::Duration;

use libc::{
    CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME,
    CLOCK_REALTIME_COARSE, CLOCK_TAI, SYS_clock_gettime, SYS_getrandom, SYS_gettimeofday, c_int,
    c_uint, c_void, clockid_t, size_t, ssize_t, time_t, timespec, timeval,
};

use crate::answers::{fill, is_asked_by, monotonic, wall};

/// How many bytes `getentropy` gives at most. Source: glibc, `getentropy.c`.
const ENTROPY_MAX: usize = 256;

/// Tells whether what the program calls is what stands here: each is called, as the standard
/// library and other crates do it.
#[expect(clippy::disallowed_methods, reason = "the clocks are asked who answers")]
pub(crate) fn are_linked() -> bool {
    let mut word = [0_u8; 8];
    let bytes: *mut c_void = word.as_mut_ptr().cast();
    // The standard library looks `getrandom` up when it runs.
    // SAFETY: the name ends with a zero byte.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"getrandom".as_ptr()) };
    let own: unsafe extern "C" fn(*mut c_void, size_t, c_uint) -> ssize_t = getrandom;
    is_asked_by(std::time::Instant::now)
        && is_asked_by(std::time::SystemTime::now)
        // SAFETY: null asks for no answer but the returned one.
        && is_asked_by(|| unsafe { libc::time(std::ptr::null_mut()) })
        // SAFETY: null asks for nothing.
        && is_asked_by(|| unsafe { libc::gettimeofday(std::ptr::null_mut(), std::ptr::null_mut()) })
        // SAFETY: so many bytes may be written to.
        && is_asked_by(|| unsafe { libc::getrandom(bytes, word.len(), 0) })
        // SAFETY: so many bytes may be written to.
        && is_asked_by(|| unsafe { libc::getentropy(bytes, word.len()) })
        && found as usize == own as usize
}

fn seconds_of(time: Duration) -> time_t {
    time_t::try_from(time.as_secs()).unwrap_or(time_t::MAX)
}

/// # Safety
///
/// As that of the C library: `time` is null or may be written to.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let answer = match clock {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => wall(),
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW | CLOCK_MONOTONIC_COARSE | CLOCK_BOOTTIME => {
            monotonic()
        }
        // Processor time and devices.
        _ => None,
    };
    match answer {
        Some(answer) if !time.is_null() => {
            let tv_nsec = answer.subsec_nanos().into();
            // SAFETY: the caller lets it be written, and it is not null.
            unsafe { time.write(timespec { tv_sec: seconds_of(answer), tv_nsec }) };
            0
        }
        // SAFETY: the system checks its arguments. Not the C library's function, which a program
        // that is linked statically does not have any more.
        _ => unsafe { libc::syscall(SYS_clock_gettime, clock, time) as c_int },
    }
}

/// # Safety
///
/// As that of the C library: both are null or may be written to.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn gettimeofday(time: *mut timeval, zone: *mut c_void) -> c_int {
    match wall() {
        Some(answer) if !time.is_null() => {
            let tv_usec = answer.subsec_micros().into();
            // SAFETY: the caller lets it be written, and it is not null.
            unsafe { time.write(timeval { tv_sec: seconds_of(answer), tv_usec }) };
            0
        }
        // SAFETY: the system checks its arguments.
        _ => unsafe { libc::syscall(SYS_gettimeofday, time, zone) as c_int },
    }
}

/// # Safety
///
/// As that of the C library: `time` is null or may be written to.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn time(time: *mut time_t) -> time_t {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` may be written to.
    unsafe { clock_gettime(CLOCK_REALTIME, &raw mut now) };
    if !time.is_null() {
        // SAFETY: the caller lets it be written, and it is not null.
        unsafe { time.write(now.tv_sec) };
    }
    now.tv_sec
}

/// # Safety
///
/// As that of the C library: `length` bytes may be written to from `bytes` on.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getrandom(
    bytes: *mut c_void,
    length: size_t,
    flags: c_uint,
) -> ssize_t {
    // SAFETY: the caller's promise is the same.
    match unsafe { fill_raw(bytes, length) } {
        true => length.cast_signed(),
        // SAFETY: the system checks its arguments.
        false => unsafe { libc::syscall(SYS_getrandom, bytes, length, flags) as ssize_t },
    }
}

/// # Safety
///
/// As that of the C library: `length` bytes may be written to from `bytes` on.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getentropy(bytes: *mut c_void, length: size_t) -> c_int {
    if length > ENTROPY_MAX {
        // SAFETY: it is this thread's own.
        unsafe { *libc::__errno_location() = libc::EIO };
        return -1;
    }
    // SAFETY: the caller's promise is the same.
    if unsafe { fill_raw(bytes, length) } {
        return 0;
    }
    // SAFETY: the system checks its arguments; so many bytes come at once.
    let got = unsafe { libc::syscall(SYS_getrandom, bytes, length, 0 as c_uint) };
    if usize::try_from(got) == Ok(length) { 0 } else { -1 }
}

/// Fills memory with random numbers, if this thread is armed.
///
/// # Safety
///
/// `length` bytes may be written to from `bytes` on.
unsafe fn fill_raw(bytes: *mut c_void, length: size_t) -> bool {
    let mut word = [0; 64];
    let mut done = 0;
    loop {
        let part = word.len().min(length - done);
        if !fill(&mut word[..part]) {
            return false;
        }
        if part == 0 {
            return true;
        }
        // SAFETY: it is within the `length` bytes that may be written to. What stood there may be
        // uninitialised, so there is no slice of it.
        unsafe { bytes.cast::<u8>().add(done).copy_from_nonoverlapping(word.as_ptr(), part) };
        done += part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entropy(length: usize) -> (c_int, Option<i32>) {
        let mut bytes = vec![0_u8; length];
        // SAFETY: so many bytes may be written to.
        let result = unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), length) };
        (result, std::io::Error::last_os_error().raw_os_error().filter(|_| result != 0))
    }

    #[test]
    fn no_more_than_256_bytes_of_entropy_come_at_once() {
        for is_armed in [false, true] {
            let ask = || {
                assert_eq!(entropy(256), (0, None), "{is_armed}");
                assert_eq!(entropy(257), (-1, Some(libc::EIO)), "{is_armed}");
            };
            if is_armed { crate::on_own_thread(ask) } else { ask() }
        }
    }
}
