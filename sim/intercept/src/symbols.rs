//! The functions of the C library that are answered here: the linker takes these in the place of
//! those, in the whole program. A thread that is not armed gets the system's answer.
#![expect(unsafe_code, reason = "the functions have the C library's types and names")]

use std::time::Duration;

use libc::{
    CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME,
    CLOCK_REALTIME_COARSE, CLOCK_TAI, SYS_clock_gettime, SYS_getrandom, SYS_gettimeofday, c_int,
    c_uint, c_void, clockid_t, size_t, ssize_t, time_t, timespec, timeval,
};

use crate::answers::{fill, monotonic, wall};

/// Tells whether what the program calls is what stands here.
pub(crate) fn are_linked() -> bool {
    let called: unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int = libc::clock_gettime;
    let own: unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int = clock_gettime;
    std::hint::black_box(called as usize) == std::hint::black_box(own as usize)
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
    // SAFETY: the caller's promise is the same.
    if unsafe { fill_raw(bytes, length) } {
        return 0;
    }
    // SAFETY: the system checks its arguments; up to 256 bytes come at once.
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
